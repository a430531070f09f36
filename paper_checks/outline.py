"""What the check files say, read without running them: papers, their titles, the ids of their claims and the settings.

Importing the checks of a paper loads JAX; a completed word on the command line or a heading need not wait for that.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

_CHECKS = Path(__file__).parent


def papers() -> list[str]:
    """Return the names of the papers that have checks in this workbench, in alphabetical order."""
    return sorted(path.stem.removeprefix("test_") for path in _CHECKS.glob("test_*"))


def title(paper: str) -> str:
    """Return the first paragraph of the docstring of a paper's checks; "" for a paper without checks or docstring."""
    for path in (_CHECKS / f"test_{paper}" / "__init__.py", _CHECKS / f"test_{paper}.py"):
        if path.exists():
            docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            return " ".join(docstring.split("\n\n")[0].split())
    return ""


def settings(paper: str) -> dict[str, list[str]]:
    """Return the ids of a paper's claims, printed forms included, each with the names of its settings."""
    found = {}
    for function in _functions(paper):
        decorated = [d for d in function.decorator_list if isinstance(d, ast.Call) and ast.unparse(d.func) == "claim"]
        if decorated:
            name = f"{paper}.{function.name.removeprefix('test_').replace('__', '-')}"
            found[name] = [argument.arg for argument in function.args.args[1:]]
            if any(keyword.arg == "as_printed" for keyword in decorated[0].keywords):
                found[f"{name}-as-printed"] = found[name]
    return found


def _functions(paper: str) -> Iterator[ast.FunctionDef]:
    for path in [_CHECKS / f"test_{paper}.py", *sorted((_CHECKS / f"test_{paper}").glob("test_*.py"))]:
        if path.exists():
            body = ast.parse(path.read_text(encoding="utf-8")).body
            yield from (node for node in body if isinstance(node, ast.FunctionDef))
