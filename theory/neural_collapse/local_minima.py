"""Where descent may end instead: the local minima of deep heads, and the Hessian at a minimum. Derived here.

From depth two on, zero is a strict local minimum at every decay, and so is every partial collapse that keeps the
largest classes; Dang et al. 2023 (arXiv 2301.00437) describe the global minimisers only. Square loss, no bias.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from theory.neural_collapse._validation import checked_class_sizes, checked_decays, checked_widths
from theory.neural_collapse.mse_optimum import direction_betas
from theory.neural_collapse.scalar_equation import largest_root, scalar_objective
from theory.neural_collapse.thresholds import existence_threshold
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_at_least, check_positive


@validated
def local_minimum_values(
    class_sizes: Sequence[int] | Int[np.ndarray, " classes"],
    weight_decays: Sequence[float | int] | Float[np.ndarray, " depth"],
    feature_decay: float | int,
    widths: Sequence[int] | Int[np.ndarray, " depth"] | None = None,
) -> Float[np.ndarray, " minima"]:
    """Objective at the local minimum that keeps the r largest classes, r = 0, 1, ..., at index r.

    r runs to the number of classes with beta_k below `existence_threshold`, or the narrowest of `widths`. At depth one
    every local minimum is global, and its value is the only entry. `ValueError` as for `mse_optimum`.
    """
    sizes = np.sort(checked_class_sizes(class_sizes))[::-1]
    decays = checked_decays(weight_decays, feature_decay)
    depth, n_samples = decays.size, int(sizes.sum())
    rank = min(sizes.size, int(checked_widths(widths, depth, sizes.size).min()))
    betas = direction_betas(sizes.astype(float), n_samples, decays, feature_decay)
    n_survivors = min(rank, int(np.sum(betas < existence_threshold(depth))))
    betas = betas[:n_survivors]
    gains = 1 - scalar_objective(largest_root(betas, depth), betas, depth)
    values = 0.5 - np.append(0, np.cumsum(sizes[:n_survivors] * gains)) / (2 * n_samples)
    return values[-1:] if depth == 1 else values


@validated
def hessian_kernel_dimension(widths: Sequence[int] | Int[np.ndarray, " depth"], n_directions: int) -> int:
    """Kernel dimension sum_m [d_m (d_m - 1) - (d_m - r)(d_m - r - 1)] / 2 of the Hessian at a non-degenerate minimum.

    It is the dimension of the orbit of the minimiser under rotations between the layers, r = `n_directions` being its
    rank (K without bias and with all classes alive); `widths` are d_1, ..., d_M >= r. Holds in class-mean coordinates
    and for cross-entropy too. `ValueError` if there is no width or one is below the rank.
    """
    check_at_least("n_directions", n_directions, 1)
    sizes = np.asarray(widths)
    if sizes.size == 0 or not np.issubdtype(sizes.dtype, np.integer) or sizes.min() < n_directions:
        raise ValueError(f"widths must be integers of at least n_directions = {n_directions}, got {widths!r}")
    rest = sizes - n_directions
    return int(np.sum(sizes * (sizes - 1) - rest * (rest - 1)) // 2)


@validated
def radial_eigenvalues(
    roots: Float[np.ndarray, " directions"], decay: float | int, depth: int
) -> Float[np.ndarray, " directions"]:
    """Hessian eigenvalue lambda (2 + (M + 1)(x^M - 1)) for stretching all factors of a direction at its root x > 0.

    All decays are `decay`. It is zero exactly where the root ceases to exist. `ValueError` for values out of range.
    """
    check_positive("decay", decay)
    check_at_least("depth", depth, 1)
    _check_roots(roots)
    return decay * (2 + (depth + 1) * (roots**depth - 1))


@validated
def shallow_spectrum(roots: Float[np.ndarray, " classes"], decay: float | int) -> Float[np.ndarray, " parameters"]:
    """All 2 K^2 Hessian eigenvalues, ascending, at depth one and width K, in coordinates sqrt(n_k) h_k of the features.

    With equal decays lambda and all roots x_k > 0: lambda times 0 and 2 + x_k + x_l for each k < l, and times
    x_k + x_l and 2 for each k <= l. `ValueError` for values out of range.
    """
    check_positive("decay", decay)
    _check_roots(roots)
    sums = roots[:, None] + roots
    pairs, pairs_and_self = np.triu_indices(roots.size, 1), np.triu_indices(roots.size)
    multiples = [np.zeros(pairs[0].size), 2 + sums[pairs], sums[pairs_and_self], np.full(pairs_and_self[0].size, 2.0)]
    return decay * np.sort(np.concatenate(multiples))


def _check_roots(roots: Float[np.ndarray, " directions"]) -> None:
    if roots.size == 0 or not np.all(np.isfinite(roots) & (roots > 0)):
        raise ValueError(f"roots must be finite and positive, at least one, got {roots}")
