"""The law of the data: variances along directions, signal and noise."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import POSITIVE, PROBABILITIES, Interval, guarded

Aspect = Annotated[
    float, Interval(0, 1e6, "(]", why="eigenvalues have as much room: a product keeps its digits")
]
"""φ = p / n of all points, or φ_s = p / k of a subsample."""
Penalty = Annotated[
    float, Interval(-1e12, 1e12, why="as far as aspects and eigenvalues of up to 1e6 reach")
]
"""λ, on the scale of X'X / k: scikit-learn's `alpha` is k λ."""
Members = Annotated[int, Interval(1, 2**53, why="a bag has members")]
"""M, the number of members of a bag."""


@guarded
@dataclass(frozen=True, eq=False)
class Population:
    """The law of rows x = Σ^(1/2) z, where the entries of z are independent and standard, and of y
    = x'β + noise.

    Attributes:
        eigenvalues: r, the different eigenvalues of Σ, positive, in squared units of x.
        masses: h, the share of the p directions that have each; positive, sums to one.
        alignment: g, the share of |β|^2 along each; sums to one.
        signal: |β|^2, in squared units of y per squared unit of x.
        noise: σ^2 = Var(y | x), in squared units of y.
    """

    eigenvalues: Annotated[
        Float[np.ndarray, " blocks"], Interval(1e-6, 1e6, why="in a unit of their size")
    ]
    masses: Annotated[Float[np.ndarray, " blocks"], PROBABILITIES, POSITIVE]
    alignment: Annotated[Float[np.ndarray, " blocks"], PROBABILITIES]
    signal: Annotated[float, Interval(0, 1e12)]
    noise: Annotated[float, Interval(0, 1e12)]


@guarded
def autoregressive(
    correlation: Annotated[
        float, Interval(-0.95, 0.95, why="nearer to one, eigenvalues need more nodes")
    ],
    signal: Annotated[float, Interval(0, 1e12)],
    noise: Annotated[float, Interval(0, 1e12)],
) -> Population:
    """Return the limit of rows with covariance ρ^|i - j| and coefficients that are equally large
    along all directions; ρ = `correlation`.

    The eigenvalues are (1 - ρ^2) / |1 - ρ e^(i t)|^2 with t uniform, at 1024 equal steps, which is
    exact to ρ^1024. Source: Szegő's theorem.
    """
    t = np.pi * (np.arange(512) + 0.5) / 512
    equal = np.full(512, 1 / 512)
    eigenvalues = (1 - correlation**2) / (1 - 2 * correlation * np.cos(t) + correlation**2)
    return Population(eigenvalues, equal, equal, signal, noise)
