"""The falsifier's inequalities: for each paper one module that says what a bound's admissible instances are.

A function that takes a `Draw`, chooses an instance with it and returns both `Sides` is one inequality lhs <= rhs; the
decorator `inequality` registers it under the claim that states it. `theory_on_trial.audits.falsify` runs the search.
"""

import importlib
import pkgutil

from theory_on_trial.audits.falsifier.draw import Draw
from theory_on_trial.audits.falsifier.search import (
    INEQUALITIES,
    NOT_SEARCHED,
    Found,
    Inequality,
    Sides,
    inequality,
    search,
)

_MACHINERY = {"draw", "multinomial", "record", "search"}

__all__ = [
    "INEQUALITIES",
    "NOT_SEARCHED",
    "Draw",
    "Found",
    "Inequality",
    "Sides",
    "inequality",
    "load",
    "search",
]


def load() -> None:
    """Load the modules of all papers, which fills `INEQUALITIES` and `NOT_SEARCHED`."""
    for module in pkgutil.iter_modules(__path__):
        if module.name not in _MACHINERY:
            importlib.import_module(f"{__name__}.{module.name}")
