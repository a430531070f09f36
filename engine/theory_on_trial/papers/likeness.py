"""Do the two sides of a page repeat each other, and is a domain one? Read off the page's code.

Two functions are alike if their code is the same once every name in it is replaced by its number in
order of appearance. An expression or statement of `SHARED` nodes or more that stands on both sides
is a common mistake of both, unless it is in a function without a mark, the setting.
"""

import ast
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from theory_on_trial.trial.sides import Side, marked

SHARED = 15
"""From how many nodes of a syntax tree on both sides may not have them in common."""
LEAST = 3
"""How many settings the domain of a claim must have at least."""
_UNSEEN = ("ctx", "annotation", "returns", "type_comment", "kind", "decorator_list", "type_params")
_NO_NODES = (ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop, ast.arguments)


def repeated(file: Path) -> list[str]:
    """Return a sentence for each function of one side that is one of the other, and for each long
    expression on both sides.
    """
    sides = marked(file)
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


def narrow(file: Path) -> list[str]:
    """Return a sentence for each claim of fewer than `LEAST` settings, and each reason of a domain
    that is no reason.
    """
    tree = ast.parse(file.read_text(encoding="utf-8"))
    domains = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    sentences = []
    for name, function in _functions(file).items():
        if not name.startswith("test_"):
            continue
        annotations = [each.annotation for each in function.args.args if each.annotation]
        sizes = [
            _values(domains.get(each.id) if isinstance(each, ast.Name) else each)
            for each in annotations
        ]
        if sizes and math.prod(sizes) < LEAST:
            sentences.append(
                f"{name} has {math.prod(sizes):g} settings, fewer than {LEAST}: widen its domain, "
                "or state the theorem at these settings without a domain"
            )
    for node in ast.walk(tree):
        reason = _reason(node)
        if reason is not None and len(reason.removeprefix("because").split()) < 2:
            sentences.append(
                f"why={reason!r} in line {node.lineno} is no reason: "  # type: ignore[attr-defined]
                "say what is so beyond that end"
            )
    return sentences


def unqualified(file: Path) -> list[str]:
    """Return a sentence for each refuted publication whose condition is not told."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    named = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    sentences = []
    for name, function in _functions(file).items():
        for mark in (each for each in function.decorator_list if isinstance(each, ast.Call)):
            for keyword in mark.keywords:
                value = keyword.value
                source = named.get(value.id) if isinstance(value, ast.Name) else value
                if keyword.arg == "as_published" and not (
                    isinstance(source, ast.Call)
                    and any(each.arg == "within" for each in source.keywords)
                ):
                    sentences.append(
                        f"the publication that {name} refutes has no within=: say under which "
                        'condition it is published, or "no condition"'
                    )
    return sentences


def padding(file: Path) -> list[str]:
    """Return a sentence for each comment without a word, and each that stands there three times."""
    comments = [
        line.strip()
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.strip().startswith("#")
    ]
    empty = [line for line in comments if not any(map(str.isalpha, line))]
    often = [line for line in comments if line not in empty and comments.count(line) > 2]
    return [f"the comment {line!r} says nothing" for line in dict.fromkeys(empty)] + [
        f"the comment {line!r} stands there {comments.count(line)} times"
        for line in dict.fromkeys(often)
    ]


def _functions(file: Path) -> dict[str, ast.FunctionDef]:
    body = ast.parse(file.read_text(encoding="utf-8")).body
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


def _calls(tree: ast.AST | None) -> Iterator[ast.Call]:
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "Interval":
            yield node


def _values(annotation: ast.AST | None) -> float:
    """How many numbers an annotation admits, of integers; a list of names holds all there are."""
    if not isinstance(annotation, ast.Subscript):
        return math.inf
    entries = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else []
    if ast.unparse(annotation.value).split(".")[-1] == "Literal":
        numbers = [ast.unparse(entry) for entry in entries or [annotation.slice]]
        return math.inf if any(map(str.isalpha, "".join(numbers))) else len(numbers)
    if not entries or ast.unparse(entries[0]) != "int":
        return math.inf
    for call in _calls(annotation):
        try:
            low, high = (ast.literal_eval(end) for end in call.args[:2])
        except ValueError:
            continue
        return float(high - low + 1)
    return math.inf


def _reason(node: ast.AST) -> str | None:
    """The `why=` of an interval; None of anything else."""
    if not isinstance(node, ast.Call) or not any(call is node for call in _calls(node)):
        return None
    for keyword in node.keywords:
        if keyword.arg == "why" and isinstance(keyword.value, ast.Constant):
            return str(keyword.value.value)
    return None
