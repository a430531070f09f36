"""The digest of source code: what a chunk of a sweep, or a kept run of a search, was computed by.

A result that is kept on disk counts only as long as the code that made it is the same: its module
and all that this imports, installed libraries apart. What counts is the syntax tree without
docstrings: comments and layout compute nothing. Imports are followed through the source, without
running it: those inside functions and those for type checkers too. In a package that is only passed
through on the way to one of its modules, those alone count that run on its import. A module that is
imported by a name made at run time is not seen, nor is a file that is read as data.
"""

import ast
import contextlib
import hashlib
import importlib.util
import itertools
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from theory_on_trial import repository

_ENGINE = __name__.partition(".")[0]
_INSTALLED = {"site-packages", "dist-packages"}

_running: dict[Path, tuple[ModuleSpec, bytes]] = {}


def digest(*files: Path) -> str:
    """Return the digest of all source that files may run: their own and all that they import.

    An edit that changes the syntax tree of any of it gives another digest; where the files lie
    makes no difference. Raises `FileNotFoundError` for a file that is not there.
    """
    for file in files:
        if not file.is_file():
            raise FileNotFoundError(f"{file} is not there")
    return digest_of((repository.dotted_name(file), file.absolute()) for file in files)


def digest_of(modules: Iterable[tuple[str, Path]]) -> str:
    """Return the same for modules with their dotted names, which relative imports need."""
    beside: dict[Path, dict[str, Path]] = {}
    for name, file in modules:
        beside.setdefault(repository.import_base(name, file), {})[name] = file
    sources = {
        name: code for base, first in beside.items() for name, code in _closure(first, base).items()
    }
    trees = sorted((name, _tree(code)) for name, code in sources.items())
    return hashlib.sha256(repr(trees).encode()).hexdigest()


def _closure(first: dict[str, Path], base: Path) -> dict[str, bytes]:
    """Return the source of modules in a folder on Python's path, and of all that they import, by
    their names.
    """
    search = _Search(first, base)
    sources: dict[str, bytes] = {}
    edges: dict[str, set[str]] = {}
    queue = [(name, False) for name in first]
    while queue:
        current, passing = queue.pop()
        if current not in sources:
            place = first.get(current) or search.file(current)
            sources[current] = b"" if place is None else _source(current, place)
            queue += [(around, True) for around in _packages_around(current)]
        imports = set(search.imports(current, sources[current], passing)) - edges.setdefault(
            current, set()
        )
        edges[current] |= imports
        queue += [(name, False) for name in imports]
    return sources


class _Search:
    """Finds modules of one repository: where pytest would from the first ones on, or else where
    Python would.
    """

    def __init__(self, first: Iterable[str], base: Path):
        self.own = {name.partition(".")[0] for name in first} | {_ENGINE}
        self.root, self.path = repository.root(base), list(map(str, repository.import_path(base)))
        self.found: dict[str, ModuleSpec | None] = {}

    def spec(self, name: str) -> ModuleSpec | None:
        """Return where a module is, None where there is none or it is not the repository's own."""
        if name not in self.found:
            around, _, last = name.rpartition(".")
            package = self.spec(around) if around else None
            if not around:
                self.found[name] = self._top_level(name)
            elif package is None or package.submodule_search_locations is None:
                self.found[name] = None
            else:
                # By its last name alone: Python asks for the package around it, which nobody has
                # imported.
                self.found[name] = PathFinder.find_spec(
                    last, list(package.submodule_search_locations)
                )
        return self.found[name]

    def file(self, name: str) -> Path | None:
        """Return the source file of a module; a package without `__init__.py` has none, nor has
        compiled code.
        """
        spec = self.spec(name)
        return (
            Path(spec.origin)
            if spec is not None and spec.origin is not None and spec.has_location
            else None
        )

    def imports(self, name: str, source: bytes, passing: bool) -> Iterator[str]:
        """Yield the repository's modules that a module imports; of one that is passed through,
        those on its import.
        """
        spec = self.spec(name)
        is_package = spec is not None and spec.submodule_search_locations is not None
        package = name if is_package else name.rpartition(".")[0]
        for level, module, names, on_import in _statements(source):
            if passing and not on_import:
                continue
            try:
                base = importlib.util.resolve_name("." * level + module, package)
            except (
                ImportError
            ):  # it reaches beyond the packages around: Python cannot run it either
                continue
            if self.spec(base) is None:
                continue
            submodules = [
                f"{base}.{part}" for part in names if self.spec(f"{base}.{part}") is not None
            ]
            yield from submodules
            if len(submodules) < len(names) or not names:
                yield base

    def _top_level(self, name: str) -> ModuleSpec | None:
        if name in sys.stdlib_module_names:
            return None
        spec = PathFinder.find_spec(name, self.path)
        if spec is None:
            try:
                spec = importlib.util.find_spec(name)
            except ValueError:  # a module that was made by hand
                return None
        return spec if spec is not None and (name in self.own or self._is_own(spec)) else None

    def _is_own(self, spec: ModuleSpec) -> bool:
        place = Path(spec.origin) if spec.has_location and spec.origin else None
        for folder in spec.submodule_search_locations or []:
            place = place or Path(folder)
        return (
            place is not None
            and place.is_relative_to(self.root)
            and not _INSTALLED & set(place.parts)
        )


def _packages_around(name: str) -> list[str]:
    return list(itertools.accumulate(name.split(".")[:-1], "{}.{}".format))


def _source(name: str, file: Path) -> bytes:
    """Return a module's source: of one that is loaded as it was when first asked for, which is the
    code that runs.
    """
    if file.suffix != ".py":
        return b""
    spec = getattr(sys.modules.get(name), "__spec__", None)
    if spec is None or spec.origin != str(file):
        return file.read_bytes()
    if file not in _running or _running[file][0] is not spec:
        _running[file] = spec, file.read_bytes()
    return _running[file][1]


@lru_cache(maxsize=4096)
def _tree(source: bytes) -> str:
    """Return the hash of a module's syntax tree without docstrings; of its bytes if they are no
    Python.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return hashlib.sha256(source).hexdigest()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [part for part in body if not _is_text(part)]  # type: ignore[attr-defined]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _is_text(node: ast.AST) -> bool:
    """Tell whether a statement is a string, as docstrings are."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


@lru_cache(maxsize=4096)
def _statements(source: bytes) -> tuple[tuple[int, str, tuple[str, ...], bool], ...]:
    """Return the import statements of a module: level, module, names that are taken from it,
    whether import runs it.
    """
    statements: list[tuple[int, str, tuple[str, ...], bool]] = []

    def visit(node: ast.AST, on_import: bool) -> None:
        if isinstance(node, ast.Import):
            statements.extend((0, alias.name, (), on_import) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            statements.append(
                (
                    node.level,
                    node.module or "",
                    tuple(alias.name for alias in node.names),
                    on_import,
                )
            )
        later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        typing = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
                visit(child, on_import and not (later or typing))

    with contextlib.suppress(
        SyntaxError, ValueError
    ):  # the bytes of a broken file count, and it imports nothing
        visit(ast.parse(source), True)
    return tuple(statements)
