"""What was once VERIFIED, or REFUTED, and could have been known to be no evidence: each gets one sentence."""

import re
from collections import Counter
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from theory_on_trial import claim, ours
from theory_on_trial.contract import NonNegative, guarded
from theory_on_trial.laws import Asymptotic, Bernoulli, Normal
from theory_on_trial.trial.decisions import Trial
from theory_on_trial.trial.domain import OutsideDomain

CHANCES = [0.3, 0.7]


def one_model(share):
    """Normal samples that share a number in each call, which is `share` of their variance."""
    return lambda g, n: np.sqrt(share) * g.normal() + np.sqrt(1 - share) * g.normal(size=n)


def accuracy(g, n):
    return g.random(n) < 0.8 + 0.1 * np.clip(g.normal(), -2, 2)


def permuted(g, n):
    return g.permutation(np.random.default_rng(3).normal(size=n))


class Repeating:
    """Draws 64 samples once for each generator and gives them again at each call, in the same order or another."""

    def __init__(self, law, ordered):
        self.law, self.ordered, self.known = law, ordered, {}

    def __call__(self, g, n):
        again = self.known.setdefault(id(g), self.law(g, 64))
        g.random()
        return np.resize(again if self.ordered else g.permutation(again), n)


def coin(g, n):
    return g.random(n) < 0.5


def normal(g, n):
    return g.normal(size=n)


@pytest.mark.parametrize(
    ("draws", "law", "predict", "sentence"),
    [
        (one_model(0.3), Asymptotic(), 0.0, "share something"),
        (one_model(0.3), Asymptotic(), 0.3, "share something"),
        (accuracy, Bernoulli(), 0.8, "share something"),
        (permuted, Asymptotic(), 0.0, "samples of an earlier call again: they are copies"),
        (lambda g, n: np.append(permuted(g, n - 1), g.normal()), Asymptotic(), 0.0, "they are copies"),
        (Repeating(normal, ordered=True), Asymptotic(), 0.0, "they are copies|go together"),
        (Repeating(normal, ordered=False), Asymptotic(), 0.0, "they are copies"),
        (Repeating(coin, ordered=True), Bernoulli(), 0.5, "go together with those of the call before"),
        (lambda g, n: np.ma.masked_less(g.normal(size=n), 0), Normal(), 0.0, "masked entries"),
    ],
)
def test_samples_that_share_something_are_refused(draws, law, predict, sentence):
    with pytest.raises(ValueError, match=sentence):
        Trial("toy.shared").mean(
            sampler=draws, predict=predict, law=law, margin=0.02, controls={"wrong": predict + 0.4}, most=20_000
        )


@pytest.mark.parametrize("share", [0.1, 0.01])
def test_a_model_for_each_call_leaves_few_wrong_verdicts(share):
    """Of 60 seeds each, for a prediction that is true and one that is false; 52 and more were wrong once."""
    found = Counter()
    for seed in range(60):
        for predict, wrong in ((0.0, "REFUTED"), (0.06, "VERIFIED")):
            trial = Trial("toy.shared", seed)
            try:
                trial.mean(
                    sampler=one_model(share), predict=predict, law=Asymptotic(), margin=0.05, controls={"w": 0.4}
                )
            except ValueError:
                found["refused"] += 1
            else:
                found["wrong"] += trial.findings[0].outcome == wrong
    assert found["wrong"] <= 4


@pytest.mark.parametrize(
    "measure",
    [
        lambda key: 1e-3 * jax.random.normal(key) + jax.random.normal(jax.random.key(3)),
        jax.jit(lambda key: 1e-3 * jax.random.normal(key) + jax.jit(jax.random.normal)(jax.random.PRNGKey(3))),
        lambda key: (
            1e-3 * jax.random.normal(key)
            + jax.pure_callback(lambda _: np.float32(RNG.normal()), jax.ShapeDtypeStruct((), jnp.float32), key[None])
        ),
    ],
)
def test_numbers_beside_a_little_of_the_key_are_refused(measure):
    with pytest.raises(ValueError, match=r"makes a key of its own inside|other numbers for the same keys"):
        Trial("toy.key").mean(measure, 0.0, law=Asymptotic(), margin=0.1, controls={"w": 1.0})


RNG = np.random.default_rng()


def test_a_case_within_a_case_keeps_both():
    trial, drawn = Trial("toy.case"), {}
    for outer in "ab":
        with trial.case(outer):
            with trial.case("inner"):
                drawn[outer, "inner"] = trial.generator().random()
            drawn[outer, ""] = trial.generator().random()
    assert len(set(drawn.values())) == 4


def test_whole_numbers_beyond_float64_are_decided_in_integers():
    trial = Trial("toy.whole")
    trial.identity(2**60, 2**60, ops=0, controls={"one more": 2**60 + 1})
    found = trial.findings[0]
    assert (found.outcome, found.controls[0].outcome) == ("VERIFIED", "REFUTED")
    assert np.all(found.controls[0].refuted)


@pytest.mark.parametrize("printed", [Fraction(2, 3), 0.6, 2.0])
def test_what_is_printed_and_not_the_predictions_rounding_is_judged(printed):
    trial = Trial("toy.printed")
    trial.value(2 / 3, 2 / 3, margin=0.01, error=1e-9, controls={"w": 2.0}, as_printed=float(printed))
    assert trial.findings[0].printed == ("VERIFIED" if printed == Fraction(2, 3) else "REFUTED")


@pytest.mark.parametrize(
    ("measured", "predicted", "error", "sentence"),
    [
        ([1.0, 2.0], 1.5, [0.0, 0.0], "one prediction for all 2 coordinates"),
        ([1.0, 0.0], [1.0, 0.0], [0.0, 0.2], "where 0 is predicted errors are noticed from 0.2 of the largest on"),
        ([1.0, 1.0], [1.0, 1.0], [0.0, 0.2], "noticed from 0.1 % on, an error in one coordinate from 0.2 on"),
    ],
)
def test_what_a_row_does_not_show_is_in_its_note(measured, predicted, error, sentence):
    trial = Trial("toy.note")
    trial.value(
        np.array(measured), np.array(predicted), margin=np.where(np.array(error) > 0, 0.3, 0.001), error=error,
        controls={"w": np.array(predicted) + 9},
    )  # fmt: skip
    assert sentence in trial.findings[0].note


@pytest.mark.parametrize(("order", "sentence"), [(1.0, "larger sizes would decide"), (3.0, "have not settled into")])
def test_an_undecided_limit_names_its_coordinate(order, sentence):
    sizes = np.array([8, 16, 32, 64])
    values = np.stack([1 + 1 / sizes + 1 / sizes**2, 1 + 0.001 / sizes], axis=1)
    trial = Trial("toy.limit")
    trial.limit(values, sizes, [1.0, 1.0], order=order, margin=[1e-5, 1.0], controls={"w": [2.0, 9.0]})
    assert trial.findings[0].outcome == "INCONCLUSIVE"
    assert re.search(r"the interval of coordinate \[0\] .*" + sentence, trial.findings[0].note)


def test_a_refusal_names_its_case_and_leaves_the_domain():
    @guarded
    def root(x: NonNegative):
        return np.sqrt(x)

    @claim(ours("an example"), kind="identity", cases=[(1.0, 2.0), (4.0, 3.0)])
    def test_root(trial, x, y):
        """Roots are roots."""
        trial.identity(root(x - 0.5) ** 2, x - 0.5, ops=3, controls={"w": 9.0})

    with pytest.raises(OutsideDomain, match=r"x=0.25, y=2.0: x must be non-negative, got -0.25"):
        test_root.claim.run(x=0.25)
