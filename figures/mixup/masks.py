"""Where masks lead: F7."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.mixup.problems import Shape, deficits, fitted, uniform_masks
from theory import mixup as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import letters, points_with_intervals

_MEAN = (2.0, 0.5)
_SHAPES = (
    ("Σ = I", Shape(_MEAN, ((1.0, 0.0), (0.0, 1.0))), COLOURS[0], "o"),
    ("Σ = (1, ½; ½, 2)", Shape(_MEAN, ((1.0, 0.5), (0.5, 2.0))), COLOURS[1], "s"),
    ("Σ = diag(μ²)", Shape(_MEAN, ((4.0, 0.0), (0.0, 0.25))), COLOURS[2], "^"),
)


@figure(
    "F7",
    quick={"separabilities": (1, 10, 100), "n": 100, "runs": 20},
    claims=(
        "mask_expected_minimiser",
        "mask_limit_inverse_mean",
        "mask_suboptimal",
        "mask_concentration",
    ),
    marks="(a, b) lines: theory; points: fits",
)
def masking(
    separabilities: Sequence[float] = (0.1, 1, 10, 100, 1000),
    n: int = 300,
    runs: int = 30,
    path: Sequence[float] = (0.01, 0.1, 1, 3, 10, 30),
) -> Figure:
    """The more separable the classes, the nearer the minimiser of masking to 1/μ, whatever the
    noise, instead of to b.

    Classes N(±μ, Σ/κ) with μ = (2, ½) and three noise shapes; each coordinate from either of two
    points with equal chances, labels by the share. (a) Cosine between the minimiser w of the
    expected loss and the Bayes direction b, and (b) 1 - cos between w and 1/μ, elementwise: lines.
    Points: weights fitted to `n` points, balanced classes, means over `runs` samples with 99 %
    Student intervals; what the sample leaves to chance, of the order of 1/(nκ), lowers those in (a)
    and lifts those in (b). Masks are harmless only where b is along 1/μ (green), where (b) shows
    that chance alone. (c) The loss of masks as κ → ∞, which no longer knows Σ: a valley along 1/μ
    without an end. Discs: the minimisers for Σ = I at growing κ (`path`) leave b. Oh & Yun 2023 for
    masks being suboptimal; limit and lines are new.
    """
    fig, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.5), width_ratios=(1, 1, 1.15))
    grid = np.geomspace(separabilities[0], separabilities[-1], 30)
    inverse = predicted.mask_limit_direction(np.array(_MEAN))
    for name, shape, colour, marker in _SHAPES:
        pairs = [shape.pair(kappa) for kappa in grid]
        minimisers = np.array([predicted.mask_minimiser(pair, *uniform_masks(2)) for pair in pairs])
        weights = fitted("masks", n, separabilities, runs, shape)
        bayes = pairs[0].bayes_direction
        left.plot(grid, 1 - deficits(minimisers, bayes), color=colour)
        points_with_intervals(
            left, separabilities, 1 - deficits(weights, bayes).T, colour, fmt=marker, label=name
        )
        if deficits(inverse, bayes) > 1e-15:
            middle.plot(grid, deficits(minimisers, inverse), color=colour)
        points_with_intervals(
            middle, separabilities, deficits(weights, inverse).T, colour, fmt=marker
        )
    left.set(xscale="log", ylim=(0, 1.05), ylabel="cos(w, b)  (dimensionless)")
    middle.set(
        xscale="log", yscale="log", ylim=(1e-8, 2), ylabel="1 − cos(w, 1/μ)  (dimensionless)"
    )
    left.legend(loc="lower left")
    _limit_loss(right, path, inverse)
    for panel in (left, middle):
        panel.set_xlabel("separability  κ  (dimensionless)")
    letters((left, middle, right), x=-0.06)
    return fig


def _limit_loss(axes: Axes, path: Sequence[float], inverse: np.ndarray) -> None:
    shape = _SHAPES[0][1]
    across = np.linspace(-0.5, 2.5, 31)
    up = np.linspace(-0.5, 6, 31)
    # The noise of scores up to 10 has a standard deviation below 1e-7 there.
    limit = shape.pair(1e16)
    mean_loss = predicted.mask_expected_loss(limit, *uniform_masks(2))
    loss = [[mean_loss.value(np.array([x, y])) for x in across] for y in up]
    fig = axes.contourf(across, up, np.log10(loss), levels=20, cmap="cividis")
    axes.figure.colorbar(fig, ax=axes, label="log$_{10}$ of the loss in nats")
    for direction, colour, name in (
        (inverse, COLOURS[4], "along 1/μ"),
        (limit.bayes_direction, "white", "along b"),
    ):
        ends = np.outer((0, 20), direction / np.linalg.norm(direction))
        axes.plot(*ends.T, "--", color=colour, label=name)
    points = np.array(
        [predicted.mask_minimiser(shape.pair(kappa), *uniform_masks(2)) for kappa in path]
    )
    axes.plot(*points.T, "o-", color=COLOURS[3], label="minimisers")
    axes.set(
        xlim=across[[0, -1]],
        ylim=up[[0, -1]],
        xlabel="w$_1$  (dimensionless)",
        ylabel="w$_2$  (dimensionless)",
    )
    axes.legend(loc="upper left", labelcolor="white")
