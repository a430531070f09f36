"""The routes that never store the walk, against the stored walk: laws by their moments, populations by the loop.

Statistical bounds are at six standard errors (2e-9 two-sided) for the fixed seeds used here, with standard errors
from the known moments of the law where these are simple and from the sample where not.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import sims.random_walk_pca as observed
from theory_on_trial.mapping import map_cells
from theory_on_trial.wishart import bartlett_factor, chi_square

ULP = 2.0**-53
SIGMAS = 6.0
KS_LEVEL = 1e-7


def sample(simulator, seed, n):
    """`n` draws in one program, compiled without optimisation: compiling is most of what these tests cost."""
    program = jax.jit(lambda keys: map_cells(simulator, keys), compiler_options={"xla_backend_optimization_level": 0})
    return program(jax.random.split(jax.random.key(seed), n))


def response_matrix(n_points, *, momentum=0.0, reversion=0.0, decay=0.0, averaging=0.0, running_mean=False):
    """A, from the recursion in a plain loop on unit impulses."""
    velocity = position = recorded = np.zeros(n_points)
    rows = []
    for t, impulse in enumerate(np.eye(n_points), start=1):
        velocity = momentum * velocity + t ** (-decay / 2) * impulse
        position = (1 - reversion) * position + velocity
        kept = 1 - 1 / t if running_mean else averaging
        recorded = kept * recorded + (1 - kept) * position
        rows.append(recorded)
    return np.array(rows)


@pytest.mark.parametrize(
    ("law", "fourth_moment"),
    [("gaussian", 3.0), ("rademacher", 1.0), ("uniform", 1.8), ("laplace", 6.0), ("student", 6.0)],
)
def test_laws_have_unit_total_variance_and_their_fourth_moment(law, fourth_moment):
    dim, n_points = 40, 20000
    rows = np.asarray(observed.noise(jax.random.key(3), n_points, dim, law=law, degrees_of_freedom=6.0) * np.sqrt(dim))
    deviation = np.sqrt((fourth_moment - 1) / rows.size)
    assert abs(np.mean(rows**2) - 1) <= SIGMAS * deviation + 10 * ULP
    assert abs(np.mean(rows)) <= SIGMAS / np.sqrt(rows.size)
    if law != "student":  # the sample deviation of a fourth moment needs the eighth, which Student's law lacks
        assert abs(np.mean(rows**4) - fourth_moment) <= SIGMAS * np.std(rows**4) / np.sqrt(rows.size) + 100 * ULP


def test_heavy_tails_follow_their_distribution_function():
    n_points, dim = 2000, 50
    student = observed.noise(jax.random.key(4), n_points, dim, law="student", degrees_of_freedom=3.0)
    cauchy = observed.noise(jax.random.key(5), n_points, dim, law="cauchy")
    assert stats.kstest(np.ravel(student) * np.sqrt(3 * dim), stats.t(3).cdf).pvalue > KS_LEVEL
    assert stats.kstest(np.ravel(cauchy) * np.sqrt(dim), stats.cauchy.cdf).pvalue > KS_LEVEL


def test_scales_are_standard_deviations_up_to_a_factor():
    scales = np.array([3.0, 1.0, 0.0, 2.0])
    rows = np.asarray(observed.noise(jax.random.key(6), 40000, 4, scales=scales))
    expected = scales**2 / np.sum(scales**2)
    assert np.all(np.abs(np.mean(rows**2, axis=0) - expected) <= SIGMAS * expected * np.sqrt(2 / 40000))


@pytest.mark.parametrize(("n_points", "dim", "block"), [(2, 1, 1), (5, 7, 3), (6, 3, 1000), (9, 20, 20)])
def test_streamed_gram_is_symmetric_with_the_right_law(n_points, dim, block):
    grams = np.asarray(
        sample(lambda key: observed.noise_gram(key, n_points, dim, block=block, dtype=float), seed=7, n=4000)
    )
    np.testing.assert_array_equal(grams, grams.transpose(0, 2, 1))
    # W = R Rᵀ of N(0, 1/d) entries: mean the identity, variance 1/d off the diagonal and 2/d on it.
    deviation = np.sqrt((1 + np.eye(n_points)) / dim / len(grams))
    assert np.all(np.abs(grams.mean(axis=0) - np.eye(n_points)) <= SIGMAS * deviation)
    fourth = np.sqrt(np.var((grams - np.eye(n_points)) ** 2, axis=0) / len(grams))
    assert np.all(np.abs(np.var(grams, axis=0) - (1 + np.eye(n_points)) / dim) <= SIGMAS * fourth + 1 / len(grams))


def test_streamed_blocks_are_independent_and_anisotropy_is_kept():
    n_points, dim = 200, 2000
    equal = observed.effective_dimension(observed.noise_gram(jax.random.key(8), n_points, dim, block=50))
    # Var of the mean of T(T-1)/2 squared inner products, each 2/d², bounded by thrice the independent value.
    assert abs(equal / dim - 1) <= SIGMAS * 3 * np.sqrt(2 / (n_points * (n_points - 1) / 2))
    scales = np.arange(1, dim + 1) ** -0.25
    estimate = np.asarray(
        sample(
            lambda key: observed.effective_dimension(observed.noise_gram(key, n_points, dim, scales=scales, block=300)),
            seed=9,
            n=40,
        )
    )
    expected = np.sum(scales**2) ** 2 / np.sum(scales**4)
    assert abs(estimate.mean() / expected - 1) <= SIGMAS * estimate.std() / np.sqrt(40) / expected + 1 / n_points


def test_float32_blocks_change_the_ratios_by_float32_rounding_only():
    scales = np.linspace(1, 2, 300)
    gram = observed.noise_gram(jax.random.key(1), 50, 300, scales=scales, block=100)
    assert gram.dtype == jnp.float64
    rows = [
        np.asarray(jax.random.normal(jax.random.fold_in(jax.random.key(1), block), (50, 100), jnp.float32), float)
        for block in range(3)
    ]
    noise = np.concatenate(rows, axis=1) * scales / np.linalg.norm(scales)
    magnitude = np.abs(noise) @ np.abs(noise).T
    assert np.all(np.abs(gram - noise @ noise.T) <= (100 + 4) * 2.0**-24 * magnitude)


def test_chi_square_has_its_law():
    """Massart's band at 1e-6 for all five laws together: any law further off than 0.013 would fail."""
    freedom = np.array([1.0, 2.0, 3.0, 10.0, 999.0])
    draws = np.sort(np.asarray(sample(lambda key: chi_square(key, jnp.asarray(freedom)), seed=3, n=50_000)), axis=0)
    band = np.sqrt(np.log(2 * len(freedom) / 1e-6) / (2 * len(draws)))
    for column, degrees in zip(draws.T, freedom, strict=True):
        cdf, steps = stats.chi2.cdf(column, degrees), np.arange(len(column) + 1) / len(column)
        assert max(np.max(steps[1:] - cdf), np.max(cdf - steps[:-1])) < band
        wrong = stats.chi2.cdf(column, degrees + max(0.1, 0.1 * degrees))
        assert max(np.max(steps[1:] - wrong), np.max(wrong - steps[:-1])) > band


@pytest.mark.parametrize(("n_rows", "dim"), [(1, 1), (4, 4), (7, 1000)])
def test_bartlett_factor_has_wishart_moments(n_rows, dim):
    factors = np.asarray(sample(lambda key: bartlett_factor(key, n_rows, dim), seed=10, n=6000))
    np.testing.assert_array_equal(factors, np.tril(factors))
    wishart = factors @ factors.transpose(0, 2, 1)
    deviation = np.sqrt(dim * (1 + np.eye(n_rows)) / len(wishart))
    assert np.all(np.abs(wishart.mean(axis=0) - dim * np.eye(n_rows)) <= SIGMAS * deviation)
    below = np.tril_indices(n_rows, -1)
    entries = factors[:, below[0], below[1]]
    # Every normal below the diagonal is used once: no two are equal, and none are correlated.
    assert len(np.unique(entries[0])) == len(below[0])
    correlation = np.cov(entries, rowvar=False) - np.eye(len(below[0]))
    assert np.all(np.abs(correlation) <= SIGMAS * np.sqrt(2 / len(factors)) + 1 / len(factors))


@pytest.mark.parametrize(
    ("n_points", "dim", "process"),
    [(12, 13, {"momentum": 0.8}), (12, 5, {"reversion": 0.3}), (10, 40, {"drift": 0.4, "decay": 0.5})],
)
def test_equivalent_noise_has_the_law_of_the_stored_walk(n_points, dim, process):
    def stored(key):
        noise_key, direction_key = jax.random.split(key)
        direction = jax.random.normal(direction_key, (dim,))
        drift = process.get("drift", 0.0) * direction / jnp.linalg.norm(direction)
        rows = observed.noise(noise_key, n_points, dim)
        return observed.variance_ratios(observed.trajectory(rows, **(process | {"drift": drift})))

    cheap = np.asarray(
        sample(lambda key: observed.explained_variance_ratio(key, n_points, dim, **process), seed=11, n=3000)
    )
    direct = np.asarray(sample(stored, seed=12, n=3000))
    assert cheap.shape == direct.shape == (3000, min(n_points - 1, dim))
    for k in (0, 1, cheap.shape[1] - 1):
        assert stats.ks_2samp(cheap[:, k], direct[:, k]).pvalue > KS_LEVEL


@pytest.mark.parametrize("dim", [4, 11])
def test_eigenbasis_sample_has_the_law_of_the_stored_walk(dim):
    n_points, reversion = 12, 0.1
    eigenvalues = observed.population_spectrum(n_points, reversion=reversion)
    spectra = sample(lambda key: observed.eigenbasis_sample(key, eigenvalues, dim), seed=13, n=3000)
    stored = np.asarray(
        sample(
            lambda key: observed.gram_variances(
                observed.trajectory(observed.noise(key, n_points, dim), reversion=reversion)
            ),
            seed=14,
            n=3000,
        )
    )
    assert spectra.variances.shape == stored.shape
    for k in (0, 1, stored.shape[1] - 1):
        assert stats.ks_2samp(np.asarray(spectra.variances[:, k]), stored[:, k]).pvalue > KS_LEVEL
    mean_noise = np.mean(spectra.noise_variances, axis=0)
    assert np.all(np.abs(mean_noise - 1) <= SIGMAS * np.sqrt(2 / dim / 3000))
    total = np.asarray(spectra.noise_variances) @ np.asarray(eigenvalues)
    assert np.all(np.abs(np.sum(spectra.variances, axis=1) / total - 1) <= 40 * n_points * ULP)
    assert np.all(np.abs(np.asarray(spectra.total_variance) / total - 1) <= 40 * n_points * ULP)


@pytest.mark.parametrize(("n_points", "dim", "count"), [(2, 1, 1), (40, 100, 3), (40, 6, 4)])
def test_leading_eigenbasis_variances_stay_within_their_error(n_points, dim, count):
    eigenvalues = observed.population_spectrum(n_points)

    def both(key):
        return (
            observed.eigenbasis_sample(key, eigenvalues, dim),
            observed.eigenbasis_sample(key, eigenvalues, dim, count=count),
        )

    whole, leading = sample(both, seed=15, n=50)
    slack = np.asarray(leading.error) + 40 * n_points * ULP * np.asarray(whole.total_variance)[:, None]
    assert np.all(np.abs(leading.variances - whole.variances[:, :count]) <= slack)
    # The same draw, whose squares two programs may add in another order.
    noise_rounding = 2 * max(n_points, dim) * ULP * np.asarray(whole.noise_variances)
    assert np.all(np.abs(leading.noise_variances - whole.noise_variances) <= noise_rounding)


def test_flat_spectrum_shows_in_the_error_of_the_leading_ratios():
    points = np.random.default_rng(0).standard_normal((100, 100))
    leading = observed.leading_variance_ratios(points, 3, rounds=1)
    exact = observed.variance_ratios(points)[:3]
    assert np.all(np.asarray(leading.error) > 1e-6)
    assert np.all(np.abs(leading.ratios - exact) <= leading.error)


processes = st.fixed_dictionaries(
    {
        "momentum": st.floats(0, 1),
        "reversion": st.floats(0, 1.9),
        "decay": st.floats(-1, 2),
        "averaging": st.floats(0, 0.9),
        "running_mean": st.booleans(),
    }
)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([3, 4, 17]), processes)
def test_population_is_the_centred_response(n_points, process):
    response = response_matrix(n_points, **process)
    centred = response - response.mean(axis=0)
    expected = centred @ centred.T
    total = np.trace(expected)
    # 12 roundings per step on either side, centring against the uncentred size, and an eigenvalue solver.
    bound = 60 * n_points * ULP * np.sum(response_matrix(n_points, **process | {"reversion": 0}) ** 2 + response**2)
    covariance = observed.population_covariance(n_points, **process)
    assert np.all(np.abs(covariance - expected) <= bound)
    spectrum = observed.population_spectrum(n_points, **process)
    assert np.all(np.abs(spectrum - np.linalg.eigvalsh(expected)[::-1][: n_points - 1]) <= bound)
    leading = observed.leading_population_spectrum(n_points, 1, **process)
    assert abs(leading.eigenvalues[0] - spectrum[0]) <= bound
    assert abs(leading.total_variance - total) <= n_points * bound
    squares = observed.expected_squared_norms(n_points, **process)
    assert np.all(np.abs(squares - np.sum(response**2, axis=1)) <= bound)


def test_population_eigenvectors_diagonalise_and_drift_adds_its_response():
    n_points = 20
    covariance = np.asarray(observed.population_covariance(n_points, drift=0.3, momentum=0.5))
    vectors = np.asarray(observed.population_eigenvectors(n_points, drift=0.3, momentum=0.5))
    spectrum = np.asarray(observed.population_spectrum(n_points, drift=0.3, momentum=0.5))
    bound = 50 * n_points * ULP * spectrum[0]
    assert np.all(np.abs(vectors.T @ covariance @ vectors - np.diag(spectrum)) <= bound)
    assert np.all(vectors[0] >= 0)
    response = response_matrix(n_points, momentum=0.5)
    centred = np.column_stack([response, 0.3 * response.sum(axis=1)])
    centred -= centred.mean(axis=0)
    assert np.all(np.abs(covariance - centred @ centred.T) <= 10 * bound)


def test_lanczos_agrees_with_the_dense_spectrum_and_scales():
    for process in ({}, {"momentum": 0.9}, {"running_mean": True}):
        leading = observed.leading_population_spectrum(300, 4, **process)
        dense = np.asarray(observed.population_spectrum(300, **process))
        assert np.all(np.abs(leading.eigenvalues - dense[:4]) <= 300 * 4 * ULP * dense[0])
        assert abs(leading.total_variance - dense.sum()) <= 300 * 300 * ULP * dense[0]
    long = observed.leading_population_spectrum(50_000, 2)
    assert long.time_courses.shape == (50_000, 2)
    assert 0.5 < long.eigenvalues[0] / long.total_variance < 0.7


def test_squared_norms_have_their_expectation_and_blocks_add_up():
    process = {"reversion": 0.2, "momentum": 0.3}
    norms = np.asarray(sample(lambda key: observed.squared_norms(key, 30, 10, block=4, **process), seed=18, n=4000))
    expected = np.asarray(observed.expected_squared_norms(30, **process))
    assert np.all(np.abs(norms.mean(axis=0) / expected - 1) <= SIGMAS * np.sqrt(2 / 10 / 4000))
    spread = np.var(norms, axis=0) / (expected**2 * 2 / 10)
    assert np.all(np.abs(spread - 1) <= SIGMAS * np.sqrt((2 + 12 / 10) / 4000))


def test_projection_keeps_lengths_on_average_and_streams():
    trajectory = np.random.default_rng(0).standard_normal((4, 30))
    projected = np.asarray(sample(lambda key: observed.random_projection(key, trajectory, 8), seed=19, n=4000))
    squares = np.sum(projected**2, axis=2).mean(axis=0)
    assert np.all(np.abs(squares / np.sum(trajectory**2, axis=1) - 1) <= SIGMAS * np.sqrt(2 / 8 / 4000))
    streamed = np.asarray(sample(lambda key: observed.projected_noise(key, 4, 30, 8, block=7), seed=20, n=4000))
    # Products of two normals: each squared length has variance 2/d + 2/m + 4/(d m) about its mean of one.
    variance = 2 / 30 + 2 / 8 + 4 / (30 * 8)
    assert np.all(np.abs(np.sum(streamed**2, axis=2).mean(axis=0) - 1) <= SIGMAS * np.sqrt(variance / 4000))
    cross = np.einsum("nic,njc->nij", streamed, streamed)[:, 0, 1]
    assert abs(cross.mean()) <= SIGMAS * np.sqrt((1 / 30 + 1 / 8 + 1 / 240) / 4000)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_shuffles_keep_what_they_must(seed):
    points = np.random.default_rng(seed).standard_normal((8, 5)).cumsum(axis=0)
    gram = points @ points.T
    key = jax.random.key(seed)
    bound = 100 * 8 * ULP * np.trace(gram)
    steps = np.diff(points, axis=0)
    assert np.all(np.abs(observed.step_gram(gram) - steps @ steps.T) <= bound)
    shuffled = observed.shuffle_points(key, gram)
    assert np.all(np.abs(np.linalg.eigvalsh(shuffled) - np.linalg.eigvalsh(gram)) <= bound)
    walked = observed.shuffle_steps(key, gram)
    assert walked.shape == gram.shape
    assert abs(walked[-1, -1] - np.sum((points[-1] - points[0]) ** 2)) <= 64 * bound
    lengths = np.sort(np.diagonal(observed.step_gram(walked)))
    assert np.all(np.abs(lengths - np.sort(np.sum(steps**2, axis=1))) <= 64 * bound)


def test_effective_dimension_leaves_out_equal_times():
    steps = np.random.default_rng(1).standard_normal((5, 3))
    gram = steps @ steps.T
    off = gram[~np.eye(5, dtype=bool)]
    expected = np.mean(np.diagonal(gram)) ** 2 / np.mean(off**2)
    assert abs(observed.effective_dimension(gram) / expected - 1) <= 60 * ULP


KEY = jax.random.key(0)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: observed.noise(KEY, 3, 2, scales=np.zeros(2)), "scales must not be all zero .zero total variance"),
        (lambda: observed.noise(KEY, 3, 2, scales=np.ones(3)), "scales must have one entry for each of dim = 2, got 3"),
        (lambda: observed.eigenbasis_sample(KEY, np.array([1.0, 2.0]), 5), "be in decreasing order, got .1.0, 2.0."),
        (lambda: observed.eigenbasis_sample(KEY, np.ones(3), 2, count=3), "= 2, got 3"),
        (lambda: observed.leading_population_spectrum(5, 4), "count must be at most n_points - 2 = 3"),
        (lambda: observed.leading_population_spectrum(5, 2, decay=200.0), "decay must leave a finite variance"),
        (lambda: observed.effective_dimension(np.eye(3)), "inner products between steps that are not all zero"),
        (lambda: observed.effective_dimension(np.eye(1)), "products of two points or more"),
        (lambda: observed.step_gram(np.triu(np.ones((3, 3)))), "gram must be symmetric"),
    ],
)
def test_joint_conditions_get_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


def test_population_is_in_float64_whatever_jax_computes_in():
    exact = observed.leading_population_spectrum(50, 2, momentum=0.3)
    with jax.enable_x64(False):
        found = observed.leading_population_spectrum(50, 2, momentum=0.3)
    assert np.array_equal(found.eigenvalues, exact.eigenvalues)
    assert found.total_variance == exact.total_variance


def test_points_that_coincide_have_steps_of_length_zero():
    assert np.array_equal(observed.step_gram(np.zeros((4, 4))), np.zeros((3, 3)))
