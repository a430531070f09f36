"""The ledger as one HTML page that needs no network and no server: first the findings, then all
claims, with the figures beside the verdicts.
"""

import base64
import contextlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from theory_on_trial.base.files import write_text
from theory_on_trial.formula.marks import plain
from theory_on_trial.formula.numerals import is_law, numerals
from theory_on_trial.formula.signs import GREEK_NAMES
from theory_on_trial.ledger import Ledger, Row, brief, brief_interval, paper_in, proved_for
from theory_on_trial.ledger.terminal import sentences
from theory_on_trial.ledger.words import whose
from theory_on_trial.page.plot import interval_plot
from theory_on_trial.page.typeset import typeset
from theory_on_trial.repository.abstract import Sentence
from theory_on_trial.repository.abstract import sentences as sentences_of
from theory_on_trial.repository.outline import files, title
from theory_on_trial.trial.provenance import REACHES

CHOICES = {
    "paper": "paper",
    "kind": "kind",
    "whose": "provenance",
    "tier": "tier",
    "verdict": "verdict",
}
"""The filters of the page, and the field of a row that each reads."""


class Picture:
    """A drawn figure: its image, and the text file beside it that `python -m figures` writes.

    Attributes:
        path: the image; `format` is its format, as in its address, `data` its content in base 64.
        name: the figure's name, e.g. "F10".
        id: paper and name, e.g. "random_walk_pca.F10"; the figure's anchor in a page.
        caption: without the figure's name; `title` is its first sentence.
        settings, command: the settings of the drawing, and the command that draws it again; "" if
            the text does not say.
        claims: the ids of the claims that decide what it shows.
    """

    def __init__(self, path: Path):
        self.path = path
        self.name = path.stem.split("_")[0]
        self.format = path.suffix.removeprefix(".")
        self.id = f"{path.parent.name}.{self.name}"
        text_file = path.with_suffix(".txt")
        caption, _, rest = (
            text_file.read_text(encoding="utf-8") if text_file.exists() else ""
        ).partition("\n")
        lines = dict(line.split(": ", 1) for line in rest.splitlines() if ": " in line)
        self.caption = caption.removeprefix(f"{self.name}. ")
        self.title = re.split(r"(?<=\.)\s", self.caption, maxsplit=1)[0]
        self.settings = lines.get("Settings", "")
        self.command = lines.get("Command", "")
        self.claims = [claim for claim in lines.get("Claims", "").rstrip(".").split(", ") if claim]

    @property
    def data(self) -> str:
        """The image in base 64."""
        return base64.b64encode(self.path.read_bytes()).decode()


class Section:
    """One paper's section of the report; its title is authors, year and title, if the repository
    has its claims.

    Attributes:
        holding: the statements that are VERIFIED as expected; `kinds` counts them, `whose` says
            whose they are.
        low_power: those that do not detect errors of 5 % (bounds: 10 %), with the reason.
        sampled: the statements of the paper that sampling decides, with the error that they detect.
        printed: each statement that is REFUTED as published, with the row of the corrected one.
        unexpected: the rows with an unexpected verdict.
        draws: whether the repository has figures of the paper.
        abstract: the statements of its abstract, and what became of them; () where a line cannot
            be read, which the run says.
    """

    def __init__(self, name: str, rows: list[Row], not_run: list[dict[str, str]], folder: Path):
        self.name = name
        self.rows = rows
        self.title = title(name, folder)
        self.not_run = not_run
        self.abstract: tuple[Sentence, ...] = ()
        with contextlib.suppress(ValueError):
            self.abstract = sentences_of(name, folder)
        self.pictures = drawn_of(name, folder)
        self.draws = (folder / "figures" / f"{name}.py").exists() or any(
            "\n@figure(" in file.read_text(encoding="utf-8") for file in files(name, folder)
        )
        self.holding = [row for row in rows if row.verdict == row.expected == "VERIFIED"]
        self.kinds = dict(Counter(row.kind for row in self.holding).most_common())
        theirs = [row for row in self.holding if row.provenance in ("paper", "recalled")]
        self.whose = whose(rows)
        self.low_power = [row for row in self.holding if row.why_low_power]
        self.sampled = [
            row
            for row in theirs
            if row.error_probability
            and row.resolution
            and not (row.guarantee or "").startswith("drawn")
        ]
        by_id = {row.id: row for row in rows}
        errata = [row for row in rows if row.verdict == row.expected == "REFUTED"]
        self.printed = [(row, by_id.get(row.id.removesuffix("-as-published"))) for row in errata]
        self.unexpected = [row for row in rows if not row.as_expected]


def write_html(
    path: Path,
    ledger: Ledger,
    folder: Path,
) -> None:
    """Write the report of a ledger to an HTML file.

    The claims live in the repository at `folder`. What was drawn into its `figures/out` for these
    papers is embedded.
    """
    rows = ledger.claims
    not_run = ledger.not_run
    papers = [
        Section(
            name,
            [row for row in rows if row.paper == name],
            [entry for entry in not_run if paper_in(entry["id"]) == name],
            folder,
        )
        for name in sorted(
            {row.paper for row in rows} | {paper_in(entry["id"]) for entry in not_run}
        )
    ]
    pictures_of: dict[str, list[Picture]] = {}
    for paper in papers:
        for picture in paper.pictures:
            for claim in picture.claims:
                pictures_of.setdefault(claim, []).append(picture)
    page = _ENVIRONMENT.get_template("report.html.jinja").render(
        totals=sentences(rows),
        ledger=ledger,
        seconds=sum(row.seconds for row in rows if not row.id.endswith("-as-published")),
        papers=papers,
        rows_by_id={row.id: row for row in rows},
        pictures_of=pictures_of,
        choices={
            name: sorted({getattr(row, field) for row in rows} - {""})
            for name, field in CHOICES.items()
        },
    )
    write_text(path, page)


def write_gallery(path: Path, images: Iterable[Path]) -> None:
    """Write a page with the given figures (paths of their PNG files) and captions, by paper."""
    pictures = [Picture(image) for image in images]
    papers: dict[str, list[Picture]] = {}
    for picture in pictures:
        papers.setdefault(picture.path.parent.name, []).append(picture)
    titles = {paper: title(paper) for paper in papers}
    page = _ENVIRONMENT.get_template("gallery.html.jinja").render(
        pictures=pictures, papers=papers, titles=titles
    )
    write_text(path, page)


def rendered(template: str, **content: Any) -> str:
    """Return a page of this package, made from its template."""
    return _ENVIRONMENT.get_template(template).render(**content)


def drawn_of(paper: str, folder: Path) -> list[Picture]:
    """Return the figures of a paper: those in `figures/out` of the repository, or else those of its
    gallery.
    """
    places = ("figures", "out"), ("docs", "papers")
    return next(
        filter(None, (drawn_in(folder.joinpath(*place, *paper.split("."))) for place in places)), []
    )


def drawn_in(folder: Path) -> list[Picture]:
    """Return the figures in a paper's folder, F2 before F10."""
    images = [*folder.glob("*.png"), *folder.glob("F*.webp")]
    numbers = [([int(part) for part in re.findall(r"\d+", path.stem)], path) for path in images]
    return [Picture(path) for _, path in sorted(numbers)]


def _coordinates(part: dict[str, Any]) -> list[dict[str, str]]:
    """Return one row of cells for each coordinate of a decision; margin and slack are broadcast."""
    low, high = part["interval"] or (None, None)
    columns = (part["predicted"], part["measured"], low, high, part["margin"], part["slack"])
    arrays = np.broadcast_arrays(*(np.asarray(column, object) for column in columns))
    return [
        {
            "predicted": brief(predicted, 8),
            "measured": brief(measured, 8),
            # The measured value of a growth law is its name; the interval is the measurement.
            "interval": brief(low, 8)
            if isinstance(measured, str) and low == high
            else brief_interval(None if low is None else [low, high], 6),
            "margin": brief(margin, 2),
            "slack": brief(slack, 2),
        }
        for predicted, measured, low, high, margin, slack in zip(
            *map(np.ravel, arrays), strict=True
        )
    ]


def _by_reach(errata: list[tuple[Row, Row | None]]) -> list[tuple[Row, Row | None]]:
    """Return what is refuted as published, with the farthest reach first."""
    places = {reach: place for place, reach in enumerate(REACHES)}
    return sorted(errata, key=lambda pair: places.get(pair[0].reach, len(places)))


def _searched(row: Row) -> str:
    """The text that the search of the page looks through: every field, in lower case, with the
    names of Greek letters.
    """
    controls = " ".join(str(control["name"]) for control in row.controls)
    fields = (
        row.id,
        row.statement,
        row.source,
        row.provenance,
        row.kind,
        row.tier,
        row.guarantee,
        row.note,
        controls,
    )
    text = plain(" ".join(str(field) for field in fields if field)).lower()
    return "".join(GREEK_NAMES.get(letter, letter) for letter in text)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("theory_on_trial", "page"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "typeset": typeset,
        "number": lambda text: typeset(numerals(text)),
        "control": lambda name: typeset(numerals(name) if is_law(name) else name),
        "brief": brief,
        "interval": brief_interval,
        "proved_for": proved_for,
        "numbers": lambda value: ", ".join(map(brief, np.ravel(np.asarray(value, object)))),
        "coordinates": _coordinates,
        "asdict": asdict,
        "plot": interval_plot,
        "searched": _searched,
        "by_reach": _by_reach,
    }
    environment.globals |= {"greek": GREEK_NAMES}
    return environment


_ENVIRONMENT = _environment()
