"""Figures on the site: on the page of their paper, and all of them in one gallery."""

from functools import cache
from html import escape
from pathlib import Path

from catalogue import ROOT, by_topic, catalogue, in_markdown, topic_buttons
from ledger_page import address, anchors
from PIL import Image

from theory_on_trial.figures.drawing import Figure, figures
from theory_on_trial.formula.marks import plain
from theory_on_trial.page.typeset import typeset

WIDEST = 760  # pixels of the page that a picture takes; it has more pixels of its own


def picture(figure: Figure) -> Path:
    """Return where the picture of a figure is kept."""
    folder = (ROOT / "docs" / "papers").joinpath(*figure.paper.split("."))
    return folder / f"{figure.file_name}.webp"


@cache
def size(path: Path) -> tuple[int, int]:
    """Return width and height of a picture on the page, in its pixels; raise ValueError, with the
    command that draws it, where there is none.
    """
    if not path.exists():
        raise ValueError(
            f"{path.relative_to(ROOT).as_posix()} is missing: `python docs/renew.py` draws it"
        )
    with Image.open(path) as image:
        width, height = image.size
    shown = min(width, WIDEST)
    return shown, round(height * shown / width)


def image(figure: Figure, source: str) -> str:
    """Return a picture as HTML that leads to itself at its full size; its title is its text."""
    width, height = size(picture(figure))
    title = escape(plain(f"{figure.name}. {figure.title}"))
    shown = f'<img src="{source}" alt="{title}" loading="lazy" width="{width}" height="{height}">'
    return f'<a href="{source}">{shown}</a>'


def on_page(paper: str, chosen: list[Figure]) -> str:
    """Return figures as Markdown for the page of their paper: title, then picture."""
    parts = []
    for figure in chosen:
        parts.append(f"**{figure.name}.** {in_markdown(figure.title)}")
        if picture(figure).exists():
            parts.append(image(figure, f"{paper.split('.')[-1]}/{picture(figure).name}"))
    return "\n\n".join(parts)


def first(paper: str) -> str:
    """Return the first figure of a paper, which its page shows before the text; "" without any."""
    return on_page(paper, drawn(paper)[:1])


def others(paper: str) -> str:
    """Return the other figures of a paper, with the command that draws all; "" without any."""
    rest = drawn(paper)[1:]
    command = f"`python -m figures {paper}` draws all figures of this paper in full size."
    return "\n\n".join([command, on_page(paper, rest)]) if rest else ""


@cache
def drawn(paper: str) -> list[Figure]:
    """Return the figures of a paper; an empty list for one without any."""
    return [figure for figure in figures() if figure.paper == paper]


def script(figure: Figure) -> str:
    """Return the file that draws a figure, from the root of the repository."""
    file = Path(str(figure.draw.__code__.co_filename))
    return file.relative_to(ROOT).as_posix()


def gallery() -> str:
    """Return all figures as HTML: a card for each, and a button for each topic.

    A card has the title, the picture, which leads to the large one, the paper, the claims that
    decide what the figure shows, and the script that draws it.
    """
    topics = list(by_topic())
    cards = []
    for entry in catalogue():
        for figure in drawn(entry.name):
            path = picture(figure).relative_to(ROOT / "docs").as_posix()
            shown = ", ".join(
                f'<a href="ledger.html#{escape(anchors()[claim])}"><code>{name}</code></a>'
                for name in figure.claims
                if (claim := f"{entry.name}.{name}") in anchors()
            )
            decided = f"<br>claims: {shown}" * bool(shown)
            cards.append(
                f'<figure class="card topic-{topics.index(entry.topic) + 1}">'
                f"{image(figure, path)}<figcaption>{typeset(figure.title)}"
                f'<br><small><a href="{address(entry.name)}">{escape(entry.title)}</a>, '
                f"{figure.name}{decided}<br><code>{script(figure)}</code></small>"
                "</figcaption></figure>"
            )
    return topic_buttons(topics) + "".join(cards) + "</div>\n"
