"""Shen, Sun & Wei 2023, "Equiangular Basis Vectors", CVPR, arXiv 2303.11637.

For whoever fixes N class vectors in d dimensions: which worst cosine between two of them is possible?

Rows v_1 … v_N are unit vectors in d dimensions. As lines, their worst cosine is μ = max |v_i·v_j| over i ≠ j, and their
smallest angle arccos μ; as directions the worst cosine is μ₊ = max v_i·v_j.

Read: the abstract ("as orthogonal as possible", "equal status"). Derived or recalled here: all four claims; the first
two bounds are Welch's and Rankin's. Not claimed: what training finds.
Topic: representations.
"""

from itertools import combinations, product
from typing import Annotated

import numpy as np
from scipy.optimize import minimize
from scipy.special import betainc, logsumexp
from scipy.stats import norm

from theory_on_trial import claim, observed, ours, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import COLOURS, figure
from theory_on_trial.laws import Asymptotic

SEARCH = "the best arrangement is searched"
Dim = Annotated[int, Interval(2, 8, why=SEARCH)]
Few = Annotated[int, Interval(2, 4, why=SEARCH)]
Vectors = Annotated[int, Interval(3, 24, why=SEARCH)]
Surplus = Annotated[int, Interval(1, 8, why="vectors beyond d (d + 1)/2; " + SEARCH)]
Several = Annotated[int, Interval(50, 150, why="thousands of sets are drawn, of fewer vectors few pairs are close")]
AnyDim = Annotated[int, Interval(3, 48, why="thousands of sets are drawn")]
Cosine = Annotated[float, Interval(0.05, 0.6, why="closer pairs are too rare to be counted")]


def simplex(dim):
    """The d + 1 corners, as rows in d + 1 coordinates."""
    corners = np.eye(dim + 1) - 1 / (dim + 1)
    return corners / np.linalg.norm(corners, axis=1, keepdims=True)


def named_arrangements():
    """Known arrangements: dimension and unit rows, in as many coordinates as are convenient."""
    icosahedron = [np.roll([0, 2, sign * (1 + np.sqrt(5))], k) for sign in (1, -1) for k in range(3)]
    pairs = [4 * np.eye(8)[i] + 4 * np.eye(8)[j] - 1 for i, j in combinations(range(8), 2)]
    cube = [*np.eye(3), *([1, a, b] for a, b in product((1, -1), repeat=2))]
    hadamard = np.array([[1, a, b, a * b] for a, b in product((1, -1), repeat=2)])
    unbiased = [*(2 * np.eye(4)), *hadamard, *(hadamard * [1, 1, 1, -1])]
    square = [[np.cos(k * np.pi / 4), np.sin(k * np.pi / 4)] for k in range(4)]
    rows = {
        "icosahedron": (3, icosahedron),
        "28 lines": (7, pairs),
        "cube": (3, cube),
        "unbiased": (4, unbiased),
        "square": (2, square),
    }
    return {name: (dim, np.array(v) / np.linalg.norm(v, axis=1, keepdims=True)) for name, (dim, v) in rows.items()}


@observed
def worst_cosine(rows, lines=True):
    """μ of lines, μ₊ of directions."""
    gram = (rows @ rows.T)[np.triu_indices(len(rows), 1)]
    return np.max(np.abs(gram) if lines else gram)


@observed
def best_arrangement(generator, dim, count, starts, lines=True):
    """The rows with the least worst cosine over L-BFGS searches on ever sharper soft maxima from random rows."""
    i, j = np.triu_indices(count, 1)

    def soft_maximum(entries, p):
        raw = entries.reshape(count, dim)
        rows = raw / (lengths := np.linalg.norm(raw, axis=1, keepdims=True))
        gram = np.sum(rows[i] * rows[j], axis=1)
        levels = p * np.concatenate([gram, -gram]) if lines else p * gram
        value = logsumexp(levels)
        pull = np.exp(levels - value)
        pull = pull[: i.size] - pull[i.size :] if lines else pull
        weights = np.zeros((count, count))
        weights[i, j] = pull
        slope = (weights + weights.T) @ rows
        return value / p, ((slope - rows * np.sum(rows * slope, axis=1, keepdims=True)) / lengths).ravel()

    found, search = [], {"jac": True, "method": "L-BFGS-B", "options": {"maxiter": 200}}
    for entries in generator.normal(size=(starts, count * dim)):
        for p in np.geomspace(10, 1e4 if lines else 1e6, 6):
            entries = minimize(soft_maximum, entries, args=(p,), **search).x
        rows = entries.reshape(count, dim)
        found.append(rows / np.linalg.norm(rows, axis=1, keepdims=True))
    return min(found, key=lambda rows: worst_cosine(rows, lines))


@predicted
def welch_angle(dim, count):
    """The arccos of √((N − d)/(d (N − 1))), as Σ (v_i·v_j)² ≥ N²/d."""
    return np.arccos(np.sqrt((count - dim) / (dim * (count - 1))))


@claim(ours("recalled; Welch 1974"), kind="bound", cases=[(3, 5), (5, 10), (8, 9)])
def test_welch(trial, dim: Dim, vectors: Vectors):
    """The smallest angle of N > d lines is at most arccos √((N − d)/(d (N − 1))); equiangular tight sets attain it."""
    trial.require(vectors > dim, "vectors must exceed dim: fewer can be orthogonal")
    named, searched = named_arrangements(), best_arrangement(trial.generator(), dim, vectors, 2)
    sets = [(dim, searched), (dim, simplex(dim)), named["icosahedron"], named["28 lines"]]
    found = np.array([np.arccos(worst_cosine(rows)) for _, rows in sets])
    law = np.array([welch_angle(d, len(rows)) for d, rows in sets])
    wrong = {"1 % less": 0.99 * law, "arccos 1/√d": [orthoplex_angle(d) for d, _ in sets]}
    trial.bound(found, law, ops=100.0, found_by="search", controls=wrong)


@predicted
def orthoplex_angle(dim):
    """The arccos of 1/√d: N vectors v_i v_iᵀ − I/d in d (d + 1)/2 − 1 dimensions, two of them not obtuse."""
    return np.arccos(1 / np.sqrt(dim))


@claim(ours("recalled; Rankin, Conway, Hardin and Sloane"), kind="bound", cases=[(2, 1), (3, 1), (4, 2)])
def test_orthoplex(trial, dim: Few, surplus: Surplus):
    """The smallest angle of N > d (d + 1)/2 lines is at most arccos 1/√d, less than Welch's; some sets attain it."""
    count, named = dim * (dim + 1) // 2 + surplus, named_arrangements()
    searched = best_arrangement(trial.generator(), dim, count, 2)
    sets = [(dim, searched), named["square"], named["cube"], named["unbiased"]]
    found = np.array([np.arccos(worst_cosine(rows)) for _, rows in sets])
    law = np.array([orthoplex_angle(d) for d, _ in sets])
    fewer = np.append(found[:-1], np.arccos(worst_cosine(named["icosahedron"][1])))
    wrong = {"1 % less": 0.99 * law}
    trial.bound(found, law, ops=100.0, found_by="search", controls=wrong, wrong_processes={"N = d (d + 1)/2": fewer})


@predicted
def least_signed(dim, count):
    """−1/(N − 1) for N ≤ d + 1, then 0 up to N = 2d."""
    return -1 / (count - 1) if count <= dim + 1 else 0.0


@claim(ours("recalled; Rankin"), kind="optimality", cases=[(3, 4), (3, 6), (5, 7), (6, 3)])
def test_signed(trial, dim: Dim, vectors: Vectors):
    """The least worst cosine μ₊ of N directions is −1/(N − 1) for N ≤ d + 1, and exactly 0 for d + 2 ≤ N ≤ 2d."""
    trial.require(vectors <= 2 * dim, "vectors must be at most 2 dim: no closed form is known beyond")
    found = worst_cosine(best_arrangement(trial.generator(), dim, vectors, 4, lines=False), lines=False)
    law, pairs = least_signed(dim, vectors), vectors * (vectors - 1) / 2
    wrong = {"orthogonal": 0.0, "always −1/(N − 1)": -1 / (vectors - 1)}
    wrong = {name: one for name, one in wrong.items() if one != law}
    # The soft maximum exceeds the maximum by log(pairs)/10⁶ at most; ten times that for its own minimisation.
    trial.value(found, law, error=1e-5 * np.log(pairs), margin=2e-3, scale=1.0, controls=wrong)


@predicted
def mean_close_pairs(dim, count, cosine):
    """N (N − 1)/2 · I_{1 − t²}((d − 1)/2, ½): the squared cosine has a beta law."""
    return count * (count - 1) / 2 * betainc((dim - 1) / 2, 0.5, 1 - cosine**2)


@observed
def close_pairs(generator, count, vectors, dim, cosine):
    """How many pairs of uniform directions have |cos| > t, in each of several sets."""
    rows = generator.normal(size=(count, vectors, dim))
    rows /= np.linalg.norm(rows, axis=2, keepdims=True)
    return (np.sum(np.abs(rows @ np.swapaxes(rows, 1, 2)) > cosine, axis=(1, 2)) - vectors) / 2


@claim(
    ours("the squared cosine of two uniform directions has a beta law"),
    kind="identity",
    cases=[(32, 80, 0.3), (3, 50, 0.6)],
)
def test_random_pairs(trial, dim: AnyDim, vectors: Several, cosine: Cosine):
    """Of N uniform directions N (N − 1)/2 · I_{1 − t²}((d − 1)/2, ½) pairs have |cos| > t on average."""
    law = mean_close_pairs(dim, vectors, cosine)
    trial.require(law >= 50, "fifty pairs at least must be expected: rarer ones take long to count")

    def draw(generator, count):
        return close_pairs(generator, count, vectors, dim, cosine)

    normal = vectors * (vectors - 1) * norm.sf(cosine * np.sqrt(dim))
    wrong = {"one sign": law / 2, "d + 1": mean_close_pairs(dim + 1, vectors, cosine), "normal tail": normal}
    wrong = {name: one for name, one in wrong.items() if abs(one - law) > 0.05 * law}
    trial.mean(sampler=draw, predict=law, law=Asymptotic(), margin=0.02 * law, controls=wrong, first=100, most=20_000)


@figure("F1", claims=("welch", "orthoplex"))
def best_in_space(most: int = 12):
    """In space a sixth class costs nothing, and a seventh much: least worst |cos| of N lines in three dimensions.

    Points: the best of four searches. Lines: the bounds of Welch, for all N, and 1/√3, which holds from N = 7 on.
    """
    import matplotlib.pyplot as plt

    drawn, axes = plt.subplots(figsize=(5.4, 3.0))
    counts = np.arange(4, most + 1)
    axes.plot(counts, [np.cos(welch_angle(3, n)) for n in counts], color=COLOURS[0], label="Welch")
    axes.plot([7, most], [np.cos(orthoplex_angle(3))] * 2, color=COLOURS[1], label="1/√d, from N = 7 on")
    found = [worst_cosine(best_arrangement(np.random.default_rng(0), 3, n, 4)) for n in counts]
    axes.plot(counts, found, "o", color=COLOURS[6], label="search")
    axes.set(xlabel="number of lines N", ylabel="worst |cos|")
    axes.legend(loc="lower right")
    return drawn
