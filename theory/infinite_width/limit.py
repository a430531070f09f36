"""The infinite-width limit of networks with one hidden layer whose features move, and what a finite
width adds to it.

Unless a function says otherwise, the network is linear: f = (1/n) sum_j v_j w_j x, where the
weights w_j and v_j of the n hidden units start as independent N(0, 1). Each step t descends on one
sample (x_t, y_t) at the rate η n. With κ = -η (f - y) x it replaces w by w + κ v and v by v + κ w
at the same time. All outputs are functions of three means over the units: a of w^2, b of w v, and c
of v^2.
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float

from theory.infinite_width.domains import Inputs, Targets, Weights
from theory_on_trial.contract import PROBABILITIES, Interval, NonNegative, Positive, guarded

Covariance = tuple[NonNegative, NonNegative, NonNegative]
"""The variances of a, b and c at initialisation, times n. The three means are uncorrelated there.
"""
Vector = Float[np.ndarray, " steps"]


class FiniteWidth(NamedTuple):
    """The mean and the variance of the outputs f_t before each step at the width n, to first order
    in 1 / n.

    The mean of f_t is limit + bias / n and its variance is variance / n. Each field has one entry
    for each step.
    """

    limit: Vector
    bias: Vector
    variance: Vector


@guarded
def limit_outputs(x: Inputs, y: Targets, rate: Positive) -> Float[np.ndarray, " steps"]:
    """Return the outputs f_t of the linear network at infinite width, each before step t, in the
    unit of y.

    `rate` is η, in units of 1 / x^2. The sums p = a + c + 2 b and q = a + c - 2 b start at 2. A
    step multiplies p by (1 + κ)^2 and q by (1 - κ)^2, and the output is f = (p - q) x / 4. Raises
    ValueError if x and y differ in length or if a number overflows. Source: derived here.

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
    """Return the limit of the outputs f_t, and their bias and variance in units of 1 / n, by the
    delta method.

    Let J and H be the first and second derivatives of f_t in the means a, b and c at
    initialisation, and C the diagonal matrix of `covariance`, the variances of these means times n.
    Then the bias is tr(H C) / 2 and the variance is J C J'. The default (2, 1, 2) belongs to normal
    weights. `rate` is η. Raises ValueError as `limit_outputs` does. Source: derived here.
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
    """Return the Taylor coefficients of f_t, up to the second order, in the distance from (1, 0, 1)
    at which the means (a, b, c) start along `direction`.
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
    """Return the outputs f_t, each before step t, of gradient descent with the initial kernel 2 x
    x' of the linear network, whose features do not move.

    In that descent a + c stays 2. `rate` is η, in units of 1 / x^2. Raises ValueError as
    `limit_outputs` does. Source: derived here.
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
    """Return the outputs f_t, each before step t, of a network with one hidden layer of tanh units
    in muP at infinite width.

    The output is f = E v tanh(w x), where w and v start as independent N(0, 1). With κ = -η (f - y)
    and h = tanh(w x), a step replaces v by v + κ h and, if `moving`, w by w + κ v (1 - h^2) x. Here
    η is the `rate`. The mean E is taken over a product of two Gauss-Hermite rules with `nodes`
    nodes each, which are the weights w and v at the start. Raises ValueError as `limit_outputs`
    does. Source: derived here, by the law of large numbers.
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
    """Return a start with as few hidden units as there are weights per unit whose network follows
    one of n units exactly.

    It is the upper triangular R with R'R = Ω'Ω / n, where Ω = `weights` has n rows. R has one row
    for each weight of a unit, or n rows if n is smaller. A linear network with one hidden layer,
    multiplier 1 and rate η that starts from R has the same outputs as one of n units with
    multiplier 1 / n and rate η n that starts from Ω. Raises ValueError if a weight exceeds 1e50 in
    size. Source: derived here, since every step multiplies Ω from the right.
    """
    return np.asarray(np.linalg.qr(weights, mode="r") / np.sqrt(len(weights)))


@guarded
def embedding_limit(
    first_word: Annotated[Float[np.ndarray, " words"], PROBABILITIES],
    second_word: Annotated[Float[np.ndarray, "words words"], PROBABILITIES],
    rate: Positive,
    steps: Annotated[int, Interval(1, 10**6, why="each is computed")],
) -> Float[np.ndarray, "words words"]:
    """Return the logits f = U V' / n of the second word given the first, in the limit of large n,
    after `steps` steps of gradient descent on the log loss of pairs of words.

    The first word has the law `first_word`, and the second one, given the first, the law in that
    row of `second_word`. The embeddings U and V, with a row of n entries for each word, start as
    independent standard normal numbers; both learn at n times `rate`. Rows of the result belong to
    the first word.

    U = A U_0 + B V_0 and V = C U_0 + E V_0 at every step, where U_0 and V_0 are the initial
    embeddings, so that f tends to A C' + B E'. Source: derived here.
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
