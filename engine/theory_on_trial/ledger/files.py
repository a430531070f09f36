"""The ledger as a file: all rows as JSON, with the facts that identify the run. `schema.json`
beside this module describes each field; it is made from the classes `Ledger` and `Row`.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theory_on_trial.base.files import write_text
from theory_on_trial.base.frames import imported_pandas
from theory_on_trial.decide.decision import Outcome
from theory_on_trial.ledger.coordinates import lines
from theory_on_trial.ledger.facts import engine_version, now, platform_facts
from theory_on_trial.ledger.journal import FIRST_SCHEMA, SCHEMA, place, read_journal
from theory_on_trial.ledger.rows import Row, paper_in

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Ledger:
    """A whole ledger: the rows of a run, and the facts that identify the run."""

    claims: list[Row]
    """One row for each claim that was tried, and one for each published form."""
    seed: int = 0
    """The seed of all random numbers."""
    tier: str = "fast"
    """Up to which tier claims were run: "fast", "full" or "paper"."""
    settings: list[str] = field(default_factory=list)
    """The settings that were changed for this run, as NAME=VALUE (`--trial-set`)."""
    interrupted: bool = False
    """Whether the run was ended before all its claims were tried."""
    not_run: list[dict[str, str]] = field(default_factory=list)
    """The claims that the run left out: id, tier and reason of each."""
    deselected: list[str] = field(default_factory=list)
    """The ids that `-k` or `-m` left out."""
    repository: str = ""
    """The name of the repository that has the claims; "" where it is not known."""
    commit: str | None = None
    """The commit of the repository; null without one."""
    dirty: bool = False
    """Whether files differed from the commit."""
    date: str = field(default_factory=now)
    """When the ledger was written, in UTC (ISO 8601); "" where it is not known."""
    engine: str = field(default_factory=engine_version)
    """The version of theory-on-trial; "" where it is not known."""
    platform: dict[str, Any] = field(default_factory=platform_facts)
    """Versions of Python and the libraries, precision, processor, and JAX's backend and devices."""
    schema: str = SCHEMA
    """Name and version of this form."""

    def lines(self) -> list[dict[str, Any]]:
        """Return one dictionary for each coordinate of each decision; see
        `theory_on_trial.ledger.coordinates.lines`.
        """
        return lines(self.claims)

    def to_frame(self) -> "pd.DataFrame":
        """Return the lines of `lines` as a data frame of pandas, which must be installed."""
        frame: pd.DataFrame = imported_pandas().DataFrame(self.lines())
        return frame


def write_json(path: Path, ledger: Ledger) -> None:
    """Write a ledger as one JSON object, without NaN, one row a line: so two ledgers differ by the
    lines of the rows that differ.

    Raises `NotWritten`, with a sentence, if the file cannot be written; its old contents are then
    unchanged.
    """
    contents = strict(asdict(ledger))
    rows = contents.pop("claims")
    head = json.dumps({"schema": contents.pop("schema"), **contents}, indent=1, allow_nan=False)
    lines = ",".join(f"\n  {json.dumps(row, allow_nan=False)}" for row in rows)
    start = head.removesuffix("\n}")
    write_text(path, f'{start},\n "claims": [{lines}\n ]\n}}\n')


def read(path: Path | str, *, unfinished: bool = False) -> Ledger:
    """Return a ledger from its file, a run's or a published one of this or the first schema; with
    `unfinished` also that of a run that was interrupted, and the rows that a run has left which
    died.

    What the first schema leaves out is empty. Raises `ValueError`, with a sentence, for a file that
    cannot be read, or that is no ledger.
    """
    contents = read_json(path, unfinished=unfinished)
    names = {one.name for one in fields(Row)}
    text = dict.fromkeys(("source", "statement", "tier"), "")
    rows = [
        Row(
            **text
            | {"paper": paper_in(row["id"]), "expected": _expected(row["id"])}
            | {name: value for name, value in row.items() if name in names}
        )
        for row in contents["claims"]
    ]
    about = {one.name for one in fields(Ledger)} - {"claims", "schema"}
    unknown = {"date": "", "engine": "", "platform": contents["platform"]}
    facts = unknown | {name: contents[name] for name in contents if name in about}
    commit, dirty = commit_in(contents)
    return Ledger(rows, **facts | {"commit": commit, "dirty": dirty})


def commit_in(contents: Mapping[str, Any]) -> tuple[str | None, bool]:
    """Return at which commit the run of a ledger was made, and whether files differed from it,
    which the first schema said by a "+" behind the commit.
    """
    commit = contents.get("commit") or ""
    return commit.removesuffix("+") or None, bool(contents.get("dirty")) or commit.endswith("+")


def _expected(claim_id: str) -> Outcome:
    return "REFUTED" if claim_id.endswith("-as-published") else "VERIFIED"


_NEEDED = {
    "id",
    "kind",
    "verdict",
    "predicted",
    "measured",
    "interval",
    "margin",
    "error_probability",
    "note",
}


def read_json(path: Path | str, *, unfinished: bool = False) -> dict[str, Any]:
    """Return the contents of a ledger's file, with the names of today; arguments and errors are
    those of `read`.
    """
    left = place(Path(path))
    hint = f"; {left} holds the rows of a run that was ended" if left.exists() else ""
    try:
        ledger = parsed(Path(path))
    except OSError as error:
        raise ValueError(
            f"{path} must be a ledger that can be read ({error.strerror}){hint}"
        ) from None
    except ValueError as error:
        raise ValueError(f"{path} must be a ledger in JSON, got something else ({error})") from None
    schema = ledger.get("schema") if isinstance(ledger, dict) else None
    if schema not in (SCHEMA, FIRST_SCHEMA):
        raise ValueError(
            f"{path} must be a ledger written by --trial-ledger, of schema {SCHEMA!r}, got "
            f"{schema!r}"
        )
    rows = ledger["claims"] = _present_names(ledger.get("claims"))
    is_whole = isinstance(rows, list) and all(
        isinstance(row, dict) and row.keys() >= _NEEDED for row in rows
    )
    if not (
        is_whole and isinstance(ledger.get("platform"), dict) and {"seed", "tier"} <= ledger.keys()
    ):
        raise ValueError(
            f"{path} must be a whole ledger: its platform, or a field of a claim, is missing"
        )
    if ledger.get("interrupted") and not unfinished:
        raise ValueError(f"{path} must be a whole ledger, but its run was interrupted")
    contents: dict[str, Any] = ledger
    return contents


_DEEPEST = 100
"""How deep a ledger's lists and dictionaries may lie in each other; those of a run lie in ten."""


def parsed(path: Path) -> Any:
    """Return what a file holds in JSON, or the rows of an unfinished run.

    Raises `ValueError` for another file and for one that is nested too deeply, and `OSError` for
    one that cannot be read.
    """
    try:
        return read_journal(path)
    except ValueError:  # it is none
        pass
    try:
        contents = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    layer = [contents]
    for _ in range(_DEEPEST):
        layer = [
            entry
            for part in layer
            if isinstance(part, list | dict)
            for entry in (part.values() if isinstance(part, dict) else part)
        ]
        if not layer:
            return contents
    raise ValueError("it is nested too deeply")


_FORMER = {"notices": "detects", "why_coarse": "why_low_power"}


def _present_names(rows: Any) -> Any:
    """Return rows with the names of today; ledgers of version 0.3 and before have others."""
    if not isinstance(rows, list):
        return rows
    return [
        {
            _FORMER.get(name, name): re.sub("-as-printed$", "-as-published", value)
            if name == "id"
            else value
            for name, value in row.items()
        }
        if isinstance(row, dict)
        else row
        for row in rows
    ]


def strict(value: Any) -> Any:
    """Make a value strict JSON: a number that is not finite, such as the distance of a control
    beyond all sizes, becomes None.
    """
    if isinstance(value, dict):
        return {name: strict(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [strict(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
