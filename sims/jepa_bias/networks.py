"""Deep linear encoders with one linear predictor, and the starts of which the paper's dynamics
depend so much.

Every start is built from the same picture: in the features' basis Q and with latent rotations
U_1..U_L,

    W_a = w U_a U_{a-1}ᵀ  (U_0 = Q),    V = v U_L U_Lᵀ (JEPA: latent to latent)  or  v Q U_Lᵀ (MAE:
    latent to input),

so that the encoder and the predictor agree on every feature; a misaligned start turns V away from
that.

The two losses on covariances and on data, and their gradients: by hand, and by autodiff through
a stop-gradient.

The hand-written gradient is what the flows follow (a third of the compilation, and it may be
differentiated again: a stop-gradient would freeze the target in a Jacobian too). Autodiff of the
losses is what people run.
"""

from functools import partial
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from sims.jepa_bias.domains import (
    Basis,
    CrossMoment,
    Depth,
    Dimension,
    Number,
    Objective,
    RandomKey,
    SecondMoment,
    Start,
)
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import Is, guarded, require, require_room


class Parameters(NamedTuple):
    """Everything that is trained: the layers W_1..W_L of the encoder, and V."""

    layers: Float[AnyArray, "depth dim dim"]
    predictor: Float[AnyArray, "dim dim"]


def _fits(parameters: Parameters) -> bool:
    """Whether these are arrays, and each layer and the predictor map one space to itself."""
    layers, predictor = (tuple(getattr(factor, "shape", ())) for factor in parameters)
    return (
        len(layers) == 3 and min(layers) > 0 and predictor == layers[1:] and layers[1] == layers[2]
    )


Network = Annotated[Parameters, Is("hold arrays of shapes (depth, d, d) and (d, d)", _fits)]
"""W_1..W_L and V."""


@guarded(double=False)
@jax.jit
def encoder(parameters: Network) -> Float[Array, "dim dim"]:
    """W̄ = W_L ... W_1."""
    product = parameters.layers[0]
    for layer in parameters.layers[1:]:
        product = layer @ product
    return product


@guarded(double=False)
def balance(parameters: Network) -> Float[Array, "depth dim dim"]:
    """W_{a+1}ᵀW_{a+1} - W_a W_aᵀ for a = 1..L-1, then VᵀV - W_L W_Lᵀ: what gradient flow
    conserves.
    """
    layers, predictor = parameters
    later = jnp.concatenate([layers[1:], predictor[None]])
    return jnp.swapaxes(later, 1, 2) @ later - layers @ jnp.swapaxes(layers, 1, 2)


@guarded(double=False)
def random_rotation(key: RandomKey, dimension: Dimension) -> Float[Array, "dim dim"]:
    """An orthogonal matrix, uniform over all of them (Haar)."""
    require_room("dimension", dimension**2)
    return _orthogonalised(jax.random.normal(key, (dimension, dimension)))


@guarded(double=False)
def small_rotation(key: RandomKey, dimension: Dimension, angle: Number) -> Float[Array, "dim dim"]:
    """exp(δ (A - Aᵀ)) with standard normal A; in two dimensions the rotation by exactly δ
    radians.
    """
    require_room("dimension", dimension**2)
    return _small_rotation(jax.random.normal(key, (dimension, dimension)), angle)


@jax.jit
def _small_rotation(normal, angle):
    if len(normal) == 2:
        cosine = jnp.cos(angle)
        sine = jnp.sin(angle)
        return jnp.array([[cosine, -sine], [sine, cosine]])
    # i (A - Aᵀ) is Hermitian: its spectrum exponentiates exactly, at a tenth of the compilation of
    # a general expm.
    frequencies, modes = jnp.linalg.eigh(1j * (normal - normal.T))
    return jnp.real(modes * jnp.exp(-1j * angle * frequencies) @ modes.conj().T)


@guarded(double=False)
def diagonal_network(
    key: RandomKey | None,
    layer_values: Float[AnyArray, "dim"],
    predictor_values: Float[AnyArray, "dim"],
    depth: Depth,
    objective: Objective,
    *,
    basis: Basis | None = None,
) -> Parameters:
    """Layers and predictor that are diagonal in the features' basis, with one value per feature.
    `key` is of the latent rotations U_a, None for identities; `basis` the features Q, by default
    the axes. V maps to the latent space (jepa) or the inputs (mae).
    """
    dimension = layer_values.shape[0]
    require_room("depth", depth * dimension**2)
    features = jnp.eye(dimension) if basis is None else jnp.asarray(basis)
    return _diagonal_network(
        key, jnp.asarray(layer_values), jnp.asarray(predictor_values), features, depth, objective
    )


@partial(jax.jit, static_argnames=("depth", "objective"))
def _diagonal_network(key, layer_values, predictor_values, features, depth, objective):
    dimension = len(features)
    if key is None:
        rotations = jnp.broadcast_to(jnp.eye(dimension), (depth, dimension, dimension))
    else:
        rotations = _orthogonalised(jax.random.normal(key, (depth, dimension, dimension)))
    inputs = jnp.concatenate([features[None], rotations[:-1]])
    readout = rotations[-1] if objective == "jepa" else features
    return Parameters(
        layers=rotations * layer_values @ jnp.swapaxes(inputs, 1, 2),
        predictor=readout * predictor_values @ rotations[-1].T,
    )


@guarded(double=False)
def unbalanced_init(
    key: RandomKey | None,
    dimension: Dimension,
    depth: Depth,
    layer_init: Start,
    predictor_init: Number,
    objective: Objective,
    *,
    basis: Basis | None = None,
) -> Parameters:
    """An aligned start with w_i = `layer_init` and v_i = `predictor_init`, else as `aligned_init`.
    Derived here.
    """
    require_room("dimension", dimension**2)
    shape = (dimension, dimension) if basis is None else basis.shape
    require(
        shape == (dimension, dimension),
        f"basis must be {dimension} x {dimension} as the layers are, got {shape}",
    )
    values = jnp.ones(dimension)
    return diagonal_network(
        key, layer_init * values, predictor_init * values, depth, objective, basis=basis
    )


@guarded(double=False)
def aligned_init(
    key: RandomKey | None,
    dimension: Dimension,
    depth: Depth,
    init: Start,
    objective: Objective,
    *,
    basis: Basis | None = None,
) -> Parameters:
    """The balanced start w_i = v_i = ε^(1/L) on which the network moves as the scalar equations
    say. Derived here: orthogonal factors alone are not enough, V must undo the rotation of the
    encoder. `key` and `basis` as in `diagonal_network`; `ValueError` unless the basis is d x d.
    """
    factor = jnp.asarray(init, float) ** (1 / depth)
    return unbalanced_init(key, dimension, depth, factor, factor, objective, basis=basis)


@guarded(double=False)
def misaligned_init(
    key: RandomKey,
    dimension: Dimension,
    depth: Depth,
    init: Start,
    objective: Objective,
    delta: Number,
    *,
    basis: Basis | None = None,
    rotate_latents: bool = True,
) -> Parameters:
    """The start of `aligned_init` with V turned into exp(δ (A - Aᵀ)) V, as `small_rotation`: the
    balance stays exact.

    `rotate_latents` draws the latent rotations from the same key. Other arguments as
    `aligned_init`. Derived here.
    """
    turn_key, latent_key = jax.random.split(key)
    start_key = latent_key if rotate_latents else None
    layers, predictor = aligned_init(start_key, dimension, depth, init, objective, basis=basis)
    return Parameters(layers, small_rotation(turn_key, dimension, delta) @ predictor)


@guarded(double=False)
def random_predictor_init(
    key: RandomKey, dimension: Dimension, depth: Depth, init: Start, objective: Objective
) -> Parameters:
    """Balanced orthogonal factors of size ε^(1/L), V as random as the layers, else as
    `aligned_init`. Derived here.
    """
    turn_key, latent_key = jax.random.split(key)
    layers, predictor = aligned_init(latent_key, dimension, depth, init, objective)
    return Parameters(layers, random_rotation(turn_key, dimension) @ predictor)


def require_fitting(parameters: Parameters, **matrices: AnyArray | None) -> None:
    """Raise `ValueError` unless the matrices that are given are as large as the layers."""
    dimension = parameters.predictor.shape[0]
    for name, matrix in matrices.items():
        if matrix is not None and matrix.shape != (dimension, dimension):
            raise ValueError(
                f"{name} must be {dimension} x {dimension} as the layers are, got {matrix.shape}"
            )


@jax.jit
def _orthogonalised(normals):
    """The Q of QR with R's diagonal made positive: uniform over the orthogonal matrices for
    standard normals.
    """
    orthogonal, triangular = jnp.linalg.qr(normals)
    return orthogonal * jnp.sign(jnp.diagonal(triangular, axis1=-2, axis2=-1))[..., None, :]


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
