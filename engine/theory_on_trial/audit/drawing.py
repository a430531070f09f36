"""What an audit draws: a claim at random, then one of the checks that it allows."""

import inspect
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from random import Random

from theory_on_trial import repository
from theory_on_trial.audit.checks import Task
from theory_on_trial.audit.mutants import Place, places
from theory_on_trial.explore.attempt import LIMIT
from theory_on_trial.explore.draw import domains
from theory_on_trial.explore.processes import file_of
from theory_on_trial.trial.registry import Claim

_LIMITS = {"fast": LIMIT, "full": 10 * LIMIT, "paper": 60 * LIMIT}
"""How many seconds one trial of a claim may take, by its tier."""


def can_be_run(subject: Claim) -> bool:
    """Tell whether a claim can be run outside pytest: no fixture gives one of its settings."""
    return inspect.Parameter.empty not in subject.settings.values()


def tasks(
    subjects: Sequence[Claim], checks: Sequence[str], seed: int, limit: float | None = None
) -> Iterator[Task]:
    """Yield tasks without end; none where no claim allows any of the checks.

    A trial may take `limit` seconds, or what its tier allows.

    The number of the first task is `seed` itself, so that one claim, one check and this number make
    a run again.
    """
    left = list(subjects)
    count = 0
    while left:
        random = Random(f"audit/{seed}/{count}")
        number = random.getrandbits(31) if count else seed
        subject = random.choice(left)
        allowed = _allowed(subject, checks)
        if not allowed:
            left.remove(subject)
            continue
        check = random.choice(allowed)
        yield _task(subject, check, number, limit or _LIMITS[subject.tier])
        count += 1


def _allowed(subject: Claim, checks: Sequence[str]) -> list[str]:
    return [
        check
        for check in checks
        if not (check == "settings" and not domains(subject))
        and not (check == "bounds" and not (subject.kind == "bound" and domains(subject)))
        and not (check == "mutants" and not _places(subject))
    ]


def _task(subject: Claim, check: str, number: int, limit: float) -> Task:
    function = inspect.unwrap(subject.function).__name__
    file = str(file_of(subject).absolute())
    own = tuple(_places(subject)) if check == "mutants" else ()
    return Task(subject.id, check, number, file, function, own, limit)


def _places(subject: Claim) -> list[Place]:
    return _reached(file_of(subject).absolute(), inspect.unwrap(subject.function).__name__)


@cache
def _reached(file: Path, function: str) -> list[Place]:
    return places(file, function, repository.root(file.parent))
