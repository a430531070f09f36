"""Finite-dimension laws: closed forms against sums, first and second order against quadrature over the Wishart law."""

import itertools

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import roots_hermite
from walks_by_hand import UNIT_ROUNDOFF, general

from theory import random_walk_pca as predicted

spectra = st.lists(st.integers(1, 400), min_size=2, max_size=12, unique=True).map(
    lambda values: np.sort(np.array(values, dtype=float))[::-1]
)


def chi_quadrature(n_nodes, degrees_of_freedom):
    """Gauss quadrature over a chi-square law by its Jacobi matrix; the nodes are those of its square root."""
    index = np.arange(1, n_nodes)
    off_diagonal = np.diag(np.sqrt(index * (index + degrees_of_freedom / 2 - 1)), 1)
    jacobi = np.diag(2 * np.arange(n_nodes) + degrees_of_freedom / 2) + off_diagonal + off_diagonal.T
    half_squares, vectors = np.linalg.eigh(jacobi)
    return np.sqrt(2 * half_squares), vectors[0] ** 2


def wishart_means(eigenvalues, dim):
    """Moments over Lambda^(1/2) W Lambda^(1/2), W Wishart of three components, by quadrature over Bartlett's factor.

    Eigenvalues and ratios are relative to those of the population.
    """
    n_nodes = 7
    normal_nodes, normal_weights = roots_hermite(n_nodes)
    axes = [(np.sqrt(2) * normal_nodes, normal_weights / normal_weights.sum())] * 3
    for row in range(3):
        axes.append(chi_quadrature(n_nodes, dim - row))
    nodes = np.array(list(itertools.product(*(axis[0] for axis in axes))))
    weights = np.prod(np.array(list(itertools.product(*(axis[1] for axis in axes)))), axis=1)
    factor = np.zeros((weights.size, 3, 3))
    factor[:, [1, 2, 2], [0, 0, 1]] = nodes[:, :3]
    factor[:, [0, 1, 2], [0, 1, 2]] = nodes[:, 3:]
    rows = np.sqrt(eigenvalues / dim)[:, None] * factor
    sample, vectors = np.linalg.eigh(rows @ rows.transpose(0, 2, 1))
    sample, vectors = sample[:, ::-1], vectors[:, :, ::-1]
    overlaps = np.einsum("nkk->nk", vectors) ** 2
    relative = sample / eigenvalues
    ratios = sample / sample.sum(axis=1, keepdims=True) / (eigenvalues / eigenvalues.sum())
    mean, ratio_mean = weights @ relative, weights @ ratios
    return {
        "bias": mean - 1,
        "variance": weights @ (relative - mean) ** 2,
        "ratio bias": ratio_mean - 1,
        "ratio variance": weights @ (ratios - ratio_mean) ** 2,
        "deficit": weights @ (1 - overlaps),
    }


@pytest.mark.parametrize("eigenvalues", [np.array([5.0, 2.0, 1.0]), np.array([9.0, 4.0, 0.5])])
def test_first_and_second_order_are_those_of_the_wishart_law(eigenvalues):
    dims = (1600, 3200, 6400)
    measured = [wishart_means(eigenvalues, dim) for dim in dims]
    laws = {
        "bias": (predicted.eigenvalue_bias, predicted.eigenvalue_bias_second_order),
        "deficit": (predicted.overlap_deficit, predicted.overlap_deficit_second_order),
        "ratio bias": (
            lambda *a: predicted.mean_explained_variance_ratio(*a) / (eigenvalues / eigenvalues.sum()) - 1,
            lambda *a: predicted.explained_variance_ratio_second_order(*a) / (eigenvalues / eigenvalues.sum()),
        ),
        "variance": (
            lambda values, dim, n: np.full(n, 2 / dim),
            lambda values, dim, n: predicted.eigenvalue_variance(values, dim, n) - 2 / dim,
        ),
    }
    for name, (first, second) in laws.items():
        remainders = [
            dim**2 * (means[name] - first(eigenvalues, dim, 3)) for dim, means in zip(dims, measured, strict=True)
        ]
        # d^2 (mean - first order) = second order + c/d + O(d^-2): two extrapolations whose difference exceeds the error
        # of the finer one, plus the rounding of means of order one, magnified by d^2 and by the smallest relative gap.
        coarse, fine = 2 * remainders[1] - remainders[0], 2 * remainders[2] - remainders[1]
        rounding = 3 * dims[-1] ** 2 * 64 * UNIT_ROUNDOFF
        coefficient = dims[-1] ** 2 * second(eigenvalues, dims[-1], 3)
        assert np.all(np.abs(fine - coefficient) <= np.abs(fine - coarse) + rounding), name
        assert np.all(np.abs(fine - coarse) <= 0.02 * np.abs(fine).max()), (
            f"{name}: the extrapolation has not converged"
        )
    with_std = predicted.explained_variance_ratio_std(eigenvalues, 6400) / (eigenvalues / eigenvalues.sum())
    halved = [dim * means["ratio variance"] for dim, means in zip(dims, measured, strict=True)]
    extrapolated = 2 * halved[2] - halved[1]
    assert np.all(
        np.abs(extrapolated - 6400 * with_std**2) <= np.abs(extrapolated - (2 * halved[1] - halved[0])) + 1e-9
    )


@general
@given(spectra, st.floats(0.01, 100), st.integers(30, 10_000))
def test_laws_do_not_know_the_unit_of_variance(eigenvalues, unit, dim):
    n_components = min(eigenvalues.size, int(np.sqrt(dim)))
    for law in (
        predicted.eigenvalue_bias,
        predicted.eigenvalue_bias_second_order,
        predicted.eigenvalue_variance,
        predicted.mean_explained_variance_ratio,
        predicted.explained_variance_ratio_second_order,
        predicted.overlap_deficit,
        predicted.overlap_deficit_second_order,
    ):
        in_one, in_other = law(eigenvalues, dim, n_components), law(unit * eigenvalues, dim, n_components)
        # Gaps of at least 1 / 400 lose three digits per power, at most four powers and twelve terms.
        scale = np.max(np.abs(eigenvalues)) ** 4 / dim
        assert np.abs(in_one - in_other).max() <= 1000 * UNIT_ROUNDOFF * scale
    stds = predicted.explained_variance_ratio_std(eigenvalues, dim)
    assert stds == pytest.approx(predicted.explained_variance_ratio_std(unit * eigenvalues, dim), rel=1e-13)


@general
@given(spectra, st.integers(30, 10_000))
def test_biases_conserve_the_trace(eigenvalues, dim):
    count = eigenvalues.size
    bias = predicted.eigenvalue_bias(eigenvalues, dim, count)
    # Pairs cancel exactly; each term is below lambda_1 * 400 / d and carries four roundings.
    assert abs(np.sum(eigenvalues * bias)) <= count**2 * 8 * UNIT_ROUNDOFF * 400 * eigenvalues[0] / dim
    ratio_mean = predicted.mean_explained_variance_ratio(eigenvalues, dim, count)
    assert ratio_mean.sum() == pytest.approx(1, abs=count**2 * 8 * UNIT_ROUNDOFF * 400)
    second = predicted.explained_variance_ratio_second_order(eigenvalues, 1, count)
    assert abs(second.sum()) <= count**2 * 64 * UNIT_ROUNDOFF * 400**3


@general
@given(spectra, st.integers(30, 10_000))
def test_scatter_has_the_textbook_form(eigenvalues, dim):
    ratios = eigenvalues / eigenvalues.sum()
    q = np.sum(ratios**2)
    # 1 - 2 rho + q may cancel to rounding when one component has everything: an absolute statement on the variance.
    variance = predicted.explained_variance_ratio_std(eigenvalues, dim) ** 2
    assert np.abs(variance - 2 / dim * ratios**2 * (1 - 2 * ratios + q)).max() <= 32 * UNIT_ROUNDOFF * 2 / dim


def test_one_component_has_no_scatter_and_no_bias():
    alone = predicted.eigenvalues(2)
    assert predicted.explained_variance_ratio_std(alone, 30) == pytest.approx([0], abs=0)
    assert predicted.mean_explained_variance_ratio(alone, 30, 1) == pytest.approx([1], abs=0)
    assert predicted.explained_variance_ratio_second_order(alone, 30, 1) == pytest.approx([0], abs=0)
    assert predicted.overlap_deficit(alone, 30, 1) == pytest.approx([0], abs=0)


@pytest.mark.parametrize("n_points", [2, 3, 5, 17, 50])
def test_closed_sums_of_the_walk_to_thirty_digits(n_points):
    with mpmath.workdps(40):
        theta = [2 - 2 * mpmath.cos(mpmath.pi * k / n_points) for k in range(1, n_points)]
        bias = [sum(t / (u - t) for u in theta if u is not t) for t in theta]
    coefficient = predicted.eigenvalue_bias_coefficient(n_points)
    # 3/2 - 3/4 / sin^2 cancels near x = 0; its terms are at most |b| + 3/2, and the sine is good to four roundings.
    tolerance = 16 * UNIT_ROUNDOFF * (np.abs(coefficient) + 1.5)
    assert np.all(np.abs(coefficient - np.array(bias, dtype=float)) <= tolerance)


@general
@given(st.integers(2, 300))
def test_walk_biases_conserve_its_trace(n_points):
    spectrum, bias = predicted.eigenvalues(n_points), predicted.eigenvalue_bias_coefficient(n_points)
    # b_k is a difference of terms of at most |b_k| + 3/2, and the sum has T terms.
    assert abs(np.sum(spectrum * bias)) <= 16 * n_points * UNIT_ROUNDOFF * np.sum(spectrum * (np.abs(bias) + 1.5))


@general
@given(st.integers(3, 60))
def test_closed_bias_of_the_walk_is_the_general_law(n_points):
    spectrum, count = predicted.eigenvalues(n_points), n_points - 1
    dim = 10_000
    general_bias = dim * predicted.eigenvalue_bias(spectrum, dim, count)
    # Neighbouring eigenvalues differ relatively by at least 1 / T^2 (near k = T), so a term loses a factor T^2.
    assert predicted.eigenvalue_bias_coefficient(n_points) == pytest.approx(
        general_bias, abs=64 * n_points**4 * UNIT_ROUNDOFF
    )


def test_walk_bias_tends_to_three_quarters():
    n_points, index = 20_000, np.arange(1, 4)
    bias = predicted.eigenvalue_bias_coefficient(n_points)[:3]
    # b_k = 3/2 - 3/4 / cos^2 y = 3/4 - 3/4 tan^2 y with y = pi k / 2T.
    assert bias == pytest.approx(0.75 - 0.75 * np.tan(np.pi * index / (2 * n_points)) ** 2, rel=1e-14)


@pytest.mark.parametrize("n_points", [2, 3, 4, 5, 8, 21, 60])
@pytest.mark.parametrize("excess_kurtosis", [-2, -1.2, 0, 3, 6.0])
def test_kurtosis_factor_is_that_of_the_sine_modes(n_points, excess_kurtosis):
    index = np.arange(1, n_points)
    squares = 2 / n_points * np.sin(np.pi * np.outer(index, index) / n_points) ** 2  # what the steps see of each mode
    covariance = 2 * np.eye(n_points - 1) + excess_kurtosis * squares.T @ squares  # d Cov(W_jj, W_kk)
    tolerance = 100 * n_points * UNIT_ROUNDOFF
    if n_points == 2:
        assert predicted.kurtosis_factor_ratio(n_points, excess_kurtosis) == pytest.approx([1], abs=0)
        return
    ratios = predicted.explained_variance_ratio(n_points)
    contrasts = np.eye(n_points - 1) - ratios
    expected = np.einsum("kj,ji,ki->k", contrasts, covariance, contrasts) / (2 * np.sum(contrasts**2, axis=1))
    assert predicted.kurtosis_factor_ratio(n_points, excess_kurtosis) == pytest.approx(expected, abs=10 * tolerance)


@general
@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=20).filter(lambda values: max(values) > 1e-3), st.floats(1e-9, 1e9)
)
def test_effective_dimension_counts_equal_directions(values, unit):
    spectrum = np.array(values)
    dimension = predicted.effective_dimension(spectrum)
    rounding = 8 * spectrum.size * UNIT_ROUNDOFF
    assert 1 - rounding <= dimension <= np.count_nonzero(spectrum) * (1 + rounding)
    assert predicted.effective_dimension(unit * spectrum) == pytest.approx(dimension, rel=rounding)
    assert predicted.effective_dimension(np.repeat(spectrum, 3)) == pytest.approx(3 * dimension, rel=3 * rounding)
    assert predicted.effective_dimension(np.full(7, unit)) == pytest.approx(7, rel=rounding)
    assert predicted.effective_dimension(1e200 * spectrum) == pytest.approx(dimension, rel=rounding)  # no overflow
    direct = np.sum(spectrum) ** 2 / np.sum(spectrum**2)
    assert dimension == pytest.approx(direct, rel=rounding)


@general
@given(st.lists(st.floats(0.5, 1e6), min_size=1, max_size=5))
def test_combined_dimension_is_harmonic(dimensions):
    combined = predicted.combined_dimension(*dimensions)
    assert combined <= min(dimensions) * (1 + 8 * UNIT_ROUNDOFF)
    assert 1 / combined == pytest.approx(sum(1 / value for value in dimensions), rel=16 * UNIT_ROUNDOFF)
    assert predicted.combined_dimension(*[dimensions[0]] * 4) == pytest.approx(dimensions[0] / 4, rel=1e-15)


def test_small_dimensions_warn():
    spectrum = predicted.eigenvalues(10)
    for law in (
        lambda dim: predicted.mean_explained_variance_ratio(spectrum, dim, 1),
        lambda dim: predicted.explained_variance_ratio_std(spectrum, dim),
    ):
        with pytest.warns(UserWarning, match=r"dim = 29.9 is below 30: .*7 %"):
            law(29.9)
        law(30)  # a warning would be an error
    with pytest.warns(UserWarning, match="PC 6 is not expected to be a cosine"):
        predicted.overlap_deficit(spectrum, 35, 6)
    predicted.overlap_deficit(spectrum, 36, 6)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: predicted.eigenvalue_bias([2, 1], 10, 3), "n_components must be at most 2, .*, got 3"),
        (lambda: predicted.eigenvalue_bias([2, 2, 1], 10, 2), "the first 2 eigenvalues must differ from all others"),
        (lambda: predicted.overlap_deficit([2, 1, 0], 100, 3), "the first 3 eigenvalues must be positive, got 0.0"),
        (lambda: predicted.effective_dimension(np.zeros(3)), "noise_spectrum must not be all zero"),
        (lambda: predicted.combined_dimension(), "dimensions must hold at least one value"),
    ],
)
def test_joint_conditions_get_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
