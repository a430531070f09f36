"""The simulators of ridge ensembles: ridge regressions on subsamples are fitted and averaged to
bags, and their risks are measured and estimated by cross-validation.

Source: Du, Patil & Kuchibhotla 2023 (arXiv 2304.13016). Nothing here uses the limits that the paper
predicts. Notation: n points of dimension p, k points in a subsample, M members in a bag, penalty λ.
"""

from itertools import combinations_with_replacement
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int, Key, ScalarLike

from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import (
    NON_NEGATIVE,
    Interval,
    guarded,
    is_traced,
    require,
    require_room,
)

_SCALE = 1e6
Size = Annotated[int, Interval(1, 2**20)]
"""A number of points, of points of a subsample, or of members."""
Penalty = Annotated[ScalarLike, Interval(-_SCALE, _SCALE)]
"""λ, on the scale of X'X / k; 0 is least squares, of least norm where k < p."""
Variances = Annotated[Float[AnyArray, " dim"], Interval(1 / _SCALE, _SCALE)]
"""The eigenvalues of Σ, one for each direction."""
Signal = Annotated[Float[AnyArray, " dim"], NON_NEGATIVE, Interval(0, _SCALE)]
"""The mean squared coefficient along each direction."""
Noise = Annotated[ScalarLike, Interval(0, _SCALE)]
"""σ^2 = Var(y | x)."""
Points = Annotated[Float[AnyArray, "n dim"], Interval(-_SCALE, _SCALE)]
"""X, one row for each point."""
Responses = Annotated[Float[AnyArray, " n"], Interval(-_SCALE, _SCALE)]
"""y of each point."""
Subsets = Annotated[Int[AnyArray, "members subsample"], Interval(0, 2**20)]
"""The indices of each member's points."""


@guarded(double=False)
def data_set(
    key: Key[Array, ""], variances: Variances, points: Size, subsample: Size, members: Size
) -> tuple[Float[Array, "n dim"], Int[Array, "members subsample"]]:
    """Draw points with independent normal entries of the given variances, and the points of each
    member.

    Each of the `members` subsets holds `subsample` of the points, drawn without replacement and
    independently of the others. The points depend on the key, not on the subsets. Raises ValueError
    for a subsample larger than the data.
    """
    require(subsample <= points, f"subsample must be at most the {points} points, got {subsample}")
    dim = len(variances)
    require_room("points, variances and members", points * (dim + members))
    normals = jax.random.normal(key, (dim + members, points))  # in one call, which is compiled once
    return normals[:dim].T * jnp.sqrt(jnp.asarray(variances)), jnp.argsort(normals[dim:], axis=1)[
        :, :subsample
    ]


@guarded(double=False)
def smoothers(x: Points, chosen: Subsets, penalty: Penalty) -> Float[Array, "members dim n"]:
    """The matrix A of each member, which maps the responses to its coefficients A y.

    The columns of points that the member has not seen are zero. NaN where the penalty does not
    exceed minus the smallest eigenvalue of the member's Gram matrix. At λ = 0 the subsample's size
    must differ from the dimension.
    """
    require_room("x and chosen", len(chosen) * x.shape[0] * x.shape[1])
    _require_rows(x, chosen)
    x = jnp.asarray(x)

    def one(rows: Int[Array, " subsample"]) -> Float[Array, "dim n"]:
        design = x[rows]
        if design.shape[0] < design.shape[1]:
            inner = _solve(design @ design.T, design, len(rows), penalty).T
        else:
            inner = _solve(design.T @ design, design.T, len(rows), penalty)
        return jnp.zeros((x.shape[1], x.shape[0]), inner.dtype).at[:, rows].set(inner)

    return jax.lax.map(one, jnp.asarray(chosen))


@guarded(double=False)
def bagged_coefficients(
    x: Points,
    y: Responses,
    chosen: Subsets,
    penalty: Penalty,
    tolerance: Annotated[ScalarLike, Interval(0, 1)] = 1e-10,
) -> Float[Array, "members dim"]:
    """The coefficients of each member, by conjugate gradients for all members together, in the
    precision of x.

    The descent ends where the gradient is at most `tolerance` times the gradient at zero. A member
    is NaN where rounding, or a matrix that is not positive definite, keeps it from there. This is
    the quick way for a positive penalty; at λ = 0 it may take many steps.
    """
    _require_rows(x, chosen)
    return _conjugate_gradients(*map(jnp.asarray, (x, y, chosen, penalty, tolerance)))


State = tuple[Array, Array, Array, Array, Array]
"""Coefficients, negative gradients, directions, squared gradients, steps."""


@jax.jit
def _conjugate_gradients(
    x: Array, y: Array, chosen: Array, penalty: Array, tolerance: Array
) -> Array:
    members, subsample = chosen.shape
    penalty = penalty.astype(x.dtype)
    tolerance = tolerance.astype(x.dtype)
    weights = (
        jnp.zeros((members, len(x)), x.dtype)
        .at[jnp.arange(members)[:, None], chosen]
        .set(1 / subsample)
    )
    right = (weights * y.astype(x.dtype)) @ x
    first = jnp.sum(right**2, axis=1)
    goal = tolerance**2 * first

    def further(state: State) -> Array:
        *_, squares, steps = state
        return jnp.any(squares > goal) & (steps < 10 * subsample)

    def step(state: State) -> State:
        solution, gradients, direction, squares, steps = state
        image = (weights * (direction @ x.T)) @ x + penalty * direction
        curvature = jnp.sum(direction * image, axis=1)
        length = jnp.where(
            squares > goal, squares / jnp.where(curvature > 0, curvature, jnp.nan), 0
        )[:, None]
        gradients = gradients - length * image
        new = jnp.sum(gradients**2, axis=1)
        ratio = (new / jnp.where(squares > 0, squares, 1))[:, None]
        return (
            solution + length * direction,
            gradients,
            gradients + ratio * direction,
            new,
            steps + 1,
        )

    start = jnp.zeros_like(right), right, right, first, jnp.zeros((), int)
    solution, _, _, squares, _ = jax.lax.while_loop(further, step, start)
    return jnp.where((squares <= goal)[:, None], solution, jnp.nan)


def _require_rows(x: Points, chosen: Subsets) -> None:
    inside = is_traced(chosen) or np.max(chosen) < len(x)
    require(inside, f"chosen must hold indices of the {len(x)} rows of x")


def _solve(gram: Array, right: Array, subsample: int, penalty: ScalarLike) -> Array:
    """Return (gram / k + penalty)^-1 right / k, or NaN unless the matrix is positive definite."""
    shifted = gram / subsample + penalty * jnp.eye(len(gram))
    return jax.scipy.linalg.solve(shifted, right / subsample, assume_a="pos")


Members = Annotated[int, Interval(1, 2**53)]
"""M, the size of a bag."""
Products = Annotated[Float[AnyArray, "*points members members"], Interval(-1e12, 1e12)]
"""Of two members each; symmetric."""


class TraceForm(NamedTuple):
    """Second moments of the members of one data set, in squared units of y.

    Attributes:
        risks: mean product of two members' errors on a new point, noise included.
        residuals: mean product of two members' residuals at each of the points.
        freedom: degrees of freedom (df) of each member, the trace of its hat matrix.
        seen: which points each member has seen.
    """

    risks: Float[Array, "members members"]
    residuals: Float[Array, "n members members"]
    freedom: Float[Array, " members"]
    seen: Bool[Array, "members n"]


@guarded(double=False)
def trace_form(
    key: Key[Array, ""],
    variances: Variances,
    signal: Signal,
    noise: Noise,
    penalty: Penalty,
    *,
    points: Size,
    subsample: Size,
    members: Size = 4,
) -> TraceForm:
    """Draw points and subsets, and return the `TraceForm` of their members. At λ = 0 the
    subsample's size must differ from the dimension.
    """
    return traces(
        *data_set(key, variances, points, subsample, members), variances, signal, noise, penalty
    )


@guarded(double=False)
def traces(
    x: Points, chosen: Subsets, variances: Variances, signal: Signal, noise: Noise, penalty: Penalty
) -> TraceForm:
    """Return the `TraceForm` of given points and subsets, which is NaN where `smoothers` is."""
    maps = smoothers(x, chosen, penalty)
    strength = jnp.sqrt(jnp.asarray(signal))
    sigma = jnp.sqrt(noise)
    scale = jnp.sqrt(jnp.asarray(variances))[:, None]
    members = len(chosen)
    points = len(x)
    products = maps @ x
    errors = jnp.concatenate(
        [scale * (products - jnp.eye(len(scale))) * strength, scale * maps * sigma], axis=2
    )
    flat = errors.reshape(members, -1)
    at_points = jnp.concatenate(
        [(x - x @ products) * strength, (jnp.eye(points) - x @ maps) * sigma], axis=2
    )
    return TraceForm(
        jnp.asarray(noise + flat @ flat.T),
        jnp.einsum("mnq,lnq->nml", at_points, at_points),
        jnp.trace(products, axis1=1, axis2=2),
        jnp.zeros((members, points), bool).at[jnp.arange(members)[:, None], chosen].set(True),
    )


@guarded(double=False)
def bag_mean(products: Products, members: Members) -> Float[Array, "*points"]:
    """Return the mean square of the average of M = `members` members, from the products of two
    members.

    The mean is over all bags: two draws are the same member with chance 1 / M, and two different
    ones otherwise. M may exceed the number of members at hand; the result then stands for further
    draws. Raises ValueError for fewer than two members at hand.
    """
    count = products.shape[-1]
    require(count > 1, f"products must be of at least two members, got {count}")
    equal = jnp.trace(products, axis1=-2, axis2=-1)
    different = (jnp.sum(products, axis=(-2, -1)) - equal) / (count * (count - 1))
    return equal / count / members + (1 - 1 / members) * different


@guarded(double=False)
def gcv(form: TraceForm, members: Members) -> Float[Array, ""]:
    """Return generalised cross-validation (GCV) over all n points, the mean squared residual of a
    bag of `members` members divided by (1 - mean df / n)^2.
    """
    return (
        jnp.mean(bag_mean(form.residuals, members))
        / (1 - jnp.mean(form.freedom) / len(form.residuals)) ** 2
    )


@guarded(double=False)
def union_gcv(form: TraceForm, members: Members) -> Float[Array, ""]:
    """Return generalised cross-validation of the first `members` members over the points that any
    of them has seen. Raises ValueError for more members than there are.
    """
    require(
        members <= len(form.freedom),
        f"members must be at most the {len(form.freedom)} there are, got {members}",
    )
    mask = jnp.any(form.seen[:members], axis=0)
    squares = jnp.mean(form.residuals[:, :members, :members], axis=(1, 2))
    count = jnp.sum(mask)
    return jnp.sum(squares * mask) / count / (1 - jnp.mean(form.freedom[:members]) / count) ** 2


@guarded(double=False)
def corrected_gcv(form: TraceForm, members: Members) -> Float[Array, ""]:
    """Return corrected generalised cross-validation, which needs only residuals and degrees of
    freedom (df).

    With w = k / n and d = 1 - mean df / k it is GCV minus w (1 - w) (1 - d)^2 / (1 - w + w d)^2
    times the estimated risk of one member, divided by M = `members`. Source: Bellec, Du, Koriyama,
    Patil & Tan (arXiv 2310.01374).
    """
    n = len(form.residuals)
    k = jnp.sum(form.seen[0])
    share = k / n
    d = 1 - form.freedom / k
    squares = jnp.diagonal(jnp.mean(form.residuals, axis=0))
    member_risk = jnp.mean(squares / (share * d**2 + 1 - share))
    mean_d = jnp.mean(d)
    excess = share * (1 - share) * (1 - mean_d) ** 2 / (1 - share + share * mean_d) ** 2
    return gcv(form, members) - excess * member_risk / members


_BOUND = 1e6
Rows = Annotated[Float[np.ndarray, "sets n dim"], Interval(-_BOUND, _BOUND)]
"""X of each data set."""
SetSubsets = Annotated[Int[np.ndarray, "sets members subsample"], Interval(0, 2**20)]
"""The indices of the rows of each member."""
SetVariances = Annotated[Float[np.ndarray, " dim"], Interval(1 / _BOUND, _BOUND)]
"""The diagonal of Σ."""
Blocks = Annotated[Float[np.ndarray, "blocks dim"], Interval(0, 1)]
"""Which directions are summed over together: 1 in each, 0 in the others."""
Ridge = Annotated[float, Interval(1e-6, _BOUND)]
"""The penalty of the resolvents Q = (X_I' X_I / k + λ)^-1; need not be that of the fits."""


@guarded
def zero_means(
    x: Rows, chosen: SetSubsets, variances: SetVariances, blocks: Blocks, penalty: Ridge
) -> Float[np.ndarray, "sets numbers"]:
    """Return numbers of mean zero for each data set, averaged over its members and over its pairs
    of members.

    Each number is a difference of both sides of Stein's lemma, summed over the directions of a
    block. T is the resolvent Q_a of a member a, or Q_a N Q_b with a block N between two members,
    and the sums are over the rows of a or over those that a and b share. The last number of a pair
    is the share of rows that both members have, less its mean.
    """
    _, members, k = chosen.shape
    masks = np.zeros((*chosen.shape[:2], x.shape[1]))
    np.put_along_axis(masks, chosen, 1.0, axis=2)

    def second_moments(rows):  # type: ignore[no-untyped-def]
        return np.swapaxes(x * rows[:, :, None], 1, 2) @ x / k

    moments = [second_moments(masks[:, a]) for a in range(members)]
    identity = np.eye(x.shape[2])
    resolvents = [np.linalg.inv(item + penalty * identity) for item in moments]

    def of_pair(a, b, between, both, count, products):  # type: ignore[no-untyped-def]
        Q = resolvents[a]
        inverse = resolvents[b]
        numbers = []
        rows = [(moments[a], identity - penalty * Q, k), (both, products[a], count)]
        traces = [(points - np.trace(QS, axis1=1, axis2=2))[:, None] for _, QS, points in rows]
        for T, swap in ((Q, Q), *between):  # T and its transpose
            measured = [_diagonal(S, swap) for S, *_ in rows]
            through = 0.0
            if T is not Q:  # f's derivative through the second resolvent
                through = _diagonal(products[b], swap) + np.sum(
                    measured[1], axis=1, keepdims=True
                ) * _every(inverse)
            for item, left, (_, QS, _) in zip(measured, traces, rows, strict=True):
                means = left * _every(T) - _diagonal(QS, swap) - through
                numbers.append((item - variances * means / k) @ blocks.T)
        overlap = count[:, None] / k - (1 if a == b else k / x.shape[1])
        return np.concatenate([*numbers, overlap], axis=1)

    groups: tuple[list, list] = ([], [])  # type: ignore[type-arg]
    for a, b in combinations_with_replacement(range(members), 2):
        rows = masks[:, a] * masks[:, b]
        both = moments[a] if a == b else second_moments(rows)
        arguments = both, rows.sum(axis=1), {item: resolvents[item] @ both for item in {a, b}}
        between = [(resolvents[a] * block) @ resolvents[b] for block in blocks]
        swap = [np.ascontiguousarray(np.swapaxes(T, 1, 2)) for T in between]
        groups[a != b].append(of_pair(a, b, list(zip(between, swap, strict=True)), *arguments))
        if a != b:
            groups[True].append(of_pair(b, a, list(zip(swap, between, strict=True)), *arguments))
    return np.concatenate([np.mean(group, axis=0) for group in groups if group], axis=1)


def _every(one: Float[np.ndarray, "sets p p"]) -> Float[np.ndarray, "sets p"]:
    return np.diagonal(one, axis1=1, axis2=2)


def _diagonal(
    one: Float[np.ndarray, "sets p p"], other: Float[np.ndarray, "sets p p"]
) -> Float[np.ndarray, "sets p"]:
    """Return the diagonal of the product of each matrix with the transpose of another: sums along
    rows, which lie together in memory.
    """
    return np.einsum("sij,sij->si", one, other)
