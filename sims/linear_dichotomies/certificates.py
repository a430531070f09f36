"""Certificates of a dichotomy: weights whose signs are exact, or a circuit that no weights can
label.
"""

import math
from fractions import Fraction

import numpy as np
from jaxtyping import Float, Int

from sims.linear_dichotomies.circuits import Cut, circuit_cut
from sims.linear_dichotomies.highs import GaveUp, Program, ResidentProgram
from sims.linear_dichotomies.pool import Classifier
from sims.linear_dichotomies.table import AnyTable, Table, from_unit
from theory_on_trial.contract import guarded, require

_UNIT = 2**52
_SUPPORT = 1e-9
_LARGEST_DENOMINATOR = 10**6


@guarded(double=False)
def exact_signs(table: AnyTable, weights: Float[np.ndarray, "dims"]) -> Int[np.ndarray, "rows"]:
    """The sign of <w, (1, u)> at every row u, in {-1, 0, 1}, in exact rational arithmetic. The
    first weight is that of the constant. Raises ValueError for another number of weights.
    """
    n_dims = table.rows.shape[1] + 1
    require(
        len(weights) == n_dims, f"weights must be {n_dims}, intercept first, got {len(weights)}"
    )
    return many_exact_signs(table, weights[None])[0]


def many_exact_signs(
    table: Table, weights: Float[np.ndarray, "classifiers dims"]
) -> Int[np.ndarray, "classifiers rows"]:
    """Return the exact signs of many classifiers, as `exact_signs` does of one.

    Floating point serves where its error cannot change a sign, and integers elsewhere.
    """
    n_dims = weights.shape[1]
    scores = weights[:, :1] + weights[:, 1:] @ table.rows.T
    # Twice
    rounding = (
        2.0**-51 * n_dims * (np.abs(weights[:, :1]) + np.abs(weights[:, 1:]) @ np.abs(table.rows.T))
    )
    signs = np.sign(scores).astype(int)
    doubtful = ~(np.abs(scores) > rounding + np.finfo(float).tiny)
    for index in np.flatnonzero(doubtful.any(axis=1)):
        ratios = [weight.as_integer_ratio() for weight in weights[index].tolist()]
        scale = max(denominator for _, denominator in ratios)
        numerators = np.array(
            [numerator * (scale // denominator) for numerator, denominator in ratios], object
        )
        rows = np.flatnonzero(doubtful[index])
        signs[index, rows] = np.sign(table.exact_design[rows] @ numerators).astype(int)
    return signs


class GordanProgram:
    """The linear program that tells linear dichotomies from others. It stays in memory, and each
    solve only changes the dichotomy.

    It minimises τ over λ >= 0 with Σ λ = 1 and |Σ_u λ_u s_u (1, u)_j| <= τ for all j. The minimum
    is the largest margin of weights with Σ |w_j| <= 1, which are the multipliers. Where it is 0,
    the support of a basic λ is a circuit.
    """

    def __init__(self, table: Table):
        from scipy.sparse import csr_array

        self._table = table
        design = table.unit_design
        self._n_rows, n_dims = design.shape
        sums = np.hstack([design.T, -design.T])
        tau = np.ones((n_dims, 1))
        ones = np.append(np.ones(2 * self._n_rows), 0.0)
        rows = csr_array(np.vstack([np.hstack([sums, -tau]), np.hstack([sums, tau]), ones]))
        none = np.full(n_dims, np.inf)
        cost = np.zeros(2 * self._n_rows + 1)
        cost[-1] = 1.0
        self._tau_only = cost
        self._columns = np.arange(2 * self._n_rows + 1)
        self._program = ResidentProgram(
            Program(
                cost,
                np.zeros(len(cost)),
                np.ones(len(cost)),
                rows,
                np.concatenate([-none, np.zeros(n_dims), [1.0]]),
                np.concatenate([np.zeros(n_dims), none, [1.0]]),
            )
        )

    def _set(self, cost: Float[np.ndarray, "columns"], upper: Float[np.ndarray, "columns"]) -> None:
        self._program.set_costs(self._columns, cost)
        self._program.set_bounds(self._columns, np.zeros(len(upper)), upper)

    def classifier(self, dichotomy: Int[np.ndarray, "rows"]) -> Classifier | None:
        """The weights of the largest margin with exactly these signs, or None if the solver finds
        no margin above rounding. Raises GaveUp if HiGHS gives up.
        """
        positive = dichotomy == 1
        self._set(self._tau_only, np.concatenate([positive, ~positive, [True]]).astype(float))
        if self._program.run() != "optimal":
            raise GaveUp("the program of the largest margin was not solved")
        margin = self._program.objective
        n_dims = self._table.unit_design.shape[1]
        multipliers = self._program.row_duals
        vector = -(multipliers[:n_dims] + multipliers[n_dims : 2 * n_dims])
        weights = from_unit(self._table, vector)
        norm = np.abs(weights).sum()
        if margin <= 0 or norm == 0:
            return None
        weights = weights / norm
        # Features of different sizes need weights of different sizes, which one grid does not hold.
        for candidate in (np.round(weights * _UNIT) / _UNIT, weights):
            if np.array_equal(exact_signs(self._table, candidate), np.where(positive, 1, -1)):
                return Classifier(candidate, dichotomy, margin)
        return None

    def circuits(
        self, costs: Float[np.ndarray, "draws columns"], upper: Float[np.ndarray, "columns"]
    ) -> list[Cut]:
        """The cheapest circuit with λ <= upper for each row of costs (λ₊, then λ₋), as a row of a
        0/1 program. A circuit is left out where no integer λ makes the sum vanish exactly.
        """
        cuts = []
        for cost in costs:
            self._set(np.append(cost, 0.0), np.append(upper, 0.0))
            if self._program.run() != "optimal":
                break
            weights = self._program.values[:-1]
            support = np.flatnonzero(weights > _SUPPORT)
            rows = support % self._n_rows
            signs = np.where(support < self._n_rows, 1, -1)
            if len(np.unique(rows)) == len(rows):
                cut = circuit_cut(tuple(rows.tolist()), tuple(signs.tolist()))
                if self._is_circuit(cut, weights[support]):
                    cuts.append(cut)
        return cuts

    def _is_circuit(self, cut: Cut, weights: Float[np.ndarray, "support"]) -> bool:
        signs = np.array(cut.signs)
        ratios = [
            Fraction(weight).limit_denominator(_LARGEST_DENOMINATOR)
            for weight in (weights / weights.max()).tolist()
        ]
        scale = math.lcm(*(ratio.denominator for ratio in ratios))
        integers = np.array([int(ratio * scale) for ratio in ratios], object)
        exact = self._table.exact_design[list(cut.members)] * signs[:, None]
        return bool(all(integers) and not (integers @ exact).any()) or _has_positive_relation(exact)

    def refuting(self, dichotomy: Int[np.ndarray, "rows"], draws: int, seed: int) -> list[Cut]:
        """Return circuits that show that a dichotomy is not linear, found with random costs; none
        if it is linear.
        """
        costs = np.random.default_rng(seed).random((draws, 2 * self._n_rows))
        return self.circuits(costs, np.concatenate([dichotomy == 1, dichotomy == 0]).astype(float))

    def cheapest(self, b: Float[np.ndarray, "rows"]) -> list[Cut]:
        """The circuit that costs least at a fractional b, where row u costs its distance of b_u
        from s_u times λ_u: a candidate for a violated row.
        """
        return self.circuits(np.concatenate([1 - b, b])[None], np.ones(2 * self._n_rows))


def _has_positive_relation(vectors: np.ndarray) -> bool:
    """Whether whole vectors have one linear relation up to its scale, and that positive, by
    Bareiss' elimination.
    """
    matrix = vectors.T.copy()
    previous = 1
    pivots: list[int] = []
    n_dims, n_vectors = matrix.shape
    for column in range(n_vectors):
        rank = len(pivots)
        below = np.flatnonzero(matrix[rank:, column])
        if not len(below):
            continue
        matrix[[rank, rank + below[0]]] = matrix[[rank + below[0], rank]]
        pivot = matrix[rank, column]
        mask = np.arange(n_dims) != rank
        matrix[mask] = (
            pivot * matrix[mask] - matrix[mask, column][:, None] * matrix[rank]
        ) // previous
        previous = pivot
        pivots.append(column)
    if len(pivots) != n_vectors - 1:
        return False
    free = next(column for column in range(n_vectors) if column not in pivots)
    return all(-entry * previous > 0 for entry in matrix[: len(pivots), free])
