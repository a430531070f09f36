"""The number of samples after which naive Bayes comes within `excess` of its asymptotic error:
exact laws, and upper bounds with every constant.

The exact laws have the setting of `expected_error`: two Gaussian classes of equal priors and known
diagonal covariance, Δ^2 = `squared_distance`, and the asymptotic error Φ(-Δ / 2), where Φ is the
normal distribution function. Sample sizes are real numbers and never below 2, one sample per class.
In the lemma for which log n is sharp, K classes have m / K samples each, the n features are
independent Gaussians of known standard deviation, and all class means are to be known to within a
tolerance. Ng & Jordan 2001 and arXiv 2302.02334 state growth with log n at best and the order (1 /
ε^2) log n; the exact laws are derived here.

The bounds say why log n samples can suffice for naive Bayes and n for logistic regression. Naive
Bayes has any features in [0, 1]. The priors and the pooled within-class variances are at least ρ_0
= `floor`, which is at most 1/4, the largest variance there is. Every estimated mean, variance and
prior is off by at most ε = `deviation`, with ε <= ρ_0 / 2. The score of class k is l_k(x) = log p_k
- sum_i (x_i - μ_ki)^2 / (2 σ_i^2). Logistic regression has K linear scores w_k . x with |w_k| <= W
and |x| <= X. The chain of arguments is that of Ng & Jordan 2001, which arXiv
2302.02334 extends to K classes; the statements and constants here are derived here. n =
`n_features`, K = `n_classes`, and m = `n_samples` is any positive real number. The bounds for naive
Bayes raise ValueError for a deviation above half the floor, and for a floor above 1 / K where K is
given.
"""

from typing import Annotated

import numpy as np

from theory.naive_bayes_vs_logistic.domains import Classes, Deviation, Features, Floor
from theory.naive_bayes_vs_logistic.expected_error import naive_bayes_expected_error
from theory_on_trial.contract import (
    POSITIVE,
    Fraction,
    NonNegative,
    Positive,
    UnitInterval,
    guarded,
    require,
)

_MINIMUM = 2.0


@guarded
def naive_bayes_samples(
    n_features: Features, squared_distance: NonNegative, excess: Positive
) -> float:
    """Return the sample size m at which the exact expected error is Φ(-Δ / 2) + `excess`, as a real
    number; 2 where two samples already suffice.

    Its relative error is about 1e-12 times the asymptotic error over the excess. Raises ValueError
    for an excess below 1e-9 of the asymptotic error, which float64 does not resolve.

    >>> [round(naive_bayes_samples(n, 4, 0.02), 1) for n in (50, 100, 200)]
    [280.2, 557.7, 1112.7]
    """
    from scipy.optimize import brentq

    target = _target(squared_distance, excess)

    def above_target(log_samples: float) -> float:
        return (
            naive_bayes_expected_error(n_features, float(np.exp(log_samples)), squared_distance)
            / target
            - 1
        )

    lower = np.log(_MINIMUM)
    if above_target(lower) <= 0:
        return _MINIMUM
    upper = lower + 1
    while above_target(upper) > 0:
        lower = upper
        upper = upper + 2
    return float(np.exp(brentq(above_target, lower, upper, xtol=1e-14, rtol=1e-14)))


@guarded
def naive_bayes_samples_large_n(
    n_features: Features, squared_distance: NonNegative, excess: Positive
) -> float:
    """Return the sample size m >= 2 at which the error in its form for large n is Φ(-Δ / 2) +
    `excess`, as a real number.

    With z = -Φ^-1(Φ(-Δ / 2) + `excess`), 1 / m is the positive root of (Δ^2 + 4 n / m)(1 + 1 / m) =
    Δ^4 / (4 z^2). Raises ValueError as `naive_bayes_samples` does.
    """
    from scipy.special import ndtri

    target = _target(squared_distance, excess)
    if target >= 0.5:
        return _MINIMUM
    surplus = squared_distance**2 / (4 * ndtri(target) ** 2) - squared_distance
    linear = squared_distance + 4 * n_features
    return float(
        max(_MINIMUM, (linear + np.sqrt(linear**2 + 16 * n_features * surplus)) / (2 * surplus))
    )


@guarded
def naive_bayes_sample_exponent(signal_exponent: NonNegative) -> float:
    """Return the exponent of n in the number of samples that naive Bayes needs if Δ^2 = n^a, with a
    = `signal_exponent`: 1 for a = 0, 1 - 2 a up to a = 1/2, and 0 beyond (no log n).
    """
    return float(max(0.0, 1 - 2 * signal_exponent))


def _target(squared_distance: float, excess: float) -> float:
    from scipy.special import ndtr

    limit = float(ndtr(-np.sqrt(squared_distance) / 2))
    require(
        excess >= 1e-9 * limit,
        f"excess must be at least 1e-9 of the asymptotic error {limit:.3g}, got {excess}",
    )
    return limit + excess


@guarded
def sup_norm_samples(
    n_features: Features,
    n_classes: Classes,
    deviation: Positive,
    failure: Fraction,
    noise: Positive = 1.0,
) -> float:
    """Return the sample size m, as a real number, at which all n K estimated class means are within
    ε of the true ones with probability 1 - δ. Each class has m / K samples.

    This probability is (2 Φ(ε sqrt(m / K) / σ) - 1)^(n K), so that m is K σ^2 / ε^2 times the
    squared normal quantile at (1 + (1 - δ)^(1 / (n K))) / 2. It grows like 2 K σ^2 / ε^2 log(n K /
    δ). Here ε = `deviation` and the standard deviation σ = `noise` are in the units of the
    features, and δ = `failure`. Raises ValueError for a δ whose share for one of the n K means
    underflows.
    """
    from scipy.special import erfcinv

    failure_of_one = -np.expm1(np.log1p(-failure) / (n_features * n_classes))
    require(
        failure_of_one > 0,
        "failure must be so large that its share for one of the n_features n_classes means is "
        f"positive in float64, got {failure}",
    )
    return float(2 * n_classes * (noise / deviation * erfcinv(failure_of_one)) ** 2)


PositiveDeviation = Annotated[Deviation, POSITIVE]
"""ε, where no sample is large enough for zero."""


@guarded
def score_deviation_bound(n_features: Features, deviation: Deviation, floor: Floor) -> float:
    """Return the upper bound n ε (2 / ρ_0 + 1 / ρ_0^2) + 2 ε / ρ_0 on |estimated l_k(x) - l_k(x)|,
    for any class k and point x.
    """
    _require_deviation(deviation, floor)
    return n_features * deviation * (2 / floor + 1 / floor**2) + 2 * deviation / floor


@guarded
def margin_width(deviation: Deviation, floor: Floor) -> float:
    """Return the τ for which estimation moves a difference of two scores by at most τ n: τ = 2 ε (4
    / ρ_0 + 1 / ρ_0^2).

    The error of fitted naive Bayes then exceeds its limit by at most G(τ), the probability that the
    rule with infinite data is right and leads by at most τ n.
    """
    _require_deviation(deviation, floor)
    return 2 * deviation * (4 / floor + 1 / floor**2)


@guarded
def margin_mass_bound(
    n_features: Features, n_classes: Classes, alpha: NonNegative, beta: Positive, width: NonNegative
) -> float:
    """Return Chebyshev's bound (K - 1) α / (n (β - τ)^2) on the probability G(τ) of `margin_width`;
    it may exceed one.

    Within class k each difference l_k - l_k' has a variance of at most α n and a mean of at least β
    n; `width` is τ. Raises ValueError unless τ < β.
    """
    require(width < beta, f"width must be below beta = {beta}, got {width}")
    return (n_classes - 1) * alpha / (n_features * (beta - width) ** 2)


@guarded
def sufficient_samples(
    n_features: Features,
    n_classes: Classes,
    deviation: PositiveDeviation,
    failure: Fraction,
    floor: Floor,
) -> float:
    """Return the sample size m = (K + 3)^2 / (ρ_0 ε^2) log((2 n K + 1) / δ) with which every
    estimated mean, pooled variance and prior is within ε with probability 1 - δ, δ = `failure`.

    Let q = exp(-m ρ_0 e^2) and e = ε / (K + 3) <= 1 / 40. Hoeffding's inequality for means, second
    moments and priors, and Chernoff's for the sizes of the classes, give a probability of at most 2
    n K q + 2 (n + K) q^(2 / ρ_0) + K q^(1 / (8 e^2)) that some estimate is farther off. Where (2 n
    K + 1) q is below one, the last two terms are together below q.
    """
    _require_deviation(deviation, floor)
    require(
        floor * n_classes <= 1,
        f"floor must be at most 1 / n_classes, since the least prior is, got {floor}",
    )
    unions = np.log(2 * n_features * n_classes + 1) - np.log(failure)
    return float((n_classes + 3) ** 2 / (floor * deviation**2) * unions)


@guarded
def logistic_log_regret_bound(
    n_samples: Positive,
    n_classes: Classes,
    weight_norm: NonNegative,
    feature_norm: NonNegative,
) -> float:
    """Return the upper bound 4 K W X / sqrt(m) on the mean log-loss regret of the empirical
    minimiser with |w_k| <= W = `weight_norm` and |x| <= X = `feature_norm`.

    It follows by symmetrisation and vector contraction, since the loss is sqrt(2)-Lipschitz in the
    scores. On the unit cube X = sqrt(n), so that n and m enter through n / m only. It does not hold
    for a ridge penalty in place of the bounds.
    """
    return float(4 * n_classes * weight_norm * feature_norm / np.sqrt(n_samples))


@guarded
def informative_log_odds_bound(
    n_features: Features, fraction: UnitInterval, gap: NonNegative, largest_variance: Positive
) -> float:
    """Return the lower bound n f γ^2 / (2 σ_max^2) on the mean log odds E[l_1 - l_0 | y = 1] of two
    classes of equal priors, where f n features have |μ_1i - μ_0i| >= γ.

    f = `fraction`, γ = `gap`, and σ_max^2 = `largest_variance`, which is 1/4 for features in [0,
    1].
    """
    return n_features * fraction * gap**2 / (2 * largest_variance)


def _require_deviation(deviation: float, floor: float) -> None:
    require(
        deviation <= floor / 2,
        f"deviation must be at most half the floor, {floor / 2}, got {deviation}",
    )
