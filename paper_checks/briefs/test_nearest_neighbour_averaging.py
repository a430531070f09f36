"""Farhadkhani, Guerraoui, Gupta, Hoang, Pinot & Stephan 2023, "Robust Collaborative Learning with Linear Gradient
Overhead", ICML, arXiv 2209.10931 (MoNNA).

For designers of robust gossip: how many faulty machines a round of nearest neighbour averaging survives.

There are m honest machines at x_i in R^d with mean x̄ and variance V = mean |x_i - x̄|², and f faulty ones, each of which
may send something else to everyone. Machine i moves to y_i, the mean of the m received vectors nearest to x_i, its own
included. κ is the largest mean |y_i - x̄|²/V.

Read: the abstract, which names the two parts of that ratio, the spread that is left and the shift of the mean; the
paper's constants were not read. Derived here: all. Not claimed: the upper half of `sharp` beyond the sizes tried here
(from nine honest machines and two faulty ones on, the graphs give more than the attack), and in more dimensions.
Topic: learning.
"""

from itertools import product
from typing import Annotated

import numpy as np

from theory_on_trial import claim, observed, ours, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import COLOURS, figure

Honest = Annotated[int, Interval(3, 100, why="fewer are no majority of two thirds; distances grow with the square")]
Faulty = Annotated[int, Interval(1, 20, why="without faulty machines nothing happens; distances grow with the square")]
Dims = Annotated[int, Interval(1, 10, why="the bound does not depend on it")]
Few = Annotated[int, Interval(3, 14, why="all graphs are tried")]
SHY = 1 - 1e-12
"""Faulty vectors stay nearer than what they replace by this factor, so that rounding makes no ties."""


def majority(trial, honest, faulty):
    """Ask for more than two thirds honest machines."""
    trial.require(honest > 2 * faulty, "honest must exceed twice faulty: else simpler attacks do as much harm")


def worst_line(honest, faulty):
    """Honest machines on a line for an attack that gives f of them f others to drop, and these f to everyone else.

    They stand at the leading eigenvector of the Laplacian of who drops whom, moved by 1.
    """
    drops = np.zeros((honest, honest))
    drops[faulty:, :faulty] = 1
    drops[:faulty, faulty : 2 * faulty] = 1
    laplacian = np.diag(drops.sum(axis=0) + drops.sum(axis=1)) - drops - drops.T
    return 1 + np.linalg.eigh(laplacian)[1][:, -1:]


def mirrored(honest, faulty):
    """For each honest machine, the f others that are farthest from it, mirrored in it: what replaces them."""
    distances = np.linalg.norm(honest[:, None] - honest, axis=2)
    farthest = np.argsort(-distances, axis=1, kind="stable")[:, :faulty]
    return honest[:, None] + SHY * (honest[:, None] - honest[farthest])


@predicted
def worst_ratio(honest, faulty):
    """κ = 4fΛ/m², Λ = ½[m+3f+√((m+3f)²-8fm)]."""
    return 2 * faulty / honest**2 * (honest + 3 * faulty + np.sqrt((honest + 3 * faulty) ** 2 - 8 * faulty * honest))


@predicted
def simple_bound(honest, faulty):
    """κ ≤ 8f/m: each of f exchanged vectors moves the mean of m by twice a distance among honest machines at most."""
    return 8 * faulty / honest


@observed
def averaged(honest, sent):
    """One round: each machine sorts what it receives by distance, and averages the m nearest vectors."""
    received = np.concatenate([sent, np.broadcast_to(honest, (len(honest), *honest.shape))], axis=1)
    distances = np.linalg.norm(received - honest[:, None], axis=2)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, : len(honest)]
    return np.mean(np.take_along_axis(received, nearest[..., None], axis=1), axis=1)


@observed
def ratio(honest, sent):
    """The mean squared distance from the honest mean after a round, over that before."""
    mean = np.mean(honest, axis=0)
    return np.sum((averaged(honest, sent) - mean) ** 2) / np.sum((honest - mean) ** 2)


@observed
def largest_over_graphs(honest, faulty):
    """The largest Laplacian eigenvalue of graphs in which each of m nodes on a line points to its f farthest others."""
    choices = np.array(list(product(range(faulty + 1), repeat=honest)))
    laplacians = np.zeros((len(choices), honest, honest))
    for node in range(honest):
        others = [other for other in range(honest) if other != node]
        for lowest in np.unique(choices):
            edges = np.eye(honest)[node] - np.eye(honest)[others[:lowest] + others[honest - 1 - faulty + lowest :]]
            laplacians[choices[:, node] == lowest] += edges.T @ edges
    return np.max(np.linalg.eigvalsh(laplacians))


@claim(ours("Cauchy-Schwarz over exchanges"), kind="bound", cases=[(3, 1, 1), (9, 2, 3)], loose="attained at m = 2f")
def test_bound(trial, honest: Honest, faulty: Faulty, dim: Dims):
    """After a round the mean squared distance from the honest mean is at most 8f/m times V, attained if m were 2f."""
    majority(trial, honest, faulty)
    generator, bound = trial.generator("machines"), simple_bound(honest, faulty)
    ratios = [ratio(line := worst_line(honest, faulty), mirrored(line, faulty))]
    for places in generator.standard_t(2, (10, honest, dim)):
        mirror = mirrored(places, faulty)
        far = 10.0 ** generator.uniform(-1, 1) * generator.standard_normal(mirror.shape)
        ratios += [ratio(places, mirror), ratio(places, far)]
    wrong = {"4f/m": np.full(21, bound / 2)}
    trial.bound(ratios, np.full(21, bound), found_by="draws", independent=10, ops=100 * honest, controls=wrong)
    # At m = 2f, the edge of what is asked for, the attack attains it.
    line, most = worst_line(2 * faulty, faulty), simple_bound(2 * faulty, faulty)
    trial.value(ratio(line, mirrored(line, faulty)), most, error=1e-9, margin=1e-8, controls={"4f/m": most / 2})


@claim(ours("a Laplacian on the exchanged pairs"), kind="optimality", cases=[(5, 1), (9, 1), (6, 2)])
def test_sharp(trial, honest: Few, faulty: Annotated[int, Interval(1, 3, why="all graphs are tried")]):
    """On a line κ = 4fΛ/m², Λ = ½[m+3f+√((m+3f)²-8fm)]: an attack attains it and no graph of exchanges gives more."""
    majority(trial, honest, faulty)
    trial.require((faulty + 1) ** honest <= 2**14, "(faulty + 1)^honest must be at most 16384: all graphs are tried")
    law, line = worst_ratio(honest, faulty), worst_line(honest, faulty)
    most = 4 * faulty / honest**2 * largest_over_graphs(honest, faulty)
    reached = ratio(line, mirrored(line, faulty))
    wrong = {"4f/m": 4 * faulty / honest, "a star: 4f/(m-f)": 4 * faulty / (honest - faulty)}
    # Mirrored vectors fall short by a share of 1e-12.
    controls = {name: np.full(2, value) for name, value in wrong.items()}
    trial.value(np.array([reached, most]), np.full(2, law), error=1e-10, margin=1e-8, controls=controls)


@predicted
def contracting(faulty):
    """The least m with κ < 1: the first integer above (1+√17)f."""
    return int((1 + np.sqrt(17)) * faulty) + 1


@claim(ours("κ = 1"), kind="identity", cases=[1, 5, 10])
def test_contraction(trial, faulty: Faulty):
    """The attack pushes honest machines apart unless m > (1+√17)f, so that less than a share 1/6.12 may be faulty."""
    honest = 2 * faulty + 1
    while ratio(line := worst_line(honest, faulty), mirrored(line, faulty)) >= 1:
        honest += 1
    trial.identity(honest, contracting(faulty), ops=0, controls={"two thirds": 2 * faulty + 1})


@predicted
def mean_shift(honest, faulty):
    """4(f/m)(1-f/m), in units of V."""
    return 4 * faulty / honest * (1 - faulty / honest)


@observed
def shift_of_the_mean(honest, faulty):
    """F machines at 1 and the rest at 0, which receive -1; the f receive what they drop."""
    places = np.repeat([1.0, 0.0], [faulty, honest - faulty])[:, None]
    sent = np.full((honest, faulty, 1), -SHY)
    sent[:faulty] = np.inf
    return np.sum(np.mean(averaged(places, sent) - np.mean(places), axis=0) ** 2) / np.var(places)


@claim(ours("an attack on the majority"), kind="identity", cases=[(5, 1), (9, 4)])
def test_mean_shift(trial, honest: Honest, faulty: Faulty):
    """The mean can be moved by √(4(f/m)(1-f/m)V) in one round, twice what removing the faulty side would move it."""
    majority(trial, honest, faulty)
    law, removal = mean_shift(honest, faulty), faulty / (honest - faulty)
    controls = {"half the faulty sides' distance": law / 4, "a removal": removal}
    trial.value(shift_of_the_mean(honest, faulty), law, error=1e-10, margin=1e-8, controls=controls)


@figure("F1", claims=("bound", "sharp", "contraction"))
def worst_ratios(faulty: int = 4):
    """A round survives less than a sixth of faulty machines: the worst ratio of squared distances after and before.

    Lines: κ and the simple bound 8f/m; points: the attack on literal nearest neighbour averaging, f = `faulty`.
    """
    import matplotlib.pyplot as plt

    drawn, axes = plt.subplots(figsize=(4.8, 3.2))
    honest = np.arange(2 * faulty + 1, 14 * faulty, 2)
    shares = 1 + honest / faulty
    attacked = [ratio(line := worst_line(m, faulty), mirrored(line, faulty)) for m in honest]
    axes.plot(shares, simple_bound(honest, faulty), "--", color=COLOURS[1], label="bound 8f/m")
    axes.plot(shares, worst_ratio(honest, faulty), color=COLOURS[0], label="κ")
    axes.plot(shares, attacked, "o", color=COLOURS[0], label="attack")
    axes.axhline(1, linestyle=":", color="grey", label="no contraction")
    axes.set(xlabel="machines per faulty machine n/f", ylabel="mean squared distance, after / before")
    axes.legend()
    return drawn
