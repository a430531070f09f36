"""The penalised problem with squares in place of absolute values: weights are products w_j β_j, and
a ridge penalty acts on both factors. A quasi-Newton search minimises it.
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from sims.sequential_attention.domains import Chosen, Count, Features, Responses
from theory_on_trial.contract import Interval, guarded, require


class Hadamard(NamedTuple):
    """The best minimum of several searches: its value and its weights w o β."""

    value: float
    weights: Float[np.ndarray, " p"]
    """w o β."""


@guarded
def hadamard_minimum(
    generator: np.random.Generator,
    X: Features,
    y: Responses,
    chosen: Chosen,
    level: Annotated[float, Interval(0, 1e100, "(]", why="beyond, the search overflows")],
    starts: Count = 5,
    *,
    all_cost: bool = False,
) -> Hadamard:
    """Minimise 1/2 |y - X (w o β)|^2 + λ / 2 (|w|^2 + |β|^2) by searches from random starts.

    λ is `level`. Only the factors of unchosen features are penalised; with `all_cost` those of the
    chosen ones are penalised too. The search scales columns to length one and weighs the penalty
    accordingly, so that the minimum is that of the given problem. Raises ValueError for indices in
    `chosen` beyond the columns, for a column of zeros, and for y = 0.
    """
    from scipy.optimize import minimize

    p = X.shape[1]
    lengths = np.linalg.norm(X, axis=0)
    require(max(chosen, default=0) < p, f"chosen must name some of the {p} columns, got {chosen}")
    require(
        (lengths > 0).all() and np.any(y),
        "X must have no column of zeros, and y must have an entry other than zero",
    )
    unit = X / lengths
    size = np.linalg.norm(y)
    target = y / size
    costs: Bool[np.ndarray, " p"] = np.ones(p, bool)
    costs[list(chosen)] = all_cost
    penalties = np.where(costs, level / lengths / size, 0.0)

    def objective(
        both: Float[np.ndarray, " factors"],
    ) -> tuple[float, Float[np.ndarray, " factors"]]:
        w = both[:p]
        beta = both[p:]
        residual = target - unit @ (w * beta)
        value = residual @ residual / 2 + penalties @ (w**2 + beta**2) / 2
        slope = -(unit.T @ residual)
        return float(value), np.concatenate(
            [slope * beta + penalties * w, slope * w + penalties * beta]
        )

    options = {"maxiter": 10**4, "maxfun": 10**5, "ftol": 0.0, "gtol": 1e-13, "maxcor": 2 * p}
    begun = generator.normal(size=(starts, 2 * p))
    minima = [
        minimize(objective, one, jac=True, method="L-BFGS-B", options=options) for one in begun
    ]
    best = min(minima, key=lambda one: float(one.fun))
    return Hadamard(float(best.fun * size**2), best.x[:p] * best.x[p:] * size / lengths)
