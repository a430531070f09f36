"""Pennec 2018, "Barycentric Subspace Analysis on Manifolds", Annals of Statistics, arXiv 1607.02833.

For whoever compares nested bases of principal components: what an error in each of them costs, and that no
flag but that of principal components is even a local optimum.

Centred data X (N, n) have S = XᵀX/N with eigenvalues λ_1 > … > λ_n. A flag is an orthonormal u_1, …, u_q, of which the
first k vectors span V_k with projection P_k; its cost, the accumulated unexplained variance, is AUV = Σ_{k<=q} mean
|x - P_k x|². With w_j = max(q - j + 1, 0) it is q tr S - Σ w_j u_jᵀ S u_j.

Read: the abstract. Derived here: the values, prices and indices. Not claimed: anything about curved spaces.
Topic: linear algebra for learning.
"""

from itertools import combinations, permutations
from typing import Annotated

import numpy as np
from scipy.linalg import expm

from theory_on_trial import abstract, claim, observed, ours, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import COLOURS, figure

Dim = Annotated[int, Interval(3, 6, why="in the plane a flag is a line; a search turns all pairs of axes many times")]
Steps = Annotated[int, Interval(2, 8, why="a single subspace has no order; at most the dimension")]
ManyDims = Annotated[int, Interval(3, 16, why="in the plane a flag is a line; all pairs of components are turned")]
FewDims = Annotated[int, Interval(3, 4, why="in the plane a flag is a line; all n! orderings are differentiated twice")]
Angle = Annotated[float, Interval(0.01, 3.1, why="at 0 and π nothing is turned")]


def data(generator, dim):
    """Centred points whose standard deviations fall by a fifth each, in a random basis; eigenvalues, eigenvectors."""
    left, right = (np.linalg.qr(generator.normal(size=(n, dim)))[0] for n in (4 * dim, dim))
    left = np.linalg.qr(left - left.mean(axis=0))[0]
    deviations = 0.8 ** np.arange(dim)
    return np.sqrt(4 * dim) * (left * deviations) @ right.T, deviations**2, right


def pairs_up_to(dim, steps):
    """The pairs a < b of components of which the first belongs to the flag."""
    return [(a, b) for a, b in combinations(range(dim), 2) if a < steps]


def turned(frame, i, j, angle):
    """A frame with its axes i and j turned in their plane."""
    turn = np.eye(len(frame))
    turn[[i, j], [i, j]], turn[j, i], turn[i, j] = np.cos(angle), np.sin(angle), -np.sin(angle)
    return frame @ turn


@observed
def unexplained(points, frames):
    """AUV of one or many frames (…, n, q), by projecting every point on every subspace."""
    scores = points @ frames
    parts = np.cumsum(scores[..., None, :] * frames[..., None, :, :], axis=-1)
    return np.sum((points[..., None] - parts) ** 2, axis=(-1, -2, -3)) / len(points)


@observed
def extremes(generator, points, dim, steps):
    """The least and the largest AUV: from a random flag pairs of axes are turned by their best angle, again and again.

    Along such a turn AUV is a constant and a sinusoid of 2 φ, which three values determine.
    """
    costs, thirds = [], np.pi / 3 * np.arange(3)
    for sign in (1, -1):
        frame = np.linalg.qr(generator.normal(size=(dim, dim)))[0]
        for i, j in pairs_up_to(dim, steps) * 60:
            values = sign * unexplained(points, np.array([turned(frame, i, j, at) for at in thirds])[..., :steps])
            frame = turned(frame, i, j, (np.angle(values @ np.exp(2j * thirds)) + np.pi) / 2)
        costs.append(unexplained(points, frame[:, :steps]))
    return costs


@predicted
def extreme_costs(values, steps):
    """Σ min(i - 1, q) λ_i, and q Σ λ_i - Σ_j (q - j + 1) λ_{n-j+1}."""
    weights = np.arange(steps, 0, -1)
    least = np.minimum(np.arange(len(values)), steps) @ values
    return least, steps * values.sum() - weights @ values[::-1][:steps]


@predicted
def flag_weights(dim, steps):
    """w_j = max(q - j + 1, 0)."""
    return np.maximum(steps - np.arange(dim), 0)


@predicted
def turning_price(values, steps, angle, weights):
    """(w_i - w_j)(λ_i - λ_j) sin² φ for i < j and i <= q."""
    i, j = np.array(pairs_up_to(len(values), steps)).T
    return (weights[i] - weights[j]) * (values[i] - values[j]) * np.sin(angle) ** 2


@observed
def turned_costs(points, vectors, steps, angle):
    """AUV above that of the principal flag, of the flags with two components turned."""
    frames = np.array([turned(vectors, i, j, angle) for i, j in pairs_up_to(len(vectors), steps)])
    return unexplained(points, frames[..., :steps]) - unexplained(points, vectors[:, :steps])


@observed
def hessian_spectra(points, vectors, steps, orderings):
    """Hessian eigenvalues of AUV at the flags of reordered components, by second differences along rotations."""
    dim, width, planes = len(vectors), 1e-4, pairs_up_to(len(vectors), steps)
    skew = np.zeros((len(planes), dim, dim))
    for k, (a, b) in enumerate(planes):
        skew[k, a, b], skew[k, b, a] = 1, -1
    spectra = []
    for ordering in orderings:
        cost = {}
        for first, second in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
            turns = expm(width / 2 * (first * skew[:, None] + second * skew))
            cost[first, second] = unexplained(points, (vectors[:, ordering] @ turns)[..., :steps])
        differences = cost[1, 1] - cost[1, -1] - cost[-1, 1] + cost[-1, -1]
        spectra.append(np.linalg.eigvalsh((differences + differences.T) / 2) / width**2)
    return np.array(spectra)


@predicted
def spectrum_at(values, steps, ordering, weights):
    """2 (w_a - w_b)(λ_π(a) - λ_π(b)) for a < b, a <= q, sorted."""
    (a, b), at = np.array(pairs_up_to(len(values), steps)).T, values[list(ordering)]
    return np.sort(2 * (weights[a] - weights[b]) * (at[a] - at[b]))


@predicted
def inversions(ordering):
    """How many pairs of an ordering stand the wrong way round."""
    return sum(early > late for early, late in combinations(ordering, 2))


@claim(abstract("minimizes the Accumulated Unexplained Variances"), kind="optimality", cases=[(4, 2), (3, 3)])
def test_flag_minimum(trial, dim: Dim, steps: Steps):
    """Over all flags AUV is least for principal components, Σ_i min(i - 1, q) λ_i, and largest for the last ones."""
    trial.require(dim >= steps, "a flag has at most as many vectors as dimensions: dim must be at least steps")
    generator = trial.generator()
    points, values, _ = data(generator, dim)
    found, predict = extremes(generator, points, dim, steps), extreme_costs(values, steps)
    alone = [steps * values[steps:].sum(), steps * values[: dim - steps].sum()]
    wrong = {"q times V_q alone": alone, "extremes exchanged": predict[::-1]}
    trial.identity(found, predict, ops=40 * dim, scale=steps * values.sum(), controls=wrong)


@claim(
    ours("derived from AUV = q tr S - Σ w_j u_jᵀ S u_j"),
    kind="identity",
    cases=[(5, 3, 0.3), (3, 2, 3.1), (16, 8, 1.0)],
)
def test_rotation_price(trial, dim: ManyDims, steps: Steps, angle: Angle):
    """Turning components i < j by φ costs (w_i - w_j)(λ_i - λ_j) sin² φ; V_q alone sees nothing where i, j <= q."""
    trial.require(dim >= steps, "a flag has at most as many vectors as dimensions: dim must be at least steps")
    points, values, vectors = data(trial.generator(), dim)
    weights, inside = flag_weights(dim, steps), (np.arange(dim) < steps).astype(float)
    predict = turning_price(values, steps, angle, weights)
    wrong = {"V_q alone": turning_price(values, steps, angle, inside), "sin φ for sin² φ": predict / np.sin(angle)}
    measured, scale = turned_costs(points, vectors, steps, angle), steps * values.sum()  # of what is subtracted
    trial.identity(measured, predict, ops=20 * dim, scale=scale, controls=wrong)


@claim(ours("derived from the second derivative along rotations"), kind="identity", cases=[(4, 3), (4, 2), (3, 3)])
def test_morse_index(trial, dim: FewDims, steps: Steps):
    """The critical flags are the orderings π of the components, with Hessian eigenvalues 2 (w_a - w_b)(λ_π(a) -
    λ_π(b)), and as many directions down as π has inversions: only the flag of principal components is a local minimum.
    """
    trial.require(dim >= steps, "a flag has at most as many vectors as dimensions: dim must be at least steps")
    points, values, vectors = data(trial.generator(), dim)
    orderings = [p for p in permutations(range(dim)) if list(p[steps:]) == sorted(p[steps:])]
    weights, equal = flag_weights(dim, steps), (np.arange(dim) < steps).astype(float)
    spectra = hessian_spectra(points, vectors, steps, orderings)
    predict, flat = ([spectrum_at(values, steps, p, w) for p in orderings] for w in (weights, equal))
    trial.value(spectra, predict, error=1e-6, margin=1e-4, controls={"equal weights": flat})
    misplaced = {"misplaced components": np.sum(np.array(orderings) != np.arange(dim), axis=1)}
    trial.identity(np.sum(spectra < 0, axis=1), [inversions(p) for p in orderings], ops=0, controls=misplaced)


@figure("F1", claims=("rotation_price",))
def prices(dim=5, steps=3):
    """A flag prices every turn, a subspace only those that leave it.

    Cost of turning two of five components by φ in a flag of three: (w_i - w_j)(λ_i - λ_j) sin² φ, and the data
    projected on each subspace. The unexplained variance of the largest subspace alone sees the last pair only.
    """
    import matplotlib.pyplot as plt

    points, values, vectors = data(np.random.default_rng(0), dim)
    angles, few, pairs = np.linspace(0, np.pi, 200), np.linspace(0, np.pi, 13), pairs_up_to(dim, steps)
    lines = np.array([turning_price(values, steps, angle, flag_weights(dim, steps)) for angle in angles])
    measured = np.array([turned_costs(points, vectors, steps, angle) for angle in few])
    drawn, axes = plt.subplots(figsize=(5.4, 3.4))
    for k, pair in enumerate([(0, 1), (0, 2), (2, 4)]):
        at, label = pairs.index(pair), f"turning {pair[0] + 1} and {pair[1] + 1}"
        axes.plot(angles, lines[:, at], color=COLOURS[k], label=label)
        axes.plot(few, measured[:, at], "o", color=COLOURS[6], label="data projected" if k == 2 else None)
    axes.plot(angles, 0 * angles, "--", color=COLOURS[3], label="1 and 2 for V₃ alone")
    axes.set(xlabel="angle φ  (radians)", ylabel="price in AUV  (squared unit of the data)", ylim=(-0.1, 1.9))
    axes.legend(loc="upper left", ncols=2)
    return drawn
