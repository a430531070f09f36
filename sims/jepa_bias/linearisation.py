"""Partly learned states and the linear flow around them: which latent unit is about to be re-used for which feature."""

from collections.abc import Sequence
from functools import partial
from numbers import Integral

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree
from jaxtyping import Complex, Float, Key

from sims.jepa_bias.domain import Objective, require_covariances, require_feature
from sims.jepa_bias.networks import Parameters, diagonal_network, require_parameters
from sims.jepa_bias.objectives import gradients
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import AnyArray, require_choice, require_count


@validated
def saddle_state(
    key: Key[Array, ""] | None,
    learned: Sequence[int],
    rho: Float[AnyArray, "dim"],
    depth: int,
    objective: Objective,
    *,
    basis: Float[AnyArray, "dim dim"] | None = None,
) -> Parameters:
    """The balanced network that has learned the features in `learned` and nothing else of the others.

    Every factor is ρ_i (JEPA) or ρ_i^(1/(L+1)) (MAE) on a learned feature and exactly 0 on the others: a stationary
    point of the flow for the covariances with these ρ in this basis.

    Args:
        key: of the latent rotations, or None for identities.
        learned: S, indices of features; may be empty, or all.
        rho: ρ_i > 0 of every feature.
        depth: L, at least 1.
        objective: jepa or mae.
        basis: Q, whose orthonormal columns are the features; the coordinate axes if not given.

    Raises ValueError for arguments outside these ranges, or an index that is none, TypeError for an index that is not
    an integer. Derived here.
    """
    require_choice("objective", objective, Objective)
    require_count("depth", depth, 1, "need at least one layer")
    dimension = rho.shape[0]
    require_count("the number of entries of rho", dimension, 1, "need at least one feature")
    require_feature(1.0, rho)
    for index in learned:
        if isinstance(index, bool) or not isinstance(index, Integral):
            raise TypeError(f"learned must hold integers, got {index!r}")
        if not 0 <= index < dimension:
            raise ValueError(f"learned must hold indices in 0..{dimension - 1}, got {index}")
    values = np.asarray(rho, float) ** (1.0 if objective == "jepa" else 1 / (depth + 1))
    values = np.where(np.isin(np.arange(dimension), np.asarray(learned, int)), values, 0.0)
    return diagonal_network(key, values, values, depth, objective, basis=basis)


@validated
def flow_jacobian(
    parameters: Parameters,
    Sigma_xx: Float[AnyArray, "dim dim"],
    Sigma_yx: Float[AnyArray, "dim dim"],
    objective: Objective,
) -> Float[Array, "parameters parameters"]:
    """The derivative of -∇loss with respect to all (L + 1) d² parameters, layers first, at `parameters`.

    The target moves with the encoder here, although the gradient does not see it: a stop-gradient inside the
    derivative would freeze it. So this is forward-mode autodiff of the hand-written gradient. Raises ValueError for
    another objective or degenerate covariances. Derived here.
    """
    require_choice("objective", objective, Objective)
    require_parameters(parameters)
    require_covariances(Sigma_xx, Sigma_yx, parameters.layers.shape[1])
    return _jacobian(parameters, jnp.asarray(Sigma_xx), jnp.asarray(Sigma_yx), objective)


@validated
def flow_eigenvalues(
    parameters: Parameters,
    Sigma_xx: Float[AnyArray, "dim dim"],
    Sigma_yx: Float[AnyArray, "dim dim"],
    objective: Objective,
) -> Complex[np.ndarray, "parameters"]:
    """The eigenvalues of `flow_jacobian` by decreasing real part: growth rates, in the flow clock.

    Not jittable: LAPACK computes them. Zero is a multiple and defective eigenvalue at every saddle, and comes out
    with a rounding error of about the cube root of 2^-53 times the scale. Errors as `flow_jacobian`.
    """
    values = np.linalg.eigvals(np.asarray(flow_jacobian(parameters, Sigma_xx, Sigma_yx, objective))).astype(complex)
    return values[np.argsort(-values.real, kind="stable")]


@partial(jax.jit, static_argnames="objective")
def _jacobian(parameters, Sigma_xx, Sigma_yx, objective):
    flat, unravel = ravel_pytree(parameters)
    return jax.jacfwd(lambda at: -ravel_pytree(gradients(unravel(at), Sigma_xx, Sigma_yx, objective))[0])(flat)
