"""Which functions of the papers have their shapes and types checked as the tests run.

jaxtyping decorates every function, one inside another anew at each call of that one: half of what some tests took.
Here a function is decorated if it is annotated, and inside another if its annotations say more than a plain type, which
mypy reads too.
"""

import ast

import jaxtyping._import_hook as hook

from theory_on_trial.testing import typechecker

__all__ = ["check_shapes", "typechecker"]

# A part of the names of the files in which jaxtyping keeps the decorated code: another rule needs another name.
CHECKER = "shapes.typechecker"
PLAIN = {"Any", "Array", "bool", "complex", "float", "int", "list", "ndarray", "np", "str", "tuple"}


class Decorator(hook.JaxtypingTransformer):
    """Decorates with `CHECKER` where it says something; with other checkers as jaxtyping does."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        given = [part.annotation for part in ast.walk(node.args) if isinstance(part, ast.arg)]
        annotations = [one for one in (*given, node.returns) if one is not None]
        names = {part.id for one in annotations for part in ast.walk(one) if isinstance(part, ast.Name)}
        inside = any(isinstance(parent, ast.FunctionDef) for parent in self._parents)
        says_something = names - PLAIN if inside else annotations
        if says_something or self._typechecker.get_hash() != hook.Typechecker(CHECKER).get_hash():
            return super().visit_FunctionDef(node)
        self._parents.append(node)
        self.generic_visit(node)
        self._parents.pop()
        return node


def check_shapes(packages: list[str]) -> None:
    """Check what is imported from these packages from now on."""
    hook.JaxtypingTransformer = Decorator
    hook.install_import_hook(packages, CHECKER)
