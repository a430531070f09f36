"""What a user hands in, checked, ordered by class and brought to the units of the theory."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from theory import neural_collapse as predicted

_LEAST_DECAY = 1e-100  # powers and products of the decays of all layers must not vanish in float64


@dataclass(frozen=True, eq=False)
class Head:
    """A head and the features entering it, in the notation of `certify_head`.

    Features have a column per sample, samples are ordered by class, and decays are those that go with |.|^2 / (2 N) or
    the mean cross-entropy. `rcond` is the cut-off of NC1 that the precision of the features allows.
    """

    weights: list[Float[np.ndarray, "_ _"]]
    features: Float[np.ndarray, "inputs samples"]
    labels: Int[np.ndarray, " samples"]
    class_sizes: tuple[int, ...]
    weight_decays: tuple[float, ...]
    feature_decay: float
    bias: Float[np.ndarray, " classes"] | None
    rcond: float

    @property
    def n_classes(self) -> int:
        """K."""
        return len(self.class_sizes)

    @property
    def widths(self) -> tuple[int, ...]:
        """d_1 .. d_M, the inputs of each layer."""
        return tuple(layer.shape[1] for layer in self.weights)

    def logits(self) -> Float[np.ndarray, "classes samples"]:
        """W_M ... W_1 H, without the bias."""
        outputs = self.features
        for layer in self.weights:
            outputs = layer @ outputs
        return outputs


def checked_head(
    weights: Sequence[Any],
    features: Any,
    labels: Any,
    decays: Sequence[float | int],
    bias: Any,
    normalisation: str | float | int,
) -> tuple[Head, float]:
    """The head, and alpha. Raises as `certify_head`."""
    if len(weights) == 0:
        raise ValueError("weights must hold at least one layer, got none")
    layers = [_matrix(f"weights[{index}]", layer) for index, layer in enumerate(weights)]
    rows = _matrix("features", features)
    try:
        classes = np.asarray(labels)
    except ValueError:
        raise TypeError("labels must be integers, got lists of different lengths") from None
    if classes.dtype.kind not in "iu":
        raise TypeError(f"labels must be integers, got {classes.dtype}")
    if classes.shape != (len(rows),):
        raise ValueError(f"labels must be one for each of the {len(rows)} rows of features, got shape {classes.shape}")
    shapes = [rows.T.shape, *(layer.shape for layer in layers)]
    for index, (entering, layer) in enumerate(itertools.pairwise(shapes)):
        if layer[1] != entering[0]:
            raise ValueError(f"weights[{index}] must have a column for each of {entering[0]} inputs, got {layer[1]}")
    n_classes = len(layers[-1])
    if classes.min() < 0 or classes.max() >= n_classes:
        raise ValueError(f"labels must be in 0 .. {n_classes - 1}, got {classes.min()} .. {classes.max()}")
    sizes = np.bincount(classes, minlength=n_classes)
    if sizes.min() == 0:
        raise ValueError(f"labels must have samples of every class, got none of class {sizes.argmin()}")
    strengths = _real_numbers("decays", decays)
    if strengths.shape != (len(layers) + 1,) or not np.all(np.isfinite(strengths) & (strengths > 0)):
        raise ValueError(
            f"decays must be {len(layers) + 1} positive numbers, of each layer and of the features, got {decays}"
        )
    offsets = None if bias is None else _real_numbers("bias", bias)
    if offsets is not None and (offsets.shape != (n_classes,) or not np.isfinite(offsets).all()):
        raise ValueError(f"bias must be {n_classes} finite numbers, one per class, got {offsets}")
    if offsets is not None and n_classes < 2:
        raise ValueError("bias must be None for a single class, which it would fit alone")
    alpha = 1 / predicted.decay_in_half_mean_square(1.0, n_classes, normalisation)
    if np.any(strengths / alpha < _LEAST_DECAY):
        raise ValueError(f"decays over the normalisation must be at least {_LEAST_DECAY:g}, got {strengths / alpha}")
    order = np.argsort(classes, kind="stable")
    *weight_decays, feature_decay = (strengths / alpha).tolist()
    is_single = np.can_cast(np.asarray(features).dtype, np.float32)
    head = Head(
        weights=layers,
        features=rows[order].T,
        labels=classes[order],
        class_sizes=tuple(sizes.tolist()),
        weight_decays=tuple(weight_decays),
        feature_decay=feature_decay,
        bias=offsets,
        rcond=1e-6 * n_classes if is_single else 1e-10,
    )
    return head, alpha


def _matrix(name: str, values: Any) -> Float[np.ndarray, "_ _"]:
    matrix = _real_numbers(name, values, "a matrix of numbers")
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise ValueError(f"{name} must be a matrix with at least one row and one column, got shape {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise ValueError(f"{name} must hold finite numbers, got {matrix[~np.isfinite(matrix)][0]}")
    return matrix


def _real_numbers(name: str, values: Any, what: str = "real numbers") -> Float[np.ndarray, "..."]:
    try:
        if np.iscomplexobj(values):
            raise TypeError
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be {what}, got {type(values).__name__}") from None
