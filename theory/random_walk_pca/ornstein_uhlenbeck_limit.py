"""The Ornstein-Uhlenbeck process as T grows at fixed c = α T: from the walk (c = 0) to the trapped
state (c >> 1).

Derived here. Antognini & Sohl-Dickstein 2018 (arXiv 1806.08805) has cosines throughout; they hold
for c << 1 only. For c >> 1 the ends of the trajectory act as if absorbing, the first component
becomes a full-period sine, and a cosine content of one falls to (8 / 3 π)^2. `crossover` is c.
Eigenvalues are in units of T^2 times the step variance.
"""

import numpy as np
from jaxtyping import Float

from theory.random_walk_pca._roots import bisect
from theory.random_walk_pca.domains import Components
from theory_on_trial.contract import NonNegative, guarded


@guarded
def crossover_wavenumbers(
    crossover: NonNegative, n_components: Components
) -> Float[np.ndarray, " components"]:
    """Increasing roots y_k of the continuum secular equation; y_k = k π at c = 0.

    [c^2 - (c^2 + y^2) sin(y) / y] (y cos y + c sin y) + (c^2 + y^2)(c cos y - c - y sin y)(1 - cos
    y) / y = 0, with one root between each two neighbouring roots of y cos y + c sin y = 0 (the
    process without centring). As c grows they tend to (k + 1) π for odd k and to the roots of
    tan(y/2) = y/2 for even k.
    """

    def uncentred(y: Float[np.ndarray, " roots"]) -> Float[np.ndarray, " roots"]:
        return y * np.cos(y) + crossover * np.sin(y)

    def secular(y: Float[np.ndarray, " roots"]) -> Float[np.ndarray, " roots"]:
        inverse = crossover**2 + y**2
        numerator = -2 * crossover * np.sin(y / 2) ** 2 - y * np.sin(y)
        with_cosine = (crossover**2 - inverse * np.sin(y) / y) * uncentred(y)
        return with_cosine + inverse * numerator * 2 * np.sin(y / 2) ** 2 / y

    index = np.arange(1, n_components + 2)
    barriers = bisect(uncentred, (index - 0.5) * np.pi, index * np.pi, -((-1.0) ** index))
    return bisect(secular, barriers[:-1], barriers[1:], (-1.0) ** index[:-1])


@guarded
def crossover_eigenvalues(
    crossover: NonNegative, n_components: Components
) -> Float[np.ndarray, " components"]:
    """Limits of λ_k / T^2 at α T = c: 1 / (c^2 + y_k^2)."""
    return 1 / (crossover**2 + crossover_wavenumbers(crossover, n_components) ** 2)


@guarded
def crossover_total_variance(crossover: NonNegative) -> float:
    """Limit of tr K / T^2, in (0, 1/6] and 1/6 at c = 0.

    It is (1/2c) [1 - (1 - e^-2c) / (2c)] - (1/c^2) [1 - 2 (1 - e^-c) / c + (1 - e^-2c) / (2c)].
    """
    c = crossover
    if c < 1:
        total = 0.0
        power_over_factorial = 1 / 6
        for order in range(
            24
        ):  # the closed form cancels to third order in c; its Taylor series does not
            total += power_over_factorial * (2**order * (order - 1) + 2)
            power_over_factorial *= -c / (order + 4)
        return total
    once = -np.expm1(-c) / c
    twice = -np.expm1(-2 * c) / (2 * c)
    return float((1 - twice) / (2 * c) - (1 - 2 * once + twice) / c**2)


@guarded
def crossover_explained_variance_ratio(
    crossover: NonNegative, n_components: Components
) -> Float[np.ndarray, " components"]:
    """Limits of ρ_k at α T = c, from 6 / (π k)^2 at c = 0 to about 2 / c each for c >> 1."""
    return crossover_eigenvalues(crossover, n_components) / crossover_total_variance(crossover)
