"""How often is a verdict wrong? `python -m theory_on_trial.audits.calibration [PAPER | CLAIM …]` runs the claims over many seeds.

Every claim of the fast tier runs under the seeds 0, 1, …: 200 of them if it takes at most a second, 50 otherwise; one
whose measurement is the same under the first two seeds is deterministic and stops there. Each run is kept as it ends,
so that an interrupted calibration goes on where it stopped, and counts only as long as the source it ran is unchanged.
The table is written to docs/trust/calibration.json, from which the report shows it; a claim that has no runs under the
present source keeps the line it has there.
"""

import argparse
import hashlib
import json
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

# OpenBLAS reads it once, when it is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import jax
import numpy as np

from theory_on_trial.decision import Finding
from theory_on_trial.registry import Claim, claim, claims, recorded
from theory_on_trial.trial import Trial

ROOT = Path(__file__).parent.parent
TABLE = ROOT / "docs" / "trust" / "calibration.json"
CHEAP, MANY, FEW = 1.0, 200, 50
CORE = ("decision", "evidence", "laws", "trends", "trial")
COLUMNS = (
    *("claim", "seeds", "as expected", "REFUTED", "INCONCLUSIVE", "controls", "controls not refuted"),
    *("samples, median", "budget used, most", "room, least", "seconds"),
)


def margin_left(finding: Finding) -> float | None:
    """By how much of the margin the estimate misses the limit of VERIFIED: 1 on the prediction, below 0 beyond it.

    The least favourable coordinate counts. None where there is no margin: exact arithmetic, a bound, an unbounded side.
    """
    prediction = finding.prediction
    margin = np.asarray(prediction.margin, float)
    if prediction.side != "two" or np.any(margin <= 0) or not np.all(np.isfinite(margin)):
        return None
    distance = np.abs(np.asarray(finding.interval.estimate, float) - np.asarray(prediction.value, float))
    return float(np.min(1 - distance / margin))


def run_once(subject: Claim, seed: int) -> dict[str, Any]:
    """Put a claim on trial under one seed: its rows' verdicts, controls, samples, seconds and distances, JSON-ready.

    A claim that raises is INCONCLUSIVE, and the record holds the error's text.
    """
    trial, started, error = Trial(subject.id, seed), time.process_time(), ""
    rows: list[Any] = []
    try:
        with recorded(subject, trial, "") as rows:
            subject.function(trial)
    except Exception as problem:
        error = f"{type(problem).__name__}: {problem}"
    rooms = [room for room in map(margin_left, trial.findings) if room is not None]
    controls = [control for row in rows if not row.id.endswith("-as-printed") for control in row.controls]
    return {
        "seed": seed,
        "verdicts": [row.verdict for row in rows],
        "as_expected": bool(rows) and all(row.as_expected for row in rows),
        "controls": len(controls),
        "survivors": [control["name"] for control in controls if control["verdict"] != "REFUTED"],
        "samples": sum(finding.interval.n for finding in trial.findings),
        "budget": max((finding.budget for finding in trial.findings), default=0.0),
        "room": min(rooms, default=None),
        "seconds": time.process_time() - started,
        "error": error,
        "measured": hashlib.sha256(repr([row.measured for row in rows]).encode()).hexdigest()[:16],
    }


@cache
def source_of(paper: str) -> str:
    """The digest of all source on which the verdicts of a paper's claims depend."""
    files = [ROOT / "paper_checks" / f"{name}.py" for name in CORE] + [*(ROOT / "sims").glob("*.py")]
    files += [ROOT / "theory" / "domain.py"]
    for folder, name in (("theory", paper), ("sims", paper), ("paper_checks", f"test_{paper}")):
        files += [*(ROOT / folder / name).rglob("*.py"), *(ROOT / folder).glob(f"{name}*.py")]
    return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(files))).hexdigest()[:16]


def kept_runs(path: Path) -> list[dict[str, Any]]:
    """The runs on file, in order of their seeds; a line cut short by a kill is left out."""
    runs = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []:
        try:
            run = json.loads(line)
        except json.JSONDecodeError:
            continue
        runs[run["seed"]] = run
    return [runs[seed] for seed in sorted(runs)]


def wanted_seeds(runs: Sequence[dict[str, Any]], most: int) -> int:
    """How many seeds a claim is to run under, as far as the runs so far can tell."""
    if len(runs) < 3:
        # The first run compiles: what a run costs is known from the second one.
        deterministic = len(runs) == 2 and runs[0]["measured"] == runs[1]["measured"] and not runs[0]["budget"]
        return 2 if deterministic else min(3, most)
    cost = statistics.median(run["seconds"] for run in runs[1:])
    return min(MANY if cost <= CHEAP else FEW, most)


def calibrate(claim_id: str, path: Path, most: int) -> str:
    """Run a claim under the seeds that are missing, keep each run in the file at `path`, and return the claim's id.

    Raises SystemExit, with a sentence, where a run cannot be kept; those before it are.
    """
    subject, runs = claim(claim_id), kept_runs(path)
    done = {run["seed"] for run in runs}
    while missing := [seed for seed in range(wanted_seeds(runs, most)) if seed not in done]:
        run = run_once(subject, missing[0])
        try:
            with path.open("a", encoding="utf-8") as file:
                # A line of its own, even after one that was cut short.
                file.write(("\n" if file.tell() else "") + json.dumps(run))
        except OSError as error:
            raise SystemExit(
                f"the runs cannot be kept in {path} ({error.strerror}): make room, or name another folder with --runs; "
                "what is kept already counts"
            ) from None
        runs.append(run)
        done.add(run["seed"])
    jax.clear_caches()  # the next claim has programs of its own
    return claim_id


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


def table(subjects: Sequence[Claim], folder: Path, earlier: dict[str, Any]) -> dict[str, Any]:
    """The table of all runs on file for these claims, ready for JSON.

    A claim without runs of its present source keeps its line in the `earlier` table, if it has one there.
    """
    lines = {row[0]: row for row in earlier.get("rows", [])}
    sources = dict(earlier.get("sources", {}))
    for subject in subjects:
        if runs := kept_runs(path_of(subject, folder)):
            lines[subject.id], sources[subject.id] = table_row(subject.id, runs), source_of(subject.paper)
    shown = [subject for subject in subjects if subject.id in lines]
    rows = [lines[subject.id] for subject in shown]
    changed = sum(sources.get(subject.id) != source_of(subject.paper) for subject in shown)
    runs_in_all, expected, controls, survivors = (sum(row[column] for row in rows) for column in (1, 2, 5, 6))
    return {
        "title": "False alarms and power: the fast tier over many seeds",
        "command": "python -m theory_on_trial.audits.calibration",
        "columns": list(COLUMNS),
        "rows": rows,
        "sources": {subject.id: sources.get(subject.id) for subject in shown},
        "note": (
            f"{runs_in_all} runs of {len(rows)} claims: {runs_in_all - expected} with another verdict than the "
            f"expected one; {survivors} of {controls} controls not refuted. A claim with 2 seeds is the same under "
            "every seed. Budget: the share of the planned samples that was drawn. Room: the distance of the estimate "
            f"from the limit of VERIFIED, as a share of the margin. Lines older than the last change to any source of "
            f"their paper: {changed}."
        ),
    }


def path_of(subject: Claim, folder: Path) -> Path:
    """The file of a claim's runs under the present source."""
    return folder / f"{subject.id}-{source_of(subject.paper)}.jsonl"


def _finished(subjects: Sequence[Claim], folder: Path, most: int, workers: int) -> Iterator[str]:
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        tasks = [pool.submit(calibrate, subject.id, path_of(subject, folder), most) for subject in subjects]
        try:
            for task in as_completed(tasks):
                yield task.result()
        finally:
            pool.shutdown(cancel_futures=True)


def main(arguments: list[str] | None = None) -> int:
    """Calibrate what was asked for and write the table of all that is on file; 1 if any run was not as expected."""
    import platformdirs
    from tqdm.auto import tqdm

    parser = argparse.ArgumentParser(
        prog="python -m theory_on_trial.audits.calibration", description=__doc__.split("\n")[0]
    )
    parser.add_argument("selection", nargs="*", metavar="PAPER | CLAIM", help="default: all papers")
    parser.add_argument("--seeds", type=int, default=MANY, help=f"at most so many seeds per claim (default {MANY})")
    parser.add_argument("--workers", type=int, default=1, help="processes (default 1)")
    parser.add_argument("--runs", type=Path, help="folder of the runs (default: the user's cache folder)")
    parser.add_argument("--out", type=Path, default=TABLE, help="the table (default: docs/trust/calibration.json)")
    options = parser.parse_args(arguments)
    if options.seeds < 1 or options.workers < 1:
        parser.error(f"--seeds and --workers must be at least 1, got {options.seeds} and {options.workers}")
    folder = options.runs or platformdirs.user_cache_path("theory-on-trial") / "calibration"
    folder.mkdir(parents=True, exist_ok=True)
    every = [one for one in claims() if one.tier == "fast" and not one.printed_form]
    try:
        ids = {one.id for name in options.selection for one in ([claim(name)] if "." in name else claims(name))}
    except ValueError as error:
        parser.error(str(error))
    chosen = [one for one in every if one.id in ids or not options.selection]
    with tqdm(total=len(chosen), unit="claim", file=sys.stderr) as bar:
        for finished in _finished(chosen, folder, options.seeds, options.workers):
            bar.set_postfix_str(finished)
            bar.update()
    earlier = json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else {}
    result = table(every, folder, earlier)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(result["note"])
    return int(any(row[1] != row[2] or row[6] for row in result["rows"]))


if __name__ == "__main__":
    sys.exit(main())
