"""The canonical correlations of unrelated views."""

from typing import Annotated

from theory_on_trial.contract import MOST, Count, Interval, guarded, require


@guarded
def null_level(
    n_rows: Annotated[int, Interval(3, MOST)], dim_first: Count, dim_second: Count
) -> float:
    """Return the mean sum of squared canonical correlations of two independent views, d1 d2 / (n -
    1), by Pillai's trace.

    The rows are independent and of one law, whatever it is; covariances are centred and of full
    rank. Raises ValueError unless n > d1 + d2.
    """
    require(
        n_rows > dim_first + dim_second,
        f"n_rows must exceed dim_first + dim_second = {dim_first + dim_second}, got {n_rows}",
    )
    return dim_first * dim_second / (n_rows - 1)
