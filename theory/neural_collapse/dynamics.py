"""How fast training approaches collapse: heavy-ball rates and the decay of the imbalance between layers. Derived here.

A rate r means that a quantity falls as exp(-r t) in t steps. The last phase of training has Hessian eigenvalues that
are multiples of the decay lambda, if all decays are equal, whatever the depth, the width and the data.
"""

import numpy as np
from jaxtyping import Float

from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_positive


@validated
def heavy_ball_rate(curvature: float | int, step: float | int, momentum: float | int = 0) -> float:
    """Rate -log |z| per step of gradient descent with momentum on a parabola, z the larger root of its recursion.

    z^2 - (1 + mu - eta h) z + mu = 0 with `curvature` h, `step` eta and `momentum` mu in [0, 1); in the limit of small
    steps it is eta h / (1 - mu). Negative where the iteration diverges. `ValueError` if an argument is out of range.
    """
    check_positive("curvature", curvature)
    check_positive("step", step)
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum must be in [0, 1), got {momentum}")
    slope = curvature * step
    trace = 1 - momentum + slope  # z = 1 - delta, and delta^2 - trace delta + slope = 0
    discriminant = trace**2 - 4 * slope
    if discriminant < 0:
        return float(-np.log(momentum) / 2)
    if slope > 1 + momentum:
        return float(-np.log((trace + np.sqrt(discriminant)) / 2 - 1))
    return float(-np.log1p(-2 * slope / (trace + np.sqrt(discriminant))))


@validated
def nc2_rate(decay: float | int, step: float | int, momentum: float | int = 0, smallest_root: float | int = 1) -> float:
    """Final rate of NC2 near a global minimum with equal decays: that of Hessian eigenvalue 2 lambda min(1, x).

    `smallest_root` x is the smallest non-zero root of the optimum: it can be below one at depth one only, where it then
    slows the approach. Independent of depth, width and class sizes otherwise. The alignment of weights and means (NC3)
    has the same rate, except at depth one beside an undecayed bias: what the rows of the classifier have in common is
    idle there, and only its decay, eigenvalue lambda, removes it. `ValueError` for values out of range.
    """
    check_positive("decay", decay)
    check_positive("smallest_root", smallest_root)
    curvature = 2 * decay * min(1, smallest_root)
    if curvature == 0:
        raise ValueError(f"decay * smallest_root must not underflow, got {decay} * {smallest_root}")
    return heavy_ball_rate(curvature, step, momentum)


@validated
def nc1_rate(decay: float | int, step: float | int, momentum: float | int = 0) -> float:
    """Final rate of NC1 with equal decays and all roots at least one: twice the rates of lambda and of 2 lambda.

    NC1 is quadratic in the spread of the features in the null space of the weights (eigenvalue lambda) times the
    misalignment of that space (eigenvalue 2 lambda); in gradient flow it falls as exp(-6 lambda t).
    """
    check_positive("decay", decay)
    return 2 * heavy_ball_rate(decay, step, momentum) + 2 * nc2_rate(decay, step, momentum)


@validated
def imbalance_factor(
    decay: float | int, time: Float[np.ndarray, "*times"] | float | int
) -> Float[np.ndarray, "*times"]:
    """exp(-2 lambda t), the factor on W_(m+1)^T W_(m+1) - W_m W_m^T and W_1^T W_1 - H H^T in gradient flow.

    Exact at any time and depth for every loss that depends on the parameters through W_M ... W_1 H and a bias, if all
    decays are `decay`. `ValueError` if the decay is not positive or a time is negative.
    """
    check_positive("decay", decay)
    if not np.all(np.isfinite(time) & (time >= 0)):
        raise ValueError(f"time must be finite and non-negative, got {time}")
    return np.asarray(np.exp(-2 * decay * time))
