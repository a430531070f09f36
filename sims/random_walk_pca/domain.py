"""The sentences that a degenerate walk gets, before anything is compiled."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from theory_on_trial.arguments.sims_domain import is_traced, require_count


def require_points(n_points: int) -> None:
    """Raise `ValueError` unless there are at least two recorded points: one point has no variance."""
    require_count("n_points", n_points, 2, "need at least two recorded points")


def require_rows(name: str, rows: Any) -> None:
    """Raise `ValueError` unless `rows` are at least two points in at least one dimension, all finite.

    The first step (counted from 1) that is not finite is named; traced values pass.
    """
    require_count(
        f"the number of rows of {name}", rows.shape[0], 2, "at least two recorded points: one point has no variance"
    )
    require_count(f"the number of columns of {name}", rows.shape[1], 1, "need at least one coordinate")
    require_finite_rows(name, rows)


def require_gram(name: str, gram: Any) -> None:
    """Raise `ValueError` unless `gram` can be the inner products of at least two points; traced values pass.

    They are finite (the first row that is not is named), symmetric, and none is negative on the diagonal.
    """
    require_rows(name, gram)
    if is_traced(gram):
        return
    products = np.asarray(gram)
    # In fractions of the largest entry, so that no difference overflows; half the digits are left to rounding.
    products = products / (np.abs(products).max() or 1)
    rounding = float(jnp.finfo(products.dtype).eps) ** 0.5
    if np.abs(products - products.T).max() > rounding or products.diagonal().min() < -rounding:
        raise ValueError(f"{name} must be symmetric with no negative entry on its diagonal: products of the points")


def require_finite_rows(name: str, rows: Any) -> None:
    """Raise `ValueError` naming the first step (counted from 1) at which `rows` is not finite; traced values pass."""
    if is_traced(rows):
        return
    finite = np.isfinite(np.asarray(rows)).all(axis=1)
    if not finite.all():
        raise ValueError(f"{name} must be finite, its first non-finite row is step {int(np.argmin(finite)) + 1}")


def require_variance(name: str, total: Any) -> None:
    """Raise `ValueError` if a total variance is zero, or so small that it has lost digits; traced values pass."""
    if is_traced(total):
        return
    limits = jnp.finfo(jnp.asarray(total).dtype)
    if not float(total) > float(limits.tiny) / float(limits.eps):
        raise ValueError(
            f"{name} must have a variance that can be told from zero: with zero total variance, explained variance "
            f"ratios are undefined (got a total of {float(total)})"
        )
