"""Deep linear encoders with one linear predictor, and the starts of which the paper's dynamics
depend so much.

Every start is built from the same picture: in the features' basis Q and with latent rotations
U_1..U_L,

    W_a = w U_a U_{a-1}ᵀ  (U_0 = Q),    V = v U_L U_Lᵀ (JEPA: latent to latent)  or  v Q U_Lᵀ (MAE:
    latent to input),

so that the encoder and the predictor agree on every feature; a misaligned start turns V away from
that.
"""

from functools import partial
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from sims.jepa_bias.domains import Basis, Depth, Dimension, Number, Objective, RandomKey, Start
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
