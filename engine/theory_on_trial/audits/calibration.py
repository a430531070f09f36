"""How often is a verdict wrong? `theory-on-trial audit calibration [PAPER | CLAIM …]` runs claims
over many seeds.

Every claim of the fast tier runs under the seeds 0, 1, …: 200 of them if it takes at most a second,
50 otherwise; one that draws nothing and measures the same under the first two stops there. Each run
is kept in the cache as it ends, so that an interrupted calibration goes on where it stopped, and
counts only as long as the check's module, and all that it imports, is unchanged. The table is
`calibration.json` of the records; a claim that has no runs under the present source keeps the line
it has there.
"""

import hashlib
import json
import statistics
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from theory_on_trial.audits.driver import Audit, Measured, Row
from theory_on_trial.decide.decision import Finding
from theory_on_trial.explore.runs import keep_line, kept_lines, kept_path
from theory_on_trial.trial.decisions import Trial
from theory_on_trial.trial.registry import Claim, claim, recorded

LIMITS = {"fast": (1.0, 200, 50), "full": (60.0, 20, 5)}
"""By tier: how many seeds a claim runs under that takes at most so many seconds, and how many any
other.
"""
COLUMNS = (
    *(
        "claim",
        "seeds",
        "as expected",
        "REFUTED",
        "INCONCLUSIVE",
        "controls",
        "controls not refuted",
    ),
    *("samples, median", "budget used, most", "room, least", "seconds"),
)


def margin_left(finding: Finding) -> float | None:
    """Share of the margin left in the worst coordinate: 1 on the prediction, 0 at the limit, None
    without a margin.
    """
    prediction = finding.prediction
    margin = np.asarray(prediction.margin, float)
    if prediction.side != "two" or np.any(margin <= 0) or not np.all(np.isfinite(margin)):
        return None
    distance = np.abs(
        np.asarray(finding.interval.estimate, float) - np.asarray(prediction.value, float)
    )
    return float(np.min(1 - distance / margin))


def run_once(subject: Claim, seed: int) -> dict[str, Any]:
    """Put a claim on trial under one seed: its rows' verdicts, controls, samples, seconds and
    distances, JSON-ready.

    A claim that raises is INCONCLUSIVE, and the record holds the error's text.
    """
    trial = Trial(subject.id, seed)
    start = time.process_time()
    error = ""
    rows: list[Any] = []
    try:
        with recorded(subject, trial, "") as rows:
            subject.function(trial)
    except Exception as problem:
        error = f"{type(problem).__name__}: {problem}"
    rooms = [room for room in map(margin_left, trial.findings) if room is not None]
    controls = [
        control for row in rows if not row.id.endswith("-as-published") for control in row.controls
    ]
    return {
        "seed": seed,
        "verdicts": [row.verdict for row in rows],
        "as_expected": bool(rows) and all(row.as_expected for row in rows),
        "controls": len(controls),
        "survivors": [control["name"] for control in controls if control["verdict"] != "REFUTED"],
        "samples": sum(finding.interval.n for finding in trial.findings),
        "budget": max((finding.budget for finding in trial.findings), default=0.0),
        "drawn": trial._drawn
        or any(finding.budget for finding in trial.findings),  # orders may be the same by luck
        "room": min(rooms, default=None),
        "seconds": time.process_time() - start,
        "error": error,
        "measured": hashlib.sha256(repr([row.measured for row in rows]).encode()).hexdigest()[:16],
    }


def kept_runs(path: Path) -> list[dict[str, Any]]:
    """The runs on file, in order of their seeds; a line cut short by a kill is left out."""
    return [run for _, run in sorted(kept_lines(path, "seed").items())]


def wanted_seeds(runs: Sequence[dict[str, Any]], most: int, tier: str = "fast") -> int:
    """How many seeds a claim is to run under, as far as the runs so far can tell."""
    if len(runs) < 3:
        # The first run compiles: what a run costs is known from the second one.
        deterministic = (
            len(runs) == 2 and runs[0]["measured"] == runs[1]["measured"] and not runs[0]["drawn"]
        )
        return 2 if deterministic else min(3, most)
    cheap, many, few = LIMITS[tier]
    return min(
        many if statistics.median(run["seconds"] for run in runs[1:]) <= cheap else few, most
    )


def calibrate(claim_id: str, path: Path, most: int) -> list[dict[str, Any]]:
    """Run a claim under the missing seeds, keep each run at `path`, return all; SystemExit where
    one cannot be kept.
    """
    subject = claim(claim_id)
    runs = kept_runs(path)
    seeds = {run["seed"] for run in runs}
    while missing := [
        seed for seed in range(wanted_seeds(runs, most, subject.tier)) if seed not in seeds
    ]:
        run = run_once(subject, missing[0])
        try:
            keep_line(path, json.dumps(run))
        except OSError as error:
            raise SystemExit(
                f"the runs cannot be kept in {path} ({error.strerror}): make room, or name "
                "another folder in "
                "THEORY_ON_TRIAL_CACHE; what is kept already counts"
            ) from None
        runs.append(run)
        seeds.add(run["seed"])
    jax.clear_caches()  # the next claim has programs of its own
    return kept_runs(path)


def table_row(claim_id: str, runs: Sequence[dict[str, Any]]) -> list[Any]:
    """The line of the table for one claim: see `COLUMNS`. `runs` must not be empty."""
    verdicts = [run["verdicts"][0] if run["verdicts"] else "INCONCLUSIVE" for run in runs]
    rooms = [run["room"] for run in runs if run["room"] is not None]
    later = runs[1:] or runs
    return [
        claim_id,
        len(runs),
        sum(run["as_expected"] for run in runs),
        verdicts.count("REFUTED"),
        verdicts.count("INCONCLUSIVE"),
        sum(run["controls"] for run in runs),
        sum(len(run["survivors"]) for run in runs),
        int(statistics.median(run["samples"] for run in runs)),
        round(max(run["budget"] for run in runs), 3),
        round(min(rooms), 3) if rooms else None,
        round(statistics.median(run["seconds"] for run in later), 2),
    ]


def measure(claim_id: str, options: Namespace) -> Measured:
    """Calibrate one claim; its runs under the present source are in the cache."""
    path = kept_path(claim(claim_id), "calibration", Path(__file__))
    assert path is not None, f"no file states {claim_id}"
    return [table_row(claim_id, calibrate(claim_id, path, options.seeds))], []


def _options(parser: ArgumentParser) -> None:
    text = "at most so many seeds per claim (default %(default)s)"
    parser.add_argument("--seeds", type=int, default=LIMITS["fast"][1], help=text)


def _note(rows: list[Row]) -> str:
    runs, expected, controls, survivors = (
        sum(row[column] for row in rows)
        for column in ("seeds", "as expected", "controls", "controls not refuted")
    )
    return (
        f"{runs} runs of {len(rows)} claims: {runs - expected} with another verdict than the "
        f"expected one; {survivors} "
        f"of {controls} controls not refuted. A claim with 2 seeds measured the same under both. "
        "Budget: the share of "
        "the planned samples that was drawn. Room: the distance of the estimate from the limit of "
        "VERIFIED, as a share "
        "of the margin."
    )


def _complaint(row: Row) -> str:
    other = row["seeds"] - row["as expected"]
    survivors = row["controls not refuted"]
    return (
        f"{row['claim']}: {other} other verdicts, {survivors} controls not refuted"
        if other or survivors
        else ""
    )


AUDIT = Audit(
    name="calibration",
    title="False alarms and power: the fast tier over many seeds",
    columns=COLUMNS,
    measure=measure,
    note=_note,
    complaint=_complaint,
    options=_options,
    workers=1,
    reuse=False,  # its runs are in the cache, and more seeds may be asked for
)
main = AUDIT.main
