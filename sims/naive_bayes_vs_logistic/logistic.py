"""Ridge-regularised logistic regression: the discriminative learner."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from sims.naive_bayes_vs_logistic.domain import require_labels
from sims.naive_bayes_vs_logistic.linear_rule import LinearRule, Number, require_rule
from sims.naive_bayes_vs_logistic.logistic_solver import LogisticProblem, minimise
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import (
    AnyArray,
    is_traced,
    require_above,
    require_at_most,
    require_count,
    require_size,
)


class LogisticFit(NamedTuple):
    """A fitted rule and how well it was fitted.

    Attributes:
        rule: the linear rule. Its weights and intercepts sum to zero over the classes, and the softmax of its scores
            is the fitted probability, for K = 2 as for more.
        gradient: largest absolute derivative of the mean penalised loss by a weight or an intercept. Where the fit did
            not converge it exceeds the tolerance or is NaN: compare it with `<=`.
        iterations: quasi-Newton steps taken.
    """

    rule: LinearRule
    gradient: Float[Array, "*batch"]
    iterations: Int[Array, "*batch"]


class Rotation(NamedTuple):
    """Features in an orthonormal basis of their own: X = rows basisᵀ.

    Attributes:
        rows: lower-trapezoidal; the first m rows of it are the first m rows of X.
        basis: orthonormal columns.
    """

    rows: Float[Array, "rows rank"]
    basis: Float[Array, "features rank"]

    @validated(unbounded=("rule", "return"))
    def rotate_back(self, rule: LinearRule) -> LinearRule:
        """The rule in the features' own coordinates, from one fitted to `rows`; not finite where that is not.

        Raises ValueError for a rule of another number of features than `rows` has columns.
        """
        require_rule(rule, rule.intercepts.shape[-1], self.basis.shape[1])
        return LinearRule(rule.weights @ self.basis.T, rule.intercepts)


@validated
def rotate(features: Float[AnyArray, "rows features"]) -> Rotation:
    """Coordinates in which fewer rows than features are as few features as rows, by the QR decomposition of Xᵀ.

    Ridge logistic regression on `rows` (or on any prefix of them) is the problem on the features, in fewer numbers.
    Derived here: the penalty is invariant under rotations, and the minimiser lies in the span of the rows.
    """
    basis, upper = jnp.linalg.qr(jnp.asarray(features).T)
    return Rotation(upper.T, basis)


@validated(unbounded=("features", "sample_weight", "inverse_ridge", "return"))  # or with sentences of their own
def ridge_logistic(
    features: Float[AnyArray, "rows features"],
    labels: Int[AnyArray, "rows"],
    n_classes: int,
    *,
    sample_weight: Float[AnyArray, "rows"] | None = None,
    inverse_ridge: Number = 1.0,
    tolerance: Number = 1e-7,
    start: LinearRule | None = None,
    max_iterations: int | Int[AnyArray, ""] = 5000,
) -> LogisticFit:
    """Minimise ½|W|² + C Σ_j s_j log-loss_j over weights W and free intercepts b; C is `inverse_ridge`.

    K >= 3: log-loss_j = -log softmax(W x_j + b) at y_j, and all K vectors are penalised. K = 2: a single vector w with
    log-loss log(1 + exp(∓(w·x + b))) and penalty ½|w|², returned as the rows (-w/2, w/2). These are the conventions of
    scikit-learn's LogisticRegression(C=C). C = inf drops the penalty; where no maximum likelihood estimate exists that
    problem has no minimiser, and what is returned is where the steps ended.

    Rows of sample weight s_j = 0 count for nothing: a prefix, or a padded sample, has the minimiser of the rows kept.
    The fit ends when the largest derivative of the mean loss (the objective over C Σ_j s_j) is at most `tolerance`;
    sample complexities need 1e-6 or less. `start` is where to begin (zero by default) and does not move the minimiser.
    Under `jit` only the number of classes is static; what is traced is not judged: a class of no weight then sends
    its intercept towards -inf.

    Raises ValueError for fewer than two classes, no rows, features that are not finite, labels outside 0..K-1, a class
    of no weight, negative or infinite sample weights, C or a tolerance not above 0, lengths that differ, a start of
    other shape, max_iterations outside 1..10^6; TypeError for labels that are not integers, features that are not
    floats, and a tolerance below 1e-5 in float32.
    Source: the learner of Zheng et al. 2023 in their released code (C = 1); solver derived here.
    """
    require_problem(features, labels, n_classes, sample_weight)
    _require_settings(features, n_classes, inverse_ridge, tolerance, start, max_iterations)
    features = jnp.asarray(features)
    dtype = features.dtype
    weight = jnp.ones(len(features), dtype) if sample_weight is None else jnp.asarray(sample_weight, dtype)
    if start is None:
        start = LinearRule(jnp.zeros((n_classes, features.shape[1]), dtype), jnp.zeros(n_classes, dtype))
    ridge = 1 / jnp.asarray(inverse_ridge, dtype)
    return _fit(features, jnp.asarray(labels), n_classes, weight, ridge, tolerance, start, max_iterations)


@functools.partial(jax.jit, static_argnums=2)
def _fit(features, labels, n_classes, weight, ridge, tolerance, start, max_iterations) -> LogisticFit:
    total = weight.sum()
    centre = weight @ features / total
    design = jnp.column_stack([features - centre, jnp.ones_like(weight)])
    targets = jax.nn.one_hot(labels, n_classes, axis=0, dtype=features.dtype)
    parameters = jnp.column_stack([start.weights, start.intercepts + start.weights @ centre])
    if n_classes == 2:
        parameters, targets = parameters[1:] - parameters[:1], targets[1:]
    else:
        parameters -= parameters.mean(axis=0)
    penalty = jnp.full(design.shape[1], ridge).at[-1].set(0)
    problem = LogisticProblem(design, design.T, targets, weight, penalty)

    def largest_derivative(gradient):
        by_weight, by_intercept = gradient[:, :-1] + gradient[:, -1:] * centre, gradient[:, -1]
        return jnp.maximum(jnp.abs(by_weight).max(initial=0), jnp.abs(by_intercept).max()) / total

    last = minimise(problem, parameters, tolerance, max_iterations, largest_derivative)
    parameters = last.parameters
    if n_classes == 2:
        parameters = jnp.concatenate([-parameters / 2, parameters / 2])
    weights = parameters[:, :-1]
    rule = LinearRule(weights, parameters[:, -1] - weights @ centre)
    return LogisticFit(rule, largest_derivative(last.gradient), last.iterations)


def require_problem(
    features: AnyArray, labels: AnyArray, n_classes: int, sample_weight: AnyArray | None = None
) -> None:
    """Raise `ValueError` or `TypeError` unless there is a classification to learn; traced values pass."""
    require_labels(labels, n_classes)
    if not jnp.issubdtype(features.dtype, jnp.floating):
        raise TypeError(f"features must be floats, got dtype {features.dtype}")
    if features.ndim != 2 or len(features) == 0:
        raise ValueError(f"features must be rows x features with at least one row, got shape {features.shape}")
    if labels.shape != features.shape[:1]:
        raise ValueError(f"labels must be one for each of {len(features)} rows, got shape {labels.shape}")
    if sample_weight is not None and sample_weight.shape != labels.shape:
        raise ValueError(f"sample_weight must be one for each of {len(features)} rows, got shape {sample_weight.shape}")
    if not is_traced(features) and not np.isfinite(features).all():
        raise ValueError(f"features must be finite, row {np.argwhere(~np.isfinite(features))[0, 0]} is not")
    if is_traced(labels) or is_traced(sample_weight):
        return
    weight = np.ones(len(labels)) if sample_weight is None else np.asarray(sample_weight)
    if not (np.isfinite(weight) & (weight >= 0)).all():
        raise ValueError("sample_weight must be finite and not negative")
    absent = np.flatnonzero(np.bincount(labels, weight, n_classes) == 0)
    if absent.size:
        raise ValueError(f"class {absent[0]} has no samples: its intercept is not defined by these labels")


def _require_settings(features, n_classes, inverse_ridge, tolerance, start, max_iterations):
    require_above("inverse_ridge", inverse_ridge, 0, "the penalty is divided by it")
    require_above("tolerance", tolerance, 0, "no derivative is brought to exactly zero")
    if not is_traced(max_iterations):
        require_count("max_iterations", max_iterations, 1, "steps of the solver")
        require_at_most("max_iterations", max_iterations, 10**6, "a compiled loop cannot be interrupted")
    if features.dtype == np.float32 and not is_traced(tolerance) and tolerance < 1e-5:
        raise TypeError(f"tolerance must be at least 1e-5 for float32 features, got {float(tolerance):g}: use float64")
    require_size("n_classes", n_classes * features.size)
    shape = (n_classes, features.shape[1])
    if start is not None and (start.weights.shape, start.intercepts.shape) != (shape, shape[:1]):
        raise ValueError(f"start must have {shape[0]} x {shape[1]} weights, got shape {start.weights.shape}")
