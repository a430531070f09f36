"""The two sides of a claim on one page: what a theory predicts, and what is observed. Neither may
call the other.

A check is worth something because two independent routes meet in it. Where both stand in one
module, marks keep them apart: a function under `@predicted` and one under `@observed` share nothing
but unmarked functions (the setting, such as the matrix that both are about). `crossings` reads it
off the code before anything runs, through helpers and imports; what is called through a variable is
seen when it is called. A claim that is proved (`trial.prove`) needs one side only: its formula is
held to the page's function by `same_as=`, and what it meets is the enclosure.
"""

import ast
import functools
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar, get_args, overload

from theory_on_trial import repository
from theory_on_trial.repository.reach import reached, syntax_tree
from theory_on_trial.trial.likeness import one_route
from theory_on_trial.trial.origins import Origins, Thing, kept_by, same, things_in

Side = Literal["predicted", "observed"]
SIDES: tuple[Side, ...] = get_args(Side)
Given = ParamSpec("Given")
Returned = TypeVar("Returned")

_ROOMS: dict[Side, str] = {"predicted": "sims.", "observed": "theory."}
"""The package of full papers that holds the other side, where a repository has one."""
_RUNNING: ContextVar[tuple[Side, str] | None] = ContextVar("running side", default=None)
_PROOFS = ("prove", "prove_identity", "worst_case")
"""The decisions that are proofs."""


class Crossing(ValueError):
    """A function of one side calls a function of the other, so the two would agree in any case."""


@overload
def predicted(function: Callable[Given, Returned]) -> Callable[Given, Returned]: ...


@overload
def predicted(
    *, about: str
) -> Callable[[Callable[Given, Returned]], Callable[Given, Returned]]: ...


def predicted(function: Any = None, *, about: str = "") -> Any:
    """Mark a function as what the theory predicts: a closed form, a bound, a certificate.

    A theorem may be about something that was observed, as "the minimiser is this combination of
    the rows": `@predicted(about="minimiser")` names the observed functions, separated by commas,
    whose numbers such a prediction is given. The row says so. Any other number that came out of an
    observed function raises `Crossing`.
    """
    names = frozenset(filter(None, (name.strip() for name in about.split(","))))
    if function is None:
        return lambda function: _marked("predicted", function, names)
    return _marked("predicted", function)


def observed(function: Callable[Given, Returned]) -> Callable[Given, Returned]:
    """Mark a function as what happens: a simulation, an enumeration, autodiff, a quadrature, an
    exact solver.
    """
    return _marked("observed", function)


def _marked(
    side: Side, function: Callable[Given, Returned], about: frozenset[str] = frozenset()
) -> Callable[Given, Returned]:
    name = getattr(function, "__name__", repr(function))
    kept: list[tuple[dict[str, Any], str]] = []

    @functools.wraps(function)
    def called(*given: Given.args, **named: Given.kwargs) -> Returned:
        caller = _RUNNING.get()
        if caller is not None:  # what is asked of a side is asked where it begins
            if caller[0] != side:
                raise Crossing(_sentence(caller[1], caller[0], name))
            return function(*given, **named)
        handed = things_in((given, named))
        if side == "predicted":
            kept[:] = kept or kept_by(function)
            _refuse_observed(name, handed, kept, about)
        for origins in _CAME_OUT.values():
            origins.given(handed)
        token = _RUNNING.set((side, name))
        try:
            result = function(*given, **named)
        finally:
            _RUNNING.reset(token)
        _refuse_handed_on(name, side, handed, result)
        _CAME_OUT[side].add(things_in(result), handed, name)
        return result

    return called


_CAME_OUT: dict[Side, Origins] = {side: Origins() for side in SIDES}
"""The numbers that either side returned since the present trial began."""
_TOLD: dict[str, None] = {}


def begin() -> None:
    """Forget the numbers of the trial before."""
    _TOLD.clear()
    for origins in _CAME_OUT.values():
        origins.forget()


def begin_case(settings: Mapping[str, Any]) -> None:
    """Count the numbers that a case sets as inputs, whatever functions return."""
    things = things_in(settings)
    for origins in _CAME_OUT.values():
        origins.begin_case(things)


def told() -> str:
    """Say of the present trial which predictions are about what was observed, "" if none is."""
    return "; ".join(_TOLD)


def _refuse_observed(
    name: str, given: list[Thing], kept: list[tuple[dict[str, Any], str]], about: frozenset[str]
) -> None:
    """Raise `Crossing` for a prediction that is given, or may look up, what was observed; tell of
    one that says so.
    """
    origins = _CAME_OUT["observed"]
    for other in origins.of(given):
        if other not in about:
            raise Crossing(
                f"{name} (predicted) is given a number that came out of {other} (observed), with "
                "which it may agree whatever is true; if the theorem is about that number, say "
                f'@predicted(about="{other}")'
            )
        _TOLD[f"{name} is about what {other} gave"] = None
    for place, variable in kept:
        for other in origins.of(things_in(place.get(variable))):
            raise Crossing(
                f"{name} (predicted) may read {variable}, which holds a number that came out of "
                f"{other} (observed)"
            )


def _refuse_handed_on(name: str, side: Side, given: list[Thing], result: Any) -> None:
    """Raise `Crossing` for a result that is the other side's."""
    other_side: Side = "observed" if side == "predicted" else "predicted"
    origins = _CAME_OUT[other_side]
    others = {origins.of_array(result)}
    if side == "observed":
        others |= set(origins.of([thing for thing in given if same(result, thing.itself)]))
    for other in filter(None, others):
        raise Crossing(
            f"{name} ({side}) returns what came out of {other} ({other_side}): one number on both "
            "sides"
        )


def marked(file: Path) -> dict[str, Side]:
    """Return the functions that a file marks, each with its side, read without running the file."""
    text = file.read_text(encoding="utf-8", errors="replace")
    if "@predicted" not in text and "@observed" not in text:
        return {}
    functions = [node for node in syntax_tree(text).body if isinstance(node, ast.FunctionDef)]
    marks = {
        function.name: [
            ast.unparse(d.func if isinstance(d, ast.Call) else d).split(".")[-1]
            for d in function.decorator_list
        ]
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
    sentences += one_route(file, sides)
    proofs = _proofs(file)
    for claim in _claims(file):
        met = {
            sides[own]
            for own in sides
            if f"{module}.{own}" in reached(f"{module}.{claim}", root=root)
        }
        lacking = [side for side in _ROOMS if side not in met]
        if met and claim in proofs:
            continue
        sentences += [f"{claim} reaches no function under @{side}" for side in lacking]
    return sentences


def _claims(file: Path) -> list[str]:
    """The functions of a file under `@claim(...)`."""
    functions = [
        node
        for node in syntax_tree(file.read_text(encoding="utf-8")).body
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


def _proofs(file: Path) -> set[str]:
    """The functions of a file that decide by a proof."""
    text = file.read_text(encoding="utf-8")
    if not any(f".{decision}" in text for decision in _PROOFS):
        return set()
    return {
        function.name
        for function in syntax_tree(text).body
        if isinstance(function, ast.FunctionDef)
        and any(
            isinstance(node, ast.Attribute) and node.attr in _PROOFS for node in ast.walk(function)
        )
    }


def _sentence(name: str, side: Side, other: str) -> str:
    another = "observed" if side == "predicted" else "predicted"
    return (
        f"{name} ({side}) reaches {other} ({another}): two sides that share code agree "
        "whatever is true"
    )
