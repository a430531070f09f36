"""The sentences that hostile input gets, before anything is computed."""

import numpy as np
from jaxtyping import Float

from theory_on_trial.arguments.theory_domain import check_integer


def check_points(n_points: int) -> None:
    """Raise unless `n_points` is an integer of at least two: centring removes one point, and PCA needs a direction."""
    check_integer("n_points", n_points)
    if n_points < 2:
        raise ValueError(f"n_points must be at least 2 (PCA needs at least two recorded points), got {n_points}")


def check_components(n_components: int, most: int | None = None) -> None:
    """Raise unless `n_components` is an integer of at least one and, where there are only `most`, at most that."""
    check_integer("n_components", n_components)
    if n_components < 1 or (most is not None and n_components > most):
        allowed = "at least 1" if most is None else f"between 1 and {most}"
        raise ValueError(f"n_components must be {allowed}, got {n_components}")


def check_momentum(momentum: float | int) -> None:
    """Raise unless the momentum is in [0, 1]; one is allowed because it is a walk of its own."""
    if not 0 <= momentum <= 1:
        raise ValueError(f"momentum must be in [0, 1], where 1 is the integrated walk, got {momentum}")


def check_rate(rate: float | int) -> None:
    """Raise unless the Ornstein-Uhlenbeck rate is in [0, 2); zero is allowed because it is the plain walk."""
    if not 0 <= rate < 2:
        raise ValueError(f"rate must be in [0, 2), because the process is unstable where |1 - rate| >= 1, got {rate}")


def check_stationary_rate(rate: float | int) -> None:
    """Raise unless the Ornstein-Uhlenbeck process of this rate has a stationary law."""
    if not 0 < rate < 2:
        raise ValueError(f"rate must be in (0, 2) for a stationary law to exist, got {rate}")


def check_spectrum(name: str, spectrum: Float[np.ndarray, " spectrum"]) -> None:
    """Raise unless `spectrum` holds finite, non-negative variances that are not all zero."""
    if spectrum.size == 0:
        raise ValueError(f"{name} must hold at least one variance, got an empty array")
    if not np.all(np.isfinite(spectrum)) or np.any(spectrum < 0):
        raise ValueError(f"{name} must hold finite, non-negative variances, got {spectrum}")
    if not np.any(spectrum > 0):
        raise ValueError(f"{name} must not be all zero (zero total variance: ratios are undefined)")
