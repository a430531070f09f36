"""Where descent may end instead: the local minima of deep heads, and the Hessian at a minimum.

From depth two on, zero is a strict local minimum at every decay, and so is every partial collapse
that keeps the largest classes; Dang et al. 2023 (arXiv 2301.00437) describe the global minimisers
only. Square loss, no bias.
"""

import numpy as np
from jaxtyping import Float

from theory.neural_collapse.domains import ClassSizes, Decay, Depth, LiveRoots, WeightDecays, Widths
from theory.neural_collapse.mse_optimum import direction_betas
from theory.neural_collapse.scalar_equation import largest_root, scalar_objective
from theory.neural_collapse.thresholds import existence_threshold
from theory_on_trial.contract import Count, guarded, require


@guarded
def local_minimum_values(
    class_sizes: ClassSizes,
    weight_decays: WeightDecays,
    feature_decay: Decay,
    widths: Widths | None = None,
) -> Float[np.ndarray, " minima"]:
    """Objective at the local minimum that keeps the r largest classes, r = 0, 1, ..., at index r.

    r runs to the number of classes with β_k below `existence_threshold`, or the narrowest of
    `widths`. At depth one every local minimum is global, and its value is the only entry.
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
    """Kernel dimension sum_m [d_m (d_m - 1) - (d_m - r)(d_m - r - 1)] / 2 of the Hessian at a
    non-degenerate minimum.

    That of the orbit of the minimiser under rotations between layers, r = `n_directions` its rank,
    in class-mean coordinates and for cross-entropy too. `ValueError` if a width d_m is below r.
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
    """λ (2 + (M + 1)(x^M - 1)), the Hessian eigenvalue for stretching all factors of a direction at
    its root x > 0.
    """
    return decay * (2 + (depth + 1) * (roots**depth - 1))


@guarded
def shallow_spectrum(roots: LiveRoots, decay: Decay) -> Float[np.ndarray, " parameters"]:
    """All 2 K^2 Hessian eigenvalues, ascending, at depth one and width K, in coordinates sqrt(n_k)
    h_k of the features.

    With roots x_k > 0: λ times 0 and 2 + x_k + x_l for each k < l, and times x_k + x_l and 2 for
    each k <= l.
    """
    sums = roots[:, None] + roots
    pairs = np.triu_indices(roots.size, 1)
    pairs_and_self = np.triu_indices(roots.size)
    multiples = [
        np.zeros(pairs[0].size),
        2 + sums[pairs],
        sums[pairs_and_self],
        np.full(pairs_and_self[0].size, 2.0),
    ]
    return decay * np.sort(np.concatenate(multiples))
