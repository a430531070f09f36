"""Dang et al. 2023, "Neural Collapse in Deep Linear Networks: From Balanced to Imbalanced Data", arXiv 2301.00437.

Only its abstract and its released code could be read, so no claim bears a theorem number of it. Closed forms meet
descents from random starts, certificates and brute-force searches. M is the depth of the linear head, K the number of
classes, n_k their sizes, N their sum, d_m the input width of layer m.
"""

from typing import Annotated

import jax
import numpy as np

from sims import neural_collapse as observed
from sims.neural_collapse.gradients import flatten, value_and_gradient
from theory import neural_collapse as predicted
from theory_on_trial import abstract, code, ours
from theory_on_trial.contract import Interval

MOST_PROGRAMS = 60
"""Ceiling of the programs that the fast tier may ask XLA for in one process: more are seconds for nothing."""
MOST_SECONDS = 25
"""Ceiling of the seconds of the fast tier with its programs in the cache, half above what it takes."""

DEEP = abstract(
    "we take a step further and prove the NC occurrences in deep linear networks for the popular mean squared error "
    "(MSE) and cross entropy (CE) losses, showing that global solutions exhibit NC properties across the linear layers"
)
UNEQUAL = abstract(
    "convergence of the last-layer features and classifiers to a geometry consisting of orthogonal vectors, whose "
    "lengths depend on the amount of data in their corresponding classes"
)
SPLIT = ours("by von Neumann's trace inequality the problem splits into a scalar one for each direction of the labels")
HESSIAN = ours("from the second derivative of the objective in the singular directions of the labels")


def released(path, says=""):
    """Name a file of the paper's released code."""
    return code("Fsoft-AIC/Neural-Collapse-in-Deep-Linear-Networks", path, "1869cb1", says=says)


_DENSE = "a dense Hessian of all parameters is taken"
NClasses = Annotated[int, Interval(2, 12, why=_DENSE)]
"""K."""
PerClass = Annotated[int, Interval(1, 50, why=_DENSE)]
"""n of balanced classes."""
Sizes = tuple[Annotated[int, Interval(1, 1000, why="each point is a column of a dense matrix")], ...]
"""n_1 .. n_K."""
Depth = Annotated[int, Interval(1, 4, why=_DENSE)]
"""M."""
Strength = Annotated[float, Interval(0.005, 0.97, why="of the threshold, where the largest class ties with zero")]
"""The beta that the largest class feels, relative to its global threshold."""
Ratio = Annotated[float, Interval(0.2, 5.0, why="farther apart, descents of deep nets end at zero")]
"""By what factor decays grow from the features to the last layer, layer by layer."""
Width = Annotated[int, Interval(1, 20, why=_DENSE)]
"""d_M, the input of the last layer, which may be a bottleneck."""
Starts = Annotated[int, Interval(1, 1000, why="each is a descent")]
"""Random starts of a search."""

GRAM_MARGIN = 1e-5
"""How closely the geometry of an optimum is claimed: entries of Gram matrices are of order one."""


# ------------------------------------------------------------------------------------------------------------- domains


def require_classes(trial, class_sizes):
    """Require two to twelve classes."""
    trial.require(2 <= len(class_sizes) <= 12, f"class_sizes must be 2 to 12 numbers ({_DENSE})")


def require_frame(trial, optimum, off=1e-3):
    """Require a minimum that is unique up to rotations: something lives, nothing ties with zero or at the cut."""
    away = np.abs(optimum.betas / predicted.global_threshold(len(optimum.weight_decays)) - 1)
    trial.require(np.any(optimum.alive), "decays must leave a direction alive: all are above the threshold")
    trial.require(np.all(away > off), f"no class may lie within {off:g} of its threshold: both minima tie there")
    trial.require(not optimum.cut_is_tied, "a bottleneck must not cut between equal classes: they share it in any way")


def apart(trial, value, margin, controls):
    """Return the controls; require settings at which each predicts something else, by more than twice the margin."""
    for name, wrong in controls.items():
        differs = np.max(np.abs(np.asarray(wrong) - value)) > 2 * margin
        trial.require(differs, f"settings must tell the claim from {name!r}: at these both predict the same")
    return controls


# ------------------------------------------------------------------------------------------------------------ problems


def problem_of(class_sizes, weight_decays, feature_decay, **options):
    """Return the simulator's problem with plain numbers for decays."""
    decays = tuple(float(decay) for decay in weight_decays)
    return observed.Problem(tuple(class_sizes), decays, float(feature_decay), **options)


def shared_decays(class_sizes, depth, strength, ratio=1.5):
    """Return weight decays and a feature decay at which the largest class has `strength` times the threshold.

    beta_k = M N (N Lambda)^(1/M) / n_k fixes the product Lambda of all decays; they grow by `ratio` from H to W_M.
    """
    n_samples = sum(class_sizes)
    scale = strength * predicted.global_threshold(depth) * max(class_sizes)
    common = ((scale / (depth * n_samples)) ** depth / n_samples) ** (1 / (depth + 1))
    first, *others = (float(common * ratio ** (layer - depth / 2)) for layer in range(depth + 1))
    return tuple(others), first


def reduced_head(weights, class_means, bias, class_sizes):
    """Return layers and class means as the simulator's head in the class-mean reduction."""
    features = class_means * np.sqrt(np.asarray(class_sizes, float))
    return observed.Head(tuple(weights), features, np.zeros(len(class_sizes)) if bias is None else bias)


def optimal_head(optimum):
    """Return a predicted minimiser as the simulator's head."""
    return reduced_head(*predicted.optimal_parameters(optimum), optimum.class_sizes)


def value_and_slope(problem, head):
    """Return the simulator's objective at a head and the length of its whole gradient."""
    widths = tuple(layer.shape[1] for layer in head.weights)
    value, gradient = value_and_gradient(problem, widths, head.features.shape[1])(flatten(head, problem))
    return value, float(np.linalg.norm(gradient))


def subset_head(problem, alive, widths, stretch=1.0):
    """Return the critical point with largest roots on the `alive` classes and zero on the others, or longer logits."""
    sizes, decays = np.array(problem.class_sizes, float), np.array(problem.weight_decays)
    betas = predicted.mse_optimum(problem.class_sizes, decays, problem.feature_decay).betas
    roots = np.where(alive, predicted.largest_root(betas, problem.depth), 0)
    logits = np.diag(stretch * np.sqrt(sizes) * predicted.shrinkage(roots, problem.depth))
    weights, features = predicted.balanced_factorisation(logits, decays, problem.feature_decay, widths)
    return reduced_head(weights, features / np.sqrt(sizes), None, sizes)


def subsets(trial, problem):
    """Return every set of classes, as truth values; require that each class has a root, and that there are few."""
    betas = predicted.mse_optimum(problem.class_sizes, problem.weight_decays, problem.feature_decay).betas
    trial.require(len(betas) <= 6, "class_sizes must be six at most: all sets of them are tried")
    rooted = np.all(betas < 0.99 * predicted.existence_threshold(problem.depth))
    trial.require(rooted, "decays must leave every class a root, below 0.99 of the threshold of existence")
    return [np.array([subset >> k & 1 for k in range(len(betas))], bool) for subset in range(2 ** len(betas))]


def decide_critical(trial, problem, heads, longer):
    """Decide that the gradient vanishes at some heads, and does not at the same heads with logits 1 % longer."""
    decays = [*problem.weight_decays, problem.feature_decay]
    factors = [np.asarray(factor) for head in heads for factor in (*head.weights, head.features)]
    rounding = 1000 * 2.0**-53 * max(1.0, *decays) * max(1.0, *(np.linalg.norm(factor, 2) for factor in factors))
    trial.value(
        [value_and_slope(problem, head)[1] for head in heads],
        np.zeros(len(heads)),
        error=rounding,
        margin=2 * rounding,
        scale=min(decays),
        wrong_processes={"1 % longer": [value_and_slope(problem, head)[1] for head in longer]},
    )


# -------------------------------------------------------------------------------------------------------------- minima


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
        refined = minimize_scalar(cost, bounds=cell, method="bounded", options={"xatol": 1e-11 * data_value}).fun
        gains.append(data_value**2 / (2 * n_samples) - min(cost(grid[best]), refined))
    return np.sum(np.square(data_values)) / (2 * n_samples) - np.sum(np.sort(gains)[::-1][:rank])


def data_values(class_sizes, *, bias):
    """Return the singular values of the labels, centred over the samples where a bias fits their mean."""
    sizes = np.asarray(class_sizes, float)
    labels = np.diag(np.sqrt(sizes))
    if bias:
        labels = labels - np.outer(sizes, np.sqrt(sizes)) / sizes.sum()
    return np.linalg.svd(labels, compute_uv=False)[: len(sizes) - bias]


def schatten_bound(problem, widths):
    """Return the brute-force lower bound on the objective of every head of these widths."""
    values = data_values(problem.class_sizes, bias=problem.bias)
    rank = min(len(values), *widths)
    return searched_minimum(values, problem.n_samples, problem.weight_decays, problem.feature_decay, rank)


def lowest(problem, key, starts, widths, *, reduced=True):
    """Return the lowest end of descents from random starts and from perturbed truncations of the labels.

    Random starts near a threshold lose all directions or none; a truncation to the r largest singular values of the
    labels, factorised evenly, has lost just the others.
    """
    ends = observed.optima(problem, key, starts, widths=widths, reduced=reduced)
    sizes = np.array(problem.class_sizes, float)
    centre = np.outer(sizes, np.sqrt(sizes)) / sizes.sum() if problem.bias else 0.0
    left, values, right = np.linalg.svd(np.diag(np.sqrt(sizes)) - centre)
    columns = np.eye(len(sizes)) if reduced else np.repeat(np.diag(sizes**-0.5), problem.class_sizes, axis=1)
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    for rank in range(min(len(sizes), *widths) + 1):
        truncated = (left[:, :rank] * values[:rank]) @ right[:rank]
        weights, features = predicted.balanced_factorisation(truncated, [1.0] * problem.depth, 1.0, widths)
        *layers, last = (f + 0.02 * rng.standard_normal(f.shape) for f in (*weights, features @ columns))
        start = observed.Head(tuple(layers), last, np.zeros(len(sizes)))
        ends.append(observed.minimise(problem, start, newton_steps=0))
    return min(ends, key=lambda end: end.value)


def found_optimum(trial, problem, widths, starts=1, *, reduced=True):
    """Return the lowest end of descents, polished by Newton steps."""
    end = lowest(problem, trial.key("starts"), starts, widths, reduced=reduced)
    return observed.minimise(problem, end.head)


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


def normalised_error(problem, end):
    """Return the same for all entries of a matrix together, divided by its norm: of any Gram matrix of a suffix too."""
    suffix, norms = np.eye(problem.n_classes), [np.linalg.norm(one) for one in grams(problem, end.head).values()]
    for layer in end.head.weights[::-1]:
        suffix = suffix @ np.asarray(layer)
        norms.append(np.linalg.norm(suffix @ suffix.T))
    return 2 * problem.n_classes**2 * gram_error(problem, end) / min(norms)


def grams(problem, head):
    """Return the Gram matrices of the whole product, the last layer and the class means, and the logits W Hbar."""
    weights = [np.asarray(layer) for layer in head.weights]
    sizes = np.asarray(problem.class_sizes, float)
    of_samples = head.features.shape[1] != len(sizes)
    means = np.asarray(observed.class_means(head.features, problem.class_sizes) if of_samples else head.features)
    means = means if of_samples else means / np.sqrt(sizes)
    whole = np.linalg.multi_dot([*weights[::-1], np.eye(weights[0].shape[1])])
    return {
        "product": whole @ whole.T,
        "classifier": weights[-1] @ weights[-1].T,
        "features": means.T @ means,
        "logits": whole @ means,
    }


def decide_shapes(trial, problem, end, frames, wrong):
    """Decide the Gram matrices of the last layer and of the class means, each divided by its norm."""
    found = grams(problem, end.head)
    shapes = np.stack([found[name] / np.linalg.norm(found[name]) for name in ("classifier", "features")])
    controls = apart(trial, frames, GRAM_MARGIN, wrong)
    trial.value(shapes, frames, error=normalised_error(problem, end), margin=GRAM_MARGIN, controls=controls)


def predicted_grams(optimum):
    """Return the same matrices as `grams` at the predicted optimum, as one array."""
    return np.stack([optimum.product_gram, optimum.classifier_gram, optimum.feature_gram, optimum.logits])


def stacked(matrices):
    """Return the matrices of `grams` as one array."""
    return np.stack(list(matrices.values()))
