"""Finitely many dimensions: bias, scatter and directions of the sample components."""

import functools
from typing import Annotated

import jax.numpy as jnp
import numpy as np
from scipy.linalg import eigh_tridiagonal

from paper_checks.test_random_walk_pca import FIRST_FEW
from sims.random_walk_pca import infinite_dimension, pca, trajectories
from theory.random_walk_pca import (
    finite_dimension,
    linear_processes,
    ornstein_uhlenbeck,
    plain_walk,
)
from theory_on_trial import claim, derived, known
from theory_on_trial.contract import LONGEST, MOST, UNIT_INTERVAL, Interval
from theory_on_trial.laws import Asymptotic, Bounded

Dimension = Annotated[
    int, Interval(200, LONGEST, why="with fewer, orders in 1 / d count that are not computed")
]
WalkPoints = Annotated[
    int, Interval(8, 64, why="with few points later components have no bias; many are slow")
]
WalkDimension = Annotated[
    int, Interval(300, MOST, why="with fewer, orders in 1 / d count that are not computed")
]
Crossover = Annotated[
    float, Interval(0, 10, why="beyond, the first two eigenvalues are too close for 1 / d")
]
"""α T, by which the pull shows within T points; 0 for the random walk."""
LAWLEY = derived(
    "the sum of Lawley 1956 over the walk's eigenvalues, in closed form by the zeros of "
    "Chebyshev's polynomials"
)
SECOND_ORDER = 5
"""The variance of a sampled share differs from its first order by a fraction of at most this over
d; 4.2 ± 0.7 was the most that was seen.
"""


@claim(FIRST_FEW, kind="distribution")
def test_first_two_fraction(
    trial,
    n_points: Annotated[int, Interval(30, 120, why="long, and thousands are drawn")] = 60,
    dim: Dimension = 1000,
):
    """Let a random walk of 60 points have independent isotropic Gaussian steps in 1000 dimensions.
    The first two principal components of its centred points explain 76.1 % of the variance on
    average, and the first three 82.9 %, up to 1 %.

    A long walk in many dimensions has 76.0 % and 82.7 %.
    """
    variances = plain_walk.eigenvalues(n_points)
    mean_shares = finite_dimension.mean_explained_variance_ratio(variances, dim, 3)
    second_order = finite_dimension.explained_variance_ratio_second_order(variances, dim, 3)
    shares_without_centring = plain_walk.uncentred_explained_variance_ratio_limit(3)
    # All vectors have two entries: the share of the first two components, and of the first three.
    fractions = np.cumsum(mean_shares)[1:]

    def sampled_fractions(key):
        return jnp.cumsum(pca.explained_variance_ratio(key, n_points, dim)[:3])[1:]

    trial.mean(
        sampled_fractions,
        fractions,
        law=Bounded(0, 1),
        slack=np.cumsum(np.abs(second_order))[1:],
        margin=0.01,
        controls={
            "without centring": np.cumsum(shares_without_centring)[1:],
            # A round number that is heard of walks
            "80 % by the first two": np.array([0.8, fractions[1]]),
        },
        first=256,
    )


def _linear_response(population):
    """Return the derivatives of ρ_1, ρ_2 and ρ_3 by each log λ_j: a row for each ρ_k."""
    shares = population / population.sum()
    return shares[:3, None] * (np.eye(3, population.size) - shares)


def _sampled_shares(key, population, dim):
    """Return the first three shares of variance of a sampled trajectory, and how far the noise
    moves them to first order.

    The variances of the noise along the axes of the population are independent, of mean 1 and
    variance 2 / d. So the mean and the variance of the second vector are known: it is a control
    variate.
    """
    sample = pca.eigenbasis_sample(key, population, dim, count=3)
    moved = _linear_response(population) @ (sample.noise_variances - 1)
    return sample.variances / sample.total_variance, moved


@claim(
    derived(
        "the bias of Lawley 1956 of the eigenvalues of a Wishart matrix, and the mean of their "
        "ratio to its trace"
    ),
    kind="distribution",
    cases=[(8, 500, 0.0), (16, 20_000, 0.0), (16, 2000, 5.0), (30, 20_000, 8.0)],
)
def test_sim_evr(
    trial,
    n_points: WalkPoints,
    dim: WalkDimension,
    crossover: Crossover,
):
    """Let $x_t = (1 - α) x_(t-1) + ξ_t$ with independent isotropic Gaussian steps in $d$
    dimensions, where $α = 0$ gives a random walk. Let $λ_k$ be the eigenvalues of the covariance
    over time of $T$ centred points, $ρ_k = λ_k / sum_j λ_j$, $q = sum_j ρ_j²$ and $b_k = sum_(j ≠
    k) λ_j / (λ_k - λ_j)$. To first order in $1 / d$, the mean share of principal component $k$ in
    the variance of a sampled trajectory is $ρ_k (1 + (b_k - 2 ρ_k + 2 q) / d)$.
    """
    rate = crossover / n_points
    trial.require(
        crossover == 0 or (crossover >= 2 and rate < 0.95),
        "crossover must be 0, or at least 2 and below n_points: else it is hardly another process, "
        "or its points are independent",
    )
    variances = ornstein_uhlenbeck.eigenvalues(n_points, rate)
    gap = np.min(1 - variances[1:4] / variances[:3])
    trial.require(
        dim * gap**2 >= 60,
        "dim must distinguish the components: in fewer dimensions first order is too little",
    )
    population = infinite_dimension.spectrum(n_points, reversion=rate)
    ratios = variances[:3] / variances.sum()
    means = finite_dimension.mean_explained_variance_ratio(variances, dim, 3)
    second_order = np.abs(finite_dimension.explained_variance_ratio_second_order(variances, dim, 3))

    def shares_without_first_order(key):
        shares, moved = _sampled_shares(key, population, dim)
        # The mean of what is taken off is 0, and nearly all variance goes with it.
        return shares - moved

    controls = {"no bias": ratios}
    if crossover == 0:
        eigenvalue_bias = finite_dimension.eigenvalue_bias(variances, dim, 3)
        controls["the bias $b_k / d$ of an eigenvalue"] = ratios * (1 + eigenvalue_bias)
    else:
        walk = plain_walk.eigenvalues(n_points)
        walk_means = finite_dimension.mean_explained_variance_ratio(walk, dim, 3)
        walk_factor = walk_means / plain_walk.explained_variance_ratio(n_points)[:3]
        controls["the relative bias of a random walk"] = ratios * walk_factor
    trial.mean(
        shares_without_first_order,
        means,
        law=Asymptotic(),
        slack=second_order,
        margin=second_order + 0.2 * np.abs(means - ratios).max(),
        controls=controls,
        first=2048,
    )


@claim(
    derived(
        "the first-order variances of the eigenvalues of a Wishart matrix, and that of their "
        "ratio to its trace"
    ),
    kind="distribution",
    cases=[(8, 5000), (16, 20_000)],
)
def test_sim_evr__scatter(trial, n_points: WalkPoints, dim: WalkDimension):
    """Let $λ_k$ be the eigenvalues of the covariance over time of the $T$ centred points of a
    random walk, and $ρ_k = λ_k / sum_j λ_j$, with $q = sum_j ρ_j²$. To first order in $1 / d$, the
    share of principal component $k$ in the variance of a sampled walk with isotropic Gaussian steps
    in $d$ dimensions has the variance $2 ρ_k² (1 - 2 ρ_k + q) / d$.
    """
    population = infinite_dimension.spectrum(n_points)
    variances = plain_walk.eigenvalues(n_points)
    ratios = plain_walk.explained_variance_ratio(n_points)[:3]
    means = finite_dimension.mean_explained_variance_ratio(variances, dim, 3)
    scatter = finite_dimension.explained_variance_ratio_std(variances, dim)[:3] ** 2
    variance_of_moved = 2 / dim * np.sum(_linear_response(population) ** 2, axis=1)

    def squared_deviation(key):
        shares, moved = _sampled_shares(key, population, dim)
        # The difference of the last two terms has the mean 0: it narrows the interval only.
        return (shares - means) ** 2 - moved**2 + variance_of_moved

    trial.mean(
        squared_deviation,
        scatter,
        law=Asymptotic(),
        slack=scatter * SECOND_ORDER / dim,
        margin=scatter * (0.008 + SECOND_ORDER / dim),
        controls={
            "without $q$": 2 / dim * ratios**2 * (1 - 2 * ratios),
            "the variance of an eigenvalue": 2 / dim * ratios**2,
        },
        first=2048,
        most=400_000,
    )


@claim(LAWLEY, kind="rate", tier="full", cases=[(20, 200), (50, 1000)])
def test_eig_bias_three_quarters(
    trial,
    n_points: Annotated[
        int, Interval(12, 100, why="fewer have no 3/4 to speak of; thousands are slow")
    ],
    dim: Dimension,
):
    """Let $λ_k$ be the eigenvalues of the covariance over time of the $T$ centred points of a
    random walk with isotropic Gaussian steps in $d$ dimensions, and $l_k$ those of one sampled
    walk. To first order in $1 / d$, $E[l_k] / λ_k$ is $1 + b_k / d$ with $b_k = (3/2) x_k / (1 +
    x_k)$ and $x_k = cos(π k / T)$.

    For small k this is nearly 1 + 3 / (4 d).
    """
    population = infinite_dimension.spectrum(n_points)
    variances = plain_walk.eigenvalues(n_points)

    def bias_times_dimension(key):
        sample = pca.eigenbasis_sample(key, population, dim, count=3)
        # The noise along each axis of the population, taken off in place of its mean 1, is a
        # control variate.
        return dim * (sample.variances[:3] / population[:3] - sample.noise_variances[:3])

    trial.mean(
        bias_times_dimension,
        finite_dimension.eigenvalue_bias_coefficient(n_points)[:3],
        law=Asymptotic(),
        slack=dim * np.abs(finite_dimension.eigenvalue_bias_second_order(variances, dim, 3)),
        margin=np.array([0.036, 0.1, 0.15]),
        controls={
            "$b_k = 3 k / 4$": 0.75 * np.arange(1, 4),
            "$b_k = 1/2$": np.full(3, 0.5),
            "no bias": np.zeros(3),
        },
        first=8192,
        most=400_000,
    )


@claim(LAWLEY, kind="identity", cases=[3, 8, 60])
def test_eig_bias_three_quarters__sum(
    trial,
    n_points: Annotated[
        int, Interval(3, 100, why="the smallest eigenvalues of more lie within rounding")
    ],
):
    """Let $λ_k = 1 / (2 - 2 cos(π k / T))$ for $k = 1, …, T - 1$ and $x_k = cos(π k / T)$. Then
    $sum_(j != k) λ_j / (λ_k - λ_j) = (3/2) x_k / (1 + x_k)$.

    The λ_k are the eigenvalues of a random walk of T points, and the sum is Lawley's.
    """
    population = infinite_dimension.spectrum(n_points)
    gaps = population[:, None] - population
    # So the term of j = k is 0.
    np.fill_diagonal(gaps, np.inf)
    coefficients = finite_dimension.eigenvalue_bias_coefficient(n_points)
    trial.identity(
        np.sum(population / gaps, axis=1),
        coefficients,
        # Each eigenvalue carries T roundings of the largest one.
        ops=2 * n_points,
        scale=population[0] * np.sum((population + population[:, None]) / gaps**2, axis=1),
        controls={
            "its limit 3/4 for every $k$": np.full(n_points - 1, 0.75),
            "without the factor 3/2": coefficients / 1.5,
        },
    )


def _gauss_rule(diagonal, off_diagonal):
    """Return the nodes and weights of the Gauss rule of a Jacobi matrix (Golub and Welsch)."""
    nodes, vectors = eigh_tridiagonal(diagonal, off_diagonal)
    return nodes, vectors[0] ** 2


def _spectra_of_gauss_rule(population, dim, n_nodes=4):
    """Return sample eigenvalues, their vectors' squared overlaps with those of the population, and
    chances: one row for each node of a rule that stands for all draws.

    A sample covariance is F Fᵀ with F = diag(sqrt(λ)) B / sqrt(d) and Bartlett's triangle B. The
    entries of B are independent: roots of chi-squares on its diagonal, normals below. A Gauss rule
    for each makes means of polynomials up to degree seven exact, and so those of smooth functions
    up to 1 / d⁴.
    """
    count = population.size
    k = np.arange(n_nodes)
    nodes = []
    weights = []
    for i in range(count):
        freedom = dim - i
        # Laguerre's rule, for a chi-square of this freedom
        off_diagonal = np.sqrt(2 * k[1:] * (freedom - 2 + 2 * k[1:]))
        squares, chances = _gauss_rule(freedom + 4 * k, off_diagonal)
        nodes.append(np.sqrt(squares))
        weights.append(chances)
    # Hermite's rule, for a normal
    normals, chances = _gauss_rule(np.zeros(n_nodes), np.sqrt(k[1:]))
    for _ in range(count * (count - 1) // 2):
        nodes.append(normals)
        weights.append(chances)

    # A row for each choice of one node for each entry: first the diagonal of B, then the rest.
    entries = np.stack(np.meshgrid(*nodes, indexing="ij"), axis=-1).reshape(-1, len(nodes))
    chances = functools.reduce(np.multiply.outer, weights).ravel()
    triangle = np.zeros((len(chances), count, count))
    triangle[:, range(count), range(count)] = entries[:, :count]
    triangle[:, *np.tril_indices(count, -1)] = entries[:, count:]
    root = np.sqrt(population)[:, None] * triangle / np.sqrt(dim)
    eigenvalues, vectors = np.linalg.eigh(root @ root.swapaxes(1, 2))
    # `eigh` sorts upwards. The population's eigenvectors are the axes.
    overlaps = np.diagonal(vectors[:, :, ::-1], axis1=1, axis2=2) ** 2
    return eigenvalues[:, ::-1], overlaps, chances


@claim(
    derived("fourth-order perturbation of a Wishart matrix; for the variances Lawley 1956"),
    kind="limit",
    cases=[3, 4],
)
def test_sim_evr__second_order(
    trial,
    n_points: Annotated[
        int, Interval(3, 4, why="the rule grows by four times for each entry of a factor")
    ],
):
    """Let $λ_k$ be the eigenvalues of the covariance over time of the $T$ centred points of a
    random walk with isotropic Gaussian steps in $d$ dimensions, $ρ_k = λ_k / sum_j λ_j$, $q = sum_j
    ρ_j²$, $c = sum_j ρ_j³$, $m_r = sum_(j ≠ k) λ_j λ_k^(r-1) / (λ_k - λ_j)^r$ and $s_r = sum_(j ≠
    k) λ_j² λ_k^(r-2) / (λ_k - λ_j)^r$. For one sampled walk, let $l_k$ be its eigenvalues, and
    $f_k$ the squared overlap of its component $k$ with that of the population. Then the terms of
    order $1 / d²$ are $s_3$ in $E[l_k] / λ_k$, $-2 s_2$ in $Var[l_k] / λ_k²$, $s_3 + 8 ρ_k² + 2 q
    m_1 + 12 q² - 8 c - 12 ρ_k q$ in $E[l_k / sum_j l_j] / ρ_k$, and $3 m_4 - 2 m_3 + m_2 - m_1 m_2$
    in $E[1 - f_k]$.
    """
    variances = plain_walk.eigenvalues(n_points)
    dims = 2000 * 2 ** np.arange(5)
    count = variances.size
    shares = variances / variances.sum()

    # All vectors hold the four quantities one after the other, each for every k.
    def beyond_first_order(dim):
        """What the first order in 1 / d leaves of the four quantities, times d²."""
        spectra, overlaps, chances = _spectra_of_gauss_rule(
            infinite_dimension.spectrum(n_points), dim
        )
        sampled_shares = spectra / spectra.sum(axis=1, keepdims=True)
        mean = chances @ spectra / variances
        variance = chances @ (spectra / variances - mean) ** 2
        share = chances @ sampled_shares / shares
        deficit = chances @ (1 - overlaps)
        first_share = finite_dimension.mean_explained_variance_ratio(variances, dim, count) / shares
        return dim**2 * np.concatenate(
            [
                mean - 1 - finite_dimension.eigenvalue_bias(variances, dim, count),
                variance - 2 / dim,
                share - first_share,
                deficit - finite_dimension.overlap_deficit(variances, dim, count),
            ]
        )

    # Of d = 1 the term of order 1 / d² is its coefficient.
    mean = finite_dimension.eigenvalue_bias_second_order(variances, 1, count)
    variance = finite_dimension.eigenvalue_variance(variances, 1, count) - 2
    share = finite_dimension.explained_variance_ratio_second_order(variances, 1, count) / shares
    deficit = finite_dimension.overlap_deficit_second_order(variances, 1, count)
    terms = np.concatenate([mean, variance, share, deficit])
    trial.limit(
        [beyond_first_order(dim) for dim in dims.tolist()],
        dims,
        terms,
        order=1,
        margin=0.001 * np.abs(terms),
        controls={
            "the opposite sign": -terms,
            "the term of an eigenvalue for that of a share": np.concatenate(
                [mean, variance, mean, deficit]
            ),
        },
    )


@claim(
    known("Anderson 1963, on the eigenvectors of a Wishart matrix"),
    kind="rate",
    cases=[(8, 50_000, 0.0), (12, 200_000, 0.0), (30, 20_000, 0.7), (20, 20_000, 1.0)],
)
def test_lissajous(
    trial,
    n_points: Annotated[
        int, Interval(8, 60, why="the third component's neighbours must not be close")
    ],
    dim: Annotated[
        int, Interval(2000, MOST, why="with fewer, the scatter of later orders hides a hundredth")
    ],
    momentum: Annotated[float, UNIT_INTERVAL],
):
    """Let $x_t = x_(t-1) + v_t$ and $v_t = γ v_(t-1) + ξ_t$, $t = 1, …, T$, with independent
    isotropic Gaussian steps $ξ_t$ in $d$ dimensions, from rest. Let $λ_k$ and $u_k$ be the
    eigenvalues and unit eigenvectors of the covariance over time of the centred points. To first
    order in $1 / d$, 1 minus the squared overlap of component $k$ of a sampled walk with $u_k$ has
    the mean $(1 / d) sum_(j ≠ k) λ_j λ_k / (λ_j - λ_k)²$.

    Without momentum, at γ = 0, the u_k are cosines, and the mean is about k² / d.
    """
    # The population's components: the trajectory A ξ is linear in the steps ξ, and its centred A
    # has the time courses on the left, and the directions in the space of steps on the right.
    responses = trajectories.trajectory(np.eye(n_points), momentum=momentum)
    centred = np.asarray(trajectories.centre(responses))
    time_courses, singular_values, step_directions = np.linalg.svd(centred)
    count = n_points - 1
    variances = singular_values[:count] ** 2
    # λ_j λ_k / (λ_j - λ_k)² in row k and column j, and 0 for j = k
    itself = np.eye(3, count)
    gaps = variances - variances[:3, None] + itself
    rotation = (1 - itself) * variances * variances[:3, None] / gaps**2

    def overlap_deficits(key):
        noise = trajectories.equivalent_gaussian_noise(key, n_points, dim)
        walk = trajectories.trajectory(noise, momentum=momentum)
        components = pca.principal_components(walk, 3).time_courses
        overlaps = pca.squared_overlaps(components, time_courses[:, :3])
        # The squared product of the noise along two directions has the mean 1 / d exactly: a
        # control variate.
        along = step_directions[:count] @ noise
        moved = jnp.sum(rotation * ((along[:3] @ along.T) ** 2 - 1 / dim), axis=1)
        return 1 - overlaps - moved

    eigenvalues = linear_processes.toeplitz_eigenvalues(
        linear_processes.momentum_impulse_response(n_points, momentum)
    )
    first_order = finite_dimension.overlap_deficit(eigenvalues, dim, 3)
    second_order = finite_dimension.overlap_deficit_second_order(eigenvalues, dim, 3)
    eigenvalue_bias = finite_dimension.eigenvalue_bias(eigenvalues, dim, 3)
    # At most 7 times the cube of the first order was seen.
    third_order = 10 * first_order**3
    trial.mean(
        overlap_deficits,
        first_order + second_order,
        law=Asymptotic(),
        slack=third_order,
        margin=0.009 * first_order + third_order,
        controls={
            "$π² k² / (6 d)$": np.pi**2 * np.arange(1, 4) ** 2 / 6 / dim,
            # λ_j² = λ_j λ_k - λ_j (λ_k - λ_j)
            "$λ_j²$ for $λ_j λ_k$": first_order - eigenvalue_bias,
        },
        first=512,
    )
