"""The pairs of classes of the figures, and the weights that learners find on samples of them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from figures.mixup.simulations import LabelLaw, learnt_weights
from theory import mixup as predicted
from theory_on_trial.figures.replicates import replicates


class Shape(NamedTuple):
    """Mean μ and noise shape Σ of a pair of classes, as hashable tuples."""

    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]

    def pair(self, separability: float | int) -> predicted.GaussianPair:
        """The pair at separability κ."""
        return predicted.GaussianPair(np.array(self.mean), np.array(self.covariance), separability)


REFERENCE = Shape((1.0, 1.0), ((0.2, 0.0), (0.0, 1.8)))
"""Two classes in the plane whose mean is far from an eigenvector of Σ: cos(μ, b) = .78, m² = 5.56.
"""


def uniform_masks(
    dim: int,
) -> tuple[Bool[np.ndarray, "masks dim"], Float[np.ndarray, " masks"], Float[np.ndarray, " masks"]]:
    """All masks of `dim` coordinates, their equal probabilities, and the shares of coordinates
    kept, their labels.
    """
    masks = predicted.all_masks(dim)
    return masks, np.full(len(masks), 1 / len(masks)), masks.mean(axis=1)


def fitted(
    learner: str,
    n: int,
    separabilities: Sequence[float] | Float[np.ndarray, " kappas"],
    runs: int,
    shape: Shape = REFERENCE,
    alpha: float = 1.0,
    labels: LabelLaw = "balanced",
) -> Float[np.ndarray, "kappas runs dim"]:
    """Weights found on `runs` samples of n points for every κ, the same samples for all learners.

    Raises `RuntimeError` if a fit did not converge.
    """
    static = {"learner": learner, "n": n, **shape._asdict(), "alpha": alpha, "label_law": labels}
    grid = {"separability": [float(value) for value in separabilities]}
    data = replicates(learnt_weights, runs, static, grid, common=["learner", "alpha"])
    weights = data["learnt_weights"].transpose("separability", "seed", ...).values
    if not np.isfinite(weights).all():
        failures = int((~np.isfinite(weights)).any(axis=-1).sum())
        raise RuntimeError(
            f"{failures} of {weights.shape[0] * runs} fits of {learner} at n = {n} did not converge"
        )
    return weights


def deficits(
    weights: Float[np.ndarray, "*cells dim"], target: Float[np.ndarray, " dim"]
) -> Float[np.ndarray, "*cells"]:
    """1 - cos between weights and a target direction, without cancellation."""
    chord = weights / np.linalg.norm(weights, axis=-1, keepdims=True) - target / np.linalg.norm(
        target
    )
    return (chord**2).sum(axis=-1) / 2
