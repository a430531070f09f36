"""Minima of a problem: bounded from below by brute force, and found by descents."""

import jax
import numpy as np
from scipy.optimize import minimize_scalar

from sims import neural_collapse as observed
from theory import neural_collapse as predicted


def searched_minimum(data_values, n_samples, weight_decays, feature_decay, rank):
    """Return the least square loss plus Schatten penalty, by brute force in each singular value of
    the logits. By von Neumann's trace inequality it bounds the objective of every head of these
    decays from below. A grid finds the best cell; the bounded search in it is off by the square of
    its tolerance only.
    """
    factors = len(weight_decays) + 1
    strength = factors / 2 * (np.prod(weight_decays) * feature_decay) ** (1 / factors)
    gains = []
    for data_value in data_values:

        def cost(sigma, data_value=data_value):
            return (sigma - data_value) ** 2 / (2 * n_samples) + strength * sigma ** (2 / factors)

        grid = data_value * np.linspace(0, 1, 4001)
        best = int(np.argmin(cost(grid)))
        cell = grid[max(best - 1, 0)], grid[min(best + 1, 4000)]
        minimum = minimize_scalar(
            cost, bounds=cell, method="bounded", options={"xatol": 1e-11 * data_value}
        ).fun
        gains.append(data_value**2 / (2 * n_samples) - min(cost(grid[best]), minimum))
    return np.sum(np.square(data_values)) / (2 * n_samples) - np.sum(np.sort(gains)[::-1][:rank])


def data_values(class_sizes, *, bias):
    """Return the singular values of the labels, centred over the samples where a bias fits their
    mean.
    """
    sizes = np.asarray(class_sizes, float)
    labels = np.diag(np.sqrt(sizes))
    if bias:
        labels = labels - np.outer(sizes, np.sqrt(sizes)) / sizes.sum()
    return np.linalg.svd(labels, compute_uv=False)[: len(sizes) - bias]


def schatten_bound(problem, widths):
    """Return the brute-force lower bound on the objective of every head of these widths."""
    values = data_values(problem.class_sizes, bias=problem.bias)
    rank = min(len(values), *widths)
    return searched_minimum(
        values, problem.n_samples, problem.weight_decays, problem.feature_decay, rank
    )


def truncations(problem, key, widths, *, reduced=True):
    """Yield heads near the truncations of the labels to their r largest singular values, balanced
    as decays ask. Random starts near a threshold lose all directions or none; these have lost just
    the others.
    """
    sizes = np.array(problem.class_sizes, float)
    centre = np.outer(sizes, np.sqrt(sizes)) / sizes.sum() if problem.bias else 0.0
    left, values, right = np.linalg.svd(np.diag(np.sqrt(sizes)) - centre)
    columns = (
        np.eye(len(sizes))
        if reduced
        else np.repeat(np.diag(sizes**-0.5), problem.class_sizes, axis=1)
    )
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    for rank in range(min(len(sizes), *widths) + 1):
        logits = (left[:, :rank] * values[:rank]) @ right[:rank]
        decays = problem.weight_decays, problem.feature_decay
        weights, features = predicted.balanced_factorisation(logits, *decays, widths)
        *layers, last = (
            f + 0.02 * rng.standard_normal(f.shape) for f in (*weights, features @ columns)
        )
        yield observed.Head(tuple(layers), last, np.zeros(len(sizes)))


def lowest(problem, key, starts, widths, *, reduced=True):
    """Return the lowest end of descents from random starts and from `truncations`."""
    ends = observed.optima(problem, key, starts, widths=widths, reduced=reduced)
    heads = truncations(problem, key, widths, reduced=reduced)
    ends += [observed.minimise(problem, head, newton_steps=0) for head in heads]
    return min(ends, key=lambda end: end.value)


def found_optimum(trial, problem, widths, starts=1, *, reduced=True):
    """Return the lowest end of descents, polished by Newton steps."""
    end = lowest(problem, trial.key("starts"), starts, widths, reduced=reduced)
    return observed.minimise(problem, end.head)
