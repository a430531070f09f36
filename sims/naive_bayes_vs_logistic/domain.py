"""The sentences that a degenerate classification problem gets, before anything is compiled."""

from typing import Any

import numpy as np

from theory_on_trial.arguments.sims_domain import is_traced, require_count, require_covariance, require_finite


def require_classes(n_classes: int, name: str = "n_classes") -> None:
    """Raise `ValueError` unless there are at least two classes to tell apart; `name` says what counts them."""
    require_count(name, n_classes, 2, "there is nothing to tell apart otherwise")


def require_labels(labels: Any, n_classes: int) -> None:
    """Raise unless `labels` are integers (`TypeError`) in 0..n_classes-1 (`ValueError`; traced values pass)."""
    require_classes(n_classes)
    if not np.issubdtype(labels.dtype, np.integer):
        raise TypeError(f"labels must be integers, got dtype {labels.dtype}")
    if is_traced(labels):
        return
    outside = np.asarray(labels)[(np.asarray(labels) < 0) | (np.asarray(labels) >= n_classes)]
    if outside.size:
        raise ValueError(f"labels must lie in 0..{n_classes - 1}, got {outside[0]}")


def require_every_class(counts: Any, name: str = "counts") -> None:
    """Raise `ValueError` naming the first class without samples in the argument `name`; traced counts pass."""
    if not is_traced(counts) and not (np.asarray(counts) > 0).all():
        absent = int(np.argmax(~(np.asarray(counts) > 0)))
        raise ValueError(f"class {absent} has no samples in {name}: its mean is not defined")


def require_priors(priors: Any) -> None:
    """Raise `ValueError` unless `priors` are positive and sum to 1 (to rounding); traced values pass."""
    if is_traced(priors):
        return
    values = np.asarray(priors, float)
    rounding = values.size * np.finfo(np.asarray(priors).dtype).eps
    if not ((values > 0).all() and abs(values.sum() - 1) <= rounding):
        raise ValueError(f"priors must be positive and sum to 1, got {values.tolist()}")


def require_sizes(sizes: Any, n_classes: int, most: int | None = None) -> None:
    """Raise `ValueError` unless `sizes` rise strictly from n_classes or more to at most `most`; traced values pass."""
    if is_traced(sizes):
        return
    values = np.asarray(sizes)
    if values.size == 0 or (np.diff(values) <= 0).any() or values[0] < n_classes:
        raise ValueError(f"sizes must rise strictly from at least {n_classes} (the classes), got {values.tolist()}")
    if most is not None and values[-1] > most:
        raise ValueError(f"sizes must be at most the {most} samples there are, got {int(values[-1])}")


def require_variances(variances: Any, name: str = "variances") -> None:
    """Raise `ValueError` unless every variance in the argument `name` is finite and positive; traced values pass."""
    require_finite(name, variances)
    if not is_traced(variances) and not (np.asarray(variances) > 0).all():
        raise ValueError(f"variances must be positive, got {np.asarray(variances).min()} in {name}")


def require_variances_or_covariance(name: str, covariance: Any) -> None:
    """Raise `ValueError` unless n variances are not negative, or a matrix is positive semidefinite up to rounding.

    Traced values pass.
    """
    if covariance.ndim == 2:
        require_covariance(name, covariance)
    elif not is_traced(covariance) and (np.asarray(covariance) < 0).any():
        raise ValueError(f"{name} must have no negative variance, got {np.asarray(covariance).min()}")
