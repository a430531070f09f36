"""Mixup at large separability and fixed sample size: laws of 1 - cos that do not grow
exponentially.

Write x = (2y - 1) μ + z / sqrt(κ). The leading loss fixes the scores +-u_infinity of the class
means; what is left is quadratic, and its minimiser is a modified LDA, with E[1 - cos] = C / n free
of κ. Unequal class counts p n and (1 - p) n, and one λ drawn per pair, leave a pull on the noise
that the weak curvature amplifies: B κ / n^2. Oh & Yun 2023 (arXiv 2306.00267) prove that Mixup
needs far fewer samples; all laws of this file are derived here.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.mixup.domains import AngleTarget, Mode
from theory.mixup.gaussian_pair import GaussianPair
from theory.mixup.mixing import MixingLaw
from theory.mixup.scale import limit_curvatures, limit_residual, limit_scale
from theory_on_trial.contract import Count, Interval, guarded, require

_EIGENVECTOR = 1e-9  # how far Sigma mu / (mu' Sigma mu / |mu|^2) may be from mu, relative to it


@guarded
def lda_rate(
    pair: GaussianPair, n: Annotated[float, Interval(3, closed="()")] | None = None
) -> float:
    """N E[1 - cos] of Mixup with balanced classes and λ averaged: C = m^2 T / (2 |b|^2), free of κ
    and law.

    With `n` C n / (n - d - 2), for the inverse of a Wishart matrix; `ValueError` unless n > d + 2
    there.
    """
    rate = (
        pair.signal
        * pair.projected_precision_trace
        / (2 * float(pair.bayes_direction @ pair.bayes_direction))
    )
    if n is None:
        return rate
    require(n > pair.dim + 2, f"n must be above dim + 2 = {pair.dim + 2}, got {n}")
    return float(rate * n / (n - pair.dim - 2))


@guarded
def imbalance_coefficient(pair: GaussianPair, law: MixingLaw) -> float:
    """B_i: labels drawn at random add B_i κ / n^2 to E[1 - cos], B_i = T m^4 A^2 / (2 h^2 u^2
    |b|^2).

    A = s(u) - 1 at u = u_infinity, h the noise curvature. `ValueError` if u_infinity is infinite.

    >>> pair = GaussianPair([1.0, 1.0], [[0.2, 0.0], [0.0, 1.8]], separability=4.0)
    >>> law = MixingLaw.beta(1.0)
    >>> round(imbalance_coefficient(pair, law), 5), round(sampled_lambda_coefficient(pair, law), 5)
    (0.01008, 0.01935)
    """
    return _amplification(pair, law) * _own_residual(law) ** 2


@guarded
def sampled_lambda_coefficient(pair: GaussianPair, law: MixingLaw) -> float:
    """B_s: one λ drawn for each ordered pair adds B_s κ / n^2 to E[1 - cos], balanced classes or
    not.

    B_i with A^2 Var g + (Var(ρ g) + Var(ρ (1 - g))) / 2 for A^2, ρ = s((2g - 1) u) - λ. Raises as
    B_i.
    """
    amplification = _amplification(pair, law)
    share = law.input_weights
    residual = limit_residual(law, limit_scale(law))
    pair_variance = (_variance(law, residual * share) + _variance(law, residual * (1 - share))) / 2
    return amplification * (_own_residual(law) ** 2 * _variance(law, share) + pair_variance)


@guarded
def imbalance_weights(
    pair: GaussianPair,
    law: MixingLaw,
    class_means: Float[np.ndarray, "2 dim"],
    class_counts: tuple[Count, Count],
) -> Float[np.ndarray, " dim"]:
    """w_p, to which the imbalance of one data set alone turns the minimiser: 1 - cos(w_p, b)
    averages B_i κ / n^2.

    w_p = (u / m^2) b - sqrt(κ) (A (p - q) / 2h) (Σ^-1 - b b' / m^2)(z_1 + z_0) with u = u_infinity,
    z_c the class means of the standardised noise and p = n_1 / n = 1 - q; class 0 first.
    `ValueError` if u_infinity is infinite.
    """
    dim = class_means.shape[1]
    require(dim == pair.dim, f"class_means must have {pair.dim} coordinates, got {dim}")
    noise = np.sqrt(pair.separability) * class_means.sum(axis=0)
    imbalance = (class_counts[1] - class_counts[0]) / sum(class_counts)
    bayes = pair.bayes_direction
    across = np.linalg.solve(pair.covariance, noise) - bayes * (bayes @ noise) / pair.signal
    pull = _own_residual(law) * imbalance / (2 * limit_curvatures(law).noise)
    return limit_scale(law) / pair.signal * bayes - np.sqrt(pair.separability) * pull * across


@guarded
def mixup_samples(
    pair: GaussianPair,
    epsilon: AngleTarget,
    law: MixingLaw,
    mode: Mode = "expected",
    balanced: bool = True,
) -> float:
    """n_ε, not rounded: the root n > d + 2 of C / (n - d - 2) + B κ / n^2 = ε.

    (C + sqrt(C^2 + 4 ε B κ)) / (2 ε) for small ε, the target of E[1 - cos]. The mode "sampled" (one
    λ per ordered pair) adds `sampled_lambda_coefficient` to B, and `imbalance_coefficient` is added
    unless it is balanced. `ValueError` if u_infinity is infinite.

    >>> pairs = [GaussianPair([1.0, 1.0], [[0.2, 0.0], [0.0, 1.8]], kappa) for kappa in (10.0, 1e6)]
    >>> [round(mixup_samples(pair, 0.01, MixingLaw.beta(1.0), "sampled"), 2) for pair in pairs]
    [11.78, 1394.23]
    """
    from scipy.optimize import brentq

    coefficient = 0.0 if balanced else imbalance_coefficient(pair, law)
    if mode == "sampled":
        coefficient += sampled_lambda_coefficient(pair, law)
    rate = lda_rate(pair)
    noise = coefficient * pair.separability
    least = pair.dim + 2
    lower = rate / epsilon
    upper = (rate + np.sqrt(rate**2 + 4 * epsilon * noise)) / (2 * epsilon)
    if noise == 0:
        return least + lower
    # Both ends are rounded, and where the noise is small the root is one of them.
    ends = lower * (1 - 1e-14), upper * (1 + 1e-14)
    excess = brentq(
        lambda x: rate / x + noise / (x + least) ** 2 - epsilon, *ends, xtol=1e-300, rtol=8.9e-16
    )
    return float(least + excess)


@guarded
def isotropic_angle(pair: GaussianPair) -> float:
    """E[1 - cos] without augmentation as κ grows at fixed n, tr(P Σ) / (2 κ |μ|^2), free of n; P
    projects across μ.

    A single point then supports the margin. `ValueError` if μ is no eigenvector of Σ.
    """
    squared_length = float(pair.mean @ pair.mean)
    variance = float(pair.mean @ pair.covariance @ pair.mean) / squared_length
    offset = np.linalg.norm(pair.covariance @ pair.mean - variance * pair.mean)
    straight = offset <= _EIGENVECTOR * variance * np.sqrt(squared_length)
    require(
        straight,
        "the mean of the pair must be an eigenvector of its covariance: nothing tends to b "
        "otherwise",
    )
    return (float(np.trace(pair.covariance)) - variance) / (2 * pair.separability * squared_length)


def _amplification(pair: GaussianPair, law: MixingLaw) -> float:
    """T m^4 / (2 h^2 u^2 |b|^2), from the variance of a pull on the noise to 1 - cos."""
    squared_length = float(pair.bayes_direction @ pair.bayes_direction)
    reach = (limit_curvatures(law).noise * limit_scale(law) / pair.signal) ** 2
    return pair.projected_precision_trace / (2 * reach * squared_length)


def _own_residual(law: MixingLaw) -> float:
    """A = s(u_infinity) - 1, the residual of a pair of one class."""
    from scipy.special import expit

    return -float(expit(-limit_scale(law)))


def _variance(law: MixingLaw, values: Float[np.ndarray, " atoms"]) -> float:
    return law.mean((values - law.mean(values)) ** 2)
