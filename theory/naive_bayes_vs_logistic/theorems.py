"""Upper bounds with every constant: why log n samples can suffice for naive Bayes and n for
logistic regression.

Naive Bayes with any features in [0, 1]: the priors and the pooled within-class variances are at
least ρ_0 = `floor` (at most 1/4, the largest variance there is), and ε = `deviation` bounds the
error of every estimated mean, variance and prior, ε <= ρ_0 / 2. The score of class k is l_k(x) =
log p_k - sum_i (x_i - μ_ki)^2 / (2 σ_i^2). Logistic regression: K linear scores w_k . x + b_k with
|w_k| <= W, |b_k| <= B and |x| <= X. The chain of arguments is that of Ng & Jordan 2001, extended to
K classes in arXiv 2302.02334; the statements and constants here are derived here. n = `n_features`,
K = `n_classes`, m = `n_samples`, any positive real number. `ValueError` also for a deviation above
half the floor, and for a floor above 1 / K where K is given.
"""

from typing import Annotated

import numpy as np

from theory.naive_bayes_vs_logistic.domains import Classes, Deviation, Features, Floor
from theory_on_trial.contract import (
    POSITIVE,
    Fraction,
    NonNegative,
    Positive,
    UnitInterval,
    guarded,
    require,
)

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
