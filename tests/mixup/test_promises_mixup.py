"""What every public function of Mixup owes to whoever calls it."""

import inspect
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

from own_data import mixup as tool
from sims import mixup as observed
from theory import mixup as predicted
from theory_on_trial.audits.promises import Case, promises

SIGMA = np.array([[1.0, 0.25, 0.0], [0.25, 2.0, 0.5], [0.0, 0.5, 0.75]])
PAIR = predicted.GaussianPair(np.array([1.0, 0.5, -0.25]), SIGMA, 2.0)
COARSE = predicted.MixingLaw.beta(1.0, 2)
ROUND = predicted.GaussianPair(np.array([1.0, 0.0]), np.diag([1.0, 2.0]), 2.0)
LAW = predicted.MixingLaw.beta(1.0, 8)
RECORDS = {"pair": PAIR, "law": LAW, "loss": predicted.mixup_expected_loss(PAIR, LAW), "input_weight": None}
CURVES = tool.AngleCurves(PAIR, LAW, "sampled", False)
DATA = {
    "law": COARSE,
    "X": np.random.default_rng(0).normal(size=(48, 3)) + np.arange(48)[:, None] % 2,
    "y": np.arange(48) % 2,
}

POSITIVE, COSINE, SHARE = (Case(within=within) for within in ((-1e-12, np.inf), (0, 2), (0, 1)))
HARD = Case(warns="every lambda is 0 or 1")
FLAT = Case(raises=(RuntimeError,))  # the loss is too flat, or the solver stops
THEORY = {
    "GaussianPair.error": Case(of=PAIR, within=(0, 1)),
    "GaussianPair.misalignment": Case(of=PAIR, within=(0, 2)),
    "MixingLaw": HARD,
    "MixingLaw.atoms": HARD,
    "MixingLaw.beta": HARD,
    "MixingLaw.mean": Case(of=COARSE),
    "ExpectedLoss.value": Case(of=RECORDS["loss"], within=(0, np.inf)),
    "ExpectedLoss.gradient": Case(of=RECORDS["loss"]),
    "ExpectedLoss.hessian": Case(of=RECORDS["loss"]),
    "ExpectedLoss.in_basis": Case(of=RECORDS["loss"]),
    "fisher_information": Case(within=(0, 0.25)),
    "isotropic_angle": Case({"pair": ROUND}, within=(0, np.inf)),
    "mask_limit_error_ratio": SHARE,
    "mask_minimiser": FLAT,
    "reduced_problem": FLAT,
    "phase_cosine": Case(within=(-1, 1)),
    "phase_direction": Case(within=(-1, 1)),
    "phase_direction_cone_program": Case(within=(-1.001, 1.001)),
    "one_minus_cosine": COSINE,
    "carratino_moments": SHARE,
    "label_entropy_floor": Case(within=(0, np.log(2))),
    "zhang_mixing_law": HARD,
    **dict.fromkeys(["angle_rate", "critical_exponent", "erm_samples", "erm_efficiency"], POSITIVE),
    **dict.fromkeys(["finite_sample_radius", "imbalance_coefficient", "intrusion_gap"], POSITIVE),
    **dict.fromkeys(["lda_efficiency", "lda_rate", "limit_curvatures", "limit_scale", "mask_limit_scale"], POSITIVE),
    **dict.fromkeys(["mixup_efficiency", "mixup_samples", "relative_newton_step"], POSITIVE),
    **dict.fromkeys(["sampled_lambda_coefficient", "scalar_minimiser", "soft_label_cross_entropy"], POSITIVE),
}
TOOL = {
    "AngleCurves.erm": Case(of=CURVES, within=(0, 2)),
    "AngleCurves.mixup": Case(of=CURVES, within=(0, 2)),
    "AngleCurves.lda": Case(of=CURVES, within=(0, 2)),
    "samples_needed": POSITIVE,
    "samples_needed_on": Case(
        DATA, extreme=False, infinite="sizes beyond what the data reach"
    ),  # 21 times `samples_needed`
}

# Every shape is a compilation: arrays are drawn where nothing is compiled, and for a fit and a margin.
KEYS = jax.random.split(jax.random.key(0), 2)
SAMPLE = {"features": np.array([[1.0, 0.5], [-0.5, 1.0], [0.25, -1.0], [0.5, 0.25]]), "labels": np.resize([1.0, 0], 4)}
LAMBDA = {"nodes": np.array([0.25]), "weights": np.ones(1)}
MIXING = {**LAMBDA, "input_weights": np.array([0.25])}
MASKING = {"masks": np.array([[1.0, 0.0]]), "probabilities": np.ones(1), "mask_labels": np.array([0.5])}
CLASSES = {"mean": np.array([1.0, 0.5]), "factor": np.array([[1.0, 0.0], [0.25, 0.5]])}
LEARNING = {"learner": observed.erm_weights, "learner_arguments": (), "n": 4, "labels": "balanced"}
CURVE = {"keys": KEYS, "separabilities": np.array([1.0, 4.0]), **CLASSES, "target": np.ones(2), **LEARNING}
TAIL = {**CLASSES, "log_n": 5.0, "n_kept": 8}
OPERATORS = {"sample_operators": lambda key: (jnp.eye(2), jnp.zeros((2, 2)), 1.0), "draws": 100}
SETTINGS = {**SAMPLE, "iterations": 50}
FIT = Case(infinite="the Newton step of a loss that is flat, and all of what overflows", warns="labels are all equal")
NO_FIT = Case(infinite="the weights of a fit that did not converge", warns="labels are all equal")
MARGIN = Case(infinite="the direction of points that are not separable")
SIMULATORS = {
    "angle_curve": replace(NO_FIT, given=CURVE, within=(0, 2)),
    "angle_deficit": Case(within=(0, 2)),
    "augmentation_accuracies": replace(NO_FIT, given={"keys": KEYS, **SAMPLE, "n": 2, **LAMBDA, **MASKING}),
    "certified_tail_directions": replace(MARGIN, given={**TAIL, "runs": 2}),
    "check_alignment": Case({**OPERATORS, "mean": CLASSES["mean"], "covariance": np.eye(2)}),
    "digit_pair": Case(within=(-1, 1)),
    "erm_weights": replace(NO_FIT, given=SAMPLE),
    "fit_affine": replace(
        FIT, given={**SETTINGS, "first": np.eye(2)[None], "second": np.eye(2)[None], "probabilities": np.ones(1)}
    ),
    "fit_erm": FIT,
    "fit_masks": replace(FIT, given={**SETTINGS, **MASKING}),
    "fit_mixup": replace(FIT, given={**SETTINGS, **MIXING}),
    "fit_mixup_sampled": replace(FIT, given={**SETTINGS, "draw": jax.random.uniform}),
    "hard_margin": MARGIN,
    "mask_weights": replace(NO_FIT, given={**SAMPLE, **MASKING}),
    "mixed_rows": NO_FIT,
    "mixup_program": NO_FIT,
    "mixup_weights": replace(NO_FIT, given={**SAMPLE, **MIXING}),
    "pair_sample": Case({**CLASSES, "n": 4}),
    "sampled_mixup_weights": replace(NO_FIT, given=SAMPLE),
    "tail_direction": replace(MARGIN, given={**CLASSES, "n_kept": 8}),
}


def with_records(modules, cases):
    """Cases that give the records for which a function asks, beside what they give already."""
    found = dict(cases)
    for module in modules:
        for name, one in vars(module).items():
            held = {key: RECORDS[key] for key in RECORDS if callable(one) and key in inspect.signature(one).parameters}
            if held:
                case = found.get(name, Case())
                found[name] = replace(case, given=held | dict(case.given))
    return found


(test_front_doors_of_theory, test_refusals_of_theory, test_answers_of_theory, test_extremes_of_theory) = promises(
    [predicted], with_records([predicted], THEORY)
)

(test_front_doors, test_refusals, test_answers, test_extremes) = promises(
    [tool, observed],
    with_records([tool], TOOL) | SIMULATORS,
    {"SampleEstimates": "a record of results", "SampleEstimates.plot": "draws one"},
    examples=3,
)
