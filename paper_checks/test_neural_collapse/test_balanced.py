"""Balanced classes: the value of the optimum and its frames, without bias, with bias, and behind a bottleneck."""

import numpy as np

from paper_checks.test_neural_collapse import (
    DEEP,
    GRAM_MARGIN,
    SPLIT,
    Decay,
    Decays,
    NClasses,
    PerClass,
    Starts,
    Widths,
    apart,
    found_optimum,
    grams,
    lowest,
    normalised_error,
    problem_of,
    require_frame,
    require_layers,
    schatten_bound,
)
from theory import neural_collapse as predicted
from theory_on_trial import claim

WIDE = [((0.02,), 0.01, (8,)), ((0.02, 0.03), 0.01, (8, 8)), ((0.02, 0.01, 0.03), 0.01, (8, 8, 8))]
NARROW = ((0.02, 0.03), 0.01, (8, 2))


@claim(
    SPLIT,
    kind="optimality",
    cases=[
        *((*wide, False) for wide in WIDE),
        *((*wide, True) for wide in WIDE[:2]),
        (*NARROW, False),
        (*NARROW, True),
    ],
)
def test_bal_nobias_value(
    trial,
    weight_decays: Decays,
    feature_decay: Decay,
    widths: Widths,
    bias: bool,
    n_classes: NClasses = 4,
    per_class: PerClass = 3,
    starts: Starts = 2,
):
    """Balanced, any depth and widths: f* = R [1/(1 + x^M) + beta x] / (2 K) + (K - 1_bias - R) / (2 K)."""
    sizes, depth, directions = (per_class,) * n_classes, len(weight_decays), n_classes - bias
    survivors = min(directions, *widths)
    require_layers(trial, sizes, weight_decays, widths)
    optimum = predicted.mse_optimum(sizes, weight_decays, feature_decay, bias=bias)
    require_frame(trial, optimum)
    beta = optimum.betas[0]

    def total(x, rank=survivors):
        return (rank * float(predicted.scalar_objective(x, beta, depth)) + directions - rank) / (2 * n_classes)

    root, rootless = predicted.global_root(beta, depth), beta * n_classes ** -(1 + 1 / depth)
    wrong = {"n for N": total(predicted.largest_root(rootless, depth))}
    if min(widths) < directions:
        wrong["no bottleneck"] = total(root, directions)
    if depth > 1:
        wrong["the smallest root"] = total(_smallest_root(beta, depth))
    problem = problem_of(sizes, weight_decays, feature_decay, bias=bias)
    primal = lowest(problem, trial.key("starts"), starts, widths).value
    options = {"margin": 1e-8, "scale": 1.0, "ops": 100}
    trial.gap(
        primal, schatten_bound(problem, widths), total(root), controls=apart(trial, total(root), 1e-8, wrong), **options
    )


def _smallest_root(beta, depth):
    """The root of the scalar equation below its peak, at depth two and more."""
    from scipy.optimize import brentq

    peak = ((depth - 1) / (depth + 1)) ** (1 / depth)
    return brentq(lambda x: depth * x ** (depth - 1) / (1 + x**depth) ** 2 - beta, 0, peak, xtol=1e-15)


def _metrics(problem, head, frame):
    """All collapse metrics of a head with one column per sample, against one frame everywhere."""
    labels = np.repeat(np.arange(problem.n_classes), problem.class_sizes)
    found = predicted.nc_metrics(
        [np.asarray(layer) for layer in head.weights],
        np.asarray(head.features),
        labels,
        predicted.frame_targets(frame, problem.depth),
        centred=problem.bias,
    )
    return np.array([found.within_class, *found.suffix_frames, found.feature_frame, found.logit_frame, found.duality])


def _found_wide(trial, weight_decays, feature_decay, widths, sizes, bias):
    """The problem and its lowest end with a column per sample, for widths of K and more."""
    require_layers(trial, sizes, weight_decays, widths)
    trial.require(min(widths) >= len(sizes), "widths must be at least the number of classes: no bottleneck here")
    require_frame(trial, predicted.mse_optimum(sizes, weight_decays, feature_decay, bias=bias))
    problem = problem_of(sizes, weight_decays, feature_decay, bias=bias)
    return problem, found_optimum(trial, problem, widths, reduced=False)


@claim(DEEP, kind="optimality", cases=WIDE)
def test_bal_nobias_NC(
    trial, weight_decays: Decays, feature_decay: Decay, widths: Widths, n_classes: NClasses = 4, per_class: PerClass = 3
):
    """Without bias all features collapse, and features, layers and logits form one orthogonal frame, at any depth."""
    problem, end = _found_wide(trial, weight_decays, feature_decay, widths, (per_class,) * n_classes, bias=False)
    found = _metrics(problem, end.head, predicted.orthogonal_frame(n_classes))
    trial.value(
        found,
        np.zeros(len(found)),
        error=normalised_error(problem, end),
        margin=GRAM_MARGIN,
        scale=1.0,
        wrong_processes={"simplex frame": _metrics(problem, end.head, predicted.simplex_etf(n_classes))},
    )


@claim(DEEP, kind="optimality", cases=WIDE[:2])
def test_bal_bias_NC(
    trial, weight_decays: Decays, feature_decay: Decay, widths: Widths, n_classes: NClasses = 4, per_class: PerClass = 3
):
    """With bias the frame is the simplex, b = 1/K, and the mean of all features is zero, at any depth."""
    sizes = (per_class,) * n_classes
    problem, end = _found_wide(trial, weight_decays, feature_decay, widths, sizes, bias=True)
    found = _metrics(problem, end.head, predicted.simplex_etf(n_classes))
    options = {"error": normalised_error(problem, end), "margin": GRAM_MARGIN}
    orthogonal = {"orthogonal frame": _metrics(problem, end.head, predicted.orthogonal_frame(n_classes))}
    trial.value(found, np.zeros(len(found)), scale=1.0, wrong_processes=orthogonal, **options)
    even = np.full(n_classes, 1 / n_classes)
    trial.value(
        np.asarray(end.head.bias), even, controls={"1 / (K + 1)": n_classes / (n_classes + 1) * even}, **options
    )
    lengths = predicted.mse_optimum(sizes, weight_decays, feature_decay).feature_gram
    trial.value(
        np.linalg.norm(np.asarray(end.head.features).mean(axis=1)),
        0.0,
        scale=np.sqrt(lengths[0, 0]),
        controls={"as without bias": np.sqrt(lengths.sum()) / n_classes},
        **options,
    )


@claim(DEEP, kind="optimality", cases=[(*NARROW, False), (*NARROW, True)])
def test_bal_nobias_NC__bottleneck(
    trial,
    weight_decays: Decays,
    feature_decay: Decay,
    widths: Widths,
    bias: bool,
    n_classes: NClasses = 4,
    per_class: PerClass = 3,
):
    """Behind a bottleneck R < K the frame is a projection of rank R, of the simplex's space if there is a bias."""
    sizes, rank, directions = (per_class,) * n_classes, min(widths), n_classes - bias
    require_layers(trial, sizes, weight_decays, widths)
    trial.require(rank < directions, "widths must hold a bottleneck: fewer than the directions of the labels")
    require_frame(trial, predicted.mse_optimum(sizes, weight_decays, feature_decay, bias=bias))
    problem = problem_of(sizes, weight_decays, feature_decay, bias=bias)
    end = found_optimum(trial, problem, widths)
    found = np.stack([matrix / np.trace(matrix) for matrix in grams(problem, end.head).values()])
    on_ones = np.sum(found, axis=(1, 2)) if bias else np.zeros(0)  # a simplex has no mean

    def projection(dimension):
        spectrum = np.repeat([0, 1 / dimension], [n_classes - dimension, dimension])
        return np.concatenate([np.tile(spectrum, len(found)), np.zeros(len(on_ones))])

    spectra = np.linalg.eigvalsh((found + found.transpose(0, 2, 1)) / 2)
    trial.value(
        np.concatenate([spectra.ravel(), on_ones]),
        projection(rank),
        error=normalised_error(problem, end),
        margin=GRAM_MARGIN,
        controls={"the whole frame": projection(directions)},
    )
