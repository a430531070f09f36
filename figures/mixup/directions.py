"""Where minimisers point and how long they are: boundaries in the plane (F4), efficiencies (F5),
the scale of Mixup's minimiser (F6), masks (F7).
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from figures.mixup.runs import REFERENCE, Shape, deficits, fitted, training_sample, uniform_masks
from theory.mixup import population, rates
from theory.mixup.classes import MixingLaw
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label, letters, points_with_intervals
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
    """Between well separated classes training without augmentation and masks turn away from the
    Bayes boundary; Mixup does not.

    The classes of F1. (a) One sample of `n` points at $κ =$ `separability` and the boundaries
    $w·x = 0$ that are learned from it; thin lines are the boundaries of `others` further samples.
    Black: the Bayes boundary. Dash-dotted: the one to which masks tend as $κ$ grows, with $w$ along
    $1/μ$ (here also along $μ$). (b) Angle from the Bayes direction $b$ to the learned $w$,
    counter-clockwise positive, at the same $n$ against $κ$: means over `runs` samples with 99 %
    Student intervals. Lines: the ridge-LDA path at $n$ points, which training without augmentation
    follows at large $κ$ (orange), and the minimiser of the expected loss of masks (pink). Mixup's
    is $b$ (black). Oh & Yun 2023 for the three directions; lines are new.
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
    limit = population.mask_limit_direction(pair.mean)
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
    path = np.array([rates.erm_direction_at(pair, float(np.log(n))) for pair in pairs])
    axes.plot(grid, signed_angle(path, bayes), color=COLOURS[1])
    minimisers = np.array([population.mask_minimiser(pair, *uniform_masks(2)) for pair in pairs])
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


_NODES = 12  # of the quadrature over λ: K is right to 4e-7
_ALPHAS = (0.2, 1.0, 5.0)
_COLOUR_OF = {0.2: COLOURS[5], 1.0: COLOURS[0], 5.0: COLOURS[2]}
_MARKER_OF = {0.2: "^", 1.0: "s", 5.0: "v"}


@figure(
    "F5",
    quick={"simulated": (0.5, 2, 8), "erm_most": 1, "n": 40, "erm_n": 40, "runs": 150},
    claims=(
        "efficiency_order",
        "erm_fisher",
        "mixup_asymptotic",
        "lda_rate",
    ),
)
def efficiencies(
    simulated: Sequence[float] = (0.25, 0.5, 1, 2, 4, 8, 16),
    erm_most: float = 8,
    n: int = 160,
    erm_n: int = 4000,
    runs: int = 400,
) -> Figure:
    """Mixup is nearly as efficient as linear discriminant analysis; maximum likelihood needs
    exponentially more samples.

    $n (1 - cos(w, b))$ tends to $T K(a) / (2κ|b|²)$, with $T = tr(P Σ⁻¹)$ across $b$: the factor
    $K$ against $a = κ m²$. Lines: $K_erm$ without augmentation, $K_mix$ of Mixup with
    $λ ~ Beta(α, α)$, and $K_lda = a + 1$. Points: the same ratio from the mean over `runs` samples
    of `n` points of the classes of F1, balanced, with 99 % Student intervals. Without augmentation
    they have `erm_n` points and end at $a =$ `erm_most`, beyond which the samples are too small for
    the limit. At finite $n$ the points are high by a few times $1/n$. (a) On a logarithmic axis.
    (b) Relative to discriminant analysis on the same samples, with intervals of the ratio to first
    order: larger $α$ is nearer to it, and all meet at small $a$. New.
    """
    grid = np.geomspace(0.1, 64, 40)
    lda = np.array([rates.lda_efficiency(a) for a in grid])
    curves = {"no augmentation": (np.array([rates.erm_efficiency(a) for a in grid]), COLOURS[1])}
    for alpha in _ALPHAS:
        law = MixingLaw.beta(alpha, _NODES)
        values = np.array([rates.mixup_efficiency(a, law) for a in grid])
        curves[f"Mixup, α = {alpha:g}"] = values, _COLOUR_OF[alpha]
    fig, (left, right) = plt.subplots(1, 2, figsize=(8.2, 3.7))
    for panel, scale in ((left, np.ones_like(grid)), (right, lda)):
        for name, (values, colour) in curves.items():
            panel.plot(grid, values / scale, color=colour, label=name)
        panel.plot(grid, lda / scale, color=COLOURS[6], label="discriminant analysis, a + 1")
    few = [a for a in simulated if a <= erm_most]
    benchmark = estimates("lda", simulated, n, runs)
    points_with_intervals(left, simulated, benchmark, COLOURS[6], fmt="D")
    plain = estimates("erm", few, erm_n, runs)
    points_with_intervals(left, few, plain, COLOURS[1])
    points_with_intervals(
        right, few, ratio_of_means(plain, estimates("lda", few, erm_n, runs)), COLOURS[1]
    )
    for alpha in _ALPHAS:
        constants = estimates("mixup", simulated, n, runs, alpha)
        points_with_intervals(left, simulated, constants, _COLOUR_OF[alpha], fmt=_MARKER_OF[alpha])
        relative = ratio_of_means(constants, benchmark)
        points_with_intervals(right, simulated, relative, _COLOUR_OF[alpha], fmt=_MARKER_OF[alpha])
    left.set(xscale="log", yscale="log", ylim=(0.8, 1e4), ylabel="K  (dimensionless)")
    right.set(xscale="log", ylim=(0.95, 1.6), ylabel="K / K$_{lda}$  (dimensionless)")
    for panel, letter in zip((left, right), "ab", strict=True):
        panel.set_xlabel("a = κ m²  (dimensionless)")
        label(panel, letter, x=-0.06)
    left.legend(loc="upper left")
    return fig


def estimates(
    learner: str, effective: Sequence[float], n: int, runs: int, alpha: float = 1.0
) -> Float[np.ndarray, "runs points"]:
    """K as every run has it, n (1 - cos) 2κ|b|²/T, for the reference classes at each a."""
    pair = REFERENCE.pair(1)
    kappas = np.array(effective) / pair.signal
    distances = deficits(fitted(learner, n, kappas, runs, alpha=alpha), pair.bayes_direction)
    units = np.array([rates.angle_rate(REFERENCE.pair(kappa), 1.0) for kappa in kappas])
    return (n * distances / units[:, None]).T


def ratio_of_means(
    above: Float[np.ndarray, "runs points"], below: Float[np.ndarray, "runs points"]
) -> Float[np.ndarray, "runs points"]:
    """Numbers whose mean is the ratio of the means, and whose spread is that of the ratio to first
    order.
    """
    ratio = above.mean(axis=0) / below.mean(axis=0)
    return ratio + (above - ratio * below) / below.mean(axis=0)


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
    """Mixing labels bounds the score $u = w·μ$ of a class mean, which grows like $2a$ without
    augmentation.

    (a) $u*$ of the minimiser of the expected loss for $λ ~ Beta(α, α)$, which depends only on
    $a = κ m²$, with its limit $u∞$ (dashed); and $2a$ without augmentation. Points: $w·μ$ of fits
    to `n` points (`erm_n` without augmentation, $a ≤ 4$) of the classes of F1, means over `runs`
    samples with 99 % Student intervals. They are high by a relative error of the order of $1/n$.
    (b) The limit $u∞(α)$ falls and rises. It is unbounded for $α → 0$, where labels are hardly
    mixed, and for $α → ∞$, where all pairs are mixed half and half. Points: the same, for `limit_n`
    points at $a = 2000$. Cross: the minimum. New.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(8.2, 3.6))
    grid = np.geomspace(0.1, 100, 60)
    few = [a for a in simulated if a <= 4]
    left.plot(grid, 2 * grid, color=COLOURS[1], label="no augmentation, 2a")
    points_with_intervals(left, few, _scores("erm", few, erm_n, runs, 1.0), COLOURS[1])
    for alpha, colour in _COLOUR_OF.items():
        law = MixingLaw.beta(alpha)
        left.plot(
            grid,
            [population.scalar_minimiser(a, law) for a in grid],
            color=colour,
            label=f"Mixup, α = {alpha:g}",
        )
        left.axhline(population.limit_scale(law), color=colour, linestyle="--", linewidth=0.7)
        points_with_intervals(
            left,
            simulated,
            _scores("mixup", simulated, n, runs, alpha),
            colour,
            fmt=_MARKER_OF[alpha],
        )
    left.set(
        xscale="log",
        ylim=(0, 6),
        xlabel="a = κ m²  (dimensionless)",
        ylabel="score u*  (dimensionless)",
    )
    alphas = np.geomspace(0.1, 30, 80)
    limits = np.array([population.limit_scale(MixingLaw.beta(alpha)) for alpha in alphas])
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
    """The more separable the classes, the nearer the minimiser of masking to $1/μ$, whatever the
    noise, instead of to $b$.

    Classes $N(±μ, Σ/κ)$ with $μ = (2, ½)$ and three noise shapes; each coordinate from either of
    two points with equal chances, labels by the share. (a) Cosine between the minimiser $w$ of the
    expected loss and the Bayes direction $b$, and (b) $1 - cos$ between $w$ and $1/μ$, elementwise:
    lines. Points: weights fitted to `n` points, balanced classes, means over `runs` samples with 99
    % Student intervals; what the sample leaves to chance, of the order of $1/(nκ)$, lowers those in
    (a) and lifts those in (b). Masks are harmless only where $b$ is along $1/μ$ (green), where (b)
    shows that chance alone. (c) The loss of masks as $κ → ∞$, which no longer knows $Σ$: a valley
    along $1/μ$ without an end. Discs: the minimisers for $Σ = I$ at growing $κ$ (`path`) leave $b$.
    Oh & Yun 2023 for masks being suboptimal; limit and lines are new.
    """
    fig, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.5), width_ratios=(1, 1, 1.15))
    grid = np.geomspace(separabilities[0], separabilities[-1], 30)
    inverse = population.mask_limit_direction(np.array(_MEAN))
    for name, shape, colour, marker in _SHAPES:
        pairs = [shape.pair(kappa) for kappa in grid]
        minimisers = np.array(
            [population.mask_minimiser(pair, *uniform_masks(2)) for pair in pairs]
        )
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
    mean_loss = population.mask_expected_loss(limit, *uniform_masks(2))
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
        [population.mask_minimiser(shape.pair(kappa), *uniform_masks(2)) for kappa in path]
    )
    axes.plot(*points.T, "o-", color=COLOURS[3], label="minimisers")
    axes.set(
        xlim=across[[0, -1]],
        ylim=up[[0, -1]],
        xlabel="w$_1$  (dimensionless)",
        ylabel="w$_2$  (dimensionless)",
    )
    axes.legend(loc="upper left", labelcolor="white")
