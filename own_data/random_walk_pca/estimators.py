"""How strong is the drift, the decay of the noise, the momentum or the reversion behind a
trajectory?

Each estimator takes a trajectory or the Gram matrix of its steps as `random_walk_test` does, raises
the same errors, and assumes that its cause is the only departure from a random walk with Gaussian
steps. Intervals are two-sided with the given `confidence`, to first order in 1 / effective
dimension, and cut to the parameter's range. A trajectory without noise has no interval and raises,
except for the noise decay. Derived here, for the processes of Antognini & Sohl-Dickstein 2018
(arXiv 1806.08805) with recorded points t = 1, ..., T.
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
    """Squared drift over noise, |μ|^2 / tr(Σ) >= 0 per step, of x_t = x_{t-1} + μ + ξ_t.

    The mean inner product of different steps is an unbiased |μ|^2. Its variance is that of the
    noise products, and of the noise along μ, μ^T Σ μ, which the scatter of each step's own mean
    product shows. The effective dimension is that of the steps without their mean. Drift shows in
    the components once T times the value is of order one. Raises ValueError also for noise of a
    thousand roundings: values above 4e12 or so, of a Gram matrix in float32 8e3.

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
    """Exponent p, any real number, of a noise variance that falls as t^-p, for the step into point
    t = 2, ..., T.

    Least squares of the logarithm of the squared step length on log t, with Student's interval: it
    needs no effective dimension, and only that the relative scatter of the step lengths is the same
    at all times. Raises ValueError also if a step has length zero.
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
    """Momentum γ in [0, 1] of v_t = γ v_{t-1} + ξ_t, x_t = x_{t-1} + v_t.
    This is also the factor of an exponential moving average of a walk. Least squares of each step
    on the one before, which is the likeliest γ given the first step; the effective dimension is
    that of the residuals.
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
    """Rate α in [0, 2) of the Ornstein-Uhlenbeck process x_t = (1 - α) x_{t-1} + ξ_t, started at
    its centre.

    The ratio of the total variance of the points to that of the steps falls from (T^2 - 1) / 6 for
    the walk to about T / (2 α) and beyond; α is where the exact ratio is the observed one. The
    logarithm of the observed ratio is normal with relative variance (2 / d) |K / tr K - V / tr
    V|^2, with K and V the population covariances over time of the points and the steps. A rate far
    below 1 / T cannot be told from zero.
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
    """Logarithm of the total variance of an Ornstein-Uhlenbeck process over that of its steps;
    falls with the rate.
    """
    response = ornstein_uhlenbeck.impulse_response(points, rate)
    step_response = np.diff(response, prepend=0.0)
    steps_variance = np.cumsum(step_response**2)[1:].sum()
    return float(np.log(linear_processes.toeplitz_total_variance(response) / steps_variance))


def _rate_of_log_ratio(target: float, points: int) -> float:
    """The rate at which the ratio has this logarithm, or the end of the range beyond which it
    lies.
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
    """Frobenius norm |K / tr K - V / tr V| over the noise, that is between A^T C A and A^T B^T B A.

    Both by diagonals: noise `lag` apart, with `after` points that follow the later of the two.
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
