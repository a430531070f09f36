"""Finds what a function may reach: every name that it mentions, and every name that these mention,
in the code of a repository.
"""

import ast
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path

from theory_on_trial import repository

_ENGINE = Path(__file__).parents[1]


@lru_cache(maxsize=8)  # one file is asked for many things in turn
def syntax_tree(source: str) -> ast.Module:
    """Return the syntax tree of a source text, which nobody may change; `SyntaxError` for none."""
    return ast.parse(source)


def reached(name: str, *, outside: str = " ", root: Path | None = None) -> frozenset[str]:
    """Return what a function, class or constant may reach: the names that it mentions, and those
    that these mention.

    All are dotted names; `name` may be imported from anywhere in the repository (of `root`, or else
    the present one). Names of other libraries are in it, but not the names that these mention; a
    name that begins with `outside` is left out, with all that only it reaches. Decorators and
    annotations compute nothing and are left out. A call through a variable is not seen.
    """
    return _reached(name, outside, root or repository.root())


def home(name: str) -> str:
    """Return the dotted name under which a name of this repository is defined: re-exports and
    aliases are followed.
    """
    return _home(name, repository.root())


def mentioned(name: str, root: Path | None = None) -> frozenset[str]:
    """Return the dotted names that a definition of the repository mentions itself: no modules, and
    no variables of its own.
    """
    top = root or repository.root()
    return _next(_home(name, top), top)


def definition(name: str, root: Path | None = None) -> tuple[Path, ast.stmt] | None:
    """Return the file and the statement that define a dotted name in the repository; None for a
    name of another library.
    """
    top = root or repository.root()
    module, _, own = _home(name, top).rpartition(".")
    if not _is_module(module, top):
        return None
    statement = _names(module, top).get(own)
    return (_path(module, top), statement) if isinstance(statement, ast.stmt) else None


@cache
def _reached(name: str, outside: str, root: Path) -> frozenset[str]:
    names: set[str] = set()
    queue = {_home(name, root)}
    while queue:
        current = queue.pop()
        if not current.startswith(outside):
            names.add(current)
            queue |= _next(current, root) - names
    return frozenset(names)


@cache
def _next(name: str, root: Path) -> frozenset[str]:
    """What a definition of this repository mentions by name: no modules, and no variables of its
    own.
    """
    module, _, own = name.rpartition(".")
    names = _names(module, root) if _is_module(module, root) else {}
    statement = names.get(own)
    if not isinstance(statement, ast.stmt):
        return frozenset()
    homes = {
        _home(f"{module}.{word}", root)
        for word in _mentioned(statement)
        if word.split(".")[0] in names
    }
    return frozenset(definition for definition in homes if not _is_module(definition, root))


@cache
def _home(name: str, root: Path) -> str:
    module, *rest = name.split(".")
    if not _is_module(module, root):
        return name
    # A function may bear the name of the module that it is in: the last part is the function.
    while (
        rest
        and _is_module(f"{module}.{rest[0]}", root)
        and (len(rest) > 1 or rest[0] not in _names(module, root))
    ):
        module = f"{module}.{rest.pop(0)}"
    target = _names(module, root).get(rest[0]) if rest else None
    if isinstance(target, str):
        return _home(".".join([target, *rest[1:]]), root)
    return name if target is None else f"{module}.{rest[0]}"


def _mentioned(statement: ast.stmt) -> Iterator[str]:
    """Every name, with its attributes, in what a definition computes; not its own parameters and
    variables.
    """
    parts: list[ast.AST] = [statement]
    own: set[str] = set()
    if isinstance(statement, ast.FunctionDef):
        args = statement.args
        defaults = [default for default in args.kw_defaults if default is not None]
        parts = [*statement.body, *args.defaults, *defaults]
        own = {
            arg.arg
            for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg)
            if arg
        }
    for node in (inner for part in parts for inner in ast.walk(part)):
        attributes: list[str] = []
        while isinstance(node, ast.Attribute):
            attributes = [node.attr, *attributes]
            node = node.value
        if isinstance(node, ast.Name) and node.id not in own:
            yield ".".join([node.id, *attributes])


@cache
def _names(module: str, root: Path) -> dict[str, ast.stmt | str]:
    """The names of a module: the statement that defines each, or the dotted name that it is
    imported from.
    """
    path = _path(module, root)
    tree = syntax_tree(path.read_text(encoding="utf-8") if path.is_file() else "")
    names: dict[str, ast.stmt | str] = {}
    for node in ast.walk(tree):  # imports inside functions too
        if isinstance(node, ast.ImportFrom):
            source = _imported_from(node, module, root)
            names |= {alias.asname or alias.name: f"{source}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {
                a.asname or a.name.split(".")[0]: a.name if a.asname else a.name.split(".")[0]
                for a in node.names
            }
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            names[statement.name] = statement
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            variables = (
                inner
                for target in targets
                for inner in ast.walk(target)
                if isinstance(inner, ast.Name)
            )
            names |= dict.fromkeys((name.id for name in variables), statement)
    return names


def _imported_from(node: ast.ImportFrom, module: str, root: Path) -> str:
    """The dotted name, from the root, of the module that a statement imports from."""
    package = module if _path(module, root).name == "__init__.py" else module.rpartition(".")[0]
    if node.level:
        for _ in range(node.level - 1):
            package = package.rpartition(".")[0]
        return f"{package}.{node.module}" if node.module else package
    # What lies beside a check or a test: pytest puts its folder on the path.
    beside = f"{package}.{node.module}"
    return beside if _path(beside, root).is_file() else str(node.module)


def _path(module: str, root: Path) -> Path:
    first, *rest = module.split(".")
    place = (_ENGINE if first == _ENGINE.name else root / first).joinpath(*rest)
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


@cache
def _is_module(name: str, root: Path) -> bool:
    """Whether it is a module or a package of this repository; the folders of the tests count, which
    hold no names.
    """
    return _path(name, root).is_file() or _path(name, root).name == "__init__.py"
