"""The learning algorithms themselves, at one prompt: the weights that each computes from k
examples, and its risk given the inputs, exact for every rule that is linear in the labels.

X is k x d, one example per row, Y the k labels, and the answer to a query x is w^T x. The baselines
are those of Akyurek et al. 2023 (arXiv 2211.15661), equations 9-14, with sums (not means) over the
examples in the losses. A prompt without examples (k = 0) is allowed.

With the inputs X fixed, w ~ N(0, τ^2 I) and noise of standard deviation σ, a rule w_hat = A Y or a
prediction a^T Y has a quadratic risk. Pythagoras: for every rule, risk = Bayes risk + squared
difference to the Bayes predictor, because the latter is a conditional mean. τ = `weight_std`, σ =
`noise_std`. The risks are derived here; the metrics are those of equations 15-17. Everywhere
`ValueError` if an array is not finite or has the wrong length, or a standard deviation or
regulariser is negative or not finite.
"""

import warnings
from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.in_context_learning.domains import Inputs, Labels, RuleMatrix, Spectrum, Weights
from theory_on_trial.contract import MAY_BE_EMPTY, Count, NonNegative, Positive, guarded, require


@guarded
def ridge_rule(X: Inputs, regulariser: NonNegative) -> Float[np.ndarray, "dimension examples"]:
    """The matrix (X^T X + λ I)^-1 X^T that takes labels to the weights of ridge regression, by the
    singular values s / (s^2 + λ); equation 10.

    At λ = 0 it is the pseudo-inverse, singular values below max(k, d) ε of the largest counting as
    zero.
    """
    left, singular_values, right = np.linalg.svd(X, full_matrices=False)
    forgotten = max(X.shape) * np.finfo(float).eps * singular_values.max(initial=0)
    denominators = singular_values**2 + regulariser
    if regulariser == 0:
        denominators[singular_values <= forgotten] = np.inf
    return right.T * (singular_values / denominators) @ left.T


@guarded
def ridge_weights(
    X: Inputs, Y: Labels, regulariser: NonNegative
) -> Float[np.ndarray, " dimension"]:
    """The weights that minimise |X w - Y|^2 + λ |w|^2; at λ = 0 those of least squares of minimum
    norm. Source: equations 9 and 10.
    """
    return ridge_rule(X, regulariser) @ Y


@guarded
def bayes_rule(
    X: Inputs, *, noise_std: NonNegative, weight_std: NonNegative
) -> Float[np.ndarray, "dimension examples"]:
    """The matrix that takes labels to the posterior mean of w, for weights and noise of these
    standard deviations.

    `ridge_rule` with λ = noise_std^2 / weight_std^2; zero for weights known to be zero. Source:
    equation 19.
    """
    if weight_std == 0:
        return np.zeros(X.shape[::-1])
    return ridge_rule(X, noise_std**2 / weight_std**2)


@guarded
def bayes_weights(
    X: Inputs, Y: Labels, *, noise_std: NonNegative, weight_std: NonNegative
) -> Float[np.ndarray, " dimension"]:
    """The posterior mean of w given the prompt, which is the predictor of minimum Bayes risk; see
    `bayes_rule`.
    """
    return bayes_rule(X, noise_std=noise_std, weight_std=weight_std) @ Y


@guarded
def gradient_step_weights(
    X: Inputs,
    Y: Labels,
    step: NonNegative,
    regulariser: NonNegative = 0.0,
    start: Weights | None = None,
) -> Float[np.ndarray, " dimension"]:
    """The weights after one batch step w - 2 α (X^T (X w - Y) + λ w) from w = `start`, which is
    zero if None. Source: equation 11.

    `ValueError` also if `start` has not d finite entries.
    """
    weights = np.zeros(X.shape[1]) if start is None else start
    return weights - 2 * step * (X.T @ (X @ weights - Y) + regulariser * weights)


@guarded
def sgd_weights(
    X: Inputs,
    Y: Labels,
    step: NonNegative,
    regulariser: NonNegative = 0.0,
    start: Weights | None = None,
) -> Float[np.ndarray, " dimension"]:
    """The weights after `gradient_step_weights` on one example after the other, in order. For k = 1
    it is the step of Theorem 1. Equation 11.
    """
    weights = np.zeros(X.shape[1]) if start is None else start
    for example in range(X.shape[0]):
        row = slice(example, example + 1)
        weights = gradient_step_weights(X[row], Y[row], step, regulariser, weights)
    return weights


@guarded
def sherman_morrison(
    inverse: Float[np.ndarray, "dimension dimension"],
    u: Float[np.ndarray, " dimension"],
    v: Float[np.ndarray, " dimension"],
) -> Float[np.ndarray, "dimension dimension"]:
    """The inverse (A + u v^T)^-1 = A^-1 - A^-1 u v^T A^-1 / (1 + v^T A^-1 u) of equation 13. Raises
    `ValueError` if the matrix is singular.
    """
    column = inverse @ u
    row = v @ inverse
    denominator = 1 + v @ column
    require(
        denominator != 0,
        "u and v must leave A + u v^T regular (1 + v^T A^-1 u is not 0), got a singular matrix",
    )
    return inverse - np.outer(column, row) / denominator


@guarded
def recursive_ridge_weights(
    X: Inputs, Y: Labels, regulariser: Positive
) -> Float[np.ndarray, " dimension"]:
    """The weights of ridge regression, by one rank-one update of (X^T X + λ I)^-1 per example from
    I / λ, as Theorem 2's layers do.

    The relative error grows as ε |X|^2 / λ, and a warning says so where that exceeds 1e-8. Source:
    equations 13 and 14; the recursion over all examples is derived here.
    """
    relative_error = np.finfo(float).eps * np.sum(X**2) / regulariser
    if relative_error > 1e-8:
        warnings.warn(
            f"regulariser = {regulariser:.3g} is small: the recursion loses a relative "
            f"{relative_error:.1g}, "
            "ridge_weights does not",
            stacklevel=2,
        )
    inverse = np.eye(X.shape[1]) / regulariser
    for example in X:
        inverse = sherman_morrison(inverse, example, example)
    return inverse @ (X.T @ Y)


@guarded
def one_sample_ridge(
    x: Float[np.ndarray, " dimension"], y: float, regulariser: Positive
) -> Float[np.ndarray, " dimension"]:
    """The weights X y / (λ + |x|^2) of ridge regression on a single example: the answer of Theorem
    2. Source: equation 14.
    """
    return x * y / (regulariser + x @ x)


@guarded
def nearest_neighbour_weights(
    X: Inputs, query: Weights, neighbours: Count = 3, weighted: bool = False
) -> Float[np.ndarray, " examples"]:
    """The weights a on the labels for which a^T Y is the prediction at `query` by its nearest
    examples.

    Equal weights, or if `weighted` proportional to |x_i - query|^-2, on the `neighbours` nearest
    (ties: the earlier example); they sum to one. Fewer examples are all used; with none the
    prediction is zero. Where an example coincides with the query, its label is returned (the mean
    of such labels among the neighbours). `ValueError` also if `query` has not d finite entries.
    Source: arXiv 2211.15661, whose formula always divides by 3; corrected here.
    """
    label_weights = np.zeros(X.shape[0])
    if X.shape[0] == 0:
        return label_weights
    distances = np.sum((X - query) ** 2, axis=1)
    nearest = np.argsort(distances, kind="stable")[:neighbours]
    # Relative to the nearest one, so that no reciprocal overflows.
    least = distances[nearest[0]]
    if not weighted:
        closeness = np.ones(nearest.size)
    elif least == 0:
        closeness = (distances[nearest] == 0).astype(float)
    else:
        closeness = least / distances[nearest]
    label_weights[nearest] = closeness / closeness.sum()
    return label_weights


@guarded
def linear_rule_risk(
    rule_matrix: Annotated[Float[np.ndarray, "dimension examples"], MAY_BE_EMPTY],
    X: Inputs,
    weight_std: NonNegative = 1.0,
    noise_std: NonNegative = 0.0,
) -> float:
    """The risk E |A Y - w|^2 = τ^2 |A X - I|_F^2 + σ^2 |A|_F^2 of the weights A Y given X, where A
    is `rule_matrix`.
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
    """The mean squared difference E |A Y - B Y|^2 of two rules given X. It is both their squared
    prediction difference at a fresh x ~ N(0, I) and their ILWD; for one row each it is that of two
    predictions.
    """
    return _spread(first - second, (first - second) @ X, weight_std, noise_std)


@guarded
def bayes_prediction_risk(
    X: Inputs, query: Weights, weight_std: NonNegative = 1.0, noise_std: NonNegative = 0.0
) -> float:
    """The least risk at x = `query` given X: the posterior variance x^T (X^T X / σ^2 + I / τ^2)^-1
    x of w^T x.

    At σ = 0 what x has off the row space of X (singular values below max(k, d) ε of the largest
    count as zero).
    """
    _, singular_values, right = np.linalg.svd(X)
    eigenvalues = np.zeros(X.shape[1])
    eigenvalues[: singular_values.size] = singular_values**2
    noise = noise_std**2
    if noise > 0:
        left = noise / (weight_std**2 * eigenvalues + noise)
    else:
        forgotten = max(X.shape) * np.finfo(float).eps * singular_values.max(initial=0)
        left = (eigenvalues <= forgotten**2).astype(float)
    return float(weight_std**2 * np.sum(left * (right @ query) ** 2))


@guarded
def ridge_risk(
    regulariser: NonNegative,
    eigenvalues: Spectrum,
    dimension: Count,
    weight_std: NonNegative = 1.0,
    noise_std: NonNegative = 0.0,
) -> float:
    """The risk of ridge regression given the spectrum of X^T X: sum_i (τ^2 λ^2 + σ^2 s_i) / (s_i +
    λ)^2.

    At most `dimension` s_i >= 0; those not given are zero and add τ^2 each, at λ = 0 too (minimum
    norm). `ValueError` also for more of them.
    """
    positives = eigenvalues[eigenvalues > 0]
    require(
        positives.size <= dimension,
        f"eigenvalues must have at most dimension = {dimension} above 0, got {positives.size}",
    )
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
    """The derivative 2 sum_i s_i (λ τ^2 - σ^2) / (s_i + λ)^3 of `ridge_risk` in λ. It has the sign
    of λ - σ^2 / τ^2 for every X.
    """
    positives = eigenvalues[eigenvalues > 0]
    return float(
        2
        * (regulariser * weight_std**2 - noise_std**2)
        * np.sum(positives / (positives + regulariser) ** 3)
    )


def _spread(
    on_labels: Float[np.ndarray, "*rows labels"],
    on_weights: Float[np.ndarray, "*rows dimension"],
    weight_std: float,
    noise_std: float,
) -> float:
    """The mean of |W w + V ε|^2 over weights w and noise ε, where W is `on_weights` and V is
    `on_labels`.
    """
    return float(weight_std**2 * np.sum(on_weights**2) + noise_std**2 * np.sum(on_labels**2))
