"""Mixup's simulators by hand: fits against plain NumPy on expanded rows, margins, samples, angles,
alignment.
"""

import itertools
import math

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import linprog, nnls
from scipy.special import expit

from paper_checks.test_mixup import reference_pair
from sims.mixup import alignment, angles, fits, margins, network
from theory.mixup import population, rates
from theory.mixup.classes import GaussianPair, MixingLaw, one_minus_cosine
from theory.mixup.population import gaussian_expectation

ULP = 2.0**-53
NODES = np.array([0.1, 0.35, 0.8])
WEIGHTS = np.array([0.2, 0.5, 0.3])
seeds = st.integers(0, 2**32 - 1)
shapes = st.sampled_from([(6, 2), (7, 3)])  # every shape is a compilation


def random_sample(n, dim, seed):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) < rng.integers(1, n)).astype(float)
    noise = rng.standard_normal((n, dim)) * np.exp(rng.uniform(-1.5, 1.5, dim))
    return noise + (2 * labels[:, None] - 1) * rng.standard_normal(dim), labels


def derivatives(rows, weights):
    """Gradient and Hessian of the logistic loss of weighted rows with soft labels, and the rounding
    of the gradient.
    """
    points, labels, shares = rows
    chances = 1 / (1 + np.exp(-points @ weights))
    gradient = points.T @ (shares * (chances - labels))
    # Every row: d + 10 operations on numbers below 1 + |z|, then a sum over all rows and nodes.
    size = (shares * np.linalg.norm(points, axis=1)) @ (1 + np.abs(points) @ np.abs(weights))
    rounding = 4 * (len(points) + points.shape[1] + 10) * ULP * size
    return gradient, (points.T * (shares * chances * (1 - chances))) @ points, rounding


def error_bound(fit, features):
    """What the relative Newton step says about the distance to the minimiser: it converges
    quadratically.
    """
    return (
        2
        * fit.newton_step
        * (np.linalg.norm(fit.weights) + 1 / np.sqrt(np.mean(np.sum(features**2, axis=1))))
    )


def assert_minimises(fit, rows, features):
    assert fit.converged
    gradient, hessian, rounding = derivatives(rows, np.asarray(fit.weights))
    assert abs(np.linalg.norm(gradient) - fit.gradient_norm) <= rounding
    step = np.linalg.norm(np.linalg.solve(hessian, gradient))
    stiffness = rounding / np.linalg.eigvalsh(hessian)[0]
    assert step <= error_bound(fit, features) / 2 * (1 + 1e-6) + 2 * stiffness


@settings(max_examples=40, deadline=None)
@given(shapes, seeds, st.floats(-0.5, 1.5))
def test_pairs_are_fitted_as_if_expanded(shape, seed, shift):
    features, labels = random_sample(*shape, seed)
    for inputs in (NODES, NODES**2, shift + (1 - shift) * NODES):
        fit = fits.fit_mixup(features, labels, NODES, WEIGHTS, inputs)
        assert_minimises(fit, fits.mixed_rows(features, labels, NODES, WEIGHTS, inputs), features)


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_mixing_weight_one_is_no_mixing(seed):
    features, labels = random_sample(6, 2, seed)
    one = np.ones(1)
    mixup = fits.fit_mixup(features, labels, one, one, one)
    erm = margins.fit_erm(fits.signed_points(features, labels))
    assert erm.separable != mixup.converged
    if mixup.converged:
        unit = 1 / np.sqrt(np.mean(np.sum(features**2, axis=1)))
        bound = error_bound(mixup, features) + 2 * erm.residual * (
            np.linalg.norm(erm.weights) + unit
        )
        rows = fits.mixed_rows(features, labels, one, one, one)
        _, hessian, rounding = derivatives(rows, np.asarray(mixup.weights))
        assert (
            np.linalg.norm(mixup.weights - erm.weights)
            <= bound + 4 * rounding / np.linalg.eigvalsh(hessian)[0]
        )


def test_a_mixing_weight_that_all_pairs_share_is_one_node():
    features, labels = random_sample(6, 2, 3)
    sampled = fits.fit_mixup_sampled(KEY, features, labels, lambda key, shape: np.full(shape, 0.3))
    one = fits.fit_mixup(features, labels, *np.array([[0.3], [1.0], [0.3]]))
    np.testing.assert_allclose(sampled.weights, one.weights, rtol=1e-9)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_too_few_points_give_the_minimiser_of_least_norm(seed):
    features = np.random.default_rng(seed).standard_normal((4, 7))
    labels = np.array([1.0, 1, 0, 0])
    fit = fits.fit_mixup(features, labels, NODES, WEIGHTS, NODES)
    assert fit.converged
    basis = np.linalg.qr(features.T)[0]
    inside = fits.fit_mixup(features @ basis, labels, NODES, WEIGHTS, NODES)
    bound = error_bound(fit, features) + error_bound(inside, features)
    stretch = np.linalg.cond(features) ** 2
    slack = 1e4 * ULP * stretch * np.linalg.norm(fit.weights)
    assert np.linalg.norm(fit.weights - basis @ np.asarray(inside.weights)) <= bound + slack


def test_equal_labels_are_warned_of():
    features = random_sample(6, 2, 3)[0]
    with pytest.warns(UserWarning, match="labels are all equal"):
        separable = fits.fit_mixup(np.abs(features), np.ones(6), NODES, WEIGHTS, NODES)
    assert not separable.converged
    with pytest.warns(UserWarning, match="labels are all equal"):
        around_zero = fits.fit_mixup(
            features - features.mean(axis=0), np.ones(6), NODES, WEIGHTS, NODES
        )
    assert around_zero.converged


def separable_by_program(points):
    """Whether some w has w . S_i >= 1 for all i, by HiGHS."""
    n, dim = points.shape
    rows = points / np.maximum(np.abs(points).max(axis=1, keepdims=True), 1e-300)
    found = linprog(np.zeros(dim), A_ub=-rows, b_ub=-np.ones(n), bounds=(None, None))
    return found.status == 0


margin_shapes = st.sampled_from([(7, 1), (9, 2), (12, 3), (4, 6)])


def random_points(shape, seed):
    rng = np.random.default_rng(seed)
    stretch = np.exp(rng.uniform(-1.5, 1.5, shape[1]))
    return rng.standard_normal(shape) * stretch + rng.uniform(0, 2) * rng.standard_normal(shape[1])


@settings(max_examples=120, deadline=None)
@given(margin_shapes, seeds)
def test_margin_is_the_distance_to_the_hull(shape, seed):
    points = random_points(shape, seed)
    n, dim = shape
    solution = margins.hard_margin(points)
    assert solution.separable == separable_by_program(points)
    if not solution.separable:
        assert np.isnan(solution.direction).all()
        assert solution.margin == 0
        return
    direction = np.asarray(solution.direction)
    margin = float(solution.margin)
    longest = np.linalg.norm(points, axis=1).max()
    rounding = 4 * (n + dim) * ULP * longest
    assert abs(np.linalg.norm(direction) - 1) <= 4 * dim * ULP
    assert abs((points @ direction).min() - margin) <= rounding
    # Any point of the hull is at least as far from 0; least squares find one that is no farther
    # than rounding allows.
    shares = nnls(np.vstack([points.T / longest, np.ones(n)]), np.eye(dim + 1)[dim])[0]
    shares /= shares.sum()
    nearest = np.linalg.norm(shares @ points)
    assert margin <= nearest + rounding
    # Two points within 2 (nearest² - margin²) of each other: both programs are exact to rounding in
    # the squares.
    assert nearest**2 - margin**2 <= 100 * (n + dim) * ULP * longest**2
    assert margins.hard_margin(points / 2**40).separable  # in any unit


@pytest.mark.parametrize(
    "points",
    [
        [[1.0, 0], [-1, 0], [1, 0], [-1, 0]],
        [[1.0, 0], [-1, 0], [0, 1], [3, 1]],
        [[0.0, 0], [1, 1], [2, 1], [1, 2]],
        [[2.0, 1], [-2, 1], [0, -1], [0, 3]],
    ],
)
def test_a_hull_that_touches_zero_has_no_margin(points):
    assert not margins.hard_margin(np.array(points)).separable
    assert not separable_by_program(np.array(points))


MEAN = np.array([1.0, 1.0])
FACTOR = np.diag(np.sqrt([0.2, 1.8]))
ERROR = 1e-6  # of every statistical statement


def cube_root(log_kept):
    return jnp.exp(log_kept / 3)


@pytest.mark.parametrize(
    ("dim", "log_n", "radii", "log_tail"),
    [
        (2, 250.0, None, lambda radius: stats.chi2.logsf(radius**2, 2)),
        (5, 599.0, None, lambda radius: stats.chi2.logsf(radius**2, 5)),
        (3, 12.0, cube_root, lambda radius: np.log(1 - radius**3)),  # uniform in the ball
    ],
)
def test_the_farthest_points_have_their_law_however_large_the_sample(dim, log_n, radii, log_tail):
    keys = jax.random.split(jax.random.key(dim), 1000)
    samples = jax.jit(jax.vmap(lambda key: margins._tail_sample(key, log_n, dim, 3, radii)))(keys)
    lengths = np.linalg.norm(np.asarray(samples.points), axis=2)
    # n P(|z| > r_k) is the k-th point of a Poisson process, but for O(1/n).
    arrivals = np.exp(log_tail(lengths) + log_n)
    for index in range(3):
        assert stats.kstest(arrivals[:, index], stats.gamma(index + 1).cdf).pvalue > ERROR
    np.testing.assert_allclose(samples.radius, lengths[:, -1], rtol=8 * ULP)


@pytest.mark.parametrize("augmentation", ["none", "mixup", "mixup within classes"])
def test_a_network_finds_the_direction_where_it_is_that_of_the_means(augmentation):
    direction = network.network_direction(
        jax.random.key(4),
        MEAN,
        np.eye(2),
        4.0,
        n=1000,
        augmentation=augmentation,
        steps=1000,
    )
    assert angles.angle_deficit(direction, MEAN) < 0.02
    assert angles.angle_deficit(direction, MEAN[::-1] * [1, -1]) > 0.9


def test_a_certificate_never_lies_and_too_few_points_fail_it():
    runs = 400
    log_n = math.log(300)
    separability = 4.0
    key = jax.random.key(11)
    keys = jax.random.split(key, runs)
    full, sure = map(np.asarray, margins._directions(keys, log_n, MEAN, FACTOR, separability, 300))
    assert sure.all()
    part, sound = map(np.asarray, margins._directions(keys, log_n, MEAN, FACTOR, separability, 15))
    lost = np.isnan(part[:, 0]) & np.isnan(full[:, 0])
    # Both are built from the same few points, met in another order.
    equal = np.all(np.abs(part - full) <= 1e5 * ULP, axis=1) | lost
    assert equal[sound].all()
    assert not equal.all()
    failures = (~sound).sum()

    answer = margins.certified_tail_directions(key, log_n, MEAN, FACTOR, separability, 15, runs)
    assert answer.extensions == failures
    assert answer.most_points >= 30
    np.testing.assert_array_equal(np.isnan(answer.directions), np.isnan(full))
    assert np.all(np.abs(answer.directions - full)[~np.isnan(full)] <= 1e5 * ULP)


KEY = jax.random.key(3)
MASKS = np.array(list(itertools.product([0.0, 1.0], repeat=2)))


def test_samples_have_the_law_of_the_pair():
    sample = fits.pair_sample(KEY, 4000, MEAN, np.array([[1.0, 0], [0.7, 0.4]]), 4.0)
    labels = np.asarray(sample.labels)
    assert labels.sum() == 2000
    noise = np.asarray(sample.features) - (2 * labels[:, None] - 1) * MEAN
    white = 2 * np.linalg.solve(np.array([[1.0, 0], [0.7, 0.4]]), noise.T)
    for values in (white[0], white[1], (white[0] + white[1]) / np.sqrt(2)):
        assert stats.kstest(values, stats.norm.cdf).pvalue > 1e-6
    np.testing.assert_array_equal(
        fits.signed_points(sample.features, sample.labels)[2000:],
        -np.asarray(sample.features)[2000:],
    )


@pytest.mark.parametrize("tangent", [1e-3, 1e-6, 1e-9, 1e-12])
def test_small_angles_keep_their_digits(tangent):
    expected = tangent**2 / 2 * (1 - 0.75 * tangent**2)  # 1 - cos of arctan t, to t⁶
    angle = angles.angle_deficit(np.array([1.0, tangent]), np.array([1.0, 0.0]))
    # The second coordinate is rounded relatively, the first one absolutely.
    assert abs(angle - expected) <= 8 * ULP * expected + (4 * ULP) ** 2 + tangent**6


def test_a_fit_without_a_minimiser_is_not_a_number():
    pure = (np.ones(1), np.ones(1), np.ones(1))
    deficits = angles.angle_curve(
        jax.random.split(KEY, 4),
        np.full(4, 100.0),
        MEAN,
        FACTOR,
        MEAN,
        *pure,
        n=6,
        learner=angles.mixup_weights,
    )
    assert np.isnan(deficits).all()


THREE = np.array([2.0, 0.5, -1.0])


def three_masks(key):
    mask = jax.random.bernoulli(key, 0.5, (3,)).astype(float)
    return jnp.diag(mask), jnp.diag(1 - mask), mask.mean()


def test_exchangeable_masks_are_aligned_on_average_only():
    # σ_k² ∝ μ_k²: no single mask is aligned, their law is.
    verdict = alignment.check_alignment(three_masks, THREE, np.diag(THREE**2), 1.0, KEY, draws=300)
    assert not verdict.refuted
    assert 1e-3 < verdict.displacement_limit < 0.2


def test_masks_are_harmless_where_the_noise_is_that_of_the_mean():
    # Σ = D (I + 1 1'/2) D with D = diag(μ): correlated, and symmetric in the products w_j μ_j.
    pair = GaussianPair(THREE, np.outer(THREE, THREE) * (np.eye(3) + 0.5), 2.0)
    masks = population.equally_likely(population.all_masks(3))
    minimiser = population.mask_minimiser(pair, *masks)
    assert pair.misalignment(minimiser) < 1e-12
    # `mask_limit_inverse_mean` holds for almost every Σ: here 1 / μ is reached at any κ.
    assert one_minus_cosine(minimiser, 1 / pair.mean) < 1e-12


def test_a_law_that_mixes_inputs_unlike_labels_has_its_length():
    def one_pair(_):
        return 0.2 * np.eye(3), 0.8 * np.eye(3), 0.3

    pair = GaussianPair(THREE, np.diag([1.0, 2.0, 3.0]), 1.0)
    found = alignment.check_alignment(one_pair, pair.mean, pair.covariance, 1.0, KEY)
    assert not found.refuted
    law = MixingLaw.atoms(np.array([0.3]), np.ones(1), lambda mixing: mixing - 0.1)
    score = population.scalar_minimiser(pair.effective_separability, law)
    assert found.scale * pair.signal == pytest.approx(score, rel=1e-9)


def test_p_values_of_an_aligned_law_are_uniform():
    values = [
        alignment.check_alignment(
            three_masks, THREE, np.diag(THREE**2), 1.0, jax.random.key(seed), draws=300
        ).p_value
        for seed in range(20)
    ]
    assert stats.kstest(values, stats.uniform.cdf).pvalue > 1e-4


MASK_LAW = (MASKS, np.full(4, 0.25), MASKS.mean(axis=1))


def test_augmentation_accuracies_are_those_of_the_fits():
    sample = fits.pair_sample(KEY, 40, MEAN, FACTOR, 1.0)
    data = np.asarray(sample.features), np.asarray(sample.labels)
    keys = jax.random.split(KEY, 3)
    answer = angles.augmentation_accuracies(keys, *data, 6, 1e-2, NODES, WEIGHTS, *MASK_LAW)
    for values in answer:
        correct = np.asarray(values) * 34
        assert np.all(np.abs(correct - np.round(correct)) <= 64 * ULP)
    # Without mixing and with everything kept, all three are one classifier.
    unmixed = (np.ones(3), WEIGHTS, np.ones((4, 2)), np.full(4, 0.25), np.ones(4))
    same = angles.augmentation_accuracies(keys, *data, 6, 1e-2, *unmixed)
    np.testing.assert_array_equal(same.erm, same.mixup)
    np.testing.assert_array_equal(same.erm, same.masks)
    np.testing.assert_array_equal(same.erm, answer.erm)
    # Points far apart are all classified correctly, held out or not.
    far = angles.augmentation_accuracies(
        keys, data[0] + 50 * (2 * data[1][:, None] - 1), data[1], 6, 1e-2, NODES, WEIGHTS, *MASK_LAW
    )
    np.testing.assert_array_equal(far.erm, np.ones(3))


def test_digits_are_centred_images_of_two_kinds():
    digits = angles.digit_pair(3, 8)
    assert digits.features.shape == (357, 64)
    assert digits.labels.sum() == 174
    assert np.abs(digits.features.mean(axis=0)).max() <= 357 * ULP
    assert np.abs(digits.features).max() <= 1


SUMMED = 4096 * ULP  # a positive quadrature of at most a few thousand nodes, relative to itself


@pytest.mark.parametrize("scale", [0.0, 0.05, 0.3, 1.0, 3.0, 50.0, 1000.0])
@pytest.mark.parametrize("centre", [-7.0, 0.0, 2.5])
def test_the_quadrature_is_exact_for_logistic_functions(centre, scale):
    for function, exact in (
        (expit, lambda z: 1 / (1 + mpmath.exp(-z))),
        (lambda z: np.logaddexp(0, z), lambda z: mpmath.log1p(mpmath.exp(z)) if z < 700 else z),
        (lambda z: expit(z) * expit(-z), lambda z: 1 / (4 * mpmath.cosh(z / 2) ** 2)),
    ):
        kinks = [(step - centre) / scale for step in (-40, -8, 0, 8, 40)] if scale > 1.5 else [0.0]
        breaks = sorted({-12.0, 12.0, *(point for point in kinks if -12 <= point <= 12)})
        expected = mpmath.quad(
            lambda t, exact=exact: exact(centre + scale * t) * mpmath.npdf(t), breaks
        )
        scale_of_terms = 1 + abs(centre) + scale
        found = gaussian_expectation(function, centre, scale)
        assert float(abs(found - expected)) <= SUMMED * scale_of_terms


@pytest.mark.parametrize("log_n", [np.log(2), 1.0, 7.3, 40.0, 240.0, 5000.0])
def test_the_finite_radius_leaves_one_point_beyond(log_n):
    radius = rates.finite_sample_radius(reference_pair(20.0), log_n)
    with mpmath.workdps(40):
        tail = mpmath.log(mpmath.ncdf(-mpmath.mpf(radius) * mpmath.sqrt(20)))
    # d log Q / d r is at most about the exponent twice over, relative to the radius.
    assert float(tail) == pytest.approx(-log_n, rel=128 * ULP, abs=128 * ULP)


def test_the_number_without_augmentation_is_where_the_path_reaches_its_target():
    pair = reference_pair(40.0)
    radius = rates.finite_sample_radius(pair, rates.erm_samples(pair, 0.05))
    assert rates.phase_cosine(pair, radius**2 / 2) == pytest.approx(0.95, rel=1e-12)


@pytest.mark.parametrize(
    ("mode", "balanced"), [("expected", True), ("expected", False), ("sampled", True)]
)
def test_the_number_with_mixup_solves_its_equation(mode, balanced):
    pair = reference_pair(640.0)
    law = MixingLaw.beta(1.0, 8)
    coefficient = 0.0 if balanced else rates.imbalance_coefficient(pair, law)
    if mode == "sampled":
        coefficient += rates.sampled_lambda_coefficient(pair, law)
    n = rates.mixup_samples(pair, 0.002, law, mode, balanced)
    mean_angle = rates.lda_rate(pair) / (n - 4) + coefficient * 640 / n**2
    assert mean_angle == pytest.approx(0.002, rel=1e-12)


def test_plain_training_is_exponentially_inefficient():
    laplace = math.sqrt(2 * 1000 / math.pi) * math.exp(500)
    assert rates.erm_efficiency(1000.0) / laplace == pytest.approx(1, abs=3e-3)


def test_the_modified_analysis_has_two_curvatures():
    kappa = 1e6
    labels = np.repeat([0, 1], 8)
    noise = np.random.default_rng(0).standard_normal((16, 3)) / np.sqrt(kappa)
    points = (2 * labels[:, None] - 1) * THREE + noise
    law = MixingLaw.beta(1.0, 12)
    weights = np.asarray(
        fits.fit_mixup(
            points, labels.astype(float), law.nodes, law.weights, law.input_weights
        ).weights
    )
    low, high = points[:8].mean(axis=0), points[8:].mean(axis=0)
    scatter = np.cov(points[:8].T, bias=True) / 2 + np.cov(points[8:].T, bias=True) / 2
    centre = (low + high) / 2
    one_curvature = np.linalg.solve(scatter + np.outer(centre, centre), high - low)
    modified = rates.modified_lda_direction(points, labels, law)
    assert one_minus_cosine(weights, modified) < 0.01 / kappa
    assert one_minus_cosine(weights, one_curvature) > 1 / kappa


def test_no_direction_errs_less_than_that_of_bayes():
    pair = reference_pair()
    turned = [pair.error(pair.bayes_direction + step * np.array([1.0, -1])) for step in (-0.1, 0.1)]
    assert pair.error(pair.bayes_direction) < min(turned)


def test_boxes_are_all_products_of_two_intervals():
    cut = ~population.box_masks(2, 3).reshape(-1, 2, 3)
    assert len(np.unique(cut, axis=0)) == len(cut) == 18
    for box in cut:
        rows, columns = np.nonzero(box)
        assert box.sum() == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)


@given(seeds)
def test_the_largest_deviation_of_one_mean_is_that_of_a_normal_number(seed):
    rng = np.random.default_rng(seed)
    chances = rng.dirichlet(np.full(3, 3.0))
    values = rng.normal(size=3)
    losses = ((values[:, None] + values) / 2)[..., None]  # a mean over pairs is one over points
    deviation = np.sqrt(chances @ (values - chances @ values) ** 2)
    assert rates.mean_largest_pair_deviation(chances, losses) == pytest.approx(
        deviation * np.sqrt(2 / np.pi), rel=1e-5
    )


def test_chances_of_pairs_are_shares_of_their_weights():
    losses = np.arange(18.0).reshape(3, 3, 2) ** 0.5
    weights = np.array([0.2, 0.3, 0.5])
    assert rates.mean_largest_pair_deviation(weights / 4, losses) == pytest.approx(
        rates.mean_largest_pair_deviation(weights, losses), rel=1e-12
    )
