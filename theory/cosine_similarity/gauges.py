"""What a gauge does to cosines, and the gauge that balances the two factors."""

import numpy as np
from jaxtyping import Float

from theory.cosine_similarity.domains import Embeddings, Factor, Gauge, OtherFactor
from theory_on_trial.contract import guarded, require

_LEAST = (
    1e-7  # relative singular value of a factor, of which the product of two is still above rounding
)


@guarded
def gauge_cosines(items: Embeddings, gauge: Gauge) -> Float[np.ndarray, "items items"]:
    """The cosines b_i^T G b_j / sqrt(b_i^T G b_i b_j^T G b_j), by definition. With G = (X A)^T (X
    A) they are the cosines of the scores.
    """
    images = items @ np.linalg.cholesky(gauge)
    unit = images / np.linalg.norm(images, axis=1, keepdims=True)
    return unit @ unit.T


@guarded
def balancing_gauge(a: Factor, b: OtherFactor) -> Float[np.ndarray, "dim dim"]:
    """The P = R R^T of the gauges with (A R)^T (A R) = (B R^-T)^T (B R^-T). It solves P M P = N
    with M = A^T A and N = B^T B.

    The geometric mean of M^-1 and N: P = H H^T with H = T^-1 W s^1/2, where T and U are the
    triangles of A and B and T U^T = W s Z^T, so that no square is formed. Raises ValueError unless
    a and b have full column rank, to half the digits. Source: derived here.
    """
    for name, factor in (("a", a), ("b", b)):
        values = np.linalg.svd(factor, compute_uv=False)
        require(
            len(values) == factor.shape[1] and values[-1] > _LEAST * values[0],
            f"{name} must have full column rank (to half the digits), got shape {factor.shape}",
        )
    first, second = (np.asarray(np.linalg.qr(matrix, mode="r")) for matrix in (a, b))
    vectors, sizes, _ = np.linalg.svd(first @ second.T)
    half = np.linalg.solve(first, vectors * np.sqrt(sizes))
    return np.asarray(half @ half.T)
