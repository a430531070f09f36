"""One representation, chosen before the task is known: its regret, the best one, and what it costs
to estimate it.

x has mean 0 and covariance Σ, y = f'x + noise; the representation is R'x with R of r columns, and
the predictor the best linear one. The adversary picks f with f' S^-1 f <= 1. All regrets are in
units of y^2.
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
    """f'(Σ - Σ R (R' Σ R)^-1 R' Σ) f: the least loss with R'x minus the least loss with x.

    Raises ValueError for columns that are dependent. Source: definition, as public reviews of the
    paper give it.
    """
    cross = covariance @ representation
    gain = task @ cross @ np.linalg.solve(representation.T @ cross, cross.T @ task)
    return float(task @ covariance @ task - gain)


@guarded
def task_spectrum(covariance: Covariance, prior: Prior) -> Float[np.ndarray, " dim"]:
    """λ_1 >= ... >= λ_d >= 0, the eigenvalues of S^(1/2) Σ S^(1/2). Source: definition."""
    return _solved(covariance, prior)[0]


@guarded
def task_directions(covariance: Covariance, prior: Prior) -> Float[np.ndarray, "dim tasks"]:
    """S^(1/2) Q as columns f_i: uncorrelated tasks with f' S^-1 f = 1 of variance f_i' Σ f_i = λ_i;
    derived here.
    """
    return _solved(covariance, prior)[1]


@guarded
def pure_representation(
    covariance: Covariance, prior: Prior, kept: Kept
) -> Float[np.ndarray, "dim kept"]:
    """S^(1/2) Q_(1:r), the R of least worst regret. Source: theorem 2, form derived here.
    ValueError for r >= d.
    """
    _check_kept(len(covariance), kept)
    return _solved(covariance, prior)[1][:, :kept]


@guarded
def worst_task(covariance: Covariance, prior: Prior, kept: Kept) -> Float[np.ndarray, " dim"]:
    """f* = S^(1/2) q_(r+1), of the worst regret of that R. Raises ValueError for r >= d. Source:
    derived here.
    """
    _check_kept(len(covariance), kept)
    return _solved(covariance, prior)[1][:, kept]


@guarded
def pure_value(spectrum: Spectrum, kept: Kept) -> float:
    """λ_(r+1), the least worst regret of one representation. Raises ValueError for r >= d. Source:
    theorem 2.
    """
    return float(falling(spectrum, kept)[kept])


@guarded
def small_logit_regret(regret: Annotated[float, Interval(0, 1e100)]) -> float:
    """An eighth of the regret, that in log loss (nats) for small logits f'x. Source: a label's
    variance 1/4, halved.
    """
    return regret / 8


@guarded
def pure_average(spectrum: Spectrum, kept: Kept) -> float:
    """Sum of λ_i over i > r: the regret of that R on the mean over tasks with E f f' = S, the least
    of any R.

    Raises ValueError for r >= d. Source: Ky Fan's theorem; derived here.
    """
    return float(falling(spectrum, kept)[kept:].sum())


@guarded
def estimation_excess(spectrum: Spectrum, kept: Kept) -> float:
    """λ_(r+1)^2 times the sum of 1 / (λ_j - λ_(r+1)) over j <= r.

    N times what the worst regret of R exceeds λ_(r+1) by in the mean, where R comes from the
    covariance of N normal samples of known mean, as N grows; times the multiplicity of λ_(r+1) for
    r = 1. Raises ValueError for λ_r = λ_(r+1), for a positive λ_(r+1) that is multiple where r > 1,
    and for r >= d. Source: derived here, by first-order perturbation.

    >>> estimation_excess([3.0, 1.0], 1), estimation_excess([3.0, 1.0, 1.0], 1)
    (0.5, 1.0)
    """
    lambdas = falling(spectrum, kept)
    value = lambdas[kept]
    gaps = lambdas[:kept] - lambdas[kept]
    require(
        gaps.min() > 0,
        "spectrum must have lambda_r > lambda_(r+1), or no subspace of dimension r leads",
    )
    multiple = np.sum(lambdas == value)
    simple = multiple == 1 or kept == 1 or value == 0
    require(
        simple, "spectrum must have a simple lambda_(r+1) for r > 1: else no closed form is known"
    )
    return float(multiple * value * np.sum(value / gaps))


def falling(spectrum: Spectrum, kept: Kept) -> Spectrum:
    """The eigenvalues, the largest first; raises ValueError for r >= d."""
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
    """Eigenvalues of S^(1/2) Σ S^(1/2), the largest first, and S^(1/2) times its eigenvectors."""
    variances, axes = np.linalg.eigh(prior)
    root = axes * np.sqrt(variances.clip(min=0)) @ axes.T
    spectrum, vectors = np.linalg.eigh(root @ covariance @ root)
    return spectrum[::-1].clip(min=0), root @ vectors[:, ::-1]
