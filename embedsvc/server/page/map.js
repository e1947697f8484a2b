// The texts as points on a plane, with as many names as there is room for.

import { make, makeSvg, named, shorten, twoDigits } from "./dom.js";

const HEIGHT = 380;
const EDGE = 22;
const RADIUS = 5;
const LINE = 17;
const APART = 8; // pixels between two names

let observer = null;

export function showMap(place, texts, points, similarity) {
  observer?.disconnect();
  if (!points) {
    place.replaceChildren(make("p", { class: "note", text: "The service sent no map." }));
    return;
  }
  const readout = make("p", { class: "readout note" });
  readout.textContent = "Near means similar, roughly: the map keeps only part of the distances.";
  const frame = make("div", { class: "map" });
  place.replaceChildren(frame, readout);
  const say = (i) => {
    readout.textContent = pointWords(texts, similarity, i);
  };
  let width = 0;
  observer = new ResizeObserver(() => {
    if (Math.abs(frame.clientWidth - width) < 2) return;
    width = frame.clientWidth;
    frame.replaceChildren(draw(texts, points, width, say));
  });
  observer.observe(frame);
}

function pointWords(texts, similarity, i) {
  const others = similarity[i].map((value, j) => [value, j]).filter(([, j]) => j !== i);
  const [value, nearest] = others.reduce((best, one) => (one[0] > best[0] ? one : best));
  return `${named(texts, i)}; closest is ${named(texts, nearest)} with ${twoDigits(value)}`;
}

// One scale for both axes, so that distances can be compared.
function placesOf(points, width) {
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const middle = (all) => (Math.min(...all) + Math.max(...all)) / 2;
  const range = (all) => Math.max(...all) - Math.min(...all);
  const scale = Math.min((width - 2 * EDGE) / (range(xs) || 1), (HEIGHT - 2 * EDGE) / (range(ys) || 1));
  return points.map(([x, y]) => [
    width / 2 + (x - middle(xs)) * scale,
    HEIGHT / 2 - (y - middle(ys)) * scale,
  ]);
}

function draw(texts, points, width, say) {
  const viewBox = `0 0 ${width} ${HEIGHT}`;
  const roles = { role: "group", "aria-labelledby": "map-title" };
  const svg = makeSvg("svg", { viewBox, width, height: HEIGHT, ...roles });
  const places = placesOf(points, width);
  const dots = places.map(([x, y], i) => {
    const label = { role: "img", "aria-label": `${i + 1} ${texts[i]}` };
    const dot = makeSvg("circle", { cx: x, cy: y, r: RADIUS, tabindex: i ? -1 : 0, ...label });
    dot.append(makeSvg("title", {}, texts[i]));
    return dot;
  });
  svg.append(...labels(texts, places, width), ...dots);
  followDots(svg, dots, places, say);
  return svg;
}

const overlaps = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];

// Right, left, above or below the point, where nothing else is; else the name stays away.
function labels(texts, places, width) {
  const measure = make("canvas").getContext("2d");
  measure.font = `13px ${getComputedStyle(document.body).fontFamily}`;
  const taken = places.map(([x, y]) => [x - RADIUS - 1, y - RADIUS - 1, x + RADIUS + 1, y + RADIUS + 1]);
  const drawn = [];
  for (const [i, [x, y]] of places.entries()) {
    for (const length of [34, 18]) {
      const text = shorten(texts[i], length);
      const box = freeBox(x, y, measure.measureText(text).width, width, taken);
      if (!box) continue;
      taken.push([box[0] - APART, box[1], box[2] + APART, box[3]]);
      drawn.push(makeSvg("text", { x: box[0], y: box[1] + 13 }, text));
      break;
    }
  }
  return drawn;
}

function freeBox(x, y, wide, width, taken) {
  const gap = RADIUS + 4;
  const starts = [
    [x + gap, y - LINE / 2], [x - gap - wide, y - LINE / 2],
    [x - wide / 2, y - gap - LINE], [x - wide / 2, y + gap],
    [x + 2, y - gap - LINE], [x - wide - 2, y - gap - LINE], [x + 2, y + gap], [x - wide - 2, y + gap],
  ];
  return starts
    .map(([left, top]) => [left, top, left + wide, top + LINE])
    .find((box) =>
      box[0] >= 2 && box[1] >= 2 && box[2] <= width - 2 && box[3] <= HEIGHT - 2 &&
      !taken.some((other) => overlaps(box, other)));
}

// Arrow keys go through the points from left to right, or from top to bottom.
function followDots(svg, dots, places, say) {
  const light = (event) => {
    const at = dots.indexOf(event.target);
    if (at < 0) return;
    svg.querySelector(".lit")?.classList.remove("lit");
    dots[at].classList.add("lit");
    say(at);
  };
  svg.addEventListener("pointerover", light);
  svg.addEventListener("focusin", light);
  svg.addEventListener("keydown", (event) => {
    const axis = { ArrowLeft: 0, ArrowRight: 0, ArrowUp: 1, ArrowDown: 1 }[event.key];
    const at = dots.indexOf(event.target);
    if (axis === undefined || at < 0) return;
    event.preventDefault();
    const order = dots.map((_, i) => i).sort((a, b) => places[a][axis] - places[b][axis] || a - b);
    const step = event.key === "ArrowLeft" || event.key === "ArrowUp" ? -1 : 1;
    const next = dots[order[order.indexOf(at) + step]];
    if (!next) return;
    dots[at].setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  });
}
