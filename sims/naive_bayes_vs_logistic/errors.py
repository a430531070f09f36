"""The error of a linear rule under Gaussian classes: exact given the rule, without a test set."""

from functools import lru_cache
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import ndtr
from jaxtyping import Float

from sims.naive_bayes_vs_logistic.domains import Covariance, Means, Points, Priors
from sims.naive_bayes_vs_logistic.labels import equal_priors
from sims.naive_bayes_vs_logistic.linear_rule import LinearRule, Rule, require_rule
from theory_on_trial.contract import Interval, guarded, is_traced, require, require_room

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
    """P(rule(x) ≠ y) for y ~ `priors` (equal by default) and x | y ~ N(μ_y, Σ); Σ a matrix or n
    variances.

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
    """Fixed normal points for the K - 2 lesser axes of K scores: a scrambled Sobol sequence through
    Φ⁻¹. Raises ValueError for a number of points that is not a power of two: the sequence is
    balanced there only.
    """
    require_room("n_points and n_classes", n_points * n_classes)
    from scipy.special import ndtri
    from scipy.stats import qmc

    require(n_points & (n_points - 1) == 0, f"n_points must be a power of two, got {n_points}")
    return ndtri(qmc.Sobol(n_classes - 2, rng=0).random(n_points))


def _two_class_errors(centres, covariance, _):
    """Error of each class from the law of s_1 - s_0; a rule without weights predicts one class for
    all.
    """
    margins = jnp.array([centres[0, 0] - centres[0, 1], centres[1, 1] - centres[1, 0]])
    deviation = jnp.sqrt(jnp.maximum(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1], 0))
    constant = jnp.where((margins > 0) | ((margins == 0) & (jnp.arange(2) == 0)), -jnp.inf, jnp.inf)
    return ndtr(
        jnp.where(deviation > 0, -margins / jnp.where(deviation > 0, deviation, 1), constant)
    )


def _class_errors(centres, covariance, points):
    """Error of each class: the probabilities of all others being predicted, each by lines that part
    it from the class. With the scores centre + loadings z of a unit normal z, class j is the
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
