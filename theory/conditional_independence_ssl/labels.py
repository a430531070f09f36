"""The risks of least squares in normal features after n labels and n1 unlabelled pairs, exactly or
to first order in 1 / n1.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.conditional_independence_ssl.means import CUTOFF
from theory_on_trial.contract import (
    COVARIANCE,
    LONGEST,
    PROBABILITIES,
    USABLE_SCALE,
    Interval,
    Natural,
    NonNegative,
    Positive,
    guarded,
    require,
)

Labels = Annotated[int, Interval(2, LONGEST)]
"""n, labelled samples."""
Width = Annotated[int, Interval(1, LONGEST)]
"""Features that a head reads: r of the pretext, d1 of the raw input."""


@guarded
def excess_risk(
    n_labels: Labels,
    rank: Width,
    noise: NonNegative,
    error: NonNegative = 0.0,
    *,
    intercept: bool = False,
) -> float:
    """The mean of E|f - f*|^2, where least squares fits f to n labels with `rank` normal features:
    a + (σ^2 + a) r / (n-r-1).

    `noise` is σ^2, the variance of the label given X1, and `error` is a, what no head on these
    features can reach; without an intercept all variables are centred, and with one it is (σ^2 +
    a)(1 + 1/n)(n-2)/(n-r-2) - σ^2. Exact for jointly normal (X1, Y), in squared units of the label;
    for several labels noise and error are sums. Infinite up to n = r + 1 (r + 2 with an intercept).
    Derived here; a rate is in the abstract of Lee et al. 2021.

    >>> excess_risk(23, 2, 1.0), excess_risk(3, 2, 1.0)
    (0.1, inf)
    """
    freedom = n_labels - rank - 1 - intercept
    if freedom <= 0:
        return float("inf")
    if intercept:
        return float((noise + error) * (1 + 1 / n_labels) * (n_labels - 2) / freedom - noise)
    return float(error + (noise + error) * rank / freedom)


@guarded
def break_even(
    dim: Width, rank: Width, noise: Positive, error: NonNegative, *, intercept: bool = False
) -> float:
    """The number of labels n* = d1 + 1 + σ^2 (d1 - r) / a beyond which raw features have the
    smaller `excess_risk`; derived here.

    One more with an intercept; infinite where a = 0 and r < d1. Raises ValueError for r > d1.
    """
    require(rank <= dim, f"rank must be at most dim, got {rank} and {dim}")
    saving = noise * (dim - rank)
    return float(dim + 1 + intercept + (saving / error if error else np.inf if saving else 0.0))


@guarded
def pretext_noise(
    target: Annotated[Float[np.ndarray, "outputs dim"], USABLE_SCALE],
    pretext: Annotated[Float[np.ndarray, "second dim"], USABLE_SCALE],
    residual: Annotated[Float[np.ndarray, "second second"], COVARIANCE, USABLE_SCALE],
) -> float:
    """The noise τ = tr H S H' that the pretext task adds to the label for the best head H = F G^+.
    Derived here.

    S = `residual` is the covariance of X2 given X1; `target` F and `pretext` G act on white
    coordinates of x1.
    """
    head = target @ np.linalg.pinv(pretext, rcond=CUTOFF)
    return max(float(np.trace(head @ residual @ head.T)), 0.0)


@guarded
def learned_pretext_error(n_pairs: Labels, dim: Width, kept: Natural, noise: NonNegative) -> float:
    """The approximation error a = (d1 - kept) τ / (n1 - d1 - 1) of a pretext solution that least
    squares learned from n1 pairs.

    To first order in 1 / n1, a pretext of true a = 0 cut to `kept` directions, the rank for
    `excess_risk`; `noise` is `pretext_noise`. Derived here. Raises ValueError for kept > d1 and for
    n1 <= d1 + 1.
    """
    require(kept <= dim, f"kept must be at most dim, got {kept} and {dim}")
    require(
        n_pairs > dim + 1,
        f"n_pairs must exceed dim + 1, or the mean is infinite, got {n_pairs} and {dim}",
    )
    return float((dim - kept) * noise / (n_pairs - dim - 1))


@guarded
def class_cost(
    posterior: Annotated[Float[np.ndarray, "first classes"], Interval(0, 1)],
    weights: Annotated[Float[np.ndarray, " first"], PROBABILITIES],
    features: Annotated[Float[np.ndarray, "first width"], USABLE_SCALE],
) -> float:
    """The limit tr G^-1 E[(1 - |p|^2) φ φ'] of n E|f - p|^2, where least squares fits f to class
    indicators of n labels.

    p = P(Y | x1) must be linear in the features φ, of full rank, with G = E φ φ'; rows are values
    of X1. Source: the delta method, derived here; an indicator's variances p_y (1 - p_y) sum up to
    1 - |p|^2.
    """
    gram = (features.T * weights) @ features
    scatter = (features.T * (weights * (1 - np.sum(posterior**2, axis=1)))) @ features
    return float(np.trace(np.linalg.pinv(gram, rcond=CUTOFF) @ scatter))
