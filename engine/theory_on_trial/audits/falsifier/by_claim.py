"""The search that a bound has without anybody writing one: its own check, at settings drawn from its domain."""

import time
from itertools import islice
from typing import Any

from theory_on_trial.audits.falsifier.search import Found, Inequality
from theory_on_trial.audits.spread import spread
from theory_on_trial.trial.decisions import Trial
from theory_on_trial.trial.domain import OutsideDomain
from theory_on_trial.trial.registry import Claim, recorded

STATEMENT = "as its check decides it, at settings drawn from its domain"
RUNS, SECONDS = 60, 20.0
"""How many trials a search takes, and how many seconds of the processor, whichever is less."""


def by_claim(subject: Claim) -> Inequality:
    """Return the bound that a claim states as an inequality that is searched by its own check."""
    return Inequality(subject.id, STATEMENT, subject.function, draws=RUNS, steps=0)


def search_claim(subject: Claim, inequality: Inequality, seed: int = 0) -> Found:
    """Put a bound on trial at its own settings and at others, each under another seed; report the tightest instance."""
    best: tuple[float, str] | None = None
    ratio: float | None
    trials, started = 0, time.process_time()
    for number, chosen in enumerate([{}, *islice(spread(subject, seed), inequality.draws - 1)]):
        if time.process_time() - started > SECONDS:
            break
        trial, rows = Trial(subject.id, seed + number), list[Any]()
        try:
            with recorded(subject, trial, "") as rows:
                subject.function(trial, **chosen)
        except OutsideDomain:
            continue
        trials += 1
        where = ", ".join(f"{name} = {value!r}" for name, value in {**chosen, "seed": seed + number}.items())
        if rows[0].verdict == "REFUTED":
            return Found(inequality, rows[0].tightness, True, where, trials)
        ratio = max((f.tightness for f in trial.findings if f.tightness is not None), default=None)
        if ratio is not None and (best is None or ratio > best[0]):
            best = min(ratio, 1.0), where
    ratio, where = best or (None, "")
    return Found(inequality, ratio, False, where, trials)
