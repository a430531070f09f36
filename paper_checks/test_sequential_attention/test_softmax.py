"""The softmax of the logits, early and late, and the schedule of the released code."""

from typing import Annotated

import jax.numpy as jnp
import numpy as np

from paper_checks.test_sequential_attention import released
from sims import sequential_attention as observed
from theory import sequential_attention as predicted
from theory_on_trial import claim, derived
from theory_on_trial.contract import Count, Interval
from theory_on_trial.laws import Bounded

MODULE = released(
    "sequential_attention/sequential_attention.py",
    says="logits are trained from the end of the warm-up on, which is when the first feature is "
    "picked",
)
SCHEDULE = released(
    "sequential_attention/sequential_attention.py",
    says="the next pick falls due once floor((t / T - .1) / .9 K), K - 1 at most, is the number "
    "chosen; read in exact "
    "fractions, of which floats may be a step late",
)


@claim(
    derived("weights grow by η c / p a step, and logits with w o c"),
    kind="limit",
    cases=[(20, 0.5), (5, 0.0)],
)
def test_softmax_early_law(
    trial,
    steps: Annotated[int, Interval(3, 100, why="after two the expansion in the rate ends")],
    correlation: Annotated[float, Interval(0, 0.9, why="at 1 columns are equal")],
    n: Annotated[int, Interval(20, 200)] = 60,
    p: Annotated[int, Interval(3, 20, why="with two centred numbers all are alike")] = 12,
):
    """For a small rate η, after t steps the logits of softmax attention over p features have a_j -
    mean = η^2 t (t - 1) / 2 (c_j^2 - mean of c^2) / p^2 to leading order, c being the correlations
    with y: the largest logit is that of orthogonal matching pursuit's pick.
    """
    trial.require(n > p, "n must exceed p, for least squares to be one of the controls")
    ((X,), (y,)) = observed.problems(trial.generator("problem"), 1, n, p, correlation)
    rates = 1e-3 / steps / 2.0 ** np.arange(5)
    logits = [observed.softmax_descent(X, y, rate, steps) / rate**2 for rate in rates]
    law = predicted.early_logits(X, y, rates[0], steps) / rates[0] ** 2
    size = np.linalg.norm(law)
    products = (X.T @ y / n) * np.linalg.lstsq(X, y)[0]
    controls = {"t^2 for t (t - 1)": law / size * steps / (steps - 1)}
    controls["least squares for one c"] = (
        steps * (steps - 1) / 2 * (products - products.mean()) / p**2 / size
    )
    values = (np.array(logits) - np.mean(logits, axis=1, keepdims=True)) / size
    trial.limit(
        values,
        1 / rates,
        law / size,
        controls=controls,
        order=(1, 2),
        margin=1e-5,
        same_instance=True,
    )


@claim(
    derived("counted in random designs"),
    kind="empirical",
    tier="full",
    cases=[0.0, 0.5],
    not_tight="shares depend on the design; what is claimed is that agreement is lost",
)
def test_softmax_late_differs(
    trial,
    correlation: Annotated[float, Interval(0, 0.6)],
    steps: Annotated[
        int, Interval(3000, 8000, why="picks change late, and each step costs")
    ] = 4000,
    n: Annotated[int, Interval(50, 100)] = 60,
    p: Annotated[int, Interval(12, 16)] = 12,
):
    """From step 5 to the end training lowers the share of designs in which the largest logit is the
    pick of orthogonal matching pursuit by at least 0.3, and raises the share in which it is the
    feature of the largest least-squares weight by at least 0.05.
    """

    def changed(key, *, until=(5, steps)):
        (first, least_squares), (late, later) = observed.softmax_agreement(
            key, n, p, correlation, 0.05, until
        )
        return jnp.stack([first - late, later - least_squares])

    controls = {"lost in nine of ten": np.array([0.9, 0.05])}
    early = {"after 200 steps": lambda key: changed(key, until=(5, 200))}
    options = {
        "side": "at least",
        "law": Bounded(-1, 1),
        "first": 250,
        "most": 6000,
        "vectorised": True,
    }
    trial.mean(
        changed, np.array([0.3, 0.05]), controls=controls, control_processes=early, **options
    )


@claim(SCHEDULE, kind="identity", cases=[(1000, 10, 1), (1000, 6, 2), (200, 10, 5)])
def test_coded_schedule(
    trial,
    steps: Annotated[int, Interval(2, 20_000, why="steps are taken one by one")],
    picks: Count,
    at_once: Count,
):
    """If m features are picked at a time until there are k, the picks are due at the steps T (1 + 9
    i / K) / 10 for i = 0, m, ... < K = k / m of T steps, which picks m ceil(k / m^2) features.

    In exact fractions: rounding may delay a pick by one step, in double precision from 190 to 191
    of T = 1000, k = 10.
    """
    trial.require(picks % at_once == 0, "at_once must divide picks")
    trial.require(9 * steps >= 10 * (picks // at_once), "steps must give each phase one")
    times, chosen = observed.coded_schedule(steps, picks, at_once)
    law = np.array(
        [*predicted.pick_steps(steps, picks, at_once), predicted.features_chosen(picks, at_once)]
    )
    controls = {"one step later": law + np.append(np.ones(len(times), int), 0)}
    controls |= {} if law[-1] == picks else {"all k": np.array([*law[:-1], picks])}
    trial.identity(np.array([*times, chosen]), law, ops=0, controls=controls)


CodedFeatures = Annotated[
    int, Interval(6, 20, why="beyond, 2 / p, what no training gives, is no rival to .9")
]
CodedRows = Annotated[int, Interval(24, 100)]
CodedSteps = Annotated[int, Interval(200, 1000, why="fewer may not see the data, and each costs")]


@claim(MODULE, kind="distribution", tier="full")
def test_coded_first_pick(trial, p: CodedFeatures = 12, n: CodedRows = 24, steps: CodedSteps = 200):
    """The first pick of the released module is each of p features with the chance 1 / p, because
    its logits have had no gradient.
    """
    when = predicted.pick_steps(steps, 2, 1)

    def first(key, *, trained_first=False):
        return observed.coded_picks(key, n, p, 0.05, when[:1], trained_first=trained_first)[0] == 4

    chance = 1 / p
    processes = {"gates trained from the start": lambda key: first(key, trained_first=True)}
    trial.probability(
        first,
        chance,
        margin=0.04 * chance,
        first=8192,
        most=60_000 * p,
        vectorised=True,
        controls={"either of the two in y": 2 * chance},
        control_processes=processes,
    )


@claim(
    derived("counted in runs of the released module"),
    kind="empirical",
    tier="full",
    not_tight="how often the next pick is the strongest feature depends on the data",
)
def test_coded_first_pick__next(
    trial, p: CodedFeatures = 12, n: CodedRows = 24, steps: CodedSteps = 200
):
    """For y = 5 x_4 + 2 x_8 + noise of standard deviation 0.1 and p normal features, x_4 is among
    the first two picks of the released module with a probability of at least 0.9, as its logits are
    trained after the first pick.
    """
    when = predicted.pick_steps(steps, 2, 1)

    def both(key, *, until=when):
        return (observed.coded_picks(key, n, p, 0.05, until) == 4).any()

    no_step = {"no step after the first pick": lambda key: both(key, until=(when[0], when[0]))}
    trial.probability(
        both,
        0.9,
        side="at least",
        first=8192,
        most=20_000,
        vectorised=True,
        control_processes=no_step,
    )
