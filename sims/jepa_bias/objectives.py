"""The two losses on covariances and on data, and their gradients: by hand, and by autodiff through
a stop-gradient.

The hand-written gradient is what the flows follow (a third of the compilation, and it may be
differentiated again: a stop-gradient would freeze the target in a Jacobian too). Autodiff of the
losses is what people run.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from sims.jepa_bias.domains import CrossMoment, Objective, SecondMoment
from sims.jepa_bias.networks import Network, Parameters, encoder, require_fitting
from theory_on_trial.contract import guarded, require


@guarded(double=False)
def jepa_loss(
    parameters: Network,
    Sigma_xx: SecondMoment,
    Sigma_yx: CrossMoment,
    Sigma_yy: SecondMoment,
    *,
    stop_gradient: bool = True,
) -> Float[Array, ""]:
    """½ E|V W̄ x - SG(W̄ y)|²; with `stop_gradient` the target is constant in derivatives.
    `ValueError` for matrices of another size than the layers. Source: the JEPA loss of Littwin et
    al. 2024.
    """
    require_fitting(parameters, Sigma_xx=Sigma_xx, Sigma_yx=Sigma_yx, Sigma_yy=Sigma_yy)
    target = encoder(parameters)
    prediction = parameters.predictor @ target
    if stop_gradient:
        target = lax.stop_gradient(target)
    return _half_squared_error(prediction, target, Sigma_xx, Sigma_yx, Sigma_yy)


@guarded(double=False)
def mae_loss(
    parameters: Network, Sigma_xx: SecondMoment, Sigma_yx: CrossMoment, Sigma_yy: SecondMoment
) -> Float[Array, ""]:
    """½ E|V W̄ x - y|², the loss of reconstruction; arguments and errors as `jepa_loss`. Source:
    Littwin et al. 2024.
    """
    require_fitting(parameters, Sigma_xx=Sigma_xx, Sigma_yx=Sigma_yx, Sigma_yy=Sigma_yy)
    prediction = parameters.predictor @ encoder(parameters)
    return _half_squared_error(
        prediction, jnp.eye(prediction.shape[0]), Sigma_xx, Sigma_yx, Sigma_yy
    )


@guarded(double=False)
def gradients(
    parameters: Network,
    Sigma_xx: SecondMoment,
    Sigma_yx: CrossMoment,
    objective: Objective,
    *,
    stop_gradient: bool = True,
    Sigma_yy: SecondMoment | None = None,
) -> Parameters:
    """The gradient of the loss by hand: E W̄ᵀ for V, and (W_L..W_{a+1})ᵀ Vᵀ E (W_{a-1}..W_1)ᵀ for
    W_a.

    E = V W̄ Σ_xx - T Σ_yx, where T is W̄ for JEPA and I for MAE. Without the stop-gradient the
    target adds W̄ Σ_yy - V W̄ Σ_yxᵀ to the gradient for W̄, and `Sigma_yy` must be given
    (`ValueError`). `ValueError` also for matrices of another size than the layers. Source:
    equations (4) and (5) of Littwin et al. 2024 as quoted by a public formalisation.
    """
    require_fitting(parameters, Sigma_xx=Sigma_xx, Sigma_yx=Sigma_yx, Sigma_yy=Sigma_yy)
    layers, predictor = parameters
    inputs = [layers[0]]
    for layer in layers[1:]:
        inputs.append(layer @ inputs[-1])
    product = inputs.pop()
    target = jnp.asarray(Sigma_yx)
    if objective == "jepa":
        target = product @ Sigma_yx
    prediction = predictor @ product
    error = prediction @ Sigma_xx - target
    backward = predictor.T @ error
    if objective == "jepa" and not stop_gradient:
        require(
            Sigma_yy is not None,
            "Sigma_yy must be given for stop_gradient=False: the target is differentiated too",
        )
        backward = backward + product @ jnp.asarray(Sigma_yy) - prediction @ jnp.asarray(Sigma_yx).T
    slopes = []
    for layer, layer_input in zip(layers[:0:-1], reversed(inputs), strict=True):
        slopes.append(backward @ layer_input.T)
        backward = layer.T @ backward
    slopes.append(backward)
    return Parameters(layers=jnp.stack(slopes[::-1]), predictor=error @ product.T)


@guarded(double=False)
def autodiff_gradients(
    parameters: Network,
    Sigma_xx: SecondMoment,
    Sigma_yx: CrossMoment,
    Sigma_yy: SecondMoment,
    objective: Objective,
    *,
    stop_gradient: bool = True,
) -> Parameters:
    """The gradient by reverse-mode autodiff through a real stop-gradient; arguments and errors as
    `jepa_loss`.
    """
    if objective == "mae":
        return jax.grad(mae_loss)(parameters, Sigma_xx, Sigma_yx, Sigma_yy)
    return jax.grad(partial(jepa_loss, stop_gradient=stop_gradient))(
        parameters, Sigma_xx, Sigma_yx, Sigma_yy
    )


def _half_squared_error(prediction, target, Sigma_xx, Sigma_yx, Sigma_yy):
    """½ E|P x - T y|²."""
    square = jnp.sum(prediction * (prediction @ Sigma_xx))
    cross = jnp.sum(prediction * (target @ Sigma_yx))
    return (square - 2 * cross + jnp.sum(target * (target @ Sigma_yy))) / 2
