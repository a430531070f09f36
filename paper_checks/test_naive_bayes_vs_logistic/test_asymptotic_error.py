"""The error that is left with infinitely many samples, and the released simulation's own
numbers.
"""

from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import ndtr, ndtri

from paper_checks.test_naive_bayes_vs_logistic import (
    Correlation,
    OfficialClasses,
    Samples,
    equicorrelated,
    half_informative,
    released,
)
from sims.naive_bayes_vs_logistic import data, rules
from theory.naive_bayes_vs_logistic import linear_rules
from theory_on_trial import claim, derived, paper
from theory_on_trial.contract import Count, Interval
from theory_on_trial.laws import Bounded

BAYES_ERRORS = {2: 0.06655, 4: 0.02924, 10: 0.00483, 20: 0.00037}
"""The released code's table for two classes."""

DRAWS = {"law": Bounded(0, 1), "first": 8192, "most": 1_000_000, "vectorised": True}

SeveralFeatures = Annotated[int, Interval(2, 200, why="a covariance matrix is drawn")]


def mistakes(rule, means, factor):
    """A simulator of the share of mistakes among sixteen fresh points of equally likely classes."""

    def measure(key):
        label_key, point_key = jax.random.split(key)
        labels = jax.random.randint(label_key, (16,), 0, means.shape[0])
        points = data.gaussian_classes(point_key, labels, means, factor)
        return jnp.mean(rule.predict(points) != labels)

    return measure


@claim(
    derived(
        "where the means lie on a line, all scores are functions of one normal variable, "
        "which is cut half-way between neighbours"
    ),
    kind="identity",
    cases=[(2, 3, 0.0), (1, 7, 0.0), (2, 3, 0.5)],
)
def test_asym_nb_error(
    trial,
    n_features: Annotated[int, Interval(1, 200, why="every sample holds as many numbers")],
    n_classes: OfficialClasses,
    correlation: Correlation,
):
    """Let K equally likely Gaussian classes have the means c_k (1, …, 1) with c_1 < … < c_K and a
    common covariance with the variances σ_i². The error of naive Bayes with the true means and
    variances is (2/K) sum_k Φ(-(c_(k+1) - c_k) S / (2 s)), a sum over k < K, where S = sum_i 1/σ_i²
    and s² is the variance of sum_i x_i/σ_i² within a class.
    """
    means, variances = linear_rules.official_design(n_features, n_classes)
    sigma = np.sqrt(np.outer(variances, variances)) * equicorrelated(n_features, correlation)
    error = linear_rules.collinear_asymptotic_error(means[:, 0], sigma)
    independent = linear_rules.collinear_asymptotic_error(means[:, 0], variances)
    trial.require(
        error >= 0.05, "n_features must be few: classes overlap by an error of 5 % at least"
    )
    margin = 0.0095 * error
    controls = {"one tail for every two neighbours": error / 2}
    if abs(error - independent) > 2 * margin:
        controls["independent features"] = independent
    rule = rules.naive_bayes_rule(means, variances, data.equal_priors(n_classes))
    trial.mean(
        mistakes(rule, means, data.covariance_factor(sigma)),
        error,
        margin=margin,
        controls=controls,
        **DRAWS,
    )


def drawn_covariance(rng, n_features):
    """Return a covariance matrix of any condition number."""
    root = rng.standard_normal((n_features, n_features + 1))
    return root @ root.T + np.exp(rng.uniform(np.log(1e-4), 0)) * np.eye(n_features)


def aligned_difference(rng, sigma):
    """Return a difference d of class means at which D^-1 d and Σ^-1 d are parallel."""
    scales = np.sqrt(np.diag(sigma))
    eigenvectors = np.linalg.eigh(sigma / np.outer(scales, scales))[1]
    return scales * eigenvectors[:, rng.integers(len(sigma))]


def margin_of_naive_bayes(difference, sigma):
    """Return half the distance of the mean scores of two classes, in their standard deviation."""
    weights = difference / np.diag(sigma)
    return weights @ difference / (2 * np.sqrt(weights @ sigma @ weights))


@claim(
    paper("Ng & Jordan 2001, Proposition 1, as public notes quote it"),
    kind="bound",
    route="the margin of naive Bayes by its definition, in the check",
)
def test_asym_order(trial, n_draws: Count = 1500, most_features: SeveralFeatures = 11):
    """Let two equally likely classes be N(±d/2, Σ), and let D be the diagonal of Σ. Naive Bayes
    with infinitely many samples has the error Φ(-u/2) with u = d^T D^-1 d / sqrt(d^T D^-1 Σ D^-1
    d), which is at least the Bayes error Φ(-v/2) with v = sqrt(d^T Σ^-1 d), since u <= v.

    They are equal where D^-1 d and Σ^-1 d are parallel, though the features may be correlated.
    """
    rng = trial.generator("draws")
    sizes = rng.integers(2, most_features + 1, n_draws)
    covariances = [drawn_covariance(rng, n) for n in sizes.tolist()]
    designs = [(rng.standard_normal(len(sigma)), sigma) for sigma in covariances]
    # There the bound is attained.
    designs += [(aligned_difference(rng, sigma), sigma) for sigma in covariances[:100]]
    found = np.array([margin_of_naive_bayes(*design) for design in designs])
    best = np.sqrt([linear_rules.mahalanobis_squared(*design) for design in designs]) / 2
    conditions = np.array([np.linalg.cond(sigma) for _, sigma in designs])
    # Where the vectors are parallel, v <= u as well.
    parallel = designs[n_draws:]
    equal = found[n_draws:]
    uncorrelated = np.sqrt([np.sum(d**2 / np.diag(sigma)) for d, sigma in parallel]) / 2
    trial.bound(
        np.concatenate([found, best[n_draws:]]),
        np.concatenate([best, equal]),
        instances="draws",
        independent=n_draws,
        ops=30 * most_features,
        scale=np.concatenate([conditions * best, (conditions * best)[n_draws:]]),
        controls={
            "v / 2 in place of v": np.concatenate([best / 2, equal]),
            "v <= u without correlations": np.concatenate([best, uncorrelated]),
        },
    )


@claim(
    derived(
        "the rule of the true means and variances has this error, and finitely many samples "
        "add noise to its weights"
    ),
    kind="limit",
)
def test_nb_correlated_floor(
    trial,
    n_features: SeveralFeatures = 20,
    correlation: Correlation = 0.5,
    n_samples: Samples = 100_000,
):
    """Let two equally likely classes be N(±d/2, Σ), and let D be the diagonal of Σ. As the number
    of training samples grows, the error of naive Bayes tends to Φ(-d^T D^-1 d / (2 sqrt(d^T D^-1 Σ
    D^-1 d))).

    With correlated features this floor can be above the Bayes error, as it is here.
    """
    means = half_informative(n_features)
    sigma = equicorrelated(n_features, correlation)
    floor = linear_rules.naive_bayes_asymptotic_error(means, sigma)
    bayes = linear_rules.bayes_error(means, sigma)
    slack = _left_at(means, sigma, floor, n_samples)
    margin = 0.006 * floor
    trial.require(
        slack < margin / 2,
        f"n_samples must be large beside n_features = {n_features}, got {n_samples}",
    )
    trial.require(
        floor - bayes > 2 * margin, "correlation must part the floor from the Bayes error"
    )
    counts = data.balanced_counts(n_samples, 2)
    factor = data.covariance_factor(sigma)

    def measure(key):
        class_means, scatter = data.sample_statistics_correlated(key, counts, means, factor)
        rule = rules.naive_bayes_rule(class_means, jnp.diag(scatter), data.equal_priors(2))
        return rules.conditional_error(rule, means, sigma)

    trial.mean(
        measure,
        floor,
        law=Bounded(0, 1),
        slack=slack,
        margin=margin,
        controls={"the Bayes error": bayes},
        first=512,
        most=40_000,
    )


def _left_at(means, sigma, floor, n_samples):
    """What noise in the weights adds to the error `floor`: its share of their length, in features
    of unit variance.
    """
    scales = np.sqrt(np.diag(sigma))
    correlations = sigma / np.outer(scales, scales)
    along = (means[1] - means[0]) / scales
    margin = -ndtri(floor)
    share = (4 * np.sum(correlations**2) / (along @ correlations @ along) + 2) / n_samples
    return share * margin * np.exp(-(margin**2) / 2) / np.sqrt(2 * np.pi)


@claim(
    derived("for even n the squared Mahalanobis distance of the two classes is 2 (n + 1)"),
    kind="identity",
    cases=list(BAYES_ERRORS),
    as_published=released(
        "main_simulation.py",
        says="For K = 2 the Bayes errors at n = 2, 4, 10, 20 are .06655, .02924, .00483, .00037.",
    ),
)
def test_official_bayes_errors(trial, n_features: Literal[2, 4, 10, 20]):
    """Let two equally likely Gaussian classes have the means c (1, …, 1) with c = ±1 and n
    independent features, n even, the first n/2 with the variance n and the others with the variance
    1 (the design of the released code). The Bayes error is Φ(-sqrt((n + 1) / 2)).

    The table in the released code understates it.
    """
    means, variances = linear_rules.official_design(n_features, 2)
    rule = rules.naive_bayes_rule(means, variances, data.equal_priors(2))
    error = float(jax.jit(rules.conditional_error)(rule, means, variances))
    exact = ndtr(-np.sqrt((n_features + 1) / 2))
    controls = {"variances of n / 2 in place of n": ndtr(-np.sqrt(1 + n_features / 2))}
    # Sums of up to 20 terms, whose relative errors the tail Φ(-3.24) multiplies by up to 12.
    trial.identity(error, exact, ops=200, controls=controls, as_published=BAYES_ERRORS[n_features])


@claim(
    derived(
        "the limit is the lower edge of the free sum of a Marchenko-Pastur law and a law of "
        "two atoms"
    ),
    kind="limit",
    cases=[400, 800],
    as_published=released(
        "data/generate_data.py",
        says="Gaussian features are drawn with the covariance (2 U - 1)^T (2 U - 1), U uniform in "
        "n x n from seed 0, "
        "its diagonal replaced by floor(n / 2) times n and by ones: it has no negative eigenvalue.",
    ),
)
def test_hard_covariance(
    trial,
    n_features: Annotated[
        int, Interval(300, 4000, why="the law is that of large n, and takes all eigenvalues")
    ],
):
    """Let U be an n by n matrix of independent uniform numbers in [0, 1], and let A be (2 U - 1)^T
    (2 U - 1) with its diagonal replaced by n in the first floor(n / 2) places and by 1 in the
    others (the released correlated design). As n grows, (λ - 1) / n tends to -.3086 for the
    smallest eigenvalue λ of A, which is therefore no covariance matrix.
    """
    n = n_features
    uniform = 2 * np.random.RandomState(0).rand(n, n) - 1
    products = uniform.T @ uniform
    np.fill_diagonal(products, linear_rules.official_design(n, 2)[1])
    smallest = np.linalg.eigvalsh(products)[0]
    rounding = 3 * n * 2.0**-53 * n * np.linalg.norm(products, 2)
    trial.value(
        (smallest - 1) / n,
        _lowest_edge(),
        error=rounding / n,
        slack=0.25 * n ** (-2 / 3),  # an eigenvalue at an edge fluctuates by this order
        margin=0.5 * n ** (-2 / 3),
        controls={
            "λ = 0, as a covariance may have": -1 / n,
            "1 in all places of the diagonal": -1 / 3,
        },
        as_published=-1 / n,
    )


def _lowest_edge():
    """The least number in the support of P / 3 - 1/3 + B: P Marchenko-Pastur of ratio 1, B free of
    it, 0 or 1 alike.
    """

    def outside(y):  # where 1 / (3 - G) is the R-transform of P / 3 and G that of B at y < 0
        return y + 1 / (3 - (1 / y + 1 / (y - 1)) / 2)

    options = {"xatol": 1e-12}
    edge = minimize_scalar(
        lambda y: -outside(y), bounds=(-5, -1e-6), method="bounded", options=options
    )
    return outside(edge.x) - 1 / 3
