"""The error of a computation that needs float64 and is asked to run in float32."""

import jax.numpy as jnp
import numpy as np

from theory_on_trial.contract import guarded


@guarded(double=False)
def require_float64(what: str) -> None:
    """Raise `TypeError` unless JAX computes in float64
    (`jax.config.update("jax_enable_x64", True)`).

    `what` names the computation in the message. Simulators that are valid in either precision do
    not call this.
    """
    if jnp.result_type(float) != np.float64:
        raise TypeError(
            f'{what} needs float64: call jax.config.update("jax_enable_x64", True) first, '
            "or run it inside jax.enable_x64(True)"
        )
