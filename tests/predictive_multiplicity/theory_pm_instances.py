"""Instances on which the theory of predictive multiplicity is tested, and the definitions point by point."""

import itertools

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

ROUNDING = 2.0**-53
general = settings(deadline=None, derandomize=True, max_examples=25)

XOR_ROWS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
XOR_POSITIVES = np.array([0, 25, 25, 0])
XOR_NEGATIVES = np.array([25, 0, 0, 25])

NAND = np.array([1, 1, 1, 0])
OR = np.array([0, 1, 1, 1])


def all_dichotomies(n_rows):
    """Every b in {0, 1}^m: the class of all classifiers of the features."""
    return np.array(list(itertools.product((0, 1), repeat=n_rows)))


def grid(side, dim):
    """The points of {0, ..., side - 1}^dim."""
    return np.indices((side,) * dim).reshape(dim, -1).T


def with_intercept(rows):
    """The points (1, u)."""
    return np.insert(rows, 0, 1, axis=1)


@st.composite
def counts(draw, n_rows, most=4):
    """Positive and negative counts of `n_rows` rows, at least one point in all."""
    both = st.lists(st.integers(0, most), min_size=n_rows, max_size=n_rows)
    positives, negatives = np.array(draw(both)), np.array(draw(both))
    positives[0] += not (positives.any() or negatives.any())
    return positives, negatives


@st.composite
def tables(draw, most_rows=8):
    """Distinct rows on the 3 x 3 grid (so with ties) and their counts."""
    chosen = draw(st.lists(st.integers(0, 8), min_size=2, max_size=most_rows, unique=True))
    return grid(3, 2)[chosen], *draw(counts(len(chosen)))


@st.composite
def classes(draw, n_rows=6):
    """Any finite class of classifiers, a baseline that need not belong to it, and counts."""
    entries = st.lists(st.integers(0, 1), min_size=n_rows, max_size=n_rows)
    cells = np.array(draw(st.lists(entries, min_size=1, max_size=12)))
    return cells, np.array(draw(entries)), *draw(counts(n_rows))


def points_of(positives, negatives):
    """The sample point by point: its rows and its labels in {0, 1}."""
    rows = [u for u in range(len(positives)) for _ in range(positives[u] + negatives[u])]
    labels = [int(k < positives[u]) for u in range(len(positives)) for k in range(positives[u] + negatives[u])]
    return rows, labels


def errors_by_hand(b, positives, negatives):
    rows, labels = points_of(positives, negatives)
    return sum(b[u] != y for u, y in zip(rows, labels, strict=True))


def disagreement_by_hand(b, other, positives, negatives):
    rows, _ = points_of(positives, negatives)
    return sum(b[u] != other[u] for u in rows)


def competitors_by_hand(cells, baseline, positives, negatives, tolerance):
    least = errors_by_hand(baseline, positives, negatives)
    return [b for b in cells if errors_by_hand(b, positives, negatives) <= least + tolerance]
