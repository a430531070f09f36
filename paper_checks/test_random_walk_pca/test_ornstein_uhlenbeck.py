"""The discrete Ornstein-Uhlenbeck process: spectrum, components, trapping."""

from typing import Annotated

import jax.numpy as jnp
import numpy as np

from paper_checks.test_random_walk_pca import TRAPPED, ThreePoints
from sims.random_walk_pca import infinite_dimension, trajectories
from theory.random_walk_pca import ornstein_uhlenbeck, plain_walk
from theory_on_trial import claim, derived, tried
from theory_on_trial.contract import MOST, Interval
from theory_on_trial.laws import Asymptotic

SECULAR = derived(
    "an eigenvector is a sum of two waves and a constant, and the two ends and the mean "
    "give an equation for the frequency"
)
SPECTRA = [(50, 0.04), (200, 0.01), (100, 0.3), (60, 1.5), (60, 1.9), (60, 0.999)]
Rate = Annotated[float, Interval(1e-4, 1.99, why="below, a walk; at 2 the process is unstable")]
"""α, the pull of one step."""
Trapping = Annotated[
    float, Interval(0.05, 0.9, why="the sphere is reached, and its radius is told from others")
]
"""α of a process that settles within a few points."""
TrappedPoints = Annotated[int, Interval(3, 100, why="tens of thousands are drawn")]
TrappedDimension = Annotated[
    int, Interval(30, MOST, why="with fewer, the squared norm scatters by more than a quarter")
]
FewDimensions = Annotated[int, Interval(4, 7, why="with more, too few visits are seen")]


def share_of_start(trial, n_points, rate):
    """Return (1 - α)^(2 T), by which E[|x_T|²] falls short of its limit; require it to be small."""
    share = (1 - rate) ** (2 * n_points)
    trial.require(
        share <= 0.002,
        f"n_points must let the start fade: (1 - rate)^(2 n_points) is {share:.2g}, above .002",
    )
    return share


@claim(SECULAR, kind="identity", cases=SPECTRA)
def test_ou_exact(trial, n_points: ThreePoints, rate: Rate):
    """Let $x_t = b x_(t-1) + ξ_t$, $t = 1, …, T$, with $x_0 = 0$, $b = 1 - α$, $0 < α < 2$, and
    independent steps of $E[|ξ_t|²] = 1$. The eigenvalues of the covariance over time of the centred
    points are $1 / μ$ at the $T - 1$ roots $ω$ in $(0, π)$ of
    $(T α² - μ sum_t cos(ω t)) v + μ u sum_t sin(ω t) = 0$, where $μ = α² + b (2 - 2 cos ω)$,
    $u = cos((T + 1) ω) - b cos(T ω) - α$ and $v = sin((T + 1) ω) - b sin(T ω)$.
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
    """Let $x_t = b x_(t-1) + ξ_t$, $t = 1, …, T$, with $x_0 = 0$, $b = 1 - α$, $0 < α < 2$ and
    independent steps. The first three principal components over time are
    $α² v - μ v cos(ω t) + μ u sin(ω t)$ at the roots $ω$ in $(0, π)$ with the smallest $μ$ of
    $(T α² - μ sum_t cos(ω t)) v + μ u sum_t sin(ω t) = 0$, where $μ = α² + b (2 - 2 cos ω)$,
    $u = cos((T + 1) ω) - b cos(T ω) - α$ and $v = sin((T + 1) ω) - b sin(T ω)$.

    Of a circulant matrix they would be cosines.
    """
    trial.require(abs(rate - 1) >= 1e-4, "rate must not be 1: eigenvectors are not defined there")
    covariance = np.asarray(infinite_dimension.covariance(n_points, reversion=rate))
    count = min(3, n_points - 1)
    variances = ornstein_uhlenbeck.eigenvalues(n_points, rate)[:count]

    def residual(modes):
        """K u_k - λ_k u_k in column k - 1, which is 0 of eigenvectors."""
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
        "the totals differ by the share $3 / (2 α T)$; to first order in $α$ the covariance of "
        "the times $s$ and $t$ loses $α s t$"
    ),
    kind="bound",
    cases=[400, 1600, 6400],
)
def test_ou_circulant_limit(
    trial,
    n_points: Annotated[int, Interval(40, 10_000, why="the recursion runs hundreds of times")],
):
    """Let $x_t = (1 - α) x_(t-1) + ξ_t$, $t = 1, …, T$, with $x_0 = 0$ and independent steps. The
    eigenvalues $1 / (α² + (1 - α) (2 - 2 cos(π k / T)))$ of a circulant matrix give the share of
    the first principal component in the total variance with a relative error of at most
    $3 / (2 α T)$ for $4 / T <= α <= 1/5$, and of at most $(8 / π² - 1/2) α T$ for $α T <= 0.1$.

    They are those of the paper, as recalled, where they stand for long walks.
    """
    # Values of α T, up to α = 1/5
    small = np.array([0.003, 0.01, 0.03, 0.1])
    large = np.geomspace(4, 400, 8)
    crossovers = np.concatenate([small, large[large <= n_points / 5]])

    def relative_error(crossover):
        rate = crossover / n_points
        spectrum = infinite_dimension.leading_spectrum(n_points, 1, reversion=rate)
        circulant = ornstein_uhlenbeck.circulant_eigenvalues(n_points, rate)
        exact_share = spectrum.eigenvalues[0] / spectrum.total_variance
        return abs(circulant.max() / circulant.sum() / exact_share - 1)

    def bounds(for_large, for_small):
        """The bound for_large / (α T) or for_small α T at all crossovers."""
        return np.where(crossovers >= 4, for_large / crossovers, for_small * crossovers)

    trial.bound(
        [relative_error(crossover) for crossover in crossovers],
        bounds(1.5, 8 / np.pi**2 - 0.5),
        instances="grid",
        ops=4 * n_points,
        scale=1.0,
        controls={
            "half the constants": bounds(0.75, 4 / np.pi**2 - 0.25),
            "5 % at most": np.minimum(
                np.where(crossovers >= 4, 1.5 / crossovers, crossovers / 3), 0.05
            ),
        },
    )


@claim(
    derived("for large $α T$ the ends of the components change from free to fixed"),
    kind="limit",
)
def test_ou_sine_not_cosine(
    trial,
    n_points: Annotated[
        int, Interval(1600, 4000, why="fewer revert at once at the largest α T")
    ] = 1600,
    crossover: Annotated[
        float,
        Interval(15, 25, why="16 times less is not large, 16 times more has close eigenvalues"),
    ] = 20.0,
):
    """Let $x_t = (1 - α) x_(t-1) + ξ_t$, $t = 1, …, T$, with $x_0 = 0$ and independent steps. As
    $α T$ grows with $α$ small, the squared overlap of the first principal component over time with
    the cosine $cos(π (t - 1/2) / T)$ tends to $(8 / (3 π))² = 0.72$.

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
        controls={"the component stays that cosine": 1.0, "the overlap 1/2": 0.5},
    )


@claim(
    derived("the largest eigenvalues tend to $1 / α²$, and the variance of a point to its limit"),
    kind="limit",
    cases=[0.3, 0.6],
)
def test_ou_spread(
    trial,
    rate: Annotated[
        float, Interval(0.3, 0.8, why="above 1 other frequencies lead; below, T must be larger")
    ],
    n_points: Annotated[int, Interval(100, 200, why="fewer are far from the limit")] = 100,
):
    """Let $x_t = (1 - α) x_(t-1) + ξ_t$, $t = 1, …, T$, with $x_0 = 0$, $0 < α < 1$ and independent
    steps. As $T$ grows with $α$ fixed, $T$ times the share of the first five principal components
    in the total variance tends to $5 (2 - α) / α$.

    So most of the variance is in the first few components only while α T is of the order of one.
    At T = 1600 the first five have 60, 16 and 3 % at α T = 10, 60 and 300.
    """
    sizes = n_points * 2 ** np.arange(5)

    def scaled_share(n):
        spectrum = infinite_dimension.leading_spectrum(n, 5, reversion=rate)
        return n * np.sum(spectrum.eigenvalues) / spectrum.total_variance

    limit = 5 * (2 - rate) / rate
    trial.limit(
        np.array([scaled_share(n) for n in sizes.tolist()]),
        sizes,
        limit,
        order=(1, 2),
        margin=0.01 * limit,
        controls={"$10 / α$, as in continuous time": 10 / rate, "$5 / α$": 5 / rate},
    )


@claim(
    tried(TRAPPED, "its mean square, of steps in discrete time"),
    kind="distribution",
    cases=[(12, 2000, 0.25), (6, 4000, 0.5)],
)
def test_ou_trapping(trial, n_points: TrappedPoints, dim: TrappedDimension, rate: Trapping):
    """Let $x_t = (1 - α) x_(t-1) + ξ_t$ with $0 < α < 2$ and independent steps of $E[|ξ_t|²] = 1$.
    As $t$ grows, $E[|x_t|²]$ tends to $1 / (α (2 - α))$.
    """
    start = share_of_start(trial, n_points, rate)
    limit = ornstein_uhlenbeck.trapping_radius(rate) ** 2

    def last_squared_norm(key):
        noise = trajectories.equivalent_gaussian_noise(key, n_points, dim)
        return jnp.sum(trajectories.trajectory(noise, reversion=rate)[-1] ** 2)

    trial.mean(
        last_squared_norm,
        limit,
        law=Asymptotic(),
        slack=start * limit,
        margin=(0.007 + start) * limit,
        controls={
            "$1 / (2 α)$, as in continuous time": 1 / (2 * rate),
            "$1 / α²$": 1 / rate**2,
        },
        first=512,
    )


@claim(
    derived("as $t$ grows, $|x_t|²$ becomes a multiple of a chi-square of $d$ degrees of freedom"),
    kind="distribution",
    cases=[(8, 2000, 0.4), (6, 3, 0.6)],
)
def test_ou_trapping__spread(
    trial,
    n_points: Annotated[int, Interval(3, 10, why="three to this power walks are run")],
    dim: Annotated[int, Interval(1, MOST, why="it enters a formula alone, and floats hold it")],
    rate: Trapping,
):
    """Let $x_t = (1 - α) x_(t-1) + ξ_t$ in $d$ dimensions with $0 < α < 2$ and independent
    isotropic Gaussian steps. As $t$ grows, the standard deviation of $|x_t|²$, divided by its mean,
    tends to $sqrt(2 / d)$.
    """
    start = share_of_start(trial, n_points, rate)
    # One coordinate with steps of variance 1 takes all paths whose steps are nodes of the rule of
    # Gauss and Hermite. Of three nodes means of polynomials up to degree five are exact.
    nodes, weights = np.polynomial.hermite_e.hermegauss(3)
    choices = np.indices((3,) * n_points).reshape(n_points, -1)
    chances = np.prod(weights[choices] / weights.sum(), axis=0)
    squares = np.asarray(trajectories.trajectory(nodes[choices], reversion=rate))[-1] ** 2
    # |x_t|² is the mean of d such squares, which are independent.
    variance_of_square = chances @ squares**2 - (chances @ squares) ** 2
    limit_of_mean = ornstein_uhlenbeck.trapping_radius(rate) ** 2
    variance = (ornstein_uhlenbeck.squared_norm_relative_std(dim) * limit_of_mean) ** 2
    trial.value(
        variance_of_square / dim,
        variance,
        error=4 * choices.shape[1] * 2.0**-53 * 3 * variance,
        slack=2 * start * variance,
        margin=(0.001 + 2 * start) * variance,
        controls={
            "$sqrt(1 / d)$": variance / 2,
            "the mean $1 / (2 α)$": (1 / rate) ** 2 / (2 * dim),
        },
    )


def _comes_close(n_points, dim, rate):
    """Return a function that samples a walk, and tells whether |x_T| < r / 2."""
    close = ornstein_uhlenbeck.trapping_radius(rate) ** 2 / 4

    def event(key):
        noise = trajectories.noise(key, n_points, dim)
        squared_norm = jnp.sum(trajectories.trajectory(noise, reversion=rate)[-1] ** 2)
        return squared_norm < close

    return event


@claim(
    tried(TRAPPED, "half of this distance, and Chernoff's bound on how often it is seen"),
    kind="bound",
    cases=[(12, 4, 0.25), (8, 5, 0.4)],
    not_tight="Chernoff's bound lacks its prefactor: best known ratio .53, in one dimension",
)
def test_ou_not_mean_reverting(trial, n_points: TrappedPoints, dim: FewDimensions, rate: Trapping):
    """Let $x_t = (1 - α) x_(t-1) + ξ_t$ in $d$ dimensions with $0 < α < 2$ and independent
    isotropic Gaussian steps of $E[|ξ_t|²] = 1$, and let $r = 1 / sqrt(α (2 - α))$, the distance
    from the minimum at which $|x_t|$ settles. After many steps $P(|x_t| < r / 2)$ is at most
    $exp(-0.318 d)$.
    """
    share_of_start(trial, n_points, rate)
    trial.probability(
        _comes_close(n_points, dim, rate),
        ornstein_uhlenbeck.escape_probability_bound(0.25, dim),
        side="at most",
        controls={"$exp(-d)$": np.exp(-dim)},
        control_processes={"a quarter of the dimensions": _comes_close(n_points, dim // 4, rate)},
        first=16_384,
        vectorised=True,
    )
