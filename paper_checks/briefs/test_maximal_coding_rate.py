"""Ding, Tong, Chan, Dai, Ma & Haeffele 2023, "Unsupervised Manifold Linearizing and Clustering", ICCV, 2301.01805.

For whoever trains with maximal coding rate reduction and chooses the precision ε and the width d: what is the optimum?

Class j has a share π_j of the points; its features, in d dimensions, have mean square length 1 and rank at most d_j.
With C_j the mean of z zᵀ over the class (trace 1) and C = Σ π_j C_j, the rate reduction at precision ε is
ΔR = ½ logdet(I + d C/ε²) − Σ π_j ½ logdet(I + d C_j/ε²). A class that fills r directions evenly, orthogonally to all
others, contributes v_j(r) = (r/2)[log(1 + dπ_j/(ε² r)) − π_j log(1 + d/(ε² r))].

Read: the abstract, and the book of the same group, which has an unspecified constant in ε⁴ < c · min π_j d²/d_j².
Derived here: the optimum where there is room for all classes, and the exact c. Found by search only: the optimum where
there is not. Not claimed: that networks attain it.
Topic: representations.
"""

from typing import Annotated

import numpy as np
from scipy.optimize import brentq, minimize

from theory_on_trial import claim, observed, ours, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Dim = Annotated[int, Interval(4, 8, why="optima are searched among some fifty numbers")]
Narrow = Annotated[int, Interval(3, 5, why="with more there is room for both classes")]
Rank = Annotated[int, Interval(1, 3, why="most directions of a class; optima are searched")]
Crowd = Annotated[int, Interval(2, 3, why="of a class; optima are searched")]
Share = Annotated[float, Interval(0.2, 0.8, why="of the first of two classes; a rarer one contributes next to nothing")]
Precision = Annotated[float, Interval(0.2, 1, why="ε; coarser than the features themselves, hardly any rate is left")]
Directions = Annotated[int, Interval(2, 40, why="one direction is optimal at every precision")]
AnyShare = Annotated[float, Interval(0.01, 0.95, why="a single class has no rate to reduce")]


@observed
def rate_reduction(factors, shares, scale):
    """ΔR and its derivative for C_j = M_j M_jᵀ; the factors M_j are stacked, scale = d/ε²."""
    unit = np.eye(factors[0].shape[0])
    each = [unit + scale * m @ m.T for m in factors]
    whole = unit + scale * sum(p * m @ m.T for p, m in zip(shares, factors, strict=True))
    rates = [np.linalg.slogdet(one)[1] / 2 for one in each]
    slopes = [
        p * scale * (np.linalg.solve(whole, m) - np.linalg.solve(one, m))
        for p, m, one in zip(shares, factors, each, strict=True)
    ]
    return np.linalg.slogdet(whole)[1] / 2 - np.dot(shares, rates), slopes


@observed
def largest_reduction(generator, dim, ranks, shares, precision):
    """The largest ΔR over BFGS searches, and the last decrement.

    They start from random and from nearly orthogonal features of every lower rank.
    """
    ends = np.cumsum(np.multiply(dim, ranks))[:-1]

    def descend(entries):
        raw = [part.reshape(dim, -1) for part in np.split(entries, ends)]
        lengths = [np.linalg.norm(one) for one in raw]
        factors = [one / length for one, length in zip(raw, lengths, strict=True)]
        value, slopes = rate_reduction(factors, shares, dim / precision**2)
        bent = [(g - m * np.sum(g * m)) / h for g, m, h in zip(slopes, factors, lengths, strict=True)]
        return -value, -np.concatenate([one.ravel() for one in bent])

    classes, column = np.repeat([0, 1], ranks), np.concatenate([np.arange(r) for r in ranks])
    first = []
    for filled in np.ndindex(*ranks):
        noise, frame = generator.normal(size=(dim, column.size)), np.linalg.qr(generator.normal(size=(dim, dim)))[0]
        frame = frame[:, np.cumsum(column <= np.take(filled, classes)) % dim]
        for start in (noise, frame + 0.1 * noise):
            kept = start * (column <= np.take(filled, classes))
            first.append(np.concatenate([kept[:, classes == j].ravel() for j in (0, 1)]))
    searches = [minimize(descend, start, jac=True, options={"gtol": 1e-7}) for start in first]
    best = min(searches, key=lambda search: search.fun)
    return -best.fun, best.jac @ best.hess_inv @ best.jac


@predicted
def contribution(rank, share, scale):
    """v(r) for a class of this share, scale = d/ε²; nothing for r = 0."""
    r = max(rank, 1)
    return (rank > 0) * r / 2 * (np.log1p(scale * share / r) - share * np.log1p(scale / r))


@predicted
def optimum(dim, ranks, shares, precision):
    """The most of Σ v_j(r_j) over r_j ≤ d_j with Σ r_j ≤ d, by trying all."""
    tried = [np.array(r) for r in np.ndindex(*np.add(ranks, 1)) if sum(r) <= dim]
    return max(sum(contribution(r, p, dim / precision**2) for r, p in zip(one, shares, strict=True)) for one in tried)


def judge_optimum(trial, dim, ranks, shares, precision, wrong):
    """The decision on the largest rate reduction that a search finds; a decrement of 1e-9 is beyond its rounding."""
    law = optimum(dim, ranks, shares, precision)
    best, decrement = largest_reduction(trial.generator(), dim, ranks, shares, precision)
    wrong = {"log2 for log": law / np.log(2)} | {
        name: one for name, one in wrong.items() if abs(one - law) > 2e-3 * law
    }
    trial.value(best, law, error=1e-6 * law + 10 * decrement, margin=1e-3 * law, controls=wrong)


@claim(ours("logdet is subadditive"), kind="optimality", cases=[(6, 3, 3, 0.5, 0.5), (6, 2, 3, 1 / 3, 0.9)])
def test_optimum(trial, dim: Dim, first: Rank, second: Rank, share: Share, precision: Precision):
    """If Σ d_j ≤ d, the most of ΔR is Σ max v_j(r), r ≤ d_j: orthogonal classes, each of r equal singular values."""
    trial.require(first + second <= dim, "first + second must be at most dim: there must be room for both classes")
    shares, scale = (share, 1 - share), dim / precision**2
    full = sum(contribution(r, p, scale) for r, p in zip((first, second), shares, strict=True))
    lines = sum(contribution(1, p, scale) for p in shares)
    judge_optimum(trial, dim, (first, second), shares, precision, {"always full rank": full, "always a line": lines})


@observed
def threshold(rank, share, dim):
    """The ε from which on fewer equal singular values are better, by determinants of explicit features of a class.

    The other class is orthogonal, so that what it contributes is the same throughout.
    """
    flat = [np.diag(np.repeat([1 / np.sqrt(r), 0], [r, rank - r])) for r in range(1, rank + 1)]

    def advantage(log_precision):
        scale = dim / np.exp(2 * log_precision)
        *fewer, full = (halves(m, share * scale) - share * halves(m, scale) for m in flat)
        return full - max(fewer)

    def halves(m, weight):
        return np.linalg.slogdet(np.eye(rank) + weight * m @ m.T)[1] / 2

    return np.exp(brentq(advantage, np.log(1e-3), np.log(1e3), xtol=1e-14))


@predicted
def sharp_constant(rank, share):
    """The constant c = π/t², where d_j h(t) = (d_j − 1) h(t d_j/(d_j − 1)) and h(t) = log(1 + t) − π log(1 + t/π)."""

    def gain(log_t):
        t, ratio = np.exp(log_t), rank / (rank - 1)
        h = [np.log1p(one) - share * np.log1p(one / share) for one in (t, t * ratio)]
        return ratio * h[0] - h[1]

    return share / np.exp(2 * brentq(gain, np.log(1e-4), np.log(1e4), xtol=1e-14))


@predicted
def precision_at(constant, rank, share, dim):
    """The ε with ε⁴ = c π d²/d_j²."""
    return (constant * share) ** 0.25 * np.sqrt(dim / rank)


@claim(ours("v_j(d_j) against v_j(d_j − 1)"), kind="identity", cases=[(3, 0.5, 6), (2, 0.01, 8), (40, 0.9, 4)])
def test_sharp_precision(trial, rank: Directions, share: AnyShare, dim: Dim):
    """Rank d_j is optimal iff ε⁴ ≤ c π_j d²/d_j² with a c < ½ that depends on π_j and d_j, and goes to 0 with π_j."""
    law = precision_at(sharp_constant(rank, share), rank, share, dim)
    wrong = {f"c = {c:g}": precision_at(c, rank, share, dim) for c in (1, 0.5)}
    trial.identity(threshold(rank, share, dim), law, ops=1e6, controls=wrong)


@claim(ours("found by search only"), kind="empirical", cases=[(4, 3, 3, 0.5), (3, 2, 2, 0.3)])
def test_too_many(trial, dim: Narrow, first: Crowd, second: Crowd, precision: Precision):
    """If Σ d_j > d, the best found is the most of Σ v_j(r_j) over Σ r_j ≤ d, of equal classes possibly unequal r_j."""
    trial.require(first + second > dim, "first + second must exceed dim: else there is room for all")
    scale = dim / precision**2
    room = sum(contribution(r, 0.5, scale) for r in (first, second))
    judge_optimum(trial, dim, (first, second), (0.5, 0.5), precision, {"room for all": room})


@figure("F1", claims=("optimum", "sharp_precision"))
def rank_of_a_class(dim: int = 6, most: int = 3):
    """A coarse precision costs whole directions: rate reduction of two classes of rank at most 3 against ε.

    Six dimensions, equal classes. Lines: Σ v_j(r) for r = 1, 2, 3. Points: the best of all searches. Dotted: to here
    three directions are best, ε⁴ = c π d²/9 with the exact c = .3175 (left), and with c = 1.
    """
    fine, at = np.linspace(0.7, 1.4, 60), np.linspace(0.72, 1.38, 9)
    lines = {f"r = {r}": (fine, [2 * contribution(r, 0.5, dim / e**2) for e in fine]) for r in range(1, most + 1)}
    found = [largest_reduction(np.random.default_rng(0), dim, (most, most), (0.5, 0.5), e)[0] for e in at]
    ends = {f"c = {c:.4g}": precision_at(c, most, 0.5, dim) for c in (sharp_constant(most, 0.5), 1.0)}
    points = {"search": (at, found)}
    return chart(lines, points, thresholds=ends, log="y", x="precision ε (dimensionless)", y="rate reduction ΔR (nats)")
