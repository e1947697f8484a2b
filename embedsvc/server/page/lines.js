// Fields of texts, one a line: the count, the key that sends, the way to a bad line.

import { count, make, plural } from "./dom.js";

// The lines of a text field that are not empty: what they say and where they stand.
export function linesOf(field) {
  const lines = [];
  let from = 0;
  for (const line of field.value.split("\n")) {
    if (line.trim()) lines.push({ text: line.trim(), from, to: from + line.length });
    from += line.length + 1;
  }
  return lines;
}

export function withLines(own, area, task) {
  const output = own.querySelector(".lines-count");
  area.addEventListener("input", () => {
    const n = linesOf(area).length;
    output.textContent = n ? plural(n, "text") : "";
  });
  area.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    task.start();
  });
  task.buttonsFor = (err) => {
    const at = Number(/^input\[(\d+)\]/.exec(err.param ?? "")?.[1] ?? NaN);
    const line = linesOf(area)[at];
    if (!line) return [];
    const button = make("button", { type: "button", text: `Go to text ${count(at + 1)}` });
    button.addEventListener("click", () => {
      area.focus();
      area.setSelectionRange(line.from, line.to);
    });
    return [button];
  };
}

export function cutAdvice(err, box) {
  if (err.status !== 400 || box.checked || !/truncate/.test(err.message)) return undefined;
  return "Shorten the text, or tick “Cut texts that are too long” and try again.";
}
