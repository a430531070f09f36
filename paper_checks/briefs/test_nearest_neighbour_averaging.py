"""Farhadkhani, Guerraoui, Gupta, Hoang, Pinot & Stephan 2023, "Robust Collaborative Learning with
Linear Gradient Overhead", ICML, arXiv 2209.10931 (MoNNA).

For designers of robust gossip: how many faulty machines a round of nearest neighbour averaging
survives.

There are m honest machines at x_i in R^d with mean x̄ and variance V = mean |x_i - x̄|², and f
faulty ones, each of which may send something else to everyone. Machine i moves to y_i, the mean of
the m received vectors nearest to x_i, its own included. κ is the largest mean |y_i - x̄|²/V.

Read: the abstract, which names the two parts of that ratio, the spread that is left and the shift
of the mean; the paper's constants were not read. Derived here: all. Not claimed: the upper half of
`sharp` beyond the sizes tried here (from nine honest machines and two faulty ones on, the graphs
give more than the attack), and in more dimensions. Topic: learning.
"""

from itertools import count, product
from typing import Annotated

import numpy as np

from theory_on_trial import claim, derived, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Honest = Annotated[
    int, Interval(3, 100, why="fewer are no majority of two thirds; distances grow with the square")
]
Faulty = Annotated[
    int,
    Interval(1, 20, why="without faulty machines nothing happens; distances grow with the square"),
]
Dims = Annotated[int, Interval(1, 10, why="the bound does not depend on it")]
Few = Annotated[int, Interval(3, 14, why="all graphs are tried")]
SHY = (
    1 - 1e-12
    # faulty vectors stay nearer than what they replace by this factor, so that rounding makes no
    # ties
)


def mirrored(honest, faulty):
    """For each honest machine, the f others that are farthest from it, mirrored in it: what
    replaces them.
    """
    distances = np.linalg.norm(honest[:, None] - honest, axis=2)
    farthest = np.argsort(-distances, axis=1, kind="stable")[:, :faulty]
    return honest[:, None] + SHY * (honest[:, None] - honest[farthest])


@predicted
def worst_ratio(honest, faulty):
    """κ = 4fΛ/m², Λ = ½[m+3f+√((m+3f)²-8fm)]."""
    return (
        2
        * faulty
        / honest**2
        * (honest + 3 * faulty + np.sqrt((honest + 3 * faulty) ** 2 - 8 * faulty * honest))
    )


@predicted
def simple_bound(honest, faulty):
    """κ ≤ 8f/m: each of f exchanged vectors moves the mean of m by twice a distance among honest
    machines at most.
    """
    return 8 * faulty / honest


@observed
def after_round(honest, sent):
    """Mean squared distance from the honest mean and squared shift of it, over V, after averages
    over the m nearest.
    """
    messages = np.concatenate([sent, np.broadcast_to(honest, (len(honest), *honest.shape))], axis=1)
    distances = np.linalg.norm(messages - honest[:, None], axis=2)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, : len(honest)]
    shifts = np.mean(
        np.take_along_axis(messages, nearest[..., None], axis=1), axis=1
    ) - honest.mean(axis=0)
    squares = np.mean(np.sum(shifts**2, axis=1)), np.sum(shifts.mean(axis=0) ** 2)
    return np.array(squares) / np.sum(np.var(honest, axis=0))


@observed
def attacked(honest, faulty):
    """The ratio once each machine of a line, f on either side and the rest between, met its f
    farthest, mirrored.
    """
    top = (honest + 3 * faulty + np.sqrt((honest + 3 * faulty) ** 2 - 8 * faulty * honest)) / 2
    places = [1, 2 * faulty / (2 * faulty - top), faulty / (faulty - top)]
    line = 1 + np.repeat(places, [faulty, faulty, honest - 2 * faulty])[:, None]
    return after_round(line, mirrored(line, faulty))[0]


@observed
def largest_over_graphs(honest, faulty):
    """The largest Laplacian eigenvalue of graphs in which each of m nodes on a line points to its f
    farthest others.
    """
    left = np.array(list(product(range(faulty + 1), repeat=honest)))[..., None]
    ranks = np.arange(honest) - np.triu(
        np.ones((honest, honest)), 1
    )  # among the others of each node
    points = ((ranks < left) | (ranks >= honest - 1 - faulty + left)) & ~np.eye(honest, dtype=bool)
    edges = points.astype(float) + np.swapaxes(points, 1, 2)
    return np.max(np.linalg.eigvalsh(np.eye(honest) * edges.sum(axis=2, keepdims=True) - edges))


@claim(
    derived("Cauchy-Schwarz over exchanges"),
    kind="bound",
    cases=[(3, 1, 1), (9, 2, 3)],
    not_tight="attained at m = 2f",
)
def test_bound(trial, honest: Honest, faulty: Faulty, dim: Dims):
    """After a round the mean squared distance from the honest mean is at most 8f/m times V,
    attained if m were 2f.
    """
    trial.require(
        honest > 2 * faulty, "honest must exceed twice faulty: else simpler attacks do as much harm"
    )
    generator = trial.generator("machines")
    bound = simple_bound(honest, faulty)
    ratios = [attacked(honest, faulty)]
    for places in generator.standard_t(2, (10, honest, dim)):
        mirror = mirrored(places, faulty)
        far = 10.0 ** generator.uniform(-1, 1) * generator.standard_normal(mirror.shape)
        ratios += [after_round(places, sent)[0] for sent in (mirror, far)]
    controls = {"4f/m": np.full(21, bound / 2)}
    trial.bound(
        ratios,
        np.full(21, bound),
        instances="draws",
        independent=10,
        ops=100 * honest,
        controls=controls,
    )
    most = simple_bound(
        2 * faulty, faulty
    )  # at m = 2f, the edge of what is asked for, the attack attains it
    trial.value(
        attacked(2 * faulty, faulty), most, error=1e-9, margin=1e-8, controls={"4f/m": most / 2}
    )


@claim(
    derived("a Laplacian on the exchanged pairs"), kind="optimality", cases=[(5, 1), (9, 1), (6, 2)]
)
def test_sharp(
    trial, honest: Few, faulty: Annotated[int, Interval(1, 3, why="all graphs are tried")]
):
    """On a line κ = 4fΛ/m², Λ = ½[m+3f+√((m+3f)²-8fm)]: an attack attains it and no graph of
    exchanges gives more.
    """
    trial.require(
        honest > 2 * faulty, "honest must exceed twice faulty: else simpler attacks do as much harm"
    )
    trial.require(
        (faulty + 1) ** honest <= 2**14,
        "(faulty + 1)^honest must be at most 16384: all graphs are tried",
    )
    law = np.full(2, worst_ratio(honest, faulty))
    ratios = [
        attacked(honest, faulty),
        4 * faulty / honest**2 * largest_over_graphs(honest, faulty),
    ]
    controls = {
        "4f/m": 0 * law + 4 * faulty / honest,
        "a star: 4f/(m-f)": 0 * law + 4 * faulty / (honest - faulty),
    }
    trial.value(ratios, law, error=1e-10, margin=1e-8, controls=controls)


@predicted
def contracting(faulty):
    """The least m with κ < 1: the first integer above (1+√17)f."""
    return int((1 + np.sqrt(17)) * faulty) + 1


@claim(derived("κ = 1"), kind="identity", cases=[1, 5, 10])
def test_contraction(trial, faulty: Faulty):
    """The attack pushes honest machines apart unless m > (1+√17)f, so that less than a share 1/6.12
    may be faulty.
    """
    honest = next(m for m in count(2 * faulty + 1) if attacked(m, faulty) < 1)
    trial.identity(honest, contracting(faulty), ops=0, controls={"two thirds": 2 * faulty + 1})


@predicted
def mean_shift(honest, faulty):
    """4(f/m)(1-f/m), in units of V."""
    return 4 * faulty / honest * (1 - faulty / honest)


@claim(derived("an attack on the majority"), kind="identity", cases=[(5, 1), (9, 4)])
def test_mean_shift(trial, honest: Honest, faulty: Faulty):
    """The mean can be moved by √(4(f/m)(1-f/m)V) in one round, twice what removing the faulty side
    would move it.
    """
    trial.require(
        honest > 2 * faulty, "honest must exceed twice faulty: else simpler attacks do as much harm"
    )
    places = np.repeat([1.0, 0.0], [faulty, honest - faulty])[:, None]
    sent = np.full((honest, faulty, 1), -SHY)
    sent[:faulty] = np.inf  # these f receive what they drop
    law = mean_shift(honest, faulty)
    removal = faulty / (honest - faulty)
    controls = {"half the faulty sides' distance": law / 4, "a removal": removal}
    trial.value(after_round(places, sent)[1], law, error=1e-10, margin=1e-8, controls=controls)


@figure("F1", claims=("bound", "sharp", "contraction"))
def worst_ratios(faulty: int = 4):
    """A round survives less than a sixth of faulty machines: the worst ratio of squared distances
    after and before.

    Marks: lines: worst ratio κ, simple bound 8f/m; points: attack on literal averaging, f = 4.
    """
    honest = np.arange(2 * faulty + 1, 14 * faulty, 2)
    shares = 1 + honest / faulty
    lines = {
        "κ": (shares, worst_ratio(honest, faulty)),
        "bound 8f/m": (shares, simple_bound(honest, faulty)),
    }
    attacks = {"attack": (shares, [attacked(m, faulty) for m in honest])}
    x = "machines per faulty machine n/f"
    y = "mean squared distance, after / before"
    return chart(lines, attacks, levels={"no contraction": 1.0}, x=x, y=y)
