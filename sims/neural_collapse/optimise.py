"""Minima of the objective by L-BFGS and Newton steps, from given or random starts, and at depth one
by a convex program. All functions run on the host in float64.

The gradient is written by hand in NumPy, and the Hessian follows from it, so that no shape needs a
compilation. A head is laid out as one vector (W_1, .., W_M, features, and the bias where the
problem has one).
"""

import math
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Key
from threadpoolctl import threadpool_limits

from sims.neural_collapse.domains import (
    ClassSizes,
    Deviation,
    Loss,
    Starts,
    Widths,
    require_depth,
)
from sims.neural_collapse.model import Head, Problem, require_fit, require_memory
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import Interval, guarded, require

Slope = Callable[[np.ndarray], tuple[float, np.ndarray]]
COMPLEX_STEP = 1e-30


def flatten(head: Head, problem: Problem) -> Float[np.ndarray, "parameters"]:
    """Return all numbers of `head` that the problem trains, as one float64 vector."""
    parts = [*head.weights, head.features, *([head.bias] if problem.bias else [])]
    return np.concatenate([np.asarray(part, dtype=float).ravel() for part in parts])


def unflatten(
    flat: Float[np.ndarray, "parameters"], problem: Problem, widths: tuple[int, ...], n_columns: int
) -> Head:
    """The head of these sizes whose trained numbers are `flat`; a bias that is not trained is 0."""
    *weights, features, bias = _splitter(problem, widths, n_columns)(flat)
    return Head(tuple(weights), features, bias)


def value_and_gradient(problem: Problem, widths: tuple[int, ...], n_columns: int) -> Slope:
    """The function from a vector to the objective and its gradient there, for heads of these sizes.
    It takes complex vectors too (the value is then the real part). The decays must be numbers.
    Raises ValueError as `Problem.columns`.
    """
    classes, sample_weights = problem.columns(n_columns)
    split = _splitter(problem, widths, n_columns)
    roots = np.sqrt(sample_weights)
    shares = sample_weights / problem.n_samples
    targets = np.eye(problem.n_classes)[:, np.array(classes)]
    decays = np.array(
        [*problem.weight_decays, problem.feature_decay, problem.bias_decay], dtype=float
    )
    count = problem.depth + 1 + problem.bias

    def at(flat: np.ndarray) -> tuple[float, np.ndarray]:
        parts = split(flat)
        *weights, features, bias = parts
        outputs = [features / roots]
        for layer in weights:
            outputs.append(layer @ outputs[-1])
        logits = outputs.pop() + bias[:, None]
        if problem.loss == "mse":
            errors = logits - targets
            losses = (errors**2).sum(axis=0) / 2
        else:
            scores = logits - logits.real.max(axis=0)
            exponentials = np.exp(scores)
            sums = exponentials.sum(axis=0)
            errors = exponentials / sums - targets
            losses = np.log(sums) - (targets * scores).sum(axis=0)
        backward = errors * shares
        bias_slope = backward.sum(axis=1)
        slopes = []
        for layer, inputs in zip(reversed(weights), reversed(outputs), strict=True):
            slopes.append(backward @ inputs.T)
            backward = layer.T @ backward
        slopes = [*reversed(slopes), backward / roots, bias_slope]
        value = losses @ shares + sum(
            decay / 2 * (part**2).sum() for decay, part in zip(decays, parts, strict=True)
        )
        totals = [
            slope + decay * part for slope, decay, part in zip(slopes, decays, parts, strict=True)
        ]
        return float(value.real), np.concatenate([slope.ravel() for slope in totals[:count]])

    return at


def _hessian(
    slope: Slope, flat: Float[np.ndarray, "parameters"]
) -> Float[np.ndarray, "parameters parameters"]:
    """The symmetric matrix of second derivatives at `flat`, from the function that gives the
    gradient. Column j is Im ∇f(θ + i h e_j) / h with h = 1e-30: an analytic gradient needs no
    difference of close numbers, so that this is exact to rounding. Source: the complex-step
    derivative (Squire & Trapp 1998).
    """
    steps = COMPLEX_STEP * 1j * np.eye(len(flat))
    columns = np.array([slope(flat + step)[1].imag / COMPLEX_STEP for step in steps])
    return (columns + columns.T) / 2


def _splitter(
    problem: Problem, widths: tuple[int, ...], n_columns: int
) -> Callable[[np.ndarray], list[np.ndarray]]:
    """The function that cuts a vector into the layers, the features and the bias."""
    layers = zip((*widths[1:], problem.n_classes), widths, strict=True)
    shapes = [*layers, (widths[0], n_columns), *([(problem.n_classes,)] if problem.bias else [])]
    ends = np.cumsum([math.prod(shape) for shape in shapes]).tolist()
    pieces = list(zip([0, *ends[:-1]], ends, shapes, strict=True))

    def split(flat: np.ndarray) -> list[np.ndarray]:
        parts = [flat[start:end].reshape(shape) for start, end, shape in pieces]
        return parts if problem.bias else [*parts, np.zeros(problem.n_classes)]

    return split


RESTARTS = 4
NULL_EIGENVALUE = 1e-9
"""A relative eigenvalue of the Hessian: Newton steps do not move along directions with smaller ones
(orbits of rotations).
"""


class Optimum(NamedTuple):
    """The end of a descent: the head, its objective, and the length of the gradient there
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

    L-BFGS with an analytic gradient is restarted while that still lowers the objective. Then follow
    at most `newton_steps` Newton steps, each kept only where it shortens the gradient without
    raising the objective. In practice this finds a local minimum, but only the gradient norm is
    certain: judge by it.

    A Newton step takes a dense Hessian: for some thousand parameters pass `newton_steps=0`. Raises
    TypeError in float32 and ValueError for a start that does not fit the problem.
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
    """The points where L-BFGS ends from each of `starts` random starts, in order, without Newton
    steps.

    The starts have the law of `initial_head` but are drawn in NumPy, so that no shape needs a
    compilation. A descent whose gradient is still long did not converge: leave it out of counts.
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
    """The lowest of `optima`, polished by Newton steps: the likely global minimum."""
    return minimise(
        problem, min(optima(problem, key, starts, widths=widths), key=lambda end: end.value).head
    )


@guarded(double=False)
def hessian_spectrum(problem: Problem, head: Head) -> Float[np.ndarray, "parameters"]:
    """Return the ascending eigenvalues of the Hessian of the objective at `head`, with respect to
    the weights, the features and, if any, the bias.

    They are those of the class-mean reduction where `head` has K columns. Raises TypeError in
    float32 and ValueError for a head that does not fit the problem.
    """
    require_float64("the spectrum of the Hessian")
    slope = value_and_gradient(problem, *_sizes("head", head, problem))
    return np.linalg.eigvalsh(_hessian(slope, flatten(head, problem)))


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
        eigenvalues, vectors = eigh(_hessian(slope, flat), driver="ev")
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


SolvableDecay = Annotated[
    float, Interval(0, 1e6, "(]", why="larger ones leave nothing, and fail the solver")
]


class ConvexOptimum(NamedTuple):
    """The optimum of the convex program in class-mean coordinates.
    `value` is the objective, `logits` the K x K matrix W H̄ (column k: of class k, without the
    bias), and `bias` is b.
    """

    value: float
    logits: Float[np.ndarray, "classes classes"]
    bias: Float[np.ndarray, "classes"]


@guarded(double=False)
def nuclear_norm_optimum(
    class_sizes: ClassSizes,
    weight_decay: SolvableDecay,
    feature_decay: SolvableDecay,
    *,
    loss: Loss = "mse",
    bias: bool = False,
) -> ConvexOptimum:
    """Minimise the loss plus √(λ_W λ_H) ‖X‖_* over the K x K matrix X = W H̄ D^(1/2) and the free
    bias.

    At depth 1 and width at least K this is the global minimum of the objective: among the factors
    of a given product the least decay is √(λ_W λ_H) times its nuclear norm. Clarabel's
    interior-point method solves the program to about 1e-8 in the value. Raises ValueError for no
    class, and RuntimeError where the solver fails.
    """
    import cvxpy

    require(len(class_sizes) > 0, "class_sizes must hold at least one class, got none")
    sizes = np.array(class_sizes, float)
    n_classes = len(class_sizes)
    n_samples = sum(class_sizes)
    roots = np.sqrt(sizes)
    matrix = cvxpy.Variable((n_classes, n_classes))
    offset: Any = cvxpy.Variable(n_classes) if bias else np.zeros(n_classes)
    shifts = cvxpy.reshape(offset, (n_classes, 1), order="F") @ np.ones((1, n_classes))
    logits = matrix @ np.diag(1 / roots) + shifts
    if loss == "mse":
        data_loss = cvxpy.sum_squares((logits - np.eye(n_classes)) @ np.diag(roots)) / (
            2 * n_samples
        )
    else:
        data_loss = sizes @ (cvxpy.log_sum_exp(logits, axis=0) - cvxpy.diag(logits)) / n_samples
    decay = np.sqrt(weight_decay * feature_decay) * cvxpy.normNuc(matrix)
    program = cvxpy.Problem(cvxpy.Minimize(data_loss + decay))
    try:
        program.solve(solver=cvxpy.CLARABEL)
    except cvxpy.SolverError as error:
        raise RuntimeError("the convex program was not solved: the solver failed") from error
    if program.status != cvxpy.OPTIMAL:
        raise RuntimeError(f"the convex program was not solved: {program.status}")
    best_bias = offset.value if bias else offset
    return ConvexOptimum(float(program.value), matrix.value / roots, best_bias)
