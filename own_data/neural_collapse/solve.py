"""Bounds on the minimum of cross-entropy over free features, from convex programs with one column
of logits per class.

With a penalty a |Z|_* on the logits Z of all samples, the samples of a class may share their
column: K^2 unknowns.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.special import entr, log_softmax, softmax

_MOST_WORK = 1e9  # multiplications in all steps of a program
_MOST_STEPS = 10_000
_CHECKED = 25  # steps between two looks at the gap


class Program(NamedTuple):
    """Proved lower and upper bound on the minimum, and the logits of the classes at the upper
    one.
    """

    lower: float
    upper: float
    logits: Float[np.ndarray, "classes classes"]


def solve(
    class_sizes: Int[np.ndarray, " classes"], slope: float, with_bias: bool, precision: float
) -> Program:
    """Minimum of cross-entropy + slope |Z|_* over Z (and a bias), between bounds meeting to
    `precision` if time allows, by accelerated proximal gradient (Beck & Teboulle 2009) on the
    columns times sqrt(n_k).
    """
    n_classes = len(class_sizes)
    n_samples = int(class_sizes.sum())
    roots = np.sqrt(class_sizes)
    shares = class_sizes / n_samples
    step = 2 * n_samples / (1 + with_bias * class_sizes.max())  # softmax curves by at most one half
    steps = int(min(max(_MOST_WORK / (30 * n_classes**3), 100), _MOST_STEPS, 10 / precision))
    point = np.zeros((n_classes, n_classes))
    bias = with_bias * np.log(shares)
    momentum = 1.0  # the best without logits
    ahead = point
    bias_ahead = bias
    lower = 0.0
    upper = np.inf
    best = point
    for count in range(1, steps + 1):
        residual = np.eye(n_classes) - softmax(ahead / roots + bias_ahead[:, None], axis=0)
        left, values, right = np.linalg.svd(ahead + step * residual * roots / n_samples)
        after = left * np.maximum(values - step * slope, 0) @ right
        bias_after = (
            bias_ahead + with_bias * step / n_samples * residual @ class_sizes / class_sizes.max()
        )
        overshot = (
            np.sum((ahead - after) * (after - point))
            + (bias_ahead - bias_after) @ (bias_after - bias)
            > 0
        )
        following = 1.0 if overshot else (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        inertia = 0.0 if overshot else (momentum - 1) / following
        ahead = after + inertia * (after - point)
        bias_ahead = bias_after + inertia * (bias_after - bias)
        point = after
        bias = bias_after
        momentum = following
        if count % _CHECKED == 0 or count == steps:
            logits = point / roots
            outputs = logits + bias[:, None]
            value = -shares @ np.diag(log_softmax(outputs, axis=0)) + slope * np.linalg.norm(
                point, ord="nuc"
            )
            if value < upper:
                upper = float(value)
                best = logits
            lower = max(lower, _dual_value(softmax(outputs, axis=0), class_sizes, slope, with_bias))
            if upper - lower <= precision * upper:
                break
    return Program(lower, upper, best)


def _dual_value(
    probabilities: Float[np.ndarray, "classes classes"],
    class_sizes: Int[np.ndarray, " classes"],
    slope: float,
    with_bias: bool,
) -> float:
    """Mean entropy of distributions per class whose residuals are feasible: near these, mixed with
    the frequencies.
    """
    n_samples = class_sizes.sum()
    shares = class_sizes / n_samples
    one_hot = np.eye(len(class_sizes))
    constant = np.broadcast_to(shares[:, None], one_hot.shape)
    feasible = []
    for distributions in (probabilities, constant):
        residual = one_hot - distributions
        residual = residual - (residual @ shares)[:, None] * with_bias
        norm = np.linalg.norm(residual * np.sqrt(class_sizes), ord=2) / n_samples
        feasible.append(one_hot - residual * min(1.0, slope / norm if norm else 1.0))
    own, other = feasible
    negative = own < 0
    share = np.max(own[negative] / (own - other)[negative], initial=0.0)
    mixture = np.maximum((1 - share) * own + share * other, 0)
    return float(np.sum(entr(mixture), axis=0) @ shares)


def concave_bound(
    values: Float[np.ndarray, " programs"],
    slopes: Float[np.ndarray, " programs"],
    factor: float,
    power: float,
) -> float:
    """Lower bound on cross-entropy + factor |Z|_*^power, 0 < power <= 1, from lower bounds value -
    slope |Z|_* of some slopes: between two crossings of these lines the sum is concave.
    """
    values = np.append(values, 0.0)
    slopes = np.append(slopes, 0.0)
    gaps = slopes[:, None] - slopes
    crossings = (values[:, None] - values)[gaps != 0] / gaps[gaps != 0]
    norms = np.append(crossings[crossings > 0], 0.0)
    highest = np.max(values[:, None] - slopes[:, None] * norms, axis=0)
    return float(np.min(highest + factor * norms**power))
