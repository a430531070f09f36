"""The explicit theorems: every constant of the O(log n) bound for naive Bayes and of the O(n) bound for regression."""

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks.test_naive_bayes_vs_logistic import ABSTRACT
from sims import naive_bayes_vs_logistic as observed
from theory import naive_bayes_vs_logistic as predicted
from theory_on_trial import claim, ours
from theory_on_trial.laws import Bounded
from theory_on_trial.mapping import map_cells


def class_means(n_features, n_classes):
    """Means of binary features that cycle through .3, .7 (and .5): every feature tells every pair of classes apart."""
    levels = np.array([0.3, 0.7, 0.5])[:n_classes]
    return levels[(np.arange(n_features)[None, :] + np.arange(n_classes)[:, None]) % n_classes]


def least_parameter(means):
    """The theorem's rho_0: the least prior and variance, and no more than 1/4."""
    return float(min(np.mean(means * (1 - means), axis=0).min(), 1 / len(means), 0.25))


def deviation_of(statistics, means):
    """The largest error of any estimated mean, pooled variance or prior."""
    estimates, variances, shares = statistics
    truth = jnp.mean(means * (1 - means), axis=0)
    largest = [jnp.abs(a - b).max() for a, b in ((estimates, means), (variances, truth), (shares, 1 / len(means)))]
    return jnp.max(jnp.stack(largest))


@claim(ours(ABSTRACT), kind="bound")
def test_nb_theorem_explicit(trial, settings=((8, 3, (1000, 100_000, 1_000_000)),), n_runs=200):
    """Scores and error of naive Bayes obey the explicit bounds on every training set near the truth."""
    for n_features, n_classes, sizes in settings:
        world = predicted.BinaryFeatures(class_means(n_features, n_classes))
        floor, priors = least_parameter(world.means), observed.equal_priors(n_classes)

        def replicate(key, size, world=world, priors=priors):
            statistics = observed.binary_statistics(key, size, world.means, priors)
            return *statistics, deviation_of(statistics, world.means)

        replicates = jax.jit(lambda keys, size, one=replicate: map_cells(lambda key: one(key, size), keys))
        exact = world.scores(world.means, world.variances, priors)
        for size in sizes:
            keys = jax.random.split(trial.key(f"{n_features} {n_classes} {size}"), n_runs)
            drawn = [np.asarray(part) for part in replicates(keys, size)]
            near = drawn[-1] <= floor / 2  # the theorem speaks of these only
            means, variances, shares, deviation = (part[near] for part in drawn)
            trained = world.scores(means, variances, shares)
            bounds = np.array([predicted.score_deviation_bound(n_features, e, floor) for e in deviation])
            options = {"found_by": "draws", "ops": 20 * n_features}
            trial.bound(
                np.abs(trained - exact).max(axis=(1, 2)),
                bounds,
                scale=np.abs(exact).max(),
                controls={"a twentieth": bounds / 20},
                **options,
            )
            widths = [n_features * predicted.margin_width(e, floor) for e in deviation]
            limit = world.asymptotic_error + np.array([world.margin_mass(width) for width in widths])
            without = {"no margin mass": np.full(len(limit), world.asymptotic_error)}
            # With a million samples no trained rule differs from the true one: only few samples refute the control.
            trial.bound(world.error(trained), limit, scale=1.0, controls=without if size == 1000 else {}, **options)


@claim(ours(ABSTRACT), kind="bound")
def test_nb_theorem_explicit__margins(trial, settings=((6, 2), (10, 2), (12, 3)), n_widths=40):
    """Where margins concentrate the mass within tau n of a tie is at most (K - 1) alpha / (n (beta - tau)^2)."""
    for n_features, n_classes in settings:
        world = predicted.BinaryFeatures(class_means(n_features, n_classes))
        alpha, beta = world.margin_moments()
        widths = np.linspace(0, 0.95 * beta, n_widths)
        mass = np.array([world.margin_mass(width * n_features) for width in widths])
        bounds = np.array([predicted.margin_mass_bound(n_features, n_classes, alpha, beta, w) for w in widths])
        trial.bound(
            mass, bounds, found_by="all", ops=2**n_features, scale=1.0, controls={"over n^2": bounds / n_features**2}
        )


@claim(ours(ABSTRACT), kind="bound")
def test_nb_theorem_explicit__samples(trial, settings=((50, 3, 0.2),)):
    """O(log n) samples suffice, with every constant: all parameters are within epsilon with the stated chance."""
    worlds = [class_means(n, k) for n, k, _ in settings]
    failures = np.array([failure for *_, failure in settings])
    sufficient, too_few, chances = [], [], []
    for (n, k, failure), means in zip(settings, worlds, strict=True):
        floor = least_parameter(means)
        sufficient.append(int(np.ceil(predicted.sufficient_samples(n, k, floor / 2, failure, floor))))
        too_few.append(int(np.log(6 * n * k / failure) / (8 * (floor / 2) ** 2)))
        chances.append(predicted.deviation_probability_bound(sufficient[-1], n, k, floor / 2, floor))

    def escapes(sizes):
        def measure(key):
            found = []
            for i, (means, m) in enumerate(zip(worlds, sizes, strict=True)):
                priors = observed.equal_priors(len(means))
                statistics = observed.binary_statistics(jax.random.fold_in(key, i), m, means, priors)
                found.append(deviation_of(statistics, means) > least_parameter(means) / 2)
            return jnp.stack(found).astype(float)

        return measure

    trial.bound(chances, failures, found_by="all", ops=100, controls={"over 1000": np.array(chances) / 1e3})
    trial.probability(
        escapes(sufficient),
        failures,
        side="at most",
        wrong_processes={"log(6 n K / delta) / (8 epsilon^2) samples": escapes(too_few)},
        first=256,
        most=2000,
    )


@claim(ours("size of the constants; derived here"), kind="bound")
def test_nb_theorem_vacuous(trial, n_features=100, n_classes=2, failure=0.05, floor=0.21, beta=0.38, practical=10_000):
    """The explicit bound says nothing at practical sizes: up to 1e4 samples the width tau it grants exceeds beta."""
    samples = np.unique(np.geomspace(10, practical, 40).astype(int))
    least_width = np.array(
        [predicted.margin_width(_least_deviation(m, n_features, n_classes, failure, floor), floor) for m in samples]
    )
    trial.bound(
        np.full(len(samples), beta),
        least_width,
        found_by="all",
        ops=1000,
        controls={"tau without 2 (4 / rho + 1 / rho^2)": least_width / (2 * (4 / floor + 1 / floor**2))},
    )
    sizes = 10.0 ** np.arange(1, 7)
    needed = np.array([predicted.sufficient_samples(int(n), n_classes, floor / 2, failure, floor) for n in sizes])
    trial.growth(
        sizes, needed, needed, "log n", error=0.0, slack_log=0.01, guarantee="exact", controls=["const", "sqrt n", "n"]
    )


def _least_deviation(n_samples, n_features, n_classes, failure, floor):
    """The smallest epsilon at which the theorem's own chance of failure is at most `failure` (bisection)."""
    low, high = 1e-6, floor / 2  # beyond, the theorem says nothing at all
    for _ in range(80):
        middle = np.sqrt(low * high)
        if predicted.deviation_probability_bound(n_samples, n_features, n_classes, middle, floor) <= failure:
            high = middle
        else:
            low = middle
    return float(high)


@claim(ours("Ng & Jordan 2001: a constant fraction of informative features; explicit form derived here"), kind="bound")
def test_nb_log_odds(trial, sizes=(5, 20, 80), fractions=(0.2, 0.5, 1.0), gap=0.7, n_draws=200):
    """If a fraction f of the features has |mu_1 - mu_0| >= gamma, the expected log-odds grow at least like n."""
    rng = trial.generator("draws")
    odds, bounds = [], []
    for n in sizes:
        for fraction in fractions:
            informative = np.arange(n) < int(np.ceil(fraction * n))
            for draw in range(n_draws):
                tight = draw == 0
                variances = np.ones(n) if tight else rng.uniform(0.2, 1, n)
                gaps = np.where(informative, gap, 0) if tight else np.where(informative, gap, 0) + rng.exponential(1, n)
                rule = observed.naive_bayes_rule(np.stack([-gaps / 2, gaps / 2]), variances, observed.equal_priors(2))
                scores = np.asarray(rule.weights) @ (gaps / 2) + np.asarray(rule.intercepts)
                odds.append(scores[1] - scores[0])
                bounds.append(predicted.informative_log_odds_bound(n, np.mean(informative), gap, 1.0))
    # As an upper bound: the theory's floor lies below the log-odds of the population rule.
    trial.bound(
        np.array(bounds), np.array(odds), found_by="draws", ops=20 * max(sizes), controls={"half": np.array(odds) / 2}
    )


@claim(ours(ABSTRACT), kind="bound")
def test_lr_rademacher(trial, samples=(10, 100, 1000), weight_bound=2.0, n_points=3):
    """The worst gap of risk and empirical logistic risk over |w_k| <= W is at most 4 K W X / sqrt(m) on average."""
    points = np.linspace(-1, 1, n_points)
    posterior = 0.5 + 0.3 * points
    # The loss of two classes depends on w_1 - w_0 alone, which runs over [-2 W, 2 W] when both |w_k| <= W.
    slopes = np.linspace(-2 * weight_bound, 2 * weight_bound, 401)
    loss = np.logaddexp(0, -np.stack([-1, 1])[:, None, None] * slopes[None, :, None] * points)  # label, slope, point
    risk = np.mean((1 - posterior) * loss[0] + posterior * loss[1], axis=1)

    def measure(key):
        gaps = []
        for i, m in enumerate(samples):
            point_key, label_key = jax.random.split(jax.random.fold_in(key, i))
            drawn = jax.random.randint(point_key, (m,), 0, n_points)
            labels = (jax.random.uniform(label_key, (m,)) < jnp.asarray(posterior)[drawn]).astype(int)
            counts = jnp.zeros((2, n_points)).at[labels, drawn].add(1 / m)
            gaps.append(jnp.max(risk - jnp.einsum("lsp,lp->s", loss, counts)))
        return jnp.stack(gaps)

    bounds = np.array([predicted.logistic_log_regret_bound(m, 2, weight_bound, 1.0) for m in samples])
    largest = float(loss.max())
    trial.mean(
        measure,
        bounds,
        law=Bounded(-largest, largest),
        side="at most",
        controls={"over 100": bounds / 100},
        first=1024,
        most=60_000,
    )
    sizes = np.array([16.0, 32, 64, 128])
    fixed = np.array([predicted.logistic_zero_one_regret_bound(7 * n, 3, 1.0, np.sqrt(n)) for n in sizes])
    trial.identity(
        fixed, np.full(len(sizes), fixed[0]), ops=20, scale=fixed[0], controls={"X = 1": fixed[0] / sizes**0.25}
    )
