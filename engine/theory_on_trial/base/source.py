"""The digest of the source that a function may run: a kept result knows when it is stale."""

import ast
import contextlib
import functools
import hashlib
import importlib.util
import inspect
import itertools
import os
import sys
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from theory_on_trial.contract import require

_LIBRARIES = {"site-packages", "dist-packages"}
_STANDARD = Path(os.__file__).parent

_first_read: dict[str, tuple[ModuleSpec, str]] = {}


def source_digest(simulator: Callable[..., Any]) -> str:
    """Return the digest of all source that a simulator may run, installed libraries apart.

    That is its own module and whatever this imports, directly or not, inside functions too. An edit
    in any of these files, other than of comments and layout, gives another digest, and finished
    chunks are computed again. The digest misses a module whose name is made at run time, and a file
    that is read as data.

    Raises ValueError for a function whose source does not say what it computes: one without a file
    (typed into an interpreter or a notebook) and one with values bound to it (a closure, a
    partial).
    """
    function = inspect.unwrap(simulator)
    module = sys.modules.get(getattr(function, "__module__", ""))
    in_file = getattr(module, "__file__", None) is not None and inspect.isfunction(function)
    if module is None or not in_file:
        raise ValueError(f"cache needs a simulator that is a function in a file, got {simulator!r}")
    require(
        not function.__closure__,
        f"cache needs a simulator without bound values (static= takes them), got {simulator!r}",
    )
    trees: dict[str, str] = {}
    queue = [(module.__name__, module.__spec__, str(module.__file__))]
    while queue:
        name, spec, file = queue.pop()
        if file not in trees:
            trees[file], imports = _parsed(_source(spec, file))
            package = name if Path(file).name == "__init__.py" else name.rpartition(".")[0]
            queue += [found for one in imports for found in _own_modules(*one, package)]
    return hashlib.sha256(repr(sorted(trees.values())).encode()).hexdigest()


def _source(spec: ModuleSpec | None, file: str) -> str:
    """Return a module's source as it was when first asked for, which is the code that is loaded."""
    if spec is None or file not in _first_read or _first_read[file][0] is not spec:
        text = Path(file).read_text(encoding="utf-8")
        if spec is None:  # of a script
            return text
        _first_read[file] = spec, text
    return _first_read[file][1]


@functools.lru_cache(maxsize=4096)
def _parsed(source: str) -> tuple[str, tuple[tuple[int, str, tuple[str, ...]], ...]]:
    """Return the syntax tree as text, and the imports: level, module and what is taken from it."""
    tree = ast.parse(source)
    imports: list[tuple[int, str, tuple[str, ...]]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [(0, alias.name, ()) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            imports.append((node.level, node.module or "", names))
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), tuple(imports)


def _own_modules(
    level: int, module: str, names: tuple[str, ...], package: str
) -> Iterator[tuple[str, ModuleSpec, str]]:
    """Yield those modules of an import statement that are no library's, with the packages around
    them.
    """
    with contextlib.suppress(
        ImportError, ValueError
    ):  # the import is guarded, or fails as it is run
        base = importlib.util.resolve_name("." * level + module, package)
        queue = [*itertools.accumulate(base.split("."), "{}.{}".format)]
        for name in queue:
            # it imports the packages around, and nothing else
            spec = importlib.util.find_spec(name)
            if spec is None or not _is_own(spec.origin):
                if "." not in name:
                    return
                continue
            yield name, spec, str(spec.origin)
            if name == base and spec.submodule_search_locations is not None:
                queue += [f"{base}.{part}" for part in names]


def _is_own(origin: str | None) -> bool:
    path = Path(origin or "")
    return path.suffix == ".py" and not (
        path.is_relative_to(_STANDARD) or _LIBRARIES & set(path.parts)
    )
