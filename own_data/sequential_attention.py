"""In which order, and over which penalties, would features be chosen one by one? For a table of one's own.

`selection_audit` follows orthogonal matching pursuit, which is what a penalty on the unchosen weights does, and says
where the order is arbitrary, where forward selection takes another feature, and what coherence guarantees.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from theory import sequential_attention as predicted
from theory.sequential_attention.domains import Features, Responses, Rounds
from theory_on_trial.contract import guarded, require
from theory_on_trial.own_data.answer import Answer, Doubt, axes_for

_TIE = 1e-8  # margin below which rounding decides
_SAME = 1e-12  # of a squared length; and of the length of y, what is left of it
_NO_MEAN = 0.01  # share of y's square that a mean may have where no intercept is fitted
_SHOWN = 8


class Round(NamedTuple):
    """One round: levels of the penalty are in the unit of x . y.

    Attributes:
        feature: what is picked, by its column from 0.
        threshold: lambda_1, at and above which no unchosen weight is active.
        window: (lambda_2, lambda_1), where exactly this one is.
        runner_up: the feature of the second largest correlation; None where no other is left.
        margin: 1 - second / first correlation; 1 where no other is left.
        forward_pick: what forward selection would take in its place.
        tied: this feature and those within 1e-8 of its correlation; empty where there are none.
    """

    feature: int
    threshold: float
    window: tuple[float, float]
    runner_up: int | None
    margin: float
    forward_pick: int
    tied: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SelectionAudit(Answer):
    """What `selection_audit` found.

    Attributes:
        rounds: one for each feature that is chosen.
        standardised: whether columns were centred and brought to one length first, and y centred.
        explained: the share of y's squared length that the chosen features explain.
        coherence: mu, the largest |cosine| of two columns.
        certified_size: the largest number of columns that OMP is sure to find, lengths as they are, if y is made of
            them alone.
    """

    rounds: tuple[Round, ...]
    standardised: bool
    explained: float
    coherence: float
    certified_size: int

    @property
    def order(self) -> tuple[int, ...]:
        """The features in the order in which they are chosen."""
        return tuple(one.feature for one in self.rounds)

    @property
    def certified(self) -> bool:
        """Whether coherence alone guarantees a support of this size."""
        return len(self.rounds) <= self.certified_size

    def lines(self) -> list[str]:
        """Return the order, the windows, the margins, where forward selection differs, and what is certified."""
        other = [f"{one.forward_pick} for {one.feature}" for one in self.rounds if one.forward_pick != one.feature]
        windows = [f"{one.feature} in ({one.window[0]:.4g}, {one.window[1]:.4g})" for one in self.rounds]
        nearest = min(self.rounds, key=lambda one: one.margin, default=None)
        lines = [
            f"order: {_listed([str(one) for one in self.order])}, of {'standardised' * self.standardised or 'raw'} "
            f"columns; {self.explained:.4g} of y explained",
            f"alone for lambda: {_listed(windows)}",
            f"forward selection would take: {_listed(other) or 'the same in each round'}",
            f"coherence {self.coherence:.4g} certifies supports of up to {self.certified_size}: "
            f"{'this' if self.certified else 'not this'} size",
        ]
        if nearest is not None and nearest.runner_up is not None:
            close = f"{nearest.feature} before {nearest.runner_up}, by {nearest.margin:.2g} of the correlation"
            lines.insert(1, f"closest decision: {close}")
        return lines

    @guarded
    def plot(self, axes: Any = None) -> Any:
        """Draw each round's window of lambda as a bar, its threshold as a dot; say where forward selection differs."""
        axes = axes_for(axes)
        for number, one in enumerate(self.rounds, 1):
            low = max(one.window[0], 1e-3 * one.threshold)
            axes.plot([low, one.threshold], [number, number], color="#0072B2", linewidth=5, solid_capstyle="butt")
            axes.plot(one.threshold, number, "o", color="#000000", markersize=4)
            surprise = "" if one.forward_pick == one.feature else f" (forward: {one.forward_pick})"
            beside = {"xytext": (6, 0), "textcoords": "offset points", "va": "center"}
            axes.annotate(f"{one.feature}{surprise}", (one.threshold, number), **beside)
        if self.rounds:
            axes.set_xscale("log")
            axes.set_yticks(range(1, len(self.rounds) + 1))
        axes.margins(x=0.3, y=0.15)
        axes.invert_yaxis()
        axes.set(xlabel="penalty λ  (unit of x·y)", ylabel="round")
        return axes


@guarded
def selection_audit(X: Features, y: Responses, k: Rounds, *, standardise: bool) -> SelectionAudit:
    """Follow k rounds of choosing features one by one by a penalty on the weights of those not yet chosen.

    The order is that of orthogonal matching pursuit (OMP) and depends on the scale of the columns, so that
    `standardise` must be said. Exact for the table; it says nothing about other rows of the same law.

    Args:
        X: a row per observation, a column per feature.
        y: what is to be explained, linearly.
        k: how many features to choose.
        standardise: True to centre the columns and y and bring the columns to length one; False to take all as they
            are, without an intercept: centre them first, or have a column of ones among the features.

    It stops with a doubt where y is explained before round k, and cannot judge a y that no column is correlated with.
    Ties and duplicates are doubted. Raises ValueError for fewer rows than k, for k above the rank of X, for numbers
    that are not finite, and, when standardising, for a column that is constant.
    Source: `theory.sequential_attention.entry_levels`, `theory.sequential_attention.second_entry_level`.
    """
    n, p = X.shape
    require(n >= k, f"k must be at most the {n} rows of X, got {k}")
    doubts = [] if standardise else _no_intercept(X, y)
    if standardise:
        X, y = _standardised(X, y)
    if pairs := _duplicates(X):
        listed = _listed([f"{i} and {j}" for i, j in pairs])
        reason = f"columns {listed} are duplicates or negatives: only one of them can ever be chosen"
        doubts.append(Doubt(reason, len(pairs), "features"))
    size, rounds, left = np.linalg.norm(y), list[Round](), predicted.leftover(X, y)
    while len(rounds) < k:
        done = len(rounds)
        if np.linalg.norm(left.residual) <= _SAME * size:
            if done:
                doubts.append(Doubt(f"y is already explained after round {done}", k - done, "picks not made"))
            break
        rank = f"k must be at most the rank of X: after round {done} no column is left outside the span, got {k}"
        require(left.offered.any(), rank)
        lengths = np.linalg.norm(X, axis=0)
        if np.all(np.abs(left.correlations) <= _SAME * lengths * size):
            reason = f"what is left of y after round {done} is uncorrelated with every column that is left"
            doubts += [Doubt(reason, k - done, "picks not made")] * bool(done)
            break
        rounds.append(one := _round(X, y, tuple(earlier.feature for earlier in rounds), left))
        if one.tied:
            reason = f"round {done + 1}: features {_listed(list(map(str, one.tied)))} tie, and their order is arbitrary"
            doubts.append(Doubt(reason, k - done, "of the picks"))
        left = predicted.leftover(X, y, tuple(earlier.feature for earlier in rounds))
    mu, uneven = _coherence(X)
    return SelectionAudit(
        rounds=tuple(rounds),
        standardised=standardise,
        explained=float(1 - (np.linalg.norm(left.residual) / size) ** 2) if rounds else 0.0,
        coherence=mu,
        certified_size=predicted.certified_size(mu, p, uneven),
        doubts=tuple(doubts),
        missing="" if rounds else "y is zero, constant or uncorrelated with every column: no feature comes first",
    )


def _round(X: Features, y: Responses, chosen: tuple[int, ...], left: predicted.Leftover) -> Round:
    sizes = np.where(left.offered, np.abs(left.correlations), -1.0)
    pick, *others = np.argsort(-sizes, kind="stable")
    first = float(sizes[pick])
    others = [int(j) for j in others if left.offered[j]]
    tied = tuple(j for j in others if sizes[j] >= first * (1 - _TIE))
    gains = np.where(left.offered, np.abs(left.correlations) / left.lengths, -1.0)
    best = int(np.argmax(gains))
    return Round(
        feature=int(pick),
        threshold=first,
        window=(predicted.second_entry_level(X, y, chosen), first),
        runner_up=others[0] if others else None,
        margin=float(1 - sizes[others[0]] / first) if others else 1.0,
        # What rounding alone prefers is no other choice.
        forward_pick=int(pick) if gains[pick] >= gains[best] * (1 - _TIE) else best,
        tied=(int(pick), *tied) if tied else (),
    )


def _coherence(X: Features) -> tuple[float, float]:
    """Mu of the columns that are not zero, and the longest over the shortest of them."""
    X = X[:, np.any(X != 0, axis=0)]
    if not X.size:
        return 1.0, 1.0
    largest = np.abs(X).max(axis=0)
    logs = np.log(largest) + np.log(np.linalg.norm(X / largest, axis=0))
    return predicted.coherence(X), float(np.exp(min(np.ptp(logs), 460.0)))


def _standardised(X: Features, y: Responses) -> tuple[np.ndarray, np.ndarray]:
    centred = X - X.mean(axis=0)
    largest = np.abs(centred).max(axis=0)
    constant = np.flatnonzero(largest <= 1e-12 * np.abs(X).max(axis=0)).tolist()
    require(not constant, f"X must have no constant column when standardising, got constant columns {constant}")
    shrunk = centred / largest
    moved = y - y.mean()
    moved = moved * (np.abs(moved).max() > 1e-12 * np.abs(y).max())
    return shrunk / np.linalg.norm(shrunk, axis=0), moved


def _no_intercept(X: Features, y: Responses) -> list[Doubt]:
    """A doubt where y has a mean that no column takes up."""
    share = len(y) * (y.mean() / max(np.linalg.norm(y), 1e-300)) ** 2
    ones = np.any((np.ptp(X, axis=0) == 0) & (X[0] != 0))
    if ones or share <= _NO_MEAN:
        return []
    reason = "y has a mean and X no column of ones: without an intercept columns are chosen for it"
    return [Doubt(reason, float(share), "of the square of y")]


def _duplicates(X: Features) -> list[tuple[int, int]]:
    """Each column that is, up to its sign and rounding, an earlier one, with the first such."""
    sizes, found = np.linalg.norm(X, axis=0), list[tuple[int, int]]()
    for j in np.flatnonzero(sizes):
        apart = [np.linalg.norm(X[:, :j] - sign * X[:, [j]], axis=0) for sign in (1, -1)]
        found += [(int(i), int(j)) for i in np.flatnonzero(np.minimum(*apart) <= 1e-12 * sizes[j])[:1]]
    return found


def _listed(entries: list[str]) -> str:
    rest = len(entries) - _SHOWN
    return ", ".join(entries[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
