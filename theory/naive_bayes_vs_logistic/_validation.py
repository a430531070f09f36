"""The sentences that hostile input gets, before anything is computed."""

import numpy as np
from jaxtyping import Float

from theory_on_trial.arguments.theory_domain import check_each, check_finite, check_integer

Covariance = Float[np.ndarray, "features features"] | Float[np.ndarray, " features"]


def check_features(n_features: int) -> None:
    """Raise unless `n_features` is an integer of at least one."""
    check_integer("n_features", n_features)
    if n_features < 1:
        raise ValueError(f"n_features must be at least 1, got {n_features}")


def check_classes(n_classes: int) -> None:
    """Raise unless `n_classes` is an integer of at least two."""
    check_integer("n_classes", n_classes)
    if n_classes < 2:
        raise ValueError(f"n_classes must be at least 2, got {n_classes}")


def check_training_size(n_samples: float | int) -> None:
    """Raise unless the (real) training size gives each of two balanced classes at least one sample."""
    if not (np.isfinite(n_samples) and n_samples >= 2):
        raise ValueError(f"n_samples must be finite and at least 2 (one sample per class), got {n_samples}")


def check_means(means: Float[np.ndarray, "classes features"]) -> None:
    """Raise unless there are at least two classes with finite means of at least one feature."""
    if means.shape[0] < 2:
        raise ValueError(f"means must have one row per class and at least 2 rows, got {means.shape[0]}")
    check_finite("means", means)


def check_logit_bound(logit_bound: float | int) -> None:
    """Raise unless the bound on the logits is positive; infinity means no bound."""
    if not logit_bound > 0:
        raise ValueError(f"logit_bound must be positive (np.inf for none), got {logit_bound}")


def check_distributions(name: str, probabilities: Float[np.ndarray, "*points classes"]) -> None:
    """Raise unless the last axis holds non-negative numbers that sum to one (to 1e-9), over at least two classes."""
    if probabilities.shape[-1] < 2:
        raise ValueError(f"{name} must have at least 2 classes on the last axis, got {probabilities.shape[-1]}")
    check_each(name, probabilities, probabilities >= 0, "be non-negative")
    totals = np.asarray(probabilities.sum(axis=-1))
    check_each(name, totals, np.abs(totals - 1) <= 1e-9, "sum to one over the last axis")


def equal_unless_given(priors: Float[np.ndarray, " classes"] | None, n_classes: int) -> Float[np.ndarray, " classes"]:
    """The class priors, equal ones where `priors` is None; raise unless they are positive and sum to one."""
    if priors is None:
        return np.full(n_classes, 1 / n_classes)
    if priors.shape[0] != n_classes:
        raise ValueError(f"priors must have one entry for each of the {n_classes} classes, got {priors.shape[0]}")
    check_distributions("priors", priors)
    if not np.all(priors > 0):
        raise ValueError(f"priors must be positive (a class of prior 0 has no samples), got {priors}")
    return priors
