"""Hostile input for the simulators of neural collapse in deep linear networks."""

import functools
from types import SimpleNamespace

import jax
import numpy as np

from sims import neural_collapse as observed
from theory_on_trial.audits.hostile import case, promises

KEY = jax.random.key(0)
PROBLEM = observed.Problem((2, 1), (0.25,), 0.125)
RNG = np.random.default_rng(0)
LAYER, FEATURES, BIAS = RNG.normal(size=(2, 3)), RNG.normal(size=(3, 2)), np.zeros(2)


def in_parts(function, name):
    """The function with the parts of its head one by one, so that each of them is replaced by hostile values."""

    @functools.wraps(function)
    def call(layer, features, bias, **others):
        return function(**{name: observed.Head((layer,), features, bias)}, **others)

    return call


def step_by_step(function):
    """The function with loops that Python runs: compiled ones would be compiled anew in every call."""

    @functools.wraps(function)
    def call(**arguments):
        with jax.disable_jit():
            return function(**arguments)

    return call


OF_HEADS = ("ce_loss", "collapse", "hessian_spectrum", "layer_imbalances", "mse_loss", "objective")
OF_STARTS = ("gradient_flow", "minimise", "ramp")
LOOPS = ("minimise_contrastive", "spread_vectors")
PARTS = SimpleNamespace(
    __name__="parts",
    __all__=[],
    **{name: in_parts(getattr(observed, name), "head") for name in OF_HEADS},
    **{name: in_parts(getattr(observed, name), "start") for name in OF_STARTS},
    **{name: step_by_step(getattr(observed, name)) for name in LOOPS},
)
MODULES = [PARTS, observed]
HEAD = {"layer": LAYER, "features": FEATURES, "bias": BIAS}
ONE = {"class_sizes": (2, 1), "weight_decay": 0.25, "feature_decay": 0.125, "bias": True}
STARTS = {"problem": PROBLEM, "key": KEY, "starts": 2, "widths": (2,), "weight_std": 1.0, "feature_std": 1.0}
BALL = {"learning_rate": 0.125, "momentum": 0.5}
TARGETS = observed.balanced_targets(2, 1, bias=False)

COMPILES = {"_costly": "compiles for every shape"}
DIES = {"_infinite": "metrics of zeros are NaN", **COMPILES}
SOME = {"_within": (0, np.inf)}
LOSS = {"targets": np.eye(2), "sample_weights": np.array([2.0, 1.0]), **COMPILES}
SEARCH = {"_costly": "descents"}

CASES = {
    "Problem": case(
        class_sizes=(2, 1), weight_decays=(0.25, 0.5), feature_decay=0.125, bias=True, bias_decay=0.5, loss="mse"
    ),
    "Problem.columns": case(PROBLEM, n_columns=3),
    "balanced_targets": case(n_classes=2, depth=1, bias=True),
    "best_configuration": case(**STARTS, **SEARCH),
    "best_of": case(**STARTS, reduced=True, **SEARCH),
    "ce_loss": case(**HEAD, **LOSS),
    "class_means": case(features=FEATURES, class_sizes=(1, 1), **COMPILES),
    "collapse": case(**HEAD, problem=PROBLEM, targets=TARGETS, **DIES),
    "dual_value": case(dual=np.array([[0.25, 0.0], [0.125, 0.5]]), **ONE),
    "gradient_flow": case(**HEAD, problem=PROBLEM, time_step=0.125, steps=2, every=1, **COMPILES, _every=24),
    "gram_distance": case(gram=LAYER, target=LAYER + 1, _within=(0, 2), **DIES),
    "hessian_spectrum": case(**HEAD, problem=PROBLEM),
    "initial_head": case(key=KEY, widths=(3,), n_classes=2, n_columns=2, weight_std=1.0, feature_std=1.0, **COMPILES),
    "layer_imbalances": case(**HEAD, **COMPILES),
    "minimise": case(**HEAD, problem=PROBLEM, newton_steps=1, **SEARCH),
    "minimise_contrastive": case(
        key=KEY,
        labels=(0, 0, 1),
        dim=2,
        nonnegative=True,
        batches=((0, 1), (0, 2)),
        temperature=0.5,
        learning_rate=0.125,
        steps=2,
        **COMPILES,
    ),
    "mse_loss": case(**HEAD, **LOSS, **SOME),
    "nuclear_norm_optimum": case(**ONE, loss="mse", _raises=(RuntimeError,)),
    "objective": case(**HEAD, problem=PROBLEM, **SOME, **COMPILES),
    "optima": case(**STARTS, reduced=True, **SEARCH),
    "product": case(weights=(LAYER, LAYER.T), **COMPILES),
    "ramp": case(
        key=KEY,
        **HEAD,
        problem=PROBLEM,
        factors=np.array([1.0, 2.0]),
        steps=2,
        **BALL,
        noise=0.125,
        **COMPILES,
        _every=24,
    ),
    "spread_vectors": case(
        key=KEY,
        n_vectors=3,
        dim=2,
        absolute=True,
        sharpness=8.0,
        levels=2,
        steps=2,
        **BALL,
        _within=(-1.01, 1.01),
        **COMPILES,
    ),
    "supervised_contrastive_loss": case(
        features=LAYER, labels=(0, 0, 1), batches=((0, 1), (0, 2)), temperature=0.5, **SOME, **COMPILES
    ),
    "train": case(
        key=KEY,
        problem=PROBLEM,
        widths=(3,),
        **BALL,
        steps=2,
        every=1,
        weight_std=1.0,
        feature_std=1.0,
        reduced=True,
        targets=TARGETS,
        _infinite="the descent at too large a rate, and metrics of zeros",
        **COMPILES,
        _every=24,
    ),
    "within_class_collapse": case(features=RNG.normal(size=(2, 3)), class_sizes=(2, 1), cutoff=1e-10, **SOME, **DIES),
}
RECORDS = ("Collapse", "Configuration", "ContrastiveRun", "ConvexOptimum", "Flow", "Optimum", "Ramp", "Spread")
EXCLUDED = dict.fromkeys((*RECORDS, "TrainingRun"), "a record of results") | {
    "Head": "a pytree, which JAX fills with values of its own; every function looks into the one it is given",
    "Targets": "a record of frames; `collapse` looks into the one it is given",
}

test_one_hostile_value, test_several_hostile_values, test_every_public_function_has_a_case = promises(
    MODULES, CASES, EXCLUDED, examples=5
)
