"""Hard margins of astronomically large samples: only the farthest points are drawn, with a proof
that they suffice.
"""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.scipy.special import erfc
from jaxtyping import Bool, Float, Key, ScalarLike

from sims.mixup.domains import Factor, Kept, LogSampleSize, Mean, Separability
from sims.mixup.erm_fit import hard_margin
from theory_on_trial.base.mapping import map_cells
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import guarded, require

LARGEST_D = 26  # beyond, the inner radii need more Newton steps than are taken
MOST_POINTS = 2**20


class TailSample(NamedTuple):
    """The outermost of n standard normal points: `points` z, farthest first (the last repeat the
    first where n is too small), and `radius`, beyond which there is no other of the n; 0 where
    there are no others.
    """

    points: Float[Array, "kept dim"]
    radius: Float[Array, ""]


class TailDirection(NamedTuple):
    """The hard margin's `direction`, NaN where not separable; `certified` if proven to be that of
    all n points.
    """

    direction: Float[Array, "dim"]
    certified: Bool[Array, ""]


class CertifiedDirections(NamedTuple):
    """Directions of many samples, every one certified, and how many needed more points (see the
    function).
    """

    directions: Float[np.ndarray, "runs dim"]
    extensions: int
    most_points: int


@partial(jax.jit, static_argnums=(2, 3))
def tail_sample(key: Key[Array, ""], log_n: ScalarLike, d: int, n_kept: int) -> TailSample:
    """The `n_kept` farthest of n = round(e^log_n) draws of N(0, I_d), in exact law for any n, at no
    cost in n.

    The squared radii's tail probabilities are the least of n uniform variables, in increasing order
    1 - exp(-Σ_{j<=k} E_j / (n-j+1)) with E_j exponential (Rényi); directions are uniform. A larger
    `n_kept` under the same key continues the same sample further in. `log_n` may be traced.
    Source: derived here; the representation of order statistics is Rényi's (1953).
    """
    size = jnp.round(jnp.exp(jnp.asarray(log_n, float)))
    index = jnp.arange(n_kept)

    def draw(point_index):
        direction_key, radius_key = jax.random.split(jax.random.fold_in(key, point_index))
        return jax.random.normal(direction_key, (d,)), jax.random.exponential(radius_key)

    # One key per point: keeping more points leaves the first ones as they are.
    normals, waits = jax.vmap(draw)(index)
    exists = index < size
    log_kept = -jnp.cumsum(jnp.where(exists, waits / jnp.maximum(size - index, 1), 0))
    radii = jnp.sqrt(_chi_square_quantile(log_kept, d))
    points = radii[:, None] * normals / jnp.linalg.norm(normals, axis=1, keepdims=True)
    return TailSample(
        jnp.where(exists[:, None], points, points[0]), jnp.where(size > n_kept, radii[-1], 0)
    )


@guarded(double=False)
def tail_direction(
    key: Key[Array, ""],
    log_n: LogSampleSize,
    mean: Mean,
    factor: Factor,
    separability: Separability,
    n_kept: Kept,
) -> TailDirection:
    """The hard margin of n = round(e^log_n) signed points S = μ + κ^{-1/2} F z, from the `n_kept`
    farthest z.

    Certificate: with w the unit direction of the kept points and γ their margin, w·μ - r |Fᵀw|
    κ^{-1/2} >= γ for the largest radius r of the other points, so that none of those can be nearer.
    Too few points fail it. n_kept is static, the rest may be traced.
    Raises ValueError for more than 26 dimensions; TypeError in float32.
    Source: derived here.
    """
    _require_reach(mean)
    sample = tail_sample(key, log_n, mean.shape[0], n_kept)
    spread = jnp.asarray(factor) / jnp.sqrt(separability)
    solution = hard_margin(jnp.asarray(mean) + sample.points @ spread.T)
    direction = solution.direction
    least_of_others = direction @ mean - sample.radius * jnp.linalg.norm(spread.T @ direction)
    certificate = ~solution.separable | (sample.radius == 0) | (least_of_others >= solution.margin)
    return TailDirection(direction, certificate)


@guarded(double=False)
def certified_tail_directions(
    key: Key[Array, ""],
    log_n: LogSampleSize,
    mean: Mean,
    factor: Factor,
    separability: Separability,
    n_kept: Kept,
    runs: Kept,
) -> CertifiedDirections:
    """`tail_direction` of `runs` samples; where the certificate fails, the sample is continued to
    twice the points.

    A sample that fails is neither dropped nor replaced by another one, either of which would bias
    the law: it is drawn further in, again and again until certified. `extensions` counts the
    samples that needed it, `most_points` is the largest number of points kept. Raises as
    `tail_direction`, and RuntimeError for a sample not certified by 2²⁰ points. Source: derived
    here.
    """
    _require_reach(mean)
    keys = jax.random.split(key, runs)
    first = _directions(keys, log_n, mean, factor, separability, n_kept)
    directions = np.array(first.direction)
    failures = np.flatnonzero(~np.asarray(first.certified))
    most_points = n_kept
    for run in failures:
        points = n_kept
        success = False
        while not success:
            points *= 2
            if points > MOST_POINTS:
                raise RuntimeError(
                    f"sample {run} is not certified by {points // 2} points: lower the dimension "
                    "or log_n"
                )
            direction, success = _directions(
                keys[run : run + 1], log_n, mean, factor, separability, points
            )
        directions[run] = direction[0]
        most_points = max(most_points, points)
    return CertifiedDirections(directions, len(failures), most_points)


def _require_reach(mean: Mean) -> None:
    require_float64("the tail sampler")
    dim = mean.shape[0]
    require(
        dim <= LARGEST_D,
        f"mean must have at most {LARGEST_D} coordinates, which the inner radii allow, got {dim}",
    )


@partial(jax.jit, static_argnums=5)
def _directions(keys, log_n, mean, factor, separability, n_kept):
    return map_cells(
        lambda key: tail_direction(key, log_n, mean, factor, separability, n_kept), keys
    )


def _chi_square_quantile(log_probability, d):
    """r² with P(χ²_d <= r²) = e^log_probability, by Newton on the logarithm of the tail, which is
    all but straight.
    """
    log_tail = jnp.log(-jnp.expm1(log_probability))
    if d == 2:
        return -2 * log_tail
    shape = d / 2
    near = jnp.exp((log_probability + math.lgamma(shape + 1)) / shape)
    start = jnp.where(log_tail > -0.7, near, shape - log_tail)

    def newton(_, half):
        tail, slope = _tail_and_density(half, d)
        # From far inside a step may lead behind 0.
        return jnp.maximum(half + (jnp.log(tail) - log_tail) * tail / slope, half / 4)

    return 2 * lax.fori_loop(0, 10, newton, start)


def _tail_and_density(half, d):
    """P(χ²_d / 2 > x) and its density at x: Q(s + 1) = Q(s) + x^s e^-x / Γ(s + 1) from s = 1/2 or
    1.
    """
    term = jnp.exp(-half)
    tail, shape = (erfc(jnp.sqrt(half)), 0.5) if d % 2 else (term, 1.0)
    density = term * half ** (shape - 1) / math.gamma(shape)
    while shape < d / 2:
        density *= half / shape
        tail += density
        shape += 1
    return tail, density
