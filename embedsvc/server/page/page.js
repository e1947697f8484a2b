// The page: its tabs, and what each can do with the models that are served.

import { startClassify } from "./classify.js";
import { byId, count, formatNumber, make, plural, shorten } from "./dom.js";
import { startImages } from "./images.js";
import { watchService } from "./service_state.js";
import { startTexts } from "./texts.js";

const TABS = ["images", "texts", "classify"];
const NEEDS = { images: "detector", texts: "text", classify: "classifier" };

function openTab(name, { focus = false } = {}) {
  for (const one of TABS) {
    const tab = byId(`tab-${one}`);
    const isOpen = one === name;
    tab.setAttribute("aria-selected", String(isOpen));
    tab.tabIndex = isOpen ? 0 : -1;
    byId(one).hidden = !isOpen;
    if (isOpen && focus) tab.focus();
  }
  history.replaceState(null, "", `#${name}`);
}

function turn(event) {
  const at = TABS.indexOf(event.target.id.slice("tab-".length));
  const last = TABS.length - 1;
  const [before, after] = [at ? at - 1 : last, at < last ? at + 1 : 0];
  const next = { ArrowLeft: before, ArrowRight: after, Home: 0, End: last }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  openTab(TABS[next], { focus: true });
}

function startTabs() {
  for (const name of TABS) byId(`tab-${name}`).addEventListener("click", () => openTab(name));
  document.querySelector(".tabs").addEventListener("keydown", turn);
  addEventListener("hashchange", openAsked);
  openAsked();
}

function openAsked() {
  const asked = location.hash.slice(1);
  if (TABS.includes(asked)) openTab(asked);
}

const TASKS = { binary: "One of", multiclass: "One of", multilabel: "Any of" };

// What a model is, in a few words below its name.
const ABOUT = {
  text: (m) => `${count(m.dim)} numbers a text, up to ${plural(m.max_tokens, "token")}`,
  classifier: ({ task, labels }) =>
    `${TASKS[task] ?? task} ${count(labels.length)}: ${shorten(labels.join(", "), 90)}`,
  detector: ({ method, threshold, heatmap }) =>
    `Method ${method}, threshold ${formatNumber(threshold)}${heatmap ? "" : ", no heat map"}`,
};

function takeModels(models) {
  for (const name of TABS) {
    const panel = byId(name);
    const fit = models.filter((model) => model.kind === NEEDS[name]);
    panel.querySelector(".hint").hidden = fit.length > 0;
    panel.querySelector(".work").hidden = fit.length === 0;
    fillSelect(panel.querySelector(".model"), fit, panel.querySelector(".about"));
  }
  document.body.classList.add("ready");
  const usable = TABS.filter((name) => byId(name).querySelector(".hint").hidden);
  const open = TABS.find((name) => !byId(name).hidden);
  if (!location.hash && usable.length && !usable.includes(open)) openTab(usable[0]);
}

function fillSelect(select, models, about) {
  const chosen = select.value;
  select.replaceChildren(...models.map((model) => make("option", { value: model.id, text: model.id })));
  if (models.some((model) => model.id === chosen)) select.value = chosen;
  select.onchange = () => {
    const model = models.find((one) => one.id === select.value);
    about.textContent = model ? ABOUT[model.kind](model) : "";
  };
  select.onchange();
}

startImages(openTab);
startTexts();
startClassify();
startTabs();
watchService(takeModels);
