"""Gradient descent on convex functions with an L-Lipschitz gradient, steps 1 / L, at distance R
from a minimiser.
"""

import numpy as np


def worst_gap(steps, smoothness=1.0, radius=1.0):
    """What f(x_N) - f* never exceeds after N steps (Drori and Teboulle 2014, Theorem 3.1)."""
    return smoothness * radius**2 / (4 * np.asarray(steps) + 2)


def worst_gap_on_quadratics(steps, smoothness=1.0, radius=1.0):
    n = 2.0 * np.asarray(steps)
    return smoothness * radius**2 / (2 * (n + 1)) * (n / (n + 1)) ** n


def accelerated_gap(steps, smoothness=1.0, radius=1.0):
    """The bound for Nesterov's method (Beck and Teboulle 2009, Theorem 4.4)."""
    return 2 * smoothness * radius**2 / (np.asarray(steps) + 1) ** 2
