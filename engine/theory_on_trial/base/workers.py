"""Calls of one function, wherever joblib's present backend runs them."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import joblib


def mapped(function: Callable[[Any], Any], arguments: Iterator[Any], threads: int) -> Iterator[Any]:
    """Yield the function's values as they come, in any order.

    Where `joblib.parallel_config` has set no backend, they come from so many threads.
    """
    backend, n_jobs = joblib.parallel.get_active_backend()
    calls = map(joblib.delayed(function), arguments)
    here = ("LokyBackend", "ThreadingBackend", "SequentialBackend")
    if type(backend).__name__ in here and n_jobs in (None, 1):
        yield from joblib.Parallel(threads, "threading", "generator_unordered", batch_size=1)(calls)
    elif backend.supports_return_generator:
        yield from joblib.Parallel(return_as="generator_unordered", batch_size=1)(calls)
    else:  # Ray's: what has finished is handed on a round at a time
        parallel = joblib.Parallel(batch_size=1)
        size = 4 * backend.effective_n_jobs(n_jobs)
        while some := list(itertools.islice(calls, size)):
            yield from parallel(some)
