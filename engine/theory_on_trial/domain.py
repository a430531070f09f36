"""The domain of a claim: the settings that its annotations admit and its `trial.require` allows."""

from collections.abc import Callable, Mapping
from typing import Any

from theory_on_trial.contract import contract_of


class OutsideDomain(ValueError):
    """A setting for which the claim says nothing: one sentence, and no verdict."""


def admitted(function: Callable[..., Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as their annotations convert them; raise `OutsideDomain`, in a sentence, for one they refuse."""
    described = contract_of(function)
    try:
        return {name: described[name].accept(name, value) for name, value in settings.items()}
    except (TypeError, ValueError) as error:
        raise OutsideDomain(str(error)) from None
