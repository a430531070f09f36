"""Partly learned states and the linear flow around them: which latent unit is about to be re-used
for which feature.
"""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

import jax
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree
from jaxtyping import Complex, Float

from sims.jepa_bias.domains import Basis, CrossMoment, Definite, Depth, Objective, RandomKey
from sims.jepa_bias.networks import Network, Parameters, diagonal_network, require_fitting
from sims.jepa_bias.objectives import gradients
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import POSITIVE, Natural, guarded, require


@guarded(double=False)
def saddle_state(
    key: RandomKey | None,
    learned: Sequence[Natural],
    rho: Annotated[Float[AnyArray, "dim"], POSITIVE],
    depth: Depth,
    objective: Objective,
    *,
    basis: Basis | None = None,
) -> Parameters:
    """The balanced network that has learned the features in `learned` and nothing else: a
    stationary point of the flow. Every factor is ρ_i (JEPA) or ρ_i^(1/(L+1)) (MAE) on a learned
    feature and 0 on the others. `key` and `basis` as in `diagonal_network`; `learned` holds indices
    of features (else `ValueError`). Derived here.
    """
    dimension = rho.shape[0]
    require(
        max(learned, default=0) < dimension,
        f"learned must hold indices in 0..{dimension - 1}, got {learned}",
    )
    values = np.asarray(rho, float) ** (1.0 if objective == "jepa" else 1 / (depth + 1))
    values = np.where(np.isin(np.arange(dimension), np.asarray(learned, int)), values, 0.0)
    return diagonal_network(key, values, values, depth, objective, basis=basis)


@guarded(double=False)
@partial(jax.jit, static_argnames="objective")
def flow_jacobian(
    parameters: Network, Sigma_xx: Definite, Sigma_yx: CrossMoment, objective: Objective
) -> Float[Array, "parameters parameters"]:
    """The derivative of -∇loss with respect to all (L + 1) d² parameters, layers first, at
    `parameters`. It is forward-mode autodiff of the hand-written gradient, in which the target
    moves with the encoder. `ValueError` for matrices of another size than the layers. Derived here.
    """
    require_fitting(parameters, Sigma_xx=Sigma_xx, Sigma_yx=Sigma_yx)
    flat, unravel = ravel_pytree(parameters)
    return jax.jacfwd(
        lambda at: -ravel_pytree(gradients(unravel(at), Sigma_xx, Sigma_yx, objective))[0]
    )(flat)


@guarded(double=False)
def flow_eigenvalues(
    parameters: Network, Sigma_xx: Definite, Sigma_yx: CrossMoment, objective: Objective
) -> Complex[np.ndarray, "parameters"]:
    """The eigenvalues of `flow_jacobian` by decreasing real part: growth rates, in the flow clock.
    Not jittable. Zero is a defective eigenvalue at every saddle, off by about the cube root of
    2^-53 times the scale. Errors as `flow_jacobian`.
    """
    values = np.linalg.eigvals(
        np.asarray(flow_jacobian(parameters, Sigma_xx, Sigma_yx, objective))
    ).astype(complex)
    return values[np.argsort(-values.real, kind="stable")]
