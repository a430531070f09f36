"""Axiotis et al. 2024, "Data-Efficient Learning via Clustering-Based Sensitivity Sampling:
Foundation Models and Beyond", ICML, arXiv 2402.17327.

For one who estimates a total loss from $k$ cluster centres and $s$ further samples: the estimate
has an exact variance, no draw of it exceeds a known number, and its spread vanishes with the size
of the clusters.

Take away: with clusters of a tenth of the centre losses 40 draws estimate the total of the figure
with a standard deviation of .7 % of it, and uniform draws with 11 %; Hoeffding's interval for 95 %,
$± 23 %$, does not show it. If clusters are loose, uniform sampling is as good.

Point $i$ has the loss $l_i >= 0$, its centre the loss $c_i$, and it lies at distance $v_i$ from its
centre (to the Hoelder power). The losses are assumed to obey $|l_i - c_i| <= λ v_i$, so that
$h_i = c_i + λ v_i$ is known before $l_i$ is and at least as large. Points are drawn with chance
$q_i = h_i / Z$, $Z = ∑_i h_i$, and the estimate of $L = ∑_i l_i$ is the mean of $l_I / q_I$ over
$s$ independent draws $I$. $Φ$ is the sum of the $v_i$.

Edges: if $λ$ is too small, some points are never drawn, and the estimate is too low without any
warning. For $λ → ∞$ the standard deviation grows like $√λ$ if a centre is a data point of positive
loss.

Paper: it selects training data for foundation models by clusters of embeddings and sampling. This
page studies the estimate of a total, given the centres.

Abstract:

- Sentences 1 and 2: a small part of the data is to be selected, by clusters and sampling. No
  statement.
- Sentence 3: if the loss is Hölder continuous in an embedding, $k + 1/ε²$ elements give the average
  loss up to a factor of $1 ± ε$ and $ε λ Φ$, $Φ$ being the cost of the clusters. Holds:
  mean_and_variance, largest_draw, ceiling, hoeffding. With $2 log(2/δ)/ε²$ draws the error is at
  most $ε L/2 + ε λ Φ$, with a probability of $1 - δ$.
- Sentence 4: fine-tuning of language models does better than by other methods. Not on trial. It
  needs large models.
- Sentence 5: for linear regression it matches sampling by leverage scores, and is simpler. In part:
  regression. With chances of ours, from the distances to centres, and rows of one kind, for which
  its excess is about half of that by leverage scores, and that of uniform draws eight times.

Read: the abstract ("$k + 1/ε^2$ elements"). Derived here: all constants, by Cauchy and Schwarz and
by $l_i <= h_i <= l_i + 2 λ v_i$. Hoeffding's inequality turns the largest draw into the abstract's
$1/ε^2$, and Bernstein's turns the variance into less for tight clusters. Not claimed: that this is
the least variance; at loose clusters uniform sampling may be better. Topic: linear algebra for
learning.
"""

import itertools
from typing import Annotated

import numpy as np
from scipy.stats import norm

from theory_on_trial import (
    claim,
    derived,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import RatioOfMeans

Points = Annotated[
    int, Interval(2, 8, why="one point leaves nothing to chance; all points^draws draws are listed")
]
Draws = Annotated[int, Interval(1, 4, why="all points^draws draws are listed")]
Corners = Annotated[
    int, Interval(2, 12, why="all 2^points corners of the admissible losses are tried")
]
Lambda = Annotated[
    float, Interval(0.05, 1.0, why="centre losses start at 1: beyond, a loss could be negative")
]
ROWS = 240
COLUMNS = 6
CLUSTERS = 6
Radius = Annotated[float, Interval(0.05, 1.0, why="in units of the centre losses, as λ")]


def clusters(generator, points, radius, lam):
    """Losses of centres, distances to them and chances: pairs of points share a centre, none lies
    beyond the radius.
    """
    centre_losses = np.repeat(generator.uniform(1, 3, points), 2)[:points]
    distances = radius * generator.uniform(0.2, 1, points)
    ceilings = centre_losses + lam * distances
    return centre_losses, distances, ceilings / ceilings.sum()


@predicted
def mean_and_variance(losses, chances, draws):
    """Mean of the estimate, which is L less what is never drawn, and its variance (sum of l^2 / p -
    L^2) / s.
    """
    drawable = chances > 0
    total = losses[drawable].sum()
    return np.array([total, (np.sum(losses[drawable] ** 2 / chances[drawable]) - total**2) / draws])


@predicted
def largest_draw(centre_losses, distances, lam):
    """Z, the most that one draw can contribute."""
    return np.sum(centre_losses + lam * distances, axis=-1)


@predicted
def variance_bounds(losses, centre_losses, distances, lam, draws):
    """L (Z - L) / s, and 2 λ Φ L / s."""
    total = losses.sum(axis=-1)
    ceiling = largest_draw(centre_losses, distances, lam)
    return np.stack([total * (ceiling - total), 2 * lam * distances.sum(axis=-1) * total]) / draws


@predicted
def excess_of_ceiling(distances, lam):
    """2 λ Φ, the most by which Z exceeds L."""
    return 2 * lam * np.sum(distances, axis=-1)


@predicted(about="error_law")
def hoeffding(centre_losses, distances, lam, draws, widths):
    """2 exp(-2 s w² / Z²)."""
    return 2 * np.exp(-2 * draws * (widths / largest_draw(centre_losses, distances, lam)) ** 2)


@observed
def error_law(losses, chances, draws):
    """All errors w > 0 of the estimate that can occur, and P(|estimate - L| >= w), over all
    sequences of draws.
    """
    sequences = np.array(list(itertools.product(range(len(losses)), repeat=draws)))
    estimates = np.mean(losses[sequences] / chances[sequences], axis=1)
    errors = np.abs(estimates - losses.sum()).round(12)
    weights = np.prod(chances[sequences], axis=1)
    widths = np.unique(errors[errors > 0])
    return widths, np.array([weights[errors >= width].sum() for width in widths])


@observed
def enumerated(losses, chances, draws):
    """Mean, variance and largest value of the estimate over all sequences of draws that can
    occur.
    """
    sequences = np.array(list(itertools.product(np.flatnonzero(chances), repeat=draws)))
    estimates = np.mean(losses[sequences] / chances[sequences], axis=1)
    weights = np.prod(chances[sequences], axis=1)
    mean = weights @ estimates
    return np.array([mean, weights @ (estimates - mean) ** 2, estimates.max()])


@claim(
    derived("the draws are independent"),
    kind="identity",
    cases=[(5, 3, 0.7, 1.0), (2, 1, 1.0, 0.05)],
)
def test_mean_and_variance(trial, points: Points, draws: Draws, lam: Lambda, radius: Radius):
    """Points have losses $l_i$ with the sum $L$ and are drawn with chances $q_i > 0$. The mean of
    $l_I/q_I$ over $s$ independent draws $I$ has the mean $L$ and the variance
    $(∑_i l_i²/q_i - L²)/s$.
    """
    generator = trial.generator("losses")
    centre_losses, distances, chances = clusters(generator, points, radius, lam)
    losses = centre_losses + lam * distances * generator.uniform(-1, 1, points)
    total = losses.sum()
    second = np.sum(losses**2 / chances)
    uniform = (points * np.sum(losses**2) - total**2) / draws
    moments = enumerated(losses, chances, draws)[:2]
    law = mean_and_variance(losses, chances, draws)
    rivals = {
        "drawn uniformly": [total, uniform],
        "the total of the centres' losses": [centre_losses.sum(), law[1]],
        "second moment for variance": [total, second / draws],
    }
    trial.identity(
        moments,
        law,
        ops=points**draws,
        scale=np.array([total, second]),
        generic="both sides are rational in the losses and the chances",
        controls=rivals,
    )


def all_corners(generator, points, lam, radius):
    """Centre losses, distances, chances, and the losses of all corners of what λ admits."""
    centre_losses, distances, chances = clusters(generator, points, radius, lam)
    losses = centre_losses + lam * distances * list(itertools.product([-1, 1], repeat=points))
    return centre_losses, distances, chances, losses


@claim(derived("from $l_i <= h_i$"), kind="bound", cases=[(4, 0.7, 1.0), (5, 0.2, 0.3)])
def test_largest_draw(trial, points: Corners, lam: Lambda, radius: Radius):
    """Points have losses $l_i$ with $|l_i - c_i| <= λ v_i$, and are drawn with chances proportional
    to $h_i = c_i + λ v_i$. No draw's contribution $l_i/q_i$ to the estimate of their sum exceeds
    $∑_i h_i$.
    """
    generator = trial.generator("losses")

    def contributions():
        """At each corner of drawn losses the largest contribution, its bound and the total loss."""
        *law, chances, losses = all_corners(generator, points, lam, radius)
        found = [enumerated(corner, chances, 1)[2] for corner in losses]
        return found, np.full(len(losses), largest_draw(*law, lam)), losses.sum(axis=1)

    found, bounds, totals = np.swapaxes([contributions() for _ in range(344)], 0, 1)
    trial.bound(
        found,
        bounds,
        instances="draws",
        independent=344,
        ops=4 * points,
        controls={"the total loss $L$": totals},
    )


@claim(derived("from $h_i <= l_i + 2 λ v_i$"), kind="bound", cases=[(4, 0.7, 1.0), (5, 0.2, 0.3)])
def test_ceiling(trial, points: Corners, lam: Lambda, radius: Radius):
    """Points have losses $l_i$ with the sum $L$ and $|l_i - c_i| <= λ v_i$, and are drawn with
    chances $q_i$ proportional to $c_i + λ v_i$. The largest contribution $l_i/q_i$ is at most
    $L + 2 λ ∑_i v_i$.
    """
    generator = trial.generator("losses")

    def ceilings():
        """At each corner of drawn losses the largest of all contributions, and both bounds."""
        _, distances, chances, losses = all_corners(generator, points, lam, radius)
        totals = losses.sum(axis=1)
        largest = max(enumerated(corner, chances, 1)[2] for corner in losses)
        above = totals + excess_of_ceiling(distances, lam)
        return np.full(len(losses), largest), above, totals + lam * distances.sum()

    found, bounds, once = np.swapaxes([ceilings() for _ in range(344)], 0, 1)
    trial.bound(
        found,
        bounds,
        instances="draws",
        independent=344,
        ops=4 * points,
        controls={"$L + λ Φ$": once},
    )


@claim(
    tried("abstract, sentence 3: $k + 1/ε²$ elements", "Hoeffding's inequality, for these draws"),
    kind="bound",
    cases=[(5, 4, 0.9), (3, 6, 0.7)],
    not_tight="Hoeffding's inequality is for the worst law in $[0, Z]$, which few losses have",
)
def test_hoeffding(
    trial,
    points: Corners,
    draws: Annotated[int, Interval(3, 6, why="with fewer no error is so large; all are listed")],
    lam: Lambda,
):
    """Points have losses $l_i >= 0$ with $|l_i - c_i| <= λ v_i$, and are drawn with chances
    $q_i = h_i/Z$, $h_i = c_i + λ v_i$. The mean of $l_I/q_I$ over $s$ draws errs by $w$ or more
    with a chance of at most $2 exp(-2 s w²/Z²)$.
    """
    trial.require(points**draws <= 20_000, "points^draws must be at most 20000: all are listed")
    generator = trial.generator("losses")

    def worst_width():
        """Of drawn losses the chance of an error, at the width where it is nearest to its bound,
        with the bound and what a normal estimate would have.
        """
        distances, centre_losses = generator.uniform(0.1, 1, (2, points))
        centre_losses = lam * distances * centre_losses  # losses of 0 are admitted
        ceilings = centre_losses + lam * distances
        losses = ceilings * (np.arange(points) % 2)
        chances = ceilings / ceilings.sum()
        widths, tails = error_law(losses, chances, draws)
        bounds = hoeffding(centre_losses, distances, lam, draws, widths)
        worst = np.argmax(tails / bounds)
        deviation = np.sqrt(mean_and_variance(losses, chances, draws)[1])
        return tails[worst], bounds[worst], 2 * norm.sf(widths[worst] / deviation)

    # Of 688 draws in all fewer than 1 % can fail.
    tails, bounds, normal = np.transpose([worst_width() for _ in range(344)])
    trial.bound(
        tails,
        bounds,
        instances="draws",
        independent=344,
        ops=points**draws,
        controls={"as of a normal estimate": normal},
    )


def random_losses(trial, points, lam):
    """200 instances of losses within their bounds, their ceilings, centre losses and distances. In
    the first, one half of the points lies on the centres, the other as far below as it can, at 0.
    """
    generator = trial.generator("losses")
    distances, centre_losses, shares = generator.uniform(0.1, 1, (3, 701, points))
    centre_losses *= 3 * lam
    half = (points + 1) // 2
    distances[0, :half] = 0
    centre_losses[0, half:] = lam * distances[0, half:]
    shares[0] = 0
    lowest = np.maximum(centre_losses - lam * distances, 0)
    ceilings = centre_losses + lam * distances
    return lowest + shares * (ceilings - lowest), ceilings, centre_losses, distances


def variances_of(losses, ceilings, draws):
    """Variances of the estimate by enumeration, and the options of a bound on them."""
    chances = ceilings / ceilings.sum(axis=1, keepdims=True)
    pairs = zip(losses, chances, strict=True)
    options = {
        "instances": "draws",
        "independent": 700,
        "ops": losses.shape[1] ** draws,
        "scale": ceilings.sum(axis=1) ** 2,
    }
    return np.array([enumerated(*pair, draws)[1] for pair in pairs]), options


@claim(
    derived("$l_i^2 / q_i <= Z l_i$, equal for $l_i = 0$ and $l_i = h_i$"),
    kind="bound",
    cases=[(5, 2, 0.7)],
)
def test_variance_bound(trial, points: Points, draws: Draws, lam: Lambda):
    """Points have losses $l_i >= 0$ with the sum $L$ and $|l_i - c_i| <= λ v_i$, and are drawn with
    chances $q_i = h_i/Z$, $h_i = c_i + λ v_i$. The mean of $l_I/q_I$ over $s$ draws has a variance
    of at most $L (Z - L)/s$.
    """
    losses, ceilings, centre_losses, distances = random_losses(trial, points, lam)
    variances, options = variances_of(losses, ceilings, draws)
    from_above = lam * distances.sum(axis=1) * losses.sum(axis=1) / draws
    trial.bound(
        variances,
        variance_bounds(losses, centre_losses, distances, lam, draws)[0],
        controls={"no loss is below its centre's, $λ Φ L / s$": from_above},
        **options,
    )


@claim(derived("from $Z - L <= 2 λ Φ$"), kind="bound", cases=[(5, 2, 0.7)])
def test_vanishing_variance(trial, points: Points, draws: Draws, lam: Lambda):
    """Points have losses $l_i >= 0$ with the sum $L$ and $|l_i - c_i| <= λ v_i$, and are drawn with
    chances $q_i$ proportional to $c_i + λ v_i$. The mean of $l_I/q_I$ over $s$ draws has a variance
    of at most $2 λ L ∑_i v_i/s$.
    """
    losses, ceilings, centre_losses, distances = random_losses(trial, points, lam)
    variances, options = variances_of(losses, ceilings, draws)
    bound = variance_bounds(losses, centre_losses, distances, lam, draws)[1]
    trial.bound(variances, bound, controls={"$l_i >= c_i$, $λ Φ L / s$": bound / 2}, **options)


@claim(
    derived("what is never drawn is missing"),
    kind="identity",
    cases=[(5, 2, 2), (2, 1, 1)],
)
def test_small_lambda(
    trial,
    points: Points,
    missed: Annotated[int, Interval(1, 7, why="at least one point is missed and one is drawable")],
    draws: Draws,
):
    """Points are drawn with chances $q_i$ proportional to $c_i + λ v_i$. If some of these are 0,
    the mean of $l_I/q_I$ over the draws has the sum of the losses of all other points as its mean.
    """
    trial.require(missed < points, "some points must be drawable: missed must be below points")
    centre_losses, _, chances = clusters(trial.generator("losses"), points, 1.0, 0.5)
    visible = np.arange(points) >= missed
    losses = centre_losses / (4 - 3 * visible)
    chances = chances * visible / np.sum(chances * visible)
    controls = {
        "$L$, as if unbiased": losses.sum(),
        "missed points lose their share of the number": losses.sum() * (1 - missed / points),
    }
    mean = enumerated(losses, chances, draws)[0]
    law = mean_and_variance(losses, chances, draws)[0]
    trial.identity(
        mean,
        law,
        ops=points**draws,
        generic="both sides are rational in the losses and the chances",
        controls=controls,
    )


def heavy_rows(generator):
    """Rows A (240, 6) in 6 clusters, one row in twelve of the first with a heavy part along one
    direction, residuals e (240,) that are as heavy and orthogonal to A, and the clusters (240,).
    """
    places = np.repeat(np.arange(CLUSTERS), ROWS // CLUSTERS)
    centres = 2 * generator.normal(size=(CLUSTERS, COLUMNS))
    rows = centres[places] + generator.normal(size=(ROWS, COLUMNS))
    noise = generator.normal(size=ROWS)
    direction = generator.normal(size=COLUMNS)
    heavy = np.arange(4) * 10
    rows[heavy] += 30 * np.array([[1], [-1], [1], [-1]]) * direction / np.linalg.norm(direction)
    noise[heavy] = np.array([20, 20, -20, -20])
    return rows, noise - rows @ np.linalg.lstsq(rows, noise, rcond=None)[0], places


def leverages(rows):
    """A_i (A'A)^-1 A_i': (n,), which sum to d."""
    return np.sum(np.linalg.qr(rows)[0] ** 2, axis=1)


def chances_by_distance(rows, places):
    """½/n + ½ v_i/Φ with the squared distance v_i of a row to the mean of its cluster: (n,)."""
    means = np.array([rows[places == place].mean(axis=0) for place in range(CLUSTERS)])
    squares = np.sum((rows - means[places]) ** 2, axis=1)
    return (1 / len(rows) + squares / squares.sum()) / 2


@observed
def excess_of_regressions(generator, n, rows, residuals, chances, draws):
    """Of n regressions on s drawn rows, weighted by 1/q_i: |A (x̂ - x)|², with the best x for all
    rows.
    """
    weights = generator.multinomial(draws, chances, size=n) / chances
    products = (rows[:, :, None] * rows[:, None, :]).reshape(len(rows), -1)
    grams = (weights @ products).reshape(n, *2 * rows.shape[1:])
    pulls = (weights * residuals) @ rows
    moved = np.linalg.solve(grams, pulls[..., None])[..., 0]
    return np.sum((moved @ rows.T) ** 2, axis=1)


@predicted
def regression_excess(rows, residuals, chances):
    """Σ_i ℓ_i e_i²/q_i with the leverage scores ℓ_i: s times the mean excess for s → ∞."""
    return np.sum(leverages(rows) * residuals**2 / chances)


@claim(
    tried(
        "abstract, sentence 5: it matches leverage score sampling for linear regression",
        "the excess of both, on rows with heavy ones inside a cluster",
    ),
    kind="distribution",
    cases=[2000, 4000, 8000],
    tier="full",
)
def test_regression(
    trial,
    draws: Annotated[int, Interval(2000, 10_000, why="s; with fewer the limit is not reached")],
):
    """$240$ rows lie in six clusters, one of which has four heavy rows with residuals as heavy. A
    regression on $s$ rows, drawn with chances $q_i$ and weighted by $1/q_i$, exceeds the least sum
    of squares by $sum_i ℓ_i e_i²/(s q_i)$ on average, as $s$ grows, with the leverage scores $ℓ_i$
    and the residuals $e_i$. So the excess for $q_i$ from the distances to centres over that for
    $q_i$ in proportion to $ℓ_i$ is the ratio of both sums.
    """
    rows, residuals, places = heavy_rows(trial.generator("rows"))
    scores = leverages(rows) / COLUMNS
    by_distance = chances_by_distance(rows, places)
    uniform = np.full(ROWS, 1 / ROWS)
    sums = [regression_excess(rows, residuals, q) for q in (by_distance, scores, uniform)]
    law = sums[0] / sums[1]

    def pairs(generator, n):
        both = [
            excess_of_regressions(generator, n, rows, residuals, q, draws)
            for q in (by_distance, scores)
        ]
        return np.stack(both, axis=1)

    trial.mean(
        sampler=pairs,
        predict=law,
        law=RatioOfMeans(),
        margin=0.05 * law,
        first=4096,
        controls={"it matches exactly": 1.0, "as uniform draws": sums[2] / sums[1]},
    )


@figure("F1", claims=("mean_and_variance", "variance_bound"))
def spread_of_the_estimate(
    points: int = 200, centres: int = 5, draws: int = 40, redraws: int = 2000
):
    """Tight clusters make forty samples as good as knowing all losses; uniform sampling keeps its
    error.

    Losses in five clusters, 40 draws. The bound on sensitivity sampling is $√(2 λ Φ / (L s))$.
    Marks: lines: exact relative deviations; points: spread of 100 estimates, 20 times, 99 %.
    """
    generator = np.random.default_rng(0)
    sizes = np.geomspace(0.01, 1, 13)
    lines = {}
    estimates = {}
    centre_losses = np.resize(generator.uniform(0.2, 2, centres), points)
    distances = sizes[:, None] * generator.uniform(0, 1, points) * centre_losses
    losses = centre_losses + distances * generator.uniform(-1, 1, points)
    ceilings = centre_losses + distances
    laws = {"sensitivity sampling": ceilings / ceilings.sum(axis=1, keepdims=True)}
    laws["uniform sampling"] = np.full_like(losses, 1 / points)
    totals = losses.sum(axis=1)
    for name, chances in laws.items():
        pairs = [*zip(losses, chances, strict=True)]
        lines[name] = (
            sizes,
            np.sqrt([mean_and_variance(row, p, draws)[1] for row, p in pairs]) / totals,
        )
        samples = [
            (row / p)[generator.choice(points, p=p, size=(20, redraws // 20, draws))]
            for row, p in pairs
        ]
        spreads = np.std(np.mean(samples, axis=3), axis=2, ddof=1) / totals[:, None]
        # Student's
        estimates[name] = (
            sizes,
            spreads.mean(axis=1),
            2.86 * spreads.std(axis=1, ddof=1) / np.sqrt(20),
        )
    lines["bound"] = (
        sizes,
        np.sqrt(variance_bounds(losses, centre_losses, distances, 1.0, draws)[1]) / totals,
    )
    return chart(
        lines,
        estimates,
        log="xy",
        x="cluster radius / centre loss",
        y="relative standard deviation",
    )
