"""Sampled regrets: least squares on samples, representations from estimated covariances, and sets
of directions drawn at random.

n normal rows enter least squares only through the triangle of their QR decomposition. The triangle
is drawn from its own law (Bartlett 1933), so that a regression on a million rows costs as much as
one on d + 1 rows.
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float

from sims.representation_game.domains import (
    Covariance,
    Games,
    Kept,
    Prior,
    Replicas,
    Representation,
    Samples,
    Spectra,
    Task,
)
from sims.representation_game.regrets import worst_regret
from theory_on_trial.contract import Interval, NonNegative, guarded, require


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
