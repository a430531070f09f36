"""Stability of every partly learned state, F7."""

from collections.abc import Sequence
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from figures.jepa_bias.panels import OBJECTIVES
from sims.jepa_bias import matrix_flow
from sims.jepa_bias.domains import Objective
from theory.jepa_bias import partial_states
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label


@figure("F7", quick={"depth": 2}, claims=("saddle_eig", "saddle_eig-map"))
def stability_of_partial_states(
    depth: int = 2,
    lambdas: Sequence[float] = (1.7, 1.0, 1.3, 0.8),
    rhos: Sequence[float] = (0.4, 0.7, 0.55, 1.0),
) -> Figure:
    """Of all sets of learned features only the chain of the most preferred is stable: by ρ for
    JEPA, by λρ for MAE.

    Every state of a network of L layers in which some features are learned (the digits, numbered by
    decreasing λ) and the others are exactly absent is a saddle of the gradient flow. Filled: no
    perturbation of a learned unit towards an absent feature grows; the number below is the largest
    growth rate otherwise. Arrows lead from an unstable state to the one in which the fastest
    growing exchange has taken place. Rings: the largest eigenvalue of the Jacobian of the whole
    matrix flow at the state, by automatic differentiation, is positive too; the prediction and the
    ring agree in every state. The absence of a feature itself decays or grows more slowly than
    exponentially for L ≥ 2.
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
        growth = _simulated_growth(covariance, regression, depth, objective, list(places))
        for state, (x, y) in places.items():
            mask = np.isin(np.arange(len(covariance)), state)
            rates = partial_states.saddle_rates(
                mask, covariance, regression, depth, objective=objective, clock="flow"
            )
            fastest = np.nanmax(rates) if len(state) < len(covariance) else -np.inf
            stable = partial_states.is_stable(
                mask, covariance, regression, depth, objective=objective
            )
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
                axis.text(x, y - 0.24, f"{fastest:.2g}", ha="center", va="top", fontsize=6.5)
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
        saddle = matrix_flow.saddle_state(None, state, regression, depth, objective)
        eigenvalues = matrix_flow.flow_eigenvalues(
            saddle, np.diag(covariance / regression), np.diag(covariance), objective
        )
        growth[state] = float(np.max(np.real(np.asarray(eigenvalues))))
    return growth
