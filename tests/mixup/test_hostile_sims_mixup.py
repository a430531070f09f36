"""Hostile input for the simulators of Mixup and the curse of separability."""

import jax
import jax.numpy as jnp
import numpy as np

from sims import mixup as observed
from theory_on_trial.audits.hostile import case, promises

MODULES = [observed]
KEY = jax.random.key(0)
KEYS = jax.random.split(KEY, 2)
POINTS = np.array([[1.0, 0.5], [-0.5, 1.0], [0.25, -1.0], [0.5, 0.25]])
LABELS = np.array([1.0, 0.0, 1.0, 0.0])
SIGNED = np.array([[1.0, 0.5], [0.5, -0.25], [0.75, 0.25]])
LAW = {"nodes": np.array([0.25]), "weights": np.ones(1), "input_weights": np.array([0.25])}
MASKING = {"masks": np.array([[1.0, 0.0]]), "probabilities": np.ones(1), "mask_labels": np.array([0.5])}
MEAN, FACTOR = np.array([1.0, 0.5]), np.array([[1.0, 0.0], [0.25, 0.5]])
SAMPLE = {"features": POINTS, "labels": LABELS}
SETTINGS = {"iterations": 50, "tolerance": 1e-9, "ridge": 0.125}
CURVE = {"keys": KEYS, "separabilities": np.array([1.0, 4.0]), "mean": MEAN, "factor": FACTOR}
LEARNING = {"n": 4, "learner": observed.erm_weights, "labels": "balanced"}
TAIL = {"log_n": 5.0, "mean": MEAN, "factor": FACTOR, "separability": 4.0, "n_kept": 8}

COMPILES = {"_costly": "compiles for every shape"}
ALIKE = {"_warns": "labels are all equal"}
FLAT = {"_infinite": "the Newton step where the loss is flat", **ALIKE, **COMPILES}
STOPS = {"_infinite": "the weights of a fit that did not converge", **ALIKE, **COMPILES}
INSEPARABLE = {"_infinite": "the direction of points that are not separable", **COMPILES}


def uniform(key, shape):
    return jax.random.uniform(key, shape)


def one_minus(mixing):
    return 1 - mixing


def blend(key):
    mixing = jax.random.uniform(key)
    return mixing * jnp.eye(2), (1 - mixing) * jnp.eye(2), mixing


CASES = {
    "angle_curve": case(**CURVE, target=MEAN, **LEARNING, **STOPS, _within=(0, 2)),
    "angle_deficit": case(w=POINTS, b=MEAN, _infinite="NaN for the weights of no fit", **COMPILES),
    "augmentation_accuracies": case(
        keys=KEYS,
        **SAMPLE,
        n=2,
        ridge=0.125,
        nodes=LAW["nodes"],
        weights=LAW["weights"],
        **MASKING,
        **STOPS,
    ),
    "certified_tail_directions": case(key=KEY, **TAIL, runs=2, **INSEPARABLE, _raises=(RuntimeError,)),
    "check_alignment": case(
        sample_operators=blend,
        mean=MEAN,
        covariance=np.eye(2),
        separability=4.0,
        key=KEY,
        draws=100,
        error=1e-6,
        **COMPILES,
    ),
    "covariance_factor": case(covariance=FACTOR @ FACTOR.T),
    "digit_pair": case(first=3, second=8, _within=(-1, 1)),
    "erm_weights": case(key=KEY, **SAMPLE, **STOPS),
    "fit_affine": case(
        **SAMPLE,
        first=np.eye(2)[None] / 4,
        second=np.eye(2)[None] / 2,
        probabilities=np.ones(1),
        mixing=np.array([0.5]),
        **SETTINGS,
        **FLAT,
    ),
    "fit_erm": case(signed_points=POINTS, **FLAT),
    "fit_masks": case(**SAMPLE, **MASKING, **SETTINGS, **FLAT),
    "fit_mixup": case(**SAMPLE, **LAW, **SETTINGS, **FLAT),
    "fit_mixup_pairs": case(
        **SAMPLE, mixing=np.full((4, 4), 0.25), input_weights=np.full((4, 4), 0.5), **SETTINGS, **FLAT
    ),
    "fit_mixup_sampled": case(key=KEY, **SAMPLE, draw=uniform, input_weight=one_minus, **SETTINGS, **FLAT),
    "fitted_weights": case(**CURVE, **LEARNING, **STOPS),
    "hard_margin": case(signed_points=SIGNED, **INSEPARABLE),
    "hard_margin_program": case(signed_points=SIGNED),
    "has_one_minimiser": case(rows=POINTS, labels=LABELS),
    "is_separable": case(signed_points=SIGNED),
    "mask_weights": case(key=KEY, **SAMPLE, **MASKING, **STOPS),
    "mixed_rows": case(**SAMPLE, **LAW, **ALIKE),
    "mixup_program": case(**SAMPLE, **LAW, **ALIKE),
    "mixup_weights": case(key=KEY, **SAMPLE, **LAW, **STOPS),
    "pair_sample": case(key=KEY, n=4, mean=MEAN, factor=FACTOR, separability=4.0, labels="balanced", **COMPILES),
    "sampled_mixup_weights": case(key=KEY, **SAMPLE, alpha=1.0, **STOPS),
    "signed_points": case(**SAMPLE),
    "tail_direction": case(key=KEY, **TAIL, **INSEPARABLE),
    "tail_sample": case(key=KEY, log_n=5.0, d=2, n_kept=4, **COMPILES),
}
RECORDS = (
    *("Accuracies", "Alignment", "CertifiedDirections", "Digits", "ErmFit", "Fit", "HardMargin", "MixedRows"),
    *("PairSample", "TailDirection", "TailSample"),
)
EXCLUDED = dict.fromkeys(RECORDS, "a record of results")

test_one_hostile_value, test_several_hostile_values, test_every_public_function_has_a_case = promises(
    MODULES, CASES, EXCLUDED, examples=5
)
