"""The figures of sequential attention: F1 which weights a penalty lets in, F2 what softmax
attention picks instead.
"""

from collections.abc import Sequence

import jax
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sims import sequential_attention as observed
from theory import sequential_attention as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label, shares_with_intervals


@figure(
    "F1",
    quick={"points": 20},
    claims=("entry_is_omp", "single_entry_window", "single_entry_window-second"),
)
def windows(points: int = 45, n: int = 30, p: int = 6, seed: int = 3) -> Figure:
    """The unchosen weights as the penalty $λ$ falls, in three successive rounds; weights are in
    units of $|y| / |x_j|$.

    Points: coordinate descent on the penalised problem, in which the weights of chosen features are
    not penalised. Weights that are zero are not drawn. Black line: $λ₁$, the largest $|x_j · r_S|$,
    below which the weight of OMP's pick is not zero. Grey: the window $(λ₂, λ₁)$, in which it is
    the only one. One table of $n = 30$ rows and $p = 6$ correlated columns.
    """
    generator = np.random.default_rng(seed)
    ((X,), (y,)) = observed.problems(generator, 1, n, p, 0.5)
    order = predicted.omp_order(X, y, 3).tolist()
    fig, panels = plt.subplots(1, 3, figsize=(8.4, 3.3))
    for count, (axes, letter) in enumerate(zip(panels, "abc", strict=True)):
        chosen = tuple(order[:count])
        first = predicted.entry_levels(X, y, count + 1)[-1]
        second = predicted.second_entry_level(X, y, chosen)
        levels = np.linspace(1.15 * first, max(0.3 * second, 0.02 * first), points)
        weights = (
            np.abs(observed.weights(X, y, chosen, levels))
            * np.linalg.norm(X, axis=0)
            / np.linalg.norm(y)
        )
        window = axes.axvspan(second, first, color="0.88", label="one alone: λ₂ to λ₁")
        line = axes.axvline(first, color=COLOURS[6], label="λ₁")
        for j in (j for j in range(p) if j not in chosen):
            active = weights[:, j] > 0
            axes.plot(
                levels[active],
                weights[active, j],
                "o",
                markersize=2.5,
                color=COLOURS[j],
                label=f"feature {j}",
            )
        axes.set(xlabel="penalty λ  (unit of x · y)", xlim=(0, 1.15 * first))
        axes.set_title(f"chosen: {', '.join(map(str, chosen)) or 'none'}")
        label(axes, letter)
    panels[0].set_ylabel("|weight|  (unit of |y| / |x$_j$|)")
    features = [
        Line2D([], [], color=COLOURS[j], marker="o", linestyle="", label=f"feature {j}")
        for j in range(p)
    ]
    fig.legend(
        handles=[line, window, *features],
        loc="outside lower center",
        ncols=p + 2,
        columnspacing=1.2,
    )
    return fig


@figure(
    "F2",
    quick={"runs": 100, "steps": (5, 40, 400)},
    claims=("softmax_early_law", "softmax_late_differs"),
)
def attention(
    runs: int = 1000,
    steps: Sequence[int] = (5, 20, 60, 150, 400, 1000, 2000, 4000),
    n: int = 60,
    p: int = 12,
) -> Figure:
    """How often the largest logit of softmax attention agrees with two other rules during training,
    in random designs.

    Columns have the correlation $ρ$, and $y$ depends on all of them; gradient descent has the rate
    0.05 and starts from zero. Points: shares of `runs` designs with exact 99 % intervals. Filled:
    agreement with OMP's first pick, to which the early law (line) leads. Open: agreement with the
    feature of the largest least-squares weight. Dotted: a pick by chance.
    """
    fig, axes = plt.subplots(figsize=(5.0, 3.5))
    keys = jax.random.split(jax.random.key(0), runs)
    for place, (correlation, mark) in enumerate(((0.0, "o"), (0.5, "s"))):
        draw = jax.jit(
            jax.vmap(
                lambda key, r=correlation: observed.softmax_agreement(
                    key, n, p, r, 0.05, tuple(steps)
                )
            )
        )
        draws = np.asarray(draw(keys))
        x = np.array(steps) * 1.06 ** (2 * place - 1)
        colour = COLOURS[place]
        text = f"ρ = {correlation:g}"
        shares_with_intervals(
            axes, x, draws[:, :, 0], colour, fmt=mark, label=f"OMP's pick, {text}"
        )
        open_marks = {"markerfacecolor": "white", "label": f"largest weight, {text}"}
        shares_with_intervals(axes, x, draws[:, :, 1], colour, fmt=mark, **open_marks)
    axes.axhline(1, color=COLOURS[6], label="early law: OMP's pick")
    axes.axhline(1 / p, color="0.5", linestyle=":", label="by chance")
    axes.set(
        xscale="log",
        ylim=(0, 1.03),
        xlabel="steps of gradient descent",
        ylabel="share of designs that agree",
    )
    fig.legend(loc="outside right center")
    return fig
