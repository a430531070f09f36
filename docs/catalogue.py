"""The catalogue of all papers: topic, what is claimed, a picture, and whose the statements are.

Everything comes from the sources when it is asked for: sentences from the pages of `docs/papers` and
from the modules of papers on one page, counts from the claims. Nothing is run.
`python docs/catalogue.py` prints the table of counts and the sentence on abstracts that README.md shows.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path

from theory_on_trial import claims
from theory_on_trial.page.formulas import parts
from theory_on_trial.page.typeset import typeset
from theory_on_trial.repository import abstract, outline

ROOT = Path(__file__).parent.parent
BRIEFS = "briefs."
COUNTS = ("of the papers", "derived here", "published and refuted")
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
def _counted() -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {}
    for claim in claims():
        derived = claim.source.provenance == "derived"
        sort = COUNTS[2 if claim.published_form else 1 if derived else 0]
        counts.setdefault(claim.paper, Counter())[sort] += 1
    return counts


def counts(entries: Iterable[Entry]) -> tuple[int, int, int]:
    """Return how many statements of some papers are the papers' own and expected to hold, how many
    were derived here and are expected to hold, and how many published ones are expected to fail.

    The numbers are counted in the code. A run of `pytest` fails where a verdict is another.
    """
    total = sum((_counted()[entry.name] for entry in entries), Counter())
    own, derived, refuted = (total[sort] for sort in COUNTS)
    return own, derived, refuted


def verdicts(entry: Entry) -> str:
    """Return the counts of one paper in words, as the gallery shows them."""
    own, derived, refuted = counts([entry])
    held = [f"{own} of the paper"] * bool(own) + [f"{derived} derived here"] * bool(derived)
    failed = f"; REFUTED: {refuted} as published" * bool(refuted)
    return f"VERIFIED: {', '.join(held)}{failed}"


def by_topic() -> dict[str, list[Entry]]:
    """Return the papers of each topic."""
    topics: dict[str, list[Entry]] = {}
    for entry in catalogue():
        topics.setdefault(entry.topic, []).append(entry)
    return topics


def table() -> str:
    """Return the table of README.md as Markdown: topics, papers, and whose the statements are."""
    lines = [["topic", "papers", *COUNTS], ["---", *["---:"] * (len(COUNTS) + 1)]]
    for topic, entries in by_topic().items():
        lines.append([topic, str(len(entries)), *map(str, counts(entries))])
    everything = catalogue()
    lines.append(["**all**", str(len(everything)), *map(str, counts(everything))])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def sums() -> str:
    """Return how many papers there are, and whose their statements are, in one sentence."""
    own, derived, refuted = counts(catalogue())
    return (
        f"{len(catalogue())} papers: {own} statements of the papers hold, {derived} statements "
        f"that were derived here hold, and {refuted} published statements are refuted. {told()}"
    )


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


if __name__ == "__main__":
    print(table(), "", told(), sep="\n")
