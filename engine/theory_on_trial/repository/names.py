"""A syntax tree in which local variables go by numbers: what a variable is called computes
nothing.
"""

import ast
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_ASK_FOR_NAMES = {"locals", "vars", "dir", "eval", "exec"}


class Numbered(ast.NodeTransformer):
    """Calls the variables of each function and comprehension by their order, in place.

    Two trees become the same only where one is the other with variables renamed. What can be seen
    from elsewhere keeps its name: all of a module or a class, arguments, functions, imports; so do
    what `match` or `except` binds, what an inner function or class sets, too, and every variable
    where names can be asked for at run time.
    """

    def __init__(self) -> None:
        self._scopes: list[dict[str, str]] = []
        self._numbers = itertools.count()

    def visit_Name(self, node: ast.Name) -> ast.Name:
        """Look a name up, in the innermost scope first."""
        node.id = next(
            (names[node.id] for names in reversed(self._scopes) if node.id in names), node.id
        )
        return node

    def visit(self, node: ast.AST) -> Any:
        """Look up in its own scope what stands in a function or comprehension, and the rest of it
        outside.
        """
        if isinstance(node, _COMPREHENSIONS):
            first = node.generators[0]
            outside, first.iter = self.visit(first.iter), ast.Constant(None)  # not looked up twice
            self._in_scope(
                node, [part.target for part in node.generators], list(ast.iter_child_nodes(node))
            )
            first.iter = outside
        elif isinstance(node, _FUNCTIONS):
            body: list[ast.AST] = [*node.body] if isinstance(node.body, list) else [node.body]
            for part in ast.iter_child_nodes(node):
                if part not in body:
                    self.visit(part)
            self._in_scope(node, body, body)
        else:
            super().visit(node)
        return node

    def _in_scope(self, node: ast.AST, binding: Sequence[ast.AST], inside: list[ast.AST]) -> None:
        self._scopes.append(_scope(node, binding, next(self._numbers)))
        for part in inside:
            self.visit(part)
        self._scopes.pop()


def _scope(node: ast.AST, binding: Sequence[ast.AST], number: int) -> dict[str, str]:
    """What the names go by that a function or comprehension binds, in these parts of it."""
    bound = [pair for part in binding for pair in _bound(part, True)]
    plain_names = {name for name, is_variable in bound if not is_variable}
    everything = list(ast.walk(node))
    for part in everything:
        if isinstance(part, ast.Global | ast.Nonlocal):
            plain_names.update(part.names)
        elif isinstance(part, ast.ClassDef):
            plain_names.update(name for inner in part.body for name, _ in _bound(inner, True))
        elif (
            isinstance(part, ast.arg)
            and isinstance(node, _FUNCTIONS)
            and part in ast.walk(node.args)
        ):
            plain_names.add(part.arg)
    if any(isinstance(part, ast.Name) and part.id in _ASK_FOR_NAMES for part in everything):
        plain_names.update(name for name, _ in bound)
    variables = [
        name for name in dict.fromkeys(name for name, _ in bound) if name not in plain_names
    ]
    return {name: name for name in plain_names} | {
        name: f"{number}.{order}" for order, name in enumerate(variables)
    }


def _bound(node: ast.AST, own: bool) -> Iterator[tuple[str, bool]]:
    """Yield the names that are bound here, and whether each is a variable that may be renamed.

    `own` says that what is stored here belongs to the scope, not to a comprehension in it.
    """
    if isinstance(node, ast.Name):
        if own and not isinstance(node.ctx, ast.Load):
            yield node.id, True
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name, False
    elif not isinstance(node, ast.Lambda):
        if isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0], False
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name, False
        elif isinstance(node, ast.MatchMapping) and node.rest:
            yield node.rest, False
        for part in ast.iter_child_nodes(node):
            walrus = isinstance(node, ast.NamedExpr) and part is node.target
            yield from _bound(part, walrus or (own and not isinstance(node, _COMPREHENSIONS)))
