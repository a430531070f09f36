"""Zheng et al. 2023, "Revisiting Discriminative vs. Generative Classifiers: Theory and
Implications", arXiv 2302.02334.

Only its abstract and its released code could be read, so no claim bears a theorem number of it:
what is on trial are the abstract's statements, the released simulation, and sharper laws derived
here. n is the number of features, m the number of samples, K the number of classes, Δ the
Mahalanobis distance between two classes.
"""

from typing import Annotated

import numpy as np

from theory_on_trial import code
from theory_on_trial.contract import MOST, Interval
from theory_on_trial.trial.provenance import Source

Samples = Annotated[int, Interval(10, MOST, why="a cap, which nothing requires")]
Correlation = Annotated[float, Interval(0, 1, "[)", why="at 1 there is one feature")]
OfficialClasses = Annotated[int, Interval(2, 7, why="as many class means as the released code has")]
Gap = Annotated[
    float, Interval(0.01, 50, why="classes that can be distinguished, with errors among floats")
]
"""Δ^2, the squared distance between two classes."""


def released(path: str, *, says: str = "") -> Source:
    """Name a file of the paper's released code."""
    return code("ML-GSAI/Revisiting-Dis-vs-Gen-Classifiers", path, "7969d05", says=says)


def equicorrelated(n_features: int, correlation: float) -> np.ndarray:
    """Return the covariance matrix with unit variances and one common correlation."""
    return (1 - correlation) * np.eye(n_features) + correlation


def two_classes(n_features: int, squared_distance: float) -> np.ndarray:
    """Return the means of two classes with unit variances whose distance lies along every feature
    alike.
    """
    half = np.sqrt(squared_distance / n_features) / 2
    return np.stack([np.full(n_features, -half), np.full(n_features, half)])


def half_informative(n_features: int = 20, gap: float = 0.8) -> np.ndarray:
    """Return the means of two classes that differ by `gap` in the first half of the features
    only.
    """
    difference = np.where(np.arange(n_features) < n_features // 2, gap, 0.0)
    return np.stack([-difference / 2, difference / 2])
