"""The catalogue of all papers: topic, what is claimed, verdicts, errata and a picture, for README
and site.

`python docs/catalogue.py` writes it into README.md; the site makes it anew with each build. Nothing
is run: sentences come from the pages of `docs/papers` and, of papers on one page, from the module;
verdicts from the published ledger.
"""

import re
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path

from theory_on_trial.ledger import paper_in
from theory_on_trial.page.compare import read
from theory_on_trial.page.typeset import typeset
from theory_on_trial.repository import outline

ROOT = Path(__file__).parent.parent
LEDGER = sorted((ROOT / "records" / "ledgers").glob("*-x1.json"))[0]
BEGIN = "<!-- catalogue -->"
END = "<!-- end of the catalogue -->"
BRIEFS = "briefs."


@dataclass(frozen=True)
class Entry:
    """A paper of the catalogue.

    Attributes:
        name: as in the ids of its claims.
        title, reference: in a few words, and in full.
        sentence: what is claimed, one paragraph.
        topic: the heading under which it stands.
        page: its page, from the folder `docs`.
        picture: its first figure, from the folder `docs`; "" where none was drawn.
        about: the further paragraphs of a paper on one page.
    """

    name: str
    title: str
    reference: str
    sentence: str
    topic: str
    page: str
    picture: str
    about: tuple[str, ...] = ()


@cache
def catalogue() -> tuple[Entry, ...]:
    """Return all papers, by topic and name."""
    entries = [
        _on_one_page(name) if name.startswith(BRIEFS) else _in_full(name)
        for name in outline.papers(ROOT)
    ]
    return tuple(sorted(entries, key=lambda entry: (entry.topic, entry.name)))


def _in_full(name: str) -> Entry:
    page = f"papers/{name}.md"
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    title, _, reference = text.partition("\n\n")
    topic = re.search(r"<!-- topic: (.*) -->", text)
    point = re.search(
        r"^## What this means for you\n\n- (.*?)(?=\n- |\n\n)", text, re.MULTILINE | re.DOTALL
    )
    if topic is None or point is None:
        raise ValueError(
            f"docs/{page} needs a line <!-- topic: … --> and a point under 'What this means for "
            "you'"
        )
    title = title.splitlines()[0].removeprefix("# ")
    return Entry(
        name,
        title,
        reference.split("\n\n")[0],
        " ".join(point[1].split()),
        topic[1],
        page,
        _picture(name),
    )


def _on_one_page(name: str) -> Entry:
    text = outline.docstring(name, ROOT)
    paragraphs = text.split("\n\n")
    reference, sentence, *about = (" ".join(paragraph.split()) for paragraph in paragraphs)
    last, _, topic = about[-1].partition("Topic: ")
    title = _spelt(name.removeprefix(BRIEFS).replace("_", " "), text)
    page = f"papers/{name.replace('.', '/')}.md"
    about = [*about[:-1], last.strip()]
    return Entry(
        name,
        title,
        reference,
        sentence,
        topic.rstrip("."),
        page,
        _picture(name),
        tuple(filter(None, about)),
    )


def _spelt(title: str, text: str) -> str:
    """Return a title as a sentence begins, with LDA, HiPPO and Kalman as the text below the
    reference spells them.
    """
    body = text.partition("\n\n")[2]
    words = []
    for word in title.split():
        name = re.search(rf"(?<=[\w,] )(?=\w*[A-Z])(?i:{word})\b", body)
        words.append(name[0] if name and not re.search(rf"\b{word}\b", body) else word)
    spelt = " ".join(words)
    return spelt[0].upper() + spelt[1:]


def _picture(name: str) -> str:
    pictures = sorted((ROOT / "docs" / "papers").joinpath(*name.split(".")).glob("*.webp"))
    return pictures[0].relative_to(ROOT / "docs").as_posix() if pictures else ""


@cache
def verdicts(name: str) -> str:
    """Return how many claims of a paper hold and how many published forms do not, as the published
    ledger has it.
    """
    rows = [row for row in read(LEDGER)["claims"] if paper_in(row["id"]) == name]
    held = sum(row["verdict"] == "VERIFIED" for row in rows)
    errata = sum(row["id"].endswith("-as-published") for row in rows)
    others = len(rows) - held - errata
    parts = (
        [f"{held} VERIFIED"]
        + [f"{errata} REFUTED as published"] * bool(errata)
        + [f"{others} other"] * bool(others)
    )
    return ", ".join(parts) if rows else "not yet in the ledger"


def table(prefix: str = "") -> str:
    """Return the catalogue as Markdown, a table for each topic; `prefix` leads from the page to the
    folder `docs`.
    """
    parts = []
    for topic in dict.fromkeys(entry.topic for entry in catalogue()):
        parts += [
            f"### {topic.capitalize()}",
            "",
            "| | paper | what is claimed | verdicts |",
            "|---|---|---|---|",
        ]
        for entry in (entry for entry in catalogue() if entry.topic == topic):
            picture = (
                f'<img src="{prefix}{entry.picture}" width="140" alt="{escape(entry.title)}">'
                * bool(entry.picture)
            )
            short = entry.name.startswith(BRIEFS)
            place = f"{prefix}{entry.page}"
            if short and prefix:  # its page is made with the site
                place = outline.files(entry.name, ROOT)[0].relative_to(ROOT).as_posix()
            sentence = in_html(entry.sentence) if short else entry.sentence.replace("|", "\\|")
            parts.append(
                f"| {picture} | [{entry.title}]({place}) | {sentence} | {verdicts(entry.name)} |"
            )
        parts.append("")
    return "\n".join(parts).rstrip()


def in_html(text: str) -> str:
    """Return the text of a docstring as HTML that Markdown leaves as it is."""
    return re.sub(r"[\\`*_{}\[\]|$~^]|(?<!&)#", lambda mark: f"&#{ord(mark[0])};", typeset(text))


def sums() -> str:
    """Return how many papers there are, and what their claims came to in the published ledger."""
    rows = read(LEDGER)["claims"]
    held, false = (
        sum(row["verdict"] == verdict for row in rows) for verdict in ("VERIFIED", "REFUTED")
    )
    papers = len(catalogue())
    return (
        f"{papers} papers; in the published ledger {held} claims hold, and {false} printed "
        "statements do not."
    )


def written(readme: str) -> str:
    """Return README.md with the catalogue of the present source in its place."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table('docs/')}\n\n{END}{after}"


if __name__ == "__main__":
    path = ROOT / "README.md"
    path.write_text(written(path.read_text(encoding="utf-8")), encoding="utf-8")
