"""Ad-hoc pools: the multiplicity people see when they look only at models fitted along a path of penalties.

A pool is a finite set of linear classifiers, so its discrepancy and ambiguity bound the exact ones from below. Two
pools: the Gaussian elastic net of the released R code (least squares on labels ±1, a column of ones penalised like the
others), and logistic regression with an ℓ1 or ℓ2 penalty. Weights are normalised, and every fit is accepted only if its
gradient says that it is the minimum: a pool of fits that stopped early shows no multiplicity and proves nothing.
"""

from collections.abc import Sequence
from numbers import Real as Number
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Real

from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import require_at_most, require_count, require_finite

SMALLEST_PENALTY = 1e-4
"""The last penalty of a path, relative to the first, which is the least that sets all coefficients to zero."""

GRADIENT_TOLERANCE = 1e-6
"""The largest subgradient at a fit that counts as zero, relative to the largest gradient at coefficients zero."""


LARGEST_FEATURE = 1e30
"""Beyond this liblinear does not move."""


class PoolMultiplicity(NamedTuple):
    """For each tolerance: the most samples one model of the pool predicts otherwise, and those that some model does."""

    discrepancy: Real[np.ndarray, "tolerances"]
    ambiguity: Real[np.ndarray, "tolerances"]


@validated
def elastic_net_pool(
    features: Real[np.ndarray, "rows dim"],
    positives: Real[np.ndarray, "rows"],
    negatives: Real[np.ndarray, "rows"],
    *,
    mixings: Sequence[float | int] = tuple(tenth / 10 for tenth in range(11)),
    n_penalties: int = 100,
) -> Float[np.ndarray, "models coefficients"]:
    """Coefficients (constant first) minimising ½ mean (y - β·(1, x))² + λ (μ |β|_1 + ½ (1 - μ) |β|²), y = ±1.

    All mixings μ in [0, 1] share the `n_penalties` geometric values λ of the path at μ = 1/2; models are ordered by μ,
    then by falling λ. `positives` and `negatives` are the weights n⁺_u, n⁻_u of the labels at each row.

    Raises ValueError for numbers outside these ranges, weights that are negative or all zero, labels of which every
    feature is independent; RuntimeError for a fit whose gradient is not zero.
    Source: the ad-hoc baseline of the code of Marx et al. 2020 (arXiv 1909.06677); features are not rescaled here.
    """
    from sklearn.linear_model import enet_path

    if not all(isinstance(mixing, Number) for mixing in mixings):
        raise TypeError(f"mixings must be real numbers, got {list(mixings)}")
    require_count("mixings: the number of mixings", len(mixings), 1, "there is no model otherwise")
    if not all(0 <= mixing <= 1 for mixing in mixings):
        raise ValueError(f"mixings must be in [0, 1], got {list(mixings)}")
    design, shares, means = _weighted(features, positives, negatives)
    gram, moment = design.T @ (shares[:, None] * design), design.T @ (shares * means)
    penalties = 2 * _penalties(np.abs(moment).max(), n_penalties)
    rows = np.sqrt(len(shares) * shares)
    pool = []
    for mixing in mixings:
        if mixing == 0:
            ridge = gram + penalties[:, None, None] * np.eye(len(gram))
            path = np.linalg.solve(ridge, np.broadcast_to(moment[:, None], (n_penalties, len(moment), 1)))[:, :, 0]
        else:
            path = enet_path(
                rows[:, None] * design, rows * means, l1_ratio=mixing, alphas=penalties, tol=1e-8, max_iter=100_000
            )[1].T
        gradients = path @ gram - moment + (1 - mixing) * penalties[:, None] * path
        _require_minima(gradients, path, mixing * penalties, np.abs(moment).max())
        pool.append(path)
    return np.concatenate(pool)


@validated
def logistic_pool(
    features: Real[np.ndarray, "rows dim"],
    positives: Real[np.ndarray, "rows"],
    negatives: Real[np.ndarray, "rows"],
    *,
    mixing: int,
    n_penalties: int = 100,
) -> Float[np.ndarray, "models coefficients"]:
    """Coefficients (constant first) minimising mean log(1 + exp(-y β·(1, x))) + λ (|β|_1 or ½ |β|²).

    `mixing` is 1 for the ℓ1 penalty (solved by liblinear) and 0 for ℓ2 (by Newton's method). λ falls geometrically,
    from the least that makes the ℓ1 fit zero, or a thousand times that for ℓ2. The rest, and the errors, as in
    `elastic_net_pool`; both labels must occur, and no feature may exceed 1e30 in size.
    """
    from scipy.special import expit
    from sklearn.linear_model import LogisticRegression

    require_at_most("features: the largest size", np.abs(features).max(initial=0), LARGEST_FEATURE, "liblinear stalls")
    if mixing not in (0, 1):
        raise ValueError(f"mixing must be 1 (the ℓ1 penalty) or 0 (ℓ2), got {mixing}")
    design, shares, means = _weighted(features, positives, negatives)
    if not (positives.any() and negatives.any()):
        raise ValueError("positives and negatives must not be all zero, one of them is")
    steepest = np.abs(design.T @ (shares * means)).max() / 2
    # No ℓ2 penalty sets coefficients to zero: its path starts where they are all small.
    penalties = _penalties(steepest, n_penalties, start=1 if mixing else 1000)
    both = np.concatenate([design, design])
    labels = np.repeat([1, -1], len(design))
    weights = np.concatenate([shares * (1 + means), shares * (1 - means)]) / 2
    model = LogisticRegression(
        l1_ratio=float(mixing),
        solver="liblinear" if mixing else "newton-cholesky",
        fit_intercept=False,
        tol=1e-10,
        max_iter=10_000,
        random_state=0,
    )
    path = []
    for penalty in penalties:
        model.set_params(C=1 / (penalty * len(labels)))
        path.append(model.fit(both, labels, sample_weight=weights * len(labels)).coef_[0])
    coefficients = np.array(path)
    slopes = -weights * labels * expit(-labels * (coefficients @ both.T))
    gradients = slopes @ both + (1 - mixing) * penalties[:, None] * coefficients
    _require_minima(gradients, coefficients, mixing * penalties, steepest)
    return coefficients


@validated
def pool_dichotomies(
    features: Real[np.ndarray, "rows dim"],
    coefficients: Float[np.ndarray, "models coefficients"],
    threshold: float | int = 0,
) -> Int[np.ndarray, "models rows"]:
    """1 where a model's score β·(1, x) exceeds the threshold, else 0, at each row.

    The released code takes the thresholds 0, 0.5 and 1, each a pool of its own.
    Raises ValueError unless there is one coefficient for each feature and one for the constant.
    """
    if coefficients.shape[1] != features.shape[1] + 1:
        raise ValueError(
            f"coefficients must be one more than the {features.shape[1]} features, got {coefficients.shape}"
        )
    return (coefficients[:, :1] + coefficients[:, 1:] @ features.T > threshold).astype(int)


@validated
def pool_multiplicity(
    dichotomies: Int[np.ndarray, "models rows"],
    positives: Real[np.ndarray, "rows"],
    negatives: Real[np.ndarray, "rows"],
    baseline: Int[np.ndarray, "rows"],
    tolerances: Real[np.ndarray, "tolerances"],
) -> PoolMultiplicity:
    """Discrepancy and ambiguity of a pool around a baseline, in samples, at error tolerances e in samples.

    At each e those models compete that make at most e errors more than the baseline, which need not be in the pool.
    `dichotomies` and `baseline` hold 0 and 1; an empty pool has no multiplicity. Raises ValueError for others, and for
    negative weights.
    Source: definitions of Marx et al. 2020 (arXiv 1909.06677), over a finite class.
    """
    for name, labels in {"dichotomies": dichotomies, "baseline": baseline}.items():
        if not np.isin(labels, (0, 1)).all():
            raise ValueError(f"{name} must hold 0 and 1 only, got {labels.min()} to {labels.max()}")
    for name, counts in {"positives": positives, "negatives": negatives}.items():
        if (counts < 0).any():
            raise ValueError(f"{name} must not be negative, got {counts.min()}")
    weights = positives + negatives
    differs = dichotomies != baseline
    excess = np.where(differs, np.where(baseline, positives - negatives, negatives - positives), 0).sum(axis=1)
    competing = excess <= tolerances[:, None]
    discrepancy = np.max(np.where(competing, differs @ weights, 0), axis=1, initial=0)
    return PoolMultiplicity(discrepancy, np.array([differs[chosen].any(axis=0) @ weights for chosen in competing]))


def _weighted(features, positives, negatives):
    """[1, features], the share of each row in the total weight, and its mean label."""
    require_count("features: the number of rows", len(features), 1, "there is nothing to fit otherwise")
    require_finite("features", features)
    require_finite("positives", positives)
    require_finite("negatives", negatives)
    totals = positives + negatives
    if (positives < 0).any() or (negatives < 0).any() or not totals.any():
        raise ValueError(
            "positives and negatives must not be negative nor all zero, got least weights "
            f"{positives.min()} and {negatives.min()}, in all {totals.sum()}"
        )
    means = (positives - negatives) / np.where(totals > 0, totals, 1)
    return np.column_stack([np.ones(len(features)), features]), totals / totals.sum(), means


def _penalties(largest, n_penalties, start=1):
    require_count("n_penalties", n_penalties, 1, "there is no model otherwise")
    if not largest > 0:
        raise ValueError("positives and negatives must depend on some feature or differ in sum: all models are zero")
    return np.geomspace(start * largest, SMALLEST_PENALTY * largest, n_penalties)


def _require_minima(gradients, coefficients, penalties, steepest):
    """Raise unless zero is a subgradient of smooth part + penalty |β|_1 at every model."""
    active = np.abs(gradients + penalties[:, None] * np.sign(coefficients))
    excess = np.where(coefficients != 0, active, np.maximum(np.abs(gradients) - penalties[:, None], 0)).max()
    if excess > GRADIENT_TOLERANCE * steepest:
        raise RuntimeError(
            f"a model of the pool is not a minimum: its gradient is {excess / steepest:.1e} of that at 0"
        )
