"""The noise: its law, its effective dimension, and its projection."""

from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks.test_random_walk_pca import SampledPoints
from sims.random_walk_pca import pca, trajectories
from sims.wishart import bartlett_factor
from theory.random_walk_pca import finite_dimension, plain_walk
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval
from theory_on_trial.laws import Asymptotic, Bounded, NormalVariance, RatioOfMeans

SECOND_ORDER = 3
"""The variance of the sampled share differs from its first order by a fraction of at most this over
d; 1.3 to 2.9 was seen of laws with all moments. For the mean as much over d² is allowed, where
Gaussian steps need 0.9.
"""
KURTOSIS = {"rademacher": -2.0, "uniform": -1.2, "laplace": 3.0}
"""Excess kurtosis of the laws that have a sixth moment."""
LightLaw = Literal["rademacher", "uniform", "laplace"]
StepLaw = Literal["rademacher", "uniform", "laplace", "student"]
Dim = Annotated[
    int, Interval(100, 4000, why="each coordinate is drawn, and of few later orders in 1 / d count")
]
ManyDimensions = Annotated[
    int,
    Interval(300, 10**12, why="with fewer, later orders count; with more, rounding hides the bias"),
]
"""d or m where only their first order counts."""
Exponent = Annotated[float, Interval(-0.6, -0.2, why="d_eff is large, and not the rank")]
"""p of the spectrum i^p of Σ."""


def ratio_variance(n_points, dim):
    """Return the variance of the first component's share of a sampled walk, to first order."""
    variances = plain_walk.eigenvalues(n_points)
    return finite_dimension.explained_variance_ratio_std(variances, dim)[0] ** 2


def mean_ratio(n_points, dim):
    """Return the mean of the first component's share of a sampled walk, to first order."""
    variances = plain_walk.eigenvalues(n_points)
    return finite_dimension.mean_explained_variance_ratio(variances, dim, 1)[0]


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
    """Return a function that samples a walk with steps of this law, and returns the share of its
    first component.
    """
    return lambda key: pca.explained_variance_ratio(key, n_points, dim, law=law)[0]


@claim(
    derived("as $d$ grows, products of steps tend to their means if steps have a variance"),
    kind="distribution",
    tier="full",
    cases=[*KURTOSIS, "student"],
)
def test_noise_universality(trial, law: StepLaw, n_points: SampledPoints = 6, dim: Dim = 400):
    """Let $λ_k$ be the eigenvalues of the covariance over time of $T$ centred points of a random
    walk, $ρ_k = λ_k / sum_j λ_j$, $q = sum_j ρ_j²$ and $b = sum_(j > 1) λ_j / (λ_1 - λ_j)$. For
    steps in $d >= 300$ dimensions whose coordinates are independent and have one law, that of
    signs, a uniform, Laplace's or Student's with a variance, the mean share of the first principal
    component is that of Gaussian steps, $ρ_1 (1 + (b - 2 ρ_1 + 2 q) / d)$, up to .005.

    So the law of the steps does not matter if it has a variance. Cauchy's law has none.
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
        "to first order in $1 / d$ the fourth moments of the steps enter, and no others beside "
        "the second"
    ),
    kind="distribution",
    tier="full",
    cases=list(KURTOSIS),
)
def test_noise_universality__scatter(
    trial, law: LightLaw, n_points: SampledPoints = 6, dim: Dim = 400
):
    """Let $ρ_1, …, ρ_(T-1)$ be the shares of the principal components in the variance of $T > 2$
    centred points of a random walk in infinitely many dimensions, with $q = sum_j ρ_j²$ and
    $s = sum_j ρ_j ρ_(T-j)$. Let the steps of a walk in $d$ dimensions have independent coordinates
    of one law with six moments and the excess kurtosis $κ$. To first order in $1 / d$, the variance
    of its first component's share is $2 ρ_1² (1 - 2 ρ_1 + q) / d$, as of Gaussian steps, times
    $1 + κ (1 + (s - 2 ρ_(T-1)) / (1 - 2 ρ_1 + q)) / (4 T)$.

    For T > 4 and κ ≤ 3 this factor differs from 1 + κ / (4 T) by at most .012, too little to be
    seen here.
    """
    require_affordable(trial, n_points, dim)
    gaussian_variance = ratio_variance(n_points, dim)
    variance = gaussian_variance * finite_dimension.kurtosis_factor(n_points, KURTOSIS[law])
    controls = {"twice the standard deviation": 4 * variance}
    # With more points it is within the margin.
    if n_points <= 10:
        eigenvalue_factor = 1 + 0.75 * KURTOSIS[law] / n_points
        controls["$1 + 3 κ / (4 T)$, as of an eigenvalue"] = gaussian_variance * eigenvalue_factor
    trial.mean(
        first_ratio(law, n_points, dim),
        variance,
        law=NormalVariance(asymptotic=True),
        slack=variance * SECOND_ORDER / dim,
        margin=variance * (0.03 + SECOND_ORDER / dim),
        controls=controls,
        first=16_384,
        most=300_000,
    )


@claim(
    derived("moments of the inner products of the steps"),
    kind="distribution",
    tier="full",
)
def test_deff_not_rank(
    trial, n_points: SampledPoints = 8, dim: Dim = 1000, exponent: Exponent = -0.4
):
    """Let $ρ_1, …, ρ_(T-1)$ be the shares of the principal components in the variance of $T$
    centred points of a random walk in infinitely many dimensions, with $q = sum_j ρ_j²$. For
    Gaussian steps with the covariance $Σ$, the variance of the share of the first component is
    $2 ρ_1² (1 - 2 ρ_1 + q) / D$ with $D = (tr Σ)² / tr Σ²$, to first order in $1 / D$.

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
    trace = np.sum(spectrum)
    trace_of_square = np.sum(spectrum**2)
    trace_of_cube = np.sum(spectrum**3)
    # The second order grows with the third cumulant of |ξ_t|²: this is its quotient by that of
    # D equal directions.
    second_order = SECOND_ORDER / effective * trace * trace_of_cube / trace_of_square**2
    trial.require(
        second_order < 0.015,
        "dim must be larger, or exponent nearer to 0: the second order exceeds 1.5 %",
    )
    scales = np.sqrt(spectrum)
    trial.mean(
        lambda key: pca.explained_variance_ratio(key, n_points, dim, scales=scales)[0],
        variance,
        law=NormalVariance(asymptotic=True),
        slack=variance * second_order,
        margin=variance * (0.02 + second_order),
        controls={
            "$D / 2$ for $D$": ratio_variance(n_points, effective / 2),
            "the rank of $Σ$ for $D$": ratio_variance(n_points, dim),
        },
        first=16_384,
        most=300_000,
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
    """Let $ξ_1, …, ξ_n$ be independent Gaussian steps with the covariance $Σ$. Let $L$ be the mean
    of $|ξ_s|²$ over $s$, and $P$ the mean of $(ξ_s·ξ_t)²$ over $s ≠ t$. Then
    $E[L²] / E[P] = D + 2 / n$ with $D = (tr Σ)² / tr Σ²$.

    So L² / P estimates the effective dimension D.
    """
    spectrum = np.arange(1, dim + 1) ** exponent
    effective = finite_dimension.effective_dimension(spectrum)
    trial.require(
        0.2 * dim < effective < 0.97 * dim,
        "exponent must leave d_eff between a fifth of dim and all of it",
    )

    shares = spectrum / spectrum.sum()

    def squared_length_and_product(key):
        """L² and P of one sample, less control variates of mean 0."""
        steps = trajectories.noise(key, n_steps, dim, scales=np.sqrt(spectrum))
        gram = steps @ steps.T
        squared_length = jnp.mean(jnp.diagonal(gram)) ** 2
        squared_product = jnp.sum(jnp.tril(gram, -1) ** 2) * 2 / (n_steps * (n_steps - 1))
        # The mean squares of the coordinates vary about the shares. What this adds to both, to
        # first order, is taken off.
        squares = jnp.mean(steps**2, axis=0) - shares
        return jnp.stack(
            [squared_length - 2 * jnp.sum(squares), squared_product - 2 * squares @ shares]
        )

    trial.mean(
        squared_length_and_product,
        effective + 2 / n_steps,
        law=RatioOfMeans(),
        margin=0.009 * effective,
        controls={
            # Of s = t the product is |ξ_s|⁴, of about (tr Σ)².
            "$P$ over all $s$ and $t$": 1 / ((1 - 1 / n_steps) / effective + 1 / n_steps),
            "the rank of $Σ$": float(dim),
        },
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
    """Let $λ_k$ be the eigenvalues of the covariance over time of $T$ centred points of a random
    walk, $ρ_k = λ_k / sum_j λ_j$, $q = sum_j ρ_j²$ and $b = sum_(j > 1) λ_j / (λ_1 - λ_j)$. If a
    walk with isotropic Gaussian steps in $d$ dimensions is multiplied by a random Gaussian $d$ by
    $m$ matrix, the share of its first principal component has to first order in $1 / D$ the mean
    $ρ_1 (1 + (b - 2 ρ_1 + 2 q) / D)$ and the variance $2 ρ_1² (1 - 2 ρ_1 + q) / D$ with $1/D = 1/d
    + 1/m$.
    """
    trial.require(
        max(dim, target) < 9 * min(dim, target),
        "dim and target must differ by less than a factor of nine: else the smaller one rules",
    )
    D = 1 / (1 / dim + 1 / target)
    mean = mean_ratio(n_points, D)
    variance = ratio_variance(n_points, D)
    variances = plain_walk.eigenvalues(n_points)
    shares = plain_walk.explained_variance_ratio(n_points)
    bias = mean - shares[0]
    second_order = abs(finite_dimension.explained_variance_ratio_second_order(variances, D, 1)[0])
    # The derivatives of ρ_1 by each log λ_j
    response = shares[0] * (np.eye(1, n_points - 1)[0] - shares)
    # The population's axes in the space of the steps ξ_2, …, ξ_T, one per row
    index = np.arange(1, n_points)
    axes = np.sqrt(2 / n_points) * np.sin(np.pi / n_points * np.outer(index, index))
    # The squares of projected noise along two axes have variance 2/d + 2/m + 4/(dm) and covariance
    # 2/(dm). Of responses that sum to zero only the difference of the two counts.
    variance_of_moved = (2 / dim + 2 / target + 2 / (dim * target)) * np.sum(response**2)

    def bias_and_squared_deviation(key):
        """How far the share of the projected walk is from ρ_1, and the square of how far it is from
        its mean, less control variates.
        """
        walk, projection = jax.random.split(key)
        rows = trajectories.equivalent_gaussian_noise(walk, n_points, dim)
        # Rows of a Gaussian matrix are a triangle up to a rotation, which no variance sees.
        image = rows @ bartlett_factor(projection, n_points + 1, target) / np.sqrt(target)
        ratio = pca.variance_ratios(trajectories.trajectory(image))[0]
        # To first order the noise moves the share by this, of mean 0 and a known variance.
        moved = response @ jnp.sum((axes @ image[1:]) ** 2, axis=1)
        squared_deviation = (ratio - mean) ** 2 - moved**2 + variance_of_moved
        return jnp.stack([ratio - shares[0] - moved, squared_deviation])

    def predicted(dimension):
        return np.array(
            [mean_ratio(n_points, dimension) - shares[0], ratio_variance(n_points, dimension)]
        )

    trial.mean(
        bias_and_squared_deviation,
        predicted(D),
        law=Asymptotic(),
        slack=np.array([second_order, variance * SECOND_ORDER / D]),
        margin=np.array([0.3 * bias + second_order, variance * (0.008 + SECOND_ORDER / D)]),
        controls={
            "$D = min(d, m)$": predicted(min(dim, target)),
            "$D = d + m$": predicted(dim + target),
        },
        first=1024,
        most=300_000,
    )
