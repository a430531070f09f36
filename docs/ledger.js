// Filters of the ledger: the address keeps them, #paper.claim leads to one claim.
const form = document.querySelector("#filters");
const fields = [...form.elements].filter((field) => field.name);
const rows = [...document.querySelectorAll("table.ledger tr[id]")];
const heads = [...document.querySelectorAll("table.ledger tr.paper")];

function show() {
  const { text, ...exact } = Object.fromEntries(fields.map((field) => [field.name, field.value]));
  const words = text.toLowerCase().split(/\s+/);
  let fitting = 0;
  for (const row of rows) {
    row.hidden =
      !words.every((word) => row.dataset.text.includes(word)) ||
      Object.entries(exact).some(([name, value]) => value && row.dataset[name] !== value);
    fitting += !row.hidden;
  }
  for (const head of heads) {
    let row = head.nextElementSibling;
    while (row?.hidden && !row.matches(".paper")) row = row.nextElementSibling;
    head.hidden = !row || row.matches(".paper");
  }
  form.querySelector("output").value = fitting ? `${fitting} of ${rows.length}` : "no claim fits";
}

function follow() {
  const address = decodeURIComponent(location.hash.slice(1));
  const wanted = new URLSearchParams(address.includes("=") ? address : "");
  for (const field of fields) field.value = wanted.get(field.name) ?? "";
  show();
  document.getElementById(address)?.scrollIntoView();
}

form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", () => {
  const chosen = fields.filter((field) => field.value).map((field) => [field.name, field.value]);
  history.replaceState(null, "", "#" + new URLSearchParams(chosen));
  show();
});
addEventListener("hashchange", follow);

// BibTeX of one claim: its id, its verdict, and the run that gave it.
const run = JSON.parse(form.dataset.cite);
function bibtex(row) {
  const id = row.id.replaceAll("_", "\\_");
  const key = row.id.replace(/[^a-zA-Z0-9]+/g, "-");
  const year = run.year || new Date().getFullYear();
  const commit = run.commit ? `, commit ${run.commit}` : "";
  return `@misc{theory-on-trial-${key},
  author = {{The Theory on Trial contributors}},
  title = {Theory on Trial: claim ${id}},
  year = {${year}},
  version = {${run.version}},
  note = {${row.dataset.verdict}, tier ${row.dataset.tier}, seed ${run.seed}${commit}},
}`;
}
for (const link of document.querySelectorAll("table.ledger a.cite"))
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const cell = link.closest("td");
    const shown = cell.querySelector("pre");
    if (shown) return shown.remove();
    const block = document.createElement("pre");
    block.textContent = bibtex(link.closest("tr"));
    cell.append(block);
    navigator.clipboard?.writeText(block.textContent).catch(() => {});
  });

follow();
