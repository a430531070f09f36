"""Networks trained on the covariances of generative models, F3."""

import jax
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from figures.jepa_bias.panels import (
    FEATURE_COLOURS,
    FLOW_TIME,
    OBJECTIVES,
    STRENGTH,
    flow_of_network,
)
from sims.jepa_bias import matrix_flow, networks
from theory.jepa_bias import data_models, learning_times
from theory_on_trial.figures.drawing import figure
from theory_on_trial.figures.panels import label


@figure(
    "F3",
    quick={"depth": 1},
    claims=("gen_masking", "gen_masking-order", "gen_temporal", "gen_temporal-order"),
    marks="points: networks; lines: scalar equations; dashed: 0.8 of the asymptote; triangles: "
    "predicted times",
)
def generative_models(
    depth: int = 2,
    init: float = 0.02,
    rate: float = 0.5,
    target_rate: float = 0.9,
    correlation: float = 0.45,
    persistence: tuple[float, float] = (0.5, 0.95),
    state_variances: tuple[float, float] = (2.6, 1.0),
    noise_variances: tuple[float, float] = (0.6, 0.05),
) -> Figure:
    """Random masks never set λ against ρ; a process in time does, and JEPA and MAE then differ in
    their order.

    Strengths ‖W̄ q_i‖ of whole networks of L layers under gradient flow from an aligned start
    (points, in a random latent basis) and of the scalar equations (lines). (a), (c): three
    coordinates of unit variance and circulant correlation, the context masked with `rate`, the
    target by an independent mask with `target_rate`: λ and ρ grow together, and both objectives
    learn in the same order. (b), (d): two autoregressive features observed with noise, the next
    frame predicted from this one: the fast one has the larger λ, the slow one the larger ρ. JEPA
    reverses the order, and MAE keeps it. Dashed: the fraction .8 of the asymptote; triangles:
    predicted critical times.
    """
    data = np.full((3, 3), correlation) + (1 - correlation) * np.eye(3)
    data[0, 0] = data[1, 1] = data[2, 2] = 1.0
    spectrum, modes = np.linalg.eigh(data)
    indices = [2, 1]  # the other two eigenvalues coincide
    spatial = data_models.independent_mask_features(spectrum, 1.0, rate, target_rate)
    moments = data_models.independent_mask_covariances(data, rate, target_rate)
    gammas = np.array(persistence)
    innovations = np.array(state_variances) * (1 - gammas**2)
    temporal = data_models.temporal_features(gammas, innovations, np.array(noise_variances))
    models = (
        ("random masks", spatial, (moments[0], moments[1]), modes, indices),
        (
            "a process in time",
            temporal,
            (np.diag(temporal[0] / temporal[1]), np.diag(temporal[0])),
            np.eye(2),
            [0, 1],
        ),
    )
    fig, axes = plt.subplots(2, 2, figsize=(8, 5.4))
    letters = iter("abcd")
    for row, (objective, name) in zip(axes, OBJECTIVES, strict=True):
        for axis, (title, features, covariances, basis, chosen) in zip(row, models, strict=True):
            covariance, regression = (np.asarray(part) for part in features)
            latest = learning_times.critical_time(
                0.95,
                init,
                depth,
                covariance[chosen],
                regression[chosen],
                objective=objective,
                clock="flow",
            )
            horizon = 1.15 * float(np.max(latest))
            start = networks.aligned_init(
                jax.random.key(1), len(covariance), depth, init, objective, basis=basis
            )
            step = min(
                0.25
                * matrix_flow.largest_stable_step(covariances[0], covariances[1], depth, objective),
                horizon / 500,
            )
            when, strengths = flow_of_network(
                start, covariances, objective, horizon, step, basis, records=40
            )
            grid = np.linspace(0, horizon, 300)
            for feature, colour in zip(chosen, FEATURE_COLOURS, strict=False):
                text = f"λ = {covariance[feature]:.3g}, ρ = {regression[feature]:.3g}"
                curve = learning_times.strength_at(
                    grid,
                    init,
                    depth,
                    covariance[feature],
                    regression[feature],
                    objective=objective,
                    clock="flow",
                )
                axis.plot(grid, curve, color=colour, label=text)
                axis.plot(when, strengths[:, feature], "o", color=colour, markersize=2.5)
                level = 0.8 * learning_times.asymptote(
                    depth, regression[feature], objective=objective
                )
                critical = learning_times.critical_time(
                    0.8,
                    init,
                    depth,
                    covariance[feature],
                    regression[feature],
                    objective=objective,
                    clock="flow",
                )
                axis.plot([0, critical], [level, level], "--", color=colour, linewidth=0.7)
                axis.plot(critical, level, "^", color=colour, markersize=6)
            axis.set(xlabel=FLOW_TIME, ylabel=STRENGTH, title=f"{name}, {title}")
            if objective == "mae":  # one for each column, below it
                axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=2)
            label(axis, next(letters))
    return fig
