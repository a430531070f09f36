"""Least squares with more and with fewer features than points: double descent."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from theory_on_trial import claim, paper
from theory_on_trial.laws import Asymptotic

from figures.double_descent import curve
from sims import regression as observed
from theory import regression as predicted


@pytest.mark.parametrize(("n", "d"), [(40, 10), (10, 40)])
@claim(paper("mean of an inverse Wishart matrix, von Rosen 1988"), kind="distribution")
def test_ridgeless(trial, n, d):
    """The risk of least squares of least norm is d / (n - d - 1) for d < n - 1 features, and
    1 - n / d + n / (d - n - 1) for d > n + 1.
    """
    trial.mean(
        lambda key: observed.squared_error(key, n, d),
        predicted.risk(n, d),
        # inverse chi-squares have no proved range; the ledger says that its bound is asymptotic
        law=Asymptotic(),
        margin=0.006,
        controls={"the proportional limit": predicted.proportional_risk(n, d)},
    )


@given(st.integers(1, 50), st.integers(2, 50))
def test_one_more_point_never_hurts_once_there_are_enough(d, more):
    assert predicted.risk(d + more + 1, d) < predicted.risk(d + more, d)


def test_the_figure_peaks_where_there_are_as_many_features_as_points():
    features, risks = curve(20, 60)
    assert abs(features[np.argmax(risks)] - 20) == 2
