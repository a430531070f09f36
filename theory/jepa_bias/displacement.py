"""When a learned feature is unlearned for a preferred one.

A misalignment δ grows as δ e^(μ t) along the plateau on which feature j is learned and i is not, μ
the `saddle_rate` of the pair; when it is of order one, the latent unit that held j reads i instead.
Derived here. Times and rates must be on one clock. All arguments broadcast.
"""

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float

from theory.jepa_bias.domains import Covariance, Depths, Fractions, Objective, Reals, Times
from theory_on_trial.contract import Interval, guarded, require

Misalignment = Literal["covariance", "rotated predictor", "symmetric predictor"]
SmallStarts = Annotated[Reals, Interval(0, 1, "()", why="the law is one of small starts")]


@guarded
def displacement_time(
    learned_time: Times, rate: Reals, misalignment: Fractions, offset: Reals = 0.0
) -> Float[np.ndarray, "..."]:
    """t_j + (log(1 / δ) + c) / μ, when j, learned at t_j, is displaced; infinite where `rate` μ <=
    0.

    δ of covariances from n samples is of order n^(-1/2); `offset` c is of order one, see
    `misalignment_offset`.
    """
    start, growth, amplitude, shift = np.broadcast_arrays(learned_time, rate, misalignment, offset)
    grows = growth > 0
    wait = np.maximum(shift - np.log(amplitude), 0) / np.where(grows, growth, 1)
    return np.asarray(np.where(grows, start + wait, np.inf))


@guarded
def misalignment_offset(
    depth: Depths,
    init: SmallStarts,
    covariance_learned: Covariance,
    covariance_new: Covariance,
    *,
    objective: Objective,
    kind: Misalignment,
) -> Float[np.ndarray, "..."]:
    """The part of the offset c that grows as ε falls; what remains is of order one and not known in
    closed form.

    Zero for "covariance" (rotated or sampled). MAE: "rotated predictor" (1 + λ_i / λ_j) log(1 / ε)
    / L, "symmetric predictor" (1 - λ_i / λ_j) log(1 / ε) / L. For JEPA these are not known:
    `ValueError`.
    """
    require(
        objective == "mae" or kind == "covariance",
        f"kind must be 'covariance' for JEPA (no law of the other offsets is known), got {kind!r}",
    )
    start, layers, old, new = np.broadcast_arrays(init, depth, covariance_learned, covariance_new)
    if kind == "covariance":
        return np.zeros(start.shape)
    share = new / old if kind == "rotated predictor" else -new / old
    return np.asarray((1 + share) / layers * -np.log(start))
