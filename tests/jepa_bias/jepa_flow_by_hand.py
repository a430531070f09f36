"""The scalar and matrix flows by their definition: the brute force that closed forms are held
against.
"""

from functools import reduce

import mpmath
import numpy as np

UNIT_ROUNDOFF = 2.0**-53


def exact_time(strength, init, depth, covariance, regression, objective):
    """Theorem 4.4 and its counterpart for MAE as they print, in mpmath: a sum and a 2F1; paper
    clock.
    """
    rho = mpmath.mpf(regression)
    covariance = mpmath.mpf(covariance)
    w, w0 = (mpmath.mpf(value) ** (mpmath.mpf(1) / depth) for value in (strength, init))
    if objective == "jepa":
        terms = [(w0**-n - w**-n) / (n * rho ** (2 * depth - 1 - n)) for n in range(1, 2 * depth)]
        logs = mpmath.log(w / w0) + mpmath.log((1 - w0 / rho) / (1 - w / rho))
        return depth / covariance * (mpmath.fsum(terms) + rho ** -(2 * depth - 1) * logs)

    def primitive(u):
        if depth == 1:
            return mpmath.log(u) - mpmath.log(1 - u**2) / 2
        power = mpmath.mpf(2) / (depth + 1)
        rise = u**2 / 2 * mpmath.hyp2f1(1, power, 1 + power, u ** (depth + 1))
        return -(u ** (1 - depth)) / (depth - 1) + rise

    scale = rho ** (mpmath.mpf(-1) / (depth + 1))
    prefactor = rho ** (mpmath.mpf(1 - depth) / (depth + 1))
    return depth / covariance * prefactor * (primitive(w * scale) - primitive(w0 * scale))


def product(factors, like):
    """W_k ... W_1 of a list of factors, the identity if it is empty, in the number type of
    `like`.
    """
    return reduce(lambda right, left: left @ right, factors, np.eye(len(like), dtype=like.dtype))


def gradients(layers, predictor, Sigma_xx, Sigma_yx, objective, transpose=np.transpose):
    """Gradients of both losses with respect to W_1, ..., W_L and V, stop-gradient included, by the
    chain rule.
    """
    encoder = product(layers, Sigma_xx)
    target = encoder @ Sigma_yx if objective == "jepa" else Sigma_yx
    residual = predictor @ encoder @ Sigma_xx - target
    of_layers = [
        transpose(predictor @ product(layers[a + 1 :], Sigma_xx))
        @ residual
        @ transpose(product(layers[:a], Sigma_xx))
        for a in range(len(layers))
    ]
    return [*of_layers, residual @ transpose(encoder)]
