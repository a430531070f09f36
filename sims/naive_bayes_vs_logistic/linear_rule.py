"""Linear classification rules: what every learner of this paper returns."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int

from sims.domain import AnyArray

Number = float | int | Float[AnyArray, ""]  # a scalar that may be traced


class LinearRule(NamedTuple):
    """Predicts argmax_k w_k·x + b_k, the first class among equals.

    Attributes:
        weights: w, one row per class, K x n.
        intercepts: b, one per class.
    """

    weights: Float[Array, "*batch classes features"]
    intercepts: Float[Array, "*batch classes"]

    def scores(self, points: Float[Array, "points features"]) -> Float[Array, "points classes"]:
        """Return w_k·x + b_k for every point and class."""
        return points @ self.weights.T + self.intercepts

    def predict(self, points: Float[Array, "points features"]) -> Int[Array, " points"]:
        """Return the class of every point, 0..K-1."""
        return jnp.argmax(self.scores(points), axis=1)
