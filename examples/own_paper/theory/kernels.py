"""Random features of the Gaussian kernel (Rahimi and Recht 2007; Sutherland and Schneider 2015)."""

import numpy as np


def kernel(distance):
    return np.exp(-(distance**2) / 2)


def variance_of_pair(distance):
    """Of cos(w x) cos(w y) + sin(w x) sin(w y) at |x - y| = distance, frequency w ~ N(0, I)."""
    return (1 + kernel(2 * distance)) / 2 - kernel(distance) ** 2


def variance_with_phase(distance):
    """Of 2 cos(w x + b) cos(w y + b) with b uniform on the circle."""
    return variance_of_pair(distance) + 1 / 2
