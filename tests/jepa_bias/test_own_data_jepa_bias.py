"""What a user's views would teach a network: exact identities, planted truths, hostile input."""

import jax
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from own_data.jepa_bias import (
    learning_order,
    learning_order_of_views,
    misalignments,
    shared_features,
)
from sims import jepa_bias as observed
from theory import jepa_bias as predicted
from theory_on_trial.own_data.estimate import Estimate

ROUNDING = 2.0**-53
SEEDS, DIMS, OBJECTIVES = st.integers(0, 2**31), st.integers(1, 6), st.sampled_from(["jepa", "mae"])


def in_basis(basis, values):
    matrix = basis * values @ basis.T
    return (matrix + matrix.T) / 2


def commuting(seed, dim):
    """Random lambda and rho in a random basis, and the two covariances."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((dim, dim)))[0]
    covariance, regression = rng.uniform(0.5, 2, (2, dim))
    return basis, covariance, regression, in_basis(basis, covariance / regression), in_basis(basis, covariance)


def rotation(angle):
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def pairs(seed, n_samples, Sigma_xx, Sigma_yx):
    """Gaussian views with these covariances, and Sigma_yy = Sigma_yx Sigma_xx^(-1) Sigma_yx^T + I."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, len(Sigma_xx))) @ np.linalg.cholesky(Sigma_xx).T
    return X, X @ np.linalg.solve(Sigma_xx, Sigma_yx.T) + rng.standard_normal(X.shape)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, dim=DIMS, angle=st.floats(-0.5, 0.5))
def test_shared_features_are_a_basis_that_no_rotation_of_two_columns_improves(seed, dim, angle):
    rng = np.random.default_rng(seed)
    _, _, _, Sigma_xx, Sigma_yx = commuting(seed, dim)
    Sigma_yx = Sigma_yx + 0.1 * rng.standard_normal((dim, dim))
    found = shared_features(Sigma_xx, Sigma_yx)
    # d^2 / 2 rotations a sweep, at most 30 sweeps.
    tolerance = 30 * dim**2 * 8 * ROUNDING
    np.testing.assert_allclose(found.basis.T @ found.basis, np.eye(dim), rtol=0, atol=tolerance)
    np.testing.assert_allclose(found.Sigma_yx, found.basis.T @ Sigma_yx @ found.basis, rtol=0, atol=0)
    symmetric = (Sigma_yx + Sigma_yx.T) / 2

    def off_diagonal(columns):
        matrices = (columns.T @ matrix @ columns / np.linalg.norm(matrix) for matrix in (Sigma_xx, symmetric))
        return sum(np.sum((matrix - np.diag(np.diag(matrix))) ** 2) for matrix in matrices)

    if dim > 1:
        turned = found.basis.copy()
        turned[:, :2] = turned[:, :2] @ rotation(angle)
        # The last of the sweeps, which shrink the rest geometrically, won less than a millionth.
        assert off_diagonal(found.basis) <= off_diagonal(turned) * (1 + 1e-4) + 2 * tolerance
    np.testing.assert_array_equal(found.only(np.arange(dim)[::-1]).variance, found.variance[::-1])


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, dim=DIMS, objective=OBJECTIVES, tie=st.sampled_from(["none", "lambda", "variance"]))
def test_commuting_covariances_give_the_exact_features_and_times(seed, dim, objective, tie):
    basis, covariance, regression, _, _ = commuting(seed, dim)
    variance = covariance / regression
    if tie == "lambda":
        covariance = np.ones(dim)
    if tie == "variance":
        variance = np.ones(dim)
    regression = covariance / variance
    found = learning_order(in_basis(basis, variance), in_basis(basis, covariance), 2, 1e-3, objective, fraction=0.3)
    times = predicted.critical_time(0.3, 1e-3, 2, covariance, regression, objective=objective, clock="flow")
    order = np.argsort(times, kind="stable")
    # Eigenvalues to some 64 d roundings of the norm, times to ten times that: |d log t / d log rho| <= 3 + 1 / (1 - p).
    tolerance = 64 * dim * ROUNDING * 16
    np.testing.assert_allclose(found.times, times[order], rtol=10 * tolerance)
    assert (found.decaying, found.starting_above, found.dropped) == (0, 0, 0)
    assert found.commutator <= tolerance
    assert not any("commute" in doubt for doubt in found.doubts)
    gaps = np.diff(times[order])
    if np.all(gaps > 100 * tolerance * times.max()):
        np.testing.assert_allclose(found.covariance, covariance[order], rtol=tolerance)
        np.testing.assert_allclose(found.regression, regression[order], rtol=tolerance)
    if objective == "jepa":
        np.testing.assert_allclose(np.sort(found.end_spectrum.real), np.sort(regression), rtol=tolerance)
    else:
        np.testing.assert_allclose(found.end_spectrum, np.sort(regression)[::-1] ** (2 / 3), rtol=tolerance)


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, dim=st.integers(2, 5), objective=OBJECTIVES)
def test_the_answer_does_not_depend_on_the_basis_or_the_clock(seed, dim, objective):
    _, _, _, Sigma_xx, Sigma_yx = commuting(seed, dim)
    rng = np.random.default_rng(seed)
    Sigma_yx = Sigma_yx + 1e-3 * rng.standard_normal((dim, dim))
    turn = np.linalg.qr(rng.standard_normal((dim, dim)))[0]
    turned_xx = turn @ Sigma_xx @ turn.T
    one = learning_order(Sigma_xx, Sigma_yx, 2, 1e-3, objective)
    other = learning_order((turned_xx + turned_xx.T) / 2, turn @ Sigma_yx @ turn.T, 2, 1e-3, objective, clock="paper")
    # Squares of 1e-3 off the diagonal are least to a millionth: angles to 1e-3 * 1e-3 over the gaps in the diagonals.
    apart = abs(np.subtract.outer(one.covariance, one.covariance))[~np.eye(dim, dtype=bool)].min()
    assume(apart > 0.02)
    tolerance = 100 * 1e-6 / apart
    np.testing.assert_allclose(other.times, 2 * one.times, rtol=tolerance)
    np.testing.assert_array_equal(other.permanent_order, one.permanent_order)
    np.testing.assert_allclose(abs(np.sum(other.basis * (turn @ one.basis), axis=0)), 1, atol=tolerance)
    assert abs(one.commutator - other.commutator) <= 1e3 * dim * ROUNDING


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, dim=st.integers(2, 5), objective=OBJECTIVES)
def test_misalignment_is_that_of_the_stationary_states(seed, dim, objective):
    """Against eigenvectors: to first order in the off-diagonals, so to 1e3 times their size over the gaps."""
    rng = np.random.default_rng(seed)
    variance, covariance = rng.uniform(0.5, 2, (2, dim))
    regression = covariance / variance
    explained = covariance * regression
    gaps = [abs(np.subtract.outer(v, v))[~np.eye(dim, dtype=bool)].min() for v in (covariance, regression, explained)]
    assume(min(gaps) > 0.05)
    size = 1e-7
    noise = size * rng.standard_normal((2, dim, dim))
    features = shared_features(np.diag(variance) + noise[0] + noise[0].T, np.diag(covariance) + noise[1] + noise[1].T)
    found = misalignments(features, objective)
    R = np.linalg.solve(features.Sigma_xx, features.Sigma_yx.T).T

    def ratios(matrix, values):
        """Left eigenvectors [j, i] of the matrix, one on j, in the order of the values."""
        eigenvalues, vectors = np.linalg.eig(matrix.T)
        matched = vectors.T[np.argsort(eigenvalues)][np.argsort(np.argsort(values))]
        return matched / np.diag(matched)[:, None]

    start = ratios((features.Sigma_yx + features.Sigma_yx.T) / 2, features.covariance)
    if objective == "jepa":
        settled = ratios(R, features.regression)
    else:
        settled = ratios(R @ features.Sigma_yx.T, features.covariance * features.regression) @ R
        settled = settled / np.diag(settled)[:, None]
    expected = abs(start - settled)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e3 * (size / min(gaps)) ** 2 + 1e3 * ROUNDING / min(gaps))


JEPA_PAIR, MAE_PAIR = (np.array([3.2, 0.8]), np.array([1.6, 0.8])), (np.array([2.4, 1 / 1.2]), np.array([1.2, 1.0]))


@pytest.mark.parametrize(
    ("objective", "pair", "epsilon", "horizon"), [("jepa", JEPA_PAIR, 0.005, 1400.0), ("mae", MAE_PAIR, 1e-7, 3200.0)]
)
@pytest.mark.parametrize("angle", [1e-2, 1e-4])
def test_planted_displacement_is_predicted(objective, pair, epsilon, horizon, angle):
    """The trained network gives the first feature up within half an e-folding of the prediction, and relearns it."""
    variance, covariance = pair
    turn = rotation(angle)
    Sigma_xx, Sigma_yx = np.diag(variance), turn * covariance @ turn.T
    found = learning_order(Sigma_xx, Sigma_yx, 2, epsilon, objective, fraction=0.8)
    (displacement,) = found.displacements
    run = observed.gradient_flow(
        observed.aligned_init(None, 2, 2, epsilon, objective),
        Sigma_xx,
        Sigma_yx,
        horizon / 16384,
        16384,
        16,
        objective,
        basis=found.basis,
    )
    levels = 0.8 * predicted.asymptote(2, found.regression, objective=objective)
    crossings = observed.up_crossings(run.times, run.strengths, levels)
    assert (displacement.learned, displacement.new) == (0, 1)
    assert abs(float(crossings.first[1]) - displacement.time) * displacement.rate < 0.5
    assert float(crossings.first[1]) < found.times[1] * 0.99
    names = [(event.feature, event.kind) for event in found.events]
    assert names == [(0, "learned"), (0, "unlearned"), (1, "learned"), (0, "relearned")]
    assert found.events[1].time == pytest.approx(displacement.time, rel=1e-12)
    assert float(crossings.last[0]) > float(crossings.first[1])
    # The relearning starts from what was left at the displacement, and is as uncertain.
    assert abs(float(crossings.last[0]) - found.events[3].time) * displacement.rate < 1
    np.testing.assert_array_equal(found.permanent_order, [1, 0])


def test_samples_put_a_network_out_of_line():
    """delta = n^(-1/2) at least: each e-folding of it is worth 1 / mu."""
    matrices = (np.diag([3.2, 0.8]), np.diag([1.6, 0.8]))
    assert learning_order(*matrices, 2, 0.005, "jepa").displacements == ()
    few, many = (learning_order(*matrices, 2, 0.005, "jepa", n_samples=n).displacements[0] for n in (100, 10**6))
    assert few.misalignment == pytest.approx(0.1, rel=1e-15)
    assert few.rate == pytest.approx(0.05, rel=1e-12)
    assert many.time - few.time == pytest.approx(np.log(100) / 0.05, rel=1e-9)
    leak = predicted.displacement_time(few.time - np.log(10) / 0.05, 0.05, 100**-0.5)
    assert few.time == pytest.approx(float(leak), rel=1e-12)


def test_the_headline_and_its_limit():
    """JEPA takes the influential feature first where kappa is below its boundary, MAE that of larger covariance."""
    for epsilon in (1e-2, 1e-8):
        boundary = float(predicted.order_boundary(3, epsilon, 0.5, 0.5, 1.0))
        for kappa in (1 + 0.9 * (boundary - 1), 1 + 1.1 * (boundary - 1)):
            matrices = np.diag([2 * kappa, 1.0]), np.diag([kappa, 1.0])
            jepa, mae = (learning_order(*matrices, 3, epsilon, objective) for objective in ("jepa", "mae"))
            assert (jepa.regression[0] == pytest.approx(1.0)) == (kappa < boundary)
            assert mae.covariance[0] == pytest.approx(kappa)


def test_features_that_are_not_learned_are_counted():
    variance, covariance = np.array([1.0, 1.0, 1.0, 0.0, 1.0]), np.array([0.8, -0.3, 0.02, 0.0, 0.5])
    found = learning_order(np.diag(variance), np.diag(covariance), 2, 1e-2, "jepa")
    assert (found.decaying, found.starting_above, found.dropped) == (1, 1, 1)
    np.testing.assert_allclose(found.covariance, [0.8, 0.5], rtol=8 * ROUNDING)
    np.testing.assert_allclose(abs(found.basis), np.eye(5)[:, [0, 4]], atol=8 * ROUNDING)
    assert any("above the fraction 0.5 of their final strength: 1;" in doubt for doubt in found.doubts)
    assert any("without variance" in doubt for doubt in found.doubts)
    assert "2 of 5 features are learned; 1 decay, 1 start above, 1 have no variance" in str(found)


def test_covariances_that_do_not_commute_are_reported():
    turn = rotation(0.4)
    Sigma_xx, Sigma_yx = np.diag([1 / 0.6, 0.8]), turn * [1.0, 0.8] @ turn.T
    found = learning_order(Sigma_xx, Sigma_yx, 2, 1e-2, "jepa")
    assert found.commutator == pytest.approx(
        np.linalg.norm(Sigma_xx @ Sigma_yx - Sigma_yx @ Sigma_xx) / np.linalg.norm(Sigma_xx) / np.linalg.norm(Sigma_yx)
    )
    assert found.asymmetry <= 4 * ROUNDING
    assert any("do not commute" in doubt for doubt in found.doubts)
    exact = np.linalg.eigvals(Sigma_yx @ np.linalg.inv(Sigma_xx))
    np.testing.assert_allclose(np.sort(found.end_spectrum.real), np.sort(exact.real), rtol=64 * ROUNDING)
    turning = np.array([[1.0, -1.0], [1.0, 1.0]])
    jepa, mae = (learning_order(np.eye(2), turning, 1, 1e-2, objective) for objective in ("jepa", "mae"))
    assert jepa.asymmetry == pytest.approx(np.sqrt(2))
    assert any("complex eigenvalues" in doubt for doubt in jepa.doubts)
    assert not any("complex eigenvalues" in doubt for doubt in mae.doubts)
    np.testing.assert_allclose(jepa.end_spectrum, [1 + 1j, 1 - 1j], rtol=16 * ROUNDING)
    np.testing.assert_allclose(mae.end_spectrum, 2**0.25, rtol=16 * ROUNDING)


TRUTH = (in_basis(rotation(0.7), np.array([2.0, 0.5])), in_basis(rotation(0.7), np.array([1.0, 0.45])))


def test_intervals_hold_the_truth():
    """A 95 % interval, each, of a commuting population: fewer than 22 of 30 hits have a chance below 1e-4."""
    times = predicted.critical_time(
        0.5, 1e-3, 2, np.array([1.0, 0.45]), np.array([0.5, 0.9]), objective="mae", clock="flow"
    )
    truths = {"times": times, "covariance": (1.0, 0.45), "regression": (0.5, 0.9)}
    hits = {name: np.zeros(2, int) for name in truths}
    commuting_seen = 0
    for seed in range(30):
        found = learning_order_of_views(*pairs(seed, 300, *TRUTH), 2, 1e-3, "mae")
        commuting_seen += any("may commute" in doubt for doubt in found.doubts)
        for name, truth in truths.items():
            hits[name] += [one.low <= value <= one.high for one, value in zip(getattr(found, name), truth, strict=True)]
    assert min(counts.min() for counts in hits.values()) >= 22
    assert commuting_seen >= 22


def test_a_population_that_does_not_commute_is_recognised():
    turned = TRUTH[0], in_basis(rotation(1.3), np.array([1.0, 0.3]))
    found = learning_order_of_views(*pairs(0, 4000, *turned), 2, 1e-3, "jepa")
    assert not any("may commute" in doubt for doubt in found.doubts)
    commutator = predicted.commutator_norm(*turned) / np.linalg.norm(turned[0]) / np.linalg.norm(turned[1])
    assert found.squared_commutator.low <= commutator**2 <= found.squared_commutator.high


def test_containers_means_and_rows_do_not_matter():
    X, Y = pairs(3, 200, *TRUTH)
    found = learning_order_of_views(X, Y, 2, 1e-3, "jepa")
    assert found.n_samples == 200
    assert str(found.order) == str(learning_order(*moments(X, Y), 2, 1e-3, "jepa"))
    for first, second in ((pd.DataFrame(X), pd.DataFrame(Y)), (jax.numpy.asarray(X), Y.tolist()), (X + 4.0, Y - 2.0)):
        other = learning_order_of_views(first, second, 2, 1e-3, "jepa")
        np.testing.assert_allclose(other.order.times, found.order.times, rtol=1e5 * ROUNDING)
    assert "200 pairs: in the population" in str(found)
    assert all(isinstance(time, Estimate) for time in found.times)


def moments(X, Y):
    X, Y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    return X.T @ X / len(X), Y.T @ X / len(X)


def test_fewer_pairs_than_features_duplicates_and_uncertain_features():
    rng = np.random.default_rng(0)
    signal = rng.standard_normal((45, 3))
    X = np.hstack([signal, signal[:, :1], rng.standard_normal((45, 60)) * 1e-3])
    Y = np.hstack([signal + 0.5 * rng.standard_normal((45, 3)), signal[:, :1], rng.standard_normal((45, 60))])
    found = learning_order_of_views(X, Y, 1, 1e-6, "mae")
    assert found.order.dropped == 64 - 44
    assert any("do not say that they are ever learned" in doubt for doubt in found.doubts)
    assert any(time.high == np.inf for time in found.times)
    assert all(time.low <= time.high for time in found.times)
    assert any("neighbours in the order" in doubt for doubt in found.doubts)


EYE = np.eye(2)
X2, Y2 = pairs(0, 50, *TRUTH)
HOLED = X2.copy()
HOLED[7, 1] = np.nan


def order(Sigma_xx=EYE, Sigma_yx=EYE / 2, depth=2, epsilon=1e-3, objective="jepa", **settings):
    return learning_order(Sigma_xx, Sigma_yx, depth, epsilon, objective, **settings)


def of_views(X=X2, Y=Y2, depth=2, epsilon=1e-3, objective="jepa", **settings):
    return learning_order_of_views(X, Y, depth, epsilon, objective, **settings)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: order(epsilon=0.2), "epsilon must be below the fraction 0.5 of .* got 0.2: reduce epsilon or depth"),
        (lambda: order(epsilon=1e-300), "epsilon must be so large that times do not exceed float64, got 1e-300"),
        (lambda: order(Sigma_yx=np.eye(3)), "Sigma_yx must have one entry for each of the 2 dim, got 3"),
        (lambda: order(0 * EYE), "Sigma_xx must have a positive eigenvalue, got at most 0"),
        (
            lambda: order(Sigma_yx=-EYE),
            "Sigma_yx must have a feature with positive covariance, got at most -1: nothing",
        ),
        (lambda: order(Sigma_yx=0 * EYE), "Sigma_yx must have a feature with positive covariance, got at most 0"),
        (lambda: of_views(X2[0]), r"X must be a matrix, a row per pair, got shape \(2,\)"),
        (lambda: of_views(HOLED), "X must be finite, got nan in row 7, column 1"),
        (lambda: of_views(Y=HOLED), "Y must be finite, got nan in row 7, column 1"),
        (lambda: of_views(Y=Y2[1:]), r"Y must have the shape of X, which is \(50, 2\), got \(49, 2\)"),
        (lambda: of_views(X2[:39], Y2[:39]), "X must have at least 40 rows, got 39"),
        (lambda: of_views(np.ones((50, 2))), "X must vary, got the same row throughout"),
    ],
)
def test_bad_values_are_refused(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


def test_words_are_no_views():
    with pytest.raises(TypeError, match="X must hold numbers only, got entries that are none"):
        of_views([["a", "b"]] * 50)
