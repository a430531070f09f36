"""Ridge-regularised logistic regression: the discriminative learner."""

import functools
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from sims.naive_bayes_vs_logistic.domains import (
    Classes,
    InverseRidge,
    Labels,
    SampleWeight,
    Tolerance,
    require_every_class,
)
from sims.naive_bayes_vs_logistic.linear_rule import FiniteRule, LinearRule, Rule, require_rule
from sims.naive_bayes_vs_logistic.logistic_solver import LogisticProblem, minimise
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import Interval, guarded, require

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
    problem = LogisticProblem(design, design.T, targets, weight, penalty)

    def largest_derivative(gradient):
        by_weight = gradient[:, :-1] + gradient[:, -1:] * centre
        by_intercept = gradient[:, -1]
        return jnp.maximum(jnp.abs(by_weight).max(initial=0), jnp.abs(by_intercept).max()) / total

    last = minimise(problem, parameters, tolerance, max_iterations, largest_derivative)
    parameters = last.parameters
    if n_classes == 2:
        parameters = jnp.concatenate([-parameters / 2, parameters / 2])
    weights = parameters[:, :-1]
    rule = LinearRule(weights, parameters[:, -1] - weights @ centre)
    return LogisticFit(rule, largest_derivative(last.gradient), last.iterations)
