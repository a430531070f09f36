"""Every tool, with what users hand in by mistake: a readable answer, or one sentence that names the
argument.
"""

import warnings

import numpy as np
import pandas as pd
import pytest

from own_data.conditional_independence_ssl import labels_saved
from own_data.contrastive_theory import infonce_bias
from own_data.cosine_similarity import cosine_range
from own_data.forgetting_overlap import predicted_forgetting
from own_data.in_context_learning import which_algorithm
from own_data.infinite_width import width_exponent
from own_data.low_dim_diffusion import subspace_error
from own_data.multicalibration_boosting import multicalibration_audit
from own_data.naive_bayes_vs_logistic import assumption_diagnostics
from own_data.predictive_multiplicity import multiplicity
from own_data.random_walk_pca import random_walk_test
from own_data.ridge_ensembles import choose_subsample
from own_data.sequential_attention import selection_audit
from own_data.unconstrained_cca import ey_certificate
from theory_on_trial.own_data import arrays
from theory_on_trial.testing.suite import check_readable

RNG = np.random.default_rng(0)
CLASSES = np.arange(80) % 2
TABLE = RNG.normal(size=(80, 3)) + CLASSES[:, None]
NUMBERS = TABLE @ [1.0, 2.0, 0.0] + RNG.normal(size=80)
LEVELS = RNG.choice([0.2, 0.5, 0.8], 400)
OUTCOMES = (RNG.random(400) < LEVELS).astype(float)
SCORES = RNG.normal(size=(60, 60)) + 2 * np.eye(60)
PROMPTS = RNG.normal(size=(60, 5, 2))
ANSWERS = PROMPTS @ [1.0, -1.0]


TOOLS = {  # what is asked, its good arguments, and what is asked beside them
    "assumption_diagnostics": (
        assumption_diagnostics,
        {"X": TABLE[:48, :2], "y": CLASSES[:48]},  # as few as take it half a second
        {},
    ),
    "multiplicity": (
        multiplicity,
        {"X": TABLE[:16].round(), "y": CLASSES[:16]},
        {"epsilons": [0.0], "time_limit": 0.5, "progress": False},
    ),
    "which_algorithm": (
        lambda inputs, labels, **given: which_algorithm(
            lambda *shown: shown[1][:, -1], inputs, labels, **given
        ),
        {"inputs": PROMPTS, "labels": ANSWERS},
        {"prefixes": [2]},
    ),
    "infonce_bias": (infonce_bias, {"scores": SCORES}, {"candidates": 8, "held_out": True}),
    "labels_saved": (
        labels_saved,
        {"X1": TABLE, "X2": TABLE + RNG.normal(size=(80, 3)), "y": NUMBERS[:60]},
        {},
    ),
    "ey_certificate": (
        ey_certificate,
        {"Z1": TABLE, "Z2": TABLE + RNG.normal(size=(80, 3)), "groups": np.arange(80)},
        {"held_out": True},
    ),
    "choose_subsample": (
        choose_subsample,
        {"X": TABLE, "y": NUMBERS},
        {"max_samples": [40], "penalties": [0.5], "n_estimators": 4},
    ),
    "subspace_error": (subspace_error, {"X": TABLE}, {"n_components": 1}),
    "multicalibration_audit": (
        multicalibration_audit,
        {"predictions": LEVELS, "y": OUTCOMES, "groups": np.arange(400)[:, None] % 2 == [0, 1]},
        {"held_out": True},
    ),
    "width_exponent": (
        width_exponent,
        {"widths": np.array([64, 128, 256, 512]), "movement": RNG.lognormal(0, 0.1, (5, 4))},
        {},
    ),
    "cosine_range": (cosine_range, {"B": TABLE[:20]}, {}),
    "selection_audit": (selection_audit, {"X": TABLE, "y": NUMBERS}, {"n_features_to_select": 2}),
    "predicted_forgetting": (
        predicted_forgetting,
        {"features_s": TABLE[:6], "features_t": TABLE[6:12], "residual_t": NUMBERS[:6]},
        {"ridge": 0.5, "weights": None},
    ),
    "random_walk_test": (
        random_walk_test,
        {"trajectory": np.cumsum(TABLE - 0.5, axis=0)},
        {"draws": 99},
    ),
}


def holed(value, hole):
    spoilt = np.array(value, float)
    spoilt.flat[1] = hole
    return spoilt


def constant(value):
    spoilt = np.array(value, float)
    spoilt[..., 0] = 1.0
    return spoilt


def first_row(value, factor):
    spoilt = np.array(value, float)
    spoilt[0] *= factor
    return spoilt


VARIANTS = {
    "masked": lambda value: np.ma.masked_array(
        value, mask=np.arange(np.size(value)).reshape(np.shape(value)) == 1
    ),
    "nan": lambda value: holed(value, np.nan),
    "infinite": lambda value: holed(value, np.inf),
    "text": lambda value: np.full(np.shape(value), "a"),
    "numbers as text": lambda value: np.asarray(value).astype(str),
    "tiny": lambda value: np.asarray(value) * 1e-300,
    "huge": lambda value: np.asarray(value) * 1e300,
    "very small": lambda value: np.asarray(value) * 1e-160,
    "very large": lambda value: np.asarray(value) * 1e160,
    "first row very small": lambda value: first_row(value, 1e-160),
    "first row very large": lambda value: first_row(value, 1e160),
    "first column very small": lambda value: first_row(np.transpose(value), 1e-160).T,
    "first column very large": lambda value: first_row(np.transpose(value), 1e30).T,
    "one row": lambda value: value[:1],
    "one column": lambda value: value[..., :1],
    "none": lambda value: value[:0],
    "constant column": constant,
    "all the same": lambda value: np.ones(np.shape(value)),
    "a row short": lambda value: value[:-1],
    "frame": lambda value: (
        pd.DataFrame(value) if np.ndim(value) == 2 else pd.Series(np.ravel(value))
    ),
    "frame with a gap": lambda value: (
        pd.DataFrame(holed(value, np.nan)) if np.ndim(value) == 2 else None
    ),
    "single precision": lambda value: np.asarray(value, np.float32),
    "a list": lambda value: np.asarray(value).tolist(),
    "an axis more": lambda value: np.asarray(value)[..., None],
    "complex": lambda value: np.asarray(value) + 1j,
    "None": lambda value: None,
    "words": lambda value: "data.csv",
}
GOOD = [(tool, name) for tool, (_, arguments, _) in TOOLS.items() for name in arguments]


@pytest.mark.parametrize(("tool", "name"), GOOD, ids=[f"{tool}-{name}" for tool, name in GOOD])
def test_a_tool_answers_or_names_what_is_wrong(tool, name):
    ask, arguments, beside = TOOLS[tool]
    complaints = []
    for variant, change in VARIANTS.items():
        spoilt = arguments | {name: change(arguments[name])}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", RuntimeWarning)
                check_readable(ask(**spoilt, **beside))
        except (TypeError, ValueError) as error:
            sentence = str(error)
            named = any(argument in sentence for argument in [*arguments, *beside])
            if not named or "\n" in sentence or len(sentence) > 400:
                complaints.append(f"{variant}: {sentence!r}")
        except Exception as error:
            complaints.append(f"{variant}: {type(error).__name__}: {error}")
        else:
            if (
                variant in ("masked", "nan", "infinite", "text", "frame with a gap", "complex")
                and name != "groups"
            ):
                complaints.append(f"{variant}: is taken")
    assert complaints == []


@pytest.mark.parametrize(
    ("tool", "name"),
    [
        ("choose_subsample", "X"),
        ("assumption_diagnostics", "X"),
        ("ey_certificate", "Z1"),
        ("labels_saved", "X1"),
        ("infonce_bias", "scores"),
    ],
)
def test_what_does_not_fit_the_memory_is_refused_before_it_is_tried(tool, name, monkeypatch):
    ask, arguments, beside = TOOLS[tool]
    monkeypatch.setattr(arrays.os, "sysconf", lambda name: 32)
    with pytest.raises(ValueError, match=rf"^{name}\b.* must fit this machine's memory"):
        ask(**arguments, **beside)
