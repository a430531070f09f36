"""The explicit theorems: every constant of the O(log n) bound for naive Bayes and of the O(n) bound
for regression.
"""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import logsumexp

from paper_checks.test_naive_bayes_vs_logistic import Samples
from sims.naive_bayes_vs_logistic import data, rules
from theory.naive_bayes_vs_logistic import binary_features, sample_complexity
from theory_on_trial import claim, derived, known
from theory_on_trial.base.mapping import quick_map
from theory_on_trial.contract import Interval
from theory_on_trial.laws import Bounded

Gap = Annotated[float, Interval(0.01, 100)]
"""γ, the least difference of the two means of an informative feature."""
LargestVariance = Annotated[float, Interval(0.01, 100)]
"""σ²."""
FewFeatures = Annotated[int, Interval(3, 12, why="2^n points are enumerated")]
"""n, the number of binary features."""
FewClasses = Annotated[int, Interval(2, 3, why="the means of binary features have three levels")]
"""K, the number of classes of binary features."""
Runs = Annotated[int, Interval(1, 5000)]
"""How many training sets or designs are drawn."""
Level = Annotated[
    float, Interval(1e-6, 0.003, why="rare flips attain the bound; the low end is a cap")
]
"""The probability that a binary feature has the less likely of its two values."""


def class_means(n_features, n_classes, level=0.3):
    """Return the means of binary features, classes x features: in every feature the classes have
    the means `level`, 1 - `level` (and .5), shifted by one class from feature to feature.
    """
    levels = np.array([level, 1 - level, 0.5])[:n_classes]
    return levels[(np.arange(n_features)[None, :] + np.arange(n_classes)[:, None]) % n_classes]


def rho_0(means):
    """Return the theorem's ρ_0, the least prior or pooled variance, and no more than 1/4."""
    return float(min(np.mean(means * (1 - means), axis=0).min(), 1 / len(means), 0.25))


class Fitted(NamedTuple):
    """Binary features, and naive Bayes with estimates of their means (classes x features), pooled
    variances, and priors (the shares of the classes).
    """

    world: binary_features.BinaryFeatures
    means: np.ndarray
    variances: np.ndarray
    shares: np.ndarray

    @property
    def deviation(self):
        """ε, the largest error of any estimate."""
        of_means = np.abs(self.means - self.world.means).max()
        of_variances = np.abs(self.variances - self.world.variances).max()
        of_shares = np.abs(self.shares - 1 / len(self.means)).max()
        largest = float(max(of_means, of_variances, of_shares))
        # Some estimates are at the most that the theorem allows, but for a rounding.
        most = rho_0(self.world.means) / 2
        return most if abs(largest - most) <= 1e-12 * most else largest

    @property
    def scores(self):
        """The scores l_k with the estimates, points x classes."""
        return self.world.scores(self.means, self.variances, self.shares)

    @property
    def width(self):
        """τ n, where τ belongs to ε."""
        tau = sample_complexity.margin_width(self.deviation, rho_0(self.world.means))
        return self.means.shape[1] * tau


def near_fits(trial, n_features, n_classes, n_samples, n_runs):
    """Draw training sets, and return the fits whose estimates are within ρ_0 / 2, of which the
    theorem speaks.
    """
    world = binary_features.BinaryFeatures(class_means(n_features, n_classes))
    priors = data.equal_priors(n_classes)
    keys = jax.random.split(trial.key("runs"), n_runs)
    estimate = quick_map(lambda key: data.binary_statistics(key, n_samples, world.means, priors))
    means, variances, shares = map(np.asarray, estimate(keys))
    drawn = [Fitted(world, means[run], variances[run], shares[run]) for run in range(n_runs)]
    near = [fit for fit in drawn if fit.deviation <= rho_0(world.means) / 2]
    trial.require(
        len(near) > 0,
        f"n_samples must be so large that estimates come within rho_0 / 2, got {n_samples}",
    )
    return near


def lowest_variances(n_features):
    """Return a fit whose scores are off the most: variances are small, and estimated
    at half of what they are.
    """
    world = binary_features.BinaryFeatures(np.repeat([[0.002], [0.006]], n_features, axis=1))
    # Only the means of the first class are off.
    means = np.maximum(world.means - [[rho_0(world.means) / 2], [0]], 0)
    return Fitted(world, means, world.variances / 2, np.full(2, 0.5))


def one_feature():
    """Return a fit of one feature whose mean, variance and prior all move one score alike."""
    world = binary_features.BinaryFeatures(np.array([[0.95], [0.5]]))
    shares = 0.5 + rho_0(world.means) / 2 * np.array([-1, 1])
    return Fitted(world, np.array([[1.0], [0.5]]), world.variances / 2, shares)


def tipped_tie():
    """Return a fit of which a slightly wrong mean tips over a near tie at the point (1, 0). The
    first class never is there, so that the rule errs at this point with all its probability.
    """
    near = 0.1397  # at .13962 the two scores are equal there
    world = binary_features.BinaryFeatures(np.array([[0.0, near], [0.5, 1 - near]]))
    means = world.means + np.array([[0, 0], [0, 5e-4]])
    return Fitted(world, means, world.variances, np.full(2, 0.5))


THEOREM_4 = known(
    "Ng & Jordan 2001, Theorem 4, as public notes quote it",
    within="for two classes, as an order; several classes and the constants are found here",
)
SETTINGS = [(8, 3, 1000), (8, 3, 1_000_000), (6, 2, 2000)]
"""The numbers of features, classes and samples."""


@claim(THEOREM_4, kind="bound", cases=SETTINGS)
def test_nb_theorem_explicit(
    trial, n_features: FewFeatures, n_classes: FewClasses, n_samples: Samples, n_runs: Runs = 230
):
    """Let $n$ features lie in [0, 1], let the priors and the variances within the classes be at
    least $ρ_0$, and let every estimated mean, variance and prior be within $ε <= ρ_0 / 2$ of the
    truth. The error of naive Bayes exceeds its error with the true parameters by at most $G(τ)$,
    the probability that the rule with the true parameters is right and its score leads by at most
    $τ n$, where $τ = 2 ε (4 / ρ_0 + 1 / ρ_0²)$.
    """
    drawn = near_fits(trial, n_features, n_classes, n_samples, n_runs)
    fits = [*drawn, tipped_tie()]
    limits = np.array([fit.world.error(fit.world.limit_scores) for fit in fits])
    trial.bound(
        np.array([fit.world.error(fit.scores) for fit in fits]),
        limits + np.array([fit.world.margin_mass(fit.width) for fit in fits]),
        instances="draws",
        independent=len(drawn),
        ops=20 * n_features,
        scale=1.0,
        controls={"without $G(τ)$": limits},
    )


@claim(THEOREM_4, kind="bound", cases=SETTINGS)
def test_nb_theorem_explicit__scores(
    trial, n_features: FewFeatures, n_classes: FewClasses, n_samples: Samples, n_runs: Runs = 230
):
    """Let $n$ features lie in [0, 1], let the priors and the variances within the classes be at
    least $ρ_0$, and let every estimated mean, variance and prior be within $ε <= ρ_0 / 2$ of the
    truth. Every score $l_k(x) = log p_k - sum_i (x_i - μ_(k,i))² / (2 σ_i²)$ of naive Bayes is
    within $n ε (2 / ρ_0 + 1 / ρ_0²) + 2 ε / ρ_0$ of its value for the true parameters.
    """
    drawn = near_fits(trial, n_features, n_classes, n_samples, n_runs)
    fits = [*drawn, lowest_variances(n_features), one_feature()]
    bound = np.array(
        [
            sample_complexity.score_deviation_bound(
                fit.means.shape[1], fit.deviation, rho_0(fit.world.means)
            )
            for fit in fits
        ]
    )
    trial.bound(
        np.array([np.abs(fit.scores - fit.world.limit_scores).max() for fit in fits]),
        bound,
        instances="draws",
        independent=len(drawn),
        ops=20 * n_features,
        scale=np.array([np.abs(fit.world.limit_scores).max() for fit in fits]),
        controls={"estimated variances of at least $ρ_0$": bound / 2},
    )


@claim(
    known("Chebyshev's inequality"),
    kind="bound",
    cases=[(7, 2), (7, 3), (12, 3)],
    route="all points against `theory.naive_bayes_vs_logistic.sample_complexity.margin_mass_bound`",
)
def test_nb_theorem_explicit__margins(
    trial, n_features: FewFeatures, n_classes: FewClasses, level: Level = 3e-4
):
    """Let naive Bayes use the true parameters of $K$ classes and $n$ features. Within each class
    $k$, let the score of $k$ minus that of any other class have a mean of at least $β n$ and a
    variance of at most $α n$. For $τ < β$, the rule is right by a margin of at most $τ n$ with a
    probability of at most $(K - 1) α / (n (β - τ)²)$.
    """
    masses = []
    bounds = []
    # With two classes rare flips attain the bound: one flip costs as much as all other features
    # vary.
    for classes, flips in [(2, level), (n_classes, level), (n_classes, 0.3)]:
        world = binary_features.BinaryFeatures(class_means(n_features, classes, flips))
        alpha, beta = world.margin_moments()
        scores = np.sort(world.limit_scores, axis=1)
        leads = np.unique(np.round(scores[:, -1] - scores[:, -2], 9))
        # The probability rises only where τ n passes a lead, so it is tried a hair beyond each.
        widths = np.append(0, leads + 1e-9)
        for width in widths[widths < 0.999 * beta * n_features]:
            masses.append(world.margin_mass(width))
            bounds.append(
                sample_complexity.margin_mass_bound(
                    n_features, classes, alpha, beta, width / n_features
                )
            )
    trial.bound(
        masses,
        bounds,
        instances="all",
        ops=2**n_features,
        scale=1.0,
        controls={"half of it, as for one of two tails": np.array(bounds) / 2},
    )


@claim(
    known(
        "Ng & Jordan 2001, Lemma 3, as public notes quote it",
        within="for two classes, as an order; several classes and the constants are found here",
    ),
    kind="bound",
    not_tight="Hoeffding and the union over all estimates: hundreds of times fewer samples still "
    "do",
)
def test_nb_theorem_explicit__samples(
    trial,
    n_features: Annotated[int, Interval(2, 1000, why="all estimates are drawn")] = 50,
    n_classes: FewClasses = 3,
    failure: Annotated[
        float,
        Interval(0.15, 0.5, why="too few samples fail nearly always: six times a rarer chance"),
    ] = 0.2,
):
    """Let $n$ features lie in [0, 1], let the priors and the variances within the classes be at
    least $ρ_0$, and let $ε <= ρ_0 / 2$. With $((K + 3)² / (ρ_0 ε²)) log((2 n K + 1) / δ)$ samples
    or more, every estimated mean, variance and prior of $K$ classes is within $ε$ of the truth with
    a probability of at least $1 - δ$.
    """
    means = class_means(n_features, n_classes)
    priors = data.equal_priors(n_classes)
    truth = means, np.mean(means * (1 - means), axis=0), priors
    floor = rho_0(means)
    deviation = floor / 2

    def escapes(size):
        """Return a simulator of whether some estimate from `size` samples is off by more than ε."""

        def measure(key):
            errors = jax.tree.map(
                lambda estimate, exact: jnp.abs(estimate - exact).max(),
                data.binary_statistics(key, size, means, priors),
                truth,
            )
            return (jnp.stack(errors).max() > deviation).astype(float)

        return measure

    enough = sample_complexity.sufficient_samples(n_features, n_classes, deviation, failure, floor)
    too_few = int(np.log(2 * n_features * n_classes / failure) / (8 * deviation**2))
    trial.probability(
        escapes(int(np.ceil(enough))),
        failure,
        side="at most",
        control_processes={"$log(2 n K / δ) / (8 ε^2)$ samples": escapes(too_few)},
        first=256,
        most=2000,
    )


@claim(
    known(
        "Ng & Jordan 2001, Proposition 5, as public notes quote it",
        within="as an order; the constant is found here, for variances that classes share",
    ),
    kind="bound",
    cases=[(5, 0.2), (20, 0.5), (80, 1.0)],
)
def test_nb_log_odds(
    trial,
    n_features: Annotated[int, Interval(1, 10_000)],
    fraction: Annotated[float, Interval(0, 1, "(]", why="of none there is no bound")],
    gap: Gap = 0.7,
    variance: LargestVariance = 0.25,
    n_draws: Runs = 400,
):
    """Let two equally likely classes have $n$ features with variances of at most $σ²$, and let the
    two means of a feature differ by at least $γ$ for a share $f$ of the features. The expected
    log-odds of the right class under naive Bayes with the true parameters are at least
    $n f γ² / (2 σ²)$.
    """
    rng = trial.generator("draws")
    informative = np.arange(n_features) < int(np.ceil(fraction * n_features))
    least_gaps = np.where(informative, gap, 0.0)

    def log_odds(gaps, variances):
        """Return the expected log-odds of the right class: those at its mean, since they are linear
        in x.
        """
        rule = rules.naive_bayes_rule(
            np.stack([-gaps / 2, gaps / 2]), variances, data.equal_priors(2)
        )
        scores = np.asarray(rule.weights) @ (gaps / 2) + np.asarray(rule.intercepts)
        return scores[1] - scores[0]

    def drawn():
        gaps = least_gaps + rng.exponential(1, n_features)
        return log_odds(gaps, variance * rng.uniform(0.2, 1, n_features))

    attained = log_odds(least_gaps, np.full(n_features, variance))
    odds = np.array([attained, *(drawn() for _ in range(n_draws))])
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
        # Twice the bound is at most the log-odds: both sides are halved.
        controls={"$n f γ² / σ²$": odds / 2},
    )


@claim(
    derived("symmetrisation, and the vector contraction of Maurer 2016"),
    kind="bound",
    cases=[(10, 2), (100, 2), (30, 3)],
    not_tight="constants of symmetrisation and contraction: even where the loss is a line a tenth "
    "of "
    "the bound is reached",
)
def test_lr_rademacher(
    trial,
    n_samples: Annotated[int, Interval(2, 10_000, why="each is drawn; the low end is a cap")],
    n_classes: Annotated[int, Interval(2, 3, why="all weights of a grid are tried")],
    weight_bound: Annotated[float, Interval(0.001, 10)] = 0.1,
):
    """Let logistic regression have $K$ scores $w_k·x$ with $|w_k| <= W$ and $|x| <= X$. Take the
    risk minus the empirical risk on $m$ samples, both of the log loss, and its largest value over
    all such weights. The mean of this over samples is at most $4 K W X / sqrt(m)$.

    On the unit cube in n dimensions X = sqrt(n), so that the bound is a function of m / n. It is
    tried with two and three classes on a line.
    """
    points = np.array([-1.0, 1.0])  # equally likely, with labels that know nothing of them
    line = np.linspace(-weight_bound, weight_bound, {2: 101, 3: 21}[n_classes])
    weights = np.stack(np.meshgrid(*[line] * n_classes), axis=-1).reshape(-1, n_classes)
    # Axes: weights, class or label, point.
    scores = weights[..., None] * points
    loss = logsumexp(scores, axis=1, keepdims=True) - scores
    risk = np.mean(loss, axis=(1, 2))

    def largest_difference(key):
        # Each of the 2 K pairs of a label and a point is equally likely.
        draws = jax.random.randint(key, (n_samples,), 0, 2 * n_classes)
        shares = jnp.bincount(draws, length=2 * n_classes).reshape(n_classes, 2) / n_samples
        empirical_risk = jnp.einsum("wlp,lp->w", loss, shares)
        # With weights of zero the risks are equal.
        return jnp.maximum(jnp.max(risk - empirical_risk), 0)

    bound = sample_complexity.logistic_log_regret_bound(n_samples, n_classes, weight_bound, 1.0)
    trial.mean(
        largest_difference,
        bound,
        law=Bounded(0, float(loss.max() - loss.min())),
        side="at most",
        controls={"$K W X / (4 sqrt(m))$": bound / 16},
        first=1024,
        most=60_000,
    )
