"""Watch a training run and keep what the random-walk test needs, never its weights."""

import functools
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key

from theory_on_trial.contract import ANY_NUMBER, MAY_BE_EMPTY, Size, guarded, require


class StepGramRecorder:
    """Accumulates the inner products of a run's steps while it runs, from a sketch of each step.

        recorder = StepGramRecorder(max_steps=500)
        for batch in batches:
            parameters = update(parameters, batch)
            recorder.record(parameters)
        print(random_walk_test(step_gram=recorder.step_gram))

    An exact inner product of two steps needs both of them, so that the exact matrix needs all
    steps. The recorder keeps a random linear sketch of each step instead: every coordinate is
    added, with a random sign, to one of `sketch_size` cells (a count sketch), the same sign and
    cell at every step. For fixed steps x and y the sketched inner product has mean <x, y> and, over
    the seeds, variance (|x|^2 |y|^2 + <x, y>^2 - 2 sum_i x_i^2 y_i^2) / sketch_size. It acts on the
    laws of the walk like noise of lower dimension: to first order 1 / effective dimension + 1 /
    sketch_size in place of 1 / effective dimension, and the effective dimension estimated from
    `step_gram` has both parts in it. Drift, momentum, decay and reversion pass through, because the
    sketch is linear. Where all weights can be kept, on disk or in memory,
    `own_data.random_walk_pca.step_gram` computes the exact matrix.

    Memory: max_steps times sketch_size numbers, one copy of the last parameters (a step is a
    difference, and taking it first keeps its digits), and while recording one random number per
    coordinate of the largest array. Time: linear in the number of coordinates.

    Args:
        max_steps: steps that can be recorded, one fewer than recorded points.
        sketch_size: m, cells of the sketch.
        seed: of signs and cells.

    Source: Charikar, Chen & Farach-Colton 2002 for the sketch; Antognini & Sohl-Dickstein 2018 use
    random projections, too; the effective dimension of the sketch was derived here.
    """

    @guarded
    def __init__(self, max_steps: Size, *, sketch_size: Size = 1000, seed: int = 0) -> None:
        self._sketches = np.zeros((max_steps, sketch_size), jax.dtypes.canonicalize_dtype(float))
        self._key = jax.random.key(seed)
        self._recorded_steps = -1
        self._structure: Any = None
        self._latest: list[np.ndarray | Array] = []

    @guarded(double=False)
    def record(self, parameters: Annotated[Any, ANY_NUMBER, MAY_BE_EMPTY]) -> None:
        """Take the parameters after a step: an array, or any pytree of arrays (NumPy or JAX,
        floating point).

        The first call gives the starting point. Raises ValueError for more than `max_steps` steps,
        parameters of another structure or shape than before, or a step that is not finite (it is
        named); TypeError for other than floats.
        """
        leaves, structure = jax.tree.flatten(parameters)
        description = (structure, tuple(np.shape(leaf) for leaf in leaves))
        if self._structure is None:
            _check_leaves(leaves)
            self._structure = description
        same = description == self._structure
        require(
            same, f"parameters must keep structure and shapes {self._structure}, got {description}"
        )
        step = self._recorded_steps + 1
        most = len(self._sketches)
        require(step <= most, f"parameters have been recorded for max_steps = {most} steps already")
        if step > 0:
            row = sum(
                np.asarray(
                    _sketch(
                        jax.random.fold_in(self._key, index), leaf - before, self._sketches.shape[1]
                    )
                )
                for index, (leaf, before) in enumerate(zip(leaves, self._latest, strict=True))
            )
            require(
                np.all(np.isfinite(row)),
                f"parameters must be finite, the first step that is not is step {step}",
            )
            self._sketches[step - 1] = row
        # A copy, because optimisers write into NumPy arrays and donate the buffers of JAX ones.
        self._latest = [leaf.copy() for leaf in leaves]
        self._recorded_steps = step

    @property
    def step_gram(self) -> Float[np.ndarray, "steps steps"]:
        """Sketched inner products of the steps recorded so far, in float64."""
        rows = self._sketches[: max(0, self._recorded_steps)].astype(float)
        return rows @ rows.T


@functools.partial(jax.jit, static_argnums=2)
def _sketch(
    key: Key[Array, ""], step: Float[Array | np.ndarray, "..."], size: int
) -> Float[Array, "{size}"]:
    draw = jax.random.randint(key, (step.size,), 0, 2 * size)
    values = step.ravel().astype(jnp.promote_types(step.dtype, jnp.float32))
    return (
        jnp.zeros(size, values.dtype).at[draw // 2].add(jnp.where(draw % 2 == 0, values, -values))
    )


def _check_leaves(leaves: list[Any]) -> None:
    require(len(leaves) > 0, "parameters must hold at least one array, got none")
    for leaf in leaves:
        if not (hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating)):
            raise TypeError(
                "parameters must be floating-point arrays, got "
                f"{getattr(leaf, 'dtype', type(leaf))}"
            )
