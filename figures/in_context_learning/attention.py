"""What one layer of linear attention can reach: F11."""

from collections.abc import Sequence

import jax
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure

from sims.in_context_learning import effective_map, train_linear_attention
from theory import in_context_learning as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import letters, points_with_intervals


@figure(
    "F11",
    quick={"largest": 24, "contexts": (4,), "steps": 600, "starts": 3},
    claims=("lsa-optimum", "lsa-train"),
    marks="(a) dashed: N = d. (b) lines: exact; dotted: their limits; points: trained layers",
)
def linear_attention_phases(
    dimension: int = 8,
    largest: int = 64,
    variances: Sequence[float] = (0.5, 1.5),
    contexts: Sequence[int] = (2, 6, 18),
    steps: int = 1500,
    starts: int = 4,
) -> Figure:
    """One layer of linear attention is nearly optimal for short contexts or much noise, and far
    from it otherwise.

    (a) Least risk of one layer of linear attention over the Bayes risk, for contexts of N examples
      and noise of
    variance σ², in d dimensions with x ~ N(0, I) and w ~ N(0, I); exact. Dashed: N = d. Without
    noise the quotient grows without bound from N = d on. (b) The two eigenvalues of the optimal map
    A* (lines) for inputs with the given `variances` and σ² = 0.25 against N; both tend to
    1/variance (dotted), the larger variance sooner. Points: layers trained by Adam from `starts`
    positive starts on all entries, means with 99 % Student intervals.
    """
    fig, (phases, entries) = plt.subplots(1, 2, figsize=(8.6, 3.5))
    lengths = np.unique(np.geomspace(1, largest, 24).round().astype(int))
    noises = np.geomspace(0.01, 10, 25)
    identity = np.eye(dimension)
    quotient = np.array(
        [
            [
                predicted.optimal_loss(identity, identity, float(noise), int(n))
                / predicted.bayes_risk(dimension, int(n), noise_std=float(noise) ** 0.5)
                for n in lengths
            ]
            for noise in noises
        ]
    )
    levels = [1, 1.05, 1.1, 1.25, 1.5, 2, 4, 10, 30, 100]
    colours = BoundaryNorm(levels, 256, extend="max")
    contours = phases.contourf(
        lengths, noises, quotient, levels, norm=colours, cmap="cividis", extend="max"
    )
    phases.axvline(dimension, color="white", linestyle="--", linewidth=0.8)
    bar = fig.colorbar(
        contours, ax=phases, ticks=levels, label="linear attention's risk / Bayes risk"
    )
    bar.ax.set_yticklabels([f"{level:g}" for level in levels])
    phases.set(
        xscale="log", yscale="log", xlabel="context length N", ylabel="noise variance σ² / τ²"
    )
    phases.set_title(f"d = {dimension}")
    covariance = np.diag(variances)
    noise = 0.25
    fine = np.unique(np.geomspace(1, 4 * max(contexts), 40).round().astype(int))
    best = [predicted.optimal_map(covariance, np.eye(len(variances)), noise, int(n)) for n in fine]
    maps = np.array([_trained(covariance, noise, n, steps, starts) for n in contexts])
    for row, (variance, colour) in enumerate(zip(variances, COLOURS, strict=False)):
        entries.plot(
            fine,
            [matrix[row, row] for matrix in best],
            color=colour,
            label=f"variance {variance:g}",
        )
        entries.axhline(1 / variance, color=colour, linestyle=":", linewidth=0.8)
        points_with_intervals(entries, list(contexts), maps[:, :, row].T, colour)
    entries.set(
        xscale="log", xlabel="context length N", ylabel="eigenvalue of the map A", ylim=(0, None)
    )
    entries.legend(loc="upper left", bbox_to_anchor=(0, 0.9))
    letters((phases, entries))
    return fig


def _trained(
    covariance: np.ndarray, noise: float, context: int, steps: int, starts: int
) -> np.ndarray:
    """The diagonal of the map of each trained layer, [starts, dimension]."""
    layers = train_linear_attention(
        jax.random.key(5),
        starts,
        dimension=len(covariance),
        context=context,
        noise_std=noise**0.5,
        input_covariance=covariance,
        steps=steps,
        batch=256,
    )
    maps = effective_map(layers.value_projection, layers.key_query)
    return np.diagonal(np.asarray(maps), axis1=1, axis2=2)
