"""What canonical correlations of unrelated views look like."""

from typing import Annotated

from theory_on_trial.contract import MOST, Count, Interval, guarded, require


@guarded
def null_level(
    n_rows: Annotated[int, Interval(3, MOST)], dim_first: Count, dim_second: Count
) -> float:
    """d1 d2 / (n - 1), the mean sum of squared correlations, by Pillai's trace; `ValueError` unless
    n > d1 + d2.

    Rows independent and of one law, any law; covariances centred and of full rank.
    """
    require(
        n_rows > dim_first + dim_second,
        f"n_rows must exceed dim_first + dim_second = {dim_first + dim_second}, got {n_rows}",
    )
    return dim_first * dim_second / (n_rows - 1)
