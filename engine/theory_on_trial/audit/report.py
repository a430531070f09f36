"""The result of an audit: counts by check, the upper bound on the share of failures, and the
command that repeats a failure; as text, JSON and one HTML page.
"""

import json
import os
import platform
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from scipy.stats import beta

from theory_on_trial.audit.checks import CHECKS, Run
from theory_on_trial.ledger.facts import platform_facts
from theory_on_trial.page.report import rendered

LEVEL = 0.95
WRONG = ("wrong", "died")
"""The outcomes that make an audit fail."""
_OPEN = ("undecided", "late")
"""Those that are no verdict, and are named."""
_COUNTED = ("held", "undecided", "not noticed", *WRONG)
"""Those of a run that has an answer; the others are named beside them."""


@dataclass(frozen=True)
class Counts:
    """The counts of the runs of one check.

    Attributes:
        check: its name.
        runs: how many have an answer.
        failures: how many of these are wrong; of mutants, how many nothing noticed.
        bound: the exact 95 % upper bound on the share of failures among runs drawn like these.
        others: how many runs came out as anything else, by outcome.
    """

    check: str
    runs: int
    failures: int
    bound: float
    others: dict[str, int]


def upper_bound(failures: int, runs: int, level: float = LEVEL) -> float:
    """Return the one-sided Clopper-Pearson bound: the largest share under which so few failures in
    so many runs have a chance of at least 1 - level; 1 without any run.
    """
    return 1.0 if failures >= runs else float(beta.ppf(level, failures + 1, runs - failures))


def counts(runs: Sequence[Run]) -> list[Counts]:
    """Return the counts of each check that ran."""
    lines = []
    for check in CHECKS:
        outcomes = Counter(run.outcome for run in runs if run.check == check)
        if not outcomes:
            continue
        answered = sum(outcomes[name] for name in _COUNTED)
        failures = sum(outcomes[name] for name in (*WRONG, "not noticed"))
        others = {name: n for name, n in outcomes.items() if name not in ("held", *WRONG)}
        lines.append(Counts(check, answered, failures, upper_bound(failures, answered), others))
    return lines


def failures(runs: Sequence[Run]) -> list[Run]:
    """Return the runs that are wrong."""
    return [run for run in runs if run.outcome in WRONG]


def open_runs(runs: Sequence[Run]) -> list[Run]:
    """Return the runs that are named without being wrong."""
    return [run for run in runs if run.outcome in _OPEN]


def lines(runs: Sequence[Run]) -> list[str]:
    """Return the counts in lines of text."""
    texts = [f"{'check':10} {'runs':>6} {'failures':>9} {'at most (95 %)':>15}"]
    for one in counts(runs):
        others = ", ".join(f"{number} {name}" for name, number in one.others.items())
        texts.append(
            f"{one.check:10} {one.runs:6d} {one.failures:9d} {one.bound:15.2%}"
            f"{'  ' * bool(others)}{others}"
        )
    return texts


def write(out: Path, runs: Sequence[Run], facts: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Write `audit.json` and `audit.html` into a folder; return what stands in the first.

    `facts` says how the audit was drawn; the date, the commit of the repository in `folder` and the
    machine are added.
    """
    content = {**facts, **_circumstances(folder), **_sorted(runs)}
    text = json.dumps(content, indent=1, ensure_ascii=False)
    (out / "audit.json").write_text(text + "\n", encoding="utf-8")
    page = rendered("audit.html.jinja", audit=content)
    (out / "audit.html").write_text(page, encoding="utf-8")
    return content


def pooled(reports: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return several audits as one: counts, bounds and lists as in a report, of all runs together.

    The bound is one on the share of failures among runs that are drawn as those of these audits
    were. Under `audits` stands what each report says of its audit as a whole, and under `drawn` how
    many runs it has.

    Args:
        reports: the contents of `audit.json` files, of one commit and one tier.

    Raises:
        ValueError: for no report, audits of two commits or tiers, and two audits of one seed, which
            drew the same runs.
    """
    if not reports:
        raise ValueError("an audit must be given, got none")
    for name in ("commit", "tier"):
        if len(values := {str(report[name]) for report in reports}) > 1:
            raise ValueError(f"audits must have one {name}, got {', '.join(sorted(values))}")
    seeds = Counter(report["seed"] for report in reports)
    if twice := [seed for seed, times in seeds.items() if times > 1]:
        raise ValueError(
            f"audits must differ in their seeds, or they draw the same, got {twice[0]}"
        )
    runs = [Run(**run) for report in reports for run in report["runs"]]
    lists = _sorted(runs)
    about = [
        {name: value for name, value in report.items() if name not in lists}
        | {"drawn": len(report["runs"])}
        for report in reports
    ]
    return {"audits": about, **lists}


def _sorted(runs: Sequence[Run]) -> dict[str, Any]:
    """Return the counts of each check, and the runs by what they came to."""
    elsewhere = ("no control", "published holds", "constant")
    return {
        "checks": [asdict(one) | {"what": CHECKS[one.check]} for one in counts(runs)],
        "failures": [asdict(run) for run in failures(runs)],
        "open": [asdict(run) for run in open_runs(runs)],
        "not_noticed": [asdict(run) for run in runs if run.outcome == "not noticed"],
        "elsewhere": [asdict(run) for run in runs if run.outcome in elsewhere],
        "runs": [asdict(run) for run in runs],
    }


def _circumstances(folder: Path) -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(folder),
        "machine": f"{platform_facts()['processor']} ({os.cpu_count()} processors), "
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "versions": {name: _version(name) for name in ("theory-on-trial", "jax", "numpy", "scipy")},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _commit(folder: Path) -> str | None:
    """Return the commit of a repository, with `+` where files differ from it; None without git."""
    head = _git(folder, "rev-parse", "HEAD")
    return head and f"{head}{'+' * bool(_git(folder, 'status', '--porcelain'))}"


def _git(folder: Path, *command: str) -> str | None:
    try:
        process = subprocess.run(
            ["git", "-C", str(folder), *command], capture_output=True, text=True, check=False
        )
    except OSError:  # there is no git
        return None
    return process.stdout.strip() if process.returncode == 0 else None
