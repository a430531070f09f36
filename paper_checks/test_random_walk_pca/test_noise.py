"""The noise: its law, its effective dimension, its projection, and how it is sampled."""

from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from paper_checks.test_random_walk_pca import SampledPoints
from sims.random_walk_pca import infinite_dimension, pca, trajectories
from sims.wishart import bartlett_factor
from theory.random_walk_pca import finite_dimension, plain_walk
from theory_on_trial import claim, derived
from theory_on_trial.contract import MOST, Interval
from theory_on_trial.laws import Asymptotic, Bounded, NormalVariance, RatioOfMeans

SECOND_ORDER = 3
"""The variance of ρ_1 is off its first order by at most this over d; 1.3 to 2.9 was seen of laws
with all moments.
"""
KURTOSIS = {"rademacher": -2.0, "uniform": -1.2, "laplace": 3.0, "student": 6.0}
StepLaw = Literal["rademacher", "uniform", "laplace", "student"]
Dim = Annotated[
    int, Interval(100, 4000, why="each coordinate is drawn, and few have later orders in 1 / d")
]
ManyDimensions = Annotated[int, Interval(300, MOST, why="with fewer, later orders in 1 / D count")]
"""d or m where only their first order counts."""
Exponent = Annotated[float, Interval(-0.6, -0.2, why="d_eff is large, and not the rank")]
"""p of the spectrum i^p of Σ."""
Projected = Annotated[
    int, Interval(60, 200, why="the bias of order 1 / D must be seen beside the second")
]


def ratio_variance(n_points, dim):
    """Return the first-order variance of the first ratio."""
    return (
        finite_dimension.explained_variance_ratio_std(plain_walk.eigenvalues(n_points), dim)[0] ** 2
    )


def mean_ratio(n_points, dim):
    """Return the first-order mean of the first ratio."""
    return finite_dimension.mean_explained_variance_ratio(plain_walk.eigenvalues(n_points), dim, 1)[
        0
    ]


def require_affordable(trial, n_points, dim):
    """Require dimensions enough for first order, and few enough to draw each coordinate."""
    trial.require(
        dim >= 300, "dim must be at least 300: below, the kurtosis of the steps moves the mean, too"
    )
    trial.require(
        n_points * dim <= 32_000,
        "n_points * dim must be at most 32000: longer draws take many minutes",
    )


def first_ratio(law, n_points, dim):
    """Return a simulator of ρ_1 of a walk with steps of a law."""
    return lambda key: pca.explained_variance_ratio(key, n_points, dim, law=law)[0]


@claim(
    derived("to first order in 1 / d the mean depends on the second moments of the steps alone"),
    kind="distribution",
    tier="full",
    cases=list(KURTOSIS),
)
def test_noise_universality(trial, law: StepLaw, n_points: SampledPoints = 6, dim: Dim = 400):
    """Let λ_k be the eigenvalues of the covariance over time of T centred points of a random walk,
    ρ_k = λ_k / sum_j λ_j, q = sum_j ρ_j² and b = sum_(j > 1) λ_j / (λ_1 - λ_j). For steps in d
    dimensions whose coordinates are independent and have one law of finite variance, the mean share
    of the first principal component is ρ_1 (1 + (b - 2 ρ_1 + 2 q) / d), to first order in 1 / d.

    So the law of the steps does not matter. The law of Cauchy, which has no variance, is a control.
    """
    require_affordable(trial, n_points, dim)
    mean = mean_ratio(n_points, dim)
    trial.mean(
        first_ratio(law, n_points, dim),
        mean,
        law=Bounded(0, 1),
        slack=mean * SECOND_ORDER / dim**2,
        margin=0.005,
        controls={"without centring": plain_walk.uncentred_explained_variance_ratio_limit(1)[0]},
        control_processes={"infinite variance": first_ratio("cauchy", n_points, dim)},
        first=1024,
    )


@claim(
    derived(
        "to first order in 1 / d the fourth moments of the steps enter, and beyond it the "
        "tails of single coordinates"
    ),
    kind="distribution",
    tier="full",
    cases=list(KURTOSIS),
)
def test_noise_universality__scatter(
    trial, law: StepLaw, n_points: SampledPoints = 6, dim: Dim = 400
):
    """Let ρ_1, …, ρ_(T-1) be the shares of the principal components in the variance of T centred
    points of a random walk in infinitely many dimensions, with q = sum_j ρ_j² and s = sum_j ρ_j
    ρ_(T-j). For T > 2 and steps in d dimensions whose coordinates are independent and have one law
    of the excess kurtosis κ, the share of the first component has to first order in 1 / d the
    variance 2 ρ_1² (1 - 2 ρ_1 + q) / d times 1 + κ (1 + (s - 2 ρ_(T-1)) / (1 - 2 ρ_1 + q)) / (4 T).

    The next term is of order 1 / d² if the law has a sixth moment. For Student's t with 5 degrees
    of freedom, which has none, it is of order d^(-3/2) and is included.
    """
    require_affordable(trial, n_points, dim)
    kurtosis = finite_dimension.kurtosis_factor_ratio(n_points, KURTOSIS[law])[0]
    tails = finite_dimension.tail_shortfall(n_points, 5.0) / dim**0.5 if law == "student" else 0.0
    first_order = ratio_variance(n_points, dim) * kurtosis
    variance = first_order * (1 + tails)
    trial.mean(
        first_ratio(law, n_points, dim),
        variance,
        law=NormalVariance(asymptotic=True),
        slack=first_order * SECOND_ORDER / dim,
        margin=first_order * (0.03 + SECOND_ORDER / dim),
        controls={"twice the standard deviation": 4 * variance},
        first=16_384,
        most=300_000,
    )


@claim(
    derived(
        "one coordinate in the tail changes the share by a finite amount, which the linear "
        "response misses"
    ),
    kind="limit",
    cases=[(6, 5.0), (8, 4.8), (5, 5.3)],
)
def test_noise_universality__tails(
    trial,
    n_points: Annotated[int, Interval(5, 8, why="with more points the term is small")],
    freedom: Annotated[float, Interval(4.6, 5.4, why="nearer to 4 or 6 the limit is slow")],
):
    """Let x follow Student's t with 4 < ν < 6 degrees of freedom, scaled to variance one, and let f
    be the power tail of its density. In a walk in infinitely many dimensions with E[|ξ_t|²] = 1,
    let step j be lengthened at right angles to all others so that its squared length grows by u,
    and let Δ_j(u) be the change of the share of the first principal component. With g_j(u) =
    Δ_j(u)² - (Δ_j'(0) u)², d^(ν/2) sum_j E[g_j(x² / d)] tends to sum_j of the integral of g_j(y²)
    f(y) over all y as d grows.

    In d dimensions x / sqrt(d) is a coordinate of a step. The sum is what single coordinates add to
    the variance of the share beyond the linear response.
    """
    population = infinite_dimension.spectrum(n_points)
    axes = infinite_dimension.eigenvectors(n_points)
    share = population[0] / population.sum()
    unit = (1 - 2 / freedom) ** 0.5
    steps = np.tril(np.ones((n_points, n_points - 1)), -1) - (
        np.arange(n_points - 1, 0, -1) / n_points
    )
    gram = (axes * population) @ axes.T
    linear = ((axes[:, 0] @ steps) ** 2 - share * np.sum(steps**2, axis=0)) / population.sum()

    def scaled(dim):
        """By the trapezoidal rule in log x, which is exact to rounding for what vanishes at both
        ends.
        """
        logs, step = np.linspace(np.log(1e-3), np.log(1e14 * dim**0.5), 1501, retstep=True)
        u = np.exp(2 * logs) / dim
        spectra = np.linalg.eigvalsh(
            gram + u[:, None, None, None] * np.einsum("ij,kj->jik", steps, steps)
        )
        squares = (spectra[..., -1] / spectra.sum(axis=-1) - share) ** 2 - np.outer(u, linear) ** 2
        excess = squares.sum(axis=1) @ (
            2 * stats.t.pdf(np.exp(logs) / unit, freedom) / unit * np.exp(logs) * step
        )
        return dim ** (freedom / 2) * excess / first

    response = population / population.sum() * ((np.arange(n_points - 1) == 0) - share)
    first = (
        2
        * response
        @ response
        * finite_dimension.kurtosis_factor_ratio(n_points, 6 / (freedom - 4))[0]
    )

    sizes = 16_000.0 * 2.0 ** np.arange(7)
    limit = finite_dimension.tail_shortfall(n_points, freedom)
    shortfalls = np.array([scaled(dim) for dim in sizes])
    controls = {"no such term": 0.0, "a variance of ν / (ν - 2) for one": limit / unit**freedom}
    trial.limit(
        shortfalls, sizes, limit, order=3 - freedom / 2, margin=0.003, scale=1.0, controls=controls
    )


@claim(
    derived("the fourth moments of the linear response of the share to the steps"),
    kind="identity",
    cases=[(4, 3.0), (6, -2.0), (7, -1.2), (8, 6.0)],
)
def test_noise_universality__kurtosis(
    trial,
    n_points: Annotated[
        int,
        Interval(4, 9, why="each of 3^(T - 1) walks is run; with three points no kurtosis shows"),
    ],
    kurtosis: Annotated[float, Interval(-2, 30, why="no law has less; the high end is a cap")],
):
    """Let ρ_1, …, ρ_(T-1) be the shares of the principal components in the variance of T centred
    points of a random walk in infinitely many dimensions, with q = sum_j ρ_j² and s = sum_j ρ_j
    ρ_(T-j), and let h_k be 1 for k = T / 2 and 0 otherwise. To first order, independent coordinates
    of the steps with the excess kurtosis κ multiply the variance of the share of component k by 1 +
    κ (1 + (h_k - 2 ρ_(T-k) + s) / (1 - 2 ρ_k + q)) / (4 T).

    For an eigenvalue of its own the factor is about 1 + 3 κ / (4 T).
    """
    trial.require(
        abs(kurtosis) >= 0.1,
        "kurtosis must be 0.1 at least in size: without it there is nothing to tell",
    )
    signs = np.indices((3,) * (n_points - 1)).reshape(n_points - 1, -1) - 1
    walks = np.vstack([np.zeros(signs.shape[1]), np.cumsum(signs, axis=0)])
    population = infinite_dimension.spectrum(n_points)
    axes = infinite_dimension.eigenvectors(n_points)
    squares = (axes.T @ walks) ** 2 / population[:, None]
    shares = population / population.sum()
    response = shares[:, None] * (squares - shares @ squares)

    def variance(kurtosis):
        # Steps of size moves^(-1/2) with this chance, none else, have this kurtosis
        moves = 1 / (kurtosis + 3)
        return (response / moves) ** 2 @ np.prod(np.where(signs == 0, 1 - moves, moves / 2), axis=0)

    factors = finite_dimension.kurtosis_factor_ratio(n_points, kurtosis)
    scale = (kurtosis + 3) * population[0] / population[-1]
    controls = {
        "1 + 3 κ / (4 T), as of an eigenvalue": np.full(
            n_points - 1, 1 + 0.75 * kurtosis / n_points
        ),
        "no effect of κ": np.ones(n_points - 1),
    }
    trial.identity(
        variance(kurtosis) / variance(0.0),
        factors,
        ops=4 * signs.shape[1],
        scale=scale,
        controls=controls,
    )


@claim(
    derived(
        "moments of the inner products of the steps; the paper is said to have a condition on"
        " the rank of Σ"
    ),
    kind="distribution",
    tier="full",
)
def test_deff_not_rank(
    trial, n_points: SampledPoints = 8, dim: Dim = 1000, exponent: Exponent = -0.4
):
    """Let ρ_1, …, ρ_(T-1) be the shares of the principal components in the variance of T centred
    points of a random walk in infinitely many dimensions, with q = sum_j ρ_j². For Gaussian steps
    with the covariance Σ, the variance of the share of the first component is 2 ρ_1² (1 - 2 ρ_1 +
    q) / D with D = (tr Σ)² / tr Σ², to first order in 1 / D.

    So the effective dimension D counts, and not the rank of Σ.
    """
    spectrum = np.arange(1, dim + 1) ** exponent
    effective = finite_dimension.effective_dimension(spectrum)
    trial.require(
        0.2 * dim < effective < 0.8 * dim,
        "exponent must leave d_eff between a fifth and four fifths of dim",
    )
    trial.require(
        n_points * dim <= 64_000,
        "n_points * dim must be at most 64000: longer draws take many minutes",
    )
    variance = ratio_variance(n_points, effective)
    traces = [np.sum(spectrum**k) for k in (1, 2, 3)]
    # The third cumulant, beside that of as many equal directions, sets the second order.
    second = SECOND_ORDER / effective * traces[0] * traces[2] / traces[1] ** 2
    trial.require(
        second < 0.015,
        "dim must be larger, or exponent nearer to 0: the second order exceeds 1.5 %",
    )
    scales = np.sqrt(spectrum)
    trial.mean(
        lambda key: pca.explained_variance_ratio(key, n_points, dim, scales=scales)[0],
        variance,
        law=NormalVariance(asymptotic=True),
        slack=variance * second,
        margin=variance * (0.02 + second),
        controls={
            "half of D": ratio_variance(n_points, effective / 2),
            "the rank of Σ for D": ratio_variance(n_points, dim),
        },
        first=16_384,
        most=300_000,
    )


@claim(
    derived("Lawley's bias does not need more dimensions than points"),
    kind="distribution",
    tier="full",
)
def test_deff_not_rank__many_points(
    trial,
    n_points: Annotated[
        int, Interval(1000, 20_000, why="far more than dimensions, and hundreds are drawn")
    ] = 5000,
    dim: Annotated[int, Interval(40, 60, why="far fewer than points; first order needs some")] = 50,
):
    """Let λ_k be the eigenvalues of the covariance over time of T centred points of a random walk,
    ρ_k = λ_k / sum_j λ_j, q = sum_j ρ_j² and b = sum_(j > 1) λ_j / (λ_1 - λ_j). For isotropic
    Gaussian steps in d dimensions the mean share of the first principal component is ρ_1 (1 + (b -
    2 ρ_1 + 2 q) / d) to first order in 1 / d, even if T is far larger than d.
    """
    variances = plain_walk.eigenvalues(n_points)
    second_order = finite_dimension.explained_variance_ratio_second_order(variances, dim, 1)[0]

    def first_ratio(key):
        walk = trajectories.trajectory(trajectories.noise(key, n_points, dim))
        return pca.variance_ratios(walk)[0]

    trial.mean(
        first_ratio,
        mean_ratio(n_points, dim),
        law=Bounded(0, 1),
        slack=np.abs(second_order),
        margin=0.02,
        controls={"without centring": plain_walk.uncentred_explained_variance_ratio_limit(1)[0]},
        first=512,
        most=20_000,
    )


@claim(
    derived("the fourth moments of Gaussian steps"),
    kind="distribution",
    cases=[(60, 300, -0.5), (100, 150, -0.25)],
)
def test_deff_estimator(
    trial,
    n_steps: Annotated[int, Interval(20, 200, why="few scatter; for many, thousands are drawn")],
    dim: Annotated[int, Interval(50, 1000, why="each coordinate is drawn")],
    exponent: Exponent,
):
    """Let ξ_1, …, ξ_n be independent Gaussian steps with the covariance Σ. Let L be the mean of
    |ξ_s|² over s, and P the mean of (ξ_s·ξ_t)² over s != t. Then E[L²] / E[P] = D + 2 / n with D =
    (tr Σ)² / tr Σ².

    So L² / P estimates the effective dimension D.
    """
    spectrum = np.arange(1, dim + 1) ** exponent
    d_eff = finite_dimension.effective_dimension(spectrum)
    trial.require(
        0.2 * dim < d_eff < 0.97 * dim,
        "exponent must leave d_eff between a fifth of dim and all of it",
    )

    shares = spectrum / spectrum.sum()

    def moments(key):
        steps = trajectories.noise(key, n_steps, dim, scales=np.sqrt(spectrum))
        gram = steps @ steps.T
        squared_length = jnp.mean(jnp.diagonal(gram)) ** 2
        between = squared_length / trajectories.effective_dimension(gram)
        # Both are taken off to first order in the squares of the coordinates, whose means are the
        # shares.
        squares = jnp.mean(steps**2, axis=0) - shares
        return jnp.stack([squared_length - 2 * jnp.sum(squares), between - 2 * squares @ shares])

    with_diagonal = 1 / ((1 - 1 / n_steps) / d_eff + 1 / n_steps)
    trial.mean(
        moments,
        d_eff + 2 / n_steps,  # the mean squared length varies, too
        law=RatioOfMeans(),
        margin=0.009 * d_eff,
        controls={"P over all s and t": with_diagonal, "the rank of Σ": float(dim)},
        first=512,
        most=40_000,
    )


@claim(
    derived(
        "to first order a Gaussian projection adds a Wishart noise of its own to that of the steps"
    ),
    kind="rate",
    cases=[(6, 20_000, 20_000), (10, 10_000, 80_000)],
)
def test_jl_projection(
    trial,
    n_points: Annotated[int, Interval(5, 30, why="more are slow")],
    dim: ManyDimensions,
    target: ManyDimensions,
):
    """Let ρ_1, …, ρ_(T-1) be the shares of the principal components in the variance of T centred
    points of a random walk in infinitely many dimensions, with q = sum_j ρ_j². If a walk with
    isotropic Gaussian steps in d dimensions is multiplied by a random Gaussian d by m matrix, the
    share of its first component has to first order the variance 2 ρ_1² (1 - 2 ρ_1 + q) / D with 1/D
    = 1/d + 1/m.
    """
    alike = max(dim, target) < 9 * min(dim, target)
    trial.require(
        alike,
        "dim and target must differ by less than a factor of nine: else the smaller one rules",
    )
    D = finite_dimension.combined_dimension(dim, target)
    variance = ratio_variance(n_points, D)
    shares = plain_walk.explained_variance_ratio(n_points)
    response = shares[0] * (np.eye(1, n_points - 1)[0] - shares)
    axes = np.sqrt(2 / n_points) * np.sin(
        np.pi / n_points * np.outer(*[np.arange(1, n_points)] * 2)
    )
    # The squares of projected noise have variance 2/d + 2/m + 4/(dm), covariance 2/(dm), and
    # responses sum to zero.
    linear_variance = (2 / dim + 2 / target + 2 / (dim * target)) * np.sum(response**2)

    def squared_deviation(key):
        walk, projection = jax.random.split(key)
        rows = trajectories.equivalent_gaussian_noise(walk, n_points, dim)
        # Rows of a Gaussian matrix are a triangle up to a rotation, which no variance sees.
        image = rows @ bartlett_factor(projection, n_points + 1, target) / np.sqrt(target)
        ratio = pca.variance_ratios(trajectories.trajectory(image))[0]
        linear = response @ jnp.sum((axes @ image[1:]) ** 2, axis=1)
        return (ratio - mean_ratio(n_points, D)) ** 2 - linear**2 + linear_variance

    rivals = {
        "D = min(d, m)": ratio_variance(n_points, min(dim, target)),
        "D = d + m": ratio_variance(n_points, dim + target),
    }
    trial.mean(
        squared_deviation,
        variance,
        law=Asymptotic(),
        slack=variance * SECOND_ORDER / D,
        margin=variance * (0.008 + SECOND_ORDER / D),
        controls=rivals,
        first=1024,
        most=300_000,
    )


@claim(
    derived("a Gaussian projection to m dimensions biases eigenvalues by Lawley's sum over m"),
    kind="rate",
    tier="full",
    cases=[(20, 60, 60), (8, 100, 150)],
)
def test_jl_projection__bias(trial, n_points: SampledPoints, dim: Projected, target: Projected):
    """Let λ_k be the eigenvalues of the covariance over time of T centred points of a random walk,
    ρ_k = λ_k / sum_j λ_j, q = sum_j ρ_j² and b = sum_(j > 1) λ_j / (λ_1 - λ_j). If a walk with
    isotropic Gaussian steps in d dimensions is multiplied by a random Gaussian d by m matrix, the
    mean share of its first principal component is ρ_1 (1 + (b - 2 ρ_1 + 2 q) / D) with 1/D = 1/d +
    1/m, to first order in 1 / D.
    """
    trial.require(
        max(dim, target) <= 1.5 * min(dim, target),
        "dim and target must be alike: else the smaller rules",
    )
    D = finite_dimension.combined_dimension(dim, target)
    variances = plain_walk.eigenvalues(n_points)
    bias = mean_ratio(n_points, D) - plain_walk.explained_variance_ratio(n_points)[0]
    second_order = abs(finite_dimension.explained_variance_ratio_second_order(variances, D, 1)[0])

    def first_ratio(key):
        walk, projection = jax.random.split(key)
        rows = trajectories.trajectory(trajectories.equivalent_gaussian_noise(walk, n_points, dim))
        return pca.variance_ratios(trajectories.random_projection(projection, rows, target))[0]

    trial.mean(
        first_ratio,
        mean_ratio(n_points, D),
        law=Bounded(0, 1),
        slack=second_order,
        margin=0.2 * bias + second_order,
        controls={
            "D = min(d, m)": mean_ratio(n_points, min(dim, target)),
            "D = d + m": mean_ratio(n_points, dim + target),
        },
        first=8192,
        most=400_000,
    )


def _symmetric(sums):
    """Return e_1, e_2, e_3 of numbers whose first three power sums are given (Newton)."""
    first, second, third = sums
    return [first, (first**2 - second) / 2, (first**3 - 3 * first * second + 2 * third) / 6]


def _falling(freedom, dim):
    """Return freedom! / (freedom - k)! / dim^k, k = 1..3: the mean e_k of a Wishart matrix of mean
    one is that.
    """
    return np.cumprod([(freedom - j) / dim for j in range(3)])


@claim(
    derived("the means of the principal minors of a Wishart matrix"),
    kind="distribution",
    cases=[(12, 64), (5, 50)],
    route="`trajectories.noise` against `sims.wishart.bartlett_factor`",
)
def test_bartlett_equals_walk(
    trial,
    n_points: Annotated[int, Interval(4, 30, why="three components or more; many are slow")],
    dim: Annotated[int, Interval(20, 64, why="few scatter; with more, one less is not detected")],
):
    """Let λ_k be the eigenvalues of the covariance over time of T centred points of a random walk
    with isotropic Gaussian steps in d >= T dimensions, let l_k be those of one sampled walk, and
    let e_k be the elementary symmetric polynomials. Then E[e_k(l)] = e_k(λ) d! / ((d - k)! d^k) for
    k = 1, 2, 3, also if Bartlett's triangular matrix takes the place of the steps.
    """
    trial.require(dim >= n_points, f"dim must be at least n_points = {n_points}, got {dim}")
    variances = plain_walk.eigenvalues(n_points)
    mean = _falling(dim, dim)
    population = np.asarray(_symmetric([np.sum(variances**power) for power in (1, 2, 3)]))

    def relative(noise):
        rows = trajectories.centre(trajectories.trajectory(noise))
        gram = rows @ rows.T
        sums = jnp.trace(gram), jnp.sum(gram**2), jnp.sum(gram * (gram @ gram))
        ratios = jnp.stack(_symmetric(sums)) / population
        # Each is measured, so that it is a control variate for the next.
        return ratios.at[1:].subtract(np.array([2, 1.5]) * (ratios - mean)[:2])

    def measure(key):
        walk, bartlett = jax.random.split(key)
        factor = bartlett_factor(bartlett, n_points, dim) / np.sqrt(dim)
        return jnp.stack([relative(trajectories.noise(walk, n_points, dim)), relative(factor)])

    means = {
        "one degree of freedom less": np.tile(_falling(dim - 1, dim), (2, 1)),
        "d^k for d! / (d - k)!": np.ones((2, 3)),
    }
    trial.mean(
        measure,
        np.tile(mean, (2, 1)),
        law=Asymptotic(),
        margin=0.008,
        controls=means,
        first=4096,
        most=400_000,
    )
