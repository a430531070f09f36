"""In which order, and at which penalties, a greedy selection takes the features of a table.

`selection_audit` follows orthogonal matching pursuit, which selects the same features as a penalty
on the weights of those not yet chosen. It says where the order is arbitrary, where forward
selection takes another feature, and what the coherence guarantees.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from theory import sequential_attention as predicted
from theory.sequential_attention import Features, Responses, Rounds, project_off, second_level
from theory_on_trial.contract import guarded, require
from theory_on_trial.own_data.answer import Answer, Doubt, axes_for, listed
from theory_on_trial.own_data.estimate import Estimate
from theory_on_trial.own_data.neighbours import beside, near
from theory_on_trial.own_data.table import Handed, Table, column, table

_TIE = 1e-8  # margin below which rounding decides
_ALIKE = 2e-6  # of a column's length, by which a copy may differ
_ORDERS = 99  # of y, against which what is explained is held
_SAME = 1e-12  # of a squared length; and of the length of y, what is left of it
_NO_MEAN = 0.01  # share of y's square that a mean may have where no intercept is fitted
_FEWEST = 40
_COMPARED = 1000  # rows, of which it is asked whether they depend on each other
_FAR = 3.5  # standard errors, which a correlation of independent rows passes once in 2000
_ROUNDS = 10  # by default
_ONE_ROW = 0.2  # of y's square


Vector = Float[np.ndarray, " p"]
Cosines = Float[np.ndarray, "p p"]


class Round(NamedTuple):
    """One round of the selection, which picks one feature.

    A penalty λ acts on the weights of the features that are not chosen yet. Penalties are in the
    unit of x · y. A correlation is the inner product of a column with what is left of y.

    Attributes:
        feature: the number of the column that is picked, from 0.
        threshold: λ_1, the least penalty at which all of these weights are zero.
        window: (λ_2, λ_1), the penalties between which only the weight of this feature is not zero.
        runner_up: the feature with the second largest correlation; None if no other is left.
        margin: 1 minus the second largest correlation over the largest; 1 if no other is left.
        forward_pick: the feature that forward selection would pick in this round.
        tied: this feature and those whose correlation is within 1e-8 of the largest or that are
            copies of it to a millionth; empty if there are none.
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
    """The answer of `selection_audit`.

    Attributes:
        rounds: the rounds in their order, one for each feature that is chosen.
        columns: the names of all features.
        standardised: whether the columns were first centred and scaled to length one, and y
            centred.
        explained: the share of the squared length of y that the chosen features explain.
        by_chance: the share that as many features explain of the entries of y in random order, the
            median with the range over 99 orders.
        coherence: μ, the largest absolute cosine of two columns.
        certified_size: the largest number of columns for which it is certain that orthogonal
            matching pursuit finds them if y is a combination of them.
        left_out: the constant columns, which say nothing once the columns are centred.
    """

    asked: ClassVar[str] = (
        "in which order, and over which penalties, are features chosen one by one?"
    )
    rests_on: ClassVar[str] = "this table alone, of which the order is exact"
    unseen: ClassVar[str] = "what other rows of the same law would choose"

    rounds: tuple[Round, ...]
    columns: tuple[str, ...]
    standardised: bool
    explained: float
    by_chance: Estimate
    coherence: float
    certified_size: int
    left_out: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[int, ...]:
        """The features in the order in which they are chosen."""
        return tuple(entry.feature for entry in self.rounds)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the features in the order in which they are chosen."""
        return tuple(self.columns[feature] for feature in self.order)

    @property
    def certified(self) -> bool:
        """Whether the coherence alone guarantees that so many features are found."""
        return len(self.rounds) <= self.certified_size

    def lines(self) -> list[str]:
        """Return the lines on the order, the closest decision, the penalties, where forward
        selection differs, what the coherence certifies, and what was left out.
        """
        name = self.columns
        other = [
            f"{name[r.forward_pick]} for {name[r.feature]}"
            for r in self.rounds
            if r.forward_pick != r.feature
        ]
        windows = [
            f"{name[r.feature]} in ({r.window[0]:.4g}, {r.window[1]:.4g})" for r in self.rounds
        ]
        nearest = min(self.rounds, key=lambda one: one.margin, default=None)
        lines = [
            f"order: {listed(self.names)}, of "
            f"{'standardised' * self.standardised or 'raw'} "
            f"columns; {self.explained:.4g} of y explained, of y in 99 random orders "
            f"{self.by_chance}",
            f"alone for lambda: {listed(windows)}",
            f"forward selection would take: {listed(other) or 'the same in each round'}",
            f"coherence {self.coherence:.4g} certifies supports of up to {self.certified_size}: "
            f"{'this' if self.certified else 'not this'} size",
        ]
        if nearest is not None and nearest.runner_up is not None:
            close = (
                f"{name[nearest.feature]} before {name[nearest.runner_up]}, by "
                f"{nearest.margin:.2g} of "
                "the correlation"
            )
            lines.insert(1, f"closest decision: {close}")
        if self.left_out:
            lines.append(f"left out: constant columns {listed(self.left_out)}")
        return lines

    def to_frame(self) -> Any:
        """Return a data frame with a row for each round, in which features have their names."""
        import pandas

        name = self.columns
        return pandas.DataFrame(
            [
                {
                    "feature": name[r.feature],
                    "penalty from": r.window[0],
                    "penalty to": r.window[1],
                    "runner-up": None if r.runner_up is None else name[r.runner_up],
                    "margin": r.margin,
                    "forward selection": name[r.forward_pick],
                }
                for r in self.rounds
            ],
            index=pandas.RangeIndex(1, len(self.rounds) + 1, name="round"),
        )

    @guarded
    def plot(self, axes: Any = None) -> Any:
        """Draw the window of λ of each round as a bar and its threshold as a dot, and return the
        axes.

        A label names the feature, and the one that forward selection takes if it is another.
        """
        axes = axes_for(axes)
        for number, entry in enumerate(self.rounds, 1):
            low = max(entry.window[0], 1e-3 * entry.threshold)
            axes.plot(
                [low, entry.threshold],
                [number, number],
                color="#0072B2",
                linewidth=5,
                solid_capstyle="butt",
            )
            axes.plot(entry.threshold, number, "o", color="#000000", markersize=4)
            surprise = (
                ""
                if entry.forward_pick == entry.feature
                else f" (forward: {self.columns[entry.forward_pick]})"
            )
            place = {"xytext": (6, 0), "textcoords": "offset points", "va": "center"}
            axes.annotate(
                f"{self.columns[entry.feature]}{surprise}", (entry.threshold, number), **place
            )
        if self.rounds:
            axes.set_xscale("log")
            axes.set_yticks(range(1, len(self.rounds) + 1))
        axes.margins(x=0.3, y=0.15)
        axes.invert_yaxis()
        axes.set(xlabel="penalty λ  (unit of x·y)", ylabel="round")
        return axes


@guarded
def selection_audit(
    X: Handed,
    y: Handed,
    n_features_to_select: Rounds | None = None,
    *,
    standardise: bool = True,
) -> SelectionAudit:
    """Return the order in which features are chosen one by one, the penalties at which each is
    chosen, and the rounds in which forward selection takes another feature.

    The order is that of orthogonal matching pursuit. It is exact for this table, and says nothing
    about other rows of the same law.

    Args:
        X: a table with a row for each observation and a column for each feature; the features of
            a data frame keep their names.
        y: the response of each row.
        n_features_to_select: k, the number of rounds; the default is ten, or fewer if X has fewer
            columns or rows.
        standardise: True to centre X and y and to scale the columns to length one; False to use
            both as they are, without an intercept.

    Raises TypeError or ValueError, with a sentence that names the argument; ValueError also for a k
    above the rank of X. Source: `theory.sequential_attention.entry_levels`.

    >>> selection_audit([[1.0, 0.1], [2.0, 0.3], [3.0, 0.1]], [1.0, 2.0, 3.1], 1).names
    ('x1',)
    """
    read = table("X", X)
    X = read.values
    y = column("y", y, rows=len(X))
    require(min(X.shape) > 0, f"X must have rows and columns, got shape {X.shape}")
    given = n_features_to_select
    k = min(_ROUNDS, *X.shape, len(X) - 1 or 1) if given is None else int(given)
    n, p = X.shape
    require(n >= k, f"n_features_to_select must be at most the {n} rows of X, got {k}")
    doubts = [] if standardise else _no_intercept(X, y)
    constant: tuple[str, ...] = ()
    if standardise:
        X, y, varies = _standardised(X, y)
        require(varies.any(), "X must have a column that varies, got constant ones only")
        constant = tuple(c for c, stays in zip(read.columns, varies, strict=True) if not stays)
    logs, cosines = _directions(X)
    lengths = np.exp(logs)
    copy_of, copies = _copies(X, lengths, cosines, read.columns)
    doubts += copies
    size = np.linalg.norm(y)
    rounds = list[Round]()
    left = predicted.leftover(X, y)
    while len(rounds) < k:
        last = len(rounds)
        if np.linalg.norm(left.residual) <= _SAME * size:
            if last:
                doubts.append(
                    Doubt(f"y is already explained after round {last}", k - last, "picks not made")
                )
            break
        rank = (
            f"n_features_to_select must be at most the rank of X, got {k}: after "
            f"round {last} no column is left outside the span of those chosen"
        )
        if given is None and last and not left.offered.any():
            break
        require(left.offered.any(), rank)
        correlations = left.correlations
        if np.all(np.abs(correlations) <= _SAME * lengths * size):
            reason = (
                f"what is left of y after round {last} is uncorrelated with every column "
                "that is left"
            )
            doubts += [Doubt(reason, k - last, "picks not made")] * bool(last)
            break
        rounds.append(r := _round(left, correlations, lengths, copy_of))
        if r.tied:
            reason = (
                f"round {last + 1}: features {listed([read.columns[j] for j in r.tied])} tie, and "
                "their order is arbitrary"
            )
            doubts.append(Doubt(reason, k - last, "of the picks"))
        left = project_off(left, r.feature, lengths)
    mu, uneven = _coherence(logs, cosines)
    share = float(1 - (np.linalg.norm(left.residual) / size) ** 2) if rounds else 0.0
    by_chance = _explained_by_chance(X, y, len(rounds), lengths, cosines)
    if rounds and share <= by_chance.high:
        reason = (
            f"as many features explain {by_chance} of y in random order: the chosen features "
            "may have nothing to do with y"
        )
        doubts.append(Doubt(reason, share, "of y's square"))
    order = [r.feature for r in rounds]
    if rounds:
        doubts += _one_row(X[:, order] / lengths[order], y, share, read)
    if share and n >= _FEWEST and _dependent(X[:, order] / lengths[order], y, left.residual):
        reason = (
            "rows are alike in y where they follow each other or are near in these features, "
            "beyond what is linear"
        )
        reason += (
            ": in a time series, or in groups, unrelated features explain more than of y in "
            "random order"
        )
        doubts.append(Doubt(reason, share, "of y's square"))
    return SelectionAudit(
        rounds=tuple(rounds),
        columns=read.columns,
        standardised=standardise,
        explained=share,
        by_chance=by_chance,
        coherence=mu,
        left_out=constant,
        certified_size=predicted.certified_size(mu, p, uneven),
        doubts=tuple(doubts),
        missing=""
        if rounds
        else "y is zero, constant or uncorrelated with every column: no feature comes first",
    )


def _round(
    left: predicted.Leftover, correlations: Vector, lengths: Vector, copy_of: Int[np.ndarray, " p"]
) -> Round:
    sizes = np.where(left.offered, np.abs(correlations), -1.0)
    pick, *others = np.argsort(-sizes, kind="stable")
    first = float(sizes[pick])
    others = [int(j) for j in others if left.offered[j]]
    ties = tuple(j for j in others if sizes[j] >= first * (1 - _TIE) or copy_of[j] == copy_of[pick])
    gains = np.where(left.offered, np.abs(correlations) / left.lengths, -1.0)
    best = int(np.argmax(gains))
    return Round(
        feature=int(pick),
        threshold=first,
        window=(second_level(left, correlations, lengths), first),
        runner_up=others[0] if others else None,
        margin=float(1 - sizes[others[0]] / first) if others else 1.0,
        # What rounding alone prefers is no other choice.
        forward_pick=int(pick) if gains[pick] >= gains[best] * (1 - _TIE) else best,
        tied=(int(pick), *ties) if ties else (),
    )


def _dependent(
    chosen: Float[np.ndarray, "n p"], y: Float[np.ndarray, " n"], residual: Float[np.ndarray, " n"]
) -> bool:
    """Tell whether rows depend on each other, so that some orders of y are less likely."""
    some = np.random.default_rng(0).permutation(len(y))[:_COMPARED]
    affine = np.column_stack([np.ones(len(y)), chosen])
    # No intercept may have been fitted
    left = residual - affine @ np.linalg.lstsq(affine, residual)[0]
    rounding = np.linalg.norm(left) <= _ALIKE * np.linalg.norm(y)
    return beside(y[:, None], chosen, chance=_FAR) > 0 or bool(
        not rounding and near(chosen[some], left[some, None], chance=_FAR)
    )


def _directions(X: Features) -> tuple[Vector, Cosines]:
    """Return the logarithms of the lengths of the columns, and the cosines of any two, which are 0
    for a column of zeros.
    """
    largest = np.maximum(X.max(axis=0), -X.min(axis=0))
    unit = X / np.where(largest > 0, largest, 1.0)  # squares of a short column would be lost
    sizes = np.sqrt(np.einsum("ij,ij->j", unit, unit))
    unit /= np.where(sizes > 0, sizes, 1.0)
    with np.errstate(divide="ignore"):
        return np.log(largest) + np.log(sizes), unit.T @ unit


def _coherence(logs: Vector, cosines: Cosines) -> tuple[float, float]:
    """Return the coherence μ of the nonzero columns, and the largest over the smallest of their
    lengths.
    """
    finite = logs[np.isfinite(logs)]
    if not finite.size:
        return 1.0, 1.0
    cross = np.abs(cosines - np.diag(np.diag(cosines)))
    return min(float(cross.max()), 1.0), float(np.exp(min(np.ptp(finite), 460.0)))


def _explained_by_chance(
    X: Features, y: Responses, rounds: int, lengths: Vector, cosines: Cosines
) -> Estimate:
    """Return the share of y that as many rounds explain if the entries of y are in random order:
    the median, the least and the largest over 99 orders.
    """
    if not rounds:
        return Estimate(0.0, 0.0, 0.0)
    generator = np.random.default_rng(0)
    shares = np.zeros(_ORDERS)
    orders = np.stack([generator.permutation(y / np.linalg.norm(y)) for _ in range(_ORDERS)])
    for order, left in enumerate(orders @ (X / np.where(lengths > 0, lengths, 1.0))):
        rest = np.where(lengths > 0, 1.0, 0.0)
        rows = np.zeros((rounds, len(lengths)))
        for r in range(rounds):  # columns of length one, picked by their lengths: none is too short
            sizes = np.where(rest > _ALIKE**2, np.abs(left) * lengths, 0.0)
            if not sizes[pick := int(sizes.argmax())]:
                break
            rows[r] = (cosines[pick] - rows[:r, pick] @ rows[:r]) / np.sqrt(rest[pick])
            gain = left[pick] / np.sqrt(rest[pick])
            shares[order] += gain**2
            left = left - gain * rows[r]
            rest = rest - rows[r] ** 2
            rest[pick] = 0.0
    return Estimate(float(np.median(shares)), float(shares.min()), float(min(1.0, shares.max())))


def _one_row(
    chosen: Float[np.ndarray, "n k"], y: Responses, share: float, read: Table
) -> list[Doubt]:
    """Return a doubt if the selection explains only one row, which is the one with the largest
    leverage or with the largest y.
    """
    basis = np.linalg.qr(np.column_stack([np.ones(len(y)), chosen]))[0]
    squares = (y - y.mean()) ** 2
    for row in {int(np.argmax(np.sum(basis**2, axis=1))), int(np.argmax(squares))}:
        rest = np.arange(len(y)) != row
        if len(y) < chosen.shape[1] + 4 or not np.ptp(y[rest]):
            continue
        affine = np.column_stack([np.ones(rest.sum()), chosen[rest]])
        left = y[rest] - affine @ np.linalg.lstsq(affine, y[rest])[0]
        without = 1 - float(left @ left) / float(np.sum((y[rest] - y[rest].mean()) ** 2))
        if share - without > _ONE_ROW:
            reason = f"without row {read.row(row)} these features explain only {without:.2g} of y"
            return [Doubt(reason, share - without, "of y's square")]
    return []


def _standardised(X: Features, y: Responses) -> tuple[Features, Responses, np.ndarray]:
    """Return both without their means, columns of length one, and which columns vary; one that does
    not is zero.
    """
    deviations = X - X.mean(axis=0)
    largest = np.abs(deviations).max(axis=0)
    varies = largest > 1e-12 * np.abs(X).max(axis=0)
    targets = y - y.mean()
    targets = targets * (np.abs(targets).max() > 1e-12 * np.abs(y).max())
    unit = np.where(varies, deviations, 0.0) / np.where(varies, largest, 1.0)
    return unit / np.where(varies, np.linalg.norm(unit, axis=0), 1.0), targets, varies


def _no_intercept(X: Features, y: Responses) -> list[Doubt]:
    """Return a doubt if y has a mean that no column can explain."""
    share = len(y) * (y.mean() / max(np.linalg.norm(y), 1e-300)) ** 2
    ones = np.any((np.ptp(X, axis=0) == 0) & (X[0] != 0))
    if ones or share <= _NO_MEAN:
        return []
    reason = "y has a mean and X no column of ones: without an intercept columns are chosen for it"
    return [Doubt(reason, float(share), "of the square of y")]


def _copies(
    X: Features, lengths: Vector, cosines: Cosines, columns: tuple[str, ...]
) -> tuple[Int[np.ndarray, " p"], list[Doubt]]:
    """Return, for each column, the first one of which it is a copy up to the sign, and doubts about
    exact and about near copies.
    """
    copy_of = np.arange(len(lengths))
    exact = list[str]()
    close = list[str]()
    pairs = np.triu((np.abs(cosines) > 1 - _ALIKE**2) & (lengths > 0), 1)
    for j in np.flatnonzero(pairs.any(axis=0)):
        for i in np.flatnonzero(pairs[:, j]):
            distance = np.linalg.norm(X[:, j] - np.sign(cosines[i, j]) * X[:, i])
            if distance <= _ALIKE * lengths[j]:
                copy_of[j] = copy_of[i]
                (exact if distance <= _SAME * lengths[j] else close).append(
                    f"{columns[i]} and {columns[j]}"
                )
                break
    reasons = (
        (exact, "are duplicates or negatives: only one of them can ever be chosen"),
        (close, "are copies to a millionth: which of them is chosen is arbitrary"),
    )
    doubts = [
        Doubt(f"columns {listed(names)} {what}", len(names), "features")
        for names, what in reasons
        if names
    ]
    return copy_of, doubts
