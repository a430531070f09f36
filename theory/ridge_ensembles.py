"""Ridge ensembles on subsamples: their risks, the penalties that they amount to, and the limits of
cross-validation.

Du, Patil & Kuchibhotla 2023, "Subsample Ridge Ensembles: Equivalences and Generalized
Cross-Validation", ICML, arXiv 2304.13016. There are n points, subsamples of k of them, and p
dimensions, and all laws but `ridgeless_member_risk` are limits for p / n -> φ and p / k -> φ_s.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import (
    POSITIVE,
    PROBABILITIES,
    Interval,
    NonNegative,
    Size,
    guarded,
    require,
)

Aspect = Annotated[
    float, Interval(0, 1e6, "(]", why="eigenvalues have as much room: a product keeps its digits")
]
"""φ = p / n of all points, or φ_s = p / k of a subsample."""
Penalty = Annotated[
    float, Interval(-1e12, 1e12, why="as far as aspects and eigenvalues of up to 1e6 reach")
]
"""λ, on the scale of X'X / k: scikit-learn's `alpha` is k λ."""
Members = Annotated[int, Interval(1, 2**53, why="a bag has members")]
"""M, the number of members of a bag."""


@guarded
@dataclass(frozen=True, eq=False)
class Population:
    """The law of rows x = Σ^(1/2) z, where the entries of z are independent and standard, and of y
    = x'β + noise.

    Attributes:
        eigenvalues: r, the different eigenvalues of Σ, positive, in squared units of x.
        masses: h, the share of the p directions that have each; positive, sums to one.
        alignment: g, the share of |β|^2 along each; sums to one.
        signal: |β|^2, in squared units of y per squared unit of x.
        noise: σ^2 = Var(y | x), in squared units of y.
    """

    eigenvalues: Annotated[
        Float[np.ndarray, " blocks"], Interval(1e-6, 1e6, why="in a unit of their size")
    ]
    masses: Annotated[Float[np.ndarray, " blocks"], PROBABILITIES, POSITIVE]
    alignment: Annotated[Float[np.ndarray, " blocks"], PROBABILITIES]
    signal: Annotated[float, Interval(0, 1e12)]
    noise: Annotated[float, Interval(0, 1e12)]


@guarded
def autoregressive(
    correlation: Annotated[
        float, Interval(-0.95, 0.95, why="nearer to one, eigenvalues need more nodes")
    ],
    signal: Annotated[float, Interval(0, 1e12)],
    noise: Annotated[float, Interval(0, 1e12)],
) -> Population:
    """Return the limit of rows with covariance ρ^|i - j| and coefficients that are equally large
    along all directions; ρ = `correlation`.

    The eigenvalues are (1 - ρ^2) / |1 - ρ e^(i t)|^2 with t uniform, at 1024 equal steps, which is
    exact to ρ^1024. Source: Szegő's theorem.
    """
    t = np.pi * (np.arange(512) + 0.5) / 512
    equal = np.full(512, 1 / 512)
    eigenvalues = (1 - correlation**2) / (1 - 2 * correlation * np.cos(t) + correlation**2)
    return Population(eigenvalues, equal, equal, signal, noise)


def shrunk(population: Population, mu: float) -> float:
    """Return the degrees of freedom of ridge at the level μ, as a share of p: the sum of h r / (μ +
    r).
    """
    return float(np.sum(population.masses * population.eigenvalues / (mu + population.eigenvalues)))


def threshold_distance(population: Population, mu: float, aspect: float) -> float:
    """Return 1 - t, the distance from the threshold of interpolation, where t is the aspect times
    the sum of h r^2 / (μ + r)^2. It has all digits also at aspect 1 and small μ.
    """
    r = population.eigenvalues
    return float(
        1 - aspect + aspect * np.sum(population.masses * mu / (mu + r) * (mu + 2 * r) / (mu + r))
    )


def shrinkage_bias(population: Population, mu: float) -> float:
    """Return the bias c that shrinkage adds to the risk before the factor 1 / (1 - t): |β|^2 μ^2
    times the sum of g r / (μ + r)^2, in squared units of y.
    """
    shares = population.alignment * population.eigenvalues / (mu + population.eigenvalues) ** 2
    return float(population.signal * mu**2 * np.sum(shares))


@guarded
def level(population: Population, penalty: Penalty, aspect: Aspect) -> float:
    """Return the level μ, the larger root of μ = λ + φ_s sum h r μ / (μ + r), in squared units of
    x; λ = `penalty` and φ_s = `aspect`.

    Raises ValueError unless λ > `least_penalty`, except at λ = 0 and φ_s <= 1, where μ is 0.
    Source: the authors' `v_general`, which has v = 1 / μ.

    >>> round(level(Population([0.5, 4.0], [0.5, 0.5], [0.2, 0.8], 1.0, 0.25), 0.1, 1.25), 6)
    0.591274
    """
    if penalty == 0 and aspect <= 1:
        return 0.0
    lowest = _vertex(population, aspect)
    least = _penalty_of(population, lowest, aspect)
    require(penalty > least, f"penalty must exceed {least:.6g} at this aspect, got {penalty:.6g}")
    sum_at_infinity = aspect * float(population.masses @ population.eigenvalues)
    # A large penalty swallows the sum
    largest = (max(penalty, 0.0) + sum_at_infinity) * (1 + 1e-12)

    def excess(mu: float) -> float:
        return _penalty_of(population, mu, aspect) - penalty

    return _root(excess, lowest, largest)


@guarded
def least_penalty(population: Population, aspect: Aspect) -> float:
    """Return the penalty that all penalties must exceed: minus the limit of the smallest eigenvalue
    of X'X / k that is not zero, in squared units of x.

    It is -(1 - sqrt(φ_s))^2 for eigenvalues of 1. Source: derived here, by convexity of the fixed
    point's equation.
    """
    return _penalty_of(population, _vertex(population, aspect), aspect)


@guarded
def residual_share(population: Population, penalty: Penalty, aspect: Aspect) -> float:
    """Return the limit d of 1 - df / k of a member, where df are its degrees of freedom: λ / μ, or
    1 - φ_s where μ = 0. Raises ValueError as `level`.

    A training point's residual is d times what it would be if the member had not seen it. Source:
    the authors' code.
    """
    mu = level(population, penalty, aspect)
    return penalty / mu if mu else 1 - aspect


@guarded
def equivalent_penalty(
    population: Population, penalty: Penalty, aspect: Aspect, subsample_aspect: Aspect
) -> float:
    """Return the penalty with which ridge on all points equals the full ensemble in the limit: μ -
    φ sum h r μ / (μ + r), where μ is the level of the subsamples and φ = `aspect`.

    It is at least λ where λ >= 0. Raises ValueError as `level`, and for a subsample aspect below
    the aspect. Source: derived here; the abstract says that such penalties exist.
    """
    _require_subsample(aspect, subsample_aspect)
    return _penalty_of(population, level(population, penalty, subsample_aspect), aspect)


def _penalty_of(population: Population, mu: float, aspect: float) -> float:
    """Return the penalty that has the level μ: μ - φ sum h r μ / (μ + r), summed to all digits as
    in `threshold_distance`.
    """
    return mu * (
        1 - aspect + aspect * float(np.sum(population.masses * mu / (mu + population.eigenvalues)))
    )


def _require_subsample(aspect: float, subsample_aspect: float) -> None:
    """Raise ValueError for subsamples that are larger than the sample."""
    sentence = (
        "subsample_aspect must be at least the aspect (k <= n), got "
        f"{subsample_aspect:.6g} and {aspect:.6g}"
    )
    require(subsample_aspect >= aspect, sentence)


def _vertex(population: Population, aspect: float) -> float:
    """Return the point at which the convex function μ - φ_s sum h r μ / (μ + r) is least; there
    t(φ_s) = 1.
    """
    least = float(population.eigenvalues.min())
    largest = float(population.eigenvalues.max())
    share = float(population.masses[population.eigenvalues == least].sum())
    low = least * (np.sqrt(aspect * share) - 1)
    high = largest * np.sqrt(aspect) - least

    def excess(mu: float) -> float:
        return -threshold_distance(population, mu, aspect)

    if (
        excess(low) <= 0 or excess(high) >= 0
    ):  # one eigenvalue: the bracket is a point, and rounding decides
        return float(low)
    return _root(excess, low, high)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    from scipy.optimize import brentq

    return float(brentq(function, low, high, xtol=1e-300, maxiter=10_000))


@guarded
def risk_at(
    population: Population, mu: Annotated[float, Interval(-1e13, 1e13)], aspect: Aspect
) -> float:
    """Return the risk (σ^2 + c(μ)) / (1 - t(φ)) at a level μ, in squared units of y; c and t are
    those of `sums`, and φ = `aspect`. It is infinite where t = 1, the threshold of interpolation.

    If there is no noise and μ = 0, it is 0 at t = 1, since least squares are right. At the aspect
    of the subsamples this is one member's risk, and at the aspect of all points the full
    ensemble's. Raises ValueError where t > 1. Source: the authors' code.
    """
    left = threshold_distance(population, mu, aspect)
    cost = population.noise + shrinkage_bias(population, mu)
    require(
        left >= -1e-12, f"mu must be the larger root of the fixed point, got {mu:.6g} with t > 1"
    )
    return cost / left if left > 0 else np.inf if cost else 0.0


@guarded
def member_risk(population: Population, penalty: Penalty, subsample_aspect: Aspect) -> float:
    """Return the risk R1 of ridge on one subsample, in squared units of y. It is infinite at λ = 0
    and φ_s = 1. Raises ValueError as `level`.
    """
    return risk_at(population, level(population, penalty, subsample_aspect), subsample_aspect)


@guarded
def full_ensemble_risk(
    population: Population, penalty: Penalty, aspect: Aspect, subsample_aspect: Aspect
) -> float:
    """Return the risk C of the mean of all members, in squared units of y. It is also the limit of
    the mean product of two members' errors.

    Raises ValueError as `level`, and for a subsample aspect below the aspect.
    """
    _require_subsample(aspect, subsample_aspect)
    return risk_at(population, level(population, penalty, subsample_aspect), aspect)


@guarded
def ensemble_risk(
    population: Population,
    penalty: Penalty,
    aspect: Aspect,
    subsample_aspect: Aspect,
    members: Members,
) -> float:
    """Return the risk R_M = R1 / M + (1 - 1 / M) C of a bag of M members, in squared units of y.
    Raises ValueError as `full_ensemble_risk`.
    """
    single = member_risk(population, penalty, subsample_aspect)
    if members == 1:  # both may be infinite
        return single
    return single / members + (1 - 1 / members) * full_ensemble_risk(
        population, penalty, aspect, subsample_aspect
    )


@guarded
def ridgeless_member_risk(
    points: Size, dimension: Size, signal: NonNegative, noise: NonNegative
) -> float:
    """Return the exact risk of least squares, of least norm where k < p, for k normal points with Σ
    = I, in squared units of y.

    It is σ^2 (1 + p / (k - p - 1)) for k > p + 1, and σ^2 (1 + k / (p - k - 1)) + |β|^2 (1 - k / p)
    for k < p - 1; raises ValueError between. Source: the mean of an inverse Wishart matrix.
    """
    require(
        abs(points - dimension) > 1,
        f"points must not be within one of dimension {dimension}, got {points}",
    )
    few, many = sorted((points, dimension))
    return noise * (1 + few / (many - few - 1)) + signal * max(0.0, 1 - points / dimension)


_DECADES = np.linspace(-12, 12, 121)
_STEP = 0.2  # where levels are sought, beside the largest eigenvalue


class Optimum(NamedTuple):
    """The least risk of a path, in squared units of y, and its place in the path's parameter."""

    place: float
    risk: float


@guarded
def optimal_ridge(population: Population, aspect: Aspect, *, negative: bool = False) -> Optimum:
    """Return the best penalty for ridge on all points, which is at least 0 unless `negative`, and
    its risk. They are found by a search over levels μ.

    The place is good to half the digits, and the risk to all. Raises ValueError without signal,
    since no penalty is best then.
    """
    mu = _best_level(population, aspect, negative)
    return Optimum(_penalty_of(population, mu, aspect), risk_at(population, mu, aspect))


@guarded
def optimal_ridgeless(population: Population, aspect: Aspect) -> Optimum:
    """Return the best aspect p / k of the subsamples of a full ensemble without penalty, and its
    risk.

    The risk is that of `optimal_ridge` (abstract). All φ_s <= 1 have the level 0, and 1 stands for
    them. Raises ValueError without signal.
    """
    mu = _best_level(population, aspect, negative=False)
    return Optimum(max(1 / shrunk(population, mu), aspect), risk_at(population, mu, aspect))


@guarded
def isotropic_optimal_subsample_aspect(
    aspect: Aspect, noise_to_signal: Annotated[float, Interval(0, 1e12)]
) -> float:
    """Return the best aspect p / k of the subsamples of a full ensemble without penalty if Σ = I:
    the larger root of x^2 - (1 + φ + φ σ^2 / |β|^2) x + φ = 0.

    φ = `aspect`, and σ^2 / |β|^2 = `noise_to_signal`. Source: derived here.
    """
    half = (1 + aspect + aspect * noise_to_signal) / 2
    return float(half + np.sqrt(half**2 - aspect))


def _best_level(population: Population, aspect: float, negative: bool) -> float:
    from scipy.optimize import minimize_scalar

    require(
        population.signal > 0,
        "population must have a signal: without one no penalty is large enough",
    )
    low = _vertex(population, aspect) if negative else level(population, 0.0, aspect)
    scale = population.eigenvalues.max()

    def risk(decade: float) -> float:
        return risk_at(population, low + scale * 10**decade, aspect)

    best = min(_DECADES, key=risk)
    minimum = minimize_scalar(
        risk, bounds=(best - _STEP, best + _STEP), method="bounded", options={"xatol": 1e-10}
    )
    # Without a penalty may be best, and that is no decade.
    return (
        low
        if not negative and risk_at(population, low, aspect) <= minimum.fun
        else low + scale * 10**minimum.x
    )


@guarded
def gcv_bias(
    population: Population,
    penalty: Penalty,
    aspect: Aspect,
    subsample_aspect: Aspect,
    members: Members,
) -> float:
    """Return the limit of GCV over all n points less the risk R_M: q R1 / M, in squared units of y,
    which is never negative.

    q = w (1 - w) (1 - d)^2 / (1 - w + w d)^2, where w = k / n and d is the `residual_share`. Raises
    ValueError as `full_ensemble_risk`, and at k = n with d = 0, where GCV is 0 / 0.
    """
    _require_subsample(aspect, subsample_aspect)
    share = aspect / subsample_aspect
    d = residual_share(population, penalty, subsample_aspect)
    left = (1 - share) + share * d
    require(
        abs(left) > 1e-12,
        "penalty must not make 1 - w + w d vanish, as 0 does at k = n: GCV is 0 / 0 there",
    )
    return (
        share
        * (1 - share)
        * (1 - d) ** 2
        / left**2
        * member_risk(population, penalty, subsample_aspect)
        / members
    )


@guarded
def union_gcv(
    population: Population,
    penalty: Penalty,
    aspect: Aspect,
    subsample_aspect: Aspect,
    members: Members,
) -> float:
    """Return the limit of GCV over the points that any member has seen, which are a share u = 1 -
    (1 - w)^M of all n; w = k / n. It is in squared units of y.

    It is the mean squared residual of the seen points, divided by (1 - w (1 - d) / u)^2, where d is
    the `residual_share`. Raises ValueError as `full_ensemble_risk`, and at M = 1 with d = 0, where
    it is 0 / 0.
    """
    _require_subsample(aspect, subsample_aspect)
    w = aspect / subsample_aspect
    d = residual_share(population, penalty, subsample_aspect)
    by_others = -(1 - w) * np.expm1((members - 1) * np.log1p(-w)) if w < 1 else 0.0
    # Shares of the seen, to all digits where k / n is small
    own, others = np.array([w, by_others]) / (w + by_others)
    left = float(others + own * d)
    require(
        abs(left) > 1e-12 * abs(d),
        "penalty must not make 1 - w (1 - d) / u vanish, as 0 does at M = 1: GCV is 0 / 0 there",
    )
    single = member_risk(population, penalty, subsample_aspect) / members
    pairs = (1 - 1 / members) * full_ensemble_risk(population, penalty, aspect, subsample_aspect)
    # Less the share (1 - w)^M of the unseen, whose residuals are the bag's risk.
    pair_weight = others - own * (1 - w) + own * d * (2 * (1 - w) + w * d)
    return float((own * d**2 + others) * single + pair_weight * pairs) / left**2
