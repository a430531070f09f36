"""Bad input gets one sentence that names the argument, before anything is computed."""

import numpy as np
import pytest

from theory import jepa_bias as predicted
from theory.jepa_bias._validation import (
    check_choice,
    check_objective,
    checked_features,
    checked_members,
    clock_factor,
)

JEPA = dict(objective="jepa", clock="paper")
ONE, TWO = np.ones(1), np.array([1.0, 0.5])
EYE = np.eye(2)
KEPT = np.array([True, False])
VIEWS = (2.0, 1.2, 1.5)


def time(strength=0.2, init=0.01, depth=2, covariance=1.0, regression=0.7, **settings):
    return predicted.time_to_reach(strength, init, depth, covariance, regression, **(JEPA | settings))


def critical(fraction=0.5, init=0.01, depth=2, covariance=1.0, regression=0.7):
    return predicted.critical_time(fraction, init, depth, covariance, regression, **JEPA)


def route(covariance=TWO, regression=TWO, init=0.01, fraction=0.5, misalignment=1e-3, **more):
    return predicted.itinerary(covariance, regression, 2, init, fraction, misalignment, **JEPA, **more)


REFUSED = [
    # scalar dynamics and times
    (lambda: time(covariance=0.0), r"covariance must be finite and positive \(.* decays to zero\), got 0.0"),
    (
        lambda: time(covariance=np.array([1.0, -2.0])),
        r"covariance must be finite and positive \(.*never learned.* got -2.0",
    ),
    (lambda: time(regression=np.inf), r"regression must be finite and positive \(.*without input variance.* got inf"),
    (lambda: time(regression=np.nan), "regression must be finite and positive .* got nan"),
    (lambda: time(strength=0.0), "strength must be finite and positive, got 0.0"),
    (lambda: time(init=-0.1), "init must be finite and positive, got -0.1"),
    (lambda: time(depth=0), "depth must be at least 1, got 0"),
    (lambda: time(depth=np.array([2, -1])), "depth must be at least 1, got -1"),
    (lambda: time(predictor_depth=0), "predictor_depth must be at least 1, got 0"),
    (
        lambda: time(init=np.array([0.01, 0.02]), covariance=np.ones(3)),
        r"broadcast to one shape, got .*init \(2,\).*covariance \(3,\)",
    ),
    (lambda: predicted.velocity(-0.1, 2, 1.0, 1.0, **JEPA), "strength must be non-negative, got -0.1"),
    (lambda: predicted.layer_velocity(np.nan, 2, 1.0, 1.0, **JEPA), "weight must be non-negative, got nan"),
    (lambda: predicted.layer_velocity(np.ones(2), 2, np.ones(3), 1.0, **JEPA), r"weight \(2,\).*covariance \(3,\)"),
    (lambda: predicted.asymptote(2, 0.0, objective="mae"), "regression must be finite and positive .* drop it"),
    (lambda: predicted.strength_at(-1.0, 0.1, 2, 1.0, 1.0, **JEPA), "time must be non-negative, got -1.0"),
    (lambda: predicted.strength_at(np.nan, 0.1, 2, 1.0, 1.0, **JEPA), "time must be non-negative, got nan"),
    (lambda: critical(fraction=0.0), "fraction must be finite and positive, got 0.0"),
    (lambda: critical(fraction=np.inf), "fraction must be finite and positive, got inf"),
    (
        lambda: predicted.jepa_remainder(1.0, 0.01, 2, 1.0, 0.7, clock="paper"),
        "fraction must be strictly between 0 and 1, got 1.0",
    ),
    (lambda: predicted.jepa_power_sum(0.0, 2, 1.0, 0.7, clock="paper"), "init must be finite and positive"),
    (lambda: predicted.mae_constant(1.5, 2), "fraction must be strictly between 0 and 1, got 1.5"),
    (lambda: predicted.mae_leading_time(0.1, 2, -1.0, clock="flow"), "covariance must be finite and positive"),
    (lambda: predicted.mae_next_term(0.1, 2, 1.0, -1.0, clock="flow"), "regression must be finite and positive"),
    # ordering
    (lambda: predicted.order_boundary(2, 0.01, 0.5, -0.5, 1.0), "rho_1 must be finite and positive"),
    (lambda: predicted.order_boundary(2, 0.01, 0.5, 0.5, 0.0), "rho_2 must be finite and positive"),
    (lambda: predicted.first_order_boundary(1, 0.01, 0.5, 1.0), "depth must be at least 2, got 1"),
    (lambda: predicted.boundary_maximiser(2, 0.5, 1.0, 0.5), "rho_1 must be below rho_2 .* got 1.0 and 0.5"),
    (lambda: predicted.inversion_window(1.0, 2, 0.5, 0.5, 1.0), "kappa must be at least 1 \\+ 1e-9 .* got 1.0"),
    (lambda: predicted.init_threshold(0.9, 2, 0.5, 1.0), "kappa must exceed 1 .* got 0.9"),
    (lambda: predicted.init_threshold(1.1, 2, 1.0, 1.0), "rho_1 must be below rho_2"),
    (
        lambda: checked_features(TWO, ONE),
        "must list the same features, at least one, got 2 and 1",
    ),
    (lambda: predicted.limit_order(np.ones(0), np.ones(0), 2, 0.5, objective="jepa"), "got 0 and 0"),
    (lambda: predicted.depth_cap(0.1, 1.1, 0.5, objective="jepa"), "fraction must be at most 1, got 1.1"),
    (
        lambda: predicted.greedy_ratio_expansion(2, 1.0, 1.0, 0.5, objective="jepa", fraction=0.5),
        "init must be below 1 .* got 1.0",
    ),
    (
        lambda: predicted.greedy_ratio_expansion(2, 0.1, -1.0, 0.5, objective="mae", fraction=0.5),
        "rho_high must be finite",
    ),
    (
        lambda: predicted.greedy_ratio_expansion(2, 0.1, 1.0, 0.0, objective="mae", fraction=0.5),
        "rho_low must be finite",
    ),
    (lambda: predicted.sign_threshold(1), "depth must be at least 2, got 1"),
    # stability and displacement
    (lambda: predicted.saddle_rate(2, 0.0, 1.0, 1.0, 1.0, **JEPA), "covariance_learned must be finite and positive"),
    (
        lambda: checked_members(np.array([True]), TWO, TWO),
        r"learned must have one entry per feature \(2\), got 1",
    ),
    (lambda: predicted.stability_map(np.ones(17), np.ones(17), 2, objective="jepa"), "at most 16 features .* got 17"),
    (lambda: predicted.full_fixed_point_rates(TWO, -TWO, 2, **JEPA), "regression must be finite and positive"),
    (lambda: predicted.displacement_time(-1.0, 1.0, 0.1), "learned_time must be non-negative, got -1.0"),
    (lambda: predicted.displacement_time(1.0, np.nan, 0.1), "rate must be finite, got nan"),
    (lambda: predicted.displacement_time(1.0, 1.0, 1.0), "misalignment must be strictly between 0 and 1, got 1.0"),
    (lambda: predicted.displacement_time(1.0, 1.0, 0.1, np.inf), "offset must be finite, got inf"),
    (lambda: predicted.finite_sample_leak_time(1.0, 1.0, 1.0), "n_samples must exceed 1, got 1.0"),
    (lambda: predicted.displacement_happens(1.0, np.nan, 1.0, 0.1), "new_time must be non-negative, got nan"),
    (
        lambda: predicted.misalignment_offset(2, 0.1, 1.0, 1.0, objective="jepa", kind="rotated predictor"),
        "kind must be 'covariance' for JEPA .* got 'rotated predictor'",
    ),
    (
        lambda: predicted.misalignment_offset(2, 1.0, 1.0, 1.0, objective="mae", kind="covariance"),
        "init must be strictly between",
    ),
    (lambda: route(init=0.0), "init must be finite and positive"),
    (lambda: route(fraction=1.0), "fraction must be strictly between 0 and 1, got 1.0"),
    (lambda: route(misalignment=0.0), "misalignment must be strictly between 0 and 1, got 0.0"),
    (lambda: route(offset=np.nan), "offset must be finite, got nan"),
    (lambda: route(covariance=-TWO), "covariance must be finite and positive .* decays to zero"),
    # spectra
    (
        lambda: predicted.commutator_norm(EYE, np.ones((3, 3))),
        r"square matrices of one size, got \(2, 2\) and \(3, 3\)",
    ),
    (lambda: predicted.commutator_norm(np.ones((2, 3)), EYE), "square matrices of one size"),
    (lambda: predicted.commutator_norm(np.zeros((0, 0)), np.zeros((0, 0))), "square matrices of one size"),
    (lambda: predicted.joint_spectrum(EYE, EYE * np.nan), "Sigma_yx must be finite"),
    (
        lambda: predicted.joint_spectrum(np.array([[1.0, 0.1], [0.0, 1.0]]), EYE),
        "Sigma_xx must be symmetric, got an asymmetry of 0.1",
    ),
    (lambda: predicted.joint_spectrum(np.diag([1.0, 0.0]), EYE), "Sigma_xx must be positive definite .* rank 1 of 2"),
    (lambda: predicted.joint_spectrum(EYE, EYE, 0.0), "tol must be finite and positive"),
    (lambda: predicted.restrict_to_range(-EYE, EYE), "Sigma_xx must have a positive eigenvalue, got at most -1"),
    (
        lambda: predicted.mae_singular_values(np.diag([1.0, -1.0]), EYE, 2),
        "Sigma_xx must be positive definite .* eigenvalue -1",
    ),
    # balance
    (lambda: predicted.balance_residuals([], EYE), "layers must hold at least one matrix"),
    (lambda: predicted.balance_residuals([np.ones((3, 2))], EYE), "chaining shapes"),
    (
        lambda: predicted.unbalanced_end_state(0.1, np.ones(0), 0.5, objective="jepa"),
        "layer_inits must hold at least one layer",
    ),
    (
        lambda: predicted.unbalanced_end_state(0.1, np.array([-1.0]), 0.5, objective="mae"),
        "layer_inits must be finite and positive",
    ),
    (
        lambda: predicted.unbalanced_end_state(0.0, ONE, 0.5, objective="mae"),
        "predictor_init must be finite and positive",
    ),
    (lambda: predicted.unbalanced_end_state(0.1, ONE, 0.0, objective="mae"), "regression must be finite and positive"),
    (
        lambda: predicted.discrete_time_shift(0.1, 0.5, 0.9, 2, 1.0, 0.7, **JEPA),
        "init must be below the target .* got 0.9",
    ),
    (lambda: predicted.discrete_time_shift(-0.1, 0.5, 0.1, 2, 1.0, 0.7, **JEPA), "step must be non-negative"),
    (lambda: predicted.collapsed_predictor(1.0, 1.0, 1.0, 0.5, 0.5), "variance_y must exceed covariance"),
    (lambda: predicted.collapse_strength(1.0, 2, 1.0, 1.0, 1.0, 0.5), "variance_y must exceed covariance"),
    (lambda: predicted.collapse_strength(0.0, 2, *VIEWS, 0.7), "time must be finite and positive"),
    (lambda: predicted.collapses_without_stop_gradient(1.0, 2.0, 1.0), r"covariance must satisfy covariance\^2 <= "),
    (lambda: predicted.collapsed_predictor(*VIEWS, np.nan, 0.5), "predictor_init must be finite, got nan"),
    # data models
    (lambda: predicted.static_features(0.0, 1.0), "signal_variance must be finite and positive"),
    (lambda: predicted.static_features(1.0, -1.0), "noise_variance must be non-negative, got -1.0"),
    (lambda: predicted.static_features(1.0, np.inf), "noise_variance must be finite, got inf"),
    (
        lambda: predicted.temporal_features(1.0, 1.0, 1.0),
        "autocorrelation must be strictly between -1 and 1 .* got 1.0",
    ),
    (lambda: predicted.complementary_mask_covariances(EYE, 1.0), "rate must be strictly between 0 and 1"),
    (lambda: predicted.independent_mask_covariances(EYE, 0.5, 0.0), "target_rate must be strictly between 0 and 1"),
    (
        lambda: predicted.complementary_mask_covariances(np.array([[1.0, 0.1], [0.0, 1.0]]), 0.5),
        "data_covariance must be symmetric",
    ),
    (
        lambda: predicted.complementary_mask_covariances(np.diag([1.0, 0.0]), 0.5),
        "diagonal of data_covariance must be finite and pos",
    ),
    (
        lambda: predicted.complementary_mask_covariances(np.zeros((0, 0)), 0.5),
        "data_covariance must be non-empty and finite",
    ),
    (lambda: predicted.complementary_mask_features(-1.0, 1.0, 0.5), "eigenvalues must be non-negative"),
    (lambda: predicted.covariances_of_features(TWO, TWO, 2 * EYE), "basis must have orthonormal columns"),
    (lambda: predicted.covariances_of_features(TWO, -TWO, EYE), "covariance / regression must be finite and positive"),
    # neighbours
    (lambda: predicted.saxe_singular_value(1.0, 0.1, 1, 1.0, 1.0), "n_layers must be at least 2, got 1"),
    (lambda: predicted.saxe_velocity(0.1, 0, 1.0, 1.0), "n_layers must be at least 1, got 0"),
    (lambda: predicted.saxe_two_layers(1.0, 0.1, 1.0, 0.0), "variance must be finite and positive"),
    (lambda: predicted.stepwise_critical_time(1.0, 1.0), r"init must be below eigenvalue\^\(-1/2\)"),
    (lambda: predicted.stepwise_singular_value(np.inf, 0.1, 1.0), "time must be finite, got inf"),
    (lambda: predicted.subspace_overlap_exponent(0.5, 0.6), "next_eigenvalue must be at most last_eigenvalue"),
    (lambda: predicted.pretext_to_label(EYE, np.ones((3, 2))), "Sigma_2Y must have full column rank 2, got rank 1"),
    (lambda: predicted.pretext_to_label(EYE, np.ones((0, 2))), "Sigma_2Y must be non-empty and finite"),
    (
        lambda: predicted.conditional_covariance(EYE, EYE, np.ones((2, 2)), EYE),
        "Sigma_YY must be invertible, got rank 1 of 2",
    ),
    (lambda: predicted.collision_probability(ONE), "priors must be positive probabilities of at least two classes"),
    (lambda: predicted.collision_probability(np.array([0.5, 0.6])), "priors must be positive probabilities"),
    (lambda: predicted.supervised_bound(np.nan, np.array([0.5, 0.5])), "unsupervised_loss must be finite, got nan"),
    (
        lambda: predicted.mean_classifier_loss(EYE, np.ones((2, 2)), np.array([0.5, 0.5]), "hinge"),
        "conditionals must hold one probability vector per class",
    ),
    (
        lambda: predicted.contrastive_unsupervised_loss(np.full((2, 2), np.inf), EYE, np.array([0.5, 0.5]), "hinge"),
        "features must be non-empty and finite",
    ),
    (lambda: predicted.vicreg_loss(EYE[:1], EYE[:1]), "first must hold at least two samples, got 1"),
    (lambda: predicted.vicreg_loss(EYE, EYE * np.nan), "second must be non-empty and finite"),
    (lambda: predicted.vicreg_loss(EYE, EYE, invariance=-1), "invariance must be finite and non-negative"),
    (lambda: predicted.vicreg_collapse_value(epsilon=-1), "epsilon must be finite and non-negative"),
    # words
    (lambda: check_objective("vicreg"), "objective must be one of 'jepa', 'mae', got 'vicreg'"),
    (
        lambda: check_choice("loss", "zero-one", ("hinge", "logistic")),
        "loss must be one of 'hinge', 'logistic', got 'zero-one'",
    ),
    (lambda: clock_factor("wall", np.array(2)), "clock must be one of 'paper', 'flow', got 'wall'"),
]


@pytest.mark.parametrize(("call", "sentence"), REFUSED)
def test_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


def test_a_depth_is_an_integer():
    with pytest.raises(TypeError):  # by the annotation here, by its own sentence where annotations are not checked
        predicted.asymptote(2.0, 1.0, objective="jepa")
    with pytest.raises(TypeError, match=r"depth must be an integer .*got True"):
        predicted.asymptote(True, 1.0, objective="jepa")


def test_words_are_checked_in_every_public_place():
    for call in (
        lambda: time(objective="simclr"),
        lambda: time(clock="wall"),
        lambda: predicted.asymptote(2, 1.0, objective="simclr"),
        lambda: predicted.largest_stable_step(TWO, TWO, 2, **JEPA, method="leapfrog"),
    ):
        with pytest.raises((TypeError, ValueError)):  # by the annotation first, where annotations are checked
            call()
