"""Averages of independent numbers: four statements that every course makes, one of them false as it
is often made.
"""

from typing import Annotated

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from theory_on_trial import claim, derived, paper, published
from theory_on_trial.contract import Count, Fraction, Interval
from theory_on_trial.laws import SubGaussian

from sims import averages as observed
from theory import averages as predicted


@claim(
    paper("Bernstein 1924"),
    kind="bound",
    cases=[(10, 0.01), (100, 0.003)],
    not_tight="worst case over every law with this variance and range",
)
def test_bernstein(
    trial,
    n: Annotated[int, Interval(10)],
    p: Annotated[float, Interval(0, 0.02, "()", why="else the variance is enough")],
):
    """The share of heads in n flips exceeds the chance p by t with probability at most
    exp(-n t^2 / (2 (p (1 - p) + t / 3))), for every t > 0.
    """
    heads, probabilities = observed.flips(n, p)
    beyond = heads > n * p
    deviations = heads[beyond] / n - p
    trial.bound(
        np.cumsum(probabilities[::-1])[::-1][beyond],
        predicted.bernstein(n, p * (1 - p), deviations),
        instances="all",
        ops=4 * n,  # of a sum of n products of n factors, each relative to itself
        controls={
            "with the variance alone": predicted.bernstein_without_range(n, p * (1 - p), deviations)
        },
    )


@claim(paper("de Moivre 1738"), kind="rate")
def test_monte__carlo(
    trial, sizes: tuple[Count, ...] = (16, 32, 64, 128, 256, 512), p: Fraction = 1 / 3
):
    """The mean error of a probability estimated from n independent points falls as n^(-1/2)."""
    errors = np.array([observed.mean_error(n, p) for n in sizes])
    trial.order(
        errors,
        sizes,
        predicted.MONTE_CARLO_EXPONENT,
        rounding=4 * np.array(sizes) * 2.0**-52 * errors,
        margin=0.02,
        controls={"1 / n": -1.0, "n^(-1/3)": -1 / 3},
        control_processes={
            "one point in each of n cells": [observed.stratified_mean_error(n, p) for n in sizes]
        },
    )


@claim(derived("the ratio of a chi-square to a sum of two"), kind="distribution", cases=[2, 5])
def test_squared_cosine(trial, dim: Annotated[int, Interval(2)]):
    """The squared cosine between two random directions in R^d has the law Beta(1/2, (d - 1)/2)."""
    trial.distribution(
        lambda key: observed.squared_cosine(key, dim),
        predicted.squared_cosine_cdf(dim),
        margin=0.02,
        controls={"the square of N(0, 1 / d)": predicted.squared_cosine_cdf_normal(dim)},
        vectorised=True,
        first=1024,
    )


@claim(
    paper("Cochran 1934"),
    kind="distribution",
    cases=[2, 5],
    as_published=published(
        place=paper("Kotlin DataFrame, reference of std: ddof"),
        read="Divided by N - 1 the deviation is unbiased.",
        within="no condition stands there",
        reach="default path",
        effect="nothing published",
        ran="the formula",
    ),
)
def test_standard_deviation(
    trial, n: Annotated[int, Interval(2, 12, why="the bias falls as 1 / (4 n)")]
):
    """Of n normal numbers the standard deviation is on average sqrt(2 / (n - 1)) G(n / 2) / G((n -
    1) / 2) σ, too small, although n - 1 is in its denominator.
    """
    trial.mean(
        lambda key: observed.standard_deviation(key, n),
        predicted.mean_of_deviation(n),
        # the length of a projected Gaussian vector, over sqrt(n - 1)
        law=SubGaussian(1 / (n - 1) ** 0.5),
        margin=0.02,
        controls={"sqrt((n - 1) / n), as for the other denominator": ((n - 1) / n) ** 0.5},
        as_published=1.0,
        vectorised=True,
        first=1024,
        most=400_000,  # at which the interval is as narrow as the margin, whatever the seed
    )


@given(st.integers(2, 1000))
def test_the_standard_deviation_is_too_small_but_less_and_less(n):
    assert predicted.mean_of_deviation(n) < predicted.mean_of_deviation(n + 1) < 1
