"""Problems of given decays, what is required of them, and heads as theory and simulator write
them.

The Gram matrices of a minimum, and how far a descent's end may be from them.

Minima of a problem: bounded from below by brute force, and found by descents.

A head is in the class-mean reduction (see `sims.neural_collapse.model`) unless a function says
otherwise: its features are a column per class, Hbar diag(sqrt n).
"""

import jax
import numpy as np
from scipy.optimize import minimize_scalar

from paper_checks.test_neural_collapse import DENSE
from sims.neural_collapse import collapse_metrics, model, optimise
from sims.neural_collapse.optimise import flatten, value_and_gradient
from theory.neural_collapse import landscape, mean_square


def require_classes(trial, class_sizes):
    """Require two to twelve classes."""
    trial.require(2 <= len(class_sizes) <= 12, f"class_sizes must be 2 to 12 numbers ({DENSE})")


def require_frame(trial, optimum, off=1e-3):
    """Require a minimum that is unique up to rotations: some class survives, and neither zero nor
    another class has the same cost as one that survives.
    """
    away = np.abs(optimum.betas / mean_square.global_threshold(len(optimum.weight_decays)) - 1)
    trial.require(
        np.any(optimum.alive), "decays must leave a direction alive: all are above the threshold"
    )
    trial.require(
        np.all(away > off),
        f"no class may lie within {off:g} of its threshold: both minima tie there",
    )
    trial.require(
        not optimum.cut_is_tied,
        "a bottleneck must not cut between equal classes: they share it in any way",
    )


def apart(trial, value, margin, controls):
    """Return the controls; require settings at which each is more than twice the margin apart from
    `value`, the claim's prediction.
    """
    for name, rival in controls.items():
        differs = np.max(np.abs(np.asarray(rival) - value)) > 2 * margin
        trial.require(
            differs, f"settings must tell the claim from {name!r}: at these both predict the same"
        )
    return controls


def problem_of(class_sizes, weight_decays, feature_decay, **options):
    """Return the simulator's problem with plain numbers for decays."""
    decays = tuple(float(decay) for decay in weight_decays)
    return model.Problem(tuple(class_sizes), decays, float(feature_decay), **options)


def shared_decays(class_sizes, depth, strength, ratio=1.5):
    """Return the pair (weight decays, feature decay) at which the largest class has a β of
    `strength` times β_gl. β_k = M N (N Λ)^(1/M) / n_k fixes the product Λ of all decays; they grow
    by `ratio` from layer to layer, from H to W_M.
    """
    n_samples = sum(class_sizes)
    scale = strength * mean_square.global_threshold(depth) * max(class_sizes)
    common = ((scale / (depth * n_samples)) ** depth / n_samples) ** (1 / (depth + 1))
    feature_decay, *weight_decays = (
        float(common * ratio ** (layer - depth / 2)) for layer in range(depth + 1)
    )
    return tuple(weight_decays), feature_decay


def reduced_head(weights, class_means, bias, class_sizes):
    """Return layers and class means as the simulator's head in the class-mean reduction."""
    features = class_means * np.sqrt(np.asarray(class_sizes, float))
    return model.Head(
        tuple(weights), features, np.zeros(len(class_sizes)) if bias is None else bias
    )


def value_and_slope(problem, head):
    """Return the pair (objective, length of its whole gradient) of the simulator at a head."""
    widths = tuple(layer.shape[1] for layer in head.weights)
    value, gradient = value_and_gradient(problem, widths, head.features.shape[1])(
        flatten(head, problem)
    )
    return value, float(np.linalg.norm(gradient))


def gram_error(problem, end):
    """Return by how much an entry of any product or Gram matrix of the factors may be wrong because
    a descent ends beside the stationary point. All numbers of a head are at most twice the Newton
    step from that point.
    """
    spectrum = np.abs(optimise.hessian_spectrum(problem, end.head))
    # The others are rotations, which change no Gram matrix
    curvatures = spectrum[spectrum > 1e-9 * spectrum.max()]
    factors = [*end.head.weights, end.head.features]
    norms = np.prod([max(1.0, float(np.linalg.norm(np.asarray(factor), 2))) for factor in factors])
    return 2 * len(factors) * norms**2 * (2 * end.gradient_norm / curvatures.min() + 100 * 2.0**-53)


def grams(problem, head):
    """Return four K x K matrices by name, with the product W = W_M ... W_1 and the class means Hbar
    as columns: "product" W W^T, "classifier" W_M W_M^T, "features" Hbar^T Hbar and "logits" W Hbar.
    """
    weights = [np.asarray(layer) for layer in head.weights]
    sizes = np.asarray(problem.class_sizes, float)
    if head.features.shape[1] == len(sizes):  # the class-mean reduction
        means = np.asarray(head.features) / np.sqrt(sizes)
    else:
        means = np.asarray(collapse_metrics.class_means(head.features, problem.class_sizes))
    # The identity is a second matrix at depth one, where multi_dot would refuse a single one.
    product = np.linalg.multi_dot([*weights[::-1], np.eye(weights[0].shape[1])])
    return {
        "product": product @ product.T,
        "classifier": weights[-1] @ weights[-1].T,
        "features": means.T @ means,
        "logits": product @ means,
    }


def predicted_grams(optimum):
    """Return the matrices of `grams` at the predicted optimum, in that order, as one array [4, K,
    K].
    """
    return np.stack(
        [optimum.product_gram, optimum.classifier_gram, optimum.feature_gram, optimum.logits]
    )


def stacked(matrices):
    """Return the matrices of `grams` in their order, as one array [4, K, K]."""
    return np.stack(list(matrices.values()))


def brute_force_minimum(data_value, n_samples, weight_decays, feature_decay):
    """Return the pair (singular value of the logits, its cost) that has the least square loss plus
    Schatten penalty beside the singular value `data_value` of the labels. A grid finds the best
    cell, and a bounded search in it is off by the square of its tolerance only.
    """
    factors = len(weight_decays) + 1
    strength = factors / 2 * (np.prod(weight_decays) * feature_decay) ** (1 / factors)

    def cost(sigma):
        return (sigma - data_value) ** 2 / (2 * n_samples) + strength * sigma ** (2 / factors)

    grid = data_value * np.linspace(0, 1, 4001)
    best = int(np.argmin(cost(grid)))
    cell = grid[max(best - 1, 0)], grid[min(best + 1, 4000)]
    options = {"xatol": 1e-11 * data_value}
    inner = minimize_scalar(cost, bounds=cell, method="bounded", options=options).x
    return min([(grid[best], cost(grid[best])), (inner, cost(inner))], key=lambda pair: pair[1])


def schatten_bound(problem, widths):
    """Return a lower bound on the objective of every head of these widths: by von Neumann's trace
    inequality it is the least cost of each singular value of the labels, centred over the samples
    where a bias fits their mean, and at most as many singular values as the least width live.
    """
    sizes = np.array(problem.class_sizes, float)
    labels = np.diag(np.sqrt(sizes))
    if problem.bias:
        labels = labels - np.outer(sizes, np.sqrt(sizes)) / sizes.sum()
    data_values = np.linalg.svd(labels, compute_uv=False)[: len(sizes) - problem.bias]
    decays = problem.weight_decays, problem.feature_decay
    dead = data_values**2 / (2 * problem.n_samples)
    least = [brute_force_minimum(value, problem.n_samples, *decays)[1] for value in data_values]
    gains = np.sort(dead - np.array(least))[::-1]
    return np.sum(dead) - np.sum(gains[: min(widths)])


def dual_from_outputs(problem, outputs):
    """Return a lower bound on the objective at depth one: the dual bound that is made from the
    residual of the outputs (those of `class_outputs`).
    """
    n_classes = problem.n_classes
    labels = np.repeat(np.arange(n_classes), problem.class_sizes)
    if problem.loss == "ce":
        outputs = np.exp(outputs - np.logaddexp.reduce(outputs, axis=0))
    decays = problem.weight_decays[0], problem.feature_decay
    residual = (np.eye(n_classes) - outputs)[:, labels]
    feasible = landscape.rescaled_dual(residual, *decays, bias=problem.bias)
    return landscape.dual_bound(feasible, labels, *decays, loss=problem.loss, bias=problem.bias)


def class_outputs(problem, head):
    """Return the K x K outputs W Hbar + b 1^T: column k holds those of class k."""
    return grams(problem, head)["logits"] + problem.bias * np.asarray(head.bias)[:, None]


def truncations(problem, key, widths, *, reduced=True):
    """Yield heads near the truncations of the labels to their r largest singular values, balanced
    as decays ask. Random starts near a threshold lose all directions or none; these have lost just
    the others.
    """
    sizes = np.array(problem.class_sizes, float)
    centre = np.outer(sizes, np.sqrt(sizes)) / sizes.sum() if problem.bias else 0.0
    left, values, right = np.linalg.svd(np.diag(np.sqrt(sizes)) - centre)
    if reduced:
        columns = np.eye(len(sizes))
    else:  # every sample has the class mean, which is the column of its class over sqrt(n_k)
        columns = np.repeat(np.diag(sizes**-0.5), problem.class_sizes, axis=1)
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    for rank in range(min(len(sizes), *widths) + 1):
        logits = (left[:, :rank] * values[:rank]) @ right[:rank]
        decays = problem.weight_decays, problem.feature_decay
        weights, features = mean_square.balanced_factorisation(logits, *decays, widths)
        *layers, last = (
            f + 0.02 * rng.standard_normal(f.shape) for f in (*weights, features @ columns)
        )
        yield model.Head(tuple(layers), last, np.zeros(len(sizes)))


def lowest(problem, key, starts, widths, *, reduced=True):
    """Return the lowest end of descents from random starts and from `truncations`, with its `head`,
    `value` and `gradient_norm`.
    """
    ends = optimise.optima(problem, key, starts, widths=widths, reduced=reduced)
    heads = truncations(problem, key, widths, reduced=reduced)
    ends += [optimise.minimise(problem, head, newton_steps=0) for head in heads]
    return min(ends, key=lambda end: end.value)


def found_optimum(trial, problem, widths, *, reduced=True):
    """Return the end of `lowest` from one random start, polished by Newton steps."""
    end = lowest(problem, trial.key("starts"), 1, widths, reduced=reduced)
    return optimise.minimise(problem, end.head)


def trained(trial, class_sizes, depth, strength, ratio=1.5):
    """Return, for these classes without a bias or a bottleneck, the triple (problem, lowest end of
    descents, predicted optimum).
    """
    require_classes(trial, class_sizes)
    decays = shared_decays(class_sizes, depth, strength, ratio)
    optimum = mean_square.mse_optimum(class_sizes, *decays)
    require_frame(trial, optimum)
    problem = problem_of(class_sizes, *decays)
    return problem, found_optimum(trial, problem, (len(class_sizes) + 3,) * depth), optimum
