// Texts to a classifier: which labels apply, and how probable each is.

import { ask, base, hasKey } from "./api.js";
import { jsonCommand } from "./curl.js";
import { byId, count, formatNumber, make, plural } from "./dom.js";
import { cutAdvice, linesOf, withLines } from "./lines.js";
import { Mistake, modelOf, Task } from "./task.js";

const MOST = 200;
const SCORES = 6;

const panel = byId("classify");
const field = byId("to-classify");
const truncate = panel.querySelector(".truncate");

export function startClassify() {
  const task = new Task(panel, (signal, say) => classify(task, signal, say));
  withLines(panel, field, task);
  task.adviceFor = (err) => cutAdvice(err, truncate);
}

async function classify(task, signal, say) {
  const texts = linesOf(field).map((line) => line.text);
  if (!texts.length) throw new Mistake("Type a text first, or several, one a line.");
  if (texts.length > MOST) {
    const got = count(texts.length);
    throw new Mistake(`Expected at most ${MOST} texts, got ${got}. For more, use embedsvc predict.`);
  }
  const body = { model: modelOf(byId("classifier")), input: texts.length === 1 ? texts[0] : texts };
  if (truncate.checked) body.truncate = true;
  task.showCommand(jsonCommand(new URL("v1/classify", base).href, body, hasKey()));
  say(`Classifying ${plural(texts.length, "text")}…`);
  const began = performance.now();
  const answer = await ask("v1/classify", { body, signal });
  const seconds = (performance.now() - began) / 1000;
  task.showResults(byId("classified"));
  byId("classified").replaceChildren(...answer.data.map((one) => makeResult(texts[one.index], one)));
  if (byId("classified").querySelector(".bar b")) {
    const text = "A label applies where its bar reaches the mark.";
    byId("classified").append(make("p", { class: "note", text }));
  }
  return `${plural(texts.length, "text")} classified in ${formatNumber(seconds, 2)} s.`;
}

function makeResult(text, one) {
  const likely = one.scores.map((score) => score.label).filter((label) => one.labels.includes(label));
  const tags = likely.map((label) => make("span", { class: "tag calm", text: String(label) }));
  if (!tags.length) tags.push(make("span", { class: "tag", text: "No label applies" }));
  if (one.truncated) tags.push(make("span", { class: "tag warn", text: "Cut: too long" }));
  const result = make("article", { class: "classified" },
    make("h3", { class: "quoted", text }),
    make("p", { class: "tags" }, ...tags),
    makeScores(one.scores.slice(0, SCORES), one.labels));
  const rest = one.scores.slice(SCORES);
  if (rest.length) {
    const more = make("summary", { text: `${count(rest.length)} more` });
    result.append(make("details", {}, more, makeScores(rest, one.labels)));
  }
  return result;
}

function percent(probability) {
  if (probability > 0 && probability < 0.005) return "< 1 %";
  if (probability < 1 && probability >= 0.995) return "> 99 %";
  return `${Math.round(100 * probability)} %`;
}

function makeScores(scores, labels) {
  const rows = scores.map(({ label, probability, threshold }) => {
    const applies = labels.includes(label);
    const fill = make("i", { class: applies ? "calm" : "" });
    fill.style.width = `${100 * probability}%`;
    const bar = make("span", { class: "bar", "aria-hidden": "true" }, fill);
    if (threshold !== null && threshold !== undefined) {
      const mark = make("b", { title: `applies from ${percent(threshold)}` });
      mark.style.left = `${100 * threshold}%`;
      bar.append(mark);
    }
    return make("tr", { class: applies ? "applies" : "" },
      make("th", { scope: "row", text: String(label) }),
      make("td", {}, bar),
      make("td", { class: "n", text: percent(probability), title: String(probability) }));
  });
  return make("table", { class: "scores", "aria-label": "Probabilities" }, make("tbody", {}, ...rows));
}
