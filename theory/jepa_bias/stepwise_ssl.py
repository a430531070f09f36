"""Stepwise self-supervised learning of Simon et al. 2023: the linear Barlow Twins flow learns one
mode at a time.

The flow W' = -4 (W Γ W^T - I) W Γ on ||W Γ W^T - I||_F^2, Γ the symmetrised cross-correlation of
the views; from an aligned start the singular value s of every mode follows its `eigenvalue` γ
alone. `init` is s(0). All arguments broadcast. The law of a random start is derived here.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.jepa_bias.domains import NonNegatives, Positives, Reals
from theory_on_trial.contract import POSITIVE, NonNegative, guarded, require


@guarded
def stepwise_singular_value(
    time: NonNegatives, init: Positives, eigenvalue: Reals
) -> Float[np.ndarray, "..."]:
    """s(t) = e^(4 γ t) / sqrt(s(0)^(-2) + (e^(8 γ t) - 1) γ): to γ^(-1/2) for γ > 0, constant at 0,
    decaying below.
    """
    times, start, gamma = np.broadcast_arrays(time, init, eigenvalue)
    with np.errstate(over="ignore"):
        inverse_square = start**-2.0 * np.exp(-8 * gamma * times) - gamma * np.expm1(
            -8 * gamma * times
        )
    return np.asarray(inverse_square**-0.5)


@guarded
def stepwise_critical_time(init: Positives, eigenvalue: Positives) -> Float[np.ndarray, "..."]:
    """Time -log(s(0)^2 γ) / (8 γ) at which γ s^2 = 1 / (2 - s(0)^2 γ), nearly 1/2. ValueError
    unless s(0)^2 γ < 1.
    """
    start = np.asarray(init**2 * eigenvalue)
    require(start < 1, f"init must be below eigenvalue^(-1/2), the limit, got {np.max(init)}")
    return np.asarray(-np.log(start) / (8 * eigenvalue))


@guarded
def stepwise_loss(
    time: NonNegative,
    init: Annotated[Float[np.ndarray, " modes"], POSITIVE],
    eigenvalue: Float[np.ndarray, " modes"],
) -> float:
    """sum_j (1 - γ_j s_j(t)^2)^2: from the number of modes it falls by one as each mode is
    learned.
    """
    value = stepwise_singular_value(time, init, eigenvalue)
    return float(np.sum((1 - eigenvalue * value**2) ** 2))


@guarded
def subspace_overlap_exponent(
    last_eigenvalue: Positives, next_eigenvalue: Reals
) -> Float[np.ndarray, "..."]:
    """Power 2 (1 - γ_(d+1) / γ_d) of a small start's scale in 1 - min_j |P q_j|^2, what the row
    space misses.

    Over the d leading eigenvectors q_j. `ValueError` for a `next_eigenvalue` above the last.
    """
    require(
        np.less_equal(next_eigenvalue, last_eigenvalue),
        f"next_eigenvalue must be at most last_eigenvalue, got {np.max(next_eigenvalue)}",
    )
    return np.asarray(2 * (1 - next_eigenvalue / last_eigenvalue))
