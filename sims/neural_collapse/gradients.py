"""The objective's gradient by hand, in NumPy, and its Hessian from the gradient: no compilation,
whatever the shapes.

A head is laid out as one vector (W_1, .., W_M, features, and the bias where the problem has one).
"""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from sims.neural_collapse.objectives import Problem
from sims.neural_collapse.parameters import Head

Slope = Callable[[np.ndarray], tuple[float, np.ndarray]]
COMPLEX_STEP = 1e-30


def flatten(head: Head, problem: Problem) -> Float[np.ndarray, "parameters"]:
    """All numbers of `head` that the problem trains, as one float64 vector."""
    parts = [*head.weights, head.features, *([head.bias] if problem.bias else [])]
    return np.concatenate([np.asarray(part, dtype=float).ravel() for part in parts])


def unflatten(
    flat: Float[np.ndarray, "parameters"], problem: Problem, widths: tuple[int, ...], n_columns: int
) -> Head:
    """The head of these sizes whose trained numbers are `flat`; a bias that is not trained is 0."""
    *weights, features, bias = _splitter(problem, widths, n_columns)(flat)
    return Head(tuple(weights), features, bias)


def value_and_gradient(problem: Problem, widths: tuple[int, ...], n_columns: int) -> Slope:
    """The function from a vector to the objective and its gradient there, for heads of these sizes.
    It takes complex vectors too (the value is then the real part). The decays must be numbers.
    Raises ValueError as `Problem.columns`.
    """
    classes, sample_weights = problem.columns(n_columns)
    split = _splitter(problem, widths, n_columns)
    roots = np.sqrt(sample_weights)
    shares = sample_weights / problem.n_samples
    targets = np.eye(problem.n_classes)[:, np.array(classes)]
    decays = np.array(
        [*problem.weight_decays, problem.feature_decay, problem.bias_decay], dtype=float
    )
    count = problem.depth + 1 + problem.bias

    def at(flat: np.ndarray) -> tuple[float, np.ndarray]:
        parts = split(flat)
        *weights, features, bias = parts
        outputs = [features / roots]
        for layer in weights:
            outputs.append(layer @ outputs[-1])
        logits = outputs.pop() + bias[:, None]
        if problem.loss == "mse":
            errors = logits - targets
            losses = (errors**2).sum(axis=0) / 2
        else:
            scores = logits - logits.real.max(axis=0)
            exponentials = np.exp(scores)
            sums = exponentials.sum(axis=0)
            errors = exponentials / sums - targets
            losses = np.log(sums) - (targets * scores).sum(axis=0)
        backward = errors * shares
        bias_slope = backward.sum(axis=1)
        slopes = []
        for layer, inputs in zip(reversed(weights), reversed(outputs), strict=True):
            slopes.append(backward @ inputs.T)
            backward = layer.T @ backward
        slopes = [*reversed(slopes), backward / roots, bias_slope]
        value = losses @ shares + sum(
            decay / 2 * (part**2).sum() for decay, part in zip(decays, parts, strict=True)
        )
        totals = [
            slope + decay * part for slope, decay, part in zip(slopes, decays, parts, strict=True)
        ]
        return float(value.real), np.concatenate([slope.ravel() for slope in totals[:count]])

    return at


def hessian(
    slope: Slope, flat: Float[np.ndarray, "parameters"]
) -> Float[np.ndarray, "parameters parameters"]:
    """The symmetric matrix of second derivatives at `flat`, from the function that gives the
    gradient. Column j is Im ∇f(θ + i h e_j) / h with h = 1e-30: an analytic gradient needs no
    difference of close numbers, so that this is exact to rounding. Source: the complex-step
    derivative (Squire & Trapp 1998).
    """
    steps = COMPLEX_STEP * 1j * np.eye(len(flat))
    columns = np.array([slope(flat + step)[1].imag / COMPLEX_STEP for step in steps])
    return (columns + columns.T) / 2


def _splitter(
    problem: Problem, widths: tuple[int, ...], n_columns: int
) -> Callable[[np.ndarray], list[np.ndarray]]:
    """The function that cuts a vector into the layers, the features and the bias."""
    layers = zip((*widths[1:], problem.n_classes), widths, strict=True)
    shapes = [*layers, (widths[0], n_columns), *([(problem.n_classes,)] if problem.bias else [])]
    ends = np.cumsum([math.prod(shape) for shape in shapes]).tolist()
    pieces = list(zip([0, *ends[:-1]], ends, shapes, strict=True))

    def split(flat: np.ndarray) -> list[np.ndarray]:
        parts = [flat[start:end].reshape(shape) for start, end, shape in pieces]
        return parts if problem.bias else [*parts, np.zeros(problem.n_classes)]

    return split
