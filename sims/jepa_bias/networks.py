"""Deep linear encoders with one linear predictor, their losses, and the starts, on which the
paper's dynamics depend strongly.

Every start is built in the same way. In the features' basis Q and with latent rotations U_1..U_L,

    W_a = w U_a U_{a-1}ᵀ  (U_0 = Q),    V = v U_L U_Lᵀ (JEPA: latent to latent)  or  v Q U_Lᵀ (MAE:
    latent to input),

so that the encoder and the predictor agree on every feature. A misaligned start rotates V away from
this form.
"""

from functools import partial
from itertools import pairwise
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
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
from theory_on_trial.contract import POSITIVE, Is, Natural, guarded, require, require_room


class Parameters(NamedTuple):
    """Everything that is trained: the layers W_1..W_L of the encoder, and V to latents (JEPA) or
    inputs (MAE).
    """

    layers: tuple[Float[AnyArray, "after before"], ...]
    predictor: Float[AnyArray, "outputs latents"]


def _fits(parameters: Parameters) -> bool:
    """Whether these are matrices that can be multiplied."""
    if not isinstance(parameters.layers, tuple) or not parameters.layers:
        return False
    shapes = [tuple(getattr(factor, "shape", ())) for factor in jax.tree.leaves(parameters)]
    return all(len(shape) == 2 and min(shape) > 0 for shape in shapes) and all(
        after[1] == before[0] for before, after in pairwise(shapes)
    )


Network = Annotated[Parameters, Is("hold a tuple of layers and a predictor that fit", _fits)]
"""W_1..W_L and V."""


@guarded(double=False)
@jax.jit
def encoder(parameters: Network) -> Float[Array, "latents dim"]:
    """Return the product W̄ = W_L ... W_1 of the layers of the encoder."""
    product = jnp.asarray(parameters.layers[0])
    for layer in parameters.layers[1:]:
        product = jnp.asarray(layer) @ product
    return product


@guarded(double=False)
def balance(parameters: Network) -> list[Float[Array, "_ _"]]:
    """Return the matrices that gradient flow conserves: W_{a+1}ᵀW_{a+1} - W_a W_aᵀ for a = 1..L-1,
    then VᵀV - W_L W_Lᵀ.
    """
    factors = [*parameters.layers, parameters.predictor]
    return [jnp.asarray(after.T @ after - before @ before.T) for before, after in pairwise(factors)]


@guarded(double=False)
def loss(
    parameters: Network,
    target: Float[AnyArray, "outputs dim"],
    Sigma_xx: SecondMoment,
    Sigma_yx: CrossMoment,
    Sigma_yy: SecondMoment,
) -> Float[Array, ""]:
    """Return the loss ½ E|V W̄ x - T y|², where T = `target` is the encoder for JEPA and the
    identity for MAE.

    Raises ValueError for matrices that do not fit the network. Source: Littwin et al. 2024.
    """
    _require_fitting(parameters, Sigma_xx, Sigma_yx, Sigma_yy)
    prediction = parameters.predictor @ encoder(parameters)
    square = jnp.sum(prediction * (prediction @ Sigma_xx))
    cross = jnp.sum(prediction * (target @ Sigma_yx))
    return (square - 2 * cross + jnp.sum(target * (target @ Sigma_yy))) / 2


@guarded(double=False)
def gradients(
    parameters: Network,
    Sigma_xx: SecondMoment,
    Sigma_yx: CrossMoment,
    objective: Objective,
    *,
    target_layers: tuple[Float[AnyArray, "after before"], ...] | None = None,
    Sigma_yy: SecondMoment | None = None,
) -> Parameters:
    """The gradient of the loss by automatic differentiation, where JEPA's target is held fixed as
    by a stop-gradient.

    The target is that of `target_layers` if they are given, as for a moving average of the encoder.
    If `Sigma_yy` is given, JEPA's target is differentiated too (no stop-gradient). The result may
    be differentiated again; the target then moves with its layers. Raises ValueError for matrices
    that do not fit the network. Source: equations (4) and (5) of Littwin et al. 2024 as quoted by a
    public formalisation.
    """
    _require_fitting(parameters, Sigma_xx, Sigma_yx, Sigma_yy)

    def target(at):
        return encoder(at) if objective == "jepa" else jnp.eye(Sigma_yx.shape[0])

    if Sigma_yy is not None:
        return jax.grad(lambda at: loss(at, target(at), Sigma_xx, Sigma_yx, Sigma_yy))(parameters)
    held = target(parameters if target_layers is None else Parameters(target_layers, parameters[1]))
    # The part of the loss that depends on the prediction P: tr(P Σ_xx Pᵀ) / 2 - tr(P Σ_yxᵀ Tᵀ).
    prediction, pull = jax.vjp(lambda at: at.predictor @ encoder(at), parameters)
    return pull(prediction @ jnp.asarray(Sigma_xx) - held @ jnp.asarray(Sigma_yx))[0]


@guarded(double=False)
def random_rotation(key: RandomKey, dimension: Dimension) -> Float[Array, "dim dim"]:
    """An orthogonal matrix, uniform over all of them (Haar)."""
    require_room("dimension", dimension**2)
    return _orthogonalised(jax.random.normal(key, (dimension, dimension)))


@guarded(double=False)
def small_rotation(key: RandomKey, dimension: Dimension, angle: Number) -> Float[Array, "dim dim"]:
    """The rotation exp(δ (A - Aᵀ)) with standard normal A. In two dimensions it is the rotation by
    exactly δ radians.
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
    """A network whose layers and predictor are diagonal in the features' basis, with one value per
    feature each.

    `key` draws the latent rotations U_a; None takes identities. `basis` has the features Q as
    columns, by default the axes. V maps to the latent space (jepa) or to the inputs (mae).
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
        layers=tuple(rotations * layer_values @ jnp.swapaxes(inputs, 1, 2)),
        predictor=readout * predictor_values @ rotations[-1].T,
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
    """The balanced start w_i = v_i = ε^(1/L), from which the network moves as the scalar equations
    say.

    Orthogonal factors alone are not enough: V must undo the rotation of the encoder. `key` and
    `basis` are those of `diagonal_network`. Raises ValueError unless the basis is d x d. Derived
    here.
    """
    require_room("dimension", dimension**2)
    shape = (dimension, dimension) if basis is None else basis.shape
    require(
        shape == (dimension, dimension),
        f"basis must be {dimension} x {dimension} as the layers are, got {shape}",
    )
    factors = jnp.full(dimension, jnp.asarray(init, float) ** (1 / depth))
    return diagonal_network(key, factors, factors, depth, objective, basis=basis)


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
    """The start of `aligned_init` with V replaced by exp(δ (A - Aᵀ)) V, as in `small_rotation`. The
    balance stays exact.

    `rotate_latents` draws the latent rotations from the same key. The other arguments are those of
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
    """A start of balanced orthogonal factors of size ε^(1/L), in which V is as random as the
    layers. The rest is as in `aligned_init`. Derived here.
    """
    turn_key, latent_key = jax.random.split(key)
    layers, predictor = aligned_init(latent_key, dimension, depth, init, objective)
    return Parameters(layers, random_rotation(turn_key, dimension) @ predictor)


@guarded(double=False)
def saddle_state(
    key: RandomKey | None,
    learned: tuple[Natural, ...],
    rho: Annotated[Float[AnyArray, "dim"], POSITIVE],
    depth: Depth,
    objective: Objective,
    *,
    basis: Basis | None = None,
) -> Parameters:
    """The balanced network that has learned the features in `learned` and nothing else: a
    stationary point of the flow.

    Every factor is ρ_i (JEPA) or ρ_i^(1/(L+1)) (MAE) on a learned feature and 0 on the others.
    `key` and `basis` are those of `diagonal_network`. Raises ValueError unless `learned` holds
    indices of features. Derived here.
    """
    dimension = rho.shape[0]
    require(
        max(learned, default=0) < dimension,
        f"learned must hold indices in 0..{dimension - 1}, got {learned}",
    )
    values = np.asarray(rho, float) ** (1.0 if objective == "jepa" else 1 / (depth + 1))
    values = np.where(np.isin(np.arange(dimension), np.asarray(learned, int)), values, 0.0)
    return diagonal_network(key, values, values, depth, objective, basis=basis)


def _require_fitting(parameters, *moments):
    dimension = parameters.layers[0].shape[1]
    for moment in moments:
        if moment is not None and moment.shape != (dimension, dimension):
            raise ValueError(
                f"the moments must be {dimension} x {dimension} as the network's inputs, got "
                f"{moment.shape}"
            )


@jax.jit
def _orthogonalised(normals):
    """The Q of QR with R's diagonal made positive: uniform over the orthogonal matrices for
    standard normals.
    """
    orthogonal, triangular = jnp.linalg.qr(normals)
    return orthogonal * jnp.sign(jnp.diagonal(triangular, axis1=-2, axis2=-1))[..., None, :]
