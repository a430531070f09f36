"""Stepwise self-supervised learning of Simon et al. 2023: the linear Barlow Twins flow learns one mode at a time.

The flow W' = -4 (W Gamma W^T - I) W Gamma on ||W Gamma W^T - I||_F^2, Gamma the symmetrised cross-correlation of the
views; from an aligned start the singular value s of every mode follows its `eigenvalue` gamma alone. `init` is
s(0) > 0. All arguments broadcast; `ValueError` for values out of range. The law of a random start is derived here.
"""

import numpy as np
from jaxtyping import Float

from theory.jepa_bias._validation import Values, broadcast, checked_finite, checked_non_negative, checked_positive
from theory_on_trial.arguments.theory import validated


@validated
def stepwise_singular_value(time: Values, init: Values, eigenvalue: Values) -> Float[np.ndarray, "..."]:
    """s(t) = e^(4 gamma t) / sqrt(s(0)^(-2) + (e^(8 gamma t) - 1) gamma), t >= 0, for any finite gamma.

    Tends to gamma^(-1/2) for gamma > 0, stays at gamma = 0 and decays for gamma < 0.
    """
    elapsed, start, gamma = broadcast(
        time=checked_non_negative("time", checked_finite("time", time)),
        init=checked_positive("init", init),
        eigenvalue=checked_finite("eigenvalue", eigenvalue),
    )
    with np.errstate(over="ignore"):
        inverse_square = start**-2.0 * np.exp(-8 * gamma * elapsed) - gamma * np.expm1(-8 * gamma * elapsed)
    return np.asarray(inverse_square**-0.5)


@validated
def stepwise_critical_time(init: Values, eigenvalue: Values) -> Float[np.ndarray, "..."]:
    """Time -log(s(0)^2 gamma) / (8 gamma) at which gamma s^2 = 1 / (2 - s(0)^2 gamma), nearly half of its limit.

    Needs gamma > 0 and s(0)^2 gamma < 1.
    """
    start, gamma = broadcast(init=checked_positive("init", init), eigenvalue=checked_positive("eigenvalue", eigenvalue))
    if np.any(start**2 * gamma >= 1):
        raise ValueError(f"init must be below eigenvalue^(-1/2), the limit, got {start.max()}")
    return np.asarray(-np.log(start**2 * gamma) / (8 * gamma))


@validated
def stepwise_loss(
    time: float | int, init: Float[np.ndarray, " modes"], eigenvalue: Float[np.ndarray, " modes"]
) -> float:
    """sum_j (1 - gamma_j s_j(t)^2)^2: from the number of modes it falls by one as each mode is learned."""
    value = stepwise_singular_value(time, init, eigenvalue)
    return float(np.sum((1 - eigenvalue * value**2) ** 2))


@validated
def subspace_overlap_exponent(last_eigenvalue: Values, next_eigenvalue: Values) -> Float[np.ndarray, "..."]:
    """Power 2 (1 - gamma_(d+1) / gamma_d) of the scale of a small random start in what the final row space misses.

    That is 1 - min_j |P q_j|^2 over the d leading eigenvectors q_j; the loss is zero on the wrong subspace too, so that
    what is missing stays. `last_eigenvalue` is gamma_d > 0, `next_eigenvalue` gamma_(d+1) <= gamma_d.
    """
    last, following = broadcast(
        last_eigenvalue=checked_positive("last_eigenvalue", last_eigenvalue),
        next_eigenvalue=checked_finite("next_eigenvalue", next_eigenvalue),
    )
    if np.any(following > last):
        raise ValueError(f"next_eigenvalue must be at most last_eigenvalue, got {following[following > last].flat[0]}")
    return np.asarray(2 * (1 - following / last))
