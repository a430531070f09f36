"""Which rule is it: distances from least squares and from a trained model (F1), λ against the noise
(F2), and exact risks on noisy labels (F10).
"""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from figures.in_context_learning import simulations
from figures.in_context_learning.simulations import LINEAR, NEIGHBOURS
from sims.in_context_learning import baselines, training
from theory.in_context_learning import risk_laws
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label, letters, points_with_intervals
from theory_on_trial.figures.replicates import replicates

_NAMES = (
    "Ridge(0.1)",
    "GD(0.01)",
    "GD(0.02)",
    "SGD(0.01)",
    "SGD(0.03)",
    "3-NN weighted",
    "3-NN uniform",
)
# Two rules of one kind have two shades of one colour.
_LIGHT_GREEN = "#7fd1b9"
_DARK_PINK = "#8c4a72"
_LOOKS = [
    (COLOURS[0], "s"),
    (COLOURS[1], "^"),
    (COLOURS[4], "v"),
    (COLOURS[2], "D"),
    (_LIGHT_GREEN, "d"),
    (COLOURS[3], "P"),
    (_DARK_PINK, "X"),
]


@figure(
    "F1",
    quick={"runs": 8, "model_dimension": 1, "layers": 1, "steps": 500, "prompts": 512},
    claims=("fig1-curves",),
    marks="(a) lines: exact laws; points: simulation; thin lines join points",
)
def rules_compared(
    dimension: int = 8,
    largest: int = 14,
    runs: int = 16,
    count: int = 128,
    model_dimension: int = 2,
    layers: int = 4,
    steps: int = 8000,
    prompts: int = 2048,
) -> Figure:
    """Distances of the textbook rules from least squares, in place of the paper's trained model,
    and from a small one.

    Prompts without noise, $τ = 1$. (a) Squared prediction difference $SPD/d$ to least squares in
    $d$ dimensions, which takes the place of the paper's model with 16 layers (within 0.01 of it,
    according to its figure 1) and is exact. Lines: exact laws; points: simulation, means of `runs`
    samples of `count` prompts. "label": the label itself, whose distance is the part that no rule
    can predict. The neighbour rules have no law; their points are joined by thin lines. (b)
    $SPD/d$, (c) $ILWD/d$ (difference of the weights behind the answers) between the rules and one
    small trained model, drawn with `model_dimension` dimensions and the given layers instead of the
    paper's 8 and 16, whose distance to least squares is in black. Bars: 99 % Student intervals, in
    (b) and (c) over `prompts` prompts and 64 of them, for this one model.
    """
    fig, axes = plt.subplots(1, 3, figsize=(10.5, 4.1))
    prefixes = np.arange(1, largest + 1)
    static = {"dimension": dimension, "examples": largest + 1, "count": count}
    data = replicates(simulations.distances_to_least_squares, runs, static, {})
    _exact_laws(axes[0], data["distances_to_least_squares"].values[:, :, 1:], dimension, prefixes)
    settings = simulations.ladder(model_dimension, layers, steps)
    rules = [baselines.ols(), *LINEAR, *NEIGHBOURS]
    counts = np.arange(1, settings.examples)
    for of_rule, name, (colour, marker) in zip(
        np.asarray(simulations.distances(settings, rules, prompts)),
        ("least squares", *_NAMES),
        _MODEL_LOOKS,
        strict=True,
    ):
        points_with_intervals(
            axes[1], counts, of_rule, colour, fmt=f"{marker}-", linewidth=0.6, label=name
        )
    for of_rule, (colour, marker) in zip(
        _weight_distances(settings, counts), _MODEL_LOOKS, strict=False
    ):
        points_with_intervals(axes[2], counts, of_rule, colour, fmt=f"{marker}-", linewidth=0.6)
    axes[0].set(
        xlabel="number of examples k",
        ylabel="SPD / d to least squares",
        title=f"d = {dimension}, exact",
    )
    axes[0].set(ylim=(0, 1.25), xticks=range(2, largest + 1, 2))
    size = f"model: d = {model_dimension}, L = {layers}, H = {settings.width}"
    axes[1].set(
        xlabel="number of examples k", ylabel="SPD / d to the model", title=size, ylim=(0, None)
    )
    axes[2].set(
        xlabel="number of examples k", ylabel="ILWD / d to the model", title=size, ylim=(0, None)
    )
    letters(axes)
    handles, names = axes[1].get_legend_handles_labels()
    more, label_name = axes[0].get_legend_handles_labels()
    fig.legend(
        handles + more[-1:],
        names + label_name[-1:],
        loc="outside lower center",
        ncols=5,
    )
    return fig


_MODEL_LOOKS = [(COLOURS[6], "o"), *_LOOKS]


def _exact_laws(
    axis: Axes,
    found: Float[np.ndarray, "runs rules prefixes"],
    dimension: int,
    prefixes: np.ndarray,
) -> None:
    sizes = [(dimension, int(k)) for k in prefixes]
    laws = [[risk_laws.spd_ridge_to_ols(0.1, *size) for size in sizes]]
    laws += [
        [risk_laws.spd_gradient_step_to_ols(*size, step) for size in sizes] for step in (0.01, 0.02)
    ]
    laws += [[risk_laws.spd_sgd_to_ols(*size, step) for size in sizes] for step in (0.01, 0.03)]
    for row, (name, (colour, marker)) in enumerate(zip(_NAMES, _LOOKS, strict=True)):
        if row < len(laws):
            axis.plot(prefixes, np.array(laws[row]) / dimension, color=colour, label=name)
        style = {
            "fmt": marker if row < len(laws) else f"{marker}:",
            "linewidth": 0.6,
            "markersize": 3,
        }
        points_with_intervals(axis, prefixes, found[:, row], colour, **style)
    values = [risk_laws.ols_risk(*size) / dimension for size in sizes]
    axis.plot(prefixes, values, "--", color=COLOURS[5], label="label (a)")
    points_with_intervals(axis, prefixes, found[:, -1], COLOURS[5], markersize=2.5)


def _weight_distances(
    settings: training.TrainingSettings, seen: np.ndarray, count: int = 64
) -> np.ndarray:
    """Squared distance / d between the weights behind a model and those of the linear rules, prompt
    by prompt.
    """
    model = simulations.trained(settings)
    batch = simulations.fresh_prompts(settings, count)
    queries = jax.random.normal(jax.random.key(3), (32, settings.dimension))
    exact = baselines.weights_all(batch, [baselines.ols(), *LINEAR])
    predict = simulations.at_full_length(
        partial(training.in_context_predictions, model), settings.examples
    )
    distances = []
    for k in seen:
        fit = baselines.implicit_fit(predict, batch, int(k), queries)
        distances.append(
            jnp.sum((exact[:, :, int(k)] - fit.weights) ** 2, axis=-1) / settings.dimension
        )
    return np.moveaxis(np.asarray(jnp.stack(distances)), 0, -1)


@figure(
    "F2",
    quick={"columns": ((0.0, 1.0), (0.5, 1.0)), "layers": 1, "steps": 500, "prompts": 1024},
    claims=("mbr-ridge", "fig2-diagonal", "icl-approaches-mbr", "noise"),
    marks="rings: smallest of the column",
)
def noise_and_regulariser(
    dimension: int = 8,
    columns: Sequence[tuple[float, float]] = (
        (0.0, 1.0),
        (0.25, 1.0),
        (0.5, 1.5),
        (0.5, 1.0),
        (0.5, 0.75),
    ),
    prefixes: Sequence[int] = (1, 2, 3),
    layers: int = 2,
    steps: int = 2000,
    prompts: int = 8192,
) -> Figure:
    """The best learner of noisy labels is ridge regression with $λ = σ²/τ²$: exact minima lie on
    the diagonal.

    Rows: ridge regression with five $λ$, the first one least squares. Columns: pairs $(σ, τ)$ of
    noise and weights, in the order of `columns`. (a) Squared difference $SPD/(d τ²)$ to the Bayes
    predictor at $d$ dimensions, mean over $k =$ `prefixes`; exact, and 0 on the diagonal. (b) The
    same for small trained models in place of the Bayes predictor, one for each column, of scalar
    problems with $τ = 1$, `layers` layers of 16 units and the mean over $k = 1$ to 5 of a sample of
    `prompts` prompts; the paper has one model of 8 dimensions and 16 layers for each. Rings:
    smallest of the column. $∞$: an infinite mean.
    """
    regularisers = [
        (s / t) ** 2 for s, t in ((0.0, 1.0), (0.25, 1.0), (0.5, 1.5), (0.5, 1.0), (0.5, 0.75))
    ]
    exact = np.array(
        [
            [
                np.mean([risk_laws.spd_ridge_to_bayes(row, dimension, k, t, s) for k in prefixes])
                / dimension
                / t**2
                for s, t in columns
            ]
            for row in regularisers
        ]
    )
    rules = [baselines.ridge(row) for row in regularisers]
    measured = np.empty_like(exact)
    for column, (sigma, tau) in enumerate(columns):
        settings = simulations.small(steps, layers, noise_std=sigma / tau)
        measured[:, column] = np.asarray(simulations.distances(settings, rules, prompts)).mean(
            axis=(1, 2)
        )
        infinite = np.isinf(risk_laws.spd_ridge_to_bayes(0.0, 1, 1, 1.0, sigma / tau))
        measured[0, column] = np.inf if infinite else measured[0, column]
    fig, axes = plt.subplots(1, 2, figsize=(9, 3.7))
    titles = f"Bayes predictor, d = {dimension}, exact", "trained models, d = 1"
    for axis, cells, title, letter in zip(axes, (exact, measured), titles, "ab", strict=True):
        _heat_map(axis, cells, regularisers, columns)
        axis.set_title(title)
        label(axis, letter)
    return fig


def _heat_map(
    axis: Axes,
    cells: np.ndarray,
    regularisers: Sequence[float],
    columns: Sequence[tuple[float, float]],
) -> None:
    positive = np.where(np.isfinite(cells) & (cells > 0), cells, np.nan)
    image = axis.imshow(positive, norm=LogNorm(), cmap="cividis", aspect="auto")
    axis.figure.colorbar(image, ax=axis, label="SPD / (d τ²)")
    light = np.nanmax(positive) ** 0.5 * np.nanmin(positive) ** 0.5
    for (row, column), value in np.ndenumerate(cells):
        text = "∞" if np.isinf(value) else f"{value:.1e}" if value > 0 else "0"
        dark_cell = np.isfinite(value) and 0 < value < light
        axis.text(
            column,
            row,
            text,
            ha="center",
            va="center",
            fontsize=7,
            color="white" if dark_cell else "black",
        )
    for column, row in enumerate(cells.argmin(axis=0)):
        axis.plot(
            column, row, "o", markersize=30, markerfacecolor="none", markeredgecolor=COLOURS[1]
        )
    axis.set_yticks(
        range(len(regularisers)), ["0 (OLS)", *(f"{row:.3g}" for row in regularisers[1:])]
    )
    axis.set_xticks(range(len(columns)), [f"{(s / t) ** 2:.3g}" for s, t in columns])
    axis.set(xlabel="noise (σ/τ)² of the prompts", ylabel="regulariser λ")


@figure(
    "F10",
    quick={"largest": 16, "runs": 6},
    claims=("mbr-ridge", "ols-risk", "gd-risk", "gd-best-step"),
)
def baseline_risks(
    dimension: int = 8, largest: int = 24, noise_std: float = 0.5, runs: int = 12, count: int = 256
) -> Figure:
    """Least squares passes through infinity at $k = d$ with noisy labels; ridge regression with
    $λ = σ²$ is the best.

    Risk $E |ŵ - w|² / d$ after $k$ examples, labels with noise $σ =$ `noise_std`, $τ = 1$. Lines:
    exact, those of the ridge rules by one quadrature over the spectrum of $XᵀX$; least squares is
    infinite for $k = d - 1, d, d + 1$, where its line breaks. Points: simulated means of `runs`
    samples of `count` prompts with 99 % Student intervals, those of least squares only for
    $|d - k| > 3$, where their variance is finite. Dotted: one gradient step of the best size at
    each $k$, which is also the best that one layer of linear attention can do with a context of
    $k$.
    """
    static = {"dimension": dimension, "examples": largest + 1, "count": count}
    risks = replicates(simulations.risks, runs, static, {"noise_std": noise_std})["risks"].values
    prefixes = np.arange(largest + 1)
    noise = {"noise_std": noise_std}
    laws = (
        ("least squares", "o", lambda k: risk_laws.ols_risk(dimension, k, **noise)),
        ("Bayes: Ridge(σ²)", "s", lambda k: risk_laws.bayes_risk(dimension, k, **noise)),
        ("Ridge(0.1)", "^", lambda k: risk_laws.ridge_expected_risk(0.1, dimension, k, **noise)),
        ("GD(0.02)", "D", lambda k: risk_laws.gradient_step_risk(dimension, k, 0.02, **noise)),
        ("SGD(0.03)", "v", lambda k: risk_laws.sgd_risk(dimension, k, 0.03, **noise)),
    )
    fig, axis = plt.subplots(figsize=(6.2, 3.8))
    for row, ((name, marker, law), colour) in enumerate(zip(laws, COLOURS, strict=False)):
        values = np.array([law(int(k)) for k in prefixes]) / dimension
        axis.plot(prefixes, np.where(np.isinf(values), np.nan, values), color=colour, label=name)
        counts = prefixes[1:] if row else prefixes[np.abs(prefixes - dimension) > 3]
        points_with_intervals(
            axis, counts, risks[:, row][:, counts], colour, fmt=marker, markersize=2.5
        )
    best = [risk_laws.best_step_risk(dimension, int(k), **noise) / dimension for k in prefixes]
    axis.plot(prefixes, best, ":", color=COLOURS[6], label="best gradient step")
    axis.set(
        xlabel="number of examples k",
        ylabel="risk  $E|\\hat w-w|^2/d$",
        yscale="log",
        ylim=(0.012, 1.5),
    )
    axis.set_title(f"d = {dimension}, σ = {noise_std:g}")
    axis.legend(ncols=2, loc="lower left")
    return fig
