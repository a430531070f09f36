"""The loss L(W) = -2 tr(W^T A W) + tr((W^T B W)^2) of symmetric matrices A and B: evaluated,
minimised, followed and differentiated.
"""

from collections.abc import Callable
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from sims.unconstrained_cca.domains import Denominator, Form, Numerator, Starts, Weights
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import RISING, USABLE_SCALE, Interval, guarded, require

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

    return best_of(function, starts)


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


def best_of(function: Callable[[np.ndarray], tuple[float, np.ndarray]], starts: Starts) -> Minima:
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
