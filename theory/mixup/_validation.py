"""The sentences that hostile input gets, before anything is computed."""

import numpy as np
from jaxtyping import Float, Int

from theory_on_trial.arguments.theory_domain import check_each

_NORMALISATION = 1e-9  # how far a sum of probabilities may be from one


def check_in_unit_interval(name: str, values: Float[np.ndarray, "..."]) -> None:
    """Raise unless the array is non-empty and every entry is in [0, 1]."""
    if values.size == 0:
        raise ValueError(f"{name} must be non-empty and lie in [0, 1], got an array of shape {values.shape}")
    check_each(name, values, (values >= 0) & (values <= 1), "be non-empty and lie in [0, 1]")


def check_probabilities(name: str, probabilities: Float[np.ndarray, " atoms"]) -> None:
    """Raise unless the entries are non-negative and sum to one (to 1e-9)."""
    check_each(name, probabilities, probabilities >= 0, "be non-negative and sum to one")
    if not abs(probabilities.sum() - 1) <= _NORMALISATION:
        raise ValueError(f"{name} must be non-negative and sum to one, got a sum of {probabilities.sum()}")


def check_same_length(name: str, values: np.ndarray, other_name: str, other: np.ndarray) -> None:
    """Raise unless both arrays have the same number of rows."""
    if len(values) != len(other):
        raise ValueError(
            f"{name} must have one row for each of the {len(other)} rows of {other_name}, got {len(values)}"
        )


def check_dimension(name: str, last_axis: int, dim: int) -> None:
    """Raise unless an axis that counts coordinates has `dim` of them."""
    if last_axis != dim:
        raise ValueError(f"{name} must have {dim} coordinates, got {last_axis}")


def check_hard_labels(labels: Int[np.ndarray, " points"]) -> None:
    """Raise unless every label is 0 or 1 and both occur."""
    if not np.array_equal(np.unique(labels), [0, 1]):
        raise ValueError(f"labels must be 0 or 1 with both classes present, got the values {np.unique(labels)}")
