"""Ridge-regularised logistic regression, the discriminative learner, by optax's L-BFGS."""

import functools
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array, lax
from jaxtyping import Float, Int

from sims.naive_bayes_vs_logistic.domains import (
    Classes,
    InverseRidge,
    Labels,
    SampleWeight,
    Tolerance,
    require_every_class,
)
from sims.naive_bayes_vs_logistic.rules import FiniteRule, LinearRule, require_rule
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import Interval, guarded, require

_LBFGS = optax.lbfgs(
    memory_size=10,
    linesearch=optax.scale_by_zoom_linesearch(30, initial_guess_strategy="one"),
)

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
    Source: the learner of Zheng et al. 2023 in their released code (C = 1); solved by L-BFGS.

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
    """Fit in features that are centred, and scaled to a curvature of about one."""
    total = weight.sum()
    centre = weight @ features / total
    targets = jax.nn.one_hot(labels, n_classes, dtype=features.dtype)
    squares = jnp.append(weight @ (features - centre) ** 2, total)
    penalty = jnp.full(len(squares), ridge).at[-1].set(0)
    curvature = squares * (n_classes - 1) / n_classes**2 + penalty
    units = jnp.where(curvature > 0, jnp.sqrt(curvature), 1)
    design = jnp.column_stack([features - centre, jnp.ones_like(weight)]) / units

    def objective(parameters):
        logits = design @ parameters.T
        if n_classes == 2:
            logits = jnp.pad(logits, ((0, 0), (1, 0)))
        loss = jax.nn.logsumexp(logits, axis=1) - jnp.sum(targets * logits, axis=1)
        return (weight @ loss + jnp.sum(penalty * (parameters / units) ** 2) / 2) / total

    def largest_derivative(gradient):
        by_intercept = gradient[:, -1:] * units[-1]
        by_weight = gradient[:, :-1] * units[:-1] + by_intercept * centre
        return jnp.maximum(jnp.abs(by_weight).max(initial=0), jnp.abs(by_intercept).max())

    value_and_gradient = optax.value_and_grad_from_state(objective)

    def unfinished(search):
        _, _, gradient, iterations = search
        return (largest_derivative(gradient) > tolerance) & (iterations < max_iterations)

    def step(search):
        parameters, state, _, iterations = search
        value, gradient = value_and_gradient(parameters, state=state)
        change, state = _LBFGS.update(
            gradient, state, parameters, value=value, grad=gradient, value_fn=objective
        )
        parameters = optax.apply_updates(parameters, change)
        return parameters, state, optax.tree.get(state, "grad"), iterations + 1

    parameters = jnp.column_stack([start.weights, start.intercepts + start.weights @ centre])
    parameters *= units
    if n_classes == 2:
        parameters = parameters[1:] - parameters[:1]
    else:
        parameters -= parameters.mean(axis=0)
    first = parameters, _LBFGS.init(parameters), jax.grad(objective)(parameters), jnp.array(0)
    parameters, _, gradient, iterations = lax.while_loop(unfinished, step, first)
    parameters /= units
    if n_classes == 2:
        parameters = jnp.concatenate([-parameters / 2, parameters / 2])
    weights = parameters[:, :-1]
    rule = LinearRule(weights, parameters[:, -1] - weights @ centre)
    return LogisticFit(rule, largest_derivative(gradient), iterations)
