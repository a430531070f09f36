"""What every public function of Mixup owes to whoever calls it."""

import inspect
import warnings
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from promises import Case, promises

from paper_checks.test_mixup import reference_pair
from sims.mixup import alignment, angles, fits, margins, network
from theory.mixup import classes, population, rates
from theory.mixup.classes import GaussianPair, MixingLaw


def hard_law(*values, input_weight=None):
    """Equally likely lambdas in {0, 1}, without the warning that this is no mixing of labels."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MixingLaw.atoms(
            np.array(values), np.full(len(values), 1 / len(values)), input_weight
        )


SIGMA = np.array([[1.0, 0.25, 0.0], [0.25, 2.0, 0.5], [0.0, 0.5, 0.75]])
PAIR = GaussianPair(np.array([1.0, 0.5, -0.25]), SIGMA, 2.0)
COARSE = MixingLaw.beta(1.0, 2)
ROUND = GaussianPair(np.array([1.0, 0.0]), np.diag([1.0, 2.0]), 2.0)
LAW = MixingLaw.beta(1.0, 8)
RECORDS = {
    "pair": PAIR,
    "law": LAW,
    "loss": population.mixup_expected_loss(PAIR, LAW),
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
    "mask_limit_scores": FLAT,
    "phase_cosine": Case(within=(-1, 1)),
    "phase_direction": Case(within=(-1, 1)),
    "one_minus_cosine": COSINE,
    **dict.fromkeys(["angle_rate", "critical_exponent", "erm_samples", "erm_efficiency"], POSITIVE),
    **dict.fromkeys(["finite_sample_radius", "imbalance_coefficient"], POSITIVE),
    **dict.fromkeys(
        ["lda_efficiency", "lda_rate", "limit_curvatures", "limit_scale"],
        POSITIVE,
    ),
    **dict.fromkeys(["mixup_efficiency", "mixup_samples"], POSITIVE),
    **dict.fromkeys(["sampled_lambda_coefficient", "scalar_minimiser"], POSITIVE),
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
LEARNING = {"learner": angles.erm_weights, "learner_arguments": (), "n": 4, "labels": "balanced"}
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
    "network_direction": Case(
        {**CLASSES, "n": 4, "augmentation": "mixup", "steps": 2}, infinite="where training diverges"
    ),
    "pair_sample": Case({**CLASSES, "n": 4}),
    "sampled_mixup_weights": replace(NO_FIT, given=SAMPLE),
    "tail_direction": replace(MARGIN, given={**CLASSES, "n_kept": 8, "radii": None}),
}


INTERNAL = dict.fromkeys(
    [
        "gaussian_rule",
        "gaussian_expectation",
        "logistic_derivatives",
        "limit_residual",
        "where_below",
        "count",
        "require_halves",
        "warn_of_one_class",
        "minimise",
    ],
    "shared by guarded functions",
)


def with_records(modules, cases):
    """Cases that give the records for which a function asks, beside what they give already."""
    found = dict(cases)
    for module in modules:
        for name, one in vars(module).items():
            held = {
                key: RECORDS[key]
                for key in RECORDS
                if getattr(one, "__module__", "") == module.__name__
                and not name.startswith("_")
                and name not in INTERNAL
                and callable(one)
                and key in inspect.signature(one).parameters
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
) = promises(
    [classes, population, rates],
    with_records([classes, population, rates], THEORY),
    INTERNAL,
)

(test_front_doors, test_refusals, test_answers, test_extremes) = promises(
    [fits, margins, angles, alignment, network],
    SIMULATORS,
    INTERNAL,
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
    return alignment.check_alignment(
        operators, mean, np.diag(np.ones(len(mean))), separability, KEY, draws=100
    )


def accuracies(n, labels):
    return angles.augmentation_accuracies(
        KEYS, FEATURES, labels, n, 1.0, *LAMBDA.values(), *MASKING.values()
    )


def sampled(draw):
    return fits.fit_mixup_sampled(KEY, FEATURES, LABELS, draw)


def single_precision():
    with jax.enable_x64(False):
        fits.fit_mixup(
            *(values.astype(np.float32) for values in (FEATURES, LABELS, *MIXING.values()))
        )


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: PAIR_IN_PLANE.error(np.ones(3)), "weights must have 2 coordinates, got 3"),
        (lambda: MixingLaw.beta(1e20), "alpha must be small enough for a Gauss-Jacobi"),
        (
            lambda: population.erm_expected_loss(PAIR_IN_PLANE).value(1e6 * ONES),
            "a standard deviation of at most 100000",
        ),
        (
            lambda: population.erm_expected_loss(PAIR_IN_PLANE).value(np.ones(3)),
            "weights must have 2 coordinates, got 3",
        ),
        (
            lambda: population.erm_expected_loss(PAIR_IN_PLANE).in_basis(np.eye(3)),
            "basis must have 2 coordinates",
        ),
        (
            lambda: population.mask_expected_loss(
                PAIR_IN_PLANE, np.eye(3, dtype=bool), np.full(3, 1 / 3), np.ones(3)
            ),
            "masks must have 2 coordinates, got 3",
        ),
        (
            lambda: population.newton_minimiser(population.erm_expected_loss(reference_pair(30.0))),
            FLAT_LOSS,
        ),
        (lambda: population.mixup_minimiser(reference_pair(1e16), LAW), FLAT_LOSS),
        (
            lambda: rates.critical_exponent(GaussianPair(ONES, EYE, 5.0), 0.05),
            r"epsilon must be below 1 - cos\(mu, b\)",
        ),
        (
            lambda: rates.critical_exponent(PAIR_IN_PLANE, 0.22),
            r"1 - cos\(mu, b\) = 0.219, got 0.22",
        ),
        (
            lambda: rates.mixup_efficiency(
                1.0, hard_law(0.0, 1.0, input_weight=lambda node: 1 - node)
            ),
            "law must relate inputs to labels",
        ),
        (lambda: rates.lda_rate(PAIR_IN_PLANE, 4), r"n must be above dim \+ 2 = 4, got 4"),
        (lambda: rates.mixup_samples(PAIR_IN_PLANE, 0.1, HARD_LAW, balanced=False), MIXES),
        (
            lambda: rates.isotropic_angle(PAIR_IN_PLANE),
            "must be an eigenvector of its covariance",
        ),
        (
            lambda: rates.modified_lda_direction(FEATURES[:5], LABELS[:5], LAW),
            "balanced, got 2 zeros and 3 ones",
        ),
        (
            lambda: rates.modified_lda_direction(FEATURES[[0, 0, 3, 3]], LABELS[[0, 0, 3, 3]], LAW),
            "features must scatter within their classes in every direction",
        ),
        (
            lambda: population.limit_curvatures(HARD_LAW),
            "law must mix labels with g != 1/2 with positive probability",
        ),
        (
            lambda: population.limit_scale(
                MixingLaw.atoms(np.array([1.0, 0.3]), np.array([1.0, 1e-300]))
            ),
            r"its limit exceeds 500\.0",
        ),
        (
            lambda: population.scalar_minimiser(101, HARD_LAW),
            "at most 100 without soft labels, got 101",
        ),
        (
            lambda: population.box_masks(1000, 1000),
            r"height and width must ask for at most 2\^36 entries",
        ),
        (
            lambda: population.mask_limit_error_ratio(GaussianPair(np.array([0.0, 1.0]), EYE, 1.0)),
            "the mean of the pair must have no zero coordinate",
        ),
        (
            lambda: fits.pair_sample(KEY, 5, ONES, EYE, 1.0),
            "n must be even for balanced labels, got 5",
        ),
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
        (lambda: angles.digit_pair(3, 3), "must be two different digits"),
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
        (single_precision, "a fit of mixtures needs float64"),
        (
            lambda: margins.tail_direction(KEY, 2.0, np.ones(27), np.eye(27), 1.0, 10),
            "mean must have at most 26 coordinates",
        ),
        (
            lambda: margins.certified_tail_directions(
                KEY, 100.0, np.ones(5), np.eye(5), 100.0, 8, 1
            ),
            "sample 0 is not certified by 16 points",
        ),
    ],
)
def test_what_does_not_go_together_gets_one_sentence(call, sentence, monkeypatch):
    monkeypatch.setattr(margins, "MOST_POINTS", 16)
    with pytest.raises((ValueError, TypeError, RuntimeError), match=sentence):
        call()


def test_what_is_nearly_refused_is_answered():
    narrow = GaussianPair(np.array([1.0, 1e-9]), np.diag([1.0, 1e-18]), 1.0)
    assert narrow.signal == pytest.approx(2)
    assert population.scalar_minimiser(100, HARD_LAW) == pytest.approx(200, rel=1e-11, abs=0)
    assert population.limit_scale(HARD_LAW) == np.inf
