"""The errors of third differences in the fourth moment σ^6 μ_1''' + 3 μ_2^2: a term of the step c,
and rounding.
"""

from typing import Annotated, Literal

import numpy as np

from theory.denoising_posterior.domains import Noise, Stencil, Step
from theory_on_trial.contract import Interval, guarded

Derivative = Annotated[float, Interval(-1e100, 1e100)]
EPSILON = 2.0**-52


@guarded
def step_error(sigma: Noise, derivative: Derivative, step: Step, stencil: Stencil) -> float:
    """The error of the step, to first order and in unit^4: σ^6 μ_1^(5) c^2 / 8 for differences at
    -3/2, -1/2, 1/2, 3/2 steps c, and σ^6 μ_1^(4) c / 2 at -1, 0, 1, 2 steps.

    `derivative` is the fifth of μ_1 along the line for "central" (`_calc_fourth_moments` of the
    released code), the fourth for "one-sided" (its notebook). Source: Taylor's theorem, on their
    stencils.
    """
    size = step**2 / 8 if stencil == "central" else step / 2
    return float(np.float64(sigma) ** 6 * derivative * size)


@guarded
def rounding_error(sigma: Noise, mean: Derivative, step: Step) -> float:
    """The rounding error 8 ε |μ_1| σ^6 / c^3 of weights 1, 3, 3, 1, with ε = 2^-52; an order of
    magnitude, in unit^4. Source: derived here.
    """
    return float(
        8 * EPSILON * abs(np.float64(mean)) * np.float64(sigma) ** 6 / np.float64(step) ** 3
    )


@guarded
def iteration_error(
    sigma: Noise, cumulant: Derivative, step: Step, stencil: Literal["forward", "central"]
) -> float:
    """The error of a posterior variance, to first order and in unit^2, if power iteration uses
    differences of μ_1.

    c κ_3 / (2 σ^2) at 0 and c ("forward"), c^2 κ_4 / (6 σ^4) at -c and c, `cumulant` being κ_3 or
    κ_4 of x along the principal direction given y. To first order the fixed point of v -> F(v) /
    |F(v)|, F(v) = J v + c D^2 μ_1[v, v] / 2, changes its length by that along v alone. Source:
    derived here.
    """
    share = step / sigma**2
    return float(cumulant * share / 2 if stencil == "forward" else cumulant * share**2 / 6)
