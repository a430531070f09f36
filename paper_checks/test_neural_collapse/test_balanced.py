"""Balanced classes: the value of the optimum and its frames, without bias, with bias, and behind a
bottleneck.
"""

from typing import Annotated

import numpy as np
from scipy.optimize import brentq

from paper_checks.test_neural_collapse import (
    DEEP,
    MARGIN,
    SPLIT,
    Depth,
    NClasses,
    PerClass,
    Starts,
    Strength,
    Width,
)
from paper_checks.test_neural_collapse.geometry import decide_shapes, grams, normalised_error
from paper_checks.test_neural_collapse.minima import found_optimum, lowest, schatten_bound
from paper_checks.test_neural_collapse.problems import apart, problem_of, shared_decays
from theory import neural_collapse as predicted
from theory_on_trial import claim
from theory_on_trial.contract import Interval


@claim(
    SPLIT,
    kind="optimality",
    cases=[
        (1, 8, False),
        (2, 8, False),
        (3, 8, False),
        (1, 8, True),
        (2, 8, True),
        (2, 2, False),
        (2, 2, True),
    ],
)
def test_bal_nobias_value(
    trial,
    depth: Depth,
    width: Width,
    bias: bool,
    strength: Strength = 0.15,
    n_classes: NClasses = 4,
    per_class: PerClass = 3,
    starts: Starts = 1,
):
    """Balanced, any depth and widths: f* = R [1/(1 + x^M) + β x] / (2 K) + (K - 1_bias - R) / (2
    K).
    """
    sizes = (per_class,) * n_classes
    widths = (n_classes + 4,) * (depth - 1) + (width,)
    problem = problem_of(sizes, *shared_decays(sizes, depth, strength), bias=bias)
    beta = strength * predicted.global_threshold(depth)
    directions = n_classes - bias
    survivors = min(directions, *widths)

    def total(x):
        alive = float(predicted.scalar_objective(x, beta, depth))
        return (survivors * alive + directions - survivors) / (2 * n_classes)

    root = predicted.global_root(beta, depth)
    value = total(root)
    rivals = {"n for N": total(predicted.largest_root(beta * n_classes ** -(1 + 1 / depth), depth))}
    if width < directions:
        rivals["no bottleneck"] = (
            directions * float(predicted.scalar_objective(root, beta, depth)) / (2 * n_classes)
        )
    if depth > 1:
        peak = ((depth - 1) / (depth + 1)) ** (1 / depth)  # of the scalar equation
        smallest = brentq(
            lambda x: depth * x ** (depth - 1) / (1 + x**depth) ** 2 - beta, 0, peak, xtol=1e-15
        )
        rivals["the smallest root"] = total(smallest)
    primal = lowest(problem, trial.key("starts"), starts, widths).value
    controls = apart(trial, value, 1e-8, rivals)
    trial.gap(
        primal,
        schatten_bound(problem, widths),
        value,
        margin=1e-8,
        scale=1.0,
        ops=100,
        controls=controls,
    )


def _metrics(problem, head, frame):
    """All collapse metrics of a head with one column per sample, against one frame everywhere."""
    labels = np.repeat(np.arange(problem.n_classes), problem.class_sizes)
    nc = predicted.nc_metrics(
        [np.asarray(layer) for layer in head.weights],
        np.asarray(head.features),
        labels,
        predicted.frame_targets(frame, problem.depth),
        centred=problem.bias,
    )
    return np.array(
        [nc.within_class, *nc.suffix_frames, nc.feature_frame, nc.logit_frame, nc.duality]
    )


def _found_wide(trial, depth, strength, spare, n_classes, per_class, bias):
    """The problem and its lowest end with a column per sample, for widths of K and more."""
    sizes = (per_class,) * n_classes
    widths = (n_classes + spare,) * depth
    trial.require(
        n_classes * per_class <= 60,
        "n_classes * per_class must be at most 60: each sample has a column",
    )
    problem = problem_of(sizes, *shared_decays(sizes, depth, strength), bias=bias)
    return problem, found_optimum(trial, problem, widths, reduced=False)


def _decide_frame(trial, problem, end, frame, wrong):
    """Decide that layer and class means form one frame of equal lengths."""
    exact, *rivals = (
        np.repeat(of(problem.n_classes)[None], 2, axis=0) for of in (frame, *wrong.values())
    )
    decide_shapes(trial, problem, end, exact, dict(zip(wrong, rivals, strict=True)))


Spare = Annotated[int, Interval(0, 8, why="a dense Hessian of all parameters is taken")]


@claim(DEEP, kind="optimality", cases=[1, 2, 3])
def test_bal_nobias_NC(
    trial,
    depth: Depth,
    strength: Strength = 0.15,
    spare: Spare = 4,
    n_classes: NClasses = 4,
    per_class: PerClass = 3,
):
    """Without bias all features collapse, and features, layers and logits form one orthogonal
    frame, at any depth.
    """
    problem, end = _found_wide(trial, depth, strength, spare, n_classes, per_class, bias=False)
    metrics = _metrics(problem, end.head, predicted.orthogonal_frame(n_classes))
    simplex = {"simplex frame": _metrics(problem, end.head, predicted.simplex_etf(n_classes))}
    options = {"error": normalised_error(problem, end), "margin": MARGIN, "scale": 1.0}
    trial.value(metrics, np.zeros(len(metrics)), control_processes=simplex, **options)
    _decide_frame(
        trial, problem, end, predicted.orthogonal_frame, {"simplex frame": predicted.simplex_etf}
    )


@claim(DEEP, kind="optimality", cases=[1, 2])
def test_bal_bias_NC(
    trial,
    depth: Depth,
    strength: Strength = 0.15,
    spare: Spare = 4,
    n_classes: NClasses = 4,
    per_class: PerClass = 3,
):
    """With bias the frame is the simplex, b = 1/K, and the mean of all features is zero, at any
    depth.
    """
    problem, end = _found_wide(trial, depth, strength, spare, n_classes, per_class, bias=True)
    metrics = _metrics(problem, end.head, predicted.simplex_etf(n_classes))
    options = {"error": normalised_error(problem, end), "margin": MARGIN}
    orthogonal = {
        "orthogonal frame": _metrics(problem, end.head, predicted.orthogonal_frame(n_classes))
    }
    trial.value(metrics, np.zeros(len(metrics)), scale=1.0, control_processes=orthogonal, **options)
    _decide_frame(
        trial, problem, end, predicted.simplex_etf, {"orthogonal frame": predicted.orthogonal_frame}
    )
    even = np.full(n_classes, 1 / n_classes)
    trial.value(np.asarray(end.head.bias), even, controls={"no bias": 0 * even}, **options)
    gram = predicted.mse_optimum(
        problem.class_sizes, problem.weight_decays, problem.feature_decay
    ).feature_gram
    mean = np.asarray(end.head.features).mean(axis=1)
    without = np.sqrt(gram.sum()) / n_classes
    scale = np.sqrt(gram[0, 0])
    trial.value(
        np.linalg.norm(mean), 0.0, scale=scale, controls={"as without bias": without}, **options
    )


@claim(DEEP, kind="optimality", cases=[False, True])
def test_bal_nobias_NC__bottleneck(
    trial,
    bias: bool,
    width: Width = 2,
    depth: Depth = 2,
    strength: Strength = 0.15,
    n_classes: NClasses = 4,
    per_class: PerClass = 3,
):
    """Behind a bottleneck R < K the frame is a projection of rank R, of the simplex's space if
    there is a bias.
    """
    sizes = (per_class,) * n_classes
    widths = (n_classes + 4,) * (depth - 1) + (width,)
    directions = n_classes - bias
    trial.require(
        width < directions,
        "width must be a bottleneck: below the number of directions of the labels",
    )
    problem = problem_of(sizes, *shared_decays(sizes, depth, strength), bias=bias)
    end = found_optimum(trial, problem, widths)
    matrices = np.stack([matrix / np.trace(matrix) for matrix in grams(problem, end.head).values()])
    on_ones = np.sum(matrices, axis=(1, 2)) if bias else np.zeros(0)  # a simplex has no mean

    def projection(dimension):
        spectrum = np.repeat([0, 1 / dimension], [n_classes - dimension, dimension])
        return np.concatenate([np.tile(spectrum, len(matrices)), np.zeros(len(on_ones))])

    spectra = np.linalg.eigvalsh((matrices + matrices.transpose(0, 2, 1)) / 2)
    measured = np.concatenate([spectra.ravel(), on_ones])
    controls = {"the whole frame": projection(directions)}
    error = normalised_error(problem, end)
    trial.value(measured, projection(width), error=error, margin=MARGIN, controls=controls)
    # Equal classes may change places: a frame that this changes is one of many.
    is_moved = np.abs(np.roll(matrices, 1, axis=(1, 2)) - matrices).max() > MARGIN
    is_tied = predicted.mse_optimum(
        sizes, problem.weight_decays, problem.feature_decay, widths=widths, bias=bias
    ).cut_is_tied
    trial.identity(
        np.array([int(is_moved)]),
        np.array([int(is_tied)]),
        ops=0,
        controls={"one frame": np.array([0])},
    )
