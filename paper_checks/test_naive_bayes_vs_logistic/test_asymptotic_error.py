"""The error that is left with infinitely many samples, and the released simulation's own numbers."""

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks.test_naive_bayes_vs_logistic import CODE, DERIVED, equicorrelated, half_informative
from sims import naive_bayes_vs_logistic as observed
from theory import naive_bayes_vs_logistic as predicted
from theory_on_trial import claim, ours, paper
from theory_on_trial.laws import Bounded


def classified_wrongly(key, rule, means, factor):
    """One fresh point of a random class: is it misclassified?"""
    label_key, point_key = jax.random.split(key)
    labels = jax.random.randint(label_key, (1,), 0, means.shape[0])
    point = observed.gaussian_classes(point_key, labels, means, factor)
    return (rule.predict(point) != labels)[0].astype(float)


@claim(ours("asymptotic naive Bayes error; closed forms derived here"), kind="identity")
def test_asym_nb_error(trial, n_features=20, class_counts=(3, 7), correlations=(0.5,)):
    """Naive Bayes with the true means and variances errs as predicted, with collinear classes and under correlation."""
    cells, errors, no_factor, no_correlation = [], [], [], []
    for n_classes in class_counts:
        means, variances = predicted.official_design(n_features, n_classes)
        cells.append((means, variances))
        errors.append(predicted.collinear_asymptotic_error(means[:, 0], variances))
        no_factor.append(errors[-1] / 2)
        no_correlation.append(errors[-1])
    means = half_informative(n_features)
    ideal = predicted.naive_bayes_asymptotic_error(means, np.ones(n_features))
    for correlation in correlations:
        cells.append((means, equicorrelated(n_features, correlation)))
        errors.append(predicted.naive_bayes_asymptotic_error(*cells[-1]))
        no_factor.append(errors[-1])
        no_correlation.append(ideal)
    rules = [
        observed.naive_bayes_rule(
            means, np.diag(sigma) if sigma.ndim == 2 else sigma, observed.equal_priors(len(means))
        )
        for means, sigma in cells
    ]
    factors = [observed.covariance_factor(sigma) for _, sigma in cells]

    def measure(key):
        return jnp.stack(
            [
                classified_wrongly(jax.random.fold_in(key, i), rule, means, factor)
                for i, (rule, factor, (means, _)) in enumerate(zip(rules, factors, cells, strict=True))
            ]
        )

    trial.probability(
        measure,
        np.array(errors),
        margin=np.minimum(0.4 * np.array(errors), 0.02),
        controls={"without the factor 2": np.array(no_factor), "without the correlation": np.array(no_correlation)},
        first=8192,
        most=400_000,
        vectorised=True,
    )


@claim(ours("Ng & Jordan 2001: the discriminative limit is no worse; equality condition derived here"), kind="bound")
def test_asym_order(trial, n_draws=1500, most_features=11):
    """Naive Bayes ends no better than Bayes, and as well iff D^-1 d and Sigma^-1 d are parallel."""
    rng = trial.generator("draws")
    margins, best, scale = [], [], []
    equal, equal_best, equal_scale, near = [], [], [], []
    for _ in range(n_draws):
        n = int(rng.integers(2, most_features + 1))
        root = rng.standard_normal((n, n + 1))
        sigma = root @ root.T + np.exp(rng.uniform(np.log(1e-4), 0)) * np.eye(n)
        scales = np.sqrt(np.diag(sigma))
        condition = np.linalg.cond(sigma)
        difference = rng.standard_normal(n)
        weights = difference / scales**2
        margins.append(weights @ difference / (2 * np.sqrt(weights @ sigma @ weights)))
        best.append(predicted.bayes_margin(difference, sigma))
        scale.append(condition * best[-1])
        vectors = np.linalg.eigh(sigma / np.outer(scales, scales))[1]
        aligned = scales * vectors[:, int(rng.integers(n))]
        equal.append(predicted.naive_bayes_margin(aligned, sigma))
        equal_best.append(predicted.bayes_margin(aligned, sigma))
        equal_scale.append(condition * equal_best[-1])
        near.append(
            predicted.bayes_margin(aligned + 0.5 * scales * vectors[:, 0] + 0.5 * scales * vectors[:, -1], sigma)
        )
    all_scales = np.array([*scale, *equal_scale])
    trial.bound(
        np.array(margins + equal),
        np.array(best + equal_best),
        found_by="draws",
        ops=30 * most_features,
        scale=all_scales,
        controls={"99 % of the margin": 0.99 * np.array(best + equal_best)},
    )
    trial.identity(
        np.array(equal),
        np.array(equal_best),
        ops=30 * most_features,
        scale=equal_scale,
        controls={"off": np.array(near)},
    )


@claim(ours("asymptotic error under correlation; derived here"), kind="limit")
def test_nb_correlated_floor(trial, n_features=20, correlation=0.5, n_samples=100_000):
    """With correlated features the error of naive Bayes tends to its own floor, not to the Bayes error."""
    means, sigma = half_informative(n_features), equicorrelated(n_features, correlation)
    counts = observed.balanced_counts(n_samples, 2)
    factor = observed.covariance_factor(sigma)

    def measure(key):
        class_means, scatter = observed.sample_statistics_correlated(key, counts, means, factor)
        rule = observed.naive_bayes_rule(class_means, jnp.diag(scatter), observed.equal_priors(2))
        return observed.conditional_error(rule, means, sigma)

    trial.mean(
        measure,
        predicted.naive_bayes_asymptotic_error(means, sigma),
        law=Bounded(0, 1),
        slack=10 / n_samples,  # what finite m adds: of the order of the Fisher information's 1/m
        margin=0.005,
        controls={"the Bayes error": predicted.bayes_error(means, sigma)},
        first=512,
        most=20_000,
    )


@claim(
    paper(f"{CODE}: table of Bayes errors, K = 2"),
    kind="identity",
    as_printed=paper("released code: table of Bayes errors, K = 2", says="The errors .06655, .02924, .00483, .00037."),
)
def test_official_bayes_errors(trial, sizes=(2, 4, 10, 20), sampled=(0, 2)):
    """The released design with K = 2 has the Bayes error Phi(-sqrt((n + 1) / 2)), three times what its table says."""
    from scipy.special import ndtr

    printed = np.array([0.06655, 0.02924, 0.00483, 0.00037])[: len(sizes)]
    designs = [predicted.official_design(n, 2) for n in sizes]
    exact = ndtr(-np.sqrt((np.array(sizes) + 1) / 2))
    trial.identity(
        np.array([predicted.bayes_error(*design) for design in designs]),
        exact,
        ops=200,
        controls={"variance n everywhere": ndtr(-np.ones(len(sizes)))},
        as_printed=printed,
    )
    rules = [observed.naive_bayes_rule(*design, observed.equal_priors(2)) for design in designs]

    def measure(key):
        return jnp.stack(
            [
                classified_wrongly(jax.random.fold_in(key, i), rules[i], designs[i][0], np.sqrt(designs[i][1]))
                for i in sampled
            ]
        )

    shown = exact[list(sampled)]
    trial.probability(
        measure,
        shown,
        margin=0.2 * shown,
        controls={"half": shown / 2},
        as_printed=printed[list(sampled)],
        first=8192,
        most=400_000,
        vectorised=True,
    )


@claim(
    paper(f"{CODE}: the correlated ('hard') design"),
    kind="limit",
    as_printed=paper("released code: the correlated ('hard') design", says="The matrix is a covariance."),
)
def test_hard_covariance(trial, sizes=(100, 200, 400)):
    """The released correlated design is no covariance: its smallest eigenvalue is near 1 - .305 n."""

    def smallest_eigenvalue(n):
        uniform = 2 * np.random.RandomState(0).rand(n, n) - 1
        products = uniform.T @ uniform
        np.fill_diagonal(products, predicted.official_design(n, 2)[1])
        return np.linalg.eigvalsh(products)[0], 3 * n * 2.0**-53 * n * np.linalg.norm(products, 2)

    found, rounding = np.array([smallest_eigenvalue(n) for n in sizes]).T
    # Half of the diagonal is 1 in place of about n / 3. There the products are a Marchenko-Pastur matrix of ratio 1/2,
    # n / 3 times one with the lower edge (1 - sqrt(1/2))^2; the whole matrix can only lie lower (interlacing).
    n = np.array(sizes)
    edge = 1 + n / 3 * ((1 - np.sqrt(0.5)) ** 2 - 1)
    trial.value(
        found / n,
        edge / n,
        error=rounding / n,
        margin=0.03,
        controls={"positive semi-definite": np.zeros(len(sizes))},
        wrong_processes={"autoregressive correlation": _autoregressive_smallest(sizes) / n},
        as_printed=np.zeros(len(sizes)),
    )


def _autoregressive_smallest(sizes, correlation=0.5):
    lags = [np.abs(np.subtract.outer(np.arange(n), np.arange(n))) for n in sizes]
    return np.array([np.linalg.eigvalsh(correlation**lag)[0] for lag in lags])


@claim(ours(DERIVED), kind="identity")
def test_conditional_error(trial, n_features=8, class_counts=(3, 4), n_samples=40):
    """The exact error of a trained rule, computed in K dimensions, is the frequency of its mistakes in n."""
    rng = trial.generator("designs")
    cells = []
    for n_classes in class_counts:
        means = rng.standard_normal((n_classes, n_features))
        root = rng.standard_normal((n_features, 2 * n_features))
        root[:, 0] *= 3  # a common factor: errors without it are told from these
        sigma = root @ root.T / (2 * n_features)
        estimates = means + rng.standard_normal(means.shape) * np.sqrt(n_classes / n_samples)
        rule = observed.naive_bayes_rule(estimates, np.diag(sigma), observed.equal_priors(n_classes))
        cells.append((rule, means, sigma, observed.covariance_factor(sigma)))
    exact_error = jax.jit(observed.conditional_error)
    exact = np.array([float(exact_error(rule, means, sigma)) for rule, means, sigma, _ in cells])
    fitted = [(np.asarray(rule.weights), np.asarray(rule.intercepts), means, sigma) for rule, means, sigma, _ in cells]
    second = [predicted.linear_rule_error(*cell) for cell in fitted]
    uncorrelated = [predicted.linear_rule_error(w, b, means, np.diag(sigma)) for w, b, means, sigma in fitted]
    # Quasi-random points in K - 2 dimensions on one side, adaptive orthant probabilities on the other.
    trial.value(exact, np.array(second), error=1e-4, margin=1e-3, controls={"only variances": np.array(uncorrelated)})

    def measure(key):
        return jnp.stack(
            [
                classified_wrongly(jax.random.fold_in(key, i), rule, means, factor)
                for i, (rule, means, _, factor) in enumerate(cells)
            ]
        )

    trial.probability(
        measure, exact, slack=1e-4, margin=0.01, controls={"plus .02": exact + 0.02}, first=8192, vectorised=True
    )
