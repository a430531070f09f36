"""Huguet, Tong, De Brouwer, Zhang, Wolf, Adelstein & Krishnaswamy 2023, "A Heat Diffusion
Perspective on Geodesic Preserving Dimensionality Reduction", NeurIPS, arXiv 2305.19043.

For one who reads distances off a diffusion: which time to take, and which correction, on a manifold
and on a graph.

Paper: it makes embeddings that preserve distances along the data from heat kernels of a graph,
because on a manifold $-4 t log h_t$ tends to the squared distance. This page tries that statement
on a circle, a sphere, a graph and a chain, at times that are not small.

Take away: on a graph heat at small times shows the number of hops only, and no distance. On a chain
of spacing $h$ it gives $d²$ up to 1 % from $t = 1.5 d h$ on, because the error is $u²/12$ with
$u = d h/(2t)$. Without the term $2 t log(4π t)$ the error at $t = .1$ and $d = 1.3$ is 3 %.

$h_t$ is the kernel of $exp(t Δ)$, with the Laplacian $Δ$ as generator and not $Δ / 2$, so that
$-4 t log h_t$ tends to the squared distance $d^2$ as $t -> 0$ on a manifold. The circle has length
$2 π$, $S^3$ is the unit sphere of $ℝ^4$, and the generator of a graph with weights $w$ is $-L$,
where $L$ is the matrix of degrees minus that of weights. The chain has spacing $h$ and rates
$1 / h^2$; $p$ is its kernel.

Edges: between antipodes the two geodesics of the circle lower the estimate by $4 t log 2$, and the
infinitely many of $S^3$ by $4 t log(π²/t - 2)$. `lattice_square` needs $u > 0$; it tends to 1 as
$u → 0$.

Abstract:

- Statement 1: heat diffusion is connected to geodesic distances on a manifold. Holds: circle,
  sphere. At small times; curvature and images set the error.
- Statement 2: embeddings so made preserve distances and clusters better, and interpolate times that
  were withheld. Not on trial. No embedding is made here.
- Statement 3: with other parameters the method resembles known embeddings. Not on trial. No
  embedding is made here.

Read: the abstract ("explicitly connecting heat diffusion to manifold distances"). Known: the circle
by summing over all geodesics (the images $d + 2 π k$). Derived here: the sphere in the same way,
the graph by the first power of $L$ that reaches, the chain by Debye's asymptotics of Bessel
functions. Not claimed: other manifolds, where further terms of order $t$ appear. Topic: linear
algebra for learning.
"""

from math import factorial
from typing import Annotated

import mpmath
import numpy as np
from scipy.special import ive
from scipy.stats import poisson

from theory_on_trial import balls, claim, derived, known, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Time = Annotated[
    float, Interval(0.02, 1, why="earlier, spectral sums need more digits; later, heat has mixed")
]
Slope = Annotated[
    float,
    Interval(0.5, 4, why="u = d h / (2 t); below, the limit is d^2, beyond, kernels underflow"),
]
DISTANCES = np.append(np.linspace(0.1, 3, 12), np.pi)


@observed
def heat_logarithm(manifold, distance, time):
    """-4 t log h_t on the circle or S^3 from eigenfunctions, with digits to spare for the
    cancellation.
    """
    digits = 30 + int(np.pi**2 / (4 * time * np.log(10)))
    orders = range(1, int(np.sqrt(digits * np.log(10) / time)) + 3)
    with mpmath.workdps(digits):
        d = mpmath.mpf(distance)
        t = mpmath.mpf(time)
        if manifold == "circle":
            kernel = (
                0.5 + mpmath.fsum(mpmath.exp(-(k**2) * t) * mpmath.cos(k * d) for k in orders)
            ) / mpmath.pi
        else:
            terms = [n * mpmath.exp(-(n**2 - 1) * t) * mpmath.sin(n * d) for n in orders]
            kernel = mpmath.fsum(terms) / mpmath.sin(d) / (2 * mpmath.pi**2)
        return -4 * time * float(mpmath.log(kernel))


@predicted
def sum_over_geodesics(manifold, time, most=8, curved=True):
    """-4 t log of a sum over the geodesics d + 2 π k, |k| <= most; on S^3 weights change sign
    behind the antipode.
    """
    images = np.add.outer(DISTANCES, 2 * np.pi * np.arange(-most, most + 1))
    dimension = 1
    weights = np.ones_like(images)
    curvature = 0.0
    if manifold == "sphere":
        weights = images / DISTANCES[:, None]
        dimension = 3
        weights[-1] = images[-1] ** 2 / (2 * time) - 1  # all geodesics meet at the antipode
        curvature = curved * (time + np.append(np.log(DISTANCES / np.sin(DISTANCES))[:-1], 0))
    total = np.sum(weights * np.exp(-(images**2 - DISTANCES[:, None] ** 2) / (4 * time)), axis=1)
    return DISTANCES**2 - 4 * time * (
        np.log(total) + curvature - dimension / 2 * np.log(4 * np.pi * time)
    )


@observed
def grid_kernel(weights, time):
    """The row of exp(-t L) of a corner, by the jumps of a walk: positive terms, accurate for the
    smallest entries.
    """
    degrees = sum(weights)
    rate = sum(weights).max()
    jumps = weights / rate + np.diag(1 - degrees / rate)
    return sum(poisson.pmf(k, rate * time) * np.linalg.matrix_power(jumps, k)[0] for k in range(40))


@observed
def chain_logarithm(slope, steps):
    """-4 t log(p / h) - 2 t log(4 π t) at distance 1 on the chain of spacing 1 / steps, and t,
    which is h / (2 u).
    """
    time = 1 / (2 * slope * steps)
    kernel = ive(steps, 2 * time * steps**2) * steps
    return -4 * time * np.log(kernel) - 2 * time * np.log(4 * np.pi * time), time


@predicted
def shortest_paths(weights, hops):
    """The sum over shortest paths of the product of weights, divided by m!."""
    return [
        np.linalg.matrix_power(weights, m)[0, node] / factorial(m) for node, m in enumerate(hops)
    ]


@predicted
def lattice_square(u):
    """(2 / u^2) (u asinh u + 1 - sqrt(1 + u^2)), and the slope log(1 + u^2) of the next term in
    t.
    """
    return np.array([2 / u**2 * (u * np.arcsinh(u) + 1 - np.hypot(1, u)), np.log1p(u**2)])


def grid(generator, side):
    """Random weights of a square grid, and the number of hops of each node from the corner."""
    places = np.array([(i, j) for i in range(side) for j in range(side)])
    hops = np.abs(places[:, None] - places).sum(axis=-1)
    weights = np.triu(np.where(hops == 1, generator.uniform(0.5, 1.5, hops.shape), 0))
    return weights + weights.T, places.sum(axis=1)


@claim(
    known("Poisson's summation formula, for the heat kernel of the circle"),
    kind="identity",
    cases=[0.1, 0.02, 1.0],
)
def test_circle(trial, time: Time):
    """On the circle of length $2 π$ the heat kernel $h_t$ of the Laplacian at the distance $d$
    satisfies $-4 t log h_t - 2 t log(4 π t) = d^2 - 4t log sum_k exp(-((d + 2 π k)^2 - d^2)/(4t))$,
    summed over all whole numbers $k$.
    """
    measured = [heat_logarithm("circle", d, time) for d in DISTANCES]
    law = sum_over_geodesics("circle", time)
    controls = {
        "one geodesic": sum_over_geodesics("circle", time, most=0),
        "generator $Δ / 2$": 2 * sum_over_geodesics("circle", time / 2),
    }
    # A sum of 17 images and a dozen functions take some 50 roundings; the rest is room.
    trial.identity(measured, law, ops=100, scale=np.pi**2, controls=controls)


@claim(derived("images on $S^3$"), kind="identity", cases=[0.1, 0.02, 1.0])
def test_sphere(trial, time: Time):
    """On the unit sphere $S^3$ the heat kernel $h_t$ of the Laplacian at the distance $d$ satisfies
    $-4 t log h_t - 6 t log(4 π t) = d^2 - 4t^2 - 4t log(d/sin d) - 4t log sum_k (1 + 2 π k/d)
    exp(-((d + 2 π k)^2 - d^2)/(4t))$, summed over all whole numbers $k$; for $d = π$ it is the
    limit.
    """
    measured = [heat_logarithm("sphere", d, time) for d in DISTANCES]
    law = sum_over_geodesics("sphere", time)
    controls = {
        "one geodesic": sum_over_geodesics("sphere", time, most=0),
        "as if flat": sum_over_geodesics("sphere", time, curved=False),
    }
    # A sum of 17 images and a dozen functions take some 50 roundings; the rest is room.
    trial.identity(measured, law, ops=100, scale=np.pi**2, controls=controls)


@claim(derived("the first power of $L$ that reaches a node"), kind="limit", cases=[4, 2])
def test_graph_sees_hops(
    trial,
    side: Annotated[
        int, Interval(2, 6, why="the grid has side x side nodes; further corners need more digits")
    ],
):
    """Let $h_t$ be the heat kernel between two nodes of a weighted graph that are $m$ steps apart.
    As $t -> 0$, $h_t/t^m$ tends to the sum over shortest paths of the product of weights, divided
    by $m!$. So $t log h_t$ tends to 0, and not to a squared distance.
    """
    weights, hops = grid(trial.generator("weights"), side)
    times = 2.0 ** -np.arange(8, 14)
    ratios = [(grid_kernel(weights, t) / t**hops)[1:] for t in times]
    law = np.array(shortest_paths(weights, hops)[1:])
    controls = {
        "generator $L / 2$": law / 2.0 ** hops[1:],
        "no factorial": law * [factorial(m) for m in hops[1:]],
    }
    trial.limit(
        ratios,
        1 / times,
        law,
        order=1,
        margin=1e-4 * law,
        generic="the heat kernel is analytic in the weights, and so is its limit",
        controls=controls,
        same_instance=True,
    )


CHAIN_STEPS = 2 ** np.arange(3, 9)


def require_order_one(trial, slope):
    """Refuse slopes near √1.5, where the next term changes its sign."""
    trial.require(
        abs(slope - 1.5**0.5) >= 0.08,
        "slope must be .08 off sqrt(1.5), where the order is not 1 but 2",
    )


@claim(derived("Debye's asymptotics"), kind="limit", cases=[1.0, 0.5, 4.0])
def test_chain(trial, slope: Slope):
    """Let $p$ be the heat kernel at distance $d$ of a chain with spacing $h$ and jump rates
    $1/h^2$. As $t -> 0$ with $u = d h/(2t)$ fixed, $-4 t log(p/h)$ tends to
    $d^2 (2/u^2) (u asinh u + 1 - sqrt(1 + u^2))$.
    """
    require_order_one(trial, slope)
    square, _ = lattice_square(slope)
    values = [chain_logarithm(slope, k)[0] for k in CHAIN_STEPS]
    trial.limit(
        values,
        CHAIN_STEPS,
        square,
        order=1,
        margin=1e-4,
        controls={
            "$d^2$, as on a line": 1.0,
            "$d^2 (1 - u^2/12)$, the first correction": 1 - slope**2 / 12,
        },
    )


@claim(derived("Debye's asymptotics"), kind="limit", cases=[1.0, 0.5, 4.0])
def test_chain__next_term(trial, slope: Slope):
    """Let $p$ be the heat kernel at distance $d$ of a chain with spacing $h$ and jump rates
    $1/h^2$. As $t -> 0$ with $u = d h/(2t)$ fixed, $-4 t log(p/h) - 2 t log(4 π t)$ is its limit
    plus $t log(1 + u^2)$, up to terms of order $t^2$.
    """
    require_order_one(trial, slope)
    square, next_term = lattice_square(slope)
    values, times = np.array([chain_logarithm(slope, k) for k in CHAIN_STEPS]).T
    trial.limit(
        (values - square) / times,
        CHAIN_STEPS,
        next_term,
        order=1,
        margin=1e-2 * next_term,
        controls={"$u^2$, its first order in $u$": slope**2, "the line has no such term": 0.0},
    )


@claim(derived("boxes of $u$, each enclosed"), kind="bound")
def test_chain__everywhere(trial):
    """$(2/u^2) (u asinh u + 1 - sqrt(1 + u^2)) <= 1$ for all $u$ in $[.01, 100]$: the leading term
    on a chain is at most the squared distance.
    """
    trial.prove(
        lambda u: 2 / u**2 * (u * balls.asinh(u) + 1 - balls.sqrt(1 + u**2)),
        lambda u: 1,
        {"u": (0.01, 100)},
        controls={"$1 - u^2/12$, the first correction": lambda u: 1 - u**2 / 12},
        same_as=(lambda u: lattice_square(u)[0], None),
    )


@figure("F1", claims=("circle", "graph_sees_hops", "chain"))
def heat_against_time(distance: float = 1.3, spacing: float = 0.1):
    """On a chain heat forgets the distance $d$ at times below $d$ times the spacing, on the circle
    it never does.

    $-4 t log h_t - 2 t log(4 π t)$ at distance 1.3 on the circle and on a chain of spacing .1.
    Marks: lines: $d²$, law of the chain to the order of $t$, dashed: its first correction; points:
    spectral sums, Bessel functions.
    """
    times = np.geomspace(0.02, 0.5, 9)
    wide = np.geomspace(0.003, 0.5, 200)
    early = np.geomspace(0.003, 0.5, 12)
    circle = np.array([heat_logarithm("circle", distance, t) for t in times]) - 2 * times * np.log(
        4 * np.pi * times
    )
    kernel = (
        ive(round(distance / spacing), 2 * early / spacing**2)
        / spacing
        * np.sqrt(4 * np.pi * early)
    )
    small = distance * spacing / (2 * wide)
    square, next_term = lattice_square(small)
    lines = {
        "circle": (wide, distance**2),
        "chain": (wide, distance**2 * square + wide * next_term),
        "d² (1 - u²/12)": (wide[wide > 0.04], distance**2 * (1 - small[wide > 0.04] ** 2 / 12)),
    }
    points = {"circle": (times, circle), "chain": (early, -4 * early * np.log(kernel))}
    return chart(
        lines,
        points,
        dashed=["d² (1 - u²/12)"],
        log="x",
        x="time t (length squared)",
        y="corrected -4t log h (length squared)",
    )
