"""The domains of this paper's arguments, in its words."""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import MAY_BE_INFINITE, MOST, POSITIVE, PROBABILITIES, Holds, Interval


def correlations(covariance: np.ndarray) -> np.ndarray:
    """Return the correlation matrix of a covariance matrix of positive variances."""
    deviations = np.sqrt(np.diag(covariance))
    return covariance / deviations / deviations[:, None]


def _semidefinite(covariance: np.ndarray, least: float = -1.0) -> bool:
    """Return whether this is a covariance matrix whose correlations have no eigenvalue below
    `least`, in units of rounding.
    """
    if covariance.shape[0] != covariance.shape[1] or not np.all(np.diag(covariance) > 0):
        return False
    with np.errstate(all="ignore"):
        matrix = correlations(covariance)
    if not (np.isfinite(matrix).all() and np.allclose(matrix, matrix.T, rtol=0, atol=1e-12)):
        return False
    return bool(np.linalg.eigvalsh(matrix)[0] >= least * 1e-13 * len(matrix))


def _definite(covariance: np.ndarray) -> bool:
    return _semidefinite(covariance, 1.0)


_TWO_ROWS = Holds("rows", "have at least 2 rows, one per class", lambda means: len(means) >= 2)
_TWO_CLASSES = Holds(
    "classes", "have at least 2 classes on the last axis", lambda p: p.shape[-1] >= 2
)
# Judged on the correlations, so that the units of the features do not matter.
_SEMIDEFINITE = Holds(
    "covariance", "be symmetric and positive semidefinite, with positive variances", _semidefinite
)
_DEFINITE = Holds("definite", "be symmetric and positive definite", _definite)

Features = Annotated[int, Interval(1, MOST)]
"""n, the number of features."""
Classes = Annotated[int, Interval(2, MOST, why="one class leaves nothing to tell")]
"""K, the number of classes."""
TrainingSize = Annotated[
    float, Interval(2, 1e20, why="one sample per class; the law has long been its limit at 1e20")
]
"""m, the number of training samples of two balanced classes; any real number."""
Means = Annotated[Float[np.ndarray, "classes features"], _TWO_ROWS]
"""μ_k, a row per class."""
Variances = Annotated[Float[np.ndarray, " features"], POSITIVE]
"""The diagonal of Σ."""
Covariance = Variances | Annotated[Float[np.ndarray, "features features"], _SEMIDEFINITE]
"""Σ, the covariance within every class: a matrix, or the vector of its diagonal where it is
diagonal.
"""
DefiniteMatrix = Annotated[Float[np.ndarray, "features features"], _DEFINITE]
"""Σ, an invertible matrix."""
DefiniteCovariance = Variances | DefiniteMatrix
"""Σ where its inverse is needed."""
Priors = Annotated[Float[np.ndarray, " classes"], PROBABILITIES, POSITIVE]
"""p_k, the probabilities of the classes."""
Distributions = Annotated[Float[np.ndarray, "*points classes"], _TWO_CLASSES, PROBABILITIES]
"""Probabilities of the classes, on the last axis, at each point."""
LogitBound = Annotated[float, Interval(0, closed="(]"), MAY_BE_INFINITE]
"""Λ, the bound on the logits; infinity means none."""
Floor = Annotated[
    float, Interval(0, 0.25, "(]", why="the least variance of features in [0, 1] is at most 1/4")
]
"""ρ_0, the least of the priors and of the pooled variances."""
Deviation = Annotated[float, Interval(0, 0.125, why="at most half the floor")]
"""ε, the largest error of any estimated mean, variance or prior."""
