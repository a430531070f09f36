"""Random walks where no claim asks. Simulators: the recursion against a loop, laws of noise,
networks. Laws: many digits at the ends of their domains, limits, warnings.
"""

from functools import partial

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from scipy.special import exp1

from sims.random_walk_pca import infinite_dimension, pca, training, trajectories
from sims.wishart import chi_square
from theory.random_walk_pca import (
    drift_and_decay,
    finite_dimension,
    linear_processes,
    ornstein_uhlenbeck,
    plain_walk,
)
from theory_on_trial.base.mapping import map_cells

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
# Every shape is a compilation: few shapes, with every relation between points and dimensions among
# them.
shapes = st.sampled_from([(2, 1), (7, 3), (5, 8)])
sizes = st.builds(lambda shape, seed: (*shape, seed), shapes, st.integers(0, 2**32 - 1))


def random_rows(n_points, dim, seed):
    return np.random.default_rng(seed).standard_normal((n_points, dim))


def looped(
    noise, *, momentum, reversion, decay, averaging, running_mean, drift=0.0, magnitudes=False
):
    """The recursion as written; with `magnitudes` on absolute values, which bounds every
    intermediate result.
    """
    size = np.abs if magnitudes else (lambda value: value)
    velocity = position = average = np.zeros(noise.shape[1])
    rows = []
    for t, row in enumerate(noise, start=1):
        velocity = momentum * velocity + t ** (-decay / 2) * size(row) + size(drift)
        position = size(1 - reversion) * position + velocity
        kept = 1 - 1 / t if running_mean else averaging
        average = kept * average + (1 - kept) * position
        rows.append(average)
    return np.array(rows)


def rounding(noise, process, drift=0.0):
    """Twelve roundings per step (powers count as four) of values no larger than the recursion on
    magnitudes.
    """
    return 12 * len(noise) * ULP * looped(noise, **process, drift=drift, magnitudes=True)


@settings(max_examples=40, deadline=None)
@given(sizes, processes, st.floats(-3, 3))
def test_trajectory_is_the_loop(size, process, drift):
    noise = random_rows(*size)
    result = trajectories.trajectory(noise, **process, drift=drift)
    assert np.all(
        np.abs(result - looped(noise, **process, drift=drift)) <= rounding(noise, process, drift)
    )


SIGMAS = 6.0


def sample(simulator, seed, n):
    """`n` draws in one program, compiled without optimisation: compiling is most of what these
    tests cost.
    """
    program = jax.jit(
        lambda keys: map_cells(simulator, keys),
        compiler_options={"xla_backend_optimization_level": 0},
    )
    return program(jax.random.split(jax.random.key(seed), n))


@pytest.mark.parametrize(
    ("law", "fourth_moment"),
    [
        ("gaussian", 3.0),
        ("rademacher", 1.0),
        ("uniform", 1.8),
        ("laplace", 6.0),
        ("student", 9.0),
        ("columns", 3.0),
    ],
)
def test_laws_have_unit_total_variance_and_their_fourth_moment(law, fourth_moment):
    dim = 40
    n_points = 20000
    draw = (
        trajectories.equivalent_gaussian_noise
        if law == "columns"
        else partial(trajectories.noise, law=law)
    )
    rows = np.asarray(draw(jax.random.key(3), n_points, dim) * np.sqrt(dim))
    deviation = np.sqrt((fourth_moment - 1) / rows.size)
    assert abs(np.mean(rows**2) - 1) <= SIGMAS * deviation + 10 * ULP
    assert abs(np.mean(rows)) <= SIGMAS / np.sqrt(rows.size)
    if (
        law != "student"
    ):  # the sample deviation of a fourth moment needs the eighth, which Student's law lacks
        assert (
            abs(np.mean(rows**4) - fourth_moment)
            <= SIGMAS * np.std(rows**4) / np.sqrt(rows.size) + 100 * ULP
        )


def test_float32_blocks_change_the_ratios_by_float32_rounding_only():
    gram = trajectories.noise_gram(jax.random.key(1), 50, 300, block=100)
    assert gram.dtype == jnp.float64
    rows = [
        np.asarray(
            jax.random.normal(jax.random.fold_in(jax.random.key(1), block), (50, 100), jnp.float32),
            float,
        )
        for block in range(3)
    ]
    noise = np.concatenate(rows, axis=1) / np.sqrt(300)
    magnitude = np.abs(noise) @ np.abs(noise).T
    assert np.all(np.abs(gram - noise @ noise.T) <= (100 + 4) * 2.0**-24 * magnitude)


def test_chi_square_has_its_law():
    """Massart's band at 1e-6 for all five laws together: any law further off than 0.013 would
    fail.
    """
    freedom = np.array([1.0, 2.0, 3.0, 10.0, 999.0])
    draws = np.sort(
        np.asarray(sample(lambda key: chi_square(key, jnp.asarray(freedom)), seed=3, n=50_000)),
        axis=0,
    )
    band = np.sqrt(np.log(2 * len(freedom) / 1e-6) / (2 * len(draws)))
    for column, degrees in zip(draws.T, freedom, strict=True):
        cdf = stats.chi2.cdf(column, degrees)
        steps = np.arange(len(column) + 1) / len(column)
        assert max(np.max(steps[1:] - cdf), np.max(cdf - steps[:-1])) < band
        wrong = stats.chi2.cdf(column, degrees + max(0.1, 0.1 * degrees))
        assert max(np.max(steps[1:] - wrong), np.max(wrong - steps[:-1])) > band


def test_few_columns_have_the_minors_of_a_wishart_matrix():
    """The leading k x k minor of the products of T normal steps in d > T dimensions has the mean
    d! / (d - k)!.
    """

    def minors(key):
        rows = trajectories.equivalent_gaussian_noise(key, 4, 6) * 6**0.5
        gram = rows @ rows.T
        return jnp.stack([jnp.linalg.det(gram[:k, :k]) for k in range(1, 5)])

    draws = np.asarray(sample(minors, seed=5, n=20_000))
    deviation = draws.std(axis=0) / np.sqrt(len(draws))
    assert np.all(np.abs(draws.mean(axis=0) - [6, 30, 120, 360]) <= SIGMAS * deviation)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_shuffled_points_keep_their_spectrum(seed):
    points = np.random.default_rng(seed).standard_normal((8, 5)).cumsum(axis=0)
    gram = points @ points.T
    key = jax.random.key(seed)
    bound = 100 * 8 * ULP * np.trace(gram)
    steps = np.diff(points, axis=0)
    assert np.all(np.abs(trajectories.step_gram(gram) - steps @ steps.T) <= bound)
    shuffled = trajectories.shuffle_points(key, gram)
    assert np.all(np.abs(np.linalg.eigvalsh(shuffled) - np.linalg.eigvalsh(gram)) <= bound)


KEY = jax.random.key(0)


def test_population_is_in_float64_whatever_jax_computes_in():
    exact = infinite_dimension.leading_spectrum(50, 2, momentum=0.3)
    with jax.enable_x64(False):
        found = infinite_dimension.leading_spectrum(50, 2, momentum=0.3)
    assert np.array_equal(found.eigenvalues, exact.eigenvalues)
    assert found.total_variance == exact.total_variance


RNG = np.random.default_rng(0)
INPUTS = RNG.standard_normal((12, 4))
TARGETS = np.eye(3)[RNG.integers(0, 3, 12)]


def test_network_learns_and_its_gram_is_that_of_its_parameters():
    options = dict(
        hidden=(6, 5), loss="cross_entropy", n_steps=300, batch=12, learning_rate=0.1, momentum=0.5
    )
    run = training.train(KEY, INPUTS, TARGETS, **options)
    assert run.parameters.shape == (300, 4 * 6 + 6 + 6 * 5 + 5 + 5 * 3 + 3)
    assert np.mean(run.losses[-20:]) < 0.5 * np.mean(run.losses[:20])
    gram = training.training_gram(run)
    from_start = np.asarray(run.parameters - run.parameters[0])
    assert np.all(
        np.abs(gram - from_start @ from_start.T)
        <= 4 * 83 * ULP * np.sum(from_start**2, axis=1).max()
    )
    window = slice(100, 200)
    of_gram = pca.principal_components_of_gram(gram[window, window], 2)
    of_points = pca.principal_components(run.parameters[window], 2)
    # Digits are lost
    bound = 20 * 100 * ULP * np.trace(gram[window, window]) / of_points.total_variance
    ratios = (
        of_gram.variances / of_gram.total_variance,
        of_points.variances / of_points.total_variance,
    )
    assert np.all(np.abs(ratios[0] - ratios[1]) <= bound)


def test_descent_shrinks_the_residual_of_one_example_by_its_squared_length_and_the_bias():
    run = training.train(
        KEY, np.array([[2.0, 1.0]]), np.array([[3.0]]), n_steps=9, batch=4, learning_rate=0.05
    )
    np.testing.assert_allclose(run.losses[1:] / run.losses[:-1], (1 - 0.05 * 6) ** 2, rtol=1e-12)


def test_a_schedule_of_one_rate_is_that_rate_and_training_stops_at_rate_zero():
    def path(rate):
        return training.train(
            KEY, INPUTS, TARGETS, n_steps=6, batch=4, learning_rate=rate
        ).parameters

    np.testing.assert_array_equal(path(np.full(6, 0.1)), path(0.1))
    stopped = path(np.array([0.1, 0.1, 0.1, 0, 0, 0]))
    np.testing.assert_array_equal(stopped[:3], path(0.1)[:3])
    np.testing.assert_array_equal(stopped[3:], np.repeat(stopped[2:3], 3, axis=0))


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.integers(2, 1000), st.floats(0.01, 0.99))
def test_crossover_index_balances_the_circulant_formula(n_points, momentum):
    index = linear_processes.momentum_crossover_index(n_points, momentum)
    assert momentum * (np.pi * index / n_points) ** 2 == pytest.approx(
        (1 - momentum) ** 2, rel=1e-13, abs=0
    )
    assert linear_processes.momentum_crossover_index(n_points, 0) == np.inf


@pytest.mark.parametrize("order", [0.01, 0.4, 0.5, 1.0, 7.3, 80.0, 1000.0])
def test_bessel_zeros_to_thirty_digits(order):
    n_components = 4
    zeros = drift_and_decay.bessel_zeros(order, n_components)
    with mpmath.workdps(25):
        exact = [mpmath.findroot(lambda z: mpmath.besselj(order, z), float(z)) for z in zeros]
    # SciPy's J is good to some 1e-14 of its amplitude; the slope at a zero is of the same size near
    # z, more so far out.
    assert zeros == pytest.approx(np.array(exact, dtype=float), rel=1e-14, abs=0)
    if order < 10:  # above, mpmath's own count of zeros takes seconds
        assert zeros == pytest.approx(
            [float(mpmath.besseljzero(order, k)) for k in range(1, 5)], rel=1e-14, abs=0
        )


def test_decaying_noise_without_decay_is_the_walk():
    assert drift_and_decay.decaying_noise_explained_variance_ratio(0, 5) == pytest.approx(
        plain_walk.explained_variance_ratio_limit(5), rel=1e-14, abs=0
    )
    times = np.linspace(0.01, 1, 50)
    cosines = np.sqrt(2) * np.cos(np.pi * np.outer(times, np.arange(1, 4)))
    modes = drift_and_decay.decaying_noise_modes(times, 0, 3)
    assert modes * np.sign(modes[0]) == pytest.approx(cosines, abs=1e-13)


def test_noise_that_does_not_vary_is_the_walk():
    for scale in (1.0, 1e-150):
        ratios = drift_and_decay.varying_noise_explained_variance_ratio(np.full(30, scale))
        assert ratios == pytest.approx(plain_walk.explained_variance_ratio(30), rel=1e-12, abs=0)


def test_each_process_is_most_like_itself():
    n_points = 100
    times = np.arange(1.0, n_points + 1)
    spectra = {
        "drift": drift_and_decay.drift_explained_variance_ratio(n_points, 0.083),
        "ornstein_uhlenbeck": ornstein_uhlenbeck.eigenvalues(n_points, 0.083),
        "momentum": linear_processes.momentum_explained_variance_ratio(n_points, 0.953),
        "decaying_noise": drift_and_decay.varying_noise_explained_variance_ratio(times**-1.37),
    }
    for name, spectrum in spectra.items():
        ratios = np.sort(spectrum)[::-1][:10] / spectrum.sum()
        misfits = drift_and_decay.process_misfits(ratios, n_points)._asdict()
        assert min(misfits, key=misfits.get) == name
        assert misfits[name] < 0.05


def test_effective_dimension_counts_equal_directions_in_any_unit():
    for unit in (1e-200, 1.0, 1e200):
        directions = unit * np.array([1.0, 0, 1, 1])
        assert finite_dimension.effective_dimension(directions) == pytest.approx(3, rel=8 * ULP)
    assert finite_dimension.effective_dimension(np.array([2.0, 1])) == pytest.approx(9 / 5)


@pytest.mark.parametrize(("n_points", "kurtosis"), [(3, 3.0), (4, 3.0), (6, -1.9), (7, -1.2)])
def test_kurtosis_factor_is_that_of_all_walks_of_steps_with_three_values(n_points, kurtosis):
    """To first order each coordinate adds its own part to the ratio, so one coordinate is enough.

    The claim on the scatter has a margin wider than what is beyond 1 + κ / (4 T) here.
    """
    signs = np.indices((3,) * (n_points - 1)).reshape(n_points - 1, -1) - 1
    walks = np.vstack([np.zeros(signs.shape[1]), np.cumsum(signs, axis=0)])
    shares = infinite_dimension.spectrum(n_points) / infinite_dimension.spectrum(n_points).sum()
    squares = (infinite_dimension.eigenvectors(n_points).T @ walks) ** 2
    response = squares[0] - shares[0] * squares.sum(axis=0)

    def variance(excess):
        # A step moves with this chance, by its inverse root
        moves = 1 / (excess + 3)
        chances = np.prod(np.where(signs == 0, 1 - moves, moves / 2), axis=0)
        return (response / moves) ** 2 @ chances

    factor = finite_dimension.kurtosis_factor(n_points, kurtosis)
    assert factor == pytest.approx(variance(kurtosis) / variance(0.0), rel=1e-12)


def test_small_dimensions_warn():
    spectrum = plain_walk.eigenvalues(10)
    for law in (
        lambda dim: finite_dimension.mean_explained_variance_ratio(spectrum, dim, 1),
        lambda dim: finite_dimension.explained_variance_ratio_std(spectrum, dim),
    ):
        with pytest.warns(UserWarning, match=r"dim = 29.9 is below 30: .*7 %"):
            law(29.9)
        law(30)  # a warning would be an error
    with pytest.warns(UserWarning, match="PC 6 is not expected to be a cosine"):
        finite_dimension.overlap_deficit(spectrum, 35, 6)
    finite_dimension.overlap_deficit(spectrum, 36, 6)


@pytest.mark.parametrize(("n_points", "dim"), [(12, 1), (6, 4)])
def test_trace_law_agrees_with_imhof(n_points, dim):
    weights = plain_walk.eigenvalues(n_points)

    def imhof(u, total):
        angle = dim / 2 * np.sum(np.arctan(weights * u)) - total * u / 2
        return np.sin(angle) / (u * np.prod((1 + (weights * u) ** 2) ** (dim / 4)))

    totals = weights.sum() * dim * np.array([0.2, 0.5, 1.0, 2.0])
    for total in totals:
        # Imhof's bound on the tail beyond u is (2 / (pi n d)) u^(-n d / 2) prod lambda^(-d/2),
        # below 1e-12 here.
        integral, error = integrate.quad(imhof, 0, 400, args=(total,), limit=2000, epsabs=1e-12)
        truncation = 2 / (np.pi * weights.size * dim) * np.prod((weights * 400) ** (-dim / 2))
        computed = finite_dimension.trace_cdf(np.array([total]), weights, dim)[0]
        assert abs(computed - (0.5 - integral / np.pi)) <= error + truncation + 1e-14


def test_hardly_any_freedom_leaves_hardly_any_tail():
    """As d -> 0 a chi-square exceeds x with probability d E_1(x / 2) / 2, on both sides of the
    change of formula.
    """
    total = np.array([0.5, 2.0])
    eigenvalues = np.array([1.0, 0.25])
    tail = np.sum(exp1(total[:, None] / (2 * eigenvalues)), axis=1) / 2
    for dim in (4e-13, 1e-11):
        np.testing.assert_allclose(
            (1 - finite_dimension.trace_cdf(total, eigenvalues, dim)) / dim, tail, rtol=0, atol=1e-3
        )


@pytest.mark.parametrize("rate", [0.0, 0.04, 1.0, 1.7])
def test_the_mean_squared_norm_adds_up_step_by_step(rate):
    norms = [0.0]
    for _ in range(30):
        norms.append((1 - rate) ** 2 * norms[-1] + 1)
    exact = ornstein_uhlenbeck.mean_squared_norm(np.arange(1, 31), rate)
    assert exact == pytest.approx(np.array(norms[1:]), rel=1e-13)
