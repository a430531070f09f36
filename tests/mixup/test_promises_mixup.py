"""What every public function of Mixup owes to whoever calls it."""

import inspect
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from promises import Case, promises
from theory_instances import hard_law, reference_pair

from sims import mixup as observed
from sims.mixup import tail_sampler
from theory import mixup as predicted

SIGMA = np.array([[1.0, 0.25, 0.0], [0.25, 2.0, 0.5], [0.0, 0.5, 0.75]])
PAIR = predicted.GaussianPair(np.array([1.0, 0.5, -0.25]), SIGMA, 2.0)
COARSE = predicted.MixingLaw.beta(1.0, 2)
ROUND = predicted.GaussianPair(np.array([1.0, 0.0]), np.diag([1.0, 2.0]), 2.0)
LAW = predicted.MixingLaw.beta(1.0, 8)
RECORDS = {
    "pair": PAIR,
    "law": LAW,
    "loss": predicted.mixup_expected_loss(PAIR, LAW),
    "input_weight": None,
}

POSITIVE, COSINE, SHARE = (Case(within=within) for within in ((-1e-12, np.inf), (0, 2), (0, 1)))
HARD = Case(warns="every lambda is 0 or 1")
FLAT = Case(raises=(RuntimeError,))  # the loss is too flat, or the solver stops
THEORY = {
    "GaussianPair.error": Case(of=PAIR, within=(0, 1)),
    "GaussianPair.misalignment": Case(of=PAIR, within=(0, 2)),
    **dict.fromkeys(["MixingLaw", "MixingLaw.atoms", "MixingLaw.beta"], HARD),
    "MixingLaw.mean": Case(of=COARSE),
    "ExpectedLoss.value": Case(of=RECORDS["loss"], within=(0, np.inf)),
    **dict.fromkeys(
        [f"ExpectedLoss.{of}" for of in ("gradient", "hessian", "in_basis")],
        Case(of=RECORDS["loss"]),
    ),
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
    **dict.fromkeys(
        ["lda_efficiency", "lda_rate", "limit_curvatures", "limit_scale", "mask_limit_scale"],
        POSITIVE,
    ),
    **dict.fromkeys(["mixup_efficiency", "mixup_samples", "relative_newton_step"], POSITIVE),
    **dict.fromkeys(
        ["sampled_lambda_coefficient", "scalar_minimiser", "soft_label_cross_entropy"], POSITIVE
    ),
}

# Every shape is a compilation: arrays are drawn where nothing is compiled, and for a fit and a
# margin.
KEYS = jax.random.split(jax.random.key(0), 2)
SAMPLE = {
    "features": np.array([[1.0, 0.5], [-0.5, 1.0], [0.25, -1.0], [0.5, 0.25]]),
    "labels": np.resize([1.0, 0], 4),
}
LAMBDA = {"nodes": np.array([0.25]), "weights": np.ones(1)}
MIXING = {**LAMBDA, "input_weights": np.array([0.25])}
MASKING = {
    "masks": np.array([[1.0, 0.0]]),
    "probabilities": np.ones(1),
    "mask_labels": np.array([0.5]),
}
CLASSES = {"mean": np.array([1.0, 0.5]), "factor": np.array([[1.0, 0.0], [0.25, 0.5]])}
LEARNING = {"learner": observed.erm_weights, "learner_arguments": (), "n": 4, "labels": "balanced"}
CURVE = {
    "keys": KEYS,
    "separabilities": np.array([1.0, 4.0]),
    **CLASSES,
    "target": np.ones(2),
    **LEARNING,
}
TAIL = {**CLASSES, "log_n": 5.0, "n_kept": 8}
OPERATORS = {"sample_operators": lambda key: (jnp.eye(2), jnp.zeros((2, 2)), 1.0), "draws": 100}
FIT = Case(
    infinite="the Newton step of a loss that is flat, and all of what overflows",
    warns="labels are all equal",
)
NO_FIT = Case(infinite="the weights of a fit that did not converge", warns="labels are all equal")
MARGIN = Case(infinite="the direction of points that are not separable")
SIMULATORS = {
    "angle_curve": replace(NO_FIT, given=CURVE, within=(0, 2)),
    "angle_deficit": Case(within=(0, 2)),
    "augmentation_accuracies": replace(
        NO_FIT, given={"keys": KEYS, **SAMPLE, "n": 2, **LAMBDA, **MASKING}
    ),
    "certified_tail_directions": replace(MARGIN, given={**TAIL, "runs": 2}),
    "check_alignment": Case({**OPERATORS, "mean": CLASSES["mean"], "covariance": np.eye(2)}),
    "digit_pair": Case(within=(-1, 1)),
    "erm_weights": replace(NO_FIT, given=SAMPLE),
    "fit_affine": replace(
        FIT,
        given={
            **SAMPLE,
            "first": np.eye(2)[None],
            "second": np.eye(2)[None],
            "probabilities": np.ones(1),
        },
    ),
    "fit_erm": FIT,
    "fit_masks": replace(FIT, given={**SAMPLE, **MASKING}),
    "fit_mixup": replace(FIT, given={**SAMPLE, **MIXING}),
    "fit_mixup_sampled": replace(FIT, given={**SAMPLE, "draw": jax.random.uniform}),
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
            held = {
                key: RECORDS[key]
                for key in RECORDS
                if callable(one) and key in inspect.signature(one).parameters
            }
            if held:
                case = found.get(name, Case())
                found[name] = replace(case, given=held | dict(case.given))
    return found


(
    test_front_doors_of_theory,
    test_refusals_of_theory,
    test_answers_of_theory,
    test_extremes_of_theory,
) = promises([predicted], with_records([predicted], THEORY))

(test_front_doors, test_refusals, test_answers, test_extremes) = promises(
    [observed],
    SIMULATORS,
    examples=3,
)


PAIR_IN_PLANE = reference_pair(1.0)
ONES = np.ones(2)
EYE = np.eye(2)
FEATURES = np.array([[1.0, 2], [3, 1], [-1, 1], [0, -2], [2, 2], [1, 0]])
LABELS = np.array([1, 1, 1, 0, 0, 0])
KEY = KEYS[0]
HARD_LAW = hard_law(1.0)
MIXES = "the scale diverges otherwise"
FLAT_LOSS = "too flat for float64"


def aligned(operators, mean=ONES, separability=1.0):
    return observed.check_alignment(
        operators, mean, np.diag(np.ones(len(mean))), separability, KEY, draws=100
    )


def accuracies(n, labels):
    return observed.augmentation_accuracies(
        KEYS, FEATURES, labels, n, 1.0, *LAMBDA.values(), *MASKING.values()
    )


def sampled(draw):
    return observed.fit_mixup_sampled(KEY, FEATURES, LABELS, draw)


def single_precision():
    with jax.enable_x64(False):
        observed.fit_mixup(
            *(values.astype(np.float32) for values in (FEATURES, LABELS, *MIXING.values()))
        )


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: predicted.GaussianPair(ONES, np.ones((2, 2)), 1.0),
            "symmetric and positive definite",
        ),
        (
            lambda: predicted.GaussianPair(ONES, np.array([[1.0, 0.1], [0.2, 1.0]]), 1.0),
            "symmetric and positive",
        ),
        (
            lambda: predicted.GaussianPair(np.ones(5), MANY[:3].T @ MANY[:3], 1.0),
            "positive definite",
        ),
        (lambda: PAIR_IN_PLANE.error(np.ones(3)), "weights must have 2 coordinates, got 3"),
        (lambda: PAIR_IN_PLANE.misalignment(np.ones(3)), "weights must have 2 coordinates, got 3"),
        (
            lambda: predicted.MixingLaw.beta(1.0, beta=1e20),
            "alpha and beta must be small enough for a Gauss-Jacobi",
        ),
        (lambda: predicted.MixingLaw.atoms(np.array([0.5]), np.array([1 + 2e-9])), "sum to one"),
        (
            lambda: predicted.erm_expected_loss(PAIR_IN_PLANE).value(1e6 * ONES),
            "a standard deviation of at most 100000",
        ),
        (
            lambda: predicted.erm_expected_loss(PAIR_IN_PLANE).value(np.ones(3)),
            "weights must have 2 coordinates, got 3",
        ),
        (
            lambda: predicted.erm_expected_loss(PAIR_IN_PLANE).in_basis(np.eye(3)),
            "basis must have 2 coordinates",
        ),
        (
            lambda: predicted.mask_expected_loss(
                PAIR_IN_PLANE, np.eye(3, dtype=bool), np.full(3, 1 / 3), np.ones(3)
            ),
            "masks must have 2 coordinates, got 3",
        ),
        (
            lambda: predicted.newton_minimiser(predicted.erm_expected_loss(reference_pair(30.0))),
            FLAT_LOSS,
        ),
        (lambda: predicted.mixup_minimiser(reference_pair(1e16), LAW), FLAT_LOSS),
        (
            lambda: predicted.critical_exponent(predicted.GaussianPair(ONES, EYE, 5.0), 0.05),
            r"epsilon must be below 1 - cos\(mu, b\)",
        ),
        (
            lambda: predicted.critical_exponent(PAIR_IN_PLANE, 0.22),
            r"1 - cos\(mu, b\) = 0.219, got 0.22",
        ),
        (
            lambda: predicted.phase_direction_cone_program(PAIR_IN_PLANE, PAIR_IN_PLANE.signal / 2),
            "nu must be below",
        ),
        (
            lambda: predicted.erm_direction_at(PAIR_IN_PLANE),
            "exactly one of n and log_n must be given",
        ),
        (
            lambda: predicted.erm_direction_at(PAIR_IN_PLANE, n=10, log_n=2.0),
            "exactly one of n and log_n",
        ),
        (
            lambda: predicted.mixup_efficiency(
                1.0, hard_law(0.0, 1.0, input_weight=lambda node: 1 - node)
            ),
            "law must relate inputs to labels",
        ),
        (lambda: predicted.lda_rate(PAIR_IN_PLANE, 4), r"n must be above dim \+ 2 = 4, got 4"),
        (lambda: predicted.mixup_samples(PAIR_IN_PLANE, 0.1, HARD_LAW, balanced=False), MIXES),
        (
            lambda: predicted.isotropic_angle(PAIR_IN_PLANE),
            "must be an eigenvector of its covariance",
        ),
        (
            lambda: predicted.modified_lda_direction(FEATURES[:5], LABELS[:5], LAW),
            "balanced, got 2 zeros and 3 ones",
        ),
        (
            lambda: predicted.modified_lda_direction(
                FEATURES[[0, 0, 3, 3]], LABELS[[0, 0, 3, 3]], LAW
            ),
            "features must scatter within their classes in every direction",
        ),
        (lambda: predicted.modified_lda_direction(FEATURES, LABELS, HARD_LAW), MIXES),
        (
            lambda: predicted.reduced_problem(
                np.stack([-ONES, ONES]), np.zeros((2, 2, 2)), 0.5, LAW
            ),
            "class_covariances must be positive definite together with the class means",
        ),
        (
            lambda: predicted.limit_curvatures(HARD_LAW),
            "law must mix labels with g != 1/2 with positive probability",
        ),
        (lambda: predicted.limit_scale_correction(HARD_LAW), "law must mix labels with g != 1/2"),
        (
            lambda: predicted.limit_scale(
                predicted.MixingLaw.atoms(np.array([1.0, 0.3]), np.array([1.0, 1e-300]))
            ),
            r"its limit exceeds 500\.0",
        ),
        (
            lambda: predicted.scalar_minimiser(101, HARD_LAW),
            "at most 100 without soft labels, got 101",
        ),
        (
            lambda: predicted.box_masks(1000, 1000),
            r"height and width must ask for at most 2\^36 entries",
        ),
        (
            lambda: predicted.mask_limit_error_ratio(
                predicted.GaussianPair(np.array([0.0, 1.0]), EYE, 1.0)
            ),
            "the mean of the pair must have no zero coordinate",
        ),
        (
            lambda: predicted.mask_limit_scale(3, np.full(3, 1 / 3)),
            r"one entry for each size 0, ..., 3, got 3",
        ),
        (
            lambda: predicted.mask_limit_scale(2, np.array([0.25, 0.5, 0.25])),
            "allow a size other than 0, dim / 2 and",
        ),
        (
            lambda: observed.pair_sample(KEY, 5, ONES, EYE, 1.0),
            "n must be even for balanced labels, got 5",
        ),
        (lambda: observed.angle_deficit(ONES, np.zeros(2)), "b must have a largest entry from"),
        (
            lambda: aligned(lambda key: (EYE, EYE, 0.5), np.ones(1)),
            "mean must have at least 2 coordinates",
        ),
        (
            lambda: aligned(lambda key: (EYE, EYE, 0.5), np.ones(11)),
            "draws must be at least 110 in 11 dimensions",
        ),
        (
            lambda: aligned(lambda key: (jnp.eye(3), jnp.eye(3), 0.5)),
            "two 2 x 2 matrices and a number",
        ),
        (
            lambda: aligned(lambda key: (jnp.eye(2) / 0, jnp.eye(2), 0.5)),
            "must return finite matrices",
        ),
        (lambda: aligned(lambda key: (jnp.eye(2), jnp.eye(2), 1.5)), r"must return λ in \[0, 1\]"),
        (
            lambda: aligned(lambda key: (-jnp.eye(2), jnp.eye(2), 1.0)),
            "minimum at a positive multiple",
        ),
        (
            lambda: aligned(
                lambda key: (jnp.eye(2), jnp.zeros((2, 2)), jnp.ones(())), separability=40.0
            ),
            "minimum at a positive multiple",
        ),
        (lambda: observed.digit_pair(3, 3), "must be two different digits"),
        (lambda: accuracies(5, LABELS), "n must be even"),
        (
            lambda: accuracies(4, np.array([1, 1, 1, 1, 0, 0])),
            "more than n / 2 = 2 points of each class, got 2",
        ),
        (
            lambda: sampled(lambda key, shape: jnp.ones(2)),
            r"numbers of the shape \(6, 6\), got \(2,\)",
        ),
        (
            lambda: sampled(lambda key, shape: jnp.full(shape, 1.5)),
            r"draw must return numbers in \[0, 1\]",
        ),
        (single_precision, "a Mixup fit needs float64"),
        (
            lambda: observed.hard_margin_program(np.array([[1.0, 0], [-1, 0.5], [0, -1]])),
            "must be separable",
        ),
        (
            lambda: observed.tail_direction(KEY, 2.0, np.ones(27), np.eye(27), 1.0, 10),
            "mean must have at most 26 coordinates",
        ),
        (
            lambda: observed.certified_tail_directions(
                KEY, 100.0, np.ones(5), np.eye(5), 100.0, 8, 1
            ),
            "sample 0 is not certified by 16 points",
        ),
    ],
)
def test_what_does_not_go_together_gets_one_sentence(call, sentence, monkeypatch):
    monkeypatch.setattr(tail_sampler, "MOST_POINTS", 16)
    with pytest.raises((ValueError, TypeError, RuntimeError), match=sentence):
        call()


def test_what_is_nearly_refused_is_answered():
    assert predicted.GaussianPair(
        np.array([1.0, 1e-9]), np.diag([1.0, 1e-18]), 1.0
    ).signal == pytest.approx(2)
    assert predicted.MixingLaw.atoms(np.array([0.5]), np.array([1 + 5e-10])).nodes.size == 1
    assert predicted.scalar_minimiser(100, HARD_LAW) == pytest.approx(200, rel=1e-11, abs=0)
    assert predicted.limit_scale(HARD_LAW) == np.inf
    assert np.isnan(observed.angle_deficit(np.array([np.nan, 1.0]), ONES))
