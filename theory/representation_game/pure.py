"""One representation that is chosen before the task is known: its regret, the best one, and the
cost of estimating it.

The features x have mean 0 and covariance Σ, and y = f'x + noise. The representation is R'x, where R
has r columns, and the predictor is the best linear one. The adversary picks a task f with f' S^-1 f
<= 1. All regrets are in units of y^2.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.representation_game.domains import (
    Covariance,
    Kept,
    Prior,
    Representation,
    Spectrum,
    Task,
)
from theory_on_trial.contract import Interval, guarded, require


@guarded
def regret(covariance: Covariance, representation: Representation, task: Task) -> float:
    """Return the regret f'(Σ - Σ R (R' Σ R)^-1 R' Σ) f of a representation: the least loss with R'x
    less the least loss with x.

    Raises ValueError for columns that are dependent. Source: definition, as public reviews of the
    paper give it.
    """
    cross = covariance @ representation
    gain = task @ cross @ np.linalg.solve(representation.T @ cross, cross.T @ task)
    return float(task @ covariance @ task - gain)


@guarded
def task_spectrum(covariance: Covariance, prior: Prior) -> Float[np.ndarray, " dim"]:
    """Return the eigenvalues λ_1 >= ... >= λ_d >= 0 of S^(1/2) Σ S^(1/2). Source: definition."""
    return _solved(covariance, prior)[0]


@guarded
def task_directions(covariance: Covariance, prior: Prior) -> Float[np.ndarray, "dim tasks"]:
    """Return the tasks f_i, the columns of S^(1/2) Q, where Q are the eigenvectors of S^(1/2) Σ
    S^(1/2).

    They have f_i' S^-1 f_i = 1, are uncorrelated, and have the variances f_i' Σ f_i = λ_i. Source:
    derived here.
    """
    return _solved(covariance, prior)[1]


@guarded
def pure_representation(
    covariance: Covariance, prior: Prior, kept: Kept
) -> Float[np.ndarray, "dim kept"]:
    """Return the representation R = S^(1/2) Q_(1:r) of least worst regret, whose columns are the
    first r tasks of `task_directions`. Raises ValueError for r >= d. Source: theorem 2; its form is
    derived here.
    """
    _check_kept(len(covariance), kept)
    return _solved(covariance, prior)[1][:, :kept]


@guarded
def worst_task(covariance: Covariance, prior: Prior, kept: Kept) -> Float[np.ndarray, " dim"]:
    """Return the task f* = S^(1/2) q_(r+1) at which the best representation has its worst regret.
    Raises ValueError for r >= d. Source: derived here.
    """
    _check_kept(len(covariance), kept)
    return _solved(covariance, prior)[1][:, kept]


@guarded
def pure_value(spectrum: Spectrum, kept: Kept) -> float:
    """Return the least worst regret λ_(r+1) of one representation. Raises ValueError for r >= d.
    Source: theorem 2.
    """
    return float(falling(spectrum, kept)[kept])


@guarded
def small_logit_regret(regret: Annotated[float, Interval(0, 1e100)]) -> float:
    """Return the regret in log loss, in nats, for small logits f'x: an eighth of the given regret.
    Source: the variance 1/4 of a label, halved.
    """
    return regret / 8


@guarded
def pure_average(spectrum: Spectrum, kept: Kept) -> float:
    """Return the mean regret of the best representation over tasks with E f f' = S, which is the
    least of any R: the sum of λ_i over i > r.

    Raises ValueError for r >= d. Source: Ky Fan's theorem; derived here.
    """
    return float(falling(spectrum, kept)[kept:].sum())


@guarded
def estimation_excess(spectrum: Spectrum, kept: Kept) -> float:
    """Return the limit, as N grows, of N times the mean excess of the worst regret over λ_(r+1), if
    R comes from the covariance of N normal samples of known mean.

    It is λ_(r+1)^2 times the sum of 1 / (λ_j - λ_(r+1)) over j <= r; for r = 1 it is that times the
    multiplicity of λ_(r+1). Raises ValueError for λ_r = λ_(r+1), for a positive λ_(r+1) that is
    multiple where r > 1, and for r >= d. Source: derived here, by first-order perturbation.

    >>> estimation_excess([3.0, 1.0], 1), estimation_excess([3.0, 1.0, 1.0], 1)
    (0.5, 1.0)
    """
    lambdas = falling(spectrum, kept)
    value = lambdas[kept]
    gaps = lambdas[:kept] - lambdas[kept]
    require(
        gaps.min() > 0,
        "spectrum must have lambda_r > lambda_(r+1): otherwise no subspace of dimension r leads",
    )
    multiple = np.sum(lambdas == value)
    simple = multiple == 1 or kept == 1 or value == 0
    require(
        simple,
        "spectrum must have a simple lambda_(r+1) for r > 1: otherwise no closed form is known",
    )
    return float(multiple * value * np.sum(value / gaps))


def falling(spectrum: Spectrum, kept: Kept) -> Spectrum:
    """Return the eigenvalues, the largest first. Raises ValueError for r >= d."""
    _check_kept(len(spectrum), kept)
    return np.sort(spectrum)[::-1]


def _check_kept(dim: int, kept: int) -> None:
    require(
        kept < dim,
        f"kept must be below the dimension {dim}: nothing is compressed otherwise, got {kept}",
    )


def _solved(
    covariance: Covariance, prior: Prior
) -> tuple[Float[np.ndarray, " dim"], Float[np.ndarray, "dim tasks"]]:
    """Return the eigenvalues of S^(1/2) Σ S^(1/2), the largest first, and S^(1/2) times its
    eigenvectors.
    """
    variances, axes = np.linalg.eigh(prior)
    root = axes * np.sqrt(variances.clip(min=0)) @ axes.T
    spectrum, vectors = np.linalg.eigh(root @ covariance @ root)
    return spectrum[::-1].clip(min=0), root @ vectors[:, ::-1]
