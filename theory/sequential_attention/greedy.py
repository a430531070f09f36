"""Orthogonal matching pursuit (OMP) and forward selection, and the penalties for which OMP's next
feature is the only active one.

In each round 1/2 |y - X β|^2 + λ sum |β_j| is minimised, where the sum is over the features that
are not yet chosen. S are the chosen ones, P projects off their span, and r_S = P y.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from theory.sequential_attention.domains import Chosen, Features, Responses, Rounds
from theory_on_trial.contract import guarded, require

_SPANNED = 1e-6
"""Of a column's length: with less of it outside the span of the chosen ones it is a combination of
them.
"""
_EXPLAINED = 1e-12
"""Of the length of y: a residual below it is rounding."""
_PARALLEL = 1e-13
"""Of what projecting leaves of a column: nearer ones are parallel but for rounding."""
_TIE = 1e-9
_LOST = 0.1
"""Share of what is left of a column's square that a round may take before its length is computed
again.
"""


class Leftover(NamedTuple):
    """The parts of the other features and of y that the chosen features do not span."""

    columns: Float[np.ndarray, "n p"]
    """X."""
    basis: Float[np.ndarray, "n k"]
    """Orthonormal, of what the chosen ones span."""
    residual: Float[np.ndarray, " n"]
    """r_S = P y."""
    offered: Bool[np.ndarray, " p"]
    """Which columns are not chosen and not spanned by those that are."""
    rest: Float[np.ndarray, " p"]
    """|P x_j|."""

    @property
    def correlations(self) -> Float[np.ndarray, " p"]:
        """The correlations x_j . r_S of the offered features, and zero for the others."""
        return np.where(self.offered, self.columns.T @ self.residual, 0.0)

    @property
    def lengths(self) -> Float[np.ndarray, " p"]:
        """The lengths |P x_j| of the offered features, and infinity for the others."""
        return np.where(self.offered, self.rest, np.inf)


def _without(
    basis: Float[np.ndarray, "n k"], vectors: Float[np.ndarray, "n ..."]
) -> Float[np.ndarray, "n ..."]:
    """Return the vectors less their projections on the basis. It is done twice, so that the
    rounding is as small as what is left.
    """
    for _ in range(2):
        vectors = vectors - basis @ (basis.T @ vectors)
    return vectors


def project_off(left: Leftover, j: int, lengths: Float[np.ndarray, " p"]) -> Leftover:
    """Return what is left after column j is chosen as well; `lengths` are those of the columns of
    X.
    """
    column = _without(left.basis, left.columns[:, j])
    rest = left.rest
    offered = left.offered.copy()
    if (length := np.linalg.norm(column)) > _SPANNED * lengths[j]:
        direction = column / length
        left = left._replace(basis=np.column_stack([left.basis, direction]))
        left = left._replace(residual=_without(left.basis, left.residual))
        shares = (direction @ left.columns) / np.where(rest > 0, rest, 1)
        rest = rest * np.sqrt(np.maximum(0, 1 - shares**2))
        few = offered & (shares**2 > _LOST)
        rest[few] = np.linalg.norm(_without(left.basis, left.columns[:, few]), axis=0)
        offered &= rest > _SPANNED * lengths
    offered[j] = False
    return left._replace(offered=offered, rest=rest)


@guarded
def leftover(X: Features, y: Responses, chosen: Chosen = ()) -> Leftover:
    """Return what is left of the features and of y after the chosen columns, projected off one
    after the other.

    Raises ValueError unless `chosen` names different columns. Source: definition.
    """
    require(
        len(set(chosen)) == len(chosen) and max(chosen, default=0) < X.shape[1],
        f"chosen must name different columns of the {X.shape[1]}, got {chosen}",
    )
    lengths = np.linalg.norm(X, axis=0)
    left = Leftover(X, np.zeros((len(y), 0)), y, lengths > 0, lengths)
    for j in chosen:
        left = project_off(left, j, lengths)
    return left


@guarded
def omp_order(X: Features, y: Responses, rounds: Rounds) -> Int[np.ndarray, " rounds"]:
    """Return the features in the order of orthogonal matching pursuit, which in each round picks
    the one of largest |x_j . r_S|. Columns keep their lengths.

    Raises ValueError where y is explained, or no column is left, before the last round. Source:
    definition.

    >>> omp_order([[1, 0.8, 0], [0, 0.6, 0], [0, 0, 1]], [4, 1, 0.8], 3).tolist()
    [0, 2, 1]
    """
    return np.array([pick for pick, _ in _greedy(X, y, rounds, forward=False)])


@guarded
def forward_order(X: Features, y: Responses, rounds: Rounds) -> Int[np.ndarray, " rounds"]:
    """Return the features in the order of forward selection, which in each round picks the one of
    largest |x_j . r_S| / |P x_j|. Raises as `omp_order`. Source: definition.
    """
    return np.array([pick for pick, _ in _greedy(X, y, rounds, forward=True)])


@guarded
def entry_levels(X: Features, y: Responses, rounds: Rounds) -> Float[np.ndarray, " rounds"]:
    """Return for each round the penalty λ_1 = max |x_j . r_S| below which OMP's pick is active.
    Source: recalled. Raises as `omp_order`.
    """
    return np.array([level for _, level in _greedy(X, y, rounds, forward=False)])


@guarded
def second_entry_level(X: Features, y: Responses, chosen: Chosen = ()) -> float:
    """Return the penalty λ_2 of a round: for penalties between it and λ_1 exactly one unchosen
    weight is active, that of OMP's pick j.

    In this window feature m has the correlation c_m - a_m (λ_1 - λ), where a_m = s x_m . P x_j / |P
    x_j|^2, c_m = x_m . r_S, and s is the sign of c_j. λ_2 is the largest λ in (0, λ_1) at which one
    of these correlations is +-λ, and zero where none ever is. At a tie it is λ_1. Columns that are
    parallel never come in; they are those for which 1 - a_m, or 1 + a_m, is at most its rounding,
    1e-13 (|x_m| + |x_j| |P x_m| / |P x_j|) / |P x_j|. Raises ValueError as `leftover`, and where no
    column is left or y is explained. Source: derived here.

    >>> round(second_entry_level([[1, -0.6], [0, 0.8]], [1, 1.5]), 12)
    0.75
    """
    left = leftover(X, y, chosen)
    return second_level(left, left.correlations, np.linalg.norm(X, axis=0))


def second_level(
    left: Leftover, c: Float[np.ndarray, " p"], before: Float[np.ndarray, " p"]
) -> float:
    """Return `second_entry_level` of what is left, where c are its correlations and `before` the
    lengths of the columns of X.
    """
    j = int(np.argmax(np.abs(c)))
    first = abs(float(c[j]))
    require(
        first > 0,
        "X must have a column outside the span of the chosen ones that is correlated with the "
        "rest of y",
    )
    after = left.rest
    slopes = (
        np.sign(c[j]) * (left.columns.T @ _without(left.basis, left.columns[:, j])) / after[j] ** 2
    )
    rounding = _PARALLEL * (before + before[j] * after / after[j]) / after[j]
    entries = [0.0]
    for sign in (1, -1):
        nearing = 1 - sign * slopes
        crossing = left.offered & (np.abs(nearing) > rounding)
        crossing[j] = False
        levels = sign * (c - slopes * first)[crossing] / nearing[crossing]
        below = (nearing[crossing] > 0) | (levels <= first * (1 + _TIE))  # by their exact values
        entries += np.minimum(levels, first)[below].tolist()
    return max(entries)


def _greedy(X: Features, y: Responses, rounds: int, *, forward: bool) -> list[tuple[int, float]]:
    """Return the pick of each round, with the number for which it was picked."""
    picks: list[tuple[int, float]] = []
    lengths = np.linalg.norm(X, axis=0)
    left = leftover(X, y)
    for step in range(rounds):
        left = project_off(left, picks[-1][0], lengths) if picks else left
        message = f"rounds must be at most {step}"
        explained = np.linalg.norm(left.residual) <= _EXPLAINED * np.linalg.norm(y)
        require(not explained, f"{message}, where the residual is zero, got {rounds}")
        require(
            left.offered.any(), f"{message}, where no column is left outside the span, got {rounds}"
        )
        sizes = np.abs(left.correlations) / (left.lengths if forward else 1.0)
        sizes[~left.offered] = -np.inf
        picks.append((int(np.argmax(sizes)), float(sizes.max())))
    return picks
