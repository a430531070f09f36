"""InfoNCE of finite joint laws, by enumeration of the counts of the candidates, and its best
critic, which an optimiser finds.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from sims.contrastive_theory.domains import Candidates, Critic, Joint, counted
from theory_on_trial.contract import guarded


class Best(NamedTuple):
    """The critic that an optimiser has found, with its value and the gradient there."""

    critic: Float[np.ndarray, "rows columns"]
    value: float
    gradient: Float[np.ndarray, "rows columns"]
    """The gradient of the value; by concavity no critic f is better by more than gradient . (f -
    critic).
    """


@guarded
def infonce(
    joint: Joint, critic: Critic, candidates: Candidates, *, leave_out_positive: bool = False
) -> float:
    """Return InfoNCE, the mean of log[e^f(x, y_1) / (mean of e^f(x, y_j) over all candidates)], in
    nats.

    y_1 is the partner of x, and the other candidates are independent of x. With
    `leave_out_positive` the mean is over the other candidates only, as some authors write it.
    Raises ValueError for sums of more than 10^7 terms.
    """
    value, _ = _value_and_gradient(joint, critic, candidates, leave_out_positive)
    return value


@guarded
def best_critic(joint: Joint, candidates: Candidates) -> Best:
    """The maximiser of InfoNCE over all critics, by BFGS from zero. Raises as `infonce`."""
    from scipy.optimize import minimize

    def negative(flat: Float[np.ndarray, " cells"]) -> tuple[float, Float[np.ndarray, " cells"]]:
        value, gradient = _value_and_gradient(joint, flat.reshape(joint.shape), candidates, False)
        return -value, -gradient.ravel()

    end = minimize(
        negative,
        np.zeros(joint.size),
        jac=True,
        method="BFGS",
        options={"gtol": 1e-10, "maxiter": 10**4},
    )
    return Best(end.x.reshape(joint.shape), -float(end.fun), -end.jac.reshape(joint.shape))


def _value_and_gradient(
    joint: Joint, critic: Critic, candidates: Candidates, leave_out_positive: bool
) -> tuple[float, Float[np.ndarray, "rows columns"]]:
    counts, chances = counted("joint and candidates", candidates - 1, joint.sum(axis=0), joint.size)
    # Axes: x, y_1, counts.
    shifted = critic - critic.max(axis=1, keepdims=True)
    tilts = np.exp(shifted)
    totals = np.broadcast_to((tilts @ counts.T)[:, None, :], (*joint.shape, len(counts)))
    sums = (
        totals / (candidates - 1)
        if leave_out_positive
        else (totals + tilts[:, :, None]) / candidates
    )
    law = joint[:, :, None] * chances
    value = float(np.sum(law * (shifted[:, :, None] - np.log(sums))))
    shares = law / (totals + tilts[:, :, None])
    pull = tilts * (shares.sum(axis=2) + np.einsum("xyn,nz->xz", shares, counts))
    return value, joint - pull
