"""Classes at a fixed distance: how many samples naive Bayes and regression need there, and a bound
below every learner that knows no direction.

The means of K classes are a simplex: every two are at the distance Δ, whatever n, and features are
independent of variance one.
"""

from functools import partial
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks.test_naive_bayes_vs_logistic import regression_errors, simplex, two_classes
from sims.naive_bayes_vs_logistic import learning_curves
from theory.naive_bayes_vs_logistic import expected_error
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval
from theory_on_trial.laws import Asymptotic, Bounded, RatioOfMeans

PER_FEATURE = (2, 4, 8)
"""m / n."""
Classes = Annotated[int, Interval(2, 7, why="as many as the paper's simulation has")]
Distance = Annotated[
    float, Interval(2, 4, why="classes that overlap, and that so few samples distinguish")
]


@claim(
    derived("the abstract's O(n), stated for whole learning curves"),
    kind="rate",
    tier="full",
    cases=[3, 5],
)
def test_lr_simplex(
    trial,
    n_classes: Classes,
    n_features: Annotated[
        int, Interval(80, 120, why="below, 1 / n shows; above, curves with C = 1 are near, too")
    ] = 80,
    distance: Annotated[
        float, Interval(3, 4, why="nearer classes hardly show the drift with C = 1")
    ] = 3.0,
):
    """Let the means of K equally likely Gaussian classes all be at the distance Δ from each other,
    and let the n features be independent with variance one. At m = 2 n, 4 n and 8 n samples the
    mean excess error of ridge logistic regression with C = 1 / n over the Bayes error is the same,
    up to terms of order 1 / n, as with twice as many features and samples.

    So the number of samples that a given excess needs is proportional to n.
    """
    least = expected_error.simplex_bayes_error(n_classes, distance)
    sizes = (n_features, 2 * n_features)

    def excess(key, features, inverse_ridge):
        means = simplex(n_classes, features, distance)
        samples = [ratio * features for ratio in PER_FEATURE]
        return regression_errors(key, means, samples, inverse_ridge) - least

    def pairs(penalty):
        """A simulator of the excess for 2 n features and for n."""

        def measure(key):
            few, many = jax.random.split(key)
            return jnp.stack(
                [
                    excess(many, sizes[1], penalty(sizes[1])),
                    excess(few, sizes[0], penalty(sizes[0])),
                ],
                axis=-1,
            )

        return measure

    def law(faster):
        """The excess of naive Bayes at `faster` times as many samples."""
        errors = [
            expected_error.simplex_expected_error_large_n(n_classes, distance, faster * ratio)
            for ratio in PER_FEATURE
        ]
        return np.array(errors) - least

    faster = 2 * np.log(sizes[0]) / np.log(sizes[1])
    trial.mean(
        pairs(lambda features: 1 / features),
        np.ones(len(PER_FEATURE)),
        law=RatioOfMeans(),
        slack=2 / n_features,
        margin=0.05,
        controls={
            "a function of m / log n": law(faster) / law(1.0),
            "a function of m": law(0.5) / law(1.0),
        },
        control_processes={"C = 1 for all n": pairs(lambda features: 1.0)},
        first=64,
        most=4000,
    )


@claim(
    derived(
        "the noise of the estimated means adds to the variances of the scores and leaves "
        "their correlations as they are"
    ),
    kind="limit",
    cases=[2, 3, 5],
)
def test_nb_simplex(
    trial,
    n_classes: Classes,
    n_features: Annotated[int, Interval(100, 400, why="the law is of large n; a cap")] = 200,
    distance: Distance = 3.0,
):
    """Let the means of K equally likely Gaussian classes all be at the distance Δ from each other,
    and let the n features be independent with variance one. As n grows, the mean error of naive
    Bayes, trained on m / K samples of each class with m / n fixed, tends to the Bayes error of K
    such classes at the distance Δ² / sqrt(Δ² + 2 K n / m).

    So at a fixed distance naive Bayes, too, needs a number of samples proportional to n.
    """
    sizes = [n_classes * round(ratio * n_features / n_classes) for ratio in PER_FEATURE]
    ratios = np.array(sizes) / n_features

    def with_noise(factor):
        """The law, with `factor` times the noise 2 K n / m."""
        return np.array(
            [
                expected_error.simplex_expected_error_large_n(n_classes, distance, ratio / factor)
                for ratio in ratios
            ]
        )

    law = with_noise(1.0)
    excess = law - expected_error.simplex_bayes_error(n_classes, distance)
    means = simplex(n_classes, n_features, distance)
    trial.mean(
        lambda key: learning_curves.naive_bayes_errors(key, sizes, means, np.ones(n_features)),
        law,
        law=Asymptotic(),
        slack=8 / n_features * excess,
        margin=(0.03 + 8 / n_features) * excess,
        controls={
            "m samples of each class": with_noise(1 / n_classes),
            "noise of one mean alone": with_noise(0.5),
        },
        first=128,
        most=20_000,
    )


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
    per_feature: Annotated[
        int, Interval(2, 8, why="with more, the bound at half of the samples is hardly above")
    ],
):
    """Let a learner turn and shift its rule as all samples are turned and shifted, as ridge
    logistic regression does, and let two equally likely Gaussian classes have n independent
    features of variance one. Averaged over training sets of m samples, the error of this learner is
    at least that of naive Bayes with known variances.

    It is tried on ridge logistic regression with C = 1 / n at the distance 2 of the classes.
    """
    n_samples = per_feature * n_features
    law = partial(expected_error.naive_bayes_expected_error, n_features, squared_distance=4.0)
    means = two_classes(n_features, 4.0)
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
        "as n grows, means drawn as normal vectors become equidistant, and naive Bayes is the"
        " Bayes rule given the samples; its limiting error is solved for m"
    ),
    kind="bound",
    cases=[(3, 0.025), (5, 0.06)],
    not_tight="only a learner that knows the variances and penalises nothing but length attains it",
)
def test_lr_simplex__bound(
    trial,
    n_classes: Classes,
    excess: Annotated[float, Interval(0.02, 0.06, why="reached at some samples a feature")],
    n_features: Annotated[int, Interval(20, 100, why="of more, each fit takes seconds")] = 40,
    distance: Distance = 3.0,
):
    """Let the means of K equally likely Gaussian classes all be at the distance Δ from each other,
    and let the n features be independent with variance one. Let a learner turn and shift its rule
    as all samples are turned and shifted, as ridge logistic regression does. As n grows, its mean
    error with at most 2 K n / (Δ⁴ / D² - Δ²) samples is at least the Bayes error at the distance D
    < Δ.

    It is tried on ridge logistic regression with C = 1 / n. For K = 3, Δ = 3 and an excess of .025
    over the Bayes error the bound is 4 n.
    """
    per_feature = expected_error.simplex_samples_per_feature(n_classes, distance, excess)
    n_samples = int(per_feature * n_features)
    law = expected_error.simplex_expected_error_large_n
    means = simplex(n_classes, n_features, distance)
    trial.mean(
        lambda key: regression_errors(key, means, (n_samples,), 1 / n_features)[0],
        expected_error.simplex_bayes_error(n_classes, distance) + excess,
        law=Bounded(0, 1),
        side="at least",
        controls={"the bound at half of the samples": law(n_classes, distance, per_feature / 2)},
        first=64,
        most=50_000,
    )
