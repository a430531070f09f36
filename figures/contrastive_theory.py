"""The figures of contrastive theory: F1 what a loss certifies, F2 how InfoNCE approaches its limit,
F3 the floor.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sims import contrastive_theory as observed
from theory import contrastive_theory as predicted
from theory.contrastive_theory import Loss
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label, points_with_intervals

_sampled_losses = jax.jit(
    jax.vmap(observed.sample_contrastive_loss, (0, *[None] * 4)), static_argnums=4
)
WEIGHTS = np.array([0.5, 0.3, 0.2])
TABLE = np.array([[20, 6, 4], [5, 18, 7], [6, 8, 26]]) / 100


def _sampled_gaps(runs: int, correlation: float, count: int) -> jax.Array:
    """Draws of `count` times the gap of a normal pair, less the excess of the other ratios over
    their mean.
    """

    def draw(key: jax.Array) -> jax.Array:
        log_r = observed.gaussian_log_ratios(key, correlation, count)
        gap = jax.nn.logsumexp(log_r) - np.log(count)
        return count * gap - (jnp.exp(log_r[1:]) - 1).sum()

    keys = jax.random.split(jax.random.key(count), runs)
    return jax.jit(lambda keys: jax.lax.map(draw, keys, batch_size=min(runs, 10_000)))(keys)


@figure(
    "F1",
    quick={"encoders": 60},
    claims=("unsupervised_bounds_supervised", "equality_cases"),
    marks="dotted: loss of f = 0, beyond which a certificate is vacuous",
)
def certificates(encoders: int = 300, lengths: Sequence[float] = (1.0, 0.6, 0.3)) -> Figure:
    """A loss certifies an encoder: $L_un$ against $τ + (1 - τ) L_sup$, the least value that $L_un$
    can have at the encoder's $L_sup$.

    The world has three classes of weights $ρ$ on six points, with laws drawn from a Dirichlet law.
    Each dot is one of `encoders` random encoders into the plane, with losses from enumeration;
    colours show the lengths of their embeddings. No dot lies below the line. Encoders that are
    constant on each class (black) lie on it, and with the hinge (a) short encoders do. Above the
    dotted line, the loss of $f = 0$, a certificate says nothing. (b) Logistic loss in bits. After
    Arora et al. 2019 (arXiv 1902.09229).
    """
    fig, panels = plt.subplots(1, 2, figsize=(8.2, 3.6))
    losses: tuple[Loss, Loss] = "hinge", "logistic"
    for axes, loss, letter in zip(panels, losses, "ab", strict=True):
        generator = np.random.default_rng(0)
        laws = generator.dirichlet(np.ones(6), 3)
        for length, colour in zip(lengths, COLOURS, strict=False):
            plane = [
                length * generator.normal(size=(6, 2)) for _ in range(encoders // len(lengths))
            ]
            _losses(
                axes,
                loss,
                laws,
                plane,
                marker="o",
                color=colour,
                label=f"random, length {length:g}",
            )
        centres = [length * np.eye(3) for length in np.linspace(0.1, 3, 12)]
        _losses(
            axes,
            loss,
            np.eye(3),
            centres,
            marker="s",
            color=COLOURS[6],
            label="constant on classes",
        )
        ends = np.array([0.35, 1.05])
        axes.plot(ends, ends, color=COLOURS[6], label="equality")
        axes.axhline(1, color="0.5", linestyle=":")
        axes.set(xlabel="τ + (1 − τ) L$_{sup}$", ylabel="L$_{un}$", title=loss)
        axes.legend()
        label(axes, letter)
    return fig


def _losses(axes: Axes, loss: Loss, laws: np.ndarray, encoders: list[np.ndarray], **style) -> None:  # type: ignore[no-untyped-def]
    worlds = [(WEIGHTS, laws, features) for features in encoders]
    least = [
        predicted.certificate(WEIGHTS, predicted.supervised_loss(*world, loss)) for world in worlds
    ]
    losses = [observed.contrastive_loss(*world, loss) for world in worlds]
    axes.plot(least, losses, linestyle="", markersize=3, **style)


@figure(
    "F2", quick={"runs": 2000}, claims=("infonce_gap", "excess_is_kl", "excess_is_kl-next_term")
)
def gaps(
    candidates: Sequence[int] = (2, 4, 8, 16, 32, 64, 128),
    correlation: float = 0.4,
    runs: int = 400_000,
) -> Figure:
    """How InfoNCE with $K$ candidates approaches the information $I$: $K (I - I_K)$ against $K$,
    for the critic $f = log r$.

    Points: a joint law of 3 × 3 cells, enumerated over all counts of candidates (blue), and a
    normal pair of the given correlation, means of `runs` draws for each $K$ with 99 % Student
    intervals (orange). The other candidates' $r$, whose mean is 1, serve as control variates of
    these draws. Lines: $χ²/2$ of each law. Dashed: the information, which one might expect in place
    of $χ²/2$. All new; the setting is that of Tschannen et al. 2020.
    """
    fig, axes = plt.subplots(figsize=(4.6, 3.6))
    information = predicted.mutual_information(TABLE)
    ratio = np.log(TABLE / TABLE.sum(axis=0) / TABLE.sum(axis=1, keepdims=True))
    gap = [count * (information - observed.infonce(TABLE, ratio, count)) for count in candidates]
    axes.plot(candidates, gap, "o", color=COLOURS[0], label="3 × 3 cells, enumerated")
    axes.axhline(predicted.chi_squared(TABLE) / 2, color=COLOURS[0], label="χ²/2 of the cells")
    axes.axhline(information, color=COLOURS[0], linestyle="--", label="I of the cells")
    sizes = [count for count in candidates if count <= 64]
    draws = [_sampled_gaps(runs, correlation, count) for count in sizes]
    points_with_intervals(
        axes, sizes, np.array(draws).T, COLOURS[1], fmt="s", label=f"normal, ρ = {correlation:g}"
    )
    axes.axhline(
        predicted.gaussian_chi_squared(correlation) / 2,
        color=COLOURS[1],
        label="χ²/2 of the normal pair",
    )
    normal = -np.log1p(-(correlation**2)) / 2
    axes.axhline(normal, color=COLOURS[1], linestyle="--", label="I of the normal pair")
    axes.set(xscale="log", xlabel="candidates K", ylabel="K (I − I$_K$)  (nats)")
    axes.set_xticks(candidates, [str(count) for count in candidates])
    axes.minorticks_off()
    axes.legend(loc="center right")
    return fig


@figure(
    "F3",
    quick={"runs": 1000},
    claims=("collision_floor", "collision_floor-approached", "collision_floor-sampled"),
)
def floors(
    negatives: Sequence[int] = (1, 2, 4, 8, 16, 32, 64),
    lengths: Sequence[float] = (1.0, 2.0, 10.0),
    runs: int = 4000,
) -> Figure:
    """The floor of the logistic loss against the number $k$ of negatives: no encoder gets below the
    line.

    There are three classes of weights $ρ = .5, .3, .2$. Each is collapsed to one point; the three
    points are orthogonal and have the lengths given. Points: means of `runs` sampled losses with 99
    % Student intervals. Line: $E log_2(1 + Bin(k, ρ_c))$. Dashed: $log_2(1 + kτ)$, which neglects
    that the number of collisions scatters. New.
    """
    fig, axes = plt.subplots(figsize=(4.6, 3.6))
    tau = predicted.collision_probability(WEIGHTS)
    axes.plot(
        negatives,
        [predicted.collision_floor(WEIGHTS, k) for k in negatives],
        color=COLOURS[6],
        label="floor",
    )
    axes.plot(
        negatives,
        np.log2(1 + np.array(negatives) * tau),
        "--",
        color="0.5",
        label="log$_2$(1 + kτ)",
    )
    keys = jax.random.split(jax.random.key(0), runs)
    for length, colour in zip(lengths, COLOURS, strict=False):
        world = WEIGHTS, np.eye(3), length * np.eye(3)
        draws = [_sampled_losses(keys, *world, k) for k in negatives]
        points_with_intervals(
            axes, negatives, np.array(draws).T, colour, label=f"collapsed, length {length:g}"
        )
    axes.set(xscale="log", xlabel="negatives k", ylabel="logistic loss  (bits)")
    axes.set_xticks(negatives, [str(k) for k in negatives])
    axes.minorticks_off()
    axes.legend()
    return fig
