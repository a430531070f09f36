"""Hostile input for Mixup and the curse of separability."""

import numpy as np
import pytest

from own_data import mixup as tool
from theory import mixup as predicted
from theory_on_trial.audits.hostile import case, promises

MODULES = [predicted, tool]
SIGMA = np.array([[1.0, 0.25, 0.0], [0.25, 2.0, 0.5], [0.0, 0.5, 0.75]])
PAIR = predicted.GaussianPair(np.array([1.0, 0.5, -0.25]), SIGMA, 2.0)
ROUND = predicted.GaussianPair(np.array([1.0, 0.0]), np.diag([1.0, 2.0]), 2.0)
LAW = predicted.MixingLaw.beta(1.0, 8)
ATOM = predicted.MixingLaw.atoms(np.array([0.25]), np.ones(1))
LOSS = predicted.mixup_expected_loss(PAIR, LAW)
W = np.array([0.5, 1.0, -0.5])
MASKS = np.array([[True, True, False], [True, False, False], [False, True, True]])
MASKING = {
    "masks": MASKS,
    "probabilities": np.array([0.5, 0.25, 0.25]),
    "labels": np.array([0.75, 0.25, 0.5]),
}
MAPS = {
    "first_maps": np.array([np.eye(3), np.diag([0.5, 0.25, 0.5])]),
    "second_maps": np.array([np.zeros((3, 3)), np.diag([0.5, 0.75, 0.5])]),
    "lambdas": np.array([1.0, 0.5]),
    "probabilities": np.array([0.25, 0.75]),
}
POINTS = np.array([[0.0, 1.0], [2.0, 0.5], [-1.0, 0.25], [0.5, 0.5], [1.0, -1.0], [0.25, 2.0]])
SOFT = np.array([0.0, 1.0, 0.5, 0.25, 1.0, 0.0])
FLAT = {"_raises": (RuntimeError,)}  # documented: the loss is too flat, or the solver stops
CURVES = tool.AngleCurves(PAIR, LAW, "sampled", False)
CLASSES = np.arange(48) % 2
DATA = np.random.default_rng(0).normal(size=(48, 3)) + CLASSES[:, None]
NONE = {"_within": (-1e-12, np.inf)}

CASES = {
    "GaussianPair": case(mean=PAIR.mean, covariance=SIGMA, separability=2.0),
    "GaussianPair.error": case(PAIR, weights=W, _within=(0, 1)),
    "GaussianPair.misalignment": case(PAIR, weights=W, _within=(0, 2)),
    "MixingLaw": case(
        nodes=np.array([0.25, 0.5]),
        weights=np.array([0.5, 0.5]),
        input_weights=np.array([0.25, 0.5]),
        _warns="every lambda is 0 or 1",
    ),
    "MixingLaw.beta": case(alpha=1.0, n_nodes=8, input_weight=None, beta=2.0, _warns="every lambda is 0 or 1"),
    "MixingLaw.atoms": case(
        values=np.array([0.25, 0.5]), probabilities=np.array([0.5, 0.5]), input_weight=None, _warns="as above"
    ),
    "MixingLaw.mean": case(LAW, values=np.arange(8.0)),
    "ExpectedLoss": case(
        means=LOSS.means, covariances=LOSS.covariances, labels=LOSS.labels, probabilities=LOSS.probabilities
    ),
    "ExpectedLoss.value": case(LOSS, weights=W, **NONE),
    "ExpectedLoss.gradient": case(LOSS, weights=W),
    "ExpectedLoss.hessian": case(LOSS, weights=W),
    "ExpectedLoss.in_basis": case(LOSS, basis=np.eye(3)),
    "modified_lda_direction": case(features=POINTS, labels=np.array([0, 1, 0, 1, 1, 0]), law=LAW),
    "reduced_problem": case(
        class_means=np.array([[-1.0, 0.25], [1.0, 0.5]]),
        class_covariances=np.array([np.eye(2), np.diag([0.5, 1.0])]),
        class_fraction=0.25,
        law=LAW,
        **FLAT,
    ),
    "angle_rate": case(pair=PAIR, efficiency=4.0, **NONE),
    "erm_efficiency": case(effective_separability=4.0, **NONE),
    "erm_efficiency_asymptotic": case(effective_separability=4.0, **NONE),
    "fisher_information": case(effective_separability=4.0, _within=(0, 0.25)),
    "lda_efficiency": case(effective_separability=4.0, **NONE),
    "mixup_efficiency": case(effective_separability=4.0, law=LAW, **NONE),
    "entropy_certificate": case(rows=POINTS, soft_labels=SOFT, row_weights=SOFT, weights=W[:2]),
    "entropy_lower_bound": case(soft_labels=SOFT, row_weights=SOFT, **NONE),
    "critical_exponent": case(pair=PAIR, epsilon=0.03125, **NONE),
    "erm_direction_at": case(pair=PAIR, n=50.0, log_n=None),
    "erm_samples": case(pair=PAIR, epsilon=0.03125, **NONE),
    "finite_sample_radius": case(pair=PAIR, n=None, log_n=4.0, **NONE),
    "phase_cosine": case(pair=PAIR, nu=0.25, _within=(-1, 1)),
    "phase_direction": case(pair=PAIR, nu=0.25, _within=(-1, 1)),
    "phase_direction_cone_program": case(pair=PAIR, nu=0.25, _within=(-1.001, 1.001)),
    "ridge_lda_direction": case(pair=PAIR, tau=0.5),
    "affine_expected_loss": case(pair=PAIR, **MAPS),
    "affine_loss": case(pair=PAIR, **MAPS, weights=W, **NONE),
    "affine_minimiser": case(pair=PAIR, **MAPS, **FLAT),
    "erm_expected_loss": case(pair=PAIR),
    "erm_loss": case(pair=PAIR, weights=W, **NONE),
    "erm_minimiser": case(pair=PAIR),
    "gaussian_expectation": case(function=np.tanh, centre=np.array([0.5, 1.0]), scale=2.0),
    "mask_expected_loss": case(pair=PAIR, **MASKING),
    "mask_loss": case(pair=PAIR, **MASKING, weights=W, **NONE),
    "mask_minimiser": case(pair=PAIR, **MASKING, **FLAT),
    "mixup_expected_loss": case(pair=PAIR, law=LAW),
    "mixup_loss": case(pair=PAIR, law=LAW, weights=W, **NONE),
    "mixup_minimiser": case(pair=PAIR, law=LAW),
    "newton_minimiser": case(loss=LOSS),
    "relative_newton_step": case(loss=LOSS, weights=W, **NONE),
    "imbalance_angle": case(
        pair=PAIR, law=LAW, class_means=np.array([[-1.0, 0.5, 0.0], [1.0, 0.25, 0.5]]), class_counts=(5, 7), **NONE
    ),
    "imbalance_coefficient": case(pair=PAIR, law=LAW, **NONE),
    "isotropic_angle": case(pair=ROUND, **NONE),
    "lda_rate": case(pair=PAIR, n=50.0, **NONE),
    "mixup_samples": case(pair=PAIR, epsilon=0.25, law=LAW, mode="sampled", balanced=False, **NONE),
    "sampled_lambda_coefficient": case(pair=PAIR, law=LAW, **NONE),
    "one_minus_cosine": case(first=W, second=np.array([1.0, 0.5, 0.25]), _within=(0, 2)),
    "all_masks": case(dim=3),
    "box_masks": case(height=3, width=2),
    "mask_limit_direction": case(mean=W),
    "mask_limit_error_ratio": case(pair=PAIR, _within=(0, 1)),
    "mask_limit_scale": case(dim=3, size_probabilities=np.array([0.25, 0.25, 0.25, 0.25]), **NONE),
    "limit_curvatures": case(law=LAW, **NONE),
    "limit_scale": case(law=LAW, **NONE),
    "limit_scale_correction": case(law=LAW),
    "scalar_minimiser": case(effective_separability=4.0, law=LAW, **NONE),
    "carratino_covariance": case(points=POINTS, alpha=1.0),
    "carratino_moments": case(alpha=1.0, _within=(0, 1)),
    "carratino_points": case(points=POINTS, alpha=1.0),
    "intrusion_gap": case(points=POINTS, labels=SOFT, lambdas=np.array([0.25, 0.5]), **NONE),
    "label_entropy_floor": case(labels=SOFT, lambdas=np.array([0.25, 0.5]), _within=(0, np.log(2))),
    "soft_label_cross_entropy": case(logits=POINTS, labels=np.stack([SOFT, 1 - SOFT], axis=1), **NONE),
    "squared_loss_mixing_gap": case(mixing_weight=0.25, first_label=1.0, second_label=0.0),
    "zhang_expansion_terms": case(weights=W[:2], features=POINTS, labels=SOFT, alpha=1.0),
    "zhang_mixing_law": case(alpha=1.0, beta=2.0, n_nodes=8, _warns="every lambda is 0 or 1"),
    "AngleCurves": case(pair=PAIR, law=LAW, mode="expected", balanced=False),
    "AngleCurves.erm": case(CURVES, log_n=4.0, _within=(0, 2)),
    "AngleCurves.mixup": case(CURVES, n=50.0, _within=(0, 2)),
    "AngleCurves.lda": case(CURVES, n=50.0, _within=(0, 2)),
    "samples_needed": case(pair=PAIR, law=LAW, target_cosine=0.75, mode="sampled", balanced=False, **NONE),
    "samples_needed_on": case(
        X=DATA,
        y=CLASSES,
        law=ATOM,
        target_cosine=0.75,
        mode="expected",
        balanced=True,
        confidence=0.9,
        _costly="21 fits",
    ),
}
RECORDS = ("EntropyCertificate", "ExpansionTerms", "FoldedMoments", "LimitCurvature", "SampleEstimates", "SampleSizes")
EXCLUDED = dict.fromkeys(RECORDS, "a record of results")


@pytest.mark.parametrize("distance", [1.2e-16, 3e-16, 1e-12, 1e-8, 1e-5, -1e-16, -1e-12])
def test_the_law_beside_one_half_has_its_moments(distance):
    """E lambda^k = prod_i (alpha + i) / (2 alpha + i), where SciPy's own symmetric rule is off by up to a third."""
    alpha = float(np.nextafter(0.5, 1) if distance == 1.2e-16 else 0.5 + distance)
    law = predicted.MixingLaw.beta(alpha, 24)
    for power in (1, 2, 5, 20):
        steps = np.arange(power)
        assert law.mean(law.nodes**power) == pytest.approx(np.prod((alpha + steps) / (2 * alpha + steps)), rel=1e-11)


test_one_hostile_value, test_several_hostile_values, test_every_public_function_has_a_case = promises(
    MODULES, CASES, EXCLUDED
)
