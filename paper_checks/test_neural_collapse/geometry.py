"""The Gram matrices of a minimum, and how far a descent's end may be from them."""

import numpy as np

from paper_checks.test_neural_collapse import MARGIN
from paper_checks.test_neural_collapse.problems import apart
from sims import neural_collapse as observed


def gram_error(problem, end):
    """Return what the distance to stationarity may change in an entry of any product or Gram matrix
    of the factors. All numbers of a head are at most twice the Newton step from the stationary
    point next to it.
    """
    spectrum = np.abs(observed.hessian_spectrum(problem, end.head))
    curvatures = spectrum[
        spectrum > 1e-9 * spectrum.max()
    ]  # the others are rotations, which change no Gram matrix
    factors = [*end.head.weights, end.head.features]
    norms = np.prod([max(1.0, float(np.linalg.norm(np.asarray(factor), 2))) for factor in factors])
    return 2 * len(factors) * norms**2 * (2 * end.gradient_norm / curvatures.min() + 100 * 2.0**-53)


def normalised_error(problem, end):
    """Return the same for all entries of a matrix together, divided by its norm: of any Gram matrix
    of a suffix too.
    """
    suffix = np.eye(problem.n_classes)
    norms = [np.linalg.norm(gram) for gram in grams(problem, end.head).values()]
    for layer in end.head.weights[::-1]:
        suffix = suffix @ np.asarray(layer)
        norms.append(np.linalg.norm(suffix @ suffix.T))
    return 2 * problem.n_classes**2 * gram_error(problem, end) / min(norms)


def grams(problem, head):
    """Return the Gram matrices of the whole product, the last layer and the class means, and the
    logits W Hbar.
    """
    weights = [np.asarray(layer) for layer in head.weights]
    sizes = np.asarray(problem.class_sizes, float)
    of_samples = head.features.shape[1] != len(sizes)
    means = np.asarray(
        observed.class_means(head.features, problem.class_sizes) if of_samples else head.features
    )
    means = means if of_samples else means / np.sqrt(sizes)
    product = np.linalg.multi_dot([*weights[::-1], np.eye(weights[0].shape[1])])
    products = {"product": product @ product.T, "classifier": weights[-1] @ weights[-1].T}
    return products | {"features": means.T @ means, "logits": product @ means}


def decide_shapes(trial, problem, end, frames, wrong):
    """Decide the Gram matrices of the last layer and of the class means, each divided by its
    norm.
    """
    matrices = grams(problem, end.head)
    shapes = np.stack(
        [matrices[name] / np.linalg.norm(matrices[name]) for name in ("classifier", "features")]
    )
    controls = apart(trial, frames, MARGIN, wrong)
    error = normalised_error(problem, end)
    trial.require(
        error < MARGIN,
        "class_sizes and decays must leave more curvature: the minimum is too flat to be known",
    )
    trial.value(shapes, frames, error=error, margin=MARGIN, controls=controls)


def predicted_grams(optimum):
    """Return the same matrices as `grams` at the predicted optimum, as one array."""
    return np.stack(
        [optimum.product_gram, optimum.classifier_gram, optimum.feature_gram, optimum.logits]
    )


def stacked(matrices):
    """Return the matrices of `grams` as one array."""
    return np.stack(list(matrices.values()))
