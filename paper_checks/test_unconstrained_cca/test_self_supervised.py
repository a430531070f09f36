"""Linear Barlow twins and VICReg beside CCA: at which weights their optima lose dimensions."""

from typing import Annotated, Literal

import numpy as np
from scipy.optimize import minimize

from theory import unconstrained_cca as predicted
from theory_on_trial import claim, tried
from theory_on_trial.contract import Interval

Second = Annotated[
    float, Interval(0.1, 0.85, why="nearer to one threshold is near 0; less is hardly a direction")
]
"""ρ_2 / ρ_1."""
INVARIANCE = 25.0
"""The usual weight of VICReg's invariance."""


def best_columns(loss, rho, weight, starts):
    """The columns of least loss among descents from random starts, each of length one: views are
    white, with correlations ρ, both encoded by the same columns.
    """

    def of_columns(columns):
        cross = columns.T @ (rho[:, None] * columns)
        if loss == "Barlow":
            diagonal = np.diag(cross)
            return np.sum((1 - diagonal) ** 2) + weight * (np.sum(cross**2) - diagonal @ diagonal)
        gram = columns.T @ columns
        invariance = INVARIANCE * np.mean(2 - 2 * np.diag(cross))
        return invariance + weight * (np.sum(gram**2) - 2)

    def unit(flat):
        columns = flat.reshape(len(rho), 2)
        return columns / np.linalg.norm(columns, axis=0)

    ends = [
        minimize(lambda flat: of_columns(unit(flat)), start, options={"gtol": 1e-9})
        for start in starts
    ]
    return unit(min(ends, key=lambda end: end.fun).x)


@claim(
    tried(
        "abstract, sentence 9: theory on the links between self-supervised methods and CCA",
        "the weights at which two columns part, for linear encoders of white views",
    ),
    kind="optimality",
    cases=[("Barlow", 0.9, 2 / 3), ("VICReg", 0.9, 2 / 3), ("Barlow", 0.5, 0.3)],
)
def test_self_supervised(
    trial,
    loss: Literal["Barlow", "VICReg"],
    first: Annotated[float, Interval(0.3, 0.97, why="weaker views hardly turn; 1 is no noise")],
    second: Second,
    n_starts: Annotated[int, Interval(4, 100)] = 6,
):
    """Let white views with correlations $ρ_1 > ρ_2 > …$ have the same linear encoder. Two columns
    of Barlow twins, or of VICReg with unit variances, both lie on the first canonical direction up
    to a weight of the redundancy term, $λ = (1 - ρ_1)(ρ_1 - ρ_2) / (ρ_1 (ρ_1 + ρ_2))$ or
    $c = s (ρ_1 - ρ_2) / 4$, and span the first two directions beyond.

    The usual weights, λ = .005 and (s, c) = (25, 1), lie below at ρ = .9, .6: CCA is not recovered.
    """
    rho = first * np.array([1, second, second / 2, second / 6])
    thresholds = {
        "Barlow": predicted.barlow_threshold(rho[0], rho[1]),
        "VICReg": predicted.vicreg_threshold(rho[0], rho[1], INVARIANCE),
    }
    rng = trial.generator("starts")
    spanned = []
    for share in (0.9, 1.1):
        starts = rng.normal(size=(n_starts, 2 * len(rho)))
        columns = best_columns(loss, rho, share * thresholds[loss], starts)
        seen = np.linalg.svd(columns)[1] ** 2 > 1e-4
        outside = np.any(np.abs(columns[2:]) > 1e-3)
        spanned.append([int(seen.sum()), int(outside)])
    trial.identity(
        np.array(spanned),
        np.array([[1, 0], [2, 0]]),
        ops=0,
        controls={
            "as many dimensions as columns": np.array([[2, 0], [2, 0]]),
            "one direction at any weight": np.array([[1, 0], [1, 0]]),
        },
        instances="search",
    )
