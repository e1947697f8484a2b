// Texts to a model: what is typed, and how what comes back is shown.

import { ask, base, hasKey } from "./api.js";
import { jsonCommand } from "./curl.js";
import { byId, count, formatNumber, make, plural, shorten, twoDigits } from "./dom.js";
import { cutAdvice, linesOf, withLines } from "./lines.js";
import { showMap } from "./map.js";
import { showMatrix } from "./matrix.js";
import { Mistake, modelOf, Task } from "./task.js";

const MANY = 200;
const MOST = 1000;
const PAIRS = 6;
const EXAMPLE = [
  "Where is my parcel?",
  "The package should have arrived on Monday",
  "My order still has not been delivered",
  "I want my money back",
  "How do I get a refund for this?",
  "You charged my card twice",
  "I cannot log in to my account",
  "The password reset link does not work",
  "The app crashes when I sign in",
  "Great service, thank you!",
];

const panel = byId("texts");
const field = byId("lines");
const truncate = panel.querySelector(".truncate");

export function startTexts() {
  const task = new Task(panel, (signal, say) => compare(task, signal, say));
  withLines(panel, field, task);
  task.adviceFor = (err) => cutAdvice(err, truncate);
  field.placeholder = EXAMPLE.slice(0, 6).join("\n");
  field.addEventListener("input", warnOfMany);
  byId("example").addEventListener("click", () => {
    field.value = EXAMPLE.join("\n");
    field.dispatchEvent(new Event("input"));
    task.start();
  });
}

function warnOfMany() {
  const n = linesOf(field).length;
  byId("example").hidden = field.value.trim() !== "";
  byId("lines-warning").textContent = n > MANY
    ? `More than ${MANY} texts take longer and are hard to see; this page takes up to ${count(MOST)}.`
    : "";
}

async function compare(task, signal, say) {
  const texts = linesOf(field).map((line) => line.text);
  if (texts.length < 2) throw new Mistake("Type at least two texts, one a line, to compare them.");
  if (texts.length > MOST) {
    const words = `Expected at most ${count(MOST)} texts, got ${count(texts.length)}.`;
    throw new Mistake(`${words} For more, use embedsvc extract and embedsvc plot.`);
  }
  const body = { model: modelOf(byId("text-model")), input: texts, map: true };
  if (truncate.checked) body.truncate = true;
  task.showCommand(jsonCommand(new URL("v1/similarity", base).href, body, hasKey()));
  say(`Comparing ${plural(texts.length, "text")}…`);
  const began = performance.now();
  const answer = await ask("v1/similarity", { body, signal });
  const seconds = (performance.now() - began) / 1000;
  task.showResults(byId("compared"));
  showCut(answer.truncated, texts);
  showMatrix(byId("matrix"), texts, answer.similarity);
  byId("pairs").replaceChildren(...closestPairs(answer.similarity).map((pair) => makePair(pair, texts)));
  showMap(byId("map"), texts, answer.map, answer.similarity);
  return `${plural(texts.length, "text")} compared in ${formatNumber(seconds, 2)} s.`;
}

function showCut(truncated, texts) {
  const note = panel.querySelector(".cut");
  const named = truncated.slice(0, 5).map((i) => `${i + 1} “${shorten(texts[i], 30)}”`);
  const more = truncated.length > 5 ? ` and ${count(truncated.length - 5)} more` : "";
  note.textContent = truncated.length
    ? `Too long, so only the beginning counts: ${named.join(", ")}${more}.`
    : "";
}

// The pairs of different texts with the highest values, as [value, i, j].
export function closestPairs(similarity, most = PAIRS) {
  let pairs = [];
  similarity.forEach((row, i) => {
    for (let j = i + 1; j < row.length; j += 1) {
      if (pairs.length < 4 * most || row[j] > pairs[most - 1][0]) pairs.push([row[j], i, j]);
    }
    if (pairs.length > 4 * most) pairs = pairs.sort((a, b) => b[0] - a[0]).slice(0, most);
  });
  return pairs.sort((a, b) => b[0] - a[0]).slice(0, most);
}

function makePair([value, i, j], texts) {
  const both = [i, j].map((at) => make("span", { text: texts[at] }));
  const words = make("span", { class: "words" }, ...both);
  return make("li", {}, make("b", { text: twoDigits(value) }), words);
}
