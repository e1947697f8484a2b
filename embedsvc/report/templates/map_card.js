// The card of a point, and small makers of elements.

const tip = byId("tip");

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function makeDot(colour) {
  const dot = make("i", "dot");
  dot.style.background = css(colour);
  return dot;
}

function plural(count, noun) {
  return `${numbers.format(count)} ${noun}${count === 1 ? "" : "s"}`;
}

function formatValue(value) {
  if (Number.isNaN(value)) return "–";
  return Number.isInteger(value) ? numbers.format(value) : String(Number(value.toPrecision(5)));
}

function factsOf(i) {
  const facts = [];
  if (codes) facts.push([data.groups.name, codes[i] === NONE ? data.groups.none_name : data.groups.names[codes[i]]]);
  if (values) facts.push([data.measure.name, formatValue(values[i])]);
  for (const column of data.columns) facts.push([column.name, valueIn(column, i)]);
  if (data.ids) facts.push(["id", idOf(i)]);
  else facts.push(["row", numbers.format(i)]);
  return facts;
}

function fillTip(i, isPinned) {
  const parts = [];
  if (isPinned) {
    const close = make("button", "close", "×");
    close.type = "button";
    close.setAttribute("aria-label", "Close");
    close.addEventListener("click", () => keep(-1));
    parts.push(close);
  }
  if (data.pictures && data.pictures[i]) {
    const picture = make("img");
    picture.src = `data:image/jpeg;base64,${data.pictures[i]}`;
    picture.alt = "";
    parts.push(picture);
  }
  if (textOf(i)) {
    const text = make("p", "", textOf(i));
    text.dir = "auto";
    parts.push(text);
  }
  const list = make("dl");
  factsOf(i).forEach(([name, value], at) => {
    const cell = make("dd");
    const isolated = make("bdi", "", value);
    if (at === 0 && (codes || values)) cell.append(makeDot(colourOf(i)));
    cell.append(isolated);
    list.append(make("dt", "", name), cell);
  });
  parts.push(list);
  const others = atSamePlace(i) - 1;
  if (others) parts.push(make("p", "here", `and ${numbers.format(others)} more at this very place`));
  tip.replaceChildren(...parts);
  tip.classList.toggle("pinned", isPinned);
  tip.scrollTop = 0;
}

function placeTip() {
  const i = state.over >= 0 ? state.over : state.current;
  tip.hidden = i < 0;
  if (i < 0) return;
  const away = radiusOf() + 10;
  const [x, y] = [xOf(i), yOf(i)];
  tip.hidden = x < -20 || y < -20 || x > view.width + 20 || y > view.height + 20;
  const { offsetWidth: width, offsetHeight: height } = tip;
  const left = x + away + width + 8 <= view.width ? x + away : x - away - width;
  tip.style.left = `${within(left, 8, Math.max(8, view.width - width - 8))}px`;
  tip.style.top = `${within(y - height / 3, 8, Math.max(8, view.height - height - 8))}px`;
}

function hover(i) {
  if (i === state.current) i = -1;
  if (i === state.over) return;
  state.over = i;
  if (i >= 0) fillTip(i, false);
  else if (state.current >= 0) fillTip(state.current, true);
  placeTip();
  paintOver();
}

function keep(i) {
  state.current = i;
  state.over = -1;
  if (i >= 0) fillTip(i, true);
  for (const item of byId("items").querySelectorAll("button")) {
    item.setAttribute("aria-current", String(Number(item.dataset.point) === i));
  }
  placeTip();
  paintOver();
}
