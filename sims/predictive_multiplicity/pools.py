"""Ad-hoc pools: the multiplicity that people see if they look only at models fitted along a path of
penalties.

A pool is a finite set of linear classifiers, so that its discrepancy and ambiguity are lower bounds
on the exact ones. The pool is the Gaussian elastic net of the released R code: least squares on
labels ±1, where the constant is penalised like the other coefficients. Weights are normalised. A
fit is accepted only if its gradient says that it is the minimum, because fits that stop early show
no multiplicity and prove nothing.
"""

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Real

from sims.linear_dichotomies.domains import Dichotomy
from theory_on_trial.contract import (
    MAY_BE_EMPTY,
    NON_NEGATIVE,
    UNIT_INTERVAL,
    Size,
    guarded,
    require,
)

Dichotomies = Annotated[Int[np.ndarray, "models rows"], UNIT_INTERVAL, MAY_BE_EMPTY]
"""A set of classifiers, a dichotomy per row of the array."""
Weights = Annotated[Real[np.ndarray, "rows"], NON_NEGATIVE]
"""n⁺ or n⁻, the weight of a label at each row."""
Features = Real[np.ndarray, "rows dim"]
Mixings = Annotated[Sequence[float] | Float[np.ndarray, "mixings"], UNIT_INTERVAL]
"""μ, from a quadratic penalty at 0 to an absolute one at 1."""

SMALLEST_PENALTY = 1e-4
"""The last penalty of a path, relative to the first, which is the least that sets all coefficients
to zero.
"""

GRADIENT_TOLERANCE = 1e-6
"""The largest subgradient at a fit that counts as zero, relative to the largest gradient at
coefficients zero.
"""


class PoolMultiplicity(NamedTuple):
    """The multiplicity of a pool at each tolerance: the most samples that one model predicts
    otherwise than the baseline, and the samples that some model does.
    """

    discrepancy: Real[np.ndarray, "tolerances"]
    ambiguity: Real[np.ndarray, "tolerances"]


@guarded(double=False)
def elastic_net_pool(
    features: Features,
    positives: Weights,
    negatives: Weights,
    *,
    mixings: Mixings = tuple(tenth / 10 for tenth in range(11)),
    n_penalties: Size = 100,
) -> Float[np.ndarray, "models coefficients"]:
    """Return the coefficients β, constant first, of elastic nets for labels y = ±1.

    They minimise ½ mean (y - β·(1, x))² + λ (μ |β|_1 + ½ (1 - μ) |β|²). All mixings μ share the
    `n_penalties` geometric values λ of the path at μ = 1/2. Models are ordered by μ, then by
    falling λ. `positives` and `negatives` are the weights n⁺_u, n⁻_u of the labels at each row.
    Raises ValueError for weights that are all zero, and for labels that do not depend on any
    feature; RuntimeError for a fit whose gradient is not zero. At mixings near 0 scikit-learn may
    warn of a gap although the gradient is zero. Source: the ad-hoc baseline of the code of Marx et
    al. 2020 (arXiv 1909.06677); features are not rescaled here.
    """
    from sklearn.linear_model import enet_path

    design, shares, means = _weighted(features, positives, negatives)
    gram = design.T @ (shares[:, None] * design)
    moment = design.T @ (shares * means)
    penalties = 2 * _penalties(np.abs(moment).max(), n_penalties)
    rows = np.sqrt(len(shares) * shares)
    pool = []
    for mixing in mixings:
        if mixing == 0:
            ridge = gram + penalties[:, None, None] * np.eye(len(gram))
            path = np.linalg.solve(
                ridge, np.broadcast_to(moment[:, None], (n_penalties, len(moment), 1))
            )[:, :, 0]
        else:
            path = enet_path(
                rows[:, None] * design,
                rows * means,
                l1_ratio=mixing,
                alphas=penalties,
                tol=1e-9,
                max_iter=100_000,
                random_state=0,
            )[1].T
        gradients = path @ gram - moment + (1 - mixing) * penalties[:, None] * path
        _require_minima(gradients, path, mixing * penalties, np.abs(moment).max())
        pool.append(path)
    return np.concatenate(pool)


@guarded(double=False)
def pool_dichotomies(
    features: Features,
    coefficients: Annotated[Float[np.ndarray, "models coefficients"], MAY_BE_EMPTY],
) -> Int[np.ndarray, "models rows"]:
    """The predictions of each model at each row: 1 where its score β·(1, x) exceeds 0, else 0.

    The released code takes the thresholds 0, 0.5 and 1, each as a pool of its own. Raises
    ValueError for another number of coefficients than features plus one. Source: Marx et al. 2020
    (arXiv 1909.06677).
    """
    n_features = features.shape[1]
    given = coefficients.shape[1]
    require(
        given == n_features + 1,
        f"coefficients must be one more than the {n_features} features, got {given}",
    )
    return (coefficients[:, :1] + coefficients[:, 1:] @ features.T > 0).astype(int)


@guarded(double=False)
def pool_multiplicity(
    dichotomies: Dichotomies,
    positives: Weights,
    negatives: Weights,
    baseline: Dichotomy,
    tolerances: Real[np.ndarray, "tolerances"],
) -> PoolMultiplicity:
    """Discrepancy and ambiguity of a pool around a baseline, at each error tolerance e. All are
    numbers of samples.

    At e those models compete that make at most e errors more than the baseline, which need not be
    in the pool. An empty pool has no multiplicity. Source: definitions of Marx et al. 2020 (arXiv
    1909.06677), over a finite class.
    """
    weights = positives + negatives
    differs = dichotomies != baseline
    excess = np.where(
        differs, np.where(baseline, positives - negatives, negatives - positives), 0
    ).sum(axis=1)
    competing = excess <= tolerances[:, None]
    discrepancy = np.max(np.where(competing, differs @ weights, 0), axis=1, initial=0)
    return PoolMultiplicity(
        discrepancy, np.array([differs[mask].any(axis=0) @ weights for mask in competing])
    )


def _weighted(features, positives, negatives):
    """Return the matrix [1, features], the share of each row in the total weight, and its mean
    label.
    """
    totals = positives + negatives
    require(totals.any(), "positives and negatives must not be all zero")
    means = (positives - negatives) / np.where(totals > 0, totals, 1)
    return np.column_stack([np.ones(len(features)), features]), totals / totals.sum(), means


def _penalties(largest, n_penalties):
    require(
        largest > 0,
        "positives and negatives must depend on some feature or differ in sum: all models are zero",
    )
    return np.geomspace(largest, SMALLEST_PENALTY * largest, n_penalties)


def _require_minima(gradients, coefficients, penalties, steepest):
    """Raise unless zero is a subgradient of smooth part + penalty |β|_1 at every model."""
    active = np.abs(gradients + penalties[:, None] * np.sign(coefficients))
    excess = np.where(
        coefficients != 0, active, np.maximum(np.abs(gradients) - penalties[:, None], 0)
    ).max()
    if excess > GRADIENT_TOLERANCE * steepest:
        raise RuntimeError(
            f"a model of the pool is not a minimum: its gradient is {excess / steepest:.1e} of "
            "that at 0"
        )
