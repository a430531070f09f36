"""What the exponents of a parametrisation imply in the limit of large width n.

Layer l = 1, ..., L + 1, of which the last is the readout, has the weights W^l = n^(-a_l) w^l. The
entries of w^l start as N(0, n^(-2 b_l)), and w^l learns at the rate η n^(-c). All functions accept
grids of parametrisations along leading axes.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from theory.infinite_width.domains import Exponent, Exponents, Family, Hidden, Name, RateExponent
from theory_on_trial.contract import guarded, require

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
