"use strict";
// Tables that a click on a head sorts; without this script they stay in the order they came in.

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

function valueOf(row, column, kind) {
  const cell = row.cells[column];
  if (kind === "text") return cell.textContent.trim();
  return cell.dataset.value === "" ? null : Number(cell.dataset.value);
}

// What was not measured, or has no text, comes last in both directions.
function compare(a, b, kind, sign) {
  const isNothing = (value) => value === null || value === "";
  if (isNothing(a) || isNothing(b)) return Number(isNothing(a)) - Number(isNothing(b));
  return sign * (kind === "text" ? collator.compare(a, b) : a - b);
}

function sortBy(table, head) {
  const kind = head.dataset.sort;
  const before = head.getAttribute("aria-sort");
  const first = kind === "text" ? "ascending" : "descending";
  const other = kind === "text" ? "descending" : "ascending";
  const order = before === first ? other : first;
  const sign = order === "ascending" ? 1 : -1;
  for (const one of head.parentElement.cells) one.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", order);
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [valueOf(row, head.cellIndex, kind), row]);
  rows.sort((a, b) => compare(a[0], b[0], kind, sign));
  body.append(...rows.map(([, row]) => row));
}

for (const table of document.querySelectorAll("table.sortable")) {
  for (const head of table.querySelectorAll("th[data-sort]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sortBy(table, head));
    head.append(button);
  }
}
