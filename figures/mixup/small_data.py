"""Augmentation beyond the theory, on small data at hand: F8."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.mixup.runs import AUGMENTATIONS, digit_accuracies, moon_network, moons
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import letters, points_with_intervals, student_interval
from theory_on_trial.figures.replicates import replicates

_WINDOW = (-2.1, 2.1, -1.3, 1.3)
_RESOLUTION = 60
_LEARNERS = (("erm", "no augmentation", COLOURS[1], "o"), ("mixup", "Mixup", COLOURS[0], "s"))
_MASKS = ("masks", "boxes (CutMix)", COLOURS[3], "D")


@figure(
    "F8",
    quick={"sizes": (20,), "ridges": (1e-5, 1e-2), "runs": 8, "networks": 5, "n_steps": 1000},
    marks="(a-c) lines: boundaries of trained networks; points: one training set. (d-f) lines "
    "join points",
)
def small_data(
    sizes: Sequence[int] = (20, 40, 80),
    ridges: Sequence[float] = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1),
    runs: int = 24,
    networks: int = 12,
    moon_points: int = 40,
    hidden: int = 32,
    n_steps: int = 3000,
) -> Figure:
    """Beyond the paper's theory: with few points, many pixels and hardly any ridge, linear Mixup is
    worse than none.

    Above: two moons, networks with one hidden layer of `hidden` tanh units, trained by `n_steps` of
    gradient descent on `moon_points` points: the boundaries of `networks` networks on as many
    training sets (lines), one of the sets (dots), and the mean accuracy on the other points with
    its 99 % Student interval (title). (a) No augmentation, (b) Mixup, (c) coordinates exchanged by
    masks. Below: handwritten digits 3 against 8 (8 × 8 pixels, centred), logistic regression
    without bias with a ridge penalty, trained on $n$ images, half of either digit: accuracy on all
    others, without augmentation, with Mixup ($λ$ uniform) and with boxes cut out of one image and
    pasted into the other. Means over `runs` splits with 99 % Student intervals, those of one ridge
    side by side; nothing is predicted, and thin lines only join them. (d-f) Growing $n$. There are
    64 pixels: Mixup behaves like a discriminant analysis, whose scatter matrix is singular or
    nearly so for so few points, and a larger ridge repairs that. New.
    """
    fig, (above, below) = plt.subplots(2, 3, figsize=(9.3, 5.6))
    _moon_panels(above, networks, moon_points, hidden, n_steps)
    above[0].set_ylabel("x$_2$  (dimensionless)")
    for n, panel in zip(sizes, below, strict=False):  # up to three sizes
        if panel is not below[0]:
            panel.sharey(below[0])
        _digit_panel(panel, n, ridges, runs)
    for panel in below[len(sizes) :]:
        panel.remove()
    below[0].set_ylabel("test accuracy  (probability)")
    below[0].legend(fontsize=7)
    letters([*above, *below[: len(sizes)]])
    return fig


def _digit_panel(axes: Axes, n: int, ridges: Sequence[float], runs: int) -> None:
    data = replicates(digit_accuracies, runs, {"n": n}, {"ridge": list(ridges)})
    for place, (learner, name, colour, marker) in enumerate((*_LEARNERS, _MASKS)):
        accuracies = data[learner].transpose("seed", "ridge").values
        if not np.isfinite(accuracies).all():
            raise RuntimeError(f"a fit of {learner} at n = {n} did not converge")
        # Side by side, so that the intervals do not hide each other.
        x = np.array(ridges) * 1.15 ** (place - 1)
        points_with_intervals(axes, x, accuracies, colour, fmt=marker, label=name)
        axes.plot(x, accuracies.mean(axis=0), color=colour, linewidth=0.5)
    axes.set(xscale="log", xlabel="ridge  (dimensionless)", title=f"3 against 8, n = {n}")


def _moon_panels(row: Sequence[Axes], runs: int, n: int, hidden: int, n_steps: int) -> None:
    static = {
        "n": n,
        "hidden": hidden,
        "n_steps": n_steps,
        "window": _WINDOW,
        "resolution": _RESOLUTION,
    }
    grid = {"learning_rate": 0.1, "augmentation": range(len(AUGMENTATIONS))}
    data = replicates(moon_network, runs, static, grid, common=["augmentation"])
    left, right, low, high = _WINDOW
    across = np.linspace(left, right, _RESOLUTION)
    up = np.linspace(low, high, _RESOLUTION)
    points, labels = moons()
    for place, (name, axes) in enumerate(zip(AUGMENTATIONS, row, strict=True)):
        networks = data.isel(augmentation=place)
        for scores in networks["score"].values:
            axes.contour(across, up, scores, levels=[0], colors=COLOURS[6], linewidths=0.5)
        train = networks["train"].values[0]
        for side, colour, marker in ((1, COLOURS[5], "o"), (0, COLOURS[4], "^")):
            axes.plot(*points[train][labels[train] == side].T, marker, color=colour)
        mean, half = student_interval(networks["accuracy"].values)
        axes.set(title=f"{name}: {mean:.3f} ± {half:.3f}", xlabel="x$_1$  (dimensionless)")
        axes.set(xlim=_WINDOW[:2], ylim=_WINDOW[2:])
