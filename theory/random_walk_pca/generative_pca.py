"""PCA of a spiked covariance I + β v v^T when the signal v is known to lie in the range of a
generator.

arXiv 2203.09693 proves the rate sqrt(k log L / m) for an L-Lipschitz generator with k-dimensional
input and m samples. For a linear generator the constant and the exact role of k, as k - 1, are
derived here by perturbation theory.
"""

import numpy as np

from theory_on_trial.contract import Count, Positive, guarded


@guarded
def spiked_direction_error(subspace_dim: Count, n_samples: Count, spike: Positive) -> float:
    """sqrt((1 + β)(k - 1) / (β^2 m)), root mean square of |v_hat - v| after projection, to leading
    order in k / m.

    k = `subspace_dim`; with k = d that of PCA without a generator, as long as d << m.
    """
    return float(np.sqrt((1 + spike) * (subspace_dim - 1) / (spike**2 * n_samples)))
