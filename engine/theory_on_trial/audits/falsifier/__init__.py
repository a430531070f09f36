"""The falsifier's inequalities: what the admissible instances of a bound are, and its two sides at each of them.

A function that takes a `Draw`, chooses an instance with it and returns both `Sides` is one inequality lhs <= rhs; the
decorator `inequality` registers it under the id of the claim that states it. A paper's inequalities lie beside its
claims: in `test_<paper>/searches.py`, or in `searches_<paper>.py` where the claims are one module.
`theory-on-trial audit falsify` runs the searches.
"""

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

__all__ = ["INEQUALITIES", "NOT_SEARCHED", "Draw", "Found", "Inequality", "Sides", "inequality", "search"]
