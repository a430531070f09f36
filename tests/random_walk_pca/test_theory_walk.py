"""The laws of random walks where no claim asks: many digits at the ends of their domains, limits,
warnings.
"""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate
from scipy.special import exp1

from theory.random_walk_pca import (
    drift_and_decay,
    finite_dimension,
    linear_processes,
    neighbouring_papers,
    ornstein_uhlenbeck,
    plain_walk,
    whole_spectrum,
)

UNIT_ROUNDOFF = 2.0**-53
general = settings(deadline=None, derandomize=True, max_examples=40)


n_points_general = st.integers(2, 60)


@general
@given(n_points_general, st.floats(-1e3, 1e3).filter(lambda scale: abs(scale) > 1e-3))
def test_cosine_content_ignores_scale_and_finds_only_cosines(n_points, scale):
    modes = plain_walk.cosine_modes(n_points, n_points - 1)
    rounding = 32 * np.pi * n_points * UNIT_ROUNDOFF
    assert plain_walk.cosine_content(scale * modes) == pytest.approx(
        np.ones(n_points - 1), abs=rounding
    )
    assert plain_walk.cosine_content(modes + 1)[0] == pytest.approx(
        1 / (1 + n_points), abs=rounding
    )
    shifted = np.roll(modes, 1, axis=1) if n_points > 2 else np.ones((2, 1))
    assert plain_walk.cosine_content(shifted) == pytest.approx(np.zeros(n_points - 1), abs=rounding)


@general
@given(st.integers(2, 1000), st.floats(0.01, 0.99))
def test_crossover_index_balances_the_circulant_formula(n_points, momentum):
    index = linear_processes.momentum_crossover_index(n_points, momentum)
    assert momentum * (np.pi * index / n_points) ** 2 == pytest.approx(
        (1 - momentum) ** 2, rel=1e-13, abs=0
    )
    assert linear_processes.momentum_crossover_index(n_points, 0) == np.inf


@general
@given(n_points_general, st.floats(0, 0.999))
def test_exponential_average_is_momentum(n_points, decay):
    average = 0.0
    by_hand = []
    for _ in range(n_points):  # the walk of a unit impulse stays at one
        average = decay * average + (1 - decay)
        by_hand.append(average)
    computed = linear_processes.exponential_average_impulse_response(n_points, decay)
    # The product (1 - beta) h_m keeps a relative rounding per step; the recursion by hand an
    # absolute one of 1 - beta.
    assert np.abs(computed - by_hand).max() <= 8 * n_points * UNIT_ROUNDOFF


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
    limit = plain_walk.explained_variance_ratio_limit(5)
    for share in (0.01, 0.3, 0.99):
        ratios = drift_and_decay.noise_cut_explained_variance_ratio(share, 1.0, 5)
        assert ratios == pytest.approx(limit, rel=1e-13, abs=0)


def test_a_cut_and_the_rise_that_reverses_it_have_the_same_ratios():
    cut = drift_and_decay.noise_cut_explained_variance_ratio(0.3, 0.04, 6)
    assert drift_and_decay.noise_cut_explained_variance_ratio(0.7, 25.0, 6) == pytest.approx(
        cut, rel=1e-12, abs=0
    )
    # A walk that stops in the middle: tan u = -u.
    standing = 1 / ((2 * 2.028757838110434) ** 2 / 12)
    assert drift_and_decay.noise_cut_explained_variance_ratio(0.5, 1e-12, 1) == pytest.approx(
        [standing], rel=1e-5
    )


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


@general
@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=20).filter(lambda values: max(values) > 1e-3),
    st.floats(1e-9, 1e9),
)
def test_effective_dimension_counts_equal_directions_in_any_unit(values, unit):
    spectrum = np.array(values)
    dimension = np.sum(spectrum) ** 2 / np.sum(spectrum**2)
    rounding = 8 * spectrum.size * UNIT_ROUNDOFF
    for scale in (1, unit, 1e200):  # no overflow
        assert finite_dimension.effective_dimension(scale * spectrum) == pytest.approx(
            dimension, rel=rounding, abs=0
        )
    assert finite_dimension.effective_dimension(np.repeat(spectrum, 3)) == pytest.approx(
        3 * dimension, rel=3 * rounding, abs=0
    )


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


@pytest.mark.parametrize("n_points", [2, 12, 1000])
@pytest.mark.parametrize("argument", [1e-12, 1e-7, 1e-3, 0.05, 0.2, 3, 900])
def test_laplace_transform_is_chebyshevs_to_thirty_digits(n_points, argument):
    with mpmath.workdps(40):
        exact = -mpmath.log(n_points / mpmath.chebyu(n_points - 1, 1 + mpmath.mpf(argument))) / 2
    computed = -np.log(whole_spectrum.trace_laplace(argument, n_points, 0.1)) / 0.1
    # The exponential rounds to u, which its logarithm sees as absolute error; the exponent itself
    # is good to 32 u.
    assert computed == pytest.approx(float(exact), rel=32 * UNIT_ROUNDOFF, abs=20 * UNIT_ROUNDOFF)


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
        computed = whole_spectrum.trace_cdf(np.array([total]), weights, dim)[0]
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
            (1 - whole_spectrum.trace_cdf(total, eigenvalues, dim)) / dim, tail, rtol=0, atol=1e-3
        )


@pytest.mark.parametrize(("dim", "spike"), [(2, 0.5), (5, 1), (20, 6.0), (1, 6.0)])
def test_direction_error_is_first_order_perturbation(dim, spike):
    # The sample covariance of m points is C + E / sqrt(m) with Var E_1j = C_11 C_jj; v moves by
    # E_1j / (sqrt(m) gap).
    expected = np.sqrt((dim - 1) * (1 + spike) / spike**2 / 700)
    assert neighbouring_papers.spiked_direction_error(dim, 700, spike) == pytest.approx(
        expected, rel=1e-14, abs=0
    )
