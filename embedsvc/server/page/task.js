// What the three parts have in common: one request at a time, its state, its errors, its command.

import { ServiceError } from "./api.js";
import { make, reveal } from "./dom.js";
import { askForKey, connect } from "./service_state.js";

const TITLES = {
  0: "No connection",
  401: "An API key is needed",
  403: "Not allowed",
  404: "Not found",
  413: "Too much at once",
  429: "The service is busy",
  503: "The service is not ready",
  504: "It took too long",
};
const ADVICE = {
  429: "Nothing is lost: wait a little, then try again.",
  503: "Nothing is lost: wait a little, then try again.",
  504: "Try again with fewer at once.",
};
const WORTH_A_RETRY = new Set([0, 429, 500, 502, 503, 504]);

// Something the page itself finds wrong, before it asks.
export class Mistake extends Error {}

// The chosen model's name.
export function modelOf(select) {
  if (select.value) return select.value;
  throw new Mistake("The service is not ready yet. Nothing is lost: try again once it is.");
}

export class Task {
  // `run(signal, say)` does the work and returns the words that sum it up.
  constructor(panel, run) {
    this.run = run;
    this.results = panel.querySelector(".results");
    this.retry = () => this.start();
    for (const part of ["go", "cancel", "status", "error", "curl", "empty"]) {
      this[part] = panel.querySelector(`.${part}`);
    }
    panel.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.start();
    });
    this.cancel.addEventListener("click", () => this.stop());
  }

  async start() {
    this.controller?.abort();
    const controller = new AbortController();
    this.controller = controller;
    const isCurrent = () => this.controller === controller;
    this.clearError();
    this.setBusy(true);
    // What is shown belongs to the last request until this one is answered.
    this.results.classList.add("stale");
    const say = (words) => isCurrent() && this.say(words);
    try {
      const words = await this.run(controller.signal, say);
      if (isCurrent()) this.say(words);
    } catch (err) {
      if (isCurrent()) this.fail(err);
    } finally {
      if (isCurrent()) this.setBusy(false);
    }
  }

  stop() {
    if (!this.controller) return;
    this.controller.abort();
    this.controller = null;
    this.setBusy(false);
    this.say("Cancelled.");
    this.go.focus();
  }

  setBusy(busy) {
    this.cancel.hidden = !busy;
    this.go.form.setAttribute("aria-busy", String(busy));
  }

  say(words) {
    this.status.textContent = words;
  }

  clearError() {
    clearInterval(this.countdown);
    this.error.replaceChildren();
  }

  fail(err) {
    this.say("");
    if (err instanceof Mistake) {
      this.error.replaceChildren(make("p", { text: err.message }));
    } else if (err instanceof ServiceError) {
      this.showError(err);
    } else {
      this.error.replaceChildren(make("p", { text: `The page failed: ${err.message}` }));
      throw err;
    }
  }

  showError(err) {
    const usual = err.status >= 500 ? "The service failed" : "The service cannot use this";
    const advice = this.adviceFor?.(err) ?? ADVICE[err.status];
    const nodes = [
      make("h3", { text: TITLES[err.status] ?? usual }),
      make("p", { text: err.message }),
    ];
    if (advice) nodes.push(make("p", { text: advice }));
    if (err.status >= 500 && err.id) {
      nodes.push(make("p", { class: "note", text: `Request ${err.id}` }));
    }
    const buttons = this.buttonsFor?.(err) ?? [];
    if (WORTH_A_RETRY.has(err.status)) buttons.push(this.retryButton(err.retryAfter));
    if (buttons.length) nodes.push(make("div", { class: "row" }, ...buttons));
    this.error.replaceChildren(...nodes);
    if (err.status === 401) askForKey(err, this.retry);
    // Where the service went away, the page waits for it.
    if (err.status === 0 || err.status === 503) connect();
  }

  // Counts down what the service asked to wait.
  retryButton(seconds) {
    const button = make("button", { type: "button", class: "retry" });
    button.addEventListener("click", this.retry);
    const end = performance.now() + 1000 * (seconds ?? 0);
    const show = () => {
      const left = Math.ceil((end - performance.now()) / 1000);
      button.disabled = left > 0;
      button.textContent = left > 0 ? `Try again in ${left} s` : "Try again";
      if (left > 0) return;
      clearInterval(this.countdown);
      if (seconds) this.say("You can try again now.");
    };
    this.countdown = setInterval(show, 200);
    show();
    return button;
  }

  showResults(node) {
    this.empty.hidden = true;
    this.results.classList.remove("stale");
    node.hidden = false;
    reveal(node);
  }

  // The command with its copy button, and a remark on it.
  showCommand(command, remark = "") {
    const text = make("code", { text: command });
    const pre = make("pre", { tabindex: "0", "aria-label": "The curl command" }, text);
    const copied = make("span", { class: "note", role: "status" });
    const button = make("button", { type: "button", class: "quiet copy", text: "Copy" });
    button.addEventListener("click", () => copyText(text, copied));
    const head = make("div", { class: "over" }, make("h3", { text: "The same with curl" }), copied, button);
    const note = make("p", { class: "note", text: remark, hidden: !remark });
    this.curl.replaceChildren(head, pre, note);
    this.curl.hidden = false;
  }
}

async function copyText(node, copied) {
  getSelection().selectAllChildren(node);
  try {
    // Only pages from https or this machine have a clipboard.
    if (navigator.clipboard) await navigator.clipboard.writeText(node.textContent);
    else if (!document.execCommand("copy")) throw new Error("refused");
    copied.textContent = "Copied";
  } catch {
    copied.textContent = "Selected: press Ctrl+C";
  }
}
