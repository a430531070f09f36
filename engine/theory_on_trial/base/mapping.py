"""Many cells in one program: one after the other on a CPU, all at once on an accelerator."""

from collections.abc import Callable
from typing import Any, Literal, TypeVar, cast

import jax
import numpy as np

from theory_on_trial.contract import guarded

Mode = Literal["auto", "map", "vmap"]
_Function = TypeVar("_Function", bound=Callable[..., Any])


@guarded(double=False)
def resolve_mode(mode: Mode = "auto") -> Literal["map", "vmap"]:
    """Return `mode`, with "auto" read as "map" on a CPU and "vmap" on an accelerator.

    On a CPU `lax.map` is as fast as `vmap` for all but the smallest cells, its memory does not grow
    with their number, its results are bit-equal for every batch size, and it cannot dead-lock in
    batched LAPACK calls.
    """
    if mode == "auto":
        return "map" if jax.default_backend() == "cpu" else "vmap"
    return mode


def map_cells(function: Callable[..., Any], *cells: Any, mode: Mode = "auto") -> Any:
    """Apply `function(*cell)` to every cell along the leading axis of the arrays in `cells`
    (pytrees, one length).

    Raises TypeError for cells that are no arrays, and ValueError for arrays without a leading axis
    of one length.
    """
    leaves = jax.tree.leaves(cells)
    if (
        not leaves
        or any(cell is None for cell in cells)
        or not all(map(_is_array_of_numbers, leaves))
    ):
        raise TypeError(
            f"cells must be arrays of numbers, got {[type(leaf).__name__ for leaf in leaves]}"
        )
    if len({leaf.shape[:1] for leaf in leaves}) != 1 or leaves[0].ndim == 0:
        raise ValueError(
            "cells must have a leading axis of one length, got shapes "
            f"{[leaf.shape for leaf in leaves]}"
        )
    if resolve_mode(mode) == "vmap":
        return jax.vmap(function)(*cells)
    return jax.lax.map(lambda cell: function(*cell), cells)


def quick_jit(function: _Function) -> _Function:
    """Return `jax.jit(function)` for a program that draws for about as long as it takes to compile.

    On a CPU most of the time goes into optimising the generator of random numbers: at LLVM's first
    level, and without the emitters of the jaxlibs that still offer the choice, programs compile in
    a third to a half of the time and run as fast to a third slower. The digits may differ from
    `jax.jit`'s by rounding.
    """
    options: dict[str, Any] = {}
    if jax.default_backend() == "cpu":
        options = {"xla_backend_optimization_level": 1}
        if jax.version.__version_info__ < (0, 11):
            options["xla_cpu_use_fusion_emitters"] = False
    return cast(_Function, jax.jit(function, compiler_options=options or None))


def quick_map(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `map_cells` of `function` as one program of `quick_jit`: arrays of cells in, arrays of
    results out.
    """
    return quick_jit(lambda *cells: map_cells(function, *cells))


def _is_array_of_numbers(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) or (
        isinstance(leaf, np.ndarray) and leaf.dtype.kind in "biufc"
    )
