"use strict";
// Light or dark: what the system prefers, or what was chosen here. It runs before the first paint.

const root = document.documentElement;
const prefersDark = matchMedia("(prefers-color-scheme: dark)");

// Where a browser forbids storage, the choice lasts as long as the page.
function storedTheme() {
  try {
    return localStorage.getItem("embedsvc-theme");
  } catch {
    return null;
  }
}

function storeTheme(theme) {
  try {
    localStorage.setItem("embedsvc-theme", theme);
  } catch {
    // Nothing to do about it.
  }
}

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : prefersDark.matches;
}

function showTheme() {
  const button = document.getElementById("theme");
  if (button) button.setAttribute("aria-pressed", String(isDark()));
  document.dispatchEvent(new Event("themechange"));
}

if (["light", "dark"].includes(storedTheme())) root.dataset.theme = storedTheme();
prefersDark.addEventListener("change", showTheme);
document.addEventListener("DOMContentLoaded", () => {
  document.getElementById("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    storeTheme(root.dataset.theme);
    showTheme();
  });
  showTheme();
});
