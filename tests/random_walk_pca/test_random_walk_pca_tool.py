"""The tools for a user's own trajectory: calibration and power of the test, coverage of the
intervals, the recorder.

Counts over n simulated runs are judged at DEVIATIONS standard deviations of the binomial (or
normal) law: a correct tool fails such a comparison with probability below 1e-6.
"""

import functools
import re

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter
from scipy.stats import binom

from own_data import random_walk_pca as tool
from own_data.random_walk_pca import random_walk_test
from own_data.random_walk_pca.randomisation import departures
from own_data.random_walk_pca.recording import checked_step_gram
from sims.random_walk_pca import trajectories
from theory_on_trial.testing.suite import check_readable

DEVIATIONS = 4.9
ESTIMATORS = [
    tool.estimate_drift_ratio,
    tool.estimate_momentum,
    tool.estimate_noise_decay,
    tool.estimate_reversion,
]


@functools.partial(jax.jit, static_argnums=(1, 2))
def _step_grams(keys, n_points, dim, scales, drift_ratio, process):
    def one(key):
        rows = trajectories.noise(key, n_points, dim, scales=scales)
        drift = jnp.zeros(dim).at[0].set(drift_ratio**0.5)
        steps = jnp.diff(trajectories.trajectory(rows, drift=drift, **process), axis=0)
        return steps @ steps.T

    return jax.lax.map(one, keys)


def runs(n_runs, n_points, dim, *, exponent=0.0, drift_ratio=0.0, **cause):
    """Step Gram matrices of independent runs; noise variance i^-exponent in coordinate i."""
    scales = np.arange(1.0, dim + 1) ** (-exponent / 2)
    process = {"momentum": 0.0, "reversion": 0.0, "decay": 0.0} | cause
    keys = jax.random.split(jax.random.key(n_points * dim), n_runs)
    return np.asarray(_step_grams(keys, n_points, dim, scales, drift_ratio, process))


def trajectory(seed, n_points=40, dim=200):
    return np.cumsum(np.random.default_rng(seed).standard_normal((n_points, dim)), axis=0)


@pytest.mark.parametrize(
    ("n_runs", "n_points", "dim", "exponent", "n_components"),
    [
        (1200, 16, 300, 0.0, 1),
        (500, 30, 200, 0.0, 3),
        (500, 30, 40, 0.0, 3),
        (100, 100, 60, 0.0, 3),
        (300, 16, 1000, 0.5, 3),
    ],
)
def test_null_is_calibrated(n_runs, n_points, dim, exponent, n_components):
    """The docstring's promises: scores within .2 of mean 0, variance .75 to 1.2; an exact level."""
    grams = runs(n_runs, n_points, dim, exponent=exponent)
    results = [
        tool.random_walk_test(step_gram=gram, n_components=n_components, draws=99, seed=run)
        for run, gram in enumerate(grams)
    ]
    scores = np.array([np.concatenate([result.ratio_z, result.content_z]) for result in results])
    mean_slack = DEVIATIONS / np.sqrt(n_runs)
    variance_slack = 1.2 * DEVIATIONS * np.sqrt(2 / n_runs)
    assert np.all(np.abs(scores.mean(axis=0)) <= 0.2 + mean_slack)
    assert np.all(scores.var(axis=0) <= 1.2 + variance_slack)
    assert np.all(scores.var(axis=0) >= 0.75 - variance_slack)
    assert_level([result.p_value for result in results])


def assert_level(p_values):
    """A p-value below a level as often as the level says; ties leave it a little below."""
    for level in (0.05, 0.01):
        alarms = np.mean(np.array(p_values) <= level)
        slack = DEVIATIONS * np.sqrt(level / len(p_values))
        assert alarms <= level + slack
        assert alarms >= 0.6 * level - slack


@pytest.mark.parametrize("noise", ["one over i", "Student's t", "one sign for all"])
def test_the_level_is_exact_for_any_noise(noise):
    """Variances 1 / i in d = 2000, where scores for Gaussian noise gave 19 % at the 5 % level;
    tails; one direction.
    """
    rng = np.random.default_rng(7)

    def steps():
        if noise == "one over i":
            return rng.standard_normal((24, 2000)) / np.sqrt(np.arange(1, 2001))
        if noise == "Student's t":
            return rng.standard_t(3, (24, 5))
        return rng.standard_normal((24, 1)) * rng.choice([0.1, 1.0, 10.0], (24, 1)) * np.ones(7)

    assert_level([departures((drawn := steps()) @ drawn.T, 2, 99, run)[1] for run in range(2000)])


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    scale=st.floats(1e-3, 1e3),
    shift=st.floats(-10, 10),
    points=st.integers(10, 60),
    jax_array=st.booleans(),
)
def test_invariances(seed, scale, shift, points, jax_array):
    """Translation, scale and permuted coordinates do not matter; blocks and the whole give the same
    matrix.
    """
    walk = trajectory(seed, points, 300)
    moved = scale * walk[:, np.random.default_rng(seed).permutation(300)] + shift
    first = tool.random_walk_test(walk)
    second = tool.random_walk_test(jnp.asarray(moved) if jax_array else moved)
    # Differences of points of size |scale x| + |shift| lose that many units in the last place of a
    # step.
    relative = 2**-53 * (np.abs(walk).max() + abs(shift) / scale) * 300 * points
    np.testing.assert_allclose(
        second.effective_dimension, first.effective_dimension, rtol=100 * relative
    )
    np.testing.assert_allclose(second.variance_ratios, first.variance_ratios, atol=100 * relative)
    whole = tool.step_gram(walk)
    halves = tool.step_gram(walk[:, :77], walk[:, 77:])
    np.testing.assert_allclose(halves, whole, atol=300 * 2**-53 * np.trace(whole))


def test_low_precision_trajectories_are_read():
    points = trajectory(1)
    for dtype in (jnp.float16, jnp.bfloat16, jnp.float32):
        low = jnp.asarray(points, dtype)
        assert tool.step_gram(low).dtype == np.float64
        np.testing.assert_array_equal(
            tool.step_gram(low), tool.step_gram(np.asarray(low).astype(float))
        )
    for dim in (1, 3, 200):  # steps of 1e-8 to 1e8, and of low rank
        checked_step_gram(
            None, (steps := np.float32(points[:, :dim] * np.logspace(-8, 8, 40)[:, None])) @ steps.T
        )


def test_a_drift_is_told_up_to_where_rounding_hides_the_noise():
    """Of 1e15 it said .8e15 or 1.2e15 with intervals a tenth as wide; of 1e18 a thousandth."""
    for seed, (ratio, dtype) in enumerate([(1e12, float), (3e3, np.float32)]):
        steps = np.random.default_rng(seed).standard_normal((2, 30, 20)) + np.sqrt(
            [[[ratio]], [[1e3 * ratio]]]
        )
        gram, beyond = (steps @ steps.mT).astype(dtype)
        estimate = tool.estimate_drift_ratio(step_gram=gram)
        assert estimate.low <= ratio <= estimate.high
        for far in (
            {"step_gram": beyond},
            {"trajectory": np.cumsum(steps[1] + 1e5, axis=0).astype(np.float32)},
        ):
            with pytest.raises(
                ValueError, match="must have noise far above rounding, got squares of drift"
            ):
                tool.estimate_drift_ratio(**far)


@pytest.mark.parametrize(
    ("estimator", "true", "cause"),
    [
        (tool.estimate_drift_ratio, 0.002, {"drift_ratio": 0.002}),
        (tool.estimate_drift_ratio, 0.5, {"drift_ratio": 0.5}),
        (tool.estimate_momentum, 0.7, {"momentum": 0.7}),
        (tool.estimate_noise_decay, 0.5, {"decay": 0.5}),
        (tool.estimate_noise_decay, 0.0, {}),
        (tool.estimate_reversion, 0.02, {"reversion": 0.02}),
        (tool.estimate_reversion, 0.3, {"reversion": 0.3}),
        (tool.estimate_reversion, 1.2, {"reversion": 1.2}),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_interval_coverage(estimator, true, cause):
    """95 % intervals hold the truth in 95 % of 300 runs, give or take 2 % as the effective
    dimension is estimated.
    """
    estimates = [estimator(step_gram=gram) for gram in runs(300, 60, 500, **cause)]
    coverage = np.mean([estimate.low <= true <= estimate.high for estimate in estimates])
    assert (
        0.93 - DEVIATIONS * np.sqrt(0.93 * 0.07 / 300)
        <= coverage
        <= 0.97 + DEVIATIONS * np.sqrt(0.97 * 0.03 / 300)
    )
    values = np.array([estimate.value for estimate in estimates])
    assert (
        abs(values.mean() - true) <= DEVIATIONS * values.std() / np.sqrt(300) + 0.1 * values.std()
    )


def test_few_steps_widen_the_interval_of_a_drift():
    """Of ten points that of the normal law held 88 % of the runs."""
    estimates = [
        tool.estimate_drift_ratio(step_gram=gram) for gram in runs(1000, 10, 200, drift_ratio=1.0)
    ]
    assert np.mean([estimate.low <= 1 <= estimate.high for estimate in estimates]) > 0.92


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_walk_has_no_cause(estimator):
    """At the boundary of the range the interval must hold zero at least as often as it says."""
    held = np.mean(
        [(found := estimator(step_gram=gram)).low <= 0 <= found.high for gram in runs(100, 60, 500)]
    )
    assert held >= 0.93 - DEVIATIONS * np.sqrt(0.93 * 0.07 / 100)


def test_recorder_sketch_law():
    """Mean and variance of a sketched inner product over 1500 seeds, against the docstring's exact
    law.
    """
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 50)) * np.arange(1, 51)
    size = 7
    seeds = 1500
    points = [np.zeros(50), x, x + y]
    grams = []
    for seed in range(seeds):
        recorder = tool.StepGramRecorder(2, sketch_size=size, seed=seed)
        for point in points:
            recorder.record(point)
        grams.append(recorder.step_gram)
    for (s, t), (first, second) in {(0, 1): (x, y), (0, 0): (x, x)}.items():
        products = np.array([gram[s, t] for gram in grams])
        product = first @ second
        squares = (first @ first) * (second @ second)
        variance = (squares + product**2 - 2 * np.sum(first**2 * second**2)) / size
        assert abs(products.mean() - product) <= DEVIATIONS * np.sqrt(variance / seeds)
        kurtosis = np.mean((products - products.mean()) ** 4) / products.var() ** 2
        assert abs(products.var() / variance - 1) <= DEVIATIONS * np.sqrt((kurtosis - 1) / seeds)


def test_recorded_run_is_judged_with_the_combined_dimension():
    """A pytree in float32, updated in place: 1 / d_eff + 1 / m, within its relative error of 2 / T,
    five-fold.
    """
    points = trajectory(11, 120, 1500).astype(np.float32)
    recorder = tool.StepGramRecorder(119, sketch_size=500, seed=3)
    buffer = {"weights": np.zeros((30, 40), np.float32), "bias": np.zeros(300, np.float32)}
    for point in points:
        buffer["weights"][:] = point[:1200].reshape(30, 40)
        buffer["bias"][:] = point[1200:]
        recorder.record(buffer)
    result = tool.random_walk_test(step_gram=recorder.step_gram)
    assert result.effective_dimension * (1 / 1500 + 1 / 500) == pytest.approx(1, abs=5 * 2 / 120)
    assert result.p_value > 0.01


def test_results_are_readable():
    result = tool.random_walk_test(trajectory(2))
    assert "consistent with a random walk at the 1 % level (p = " in str(result)
    assert len(str(result).splitlines()) == 8
    assert f"{result.variance_ratios[0]:.4f}" in result._repr_html_()
    many = tool.random_walk_test(trajectory(0, 60, 50), n_components=20)
    assert check_readable(many)["n_points"] == 60
    axes = result.plot()
    np.testing.assert_array_equal(axes.lines[1].get_ydata(), result.variance_ratios)
    plt.close("all")


def test_one_column_is_judged_without_components():
    steps = np.random.default_rng(5).standard_normal((200, 1))
    walk = tool.random_walk_test(np.cumsum(steps, axis=0))
    assert walk.p_value > 0.01
    assert walk.variance_ratios.size == 0
    assert walk.doubts == ()
    assert "drift over noise" in tool.random_walk_test(np.cumsum(steps + 0.5, axis=0)).causes
    steps[70] = 8
    assert "step 70 has" in tool.random_walk_test(np.cumsum(steps, axis=0)).doubts[0].reason


def test_scores_that_are_not_known_do_not_touch_the_verdict():
    """One score beyond the law of its component was NaN and gave p = 1, the headline of a walk."""
    steps = np.random.default_rng(4).standard_normal((60, 50)) + 0.8
    result = tool.random_walk_test(np.cumsum(steps, axis=0), n_components=30)
    assert np.isnan(result.ratio_z).any()
    assert "cannot judge: the ratio of PC 3, which" in str(
        tool.random_walk_test(trajectory(0, 60, 5))
    )
    assert result.p_value <= 0.002
    assert "not a random walk" in str(result)
    assert next(iter(result.causes)) == "drift over noise"


def test_points_that_are_recorded_twice_leave_the_question_open():
    """Signed permutations do not see that every other step is zero."""
    twice = tool.random_walk_test(np.repeat(trajectory(0, 60, 50), 2, axis=0))
    assert not twice.answerable
    assert (
        "cannot judge: 60 of 119 steps are zero; leave out points that are recorded twice"
        in str(twice)
    )


def test_doubts_are_about_few_dimensions_and_far_components():
    few = tool.random_walk_test(trajectory(0, 60, 12))
    assert re.search(
        "effective dimension .* is below 30: .* z are not calibrated", few.doubts[0].reason
    )
    far = tool.random_walk_test(trajectory(0, 60, 50), n_components=8)
    assert "PC 8 of a walk is not expected to be a cosine" in far.doubts[0].reason
    assert all(result.doubts[0].reason in str(result) for result in (few, far))
    assert tool.random_walk_test(trajectory(0)).doubts == ()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "either a trajectory or a step_gram"),
        (
            {"trajectory": trajectory(0), "step_gram": np.eye(30)},
            "either a trajectory or a step_gram",
        ),
        ({"trajectory": trajectory(0)[:1]}, "at least two recorded points, got 1"),
        (
            {"trajectory": trajectory(0)[:9]},
            "at least 10 recorded points to judge it, got 9",
        ),
        (
            {"trajectory": trajectory(0) + np.where(np.arange(40) == 6, np.nan, 0)[:, None]},
            "first non-finite row is row 7",
        ),
        ({"trajectory": np.ones((20, 5))}, "zero total variance"),
        ({"trajectory": np.arange(20.0)[:, None] * np.ones(5)}, "steps without noise"),
        ({"step_gram": np.eye(30)}, "steps without noise"),
        (
            {"step_gram": 3 * np.eye(30) - 1},
            "step_gram must be .* its smallest eigenvalue is -13.5, below",
        ),
    ],
)
def test_what_is_no_trajectory_is_refused(arguments, sentence):
    for function in (tool.random_walk_test, *ESTIMATORS):
        if sentence == "steps without noise" and function is tool.estimate_noise_decay:
            # Equal steps: that is its answer
            assert function(**arguments).value == pytest.approx(0, abs=100 * 2**-53)
            continue
        with pytest.raises(ValueError, match=sentence):
            function(**arguments)


def test_rounding_that_looks_like_reversion_is_not_judged():
    steps = 3e-4 * np.random.default_rng(0).standard_normal((200, 2000))
    weights = 0.05 + np.cumsum(steps, axis=0)
    rounded = tool.random_walk_test(jnp.asarray(weights, jnp.bfloat16))
    assert "digits of bfloat16" in rounded.missing
    assert tool.random_walk_test(weights.astype(np.float32)).p_value > 0.01
    wide = tool.random_walk_test(jnp.asarray(weights + 0.5 * np.arange(200)[:, None], "float32"))
    assert wide.answerable
    assert wide.p_value <= 0.01


def test_a_walk_on_whole_numbers_is_not_taken_for_a_rounded_one():
    rng = np.random.default_rng(1)
    signs = rng.choice([-1.0, 1.0], (100, 300))
    back = np.cumsum(signs, axis=0) * np.where(np.arange(100) % 2, 1, 0.5)[:, None]
    assert tool.random_walk_test(back).answerable


def test_a_counter_among_the_weights_is_named():
    path = trajectory(3, 100, 50)
    path[:, 16] = np.arange(100) * 50.0
    names = [f"w{i}" for i in range(16)] + ["batches"] + [f"w{i}" for i in range(17, 50)]
    doubts = tool.random_walk_test(pd.DataFrame(path, columns=names)).doubts
    assert "column batches makes up" in doubts[0].reason
    assert "column x17 makes up" in tool.random_walk_test(path).doubts[0].reason


def test_a_gram_of_steps_in_half_precision_is_doubted():
    """The grid takes steps of an exact walk back, and a Gram matrix does not show it."""
    rng = np.random.default_rng(0)
    walk = np.cumsum(3e-4 * rng.normal(size=(200, 500)), axis=0) + 0.05 * rng.normal(size=500)
    rounded = np.asarray(jnp.asarray(walk, jnp.bfloat16)).astype(float)
    found = tool.random_walk_test(step_gram=tool.step_gram(rounded), draws=99)
    assert found.p_value <= 0.01
    assert any("half precision takes steps back" in doubt.reason for doubt in found.doubts)
    exact = tool.random_walk_test(step_gram=tool.step_gram(walk), draws=99)
    assert not any("half precision" in doubt.reason for doubt in exact.doubts)


def dependent_steps(name, rng, points=120, dims=10):
    """Points whose steps are of one law and depend on each other, or are of a law that changes."""
    noise = rng.normal(size=(points, dims))
    if name == "white noise":
        return noise
    if name == "alternating":
        return lfilter([1], [1, 0.5], noise, axis=0)
    if name == "momentum":
        return np.cumsum(lfilter([1], [1, -0.9], noise, axis=0), axis=0)
    size = np.linspace(1, 0.3, points)[:, None]
    return noise * size if name == "noise that fades" else np.cumsum(noise * size, axis=0)


@pytest.mark.parametrize("name", ["white noise", "alternating", "momentum"])
def test_steps_of_one_law_are_called_so_at_the_stated_level(name):
    """Three statistics at 1 % each. Under permutations alone they were called so in half of all."""
    answers = [
        random_walk_test(dependent_steps(name, np.random.default_rng(seed)), draws=199)
        for seed in range(40)
    ]
    assert sum(answer.p_value <= 0.01 for answer in answers) == 40
    assert sum(bool(answer.changes) for answer in answers) <= binom.ppf(0.999, 40, 0.03)


@pytest.mark.parametrize("name", ["noise that fades", "walk that fades"])
def test_steps_of_a_law_that_changes_are_called_so(name):
    for seed in range(5):
        answer = random_walk_test(dependent_steps(name, np.random.default_rng(seed)))
        assert "not of one law throughout" in answer.lines()[0]
