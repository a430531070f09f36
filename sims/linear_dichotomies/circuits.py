"""Circuits: the smallest sets of rows that a linear classifier cannot label in all ways, as rows of
a 0/1 program.

A circuit is a set C of rows u with signs s and weights λ > 0 such that Σ λ_u s_u (1, u) = 0. No
hyperplane has the rows of sign + on one side and those of sign - on the other (Gordan), nor the
reverse, so that every linear dichotomy b has 1 <= Σ_{u in C} [b_u = s_u] <= |C| - 1. With n₋
negative signs that is 1 - n₋ <= Σ s_u b_u <= |C| - 1 - n₋. The shortest circuits of lattice data
are parallelograms, u1 + u2 = u3 + u4, and midpoints, u1 + u2 = 2 u3.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from sims.linear_dichotomies.domains import Relaxed
from sims.linear_dichotomies.table import AnyTable
from theory_on_trial.contract import Natural, guarded, require

_VIOLATION = 1e-6


class Cut(NamedTuple):
    """A row low <= Σ_{u in members} s_u b_u <= high of a 0/1 program over dichotomies b.

    The row of a circuit forbids what no linear classifier does. The row of a square forbids that
    two opposite corners agree with each other and differ from the other two.
    """

    members: tuple[int, ...]
    signs: tuple[int, ...]
    low: float
    high: float

    @guarded(double=False)
    def violation(self, b: Relaxed) -> float:
        """Return by how much b violates the row, which is negative if b satisfies it with room.

        Raises ValueError if b is too short.
        """
        last = max(self.members, default=-1)
        require(len(b) > last, f"b must have an entry for row {last}, got {len(b)} entries")
        value = float(np.array(self.signs) @ b[list(self.members)])
        return max(self.low - value, value - self.high)


def circuit_cut(members: tuple[int, ...], signs: tuple[int, ...]) -> Cut:
    """The row of a circuit (C, s): a dichotomy has neither all signs s on C nor all opposite
    ones.
    """
    n_negatives = signs.count(-1)
    return Cut(members, signs, 1 - n_negatives, len(members) - 1 - n_negatives)


def no_good_cut(dichotomy: Int[np.ndarray, "rows"]) -> Cut:
    """The row that excludes one dichotomy and no other."""
    signs = tuple((2 * dichotomy - 1).tolist())
    return Cut(tuple(range(len(signs))), signs, -np.inf, signs.count(1) - 1)


def as_rows(
    cuts: list[Cut], n_columns: int
) -> tuple[Any, Float[np.ndarray, "cuts"], Float[np.ndarray, "cuts"]]:
    """Return cuts as a sparse matrix with `n_columns` columns, and their lower and upper bounds."""
    from scipy.sparse import csr_array

    members = np.array([member for cut in cuts for member in cut.members], np.int32)
    signs = np.array([sign for cut in cuts for sign in cut.signs], float)
    starts = np.cumsum([0, *(len(cut.members) for cut in cuts)]).astype(np.int32)
    low = np.array([cut.low for cut in cuts], float)
    high = np.array([cut.high for cut in cuts], float)
    return csr_array((signs, members, starts), shape=(len(cuts), n_columns)), low, high


class Parallelograms:
    """All parallelograms and midpoints of a table, found by sorting its pairs of rows by their
    exact sum. The m(m+1)/2 pairs are stored; the quadruples are never listed.
    """

    @guarded(double=False)
    def __init__(self, table: AnyTable):
        first, second = np.triu_indices(len(table.rows))
        lengths = np.array([], int)
        columns = list(table.rows.T)
        if (
            table.rows != np.round(table.rows)
        ).any():  # sums that differ may be rounded to the same float
            columns += list(table.exact_design.T[1:])
        for column in columns or [np.zeros(len(table.rows))]:  # each leaves fewer pairs to the next
            sums = np.unique(column[first] + column[second], return_inverse=True)[1]
            groups = (
                np.repeat(np.arange(len(lengths)), lengths)
                if len(lengths)
                else np.zeros(len(first), int)
            )
            order, lengths = _groups([groups, sums], len(first))
            first = first[order]
            second = second[order]
        self.n_rows = len(table.rows)
        self.first = first
        self.second = second
        self.lengths = lengths
        self.starts = np.cumsum(lengths) - lengths
        self.middles = np.flatnonzero(self.first == self.second)
        self.bucket_of_middle = np.searchsorted(self.starts, self.middles, side="right") - 1

    @guarded(double=False)
    def violated(self, b: Relaxed, most: Natural) -> list[Cut]:
        """The `most` most violated rows at a fractional dichotomy b. Each sum of two rows
        contributes only its most violated parallelogram. Raises ValueError for a b of another
        length.
        """
        require(
            len(b) == self.n_rows,
            f"b must have one entry for each of the {self.n_rows} rows, got {len(b)}",
        )
        if not len(self.starts):
            return []
        values = b[self.first] + b[self.second]
        highest = np.maximum.reduceat(values, self.starts)
        lowest = np.minimum.reduceat(values, self.starts)
        middle = b[self.first[self.middles]]
        # of each midpoint u1 + u2 = 2 u3: b_3 <= b_1 + b_2 <= b_3 + 1
        excess = np.concatenate(
            [
                highest - lowest - 1,
                highest[self.bucket_of_middle] - middle - 1,
                middle - lowest[self.bucket_of_middle],
            ]
        )
        worst = np.argsort(-excess, kind="stable")[:most]
        return [self._row(int(index), values) for index in worst[excess[worst] > _VIOLATION]]

    def _row(self, which: int, values: Float[np.ndarray, "pairs"]) -> Cut:
        n_sums = len(self.starts)
        n_middles = len(self.middles)
        bucket = (
            which if which < n_sums else int(self.bucket_of_middle[(which - n_sums) % n_middles])
        )
        part = slice(self.starts[bucket], self.starts[bucket] + self.lengths[bucket])
        high = part.start + values[part].argmax()
        low = part.start + values[part].argmin()
        if which < n_sums:
            coefficients = {
                self.first[high]: 1,
                self.second[high]: 1,
                self.first[low]: -1,
                self.second[low]: -1,
            }
        else:
            outer = high if which < n_sums + n_middles else low
            centre = self.first[self.middles[(which - n_sums) % n_middles]]
            coefficients = {self.first[outer]: 1, self.second[outer]: 1, centre: -1}
        return circuit_cut(tuple(int(row) for row in coefficients), tuple(coefficients.values()))


def _groups(
    codes: list[Int[np.ndarray, "pairs"]], n_pairs: int
) -> tuple[Int[np.ndarray, "shared"], Int[np.ndarray, "groups"]]:
    """The pairs that agree with another one in all codes, group by group, and the sizes of the
    groups.
    """
    key = np.zeros(n_pairs, int)
    size = 1
    for code in codes:
        n_codes = int(code.max(initial=0)) + 1
        if size * n_codes >= 2**62:
            key = np.unique(key, return_inverse=True)[1]
            size = int(key.max()) + 1
        key = key * n_codes + code
        size = size * n_codes
    order = np.argsort(key, kind="stable")
    lengths = np.diff(np.flatnonzero(np.diff(key[order], prepend=-1)), append=n_pairs)
    return order[np.repeat(lengths > 1, lengths)], lengths[lengths > 1]
