"""The figures of posterior moments: F1 moments of a mixture against y, F2 a covariance and what
differences cost.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sims import denoising_posterior as observed
from theory import denoising_posterior as predicted
from theory.denoising_posterior import Stencil
from theory_on_trial.figures.drawing import COLOURS, figure
from theory_on_trial.figures.panels import label, points_with_intervals

LINE = np.ones(1)
MIXTURE = observed.Mixture(
    np.array([0.5, 0.3, 0.2]),
    np.array([[-1.5], [0.4], [2.0]]),
    np.array([0.3, 0.6, 0.2])[:, None, None] ** 2,
)
PLANE = observed.Mixture(
    np.array([0.5, 0.5]),
    np.array([[1.0, 2.0], [8.0, 10.0]]),
    np.array([[[1.0, 0.0], [0.0, 2.0]], [[2.0, 1.0], [1.0, 1.0]]]),
)
BUMPS = observed.Mixture(
    np.array([0.5, 0.5]), np.array([[0.3], [0.7]]), np.full((2, 1, 1), 0.05**2)
)


def shapes(moments: np.ndarray) -> np.ndarray:
    """Standard deviation, skewness and excess kurtosis, along the last axis."""
    second, third, fourth = np.moveaxis(moments, -1, 0)
    return np.stack([np.sqrt(second), third / second**1.5, fourth / second**2 - 3], axis=-1)


@figure(
    "F1", quick={"samples": 20_000, "runs": 8}, claims=("moment_recursion", "sampled_calibration")
)
def moments(sigma: float = 0.8, samples: int = 400_000, runs: int = 30) -> Figure:
    """The derivatives of a denoiser give the moments of $x$ given $y$: standard deviation, skewness
    and excess kurtosis.

    The prior has three bumps of weights .5, .3, .2 at -1.5, .4, 2, with standard deviations .3, .6,
    .2; the noise is Gaussian with standard deviation $σ$. Lines: the recursion on derivatives of
    the posterior mean. Points: moments of sampled $x$ whose $y$ fell within 0.02 of the abscissa,
    as means over `runs` runs of `samples` samples each, with 99 % Student intervals. New; after
    Manor & Michaeli 2024.
    """
    fig, panels = plt.subplots(1, 3, figsize=(9.6, 3.1))
    grid = np.linspace(-3, 3, 121)
    places = np.linspace(-2.5, 2.5, 11)
    derivatives, _ = observed.line_derivatives(MIXTURE, grid[:, None], LINE, sigma, 3)
    lines = shapes(predicted.central_moments(derivatives, sigma))
    generator = np.random.default_rng(0)
    sample = np.array([_near(generator, places, sigma, samples) for _ in range(runs)])
    names = "standard deviation (unit of y)", "skewness", "excess kurtosis"
    for k, (axes, name, letter) in enumerate(zip(panels, names, "abc", strict=True)):
        axes.plot(grid, lines[:, k], color=COLOURS[0], label="recursion on μ$_1$")
        points_with_intervals(axes, places, sample[:, :, k], COLOURS[1], label="sampled")
        axes.set(xlabel="observation y", ylabel=name)
        label(axes, letter)
    panels[0].legend()
    return fig


def _near(
    generator: np.random.Generator, places: np.ndarray, sigma: float, samples: int
) -> np.ndarray:
    """Shapes of the sampled x whose y lies near each place."""
    x, y = (values[:, 0] for values in observed.sample_pairs(generator, MIXTURE, sigma, samples))
    rows = []
    for place in places:
        errors = x[np.abs(y - place) < 0.02]
        errors = errors - errors.mean()
        rows.append([np.mean(errors**k) for k in (2, 3, 4)])
    return shapes(np.array(rows))


@figure(
    "F2",
    quick={"samples": 300},
    claims=("posterior_covariance", "mixture_mean", "difference_step", "difference_rounding"),
)
def components(samples: int = 1500, steps: int = 31, finest: float = 1e-6) -> Figure:
    """(a) A posterior in the plane, and (b) the error of its fourth moment from third differences
    of step $c$.

    (a) The mixture of the released notebook, $σ = 2$, $y = (3.5, 6.35)$: samples of $x$ given $y$
    (dots), the posterior mean, and the ellipses of one and two standard deviations of $σ²J$. (b)
    Two bumps at .3 and .7 of standard deviation .05, $σ = 25/255$. Points: the worst relative error
    of $μ₄$ over 61 values of $y$ in $[.2, .8]$, in double precision. Lines: the error of the step
    itself, $σ⁶μ₁⁽⁵⁾c²/8$, or $σ⁶μ₁⁽⁴⁾c/2$ for the one-sided stencil, and the rounding error
    $8 ε |μ₁| σ⁶/c³$. The arrow marks the step that the released code takes by default. New.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.7))
    _ellipse(left, samples)
    label(left, "a")
    y = np.linspace(0.2, 0.8, 61)
    sigma = 25 / 255
    derivatives, _ = observed.line_derivatives(BUMPS, y[:, None], LINE, sigma, 5)
    exact = observed.line_moments(BUMPS, y[:, None], LINE, sigma, 4)[:, 2]
    mean = observed.posterior_mean(BUMPS, y[:, None], sigma)[:, 0]
    grid = np.geomspace(finest, 0.1, steps)
    stencils: tuple[tuple[Stencil, int], ...] = (("central", 4), ("one-sided", 3))
    for (stencil, place), colour, marker in zip(stencils, COLOURS, "os", strict=False):
        off = [observed.difference_fourth_moment(BUMPS, y, sigma, c, stencil) - exact for c in grid]
        right.plot(
            grid,
            [np.max(np.abs(error) / exact) for error in off],
            marker,
            color=colour,
            label=stencil,
        )
        line = [
            max(
                abs(predicted.step_error(sigma, d, c, stencil)) / e
                for d, e in zip(derivatives[:, place], exact, strict=True)
            )
            for c in grid
        ]
        right.plot(grid, line, color=colour, label=f"{stencil}, own error")
    rounding = [
        max(predicted.rounding_error(sigma, m, c) / e for m, e in zip(mean, exact, strict=True))
        for c in grid
    ]
    right.plot(grid, rounding, "--", color="0.4", label="rounding")
    right.annotate(
        "default", (1e-5, 0.3), (1e-5, 30), ha="center", arrowprops={"arrowstyle": "->"}, fontsize=8
    )
    right.set(
        xscale="log",
        yscale="log",
        ylim=(1e-7, 1e8),
        xlabel="step c (unit of y)",
        ylabel="worst relative error of μ$_4$",
    )
    right.legend(loc="upper center", ncols=2)
    label(right, "b")
    return fig


def _ellipse(axes: Axes, samples: int) -> None:
    y = np.array([3.5, 6.35])
    sigma = 2.0
    mean = observed.posterior_mean(PLANE, y, sigma)
    covariance = predicted.posterior_covariance(observed.jacobian(PLANE, y, sigma), sigma)
    generator = np.random.default_rng(0)
    # Of samples of x, each is kept with the chance that its noise makes it y.
    x, _ = observed.sample_pairs(generator, PLANE, sigma, 40 * samples)
    x = x[generator.random(len(x)) < np.exp(-np.sum((x - y) ** 2, axis=1) / (2 * sigma**2))][
        :samples
    ]
    axes.plot(*x.T, ".", color="0.7", markersize=2, label="x given y, sampled")
    turn = np.linspace(0, 2 * np.pi, 200)
    circle = np.linalg.cholesky(covariance) @ np.stack([np.cos(turn), np.sin(turn)])
    for size, style in ((1, "-"), (2, "--")):
        label = f"{size} standard deviation{'s' * (size > 1)}"
        axes.plot(*(mean[:, None] + size * circle), style, color=COLOURS[0], label=label)
    axes.plot(*mean, "o", color=COLOURS[0], markersize=5, label="μ$_1$(y)")
    axes.plot(*y, "s", color=COLOURS[1], markersize=5, label="y")
    axes.set(
        xlabel="first coordinate (unit of y)",
        ylabel="second coordinate (unit of y)",
        aspect="equal",
    )
    axes.set(xlim=(-6, 13.5), ylim=(-3, 13.5))
    axes.legend(loc="upper left", fontsize=7)
