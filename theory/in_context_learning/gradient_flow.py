"""Gradient flow of one linear self-attention layer: its limit, its rate, and how the limit
generalises.

Zhang, Frei & Bartlett 2024 (arXiv 2306.09927): f(E) = E + W^PV E (E^T W^KQ E) / N on columns (x_i,
y_i), x ~ N(0, Λ), w ~ N(0, I), no noise, trained on prompts of N pairs and tested on prompts of M
pairs of any law. From a balanced start only the last entry u of W^PV and the upper left block U of
W^KQ are not zero.

`input_covariance` is Λ. `ValueError` unless it is symmetric positive definite and lengths are
integers >= 1.
"""

import numpy as np
from jaxtyping import Float

from theory.in_context_learning.domains import Covariance, Definite, Weights
from theory_on_trial.contract import Count, NonNegative, guarded


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
