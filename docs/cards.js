// On a phone a row of a table is a card: each cell bears the head of its column (style.css shows it).
for (const table of document.querySelectorAll(".md-typeset table:not([class])")) {
  const heads = [...table.querySelectorAll("thead th")].map((head) => head.textContent.trim());
  for (const row of table.tBodies[0]?.rows ?? [])
    [...row.cells].forEach((cell, at) => (cell.dataset.head = heads[at] ?? ""));
}
