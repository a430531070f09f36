"""The learning algorithms themselves, at one prompt: the weights that each computes from k
examples.

X is k x d, one example per row, Y the k labels, and the answer to a query x is w^T x. The baselines
are those of Akyurek et al. 2023 (arXiv 2211.15661), equations 9-14, with sums (not means) over the
examples in the losses. A prompt without examples (k = 0) is allowed. Everywhere `ValueError` if X
or Y is not finite or Y has not one label per row.
"""

import warnings

import numpy as np
from jaxtyping import Float

from theory.in_context_learning.domains import Inputs, Labels, Weights
from theory_on_trial.contract import Count, NonNegative, Positive, guarded, require


@guarded
def ridge_rule(X: Inputs, regulariser: NonNegative) -> Float[np.ndarray, "dimension examples"]:
    """(X^T X + λ I)^-1 X^T, which takes labels to weights, by the singular values s / (s^2 + λ);
    equation 10.

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
def ols_weights(X: Inputs, Y: Labels) -> Float[np.ndarray, " dimension"]:
    """Least squares of minimum norm, the limit of ridge regression as λ falls to zero. Source:
    equation 10.
    """
    return ridge_weights(X, Y, 0.0)


@guarded
def ridge_weights(
    X: Inputs, Y: Labels, regulariser: NonNegative
) -> Float[np.ndarray, " dimension"]:
    """Minimiser of |X w - Y|^2 + λ |w|^2, the minimum-norm one at λ = 0. Source: equations 9 and
    10.
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
    """Posterior mean of w given the prompt, the predictor of minimum Bayes risk; see
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
    """One batch step w - 2 α (X^T (X w - Y) + λ w) from w = `start` (zero if None). Source:
    equation 11.

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
    """`gradient_step_weights` on one example after the other, in order; Theorem 1's step for k = 1.
    Equation 11.
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
    """(A + u v^T)^-1 = A^-1 - A^-1 u v^T A^-1 / (1 + v^T A^-1 u), equation 13; `ValueError` if that
    is singular.
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
    """Ridge regression by one rank-one update of (X^T X + λ I)^-1 per example, from I / λ, as
    Theorem 2's layers do.

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
    """X y / (λ + |x|^2), ridge regression on a single example: the answer of Theorem 2. Source:
    equation 14.
    """
    return x * y / (regulariser + x @ x)


@guarded
def nearest_neighbour_weights(
    X: Inputs, query: Weights, neighbours: Count = 3, weighted: bool = False
) -> Float[np.ndarray, " examples"]:
    """Weights a on the labels, so that a^T Y is the prediction at `query` by its nearest examples.

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
