"""One round of boosting: what it gains, swap regret, and the converse."""

from typing import Annotated

import numpy as np

from sims import multicalibration_boosting as observed
from theory import multicalibration_boosting as predicted
from theory_on_trial import claim, derived, recalled, tried
from theory_on_trial.contract import Count, Interval, Natural

Cells = Annotated[int, Interval(1, 1000, why="rounding grows with the sums")]
Dim = Annotated[int, Interval(1, 20)]


CLASSES = 230  # C, at the levels in turn


def world_of(seed, cells, dim):
    """W(s): its probabilities, predictions of four values, means of the labels, and all affine
    functions.
    """
    world = observed.random_world(seed, cells, dim)
    predictions, coefficients = observed.random_predictor(seed, cells, dim)
    return (
        world.probabilities,
        predictions,
        world.means,
        observed.affine(world.features),
        coefficients,
    )


@claim(
    derived("the error is a quadratic of the step"),
    kind="identity",
    cases=[(w, v) for w in range(5) for v in range(4)],
)
def test_step(
    trial,
    world: Natural,
    level: Annotated[int, Interval(0, 3, why="predictions have four values")],
    cells: Cells = 60,
    dim: Dim = 3,
):
    """At a level $v$, with the residual $r = y - v$, the best step along a function $h$ is
    $E[h r|v] / E[h^2|v]$, and it lowers the squared error by $(E[h r|v])^2 / E[h^2|v]$.
    """
    probabilities, predictions, means, basis, coefficients = world_of(world, cells, dim)
    values = np.unique(predictions)
    trial.require(level < len(values), "level must be one that a cell has")
    at = predictions == values[level]
    chances = probabilities[at] / probabilities[at].sum()
    h = (basis @ coefficients)[at]
    residuals = means[at] - values[level]
    gain = predicted.step_gain(chances, residuals, h)
    rivals = {"without the second order": 2 * gain}
    if at.sum() > 1:
        rivals["$Var(h)$ for $E[h^2]$"] = (chances @ (h * residuals)) ** 2 / (
            chances @ (h - chances @ h) ** 2
        )
    of = chances, predictions[at], means[at], h
    gains = [
        observed.gain(*of, predicted.best_step(chances, residuals, h)),
        observed.best_gain(*of),
    ]
    controls = {name: np.full(2, theory) for name, theory in rivals.items()}
    scale = (
        abs(predicted.best_step(chances, residuals, h)) * (chances @ np.abs(h * residuals)) + gain
    )
    trial.identity(gains, np.full(2, gain), ops=2 * cells, scale=scale, controls=controls)


@claim(
    tried(
        "abstract, sentence 2: a characterisation of multicalibration by a condition like swap "
        "regret on squared error",
        "the exact amount, for linear classes",
    ),
    kind="identity",
    cases=[(0, 60, 3), (1, 60, 3), (2, 12, 2), (3, 200, 6)],
)
def test_swap_regret(trial, world: Natural, cells: Cells, dim: Dim):
    """If each level $v$ may choose its own best $g$ in a linear class $H$ with the constants, the
    squared error falls by the sum over $v$ of $P(v) max_(h ∈ H) (E[h r|v])^2 / E[h^2|v]$, with the
    residual $r = y - v$.
    """
    probabilities, predictions, means, basis, _ = world_of(world, cells, dim)
    residuals = means - predictions

    def saved(of):
        fit = observed.level_fit(probabilities, of, means - predictions + of, basis) - of
        return observed.gain(probabilities, predictions, means, fit, 1.0)

    regret = predicted.swap_regret(probabilities, predictions, residuals, basis)
    constants = predicted.swap_regret(probabilities, predictions, residuals, basis[:, :1])
    controls = {"$h$ centred in each level": np.full(2, regret - constants)}
    if cells > dim + 1 and len(np.unique(predictions)) > 1:
        middle = np.full(cells, 0.5)
        common = observed.level_fit(
            probabilities, middle, np.clip((1 + residuals) / 2, 0, 1), basis
        )
        controls["one correction for all levels"] = np.full(
            2, 2 * (common - middle) @ (probabilities * residuals)
        )
    gains = [
        saved(predictions),
        observed.best_ratio(probabilities, predictions, means, basis, world),
    ]
    # Rounding, and what BFGS leaves: the square of a gradient of 1e-8.
    trial.value(gains, np.full(2, regret), error=1e-12, margin=1e-10, controls=controls)


@claim(
    recalled("the lemma that a function which lowers the error is correlated with the residual"),
    kind="bound",
    cases=range(3),
)
def test_converse(trial, world: Natural, cells: Cells = 60, dim: Dim = 3, draws: Count = 500):
    """If a function $h$ lowers the squared error at a level $v$ by $a$, then $E[(h - v)(y - v)|v]$
    is at least $a / 2$.
    """
    probabilities, _, means, basis, _ = world_of(world, cells, dim)
    middle = np.full(cells, 0.5)
    generator = trial.generator("h")
    fit = observed.level_fit(probabilities, middle, means, basis) - middle
    steps = [
        generator.exponential(0.1) * (basis @ generator.normal(size=dim + 1)) for _ in range(draws)
    ]
    steps += [fraction * fit for fraction in (0.1, 0.01, 0.001)]
    gains = [observed.gain(probabilities, middle, means, step, 1.0) for step in steps]
    least = np.array([predicted.least_correlation(gain) for gain in gains])
    correlations = np.array([probabilities @ (step * (means - middle)) for step in steps])
    sizes = np.array([probabilities @ step**2 for step in steps]) + np.abs(correlations)
    rivals = {"$a$ for $a / 2$": 2 * least}
    trial.bound(
        least,
        correlations,
        instances="draws",
        independent=draws,
        # Sums over at most 1000 cells.
        ops=1000,
        scale=sizes,
        control_processes=rivals,
    )


@claim(
    derived("least squares: $E[fit r|v] = E[fit^2|v]$"),
    kind="identity",
    cases=[(0, 1.0), (0, 0.1), (1, 0.01), (2, 0.001)],
)
def test_converse__sharp(
    trial,
    world: Natural,
    fraction: Annotated[
        float, Interval(1e-6, 1, why="at 1 h is the fit, less is lost in rounding")
    ],
    cells: Cells = 60,
):
    """For $h = v + ε$ times the least-squares fit of $y - v$ at level $v$, with $0 < ε <= 1$,
    $E[(h - v)(y - v)|v]$ is $a / (2 - ε)$, where $a$
    is what $h$ lowers the squared error by: no constant above 1/2 will do.
    """
    probabilities, _, means, basis, _ = world_of(world, cells, 3)
    middle = np.full(cells, 0.5)
    step = fraction * (observed.level_fit(probabilities, middle, means, basis) - middle)
    ratio = (
        probabilities
        @ (step * (means - middle))
        / observed.gain(probabilities, middle, means, step, 1.0)
    )
    controls = {"1 for 1/2": 1.0} if fraction < 0.9 else {"1/2": 0.5}
    trial.identity(
        float(ratio), predicted.converse_ratio(fraction), ops=1000 + 4 * cells, controls=controls
    )


@claim(
    tried(
        "abstract, sentence 5: the weak-learning assumption on $H$ is necessary and sufficient "
        "for multicalibration to imply Bayes optimality",
        "parities and affine functions",
    ),
    kind="optimality",
    cases=[2, 3, 5],
)
def test_weak_learning(trial, dim: Annotated[int, Interval(2, 8, why="there are 2^dim cells")]):
    """If the label is the parity of two or more fair signs, $f = 1/2$ is multicalibrated for affine
    functions, although its squared error is 1/4 above that of Bayes; a class with the product of
    the coordinates gains all of this.
    """
    world = observed.parity_world(dim)
    weights = world.probabilities
    few = observed.affine(world.features)
    half = np.full(2**dim, 0.5)
    full = np.column_stack([few, world.features.prod(axis=1)])
    measured = []
    predict = []
    for basis in (few, full):
        run = observed.lsboost(weights, world.means, basis, grid=20, tolerance=0.05)
        measured += [
            observed.worst_error(weights, half, world.means, basis),
            run.errors[0] - run.errors[1],
        ]
        predict += [round(predicted.swap_regret(weights, half, world.means - half, basis), 15)] * 2
    measured.append(run.errors[0] - observed.squared_error(weights, world.means, world.means))
    rivals = {
        "any multicalibrated $f$ is Bayes'": [0, 0, 0.25, 0.25, 0],
        "no $H$ is": [0, 0, 0, 0, 0.25],
    }
    controls = {name: np.array(values) for name, values in rivals.items()}
    trial.identity(
        measured, np.array([*predict, predict[-1]]), ops=2**dim, scale=0.25, controls=controls
    )


@claim(
    tried(
        "abstract, sentence 6: weak learning of $H$ relative to a class $C$ makes "
        "multicalibration for $H$ imply that for $C$",
        "linear classes, and the angle between them",
    ),
    kind="bound",
    cases=[0, 1, 2],
)
def test_weak_learning__relative(
    trial,
    world: Natural,
    functions: Annotated[
        int, Interval(1, 3, why="levels must hold more cells than there are functions")
    ] = 2,
    cells: Annotated[
        int,
        Interval(60, 200, why="levels must hold more cells than functions; the high end is a cap"),
    ] = 100,
):
    """At a level $v$ where the linear class $C$ contains the means of the labels minus $v$, $C$
    lowers the squared error by at most what $H$ does, divided by the squared cosine of the largest
    angle between $C$ and $H$.

    So f that is multicalibrated for affine H, which has nothing to save, is so for C.
    """
    generator = trial.generator(str(world))
    weights, predictions, _, basis, _ = world_of(world, cells, 3)
    levels = [predictions == value for value in np.unique(predictions)]
    trial.require(
        min(at.sum() for at in levels) > 4 + functions,
        "cells must leave more at each level than H and C have functions",
    )
    gains = []
    for draw in range(CLASSES):
        other = (
            basis @ generator.normal(size=(4, functions))
            + generator.normal(size=(cells, functions)) / 2
        )
        at = levels[draw % len(levels)]
        chances = weights[at] / weights[at].sum()
        level = predictions[at]
        classes = (basis[at], other[at])
        frames = [np.linalg.qr(np.sqrt(chances)[:, None] * span)[0] for span in classes]
        _, cosines, directions = np.linalg.svd(frames[0].T @ frames[1])
        # Of three, one is farthest from H.
        direction = generator.normal(size=functions) if draw % 3 else directions[-1]
        residuals = (frames[1] @ direction) / np.sqrt(chances)
        means = level + 0.1 * residuals / np.abs(residuals).max()
        start = observed.squared_error(chances, level, means)
        fits = (observed.level_fit(chances, level, means, span) for span in classes)
        gains.append(
            [*(start - observed.squared_error(chances, fit, means) for fit in fits), cosines[-1]]
        )
    by_first, by_other, cosine = np.transpose(gains)
    bounds = [predicted.relative_gain(*pair) for pair in zip(by_first, cosine, strict=True)]
    controls = {"as much as $H$": by_first, "the cosine for its square": by_first / cosine}
    trial.bound(
        by_other,
        bounds,
        instances="draws",
        independent=CLASSES,
        ops=1e5,
        scale=0.25,
        controls=controls,
    )
