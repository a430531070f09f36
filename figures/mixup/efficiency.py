"""What each way of training pays in samples for large n: F5."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from figures.mixup.problems import REFERENCE, deficits, fitted
from theory import mixup as predicted
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label, points_with_intervals

_NODES = 12  # of the quadrature over λ: K is right to 4e-7
_ALPHAS = (0.2, 1.0, 5.0)
_COLOURS = {0.2: COLOURS[5], 1.0: COLOURS[0], 5.0: COLOURS[2]}
_MARKERS = {0.2: "^", 1.0: "s", 5.0: "v"}


@figure(
    "F5",
    quick={"simulated": (0.5, 2, 8), "erm_most": 1, "n": 40, "erm_n": 40, "runs": 150},
    claims=(
        "efficiency_order",
        "erm_fisher",
        "erm_fisher_exponent",
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
    """Mixup is nearly as efficient as linear discriminant analysis; the maximum of the likelihood
    pays exponentially.

    n (1 - cos(w, b)) tends to T K(a) / (2κ|b|²), T = tr(P Σ⁻¹) across b: the factor K against a = κ
    m². Lines: K_erm without augmentation, K_mix of Mixup with λ ~ Beta(α, α), K_lda = a + 1.
    Points: the same ratio from the mean over `runs` samples of `n` points (`erm_n` without
    augmentation, up to a = `erm_most`, beyond which the samples are too small for the limit) of the
    classes of F1, balanced, with 99 % Student intervals; a finite n leaves them high by a few times
    1/n. (a) On a logarithmic axis. (b) Relative to discriminant analysis, the points to the same
    samples with intervals of the ratio to first order: larger α is nearer to it, and all meet at
    small a. New.
    """
    grid = np.geomspace(0.1, 64, 40)
    lda = np.array([predicted.lda_efficiency(a) for a in grid])
    curves = {
        "no augmentation": (np.array([predicted.erm_efficiency(a) for a in grid]), COLOURS[1])
    }
    for alpha in _ALPHAS:
        law = predicted.MixingLaw.beta(alpha, _NODES)
        values = np.array([predicted.mixup_efficiency(a, law) for a in grid])
        curves[f"Mixup, α = {alpha:g}"] = values, _COLOURS[alpha]
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
        points_with_intervals(left, simulated, constants, _COLOURS[alpha], fmt=_MARKERS[alpha])
        relative = ratio_of_means(constants, benchmark)
        points_with_intervals(right, simulated, relative, _COLOURS[alpha], fmt=_MARKERS[alpha])
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
    units = np.array([predicted.angle_rate(REFERENCE.pair(kappa), 1.0) for kappa in kappas])
    return (n * distances / units[:, None]).T


def ratio_of_means(
    above: Float[np.ndarray, "runs points"], below: Float[np.ndarray, "runs points"]
) -> Float[np.ndarray, "runs points"]:
    """Numbers whose mean is the ratio of the means, and whose spread is that of the ratio to first
    order.
    """
    ratio = above.mean(axis=0) / below.mean(axis=0)
    return ratio + (above - ratio * below) / below.mean(axis=0)
