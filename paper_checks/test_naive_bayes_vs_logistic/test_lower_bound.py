"""How many samples regression requires: a bound below every learner that knows no direction."""

from functools import partial
from typing import Annotated

import numpy as np
from scipy.special import ndtr, ndtri

from paper_checks.test_naive_bayes_vs_logistic import regression_errors, two_classes
from theory.naive_bayes_vs_logistic import expected_error, sample_complexity
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval
from theory_on_trial.laws import Bounded

GAP = 4.0
"""Δ² of two classes."""
EXCESS = 0.02
PerFeature = Annotated[
    int, Interval(2, 8, why="with more, the bound at half of the samples is hardly above")
]
"""m / n."""


@claim(
    derived(
        "under a uniform direction of the classes' difference and a flat centre the rule of the "
        "mean difference is the Bayes rule; its exact expected error"
    ),
    kind="bound",
    cases=[(20, 2), (20, 4)],
    not_tight="only a learner that knows the variances and penalises nothing but length attains it",
)
def test_lr_lower_bound(
    trial,
    n_features: Annotated[int, Interval(10, 100, why="of more, each fit takes seconds")],
    per_feature: PerFeature,
):
    """No learner that rotations and shifts of the features leave as it is errs less, on average,
    than naive Bayes with known variances does: ridge regression, too, needs at least its samples,
    which are 5.5 n or more for an excess error of .02 at Δ² = 4.
    """
    n_samples = per_feature * n_features
    law = partial(expected_error.naive_bayes_expected_error, n_features, squared_distance=GAP)
    means = two_classes(n_features, GAP)
    trial.mean(
        lambda key: regression_errors(key, means, (n_samples,), 1 / n_features)[0],
        law(n_samples=float(n_samples)),
        law=Bounded(0, 1),
        side="at least",
        controls={"the bound at half of the samples": law(n_samples=n_samples / 2)},
        first=64,
        most=50_000,
    )


@claim(
    derived("the exact law of the mean difference, solved for m, and its form for many features"),
    kind="rate",
)
def test_lr_lower_bound__linear(
    trial, first: Annotated[int, Interval(20, 2000, why="below, 1 / n shows; a cap")] = 50
):
    """A learner that rotations and shifts of the n features leave as it is needs at least as many
    samples for an excess error ε as naive Bayes with known variances, whose number grows by
    4 / (Δ⁴ / (4 z²) - Δ²) a feature, z = -Φ^-1(Φ(-Δ/2) + ε): 5.55 n and a few more at Δ² = 4 and
    ε = .02.
    """
    sizes = first * 2 ** np.arange(8)
    samples = np.array([sample_complexity.naive_bayes_samples(int(n), GAP, EXCESS) for n in sizes])
    slopes = np.diff(samples) / np.diff(sizes)
    z = -ndtri(ndtr(-np.sqrt(GAP) / 2) + EXCESS)
    slope = 4 / (GAP**2 / (4 * z**2) - GAP)
    trial.value(
        slopes,
        np.full(len(slopes), slope),
        error=1e-7,
        margin=0.002 * slope,
        controls={
            "one sample a feature and class": np.full(len(slopes), 2.0),
            "log n": np.diff(np.log(sizes)) / np.diff(sizes),
        },
    )
