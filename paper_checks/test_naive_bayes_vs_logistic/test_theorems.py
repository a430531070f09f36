"""The explicit theorems: every constant of the O(log n) bound for naive Bayes and of the O(n) bound
for regression.
"""

from functools import partial
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import brentq

from paper_checks.test_naive_bayes_vs_logistic import Samples
from sims.naive_bayes_vs_logistic import data, rules
from theory.naive_bayes_vs_logistic import binary_features, sample_complexity
from theory_on_trial import claim, derived, paper
from theory_on_trial.base.mapping import quick_map
from theory_on_trial.contract import Interval
from theory_on_trial.laws import Bounded

BroadGap = Annotated[float, Interval(0.01, 100)]
Broader = Annotated[float, Interval(0.001, 1000)]
FewFeatures = Annotated[int, Interval(3, 12, why="2^n points are enumerated")]
"""n, binary features."""
Patterns = Annotated[int, Interval(2, 3, why="as many patterns of class means")]
"""K in the laws of binary features."""
Runs = Annotated[int, Interval(1, 5000)]
Level = Annotated[
    float, Interval(1e-6, 0.003, why="rare flips attain the bound; the low end is a cap")
]
"""How rarely a binary feature flips."""


def class_means(n_features, n_classes, level=0.3):
    """Means of binary features that cycle through .3, .7 (and .5): every feature tells every pair
    of classes apart.
    """
    levels = np.array([level, 1 - level, 0.5])[:n_classes]
    return levels[(np.arange(n_features)[None, :] + np.arange(n_classes)[:, None]) % n_classes]


def least_parameter(means):
    """The theorem's ρ_0: the least prior and variance, and no more than 1/4."""
    return float(min(np.mean(means * (1 - means), axis=0).min(), 1 / len(means), 0.25))


def deviation_of(statistics, means):
    """The largest error of any estimated mean, pooled variance or prior."""
    estimates, variances, shares = statistics
    truth = jnp.mean(means * (1 - means), axis=0)
    largest = [
        jnp.abs(a - b).max()
        for a, b in ((estimates, means), (variances, truth), (shares, 1 / len(means)))
    ]
    return jnp.max(jnp.stack(largest))


class Problem(NamedTuple):
    """Binary features, and estimates of their parameters, the largest error of each being ε."""

    world: binary_features.BinaryFeatures
    means: np.ndarray
    variances: np.ndarray
    shares: np.ndarray
    deviations: np.ndarray
    """ε of each estimate."""

    def exact_scores(self):
        """Return the scores l_k at all points with the true parameters."""
        priors = data.equal_priors(len(self.world.means))
        return self.world.scores(self.world.means, self.world.variances, priors)

    def scores(self):
        """Return the scores l_k at all points with each of the estimates."""
        return self.world.scores(self.means, self.variances, self.shares)

    def widths(self):
        """Return τ n for each ε."""
        floor = least_parameter(self.world.means)
        n_features = self.world.means.shape[1]
        taus = [sample_complexity.margin_width(one, floor) for one in self.deviations]
        return n_features * np.array(taus)


def near_estimates(trial, n_features, n_classes, n_samples, n_runs):
    """Return the training sets whose estimates are within ρ_0 / 2, of which the theorem speaks."""
    world = binary_features.BinaryFeatures(class_means(n_features, n_classes))
    priors = data.equal_priors(n_classes)

    def replicate(key):
        statistics = data.binary_statistics(key, n_samples, world.means, priors)
        return *statistics, deviation_of(statistics, world.means)

    keys = jax.random.split(trial.key("runs"), n_runs)
    *estimates, deviations = map(np.asarray, quick_map(replicate)(keys))
    near = deviations <= least_parameter(world.means) / 2
    trial.require(
        near.any(),
        f"n_samples must be so large that estimates come within rho_0 / 2, got {n_samples}",
    )
    return Problem(world, *[part[near] for part in estimates], deviations[near])


def lowest_variances(n_features):
    """Return estimates that move scores most: ρ_0 is small, the variances are found at half of
    it.
    """
    world = binary_features.BinaryFeatures(np.repeat([[0.002], [0.006]], n_features, axis=1))
    deviation = least_parameter(world.means) / 2
    means = np.maximum(world.means - [[deviation], [0]], 0)
    half = np.full((1, 2), 0.5)
    return Problem(world, means[None], world.variances[None] / 2, half, np.array([deviation]))


def one_feature():
    """Return a mean, a variance and a prior that all raise the score of one class."""
    world = binary_features.BinaryFeatures(np.array([[0.95], [0.5]]))
    deviation = least_parameter(world.means) / 2
    means = np.array([[[1.0], [0.5]]])
    shares = 0.5 + deviation * np.array([[-1, 1]])
    return Problem(world, means, world.variances[None] / 2, shares, np.array([deviation]))


def tipped_tie():
    """Return estimates that err wherever they may: a near tie at (1, 0), where the first class
    never is, tips over.
    """
    near = 0.1397  # at .13962 the two features outweigh each other there
    world = binary_features.BinaryFeatures(np.array([[0.0, near], [0.5, 1 - near]]))
    means = world.means + np.array([[0, 0], [0, 5e-4]])
    half = np.full((1, 2), 0.5)
    return Problem(world, means[None], world.variances[None], half, np.array([5e-4]))


THEOREM_4 = paper(
    "Ng & Jordan 2001, Theorem 4, as public notes quote it; constants by Taylor bounds, derived "
    "here"
)
SETTINGS = [(8, 3, 1000), (8, 3, 1_000_000), (6, 2, 2000)]


@claim(THEOREM_4, kind="bound", cases=SETTINGS)
def test_nb_theorem_explicit(
    trial, n_features: FewFeatures, n_classes: Patterns, n_samples: Samples, n_runs: Runs = 200
):
    """Let n features lie in [0, 1], let the priors and the variances within the classes be at least
    ρ_0, and let every estimated mean, variance and prior be within ε <= ρ_0 / 2 of the truth. The
    error of naive Bayes exceeds its error with the true parameters by at most G(τ), the probability
    that the rule with the true parameters is right and its score leads by at most τ n, where τ = 2
    ε (4 / ρ_0 + 1 / ρ_0²).
    """
    drawn = near_estimates(trial, n_features, n_classes, n_samples, n_runs)
    errors = []
    limits = []
    masses = []
    for problem in (drawn, tipped_tie()):
        widths = problem.widths()
        errors.append(problem.world.error(problem.scores()))
        limits.append(np.full(len(widths), problem.world.asymptotic_error))
        masses.append([problem.world.margin_mass(width) for width in widths])
    limit = np.concatenate(limits)
    trial.bound(
        np.concatenate(errors),
        limit + np.concatenate(masses),
        instances="draws",
        independent=len(drawn.deviations),
        ops=20 * n_features,
        scale=1.0,
        controls={"without G(τ)": limit},
    )


@claim(THEOREM_4, kind="bound", cases=SETTINGS)
def test_nb_theorem_explicit__scores(
    trial, n_features: FewFeatures, n_classes: Patterns, n_samples: Samples, n_runs: Runs = 200
):
    """Let n features lie in [0, 1], let the priors and the variances within the classes be at least
    ρ_0, and let every estimated mean, variance and prior be within ε <= ρ_0 / 2 of the truth. Every
    score l_k(x) = log p_k - sum_i (x_i - μ_(k,i))² / (2 σ_i²) of naive Bayes is within n ε (2 / ρ_0
    + 1 / ρ_0²) + 2 ε / ρ_0 of its value for the true parameters.
    """
    drawn = near_estimates(trial, n_features, n_classes, n_samples, n_runs)
    shifts = []
    bounds = []
    sizes = []
    for problem in (drawn, lowest_variances(n_features), one_feature()):
        floor = least_parameter(problem.world.means)
        count = problem.world.means.shape[1]
        exact = problem.exact_scores()
        shifts.append(np.abs(problem.scores() - exact).max(axis=(1, 2)))
        bounds.append(
            [
                sample_complexity.score_deviation_bound(count, one, floor)
                for one in problem.deviations
            ]
        )
        sizes.append(np.full(len(problem.deviations), np.abs(exact).max()))
    bound = np.concatenate(bounds)
    trial.bound(
        np.concatenate(shifts),
        bound,
        instances="draws",
        independent=len(drawn.deviations),
        ops=20 * n_features,
        scale=np.concatenate(sizes),
        controls={"estimated variances of at least ρ_0": bound / 2},
    )


@claim(
    paper(
        "Ng & Jordan 2001, Theorem 4, as public notes quote it; "
        "constants by Chebyshev, derived here"
    ),
    kind="bound",
    cases=[(7, 2), (7, 3), (12, 3)],
    route="all points against `theory.naive_bayes_vs_logistic.margin_mass_bound`",
)
def test_nb_theorem_explicit__margins(
    trial, n_features: FewFeatures, n_classes: Patterns, level: Level = 3e-4
):
    """Let naive Bayes use the true parameters of K classes and n features. Within each class k, let
    the score of k minus that of any other class have a mean of at least β n and a variance of at
    most α n. For τ < β, the rule is right by a margin of at most τ n with a probability of at most
    (K - 1) α / (n (β - τ)²).
    """
    # Rare flips attain it for two classes: one flip costs as much as all other features vary.
    masses = []
    bounds = []
    for classes, flips in ((2, level), (n_classes, level), (n_classes, 0.3)):
        world = binary_features.BinaryFeatures(class_means(n_features, classes, flips))
        alpha, beta = world.margin_moments()
        for width in widths_where_mass_rises(world, 0.999 * beta * n_features):
            masses.append(world.margin_mass(width))
            bounds.append(
                sample_complexity.margin_mass_bound(
                    n_features, classes, alpha, beta, width / n_features
                )
            )
    trial.bound(
        np.array(masses),
        np.array(bounds),
        instances="all",
        ops=2**n_features,
        scale=1.0,
        controls={"half of it, as for one of two tails": np.array(bounds) / 2},
    )


def widths_where_mass_rises(world, most):
    """Return 0 and every margin of a point below `most`, a hair wider."""
    priors = data.equal_priors(len(world.means))
    scores = np.sort(world.scores(world.means, world.variances, priors), axis=1)
    margins = np.unique(np.round(scores[:, -1] - scores[:, -2], 9)) + 1e-9
    return np.append(0, margins[margins < most])


@claim(
    paper(
        "Ng & Jordan 2001, Corollary 6, as public notes quote it; "
        "constants by Hoeffding and Chernoff, derived here"
    ),
    kind="bound",
    not_tight="Hoeffding and the union over all estimates: hundreds of times fewer samples still "
    "do",
)
def test_nb_theorem_explicit__samples(
    trial,
    n_features: Annotated[int, Interval(2, 1000, why="all estimates are drawn")] = 50,
    n_classes: Patterns = 3,
    failure: Annotated[
        float,
        Interval(0.15, 0.5, why="too few samples fail nearly always: six times a rarer chance"),
    ] = 0.2,
):
    """Let n features lie in [0, 1], let the priors and the variances within the classes be at least
    ρ_0, and let ε <= ρ_0 / 2. With (K + 3)² / (ρ_0 ε²) log((2 n K + 1) / δ) samples or more, every
    estimated mean, variance and prior of K classes is within ε of the truth with a probability of
    at least 1 - δ.
    """
    means = class_means(n_features, n_classes)
    priors = data.equal_priors(n_classes)
    floor = least_parameter(means)
    deviation = floor / 2

    def escapes(size):
        def measure(key):
            statistics = data.binary_statistics(key, size, means, priors)
            return (deviation_of(statistics, means) > deviation).astype(float)

        return measure

    enough = sample_complexity.sufficient_samples(n_features, n_classes, deviation, failure, floor)
    estimates = 2 * n_features * n_classes
    too_few = int(np.log(estimates / failure) / (8 * deviation**2))
    trial.probability(
        escapes(int(np.ceil(enough))),
        failure,
        side="at most",
        control_processes={"log(2 n K / δ) / (8 ε^2) samples": escapes(too_few)},
        first=256,
        most=2000,
    )


@claim(
    derived("the theorem's own bound on its probability of failure, solved for ε"),
    kind="bound",
    route="nothing is measured: two readings of one theorem",
    second="test_naive_bayes_vs_logistic_laws.py::test_the_bounds_at_round_numbers",
)
def test_nb_theorem_vacuous(
    trial,
    n_features: Annotated[int, Interval(1, 10**6)] = 100,
    n_classes: Annotated[int, Interval(2, 100)] = 2,
    failure: Annotated[
        float, Interval(1e-20, 1, "[)", why="beneath, the constant log(1 / δ) hides log n")
    ] = 0.05,
    floor: Annotated[
        float, Interval(0.005, 0.25, why="no variance in [0, 1] exceeds 1/4; the low end is a cap")
    ] = 0.21,
    beta: Annotated[float, Interval(0.01, 10)] = 0.38,
):
    """With m samples, let ε be the least deviation at which the bound (2 n K + 1) exp(-m ρ_0 ε² /
    (K + 3)²) on the probability that the theorem fails is at most δ. Then 2 ε (4 / ρ_0 + 1 / ρ_0²)
    >= β for all m up to (K + 3)² / (ρ_0 η²) log((2 n K + 1) / δ), where 2 η (4 / ρ_0 + 1 / ρ_0²) =
    β.

    The theorem bounds the probability of small margins only where the left side is below the mean
    margin β a feature. So with fewer samples it says nothing.
    """
    trial.require(
        floor * n_classes <= 1,
        f"floor must be at most 1 / n_classes, as the least prior is, got {floor}",
    )
    deviation = beta / (2 * (4 / floor + 1 / floor**2))
    trial.require(deviation < floor / 2, f"beta must be below the width at rho_0 / 2, got {beta}")
    unions = np.log(2 * n_features * n_classes + 1) - np.log(failure)
    enough = (n_classes + 3) ** 2 / (floor * deviation**2) * unions
    chance = sample_complexity.deviation_probability_bound

    def least_deviation(n_samples):
        """The smallest ε at which the theorem's chance of failure is at most δ."""

        def surplus(log_deviation):
            deviation = float(np.exp(log_deviation))
            return chance(n_samples, n_features, n_classes, deviation, floor) - failure

        largest = np.log(floor / 2)  # beyond, the theorem says nothing at all
        if surplus(largest) >= 0:
            return floor / 2
        return float(np.exp(brentq(surplus, np.log(1e-7), largest, xtol=1e-14)))

    least_width = np.array(
        [
            sample_complexity.margin_width(least_deviation(m), floor)
            for m in np.geomspace(10, enough, 40)
        ]
    )
    trial.bound(
        beta,
        least_width,
        instances="grid",
        # A root's logarithm is known to some 2e-14, which is 220 roundings; the rest is room.
        ops=1000,
        controls={"without the factor 2 of ε": least_width / 2},
    )


@claim(
    paper(
        "Ng & Jordan 2001, Proposition 5, as public notes quote it; a sum of squares, term by term"
    ),
    kind="bound",
    cases=[(5, 0.2), (20, 0.5), (80, 1.0)],
)
def test_nb_log_odds(
    trial,
    n_features: Annotated[int, Interval(1, 10_000)],
    fraction: Annotated[float, Interval(0, 1, "(]", why="of none there is no bound")],
    gap: BroadGap = 0.7,
    variance: BroadGap = 0.25,
    n_draws: Runs = 400,
):
    """Let two equally likely classes have n features with variances of at most σ², and let the two
    means of a feature differ by at least γ for a share f of the features. The expected log-odds of
    the right class under naive Bayes with the true parameters are at least n f γ² / (2 σ²).
    """
    rng = trial.generator("draws")
    informative = np.arange(n_features) < int(np.ceil(fraction * n_features))
    least = np.where(informative, gap, 0.0)

    def log_odds(gaps, variances):
        rule = rules.naive_bayes_rule(
            np.stack([-gaps / 2, gaps / 2]), variances, data.equal_priors(2)
        )
        scores = np.asarray(rule.weights) @ (gaps / 2) + np.asarray(rule.intercepts)
        return scores[1] - scores[0]

    found = [log_odds(least, np.full(n_features, variance))]
    for _ in range(n_draws):
        gaps = least + rng.exponential(1, n_features)
        found.append(log_odds(gaps, variance * rng.uniform(0.2, 1, n_features)))
    odds = np.array(found)
    bound = sample_complexity.informative_log_odds_bound(
        n_features, float(np.mean(informative)), gap, variance
    )
    trial.bound(
        np.full(len(odds), bound),
        odds,
        instances="draws",
        independent=n_draws,
        ops=20 * n_features,
        scale=1 + odds,  # the log priors cancel
        controls={"n f γ² / σ²": odds / 2},
    )


@claim(
    derived(
        "symmetrisation and vector contraction, since the log loss is sqrt(2)-Lipschitz in "
        "the scores"
    ),
    kind="bound",
    cases=[10, 30, 100],
    not_tight="constants of symmetrisation and contraction: even where the loss is a line a tenth "
    "of "
    "the bound is reached",
)
def test_lr_rademacher(
    trial,
    n_samples: Annotated[int, Interval(2, 10_000, why="each is drawn; the low end is a cap")],
    weight_bound: Annotated[float, Interval(0.001, 10)] = 0.1,
):
    """Let logistic regression have K scores w_k·x with |w_k| <= W and |x| <= X. The mean over m
    samples of the largest difference between risk and empirical risk over all such weights is at
    most 4 K W X / sqrt(m).

    On the unit cube in n dimensions X = sqrt(n), so that the bound is a function of m / n.
    """
    points = np.array([-1.0, 1.0])  # equally likely, with labels that know nothing of them
    # The loss of two classes depends on w_1 - w_0 alone, which runs over [-2 W, 2 W] when both
    # |w_k| <= W.
    slopes = np.linspace(-2 * weight_bound, 2 * weight_bound, 401)
    # Label, slope, point
    loss = np.logaddexp(0, -np.stack([-1, 1])[:, None, None] * slopes[None, :, None] * points)
    risk = np.mean(loss, axis=(0, 2))

    def measure(key):
        draws = jax.random.randint(key, (n_samples,), 0, 4)
        counts = jnp.bincount(draws, length=4).reshape(2, 2) / n_samples
        # At slope 0 there is no gap
        return jnp.maximum(jnp.max(risk - jnp.einsum("lsp,lp->s", loss, counts)), 0)

    bound = sample_complexity.logistic_log_regret_bound(n_samples, 2, weight_bound, 1.0)
    trial.mean(
        measure,
        bound,
        law=Bounded(0, float(loss.max() - loss.min())),
        side="at most",
        controls={"K W X / (4 sqrt(m))": bound / 16},
        first=1024,
        most=60_000,
    )


@claim(
    derived(
        "symmetrisation gives a factor 2, and contraction sqrt(2) times the steepness s of "
        "the loss for each class"
    ),
    kind="bound",
    cases=[(6, 2), (9, 4), (4, 10)],
    route="a mean over all signs of orthogonal points, in the check",
)
def test_lr_rademacher__steps(
    trial,
    n_samples: Annotated[int, Interval(1, 12, why="2^m signs are enumerated")],
    n_classes: Annotated[int, Interval(2, 1000)],
    weight_bound: Broader = 0.7,
    feature_norm: Broader = 3.0,
    share: Annotated[
        float, Interval(0.01, 0.2, why="signs seldom add up as orthogonal points do")
    ] = 0.04,
):
    """Let σ_1, …, σ_m be random signs, let x_1, …, x_m be orthogonal vectors of length X, and let s
    be the length of the gradient of the log loss of K scores at a mistake made with certainty. The
    product 2 sqrt(2) s (K / m) E[W |sum_i σ_i x_i| + B |sum_i σ_i|] of all steps from
    symmetrisation to contraction is at most 4 K (W X + B) / sqrt(m).

    The product bounds the mean log-loss regret of scores w_k·x + b_k with |w_k| <= W and |b_k| <=
    B.
    """
    sure = np.where(np.arange(n_classes) == 0, 50.0, 0.0)
    intercept = share * weight_bound * feature_norm
    steepness = np.linalg.norm(np.exp(sure - np.logaddexp.reduce(sure)) - np.eye(n_classes)[1])
    signs = 2.0 * (np.arange(2**n_samples)[:, None] >> np.arange(n_samples) & 1) - 1
    pulls = (
        np.linalg.norm(signs * feature_norm, axis=1) * weight_bound
        + np.abs(signs.sum(axis=1)) * intercept
    )
    steps = 2 * np.sqrt(2) * steepness * n_classes * np.mean(pulls) / n_samples
    bound = partial(
        sample_complexity.logistic_log_regret_bound,
        n_samples,
        n_classes,
        weight_bound,
        feature_norm,
    )
    trial.bound(
        steps,
        bound(intercept),
        instances="all",
        # Sums of 12 terms and a mean over 2^12 signs: some 50 roundings; the rest is room.
        ops=100,
        controls={
            "without the factor sqrt(2) of contraction": bound(intercept) / np.sqrt(2),
            "without B": bound(),
        },
    )
