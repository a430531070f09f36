"""Huang, Lu, Robinson, Yang, Zhang, Jegelka & Li 2024, "On the Stability of Expressive Positional
Encodings for Graphs", ICLR, arXiv 2310.02579.

For whoever feeds eigenvectors of a Laplacian to a network and asks when a gap between eigenvalues,
the number of nodes, or a cut after $d$ eigenvectors matters.

Setting: $L$ $(n, n)$ is symmetric with eigenvalues $λ_1 <= … <= λ_n$ and eigenvectors $V$. The
encoding $E_d(L) = V_d ψ(λ_1, …, λ_d) V_dᵀ$ keeps the $d$ smallest pairs; $ψ$ is
permutation-equivariant with the Jacobian $∂ψ$ and the Lipschitz constant $K$, an elementwise
function $φ$ or a deep set. $|L|$ is the Frobenius norm.

Take away: without a cut the encoding is as stable as $ψ$: $|E(L) - E(L')| <= K |L - L'|$ for any
two matrices, whatever the gaps and however many nodes. A cut at $d$ costs the gap behind it: two
cycles of five nodes whose edges differ by $10⁻⁶$ have encodings that are .36 apart for $d = 2$ and
$φ = e^(-λ)$. In the spectral norm the bound is false from $n = 8$ on, by a factor that grows like
$(2/π) log n$.

Edges: equal eigenvalues among the $d$ kept ones do no harm, but the first claim then holds in a
limit only. A $φ$ that vanishes beyond some $λ$ needs all eigenvalues below this $λ$, not the first
$d$. This page does not cover what a network does with $E$. To compare graphs whose nodes have no
names, take the best relabelling.

Paper: it processes eigenvalues softly, so that encodings are provably stable, and says that a hard
partition of eigenspaces is not. This page gives the exact constants.

Abstract:

- Sentence 2, first half: one Laplacian has many eigendecompositions. No statement.
- Sentence 2, second half: small perturbations may change eigenspaces and encodings completely.
  Holds: cut_costs_the_gap. Where eigenvectors are cut at a small gap.
- Sentence 3: most methods overlook stability, and generalise badly. Not on trial. It needs the data
  sets.
- Sentence 4: the cause of instability is a hard partition of eigenspaces. Holds: cut_costs_the_gap.
- Sentence 5: an architecture partitions them softly by eigenvalues. No statement.
- Sentence 6, first half: it is provably stable. In part: no_gap_no_dimension, local_constant,
  cut_costs_the_gap. If all eigenvectors are kept; with a cut as far as the gap behind it allows.
- Sentence 6, second half: it can express every function that does not depend on the choice of a
  basis. Not on trial. It needs the networks around the encoding.
- Sentence 7: it is as expressive as others, and counts structures of graphs. In part: triangles. A
  polynomial of two encodings counts triangles if no eigenvector is cut; networks are not on trial.
- Sentence 8: graph networks generalise better with it. Not on trial. It needs the data sets.

Read: the abstract, in a stored copy ("provably stable", "hard partition"), and which eigenvectors
the code keeps: Graph-COM/SPE, `src/stable_expressive_pe.py` and `zinc/trainer.py`. Derived here:
all constants. Not claimed: that the paper's theorems have these constants.

Topic: linear algebra for learning.
"""

from functools import partial
from itertools import combinations
from typing import Annotated, Literal

import numpy as np
from scipy.linalg import solve_sylvester

from paper_checks.briefs.common import orthonormal
from theory_on_trial import (
    claim,
    derived,
    observed,
    predicted,
    tried,
)
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Nodes = Annotated[int, Interval(3, 9, why="n; of two nodes nothing is cut; n² directions are bent")]
Psi = Literal["exp(-x)", "tanh(x)", "exp(-.05 x)", "deep set"]
Phi = Literal["exp(-x)", "tanh(x)", "exp(-.05 x)", "hard"]
Cycle = Annotated[int, Interval(5, 12, why="of three and four nodes no or two edges lie opposite")]
LARGE = 256
"""An m at which the spectral norm grows as in the limit."""
EPSILON = 1e-6
"""How far two cycles' edge weights are off 1."""


def psi(name, values):
    """ψ (…, d) of eigenvalues (…, d)."""
    if name == "hard":
        return np.ones_like(values)
    if name == "deep set":
        return np.tanh(values) + 0.3 * np.sin(np.mean(values, axis=-1, keepdims=True))
    rate = 0.05 if name == "exp(-.05 x)" else 1.0
    return np.tanh(values) if name == "tanh(x)" else np.exp(-rate * values)


def slopes(name, values):
    """∂ψ (d, d) at eigenvalues (d,)."""
    if name == "hard":
        return np.zeros((len(values), len(values)))
    if name == "deep set":
        size = len(values)
        return np.diag(np.cosh(values) ** -2.0) + 0.3 * np.cos(np.mean(values)) / size
    rate = 0.05 if name == "exp(-.05 x)" else 1.0
    return np.diag(np.cosh(values) ** -2.0 if name == "tanh(x)" else -rate * np.exp(-rate * values))


def lipschitz(name):
    """The Lipschitz constant K of ψ on eigenvalues that are not negative."""
    return {"exp(-.05 x)": 0.05, "deep set": 1.3, "hard": 0.0}.get(name, 1.0)


def laplacian(weights):
    """The Laplacian (n, n) of symmetric weights (n, n)."""
    return np.diag(weights.sum(axis=1)) - weights


def cycle(nodes, epsilon):
    """The Laplacian of a cycle one of whose edges has the weight 1 + ε."""
    weights = np.roll(np.eye(nodes), 1, axis=0)
    weights = weights + weights.T
    weights[0, 1] = weights[1, 0] = 1 + epsilon
    return laplacian(weights)


def signed_hilbert(half):
    """The matrix (m, m) of 1/(i - j), 0 on the diagonal."""
    gaps = np.subtract.outer(np.arange(half), np.arange(half)).astype(float)
    return np.divide(1, gaps, out=np.zeros_like(gaps), where=gaps != 0)


@observed
def encoding(matrix, kept, function):
    """E_d (n, n), with ψ = `function` of the d smallest eigenvalues."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors[:, :kept] * function(values[:kept])) @ vectors[:, :kept].T


@observed
def bent_most(matrix, kept, function, step=1e-5):
    """The largest |DE_d[H]| over |H| = 1, by singular values of central differences of the encoder
    along a basis of the symmetric matrices.
    """
    nodes = len(matrix)
    columns = []
    for i in range(nodes):
        for j in range(i + 1):
            direction = np.zeros((nodes, nodes))
            direction[i, j] = direction[j, i] = 1 if i == j else np.sqrt(0.5)
            forth = encoding(matrix + step * direction, kept, function)
            back = encoding(matrix - step * direction, kept, function)
            columns.append((forth - back).ravel() / (2 * step))
    return np.linalg.norm(np.array(columns), 2)


@observed
def stretches(generator, name, nodes, pairs):
    """|E(L) - E(L')|/|L - L'| (3 · pairs,) of random pairs that are not negative: unrelated ones,
    close ones, and such that differ by almost a multiple of I; eigenvalues from .001 to 3.
    """
    ratios = []
    for size in np.geomspace(1e-3, 3, pairs):
        turns = [orthonormal(generator, nodes) for _ in range(3)]
        spectra = size * generator.random((3, nodes))
        first, other, third = (
            (turn * values) @ turn.T for turn, values in zip(turns, spectra, strict=True)
        )
        shifted = first + size * np.eye(nodes) + 0.01 * third
        for second in (other, first + 1e-3 * other, shifted):
            encodings = [encoding(each, nodes, partial(psi, name)) for each in (first, second)]
            distance = np.linalg.norm(encodings[0] - encodings[1])
            ratios.append(distance / np.linalg.norm(first - second))
    return np.array(ratios)


@observed
def jump(nodes, kept, function, epsilon):
    """|E_d - E_d'| of two cycles with an edge of weight 1 ± ε."""
    encodings = [encoding(cycle(nodes, sign * epsilon), kept, function) for sign in (1, -1)]
    return np.linalg.norm(encodings[0] - encodings[1])


@observed
def spectral_stretch(half, ratio):
    """|Dφ[H]|₂/|H|₂ for φ = |x| at diag(x, -x), x_i = e^(αi), along H = [[0, B], [Bᵀ, 0]] with
    B_ij = 1/(i - j): the derivative Y solves |A| Y + Y |A| = A H + H A.
    """
    block = signed_hilbert(half)
    zeros = np.zeros_like(block)
    direction = np.block([[zeros, block], [block.T, zeros]])
    # Scaled by the largest; |x| is homogeneous.
    entries = np.exp(ratio * (np.arange(half) - half + 1))
    values = np.concatenate([entries, -entries])
    sizes = np.diag(np.abs(values))
    right = values[:, None] * direction + direction * values
    change = solve_sylvester(sizes, sizes, right)
    return np.linalg.norm(change, 2) / np.linalg.norm(direction, 2)


@observed
def spectral_change(half, ratio):
    """|Dφ[H]|₂ along the same H: the upper right block Y (m, m) of the derivative solves X Y + Y X
    = X B - B X with X = diag(x), here entry by entry, and is all of it.
    """
    block = signed_hilbert(half)
    entries = np.exp(ratio * (np.arange(half) - half + 1))
    right = entries[:, None] * block - block * entries
    return np.linalg.norm(right / np.add.outer(entries, entries), 2)


@predicted
def local_constant(matrix, name, kept):
    """max(|∂ψ|₂, max |ψ_i - ψ_j|/(λ_j - λ_i) over i < j <= d, max |ψ_i|/(λ_j - λ_i) over i <= d <
    j), for a simple spectrum.
    """
    values = np.linalg.eigvalsh(matrix)
    if len(values) > 1 and np.min(np.diff(values)) < 1e-9:
        raise ValueError("matrix must have a simple spectrum: the derivative needs a limit")
    filled = np.append(psi(name, values[:kept]), np.zeros(len(values) - kept))
    gaps = np.subtract.outer(values, values)
    quotients = np.abs(np.subtract.outer(filled, filled))[gaps > 0] / gaps[gaps > 0]
    own = np.linalg.norm(slopes(name, values[:kept]), 2)
    return max(own, *quotients)


@predicted
def global_constant(name):
    """K, the Lipschitz constant of ψ."""
    return lipschitz(name)


@predicted
def jump_of_cycle(nodes, name):
    """√2 |φ(λ)| at the double eigenvalue λ = 2 - 2 cos(2π/n) of a cycle, cut in the middle. Raises
    ValueError for fewer than three nodes.
    """
    if nodes < 3:
        raise ValueError("nodes must be at least 3: fewer are no cycle")
    return np.sqrt(2) * abs(psi(name, 2 - 2 * np.cos(2 * np.pi / nodes)))


@predicted
def stretch_of_cycle(nodes, name, kept):
    """|DE_d[H]|/|H| at the cycle along an edge's Laplacian H, for elementwise ψ, from divided
    differences, which are slopes where eigenvalues are equal. The cut is behind a pair or nowhere.
    """
    if kept % 2 == 0 and kept != nodes:
        raise ValueError("kept must be odd or nodes: else the cut goes through a pair")
    values, vectors = np.linalg.eigh(cycle(nodes, 0.0))
    filled = np.append(psi(name, values[:kept]), np.zeros(nodes - kept))
    steep = np.append(np.diag(slopes(name, values[:kept])), np.zeros(nodes - kept))
    gaps = np.subtract.outer(values, values)
    same = np.abs(gaps) < 1e-9
    quotients = np.subtract.outer(filled, filled) / np.where(same, 1, gaps)
    direction = cycle(nodes, 1.0) - cycle(nodes, 0.0)
    parts = np.where(same, steep, quotients) * (vectors.T @ direction @ vectors)
    return np.linalg.norm(parts) / np.linalg.norm(direction)


@predicted
def hyperbolic_stretch(half, ratio):
    """|tanh(α (i - j)/2)/(i - j)|₂/|1/(i - j)|₂, of matrices (m, m) with 0 on the diagonal. Raises
    ValueError for m < 2.
    """
    if half < 2:
        raise ValueError("half must be at least 2: with one pair nothing is off the diagonal")
    gaps = np.subtract.outer(np.arange(half), np.arange(half))
    kernel = signed_hilbert(half)
    return np.linalg.norm(np.tanh(ratio * gaps / 2) * kernel, 2) / np.linalg.norm(kernel, 2)


@claim(
    derived("the derivative of a spectral function, after Daleckii and Krein"),
    kind="identity",
    cases=[(7, 2, "exp(-x)"), (7, 7, "exp(-x)"), (5, 4, "deep set"), (3, 1, "tanh(x)")],
)
def test_local_constant(
    trial,
    nodes: Nodes,
    kept: Annotated[int, Interval(1, 9, why="d eigenvectors; without any there is no encoding")],
    name: Psi,
):
    """The encoding $E_d(L) = V_d ψ(λ_1, …, λ_d) V_dᵀ$ keeps the $d$ smallest eigenpairs of $L$, all
    of which differ. The largest factor by which its derivative stretches a symmetric matrix, in the
    Frobenius norm, is the largest of $|∂ψ|₂$, $|ψ_i - ψ_j|/(λ_j - λ_i)$ over $i < j <= d$, and
    $|ψ_i|/(λ_j - λ_i)$ over $i <= d < j$.
    """
    trial.require(kept <= nodes, "kept must not exceed nodes")
    turns = trial.generator("V")
    spectra = trial.generator("λ").uniform(0.3, 1, (172, nodes - 1))

    def judged(gaps):
        """Of a drawn matrix: what is found, the law, and what wrong theories say."""
        turn = orthonormal(turns, nodes)
        values = np.append(0, np.cumsum(gaps))
        matrix = (turn * values) @ turn.T
        rivals = {"$K$, as if nothing were cut": lipschitz(name)}
        if kept < nodes:
            rivals["the gap behind the cut alone"] = 1 / gaps[kept - 1]
        rivals["the smallest gap, as for eigenvectors"] = 1 / np.min(gaps)
        ends = psi(name, values[:kept])[[0, -1]]
        if kept > 1:
            rivals["the mean slope of $ψ$"] = abs(np.diff(ends)[0]) / (values[kept - 1] - values[0])
        rivals["the slopes of $ψ$ alone"] = np.linalg.norm(slopes(name, values[:kept]), 2)
        found = bent_most(matrix, kept, partial(psi, name))
        return found, local_constant(matrix, name, kept), rivals

    # Of 688 matrices in all cases fewer than 1 % can fail.
    measured, laws, rivals = zip(*map(judged, spectra), strict=True)
    law = np.array(laws)
    wrong = {key: np.array([each[key] for each in rivals]) for key in rivals[0]}
    trial.value(
        measured,
        law,
        error=1e-7,
        margin=1e-5 * np.maximum(law, 0.1),
        independent=172,
        controls={n: v for n, v in wrong.items() if np.max(np.abs(v - law) / law) > 1e-3},
    )


@claim(
    tried("abstract: provably stable", "the constant $K$, if nothing is cut"),
    cases=[("exp(-x)", 6), ("deep set", 5), ("tanh(x)", 9), ("exp(-.05 x)", 4)],
)
def test_no_gap_no_dimension(trial, name: Psi, nodes: Nodes):
    """The encoding $E(L) = V ψ(λ) Vᵀ$ of all eigenpairs of $L$, with a permutation-equivariant $ψ$
    of the Lipschitz constant $K$, has $|E(L) - E(L')| <= K |L - L'|$ in the Frobenius norm for any
    two positive semidefinite matrices.
    """
    law = global_constant(name)
    trial.bound(
        stretches(trial.generator("pairs"), name, nodes, 172),
        law,
        instances="draws",
        independent=172,  # of 688 in all fewer than 1 % can fail
        ops=1e6,
        scale=1.0,
        controls={"the slope of $ψ$ at 1": abs(slopes(name, np.ones(1))[0, 0])},
    )


@claim(
    tried("abstract: instability comes from a hard partition", "the jump $√2 |φ|$ of a cut pair"),
    kind="limit",
    cases=[(5, "exp(-x)"), (8, "exp(-x)"), (6, "hard"), (12, "tanh(x)")],
)
def test_cut_costs_the_gap(trial, nodes: Cycle, name: Phi):
    """Two cycles have unit weights but for one edge, $1 + ε$ and $1 - ε$. Their encodings
    $V_2 diag(φ(λ_1), φ(λ_2)) V_2ᵀ$ by the two least eigenpairs of the Laplacian, of which
    $λ_2 = λ_3$ at $ε = 0$, are $√2 |φ(λ_2)|$ apart in the Frobenius norm as $ε → 0$.
    """
    law = jump_of_cycle(nodes, name)
    trial.value(
        jump(nodes, 2, partial(psi, name), EPSILON),
        law,
        error=1e-8,
        margin=1e-4 * law,
        controls={
            "it shrinks like $ε$": 4 * EPSILON * lipschitz(name),
            "both eigenvectors turn": law * np.sqrt(2),
            "one eigenvector turns, $|φ(λ)|$": law / np.sqrt(2),
        },
    )


@claim(
    derived("divided differences"),
    kind="limit",
    cases=[
        (5, "exp(-x)", True),
        (5, "exp(-.05 x)", True),
        (6, "hard", True),
        (8, "tanh(x)", False),
    ],
)
def test_cut_costs_the_gap__after_the_pair(trial, nodes: Cycle, name: Phi, cut: bool):
    """Two cycles have unit weights but for one edge, $1 + ε$ and $1 - ε$, and encodings
    $sum_{i<=d} φ(λ_i) v_i v_iᵀ$ by the eigenpairs of their Laplacians, $d = 3$ or all. Their
    distance over that of the Laplacians tends to $|∑_{i j} f_{i j} P_i H P_j|/|H|$ as $ε → 0$, with
    the edge's Laplacian $H$, $P_i = v_i v_iᵀ$ and the divided differences $f_{i j}$ of the kept
    $φ$.
    """
    kept = 3 if cut else nodes
    trial.require(cut or name != "hard", "without a cut projectors are the identity")
    law = stretch_of_cycle(nodes, name, kept)
    other = stretch_of_cycle(nodes, name, nodes if cut else 3)
    # The distance is divided by that of Laplacians, which is 2ε times the length 2 of H.
    trial.value(
        jump(nodes, kept, partial(psi, name), 1e-4) / 4e-4,
        law,
        error=1e-9,
        margin=1e-4 * law,
        controls={
            "the Lipschitz constant $K$": lipschitz(name),
            "as if nothing were cut" if cut else "as if cut at $d = 3$": other,
        },
    )


@claim(
    derived("the derivative of $|x|$ is a divided difference"),
    kind="identity",
    cases=[(2, 2.0), (4, 2.0), (8, 2.0), (12, 0.5)],
)
def test_not_in_spectral_norm(
    trial,
    half: Annotated[int, Interval(2, 12, why="m; for one pair nothing is off the diagonal")],
    ratio: Annotated[
        float, Interval(0.5, 3, why="α; at 0 the pairs are equal, later at the limit")
    ],
):
    """For $φ = |x|$ let $Dφ$ be its derivative as a function of matrices at $L = diag(x, -x)$,
    $x_i = e^(α i)$, $i < m$. Along $H = (0, B; Bᵀ, 0)$, $B_{i j} = 1/(i - j)$ and 0 on the
    diagonal, $|Dφ[H]|/|H|$ is $|tanh(α (i - j)/2)/(i - j)|/|1/(i - j)|$ in the spectral norm.
    """
    law = hyperbolic_stretch(half, ratio)
    trial.value(
        spectral_stretch(half, ratio),
        law,
        error=1e-10,
        margin=1e-7,
        controls={
            "$K = 1$, as in the Frobenius norm": 1.0,
            "$α → ∞$": hyperbolic_stretch(half, 1e6),
        },
    )


@predicted
def growth_of_stretch():
    """2/π: 2 log m of the matrix 1/|i - j|, over the norm π of Hilbert's 1/(i - j)."""
    return 2 / np.pi


@claim(
    derived("$|tanh(α k/2)/k|$ and $1/|k|$ have a summable difference; growth by numbers only"),
    kind="limit",
    cases=[2.0, 1.0, 2.5],
)
def test_not_in_spectral_norm__grows(
    trial,
    ratio: Annotated[float, Interval(1, 2.5, why="α; small ones grow late, large ones underflow")],
):
    """The spectral norm of the $(m, m)$ matrix $tanh(α (i - j)/2)/(i - j)$, 0 on the diagonal,
    divided by $π$, grows by $(2/π) log 2$ for each doubling of $m$, for every $α > 0$ and large
    $m$.
    """
    law = growth_of_stretch()
    step = spectral_change(LARGE, ratio) - spectral_change(LARGE // 2, ratio)
    trial.value(
        step / (np.pi * np.log(2)),
        law,
        error=1e-9,
        margin=0.009 * law,
        controls={
            "bounded, as in the Frobenius norm": 0.0,
            "as Lebesgue's constants, $(4/π²) log m$": 4 / np.pi**2,
            "$log m$": 1.0,
        },
    )


@observed
def triangles_by_encodings(matrix, kept):
    """Triangles through each node (n,), from the encodings E of ψ = λ and F of ψ = λ²: ½ Σ_j over
    the neighbours of -E_ij (F_ij - (E_ii + E_jj) E_ij).
    """
    once = encoding(matrix, kept, lambda values: values)
    twice = encoding(matrix, kept, np.square)
    degrees = np.diag(once)
    common = twice - (degrees[:, None] + degrees) * once
    per_pair = once * common
    return -(per_pair.sum(axis=1) - np.diag(per_pair)) / 2


@predicted
def triangles_by_listing(weights):
    """Triangles through each node (n,) of a graph without loops, all triples being listed."""
    through = np.zeros(len(weights))
    for triple in combinations(range(len(weights)), 3):
        if all(weights[i, j] for i, j in combinations(triple, 2)):
            through[list(triple)] += 1
    return through


@claim(
    tried(
        "abstract, sentence 7: it counts graph substructures",
        "two encodings with $ψ = λ$ and $ψ = λ²$ and a polynomial of their entries",
    ),
    kind="identity",
    cases=[6, 8, 9],
)
def test_triangles(trial, nodes: Annotated[int, Interval(5, 9, why="n; all triples are listed")]):
    """Let $E$ and $F$ be the encodings $V ψ(λ) Vᵀ$ of a graph's Laplacian with $ψ = λ$ and
    $ψ = λ²$, from all $n$ eigenvectors. Through node $i$ pass
    $½ sum_(j ≠ i) -E_(i,j) (F_(i,j) - (E_(i,i) + E_(j,j)) E_(i,j))$ triangles.
    """
    generator = trial.generator("graphs")
    graphs = []
    for _ in range(20):
        weights = np.triu(generator.random((nodes, nodes)) < 0.6, 1).astype(float)
        graphs.append(weights + weights.T)
    law = np.array([triangles_by_listing(weights) for weights in graphs])
    found, cut = (
        [triangles_by_encodings(laplacian(weights), kept) for weights in graphs]
        for kept in (nodes, nodes - 1)
    )
    degrees = np.sum(graphs, axis=2)
    trial.identity(
        found,
        law,
        ops=1e4,  # an eigendecomposition of n rows, and sums of n terms of size up to n²
        scale=nodes**2,
        generic="both sides are polynomials of the weights of the edges",
        controls={"degrees tell all": 0.6 * degrees * (degrees - 1) / 2},
        control_processes={"without the last eigenvector": cut},
    )


@figure("F1", claims=("cut_costs_the_gap", "cut_costs_the_gap-after_the_pair"))
def cut_cycles(nodes: int = 8):
    """A cut between two equal eigenvalues makes the encoding jump, a cut behind them does not.

    How far the encodings of two cycles on eight nodes with edge weights $1 ± ε$ are apart, beside
    the Laplacians, $φ = e^(-λ)$. Marks: lines: limits for small $ε$; points: encodings by
    eigenvectors.
    """
    fine = np.geomspace(1e-6, 0.1, 50)
    at = np.geomspace(1e-6, 0.1, 11)
    lines = {"d = 2": (fine, jump_of_cycle(nodes, "exp(-x)") / (4 * fine))}
    points = {}
    for kept, name in ((2, "d = 2"), (3, "d = 3"), (nodes, "all")):
        found = [jump(nodes, kept, partial(psi, "exp(-x)"), e) / (4 * e) for e in at]
        points[name] = at, found
        if kept != 2:
            lines[name] = fine, stretch_of_cycle(nodes, "exp(-x)", kept)
    return chart(
        lines,
        points,
        levels={"K": 1.0},
        log="xy",
        x="change ε of an edge's weight",
        y="|E - E'| / |L - L'|",
    )
