// The legend: groups to show and hide, or the scale of the numbers.

function makeEntry(group, name, count) {
  const button = make("button", "group");
  button.type = "button";
  button.dataset.group = group;
  button.title = `${name}: click to hide or show, double click for only this one`;
  const label = make("span", "", name);
  label.dir = "auto";
  button.append(makeDot(colourOfGroup(group)), label, make("b", "", numbers.format(count)));
  button.addEventListener("click", () => toggle(group));
  button.addEventListener("dblclick", () => onlyGroup(group));
  const only = make("button", "only", "only");
  only.type = "button";
  only.setAttribute("aria-label", `Show only ${name}`);
  only.addEventListener("click", () => onlyGroup(group));
  const row = make("li");
  row.addEventListener("pointerenter", () => hoverGroup(group));
  row.addEventListener("pointerleave", () => hoverGroup(-1));
  row.append(button, only);
  return row;
}

function everyGroup() {
  const groups = data.groups.names.map((_, group) => group);
  return data.groups.n_none ? [...groups, NONE] : groups;
}

function fillLegend() {
  const { names, counts, none_name: none, n_none: without } = data.groups;
  const rows = names.map((name, group) => makeEntry(group, name, counts[group]));
  if (without) rows.push(makeEntry(NONE, none, without));
  byId("groups").replaceChildren(...rows);
  updateLegend();
}

function updateLegend() {
  for (const button of byId("groups").querySelectorAll(".group")) {
    button.setAttribute("aria-pressed", String(!state.off.has(Number(button.dataset.group))));
  }
}

function setOff(groups) {
  state.off = new Set(groups);
  state.hovered = -1;
  if (state.current >= 0 && isOff(state.current)) keep(-1);
  updateLegend();
  if (state.matches) search();
  else refresh();
}

function toggle(group) {
  const off = new Set(state.off);
  if (!off.delete(group)) off.add(group);
  setOff(off);
}

function onlyGroup(group) {
  setOff(everyGroup().filter((one) => one !== group));
}

function hoverGroup(group) {
  if (group >= 0 && state.off.has(group)) group = -1;
  if (group === state.hovered) return;
  state.hovered = group;
  refresh();
}

function paintScale() {
  const stops = theme.scale.map((stop, at) => `${css(stop)} ${(100 * at) / (theme.scale.length - 1)}%`);
  byId("scale").style.background = `linear-gradient(90deg, ${stops.join(", ")})`;
  if (byId("no-value")) byId("no-value").style.background = css(theme.none);
}
