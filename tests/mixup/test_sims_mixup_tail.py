"""The thinned sampler against whole samples: the same points, the same law, and certificates that never lie."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import sims.mixup as observed
from sims.mixup import tail_sampler

ULP = 2.0**-53
MEAN = np.array([1.0, 1.0])
FACTOR = np.diag(np.sqrt([0.2, 1.8]))
ERROR = 1e-6  # of every statistical statement


def apart(first, second):
    """The largest distance between two empirical distribution functions."""
    return stats.ks_2samp(first, second, method="asymp").statistic


def band(runs):
    """What two empirical distribution functions of one law exceed with probability ERROR (Massart, twice)."""
    return 2 * math.sqrt(math.log(4 / ERROR) / (2 * runs))


@pytest.mark.parametrize("dim", [1, 2, 4])
def test_keeping_all_points_is_a_plain_normal_sample(dim):
    n = 2000
    sample = tail_sampler.tail_sample(jax.random.key(dim), math.log(n), dim, n)
    points = np.asarray(sample.points)
    squares = (points**2).sum(axis=1)
    assert sample.radius == 0
    assert np.all(np.diff(squares) <= 8 * ULP * squares[:-1])
    assert stats.kstest(squares, stats.chi2(dim).cdf).pvalue > ERROR
    assert stats.kstest(points.ravel(), stats.norm.cdf).pvalue > ERROR
    # Radius and direction are independent: coordinates of the outer half are as often positive.
    assert stats.binomtest(int((points[: n // 2] > 0).sum()), n // 2 * dim).pvalue > ERROR


@pytest.mark.parametrize(("dim", "log_n"), [(2, 250.0), (5, 599.0)])
def test_the_farthest_points_have_their_law_however_large_the_sample(dim, log_n):
    keys = jax.random.split(jax.random.key(dim), 1000)
    samples = jax.jit(lambda keys: jax.vmap(lambda key: tail_sampler.tail_sample(key, log_n, dim, 3))(keys))(keys)
    squares = (np.asarray(samples.points) ** 2).sum(axis=2)
    # n P(|z| > r_k) is the k-th point of a Poisson process, but for O(1/n).
    arrivals = np.exp(stats.chi2.logsf(squares, dim) + log_n)
    for index in range(3):
        assert stats.kstest(arrivals[:, index], stats.gamma(index + 1).cdf).pvalue > ERROR
    np.testing.assert_allclose(samples.radius, np.sqrt(squares[:, -1]), rtol=8 * ULP)


def test_more_points_continue_the_same_sample():
    key = jax.random.key(7)
    few, many = (tail_sampler.tail_sample(key, 20.0, 3, kept) for kept in (8, 40))
    # A cumulative sum may be added up in another order.
    np.testing.assert_allclose(few.points, many.points[:8], rtol=100 * ULP)
    assert many.radius < few.radius


def test_fewer_points_than_kept_are_repeated():
    sample = tail_sampler.tail_sample(jax.random.key(7), math.log(5), 3, 8)
    np.testing.assert_array_equal(sample.points[5:], np.tile(sample.points[0], (3, 1)))
    assert len(np.unique(np.asarray(sample.points), axis=0)) == 5
    assert sample.radius == 0


def test_a_certificate_never_lies_and_too_few_points_fail_it():
    runs, log_n, separability = 400, math.log(300), 4.0
    key = jax.random.key(11)
    keys = jax.random.split(key, runs)
    whole, sure = map(np.asarray, tail_sampler._directions(keys, log_n, MEAN, FACTOR, separability, 300))
    assert sure.all()
    part, certified = map(np.asarray, tail_sampler._directions(keys, log_n, MEAN, FACTOR, separability, 15))
    lost = np.isnan(part[:, 0]) & np.isnan(whole[:, 0])
    # Both are built from the same few points, met in another order.
    equal = np.all(np.abs(part - whole) <= 1e5 * ULP, axis=1) | lost
    assert equal[certified].all()
    assert not equal.all()
    failures = (~certified).sum()

    extended = observed.certified_tail_directions(key, log_n, MEAN, FACTOR, separability, 15, runs)
    assert extended.extensions == failures
    assert extended.most_points >= 30
    np.testing.assert_array_equal(np.isnan(extended.directions), np.isnan(whole))
    assert np.all(np.abs(extended.directions - whole)[~np.isnan(whole)] <= 1e5 * ULP)


def test_whole_samples_of_another_generator_have_the_same_law():
    runs, n, separability = 2000, 60, 2.5
    key = jax.random.key(5)

    def whole(key):
        sample = observed.pair_sample(key, n, MEAN, FACTOR, separability)
        return observed.hard_margin(observed.signed_points(sample.features, sample.labels)).direction

    brute = np.asarray(jax.jit(lambda keys: jax.lax.map(whole, keys))(jax.random.split(key, runs)))
    thinned = observed.certified_tail_directions(key, math.log(n), MEAN, FACTOR, separability, 30, runs).directions
    angles = [np.where(np.isnan(rows[:, 0]), 4.0, np.arctan2(rows[:, 1], rows[:, 0])) for rows in (brute, thinned)]
    # Samples that are not separable are given an angle of their own, so that their share is compared too.
    assert 0 < (angles[0] == 4.0).mean() < 1
    assert apart(*angles) <= band(runs)
    # The control: a sample twice as large has another law.
    twice = observed.certified_tail_directions(key, math.log(8 * n), MEAN, FACTOR, separability, 30, runs).directions
    assert apart(angles[0], np.where(np.isnan(twice[:, 0]), 4.0, np.arctan2(twice[:, 1], twice[:, 0]))) > band(runs)


def test_log_n_and_separability_do_not_recompile():
    traces = []

    @jax.jit
    def one(key, log_n, separability):
        traces.append(1)
        return observed.tail_direction(key, log_n, MEAN, FACTOR, separability, 30)

    for log_n, separability in ((3.0, 1.0), (50.0, 80.0), (240.0, 320.0)):
        assert jnp.isfinite(one(jax.random.key(1), log_n, separability).certified)
    assert len(traces) == 1


def test_dimensions_beyond_the_inner_radii_are_refused():
    with pytest.raises(ValueError, match="mean must have at most 26 coordinates"):
        observed.tail_direction(jax.random.key(0), 2.0, np.ones(27), np.eye(27), 1.0, 10)
    with pytest.raises(ValueError, match="mean must have at most 26 coordinates"):
        observed.certified_tail_directions(jax.random.key(0), 2.0, np.ones(27), np.eye(27), 1.0, 10, 3)


def test_a_sample_beyond_reach_is_an_error_and_not_an_answer(monkeypatch):
    monkeypatch.setattr(tail_sampler, "MOST_POINTS", 16)
    with pytest.raises(RuntimeError, match="sample 0 is not certified by 16 points"):
        observed.certified_tail_directions(jax.random.key(0), 100.0, np.ones(5), np.eye(5), 100.0, 8, 1)
