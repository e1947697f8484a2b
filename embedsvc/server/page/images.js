// Pictures to a detector: choosing, sending, and the list of what came back.

import { showAnomaly, showPending } from "./anomaly_view.js";
import { ask, base, hasKey, ServiceError } from "./api.js";
import { filesCommand } from "./curl.js";
import { byId, formatNumber, make, plural, reveal } from "./dom.js";
import { batchesOf, filesOf, whatIsWrong } from "./picture_files.js";
import { Mistake, modelOf, Task } from "./task.js";

const panel = byId("images");
const detector = byId("detector");
const MANY = 200;

let entries = []; // {file, url, result, error, stopped}
let selected = null;
let task = null;
let openPanel = () => {};

export function startImages(open) {
  openPanel = open;
  task = new Task(panel, score);
  byId("files").addEventListener("change", (event) => {
    choose([...event.target.files]);
    event.target.value = ""; // the same file can be chosen again
  });
  document.addEventListener("dragover", (event) => drag(event, true));
  document.addEventListener("dragleave", (event) => event.relatedTarget || drag(event, false));
  document.addEventListener("drop", drop);
  document.addEventListener("paste", paste);
}

// Or will be, once the service has said what it serves.
const isServed = () => panel.querySelector(".hint").hidden;

function drag(event, over) {
  if (!event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  byId("drop").classList.toggle("over", over && isServed());
}

// Anywhere on the page; a browser would open the file instead.
function drop(event) {
  if (!event.dataTransfer?.types.includes("Files")) return;
  drag(event, false);
  openPanel("images");
  choose(filesOf(event.dataTransfer));
}

function paste(event) {
  const files = filesOf(event.clipboardData);
  if (!files.length || panel.hidden) return;
  event.preventDefault();
  choose(files);
}

async function choose(files) {
  if (!files.length || !isServed()) return;
  const problems = await Promise.all(files.map(whatIsWrong));
  const good = files.filter((_, i) => !problems[i]).slice(0, MANY);
  const refused = files
    .map((file, i) => problems[i] && `${file.name}: ${problems[i]}`)
    .filter(Boolean);
  const left = files.length - refused.length - good.length;
  if (left > 0) {
    const more = plural(left, "more image");
    refused.push(`${more}: this page takes ${MANY}. For more, use embedsvc detect-anomalies.`);
  }
  byId("refused").replaceChildren(...refused.map((words) => make("li", { text: words })));
  byId("refused").hidden = refused.length === 0;
  task.clearError();
  if (!good.length) {
    task.fail(new Mistake("None of these files is an image that can be scored."));
    return;
  }
  for (const entry of entries) URL.revokeObjectURL(entry.url);
  entries = good.map((file) => ({ file, url: URL.createObjectURL(file), result: null, error: null }));
  await task.start();
}

async function score(signal, say) {
  if (!entries.length) throw new Mistake("Choose images first.");
  entries = [...entries]; // this run's own, to be told from those of a later one
  const own = entries;
  for (const entry of own) Object.assign(entry, { result: null, error: null, stopped: false });
  selected = null;
  task.go.hidden = false;
  task.showResults(byId("viewer"));
  const began = performance.now();
  const batches = batchesOf(own);
  showCommandFor(batches);
  showList();
  try {
    for (const batch of batches) {
      const done = own.filter((entry) => entry.result || entry.error).length;
      say(own.length > 1 ? `Scoring, ${done} of ${own.length} done…` : "Scoring…");
      await scoreBatch(batch, signal);
      showList();
    }
  } catch (err) {
    if (entries === own) stopWaiting();
    throw err;
  }
  return summary(own, performance.now() - began);
}

function stopWaiting() {
  for (const entry of entries) entry.stopped = !entry.result && !entry.error;
  showList();
}

async function scoreBatch(batch, signal) {
  const body = new FormData();
  body.append("model", modelOf(detector));
  body.append("heatmap", "true");
  for (const { file } of batch) body.append("image", file, file.name);
  try {
    const answer = await ask("v1/anomalies", { body, signal });
    for (const one of answer.data) {
      const entry = batch[one.index];
      if (one.error) entry.error = one.error.message;
      else entry.result = { ...one, threshold: answer.threshold, method: answer.method };
    }
  } catch (err) {
    if (!isAboutImages(err)) throw err;
    if (batch.length === 1) batch[0].error = err.message;
    else for (const entry of batch) await scoreBatch([entry], signal);
  }
}

// A request of images that are all unusable is refused as a whole.
function isAboutImages(err) {
  return (
    err instanceof ServiceError &&
    [400, 413, 415].includes(err.status) &&
    (err.param === null || err.param.startsWith("image"))
  );
}

function summary(own, milliseconds) {
  const results = own.filter((entry) => entry.result);
  const odd = results.filter((entry) => entry.result.is_anomaly).length;
  const failed = own.length - results.length;
  const anomalies = odd > 1 ? `${odd} anomalies` : `${odd || "No"} anomaly`;
  const found = `${anomalies} in ${plural(results.length, "image")}`;
  const parts = results.length ? [`${found}, ${formatNumber(milliseconds / 1000, 2)} s.`] : [];
  if (failed) parts.push(`${plural(failed, "image")} could not be scored.`);
  return parts.join(" ");
}

function showCommandFor(batches) {
  const names = batches[0].map(({ file }) => file.name);
  const command = filesCommand(
    new URL("v1/anomalies", base).href,
    { model: detector.value, heatmap: "true" },
    names,
    hasKey(),
  );
  const remark = batches.length > 1 ? `The first of ${batches.length} requests.` : "";
  task.showCommand(command, remark);
}

// Highest score first, then what waits, then failures.
function inOrder() {
  const rank = (entry) => (entry.result ? 0 : entry.error ? 2 : 1);
  return [...entries].sort(
    (a, b) => rank(a) - rank(b) || (b.result?.score ?? 0) - (a.result?.score ?? 0),
  );
}

function showList() {
  const list = inOrder();
  const focused = document.activeElement?.dataset?.at;
  byId("list-title").hidden = entries.length < 2;
  byId("pictures").hidden = entries.length < 2;
  byId("pictures").replaceChildren(...list.map(makeItem));
  if (focused) byId("pictures").querySelector(`[data-at="${focused}"]`)?.focus();
  show(selected ?? list[0]);
}

function tagOf({ result, error, stopped }) {
  if (result) return result.is_anomaly ? ["alarm", "Anomaly"] : ["calm", "Normal"];
  return ["", error ? "Failed" : stopped ? "Not scored" : "Waiting"];
}

function makeItem(entry) {
  const { result, error, file, url } = entry;
  const words = make("span", { class: "words" }, make("b", { text: file.name }));
  words.append(make("span", { class: "note", text: error ?? "" }));
  const [kind, verdict] = tagOf(entry);
  if (result) words.lastChild.textContent = `score ${formatNumber(result.score)}`;
  const picture = make("img", { src: url, alt: "", loading: "lazy", width: 52, height: 52 });
  picture.addEventListener("error", () => picture.classList.add("unseen-kind"));
  const tag = make("span", { class: `tag ${kind}`, text: verdict });
  const button = make("button", { type: "button" }, picture, words, tag);
  button.dataset.at = String(entries.indexOf(entry));
  button.addEventListener("click", () => {
    selected = entry;
    show(entry);
    reveal(byId("viewer"));
  });
  return make("li", {}, button);
}

function show(entry) {
  for (const button of byId("pictures").querySelectorAll("button")) {
    const isIt = button.dataset.at === String(entries.indexOf(entry));
    button.setAttribute("aria-current", String(isIt));
  }
  const scores = entries.map((one) => one.result?.score).filter((one) => one !== undefined);
  if (entry.result) showAnomaly(byId("viewer"), entry, scores);
  else showPending(byId("viewer"), entry);
}
