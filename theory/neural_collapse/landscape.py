"""The points at which descent may end and the rates at which it gets there, the Hessian at a
minimum, proofs of global optimality, and the classes that survive weight decay.

Derived here, for the objective of Dang et al. 2023 (arXiv 2301.00437), who describe the global
minimisers only.

Under the square loss without a bias, from depth two on, zero is a strict local minimum at every
decay. So is every partial collapse that keeps the largest classes.

A rate r means that a quantity falls as exp(-r t) in t steps. If all decays are equal to λ, the
eigenvalues of the Hessian in the last phase of training are multiples of λ, whatever the depth, the
width and the data.

Global optimality is proved at depth one, by dual bounds and the operator norm of the loss gradient.
With a width of at least min(K, N) the decays are sqrt(λ_W λ_H) times the nuclear norm of the logits
Z, so that the problem is convex. Every matrix whose operator norm is at most that root bounds the
objective from below. Losses are means over the N samples: "mse" is |Z + b 1^T - Y|^2 / (2 N), and
"ce" is the cross-entropy.

Critical class sizes and critical decays say which classes survive, and conversions carry a decay
from one normalisation of the loss to another.
"""

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float

from theory.neural_collapse.domains import (
    Classes,
    ClassSizes,
    Decay,
    Depth,
    Labels,
    LiveRoots,
    Momentum,
    Normalisation,
    WeightDecays,
    Widths,
)
from theory.neural_collapse.mean_square import (
    direction_betas,
    existence_threshold,
    global_threshold,
    largest_root,
    scalar_objective,
)
from theory_on_trial.contract import (
    NON_NEGATIVE,
    Count,
    NonNegative,
    Positive,
    guarded,
    require,
)


@guarded
def local_minimum_values(
    class_sizes: ClassSizes,
    weight_decays: WeightDecays,
    feature_decay: Decay,
    widths: Widths | None = None,
) -> Float[np.ndarray, " minima"]:
    """Return the objective at the local minimum that keeps the r largest classes, for r = 0, 1,
    ..., at index r.

    r runs to the number of classes with β_k below `existence_threshold`, or to the narrowest of
    `widths` if that is less. At depth one every local minimum is global, and its value is the only
    entry.
    """
    sizes = np.sort(class_sizes)[::-1]
    decays = np.asarray(weight_decays)
    depth = decays.size
    n_samples = int(sizes.sum())
    rank = sizes.size if widths is None else min(sizes.size, *widths)
    betas = direction_betas(sizes.astype(float), n_samples, decays, feature_decay)
    n_survivors = min(rank, int(np.sum(betas < existence_threshold(depth))))
    betas = betas[:n_survivors]
    gains = 1 - scalar_objective(largest_root(betas, depth), betas, depth)
    values = 0.5 - np.append(0, np.cumsum(sizes[:n_survivors] * gains)) / (2 * n_samples)
    return values[-1:] if depth == 1 else values


@guarded
def hessian_kernel_dimension(widths: Widths, n_directions: Count) -> int:
    """Return the dimension of the Hessian's kernel at a non-degenerate minimum: sum_m [d_m (d_m -
    1) - (d_m - r)(d_m - r - 1)] / 2, where d_m are the `widths`.

    It is the dimension of the orbit of the minimiser under rotations between layers, with r =
    `n_directions` its rank. It holds in class-mean coordinates, and for cross-entropy too. Raises
    ValueError if a width d_m is below r.
    """
    require(
        min(widths) >= n_directions,
        f"widths must be at least n_directions = {n_directions}, got {min(widths)}",
    )
    spares = [int(width) - n_directions for width in widths]
    return (
        sum(
            (spare + n_directions) * (spare + n_directions - 1) - spare * (spare - 1)
            for spare in spares
        )
        // 2
    )


@guarded
def radial_eigenvalues(
    roots: LiveRoots, decay: Decay, depth: Depth
) -> Float[np.ndarray, " directions"]:
    """Return the Hessian's eigenvalue λ (2 + (M + 1)(x^M - 1)) for stretching all factors of a
    direction at its root x > 0, for every root. M = `depth` and λ = `decay`.
    """
    return decay * (2 + (depth + 1) * (roots**depth - 1))


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


# Relative error left to operator norms and sums, times the number of samples
_ROUNDING = 64 * np.finfo(float).eps


@guarded
def rescaled_dual(
    residual: Float[np.ndarray, "classes samples"],
    weight_decay: Decay,
    feature_decay: Decay,
    *,
    bias: bool = False,
) -> Float[np.ndarray, "classes samples"]:
    """Return a feasible dual matrix that is made from the residual Y - Z - b 1^T (square loss) or Y
    - softmax(Z + b 1^T) (cross-entropy).

    It is residual / N, centred over the samples if there is a `bias`, and shrunk to the operator
    norm sqrt(λ_W λ_H) if it is above.
    """
    limit = _operator_limit(weight_decay, feature_decay)
    deviation = residual - residual.mean(axis=1, keepdims=True) if bias else residual
    dual = deviation / residual.shape[1]
    norm = np.linalg.norm(dual, ord=2)
    return dual * (limit / norm) if norm > limit else dual


@guarded
def dual_bound(
    dual: Float[np.ndarray, "classes samples"],
    labels: Labels,
    weight_decay: Decay,
    feature_decay: Decay,
    *,
    loss: Literal["mse", "ce"] = "mse",
    bias: bool = False,
) -> float:
    """Return a lower bound on the objective at depth one from a feasible `dual` A, for any width.

    For "mse" it is <A, Y> - (N/2) |A|^2. For "ce" it is the mean entropy of the columns of Y - N A,
    and minus infinity if one of them is no distribution. Raises ValueError if A is infeasible
    beyond rounding: if its operator norm exceeds sqrt(λ_W λ_H) or, with a `bias`, a row does not
    sum to zero. Raises ValueError for a label that has no row, too.
    """
    limit = _operator_limit(weight_decay, feature_decay)
    n_classes, n_samples = dual.shape
    require(
        labels.max() < n_classes,
        f"labels must be below the {n_classes} rows of dual, got {labels.max()}",
    )
    norm = float(np.linalg.norm(dual, ord=2))
    slack = limit * n_samples * _ROUNDING
    require(
        norm <= limit + slack,
        f"dual must have operator norm at most sqrt(lambda_W lambda_H) = {limit}, got {norm}",
    )
    sums = np.abs(dual.sum(axis=1))
    require(
        not bias or sums.max() <= slack,
        f"dual must have rows that sum to zero if there is a bias, got a sum of {sums.max()}",
    )
    one_hot = np.eye(n_classes)[:, labels]
    if loss == "mse":
        return float(np.sum(dual * one_hot) - n_samples / 2 * np.sum(dual**2))
    return _mean_entropy(one_hot - n_samples * dual, n_samples * n_classes * _ROUNDING)


@guarded
def is_global_shallow(
    loss_gradient: Float[np.ndarray, "classes samples"],
    weight_decay: Decay,
    feature_decay: Decay,
    tolerance: NonNegative = 1e-6,
) -> bool:
    """Return whether a critical point at depth one is a global minimum: whether the operator norm
    of its loss gradient is at most sqrt(λ_W λ_H).

    `loss_gradient` is the gradient of the mean loss in the logits, K x N. The test is exact for
    critical points of every convex differentiable loss at a width of at least min(K, N); all others
    are strict saddles. Singular values of directions that are alive equal the root, so the
    comparison leaves a relative `tolerance` for how well the point has converged.
    """
    limit = _operator_limit(weight_decay, feature_decay)
    return bool(np.linalg.norm(loss_gradient, ord=2) <= limit * (1 + tolerance))


def _mean_entropy(columns: Float[np.ndarray, "classes samples"], rounding: float) -> float:
    from scipy.special import entr

    if columns.min() < -rounding or np.abs(columns.sum(axis=0) - 1).max() > rounding:
        return float("-inf")
    return float(np.sum(entr(np.maximum(columns, 0))) / columns.shape[1])


def _operator_limit(weight_decay: float, feature_decay: float) -> float:
    return float(np.sqrt(weight_decay) * np.sqrt(feature_decay))


_LOSSES = {  # each loss in units of |.|^2 / (2 N), as a function of the number of classes
    "half_mean_over_samples": lambda n_classes: 1.0,
    "mean_over_samples": lambda n_classes: 2.0,
    "half_mean_over_entries": lambda n_classes: 1 / n_classes,
    "mean_over_entries": lambda n_classes: 2 / n_classes,
}


@guarded
def critical_class_size(
    n_samples: Count, weight_decays: WeightDecays, feature_decay: Decay
) -> float:
    """Return the class size n_crit = M N (N Λ)^(1/M) / β_gl below which the global minimum without
    a bias maps a class to zero. β_gl is the `global_threshold` of depth M.

    N = `n_samples` is the number of all samples, and Λ the product of all decays. The result is
    infinite where decays are too large for floating-point numbers.
    """
    decays = np.asarray(weight_decays)
    return float(
        direction_betas(np.ones(1), n_samples, decays, feature_decay)[0]
        / global_threshold(decays.size)
    )


@guarded
def largest_common_decay(class_sizes: ClassSizes, depth: Depth) -> float:
    """Return the decay λ, the same for all factors, below which the global minimum without a bias
    keeps every class: λ^(M+1) = (n_min β_gl / (M N))^M / N.

    n_min is the smallest class size, N the number of all samples, and β_gl the `global_threshold`
    of depth M.
    """
    sizes = np.asarray(class_sizes)
    n_samples = int(sizes.sum())
    log_ratio = (
        np.log(sizes.min()) + np.log(global_threshold(depth)) - np.log(depth) - np.log(n_samples)
    )
    return float(np.exp((depth * log_ratio - np.log(n_samples)) / (depth + 1)))


@guarded
def decay_in_half_mean_square(
    decay: Decay, n_classes: Classes, normalisation: Normalisation | Positive
) -> float:
    """Return the decay λ / α that has the same minimisers under |.|^2 / (2 N) as λ = `decay` has
    under α times that loss.

    `normalisation` names the loss, or is α itself: "half_mean_over_samples" (α = 1),
    "mean_over_samples" (2), "half_mean_over_entries" (1 / K) or "mean_over_entries" (2 / K, which
    deep-learning libraries call the mean squared error). Values of the objective are α times those
    of this theory.

    >>> decay_in_half_mean_square(5e-4, 10, "mean_over_entries")
    0.0025
    """
    alpha = _LOSSES[normalisation](n_classes) if isinstance(normalisation, str) else normalisation
    return float(decay / alpha)
