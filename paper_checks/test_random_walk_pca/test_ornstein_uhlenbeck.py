"""The discrete Ornstein-Uhlenbeck process: spectrum, components, trapping."""

from typing import Annotated

import jax.numpy as jnp
import numpy as np

from paper_checks.test_random_walk_pca import TRAPPED, Points, ThreePoints
from sims.random_walk_pca import infinite_dimension, trajectories
from theory.random_walk_pca import ornstein_uhlenbeck, plain_walk
from theory_on_trial import claim, derived
from theory_on_trial.contract import MOST, Interval
from theory_on_trial.laws import Asymptotic

SECULAR = derived(
    "an eigenvector is a sum of two waves and a constant, and the two ends and the mean "
    "give an equation for the frequency"
)
SPECTRA = [(50, 0.04), (200, 0.01), (100, 0.3), (60, 1.5), (60, 1.9), (60, 0.999)]
Rate = Annotated[float, Interval(1e-4, 1.99, why="below, a walk; at 2 the process is unstable")]
"""α."""
Trapping = Annotated[
    float, Interval(0.05, 0.9, why="the circle is reached, and its radius is told from others")
]
"""α of a process that settles within a few points."""
TrappedPoints = Annotated[int, Interval(3, 100, why="tens of thousands are drawn")]
TrappedDimension = Annotated[
    int, Interval(30, MOST, why="with fewer, the norm scatters as much as it is")
]
FewDimensions = Annotated[int, Interval(4, 7, why="with more, too few visits are seen")]


def settled_points(trial, n_points, rate):
    """Require that hardly anything is left of the start; return its share of the squared norm."""
    left = (1 - rate) ** (2 * n_points)
    trial.require(
        left <= 0.002,
        f"n_points must let the start fade: (1 - rate)^(2 n_points) is {left:.2g}, above .002",
    )
    return left


@claim(SECULAR, kind="identity", cases=SPECTRA)
def test_ou_exact(trial, n_points: ThreePoints, rate: Rate):
    """Let x_t = b x_(t-1) + ξ_t, t = 1, …, T, with x_0 = 0, b = 1 - α, 0 < α < 2, and independent
    steps of E[|ξ_t|²] = 1. The eigenvalues of the covariance over time of the centred points are 1
    / μ at the T - 1 roots ω in (0, π) of (T α² - μ sum_t cos(ω t)) v + μ u sum_t sin(ω t) = 0,
    where μ = α² + b (2 - 2 cos ω), u = cos((T + 1) ω) - b cos(T ω) - α and v = sin((T + 1) ω) - b
    sin(T ω).
    """
    trial.require(
        abs(rate - 1) >= 1e-4, "rate must not be 1: all eigenvalues are one, in any formula"
    )
    exact = ornstein_uhlenbeck.eigenvalues(n_points, rate)
    circulant = np.sort(ornstein_uhlenbeck.circulant_eigenvalues(n_points, rate))[::-1]
    trial.identity(
        infinite_dimension.spectrum(n_points, reversion=rate),
        exact,
        ops=3,
        # Near rate 2 frequencies lie near π, and terms cancel.
        scale=n_points * exact[0] / min(1, 2 - rate),
        controls={"the circulant formula": circulant},
    )


@claim(SECULAR, kind="identity", cases=SPECTRA)
def test_ou_exact__modes(trial, n_points: ThreePoints, rate: Rate):
    """Let x_t = b x_(t-1) + ξ_t, t = 1, …, T, with x_0 = 0, b = 1 - α, 0 < α < 2 and independent
    steps. The first three principal components over time are α² v - μ v cos(ω t) + μ u sin(ω t) at
    the roots ω in (0, π) with the smallest μ of (T α² - μ sum_t cos(ω t)) v + μ u sum_t sin(ω t) =
    0, where μ = α² + b (2 - 2 cos ω), u = cos((T + 1) ω) - b cos(T ω) - α and v = sin((T + 1) ω) -
    b sin(T ω).

    The paper has cosines in their place.
    """
    trial.require(abs(rate - 1) >= 1e-4, "rate must not be 1: eigenvectors are not defined there")
    covariance = np.asarray(infinite_dimension.covariance(n_points, reversion=rate))
    count = min(3, n_points - 1)
    variances = ornstein_uhlenbeck.eigenvalues(n_points, rate)[:count]

    def residual(modes):
        return covariance @ modes - modes * variances

    trial.identity(
        residual(ornstein_uhlenbeck.modes(n_points, rate, count)),
        np.zeros((n_points, count)),
        # Phases of up to n π are rounded by n π / 2 units, and so are the three terms of a mode.
        ops=5 * n_points,
        scale=variances[0] / min(1, 2 - rate),
        control_processes={
            "the walk's cosines": residual(plain_walk.cosine_modes(n_points, count))
        },
    )


@claim(
    derived(
        "the totals differ by the share 3 / (2 α T); to first order in α the covariance of "
        "the times s and t loses α s t"
    ),
    kind="bound",
    cases=[400, 1600, 6400],
)
def test_ou_circulant_limit(
    trial,
    n_points: Annotated[int, Interval(40, 10_000, why="the recursion runs hundreds of times")],
):
    """Let x_t = (1 - α) x_(t-1) + ξ_t, t = 1, …, T, with x_0 = 0 and independent steps. The paper's
    eigenvalues 1 / (α² + (1 - α) (2 - 2 cos(π k / T))) give the share of the first principal
    component in the total variance with a relative error of at most 3 / (2 α T) for α T >= 4, and
    of at most (8 / π² - 1/2) α T for α T <= 0.1.
    """
    small = np.array([0.003, 0.01, 0.03, 0.1])
    large = np.geomspace(4, 400, 8)
    c = np.concatenate([small, large[large <= n_points / 5]])

    def relative_error(crossover):
        spectrum = infinite_dimension.leading_spectrum(n_points, 1, reversion=crossover / n_points)
        formula = ornstein_uhlenbeck.circulant_eigenvalues(n_points, crossover / n_points)
        return abs(
            formula.max() / formula.sum() / (spectrum.eigenvalues[0] / spectrum.total_variance) - 1
        )

    errors = [relative_error(crossover) for crossover in c]
    bounds = np.where(c >= 4, 1.5 / c, (8 / np.pi**2 - 0.5) * c)
    controls = {
        "half the constants": np.where(c >= 4, 0.75 / c, (4 / np.pi**2 - 0.25) * c),
        "5 % at most": np.minimum(np.where(c >= 4, 1.5 / c, c / 3), 0.05),
    }
    trial.bound(errors, bounds, instances="grid", ops=4 * n_points, scale=1.0, controls=controls)


@claim(
    derived("for large α T the ends of the components change from free to fixed"),
    kind="limit",
)
def test_ou_sine_not_cosine(
    trial,
    n_points: Annotated[
        int, Interval(1600, 4000, why="fewer revert at once at the largest α T")
    ] = 1600,
    crossover: Annotated[
        float, Interval(15, 25, why="sixteen times as much is large, and eigenvalues apart")
    ] = 20.0,
):
    """Let x_t = (1 - α) x_(t-1) + ξ_t, t = 1, …, T, with x_0 = 0 and independent steps. As α T
    grows with α small, the squared overlap of the first principal component over time with the
    cosine cos(π (t - 1/2) / T) tends to (8 / (3 π))² = 0.72.

    This is the overlap of a full sine with half a cosine.
    """
    crossovers = crossover * 2.0 ** np.arange(5)

    cosine = plain_walk.cosine_modes(n_points, 1)

    def cosine_content(crossover):
        spectrum = infinite_dimension.leading_spectrum(n_points, 1, reversion=crossover / n_points)
        return np.sum(spectrum.time_courses * cosine) ** 2

    trial.limit(
        np.array([cosine_content(c) for c in crossovers]),
        crossovers,
        (8 / (3 * np.pi)) ** 2,
        order=(1, 2),
        margin=0.003,
        controls={"half a cosine": 1.0, "the overlap 1/2": 0.5},
    )


@claim(TRAPPED, kind="distribution", cases=[(12, 2000, 0.25), (6, 4000, 0.5)])
def test_ou_trapping(trial, n_points: TrappedPoints, dim: TrappedDimension, rate: Trapping):
    """Let x_t = (1 - α) x_(t-1) + ξ_t with 0 < α < 2 and independent steps of E[|ξ_t|²] = 1. As t
    grows, E[|x_t|²] tends to 1 / (α (2 - α)).
    """
    left = settled_points(trial, n_points, rate)
    plateau = ornstein_uhlenbeck.trapping_radius(rate) ** 2

    def squared_norm(key):
        noise = trajectories.equivalent_gaussian_noise(key, n_points, dim)
        return jnp.sum(trajectories.trajectory(noise, reversion=rate)[-1] ** 2)

    margin = (0.007 + left) * plateau
    rivals = {"1 / (2 α)": 1 / (2 * rate), "1 / α^2": 1 / rate**2}
    trial.mean(
        squared_norm,
        plateau,
        law=Asymptotic(),
        slack=left * plateau,
        margin=margin,
        controls=rivals,
        first=512,
    )


@claim(
    derived(
        "a geometric sum, since each step multiplies the mean squared norm by (1 - α)^2 and adds 1"
    ),
    kind="identity",
    cases=[(50, 0.04), (50, 0.0), (20, 1.0), (30, 1.7)],
)
def test_ou_trapping__start(
    trial,
    n_points: Points,
    rate: Annotated[float, Interval(0, 1.99, why="at 2 the process is unstable")],
):
    """Let x_t = b x_(t-1) + ξ_t with x_0 = 0 and independent steps of E[|ξ_t|²] = 1. Then E[|x_t|²]
    = (1 - b^(2 t)) / (1 - b²), which is t for b = 1.
    """
    steps = np.arange(1, n_points + 1)
    norms = ornstein_uhlenbeck.mean_squared_norm(steps, rate)
    measured = infinite_dimension.expected_squared_norms(n_points, reversion=rate)
    unsquared = norms / (1 + (1 - rate) ** steps) * (1 - rate / 2)
    trial.identity(
        measured, norms, ops=6 * n_points, scale=norms, controls={"(1 - b^t) / (2 α)": unsquared}
    )


@claim(
    derived("as t grows, |x_t|² becomes a multiple of a chi-square of d degrees of freedom"),
    kind="distribution",
    cases=[(8, 2000, 0.4), (6, 3, 0.6)],
)
def test_ou_trapping__spread(
    trial,
    n_points: Annotated[int, Interval(3, 10, why="three to this power walks are run")],
    dim: Annotated[int, Interval(1, MOST, why="it enters a formula alone, and floats hold it")],
    rate: Trapping,
):
    """Let x_t = (1 - α) x_(t-1) + ξ_t in d dimensions with 0 < α < 2 and independent isotropic
    Gaussian steps. As t grows, the standard deviation of |x_t|², divided by its mean, tends to
    sqrt(2 / d).
    """
    left = settled_points(trial, n_points, rate)
    # Three nodes of Gauss and Hermite for each step: means of polynomials up to degree five are
    # exact.
    nodes, weights = np.polynomial.hermite_e.hermegauss(3)
    choices = np.indices((3,) * n_points).reshape(n_points, -1)
    chances = np.prod(weights[choices] / weights.sum(), axis=0)
    squares = np.asarray(trajectories.trajectory(nodes[choices], reversion=rate))[-1] ** 2
    plateau = ornstein_uhlenbeck.trapping_radius(rate) ** 2
    variance = (ornstein_uhlenbeck.squared_norm_relative_std(dim) * plateau) ** 2
    trial.value(
        (chances @ squares**2 - (chances @ squares) ** 2)
        / dim,  # the mean of dim coordinates, each independent
        variance,
        error=4 * choices.shape[1] * 2.0**-53 * 3 * variance,
        slack=2 * left * variance,
        margin=(0.001 + 2 * left) * variance,
        controls={
            "sqrt(1 / d)": variance / 2,
            "the mean 1 / (2 α)": (1 / rate) ** 2 / (2 * dim),
        },
    )


def _comes_close(n_points, dim, rate):
    """Return the event that the walker is within half of the trapping radius."""
    close = ornstein_uhlenbeck.trapping_radius(rate) ** 2 / 4

    def event(key):
        noise = trajectories.noise(key, n_points, dim)
        return jnp.sum(trajectories.trajectory(noise, reversion=rate)[-1] ** 2) < close

    return event


@claim(
    derived("Chernoff's bound for a chi-square of d degrees of freedom"),
    kind="bound",
    cases=[(12, 4, 0.25), (8, 5, 0.4)],
    not_tight="Chernoff's bound lacks its prefactor: best known ratio .53, in one dimension",
)
def test_ou_not_mean_reverting(trial, n_points: TrappedPoints, dim: FewDimensions, rate: Trapping):
    """Let x_t = (1 - α) x_(t-1) + ξ_t in d dimensions with 0 < α < 2 and independent isotropic
    Gaussian steps of E[|ξ_t|²] = 1, and let r = 1 / sqrt(α (2 - α)), the distance from the minimum
    at which |x_t| settles. After many steps P(|x_t| < r / 2) is at most exp(-0.318 d).
    """
    settled_points(trial, n_points, rate)
    trial.probability(
        _comes_close(n_points, dim, rate),
        ornstein_uhlenbeck.escape_probability_bound(0.25, dim),
        side="at most",
        controls={"exp(-d)": np.exp(-dim)},
        control_processes={"a quarter of the dimensions": _comes_close(n_points, dim // 4, rate)},
        first=16_384,
        vectorised=True,
    )
