"""How close each way of training on n samples comes to the Bayes direction b.

Plain training of separable data gives the hard-margin direction, which is the shortest point of the
hull of S_i = (2 y_i - 1) x_i ~ N(μ, Σ / κ). With log n = ν κ the hull tends to an ellipsoid of
radius sqrt(2 ν). The direction therefore walks from μ to b along the path of ridge LDA, and arrives
only at ν = m^2 / 2: the curse of separability.

At fixed κ, n E[1 - cos] tends to T K(a) / (2 κ |b|^2), where K depends on a = κ m^2 alone.

For Mixup at large κ and fixed n, write x = (2y - 1) μ + z / sqrt(κ). The leading loss fixes the
scores -u_infinity and u_infinity of the class means. The rest is quadratic, and its minimiser is a
modified LDA, with E[1 - cos] = C / n free of κ. Unequal class counts p n and (1 - p) n, and one λ
drawn for each pair, leave a pull on the noise. The weak curvature amplifies it to B κ / n^2.

Oh & Yun 2023 (arXiv 2306.00267) prove that the sample size grows exponentially in κ without
augmentation and far less with Mixup. They announce bounds on means over all pairs of points, which
depend on each other where they share one; Hoeffding's are at the end. All other laws of this file
are derived here. Where both classes appear, class 0 comes first.
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from theory.mixup.classes import (
    GaussianPair,
    LogSampleSize,
    MixingLaw,
    Mode,
    one_minus_cosine,
)
from theory.mixup.population import (
    gaussian_expectation,
    gaussian_rule,
    limit_curvatures,
    limit_residual,
    limit_scale,
    logistic_derivatives,
    scalar_minimiser,
)
from theory_on_trial.contract import (
    NON_NEGATIVE,
    UNIT_INTERVAL,
    Interval,
    NonNegative,
    Positive,
    guarded,
    require,
)

_LOG_ROUNDING = 40.0  # a ridge e^40 away from every variance is none, or all there is

_EIGENVECTOR = 1e-9  # how far Sigma mu / (mu' Sigma mu / |mu|^2) may be from mu, relative to it

InverseExponential = Annotated[float, Interval(0, 1400, "(]", why="e^(a/2) must be a float64")]
"""The effective separability a = κ m^2, where e^(a/2) is computed."""
AngleTarget = Annotated[
    float, Interval(1e-20, 2, "()", why="1 - cos is at most 2; the low end is a cap")
]
"""The target ε of 1 - cos."""
Points = Annotated[int, Interval(2, 2**53, why="one point has no pair")]


@guarded
def ridge_lda_direction(pair: GaussianPair, tau: NonNegative) -> Float[np.ndarray, " dim"]:
    """Return the direction w_τ = (τ I + Σ)^-1 μ of ridge LDA, which runs from b at τ = 0 towards μ
    as τ grows.

    τ is in units of Σ. Source: derived here.
    """
    return np.linalg.solve(tau * np.eye(pair.dim) + pair.covariance, pair.mean)


@guarded
def phase_direction(pair: GaussianPair, nu: NonNegative) -> Float[np.ndarray, " dim"]:
    """Return the unit vector to which the direction of plain training tends as κ grows with log n /
    κ = ν.

    If 0 < ν < m^2 / 2 it is the direction of the w_τ with |Σ^(1/2) w_τ|^2 / 2 = ν. It is that of b
    for larger ν and that of μ at ν = 0. Equivalently, it maximises w . μ - sqrt(2 ν) |Σ^(1/2) w| on
    the unit ball. Source: derived here.

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
    # Dropping Sigma from tau I + Sigma raises nu(tau)
    highest = np.log(np.sum(variances * mean**2) / (2 * nu)) / 2 + 1
    tau = np.exp(brentq(excess, lowest, highest, xtol=1e-15, rtol=8.9e-16))
    direction = axes @ (mean / (tau + variances))
    return direction / np.linalg.norm(direction)


@guarded
def phase_cosine(pair: GaussianPair, nu: NonNegative) -> float:
    """Return the cosine of the angle between `phase_direction` and b, which rises from cos(μ, b) at
    ν = 0 to one at ν = m^2 / 2.

    Source: derived here.
    """
    return 1 - pair.misalignment(phase_direction(pair, nu))


@guarded
def critical_exponent(pair: GaussianPair, epsilon: AngleTarget) -> float:
    """Return the exponent ν_ε < m^2 / 2 for which 1 - cos of the direction of plain training falls
    to ε once log n / κ reaches ν_ε.

    It is |Σ^(1/2) w_τ|^2 / 2 at the τ for which 1 - cos(w_τ, b) = ε. Raises ValueError unless ε < 1
    - cos(μ, b): there is no exponential law for larger ε, nor any if μ is an eigenvector of Σ.
    Source: derived here.
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
def finite_sample_radius(pair: GaussianPair, log_n: LogSampleSize) -> float:
    """Return Φ^-1(1 - 1/n) / sqrt(κ), at least zero, which takes the place of sqrt(2 ν) at finite
    n.

    `log_n` is the natural logarithm of n, and Φ is the standard normal distribution function.
    """
    from scipy.special import ndtri_exp

    return float(max(-ndtri_exp(-log_n), 0.0) / np.sqrt(pair.separability))


@guarded
def erm_direction_at(pair: GaussianPair, log_n: LogSampleSize) -> Float[np.ndarray, " dim"]:
    """Return the unit vector `phase_direction` with `finite_sample_radius` in place of sqrt(2 ν),
    for a finite n given by its natural logarithm.
    """
    return phase_direction(pair, finite_sample_radius(pair, log_n) ** 2 / 2)


@guarded
def erm_samples(pair: GaussianPair, epsilon: AngleTarget) -> float:
    """Return the natural logarithm of the sample size n_ε at which 1 - cos falls to ε without
    augmentation, up to a bounded factor.

    It is log n_ε = -log Q(sqrt(2 κ ν_ε)), where Q = 1 - Φ is the tail of the standard normal law
    and ν_ε is the `critical_exponent`. Raises ValueError as `critical_exponent` does. Source:
    derived here.

    >>> covariance = [[0.2, 0.0], [0.0, 1.8]]
    >>> pairs = [GaussianPair([1.0, 1.0], covariance, kappa) for kappa in (10.0, 320.0)]
    >>> [round(erm_samples(pair, epsilon=0.05), 4) for pair in pairs]
    [3.2925, 54.1999]
    """
    from scipy.special import log_ndtr

    return float(-log_ndtr(-np.sqrt(2 * pair.separability * critical_exponent(pair, epsilon))))


@guarded
def isotropic_angle(pair: GaussianPair) -> float:
    """Return the mean of 1 - cos without augmentation as κ grows at fixed n, for a mean μ that is
    an eigenvector of Σ.

    It is tr(P Σ) / (2 κ |μ|^2), free of n, where P projects across μ: a single point then supports
    the margin. Raises ValueError unless μ is an eigenvector of Σ.
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


@guarded
def fisher_information(effective_separability: InverseExponential) -> float:
    """Return the Fisher information I_1(a) = E s'(V) for V ~ N(2a, 4a), where s is the logistic
    function.

    It lies in (0, 1/4] and is accurate to relative rounding. It is e^(-a/2) (8 π a)^(-1/2) times
    the integral of sech(z/2) exp(-z^2 / 8a) / 4 over all z, by the trapezoidal rule.
    """
    width = 2 * np.sqrt(effective_separability)
    step = min(0.4, width / 4)
    score = np.arange(0, min(80.0, 14 * width), step)
    integrand = np.exp(-((score / width) ** 2) / 2) / np.cosh(score / 2) / 4
    integral = step * (2 * integrand.sum() - integrand[0])
    return min(
        0.25, float(np.exp(-effective_separability / 2) * integral / (width * np.sqrt(2 * np.pi)))
    )


@guarded
def erm_efficiency(effective_separability: InverseExponential) -> float:
    """Return the efficiency K_erm(a) = 1 / (4 I_1(a)) of plain training, which grows exponentially
    in a.

    I_1 is the `fisher_information`. Source: derived here.
    """
    return 1 / (4 * fisher_information(effective_separability))


@guarded
def lda_efficiency(effective_separability: Positive) -> float:
    """Return the efficiency K_lda(a) = a + 1 of Fisher's linear discriminant.

    Source: derived here.
    """
    return float(effective_separability + 1)


@guarded
def mixup_efficiency(effective_separability: Positive, law: MixingLaw) -> float:
    """Return the efficiency K_mix of Mixup, from the sandwich variance of the minimiser over all
    pairs with λ averaged within each pair.

    It is a^2 Ψ / (H u)^2, where u is the score of the class mean at the minimiser and z = w . x ~
    N((2y - 1) u, u^2 / a). Let z_12 = g z_1 + (1 - g) z_2 and y_12 = λ y_1 + (1 - λ) y_2. Then Ψ =
    E ψ^2 with ψ(z_1, y_1) = E[(s(z_12) - y_12) g + (s(z_21) - y_21)(1 - g)], the projection of the
    pair on its first point, and H = E[(g^2 + (1 - g)^2) s'(z_12)]. Raises ValueError if the
    minimiser is zero, or as `scalar_minimiser` does. Source: derived here.
    """
    score = scalar_minimiser(effective_separability, law)
    require(
        score > 0, "law must relate inputs to labels: the minimiser is zero and has no direction"
    )
    spread = score / np.sqrt(effective_separability)
    nodes, density = gaussian_rule(spread)
    first = score + spread * nodes  # the first point is of class one: the other class mirrors it
    projection = np.zeros_like(first)
    curvature = 0.0
    for label, weight, share, factor in zip(
        law.nodes, law.weights, law.input_weights, law.noise_factors, strict=True
    ):
        for partner in (0.0, 1.0):
            centre = (2 * partner - 1) * score
            for own_share, own_label in ((share, label), (1 - share, 1 - label)):
                blend = own_label + (1 - own_label) * partner
                residual = _mean_residual(
                    own_share * first + (1 - own_share) * centre, (1 - own_share) * spread, blend
                )
                projection += weight / 2 * own_share * residual
            mixed_mean = np.array(share * score + (1 - share) * centre)
            slope = gaussian_expectation(
                logistic_derivatives, mixed_mean, np.sqrt(factor) * spread
            )[0]
            curvature += weight / 2 * factor * float(slope)
    return float(effective_separability**2 * (density @ projection**2) / (curvature * score) ** 2)


@guarded
def angle_rate(pair: GaussianPair, efficiency: NonNegative) -> float:
    """Return the limit T K / (2 κ |b|^2) of n E[1 - cos] for the efficiency K, which is zero in one
    dimension.

    T is `projected_precision_trace` of the pair.
    """
    squared_length = float(pair.bayes_direction @ pair.bayes_direction)
    return float(
        pair.projected_precision_trace * efficiency / (2 * pair.separability * squared_length)
    )


def _mean_residual(centre: np.ndarray, scale: float, label: float) -> np.ndarray:
    """Return the mean residual s(z) - label over Gaussian scores z around `centre`."""
    from scipy.special import expit

    upper, lower = gaussian_expectation(
        lambda z: np.stack([expit(z), expit(-z)]), centre, np.full(centre.shape, abs(scale))
    )
    return (1 - label) * upper - label * lower


@guarded
def lda_rate(
    pair: GaussianPair, n: Annotated[float, Interval(3, closed="()")] | None = None
) -> float:
    """Return the limit C of n E[1 - cos] for Mixup with balanced classes and λ averaged: C = m^2 T
    / (2 |b|^2), free of κ and of the law.

    T is `projected_precision_trace` of the pair. If `n` is given, the result is C n / (n - d - 2),
    which accounts for the inverse of a Wishart matrix. Raises ValueError unless this n exceeds d +
    2.
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
    """Return the coefficient B_i of the term B_i κ / n^2 that labels drawn at random add to E[1 -
    cos].

    B_i = T m^4 A^2 / (2 h^2 u^2 |b|^2), where A = s(u) - 1 at u = u_infinity, h is the noise
    curvature `limit_curvatures(law).noise` and T is `projected_precision_trace`. Raises ValueError
    if u_infinity is infinite.

    >>> pair = GaussianPair([1.0, 1.0], [[0.2, 0.0], [0.0, 1.8]], separability=4.0)
    >>> law = MixingLaw.beta(1.0)
    >>> round(imbalance_coefficient(pair, law), 5), round(sampled_lambda_coefficient(pair, law), 5)
    (0.01008, 0.01935)
    """
    return _amplification(pair, law) * _own_residual(law) ** 2


@guarded
def sampled_lambda_coefficient(pair: GaussianPair, law: MixingLaw) -> float:
    """Return the coefficient B_s of the term B_s κ / n^2 that one λ drawn for each ordered pair
    adds to E[1 - cos], for balanced classes or not.

    It is the formula of B_i with A^2 Var g + (Var(ρ g) + Var(ρ (1 - g))) / 2 in place of A^2, where
    ρ = s((2g - 1) u) - λ. Raises ValueError as `imbalance_coefficient` does.
    """
    amplification = _amplification(pair, law)
    share = law.input_weights
    residual = limit_residual(law, limit_scale(law))
    pair_variance = (_variance(law, residual * share) + _variance(law, residual * (1 - share))) / 2
    return amplification * (_own_residual(law) ** 2 * _variance(law, share) + pair_variance)


@guarded
def mixup_samples(
    pair: GaussianPair,
    epsilon: AngleTarget,
    law: MixingLaw,
    mode: Mode = "expected",
    balanced: bool = True,
) -> float:
    """Return the sample size n_ε, not rounded, at which the mean of 1 - cos is ε for Mixup.

    It is the root n > d + 2 of C / (n - d - 2) + B κ / n^2 = ε, where C is the `lda_rate`. For
    small ε it is close to (C + sqrt(C^2 + 4 ε B κ)) / (2 ε). B is the sum of the coefficients that
    apply: `sampled_lambda_coefficient` in the mode "sampled" (one λ for each ordered pair), and
    `imbalance_coefficient` unless the classes are `balanced`. Raises ValueError if a coefficient
    applies and u_infinity is infinite.

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


def _amplification(pair: GaussianPair, law: MixingLaw) -> float:
    """Return T m^4 / (2 h^2 u^2 |b|^2), the factor from the variance of a pull to 1 - cos."""
    squared_length = float(pair.bayes_direction @ pair.bayes_direction)
    reach = (limit_curvatures(law).noise * limit_scale(law) / pair.signal) ** 2
    return pair.projected_precision_trace / (2 * reach * squared_length)


def _own_residual(law: MixingLaw) -> float:
    """Return A = s(u_infinity) - 1, the residual of a pair of one class."""
    from scipy.special import expit

    return -float(expit(-limit_scale(law)))


def _variance(law: MixingLaw, values: Float[np.ndarray, " atoms"]) -> float:
    """Return the variance of `values` over the law of λ."""
    return law.mean((values - law.mean(values)) ** 2)


@guarded
def modified_lda_direction(
    features: Float[np.ndarray, "points dim"],
    labels: Annotated[Int[np.ndarray, " points"], Interval(0, 1)],
    law: MixingLaw,
) -> Float[np.ndarray, " dim"]:
    """Return the direction (h S_w + h_1 c c')^-1 (mean_1 - mean_0) of Mixup as κ grows at fixed
    balanced data.

    S_w is the scatter within the classes over n, c is the mean of the class means, and h and h_1
    are those of `limit_curvatures`. Raises ValueError unless both labels occur equally often, the
    scatter is regular (n >= d + 2 in general position), and u_infinity is finite.
    """
    classes = [features[labels == label] for label in (0, 1)]
    zeros, ones = map(len, classes)
    require(zeros == ones, f"labels must be balanced, got {zeros} zeros and {ones} ones")
    low, high = (members.mean(axis=0) for members in classes)
    residuals = np.concatenate([classes[0] - low, classes[1] - high])
    regular = np.linalg.matrix_rank(residuals) == features.shape[1]
    require(
        regular,
        "features must scatter within their classes in every direction, got a singular scatter",
    )
    curvature = limit_curvatures(law)
    centre = (low + high) / 2
    hessian = curvature.noise * residuals.T @ residuals / len(
        features
    ) + curvature.centroid * np.outer(centre, centre)
    return np.linalg.solve(hessian, high - low)


class EntropyCertificate(NamedTuple):
    """The primal and dual values of a logistic loss at weights w, whose predictions are s_r = s(w .
    x_r). If `infeasibility` is zero, the loss of w is within `primal` - `dual` of the least one.
    """

    primal: float
    """The loss of the weights."""
    dual: float
    """The mean entropy of the predictions, which bounds the loss of any w' from below, up to |w'|
    times `infeasibility`.
    """
    infeasibility: float
    """The Euclidean norm of the gradient of the primal, sum_r p_r (s_r - y_r) x_r."""


@guarded
def entropy_certificate(
    rows: Float[np.ndarray, "rows dim"],
    soft_labels: Annotated[Float[np.ndarray, " rows"], UNIT_INTERVAL],
    row_weights: Annotated[Float[np.ndarray, " rows"], NON_NEGATIVE],
    weights: Float[np.ndarray, " dim"],
) -> EntropyCertificate:
    """Return the certificate of the optimality of `weights` for the soft-label logistic loss of
    `rows`.

    The `row_weights` need not sum to one. Source: convex duality, derived here.
    """
    from scipy.special import entr, expit

    scores = rows @ weights
    upper = expit(scores)
    lower = expit(-scores)
    primal = row_weights @ (
        soft_labels * np.logaddexp(0, -scores) + (1 - soft_labels) * np.logaddexp(0, scores)
    )
    dual = row_weights @ (entr(upper) + entr(lower))
    residual = (row_weights * ((1 - soft_labels) * upper - soft_labels * lower)) @ rows
    return EntropyCertificate(float(primal), float(dual), float(np.linalg.norm(residual)))


@guarded
def pair_mean_variance(n: Points, projected: NonNegative, total: NonNegative) -> float:
    """Return the variance of the mean of h(z_1, z_2) over all pairs of two distinct points among n.

    It is (2 / (n (n - 1))) (2 (n - 2) ζ_1 + ζ_2), where ζ_1 = Var E[h(z_1, z_2) | z_1] is
    `projected` and ζ_2 = Var h(z_1, z_2) is `total`. Source: Hoeffding 1948.
    """
    return 2 / (n * (n - 1)) * (2 * (n - 2) * projected + total)


@guarded
def pair_mean_tail(
    n: Points,
    deviation: Annotated[Float[np.ndarray, "*deviations"] | float, NON_NEGATIVE],
    spread: Positive,
) -> Float[np.ndarray, "*deviations"]:
    """Return an upper bound on the probability that a mean U over distinct pairs exceeds its
    expectation by at least t = `deviation`.

    The bound is exp(-2 floor(n/2) t^2 / (b - a)^2) for h in [a, b], where b - a is `spread`. It is
    that of floor(n/2) independent pairs. Source: Hoeffding 1963.
    """
    return np.asarray(np.exp(-2 * (n // 2) * np.square(deviation) / spread**2))


@guarded
def mean_largest_pair_deviation(
    weights: Annotated[
        Float[np.ndarray, "3"], Interval(1e-6, 1, why="a value of less weight is hardly ever drawn")
    ],
    losses: Float[np.ndarray, "3 3 classifiers"],
) -> float:
    """Return the limit, as n grows, of √n E max_w |U_n(w) - E U_n(w)| over finitely many
    classifiers w, where U_n(w) is the mean of a symmetric loss over the distinct pairs of n points
    with three values.

    The chances p of the values are proportional to `weights`, and `losses[j, k, w]` is the loss of
    a pair. With g_w(k) = Σ_j p_j h_w(j, k) - E h_w the limit is E max_w |2 Σ_k g_w(k) ξ_k|, where ξ
    is normal with the covariance diag(p) - pp' of one draw's counts: √(π/2) times a mean over the
    circle, on which ξ is a root of the covariance times a unit vector. Derived from Hoeffding's
    projection of U_n (1948) and the central limit theorem.
    """
    chances = weights / weights.sum()
    means = np.einsum("ijw,j->iw", losses, chances)
    projections = means - chances @ means
    two = chances[:2]
    root = np.linalg.cholesky(np.diag(two) - np.outer(two, two))
    angles = 2 * np.pi * np.arange(4000) / 4000
    on_circle = root @ np.array([np.cos(angles), np.sin(angles)])
    counts = np.vstack([on_circle, -on_circle.sum(axis=0)])
    largest = np.max(np.abs(2 * projections.T @ counts), axis=0)
    return float(np.sqrt(np.pi / 2) * np.mean(largest))
