"use strict";
// The points of a map: their data, which of them show, and how they become pixels.

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("map-data").textContent);
const n = data.n;
const numbers = new Intl.NumberFormat("en");
const isDark = matchMedia("(prefers-color-scheme: dark)");
const NONE = 65535;
const HIDDEN = 0, DIM = 1, SHOWN = 2;

function bytesOf(text) {
  const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  return bytes.buffer;
}

const xy = new Uint16Array(bytesOf(data.xy));
const codes = data.groups ? new Uint16Array(bytesOf(data.groups.codes)) : null;
const values = data.measure ? new Float64Array(bytesOf(data.measure.values)) : null;
for (const column of data.columns) {
  if (column.codes) column.codes = new Uint16Array(bytesOf(column.codes));
}

const idOf = (i) => (data.ids ? data.ids[i] : String(i));
const textOf = (i) => (data.texts ? data.texts[i] || "" : "");
const valueIn = (column, i) => (column.codes ? column.names[column.codes[i]] : column.values[i]);

// Which points show

const state = {
  off: new Set(), // groups that are switched off
  matches: null, // positions that the search finds, or null
  selected: null, // positions inside of the lasso, or null
  hovered: -1, // a group that the pointer is on in the legend
  current: -1, // the point whose card is kept
  over: -1, // the point under the pointer
};
const level = new Uint8Array(n).fill(SHOWN);

const isOff = (i) => codes !== null && state.off.has(codes[i]);

function updateLevels() {
  const marked = state.matches || state.selected;
  level.fill(marked ? DIM : SHOWN);
  if (marked) for (const i of marked) level[i] = SHOWN;
  if (codes === null) return;
  for (let i = 0; i < n; i++) {
    if (state.off.has(codes[i])) level[i] = HIDDEN;
    else if (state.hovered >= 0 && codes[i] !== state.hovered) level[i] = DIM;
  }
}

// Colours

const parse = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
const rgb = new Uint8Array(3 * n);
const theme = {};

function colourOfGroup(group) {
  return group === NONE ? theme.none : theme.palette[data.groups.colours[group] % theme.palette.length];
}

function colourOfShare(share) {
  const stops = theme.scale;
  const at = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const below = Math.min(Math.floor(at), stops.length - 2);
  return stops[below].map((low, c) => Math.round(low + (stops[below + 1][c] - low) * (at - below)));
}

function colourOf(i) {
  if (codes) return colourOfGroup(codes[i]);
  if (!values) return theme.palette[0];
  if (Number.isNaN(values[i])) return theme.none;
  return colourOfShare((values[i] - data.measure.low) / (data.measure.high - data.measure.low));
}

const css = (colour) => `rgb(${colour.join(" ")})`;

function updateTheme() {
  const colours = isDark.matches ? data.colours.dark : data.colours.light;
  const style = getComputedStyle(document.documentElement);
  theme.palette = colours.groups.map(parse);
  theme.scale = colours.scale.map(parse);
  theme.none = parse(colours.none);
  theme.paper = style.getPropertyValue("--card").trim();
  theme.ink = style.getPropertyValue("--ink").trim();
  theme.line = style.getPropertyValue("--ink-soft").trim();
  for (let i = 0; i < n; i++) rgb.set(colourOf(i), 3 * i);
}

// Points of no group lie below, then the large groups, so that the small ones are seen.
function paintOrder() {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  if (codes) {
    const sizes = data.groups.counts;
    const rank = (i) => (codes[i] === NONE ? Infinity : sizes[codes[i]]);
    order.sort((a, b) => (rank(a) === rank(b) ? a - b : rank(b) - rank(a)));
  } else if (values) {
    const missing = (i) => Number(Number.isNaN(values[i]));
    order.sort((a, b) => missing(b) - missing(a) || a - b);
  }
  return order;
}
const order = paintOrder();

// Pixels. A canvas draws 50,000 circles in a tenth of a second; blending them by hand takes a
// tenth of that.

const PHASES = 4; // places within a pixel, each way

function makeStamp(radius, opacity) {
  const reach = Math.ceil(radius + 1);
  const side = 2 * reach + 1;
  const masks = [];
  for (let phase = 0; phase < PHASES * PHASES; phase++) {
    const dx = ((phase % PHASES) + 0.5) / PHASES - 0.5;
    const dy = (Math.floor(phase / PHASES) + 0.5) / PHASES - 0.5;
    const mask = new Uint16Array(side * side);
    for (let at = 0; at < mask.length; at++) {
      const away = Math.hypot((at % side) - reach - dx, Math.floor(at / side) - reach - dy);
      mask[at] = Math.round(256 * opacity * Math.min(Math.max(radius + 0.5 - away, 0), 1));
    }
    masks.push(mask);
  }
  return { reach, side, masks };
}

function stampPoint(pixels, width, height, x, y, stamp, r, g, b) {
  const column = Math.round(x);
  const row = Math.round(y);
  const { reach, side } = stamp;
  if (column < reach || row < reach || column >= width - reach || row >= height - reach) {
    if (column < -reach || row < -reach || column >= width + reach || row >= height + reach) return;
  }
  const across = Math.min(Math.floor((x - column + 0.5) * PHASES), PHASES - 1);
  const down = Math.min(Math.floor((y - row + 0.5) * PHASES), PHASES - 1);
  const mask = stamp.masks[down * PHASES + across];
  const left = Math.max(0, reach - column);
  const right = Math.min(side, width + reach - column);
  const bottom = Math.min(side, height + reach - row);
  for (let v = Math.max(0, reach - row); v < bottom; v++) {
    let at = 4 * ((row + v - reach) * width + column - reach + left);
    for (let u = left; u < right; u++, at += 4) {
      const share = mask[v * side + u];
      if (share === 0) continue;
      pixels[at] += ((r - pixels[at]) * share) >> 8;
      pixels[at + 1] += ((g - pixels[at + 1]) * share) >> 8;
      pixels[at + 2] += ((b - pixels[at + 2]) * share) >> 8;
    }
  }
}
