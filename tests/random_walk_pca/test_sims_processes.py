"""The recursion against a loop in plain Python, its special cases, and what PCA must not notice."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sims.random_walk_pca as observed

ULP = 2.0**-53
processes = st.fixed_dictionaries(
    {
        "momentum": st.floats(0, 1),
        "reversion": st.floats(0, 1.9),
        "decay": st.floats(-2, 3),
        "averaging": st.floats(0, 0.99),
        "running_mean": st.booleans(),
    }
)
# Every shape is a compilation: few shapes, with every relation between points and dimensions among them.
shapes = st.sampled_from([(2, 1), (7, 3), (5, 8)])
sizes = st.builds(lambda shape, seed: (*shape, seed), shapes, st.integers(0, 2**32 - 1))


def random_rows(n_points, dim, seed):
    return np.random.default_rng(seed).standard_normal((n_points, dim))


def looped(noise, *, momentum, reversion, decay, averaging, running_mean, drift=0.0, magnitudes=False):
    """The recursion as written; with `magnitudes` on absolute values, which bounds every intermediate result."""
    size = np.abs if magnitudes else (lambda value: value)
    velocity = position = recorded = np.zeros(noise.shape[1])
    rows = []
    for t, row in enumerate(noise, start=1):
        velocity = momentum * velocity + t ** (-decay / 2) * size(row) + size(drift)
        position = size(1 - reversion) * position + velocity
        kept = 1 - 1 / t if running_mean else averaging
        recorded = kept * recorded + (1 - kept) * position
        rows.append(recorded)
    return np.array(rows)


def rounding(noise, process, drift=0.0):
    """Twelve roundings per step (powers count as four) of values no larger than the recursion on magnitudes."""
    return 12 * len(noise) * ULP * looped(noise, **process, drift=drift, magnitudes=True)


def ratio_rounding(n_points, dim):
    """Entries of a Gram matrix of unit trace and its eigenvalues: products of length n + d, LAPACK within 10 n ulp."""
    return 10 * (n_points + dim) * ULP * 2


@settings(max_examples=40, deadline=None)
@given(sizes, processes, st.floats(-3, 3))
def test_trajectory_is_the_loop(size, process, drift):
    noise = random_rows(*size)
    result = observed.trajectory(noise, **process, drift=drift)
    assert np.all(np.abs(result - looped(noise, **process, drift=drift)) <= rounding(noise, process, drift))


@settings(max_examples=30, deadline=None)
@given(sizes, processes)
def test_gram_route_is_the_gram_of_the_stored_trajectory(size, process):
    noise = random_rows(*size)
    stored = looped(noise, **process)
    magnitude = looped(noise, **process, magnitudes=True)
    result = observed.trajectory_gram(noise @ noise.T, **process)
    operations = 2 * size[1] + 4 * 12 * size[0]
    assert np.all(np.abs(result - stored @ stored.T) <= operations * ULP * (magnitude @ magnitude.T))


@settings(max_examples=20, deadline=None)
@given(sizes)
def test_defaults_are_the_plain_walk_to_the_last_bit(size):
    noise = random_rows(*size)
    walk = np.cumsum(noise, axis=0)
    np.testing.assert_array_equal(observed.trajectory(noise), walk)
    for alias in ({"momentum": 0}, {"reversion": 0}, {"averaging": 0}, {"decay": 0}, {"drift": np.zeros(size[1])}):
        np.testing.assert_array_equal(observed.trajectory(noise, **alias), walk)
    np.testing.assert_array_equal(observed.trajectory(noise, reversion=1), noise)
    np.testing.assert_array_equal(observed.trajectory(noise, momentum=1), np.cumsum(walk, axis=0))


@settings(max_examples=20, deadline=None)
@given(sizes, st.floats(0, 0.99))
def test_moving_average_of_a_walk_is_a_scaled_momentum_walk(size, beta):
    noise = random_rows(*size)
    plain = dict(reversion=0, decay=0, running_mean=False)
    bound = 2 * rounding(noise, plain | {"momentum": 0.0, "averaging": beta})
    averaged = observed.trajectory(noise, averaging=beta)
    assert np.all(np.abs(averaged - (1 - beta) * observed.trajectory(noise, momentum=beta)) <= bound)


@settings(max_examples=20, deadline=None)
@given(sizes)
def test_running_mean_is_the_mean_so_far(size):
    noise = random_rows(*size)
    walk = np.cumsum(noise, axis=0)
    expected = np.cumsum(walk, axis=0) / np.arange(1, size[0] + 1)[:, None]
    bound = rounding(noise, dict(momentum=0, reversion=0, decay=0, averaging=0, running_mean=True))
    assert np.all(np.abs(observed.trajectory(noise, running_mean=True) - expected) <= bound)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([1, 6]), st.sampled_from([1, 4]), st.integers(0, 2**32 - 1))
def test_subsampled_walk_is_a_walk_of_summed_steps(n_kept, every, seed):
    noise = random_rows(n_kept * every, 3, seed)
    summed = noise.reshape(n_kept, every, 3).sum(axis=1)
    bound = 2 * len(noise) * ULP * np.cumsum(np.abs(noise), axis=0)[every - 1 :: every]
    difference = observed.trajectory(noise)[every - 1 :: every] - observed.trajectory(summed)
    assert np.all(np.abs(difference) <= bound)


@settings(max_examples=30, deadline=None)
@given(sizes, processes, st.floats(1e-3, 1e3))
def test_ratios_do_not_see_rotation_scale_origin_or_order(size, process, scale):
    n_points, dim, seed = size
    points = np.asarray(observed.trajectory(random_rows(*size), **process))
    rng = np.random.default_rng(seed + 1)
    rotation = np.linalg.qr(rng.standard_normal((dim, dim)))[0]
    shift = rng.standard_normal(dim)
    moved = scale * (points @ rotation + shift)[rng.permutation(n_points)]
    ratios = np.asarray(observed.variance_ratios(points))
    spread = np.linalg.norm(points - points.mean(axis=0))
    lost_to_the_origin = 1 + (np.linalg.norm(points) + np.linalg.norm(shift) * n_points) / spread
    bound = ratio_rounding(n_points, dim) * lost_to_the_origin
    assert np.all(np.abs(ratios - observed.variance_ratios(moved)) <= bound)
    assert np.all(np.abs(ratios - observed.variance_ratios(points[::-1])) <= bound)
    assert np.all(np.diff(ratios) <= 0)
    assert abs(ratios.sum() - 1) <= bound


@settings(max_examples=30, deadline=None)
@given(sizes)
def test_all_routes_to_the_ratios_agree(size):
    n_points, dim, _ = size
    noise = random_rows(*size)
    points = np.asarray(observed.trajectory(noise))
    centred = points - points.mean(axis=0)
    expected = np.linalg.svd(centred, compute_uv=False)[: n_points - 1] ** 2
    expected = expected / expected.sum()
    bound = ratio_rounding(n_points, dim) * (1 + np.linalg.norm(points) ** 2 / np.linalg.norm(centred) ** 2)
    count = len(expected)
    of_gram = observed.variance_ratios_of_gram(observed.trajectory_gram(noise @ noise.T))
    leading = observed.leading_variance_ratios(points, count)
    components = observed.principal_components(points, count)
    assert np.all(np.abs(observed.variance_ratios(points) - expected) <= bound)
    assert np.all(np.abs(of_gram[:count] - expected) <= 4 * n_points * bound)
    assert np.all(of_gram[count:] <= 4 * n_points * bound)
    assert np.all(np.abs(leading.ratios - expected) <= leading.error + bound)
    assert np.all(np.abs(components.variances / components.total_variance - expected) <= bound)
    reconstructed = components.scores @ components.scores.T
    assert np.all(np.abs(reconstructed - centred @ centred.T) <= bound * components.total_variance * n_points)


def test_first_step_and_origin_never_enter():
    noise = random_rows(40, 60, 0)
    far = noise.copy()
    far[0] = 1e6
    start = np.abs(np.cumsum(far, axis=0)).max()
    difference = observed.variance_ratios(observed.trajectory(noise)) - observed.variance_ratios(
        observed.trajectory(far)
    )
    spread = np.linalg.norm(np.cumsum(noise[1:], axis=0)) / np.sqrt(noise.size)
    # The walk itself is stored to an ulp of its distance from the origin: 40 additions, against its own spread.
    assert np.max(np.abs(difference)) <= 2 * 40 * ULP * start / spread + ratio_rounding(40, 60)


@settings(max_examples=20, deadline=None)
@given(sizes)
def test_one_dimension_has_one_component_and_rank_is_kept(size):
    n_points, dim, seed = size
    assert observed.variance_ratios(random_rows(n_points, 1, seed)).tolist() == [1.0]
    low_rank = random_rows(n_points, 1, seed) * np.ones((1, dim))
    ratios = observed.variance_ratios(low_rank)
    assert len(ratios) == min(n_points - 1, dim)
    assert np.all(np.asarray(ratios[1:]) <= ratio_rounding(n_points, dim))


def test_components_are_signed_and_overlaps_are_cosines():
    points = random_rows(30, 50, 1).cumsum(axis=0)
    components = observed.principal_components(points, 4)
    assert np.all(np.asarray(components.time_courses[0]) >= 0)
    np.testing.assert_array_equal(observed.principal_components(-points, 4).time_courses[0] >= 0, np.ones(4, bool))
    courses = np.asarray(components.time_courses)
    assert np.all(np.abs(np.asarray(observed.squared_overlaps(courses, -7 * courses)) - 1) <= 100 * ULP)
    assert np.all(np.asarray(observed.squared_overlaps(courses[:, :2], courses[:, 2:])) <= (100 * 30 * ULP) ** 2 + ULP)
    assert observed.squared_overlaps(np.zeros((3, 1)), np.ones((3, 1))).tolist() == [0.0]


def test_parameter_values_do_not_recompile():
    traces = []

    @jax.jit
    def ratios(noise, **process):
        traces.append(process)
        return observed.variance_ratios(observed.trajectory(noise, **process))

    names = ("momentum", "reversion", "decay", "averaging", "running_mean", "drift")
    for values in (
        (0.0, 0.0, 0.0, 0.0, False, 0.0),
        (0.9, 0.3, 1.0, 0.5, True, 2.0),
        (1.0, 1.5, -1.0, 0.1, False, 1.0),
    ):
        ratios(jnp.asarray(random_rows(5, 3, 0)), **dict(zip(names, values, strict=True)))
    assert len(traces) == 1


def test_parameters_that_are_handed_on_are_judged_too():
    for call in (
        lambda process: observed.expected_squared_norms(3, **process),
        lambda process: observed.trajectory_gram(np.eye(3), **process),
        lambda process: observed.explained_variance_ratio(jax.random.key(0), 3, 2, **process),
    ):
        with pytest.raises(ValueError, match=r"reversion must lie in \[0, 2\) \(unstable.*\), got 2.0"):
            call({"reversion": 2.0})
        with pytest.raises(TypeError, match=r"running_mean must be True or False .*, got 0\.5"):
            call({"running_mean": 0.5})
    for call in (observed.trajectory_gram, observed.expected_squared_norms):
        with pytest.raises(TypeError, match="unexpected keyword argument 'drift'"):  # it is not linear in the noise
            call(np.eye(3) if call is observed.trajectory_gram else 3, drift=1.0)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: observed.variance_ratios(np.ones((4, 2))), "trajectory must be points that differ, .*zero total"),
        (lambda: observed.variance_ratios(np.array([[0], [1e-200]])), "trajectory must be points that differ"),
        (lambda: observed.variance_ratios(np.float32([[0], [1e30]])), "with squares that are numbers"),
        (lambda: observed.variance_ratios_of_gram(np.ones((4, 4))), "gram must .* points that differ"),
        (lambda: observed.variance_ratios_of_gram(np.triu(np.ones((4, 4)))), "gram must be symmetric"),
        (lambda: observed.variance_ratios(np.ones((1, 2))), "trajectory must be points that differ"),
        (lambda: observed.trajectory(np.ones((3, 2)), drift=np.ones(3)), "drift must have one entry for each of the 2"),
        (lambda: observed.principal_components(random_rows(5, 2, 0), 3), "count must be at most .* = 2, got 3"),
    ],
)
def test_what_has_no_ratios_gets_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
