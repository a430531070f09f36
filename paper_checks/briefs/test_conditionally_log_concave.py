"""Guth, Lempereur, Bruna & Mallat 2023, "Conditionally Strongly Log-Concave Generative Models",
ICML, arXiv 2306.00181.

For whoever factorises a field into coarse and detail to sample each by Langevin: how coarse may one
step be?

Take away: for an even number of blocks, means over blocks of $b$ sites make the detail log-concave
if and only if $λ < 4 β sin²(π/(2 b))$ (`modulus`), and on a chain no linear coarse variable does
better (`best_coarse`). The barrier has not gone; it lies in the coarse variable (`gap`, `barrier`).

A ring has $n$ sites, the energy $E = (β/2) ∑ (φ_i − φ_(i+1))² + ∑ V(φ_i)$ with
$V = (λ/4)(φ² − 1)²$, and the density $exp(−E/τ)$. The curvature of $V$ is at least $−λ$, at
$φ = 0$. The coarse variables are the means of $n/b$ blocks of $b$ sites, the detail their
orthogonal complement. The modulus is the least eigenvalue of the second derivatives of $E$ along
the detail, over all fields $φ$. The gap is the rate at which Langevin's equation
$dx = −∇E dt + √(2 τ) dW$ forgets its start.

Edges: for an odd number of blocks the modulus is larger. Near $2 β = λ$ the law of Eyring and
Kramers is accurate only at much lower temperatures. On a torus the lowest Fourier modes are better
coarse variables: the coupling then adds up to 1.29 times as much curvature.

Paper: it samples images and fields scale by scale, each scale given the coarser ones; for wavelet
packets the conditional laws are log-concave. This page studies one scale of a chain, with means in
place of wavelets.

Abstract:

- Statement 1: a field's law may be a product of conditional laws that are strongly log-concave
  though it is not log-concave itself. Holds at a smaller scale: modulus. For one scale of a chain,
  up to a block length.
- Statement 2: projectors are adapted to the law. In part: best_coarse, best_coarse-torus. On a
  chain block means are best, on a torus they are not.
- Statement 3: parameters are estimated and fields sampled with guarantees. In part: gap, gap-limit,
  barrier. The detail's rate is guaranteed; the barrier is left to the coarse variable.
- Statement 4: several multiscale processes are conditionally log-concave. Holds at a smaller scale:
  modulus. One scale of $φ⁴$ on a ring.
- Statement 5: fields of high resolution are generated. Not on trial. It needs trained models.

Read: the abstract. Derived here: the modulus, the best coarse variables. Known: Bakry and Émery,
Eyring and Kramers. That the ratio to their law errs in proportion to $τ$ was seen, not proved. Not
claimed: deeper levels, whose energy is a marginal. Topic: representations.
"""

from typing import Annotated

import numpy as np
from scipy.linalg import eigh, null_space
from scipy.optimize import minimize

from paper_checks.briefs.common import orthonormal
from theory_on_trial import claim, derived, known, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Pairs = Annotated[int, Interval(1, 4, why="pairs of blocks; an odd number of blocks differs")]
Block = Annotated[int, Interval(2, 6, why="b; at one site a block there is no detail")]
Coupling = Annotated[float, Interval(0.2, 5, why="β; the energy's unit is arbitrary")]
Part = Annotated[
    float,
    Interval(0.1, 0.9, why="of the λ at which the modulus is zero, where errors have no scale"),
]
Strong = Annotated[
    float, Interval(0.8, 3, why="β/λ; up to ½ the detail has two wells, and near it nearly two")
]


def ring(sites):
    """Σ (φ_i − φ_(i+1))² as a matrix (n, n)."""
    shifted = np.roll(np.eye(sites), 1, axis=0)
    return 2 * np.eye(sites) - shifted - shifted.T


def block_means(blocks, block):
    """The means (n/b, n) of blocks of b sites."""
    return np.kron(np.eye(blocks), np.full((1, block), 1 / block))


@predicted
def modulus(coupling, depth, block):
    """β (2 − 2 cos(π/b)) − λ."""
    if block < 1:
        raise ValueError("block must be at least 1")
    return coupling * (2 - 2 * np.cos(np.pi / block)) - depth


def check_one_well(coupling, depth):
    """Raises ValueError unless 2 β > λ."""
    if 2 * coupling <= depth:
        raise ValueError("coupling must exceed depth/2: else the detail has two wells")


@predicted
def largest_time(coupling, depth):
    """1/(2 β − λ)."""
    check_one_well(coupling, depth)
    return 1 / (2 * coupling - depth)


@predicted
def prefactor(coupling, depth):
    """(λ/π) √(4 (λ + β)/(2 β − λ))."""
    check_one_well(coupling, depth)
    return depth / np.pi * np.sqrt(4 * (depth + coupling) / (2 * coupling - depth))


def crossing(coupling, block):
    """The least curvature of the coupling along a free block, from its own eigenvalues."""
    path = ring(block)
    path[0, -1] += 1
    path[-1, 0] += 1
    path[0, 0] = path[-1, -1] = 1
    return coupling * (np.linalg.eigvalsh(path)[1] if block > 2 else 2.0)


@observed
def least_curvature(stiffness, means, depth, start):
    """The least eigenvalue of the energy's second derivatives along the detail over all fields, by
    descent of the mean of the lowest eigenvalues from a field.
    """
    detail = null_space(means)

    def lowest(field):
        second = stiffness + np.diag(depth * (3 * field**2 - 1))
        values, vectors = np.linalg.eigh(detail.T @ second @ detail)
        weights = np.exp(-30 * (values - values[0]) / depth)
        weights /= weights.sum()
        inside = (detail @ vectors) ** 2 @ weights
        return values, weights, inside

    def objective(field):
        values, _, inside = lowest(field)
        soft = values[0] - depth / 30 * np.log(np.sum(np.exp(-30 * (values - values[0]) / depth)))
        return soft, 6 * depth * field * inside

    found = minimize(objective, start, jac=True, method="L-BFGS-B", options={"gtol": 1e-10})
    return lowest(found.x)[0][0]


@observed
def curvature_along(stiffness, coarse):
    """The least eigenvalue of a form (n, n) on the complement of some rows (m, n)."""
    detail = null_space(coarse)
    return np.linalg.eigvalsh(detail.T @ stiffness @ detail)[0]


@observed
def kinetic(points, step, parity):
    """−∂² for functions of a parity on the points (j + ½) h, j >= 0, in the sinc basis."""
    index = np.arange(points)
    near = index[:, None] - index
    far = index[:, None] + index + 1
    with np.errstate(divide="ignore"):
        inner = np.where(near == 0, np.pi**2 / 3, 2.0 * (-1.0) ** near / near**2.0)
    return (inner + parity * 2.0 * (-1.0) ** far / far**2.0) / step**2


@observed
def detail_gap(coupling, depth, coarse, temperature, points=70):
    """The gap of Langevin's equation for the detail x of two sites c ± x/√2 at fixed c: the lowest
    odd eigenvalue of −τ ∂² + E'²/(4 τ) − E''/2, which is the generator conjugated by exp(−E/(2 τ)).
    """
    fine = np.linspace(0, 12, 8001)[1:]

    def energy(x):
        sites = coarse + np.outer([1, -1], x) / np.sqrt(2)
        return coupling * x**2 + depth / 4 * np.sum((sites**2 - 1) ** 2, axis=0)

    heights = energy(fine)
    end = fine[np.searchsorted(heights - heights[0], 90 * temperature)]
    step = end / points
    x = (np.arange(points) + 0.5) * step
    sites = coarse + np.outer([1, -1], x) / np.sqrt(2)
    signs = np.array([[1], [-1]])
    slope = 2 * coupling * x + depth * np.sum(signs * (sites**3 - sites), axis=0) / np.sqrt(2)
    second = 2 * coupling + depth * np.sum(3 * sites**2 - 1, axis=0) / 2
    potential = slope**2 / (4 * temperature) - second / 2
    return np.linalg.eigvalsh(temperature * kinetic(points, step, -1) + np.diag(potential))[0]


@observed
def pair_gap(coupling, depth, temperature):
    """The gap of Langevin's equation for two sites together: the lowest eigenvalue, odd in their
    sum and even in their difference, of the conjugated generator in a sinc basis.
    """
    step = 0.55 * np.sqrt(temperature / (2 * depth))
    along = (np.arange(int(2.3 / step)) + 0.5) * step
    fine = 0.55 * np.sqrt(temperature / (2 * depth + 2 * coupling))
    across = (np.arange(int((0.5 + 6 * np.sqrt(temperature)) / fine)) + 0.5) * fine
    u, x = np.meshgrid(along, across, indexing="ij")
    first = (u + x) / np.sqrt(2)
    second = (u - x) / np.sqrt(2)
    bond = coupling * (first - second)
    slopes = (bond + depth * (first**3 - first)) ** 2
    slopes += (depth * (second**3 - second) - bond) ** 2
    curvature = 2 * coupling + depth * (3 * first**2 + 3 * second**2 - 2)
    potential = slopes / (4 * temperature) - curvature / 2
    matrix = np.kron(kinetic(len(along), step, -1), np.eye(len(across)))
    matrix += np.kron(np.eye(len(along)), kinetic(len(across), fine, 1))
    matrix *= temperature
    matrix[np.diag_indices_from(matrix)] += potential.ravel()
    return eigh(matrix, eigvals_only=True, subset_by_index=[0, 0])[0]


@observed
def extrapolated_prefactor(coupling, depth, temperatures):
    """The pair's gap over exp(−λ/(2 τ)), extrapolated to τ = 0 by a polynomial through all
    temperatures, and by one through all but the highest.
    """
    ratios = [pair_gap(coupling, depth, tau * depth) * np.exp(0.5 / tau) for tau in temperatures]
    ends = []
    for used in (slice(0, None), slice(1, None)):
        chosen = temperatures[used]
        ends.append(np.polyfit(chosen, ratios[used], len(chosen) - 1)[-1])
    return ends


@claim(
    derived("the second mode of a free path, mirrored from block to block"),
    kind="identity",
    cases=[(2, 3, 1.0, 0.5), (1, 2, 5.0, 0.9), (4, 4, 0.2, 0.3), (2, 6, 1.0, 0.7)],
)
def test_modulus(trial, pairs: Pairs, block: Block, coupling: Coupling, part: Part):
    """A ring of sites has the energy $E = (β/2) ∑ (φ_i − φ_(i+1))² + (λ/4) ∑ (φ_i² − 1)²$. For an
    even number of blocks of $b$ sites, the least second derivative of $E$, at any $φ$, along
    directions whose mean over every block is 0 is $β (2 − 2 cos(π/b)) − λ$.
    """
    depth = part * crossing(coupling, block)
    sites = 2 * pairs * block
    start = trial.generator("field").normal(size=sites) / 2
    law = modulus(coupling, depth, block)
    trial.value(
        least_curvature(coupling * ring(sites), block_means(2 * pairs, block), depth, start),
        law,
        error=1e-5 * law,
        margin=1e-3 * law,
        instances="search",
        controls={
            "the coarse frequency, $2 π/b$ for $π/b$": modulus(coupling, depth, block / 2),
            "a continuous block, $β (π/b)² − λ$": coupling * (np.pi / block) ** 2 - depth,
            "as the field itself, $−λ$": -depth,
        },
    )


@claim(
    derived("Courant and Fischer, with the ring's eigenvalue after $n/b$ others"),
    kind="bound",
    cases=[(2, 3, 1.0, 0.5), (1, 2, 5.0, 0.9), (3, 4, 0.2, 0.3)],
)
def test_best_coarse(trial, pairs: Pairs, block: Block, coupling: Coupling, part: Part):
    """A ring of $n$ sites has the energy $E = (β/2) ∑ (φ_i − φ_(i+1))² + (λ/4) ∑ (φ_i² − 1)²$. For
    an even number $n/b$, no $n/b$ linear coarse variables leave $E$ a larger least second
    derivative along the rest than $β (2 − 2 cos(π/b)) − λ$, which the means of blocks of $b$ sites
    leave.
    """
    depth = part * crossing(coupling, block)
    law = modulus(coupling, depth, block)
    sites = 2 * pairs * block
    second = coupling * ring(sites) - depth * np.eye(sites)
    generator = trial.generator("coarse variables")
    waves = np.linalg.eigh(ring(sites))[1][:, : 2 * pairs].T
    coarse = [block_means(2 * pairs, block), waves, np.eye(sites)[::block]]
    coarse += [
        waves + generator.normal(size=waves.shape) * size
        if generator.random() < 0.5
        else orthonormal(generator, sites, 2 * pairs).T
        for size in 10 ** generator.uniform(-2, 0, 230)
    ]
    found = np.array([curvature_along(second, rows) for rows in coarse])
    trial.bound(
        found,
        np.full(len(found), law),
        instances="draws",
        independent=230,
        ops=1e4,
        scale=4 * coupling,
        attained=0.999,
        controls={
            "by Jordan's inequality, $4 β/b² − λ$": np.full(
                len(found), 4 * coupling / block**2 - depth
            ),
        },
    )


@claim(
    derived("a stripe of free blocks"),
    kind="identity",
    cases=[(2, 2, 1.0, 0.5), (2, 3, 0.2, 0.3), (3, 2, 5.0, 0.9)],
)
def test_best_coarse__torus(
    trial,
    side: Annotated[int, Interval(2, 3, why="pairs of blocks along a side; of one all are equal")],
    block: Annotated[int, Interval(2, 3, why="b of a torus, whose b² sites make a block")],
    coupling: Coupling,
    part: Part,
):
    """Let a torus of sites have the coupling $β$ between neighbours, the potential $(λ/4)(φ² − 1)²$
    and an even number of $b × b$ blocks along each side. The least second derivative of its energy,
    at any field, along directions whose mean over every block is 0 is $β (2 − 2 cos(π/b)) − λ$, as
    on a chain.
    """
    depth = part * crossing(coupling, block)
    length = 2 * side * block
    one = np.eye(length)
    stiffness = coupling * (np.kron(ring(length), one) + np.kron(one, ring(length)))
    means = block_means(2 * side, block)
    second = stiffness - depth * np.eye(length**2)
    law = modulus(coupling, depth, block)
    best = np.linalg.eigvalsh(second)[(2 * side) ** 2]
    trial.value(
        curvature_along(second, np.kron(means, means)),
        law,
        error=1e-9 * coupling,
        margin=1e-3 * law,
        controls={
            "both directions add up": law + coupling * (2 - 2 * np.cos(np.pi / block)),
            "as the best waves": best,
        },
    )


@claim(
    known("Bakry & Émery 1985, for the two sites"),
    kind="bound",
    cases=[0.8, 1.5, 3.0],
)
def test_gap(trial, coupling: Strong):
    """For two sites with the energy $(β/2)(φ_1 − φ_2)² + (λ/4) ∑ (φ_i² − 1)²$, $λ = 1 < 2 β$,
    Langevin's equation for their difference forgets its start, at every mean $c$ and temperature
    $τ$, in a time of at most $1/(2 β − λ)$.
    """
    times = [
        1 / detail_gap(coupling, 1.0, coarse, temperature)
        for coarse in (0.0, 0.3, 1.0, 2.0)
        for temperature in (0.001, 0.03, 0.3, 2.0)
    ]
    trial.bound(
        np.array(times),
        np.full(len(times), largest_time(coupling, 1.0)),
        instances="grid",
        ops=1e6,
        controls={
            "the coupling alone, $1/(2 β)$": np.full(len(times), 1 / (2 * coupling)),
            "the curvature at the wells, $1/(2 β + 2 λ)$": np.full(
                len(times), 1 / (2 * coupling + 2)
            ),
        },
    )


@claim(
    derived("the normal law about the flattest point"),
    kind="limit",
    cases=[0.8, 1.5, 3.0],
)
def test_gap__limit(trial, coupling: Strong):
    """For two sites with the energy $(β/2)(φ_1 − φ_2)² + (λ/4) ∑ (φ_i² − 1)²$, $λ = 1 < 2 β$, and
    the mean 0, the time in which Langevin's equation for their difference forgets its start tends
    to $1/(2 β − λ)$ as the temperature $τ → 0$.
    """
    sizes = 2.0 ** np.arange(6, 13)
    law = largest_time(coupling, 1.0)
    trial.limit(
        np.array([1 / detail_gap(coupling, 1.0, 0.0, 1 / size) for size in sizes]),
        sizes,
        law,
        order=1,
        margin=1e-3 * law,
        controls={
            "the curvature at $c = 1$": 1 / (2 * coupling + 2),
            "the coupling alone": 1 / (2 * coupling),
        },
    )


@claim(
    known("Bovier, Eckhoff, Gayrard & Klein 2004, the law of Eyring and Kramers"),
    kind="limit",
    cases=[1.0, 1.5, 3.0],
)
def test_barrier(
    trial,
    coupling: Annotated[
        float, Interval(1, 3, why="β/λ; near ½ the law of the barrier sets in late")
    ],
):
    """For two sites with the energy $(β/2)(φ_1 − φ_2)² + (λ/4) ∑ (φ_i² − 1)²$, $λ = 1 < 2 β$, the
    rate at which Langevin's equation forgets its start is
    $(λ/π) √(4 (λ + β)/(2 β − λ)) e^(−λ/(2 τ))$ in the limit of the temperature $τ → 0$.
    """
    law = prefactor(coupling, 1.0)
    best, other = extrapolated_prefactor(coupling, 1.0, np.array([0.05, 0.042, 0.034, 0.028]))
    trial.value(
        best,
        law,
        error=1e-3 * law + abs(best - other) / 4,
        margin=8e-3 * law,
        controls={
            "of one well, not both": law / 2,
            "without the detail's curvatures": np.sqrt(2) / np.pi,
        },
    )


@figure("F1", claims=("gap-limit", "barrier"))
def gaps_against_temperature(coupling: float = 0.8):
    """Given the coarse variable the detail forgets its start at any temperature; both together do
    not.

    Two sites, $λ = 1$, $β = .8$. Marks: lines: $2 β − λ$, and Eyring and Kramers' law; points:
    lowest eigenvalues of the generators.
    """
    inverse = np.array([2, 4, 7, 10, 14, 18, 22, 26, 30])
    fine = np.linspace(1, 31, 50)
    names = ("detail at c = 0", "both sites")
    detail = [detail_gap(coupling, 1.0, 0.0, 1 / size) for size in inverse]
    both = [pair_gap(coupling, 1.0, 1 / size) for size in inverse]
    return chart(
        {
            names[0]: (fine, 1 / largest_time(coupling, 1.0)),
            names[1]: (fine, prefactor(coupling, 1.0) * np.exp(-fine / 2)),
        },
        {names[0]: (inverse, detail), names[1]: (inverse, both)},
        log="y",
        x="inverse temperature 1/τ",
        y="gap (1 per unit of time)",
        legend="lower left",
    )
