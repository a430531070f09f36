"""Linear self-attention as an in-context learner: the exact loss of one layer and its optimum,
where gradient flow takes it, and the descent that several layers do.

One layer. Context of N pairs, x ~ N(0, Λ), w ~ N(0, Σ_w), y = w^T x + noise of variance σ^2, and
the prediction x_q^T A b, b = (1/N) sum_i y_i x_i, which is all that one layer of linear attention
with joined tokens (x_i, y_i) can add up; A is d x d. The loss is E (x_q^T A b - w^T x_q)^2, against
the noise-free target. Derived here; it contains Ahn et al. 2023 (arXiv 2306.00297, Theorem 1),
Mahankali et al. 2023 (arXiv 2307.03576) and the limit of Zhang, Frei & Bartlett 2024. To evaluate a
trained A at another context length, covariance, prior or noise, pass those of the test prompts.

Gradient flow. Zhang, Frei & Bartlett 2024 (arXiv 2306.09927): f(E) = E + W^PV E (E^T W^KQ E) / N on
columns (x_i, y_i), x ~ N(0, Λ), w ~ N(0, I), no noise, trained on prompts of N pairs and tested on
prompts of M pairs of any law. From a balanced start only the last entry u of W^PV and the upper
left block U of W^KQ are not zero.

Several layers. von Oswald et al. 2023 (arXiv 2212.07677): one layer of linear attention with set
weights is one step of gradient descent on |X w - Y|^2 / (2N), and layers that also contract the
inputs are GD++. Ahn et al. 2023: layers with free key-query blocks are preconditioned steps. X is N
x d, Y the N labels; means, not sums, over examples.

`input_covariance` is Λ, `prior_covariance` Σ_w, `noise_variance` σ^2, `context_length` N.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.in_context_learning.domains import Covariance, Definite, Inputs, Labels, Square, Weights
from theory_on_trial.contract import MAY_BE_EMPTY, Count, NonNegative, Positive, guarded, require

_NO_LABELS = (
    "noise_variance + tr(Lambda Sigma_w), the variance of the labels, must be positive, got 0"
)


@guarded
def optimal_map(
    input_covariance: Covariance,
    prior_covariance: Covariance,
    noise_variance: NonNegative,
    context_length: Count,
) -> Covariance:
    """The minimiser A* = Σ_w [(1 + 1/N) Λ Σ_w + (tr(Λ Σ_w) + σ^2) / N I]^-1 of the loss, unique for
    definite Λ.

    N / (N + 1 + d + σ^2) I for Λ = Σ_w = I. `ValueError` also if tr(Λ Σ_w) + σ^2 = 0.
    """
    label_variance = _label_variance(input_covariance, prior_covariance, noise_variance)
    require(label_variance > 0, _NO_LABELS)
    signal = input_covariance @ prior_covariance
    bracket = (1 + 1 / context_length) * signal + label_variance / context_length * np.eye(
        signal.shape[0]
    )
    return np.linalg.solve(bracket.T, prior_covariance.T).T


@guarded
def linear_attention_loss(
    A: Square,
    input_covariance: Covariance,
    prior_covariance: Covariance,
    noise_variance: NonNegative,
    context_length: Count,
) -> float:
    """Loss tr(Λ A B A^T) - 2 tr(Λ A Λ Σ_w) + tr(Λ Σ_w), B = E b b^T, summed as squares: nothing
    cancels.
    """
    label_variance = _label_variance(input_covariance, prior_covariance, noise_variance)
    inputs = _root(input_covariance)
    prior = _root(prior_covariance)
    product = A @ input_covariance
    bias = np.sum((inputs.T @ (product - np.eye(len(A))) @ prior) ** 2)
    scatter = np.sum((inputs.T @ product @ prior) ** 2) + label_variance * np.sum(
        (inputs.T @ A @ inputs) ** 2
    )
    return float(bias + scatter / context_length)


@guarded
def optimal_loss(
    input_covariance: Covariance,
    prior_covariance: Covariance,
    noise_variance: NonNegative,
    context_length: Count,
) -> float:
    """Least loss tr(Λ Σ_w) - tr(Λ A* Λ Σ_w). `ValueError` as for `optimal_map`.

    It is sum_i s_i (s_i + v) / ((N + 1) s_i + v), s_i the eigenvalues of Λ Σ_w and v = sum_i s_i +
    σ^2.
    """
    label_variance = _label_variance(input_covariance, prior_covariance, noise_variance)
    require(label_variance > 0, _NO_LABELS)
    signals = (
        np.linalg.svd(_root(input_covariance).T @ _root(prior_covariance), compute_uv=False) ** 2
    )
    return float(
        np.sum(
            signals
            * ((signals + label_variance) / ((context_length + 1) * signals + label_variance))
        )
    )


def _root(covariance: Covariance) -> Covariance:
    """A matrix R with R R^T = `covariance`; eigenvalues below zero are rounding."""
    eigenvalues, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(eigenvalues, 0))


def _label_variance(
    input_covariance: Covariance, prior_covariance: Covariance, noise_variance: float
) -> float:
    return float(np.trace(input_covariance @ prior_covariance) + noise_variance)


PerLayer = Annotated[Float[np.ndarray, " layers"], MAY_BE_EMPTY]
"""One number for each layer; there may be none."""


@guarded
def preconditioned_descent_weights(
    X: Inputs,
    Y: Labels,
    preconditioners: Annotated[Float[np.ndarray, "layers dimension dimension"], MAY_BE_EMPTY],
    start: Weights | None = None,
) -> Float[np.ndarray, " dimension"]:
    """Weights after the steps w - A_l^T X^T (X w - Y) / N, one per layer, from `start` (zero if
    None).

    A_l = `preconditioners`[l] are the d x d blocks of Q_l = -diag(A_l, 0), with P_l = e e^T.
    `ValueError` if there is no example or sizes differ. Source: Ahn et al. 2023, Lemma 1, with the
    transpose derived here.
    """
    examples, dimension = X.shape
    require(examples > 0, "X must hold at least one example, got none")
    weights = np.zeros(dimension)
    if start is not None:
        weights = start
    for preconditioner in preconditioners:
        weights = weights - preconditioner.T @ (X.T @ (X @ weights - Y)) / examples
    return weights


@guarded
def descent_weights(
    X: Inputs, Y: Labels, step: Positive, layers: Count = 1, start: Weights | None = None
) -> Float[np.ndarray, " dimension"]:
    """Weights after `layers` steps w - (η / N) X^T (X w - Y) of plain gradient descent, η = `step`
    > 0.

    Source: von Oswald et al. 2023, Proposition 1. Raises as `preconditioned_descent_weights`.
    """
    plain = np.broadcast_to(step * np.eye(X.shape[1]), (layers, X.shape[1], X.shape[1]))
    return preconditioned_descent_weights(X, Y, plain, start)


@guarded
def residual_polynomial(
    eigenvalues: Float[np.ndarray, "*spectra"],
    steps: PerLayer,
    contractions: PerLayer,
    context_length: Count,
) -> Float[np.ndarray, "*spectra"]:
    """Residual factor q_L(μ) of GD++ at each eigenvalue μ of X^T X, whose prediction is w^T (I -
    q_L(X^T X)) x_q.

    q_(l+1) = q_l (1 - (η_l / N) μ a_l^2), a_(l+1) = a_l (1 - γ_l μ a_l^2), q_0 = a_0 = 1, for
    noiseless labels and a query that is contracted with the examples. η = `steps`, γ =
    `contractions` (zero: plain descent; the last has no effect), one each per layer, else
    `ValueError`. Source: von Oswald et al. 2023; the recursion is derived here.
    """
    residual = np.ones_like(eigenvalues)
    contraction = np.ones_like(eigenvalues)
    for eta, gamma in zip(steps, contractions, strict=True):
        curvature = eigenvalues * contraction**2
        residual = residual * (1 - eta / context_length * curvature)
        contraction = contraction * (1 - gamma * curvature)
    return residual


@guarded
def gdpp_loss(
    eigenvalues: Float[np.ndarray, "tasks dimension"],
    steps: PerLayer,
    contractions: PerLayer,
    context_length: Count,
    input_variance: Positive = 1 / 3,
) -> float:
    """Expected squared error Var(x) E sum_i q_L(μ_i)^2 of GD++, the mean being over the rows of
    `eigenvalues`.

    A row has all d eigenvalues of one task's X^T X; w ~ N(0, I) and the coordinates of the query
    have mean zero and variance `input_variance`, 1/3 for U(-1, 1). Raises as `residual_polynomial`.
    Source: derived here.
    """
    residual = residual_polynomial(eigenvalues, steps, contractions, context_length)
    return float(input_variance * np.mean(np.sum(residual**2, axis=1)))


@guarded
def zhang_gamma(input_covariance: Definite, context_length: Count) -> Covariance:
    """Γ = (1 + 1/N) Λ + tr(Λ) / N I. Its inverse is the optimal A of `linear_attention`. Theorem
    4.1.
    """
    identity = np.eye(input_covariance.shape[0])
    return (1 + 1 / context_length) * input_covariance + np.trace(
        input_covariance
    ) / context_length * identity


@guarded
def zhang_limit(input_covariance: Definite, context_length: Count) -> tuple[float, Covariance]:
    """Where a balanced start ends: u = [tr Γ^-2]^(1/4), U = [tr Γ^-2]^(-1/4) Γ^-1. Source: Theorem
    4.1.
    """
    inverse = np.linalg.inv(zhang_gamma(input_covariance, context_length))
    value = np.sum(inverse**2) ** 0.25
    return float(value), inverse / value


@guarded
def zhang_rate(input_covariance: Definite, context_length: Count) -> float:
    """Rate of the slowest decay exp(-rate t) of the flow to its limit, for the loss E (y_hat - w^T
    x_q)^2 / 2.

    The smallest nonzero eigenvalue of the linearised flow. With λ_i and γ_i the eigenvalues of Λ
    and Γ and u^2 = sqrt(tr Γ^-2): u^2 λ_i λ_j γ_j for the entries i != j of U in the eigenbasis,
    which only a start that is not diagonal there has, and the eigenvalues of (u^2 I + U U^T)
    diag(λ_i^2 γ_i) on its diagonal. Source: derived here.
    """
    gamma = zhang_gamma(input_covariance, context_length)
    variances = np.linalg.eigvalsh(input_covariance)
    values = np.linalg.eigvalsh(gamma)
    squared_value = np.sqrt(np.sum(values**-2.0))
    off_diagonal = squared_value * np.outer(variances, variances * values)
    np.fill_diagonal(off_diagonal, np.inf)
    key_query = 1 / (values * np.sqrt(squared_value))
    weight = variances * np.sqrt(values)
    diagonal = np.outer(weight, weight) * (
        squared_value * np.eye(values.size) + np.outer(key_query, key_query)
    )
    return float(min(np.linalg.eigvalsh(diagonal)[0], off_diagonal.min()))


@guarded
def zhang_risk(
    slope: Weights,
    product_covariance: Covariance,
    input_covariance: Definite,
    training_length: Count,
    test_length: Count,
    linear_error: NonNegative = 0.0,
) -> float:
    """Squared error E (y_hat - y_q)^2 of the limit on test prompts of any law with x ~ N(0, Λ).
    Theorem 4.2.

    linear_error + tr(Σ Γ^-2 Λ) / M + (a^T C a) / N^2, C = (Λ + tr(Λ) I)^2 Γ^-2 Λ, with a = `slope`
    = Λ^-1 E[x y], Σ = `product_covariance` = Cov(x y), `linear_error` = min_w E (w^T x - y)^2, Γ at
    the training length N and M = `test_length`. `ValueError` also if a or Σ has not the size of Λ,
    or Σ is not symmetric positive semi-definite.
    """
    gamma = zhang_gamma(input_covariance, training_length)
    scatter = np.trace(
        np.linalg.solve(gamma, product_covariance) @ np.linalg.solve(gamma, input_covariance)
    )
    image = input_covariance @ slope + np.trace(input_covariance) * slope
    bias = np.linalg.solve(gamma, image) / training_length
    return float(linear_error + scatter / test_length + bias @ input_covariance @ bias)


@guarded
def linear_label_moments(
    weights: Weights, input_covariance: Definite, noise_variance: NonNegative = 0.0
) -> tuple[Float[np.ndarray, " weights"], Covariance, float]:
    """(a, Σ, linear_error) of `zhang_risk` for labels w^T x + noise: w, (w^T Λ w + σ^2) Λ + Λ w w^T
    Λ and σ^2.

    `ValueError` also if w has not d entries.
    """
    image = input_covariance @ weights
    covariance = (weights @ image + noise_variance) * input_covariance + np.outer(image, image)
    return weights, covariance, float(noise_variance)


@guarded
def covariate_shift_ratio(scale: float) -> float:
    """Factor c^2 on prediction over truth when all test inputs, context and query, are multiplied
    by c = `scale`.

    The labels w^T x scale by c and the prediction by c^3. Source: Zhang, Frei & Bartlett 2024 say
    that covariate shift is not tolerated; exact factor derived here.
    """
    return float(scale**2)
