"""Multiplication by GeLUs: the exact laws of its error, and the scale at which it is least.

Akyurek et al. 2023 (arXiv 2211.15661), Lemma 4, multiplies by sqrt(π/2) / s^2 [GeLU(s (x + y)) -
GeLU(s x) - GeLU(s y)]. The remainder is stated there as third order; it is fourth order, because
GeLU(x) - x / 2 is even. The laws are derived here. `form` is "erf" for GeLU(x) = x Φ(x), or "tanh"
for x / 2 (1 + tanh(sqrt(2/π) (x + 0.044715 x^3))). `ValueError` if x or y is not finite, a scale or
magnitude is not positive and finite, or `form` is another word.
"""

import numpy as np
from jaxtyping import Float

from theory.in_context_learning._gelu import CUBIC, gate_argument
from theory.in_context_learning.domains import Form
from theory_on_trial.contract import Positive, guarded

# sqrt(pi/2) times the even part of GeLU is x^2 / 2 + kappa x^4 + kappa_6 x^6 + ...
FOURTH_ORDER = {"erf": -1 / 12, "tanh": (CUBIC - 2 / (3 * np.pi)) / 2}
SIXTH_ORDER = {"erf": 1 / 80, "tanh": (8 / (15 * np.pi) - 2 * CUBIC) / (2 * np.pi)}


@guarded
def gelu_product_error(
    x: Float[np.ndarray, "*points"],
    y: Float[np.ndarray, "*points"],
    scale: Positive,
    form: Form = "erf",
) -> Float[np.ndarray, "*points"]:
    """Leading error κ s^2 [(x + y)^4 - x^4 - y^4] of Lemma 4's product; what is left out is
    O(s^4).
    """
    return FOURTH_ORDER[form] * scale**2 * _fourth_power_excess(x, y)


@guarded
def gelu_product_next_term(
    x: Float[np.ndarray, "*points"],
    y: Float[np.ndarray, "*points"],
    scale: Positive,
    form: Form = "erf",
) -> Float[np.ndarray, "*points"]:
    """Next term κ_6 s^4 [(x + y)^6 - x^6 - y^6] of the product's error, κ_6 = 1/80 in the erf form.

    There it bounds what the leading term leaves out where s (|x| + |y|) <= 1, as the series
    alternates.
    """
    return SIXTH_ORDER[form] * scale**4 * _sixth_power_excess(x, y)


@guarded
def richardson_product_error(
    x: Float[np.ndarray, "*points"],
    y: Float[np.ndarray, "*points"],
    scale: Positive,
    form: Form = "erf",
) -> Float[np.ndarray, "*points"]:
    """Leading error -4 κ_6 s^4 [(x + y)^6 - x^6 - y^6] of (4 m_s - m_2s) / 3, m_s being the product
    at scale s.
    """
    return -4 * gelu_product_next_term(x, y, scale, form)


@guarded
def product_of_gelus(
    x: Float[np.ndarray, "*points"], scale: Positive = 1.0, form: Form = "erf"
) -> Float[np.ndarray, "*points"]:
    """Lemma 4's x times x, the GeLU curve of Figure 7 (s = 1), as even parts: the linear ones
    cancel on paper.
    """
    from scipy.special import erf

    gate = erf if form == "erf" else np.tanh
    inner = gate_argument(scale * x, form)
    outer = gate_argument(2 * scale * x, form)
    return np.sqrt(np.pi / 2) * x / scale * (gate(outer) - gate(inner))


@guarded
def square_by_tanh(
    x: Float[np.ndarray, "*points"], shift: Positive
) -> Float[np.ndarray, "*points"]:
    """x^2 by six tanh units, [f(2x) - 2 f(x) + f(0)] / f''(0) with f(u) = tanh(u + δ) - tanh(u -
    δ), δ = `shift`.

    f''(0) = -4 tanh(δ) / cosh(δ)^2. The tanh curve of Figure 7, exactly.
    """
    curvature_scale = np.cosh(shift) ** 2

    def deficit(u):  # f(0) - f(u), over 2 tanh(delta), with the constant subtracted on paper
        square = np.tanh(u) ** 2
        return square / (curvature_scale * (1 - square) + square)

    return curvature_scale / 2 * (deficit(2 * x) - 2 * deficit(x))


@guarded
def square_by_relu(x: Float[np.ndarray, "*points"], knot: Positive) -> Float[np.ndarray, "*points"]:
    """x^2 by two ReLU units, knot (ReLU(x) + ReLU(-x)), right at 0 and +-`knot` only: the ReLU
    curve of Figure 7.
    """
    return knot * np.abs(x)


@guarded
def rounding_of_product(scale: Positive, magnitude: Positive, eps: Positive) -> float:
    """Bound 4 sqrt(π/2) ε B / s on the rounding error of Lemma 4's product for |x|, |y| <= B =
    `magnitude`.

    ε is the spacing of the floating-point numbers at one. To first order in ε: the argument s (x +
    y) is rounded once, each GeLU (half its argument in size) twice, its coefficient once, and the
    first sum once.
    """
    return float(4 * np.sqrt(np.pi / 2) * eps * magnitude / scale)


@guarded
def best_product_scale(magnitude: Positive, eps: Positive, richardson: bool = False) -> float:
    """Scale s that balances `rounding_of_product` and the leading error (erf form) at its worst, x
    = y = B.

    s minimises (16 - 2) |κ| B^4 s^2 + r / s, where r is the rounding at s = 1, so that s^3 = r /
    (28 |κ| B^4). With `richardson` the leading error is that of (4 m_s - m_2s) / 3, whose roundings
    add up to (4/3 + 1/6) r / s, and s minimises 62 * 4 κ_6 B^6 s^4 + (3/2) r / s with κ_6 = 1/80.
    The result is about ε^(1/3) or, with `richardson`, ε^(1/5), over B = `magnitude`.
    """
    rounding = rounding_of_product(1.0, magnitude, eps)
    corner = np.array([float(magnitude)])
    if richardson:
        return float(
            (1.5 * rounding / (16 * SIXTH_ORDER["erf"] * _sixth_power_excess(corner, corner)[0]))
            ** (1 / 5)
        )
    return float(
        (rounding / (-2 * FOURTH_ORDER["erf"] * _fourth_power_excess(corner, corner)[0])) ** (1 / 3)
    )


def _fourth_power_excess(
    x: Float[np.ndarray, "*points"], y: Float[np.ndarray, "*points"]
) -> Float[np.ndarray, "*points"]:
    """(x + y)^4 - x^4 - y^4 without cancellation of the powers."""
    return 2 * x * y * (2 * x**2 + 3 * x * y + 2 * y**2)


def _sixth_power_excess(
    x: Float[np.ndarray, "*points"], y: Float[np.ndarray, "*points"]
) -> Float[np.ndarray, "*points"]:
    """(x + y)^6 - x^6 - y^6 without cancellation of the powers."""
    product = x * y
    squares = x**2 + y**2
    return product * (6 * squares**2 + 15 * product * squares + 8 * product**2)
