"""What `theory-on-trial audit` does with its options."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from theory_on_trial.audit.checks import CHECKS, Run
from theory_on_trial.audit.drawing import can_be_run, tasks
from theory_on_trial.audit.processes import conduct
from theory_on_trial.audit.report import WRONG, lines, open_runs, write
from theory_on_trial.trial.registry import TIERS, Claim


def minutes(text: str) -> float:
    """Return a budget as it is typed; ValueError for anything but a positive number."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise ValueError(f"--minutes must be a positive number, got {text!r}")
    return value


def checks(text: str) -> list[str]:
    """Return the checks that are named, separated by commas; ValueError for an unknown one."""
    names = text.split(",")
    if unknown := [name for name in names if name not in CHECKS]:
        known = ", ".join(CHECKS)
        raise ValueError(f"--check must be of {known}, got {unknown[0]!r}")
    return names


def audit(subjects: Sequence[Claim], folder: Path, options: argparse.Namespace) -> int:
    """Audit claims of a repository in a folder, print and write what came of it; 1 if anything is
    wrong.
    """
    for name, least in {"workers": 1, "runs": 1, "limit": 0}.items():
        value = getattr(options, name)
        if value is not None and not value >= least:
            raise ValueError(f"--{name} must be at least {least}, got {value}")
    out = _writable(options.out)
    highest = TIERS.index(options.tier)
    chosen = [
        subject
        for subject in subjects
        if not subject.published_form
        and TIERS.index(subject.tier) <= highest
        and can_be_run(subject)
    ]
    if not chosen:
        raise ValueError(f"there is no claim up to the tier {options.tier} that can be audited")
    print(f"audit of {len(chosen)} claims, seed {options.seed}", flush=True)
    runs: list[Run] = []
    start = time.perf_counter()
    interrupted = not _drawn(chosen, runs, options)
    facts: dict[str, Any] = {
        "seed": options.seed,
        "minutes": options.minutes,
        "tier": options.tier,
        "claims": len(chosen),
        "workers": options.workers or os.cpu_count() or 1,
        "seconds": round(time.perf_counter() - start, 1),
        "interrupted": interrupted,
    }
    write(out, runs, facts, folder)
    for run in open_runs(runs):
        print(f"{run.outcome}: {run.claim}, {run.check}: {run.why}\n  {run.again}")
    print("\n".join(lines(runs)))
    wrong = sum(run.outcome in WRONG for run in runs)
    print(f"{len(runs)} runs{', interrupted' * interrupted}: {wrong or 'nothing'} wrong")
    print(f"report: {out / 'audit.html'}")
    return int(wrong > 0)


def _drawn(subjects: Sequence[Claim], runs: list[Run], options: argparse.Namespace) -> bool:
    """Fill `runs` until the budget ends; return False if Ctrl-C or a request to end came first."""
    from tqdm.auto import tqdm

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    drawn = tasks(subjects, options.check, options.seed, options.limit)
    workers = options.workers or os.cpu_count() or 1
    budget = {"seconds": 60 * options.minutes, "most": options.runs or float("inf")}
    try:
        with tqdm(desc="audit", unit="run", file=sys.stderr, leave=False, disable=None) as bar:
            for run in conduct(drawn, workers=workers, **budget):
                runs.append(run)
                bar.update()
                if run.outcome in WRONG:
                    bar.clear()
                    text = f"{run.outcome}: {run.claim}, {run.check}: {run.why}"
                    print(f"{text}\n  {run.again}", flush=True)
    except KeyboardInterrupt:
        return False
    finally:
        signal.signal(signal.SIGTERM, before)
    return True


def _writable(out: Path) -> Path:
    """Return a folder, made if need be; ValueError if no file can be written there."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / f".{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ValueError(
            f"--out must be a folder that can be written to, got {out} ({error.strerror})"
        ) from None
    return out
