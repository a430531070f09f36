"""Farhadkhani, Guerraoui, Gupta, Hoang, Pinot & Stephan 2023, "Robust Collaborative Learning with
Linear Gradient Overhead", ICML, arXiv 2209.10931 (MoNNA).

For designers of robust gossip: how many faulty machines a round of nearest neighbour averaging
survives.

Take away: with at most 5.12 honest machines for each faulty one, an attack can push them apart;
with more than 8 no attack can, and every round brings them closer together.

There are $m$ honest machines at $x_i$ in $R^d$ with mean $x̄$ and variance $V$, the mean of
$|x_i - x̄|²$, and $f$ faulty ones, $m > 2f$, each of which may send something else to everyone.
Machine $i$ moves to $y_i$, the mean of the $m$ received vectors nearest to $x_i$, its own included.
The ratio of a round is the mean of $|y_i - x̄|²$ over $V$, and $κ(m, f) = 4fΛ/m²$ with
$Λ = ½[m + 3f + √((m + 3f)² - 8f m)]$.

Edges: at $f = 0$ no vector is replaced and $κ = 0$. At $m = 2f$, the end of the domain, $κ$ and the
bound $8f/m$ are both 4. If all honest machines are at one place, $V$ is 0 and the ratio is not
defined.

Paper: it trains models on machines of which some are faulty, by momentum, coordination and nearest
neighbour averaging. This page studies one round of the averaging, and exact descent on one loss.

Abstract:

- Sentence 3, first half: the algorithm is provably robust under standard assumptions. In part:
  bound, sharp, contraction, mean_shift, descent. For one round of averaging, and for descent on one
  quadratic loss with exact gradients; the largest ratio is known at the sizes of `sharp`.
- Sentence 3, second half: its overhead in gradients is linear in the share of faulty machines,
  which may be the best. Not on trial. No gradient is taken here.
- Sentence 4: it uses momentum and averages nearest neighbours. No statement.
- Sentence 6: a criterion for the mixing of honest machines is introduced. No statement.
- Sentence 6, end: the tension of momentum and drift can be controlled. Not on trial. No gradient is
  taken here.
- Sentence 7: experiments validate the theory. Not on trial. They need images.

Read: the abstract, which names the two parts of the ratio, the spread that is left and the shift of
the mean; the paper's constants were not read. Derived here: all. Not claimed: that $κ$ is the
largest ratio at sizes other than those of `sharp`. From nine honest machines and two faulty ones
on, some graphs of exchanges have a larger eigenvalue (12.11 for $Λ = 12$), and no attack is known
that uses it. Topic: learning.
"""

from itertools import product
from typing import Annotated

import numpy as np
from scipy.linalg import eigh

from theory_on_trial import (
    claim,
    derived,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Honest = Annotated[
    int, Interval(3, 100, why="fewer are no majority of two thirds; distances grow with the square")
]
Faulty = Annotated[
    int,
    Interval(1, 20, why="without faulty machines nothing happens; distances grow with the square"),
]
MAJORITY = "honest must exceed twice faulty: else simpler attacks do as much harm"
# Faulty vectors stay nearer than what they replace by this factor, so that rounding makes no ties.
SHY = 1 - 1e-12


def attack(honest, faulty):
    """What the faulty machines send to each honest one, (m, f, d): f equal vectors, nearer than the
    f others that are farthest from it, in the direction in which they move it farthest from x̄.
    """
    distances = np.linalg.norm(honest[:, None] - honest, axis=2)
    order = np.argsort(-distances, axis=1, kind="stable")
    farthest = order[:, :faulty]
    radius = SHY * np.take_along_axis(distances, farthest[:, -1:], axis=1)
    kept = honest.sum(axis=0) - honest[farthest].sum(axis=1)
    away = kept + faulty * honest - len(honest) * honest.mean(axis=0)
    lengths = np.linalg.norm(away, axis=1, keepdims=True)
    sent = honest + radius * away / np.where(lengths > 0, lengths, 1)
    return np.repeat(sent[:, None], faulty, axis=1)


@predicted
def worst_ratio(honest, faulty):
    """κ = 4fΛ/m² with Λ = ½[m + 3f + √((m + 3f)² - 8fm)]."""
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


def exchanges(honest, faulty):
    """How often each pair is exchanged, (m, m), on a line of three groups: f machines at either
    end, which are farthest from each other, and the rest, whose farthest are the first f.
    """
    points = np.zeros((honest, honest))
    points[faulty:, :faulty] = 1
    points[:faulty, faulty : 2 * faulty] = 1
    return points + points.T


@observed
def attacked(honest, faulty):
    """The ratio of a round in which each machine of a line is attacked. The machines stand at the
    entries of the Laplacian's eigenvector of the largest eigenvalue, which LAPACK finds.
    """
    edges = exchanges(honest, faulty)
    laplacian = np.diag(edges.sum(axis=1)) - edges
    line = eigh(laplacian, subset_by_index=[honest - 1, honest - 1])[1]
    return after_round(line, attack(line, faulty))[0]


@observed
def largest_over_graphs(honest, faulty):
    """The largest Laplacian eigenvalue of graphs in which each of m nodes on a line points to its f
    farthest others.
    """
    left = np.array(list(product(range(faulty + 1), repeat=honest)))[..., None]
    # Of each node among the others of another.
    ranks = np.arange(honest) - np.triu(np.ones((honest, honest)), 1)
    points = ((ranks < left) | (ranks >= honest - 1 - faulty + left)) & ~np.eye(honest, dtype=bool)
    edges = points.astype(float) + np.swapaxes(points, 1, 2)
    return np.max(np.linalg.eigvalsh(np.eye(honest) * edges.sum(axis=2, keepdims=True) - edges))


@claim(
    derived("Cauchy-Schwarz over exchanges"),
    kind="bound",
    cases=[(3, 1, 1), (9, 2, 3)],
    not_tight="attained at $m = 2f$, see `bound_attained`",
)
def test_bound(
    trial,
    honest: Honest,
    faulty: Faulty,
    dim: Annotated[int, Interval(1, 10, why="the bound does not depend on it")],
):
    """Each of $m$ honest machines moves to the mean $y_i$ of the $m$ nearest vectors that it
    receives, its own included; each of $f < m/2$ faulty machines sends it what it likes. Then the
    mean of $|y_i - x̄|²$ is at most $(8f/m) V$, where $x̄$ and $V$ are mean and variance of the
    honest vectors before.
    """
    trial.require(honest > 2 * faulty, MAJORITY)
    generator = trial.generator("machines")
    ratios = [attacked(honest, faulty)]
    for places in generator.standard_t(2, (344, honest, dim)):
        worst = attack(places, faulty)
        far = 10.0 ** generator.uniform(-1, 1) * generator.standard_normal(worst.shape)
        ratios += [after_round(places, sent)[0] for sent in (worst, far)]
    trial.bound(
        ratios,
        np.full(689, simple_bound(honest, faulty)),
        instances="draws",
        independent=344,
        ops=100 * honest,
        controls={"the same $f$ are farthest from all, $Λ = m$": np.full(689, 4 * faulty / honest)},
    )


@claim(derived("the attack at $m = 2f$"), kind="identity", cases=[1, 7])
def test_bound_attained(trial, faulty: Faulty):
    """Each of $m = 2f$ honest machines moves to the mean $y_i$ of the $m$ nearest vectors that it
    receives, some of which come from $f$ faulty machines. Some attack makes the mean of
    $|y_i - x̄|²$ equal to $4V$, where $x̄$ and $V$ are mean and variance of the honest vectors
    before.
    """
    trial.value(
        attacked(2 * faulty, faulty),
        simple_bound(2 * faulty, faulty),
        error=1e-9,
        margin=1e-8,
        controls={"the same $f$ are farthest from all, $Λ = m$": 2.0},
    )


@claim(
    derived("a Laplacian on the exchanged pairs"), kind="optimality", cases=[(5, 1), (9, 1), (6, 2)]
)
def test_sharp(
    trial,
    honest: Annotated[int, Interval(3, 14, why="all graphs are tried")],
    faulty: Annotated[int, Interval(1, 3, why="all graphs are tried")],
):
    """Each of $m$ honest machines on a line moves to the mean $y_i$ of the $m$ nearest numbers it
    receives, some of which come from $f$ faulty machines. For $(f + 1)^m <= 16384$ the largest mean
    of $|y_i - x̄|²/V$ is $4fΛ/m²$ with $Λ = ½[m + 3f + √((m + 3f)² - 8f m)]$, where $x̄$ and $V$
    are mean and variance before.
    """
    trial.require(honest > 2 * faulty, MAJORITY)
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
        "the same $f$ are farthest from all, $Λ = m$": 0 * law + 4 * faulty / honest,
        "a star: $4f/(m-f)$": 0 * law + 4 * faulty / (honest - faulty),
    }
    trial.value(ratios, law, error=1e-10, margin=1e-8, controls=controls)


@observed
def least_contracting(faulty):
    """The least m at which the attack leaves less than V, by bisection between 2f and 8f."""
    low = 2 * faulty
    high = 8 * faulty + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if attacked(middle, faulty) < 1 else (middle, high)
    return high


@predicted
def contracting(faulty):
    """The least m with κ < 1: the first integer above (1 + √17) f."""
    return int((1 + np.sqrt(17)) * faulty) + 1


@claim(derived("$κ = 1$"), kind="identity", cases=[1, 8, 65])
def test_contraction(
    trial,
    faulty: Annotated[
        int, Interval(1, 65, why="without faulty machines nothing happens; 8f machines are placed")
    ],
):
    """Each of $m$ honest machines on a line moves to the mean $y_i$ of the $m$ nearest numbers that
    it receives. Let $f$ faulty machines send each of them a number that is just nearer to it than
    its $f$ farthest others, on the side that moves it away from the mean $x̄$. Of honest places in
    three groups those with the largest mean of $|y_i - x̄|²/V$, $V$ their variance, have a ratio
    below 1 if and only if $m > (1 + √17) f$.
    """
    controls = {"a majority of two thirds": 2 * faulty + 1, "$8f/m < 1$": 8 * faulty + 1}
    trial.identity(least_contracting(faulty), contracting(faulty), ops=0, controls=controls)


@predicted
def mean_shift(honest, faulty):
    """4(f/m)(1-f/m), in units of V."""
    return 4 * faulty / honest * (1 - faulty / honest)


@claim(derived("an attack on the majority"), kind="identity", cases=[(5, 1), (9, 4)])
def test_mean_shift(trial, honest: Honest, faulty: Faulty):
    """Each of $m$ honest machines on a line moves to the mean of the $m$ nearest numbers that it
    receives, some of which come from $f$ faulty machines. If $f$ honest ones stand at 1 and the
    others at 0, with the variance $V$, some attack moves the mean of the honest machines by
    $√(4 (f/m)(1 - f/m) V)$.
    """
    trial.require(honest > 2 * faulty, MAJORITY)
    places = np.repeat([1.0, 0.0], [faulty, honest - faulty])[:, None]
    sent = np.full((honest, faulty, 1), -SHY)
    sent[:faulty] = np.inf  # these f receive what they drop
    law = mean_shift(honest, faulty)
    removal = faulty / (honest - faulty)
    controls = {
        "$f$ machines are removed": removal,
        "$f/m$, as if a round kept $V$": faulty / honest,
    }
    trial.value(after_round(places, sent)[1], law, error=1e-10, margin=1e-8, controls=controls)


@observed
def drift_of_descent(honest, faulty, step, rounds):
    """The distance of the honest mean from the minimum 0 of ½|θ|² after rounds of a gradient step
    by each honest machine, the attack, and averages over the m nearest.
    """
    places = honest
    for _ in range(rounds):
        places = (1 - step) * places
        sent = attack(places, faulty)
        received = np.concatenate(
            [sent, np.broadcast_to(places, (len(places), *places.shape))], axis=1
        )
        distances = np.linalg.norm(received - places[:, None], axis=2)
        nearest = np.argsort(distances, axis=1, kind="stable")[:, : len(places)]
        places = np.take_along_axis(received, nearest[..., None], axis=1).mean(axis=1)
    return np.linalg.norm(places.mean(axis=0))


@predicted
def largest_drift(distance, spread, ratio, step, rounds):
    """(1 - η)^T (|x̄| + √V (κ^(1/2) + … + κ^(T/2))) after T rounds, for the mean x̄ at `distance`,
    V = `spread`² and the `ratio` κ of a round.
    """
    powers = ratio ** (np.arange(1, rounds + 1) / 2)
    return (1 - step) ** rounds * (distance + spread * np.sum(powers))


@claim(
    tried(
        "abstract, sentence 3: provably robust to Byzantine machines",
        "descent on one quadratic loss, with exact gradients",
    ),
    kind="bound",
    cases=[(9, 1, 1), (10, 1, 3), (20, 2, 5)],
    not_tight="one attack is tried, and it does not push all machines in one direction",
)
def test_descent(
    trial,
    honest: Annotated[int, Interval(9, 40, why="m; with fewer than 8f + 1 the bound may grow")],
    faulty: Annotated[int, Interval(1, 4, why="f; the bound needs m > 8f")],
    rounds: Annotated[int, Interval(1, 10, why="T; later, all are at the minimum")],
):
    """Each of $m > 8f$ honest machines takes a gradient step $η$ on $½|θ|²$ and then moves to the
    mean of the $m$ nearest vectors that it receives, some of them from $f$ faulty machines. After
    $T$ rounds the honest mean is at most $(1 - η)^T (|x̄| + √V (κ^(1/2) + … + κ^(T/2)))$ away from
    the minimum, where $x̄$ and $V$ are the mean and the variance at first, and $κ = 8f/m$.
    """
    trial.require(honest > 8 * faulty, "honest must exceed 8 faulty: else the bound may grow")
    generator = trial.generator("places")
    ratio = simple_bound(honest, faulty)

    def one_start():
        places = generator.normal(size=(honest, 2))
        places += generator.normal(size=2) / 4
        mean = np.linalg.norm(places.mean(axis=0))
        spread = np.sqrt(np.sum(np.var(places, axis=0)))
        bounds = [largest_drift(mean, width, ratio, 0.1, rounds) for width in (spread, 0.0)]
        return drift_of_descent(places, faulty, 0.1, rounds), *bounds

    drifts, bounds, undisturbed = np.transpose([one_start() for _ in range(344)])
    trial.bound(
        drifts,
        bounds,
        instances="draws",
        independent=344,
        ops=100 * rounds,
        scale=bounds,
        controls={"as without faulty machines": undisturbed},
    )


@figure("F1", claims=("bound", "sharp", "contraction"))
def worst_ratios(faulty: int = 1, most: int = 14):
    """A round brings honest machines together only if less than a sixth of all machines is faulty.

    One faulty machine; its largest effect on machines on a line. Marks: line $κ$: closed form;
    circles: attack on literal averaging; squares: largest eigenvalue over all graphs of exchanges;
    line $8f/m$: bound in every dimension; vertical: $κ = 1$.
    """
    honest = np.arange(2 * faulty + 1, most + 1)
    shares = 1 + honest / faulty
    fine = np.linspace(honest[0], honest[-1], 100)
    lines = {
        "κ": (1 + fine / faulty, worst_ratio(fine, faulty)),
        "bound 8f/m": (1 + fine / faulty, simple_bound(fine, faulty)),
    }
    eigenvalues = np.array([largest_over_graphs(m, faulty) for m in honest])
    points = {
        "attack": (shares, [attacked(m, faulty) for m in honest]),
        "all graphs": (shares, 4 * faulty / honest**2 * eigenvalues),
    }
    return chart(
        lines,
        points,
        levels={"no contraction": 1.0},
        thresholds={"n/f = 2 + √17": 2 + np.sqrt(17)},
        x="machines per faulty machine n/f",
        y="mean squared distance, after / before",
    )
