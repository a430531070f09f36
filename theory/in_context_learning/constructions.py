"""The constructed transformers of Akyurek et al. 2023 (arXiv 2211.15661): the exact laws of the
errors of their building blocks, which are "as precise as desired" on paper, and their sizes.

Lemma 4 multiplies by sqrt(π/2) / s^2 [GeLU(s (x + y)) - GeLU(s x) - GeLU(s y)]. The remainder is
stated there as third order; it is fourth order, because GeLU(x) - x / 2 is even. Lemmas 5, 6 and 8
pass numbers through GeLU and LayerNorm, and divide by LayerNorm. The laws are derived here. `form`
is "erf" for GeLU(x) = x Φ(x), or "tanh" for x / 2 (1 + tanh(sqrt(2/π) (x + 0.044715 x^3))).

Theorems 1 and 2 state constant depth with O(d) and O(d^2) rows. The exact numbers, and the stacks
over n examples that the paper sketches, are derived here for one primitive per layer. The width
adds to the registers a scratch as large as the widest value that one attention reads, two LayerNorm
pads, one position unit per token and a constant row.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from theory.in_context_learning.domains import Form, Pads
from theory_on_trial.contract import Count, NonNegative, Positive, guarded

_CUBIC = 0.044715  # of the tanh form


def _gate_argument(z: Float[np.ndarray, "*points"], form: str) -> Float[np.ndarray, "*points"]:
    """g(z) = z / sqrt(2) where the gate is erf, sqrt(2/π) (z + 0.044715 z^3) where it is tanh."""
    return z / np.sqrt(2) if form == "erf" else np.sqrt(2 / np.pi) * (z + _CUBIC * z**3)


# sqrt(pi/2) times the even part of GeLU is x^2 / 2 + kappa x^4 + kappa_6 x^6 + ...
FOURTH_ORDER = {"erf": -1 / 12, "tanh": (_CUBIC - 2 / (3 * np.pi)) / 2}
SIXTH_ORDER = {"erf": 1 / 80, "tanh": (8 / (15 * np.pi) - 2 * _CUBIC) / (2 * np.pi)}


@guarded
def gelu_product_error(
    x: Float[np.ndarray, "*points"],
    y: Float[np.ndarray, "*points"],
    scale: Positive,
    form: Form = "erf",
) -> Float[np.ndarray, "*points"]:
    """The leading error κ s^2 [(x + y)^4 - x^4 - y^4] of Lemma 4's product. The terms that are left
    out are O(s^4).
    """
    return FOURTH_ORDER[form] * scale**2 * _fourth_power_excess(x, y)


@guarded
def gelu_product_next_term(
    x: Float[np.ndarray, "*points"],
    y: Float[np.ndarray, "*points"],
    scale: Positive,
    form: Form = "erf",
) -> Float[np.ndarray, "*points"]:
    """The next term κ_6 s^4 [(x + y)^6 - x^6 - y^6] of the product's error; κ_6 = 1/80 in the erf
    form.

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
    """The leading error -4 κ_6 s^4 [(x + y)^6 - x^6 - y^6] of (4 m_s - m_2s) / 3, where m_s is the
    product at the scale s.
    """
    return -4 * gelu_product_next_term(x, y, scale, form)


@guarded
def product_of_gelus(
    x: Float[np.ndarray, "*points"], scale: Positive = 1.0, form: Form = "erf"
) -> Float[np.ndarray, "*points"]:
    """Lemma 4's product of x with itself, the GeLU curve of Figure 7 for s = 1. Only even parts are
    added up, since the linear parts cancel on paper.
    """
    from scipy.special import erf

    gate = erf if form == "erf" else np.tanh
    inner = _gate_argument(scale * x, form)
    outer = _gate_argument(2 * scale * x, form)
    return np.sqrt(np.pi / 2) * x / scale * (gate(outer) - gate(inner))


@guarded
def square_by_tanh(
    x: Float[np.ndarray, "*points"], shift: Positive
) -> Float[np.ndarray, "*points"]:
    """The square of x by six tanh units, [f(2x) - 2 f(x) + f(0)] / f''(0) with f(u) = tanh(u + δ) -
    tanh(u - δ) and δ = `shift`.

    f''(0) = -4 tanh(δ) / cosh(δ)^2. The tanh curve of Figure 7, exactly.
    """
    curvature_scale = np.cosh(shift) ** 2

    def deficit(u):  # f(0) - f(u), over 2 tanh(delta), with the constant subtracted on paper
        square = np.tanh(u) ** 2
        return square / (curvature_scale * (1 - square) + square)

    return curvature_scale / 2 * (deficit(2 * x) - 2 * deficit(x))


@guarded
def rounding_of_product(scale: Positive, magnitude: Positive, eps: Positive) -> float:
    """The bound 4 sqrt(π/2) ε B / s on the rounding error of Lemma 4's product for |x|, |y| <= B =
    `magnitude`.

    ε is the spacing of the floating-point numbers at one. To first order in ε: the argument s (x +
    y) is rounded once, each GeLU (half its argument in size) twice, its coefficient once, and the
    first sum once.
    """
    return float(4 * np.sqrt(np.pi / 2) * eps * magnitude / scale)


@guarded
def best_product_scale(magnitude: Positive, eps: Positive, richardson: bool = False) -> float:
    """The scale s that balances `rounding_of_product` and the leading error of the erf form at its
    worst, x = y = B.

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


@guarded
def gelu_bypass_error(
    x: Float[np.ndarray, "*points"], shift: NonNegative, form: Form = "erf"
) -> Float[np.ndarray, "*points"]:
    """How much of x Lemma 5's GeLU(N + x) - N loses: (N + x)(1 - Φ(N + x)), with N = `shift` >= 0.

    In the tanh form it is u / (1 + exp(2 sqrt(2/π) (u + 0.044715 u^3))) with u = N + x. Its value
    at -x is what GeLU(-N + x) leaks.
    """
    from scipy.special import expit, ndtr

    u = shift + x
    return u * (ndtr(-u) if form == "erf" else expit(-2 * _gate_argument(u, form)))


@guarded
def layer_norm_factor(
    pad: Positive, row_sum: float, squared_norm: NonNegative, pads: Pads = "balanced"
) -> float:
    """The exact factor f on x after sqrt(2/L) N LayerNorm(p_1, p_2, x), for x of sum S and squared
    norm |x|^2.

    Pads N - S/2, -N - S/2 ("balanced"): (1 + (S^2/4 + |x|^2/2) / N^2)^(-1/2); Lemma 6's N, -N - S
    ("paper"): (1 + S/N + (S^2 + |x|^2) / (2 N^2))^(-1/2). N = `pad`, S = `row_sum`, and L counts
    the pads. The division of Lemma 8, with the pads N c - S/2 and -N c - S/2, multiplies x / |c| by
    the balanced factor of the pad N |c|; without the term -S/2, S / L is subtracted from x whatever
    N is.
    """
    if pads == "balanced":
        return float((1 + (row_sum**2 / 4 + squared_norm / 2) / pad**2) ** -0.5)
    return float((1 + row_sum / pad + (row_sum**2 + squared_norm) / (2 * pad**2)) ** -0.5)


_PADS_AND_CONSTANT = 3


class ConstructionSize(NamedTuple):
    """The size of a constructed transformer: the numbers of `layers`, of `register_rows`, and of
    all rows of the state, `hidden_width`.
    """

    layers: int
    register_rows: int
    hidden_width: int


@guarded
def theorem_one_counts(d: Count) -> ConstructionSize:
    """The size of one SGD step on the ridge loss: 9 layers and 3 + 4d registers for three tokens.
    Source: Theorem 1.
    """
    return _size(9, _gradient_rows(d), scratch=d, tokens=3)


@guarded
def theorem_two_counts(d: Count) -> ConstructionSize:
    """The size of one Sherman-Morrison update: 14 layers and 3 + 5d + 3d^2 registers for three
    tokens. Source: Theorem 2.
    """
    return _size(14, _inverse_rows(d), scratch=d**2, tokens=3)


@guarded
def sgd_stack_counts(d: Count, n: Count) -> ConstructionSize:
    """The size of one pass of SGD over n examples from w = 0: 8n layers in the registers of Theorem
    1, for 2n + 1 tokens.

    Seven layers for the first example, eight for each later one (its weights are moved in), one for
    the answer.
    """
    return _size(8 * n, _gradient_rows(d), scratch=d, tokens=2 * n + 1)


@guarded
def ridge_stack_counts(d: Count, n: Count) -> ConstructionSize:
    """The size of recursive ridge regression in Theorem 2's registers: 11n + 3 layers for 2n + 1
    tokens. The inverse, X^T Y and x are passed on together.
    """
    payload = d**2 + d
    return _size(
        11 * n + 3, _inverse_rows(d), scratch=payload if n == 1 else payload + d, tokens=2 * n + 1
    )


def _gradient_rows(d: int) -> int:
    """The numbers y, w^T x and w^T x - y; the vectors x, x (w^T x - y), w and the gradient (later
    the answer).
    """
    return 3 + 4 * d


def _inverse_rows(d: int) -> int:
    """The numbers y, 1 + v^T A^-1 u and the answer, x and the four vectors and three matrices that
    are computed.
    """
    return 3 + 5 * d + 3 * d**2


def _size(layers: int, register_rows: int, *, scratch: int, tokens: int) -> ConstructionSize:
    return ConstructionSize(
        layers, register_rows, register_rows + scratch + tokens + _PADS_AND_CONSTANT
    )
