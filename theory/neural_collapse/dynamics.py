"""The rates at which training approaches collapse: those of heavy-ball descent, and the decay of
the imbalance between layers.

A rate r means that a quantity falls as exp(-r t) in t steps. If all decays are equal to λ, the
eigenvalues of the Hessian in the last phase of training are multiples of λ, whatever the depth, the
width and the data.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.neural_collapse.domains import Decay, Momentum
from theory_on_trial.contract import NON_NEGATIVE, Count, Positive, guarded, require


@guarded
def heavy_ball_rate(curvature: Positive, step: Positive, momentum: Momentum = 0.0) -> float:
    """Return the rate -log |z| per step of heavy-ball descent, where z is the root of z^2 - (1 + μ
    - η h) z + μ = 0 that is larger in modulus.

    The symbols are `curvature` h, `step` η and `momentum` μ. For small steps the rate is η h / (1 -
    μ); it is negative where descent diverges.
    """
    slope = curvature * step
    trace = 1 - momentum + slope  # z = 1 - delta, and delta^2 - trace delta + slope = 0
    discriminant = trace**2 - 4 * slope
    if discriminant < 0:
        return float(-np.log(momentum) / 2)
    if slope > 1 + momentum:
        return float(-np.log((trace + np.sqrt(discriminant)) / 2 - 1))
    return float(-np.log1p(-2 * slope / (trace + np.sqrt(discriminant))))


@guarded
def nc2_rate(
    decay: Decay, step: Positive, momentum: Momentum = 0.0, smallest_root: Positive = 1.0
) -> float:
    """Return the final rate of NC2 near a global minimum with equal decays λ. It is the
    `heavy_ball_rate` of the Hessian's eigenvalue 2 λ min(1, x).

    `smallest_root` x is the optimum's smallest non-zero root, which can be below one at depth one
    only. NC3 has the same rate, except at depth one beside a bias that is not decayed: what the
    rows of the classifier have in common is idle there, and only its decay, with eigenvalue λ,
    removes it. Raises ValueError if λ x underflows.
    """
    curvature = 2 * decay * min(1.0, smallest_root)
    require(
        curvature > 0, f"decay * smallest_root must not underflow, got {decay} * {smallest_root}"
    )
    return heavy_ball_rate(curvature, step, momentum)


@guarded
def nc1_rate(decay: Decay, step: Positive, momentum: Momentum = 0.0) -> float:
    """Return the final rate of NC1 with equal decays λ and all roots at least one: twice the rates
    of the eigenvalues λ and 2 λ together.

    NC1 is quadratic in a product of the spread in the weights' null space (λ) and the misalignment
    (2 λ). In gradient flow it falls as exp(-6 λ t).
    """
    return 2 * heavy_ball_rate(decay, step, momentum) + 2 * nc2_rate(decay, step, momentum)


@guarded
def imbalance_factor(
    decay: Decay, time: Annotated[Float[np.ndarray, "*times"] | float, NON_NEGATIVE]
) -> Float[np.ndarray, "*times"]:
    """Return the factor exp(-2 λ t) by which gradient flow shrinks the imbalances W_(m+1)^T W_(m+1)
    - W_m W_m^T and W_1^T W_1 - H H^T within a `time` t.

    It is exact for every loss that depends on the parameters through W_M ... W_1 H and a bias, if
    all decays are λ = `decay`.
    """
    return np.asarray(np.exp(-2 * decay * time))


@guarded
def collapse_curve(
    times: Annotated[Float[np.ndarray, " times"], NON_NEGATIVE],
    start: Positive,
    class_size: Count,
    n_samples: Count,
    decay: Decay,
) -> Float[np.ndarray, " times"]:
    """Return the logit s(t) of a class in gradient flow at depth one without a bias, from s(0) =
    `start`.

    From an aligned and balanced start, with equal decays λ, s' = 2 s ((sqrt(n_k) / N)(1 - s) - λ),
    whose solution is a logistic curve; n_k = `class_size` and N = `n_samples`. Where λ is small,
    the time to collapse is proportional to N / sqrt(n_k). Derived here.
    """
    pull = np.sqrt(class_size) / n_samples
    rate = 2 * (pull - decay)
    # Of 1 / s, which is linear; expm1 keeps the digits where the rate is near zero.
    grown = np.where(
        rate == 0, 2 * times, np.expm1(rate * times) / np.where(rate == 0, 1, rate / 2)
    )
    return np.asarray(start * np.exp(rate * times) / (1 + start * pull * grown))
