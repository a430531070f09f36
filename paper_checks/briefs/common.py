"""What several pages need and what knows no theorem: both sides of a page may use it."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import roots_jacobi

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


def normal_nodes(n_nodes: int, variables: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes (n_nodes^variables, variables) and weights for independent standard normal numbers,
    exact for polynomials up to degree 2 n_nodes - 1 in each: the rule of Gauss and Hermite.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(n_nodes)
    grid = np.meshgrid(*[nodes] * variables, indexing="ij")
    chances = np.meshgrid(*[weights / weights.sum()] * variables, indexing="ij")
    return np.reshape(grid, (variables, -1)).T, np.prod(chances, axis=0).ravel()


def symmetric_root(covariance: np.ndarray) -> np.ndarray:
    """The symmetric root of a covariance (dim, dim)."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(values) @ vectors.T


def beta_rule(alpha: float, beta: float, n_nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes (n_nodes,) in (0, 1) and weights (n_nodes,) of the law Beta(α, β), α and β positive,
    exact for polynomials up to degree 2 n_nodes - 1: the rule of Gauss and Jacobi.
    """
    # SciPy has a rule of its own for α = β, which divides 0 by 0 beside 1/2. An ulp away it does
    # not take it.
    nodes, weights = roots_jacobi(n_nodes, np.nextafter(beta - 1, 0), alpha - 1)
    return (nodes + 1) / 2, weights / weights.sum()


def mixed_pairs(
    points: np.ndarray, labels: np.ndarray, shares: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What Mixup trains on: λ x_i + (1 - λ) x_j and λ y_i + (1 - λ) y_j, for each λ of `shares`
    (shares,) and all ordered pairs of `points` (n, dim) with `labels` (n,). The mixtures are
    (shares, n, n, dim), their labels (shares, n, n).
    """
    share = shares[:, None, None]
    mixtures = share[..., None] * points[:, None] + (1 - share[..., None]) * points
    return mixtures, share * labels[:, None] + (1 - share) * labels


def apart(theories: dict[str, Any], law: Any, least: float) -> dict[str, Any]:
    """The theories that differ from the law by more than `least` in some entry: those that are
    wrong at this setting.
    """
    return {
        name: value
        for name, value in theories.items()
        if np.max(np.abs(np.subtract(value, law))) > least
    }
