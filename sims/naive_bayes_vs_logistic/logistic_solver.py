"""L-BFGS for the logistic loss, with feature variances as the initial metric and a line search
among the logits.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool, Float, Int, ScalarLike

MEMORY = 8  # pairs of steps and gradient changes kept
# steps for which one diagonal metric is kept: another one each step would contradict the pairs
REFRESH = 10
SLOPE_REDUCTION = 0.5  # a line search ends where the slope has fallen to this fraction
TRIALS = 40  # points of one line search


class LogisticProblem(NamedTuple):
    """A sum of log-losses and a quadratic penalty, in parameters θ = (W, b), one row per vector.

    Attributes:
        design: rows x parameters; the last column is ones, so that the intercept is one more
            weight.
        design_transposed: the same numbers, parameters x rows, because products from the other side
            are three times slower.
        targets: 1 where a row is of the vector's class, else 0; a single vector stands for class 1
            of two.
        weight: s, one sample weight per row.
        penalty: of each parameter, half its square.
    """

    design: Float[Array, "rows parameters"]
    design_transposed: Float[Array, "parameters rows"]
    targets: Float[Array, "vectors rows"]
    weight: Float[Array, "rows"]
    penalty: Float[Array, "parameters"]

    def gradient(
        self,
        parameters: Float[Array, "vectors parameters"],
        probabilities: Float[Array, "vectors rows"],
    ) -> Float[Array, "vectors parameters"]:
        """The gradient of the summed loss and penalty, where the parameters give these
        probabilities.
        """
        return (
            self.weight * (probabilities - self.targets)
        ) @ self.design + self.penalty * parameters

    def metric(self, probabilities: Float[Array, "vectors rows"]) -> Float[Array, "parameters"]:
        """The diagonal of the Hessian, averaged over the classes (exact for K = 2); positive."""
        spread = (probabilities * (1 - probabilities)).sum(axis=0) / max(len(probabilities) - 1, 1)
        # Where all probabilities saturate, the loss alone would leave no curvature and ask for
        # endless steps.
        curvature = (self.weight * jnp.maximum(spread, 1e-6)) @ jnp.square(
            self.design
        ) + self.penalty
        return jnp.where(curvature > 0, curvature, 1)


class SolverState(NamedTuple):
    """Where the solver is, and the pairs it remembers, oldest first; `triangle` is R, the upper
    triangle of the products s_i·y_j of steps s and gradient changes y.
    """

    parameters: Float[Array, "vectors parameters"]
    logits: Float[Array, "vectors rows"]
    probabilities: Float[Array, "vectors rows"]
    gradient: Float[Array, "vectors parameters"]
    steps: Float[Array, "memory coordinates"]
    changes: Float[Array, "memory coordinates"]
    triangle: Float[Array, "memory memory"]
    iterations: Int[Array, ""]


def class_probabilities(logits: Float[Array, "vectors rows"]) -> Float[Array, "vectors rows"]:
    """Softmax over the vectors; of a single vector the probability of class 1 of two."""
    return jax.nn.sigmoid(logits) if len(logits) == 1 else jax.nn.softmax(logits, axis=0)


def minimise(
    problem: LogisticProblem,
    start: Float[Array, "vectors parameters"],
    tolerance: ScalarLike,
    max_iterations: ScalarLike,
    largest_derivative: Callable[[Array], Array],
) -> SolverState:
    """Step from `start` until `largest_derivative(gradient)` is at most `tolerance` or NaN.
    Source: L-BFGS in the compact form of Byrd, Nocedal & Schnabel 1994; metric and line search
    derived here.
    """

    def unfinished(state: SolverState) -> Bool[Array, ""]:
        return (largest_derivative(state.gradient) > tolerance) & (
            state.iterations < max_iterations
        )

    def with_new_metric(state: SolverState) -> SolverState:
        metric = problem.metric(state.probabilities)
        end = state.iterations + REFRESH
        return lax.while_loop(
            lambda inner: unfinished(inner) & (inner.iterations < end),
            lambda inner: _advance(problem, inner, _descent_direction(inner, metric)),
            state,
        )

    logits = start @ problem.design_transposed
    probabilities = class_probabilities(logits)
    gradient = problem.gradient(start, probabilities)
    no_pairs = jnp.zeros((MEMORY, start.size), start.dtype)
    triangle = jnp.eye(MEMORY, dtype=start.dtype)
    state = SolverState(
        start, logits, probabilities, gradient, no_pairs, no_pairs, triangle, jnp.array(0)
    )
    return lax.while_loop(unfinished, with_new_metric, state)


def _descent_direction(state, metric):
    """-H g, H = (I - S R⁻ᵀ Yᵀ) γ M⁻¹ (I - Y R⁻¹ Sᵀ) + S R⁻ᵀ diag(R) R⁻¹ Sᵀ: M the metric, γ fitted
    to the last pair.
    """
    gradient = state.gradient
    steps = state.steps
    changes = state.changes
    triangle = state.triangle
    last_change = changes[-1].reshape(gradient.shape)
    squared_change = (last_change**2 / metric).sum()
    scale = jnp.where(squared_change > 0, triangle[-1, -1] / squared_change, 1)
    forward = _solve(triangle, steps @ gradient.ravel())
    rest = scale * (gradient - (forward @ changes).reshape(gradient.shape)) / metric
    backward = _solve(
        triangle, jnp.diag(triangle) * forward - changes @ rest.ravel(), transpose_a=True
    )
    return -rest - (backward @ steps).reshape(gradient.shape)


def _solve(triangle, right_side, transpose_a=False):
    return lax.linalg.triangular_solve(
        triangle, right_side[:, None], left_side=True, transpose_a=transpose_a
    )[:, 0]


def _advance(problem, state, direction):
    length, logits, probabilities = _line_search(problem, state, direction)
    step = length * direction
    parameters = state.parameters + step
    gradient = problem.gradient(parameters, probabilities)
    change = gradient - state.gradient
    # Rounding may leave a last step without curvature: such a pair is kept as zeros, which have no
    # effect.
    is_curved = (step * change).sum() > 0
    steps = jnp.concatenate([state.steps[1:], jnp.where(is_curved, step, 0).reshape(1, -1)])
    changes = jnp.concatenate([state.changes[1:], jnp.where(is_curved, change, 0).reshape(1, -1)])
    products = jnp.where(
        is_curved, steps @ change.ravel(), jnp.zeros(MEMORY, step.dtype).at[-1].set(1)
    )
    triangle = (
        jnp.zeros_like(state.triangle)
        .at[:-1, :-1]
        .set(state.triangle[1:, 1:])
        .at[:, -1]
        .set(products)
    )
    return SolverState(
        parameters, logits, probabilities, gradient, steps, changes, triangle, state.iterations + 1
    )


def _line_search(problem, state, direction):
    """A length whose slope is a fraction of the first, by Newton's method on the slope, safeguarded
    by a bracket.
    """
    change = direction @ problem.design_transposed
    bend = (problem.penalty * direction**2).sum()
    pull = (problem.penalty * direction * state.parameters).sum()

    def at(length):
        logits = state.logits + length * change
        probabilities = class_probabilities(logits)
        slope = (
            (problem.weight * (probabilities - problem.targets) * change).sum()
            + pull
            + length * bend
        )
        mean_change = (probabilities * change).sum(axis=0)
        variance = (probabilities * change**2).sum(axis=0) - mean_change**2
        return slope, (problem.weight * variance).sum() + bend, logits, probabilities

    enough = SLOPE_REDUCTION * jnp.abs((direction * state.gradient).sum())

    def unfinished(search):
        trials, _, _, _, (slope, *_) = search
        return (jnp.abs(slope) > enough) & (trials < TRIALS)

    def refine(search):
        trials, length, low, high, (slope, curvature, *_) = search
        low = jnp.where(slope < 0, length, low)
        high = jnp.where(slope < 0, high, length)
        newton = length - slope / curvature
        safe = jnp.where(jnp.isinf(high), 2 * length, (low + high) / 2)
        length = jnp.where((newton > low) & (newton < high), newton, safe)
        return trials + 1, length, low, high, at(length)

    one = jnp.ones_like(enough)
    _, length, _, _, (_, _, logits, probabilities) = lax.while_loop(
        unfinished, refine, (1, one, 0 * one, jnp.inf * one, at(one))
    )
    return length, logits, probabilities
