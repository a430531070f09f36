"""The figures of low-dimensional diffusion: F1 how many samples teach a subspace, F2 what not
knowing it costs.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from sims import low_dim_diffusion as observed
from theory import low_dim_diffusion as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import points_with_intervals


@figure(
    "F1",
    quick={"draws": 200},
    claims=("random_completion", "noise_law"),
    marks="points: simulation; lines: theory; dotted: N = d + 1",
)
def samples(
    ambient: int = 20,
    dim: int = 6,
    noises: Sequence[float] = (0.05, 0.2),
    more: Sequence[int] = (10, 12, 16, 24, 36, 60),
    draws: int = 4000,
) -> Figure:
    """How far the learned subspace is from the true one, against the number of samples per
    dimension, $N / d$.

    Points: means of $D² / (2d)$ over `draws` sets of $N$ samples of a $d$-dimensional subspace in
    $n$ dimensions, with 99 % Student intervals. Black: samples without noise, where $N < d$ samples
    are completed at random and $N ≥ d$ leave no error. Coloured: principal components of samples
    with noise $δ$ in every coordinate. Lines: $(d - N)(n - d) / ((n - N) d)$ without noise, and
    $δ² (n - d) / (N - d - 1)$ with it. The latter is the first order in $δ²$, and its mean is
    infinite up to $N = d + 1$ (dotted): the points with more noise lie below it where $N$ is small.
    New; the question is that of Wang et al. 2024.
    """
    fig, axes = plt.subplots(figsize=(4.8, 3.6))
    generator = np.random.default_rng(0)
    few = np.arange(dim)
    distances = [predicted.random_completion(ambient, dim, int(n)) / (2 * dim) for n in few]
    axes.plot(few / dim, distances, color=COLOURS[6])
    runs = [observed.completion_errors(generator, draws, ambient, dim, int(n)) for n in few]
    points_with_intervals(
        axes, few / dim, np.array(runs).T / (2 * dim), COLOURS[6], label="no noise, random beside"
    )
    for noise, colour, marker in zip(noises, COLOURS, "s^", strict=False):
        # Between whole numbers the formula is that of a fractional N.
        many = np.geomspace(dim + 1.3, more[-1], 60)
        law = (
            predicted.noise_law(ambient, np.ones(dim), dim + 2, noise)
            / (2 * dim)
            / (many - dim - 1)
        )
        axes.plot(many / dim, law, color=colour)
        runs = [
            observed.noisy_errors(generator, draws, ambient, np.ones(dim), n, noise) for n in more
        ]
        style = {"fmt": marker, "label": f"noise δ = {noise:g}"}
        points_with_intervals(
            axes, np.array(more) / dim, np.array(runs).T / (2 * dim), colour, **style
        )
    axes.axvline((dim + 1) / dim, color="0.5", linestyle=":")
    axes.set(
        yscale="log",
        xlabel="samples per dimension N / d",
        ylabel="squared distance D² / 2d",
        ylim=(5e-4, 3),
    )
    axes.legend(loc="upper right")
    return fig


@figure(
    "F2",
    quick={"draws": 2000},
    claims=("price_of_assignment", "price_of_assignment-sampled"),
    marks="shaded: the price of assignment",
)
def price(
    noises: Sequence[float] = (0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0, 5.0),
    dim: int = 2,
    subspaces: int = 3,
    draws: int = 100_000,
) -> Figure:
    """The price of not knowing the subspace: the loss of a denoiser against the noise level $γ$,
    with $s = 1$.

    $K$ orthogonal subspaces of dimension $d$ are equally likely. Points: means of $|D(x_t) - x0|²$
    over `draws` samples with 99 % Student intervals, for the denoiser that weighs the subspaces by
    $x_t$ (orange), the one that reads the subspace off the clean point (blue), and the one that
    takes the subspace nearest to $x_t$ (green). Lines: the least mean square error by its integral,
    and $dγ²/(1 + γ²)$, which no function of $x_t$ attains. Shaded: the price. New.
    """
    fig, axes = plt.subplots(figsize=(4.8, 3.6))
    generator = np.random.default_rng(0)
    axis = np.geomspace(noises[0], noises[-1], 60)
    genie = [predicted.genie_loss(dim, 1.0, noise) for noise in axis]
    mmse = [predicted.mmse(dim, subspaces, 1.0, noise) for noise in axis]
    axes.plot(axis, mmse, color=COLOURS[1], label="least of any function of x$_t$")
    axes.plot(axis, genie, color=COLOURS[0], label="told the subspace")
    axes.fill_between(axis, genie, mmse, color=COLOURS[4], alpha=0.25, linewidth=0)
    basis = np.eye(dim * subspaces + 2)
    bases = [basis[:, dim * k : dim * (k + 1)] for k in range(subspaces)]
    rules: tuple[observed.Rule, ...] = "soft", "clean", "noisy"
    losses = [
        observed.sampled_losses(generator, draws, bases, 1.0, noise, rules) for noise in noises
    ]
    labels = "weights at x$_t$", "nearest to the clean point", "nearest to x$_t$"
    for k, (colour, marker, name) in enumerate(
        zip((COLOURS[1], COLOURS[0], COLOURS[2]), "os^", labels, strict=True)
    ):
        points_with_intervals(
            axes, noises, np.array(losses)[:, :, k].T, colour, fmt=marker, label=name
        )
    axes.set(
        xscale="log", xlabel="noise level γ  (s = 1)", ylabel="mean square error", ylim=(0, None)
    )
    axes.legend(loc="upper left")
    return fig
