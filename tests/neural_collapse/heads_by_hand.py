"""Deep linear heads by their definition: objective, gradient, descent and one-dimensional searches, no closed form."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

UNIT_ROUNDOFF = 2.0**-53
general = settings(deadline=None, derandomize=True, max_examples=40)

class_sizes = st.lists(st.integers(1, 9), min_size=1, max_size=5)
decay = st.floats(-3, 0).map(lambda exponent: 10.0**exponent)
layers = st.lists(decay, min_size=1, max_size=4)


def loss_and_gradient(parameters, sizes, decays, feature_decay, bias_decay=0.0):
    """Regularised square loss and its gradient for [W_1, ..., W_M, class means, bias or None]."""
    *weights, features, bias = parameters
    n_samples, n_classes = np.sum(sizes), len(sizes)
    inputs = [features]
    for weight in weights:
        inputs.append(weight @ inputs[-1])
    residual = inputs[-1] - np.eye(n_classes) + (0 if bias is None else bias[:, None])
    value = np.sum(residual**2 * sizes) / (2 * n_samples)
    value += sum(d / 2 * np.sum(w**2) for d, w in zip(decays, weights, strict=True))
    value += feature_decay / 2 * np.sum(features**2 * sizes)
    back = residual * sizes / n_samples
    gradient = [] if bias is None else [back.sum(axis=1) + bias_decay * bias]
    value += 0 if bias is None else bias_decay / 2 * np.sum(bias**2)
    weight_gradients = []
    for d, weight, entering in reversed(list(zip(decays, weights, inputs[:-1], strict=True))):
        weight_gradients.append(back @ entering.T + d * weight)
        back = weight.T @ back
    return value, [*weight_gradients[::-1], back + feature_decay * features * sizes, *gradient]


def rounding_of_gradient(parameters, sizes, decays, feature_decay):
    """64 u (ops) times the largest sum of magnitudes that cancel in a gradient entry."""
    *weights, features, _ = parameters
    norms = [max(np.linalg.norm(w, 2), 1e-300) for w in [*weights, features * np.sqrt(sizes)]]
    product = np.prod(norms)
    outputs = product + 2 * np.sqrt(np.sum(sizes))
    scale = max(product / norm * outputs / np.sum(sizes) for norm in norms)
    scale += max(d * norm for d, norm in zip([*decays, feature_decay], norms, strict=True))
    n_operations = (
        len(weights) * max(max(w.shape) for w in weights) * (1 + np.abs(np.log([*decays, feature_decay])).sum())
    )
    return 64 * n_operations * UNIT_ROUNDOFF * (scale + outputs / np.sqrt(np.sum(sizes))) * np.sqrt(np.max(sizes))


def least(function, upper):
    """Global minimum (argument, value) of `function` on [0, upper] by a grid and a search in its best cell."""
    grid = np.concatenate([[0.0], upper * np.geomspace(1e-9, 1, 4001)])
    values = function(grid)
    best = int(np.argmin(values))
    if best == 0:
        return 0.0, float(values[0])
    inner = minimize_scalar(
        function, bounds=(grid[best - 1], grid[min(best + 1, 4001)]), method="bounded", options={"xatol": 1e-12 * upper}
    )
    return (float(inner.x), float(inner.fun)) if inner.fun < values[best] else (float(grid[best]), float(values[best]))


def least_cost(data_value, n_samples, decays, feature_decay):
    """Singular value s >= 0 and minimum of (s - y)^2 / (2 N) + (L/2) Lambda^(1/L) s^(2/L)."""
    n_factors = len(decays) + 1
    strength = n_factors / 2 * (feature_decay * np.prod(decays)) ** (1 / n_factors)
    return least(lambda s: (s - data_value) ** 2 / (2 * n_samples) + strength * s ** (2 / n_factors), data_value)


def ce_loss_and_gradient(parameters, samples, decays, feature_decay):
    """Regularised cross-entropy of class means with `samples` each, and its gradient, for [W_1, ..., W_M, means]."""
    *weights, means = parameters
    inputs = [means]
    for weight in weights:
        inputs.append(weight @ inputs[-1])
    logits = inputs[-1] - inputs[-1].max(axis=0)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=0)
    value = np.mean(np.log(np.exp(logits).sum(axis=0)) - np.diag(logits))
    value += sum(d / 2 * np.sum(w**2) for d, w in zip(decays, weights, strict=True))
    value += feature_decay * samples / 2 * np.sum(means**2)
    back = (probabilities - np.eye(means.shape[1])) / means.shape[1]
    weight_gradients = []
    for d, weight, entering in reversed(list(zip(decays, weights, inputs[:-1], strict=True))):
        weight_gradients.append(back @ entering.T + d * weight)
        back = weight.T @ back
    return value, [*weight_gradients[::-1], back + feature_decay * samples * means]
