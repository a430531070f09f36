"""How the number of samples grows with the number of features: m*(n, epsilon) and its law."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks.test_naive_bayes_vs_logistic import ABSTRACT, CODE, DERIVED, equicorrelated, two_classes
from sims import naive_bayes_vs_logistic as observed
from theory import naive_bayes_vs_logistic as predicted
from theory_on_trial import abstract, claim, ours, paper
from theory_on_trial.laws import Bounded, Normal
from theory_on_trial.mapping import map_cells
from theory_on_trial.sample_complexity import bisect_sizes, geometric_sizes
from theory_on_trial.trends import crossing

ERROR = 1e-7
"""Chance, for each design, that any of its boxes misses its m*; a claim decides on a few designs."""


def boxes_of(curves):
    """Low and high ends of m* from one (sizes, samples, level, candidates) per design point.

    Where the sizes were chosen by bisection among `candidates`, each candidate has its share of the error.
    """
    law, shares = Normal(asymptotic=True), [len(sizes) / candidates for sizes, _, _, candidates in curves]
    found = [
        crossing(*curve[:3], law=law, error=ERROR / len(curves) * share)
        for curve, share in zip(curves, shares, strict=True)
    ]
    return np.array([box.low for box in found]), np.array([box.high for box in found])


def naive_bayes_curves(trial, designs, sizes, level, *, n_runs, labels="balanced"):
    """Learning curves of naive Bayes at the same sizes for every (means, variances), at floor + level."""

    def runs(name, means, variances):
        # A quarter of the default points: an error of 1e-4 at most in errors of about .01.
        points = None if len(means) == 2 else observed.quasi_random_points(256, len(means))
        simulate = partial(
            observed.naive_bayes_errors, sizes=sizes, means=means, variances=variances, labels=labels, points=points
        )
        draw = jax.jit(lambda keys: map_cells(simulate, keys))

        return np.asarray(draw(jax.random.split(trial.key(name), n_runs)))

    curves = []
    for means, variances in designs:
        floor = predicted.naive_bayes_asymptotic_error(means, variances)
        curves.append(
            (sizes, runs(f"{labels} {means.shape} {means[0, 0]}", means, variances), floor + level, len(sizes))
        )
    return curves


def logistic_curves(trial, designs, level, *, n_runs, widest, ratio=1.1):
    """Learning curves of ridge logistic regression around the crossing, found by bisection, one program per design."""
    curves = []
    for (means, variances), runs, (low, high) in zip(designs, n_runs, widest, strict=True):
        n_classes = len(means)
        floor = predicted.naive_bayes_asymptotic_error(means, variances)
        keys = jax.random.split(trial.key(f"logistic {means.shape}"), runs)
        sizes = geometric_sizes(low, high, ratio, n_classes)
        simulate = partial(
            observed.logistic_errors, means=means, covariance=variances, max_samples=int(sizes[-1]), tolerance=1e-6
        )
        evaluated, errors = bisect_sizes(_errors_at(simulate, keys), sizes, floor + level)
        curves.append((evaluated, errors, floor + level, len(sizes)))
    return curves


def _errors_at(simulate, keys):
    """Return the function of a size that bisection calls: one compiled program for all sizes."""
    draw = jax.jit(lambda size: map_cells(lambda key: simulate(key, size[None])[0], keys))
    return lambda size: draw(jnp.asarray(size))


def official(sizes, n_classes):
    """Return the released design for every n."""
    return [predicted.official_design(n, n_classes) for n in sizes]


@claim(
    ours(f"{ABSTRACT}; {CODE}: simulation, K = 2"),
    kind="rate",
    as_printed=abstract("In the simulation the number of samples of naive Bayes grows like log n."),
)
def test_nb_growth_upper(trial, sizes=(25, 200, 1600), samples=(4, 6, 8, 10), level=0.01, n_runs=350):
    """In the official design with two classes naive Bayes needs no more samples in more dimensions."""
    low, high = boxes_of(naive_bayes_curves(trial, official(sizes, 2), samples, level, n_runs=n_runs))
    weak = np.array([predicted.naive_bayes_samples(n, 4.0, level) for n in sizes])
    trial.growth_at_most(
        sizes,
        (low, high),
        "const",
        error=ERROR,
        guarantee="asymptotic (union)",
        wrong_processes={"fixed distance between the classes": (weak, weak)},
        as_printed="log n",
    )


@claim(ours(f"{ABSTRACT}; {CODE}: simulation, all K"), kind="rate", tier="full")
def test_nb_growth_upper__classes(trial, sizes=(100, 400, 1600), level=0.01, n_runs=600):
    """In the official design naive Bayes needs no more samples in more dimensions, with more classes too."""
    designs = {
        (3, "balanced"): ((6, 9, 12, 15, 18), n_runs),
        (5, "balanced"): ((10, 15, 20, 25), n_runs),
        (7, "balanced"): ((14, 21, 28), n_runs),
        (3, "random"): ((13, 16, 19, 22, 25), 5 * n_runs),  # the number in each class adds to the scatter
    }
    for (n_classes, labels), (samples, runs) in designs.items():
        curves = naive_bayes_curves(trial, official(sizes, n_classes), samples, level, n_runs=runs, labels=labels)
        # Balanced labels begin at 2 K, as the official protocol does: a smaller m* reads as this floor.
        low, high = np.maximum(boxes_of(curves), samples[0])
        trial.growth_at_most(
            sizes,
            (low, high),
            "const",
            error=ERROR,
            guarantee="asymptotic (union)",
            wrong_processes={"log n times the first": (low[0] * np.log(sizes) / np.log(sizes[0]),) * 2},
        )


@claim(ours(f"{ABSTRACT}; {CODE}: simulation, K = 2"), kind="rate", tier="full")
def test_lr_growth_linear(
    trial, sizes=(25, 50, 100, 200, 400, 800), level=0.01, n_runs=(6000, 3000, 1500, 800, 500, 200)
):
    """In the official design with two classes ridge logistic regression needs a number of samples affine in n."""
    widest = [(30, 90), (50, 110), (85, 170), (160, 300), (310, 540), (610, 980)]
    curves = logistic_curves(trial, official(sizes, 2), level, n_runs=n_runs, widest=widest[: len(sizes)])
    low, high = boxes_of(curves)
    trial.growth(
        sizes,
        low,
        high,
        "n",
        error=ERROR,
        slack_log=0.01,
        guarantee="asymptotic (union)",
        controls=["const", "log n", "sqrt n", "n log n"],
    )


@claim(
    paper(f"{CODE}: simulation, K = 3"),
    kind="rate",
    tier="full",
    as_printed=paper("released code: simulation, K = 3", says="m is affine in n from n = 25 on."),
)
def test_lr_growth__three_classes(trial, sizes=(25, 50, 100), level=0.01, n_runs=(400, 300, 200)):
    """With three classes the official design gets easier in n at first: fewer samples are needed at 100 than at 25."""
    widest = [(210, 900), (180, 600), (180, 540)]
    low, high = boxes_of(logistic_curves(trial, official(sizes, 3), level, n_runs=n_runs, widest=widest))
    linear = low[0] * np.array(sizes) / sizes[0]
    trial.growth_at_most(
        sizes,
        (low, high),
        "const",
        error=ERROR,
        guarantee="asymptotic (union)",
        wrong_processes={"proportional to n": (linear, linear)},
        as_printed="n",
    )


@claim(
    ours(DERIVED),
    kind="rate",
    tier="full",
    as_printed=paper("derived here", says="O(log n) samples suffice for naive Bayes, whatever the signal."),
)
def test_nb_linear_when_weak__simulated(trial, sizes=(20, 40, 80, 160, 320, 640), level=0.02, n_runs=4000):
    """With a fixed distance, or a fixed number of informative features, trained variances too, m grows like n."""
    ratios = np.geomspace(4.2, 9, 8)
    for informative in (None, 4):
        designs = []
        for n in sizes:
            means = two_classes(n, 4.0)
            if informative is not None:
                means = np.where(np.arange(n) < informative, two_classes(informative, 4.0)[:, :1], 0.0)
            designs.append((means, np.ones(n)))
        curves = []
        for design in designs:
            n = design[0].shape[1]
            samples = tuple(int(2 * round(n * r / 2 + 8)) for r in ratios)
            curves += naive_bayes_curves(trial, [design], samples, level, n_runs=n_runs)
        low, high = boxes_of(curves)
        trial.growth(
            sizes,
            low,
            high,
            "n",
            error=ERROR,
            slack_log=0.01,
            guarantee="asymptotic (union)",
            controls=["const", "log n", "sqrt n", "n log n"],
            as_printed="log n",
        )


@claim(ours(f"{DERIVED}: conditions behind O(log n)"), kind="bound")
def test_nb_never(trial, sizes=(10, 20, 50, 100, 200), correlation=0.5, level=0.01):
    """Under a common factor no number of samples brings naive Bayes near Bayes, and its margins do not concentrate."""
    floors, best, spread = [], [], []
    for n in sizes:
        means = np.stack([-np.ones(n), np.ones(n)]) * np.linspace(0.05, 0.4, n)
        sigma = equicorrelated(n, correlation)
        floors.append(predicted.naive_bayes_asymptotic_error(means, sigma))
        best.append(predicted.bayes_error(means, sigma))
        rule = observed.naive_bayes_rule(means, np.ones(n), observed.equal_priors(2))
        along = np.asarray(rule.weights)[1] - np.asarray(rule.weights)[0]
        spread.append(along @ sigma @ along)
    reachable = np.array(best) + level
    trial.bound(reachable, floors, found_by="all", ops=1e4, controls={"the Bayes error": np.array(best)})
    # alpha, the variance of the margin over n, is of order n, where the theorem asks for a constant.
    n = np.array(sizes)
    trial.growth(n, spread, spread, "n^2", error=0.0, slack_log=0.15, guarantee="exact", controls=["n", "const"])


@claim(paper(f"{CODE}: the scan that reads off m"), kind="distribution")
def test_first_passage(trial, n_features=1000, n_classes=3, level=0.01, steps=1):
    """The official scan mostly stops before the mean error has reached its target: a first passage on a coarse grid."""
    means, variances = predicted.official_design(n_features, n_classes)
    target = predicted.naive_bayes_asymptotic_error(means, variances) + level
    step = int(np.ceil(np.log(n_features)))
    early = 2 * n_classes + steps * step
    points = observed.quasi_random_points(256, n_classes)
    trial.mean(
        lambda key: observed.naive_bayes_errors(key, (early,), means, variances, labels="random", points=points)[0],
        target,
        law=Bounded(0, 1),
        side="at least",
        controls={"six times the target": 6 * target},
        first=256,
        most=20_000,
    )
    trial.probability(
        lambda key: (
            observed.official_scan(key, means, variances, n_classes, target, most=early + step) <= early
        ).astype(float),
        0.5,
        side="at least",
        controls={"always": 1.0},
        first=256,
        most=4000,
    )


@claim(paper(f"{CODE}: figure of the simulation, K = 2 and 3"), kind="empirical", tier="paper")
def test_figure_simulation(trial, sizes=(100, 200, 400, 1000), level=0.01, n_runs=60):
    """At the official sizes naive Bayes needs no more samples in more dimensions; regression grows, at most like n."""
    ladders = {2: tuple(range(4, 13)), 3: (12, 15, 18, 21, 24, 27)}
    ranges = {2: (0.8, 10, 1.2, 50), 3: (1.2, 100, 2.2, 300)}  # where the crossing is looked for: a n + b to c n + d
    for n_classes, samples in ladders.items():
        designs = official(sizes, n_classes)
        generative = boxes_of(naive_bayes_curves(trial, designs, samples, level, n_runs=2000, labels="random"))
        a, b, c, d = ranges[n_classes]
        widest = [(int(a * n + b), int(c * n + d)) for n in sizes]
        curves = logistic_curves(trial, designs, level, n_runs=[n_runs] * len(sizes), widest=widest)
        discriminative = boxes_of(curves)
        options = {"error": ERROR, "guarantee": "asymptotic (union)"}
        trial.growth_at_most(
            sizes, generative, "const", wrong_processes={"logistic regression": discriminative}, **options
        )
        linear = np.array(sizes) / sizes[0]
        trial.growth_at_most(
            sizes,
            discriminative,
            "n",
            wrong_processes={"m* times n": tuple(ends * linear for ends in discriminative)},
            **options,
        )
