"""Small trained models: what can be read off their hidden states (F4), how linear their answers are
(F6), and what depth and width do: phases (F3), smallest sizes (F8), the ladder with noise (F5).
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Array, Float
from matplotlib.figure import Figure

from figures.in_context_learning import simulations
from sims.in_context_learning import baselines, probes, training
from sims.in_context_learning.prompts import Prompts
from sims.in_context_learning.training import Transformer
from theory.in_context_learning import risk_laws
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label, letters, points_with_intervals


@figure(
    "F4",
    quick={
        "dimension": 1,
        "layers": 1,
        "steps": 500,
        "control_steps": 500,
        "probe_steps": 200,
        "prompts": 1024,
    },
    claims=("probes",),
    marks="(c) shaded: positions of labels",
)
def probed_quantities(
    dimension: int = 2,
    layers: int = 4,
    prefix: int = 4,
    steps: int = 8000,
    control_steps: int = 1000,
    probe_steps: int = 800,
    prompts: int = 4096,
) -> Figure:
    """Probes of its hidden states show what a trained model has computed by which layer.

    Mean squared error of probes, in units of the target's variance, against the layer (0: the
    embedding). The probes are trained to read (a) $XᵀY$ and (b) the least squares weights of the
    first $k =$ `prefix` examples off the states after each layer at the positions of these
    examples. They are tested on other prompts, with 99 % Student intervals over them. Filled:
    two-layer probes. Open: linear ones. Both follow a learned mixture of positions. Dashed:
    two-layer probes of the same model trained on $w = 1$ instead, which has no weights to find. (c)
    That mixture for the two-layer probe of the best layer: the weight of every position (grey: the
    labels'). The model has `dimension` dimensions and `layers` layers; the paper's figures 4 and 5
    have 4 dimensions and 16 layers of 512 units.
    """
    settings = simulations.ladder(dimension, layers, steps)
    constant = replace(settings, steps=control_steps, weight_std=0.0, weight_mean=1.0)
    batch = simulations.fresh_prompts(settings, prompts)
    targets = {
        "$X^TY$": probes.moment_targets(batch, prefix),
        "least squares weights": probes.ols_targets(batch, prefix),
    }
    fig, axes = plt.subplots(1, 3, figsize=(10.5, 3.4))
    model = simulations.trained(settings)
    control = simulations.trained(constant)
    depths = np.arange(layers + 1)
    positions = np.arange(2 * prefix)
    for row, (axis, (name, target), colour) in enumerate(
        zip(axes, targets.items(), COLOURS, strict=False)
    ):
        target = target / jnp.std(target, axis=0)
        errors = {}
        best = np.zeros(len(positions))
        for kind, of_model in (("mlp", model), ("linear", model), ("control", control)):
            results = _probed(
                of_model,
                batch,
                target,
                prefix,
                "linear" if kind == "linear" else "mlp",
                probe_steps,
            )
            errors[kind] = np.array([of_layer for of_layer, _ in results]).T
            if kind == "mlp":
                best = np.asarray(results[int(errors[kind].mean(axis=0).argmin())][1])
        points_with_intervals(
            axis, depths, errors["mlp"], colour, fmt="o-", label="two-layer probe"
        )
        points_with_intervals(
            axis,
            depths,
            errors["linear"],
            colour,
            fmt="o:",
            markerfacecolor="white",
            label="linear",
        )
        points_with_intervals(
            axis, depths, errors["control"], "0.4", fmt="s--", label="model of w = 1"
        )
        axis.set(
            xlabel="layer",
            ylabel="probe's error / variance",
            title=f"{name}, k = {prefix}",
            xticks=depths,
        )
        axis.set_ylim(0, None)
        axes[2].bar(positions + (row - 0.5) * 0.35, best, 0.35, color=colour, label=name)
    for position in positions[1::2]:
        axes[2].axvspan(position - 0.5, position + 0.5, color="0.92", zorder=0)
    tokens = [f"${'xy'[position % 2]}_{position // 2 + 1}$" for position in positions]
    axes[2].set_xticks(positions, tokens)
    axes[2].set(xlabel="position", ylabel="weight in the mixture", title="best layer")
    axes[2].margins(y=0.3)  # room for the legend above the bars
    axes[0].legend()
    axes[2].legend()
    letters(axes)
    return fig


def _probed(
    model: Transformer,
    asked: Prompts,
    target: Array,
    prefix: int,
    kind: probes.ProbeKind,
    steps: int,
) -> list[tuple[Float[Array, "count"], Float[Array, "positions"]]]:
    """The squared errors on the second half of the prompts, and the mixture, of a probe of each
    state.
    """
    half = len(target) // 2
    results = []
    for hidden in probes.hidden_states(model, asked)[:, :, : 2 * prefix]:
        probe = probes.train_probe(
            jax.random.key(4),
            hidden[:half],
            target[:half],
            kind=kind,
            probe_width=32,
            steps=steps,
            learning_rate=3e-3,
        ).probe
        results.append(
            (probes.probe_errors(probe, hidden[half:], target[half:]), probe.attention())
        )
    return results


@figure(
    "F6",
    quick={"dimension": 1, "depths": (1,), "steps": 500, "prompts": 64},
    claims=("nonlinear-hypothesis",),
)
def linearity_of_answers(
    dimension: int = 2,
    depths: Sequence[int] = (1, 2, 4),
    steps: int = 8000,
    prompts: int = 128,
    queries: int = 32,
) -> Figure:
    """A trained model's answers are not quite linear in the query while it has seen few examples.

    $R²$ of the best linear fit to the answers to normal test inputs, against the number of examples
    shown, for trained models of different depths: mean over `prompts` prompts without noise with 99
    % Student intervals. The line at 1 is exact for least squares and for every other rule with
    weights, whose answers are linear. Squares: three nearest neighbours, whose answers are not.
    Models of `dimension` dimensions with one head of 32 units; the paper's figure 6 has 8
    dimensions and 16 layers.
    """
    settings = [simulations.ladder(dimension, layers, steps) for layers in depths]
    batch = simulations.fresh_prompts(settings[0], prompts)
    inputs = jax.random.normal(jax.random.key(6), (queries, dimension))
    prefixes = np.arange(1, simulations.EXAMPLES)
    fig, axis = plt.subplots(figsize=(5.6, 3.6))
    axis.axhline(1, color=COLOURS[6], linewidth=0.8, label="rules with weights (exact)")
    for of_model, layers, colour, marker in zip(settings, depths, COLOURS, "o^v", strict=False):
        model = simulations.trained(of_model)
        shares = explained_shares(
            partial(training.in_context_predictions, model), batch, prefixes, inputs
        )
        points_with_intervals(
            axis, prefixes, shares, colour, fmt=f"{marker}-", linewidth=0.6, label=f"L = {layers}"
        )
    neighbours = [baselines.nearest_neighbours()]
    shares = explained_shares(
        lambda shown: baselines.predict_all(shown, neighbours)[0], batch, prefixes, inputs
    )
    points_with_intervals(axis, prefixes, shares, COLOURS[3], fmt="s:", linewidth=0.6, label="3-NN")
    axis.set(
        xlabel="number of examples k", ylabel="R² of the best linear fit", title=f"d = {dimension}"
    )
    axis.set(xticks=prefixes, ylim=(0, 1.05))
    axis.legend()
    return fig


def explained_shares(
    predict: baselines.Predictor, asked: Prompts, prefixes: np.ndarray, inputs: Array
) -> Float[np.ndarray, "count prefixes"]:
    """R² of the linear fit to a learner's answers after each number of examples, prompt by
    prompt.
    """
    predict = simulations.at_full_length(predict, simulations.EXAMPLES)
    fits = [baselines.implicit_fit(predict, asked, int(k), inputs).r_squared for k in prefixes]
    return np.array(fits).T


_FAMILY = {
    "least squares": baselines.ols(),
    "Ridge(0.1)": baselines.ridge(0.1),
    "Ridge(0.5)": baselines.ridge(0.5),
    "GD(0.05)": baselines.gradient_step(0.05),
}


@figure(
    "F3",
    quick={"dimension": 1, "depths": (1,), "steps": 500, "prompts": 1024},
    claims=("phase-depth", "depth"),
    marks="dotted: exact distance of each rule from least squares",
)
def phases_of_depth(
    dimension: int = 2, depths: Sequence[int] = (1, 2, 4), steps: int = 8000, prompts: int = 4096
) -> Figure:
    """The deeper a trained model, the nearer it is to least squares, and the less to one gradient
    step.

    Squared difference $SPD/d$ between trained models and four rules against the depth $L$, mean
    over $k = 1$ to 5 of prompts without noise; `dimension` dimensions, one head of 32 units. Dotted
    at the right: exact distance of each rule from least squares, where a perfect model's points
    would be. Bars: 99 % Student intervals over `prompts` prompts; one model each. A miniature of
    the paper's sweep ($d = 8$ and 16, up to 16 layers and 1024 units, 500 000 steps): it shows the
    two later ones of its three phases, where the nearest rule changes from Ridge(0.5) to Ridge(0.1)
    and to least squares. For the width see F8.
    """
    fig, axis = plt.subplots(figsize=(5.6, 3.7))
    settings = [simulations.ladder(dimension, layers, steps) for layers in depths]
    distances = [
        np.asarray(simulations.distances(s, list(_FAMILY.values()), prompts)).mean(axis=2)
        for s in settings
    ]
    for row, (name, colour, marker) in enumerate(zip(_FAMILY, COLOURS, "os^D", strict=False)):
        runs = np.array([of_model[row] for of_model in distances]).T
        points_with_intervals(
            axis, list(depths), runs, colour, fmt=f"{marker}-", linewidth=0.6, label=name
        )
        axis.axhline(_exact_distance(name, dimension), xmin=0.9, color=colour, linestyle=":")
    axis.set_xscale("log", base=2)
    axis.set_xticks(list(depths), [str(layers) for layers in depths])
    axis.set(xlim=(depths[0] / 1.15, 1.5 * depths[-1]), ylim=(0, None), xlabel="layers L")
    axis.set(ylabel="SPD / d to the model", title=f"d = {dimension}, H = {settings[0].width}")
    axis.legend()
    return fig


def _exact_distance(name: str, dimension: int) -> float:
    """SPD / d of a rule to least squares without noise, mean over the prefixes."""
    prefixes = range(1, simulations.EXAMPLES)
    if name == "GD(0.05)":
        return (
            float(
                np.mean([risk_laws.spd_gradient_step_to_ols(dimension, k, 0.05) for k in prefixes])
            )
            / dimension
        )
    parameter = _FAMILY[name].parameter
    return (
        float(np.mean([risk_laws.spd_ridge_to_ols(parameter, dimension, k) for k in prefixes]))
        / dimension
    )


@figure(
    "F8",
    quick={
        "layers": 1,
        "depths": (1,),
        "widths": (16,),
        "heads": (2,),
        "steps": 500,
        "prompts": 1024,
    },
    claims=("min-width",),
    marks="below the line least squares describes the model better",
)
def smallest_sizes(
    depths: Sequence[int] = (1, 2, 4),
    widths: Sequence[int] = (4, 8, 16),
    heads: Sequence[int] = (1, 2),
    layers: int = 2,
    steps: int = 2000,
    prompts: int = 4096,
) -> Figure:
    """Ridge(0.1) describes the smallest models better, and least squares the larger ones.

    SPD to least squares over SPD to Ridge(0.1), both from the same trained model, mean over $k = 1$
    to 5 of scalar prompts without noise: below the line at 1 the model counts as least squares. (a)
    Against the depth $L$ ($H = 16$, two heads), (b) the width $H$ (`layers` layers, two heads), (c)
    the number of heads $M$ (as many, $H = 16$). The quotients of 8 samples of prompts, with 99 %
    Student intervals of their mean; one model for each size, after `steps` steps. A miniature of
    the paper's figure 8, which has $d$ up to 20 and the smallest size of a sweep with 500 000
    steps.
    """
    fig, axes = plt.subplots(1, 3, figsize=(9, 3.2), sharey=True)
    panels = (
        ("layers L", depths, [simulations.small(steps, depth) for depth in depths]),
        ("width H", widths, [simulations.small(steps, layers, width=width) for width in widths]),
        ("heads M", heads, [simulations.small(steps, layers, heads=number) for number in heads]),
    )
    # Only two are needed, but these have been compiled for the other figure
    rules = list(_FAMILY.values())
    for axis, (text, sizes, settings), letter in zip(axes, panels, "abc", strict=True):
        pairs = [
            np.asarray(simulations.distances(s, rules, prompts))[:2].reshape(2, 8, -1).mean(axis=2)
            for s in settings
        ]
        quotients = np.array([to_ols / to_ridge for to_ols, to_ridge in pairs]).T
        points_with_intervals(axis, list(sizes), quotients, COLOURS[0])
        axis.axhline(1, color=COLOURS[6], linewidth=0.8)
        axis.set_xscale("log", base=2)
        axis.set_xticks(list(sizes), [str(size) for size in sizes])
        axis.set(xlabel=text, yscale="log", xlim=(sizes[0] / 1.3, sizes[-1] * 1.3))
        label(axis, letter)
    axes[0].set_ylabel("SPD to least squares / SPD to Ridge(0.1)")
    return fig


@figure(
    "F5",
    quick={"depths": (1,), "steps": 500, "prompts": 1024},
    claims=("icl-approaches-mbr", "bayes-error", "gd-best-step"),
)
def ladder_to_the_bayes_error(
    depths: Sequence[int] = (1, 2, 4),
    steps: int = 6000,
    noise_std: float = 0.5,
    prompts: int = 8192,
) -> Figure:
    """Two layers come down to the Bayes error; one does not.

    Scalar problems with noise $σ =$ `noise_std`, $τ = 1$; trained models of 16 units and two heads.
    (a) Squared error after $k$ examples, noise included: lines are exact, of the Bayes predictor
    (black) and of one gradient step of the best size for each $k$ (dotted); points: trained models.
    (b) Mean over $k = 1$ to 5 against the depth $L$, with the exact Bayes error and that of the
    best gradient steps. Bars: 99 % Student intervals over `prompts` prompts; one model each.
    """
    fig, (by_prefix, by_depth) = plt.subplots(1, 2, figsize=(8.4, 3.4))
    prefixes = np.arange(simulations.EXAMPLES)
    noise = {"noise_std": noise_std}
    bayes = np.array([risk_laws.bayes_risk(1, int(k), **noise) for k in prefixes]) + noise_std**2
    step = np.array([risk_laws.best_step_risk(1, int(k), **noise) for k in prefixes]) + noise_std**2
    by_prefix.plot(prefixes, bayes, color=COLOURS[6], label="Bayes")
    by_prefix.plot(prefixes, step, ":", color=COLOURS[6], label="best gradient step")
    by_depth.axhline(risk_laws.mean_bayes_error(1, simulations.EXAMPLES, **noise), color=COLOURS[6])
    by_depth.axhline(step[1:].mean(), color=COLOURS[6], linestyle=":")
    for layers, colour, marker in zip(depths, COLOURS, "os^", strict=False):
        settings = simulations.small(steps, layers=layers, noise_std=noise_std)
        batch = simulations.fresh_prompts(settings, prompts)
        errors = (
            np.asarray(
                training.in_context_predictions(simulations.trained(settings), batch) - batch.labels
            )
            ** 2
        )
        points_with_intervals(
            by_prefix, prefixes, errors, colour, fmt=marker, label=f"model, L = {layers}"
        )
        points_with_intervals(
            by_depth, [layers], errors[:, 1:].mean(axis=1)[:, None], colour, fmt=marker
        )
    by_prefix.set(
        xlabel="number of examples k", ylabel="squared error", ylim=(0, None), title="d = 1"
    )
    by_prefix.legend()
    by_depth.set_xscale("log", base=2)
    by_depth.set_xticks(list(depths), [str(layers) for layers in depths])
    by_depth.set(xlabel="layers L", ylabel="squared error, mean over k = 1 to 5", title="d = 1")
    by_depth.set(xlim=(depths[0] / 1.3, depths[-1] * 1.3), ylim=(0, None))
    letters((by_prefix, by_depth))
    return fig
