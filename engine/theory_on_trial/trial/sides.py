"""The two sides of a claim on one page: what a theory predicts, and what happens. Neither may reach
the other.

A check is worth something because two independent routes meet in it. Where both stand in one
module, marks keep them apart: a function under `@predicted` and one under `@observed` share nothing
but unmarked functions (the setting, such as the matrix that both are about). `crossings` reads it
off the code before anything runs, through helpers and imports; what is called through a variable is
seen when it is called.
"""

import ast
import functools
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Literal, ParamSpec, TypeVar, get_args

from theory_on_trial import repository
from theory_on_trial.repository.reach import reached

Side = Literal["predicted", "observed"]
SIDES: tuple[Side, ...] = get_args(Side)
Given = ParamSpec("Given")
Returned = TypeVar("Returned")

_ROOMS: dict[Side, str] = {"predicted": "sims.", "observed": "theory."}
"""The package of full papers that holds the other side, where a repository has one."""
_RUNNING: ContextVar[tuple[Side, str] | None] = ContextVar("running side", default=None)


class Crossing(ValueError):
    """A function of one side calls one of the other: the two would agree whatever is true."""


def predicted(function: Callable[Given, Returned]) -> Callable[Given, Returned]:
    """Mark a function as what the theory predicts: a closed form, a bound, a certificate."""
    return _marked("predicted", function)


def observed(function: Callable[Given, Returned]) -> Callable[Given, Returned]:
    """Mark a function as what happens: a simulation, an enumeration, autodiff, a quadrature, an
    exact solver.
    """
    return _marked("observed", function)


def _marked(side: Side, function: Callable[Given, Returned]) -> Callable[Given, Returned]:
    name = getattr(function, "__name__", repr(function))

    @functools.wraps(function)
    def called(*given: Given.args, **named: Given.kwargs) -> Returned:
        caller = _RUNNING.get()
        if caller is not None and caller[0] != side:
            raise Crossing(_sentence(caller[1], caller[0], name))
        token = _RUNNING.set((side, name))
        try:
            return function(*given, **named)
        finally:
            _RUNNING.reset(token)

    return called


def marked(file: Path) -> dict[str, Side]:
    """Return the functions that a file marks, each with its side, read without running the file."""
    text = file.read_text(encoding="utf-8", errors="replace")
    if "@predicted" not in text and "@observed" not in text:
        return {}
    functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    marks = {
        function.name: [ast.unparse(d).split(".")[-1] for d in function.decorator_list]
        for function in functions
    }
    return {name: side for name, beside in marks.items() for side in _ROOMS if side in beside}


def crossings(file: Path) -> list[str]:
    """Return a sentence for each function that reaches the other side, and each claim without one;
    [] without marks.
    """
    sides = marked(file)
    if not sides:
        return []
    root = repository.root(file.absolute().parent)
    module = ".".join(file.absolute().relative_to(root).with_suffix("").parts)
    sentences = []
    for name, side in sides.items():
        names = reached(f"{module}.{name}", root=root)
        sentences += [
            _sentence(name, side, other)
            for other, another in sides.items()
            if side != another and f"{module}.{other}" in names
        ]
        sentences += [
            _sentence(name, side, other)
            for other in sorted(names)
            if other.startswith(_ROOMS[side])
        ]
    for claim in _claims(file):
        met = {
            sides[own]
            for own in sides
            if f"{module}.{own}" in reached(f"{module}.{claim}", root=root)
        }
        lacking = [side for side in _ROOMS if side not in met]
        sentences += [f"{claim} reaches no function under @{side}" for side in lacking]
    return sentences


def _claims(file: Path) -> list[str]:
    """The functions of a file under `@claim(...)`."""
    functions = [
        node
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    ]
    calls = {
        function.name: [d for d in function.decorator_list if isinstance(d, ast.Call)]
        for function in functions
    }
    return [
        name
        for name, beside in calls.items()
        if any(ast.unparse(d.func).split(".")[-1] == "claim" for d in beside)
    ]


def _sentence(name: str, side: Side, other: str) -> str:
    another = "observed" if side == "predicted" else "predicted"
    return (
        f"{name} ({side}) reaches {other} ({another}): two sides that share code agree "
        "whatever is true"
    )
