"""Risks given the inputs: exact for every rule that is linear in the labels, without any sampling.

With the inputs X (k x d) fixed, w ~ N(0, tau^2 I) and noise of standard deviation sigma, a rule w_hat = A Y or a
prediction a^T Y has a quadratic risk. Pythagoras: for every rule, risk = Bayes risk + squared difference to the Bayes
predictor, because the latter is a conditional mean. tau = `weight_std`, sigma = `noise_std`. Derived here;
the metrics are those of Akyurek et al. 2023 (arXiv 2211.15661), equations 15-17. `ValueError` if an array is not finite
or has the wrong length, or a standard deviation or regulariser is negative or not finite.
"""

import numpy as np
from jaxtyping import Float

from theory.in_context_learning._validation import check_inputs, check_length, check_real, check_stds
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_at_least, check_non_negative


@validated
def linear_rule_risk(
    rule_matrix: Float[np.ndarray, "dimension labels"],
    X: Float[np.ndarray, "examples dimension"],
    weight_std: float | int = 1.0,
    noise_std: float | int = 0.0,
) -> float:
    """E |A Y - w|^2 = tau^2 |A X - I|_F^2 + sigma^2 |A|_F^2 given X, A = `rule_matrix` with one column per example."""
    _check_rule("rule_matrix", rule_matrix, X, weight_std, noise_std)
    return _spread(rule_matrix, rule_matrix @ X - np.eye(X.shape[1]), weight_std, noise_std)


@validated
def linear_rule_spd(
    first: Float[np.ndarray, "dimension labels"],
    second: Float[np.ndarray, "dimension labels"],
    X: Float[np.ndarray, "examples dimension"],
    weight_std: float | int = 1.0,
    noise_std: float | int = 0.0,
) -> float:
    """E |A Y - B Y|^2 given X: the squared prediction difference at a fresh x ~ N(0, I) and the ILWD alike."""
    _check_rule("first", first, X, weight_std, noise_std)
    _check_rule("second", second, X, weight_std, noise_std)
    return _spread(first - second, (first - second) @ X, weight_std, noise_std)


@validated
def prediction_risk(
    label_weights: Float[np.ndarray, " labels"],
    X: Float[np.ndarray, "examples dimension"],
    query: Float[np.ndarray, " query"],
    weight_std: float | int = 1.0,
    noise_std: float | int = 0.0,
) -> float:
    """E (a^T Y - w^T x)^2 = tau^2 |X^T a - x|^2 + sigma^2 |a|^2 given X and x = `query`, a = `label_weights`."""
    _check_rule("label_weights", label_weights[None], X, weight_std, noise_std)
    _check_query(query, X)
    return _spread(label_weights, label_weights @ X - query, weight_std, noise_std)


@validated
def prediction_spd(
    first: Float[np.ndarray, " labels"],
    second: Float[np.ndarray, " labels"],
    X: Float[np.ndarray, "examples dimension"],
    weight_std: float | int = 1.0,
    noise_std: float | int = 0.0,
) -> float:
    """E (a^T Y - b^T Y)^2 given X, for two vectors of label weights."""
    _check_rule("first", first[None], X, weight_std, noise_std)
    _check_rule("second", second[None], X, weight_std, noise_std)
    return _spread(first - second, (first - second) @ X, weight_std, noise_std)


@validated
def bayes_prediction_risk(
    X: Float[np.ndarray, "examples dimension"],
    query: Float[np.ndarray, " query"],
    weight_std: float | int = 1.0,
    noise_std: float | int = 0.0,
) -> float:
    """Posterior variance x^T (X^T X / sigma^2 + I / tau^2)^-1 x of w^T x: the least risk at x = `query` given X.

    Without noise it is what x has outside the row space of X (singular values below max(k, d) eps of the largest
    counting as zero).
    """
    check_inputs(X)
    check_stds(weight_std, noise_std)
    _check_query(query, X)
    _, singular_values, right = np.linalg.svd(X)
    return float(np.sum(_posterior_variances(singular_values, X.shape, weight_std, noise_std) * (right @ query) ** 2))


@validated
def bayes_risk_given_inputs(
    X: Float[np.ndarray, "examples dimension"], weight_std: float | int = 1.0, noise_std: float | int = 0.0
) -> float:
    """Least risk of any predictor given X, tr (X^T X / sigma^2 + I / tau^2)^-1, the posterior variance of w."""
    check_inputs(X)
    check_stds(weight_std, noise_std)
    singular_values = np.linalg.svd(X, compute_uv=False)
    return float(np.sum(_posterior_variances(singular_values, X.shape, weight_std, noise_std)))


@validated
def ridge_risk(
    regulariser: float | int,
    eigenvalues: Float[np.ndarray, " eigenvalues"],
    dimension: int,
    weight_std: float | int = 1.0,
    noise_std: float | int = 0.0,
) -> float:
    """Risk of ridge regression given the spectrum of X^T X: sum_i (tau^2 lambda^2 + sigma^2 s_i) / (s_i + lambda)^2.

    `eigenvalues` are s_i >= 0, at most `dimension` of them; those not given are zero and add tau^2 each, at lambda = 0
    too (minimum norm).
    """
    _check_spectrum(regulariser, eigenvalues, weight_std, noise_std)
    check_at_least("dimension", dimension, max(1, eigenvalues.size))
    seen = eigenvalues[eigenvalues > 0]
    risks = ((weight_std * regulariser) ** 2 + noise_std**2 * seen) / (seen + regulariser) ** 2
    return float(weight_std**2 * (dimension - seen.size) + risks.sum())


@validated
def ridge_risk_slope(
    regulariser: float | int,
    eigenvalues: Float[np.ndarray, " eigenvalues"],
    weight_std: float | int = 1.0,
    noise_std: float | int = 0.0,
) -> float:
    """Derivative of `ridge_risk` by lambda, 2 sum_i s_i (lambda tau^2 - sigma^2) / (s_i + lambda)^3.

    It changes sign at lambda = sigma^2 / tau^2 only, for every single X.
    """
    _check_spectrum(regulariser, eigenvalues, weight_std, noise_std)
    seen = eigenvalues[eigenvalues > 0]
    return float(2 * (regulariser * weight_std**2 - noise_std**2) * np.sum(seen / (seen + regulariser) ** 3))


@validated
def spd_to_bayes(
    regulariser: float | int,
    eigenvalues: Float[np.ndarray, " eigenvalues"],
    weight_std: float | int = 1.0,
    noise_std: float | int = 0.0,
) -> float:
    """E |w_ridge - w_Bayes|^2 given the spectrum: sum_i s_i (lambda tau^2 - sigma^2)^2 / ((s_i + lambda)^2 v_i).

    v_i = tau^2 s_i + sigma^2 is the variance of the labels along s_i. In terms of lambda* = sigma^2 / tau^2 it is
    tau^2 (lambda - lambda*)^2 sum_i s_i / ((s_i + lambda)^2 (s_i + lambda*)).
    """
    _check_spectrum(regulariser, eigenvalues, weight_std, noise_std)
    if weight_std == 0 and noise_std == 0:
        return 0.0
    seen = eigenvalues[eigenvalues > 0]
    variances = weight_std**2 * seen + noise_std**2
    misfit = (regulariser * weight_std**2 - noise_std**2) ** 2
    return float(misfit * np.sum(seen / ((seen + regulariser) ** 2 * variances)))


def _spread(
    on_labels: Float[np.ndarray, "*rows labels"],
    on_weights: Float[np.ndarray, "*rows dimension"],
    weight_std: float | int,
    noise_std: float | int,
) -> float:
    return float(weight_std**2 * np.sum(on_weights**2) + noise_std**2 * np.sum(on_labels**2))


def _posterior_variances(
    singular_values: Float[np.ndarray, " singular_values"],
    shape: tuple[int, ...],
    weight_std: float | int,
    noise_std: float | int,
) -> Float[np.ndarray, " dimension"]:
    """Variance of w along each right singular vector of X, tau^2 along those that X has not."""
    variances = np.full(shape[1], float(weight_std**2))
    if weight_std == 0:
        return variances
    seen = singular_values > max(shape) * np.finfo(float).eps * singular_values.max(initial=0)
    ratio = noise_std**2 / weight_std**2
    variances[: singular_values.size] *= ratio / (singular_values**2 + ratio) if ratio > 0 else ~seen
    return variances


def _check_rule(
    name: str,
    rule: Float[np.ndarray, "rows labels"],
    X: Float[np.ndarray, "examples dimension"],
    weight_std: float | int,
    noise_std: float | int,
) -> None:
    check_inputs(X)
    check_stds(weight_std, noise_std)
    if rule.shape[1] != X.shape[0]:
        raise ValueError(f"{name} must have one column per example, {X.shape[0]} in all, got {rule.shape[1]}")
    check_real(name, rule)


def _check_query(query: Float[np.ndarray, " query"], X: Float[np.ndarray, "examples dimension"]) -> None:
    check_length("query", query, X.shape[1], "column of X")
    check_real("query", query)


def _check_spectrum(
    regulariser: float | int,
    eigenvalues: Float[np.ndarray, " eigenvalues"],
    weight_std: float | int,
    noise_std: float | int,
) -> None:
    check_non_negative("regulariser", regulariser)
    check_stds(weight_std, noise_std)
    check_real("eigenvalues", eigenvalues)
    if np.any(eigenvalues < 0):
        raise ValueError(f"eigenvalues must be non-negative, got {eigenvalues.min()}")
