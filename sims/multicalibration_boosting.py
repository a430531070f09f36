"""The simulators of multicalibration by boosting.

`boosting` fits a predictor by least squares within its level sets, on finite worlds and on samples
(`worlds`). `audit` finds the worst calibration error of a predictor, and `samples` draws the labels
and the groups within level sets.

Notation, here and in the modules: f(x) is the prediction, a level v is the set of cells that f
sends to v, y in [0, 1] is the label, r = y - f(x) is the residual, and h is a function of the cell.
The calibration error is K2 = sum over levels v of P(v) (E[h r | v])^2.
"""

from itertools import product
from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import block_diag

from theory_on_trial.contract import (
    MOST,
    PROBABILITIES,
    UNIT_INTERVAL,
    USABLE_SCALE,
    Interval,
    UnitInterval,
    guarded,
    require,
)

Probabilities = Annotated[Float[np.ndarray, " cells"], PROBABILITIES]
Values = Annotated[Float[np.ndarray, " cells"], UNIT_INTERVAL]
"""Predictions f, labels y or their means E[y | x], of each cell."""
Function = Annotated[Float[np.ndarray, " cells"], USABLE_SCALE]
Basis = Annotated[Float[np.ndarray, "cells functions"], USABLE_SCALE]
"""Functions that span H, a column each."""
Seed = Annotated[int, Interval(0, MOST)]
Cells = Annotated[int, Interval(1, 2**20)]
Dim = Annotated[int, Interval(1, 2**10)]
Grid = Annotated[int, Interval(1, MOST, why="a finer grid rounds nothing")]
Counts = Annotated[Int[np.ndarray, " levels"], Interval(1, 2**20)]
Levels = Annotated[Float[np.ndarray, " levels"], UNIT_INTERVAL]


Step = Annotated[float, Interval(-1e25, 1e25)]
Weights = Annotated[Float[np.ndarray, " levels"], PROBABILITIES]
Biases = Annotated[Float[np.ndarray, " levels"], USABLE_SCALE]
Bins = Annotated[Int[np.ndarray, " levels"], Interval(0, 2**20)]


@guarded
def gain(
    probabilities: Probabilities, predictions: Values, means: Values, h: Function, step: Step
) -> float:
    """Return how much a step lowers the squared error, E[(f - y)^2 - (f + step h - y)^2].

    Each cell's difference of squares is written as a product, so that no digits cancel.
    """
    change = step * h
    return float(probabilities @ (change * (2 * (means - predictions) - change)))


@guarded
def best_gain(
    probabilities: Probabilities, predictions: Values, means: Values, h: Function
) -> float:
    """The largest `gain` of any step, by Brent's method."""
    from scipy.optimize import minimize_scalar

    largest = max(float(np.abs(h).max()), 1e-50)  # steps in its units
    minimum = minimize_scalar(
        lambda step: -gain(probabilities, predictions, means, h / largest, float(step))
    )
    return -float(minimum.fun)


@guarded
def best_ratio(
    probabilities: Probabilities, predictions: Values, means: Values, basis: Basis, seed: Seed = 0
) -> float:
    """The sum over levels v of P(v) times the largest (E[h r | v])^2 / E[h^2 | v] over the span of
    the basis.

    BFGS finds each maximum from three random starts. Its coordinates belong to functions that are
    orthonormal within the level. Where a level has no more cells than the basis has functions,
    these span all functions of its cells.
    """
    from scipy.optimize import minimize

    generator = np.random.default_rng(seed)
    total = 0.0
    for value in np.unique(predictions):
        at = (predictions == value) & (probabilities > 0)
        if not at.any():
            continue
        chances = probabilities[at]
        residuals = means[at] - value
        roots = np.sqrt(probabilities[at])[:, None]
        columns = np.linalg.qr(roots * basis[at])[0] / roots

        def negative(
            coefficients: Float[np.ndarray, " functions"],
            chances: Float[np.ndarray, " at"] = chances,
            residuals: Float[np.ndarray, " at"] = residuals,
            columns: Float[np.ndarray, "at functions"] = columns,
        ) -> tuple[float, Float[np.ndarray, " functions"]]:
            h = columns @ coefficients
            ratio = (chances @ (h * residuals)) / (chances @ h**2)
            value = ratio * (chances @ (h * residuals))
            return -value, -2 * ratio * (columns.T @ (chances * (residuals - ratio * h)))

        starts = generator.standard_normal((3, columns.shape[1]))
        options = {"gtol": 1e-8, "maxiter": 1000}  # errors of the maximum are of its square
        total += max(
            -float(minimize(negative, x0, jac=True, method="BFGS", options=options).fun)
            for x0 in starts
        )
    return total


@guarded
def worst_error(
    probabilities: Probabilities, predictions: Values, means: Values, basis: Basis
) -> float:
    """The largest K2 over functions in the span of the basis with |h| <= 1, where each level may
    have a function of its own.

    A linear program solves each level. One function for all levels has at most this K2. Under the
    condition h^2 <= B in place of |h| <= 1 the largest K2 is B times as large.
    """
    from scipy.optimize import linprog

    total = 0.0
    for value in np.unique(predictions):
        at = (predictions == value) & (probabilities > 0)
        if not at.any():
            continue
        columns = basis[at]
        mass = float(probabilities[at].sum())
        sums = columns.T @ (probabilities[at] / mass * (means[at] - value))
        largest = float(np.abs(sums).max())
        if largest == 0:
            continue
        if np.linalg.matrix_rank(columns) == len(
            columns
        ):  # then h may have any values, +-1 among them
            total += float(probabilities[at] @ np.abs(means[at] - value)) ** 2 / mass
            continue
        rows = np.vstack([columns, -columns])
        ends = np.ones(2 * len(columns))
        program = linprog(
            -sums / largest, A_ub=rows, b_ub=ends, bounds=(None, None), method="highs"
        )
        total += mass * (largest * float(program.fun)) ** 2
    return total


@guarded
def binned_error(weights: Weights, biases: Biases, bins: Bins) -> float:
    """Return K2 after levels are merged into bins, the sum over bins of P(bin) times the squared
    mean of h r.

    `weights` are P(v), `biases` are E[h r | v], and `bins` names the bin of each level.
    """
    total = 0.0
    for bin_ in np.unique(bins):
        inside = weights[bins == bin_]
        if inside.sum() > 0:
            total += float((inside @ biases[bins == bin_]) ** 2 / inside.sum())
    return total


Predictions = Annotated[Float[np.ndarray, " cells"], Interval(-1e50, 1e50)]
"""f of each cell, not rounded or clipped."""


class Boosted(NamedTuple):
    """The models of all rounds of boosting, and their errors. The first model is the constant 1/2,
    or the global fit in `released_lsboost`.
    """

    models: list[Float[np.ndarray, " cells"]]
    """Predictions after each round, the rejected one among them."""
    errors: list[float]
    """E (f - y)^2 after each round."""

    @property
    def rounds(self) -> int:
        """The number of rounds taken, including the last one, which was rejected."""
        return len(self.models) - 1

    @property
    def returned(self) -> Float[np.ndarray, " cells"]:
        """The model before the last round."""
        return self.models[-2]


@guarded
def squared_error(probabilities: Probabilities, predictions: Predictions, means: Values) -> float:
    """Return the squared error E (f - y)^2, an expectation over the cells and over both labels."""
    return float(probabilities @ (means * (1 - predictions) ** 2 + (1 - means) * predictions**2))


@guarded
def round_to_grid(values: Predictions, grid: Grid) -> Float[np.ndarray, " cells"]:
    """Clip to [0, 1] and round to the nearest multiple of 1 / grid; a tie goes upwards."""
    return np.minimum(np.floor(grid * np.clip(values, 0, 1) + 0.5), grid) / grid


@guarded
def level_fit(
    probabilities: Probabilities, predictions: Values, means: Values, basis: Basis
) -> Function:
    """The least-squares fit of the labels within each level set of the predictions, one number per
    cell.

    What is fitted is y - v on the level v. Where the fit is not unique, its coefficients are those
    of least norm.
    """
    fit = np.array(predictions)
    roots = np.sqrt(probabilities)
    for value in np.unique(predictions):
        at = predictions == value
        # What is fitted is y - v: the constant v may not lie in the span.
        right = roots[at] * (means[at] - value)
        fit[at] += basis[at] @ np.linalg.lstsq(roots[at, None] * basis[at], right, rcond=None)[0]
    return fit


@guarded
def lsboost(
    probabilities: Probabilities,
    means: Values,
    basis: Basis,
    grid: Grid,
    tolerance: Annotated[float, Interval(1e-14, 1, why="the error is known to rounding")],
    relative: UnitInterval = 0.0,
) -> Boosted:
    """Boost from the constant 1/2: in each round refit every level and round the fit to the grid.

    Boosting stops at the first round that lowers the squared error by no more than the tolerance.

    Args:
        probabilities: of the cells; 1 / n each for a sample of n rows.
        means: mean labels of the cells; the labels themselves for a sample.
        basis: functions of the cells, or of the rows of a sample, one per column.
        grid: m; predictions are multiples of 1 / m.
        tolerance: the least decrease of the squared error that counts.
        relative: boosting also stops where a round saves no more than this share of the error.
    """
    models = [np.full(len(means), 0.5)]
    errors = [squared_error(probabilities, models[0], means)]
    while True:
        models.append(round_to_grid(level_fit(probabilities, models[-1], means, basis), grid))
        errors.append(squared_error(probabilities, models[-1], means))
        if errors[-2] - errors[-1] <= max(tolerance, relative * errors[-2]):
            return Boosted(models, errors)


@guarded
def released_lsboost(
    labels: Values,
    basis: Basis,
    bins: Annotated[int, Interval(1, 2**20)] = 10,
    gamma: UnitInterval = 0.1,
) -> Boosted:
    """What the class in the paper's released code does to a sample with labels in [0, 1].

    All options have their defaults, except that the number of rounds is not limited to 100. The
    first model is a global fit, rounded to bins + 1 values. Each round then refits within levels; a
    level of one row is left as it is. From the third model on the code asks whether the last round
    lowered the error by more than γ / bins. If it did not, the code adds one round that is not
    rounded, predicts with it and stops.

    `models` ends with that round. `errors` are training errors; the first is that of the global fit
    before rounding.
    """
    n = len(labels)
    uniform = np.full(n, 1 / n)
    start = np.full(n, 0.5)
    fit = level_fit(uniform, start, labels, basis)
    models = [round_to_grid(fit, bins)]
    errors = [squared_error(uniform, fit, labels)]
    while True:
        values, count = np.unique(models[-1], return_counts=True)
        single = np.isin(models[-1], values[count == 1])
        fit = np.where(single, models[-1], level_fit(uniform, models[-1], labels, basis))
        last = len(models) > 2 and errors[-2] - errors[-1] <= gamma / bins
        models.append(fit if last else round_to_grid(fit, bins))
        errors.append(squared_error(uniform, models[-1], labels))
        if last:
            return Boosted(models, errors)


@guarded
def released_error(predictions: Values, labels: Values) -> float:
    """The number that the released code prints as the calibration error of a sample. The code
    leaves out the level of the largest prediction.
    """
    values = np.unique(predictions)
    residuals = [labels[predictions == value] - value for value in values[:-1]]
    return float(sum(len(group) * group.mean() ** 2 for group in residuals)) / len(labels)


Chances = Annotated[Float[np.ndarray, " levels"], Interval(0, 1)]
Sums = Annotated[Float[np.ndarray, "*replicas levels"], Interval(-1e50, 1e50)]


@guarded
def sample_levels(
    generator: np.random.Generator,
    replicas: Annotated[int, Interval(1, 2**24)],
    counts: Counts,
    values: Levels,
    chances: Chances,
    share: UnitInterval,
) -> tuple[Float[np.ndarray, "replicas levels"], Float[np.ndarray, "replicas levels"]]:
    """Draw samples, and return S1 = sum of h r and S2 = sum of (h r)^2 of each level, r = y - v.

    `counts` are the samples of each level, `values` are the predictions v, `chances` are P(y = 1)
    in each level, and `share` is P(h = 1).
    """
    members = generator.binomial(counts, share, (replicas, len(counts)))
    ones = generator.binomial(members, chances)
    return _sums(members.astype(float), ones.astype(float), values)


@guarded
def enumerate_levels(
    count: Annotated[int, Interval(1, 1000)],
    value: UnitInterval,
    chance: UnitInterval,
    share: UnitInterval,
) -> tuple[
    Float[np.ndarray, " outcomes"], Float[np.ndarray, " outcomes"], Float[np.ndarray, " outcomes"]
]:
    """Return, for every outcome of the samples of one level, its probability, S1 = sum of h r, and
    S2 = sum of (h r)^2.

    An outcome is the number of members (h = 1) and the number of ones (y = 1) among these. `count`
    is the number of samples, `value` is v, `chance` is P(y = 1), and `share` is P(h = 1).
    """
    from scipy.stats import binom

    members, ones = (axis.ravel() for axis in np.indices((count + 1, count + 1)))
    likely = binom.pmf(members, count, share) * binom.pmf(ones, members, chance)
    return likely, *_sums(members.astype(float), ones.astype(float), np.array([value]))


@guarded
def plug_in(counts: Counts, sums: Sums) -> Float[np.ndarray, "*replicas"]:
    """The plug-in estimate of K2: the sum over levels of (n_v / n) (mean of h r)^2. `counts` are
    n_v, and `sums` are those of h r.
    """
    return np.asarray(np.sum(sums**2 / counts, axis=-1) / counts.sum())


@guarded
def unbiased(counts: Counts, sums: Sums, squares: Sums) -> Float[np.ndarray, "*replicas"]:
    """The estimate of K2 by products of two different samples: the sum over levels of (n_v / n)
    (S1^2 - S2) / (n_v (n_v - 1)).

    `counts` are n_v, `sums` are S1 = sum of h r, and `squares` are S2 = sum of (h r)^2. A level of
    one sample has no such product and is left out. Raises ValueError where every level has one
    sample.
    """
    several = counts > 1
    require(several.any(), "counts must be above one for some level")
    products = (sums[..., several] ** 2 - squares[..., several]) / (counts[several] - 1)
    return np.asarray(np.sum(products, axis=-1) / counts.sum())


def _sums(
    members: Float[np.ndarray, "..."],
    ones: Float[np.ndarray, "..."],
    values: Float[np.ndarray, "..."],
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    return ones - members * values, ones * (1 - values) ** 2 + (members - ones) * values**2


class World(NamedTuple):
    """A finite world: cells x with their probabilities, features and mean labels; labels are 0 or
    1.
    """

    probabilities: Float[np.ndarray, " cells"]
    features: Float[np.ndarray, "cells dim"]
    means: Float[np.ndarray, " cells"]
    """E[y | x]."""


@guarded
def random_world(seed: Seed, cells: Cells = 60, dim: Dim = 3) -> World:
    """A random world: features uniform in [-1, 1], mean labels uniform in [0, 1], and probabilities
    uniform on the simplex (a Dirichlet law).
    """
    generator = np.random.default_rng(seed)
    features = generator.uniform(-1, 1, (cells, dim))
    return World(generator.dirichlet(np.ones(cells)), features, generator.uniform(0, 1, cells))


@guarded
def random_predictor(
    seed: Seed, cells: Cells = 60, dim: Dim = 3
) -> tuple[Float[np.ndarray, " cells"], Float[np.ndarray, " functions"]]:
    """A random predictor and a random affine function, independent of `random_world` of the same
    seed.

    Returns the prediction of each cell, which is 0.2, 0.4, 0.6 or 0.8, and the dim + 1 coefficients
    of the function, which are standard normal.
    """
    generator = np.random.default_rng(100 + seed)
    return generator.choice([0.2, 0.4, 0.6, 0.8], cells), generator.standard_normal(dim + 1)


@guarded
def two_cells(shift: Annotated[float, Interval(-0.5, 0.5)]) -> World:
    """A world of two equally likely cells: x = -1 has mean label 1/2 - shift, x = 1 has 1/2 +
    shift.
    """
    return World(np.full(2, 0.5), np.array([[-1.0], [1.0]]), np.array([0.5 - shift, 0.5 + shift]))


Total = Annotated[int, Interval(100, 10**14)]
FineGrid = Annotated[
    int, Interval(8, 2**32, why="what a step changes must not be lost in rounding")
]

_FEWEST = 8  # pairs of rows in a group
_OFF = 1e-3  # of a step, how far fits lie from the middle between two multiples


class Rows(NamedTuple):
    """A sample as groups of equal rows: how often each row occurs, its features and its label."""

    counts: Int[np.ndarray, " cells"]
    features: Float[np.ndarray, "cells dim"]
    labels: Float[np.ndarray, " cells"]


@guarded
def undone_rows(total: Total, grid: FineGrid, saved: UnitInterval) -> Rows:
    """A sample on which rounding undoes nearly all that an affine fit gains.

    After rounding to multiples of 1 / m (m = `grid`) the fit lowers the squared error by no more
    than `saved`. Under this condition the sample is built so that the unrounded fit lowers the
    error most.

    The fit is 1/2 + d or 1/2 - d in each of two groups of rows. A group has a feature of its own,
    and the two groups have neighbouring values of d. Half of a group's fits lie just below the
    middle between two multiples of 1 / m and have the label 1; the other half lie just above it and
    have the label 0. So rounding moves every fit away from its label. Raises ValueError where no
    such d lies within [0, 1/2].
    """
    worth = (saved + (0.5 - _OFF) / grid + 1 / (4 * grid**2)) / (1 + 2 / grid)
    middle = (np.floor(grid * (0.5 + np.sqrt(worth)) - 0.51) + 0.5) / grid - 0.5
    require(
        0 < middle < 0.5 - 2 / grid,
        "saved must leave room on the grid for fits on either side of 1/2",
    )
    pairs = total // 2
    steps = (middle, middle + 1 / grid)
    budget = saved * total * (1 - 1e-9)
    less, more = (_undone(2 * pairs, d, grid)[1] for d in steps)
    high = int(np.clip((budget - less) / (more - less), 0, 1) * pairs)
    while True:  # whole rows save a little more or less
        sizes = zip((pairs - high, high), steps, strict=True)
        groups = [_undone(2 * size, d, grid) for size, d in sizes if size >= _FEWEST]
        excess = sum(gain for _, gain in groups) - budget
        if excess <= 0 or high < _FEWEST:
            break
        high -= 1 + int(excess / (more - less) * pairs)
    features = block_diag(*[rows.features for rows, _ in groups])
    counts, labels = (
        np.concatenate([getattr(rows, name) for rows, _ in groups]) for name in ("counts", "labels")
    )
    return Rows(counts, features, labels)


def _undone(total: int, d: float, grid: int) -> tuple[Rows, float]:
    """A group of these rows whose fit is 1/2 + d h, h about +-1, and what the rounded fit saves in
    all of them.
    """
    off = _OFF / (d * grid)
    ones = np.ceil(total / 2 * (0.5 + (d * (1 + off**2) + off / 2) / (1 + 4 * d * off)))
    counts = np.array([ones, total / 2 - ones])
    h = np.array([1 - off, 1 + off])
    # So that d is the slope
    label = 0.5 + (d * (counts @ h**2) + counts[1] * h[1] / 2) / (counts[0] * h[0])
    labels = np.array([label, 0])
    rounded = 0.5 + d + np.array([-0.5, 0.5]) / grid
    gain = 2 * counts @ ((0.5 - rounded) * (0.5 + rounded - 2 * labels))
    rows = Rows(
        np.tile(counts, 2).astype(int), np.append(h, -h)[:, None], np.append(labels, 1 - labels)
    )
    return rows, float(gain)


@guarded
def delayed_rows(total: Total, grid: FineGrid, saved: UnitInterval) -> Rows:
    """`undone_rows` with up to twelve further rows, which keep all predictions at 1/2 for two
    rounds.

    Four of the further rows go to 0 or 1 in the first round, the other eight in the second round
    (four where `undone_rows` has one group). Until the four have gone, what is left of their labels
    outweighs the eight along a second feature. Until the eight have gone, what is left of theirs
    outweighs the undone rows along the features of these. Raises ValueError as `undone_rows`.
    """
    rows = undone_rows(total, grid, saved)
    left = 1 / (8 * grid)
    groups = rows.features.shape[1]
    first = np.array(list(product((1, -1), repeat=2)))
    second = np.array(list(product((1, -1), repeat=1 + groups)))
    along = (rows.counts * (rows.labels - 0.5)) @ rows.features
    columns = np.zeros((len(first) + len(second) + len(rows.counts), 2 + groups))
    columns[:4, 0] = first[:, 0]
    columns[:4, 1] = -first[:, 1] * len(second) * (1 - groups * left) / (4 * left)
    columns[4 : 4 + len(second), 1] = second[:, 0]
    columns[4 : 4 + len(second), 2:] = -second[:, 1:] * along / (left / 2 * len(second))
    columns[-len(rows.counts) :, 2:] = rows.features
    labels = [
        (1 + row[0] * (1 - left * (len(row) - 1)) + left * row[1:].sum()) / 2
        for row in (*first, *second)
    ]
    counts = np.append(np.ones(len(labels), int), rows.counts)
    return Rows(counts, columns, np.append(np.clip(labels, 0, 1), rows.labels))


@guarded
def peeled_world(
    sets: Annotated[int, Interval(1, 1000)], left: Annotated[float, Interval(1e-12, 0.1)]
) -> World:
    """A world that boosting fits one set of cells per round, so that it needs as many rounds as
    sets.

    In each round boosting moves the predictions of one set of four cells from 1/2 to 0 and 1, which
    lowers the squared error by (1 - 2 left) / 4 times the probability of the set. Each set has a
    feature. It agrees with the labels of its own set up to `left`. On the set before it the feature
    is so large that both contributions cancel until that set has been fitted.
    """
    sign = np.tile([1, 1, -1, -1], sets)
    tilt = np.tile([1, -1, 1, -1], sets)
    blocks = np.kron(np.eye(sets), np.ones((4, 1)))
    before = np.roll(blocks, 1, axis=1) * (np.arange(sets) > 0)
    features = sign[:, None] * blocks - (1 - left) / left * tilt[:, None] * before
    return World(
        np.full(4 * sets, 0.25 / sets),
        features,
        np.clip((1 + sign * (1 - left) + tilt * left) / 2, 0, 1),
    )


@guarded
def parity_world(dim: Annotated[int, Interval(1, 12, why="there are 2^dim cells")]) -> World:
    """The world of all x in {-1, 1}^dim, equally likely: y = 1 where the product of the coordinates
    is 1, else 0.
    """
    features = 2.0 * (np.arange(2**dim)[:, None] >> np.arange(dim) & 1) - 1
    return World(np.full(2**dim, 2.0**-dim), features, (1 + features.prod(axis=1)) / 2)


@guarded
def affine(
    features: Annotated[Float[np.ndarray, "cells dim"], USABLE_SCALE],
) -> Float[np.ndarray, "cells functions"]:
    """The basis of the affine functions of the features: a column of ones, then the features."""
    return np.column_stack([np.ones(len(features)), features])
