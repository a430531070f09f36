"""The edge of the spectrum of a Gaussian matrix (Marchenko and Pastur 1967; Johnstone 2001)."""

import numpy as np

MEAN_OF_TRACY_WIDOM = -1.2065335745820  # of the law for real matrices


def edge(n, d):
    """Limit of the largest singular value of an n x d matrix of N(0, 1) entries, over sqrt(n)."""
    return 1 + np.sqrt(d / n)


def mean_at_edge(n, d):
    """The same at finite size, with the mean of the Tracy-Widom law in Johnstone's centring and
    scaling.
    """
    root = np.sqrt(n - 1) + np.sqrt(d)
    scale = root * (1 / np.sqrt(n - 1) + 1 / np.sqrt(d)) ** (1 / 3)
    return np.sqrt((root**2 + MEAN_OF_TRACY_WIDOM * scale) / n)
