"""The integral that gives every time of the scalar flow, summed without cancellation.

With s = w^b / ρ, the flow w' = w^a (λ - w^b σ^2) takes from s_0 to s the time ρ^(-c) / (b λ) times
the integral of x^(-c-1) / (1 - x) from s_0 to s, where c = (a - 1) / b. `gradient` is a and
`resistance` is b. The terms of every sum below are positive, except in one case, where the others
reduce the sum by a factor below e^2. Each sum is therefore exact to a few roundings. Derived here.
"""

import numpy as np

from theory.jepa_bias.domains import Floats, Wholes
from theory_on_trial.contract import require

_MOST_TERMS = 10**6
_DIGITS = 37.0  # e^-37 < 2^-53


def rising(
    gradient: Wholes, resistance: Wholes, log_end: Floats, log_rest: Floats, gap: Floats
) -> Floats:
    """Return s_0^c times the integral of x^(-c-1) / (1 - x) from s_0 to s, for a feature that grows
    to s < 1.

    `log_end` is log s, `log_rest` is log(1 - s), and `gap` is log(s / s_0) >= 0. Partial fractions
    split off the powers x^(k-c-1) for k <= c. What is left of the integrand is x^(β-1) / (1 - x)
    with β in (0, 1]. Raises ValueError if there are more than 10^6 powers to sum.
    """
    power = gradient - 1
    log_start = log_end - gap
    quotient = power // resistance
    terms = int(quotient.max(initial=0)) + 1
    require(
        terms <= _MOST_TERMS,
        f"depth must leave at most {_MOST_TERMS} terms to sum, got {terms} of them",
    )
    total: Floats = np.float64(0)
    for k in range(terms):
        rise = _power_rise(np.maximum(power - k * resistance, 0) / resistance, gap)
        total = total + np.where(k <= quotient, np.exp(k * log_start) * rise, 0)
    beta = 1 - power % resistance / resistance
    return total + _logarithmic(beta, log_end, log_rest, gap, power / resistance * log_start)


def falling(
    gradient: Wholes, resistance: Wholes, log_end: Floats, log_rest: Floats, gap: Floats
) -> Floats:
    """Return s^c times the integral of x^(-c-1) / (x - 1) from s to s_0, for a feature that decays
    to s > 1.

    With z = 1 / x it is the integral of z^c / (1 - z). `log_end` is log(1 / s), `log_rest` is log(1
    - 1 / s), and `gap` is log(s_0 / s) >= 0.
    """
    power = (gradient - 1) / resistance
    return _logarithmic(power + 1, log_end, log_rest, gap, -power * log_end)


def _power_rise(exponent: Floats, gap: Floats) -> Floats:
    """Return (1 - e^(-e gap)) / e for the exponent e >= 0, which is the gap itself at e = 0."""
    positive = np.where(exponent > 0, exponent, 1)
    return np.where(exponent > 0, -np.expm1(-positive * gap) / positive, gap)


def _logarithmic(
    beta: Floats, log_end: Floats, log_rest: Floats, gap: Floats, log_scale: Floats
) -> Floats:
    """Return e^log_scale times the integral of x^(β-1) / (1 - x) from z_0 to z, for β > 0.

    `log_end` is log z, `log_rest` is log(1 - z), and `gap` is log(z / z_0). Up to x = h = 1 - 1 /
    max(2, β) the geometric series of 1 / (1 - x) is summed, beyond it the binomial series of
    x^(β-1) in 1 - x. At β = 1 the integral is a logarithm alone, as if h were 0.
    """
    only_logarithm = beta == 1
    sharpness = np.maximum(2, beta)
    log_split = np.where(only_logarithm, -np.inf, np.log1p(-1 / sharpness))
    log_start = log_end - gap
    total: Floats = np.zeros(gap.shape)

    below = log_start < log_split
    if np.any(below):
        log_top = np.where(below, np.minimum(log_end, log_split), 0)
        reach = np.where(log_end <= log_split, gap, np.where(below, log_top - log_start, 0))
        sharpest = float(np.where(below, sharpness, 2).max(initial=2))
        for n in range(int(np.ceil((_DIGITS + np.log(sharpest)) / -np.log1p(-1 / sharpest)))):
            log_factor = np.where(below, (beta + n) * log_top + log_scale, -np.inf)
            total = total + np.exp(log_factor) * _power_rise(beta + n, reach)

    above = (log_end > log_split) & (gap > 0)
    if np.any(above):
        reach = np.where(above, np.where(below, log_end - log_split, gap), 1)
        log_width = np.log(-np.expm1(-reach))
        log_ratio = np.logaddexp(0, log_end + log_width - log_rest)  # of (1 - x) at both ends
        log_rest_before = np.where(above, log_rest + log_ratio, 0)
        scale = np.exp(np.where(above, log_scale, -np.inf))
        total = total + scale * log_ratio
        coefficient = np.ones(gap.shape)
        for k in range(1, 56):
            if np.all(only_logarithm | ~above):
                break
            coefficient = coefficient * (k - beta) / k
            rise = np.exp(k * log_rest_before) * -np.expm1(-k * log_ratio) / k
            total = total + scale * coefficient * rise
    return total
