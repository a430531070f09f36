"""Predicts without training how much a model forgets if it is trained on a next task, and how many
directions a memory must keep.

The model is linear in its weights (a head on frozen features, or a network in its lazy regime). The
prediction uses features and residuals, and is about the given inputs of the first task only.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from theory.forgetting_overlap import (
    Memory,
    Parts,
    Residual,
    Ridge,
    SecondFeatures,
    parts_of,
    ridge_filter,
)
from theory_on_trial.contract import guarded, require
from theory_on_trial.own_data.answer import Answer, Doubt, axes_for
from theory_on_trial.own_data.arrays import numbers
from theory_on_trial.own_data.estimate import Estimate
from theory_on_trial.own_data.table import Handed, Table, column, outputs, table

_ZERO = 1e-13
_SURE = 1e-9  # of the largest singular value: rounding up to here, real from there on
_SINGLE = 1e-6  # what features in single precision do not resolve
_STILL = 1e-5  # share of their length by which the weights of a net may move without a word
_DRAWS = 4000


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Forgetting(Answer):
    """The answer of `predicted_forgetting`: what training on a task T changes on an earlier task S.

    Attributes:
        forgetting: Δ, the sum over the rows of `features_s` of the squared drift of the outputs, in
            squared units of the labels.
        rows: the names of the rows of `features_s` if they have names, otherwise their numbers.
        per_sample: the drift of the output on each row of `features_s`, in the unit of the labels,
            with a column for each output if there are several.
        cos_angles: the cosines of the principal angles between the row spaces of both tasks, the
            largest first. Directions of T that single precision does not show are left out.
        by_direction: the contribution to Δ of each right singular vector of `features_s`, the
            leading one first. Where singular values are equal, only the sum is determined.
        expected_if_random: the mean of Δ for residuals of the same length and random direction, and
            the interval with 95 % of these Δ. If `forgetting` is above it, T has to learn in
            directions in which S is vulnerable.
        bound: the largest forgetting over all residuals that change the weights equally far.
        learnable: the share of the squared residual that T can fit outside the memory, in single
            precision.
        update: the length of the change of the weights.
        change: the change of the weights, w_T - w_S, with a column for each output if there are
            several.
        of_net: whether the user gave the weights of a network.
        memory: the number of directions that the memory keeps.
        residual: the length of the residual, over all outputs.
        notes: sentences on special cases, such as a task that is already solved.
        outputs: the names of the outputs if there are several, otherwise empty.
    """

    asked: ClassVar[str] = "how far does training on T move the outputs on the inputs of S?"
    rests_on: ClassVar[str] = (
        "T trained to the end, by least squares with this ridge; a model linear in its weights"
    )
    unseen: ClassVar[str] = "inputs of S that were not handed in"

    forgetting: float
    rows: tuple[Any, ...]
    per_sample: Float[np.ndarray, "first *outputs"]
    cos_angles: Float[np.ndarray, " angles"]
    by_direction: Float[np.ndarray, " rank"]
    expected_if_random: Estimate
    bound: float
    learnable: float
    update: float
    change: Float[np.ndarray, "dim *outputs"]
    of_net: bool
    memory: int
    residual: float
    notes: tuple[str, ...]
    outputs: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Return the lines on the forgetting, on chance and the bound, on what T can learn, on the
        angles between the tasks, and the notes.
        """
        typical = np.sqrt(self.forgetting / self.per_sample.size)
        angles = ", ".join(f"{cosine:.3g}" for cosine in self.cos_angles[:5]) or "none"
        return [
            f"forgetting {self.forgetting:.4g}: outputs on {len(self.per_sample)} inputs move by "
            f"{typical:.3g} (rms)",
            f"residuals of this length in a random direction: {self.expected_if_random} (95 %); "
            f"bound {self.bound:.4g}",
            f"learnable with {self.memory} directions kept: {self.learnable:.1%} of the squared "
            "residual",
            f"largest cosines between the tasks: {angles}; length of the update {self.update:.4g}",
            *self.notes[:3],
        ]

    def to_do(self) -> str:
        """Return how to estimate the error that the changing gradients of a network cause; "" for a
        linear model.
        """
        ask_again = (
            "ask again with the gradients at these weights plus .change: this is off by "
            "about the difference"
        )
        return ask_again if self.of_net else ""

    def to_frame(self) -> Any:
        """Return a data frame with a row for each input of S: the drift of its outputs."""
        import pandas

        if self.per_sample.ndim == 2:
            names = [f"drift of {name}" for name in self.outputs]
            return pandas.DataFrame(self.per_sample, index=list(self.rows), columns=names)
        return pandas.DataFrame({"drift": self.per_sample}, index=list(self.rows))

    def plot(self, axes: Any = None) -> Any:
        """Draw the contribution of each direction of the first task, and return the axes."""
        axes = axes_for(axes)
        axes.bar(np.arange(1, len(self.by_direction) + 1), self.by_direction, color="#0072B2")
        axes.axvline(
            self.memory + 0.5, color="0.5", linestyle=":", label=f"memory, k = {self.memory}"
        )
        axes.set(
            xlabel="right singular vector i of the first task",
            ylabel="σ$_i$² (v$_i$·Δw)²  (label units²)",
        )
        axes.legend()
        return axes


@guarded
def predicted_forgetting(
    features_s: Handed,
    features_t: Handed,
    residual_t: Handed,
    *,
    ridge: Ridge = 0.0,
    memory: Memory = 0,
    weights: Handed = None,
) -> Forgetting:
    """Predict how far training a task T moves the outputs of a model on the inputs of an earlier
    task S.

    T is trained to the end on the sum of squares plus `ridge` times the squared distance from where
    it starts. The prediction is exact for models that are linear in their weights, and up to O(1/n)
    for a network of width n.

    Args:
        features_s: the features of S, one row for each input; for a network the gradients of its
            output by all weights.
        features_t: the features of T, one row for each input, with the same columns.
        residual_t: the labels of T minus the outputs of the model before it is trained on T. If
            there are several outputs, each has a column, all share the features, and their
            forgetting is added up.
        ridge: λ, at least 0; 0 is the limit of gradient descent.
        memory: the number of leading right singular vectors of `features_s` that T may not use.
        weights: the weights of a network after S, to state by which share of their length they
            change; None for a linear model.

    Raises TypeError or ValueError, with a sentence that names the argument; ValueError also if
    rounding decides the rank of `features_t`. Source: `theory.forgetting_overlap.forgetting`.

    >>> found = predicted_forgetting([[2.0, 0.0]], [[0.6, 0.8]], [1.0], ridge=1.0)
    >>> round(found.forgetting, 4), round(found.learnable, 4)
    (0.36, 1.0)
    """
    earlier = table("features_s", features_s)
    later = _of_the_same_features(table("features_t", features_t), earlier)
    features_s = earlier.values
    features_t = later.values
    require(features_s.size, f"features_s must have rows and columns, got {features_s.shape}")
    require(len(features_t), "features_t must have rows, got none")
    names, residuals = _residuals(residual_t, len(features_t))
    if residuals.shape[1] != 1:
        require(
            weights is None, "weights must be None where residual_t has several columns, got some"
        )
        tables = earlier, Table(features_t, earlier.columns)
        parts = [_of_output(*tables, part, ridge, memory, None) for part in residuals.T]
        return _of_outputs(parts, names)
    if weights is not None:
        weights = column("weights", np.ravel(numbers("weights", weights)), rows=features_s.shape[1])
    tables = earlier, Table(features_t, earlier.columns)
    return _of_output(*tables, residuals[:, 0], ridge, memory, weights)


def _residuals(
    residual_t: Any, rows: int
) -> tuple[tuple[str, ...], Float[np.ndarray, "rows outputs"]]:
    """Return the names of the outputs, and a residual for each output."""
    read = outputs("residual_t", residual_t, rows=rows, classes=False)
    require(read.columns, "residual_t must have a column, got none")
    return read.columns, read.values


def _of_outputs(parts: list[Forgetting], names: tuple[str, ...]) -> Forgetting:
    """Return the sum of what several outputs of one model forget.

    The interval of random residuals is the sum of their intervals, which is wide enough.
    """
    squares = np.array([part.residual**2 for part in parts])
    total = float(squares.sum())
    shares = squares / total if total else np.full(len(parts), 1 / len(parts))
    doubts = {doubt.reason: doubt for part in parts for doubt in part.doubts}
    notes = [note for note in parts[0].notes if all(note in part.notes for part in parts)]
    return replace(
        parts[0],
        forgetting=sum(part.forgetting for part in parts),
        per_sample=np.stack([part.per_sample for part in parts], axis=1),
        by_direction=np.sum([part.by_direction for part in parts], axis=0),
        expected_if_random=Estimate(
            *np.sum([part.expected_if_random for part in parts], axis=0).tolist()
        ),
        bound=sum(part.bound for part in parts),
        learnable=float(shares @ [part.learnable for part in parts]),
        update=float(np.linalg.norm([part.update for part in parts])),
        change=np.stack([part.change for part in parts], axis=1),
        residual=math.sqrt(total),
        outputs=names,
        notes=tuple(notes),
        doubts=tuple(doubts.values()),
    )


def _of_output(
    earlier: Table,
    later: Table,
    residual_t: Residual,
    ridge: float,
    memory: int,
    weights: Float[np.ndarray, " dim"] | None,
) -> Forgetting:
    """Return the prediction for one output."""
    features_s = earlier.values
    features_t = later.values
    first = parts_of(features_s)
    second, clear_parts = _second(
        features_t, first, ridge, memory, float(np.linalg.norm(features_t, 2))
    )
    change, clear_change = (
        p.update(ridge_filter(p.values, ridge), residual_t) for p in (second, clear_parts)
    )
    drifts = _drifts(first, change, memory)
    k = min(memory, len(first.values))
    update = float(np.linalg.norm(change))
    largest_s, largest_t = (
        float(np.linalg.norm(features, 2)) for features in (features_s, features_t)
    )
    overlaps = first.right @ _above(parts_of(features_t), _SINGLE * largest_t).right.T
    angles = np.minimum(np.linalg.svd(overlaps, compute_uv=False), 1.0)
    is_solved = not np.any(residual_t)
    overlap = float(np.max(angles, initial=0.0))
    clear_norm = np.linalg.norm(clear_change)
    rest = np.linalg.norm(change - clear_change)
    # Of what rounding may have added to T no angle is known.
    bound = (
        np.sum(first.values[k : k + 1] ** 2) * update**2
        if k
        else (largest_s * (overlap * clear_norm + rest)) ** 2
    )
    learnable = _learnable(clear_parts, residual_t)
    usual = float(np.linalg.norm(residual_t)) / max(largest_t, 1e-300)
    delta = float(drifts @ drifts)
    doubts = [*_unresolved(first, change, clear_change, k, usual)]
    start, stop = _cut(first, k)
    low, high = (
        _over_bases(first, features_t, residual_t, ridge, start, stop)
        if start < stop
        else (delta, delta)
    )
    if max(high - delta, delta - low) > 1e-6 * delta + (_ZERO * largest_s * update) ** 2:
        tie = (
            f"memory = {k} cuts through singular values {start + 1} to {stop} of features_s, "
            "tied in single precision"
        )
        reason = (
            f"{tie}: depending on their basis, the forgetting is anything from {low:.3g} to "
            f"{high:.3g}; keep {start} or {stop}"
        )
        doubts.append(Doubt(reason, max(high - delta, delta - low), "squared units of the labels"))
    if weights is not None and update > _STILL * (length := float(np.linalg.norm(weights))):
        share = f"{update / length:.2g} of its length" if length else "all of its length"
        reason = (
            f"training T moves the weight vector by {share}, and the gradients of a net turn "
            "with it"
        )
        doubts.append(Doubt(reason, np.inf, "of the forgetting"))
    remarks = {
        "residual zero: task T is already solved": is_solved,
        "zero overlap: nothing is forgotten": overlap < 1e-12 and rest <= 1e-12 * clear_norm,
        "projection would also forbid learning T": bool(k) and not is_solved and learnable < 1e-12,
    }
    return Forgetting(
        forgetting=delta,
        rows=tuple(range(len(features_s))) if earlier.rows is None else earlier.rows,
        per_sample=first.left @ drifts,
        cos_angles=angles,
        by_direction=drifts**2,
        expected_if_random=_random(first, second, ridge, residual_t, k),
        bound=float(bound),
        learnable=learnable,
        update=update,
        change=change,
        of_net=weights is not None,
        memory=k,
        residual=float(np.linalg.norm(residual_t)),
        notes=tuple(sentence for sentence, holds in remarks.items() if holds),
        doubts=tuple(doubts),
    )


def _of_the_same_features(later: Table, earlier: Table) -> Table:
    """Return the table of T with its columns in the order of those of S, if both have names.

    Raises ValueError if the columns are not the same.
    """
    numbered = tuple(f"x{i}" for i in range(1, len(earlier.columns) + 1))
    if numbered in (later.columns, earlier.columns) and len(later.columns) == len(numbered):
        return later
    require(
        sorted(later.columns) == sorted(earlier.columns),
        f"features_t must have the {len(earlier.columns)} columns of features_s, got "
        f"{len(later.columns)}"
        + ("" if len(later.columns) != len(earlier.columns) else " with other names"),
    )
    order = [later.columns.index(name) for name in earlier.columns]
    alike = later.columns == earlier.columns  # names may repeat
    return later if alike else Table(later.values[:, order], earlier.columns, later.rows)


def _second(
    features_t: SecondFeatures, first: Parts, ridge: float, memory: int, largest: float
) -> tuple[Parts, Parts]:
    """Return the features of T outside the memory, all directions and those that single precision
    shows.

    Raises ValueError if rounding decides their rank.
    """
    basis = first.right[:memory]
    second = parts_of(features_t - (features_t @ basis.T) @ basis, largest)
    unsure = (second.values > _ZERO * largest) & (second.values < _SURE * largest)
    least = (_SURE * largest) ** 2
    short = float(np.min(second.values[unsure], initial=np.inf))
    about = (
        f"features_t have a singular value of {short:.2g} beside {largest:.2g}, which may be "
        "rounding"
    )
    require(ridge > least or not unsure.any(), f"ridge must be above {least:.2g} here: {about}")
    return _above(second, _ZERO * largest), _above(second, _SINGLE * largest)


def _cut(first: Parts, memory: int) -> tuple[int, int]:
    """Return the next smaller and the next larger number of directions with which the memory cuts
    through no tie of singular values; both are `memory` if it cuts through none.
    """
    edges = [
        0,
        *(np.flatnonzero(-np.diff(first.values) > _SINGLE * first.values[:1]) + 1).tolist(),
        len(first.values),
    ]
    return max(edge for edge in edges if edge <= memory), min(
        edge for edge in edges if edge >= memory
    )


def _over_bases(
    first: Parts,
    features_t: SecondFeatures,
    residual: Residual,
    ridge: float,
    start: int,
    stop: int,
) -> tuple[float, float]:
    """Return the least and the largest forgetting over all bases of the tied directions `start` to
    `stop` of S, of which the memory keeps some.

    Along the tied directions an update s within a subspace Q minimises s.N s / 2 - h.s, so that
    s.N s = h.s; each such s has its Q, of any dimension from one to all but one. The drift is
    linear on this ellipsoid. Source: derived here.
    """
    tied = first.right[start:stop]
    largest = float(np.linalg.norm(features_t, 2))
    off = _second(features_t, first, ridge, start, largest)[0]
    rows = off.values[:, None] * off.right
    left, values, right = np.linalg.svd(rows - rows @ tied.T @ tied, full_matrices=False)
    scale = 1 / np.sqrt(values**2 + max(ridge, (0.01 * _SURE * largest) ** 2))
    along = scale[:, None] * (left.T @ rows @ tied.T)
    labels = scale * (residual @ off.left @ left)
    gains = first.values[stop:, None] * (first.right[stop:] @ right.T) * (values * scale)
    axes, lengths, turn = np.linalg.svd(np.vstack([np.eye(len(tied)), along]), full_matrices=False)
    linear = np.vstack([np.diag(first.values[start:stop]), -gains @ along]) @ (turn.T / lengths)
    centre = labels @ axes[len(tied) :] / 2
    middle = linear @ centre + np.append(np.zeros(len(tied)), gains @ labels)
    linear = linear * np.linalg.norm(centre)
    values, vectors = np.linalg.eigh(linear.T @ linear)
    slopes = (middle @ linear @ vectors) ** 2
    # The dual, above by 1e-5 at most
    shifts = np.geomspace(1e-16, 1, 4000)[:, None] * (np.sqrt(slopes.sum()) + 1e-300)
    dual = [
        np.min(shifts[:, 0] + np.sum(slopes / (shifts + abs(values - end)), axis=1))
        for end in values[[0, -1]]
    ]
    return max(0.0, float(middle @ middle + values[0] - dual[0])), float(
        middle @ middle + values[-1] + dual[1]
    )


def _above(parts: Parts, level: float) -> Parts:
    """Return the directions of a matrix whose singular values are larger."""
    mask = parts.values > level
    return Parts(parts.left[:, mask], parts.values[mask], parts.right[mask])


def _drifts(
    first: Parts, change: Float[np.ndarray, " dim"], memory: int
) -> Float[np.ndarray, " rank"]:
    """Return σ_i v_i . dw, by which the outputs move along each left singular vector of S; it is 0
    for the directions that the memory keeps.
    """
    return np.where(
        np.arange(len(first.values)) < memory, 0.0, first.values * (first.right @ change)
    )


def _learnable(shown: Parts, residual: Residual) -> float:
    unit = residual / max(np.linalg.norm(residual), 1e-300)
    return float(min(1.0, np.sum((shown.left.T @ unit) ** 2))) if np.any(residual) else 1.0


def _random(first: Parts, second: Parts, ridge: float, residual: Residual, memory: int) -> Estimate:
    """Return the mean and a 95 % interval of the forgetting for residuals of this length whose
    direction is uniform.
    """
    kernel = (
        first.values[memory:, None]
        * (first.right[memory:] @ second.right.T)
        * ridge_filter(second.values, ridge)
    )
    weights = np.linalg.svd(kernel, compute_uv=False) ** 2
    generator = np.random.default_rng(0)
    squares = generator.standard_normal((_DRAWS, len(weights))) ** 2
    lengths = squares.sum(axis=1) + 2 * generator.standard_gamma(
        (len(residual) - len(weights)) / 2, _DRAWS
    )
    low, high = np.quantile(squares @ weights / lengths, [0.025, 0.975]) * float(
        residual @ residual
    )
    return Estimate(
        float(weights.sum() * (residual @ residual) / len(residual)), float(low), float(high)
    )


def _unresolved(
    first: Parts,
    change: Float[np.ndarray, " dim"],
    resolved: Float[np.ndarray, " dim"],
    memory: int,
    usual: float,
) -> tuple[Doubt, ...]:
    """Return a doubt if the forgetting, or else the update, depends on directions that single
    precision would not show.
    """
    delta, other = (
        float(np.sum(_drifts(first, update, memory) ** 2)) for update in (change, resolved)
    )
    off = abs(delta - other) / max(delta, 1e-300)
    total, part, rest = (
        float(np.linalg.norm(update)) for update in (change, resolved, change - resolved)
    )
    reason = (
        "the prediction rests on directions of T below a millionth of the largest, which single "
        "precision does not show"
    )
    if off > 0.01 and max(delta, other) > (_SINGLE * np.max(first.values, initial=0.0) * part) ** 2:
        return (Doubt(reason, off, "of the forgetting"),)
    return (Doubt(reason, rest / total, "of the update"),) if rest > max(part, usual) else ()
