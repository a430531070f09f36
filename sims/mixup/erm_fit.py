"""Empirical risk minimisation without bias: separability first, then the hard margin or the finite
minimiser.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool, Float

from sims.mixup.domains import Points
from sims.mixup.newton import minimise
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import guarded


class HardMargin(NamedTuple):
    """The direction of largest margin.

    direction : unit vector w that maximises min_i w·S_i; NaN where the points are not separable.
    margin : that minimum, the distance from 0 to the hull of the points; 0 where they are not
    separable. separable : whether some w has w·S_i > 0 for all i.
    """

    direction: Float[Array, "dim"]
    margin: Float[Array, ""]
    separable: Bool[Array, ""]


class ErmFit(NamedTuple):
    """What minimising the empirical logistic risk leads to.

    weights : the minimiser. Separable points have none, because |w| grows without end; then the
        unit vector to which w/|w| tends.
    separable : whether the points are separable.
    residual : a bound on the relative error: of the margin (duality gap) for separable points, the
        relative Newton step otherwise. A value of 1e-9 or more means that the fit has not
        converged, as if 0 lies on the boundary of the hull.
    """

    weights: Float[Array, "dim"]
    separable: Bool[Array, ""]
    residual: Float[Array, ""]


@guarded(double=False)
def hard_margin(signed_points: Points) -> HardMargin:
    """The hard-margin support vector machine without bias: the point of least norm in the hull of
    S_i = (2y_i - 1) x_i.

    Wolfe's active-set method: a few dozen passes over the points for any n and d. A positive margin
    proves separability by itself; otherwise a convex combination of the points vanishes, to
    rounding (some 1e-15 of the longest point): hulls that miss 0 by less count as containing it.
    Raises TypeError in float32.
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
    """Affinely independent points, and a convex combination of them: the hull's least-norm point in
    the end.
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
