"""How fast training approaches collapse: heavy-ball rates and the decay of the imbalance between
layers.

A rate r means that a quantity falls as exp(-r t) in t steps. The last phase of training has Hessian
eigenvalues that are multiples of the decay λ, if all decays are equal, whatever the depth, the
width and the data.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.neural_collapse.domains import Decay, Momentum
from theory_on_trial.contract import NON_NEGATIVE, Count, Positive, guarded, require


@guarded
def heavy_ball_rate(curvature: Positive, step: Positive, momentum: Momentum = 0.0) -> float:
    """Rate -log |z| per step of heavy-ball descent, z the larger root of z^2 - (1 + μ - η h) z + μ
    = 0.

    For `curvature` h, `step` η, `momentum` μ; η h / (1 - μ) for small steps. Negative where it
    diverges.
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
    """Final rate of NC2 near a global minimum with equal decays: that of Hessian eigenvalue 2 λ
    min(1, x).

    `smallest_root` x, the optimum's smallest non-zero root, can be below one at depth one only. NC3
    has the same rate, except at depth one beside an undecayed bias: what the rows of the classifier
    have in common is idle there, and only its decay, eigenvalue λ, removes it.
    """
    curvature = 2 * decay * min(1.0, smallest_root)
    require(
        curvature > 0, f"decay * smallest_root must not underflow, got {decay} * {smallest_root}"
    )
    return heavy_ball_rate(curvature, step, momentum)


@guarded
def nc1_rate(decay: Decay, step: Positive, momentum: Momentum = 0.0) -> float:
    """Final rate of NC1 with equal decays and all roots at least one: twice the rates of λ and of 2
    λ.

    NC1 is quadratic in the spread in the weights' null space (λ) times the misalignment (2 λ):
    exp(-6 λ t) in flow.
    """
    return 2 * heavy_ball_rate(decay, step, momentum) + 2 * nc2_rate(decay, step, momentum)


@guarded
def imbalance_factor(
    decay: Decay, time: Annotated[Float[np.ndarray, "*times"] | float, NON_NEGATIVE]
) -> Float[np.ndarray, "*times"]:
    """exp(-2 λ t), the factor on W_(m+1)^T W_(m+1) - W_m W_m^T and W_1^T W_1 - H H^T in gradient
    flow.

    Exact, for every loss that depends on the parameters through W_M ... W_1 H and a bias, if all
    decays are `decay`.
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
    """The logit s(t) of a class in gradient flow at depth one without a bias, from s(0) = `start`.

    From an aligned and balanced start, with equal decays λ, s' = 2 s ((sqrt(n_k) / N)(1 - s) - λ),
    a logistic: the time to collapse is as N / sqrt(n_k) where λ is small. Derived here.
    """
    pull = np.sqrt(class_size) / n_samples
    rate = 2 * (pull - decay)
    # Of 1 / s, which is linear; expm1 keeps the digits where the rate is near zero.
    grown = np.where(
        rate == 0, 2 * times, np.expm1(rate * times) / np.where(rate == 0, 1, rate / 2)
    )
    return np.asarray(start * np.exp(rate * times) / (1 + start * pull * grown))
