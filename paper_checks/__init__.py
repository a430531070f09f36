"""The trial: claims, the decision procedures that judge them, and the ledger of verdicts.

`claim` registers a check or finds a registered claim, `claims` lists them; `Trial` is what a check receives. The laws
of the data (`Bernoulli`, `Bounded`, `Normal`, …) are in `paper_checks.laws`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paper_checks.registry import Claim, claim, claims
    from paper_checks.trial import Trial

__all__ = ["Claim", "Trial", "claim", "claims"]


def __getattr__(name: str) -> Any:
    # The pytest plugin lives in this package and is loaded in every test run: importing it must stay free.
    if name in ("Claim", "claim", "claims"):
        from paper_checks import registry

        return getattr(registry, name)
    if name == "Trial":
        from paper_checks.trial import Trial

        return Trial
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
