"""From a key to the explained variance ratios of one trajectory, by the cheapest route that is exact in law."""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Key, ScalarLike

from sims.random_walk_pca.domain import require_variance
from sims.random_walk_pca.noise_rows import Law, equivalent_gaussian_noise, noise
from sims.random_walk_pca.pca import gram_variances
from sims.random_walk_pca.processes import JUDGED_BY_RANGE, require_process, trajectory
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import AnyArray


@validated(unbounded=JUDGED_BY_RANGE)
def explained_variance_ratio(
    key: Key[Array, ""],
    n_points: int,
    dim: int,
    *,
    law: Law = "gaussian",
    scales: Float[AnyArray, "dim"] | None = None,
    degrees_of_freedom: ScalarLike = 5.0,
    drift: ScalarLike = 0.0,
    **process: ScalarLike,
) -> Float[Array, "components"]:
    """ρ̂_k, k = 1..min(T-1, d), of one trajectory of `n_points` points in `dim` dimensions, decreasing.

    Isotropic Gaussian noise takes `equivalent_gaussian_noise` (cost independent of dim), any other is drawn and stored
    whole: for very many dimensions apply `variance_ratios_of_gram` to `trajectory_gram` of a streamed `noise_gram`.
    `drift` is |μ|, along the first axis, in units of the root of tr Σ. `process` takes the other parameters of
    `trajectory`, and the noise those of `noise`. Raises ValueError as these do.
    Source: the experiments of Antognini & Sohl-Dickstein 2018.
    """
    require_process(**process)
    if law == "gaussian" and scales is None:
        rows = equivalent_gaussian_noise(key, n_points, dim)
    else:
        rows = noise(key, n_points, dim, law=law, scales=scales, degrees_of_freedom=degrees_of_freedom)
    first_axis = jnp.zeros(rows.shape[1]).at[0].set(drift)
    variances = gram_variances(trajectory(rows, drift=first_axis, **process))
    require_variance("a trajectory of this decay", variances.sum())
    return variances / variances.sum()
