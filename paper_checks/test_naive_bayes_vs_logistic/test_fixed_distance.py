"""Classes at a fixed distance: how many samples naive Bayes and regression need there, and a bound
below every learner that knows no direction.

The means of K classes are a simplex: every two are at the distance Δ, whatever n, and features are
independent of variance one.
"""

from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks.test_naive_bayes_vs_logistic import two_classes
from sims.naive_bayes_vs_logistic import learning_curves
from theory.naive_bayes_vs_logistic import expected_error
from theory_on_trial import claim, derived, tried
from theory_on_trial.contract import Interval
from theory_on_trial.laws import Asymptotic, Bounded, RatioOfMeans

PER_FEATURE = (2, 4, 8)
"""m / n, the samples per feature that are tried."""
Classes = Annotated[int, Interval(2, 7, why="as many as the paper's simulation has")]
Distance = Annotated[
    float, Interval(2, 4, why="classes that overlap, and that so few samples distinguish")
]
"""Δ, between every two classes."""


def simplex(n_classes, n_features, distance):
    """Return class means, a row each, of which every two are at the same distance."""
    return distance / np.sqrt(2) * np.eye(n_classes, n_features)


def regression_errors(key, means, sizes, inverse_ridge):
    """Return the error of ridge logistic regression with C = `inverse_ridge` at each number of
    samples, on independent features of variance one.
    """
    # C multiplies the loss as sqrt(C) multiplies the features: these are the errors with C = 1.
    return learning_curves.logistic_errors(
        key,
        sizes,
        np.sqrt(inverse_ridge) * means,
        np.full(means.shape[1], float(inverse_ridge)),
        max_samples=max(sizes),
        tolerance=1e-6,
    )


@claim(
    tried(
        "abstract, sentence 6: multiclass logistic regression requires $O(n)$ samples",
        "classes at equal distances, $C = 1 / n$, and whole learning curves",
    ),
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
    """Let the means of $K$ equally likely Gaussian classes all be at the distance $Δ$ from each
    other, and let the $n$ features be independent with variance one. Train ridge logistic
    regression with $C = 1 / n$ on $m = 2 n$, $4 n$ and $8 n$ samples. With twice as many features
    and twice as many samples, its mean excess error over the Bayes error is the same up to terms of
    order $1 / n$.

    So the number of samples that a given excess needs is proportional to n.
    """
    least = expected_error.simplex_bayes_error(n_classes, distance)

    def excess(key, features, inverse_ridge):
        means = simplex(n_classes, features, distance)
        samples = [ratio * features for ratio in PER_FEATURE]
        return regression_errors(key, means, samples, inverse_ridge) - least

    def excesses(inverse_ridge):
        """Return a simulator of the excess with 2 n features and of that with n, for each m / n."""

        def measure(key):
            key_of_n, key_of_2n = jax.random.split(key)
            with_2n = excess(key_of_2n, 2 * n_features, inverse_ridge(2 * n_features))
            with_n = excess(key_of_n, n_features, inverse_ridge(n_features))
            return jnp.stack([with_2n, with_n], axis=-1)

        return measure

    def ratio_if(growth):
        """Return the ratio of excesses, by the law of naive Bayes, if doubling n and m multiplies
        by `growth` what the excess depends on in place of m / n.
        """
        law = expected_error.simplex_expected_error_large_n
        with_2n = [law(n_classes, distance, growth * ratio) for ratio in PER_FEATURE]
        with_n = [law(n_classes, distance, ratio) for ratio in PER_FEATURE]
        return (np.array(with_2n) - least) / (np.array(with_n) - least)

    trial.mean(
        excesses(lambda features: 1 / features),
        np.ones(len(PER_FEATURE)),
        law=RatioOfMeans(),
        slack=2 / n_features,
        margin=0.05,
        controls={
            "a function of $m / log n$": ratio_if(2 * np.log(n_features) / np.log(2 * n_features)),
            "a function of $m / n²$": ratio_if(0.5),
        },
        control_processes={"$C = 1$ for all $n$": excesses(lambda features: 1.0)},
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
    """Let the means of $K$ equally likely Gaussian classes all be at the distance $Δ$ from each
    other, and let the $n$ features be independent with variance one. As $n$ grows, the mean error
    of naive Bayes, trained on $m / K$ samples of each class with $m / n$ fixed, tends to the Bayes
    error of $K$ such classes at the distance $Δ² / sqrt(Δ² + 2 K n / m)$.

    So at a fixed distance naive Bayes, too, needs a number of samples proportional to n.
    """
    # Multiples of K, for balanced classes.
    sizes = [n_classes * round(ratio * n_features / n_classes) for ratio in PER_FEATURE]
    per_feature = np.array(sizes) / n_features

    def with_noise(factor):
        """Return the limit of the error for each m, with `factor` times the noise 2 K n / m."""
        law = expected_error.simplex_expected_error_large_n
        return np.array([law(n_classes, distance, ratio / factor) for ratio in per_feature])

    limit = with_noise(1.0)
    excess = limit - expected_error.simplex_bayes_error(n_classes, distance)
    means = simplex(n_classes, n_features, distance)
    trial.mean(
        lambda key: learning_curves.naive_bayes_errors(key, sizes, means, np.ones(n_features)),
        limit,
        law=Asymptotic(),
        slack=8 / n_features * excess,
        margin=(0.03 + 8 / n_features) * excess,
        controls={
            "$m$ samples of each class": with_noise(1 / n_classes),
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
    logistic regression does, and let two equally likely Gaussian classes have $n$ independent
    features of variance one. Averaged over training sets of $m / 2$ samples of each class, the
    error of this learner is at least that of naive Bayes with known variances.

    It is tried on ridge logistic regression with C = 1 / n at the distance 2 of the classes.
    """
    n_samples = per_feature * n_features

    def bound(samples):
        return expected_error.naive_bayes_expected_error(n_features, samples, 4.0)

    means = two_classes(n_features, 4.0)
    trial.mean(
        lambda key: regression_errors(key, means, (n_samples,), 1 / n_features)[0],
        bound(float(n_samples)),
        law=Bounded(0, 1),
        side="at least",
        controls={"the bound at half of the samples": bound(n_samples / 2)},
        first=64,
        most=50_000,
    )


@claim(
    derived(
        "as $n$ grows, means drawn as normal vectors become equidistant, and naive Bayes is the "
        "Bayes rule given the samples; its limiting error is solved for $m$"
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
    """Let the means of $K$ equally likely Gaussian classes all be at the distance $Δ$ from each
    other, and let the $n$ features be independent with variance one. Let a learner turn and shift
    its rule as all samples are turned and shifted, as ridge logistic regression does. Let $D < Δ$.
    As $n$ grows, the learner's mean error with at most $2 K n / (Δ⁴ / D² - Δ²)$ samples is at least
    the Bayes error of $K$ such classes at the distance $D$.

    It is tried on ridge logistic regression with C = 1 / n. For K = 3, Δ = 3 and an excess of .025
    over the Bayes error the bound is 4 n.
    """
    per_feature = expected_error.simplex_samples_per_feature(n_classes, distance, excess)
    n_samples = int(per_feature * n_features)
    at_half = expected_error.simplex_expected_error_large_n(n_classes, distance, per_feature / 2)
    means = simplex(n_classes, n_features, distance)
    trial.mean(
        lambda key: regression_errors(key, means, (n_samples,), 1 / n_features)[0],
        expected_error.simplex_bayes_error(n_classes, distance) + excess,
        law=Bounded(0, 1),
        side="at least",
        controls={"the bound at half of the samples": at_half},
        first=64,
        most=50_000,
    )
