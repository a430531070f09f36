"""Ridge-regularised logistic regression, the discriminative learner: L-BFGS with feature variances
as the initial metric and a line search among the logits.
"""

import functools
from collections.abc import Callable
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Bool, Float, Int, ScalarLike

from sims.naive_bayes_vs_logistic.domains import (
    Classes,
    InverseRidge,
    Labels,
    SampleWeight,
    Tolerance,
    require_every_class,
)
from sims.naive_bayes_vs_logistic.rules import FiniteRule, LinearRule, Rule, require_rule
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import Interval, guarded, require

MEMORY = 8  # pairs of steps and gradient changes kept
# steps for which one diagonal metric is kept: another one each step would contradict the pairs
REFRESH = 10
SLOPE_REDUCTION = 0.5  # a line search ends where the slope has fallen to this fraction
TRIALS = 40  # points of one line search


class _LogisticProblem(NamedTuple):
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


class _SolverState(NamedTuple):
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


def _class_probabilities(logits: Float[Array, "vectors rows"]) -> Float[Array, "vectors rows"]:
    """Softmax over the vectors; of a single vector the probability of class 1 of two."""
    return jax.nn.sigmoid(logits) if len(logits) == 1 else jax.nn.softmax(logits, axis=0)


def _minimise(
    problem: _LogisticProblem,
    start: Float[Array, "vectors parameters"],
    tolerance: ScalarLike,
    max_iterations: ScalarLike,
    largest_derivative: Callable[[Array], Array],
) -> _SolverState:
    """Step from `start` until `largest_derivative(gradient)` is at most `tolerance` or NaN.
    Source: L-BFGS in the compact form of Byrd, Nocedal & Schnabel 1994; metric and line search
    derived here.
    """

    def unfinished(state: _SolverState) -> Bool[Array, ""]:
        return (largest_derivative(state.gradient) > tolerance) & (
            state.iterations < max_iterations
        )

    def with_new_metric(state: _SolverState) -> _SolverState:
        metric = problem.metric(state.probabilities)
        end = state.iterations + REFRESH
        return lax.while_loop(
            lambda inner: unfinished(inner) & (inner.iterations < end),
            lambda inner: _advance(problem, inner, _descent_direction(inner, metric)),
            state,
        )

    logits = start @ problem.design_transposed
    probabilities = _class_probabilities(logits)
    gradient = problem.gradient(start, probabilities)
    no_pairs = jnp.zeros((MEMORY, start.size), start.dtype)
    triangle = jnp.eye(MEMORY, dtype=start.dtype)
    state = _SolverState(
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
    return _SolverState(
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
        probabilities = _class_probabilities(logits)
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


Iterations = Annotated[
    int | Int[AnyArray, ""], Interval(1, 10**6, why="a compiled loop cannot be interrupted")
]
"""The most steps of the solver."""


class LogisticFit(NamedTuple):
    """A fitted rule and how well it was fitted.

    Attributes:
        rule: the linear rule. Its weights and intercepts sum to zero over the classes, and the
            softmax of its scores is the fitted probability, for K = 2 as for more.
        gradient: largest absolute derivative of the mean penalised loss by a weight or an
            intercept. Where the fit did not converge it exceeds the tolerance or is NaN: compare it
            with `<=`.
        iterations: quasi-Newton steps taken.
    """

    rule: LinearRule
    gradient: Float[Array, "*batch"]
    iterations: Int[Array, "*batch"]


class Rotation(NamedTuple):
    """Features in an orthonormal basis of their own, X = rows basisᵀ; the first m rows are those of
    X's first m.
    """

    rows: Float[Array, "rows rank"]
    basis: Float[Array, "features rank"]

    @guarded(double=False)
    def rotate_back(self, rule: Rule) -> LinearRule:
        """The rule in the features' own coordinates, from one fitted to `rows`; not finite where
        that is not. Raises ValueError for a rule of another number of features than `rows` has
        columns.
        """
        require_rule("rule", rule, rule.intercepts.shape[-1], self.basis.shape[1])
        return LinearRule(rule.weights @ self.basis.T, rule.intercepts)


@guarded(double=False)
def rotate(features: Float[AnyArray, "rows features"]) -> Rotation:
    """Coordinates in which fewer rows than features are as few features as rows, by the QR
    decomposition of Xᵀ. Ridge logistic regression on `rows` (or on any prefix of them) is the
    problem on the features, in fewer numbers. Derived here: the penalty is invariant under
    rotations, and the minimiser lies in the span of the rows.
    """
    basis, upper = jnp.linalg.qr(jnp.asarray(features).T)
    return Rotation(upper.T, basis)


@guarded(double=False)
def ridge_logistic(
    features: Float[AnyArray, "samples features"],
    labels: Labels,
    n_classes: Classes,
    *,
    sample_weight: SampleWeight | None = None,
    inverse_ridge: InverseRidge = 1.0,
    tolerance: Tolerance = 1e-7,
    start: FiniteRule | None = None,
    max_iterations: Iterations = 5000,
) -> LogisticFit:
    """Minimise ½|W|² + C Σ_j s_j log-loss_j over weights W and free intercepts b; C is
    `inverse_ridge`.

    K >= 3: log-loss_j = -log softmax(W x_j + b) at y_j, and all K vectors are penalised. K = 2: a
    single vector w with log-loss log(1 + exp(∓(w·x + b))) and penalty ½|w|², returned as the rows
    (-w/2, w/2). These are the conventions of scikit-learn's LogisticRegression(C=C). C = inf drops
    the penalty; where no maximum likelihood estimate exists that problem has no minimiser, and what
    is returned is where the steps ended.

    Rows of sample weight s_j = 0 count for nothing: a prefix, or a padded sample, has the minimiser
    of the rows kept. The fit ends when the largest derivative of the mean loss (the objective over
    C Σ_j s_j) is at most `tolerance`; sample complexities need 1e-6 or less. `start` is where to
    begin (zero by default) and does not move the minimiser. Under `jit` only the number of classes
    is static; what is traced is not judged: a class of no weight then sends its intercept towards
    -inf.

    Raises ValueError for labels of K or more, a class of no weight, a start of other shape, and a
    tolerance below 1e-5 in float32.
    Source: the learner of Zheng et al. 2023 in their released code (C = 1); solver derived here.

    >>> fit = ridge_logistic([[-1.0], [0.0], [1.0], [2.0]], [0, 1, 0, 1], 2, tolerance=1e-4)
    >>> print(f"{fit.rule.weights[1, 0] - fit.rule.weights[0, 0]:.2f}")
    0.45
    """
    require_every_class(labels, n_classes, sample_weight)
    require(
        features.dtype != np.float32 or tolerance >= 1e-5,
        f"tolerance must be at least 1e-5 for float32 features (use float64), got {tolerance}",
    )
    if start is not None:
        require_rule("start", start, n_classes, features.shape[1])
    features = jnp.asarray(features)
    dtype = features.dtype
    weight = (
        jnp.ones(len(features), dtype)
        if sample_weight is None
        else jnp.asarray(sample_weight, dtype)
    )
    if start is None:
        start = LinearRule(
            jnp.zeros((n_classes, features.shape[1]), dtype), jnp.zeros(n_classes, dtype)
        )
    ridge = 1 / jnp.asarray(inverse_ridge, dtype)
    return _fit(
        features, jnp.asarray(labels), n_classes, weight, ridge, tolerance, start, max_iterations
    )


@functools.partial(jax.jit, static_argnums=2)
def _fit(
    features, labels, n_classes, weight, ridge, tolerance, start, max_iterations
) -> LogisticFit:
    total = weight.sum()
    centre = weight @ features / total
    design = jnp.column_stack([features - centre, jnp.ones_like(weight)])
    targets = jax.nn.one_hot(labels, n_classes, axis=0, dtype=features.dtype)
    parameters = jnp.column_stack([start.weights, start.intercepts + start.weights @ centre])
    if n_classes == 2:
        parameters = parameters[1:] - parameters[:1]
        targets = targets[1:]
    else:
        parameters -= parameters.mean(axis=0)
    penalty = jnp.full(design.shape[1], ridge).at[-1].set(0)
    problem = _LogisticProblem(design, design.T, targets, weight, penalty)

    def largest_derivative(gradient):
        by_weight = gradient[:, :-1] + gradient[:, -1:] * centre
        by_intercept = gradient[:, -1]
        return jnp.maximum(jnp.abs(by_weight).max(initial=0), jnp.abs(by_intercept).max()) / total

    last = _minimise(problem, parameters, tolerance, max_iterations, largest_derivative)
    parameters = last.parameters
    if n_classes == 2:
        parameters = jnp.concatenate([-parameters / 2, parameters / 2])
    weights = parameters[:, :-1]
    rule = LinearRule(weights, parameters[:, -1] - weights @ centre)
    return LogisticFit(rule, largest_derivative(last.gradient), last.iterations)
