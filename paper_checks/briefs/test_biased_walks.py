"""Grover & Leskovec 2016, "node2vec: Scalable Feature Learning for Networks", KDD, arXiv
1607.00653.

For whoever tunes $p$ and $q$ of node2vec: which of them changes how often nodes are seen, and when
both are one parameter.

Setting: a connected graph has degrees $d_v$, $T_{t v}$ triangles on the edge $t v$ and $Δ_v$ at the
node $v$. A walk that came from $t$ to $v$ goes on to $x$ in proportion to $w_{v x}$, times $1/p$ if
$x = t$, 1 if $x$ is joined to $t$, and $1/q$ otherwise. Visits are shares of time in the long run.

Take away: without triangles, or at $q = 1$, neither $p$ nor $q$ changes how often a node is seen:
the share of visits is proportional to its degree, and only their order changes
(`uniform_on_edges`). With triangles both $p$ and $q$ matter: in a cubic graph with one triangle the
triangle's nodes are seen 1.40 times as often as on average at $(p, q) = (10, 4)$, and 1.03 times at
$(.1, 4)$ (`triangles_only`). Without triangles $p$ and $q$ are one parameter, $p/q$, as on a tree
(`only_the_ratio`): tuning both is a search along a line.

Edges: no such closed form is known for a graph with triangles that is not regular. At small $p$ a
walk goes to and fro, so that its visits settle slowly; the chain of directed edges gives the limit
without a walk.

Paper: it learns node features from walks that $p$ and $q$ bias between near and far. This page
computes the visits and the speed of these walks.

Abstract:

- Statement 1: the biased walks define neighbourhoods of a node flexibly. In part: uniform_on_edges,
  triangles_only, weights_let_p_in. Without triangles and weights, how often a node is seen never
  changes.
- Statement 2: the biased walks explore diverse neighbourhoods efficiently. In part: only_the_ratio.
  On a tree they leave their start fast if $p/q$ is large; $p$ and $q$ are one parameter there.
- Statement 3: the method generalises walks with rigid neighbourhoods. Not on trial. By definition
  it is the plain walk at $p = q = 1$.
- Statement 4: the features classify nodes and predict links better. Not on trial. It needs the
  networks.

Read: the abstract, in a stored copy ("flexible notion of a node's network neighborhood"), and the
transition weights in the authors' code, aditya-grover/node2vec, `src/node2vec.py`. Derived here:
all formulas. Not claimed: that better visits are better features.

Topic: linear algebra for learning.
"""

from functools import partial
from typing import Annotated

import numpy as np

from theory_on_trial import claim, derived, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure
from theory_on_trial.laws import Bounded

Return = Annotated[float, Interval(0.1, 10, why="p; beyond, walks are all but fixed")]
InOut = Annotated[float, Interval(0.1, 10, why="q; beyond, walks are all but fixed")]
CUBIC = "01 12 20 03 14 25 36 37 46 47 56 57"


def adjacency_of(edges, nodes):
    """The symmetric matrix (n, n) of a list of edges."""
    matrix = np.zeros((nodes, nodes))
    for a, b in edges:
        matrix[a, b] = matrix[b, a] = 1
    return matrix


def cubic():
    """A cubic graph on 8 nodes whose only triangle is 0, 1, 2."""
    return adjacency_of([(int(a), int(b)) for a, b in CUBIC.split()], 8)


def cycle_and_more(generator, nodes, density, bipartite):
    """A cycle with random chords, of which bipartite ones join an even to an odd node."""
    chords = np.triu(generator.random((nodes, nodes)) < density, 1)
    if bipartite:
        chords &= np.subtract.outer(np.arange(nodes), np.arange(nodes)) % 2 == 1
    around = adjacency_of([(a, (a + 1) % nodes) for a in range(nodes)], nodes)
    return np.maximum(around, (chords | chords.T).astype(float))


def regular(generator, nodes, pairs):
    """A connected graph of degree 2 pairs: each node of a ring is joined to its nearest ones, and
    random pairs of edges swap ends.
    """
    while True:
        ring = [(a, (a + k) % nodes) for a in range(nodes) for k in range(1, pairs + 1)]
        matrix = adjacency_of(ring, nodes)
        for _ in range(nodes):
            (a, b), (c, d) = generator.permutation(np.argwhere(matrix))[:2]
            if len({a, b, c, d}) == 4 and matrix[a, d] == matrix[c, b] == 0:
                matrix[[a, b, c, d], [b, a, d, c]] = 0
                matrix[[a, d, c, b], [d, a, b, c]] = 1
        if np.all(np.linalg.matrix_power(matrix + np.eye(nodes), nodes) > 0):
            return matrix


def equal_strengths(generator, nodes):
    """Symmetric random weights (n, n) without a diagonal whose rows sum to 1."""
    upper = np.triu(generator.uniform(0.2, 2, (nodes, nodes)), 1)
    weights = upper + upper.T
    for _ in range(2000):
        roots = np.sqrt(weights.sum(axis=1))
        weights = weights / np.outer(roots, roots)
    return weights


@observed
def edge_shares(weights, p, q):
    """The shares of time (n, n) on each directed edge, from the chain of edges: its left
    eigenvector, by a linear solver.
    """
    start, end = np.nonzero(weights)
    follows = end[:, None] == start
    back = start[:, None] == end
    near = weights[start[:, None], end] > 0
    bias = np.where(back, 1 / p, np.where(near, 1, 1 / q))
    moves = follows * bias * weights[start, end]
    moves /= moves.sum(axis=1, keepdims=True)
    system = np.vstack([moves.T - np.eye(len(start)), np.ones(len(start))])
    target = np.append(np.zeros(len(start)), 1)
    shares = np.zeros(weights.shape)
    shares[start, end] = np.linalg.lstsq(system, target, rcond=None)[0]
    return shares


@observed
def speeds(generator, count, degree, p, q, steps=160, forgotten=40):
    """How much deeper walks (count,) on the regular tree get per step, far from the root: each
    remembers whether it came from its parent or from a child.
    """
    up = np.array([1 / q, 1 / p])
    down = np.array([1 / p + (degree - 2) / q, (degree - 1) / q])
    from_child, from_parent = down / (up + down)
    descends = np.ones(count, bool)
    depth = np.zeros(count)
    for step in range(forgotten + steps):
        descends = generator.random(count) < np.where(descends, from_parent, from_child)
        # The first steps only forget the start.
        if step >= forgotten:
            depth += np.where(descends, 1, -1)
    return depth / steps


@predicted
def shares_by_degree(adjacency):
    """d_v/Σd, (n,)."""
    degrees = adjacency.sum(axis=1)
    return degrees / degrees.sum()


@predicted
def shares_by_triangles(adjacency, p, q):
    """(1/p + T_tv + (d - 1 - T_tv)/q), normalised over directed edges tv, of a d-regular graph.
    Visits of v add up to d (1/p + (d - 1)/q) + 2Δ_v (1 - 1/q), before that.
    """
    degree = adjacency[0].sum()
    if np.any(adjacency.sum(axis=1) != degree):
        raise ValueError("adjacency must be that of a regular graph: others have no closed form")
    triangles = adjacency @ adjacency
    shares = adjacency * (1 / p + triangles + (degree - 1 - triangles) / q)
    return shares / shares.sum()


@predicted
def tree_speed(degree, ratio):
    """κ (d - 2)/(κ (d - 2) + 2), κ = p/q. Raises ValueError unless d >= 2 and κ > 0."""
    if degree < 2 or ratio <= 0:
        raise ValueError("degree must be at least 2 and ratio positive")
    return ratio * (degree - 2) / (ratio * (degree - 2) + 2)


@predicted
def shares_by_weights(weights, p):
    """The shares w (s - (1 - 1/p) w), normalised over directed edges, if all strengths are s."""
    strengths = weights.sum(axis=1)
    if np.ptp(strengths) > 1e-9 * strengths[0]:
        raise ValueError("weights must have equal row sums: others have no closed form")
    shares = weights * (strengths[0] - (1 - 1 / p) * weights)
    return shares / shares.sum()


@claim(
    derived("at each node the weights are symmetric in where from and where to"),
    kind="identity",
    cases=[(4, 0.3, 10.0, 4.0), (3, 0.5, 0.1, 4.0), (5, 0.6, 0.3, 0.2)],
)
def test_uniform_on_edges(
    trial,
    half: Annotated[int, Interval(2, 8, why="half of the nodes; of two nodes there is one walk")],
    density: Annotated[float, Interval(0, 1, why="the chance of an edge beside those of a cycle")],
    p: Return,
    q: InOut,
):
    """On a connected graph without weights the walk of node2vec spends a fraction $d_v/∑_u d_u$ of
    its time at the node $v$ of degree $d_v$ if the in-out parameter $q$ is 1, for every return
    parameter $p$, or if the graph has no triangle.
    """
    generator = trial.generator("graphs")
    nodes = 2 * half
    graphs = np.array(
        [
            [cycle_and_more(generator, nodes, density, bipartite=way) for way in (False, True)]
            for _ in range(230)
        ]
    )
    graphs[:, 0, [0, 2], [2, 0]] = 1
    law = np.array([[shares_by_degree(graph) for graph in pair] for pair in graphs])
    leading = np.abs(np.linalg.eigh(graphs)[1][..., -1]) ** 2
    rivals = {"all nodes alike": np.full_like(law, 1 / nodes), "the most random walk": leading}
    controls = {name: value for name, value in rivals.items() if np.ptp(value - law) > 1e-6}
    trial.require(bool(controls), "all nodes of these graphs have as many neighbours")
    trial.identity(
        np.array(
            [
                [edge_shares(a, p, 1).sum(axis=1), edge_shares(b, p, q).sum(axis=1)]
                for a, b in graphs
            ]
        ),
        law,
        ops=1e5,
        scale=1.0,
        independent=230,
        controls=controls,
    )


@claim(
    derived("the reversed walk has the same law"),
    kind="identity",
    cases=[
        (9, 2, 10.0, 4.0),
        (11, 3, 0.1, 4.0),
        (10, 2, 1.0, 0.25),
        (8, 1, 10.0, 4.0),
        (8, 1, 0.1, 4.0),
    ],
)
def test_triangles_only(
    trial,
    nodes: Annotated[int, Interval(8, 16, why="fewer are all but complete; d n directed edges")],
    pairs: Annotated[int, Interval(1, 3, why="half of the degree; of degree 2 there is a cycle")],
    p: Return,
    q: InOut,
):
    """In a connected $d$-regular graph the walk of node2vec, with its parameters $p$ and $q$, takes
    the directed edge $t v$ for a share of time in proportion to
    $1/p + T_{t v} + (d - 1 - T_{t v})/q$, where $T_{t v}$ triangles are on the edge.

    With `pairs` = 1 the graph is the cubic one with a single triangle.
    """
    trial.require(max(q, 1 / q) >= 1.2, "q must be 20 % off 1, where p and q change no visits")
    trial.require(max(p, 1 / p) >= 1.2 or pairs > 1, "p must be 20 % off 1 in the cubic graph")
    generator = trial.generator("graphs")
    graphs = (
        cubic()[None]
        if pairs == 1
        else np.array([regular(generator, nodes, pairs) for _ in range(230)])
    )

    def on_edges(shares):
        """What each graph has on its edges, (graphs, edges)."""
        return np.array([shares(graph)[graph > 0] for graph in graphs])

    law = on_edges(lambda graph: shares_by_triangles(graph, p, q))
    rivals = {
        "all edges alike": on_edges(lambda graph: graph / graph.sum()),
        "$p$ changes no visits": on_edges(lambda graph: shares_by_triangles(graph, 1, q)),
    }
    controls = {n: v for n, v in rivals.items() if np.max(np.abs(v - law)) > 1e-6}
    # Where the mean of T_tv is on most edges, these have the share that all would have.
    moved = np.any([np.abs(v - law) > 1e-6 for v in rivals.values()], axis=0)
    trial.require(np.mean(moved) > 0.35, "the graphs have as many triangles on nearly every edge")
    trial.identity(
        on_edges(lambda graph: edge_shares(graph, p, q)),
        law,
        ops=1e5,
        scale=1.0,
        independent=len(graphs) if pairs > 1 else None,
        controls=controls,
    )


@claim(
    derived("up and down are a chain of two states"),
    kind="identity",
    cases=[(3, 4.0, 1.0), (5, 0.5, 2.0), (8, 3.0, 3.0)],
)
def test_only_the_ratio(
    trial,
    degree: Annotated[int, Interval(3, 8, why="of degree 2 the tree is a line")],
    p: Return,
    q: InOut,
):
    """In the $d$-regular tree the walk of node2vec leaves the root at the speed
    $κ (d - 2)/(κ (d - 2) + 2)$ per step in the long run, where its parameters $p$ and $q$ matter
    through $κ = p/q$ alone.
    """
    trial.require(0.1 <= p / q <= 10, "p/q must lie in [.1, 10]: beyond, it forgets too slowly")
    law = tree_speed(degree, p / q)
    rivals = {"by $p$ alone": tree_speed(degree, p), "the plain walk": tree_speed(degree, 1)}
    margin = max(0.01 * law, 0.004)
    controls = {name: v for name, v in rivals.items() if abs(v - law) > 3 * margin}
    controls["it never turns back"] = 1.0
    trial.mean(
        sampler=partial(speeds, degree=degree, p=p, q=q),
        predict=law,
        law=Bounded(-1, 1),
        margin=margin,
        controls=controls,
        first=2_048,
        most=400_000,
    )


@claim(
    derived("the reversed walk has the same law"),
    kind="identity",
    cases=[(5, 0.2), (4, 10.0), (10, 0.5)],
)
def test_weights_let_p_in(
    trial,
    nodes: Annotated[int, Interval(4, 10, why="three weights of equal strength are all equal")],
    p: Return,
):
    """Let a connected graph have weights of equal strength $∑_x w_{v x} = s$ at all nodes $v$. At
    $q = 1$ the walk of node2vec with the return parameter $p$ takes an edge of weight $w$ for a
    share of time in proportion to $w (s - (1 - 1/p) w)$.
    """
    trial.require(max(p, 1 / p) >= 1.1, "p must be 10 % off 1, the plain walk")
    weights = equal_strengths(trial.generator("weights"), nodes)
    trial.identity(
        edge_shares(weights, p, 1),
        shares_by_weights(weights, p),
        ops=1e5,
        scale=1.0,
        generic="shares are rational in the weights",
        controls={"$p$ changes no visits, as without weights": weights / weights.sum()},
    )


@figure("F1", claims=("triangles_only",))
def visits_of_triangles(returns: tuple[float, ...] = (0.1, 1.0, 10.0)):
    """Both $p$ and $q$ change how often a walk visits the nodes of a triangle, unless $q = 1$.

    A cubic graph on 8 nodes with one triangle: visits of a node of the triangle, where 1 is the
    average of all nodes. Marks: lines: formula; points: the chain of directed edges.
    """
    fine = np.geomspace(0.1, 10, 80)
    at = np.geomspace(0.1, 10, 9)
    graph = cubic()
    lines = {}
    points = {}
    for p in returns:
        name = f"p = {p:g}"
        lines[name] = fine, [8 * shares_by_triangles(graph, p, q)[0].sum() for q in fine]
        points[name] = at, [8 * edge_shares(graph, p, q)[0].sum() for q in at]
    return chart(
        lines,
        points,
        log="x",
        levels={"average": 1.0},
        x="in-out parameter q",
        y="visits of a node of the triangle",
    )
