"""What a claim must have earned to be VERIFIED: referees' tricks end INCONCLUSIVE, or in one
sentence.
"""

from types import SimpleNamespace

import jax
import numpy as np
import pytest

from theory_on_trial import Trial, claim, derived
from theory_on_trial.laws import Bounded
from theory_on_trial.ledger.verdict import verdict_of, weakness


def verdict(decide, kind="identity", low_power="", not_tight=""):
    trial = Trial("verdict.trick")
    decide(trial)
    return verdict_of(
        SimpleNamespace(kind=kind, low_power=low_power, not_tight=not_tight), trial.findings, None
    )


def uniform(key):
    return jax.random.uniform(key)


HONEST = {"controls": {"1 % more": 1.01}, "error": 1e-9}


@pytest.mark.parametrize(
    ("decide", "kind", "why"),
    [
        (
            lambda t: t.identity(2.0, 2.0, ops=1),
            "identity",
            "no control that could have failed (controls=)",
        ),
        (lambda t: t.value(1.0, 1.0, margin=1e-3, error=0, controls={}), "identity", "no control"),
        (
            lambda t: t.identity(
                np.ones(10), np.ones(10), ops=1, controls={"one": np.r_[2, np.ones(9)]}
            ),
            "identity",
            "refuted on 10 % of the coordinates only",
        ),
        (
            lambda t: t.identity(1.0, 1.0, ops=1, controls={"a thousand": 1000.0}),
            "identity",
            "factor of 1e+03",
        ),
        (
            lambda t: t.value(1.0, 1.0, margin=0.2, error=0, controls={"half": 0.5}),
            "identity",
            "below 20 % would",
        ),
        (
            lambda t: t.value(0.0, 0.0, margin=0.2, error=0, controls={"one": 1.0}),
            "identity",
            "no size of error",
        ),
        (
            lambda t: t.value(0.0, 0.0, margin=0.2, error=0, scale=1.0, controls={"one": 1.0}),
            "identity",
            "error below 20 % of its scale",
        ),
        (
            lambda t: t.value(
                [1, 57], [1, 0], margin=[1e-3, 100], error=0, controls={"two": [2.0, 0]}
            ),
            "identity",
            "of the largest would not be detected",
        ),
        (
            lambda t: t.value(
                [1.0, 1.7], [1.0, 1.0], margin=[1e-3, 0.8], error=0, controls={"two": [2.0, 1.0]}
            ),
            "identity",
            "of the largest would not be detected",
        ),
        (
            lambda t: t.value(0.3, 0.0, margin=1.0, error=0, scale=1e20, controls={"three": 3.0}),
            "identity",
            "a unit that says something",
        ),
        (
            lambda t: t.value(1.3, 1.0, side="at most", slack=0.5, error=0, controls={"less": 0.4}),
            "bound",
            "be 50 % tighter",
        ),
        (
            lambda t: t.value(
                1.0, 1.0, margin=0.01, error=0, controls={"a": 1e9}, control_processes={"b": 1e12}
            ),
            "identity",
            "nobody could hold it",
        ),
        (
            lambda t: t.value(
                1.0, 1.0, side="at most", slack=1e-3, error=0, control_processes={"b": 1e3}
            ),
            "bound",
            "nobody could hold it",
        ),
        (
            lambda t: t.distribution(
                uniform,
                lambda x: np.clip(x, 0, 1),
                margin=0.05,
                controls={"at 1": lambda x: x >= 1},
                most=20_000,
            ),
            "distribution",
            "in probability: nobody",
        ),
        (
            lambda t: t.order(
                [1.0, 0.5**4, 0.25**4, 0.125**4],
                [1, 2, 4, 8],
                -4.2,
                rounding=0.0,
                margin=0.4,
                controls={"five": -5.0},
            ),
            "limit",
            "would not be detected",
        ),
        (
            lambda t: t.bound(1.0, 2.0, instances="all", ops=1, controls={"half": 0.9}),
            "bound",
            "be 50 % tighter",
        ),
        (
            lambda t: t.bound(1.0, 1.0, instances="all", ops=1, controls={"small": 1e-3}),
            "bound",
            "factor of 1e+03",
        ),
        (
            lambda t: t.value(-3.0, 5.0, side="at most", error=0, controls={"less": -4.0}),
            "bound",
            "be 1.6e+02 % tight",
        ),
        (
            lambda t: t.runs(np.ones(5), alpha=0.0625, controls={"none": -2 * np.ones(5)}),
            "empirical",
            "no size of",
        ),
        (
            lambda t: t.runs(np.ones(5), alpha=0.0625, controls={"none": -2 * np.ones(5)}),
            "rate",
            "sign of a few runs",
        ),
        (lambda t: t.value(1.0, 1.0, margin=1e-3, **HONEST), "bound", "needs a one-sided decision"),
        (
            lambda t: t.bound(1.0, 1.0, instances="all", ops=1, controls={"less": 0.9}),
            "identity",
            "a two-sided",
        ),
        (
            lambda t: t.value(1.0, 1.0005, margin=1e-3, error=1e-3, controls={"more": 1.1}),
            "identity",
            "neither within",
        ),
        (lambda t: None, "identity", "made no decision"),
    ],
)
def test_what_is_not_earned_is_not_verified(decide, kind, why):
    outcome, note = verdict(decide, kind, low_power="a sign only" if kind == "rate" else "")
    assert outcome == "INCONCLUSIVE"
    assert why in note


@pytest.mark.parametrize(
    ("decide", "kind", "reasons"),
    [
        (lambda t: t.value(1.0, 1.0, margin=1e-3, **HONEST), "identity", {}),
        (
            lambda t: t.identity(2**60, 2**60, ops=0, controls={"one more": 2**60 + 1}),
            "identity",
            {},
        ),
        (
            lambda t: t.value(1.0, 1.0, margin=0.2, error=0, controls={"half": 0.5}),
            "identity",
            {"low_power": "few runs"},
        ),
        (
            lambda t: t.bound(1.0, 2.0, instances="all", ops=1, controls={"less": 0.9}),
            "bound",
            {"not_tight": "worst case"},
        ),
        (lambda t: t.bound(1.0, 1.05, instances="all", ops=1, controls={"less": 0.9}), "bound", {}),
        (
            lambda t: t.bound(
                np.sign(t.generator().random(99)),
                np.ones(99),
                instances="draws",
                independent=99,
                ops=0,
                controls={"half": np.full(99, 0.5)},
            ),
            "bound",
            {},
        ),
        (
            lambda t: t.order(
                [1, 0.999, 0.998, 0.997],
                [1, 2, 4, 8],
                -1e-3,
                rounding=1e-3,
                margin=0.02,
                controls={"half": -0.5},
            ),
            "rate",
            {},
        ),
        (
            lambda t: t.growth(
                [8, 64, 512, 4096],
                [3, 6, 9, 12],
                [3.01, 6.01, 9.01, 12.01],
                "log n",
                error=1e-9,
                slack_log=0.0,
                controls=["n"],
            ),
            "rate",
            {},
        ),
    ],
)
def test_what_is_earned_is_verified(decide, kind, reasons):
    assert verdict(decide, kind, **reasons) == ("VERIFIED", "")


def test_equal_numbers_are_equal_at_any_size():
    for size in (8.0, 1e-300, 1e300, 0.0):
        outcome, note = verdict(
            lambda t, v=size: t.identity(v, v, ops=1, controls={"more": 1.5 * v or 1.0})
        )
        assert outcome == "VERIFIED", note


def test_one_case_that_is_not_decided_is_named():
    def two(trial):
        for label, margin in (("n=1", 1e-3), ("n=2", 0.2)):
            with trial.case(label):
                trial.value(1.0, 1.0, margin=margin, error=0, controls={"half": 0.5})

    outcome, note = verdict(two)
    assert (outcome, note.split(":")[0]) == ("INCONCLUSIVE", "n=2")


@pytest.mark.parametrize(("near", "earned"), [(1.5, True), (20.0, False)])
def test_one_case_shows_that_somebody_could_hold_a_control(near, earned):
    def decide(trial, cases=("one", "two")):
        for case, off in zip(cases, (1e3, near), strict=True):
            with trial.case(case):
                trial.value(1.0, 1.0, margin=0.01, error=0, controls={f"in {case}": off})

    outcome, why = verdict(decide)
    assert (outcome == "VERIFIED") is earned, why
    # Of another decision in the same case it says nothing.
    outcome, why = verdict(lambda trial: decide(trial, ("one", "one")))
    assert outcome == "INCONCLUSIVE"
    assert why.startswith("one: even the nearest control")


def test_the_weakest_guarantee_stands_for_the_claim():
    ranked = [
        "exact",
        "finite-n",
        "finite-n (normal)",
        "asymptotic (union)",
        "extrapolated",
        "searched",
        "by eye",
    ]
    assert sorted(reversed(ranked), key=weakness) == ranked


def test_a_sampled_claim_without_a_control_is_told_so_before_its_first_sample():
    drawn = []

    def sampler(generator, n):
        drawn.append(n)
        return generator.random(n)

    decisions = {
        "mean": lambda t: t.mean(sampler=sampler, predict=0.5, law=Bounded(0, 1), margin=0.05),
        "probability": lambda t: t.probability(
            lambda rng: sampler(rng, 1)[0] < 0.5, 0.5, margin=0.1
        ),
        "distribution": lambda t: t.distribution(sampler=sampler, cdf=lambda x: x, margin=0.1),
        "order": lambda t: t.order(
            sampler=lambda g, m, n: sampler(g, m) / n,
            sizes=[4, 8, 16, 32],
            predict=-1.0,
            law=Bounded(0, 1),
            margin=0.1,
            controls={},
        ),
        "limit": lambda t: t.limit(
            sampler=lambda g, m, n: sampler(g, m),
            sizes=[4, 8, 16, 32],
            predict=0.5,
            order=1,
            law=Bounded(0, 1),
            margin=0.1,
        ),
    }
    for name, decide in decisions.items():

        @claim(derived("a mean of two ends"), kind="distribution")
        def test_lacking(trial, decide=decide):
            """A uniform number is a half on average."""
            decide(trial)

        with pytest.raises(ValueError, match="refute a wrong theory: name one that somebody"):
            test_lacking.claim.run()
        assert not drawn, name


def test_a_claim_without_a_control_may_be_refuted_where_that_is_expected_or_costs_nothing():
    @claim(derived("a slip"), expected="REFUTED")
    def test_false(trial):
        """A uniform number is a third on average."""
        trial.mean(sampler=lambda g, n: g.random(n), predict=1 / 3, law=Bounded(0, 1), margin=0.05)

    @claim(derived("a slip"))
    def test_computed(trial):
        """Two and two are five."""
        trial.identity(2 + 2, 5, ops=0)

    assert test_false.claim.run().verdict == "REFUTED"
    assert test_computed.claim.run().verdict == "REFUTED"
