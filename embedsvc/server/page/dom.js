// Small things that every part of the pages uses. Texts become text nodes, never markup.

export const byId = (id) => document.getElementById(id);

export function make(tag, options = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (name === "class") node.className = value;
    else if (name === "text") node.textContent = value;
    else if (name in node && !name.startsWith("aria")) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

export function makeSvg(tag, attributes = {}, text) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

const numbers = new Intl.NumberFormat("en");

export const count = (n) => numbers.format(n);

export function plural(n, noun) {
  return `${count(n)} ${noun}${n === 1 ? "" : "s"}`;
}

// A number for people: three digits that count.
export function formatNumber(value, digits = 3) {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e7) return value.toPrecision(2).replace("e+", "e");
  if (size >= 1000) return numbers.format(Math.round(value));
  return value.toPrecision(digits);
}

export const twoDigits = (value) => value.toFixed(2).replace(/^-0\.00$/, "0.00").replace("-", "−");

// Scrolls to what would stay unseen, as on a narrow screen.
export function reveal(node) {
  const { top } = node.getBoundingClientRect();
  if (top >= 0 && top < innerHeight - 160) return;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  node.scrollIntoView({ block: "start", behavior: calm ? "auto" : "smooth" });
}

// How a text is named among others.
export const named = (texts, i) => `${i + 1} “${shorten(texts[i], 60)}”`;

export function shorten(text, length) {
  const letters = [...text];
  return letters.length <= length ? text : `${letters.slice(0, length - 1).join("").trimEnd()}…`;
}
