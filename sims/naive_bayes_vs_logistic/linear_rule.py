"""Linear classification rules: what every learner of this paper returns."""

from typing import Annotated, NamedTuple

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int

from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import ANY_NUMBER, Is, guarded, require


class LinearRule(NamedTuple):
    """Predicts argmax_k w_k·x + b_k, the first class among equals; `weights` are K x n, one row per
    class.
    """

    weights: Float[Array, "*batch classes features"]
    intercepts: Float[Array, "*batch classes"]

    @guarded(double=False)
    def scores(self, points: Float[AnyArray, "points features"]) -> Float[Array, "points classes"]:
        """Return w_k·x + b_k for every point and class; not finite where the rule is not.
        Raises ValueError for points of another number of features, or a rule with leading axes.
        """
        shape = self.weights.shape
        require(
            len(shape) == 2 and points.shape[1] == shape[-1],
            f"points must be those of a rule of weights {shape}, got {points.shape}",
        )
        return jnp.asarray(points) @ self.weights.T + self.intercepts

    @guarded(double=False)
    def predict(self, points: Float[AnyArray, "points features"]) -> Int[Array, " points"]:
        """Return the class of every point, 0..K-1. Raises as `scores`."""
        return jnp.argmax(self.scores(points), axis=1)


def _holds_arrays(rule: LinearRule) -> bool:
    return not isinstance(rule, LinearRule) or all(isinstance(values, AnyArray) for values in rule)


FiniteRule = Annotated[LinearRule, Is("hold arrays of weights and intercepts", _holds_arrays)]
"""A rule of finite numbers."""
Rule = Annotated[FiniteRule, ANY_NUMBER]
"""A rule, maybe one that is not finite."""


def require_rule(name: str, rule: LinearRule, n_classes: int, n_features: int) -> None:
    """Raise `ValueError` unless a rule is of K classes and n features, with any leading axes."""
    batch = rule.intercepts.shape[:-1]
    weights, intercepts = rule
    require(
        (weights.shape, intercepts.shape) == ((*batch, n_classes, n_features), (*batch, n_classes)),
        f"{name} must have {n_classes} x {n_features} weights and {n_classes} intercepts, "
        f"got shapes {weights.shape} and {intercepts.shape}",
    )
