"""A check that samples have one law wherever they stand: in a call of few as in a call of many, and
first in a call as last.

A sampler that sorts what it draws, cuts off the rest of a spectrum or begins a chain in each
call gives other numbers to small calls than to large ones. Nobody sees that from small calls alone.
"""

from collections.abc import Sequence

import numpy as np

_ERROR = 1e-9
"""The chance that independent samples of one law are refused."""
_MOST_ROWS = 2**14
_MOST_COLUMNS = 1024
"""So many samples, and coordinates, are looked at: small calls come first."""


def check(rows: np.ndarray, sizes: Sequence[int], what: str) -> None:
    """Raise `ValueError` if the law of samples, shape `(n, coordinates)`, depends on the size of
    the call that drew them or on their place in it.

    `sizes` are those of the calls, in order, and add up to n; `what` names the sampler. The samples
    of calls below 2, 4, 8, …, and those at such places from either end of a call, are compared with
    all others, by their ranks and by the ranks of how far these are from the middle. Samples of one
    law are in random order, whatever their values are, so that a group's ranks are drawn without
    replacement. All groups, coordinates, ranks and sides share a chance of 1e-9.
    """
    many = np.repeat(sizes, sizes)
    place = np.arange(len(many)) - np.repeat(np.cumsum([0, *sizes[:-1]]), sizes)
    groups = {
        "how many it is asked for at once": many,
        "their place in a call": place + 1,
        "their place before the end of a call": many - place,
    }
    ranks = _ranks(rows[:, :: -(-rows.shape[1] // _MOST_COLUMNS)])
    scores = np.concatenate([ranks, _ranks(np.abs(ranks - 0.5))], axis=1)
    found = {name: _evidence(scores, numbers) for name, numbers in groups.items()}
    tests = sum(evidence.size for evidence in found.values())
    worst = max(found, key=lambda name: np.max(found[name], initial=0.0))
    if tests and np.max(found[worst], initial=0.0) > np.log(2 * tests / _ERROR):
        raise ValueError(
            f"{what}: the law of its samples depends on {worst}: each must be drawn as if it were "
            "the only one (does it sort, cut off, or begin again in each call?)"
        )


def first_calls(rows: np.ndarray, sizes: Sequence[int]) -> tuple[np.ndarray, list[int]]:
    """Return the samples of as many calls, from the first one, as are looked at."""
    calls = max(1, int(np.searchsorted(np.cumsum(sizes), _MOST_ROWS, side="right")))
    return rows[: sum(sizes[:calls])], list(sizes[:calls])


def _ranks(rows: np.ndarray) -> np.ndarray:
    """Return the ranks of each coordinate in (0, 1); equal numbers have their mean rank."""
    from scipy import stats

    return np.asarray((stats.rankdata(rows, axis=0) - 0.5) / len(rows))


def _evidence(ranks: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Return, for each power of two and each column of ranks, minus the logarithm of a bound on the
    chance that the ranks of the samples of smaller numbers add up to so much more than on average,
    or less; shape `(powers, columns)`.

    Both bounds hold; the larger exponent counts. The sum of m ranks of N is sub-Gaussian with the
    variance that it has without ties: its generating function is the product of
    (1 - q^(N - m + j)) / (1 - q^j) over j up to m (Mann and Whitney 1947), and
    log(sinh(x) / x) - x^2 / 6 falls with x; equal numbers have the mean of what random ranks would
    be. Where most numbers are equal, Bennett's (1962) bound is the sharper one: it holds for draws
    without replacement (Hoeffding 1963, Theorem 4), and for the samples of larger numbers, which
    deviate by as much to the other side.
    """
    deviations = ranks - ranks.mean(axis=0)
    n = len(ranks)
    powers = 2 ** np.arange(1, int(numbers.max()).bit_length())
    order = np.argsort(numbers, kind="stable")
    m = np.searchsorted(numbers[order], powers)
    m = m[m > 0][:, None]
    sums = np.cumsum(deviations[order], axis=0)[m[:, 0] - 1]
    variance = np.mean(np.square(deviations), axis=0)
    ends = np.max(deviations, axis=0), -np.min(deviations, axis=0)
    below, above = (np.where(sums > 0, ends[i], ends[1 - i]) for i in (0, 1))
    off = np.abs(sums)
    without_ties = off**2 / (m * (n - m) * (n + 1) / (6 * n**2))
    few = _bennett(off, m * variance, below)
    many = _bennett(off, (n - m) * variance, above)
    return np.asarray(np.maximum(without_ties, np.maximum(few, many)))


def _bennett(t: np.ndarray, variance: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Return the exponent of Bennett's bound for a sum of that variance that is t off, of terms at
    most `reach` above their mean; 0 where they do not vary.
    """
    varied = (variance > 1e-12) & (reach > 1e-12)
    variance = np.where(varied, variance, 1.0)
    reach = np.where(varied, reach, 1.0)
    u = reach * t / variance
    return np.where(varied, variance / reach**2 * ((1 + u) * np.log1p(u) - u), 0.0)
