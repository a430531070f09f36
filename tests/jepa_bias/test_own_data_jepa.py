"""What a user's views would teach a network: exact identities, planted truths, coverage of
intervals, doubts.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from own_data.jepa_bias import learning_order, learning_order_of_views, shared_features
from tests.jepa_bias.jepa_flow_by_hand import descent_crossings
from tests.jepa_bias.own_data_sets import views

ROUNDING = 2.0**-53
SEEDS = st.integers(0, 2**31)
DIMS = st.integers(1, 6)


def in_basis(basis, values):
    matrix = basis * values @ basis.T
    return (matrix + matrix.T) / 2


def commuting(seed, dim):
    """Random λ and ρ in a random basis, and the two covariances."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((dim, dim)))[0]
    covariance, regression = rng.uniform(0.5, 2, (2, dim))
    return (
        basis,
        covariance,
        regression,
        in_basis(basis, covariance / regression),
        in_basis(basis, covariance),
    )


def rotation(angle):
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, dim=DIMS, angle=st.floats(-0.5, 0.5))
def test_shared_features_are_a_basis_that_no_rotation_of_two_columns_improves(seed, dim, angle):
    rng = np.random.default_rng(seed)
    _, _, _, Sigma_xx, Sigma_yx = commuting(seed, dim)
    Sigma_yx = Sigma_yx + 0.1 * rng.standard_normal((dim, dim))
    features = shared_features(Sigma_xx, Sigma_yx)
    # d^2 / 2 rotations a sweep, at most 30 sweeps.
    tolerance = 30 * dim**2 * 8 * ROUNDING
    np.testing.assert_allclose(
        features.basis.T @ features.basis, np.eye(dim), rtol=0, atol=tolerance
    )
    np.testing.assert_allclose(
        features.Sigma_yx, features.basis.T @ Sigma_yx @ features.basis, rtol=0, atol=0
    )
    symmetric = (Sigma_yx + Sigma_yx.T) / 2

    def off_diagonal(columns):
        matrices = (
            columns.T @ matrix @ columns / np.linalg.norm(matrix)
            for matrix in (Sigma_xx, symmetric)
        )
        return sum(np.sum((matrix - np.diag(np.diag(matrix))) ** 2) for matrix in matrices)

    if dim > 1:
        rival = features.basis.copy()
        rival[:, :2] = rival[:, :2] @ rotation(angle)
        # The last of the sweeps, which shrink the rest geometrically, won less than a millionth.
        assert off_diagonal(features.basis) <= off_diagonal(rival) * (1 + 1e-4) + 2 * tolerance
    np.testing.assert_array_equal(
        features.only(np.arange(dim)[::-1]).variance, features.variance[::-1]
    )


def test_features_that_are_not_learned_are_counted():
    variance = np.array([1.0, 1.0, 1.0, 0.0, 1.0])
    covariance = np.array([0.8, -0.3, 0.02, 0.0, 0.5])
    answer = learning_order(np.diag(variance), np.diag(covariance), 2, 1e-2, "jepa")
    assert (answer.unlearned, answer.starting_above, answer.dropped) == (1, 1, 1)
    np.testing.assert_allclose(answer.covariance, [0.8, 0.5], rtol=8 * ROUNDING)
    np.testing.assert_allclose(abs(answer.basis), np.eye(5)[:, [0, 4]], atol=8 * ROUNDING)
    assert "2 of 5 features are learned, 1 not learned, 1 start above, 1 without variance" in str(
        answer
    )


def test_high_fractions_are_reached_or_refused():
    pair = np.array([[2.0, 0.3], [0.3, 1.0]]), np.array([[1.4, 0.5], [0.5, 0.9]])
    answer = learning_order(*pair, 1, 0.05, "mae", fraction=0.999)
    truth = descent_crossings(*pair, answer.basis, 1, 0.05, "mae", 0.999, 1e-2, 30.0)
    np.testing.assert_allclose(answer.times, [times[0] for times in truth], rtol=0.02)
    with pytest.raises(
        ValueError, match=r"^fraction must be at most 0\.999 where the covariances do not commute"
    ):
        learning_order(*pair, 1, 0.05, "mae", fraction=0.9999)


def test_an_end_state_that_only_rounding_reaches_is_doubted():
    pair = np.array([[2.0, 0.3], [0.3, 1.0]]), np.array([[1.0, 1.5], [0.5, -1.0]])
    answer = learning_order(*pair, 1, 0.01, "mae")
    (first,), _ = descent_crossings(
        *pair, answer.basis, 1, 0.01, "mae", 0.5, 1e-2, 10.0
    )  # rounding needs longer
    assert abs(answer.times[0] / first - 1) < 0.02 or "negative determinant" in str(answer)


def test_fewer_than_ten_pairs_per_feature_are_no_answer():
    rng = np.random.default_rng(0)
    signal = rng.standard_normal((45, 3))
    X = np.hstack([signal, signal[:, :1], rng.standard_normal((45, 2))])
    Y = np.hstack(
        [signal + 0.5 * rng.standard_normal((45, 3)), signal[:, :1], rng.standard_normal((45, 2))]
    )
    answer = learning_order_of_views(X, Y, 1, 1e-2, "mae")
    assert answer.order.dropped == 1
    assert not answer.answerable
    assert "at least 60 distinct pairs for 6 columns, got 45" in str(answer)


def test_heavy_tails_are_doubted():
    X, Y = views(0)
    X[7] *= 30
    assert any(
        "tails are heavy" in doubt.reason
        for doubt in learning_order_of_views(X, Y, 2, 1e-3, "mae").doubts
    )
