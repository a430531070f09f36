"""Pennec 2018, "Barycentric Subspace Analysis on Manifolds", Annals of Statistics, arXiv
1607.02833; Mankovich & Birdal 2023, "Chordal Averaging on Flag Manifolds and Its Applications",
ICCV, arXiv 2303.13501.

For whoever compares or averages nested bases of principal components: what an error in each of them
costs, why no other flag than that of the principal components is even a local optimum, and why a
mean of flags cannot be found one vector at a time.

Paper: Pennec fits a nested sequence of subspaces, a flag, by one criterion for all of them and
carries this to manifolds; Mankovich and Birdal average flags. This page studies both criteria in
flat space, where their optima are known.

Take away: a search cannot be trapped, since of $n!/(n - q)!$ critical flags only the principal one
is a local minimum. Exchanging components 1 and 2 within $V_q$ costs $(λ_1 - λ_2)$ although $V_q$
explains the same. A mean flag of two vectors that is found vector by vector costs up to 9 % more
than after one rotation; the median is .4 % over 300 draws of seven flags in five dimensions.

Centred data $X$ $(N, n)$ have $S = XᵀX/N$ with eigenvalues $λ_1 > … > λ_n$. A flag is an
orthonormal $u_1, …, u_q$, of which the first $k$ vectors span $V_k$ with projection $P_k$; its
cost, the accumulated unexplained variance, is $AUV = sum_{k<=q} E|x - P_k x|²$ over the data. With
$w_j = max(q - j + 1, 0)$ it is $q tr S - ∑_j w_j u_jᵀ S u_j$. Chordal means have the least sum of
$sin²$ of angles.

Edges: equal eigenvalues make flat directions. If $q = n$, the last vector adds nothing to AUV.

Abstract:

- Statement 1: one criterion fits a nested sequence of subspaces, and in flat space it gives
  principal components. Holds: flag_minimum, rotation_price, morse_index.
- Statement 2: an algorithm finds means of flags and provably converges. In part: chordal_mean,
  chordal_mean-greedy. The mean of subspaces, and what a greedy mean of flags costs; the algorithm
  is not tried.
- Statement 3: both carry over to manifolds and to robust variants. Not on trial. Only flat space is
  tried.

Read: the abstracts. The abstract of Pennec states which flag is best. Derived here: the values,
prices and indices. Not claimed: anything about curved spaces. Topic: linear algebra for learning.
"""

from functools import partial
from itertools import combinations, permutations
from typing import Annotated, Literal

import numpy as np
from scipy.linalg import expm

from paper_checks.briefs.common import orthonormal
from theory_on_trial import claim, derived, known, observed, predicted, tried
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Dim = Annotated[
    int,
    Interval(
        3, 6, why="in the plane a flag is a line; a search turns all pairs of axes many times"
    ),
]
Steps = Annotated[int, Interval(2, 8, why="a single subspace has no order; at most the dimension")]
FewDims = Annotated[
    int,
    Interval(3, 4, why="in the plane a flag is a line; all n! orderings are differentiated twice"),
]


def data(generator, dim):
    """Centred points whose standard deviations fall by a fifth each, in a random basis;
    eigenvalues, eigenvectors.
    """
    right = orthonormal(generator, dim)
    left = generator.normal(size=(4 * dim, dim))
    left = np.linalg.qr(left - left.mean(axis=0))[0]
    values = 0.64 ** np.arange(dim)
    return left * np.sqrt(4 * dim * values) @ right.T, values, right


def pairs_up_to(dim, steps):
    """The pairs a < b of components of which the first belongs to the flag."""
    return [(a, b) for a, b in combinations(range(dim), 2) if a < steps]


def turned(frame, i, j, angle):
    """A frame with its axes i and j turned in their plane."""
    turn = np.eye(len(frame))
    turn[[i, j], [i, j]] = np.cos(angle)
    turn[j, i] = np.sin(angle)
    turn[i, j] = -np.sin(angle)
    return frame @ turn


@observed
def unexplained(points, frames):
    """AUV of one or many frames (…, n, q), by projecting every point on every subspace."""
    parts = np.cumsum((points @ frames)[..., None, :] * frames[..., None, :, :], axis=-1)
    return np.sum((points[..., None] - parts) ** 2, axis=(-1, -2, -3)) / len(points)


@observed
def least(cost, frame, pairs):
    """The frame of least cost that turning pairs of axes one by one finds: a constant and a
    sinusoid of 2 φ.
    """
    thirds = np.pi / 3 * np.arange(3)
    for i, j in pairs:
        values = cost(np.array([turned(frame, i, j, at) for at in thirds]))
        frame = turned(frame, i, j, (np.angle(values @ np.exp(2j * thirds)) + np.pi) / 2)
    return frame


@observed
def chordal_costs(frames, q, blocks):
    """Σ sin² of the principal angles between blocks of columns of q, one or many, and the same of
    each frame.
    """
    cosines = [
        np.linalg.svd(frames[..., b].mT @ q[..., None, :, b], compute_uv=False) for b in blocks
    ]
    return sum(np.sum(1 - c**2, axis=(-1, -2)) for c in cosines)


@predicted
def chordal_minimum(frames):
    """The number p k less the k largest eigenvalues of Σ Y_i Y_iᵀ."""
    return np.sum(
        len(frames) - np.linalg.eigvalsh(np.sum(frames @ frames.mT, axis=0))[-frames.shape[2] :]
    )


@predicted
def greedy_flag(frames):
    """Best u_1, then u_2; 2 p - u_1ᵀP_1 u_1 - u_2ᵀP_2 u_2 before and after the best turn, P_k = Σ_i
    y_ik y_ikᵀ.
    """
    first, second = np.einsum("iak,ibk->kab", frames, frames)
    basis = np.linalg.eigh(first)[1][:, ::-1]
    basis[:, 1:] = basis[:, 1:] @ np.linalg.eigh(basis[:, 1:].T @ second @ basis[:, 1:])[1][:, ::-1]
    a, b = (basis[:, :2].T @ matrix @ basis[:, :2] for matrix in (first, second))
    return basis, 2 * len(frames) - np.array(
        [a[0, 0] + b[1, 1], np.trace(b) + np.linalg.eigvalsh(a - b)[-1]]
    )


@predicted
def cost_in_order(values, steps):
    """Σ min(i - 1, q) λ_i, with the eigenvalues in this order."""
    return np.minimum(np.arange(len(values)), steps) @ values


@predicted
def turning_price(values, steps, angle, alone=False):
    """(w_i - w_j)(λ_i - λ_j) sin² φ for i < j and i <= q; V_q alone has the weights 1 and 0."""
    weights = np.clip(steps - np.arange(len(values)), 0, 1 if alone else steps)
    i, j = np.array(pairs_up_to(len(values), steps)).T
    return (weights[i] - weights[j]) * (values[i] - values[j]) * np.sin(angle) ** 2


@predicted
def inversions(orderings):
    """How many pairs of each ordering are out of order."""
    return [sum(early > late for early, late in combinations(p, 2)) for p in orderings]


@observed
def turned_costs(points, vectors, steps, angle):
    """AUV above that of the principal flag, of the flags with two components turned."""
    frames = np.array([turned(vectors, i, j, angle) for i, j in pairs_up_to(len(vectors), steps)])
    return unexplained(points, frames[..., :steps]) - unexplained(points, vectors[:, :steps])


@observed
def hessian_spectra(points, vectors, steps, orderings):
    """Hessian eigenvalues of AUV at the flags of reordered components, by second differences along
    rotations.
    """
    dim = len(vectors)
    width = 1e-4
    a, b = np.array(pairs_up_to(len(vectors), steps)).T
    skew = np.eye(dim)[a][:, :, None] * np.eye(dim)[b][:, None]
    skew = np.multiply.outer([1, -1], skew - skew.mT)
    turns = expm(width / 2 * (skew[:, None, :, None] + skew[:, None]))
    costs = [
        unexplained(points, (vectors[:, ordering] @ turns)[..., :steps]) for ordering in orderings
    ]
    return np.linalg.eigvalsh(np.einsum("a,b,pabij->pij", [1, -1], [1, -1], costs)) / width**2


@claim(
    tried(
        "abstract of Pennec 2018: principal components minimise the sum of unexplained variances",
        "the least and the largest value",
    ),
    kind="optimality",
    cases=[(4, 2, "least"), (3, 3, "least"), (4, 2, "largest"), (3, 3, "largest")],
)
def test_flag_minimum(trial, dim: Dim, steps: Steps, end: Literal["least", "largest"]):
    """Let AUV be the sum over $k <= q$ of the variance of data with covariance eigenvalues $λ_i$
    that the first $k$ vectors of an orthonormal $u_1, …, u_q$ leave. Its least value is
    $sum_i min(i - 1, q) λ_i$ for $λ_1 > λ_2 > …$, that of the principal components, and its largest
    is the same sum for $λ_1 < λ_2 < …$.
    """
    trial.require(
        dim >= steps, "a flag has at most as many vectors as dimensions: dim must be at least steps"
    )
    points, values, _ = data(trial.generator(), dim)
    sign, ordered = (1, values) if end == "least" else (-1, values[::-1])

    def cost(frames):
        return sign * unexplained(points, frames[..., :steps])

    frame = least(cost, np.eye(dim), pairs_up_to(dim, steps) * 60)
    trial.identity(
        sign * cost(frame),
        cost_in_order(ordered, steps),
        ops=40 * dim,
        scale=steps * values.sum(),
        generic="eigenvalues are analytic in the data where they are distinct",
        controls={"$q$ times $V_q$ alone": steps * ordered[steps:].sum()},
    )


@claim(
    derived("from the weights of AUV"),
    kind="identity",
    cases=[(5, 3, 0.3), (3, 2, 3.1), (16, 8, 1.0)],
)
def test_rotation_price(
    trial,
    dim: Annotated[
        int,
        Interval(3, 16, why="in the plane a flag is a line; all pairs of components are turned"),
    ],
    steps: Steps,
    angle: Annotated[float, Interval(0.01, 3.1, why="at 0 and π nothing is turned")],
):
    """Turning the principal components $i < j$ of a flag of $q$ components by $φ$ raises the sum of
    the variances that its subspaces $V_1, …, V_q$ leave by $(w_i - w_j)(λ_i - λ_j) sin² φ$, where
    $λ$ are the eigenvalues of the covariance and $w_j = max(q - j + 1, 0)$.
    """
    trial.require(
        dim >= steps, "a flag has at most as many vectors as dimensions: dim must be at least steps"
    )
    points, values, vectors = data(trial.generator(), dim)
    predict, flat = (turning_price(values, steps, angle, alone) for alone in (False, True))
    controls = {"$V_q$ alone": flat, "as it starts, $φ²$": predict * (angle / np.sin(angle)) ** 2}
    measured = turned_costs(points, vectors, steps, angle)
    scale = steps * values.sum()  # of what is subtracted
    trial.identity(
        measured,
        predict,
        ops=20 * dim,
        scale=scale,
        generic="both sides are analytic in the data where eigenvalues are distinct",
        controls=controls,
    )


def critical_flags(dim, steps):
    """The orderings of the components that differ in their first q entries, as an array."""
    orderings = permutations(range(dim))
    return np.array([p for p in orderings if list(p[steps:]) == sorted(p[steps:])])


@claim(
    derived("from the second derivative along rotations"),
    kind="identity",
    cases=[(4, 3), (4, 2), (3, 3)],
)
def test_morse_index(trial, dim: FewDims, steps: Steps):
    """At the flag of the first $q$ principal components in the order $π$, the sum of the variances
    that its subspaces leave has a Hessian with the eigenvalues $2 (w_a - w_b)(λ_{π(a)} - λ_{π(b)})$
    for $a < b$, $a <= q$, where $λ$ are the eigenvalues of the covariance and
    $w_j = max(q - j + 1, 0)$.
    """
    trial.require(
        dim >= steps, "a flag has at most as many vectors as dimensions: dim must be at least steps"
    )
    points, values, vectors = data(trial.generator(), dim)
    orderings = critical_flags(dim, steps)
    predict, flat = np.sort(
        [[2 * turning_price(values[p], steps, np.pi / 2, w) for p in orderings] for w in (0, 1)]
    )
    trial.value(
        hessian_spectra(points, vectors, steps, orderings),
        predict,
        error=1e-6,
        margin=1e-4,
        generic="symmetric functions of each list are analytic, and fix the sorted list",
        controls={"equal weights": flat},
    )


@claim(
    derived("an eigenvalue is negative where a pair is out of order"),
    kind="identity",
    cases=[(4, 3), (4, 2), (3, 3)],
)
def test_morse_index__inversions(trial, dim: FewDims, steps: Steps):
    """At the flag of the first $q$ principal components, of distinct variances, in the order $π$,
    the sum of the variances that its subspaces leave has as many directions of descent as $π$ has
    inversions: only the flag in falling order is a local minimum among these.
    """
    trial.require(
        dim >= steps, "a flag has at most as many vectors as dimensions: dim must be at least steps"
    )
    points, _, vectors = data(trial.generator(), dim)
    orderings = critical_flags(dim, steps)
    spectra = hessian_spectra(points, vectors, steps, orderings)
    trial.identity(
        np.sum(spectra < 0, axis=1),
        inversions(orderings),
        ops=0,
        generic="eigenvalues are analytic in the basis, and none of them is 0",
        controls={"misplaced components": np.sum(orderings != np.arange(dim), axis=1)},
    )


@claim(
    known("Ky Fan 1949, for the sum of the projections"),
    kind="optimality",
    cases=[(5, 2), (3, 2), (6, 4)],
)
def test_chordal_mean(trial, dim: Dim, steps: Steps):
    """The least sum of $sin²$ of the principal angles of a $k$-dimensional subspace to $p$
    subspaces with orthonormal bases $Y_i$ is $p k$ minus the $k$ largest eigenvalues of
    $∑_i Y_i Y_iᵀ$.
    """
    trial.require(dim > steps, "the whole space has no angles: dim must exceed steps")
    frames = np.linalg.qr(trial.generator().normal(size=(7, dim, steps)))[0]
    whole = partial(chordal_costs, frames, blocks=[range(steps)])
    best = least(whole, np.eye(dim), pairs_up_to(dim, steps) * 400)
    mean = np.linalg.qr(frames.mean(axis=0))[0]
    trial.identity(
        whole(best),
        chordal_minimum(frames),
        ops=20 * dim,
        scale=7.0 * steps,
        generic="eigenvalues are analytic in the frames where they are distinct",
        control_processes={"mean of the bases": whole(mean)},
    )


@claim(
    derived("the cost of a turn in the plane of both vectors"),
    kind="optimality",
    cases=[(5, 2), (3, 2), (6, 4)],
)
def test_chordal_mean__greedy(trial, dim: Dim, steps: Steps):
    """Let flags $(y_{i 1}, y_{i 2})$, $i = 1, …, p$, have $P_k = sum_i y_{i k} y_{i k}ᵀ$, and let a
    flag have the best $u_1$ and then the best $u_2$ across. Its chordal cost is
    $2p - u_1ᵀ P_1 u_1 - u_2ᵀ P_2 u_2$, and after the best turn in the plane of both vectors
    $2p - tr B$ minus the largest eigenvalue of $A - B$, where $A$ and $B$ are $P_1$ and $P_2$ in
    this plane.
    """
    trial.require(dim > steps, "the whole space has no angles: dim must exceed steps")
    frames = np.linalg.qr(trial.generator().normal(size=(7, dim, steps)))[0]
    # The best first vector is found, then the best second one, then both are turned together.
    first = partial(chordal_costs, frames, blocks=[[0]])
    both = partial(chordal_costs, frames, blocks=[[0], [1]])
    basis, costs = greedy_flag(frames[..., :2])
    turns_of_first = [(0, other) for other in range(1, dim)]
    turns_of_second = [(1, other) for other in range(2, dim)]
    greedy = least(both, least(first, basis, turns_of_first), turns_of_second)
    turned_both = least(both, greedy, [(0, 1)])
    trial.identity(
        [both(greedy), both(turned_both)],
        costs,
        ops=20 * dim,
        generic="eigenvalues are analytic in the frames where they are distinct",
        controls={"the greedy flag is best": costs[:1]},
    )


@figure("F1", claims=("rotation_price",))
def prices(dim=5, steps=3):
    """Every rotation of components costs a flag something; a subspace pays only if one leaves it.

    Cost of turning two of five components by $φ$ in a flag of three. The largest subspace $V₃$
    alone sees the last pair only. Marks: lines: $(w_i − w_j)(λ_i − λ_j) sin² φ$; points: data
    projected on each subspace.
    """
    points, values, vectors = data(np.random.default_rng(0), dim)
    angles = np.linspace(0, np.pi / 2, 200)
    few = np.linspace(0, np.pi / 2, 10)
    pairs = pairs_up_to(dim, steps)
    prices = np.array([turning_price(values, steps, angle) for angle in angles])
    measured = np.array([turned_costs(points, vectors, steps, angle) for angle in few])
    turns = {
        f"turning {a + 1} and {b + 1}": pairs.index((a, b)) for a, b in [(0, 1), (0, 2), (2, 4)]
    }
    return chart(
        {name: (angles, prices[:, at]) for name, at in turns.items()}
        | {"1 and 2 for V₃ alone": (angles, 0.0)},
        {name: (few, measured[:, at]) for name, at in turns.items()},
        dashed=["1 and 2 for V₃ alone"],
        x="angle φ  (radians)",
        y="price in AUV  (squared unit of the data)",
        ylim=(-0.05, 1.25),
        xticks=[0, np.pi / 4, np.pi / 2],
        xticklabels=["0", "π/4", "π/2"],
        legend="upper left",
    )
