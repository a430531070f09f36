"""Expected losses: their values by other quadratures, their derivatives, symmetries and special cases."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import entr, expit
from theory_instances import CONDITION, ROUNDING, gaussian_pairs, general, hard_law, mixing_laws, reference_pair

from theory.mixup import (
    ExpectedLoss,
    GaussianPair,
    MixingLaw,
    all_masks,
    erm_expected_loss,
    mask_expected_loss,
    mixup_expected_loss,
)
from theory.mixup.expected_losses import gaussian_expectation

SUMMED = 4096 * ROUNDING  # a positive quadrature of at most a few thousand nodes, relative to itself
seeds = st.integers(0, 2**32 - 1)


def softplus(score):
    return np.logaddexp(0, score)


@pytest.mark.parametrize("scale", [0.0, 0.05, 0.3, 1.0, 3.0, 50.0, 1000.0])
@pytest.mark.parametrize("centre", [-7.0, 0.0, 2.5])
def test_the_quadrature_is_exact_for_logistic_functions(centre, scale):
    for function, exact in (
        (expit, lambda z: 1 / (1 + mpmath.exp(-z))),
        (softplus, lambda z: mpmath.log1p(mpmath.exp(z)) if z < 700 else z),
        (lambda z: expit(z) * expit(-z), lambda z: 1 / (4 * mpmath.cosh(z / 2) ** 2)),
    ):
        breaks = sorted({-12.0, -centre / scale, 12.0}) if scale > 1.5 else [-12.0, 0.0, 12.0]
        if scale > 1.5:
            breaks = sorted({*breaks, *(-centre / scale + step / scale for step in (-40, -8, 8, 40))})
            breaks = [point for point in breaks if -12 <= point <= 12]
        expected = mpmath.quad(lambda t, exact=exact: exact(centre + scale * t) * mpmath.npdf(t), breaks)
        scale_of_terms = 1 + abs(centre) + scale
        found = gaussian_expectation(function, centre, scale)
        assert float(abs(found - expected)) <= SUMMED * scale_of_terms


def test_the_quadrature_runs_over_any_batch_and_stack():
    centre, scale = np.array([[0.0, 1.0, -2.0]]), np.array([[1.0, 0.0, 3.0]])
    found = gaussian_expectation(lambda z: np.stack([z, z**2, z**4]), centre, scale)
    assert found.shape == (3, 1, 3)
    moments = [centre, centre**2 + scale**2, centre**4 + 6 * centre**2 * scale**2 + 3 * scale**4]
    assert found == pytest.approx(np.stack(moments), abs=SUMMED * 300)
    assert gaussian_expectation(np.cos, 0.0, 2).shape == ()


def test_scores_may_spread_as_far_as_a_rule_has_nodes():
    assert gaussian_expectation(expit, 0.0, 1e5) == pytest.approx(0.5, rel=SUMMED, abs=0)
    pair = reference_pair(1.0)
    with pytest.raises(ValueError, match="weights must give scores of a standard deviation of at most 100000"):
        erm_expected_loss(pair).value(1e6 * pair.mean)


def by_adaptive_quadrature(means, variances, labels, probabilities):
    """The mean soft-label loss of Gaussian scores, one adaptive integral each."""
    total = 0.0
    for mean, variance, label, probability in zip(means, variances, labels, probabilities, strict=True):
        spread = np.sqrt(variance)
        loss, _ = quad(
            lambda t, m=mean, s=spread, y=label: (
                (softplus(m + s * t) - y * (m + s * t)) * np.exp(-(t**2) / 2) / np.sqrt(2 * np.pi)
            ),
            -12,
            12,
            epsabs=0,
            epsrel=1e-12,
            limit=400,
        )
        total += probability * loss
    return total


def over_label_combinations(pair, first, second, lambdas, probabilities, weights):
    """The loss of x = A x_i + B x_j, y = lambda y_i + (1 - lambda) y_j, each pair of labels by itself."""
    means, variances, labels, masses = [], [], [], []
    for a, b, share, probability in zip(first, second, lambdas, probabilities, strict=True):
        for one in (0, 1):
            for two in (0, 1):
                means.append(weights @ ((2 * one - 1) * a + (2 * two - 1) * b) @ pair.mean)
                noise = a @ pair.covariance @ a.T + b @ pair.covariance @ b.T
                variances.append(weights @ noise @ weights / pair.separability)
                labels.append(share * one + (1 - share) * two)
                masses.append(probability / 4)
    return by_adaptive_quadrature(means, variances, labels, masses)


@general
@given(gaussian_pairs(2, 3), seeds)
def test_every_loss_is_the_average_over_all_four_label_combinations(pair, seed):
    rng = np.random.default_rng(seed)
    weights, identity = rng.normal(size=pair.dim), np.eye(pair.dim)
    law = MixingLaw(np.array([0.3, 0.9]), np.array([0.4, 0.6]), rng.uniform(-0.5, 1.5, 2))
    maps = law.input_weights[:, None, None] * identity
    expected = over_label_combinations(pair, maps, identity - maps, law.nodes, law.weights, weights)
    # Ten times what the adaptive rule was asked for.
    assert mixup_expected_loss(pair, law).value(weights) == pytest.approx(expected, rel=1e-11, abs=0)
    masks = all_masks(pair.dim)
    labels, probabilities = rng.uniform(size=len(masks)), rng.dirichlet(np.ones(len(masks)))
    maps = masks[:, :, None] * identity
    expected = over_label_combinations(pair, maps, identity - maps, labels, probabilities, weights)
    found = mask_expected_loss(pair, masks, probabilities, labels).value(weights)
    assert found == pytest.approx(expected, rel=1e-11, abs=0)
    swapped = mask_expected_loss(pair, ~masks, probabilities, 1 - labels).value(weights)
    assert swapped == pytest.approx(found, rel=SUMMED, abs=0)


@general
@given(gaussian_pairs(1, 5), seeds)
def test_without_mixing_every_loss_is_that_of_no_augmentation(pair, seed):
    weights = np.random.default_rng(seed).normal(size=pair.dim)
    plain = erm_expected_loss(pair).value(weights)
    for value in (0.0, 1.0):
        assert mixup_expected_loss(pair, hard_law(value)).value(weights) == pytest.approx(plain, rel=SUMMED, abs=0)
    trivial = np.array([[True] * pair.dim, [False] * pair.dim])
    kept = mask_expected_loss(pair, trivial, np.array([0.3, 0.7]), np.array([1.0, 0.0])).value(weights)
    assert kept == pytest.approx(plain, rel=SUMMED)
    scores = weights @ pair.mean, weights @ pair.covariance @ weights / pair.separability
    assert plain == pytest.approx(by_adaptive_quadrature(*[[x] for x in scores], [1.0], [1.0]), rel=1e-11, abs=0)


@st.composite
def expected_losses(draw):
    pair = draw(gaussian_pairs(2, 5))
    kind = draw(st.sampled_from(["erm", "mixup", "mask"]))
    if kind == "erm":
        return erm_expected_loss(pair)
    if kind == "mixup":
        return mixup_expected_loss(pair, draw(mixing_laws))
    masks = all_masks(pair.dim)
    return mask_expected_loss(pair, masks, np.full(len(masks), 1 / len(masks)), masks.mean(axis=1))


@general
@given(expected_losses(), seeds)
def test_derivatives_integrate_to_differences(loss, seed):
    """The fundamental theorem along a segment, by a Gauss-Legendre rule exact to rounding."""
    rng = np.random.default_rng(seed)
    dim = loss.means.shape[1]
    start, step = rng.normal(size=dim), rng.normal(size=dim)
    step /= 2 * np.linalg.norm(step)
    abscissas, shares = np.polynomial.legendre.leggauss(24)
    along = [start + (1 + x) / 2 * step for x in abscissas]
    slopes = np.array([loss.gradient(weights) for weights in along])
    curvatures = np.array([loss.hessian(weights) for weights in along])
    size = 1 + np.abs(loss.means).max() ** 2 + np.abs(loss.covariances).max() * (1 + np.linalg.norm(start)) ** 2
    assert shares @ slopes @ step / 2 == pytest.approx(
        loss.value(start + step) - loss.value(start), abs=SUMMED * size * dim
    )
    assert shares @ (curvatures @ step) / 2 == pytest.approx(
        loss.gradient(start + step) - loss.gradient(start), abs=SUMMED * size * dim
    )
    smallest = np.linalg.eigvalsh(curvatures[0])[0]
    assert smallest >= -SUMMED * size * dim
    assert (
        np.array_equal(curvatures[0], curvatures[0].T) or np.abs(curvatures[0] - curvatures[0].T).max() < SUMMED * size
    )


@general
@given(gaussian_pairs(), mixing_laws)
def test_at_zero_the_loss_is_one_bit_and_falls_along_the_mean(pair, law):
    zero = np.zeros(pair.dim)
    loss = mixup_expected_loss(pair, law)
    assert loss.value(zero) == pytest.approx(np.log(2), rel=SUMMED, abs=0)
    expected = -(1 / 4 + law.mean((law.nodes - 1 / 2) * law.contrasts) / 2) * pair.mean
    assert loss.gradient(zero) == pytest.approx(expected, abs=SUMMED * np.abs(pair.mean).max())
    assert erm_expected_loss(pair).gradient(zero) == pytest.approx(-pair.mean / 2, rel=SUMMED, abs=0)


@general
@given(gaussian_pairs(2, 5), mixing_laws, seeds)
def test_the_loss_exceeds_the_entropy_of_its_labels_and_is_convex(pair, law, seed):
    rng = np.random.default_rng(seed)
    loss = mixup_expected_loss(pair, law)
    first, second = rng.normal(size=(2, pair.dim))
    values = [loss.value(weights) for weights in (first, (first + second) / 2, second)]
    assert values[1] <= (values[0] + values[2]) / 2 * (1 + SUMMED)
    floor = law.mean(entr(law.nodes) + entr(1 - law.nodes)) / 2
    assert min(values) >= floor * (1 - SUMMED)


@general
@given(gaussian_pairs(2, 5), mixing_laws, seeds)
def test_the_loss_is_equivariant_under_any_linear_map(pair, law, seed):
    rng = np.random.default_rng(seed)
    change = np.linalg.qr(rng.normal(size=(pair.dim, pair.dim)))[0] * rng.uniform(0.5, 2, pair.dim)
    covariance = change @ pair.covariance @ change.T
    moved = GaussianPair(change @ pair.mean, (covariance + covariance.T) / 2, pair.separability)
    weights = rng.normal(size=pair.dim)
    bound = SUMMED * CONDITION * (1 + weights @ weights)
    loss = mixup_expected_loss(pair, law)
    elsewhere = mixup_expected_loss(moved, law).value(np.linalg.solve(change.T, weights))
    assert elsewhere == pytest.approx(loss.value(weights), abs=bound)
    assert loss.in_basis(change).value(weights) == pytest.approx(loss.value(change @ weights), abs=bound)
    other = GaussianPair(3 * pair.mean, 9 * pair.covariance, pair.separability)
    assert mixup_expected_loss(other, law).value(weights / 3) == pytest.approx(loss.value(weights), abs=bound)


def test_the_order_of_a_pair_is_irrelevant_for_a_symmetric_law():
    pair = reference_pair(1.3)
    weights = np.array([0.7, -0.4])
    shape = lambda node: np.sin(np.pi * node / 2) ** 2  # noqa: E731
    forward, backward = (MixingLaw.atoms(np.array([node]), np.ones(1), shape) for node in (0.2, 0.8))
    losses = [mixup_expected_loss(pair, law).value(weights) for law in (forward, backward)]
    assert losses[0] == pytest.approx(losses[1], rel=SUMMED, abs=0)


def test_more_atoms_than_are_summed_at_a_time():
    rng = np.random.default_rng(5)
    atoms = 5000
    roots = rng.normal(size=(atoms, 2, 2))
    loss = ExpectedLoss(
        rng.normal(size=(atoms, 2)),
        roots @ np.swapaxes(roots, 1, 2),
        rng.uniform(size=atoms),
        np.full(atoms, 1 / atoms),
    )
    weights = np.array([0.5, -0.3])
    parts = [
        ExpectedLoss(loss.means[part], loss.covariances[part], loss.labels[part], np.full(1000, 1e-3))
        for part in np.split(np.arange(atoms), 5)
    ]
    assert loss.value(weights) == pytest.approx(np.mean([part.value(weights) for part in parts]), rel=2 * SUMMED, abs=0)
    mean_gradient = np.mean([part.gradient(weights) for part in parts], axis=0)
    assert loss.gradient(weights) == pytest.approx(mean_gradient, abs=2 * SUMMED)
    mean_hessian = np.mean([part.hessian(weights) for part in parts], axis=0)
    assert loss.hessian(weights) == pytest.approx(mean_hessian, abs=16 * SUMMED)


def test_dimensions_that_disagree_are_refused():
    pair = reference_pair(1.0)
    with pytest.raises(ValueError, match="masks must have 2 coordinates, got 3"):
        mask_expected_loss(pair, all_masks(3), np.full(8, 1 / 8), np.full(8, 0.5))
    with pytest.raises(ValueError, match="weights must have 2 coordinates, got 3"):
        erm_expected_loss(pair).value(np.ones(3))
    with pytest.raises(ValueError, match="basis must have 2 coordinates, got 3"):
        erm_expected_loss(pair).in_basis(np.eye(3))
