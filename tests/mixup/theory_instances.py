"""Instances on which the theory of Mixup is tested, and the rounding unit of their tolerances."""

import warnings

import numpy as np
from hypothesis import settings

from theory.mixup import GaussianPair, MixingLaw

ROUNDING = 2.0**-53
general = settings(deadline=None, derandomize=True, max_examples=20)
CONDITION = 40.0  # no covariance drawn here is worse conditioned


def random_covariance(rng, dim):
    axes, _ = np.linalg.qr(rng.normal(size=(dim, dim)))
    covariance = (axes * rng.uniform(0.2, 8, dim)) @ axes.T
    return (covariance + covariance.T) / 2


def reference_pair(separability):
    """The pair in the plane whose constants are known as fractions."""
    return GaussianPair(np.array([1.0, 1.0]), np.diag([0.2, 1.8]), separability)


def hard_law(*values, input_weight=None):
    """Equally likely lambdas in {0, 1}, without the warning that this is no mixing of labels."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MixingLaw.atoms(
            np.array(values), np.full(len(values), 1 / len(values)), input_weight
        )
