"""One layer of linear self-attention as an in-context learner: its exact loss and its optimum, in
general.

Context of N pairs, x ~ N(0, Λ), w ~ N(0, Σ_w), y = w^T x + noise of variance σ^2, and the
prediction x_q^T A b, b = (1/N) sum_i y_i x_i, which is all that one layer of linear attention with
joined tokens (x_i, y_i) can add up; A is d x d. The loss is E (x_q^T A b - w^T x_q)^2, against the
noise-free target. Derived here; it contains Ahn et al. 2023 (arXiv 2306.00297, Theorem 1),
Mahankali et al. 2023 (arXiv 2307.03576) and the limit of Zhang, Frei & Bartlett 2024 (arXiv
2306.09927). To evaluate a trained A at another context length, covariance, prior or noise, pass
those of the test prompts.

`input_covariance` is Λ, `prior_covariance` Σ_w, `noise_variance` σ^2, `context_length` N.
`ValueError` unless the covariances are symmetric positive semi-definite (d x d), σ^2 >= 0 and N >=
1.
"""

import numpy as np
from jaxtyping import Float

from theory.in_context_learning.domains import Covariance, Square
from theory_on_trial.contract import Count, NonNegative, guarded, require

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


@guarded
def loss_gradient(
    A: Square,
    input_covariance: Covariance,
    prior_covariance: Covariance,
    noise_variance: NonNegative,
    context_length: Count,
) -> Covariance:
    """Gradient 2 Λ A B - 2 Λ Σ_w Λ of the loss by A, B = E b b^T."""
    second_moment = _second_moment(
        input_covariance, prior_covariance, noise_variance, context_length
    )
    return 2 * input_covariance @ (A @ second_moment - prior_covariance @ input_covariance)


@guarded
def loss_hessian(
    input_covariance: Covariance,
    prior_covariance: Covariance,
    noise_variance: NonNegative,
    context_length: Count,
) -> Float[np.ndarray, "entries entries"]:
    """Hessian 2 Λ (x) B of the loss by A's entries in row-major order, the same at every A: the
    loss is convex.
    """
    second_moment = _second_moment(
        input_covariance, prior_covariance, noise_variance, context_length
    )
    return 2 * np.kron(input_covariance, second_moment)


def _root(covariance: Covariance) -> Covariance:
    """A matrix R with R R^T = `covariance`; eigenvalues below zero are rounding."""
    eigenvalues, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(eigenvalues, 0))


def _label_variance(
    input_covariance: Covariance, prior_covariance: Covariance, noise_variance: float
) -> float:
    return float(np.trace(input_covariance @ prior_covariance) + noise_variance)


def _second_moment(
    input_covariance: Covariance,
    prior_covariance: Covariance,
    noise_variance: float,
    context_length: int,
) -> Covariance:
    """B = E b b^T = (1 + 1/N) Λ Σ_w Λ + (tr(Λ Σ_w) + σ^2) / N Λ."""
    label_variance = _label_variance(input_covariance, prior_covariance, noise_variance)
    signal = input_covariance @ prior_covariance @ input_covariance
    return (1 + 1 / context_length) * signal + label_variance / context_length * input_covariance
