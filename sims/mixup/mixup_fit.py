"""Minimisers of the empirical Mixup loss of a linear logistic model without bias: pairs are never
expanded to rows.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Key

from sims.mixup.data import warn_of_one_class
from sims.mixup.domains import InputWeights, Labels, Masses, Nodes, Points, Ridge
from sims.mixup.newton import Fit, minimise
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import guarded, is_traced, require


@guarded(double=False)
def fit_mixup(
    features: Points,
    labels: Labels,
    nodes: Nodes,
    weights: Masses,
    input_weights: InputWeights,
    *,
    ridge: Ridge = 0.0,
) -> Fit:
    """Minimise the expected empirical Mixup loss, the mixing weight averaged over its law for every
    ordered pair.

    (1/n²) Σ_ij Σ_k p_k [log(1 + e^z) - ỹ z] + ½ ridge |w|², with z = w·(g_k x_i + (1-g_k) x_j) and
    ỹ = λ_k y_i + (1-λ_k) y_j, the pairs i = j included. The law of the mixing weight is given by
    its `nodes` λ_k, their `weights` p_k and `input_weights` g_k (plain Mixup: g = λ). For a law
    symmetric about ½ with g(1-λ) = 1 - g(λ) the nodes below ½ alone, with doubled weights, give the
    same loss at half the cost.

    Newton with at most 200 gradients and Hessians, each n² nodes logistic functions and n² dim
    products. Where there is no finite minimiser, `converged` is false. With fewer points than
    dimensions the minimiser is not unique; the one of least norm is returned.

    Warns where all labels are equal. Raises TypeError in float32.
    Source: the Mixup loss of Oh & Yun 2023 (arXiv 2306.00267); its factorised derivatives: derived
    here.

    >>> points, labels = [[1.0, 2.0], [3.0, 1.0], [-1.0, 1.0], [0.0, -2.0]], [1.0, 1.0, 0.0, 0.0]
    >>> nodes, weights = [0.1, 0.5, 0.9], [0.25, 0.5, 0.25]
    >>> fit = fit_mixup(points, labels, nodes, weights, nodes)
    >>> [round(float(weight), 4) for weight in fit.weights], bool(fit.converged)
    ([1.2148, 0.6254], True)
    """
    require_float64("a Mixup fit")
    warn_of_one_class(labels)
    return _fit(features, labels, nodes, weights, input_weights, ridge)


@guarded(double=False)
def fit_mixup_sampled(
    key: Key[Array, ""],
    features: Points,
    labels: Labels,
    draw: Callable[[Array, tuple[int, int]], Array],
) -> Fit:
    """Minimise the empirical Mixup loss with one λ_ij per ordered pair, drawn by
    `draw(key, shape)`. The loss, with g(λ) = λ, the fit and the source are those of `fit_mixup`.
    Raises ValueError for a function that returns another shape, or λ outside [0, 1].
    """
    require_float64("a Mixup fit")
    warn_of_one_class(labels)
    shape = (features.shape[0], features.shape[0])
    mixing = draw(key, shape)
    require(
        jnp.shape(mixing) == shape,
        f"draw must return numbers of the shape {shape}, got {jnp.shape(mixing)}",
    )
    if not is_traced(mixing):
        require(jnp.all((mixing >= 0) & (mixing <= 1)), "draw must return numbers in [0, 1]")
    return _fit(features, labels, mixing[None], jnp.ones(1), mixing[None], 0.0)


@jax.jit
def _fit(features, labels, mixing, weights, input_weights, ridge):
    """`mixing` and `input_weights` are numbers or n x n matrices, along a leading axis of nodes."""
    features = jnp.asarray(features, float)
    labels = jnp.asarray(labels, float)
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
            # σ(z) - ỹ without the cancellation that would turn a loss still falling into one at its
            # minimum.
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

    return minimise(derivatives, features)
