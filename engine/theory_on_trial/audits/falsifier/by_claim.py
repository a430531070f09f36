"""The search that a bound has without anybody writing one: its own check, at settings drawn from its domain."""

import time
from itertools import islice

from theory_on_trial.audits.falsifier.search import Found, Inequality
from theory_on_trial.explore.attempt import attempt
from theory_on_trial.explore.draw import spread
from theory_on_trial.trial.registry import Claim

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
        done = attempt(subject, chosen, seed + number)
        if done.outcome == "outside":
            continue
        if done.outcome == "late" or (done.outcome == "wrong" and done.verdict != "REFUTED"):
            raise ValueError(f"{subject.id} at {done.line}: {done.why}")
        trials += 1
        if done.verdict == "REFUTED":
            return Found(inequality, done.tightness, True, done.line, trials)
        if done.tightness is not None and (best is None or done.tightness > best[0]):
            best = min(done.tightness, 1.0), done.line
    ratio, where = best or (None, "")
    return Found(inequality, ratio, False, where, trials)
