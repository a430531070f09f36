"""What a user hands in, checked and brought to matrices."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from theory_on_trial.own_data.jackknife import GROUPS, stratified_groups

_SHORTEST = 1e-140  # range of a feature


def checked_features(
    X: Any, y: Any
) -> tuple[Float[np.ndarray, "samples features"], Int[np.ndarray, " samples"], tuple[Any, ...]]:
    """Features scaled to [0, 1] by their ranges, class numbers 0..K-1, and the class labels these stand for.

    Raises as `assumption_diagnostics`.
    """
    try:
        # Complex numbers would lose their imaginary parts, with a warning only.
        features = np.asarray(X, dtype=None if np.iscomplexobj(X) else float)
    except (TypeError, ValueError):
        raise TypeError("X must hold numbers only, got entries that are none") from None
    if np.iscomplexobj(features):
        raise TypeError("X must hold real numbers, got complex ones")
    if features.ndim != 2 or features.shape[1] < 2:
        raise ValueError(f"X must be a matrix, a row per sample, of at least 2 features, got shape {features.shape}")
    names = list(getattr(X, "columns", range(features.shape[1])))
    if not np.isfinite(features).all():
        row, column = np.argwhere(~np.isfinite(features))[0]
        raise ValueError(f"X must be finite, got {features[row, column]} in row {row}, feature {names[column]}")
    labels, classes = _class_numbers(y)
    if len(labels) != len(features):
        raise ValueError(f"y must have a label for each of the {len(features)} rows of X, got {len(labels)}")
    _require_enough(features, labels, classes)
    ranges = np.ptp(features, axis=0)
    if not np.all((ranges == 0) | (ranges > _SHORTEST) & (ranges < 1 / _SHORTEST)):
        raise ValueError(f"X must have features whose squared ranges float64 can hold, got ranges {ranges.tolist()}")
    features = (features - features.min(axis=0)) / np.where(ranges > 0, ranges, 1)
    _require_varying(features, labels, names)
    return features, labels, classes


def _class_numbers(y: Any) -> tuple[Int[np.ndarray, " samples"], tuple[Any, ...]]:
    try:
        values = np.asarray(y)
    except ValueError:
        raise ValueError("y must be one label per sample, got lists of different lengths") from None
    if values.ndim != 1:
        raise ValueError(f"y must be one label per sample, got shape {values.shape}")
    if values.dtype.kind not in "biuOUST":
        raise TypeError(f"y must hold labels (integers, booleans, strings or categories), got {values.dtype}")
    if values.dtype.kind == "O" and any(value is None or value != value for value in values):
        raise ValueError("y must have a label for every sample, got a missing one")
    classes, labels = np.unique(values, return_inverse=True)
    for category in getattr(getattr(y, "dtype", None), "categories", ()):
        if category not in classes:
            raise ValueError(f"class {category!r} of y has no samples")
    return labels, tuple(classes.tolist())


def _require_enough(
    features: Float[np.ndarray, "samples features"], labels: Int[np.ndarray, " samples"], classes: tuple[Any, ...]
) -> None:
    (n_samples, n_features), n_classes = features.shape, len(classes)
    if n_classes < 2:
        raise ValueError(f"y must hold at least 2 classes, got {n_classes}")
    counts = np.bincount(labels)
    if counts.min() < 3:
        raise ValueError(
            f"y must have at least 3 samples of each class, got {counts.min()} of {classes[counts.argmin()]!r}"
        )
    # One group left out, the inverse of the pooled covariance must still have a mean.
    fewest = max(2 * GROUPS, -(-GROUPS * (n_features + n_classes + 4) // (GROUPS - 1)))
    if n_samples < fewest:
        raise ValueError(
            f"X must have at least {fewest} rows for {n_features} features and {n_classes} classes, got {n_samples}"
        )


def _require_varying(
    features: Float[np.ndarray, "samples features"], labels: Int[np.ndarray, " samples"], names: list[Any]
) -> None:
    groups = stratified_groups(labels)
    constant = np.zeros(features.shape[1], bool)
    for group in range(GROUPS):
        kept, of_class = features[groups != group], labels[groups != group]
        ranges = [np.ptp(kept[of_class == k], axis=0) for k in np.unique(labels)]
        constant |= np.max(ranges, axis=0) == 0
    if constant.any():
        listed = ", ".join(str(names[i]) for i in np.flatnonzero(constant))
        raise ValueError(
            f"X must vary within the classes, also without any twentieth of the rows; these features do not: {listed}"
        )
    counts = np.bincount(labels)
    means = np.array([features[labels == k].mean(axis=0) for k in range(len(counts))])
    smallest = np.linalg.eigvalsh(np.corrcoef((features - means[labels]).T))[0]
    if smallest < 1e-10:
        raise ValueError(
            "X must have features that are linearly independent within the classes, got correlations whose smallest "
            f"eigenvalue is {smallest:.1e}"
        )
