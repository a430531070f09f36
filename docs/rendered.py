"""What is wrong with a page as it was made: lost formulas, formulas left in TeX, links that lead
nowhere.

`python docs/rendered.py build/site` prints it of every page of the site, and ends with 1 if there
is anything. Where there is a Chromium, it opens the pages outside the API too: on a phone and on a
desk, in light and in dark. It asks the search for every claim, and weighs a first visit.
"""

import gzip
import json
import random
import re
import sys
import tempfile
import time
from contextlib import contextmanager
from functools import cache, partial
from html import unescape
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

STASH = re.compile("klzzwxh|wzxhzdk|[\x02\x03]")  # the marks with which Markdown puts text aside
TEX = re.compile(r"\$[^$\n]+\$|\$\$|\\[a-zA-Z]+|\\[{}|]")
# A command that the converter to MathML does not know
UNREAD = re.compile(r"<m[a-z]+[^>]*>\\[^<]*<|<merror")
LITERAL = {"code", "pre", "script", "style", "textarea"}
VIEWS = ((390, False), (1280, True))  # pixels, dark: every page
MORE_VIEWS = ((390, True), (1280, False))  # pages at the top of the site, too
DRAWN = 20  # claims that are typed into the search
HEAVIEST = 1_000_000  # bytes of a first visit, as servers send it
SEEN = """[document.documentElement.scrollWidth > innerWidth && "wider than the screen",
  ...[...document.querySelectorAll(".md-typeset__scrollwrap")].map(one =>
    one.scrollWidth > one.clientWidth + 2 && "a table is cut: " + one.textContent.trim().split("\\n")[0]),
  ...[...document.images].map(one => one.complete && !one.naturalWidth && "no picture " + one.getAttribute("src"))
].filter(Boolean)"""
VOID = {
    "area",
    "base",
    "br",
    "col",
    "embed",
    "hr",
    "img",
    "input",
    "link",
    "meta",
    "source",
    "track",
    "wbr",
}


class Page(HTMLParser):
    """The words of a page outside code, the names it defines, and the addresses it points to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.names: set[str] = set()
        self.addresses: list[str] = []
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note names and addresses."""
        values = dict(attrs)
        self.names |= {str(values[key]) for key in ("id", "name") if values.get(key)}
        self.addresses += [str(values[key]) for key in ("href", "src") if values.get(key)]
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Leave the element, and whatever stayed open in it."""
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        """Keep what a reader reads as prose."""
        if not LITERAL & set(self._open):
            self.words.append(data)


def faults(text: str) -> list[str]:
    """Return what is wrong with the HTML of a page, one sentence each."""
    words = "".join(Page(text).words)
    lost = [f"a lost formula: …{_around(text, mark)}…" for mark in STASH.finditer(text)]
    raw = [f"TeX as it was written: …{_around(words, mark)}…" for mark in TEX.finditer(words)]
    return (
        lost + raw + [f"a command that is not known: {mark[0]}" for mark in UNREAD.finditer(text)]
    )


def _around(text: str, mark: re.Match[str]) -> str:
    return " ".join(text[max(mark.start() - 30, 0) : mark.end() + 30].split())


def site_faults(site: Path) -> list[str]:
    """Return what is wrong with the pages of a site, its links among them, each with its page."""

    @cache
    def names(path: Path) -> set[str]:
        return Page(path.read_text(encoding="utf-8")).names

    complaints = []
    for path in sorted(site.rglob("*.html")):
        text = path.read_text(encoding="utf-8")
        complaints += [f"{path.relative_to(site)}: {fault}" for fault in faults(text)]
        for address in dict.fromkeys(Page(text).addresses):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            start = site if parts.path.startswith("/") else path.parent
            target = start / unquote(parts.path).lstrip("/") if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            anchor = (
                not parts.fragment
                or target.suffix != ".html"
                or unquote(parts.fragment) in {"", "__codelineno"}
            )
            if not target.exists() or not (anchor or unquote(parts.fragment) in names(target)):
                complaints.append(f"{path.relative_to(site)}: nothing stands at {address}")
    return complaints


def chromium_of_the_tests() -> Any:
    """Return what drives the engine's pages in a browser; None without Chromium, or without the
    tests' packages.
    """
    sys.path.insert(0, str(Path(__file__).parents[1] / "engine" / "tests"))
    try:
        import browser
    except ImportError:
        return None
    return browser if browser.find() else None


def seen_faults(site: Path) -> list[str]:
    """Return what is wrong with the pages outside the API in a browser, at each width; nothing
    without Chromium.
    """
    browser = chromium_of_the_tests()
    if browser is None:
        return []
    pages = [
        path for path in sorted(site.rglob("*.html")) if path.relative_to(site).parts[0] != "api"
    ]
    wrong = []
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        browser.chromium(Path(folder)) as tab,
    ):
        for path in pages:
            views = VIEWS + MORE_VIEWS * (path.parent == site)
            for width, dark in views:
                tab.view(width, dark=dark)
                tab.open(path.as_uri())
                place = f"{path.relative_to(site)} at {width} pixels"
                wrong += [f"{place}: {said}" for said in tab.run(SEEN)]
        wrong += [f"console: {error}" for error in tab.errors]
    return wrong


def visit_faults(site: Path) -> list[str]:
    """Return what is wrong with a visit by way of a server: the weight of the first page, claims that
    the search does not find, and drawn ones that it does not show first; nothing without Chromium.
    """
    browser = chromium_of_the_tests()
    if browser is None:
        return []
    text = (site / "ledger.html").read_text(encoding="utf-8")
    ids = [unescape(name) for name in re.findall(r'<tr id="([^"]*)"', text)]
    wrong = []
    with (
        served(site) as address,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        browser.chromium(Path(folder)) as tab,
    ):
        tab.view(1280)
        tab.open(f"{address}/index.html")
        time.sleep(2)  # the search loads its index after the page
        weight = sum(map(sent, {site / path for path in tab.run(LOADED)} | {site / "index.html"}))
        print(f"a first visit: {weight / 1e6:.2f} MB")
        if weight > HEAVIEST:
            wrong.append(f"index.html: a first visit takes {weight} bytes")
        wrong += [f"the search does not find {name}" for name in tab.run(LOST % json.dumps(ids))]
        for name in random.sample(ids, DRAWN):
            first = tab.run(FIND % name)
            if first != f"ledger.html#{name}":
                wrong.append(f"the search for {name} finds {first or 'nothing'}")
        wrong += [f"console: {error}" for error in tab.errors]
    return wrong


LOADED = """performance.getEntriesByType("resource").map(one => new URL(one.name))
  .filter(one => one.origin === location.origin).map(one => decodeURIComponent(one.pathname.slice(1)))"""
# Ids that the first page among the results does not hold, asked of the search's worker, which speaks
# in types of messages: 0 an index, 1 ready, 2 a query, 3 its results, a list of places for each page
LOST = """(async () => {
  const {base, search} = JSON.parse(document.querySelector("#__config").textContent);
  const worker = new Worker(new URL(search, new URL(base, location)));
  const ask = (message) => new Promise(done => {
    worker.onmessage = ({data}) => done(data.data);
    worker.postMessage(message);
  });
  const index = await (await fetch("search/search_index.json")).json();
  await ask({type: 0, data: {...index, options: {suggest: false}}});
  const lost = [];
  for (const id of %s) {
    const {items} = await ask({type: 2, data: id});
    if (!items[0]?.some(one => decodeURIComponent(one.location) === `ledger.html#${id}`)) lost.push(id);
  }
  return lost;
})()"""
FIND = """(async () => {
  const field = document.querySelector("[data-md-component=search-query]");
  document.querySelector("#__search").checked = true;
  field.focus();
  field.value = "";
  field.dispatchEvent(new Event("keyup"));
  await new Promise(done => setTimeout(done, 300));
  field.value = "%s";
  field.dispatchEvent(new Event("keyup"));
  for (let trial = 0; trial < 100; trial++) {
    await new Promise(done => setTimeout(done, 100));
    // the first result, below the title of the page that holds it
    const first = () => document.querySelector(".md-search-result__item [href*='#']");
    if (first()) {
      await new Promise(done => setTimeout(done, 300));
      const found = new URL(first().href);
      return decodeURIComponent(found.pathname.split("/").pop() + found.hash);
    }
  }
  return "";
})()"""


def sent(path: Path) -> int:
    """Return how many bytes of a file a server sends: text is compressed."""
    text = path.suffix in {".html", ".css", ".js", ".json", ".svg"}
    return len(gzip.compress(path.read_bytes())) if text else path.stat().st_size


@contextmanager
def served(site: Path) -> Any:
    """Serve a folder on this machine while the context is open; its address is the value."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


if __name__ == "__main__":
    place = Path(sys.argv[1]).absolute()
    found = site_faults(place) + seen_faults(place) + visit_faults(place)
    print("\n".join(found) or "no fault")
    sys.exit(bool(found))
