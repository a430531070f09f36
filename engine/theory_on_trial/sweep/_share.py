"""The processes of a `jax.distributed` job that run one sweep: each a share of its cells, over one cache."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jaxtyping import Int

from theory_on_trial.sweep._part import Part


def own_share(part: Part) -> Int[np.ndarray, " own"]:
    """Return the missing cells that this process has to run.

    Each process takes the same share of every line of the grid, along all axes: costs may rise along one, and cells
    added at the end of one are to be shared, too. It must not depend on what is missing, which each sees differently.
    """
    missing = np.flatnonzero(part.missing)
    diagonals = np.sum(np.unravel_index(missing, part.cells.shape), axis=0)
    return np.asarray(missing[diagonals % jax.process_count() == jax.process_index()])


@contextlib.contextmanager
def joined(parts: Sequence[Part], advance: Callable[[int], Any], shared: bool) -> Iterator[None]:
    """Run the body and, if the sweep is `shared`, wait until all processes have, then read what the others have kept.

    Raises RuntimeError if another process failed or died, or kept its cells in a folder that is not this one's.
    """
    try:
        yield
    except Exception:
        if shared:
            with contextlib.suppress(Exception):  # ours is what matters, even if another process is gone
                _failed(True)
        raise
    if not shared:
        return
    kept = f"what is finished is kept in {', '.join(str(part.store.folder) for part in parts if part.store)}"
    try:
        failed = _failed(False)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise RuntimeError(f"another process of the job died ({reason}); {kept}: start it again to resume") from error
    if failed.size:
        which = ", ".join(map(str, failed))
        raise RuntimeError(f"the sweep failed in process {which} of the job, which says why; {kept}")
    for part in parts:
        before = part.missing.sum()
        if before:
            part.read()
            advance(int(before - part.missing.sum()))
        if part.missing.any():
            raise RuntimeError(
                f"cache must be a folder that all {jax.process_count()} processes of the job share, but "
                f"{part.missing.sum()} cells of other processes are not in {part.store and part.store.folder}"
            )


def _failed(here: bool) -> Int[np.ndarray, " failed"]:
    """Return the numbers of the processes that failed, once each has said whether it did."""
    return np.flatnonzero(multihost_utils.process_allgather(np.array(here)))
