"""Passing through GeLU and LayerNorm, dividing by LayerNorm and attending to one token: the exact
laws of the errors.

The building blocks of the constructed transformers of Akyurek et al. 2023 (arXiv 2211.15661),
Lemmas 5, 6 and 8, which are "as precise as desired" on paper. The laws are derived here. `form` is
that of GeLU, as in `gelu_product`. `ValueError` if a pad is not positive and finite, a shift is
negative, an entry is not finite, or a word is not among those named.
"""

import numpy as np
from jaxtyping import Float

from theory.in_context_learning._gelu import gate_argument
from theory.in_context_learning.domains import Form, Length, Pads
from theory_on_trial.contract import Count, NonNegative, Positive, guarded, require


@guarded
def gelu_bypass_error(
    x: Float[np.ndarray, "*points"], shift: NonNegative, form: Form = "erf"
) -> Float[np.ndarray, "*points"]:
    """(N + x)(1 - Φ(N + x)), how much of x Lemma 5's N + x - GeLU(N + x) loses; N = `shift` >= 0.

    In the tanh form it is u / (1 + exp(2 sqrt(2/π) (u + 0.044715 u^3))) with u = N + x. Its value
    at -x is what GeLU(-N + x) leaks.
    """
    from scipy.special import expit, ndtr

    u = shift + x
    return u * (ndtr(-u) if form == "erf" else expit(-2 * gate_argument(u, form)))


@guarded
def layer_norm_factor(
    pad: Positive, row_sum: float, squared_norm: NonNegative, pads: Pads = "balanced"
) -> float:
    """Factor f on x after sqrt(2/L) N LayerNorm(p_1, p_2, x), exactly, for x of sum S and squared
    norm |x|^2.

    Pads N - S/2, -N - S/2 ("balanced"): (1 + (S^2/4 + |x|^2/2) / N^2)^(-1/2); Lemma 6's N, -N - S
    ("paper"): (1 + S/N + (S^2 + |x|^2) / (2 N^2))^(-1/2). N = `pad`, S = `row_sum`, and L counts
    the pads. `ValueError` also if the squared norm is negative.
    """
    if pads == "balanced":
        return float((1 + (row_sum**2 / 4 + squared_norm / 2) / pad**2) ** -0.5)
    return float((1 + row_sum / pad + (row_sum**2 + squared_norm) / (2 * pad**2)) ** -0.5)


@guarded
def layer_norm_leading_error(
    pad: Positive, row_sum: float, squared_norm: NonNegative, pads: Pads = "balanced"
) -> float:
    """Leading term of `layer_norm_factor` - 1: -(S^2/4 + |x|^2/2) / (2 N^2) balanced, -S / (2N)
    with the paper's pads.

    The latter leads only where N >> |S| and |S| N >> |x|^2.
    """
    return float(
        -(row_sum**2 / 4 + squared_norm / 2) / (2 * pad**2)
        if pads == "balanced"
        else -row_sum / (2 * pad)
    )


@guarded
def layer_norm_division_factor(
    pad: Positive, divisor: float, row_sum: float, squared_norm: NonNegative
) -> float:
    """Factor f on y / |c| in the division by LayerNorm with pads N c - S/2, -N c - S/2, exactly; c
    = `divisor` != 0.

    It is that of the balanced pads with N |c| in place of N. S and |x|^2 are over all other rows, y
    among them. Lemma 8 with the term -S/2, without which S / L is subtracted from y whatever N is.
    """
    require(divisor != 0, f"divisor must not be 0, got {divisor}")
    return layer_norm_factor(pad * abs(divisor), row_sum, squared_norm)


@guarded
def best_pad(
    length: Length,
    magnitude: Positive,
    row_sum: float,
    squared_norm: NonNegative,
    eps: Positive,
    pads: Pads = "balanced",
) -> float:
    """Pad N that balances the leading error times the largest entry B = `magnitude` with the
    rounding ε N / L.

    L = `length` counts all rows. N^3 = B (S^2/4 + |x|^2/2) L / ε balanced; N^2 = B |S| L / (2 ε)
    with the paper's pads. `ValueError` also if there is no error to balance (x or, with the paper's
    pads, S is zero).
    """
    # As NumPy's number, so that its overflow is noticed.
    leading = np.float64(
        abs(layer_norm_leading_error(1.0, row_sum, squared_norm, pads)) * magnitude
    )
    require(
        leading > 0,
        f"row_sum and squared_norm must give a leading error, got {row_sum} and {squared_norm}",
    )
    if pads == "balanced":
        return float((2 * leading * length / eps) ** (1 / 3))
    return float((leading * length / eps) ** 0.5)


@guarded
def hard_attention_error(position: Count, sharpness: NonNegative) -> float:
    """(i - 1) / (exp(N) + i - 1), the softmax weight missing one token among i of score N, the
    others' being zero.
    """
    mass = (position - 1) * np.exp(-sharpness)
    return float(mass / (1 + mass))
