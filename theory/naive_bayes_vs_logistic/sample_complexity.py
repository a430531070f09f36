"""How many samples naive Bayes needs to come within `excess` of its asymptotic error: by exact
laws, and by upper bounds with every constant.

The exact laws have the setting of `expected_error`: two Gaussian classes of equal priors and known
diagonal covariance, Δ^2 = `squared_distance`, asymptotic error Φ(-Δ / 2). Sizes are real numbers
and never below 2, one sample per class. The lemma in which log n is sharp has K classes of m / K
samples each, n independent Gaussian features of known standard deviation, and all class means known
to within a tolerance. Ng & Jordan 2001 and arXiv 2302.02334 give growth with log n at best and the
order (1 / ε^2) log n; the exact laws are derived here.

The bounds say why log n samples can suffice for naive Bayes and n for logistic regression. Naive
Bayes with any features in [0, 1]: the priors and the pooled within-class variances are at least
ρ_0 = `floor` (at most 1/4, the largest variance there is), and ε = `deviation` bounds the error of
every estimated mean, variance and prior, ε <= ρ_0 / 2. The score of class k is l_k(x) = log p_k -
sum_i (x_i - μ_ki)^2 / (2 σ_i^2). Logistic regression: K linear scores w_k . x + b_k with |w_k| <=
W, |b_k| <= B and |x| <= X. The chain of arguments is that of Ng & Jordan 2001, extended to K
classes in arXiv 2302.02334; the statements and constants here are derived here. n = `n_features`, K
= `n_classes`, m = `n_samples`, any positive real number. `ValueError` also for a deviation above
half the floor, and for a floor above 1 / K where K is given.
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
    """Real m at which the exact expected error is Φ(-Δ / 2) + `excess`; 2 where two samples already
    suffice.

    Relative error about 1e-12 of the asymptotic error over the excess. `ValueError` for an excess
    below 1e-9 of the asymptotic error, which float64 does not resolve.

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
    """Real m >= 2 at which the large-n form of the error is Φ(-Δ / 2) + `excess`. Raises as
    `naive_bayes_samples`.

    With z = -Φ^-1(target), 1 / m is the positive root of (Δ^2 + 4 n / m)(1 + 1 / m) = Δ^4 / (4
    z^2).
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
    """Exponent of n in the samples for Δ^2 = n^a: 1 for a = 0, 1 - 2 a up to a = 1/2, and 0 beyond
    (no log n).
    """
    return float(max(0.0, 1 - 2 * signal_exponent))


@guarded
def rare_class_samples(prior: Fraction, failure: Fraction) -> float:
    """Least real m with (1 - prior)^m <= `failure`, about log(1 / failure) / prior: order n for a
    prior of 1 / n.
    """
    return float(np.log(failure) / np.log1p(-prior))


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
    """Real m at which P(max_{k,i} |estimated - true mean| <= ε) = (2 Φ(ε sqrt(m / K) / σ) - 1)^(n
    K) is 1 - δ.

    K σ^2 / ε^2 times the square of the normal quantile at (1 + (1 - δ)^(1 / (n K))) / 2, like 2 K
    σ^2 / ε^2 log(n K / δ); ε in the units of the features. `ValueError` also for a δ that
    underflows in its share of n K.
    """
    from scipy.special import erfcinv

    failure_of_one = -np.expm1(np.log1p(-failure) / (n_features * n_classes))
    require(
        failure_of_one > 0,
        f"failure must be a float64 when shared out over n_features and n_classes, got {failure}",
    )
    return float(2 * n_classes * (noise / deviation * erfcinv(failure_of_one)) ** 2)


PositiveDeviation = Annotated[Deviation, POSITIVE]
"""ε, where no sample is large enough for zero."""


@guarded
def score_deviation_bound(n_features: Features, deviation: Deviation, floor: Floor) -> float:
    """Bound n ε (2 / ρ_0 + 1 / ρ_0^2) + 2 ε / ρ_0 on |estimated l_k(x) - l_k(x)|, any k and x."""
    _require_deviation(deviation, floor)
    return n_features * deviation * (2 / floor + 1 / floor**2) + 2 * deviation / floor


@guarded
def margin_width(deviation: Deviation, floor: Floor) -> float:
    """τ = 2 ε (4 / ρ_0 + 1 / ρ_0^2): a difference of two scores moves by at most τ n.

    Fitted naive Bayes then errs more than its limit by at most G(τ), the chance that the limit is
    right by at most τ n.
    """
    _require_deviation(deviation, floor)
    return 2 * deviation * (4 / floor + 1 / floor**2)


@guarded
def margin_mass_bound(
    n_features: Features, n_classes: Classes, alpha: NonNegative, beta: Positive, width: NonNegative
) -> float:
    """Chebyshev's bound (K - 1) α / (n (β - τ)^2) on G(τ), which may exceed one; `ValueError`
    unless τ < β.

    α n is at least each variance of l_k - l_k' within class k, β n at most each of its means;
    `width` is τ.
    """
    require(width < beta, f"width must be below beta = {beta}, got {width}")
    return (n_classes - 1) * alpha / (n_features * (beta - width) ** 2)


@guarded
def deviation_probability_bound(
    n_samples: Positive,
    n_features: Features,
    n_classes: Classes,
    deviation: PositiveDeviation,
    floor: Floor,
) -> float:
    """Bound (2 n K + 1) q on the chance that an estimated mean, pooled variance or prior is off by
    more than ε.

    Of i.i.d. samples, with q = exp(-m ρ_0 e^2) and e = ε / (K + 3) <= 1 / 40. Hoeffding for means,
    second moments and priors, and Chernoff for the sizes of the classes, give 2 n K q + 2 (n + K)
    q^(2 / ρ_0) + K q^(1 / (8 e^2)). Where the bound is below one, q < 1 / (2 n K + 1), and the last
    two terms are below q together.
    """
    _require_deviation(deviation, floor, n_classes)
    share = deviation / (n_classes + 3)
    return float((2 * n_features * n_classes + 1) * np.exp(-n_samples * floor * share**2))


@guarded
def sufficient_samples(
    n_features: Features,
    n_classes: Classes,
    deviation: PositiveDeviation,
    failure: Fraction,
    floor: Floor,
) -> float:
    """Size m = (K + 3)^2 / (ρ_0 ε^2) log((2 n K + 1) / δ), where `deviation_probability_bound` is δ
    = `failure`.
    """
    _require_deviation(deviation, floor, n_classes)
    unions = np.log(2 * n_features * n_classes + 1) - np.log(failure)
    return float((n_classes + 3) ** 2 / (floor * deviation**2) * unions)


@guarded
def logistic_log_regret_bound(
    n_samples: Positive,
    n_classes: Classes,
    weight_norm: NonNegative,
    feature_norm: NonNegative,
    intercept_bound: NonNegative = 0.0,
) -> float:
    """4 K (W X + B) / sqrt(m) >= mean log-loss regret of the empirical minimiser with |w_k| <= W,
    |b_k| <= B, |x| <= X.

    By symmetrisation and vector contraction, the loss being sqrt(2)-Lipschitz in the scores. On the
    unit cube X = sqrt(n), so that n and m enter through n / m only. It does not hold for a ridge
    penalty in place of the bounds.
    """
    return float(
        4 * n_classes * (weight_norm * feature_norm + intercept_bound) / np.sqrt(n_samples)
    )


@guarded
def logistic_zero_one_regret_bound(
    n_samples: Positive,
    n_classes: Classes,
    weight_norm: NonNegative,
    feature_norm: NonNegative,
    intercept_bound: NonNegative = 0.0,
    minimisability_gap: NonNegative = 0.0,
) -> float:
    """sqrt(2 (log-loss regret bound + M)) >= mean 0-1 regret, where the posteriors meet
    `ratio_condition`.

    M = `minimisability_gap` is the best log loss in the class less the mean of the pointwise best.
    """
    log_regret = logistic_log_regret_bound(
        n_samples, n_classes, weight_norm, feature_norm, intercept_bound
    )
    return float(np.sqrt(2 * (log_regret + minimisability_gap)))


@guarded
def informative_log_odds_bound(
    n_features: Features, fraction: UnitInterval, gap: NonNegative, largest_variance: Positive
) -> float:
    """Bound n f γ^2 / (2 σ_max^2) <= E[l_1 - l_0 | y = 1], where f n features have |μ_1i - μ_0i| >=
    γ = `gap`.

    Two classes of equal priors; σ_max^2 = `largest_variance`, which is 1/4 for features in [0, 1].
    """
    return n_features * fraction * gap**2 / (2 * largest_variance)


def _require_deviation(deviation: float, floor: float, n_classes: int = 2) -> None:
    require(
        deviation <= floor / 2,
        f"deviation must be at most half the floor, {floor / 2}, got {deviation}",
    )
    require(
        floor * n_classes <= 1,
        f"floor must be at most 1 / n_classes, as the least prior is, got {floor}",
    )
