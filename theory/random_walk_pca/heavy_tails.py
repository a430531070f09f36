"""What tails without a sixth moment take from the scatter of a walk's first ratio: a term of order
d^(-(ν - 4)/2).

To first order in 1 / d only the fourth moment of the steps enters. The next order is 1 / d where
there is a sixth moment. Student's t with 4 < ν < 6 degrees of freedom has none: single coordinates
as large as sqrt(d) are rare, but each of them moves the ratio by a finite amount, which the linear
response overestimates from five points on and underestimates at three.
"""

from typing import Annotated

import numpy as np

from theory.random_walk_pca.domains import Points
from theory.random_walk_pca.walk_finite_dimension import kurtosis_factor_ratio
from theory_on_trial.contract import Interval, guarded

Freedom = Annotated[
    float, Interval(4.2, 5.8, why="a fourth moment and no sixth, neither by a hair")
]
_SMALL = 0.01  # below it the excess over the linear response is its leading term, u^3, to 1e-4


@guarded
def tail_shortfall(n_points: Points, freedom: Freedom) -> float:
    """Return c in Var(ρ_1) = first order (1 + c d^(-(ν - 4)/2) + O(1/d)) for steps of Student's t.

    A coordinate of one step is x = sqrt(u d) with density (ν / 2) C (u d)^(-ν/2) / u, the tail of
    unit variance (C = 2 Gamma((ν + 1)/2) / (sqrt(ν π) Gamma(ν/2)) ν^((ν - 1)/2) (1 - 2/ν)^(ν/2)).
    It changes the Gram matrix of the centred positions from G to G + u a_j a_j' and the ratio by
    Δ_j(u), where the linear response says Δ_j'(0) u; c is the sum over steps j of the integral of
    Δ_j^2 - (Δ_j'(0) u)^2, over first order.
    """
    from scipy.integrate import quad
    from scipy.special import gammaln

    centring = np.eye(n_points) - 1 / n_points
    positions = centring @ np.tril(np.ones((n_points, n_points - 1)), -1)
    gram = positions @ positions.T
    values, vectors = np.linalg.eigh(gram)
    share = values[-1] / values.sum()
    logs = gammaln((freedom + 1) / 2) - gammaln(freedom / 2) - np.log(freedom * np.pi) / 2
    tail = 2 * np.exp(logs) * freedom ** ((freedom - 1) / 2) * (1 - 2 / freedom) ** (freedom / 2)
    linear = (
        (vectors[:, -1] @ positions) ** 2 - share * np.sum(positions**2, axis=0)
    ) / values.sum()

    def excess(root: float) -> float:
        """Sum over j of Δ_j^2 - (Δ_j'(0) u)^2 at u = root^2."""
        grams = gram + root**2 * np.einsum("ij,kj->jik", positions, positions)
        spectra = np.linalg.eigvalsh(grams)
        shifts = spectra[:, -1] / spectra.sum(axis=1) - share
        return float(np.sum(shifts**2 - (linear * root**2) ** 2))

    integral = quad(lambda s: excess(s) * s ** (-freedom - 1), _SMALL, np.inf, limit=400)[0]
    integral += excess(_SMALL) * _SMALL**-freedom / (6 - freedom)
    kurtosis = 6 / (freedom - 4)
    first = 2 * np.sum((values[:, None] * _response(values, share)) ** 2)
    return float(freedom * tail * integral / (first * kurtosis_factor_ratio(n_points, kurtosis)[0]))


def _response(values: np.ndarray, share: float) -> np.ndarray:
    """The derivative of the first ratio by each eigenvalue, as a column."""
    return (np.eye(len(values))[:, -1:] - share) / values.sum()
