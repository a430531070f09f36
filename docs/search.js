// Who searches for the id of a claim finds that claim first. The search ranks by shared words, and an
// id that holds all words of another may win.
const found = document.querySelector(".md-search-result__list");
const query = document.querySelector("[data-md-component=search-query]");

function exactFirst() {
  const wanted = query.value.trim();
  const page = found.firstElementChild;
  const links = [...(page?.querySelectorAll("a[href*='#']") ?? [])];
  const exact = links.find((link) => decodeURIComponent(link.hash.slice(1)) === wanted);
  if (exact && exact !== links[0]) links[0].before(exact);
}

if (found && query) new MutationObserver(exactFirst).observe(found, { childList: true, subtree: true });
