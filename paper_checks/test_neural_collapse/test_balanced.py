"""Balanced classes: the value of the optimum and its frames, without bias, with bias, and behind a bottleneck."""

import numpy as np

from paper_checks.test_neural_collapse import (
    ABSTRACT,
    DERIVED,
    GRAM_MARGIN,
    data_values,
    gram_error,
    grams,
    problem_of,
    searched_minimum,
)
from sims import neural_collapse as observed
from theory import neural_collapse as predicted
from theory_on_trial import claim, ours

SETTINGS = (  # weight decays, feature decay, widths, bias
    ((0.02,), 0.01, (8,), False),
    ((0.02, 0.03), 0.01, (8, 8), False),
    ((0.02, 0.01, 0.03), 0.01, (8, 8, 8), False),
    ((0.02,), 0.01, (8,), True),
    ((0.02, 0.03), 0.01, (8, 8), True),
    ((0.02, 0.03), 0.01, (8, 2), False),
    ((0.02, 0.03), 0.01, (8, 2), True),
)


@claim(ours(DERIVED), kind="optimality")
def test_bal_nobias_value(trial, n_classes=4, per_class=3, starts=6):
    """Balanced, any depth and widths: f* = R [1/(1 + x^M) + beta x] / (2 K) + (K - 1_bias - R) / (2 K)."""
    sizes, n_samples = (per_class,) * n_classes, per_class * n_classes
    primal, dual, value, wide, wrong_n, smallest = [], [], [], [], [], []
    for index, (weight_decays, feature_decay, widths, bias) in enumerate(SETTINGS):
        problem = problem_of(sizes, weight_decays, feature_decay, bias=bias)
        ends = observed.optima(problem, trial.key(str(index)), starts, widths=widths)
        primal.append(min(end.value for end in ends))
        directions, depth = n_classes - bias, len(widths)
        rank = min(directions, *widths)
        values = data_values(sizes, bias=bias)
        dual.append(searched_minimum(values, n_samples, weight_decays, feature_decay, rank))
        optimum = predicted.mse_optimum(sizes, weight_decays, feature_decay, widths=widths, bias=bias)
        value.append(optimum.value)
        wide.append(predicted.mse_optimum(sizes, weight_decays, feature_decay, bias=bias).value)
        beta = optimum.betas[0]

        def total(x, strength=beta, depth=depth, rank=rank, directions=directions, beta=beta):
            alive = float(predicted.scalar_objective(x, beta, depth))
            return (rank * alive + directions - rank) / (2 * n_classes)

        fewer = beta * (per_class / n_samples) ** (1 + 1 / depth)
        wrong_n.append(total(predicted.largest_root(fewer, depth)))
        smallest.append(total(_smallest_root(beta, depth)))
    trial.gap(
        np.array(primal),
        np.array(dual),
        np.array(value),
        margin=1e-8,
        scale=1.0,
        ops=100,
        controls={
            "no bottleneck": np.array(wide),
            "n for N": np.array(wrong_n),
            "the smallest root": np.array(smallest),
        },
    )


def _smallest_root(beta, depth):
    """The root of the scalar equation below its peak; at depth one there is one root only."""
    from scipy.optimize import brentq

    if depth == 1:
        return float(predicted.largest_root(beta, 1))
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


@claim(ours(ABSTRACT), kind="optimality")
def test_bal_nobias_NC(trial, n_classes=4, per_class=3, starts=6):
    """Without bias all features collapse, and features, layers and logits form one orthogonal frame, at any depth."""
    sizes = (per_class,) * n_classes
    orthogonal, simplex = predicted.orthogonal_frame(n_classes), predicted.simplex_etf(n_classes)
    for index, (weight_decays, feature_decay, widths, bias) in enumerate(SETTINGS[:3]):
        problem = problem_of(sizes, weight_decays, feature_decay, bias=bias)
        end = observed.best_of(problem, trial.key(str(index)), starts, widths=widths, reduced=False)
        found = _metrics(problem, end.head, orthogonal)
        wrong = _metrics(problem, end.head, simplex)
        # The smallest Gram matrix that is normalised has norm above 1/100.
        options = {"error": 100 * gram_error(problem, end), "margin": GRAM_MARGIN}
        trial.value(found, np.zeros(len(found)), wrong_processes={"simplex frame": wrong}, **options)
        trial.value(
            wrong[1:-1],  # NC1 and the duality know no frame
            np.full(len(wrong) - 2, np.sqrt(2 - 2 * np.sqrt(1 - 1 / n_classes))),
            controls={"no distance": np.zeros(len(wrong) - 2)},
            **options,
        )


@claim(ours(ABSTRACT), kind="optimality")
def test_bal_bias_NC(trial, n_classes=4, per_class=3, starts=6):
    """With bias the frame is the simplex, b = 1/K, and the mean of all features is zero, at any depth."""
    sizes = (per_class,) * n_classes
    orthogonal, simplex = predicted.orthogonal_frame(n_classes), predicted.simplex_etf(n_classes)
    for index, (weight_decays, feature_decay, widths, bias) in enumerate(SETTINGS[3:5]):
        problem = problem_of(sizes, weight_decays, feature_decay, bias=bias)
        end = observed.best_of(problem, trial.key(str(index)), starts, widths=widths, reduced=False)
        found = _metrics(problem, end.head, simplex)
        options = {"error": 100 * gram_error(problem, end), "margin": GRAM_MARGIN}
        trial.value(
            found,
            np.zeros(len(found)),
            wrong_processes={"orthogonal frame": _metrics(problem, end.head, orthogonal)},
            **options,
        )
        global_mean = np.asarray(end.head.features).mean(axis=1)
        trial.value(
            [*np.asarray(end.head.bias), *global_mean],
            np.array([1 / n_classes] * n_classes + [0.0] * widths[0]),
            controls={"no bias": np.zeros(n_classes + widths[0])},
            **options,
        )


@claim(ours(ABSTRACT), kind="optimality")
def test_bal_nobias_NC__bottleneck(trial, n_classes=4, per_class=3, starts=6):
    """Behind a bottleneck R < K the frame is a projection of rank R, of the simplex's space if there is a bias."""
    sizes = (per_class,) * n_classes
    for index, (weight_decays, feature_decay, widths, bias) in enumerate(SETTINGS[5:]):
        problem = problem_of(sizes, weight_decays, feature_decay, bias=bias)
        end = observed.best_of(problem, trial.key(str(index)), starts, widths=widths)
        rank = min(widths)
        found = np.stack([matrix / np.trace(matrix) for matrix in grams(problem, end.head).values()])
        on_ones = np.sum(found, axis=(1, 2)) if bias else np.zeros(0)  # a simplex has no mean
        spectrum = np.zeros(n_classes)
        spectrum[-rank:] = 1 / rank
        count = len(found)
        trial.value(
            np.concatenate([np.linalg.eigvalsh((found + found.transpose(0, 2, 1)) / 2).ravel(), on_ones]),
            np.concatenate([np.tile(spectrum, count), np.zeros(len(on_ones))]),
            error=100 * gram_error(problem, end),
            margin=GRAM_MARGIN,
            controls={
                "the whole frame": np.concatenate([np.full(count * n_classes, 1 / n_classes), np.zeros(len(on_ones))])
            },
        )
