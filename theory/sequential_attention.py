"""The feature that a penalty on the unchosen weights brings in next, the penalties for which it
stays alone, and the order that softmax attention finds.

Yasuda, Bateni, Chen, Fahrbach, Fu & Mirrokni 2023, "Sequential Attention for Feature Selection",
ICLR 2023, arXiv 2209.14881. Its abstract and its released code were read; the formulas were derived
for this collection, or are classical, as each says.
"""

import math
from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from theory_on_trial.contract import LONGEST, USABLE_SCALE, Interval, guarded, require

Features = Annotated[Float[np.ndarray, "n p"], USABLE_SCALE]
"""X, a row per observation, a column per feature, of any scale."""
Responses = Annotated[Float[np.ndarray, " n"], USABLE_SCALE]
"""y, a response per observation."""
Chosen = tuple[Annotated[int, Interval(0, LONGEST)], ...]
"""S, the features chosen so far, by their column."""
Rounds = Annotated[int, Interval(1, LONGEST)]
"""k, how many features are chosen."""
Coherence = Annotated[float, Interval(0, 1, why="a |cosine|")]
"""μ, the largest |cosine| between two columns."""
Uneven = Annotated[
    float, Interval(1, 1e200, why="the longest over the shortest; the high end is a cap")
]
"""L / l, the longest column over the shortest."""


_ROUNDED = 1e-12
"""Relative: a coherence nearer to a threshold may lie on either side of it."""


@guarded
def coherence(X: Features) -> float:
    """Return the coherence μ, the largest |cosine| of two columns; 0 for one column. Raises
    ValueError for a zero column.
    """
    largest = np.abs(X).max(axis=0)
    require((largest > 0).all(), "X must have no column of zeros, since zeros have no direction")
    unit = X / largest  # squares of a short column would be lost
    unit = unit / np.linalg.norm(unit, axis=0)
    cosines = np.abs(unit.T @ unit)
    np.fill_diagonal(cosines, 0.0)
    return min(float(cosines.max()), 1.0)


@guarded
def recovery_coherence(size: Rounds, uneven: Uneven = 1.0) -> float:
    """Return the coherence 1 / (k (1 + L / l) - 1) below which k rounds of OMP pick the k columns
    that y is made of, whatever the weights.

    k = `size` and L / l = `uneven`. Source: Tropp 2004, "Greed is good", for L = l; lengths are
    derived here. It is sharp: `outside_ratio` attains it, if the other column is the longer one.
    """
    return float(1 / (size * (1 + uneven) - 1))


@guarded
def outside_ratio(size: Rounds, mu: Coherence) -> float:
    """Return the largest ratio of max |x_j . r| over other columns to that over the k columns that
    span r: k μ / (1 - (k - 1) μ), for columns of unit length.

    Raises ValueError unless (k - 1) μ < 1. Source: column sums of their Gram matrix. It is attained
    by columns of mutual cosine -μ and another one of cosine μ with each.
    """
    require((size - 1) * mu < 1, f"(size - 1) mu must be below 1, got {(size - 1) * mu}")
    return float(size * mu / (1 - (size - 1) * mu))


@guarded
def certified_size(mu: Coherence, most: Rounds, uneven: Uneven = 1.0) -> int:
    """Return the largest k, up to `most`, for which OMP is certain to pick the right columns: k (1
    + L / l) < 1 + 1 / μ. Source: `recovery_coherence`.
    """
    reach = (1 - _ROUNDED) * (1 + 1 / max(mu, 1e-300)) / (1 + uneven)
    return min(most, math.ceil(reach) - 1)


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


Cosine = Annotated[float, Interval(-1, 1, "()")]
"""The cosine of the angle between two columns of unit length."""
Length = Annotated[float, Interval(1e-50, 1e50)]
Rows = Annotated[int, Interval(2, 100, why="means over designs are integrated numerically")]

_NODES = np.polynomial.legendre.leggauss(60)


@guarded
def rising_share(cosine: Cosine) -> float:
    """Return the share of directions of y, in the plane of two unit columns of cosine ρ, for which
    λ_1 rises from round 1 to round 2.

    It is (2 / π) (atan sqrt((1 + |ρ|) / (1 - |ρ|)) - atan (1 / sqrt(1 - ρ^2))). Source: derived
    here.
    """
    rho = abs(cosine)
    outer = np.sqrt((1 + rho) / (1 - rho))
    inner = 1 / np.sqrt((1 - rho) * (1 + rho))
    return float(2 / np.pi * (np.arctan(outer) - np.arctan(inner)))


@guarded
def mean_rising_share(rows: Rows) -> float:
    """Return the mean of `rising_share` over two random directions in R^n, for which asin ρ has a
    density proportional to cos^(n-2). It is integrated numerically. Source: derived here.
    """
    angles, weights = _angles(rows)
    return float(
        np.average([rising_share(float(np.sin(angle))) for angle in angles], weights=weights)
    )


@guarded
def differing_share(first: Length, second: Length) -> float:
    """Return the share (2 / π) |atan(first / second) - π / 4| of directions of r_S for which OMP
    and forward selection pick different features of two.

    The two P x_j are orthogonal and have these lengths. Source: derived here.
    """
    return float(2 / np.pi * abs(np.arctan2(first, second) - np.pi / 4))


@guarded
def mean_differing_share(rows: Rows) -> float:
    """Return the probability that OMP and forward selection differ in their first pick of two
    columns of n independent standard normal entries.

    It is the mean of |t| / π, where t has a density proportional to cos^(n-2) on (-π / 2, π / 2): 1
    / 4 in the plane, and 1 / 2 - 1 / π in space. Along y the two columns have a ratio R, of
    Cauchy's law, and across it their lengths have a ratio Q; t is 2 atan Q - π / 2. The picks
    differ where 1 < R < Q or Q < R < 1. It is integrated numerically. Source: derived here.
    """
    angles, weights = _angles(rows)
    return float(np.average(angles, weights=weights) / np.pi)


def _angles(rows: int) -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
    """Return nodes and weights on (0, π / 2) for a density proportional to cos^(n-2)."""
    angles = np.pi / 4 * (1 + _NODES[0])
    return angles, _NODES[1] * np.cos(angles) ** (rows - 2)


Rate = Annotated[float, Interval(1e-50, 1)]
Number = Annotated[int, Interval(1, 2**20)]


@guarded
def early_logits(X: Features, y: Responses, rate: Rate, steps: Number) -> Float[np.ndarray, " p"]:
    """Return the logits less their mean after t = `steps` steps of gradient descent: η^2 t (t - 1)
    / 2 (c_j^2 - mean of c^2) / p^2, up to a factor 1 + O(η).

    Descent with `rate` η starts from w = a = 0, on the loss 1 / (2 n) |y - X (w o softmax a)|^2,
    and c = X' y / n. The logits are a, one per column. Source: derived here.
    """
    n, p = X.shape
    squares = (X.T @ y / n) ** 2
    return np.asarray(rate**2 * steps * (steps - 1) / 2 * (squares - squares.mean()) / p**2)


@guarded
def pick_steps(steps: Number, features: Number, at_once: Number) -> tuple[int, ...]:
    """Return the steps t of T at which the module picks m = `at_once` of k features: for i = 0, m,
    2 m, ... below K = k / m, the first t >= T (1 + 9 i / K) / 10.

    Source: the schedule of the code. Raises ValueError unless m divides k and each phase has a
    step.

    >>> pick_steps(1000, 4, 1)
    (100, 325, 550, 775)
    """
    require(features % at_once == 0, f"at_once must divide features, got {at_once} and {features}")
    phases = features // at_once
    require(
        9 * steps >= 10 * phases, f"steps must give each of the {phases} phases one, got {steps}"
    )
    return tuple(-(-steps * (phases + 9 * i) // (10 * phases)) for i in range(0, phases, at_once))


@guarded
def features_chosen(features: Number, at_once: Number) -> int:
    """Return the number m ceil(k / m^2) of features that the code's schedule chooses if k are asked
    for, m = `at_once` in each pick. Raises ValueError unless m divides k.
    """
    require(features % at_once == 0, f"at_once must divide features, got {at_once} and {features}")
    return at_once * -(-features // at_once**2)
