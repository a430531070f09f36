"""The curse of separability: sample sizes to reach 1 - cos <= epsilon, exponential in kappa without augmentation.

n_epsilon(kappa) is the least n at which the median of 1 - cos over samples is at most epsilon. Whether the median lies
below epsilon is an event of probability above or below 1/2, so that exact binomial intervals enclose n_epsilon. What is
assumed is that the chance of 1 - cos <= epsilon grows with n.
"""

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks.test_mixup import ABSTRACT, DERIVED, folded, reference_pair, uniform_lambdas
from sims import mixup as observed
from theory import mixup as predicted
from theory_on_trial import claim, ours
from theory_on_trial.laws import Bernoulli

ERROR = 1e-7
"""Chance, for each design, that any of its boxes misses its n_epsilon."""
KEPT = 400
"""Outermost points drawn in the plane: enough for a certificate in all but a few of a thousand samples."""
LAW = predicted.MixingLaw.beta(1.0, 8)


def encloses(sizes, events, error):
    """Box [low, high] around n_epsilon from the events 1 - cos <= epsilon (runs in rows) at growing sizes."""
    interval = Bernoulli().interval([np.asarray(events, float)], error / len(sizes), np.zeros(len(sizes)))
    below, above = interval.high < 0.5, interval.low > 0.5
    low = sizes[np.flatnonzero(below)[-1]] if below.any() else 0.0
    return low, sizes[np.flatnonzero(above)[0]] if above.any() else np.inf


def log_boxes(trial, pair, epsilon, separabilities, brackets, runs):
    """Boxes around log n_epsilon of the hard margin, tested at both ends of a bracket for every kappa."""
    factor, boxes = observed.covariance_factor(pair.covariance), []
    for kappa, bracket in zip(separabilities, brackets, strict=True):
        events = []
        for end, log_n in enumerate(bracket):
            key = trial.key(f"{pair.covariance.tolist()} {kappa} {end}")
            found = observed.certified_tail_directions(key, log_n, pair.mean, factor, kappa, KEPT, runs)
            deficits = np.asarray(observed.angle_deficit(found.directions, pair.bayes_direction))
            # Samples that are not separable have no margin; they lie far beyond n_epsilon and count as successes.
            events.append(np.isnan(deficits) | (deficits <= epsilon))
        boxes.append(encloses(bracket, np.stack(events, axis=1), ERROR / len(separabilities)))
    return np.transpose(boxes)


def regression_boxes(trial, epsilon, separabilities, runs):
    """`log_boxes` of the reference pair within 3 % and a small factor of the law -log Q(sqrt(2 kappa nu))."""
    laws = [predicted.erm_samples(reference_pair(kappa), epsilon) for kappa in separabilities]
    brackets = [(0.97 * law - 2.5, 1.03 * law + 1.5) for law in laws]
    return log_boxes(trial, reference_pair(), epsilon, separabilities, brackets, runs)


def mixup_boxes(trial, epsilon, separabilities, sizes, runs, labels, lambdas):
    """Boxes around n_epsilon of Mixup, one program for each size, the same noise at every kappa."""
    pair, events = reference_pair(), []
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


def reached(pair, cells, pessimistic):
    """Measure the events 1 - cos <= epsilon for cells (log n, epsilon, kappa); `pessimistic` without a certificate.

    Samples that are not separable have no margin; they lie far beyond n_epsilon and count as successes.
    """
    factor = observed.covariance_factor(pair.covariance)

    def measure(key):
        events = []
        for log_n, epsilon, kappa in cells:
            found = observed.tail_direction(key, log_n, pair.mean, factor, kappa, KEPT)
            close = observed.angle_deficit(found.direction, pair.bayes_direction) <= epsilon
            events.append(jnp.where(found.certified, close | jnp.isnan(found.direction).any(), pessimistic))
        return jnp.stack(events).astype(float)

    return measure


@claim(ours(ABSTRACT), kind="rate", tier="full")
def test_erm_curse(trial, separabilities=(20.0, 80.0, 320.0), epsilon=0.05, share=0.9):
    """Without augmentation exponentially many points, e^(.9 nu kappa), do not suffice, unless mu is an eigenvector."""
    pair = reference_pair()
    isotropic = predicted.GaussianPair(pair.mean, np.eye(2), 1.0)
    nu = predicted.critical_exponent(pair, epsilon)

    def cells(exponent):
        return [(max(exponent * kappa, np.log(2)), epsilon, kappa) for kappa in separabilities]

    trial.probability(
        reached(pair, cells(share * nu), True),
        np.full(len(separabilities), 0.5),
        side="at most",
        wrong_processes={
            "mu an eigenvector": reached(isotropic, cells(share * nu), True),
            "3 nu / 2": reached(pair, cells(1.5 * nu), True),
        },
        first=1024,
        most=20_000,
    )


@claim(ours(DERIVED), kind="rate", tier="full")
def test_erm_log_sample_complexity(
    trial,
    separabilities=(10.0, 40.0, 160.0, 320.0),
    targets=((0.1, 0.12), (0.05, 0.08), (0.005, 0.08)),
):
    """n_epsilon is 1 / Q(sqrt(2 kappa nu_epsilon)): to the power 1 +- .08 (.12 at epsilon = .1) and a small factor."""
    designs = [(epsilon, slope, kappa) for epsilon, slope in targets for kappa in separabilities]

    def cells(side, exponent):
        """Cells at the lower (-1) or upper (1) end of the claimed range, had the law `exponent` times nu."""
        found = []
        for epsilon, slope, kappa in designs:
            law = predicted.erm_samples(reference_pair(exponent * kappa), epsilon)
            found.append((max((1 + side * slope) * law - 0.5 + side, np.log(2)), epsilon, kappa))
        return found

    pair, half = reference_pair(), np.full(len(designs), 0.5)
    options = {"first": 1024, "most": 20_000}
    ceilings = {"2 nu": reached(pair, cells(-1, 2.0), True)}
    floors = {"nu / 2": reached(pair, cells(1, 0.5), False)}
    trial.probability(reached(pair, cells(-1, 1.0), True), half, side="at most", wrong_processes=ceilings, **options)
    trial.probability(reached(pair, cells(1, 1.0), False), half, side="at least", wrong_processes=floors, **options)


@claim(ours(f"{ABSTRACT}; that the power is at most 1/2: derived here"), kind="rate", tier="full")
def test_mixup_poly(trial, separabilities=(10.0, 160.0, 640.0), epsilon=0.005, runs=5000):
    """Mixup's n_epsilon grows no faster than sqrt(kappa), with one lambda for each pair or with lambda averaged."""
    for lambdas, sizes in (("expected", (6, 12)), ("sampled", (8, 28, 54))):
        boxes = mixup_boxes(trial, epsilon, separabilities, sizes, runs, "balanced", lambdas)
        linear = boxes[:, :1] * np.array(separabilities) / separabilities[0]
        trial.growth_at_most(
            separabilities, tuple(boxes), "sqrt n", error=ERROR, wrong_processes={"linear in kappa": tuple(linear)}
        )


@claim(ours(ABSTRACT), kind="rate", tier="full")
def test_exp_vs_poly(
    trial, separabilities=(10.0, 20.0, 40.0, 80.0, 160.0, 320.0), epsilon=0.005, sizes=(6, 12, 16, 24), runs=6000
):
    """At the same kappa log n_epsilon is affine in kappa without augmentation; with it n_epsilon is O(sqrt(kappa))."""
    low, high = regression_boxes(trial, epsilon, separabilities, runs)
    trial.growth(
        separabilities,
        low,
        high,
        "n",
        error=ERROR,
        slack_log=0.0,
        controls=["const", "log n", "sqrt n", "n log n", "n^2"],
    )
    chosen, kappas = [0, 3, 5], np.array(separabilities)[[0, 3, 5]]  # far enough apart for boxes of sizes in steps
    boxes = mixup_boxes(trial, epsilon, kappas, sizes, runs, "random", "expected")
    trial.growth_at_most(
        kappas,
        tuple(boxes),
        "sqrt n",
        error=ERROR,
        wrong_processes={
            "without augmentation": (np.exp(low[chosen]), np.exp(high[chosen])),
            "kappa^3": (kappas**3, kappas**3),
            "exp(sqrt(kappa))": (np.exp(np.sqrt(kappas)), np.exp(np.sqrt(kappas))),
        },
    )
