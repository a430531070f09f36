"""Bleistein et al. 2023, "Learning the Dynamics of Sparsely Observed Interacting Systems", ICML,
arXiv 2301.11647.

For one who regresses on signature features of irregular series: how many levels are needed, and
which channels.

Take away: for a path of length $C = 1.5$ four levels leave an error below .084, and in fact $6e-5$
for the winding path of the figure. Few observations cost more than few levels. If a circle is
observed at $n$ places, its area, the part of level 2 that depends on the order, is too small by the
share $2π²/(3n²)$, 6.6 % at $n = 10$.

$X$ is a piecewise linear path in $R^d$ with increments $D_1, …, D_K$; its signature $S$ has the
tensors $S_0 = 1, S_1, S_2, …$ of iterated integrals, and $S_n$ of one segment is $D ⊗ … ⊗ D / n!$.
A controlled equation $dy = ∑_i A_i y dX_i$ has $p × p$ matrices $A_i$; $B_k = ∑_i A_i D_{k i}$ is
the segment's generator, and $C$ is the sum of the spectral norms of the $B_k$.

Edges: level $N$ has $d^N$ numbers. In one dimension $S$ depends on the increment only. At $C = 0$
the solution is constant and no level is needed.

Paper: it learns the dynamics of systems that are observed at few times from signatures of their
drivers. This page studies the linear representation, and the error that few levels or few
observations cause.

Abstract:

- Sentences 1 to 3: the dynamics of a system are learned from series that are seen at few times. No
  statement.
- Sentence 4: the task is framed as the solution of a controlled differential equation. No
  statement.
- Sentence 5: signatures turn this nonlinear problem into a linear regression in many dimensions. In
  part: linear_functional, chen, clock_blindness, way_back. For linear controlled equations.
- Sentence 6: an oracle bound on the error of prediction depends on how each individual is sampled.
  In part: cut_after_levels, few_observations. What few levels cost linear systems, and few
  observations one curve; nothing is predicted.
- Sentence 7: simulations show a better recovery at low cost. Not on trial. No series is recovered
  here.
- Sentence 8: it works on data of epidemics. Not on trial. The data are not bundled.

Read: the abstract. Recalled: Chen's laws of signatures. Derived here: the other claims (the part of
level $m$ is at most $C^m / m!$). Not claimed: that the bound is near for winding paths, whose
tensors are far smaller, and that few levels are few numbers: level $N$ has $d^N$ of them. Topic:
linear algebra for learning.
"""

from functools import reduce
from itertools import accumulate, combinations_with_replacement
from typing import Annotated

import numpy as np
from scipy.linalg import expm
from scipy.special import factorial, gammainc

from paper_checks.briefs.common import orthonormal
from theory_on_trial import (
    claim,
    derived,
    known,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

# The sizes of up to 715 terms add up to the scale at most, and most sums are far smaller.
ROUNDINGS = 100
Segments = Annotated[
    int, Interval(1, 5, why="a path has a segment; all rising index tuples are listed")
]
Channels = Annotated[
    int, Interval(2, 3, why="with one channel S knows the increment only; d^n numbers a level")
]
Level = Annotated[int, Interval(2, 4, why="level 1 is the increment; level n has d^n numbers")]
SeveralSegments = Annotated[
    int,
    Interval(2, 5, why="within one segment all matrices are the same, and the path is straight"),
]
States = Annotated[
    int,
    Interval(3, 5, why="words of two letters, which have an order, survive in triangular 3 x 3"),
]


@observed
def iterated_integrals(increments, level):
    """S_n by its definition: sums over segments k_1 <= .. <= k_n, divided by the factorials of
    repetitions.
    """
    total = np.zeros((increments.shape[1],) * level)
    for chosen in combinations_with_replacement(range(len(increments)), level):
        total += reduce(np.multiply.outer, increments[list(chosen)]) / np.prod(
            factorial(np.bincount(chosen))
        )
    return total


@observed
def flow(increments, matrices):
    """The matrix that takes y_0 to y_T: the product of the matrix exponentials of the segments."""
    return reduce(
        np.matmul, [expm(np.tensordot(increment, matrices, 1)) for increment in increments[::-1]]
    )


@predicted
def chen(first, second):
    """S_n(X * Y) = sum over m <= n of S_m(X) x S_(n-m)(Y), for all levels of two signatures."""
    return [
        sum(np.multiply.outer(first[m], second[n - m]) for m in range(n + 1))
        for n in range(len(first))
    ]


@predicted
def signature(increments, level):
    """All levels up to one, segment by segment."""
    factors = [[increment / n for n in range(1, level + 1)] for increment in increments]
    return reduce(
        chen, [list(accumulate(terms, np.multiply.outer, initial=np.ones(()))) for terms in factors]
    )


@predicted
def sum_over_words(increments, matrices, level, reverse=False):
    """The sum over words w_1..w_n of S^w A_(w_n) .. A_(w_1), cut after each level from 0 on."""
    sums = [np.eye(len(matrices[0]))]
    products = np.eye(len(matrices[0]))[None]
    for tensor in signature(increments, level)[1:]:
        products = np.concatenate(
            products[:, None] @ matrices if reverse else matrices @ products[:, None]
        )
        sums.append(sums[-1] + np.tensordot(tensor.ravel(), products, 1))
    return np.array(sums)


@predicted
def polygon_area(corners):
    """(n/2) sin(2 π/n), of a regular polygon in the unit circle."""
    return corners / 2 * np.sin(2 * np.pi / corners)


@predicted
def tail(total, level):
    """The sum over m > N of C^m / m!."""
    return np.exp(total) * gammainc(level + 1, total)


@claim(
    known("Chen 1957, the signature of paths that follow each other"),
    kind="identity",
    cases=[(4, 3, 2, 3), (1, 1, 3, 4)],
)
def test_chen(trial, segments: Segments, others: Segments, channels: Channels, level: Level):
    """The tensor $S_n$ of level $n$ in the signature of a path holds its $n$-fold iterated
    integrals. For a path with the tensors $S$ and a second one after it with $S'$, the whole has
    $S''_n = sum_{m<=n} S_m ⊗ S'_{n-m}$.
    """
    generator = trial.generator("paths")
    first, second = (generator.normal(size=(n, channels)) for n in (segments, others))
    measured = iterated_integrals(np.vstack([first, second]), level)
    levels = signature(first, level), signature(second, level)
    controls = {
        "second path first": chen(*levels[::-1])[level],
        "ends only": levels[0][level] + levels[1][level],
    }
    length = np.sum(np.abs(first).sum(axis=0) + np.abs(second).sum(axis=0)) ** level / factorial(
        level
    )
    trial.identity(
        measured,
        chen(*levels)[level],
        ops=ROUNDINGS,
        scale=length,
        generic="both sides are polynomials in the increments",
        controls=controls,
    )


def drawn_equation(generator, segments, channels, states):
    """Increments (segments, d) of a path, and matrices A (d, p, p) of an equation."""
    increments = generator.uniform(-1, 1, (segments, channels)) / segments
    return increments, generator.normal(size=(channels, states, states)) / states


def total_size(increments, matrices):
    """C, the sum of the spectral norms of Σ A_i D_i over the segments D."""
    return sum(np.linalg.norm(np.tensordot(row, matrices, 1), 2) for row in increments)


@claim(
    derived("the part of level $m$ is at most $C^m / m!$"),
    kind="bound",
    cases=[(5, 2, 3, 5), (2, 3, 4, 3)],
)
def test_cut_after_levels(
    trial,
    segments: SeveralSegments,
    channels: Channels,
    states: States,
    order: Annotated[int, Interval(1, 6, why="words up to this length; there are d^n of length n")],
):
    """The flow of $dy = ∑_i A_i y dX_i$ along a piecewise linear path $X$ is the sum over words $w$
    of its iterated integrals $S^w$ times $A_{w_n} … A_{w_1}$. Words up to length $N$ miss at most
    $sum_{m>N} C^m/m!$ of it in the spectral norm, where $C$ is the sum of the spectral norms of
    $∑_i A_i ΔX_i$ over the segments $ΔX$.
    """
    generator = trial.generator("paths and equations")
    instances = [drawn_equation(generator, segments, channels, states) for _ in range(345)]
    # One state and a rising path attain the bound.
    instances[0] = np.abs(instances[0][0][:, :1]), np.ones((1, 1, 1))

    def errors(increments, matrices):
        cuts = sum_over_words(increments, matrices, order)
        return np.linalg.norm(flow(increments, matrices) - cuts, 2, axis=(1, 2))

    totals = np.array([total_size(*instance) for instance in instances])[:, None]
    levels = np.arange(order + 1)
    trial.bound(
        np.array([errors(*instance) for instance in instances]),
        tail(totals, levels),
        instances="draws",
        independent=344,
        # Sums over up to 1,092 words, whose terms fall as 1/n! with the length n, at most 6.
        ops=1000,
        scale=np.exp(2),
        controls={"first term of the tail": totals ** (levels + 1) / factorial(levels + 1)},
    )


@claim(
    tried("abstract, sentence 5: a linear regression on the signature", "linear equations"),
    kind="identity",
    cases=[(5, 2, 3), (2, 3, 4)],
)
def test_linear_functional(trial, segments: SeveralSegments, channels: Channels, states: States):
    """The flow of $dy = ∑_i A_i y dX_i$ along a path $X$ is linear in its iterated integrals $S^w$:
    it is the sum over words $w = w_1 … w_n$ of $S^w A_{w_n} … A_{w_1}$.
    """
    generator = trial.generator("paths and equations")
    increments = generator.uniform(-1, 1, (segments, channels)) / segments
    basis = orthonormal(generator, states)
    # Words of as many letters as there are states vanish for nilpotent matrices: the sum ends.
    nilpotent = np.triu(generator.normal(size=(channels, states, states)) / states, 1)
    matrices = basis @ nilpotent @ basis.T
    law = sum_over_words(increments, matrices, states - 1)[-1]
    reverse = sum_over_words(increments, matrices, states - 1, reverse=True)[-1]
    # Up to 120 words and 5 exponentials of order 5 take some 300 roundings; the rest is room.
    trial.identity(
        flow(increments, matrices),
        law,
        ops=1000,
        generic="both sides are analytic in increments and matrices",
        controls={"$A_(w_1) … A_(w_n)$": reverse},
    )


@claim(
    known("Chen 1957, other speeds on one path"),
    kind="identity",
    cases=[(4, 2, 3), (2, 3, 2)],
)
def test_clock_blindness(trial, segments: SeveralSegments, channels: Channels, level: Level):
    """The signature of a path, its iterated integrals, does not depend on the speed at which the
    path is run through.
    """
    generator = trial.generator("path and clocks")
    increments = generator.normal(size=(segments, channels))
    finer = np.repeat(increments, 2, axis=0) * generator.dirichlet((2, 2), segments).reshape(-1, 1)
    ends = increments.sum(axis=0, keepdims=True)
    trial.identity(
        iterated_integrals(finer, level),
        signature(increments, level)[level],
        ops=ROUNDINGS,
        scale=np.sum(np.abs(increments)) ** level / factorial(level),
        generic="both sides are polynomials in increments and clocks",
        controls={"the ends decide": signature(ends, level)[level]},
    )


@predicted
def no_path(channels, level):
    """Zeros (d, …, d), the tensor of a level from 1 on of a path that stays where it is."""
    return np.zeros((channels,) * level)


@claim(
    known("Chen 1957, the inverse of a signature"),
    kind="identity",
    cases=[(4, 2, 3), (2, 3, 2)],
)
def test_way_back(trial, segments: SeveralSegments, channels: Channels, level: Level):
    """If a path is followed by its reverse, the iterated integrals of both together vanish on every
    level from 1 on.
    """
    increments = trial.generator("path").normal(size=(segments, channels))
    there_and_back = np.vstack([increments, -increments[::-1]])
    twice = np.tile(increments, (2, 1))
    trial.identity(
        iterated_integrals(there_and_back, level),
        no_path(channels, level),
        ops=ROUNDINGS,
        scale=np.sum(2 * np.abs(increments)) ** level / factorial(level),
        generic="both sides are polynomials in the increments",
        controls={"as if the path were run twice": signature(twice, level)[level]},
    )


@claim(derived("a polygon in a circle"), kind="identity", cases=[10, 3, 60])
def test_few_observations(
    trial,
    observations: Annotated[int, Interval(3, 80, why="two have no area; all pairs are listed")],
):
    """A unit circle is observed at $n$ equally spaced places and joined by lines. The area in its
    signature, half of the difference of the iterated integrals of $dx dy$ and $dy dx$, is
    $(n/2) sin(2π/n)$ in place of $π$.
    """
    angles = 2 * np.pi * np.arange(observations + 1) / observations
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    second = iterated_integrals(np.diff(circle, axis=0), 2)
    trial.identity(
        (second[0, 1] - second[1, 0]) / 2,
        polygon_area(observations),
        ops=100 * observations,
        controls={
            "as if it were seen": np.pi,
            "an error of the order $1/n$, a share $1/n$": np.pi * (1 - 1 / observations),
        },
    )


@figure("F1", claims=("cut_after_levels",))
def levels_needed(order: int = 10):
    """The bound on a cut signature is exact for one rising channel and far too large for winding
    paths.

    Error of the flow of a controlled equation when the signature is cut after level $N$, total
    length $C = 1.5$ in both cases. Marks: line: bound, the tail of $exp(C)$; points: matrix
    exponentials against sums over words.
    """
    generator = np.random.default_rng(0)
    levels = np.arange(order + 1)
    winding = generator.normal(size=(6, 2))
    matrices = generator.normal(size=(2, 3, 3))
    winding *= 1.5 / sum(np.linalg.norm(np.tensordot(row, matrices, 1), 2) for row in winding)
    rising = (np.full((3, 1), 0.5), np.ones((1, 1, 1)))
    points = {}
    paths = {"one rising channel": rising, "winding in two channels": (winding, matrices)}
    for name, (path, maps) in paths.items():
        cuts = sum_over_words(path, maps, order)
        points[name] = levels, np.linalg.norm(flow(path, maps) - cuts, 2, axis=(1, 2))
    bound = {"bound": (levels, tail(1.5, levels))}
    return chart(bound, points, log="y", x="levels kept N", y="error in the spectral norm")
