"use strict";
// The gallery of an anomaly report: filters, cards a page at a time, and the table of the rest.

const CARDS_A_TIME = 60;
const ROWS_A_PAGE = 100;

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("report-data").textContent);
const count = data.name.length;
const every = Array.from({ length: count }, (_, i) => i);
const numbers = new Intl.NumberFormat("en");

const state = { filter: "all", folder: "", text: "", view: 2, shown: CARDS_A_TIME, start: 0 };
let cards = []; // positions of the images found that have pictures
let rows = []; // positions of the others

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function formatScore(value) {
  if (value === null) return "–";
  const size = Math.abs(Number(value.toPrecision(4)));
  if (value === 0) return "0";
  if (size < 1e-3 || size >= 1e7) return value.toPrecision(2).replace("e+", "e");
  return size >= 1000 ? numbers.format(Math.round(value)) : value.toPrecision(4);
}

function formatP(value) {
  return value >= 0.01 ? String(Number(value.toFixed(2))) : String(Number(value.toPrecision(2)));
}

function plural(n, noun) {
  return `${numbers.format(n)} ${noun}${n === 1 ? "" : "s"}`;
}

const isMisjudged = (i) => data.label[i] !== null && data.label[i] !== data.anomalous[i];
const isDisputed = (i) => data.baseline[i] !== null && data.baseline[i] !== data.anomalous[i];
const FILTERS = {
  all: () => true,
  anomalous: (i) => data.anomalous[i] === 1,
  normal: (i) => data.anomalous[i] === 0,
  misjudged: isMisjudged,
  disputed: isDisputed,
};

function labelOf(i) {
  if (data.label[i] === null) return "";
  return data.defect[i] || (data.label[i] ? "anomalous" : "normal");
}

// Verdict, what the label says, and whether the two differ, as [text, class].
function tagsOf(i) {
  const tags = [data.anomalous[i] ? ["Anomalous", "tag alarm"] : ["Normal", "tag calm"]];
  if (isMisjudged(i)) {
    tags.push([data.anomalous[i] ? "✕ False alarm" : "✕ Missed", "tag wrong"]);
  }
  if (data.label[i] !== null) tags.push([`Label: ${labelOf(i)}`, "tag"]);
  if (isDisputed(i)) tags.push([data.baseline[i] ? "HOG: anomalous" : "HOG: normal", "tag"]);
  return tags.map(([text, className]) => make("span", className, text));
}

// 0.5 is the threshold; both halves are even, so that one extreme score does not flatten the rest.
function meterOf(i) {
  const low = Math.min(data.score[count - 1], data.threshold);
  const high = Math.max(data.score[0], data.threshold);
  const [from, to] = data.anomalous[i] ? [data.threshold, high] : [low, data.threshold];
  const share = to > from ? (data.score[i] - from) / (to - from) : 0;
  return (data.anomalous[i] ? 0.5 : 0) + Math.min(Math.max(share, 0), 1) / 2;
}

function pictureOf(i, view) {
  const views = data.pictures[i];
  return views[view] || views[0];
}

// Small pictures are shown with sharp pixels instead of a blur.
function showPicture(image, address) {
  image.onload = () => image.classList.toggle("sharp", image.naturalWidth <= 64);
  image.src = address;
}

function makeCard(i, place) {
  const card = byId("card").content.firstElementChild.cloneNode(true);
  const name = data.name[i];
  const button = card.querySelector(".open");
  card.classList.toggle("anomalous", data.anomalous[i] === 1);
  card.classList.toggle("misjudged", isMisjudged(i));
  button.setAttribute("aria-label", `Open ${name}, rank ${data.rank[i]}`);
  button.append(make("span", "rank", `#${numbers.format(data.rank[i])}`));
  button.addEventListener("click", () => openViewer(place));
  showPicture(card.querySelector("img"), pictureOf(i, state.view));
  card.querySelector(".name bdi").textContent = name.slice(name.lastIndexOf("/") + 1);
  card.querySelector(".name").title = name;
  card.querySelector(".folder bdi").textContent = data.folders[data.folder[i]];
  card.querySelector(".folder").hidden = data.folders.length < 2;
  card.querySelector(".score").textContent = formatScore(data.score[i]);
  card.querySelector(".p").textContent = `p ${formatP(data.p_value[i])}`;
  card.querySelector(".meter i").style.width = `${100 * meterOf(i)}%`;
  card.querySelector(".tags").append(...tagsOf(i));
  return card;
}

function addCards() {
  const list = byId("cards");
  const from = list.children.length;
  const next = cards.slice(from, state.shown);
  list.append(...next.map((i, offset) => makeCard(i, from + offset)));
  const left = cards.length - list.children.length;
  const more = byId("more");
  more.hidden = left === 0;
  more.textContent = `Show ${numbers.format(Math.min(left, CARDS_A_TIME))} more of ${numbers.format(left)}`;
}

function makeRow(i) {
  const row = make("tr", isMisjudged(i) ? "misjudged" : "");
  const name = make("th", "path");
  name.scope = "row";
  name.append(make("bdi", "", data.name[i]));
  row.append(make("td", "n", numbers.format(data.rank[i])), name);
  row.append(make("td", "n", formatScore(data.score[i])), make("td", "n", formatP(data.p_value[i])));
  const verdict = make("td");
  verdict.append(...tagsOf(i).slice(0, isMisjudged(i) ? 2 : 1));
  row.append(verdict);
  const body = byId("rows").dataset;
  if (body.labels === "1") row.append(make("td", "", labelOf(i) || "–"));
  if (body.baseline === "1") {
    const words = { null: "–", 0: "normal", 1: "anomalous" };
    row.append(make("td", "", words[data.baseline[i]]));
  }
  return row;
}

function showRows() {
  const page = rows.slice(state.start, state.start + ROWS_A_PAGE);
  byId("rest").hidden = rows.length === 0;
  byId("rest-title").textContent = `${plural(rows.length, "image")} without a picture on this page`;
  byId("rows").replaceChildren(...page.map(makeRow));
  const last = state.start + page.length;
  byId("span").textContent = `${numbers.format(state.start + 1)} to ${numbers.format(last)} of ${numbers.format(rows.length)}`;
  byId("before").disabled = state.start === 0;
  byId("after").disabled = last >= rows.length;
}

function inPlace(i, text) {
  const folder = state.folder === "" || data.folder[i] === Number(state.folder);
  return folder && (text === "" || data.name[i].toLowerCase().includes(text));
}

// Find, and show from the start.
function refresh() {
  const text = state.text.trim().toLowerCase();
  const placed = every.filter((i) => inPlace(i, text));
  for (const choice of document.querySelectorAll("#filter input")) {
    const n = placed.filter(FILTERS[choice.value]).length;
    choice.nextElementSibling.querySelector("b").textContent = numbers.format(n);
  }
  const found = placed.filter(FILTERS[state.filter]);
  cards = found.filter((i) => i in data.pictures);
  rows = found.filter((i) => !(i in data.pictures));
  state.shown = CARDS_A_TIME;
  state.start = 0;
  byId("found").textContent =
    found.length === count ? "" : found.length ? `${plural(found.length, "image")} found` : "No image matches.";
  byId("cards").replaceChildren();
  addCards();
  showRows();
}

function changeView(view) {
  state.view = view;
  for (const [place, card] of [...byId("cards").children].entries()) {
    showPicture(card.querySelector("img"), pictureOf(cards[place], view));
  }
}

function listen() {
  for (const choice of document.querySelectorAll("#filter input")) {
    choice.addEventListener("change", () => {
      state.filter = choice.value;
      refresh();
    });
  }
  for (const choice of document.querySelectorAll("#view input")) {
    choice.addEventListener("change", () => changeView(Number(choice.value)));
  }
  byId("folder")?.addEventListener("change", (event) => {
    state.folder = event.target.value;
    refresh();
  });
  byId("search").addEventListener("input", (event) => {
    state.text = event.target.value;
    refresh();
  });
  byId("more").addEventListener("click", () => {
    const from = byId("cards").children.length;
    state.shown += CARDS_A_TIME;
    addCards();
    byId("cards").children[from].querySelector(".open").focus({ preventScroll: true });
  });
  for (const [id, step] of [["before", -ROWS_A_PAGE], ["after", ROWS_A_PAGE]]) {
    byId(id).addEventListener("click", () => {
      state.start += step;
      showRows();
      byId("rest").scrollIntoView({ block: "start" });
    });
  }
  addEventListener("beforeprint", () => {
    for (const image of document.querySelectorAll("#cards img")) image.loading = "eager";
  });
  document.addEventListener("keydown", (event) => {
    const writes = event.target.matches("input[type=search], select");
    const choice = document.querySelector(`#view input[value="${Number(event.key) - 1}"]`);
    if (!choice || writes || event.ctrlKey || event.metaKey || event.altKey) return;
    choice.checked = true;
    changeView(Number(choice.value));
  });
}

if (byId("cards")) {
  // A browser may remember choices from before a reload; the page starts afresh.
  for (const choice of document.querySelectorAll(".tools input[type=radio]")) {
    choice.checked = choice.defaultChecked;
  }
  byId("search").value = "";
  if (byId("folder")) byId("folder").value = "";
  listen();
  refresh();
}
