// What is drawn over the points: names, pictures, rings and the lasso.

let lasso = []; // corners, while it is drawn

function paintOver() {
  over.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
  over.clearRect(0, 0, view.width, view.height);
  const taken = [buttonsBox()];
  if (data.groups && show.labels) paintLabels(taken);
  if (data.pictures && show.pictures) paintPictures(taken);
  for (const i of [state.over, state.current]) if (i >= 0) paintRing(i, i === state.current);
  if (lasso.length > 1) paintLasso();
}

function paintRing(i, isKept) {
  over.lineWidth = isKept ? 3 : 2;
  over.strokeStyle = theme.ink;
  over.beginPath();
  over.arc(xOf(i), yOf(i), radiusOf() + 3, 0, 2 * Math.PI);
  over.stroke();
}

const overlaps = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
const within = (value, low, high) => Math.min(Math.max(value, low), high);
// Where a name may stand beside its anchor, in halves of its own size; none of them far away.
const SHIFTS = [[0, -1.6], [0, 1.6], [0, 0], [1.1, -0.9], [-1.1, -0.9], [1.1, 0.9], [-1.1, 0.9],
  [1.2, 0], [-1.2, 0], [0, -2.6], [0, 2.6]];
const CENTRE = [[0, 0]];

// The place that is free and covers the fewest points, as [left, top, right, bottom]; null where
// there is none, or the anchor is out of sight.
function freePlace(x, y, width, height, taken, shifts = CENTRE, crowd = null) {
  if (x < 0 || y < 0 || x > view.width || y > view.height) return null;
  let best = null;
  let least = Infinity;
  for (const [dx, dy] of shifts) {
    const left = within(x + (dx * width) / 2 - width / 2, 3, view.width - width - 3);
    const top = within(y + (dy * height) / 2 - height / 2, 3, view.height - height - 3);
    const box = [left, top, left + width, top + height];
    if (left < 0 || taken.some((other) => overlaps(box, other))) continue;
    const cost = crowd ? crowd.under(box) + 3 * Math.hypot(dx, dy) : 0;
    if (cost < least) [best, least] = [box, cost];
  }
  return best;
}

// How many points lie under a box: sums of a coarse grid from its corner to each cell.
const COARSE = 6;
function countCrowd() {
  const columns = Math.ceil(view.width / COARSE) + 1;
  const rows = Math.ceil(view.height / COARSE) + 1;
  const sums = new Uint32Array(columns * rows);
  for (let i = 0; i < n; i++) {
    if (level[i] !== SHOWN) continue;
    const x = xOf(i);
    const y = yOf(i);
    if (x < 0 || y < 0 || x >= view.width || y >= view.height) continue;
    sums[(Math.floor(y / COARSE) + 1) * columns + Math.floor(x / COARSE) + 1]++;
  }
  for (let at = columns; at < sums.length; at++) {
    if (at % columns) sums[at] += sums[at - 1] + sums[at - columns] - sums[at - columns - 1];
  }
  const cell = (value, most) => within(Math.round(value / COARSE), 0, most - 1);
  return {
    under([left, top, right, bottom]) {
      const [a, b] = [cell(left, columns), cell(right, columns)];
      const [c, d] = [cell(top, rows) * columns, cell(bottom, rows) * columns];
      return sums[d + b] - sums[d + a] - sums[c + b] + sums[c + a];
    },
  };
}

const widths = new Map();
function widthOf(lines) {
  const key = lines.join("\n");
  if (!widths.has(key)) {
    widths.set(key, Math.max(...lines.map((line) => over.measureText(line).width)));
  }
  return widths.get(key);
}

// Groups of which some point is not faint.
function livelyGroups() {
  const groups = new Set();
  for (let i = 0; i < n; i++) if (level[i] === SHOWN) groups.add(codes[i]);
  return groups;
}

function paintLabels(taken) {
  over.font = FONT;
  over.textAlign = "center";
  over.textBaseline = "middle";
  over.lineJoin = "round";
  const crowd = countCrowd();
  const lively = livelyGroups();
  const groups = labelOrder.filter((group) => !state.off.has(group));
  groups.sort((a, b) => lively.has(b) - lively.has(a)); // stable: by size else
  for (const group of groups) {
    const lines = data.groups.lines[group];
    const [x, y] = data.groups.anchors[group];
    const width = widthOf(lines) + 8;
    const box = freePlace(toX(x), toY(y), width, lines.length * LINE_HEIGHT + 2, taken, SHIFTS, crowd);
    if (!box) continue;
    taken.push(box);
    over.globalAlpha = lively.has(group) ? 1 : 0.4;
    lines.forEach((line, at) => {
      const middle = box[1] + 1 + LINE_HEIGHT * (at + 0.5);
      over.lineWidth = 3.5;
      over.strokeStyle = theme.paper;
      over.strokeText(line, (box[0] + box[2]) / 2, middle);
      over.fillStyle = theme.ink;
      over.fillText(line, (box[0] + box[2]) / 2, middle);
    });
    over.globalAlpha = 1;
  }
}
const labelOrder = data.groups
  ? data.groups.counts.map((_, group) => group).sort((a, b) => data.groups.counts[b] - data.groups.counts[a] || a - b)
  : [];

function buttonsBox() {
  const own = canvas.getBoundingClientRect();
  let [right, bottom] = [0, 0];
  for (const button of document.querySelectorAll(".buttons button")) {
    const box = button.getBoundingClientRect();
    right = Math.max(right, box.right - own.left);
    bottom = Math.max(bottom, box.bottom - own.top);
  }
  return [0, 0, right + 4, bottom + 4];
}

const loaded = new Map();
function pictureOf(i) {
  if (!loaded.has(i)) {
    const picture = new Image();
    picture.onload = redraw;
    picture.src = `data:image/jpeg;base64,${data.pictures[i]}`;
    loaded.set(i, picture);
  }
  return loaded.get(i);
}

// As many pictures as there is room for, always the same first ones, so that they do not flicker.
function paintPictures(taken) {
  const side = within(34 * (view.k / view.least) ** 0.35, 34, 96);
  for (let i = 0; i < n; i++) {
    if (!data.pictures[i] || level[i] !== SHOWN) continue;
    const x = xOf(i);
    const y = yOf(i);
    if (x < 0 || y < 0 || x > view.width || y > view.height) continue;
    const picture = pictureOf(i);
    if (!picture.complete || !picture.naturalWidth) continue;
    const scale = side / Math.max(picture.naturalWidth, picture.naturalHeight);
    const width = picture.naturalWidth * scale;
    const height = picture.naturalHeight * scale;
    const box = freePlace(x, y, width + 7, height + 7, taken);
    if (!box) continue;
    taken.push(box);
    over.drawImage(picture, box[0] + 3.5, box[1] + 3.5, width, height);
    over.strokeStyle = css([rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]]);
    over.lineWidth = 2;
    over.strokeRect(box[0] + 3, box[1] + 3, width + 1, height + 1);
  }
}

function paintLasso() {
  over.beginPath();
  lasso.forEach(([x, y], at) => (at ? over.lineTo(x, y) : over.moveTo(x, y)));
  over.closePath();
  over.fillStyle = theme.ink;
  over.globalAlpha = 0.08;
  over.fill();
  over.globalAlpha = 1;
  over.setLineDash([5, 4]);
  over.lineWidth = 1.5;
  over.strokeStyle = theme.ink;
  over.stroke();
  over.setLineDash([]);
}
