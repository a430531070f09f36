"""Linear classification rules, which every learner of this paper returns.

The module has their exact error under Gaussian classes, which needs no test set; Gaussian naive
Bayes, which is such a rule because all classes share the variances; and linear discriminant
analysis, which is generative without being naive.
"""

from functools import lru_cache
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import ndtr
from jaxtyping import Float, Int

from sims.naive_bayes_vs_logistic.data import equal_priors
from sims.naive_bayes_vs_logistic.domains import (
    Classes,
    Covariance,
    DefiniteMatrix,
    Features,
    Labels,
    Means,
    Points,
    Priors,
    SampleWeight,
    Sizes,
    VarianceFloor,
    require_every_class,
    require_labels,
    require_sizes,
)
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import (
    ANY_NUMBER,
    NON_NEGATIVE,
    Interval,
    Is,
    guarded,
    is_traced,
    require,
    require_room,
)


class LinearRule(NamedTuple):
    """A linear rule, which predicts the class k with the largest w_k·x + b_k, the first one among
    equals.

    `weights` are K x n, one row for each class.
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


_MOST_AXES = 21201  # of a Sobol sequence


@guarded(double=False)
def conditional_error(
    rule: Rule,
    means: Means,
    covariance: Covariance,
    *,
    priors: Priors | None = None,
    points: Points | None = None,
) -> Float[Array, "..."]:
    """Return the error P(rule(x) ≠ y) of a rule for Gaussian classes, y ~ `priors` (equal by
    default) and x | y ~ N(μ_y, Σ), where Σ is a matrix or n variances.

    Given the class the K scores are Gaussian, N(Wμ_y + b, W Σ Wᵀ), so n does not enter beyond these
    products. For two classes the error is Φ of one margin each. For more, it is the sum of the
    probabilities of the other predictions: each is an interval of the normal law along the
    direction that parts the two classes, averaged over the other K - 2 directions with the fixed
    normal `points` (default: `quasi_random_points(1024, K)`). Continuous in the rule, exact where
    the scores move along one direction only, and good to 2e-5 for errors up to .01 and K up to 7. A
    rule with leading axes gives an error for each. A rule that is not finite has the error NaN.

    Raises ValueError for points of another number of axes than K - 2, a rule of other classes or
    features, and a rule so large or so small that its scores' variances are not among floats.
    Source: derived here.

    >>> rule = LinearRule(jnp.array([[-1.0], [1.0]]), jnp.zeros(2))
    >>> print(f"{conditional_error(rule, [[-1.0], [1.0]], [1.0]):.4f}")
    0.1587
    """
    n_classes = means.shape[0]
    require_rule("rule", rule, *means.shape)
    _require_scale(rule, covariance)
    shares = equal_priors(n_classes) if priors is None else priors
    if n_classes > 2:
        points = quasi_random_points(1024, n_classes) if points is None else points
        axes = points.shape[1]
        require(axes == n_classes - 2, f"points must have K - 2 = {n_classes - 2} axes, got {axes}")

    def error_of_one(one: LinearRule):
        # A common shift of all scores decides nothing: without it differences of scores keep their
        # digits.
        weights = one.weights - jnp.mean(one.weights, axis=0)
        intercepts = one.intercepts - jnp.mean(one.intercepts)
        spread = weights * covariance if covariance.ndim == 1 else weights @ covariance
        centres = means @ weights.T + intercepts
        class_errors = _two_class_errors if n_classes == 2 else _class_errors
        error = jnp.asarray(shares) @ class_errors(centres, spread @ weights.T, points)
        finite = jnp.all(jnp.isfinite(one.weights)) & jnp.all(jnp.isfinite(one.intercepts))
        return jnp.where(finite, error, jnp.nan)

    for _ in range(rule.intercepts.ndim - 1):
        error_of_one = jax.vmap(error_of_one)
    return error_of_one(rule)


def _require_scale(rule, covariance):
    """Raise `ValueError` where squares of weights would vanish or overflow: the error would be of
    another rule.
    """
    if is_traced(rule.weights) or is_traced(covariance):
        return
    largest = np.abs(rule.weights).max(axis=(-2, -1), initial=0)
    spread = np.abs(covariance).max(initial=0)
    with np.errstate(all="ignore"):
        scales = np.asarray(largest * np.sqrt(spread))
    limits = np.finfo(scales.dtype)
    fits = ~np.isfinite(largest) | (largest == 0) | (spread == 0)
    fits |= (scales > limits.tiny**0.5 / limits.eps) & (scales < limits.max**0.5 * limits.eps)
    require(
        fits, f"rule must have weights whose squares floats can hold, got up to {largest.max():g}"
    )


@guarded(double=False)
@lru_cache(maxsize=8)
def quasi_random_points(
    n_points: Annotated[int, Interval(1, 2**30, why="the sequence has no more points")],
    n_classes: Annotated[
        int, Interval(3, _MOST_AXES + 2, why="the error of two classes needs no points")
    ],
) -> Float[np.ndarray, "points axes"]:
    """Return fixed normal points, [points, K - 2], for the axes over which `conditional_error`
    averages.

    They are a scrambled Sobol sequence mapped by Φ⁻¹. Raises ValueError for a number of points that
    is not a power of two, because the sequence is balanced only there.
    """
    require_room("n_points and n_classes", n_points * n_classes)
    from scipy.special import ndtri
    from scipy.stats import qmc

    require(n_points & (n_points - 1) == 0, f"n_points must be a power of two, got {n_points}")
    return ndtri(qmc.Sobol(n_classes - 2, rng=0).random(n_points))


def _two_class_errors(centres, covariance, _):
    """Return the error of each class from the law of s_1 - s_0; a rule without weights predicts one
    class for all.
    """
    margins = jnp.array([centres[0, 0] - centres[0, 1], centres[1, 1] - centres[1, 0]])
    deviation = jnp.sqrt(jnp.maximum(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1], 0))
    constant = jnp.where((margins > 0) | ((margins == 0) & (jnp.arange(2) == 0)), -jnp.inf, jnp.inf)
    return ndtr(
        jnp.where(deviation > 0, -margins / jnp.where(deviation > 0, deviation, 1), constant)
    )


def _class_errors(centres, covariance, points):
    """Return the error of each class, the sum of the probabilities that the others are predicted,
    each found on lines that lead from the class to the other.

    With the scores centre + loadings z of a unit normal z, class j is the
    largest on one interval of every line. The lines run along the direction in which j gains on the
    class fastest, through `points` in its orthogonal complement.
    """
    n_classes = centres.shape[0]
    variances, axes = jnp.linalg.eigh(covariance)
    # The first axis is the common shift of all scores: of variance zero, and of no consequence.
    loadings = (axes * jnp.sqrt(jnp.maximum(variances, 0)))[:, :0:-1]

    def probability(own, winner):
        difference = loadings[winner] - loadings[own]
        distance = jnp.linalg.norm(difference)
        first = jnp.zeros(n_classes - 1).at[0].set(1)
        direction = jnp.where(
            distance > 0, difference / jnp.where(distance > 0, distance, 1), first
        )
        # Householder's reflection swaps the first axis and the direction: the other axes become the
        # complement.
        normal = direction + jnp.where(direction[0] > 0, 1, -1) * first
        gains = loadings[winner] - loadings
        across = (gains - jnp.outer(gains @ normal, normal) * (2 / (normal @ normal)))[:, 1:]
        lead = centres[own, winner] - centres[own] + jnp.asarray(points) @ across.T
        slope = gains @ direction
        crossing = -lead / jnp.where(slope == 0, 1, slope)
        behind = (slope == 0) & ((lead < 0) | ((lead == 0) & (jnp.arange(n_classes) < winner)))
        # The winner itself is masked by name: fused arithmetic need not give exact zeros for x - x.
        rivals = jnp.arange(n_classes) != winner
        low = jnp.max(
            jnp.where(
                rivals & behind, jnp.inf, jnp.where(rivals & (slope > 0), crossing, -jnp.inf)
            ),
            axis=1,
        )
        high = jnp.min(jnp.where(rivals & (slope < 0), crossing, jnp.inf), axis=1)
        return jnp.mean(jnp.where(low < high, ndtr(-low) - ndtr(-high), 0))

    own, winner = np.nonzero(~np.eye(n_classes, dtype=bool))
    return jax.vmap(probability)(own, winner).reshape(n_classes, -1).sum(axis=1)


@guarded(double=False)
@jax.jit
def naive_bayes_rule(
    means: Float[AnyArray, "*batch classes features"],
    variances: Annotated[Float[AnyArray, "*batch features"], NON_NEGATIVE],
    priors: Annotated[Float[AnyArray, "*batch classes"], NON_NEGATIVE],
) -> LinearRule:
    """The rule argmax_k log p_k - ½ Σ_i (x_i - μ_ki)²/σ_i² in its linear form.

    The terms that all classes share are left out: w_k = μ_k/σ² and b_k = log p_k - ½ Σ_i
    μ_ki²/σ_i². Parameters may be true or estimated. The rule is not finite for a class of prior
    zero, for a zero variance, and for a mean whose square over the variance is too large for a
    float. Source: the released code of Zheng et al. 2023; the linear form is elementary.
    """
    weights = jnp.asarray(means) / variances[..., None, :]
    return LinearRule(weights, jnp.log(priors) - jnp.sum(weights * means, axis=-1) / 2)


@guarded(double=False)
def naive_bayes(
    features: Features,
    labels: Labels,
    n_classes: Classes,
    *,
    sample_weight: SampleWeight | None = None,
    var_floor: VarianceFloor = 1e-9,
) -> LinearRule:
    """Fit naive Bayes: priors m_k/m, class means, and pooled variances with divisor m plus
    `var_floor`.

    `sample_weight` counts each sample that often (zeros and ones pick a subset); every sample once
    by default. Variances are taken in a second pass about the class means, so that an offset of the
    features costs no digits. Where everything is traced nothing can be refused: a class without
    samples gives a rule of NaN, whose `conditional_error` is NaN; its predictions mean nothing.

    Raises ValueError for labels of K or more, a class without samples, features that vary within no
    class (every prediction would be the floor's), and a feature that does not where there is no
    floor. Source: the released code of Zheng et al. 2023.

    >>> rule = naive_bayes([[-1.0], [0.0], [1.0], [2.0]], [0, 1, 0, 1], 2)
    >>> print(f"{rule.weights[1, 0] - rule.weights[0, 0]:.4f}")
    1.0000
    """
    require_every_class(labels, n_classes, sample_weight)
    _require_varying(features, labels, sample_weight, var_floor)
    features = jnp.asarray(features)
    weight = (
        jnp.ones(labels.shape[0], features.dtype)
        if sample_weight is None
        else jnp.asarray(sample_weight)
    )
    member = jax.nn.one_hot(labels, n_classes, dtype=features.dtype) * weight[:, None]
    counts = jnp.sum(member, axis=0)
    total = jnp.sum(counts)
    offset = weight @ features / total
    deviations = features - offset
    class_means = member.T @ deviations / counts[:, None]
    variances = weight @ (deviations - class_means[labels]) ** 2 / total
    return naive_bayes_rule(class_means + offset, variances + var_floor, counts / total)


@guarded(double=False)
def prefix_naive_bayes(
    features: Features,
    labels: Labels,
    n_classes: Classes,
    sizes: Sizes,
    *,
    var_floor: VarianceFloor = 1e-9,
) -> LinearRule:
    """Fit naive Bayes to the first m samples for every m in `sizes`.

    The rule has a leading axis over sizes. A prefix that lacks a class has a rule of NaN. `sizes`
    may be traced, and must rise. Raises ValueError for labels of K or more, and sizes outside K..m.
    Source: as `naive_bayes`.
    """
    require_labels(labels, n_classes)
    require_sizes(sizes, n_classes, features.shape[0])
    rows = jnp.arange(features.shape[0])

    def fit(size):
        weight = (rows < size).astype(features.dtype)
        return naive_bayes(features, labels, n_classes, sample_weight=weight, var_floor=var_floor)

    return jax.vmap(fit)(jnp.asarray(sizes))


def _require_varying(features, labels, sample_weight, var_floor):
    if any(map(is_traced, (features, labels, sample_weight))):
        return
    mask = np.ones(len(labels), bool) if sample_weight is None else np.asarray(sample_weight) > 0
    rows = np.asarray(features)[mask]
    classes = np.asarray(labels)[mask]
    _, first = np.unique(classes, return_index=True)
    constant = np.all(rows == rows[first][classes], axis=0)
    require(~constant.all(), "features must vary within a class, got constant ones only")
    if constant.any():
        require(
            var_floor > 0,
            f"var_floor must be above 0 where a feature is constant (feature {constant.argmax()})",
        )


@guarded(double=False)
def lda(means: Means, covariance_hat: DefiniteMatrix, priors: Priors) -> LinearRule:
    """Return the rule of linear discriminant analysis, w_k = Σ̂⁻¹ μ_k and b_k = log p_k - ½ μ_kᵀ
    Σ̂⁻¹ μ_k.

    A traced singular Σ̂ cannot be refused: its rule is not finite, or meaningless where rounding
    hides the singularity. Source: Fisher 1936; the form is elementary.
    """
    factor = jnp.linalg.cholesky(jnp.asarray(covariance_hat))
    weights = jax.scipy.linalg.cho_solve((factor, True), jnp.asarray(means).T).T
    return LinearRule(weights, jnp.log(priors) - jnp.sum(weights * means, axis=1) / 2)
