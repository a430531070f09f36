"""What every public function of Mixup owes to whoever calls it."""

import inspect
from dataclasses import replace

import numpy as np

from own_data import mixup as tool
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
    "AngleCurves.erm": Case(of=CURVES, within=(0, 2)),
    "AngleCurves.mixup": Case(of=CURVES, within=(0, 2)),
    "AngleCurves.lda": Case(of=CURVES, within=(0, 2)),
    "samples_needed_on": Case(DATA, extreme=False),  # 21 times `samples_needed`
    **dict.fromkeys(
        ["angle_rate", "critical_exponent", "entropy_lower_bound", "erm_samples", "erm_efficiency"], POSITIVE
    ),
    **dict.fromkeys(["finite_sample_radius", "imbalance_angle", "imbalance_coefficient", "intrusion_gap"], POSITIVE),
    **dict.fromkeys(["lda_efficiency", "lda_rate", "limit_curvatures", "limit_scale", "mask_limit_scale"], POSITIVE),
    **dict.fromkeys(["mixup_efficiency", "mixup_samples", "relative_newton_step", "samples_needed"], POSITIVE),
    **dict.fromkeys(["sampled_lambda_coefficient", "scalar_minimiser", "soft_label_cross_entropy"], POSITIVE),
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


(
    test_front_doors,
    test_refusals,
    test_answers,
    test_extremes,
) = promises(
    [predicted, tool],
    with_records([predicted, tool], THEORY),
    {"SampleEstimates": "a record of results"},
)
