"""What two arguments owe to each other gets one sentence, before anything is computed."""

import numpy as np
import pytest

from theory import jepa_bias as predicted

JEPA = dict(objective="jepa", clock="paper")
ONE, TWO = np.ones(1), np.array([1.0, 0.5])
EYE = np.eye(2)


def time(init=0.01, depth=2, covariance=1.0):
    return predicted.time_to_reach(0.2, init, depth, covariance, 1.0, **JEPA)


REFUSED = [
    (
        lambda: time(init=TWO, covariance=np.ones(3)),
        r"covariance must broadcast with arguments of shape \(2,\), got \(3,",
    ),
    (lambda: time(depth=10**6), "depth must leave at most 1000000 terms to sum, got 2000000 of them"),
    (lambda: predicted.boundary_maximiser(2, 0.5, 1.0, 0.5), "rho_1 must be below rho_2 .* got 0.5 more"),
    (lambda: predicted.init_threshold(1.1, 2, 1.0, 1.0), "rho_1 must be below rho_2"),
    (lambda: predicted.permanent_order(TWO, ONE, objective="mae"), "regression must have one entry for each of the 2"),
    (
        lambda: predicted.is_stable([True], TWO, TWO, 2, objective="mae"),
        "covariance must have one entry for each of the 1",
    ),
    (lambda: predicted.stability_map(np.ones(17), np.ones(17), 2, objective="jepa"), "at most 16 features .* got 17"),
    (
        lambda: predicted.misalignment_offset(2, 0.1, 1.0, 1.0, objective="jepa", kind="rotated predictor"),
        "kind must be 'covariance' for JEPA .* got 'rotated predictor'",
    ),
    (lambda: predicted.commutator_norm(EYE, np.eye(3)), "Sigma_yx must have one entry for each of the 2 dim, got 3"),
    (lambda: predicted.joint_spectrum(np.diag([1.0, 0.0]), EYE), "Sigma_xx must be positive definite .* rank 1 of 2"),
    (lambda: predicted.restrict_to_range(-EYE, EYE), "Sigma_xx must have a positive eigenvalue, got at most -1"),
    (lambda: predicted.balance_residuals([], EYE), "layers must hold at least one matrix"),
    (lambda: predicted.balance_residuals([np.ones((3, 2))], EYE), "chaining shapes"),
    (
        lambda: predicted.discrete_time_shift(0.1, 0.5, 0.9, 2, 1.0, 0.7, **JEPA),
        "init must be below the target .* got 0.9",
    ),
    (lambda: predicted.collapsed_predictor(1.0, 1.0, 1.0, 0.5, 0.5), "variance_y must exceed covariance"),
    (lambda: predicted.collapse_strength(1.0, 2, 1.0, 1.0, 1.0, 0.5), "variance_y must exceed covariance"),
    (lambda: predicted.collapsed_predictor(1.0, 2.0, 1.0, 0.5, 0.5), r"covariance must satisfy covariance\^2 <= "),
    (
        lambda: predicted.complementary_mask_covariances(np.diag([1.0, 0.0]), 0.5),
        "data_covariance must have a positive diagonal",
    ),
    (lambda: predicted.stepwise_critical_time(1.0, 1.0), r"init must be below eigenvalue\^\(-1/2\)"),
    (lambda: predicted.subspace_overlap_exponent(0.5, 0.6), "next_eigenvalue must be at most last_eigenvalue"),
    (lambda: predicted.pretext_to_label(EYE, np.ones((3, 2))), "Sigma_2Y must have full column rank 2, got rank 1"),
    (
        lambda: predicted.conditional_covariance(EYE, EYE, np.ones((2, 2)), EYE),
        "Sigma_YY must be invertible, got rank 1 of 2",
    ),
    (lambda: predicted.collision_probability(ONE), "priors must be those of at least two classes"),
    (lambda: predicted.vicreg_loss(EYE[:1], EYE[:1]), "first must hold at least two samples"),
]


@pytest.mark.parametrize(("call", "sentence"), REFUSED)
def test_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
