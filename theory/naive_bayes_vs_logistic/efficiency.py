"""How much of the sample logistic regression wastes where linear discriminant analysis is right.

Two Gaussian classes of equal priors at Mahalanobis distance Δ; the efficiency is the limit, as m
grows, of the ratio of the two excess errors, LDA over maximum-likelihood logistic regression.
"""

from typing import Annotated

import numpy as np

from theory.naive_bayes_vs_logistic.domains import Features
from theory_on_trial.contract import Interval, guarded

_FARTHEST = 1e4  # the number of terms grows with it


@guarded
def logistic_relative_efficiency(
    distance: Annotated[float, Interval(0, _FARTHEST, why="beyond, the efficiency is zero")],
) -> float:
    """(1 + Δ^2 / 4) A(Δ), A = exp(-Δ^2 / 8) E 1 / cosh(Δ X / 2) with X ~ N(0, 1), for i.i.d.
    labels; one at Δ = 0.

    For any number of features; LDA must estimate the prior. Source: Efron 1975. Relative error
    about 1e-15.
    """
    return float(min(1.0, (1 + distance**2 / 4) * _overlap(distance)[0]))


@guarded
def logistic_relative_efficiency_balanced(
    distance: Annotated[float, Interval(0, _FARTHEST, "(]", why="beyond, the efficiency is zero")],
    n_features: Features,
) -> float:
    """The same ratio where the labels are balanced by design, (Δ^2 + (n-1)(4 + Δ^2)) / (4 n / A -
    4).

    Without the variance 4 of the priors' log odds; as n grows that of i.i.d. labels. Derived from
    Efron 1975.
    """
    overlap, deficit = _overlap(distance)
    lda = distance**2 + (n_features - 1) * (4 + distance**2)
    return float(min(1.0, lda * overlap / (4 * (n_features - 1 + deficit))))


def _overlap(distance: float) -> tuple[float, float]:
    """A = 4 E[p (1 - p)], p the posterior of a class, and 1 - A, each without cancellation."""
    half_width = 9.0  # beyond, the normal density is below 1e-18
    step = 1 / (
        2 * (1 + distance)
    )  # the poles of 1 / cosh are at distance pi / Delta from the real axis
    points = np.arange(-np.ceil(half_width / step), np.ceil(half_width / step) + 1) * step
    weights = step * np.exp(-(points**2) / 2) / np.sqrt(2 * np.pi)
    half_logits = np.abs(distance * points / 2)
    log_cosh = half_logits + np.log1p(np.expm1(-2 * half_logits) / 2)
    log_ratio = -(distance**2) / 8 - log_cosh
    return float(weights @ np.exp(log_ratio)), float(weights @ -np.expm1(log_ratio))
