"""Upper bounds with every constant: why log n samples can suffice for naive Bayes and n for logistic regression.

Naive Bayes with any features in [0, 1]: the priors and the pooled within-class variances are at least rho_0 = `floor`
(at most 1/4, the largest variance there is), and epsilon = `deviation` bounds the error of every estimated mean,
variance and prior, epsilon <= rho_0 / 2. The score of class k is l_k(x) = log p_k - sum_i (x_i - mu_ki)^2 /
(2 sigma_i^2). Logistic regression: K linear scores w_k . x + b_k with |w_k| <= W, |b_k| <= B and |x| <= X.
The chain of arguments is that of Ng & Jordan 2001, extended to K classes in arXiv 2302.02334; the statements and
constants here are derived here. n = `n_features`, K = `n_classes`, m = `n_samples`. Values out of range raise
`ValueError`.
"""

import numpy as np

from theory.naive_bayes_vs_logistic._validation import check_classes, check_features
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_non_negative, check_open_fraction, check_positive


@validated
def score_deviation_bound(n_features: int, deviation: float | int, floor: float) -> float:
    """Bound n epsilon (2 / rho_0 + 1 / rho_0^2) + 2 epsilon / rho_0 on |estimated l_k(x) - l_k(x)|, any k and x."""
    check_features(n_features)
    _check_deviation(deviation, floor)
    return n_features * deviation * (2 / floor + 1 / floor**2) + 2 * deviation / floor


@validated
def margin_width(deviation: float | int, floor: float) -> float:
    """Width tau = 2 epsilon (4 / rho_0 + 1 / rho_0^2): a difference of two scores moves by at most tau n.

    So the error of fitted naive Bayes exceeds the asymptotic one by at most G(tau), the probability that the limit rule
    is right by no more than tau n.
    """
    _check_deviation(deviation, floor)
    return 2 * deviation * (4 / floor + 1 / floor**2)


@validated
def margin_mass_bound(
    n_features: int, n_classes: int, alpha: float | int, beta: float | int, width: float | int
) -> float:
    """Chebyshev's bound (K - 1) alpha / (n (beta - tau)^2) on G(tau), tau = `width` in [0, beta).

    beta n is at most each mean of l_k - l_k' within class k, and alpha n at least each of its variances. The bound may
    exceed one, where it says nothing.
    """
    check_features(n_features)
    check_classes(n_classes)
    check_non_negative("alpha", alpha)
    check_positive("beta", beta)
    if not 0 <= width < beta:
        raise ValueError(f"width must be in [0, beta) = [0, {beta}), got {width}")
    return (n_classes - 1) * alpha / (n_features * (beta - width) ** 2)


@validated
def deviation_probability_bound(
    n_samples: float | int, n_features: int, n_classes: int, deviation: float | int, floor: float
) -> float:
    """Bound on the probability that an estimated mean, pooled variance or prior of i.i.d. samples is off by > epsilon.

    With e = epsilon / (K + 3): 2 n K exp(-m rho_0 e^2) + 2 (n + K) exp(-2 m e^2) + K exp(-m rho_0 / 8), by Hoeffding
    for means, second moments and priors, and Chernoff for the sizes of the classes. May exceed one.
    """
    check_positive("n_samples", n_samples)
    _check_problem(n_features, n_classes, deviation, floor)
    share = deviation / (n_classes + 3)
    means = 2 * n_features * n_classes * np.exp(-n_samples * floor * share**2)
    moments_and_priors = 2 * (n_features + n_classes) * np.exp(-2 * n_samples * share**2)
    sizes = n_classes * np.exp(-n_samples * floor / 8)
    return float(means + moments_and_priors + sizes)


@validated
def sufficient_samples(n_features: int, n_classes: int, deviation: float | int, failure: float, floor: float) -> float:
    """Size m = (K + 3)^2 / (rho_0 epsilon^2) log(6 n K / delta), at which `deviation_probability_bound` <= delta.

    delta = `failure`, strictly between 0 and 1. It grows with log n.
    """
    check_open_fraction("failure", failure)
    _check_problem(n_features, n_classes, deviation, floor)
    return float((n_classes + 3) ** 2 / (floor * deviation**2) * np.log(6 * n_features * n_classes / failure))


@validated
def logistic_log_regret_bound(
    n_samples: float | int,
    n_classes: int,
    weight_norm: float | int,
    feature_norm: float | int,
    intercept_bound: float | int = 0.0,
) -> float:
    """4 K (W X + B) / sqrt(m) >= mean log-loss regret of the empirical minimiser under the bounds W and B, Euclidean.

    By symmetrisation and vector contraction, the loss being sqrt(2)-Lipschitz in the scores. On the unit cube
    X = sqrt(n), so that n and m enter through n / m only. It does not hold for a ridge penalty in place of the bounds.
    """
    check_positive("n_samples", n_samples)
    check_classes(n_classes)
    check_non_negative("weight_norm", weight_norm)
    check_non_negative("feature_norm", feature_norm)
    check_non_negative("intercept_bound", intercept_bound)
    return float(4 * n_classes * (weight_norm * feature_norm + intercept_bound) / np.sqrt(n_samples))


@validated
def logistic_zero_one_regret_bound(
    n_samples: float | int,
    n_classes: int,
    weight_norm: float | int,
    feature_norm: float | int,
    intercept_bound: float | int = 0.0,
    minimisability_gap: float | int = 0.0,
) -> float:
    """sqrt(2 (log-loss regret bound + M)) >= mean 0-1 regret, where the posteriors meet `ratio_condition`.

    M = `minimisability_gap` >= 0 is the best log loss in the class less the mean of the pointwise best.
    """
    check_non_negative("minimisability_gap", minimisability_gap)
    log_regret = logistic_log_regret_bound(n_samples, n_classes, weight_norm, feature_norm, intercept_bound)
    return float(np.sqrt(2 * (log_regret + minimisability_gap)))


@validated
def informative_log_odds_bound(
    n_features: int, fraction: float | int, gap: float | int, largest_variance: float | int
) -> float:
    """Bound n f gamma^2 / (2 sigma_max^2) <= E[l_1 - l_0 | y = 1], where f n features have |mu_1i - mu_0i| >= gamma.

    Two classes of equal priors; f = `fraction` in [0, 1], gamma = `gap`, and no variance exceeds `largest_variance`
    (for features in [0, 1], 1/4). With f and gamma fixed the mean log odds are of order n.
    """
    check_features(n_features)
    if not 0 <= fraction <= 1:
        raise ValueError(f"fraction must be in [0, 1], got {fraction}")
    check_non_negative("gap", gap)
    check_positive("largest_variance", largest_variance)
    return n_features * fraction * gap**2 / (2 * largest_variance)


def _check_problem(n_features: int, n_classes: int, deviation: float | int, floor: float) -> None:
    check_features(n_features)
    check_classes(n_classes)
    check_positive("deviation", deviation)
    _check_deviation(deviation, floor)
    if floor * n_classes > 1:
        raise ValueError(f"floor must be at most 1 / n_classes = 1 / {n_classes}, as the least prior is, got {floor}")


def _check_deviation(deviation: float | int, floor: float) -> None:
    if not 0 < floor <= 0.25:
        raise ValueError(f"floor must be in (0, 1/4], as the least variance of features in [0, 1] is, got {floor}")
    if not 0 <= deviation <= floor / 2:
        raise ValueError(f"deviation must be in [0, floor / 2] = [0, {floor / 2}], got {deviation}")
