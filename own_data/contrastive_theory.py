"""Estimates from a matrix of scores by how much an InfoNCE estimate of mutual information is too
low.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float, Int

from theory_on_trial.contract import Interval, guarded, require
from theory_on_trial.own_data.answer import Answer, Doubt, axes_for
from theory_on_trial.own_data.arrays import require_memory
from theory_on_trial.own_data.copies import copied_rows
from theory_on_trial.own_data.estimate import Estimate
from theory_on_trial.own_data.jackknife import GROUPS, at_least, jackknife
from theory_on_trial.own_data.neighbours import beside
from theory_on_trial.own_data.table import Handed, table

_HEAVY = 0.2  # share of a sum that one term may have
_TAIL = 0.5  # index k of Pareto's law P(t > u) ~ u^(-1 / k) from where on its variance is infinite
_ROUNDING = 1e-10  # nats
_NEAR_CEILING = 0.8
_ENOUGH = 0.05  # of the estimate
_MOST = 2**20  # candidates
_CANDIDATES = 32  # by default
_VANISHING = math.log(1e-130)  # so that squares of quotients are numbers
_AT_ONCE = 2**17  # scores, that stay in the processor's cache
_DIRECTIONS = 8
_PROBES = 400
_NEAREST = 4
_FIRST_ORDER = 0.1  # nats; beyond, the next orders in 1 / K are no longer small

Candidates = Annotated[int, Interval(2, _MOST, why="the positive and at least one other")]
_Statistics = tuple[Float[np.ndarray, "3 fits"], float, float, Float[np.ndarray, " 2"]]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class InfoNCEBias(Answer):
    """The answer of `infonce_bias`: an InfoNCE estimate, and by how much it is too low, in nats.

    There is no answer for pairs on which the critic was trained.

    Attributes:
        pairs: n, the number of pairs.
        candidates: K, the number of candidates among which InfoNCE looks for the partner.
        estimate: I_K of these scores, with an interval; the mutual information is at least the
            expectation of I_K.
        ceiling: log K, which I_K cannot exceed.
        chi2: the mean of t - 1 over the pairs, where t is e^score of a pair over the mean e^score
            of x with the y of other pairs; it is χ^2 if the scores are log r, the logarithm of the
            density ratio.
        predicted_gap: the limit of I_K for many candidates with this critic, minus the estimate, to
            first order in 1 / K; its ends are infinite if it is not known, as one pair makes up a
            fifth of a sum, or the interval were longer than log K.
        candidates_needed: the least K at which this gap is at most 5 % of the estimate; None if the
            interval of the estimate contains 0, if the gap is not known, or if K exceeds 2^20.
    """

    asked = "what does InfoNCE with K candidates say of the information, and what does it lack?"
    rests_on = (
        "independent pairs that the critic has not seen; of pairs that belong together, "
        "such as those of one patient, only one"
    )
    unseen = "whether it has seen them after all, and information that no critic of its kind finds"
    level: float | None = 0.95
    pairs: int
    candidates: int
    estimate: Estimate
    ceiling: float
    chi2: Estimate
    predicted_gap: Estimate
    candidates_needed: int | None

    def lines(self) -> list[str]:
        """Return a line on the estimate with its ceiling, and one on the gap to its limit."""
        known = math.isfinite(self.predicted_gap.high)
        return [
            f"InfoNCE {self.estimate} nats of at most {self.ceiling:.4g}: the information is at "
            "least its mean",
            "by how much its limit is higher these pairs do not tell"
            if not known
            else f"its limit is higher by {self.predicted_gap}; candidates for a gap of 5 %: "
            f"{self.candidates_needed or 'none'}; chi^2 {self.chi2}",
        ]

    def to_do(self) -> str:
        """Return what would make the estimate larger or more certain; "" if nothing is needed."""
        if not self.answerable or self.estimate.low <= 0:
            return (
                "score pairs that were held out"
                if not self.answerable
                else "take more pairs or another critic"
            )
        needed = self.candidates_needed or 0
        if needed > self.pairs:
            return f"score at least {needed} pairs, to have as many candidates"
        return f"take {needed} candidates" if needed > self.candidates else ""

    def to_frame(self) -> Any:
        """Return a data frame with a row for the estimate, one for the gap to its limit and one for
        chi^2, each with its interval.
        """
        import pandas

        rows = {"InfoNCE": self.estimate, "gap": self.predicted_gap, "chi^2": self.chi2}
        return pandas.DataFrame.from_dict(rows, orient="index", columns=Estimate._fields)

    def plot(self, axes: Any = None) -> Any:
        """Draw the estimate with its interval, and log K against K, and return the axes."""
        axes = axes_for(axes)
        value, low, high = self.estimate
        axes.errorbar(
            self.candidates, value, [[value - low], [high - value]], fmt="o", label="InfoNCE"
        )
        sizes = np.geomspace(2, 8 * self.candidates)
        axes.plot(sizes, np.log(sizes), color="0.5", label="log K")
        axes.set(xscale="log", xlabel="candidates K", ylabel="nats")
        axes.legend()
        return axes


@guarded
def infonce_bias(
    scores: Handed, candidates: Candidates | None = None, *, held_out: bool
) -> InfoNCEBias:
    """Return InfoNCE with K candidates, estimated from a matrix of scores, and its gap to the limit
    of many candidates.

    Args:
        scores: the scores f(x_i, y_j) of a critic in nats, divided by the temperature, for n >= 40
            independent pairs (x_i, y_i): row i and column j, with the pairs on the diagonal.
        candidates: K, at least 2; the default is 32, or n / 2 if that is smaller.
        held_out: True if the critic was not trained on these pairs. A critic that was (False) has
            memorised them, which the scores do not show, so that there is no answer.

    Intervals are those of the grouped jackknife over pairs, widened for heavy tails. Doubts say if
    tails are heavier, if the estimate may be 0 or is near log K, and if pairs depend on each other.
    Raises ValueError for fewer pairs, and for scores whose exponentials vanish. Source:
    `theory.contrastive_theory.gap_coefficient`.

    >>> x, noise = np.random.default_rng(0).normal(size=(2, 400))
    >>> y = 0.4 * x + 0.84**0.5 * noise
    >>> scores = (0.8 * np.outer(x, y) - 0.16 * (x[:, None] ** 2 + y**2)) / 1.68
    >>> infonce_bias(scores, held_out=True).candidates_needed
    20
    """
    scores = table("scores", scores).values
    n = len(scores)
    require(
        scores.shape == (n, n) and n > 1,
        f"scores must have a row and a column for each pair, got shape {scores.shape}",
    )
    candidates = min(_CANDIDATES, n // 2) if candidates is None else int(candidates)
    kept = n - -(-n // GROUPS)
    enough = n >= 2 * GROUPS and kept >= candidates
    require(
        enough,
        f"scores must have at least 40 rows, and {candidates} rows after a twentieth is left out, "
        f"got {n}",
    )
    require_memory("scores", n * (2 * n + 50 * candidates))
    found, heaviest, tenth, unseen = _statistics(scores, candidates)
    estimate, chi2, coefficient = (jackknife(values, 0.95) for values in found)
    if heaviest > _HEAVY:  # groups without the heaviest pair tell nothing of its bias
        estimate, chi2, coefficient = (
            Estimate(values[0], min(jack.low, values.min()), max(jack.high, values.max()))
            for values, jack in zip(found, (estimate, chi2, coefficient), strict=True)
        )
    chi2 = at_least(chi2, -1.0)  # quotients are positive
    chi2 = chi2._replace(high=chi2.high + unseen[0])
    coefficient = Estimate(
        coefficient.value, coefficient.low - unseen[1] / 2, coefficient.high + unseen[0]
    )
    # InfoNCE has no bias of its own: to correct it would only add the chance of which candidates
    # are met.
    estimate = Estimate(*(end - estimate.value + found[0, 0] for end in estimate))
    gap = Estimate(*(value / candidates for value in coefficient))
    ceiling = math.log(candidates)
    if heaviest > _HEAVY or gap.high - gap.low > ceiling:
        gap = gap._replace(low=-math.inf, high=math.inf)
    found_some = estimate.low > 0 and math.isfinite(gap.high)
    needed = abs(coefficient.value) / (_ENOUGH * estimate.value) if found_some else math.inf
    # Products of matrices may differ in the last digit.
    # Equal for copies
    distinct = len(np.unique((np.diag(scores) + 1j * scores[:, 0]).round(9))) == n
    copied = 0 if distinct else copied_rows(scores.round(9), scores.T.round(9))
    directions = np.random.default_rng(0).standard_normal((n, _DIRECTIONS))
    # So that what all scores of a row have in common does not count
    directions -= directions.mean(axis=0)
    views = scores @ directions, scores.T @ directions
    alike = max(map(beside, views))
    together = _together(*views, 1 + max(chi2.high, 0))
    judged = (
        (
            estimate.low <= 0,
            "the estimate is not clearly above 0: nothing is found, so no K is named",
        ),
        (
            copied > 0,
            f"{copied} pairs are duplicated: copies add no information, and are taken as negatives "
            "of each other",
        ),
        (
            alike > 0,
            f"neighbouring pairs are similar (correlation {alike:.2f}): unless they were sorted, "
            "there are fewer independent pairs",
        ),
        (
            together > 0,
            f"pairs that are similar in one view are similar in the other {together:.2g} times as "
            "often as these scores say: either pairs come in groups, of which there are fewer, or "
            "the critic misses much",
        ),
        (
            heaviest > _HEAVY,
            f"heavy tails: one pair makes up {heaviest:.0%} of a sum, so that no interval holds",
        ),
        (
            # Of Pareto's law .1^(1 - k); less by this in 1 of 100 samples of n, simulated for 40 to
            # 10 000, to .005.
            tenth > 0.1 ** (1 - _TAIL) - n ** (-1 / 3) / 2,
            f"heavy tails: a tenth of the pairs makes up {tenth:.0%} of a sum, and chi^2 and the "
            "gap may be far larger",
        ),
        (
            abs(gap.value) > _FIRST_ORDER,
            "the gap is too large for a law of first order in 1 / K: take more candidates",
        ),
        (
            estimate.value > _NEAR_CEILING * ceiling,
            "the estimate is near log K: the information may be any larger number",
        ),
    )
    seen = (
        "the critic was trained on these pairs and may have memorised them, so that the estimate "
        "says nothing"
    )
    return InfoNCEBias(
        pairs=n,
        candidates=candidates,
        estimate=estimate,
        ceiling=ceiling,
        chi2=chi2,
        predicted_gap=gap,
        candidates_needed=max(2, math.ceil(needed)) if needed <= _MOST else None,
        doubts=tuple(Doubt(sentence, np.inf, "nats") for doubtful, sentence in judged if doubtful),
        missing="" if held_out else seen,
    )


def _together(
    first: Float[np.ndarray, "n _"], second: Float[np.ndarray, "n _"], lift: float
) -> float:
    """Return how many times as often as expected pairs that are nearest in one view are also near
    in the other; 0 without an excess.

    For independent pairs the expected frequency is that of chance times about `lift`, the mean
    density ratio of pairs.
    """
    n = len(first)
    few = max(_NEAREST, len(first) // 50)
    probes = np.random.default_rng(0).permutation(n)[:_PROBES]
    apart = [-2 * view[probes] @ view.T for view in (first, second)]
    for distances, view in zip(apart, (first, second), strict=True):
        distances += np.sum(view**2, axis=1)
        distances[np.arange(len(probes)), probes] = np.inf
    nearest = np.empty((len(probes), _NEAREST), int)
    for one in nearest.T:
        one[:] = apart[0].argmin(axis=1)
        apart[0][np.arange(len(probes)), one] = np.inf
    rounding = 1e-9 * np.ptp(second, axis=0).max() ** 2
    near = apart[1] <= np.partition(apart[1], few - 1, axis=1)[:, few - 1, None] + rounding
    found = np.take_along_axis(near, nearest, axis=1).sum()
    chance = _NEAREST * lift * near.sum() / (n - 1)
    return float(found / chance) if found > 1.5 * chance + 8 * math.sqrt(chance) else 0.0


def _statistics(scores: Float[np.ndarray, "n n"], candidates: int) -> _Statistics:
    """Return the statistics of the scores, and how heavy their tails are.

    First come InfoNCE, E t - 1 and the coefficient of the gap, for all pairs and without each of
    twenty groups of neighbours; then the largest share of a sum that one pair has, and the largest
    that a tenth of the pairs has; last what E t and E t^2 may have beyond their largest terms.
    Sums are never differences of larger ones.
    """
    n = len(scores)
    size = candidates - 1
    order = np.random.default_rng(0).permutation(n)  # rows that lie together may be alike
    groups = np.array_split(np.arange(n), GROUPS)
    starts = np.array([group[0] for group in groups])
    lengths = {sign * len(group) for group in groups for sign in (-1, 0, 1)}
    own, following, highest = np.empty((3, n))
    sums, squares = np.empty((2, n, GROUPS))
    gaps = [(n, n), *((int(group[0]), int(group[-1]) + 1) for group in groups)]
    # Those beside what is left out, and the last one kept.
    beside = [np.append(_beside(gap, after, size), gap - 1) % n for gap, after in gaps]
    near = _Columns(n, np.unique(beside))
    logarithms = {
        shift: np.zeros((n, n // size + 1)) for shift in {length % size for length in lengths}
    }
    for rows in np.array_split(np.arange(n), -(-(n**2) // _AT_ONCE)):
        entries = np.zeros(n * len(rows) + 1)  # a last one, which no row has
        block = entries[:-1].reshape(-1, n)
        scores[order[rows]].take(order, axis=1, out=block, mode="clip")  # which writes at once
        block -= block.max(axis=1, keepdims=True)
        require(
            (block[np.arange(len(rows)), rows] > _VANISHING)
            & (2 * np.count_nonzero(block > _VANISHING, axis=1) > n),
            "scores must lie within 300 of the highest in each row, at least half of them and the "
            "pair's: their "
            "exponentials vanish",
        )
        np.exp(block, out=block)
        own[rows] = block[np.arange(len(rows)), rows]
        block[np.arange(len(rows)), rows] = 0
        highest[rows] = block.max(axis=1)
        sums[rows] = np.add.reduceat(block, starts, axis=1)
        squares[rows] = np.add.reduceat(block**2, starts, axis=1)
        near.values[rows] = block[:, near.which]
        lines = n * np.arange(len(rows))[:, None]
        for shift, logs in logarithms.items():
            begins = np.minimum((rows[:, None] + shift) % size + size * np.arange(n // size + 1), n)
            windows = np.add.reduceat(entries, (lines + begins).ravel()).reshape(begins.shape)
            np.cumsum(
                np.log(own[rows, None] + windows[:, :-1]),
                axis=1,
                out=logs[rows[0] : rows[-1] + 1, 1:],
            )
            if not shift:
                following[rows] = windows[np.arange(len(rows)), rows // size]
    found = []
    for gap, after in gaps:
        kept = np.append(np.arange(gap), np.arange(after, n))
        others = starts != gap
        means = (sums @ others)[kept] / (len(kept) - 1)
        paired = own[kept] / means
        second = (squares @ others)[kept] / means**2
        excess = float(paired.mean() - 1)
        weighted = float(second.sum() / (len(kept) * (len(kept) - 1)))
        infonce = _infonce(own, near, following, logarithms, kept, gap, candidates)
        found.append((infonce, excess, excess - (weighted - 1) / 2))
        if gap == n:
            heaviest = float(
                max(paired.max() / paired.sum(), np.max((highest / means) ** 2) / second.sum())
            )
            terms = np.array([paired, second / (n - 1)])
            tenth = float((np.sort(terms)[:, -(n // 10) :].sum(axis=1) / terms.sum(axis=1)).max())
            unseen = (terms.max(axis=1) - terms.mean(axis=1)) / (n * (1 - _TAIL))
    statistics, unseen = (
        np.where(np.abs(one) > _ROUNDING, one, 0.0) for one in (np.array(found).T, unseen)
    )
    return statistics, heaviest, tenth, unseen


class _Columns:
    """Some columns of a matrix that is read row by row.

    Attributes:
        which: the numbers of these columns.
        values: their entries, shape (rows, columns), which the reader fills in.
    """

    def __init__(self, rows: int, which: Int[np.ndarray, " columns"]):
        self.which = which
        self.values = np.empty((rows, len(which)))
        self._places = np.full(rows, -1)
        self._places[which] = np.arange(len(which))

    def places(self, columns: Int[np.ndarray, " _"]) -> Int[np.ndarray, " _"]:
        """Return at which columns of `values` these columns of the matrix are."""
        return self._places[columns % len(self._places)]


def _beside(end: int, start: int, size: int) -> Int[np.ndarray, " _"]:
    """Return the `size` - 1 columns before `end` and the `size` columns from `start` on.

    The numbers may be negative or exceed that of the last column.
    """
    return np.append(np.arange(end + 1 - size, end), np.arange(start, start + size))


def _infonce(
    own: Float[np.ndarray, " n"],
    near: _Columns,
    following: Float[np.ndarray, " n"],
    logarithms: dict[int, Float[np.ndarray, "n blocks"]],
    kept: Int[np.ndarray, " kept"],
    gap: int,
    candidates: int,
) -> float:
    """Return InfoNCE of the pairs that are kept: `gap` pairs before those left out, and all after.

    Each row meets disjoint sets of K - 1 others: blocks of columns, in its own block the column
    before the first in its place. Blocks begin at another column in each row, because otherwise the
    result would depend on which columns they combine. The sums of blocks without an omitted column
    beside them are of a few kinds, whose logarithms are added up once: by how many columns the
    row's blocks are shifted; `following` are the sums that begin at the row's own column.
    """
    n = len(own)
    m = len(kept)
    size = candidates - 1
    lost = n - m
    blocks = (m - 1) // size
    own_block, first = np.divmod(np.arange(m), size)
    begin = np.arange(size)  # what follows is of rows whose blocks begin there
    until = np.clip((gap - begin) // size, 0, blocks)
    since = np.clip(-((begin - gap) // size), 0, blocks)
    last = np.maximum(np.minimum((m - begin) // size, blocks), since)
    starts, stops = (np.minimum((begin + lost) // size + at, n // size) for at in (since, last))
    total = 0.0
    for rows, shift in ((slice(gap), 0), (slice(gap, m), -lost)):
        before = logarithms[shift % size]
        after = logarithms[(shift + lost) % size]
        row = kept[rows]
        of = first[rows]
        total += float(
            np.sum(before[row, until[of]] + after[row, stops[of]] - after[row, starts[of]])
        )
    before_first = near.values[kept, near.places(kept[first - 1])]
    extra = np.where(own_block < blocks, before_first, 0)
    crossing = np.where(begin < gap, gap - begin, m - begin) // size
    wrapping = (m - begin) // size
    ahead = (gap - begin - crossing * size) % m
    crossed = np.zeros(size, bool)
    beside, around = (
        near.values[:, near.places(_beside(*ends, size))] for ends in ((gap, gap + lost), (n, n))
    )
    for block, length, sides in ((crossing, ahead, beside), (wrapping, (m - begin) % size, around)):
        counted = (
            (block < blocks) & (length > 0) & (length < size) & ~(crossed & (block == crossing))
        )
        crossed |= counted
        at = np.flatnonzero(counted[first])
        begins = sides.shape[1] * kept[at] + (size - 1 - length)[first[at]]
        against = np.add.reduceat(sides.ravel(), np.column_stack([begins, begins + size]).ravel())[
            ::2
        ]
        mine = block[first[at]] == own_block[at]
        total += float(np.log(own[kept[at]] + against + np.where(mine, extra[at], 0)).sum())
        extra[at[mine]] = 0
    total += float(np.log1p(extra / (own + following)[kept]).sum())
    return math.log(candidates) + float(np.mean(np.log(own[kept]))) - total / (m * blocks)
