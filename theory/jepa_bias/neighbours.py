"""Dynamics and a loss of neighbouring papers.

Deep linear networks of Saxe et al. 2013 ("Exact solutions to the nonlinear dynamics of learning in
deep linear neural networks"): the scalar dynamics of MAE are theirs, those of JEPA are not. a is
the singular value of the end-to-end map of D balanced layers on one mode, from a(0) = `init`;
`covariance` and `variance` are λ and σ^2 of the mode. da/dt = D a^(2 - 2/D) (λ - a σ^2).

Stepwise self-supervised learning of Simon et al. 2023: the linear Barlow Twins flow learns one mode
at a time. The flow W' = -4 (W Γ W^T - I) W Γ on ||W Γ W^T - I||_F^2, Γ the symmetrised
cross-correlation of the views; from an aligned start the singular value s of every mode follows its
`eigenvalue` γ alone. `init` is s(0). The law of a random start is derived here.

VICReg (Bardes et al. 2022): an invariance term (mean squared distance of the two views), a
variance term (a hinge on the standard deviations) and a covariance term (squared off-diagonals),
the last two summed over both views; public implementations average the variance term instead, which
`halve_variance` does. The weights are the published ones, recalled and not re-read.

All arguments broadcast; times are those of the gradient flow.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.jepa_bias.domains import (
    Covariance,
    DepthsFromTwo,
    NonNegatives,
    Positives,
    Reals,
    Times,
)
from theory.jepa_bias.learning_times import strength_at
from theory_on_trial.contract import POSITIVE, NonNegative, guarded, require


@guarded
def saxe_singular_value(
    time: Times,
    init: Positives,
    n_layers: DepthsFromTwo,
    covariance: Covariance,
    variance: Positives,
) -> Float[np.ndarray, "..."]:
    """a(t) for D >= 2 layers: MAE of depth L = D - 1 has a = w^(L+1) = v w-bar, w-bar =
    a^(L/(L+1)).
    """
    share = (n_layers - 1) / n_layers
    encoder = strength_at(
        time,
        init**share,
        n_layers - 1,
        covariance,
        covariance / variance,
        objective="mae",
    )
    return np.asarray(encoder ** (1 / share))


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


_TARGET = 1.0
_EPSILON = 1e-4


@guarded
def vicreg_collapse_value(*, halve_variance: bool = False) -> float:
    """50 (1 - sqrt(1e-4)), or half of it: the loss when all embeddings of both views are one
    point.
    """
    return float((1 if halve_variance else 2) * 25 * (_TARGET - np.sqrt(_EPSILON)))
