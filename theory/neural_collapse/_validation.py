"""The sentences that hostile input gets, before anything is computed."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from theory_on_trial.arguments.theory_domain import check_positive


def checked_class_sizes(class_sizes: Sequence[int] | Int[np.ndarray, " classes"]) -> Int[np.ndarray, " classes"]:
    """The class sizes as an array; raises unless they are positive integers, at least one of them."""
    sizes = np.asarray(class_sizes)
    if sizes.ndim != 1 or sizes.size == 0 or not np.issubdtype(sizes.dtype, np.integer):
        raise ValueError(f"class_sizes must be a non-empty list of integers, got {class_sizes!r}")
    if np.any(sizes < 1):
        raise ValueError(f"class_sizes must all be at least 1 (leave out an empty class), got {sizes.tolist()}")
    return sizes.astype(np.int64)


def checked_decays(
    weight_decays: Sequence[float | int] | Float[np.ndarray, " depth"], feature_decay: float | int
) -> Float[np.ndarray, " depth"]:
    """The weight decays of all layers as an array; raises unless they and the feature decay are positive."""
    try:
        decays = np.asarray(weight_decays, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(f"weight_decays must hold one number per linear layer, got {weight_decays!r}") from None
    if decays.ndim != 1 or decays.size == 0:
        raise ValueError(f"weight_decays must hold one decay per linear layer, at least one, got {weight_decays!r}")
    if not np.all(np.isfinite(decays) & (decays > 0)):
        raise ValueError(f"weight_decays must be finite and positive (else no minimiser exists), got {decays.tolist()}")
    check_positive("feature_decay", feature_decay)
    return decays


def checked_widths(
    widths: Sequence[int] | Int[np.ndarray, " depth"] | None, depth: int, default: int
) -> Int[np.ndarray, " depth"]:
    """The input widths d_1, ..., d_M of all layers as an array, `default` each if None; raises unless positive."""
    if widths is None:
        return np.full(depth, default)
    checked = np.asarray(widths)
    if checked.shape != (depth,) or not np.issubdtype(checked.dtype, np.integer) or np.any(checked < 1):
        raise ValueError(f"widths must be {depth} positive integers, the input width of each layer, got {widths!r}")
    return checked.astype(np.int64)


def check_labels(labels: Int[np.ndarray, " samples"], n_classes: int) -> None:
    """Raise unless the labels are in 0, ..., `n_classes` - 1 and there is at least one."""
    if labels.size == 0 or labels.min() < 0 or labels.max() >= n_classes:
        raise ValueError(f"labels must be integers in 0, ..., {n_classes - 1}, at least one, got {labels.tolist()}")


def check_chain(weights: Sequence[Float[np.ndarray, "_ _"]], features: Float[np.ndarray, "_ samples"]) -> None:
    """Raise unless W_M ... W_1 H can be multiplied and holds finite numbers."""
    if len(weights) == 0:
        raise ValueError("weights must hold at least one layer, got none")
    shapes = [factor.shape for factor in (features, *weights)]
    if any(left[1] != right[0] for left, right in zip(shapes[1:], shapes[:-1], strict=True)):
        raise ValueError(f"features and weights W_1, ..., W_M must have chaining shapes, got {shapes}")
    if not all(np.all(np.isfinite(factor)) for factor in (features, *weights)):
        raise ValueError("features and weights must hold finite numbers, got infinities or NaN")
