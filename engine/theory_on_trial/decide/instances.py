"""Whether drawn instances of a decision without sampling may be as many independent draws as it is
said: what can be seen from the numbers of its sides.
"""

from typing import Any

import numpy as np

from theory_on_trial.decide.sampling import Independence

_MANY = 64
"""From so many equal draws on, chance cannot explain them."""
_ORDERED = 13
"""So many independent draws stand in order with a chance of 2 / 13!, below 1e-9."""


def check_independent(decision: str, sides: Any, independent: int) -> None:
    """Raise `ValueError` where `independent` instances are all equal, copies of each other, in
    order, or correlated; `sides` holds a row of numbers for each instance.

    Whole numbers may be counts, which are often alike. Of independent instances each check fails
    with a chance of about 1e-9 (see `sampling.Independence` for the correlations).
    """
    rows = np.asarray(sides, float).reshape(len(sides), -1)
    if independent >= _MANY and not np.any(np.ptp(rows, axis=0)) and np.any(rows != np.round(rows)):
        raise ValueError(
            f"all {len(rows)} instances of {decision} are equal: they are not {independent} "
            "independent draws"
        )
    if len(rows) != independent or independent == 1:
        return
    # One number for each instance, in which no two coordinates have one weight.
    with np.errstate(over="ignore", invalid="ignore"):
        size = np.max(np.abs(rows), axis=0)
        marks = (rows / np.where(size > 0, size, 1.0)) @ np.cos(np.arange(rows.shape[1]))
    if count := _copied(marks):
        raise ValueError(
            f"the {independent} instances of {decision} are {count} and copies of these: say "
            f"independent={count}, or draw more"
        )
    steps = np.diff(marks)
    if independent >= _ORDERED and (np.all(steps > 0) or np.all(steps < 0)):
        raise ValueError(
            f"the {independent} instances of {decision} stand in the order of their size: "
            "independent draws do not"
        )
    # Instances of a chain are fewer than they are; a call of each is of one.
    Independence(f"{decision} of independent instances").ask(marks, [1] * independent)


def _copied(instances: np.ndarray) -> int:
    """Return how many instances were repeated to make these; 0 if none was.

    n independent draws take each of m values n / m times with a chance of
    n! m^-n / ((n / m)!)^m at most, whatever their law.
    """
    from scipy.special import gammaln

    counts = np.unique(instances, return_counts=True)[1]
    many = len(counts)
    n = len(instances)
    if many == 1:
        return 0
    tiled = np.array_equal(instances[many:], instances[:-many])
    in_runs = np.sum(instances[1:] != instances[:-1]) == many - 1
    if np.min(counts) >= 8 and (tiled or in_runs):
        return many
    if np.min(counts) < 2 or np.ptp(counts):
        return 0
    chance = gammaln(n + 1) - n * np.log(many) - many * gammaln(n / many + 1)
    return many if chance < np.log(1e-9) else 0
