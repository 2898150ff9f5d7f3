"use strict";
const table = document.getElementById("columns");
const body = table.tBodies[0];
const sections = [...document.querySelectorAll("details")];

function keyOf(row, index, numeric) {
  const key = row.cells[index].dataset.key;
  return numeric ? (key === "" ? null : Number(key)) : key;
}

function sortBy(heading) {
  const index = heading.cellIndex;
  const numeric = heading.classList.contains("n");
  const current = heading.getAttribute("aria-sort");
  const descending = current ? current === "ascending" : numeric;
  const sign = descending ? -1 : 1;
  const rows = [...body.rows];
  rows.sort((one, other) => {
    const a = keyOf(one, index, numeric), b = keyOf(other, index, numeric);
    if (a === null || b === null) return (a === null) - (b === null);
    return sign * (numeric ? a - b : a.localeCompare(b, undefined, { numeric: true }));
  });
  body.append(...rows);
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
}

for (const button of table.tHead.querySelectorAll("button")) {
  button.addEventListener("click", () => sortBy(button.closest("th")));
}

const filter = document.getElementById("filter");
const shown = document.getElementById("shown");
filter.addEventListener("input", () => {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const row of body.rows) {
    const fits = words.every((word) => row.dataset.words.includes(word));
    row.hidden = !fits;
    document.getElementById(row.dataset.section).hidden = !fits;
    count += fits;
  }
  shown.textContent = `${count} of ${body.rows.length} columns`;
});

function openNamed() {
  const section = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (section && section.tagName === "DETAILS") {
    section.open = true;
    section.scrollIntoView();
    section.querySelector("summary").focus({ preventScroll: true });
  }
}
addEventListener("hashchange", openNamed);
for (const link of body.querySelectorAll("a")) link.addEventListener("click", () => setTimeout(openNamed));
openNamed();

document.getElementById("open").addEventListener("click", () => {
  for (const section of sections) if (!section.hidden) section.open = true;
});
document.getElementById("close").addEventListener("click", () => {
  for (const section of sections) section.open = false;
});
