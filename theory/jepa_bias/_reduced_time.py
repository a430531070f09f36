"""The one integral behind every time of the scalar flow, summed without cancellation, with its
rounding error.

With s = w^b / ρ, the flow w' = w^a (λ - w^b σ^2) takes the time ρ^(-c) / (b λ) times the integral
of x^(-c-1) / (1 - x) from s_0 to s, c = (a - 1) / b. Every sum below has positive terms (or, in one
case, terms that shrink it by less than e^2), so that it is exact to a few roundings, which are
counted along (Wilkinson's running error) in units of u = 2^-53. Elementary functions of NumPy are
taken to be right to 4 units in the last place, 8u. Derived here.
"""

from typing import NamedTuple

import numpy as np

from theory.jepa_bias.domains import Floats, Wholes
from theory_on_trial.contract import require

ELEMENTARY = 8.0  # units of 2^-53 by which exp, expm1, log, log1p and power may be off, relatively
ROUNDINGS = (
    3 * ELEMENTARY
)  # at most two elementary functions, a quotient and a few products make a term
_MOST_TERMS = 10**6
_DIGITS = 37.0  # e^-37 < 2^-53


class Summed(NamedTuple):
    """A positive sum and the bound on its rounding error in units of 2^-53."""

    value: Floats
    error: Floats


class _RunningSum:
    """A sum whose rounding errors are counted."""

    def __init__(self) -> None:
        self.value: Floats = np.float64(0)
        self.error: Floats = np.float64(0)

    def add(self, term: Floats, logarithms: Floats) -> None:
        """Add a term that carries a few roundings, and of which logarithms of this total size were
        exponentiated.
        """
        self.value = self.value + term
        self.error = self.error + np.abs(term) * ROUNDINGS * (1 + logarithms) + np.abs(self.value)


def _power_rise(numerator: Wholes, denominator: Wholes, gap: Floats) -> Floats:
    """(1 - e^(-e gap)) / e for the exponent e = numerator / denominator >= 0; the gap itself at e =
    0.
    """
    exponent = np.where(numerator > 0, numerator / denominator, 1)
    return np.where(numerator > 0, -np.expm1(-exponent * gap) / exponent, gap)


def rising(
    gradient: Wholes, resistance: Wholes, log_end: Floats, log_rest: Floats, gap: Floats
) -> Summed:
    """s_0^c times the integral of x^(-c-1) / (1 - x) from s_0 to s < 1.

    `log_end` is log s, `log_rest` log(1 - s), `gap` log(s / s_0) >= 0. Partial fractions peel the
    powers x^(k-c-1), k <= c, off; what is left of the integrand is x^(β-1) / (1 - x) with β in (0,
    1].
    """
    power = gradient - 1
    log_start = log_end - gap
    quotient = power // resistance
    total = _RunningSum()
    terms = int(quotient.max(initial=0)) + 1
    require(
        terms <= _MOST_TERMS,
        f"depth must leave at most {_MOST_TERMS} terms to sum, got {terms} of them",
    )
    for k in range(terms):
        rise = _power_rise(np.maximum(power - k * resistance, 0), resistance, gap)
        total.add(np.where(k <= quotient, np.exp(k * log_start) * rise, 0), k * np.abs(log_start))
    beta = resistance - power % resistance
    tail = _logarithmic(beta, resistance, log_end, log_rest, gap, power / resistance * log_start)
    return Summed(total.value + tail.value, total.error + tail.error + total.value + tail.value)


def falling(
    gradient: Wholes, resistance: Wholes, log_end: Floats, log_rest: Floats, gap: Floats
) -> Summed:
    """s^c times the integral of x^(-c-1) / (x - 1) from s > 1 to s_0, as that of z^c / (1 - z) over
    z = 1 / x.

    `log_end` is log(1 / s), `log_rest` log(1 - 1 / s), `gap` log(s_0 / s) >= 0.
    """
    power = gradient - 1
    return _logarithmic(
        power + resistance, resistance, log_end, log_rest, gap, -power / resistance * log_end
    )


def _logarithmic(
    numerator: Wholes,
    denominator: Wholes,
    log_end: Floats,
    log_rest: Floats,
    gap: Floats,
    log_scale: Floats,
) -> Summed:
    """e^log_scale times the integral of x^(β-1) / (1 - x) from z_0 to z, β = numerator /
    denominator > 0.

    Below h = 1 - 1 / max(2, β) the geometric series of 1 / (1 - x), above it the binomial series of
    x^(β-1) in 1 - x; at β = 1 the logarithm alone, as if h were 0.
    """
    only_logarithm = numerator == denominator
    sharpness = np.maximum(2, numerator / denominator)
    log_split = np.where(only_logarithm, -np.inf, np.log1p(-1 / sharpness))
    log_start = log_end - gap
    total = _RunningSum()

    below = log_start < log_split
    if np.any(below):
        log_top = np.where(below, np.minimum(log_end, log_split), 0)
        reach = np.where(log_end <= log_split, gap, np.where(below, log_top - log_start, 0))
        sharpest = float(np.where(below, sharpness, 2).max(initial=2))
        for n in range(int(np.ceil((_DIGITS + np.log(sharpest)) / -np.log1p(-1 / sharpest)))):
            power = numerator + n * denominator
            log_factor = power / denominator * log_top + log_scale
            term = np.exp(np.where(below, log_factor, -np.inf)) * _power_rise(
                power, denominator, reach
            )
            total.add(term, np.where(below, np.abs(log_factor), 0) + 2 * np.abs(log_scale))

    above = (log_end > log_split) & (gap > 0)
    if np.any(above):
        reach = np.where(above, np.where(below, log_end - log_split, gap), 1)
        log_width = np.log(-np.expm1(-reach))
        log_ratio = np.logaddexp(0, log_end + log_width - log_rest)  # of (1 - x) at both ends
        log_rest_before = log_rest + log_ratio
        scale = np.exp(np.where(above, log_scale, -np.inf))
        logarithms = np.abs(log_scale) + np.abs(log_end) + np.abs(log_width) + np.abs(log_rest)
        total.add(scale * log_ratio, logarithms)
        coefficient = np.ones(gap.shape)
        for k in range(1, 56):
            if np.all(only_logarithm | ~above):
                break
            coefficient = coefficient * (k * denominator - numerator) / (k * denominator)
            rise = (
                np.where(above, np.exp(k * np.where(above, log_rest_before, 0)), 0)
                * -np.expm1(-k * log_ratio)
                / k
            )
            total.add(scale * coefficient * rise, logarithms + k * (1 + np.abs(log_rest_before)))

    # The two parts meet at h to rounding only: what may be missing or counted twice there.
    meeting = (
        np.exp(np.where(below & above, numerator / denominator * log_split + log_scale, -np.inf))
        * sharpness
    )
    return Summed(
        total.value, total.error + ROUNDINGS * meeting * (1 + np.abs(log_end) + np.abs(log_start))
    )
