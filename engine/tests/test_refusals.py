"""What cannot be decided, or can be known to be no evidence, gets one sentence: a row for each, by
what is raised.
"""

import math
import time
from functools import partial

import jax
import numpy as np
import pytest
from scipy import stats

from theory_on_trial import (
    Trial,
    claim,
    claims,
    code,
    derived,
    paper,
    published,
    recalled,
    tried,
)
from theory_on_trial.contract import Argument, Count, Interval
from theory_on_trial.decide import evidence, trends
from theory_on_trial.decide import growth as growth_laws
from theory_on_trial.decide.decision import (
    ControlTooClose,
    Prediction,
    check_controls,
    check_margin,
    decide,
)
from theory_on_trial.decide.looks import planned_looks
from theory_on_trial.laws import Bernoulli, Bounded, Enclosure, Normal, SubGaussian, Symmetric

NEAR = Prediction(0, 1)
BOX = Enclosure(np.asarray(1.0), np.asarray(0.9), np.asarray(1.1), 1e-8, "finite-n", 5)
POINT = BOX._replace(low=BOX.estimate, high=BOX.estimate, error=0.0)
UNSURE = BOX._replace(error=0.45)
DOUBLING = [1, 2, 4, 8]
ROW = np.array([1.0, 2.0])
ATTAINED = {"instances": "all", "ops": 1, "controls": {"w": 0.5}}
DRAWN = {"instances": "draws", "ops": 1, "controls": {"w": 0.5}}
SIGNS = {"alpha": 0.1, "controls": {"w": [-1.0] * 5}}
REMAINDER = {"remainder": 0.1, "margin": 0.2, "controls": {"w": 2.0}}


def accusation(**changed):
    """A complete accusation, with some fields changed."""
    fields = {
        "place": paper("Theorem 1"),
        "quoted": "It is 3.",
        "within": "no condition stands there",
        "reach": "theorem",
        "effect": "nothing published",
        "ran": "the formula",
    }
    return published(**(fields | changed))


def ends(low, high):
    return Enclosure(
        np.asarray(low, float), np.asarray(low, float), np.asarray(high, float), 0.0, "exact", 1
    )


def never_called(m):
    raise AssertionError("sampled before the input was checked")


def mean(sampler=never_called, prediction=NEAR, controls=None, looks=(9,)):
    return evidence.mean(sampler, prediction, controls or {}, law=Normal(), looks=looks)


def growth(low=(1.0, 2.0), high=(2.0, 3.0), n=(10, 20), claimed="n", slack_log=0.0, error=1e-6):
    return growth_laws.growth(n, low, high, claimed, error=error, slack_log=slack_log, controls=[])


def coin(key):
    return jax.random.bernoulli(key).astype(float)


def uniform(key):
    return jax.random.uniform(key)


def whole(value, reference, decision):
    return lambda t: getattr(t, decision)(
        value, reference, ops=0, **{"instances": "all"} if decision == "bound" else {}
    )


def law_is(cdf):
    return lambda t: t.distribution(uniform, cdf, margin=0.1, controls={"w": stats.norm.cdf})


def interval_of(law, samples):
    return lambda t: law.interval([np.asarray(samples)], 1e-6, np.asarray(0.1))


RNG = np.random.default_rng(9)
REFUSED = {
    ValueError: [
        # The rule, its margin and slack.
        (lambda t: decide(ends(np.nan, 1), NEAR), "NaN in the interval"),
        (lambda t: decide(ends(0, 1), Prediction(np.nan, 1)), "must be finite real numbers"),
        (
            lambda t: decide(ends(1, 1), Prediction(np.nan)),
            "prediction must be finite real numbers",
        ),
        (lambda t: decide(ends(0, 1), Prediction(0, np.nan)), "must be finite real numbers"),
        (lambda t: decide(ends(1, 0), NEAR), "empty interval: an assumption"),
        (lambda t: decide(ends(0, 1), Prediction(0, 1, 1.5)), "own error, is a part of the margin"),
        (
            lambda t: decide(ends(0, 1), Prediction(0, 1, 2, "at most")),
            "own error, is a part of the margin",
        ),
        (lambda t: decide(ends(0, 1), Prediction(0, 1, -1)), "is a part of the margin"),
        (lambda t: decide(ends(0, 1), Prediction(0)), "margin must be positive"),
        (
            lambda t: check_margin(Prediction(np.zeros(2), [1.0, 0.4], 0.5)),
            "is a part of the margin",
        ),
        (lambda t: check_margin(Prediction(1 + 7j, 1)), "prediction must be finite real numbers"),
        (lambda t: check_margin(Prediction(1, np.inf)), "margin must be finite real numbers"),
        (lambda t: check_margin(Prediction(np.zeros(0), 1)), "an empty prediction"),
        *(
            (
                lambda t, wrong=wrong: check_controls(NEAR, {"w": wrong}),
                "control 'w' must be finite real numbers",
            )
            for wrong in (np.nan, np.inf, 1 + 7j)
        ),
        # Identities and bounds.
        (lambda t: t.identity(np.nan, 1.0, ops=1), "must be finite"),
        (lambda t: t.identity(1.0, np.nan, ops=1), "the prediction must be finite real numbers"),
        (lambda t: t.identity([], [], ops=1), "the value is empty"),
        (lambda t: t.identity(1.0, 1.3, ops=1e15), "is no rounding"),
        (lambda t: t.identity(1.0, 1.3, ops=1, scale=1e15), "is no rounding"),
        (
            lambda t: t.identity(1.0, 1.0, ops=1, controls={"w": np.nan}),
            "control 'w' must be finite",
        ),
        (lambda t: t.identity(1.0, 1.0, ops=-1), r"ops > 0 and scale > 0"),
        (lambda t: t.identity(1.0, 1.0, ops=1, scale=0), "ops > 0 and scale > 0"),
        (lambda t: t.identity(1.0, 1.0, ops=-1, scale=-1.0), "an identity needs ops > 0"),
        (lambda t: t.identity(math.factorial(200), 1, ops=0, controls={"w": 2}), "beyond float64"),
        (
            lambda t: t.identity(np.ones((3, 1)), np.ones((1, 3)), ops=1),
            "one is a row, the other a column",
        ),
        (
            lambda t: t.identity(ROW, ROW, ops=2, controls={"w": np.full((1000, 2), 3.0)}),
            "one for each coordinate",
        ),
        (
            lambda t: t.identity(np.ma.array(ROW, mask=[0, 1]), ROW, ops=2, controls={"w": -ROW}),
            "masked entries",
        ),
        *(
            (whole(*two, decision), r"holds \d+, which no float64 is")
            for decision in ("identity", "bound")
            for two in (
                (2**53 + 1, float(2**53)),
                ([2**63 + 1, -1], [2**63, -1]),
                (float(2**53), 2**53 + 1),
            )
        ),
        (lambda t: t.bound([], [], **ATTAINED), "on no instance"),
        (lambda t: t.bound(1.0, 2.0, instances="all", ops=-1), "a bound needs ops >= 0, got -1"),
        (lambda t: t.bound(1.0, 2.0, instances="all"), "say how many roundings"),
        (lambda t: t.bound(1, 2, **DRAWN), "how many of its 1 instances are indep"),
        (lambda t: t.bound(1, 2, independent=1, **ATTAINED), "no other does"),
        (lambda t: t.bound(np.nan, 2, **ATTAINED), "must be finite"),
        (lambda t: t.bound(1, np.inf, **ATTAINED), "must be finite"),
        (
            lambda t: t.bound(np.full(99, 0.9), np.ones(99), independent=99, **DRAWN),
            "instances .* are equal",
        ),
        (
            lambda t: t.bound(np.resize([0.3, 0.7], 10**5), 1.0, independent=10**5, **DRAWN),
            "are 2 and copies of these",
        ),
        (
            lambda t: t.bound(np.repeat([0.3, 0.7], 50), 1.0, independent=100, **DRAWN),
            "are 2 and copies of these",
        ),
        (lambda t: t.bound(5.35, 1.0, **{**ATTAINED, "ops": 1e15}), "is no rounding"),
        (lambda t: t.bound(5.35, 1.0, scale=1e16, **ATTAINED), "is no rounding"),
        # Values, gaps, runs.
        (
            lambda t: t.value(5.0, 0.0, side="at most", margin=10, error=0),
            "a one-sided claim has no margin",
        ),
        (lambda t: t.value(5.0, 5.0, error=0), "state the margin"),
        (
            lambda t: t.value(5.0, 5.0, margin=1, error=0, side="upper"),
            "side must be one of 'two', 'at most'",
        ),
        (
            lambda t: t.value(1.0, 1 + 7j, margin=0.1, error=0),
            "prediction must be finite real numbers",
        ),
        (lambda t: t.value(1.0, 1.0, margin=np.inf, error=0), "margin must be finite real numbers"),
        (
            lambda t: t.value(1.0, 1.0, margin=0.1, error=-0.1, controls={"w": 2.0}),
            "not be negative|not negative",
        ),
        (lambda t: t.value(np.inf, 1.0, margin=0.1, error=0.1), "value must be finite"),
        (lambda t: t.value([], [], margin=0.1, error=0), "empty"),
        (
            lambda t: t.value(np.ma.array(ROW, mask=[0, 1]), ROW, margin=0.1, error=0),
            "masked entries",
        ),
        (
            lambda t: t.value(ROW, ROW, margin=0.1, error=0.0, controls={"w": 2 * ROW[:, None]}),
            "each coordinate",
        ),
        (
            lambda t: t.value(0.5, 2 / 3, margin=0.5, error=1e-9, as_published=0.667),
            "0.667, is the prediction, rounded",
        ),
        (
            lambda t: t.runs(np.ones(5), alpha=0.1, controls={"w": -np.ones(5)}),
            "a multiple of the outcomes",
        ),
        (
            lambda t: t.runs(np.arange(1, 9), alpha=0.1, controls={"w": -0.5 * np.arange(1, 9)}),
            "multiple of the outc",
        ),
        (
            lambda t: t.runs([0.3, 0.2, 0.1], alpha=0.1, controls={"w": [-0.2, -0.1, -0.3]}),
            "give the outcomes of other runs",
        ),
        (
            lambda t: t.runs(np.ones(5), alpha=0.9, controls={"w": np.zeros(5)}),
            "level of a few runs",
        ),
        (
            lambda t: t.runs([1.0, 2.5, 1, 1, 1], alpha=0.1, controls={"w": [np.nan] * 5}),
            "finite real numbers",
        ),
        (lambda t: t.runs([1.0, np.inf, 1, 1, 1], **SIGNS), "must be finite, or NaN"),
        (lambda t: t.runs([0.31] * 5, **SIGNS), "are copies"),
        (lambda t: t.runs([0.3, 0.2] * 3, **SIGNS), "are copies"),
        (lambda t: t.runs([], **SIGNS), "one outcome per run"),
        (lambda t: t.runs(np.ones((3, 2)), **SIGNS), "one outcome per run"),
        # Samples.
        (lambda t: mean(prediction=Prediction(0, 1, 2)), "is a part of the margin"),
        (lambda t: mean(prediction=Prediction(0)), "margin must"),
        (lambda t: mean(looks=()), "growing sample"),
        (lambda t: mean(looks=(9, 9)), "growing"),
        (lambda t: mean(lambda m: np.full(m, np.nan)), "9 of 9 sampled values are not finite"),
        (
            lambda t: mean(lambda m: np.ones((m, 3)), Prediction([0, 0], 1)),
            r"shape \(3,\), the "
            r"prediction \(2,\)",
        ),
        (
            lambda t: evidence.distribution(
                never_called, None, {"w": np.abs}, margin=0.1, looks=(9,)
            ),
            "are wrong cdfs",
        ),
        (lambda t: planned_looks(10, 9), "1 <= first <= most"),
        (lambda t: t.mean(coin, 0.5, law=None), "state the margin"),
        (law_is(lambda x: stats.rankdata(x) / len(x)), "depends on the other numbers"),
        (law_is(lambda x: stats.norm.cdf(x - np.mean(x))), "depends on the other numbers"),
        (law_is(lambda x: 2 * stats.norm.cdf(x)), r"in \[0, 1\]"),
        (law_is(stats.norm.sf), "does not fall"),
        (interval_of(Bounded(0, 1), [0.5, 1.25]), "is contradicted by a sample of 1.25"),
        (interval_of(Bernoulli(), [0.0, 0.5]), "0 or 1"),
        (interval_of(SubGaussian(0.9), RNG.standard_normal(10_000)), "are not SubGaussian"),
        (interval_of(Symmetric(), RNG.standard_exponential(10_000)), "mean lies above the median"),
        (interval_of(Symmetric(), -RNG.lognormal(size=10_000)), "mean lies below the median"),
        *((lambda t, ends=ends: Bounded(*ends), "a < b") for ends in ((1, 1), (0, float("inf")))),
        *(
            (lambda t, ends=ends: Interval(*ends), "low <= high")
            for ends in ((5, 1), (1, 5, "why not"))
        ),
        (lambda t: SubGaussian(0.0), "sigma > 0"),
        # Sizes that grow.
        (lambda t: growth(low=(1, np.nan)), "low <= high"),
        (lambda t: growth(low=(1, 4)), "low <= high"),
        (lambda t: growth(high=(2, 3, 4)), "one box for each size"),
        (lambda t: growth(), "at least 4 different sizes, got 2"),
        (lambda t: growth(n=(0, 1)), "sizes n >= 1"),
        (lambda t: growth(n=(7, 7)), "different sizes"),
        (lambda t: growth(slack_log=-1), "slack_log must not be negative"),
        (lambda t: growth(claimed="2^n"), r"unknown growth law '2\^n'"),
        (lambda t: growth(error=0.9), "miss with a chance of 0.9 decide nothing"),
        (
            lambda t: t.growth_at_most(
                [1, 2], ([1, 2], [1, 2]), "2^n", error=0.0, control_processes={}
            ),
            "unknown growth",
        ),
        (
            lambda t: (
                t.generator(),
                t.growth([1, 2], [1, 2], [1, 2], "n", error=0, slack_log=0, controls=[]),
            ),
            "may miss",
        ),
        (lambda t: trends.limit([1, 2], [1, 2], Prediction(1, 1), {}), "either remainder="),
        (
            lambda t: trends.limit([1, 2], [1, 2], Prediction(1, 1), {}, order=1, remainder=1),
            "either remainder=",
        ),
        (lambda t: t.limit(np.ones(4), [1, 2, 4, 9], 1, order=1, margin=1), "twice the one"),
        (lambda t: t.limit(np.ones(3), [1, 2, 4], 1, order=1, margin=1), "at least four sizes"),
        (lambda t: t.limit([1], [1], 1, remainder=-1, margin=1), "empty interval"),
        (lambda t: t.limit([], [], 1.0, order=1, margin=0.1), "growing sizes, one per value"),
        (
            lambda t: t.limit([1, 2], [2, 1], 1.0, remainder=1, margin=2),
            "growing sizes, one per value",
        ),
        (
            lambda t: t.limit([UNSURE] * 2, [1, 2], 1.0, **REMAINDER),
            "misses with a chance of 0.45 decides nothing",
        ),
        (
            lambda t: (t.generator(), t.limit([POINT] * 2, [1, 2], 1.0, **REMAINDER)),
            "draws at random are not exact",
        ),
        (lambda t: trends.convergence_order(np.ones(4), DOUBLING), "need their rounding"),
        (lambda t: trends.convergence_order([BOX] * 4, DOUBLING, 0.0), "intervals hold theirs"),
        (lambda t: trends.convergence_order([BOX] * 3 + [1.0], DOUBLING), "either every size"),
        (lambda t: trends.convergence_order(BOX, DOUBLING), "one interval per size"),
        (lambda t: trends.convergence_order(np.ones(3), [1, 2, 4], 0), "at least four sizes"),
        (
            lambda t: trends.convergence_order(np.ones(4), [10, 20, 22, 44], 0),
            "each at least 1.2 times the one",
        ),
        (
            lambda t: trends.convergence_order([1, 0.5, 0.2, 0.0], DOUBLING, 0),
            "exceed its rounding",
        ),
        # Words and cases.
        (lambda t: t.require([], "nothing"), "no condition at all"),
        (
            lambda t: claim(derived("it follows"), kind="bound", low_power="."),
            "low_power= says in words why",
        ),
        (
            lambda t: claim(derived("it follows"), kind="bound", not_tight="why"),
            "not_tight= says in words why",
        ),
        (
            lambda t: claim(derived("it follows"), kind="bound", route="drawn"),
            "route= says in words how, got 'drawn'",
        ),
        (
            lambda t: claim(derived("it follows"), kind="bound", second="test_x.py"),
            "second= names a unit test, '<file>::",
        ),
        (lambda t: claim(paper("Section 1"), kind="theorem"), "kind must be one of identity"),
        (
            lambda t: claim(paper("Section 1"), kind="mean"),
            "got 'mean': do you mean 'distribution'",
        ),
        (
            lambda t: claim(paper("Section 1"), kind="identity", tier="slow"),
            "tier must be one of fast",
        ),
        *(
            (
                lambda t, source=source: claim(source, kind="identity"),
                r"the source of a claim is "
                r"paper\(\.\.\.\)",
            )
            for source in ("Theorem 1", None, 3)
        ),
        (lambda t: claim("Smith 2020"), r"the source of a claim is paper\(\.\.\.\)"),
        *(
            (
                lambda t, said=said: claim(derived("made up"), kind="identity", as_published=said),
                r"as_published= is published\(place=, quoted= or read=",
            )
            for said in ("It is 3.", 3)
        ),
        *(
            (make, "must say where the statement stands, or how it follows")
            for make in (lambda t: paper(" "), lambda t: derived(""), lambda t: recalled(""))
        ),
        *(
            (lambda t, field=field, given=given: accusation(**{field: given}), sentence)
            for field, given, sentence in (
                ("place", "Theorem 1", "place= of what was published is paper"),
                ("place", derived("compared"), "place= of what was published is paper"),
                ("quoted", "", "give either quoted="),
                ("read", "it is three", "give either quoted="),
                ("quoted", "It is 3. Then it is 4.", "at most one sentence of 300 characters"),
                ("quoted", "long " * 61, "at most one sentence of 300 characters"),
                ("within", "", "within= must give the condition that stands there"),
                ("reach", "", "reach= must be one of 'theorem', 'default path'"),
                (
                    "effect",
                    ".",
                    'effect= must say what of the paper changes, or "nothing published"',
                ),
                ("ran", "something", "ran= must be one of 'the released function'"),
            )
        ),
        (lambda t: tried("", "the constant"), "must name the sentence of the paper"),
        (lambda t: tried("sentence 5", " "), "must say what is ours"),
        (lambda t: claim("nowhere.nothing"), "no claim 'nowhere.nothing'; "),
        (lambda t: claims("nobody"), "no claims of a paper 'nobody'"),
        (lambda t: code("", "", ""), "names repository, path and commit"),
        (lambda t: derived("."), "must say where"),
        (lambda t: Argument.of(Count).accept("many", 2**60), r"many must be at most 2\^53"),
    ],
    TypeError: [
        (lambda t: t.identity(np.float32(1), 1.0, ops=1), "float64, got float32"),
        (lambda t: t.identity(1.0, np.ones(2, np.float16), ops=1), "float64, got float16"),
        (lambda t: t.identity(1.0 + 1j, 1.0 + 2j, ops=1), "float64, got complex128"),
        (lambda t: t.mean(coin, 0.5, law=Normal, margin=0.1), "got the class"),
        *(
            (lambda t, make=make, given=given: make(t)(**given), sentence)
            for make in (
                lambda t: partial(t.mean, predict=0.0, law=Normal(), margin=0.1),
                lambda t: partial(t.distribution, cdf=stats.norm.cdf, margin=0.1),
            )
            for given, sentence in (
                ({}, "give a measurement of one key, or sampler="),
                ({"measure": uniform, "sampler": coin}, "and not both"),
                ({"sampler": coin, "vectorised": True}, "vectorised= is for the measurement"),
            )
        ),
    ],
    ControlTooClose: [
        (lambda t: check_controls(Prediction(0, 1, 0.5), {"w": 1.25}), "'w' is too close"),
        (
            lambda t: check_controls(Prediction(0, 1, 0, "at most"), {"w": 2}),
            "must lie below the prediction",
        ),
        (
            lambda t: check_controls(Prediction(0, 1, 0, "at least"), {"w": -2}),
            "must lie above the prediction",
        ),
        (lambda t: check_controls(Prediction(3), {"w": 3}), "'w' is the prediction itself, 3"),
        (
            lambda t: t.identity(1.0, 1.0, ops=1, controls={"w": 1 + 1e-15}),
            "ten times the rounding error",
        ),
        (
            lambda t: t.bound(1, 2, instances="all", ops=1, controls={"w": 2}),
            "nowhere below the bound",
        ),
        (
            lambda t: t.limit([1], [1], 1, remainder=1, margin=1, controls={"w": 1.5}),
            "'w' is too close",
        ),
        (lambda t: mean(controls={"w": 0.5}), "w"),
    ],
}


@pytest.mark.parametrize(
    ("raised", "act", "sentence"), [(raised, *row) for raised in REFUSED for row in REFUSED[raised]]
)
def test_what_cannot_be_decided_gets_one_sentence(raised, act, sentence):
    with pytest.raises(raised, match=sentence):
        act(Trial("refused.claim"))


def test_cases_are_no_clock():
    with pytest.raises(ValueError, match="come from a clock"):

        @claim(derived("an example"), kind="identity", cases=[time.time()])
        def test_now(trial, now):
            """It is now."""
            trial.identity(now, now, ops=0, controls={"then": 0})
