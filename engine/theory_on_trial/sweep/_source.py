"""The digest of a simulator's source: when its code may compute something else, finished chunks no longer count."""

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from theory_on_trial.digest import digest_of


def source_digest(simulator: Callable[..., Any]) -> str:
    """Return the SHA-256 of all source that a simulator may run, installed libraries apart.

    That is its own module and whatever this imports, directly or not, from its repository and from this package (see
    `theory_on_trial.digest`). An edit in any of these files, even of a comment, gives another digest.

    Raises ValueError for a function whose source does not say what it computes: one without a file (typed into an
    interpreter or a notebook) and one with values bound to it (a closure, a partial).
    """
    function = inspect.unwrap(simulator)
    module = sys.modules.get(getattr(function, "__module__", ""))
    if module is None or getattr(module, "__file__", None) is None or not inspect.isfunction(function):
        raise ValueError(f"cache needs a simulator that is a function in a file, got {simulator!r}")
    if function.__closure__:
        raise ValueError(f"cache needs a simulator without bound values (static= takes them), got {simulator!r}")
    file = Path(str(module.__file__)).absolute()
    # `python -m name` calls it __main__, and so does `python name.py`, which knows no other name.
    name = file.stem if module.__name__ == "__main__" else module.__name__
    return digest_of([(name if module.__spec__ is None else module.__spec__.name, file)])
