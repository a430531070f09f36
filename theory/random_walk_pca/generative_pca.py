"""PCA of a spiked covariance I + beta v v^T when the signal v is known to lie in the range of a generator.

arXiv 2203.09693 proves the rate sqrt(k log L / m) for an L-Lipschitz generator with k-dimensional input and m samples.
For a linear generator the constant and the exact role of k, as k - 1, are derived here by perturbation theory. `spike`
is beta > 0; sizes out of range raise `ValueError`.
"""

import numpy as np

from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_at_least, check_positive


@validated
def spiked_direction_error(subspace_dim: int, n_samples: int, spike: float | int) -> float:
    """Root mean square of |v_hat - v| after projection on a known subspace of `subspace_dim` dimensions that holds v.

    It is sqrt((1 + beta)(k - 1) / (beta^2 m)) to leading order in k / m; zero at k = 1. With k = d the same law holds
    for PCA without a generator, as long as d << m; see `spiked_pca_overlap` beyond that.
    """
    check_positive("spike", spike)
    _check_sizes("subspace_dim", subspace_dim, n_samples)
    return float(np.sqrt((1 + spike) * (subspace_dim - 1) / (spike**2 * n_samples)))


@validated
def spiked_pca_overlap(dim: int, n_samples: int, spike: float | int) -> float:
    """Limit of (v_hat . v)^2 for PCA without a generator as d and m grow with g = d / m fixed.

    (1 - g / beta^2) / (1 + g / beta) above the phase transition beta = sqrt(g), and zero below it. |v_hat - v| is
    sqrt(2 - 2 sqrt(overlap)). Source: Baik, Ben Arous & Péché 2005; Paul 2007.
    """
    check_positive("spike", spike)
    _check_sizes("dim", dim, n_samples)
    aspect = dim / n_samples
    return max(0.0, (1 - aspect / spike**2) / (1 + aspect / spike))


def _check_sizes(name: str, dim: int, n_samples: int) -> None:
    check_at_least(f"{name} as a dimension", dim, 1)
    check_at_least("n_samples", n_samples, 1)
