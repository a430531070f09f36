"""When a learned feature is unlearned for a preferred one.

A misalignment delta grows as delta e^(mu t) along the plateau on which feature j is learned and i is not, mu the
`saddle_rate` of the pair; when it is of order one, the latent unit that held j reads i instead. Derived here. Times and
rates must be on one clock. All arguments broadcast; `ValueError` for values out of range.
"""

from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from theory.jepa_bias._validation import (
    Integers,
    Objective,
    Values,
    broadcast,
    check_objective,
    checked_covariance,
    checked_depth,
    checked_finite,
    checked_fraction,
    checked_non_negative,
    checked_positive,
)
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_choice

Misalignment = Literal["covariance", "rotated predictor", "symmetric predictor"]


@validated
def displacement_time(
    learned_time: Values, rate: Values, misalignment: Values, offset: Values = 0.0
) -> Float[np.ndarray, "..."]:
    """t_j + (log(1 / delta) + c) / mu: when feature j, learned at t_j, is displaced; infinite where `rate` mu <= 0.

    0 < delta < 1 is the `misalignment` and c its `offset`, which depends on the kind: see `misalignment_offset`.
    """
    start, growth, log_amplitude, shift = broadcast(
        learned_time=checked_non_negative("learned_time", learned_time),
        rate=checked_finite("rate", rate),
        misalignment=-np.log(checked_fraction("misalignment", misalignment)),
        offset=checked_finite("offset", offset),
    )
    grows = growth > 0
    wait = np.maximum(log_amplitude + shift, 0) / np.where(grows, growth, 1)
    return np.asarray(np.where(grows, start + wait, np.inf))


@validated
def finite_sample_leak_time(
    learned_time: Values, rate: Values, n_samples: Values, offset: Values = 0.0
) -> Float[np.ndarray, "..."]:
    """t_j + (log(n) / 2 + c) / mu: `displacement_time` by the misalignment n^(-1/2) of covariances from n > 1 samples.

    The `offset` c is of order one and holds the constant of the sampling error.
    """
    count = checked_positive("n_samples", n_samples)
    if np.any(count <= 1):
        raise ValueError(f"n_samples must exceed 1, got {count.min()}")
    return displacement_time(learned_time, rate, count**-0.5, offset)


@validated
def displacement_happens(
    learned_time: Values, new_time: Values, rate: Values, misalignment: Values, offset: Values = 0.0
) -> Bool[np.ndarray, "..."]:
    """Whether j is displaced before i is due at `new_time` t_i by itself: mu (t_i - t_j) > log(1 / delta) + c."""
    due = checked_non_negative("new_time", new_time)
    return np.asarray(displacement_time(learned_time, rate, misalignment, offset) < due)


@validated
def misalignment_offset(
    depth: Integers,
    init: Values,
    covariance_learned: Values,
    covariance_new: Values,
    *,
    objective: Objective,
    kind: Misalignment,
) -> Float[np.ndarray, "..."]:
    """The part of the offset c that grows as epsilon falls; what remains is of order one and not known in closed form.

    Zero for "covariance" (rotated or sampled covariances). For MAE with a "rotated predictor" (1 + lambda_i / lambda_j)
    log(1 / epsilon) / L, with a "symmetric predictor" perturbation (1 - lambda_i / lambda_j) log(1 / epsilon) / L. For
    JEPA the last two are not known: `ValueError`. 0 < epsilon < 1.
    """
    check_objective(objective)
    check_choice("kind", kind, ("covariance", "rotated predictor", "symmetric predictor"))
    if objective == "jepa" and kind != "covariance":
        raise ValueError(f"kind must be 'covariance' for JEPA (no law of the other offsets is known), got {kind!r}")
    log_start, layers, kept, new = broadcast(
        init=-np.log(checked_fraction("init", init)),
        depth=checked_depth(depth),
        covariance_learned=checked_covariance(covariance_learned, "covariance_learned"),
        covariance_new=checked_covariance(covariance_new, "covariance_new"),
    )
    if kind == "covariance":
        return np.zeros(log_start.shape)
    share = new / kept if kind == "rotated predictor" else -new / kept
    return np.asarray((1 + share) / layers * log_start)
