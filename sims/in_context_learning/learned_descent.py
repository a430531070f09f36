"""Descent with learned steps: GD, and GD++ that also contracts the inputs, fitted on some tasks,
tested on others.
"""

from functools import partial
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float, Key

from sims.in_context_learning.domains import Context, Size
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import NON_NEGATIVE, Interval, guarded, require, require_room

Spectra = Annotated[Float[AnyArray, "tasks dimension"], NON_NEGATIVE]
"""Eigenvalues of Σ x_i x_iᵀ, a row for each task."""
FittedLayers = Annotated[int, Interval(1, 100)]
"""Each is another fit."""
_GROWTH = (
    8  # of the steps from layer to layer where a fit starts: contracted inputs need longer ones
)


class LearnedDescent(NamedTuple):
    """Steps η_l and contractions γ_l (all 0 for GD), and the mean loss on the tasks they were
    fitted on.
    """

    steps: Float[np.ndarray, "layers"]
    contractions: Float[np.ndarray, "layers"]
    fitted_loss: float


@guarded(double=False)
def task_spectra(
    key: Key[Array, ""], tasks: Size, dimension: Size, context: Size
) -> Float[Array, "tasks dimension"]:
    """The d eigenvalues of Σ x_i x_iᵀ per task, x_i uniform on (-1, 1)ᵈ. Source: tasks of von
    Oswald et al. 2023.
    """
    require_room("context and dimension", max(context, tasks, dimension) * dimension)

    def of_task(key):
        inputs = jax.random.uniform(key, (context, dimension), minval=-1, maxval=1)
        return jnp.maximum(jnp.linalg.eigvalsh(inputs.T @ inputs), 0)

    return lax.map(of_task, jax.random.split(key, tasks))


@guarded(double=False)
@partial(jax.jit, static_argnames="context")
def descent_losses(
    spectra: Spectra,
    steps: Float[AnyArray, "layers"],
    contractions: Float[AnyArray, "layers"],
    context: Context,
) -> Float[Array, "tasks"]:
    """E (prediction - wᵀx)² of each task over w ~ N(0, I) and x uniform on (-1, 1)ᵈ, after all
    layers. Each eigendirection of Σ x_i x_iᵀ is one run of GD++ in one dimension, with input and
    label √μ and the query 1. Source: derived here.
    """
    roots = jnp.sqrt(jnp.asarray(spectra))

    def pass_through(tokens, layer):
        inputs, labels, query, answer = tokens
        step, contraction = layer
        context_state = (
            inputs - contraction * inputs**3,
            labels - step / context * labels * inputs**2,
        )
        query_state = (
            query - contraction * inputs**2 * query,
            answer - step / context * labels * inputs * query,
        )
        return (*context_state, *query_state), None

    start = roots, roots, jnp.ones_like(roots), jnp.zeros_like(roots)
    (*_, answer), _ = lax.scan(pass_through, start, (jnp.asarray(steps), jnp.asarray(contractions)))
    variance_of_uniform = 1 / 3
    return variance_of_uniform * jnp.sum((1 + answer) ** 2, axis=1)


@guarded(double=False)
def learn_descent(
    spectra: Spectra, layers: FittedLayers, context: Context, *, contract: bool
) -> LearnedDescent:
    """Fit the steps, and with `contract` the contractions, to minimise the mean loss on the given
    tasks.

    L-BFGS in the logarithms, from the optimum for one layer less with a layer like its last
    appended: local minima, so upper bounds. The last contraction has no effect and is 0. With few
    tasks GD++ learns its sample: quote losses on other tasks only. Raises TypeError in float32,
    ValueError for eigenvalues that are all zero. Source: the fitted baselines of von Oswald et al.
    2023.
    """
    require_float64("the fit of the steps")
    spectra = np.asarray(spectra, float)
    require(
        (spectra > 0).any(),
        "spectra must have an eigenvalue above 0: no step changes anything otherwise",
    )
    typical = float(np.mean(spectra**2) / np.mean(spectra))
    steps = np.log([context / typical])
    contractions = np.zeros(0)
    for depth in range(1, layers + 1):
        if depth > 1:
            # Equal steps would be a saddle.
            steps = np.append(steps, steps[-1] + np.log(_GROWTH))
        if depth > 1 and contract:
            following = (
                contractions[-1] + np.log(_GROWTH) if contractions.size else -np.log(typical)
            )
            contractions = np.append(contractions, following)
        logarithms, loss = _fit(spectra, np.append(steps, contractions), depth, context)
        steps = logarithms[:depth]
        contractions = logarithms[depth:]
    contractions = np.pad(np.exp(contractions), (0, layers - len(contractions)))
    return LearnedDescent(np.exp(steps), contractions, loss)


def _fit(spectra, logarithms, depth, context):
    from scipy.optimize import minimize

    def value_and_slope(logarithms):
        value, slope = _mean_loss(logarithms, spectra, context, depth)
        return float(value), np.asarray(slope)

    end = minimize(
        value_and_slope, logarithms, jac=True, method="L-BFGS-B", options={"maxiter": 300}
    )
    return end.x, float(end.fun)


def _split(logarithms, depth):
    """Steps, and contractions of all layers but the last (none of them for plain descent), from
    their logarithms.
    """
    steps = jnp.exp(logarithms[:depth])
    contractions = jnp.exp(logarithms[depth:])
    return steps, jnp.pad(contractions, (0, depth - len(contractions)))


@partial(jax.jit, static_argnums=(2, 3))
def _mean_loss(logarithms, spectra, context, depth):
    return jax.value_and_grad(
        lambda logarithms: jnp.mean(descent_losses(spectra, *_split(logarithms, depth), context))
    )(logarithms)
