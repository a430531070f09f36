"""How the number of samples grows with the number of features: m*(n, ε) and its law.

m* is the number of samples with which half of all training sets come within ε of the asymptotic
error.
"""

from functools import partial
from typing import Annotated, Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import ndtr

from paper_checks.test_naive_bayes_vs_logistic import equicorrelated
from sims.naive_bayes_vs_logistic import learning_curves, rules
from sims.naive_bayes_vs_logistic.learning_curves import bisect_sizes, geometric_sizes
from theory.naive_bayes_vs_logistic import linear_rules
from theory.naive_bayes_vs_logistic.linear_rules import official_design
from theory_on_trial import claim, derived
from theory_on_trial.base.mapping import map_cells, quick_jit, quick_map
from theory_on_trial.contract import Interval
from theory_on_trial.decide.trends import crossing
from theory_on_trial.laws import Bernoulli, Bounded

ERROR = 1e-7
"""Chance, for each design, that any of its boxes misses its m*; a claim decides on a few designs.
"""
GENERATIVE = {
    (3, "balanced"): (6, 9, 12, 15, 18, 24),
    (5, "balanced"): (10, 15, 20, 25),
    (7, "balanced"): (14, 21, 28),
    (3, "random"): (13, 16, 19, 22, 25),
    (2, "random"): tuple(range(4, 13)),
}
"""Sizes around m* of naive Bayes in the official design, for n from 100 on."""
NO_GROWTH = derived(
    "the abstract's O(log n), an upper bound that the released design does not reach"
)
Level = Annotated[
    float, Interval(0.005, 0.02, why="the sizes that are tried lie around these crossings")
]
"""ε, the error above the asymptotic one."""
Runs = Annotated[
    float,
    Interval(0.5, 2, why="a share of the usual number, and up to ten minutes at the upper end"),
]
"""How many training sets in comparison with the stated experiment."""
ManyRuns = Annotated[
    int,
    Interval(
        300,
        5000,
        why="with fewer training sets the intervals have no ends; a minute at the high end",
    ),
]


class Curve(NamedTuple):
    """Which training sets miss the target, at some sizes."""

    sizes: np.ndarray
    fails: np.ndarray
    """0 or 1, training sets x sizes."""
    candidates: int
    """How many sizes these were chosen from, by bisection."""


def boxes_of(curves):
    """Return the low and the high ends of m*, from one curve for each design.

    m* is a median, for which binomial intervals are exact; means of such skewed errors would need
    tens of thousands of runs. Each candidate has its share of the error.
    """
    low = []
    high = []
    for curve in curves:
        share = ERROR / len(curves) * len(curve.sizes) / curve.candidates
        box = crossing(curve.sizes, curve.fails, 0.5, law=Bernoulli(), error=share)
        low.append(box.low)
        high.append(box.high)
    return np.array(low), np.array(high)


def target_of(design, level):
    """Return the error to reach: the asymptotic one of (means, variances) plus `level`."""
    return linear_rules.naive_bayes_asymptotic_error(*design) + level


def naive_bayes_curve(trial, design, sizes, level, *, n_runs, labels="balanced"):
    """Return which training sets miss the target with naive Bayes."""
    means, variances = design
    # A quarter of the default points: an error of 1e-4 at most in errors of about .01.
    points = None if len(means) == 2 else rules.quasi_random_points(256, len(means))
    simulate = partial(
        learning_curves.naive_bayes_errors,
        sizes=sizes,
        means=means,
        variances=variances,
        labels=labels,
        points=points,
    )
    keys = jax.random.split(trial.key(f"{labels} {means.shape} {means[0, 0]}"), n_runs)
    errors = np.asarray(quick_map(simulate)(keys))
    return Curve(sizes, (errors > target_of(design, level)).astype(float), len(sizes))


def logistic_curve(trial, design, level, *, n_runs, between):
    """Return the same of ridge logistic regression around m*, found by bisection between two
    sizes, with one compiled program for all of them.
    """
    means, variances = design
    keys = jax.random.split(trial.key(f"logistic {means.shape}"), n_runs)
    sizes = geometric_sizes(*between, 1.1, len(means))
    target = target_of(design, level)

    @quick_jit
    def fails(size):
        def fail(key):
            errors = learning_curves.logistic_errors(
                key,
                size[None],
                means,
                variances,
                max_samples=int(sizes[-1]),
                tolerance=1e-6,
            )
            return errors[0] > target

        return map_cells(fail, keys)

    evaluated, failures = bisect_sizes(
        lambda size: np.asarray(fails(jnp.asarray(size)), float), sizes, 0.5
    )
    return Curve(evaluated, failures, len(sizes))


def no_growth(trial, sizes, boxes, least):
    """Decide that m* does not grow, where the protocol begins at `least` samples: a smaller m*
    reads as this floor.
    """
    low, high = np.maximum(boxes, least)
    logarithmic = low[0] * np.log(sizes) / np.log(sizes[0])
    trial.growth_at_most(
        sizes,
        (low, high),
        "const",
        error=ERROR,
        control_processes={"growth like log n": (logarithmic, logarithmic)},
    )


@claim(
    NO_GROWTH,
    kind="rate",
    not_tight="it falls, from 6 at 25 features to 4 from 200 on, the least that is tried",
)
def test_nb_growth_upper(
    trial,
    first: Annotated[
        int, Interval(25, 35, why="with more, it is hardly above the four samples tried first")
    ] = 25,
    level: Level = 0.01,
    n_runs: ManyRuns = 350,
):
    """Let two equally likely Gaussian classes have the means c (1, …, 1) with c = ±1 and n
    independent features, with the variance n for the first floor(n / 2) of them and 1 for the
    others (the design of the released code). Let m* be the number of samples with which half of all
    training sets give naive Bayes an error of at most ε above the Bayes error. Then m* does not
    grow from n = 25 to 200 and 1600.
    """
    sizes = first * np.array([1, 8, 64])
    low, high = boxes_of(
        [
            naive_bayes_curve(trial, official_design(n, 2), (4, 6, 8), level, n_runs=n_runs)
            for n in sizes.tolist()
        ]
    )
    trial.require(
        np.isfinite(high[0]),
        f"level must be one that 8 samples reach at {first} features, got {level}",
    )
    no_growth(trial, sizes, (low, high), 4)


@claim(
    NO_GROWTH,
    kind="rate",
    tier="full",
    cases=list(GENERATIVE),
    not_tight="the number of samples falls, or is the least that the protocol tries, two of each "
    "class",
)
def test_nb_growth_upper__classes(
    trial,
    n_classes: Literal[2, 3, 5, 7],
    labels: Literal["balanced", "random"],
    level: Annotated[
        float,
        Interval(0.005, 0.01, why="with more, the least number that is tried may do at n = 100"),
    ] = 0.01,
    runs: Runs = 1.0,
):
    """Let K equally likely Gaussian classes have the means c_k (1, …, 1), where the c_k are the
    first K of -1, 1, 2, 4, …, and n independent features, with the variance n for the first floor(n
    / 2) of them and 1 for the others (the design of the released code). Let m* be the number of
    samples with which half of all training sets give naive Bayes an error of at most ε above the
    Bayes error. Then m* does not grow from n = 100 to 400 and 1600, for balanced labels and for
    labels drawn at random.
    """
    trial.require(
        (n_classes, labels) in GENERATIVE,
        "labels must be random for 2 classes, and balanced for more than 3",
    )
    samples = GENERATIVE[n_classes, labels]
    # The number of samples in each class adds to the scatter.
    n_runs = int(600 * runs) * (5 if labels == "random" else 1)
    sizes = np.array([100, 400, 1600])
    curves = [
        naive_bayes_curve(
            trial, official_design(n, n_classes), samples, level, n_runs=n_runs, labels=labels
        )
        for n in sizes.tolist()
    ]
    no_growth(trial, sizes, boxes_of(curves), samples[0])


@claim(derived("the abstract's O(n) in the released design"), kind="rate", tier="full")
def test_lr_growth_linear(trial, level: Level = 0.01, runs: Runs = 1.0):
    """Let two equally likely Gaussian classes have the means c (1, …, 1) with c = ±1 and n
    independent features, with the variance n for the first floor(n / 2) of them and 1 for the
    others (the design of the released code). Let m* be the number of samples with which half of all
    training sets give ridge logistic regression (C = 1) an error of at most ε above the Bayes
    error. Then m* grows like n, up to an additive constant, from n = 25 to 800.
    """
    runs_and_range = {
        25: (6000, 30, 90),
        50: (3000, 50, 110),
        100: (1500, 85, 170),
        200: (800, 160, 300),
        400: (500, 310, 540),
        800: (200, 610, 980),
    }
    low, high = boxes_of(
        [
            logistic_curve(
                trial, official_design(n, 2), level, n_runs=int(runs * count), between=between
            )
            for n, (count, *between) in runs_and_range.items()
        ]
    )
    trial.growth(
        list(runs_and_range),
        low,
        high,
        "n",
        error=ERROR,
        slack_log=0.01,
        controls=["const", "log n", "sqrt n", "n log n"],
    )


@claim(
    derived(
        "in the released design the distance of the classes grows with n, and O(n) shows at "
        "larger n only"
    ),
    kind="rate",
    tier="full",
    not_tight="the number of samples falls, from about 470 at 25 features to 300 at 100",
)
def test_lr_growth__three_classes(
    trial,
    level: Annotated[
        float, Interval(0.005, 0.01, why="to .02 there are as many at 25 as at 100, or fewer")
    ] = 0.01,
    runs: Annotated[
        float, Interval(1, 20, why="with fewer training sets boxes have no ends")
    ] = 1.0,
):
    """Let three equally likely Gaussian classes have the means c (1, …, 1) with c = -1, 1, 2, and n
    independent features, with the variance n for the first floor(n / 2) of them and 1 for the
    others (the design of the released code). Let m* be the number of samples with which half of all
    training sets give ridge logistic regression (C = 1) an error of at most ε above the Bayes
    error. Then m* does not grow from n = 25 to 50 and 100.
    """
    runs_and_range = {25: (1000, 210, 900), 50: (1000, 180, 600), 100: (500, 180, 540)}
    low, high = boxes_of(
        [
            logistic_curve(
                trial,
                official_design(n, 3),
                level,
                n_runs=int(runs * count),
                between=(few, round(many * 0.01 / level)),
            )
            for n, (count, few, many) in runs_and_range.items()
        ]
    )
    linear = low[0] * np.array(list(runs_and_range)) / 25
    trial.growth_at_most(
        list(runs_and_range),
        (low, high),
        "const",
        error=ERROR,
        control_processes={"proportional to n": (linear, linear)},
    )


LEAST_GAP = 0.1
LARGEST_GAP = 0.8
"""The two means of feature i differ by `LEAST_GAP` to `LARGEST_GAP`, in even steps."""
COMMON_FACTOR = derived(
    "a factor that all features share does not average out over them, and only the Bayes "
    "rule subtracts it"
)
OfFactor = Annotated[float, Interval(0.5, 0.95, why="Bayes is near its limit at 1024")]
WIDTHS = tuple(16 * 2**j for j in range(7))


def with_common_factor(n_features, correlation):
    """Return class means that differ more and more, and the covariance of one common factor."""
    gaps = np.linspace(LEAST_GAP, LARGEST_GAP, n_features)
    return np.stack([-gaps, gaps]) / 2, equicorrelated(n_features, correlation)


MEAN_GAP = (LEAST_GAP + LARGEST_GAP) / 2
MEAN_SQUARED_GAP = (LEAST_GAP**2 + LEAST_GAP * LARGEST_GAP + LARGEST_GAP**2) / 3


def floor_under_factor(correlation):
    """Return the limit of naive Bayes' error."""
    return ndtr(-MEAN_SQUARED_GAP / (2 * np.sqrt(correlation) * MEAN_GAP))


@claim(
    COMMON_FACTOR,
    kind="limit",
    cases=[0.5, 0.65, 0.8],
    route="the floor at growing n against a limit that is claimed",
)
def test_nb_never(trial, correlation: OfFactor):
    """Let two equally likely Gaussian classes have n features of variance one, every two of which
    have the correlation ρ within a class. Let the differences of the two means of a feature have
    the mean d and the mean square s over the features. The error of naive Bayes with infinitely
    many samples tends to Φ(-s / (2 sqrt(ρ) d)) as n grows.

    Within a class the difference of the two scores has a variance of the order n² here. The theorem
    behind O(log n) assumes that it grows like n.
    """
    floor = floor_under_factor(correlation)
    trial.limit(
        [
            linear_rules.naive_bayes_asymptotic_error(*with_common_factor(n, correlation))
            for n in WIDTHS
        ],
        WIDTHS,
        floor,
        order=1,
        margin=0.009 * floor,
        controls={
            "s = d², as for equal differences": ndtr(-MEAN_GAP / (2 * np.sqrt(correlation))),
            "the error 0, as of uncorrelated features": 0.0,
        },
    )


@claim(
    COMMON_FACTOR,
    kind="limit",
    cases=[0.5, 0.65, 0.8],
    route="the Bayes error at growing n against a limit that is claimed",
)
def test_nb_never__bayes(trial, correlation: OfFactor):
    """Let two equally likely Gaussian classes have n features of variance one, every two of which
    have the correlation ρ within a class. Let the difference of the two means of a feature rise
    evenly from .1 in the first feature to .8 in the last one. The Bayes error tends to 0 as n
    grows.
    """
    best = [linear_rules.bayes_error(*with_common_factor(n, correlation)) for n in WIDTHS]
    floor = floor_under_factor(correlation)
    trial.limit(
        best,
        WIDTHS,
        0.0,
        remainder=best[-1],  # errors fall, and are never negative
        margin=0.009 * floor,
        scale=floor,
        controls={"the limit of naive Bayes": floor},
    )


SCAN = derived("the scan of the released main_simulation.py, with exact errors")


def second_size(n_features, n_classes):
    """Return the second size that the released scan tries."""
    return 2 * n_classes + int(np.ceil(np.log(n_features)))


@claim(
    SCAN,
    kind="empirical",
    cases=[(2, 100), (2, 1000), (3, 400), (3, 1000)],
    not_tight="with three classes 70 to 90 % of all scans have ended at the second size",
)
def test_first_passage(trial, n_classes: Literal[2, 3], n_features: Literal[100, 200, 400, 1000]):
    """Let K = 2 or 3 equally likely Gaussian classes have the means c_k (1, …, 1), where the c_k
    are the first K of -1, 1, 2, and n independent features, with the variance n for the first
    floor(n / 2) of them and 1 for the others (the design of the released code). A scan trains naive
    Bayes on new sets of 2 K, 2 K + ceil(log n), 2 K + 2 ceil(log n), … samples with random labels,
    until the error is less than .01 above the Bayes error. It ends at the first or second of these
    sizes with a probability of at least .97 for two classes and n from 100 to 1000, and of at least
    1/2 for three classes and n from 200 to 1000.

    So the number of samples that it reports grows like log n by the choice of its steps.
    """
    trial.require(
        n_classes == 2 or n_features >= 200,
        f"n_features must be at least 200 for three classes, got {n_features}",
    )
    design = official_design(n_features, n_classes)
    second = second_size(n_features, n_classes)

    def ended_by(size):
        def measure(key):
            found = learning_curves.official_scan(
                key, *design, target_of(design, 0.01), most=second + 1
            )
            return (found <= size).astype(float)

        return measure

    control: dict[str, Any] = (
        {"control_processes": {"an end at the first size": ended_by(4)}}
        if n_classes == 2
        else {"controls": {"an end there in every scan": 1.0}}
    )
    trial.probability(
        ended_by(second),
        {2: 0.97, 3: 0.5}[n_classes],
        side="at least",
        **control,
        first=128,
        most=20_000,
    )


@claim(
    SCAN,
    kind="empirical",
    tier="full",
    cases=[400, 1000],
    not_tight="at the second size the mean error is 2 to 4 times the target",
)
def test_first_passage__too_early(trial, n_features: Literal[200, 400, 1000]):
    """Let three equally likely Gaussian classes have the means c (1, …, 1) with c = -1, 1, 2, and n
    independent features, with the variance n for the first floor(n / 2) of them and 1 for the
    others (the design of the released code). For n from 200 to 1000 the mean error of naive Bayes,
    trained on 6 + ceil(log n) samples with random labels, is at least .01 above the Bayes error.

    This is the second size of the scan in the released code.
    """
    design = official_design(n_features, 3)
    target = target_of(design, 0.01)
    points = rules.quasi_random_points(256, 3)
    trial.mean(
        lambda key: learning_curves.naive_bayes_errors(
            key, (second_size(n_features, 3),), *design, labels="random", points=points
        )[0],
        target,
        law=Bounded(0, 1),
        side="at least",
        controls={"six times the target": 6 * target},
        first=256,
        most=20_000,
    )
