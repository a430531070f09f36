"""PCA of a walk whose steps differ in variance, and of one whose step variance is cut once.

Derived here, for training with a schedule of learning rates. With L the sum over time and D the
variances of the steps, the centred walk C L D^(1/2) R has the eigenvalues of D^(1/2) B D^(1/2),
where B = L^T C L has the entries min(a, b) - a b / T: a Brownian bridge, tied down before the first
step and after the last. As T grows the eigenfunctions solve g'' = -D g / λ, g(0) = g(1) = 0.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.random_walk_pca._roots import bisect
from theory.random_walk_pca.domains import Components
from theory_on_trial.contract import NON_NEGATIVE, Holds, Interval, guarded

_MOVES = Holds(
    "moves",
    "hold a variance above zero after the first (zero total variance: ratios are undefined)",
    lambda variances: len(variances) >= 2 and bool(variances[1:].any()),
)
_USABLE = Interval(0, 1e100, why="sums of squares of others overflow")
StepVariances = Annotated[Float[np.ndarray, " points"], NON_NEGATIVE, _USABLE, _MOVES]
"""Variances D_1, ..., D_T of the steps to the T recorded points; the first never matters."""
Share = Annotated[float, Interval(0, 1, "()", why="at the ends there is one variance")]
"""f, the share of the walk before the cut."""
Remainder = Annotated[
    float, Interval(1e-12, 1e12, why="beyond, one part of the walk stands still to rounding")
]
"""c, the step variance after the cut over that before it."""


@guarded
def varying_noise_explained_variance_ratio(
    step_variances: StepVariances,
) -> Float[np.ndarray, " components"]:
    """Exact population ratios ρ_k, decreasing, k = 1, ..., T - 1, of a walk of T points whose steps
    have the given variances.
    """
    n_points = len(step_variances)
    times = np.arange(n_points)
    bridge = np.minimum.outer(times, times) - np.outer(times, times) / n_points
    # In units of the largest variance, whose powers stay in range.
    roots = np.sqrt(step_variances / step_variances[1:].max())[1:]
    eigenvalues = np.linalg.eigvalsh(bridge[1:, 1:] * np.outer(roots, roots))[::-1]
    return np.maximum(eigenvalues, 0) / eigenvalues.sum()


@guarded
def noise_cut_explained_variance_ratio(
    share: Share, remainder: Remainder, n_components: Components
) -> Float[np.ndarray, " components"]:
    """Limits ρ_k = 1 / (ω_k^2 v) for a step variance that falls to a part c = r^2 at the share f.

    r tan(f ω) + tan(r (1 - f) ω) = 0 gives ω_k, and v = (1 - c) (f^2 / 2 - f^3 / 3) + c / 6.
    """
    root = np.sqrt(remainder)
    # The phase of g, which reaches k π at ω_k, stays within π/2 of ω times this.
    pace = share + root * (1 - share)
    index = np.arange(1, n_components + 1)

    def value_at_the_end(omega: Float[np.ndarray, " roots"]) -> Float[np.ndarray, " roots"]:
        before = omega * share
        after = omega * root * (1 - share)
        return root * np.sin(before) * np.cos(after) + np.cos(before) * np.sin(after)

    omega = bisect(
        value_at_the_end,
        (index - 0.5) * np.pi / pace,
        (index + 0.5) * np.pi / pace,
        1.0 - 2.0 * ((index - 1) % 2),
    )
    moved = share**2 / 2 - share**3 / 3
    return 1 / (omega**2 * ((1 - remainder) * moved + remainder / 6))
