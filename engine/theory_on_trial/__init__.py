"""Theory on trial: claims, the decision procedures that judge them, and the ledger of verdicts, for
any repository.

`claim` registers a check or finds a registered claim, `claims` lists them; `paper`, `recalled`,
`known`, `tried`, `code` and `derived` say whose statement it is, `published` what a claim refutes
of a publication; `predicted` and `observed` mark the two sides of a claim
whose paper stands on one page; `Trial` is what a check receives, whose methods are the decisions.
The laws of the data (`Bernoulli`, `Bounded`, `Normal`, …) are in `theory_on_trial.laws`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from theory_on_trial.trial.decisions import Trial
    from theory_on_trial.trial.provenance import (
        Published,
        Source,
        code,
        derived,
        known,
        paper,
        published,
        recalled,
        tried,
    )
    from theory_on_trial.trial.registry import Claim, claim, claims
    from theory_on_trial.trial.sides import observed, predicted

__all__ = [
    "Claim",
    "Published",
    "Source",
    "Trial",
    "claim",
    "claims",
    "code",
    "derived",
    "known",
    "observed",
    "paper",
    "predicted",
    "published",
    "recalled",
    "tried",
]


def __getattr__(name: str) -> Any:
    # The pytest plugin lives in this package and is loaded in every test run: importing it must
    # stay free.
    if name == "ours":
        import warnings

        warnings.warn(
            "ours is now derived; the old name goes with the next release",
            DeprecationWarning,
            stacklevel=2,
        )
        name = "derived"
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "Trial":
        from theory_on_trial.trial.decisions import Trial

        return Trial
    from theory_on_trial.trial import provenance, registry, sides

    return next(
        getattr(home, name) for home in (provenance, sides, registry) if hasattr(home, name)
    )
