"""Which functions of the papers have their shapes and types checked as the tests run, and how often.

jaxtyping decorates every function as it is imported, one inside another anew at each call of that one, and checks every
call: a tenth of what all tests took. Here a function is checked if it is annotated, inside another if its annotations
say more than a plain type, which mypy reads too; and in each test it is checked the first `MOST` times it is called.
"""

import ast
from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any

import jaxtyping
import jaxtyping._import_hook as hook

from theory_on_trial.testing.suite import typechecker

MOST = 10

# A part of the names of the files in which jaxtyping keeps the decorated code: another rule needs another name.
CHECKER = "shapes.checks_classes"
checks_classes = typechecker
PLAIN = {"Any", "Array", "bool", "complex", "float", "int", "list", "ndarray", "np", "str", "tuple"}

CALLS: Counter[int] = Counter()
"""How often each function has been checked in this test, by the place of its code in memory."""


def first_calls(function: Callable[..., Any]) -> Callable[..., Any]:
    """Check a function's first calls in each test, decorated when the first one comes."""
    key, checked = id(function.__code__), None

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal checked
        __tracebackhide__ = True
        if CALLS[key] >= MOST:
            return function(*args, **kwargs)
        CALLS[key] += 1
        checked = checked or jaxtyping.jaxtyped(function, typechecker=typechecker)
        return checked(*args, **kwargs)

    return call


class Decorator(hook.JaxtypingTransformer):
    """Decorates with `first_calls` where it says something; with other checkers than `CHECKER` as jaxtyping does."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        if self._typechecker.get_hash() != hook.Typechecker(CHECKER).get_hash():
            return super().visit_FunctionDef(node)
        given = [part.annotation for part in ast.walk(node.args) if isinstance(part, ast.arg)]
        annotations = [one for one in (*given, node.returns) if one is not None]
        names = {part.id for one in annotations for part in ast.walk(one) if isinstance(part, ast.Name)}
        inside = any(isinstance(parent, ast.FunctionDef) for parent in self._parents)
        if names - PLAIN if inside else annotations:
            innermost = ast.parse("__import__('shapes').first_calls", mode="eval").body
            node.decorator_list.append(ast.copy_location(innermost, node))
        self._parents.append(node)
        self.generic_visit(node)
        self._parents.pop()
        return node


def check_shapes(packages: list[str]) -> None:
    """Check what is imported from these packages from now on."""
    hook.JaxtypingTransformer = Decorator
    hook.install_import_hook(packages, CHECKER)
