"""Sun, Suresh & Menon 2024, "The importance of feature preprocessing for differentially private
linear optimization", ICLR, arXiv 2307.11106.

For whoever runs private gradient descent on raw features: what their offset costs, and which centre
to take.

Paper: private training that clips or bounds gradients pays for the size of the features, so that
they should be centred first. This page gives the price in a case that can be solved: two points
with a bias, where no gradient is clipped.

Take away: an offset $R$ costs $R⁴$ in the noise part of the loss, $R²$ by sensitivity and $R²$ by
conditioning: at $c = 8 (a = 1, h_min τ = 3)$ it is 2700 times that of centred features. The mean as
a centre leaves up to $1 - 1/n$ of the diameter, the best ball $√(d/(2(d+1)))$, 0.58 in the plane.

Points $x = c ± a$, $n/2$ of each, have outcomes $y = w(x-c) + b$. The loss is half of the mean of
$(w'x + b' - y)²$, whose Hessian $H$ has the entries $c²+a²$, $c$ and 1; $T$ steps of size $η$
follow its gradient plus $s N(0, I)$ from 0. A budget of $ρ$ (zero-concentrated, one of $n$ points
replaced) asks for $s² = 2C²T/(n²ρ)$, where $C = √(R²+1)$, $R = |c|+a$, bounds the gradient of a
point while its residual is at most 1. $h_1 >= h_2$ are the eigenvalues of $H$, $e_i$ the first
error in their basis, $r_i = 1 - η h_i$; $h_min = h_2$.

Edges: the budget assumes residuals of at most 1. The first residuals reach $a w + b$, which is 2.5
at $a = 2$, and an honest budget multiplies the noise by the square of that. The formula
$h_2 = a²/h_1$ is accurate at every offset. From $η = 2/h_1$ on the descent does not converge.

Abstract:

- Statement 1: without centring, private gradient descent has in an example an excess loss that
  grows with the largest norm of a feature. In part: price_of_offset, price_of_offset-amount,
  excess. For the square loss of two points without clipping; the paper's example has another loss.
- Statement 2: a private centring makes the gap depend on the diameter of the features. In part:
  centre, centre-mean. That a centre is within the diameter; the price of a private centre is not
  tried.
- Statement 3: it helps on image benchmarks. Not on trial. It needs pre-trained features.

Read: the abstract, which for another loss has "an example where without feature preprocessing,
DPSGD incurs an optimality gap proportional to the maximum Euclidean norm of features over all
samples". Derived here: all laws but Jung's. Not claimed: clipping, and a private centre's price.
Topic: learning.
"""

import fractions
from itertools import combinations
from typing import Annotated

import numpy as np
from scipy import linalg

from theory_on_trial import balls, claim, derived, known, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Offset = Annotated[float, Interval(0, 8, why="the condition number grows with its fourth power")]
Spread = Annotated[
    float, Interval(0.5, 2, why="it sets the unit of the offset; beyond, rounding shows")
]
Time = Annotated[
    float, Interval(0.1, 10, why="of 1/h_max: below nothing moves, above the error is too small")
]
Budget = Annotated[
    float, Interval(0.01, 100, why="beyond, one of the two parts is far below the other")
]
Dims = Annotated[
    int,
    Interval(2, 4, why="on a line half the diameter is right; beyond, there are too many spheres"),
]
Points = Annotated[
    int,
    Interval(
        4, 8, why="with three points no centre is worse; with more, there are too many spheres"
    ),
]
N = 1000
W = 1.0
B = 0.5  # points, slope and mean of the outcomes


def design(c, a):
    """Return rows (x, 1) and outcomes of the two points, each of which stands for n/2."""
    return np.array([[c + a, 1], [c - a, 1]]), np.array([W * a + B, -W * a + B])


def noise_variance(c, a, steps, budget):
    """s2 = 2C²T/(n²ρ), with residuals of at most 1."""
    return 2 * ((abs(c) + a) ** 2 + 1) * steps / (N**2 * budget)


@predicted
def modes(c, a):
    """Eigenvalues of H, the smaller as a²/h_1, and the squared first errors (W, B - Wc) in their
    basis.
    """
    largest = (c**2 + a**2 + 1 + np.hypot(c**2 + a**2 - 1, 2 * c)) / 2
    angle = np.arctan2(2 * c, c**2 + a**2 - 1) / 2
    basis = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.array([largest, a**2 / largest]), (basis @ [W, B - W * c]) ** 2


@predicted
def excess(c, a, steps, step_size, budget, denominator=1):
    """Bias ½Σ h_i e_i² r_i^{2T} and noise ½Σ ηs2(1-r_i^{2T})/(2-ηh_i) of the expected excess
    loss.
    """
    h, errors = modes(c, a)
    decay = (1 - step_size * h) ** (2 * steps)
    spread = (
        step_size
        * noise_variance(c, a, steps, budget)
        * (1 - decay)
        / (2 - denominator * step_size * h)
    )
    return np.array([np.sum(h * errors * decay), np.sum(spread)]) / 2


@observed
def moments(c, a, doublings, step_size, variance):
    """Bias and noise after 2^doublings steps on the data, those of two stretches being one
    stretch's applied twice.
    """
    rows, outcomes = design(c, a)
    hessian = rows.T @ rows / 2
    power = np.eye(2) - step_size * hessian
    covariance = step_size**2 * variance * np.eye(2)
    for _ in range(doublings):
        covariance = power @ covariance @ power.T + covariance
        power = power @ power
    left = rows @ power @ np.linalg.solve(rows, outcomes)
    return np.array([left @ left / 2, np.trace(hessian @ covariance)]) / 2


@claim(
    derived("geometric series"),
    kind="identity",
    cases=[(3.0, 0.7, 8, 1.5, 1.0), (0.0, 2.0, 4, 0.5, 1.0)],
)
def test_excess(
    trial,
    c: Offset,
    a: Spread,
    doublings: Annotated[int, Interval(0, 12, why="of one step: beyond 2^12 steps rounding shows")],
    fraction: Annotated[
        float,
        Interval(0.05, 1.95, why="of 1/h_max: from 2 on the steps diverge, near 0 nothing moves"),
    ],
    budget: Budget,
):
    """Descent of $T$ steps $η$ on a quadratic loss with curvatures $h_i$ and first errors $e_i$,
    under gradient noise of variance $s²$, has an expected excess loss of two parts: the bias
    $½ ∑ h_i e_i² r_i^{2T}$, and $½ ∑ η s² (1 - r_i^{2T})/(2 - η h_i)$ from the noise, where
    $r_i = 1 - η h_i$.
    """
    (largest, smallest), errors = modes(c, a)
    steps = 2**doublings
    step_size = fraction / largest
    law = excess(c, a, steps, step_size, budget)
    measured = moments(c, a, doublings, step_size, noise_variance(c, a, steps, budget))
    # The residual is rounded where parameters and rows are large, the slow mode's covariance where
    # the loss is steep.
    reach = largest * np.sum(errors)
    mix = min(fraction * steps, largest / smallest)
    scale = np.array([np.sqrt(law[0] * reach) + 1e-12 * reach, law[1] * mix])
    controls = {
        "small steps, 2 for $2 - ηh$": excess(c, a, steps, step_size, budget, denominator=0)
    }
    trial.identity(measured, law, ops=20 * steps + 200, scale=scale, controls=controls)


@predicted
def flow_excess(c, a, time, budget):
    """½Σ h_i e_i² e^{-2h_iτ} and ½ (C²τ/(n²ρ)) Σ (1-e^{-2h_iτ}), the limit η → 0 at τ = ηT."""
    h, errors = modes(c, a)
    decay = np.exp(-2 * h * time)
    return (
        np.array(
            [np.sum(h * errors * decay), noise_variance(c, a, time, budget) / 2 * np.sum(1 - decay)]
        )
        / 2
    )


@claim(
    derived("the steps are a Euler scheme"),
    kind="limit",
    cases=[(2.0, 0.7, 5.0, 1.0), (0.0, 2.0, 1.0, 0.1)],
)
def test_flow(trial, c: Offset, a: Spread, time: Time, budget: Budget):
    """Let private descent of step $η$ on a quadratic loss of $n$ points have curvatures $h_i$,
    first errors $e_i$, gradients up to $C$ and a zero-concentrated budget $ρ$. At the time $ηT = τ$
    its excess loss tends, as $η → 0$, to $½ ∑ h_i e_i² e^{-2 h_i τ} + ½ (C² τ/(n² ρ)) ∑ (1 - e^{-2
    h_i τ})$.
    """
    time /= modes(c, a)[0][0]
    values = [moments(c, a, k, time / 2**k, noise_variance(c, a, 2**k, budget)) for k in (19, 20)]
    law = flow_excess(c, a, time, budget)
    distance = np.abs(excess(c, a, 2**20, time / 2**20, budget) - law)
    controls = {"a point removed, not replaced": law * [1, 1 / 4]}
    trial.limit(
        values, [2**19, 2**20], law, remainder=distance, margin=0.01 * law, controls=controls
    )


@predicted
def offset_power():
    """R² by the sensitivity C², and R² by the time 1/h_min ~ R²/a² that a conditioned loss takes:
    4.
    """
    return 2 + 2


@observed
def noise_of_flow(c, a, relative_time):
    """The noise part at h_min τ = relative_time and ρ = 1, from a Lyapunov equation."""
    rows, _ = design(c, a)
    hessian = rows.T @ rows / 2
    inverse = np.linalg.inv(rows) @ np.linalg.inv(rows).T * 2
    time = relative_time * np.max(np.linalg.eigvalsh(inverse))
    limit = linalg.solve_continuous_lyapunov(hessian, noise_variance(c, a, time, 1.0) * np.eye(2))
    decay = linalg.expm(-time * hessian)
    return np.trace(hessian @ (limit - decay @ limit @ decay)) / 2


RADII = 2.0 ** np.arange(4, 10)
# Condition numbers reach 1e11, and the slow mode's share of the loss loses half of these digits.
LOST = 1e-5


@claim(derived("sensitivity and conditioning"), kind="rate", cases=[(1.0, 3.0), (2.0, 0.5)])
def test_price_of_offset(trial, a: Spread, relative_time: Time):
    """If private descent on a feature of values $c ± a$, with an intercept, is trained to a fixed
    $h_2 τ$, where $h_2$ is the lesser curvature and $τ$ the time, the noise part of its loss grows
    as $R⁴$ with the offset $R = |c| + a$: $R²$ by the squared sensitivity, $R²$ by the time, as
    $1/h_2 ~ R²/a²$.
    """
    noise = np.array([noise_of_flow(radius - a, a, relative_time) for radius in RADII])
    trial.order(
        noise,
        RADII,
        offset_power(),
        rounding=LOST * noise,
        margin=0.04,
        controls={"sensitivity alone": 2},
    )


@claim(
    derived("the flow's noise at $τ = h_2 τ / h_2$"), kind="rate", cases=[(1.0, 3.0), (2.0, 0.5)]
)
def test_price_of_offset__amount(trial, a: Spread, relative_time: Time):
    """If private descent is trained to a fixed $h_2 τ$, the noise part of its loss is
    $½ (C² τ/(n² ρ)) ∑ (1 - e^{-2 h_i τ})$ at offsets from 16 to 512 of the features, where
    $h_1 >= h_2$ are the curvatures, $τ$ is the time, $C$ the largest gradient of $n$ points and $ρ$
    the zero-concentrated budget.
    """
    noise = np.array([noise_of_flow(radius - a, a, relative_time) for radius in RADII])
    times = [relative_time / modes(radius - a, a)[0][1] for radius in RADII]
    law = np.array(
        [
            flow_excess(radius - a, a, time, 1.0)[1]
            for radius, time in zip(RADII, times, strict=True)
        ]
    )
    trial.value(
        noise,
        law,
        error=LOST * law,
        margin=1e-3 * law,
        controls={"sensitivity alone": law[0] * (RADII / RADII[0]) ** 2},
    )


@predicted
def centre_bounds(dim, points):
    """In units of the diameter: Jung's radius √(d/(2(d+1))) of the best ball, and 1-1/n about the
    mean.
    """
    return np.sqrt(dim / (2 * (dim + 1))), 1 - 1 / points


@observed
def radii_about_means(clouds):
    """The largest distance of a point of each set from the set's mean."""
    return np.max(np.linalg.norm(clouds - clouds.mean(axis=1, keepdims=True), axis=2), axis=1)


@observed
def smallest_radius(cloud):
    """The smallest ball that holds all points, among those through up to d+1 of them."""
    best = np.inf
    for size in range(2, cloud.shape[1] + 2):
        for chosen in combinations(range(len(cloud)), size):
            edges = cloud[list(chosen[1:])] - cloud[chosen[0]]
            weights = np.linalg.lstsq(2 * edges @ edges.T, np.sum(edges**2, axis=1), rcond=None)[0]
            radius = np.linalg.norm(weights @ edges)
            if np.max(
                np.linalg.norm(cloud - cloud[chosen[0]] - weights @ edges, axis=1)
            ) <= radius * (1 + 1e-9):
                best = min(best, radius)
    return best


def point_clouds(generator, dim, points):
    """Sets of points (346, points, dim): first a regular simplex, then all points but one at one
    place, then 344 normal draws.
    """
    clouds = generator.standard_normal((346, points, dim))
    simplex = np.linalg.svd(np.eye(dim + 1) - 1 / (dim + 1))[0][:, :dim]
    clouds[0] = simplex[np.minimum(np.arange(points), dim)]
    clouds[1] = np.eye(points)[:, :1]
    return clouds


def diameters_of(clouds):
    """The largest distance between two points of each set."""
    return np.max(np.linalg.norm(clouds[:, :, None] - clouds[:, None], axis=3), axis=(1, 2))


@claim(known("Jung 1901"), kind="bound", cases=[(2, 4), (3, 5)])
def test_centre(trial, dim: Dims, points: Points):
    """All points of a set in $d$ dimensions are within $√(d/(2(d+1)))$ diameters of the best
    centre, and a regular simplex attains it.
    """
    trial.require(points > dim, "points must exceed dim: a simplex has one more")
    clouds = point_clouds(trial.generator("clouds"), dim, points)
    diameters = diameters_of(clouds)
    best, _ = centre_bounds(dim, points)
    trial.bound(
        [smallest_radius(cloud) for cloud in clouds],
        best * diameters,
        instances="draws",
        independent=344,
        # Distances and least squares of order at most 4 take some 100 roundings; the rest is room.
        ops=1000,
        controls={"half the diameter": diameters / 2},
    )


@claim(derived("distances from a mean"), kind="bound", cases=[(2, 4), (3, 5)])
def test_centre__mean(trial, dim: Dims, points: Points):
    """All of $n$ points are within $1-1/n$ diameters of their mean; this is attained where all but
    one stand at one place.
    """
    trial.require(points > dim, "points must exceed dim: a simplex has one more")
    clouds = point_clouds(trial.generator("clouds"), dim, points)
    diameters = diameters_of(clouds)
    best, mean = centre_bounds(dim, points)
    trial.bound(
        radii_about_means(clouds),
        mean * diameters,
        instances="draws",
        independent=344,
        # Means of up to 8 points and norms of 4 entries take some 25 roundings; the rest is room.
        ops=1000,
        controls={"the best ball's": best * diameters},
    )


@claim(derived("every dimension up to 200, enclosed"), kind="bound")
def test_centre__everywhere(trial):
    """For $n = d + 1$ points of diameter 1 in $d$ dimensions, Jung's radius $√(d/(2(d+1)))$ about
    the best centre is at most $1 - 1/n$, the radius about the mean, for all $d$ from 1 to 200: the
    best centre is nowhere worse than the mean, also of the fewest points.
    """

    def about_mean(dim):
        return fractions.Fraction(dim, dim + 1)

    trial.prove(
        lambda dim: balls.sqrt(fractions.Fraction(dim, 2 * (dim + 1))),
        about_mean,
        {"dim": range(1, 201)},
        tolerance=1e-15,
        controls={"half the diameter": lambda dim: fractions.Fraction(1, 2)},
        same_as=(
            lambda dim: centre_bounds(dim, dim + 1)[0],
            lambda dim: centre_bounds(dim, dim + 1)[1],
        ),
    )


@figure("F1", claims=("price_of_offset", "flow"))
def noise_against_offset(relative_time: float = 3.0):
    """An offset is paid for twice: the noise of private gradient descent costs its fourth power.

    $n = 1000$, $ρ = 1$, $a = 1$, $h_min τ$ = `relative_time`. Marks: lines: law of small steps;
    points: Lyapunov equation.
    """
    offsets = np.geomspace(0.25, 64, 33)
    raw = [flow_excess(c, 1.0, relative_time / modes(c, 1.0)[0][1], 1.0)[1] for c in offsets]
    centred = flow_excess(0.0, 1.0, relative_time, 1.0)[1]
    return chart(
        {
            "raw features": (offsets, raw),
            "sensitivity alone": (offsets, centred * ((offsets + 1) ** 2 + 1) / 2),
        },
        {
            "raw features": (
                offsets[::4],
                [noise_of_flow(c, 1.0, relative_time) for c in offsets[::4]],
            )
        },
        levels={"centred": centred},
        dashed=["sensitivity alone"],
        x="offset c  (units of a)",
        y="noise part of the excess loss",
        log="xy",
    )
