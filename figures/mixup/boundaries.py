"""What the learners draw through one sample in the plane, and on average: F4."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from figures.mixup.problems import REFERENCE, fitted, uniform_masks
from figures.mixup.simulations import training_sample
from theory import mixup as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import letters, points_with_intervals
from theory_on_trial.figures.replicates import replicates

_LEARNERS = {
    "erm": ("no augmentation", COLOURS[1], "o"),
    "mixup": ("Mixup", COLOURS[0], "s"),
    "masks": ("masks", COLOURS[3], "D"),
}


@figure(
    "F4",
    quick={"separabilities": (0.5, 2, 8, 32), "runs": 100},
    claims=(
        "erm_phase_curve",
        "mixup_expected_minimiser",
        "mask_expected_minimiser",
        "mask_limit_inverse_mean",
    ),
    marks="(b) points: simulation; lines: theory",
)
def boundaries(
    n: int = 40,
    separability: float = 8,
    separabilities: Sequence[float] = (0.5, 1, 2, 4, 8, 16, 32),
    others: int = 20,
    runs: int = 300,
) -> Figure:
    """Between well separated classes training without augmentation and masks lean away from Bayes,
    Mixup does not.

    The classes of F1. (a) One sample of `n` points at κ = `separability` and the boundaries w·x = 0
    that are learned from it, thin ones those of `others` further samples; the Bayes boundary
    (black) and, dash-dotted, the one to which masks tend as κ grows, w along 1/μ (here also along
    μ). (b) Angle from the Bayes direction b to the learned w, counter-clockwise positive,
    at the same n
    against κ: means over `runs` samples with 99 % Student intervals. Lines: the ridge-LDA path at n
    points, which training without augmentation follows at large κ (orange), and the minimiser of
    the expected loss of masks (pink); Mixup's is b (black). Oh & Yun 2023 for the three directions;
    lines are new.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(8.2, 3.9))
    kappas = sorted({*separabilities, separability})
    learned = {learner: fitted(learner, n, kappas, runs) for learner in _LEARNERS}
    here = kappas.index(separability)
    _sample_panel(
        left,
        n,
        separability,
        {name: weights[here, : 1 + others] for name, weights in learned.items()},
    )
    _angle_panel(right, n, kappas, learned)
    letters((left, right), x=-0.06)
    return fig


def _sample_panel(
    axes: Axes, n: int, separability: float, learned: dict[str, Float[np.ndarray, "samples dim"]]
) -> None:
    pair = REFERENCE.pair(separability)
    static = {"n": n, **REFERENCE._asdict(), "label_law": "balanced"}
    # The random numbers depend on the parameters only: those of `fitted`, but for the ones that
    # leave the sample alone.
    data = replicates(training_sample, 1, static, {"separability": [float(separability)]})
    points, labels = (data[name].values.squeeze() for name in ("features", "labels"))
    for side, colour, marker in ((1, COLOURS[5], "o"), (0, COLOURS[4], "^")):
        axes.plot(*points[labels == side].T, marker, color=colour, label=f"class {side}")
    reach = 1.1 * np.abs(points).max()
    _boundary(axes, pair.bayes_direction, reach, color=COLOURS[6], label="Bayes", linewidth=2)
    for learner, (name, colour, _) in _LEARNERS.items():
        first, *rest = learned[learner]
        _boundary(axes, first, reach, color=colour, label=name)
        for weights in rest:
            _boundary(axes, weights, reach, color=colour, linewidth=0.4, alpha=0.5)
    limit = predicted.mask_limit_direction(pair.mean)
    _boundary(axes, limit, reach, color="0.5", linestyle="-.", label="masks, κ → ∞")
    axes.set(
        xlim=(-reach, reach),
        ylim=(-reach, reach),
        aspect="equal",
        title=f"n = {n},  κ = {separability:g}",
    )
    axes.set(xlabel="x$_1$  (dimensionless)", ylabel="x$_2$  (dimensionless)")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))


def _boundary(axes: Axes, weights: Float[np.ndarray, " dim"], reach: float, **style) -> None:  # type: ignore[no-untyped-def]
    along = np.array([-weights[1], weights[0]]) * 2 * reach / np.linalg.norm(weights)
    axes.plot(*np.stack([-along, along], axis=1), **style)


def _angle_panel(
    axes: Axes,
    n: int,
    kappas: Sequence[float],
    learned: dict[str, Float[np.ndarray, "kappas runs dim"]],
) -> None:
    bayes = REFERENCE.pair(1).bayes_direction
    grid = np.geomspace(kappas[0], kappas[-1], 40)
    for learner, (name, colour, marker) in _LEARNERS.items():
        angles = signed_angle(learned[learner], bayes)
        points_with_intervals(axes, kappas, angles.T, colour, fmt=marker, label=name)
    pairs = [REFERENCE.pair(kappa) for kappa in grid]
    path = np.array([predicted.erm_direction_at(pair, n) for pair in pairs])
    axes.plot(grid, signed_angle(path, bayes), color=COLOURS[1])
    minimisers = np.array([predicted.mask_minimiser(pair, *uniform_masks(2)) for pair in pairs])
    axes.plot(grid, signed_angle(minimisers, bayes), color=COLOURS[3])
    axes.axhline(0, color=COLOURS[6])
    axes.set(
        xscale="log", xlabel="separability  κ  (dimensionless)", ylabel="angle from b  (degrees)"
    )
    axes.set_xticks(kappas, [f"{kappa:g}" for kappa in kappas])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.legend()


def signed_angle(
    weights: Float[np.ndarray, "*cells 2"], target: Float[np.ndarray, " 2"]
) -> Float[np.ndarray, "*cells"]:
    """Angle from a target direction to weights in the plane, counter-clockwise positive, in
    degrees.
    """
    across = target[0] * weights[..., 1] - target[1] * weights[..., 0]
    return np.degrees(np.arctan2(across, weights @ target))
