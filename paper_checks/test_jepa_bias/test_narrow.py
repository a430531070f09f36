"""Fewer latents than features: the order of learning becomes the choice of what is learned."""

from functools import partial
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks.test_jepa_bias import Objective
from sims import jepa_bias as observed
from theory import jepa_bias as predicted
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval

STABLE = derived("a full set of features is stable only if none outside is preferred to one in it")
CONSERVED = derived(
    "V^T V - W_L W_L^T is conserved, so that V cannot change its sign unless W is larger"
)

COVARIANCE = np.array([1.6, 1.3, 1.0, 0.5])
REGRESSION = np.array([0.5, 0.4, 1.0, 1.2])
"""Features for which the largest two of ρ, of λ ρ and of λ are three different pairs."""
LATENTS = 2
STEP = 0.25
FewLayers = Annotated[int, Interval(1, 2, why="deeper ones leave plateaus after minutes")]
Runs = Annotated[int, Interval(10, 200, why="with fewer a rare end is not seen")]
SmallStart = Annotated[float, Interval(0.02, 0.15, why="small, and its plateau is left in seconds")]
"""The size of the random layers."""


def largest(scores):
    """Which `LATENTS` features have the largest scores, as 0 and 1."""
    chosen = np.argsort(-scores)[:LATENTS]
    return np.isin(np.arange(len(scores)), chosen).astype(int)


def ends(keys, start, depth, steps, objective):
    """Which features runs from the starts end with, as 0 and 1; `start` maps a key to a network."""
    second = np.diag(COVARIANCE / REGRESSION)
    cross = np.diag(COVARIANCE)
    run = partial(
        observed.narrow_flow,
        Sigma_xx=second,
        Sigma_yx=cross,
        step=STEP,
        steps=steps,
        objective=objective,
    )
    encoders = jax.vmap(lambda key: run(start(key)))(keys)
    strengths = np.linalg.norm(encoders, axis=1)
    levels = predicted.asymptote(depth, REGRESSION, objective=objective) / 2
    return (strengths > levels).astype(int)


@claim(
    STABLE, kind="empirical", tier="full", cases=[("jepa", 1), ("jepa", 2), ("mae", 1), ("mae", 2)]
)
def test_narrow(
    trial, objective: Objective, depth: FewLayers, n_runs: Runs = 20, size: SmallStart = 0.1
):
    """With k latents JEPA ends with the k features of largest ρ, an autoencoder with those of
    largest λ ρ, from small layers and, for JEPA, V(0) a multiple of the identity.

    If JEPA's V(0) is random, some runs lose a latent for good. Twenty seconds.
    """
    keys = jax.random.split(trial.key("starts"), n_runs)
    dim = len(COVARIANCE)

    def start(key, random_predictor):
        first, predictor = jax.random.split(key)
        shape = (LATENTS, LATENTS) if objective == "jepa" else (dim, LATENTS)
        drawn = jax.random.normal(predictor, shape)
        return observed.narrow_network(
            size * jax.random.normal(first, (LATENTS, dim)),
            depth,
            0.3,
            0.3 * drawn if random_predictor else 0.3 * jnp.eye(LATENTS),
        )

    by_score = {
        "the largest λ": largest(COVARIANCE),
        "the largest ρ": largest(REGRESSION),
        "the largest λ ρ": largest(COVARIANCE * REGRESSION),
    }
    chosen = by_score.pop("the largest ρ" if objective == "jepa" else "the largest λ ρ")
    from_identity = partial(start, random_predictor=objective == "mae")
    reached = ends(keys, from_identity, depth, 5_000, objective)
    processes = {}
    if objective == "jepa":
        at_random = partial(start, random_predictor=True)
        processes["V(0) random"] = ends(keys, at_random, depth, 5_000, objective)
    trial.identity(
        reached,
        np.tile(chosen, (n_runs, 1)),
        ops=0,
        independent=n_runs,
        controls={name: np.tile(rival, (n_runs, 1)) for name, rival in by_score.items()},
        control_processes=processes,
    )


@claim(CONSERVED, kind="empirical", tier="full", cases=[1, 2])
def test_narrow__lost(
    trial,
    depth: FewLayers,
    n_runs: Runs = 20,
    size: Annotated[float, Interval(0.2, 0.4, why="smaller layers heal after minutes")] = 0.3,
):
    """From V(0) = -v I JEPA loses all latents for good if v exceeds the last layer's w, and none
    if v is below it.
    """
    keys = jax.random.split(trial.key("starts"), n_runs)

    def start(key, ratio):
        directions = jnp.linalg.qr(jax.random.normal(key, (len(COVARIANCE), LATENTS)))[0].T
        return observed.narrow_network(
            size * directions, depth, size, -ratio * size * jnp.eye(LATENTS)
        )

    kept = [
        ends(keys, partial(start, ratio=ratio), depth, 5_000, "jepa").sum(axis=1)
        for ratio in (0.8, 1.25)
    ]
    full = np.full(n_runs, LATENTS)
    none = np.zeros(n_runs, int)
    trial.identity(
        kept,
        [full, none],
        ops=0,
        independent=n_runs,
        controls={
            "a sign that is kept always": [none, none],
            "a sign that heals always": [full, full],
        },
    )
