"""The minima of cross-entropy with balanced classes: collapse to the simplex frame, and the frames
of lower rank that have a smaller loss.

The objective is the mean cross-entropy of the logits W_M ... W_1 H (+ b) plus (1/2)(sum_m λ_Wm
|W_m|^2 + λ_H |H|^2), with n samples in each of K classes. L = M + 1 is the number of factors, and Λ
the product of all decays. At depth one the simplex frame is the global minimiser (closed form
derived here). Dang et al. 2023 (arXiv 2301.00437) claim the same for deep linear nets in their
abstract. From depth two on it fails for enough classes, because antipodal pairs of classes need
fewer directions (derived here, in agreement with Garrod & Keating 2025).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from theory.neural_collapse.domains import ClassSizes, Decay, Depth, SeveralClasses, WeightDecays
from theory.neural_collapse.mean_square import schatten_penalty
from theory_on_trial.contract import Count, guarded, require

_SCALES = 512  # points at which the derivative in the scale is looked at for sign changes


@dataclass(frozen=True)
class ShallowCrossEntropyOptimum:
    """The global minimum at depth one: its logits are `scale` (I - 1 1^T / K) and its objective is
    `value`. It is `trivial` if the scale is zero.
    """

    scale: float
    value: float
    trivial: bool


@guarded
def ce_optimum_shallow(
    n_classes: SeveralClasses, samples_per_class: Count, weight_decay: Decay, feature_decay: Decay
) -> ShallowCrossEntropyOptimum:
    """Return the global minimum at depth one, with or without a bias, for widths of at least K - 1.

    With s = sqrt(n λ_W λ_H), where n = `samples_per_class`, the scale is σ* = log(1/s - (K - 1)) if
    s < 1/K, and zero otherwise. The objective is f* = log(1 + (K - 1) exp(-σ*)) + (K - 1) s σ*.

    >>> optimum = ce_optimum_shallow(3, 4, 0.01, 0.01)
    >>> round(optimum.scale, 4), round(optimum.value, 4), optimum.trivial
    (3.8712, 0.1957, False)
    """
    threshold = np.sqrt(samples_per_class) * np.sqrt(weight_decay) * np.sqrt(feature_decay)
    trivial = bool(threshold * n_classes >= 1)
    # 1/s - (K - 1) = 1 + (1/s - K), whose logarithm keeps its digits near the threshold.
    scale = 0.0 if trivial else float(np.log1p(1 / threshold - n_classes))
    value = np.log1p((n_classes - 1) * np.exp(-scale)) + (n_classes - 1) * threshold * scale
    return ShallowCrossEntropyOptimum(scale, float(value), trivial)


@guarded
def frame_value(
    pattern: Float[np.ndarray, "classes classes"],
    samples_per_class: Count,
    weight_decays: WeightDecays,
    feature_decay: Decay,
) -> tuple[float, float]:
    """Return the best scale ρ >= 0 of the logits ρ * `pattern`, and the objective there, at any
    depth. At the scale zero the objective is log K.

    Column k of the pattern holds the logits of class k, of which entry k must be the largest (else
    ValueError). The objective is the mean cross-entropy plus `schatten_penalty` of the logits of
    all samples; widths must be at least the pattern's rank.
    """
    minima = _local_minima(pattern, samples_per_class, weight_decays, feature_decay)
    return min(minima, key=lambda minimum: minimum[1])


@guarded
def etf_stationary(
    n_classes: SeveralClasses,
    samples_per_class: Count,
    weight_decays: WeightDecays,
    feature_decay: Decay,
) -> tuple[float, float]:
    """Return the largest stationary scale σ of the logits σ (I - 1 1^T / K), and the objective
    there; (0, log K) if there is none. The logits are those of a critical point.

    The scale is a local minimum of log(1 + (K - 1) exp(-σ)) + (L/2) Λ^(1/L) (K - 1)(n σ^2)^(1/L).
    """
    pattern = np.eye(n_classes) - 1 / n_classes
    return _local_minima(pattern, samples_per_class, weight_decays, feature_decay)[-1]


@guarded
def cross_polytope_stationary(
    n_classes: SeveralClasses,
    samples_per_class: Count,
    weight_decays: WeightDecays,
    feature_decay: Decay,
) -> tuple[float, float]:
    """Return the largest stationary scale ρ of the logits ρ B^T B, and the objective there; (0, log
    K) if there is none.

    The columns of B are (e_1, -e_1, e_2, -e_2, ...), with one more orthogonal vector if K is odd.
    If K is even, the logits are those of a critical point.
    """
    pattern = cross_polytope_pattern(n_classes)
    return _local_minima(pattern, samples_per_class, weight_decays, feature_decay)[-1]


@guarded
def cross_polytope_pattern(n_classes: SeveralClasses) -> Float[np.ndarray, "classes classes"]:
    """Return the Gram matrix B^T B of the class vectors (e_1, -e_1, e_2, -e_2, ...), of which the
    last has no partner if K is odd.
    """
    vectors = np.zeros((n_classes, n_classes))
    vectors[np.arange(n_classes) // 2, np.arange(n_classes)] = (-1.0) ** np.arange(n_classes)
    return vectors.T @ vectors


@guarded
def etf_beaten_by_cross_polytope(n_classes: SeveralClasses, depth: Depth) -> bool:
    """Return whether antipodal pairs of classes have a smaller objective than the simplex frame as
    the decays vanish: whether floor(K/2) 2^(2/L) + (K mod 2) < K - 1, with L = depth + 1.

    It never holds at depth one; at depth two it holds from K = 6 on. Convergence is slow, in 1 /
    log(1 / Λ).
    """
    return n_classes // 2 * 2 ** (2 / (depth + 1)) + n_classes % 2 < n_classes - 1


@guarded
def classes_merge(
    class_sizes: ClassSizes, weight_decay: Decay, feature_decay: Decay
) -> Bool[np.ndarray, " classes"]:
    """Return for every class whether, at depth one, it shares its vectors with all other classes of
    its size: whether there are others and sqrt(n_k) / N <= sqrt(λ_W λ_H).

    Under the square loss the class vanishes by the same condition. It holds with or without a bias.
    N is the number of all samples. Derived here.
    """
    sizes = np.array(class_sizes)
    equals = np.sum(sizes[:, None] == sizes, axis=1)
    weak = np.sqrt(sizes) / sizes.sum() <= np.sqrt(weight_decay) * np.sqrt(feature_decay)
    return np.asarray(weak & (equals > 1))


@guarded
def lone_pair_value(
    samples_per_class: Count, weight_decays: WeightDecays, feature_decay: Decay
) -> tuple[float, float]:
    """Return the best scale ρ >= 0 of the logits ρ (1, 0, -1)^T (1, 0, -1) of three classes, an
    antipodal pair and a class at zero, and the objective there; (0, log 3) where zero is best.

    It minimises (2 log(1 + exp(-ρ) + exp(-2 ρ)) + log 3) / 3 + (L/2)(n Λ)^(1/L) (2 ρ)^(2/L).
    Derived here.
    """
    factors = len(weight_decays) + 1
    penalty = schatten_penalty(
        np.sqrt(samples_per_class) * np.outer([1.0, 0, -1], [1, 0, -1]),
        weight_decays,
        feature_decay,
    )

    def value(scale: Float[np.ndarray, " scales"]) -> Float[np.ndarray, " scales"]:
        loss = (2 * np.log1p(np.exp(-scale) + np.exp(-2 * scale)) + np.log(3)) / 3
        return np.asarray(loss + penalty * scale ** (2 / factors))

    # The penalty alone is log 3 there.
    most = (np.log(3) / penalty) ** (factors / 2)
    low = 0.0
    high = float(most)
    for _ in range(12):  # a grid in ever smaller brackets around its least value
        scales = np.linspace(low, high, 2001)
        best = int(np.argmin(value(scales)))
        low = scales[max(best - 1, 0)]
        high = scales[min(best + 1, 2000)]
    scale = float(scales[best])
    return scale, float(value(scales)[best])


def _local_minima(
    pattern: Float[np.ndarray, "classes classes"],
    samples_per_class: int,
    weight_decays: WeightDecays,
    feature_decay: float,
) -> list[tuple[float, float]]:
    """Return (0, log K) and all pairs (ρ, F(ρ)) with ρ > 0 at which F(ρ) = φ(ρ) + (L/2) c ρ^(2/L)
    turns from falling to rising, by growing ρ. φ is the mean cross-entropy of the logits ρ *
    `pattern`, and the other term their penalty.
    """
    from scipy.optimize import brentq
    from scipy.special import xlogy

    n_classes = pattern.shape[0]
    require(n_classes > 1, "pattern must have at least two classes, got one")
    margins = (np.diagonal(pattern) - pattern).T
    margins = margins[~np.eye(n_classes, dtype=bool)].reshape(n_classes, n_classes - 1)
    require(
        margins.min() > 0,
        f"pattern must have the largest entry of every column k in row k, got {pattern.tolist()}",
    )
    penalty = schatten_penalty(np.sqrt(samples_per_class) * pattern, weight_decays, feature_decay)
    exponent = 2 / (len(weight_decays) + 1)
    log_penalty_slope = np.log(penalty * exponent)

    def value(scale: float) -> float:
        loss = np.mean(np.log1p(np.sum(np.exp(-scale * margins), axis=1)))
        return float(loss + np.exp(log_penalty_slope + exponent * np.log(scale)) / exponent)

    def log_slope_ratio(
        scale: Float[np.ndarray, "*scales"] | float,
    ) -> Float[np.ndarray, "*scales"]:
        """The log of the slope of the penalty over minus that of φ, which is negative where F
        falls.
        """
        exponents = -np.multiply.outer(scale, margins)
        log_slopes = np.logaddexp.reduce(exponents + np.log(margins), axis=-1) - np.logaddexp(
            0, np.logaddexp.reduce(exponents, axis=-1)
        )
        log_loss_slope = np.logaddexp.reduce(log_slopes, axis=-1) - np.log(n_classes)
        return np.asarray(log_penalty_slope + xlogy(exponent - 1, scale) - log_loss_slope)

    # F can turn upwards only beyond `lower`, as log(-phi') falls no faster than the largest
    # margin, and not beyond `upper`, as -phi' is below sum(margins) exp(-rho margin) and x -
    # log(x) above x / 2.
    margin = margins.min()
    lower = (1 - exponent) / margins.max()
    slope_at_zero = np.mean(np.sum(margins, axis=1))
    excess = np.log(slope_at_zero) - log_penalty_slope + (exponent - 1) * np.log(margin)
    scales = np.linspace(lower, max(1, 2 * excess) / margin, _SCALES)
    ratios = log_slope_ratio(scales)
    turns = np.flatnonzero((ratios[:-1] < 0) & (ratios[1:] >= 0))
    options = {"xtol": 1e-300, "rtol": 1e-15, "maxiter": 2000}
    roots = [float(brentq(log_slope_ratio, *scales[i : i + 2], **options)) for i in turns]
    return [(0.0, float(np.log(n_classes))), *((root, value(root)) for root in roots)]
