"""Linear classification rules: what every learner of this paper returns."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int

from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import AnyArray

Number = float | int | Float[AnyArray, ""]  # a scalar that may be traced


class LinearRule(NamedTuple):
    """Predicts argmax_k w_k·x + b_k, the first class among equals.

    Attributes:
        weights: w, one row per class, K x n.
        intercepts: b, one per class.
    """

    weights: Float[Array, "*batch classes features"]
    intercepts: Float[Array, "*batch classes"]

    @validated(unbounded=("return",))
    def scores(self, points: Float[AnyArray, "points features"]) -> Float[Array, "points classes"]:
        """Return w_k·x + b_k for every point and class; not finite where the rule is not.

        Raises ValueError for points of another number of features, or a rule with leading axes.
        """
        if self.weights.ndim != 2 or points.shape[1] != self.weights.shape[1]:
            raise ValueError(f"points must be those of a rule of weights {self.weights.shape}, got {points.shape}")
        return jnp.asarray(points) @ self.weights.T + self.intercepts

    @validated
    def predict(self, points: Float[AnyArray, "points features"]) -> Int[Array, " points"]:
        """Return the class of every point, 0..K-1. Raises as `scores`."""
        return jnp.argmax(self.scores(points), axis=1)


def require_rule(rule: LinearRule, n_classes: int, n_features: int) -> None:
    """Raise `ValueError` unless a rule is of K classes and n features, `TypeError` unless it holds arrays."""
    for name, values in rule._asdict().items():
        if not isinstance(values, AnyArray):
            raise TypeError(f"rule.{name} must be an array, got a value of type {type(values).__name__}")
    shape = (*rule.intercepts.shape[:-1], n_classes, n_features)
    if rule.weights.shape != shape or rule.intercepts.shape != shape[:-1]:
        raise ValueError(
            f"rule must have {n_classes} x {n_features} weights and {n_classes} intercepts, got shapes "
            f"{rule.weights.shape} and {rule.intercepts.shape}"
        )
