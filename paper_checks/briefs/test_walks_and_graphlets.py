"""Windels, Malod-Dognin & Pržulj 2024, "Graphlets correct for the topological information missed by
random walks", arXiv 2405.14194.

For whoever embeds the nodes of a graph by random walks and asks what the walks cannot see.

Setting: a simple graph on $n$ nodes has the adjacency matrix $A$ and degrees $d$. A pair class is a
connected graph on at most four nodes with an ordered pair of its nodes, up to isomorphism; a graph
has, for each pair $(i, j)$, the number of its induced subgraphs of each class. The common
neighbours of $i$ and $j$ number $t_{i j} = (A²)_{i j}$, and $e_{i j}$ edges run among them.

Take away: the walks of up to three steps, the triangles at each node and one more number,
$e_{i j}$, determine all 23 numbers of four-node subgraphs at a pair (`one_number_is_missing`). No
walk of DeepWalk depends on $e_{i j}$. A walk of node2vec with $q = 4$ does: in two graphs whose
powers agree in all entries, the 4 × 4 rook's graph and Shrikhande's, it ends after three steps at a
neighbour with the probabilities .00644 and .00560 (`only_q_sees_it`).

Edges: with fewer than two common neighbours $e$ is 0 and nothing is missing. The enumeration takes
$n⁴$ steps, so that graphs on this page have at most nine nodes.

Paper: it proposes to count such pairs of positions, its orbit adjacencies, for the embedding of
nodes. This page lists the classes, says which sums of them three steps give, and names the number
that they miss.

Abstract:

- Statement 1: walks on up to $k$ nodes capture only a subset of the pairs of positions in subgraphs
  of up to $k$ nodes. Holds: walks_add_up, one_number_is_missing. The third power adds up 8 of 23
  classes of four nodes.
- Statement 2: there are 28 matrices of pairs in subgraphs of up to four nodes. In part:
  walks_add_up-classes. There are 28 classes of pairs, which agree with the paper's matrices in
  number.
- Statement 3: subgraphs of four nodes suffice, as real networks are small worlds. Not on trial. It
  needs the networks.
- Statement 4: on six networks labels of nodes are predicted better than with walks. Not on trial.
  It needs the networks.

Read: the abstract, in a stored copy ("all 28 orbit adjacency matrices", "only a subset"). Derived
here: all formulas. Not claimed: that the paper's 28 matrices are these classes, which agree in
number.

Topic: linear algebra for learning.
"""

from collections import Counter
from itertools import combinations, combinations_with_replacement, pairwise, permutations, product
from typing import Annotated, Literal

import numpy as np

from theory_on_trial import (
    claim,
    derived,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Nodes = Annotated[int, Interval(5, 9, why="four nodes are one subgraph; all subsets are listed")]
Density = Annotated[float, Interval(0, 1, why="the chance of an edge beside those of a K4")]
Graph = Literal["rook", "Shrikhande", "Paley 13", "Petersen", "T(7)"]
Private = Annotated[int, Interval(1, 3, why="without any, e is seen exactly; all are listed")]

GRAPHS = 230
"""Drawn in each case, so that fewer than 1 % of all can fail."""
CLASSES = [
    f"{joined}{types}"
    for joined in "10"
    for types in ("CC1", "CC0", "CI1", "CI0", "CJ1", "CJ0", "CN1", "IJ1")
] + [f"1{types}" for types in ("II1", "II0", "JJ1", "JJ0", "IJ0", "IN1", "JN1")]
"""The 23 pair classes on four nodes: whether i and j are joined; to which of them each of the other
two nodes is joined, Common, I, J or None; whether these two are joined."""


def graph_with_clique(generator, nodes, density):
    """A random graph (nodes, nodes) whose first four nodes are all joined, so that e is not 0
    everywhere.
    """
    upper = np.triu(generator.random((nodes, nodes)) < density, 1)
    upper[:4, :4] |= np.triu(np.ones((4, 4), bool), 1)
    return (upper | upper.T).astype(int)


def strongly_regular(name):
    """The adjacency matrix of a strongly regular graph and its numbers k, λ, μ."""
    if name in ("rook", "Shrikhande"):
        steps = {"rook": [(0, y) for y in (1, 2, 3)] + [(x, 0) for x in (1, 2, 3)]}
        steps["Shrikhande"] = [(0, 1), (0, 3), (1, 0), (3, 0), (1, 1), (3, 3)]
        cells = [(x, y) for x in range(4) for y in range(4)]
        joined = [
            [((a[0] - b[0]) % 4, (a[1] - b[1]) % 4) in steps[name] for b in cells] for a in cells
        ]
        numbers = 6, 2, 2
    elif name == "Paley 13":
        squares = {x * x % 13 for x in range(1, 13)}
        joined = [[(a - b) % 13 in squares for b in range(13)] for a in range(13)]
        numbers = 6, 2, 3
    else:
        size, share, numbers = {"Petersen": (5, 0, (3, 0, 1)), "T(7)": (7, 1, (10, 5, 4))}[name]
        pairs = [set(pair) for pair in combinations(range(size), 2)]
        joined = [[len(a & b) == share for b in pairs] for a in pairs]
    return np.array(joined, int), numbers


def edges_among_common(adjacency):
    """e_ij, (n, n): the edges that run among the common neighbours of i and j."""
    common = adjacency[:, None] * adjacency[None]
    return np.einsum("ija,ab,ijb->ij", common, adjacency, common, optimize=True) // 2


@observed
def class_counts(adjacency):
    """The numbers (23, n, n) of induced subgraphs of each class, by listing all sets of four nodes.

    The diagonal is 0.
    """
    nodes = len(adjacency)
    counts = np.zeros((len(CLASSES), nodes, nodes), int)
    for i, j in permutations(range(nodes), 2):
        to_pair = ["NIJC"[adjacency[i, a] + 2 * adjacency[j, a]] for a in range(nodes)]
        others = [a for a in range(nodes) if a not in (i, j)]
        listed = Counter(
            f"{adjacency[i, j]}{''.join(sorted(to_pair[a] + to_pair[b]))}{adjacency[a, b]}"
            for a, b in combinations(others, 2)
        )
        counts[:, i, j] = [listed[name] for name in CLASSES]
    return counts


@observed
def classes_by_isomorphism():
    """How many pair classes there are on two, three and four nodes, and how many of all have a path
    through all nodes from the first of the pair to the second; by trying all permutations.
    """
    found = []
    with_path = 0
    for nodes in (2, 3, 4):
        pairs = list(combinations(range(nodes), 2))
        orders = [(0, 1, *rest) for rest in permutations(range(2, nodes))]
        forms = set()
        for chosen in range(2 ** len(pairs)):
            edges = {pair for k, pair in enumerate(pairs) if chosen >> k & 1}
            reached = {0}
            for _ in range(nodes):
                reached |= {b for a in reached for b in range(nodes) if _joined(edges, a, b)}
            if len(reached) < nodes:
                continue
            forms.add(min(tuple(_joined(edges, o[a], o[b]) for a, b in pairs) for o in orders))
        found.append(len(forms))
        for form in forms:
            edges = {pair for pair, joined in zip(pairs, form, strict=True) if joined}
            paths = ([0, *middle, 1] for middle in permutations(range(2, nodes)))
            with_path += any(all(_joined(edges, a, b) for a, b in pairwise(path)) for path in paths)
    return [*found, with_path]


def _joined(edges, a, b):
    return (a, b) in edges or (b, a) in edges


@observed
def walks_of_three(adjacency):
    """The numbers (n, n) of walks of three steps, by taking the steps one after another."""
    nodes = len(adjacency)
    neighbours = [np.flatnonzero(row) for row in adjacency]
    counts = np.zeros((nodes, nodes), int)
    for start in range(nodes):
        for first in neighbours[start]:
            for second in neighbours[first]:
                counts[start, neighbours[second]] += 1
    return counts


@observed
def ends_of_walks(adjacency, p, q):
    """P(v_0 = i, v_3 = j), (n, n), of node2vec's walk whose first edge is uniform: the chain of
    directed edges.
    """
    start, end = np.nonzero(adjacency)
    follows = end[:, None] == start
    back = start[:, None] == end
    near = adjacency[start[:, None], end] == 1
    weights = follows * np.where(back, 1 / p, np.where(near, 1, 1 / q))
    twice = np.linalg.matrix_power(weights / weights.sum(axis=1, keepdims=True), 2)
    ends = np.zeros(adjacency.shape)
    np.add.at(ends, (start[:, None], end), twice / len(start))
    return ends


@observed
def share_explained(common, first, second, chance):
    """R² of e by a linear regression on (TA)_ij and (AT)_ij, over all graphs on the edges that
    matter, weighted by their probabilities, T = A∘A²; the other edges are drawn once.
    """
    nodes = 2 + common + first + second
    kinds = "ij" + "C" * common + "I" * first + "J" * second
    # Edges without a common neighbour have no part in it: some of them are there.
    upper = np.triu(np.add.outer(np.arange(nodes), np.arange(nodes)) % 3 == 0, 1)
    base = (upper | upper.T).astype(np.int8)
    base[:2] = [[kind in "CI" for kind in kinds], [kind in "CJ" for kind in kinds]]
    base[:, :2] = base[:2].T
    uncertain = [
        pair for pair in combinations(range(2, nodes), 2) if "C" in (kinds[pair[0]], kinds[pair[1]])
    ]
    bits = (np.arange(2 ** len(uncertain))[:, None] >> np.arange(len(uncertain))) & 1
    graphs = np.repeat(base[None], len(bits), axis=0)
    for (a, b), bit in zip(uncertain, bits.T, strict=True):
        graphs[:, a, b] = graphs[:, b, a] = bit
    chances = np.prod(np.where(bits, chance, 1 - chance), axis=1)
    at_i = np.einsum("nk,nkm,nm->nk", graphs[:, 0], graphs, graphs[:, 0], dtype=float)
    at_j = np.einsum("nk,nkm,nm->nk", graphs[:, 1], graphs, graphs[:, 1], dtype=float)
    seen = [np.sum(at_i * graphs[:, 1], axis=1), np.sum(at_j * graphs[:, 0], axis=1)]
    within = graphs[:, 2 : 2 + common, 2 : 2 + common].sum(axis=(1, 2)) / 2
    covariance = np.cov([within, *seen], aweights=chances, ddof=0)
    explained = covariance[0, 1:] @ np.linalg.solve(covariance[1:, 1:], covariance[1:, 0])
    return explained / covariance[0, 0]


@predicted
def classes_by_types():
    """The numbers of pair classes on two, three and four nodes, and of those with a path through
    all nodes from i to j, by types: whether i and j are joined, to which of them each other node is
    joined (C, I, J or N, as in `CLASSES`), and whether two others are joined.
    """
    four = []
    for joined, types, edge in product((0, 1), combinations_with_replacement("CIJN", 2), (0, 1)):
        held = types.count("N") <= edge and types != ("N", "N")
        met = joined or "C" in types or (edge and types == ("I", "J"))
        path = edge and "N" not in types and types not in (("I", "I"), ("J", "J"))
        if held and met:
            four.append(path)
    # Two nodes are joined. A third is C, or I or J if they are joined; C is on a path.
    return [1, 2 + 2, len(four), 1 + 2 + sum(four)]


@predicted(about="class_counts")
def added_up(adjacency, counts):
    """(A³)_ij from the numbers of classes (23, n, n): A_ij (d_i + d_j - 1) and the paths through
    all four nodes, of which K4 and the diamond's far ends have two.
    """
    paths = {"CC1": 2, "CI1": 1, "CJ1": 1, "IJ1": 1}
    weights = [paths.get(name[1:], 0) for name in CLASSES]
    degrees = adjacency.sum(axis=0)
    return adjacency * (degrees[:, None] + degrees - 1) + np.tensordot(weights, counts, 1)


@predicted
def counts_from_walks(adjacency, inner):
    """The numbers (23, n, n) of all classes from walk numbers and the edges e = inner, (n, n),
    among common neighbours; the diagonal is 0.
    """
    a = adjacency
    degrees = a.sum(axis=0)
    d = degrees[:, None] + 0 * a
    t = a @ a
    triangles = a * t
    only_i = d - a - t
    ci = triangles @ a - a * t - 2 * inner
    cj = ci.T
    cn = a @ (degrees[:, None] * a) - 2 * t - 2 * inner - ci - cj
    ij = a @ a @ a - a * (d + d.T - 1) - 2 * inner - ci - cj
    ii = (triangles.sum(axis=1)[:, None] - t - triangles @ a - ci) // 2
    reach_i = (a @ degrees)[:, None] - d.T - a @ (degrees[:, None] * a)
    i_n = reach_i - only_i - ci - 2 * ii - ij
    only_j = only_i.T
    joined = {
        "CC1": inner,
        "CC0": t * (t - 1) // 2 - inner,
        "CI1": ci,
        "CI0": t * only_i - ci,
        "CJ1": cj,
        "CJ0": t * only_j - cj,
        "CN1": cn,
        "II1": ii,
        "II0": only_i * (only_i - 1) // 2 - ii,
        "JJ1": ii.T,
        "JJ0": only_j * (only_j - 1) // 2 - ii.T,
        "IJ1": ij,
        "IJ0": only_i * only_j - ij,
        "IN1": i_n,
        "JN1": i_n.T,
    }
    apart = 1 - a - np.eye(len(a), dtype=int)
    return np.array([(a if name[0] == "1" else apart) * joined[name[1:]] for name in CLASSES])


@predicted
def third_step(numbers, nodes, joined, inner, p, q):
    """P(v_0 = i, v_3 = j) of a pair in a strongly regular graph with the numbers k, λ, μ.

    `joined` says of each pair whether it is an edge, and `inner` how many edges run among its
    common neighbours, both (pairs,) or numbers; p and q are positive.
    """
    k, shared, apart = numbers
    others = k - 1 - shared
    scale = 1 / p + shared + others / q
    back = joined * (1 / p**2 + (2 / p) * (shared + others / q))
    common = np.where(joined, shared, apart)
    end = common * (shared - joined) - 2 * inner
    walks = np.where(
        joined, k + shared**2 + apart * others - 2 * k + 1, apart * (shared + k - apart)
    )
    total = back + 2 * inner + 2 * end / q + (walks - 2 * inner - 2 * end) / q**2
    return total / (nodes * k * scale**2)


@predicted
def share_told(common, first, second):
    """y/(1 + y), y = 2 (t - 1) (1/I + 1/J), of t >= 2 common and I, J >= 1 own neighbours."""
    if common < 2 or min(first, second) <= 0:
        raise ValueError("common must be at least 2, first and second must be positive")
    y = 2 * (common - 1) * (1 / first + 1 / second)
    return y / (1 + y)


@claim(
    tried(
        "abstract: walks capture only a subset of the pairs of positions", "what three steps add up"
    ),
    kind="identity",
    cases=[(6, 0.5), (7, 0.35), (5, 0.2)],
)
def test_walks_add_up(trial, nodes: Nodes, density: Density):
    """For nodes $i ≠ j$ of a simple graph with adjacency matrix $A$ and degrees $d$, $(A³)_{i j}$
    is $A_{i j} (d_i + d_j - 1)$ plus the number of paths from $i$ to $j$ through all nodes of the
    induced subgraphs on four nodes.
    """
    generator = trial.generator("graph")
    graphs = [graph_with_clique(generator, nodes, density) for _ in range(GRAPHS)]
    counts = [class_counts(graph) for graph in graphs]
    apart = ~np.eye(nodes, dtype=bool)
    law = np.array([added_up(*pair)[apart] for pair in zip(graphs, counts, strict=True)])
    alone = np.array([added_up(graph, 0 * counts[0])[apart] for graph in graphs])
    both = np.array([each[CLASSES.index("1CC1")][apart] for each in counts])
    trial.identity(
        np.array([walks_of_three(graph)[apart] for graph in graphs]),
        law,
        ops=0,
        independent=GRAPHS,
        controls={"walks are paths": law - alone, "a subgraph counts once": law - both},
    )


@claim(
    tried("abstract: all 28 orbit adjacency matrices", "a count of the classes of pairs"),
    kind="identity",
)
def test_walks_add_up__classes(trial):
    """There are $1 + 4 + 23 = 28$ classes of connected graphs on two, three and four nodes with an
    ordered pair of their nodes, up to isomorphism, and 11 of them have a path through all nodes
    from the first of the pair to the second.
    """
    trial.identity(
        classes_by_isomorphism(),
        classes_by_types(),
        ops=0,
        controls={
            "one for each of the 15 orbits of graphlets": [1, 3, 11, 8],
            "pairs without an order": [1, 3, 16, 8],
        },
    )


@claim(
    derived("types of the two other nodes"),
    kind="identity",
    cases=[(5, 0.7), (6, 0.35), (5, 0.9)],
)
def test_one_number_is_missing(trial, nodes: Nodes, density: Density):
    """The numbers of all 23 kinds of connected induced subgraphs on four nodes with two nodes at
    $i ≠ j$ are affine in the number $e_{i j}$ of edges among the common neighbours of $i$ and $j$,
    given the entries of $A$, $A²$, $A³$, $A D A$, $T A$, $A T$ and $T 1$, where $T = A∘A²$ and $D$
    holds the degrees.
    """
    generator = trial.generator("graph")
    graphs = [graph_with_clique(generator, nodes, density) for _ in range(GRAPHS)]
    inner = [edges_among_common(graph) for graph in graphs]
    law = [counts_from_walks(*pair) for pair in zip(graphs, inner, strict=True)]
    without = [counts_from_walks(graph, 0 * inner[0]) for graph in graphs]
    trial.identity(
        np.array([class_counts(graph) for graph in graphs]),
        np.array(law),
        ops=0,
        independent=GRAPHS,
        controls={"no edge among common neighbours": np.array(without)},
    )


@claim(
    derived("walks by their number of returns and triangles"),
    kind="identity",
    cases=[
        ("rook", 1.0, 4.0),
        ("Shrikhande", 1.0, 4.0),
        ("Shrikhande", 4.0, 1.0),
        ("Paley 13", 0.3, 2.0),
        ("Petersen", 10.0, 0.1),
        ("T(7)", 0.5, 0.25),
    ],
)
def test_only_q_sees_it(
    trial,
    graph: Graph,
    p: Annotated[float, Interval(0.1, 10, why="p of node2vec; beyond, walks are all but fixed")],
    q: Annotated[float, Interval(0.1, 10, why="q of node2vec; beyond, walks are all but fixed")],
):
    """A strongly regular graph has $v$ nodes of degree $k$, with $λ$ or $μ$ common neighbours if
    joined or not, and $e$ edges among those of $i$ and $j$. node2vec's walk with a uniform first
    edge has $P(v_0 = i, v_3 = j) v k Z² = b + 2e + 2E/q + (W - 2e - 2E)/q²$,
    $Z = 1/p + λ + (k - 1 - λ)/q$. If $i$ and $j$ are joined, $b = 1/p² + (2/p)(Z - 1/p)$,
    $E = λ (λ - 1) - 2e$ and $W = k + λ² + μ (k - 1 - λ) - 2k + 1$; else $b = 0$, $E = λμ - 2e$ and
    $W = μ (λ + k - μ)$.
    """
    trial.require(
        max(p, 1 / p) >= 1.1 or max(q, 1 / q) >= 1.1, "p or q must be 10 % off 1, the plain walk"
    )
    trial.require(
        graph != "Petersen" or max(p / q, q / p) >= 1.1,
        "without triangles p and q must be 10 % apart: p = q is the plain walk",
    )
    adjacency, numbers = strongly_regular(graph)
    apart = ~np.eye(len(adjacency), dtype=bool)
    joined = adjacency[apart]
    inner = edges_among_common(adjacency)[apart]
    nodes = len(adjacency)
    law = third_step(numbers, nodes, joined, inner, p, q)
    mean = np.where(joined == 1, inner[joined == 1].mean(), inner[joined == 0].mean())
    theories = {
        "the plain walk": third_step(numbers, nodes, joined, inner, 1, 1),
        "blind to $e$, its mean for $e$": third_step(numbers, nodes, joined, mean, p, q),
    }
    controls = {
        name: value for name, value in theories.items() if np.max(np.abs(value / law - 1)) > 1e-4
    }
    # Sums of 10 weights and of 100 walks, all positive, take some 130 roundings; the rest is room.
    trial.identity(ends_of_walks(adjacency, p, q)[apart], law, ops=1000, controls=controls)


@claim(
    derived("two noisy readings of $2e$"),
    kind="identity",
    cases=[(3, 2, 1, 0.3), (2, 1, 1, 0.5), (4, 1, 1, 0.8), (2, 3, 3, 0.2)],
)
def test_share_told(
    trial,
    common: Annotated[int, Interval(2, 4, why="one node has no edge; all graphs are listed")],
    first: Private,
    second: Private,
    chance: Annotated[float, Interval(0.05, 0.95, why="at 0 and 1 no edge is uncertain")],
):
    """Nodes $i$ and $j$ have $t$ common neighbours, and $I$ and $J$ neighbours of their own, and
    all edges but those of $i$ and $j$ are independent with one probability $p$. The numbers
    $(T A)_{i j}$ and $(A T)_{i j}$, $T = A∘A²$, predict the edges among the common neighbours
    linearly with $R² = y/(1 + y)$, $y = 2 (t - 1)(1/I + 1/J)$, for every $p$ in $(0, 1)$.
    """
    uncertain = common * (common - 1) // 2 + common * (first + second)
    trial.require(
        uncertain <= 15,
        "common, first and second must leave 15 edges at most: all graphs are listed",
    )
    dense = 4 * chance / (1 + 3 * chance)
    law = share_told(common, first, second)
    controls = {"from one end only": share_told(common, first, np.inf)}
    if abs(dense - law) > 1e-3:
        controls["of a random graph, $4p/(1 + 3p)$"] = dense
    trial.identity(
        share_explained(common, first, second, chance),
        law,
        ops=2**uncertain,
        controls=controls,
    )


@observed
def drawn_walks(generator, adjacency, p, q, count):
    """The first and the last nodes of walks of three steps of node2vec, (count,) each."""
    start, end = np.nonzero(adjacency)
    chosen = generator.integers(len(start), size=count)
    before = start[chosen]
    here = end[chosen]
    first = before
    for _ in range(2):
        back = np.arange(len(adjacency)) == before[:, None]
        weights = adjacency[here] * np.where(
            back, 1 / p, np.where(adjacency[before] == 1, 1, 1 / q)
        )
        totals = np.cumsum(weights, axis=1)
        draws = generator.random((count, 1)) * totals[:, -1:]
        before = here
        here = np.argmax(totals > draws, axis=1)
    return first, here


@figure("F1", claims=("only_q_sees_it",))
def walks_tell_graphs_apart(p: float = 1.0, walks: int = 200_000):
    """Three steps of node2vec distinguish two graphs with the same matrix powers, except at
    $q = 1$.

    The probability that a walk of three steps begins and ends at two given joined nodes, for the 4
    × 4 rook's graph (one edge among their common neighbours) and Shrikhande's graph (none),
    $p = 1$. Marks: lines: formula; points: 200,000 drawn walks, two standard errors.
    """
    generator = np.random.default_rng(0)
    fine = np.geomspace(0.2, 10, 80)
    at = np.array([0.25, 0.5, 1, 2, 4, 8])
    lines = {}
    points = {}
    for name, inner in (("rook", 1), ("Shrikhande", 0)):
        adjacency, numbers = strongly_regular(name)
        lines[name] = fine, [third_step(numbers, 16, 1, inner, p, q) for q in fine]
        shares = []
        for q in at:
            first, last = drawn_walks(generator, adjacency, p, q, walks)
            shares.append(np.mean(adjacency[first, last]))
        seen = np.array(shares)
        errors = 2 * np.sqrt(seen * (1 - seen) / walks)
        points[name] = at, seen / 96, errors / 96
    return chart(
        lines,
        points,
        log="x",
        thresholds={"plain walk": 1.0},
        x="in-out parameter q",
        y="P(v₀ = i, v₃ = j)",
    )
