"""The long-run mean of one path: its level on autoregressions, chains and queues, and refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal, stats

from theory_on_trial.laws import Asymptotic, Bernoulli, Bounded, OnePath
from theory_on_trial.trial.decisions import Trial
from theory_on_trial.trial.plain import NotVerified, PlainTrial


def autoregression(generator, n, rho):
    """x_k = rho x_(k-1) + noise from its stationary law: mean 0, variance 1 / (1 - rho^2)."""
    noise = generator.normal(size=n)
    noise[0] /= np.sqrt(1 - rho**2)
    return signal.lfilter([1.0], [1.0, -rho], noise)


def mean(path, predict, margin, seed=0, **options):
    trial = Trial("a.path", seed=seed)
    trial.mean(samples=path, predict=predict, margin=margin, law=OnePath(), **options)
    return trial.findings[0]


@pytest.mark.parametrize(("rho", "n"), [(0.5, 6_000), (0.9, 40_000), (0.99, 400_000)])
def test_the_level_on_autoregressions(rho, n):
    """At 1 % the true mean is missed no more often, and the interval is no wider than it need be."""
    generator = np.random.default_rng(round(100 * rho))
    runs = 120
    boxes = [
        OnePath().interval([autoregression(generator, n, rho)], 0.01, np.asarray(0.0))
        for _ in range(runs)
    ]
    missed = sum(not box.low <= 0 <= box.high for box in boxes)
    assert missed <= stats.binom.isf(1e-4, runs, 0.01)
    exact = stats.norm.isf(0.005) / (1 - rho) / np.sqrt(n)
    widths = [float(box.high - box.low) / 2 for box in boxes]
    assert 0.9 * exact < np.median(widths) < 1.6 * exact


@pytest.mark.parametrize("rho", [0.5, 0.9, 0.99])
def test_the_correlation_time_of_an_autoregression(rho):
    path = autoregression(np.random.default_rng(1), 300_000, rho)
    assert OnePath().correlation_time(path) == pytest.approx((1 + rho) / (1 - rho), rel=0.15)


@pytest.mark.parametrize("margins", [0.0, 0.8, 1.2, 3.0])
def test_the_level_of_verdicts_on_paths(margins):
    """At an error of 5 % no more verdicts are wrong, wherever the long-run mean lies."""
    generator = np.random.default_rng(round(10 * margins))
    runs = 60
    outcomes = []
    for _ in range(runs):
        trial = Trial("a.path", error=0.05)
        path = autoregression(generator, 30_000, 0.9) + margins * 0.3
        trial.mean(samples=path, predict=0.0, margin=0.3, law=OnePath())
        outcomes.append(trial.findings[0].outcome)
    wrong = outcomes.count("REFUTED" if margins < 1 else "VERIFIED")
    assert wrong <= stats.binom.isf(1e-4, runs, 0.05)
    if margins in (0.0, 3.0):
        assert outcomes.count("INCONCLUSIVE") < runs / 10


def test_the_waiting_time_of_a_queue_is_decided_from_one_path():
    """M/M/1 at load 1/2, by Lindley's recursion: the mean waiting time is 1."""
    generator = np.random.default_rng(3)
    steps = generator.exponential(1.0, 300_000) - generator.exponential(2.0, 300_000)
    walk = np.concatenate([[0.0], np.cumsum(steps)])
    waits = walk - np.minimum.accumulate(walk)
    found = mean(waits, 1.0, 0.2, controls={"twice": 2.0, "service counted": 2.0})
    assert found.outcome == "VERIFIED"
    assert found.interval.guarantee.startswith("asymptotic, given samples")
    assert "one path of 300001 samples, in " in found.note
    assert mean(waits, 2.0, 0.2).outcome == "REFUTED"


def test_a_path_that_is_too_short_or_drifts_decides_nothing():
    generator = np.random.default_rng(4)
    short = autoregression(generator, 5000, 0.99)
    drifting = np.linspace(0, 1, 5000) + generator.normal(size=5000) / 10
    switching = np.repeat([0.0, 1.0], 2500) + generator.normal(size=5000) / 10
    for path in (short, drifting, switching):
        found = mean(path, 0.5, 0.05)
        assert found.outcome == "INCONCLUSIVE"
        assert "is unbounded still" in found.note


def test_independent_samples_are_a_path_too():
    path = np.random.default_rng(5).normal(size=20_000)
    wide = OnePath().interval([path], 1e-3, np.asarray(0.0))
    narrow = Asymptotic().interval([path], 1e-3, np.asarray(0.0))
    assert wide.low <= narrow.low < narrow.high <= wide.high
    assert wide.high - wide.low < 1.2 * (narrow.high - narrow.low)


@settings(max_examples=20, deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(0, 1000))
def test_the_unit_of_a_path_does_not_matter(shift, unit, seed):
    path = autoregression(np.random.default_rng(seed), 3000, 0.5)
    one = OnePath().interval([path], 0.01, np.asarray(0.0))
    other = OnePath().interval([path * unit + shift], 0.01, np.asarray(0.0))
    size = abs(shift) + unit
    assert np.allclose(other[1:3], np.asarray(one[1:3]) * unit + shift, rtol=0, atol=1e-9 * size)


def test_each_coordinate_of_a_path_is_judged_by_the_slowest():
    generator = np.random.default_rng(6)
    path = np.stack(
        [autoregression(generator, 200_000, 0.9), generator.normal(size=200_000)], axis=1
    )
    assert mean(path, [0.0, 0.0], 0.5).outcome == "VERIFIED"
    assert mean(path, [0.0, 1.0], 0.5).outcome == "REFUTED"


def test_the_refusal_of_correlated_samples_names_the_law_of_a_path():
    path = autoregression(np.random.default_rng(7), 5000, 0.9)
    for law in (Asymptotic(), Bounded(-99, 99)):
        with pytest.raises(ValueError, match=r"correlated at a lag of \d+.*with law=OnePath\(\)"):
            Trial("a.path").mean(samples=path, predict=0.0, margin=0.2, law=law)
    with pytest.raises(ValueError, match=r"law=OnePath\(\)"):
        Trial("a.path").probability(samples=path > 0, predict=0.5, margin=0.1)

    def sampler(generator, n):
        return autoregression(generator, n, 0.95)

    with pytest.raises(
        ValueError, match=r"share something|samples= of trial.mean with law=OnePath"
    ):
        Trial("a.path").mean(sampler=sampler, predict=0.0, margin=0.2, law=Asymptotic())


def test_a_sampler_has_no_law_of_a_path():
    with pytest.raises(ValueError, match=r"law=OnePath\(\) is of a path that was drawn already"):
        Trial("a.path").mean(lambda rng: rng.random(), 0.5, margin=0.1, law=OnePath())


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ([], "samples= must be an array"),
        (3.0, "samples= must be an array"),
        ([1.0, np.nan, 2.0], "not finite"),
        (np.ones(200), "a constant is no process"),
        (["a", "b"], "must be real numbers"),
    ],
)
def test_what_is_no_path_gets_one_sentence(path, sentence):
    with pytest.raises(ValueError, match=sentence):
        mean(path, 0.0, 0.1)


def test_in_any_test_a_wrong_long_run_mean_fails():
    trial = PlainTrial("a_test")
    path = autoregression(trial.generator(), 60_000, 0.9)
    trial.mean(samples=path, predict=0.0, margin=0.4, law=OnePath())
    assert "given what the check drew" not in trial.findings[0].note
    with pytest.raises(NotVerified, match="REFUTED"):
        trial.mean(samples=path, predict=2.0, margin=0.4, law=OnePath())


# ------------------------------------------------------------ two procedures on the same data


def test_two_procedures_that_agree_are_sent_to_an_identity_which_decides_them():
    def difference(generator):
        x = generator.normal(size=20)
        return np.sort(x)[3] - np.partition(x, 3)[3]

    with pytest.raises(ValueError, match="two procedures agree on the same data is an identity"):
        Trial("a.pair").mean(difference, 0.0, margin=0.1, law=Bounded(-5, 5))
    trial = PlainTrial("a_test")
    x = trial.generator().normal(size=(700, 20))
    one, other = np.median(x, axis=1), np.percentile(x, 50, axis=1)
    trial.identity(one, other, ops=4, independent=700)
    with pytest.raises(NotVerified, match="REFUTED"):
        trial.identity(one, np.percentile(x, 51, axis=1), ops=4, independent=700)


def test_other_constants_are_refused_without_that_advice():
    with pytest.raises(
        ValueError, match=r"a constant is no process \(the measurement drew them\)$"
    ):
        Trial("a.constant").mean(
            lambda rng: rng.random() * 0 + 1, 1.0, margin=0.1, law=Bounded(0, 2)
        )
    rare = Trial("rare")
    rare.mean(lambda rng: rng.random() < 0, 0.0, margin=0.2, law=Bernoulli())
    assert rare.findings[0].outcome == "VERIFIED"
