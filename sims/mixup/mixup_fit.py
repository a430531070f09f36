"""Minimisers of the empirical Mixup loss of a linear logistic model without bias: pairs are never expanded to rows."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Key

from sims.mixup.data import warn_of_one_class
from sims.mixup.domains import InputWeights, Iterations, Labels, Masses, Nodes, Points, Ridge, Tolerance
from sims.mixup.newton import EVALUATIONS, TOLERANCE, Fit, minimise
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import guarded, is_traced, require


@guarded(double=False)
def fit_mixup(
    features: Points, labels: Labels, nodes: Nodes, weights: Masses, input_weights: InputWeights, *,
    iterations: Iterations = EVALUATIONS, tolerance: Tolerance = TOLERANCE, ridge: Ridge = 0.0,
) -> Fit:  # fmt: skip
    """Minimise the expected empirical Mixup loss, the mixing weight averaged over its law for every ordered pair.

    (1/n²) Σ_ij Σ_k p_k [log(1 + e^z) - ỹ z] + ½ ridge |w|², with z = w·(g_k x_i + (1-g_k) x_j) and
    ỹ = λ_k y_i + (1-λ_k) y_j, the pairs i = j included. The law of the mixing weight is given by its `nodes` λ_k,
    their `weights` p_k and `input_weights` g_k (plain Mixup: g = λ). For a law symmetric about ½ with
    g(1-λ) = 1 - g(λ) the nodes below ½ alone, with doubled weights, give the same loss at half the cost.

    Newton with at most `iterations` gradients and Hessians, each n² nodes logistic functions and n² dim products;
    `tolerance` is on the relative Newton step. Where there is no finite minimiser, `converged` is false. With fewer
    points than dimensions the minimiser is not unique; the one of least norm is returned.

    Warns where all labels are equal. Raises TypeError in float32.
    Source: the Mixup loss of Oh & Yun 2023 (arXiv 2306.00267); its factorised derivatives: derived here.

    >>> points, labels = [[1.0, 2.0], [3.0, 1.0], [-1.0, 1.0], [0.0, -2.0]], [1.0, 1.0, 0.0, 0.0]
    >>> nodes, weights = [0.1, 0.5, 0.9], [0.25, 0.5, 0.25]
    >>> fit = fit_mixup(points, labels, nodes, weights, nodes)
    >>> [round(float(weight), 4) for weight in fit.weights], bool(fit.converged)
    ([1.2148, 0.6254], True)
    """
    require_float64("a Mixup fit")
    warn_of_one_class(labels)
    return _fit(features, labels, nodes, weights, input_weights, tolerance, ridge, iterations)


@guarded(double=False)
def fit_mixup_sampled(
    key: Key[Array, ""], features: Points, labels: Labels, draw: Callable[[Array, tuple[int, int]], Array], *,
    input_weight: Callable[[Array], Array] = lambda mixing: mixing, iterations: Iterations = EVALUATIONS,
    tolerance: Tolerance = TOLERANCE, ridge: Ridge = 0.0,
) -> Fit:  # fmt: skip
    """Minimise the empirical Mixup loss with one λ_ij per ordered pair, drawn by `draw(key, shape)`.

    `input_weight` is the map g of λ. For Beta(α, α): `lambda key, shape: jax.random.beta(key, α, α, shape)`.
    The loss, the other parameters and the fit are those of `fit_mixup`. Raises ValueError for functions that return
    another shape, λ outside [0, 1], or g that is not finite.
    Source: as `fit_mixup`.
    """
    require_float64("a Mixup fit")
    warn_of_one_class(labels)
    shape = (features.shape[0], features.shape[0])
    mixing = draw(key, shape)
    require(jnp.shape(mixing) == shape, f"draw must return numbers of the shape {shape}, got {jnp.shape(mixing)}")
    inputs = input_weight(mixing)
    require(jnp.shape(inputs) == shape, f"input_weight must return numbers of the shape {shape} that it is given")
    if not is_traced(mixing):
        require(jnp.all((mixing >= 0) & (mixing <= 1)), "draw must return numbers in [0, 1]")
    if not is_traced(inputs):
        require(jnp.all(jnp.isfinite(inputs)), "input_weight must return finite numbers")
    return _fit(features, labels, mixing[None], jnp.ones(1), inputs[None], tolerance, ridge, iterations)


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
