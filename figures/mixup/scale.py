"""How long the minimiser of the Mixup loss is: F6."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from figures.mixup.problems import REFERENCE, fitted
from theory import mixup as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label, points_with_intervals

_COLOURS = {0.2: COLOURS[5], 1.0: COLOURS[0], 5.0: COLOURS[2]}
_MARKERS = {0.2: "^", 1.0: "s", 5.0: "v"}
_FLAT = 2000.0  # a at which u* is within .1 % of its limit


@figure(
    "F6",
    quick={
        "simulated": (0.5, 4, 32),
        "simulated_alphas": (0.2, 1, 20),
        "n": 40,
        "erm_n": 1000,
        "runs": 150,
    },
    claims=(
        "scale_limit",
        "lambda_dependence",
        "mixup_expected_minimiser",
        "erm_expected_minimiser",
    ),
    marks="lines: theory; points: fits; (a) dashed: limits",
)
def scales(
    simulated: Sequence[float] = (0.25, 0.5, 1, 2, 4, 8, 16, 64),
    simulated_alphas: Sequence[float] = (0.2, 0.5, 1, 2, 5, 20),
    n: int = 160,
    erm_n: int = 4000,
    limit_n: int = 40,
    runs: int = 100,
) -> Figure:
    """Mixing labels bounds the score u = w·μ of a class mean, which grows like 2a without
    augmentation.

    (a) u* of the minimiser of the expected loss, which depends on a = κ m² alone, for λ ~ Beta(α,
      α), with its limit
    u∞ (dashed), and 2a without augmentation. Points: w·μ of fits to `n` points (`erm_n` without
    augmentation, a ≤ 4) of the classes of F1, means over `runs` samples with 99 % Student
    intervals, high by a relative error of the order of 1/n. (b) The limit u∞(α) falls and rises: it
    is unbounded for α → 0, where labels are hardly mixed, and for α → ∞, where all pairs are mixed
    half and half. Points: the same, `limit_n` points at a = 2000; cross: the minimum. New.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(8.2, 3.6))
    grid = np.geomspace(0.1, 100, 60)
    few = [a for a in simulated if a <= 4]
    left.plot(grid, 2 * grid, color=COLOURS[1], label="no augmentation, 2a")
    points_with_intervals(left, few, _scores("erm", few, erm_n, runs, 1.0), COLOURS[1])
    for alpha, colour in _COLOURS.items():
        law = predicted.MixingLaw.beta(alpha)
        left.plot(
            grid,
            [predicted.scalar_minimiser(a, law) for a in grid],
            color=colour,
            label=f"Mixup, α = {alpha:g}",
        )
        left.axhline(predicted.limit_scale(law), color=colour, linestyle="--", linewidth=0.7)
        points_with_intervals(
            left,
            simulated,
            _scores("mixup", simulated, n, runs, alpha),
            colour,
            fmt=_MARKERS[alpha],
        )
    left.set(
        xscale="log",
        ylim=(0, 6),
        xlabel="a = κ m²  (dimensionless)",
        ylabel="score u*  (dimensionless)",
    )
    alphas = np.geomspace(0.1, 30, 80)
    limits = np.array([predicted.limit_scale(predicted.MixingLaw.beta(alpha)) for alpha in alphas])
    right.plot(alphas, limits, color=COLOURS[0], label="u$_∞$")
    scores = np.concatenate(
        [_scores("mixup", [_FLAT], limit_n, runs, float(alpha)) for alpha in simulated_alphas],
        axis=1,
    )
    points_with_intervals(
        right, simulated_alphas, scores, COLOURS[0], label="w·μ of fits, a = 2000"
    )
    right.plot(
        alphas[limits.argmin()], limits.min(), "x", color=COLOURS[6], markersize=7, label="minimum"
    )
    right.set(
        xscale="log",
        xlabel="α of λ ~ Beta(α, α)  (dimensionless)",
        ylabel="limit u$_∞$  (dimensionless)",
    )
    ticks = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20]
    right.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    right.xaxis.set_minor_locator(NullLocator())
    for panel, letter in zip((left, right), "ab", strict=True):
        panel.legend()
        label(panel, letter, x=-0.06)
    return fig


def _scores(
    learner: str, effective: Sequence[float], n: int, runs: int, alpha: float
) -> Float[np.ndarray, "runs points"]:
    kappas = np.array(effective) / REFERENCE.pair(1).signal
    return (fitted(learner, n, kappas, runs, alpha=alpha) @ np.array(REFERENCE.mean)).T
