"""Whole networks: trained on the covariances of generative models (F3), features that are unlearned
and learned again (F5, F7), and the stability of every partly learned state (F6).
"""

from collections.abc import Sequence
from itertools import combinations

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
    flow_of_network,
)
from sims.jepa_bias import matrix_flow, networks
from sims.jepa_bias.domains import Objective
from theory.jepa_bias import data_models, learning_times, partial_states
from theory_on_trial.figures.drawing import COLOURS, figure
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
    """Random masks never set $λ$ against $ρ$; a process in time does, and JEPA and MAE then differ
    in their order.

    Strengths $‖W̄ q_i‖$ of whole networks of $L$ layers under gradient flow from an aligned start
    (points, in a random latent basis) and of the scalar equations (lines). (a), (c): three
    coordinates of unit variance and circulant correlation, the context masked with `rate`, the
    target by an independent mask with `target_rate`: $λ$ and $ρ$ grow together, and both objectives
    learn in the same order. (b), (d): two autoregressive features observed with noise, the next
    frame predicted from this one: the fast one has the larger $λ$, the slow one the larger $ρ$.
    JEPA reverses the order, and MAE keeps it. Dashed: the fraction .8 of the asymptote; triangles:
    predicted critical times.
    """
    data = np.full((3, 3), correlation)
    np.fill_diagonal(data, 1.0)
    masked = data_models.independent_mask_covariances(data, rate, target_rate)
    spatial = data_models.joint_spectrum(*masked)
    gammas = np.array(persistence)
    innovations = np.array(state_variances) * (1 - gammas**2)
    temporal = data_models.temporal_features(gammas, innovations, np.array(noise_variances))
    frames = data_models.covariances_of_features(*temporal, np.eye(2))
    models = (
        ("random masks", spatial, masked, spatial.basis),
        ("a process in time", temporal, frames, np.eye(2)),
    )
    chosen = [0, 1]  # the other features of masks coincide with the second
    fig, axes = plt.subplots(2, 2, figsize=(8, 5.4))
    letters = iter("abcd")
    for row, (objective, name) in zip(axes, OBJECTIVES, strict=True):
        for axis, (title, features, covariances, basis) in zip(row, models, strict=True):
            covariance, regression = features[:2]
            latest = learning_times.critical_time(
                0.95,
                init,
                depth,
                covariance[chosen],
                regression[chosen],
                objective=objective,
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
                )
                axis.plot([0, critical], [level, level], "--", color=colour, linewidth=0.7)
                axis.plot(critical, level, "^", color=colour, markersize=6)
            axis.set(xlabel=FLOW_TIME, ylabel=STRENGTH, title=f"{name}, {title}")
            if objective == "mae":  # one for each column, below it
                axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=2)
            label(axis, next(letters))
    return fig


@figure(
    "F5",
    quick={"deltas": (0.0, 1e-3), "step": 0.2},
    claims=("displacement", "displacement_law", "saddle_eig"),
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
    """A slight misalignment makes JEPA unlearn the feature of large $λ$ for that of large $ρ$, long
    before its time.

    Strengths $‖W̄ q_i‖$ in networks of $L$ layers under gradient flow (Runge-Kutta of order 4,
    float64): feature 1 (orange) has the larger $λ$, feature 2 (blue) the larger $ρ$. The predictor
    starts rotated by the angle $δ$ against the encoder; the darker, the larger $δ$. (a) JEPA: while
    feature 1 alone is learned, that state is unstable at the rate $ρ₁^(2L-1) σ₂² (ρ₂ - ρ₁)$, and
    $δ$ decides when feature 2 takes over the latent unit of feature 1, which drops and is learned
    again. (b) MAE on the same problem, where $λρ$ is equal for both and nothing grows. Points: the
    scalar equations, which $δ = 0$ follows and which cannot show any of this. Triangles: predicted
    displacement times $t₁ + ln(1/δ)/μ$.
    """
    fig, axes = plt.subplots(1, 2, figsize=(8.8, 3.3), gridspec_kw={"width_ratios": (1.7, 1)})
    features = (np.array(lambdas), np.array(rhos))
    covariances = data_models.covariances_of_features(*features, np.eye(2))
    for axis, (objective, name), letter in zip(axes, OBJECTIVES, "ab", strict=True):
        times = learning_times.critical_time(0.8, init, depth, *features, objective=objective)
        horizon = 1.15 * float(times.max()) if objective == "jepa" else 2 * float(times.max())
        levels = 0.8 * learning_times.asymptote(depth, features[1], objective=objective)
        small_step = min(step, horizon / 2000)
        for rank, delta in enumerate(deltas):
            start = networks.misaligned_init(
                jax.random.key(0), 2, depth, init, objective, delta, rotate_latents=False
            )
            when, strengths = flow_of_network(start, covariances, objective, horizon, small_step)
            for feature in range(2):
                opacity = 0.3 + 0.7 * rank / max(len(deltas) - 1, 1)
                axis.plot(
                    when, strengths[:, feature], color=FEATURE_COLOURS[feature], alpha=opacity
                )
            if objective == "jepa" and delta > 0:
                rate = partial_states.saddle_rate(
                    depth, lambdas[0], rhos[0], lambdas[1], rhos[1], objective=objective
                )
                displaced = partial_states.displacement_time(times[0], rate, delta)
                axis.plot(displaced, levels[1], "v", color=COLOURS[6], clip_on=False)
        grid = np.linspace(0, horizon, 25)
        for covariance, regression, colour in zip(lambdas, rhos, FEATURE_COLOURS, strict=False):
            scalar = learning_times.strength_at(
                grid, init, depth, covariance, regression, objective=objective
            )
            axis.plot(grid, scalar, "o", color=colour, markersize=2.5)
        axis.set(
            xlabel=FLOW_TIME,
            ylabel=STRENGTH,
            title=f"{name}, L = {depth}, ε = {init:g}",
            ylim=(-0.03, 1.1),
        )
        label(axis, letter)
    names = [f"feature {i + 1}: λ = {lambdas[i]:g}, ρ = {rhos[i]:g}" for i in range(2)]
    drawn_lines = [Line2D([], [], color=FEATURE_COLOURS[i], label=names[i]) for i in range(2)]
    triangle = Line2D(
        [], [], color=COLOURS[6], marker="v", linestyle="", label="predicted displacement"
    )
    axes[0].legend(handles=[*drawn_lines, triangle], loc="upper left")
    return fig


@figure(
    "F7",
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

    Strengths $‖W̄ q_i‖$ (lines) of three features whose $λ$ and $ρ$ are in opposite order, in a
    network of $L$ layers whose predictor starts misaligned by about $δ$, in a random basis, under
    gradient flow. Marks: predicted events, at the height $p$ of the asymptote: learned (▲),
    unlearned (▼), learned again (△), from the scalar critical times and the growth rates of the
    partly learned states. (a) JEPA visits the features by $λ$ and ends by $ρ$. (b) MAE from a very
    small start has its own displacements, ordered by $λρ$.
    """
    fig, axes = plt.subplots(1, 2, figsize=(8.8, 3.4))
    basis = np.asarray(networks.random_rotation(jax.random.key(7), len(lambdas)))
    for axis, (objective, name), scale, letter in zip(
        axes, OBJECTIVES, (init, mae_init), "ab", strict=True
    ):
        # That of the first displacement; of JEPA no offset is known that grows.
        offset = 0.0
        if objective == "mae":
            offset = float(
                partial_states.misalignment_offset(depth, scale, lambdas[0], lambdas[-1])
            )
        events = partial_states.itinerary(
            np.array(lambdas),
            np.array(rhos),
            depth,
            scale,
            fraction,
            delta,
            objective=objective,
            offset=offset,
        )
        horizon = 1.08 * max(event.time for event in events)
        start = networks.misaligned_init(
            jax.random.key(3), len(lambdas), depth, scale, objective, delta, basis=basis
        )
        covariances = data_models.covariances_of_features(np.array(lambdas), np.array(rhos), basis)
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


@figure("F6", quick={"depth": 2}, claims=("saddle_eig", "saddle_eig-map"))
def stability_of_partial_states(
    depth: int = 2,
    lambdas: Sequence[float] = (1.7, 1.0, 1.3, 0.8),
    rhos: Sequence[float] = (0.4, 0.7, 0.55, 1.0),
) -> Figure:
    """Of all sets of learned features only the chain of the most preferred is stable: by $ρ$ for
    JEPA, by $λρ$ for MAE.

    In a network of $L$ layers a state in which some features are learned (the digits, numbered by
    decreasing $λ$) and the others are exactly absent is a saddle of the gradient flow. Filled: no
    perturbation of a learned unit towards an absent feature grows. Otherwise the number below is
    the largest growth rate, and an arrow leads to the state in which the fastest growing exchange
    has taken place. Rings: the largest eigenvalue of the Jacobian of the whole matrix flow at the
    state, by automatic differentiation, is positive, too. The prediction and the ring agree in
    every state. The absence of a feature itself decays, or grows more slowly than exponentially for
    $L ≥ 2$.
    """
    order = np.argsort(lambdas)[::-1]
    covariance = np.array(lambdas)[order]
    regression = np.array(rhos)[order]
    features = range(len(covariance))
    fig, axes = plt.subplots(1, 2, figsize=(9.4, 4.6))
    for axis, (objective, name), letter in zip(axes, OBJECTIVES, "ab", strict=True):
        places = {}
        for size in range(1, len(covariance) + 1):
            states = list(combinations(features, size))
            for rank, state in enumerate(states):
                places[state] = (rank - (len(states) - 1) / 2, size)
        chart = partial_states.stability_map(covariance, regression, depth, objective=objective)
        growth = _simulated_growth(covariance, regression, depth, objective, list(places))
        for state, (x, y) in places.items():
            mask = np.isin(list(features), state)
            rates = partial_states.saddle_rates(
                mask, covariance, regression, depth, objective=objective
            )
            (row,) = np.flatnonzero(np.all(chart.learned == mask, axis=1))
            stable = chart.stable[row]
            face = COLOURS[2] if stable else "white"
            axis.plot(
                x, y, "o", markersize=24, markerfacecolor=face, markeredgecolor="0.4", zorder=2
            )
            if growth[state] > 1e-6:
                axis.plot(
                    x,
                    y,
                    "o",
                    markersize=28,
                    markerfacecolor="none",
                    markeredgecolor=COLOURS[1],
                    zorder=2,
                )
            text = "".join(str(feature + 1) for feature in state)
            axis.text(
                x,
                y,
                text,
                ha="center",
                va="center",
                fontsize=8,
                color="white" if stable else "black",
            )
            if not stable:
                axis.text(
                    x,
                    y - 0.24,
                    f"{chart.largest_rate[row]:.2g}",
                    ha="center",
                    va="top",
                    fontsize=6.5,
                )
                left, new = np.unravel_index(np.nanargmax(rates), rates.shape)
                target = tuple(sorted({*state, int(new)} - {int(left)}))
                axis.annotate(
                    "",
                    places[target],
                    (x, y),
                    zorder=1,
                    arrowprops={
                        "arrowstyle": "-|>",
                        "color": "0.6",
                        "shrinkA": 14,
                        "shrinkB": 14,
                        "connectionstyle": "arc3,rad=-0.3",
                    },
                )
        axis.set(
            xlim=(-3.1, 3.1),
            ylim=(0.4, len(covariance) + 0.6),
            xticks=[],
            ylabel="number of learned features",
        )
        axis.set_yticks(range(1, len(covariance) + 1))
        axis.spines["bottom"].set_visible(False)
        axis.set_title(
            f"{name}, L = {depth}: preference " + _preference(covariance, regression, objective)
        )
        label(axis, letter)
    listed = ";  ".join(f"{i + 1}: λ = {covariance[i]:g}, ρ = {regression[i]:g}" for i in features)
    marks = (
        "filled: stable; ring: unstable by the Jacobian; number: largest growth rate; arrow: "
        "the exchange that grows"
    )
    fig.supxlabel(f"{listed}\n{marks}", fontsize=8)
    return fig


def _preference(covariance: np.ndarray, regression: np.ndarray, objective: Objective) -> str:
    order = partial_states.permanent_order(covariance, regression, objective=objective)
    return " > ".join(str(int(feature) + 1) for feature in order)


def _simulated_growth(
    covariance: np.ndarray,
    regression: np.ndarray,
    depth: int,
    objective: Objective,
    states: list[tuple[int, ...]],
) -> dict[tuple[int, ...], float]:
    """The largest real part among the eigenvalues of the whole flow's Jacobian at every state."""
    growth = {}
    for state in states:
        saddle = networks.saddle_state(None, state, regression, depth, objective)
        eigenvalues = matrix_flow.flow_eigenvalues(
            saddle, np.diag(covariance / regression), np.diag(covariance), objective
        )
        growth[state] = float(np.max(np.real(np.asarray(eigenvalues))))
    return growth
