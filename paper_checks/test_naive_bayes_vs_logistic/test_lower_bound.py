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
        "for classes with a random direction and a flat prior on their centre, naive Bayes "
        "with known variances is the Bayes rule given the samples"
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
    """Let a learner turn and shift its rule as all samples are turned and shifted, as ridge
    logistic regression does, and let two equally likely Gaussian classes have n independent
    features of variance one. Averaged over training sets of m samples, the error of this learner is
    at least that of naive Bayes with known variances.

    It is tried on ridge logistic regression with C = 1 / n at the distance 2 of the classes.
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
    derived(
        "the exact law of the expected error, solved for the number of samples, and its form "
        "for large n"
    ),
    kind="rate",
)
def test_lr_lower_bound__linear(
    trial, first: Annotated[int, Interval(20, 2000, why="below, 1 / n shows; a cap")] = 50
):
    """Let m(n) be the number of samples with which naive Bayes, which knows the variances of n
    independent Gaussian features, has the expected error Φ(-Δ/2) + ε for two classes at the
    Mahalanobis distance Δ. For large n, m(n) grows by 4 / (Δ⁴ / (4 z²) - Δ²) with every feature,
    where Φ(-z) = Φ(-Δ/2) + ε.

    A learner that turns and shifts its rule with the samples needs no fewer. At Δ² = 4 and ε = .02
    this is 5.55 a feature.
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
            "one sample for every feature and class": np.full(len(slopes), 2.0),
            "growth like log n": np.diff(np.log(sizes)) / np.diff(sizes),
        },
    )
