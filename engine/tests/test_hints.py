"""What a claim that goes wrong under pytest is told beside its error."""

import numpy as np
import pytest
from scipy import stats

from theory_on_trial import Trial
from theory_on_trial.laws import Bounded
from theory_on_trial.trial.hints import explain, where

KNOWN = {"law": Bounded(0, 1), "margin": 0.1}


def uniform(generator, n):
    return generator.random(n)


def mean(t, sampler=uniform, predict=0.5, **options):
    t.mean(sampler=sampler, predict=predict, **{**KNOWN, "controls": {"w": 0.2}, **options})


def law_is(t, cdf, wrong=stats.norm.cdf):
    t.distribution(sampler=uniform, cdf=cdf, margin=0.1, controls={"w": wrong})


MISFITS = [
    (
        lambda t: mean(t, controls=0.3),
        "trial.mean: controls= must be a dictionary, its keys say .*, got 0.3",
    ),
    (
        lambda t: mean(t, controls={"w": abs}),
        "trial.mean: control 'w' must be a number, or one for each coordinate",
    ),
    (
        lambda t: mean(t, law="bounded"),
        "law= must be a law of theory_on_trial.laws, as Bounded.*, got 'bounded'",
    ),
    (
        lambda t: mean(t, sampler=lambda n: n),
        r"sampler= must be a function of .*, got a function "
        r"of \(n\)",
    ),
    (
        lambda t: mean(t, sampler=np.ones(9)),
        r"sampler= must be a function of \(generator, n\), "
        r"got an array",
    ),
    (lambda t: mean(t, most="many"), "trial.mean: most= must be a number, got 'many'"),
    (lambda t: mean(t, control_processes=[uniform]), "control_processes= must be a dictionary"),
    (
        lambda t: t.probability(sampler=uniform, predict=0.5, **KNOWN),
        "trial.probability: law= is known",
    ),
    (
        lambda t: t.probability(sampler=uniform, predict=0.5, margin=0.1, controls=0.3),
        "mean: controls= must be a",
    ),
    (
        lambda t: law_is(t, 0.5),
        "trial.distribution: cdf= must be a function of an array, as .*, got 0.5",
    ),
    (
        lambda t: law_is(t, stats.norm),
        "cdf= must be a function of an array, as scipy.stats.norm.cdf, got",
    ),
    (
        lambda t: law_is(t, stats.uniform.cdf, 0.3),
        "control 'w' must be a function of an array, as .*, got 0.3",
    ),
    (
        lambda t: t.bound(1.0, 2.0, instances="luck", ops=1),
        "instances= must be one of draws, .*, got 'luck'",
    ),
]


@pytest.mark.parametrize(("decide", "sentence"), MISFITS)
def test_an_argument_of_another_sort_is_named(decide, sentence):
    with (
        pytest.raises((TypeError, ValueError, AttributeError, KeyError), match=sentence) as refused,
        explain(),
    ):
        decide(Trial("toys.misfit"))
    assert len(refused.value.__notes__) == 1  # what it said by itself


def test_an_error_of_what_the_claim_calls_is_left_as_it_is():
    with pytest.raises(ZeroDivisionError, match="division by zero"), explain():
        mean(Trial("toys.misfit"), sampler=lambda generator, n: n / 0)


def test_a_refuted_claim_says_where_and_few_runs_how_many_are_needed():
    trial = Trial("toys.where")
    with trial.case("n=3"):
        trial.bound([[1.0, 2.1], [0.5, 2.2]], [1.0, 2.0], instances="all", ops=1)
    trial.identity(3.0, 3.0, ops=1)
    trial.runs([1.0] * 3, alpha=1e-4, controls={"w": [-1.0, 2.0, -3.0]})
    trial.runs([1.0] * 15, alpha=1e-4, controls={"w": -np.arange(15.0)})
    assert trial.findings[-1].outcome == "VERIFIED"
    assert list(where(trial.findings)) == [
        "n=3: refuted at 2 of 4 coordinates, most at [1, 1]: predicted 2, measured 2.2",
        "of 3 runs none decides at alpha=0.0001: it takes 15 that agree",
    ]
