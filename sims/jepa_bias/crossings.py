"""When a recorded strength rises through a level: for the first time, and for good."""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float

from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import POSITIVE, RISING, Holds, guarded

SEVERAL = Holds(
    "several", "be at least two: a crossing lies between two of them", lambda times: times.size > 1
)


class Crossings(NamedTuple):
    """Up-crossings of every feature: the first and the last time (infinite if there is none), and
    the end state. `ends_above` tells whether the last record is at or above the level: only then is
    the last crossing for good.
    """

    first: Float[Array, "features"]
    last: Float[Array, "features"]
    ends_above: Bool[Array, "features"]


@guarded(double=False)
@jax.jit
def up_crossings(
    times: Annotated[Float[AnyArray, "records"], RISING, SEVERAL],
    strengths: Annotated[Float[AnyArray, "records features"], POSITIVE],
    levels: Annotated[Float[AnyArray, "features"], POSITIVE],
) -> Crossings:
    """First and last time at which each feature rises through its level (such as p times its
    asymptote). The time is interpolated linearly in the logarithm of the strength between two
    records, NaN where their ratio is infinite. A feature that starts above its level and stays
    there has none. Derived here.
    """
    times = times[:, None]
    before = strengths[:-1]
    after = strengths[1:]
    rises = (before < levels) & (after >= levels)
    share = jnp.log(levels / before) / jnp.log(jnp.where(rises, after / before, 2.0))
    moments = times[:-1] + (times[1:] - times[:-1]) * share
    first = jnp.min(jnp.where(rises, moments, jnp.inf), axis=0)
    last = jnp.max(jnp.where(rises, moments, -jnp.inf), axis=0)
    return Crossings(first, jnp.where(rises.any(axis=0), last, jnp.inf), strengths[-1] >= levels)
