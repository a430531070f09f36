"""Features that are unlearned and learned again: displacement (F5) and a whole itinerary (F8)."""

from collections.abc import Sequence

import jax
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from figures.jepa_bias.panels import (
    FEATURE_COLOURS,
    FLOW_TIME,
    OBJECTIVES,
    STRENGTH,
    diagonal_covariances,
    flow_of_network,
)
from sims.jepa_bias import matrix_flow, networks
from theory.jepa_bias import learning_times, partial_states
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label


@figure(
    "F5",
    quick={"deltas": (0.0, 1e-3), "step": 0.2},
    claims=("displacement", "displacement_law", "saddle_eig", "saddle_eig-growth"),
    marks="lines: networks, the darker the more misaligned; points: scalar equations",
)
def displacement(
    depth: int = 2,
    init: float = 0.005,
    lambdas: Sequence[float] = (1.6, 0.8),
    rhos: Sequence[float] = (0.5, 1.0),
    deltas: Sequence[float] = (0.0, 1e-10, 1e-6, 1e-3),
    step: float = 0.1,
) -> Figure:
    """A slight misalignment makes JEPA unlearn the feature of large λ for that of large ρ, long
    before its time.

    Strengths ‖W̄ q_i‖ in networks of L layers under gradient flow (Runge-Kutta of order 4,
    float64): feature 1 (orange) has the larger λ, feature 2 (blue) the larger ρ. The predictor
    starts rotated by the angle δ against the encoder; the darker, the larger δ. (a) JEPA: while
    feature 1 alone is learned, that state is unstable at the rate ρ₁^(2L-1) σ₂² (ρ₂ - ρ₁), and δ
    decides when feature 2 takes over the latent unit of feature 1, which drops and is learned
    again.
    (b) MAE on the same problem, where λρ is equal for both and nothing grows. Points: the scalar
      equations, which δ = 0 follows and which cannot show any of this. Triangles: predicted
      displacement times t₁ + ln(1/δ)/μ.
    """
    fig, axes = plt.subplots(1, 2, figsize=(8.8, 3.3), gridspec_kw={"width_ratios": (1.7, 1)})
    basis = np.eye(len(lambdas))
    for axis, (objective, name), letter in zip(axes, OBJECTIVES, "ab", strict=True):
        times = learning_times.critical_time(
            0.8, init, depth, np.array(lambdas), np.array(rhos), objective=objective, clock="flow"
        )
        horizon = 1.15 * float(times.max()) if objective == "jepa" else 2 * float(times.max())
        levels = 0.8 * learning_times.asymptote(depth, np.array(rhos), objective=objective)
        small_step = min(step, horizon / 2000)
        for rank, delta in enumerate(deltas):
            start = networks.misaligned_init(
                jax.random.key(0), len(lambdas), depth, init, objective, delta, rotate_latents=False
            )
            covariances = diagonal_covariances(lambdas, rhos, basis)
            when, strengths = flow_of_network(start, covariances, objective, horizon, small_step)
            for feature in range(len(lambdas)):
                opacity = 0.3 + 0.7 * rank / max(len(deltas) - 1, 1)
                axis.plot(
                    when, strengths[:, feature], color=FEATURE_COLOURS[feature], alpha=opacity
                )
            if objective == "jepa" and delta > 0:
                rate = partial_states.saddle_rate(
                    depth,
                    lambdas[0],
                    rhos[0],
                    lambdas[1],
                    rhos[1],
                    objective=objective,
                    clock="flow",
                )
                axis.plot(
                    times[0] + np.log(1 / delta) / rate,
                    levels[1],
                    "v",
                    color=COLOURS[6],
                    clip_on=False,
                )
        grid = np.linspace(0, horizon, 25)
        for feature, (covariance, regression) in enumerate(zip(lambdas, rhos, strict=True)):
            scalar = learning_times.strength_at(
                grid, init, depth, covariance, regression, objective=objective, clock="flow"
            )
            axis.plot(grid, scalar, "o", color=FEATURE_COLOURS[feature], markersize=2.5)
        axis.set(
            xlabel=FLOW_TIME,
            ylabel=STRENGTH,
            title=f"{name}, L = {depth}, ε = {init:g}",
            ylim=(-0.03, 1.1),
        )
        label(axis, letter)
    drawn_lines = [
        Line2D(
            [],
            [],
            color=FEATURE_COLOURS[i],
            label=f"feature {i + 1}: λ = {lambdas[i]:g}, ρ = {rhos[i]:g}",
        )
        for i in range(2)
    ]
    triangle = Line2D(
        [], [], color=COLOURS[6], marker="v", linestyle="", label="predicted displacement"
    )
    axes[0].legend(handles=[*drawn_lines, triangle], loc="upper left")
    return fig


@figure(
    "F8",
    quick={"init": 0.01},
    claims=("displacement-itinerary", "permanent_order"),
    marks="lines: network; ▲ predicted to be learned, ▼ unlearned, △ learned again",
)
def itinerary(
    depth: int = 2,
    init: float = 0.002,
    lambdas: Sequence[float] = (1.69, 1.3, 1.0),
    rhos: Sequence[float] = (0.6, 0.9, 1.35),
    delta: float = 1e-3,
    fraction: float = 0.8,
    mae_init: float = 1e-7,
) -> Figure:
    """What a network learns, unlearns and learns again, predicted from its covariances.

    Strengths ‖W̄ q_i‖ (lines) of three features whose λ and ρ are in opposite order, in a network
    of L layers whose predictor starts misaligned by about δ, in a random basis, under gradient
    flow. Marks: predicted events, at the height p of the asymptote: learned (▲), unlearned (▼),
    learned again (△), from the scalar critical times and the growth rates of the partly learned
    states. (a) JEPA visits the features by λ and ends by ρ. (b) MAE from a very small start has its
    own displacements, ordered by λρ.
    """
    fig, axes = plt.subplots(1, 2, figsize=(8.8, 3.4))
    basis = np.asarray(networks.random_rotation(jax.random.key(7), len(lambdas)))
    for axis, (objective, name), scale, letter in zip(
        axes, OBJECTIVES, (init, mae_init), "ab", strict=True
    ):
        events = partial_states.itinerary(
            np.array(lambdas),
            np.array(rhos),
            depth,
            scale,
            fraction,
            delta,
            objective=objective,
            clock="flow",
        )
        horizon = 1.08 * max(event.time for event in events)
        start = networks.misaligned_init(
            jax.random.key(3), len(lambdas), depth, scale, objective, delta, basis=basis
        )
        covariances = diagonal_covariances(lambdas, rhos, basis)
        step = 0.5 * matrix_flow.largest_stable_step(
            covariances[0], covariances[1], depth, objective
        )
        when, strengths = flow_of_network(start, covariances, objective, horizon, step, basis)
        levels = fraction * learning_times.asymptote(depth, np.array(rhos), objective=objective)
        for feature, colour in enumerate(FEATURE_COLOURS[: len(lambdas)]):
            text = f"λ = {lambdas[feature]:g}, ρ = {rhos[feature]:g}"
            axis.plot(when, strengths[:, feature], color=colour, label=text)
        for event in events:
            marker = "v" if event.kind == "unlearned" else "^"
            fill = "white" if event.kind == "relearned" else FEATURE_COLOURS[event.feature]
            axis.plot(
                event.time,
                levels[event.feature],
                marker,
                color=FEATURE_COLOURS[event.feature],
                markerfacecolor=fill,
                markersize=6,
            )
        axis.set(
            xlabel=FLOW_TIME,
            ylabel=STRENGTH,
            title=f"{name}, L = {depth}, ε = {scale:g}, δ = {delta:g}",
        )
        label(axis, letter)
    axes[0].legend(loc="upper left")
    return fig
