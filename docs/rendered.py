"""What is wrong with a page as it was made: lost formulas, formulas left in TeX, links that lead
nowhere.

`python docs/rendered.py build/site` prints it of every page of the site, and ends with 1 if there
is anything. Where there is a Chromium, it opens the pages outside the API too, on a phone and on a
desk.
"""

import re
import sys
import tempfile
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

STASH = re.compile("klzzwxh|wzxhzdk|[\x02\x03]")  # the marks with which Markdown puts text aside
TEX = re.compile(r"\$[^$\n]+\$|\$\$|\\[a-zA-Z]+|\\[{}|]")
UNREAD = re.compile(
    r"<m[a-z]+[^>]*>\\[^<]*<|<merror"
)  # a command that the converter to MathML does not know
LITERAL = {"code", "pre", "script", "style", "textarea"}
WIDTHS = (390, 1280)
SEEN = """[document.documentElement.scrollWidth > innerWidth && "wider than the screen",
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
        for width, path in ((width, path) for width in WIDTHS for path in pages):
            tab.view(width)
            tab.open(path.as_uri())
            wrong += [
                f"{path.relative_to(site)} at {width} pixels: {said}" for said in tab.run(SEEN)
            ]
        wrong += [str(error) for error in tab.errors]
    return wrong


if __name__ == "__main__":
    place = Path(sys.argv[1]).absolute()
    found = site_faults(place) + seen_faults(place)
    print("\n".join(found) or "no fault")
    sys.exit(bool(found))
