// Search, selection, and the list of what they found.

const ITEMS_A_TIME = 100;
let listed = [];

function refresh() {
  updateLevels();
  redraw();
}

let searchable = null;
function searchTexts() {
  searchable ??= Array.from({ length: n }, (_, i) => {
    const more = data.columns.map((column) => valueIn(column, i));
    return [textOf(i), data.ids ? idOf(i) : "", ...more].join("\n").toLowerCase();
  });
  return searchable;
}

function search() {
  const wanted = byId("find").value.trim().toLowerCase();
  state.matches = null;
  if (wanted) {
    state.selected = null;
    const texts = searchTexts();
    state.matches = [];
    for (let i = 0; i < n; i++) if (!isOff(i) && texts[i].includes(wanted)) state.matches.push(i);
  }
  const found = state.matches ? state.matches.length : 0;
  byId("found").textContent = wanted ? (found ? `${numbers.format(found)} found` : "Nothing found") : "";
  byId("steps").hidden = found === 0;
  keep(-1);
  showList();
  refresh();
}

function step(by) {
  const points = state.matches || [];
  if (!points.length) return;
  const at = points.indexOf(state.current);
  const next = at < 0 ? (by > 0 ? 0 : points.length - 1) : (at + by + points.length) % points.length;
  visit(points[next]);
  byId("found").textContent = `${numbers.format(next + 1)} of ${numbers.format(points.length)}`;
}

function visit(i) {
  bringIntoSight(i);
  keep(i);
}

function select(points) {
  byId("find").value = "";
  byId("found").textContent = "";
  byId("steps").hidden = true;
  state.matches = null;
  state.selected = points.length ? points : null;
  keep(-1);
  showList();
  refresh();
  if (points.length) byId("list-head").focus({ preventScroll: true });
}

function selectInside(polygon) {
  const inside = [];
  for (let i = 0; i < n; i++) {
    if (level[i] !== HIDDEN && isInside(xOf(i), yOf(i), polygon)) inside.push(i);
  }
  select(inside);
}

// The list of what was found or selected

function showList() {
  listed = state.matches || state.selected || [];
  byId("list").hidden = !listed.length;
  if (!listed.length) return;
  byId("list-head").textContent = `${numbers.format(listed.length)} ${state.matches ? "found" : "selected"}`;
  byId("items").replaceChildren();
  addItems();
}

function addItems() {
  const items = byId("items");
  const from = items.children.length;
  for (const i of listed.slice(from, from + ITEMS_A_TIME)) {
    const item = make("button");
    item.type = "button";
    item.dataset.point = i;
    const text = make("span", "", textOf(i) || idOf(i));
    text.dir = "auto";
    item.append(text);
    const group = codes ? (codes[i] === NONE ? data.groups.none_name : data.groups.names[codes[i]]) : values ? formatValue(values[i]) : "";
    if (group) {
      const small = make("small");
      small.append(makeDot(colourOf(i)), make("bdi", "", group));
      item.append(small);
    }
    item.addEventListener("click", () => visit(i));
    item.addEventListener("pointerenter", () => hover(i));
    item.addEventListener("pointerleave", () => hover(-1));
    const row = make("li");
    row.append(item);
    items.append(row);
  }
  const left = listed.length - items.children.length;
  byId("more").hidden = left <= 0;
  byId("more").textContent = `Show ${numbers.format(Math.min(left, ITEMS_A_TIME))} more of ${numbers.format(left)}`;
}

function csvOf(points) {
  const quoted = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const colour = codes ? data.groups.name : values ? data.measure.name : null;
  const head = ["id", ...(data.texts ? [data.kind] : []), ...(colour ? [colour] : []), ...data.columns.map((column) => column.name)];
  const rows = points.map((i) => [
    idOf(i),
    ...(data.texts ? [textOf(i)] : []),
    ...(codes ? [codes[i] === NONE ? "" : data.groups.names[codes[i]]] : []),
    ...(values ? [Number.isNaN(values[i]) ? "" : String(values[i])] : []),
    ...data.columns.map((column) => valueIn(column, i)),
  ]);
  return [head, ...rows].map((row) => row.map(quoted).join(",") + "\n").join("");
}

async function copyList() {
  const text = listed.map((i) => textOf(i) || idOf(i)).join("\n");
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = make("textarea", "unseen", text); // where a page may not use the clipboard
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  byId("copy").textContent = "Copied";
  setTimeout(() => (byId("copy").textContent = "Copy"), 1500);
}

function downloadList() {
  const link = make("a");
  link.href = URL.createObjectURL(new Blob(["\ufeff", csvOf(listed)], { type: "text/csv" }));
  link.download = state.matches ? "found.csv" : "selected.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
