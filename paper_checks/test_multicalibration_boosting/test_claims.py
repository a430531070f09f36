"""The claims of the paper; what its letters mean stands in the package."""

from bisect import bisect_left
from fractions import Fraction
from typing import Annotated

import numpy as np

from sims import multicalibration_boosting as observed
from theory import multicalibration_boosting as predicted
from theory_on_trial import abstract, claim, code, derived
from theory_on_trial.contract import Count, Interval, Natural
from theory_on_trial.laws import Asymptotic

Cells = Annotated[int, Interval(1, 1000, why="rounding grows with the sums")]
Dim = Annotated[int, Interval(1, 20, why="a cap, which nothing requires")]
Share = Annotated[
    float,
    Interval(1e-9, 0.125, why="smaller gains are lost in rounding, from B / 4 on any f is good"),
]
"""α / B."""
Bound = Annotated[float, Interval(1e-90, 1e90, why="what is squared and divided stays a number")]
"""B, on h^2."""
SeveralLevels = Annotated[int, Interval(2, 400, why="all counts of a level are enumerated")]
Members = Annotated[float, Interval(0.01, 1, why="a share of all; the low end is a cap")]
"""P(h = 1), apart from y."""
Shift = Annotated[float, Interval(0, 1, why="a cap, which nothing requires")]
"""Of E[y|v] from v, up and down by turns."""
BOTH = [
    (0.1, 1.0),
    (0.03, 1.0),
    (0.01, 4.0),
    (0.002, 1.0),
    (0.08 / 0.95, 1.0),
    (0.08 / 0.95, 4.0),
    (0.05, 0.1),
]
LEVELS = [(50, 40, 0.0), (50, 40, 0.02), (6, 3, 0.05), (2, 3, 0.75)]


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
    """At a level v, with the residual r = y - v, the best step along a function h is E[h r|v] /
    E[h^2|v], and it lowers the squared error by (E[h r|v])^2 / E[h^2|v].
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
        rivals["Var(h) for E[h^2]"] = (chances @ (h * residuals)) ** 2 / (
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
    derived(
        "least squares in each level; that such a condition on squared error characterises it is "
        "in the abstract"
    ),
    kind="identity",
    cases=[(0, 60, 3), (1, 60, 3), (2, 12, 2), (3, 200, 6)],
)
def test_swap_regret(trial, world: Natural, cells: Cells, dim: Dim):
    """If each level v may choose its own best g in a linear class H, the squared error falls by the
    sum over v of P(v) max over h in H of (E[h r|v])^2 / E[h^2|v], with the residual r = y - v.
    """
    probabilities, predictions, means, basis, _ = world_of(world, cells, dim)
    residuals = means - predictions

    def saved(of):
        fit = observed.level_fit(probabilities, of, means - predictions + of, basis) - of
        return observed.gain(probabilities, predictions, means, fit, 1.0)

    regret = predicted.swap_regret(probabilities, predictions, residuals, basis)
    constants = predicted.swap_regret(probabilities, predictions, residuals, basis[:, :1])
    controls = {"h centred in each level": np.full(2, regret - constants)}
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
    derived("recalled; expansion of (v - y)^2 - (h - y)^2 about v"), kind="bound", cases=range(3)
)
def test_converse(trial, world: Natural, cells: Cells = 60, dim: Dim = 3, draws: Count = 500):
    """If a function h lowers the squared error at a level v by a, then E[(h - v)(y - v)|v] is at
    least a / 2.
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
    rivals = {"a for a / 2": 2 * least}
    trial.bound(
        least,
        correlations,
        instances="draws",
        independent=draws,
        ops=1000,
        scale=sizes,
        control_processes=rivals,
    )


@claim(
    derived("least squares: E[fit r|v] = E[fit^2|v]"),
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
    """For h = v + ε times the fit at level v, E[(h - v)(y - v)|v] is a / (2 - ε), where a is what h
    lowers the squared error by: no constant above 1/2 will do.
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
    derived("Jensen's inequality for the bias of a bin's levels"),
    kind="bound",
    cases=[(4, 2), (20, 5), (7, 3)],
)
def test_binning_hides(trial, levels: SeveralLevels, merged: SeveralLevels, draws: Count = 200):
    """Merging levels into bins can lower the error K2 of the residual y - f, and cannot raise it: a
    binned audit gives a lower bound.
    """
    generator = trial.generator("levels")
    bins = np.arange(levels) // merged
    weights = [*generator.dirichlet(np.ones(levels), draws), *[np.full(levels, 1 / levels)] * 2]
    weights.append((np.arange(levels) > 0) / (levels - 1))
    signs = np.where(np.arange(levels) % 2, -0.1, 0.1)
    biases = [*generator.uniform(-1, 1, (draws, levels)), signs, np.zeros(levels), np.cos(bins)]
    values = (np.arange(levels) + 0.5) / levels
    pairs = list(zip(weights, biases, strict=True))
    twice = np.full(levels, 2.0)
    # h = 2
    fine = [predicted.calibration_error(weight, values, bias / 2, twice) for weight, bias in pairs]
    centres = (
        values[bins * merged] + values[np.minimum((bins + 1) * merged, levels) - 1]
    ) / 2 + 0.05
    rivals = {
        "r from the bin's centre": [
            observed.binned_error(w, b + values - centres, bins) for w, b in pairs
        ]
    }
    coarse = [observed.binned_error(weight, bias, bins) for weight, bias in pairs]
    trial.bound(
        coarse,
        np.array(fine),
        instances="draws",
        independent=draws,
        ops=4 * levels,
        scale=1.0,
        control_processes=rivals,
    )


@claim(
    derived("law of total variance"), kind="identity", cases=[(4, 2, 0), (20, 5, 0), (300, 10, 1)]
)
def test_binning_hides__exactly(
    trial, levels: SeveralLevels, merged: SeveralLevels, instance: Natural
):
    """Merging levels v into bins b lowers K2 with h = 1 by the sum over bins of P(b) Var(E[r|v] |
    b), with the residual r = y - v.
    """
    generator = np.random.default_rng(instance)
    bins = 2 * (np.arange(levels) // merged)
    weights = generator.dirichlet(np.ones(levels))
    biases = generator.uniform(-1, 1, levels)
    if levels > merged + 1:  # the first bin is empty
        weights = weights * (bins > 0) / weights[bins > 0].sum()
    hidden = predicted.hidden_by_bins(weights, biases, bins)
    lost = observed.binned_error(weights, biases, np.arange(levels)) - observed.binned_error(
        weights, biases, bins
    )
    mean = weights @ biases
    controls = {"binning is conservative": -hidden}
    if levels > 2 * merged:
        controls["variance over all levels"] = float(weights @ (biases - mean) ** 2)
    trial.identity(lost, hidden, ops=4 * levels, scale=1.0, controls=controls)


@claim(
    derived("K2 of a sample with h = 1, by its definition"),
    kind="identity",
    cases=[(1, 0.2), (2, 0.25), (9, 0.05)],
    as_published=code(
        "Declancharrison/Level-Set-Boosting",
        "helper_functions.py",
        "ac3caf0166c2b320b9bd49beef903bf000d48e69",
        says="K2 of a sample is summed over all levels but that of the largest prediction",
    ),
)
def test_coded_error(
    trial,
    levels: Annotated[int, Interval(1, 200, why="each is summed exactly")],
    bias: Annotated[
        float, Interval(0.01, 0.25, why="means of labels stay in [0, 1]; the low end is a cap")
    ],
):
    """K2 with h = 1 is the sum over all levels v, the largest among them, of (n_v / n) (mean of y -
    v)^2; n_v of the n rows are at level v.
    """
    values = (np.arange(levels) + 0.5) / levels / 2
    biases = bias * (np.arange(levels) + 1) / levels
    predictions = np.tile(values, 4)
    labels = predictions + np.tile(biases, 4) + np.repeat([-1, 1, -1, 1], levels) * predictions / 2
    n = len(labels)
    k2 = predicted.calibration_error(
        np.full(n, 1 / n), predictions, labels - predictions, np.ones(n)
    )
    exact = sum(
        (sum(Fraction(y) - Fraction(value) for y in labels[predictions == value].tolist()) / 4) ** 2
        for value in values.tolist()
    )
    release = observed.released_error(predictions, labels)
    trial.identity(
        float(exact / levels),
        k2,
        ops=20 * n,
        controls={"without the largest": release},
        as_published=release,
    )


def boosted(world, share, bound, **wrong):
    """LSBoost with the rule for α = share B, and K2 of what it returns for all h^2 <= B."""
    basis = observed.affine(world.features)
    options = {
        "grid": predicted.grid(share * bound, bound),
        "tolerance": predicted.tolerance(share * bound, bound),
    } | wrong
    run = observed.lsboost(world.probabilities, world.means, basis, **options)
    return run, bound * observed.worst_error(world.probabilities, run.returned, world.means, basis)


def worlds_of(trial, draws):
    """Small random worlds, and W(0) to W(2)."""
    generator = trial.generator("worlds")
    sizes = [
        (*generator.integers(0, 2**32, 1), *generator.integers((2, 1), (40, 4)))
        for _ in range(draws)
    ]
    return [
        *(observed.random_world(*map(int, size)) for size in sizes),
        *map(observed.random_world, range(3)),
    ]


@claim(
    derived(
        "rounding costs E|fit - y|/m + 1/(4 m^2), the rest of the last gain is the swap regret; "
        "the rule is recalled"
    ),
    kind="bound",
    cases=[(0.005, 1.0), (0.002, 4.0), (0.002, 0.1)],
)
def test_halting(
    trial,
    share: Annotated[
        float,
        Interval(
            1e-6, 0.09, why="smaller gains are lost in rounding, on coarser grids 1/m matters"
        ),
    ],
    bound: Bound,
    draws: Count = 8,
):
    """If boosting on a grid of m = ceil(2 B/α) steps stops at a gain of at most α/(2 B), the model
    has K2 <= B (α/(2 B) + 1/(2 m) + 1/(4 m^2)) <= α for all h with h^2 <= B.
    """
    rule = predicted.tolerance(share * bound, bound), predicted.grid(share * bound, bound)
    undone = observed.undone_rows(10**12, rule[1], rule[0])
    worst = observed.World(undone.counts / undone.counts.sum(), undone.features, undone.labels)
    errors = [boosted(world, share, bound)[1] for world in (*worlds_of(trial, draws), worst)]
    guarantee = np.full(len(errors), predicted.guaranteed_error(bound, *rule))
    far = observed.two_cells(min(0.45, np.sqrt(0.9 * np.sqrt(share))))
    near = observed.two_cells(0.05)
    rivals = {"stops at sqrt(α / B)": boosted(far, share, bound, tolerance=np.sqrt(share))[1]}
    if share < 0.0024:
        rivals["a grid of 4 steps"] = boosted(near, share, bound, grid=4)[1]
        rivals["stops at 10 % of the error"] = boosted(near, share, bound, relative=0.1)[1]
    controls = {"rounding costs nothing": np.full(len(errors), bound * rule[0])}
    if bound > 2.2:
        controls["without B"] = guarantee / bound
    processes = {name: np.full(len(errors), error) for name, error in rivals.items()}
    options = {"instances": "draws", "independent": draws, "ops": 1000}
    trial.bound(errors, guarantee, controls=controls, control_processes=processes, **options)


@claim(
    derived("the error of 1/2 is at most 1/4 above the best"),
    kind="bound",
    cases=[(0.125, 1.0), (0.1, 1.0), (0.08 / 0.95, 4.0), (0.0201, 0.1)],
)
def test_halting__rounds(
    trial,
    share: Annotated[
        float, Interval(0.01, 0.125, why="as many sets of cells as rounds are fitted")
    ],
    bound: Bound,
    draws: Count = 8,
):
    """Boosting with the tolerance α/(2 B) takes at most ceil(B / (2 α)) rounds, the rejected one
    included: the error starts at 1/4 at most, and each other round lowers it by more than the
    tolerance.
    """
    most = predicted.most_rounds(share * bound, bound)
    m = predicted.grid(share * bound, bound)
    sets = int(np.ceil((1 - 1e-6) / (2 * share))) - 1  # each a round whose gain is 1 / (4 sets)
    slow_world = observed.peeled_world(sets, min(0.01 / m, (1 / (2 * share * sets) - 1) / 4))
    rounds = [boosted(world, share, bound)[0].rounds for world in worlds_of(trial, draws)]
    # 1/2 must be on the grid
    rounds.append(boosted(slow_world, share, bound, grid=m + m % 2)[0].rounds)
    controls = {"one round suffices": 1.0} | ({"one less": most - 1} if rounds[-1] == most else {})
    options = {"instances": "draws", "independent": draws, "ops": 10}
    trial.bound(rounds, np.full(len(rounds), most), controls=controls, **options)


@claim(
    derived("exact arithmetic of the guarantee"),
    kind="identity",
    cases=[*BOTH, (1.0, 1.0), (1e-6, 2.0)],
)
def test_halting__grid(
    trial, share: Annotated[float, Interval(1e-9, 1, why="grids of up to 2^40")], bound: Bound
):
    """Rounding to a grid moves the squared error by at most half of the tolerance, α/(2B), on the
    grid of m = ceil(2 B / α) steps, and on no coarser one.
    """
    alpha = Fraction(share * bound)
    most = Fraction(bound)
    least = 1 + bisect_left(
        range(1, 2**40), True, key=lambda m: Fraction(1, m) <= alpha / (2 * most)
    )
    m = predicted.grid(share * bound, bound)
    trial.identity(least, m, ops=0, controls={"ceil(B / α)": -(-m // 2), "points for steps": m + 1})
    guarantee = predicted.guaranteed_error(bound, predicted.tolerance(share * bound, bound), m)
    controls = {"1 / m": guarantee + bound / (2 * m)}
    if abs(bound - 1) > 0.01:
        controls["without B"] = guarantee / bound
    exact = alpha / 2 + most * (Fraction(1, 2 * least) + Fraction(1, 4 * least**2))
    trial.identity(float(exact), guarantee, ops=10, controls=controls)


@claim(derived("two cells that H fits"), kind="identity", cases=[0.125, 0.03, 1e-3, 1e-8])
def test_halting__first_round(trial, share: Share, bound: Bound = 3.0):
    """If the labels have the means 1/2 -+ δ, the first round of boosting gains δ^2, and is rejected
    up to δ^2 = α / (2 B).
    """
    deltas = np.sqrt(share / 2 * np.array([0.999, 1.001]))
    rounds = [
        boosted(observed.two_cells(delta), share, bound, grid=2**50)[0].rounds
        for delta in deltas.tolist()
    ]
    trial.identity(rounds, [1, 2], ops=0, controls={"at α / B": [1, 1], "at α / (4 B)": [2, 2]})


def released(features, labels, bins, gamma):
    """K2 of the rounded model before the last of the released class, its guarantee, and K2 of what
    is returned.
    """
    basis = observed.affine(features)
    uniform = np.full(len(labels), 1 / len(labels))
    models = observed.released_lsboost(labels, basis, bins, gamma).models
    # Levels of one row
    alone = np.sum(np.unique(models[-3], return_counts=True)[1] == 1) / len(labels)
    error, final = (
        observed.worst_error(uniform, f, labels, basis) for f in (models[-3], models[-1].clip(0, 1))
    )
    return error, predicted.guaranteed_error(1.0, gamma / bins, bins) + alone, final


@claim(
    derived(
        "the proof of the guarantee, with the grid and the stopping rule of the released class"
    ),
    kind="bound",
    cases=[(8000, 800, 0.1), (10_000, 600, 0.5)],
)
def test_released_class(
    trial,
    rows: Annotated[
        int, Interval(1200, 10**4, why="fewer are fitted as they are, more take memory")
    ],
    bins: Annotated[int, Interval(40, 1000, why="with fewer, terms of the order 1/m matter")],
    gamma: Annotated[float, Interval(0.05, 0.5, why="a cap, which nothing requires")],
):
    """The rounded model before the last one of the released class, with m bins and tolerance γ, has
    K2 <= B (γ + 1/2 + 1/(4 m)) / m for all h with h^2 <= B; the class returns another model.

    On rows drawn at random, in ten bins, and on rows whose rounding undoes most of what a round
    gains.
    """
    trial.require(bins % 2 == 0, "bins must be even: 1/2 is then on the grid")
    generator = trial.generator("rows")
    x = generator.uniform(-1, 1, (1500, 2))
    y = (generator.random(len(x)) < 0.5 + 0.2 * np.sin(3 * x[:, 0])).astype(float)
    undone = observed.delayed_rows(rows, bins, gamma / bins)
    features, labels = (
        np.repeat(part, undone.counts, axis=0) for part in (undone.features, undone.labels)
    )
    cases = released(x, y, 10, gamma), released(features, labels, bins, gamma)
    k2, guarantees, final = np.transpose(cases)
    processes = {"what it returns": final}
    controls = {"rounding costs nothing": [gamma / 10, gamma / bins]}
    options = {"instances": "draws", "independent": 1, "ops": 1000}
    trial.bound(k2, guarantees, control_processes=processes, controls=controls, **options)


@claim(
    abstract(
        "We then show that our weak learning assumption on H is both necessary and sufficient for "
        "multicalibration "
        "with respect to H to imply Bayes optimality"
    ),
    kind="optimality",
    cases=[2, 3, 5],
)
def test_weak_learning(trial, dim: Annotated[int, Interval(2, 8, why="there are 2^dim cells")]):
    """If the label is a parity, f = 1/2 is multicalibrated for affine functions, although its
    squared error is 1/4 above that of Bayes; a class with the product of the coordinates gains all
    of this.
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
        "any multicalibrated f is Bayes'": [0, 0, 0.25, 0.25, 0],
        "no H is": [0, 0, 0, 0, 0.25],
    }
    controls = {name: np.array(values) for name, values in rivals.items()}
    trial.identity(
        measured, np.array([*predict, predict[-1]]), ops=2**dim, scale=0.25, controls=controls
    )


@claim(
    derived("principal angles; the abstract ends with weak learning relative to another class C"),
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
    """At a level where the class C contains the means of the labels, it lowers the squared error by
    at most what H does, divided by the squared cosine of the angle between the means and H.

    So f that is multicalibrated for affine H, which has nothing to save, is so for C.
    """
    generator = trial.generator(str(world))
    weights, predictions, _, basis, _ = world_of(world, cells, 3)
    other = (
        basis @ generator.normal(size=(4, functions))
        + generator.normal(size=(cells, functions)) / 2
    )
    gains = []
    for value in np.unique(predictions):
        at = predictions == value
        trial.require(
            at.sum() > 4 + functions,
            "cells must leave more at each level than H and C have functions",
        )
        chances = weights[at] / weights[at].sum()
        level = predictions[at]
        classes = (basis[at], other[at])
        frames = [np.linalg.qr(np.sqrt(chances)[:, None] * span)[0] for span in classes]
        _, cosines, directions = np.linalg.svd(frames[0].T @ frames[1])
        for direction in [
            directions[-1],
            *generator.normal(size=(20, functions)),
        ]:  # the first is farthest from H
            residuals = (frames[1] @ direction) / np.sqrt(chances)
            means = level + 0.1 * residuals / np.abs(residuals).max()
            start = observed.squared_error(chances, level, means)
            fits = (observed.level_fit(chances, level, means, span) for span in classes)
            gains.append(
                [
                    *(start - observed.squared_error(chances, fit, means) for fit in fits),
                    cosines[-1],
                ]
            )
    by_first, by_other, cosine = np.transpose(gains)
    bounds = [predicted.relative_gain(*pair) for pair in zip(by_first, cosine, strict=True)]
    controls = {"as much as H": by_first, "the cosine for its square": by_first / cosine}
    trial.bound(
        by_other, bounds, instances="draws", independent=1, ops=1e5, scale=0.25, controls=controls
    )


def sampled_levels(trial, levels, per_level, shift, share):
    """Values v, shifts of E[y|v] up and down by turns, n_v, and what theory says of K2, its bias
    and the variances.
    """
    values = (np.arange(levels) + 0.5) / levels
    shifts = np.where(np.arange(levels) % 2, -shift, shift)
    chances = values + shifts
    counts = np.full(levels, per_level) + np.arange(levels) % 2
    trial.require(
        (chances >= 0) & (chances <= 1), "shift must leave v + shift in [0, 1] for all levels"
    )
    biases, variances = predicted.bernoulli_moments(values, shifts, share)
    k2 = predicted.sampled_error(counts, biases)
    bias = predicted.plug_in_bias(counts, variances)
    trial.require(bias > 0, "shift must leave labels that vary")
    return counts, values, chances, k2, bias


def enumerated(counts, values, chances, share):
    """Means of plug-in and unbiased K2, from all counts in each level."""
    means = np.zeros(2)
    for count, value, chance in zip(
        counts.tolist(), values.tolist(), chances.tolist(), strict=True
    ):
        likely, sums, squares = observed.enumerate_levels(count, value, chance, share)
        alone = np.array([count])
        sums = sums[:, None]
        squares = squares[:, None]
        several = observed.unbiased(alone, sums, squares) if count > 1 else np.zeros(len(likely))
        means += count * np.array([likely @ observed.plug_in(alone, sums), likely @ several])
    return means / counts.sum()


@claim(derived("the variance of a level's mean"), kind="distribution", cases=LEVELS)
def test_plug_in_bias(trial, levels: Count, per_level: Count, shift: Shift, share: Members = 0.4):
    """Given the numbers n_v of rows at the levels, the plug-in estimate of K2 has the mean sum of
    (n_v/n) θ_v^2 + sum of Var(h r|v) / n over all levels v, where θ_v = E[h r|v].
    """
    trial.require(
        levels * per_level**2 <= 10**6, "levels must be few: all counts of each are enumerated"
    )
    counts, values, chances, k2, bias = sampled_levels(trial, levels, per_level, shift, share)
    mean = enumerated(counts, values, chances, share)[0]
    controls = {"no bias": k2, "2 Var": k2 + 2 * bias}
    if levels > 1:
        controls["Var of one level"] = k2 + bias / levels
    trial.value(
        mean, k2 + bias, error=1e-11 * (k2 + bias), margin=1e-9 * (k2 + bias), controls=controls
    )


@claim(derived("products of different samples alone"), kind="distribution", cases=LEVELS)
def test_unbiased_k2(
    trial, levels: Count, per_level: SeveralLevels, shift: Shift, share: Members = 0.4
):
    """Let S1 and S2 be the sums of h r and of its square at a level with n_v of the n rows. The sum
    of (n_v/n) (S1^2 - S2) / (n_v (n_v - 1)) over the levels has the mean K2.
    """
    trial.require(
        levels * per_level**2 <= 10**6, "levels must be few: all counts of each are enumerated"
    )
    counts, values, chances, k2, bias = sampled_levels(trial, levels, per_level, shift, share)
    plug_in, unbiased = enumerated(counts, values, chances, share)
    rivals = {
        "plug-in": [k2 + bias, 0.0],
        "divisor n_v": [k2 + bias / per_level, bias - bias / per_level],
    }
    controls = {name: np.array(theory) for name, theory in rivals.items()}
    estimates = np.array([unbiased, plug_in - unbiased])
    rounding = 1e-11 * (k2 + bias)
    trial.value(
        estimates,
        np.array([k2, bias]),
        error=rounding,
        margin=100 * rounding,
        scale=bias,
        controls=controls,
    )


@claim(derived("as enumerated"), kind="distribution", cases=[(50, 40, 0.0), (6, 40, 0.25)])
def test_plug_in_bias__sampled(
    trial, levels: Count, per_level: SeveralLevels, shift: Shift, share: Members = 0.4
):
    """On samples the plug-in estimate of K2 exceeds its target by sum of Var(h r|v) / n on average,
    and the unbiased one does not.
    """
    trial.require(
        levels <= 200 and levels * per_level * share >= 90,
        "levels must be at most 200, with 90 members in all",
    )
    counts, values, chances, k2, bias = sampled_levels(trial, levels, per_level, shift, share)
    near = (
        "shift must be 0, or make K2 as large as its bias and at most 50 times it: one hides "
        "the other else"
    )
    trial.require(k2 == 0 or bias <= k2 <= 50 * bias, near)

    def sampler(generator, n):
        sums, squares = observed.sample_levels(generator, n, counts, values, chances, share)
        return np.stack(
            [observed.plug_in(counts, sums), observed.unbiased(counts, sums, squares)], axis=1
        )

    controls = {"no bias": np.full(2, k2), "plug-in for both": np.full(2, k2 + bias)}
    margin = 0.008 * np.array([k2 + bias, k2 or bias])
    if bias / per_level > 2 * margin[1]:
        controls["bias with divisor n_v"] = np.array([k2 + bias, k2 + bias / per_level])
    looks = {"first": 8192, "most": 2_000_000}
    predict = np.array([k2 + bias, k2])
    trial.mean(
        predict=predict,
        sampler=sampler,
        law=Asymptotic(),
        margin=margin,
        controls=controls,
        **looks,
    )


@claim(derived("boxes of m α/B - 2, each enclosed"), kind="bound")
def test_halting__everywhere(trial):
    """B (α/(2 B) + 1/(2 m) + 1/(4 m²)) <= 13 α/16 for all grids m = 2..200 and all α/B = (2 + u)/m,
    u in [0, 1], among them all for which m = ceil(2 B/α): K2 is well below α.
    """

    def share_of_alpha(excess, steps):
        rounding = 1 / (2 * (2 + excess)) + 1 / (4 * steps * (2 + excess))
        return Fraction(1, 2) + rounding

    def guaranteed(excess, steps):
        share = (2 + excess) / steps
        return predicted.guaranteed_error(0.5, min(share / 2, 1.0), steps) / share * 2

    trial.prove(
        share_of_alpha,
        lambda excess, steps: Fraction(13, 16),
        {"excess": (0, 1), "steps": range(2, 201)},
        controls={
            "without 1/(4 m²)": lambda excess, steps: Fraction(3, 4),
        },
        same_as=(guaranteed, None),
    )
