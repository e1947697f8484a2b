// One picture: the verdict in words, its score beside the threshold, and the heat map over it.

import { formatNumber, make } from "./dom.js";

let opacity = 100; // percent of what the report shows, kept from picture to picture

export function showAnomaly(place, entry, scores) {
  const { result } = entry;
  const heat = result.heatmap ? make("img", { class: "heat", src: result.heatmap, alt: "" }) : null;
  place.replaceChildren(
    ...verdict(result),
    scoreBar(result, scores),
    picture(entry, heat),
    heat ? slider(heat) : note("This detector gives a score only, no heat map."),
    facts(entry),
  );
  place.hidden = false;
}

// Without a result yet, or for good.
export function showPending(place, entry) {
  const words = entry.error
    ? [heading("This image could not be scored"), make("p", { text: entry.error })]
    : [heading(entry.stopped ? "Not scored" : "Scoring…")];
  place.replaceChildren(...words, picture(entry, null), facts(entry));
  place.hidden = false;
}

const note = (text) => make("p", { class: "note", text });
const heading = (text, kind = "") => make("h3", { class: `verdict ${kind}`, text });

// As many digits as it takes to see which is larger.
function apart(a, b) {
  for (let digits = 3; digits < 15; digits += 1) {
    const [one, other] = [formatNumber(a, digits), formatNumber(b, digits)];
    if (one !== other || a === b) return [one, other];
  }
  return [String(a), String(b)];
}

export function verdictWords({ score, threshold, is_anomaly: odd }) {
  const [one, other] = apart(score, threshold);
  if (odd) return `Anomaly: score ${one} is above the threshold ${other}`;
  const where = score === threshold ? "equals" : "is below";
  return `Normal: score ${one} ${where} the threshold ${other}`;
}

// What a p-value says to somebody who never met one.
export function rarityWords(p) {
  if (p === null || p === undefined) return "";
  const share = p >= 0.095
    ? `about ${Math.round(100 * p)} in 100`
    : p >= 0.0095
      ? `about ${formatNumber(100 * p, 2).replace(/\.0$/, "")} in 100`
      : `about ${formatNumber(1000 * p, 2).replace(/\.0$/, "")} in 1,000`;
  return `Of normal pictures, ${share} score this high or higher (p = ${formatNumber(p, 2)}).`;
}

function verdict(result) {
  const words = [heading(verdictWords(result), result.is_anomaly ? "alarm" : "calm")];
  const rarity = rarityWords(result.p_value);
  if (rarity) words.push(note(rarity));
  return words;
}

// The threshold stands in the middle; 0 is at the left edge unless scores lie further away.
function scoreBar({ score, threshold, is_anomaly: odd }, scores) {
  const span = Math.max(Math.abs(threshold), ...scores.map((one) => Math.abs(one - threshold))) || 1;
  const fill = make("i", { class: odd ? "alarm" : "calm" });
  fill.style.width = `${50 + (50 * (score - threshold)) / span}%`;
  const bar = make("div", { class: "score-bar" }, fill, make("b"));
  const words = make("span", { text: `threshold ${formatNumber(threshold)}` });
  return make("div", { class: "score", "aria-hidden": "true" }, bar, words);
}

function picture({ url, file, result }, heat) {
  const image = make("img", { src: url, alt: file.name });
  const stage = make("div", { class: "stage" }, image);
  if (heat) stage.append(heat);
  image.addEventListener("load", () => {
    stage.classList.toggle("small", image.naturalWidth < 420);
    stage.classList.toggle("sharp", image.naturalWidth <= 64);
  });
  image.addEventListener("error", () => {
    image.replaceWith(note("This browser cannot show this kind of image."));
    stage.classList.add("blank");
    if (result) stage.style.aspectRatio = `${result.width} / ${result.height}`;
  });
  return stage;
}

function slider(heat) {
  const range = { type: "range", min: "0", max: "100", step: "5" };
  const input = make("input", { ...range, id: "opacity", value: String(opacity) });
  const label = make("label", { htmlFor: "opacity", text: "Heat map" });
  const output = make("output", { htmlFor: "opacity" });
  const apply = () => {
    opacity = Number(input.value);
    heat.style.opacity = String(opacity / 100);
    output.textContent = `${opacity} %`;
    input.setAttribute("aria-valuetext", `${opacity} percent`);
  };
  input.addEventListener("input", apply);
  apply();
  return make("div", { class: "slider" }, label, input, output);
}

function facts({ file, result }) {
  const parts = [file.name];
  if (result) parts.push(`${result.width} × ${result.height} pixels`, `method ${result.method}`);
  return note(parts.join(" · "));
}
