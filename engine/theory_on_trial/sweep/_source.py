"""The digest of a simulator's source: when its code may compute something else, finished chunks no longer count."""

import ast
import hashlib
import importlib.util
import inspect
import itertools
import sys
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

_read: dict[str, tuple[ModuleSpec | None, bytes]] = {}


def source_digest(simulator: Callable[..., Any]) -> str:
    """Return the SHA-256 of all source that a simulator may run, installed libraries apart.

    That is its own module and whatever this imports, directly or not, from its own top-level package and from this one.
    An edit in any of these files, even of a comment, gives another digest.

    Raises ValueError for a function whose source does not say what it computes: one without a file (typed into an
    interpreter or a notebook) and one with values bound to it (a closure, a partial).
    """
    function = inspect.unwrap(simulator)
    module = sys.modules.get(getattr(function, "__module__", ""))
    if module is None or getattr(module, "__file__", None) is None or not inspect.isfunction(function):
        raise ValueError(f"cache needs a simulator that is a function in a file, got {simulator!r}")
    if function.__closure__:
        raise ValueError(f"cache needs a simulator without bound values (static= takes them), got {simulator!r}")
    first = module.__name__ if module.__spec__ is None else module.__spec__.name  # `python -m name` calls it __main__
    packages = {first.partition(".")[0], __name__.partition(".")[0]}
    sources: dict[str, bytes] = {}
    waiting = {first}
    while waiting:
        name = waiting.pop()
        sources[name] = _source(name)
        waiting |= {found for found in _imports(name, sources[name], packages) if found not in sources}
    return hashlib.sha256(repr(sorted(sources.items())).encode()).hexdigest()


def _source(name: str) -> bytes:
    """Return a module's source as it was when first asked for after the module was loaded: the code that is running."""
    spec = _spec(name)
    if name not in _read or _read[name][0] is not spec:
        file = getattr(sys.modules.get(name), "__file__", None) if spec is None else spec.origin
        _read[name] = spec, Path(file).read_bytes() if file is not None and file.endswith(".py") else b""
    return _read[name][1]


def _spec(name: str) -> ModuleSpec | None:
    return sys.modules[name].__spec__ if name in sys.modules else importlib.util.find_spec(name)


def _imports(name: str, source: bytes, packages: set[str]) -> Iterator[str]:
    """Yield the modules of `packages` that a module's import statements name, and the packages around them."""
    for node in ast.walk(ast.parse(source)):
        found = []
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            around = name if _is_package(name) else name.rpartition(".")[0]
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), around)
            found = [base]
            if base.partition(".")[0] in packages and _is_package(base):
                found += [f"{base}.{alias.name}" for alias in node.names]  # modules, or else nothing is found there
        for module in found:
            if module.partition(".")[0] in packages:
                yield from itertools.accumulate(module.split("."), "{}.{}".format)


def _is_package(name: str) -> bool:
    spec = _spec(name)
    return spec is not None and spec.submodule_search_locations is not None
