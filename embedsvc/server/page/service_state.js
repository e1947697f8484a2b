// Is the service there, has it loaded its models, does it want a key?

import { ask, hasKey, isPossibleKey, setKey } from "./api.js";
import { byId, plural } from "./dom.js";

const LOADING_PAUSE = 1000;
const LOST_PAUSE = 2500;

let takeModels = () => {};
const afterKey = new Set();
let watch = 0;

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

// Calls `onModels` with the list of models, now and whenever it may have changed.
export function watchService(onModels) {
  takeModels = onModels;
  byId("key-form").addEventListener("submit", useKey);
  byId("forget-key").addEventListener("click", forgetKey);
  byId("banner-retry").addEventListener("click", connect);
  connect();
}

// A later call takes over from an earlier one.
export async function connect() {
  const own = ++watch;
  say("busy", "Connecting…");
  while (own === watch) {
    try {
      await ask("readyz");
      const { data } = await ask("v1/models");
      if (own === watch) connected(data);
      return;
    } catch (err) {
      if (own !== watch || !goesOn(err)) return;
      await pause(err.status ? LOADING_PAUSE : LOST_PAUSE);
    }
  }
}

// Says what is wrong, and whether waiting can help.
function goesOn(err) {
  if (err.status === 401) {
    askForKey(err, connect);
    return false;
  }
  if (err.status === 0) {
    say("bad", "Not connected");
    showBanner(`${err.message} Trying again…`);
    return true;
  }
  if (err.status === 503 || err.status === 429) {
    say("busy", "Loading models…");
    showBanner(`${err.message} This page becomes usable by itself.`);
    return true;
  }
  say("bad", "Not usable");
  showBanner(err.message, { retry: true });
  return false;
}

function connected(models) {
  say("good", `Ready, ${plural(models.length, "model")}`);
  byId("banner").hidden = true;
  byId("key-form").hidden = true;
  byId("forget-key").hidden = !hasKey();
  takeModels(models);
}

function say(state, words) {
  byId("state").dataset.state = state;
  if (byId("state-words").textContent !== words) byId("state-words").textContent = words;
}

function showBanner(words, { retry = false } = {}) {
  byId("banner").hidden = false;
  byId("banner-retry").hidden = !retry;
  if (byId("banner-words").textContent !== words) byId("banner-words").textContent = words;
}

// Shows the field for the key; `then` runs once one was given.
export function askForKey(err, then) {
  afterKey.add(then);
  say("bad", "API key needed");
  byId("banner").hidden = true;
  byId("key-form").hidden = false;
  byId("key-words").textContent = hasKey()
    ? `The key was not accepted: ${err.message}`
    : "This service asks for an API key.";
  byId("key").focus();
}

function useKey(event) {
  event.preventDefault();
  const value = byId("key").value.trim();
  if (!isPossibleKey(value)) {
    byId("key-words").textContent =
      "Expected a key of letters, digits and signs without spaces. Copy it once more.";
    byId("key").focus();
    return;
  }
  setKey(value);
  byId("key").value = "";
  byId("key-form").hidden = true;
  const waiting = [...afterKey.add(connect)];
  afterKey.clear();
  for (const then of waiting) then();
}

function forgetKey() {
  setKey("");
  byId("forget-key").hidden = true;
  connect();
}
