"""The domain of a claim: the settings that its annotations admit and its `trial.require` allows."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from theory_on_trial.contract import contract_of


class OutsideDomain(ValueError):
    """A setting for which the claim says nothing: one sentence, and no verdict."""


def admitted(function: Callable[..., Any], settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings as their annotations convert them; raise `OutsideDomain`, in a sentence, for one they refuse.

    A setting without an annotation has no domain, and stays as it is.
    """
    annotated = inspect.unwrap(function).__annotations__
    described = {name: one for name, one in contract_of(function).items() if name in annotated}
    try:
        return settings | {
            name: _plain(one.accept(name, settings[name])) for name, one in described.items() if name in settings
        }
    except (TypeError, ValueError) as error:
        raise OutsideDomain(str(error)) from None


def _plain(value: Any) -> Any:
    """A number of NumPy as Python's, which every library takes."""
    return value.item() if isinstance(value, np.generic) else value


def unguarded(function: Any) -> list[str]:
    """Return a sentence for each setting of a check that has no domain, or whose domain admits what is no number."""
    annotated, described = inspect.unwrap(function).__annotations__, contract_of(function)
    names = list(described)[1:]
    bare = [name for name in names if annotated.get(name, Any) is Any]
    sentences = [f"{function.__name__}: the setting {name} has no domain: annotate it" for name in bare]
    for name in (one for one in names if one not in bare):
        for hostile in (float("nan"), float("inf"), "text"):
            try:
                described[name].accept(name, hostile)
            except (TypeError, ValueError):
                continue
            sentences.append(f"{function.__name__}: the domain of {name} admits {hostile!r}")
    return sentences
