"""The curse of separability, sharply: the direction found without augmentation when log n = ν κ.

Separable data give the hard-margin direction, the shortest point of the hull of S_i = (2 y_i - 1)
x_i ~ N(μ, Σ / κ). With log n = ν κ the hull tends to an ellipsoid of radius sqrt(2 ν), so the
direction walks from μ to b along the path of ridge LDA and arrives only at ν = m^2 / 2. Oh & Yun
2023 (arXiv 2306.00267) prove that the sample size grows exponentially in κ; the exponent and the
path are derived here.
"""

import numpy as np
from jaxtyping import Float

from theory.mixup.domains import AngleTarget, LogSampleSize, SampleSize
from theory.mixup.gaussian_pair import GaussianPair, one_minus_cosine
from theory_on_trial.contract import NonNegative, guarded, require

_LOG_ROUNDING = 40.0  # a ridge e^40 away from every variance is none, or all there is


@guarded
def ridge_lda_direction(pair: GaussianPair, tau: NonNegative) -> Float[np.ndarray, " dim"]:
    """w_τ = (τ I + Σ)^-1 μ, from b at τ = 0 towards μ, τ in units of Σ. Derived here."""
    return np.linalg.solve(tau * np.eye(pair.dim) + pair.covariance, pair.mean)


@guarded
def phase_direction(pair: GaussianPair, nu: NonNegative) -> Float[np.ndarray, " dim"]:
    """The unit vector to which the direction tends as κ grows with log n / κ = ν.

    It is that of w_τ with |Σ^(1/2) w_τ|^2 / 2 = ν where ν < m^2 / 2, of b from there on and of μ at
    ν = 0. Equivalently it maximises w . μ - sqrt(2 ν) |Σ^(1/2) w| on the unit ball. Derived here.

    >>> pair = GaussianPair([1.0, 1.0], [[0.2, 0.0], [0.0, 1.8]], separability=4.0)
    >>> [np.round(phase_direction(pair, nu), 4).tolist() for nu in (0.0, 0.5, 3.0)]
    [[0.7071, 0.7071], [0.9673, 0.2538], [0.9939, 0.1104]]
    """
    from scipy.optimize import brentq

    if nu == 0:
        return pair.mean / np.linalg.norm(pair.mean)
    if nu >= pair.signal / 2:
        return pair.bayes_direction / np.linalg.norm(pair.bayes_direction)
    variances, axes = np.linalg.eigh(pair.covariance)
    mean = axes.T @ pair.mean

    def excess(log_tau: float) -> float:
        return float(
            np.log(np.sum(variances * (mean / (np.exp(log_tau) + variances)) ** 2) / (2 * nu))
        )

    lowest = np.log(variances[0]) - _LOG_ROUNDING
    if excess(lowest) <= 0:  # nu is m^2 / 2 to rounding
        return pair.bayes_direction / np.linalg.norm(pair.bayes_direction)
    highest = (
        np.log(np.sum(variances * mean**2) / (2 * nu)) / 2 + 1
    )  # dropping Sigma from tau I + Sigma raises nu(tau)
    tau = np.exp(brentq(excess, lowest, highest, xtol=1e-15, rtol=8.9e-16))
    direction = axes @ (mean / (tau + variances))
    return direction / np.linalg.norm(direction)


@guarded
def phase_cosine(pair: GaussianPair, nu: NonNegative) -> float:
    """Cos of the angle of `phase_direction` to b, rising from cos(μ, b) at ν = 0 to one at m^2 / 2.
    Derived here.
    """
    return 1 - pair.misalignment(phase_direction(pair, nu))


@guarded
def phase_direction_cone_program(pair: GaussianPair, nu: NonNegative) -> Float[np.ndarray, " dim"]:
    """`phase_direction` by the cone program max w . μ - sqrt(2 ν) |Σ^(1/2) w|, |w| <= 1, to about
    1e-8.

    `ValueError` unless ν < m^2 / 2: from there on the maximum is zero.
    """
    import cvxpy

    largest = pair.signal / 2
    require(
        nu < largest, f"nu must be below m^2 / 2 = {largest:.6g} for a positive maximum, got {nu}"
    )
    weights = cvxpy.Variable(pair.dim)
    spread = cvxpy.norm(np.linalg.cholesky(pair.covariance).T @ weights)
    margin = cvxpy.Maximize(pair.mean @ weights - np.sqrt(2 * nu) * spread)
    cvxpy.Problem(margin, [cvxpy.norm(weights) <= 1]).solve(solver=cvxpy.CLARABEL)
    return np.asarray(weights.value)


@guarded
def critical_exponent(pair: GaussianPair, epsilon: AngleTarget) -> float:
    """ν_ε, below m^2 / 2: 1 - cos of the direction reaches ε when log n / κ does ν_ε.

    It is |Σ^(1/2) w_τ|^2 / 2 at the τ where 1 - cos(w_τ, b) = ε. `ValueError` unless ε < 1 - cos(μ,
    b): there is no exponential law beyond, nor any when μ is an eigenvector of Σ. Derived here.
    """
    from scipy.optimize import brentq

    largest = pair.misalignment(pair.mean)
    require(
        epsilon < largest * (1 - 1e-9),
        f"epsilon must be below 1 - cos(mu, b) = {largest:.3g}, got {epsilon}",
    )

    def excess(log_tau: float) -> float:
        direction = ridge_lda_direction(pair, float(np.exp(log_tau)))
        return one_minus_cosine(direction, pair.bayes_direction) / epsilon - 1

    variances = np.linalg.eigvalsh(pair.covariance)
    lowest = np.log(variances[0]) - _LOG_ROUNDING
    highest = np.log(variances[-1]) + _LOG_ROUNDING
    direction = ridge_lda_direction(
        pair, float(np.exp(brentq(excess, lowest, highest, xtol=1e-15, rtol=8.9e-16)))
    )
    return float(direction @ pair.covariance @ direction) / 2


@guarded
def finite_sample_radius(
    pair: GaussianPair, n: SampleSize | None = None, *, log_n: LogSampleSize | None = None
) -> float:
    """Φ^-1(1 - 1/n) / sqrt(κ), what sqrt(2 ν) is at finite n; `ValueError` unless n or its natural
    log is given.
    """
    from scipy.special import ndtri_exp

    logarithms = [
        logarithm
        for logarithm in (None if n is None else np.log(n), log_n)
        if logarithm is not None
    ]
    require(len(logarithms) == 1, f"exactly one of n and log_n must be given, got {n} and {log_n}")
    return float(max(-ndtri_exp(-float(logarithms[0])), 0.0) / np.sqrt(pair.separability))


@guarded
def erm_direction_at(
    pair: GaussianPair, n: SampleSize | None = None, *, log_n: LogSampleSize | None = None
) -> Float[np.ndarray, " dim"]:
    """`phase_direction` with r_n in place of sqrt(2 ν), a unit vector. Raises as
    `finite_sample_radius`.
    """
    return phase_direction(pair, finite_sample_radius(pair, n, log_n=log_n) ** 2 / 2)


@guarded
def erm_samples(pair: GaussianPair, epsilon: AngleTarget) -> float:
    """Log n_ε = -log Q(sqrt(2 κ ν_ε)), Q = 1 - Φ: the natural logarithm of the sample size without
    augmentation at which 1 - cos falls to ε, up to a bounded factor.

    Derived here. `ValueError` as in `critical_exponent`.

    >>> covariance = [[0.2, 0.0], [0.0, 1.8]]
    >>> pairs = [GaussianPair([1.0, 1.0], covariance, kappa) for kappa in (10.0, 320.0)]
    >>> [round(erm_samples(pair, epsilon=0.05), 4) for pair in pairs]
    [3.2925, 54.1999]
    """
    from scipy.special import log_ndtr

    return float(-log_ndtr(-np.sqrt(2 * pair.separability * critical_exponent(pair, epsilon))))
