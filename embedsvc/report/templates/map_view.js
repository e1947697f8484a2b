// The view: where the map stands, what is drawn over the points, and what lies under the pointer.

const canvas = byId("map");
const under = byId("points");
const over = canvas.getContext("2d");
const ground = under.getContext("2d", { alpha: false });
const MOST_ZOOM = 400;
const SMALLEST = 64; // the least that is shown, of 65,536
const FONT = '600 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
const LINE_HEIGHT = 13.5;

const view = { x: 0, y: 0, k: 1, least: 1, width: 1, height: 1, ratio: 1 };
const show = { labels: true, pictures: true };
let waiting = false;
let image = null;
let stamps = {};

const toX = (x) => (x - view.x) * view.k + view.width / 2;
const toY = (y) => (y - view.y) * view.k + view.height / 2;
const xOf = (i) => toX(xy[2 * i]);
const yOf = (i) => toY(xy[2 * i + 1]);

function extent() {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < n; i++) {
    left = Math.min(left, xy[2 * i]);
    right = Math.max(right, xy[2 * i]);
    top = Math.min(top, xy[2 * i + 1]);
    bottom = Math.max(bottom, xy[2 * i + 1]);
  }
  return { left, top, right, bottom };
}
const whole = extent();

function fit() {
  const margin = Math.min(44, view.width / 10);
  const wide = Math.max(whole.right - whole.left, SMALLEST);
  const high = Math.max(whole.bottom - whole.top, SMALLEST);
  view.x = (whole.left + whole.right) / 2;
  view.y = (whole.top + whole.bottom) / 2;
  view.least = Math.min((view.width - 2 * margin) / wide, (view.height - 2 * margin) / high);
  view.k = view.least;
}

function resize() {
  const box = canvas.getBoundingClientRect();
  const first = view.width === 1;
  const zoom = view.k / view.least;
  const { x, y } = view;
  view.width = Math.max(1, box.width);
  view.height = Math.max(1, box.height);
  view.ratio = Math.min(window.devicePixelRatio || 1, 2);
  for (const one of [canvas, under]) {
    one.width = Math.round(view.width * view.ratio);
    one.height = Math.round(view.height * view.ratio);
  }
  image = ground.createImageData(under.width, under.height);
  fit();
  if (!first && zoom > 1.001) Object.assign(view, { x, y, k: view.least * zoom });
  redraw();
}

function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    paintPoints();
    paintOver();
    placeTip();
  });
}

// Points grow more slowly than the map.
function radiusOf() {
  const alone = n <= 300 ? 5.5 : n <= 1500 ? 4.2 : n <= 6000 ? 3.2 : n <= 20000 ? 2.2 : 1.6;
  const crowded = Math.sqrt((view.width * view.height) / 700000);
  return Math.min(8, alone * Math.min(1, Math.max(0.6, crowded)) * (view.k / view.least) ** 0.28);
}

function stampOf(radius, opacity) {
  const key = `${radius.toFixed(2)} ${opacity}`;
  if (!stamps[key]) {
    if (Object.keys(stamps).length > 60) stamps = {};
    stamps[key] = makeStamp(radius, opacity);
  }
  return stamps[key];
}

function paintPoints() {
  const { width, height } = image;
  const pixels = image.data;
  const paper = parse(toHex(theme.paper));
  new Uint32Array(pixels.buffer).fill(((255 << 24) | (paper[2] << 16) | (paper[1] << 8) | paper[0]) >>> 0);
  const radius = radiusOf() * view.ratio;
  const halo = n <= 6000 && radius >= 2.4 ? stampOf(radius + 0.9 * view.ratio, 0.7) : null;
  const full = stampOf(radius, n > 6000 ? 0.75 : 0.92);
  const faint = stampOf(radius * 0.8, 0.28);
  const scale = view.k * view.ratio;
  const left = (view.width / 2) * view.ratio - view.x * scale;
  const top = (view.height / 2) * view.ratio - view.y * scale;
  const [r, g, b] = theme.none;
  for (const wanted of [DIM, SHOWN]) {
    for (let at = 0; at < n; at++) {
      const i = order[at];
      if (level[i] !== wanted) continue;
      const x = xy[2 * i] * scale + left;
      const y = xy[2 * i + 1] * scale + top;
      if (wanted === DIM) {
        stampPoint(pixels, width, height, x, y, faint, r, g, b);
      } else {
        if (halo) stampPoint(pixels, width, height, x, y, halo, paper[0], paper[1], paper[2]);
        stampPoint(pixels, width, height, x, y, full, rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]);
      }
    }
  }
  ground.putImageData(image, 0, 0);
}

function toHex(colour) {
  return colour.length === 4 ? `#${[...colour.slice(1)].map((one) => one + one).join("")}` : colour;
}

// Under the pointer: points by the cells of a grid

const CELLS = 128;
const cellOf = (value) => Math.min(CELLS - 1, Math.floor((value / 65536) * CELLS));
const starts = new Uint32Array(CELLS * CELLS + 1);
const inCells = new Uint32Array(n);
for (let i = 0; i < n; i++) starts[cellOf(xy[2 * i + 1]) * CELLS + cellOf(xy[2 * i]) + 1]++;
for (let cell = 0; cell < CELLS * CELLS; cell++) starts[cell + 1] += starts[cell];
const filled = starts.slice();
for (let i = 0; i < n; i++) inCells[filled[cellOf(xy[2 * i + 1]) * CELLS + cellOf(xy[2 * i])]++] = i;

function eachWithin(left, top, right, bottom, visit) {
  const columns = [cellOf(Math.max(0, left)), cellOf(Math.max(0, right))];
  for (let row = cellOf(Math.max(0, top)); row <= cellOf(Math.max(0, bottom)); row++) {
    const end = starts[row * CELLS + columns[1] + 1];
    for (let at = starts[row * CELLS + columns[0]]; at < end; at++) visit(inCells[at]);
  }
}

function nearest(x, y) {
  const reach = (radiusOf() + 6) / view.k;
  const [px, py] = [(x - view.width / 2) / view.k + view.x, (y - view.height / 2) / view.k + view.y];
  let best = -1;
  let least = reach * reach;
  eachWithin(px - reach, py - reach, px + reach, py + reach, (i) => {
    if (level[i] === HIDDEN) return;
    // A point that stands out is easier to hit than a faint one.
    const away = (xy[2 * i] - px) ** 2 + (xy[2 * i + 1] - py) ** 2;
    const counted = level[i] === DIM ? 4 * away : away;
    if (counted < least || (counted === least && i < best)) [best, least] = [i, counted];
  });
  return best;
}

function atSamePlace(i) {
  const [x, y] = [xy[2 * i], xy[2 * i + 1]];
  let count = 0;
  eachWithin(x, y, x, y, (j) => (count += xy[2 * j] === x && xy[2 * j + 1] === y ? 1 : 0));
  return count;
}

function isInside(x, y, polygon) {
  let inside = false;
  for (let a = 0, b = polygon.length - 1; a < polygon.length; b = a++) {
    const [ax, ay] = polygon[a];
    const [bx, by] = polygon[b];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}

// Moving

function moveBy(dx, dy) {
  view.x = within(view.x - dx / view.k, whole.left, whole.right);
  view.y = within(view.y - dy / view.k, whole.top, whole.bottom);
  redraw();
}

function zoomAt(factor, x = view.width / 2, y = view.height / 2) {
  const k = within(view.k * factor, view.least * 0.7, view.least * MOST_ZOOM);
  const moved = 1 / view.k - 1 / k;
  view.x += (x - view.width / 2) * moved;
  view.y += (y - view.height / 2) * moved;
  view.k = k;
  moveBy(0, 0);
}

// Moves the map only where the point is out of sight or too close to the edge.
function bringIntoSight(i) {
  const margin = Math.min(60, view.width / 6);
  const [x, y] = [xOf(i), yOf(i)];
  const isSeen = x > margin && y > margin && x < view.width - margin && y < view.height - margin;
  if (!isSeen) Object.assign(view, { x: xy[2 * i], y: xy[2 * i + 1] });
  redraw();
}
