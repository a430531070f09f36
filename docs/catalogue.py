"""The catalogue of all papers: topic, what is claimed, a picture, and whose the statements are.

Sentences come from the pages of `docs/papers` and from the modules of papers on one page, whose a
statement is from its claim, and verdicts from the published ledger. Nothing is run.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path

from theory_on_trial import claims
from theory_on_trial.formula.marks import parts
from theory_on_trial.ledger import Ledger, read
from theory_on_trial.ledger.words import WHOSE
from theory_on_trial.page.typeset import typeset
from theory_on_trial.repository import abstract, outline

ROOT = Path(__file__).parent.parent
BRIEFS = "briefs."
LEDGER = ROOT / "records" / "ledgers" / "jax-0.10.2_python-3.11_cpu.json"
REFUTED = "published and refuted"
NEW = "not run yet"
UNEXPECTED = "unexpected"
ONLY_ABSTRACT = "Only the abstract was read"


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
        read: what was read of it, a paragraph; "" where its own page says so.
        only_abstract: whether nothing but the abstract was read.
    """

    name: str
    title: str
    reference: str
    sentence: str
    topic: str
    page: str
    picture: str
    about: tuple[str, ...] = ()
    read: str = ""
    only_abstract: bool = False


@cache
def catalogue() -> tuple[Entry, ...]:
    """Return all papers, sorted by topic and name."""
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
    return Entry(
        name,
        title.splitlines()[0].removeprefix("# "),
        reference.split("\n\n")[0],
        " ".join(point[1].split()),
        topic[1],
        page,
        _picture(name),
        only_abstract=ONLY_ABSTRACT in text.partition("\n## ")[0],
    )


def _on_one_page(name: str) -> Entry:
    text = abstract.without(outline.docstring(name, ROOT))
    paragraphs = text.split("\n\n")
    reference, sentence, *about = (" ".join(paragraph.split()) for paragraph in paragraphs)
    last, _, topic = about[-1].partition("Topic: ")
    about = list(filter(None, [*about[:-1], last.strip()]))
    read = next((paragraph for paragraph in about if paragraph.startswith("Read: ")), "")
    return Entry(
        name,
        _spelt(name.removeprefix(BRIEFS).replace("_", " "), text),
        reference,
        sentence,
        topic.rstrip("."),
        f"papers/{name.replace('.', '/')}.md",
        _picture(name),
        tuple(paragraph for paragraph in about if paragraph != read),
        read,
        only_abstract(read),
    )


_MORE = r"\bcode\b|implementation|book|[Ee]quation|Theorem|Lemma|Proposition|Corollary|[Ss]ection|Appendix"


def only_abstract(read: str) -> bool:
    """Return whether a paragraph "Read: …" names the abstract of a paper and no other part of it."""
    named = re.split(r"Recalled|Derived here|Not claimed", read)[0]
    return "abstract" in named and not re.search(_MORE, named)


def _spelt(title: str, text: str) -> str:
    """Return a title with a capital first letter, and with LDA, HiPPO and Kalman as the text spells
    them below the reference.
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
def ledger() -> Ledger:
    """Return the published ledger, whose numbers and verdicts the site shows."""
    return read(LEDGER)


@cache
def _counted() -> dict[str, Counter[str]]:
    """How many rows of each paper have the expected verdict in the published ledger, by whose
    statements they are; and how many claims that run did not see.
    """
    as_expected: dict[str, list[bool]] = {}
    for row in ledger().claims:
        as_expected.setdefault(re.sub(r"\[.*\]", "", row.id), []).append(row.as_expected)
    counts: dict[str, Counter[str]] = {}
    for claim in claims():
        found = as_expected.get(claim.id, [])
        sort = REFUTED if claim.published_form else claim.source.provenance
        seen = NEW if not found else sort if all(found) else UNEXPECTED
        counts.setdefault(claim.paper, Counter())[seen] += 1
    return counts


def counts(entries: Iterable[Entry]) -> Counter[str]:
    """Return how many statements of some papers hold in the published ledger, by their provenance;
    how many published ones are `REFUTED` there, how many are `NEW` since, and how many have an
    `UNEXPECTED` verdict.
    """
    return sum((_counted()[entry.name] for entry in entries), Counter())


def verdicts(entry: Entry) -> str:
    """Return the counts of one paper in words, as the gallery shows them."""
    return _in_words(counts([entry]))


def _in_words(total: Counter[str]) -> str:
    held = ", ".join(f"{total[name]} {words}" for name, words in WHOSE.items() if total[name])
    refuted, unexpected, new = (total[name] for name in (REFUTED, UNEXPECTED, NEW))
    return "; ".join(
        filter(
            None,
            [
                f"VERIFIED: {held}" * bool(held),
                f"REFUTED: {refuted} as published" * bool(refuted),
                f"{unexpected} with an unexpected verdict" * bool(unexpected),
                f"not run yet: {new}" * bool(new),
            ],
        )
    )


def by_topic() -> dict[str, list[Entry]]:
    """Return the papers of each topic."""
    topics: dict[str, list[Entry]] = {}
    for entry in catalogue():
        topics.setdefault(entry.topic, []).append(entry)
    return topics


def table() -> str:
    """Return the table of README.md as Markdown: topics, papers, and whose the statements are."""
    columns = {name: name for name in WHOSE if name} | {REFUTED: "published, refuted"}
    lines = [["topic", "papers", *columns.values()], ["---", *["---:"] * (len(columns) + 1)]]
    for topic, entries in [*by_topic().items(), ("**all**", list(catalogue()))]:
        total = counts(entries)
        lines.append([topic, str(len(entries)), *(str(total[name]) for name in columns)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def sums() -> str:
    """Return how many papers there are, and whose their statements are, in a few sentences."""
    about = ledger()
    run = f"the run of {about.date[:10]} at commit {(about.commit or '')[:8]}"
    return f"{len(catalogue())} papers. In {run}: {_in_words(counts(catalogue()))}. {told()}"


def told() -> str:
    """Return what became of the statements of the papers' abstracts, in one sentence."""
    return abstract.summed([entry.name for entry in catalogue()], ROOT)


def gallery(prefix: str = "") -> str:
    """Return the gallery as HTML: a card for each paper, and a button for each topic.

    Args:
        prefix: leads from the page to the folder `docs`.
    """
    topics = list(by_topic())
    cards = [_card(entry, topics.index(entry.topic) + 1, prefix) for entry in catalogue()]
    return topic_buttons(topics) + "".join(cards) + "</div>\n"


def topic_buttons(topics: list[str]) -> str:
    """Return the beginning of a gallery as HTML: a button for each topic, which shows the cards of
    the class `topic-N`.
    """
    buttons = [
        f'<label><input type="radio" name="topic" id="topic-{n}"{" checked" * (not n)}> '
        f"{escape(topic)}</label>"
        for n, topic in enumerate(["all", *topics])
    ]
    hidden = ", ".join(
        f".gallery:has(#topic-{n}:checked) .card:not(.topic-{n})" for n in range(1, len(topics) + 1)
    )
    return (
        f'<style>{hidden} {{ display: none }}</style>\n<div class="gallery">\n'
        f'<div class="topics">{"".join(buttons)}</div>\n'
    )


def _card(entry: Entry, topic: int, prefix: str) -> str:
    place = f"{prefix}{entry.page.removesuffix('.md')}.html"
    picture = f'<img src="{prefix}{entry.picture}" loading="lazy" width="360" height="216" alt="">'
    picture *= bool(entry.picture)
    sentence = typeset(entry.sentence) if entry.name.startswith(BRIEFS) else _plain(entry.sentence)
    read = "<br>Only the abstract was read." * entry.only_abstract
    return (
        f'<div class="card topic-{topic}"><a href="{place}">{picture}'
        f"<b>{escape(entry.title)}</b></a><p>{sentence}</p>"
        f"<p><small>{verdicts(entry)}{read}</small></p></div>\n"
    )


def _plain(sentence: str) -> str:
    """Return a sentence of a page as HTML: Markdown's bold, code and formulas."""
    import markdown
    from formulas import Formulas

    from_here = re.sub(r"\]\(\.\./(\w+/\w+)\.md", r"](\1.html", sentence)
    html = markdown.markdown(from_here, extensions=[Formulas()])
    return html.removeprefix("<p>").removesuffix("</p>")


def in_markdown(text: str) -> str:
    """Return the text of a docstring as Markdown: formulas as `$…$`, all else as it is written."""
    set_as = {"formula": "${}$", "code": "<code>{}</code>", "text": "{}"}
    return "".join(
        set_as[kind].format(content if kind == "formula" else as_written(content))
        for kind, content in parts(text)
    )


def as_written(text: str) -> str:
    """Return a text as Markdown that shows it as it is written."""
    marks = r"[\\`*_{}\[\]|$~^]|(?<!&)#"
    return re.sub(marks, lambda mark: f"&#{ord(mark[0])};", escape(text, quote=False))
