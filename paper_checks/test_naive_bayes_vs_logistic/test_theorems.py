"""The explicit theorems: every constant of the O(log n) bound for naive Bayes and of the O(n) bound
for regression.
"""

from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks.test_naive_bayes_vs_logistic import Samples
from sims.naive_bayes_vs_logistic import data, rules
from theory.naive_bayes_vs_logistic import binary_features, sample_complexity
from theory_on_trial import claim, derived, paper
from theory_on_trial.base.mapping import quick_map
from theory_on_trial.contract import Interval
from theory_on_trial.laws import Bounded

BroadGap = Annotated[float, Interval(0.01, 100, why="a cap, which nothing requires")]
Broader = Annotated[float, Interval(0.001, 1000, why="a cap, which nothing requires")]
FewFeatures = Annotated[int, Interval(3, 12, why="2^n points are enumerated")]
"""n, binary features."""
Patterns = Annotated[int, Interval(2, 3, why="as many patterns of class means")]
"""K in the laws of binary features."""
Runs = Annotated[int, Interval(1, 5000, why="each is a fit or a draw")]
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


def _bound_sides(world, means, variances, shares, deviations):
    """Both sides of both bounds, and the asymptotic error, for estimates that deviate so much: an
    array each.
    """
    n = world.means.shape[1]
    floor = least_parameter(world.means)
    exact = world.scores(world.means, world.variances, data.equal_priors(len(world.means)))
    scores = world.scores(means, variances, shares)
    shifts = np.abs(scores - exact).max(axis=(1, 2))
    bounds = np.array([sample_complexity.score_deviation_bound(n, e, floor) for e in deviations])
    mass = np.array(
        [world.margin_mass(n * sample_complexity.margin_width(e, floor)) for e in deviations]
    )
    limit = np.full(len(mass), world.asymptotic_error)
    return np.array(
        [
            shifts,
            bounds,
            world.error(scores),
            limit + mass,
            limit,
            np.full(len(mass), np.abs(exact).max()),
        ]
    )


def _lowest_variances(n_features):
    """Estimates that move the scores most: ρ_0 is small, the variances are found at half of it."""
    world = binary_features.BinaryFeatures(np.repeat([[0.002], [0.006]], n_features, axis=1))
    deviation = least_parameter(world.means) / 2
    means = np.maximum(world.means - [[deviation], [0]], 0)
    return _bound_sides(
        world, means[None], world.variances[None] / 2, np.full((1, 2), 0.5), [deviation]
    )


def _all_wrong():
    """A mean, the variance and a prior of one feature that all raise the score of one class."""
    world = binary_features.BinaryFeatures(np.array([[0.95], [0.5]]))
    deviation = least_parameter(world.means) / 2
    shares = 0.5 + deviation * np.array([[-1, 1]])
    return _bound_sides(
        world, np.array([[[1.0], [0.5]]]), world.variances[None] / 2, shares, [deviation]
    )


def _tipped_tie():
    """Estimates that err wherever they may: a near tie at (1, 0), where the first class never is,
    tips over.
    """
    near = 0.1397  # at .13962 the two features outweigh each other there
    world = binary_features.BinaryFeatures(np.array([[0.0, near], [0.5, 1 - near]]))
    means = world.means + np.array([[0, 0], [0, 5e-4]])
    return _bound_sides(world, means[None], world.variances[None], np.full((1, 2), 0.5), [5e-4])


@claim(
    paper(
        "Ng & Jordan 2001, Theorem 4, as public notes quote it; "
        "constants by Taylor bounds, derived here"
    ),
    kind="bound",
    cases=[(8, 3, 1000), (8, 3, 1_000_000)],
)
def test_nb_theorem_explicit(
    trial, n_features: FewFeatures, n_classes: Patterns, n_samples: Samples, n_runs: Runs = 200
):
    """Scores and error of naive Bayes obey the explicit bounds on every training set near the
    truth.
    """
    world = binary_features.BinaryFeatures(class_means(n_features, n_classes))
    priors = data.equal_priors(n_classes)

    def replicate(key):
        statistics = data.binary_statistics(key, n_samples, world.means, priors)
        return *statistics, deviation_of(statistics, world.means)

    keys = jax.random.split(trial.key("runs"), n_runs)
    *estimates, deviation = map(np.asarray, quick_map(replicate)(keys))
    near = deviation <= least_parameter(world.means) / 2  # the theorem speaks of these only
    trial.require(
        near.any(),
        f"n_samples must be so large that estimates come within rho_0 / 2, got {n_samples}",
    )
    sides = _bound_sides(world, *[part[near] for part in (*estimates, deviation)])
    shifts, bounds, error, limit, none, size = np.concatenate(
        [sides, _lowest_variances(n_features), _all_wrong(), _tipped_tie()], axis=1
    )
    options = {"instances": "draws", "independent": int(near.sum()), "ops": 20 * n_features}
    trial.bound(
        shifts, bounds, scale=size, controls={"no variance found below ρ_0": bounds / 2}, **options
    )
    trial.bound(error, limit, scale=1.0, controls={"no margin mass": none}, **options)


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
    """Where margins concentrate the mass within τ n of a tie is at most (K - 1) α / (n (β -
    τ)^2).
    """
    # Rare flips attain it for two classes: one flip costs as much as all other features vary.
    worlds = [(2, level), (n_classes, level), (n_classes, 0.3)]
    mass, bounds = np.concatenate([_margin_masses(n_features, *world) for world in worlds], axis=1)
    controls = {"half, as each of two tails has": bounds / 2}
    trial.bound(mass, bounds, instances="all", ops=2**n_features, scale=1.0, controls=controls)


def _margin_masses(n_features, n_classes, level):
    """The mass within every margin below β n that some point has, where the mass rises, and the
    bound on it.
    """
    world = binary_features.BinaryFeatures(class_means(n_features, n_classes, level))
    scores = np.sort(
        world.scores(world.means, world.variances, data.equal_priors(n_classes)), axis=1
    )
    alpha, beta = world.margin_moments()
    margins = np.unique(np.round(scores[:, -1] - scores[:, -2], 9)) + 1e-9
    widths = np.append(0, margins[margins < 0.999 * beta * n_features])
    bounds = [
        sample_complexity.margin_mass_bound(n_features, n_classes, alpha, beta, w / n_features)
        for w in widths
    ]
    return np.array([[world.margin_mass(width) for width in widths], bounds])


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
    """O(log n) samples suffice, with every constant: all parameters are within ε with the stated
    chance.
    """
    means = class_means(n_features, n_classes)
    priors = data.equal_priors(n_classes)
    floor = least_parameter(means)
    deviation = floor / 2
    exact = sample_complexity.sufficient_samples(n_features, n_classes, deviation, failure, floor)
    chance = sample_complexity.deviation_probability_bound(
        exact, n_features, n_classes, deviation, floor
    )
    estimates = 2 * n_features * n_classes
    too_few = int(np.log(estimates / failure) / (8 * deviation**2))

    def escapes(size):
        def measure(key):
            return (
                deviation_of(data.binary_statistics(key, size, means, priors), means) > deviation
            ).astype(float)

        return measure

    trial.identity(
        chance, failure, ops=100, controls={"2 n K alone": failure * estimates / (estimates + 1)}
    )
    few = {"log(2 n K / δ) / (8 ε^2) samples": escapes(too_few)}
    trial.probability(
        escapes(int(np.ceil(exact))),
        failure,
        side="at most",
        control_processes=few,
        first=256,
        most=2000,
    )


@claim(
    derived("the theorem's own chance of failure, solved for ε"),
    kind="bound",
    route="nothing is measured: two readings of one theorem",
    second="test_naive_bayes_vs_logistic_laws.py::test_the_bounds_at_round_numbers",
)
def test_nb_theorem_vacuous(
    trial,
    n_features: Annotated[int, Interval(1, 10**6, why="a cap, which nothing requires")] = 100,
    n_classes: Annotated[int, Interval(2, 100, why="a cap, which nothing requires")] = 2,
    failure: Annotated[
        float, Interval(1e-20, 1, "[)", why="beneath, the constant log(1 / δ) hides log n")
    ] = 0.05,
    floor: Annotated[
        float, Interval(0.005, 0.25, why="no variance in [0, 1] exceeds 1/4; the low end is a cap")
    ] = 0.21,
    beta: Annotated[float, Interval(0.01, 10, why="a cap, which nothing requires")] = 0.38,
):
    """The explicit bound says nothing before (K + 3)^2 / (ρ_0 ε^2) log((2 n K + 1) / δ) samples."""
    trial.require(
        floor * n_classes <= 1,
        f"floor must be at most 1 / n_classes, as the least prior is, got {floor}",
    )
    deviation = beta / (2 * (4 / floor + 1 / floor**2))
    trial.require(deviation < floor / 2, f"beta must be below the width at rho_0 / 2, got {beta}")
    unions = np.log(2 * n_features * n_classes + 1) - np.log(failure)
    enough = (n_classes + 3) ** 2 / (floor * deviation**2) * unions
    least_width = np.array(
        [
            sample_complexity.margin_width(
                _least_deviation(m, n_features, n_classes, failure, floor), floor
            )
            for m in np.geomspace(10, enough, 40)
        ]
    )
    trial.bound(
        beta, least_width, instances="grid", ops=1000, controls={"half of τ": least_width / 2}
    )
    sizes = 10.0 ** np.arange(1, 7)
    counts = np.array(
        [
            sample_complexity.sufficient_samples(int(n), n_classes, floor / 2, failure, floor)
            for n in sizes
        ]
    )
    trial.growth(
        sizes,
        counts,
        counts,
        "log n",
        error=0.0,
        slack_log=0.01,
        guarantee="exact",
        controls=["const", "sqrt n", "n"],
    )


def _least_deviation(n_samples, n_features, n_classes, failure, floor):
    """The smallest ε at which the theorem's own chance of failure is at most `failure`
    (bisection).
    """
    low = 1e-7
    high = floor / 2  # beyond, the theorem says nothing at all
    for _ in range(80):
        middle = np.sqrt(low * high)
        if (
            sample_complexity.deviation_probability_bound(
                n_samples, n_features, n_classes, middle, floor
            )
            <= failure
        ):
            high = middle
        else:
            low = middle
    return float(high)


@claim(
    paper(
        "Ng & Jordan 2001, Proposition 5, as public notes quote it; a sum of squares, term by term"
    ),
    kind="bound",
    cases=[(5, 0.2), (20, 0.5), (80, 1.0)],
)
def test_nb_log_odds(
    trial,
    n_features: Annotated[int, Interval(1, 10_000, why="a cap, which nothing requires")],
    fraction: Annotated[float, Interval(0, 1, "(]", why="of none there is no bound")],
    gap: BroadGap = 0.7,
    variance: BroadGap = 0.25,
    n_draws: Runs = 400,
):
    """If a fraction f of the features has |μ_1 - μ_0| >= γ, the expected log-odds grow at least
    like n.
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

    def drawn():
        return log_odds(
            least + rng.exponential(1, n_features), variance * rng.uniform(0.2, 1, n_features)
        )

    odds = np.array(
        [log_odds(least, np.full(n_features, variance)), *(drawn() for _ in range(n_draws))]
    )
    bound = sample_complexity.informative_log_odds_bound(
        n_features, float(np.mean(informative)), gap, variance
    )
    # As an upper bound: the theory's floor lies below the log-odds of the population rule.
    lower = np.full(len(odds), bound)
    scale = 1 + odds  # the log priors cancel
    controls = {"half": odds / 2}
    trial.bound(
        lower,
        odds,
        instances="draws",
        independent=n_draws,
        ops=20 * n_features,
        scale=scale,
        controls=controls,
    )


@claim(
    derived("symmetrisation, vector contraction, and softmax being sqrt(2)-Lipschitz"),
    kind="bound",
    cases=[10, 100],
    not_tight="constants of symmetrisation and contraction: even where the loss is a line a tenth "
    "of "
    "the bound is reached",
)
def test_lr_rademacher(
    trial,
    n_samples: Annotated[int, Interval(2, 10_000, why="each is drawn; the low end is a cap")],
    weight_bound: Annotated[float, Interval(0.001, 10, why="a cap, which nothing requires")] = 0.1,
):
    """The worst gap of risk and empirical logistic risk over |w_k| <= W is at most 4 K W X /
    sqrt(m) on average.
    """
    points = np.array([-1.0, 1.0])  # equally likely, with labels that know nothing of them
    # The loss of two classes depends on w_1 - w_0 alone, which runs over [-2 W, 2 W] when both
    # |w_k| <= W.
    slopes = np.linspace(-2 * weight_bound, 2 * weight_bound, 401)
    loss = np.logaddexp(
        0, -np.stack([-1, 1])[:, None, None] * slopes[None, :, None] * points
    )  # label, slope, point
    risk = np.mean(loss, axis=(0, 2))

    def measure(key):
        draws = jax.random.randint(key, (n_samples,), 0, 4)
        counts = jnp.bincount(draws, length=4).reshape(2, 2) / n_samples
        return jnp.maximum(
            jnp.max(risk - jnp.einsum("lsp,lp->s", loss, counts)), 0
        )  # at slope 0 there is no gap

    bound = sample_complexity.logistic_log_regret_bound(n_samples, 2, weight_bound, 1.0)
    law = Bounded(0, float(loss.max() - loss.min()))
    trial.mean(
        measure,
        bound,
        law=law,
        side="at most",
        controls={"a sixteenth": bound / 16},
        first=1024,
        most=60_000,
    )
    sizes = np.array([16.0, 32, 64, 128])
    bounds = np.array(
        [sample_complexity.logistic_zero_one_regret_bound(7 * n, 3, 1.0, np.sqrt(n)) for n in sizes]
    )
    trial.identity(
        bounds,
        np.full(4, bounds[0]),
        ops=20,
        scale=bounds[0],
        controls={"X = 1": bounds[0] / sizes**0.25},
    )


@claim(
    derived(
        "symmetrisation doubles, contraction costs sqrt(2) and the steepness of the loss, once "
        "for each class"
    ),
    kind="bound",
    cases=[(6, 2), (9, 4)],
    route="a mean over all signs of orthogonal points, in the check",
)
def test_lr_rademacher__steps(
    trial,
    n_samples: Annotated[int, Interval(1, 12, why="2^m signs are enumerated")],
    n_classes: Annotated[int, Interval(2, 1000, why="a cap, which nothing requires")],
    weight_bound: Broader = 0.7,
    feature_norm: Broader = 3.0,
    share: Annotated[
        float, Interval(0.01, 0.2, why="signs seldom add up as orthogonal points do")
    ] = 0.04,
):
    """4 K (W X + B) / sqrt(m) is the product of its steps, each attained: sure mistakes, orthogonal
    points.
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
    of = n_samples, n_classes, weight_bound, feature_norm
    bound = sample_complexity.logistic_log_regret_bound(*of, intercept)
    controls = {
        "no sqrt(2)": bound / np.sqrt(2),
        "no intercept": sample_complexity.logistic_log_regret_bound(*of),
    }
    trial.bound(steps, bound, instances="all", ops=100, controls=controls)
    gaps = np.array([0.0, np.sqrt(bound)])
    bounds = [sample_complexity.logistic_zero_one_regret_bound(*of, intercept, gap) for gap in gaps]
    exact = np.sqrt(2 * (bound + gaps))
    trial.identity(
        np.array(bounds), exact, ops=10, controls={"the gap outside the root": exact[0] + gaps}
    )
