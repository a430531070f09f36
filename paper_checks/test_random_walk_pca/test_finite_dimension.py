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
from theory_on_trial import claim, derived
from theory_on_trial.contract import LONGEST, MOST, UNIT_INTERVAL, Interval
from theory_on_trial.laws import Asymptotic, Bounded

Dimension = Annotated[int, Interval(200, LONGEST, why="later orders in 1 / d are not computed")]
WalkPoints = Annotated[
    int, Interval(8, 64, why="with few points later components have no bias; many are slow")
]
WalkDimension = Annotated[int, Interval(300, MOST, why="later orders in 1 / d are not computed")]
LAWLEY = derived(
    "Lawley's sum over the walk's eigenvalues, in closed form by the zeros of Chebyshev's"
    " polynomials"
)
SECOND_ORDER = 5
"""The variance of a ratio is off its first order by at most this over d, relatively: 4.2 +- .7 at
most was seen.
"""


@claim(FIRST_FEW, kind="distribution")
def test_first_two_fraction(
    trial,
    n_points: Annotated[int, Interval(30, 120, why="long, and thousands are drawn")] = 60,
    dim: Dimension = 1000,
):
    """Let a random walk have independent isotropic Gaussian steps. With many points in many
    dimensions, the first two principal components of its centred points explain 76 % of the
    variance on average, and the first three 83 %.
    """
    variances = plain_walk.eigenvalues(n_points)
    fractions = np.cumsum(finite_dimension.mean_explained_variance_ratio(variances, dim, 3))[1:]
    trial.mean(
        lambda key: jnp.cumsum(pca.explained_variance_ratio(key, n_points, dim)[:3])[1:],
        fractions,
        law=Bounded(0, 1),
        slack=np.cumsum(
            np.abs(finite_dimension.explained_variance_ratio_second_order(variances, dim, 3))
        )[1:],
        margin=0.01,
        controls={
            "without centring": np.cumsum(plain_walk.uncentred_explained_variance_ratio_limit(3))[
                1:
            ],
            # A round number that is heard of walks
            "80 % by the first two": np.array([0.8, fractions[1]]),
        },
        first=256,
    )


def _controlled(n_points, dim, **process):
    """Return a simulator of three ratios of a process, and of their linear response to the noise,
    with its coefficients. The noise along the population axes is chi-square of mean one and
    variance 2 / d, independently: control variates.
    """
    population = infinite_dimension.spectrum(n_points, **process)
    shares = population / population.sum()
    response = shares[:3, None] * (np.eye(3, n_points - 1) - shares)

    def sampled(key):
        sample = pca.eigenbasis_sample(key, population, dim, count=3)
        return sample.variances / sample.total_variance, response @ (sample.noise_variances - 1)

    return sampled, response


@claim(
    derived(
        "Lawley's bias of the eigenvalues of a Wishart matrix, and the mean of their ratio to"
        " its trace"
    ),
    kind="distribution",
    cases=[(8, 500, 0.0), (16, 20_000, 0.0), (16, 2000, 5.0), (30, 20_000, 8.0)],
)
def test_sim_evr(
    trial,
    n_points: WalkPoints,
    dim: WalkDimension,
    crossover: Annotated[
        float, Interval(0, 10, why="beyond, the first two eigenvalues are too close for 1 / d")
    ],
):
    """Let x_t = (1 - α) x_(t-1) + ξ_t with independent isotropic Gaussian steps in d dimensions,
    where α = 0 gives a random walk. Let λ_k be the eigenvalues of the covariance over time of T
    centred points, ρ_k = λ_k / sum_j λ_j, q = sum_j ρ_j² and b_k = sum_(j != k) λ_j / (λ_k - λ_j).
    To first order in 1 / d, the mean share of principal component k in the variance of a sampled
    trajectory is ρ_k (1 + (b_k - 2 ρ_k + 2 q) / d).
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
    sampler, _ = _controlled(n_points, dim, reversion=rate)
    ratios = variances[:3] / variances.sum()
    means = finite_dimension.mean_explained_variance_ratio(variances, dim, 3)
    later = np.abs(finite_dimension.explained_variance_ratio_second_order(variances, dim, 3))
    if crossover == 0:
        bias = finite_dimension.eigenvalue_bias(variances, dim, 3)
        rival = {"the bias b_k / d of an eigenvalue": ratios * (1 + bias)}
    else:
        walk = plain_walk.eigenvalues(n_points)
        of_walk = finite_dimension.mean_explained_variance_ratio(walk, dim, 3)
        relative = of_walk / plain_walk.explained_variance_ratio(n_points)[:3]
        rival = {"the relative bias of the walk": ratios * relative}
    trial.mean(
        lambda key: jnp.subtract(*sampler(key)),
        means,
        law=Asymptotic(),
        slack=later,
        margin=later + 0.2 * np.abs(means - ratios).max(),
        controls={"no bias": ratios, **rival},
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
    """Let λ_k be the eigenvalues of the covariance over time of the T centred points of a random
    walk, and ρ_k = λ_k / sum_j λ_j, with q = sum_j ρ_j². To first order in 1 / d, the share of
    principal component k in the variance of a sampled walk with isotropic Gaussian steps in d
    dimensions has the variance 2 ρ_k² (1 - 2 ρ_k + q) / d.
    """
    sampler, response = _controlled(n_points, dim)
    variances = plain_walk.eigenvalues(n_points)
    ratios = plain_walk.explained_variance_ratio(n_points)[:3]
    centre = finite_dimension.mean_explained_variance_ratio(variances, dim, 3)
    scatter = finite_dimension.explained_variance_ratio_std(variances, dim)[:3] ** 2

    def controlled_variance(key):
        sample, linear = sampler(key)
        return (sample - centre) ** 2 - linear**2 + 2 / dim * np.sum(response**2, axis=1)

    trial.mean(
        controlled_variance,
        scatter,
        law=Asymptotic(),
        slack=scatter * SECOND_ORDER / dim,
        margin=scatter * (0.008 + SECOND_ORDER / dim),
        controls={
            "without q": 2 / dim * ratios**2 * (1 - 2 * ratios),
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
    """Let λ_k be the eigenvalues of the covariance over time of the T centred points of a random
    walk with isotropic Gaussian steps in d dimensions, and l_k those of one sampled walk. To first
    order in 1 / d, E[l_k] / λ_k is 1 + b_k / d with b_k = (3/2) x_k / (1 + x_k) and x_k = cos(π k /
    T).

    For small k this is nearly 1 + 3 / (4 d).
    """
    population = infinite_dimension.spectrum(n_points)
    variances = plain_walk.eigenvalues(n_points)

    def scaled_bias(key):
        sample = pca.eigenbasis_sample(key, population, dim, count=3)
        # The noise along each population axis has mean exactly one: a control variate with a known
        # mean.
        return dim * (sample.variances[:3] / population[:3] - sample.noise_variances[:3])

    trial.mean(
        scaled_bias,
        finite_dimension.eigenvalue_bias_coefficient(n_points)[:3],
        law=Asymptotic(),
        slack=dim * np.abs(finite_dimension.eigenvalue_bias_second_order(variances, dim, 3)),
        margin=np.array([0.036, 0.1, 0.15]),
        controls={
            "3 k / 4": 0.75 * np.arange(1, 4),
            "one half": np.full(3, 0.5),
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
    """Let λ_k = 1 / (2 - 2 cos(π k / T)) for k = 1, …, T - 1 and x_k = cos(π k / T). Then sum_(j !=
    k) λ_j / (λ_k - λ_j) = (3/2) x_k / (1 + x_k).

    The λ_k are the eigenvalues of a random walk of T points, and the sum is Lawley's.
    """
    population = infinite_dimension.spectrum(n_points)
    gaps = population[:, None] - population
    np.fill_diagonal(gaps, np.inf)
    coefficients = finite_dimension.eigenvalue_bias_coefficient(n_points)
    trial.identity(
        np.sum(population / gaps, axis=1),
        coefficients,
        # Each eigenvalue carries T roundings of the largest one.
        ops=2 * n_points,
        scale=population[0] * np.sum((population + population[:, None]) / gaps**2, axis=1),
        controls={
            "3/4 for every k": np.full(n_points - 1, 0.75),
            "without the factor 3/2": coefficients / 1.5,
        },
    )


def _spectra_of_gauss_rule(population, dim, n_nodes=4):
    """Return sample eigenvalues and squared overlaps at all nodes of a rule for Bartlett's factor,
    and their chances. Its diagonal's squares are chi-square, its other entries normal: means of
    polynomials up to degree seven are exact, those of smooth functions up to 1 / dim^4.
    """

    def rule(diagonal, off_diagonal):
        nodes, vectors = eigh_tridiagonal(diagonal, off_diagonal)
        return nodes, vectors[0] ** 2

    k = np.arange(n_nodes)
    count = population.size
    normal = rule(np.zeros(n_nodes), np.sqrt(k[1:]))
    squares = [
        rule(dim - i + 4 * k, np.sqrt(2 * k[1:] * (dim - i - 2 + 2 * k[1:]))) for i in range(count)
    ]
    rules = [(np.sqrt(nodes), weights) for nodes, weights in squares] + [normal] * (
        count * (count - 1) // 2
    )
    entries = np.stack(np.meshgrid(*(nodes for nodes, _ in rules), indexing="ij"), axis=-1).reshape(
        -1, len(rules)
    )
    chances = functools.reduce(np.multiply.outer, [weights for _, weights in rules]).ravel()
    factor = np.zeros((len(chances), count, count))
    factor[:, range(count), range(count)] = entries[:, :count]
    factor[:, *np.tril_indices(count, -1)] = entries[:, count:]
    root = np.sqrt(population)[:, None] * factor / np.sqrt(dim)
    eigenvalues, vectors = np.linalg.eigh(root @ root.swapaxes(1, 2))
    return eigenvalues[:, ::-1], np.diagonal(vectors[:, :, ::-1], axis1=1, axis2=2) ** 2, chances


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
    """Let λ_k be the eigenvalues of the covariance over time of a random walk of T points with
    isotropic Gaussian steps in d dimensions, ρ_k = λ_k / sum_j λ_j, q = sum_j ρ_j², c = sum_j ρ_j³,
    m_r = sum_(j != k) λ_j λ_k^(r-1) / (λ_k - λ_j)^r and s_r = sum_(j != k) λ_j² λ_k^(r-2) / (λ_k -
    λ_j)^r. For the eigenvalues l_k of one sampled walk, the terms of order 1 / d² are s_3 in E[l_k]
    / λ_k, -2 s_2 in Var[l_k] / λ_k², s_3 + 8 ρ_k² + 2 q m_1 + 12 q² - 8 c - 12 ρ_k q in E[l_k /
    sum_j l_j] / ρ_k, and 3 m_4 - 2 m_3 + m_2 - m_1 m_2 in the mean of 1 minus the squared overlap
    of component k with its limit for large d.
    """
    variances = plain_walk.eigenvalues(n_points)
    dims = 2000 * 2 ** np.arange(5)
    count = variances.size
    shares = variances / variances.sum()

    def beyond_first(dim):
        spectra, overlaps, chances = _spectra_of_gauss_rule(
            infinite_dimension.spectrum(n_points), dim
        )
        means = chances @ spectra / variances
        scatter = chances @ (spectra / variances - means) ** 2
        ratios = chances @ (spectra / spectra.sum(axis=1, keepdims=True)) / shares
        first = finite_dimension.eigenvalue_bias(variances, dim, count)
        first_of_ratios = (
            finite_dimension.mean_explained_variance_ratio(variances, dim, count) / shares
        )
        rotation = chances @ (1 - overlaps) - finite_dimension.overlap_deficit(
            variances, dim, count
        )
        return dim**2 * np.concatenate(
            [means - 1 - first, scatter - 2 / dim, ratios - first_of_ratios, rotation]
        )

    bias = finite_dimension.eigenvalue_bias_second_order(variances, 1, count)
    scatter = finite_dimension.eigenvalue_variance(variances, 1, count) - 2
    ratio = finite_dimension.explained_variance_ratio_second_order(variances, 1, count) / shares
    rotation = finite_dimension.overlap_deficit_second_order(variances, 1, count)
    terms = np.concatenate([bias, scatter, ratio, rotation])
    margin = 0.001 * np.abs(terms)
    controls = {
        "the opposite sign": -terms,
        "the bias of eigenvalues for that of ratios": np.concatenate(
            [bias, scatter, bias, rotation]
        ),
    }
    trial.limit(
        [beyond_first(dim) for dim in dims.tolist()],
        dims,
        terms,
        order=1,
        margin=margin,
        controls=controls,
    )


@claim(
    derived("the first-order rotation of the eigenvectors of a Wishart matrix"),
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
    """Let λ_k and u_k be the eigenvalues and unit eigenvectors of the covariance over time of a
    walk x_t = x_(t-1) + v_t, v_t = γ v_(t-1) + ξ_t with isotropic Gaussian steps ξ_t in d
    dimensions. To first order in 1 / d, 1 minus the squared overlap of component k of a sampled
    walk with u_k has the mean (1 / d) sum_(j != k) λ_j λ_k / (λ_j - λ_k)².

    Without momentum, at γ = 0, the u_k are cosines, and the mean is about k² / d.
    """
    responses = trajectories.trajectory(np.eye(n_points), momentum=momentum)
    courses, lengths, steps = np.linalg.svd(np.asarray(trajectories.centre(responses)))
    count = n_points - 1
    variances = lengths[:count] ** 2
    itself = np.eye(3, count)
    gaps = variances - variances[:3, None] + itself
    rotation = (1 - itself) * variances * variances[:3, None] / gaps**2

    def deficits(key):
        noise = trajectories.equivalent_gaussian_noise(key, n_points, dim)
        walk = trajectories.trajectory(noise, momentum=momentum)
        components = pca.principal_components(walk, 3).time_courses
        # Squared products of the noise along two axes have mean 1 / d exactly: a control variate.
        along = steps[:count] @ noise
        linear = jnp.sum(rotation * ((along[:3] @ along.T) ** 2 - 1 / dim), axis=1)
        return 1 - pca.squared_overlaps(components, courses[:, :3]) - linear

    law = linear_processes.toeplitz_eigenvalues(
        linear_processes.momentum_impulse_response(n_points, momentum)
    )
    first = finite_dimension.overlap_deficit(law, dim, 3)
    second = finite_dimension.overlap_deficit_second_order(law, dim, 3)
    trial.mean(
        deficits,
        first + second,
        law=Asymptotic(),
        slack=10 * first**3,  # the next term: at most 7 first^3 was seen
        margin=0.009 * first + 10 * first**3,
        controls={
            "π^2 k^2 / 6": np.pi**2 * np.arange(1, 4) ** 2 / 6 / dim,
            "λ_j^2 for λ_j λ_k": first - finite_dimension.eigenvalue_bias(law, dim, 3),
        },
        first=512,
    )
