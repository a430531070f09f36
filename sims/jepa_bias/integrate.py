"""Ordinary differential equations that do not depend on time, by diffrax: states at given times, or
a first event.
"""

from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

TOLERANCE = 1e-11  # relative error per step
MAX_STEPS = 100_000
HEIGHT = (
    1e-9  # of an event: smaller ones drown in the rounding of times 10^6 times as long as the rise
)


def states_at(
    velocity: Callable[[Any], Any],
    start: Any,
    times: Float[Array, "times"],
    *,
    method: Literal["implicit", "explicit"],
    absolute: float | Float[Array, ""] = TOLERANCE,
) -> Any:
    """The state (a pytree of arrays, here with a leading axis of times) at increasing times, from
    `start` at 0.

    `implicit` is Kvaerno's method of order 5, for stiff equations, `explicit` Dormand and Prince's
    of order 8; both adapt their steps to 1e-11 relative and `absolute` per step, and step on every
    time asked for: interpolation between steps would cost three digits. NaN where this takes more
    than 100 000 steps.
    """
    import diffrax

    solver = diffrax.Kvaerno5() if method == "implicit" else diffrax.Dopri8()
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(lambda time, state, _: velocity(state)),
        solver,
        t0=0.0,
        t1=times[-1],
        dt0=None,
        y0=start,
        saveat=diffrax.SaveAt(ts=times),
        stepsize_controller=diffrax.ClipStepSizeController(_controller(absolute), step_ts=times),
        max_steps=MAX_STEPS,
        adjoint=diffrax.ForwardMode(),
        throw=False,
    )
    success = solution.result == diffrax.RESULTS.successful
    return jax.tree.map(lambda states: jnp.where(success, states, jnp.nan), solution.ys)


def time_of_zero(
    velocity: Callable[[Float[Array, ""]], Float[Array, ""]],
    start: Float[Array, ""],
    height: Callable[[Float[Array, ""]], Float[Array, ""]],
) -> Float[Array, ""]:
    """The first time at which `height(state)` of a scalar state is zero; NaN where none is found in
    100 000 steps. By Dormand and Prince's method of order 8: an event lies between two steps, and
    its interpolation is as good as its steps, which that of the implicit method is not.
    """
    import diffrax
    import optimistix

    def above(t, y, args, **_):
        return height(y)

    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(lambda time, state, _: velocity(state)),
        diffrax.Dopri8(),
        t0=0.0,
        t1=jnp.inf,
        dt0=None,
        y0=start,
        stepsize_controller=_controller(TOLERANCE),
        event=diffrax.Event(above, optimistix.Newton(rtol=TOLERANCE, atol=HEIGHT)),
        max_steps=MAX_STEPS,
        adjoint=diffrax.ForwardMode(),
        throw=False,
    )
    return jnp.where(solution.result == diffrax.RESULTS.event_occurred, solution.ts[-1], jnp.nan)


def _controller(absolute):
    import diffrax

    return diffrax.PIDController(rtol=TOLERANCE, atol=absolute)
