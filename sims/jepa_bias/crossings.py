"""When a recorded strength rises through a level: for the first time, and for good."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float

from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import AnyArray, is_traced, require_count, require_finite


class Crossings(NamedTuple):
    """Up-crossings of every feature: the first and the last time (infinite if there is none), and the end state.

    `ends_above` tells whether the last record is at or above the level: only then is the last crossing for good.
    """

    first: Float[Array, "features"]
    last: Float[Array, "features"]
    ends_above: Bool[Array, "features"]


@validated(unbounded=("return",))
def up_crossings(
    times: Float[AnyArray, "records"],
    strengths: Float[AnyArray, "records features"],
    levels: Float[AnyArray, "features"],
) -> Crossings:
    """First and last time at which each feature rises through its level (such as p times its asymptote).

    An up-crossing lies between two records of which the first is below the level and the second is not; its time is
    interpolated linearly in the logarithm of the strength. A feature that starts above its level and stays there has
    none. Raises ValueError for fewer than two records, times that do not increase, levels that are not positive, or
    strengths that are not finite and positive. Derived here.
    """
    require_count("the number of records", times.shape[0], 2, "a crossing lies between two of the times")
    if not is_traced(times) and not (times[1:] > times[:-1]).all():
        raise ValueError(f"times must increase, got {times}")
    for name, values in (("levels", levels), ("strengths", strengths)):
        require_finite(name, values)
        if not is_traced(values) and not (values > 0).all():
            raise ValueError(f"{name} must be positive, got {jnp.min(values):g}")
    crossings = _up_crossings(jnp.asarray(times)[:, None], jnp.asarray(strengths), jnp.asarray(levels))
    if not is_traced(crossings.first) and jnp.isnan(crossings.first + crossings.last).any():
        raise FloatingPointError("the ratio of two strengths")
    return crossings


@jax.jit
def _up_crossings(times, strengths, levels):
    before, after = strengths[:-1], strengths[1:]
    crossed = (before < levels) & (after >= levels)
    share = jnp.log(levels / before) / jnp.log(jnp.where(crossed, after / before, 2.0))
    moments = times[:-1] + (times[1:] - times[:-1]) * share
    first = jnp.min(jnp.where(crossed, moments, jnp.inf), axis=0)
    last = jnp.max(jnp.where(crossed, moments, -jnp.inf), axis=0)
    return Crossings(first, jnp.where(crossed.any(axis=0), last, jnp.inf), strengths[-1] >= levels)
