"""The checks of an audit: what one run does with a claim, and its outcome.

Each takes the claim and a seed, and runs in a process of its own.
"""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from theory_on_trial import repository
from theory_on_trial.audit.mistaken import mistaken
from theory_on_trial.audit.mutants import Place, install, mutant
from theory_on_trial.base.compilation_cache import enable_compilation_cache
from theory_on_trial.explore.attempt import LIMIT, Attempt, attempt
from theory_on_trial.explore.draw import ends, spread
from theory_on_trial.trial.decisions import Trial
from theory_on_trial.trial.registry import Claim, claim, recorded

OUTCOMES = {
    "held": "as it must be",
    "wrong": "another verdict, an exception inside the domain, or VERIFIED with a wrong prediction",
    "died": "the run ended its process",
    "undecided": "INCONCLUSIVE",
    "late": "no end within the limit",
    "not noticed": "a mutant left the verdict VERIFIED; it may be an equivalent program",
    "no control": "at this setting a control is too close to the prediction to be one",
    "published holds": "at this setting what was published is true too",
    "constant": "at this setting all samples are equal",
    "outside": "a joint condition refuses all settings that were drawn",
    "nothing tried": "there is no number to scale, or the mutated code did not run",
}
"""The possible outcomes of a run."""
CHECKS = {
    "seeds": "another seed",
    "settings": "another setting of the domain",
    "detection": "a prediction that is off by what the claim says it detects",
    "bounds": "a search for a violation of a bound",
    "mutants": "a mutated number, operator, sign or comparison of either side",
}
"""Name of each check, and what it tries."""
SETTINGS = 20
"""How many settings may be drawn until one meets the joint conditions."""
SEARCHED = 200
SECONDS = 10.0
"""How many settings a search for a violation tries, and after how many seconds it stops."""
SHARE_OF_ENDS = 0.4
"""The share of the drawn settings in which one setting alone is at an end of its domain."""


@dataclass(frozen=True)
class Task:
    """One run to be done: a check of a claim under a seed, and the claim's file and function."""

    claim: str
    check: str
    number: int
    file: str
    function: str
    places: tuple[Place, ...] = ()
    limit: float = LIMIT


@dataclass(frozen=True)
class Run:
    """The result of one run; `why` says what is wrong, `again` is the command that repeats it."""

    claim: str
    check: str
    number: int
    outcome: str
    why: str = ""
    again: str = ""
    seconds: float = 0.0


def done(task: Task) -> Run:
    """Run a task in this process, which must not be used afterwards."""
    outcome, why, again = _CHECKS[task.check](task)
    return Run(task.claim, task.check, task.number, outcome, why, again or audit_line(task))


def audit_line(task: Task) -> str:
    """Return the command that makes this run again."""
    return (
        f"theory-on-trial audit {task.claim} --check {task.check} --seed {task.number} --runs 1 "
        "--tier paper"
    )


Result = tuple[str, str, str]


def _seeds(task: Task) -> Result:
    subject = _subject(task)
    return _judged(subject, attempt(subject, {}, task.number, limit=task.limit), inside=False)


def _settings(task: Task) -> Result:
    subject = _subject(task)
    random = Random(f"settings/{task.number}")
    alone = ends(subject)
    if alone and random.random() < SHARE_OF_ENDS:
        candidates = [random.choice(alone)]
    else:
        candidates = list(islice(spread(subject, task.number), len(alone), len(alone) + SETTINGS))
    result: Result = ("outside", "", "")
    for chosen in candidates:
        result = _judged(subject, attempt(subject, chosen, task.number, limit=task.limit))
        if result[0] != "outside":
            break
    return result


def _bounds(task: Task) -> Result:
    subject = _subject(task)
    random = Random(f"bounds/{task.number}")
    alone = ends(subject)
    candidates = random.sample(alone, len(alone))
    candidates += islice(spread(subject, task.number), len(alone), SEARCHED)
    tried = False
    seconds = 0.0
    for chosen in candidates:
        done = attempt(subject, chosen, task.number, limit=task.limit)
        result = _judged(subject, done)
        if result[0] == "wrong":
            return result
        tried = tried or result[0] != "outside"
        seconds += done.seconds
        if seconds > SECONDS:
            break
    return ("held" if tried else "outside"), "", ""


def _judged(subject: Claim, done: Attempt, inside: bool = True) -> Result:
    """Return the outcome of a trial; with `inside`, at another setting of the domain."""
    names = {"as expected": "held", "INCONCLUSIVE": "undecided"}
    if not inside:  # there the claim chose its controls and says that what is published fails
        names |= dict.fromkeys(("no control", "published holds", "constant"), "wrong")
    return names.get(done.outcome, done.outcome), done.why, _run_line(subject, done)


def _run_line(subject: Claim, done: Attempt) -> str:
    settings = " ".join(f'"{name}={value!r}"' for name, value in done.settings.items())
    more = f" --set {settings}" if settings else ""
    return f"theory-on-trial run {subject.id} --seed {done.seed}{more}"


def _detection(task: Task) -> Result:
    subject = _subject(task)
    original = Trial(subject.id, task.number)
    with recorded(subject, original, ""):
        subject.function(original)
    if any(finding.outcome != "VERIFIED" for finding in original.findings):
        return "nothing tried", "", ""  # that the claim fails here is another check's word
    sign = Random(f"detection/{task.number}").choice((1, -1))
    trial = mistaken(subject, task.number, sign, original.findings)
    if trial.unnoticed:
        way = "large" if sign > 0 else "small"
        why = f"VERIFIED with a prediction that is too {way} by what it detects: "
        return "wrong", why + "; ".join(trial.unnoticed), ""
    return ("held" if trial.tried else "nothing tried"), "", ""


def _mutants(task: Task) -> Result:
    random = Random(f"mutants/{task.number}")
    root = repository.root(Path(task.file).parent)
    one = mutant(random.choice(task.places), random, root)
    # Programs may be shared, they go by what they compute; results of sweeps may not: they go by
    # the file, which is sound.
    enable_compilation_cache()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["THEORY_ON_TRIAL_CACHE"] = scratch
        evaluated = install(one)
        try:
            subject = _subject(task)
        except Exception as error:
            return "held", f"{one.change}: {type(error).__name__} on import", ""
        result = attempt(subject, {}, 0, limit=task.limit)
    if not evaluated:
        return "nothing tried", "", ""
    return ("not noticed" if result.outcome == "as expected" else "held"), one.change, ""


def _subject(task: Task) -> Claim:
    repository.import_file(Path(task.file))  # and no other of the paper's
    return claim(task.claim)


_CHECKS: dict[str, Callable[[Task], Any]] = {
    "seeds": _seeds,
    "settings": _settings,
    "detection": _detection,
    "bounds": _bounds,
    "mutants": _mutants,
}
