"""The simulators of unconstrained stochastic CCA (canonical correlation analysis): losses
evaluated, minimised, descended on, and estimated from mini-batches.

Each import below is one concept in one file.
"""

from collections.abc import Callable
from itertools import permutations
from typing import Annotated, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key

from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import (
    COVARIANCE,
    LONGEST,
    RISING,
    SYMMETRIC,
    UNIT_INTERVAL,
    USABLE_SCALE,
    Interval,
    Positive,
    Size,
    guarded,
    require,
    require_room,
)

Numerator = Annotated[Float[np.ndarray, "dim dim"], SYMMETRIC, USABLE_SCALE]
"""A."""
Denominator = Annotated[Float[np.ndarray, "dim dim"], COVARIANCE, USABLE_SCALE]
"""B, a covariance of both views."""
Weights = Annotated[Float[np.ndarray, "dim columns"], USABLE_SCALE]
"""W, one column per direction."""
Starts = Annotated[Float[np.ndarray, "starts dim columns"], USABLE_SCALE]
"""Weights to begin with."""
Correlations = Annotated[Float[AnyArray, " directions"], UNIT_INTERVAL]
"""ρ: coordinate i of one white view has this correlation with coordinate i of the other, and none
with the rest.
"""
Heads = Annotated[Float[AnyArray, "2 directions columns"], USABLE_SCALE]
"""W of both views."""
Batch = Annotated[int, Interval(2, LONGEST, why="one pair has no covariance")]
"""b, pairs in a batch."""
Form = Literal["off-diagonal", "library"]
"""Which loss: with the covariance between the views alone, or with the library's means of all
covariances.
"""
Law = Literal["normal", "exponential", "cubed exponential", "sign"]
"""The law of the independent sources, standardised."""


Rows = Annotated[int, Interval(3, LONGEST)]
Few = Annotated[Float[np.ndarray, "rows _"], USABLE_SCALE]
"""A view of a few rows."""


@guarded(double=False)
def standardised(key: Key[Array, ""], shape: tuple[Size, ...], law: Law) -> Float[Array, "..."]:
    """Return independent numbers of mean 0 and variance 1 with the given law.

    The cubed exponential law is very skewed; its skewness is 19.6.
    """
    require_room("shape", _product(shape))
    if law == "normal":
        return jax.random.normal(key, shape)
    if law == "sign":
        return jax.random.rademacher(key, shape, float)
    exponential = jax.random.exponential(key, shape)
    return exponential - 1 if law == "exponential" else (exponential**3 - 6) / 684**0.5


@guarded(double=False)
def embeddings(
    key: Key[Array, ""],
    correlations: Correlations,
    weights: Heads,
    batch: Batch,
    law: Law = "normal",
) -> Float[Array, "2 pairs columns"]:
    """The embeddings of both views in one batch: the views, s and ρ s + √(1 - ρ^2) s' with
    independent sources s and s', times the weights of their heads.
    """
    pairs = _views_of(standardised(key, (2, batch, len(correlations)), law), correlations)
    return pairs @ weights


def _views_of(
    sources: Float[Array, "2 pairs directions"], correlations: Correlations
) -> Float[Array, "2 pairs dim"]:
    """The two white views s and ρ s + √(1 - ρ^2) s' that two sets of sources s and s' make."""
    first, second = sources
    rho = jnp.asarray(correlations)
    return jnp.stack([first, rho * first + jnp.sqrt(1 - rho**2) * second])


@guarded(double=False)
def squared_correlations(
    key: Key[Array, ""], n_rows: Rows, dim_first: Size, dim_second: Size, law: Law = "normal"
) -> Float[Array, ""]:
    """The sum of the squared sample canonical correlations of two independent views, from QR
    decompositions of the centred data. Raises ValueError unless n_rows > dim_first + dim_second.
    """
    enough = n_rows > dim_first + dim_second
    require(
        enough,
        f"n_rows must exceed dim_first + dim_second = {dim_first + dim_second}, got {n_rows}",
    )
    data = standardised(key, (n_rows, dim_first + dim_second), law)
    data = data - data.mean(axis=0)
    first, second = (jnp.linalg.qr(half)[0] for half in (data[:, :dim_first], data[:, dim_first:]))
    return jnp.sum((first.T @ second) ** 2)


@guarded
def every_pairing(first: Few, second: Few) -> float:
    """The mean of the sum of squared sample canonical correlations over all n! orders of the second
    view's rows. Raises ValueError for n > 9 rows, and unless n exceeds the columns of each view.
    """
    n_rows = len(first)
    require(n_rows <= 9, f"first must have at most 9 rows, got {n_rows}")
    require(
        max(first.shape[1], second.shape[1]) < n_rows,
        f"first and second must have fewer than {n_rows} columns",
    )
    # The first direction is the mean, which centring takes away.
    left, right = (
        np.linalg.qr(np.column_stack([np.ones(n_rows), view]))[0][:, 1:] for view in (first, second)
    )
    orders = np.array(list(permutations(range(n_rows))))
    return float(np.sum((right[orders].swapaxes(1, 2) @ left) ** 2) / len(orders))


def _product(shape: tuple[int, ...]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product


Batches = Annotated[int, Interval(2, LONGEST, why="with one batch there is no other")]
Kurtosis = Annotated[float, Interval(-2, 1e6)]
"""Excess kurtosis: 0 normal, 6 exponential, -2 a sign."""
Views = Annotated[Float[AnyArray, "2 pairs directions"], USABLE_SCALE]


@guarded(double=False)
def batch_penalties(
    key: Key[Array, ""],
    correlations: Correlations,
    weights: Heads,
    batch: Batch,
    n_batches: Batches,
    law: Law,
) -> Float[Array, "2"]:
    """Return tr(V V') and |V - V'|^2 / 2 for the matrices V, V' of two independent batches,
    averaged over all pairs of `n_batches`.

    The first number is the penalty estimated from two batches. The penalty estimated from one
    batch, tr(V^2), exceeds it in the mean by the second number.
    """
    sample = jax.vmap(
        lambda key: _within(_centred(embeddings(key, correlations, weights, batch, law)))
    )
    V = sample(jax.random.split(key, n_batches))
    squares = jnp.sum(V**2)
    square_of_sum = jnp.sum(jnp.sum(V, axis=0) ** 2)
    between = (square_of_sum - squares) / (n_batches * (n_batches - 1))
    return jnp.stack([between, squares / n_batches - between])


@guarded
def enumerated_penalties(
    correlations: Correlations, weights: Heads, batch: Batch, kurtosis: Kurtosis
) -> tuple[float, float]:
    """Return E tr(V^2), and E tr(V V') with V' of an independent batch, exactly, from all possible
    batches.

    The sources take the values 0 and ±√(kurtosis + 3). Each expectation is the mean of a polynomial
    of degree four in the sources, in which a third moment always multiplies a mean, and that is
    zero. So both hold for every law of the sources with this excess kurtosis. Raises ValueError for
    more than 3^13 batches.
    """
    n_numbers = 2 * batch * len(correlations)
    require(
        n_numbers <= 13,
        f"batch must be so small that 2 * batch * directions is at most 13, got {n_numbers}",
    )
    reach = np.sqrt(kurtosis + 3)
    signs = np.array(np.meshgrid(*[[-1, 0, 1]] * n_numbers)).reshape(n_numbers, -1)
    chances = np.prod(np.where(signs == 0, 1 - 1 / reach**2, 0.5 / reach**2), axis=0)
    signs = signs[:, chances > 0]
    chances = chances[chances > 0]
    sources, noise = reach * signs.reshape(2, batch, len(correlations), -1)
    rho = np.asarray(correlations)[:, None]
    V = 0.0
    for view, head in zip(
        (sources, rho * sources + np.sqrt(1 - rho**2) * noise), np.asarray(weights), strict=True
    ):
        Z = np.einsum("tds,dk->tks", view - view.mean(axis=0), head)
        V = V + np.einsum("tis,tjs->ijs", Z, Z) / (batch - 1)
    product = chances * V
    return float(np.sum(product * V)), float(np.sum(np.sum(product, axis=-1) ** 2))


@guarded(double=False)
def two_batch_loss(
    weights: Heads, views: Views, second: Views, form: Form = "library"
) -> Float[Array, ""]:
    """Return the loss -2 tr C + tr(V V'), where C and V come from one batch and V' from a second
    one, which may be the same.

    In the off-diagonal form C is twice the covariance between the views, and V is the sum of the
    covariances within the views. In the library form C is half the sum of all four covariances, and
    V is half the sum of those within the views. Raises ValueError for a batch of fewer than two
    pairs.
    """
    require(
        views.shape[1] > 1 and second.shape[1] > 1,
        "views and second must hold at least two pairs each",
    )
    Z, Z2 = (_centred(jnp.asarray(view) @ jnp.asarray(weights)) for view in (views, second))
    C = jnp.sum(_cross(Z[0], Z[1]).diagonal())
    V = _within(Z)
    V2 = _within(Z2)
    if form == "off-diagonal":
        return -4 * C + jnp.sum(V * V2)
    return -2 * C - jnp.trace(V) + jnp.sum(V * V2) / 4


@guarded(double=False)
def two_batch_gradient(
    weights: Heads, views: Views, second: Views, form: Form = "library"
) -> Float[Array, "2 directions columns"]:
    """Return the gradient of `two_batch_loss` with respect to the weights, by automatic
    differentiation.
    """
    return _gradient(jnp.asarray(weights), views, second, form)


_gradient = jax.jit(jax.grad(two_batch_loss), static_argnums=3)


def _centred(pairs: Float[Array, "2 pairs columns"]) -> Float[Array, "2 pairs columns"]:
    return pairs - pairs.mean(axis=1, keepdims=True)


def _cross(first: Float[Array, "pairs K"], second: Float[Array, "pairs K"]) -> Float[Array, "K K"]:
    return first.T @ second / (len(first) - 1)


def _within(pairs: Float[Array, "2 pairs columns"]) -> Float[Array, "columns columns"]:
    return _cross(pairs[0], pairs[0]) + _cross(pairs[1], pairs[1])


_SLOWING = 2000  # steps after which the rate has halved
_START = 0.3


@guarded(double=False)
def strengths_after_descent(
    key: Key[Array, ""],
    correlations: Correlations,
    batch: Batch,
    n_batches: Size,
    steps: Size,
    rate: Positive,
) -> Float[Array, " directions"]:
    """The variance of each canonical component of the embeddings after gradient descent, summed
    over both views and averaged over the second half of the steps.

    The loss is `two_batch_loss` in the off-diagonal form on normal pairs, and the embeddings have
    as many columns as there are directions. The weights start at 0.3 N(0, 1). The rate at step t is
    rate / (1 + t / 2000). `n_batches` is 1 where one batch serves both factors of the penalty, and
    2 where the second factor has a batch of its own.
    """
    directions = len(correlations)
    first, later = jax.random.split(key)
    gradient = jax.grad(two_batch_loss)

    def step(weights, t):  # type: ignore[no-untyped-def]
        sources = standardised(
            jax.random.fold_in(later, t), (n_batches, 2, batch, directions), "normal"
        )
        views = [_views_of(source, correlations) for source in sources]
        weights = weights - rate / (1 + t / _SLOWING) * gradient(
            weights, views[0], views[-1], "off-diagonal"
        )
        return weights, jnp.sum(weights**2, axis=(0, 2))

    start = _START * jax.random.normal(first, (2, directions, directions))
    _, strengths = jax.lax.scan(step, start, jnp.arange(steps))
    return strengths[steps // 2 :].mean(axis=0)


Times = Annotated[Float[np.ndarray, " times"], RISING, Interval(0, closed="()")]
Covariance = Annotated[Float[np.ndarray, "first first"], USABLE_SCALE]
Second = Annotated[Float[np.ndarray, "second second"], USABLE_SCALE]
Between = Annotated[Float[np.ndarray, "first second"], USABLE_SCALE]


class Minima(NamedTuple):
    """The ends of the descents from all starts, in the order of the starts."""

    losses: Float[np.ndarray, " starts"]
    weights: Float[np.ndarray, "starts dim columns"]
    residuals: Float[np.ndarray, " starts"]
    """|gradient| |W|: half of it bounds the excess over the minimum nearby, as long as the loss is
    convex up to it.
    """


@guarded
def pencil_of_views(
    first: Covariance, second: Second, between: Between, form: Form = "off-diagonal"
) -> tuple[Float[np.ndarray, "dim dim"], Float[np.ndarray, "dim dim"]]:
    """The matrices A and B of CCA from the covariances S11 (`first`), S22 (`second`), S12
    (`between`).

    B has the diagonal blocks S11 and S22. A has the off-diagonal blocks S12 and S12^T. In the
    library form A has S11 and S22 on the diagonal, too.
    """
    zeros = np.zeros(between.shape)
    B = np.block([[first, zeros], [zeros.T, second]])
    A = np.block([[0 * first, between], [between.T, 0 * second]])
    return (A + B if form == "library" else A), B


@guarded
def ey_loss(A: Numerator, B: Denominator, W: Weights) -> float:
    """The loss L(W) = -2 tr(W^T A W) + tr((W^T B W)^2)."""
    return _loss_and_gradient(A, B, W)[0]


@guarded
def ey_gradient(A: Numerator, B: Denominator, W: Weights) -> Float[np.ndarray, "dim columns"]:
    """The gradient of the loss L with respect to W."""
    return _loss_and_gradient(A, B, W)[1]


@guarded
def minimise(A: Numerator, B: Denominator, starts: Starts) -> Minima:
    """Descend on the loss L by BFGS from each start."""

    def function(flat: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = _loss_and_gradient(A, B, flat.reshape(starts.shape[1:]))
        return value, gradient.ravel()

    return _best_of(function, starts)


@guarded
def curvatures(A: Numerator, B: Denominator, W: Weights) -> Float[np.ndarray, " entries"]:
    """Return the eigenvalues of the Hessian of L at W with respect to the metric of B, in ascending
    order.

    The Hessian comes from automatic differentiation. Raises TypeError without float64.
    """
    from scipy.linalg import eigh

    require_float64("a Hessian")
    size = W.size
    hessian = np.asarray(_hessian(A, B, W)).reshape(size, size)
    return eigh(hessian, np.kron(B, np.eye(W.shape[1])), eigvals_only=True)


@guarded
def flow_path(A: Numerator, start: Weights, times: Times) -> Float[np.ndarray, "times dim columns"]:
    """The solution W(t) of dW/dt = -grad L with B = I, at each time, to a relative accuracy of
    1e-11. Raises ValueError where (|A| + |start|^2) t exceeds 1e4.
    """
    from scipy.integrate import solve_ivp

    length = (np.linalg.norm(A) + np.sum(start**2)) * times[-1]
    require(
        length <= 1e4,
        f"times must be so short that (|A| + |start|^2) t is at most 1e4, got {length:.3g}",
    )
    identity = np.eye(len(A))

    def slope(_: float, flat: np.ndarray) -> np.ndarray:
        return -_loss_and_gradient(A, identity, flat.reshape(start.shape))[1].ravel()

    path = solve_ivp(
        slope, (0.0, times[-1]), start.ravel(), "DOP853", times, rtol=1e-11, atol=1e-13
    )
    return path.y.T.reshape(len(times), *start.shape)


def _best_of(function: Callable[[np.ndarray], tuple[float, np.ndarray]], starts: Starts) -> Minima:
    """Minimise a function that returns its value and its gradient: BFGS descends from each start,
    then a solver finds the zero of the gradient nearby.
    """
    from scipy.optimize import least_squares, minimize

    losses = []
    weights = []
    residuals = []
    for start in starts:
        near = minimize(function, start.ravel(), jac=True, method="BFGS", options={"gtol": 1e-9}).x
        # The value alone ends the descent at half the digits; the zero of the gradient has them
        # all.
        end = least_squares(
            lambda x: function(x)[1], near, method="lm", xtol=1e-15, ftol=1e-15, gtol=1e-15
        ).x
        loss, gradient = function(end)
        losses.append(loss)
        weights.append(end.reshape(start.shape))
        residuals.append(np.linalg.norm(gradient) * np.linalg.norm(end))
    return Minima(np.array(losses), np.array(weights), np.array(residuals))


def _loss_and_gradient(
    A: Numerator, B: Denominator, W: Weights
) -> tuple[float, Float[np.ndarray, "dim columns"]]:
    AW = A @ W
    BW = B @ W
    V = W.T @ BW
    return float(-2 * np.sum(W * AW) + np.sum(V * V)), 4 * (BW @ V - AW)


@jax.jit
def _hessian(A, B, W):  # type: ignore[no-untyped-def]
    def loss(W):  # type: ignore[no-untyped-def]
        V = W.T @ B @ W
        return -2 * jnp.sum(W * (A @ W)) + jnp.sum(V * V)

    return jax.hessian(loss)(W)


def _expected(W, rho, m, form):  # type: ignore[no-untyped-def]
    cross = W[0].T @ (rho[:, None] * W[1])
    covariance = jnp.stack([jnp.stack([W[0].T @ W[0], cross]), jnp.stack([cross.T, W[1].T @ W[1]])])
    means = jnp.einsum("aaij,ccij->", covariance, covariance)
    # V_ij = sum_a S_(ai)(aj): each product of entries has two further pairings, i with i and i with
    # j.
    straight = jnp.einsum("acii,acjj->", covariance, covariance)
    crossed = jnp.einsum("acij,acji->", covariance, covariance)
    penalty = means + (straight + crossed) / m
    between = 2 * jnp.trace(cross)
    within = jnp.trace(covariance[0, 0] + covariance[1, 1])
    if form == "off-diagonal":
        return -2 * between + penalty
    return -(between + within) + penalty / 4


@guarded(double=False)
def minimise_expected(
    correlations: Correlations,
    n_columns: Size,
    batch: Batch,
    form: Form = "off-diagonal",
    starts: Size = 3,
) -> Minima:
    """Return the minima of the expected mini-batch loss, which BFGS finds from random starts.

    The weights of both views are returned in one matrix, those of the first view above. Raises
    TypeError without float64.
    """
    require_float64("a minimum by BFGS")
    shape = (2, len(correlations), n_columns)
    rho = jnp.asarray(correlations)

    def function(flat: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = _with_gradient(flat.reshape(shape), rho, batch - 1, form)
        return float(value), np.asarray(gradient).ravel()

    rng = np.random.default_rng(0)
    return _best_of(function, rng.normal(size=(starts, 2 * shape[1], n_columns)))


_with_gradient = jax.jit(jax.value_and_grad(_expected), static_argnums=3)
