"""The sentences that a degenerate walk gets, before anything is compiled."""

from typing import Any

import numpy as np

from sims.domain import is_traced, require_count


def require_points(n_points: int) -> None:
    """Raise `ValueError` unless there are at least two recorded points: one point has no variance."""
    require_count("n_points", n_points, 2, "need at least two recorded points")


def require_finite_rows(name: str, rows: Any) -> None:
    """Raise `ValueError` naming the first step (counted from 1) at which `rows` is not finite; traced values pass."""
    if is_traced(rows):
        return
    finite = np.isfinite(np.asarray(rows)).reshape(len(rows), -1).all(axis=1)
    if not finite.all():
        raise ValueError(f"{name} must be finite, its first non-finite row is step {int(np.argmin(finite)) + 1}")


def require_variance(total: Any) -> None:
    """Raise `ValueError` if a total variance is zero, so that ratios to it are undefined; traced values pass."""
    if not is_traced(total) and not float(total) > 0:
        raise ValueError(
            f"zero total variance: explained variance ratios are undefined (got a total of {float(total)})"
        )
