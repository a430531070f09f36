"""The sentences that a degenerate sample or mixing law gets, before anything is compiled."""

import warnings
from typing import Any

import numpy as np

from theory_on_trial.arguments.sims_domain import (
    is_traced,
    require_above,
    require_at_most,
    require_count,
    require_finite,
    require_scale,
)

MOST_ITERATIONS = 10**6


def require_positive(name: str, value: Any, why: str) -> None:
    """Raise `ValueError` unless the number `value` is above 0 and no smaller or larger than `require_scale` admits."""
    require_above(name, value, 0, why)
    require_scale(name, value)


def require_iterations(iterations: int, tolerance: Any) -> None:
    """Raise `ValueError` for a budget of iterations below 1 or beyond a million, or a tolerance not above 0."""
    require_count("iterations", iterations, 1, "evaluations of gradient and Hessian")
    require_at_most("iterations", iterations, MOST_ITERATIONS, "a compiled loop cannot be interrupted")
    require_above("tolerance", tolerance, 0, "the relative Newton step cannot vanish")


def require_rows(name: str, rows: Any) -> None:
    """Raise `ValueError` unless `rows` is a finite matrix, not empty, of usable scale; traced values pass."""
    require_count(f"the number of rows of {name}", rows.shape[0], 1, "there is nothing to fit otherwise")
    require_count(f"the number of columns of {name}", rows.shape[1], 1, "a point has at least one coordinate")
    require_finite(name, rows)
    require_scale(name, rows)


def require_sample(features: Any, labels: Any) -> None:
    """Raise `ValueError` unless there are finite rows with labels in [0, 1]; warn where one class has them all."""
    require_rows("features", features)
    if is_traced(labels):
        return
    values = np.asarray(labels)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"labels must be in [0, 1], got {values[~((values >= 0) & (values <= 1))][0]}")
    if (values == values[0]).all() and values[0] in (0, 1):
        warnings.warn(
            "labels are all equal: mixing cannot bound the weights, and a finite minimiser exists only if 0 is "
            "interior to the hull of the mixtures",
            stacklevel=3,
        )


def require_probabilities(name: str, values: Any) -> None:
    """Raise `ValueError` unless `values` are weights that are not negative and sum to one; traced values pass."""
    if is_traced(values):
        return
    numbers = np.asarray(values)
    require_count(f"the number of {name}", numbers.size, 1, "a law has at least one atom")
    # Weights of a quadrature rule are rounded one by one.
    if not ((numbers >= 0).all() and abs(numbers.sum() - 1) <= 1e-9):
        raise ValueError(
            f"{name} must not be negative and sum to 1, got a least of {numbers.min()}, sum {numbers.sum()}"
        )


def require_unit_interval(name: str, values: Any) -> None:
    """Raise `ValueError` unless all `values` are in [0, 1]; traced values pass."""
    if not is_traced(values) and not ((np.asarray(values) >= 0) & (np.asarray(values) <= 1)).all():
        raise ValueError(f"{name} must be in [0, 1], got values from {np.min(values)} to {np.max(values)}")


def require_pair(mean: Any, factor: Any) -> None:
    """Raise `ValueError` unless μ is finite and not zero and the factor of Σ is invertible; traced values pass.

    Both are to be of the sizes of `require_scale`.
    """
    for name, values in (("mean", mean), ("factor", factor)):
        require_count(f"the dimension of {name}", values.shape[0], 1, "a point has at least one coordinate")
        require_finite(name, values)
        require_scale(name, values)
    if not is_traced(mean) and not np.asarray(mean).any():
        raise ValueError("mean must not be zero: there is no Bayes direction otherwise")
    if not is_traced(factor):
        singular_values = np.linalg.svd(np.asarray(factor), compute_uv=False)
        if not singular_values[-1] > len(singular_values) * 2**-52 * singular_values[0]:
            raise ValueError(
                "factor must be invertible: the noise covariance must be positive definite, there is no Bayes "
                f"direction otherwise; got singular values from {singular_values[-1]:g} to {singular_values[0]:g}"
            )
