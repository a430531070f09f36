"""Instances on which the theory of Mixup is tested, and the rounding unit of their tolerances."""

import warnings

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from theory.mixup.classes import GaussianPair, MixingLaw

ROUNDING = 2.0**-53
general = settings(deadline=None, derandomize=True, max_examples=20)
CONDITION = 40.0  # no covariance drawn here is worse conditioned


def random_covariance(rng, dim):
    axes, _ = np.linalg.qr(rng.normal(size=(dim, dim)))
    covariance = (axes * rng.uniform(0.2, 8, dim)) @ axes.T
    return (covariance + covariance.T) / 2


@st.composite
def gaussian_pairs(draw, least_dim=2, most_dim=8, separabilities=(0.2, 8.0)):
    """A pair whose mean has no small coordinate, nor too much signal for the loss without
    augmentation.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dim = draw(st.integers(least_dim, most_dim))
    mean = rng.uniform(0.3, 1.5, dim) * rng.choice([-1.0, 1.0], dim)
    covariance = random_covariance(rng, dim)
    signal = mean @ np.linalg.solve(covariance, mean)
    return GaussianPair(mean / np.sqrt(signal), covariance, draw(st.floats(*separabilities)))


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


UNIFORM = MixingLaw.beta(1.0)
