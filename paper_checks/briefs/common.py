"""What several pages need and what knows no theorem: both sides of a page may use it."""

from collections.abc import Callable

import numpy as np

TINY = 1e-30
"""The complex step: its square is lost beside any number of a page."""


def orthonormal(generator: np.random.Generator, dim: int, columns: int | None = None) -> np.ndarray:
    """Random orthonormal columns: (dim, columns), or a rotation or reflection (dim, dim) if
    `columns` is not given. They are those of the QR decomposition of a normal matrix.
    """
    return np.linalg.qr(generator.normal(size=(dim, columns or dim)))[0]


def derivative(function: Callable[[complex], complex], at: float) -> float:
    """The derivative of an analytic function of one number, by a complex step, which cancels no
    digits.
    """
    return (function(complex(at, TINY)) / TINY).imag


def gradient(function: Callable[[np.ndarray], np.ndarray], at: np.ndarray) -> np.ndarray:
    """The derivatives of an analytic function along every entry of an array, by complex steps.

    The function gets a stack of arrays (at.size, *at.shape), one bent along each entry, and returns
    a value for each, (at.size, …). The result has the shape (*at.shape, …).
    """
    bent = at + 1j * TINY * np.eye(at.size).reshape(-1, *at.shape)
    values = np.asarray(function(bent))
    return values.imag.reshape(*at.shape, *values.shape[1:]) / TINY
