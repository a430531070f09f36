"""Linear programs that HiGHS keeps in memory while costs, bounds and rows change.

CVXPY and SciPy give HiGHS a new program each time; here each solve starts from the last basis.
"""

import functools
import os
import sys
from typing import Any, NamedTuple

import highspy
import numpy as np
from jaxtyping import Float, Int

_STATUS = {
    highspy.HighsModelStatus.kOptimal: "optimal",
    highspy.HighsModelStatus.kInfeasible: "infeasible",
    highspy.HighsModelStatus.kTimeLimit: "time limit",
}
_SHORTEST = 1e-3  # seconds
_TOLERANCE = 1e-9


class GaveUp(RuntimeError):
    """HiGHS stopped without an answer before the time limit."""


class Program(NamedTuple):
    """A linear program: minimise `cost @ x` subject to `lower <= x <= upper` and
    `row_lower <= rows @ x <= row_upper`.

    `rows` is a SciPy matrix in CSR format.
    """

    cost: Float[np.ndarray, "variables"]
    lower: Float[np.ndarray, "variables"]
    upper: Float[np.ndarray, "variables"]
    rows: Any
    row_lower: Float[np.ndarray, "constraints"]
    row_upper: Float[np.ndarray, "constraints"]


@functools.cache
def without_banner() -> None:
    """Let HiGHS print its banner, which it does once in a process and whatever its options, to
    nowhere.
    """
    sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:  # nothing can be printed
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        highspy.Highs()
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def _quiet_highs() -> Any:
    without_banner()
    highs = highspy.Highs()
    options = {
        "output_flag": False,
        "threads": 1,
        "primal_feasibility_tolerance": _TOLERANCE,
        "dual_feasibility_tolerance": _TOLERANCE,
    }
    for option, value in options.items():
        highs.setOptionValue(option, value)
    return highs


def _pass(highs: Any, program: Program) -> None:
    model = highspy.HighsLp()
    model.num_row_, model.num_col_ = program.rows.shape
    model.col_cost_ = program.cost
    model.col_lower_ = program.lower
    model.col_upper_ = program.upper
    model.row_lower_ = program.row_lower
    model.row_upper_ = program.row_upper
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = program.rows.indptr
    model.a_matrix_.index_ = program.rows.indices
    model.a_matrix_.value_ = program.rows.data
    if highs.passModel(model) == highspy.HighsStatus.kError:
        raise OverflowError("HiGHS takes costs up to 1e20 and coefficients up to 1e15")


def _status(highs: Any) -> str:
    status = highs.getModelStatus()
    if status not in _STATUS:
        raise GaveUp(f"HiGHS gave up: {highs.modelStatusToString(status)}")
    return _STATUS[status]


class ResidentProgram:
    """A linear program in memory: costs, bounds and rows change, and each solve starts from the
    last basis.
    """

    def __init__(self, program: Program):
        self._highs = _quiet_highs()
        _pass(self._highs, program)

    @property
    def n_rows(self) -> int:
        """The number of rows."""
        return self._highs.getNumRow()

    def set_costs(self, columns: Int[np.ndarray, "n"], costs: Float[np.ndarray, "n"]) -> None:
        """Replace the costs of some variables."""
        self._highs.changeColsCost(len(columns), columns.astype(np.int32), costs)

    def set_bounds(
        self,
        columns: Int[np.ndarray, "n"],
        lower: Float[np.ndarray, "n"],
        upper: Float[np.ndarray, "n"],
    ) -> None:
        """Replace the bounds of some variables."""
        self._highs.changeColsBounds(len(columns), columns.astype(np.int32), lower, upper)

    def set_row_bounds(self, row: int, lower: float, upper: float) -> None:
        """Replace the bounds of one row."""
        self._highs.changeRowBounds(row, lower, upper)

    def add_rows(
        self, rows: Any, lower: Float[np.ndarray, "n"], upper: Float[np.ndarray, "n"]
    ) -> None:
        """Add rows, given as a SciPy matrix in CSR format, with their bounds."""
        starts = rows.indptr.astype(np.int32)
        columns = rows.indices.astype(np.int32)
        self._highs.addRows(rows.shape[0], lower, upper, rows.nnz, starts, columns, rows.data)

    def delete_rows(self, rows: Int[np.ndarray, "deleted"]) -> None:
        """Remove rows that were slack at the last solve."""
        basis = self._highs.getBasis()  # deleting rows discards it
        indices = set(rows.tolist())
        basis.row_status = [
            status for row, status in enumerate(basis.row_status) if row not in indices
        ]
        self._highs.deleteRows(len(rows), rows.astype(np.int32))
        self._highs.setBasis(basis)

    def run(self, seconds: float | None = None) -> str:
        """Solve the program, and return "optimal", "infeasible" or "time limit". Raises GaveUp if
        HiGHS stops for another reason.
        """
        if seconds is not None:  # HiGHS counts the time of all solves
            self._highs.setOptionValue(
                "time_limit", self._highs.getRunTime() + max(seconds, _SHORTEST)
            )
        self._highs.run()
        if (
            self._highs.getModelStatus() not in _STATUS
        ):  # the last basis may be singular now: start again
            self._highs.clearSolver()
            self._highs.run()
        return _status(self._highs)

    @property
    def objective(self) -> float:
        """The optimum of the last solve."""
        return float(self._highs.getInfo().objective_function_value)

    @property
    def values(self) -> Float[np.ndarray, "variables"]:
        """The solution of the last solve."""
        return np.array(self._highs.getSolution().col_value)

    @property
    def row_duals(self) -> Float[np.ndarray, "constraints"]:
        """The multipliers of the rows at the last solve: the derivative of the optimum by each
        right side.
        """
        return np.array(self._highs.getSolution().row_dual)

    @property
    def slacks(self) -> Float[np.ndarray, "constraints"]:
        """Return how far each row is from its nearer bound at the last solve."""
        model = self._highs.getLp()
        activity = np.array(self._highs.getSolution().row_value)
        return np.minimum(
            activity - np.array(model.row_lower_), np.array(model.row_upper_) - activity
        )
