"""How strong is the drift, the decay of the noise, the momentum or the reversion behind a
trajectory?

Each estimator takes a trajectory or the Gram matrix of its steps as `random_walk_test` does, raises
the same errors, and assumes that its cause is the only departure from a random walk with Gaussian
steps. Intervals are two-sided with the given `confidence`, hold to first order in 1 / effective
dimension, and are cut to the range of the parameter. For a trajectory without noise, which has no
interval, every estimator but that of the noise decay raises ValueError. Derived here, for the
processes of Antognini & Sohl-Dickstein 2018 (arXiv 1806.08805) with recorded points t = 1, ..., T.
"""

from statistics import NormalDist

import numpy as np
from jaxtyping import Float

from own_data.random_walk_pca.recording import (
    StepGram,
    Trajectory,
    checked_step_gram,
    effective_dimension,
)
from theory.random_walk_pca import linear_processes, ornstein_uhlenbeck
from theory_on_trial.contract import Fraction, guarded, require
from theory_on_trial.own_data.estimate import Estimate

# roundings, which the noise must exceed: its square is a difference of squares as large as the
# drift's
_CLEAR = 1000


@guarded(double=False)
def estimate_drift_ratio(
    trajectory: Trajectory | None = None,
    *,
    step_gram: StepGram | None = None,
    confidence: Fraction = 0.95,
) -> Estimate:
    """Return the squared drift of a step over the variance of its noise, with an interval.

    The process is x_t = x_{t-1} + μ + ξ_t with a drift μ and noise ξ_t of covariance Σ, and the
    value is |μ|^2 / tr(Σ) >= 0. The mean inner product of different steps is an unbiased estimate
    of |μ|^2. Its variance has two parts: that of the noise products, and that of the noise along μ,
    μ^T Σ μ, which the scatter of each step's own mean product shows. The effective dimension is
    that of the steps without their mean. Drift shows in the components once T times the value is of
    order one.

    Args:
        trajectory: T recorded points, one in each row; give either this or `step_gram`.
        step_gram: the inner products of the T - 1 steps between them.
        confidence: the probability with which the interval contains the true value.

    Raises ValueError also if the noise is below a thousand roundings, which is so for values above
    some 4e12, or above 8e3 for a Gram matrix in float32.

    >>> steps = np.random.default_rng(0).standard_normal((300, 500)) + 0.1
    >>> print(estimate_drift_ratio(np.cumsum(steps, axis=0)))
    0.009837 [0.008783, 0.01089]
    """
    from scipy.special import stdtrit

    gram = checked_step_gram(trajectory, step_gram)
    steps = len(gram)
    row_means = (gram.sum(axis=1) - np.diagonal(gram)) / (steps - 1)
    drift = row_means.mean()
    noise = np.trace(gram) / steps - drift
    dimension = effective_dimension(_centre(_centre(gram).T))
    ulps = np.spacing((gram if step_gram is None else np.asarray(step_gram)).max()).astype(float)
    if trajectory is not None:
        ends = (np.spacing(np.asarray(trajectory[t])).astype(float) for t in (0, -1))
        # They add a sixth of this to the noise
        ulps = max(ulps, *(np.sum(end**2) / 30 for end in ends))
    told = f"got squares of drift, noise and rounding of {drift:.3g}, {noise:.3g} and {ulps:.3g}"
    require(
        noise > _CLEAR * ulps,
        f"step_gram (or that of the trajectory) must have noise far above rounding, {told}",
    )
    products = noise**2 / dimension
    along_drift = max(0.0, row_means.var(ddof=1) - products / (steps - 1))
    # The three parts: noise against noise, noise along the drift, and the noise variance in the
    # denominator.
    variance = 2 * products / (steps * (steps - 1)) + 4 * along_drift / steps
    variance = variance / noise**2 + 2 * (drift / noise) ** 2 / (steps * dimension)
    # The scatter along μ is of so many steps
    deviations = -stdtrit(steps - 1, (1 - confidence) / 2)
    return _within(0.0, np.inf, drift / noise, deviations * np.sqrt(variance))


@guarded(double=False)
def estimate_noise_decay(
    trajectory: Trajectory | None = None,
    *,
    step_gram: StepGram | None = None,
    confidence: Fraction = 0.95,
) -> Estimate:
    """Return the exponent p of a noise variance that falls as t^-p, with an interval.

    The variance is that of the step into the point t = 2, ..., T, and p may be any real number. The
    estimate is by least squares of the logarithm of the squared step length on log t, with
    Student's interval. It needs no effective dimension, and only that the relative scatter of the
    step lengths is the same at all times.

    Args:
        trajectory: T recorded points, one in each row; give either this or `step_gram`.
        step_gram: the inner products of the T - 1 steps between them.
        confidence: the probability with which the interval contains the true value.

    Raises ValueError also if a step has length zero.
    """
    from scipy.stats import linregress, t

    gram = checked_step_gram(trajectory, step_gram)
    squares = np.diagonal(gram)
    still = int(np.argmin(squares)) + 1
    require(
        np.all(squares > 0),
        f"every step of the trajectory must move to have a noise decay, step {still} does not",
    )
    line = linregress(np.log(np.arange(2, squares.size + 2)), np.log(squares))
    scatter = line.stderr if np.ptp(squares) > 0 else 0.0  # steps of one length lie on the line
    return _within(
        -np.inf, np.inf, -line.slope, t.isf((1 - confidence) / 2, squares.size - 2) * scatter
    )


@guarded(double=False)
def estimate_momentum(
    trajectory: Trajectory | None = None,
    *,
    step_gram: StepGram | None = None,
    confidence: Fraction = 0.95,
) -> Estimate:
    """Return the momentum γ of the steps, from 0 to 1, with an interval.

    The process is v_t = γ v_{t-1} + ξ_t, x_t = x_{t-1} + v_t. γ is also the factor of an
    exponential moving average of a walk. The estimate is by least squares of each step on the one
    before, which is the most likely γ given the first step. The effective dimension is that of the
    residuals.

    Args:
        trajectory: T recorded points, one in each row; give either this or `step_gram`.
        step_gram: the inner products of the T - 1 steps between them.
        confidence: the probability with which the interval contains the true value.
    """
    gram = checked_step_gram(trajectory, step_gram)
    deviations = -NormalDist().inv_cdf((1 - confidence) / 2)
    cross = gram[1:, :-1]
    before = gram[:-1, :-1]
    momentum = np.trace(cross) / np.trace(before)
    residuals = gram[1:, 1:] - momentum * (cross + cross.T) + momentum**2 * before
    noise = np.trace(residuals) / len(residuals)
    half_width = deviations * np.sqrt(noise / (effective_dimension(residuals) * np.trace(before)))
    return _within(0.0, 1.0, momentum, half_width)


@guarded(double=False)
def estimate_reversion(
    trajectory: Trajectory | None = None,
    *,
    step_gram: StepGram | None = None,
    confidence: Fraction = 0.95,
) -> Estimate:
    """Return the rate α, from 0 to below 2, at which a trajectory reverts to its centre, with an
    interval.

    The process is that of Ornstein and Uhlenbeck, x_t = (1 - α) x_{t-1} + ξ_t, started at its
    centre. The ratio of the total variance of the points to that of the steps falls from (T^2 - 1)
    / 6 for the walk to about T / (2 α) and beyond; the estimate is the α at which the exact ratio
    equals the observed one. The logarithm of the observed ratio is normal with the relative
    variance (2 / d) |K / tr K - V / tr V|^2, where d is the effective dimension, and K and V are
    the population covariances over time of the points and of the steps. A rate far below 1 / T
    cannot be told from zero.

    Args:
        trajectory: T recorded points, one in each row; give either this or `step_gram`.
        step_gram: the inner products of the T - 1 steps between them.
        confidence: the probability with which the interval contains the true value.
    """
    gram = checked_step_gram(trajectory, step_gram)
    deviations = -NormalDist().inv_cdf((1 - confidence) / 2)
    points = len(gram) + 1
    step = np.arange(1, points)
    apart = step @ np.triu(gram, 1) @ (points - step)
    own = np.diagonal(gram) @ (step * (points - step))
    total_variance = (2 * apart + own) / points
    log_ratio = np.log(total_variance / np.trace(gram))
    rate = _rate_of_log_ratio(log_ratio, points)
    half_width = (
        deviations * np.sqrt(2 / effective_dimension(gram)) * _spread_of_log_ratio(points, rate)
    )
    return Estimate(
        rate,
        _rate_of_log_ratio(log_ratio + half_width, points),
        _rate_of_log_ratio(log_ratio - half_width, points),
    )


def _log_variance_ratio(rate: float, points: int) -> float:
    """Return the logarithm of the total variance of an Ornstein-Uhlenbeck process over that of its
    steps, which falls with the rate.
    """
    response = ornstein_uhlenbeck.impulse_response(points, rate)
    step_response = np.diff(response, prepend=0.0)
    steps_variance = np.cumsum(step_response**2)[1:].sum()
    return float(np.log(linear_processes.toeplitz_total_variance(response) / steps_variance))


def _rate_of_log_ratio(target: float, points: int) -> float:
    """Return the rate at which the ratio has this logarithm, or the end of the range beyond which
    the rate lies.
    """
    from scipy.optimize import brentq

    fastest = float(np.nextafter(2.0, 0.0))
    if target >= _log_variance_ratio(0.0, points):
        return 0.0
    if target <= _log_variance_ratio(fastest, points):
        return fastest
    return float(
        brentq(
            lambda rate: _log_variance_ratio(rate, points) - target,
            0.0,
            fastest,
            xtol=1e-12 / points,
        )
    )


def _spread_of_log_ratio(points: int, rate: float) -> float:
    """Return the Frobenius norm |K / tr K - V / tr V| over the noise.

    K is A^T C A and V is A^T B^T B A, from the responses A of the points to the noise, the
    centring C and the differences B. Both are summed by diagonals: two noises are `lag` steps
    apart, and `after` points follow the later one.
    """
    response = ornstein_uhlenbeck.impulse_response(points, rate)
    lag, after = np.ogrid[:points, :points]
    inside = lag + after < points
    sums = np.cumsum(response)
    earlier = np.minimum(lag + after, points - 1)

    def products(of: Float[np.ndarray, " points"]) -> Float[np.ndarray, "points points"]:
        return np.cumsum(of[earlier] * of, axis=1)

    of_points = products(response) - sums[earlier] * sums[after] / points
    of_steps = products(np.diff(response, prepend=0.0))
    of_steps[0, -1] -= response[0] ** 2  # nothing steps into the first point
    difference = of_points / of_points[0].sum() - of_steps / of_steps[0].sum()
    difference[1:] *= np.sqrt(2)
    return float(np.linalg.norm(difference[inside]))


def _centre(rows: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "rows columns"]:
    return rows - rows.mean(axis=0)


def _within(least: float, most: float, value: float, half_width: float) -> Estimate:
    ends = np.clip([value, value - half_width, value + half_width], least, most)
    return Estimate(*ends.tolist())
