"""Empirical risk minimisation without augmentation: the direction of the hard margin where the
points are separable, and the finite minimiser where they are not.

The hard margin of an astronomically large sample comes from its farthest points, with a proof that
they suffice.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.scipy.special import erfc
from jaxtyping import Bool, Float, Key, ScalarLike

from sims.mixup.fits import Factor, Mean, Points, Separability, minimise
from theory_on_trial.base.mapping import map_cells
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import Interval, guarded, require

LARGEST_D = 26  # beyond, the inner radii need more Newton steps than are taken
MOST_POINTS = 2**20
LogSampleSize = Annotated[
    ScalarLike, Interval(0, 600, why="tail probabilities near 1/n must not underflow")
]
"""Log n."""
Kept = Annotated[int, Interval(1, 2**20, why="all of them are held at once")]
"""How many points are drawn, or samples."""
Radii = Callable[[Float[Array, "kept"]], Float[Array, "kept"]]
"""The radius r to which log P(|z| <= r) belongs, elementwise: the inverse of a law of |z|."""


class HardMargin(NamedTuple):
    """The direction of largest margin."""

    direction: Float[Array, "dim"]
    """The unit vector w that maximises min_i w·S_i; NaN where the points are not separable."""
    margin: Float[Array, ""]
    """That minimum, the distance from 0 to the hull of the points; 0 where they are not separable.
    """
    separable: Bool[Array, ""]
    """Whether some w has w·S_i > 0 for all i."""


class ErmFit(NamedTuple):
    """The result of minimising the empirical logistic risk."""

    weights: Float[Array, "dim"]
    """The minimiser. Separable points have none, because |w| grows without end; then the unit
    vector to which w/|w| tends.
    """
    separable: Bool[Array, ""]
    """Whether the points are separable."""
    residual: Float[Array, ""]
    """A bound on the relative error: of the margin (duality gap) for separable points, the relative
    Newton step otherwise. Where it is 1e-9 or more the fit has not converged, for instance because
    0 lies on the boundary of the hull.
    """


class TailSample(NamedTuple):
    """The outermost of n standard normal points."""

    points: Float[Array, "kept dim"]
    """The points z, farthest first; the last repeat the first where n is too small."""
    radius: Float[Array, ""]
    """No other of the n points lies beyond this radius; 0 where there are no others."""


class TailDirection(NamedTuple):
    """The direction of the hard margin, from the outermost points alone."""

    direction: Float[Array, "dim"]
    """The unit vector; NaN where the points are not separable."""
    certified: Bool[Array, ""]
    """Whether it is proved to be that of all n points."""


class CertifiedDirections(NamedTuple):
    """The directions of the hard margin of many samples, all of them certified."""

    directions: Float[np.ndarray, "runs dim"]
    """The unit vectors; NaN where the points of a sample are not separable."""
    extensions: int
    """How many samples needed more points than `n_kept`."""
    most_points: int
    """The largest number of points that a sample needed."""


@guarded(double=False)
def hard_margin(signed_points: Points) -> HardMargin:
    """The hard-margin support vector machine without bias: the point of least norm in the convex
    hull of S_i = (2y_i - 1) x_i.

    Wolfe's active-set method needs a few dozen passes over the points for any n and d. A positive
    margin proves separability by itself. Otherwise a convex combination of the points vanishes up
    to rounding (some 1e-15 of the longest point), so that a hull that misses 0 by less counts as
    containing it. Raises TypeError in float32.

    Source: Wolfe 1976; that gradient descent and a vanishing ridge lead there: Soudry et al. 2018.
    """
    require_float64("the hard margin")
    return _hard_margin(jnp.asarray(signed_points))[0]


@guarded(double=False)
@jax.jit
def fit_erm(signed_points: Points) -> ErmFit:
    """Minimise (1/n) Σ log(1 + exp(-w·S_i)): the finite minimiser, or the hard margin's direction
    where there is none. Raises TypeError in float32.
    Source: the vanilla training loss of Oh & Yun 2023 (arXiv 2306.00267); its separable limit:
    Soudry et al. 2018.
    """
    require_float64("empirical risk minimisation")
    points = jnp.asarray(signed_points)
    solution, gap = _hard_margin(points)

    def newton():
        def derivatives(weights):
            misfit = jax.nn.sigmoid(-points @ weights) / points.shape[0]
            curvature = misfit * jax.nn.sigmoid(points @ weights)
            return -points.T @ misfit, (points.T * curvature) @ points

        fit = minimise(derivatives, points)
        return fit.weights, fit.newton_step

    weights, residual = lax.cond(solution.separable, lambda: (solution.direction, gap), newton)
    return ErmFit(weights, solution.separable, residual)


class _Corral(NamedTuple):
    """Affinely independent points, and a convex combination of them, which is the least-norm point
    of the hull in the end.
    """

    members: Float[Array, "slots dim"]
    shares: Float[Array, "slots"]  # zero: the slot is empty
    finished: Bool[Array, ""]
    steps: Array


@jax.jit
def _hard_margin(points):
    """The hard margin and its relative duality gap, 1 - min_i S_i·x / |x|² at the least-norm point
    x.
    """
    dim = points.shape[1]
    lengths = jnp.sum(points**2, axis=1)
    rounding = 8 * dim * jnp.finfo(points.dtype).eps * jnp.sqrt(lengths.max())

    def grow(corral):
        nearest = corral.shares @ corral.members
        products = points @ nearest
        entering = points[jnp.argmin(products)]
        length = jnp.linalg.norm(nearest)
        optimal = (length**2 - products.min() <= rounding * length) | (length <= rounding)
        full = jnp.all(corral.shares > 0)
        slot = jnp.argmin(corral.shares)
        # A share too small to matter keeps the slot of the entering point taken while the shares
        # are worked out.
        entry = corral._replace(
            members=corral.members.at[slot].set(entering),
            shares=corral.shares.at[slot].set(jnp.finfo(points.dtype).tiny),
        )
        following = lax.while_loop(
            lambda inner: ~inner[1], _towards_affine_minimiser, (entry, optimal | full)
        )[0]
        # Every step shortens the point, but for rounding errors: the first that does not is the
        # last.
        finished = (
            optimal | full | (jnp.linalg.norm(following.shares @ following.members) >= length)
        )
        next_corral = jax.tree.map(
            lambda old, new: jnp.where(finished, old, new), corral, following
        )
        return next_corral._replace(finished=finished, steps=corral.steps + 1)

    first = jnp.argmin(lengths)
    start = _Corral(
        jnp.zeros((dim + 1, dim), points.dtype).at[0].set(points[first]),
        jnp.zeros(dim + 1, points.dtype).at[0].set(1),
        jnp.array(False),
        jnp.array(0),
    )
    limit = 100 * (dim + 1)
    corral = lax.while_loop(lambda state: ~state.finished & (state.steps < limit), grow, start)
    length = jnp.linalg.norm(corral.shares @ corral.members)
    # Solved for, the members' equal products are off by eps |S| / |x|; those of x itself by its
    # square.
    active = corral.shares > 0
    weights = jnp.linalg.lstsq(
        jnp.where(active[:, None], corral.members, 0), active.astype(points.dtype)
    )[0]
    direction = weights / jnp.linalg.norm(weights)
    margin = (points @ direction).min()
    separable = margin > rounding
    solution = HardMargin(
        jnp.where(separable, direction, jnp.nan), jnp.where(separable, margin, 0), separable
    )
    return solution, 1 - margin / length


def _towards_affine_minimiser(state):
    """Move to the least-norm point of the corral's affine hull, or as far as the corral's own hull
    reaches.
    """
    corral, _ = state
    members = corral.members
    shares = corral.shares
    active = shares > 0
    base = jnp.argmax(shares)
    edges = jnp.where(active[:, None], members - members[base], 0)
    along = jnp.linalg.lstsq(edges.T, -members[base])[0]
    target = jnp.where(active, along, 0).at[base].set(0)
    target = target.at[base].set(1 - target.sum())
    inside = jnp.all(~active | (target > 0))
    reach = jnp.where(active & (target <= 0), shares / (shares - target), jnp.inf)
    share_at_edge = shares + jnp.minimum(reach.min(), 1) * (target - shares)
    leaving = jnp.arange(len(shares)) == jnp.argmin(reach)
    new_shares = jnp.where(active & ~leaving, jnp.maximum(share_at_edge, 0), 0)
    return corral._replace(shares=jnp.where(inside, target, new_shares / new_shares.sum())), inside


@partial(jax.jit, static_argnums=(2, 3, 4))
def _tail_sample(
    key: Key[Array, ""], log_n: ScalarLike, d: int, n_kept: int, radii: Radii | None = None
) -> TailSample:
    """The `n_kept` farthest of n = round(e^log_n) draws of N(0, I_d), or of points of uniform
    direction with these `radii`, in exact law for any n, at no cost in n.

    The squared radii's tail probabilities are the least of n uniform variables, in increasing order
    1 - exp(-Σ_{j<=k} E_j / (n-j+1)) with E_j exponential (Rényi). A larger `n_kept` under the same
    key continues the same sample further in. `log_n` may be traced.
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
    lengths = radii(log_kept) if radii else jnp.sqrt(_chi_square_quantile(log_kept, d))
    points = lengths[:, None] * normals / jnp.linalg.norm(normals, axis=1, keepdims=True)
    return TailSample(
        jnp.where(exists[:, None], points, points[0]), jnp.where(size > n_kept, lengths[-1], 0)
    )


@guarded(double=False)
def tail_direction(
    key: Key[Array, ""],
    log_n: LogSampleSize,
    mean: Mean,
    factor: Factor,
    separability: Separability,
    n_kept: Kept,
    radii: Radii | None = None,
) -> TailDirection:
    """The direction of the hard margin of n = round(e^log_n) signed points S = μ + κ^{-1/2} F z,
    from the `n_kept` farthest z.

    z is standard normal, or has a uniform direction and a radius r of which `radii` takes
    log P(|z| <= r) to r. The result is certified where w·μ - r |Fᵀw| κ^{-1/2} >= γ: w is the unit
    direction of the kept points, γ their margin, and r the largest radius of the other points, so
    that none of these can be nearer. The certificate fails where too few points are kept. n_kept
    and `radii` are static; the rest may be traced. Raises ValueError for more than 26 dimensions,
    and TypeError in float32. Source: derived here.
    """
    _require_reach(mean)
    sample = _tail_sample(key, log_n, mean.shape[0], n_kept, radii)
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
    """The certified directions of `runs` samples: where the certificate of `tail_direction` fails,
    the sample is continued to twice the points.

    A sample that fails is continued again and again until it is certified. It is neither dropped
    nor replaced by another one, either of which would bias the law. Raises the errors of
    `tail_direction`, and RuntimeError for a sample that 2²⁰ points do not certify. Source: derived
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
    """Return the r² with P(χ²_d <= r²) = e^log_probability, by Newton's method on the logarithm of
    the tail, which is nearly a straight line.
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
    """Return P(χ²_d / 2 > x) and the density at x, by Q(s + 1) = Q(s) + x^s e^-x / Γ(s + 1) from
    s = 1/2 or 1 on.
    """
    term = jnp.exp(-half)
    tail, shape = (erfc(jnp.sqrt(half)), 0.5) if d % 2 else (term, 1.0)
    density = term * half ** (shape - 1) / math.gamma(shape)
    while shape < d / 2:
        density *= half / shape
        tail += density
        shape += 1
    return tail, density
