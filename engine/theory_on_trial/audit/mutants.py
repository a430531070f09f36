"""A mutant: one number, operator, sign or comparison changed in a function that a claim reaches.

The file on disk does not change: a child process imports the changed module. The changed expression
reports when it is evaluated, because nothing can notice a change that never runs. A mutant that
nothing notices may be equivalent to the original, such as another start of a solver or a finer
grid.
"""

import ast
import builtins
import os
from functools import cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from theory_on_trial.repository.reach import reached
from theory_on_trial.trial.sides import marked

_OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
}
_COMPARISONS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}
_REPORT = "__a_mutant_is_evaluated__"


class Place(NamedTuple):
    """A function of a file that may be changed."""

    file: str
    function: str


class Mutant(NamedTuple):
    """A changed module: its file, its syntax tree, and what was changed, in words."""

    file: str
    tree: ast.Module
    change: str


def places(check: Path, function: str, root: Path) -> list[Place]:
    """Return the functions of a repository that a check reaches and that hold something to change.

    Of a page with marks these are the marked functions; of other checks, all but the check itself.
    """
    module = ".".join(check.relative_to(root).with_suffix("").parts)
    found = []
    for name in sorted(reached(f"{module}.{function}", outside="theory_on_trial", root=root)):
        home, _, own = name.rpartition(".")
        path = root.joinpath(*home.split("."))
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        is_check = file == check and (
            own == function or (bool(marked(file)) and own not in marked(file))
        )
        if not is_check and file.is_file() and _sites(_parsed(str(file)), own):
            found.append(Place(str(file), own))
    return found


def mutant(place: Place, random: Random, root: Path) -> Mutant:
    """Return a random mutant of a function."""
    tree = ast.parse(Path(place.file).read_text(encoding="utf-8"))
    site = random.choice(_sites(tree, place.function))
    changed = random.choice(_variants(site))
    change = f"{ast.unparse(site)} -> {ast.unparse(changed)}"
    where = f"{Path(place.file).relative_to(root)}:{site.lineno} ({place.function})"
    reporting = ast.Call(ast.Name(_REPORT, ast.Load()), [changed], [])
    _Replaced(site, reporting).visit(tree)
    return Mutant(place.file, ast.fix_missing_locations(tree), f"{where}: {change}")


def install(mutant: Mutant) -> list[bool]:
    """Let this process import a mutant in place of its module; return a list that fills once the
    change is evaluated.
    """
    evaluated: list[bool] = []

    def report(value: Any) -> Any:
        evaluated.append(True)
        return value

    setattr(builtins, _REPORT, report)
    sound = SourceFileLoader.get_code

    def get_code(loader: Any, name: str) -> Any:
        if os.path.realpath(loader.path) == os.path.realpath(mutant.file):
            return compile(mutant.tree, loader.path, "exec", dont_inherit=True)
        return sound(loader, name)

    SourceFileLoader.get_code = get_code  # type: ignore[assignment,method-assign]
    return evaluated


@cache
def _parsed(file: str) -> ast.Module:
    return ast.parse(Path(file).read_text(encoding="utf-8"))


def _sites(tree: ast.Module, function: str) -> list[ast.expr]:
    """Return the numbers, arithmetic, signs and comparisons in the body of a function.

    Annotations are left out, and refusals of bad input: calls of `require`, and what ends in
    `raise`.
    """
    nodes: list[ast.expr] = []

    def visit(node: ast.AST) -> None:
        ends_in_raise = isinstance(node, ast.If) and any(
            isinstance(child, ast.Raise) for child in ast.walk(node)
        )
        calls_require = (
            isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "require"
        )
        if isinstance(node, ast.Raise | ast.JoinedStr) or ends_in_raise or calls_require:
            return
        if isinstance(node, ast.expr) and _variants(node):
            nodes.append(node)
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns", "args", "decorator_list") and not isinstance(
                node, ast.Call
            ):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    visit(child)

    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef) and statement.name == function:
            for part in statement.body:
                visit(part)
    return nodes


def _variants(node: ast.expr) -> list[ast.expr]:
    """Return the possible changes of an expression; nothing for one that is not changed."""
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return [ast.BinOp(node.left, _OPERATORS[type(node.op)](), node.right)]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return [node.operand]
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARISONS:
        first = _COMPARISONS[type(node.ops[0])]()
        return [ast.Compare(node.left, [first, *node.ops[1:]], node.comparators)]
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return [ast.Constant(node.value - 1), ast.Constant(node.value + 1)]
    if isinstance(node, ast.Constant) and type(node.value) is float:
        return [ast.Constant(node.value * factor or 0.1) for factor in (0.9, 1.1)]
    return []


class _Replaced(ast.NodeTransformer):
    def __init__(self, old: ast.expr, new: ast.expr):
        self.old = old
        self.new = new

    def visit(self, node: ast.AST) -> ast.AST:
        """Put the new expression in the place of the old one."""
        if node is self.old:
            return self.new
        changed: ast.AST = self.generic_visit(node)
        return changed
