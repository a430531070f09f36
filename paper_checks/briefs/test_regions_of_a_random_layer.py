"""He, Lei, Ji & Tao 2021, "Neural networks behave as hash encoders: An empirical study", arXiv
2101.05490.

For whoever reads "more linear regions" as expressivity, or activation patterns as hash codes: how
many regions one random ReLU layer has, how many of them inputs can meet, and how often two inputs
share one.

Take away: the number of regions is the same for almost all weights, so that training cannot change
it. Of 200 points in 3 dimensions 209 pairs share a region of 20 units on average, where a uniform
hash would leave .02; in 50 dimensions .07 pairs do.

A layer of $n$ units on $R^d$ gives a point $x$ the code $sign(W x + b)$, and the points of one code
are a linear region. $W$ and $b$ have a continuous law, so that the hyperplanes of the units are in
general position.

Edges: with up to $n = d$ units all $2^n$ codes occur. In one dimension two points have the angle 0
or $π$; without bias they then share a code always or never.

Paper: it studies the codes of trained networks as hashes by experiment, over training time and
size. This page treats one layer before training.

Abstract:

- Sentence 1: rectifiers cut the space of inputs into linear regions, each with a pattern of active
  units. No statement.
- Sentence 2, first part: almost every region holds at most one training example. In part:
  collisions, regions. For normal points and one random layer it depends on width and dimension; the
  paper has trained networks on images.
- Sentence 2, second part: simple methods classify by the codes. Not on trial. Nothing is classified
  here.
- Sentence 3: so trained networks behave as hash encoders. Not on trial. Nothing is trained here.
- Sentences 4 and 5: size, time and samples of training shape this most. Not on trial. Nothing is
  trained here.
- Sentence 6: three regimes are defined. No statement.

Read: the abstract, which is empirical ("almost every linear region contains at most one training
example"). Derived here: all counts; the first is Schläfli's of 1850. Not claimed: anything on
trained networks beyond the first count. Topic: learning.
"""

from itertools import combinations, product
from typing import Annotated

import numpy as np
from scipy.integrate import quad
from scipy.special import comb

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

Units = Annotated[
    int,
    Interval(2, 10, why="one unit cuts once, however it lies; beyond ten, the rays are too many"),
]
DRAWS = 230
"""Layers drawn in each case, so that fewer than 1 % of all can fail."""
Inputs = Annotated[int, Interval(1, 4, why="in more dimensions the codes of all rays are too many")]


def sum_of_binomials(count, terms):
    """Return C(count, 0) + … + C(count, terms - 1)."""
    return sum(comb(count, j, exact=True) for j in range(terms))


@predicted
def regions(units, dim):
    """Regions of R^d with bias, Σ_{j≤d} C(n,j), and without, 2 Σ_{j<d} C(n-1,j)."""
    return np.array([sum_of_binomials(units, dim + 1), 2 * sum_of_binomials(units - 1, dim)])


@predicted
def regions_in_an_orthant(units, dim):
    """Mean number of regions that meet x > 0, over all signs of the columns: 2^-d times those of n
    + d units.
    """
    return regions(units + dim, dim) / 2**dim


@observed
def codes(rows):
    """Return all sign patterns of rows·x, x in R^D, read off at the extreme rays of the regions.
    A ray lies on D - 1 of the hyperplanes; beside it their signs are arbitrary, and those of the
    others are the ray's.
    """
    dim = rows.shape[1]
    chosen = np.array(list(combinations(range(len(rows)), dim - 1)), dtype=int)
    rays = np.linalg.svd(rows[chosen])[2][:, -1]
    patterns = np.sign(np.concatenate([rays, -rays]) @ rows.T)
    beside = np.array(list(product([1, -1], repeat=dim - 1)))
    patterns = np.repeat(patterns[:, None], len(beside), axis=1)
    for side, on in enumerate(np.concatenate([chosen, chosen])):
        patterns[side, :, on] = beside.T
    return np.unique(np.concatenate(patterns), axis=0)


@observed
def counted(generator, units, dim, positive):
    """Count the codes of one random layer with bias (as x_0 > 0 in one dimension more) and without.
    With `positive` the signs of the inputs count as well, over 2^d: the mean over the orthants,
    which the signs of the columns exchange.
    """
    weights = generator.standard_normal((units, dim + 1))
    inputs = np.eye(dim + 1)[: dim if positive else 0]
    affine = codes(np.concatenate([weights, inputs, np.eye(dim + 1)[-1:]]))
    plain = codes(np.concatenate([weights[:, :dim], inputs[:, :dim]]))
    # Codes come in opposite pairs: of half of them x_0 > 0.
    return np.array([len(affine) / 2, len(plain)]) / 2 ** len(inputs)


@claim(
    known("Schläfli 1850, the count of cells"),
    kind="identity",
    cases=[(6, 3), (10, 2), (2, 1)],
)
def test_regions(trial, units: Units, inputs: Inputs):
    """The codes $sign(W x + b)$ of a layer of $n$ units on $R^d$ number $∑_{j≤d} C(n,j)$, and those
    of $sign(W x)$ number $2 sum_{j<d} C(n-1,j)$, for almost all weights.
    """
    trial.require(units > inputs, "units must exceed inputs: up to d units, all 2^n codes occur")
    controls = {
        "all codes": np.full(2, 2**units),
        "bias as one input less": regions(units, inputs + 1),
    }
    generator = trial.generator("layer")
    trial.identity(
        np.array([counted(generator, units, inputs, False) for _ in range(DRAWS)]),
        regions(units, inputs),
        ops=1,
        independent=DRAWS,
        controls=controls,
    )


@claim(
    derived("positive inputs cut like $d$ more units"),
    kind="identity",
    cases=[(5, 3), (10, 2), (2, 1), (4, 4)],
)
def test_orthant(trial, units: Units, inputs: Inputs):
    """Inputs $x > 0$ in $R^d$, as after a ReLU, meet $2^{-d} ∑_{j≤d} C(n+d,j)$ of the codes
    $sign(W x + b)$ of $n$ units, and $2^{1-d} sum_{j<d} C(n+d-1,j)$ of the codes $sign(W x)$, in
    the mean over all signs of the columns of $W$.
    """
    controls = {"a share $2^-d$ of all regions": regions(units, inputs)}
    generator = trial.generator("layer")
    trial.identity(
        2**inputs * np.array([counted(generator, units, inputs, True) for _ in range(172)]),
        2**inputs * regions_in_an_orthant(units, inputs),
        ops=1,
        independent=172,
        controls=controls,
    )


@predicted
def chance_of_one_code(units, dim):
    """E(1 - θ/π)^n over the angle of two normal points, whose density is proportional to sin^{d-2}
    on [0, π]; in one dimension, where it is 0 or π, 1/2.
    """
    if dim == 1:
        return 0.5
    mass = quad(lambda angle: (1 - angle / np.pi) ** units * np.sin(angle) ** (dim - 2), 0, np.pi)[
        0
    ]
    return mass / quad(lambda angle: np.sin(angle) ** (dim - 2), 0, np.pi)[0]


@observed
def equal_codes(generator, count, units, dim):
    """Whether two normal points have one code under normal weights without bias, all drawn again
    each time.
    """
    points = generator.standard_normal((count, dim, 2))
    signs = generator.standard_normal((count, units, dim)) @ points > 0
    first, second = np.moveaxis(signs, 2, 0)
    return np.all(first == second, axis=1)


@claim(
    tried(
        "abstract: almost every region has at most one example", "normal points, one random layer"
    ),
    kind="identity",
    cases=[(3, 3), (4, 2)],
)
def test_collisions(
    trial,
    units: Annotated[
        int,
        Interval(3, 5, why="with two units codes look uniform; with six, equal ones are too rare"),
    ],
    inputs: Annotated[
        int,
        Interval(
            2, 6, why="an angle needs a plane; beyond, codes are too close to uniform to tell"
        ),
    ],
):
    """Two normal points in $R^d$ have the same code $sign(W x)$ of $n$ normal units with the chance
    $E(1 - θ/π)^n$, where their angle $θ$ has the density $∝ sin^{d-2} θ$.
    """
    value = chance_of_one_code(units, inputs)  # to 2 %: four times the draws would give 1 %
    trial.probability(
        sampler=lambda generator, count: equal_codes(generator, count, units, inputs),
        predict=value,
        margin=0.02 * value,
        controls={"a uniform hash": 0.5**units},
        first=2**13,
        most=2**21,
    )


@figure("F1", claims=("collisions",))
def pairs_in_one_region(points: int = 200, runs: int = 400):
    """In few dimensions linear regions are a poor hash: normal points share regions at widths at
    which a uniform hash has separated them all.

    $N = 200$ inputs. Marks: lines: $C(N,2) E(1 − θ/π)^n$; points: 400 layers, 99 %; dashed:
    $C(N,2)/2^n$.
    """
    generator = np.random.default_rng(0)
    units = np.arange(2, 25, 2)
    pairs = points * (points - 1) / 2
    lines: dict[str, tuple] = {}
    means = {}
    for dim in (3, 10, 50):
        weights = generator.standard_normal((runs, dim, units[-1]))
        signs = 2.0 * (generator.standard_normal((runs, points, dim)) @ weights > 0) - 1
        agree = [signs[..., :n] @ signs[..., :n].transpose(0, 2, 1) == n for n in units]
        together = np.array([(np.sum(same, axis=(1, 2)) - points) / 2 for same in agree])
        # Student's quantile of 399 degrees of freedom
        widths = 2.59 * together.std(axis=1, ddof=1) / np.sqrt(runs)
        chances = np.array([chance_of_one_code(n, dim) for n in units])
        lines[f"d = {dim}"] = units, pairs * chances
        means[f"d = {dim}"] = units, together.mean(axis=1), widths
    lines["uniform hash"] = units, pairs / 2.0**units
    return chart(
        lines,
        means,
        dashed=["uniform hash"],
        log="y",
        x="units n",
        y="pairs of points in one region",
        ylim=(1e-3, None),
    )
