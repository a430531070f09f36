"""Deep linear encoders with one linear predictor, and the starts of which the paper's dynamics depend so much.

Every start is built from the same picture: in the features' basis Q and with latent rotations U_1..U_L,

    W_a = w U_a U_{a-1}ᵀ  (U_0 = Q),    V = v U_L U_Lᵀ (JEPA: latent to latent)  or  v Q U_Lᵀ (MAE: latent to input),

so that the encoder and the predictor agree on every feature; a misaligned start turns V away from that.
"""

from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key, ScalarLike

from sims.jepa_bias.domain import Objective, require_orthonormal
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import (
    AnyArray,
    require_above,
    require_choice,
    require_count,
    require_finite,
    require_in_range,
    require_size,
)

Misalignment = Literal["predictor_rotation", "predictor_noise", "predictor_symmetric"]


class Parameters(NamedTuple):
    """Everything that is trained: the layers W_1..W_L of the encoder, and V."""

    layers: Float[Array, "depth dim dim"]
    predictor: Float[Array, "dim dim"]


@validated
def encoder(parameters: Parameters) -> Float[Array, "dim dim"]:
    """W̄ = W_L ... W_1. Raises ValueError for layers or a predictor that are not d x d, TypeError for no arrays."""
    require_parameters(parameters)
    product = parameters.layers[0]
    for layer in parameters.layers[1:]:
        product = layer @ product
    return product


@validated
def balance(parameters: Parameters) -> Float[Array, "depth dim dim"]:
    """W_{a+1}ᵀW_{a+1} - W_a W_aᵀ for a = 1..L-1, then VᵀV - W_L W_Lᵀ: what gradient flow conserves.

    Errors as `encoder`.
    """
    require_parameters(parameters)
    layers, predictor = parameters
    later = jnp.concatenate([layers[1:], predictor[None]])
    return jnp.swapaxes(later, 1, 2) @ later - layers @ jnp.swapaxes(layers, 1, 2)


@validated
@partial(jax.jit, static_argnames="dimension")
def random_rotation(key: Key[Array, ""], dimension: int) -> Float[Array, "dim dim"]:
    """An orthogonal matrix, uniform over all of them (Haar). Raises ValueError for a dimension below 1."""
    require_count("dimension", dimension, 1, "need at least one feature")
    require_size("dimension", dimension**2)
    return _orthogonalised(jax.random.normal(key, (dimension, dimension)))


@validated
@partial(jax.jit, static_argnames="dimension")
def small_rotation(key: Key[Array, ""], dimension: int, angle: ScalarLike) -> Float[Array, "dim dim"]:
    """exp(δ (A - Aᵀ)) with standard normal A; in two dimensions the rotation by exactly δ radians.

    Raises ValueError for a dimension below 1 or an angle that is not finite.
    """
    require_count("dimension", dimension, 1, "need at least one feature")
    require_size("dimension", dimension**2)
    if dimension == 2:
        cosine, sine = jnp.cos(angle), jnp.sin(angle)
        return jnp.array([[cosine, -sine], [sine, cosine]])
    normal = jax.random.normal(key, (dimension, dimension))
    # i (A - Aᵀ) is Hermitian: its spectrum exponentiates exactly, at a tenth of the compilation of a general expm.
    frequencies, modes = jnp.linalg.eigh(1j * (normal - normal.T))
    return jnp.real(modes * jnp.exp(-1j * angle * frequencies) @ modes.conj().T)


@validated
def diagonal_network(
    key: Key[Array, ""] | None,
    layer_values: Float[AnyArray, "dim"],
    predictor_values: Float[AnyArray, "dim"],
    depth: int,
    objective: Objective,
    *,
    basis: Float[AnyArray, "inputs features"] | None = None,
) -> Parameters:
    """Layers and predictor that are diagonal in the features' basis, with one value per feature.

    Args:
        key: of the latent rotations U_a, or None for identities.
        layer_values: w_i, the value of every layer on feature i.
        predictor_values: v_i, that of V.
        depth: L, at least 1.
        objective: jepa (V maps the latent space to itself) or mae (V maps it to the inputs).
        basis: Q, whose orthonormal columns are the features; the coordinate axes if not given.

    Raises ValueError for a depth below 1, another objective, values that are not finite, shapes that differ, or a basis
    that is not orthonormal.
    """
    require_count("depth", depth, 1, "need at least one layer")
    require_choice("objective", objective, Objective)
    require_finite("layer_values", layer_values)
    require_finite("predictor_values", predictor_values)
    dimension = layer_values.shape[0]
    require_size("depth", depth * dimension**2)
    require_count("the number of layer_values", dimension, 1, "need at least one feature")
    features = jnp.eye(dimension) if basis is None else jnp.asarray(basis)
    if features.shape != (dimension, dimension):
        raise ValueError(f"basis must be {dimension} x {dimension}, a column per feature, got {features.shape}")
    require_orthonormal("basis", basis)
    return _diagonal_network(key, jnp.asarray(layer_values), jnp.asarray(predictor_values), features, depth, objective)


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


@validated(unbounded=("layer_init", "predictor_init"))  # they have sentences of their own
def unbalanced_init(
    key: Key[Array, ""] | None,
    dimension: int,
    depth: int,
    layer_init: ScalarLike,
    predictor_init: ScalarLike,
    objective: Objective,
    *,
    basis: Float[AnyArray, "dim dim"] | None = None,
) -> Parameters:
    """An aligned start with w_i = `layer_init` in every layer and v_i = `predictor_init` (any finite number) in V.

    Other arguments and errors as `aligned_init`. Derived here.
    """
    require_count("dimension", dimension, 1, "need at least one feature")
    require_size("dimension", dimension**2)
    require_in_range("layer_init", layer_init, 0, float("inf"), includes_high=False)
    require_above("layer_init", layer_init, 0, "0 is a saddle, where nothing moves")
    require_finite("predictor_init and with it predictor_values", predictor_init)
    values = jnp.ones(dimension)
    return diagonal_network(key, layer_init * values, predictor_init * values, depth, objective, basis=basis)


@validated(unbounded=("init",))  # it has a sentence of its own
def aligned_init(
    key: Key[Array, ""] | None,
    dimension: int,
    depth: int,
    init: ScalarLike,
    objective: Objective,
    *,
    basis: Float[AnyArray, "dim dim"] | None = None,
) -> Parameters:
    """The balanced start w_i = v_i = ε^(1/L) on which the network moves as the scalar equations say.

    Args:
        key: of the latent rotations U_a, or None for identities: then all JEPA factors are ε^(1/L) times I.
        dimension: d, at least 1.
        depth: L, at least 1.
        init: ε > 0, the strength of every feature in W̄.
        objective: jepa or mae.
        basis: Q, whose orthonormal columns are the features; the coordinate axes if not given.

    Raises ValueError for arguments outside these ranges. Derived here: orthogonal factors alone are not enough, V must
    undo the rotation of the encoder.
    """
    require_count("depth", depth, 1, "need at least one layer")
    require_above("init", init, 0, "0 is a saddle, where nothing moves")
    require_finite("init", init)
    factor = jnp.asarray(init, float) ** (1 / depth)
    return unbalanced_init(key, dimension, depth, factor, factor, objective, basis=basis)


@validated
def misaligned_init(
    key: Key[Array, ""],
    dimension: int,
    depth: int,
    init: ScalarLike,
    objective: Objective,
    delta: ScalarLike,
    *,
    kind: Misalignment,
    basis: Float[AnyArray, "dim dim"] | None = None,
    rotate_latents: bool = True,
) -> Parameters:
    """The start of `aligned_init` with V multiplied by a matrix at distance about `delta` from the identity.

    `kind` is predictor_rotation (V -> exp(δ (A - Aᵀ)) V, as `small_rotation`: the balance stays exact), predictor_noise
    (V -> V (I + δ G)) or predictor_symmetric (V -> V (I + δ (G + Gᵀ) / 2)), with standard normal A and G.
    `rotate_latents` draws the latent rotations from the same key. Errors as `aligned_init`, and a ValueError for
    another kind or a delta that is not finite. Derived here.
    """
    require_choice("kind", kind, Misalignment)
    require_finite("delta", delta)
    turn_key, latent_key = jax.random.split(key)
    layers, predictor = aligned_init(
        latent_key if rotate_latents else None, dimension, depth, init, objective, basis=basis
    )
    if kind == "predictor_rotation":
        return Parameters(layers, small_rotation(turn_key, dimension, delta) @ predictor)
    normal = jax.random.normal(turn_key, (dimension, dimension))
    if kind == "predictor_symmetric":
        normal = (normal + normal.T) / 2
    return Parameters(layers, predictor @ (jnp.eye(dimension) + delta * normal))


@validated
def random_predictor_init(
    key: Key[Array, ""], dimension: int, depth: int, init: ScalarLike, objective: Objective
) -> Parameters:
    """Balanced orthogonal factors of size ε^(1/L) with V as random as the layers: balanced, not aligned.

    Errors as `aligned_init`. Derived here.
    """
    turn_key, latent_key = jax.random.split(key)
    layers, predictor = aligned_init(latent_key, dimension, depth, init, objective)
    return Parameters(layers, random_rotation(turn_key, dimension) @ predictor)


def require_parameters(parameters: Parameters, **matrices: AnyArray | None) -> None:
    """Raise `ValueError` unless layers, predictor and the named matrices are d x d; `TypeError` if they are no arrays.

    Matrices that are None pass.
    """
    for name, value in parameters._asdict().items():
        if not isinstance(value, jax.Array | np.ndarray):
            raise TypeError(f"parameters.{name} must be an array, got a value of type {type(value).__name__}")
    layers, predictor = parameters
    dimension = predictor.shape[0] if predictor.ndim else 0
    if min(layers.size, dimension) == 0 or layers.ndim != 3 or layers.shape[1:] != (dimension, dimension):
        raise ValueError(
            f"parameters must have layers of shape depth x d x d as the predictor is d x d, got {layers.shape} and "
            f"{predictor.shape}"
        )
    for name, matrix in {"parameters.predictor": predictor, **matrices}.items():
        if matrix is not None and matrix.shape != (dimension, dimension):
            raise ValueError(f"{name} must be {dimension} x {dimension} as the layers are, got {matrix.shape}")


def _orthogonalised(normals):
    """The Q of QR with R's diagonal made positive: uniform over the orthogonal matrices for standard normals."""
    orthogonal, triangular = jnp.linalg.qr(normals)
    return orthogonal * jnp.sign(jnp.diagonal(triangular, axis1=-2, axis2=-1))[..., None, :]
