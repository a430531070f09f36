"""From a key to the explained variance ratios of one trajectory, by the cheapest route that is
exact in law.
"""

from typing import Unpack

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Key, ScalarLike

from sims.random_walk_pca.domains import NumberOfPoints, Process, Scales
from sims.random_walk_pca.noise_rows import Law, equivalent_gaussian_noise, noise
from sims.random_walk_pca.pca import gram_variances
from sims.random_walk_pca.processes import trajectory
from theory_on_trial.contract import Size, guarded


@guarded(double=False)
def explained_variance_ratio(
    key: Key[Array, ""],
    n_points: NumberOfPoints,
    dim: Size,
    *,
    law: Law = "gaussian",
    scales: Scales | None = None,
    drift: ScalarLike = 0.0,
    **process: Unpack[Process],
) -> Float[Array, "components"]:
    """ρ̂_k, k = 1..min(T-1, d), of one trajectory of `n_points` points in `dim` dimensions,
    decreasing.

    Isotropic Gaussian noise takes `equivalent_gaussian_noise` (cost independent of dim), any other
    is drawn and stored whole: for very many dimensions apply `variance_ratios_of_gram` to
    `trajectory_gram` of a streamed `noise_gram`. `drift` is |μ|, along the first axis, in units of
    the root of tr Σ. `process` takes the other parameters of `trajectory`, and the noise those of
    `noise`. NaN where the trajectory overflows, or decays so fast that no step but the first is
    left. Raises ValueError as `noise`. Source: the experiments of Antognini & Sohl-Dickstein 2018.

    >>> import jax
    >>> round(float(explained_variance_ratio(jax.random.key(0), 300, 10**6)[0]), 2)
    0.61
    """
    if law == "gaussian" and scales is None:
        rows = equivalent_gaussian_noise(key, n_points, dim)
    else:
        rows = noise(key, n_points, dim, law=law, scales=scales)
    first_axis = jnp.zeros(rows.shape[1]).at[0].set(drift)
    variances = gram_variances(trajectory(rows, drift=first_axis, **process))
    return variances / variances.sum()
