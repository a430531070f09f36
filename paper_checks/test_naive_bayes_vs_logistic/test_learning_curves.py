"""Which learner is ahead at which sample size: two regimes, real data, and what the logistic loss guarantees."""

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks.test_naive_bayes_vs_logistic import (
    ABSTRACT,
    CODE,
    DERIVED,
    equicorrelated,
    half_informative,
    two_classes,
)
from sims import naive_bayes_vs_logistic as observed
from theory import naive_bayes_vs_logistic as predicted
from theory_on_trial import claim, ours, paper
from theory_on_trial.laws import Bounded, RatioOfMeans
from theory_on_trial.mapping import map_cells


def lead_of_naive_bayes(correlation, sizes, most, n_features=20):
    """A simulator of error(logistic) - error(naive Bayes) at every size, on the same training sets."""
    means, sigma = half_informative(n_features), equicorrelated(n_features, correlation)

    def measure(key):
        errors = observed.paired_errors(key, sizes, means, sigma, max_samples=most, tolerance=1e-6)
        return errors[:, 1] - errors[:, 0]

    return measure


@claim(ours(f"{ABSTRACT}: two regimes"), kind="empirical", tier="full")
def test_two_regimes(trial, correlations=(0.05, 0.1), sizes=(32, 512)):
    """Under mild correlation naive Bayes is ahead at few samples and logistic regression at many."""
    signs = np.array([1.0, -1.0])

    def regimes(correlation):
        measure = lead_of_naive_bayes(correlation, sizes, sizes[-1])
        return lambda key: signs * measure(key)

    for correlation in correlations:
        trial.mean(
            regimes(correlation),
            np.zeros(2),
            law=Bounded(-1, 1),
            side="at least",
            wrong_processes={"no correlation": regimes(0.0), "correlation .5": regimes(0.5)},
            first=128,
            most=40_000,
        )


@claim(ours(f"{DERIVED}: very few samples"), kind="empirical")
def test_small_samples(trial, sizes=(8, 64), n_features=20):
    """At very few samples ridge regression is ahead of naive Bayes even where the latter's model is right."""
    measure = lead_of_naive_bayes(0.0, sizes, sizes[-1], n_features)
    signs = np.array([-1.0, 1.0])
    trial.mean(
        lambda key: signs * measure(key),
        np.zeros(2),
        law=Bounded(-1, 1),
        side="at least",
        wrong_processes={"the other way round": lambda key: -signs * measure(key)},
        first=256,
        most=20_000,
    )


@claim(ours(f"{ABSTRACT}: two regimes on real features"), kind="empirical", tier="full")
def test_real_two_regimes(
    trial, data_sets=(("wine", 10, 100, 1e-9), ("breast_cancer", 10, 200, 1e-9), ("digits", 20, 100, 0.03))
):
    """On the bundled data sets naive Bayes is ahead at few training samples and logistic regression at many."""
    from sklearn import datasets

    for name, few, many, floor in data_sets:
        features, labels = getattr(datasets, f"load_{name}")(return_X_y=True)

        def lead(key, features=features, labels=labels, sizes=(few, many), floor=floor):
            errors = observed.split_errors(
                key,
                features,
                labels,
                int(labels.max()) + 1,
                sizes,
                max_samples=sizes[-1],
                var_floor=floor,
                tolerance=1e-6,
            )
            return errors[:, 1] - errors[:, 0]

        trial.mean(
            lambda key, lead=lead: np.array([1.0, -1.0]) * lead(key),
            np.zeros(2),
            law=Bounded(-1, 1),
            side="at least",
            wrong_processes={"sizes exchanged": lambda key, lead=lead: np.array([-1.0, 1.0]) * lead(key)},
            first=128,
            most=12_000,
        )


@claim(ours(ABSTRACT), kind="bound")
def test_lr_surrogate_consistency(trial, n_features=10, squared_distance=4.0, sizes=(20, 50, 200, 1000), n_runs=60):
    """For every fitted regression the 0-1 excess is at most the square root of twice the logistic excess."""
    means, variances = two_classes(n_features, squared_distance), np.ones(n_features)

    def fits(key):
        label_key, point_key = jax.random.split(key)
        labels = observed.random_labels(label_key, sizes[-1], observed.equal_priors(2), complete_prefix=sizes[0])
        points = observed.gaussian_classes(point_key, labels, means, variances)

        def fit(size):
            weight = (jnp.arange(sizes[-1]) < size).astype(points.dtype)
            rule = observed.ridge_logistic(points, labels, 2, sample_weight=weight, tolerance=1e-8).rule
            scores = rule.scores(points)
            margin = jnp.where(labels == 1, scores[:, 1] - scores[:, 0], scores[:, 0] - scores[:, 1])
            training = jnp.sum(weight * jnp.logaddexp(0.0, -margin)) / size
            return rule.weights[1] - rule.weights[0], rule.intercepts[1] - rule.intercepts[0], training

        return map_cells(fit, jnp.array(sizes))

    weights, intercepts, training = map(
        np.asarray, jax.jit(lambda keys: map_cells(fits, keys))(jax.random.split(trial.key("runs"), n_runs))
    )
    centres = weights @ means.T + intercepts[..., None]
    spread = np.sqrt(np.sum(weights**2 * variances, axis=-1))
    from scipy.special import ndtr

    error = (ndtr(-centres[..., 1] / spread) + ndtr(centres[..., 0] / spread)) / 2
    loss = (
        predicted.expected_log_loss(centres[..., 1], spread) + predicted.expected_log_loss(-centres[..., 0], spread)
    ) / 2
    best_loss = predicted.bayes_log_loss(means, variances)
    bounds = predicted.zero_one_regret_bound(loss - best_loss)
    trial.bound(
        error - predicted.bayes_error(means, variances),
        bounds,
        found_by="draws",
        ops=100,
        scale=1.0,
        controls={"excess of the training loss": predicted.zero_one_regret_bound(np.maximum(training - best_loss, 0))},
    )


@claim(paper("Efron 1975"), kind="limit", tier="full")
def test_efron_are(trial, distances=(2.0, 3.0), n_samples=2000):
    """The excess error of linear discriminant analysis is ARE(Delta) times that of maximum-likelihood regression."""

    def pairs(labels):
        def measure(key):
            return jnp.stack(
                [
                    observed.efron_pair(jax.random.fold_in(key, i), n_samples, distance, 1, labels=labels)
                    for i, distance in enumerate(distances)
                ]
            )

        return measure

    exact = np.array([predicted.logistic_relative_efficiency(distance) for distance in distances])
    balanced = np.array([predicted.logistic_relative_efficiency_balanced(distance, 1) for distance in distances])
    factor = 1 + np.array(distances) ** 2 / 4
    trial.mean(
        pairs("random"),
        exact,
        law=RatioOfMeans(),
        slack=20 / n_samples,  # relative corrections of the order 1 / m, with room for Delta^2
        margin=0.06,
        controls={"ARE = 1": np.ones(len(distances)), "without 1 + Delta^2 / 4": exact / factor},
        first=1024,
        most=40_000,
    )
    trial.mean(
        pairs("balanced"),
        balanced,
        law=RatioOfMeans(),
        slack=20 / n_samples,
        margin=0.06,
        controls={"the value for random labels": exact},
        first=1024,
        most=40_000,
    )


@claim(paper("double asymptotics of discriminant analysis"), kind="limit", tier="full")
def test_lda_needs_linear(trial, n_features=100, sizes=(200, 400, 800), squared_distance=9.0):
    """Discriminant analysis with the pooled covariance errs by a function of n / m: it needs m proportional to n."""
    means = two_classes(n_features, squared_distance)
    exact = np.array([predicted.lda_expected_error(squared_distance, n_features / m) for m in sizes])
    loss = np.array([np.sqrt(1 - n_features / m) for m in sizes])
    from scipy.special import ndtr, ndtri

    def measure(key):
        return jnp.stack(
            [
                observed.lda_error(
                    jax.random.fold_in(key, i), observed.balanced_counts(m, 2), means, np.ones(n_features)
                )
                for i, m in enumerate(sizes)
            ]
        )

    trial.mean(
        measure,
        exact,
        law=Bounded(0, 1),
        slack=exact / n_features,  # the order of the finite-size term
        margin=0.04 * exact,
        controls={"without sqrt(1 - y)": ndtr(ndtri(exact) / loss)},
        first=1024,
        most=60_000,
    )


@claim(ours(f"{CODE}: simulation, n = 20 where the target is out of reach"), kind="bound")
def test_unreachable_target(trial, sizes=(20, 36), n_classes=3, level=0.01):
    """With three classes and n <= 36 the official target, an error below .01, is below the asymptotic error."""
    floors = np.array([predicted.naive_bayes_asymptotic_error(*predicted.official_design(n, n_classes)) for n in sizes])
    trial.bound(
        np.full(len(sizes), level),
        floors,
        found_by="all",
        ops=1e3,
        controls={"the table's zeros": np.zeros(len(sizes))},
    )
    designs = [predicted.official_design(n, n_classes) for n in sizes]

    def measure(key):
        errors = []
        for i, (means, variances) in enumerate(designs):
            label_key, point_key = jax.random.split(jax.random.fold_in(key, i))
            labels = jax.random.randint(label_key, (1,), 0, n_classes)
            point = observed.gaussian_classes(point_key, labels, means, np.sqrt(variances))
            rule = observed.naive_bayes_rule(means, variances, observed.equal_priors(n_classes))
            errors.append((rule.predict(point) != labels)[0])
        return jnp.stack(errors).astype(float)

    trial.probability(
        measure, floors, margin=0.2 * floors, controls={"half": floors / 2}, first=8192, most=400_000, vectorised=True
    )
