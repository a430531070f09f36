"""Minimisers of the empirical Mixup loss of a linear logistic model without bias: pairs are never expanded to rows."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, Key, ScalarLike

from sims.mixup.domain import require_iterations, require_probabilities, require_sample, require_unit_interval
from sims.mixup.newton import EVALUATIONS, TOLERANCE, Fit, minimise, within_floating_point
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import AnyArray, is_traced, require_finite, require_in_range, require_scale
from theory_on_trial.precision import require_float64


@validated(unbounded=("return",))
def fit_mixup(
    features: Float[AnyArray, "n dim"],
    labels: Float[AnyArray, "n"],
    nodes: Float[AnyArray, "nodes"],
    weights: Float[AnyArray, "nodes"],
    input_weights: Float[AnyArray, "nodes"],
    *,
    iterations: int = EVALUATIONS,
    tolerance: ScalarLike = TOLERANCE,
    ridge: ScalarLike = 0.0,
) -> Fit:
    """Minimise the expected empirical Mixup loss, the mixing weight averaged over its law for every ordered pair.

    (1/n²) Σ_ij Σ_k p_k [log(1 + e^z) - ỹ z] + ½ ridge |w|², with z = w·(g_k x_i + (1-g_k) x_j) and
    ỹ = λ_k y_i + (1-λ_k) y_j, the pairs i = j included. The law of the mixing weight is given by its `nodes` λ_k,
    their `weights` p_k and `input_weights` g_k (plain Mixup: g = λ). For a law symmetric about ½ with
    g(1-λ) = 1 - g(λ) the nodes below ½ alone, with doubled weights, give the same loss at half the cost.

    Newton with at most `iterations` gradients and Hessians, each n² nodes logistic functions and n² dim products;
    `tolerance` is on the relative Newton step. Where there is no finite minimiser, `converged` is false. With fewer
    points than dimensions the minimiser is not unique; the one of least norm is returned.

    Raises ValueError for features that are not finite, labels or λ outside [0, 1], weights that are not a law, input
    weights that are not finite, a negative ridge, iterations below 1 or above 10⁶, a tolerance not above 0, and
    features or input weights whose largest entry is beyond 1e-50 or 1e50; warns where all labels are equal. TypeError
    in float32.
    Source: the Mixup loss of Oh & Yun 2023 (arXiv 2306.00267); its factorised derivatives: derived here.
    """
    _require_problem(features, labels, iterations, tolerance, ridge)
    require_unit_interval("nodes", nodes)
    require_probabilities("weights", weights)
    require_finite("input_weights", input_weights)
    require_scale("input_weights", input_weights)
    problem = (features, labels, nodes, weights, input_weights)
    return within_floating_point(_fit(*problem, tolerance, ridge, iterations))


@validated(unbounded=("return",))
def fit_mixup_pairs(
    features: Float[AnyArray, "n dim"],
    labels: Float[AnyArray, "n"],
    mixing: Float[AnyArray, "n n"],
    input_weights: Float[AnyArray, "n n"],
    *,
    iterations: int = EVALUATIONS,
    tolerance: ScalarLike = TOLERANCE,
    ridge: ScalarLike = 0.0,
) -> Fit:
    """Minimise the empirical Mixup loss with one given mixing weight λ_ij and input weight g_ij per ordered pair.

    The loss, the other parameters and the refusals are those of `fit_mixup`.
    """
    _require_problem(features, labels, iterations, tolerance, ridge)
    require_unit_interval("mixing", mixing)
    require_finite("input_weights", input_weights)
    require_scale("input_weights", input_weights)
    one = jnp.ones(1)
    problem = (features, labels, mixing[None], one, input_weights[None])
    return within_floating_point(_fit(*problem, tolerance, ridge, iterations))


@validated(unbounded=("return",))
def fit_mixup_sampled(
    key: Key[Array, ""],
    features: Float[AnyArray, "n dim"],
    labels: Float[AnyArray, "n"],
    draw: Callable[[Array, tuple[int, int]], Array],
    *,
    input_weight: Callable[[Array], Array] = lambda mixing: mixing,
    iterations: int = EVALUATIONS,
    tolerance: ScalarLike = TOLERANCE,
    ridge: ScalarLike = 0.0,
) -> Fit:
    """Minimise the empirical Mixup loss with one λ_ij per ordered pair, drawn by `draw(key, shape)`.

    `input_weight` is the map g of λ. For Beta(α, α): `lambda key, shape: jax.random.beta(key, α, α, shape)`.
    The rest as in `fit_mixup_pairs`; what the two functions return is held to the same ranges.
    """
    shape = (features.shape[0], features.shape[0])
    mixing = draw(key, shape)
    if jnp.shape(mixing) != shape:
        raise ValueError(f"draw must return an array of the shape {shape} that it is given, got {jnp.shape(mixing)}")
    require_unit_interval("what draw returns", mixing)
    inputs = input_weight(mixing)
    if jnp.shape(inputs) != shape or not (is_traced(inputs) or jnp.isfinite(inputs).all()):
        raise ValueError(f"input_weight must return finite numbers of the shape {shape} that it is given")
    return fit_mixup_pairs(features, labels, mixing, inputs, iterations=iterations, tolerance=tolerance, ridge=ridge)


def _require_problem(features, labels, iterations, tolerance, ridge):
    require_float64("a Mixup fit")
    require_sample(features, labels)
    require_iterations(iterations, tolerance)
    require_in_range("ridge", ridge, 0, jnp.inf, includes_high=False)


@partial(jax.jit, static_argnums=7)
def _fit(features, labels, mixing, weights, input_weights, tolerance, ridge, iterations):
    """`mixing` and `input_weights` are numbers or n x n matrices, along a leading axis of nodes."""
    features, labels = jnp.asarray(features, float), jnp.asarray(labels, float)
    n, dim = features.shape
    ones = jnp.ones(n)

    def derivatives(parameters):
        scores = features @ parameters

        def add_node(sums, node):
            slopes, own, cross = sums
            lam, weight, g = node
            # e^-z of a scalar g is an outer product: n exponentials instead of n².
            if g.ndim == 0:
                odds = jnp.exp(-g * scores)[:, None] * jnp.exp(-(1 - g) * scores)
            else:
                odds = jnp.exp(-(g * scores[:, None] + (1 - g) * scores))
            probabilities = 1 / (1 + odds)
            # σ(z) - ỹ without the cancellation that would turn a loss still falling into one at its minimum.
            mixed = lam * labels[:, None] + (1 - lam) * labels
            mixed_opposite = lam * (1 - labels[:, None]) + (1 - lam) * (1 - labels)
            residuals = weight * probabilities * (mixed_opposite - odds * mixed)
            curvature = weight * (odds * probabilities) * probabilities
            slopes += (g * residuals) @ ones + ones @ ((1 - g) * residuals)
            own += (g**2 * curvature) @ ones + ones @ ((1 - g) ** 2 * curvature)
            return (slopes, own, cross + g * (1 - g) * curvature), None

        start = (jnp.zeros(n), jnp.zeros(n), jnp.zeros((n, n)))
        slopes, own, cross = lax.scan(add_node, start, (mixing, weights / n**2, input_weights))[0]
        products = features.T @ cross @ features
        hessian = (features.T * own) @ features + products + products.T
        return features.T @ slopes + ridge * parameters, hessian + ridge * jnp.eye(dim)

    return minimise(derivatives, features, iterations, tolerance)
