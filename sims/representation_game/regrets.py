"""Exact regrets by projection. With Σ = L L' the regret of R on f is the squared length of what is
left of L'f once it is projected off the columns of L'R.
"""

import numpy as np
from jaxtyping import Float

from sims.representation_game.domains import (
    Chances,
    Covariance,
    Kept,
    Moment,
    Prior,
    Representation,
    Representations,
    Tasks,
)
from theory_on_trial.contract import guarded, require


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
