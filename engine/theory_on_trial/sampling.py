"""Where the samples of a decision come from: one compiled program that measures one item per key."""

from collections.abc import Callable
from typing import Any

import numpy as np

Measure = Callable[[Any], Any]
Sampler = Callable[[int], np.ndarray]


def of_keys(measure: Measure, key: Any, batch: int, vectorised: bool) -> Sampler:
    """Return a function that draws the next m samples, `batch` at a time through one compiled program."""
    import jax
    import jax.numpy as jnp

    from theory_on_trial.mapping import Mode, map_cells

    mode: Mode = "vmap" if vectorised else "auto"

    @jax.jit
    def draw(key: Any, start: Any) -> Any:
        return map_cells(lambda i: measure(jax.random.fold_in(key, i)), start + jnp.arange(batch), mode=mode)

    drawn = 0

    def sampler(m: int) -> np.ndarray:
        nonlocal drawn
        starts = range(drawn, drawn + m, batch)
        drawn += m
        return np.concatenate([np.asarray(draw(key, start), float) for start in starts])

    return sampler
