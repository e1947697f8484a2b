// Pointer, keys and buttons of the map, and its beginning.

const pointers = new Map();
let pressed = null; // where a press began, and whether it has moved since
let pinch = 0;

const placeOf = (event) => {
  const box = canvas.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
};
const isSelecting = (event) => event.shiftKey || byId("lasso").ariaPressed === "true";

function spread() {
  const [[ax, ay], [bx, by]] = [...pointers.values()];
  return { size: Math.hypot(ax - bx, ay - by), x: (ax + bx) / 2, y: (ay + by) / 2 };
}

canvas.addEventListener("pointerdown", (event) => {
  if (event.button > 0) return;
  canvas.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, placeOf(event));
  if (pointers.size === 2) {
    pinch = spread();
    pressed = null;
    lasso = [];
    return;
  }
  pressed = { at: placeOf(event), moved: false, selecting: isSelecting(event) };
  if (pressed.selecting) lasso = [pressed.at];
});

canvas.addEventListener("pointermove", (event) => {
  const [x, y] = placeOf(event);
  if (!pointers.has(event.pointerId)) {
    if (event.pointerType !== "touch") hover(nearest(x, y));
    canvas.classList.toggle("over", state.over >= 0);
    return;
  }
  const [lastX, lastY] = pointers.get(event.pointerId);
  pointers.set(event.pointerId, [x, y]);
  if (pointers.size === 2) {
    const now = spread();
    zoomAt(now.size / Math.max(1, pinch.size), now.x, now.y);
    moveBy(now.x - pinch.x, now.y - pinch.y);
    pinch = now;
  } else if (pressed) {
    pressed.moved ||= Math.hypot(x - pressed.at[0], y - pressed.at[1]) > 4;
    if (pressed.selecting) {
      lasso.push([x, y]);
      paintOver();
    } else if (pressed.moved) {
      canvas.classList.add("dragging");
      hover(-1);
      moveBy(x - lastX, y - lastY);
    }
  }
});

function release(event) {
  const last = pointers.get(event.pointerId);
  pointers.delete(event.pointerId);
  canvas.classList.remove("dragging");
  if (!pressed || !last) return;
  const { moved, selecting } = pressed;
  const polygon = lasso;
  pressed = null;
  lasso = [];
  if (event.type === "pointercancel") paintOver();
  else if (selecting && moved) selectInside(polygon);
  else if (!moved) keep(nearest(...last));
}
canvas.addEventListener("pointerup", release);
canvas.addEventListener("pointercancel", release);
canvas.addEventListener("pointerleave", () => hover(-1));
canvas.addEventListener("dblclick", (event) => zoomAt(2, ...placeOf(event)));
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  const lines = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? view.height : 1;
  zoomAt(Math.exp(-within(event.deltaY * lines, -300, 300) * 0.0018), ...placeOf(event));
}, { passive: false });

const KEYS = {
  "+": () => zoomAt(1.4),
  "=": () => zoomAt(1.4),
  "-": () => zoomAt(1 / 1.4),
  0: () => { fit(); redraw(); },
  ArrowLeft: () => moveBy(60, 0),
  ArrowRight: () => moveBy(-60, 0),
  ArrowUp: () => moveBy(0, 60),
  ArrowDown: () => moveBy(0, -60),
};
canvas.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target !== byId("find")) {
    if (state.current >= 0) keep(-1);
    else if (state.selected) select([]);
  } else if (event.key === "/" && !/^(INPUT|TEXTAREA)$/.test(event.target.tagName)) {
    event.preventDefault();
    byId("find").focus();
  }
});

const press = (id, action) => byId(id)?.addEventListener("click", action);
press("zoom-in", () => zoomAt(1.6));
press("zoom-out", () => zoomAt(1 / 1.6));
press("zoom-fit", KEYS[0]);
press("before", () => step(-1));
press("after", () => step(1));
press("copy", copyList);
press("download", downloadList);
press("more", addItems);
press("every", () => setOff([]));
press("none", () => setOff(everyGroup()));
press("clear", () => {
  byId("find").value = "";
  select([]);
});
for (const [id, change] of [
  ["lasso", (on) => canvas.classList.toggle("selecting", on)],
  ["pictures", (on) => (show.pictures = on)],
  ["labels", (on) => (show.labels = on)],
]) {
  press(id, () => {
    const on = byId(id).ariaPressed !== "true";
    byId(id).ariaPressed = String(on);
    change(on);
    paintOver();
  });
}

let typing = 0;
byId("find").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(search, n > 5000 ? 120 : 0);
});
byId("find").addEventListener("keydown", (event) => {
  const by = { Enter: event.shiftKey ? -1 : 1, ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  step(by);
});

function start() {
  updateTheme();
  if (data.groups) fillLegend();
  if (data.measure) paintScale();
}
isDark.addEventListener("change", () => {
  start();
  showList();
  if (state.current >= 0) fillTip(state.current, true);
  redraw();
});
start();
new ResizeObserver(resize).observe(canvas);
