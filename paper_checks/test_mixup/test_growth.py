"""The curse of separability: sample sizes to reach 1 - cos <= ε, exponential in κ without
augmentation.

n_ε(κ) is the least n at which the median of 1 - cos over samples is at most ε. Whether the median
lies below ε is an event of probability above or below 1/2, so that exact binomial intervals enclose
n_ε. What is assumed is that the chance of 1 - cos <= ε grows with n.
"""

from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import ndtri

from paper_checks.test_mixup import CURSE, folded, reference_pair, uniform_lambdas
from sims import mixup as observed
from theory import mixup as predicted
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval
from theory_on_trial.laws import Bernoulli

ERROR = 1e-7
"""Chance, for each design, that any of its boxes misses its n_ε."""
KEPT = 400
"""Outermost points drawn in the plane: enough for a certificate in all but a few of a thousand
samples.
"""
LAW = predicted.MixingLaw.beta(1.0, 8)

Power = Annotated[
    float, Interval(0.08, 0.2, why="of less, the small factor shows; the high end is a cap")
]
Tried = Annotated[
    float, Interval(0.005, 0.006, why="the sizes that are tried lie around this crossing")
]
Target = Annotated[
    float,
    Interval(0.005, 0.1, why="below, log n exceeds what the sampler of tails is certified for"),
]
"""ε, below 1 - cos(μ, b) = .22."""
Runs = Annotated[int, Interval(3000, 20_000, why="fewer leave wide intervals, and each is fitted")]


def encloses(sizes, events, error):
    """Box [low, high] around n_ε from the events 1 - cos <= ε (runs in rows) at growing sizes."""
    interval = Bernoulli().interval(
        [np.asarray(events, float)], error / len(sizes), np.zeros(len(sizes))
    )
    below = interval.high < 0.5
    above = interval.low > 0.5
    low = sizes[np.flatnonzero(below)[-1]] if below.any() else 0.0
    return low, sizes[np.flatnonzero(above)[0]] if above.any() else np.inf


def log_boxes(trial, pair, epsilon, separabilities, brackets, runs):
    """Boxes around log n_ε of the hard margin, tested at both ends of a bracket for every κ."""
    factor = observed.covariance_factor(pair.covariance)
    boxes = []
    for kappa, bracket in zip(separabilities, brackets, strict=True):
        events = []
        for end, log_n in enumerate(bracket):
            key = trial.key(f"{pair.covariance.tolist()} {kappa} {end}")
            tails = observed.certified_tail_directions(
                key, log_n, pair.mean, factor, kappa, KEPT, runs
            )
            deficits = np.asarray(observed.angle_deficit(tails.directions, pair.bayes_direction))
            # Samples that are not separable have no margin; they lie far beyond n_ε and count as
            # successes.
            events.append(np.isnan(deficits) | (deficits <= epsilon))
        boxes.append(encloses(bracket, np.stack(events, axis=1), ERROR / len(separabilities)))
    return np.transpose(boxes)


def mixup_boxes(trial, epsilon, separabilities, sizes, runs, labels, lambdas):
    """Boxes around n_ε of Mixup, one program for each size, the same noise at every κ."""
    pair = reference_pair()
    events = []
    factor = observed.covariance_factor(pair.covariance)
    for n in sizes:
        keys = jax.random.split(trial.key(f"{labels} {lambdas} {n}"), runs)
        deficits = observed.angle_curve(
            jnp.repeat(keys, len(separabilities)),
            np.tile(separabilities, runs),
            pair.mean,
            factor,
            pair.bayes_direction,
            *(folded(LAW) if lambdas == "expected" else ()),
            n=n,
            learner=observed.mixup_weights if lambdas == "expected" else uniform_lambdas,
            labels=labels,
        )
        events.append(np.asarray(deficits).reshape(runs, -1) <= epsilon)
    error = ERROR / len(separabilities)
    columns = np.moveaxis(np.array(events), -1, 0)
    return np.transpose([encloses(np.array(sizes, float), column.T, error) for column in columns])


def successes(pair, cells, pessimistic):
    """Measure the events 1 - cos <= ε for cells (log n, ε, κ); `pessimistic` without a certificate.
    Samples that are not separable have no margin; they lie far beyond n_ε and count as successes.
    """
    factor = observed.covariance_factor(pair.covariance)

    def measure(key):
        events = []
        for log_n, epsilon, kappa in cells:
            tail = observed.tail_direction(key, log_n, pair.mean, factor, kappa, KEPT)
            close = observed.angle_deficit(tail.direction, pair.bayes_direction) <= epsilon
            events.append(
                jnp.where(tail.certified, close | jnp.isnan(tail.direction).any(), pessimistic)
            )
        return jnp.stack(events).astype(float)

    return measure


@claim(
    CURSE,
    kind="rate",
    tier="full",
    cases=[20.0, 80.0, 320.0],
    not_tight="the chance of an event at a given size; .9 of the exponent is far short of enough "
    "at "
    "large κ",
)
def test_erm_curse(
    trial,
    separability: Annotated[
        float, Interval(20, 320, why="the law is of large κ; the high end is a cap")
    ],
    epsilon: Target = 0.05,
    share: Annotated[
        float, Interval(0.5, 0.9, why="nearer to 1 the small factor shows; the low end is a cap")
    ] = 0.9,
):
    """Without augmentation exponentially many points, e^(.9 ν κ), do not suffice, unless μ is an
    eigenvector.
    """
    trial.require(
        separability >= 0.2 / epsilon,
        "separability must be at least 0.2 / epsilon: before, any pair is slow",
    )
    pair = reference_pair()
    isotropic = predicted.GaussianPair(pair.mean, np.eye(2), 1.0)
    exponent = share * predicted.critical_exponent(pair, epsilon) * separability

    def cell(log_n):
        return [(max(log_n, np.log(2)), epsilon, separability)]

    event = successes(pair, cell(exponent), True)
    processes = {
        "μ an eigenvector": successes(isotropic, cell(exponent), True),
        "2 ν": successes(pair, cell(2 * exponent / share), True),
    }
    trial.probability(
        event, np.array([0.5]), side="at most", control_processes=processes, first=1024, most=60_000
    )


@claim(
    derived("the median of the maximum of n normal numbers lies where the path meets ε"),
    kind="rate",
    tier="full",
    cases=[(0.1, 0.12), (0.05, 0.08), (0.005, 0.08)],
    not_tight="the chance of an event at either end of a range of sizes that the bounded factor "
    "needs",
)
def test_erm_log_sample_complexity(trial, epsilon: Target, power: Power):
    """n_ε is 1 / Q(sqrt(2 κ ν_ε)), up to a power near one and a small factor."""
    separabilities = (10.0, 40.0, 160.0, 320.0)

    def cells(side, exponent):
        """Cells at the lower (-1) or upper (1) end of the claimed range, had the law `exponent`
        times ν.
        """
        laws = [
            predicted.erm_samples(reference_pair(exponent * kappa), epsilon)
            for kappa in separabilities
        ]
        sizes = [max((1 + side * power) * law - 0.5 + side, np.log(2)) for law in laws]
        return [(log_n, epsilon, kappa) for log_n, kappa in zip(sizes, separabilities, strict=True)]

    pair = reference_pair()
    half = np.full(len(separabilities), 0.5)
    options = {"first": 1024, "most": 20_000}
    ceilings = {"2 ν": successes(pair, cells(-1, 2.0), True)}
    floors = {"ν / 2": successes(pair, cells(1, 0.5), False)}
    trial.probability(
        successes(pair, cells(-1, 1.0), True),
        half,
        side="at most",
        control_processes=ceilings,
        **options,
    )
    trial.probability(
        successes(pair, cells(1, 1.0), False),
        half,
        side="at least",
        control_processes=floors,
        **options,
    )


@claim(
    derived("the path meets ε as a search does"),
    kind="limit",
    cases=[(0.1, 10.0), (0.05, 40.0), (0.005, 160.0)],
)
def test_erm_log_sample_complexity__path(
    trial,
    epsilon: Annotated[float, Interval(0.001, 0.15, why="a cap, which nothing requires")],
    separability: Annotated[
        float, Interval(10, 300, why="beyond, e^-log n leaves the range of floats")
    ],
):
    """At n = 1 / Q(sqrt(2 κ ν_ε)) the direction of radius Φ^-1(1 - 1/n) / sqrt(κ) is at ε."""
    pair = reference_pair(separability)
    nu = predicted.critical_exponent(pair, epsilon)
    log_n = predicted.erm_samples(pair, epsilon)
    outermost = -ndtri(np.exp(-log_n)) / np.sqrt(separability)
    directions = np.array(
        [_on_the_circle(pair, radius) for radius in (outermost, np.sqrt(2 * nu), np.sqrt(nu))]
    )
    bayes = pair.bayes_direction / np.linalg.norm(pair.bayes_direction)
    chords = np.sum((directions - bayes) ** 2, axis=1) / 2
    # A maximum is found to the root of a rounding, in the angle; 1 - cos changes by the sine of it.
    error = 1e-6 * np.sqrt(2 * epsilon)
    half = 1 - predicted.phase_cosine(pair, nu / 2)
    controls = {"radius sqrt(ν)": np.array([half, half, predicted.phase_cosine(pair, nu / 4)])}
    levels = np.array([epsilon, epsilon, half])
    trial.value(chords, levels, margin=0.001 * epsilon, error=error, controls=controls)
    direction = predicted.erm_direction_at(pair, log_n=log_n)
    controls = {"mu": pair.mean / np.linalg.norm(pair.mean), "b": bayes}
    trial.value(directions[0], direction, margin=1e-4, error=1e-6, controls=controls)


def _on_the_circle(pair, radius):
    """The unit vector w of the plane with the largest w . μ - radius |Σ^(1/2) w|, by search between
    μ and b.
    """

    def direction(angle):
        return np.array([np.cos(angle), np.sin(angle)])

    def negative(angle):
        w = direction(angle)
        return radius * np.sqrt(w @ pair.covariance @ w) - w @ pair.mean

    ends = sorted(np.arctan2(v[1], v[0]) for v in (pair.mean, pair.bayes_direction))
    return direction(
        minimize_scalar(negative, bounds=ends, method="bounded", options={"xatol": 1e-11}).x
    )


@claim(
    derived("the root of C / (n - d - 2) + B κ / n^2 = ε grows no faster"),
    kind="rate",
    tier="full",
    cases=["expected", "sampled"],
    not_tight="n_ε is enclosed between sizes in steps, and does not grow at all where λ is "
    "averaged",
)
def test_mixup_poly(
    trial, lambdas: Literal["expected", "sampled"], epsilon: Tried = 0.005, runs: Runs = 5000
):
    """Mixup's n_ε grows no faster than sqrt(κ), with one λ for each pair or with λ averaged."""
    trial.require(
        lambdas == "expected" or epsilon <= 0.0052,
        "epsilon must be at most 0.0052 where λ are sampled",
    )
    sizes = {"expected": (4, 6, 12), "sampled": (6, 8, 28, 54)}[lambdas]
    separabilities = np.array([10.0, 160.0, 640.0])
    boxes = mixup_boxes(trial, epsilon, separabilities, sizes, runs, "balanced", lambdas)
    # Of a line the verdict does not depend on where in the first box it begins.
    linear = boxes[0, 0] * separabilities / separabilities[0]
    processes = {"linear in κ": (linear, linear)}
    trial.growth_at_most(
        separabilities, tuple(boxes), "sqrt n", error=ERROR, control_processes=processes
    )


@claim(
    CURSE,
    kind="rate",
    tier="full",
    not_tight="Mixup's n_ε is enclosed between sizes, and hardly begins to grow",
)
def test_exp_vs_poly(trial, epsilon: Tried = 0.005, runs: Runs = 6000):
    """At the same κ log n_ε is affine in κ without augmentation; with it n_ε is O(sqrt(κ))."""
    separabilities = 10.0 * 2.0 ** np.arange(6)
    laws = [predicted.erm_samples(reference_pair(kappa), epsilon) for kappa in separabilities]
    brackets = [
        (0.97 * law - 2.5, 1.03 * law + 1.5) for law in laws
    ]  # 3 % and a small factor about the law
    low, high = log_boxes(trial, reference_pair(), epsilon, separabilities, brackets, runs)
    controls = ["const", "log n", "sqrt n", "n log n", "n^2"]
    trial.growth(separabilities, low, high, "n", error=ERROR, slack_log=0.0, controls=controls)
    picks = [0, 3, 5]  # far enough apart for boxes of sizes in steps
    kappas = separabilities[picks]
    boxes = mixup_boxes(trial, epsilon, kappas, (4, 6, 12, 16, 24), runs, "random", "expected")
    # Of a line the verdict does not depend on where in the first box it begins.
    linear = boxes[0, 0] * kappas / kappas[0]
    trial.growth_at_most(
        kappas,
        tuple(boxes),
        "sqrt n",
        error=ERROR,
        control_processes={
            "linear in κ": (linear, linear),  # the nearest: sqrt(32) above the bound
            "without augmentation": (np.exp(low[picks]), np.exp(high[picks])),
            "exp(sqrt(kappa))": (np.exp(np.sqrt(kappas)), np.exp(np.sqrt(kappas))),
        },
    )
