// The address says what is shown: #paper=…&verdict=… filters, #paper.claim opens one claim.
const form = document.querySelector("#filters");
const fields = [...form.elements].filter((field) => field.name);
const claims = [...document.querySelectorAll(".claim")];
const greek = {{ greek | tojson }};
const named = (text) => [...text.toLowerCase()].map((letter) => greek[letter] ?? letter).join("");

function show() {
  const wanted = Object.fromEntries(fields.map((field) => [field.name, field.value.toLowerCase()]));
  const { text, ...exact } = wanted;
  const words = named(text).split(/\s+/);
  for (const claim of claims)
    claim.hidden =
      !words.every((word) => claim.dataset.text.includes(word)) ||
      Object.entries(exact).some(([name, value]) => value && claim.dataset[name].toLowerCase() !== value);
  const filtered = fields.some((field) => field.value);
  for (const paper of document.querySelectorAll("section.paper")) {
    const other = wanted.paper && paper.dataset.paper.toLowerCase() !== wanted.paper;
    paper.hidden = other || (filtered && !paper.querySelector(".claim:not([hidden])"));
  }
  document.body.classList.toggle("chosen", Boolean(wanted.kind || wanted.whose || wanted.tier || wanted.verdict || text));
  const fitting = claims.filter((claim) => !claim.hidden).length;
  form.querySelector("output").value = fitting ? `${fitting} of ${claims.length}` : "no claim fits";
}

function follow() {
  const address = location.hash.slice(1);
  const wanted = new URLSearchParams(address.includes("=") ? address : "");
  for (const field of fields) field.value = wanted.get(field.name) ?? "";
  show();
  const target = document.getElementById(decodeURIComponent(address));
  if (target?.matches("details")) target.open = true;
  target?.closest("details")?.setAttribute("open", "");
  if (address && !wanted.size && !target) {
    form.querySelector("output").value = `nothing here is called ${decodeURIComponent(address)}`;
    form.scrollIntoView();
  }
  (target ?? (wanted.size ? form : null))?.scrollIntoView();
}

form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", () => {
  const chosen = fields.filter((field) => field.value).map((field) => [field.name, field.value]);
  history.replaceState(null, "", "#" + new URLSearchParams(chosen));
  show();
});
addEventListener("hashchange", follow);

for (const link of document.querySelectorAll(".permalink"))
  link.addEventListener("click", () => navigator.clipboard?.writeText(link.href).catch(() => {}));

// Each image is in the page once; an opened claim shows that of its figure, small.
document.addEventListener(
  "toggle",
  (event) => {
    for (const image of event.target.querySelectorAll("img[data-from]"))
      image.src = document.getElementById(image.dataset.from).querySelector("img").src;
  },
  true,
);

// One claim at a time is a stop of the tabulator; arrow keys lead to the others.
const heads = claims.map((claim) => claim.querySelector("summary"));
for (const head of heads) head.tabIndex = -1;
if (heads.length) heads[0].tabIndex = 0;
document.querySelector("main").addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || !heads.includes(event.target)) return;
  const seen = heads.filter((head) => !head.parentElement.hidden && !head.closest("section").hidden);
  const next = seen[seen.indexOf(event.target) + step];
  if (!next) return;
  event.preventDefault();
  event.target.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
});

follow();
