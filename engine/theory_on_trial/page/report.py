"""The ledger as one self-contained HTML page: findings first, then each claim, the figures beside the verdicts.

The page needs no network and no server; the template, its style and its script are in `page`.
"""

import base64
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from theory_on_trial.ledger import Row, brief, brief_interval, paper_in, platform_facts
from theory_on_trial.ledger.terminal import totals
from theory_on_trial.ledger.words import attributed
from theory_on_trial.page.plot import interval_plot
from theory_on_trial.page.typeset import GREEK_NAMES, typeset
from theory_on_trial.repository.outline import title
from theory_on_trial.repository.records import tables


@dataclass(frozen=True)
class Picture:
    """A drawn figure: its PNG and the text file beside it, as `python -m figures` leaves them in a paper's folder."""

    path: Path

    @property
    def name(self) -> str:
        """The figure's name, e.g. "F10"."""
        return self.path.stem.split("_")[0]

    @property
    def id(self) -> str:
        """Paper and name, e.g. "random_walk_pca.F10"; the figure's anchor in a page."""
        return f"{self.path.parent.name}.{self.name}"

    @cached_property
    def _lines(self) -> dict[str, str]:
        beside = self.path.with_suffix(".txt")
        text = beside.read_text(encoding="utf-8") if beside.exists() else ""
        caption, _, rest = text.partition("\n")
        return {"Caption": caption, **dict(line.split(": ", 1) for line in rest.splitlines() if ": " in line)}

    @property
    def caption(self) -> str:
        """The caption without the figure's name."""
        return self._lines["Caption"].removeprefix(f"{self.name}. ")

    @property
    def title(self) -> str:
        """The first sentence of the caption."""
        return re.split(r"(?<=\.)\s", self.caption, maxsplit=1)[0]

    @property
    def settings(self) -> str:
        """The settings it was drawn with."""
        return self._lines.get("Settings", "")

    @property
    def command(self) -> str:
        """The command that draws it again."""
        return self._lines.get("Command", "")

    @property
    def claims(self) -> list[str]:
        """The ids of the claims that decide what it shows."""
        return [claim for claim in self._lines.get("Claims", "").rstrip(".").split(", ") if claim]

    @property
    def format(self) -> str:
        """The format of the image, as in its address."""
        return self.path.suffix.removeprefix(".")

    @property
    def data(self) -> str:
        """The image in base 64."""
        return base64.b64encode(self.path.read_bytes()).decode()


@dataclass(frozen=True)
class Section:
    """One paper's section of the report; its title is authors, year and title, where the repository has its checks."""

    name: str
    rows: list[Row]
    title: str
    not_run: list[dict[str, str]]
    pictures: list[Picture]

    @property
    def holding(self) -> list[Row]:
        """The statements that hold: VERIFIED, as expected."""
        return [row for row in self.rows if row.verdict == row.expected == "VERIFIED"]

    @property
    def kinds(self) -> dict[str, int]:
        """How many statements of each kind hold, the most frequent first."""
        return dict(Counter(row.kind for row in self.holding).most_common())

    @property
    def said(self) -> str:
        """Who states what holds, in a phrase."""
        ours = sum(row.provenance == "ours" for row in self.holding)
        return f"{attributed(len(self.holding) - ours, ours)} {'is' if ours == 1 else 'are'} ours"

    @property
    def coarse(self) -> list[Row]:
        """The statements that hold and overlook errors of 5 % (bounds: 10 %) or more, with the reason given."""
        return [row for row in self.holding if row.why_coarse]

    @property
    def printed(self) -> list[tuple[Row, Row | None]]:
        """Each statement that is REFUTED as printed, with the row of what is true instead."""
        by_id = {row.id: row for row in self.rows}
        wrong = [row for row in self.rows if row.verdict == row.expected == "REFUTED"]
        return [(row, by_id.get(row.id.removesuffix("-as-printed"))) for row in wrong]

    @property
    def sampled(self) -> list[Row]:
        """What the authors state and sampling decides, with the size of error that it notices."""
        return [row for row in self.holding if row.provenance != "ours" and row.error_probability and row.resolution]

    @property
    def unexpected(self) -> list[Row]:
        """The rows whose verdict is not the expected one."""
        return [row for row in self.rows if not row.as_expected]


def write_html(
    path: Path, rows: Sequence[Row], not_run: Sequence[dict[str, str]], seed: int, tier: str, folder: Path
) -> None:
    """Write the report of a ledger.

    Args:
        path: the HTML file.
        rows: one row per claim.
        not_run: id, tier and reason of what the run left out.
        seed: the run's seed.
        tier: the run's tier.
        folder: the root of the repository that the claims live in. What was drawn into its `figures/out` for these
            papers is embedded; the tables in its `records`, which say how far to trust the verdicts, become a second
            page beside this one, of the same name with `-trust`.
    """
    papers = [
        Section(
            name,
            [row for row in rows if row.paper == name],
            title(name, folder),
            [entry for entry in not_run if paper_in(entry["id"]) == name],
            drawn_of(name, folder),
        )
        for name in sorted({row.paper for row in rows} | {paper_in(entry["id"]) for entry in not_run})
    ]
    pictures_of: dict[str, list[Picture]] = {}
    for paper in papers:
        for picture in paper.pictures:
            for claim in picture.claims:
                pictures_of.setdefault(claim, []).append(picture)
    trust, beside = tables(folder / "records"), path.with_name(f"{path.stem}-trust{path.suffix}")
    if trust:
        told = _ENVIRONMENT.get_template("trust.html.jinja").render(
            trust=trust, ids={row.id for row in rows}, report=path
        )
        beside.write_text(told, encoding="utf-8")
    page = _ENVIRONMENT.get_template("report.html.jinja").render(
        totals=totals(rows),
        seed=seed,
        tier=tier,
        seconds=sum(row.seconds for row in rows if not row.id.endswith("-as-printed")),
        platform=platform_facts(),
        papers=papers,
        rows_by_id={row.id: row for row in rows},
        pictures_of=pictures_of,
        choices={name: sorted({getattr(row, name) for row in rows}) for name in ("paper", "kind", "verdict")},
        trust=beside.name if trust else "",
    )
    path.write_text(page, encoding="utf-8")


def write_gallery(path: Path, images: Iterable[Path]) -> None:
    """Write a page with the given figures (paths of their PNG files) and captions, by paper."""
    pictures = [Picture(image) for image in images]
    papers: dict[str, list[Picture]] = {}
    for picture in pictures:
        papers.setdefault(picture.path.parent.name, []).append(picture)
    titles = {paper: title(paper) for paper in papers}
    page = _ENVIRONMENT.get_template("gallery.html.jinja").render(pictures=pictures, papers=papers, titles=titles)
    path.write_text(page, encoding="utf-8")


def drawn_of(paper: str, folder: Path) -> list[Picture]:
    """Return the figures of a paper in a repository: as drawn there, or else as its gallery keeps them."""
    places = ("figures", "out"), ("docs", "papers")
    return next(filter(None, (drawn_in(folder.joinpath(*place, *paper.split("."))) for place in places)), [])


def drawn_in(folder: Path) -> list[Picture]:
    """Return the figures in a paper's folder, F2 before F10."""
    images = [*folder.glob("*.png"), *folder.glob("F*.webp")]
    numbers = [([int(part) for part in re.findall(r"\d+", path.stem)], path) for path in images]
    return [Picture(path) for _, path in sorted(numbers)]


# ------------------------------------------------------------------------------------------------ the page's own words


def _numbers(value: Any) -> str:
    """Return all entries of a number or a (nested) list."""
    return ", ".join(brief(entry) for entry in np.ravel(np.asarray(value, object)))


def _coordinates(part: dict[str, Any]) -> list[dict[str, str]]:
    """Return one row of cells for each coordinate of a decision; margin and slack are broadcast."""
    low, high = part["interval"] or (None, None)
    columns = (part["predicted"], part["measured"], low, high, part["margin"], part["slack"])
    spread = np.broadcast_arrays(*(np.asarray(column, object) for column in columns))
    return [
        {
            "predicted": brief(predicted, 8),
            "measured": brief(measured, 8),
            # Of a growth law, whose measured value is its name, the box itself is what was measured.
            "interval": brief(low, 8) if isinstance(measured, str) and low == high else _interval(low, high),
            "margin": brief(margin, 2),
            "slack": brief(slack, 2),
        }
        for predicted, measured, low, high, margin, slack in zip(*map(np.ravel, spread), strict=True)
    ]


def _interval(low: Any, high: Any) -> str:
    return brief_interval(None if low is None else [low, high], 6)


def _searched(row: Row) -> str:
    """What a search looks through: every field in words, small letters, Greek ones by their names."""
    controls = " ".join(str(control["name"]) for control in row.controls)
    fields = (row.id, row.statement, row.source, row.provenance, row.kind, row.tier, row.guarantee, row.note, controls)
    text = " ".join(str(field) for field in fields if field).lower()
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
        "brief": brief,
        "interval": brief_interval,
        "numbers": _numbers,
        "coordinates": _coordinates,
        "asdict": asdict,
        "plot": interval_plot,
        "searched": _searched,
    }
    environment.globals |= {"greek": GREEK_NAMES}
    return environment


_ENVIRONMENT = _environment()
