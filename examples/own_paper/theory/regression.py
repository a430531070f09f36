"""Least squares without a penalty, standard normal features: exact risks from the mean of an
inverse Wishart matrix.
"""


def risk(n, d, noise=1.0, signal=1.0):
    """Mean of |b^ - b|^2 for the least-squares solution of least norm; n points, d features, n != d
    and d +- 1.

    noise is the variance of a label, signal is |b|^2.
    """
    if n > d + 1:
        return noise * d / (n - d - 1)
    if d > n + 1:
        return signal * (1 - n / d) + noise * n / (d - n - 1)
    return float("inf")


def proportional_risk(n, d, noise=1.0, signal=1.0):
    """Its limit as n and d grow together (Hastie, Montanari, Rosset and Tibshirani 2022)."""
    ratio = d / n
    if ratio < 1:
        return noise * ratio / (1 - ratio)
    return signal * (1 - 1 / ratio) + noise / (ratio - 1)
