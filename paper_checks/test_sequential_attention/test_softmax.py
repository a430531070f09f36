"""The softmax of the logits, early and late, and the schedule of the released code."""

from typing import Annotated

import jax.numpy as jnp
import numpy as np

from paper_checks.test_sequential_attention import released
from sims import sequential_attention as observed
from theory import sequential_attention as predicted
from theory_on_trial import claim, derived, published
from theory_on_trial.contract import Count, Interval
from theory_on_trial.laws import Bounded

MODULE = "sequential_attention/sequential_attention/sequential_attention.py"
TRAINED = published(
    place=released(MODULE),
    read="Each selected feature, the first among them, is that of the largest trained attention "
    "logit",
    within="the defaults: picks begin after a tenth of the steps, logits are drawn with a "
    "standard deviation of $1e-5$",
    reach="default path",
    effect="the first of $k$ selected features is random, the other $k - 1$ are chosen by "
    "trained logits; which version made the paper's tables is not known",
    ran="its lines, rewritten",
)
ALL_SELECTED = published(
    place=released(MODULE),
    read="`num_candidates_to_select` features are selected",
    within="`num_candidates_to_select_per_step > 1`",
    reach="unreached branch",
    effect="nothing published: the released commands select one feature at a time",
    ran="its lines, rewritten",
)


@claim(
    derived("weights grow by $η c / p$ a step, and logits with $w ∘ c$"),
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
    """For a small rate $η$, $t >= 2$ steps from zero weights and logits leave softmax attention
    over $p$ features with the logits $a_j = ā + (η^2 t (t - 1) / 2) (c_j^2 - m) / p^2$ to leading
    order, with their mean $ā$, $c$ being the correlations with $y$ and $m$ the mean of $c^2$: the
    largest logit is that of orthogonal matching pursuit's pick.
    """
    trial.require(n > p, "n must exceed p, for least squares to be one of the controls")
    ((X,), (y,)) = observed.problems(trial.generator("problem"), 1, n, p, correlation)
    rates = 1e-3 / steps / 2.0 ** np.arange(5)
    logits = [observed.softmax_descent(X, y, rate, steps) / rate**2 for rate in rates]
    law = predicted.early_logits(X, y, rates[0], steps) / rates[0] ** 2
    size = np.linalg.norm(law)
    products = (X.T @ y / n) * np.linalg.lstsq(X, y)[0]
    controls = {"$t^2$ for $t (t - 1)$": law / size * steps / (steps - 1)}
    controls["least squares for one $c$"] = (
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
        generic="steps of the descent are analytic in X and y",
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
    """Let designs be normal with the correlation $ρ <= .6$ and $y = X β + e$ with $β$ and the noise
    $e$ standard normal. Training softmax attention from step 5 to step 3000 or later, at the rate
    .05, lowers the share of designs in which the largest logit is the pick of orthogonal matching
    pursuit by at least 0.3, and raises the share in which it is the feature of the largest
    least-squares weight by at least 0.05.
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


@claim(
    derived(f"the schedule of google-research/google-research's {MODULE} at 1cf0498e"),
    kind="identity",
    cases=[(1000, 10, 1), (1000, 6, 2), (200, 10, 5)],
    as_published=ALL_SELECTED,
)
def test_coded_schedule(
    trial,
    steps: Annotated[int, Interval(2, 20_000, why="steps are taken one by one")],
    picks: Count,
    at_once: Count,
):
    """Asked for $k$ features, $m$ at a time, the released module picks at the steps
    $T (1 + 9 i / K) / 10$ of $T$, for $i = 0, m, … < K = k / m$. These are $m ⌈k / m^2⌉$ features:
    all $k$ for $m = 1$, and fewer for $m > 1$ unless $k = m$.

    In exact fractions: rounding may delay a pick by one step, in double precision from 190 to 191
    of T = 1000, k = 10. The module compares the number of the phase with the number of features.
    """
    trial.require(picks % at_once == 0, "at_once must divide picks")
    trial.require(9 * steps >= 10 * (picks // at_once), "steps must give each phase one")
    times, chosen = observed.coded_schedule(steps, picks, at_once)
    law = np.array(
        [*predicted.pick_steps(steps, picks, at_once), predicted.features_chosen(picks, at_once)]
    )
    controls = {"one step later": law + np.append(np.ones(len(times), int), 0)}
    asked = None if law[-1] == picks else np.array([*law[:-1], picks])
    trial.identity(np.array([*times, chosen]), law, ops=0, controls=controls, as_published=asked)


CodedFeatures = Annotated[
    int, Interval(6, 20, why="beyond, 2 / p, what no training gives, is no rival to .9")
]
CodedRows = Annotated[int, Interval(24, 100)]
CodedSteps = Annotated[int, Interval(200, 1000, why="fewer may not see the data, and each costs")]


@claim(
    derived(
        f"the gates and the schedule of google-research/google-research's {MODULE} at 1cf0498e"
    ),
    kind="distribution",
    tier="full",
    as_published=TRAINED,
)
def test_coded_first_pick(trial, p: CodedFeatures = 12, n: CodedRows = 24, steps: CodedSteps = 200):
    """The released module picks the first of $k$ features at random: for $y = 5 x_4 + 2 x_8 + e$
    with noise $e$ of standard deviation 0.1 and $p$ normal features, it is $x_4$ with the chance
    $1 / p$. In the warm-up all gates are 1, and no gradient reaches the logits.

    The logits of the last phase are trained and pick nothing. The released module itself, run on
    such data in TensorFlow 2.21, took the largest of its initial logits first in 24 of 24 runs.
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
        controls={"either of the two in $y$": 2 * chance},
        control_processes=processes,
        as_published=("at least", 0.9),
    )


@claim(
    derived("counted in runs of the released module's gates and schedule on a linear model"),
    kind="empirical",
    tier="full",
    not_tight="how often the next pick is the strongest feature depends on the data",
)
def test_coded_first_pick__next(
    trial, p: CodedFeatures = 12, n: CodedRows = 24, steps: CodedSteps = 200
):
    """For $y = 5 x_4 + 2 x_8 + e$ with noise $e$ of standard deviation 0.1 and $p$ normal features,
    $x_4$ is among the first two picks of the released module with a probability of at least 0.9, as
    its logits are trained after the first pick.
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
