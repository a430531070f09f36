"""Ding, Tong, Chan, Dai, Ma & Haeffele 2023, "Unsupervised Manifold Linearizing and Clustering",
ICCV, arXiv 2301.01805.

For whoever trains with maximal coding rate reduction and chooses the precision $ε$ and the width
$d$: what is the optimum?

Paper: features are trained to be hard to code together and easy to code class by class, which is to
make every class a subspace of full rank, orthogonal to the others. This page gives the optimum of
that objective by itself, without a network and without the paper's clustering.

Take away: full rank is optimal only up to a certain $ε$. With two equal classes of rank 3 in 6
dimensions rank 3 is best up to $ε = 0.893$ and rank 2 at $ε = 1$, while rank 3 remains a local
maximum up to $ε = 1.19$. Rare classes lose directions first: $c$ below goes to 0 with $π_j$.

Class $j$ has a share $π_j$ of the points; its features, in $d$ dimensions, have mean square length
1 and rank at most $d_j$. With $C_j$ the mean of $z zᵀ$ over the class (trace 1) and
$C = ∑_j π_j C_j$, the rate reduction at precision $ε$ is
$ΔR = ½ log det(I + d C/ε²) − ∑_j π_j ½ log det(I + d C_j/ε²)$. A class that fills $r$ directions
evenly, orthogonally to all others, contributes
$v_j(r) = (r/2)[log(1 + dπ_j/(ε² r)) − π_j log(1 + d/(ε² r))]$.

Edges: $v_j(0) = 0$. A class with one direction keeps it at every precision. Saddles can stop a
search: four of six starts end 7 % below the optimum, so that the best of several starts is taken.

Abstract:

- Sentence 1: clustering data near a union of manifolds is a basic problem. No statement.
- Sentences 3 and 4: most data are not near linear subspaces, and features may make them so. Not on
  trial. It needs data and networks.
- Sentence 6: maximal coding rate reduction is to give the clusters and features in a union of
  subspaces at once. In part: optimum, sharp_precision, too_many. What the objective has as optimum
  for given clusters: orthogonal subspaces, of full rank only if the precision is small enough.
- Sentence 7: clusters are as accurate as those of others, and features meaningful. Not on trial. No
  network is trained here.

Read: the abstract, and the book of the same group, which says that classes fill orthogonal
subspaces of full rank at the optimum if $ε⁴ < c · min π_j d²/d_j²$, with an unspecified constant.
Derived here: the optimum where there is room for all classes, and the exact $c$. Found by search
only: the optimum where there is not. Not claimed: that networks attain it. Topic: representations.
"""

from typing import Annotated

import numpy as np
from scipy.linalg import toeplitz
from scipy.optimize import brentq, minimize

from paper_checks.briefs.common import apart, orthonormal
from theory_on_trial import (
    claim,
    derived,
    observed,
    predicted,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Dim = Annotated[int, Interval(4, 8, why="optima are searched among some fifty numbers")]
Rank = Annotated[
    int, Interval(2, 3, why="one direction leaves no choice of a rank; optima are searched")
]
Crowd = Annotated[int, Interval(2, 3, why="of a class; optima are searched")]
Precision = Annotated[
    float, Interval(0.2, 1, why="ε; coarser than the features themselves, hardly any rate is left")
]


@observed
def negative_reduction(entries, dim, first, shares, scale):
    """−ΔR and its derivative, where the first columns are M_1 and the rest M_2, C_j = M_j
    M_jᵀ/|M_j|², scale = d/ε².
    """
    parts = np.split(entries.reshape(dim, -1), [first], axis=1)
    own = np.array([np.eye(dim) + scale * m @ m.T / np.sum(m**2) for m in parts])
    total = np.tensordot(shares, own, 1)
    slopes = []
    for m, share, c in zip(parts, shares, own, strict=True):
        slope = share * scale * (np.linalg.solve(c, m) - np.linalg.solve(total, m)) / np.sum(m**2)
        slopes.append(slope - m * np.sum(slope * m) / np.sum(m**2))
    return (shares @ np.linalg.slogdet(own)[1] - np.linalg.slogdet(total)[1]) / 2, np.hstack(
        slopes
    ).ravel()


@observed
def largest_reduction(generator, dim, ranks, shares, precision):
    """The largest ΔR of BFGS searches from nearly orthogonal and random features of all ranks; the
    last decrement.
    """
    searches = []
    options = {"gtol": 1e-7}
    for first, second in np.ndindex(*ranks):
        frame = orthonormal(generator, dim)[:, np.arange(first + second + 2) % dim]
        setting = dim, first + 1, shares, dim / precision**2
        for noise in (0.1, 10):
            start = (frame + noise * generator.normal(size=frame.shape)).ravel()
            searches.append(minimize(negative_reduction, start, setting, jac=True, options=options))
    best = min(searches, key=lambda search: search.fun)
    return -best.fun, best.jac @ best.hess_inv @ best.jac


@predicted
def contribution(rank, share, scale):
    """v(r) for classes of these shares, scale = d/ε²; nothing for r = 0."""
    r = np.maximum(rank, 1)
    return np.minimum(rank, 1) * r / 2 * (np.log1p(scale * share / r) - share * np.log1p(scale / r))


@predicted
def fine_contribution(rank, share, scale):
    """v(r) without the identity in logdet: the leading order of fine precisions, ε → 0."""
    return rank / 2 * (np.log(scale * share / rank) - share * np.log(scale / rank))


@predicted
def optimum(dim, ranks, shares, precision, room=True):
    """The most of Σ v_j(r_j) over r_j ≤ d_j with Σ r_j ≤ d, by trying all; `room=False` drops the
    second condition.
    """
    trials = [r for r in np.ndindex(*np.add(ranks, 1)) if sum(r) <= dim or not room]
    return contribution(np.array(trials), shares, dim / precision**2).sum(axis=1).max()


def judge_optimum(trial, dim, ranks, share, precision, **rivals):
    """The decision on the largest rate reduction that a search finds; a decrement of 1e-9 is beyond
    its rounding.
    """
    shares = np.array([share, 1 - share])
    scale = dim / precision**2
    law = optimum(dim, ranks, shares, precision)
    best, decrement = largest_reduction(trial.generator(), dim, ranks, shares, precision)
    rivals |= {
        "always full rank": np.sum(contribution(ranks, shares, scale)),
        "classes collapse to lines": np.sum(contribution((1, 1), shares, scale)),
    }
    controls = apart(rivals, law, 2e-3 * law)
    controls["leading order of fine precisions"] = np.sum(
        fine_contribution(np.array(ranks), shares, scale)
    )
    trial.value(
        best,
        law,
        error=1e-6 * law + 10 * decrement,
        margin=1e-3 * law,
        instances="search",
        controls=controls,
    )


@claim(
    derived("log det is subadditive"),
    kind="optimality",
    cases=[(6, 3, 3, 0.5, 0.5), (6, 3, 3, 0.5, 1.0), (6, 2, 3, 0.2, 0.9)],
)
def test_optimum(
    trial,
    dim: Dim,
    first: Rank,
    second: Rank,
    share: Annotated[
        float,
        Interval(
            0.2, 0.8, why="of the first of two classes; a rarer one contributes next to nothing"
        ),
    ],
    precision: Precision,
):
    """Let class $j$ have the share $π_j$ of the points, mean square length 1 and rank at most $d_j$
    in $d$ dimensions. If $∑_j d_j ≤ d$, the largest rate reduction at precision $ε$ is
    $sum_j max_{r ≤ d_j} v_j(r)$, where
    $v_j(r) = (r/2) [log(1 + d π_j/(ε² r)) − π_j log(1 + d/(ε² r))]$.
    """
    trial.require(
        first + second <= dim,
        "first + second must be at most dim: there must be room for both classes",
    )
    judge_optimum(trial, dim, (first, second), share, precision)


@observed
def most_of_all_spectra(rank, share, scale, fineness=4):
    """The most of ½ Σ log(1 + scale π x_i) − π log(1 + scale x_i) over all x_1, …, x_rank ≥ 0 of
    sum 1, and the value at equal x_i.

    The x_i are multiples of 1/(fineness · rank · (rank − 1)). Adding one x_i after the other, the
    best of every sum is kept, so that all such spectra are compared.
    """
    parts = fineness * rank * (rank - 1)
    sizes = np.arange(parts + 1) / parts
    rates = (np.log1p(scale * share * sizes) - share * np.log1p(scale * sizes)) / 2
    steps = toeplitz(rates, np.concatenate([rates[:1], np.full(parts, -np.inf)]))
    best = rates
    for _ in range(rank - 1):
        best = np.max(steps + best, axis=1)
    return best[-1], rank * rates[parts // rank]


@observed
def threshold(rank, share, dim):
    """The ε up to which no spectrum of an orthogonal class is better than equal singular values."""
    low = np.log(1e-3)
    high = np.log(1e3)
    while high - low > 1e-5:
        middle = (low + high) / 2
        most, equal = most_of_all_spectra(rank, share, dim / np.exp(2 * middle))
        low, high = (middle, high) if most <= equal * (1 + 1e-12) else (low, middle)
    return np.exp(low)


@predicted
def sharp_constant(rank, share):
    """The constant c = d_j²/(π (d/ε²)²) at the precision where v_j(d_j) = v_j(d_j − 1)."""

    def gain(log_scale):
        return np.subtract(*contribution(np.array([rank, rank - 1]), share, np.exp(log_scale)))

    return rank**2 / share / np.exp(2 * brentq(gain, np.log(1e-3), np.log(1e8), xtol=1e-14))


@predicted
def precision_at(constant, rank, share, dim):
    """The ε with ε⁴ = c π d²/d_j²."""
    return (constant * share) ** 0.25 * np.sqrt(dim / rank)


@claim(
    derived("$v_j(d_j)$ against $v_j(d_j − 1)$"),
    kind="optimality",
    cases=[(3, 0.5, 6), (2, 0.01, 8), (10, 0.9, 4)],
)
def test_sharp_precision(
    trial,
    rank: Annotated[
        int,
        Interval(
            2, 10, why="one direction is optimal at every precision; all spectra are compared"
        ),
    ],
    share: Annotated[float, Interval(0.01, 0.95, why="a single class has no rate to reduce")],
    dim: Dim,
):
    """A class has the share $π_j$ of the points, rank at most $d_j$ in $d$ dimensions, and is
    orthogonal to all others. Of its spectra $d_j$ equal values have the largest rate reduction if
    and only if $ε⁴ ≤ c π_j d²/d_j²$. Here $c = π_j/t²$, where $t > 0$ solves
    $d_j h(t) = (d_j − 1) h(t d_j/(d_j − 1))$ with $h(t) = log(1 + t) − π_j log(1 + t/π_j)$.
    """
    law = precision_at(sharp_constant(rank, share), rank, share, dim)
    controls = {"as long as it is a local maximum, $c = 1$": precision_at(1.0, rank, share, dim)}
    trial.value(
        threshold(rank, share, dim), law, error=2e-5 * law, margin=1e-3 * law, controls=controls
    )


@claim(derived("found by search only"), kind="empirical", cases=[(4, 3, 3, 0.5), (3, 2, 2, 0.3)])
def test_too_many(
    trial,
    dim: Annotated[int, Interval(3, 5, why="with more there is room for both classes")],
    first: Crowd,
    second: Crowd,
    precision: Precision,
):
    """Let class $j$ have the share $π_j$ of the points, mean square length 1 and rank at most $d_j$
    in $d$ dimensions. If $∑_j d_j > d$, the largest rate reduction at precision $ε$ that searches
    find is the most of $∑_j v_j(r_j)$ over ranks $r_j ≤ d_j$ with $∑_j r_j ≤ d$, where
    $v_j(r) = (r/2) [log(1 + d π_j/(ε² r)) − π_j log(1 + d/(ε² r))]$.
    """
    trial.require(
        first + second > dim, "first + second must exceed dim: else there is room for all"
    )
    apart = optimum(dim, (first, second), np.full(2, 0.5), precision, room=False)
    judge_optimum(trial, dim, (first, second), 0.5, precision, **{"as if there were room": apart})


@figure("F1", claims=("optimum", "sharp_precision"))
def rank_of_a_class(dim: int = 6, most: int = 3):
    """A coarse precision costs whole directions: rate reduction of two classes of rank at most 3
    against $ε$.

    Six dimensions, equal classes. Marks: lines: $∑_j v_j(r)$ for ranks $r$; points: best of all
    searches; vertical: $ε⁴ = c π d²/9$, up to which $r = 3$ is best (left) or a local maximum
    (right).
    """
    fine = np.linspace(0.7, 1.4, 60)
    at = np.linspace(0.72, 1.38, 9)
    lines = {
        f"r = {r}": (fine, 2 * contribution(r, 0.5, dim / fine**2)) for r in range(1, most + 1)
    }
    rates = [
        largest_reduction(np.random.default_rng(0), dim, (most, most), np.full(2, 0.5), e)[0]
        for e in at
    ]
    ends = {
        f"c = {c:.4g}": precision_at(c, most, 0.5, dim) for c in (sharp_constant(most, 0.5), 1.0)
    }
    points = {"search": (at, rates)}
    return chart(
        lines,
        points,
        thresholds=ends,
        x="precision ε (dimensionless)",
        y="rate reduction ΔR (nats)",
    )
