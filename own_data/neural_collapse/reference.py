"""What a head is held against: the global minimum where it is known, else a bound and a frame."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from own_data.neural_collapse.head import Head
from theory import neural_collapse as predicted


@dataclass(frozen=True, eq=False)
class Reference:
    """Target geometry and bound of a head.

    `lower_bound` is NaN where none is known, and `is_minimum` says whether it is attained; `targets` are what metrics
    are distances to; `singular_values` those of the optimal logits of all samples, empty where unknown; `missing` holds
    sentences on what stands between the head and a bound or a frame, whatever the head does.
    """

    lower_bound: float
    is_minimum: bool
    targets: predicted.CollapseTargets
    singular_values: Float[np.ndarray, " directions"]
    missing: tuple[str, ...]


def mse_reference(head: Head) -> Reference:
    """The global minimum under the square loss."""
    optimum = predicted.mse_optimum(
        head.class_sizes, head.weight_decays, head.feature_decay, widths=head.widths, bias=head.bias is not None
    )
    missing = []
    kept, directions = int(np.sum(optimum.alive)), optimum.alive.size
    if kept < directions:
        dead = f", not those of classes {np.flatnonzero(~optimum.alive).tolist()}" if head.bias is None else ""
        smallest = predicted.critical_class_size(len(head.labels), head.weight_decays, head.feature_decay)
        missing.append(
            f"the optimum itself keeps {kept} of {directions} directions{dead}: the narrowest width is "
            f"{min(head.widths)}, and these decays kill what weighs less than {smallest:.4g} samples"
        )
    if kept == 0:
        missing.append("all is zero at the optimum: it has no frame, and distances to frames are NaN")
    if optimum.cut_is_tied or "tie" in optimum.regimes:
        missing.append("the optimum is not unique (a tie): distances are those to one of its geometries")
    targets = predicted.optimum_targets(optimum)
    return Reference(optimum.value, True, targets, optimum.singular_values, tuple(missing))


def ce_reference(head: Head) -> Reference:
    """The global minimum under cross-entropy of equal classes at depth one, else what is known."""
    depth, n_classes = len(head.weights), head.n_classes
    targets = predicted.frame_targets(predicted.simplex_etf(n_classes), depth)
    if depth > 1:
        sentence = (
            "a lower bound: with cross-entropy from depth 2 on the minimum is not known, and for enough classes it is "
            "not the simplex frame, to which distances are given"
        )
        return Reference(float("nan"), False, targets, np.zeros(0), (sentence,))
    if np.ptp(head.class_sizes) > 0:
        sentence = (
            "a closed form: classes are unequal, so that the gap is an upper bound, tight where the head has "
            "converged, and distances are those to the simplex frame of equal classes"
        )
        return Reference(_ce_dual_bound(head), False, targets, np.zeros(0), (sentence,))
    per_class = int(head.class_sizes[0])
    optimum = predicted.ce_optimum_shallow(n_classes, per_class, head.weight_decays[0], head.feature_decay)
    singular_values = np.full(n_classes - 1, optimum.scale * np.sqrt(per_class))
    wide_enough = bool(head.widths[0] >= n_classes - 1)
    missing = []
    if optimum.trivial:
        missing.append("all is zero at the optimum: it has no frame, and distances to frames are NaN")
        targets = predicted.frame_targets(np.zeros((n_classes, n_classes)), depth)
    elif not wide_enough:
        missing.append(
            f"a width of at least {n_classes - 1}, for the simplex frame: the gap is an upper bound that stays above 0"
        )
    return Reference(optimum.value, wide_enough or optimum.trivial, targets, singular_values, tuple(missing))


def _ce_dual_bound(head: Head) -> float:
    """The bound from the head's own residuals, its distributions mixed with constant ones until none is negative.

    Centred residuals, which a bias wants, may leave small negative probabilities; both duals are feasible but for
    them, and so is every mixture.
    """
    from scipy.special import softmax

    one_hot = np.eye(head.n_classes)[:, head.labels]
    with_bias = head.bias is not None
    outputs = head.logits() + (head.bias[:, None] if head.bias is not None else 0)
    frequencies = np.broadcast_to(one_hot.mean(axis=1, keepdims=True), one_hot.shape)
    own, constant = (
        predicted.rescaled_dual(one_hot - fit, head.weight_decays[0], head.feature_decay, bias=with_bias)
        for fit in (softmax(outputs, axis=0), frequencies)
    )
    probabilities, positive = (one_hot - head.labels.size * dual for dual in (own, constant))
    negative = probabilities < 0
    share = np.max(probabilities[negative] / (probabilities - positive)[negative], initial=0.0)
    mixed = (1 - share) * own + share * constant
    return predicted.dual_bound(
        mixed, head.labels, head.weight_decays[0], head.feature_decay, loss="ce", bias=with_bias
    )
