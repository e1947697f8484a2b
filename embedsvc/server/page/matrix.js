// How similar each two texts are: a table with numbers, a table of colours, or a picture.

import { make, named, twoDigits } from "./dom.js";

const WITH_NUMBERS = 12;
const AS_TABLE = 40;

let repaint = () => {};
document.addEventListener("themechange", () => repaint());

export function showMatrix(place, texts, similarity) {
  const readout = make("p", { class: "readout note" });
  const say = (i, j) => {
    readout.textContent = cellWords(texts, similarity, i, j);
  };
  readout.textContent = "Point at a cell, or move over the cells with the arrow keys.";
  repaint = () => {};
  const shown = texts.length <= AS_TABLE
    ? makeTable(texts, similarity, say)
    : makePicture(texts, similarity, say, readout);
  place.replaceChildren(shown, readout);
}

function cellWords(texts, similarity, i, j) {
  return `${twoDigits(similarity[i][j])}: ${named(texts, i)} and ${named(texts, j)}`;
}

// 0 to 1 for the colour; what is negative gets the other colour.
const strength = (value) => Math.min(Math.abs(value), 1);

function makeTable(texts, similarity, say) {
  const withNumbers = texts.length <= WITH_NUMBERS;
  const kind = withNumbers ? "numbers" : "dense";
  const roles = { role: "grid", "aria-labelledby": "matrix-title" };
  const table = make("table", { class: `matrix ${kind}`, ...roles });
  const head = make("tr", {}, make("td"));
  texts.forEach((text, j) => {
    // Narrow columns have no room for every number.
    const shown = withNumbers || j === 0 || (j + 1) % 5 === 0 ? String(j + 1) : "";
    head.append(make("th", { scope: "col", title: text, "aria-label": String(j + 1), text: shown }));
  });
  table.append(make("thead", {}, head));
  const body = make("tbody");
  similarity.forEach((row, i) => {
    const number = make("i", { text: String(i + 1) });
    const name = make("th", { scope: "row", title: texts[i] }, number, ` ${texts[i]}`);
    const cells = row.map((value, j) => makeCell(texts, similarity, i, j, withNumbers));
    body.append(make("tr", {}, name, ...cells));
  });
  table.append(body);
  followCells(table, say);
  return make("div", { class: "scroll" }, table);
}

function makeCell(texts, similarity, i, j, withNumbers) {
  const value = similarity[i][j];
  const label = { "aria-label": cellWords(texts, similarity, i, j) };
  const cell = make("td", { tabIndex: i + j === 0 ? 0 : -1, ...label });
  cell.className = value < 0 ? "negative" : "";
  cell.style.setProperty("--v", strength(value).toFixed(3));
  if (withNumbers) cell.textContent = twoDigits(value);
  Object.assign(cell.dataset, { i, j });
  return cell;
}

const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

// One cell can be reached by Tab, the others from it by arrow keys.
function followCells(table, say) {
  const light = (event) => {
    const cell = event.target.closest("td[data-i]");
    if (cell) say(Number(cell.dataset.i), Number(cell.dataset.j));
  };
  table.addEventListener("pointerover", light);
  table.addEventListener("focusin", light);
  table.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    const cell = event.target.closest("td[data-i]");
    if (!step || !cell) return;
    event.preventDefault();
    const row = table.tBodies[0].rows[Number(cell.dataset.i) + step[0]];
    const next = row?.querySelector(`[data-j="${Number(cell.dataset.j) + step[1]}"]`);
    if (!next) return;
    cell.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
}

// A pixel a pair, for hundreds of texts.
function makePicture(texts, similarity, say, readout) {
  const n = texts.length;
  readout.setAttribute("aria-live", "polite");
  const canvas = make("canvas", { width: n, height: n });
  const cursor = make("i", { class: "cursor", hidden: true });
  const frame = make("div", {
    class: "matrix-picture", tabindex: "0", role: "application", "aria-roledescription": "matrix",
    "aria-label": `Similarity of ${n} texts; move with the arrow keys`,
  }, canvas, cursor);
  let at = [0, 0];
  const go = (i, j) => {
    at = [Math.min(Math.max(i, 0), n - 1), Math.min(Math.max(j, 0), n - 1)];
    cursor.hidden = false;
    const part = (cells) => `${(100 * cells) / n}%`;
    const place = { left: part(at[1]), top: part(at[0]), width: part(1), height: part(1) };
    Object.assign(cursor.style, place);
    say(...at);
  };
  frame.addEventListener("pointermove", (event) => {
    const box = canvas.getBoundingClientRect();
    const cell = (share) => Math.floor(share * n);
    go(cell((event.clientY - box.top) / box.height), cell((event.clientX - box.left) / box.width));
  });
  frame.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    go(at[0] + step[0], at[1] + step[1]);
  });
  repaint = () => paint(canvas, similarity);
  repaint();
  return frame;
}

function paint(canvas, similarity) {
  const n = similarity.length;
  const context = canvas.getContext("2d");
  const image = context.createImageData(n, n);
  const [paper, high, low] = ["--card", "--heat", "--cold"].map(rgbOf);
  similarity.forEach((row, i) => row.forEach((value, j) => {
    const ink = value < 0 ? low : high;
    const share = strength(value);
    const place = 4 * (i * n + j);
    for (let c = 0; c < 3; c += 1) image.data[place + c] = paper[c] + (ink[c] - paper[c]) * share;
    image.data[place + 3] = 255;
  }));
  context.putImageData(image, 0, 0);
}

// A colour of the style sheet as it is now, light or dark.
function rgbOf(name) {
  const probe = make("i");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const rgb = getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number);
  probe.remove();
  return rgb;
}
