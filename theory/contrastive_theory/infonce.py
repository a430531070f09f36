"""InfoNCE with K candidates, I_K(f) = E log[e^f(x, y_1) / (mean of e^f(x, y_j))], and the mutual
information I that it estimates.

(x, y_1) ~ p(x, y) and the other y_j ~ p(y); all in nats. r = p(x, y) / (p(x) p(y)). Finite x and y.
"""

from typing import Annotated

import numpy as np

from theory.contrastive_theory.domains import Candidates, Critic, Joint
from theory_on_trial.contract import Interval, guarded

Correlation = Annotated[float, Interval(-1, 1, "()")]


@guarded
def mutual_information(joint: Joint) -> float:
    """The mutual information I = E log r, in nats. Source: definition."""
    return float(np.sum(joint * np.log(joint / _product(joint))))


@guarded
def chi_squared(joint: Joint) -> float:
    """The χ^2 divergence E r - 1 of p(x, y) from p(x) p(y), with E over p(x, y). With f = log r, K
    (I - I_K) tends to half of it. Source: derived here.
    """
    return float(np.sum(joint * joint / _product(joint)) - 1)


@guarded
def gaussian_chi_squared(correlation: Correlation) -> float:
    """The χ^2 divergence ρ^2 / (1 - ρ^2) of a normal pair with correlation ρ. Source: Gaussian
    integral of r.
    """
    return float(correlation**2 / (1 - correlation**2))


@guarded
def infonce_ceiling(joint: Joint, candidates: Candidates) -> float:
    """The bound min(I, log K), which I_K(f) exceeds for no critic f. Source: recalled; both parts
    follow from Jensen's inequality.
    """
    return min(mutual_information(joint), float(np.log(candidates)))


@guarded
def limit_excess(joint: Joint, critic: Critic) -> float:
    """The limit of I - I_K(f) for large K: E_x KL(p(y | x) | q(y | x)), in nats, where q(y | x) is
    proportional to p(y) e^f(x, y).

    Zero where f is log r up to a function of x. Source: derived here.
    """
    log_tilt = _log_tilt(joint, critic)
    log_ratio = np.log(joint / _product(joint))
    return max(0.0, float(np.sum(joint * (log_ratio - log_tilt))))


@guarded
def gap_coefficient(joint: Joint, critic: Critic) -> float:
    """The coefficient of 1 / K in I_inf(f) - I_K(f): E_p t - 1 - (E t^2 - 1) / 2 with t = q / p(y),
    E_p over p(x, y) and E over p(x) p(y).

    For f = log r it is χ^2 / 2. Source: derived here.
    """
    tilt = np.exp(_log_tilt(joint, critic))
    return float(np.sum(joint * tilt) - 1 - (np.sum(_product(joint) * tilt**2) - 1) / 2)


def _product(joint: Joint) -> Joint:
    return joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)


def _log_tilt(joint: Joint, critic: Critic) -> Critic:
    """Log t, t = e^f over its mean under p(y), for each x."""
    shifted = critic - critic.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted) @ joint.sum(axis=0))[:, None]
