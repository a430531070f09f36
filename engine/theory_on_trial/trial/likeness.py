"""Do the two sides of a page repeat each other? The page's code tells. They do if both return what
the same call of a third function gives (`one_route`), and if their code is the same once every name
in it is replaced by its number in order of appearance. They also do if an expression or statement
with `SHARED` nodes or more stands on both sides, because both would share its mistakes
(`repeated`); it belongs into a function without a mark, the setting.
"""

import ast
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theory_on_trial.repository.reach import syntax_tree

if TYPE_CHECKING:
    from theory_on_trial.trial.sides import Side

SHARED = 15
"""The two sides may not share an expression with so many nodes of the syntax tree, or more."""
_UNSEEN = ("ctx", "annotation", "returns", "type_comment", "kind", "decorator_list", "type_params")
_NO_NODES = (ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop, ast.arguments)
_CONVERSIONS = {"abs", "array", "asarray", "float", "int", "list", "tuple"}


def one_route(file: Path, sides: Mapping[str, "Side"]) -> list[str]:
    """Return a sentence for each observed function that does what a predicted one does: hand on
    what the same call of a third one gives.
    """
    functions = _functions(file)
    routes = {name: _route(name, functions) for name in sides}
    return [
        f"{name} (observed) and {other} (predicted) both return {routes[name][0]}: one route is "
        "compared with itself"
        for name, side in sides.items()
        for other, another in sides.items()
        if (side, another) == ("observed", "predicted")
        and routes[name] == routes[other] != ("", "")
    ]


def _route(name: str, functions: dict[str, ast.FunctionDef]) -> tuple[str, str]:
    """Return what a function hands on, in words, and with the arguments by their places; empty for
    one that computes.
    """
    function = functions[name]
    places = {argument.arg: f"_{place}" for place, argument in enumerate(function.args.args)}
    values: dict[str, ast.expr] = {}
    result: ast.expr | None = None
    for statement in function.body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        if isinstance(statement, ast.Return):
            result = statement.value
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            values[statement.targets[0].id] = statement.value
        else:
            return "", ""
    while result is not None:
        if isinstance(result, ast.Name) and result.id in values:
            result = values.pop(result.id)
        elif isinstance(result, ast.Subscript | ast.Attribute):
            result = result.value
        elif isinstance(result, ast.UnaryOp):
            result = result.operand
        elif isinstance(result, ast.BinOp) and isinstance(result.right, ast.Constant):
            result = result.left
        elif isinstance(result, ast.BinOp) and isinstance(result.left, ast.Constant):
            result = result.right
        elif isinstance(result, ast.Call) and result.args and _called(result) in _CONVERSIONS:
            result = result.args[0]
        else:
            break
    if isinstance(result, ast.Name) and result.id in places:
        return "what they are given", places[result.id]
    if not isinstance(result, ast.Call) or not re.fullmatch(r"[\w.]+", ast.unparse(result.func)):
        return "", ""
    called = _called(result)
    arguments = [*result.args, *(keyword.value for keyword in result.keywords)]
    for node in (inner for argument in arguments for inner in ast.walk(argument)):
        if isinstance(node, ast.Name):
            node.id = places.get(node.id, node.id)
    if called in functions and called != name:
        deeper = _route(called, functions)
        if deeper[0].split()[-2:-1] and deeper[0].split()[1] in functions:
            return deeper
    return f"what {called} gives", ", ".join([ast.unparse(result.func), *map(ast.dump, arguments)])


def _called(call: ast.Call) -> str:
    return ast.unparse(call.func).split(".")[-1]


def repeated(file: Path, sides: Mapping[str, "Side"]) -> list[str]:
    """Return a sentence for each function of one side that is one of the other, and for each long
    expression on both sides.
    """
    functions = {name: node for name, node in _functions(file).items() if name in sides}
    wholes: dict[Side, dict[Any, str]] = {"predicted": {}, "observed": {}}
    parts: dict[Side, dict[Any, tuple[str, ast.AST]]] = {"predicted": {}, "observed": {}}
    for name, function in functions.items():
        statements = function.body[ast.get_docstring(function) is not None :]
        whole = ast.Tuple([function.args, *statements])  # type: ignore[list-item]
        wholes[sides[name]][_numbered(whole)] = name
        for node in (node for statement in statements for node in ast.walk(statement)):
            if isinstance(node, ast.expr | ast.stmt) and _size(node) >= SHARED:
                parts[sides[name]].setdefault(_numbered(node), (name, node))
    alike = [
        (wholes["predicted"][key], other)
        for key, other in wholes["observed"].items()
        if key in wholes["predicted"]
    ]
    sentences = [
        f"{name} (predicted) and {other} (observed) are one code with other names"
        for name, other in alike
    ]
    seen: set[tuple[str, str]] = set(alike)
    for key, (other, node) in parts["observed"].items():
        name = parts["predicted"][key][0] if key in parts["predicted"] else ""
        if name and (name, other) not in seen:  # of nested expressions the largest comes first
            seen.add((name, other))
            sentences.append(
                f"{name} (predicted) and {other} (observed) both hold `{ast.unparse(node)}`: "
                "compute one of them another way, or give what both are about to a function "
                "without a mark"
            )
    return sentences


def _functions(file: Path) -> dict[str, ast.FunctionDef]:
    body = syntax_tree(file.read_text(encoding="utf-8")).body
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)}


def _numbered(tree: ast.AST) -> Any:
    """The structure of a tree, with the number of each name in order of appearance."""
    numbers: dict[str, int] = {}

    def structure(node: Any) -> Any:
        if isinstance(node, list):
            return tuple(map(structure, node))
        if isinstance(node, ast.Name | ast.arg):
            name = node.id if isinstance(node, ast.Name) else node.arg
            return numbers.setdefault(name, len(numbers))
        if isinstance(node, ast.Constant):
            return type(node.value).__name__, node.value
        if not isinstance(node, ast.AST):
            return node
        fields = [value for name, value in ast.iter_fields(node) if name not in _UNSEEN]
        return type(node).__name__, *map(structure, fields)

    return structure(tree)


def _size(tree: ast.AST) -> int:
    return sum(not isinstance(node, _NO_NODES) for node in ast.walk(tree))
