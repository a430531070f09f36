"""Dang et al. 2023, "Neural Collapse in Deep Linear Networks: From Balanced to Imbalanced Data", arXiv 2301.00437.

Only its abstract and its released code could be read, so no claim bears a theorem number of it. Closed forms meet
descents from random starts, certificates and brute-force searches. M is the depth of the linear head, K the number of
classes, n_k their sizes, N their sum, d_m the input width of layer m.
"""

import jax
import jax.numpy as jnp
import numpy as np

from sims import neural_collapse as observed
from sims.neural_collapse.gradients import flatten, value_and_gradient
from theory import neural_collapse as predicted

MOST_PROGRAMS = 140
"""Ceiling of the programs that the fast tier may ask XLA for in one process: more are seconds for nothing."""
MOST_SECONDS = 25
"""Ceiling of the seconds of the fast tier with its programs in the cache, half above what it takes."""

ABSTRACT = "abstract; explicit form derived here"
CODE = "released code"
DERIVED = "derived here"
KINI = "Kini et al. 2024, abstract; explicit form derived here"

GRAM_MARGIN = 1e-5
"""How closely the geometry of an optimum is claimed: entries of Gram matrices are of order one."""


def problem_of(class_sizes, weight_decays, feature_decay, **options):
    """Return the simulator's problem with plain numbers for decays."""
    return observed.Problem(tuple(class_sizes), tuple(weight_decays), feature_decay, **options)


def reduced_head(weights, class_means, bias, class_sizes):
    """Return layers and class means as the simulator's head in the class-mean reduction."""
    zero = np.zeros(len(class_sizes))
    features = class_means * np.sqrt(np.asarray(class_sizes, float))
    return observed.Head(
        tuple(jnp.asarray(layer) for layer in weights),
        jnp.asarray(features),
        jnp.asarray(zero if bias is None else bias),
    )


def value_and_slope(problem, head):
    """Return the simulator's objective at a head and the length of its whole gradient."""
    widths = tuple(layer.shape[1] for layer in head.weights)
    value, gradient = value_and_gradient(problem, widths, head.features.shape[1])(flatten(head, problem))
    return value, float(np.linalg.norm(gradient))


def searched_minimum(data_values, n_samples, weight_decays, feature_decay, rank):
    """Return the least square loss plus Schatten penalty, by brute force in each singular value of the logits.

    By von Neumann's trace inequality it bounds the objective of every head of these decays from below. A grid finds the
    best cell; the bounded search in it is off by the square of its tolerance only.
    """
    from scipy.optimize import minimize_scalar

    factors = len(weight_decays) + 1
    strength = factors / 2 * (np.prod(weight_decays) * feature_decay) ** (1 / factors)
    gains = []
    for data_value in data_values:

        def cost(sigma, data_value=data_value):
            return (sigma - data_value) ** 2 / (2 * n_samples) + strength * sigma ** (2 / factors)

        grid = data_value * np.linspace(0, 1, 4001)
        best = int(np.argmin(cost(grid)))
        cell = grid[max(best - 1, 0)], grid[min(best + 1, 4000)]
        refined = minimize_scalar(cost, bounds=cell, method="bounded", options={"xatol": 1e-11}).fun
        gains.append(data_value**2 / (2 * n_samples) - min(cost(grid[best]), refined))
    return np.sum(np.square(data_values)) / (2 * n_samples) - np.sum(np.sort(gains)[::-1][:rank])


def data_values(class_sizes, *, bias):
    """Return the singular values of the labels, centred over the samples where a bias fits their mean."""
    sizes = np.asarray(class_sizes, float)
    labels = np.diag(np.sqrt(sizes))
    if bias:
        labels = labels - np.outer(sizes, np.sqrt(sizes)) / sizes.sum()
    return np.linalg.svd(labels, compute_uv=False)[: len(sizes) - bias]


def distance_to_stationarity(problem, end):
    """Return how far all numbers of a head may be from the stationary point next to it: twice the Newton step."""
    spectrum = np.abs(observed.hessian_spectrum(problem, end.head))
    curved = spectrum[spectrum > 1e-9 * spectrum.max()]  # the others are rotations, which change no Gram matrix
    return 2 * end.gradient_norm / curved.min() + 100 * 2.0**-53


def gram_error(problem, end):
    """Return what the distance to stationarity may change in an entry of any product or Gram matrix of the factors."""
    factors = [*end.head.weights, end.head.features]
    norms = np.prod([max(1.0, float(np.linalg.norm(np.asarray(factor), 2))) for factor in factors])
    return 2 * len(factors) * norms**2 * distance_to_stationarity(problem, end)


def grams(problem, head):
    """Return the Gram matrices of the whole product, the last layer and the class means, and the logits W Hbar."""
    weights = [np.asarray(layer) for layer in head.weights]
    means = np.asarray(head.features) / np.sqrt(np.asarray(problem.class_sizes, float))
    whole = np.linalg.multi_dot([*weights[::-1], np.eye(weights[0].shape[1])])
    return {
        "product": whole @ whole.T,
        "classifier": weights[-1] @ weights[-1].T,
        "features": means.T @ means,
        "logits": whole @ means,
    }


def predicted_grams(optimum):
    """Return the same matrices as `grams` at the predicted optimum."""
    return {
        "product": optimum.product_gram,
        "classifier": optimum.classifier_gram,
        "features": optimum.feature_gram,
        "logits": optimum.logits,
    }


def stacked(matrices):
    """Return the matrices of `grams` as one array."""
    return np.stack(list(matrices.values()))


def lowest(problem, key, starts, widths):
    """Return the lowest end of descents from random starts and from perturbed truncations of the labels.

    Random starts near a threshold lose all directions or none; a truncation to the r largest singular values of the
    labels, factorised evenly, has lost just the others.
    """
    ends = observed.optima(problem, key, starts, widths=widths)
    sizes = np.array(problem.class_sizes, float)
    centre = np.outer(sizes, np.sqrt(sizes)) / sizes.sum() if problem.bias else 0.0
    left, values, right = np.linalg.svd(np.diag(np.sqrt(sizes)) - centre)
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    for rank in range(min(len(sizes), *widths) + 1):
        truncated = (left[:, :rank] * values[:rank]) @ right[:rank]
        weights, features = predicted.balanced_factorisation(truncated, [1.0] * problem.depth, 1.0, widths)
        factors = [factor + 0.02 * rng.standard_normal(factor.shape) for factor in (*weights, features)]
        start = reduced_head(factors[:-1], factors[-1] / np.sqrt(sizes), None, sizes)
        ends.append(observed.minimise(problem, start, newton_steps=0))
    return min(ends, key=lambda end: end.value)
