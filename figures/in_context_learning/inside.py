"""Inside small trained models: what can be read off their hidden states (F4), and how linear their
answers are (F6).
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

from figures.in_context_learning import models
from sims.in_context_learning import baselines, metrics, probes, training
from sims.in_context_learning.learner import Transformer
from sims.in_context_learning.prompts import Prompts
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import letters, points_with_intervals


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

    Mean squared error, in units of the target's variance, of probes trained to read (a) XᵀY and (b)
    the least squares weights of the first k = `prefix` examples off the states after each layer (0:
    the embedding), at the positions of these examples; on prompts that were not trained on, with 99
    % Student intervals over them. Filled: two-layer probes; open: linear ones, after a learned
    mixture of positions. Dashed: two-layer probes of the same model trained on w = 1 instead, which
    has no weights to find. (c) That mixture for the two-layer probe of the best layer: the weight
    of every position (grey: the labels'). A model of `dimension` dimensions and `layers` layers;
    the paper's figures 4 and 5 have 4 dimensions and 16 layers of 512 units.
    """
    settings = models.ladder(dimension, layers, steps)
    constant = replace(settings, steps=control_steps, weight_std=0.0, weight_mean=1.0)
    batch = models.fresh_prompts(settings, prompts)
    targets = {
        "$X^TY$": probes.moment_targets(batch, prefix),
        "least squares weights": probes.ols_targets(batch, prefix),
    }
    fig, axes = plt.subplots(1, 3, figsize=(10.5, 3.4))
    model = models.trained(settings)
    control = models.trained(constant)
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

    R² of the best linear fit to the answers to normal test inputs, against the number of examples
    shown, for trained models of different depths: mean over `prompts` prompts without noise with 99
    % Student intervals. The line at 1 is exact for least squares and for every other rule with
    weights, whose answers are linear. Squares: three nearest neighbours, whose answers are not.
    Models of `dimension` dimensions with one head of 32 units; the paper's figure 6 has 8
    dimensions and 16 layers.
    """
    settings = [models.ladder(dimension, layers, steps) for layers in depths]
    batch = models.fresh_prompts(settings[0], prompts)
    inputs = jax.random.normal(jax.random.key(6), (queries, dimension))
    prefixes = np.arange(1, models.EXAMPLES)
    fig, axis = plt.subplots(figsize=(5.6, 3.6))
    axis.axhline(1, color=COLOURS[6], linewidth=0.8, label="rules with weights (exact)")
    for of_model, layers, colour, marker in zip(settings, depths, COLOURS, "o^v", strict=False):
        model = models.trained(of_model)
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
    predict: metrics.Predictor, asked: Prompts, prefixes: np.ndarray, inputs: Array
) -> Float[np.ndarray, "count prefixes"]:
    """R² of the linear fit to a learner's answers after each number of examples, prompt by
    prompt.
    """
    predict = models.at_full_length(predict, models.EXAMPLES)
    fits = [metrics.implicit_fit(predict, asked, int(k), inputs).r_squared for k in prefixes]
    return np.array(fits).T
