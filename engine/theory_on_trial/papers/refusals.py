"""Faults of a page that its code shows: a domain with few settings, an empty reason, a refuted
publication without its condition, comments without a word.
"""

import ast
import math
from collections.abc import Iterator
from pathlib import Path

LEAST = 3
"""How many settings the domain of a claim must have at least."""


def narrow(file: Path) -> list[str]:
    """Return a sentence for each claim with fewer than `LEAST` settings, and for each `why=` that
    gives no reason.
    """
    tree = ast.parse(file.read_text(encoding="utf-8"))
    domains = _constants(tree)
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


def _constants(tree: ast.Module) -> dict[str, ast.expr]:
    """The values that a module gives to names of its own, by name."""
    return {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }


def _functions(file: Path) -> dict[str, ast.FunctionDef]:
    body = ast.parse(file.read_text(encoding="utf-8")).body
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)}


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
