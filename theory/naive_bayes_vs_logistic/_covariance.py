"""A within-class covariance, given as a matrix or as the vector of the variances of uncorrelated
features.
"""

import numpy as np
from jaxtyping import Float

from theory.naive_bayes_vs_logistic.domains import Covariance, DefiniteCovariance, correlations


def variances_of(covariance: Covariance) -> Float[np.ndarray, " features"]:
    """The diagonal of the covariance: all that naive Bayes sees of it."""
    return np.diag(covariance) if covariance.ndim == 2 else covariance


def solve(
    covariance: DefiniteCovariance, columns: Float[np.ndarray, "features vectors"]
) -> Float[np.ndarray, "features vectors"]:
    """The inverse covariance times `columns`."""
    from scipy.linalg import cho_solve

    if covariance.ndim == 1:
        return columns / covariance[:, None]
    standard_deviations = np.sqrt(variances_of(covariance))[:, None]
    factor = np.linalg.cholesky(correlations(covariance))
    return cho_solve((factor, True), columns / standard_deviations) / standard_deviations


def between(
    covariance: Covariance, rows: Float[np.ndarray, "vectors features"]
) -> Float[np.ndarray, "vectors vectors"]:
    """Covariance of the linear statistics `rows` @ x."""
    return rows @ covariance @ rows.T if covariance.ndim == 2 else (rows * covariance) @ rows.T
