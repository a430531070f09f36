"""The scalings of a network with its width under which it learns features, and the limit of a
linear network that does.

Yang & Hu 2021, "Feature Learning in Infinite-Width Neural Networks" (Tensor Programs IV), ICML
2021, arXiv 2011.14522. The abstract, the released code, and notes that quote the theorems were
read. The exponents are the paper's; everything else was derived here.
"""

from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from theory_on_trial.contract import (
    PROBABILITIES,
    USABLE_SCALE,
    Interval,
    NonNegative,
    Positive,
    guarded,
    require,
)

SCALE = Interval(-1e6, 1e6, why="an exponent of the width")

Exponent = Annotated[float, SCALE]
Exponents = Annotated[Float[np.ndarray, "*#grid layers"], SCALE]
"""The exponents a_l or b_l, one for each layer along the last axis: the hidden layers in order,
then the readout.
"""
RateExponent = Annotated[Float[np.ndarray, "*#grid"], SCALE] | Annotated[float, SCALE]
"""The exponent c of the learning rate η n^(-c)."""
Hidden = Annotated[int, Interval(1, 2**20, why="at least one hidden layer")]
"""The number L of hidden layers."""
Family = Annotated[float, Interval(0, 0.5, why="beyond, the output at initialisation diverges")]
"""The parameter s of the family F_s of linear networks, which runs from mean field at s = 0 to NTK
at s = 1/2.
"""
Name = Literal["NTK", "mean field", "muP", "standard"]
Inputs = Annotated[Float[np.ndarray, " steps"], USABLE_SCALE]
"""The inputs x_t, one scalar sample for each step."""
Targets = Annotated[Float[np.ndarray, " steps"], USABLE_SCALE]
"""The targets y_t, one for each step."""
Weights = Annotated[Float[np.ndarray, "units ends"], USABLE_SCALE]
"""The matrix Ω of weights: one row for each hidden unit, with its incoming weights before its
outgoing ones.
"""


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


Units = Annotated[Float[np.ndarray, "units inputs"], USABLE_SCALE]
"""The incoming weights, one row for each unit."""
Chances = Annotated[Float[np.ndarray, " units"], PROBABILITIES]
Samples = Annotated[Float[np.ndarray, "samples inputs"], USABLE_SCALE]
Values = Annotated[Float[np.ndarray, " samples"], USABLE_SCALE]
Steps = Annotated[int, Interval(1, 2**12)]
Array = Float[np.ndarray, "..."]


class LateMovement(NamedTuple):
    """The terms of the mean square movement of the features times n^2, to first order in 1 / n.

    The movement is limit + (fed_back + drawn) / n + start n^(1 - 2 b). The mean is over units and
    samples.
    """

    limit: float
    fed_back: float
    drawn: float
    start: float


@guarded
def normal_units(
    inputs: Annotated[int, Interval(1, 4)], nodes: Annotated[int, Interval(1, 40)]
) -> tuple[Float[np.ndarray, "units inputs"], Float[np.ndarray, " units"]]:
    """Return the nodes of the product of Gauss-Hermite rules for standard normal incoming weights,
    and their probabilities.

    `inputs` is the number of weights of a unit and `nodes` the number of nodes for each weight.
    There are nodes^inputs units, one in each row. Source: textbook.
    """
    axis, weights = np.polynomial.hermite_e.hermegauss(nodes)
    units, chances = (
        np.stack(np.meshgrid(*[rule] * inputs), axis=-1).reshape(-1, inputs)
        for rule in (axis, weights)
    )
    return units, chances.prod(axis=1) / chances.prod(axis=1).sum()


@guarded
def late_movement(
    units: Units, chances: Chances, x: Samples, y: Values, steps: Steps
) -> LateMovement:
    """Return how far the features move in training when each unit has one of the rows of `units` as
    its incoming weights, with these `chances`.

    `x` and `y` are the m samples and targets, and `steps` is the number of full-batch steps at the
    rate 1. The module gives the derivation: `drawn` comes from the delta method in the share of
    each kind of unit, `fed_back` from the first-order change in the same steps. Raises ValueError
    if shapes disagree or if a size exceeds 1e50. Source: derived here.
    """
    m = len(x)
    h = np.tanh(units @ x.T)
    gram = x @ x.T
    d = 1 - h**2
    kernel = (h.T * chances) @ h
    deviation = h[:, :, None] * h[:, None, :] - kernel  # the kernel of one unit, from that of all

    def moved(M: Array) -> Array:
        return (
            d * np.einsum("jb,...jba->...ja", h, M)
        ) @ gram  # the sums of a unit, by an M of its own or of all

    def mean(one: Array, other: Array) -> float:
        return float(chances @ np.mean(one * other, axis=1))

    e = -y
    c = np.zeros(m)
    M = np.zeros((m, m))
    e1 = np.zeros_like(h)
    c1 = np.zeros_like(h)
    M1 = np.zeros_like(deviation)  # first order in the share of each unit
    e2 = np.zeros(m)
    c2 = np.zeros(m)
    M2 = np.zeros((m, m))  # second order, the mean over units
    readout = np.zeros(len(h))
    sums = np.zeros_like(h)
    error_sum = np.zeros(m)  # first order in moved features
    for _ in range(steps):
        sums_moved = moved(M[None])
        late = chances @ (readout[:, None] * h + (h @ c)[:, None] * d * sums_moved)  # of errors
        back = readout[:, None] * d * e + (h @ c)[:, None] * d * (late - 2 * h * sums_moved * e)
        sums -= back @ gram / m
        readout -= (h @ late + (d * sums_moved) @ e) / m
        error_sum += e / m
        M -= np.outer(c, e) / m
        M1 -= (c[:, None] * e1[:, None, :] + c1[:, :, None] * e) / m
        M2 -= (np.outer(c, e2) + (c1.T * chances) @ e1 + np.outer(c2, e)) / m
        c = c - e / m
        c1 = c1 - e1 / m
        c2 = c2 - e2 / m
        e = kernel @ c - y
        e1 = c1 @ kernel + deviation @ c
        e2 = kernel @ c2 + np.einsum("j,jab,jb->a", chances, deviation, c1)
    change = moved(M[None])
    basis = d * moved(np.eye(m * m).reshape(-1, 1, m, m))  # of each entry of an M for all
    quadratic = np.einsum("fja,gja,j->fg", basis, basis, chances, optimize=True) / m
    flat = M1.reshape(-1, m * m)
    fluctuation = (
        np.sum(quadratic * ((flat.T * chances) @ flat)) + 2 * M.ravel() @ quadratic @ M2.ravel()
    )
    return LateMovement(
        mean(d * change, d * change),
        2 * mean(d * change, d * sums - d * h * change**2),
        float(fluctuation + 2 * mean(d * change, d * moved(M1))),
        mean(d * ((d * error_sum) @ gram), d * ((d * error_sum) @ gram)),
    )


CONDITIONS = (
    "a_1 + b_1 = 0: the first layer neither dies nor explodes",
    "a_l + b_l = 1/2 in every further hidden layer: nor do these",
    "a + b >= 1/2 of the readout: the output stays finite at initialisation",
    "r >= 0: features do not explode",
    "2 a + c >= 1 of the readout: learning it changes the output by a finite amount",
    "a + b + r >= 1 of the readout: moving features change the output by a finite amount",
)
"""The conditions that a stable parametrisation meets, in the order in which `stability` reports
them.
"""

_ROUNDING = 1e-9  # of exponents such as 0.1 + 0.2


class Scaling(NamedTuple):
    """The exponents of a parametrisation: a of the multipliers, b of the standard deviations at
    initialisation, and c of the learning rate.

    `a` and `b` have one entry for each layer, the readout last.
    """

    a: Float[np.ndarray, " layers"]
    b: Float[np.ndarray, " layers"]
    c: float


@guarded
def named_scaling(name: Name, hidden: Hidden = 1) -> Scaling:
    """Return the exponents of a well-known parametrisation with L = `hidden` hidden layers.

    "standard" is the standard parametrisation with the learning rate η / n, so c = 1. "mean field"
    exists for one hidden layer only, where it is muP shifted by θ = 1/2. Raises ValueError if the
    name is "mean field" and L is not 1. Source: recalled.

    >>> named_scaling("muP", 2).a.tolist()
    [-0.5, 0.0, 0.5]
    """
    require(name != "mean field" or hidden == 1, f"hidden must be 1 for mean field, got {hidden}")
    half = np.full(hidden + 1, 0.5)
    layers = np.arange(hidden + 1)
    if name == "NTK":
        return Scaling(np.where(layers > 0, half, 0.0), np.zeros(hidden + 1), 0.0)
    if name == "muP":
        return Scaling(half * (layers == hidden) - half * (layers == 0), half, 0.0)
    if name == "standard":
        return Scaling(np.zeros(hidden + 1), np.where(layers > 0, half, 0.0), 1.0)
    return Scaling(np.array([0.0, 1.0]), np.zeros(2), -1.0)


@guarded
def shifted(scaling: Scaling, theta: Exponent) -> Scaling:
    """Return the parametrisation (a + θ, b - θ, c - 2 θ), which trains to the same outputs as (a,
    b, c) at every width.

    Source: recalled.
    """
    return Scaling(scaling.a + theta, scaling.b - theta, scaling.c - 2 * theta)


@guarded
def feature_exponent(a: Exponents, b: Exponents, c: RateExponent) -> Float[np.ndarray, "*grid"]:
    """Return the exponent r for which the last hidden activations move in training by the order
    n^(-r).

    r = min(a + b, 2 a + c) + c - 1 + min over hidden layers l of (2 a_l + [l = 1]), where a and b
    without an index belong to the readout and [l = 1] is 1 for the first layer, else 0. Raises
    ValueError if there are fewer than two layers. Source: recalled.
    """
    readout = np.minimum(a[..., -1] + b[..., -1], 2 * a[..., -1] + c)
    return np.asarray(readout + c - 1 + _first_mover(a))


@guarded
def first_step_exponent(a: Exponents, b: Exponents, c: RateExponent) -> Float[np.ndarray, "*grid"]:
    """Return the exponent q for which the last hidden activations move in the first step by the
    order n^(-q), when only the initial readout passes errors back.

    q = a + b + c - 1 + min over hidden layers l of (2 a_l + [l = 1]), where a and b without an
    index belong to the readout. It exceeds the r of `feature_exponent` if the readout learns more
    than it starts with. Raises ValueError as `feature_exponent` does. Source: derived here.
    """
    return np.asarray(a[..., -1] + b[..., -1] + c - 1 + _first_mover(a))


def _first_mover(a: Float[np.ndarray, "*grid layers"]) -> Float[np.ndarray, "*grid"]:
    """Return the minimum of 2 a_l + [l = 1] over the hidden layers l."""
    require(
        a.shape[-1] >= 2,
        f"a must have an entry for a hidden layer and one for the readout, got {a.shape[-1]}",
    )
    first = np.arange(a.shape[-1] - 1) == 0
    return np.asarray(np.min(2 * a[..., :-1] + first, axis=-1))


@guarded
def stability(a: Exponents, b: Exponents, c: RateExponent) -> Bool[np.ndarray, "*grid conditions"]:
    """Return which of the six `CONDITIONS` a parametrisation meets, along the last axis.

    Exponents that differ by at most 1e-9 count as equal. Raises ValueError as `feature_exponent`
    does. Source: recalled.
    """
    r = feature_exponent(a, b, c)
    start = a + b
    readout = a[..., -1] + b[..., -1]
    hidden = np.all(_equal(start[..., 1:-1], 0.5), axis=-1)
    learned = _at_least(2 * a[..., -1] + c, 1)
    parts = (
        _equal(start[..., 0], 0),
        hidden,
        _at_least(readout, 0.5),
        _at_least(r, 0),
        learned,
        _at_least(readout + r, 1),
    )
    return np.stack(np.broadcast_arrays(*parts), axis=-1)


@guarded
def is_nontrivial(a: Exponents, b: Exponents, c: RateExponent) -> Bool[np.ndarray, "*grid"]:
    """Return whether the network learns in the limit, that is, whether its output changes by order
    one.

    This holds if 2 a + c = 1 or a + b + r = 1, where a and b belong to the readout and r is that of
    `feature_exponent`. It presumes a stable parametrisation. Raises ValueError as
    `feature_exponent` does. Source: recalled.
    """
    r = feature_exponent(a, b, c)
    return np.asarray(_equal(2 * a[..., -1] + c, 1) | _equal(a[..., -1] + b[..., -1] + r, 1))


@guarded
def output_exponent(a: Exponents, b: Exponents) -> Float[np.ndarray, "*grid"]:
    """Return the exponent 1/2 - a - b of the readout: the output at initialisation is of the order
    n to this exponent.

    The hidden layers must be stable. Source: central limit theorem.
    """
    return np.asarray(0.5 - a[..., -1] - b[..., -1])


@guarded
def departure_exponent(s: Family) -> float:
    """Return the exponent 2 s: a linear network of the family F_s departs from the gradient descent
    of its own initial kernel by the order n^(-2 s).

    Source: derived here.
    """
    return 2.0 * s


def _equal(value: Any, target: float) -> Any:
    return np.asarray(np.abs(value - target) <= _ROUNDING)


def _at_least(value: Any, target: float) -> Any:
    return np.asarray(value >= target - _ROUNDING)
