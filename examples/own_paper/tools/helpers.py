"""Small things that theory and simulations share."""

import numpy as np


def log_sum_exp(values):
    """log sum exp over the last axis, without overflow."""
    top = np.max(values, axis=-1, keepdims=True)
    return np.log(np.sum(np.exp(values - top), axis=-1)) + top[..., 0]


def relu(values):
    return np.maximum(values, 0)
