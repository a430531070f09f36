"""Calls a check, which is written for one case, for each of its cases, within its domain."""

import dis
import functools
import inspect
import itertools
import re
import types
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from theory_on_trial.contract.sentences import Refusal
from theory_on_trial.trial import sides
from theory_on_trial.trial.domain import OutsideDomain, admitted


class _ByCase:
    """The default of a setting that the cases give."""

    def __repr__(self) -> str:
        return "by case"


BY_CASE = _ByCase()


def over_cases(function: Callable[..., None], cases: Iterable[Any] | None) -> Callable[..., None]:
    """Return a check that calls `function` for every case, with what is given in place of the
    case's own values.

    Each case has random streams of its own. Settings are held to their annotations before anything
    runs (`domain.OutsideDomain`). What one case raises does not hide the others: they run, and it
    is raised then. Raises `ValueError` for cases that are none, do not fit the settings or are
    equal, and for a setting that the function does not use.
    """
    parameters = list(inspect.signature(function).parameters.values())
    names = [parameter.name for parameter in parameters[1:]]
    if not isinstance(cases, Iterable | None):
        raise ValueError(
            f"the cases of {function.__name__} must be a list of settings, got {cases!r}"
        )
    bound = None if cases is None else [_bound(function.__name__, names, case) for case in cases]
    if bound is not None and (not bound or any(case.keys() != bound[0].keys() for case in bound)):
        raise ValueError(
            f"the cases of {function.__name__} must be at least one, and give the same settings "
            "each"
        )
    _refuse_equal(function.__name__, bound or [])
    case_names = bound[0].keys() if bound else ()
    defaults = {
        p.name: p.default
        for p in parameters[1:]
        if p.default is not p.empty and p.name not in case_names
    }

    _refuse_unused(function, {*case_names, *defaults, *_with_domain(function)})

    @functools.wraps(function)
    def check(trial: Any, **given: Any) -> None:
        settings = [defaults | case | given for case in bound or [{}]]
        # Which makes two one
        distinct = list({repr(case): case for case in settings}.values()) if given else settings
        labels = [
            ", ".join(f"{name}={stated(case[name])}" for name in case_names) for case in distinct
        ]
        # Functions of one name are distinguished by their place.
        labels = [
            label if label not in labels[:place] else f"{label} ({place + 1})"
            for place, label in enumerate(labels)
        ]
        errors: list[Exception] = []
        admissible: list[tuple[str, dict[str, Any]]] = []
        for label, case in zip(labels, distinct, strict=True):
            try:
                admissible.append((label, _in_case(label, admitted, function, case)))
            except OutsideDomain as error:
                if given:  # nothing runs at settings of which the claim says nothing
                    raise
                errors.append(error)
        for label, case in admissible:
            trial.settings.append(case)
            sides.begin_case(case)
            before = len(trial.findings)
            with trial.case(label):
                try:
                    trial.until_it_may_be_asked(
                        functools.partial(_in_case, label, function, trial, **case)
                    )
                except Refusal as error:
                    # The claim's own settings hold, or it is wrong.
                    errors.append(OutsideDomain(str(error)) if given else error)
                    errors[-1].__cause__ = error if given else error.__cause__
                except Exception as error:
                    errors.append(error)
                else:
                    if len(trial.findings) == before and len(admissible) > 1:
                        errors.append(ValueError(f"{label}: the check makes no decision"))
        if errors:
            # What goes wrong says more than that a case is outside of what the claim speaks of.
            raise next((e for e in errors if not isinstance(e, OutsideDomain)), errors[0])

    slots = [
        p if p.name not in case_names else p.replace(default=BY_CASE, kind=p.KEYWORD_ONLY)
        for p in parameters
    ]
    signature = inspect.Signature(sorted(slots, key=lambda p: p.kind))
    check.__signature__ = signature  # type: ignore[attr-defined]
    check.first_case = bound[0] if bound else {}  # type: ignore[attr-defined]
    check.cases = bound or []  # type: ignore[attr-defined]
    return check


def _in_case(label: str, function: Callable[..., Any], /, *given: Any, **named: Any) -> Any:
    """Call a function; a refusal says in which case of the claim."""
    try:
        return function(*given, **named)
    except ValueError as error:
        if label and len(error.args) == 1 and not str(error).startswith(label):
            error.args = (f"{label}: {error}",)
        raise


def _refuse_equal(function: str, cases: list[dict[str, Any]]) -> None:
    """Raise `ValueError` for two cases with the same values: one decides what the other does."""
    values = [{name: _plain(value) for name, value in case.items()} for case in cases]
    for (place, one), (other_place, other) in itertools.combinations(enumerate(values, 1), 2):
        try:
            are_equal = bool(one == other)
        except (TypeError, ValueError):  # arrays in some object
            are_equal = False
        if are_equal:
            raise ValueError(
                f"the cases {place} and {other_place} of {function} are equal: leave one out"
            )


def _refuse_unused(function: Callable[..., Any], settings: set[str]) -> None:
    """Raise `ValueError` for a setting that nothing in the function reads: whatever its cases or
    its domain say, the claim is about one number.
    """
    code = inspect.unwrap(function).__code__
    asked = settings - set(code.co_cellvars)  # those are read by a function within it
    used = _names_read(code) if asked else set()
    for name in inspect.signature(function).parameters:
        if name in asked and name not in used:
            raise ValueError(
                f"{function.__name__} does not use its setting {name!r}: use it, or leave it out"
            )


def _names_read(code: types.CodeType) -> set[str]:
    """The local names that a function reads itself."""
    names: set[str] = set()
    for step in dis.get_instructions(code):
        if "LOAD_FAST" in step.opname:
            names |= set(step.argval if isinstance(step.argval, tuple) else [step.argval])
    return names


def _with_domain(function: Callable[..., Any]) -> list[str]:
    """The settings whose annotation names a domain; other annotations may be those of fixtures."""
    annotations = inspect.get_annotations(inspect.unwrap(function))
    return [name for name, hint in annotations.items() if hasattr(hint, "__metadata__")]


def stated(value: Any) -> str:
    """Return a setting in words that are the same in every run: functions by their names, without
    the place in memory.
    """
    if inspect.isfunction(value):
        return f"{value.__module__}.{value.__qualname__}"
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(_plain(value)))


def _plain(value: Any) -> Any:
    """Return a number of NumPy, also within a tuple, as Python's, which prints as it is written; an
    array as nested tuples.
    """
    if isinstance(value, np.ndarray):
        return nested(value.tolist())
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return value.item() if isinstance(value, np.generic) else value


def nested(value: Any) -> Any:
    """Return nested lists as nested tuples: a setting that is an array, as it is printed."""
    return tuple(map(nested, value)) if isinstance(value, list) else value


def _bound(function: str, names: list[str], case: Any) -> dict[str, Any]:
    values = case if isinstance(case, dict | tuple) else (case,)
    if not isinstance(values, dict):
        if len(values) > len(names):
            raise ValueError(
                f"a case of {function} gives {len(values)} values, its settings are "
                f"{', '.join(names) or 'none'}"
            )
        values = dict(zip(names, values, strict=False))
    if unknown := [name for name in values if name not in names]:
        raise ValueError(
            f"{function} has no setting {unknown[0]!r}; its settings are "
            f"{', '.join(names) or 'none'}"
        )
    return values
