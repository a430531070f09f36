"""Risks given the inputs: exact for every rule that is linear in the labels, without any sampling.

With the inputs X (k x d) fixed, w ~ N(0, τ^2 I) and noise of standard deviation σ, a rule w_hat = A
Y or a prediction a^T Y has a quadratic risk. Pythagoras: for every rule, risk = Bayes risk +
squared difference to the Bayes predictor, because the latter is a conditional mean. τ =
`weight_std`, σ = `noise_std`. Derived here; the metrics are those of Akyurek et al. 2023 (arXiv
2211.15661), equations 15-17. `ValueError` if an array is not finite or has the wrong length, or a
standard deviation or regulariser is negative or not finite.
"""

import numpy as np
from jaxtyping import Float

from theory.in_context_learning.domains import Inputs, Labels, RuleMatrix, Spectrum, Weights
from theory_on_trial.contract import Count, NonNegative, guarded


@guarded
def linear_rule_risk(
    rule_matrix: RuleMatrix, X: Inputs, weight_std: NonNegative = 1.0, noise_std: NonNegative = 0.0
) -> float:
    """E |A Y - w|^2 = τ^2 |A X - I|_F^2 + σ^2 |A|_F^2 given X, A = `rule_matrix` with one column
    per example.
    """
    return _spread(rule_matrix, rule_matrix @ X - np.eye(X.shape[1]), weight_std, noise_std)


@guarded
def linear_rule_spd(
    first: RuleMatrix,
    second: RuleMatrix,
    X: Inputs,
    weight_std: NonNegative = 1.0,
    noise_std: NonNegative = 0.0,
) -> float:
    """E |A Y - B Y|^2 given X: the squared prediction difference at a fresh x ~ N(0, I) and the
    ILWD alike.
    """
    return _spread(first - second, (first - second) @ X, weight_std, noise_std)


@guarded
def prediction_risk(
    label_weights: Labels,
    X: Inputs,
    query: Weights,
    weight_std: NonNegative = 1.0,
    noise_std: NonNegative = 0.0,
) -> float:
    """E (a^T Y - w^T x)^2 = τ^2 |X^T a - x|^2 + σ^2 |a|^2 given X and x = `query`, a =
    `label_weights`.
    """
    return _spread(label_weights, label_weights @ X - query, weight_std, noise_std)


@guarded
def prediction_spd(
    first: Labels,
    second: Labels,
    X: Inputs,
    weight_std: NonNegative = 1.0,
    noise_std: NonNegative = 0.0,
) -> float:
    """E (a^T Y - b^T Y)^2 given X, for two vectors of label weights."""
    return _spread(first - second, (first - second) @ X, weight_std, noise_std)


@guarded
def bayes_prediction_risk(
    X: Inputs, query: Weights, weight_std: NonNegative = 1.0, noise_std: NonNegative = 0.0
) -> float:
    """x^T (X^T X / σ^2 + I / τ^2)^-1 x, the posterior variance of w^T x: the least risk at x =
    `query` given X.

    At σ = 0 what x has off the row space of X (singular values below max(k, d) ε of the largest
    count as zero).
    """
    _, singular_values, right = np.linalg.svd(X)
    return float(
        np.sum(
            _posterior_variances(singular_values, X.shape, weight_std, noise_std)
            * (right @ query) ** 2
        )
    )


@guarded
def bayes_risk_given_inputs(
    X: Inputs, weight_std: NonNegative = 1.0, noise_std: NonNegative = 0.0
) -> float:
    """Least risk of any predictor given X, tr (X^T X / σ^2 + I / τ^2)^-1, the posterior variance of
    w.
    """
    singular_values = np.linalg.svd(X, compute_uv=False)
    return float(np.sum(_posterior_variances(singular_values, X.shape, weight_std, noise_std)))


@guarded
def ridge_risk(
    regulariser: NonNegative,
    eigenvalues: Spectrum,
    dimension: Count,
    weight_std: NonNegative = 1.0,
    noise_std: NonNegative = 0.0,
) -> float:
    """Risk of ridge regression given the spectrum of X^T X: sum_i (τ^2 λ^2 + σ^2 s_i) / (s_i +
    λ)^2.

    At most `dimension` s_i >= 0; those not given are zero and add τ^2 each, at λ = 0 too (minimum
    norm).
    """
    positives = eigenvalues[eigenvalues > 0]
    risks = ((weight_std * regulariser) ** 2 + noise_std**2 * positives) / (
        positives + regulariser
    ) ** 2
    return float(weight_std**2 * (dimension - positives.size) + risks.sum())


@guarded
def ridge_risk_slope(
    regulariser: NonNegative,
    eigenvalues: Spectrum,
    weight_std: NonNegative = 1.0,
    noise_std: NonNegative = 0.0,
) -> float:
    """Slope of `ridge_risk`, 2 sum_i s_i (λ τ^2 - σ^2) / (s_i + λ)^3: the sign of λ - σ^2 / τ^2 for
    every X.
    """
    positives = eigenvalues[eigenvalues > 0]
    return float(
        2
        * (regulariser * weight_std**2 - noise_std**2)
        * np.sum(positives / (positives + regulariser) ** 3)
    )


@guarded
def spd_to_bayes(
    regulariser: NonNegative,
    eigenvalues: Spectrum,
    weight_std: NonNegative = 1.0,
    noise_std: NonNegative = 0.0,
) -> float:
    """E |w_ridge - w_Bayes|^2 given the spectrum: sum_i s_i (λ τ^2 - σ^2)^2 / ((s_i + λ)^2 (τ^2 s_i
    + σ^2)).
    """
    if weight_std == 0 and noise_std == 0:
        return 0.0
    positives = eigenvalues[eigenvalues > 0]
    variances = weight_std**2 * positives + noise_std**2
    misfit = (regulariser * weight_std**2 - noise_std**2) ** 2
    return float(misfit * np.sum(positives / ((positives + regulariser) ** 2 * variances)))


def _spread(
    on_labels: Float[np.ndarray, "*rows labels"],
    on_weights: Float[np.ndarray, "*rows dimension"],
    weight_std: float,
    noise_std: float,
) -> float:
    return float(weight_std**2 * np.sum(on_weights**2) + noise_std**2 * np.sum(on_labels**2))


def _posterior_variances(
    singular_values: Float[np.ndarray, " singular_values"],
    shape: tuple[int, ...],
    weight_std: float,
    noise_std: float,
) -> Float[np.ndarray, " dimension"]:
    """Variance of w along each right singular vector of X, τ^2 along those that X has not."""
    variances = np.full(shape[1], float(weight_std**2))
    if weight_std == 0:
        return variances
    in_range = singular_values > max(shape) * np.finfo(float).eps * singular_values.max(initial=0)
    ratio = noise_std**2 / weight_std**2
    variances[: singular_values.size] *= (
        ratio / (singular_values**2 + ratio) if ratio > 0 else ~in_range
    )
    return variances
