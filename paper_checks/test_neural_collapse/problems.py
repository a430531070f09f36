"""Problems of given decays, what is required of them, and heads as theory and simulator write
them.
"""

import numpy as np

from paper_checks.test_neural_collapse import DENSE
from sims import neural_collapse as observed
from sims.neural_collapse.gradients import flatten, value_and_gradient
from theory import neural_collapse as predicted


def require_classes(trial, class_sizes):
    """Require two to twelve classes."""
    trial.require(2 <= len(class_sizes) <= 12, f"class_sizes must be 2 to 12 numbers ({DENSE})")


def require_frame(trial, optimum, off=1e-3):
    """Require a minimum that is unique up to rotations: something lives, nothing ties with zero or
    at the cut.
    """
    away = np.abs(optimum.betas / predicted.global_threshold(len(optimum.weight_decays)) - 1)
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
    """Return the controls; require settings at which each predicts something else, by more than
    twice the margin.
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
    return observed.Problem(tuple(class_sizes), decays, float(feature_decay), **options)


def shared_decays(class_sizes, depth, strength, ratio=1.5):
    """Return weight decays and a feature decay at which the largest class has `strength` times the
    threshold. β_k = M N (N Λ)^(1/M) / n_k fixes the product Λ of all decays; they grow by `ratio`
    from H to W_M.
    """
    n_samples = sum(class_sizes)
    scale = strength * predicted.global_threshold(depth) * max(class_sizes)
    common = ((scale / (depth * n_samples)) ** depth / n_samples) ** (1 / (depth + 1))
    first, *weight_decays = (
        float(common * ratio ** (layer - depth / 2)) for layer in range(depth + 1)
    )
    return tuple(weight_decays), first


def reduced_head(weights, class_means, bias, class_sizes):
    """Return layers and class means as the simulator's head in the class-mean reduction."""
    features = class_means * np.sqrt(np.asarray(class_sizes, float))
    return observed.Head(
        tuple(weights), features, np.zeros(len(class_sizes)) if bias is None else bias
    )


def optimal_head(optimum):
    """Return a predicted minimiser as the simulator's head."""
    return reduced_head(*predicted.optimal_parameters(optimum), optimum.class_sizes)


def value_and_slope(problem, head):
    """Return the simulator's objective at a head and the length of its whole gradient."""
    widths = tuple(layer.shape[1] for layer in head.weights)
    value, gradient = value_and_gradient(problem, widths, head.features.shape[1])(
        flatten(head, problem)
    )
    return value, float(np.linalg.norm(gradient))
