"""The simulators of the representation game: exact regrets (`regrets`), sampled regrets and a
learner that plays against Hedge (`draws`), and settings (`worlds`).

Notation, here and in the modules: x has d features with covariance Σ, a task is f with y = f'x +
noise, and a representation R is d x r. The regret of R on f is the mean squared error of the best
linear predictor from R'x minus that of the best one from x. A prior is a matrix S: the tasks with
f' S^-1 f <= 1 are plausible.
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import (
    COVARIANCE,
    DEFINITE,
    LONGEST,
    POSITIVE,
    PROBABILITIES,
    USABLE_SCALE,
    Interval,
    NonNegative,
    guarded,
    require,
)

Covariance = Annotated[Float[np.ndarray, "dim dim"], DEFINITE, USABLE_SCALE]
"""Of the features."""
Prior = Annotated[Float[np.ndarray, "dim dim"], DEFINITE, USABLE_SCALE]
"""S: plausible tasks have f' S^-1 f <= 1."""
Moment = Annotated[Float[np.ndarray, "dim dim"], COVARIANCE, USABLE_SCALE]
"""E f f' of random tasks."""
Representation = Annotated[Float[np.ndarray, "dim kept"], USABLE_SCALE]
Representations = Annotated[Float[np.ndarray, "*each dim kept"], USABLE_SCALE]
"""Matrices of independent columns, along leading axes."""
Task = Annotated[Float[np.ndarray, " dim"], USABLE_SCALE]
Tasks = Annotated[Float[np.ndarray, "dim tasks"], USABLE_SCALE]
"""A task per column."""
Chances = Annotated[Float[np.ndarray, " atoms"], PROBABILITIES]
Spectrum = Annotated[Float[np.ndarray, " dim"], POSITIVE, USABLE_SCALE]
"""Eigenvalues of one world."""
Spectra = Annotated[Float[np.ndarray, "*each dim"], POSITIVE, USABLE_SCALE]
"""Eigenvalues along the last axis, the largest first where the order counts."""
Games = Annotated[Float[np.ndarray, "games dim"], POSITIVE, USABLE_SCALE]
"""Eigenvalues, a game per row."""
Kept = Annotated[int, Interval(1, LONGEST)]
Dim = Annotated[int, Interval(1, 2**12, why="matrices of that size still fit")]
Seed = Annotated[int, Interval(0, 2**63 - 1)]
Samples = Annotated[int, Interval(2, 2**50)]
Replicas = Annotated[int, Interval(1, 2**20)]


@guarded
def projected_regret(
    covariance: Covariance, representations: Representations, tasks: Tasks
) -> Float[np.ndarray, "*each tasks"]:
    """The regret of each R on each task, in units of y^2."""
    return np.asarray(np.sum(_left(covariance, representations, tasks) ** 2, axis=-2))


@guarded
def mean_regret(
    covariance: Covariance, representations: Representations, moment: Moment
) -> Float[np.ndarray, "*each"]:
    """The expected regret of each R on random tasks with E f f' = moment."""
    variances, axes = np.linalg.eigh(moment)
    tasks = axes * np.sqrt(variances.clip(min=0))
    return np.asarray(np.sum(_left(covariance, representations, tasks) ** 2, axis=(-2, -1)))


@guarded
def worst_regret(
    covariance: Covariance, prior: Prior, representations: Representations
) -> Float[np.ndarray, "*each"]:
    """The largest regret of each R over the tasks with f' S^-1 f <= 1, from a singular value."""
    left = _left(covariance, representations, np.linalg.cholesky(prior))
    return np.asarray(np.linalg.svd(left, compute_uv=False)[..., 0] ** 2)


@guarded
def worst_case(
    covariance: Covariance, prior: Prior, representation: Representation
) -> Float[np.ndarray, " dim"]:
    """A task with f' S^-1 f = 1 on which the regret of R is largest."""
    root = np.linalg.cholesky(prior)
    return root @ np.linalg.svd(_left(covariance, representation, root))[2][0]


@guarded
def worst_expected_regret(
    covariance: Covariance, prior: Prior, representations: Representations, chances: Chances
) -> float:
    """The largest expected regret over the plausible tasks, where R is drawn with these chances
    after the task is chosen. Raises ValueError unless there is one chance for each representation.
    """
    require(len(chances) == len(representations), "chances must be as many as representations")
    left = _left(covariance, representations, np.linalg.cholesky(prior))
    return float(np.linalg.eigvalsh(np.einsum("k,kij,kil->jl", chances, left, left))[-1])


@guarded
def guaranteed_regret(covariance: Covariance, moment: Moment, kept: Kept) -> float:
    """The least expected regret of any R with r columns on random tasks with E f f' = moment.

    It is the sum of the d - r smallest eigenvalues of L' moment L. Raises ValueError unless r < d.
    """
    require(kept < len(covariance), f"kept must be below {len(covariance)}, got {kept}")
    root = np.linalg.cholesky(covariance)
    return float(np.linalg.eigvalsh(root.T @ moment @ root)[: len(covariance) - kept].sum())


@guarded
def unavoidable_regret(covariance: Covariance, prior: Prior, tasks: Tasks) -> float:
    """A regret that every R with fewer columns than there are tasks has on some plausible
    combination of the tasks.

    Some combination f is uncorrelated with R'x, so that its regret is f' Σ f. That is at least the
    least generalised eigenvalue, which this function returns.
    """
    from scipy.linalg import eigvalsh

    sizes = np.linalg.solve(np.linalg.cholesky(prior), tasks)
    return float(eigvalsh(tasks.T @ covariance @ tasks, sizes.T @ sizes)[0])


def _left(
    covariance: Covariance, representations: Representations, tasks: Tasks
) -> Float[np.ndarray, "*each dim tasks"]:
    """Return what is left of L' tasks after the columns of L'R are projected away."""
    root = np.linalg.cholesky(covariance).T
    basis = np.linalg.qr(root @ representations)[0]
    images = root @ tasks
    return images - basis @ (np.swapaxes(basis, -1, -2) @ images)


@guarded
def least_squares_regret(
    generator: np.random.Generator,
    covariance: Covariance,
    representation: Representation,
    task: Task,
    noise: NonNegative,
    samples: Samples,
    replicas: Replicas,
) -> Float[np.ndarray, " replicas"]:
    """Return unbiased estimates of the regret of R, the residual variance of y regressed on R'x
    minus that of y regressed on x, for n normal samples.

    Args:
        generator: of NumPy.
        covariance: Σ of the rows, whose mean is 0.
        representation: R.
        task: f, with y = f'x + noise.
        noise: standard deviation of the noise, in units of y.
        samples: n, above the dimension.
        replicas: how many independent data sets.

    Raises ValueError unless n exceeds the dimension.
    """
    dim = len(covariance)
    require(samples > dim, f"samples must exceed the dimension {dim}, got {samples}")
    root = np.linalg.cholesky(covariance)
    # Of the whitened features and of the noise
    rows = _triangles(generator, dim + 1, samples, replicas)
    features = rows[..., :dim] @ root.T
    response = features @ task[:, None] + noise * rows[..., dim:]

    def residual(
        seen: Float[np.ndarray, "replicas rows columns"],
    ) -> Float[np.ndarray, " replicas"]:
        basis = np.linalg.qr(seen)[0]
        left = response - basis @ (np.swapaxes(basis, 1, 2) @ response)
        return np.sum(left**2, axis=(1, 2)) / (samples - seen.shape[-1])

    return residual(features @ representation) - residual(features)


class Estimated(NamedTuple):
    """The rise of the worst regret through an estimated covariance, with a control variate."""

    excess: Float[np.ndarray, " replicas"]
    """Worst regret of the R that is best for the estimate, minus that for the true covariance."""
    squares: Float[np.ndarray, "replicas pairs"]
    """Squared sample covariances of uncorrelated directions of variance one: their means are 1 / n
    (Isserlis 1918).
    """


@guarded
def estimated_excess(
    generator: np.random.Generator,
    covariance: Covariance,
    prior: Prior,
    kept: Kept,
    samples: Samples,
    replicas: Replicas,
) -> Estimated:
    """Return how much the worst regret rises if R is chosen for a covariance that is estimated from
    n normal samples.

    Raises ValueError unless n > d > r, with r = `kept`.
    """
    dim = len(covariance)
    require(
        samples > dim > kept,
        f"samples must exceed the dimension {dim}, and that kept, got {samples} and {kept}",
    )
    root = np.linalg.cholesky(covariance)
    prior_root = np.linalg.cholesky(prior)
    root = root @ np.linalg.eigh(root.T @ prior @ root)[1]
    triangles = _triangles(generator, dim, samples, replicas)

    def best(rows: Float[np.ndarray, "*each rows dim"]) -> Float[np.ndarray, "*each dim kept"]:
        return prior_root @ np.swapaxes(
            np.linalg.svd(rows @ root.T @ prior_root)[2][..., :kept, :], -1, -2
        )

    regrets = worst_regret(covariance, prior, best(triangles))
    first, second = np.triu_indices(dim, 1)
    covariances = (np.swapaxes(triangles, 1, 2) @ triangles)[:, first, second] / samples
    return Estimated(regrets - worst_regret(covariance, prior, best(np.eye(dim))), covariances**2)


@guarded
def balanced(
    spectra: Spectra, kept: Kept
) -> tuple[Float[np.ndarray, "*each"], Float[np.ndarray, "*each dim"]]:
    """The level v at which the terms max(0, 1 - v / λ_i) sum to r = `kept`, and these terms. Raises
    ValueError unless r < d.
    """
    require(kept < spectra.shape[-1], f"kept must be below {spectra.shape[-1]}, got {kept}")
    low = np.zeros(spectra.shape[:-1])
    high = spectra.max(axis=-1)
    for _ in range(1100):  # halves down to the last digit of any level
        middle = (low + high) / 2
        if np.all((middle == low) | (middle == high)):
            break
        over = np.maximum(0, 1 - middle[..., None] / spectra).sum(axis=-1) > kept
        low = np.where(over, middle, low)
        high = np.where(over, high, middle)
    return np.asarray(high), np.maximum(0, 1 - high[..., None] / spectra)


@guarded
def dropped(
    generator: np.random.Generator, spectrum: Spectra, kept: Kept, draws: Replicas
) -> Float[np.ndarray, "draws dim"]:
    """Return which directions a random set of r directions leaves out, 1 for those and 0 for the
    rest.

    Direction i is in the set with the chance that `balanced` gives it. A set comes from systematic
    sampling: the chances are laid end to end, and the set has the directions in which the points u,
    u + 1, ... lie, with u uniform. Raises ValueError unless r < d.
    """
    chances = balanced(spectrum, kept)[1]
    ends = np.concatenate([[0.0], np.cumsum(chances)]) * (kept / chances.sum())
    passages = np.ceil(ends - generator.random((draws, 1)))
    return 1.0 - np.diff(passages, axis=1).clip(0, 1)


@guarded
def hedge(
    spectra: Games,
    kept: Kept,
    horizons: list[Annotated[int, Interval(1, 10**6, why="moves are played one by one")]],
) -> Float[np.ndarray, " games"]:
    """The worst expected regret, over the tasks f_i, of a learner that mixes T best responses to
    Hedge.

    Each row of `spectra` is a game with its own T in `horizons`. In each round Hedge plays f_i with
    chance p_i proportional to exp(η times the past regret on f_i), and the learner answers with the
    r directions of the largest p_i λ_i. Raises ValueError unless r < d, and unless there is one
    horizon per game.
    """
    games, dim = spectra.shape
    require(kept < dim, f"kept must be below {dim}, got {kept}")
    require(len(horizons) == games, f"horizons must be {games}, one per game, got {len(horizons)}")
    lengths = np.array(horizons)
    largest = spectra.max(axis=1, keepdims=True)
    shares = spectra / largest
    rates = np.sqrt(8 * np.log(dim) / lengths)[:, None]
    losses = np.zeros(spectra.shape)
    row = np.arange(games)[:, None]
    for step in range(lengths.max()):
        scores = np.exp(rates * (losses - losses.max(axis=1, keepdims=True))) * shares
        lost = np.where(step < lengths[:, None], shares, 0.0)
        lost[row, np.argpartition(scores, dim - kept, axis=1)[:, dim - kept :]] = 0
        losses += lost
    return np.asarray((losses.max(axis=1) / lengths) * largest[:, 0])


def _triangles(
    generator: np.random.Generator, dim: int, samples: int, replicas: int
) -> Float[np.ndarray, "replicas dim dim"]:
    """Return upper triangles T for which T'T has the law of X'X, where X has n rows of independent
    standard normal entries.
    """
    triangles = np.triu(generator.standard_normal((replicas, dim, dim)), 1)
    index = np.arange(dim)
    triangles[:, index, index] = np.sqrt(generator.chisquare(samples - index, (replicas, dim)))
    return triangles


class World(NamedTuple):
    """The covariance Σ of the features, and the matrix S of the ellipsoid f' S^-1 f <= 1 of
    plausible tasks.
    """

    covariance: Float[np.ndarray, "dim dim"]
    prior: Float[np.ndarray, "dim dim"]


@guarded
def drawn_world(seed: Seed, dim: Dim) -> World:
    """A random world: Σ and S are independent draws of A A' / d + 0.1 I with standard normal
    entries of A.
    """
    generator = np.random.default_rng(seed)
    draws = (generator.standard_normal((dim, dim)) for _ in range(2))
    return World(*(a @ a.T / dim + 0.1 * np.eye(dim) for a in draws))


@guarded
def shaped_world(covariance: Covariance, spectrum: Spectrum, seed: Seed) -> World:
    """The world of the given Σ and of S = Σ^(-1/2) O diag(spectrum) O' Σ^(-1/2) with a random
    orthogonal O.
    """
    variances, axes = np.linalg.eigh(covariance)
    whitening = axes / np.sqrt(variances)
    rotation = np.linalg.qr(np.random.default_rng(seed).standard_normal(covariance.shape))[0]
    root = whitening @ rotation * np.sqrt(spectrum)
    return World(covariance, root @ root.T)
