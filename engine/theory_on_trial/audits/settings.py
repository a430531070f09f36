"""Does a claim hold wherever it says so? `theory-on-trial audit settings [PAPER | CLAIM …]` tries other settings.

For every claim of the fast tier settings are drawn from the annotations of its check, each of them as it is, a small
one, or one around what it is: 40 inside its joint conditions where a run takes under a second, 8 otherwise. None
may be REFUTED or raise anything but the sentence of the claim's domain, and no printed form may be VERIFIED; what is
INCONCLUSIVE is counted. A setting without a domain keeps its value. The table is `settings.json` of the records.
"""

import argparse
import inspect
import sys
import time
from collections.abc import Sequence
from typing import Any

import jax
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from theory_on_trial import records, repository
from theory_on_trial.audits.calibration import source_of, subjects_in
from theory_on_trial.audits.strategies import drawable, values
from theory_on_trial.contract import Argument, contract_of
from theory_on_trial.domain import OutsideDomain
from theory_on_trial.registry import Claim, claim, claims, recorded
from theory_on_trial.trial import Trial

CHEAP, MANY, FEW = 1.0, 40, 8
_TRIES = 20  # for each setting that is wanted: those outside a joint condition show nothing
COLUMNS = ("claim", "settings with a domain", "drawn", "outside", "as expected", "INCONCLUSIVE", "wrong")


def drawn_settings(subject: Claim) -> dict[str, st.SearchStrategy[Any]]:
    """Return a strategy for every setting of a claim whose annotation says what is admitted."""
    check = inspect.unwrap(subject.function)
    described = list(contract_of(check).items())[1:]
    defaults = {name: p.default for name, p in inspect.signature(check).parameters.items() if p.default is not p.empty}
    known = {name: one for name, one in described if check.__annotations__.get(name, Any) is not Any}
    return {name: _values(name, one, defaults.get(name)) for name, one in known.items() if drawable(one)}


def _values(name: str, argument: Argument, default: Any) -> st.SearchStrategy[Any]:
    if default is None:
        return values(argument)
    around = st.floats(0.5, 2.0).map(lambda factor: _scaled(default, factor))
    return st.one_of(values(argument), around.filter(lambda value: _admitted(name, argument, value)))


def _scaled(default: Any, factor: float) -> Any:
    """A number, or every number of a tuple, times a factor; whole numbers stay whole."""
    if isinstance(default, tuple):
        return tuple(_scaled(one, factor) for one in default)
    if isinstance(default, bool) or not isinstance(default, int | float):
        return default
    return round(default * factor) if isinstance(default, int) else default * factor


def _admitted(name: str, argument: Argument, value: Any) -> bool:
    try:
        argument.accept(name, value)
    except (TypeError, ValueError):
        return False
    return True


def run_at(subject: Claim, chosen: dict[str, Any]) -> tuple[str, str]:
    """Put a claim on trial at some settings: "outside", "as expected", "INCONCLUSIVE" or "wrong", and why."""
    trial, rows = Trial(subject.id), []
    try:
        with recorded(subject, trial, "") as rows:
            subject.function(trial, **chosen)
    except OutsideDomain:
        return "outside", ""
    except Exception as error:
        return "wrong", f"{type(error).__name__}: {error}".split("\n")[0]
    for row in rows:
        if not row.as_expected and row.verdict != "INCONCLUSIVE":
            return "wrong", f"{row.id} is {row.verdict}"
    undecided = [row.note for row in rows if row.verdict == "INCONCLUSIVE"]
    return ("INCONCLUSIVE", undecided[0]) if undecided else ("as expected", "")


def tried(subject: Claim, most: int) -> tuple[list[Any], list[str]]:
    """Return the line of the table for one claim (see `COLUMNS`), and a sentence for all that is not as expected."""
    strategies = drawn_settings(subject)
    counts = dict.fromkeys(("outside", "as expected", "INCONCLUSIVE", "wrong"), 0)
    sentences: list[str] = []
    seconds: list[float] = []

    @seed(0)
    @settings(max_examples=_TRIES * min(most, MANY), database=None, deadline=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(st.fixed_dictionaries({}, optional=strategies))
    def run(chosen: dict[str, Any]) -> None:
        inside = sum(counts.values()) - counts["outside"]
        if inside >= min(most, MANY) or (inside >= min(most, FEW) and sum(seconds) > CHEAP * inside):
            return
        started = time.process_time()
        outcome, why = run_at(subject, chosen)
        seconds.append(time.process_time() - started)
        counts[outcome] += 1
        if why:
            shown = ", ".join(f"{name}={value!r}" for name, value in chosen.items())
            sentences.append(f"{subject.id} at {shown or 'its own settings'}: {outcome}: {why}"[:400])

    if strategies:
        run()
    return [subject.id, len(strategies), sum(counts.values()), *counts.values()], sentences


def main(arguments: Sequence[str] | None = None) -> int:
    """Try what was asked for and write the table; 1 if a claim is wrong at a setting that its domain admits."""
    from tqdm.auto import tqdm

    parser = argparse.ArgumentParser(
        prog="theory-on-trial audit settings", description="Does a claim hold at every setting that its domain admits?"
    )
    parser.add_argument("selection", nargs="*", metavar="PAPER | CLAIM", help="default: all papers")
    parser.add_argument(
        "--most", type=int, default=MANY, help=f"settings per claim (default {MANY}, of slow ones {FEW})"
    )
    options = parser.parse_args(arguments)
    try:
        every = subjects_in()
        ids = {one.id for name in options.selection for one in ([claim(name)] if "." in name else claims(name))}
    except ValueError as error:
        parser.error(str(error))
    path = repository.records() / "settings.json"
    earlier = records.read(path)
    rows = {row[0]: row for row in earlier.get("rows", [])}
    sources = dict(zip(rows, earlier.get("sources", []), strict=True))
    order = [one.id for one in every]
    table = _table(order, rows, sources)
    try:
        for subject in tqdm([one for one in every if one.id in ids or not ids], unit="claim", file=sys.stderr):
            rows[subject.id], sentences = tried(subject, options.most)
            sources[subject.id] = source_of(subject)
            for sentence in sentences:
                tqdm.write(sentence)
            table = _table(order, rows, sources)
            records.write(path, table)  # with every claim: an hour's work is not lost with the last one
            jax.clear_caches()  # each setting has programs of its own, and memory maps are few
    except KeyboardInterrupt:
        print("stopped: the other claims keep the lines they had", file=sys.stderr)
    print(table["note"])
    return int(bool(sum(row[6] for row in table["rows"])))


def _table(order: Sequence[str], rows: dict[str, list[Any]], sources: dict[str, Any]) -> dict[str, Any]:
    shown = [rows[name] for name in order if name in rows]
    drawn, outside, undecided, wrong = (sum(row[column] for row in shown) for column in (2, 3, 5, 6))
    bare = sum(not row[1] for row in shown)
    return {
        "title": "Settings drawn from the claims' domains",
        "command": "theory-on-trial audit settings",
        "columns": list(COLUMNS),
        "rows": shown,
        "sources": [sources[row[0]] for row in shown],
        "note": (
            f"{drawn} settings of {len(shown)} claims: {wrong} wrong (REFUTED, or ended by anything but a sentence "
            f"about the domain), {undecided} INCONCLUSIVE, {outside} outside a joint condition. {bare} claims have no "
            "setting with a domain."
        ),
    }
