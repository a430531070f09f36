"""Exact regrets by projection: with Σ = L L', the best predictor from R'x leaves of L'f what L'R
does not span.
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
    """The largest regret of each R over f' S^-1 f <= 1, a squared singular value."""
    left = _left(covariance, representations, np.linalg.cholesky(prior))
    return np.asarray(np.linalg.svd(left, compute_uv=False)[..., 0] ** 2)


@guarded
def worst_case(
    covariance: Covariance, prior: Prior, representation: Representation
) -> Float[np.ndarray, " dim"]:
    """The task f' S^-1 f = 1 of the largest regret of one R."""
    root = np.linalg.cholesky(prior)
    return root @ np.linalg.svd(_left(covariance, representation, root))[2][0]


@guarded
def worst_expected_regret(
    covariance: Covariance, prior: Prior, representations: Representations, chances: Chances
) -> float:
    """The largest expected regret over the prior, of R drawn with these chances after the task is
    chosen.
    """
    require(len(chances) == len(representations), "chances must be as many as representations")
    left = _left(covariance, representations, np.linalg.cholesky(prior))
    return float(np.linalg.eigvalsh(np.einsum("k,kij,kil->jl", chances, left, left))[-1])


@guarded
def guaranteed_regret(covariance: Covariance, moment: Moment, kept: Kept) -> float:
    """The least expected regret of any R on random tasks: the d - r smallest eigenvalues of L'
    moment L, summed.
    """
    require(kept < len(covariance), f"kept must be below {len(covariance)}, got {kept}")
    root = np.linalg.cholesky(covariance)
    return float(np.linalg.eigvalsh(root.T @ moment @ root)[: len(covariance) - kept].sum())


@guarded
def unavoidable_regret(covariance: Covariance, prior: Prior, tasks: Tasks) -> float:
    """What every R of fewer columns than there are tasks must lose on some combination of them in
    the prior. Some combination f is uncorrelated with R'x; its regret f' Σ f is at least this least
    generalised eigenvalue.
    """
    from scipy.linalg import eigvalsh

    sizes = np.linalg.solve(np.linalg.cholesky(prior), tasks)
    return float(eigvalsh(tasks.T @ covariance @ tasks, sizes.T @ sizes)[0])


def _left(
    covariance: Covariance, representations: Representations, tasks: Tasks
) -> Float[np.ndarray, "*each dim tasks"]:
    """What is left of L' tasks once the columns of L'R are projected away."""
    root = np.linalg.cholesky(covariance).T
    basis = np.linalg.qr(root @ representations)[0]
    images = root @ tasks
    return images - basis @ (np.swapaxes(basis, -1, -2) @ images)
