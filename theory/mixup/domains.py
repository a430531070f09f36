"""The domains of this paper's arguments, in its words."""

import math
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Bool, Float

from theory_on_trial.contract import PROBABILITIES, UNIT_INTERVAL, Holds, Interval

_SINGULAR = (
    2.0**-49
)  # eigenvalues of the correlations below this many times the dimension are rounding
_SYMMETRY = (
    1e-12  # asymmetry of a covariance, relative to its largest entry, that passes as rounding
)


def _has_bayes_direction(covariance: np.ndarray) -> bool:
    # Of the correlations, so that coordinates may have any units.
    deviations = np.sqrt(np.maximum(np.diag(covariance), 0))
    asymmetry = (
        np.abs(covariance - covariance.T).max()
        if len(covariance) == covariance.shape[1]
        else np.inf
    )
    if asymmetry > _SYMMETRY * np.abs(covariance).max() or not np.all(deviations > 0):
        return False
    with np.errstate(over="ignore"):
        correlations = covariance / deviations / deviations[:, None]
    return bool(
        np.all(np.abs(correlations) < 2)
        and np.linalg.eigvalsh(correlations)[0] > _SINGULAR * len(covariance)
    )


NONZERO = Holds("nonzero", "have an entry other than zero", lambda values: bool(np.any(values)))

Direction = Annotated[Float[np.ndarray, " dim"], NONZERO]
"""A vector of which only the direction matters, such as weights w of the rule 1[w . x > 0]."""
Covariance = Annotated[
    Float[np.ndarray, "dim dim"],
    # The name by which the tests draw: positive definite matrices.
    Holds(
        "definite",
        "be symmetric and positive definite (no Bayes direction otherwise)",
        _has_bayes_direction,
    ),
]
"""Σ, the noise shape."""
InverseExponential = Annotated[float, Interval(0, 1400, "(]", why="e^(a/2) must be a float64")]
"""a = κ m^2, the effective separability, where e^(a/2) is computed."""
SampleSize = Annotated[float, Interval(2, why="a point of each class")]
"""n, a real number of samples."""
LogSampleSize = Annotated[float, Interval(math.log(2), why="of two samples")]
"""Log n, which may exceed that of any float."""
AngleTarget = Annotated[
    float, Interval(1e-20, 2, "()", why="1 - cos is at most 2; the low end is a cap")
]
"""ε, a target of 1 - cos."""
Shape = Annotated[
    float, Interval(1e-15, 1e50, why="beyond, nothing is left of a density in float64")
]
"""α or β of a Beta law of λ."""
Mode = Literal["expected", "sampled"]
"""Whether λ is averaged within each pair, or one is drawn for each ordered pair."""
SoftLabels = Annotated[Float[np.ndarray, " points"], UNIT_INTERVAL]
"""y, one per point."""
Lambdas = Annotated[Float[np.ndarray, " atoms"], UNIT_INTERVAL]
"""λ, the weights of the first label."""
Masses = Annotated[Float[np.ndarray, " atoms"], PROBABILITIES]
"""The probabilities of atoms."""
Masks = Bool[np.ndarray, "atoms dim"]
"""M, one per row, true where the first point is kept."""
