"""Critical points of a problem without bias: any set of classes may live."""

import numpy as np

from paper_checks.test_neural_collapse.problems import reduced_head, value_and_slope
from theory import neural_collapse as predicted


def subset_head(problem, alive, widths, stretch=1.0):
    """Return the critical point with largest roots on the `alive` classes and zero on the others,
    or longer logits.
    """
    sizes = np.array(problem.class_sizes, float)
    decays = np.array(problem.weight_decays)
    betas = predicted.mse_optimum(problem.class_sizes, decays, problem.feature_decay).betas
    roots = np.where(alive, predicted.largest_root(betas, problem.depth), 0)
    logits = np.diag(stretch * np.sqrt(sizes) * predicted.shrinkage(roots, problem.depth))
    weights, features = predicted.balanced_factorisation(
        logits, decays, problem.feature_decay, widths
    )
    return reduced_head(weights, features / np.sqrt(sizes), None, sizes)


def subsets(trial, problem):
    """Return every set of classes, as truth values; require that each class has a root, and that
    there are few.
    """
    betas = predicted.mse_optimum(
        problem.class_sizes, problem.weight_decays, problem.feature_decay
    ).betas
    trial.require(len(betas) <= 6, "class_sizes must be six at most: all sets of them are tried")
    rooted = np.all(betas < 0.99 * predicted.existence_threshold(problem.depth))
    trial.require(
        rooted, "decays must leave every class a root, below 0.99 of the threshold of existence"
    )
    return [
        np.array([subset >> k & 1 for k in range(len(betas))], bool)
        for subset in range(2 ** len(betas))
    ]


def decide_critical(trial, problem, alive, widths):
    """Return the heads of some sets of classes; decide that the gradient vanishes there, and not
    with longer logits.
    """
    decays = [*problem.weight_decays, problem.feature_decay]
    lengths = {"1 % longer": 1.01, "twice as long": 2.0}
    heads = [subset_head(problem, subset, widths) for subset in alive]
    size = max(
        np.linalg.norm(factor, 2) for head in heads for factor in (*head.weights, head.features)
    )
    rounding = 1000 * 2.0**-53 * max(1.0, *decays) * max(1.0, size)

    def slopes(stretch):
        return [
            value_and_slope(problem, subset_head(problem, subset, widths, stretch))[1]
            for subset in alive
        ]

    scale = min(decays) * size  # what the decay of a factor pulls
    options = {
        "margin": 2 * rounding,
        "scale": scale,
        "control_processes": {k: slopes(v) for k, v in lengths.items()},
    }
    trial.value(slopes(1.0), np.zeros(len(heads)), error=rounding, **options)
    return heads
