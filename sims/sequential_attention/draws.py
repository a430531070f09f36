"""Random regression problems with equally correlated columns."""

import numpy as np
from jaxtyping import Float

from sims.sequential_attention._domains import Correlation, Count
from theory_on_trial.contract import guarded, require_room

_SPREAD = 0.7


@guarded
def problems(
    generator: np.random.Generator,
    count: Count,
    n: Count,
    p: Count,
    correlation: Correlation = 0.0,
    *,
    scaled: bool = False,
) -> tuple[Float[np.ndarray, "count n p"], Float[np.ndarray, "count n"]]:
    """X_ij = sqrt(rho) g_i + sqrt(1 - rho) G_ij and y = X beta + noise, all numbers standard normal.

    The columns of X are then of length sqrt(n), or, if `scaled`, each is multiplied by its own e^(0.7 N).
    """
    require_room("count, n and p", count * n * p)
    shared, own = generator.normal(size=(count, n, 1)), generator.normal(size=(count, n, p))
    X = np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own
    if scaled:
        X = X * np.exp(_SPREAD * generator.normal(size=(count, 1, p)))
    else:
        X = X / np.sqrt(np.mean(X**2, axis=1, keepdims=True))
    y = np.einsum("bnp,bp->bn", X, generator.normal(size=(count, p))) + generator.normal(size=(count, n))
    return X, y


@guarded
def sparse_problem(
    generator: np.random.Generator, n: Count, p: Count
) -> tuple[Float[np.ndarray, "n p"], Float[np.ndarray, " n"]]:
    """Columns of many scales, correlated by one half; y is made of up to three of them, normal weights, noise 0.5."""
    ((X,), _) = problems(generator, 1, n, p, 0.5, scaled=True)
    used = min(3, p)
    y = X[:, :used] @ generator.normal(size=used) + 0.5 * generator.normal(size=n)
    return X, y
