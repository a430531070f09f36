"""The limit of a linear network with features that move, and what a finite width adds to it.

f = (1/n) sum_j v_j w_j x with w, v ~ N(0, 1), one sample (x_t, y_t) per step, rate η n: with κ = -η
(f - y) x, w <- w + κ v and v <- v + κ w at once. Everything is a function of a = mean of w^2, b =
of w v, c = of v^2.
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float

from theory.infinite_width.domains import Inputs, Targets, Weights
from theory_on_trial.contract import PROBABILITIES, Interval, NonNegative, Positive, guarded

Covariance = tuple[NonNegative, NonNegative, NonNegative]
"""n times the variances of a, b and c at initialisation, which are uncorrelated."""
Vector = Float[np.ndarray, " steps"]


class FiniteWidth(NamedTuple):
    """Outputs f_t before each step: mean = limit + bias / n, and variance / n, to first order in 1
    / n.
    """

    limit: Vector
    bias: Vector
    variance: Vector


@guarded
def limit_outputs(x: Inputs, y: Targets, rate: Positive) -> Float[np.ndarray, " steps"]:
    """Return f_t before each step at infinite width, in the unit of y; η is in units of 1 / x^2.

    By p = a + c + 2 b and q = a + c - 2 b, which start at 2: a step multiplies p by (1 + κ)^2 and q
    by (1 - κ)^2, and f = (p - q) x / 4. Raises ValueError for other shapes and overflow. Source:
    derived here.

    >>> limit_outputs([1.0, 1.0], [1.0, 1.0], 0.1).round(3).tolist()
    [0.0, 0.2]
    """
    p = q = np.float64(2.0)
    outputs = []
    for sample, target in zip(x, y, strict=True):
        f = (p - q) * sample / 4
        outputs.append(f)
        kappa = -rate * (f - target) * sample
        p = p * (1 + kappa) ** 2
        q = q * (1 - kappa) ** 2
    return np.array(outputs)


@guarded
def finite_width(
    x: Inputs, y: Targets, rate: Positive, covariance: Covariance = (2.0, 1.0, 2.0)
) -> FiniteWidth:
    """Return the limit of f_t with its bias and variance in units of 1 / n, by the delta method.

    Of the means a, b, c over n units: bias = tr(H C) / 2 and variance = J C J', with J and H the
    derivatives of f_t in them and C n times their covariance, diag(2, 1, 2) for normal weights.
    Raises as `limit_outputs`.
    """
    along = [
        _outputs(x, y, rate, direction)
        for direction in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    ]
    shares = list(zip(covariance, along, strict=True))
    bias = sum(share * taylor[:, 2] for share, taylor in shares)
    variance = sum(share * taylor[:, 1] ** 2 for share, taylor in shares)
    return FiniteWidth(along[0][:, 0], np.asarray(bias), np.asarray(variance))


def _outputs(
    x: Vector, y: Vector, rate: float, direction: tuple[float, float, float]
) -> Float[np.ndarray, "steps orders"]:
    """Taylor coefficients of f_t in the distance that the moments start from (1, 0, 1) in a
    direction.
    """

    def times(one: Vector, other: Vector) -> Vector:
        p, q, r = one
        u, v, w = other
        return np.array([p * u, p * v + q * u, p * w + q * v + r * u])

    a, b, c = (
        np.array([start, slope, 0.0])
        for start, slope in zip((1.0, 0.0, 1.0), direction, strict=True)
    )
    outputs = []
    for sample, target in zip(x, y, strict=True):
        f = b * sample
        outputs.append(f)
        kappa = -rate * sample * (f - np.array([target, 0.0, 0.0]))
        square = times(kappa, kappa)
        moved_a = a + 2 * times(kappa, b) + times(square, c)
        moved_b = b + times(kappa, a + c) + times(square, b)
        c = c + 2 * times(kappa, b) + times(square, a)
        a = moved_a
        b = moved_b
    return np.array(outputs)


@guarded
def kernel_limit_outputs(x: Inputs, y: Targets, rate: Positive) -> Float[np.ndarray, " steps"]:
    """Return f_t of descent with the initial kernel 2 x x', where a + c stays 2; derived here.
    Raises as `limit_outputs`.
    """
    slope = 0.0
    outputs = []
    for sample, target in zip(x, y, strict=True):
        outputs.append(slope * sample)
        slope -= 2 * rate * sample * (slope * sample - target)
    return np.array(outputs)


@guarded
def tanh_limit_outputs(
    x: Inputs,
    y: Targets,
    rate: Positive,
    nodes: Annotated[int, Interval(1, 60)] = 40,
    *,
    moving: bool = True,
) -> Float[np.ndarray, " steps"]:
    """Return f_t before each step of f = E v tanh(w x), w, v ~ N(0, 1): muP of one hidden layer at
    infinite width.

    With κ = -η (f - y) and h = tanh(w x): w <- w + κ v (1 - h^2) x, unless not `moving`, and v <- v
    + κ h; the mean is over Gauss's nodes at the start. Raises as `limit_outputs`. Source: derived
      here, by the law of large numbers.
    """
    axis, chances = np.polynomial.hermite_e.hermegauss(nodes)
    w, v = (grid.ravel() for grid in np.meshgrid(axis, axis))
    weights = np.outer(chances, chances).ravel() / chances.sum() ** 2
    outputs = []
    for sample, target in zip(x, y, strict=True):
        h = np.tanh(w * sample)
        outputs.append(weights @ (v * h))
        kappa = -rate * (outputs[-1] - target)
        w = w + moving * kappa * v * (1 - h**2) * sample
        v = v + kappa * h
    return np.array(outputs)


@guarded
def small_start(weights: Annotated[Weights, "Omega"]) -> Float[np.ndarray, "few ends"]:
    """Return upper triangular R with R'R = Ω'Ω / n: as few units as weights follow the n of Ω
    exactly.

    A linear network of one hidden layer with multiplier 1 and rate η from R has the outputs of n
    units with multiplier 1 / n and rate η n from Ω. Raises ValueError for sizes beyond 1e50.
    Source: every step multiplies Ω from the right.
    """
    return np.asarray(np.linalg.qr(weights, mode="r") / np.sqrt(len(weights)))


@guarded
def embedding_limit(
    first_word: Annotated[Float[np.ndarray, " words"], PROBABILITIES],
    second_word: Annotated[Float[np.ndarray, "words words"], PROBABILITIES],
    rate: Positive,
    steps: Annotated[int, Interval(1, 10**6, why="each is computed")],
) -> Float[np.ndarray, "words words"]:
    """What f = U V' / n tends to as n grows: logits of the second word given the first, after
    `steps` of descent on the log loss of pairs of words, from standard normal U and V. Pairs have
    the law `first_word` and, given it, a row of `second_word`; the rate is n `rate` for both.

    U = U_0 A + V_0 B and V = U_0 C + V_0 E in rows of words: f = A C' + B E'. Derived here.
    """
    from scipy.special import softmax

    words = len(first_word)
    law = first_word[:, None] * second_word
    none = np.zeros((words, words))
    first = np.hstack([np.eye(words), none])
    second = np.hstack([none, np.eye(words)])
    for _ in range(steps):
        logits = first @ second.T
        errors = softmax(logits, axis=1) * first_word[:, None] - law
        moved = first - rate * errors @ second
        second = second - rate * errors.T @ first
        first = moved
    return first @ second.T
