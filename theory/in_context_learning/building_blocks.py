"""Passing through GeLU and LayerNorm, dividing by LayerNorm and attending to one token: the exact laws of the errors.

The building blocks of the constructed transformers of Akyurek et al. 2023 (arXiv 2211.15661), Lemmas 5, 6 and 8, which
are "as precise as desired" on paper. The laws are derived here. `form` is that of GeLU, as in `gelu_product`.
`ValueError` if a pad is not positive and finite, a shift is negative, an entry is not finite, or a word is not among
those named.
"""

import numpy as np
from jaxtyping import Float

from theory.in_context_learning._gelu import check_form, gate_argument
from theory.in_context_learning._validation import check_real
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_at_least, check_choice, check_non_negative, check_positive


@validated
def gelu_bypass_error(
    x: Float[np.ndarray, "*points"], shift: float | int, form: str = "erf"
) -> Float[np.ndarray, "*points"]:
    """How much of x is lost by Lemma 5, N + x - GeLU(N + x), exactly; N = `shift` >= 0.

    (N + x)(1 - Phi(N + x)), and in the tanh form u / (1 + exp(2 sqrt(2/pi) (u + 0.044715 u^3))) with u = N + x. At -x
    it is also what GeLU(-N + x) leaks, up to sign.
    """
    from scipy.special import expit, ndtr

    check_real("x", x)
    check_non_negative("shift", shift)
    check_form(form)
    u = shift + x
    return u * (ndtr(-u) if form == "erf" else expit(-2 * gate_argument(u, form)))


@validated
def layer_norm_factor(
    pad: float | int, row_sum: float | int, squared_norm: float | int, pads: str = "balanced"
) -> float:
    """Factor f on x after sqrt(2/L) N LayerNorm(p_1, p_2, x), exactly, for x of sum S and squared norm |x|^2.

    Pads N - S/2, -N - S/2 ("balanced"): (1 + (S^2/4 + |x|^2/2) / N^2)^(-1/2); Lemma 6's N, -N - S ("paper"):
    (1 + S/N + (S^2 + |x|^2) / (2 N^2))^(-1/2). N = `pad`, S = `row_sum`, and L counts the pads. `ValueError` also if
    the squared norm is negative.
    """
    _check_layer_norm(pad, row_sum, squared_norm, pads)
    if pads == "balanced":
        return float((1 + (row_sum**2 / 4 + squared_norm / 2) / pad**2) ** -0.5)
    return float((1 + row_sum / pad + (row_sum**2 + squared_norm) / (2 * pad**2)) ** -0.5)


@validated
def layer_norm_leading_error(
    pad: float | int, row_sum: float | int, squared_norm: float | int, pads: str = "balanced"
) -> float:
    """Leading term of `layer_norm_factor` - 1: -(S^2/4 + |x|^2/2) / (2 N^2) balanced, -S / (2N) with the paper's pads.

    The latter leads only where N >> |S| and |S| N >> |x|^2.
    """
    _check_layer_norm(pad, row_sum, squared_norm, pads)
    return float(-(row_sum**2 / 4 + squared_norm / 2) / (2 * pad**2) if pads == "balanced" else -row_sum / (2 * pad))


@validated
def layer_norm_division_factor(
    pad: float | int, divisor: float | int, row_sum: float | int, squared_norm: float | int
) -> float:
    """Factor f on y / |c| in the division by LayerNorm with pads N c - S/2, -N c - S/2, exactly; c = `divisor` != 0.

    It is that of the balanced pads with N |c| in place of N. S and |x|^2 are over all other rows, y among them. Lemma 8
    with the term -S/2, without which S / L is subtracted from y whatever N is.
    """
    if divisor == 0 or not np.isfinite(divisor):
        raise ValueError(f"divisor must be finite and not 0, got {divisor}")
    check_positive("pad", pad)
    return layer_norm_factor(pad * abs(divisor), row_sum, squared_norm)


@validated
def best_pad(
    length: int,
    magnitude: float | int,
    row_sum: float | int,
    squared_norm: float | int,
    eps: float,
    pads: str = "balanced",
) -> float:
    """Pad N that balances the leading error times the largest entry B = `magnitude` with the rounding eps N / L.

    L = `length` counts all rows: the pads are rounded in their last place, and LayerNorm subtracts the mean of that.
    N^3 = B (S^2/4 + |x|^2/2) L / eps balanced; N^2 = B |S| L / (2 eps) with the paper's pads. `ValueError` also if
    there is no error to balance (x or, with the paper's pads, S is zero).
    """
    check_at_least("length", length, 3)
    check_positive("magnitude", magnitude)
    check_positive("eps", eps)
    # As NumPy's number, so that its overflow is noticed.
    leading = np.float64(abs(layer_norm_leading_error(1.0, row_sum, squared_norm, pads)) * magnitude)
    if leading == 0:
        raise ValueError(f"row_sum and squared_norm must give a leading error, got {row_sum} and {squared_norm}")
    if pads == "balanced":
        return float((2 * leading * length / eps) ** (1 / 3))
    return float((leading * length / eps) ** 0.5)


@validated
def hard_attention_error(position: int, sharpness: float | int) -> float:
    """Softmax weight that misses one token among `position` when its score is `sharpness` and the others' are zero.

    (i - 1) / (exp(N) + i - 1), at most (i - 1) exp(-N): i = `position` >= 1, N = `sharpness` >= 0.
    """
    from scipy.special import expit

    check_at_least("position", position, 1)
    check_non_negative("sharpness", sharpness)
    return float(expit(np.log(float(position - 1)) - sharpness)) if position > 1 else 0.0


def _check_layer_norm(pad: float | int, row_sum: float | int, squared_norm: float | int, pads: str) -> None:
    check_positive("pad", pad)
    check_real("row_sum", np.array(float(row_sum)))
    check_non_negative("squared_norm", squared_norm)
    check_choice("pads", pads, ("balanced", "paper"))
