"""Minima of the objective by L-BFGS and Newton steps, from given or random starts (host functions,
float64).
"""

from typing import Annotated, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Key
from threadpoolctl import threadpool_limits

from sims.neural_collapse.domains import Deviation, Starts, Widths, require_depth
from sims.neural_collapse.gradients import Slope, flatten, hessian, unflatten, value_and_gradient
from sims.neural_collapse.objectives import Problem, require_fit
from sims.neural_collapse.parameters import Head, require_memory
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import Interval, guarded

RESTARTS = 4
NULL_EIGENVALUE = 1e-9
"""Of the Hessian, relative to the largest: Newton steps leave the directions below alone (orbits of
rotations).
"""


class Optimum(NamedTuple):
    """Where a descent ended: the head, its objective, and the length of the gradient there
    (stationarity).
    """

    head: Head
    value: float
    gradient_norm: float


@guarded(double=False)
def minimise(
    problem: Problem,
    start: Head,
    *,
    newton_steps: Annotated[int, Interval(0, 1000, why="a few suffice")] = 3,
) -> Optimum:
    """Descend from `start` to a stationary point, in the full form or the class-mean reduction as
    `start` is.

    L-BFGS with an analytic gradient, restarted while that still lowers the objective, then at most
    `newton_steps` Newton steps, each kept only where it shortens the gradient without raising the
    objective. What is found is a local minimum in practice, and only the gradient norm is
    guaranteed: judge by it.

    A Newton step takes a dense Hessian: for some thousand parameters pass `newton_steps=0`.
    Raises TypeError in float32 and ValueError for a start that does not fit the problem.
    """
    require_float64("the minimum of the objective")
    widths, n_columns = _sizes("start", start, problem)
    slope = value_and_gradient(problem, widths, n_columns)
    # L-BFGS solves tiny dense systems: threads that wait for each other make it a hundred times
    # slower.
    with threadpool_limits(1, user_api="blas"):
        flat = _descend(slope, flatten(start, problem))
        flat, value, gradient_norm = _polish(slope, flat, newton_steps)
    return Optimum(unflatten(flat, problem, widths, n_columns), value, gradient_norm)


@guarded(double=False)
def optima(
    problem: Problem,
    key: Key[jax.Array, ""],
    starts: Starts,
    *,
    widths: Widths,
    weight_std: Deviation = 1.0,
    feature_std: Deviation = 1.0,
    reduced: bool = True,
) -> list[Optimum]:
    """Return where L-BFGS ends from each of `starts` random starts, without Newton steps, in order.

    The starts have the law of `initial_head` but are drawn in NumPy, so that no shape needs a
    compilation. Ends with a long gradient did not converge: leave them out of counts.
    Raises TypeError in float32, and ValueError for widths as `train`.
    """
    require_float64("the minimum of the objective")
    require_depth(problem.depth, widths)
    n_columns = problem.n_classes if reduced else problem.n_samples
    require_memory(widths, problem.n_classes, n_columns)
    generator = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    n_weights = sum(
        before * after
        for before, after in zip(widths, (*widths[1:], problem.n_classes), strict=True)
    )
    counts = [n_weights, widths[0] * n_columns, problem.n_classes if problem.bias else 0]
    scales = np.repeat([weight_std, feature_std, 0.0], counts)
    return [
        minimise(
            problem,
            unflatten(scales * generator.standard_normal(len(scales)), problem, widths, n_columns),
            newton_steps=0,
        )
        for _ in range(starts)
    ]


@guarded(double=False)
def best_of(
    problem: Problem, key: Key[jax.Array, ""], starts: Starts, *, widths: Widths
) -> Optimum:
    """The lowest of `optima`, polished by Newton steps: the putative global minimum."""
    return minimise(
        problem, min(optima(problem, key, starts, widths=widths), key=lambda end: end.value).head
    )


@guarded(double=False)
def hessian_spectrum(problem: Problem, head: Head) -> Float[np.ndarray, "parameters"]:
    """Ascending eigenvalues of the Hessian of the objective at `head`, over weights, features and,
    if any, the bias. In the class-mean reduction where `head` has K columns. Raises TypeError in
    float32 and ValueError for a head that does not fit the problem.
    """
    require_float64("the spectrum of the Hessian")
    slope = value_and_gradient(problem, *_sizes("head", head, problem))
    return np.linalg.eigvalsh(hessian(slope, flatten(head, problem)))


def _sizes(name: str, head: Head, problem: Problem) -> tuple[tuple[int, ...], int]:
    require_fit(name, head, problem)
    widths = tuple(layer.shape[1] for layer in head.weights)
    return widths, head.features.shape[1]


def _descend(slope: Slope, flat: np.ndarray) -> np.ndarray:
    from scipy.optimize import minimize

    value = slope(flat)[0]
    options = {"maxcor": 30, "maxiter": 20_000, "maxfun": 40_000, "ftol": 1e-17, "gtol": 1e-11}
    for _ in range(RESTARTS):
        end = minimize(slope, flat, jac=True, method="L-BFGS-B", options=options)
        if not end.fun < value:
            break
        flat = end.x
        value = end.fun
    return flat


def _polish(slope: Slope, flat: np.ndarray, newton_steps: int) -> tuple[np.ndarray, float, float]:
    from scipy.linalg import eigh

    value, gradient = slope(flat)
    for _ in range(newton_steps):
        # LAPACK's faster routines give up on a healthy Hessian: divide and conquer, and relatively
        # robust representations, each once in some hundreds of problems. QR iteration does not.
        eigenvalues, vectors = eigh(hessian(slope, flat), driver="ev")
        support = np.abs(eigenvalues) > NULL_EIGENVALUE * np.abs(eigenvalues).max()
        trial = flat - vectors[:, support] @ (
            vectors[:, support].T @ gradient / eigenvalues[support]
        )
        trial_value, trial_gradient = slope(trial)
        no_rise = trial_value <= value + 1e-15 * max(1.0, abs(value))
        if not (no_rise and np.linalg.norm(trial_gradient) < np.linalg.norm(gradient)):
            break
        flat = trial
        value = trial_value
        gradient = trial_gradient
    return flat, value, float(np.linalg.norm(gradient))
