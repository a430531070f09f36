"""The sentences that hostile input gets, before anything is computed."""

import numpy as np
from jaxtyping import Float, Int

from theory.domain import check_integer

_NORMALISATION = 1e-9  # how far a sum of probabilities may be from one


def check_finite(name: str, values: Float[np.ndarray, "..."]) -> None:
    """Raise unless the array is non-empty and finite."""
    if values.size == 0 or not np.all(np.isfinite(values)):
        raise ValueError(f"{name} must be non-empty and finite, got {values}")


def check_in_unit_interval(name: str, values: Float[np.ndarray, "..."]) -> None:
    """Raise unless the array is non-empty and every entry is in [0, 1]."""
    if values.size == 0 or not np.all((values >= 0) & (values <= 1)):
        raise ValueError(f"{name} must be non-empty and lie in [0, 1], got {values}")


def check_probabilities(name: str, probabilities: Float[np.ndarray, " atoms"]) -> None:
    """Raise unless the entries are non-negative and sum to one (to 1e-9)."""
    if not (np.all(probabilities >= 0) and abs(probabilities.sum() - 1) <= _NORMALISATION):
        raise ValueError(f"{name} must be non-negative and sum to one, got {probabilities}")


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


def check_open_fraction(name: str, value: float | int) -> None:
    """Raise unless the scalar is strictly between zero and one."""
    if not 0 < value < 1:
        raise ValueError(f"{name} must be strictly between 0 and 1, got {value}")


def check_non_negative(name: str, value: float | int) -> None:
    """Raise unless the scalar is finite and at least zero."""
    if not (np.isfinite(value) and value >= 0):
        raise ValueError(f"{name} must be finite and non-negative, got {value}")


def check_at_least(name: str, value: int, least: int) -> None:
    """Raise unless `value` is an integer of at least `least`."""
    check_integer(name, value)
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")


def check_hard_labels(labels: Int[np.ndarray, " points"]) -> None:
    """Raise unless every label is 0 or 1 and both occur."""
    if not np.array_equal(np.unique(labels), [0, 1]):
        raise ValueError(f"labels must be 0 or 1 with both classes present, got the values {np.unique(labels)}")
