"""Claims: a decorator that registers a check function, and the ways to find and run what is registered.

A claim is an ordinary pytest function whose docstring is the theorem and whose parameters (after `trial`) are the
experiment's settings with their defaults.
"""

import importlib
import pkgutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, get_args, overload

from paper_checks.decision import Outcome
from paper_checks.ledger import Row, rows_of
from paper_checks.trial import Trial

Kind = Literal["identity", "bound", "rate", "limit", "distribution", "optimality", "empirical"]
Tier = Literal["fast", "full", "paper"]
TIERS: tuple[str, ...] = get_args(Tier)

_REGISTERED: dict[str, "Claim"] = {}


@dataclass(frozen=True)
class Claim:
    """One claim of one paper.

    Attributes:
        id: `<paper>.<name>`; on input underscores and hyphens are the same.
        source: the theorem, equation, figure or section where the claim was read.
        statement: one line, from the check's docstring.
        kind: what sort of statement it is.
        tier: "fast", "full" or "paper", by cost.
        as_printed: the statement as the paper prints it, where the claim corrects it; the ledger then has a second row,
            `<id>-as-printed`, that shares the measurement and is expected to be REFUTED.
        function: the check.
        printed_form: whether this object stands for that second row.
    """

    id: str
    source: str
    statement: str
    kind: Kind
    tier: Tier
    function: Callable[..., None]
    as_printed: str | None = None
    printed_form: bool = False

    @property
    def paper(self) -> str:
        """The paper's name, the part of the id before the dot."""
        return self.id.split(".")[0]

    @property
    def expected(self) -> Outcome:
        """The verdict that the run must give."""
        return "REFUTED" if self.printed_form else "VERIFIED"

    def run(self, *, seed: int = 0, **parameters: Any) -> Row:
        """Put the claim on trial under other settings and return its ledger row.

        `parameters` override the defaults in the check's signature. Raises `TypeError` for a parameter it lacks.
        """
        # The printed form shares the claim's trial, which gives the rows of both.
        stated = _find(self.id.removesuffix("-as-printed")) if self.printed_form else self
        trial = Trial(stated.id, seed)
        settings = ", ".join(f"{name}={value!r}" for name, value in {"seed": seed, **parameters}.items())
        with recorded(stated, trial, f'claim("{self.id}").run({settings})') as rows:
            self.function(trial, **parameters)
        return rows[-1] if self.printed_form else rows[0]

    def __str__(self) -> str:
        """Return the claim in one line."""
        return f"{self.id} [{self.kind}, {self.tier}] {self.statement} ({self.source})"

    __repr__ = __str__


@contextmanager
def recorded(claim: Claim, trial: Trial, command: str) -> Iterator[list[Row]]:
    """Run a check in float64 with compiled programs kept on disk; afterwards the yielded list holds the ledger's rows.

    An exception is recorded as INCONCLUSIVE and raised again.
    """
    import jax

    from sims.compilation_cache import enable_compilation_cache

    enable_compilation_cache()
    rows: list[Row] = []
    start = time.perf_counter()
    try:
        with jax.enable_x64(True):
            yield rows
    except BaseException as error:
        rows[:] = rows_of(claim, trial.findings, time.perf_counter() - start, command, error)
        raise
    rows[:] = rows_of(claim, trial.findings, time.perf_counter() - start, command)


@overload
def claim(source: str, *, kind: Kind, tier: Tier = "fast", as_printed: str | None = None) -> Callable[..., Any]: ...


@overload
def claim(source: str) -> Claim: ...


def claim(source: str, *, kind: Kind | None = None, tier: Tier = "fast", as_printed: str | None = None) -> Any:
    """Register a check as a claim, or look a claim up by its id.

    As a decorator, `@claim("Theorem 2", kind="identity")`: the paper is the name without `test_` of the module (or of
    the package of such modules), the claim's name is the function's without `test_` (a double underscore becomes a
    hyphen), the statement its docstring's first paragraph. As a look-up, `claim("random_walk_pca.sim_evr")`: returns
    the registered `Claim`, ready to `run`.

    Raises `ValueError` for an unknown kind, tier or id, for a check without docstring or without a `trial` parameter.
    """
    if kind is None:
        return _find(source)
    if kind not in get_args(Kind) or tier not in TIERS:
        raise ValueError(
            f"kind must be one of {', '.join(get_args(Kind))}, tier one of {', '.join(TIERS)}, got {kind!r}, {tier!r}"
        )

    def register(function: Callable[..., None]) -> Callable[..., None]:
        if not function.__doc__:
            raise ValueError(f"{function.__name__} needs a docstring: the claim's statement")
        if "trial" not in function.__code__.co_varnames[:1]:
            raise ValueError(f"{function.__name__} needs `trial` as its first parameter")
        parts = function.__module__.split(".")
        paper = next((part for part in parts if part.startswith("test_")), parts[-1]).removeprefix("test_")
        name = function.__name__.removeprefix("test_").replace("__", "-")
        statement = " ".join(function.__doc__.strip().split("\n\n")[0].split())
        registered = Claim(f"{paper}.{name}", source, statement, kind, tier, function, as_printed)
        _REGISTERED[_normal(registered.id)] = registered
        if as_printed is not None:
            printed = Claim(
                f"{registered.id}-as-printed", source, as_printed, kind, tier, function, as_printed, printed_form=True
            )
            _REGISTERED[_normal(printed.id)] = printed
        function.claim = registered  # type: ignore[attr-defined]
        return function

    return register


def claims(paper: str | None = None) -> list[Claim]:
    """Return the registered claims of a paper (or of all papers), loading the workbench's own checks of that name.

    Raises `ValueError` for a paper that nobody has registered claims for.
    """
    _load(paper)
    found = [c for c in _REGISTERED.values() if paper is None or _normal(c.paper) == _normal(paper)]
    if not found:
        raise ValueError(f"no claims of a paper {paper!r}; known: {', '.join(sorted(_papers()))}")
    return found


def _find(claim_id: str) -> Claim:
    if _normal(claim_id) not in _REGISTERED:
        _load(claim_id.split(".")[0])
    if _normal(claim_id) not in _REGISTERED:
        paper, _, name = claim_id.partition(".")
        ids = {c.id.partition(".")[2]: c.id for c in _REGISTERED.values() if _normal(c.paper) == _normal(paper)}
        # Within a paper the names are compared alone: the ids share their beginning.
        nearest = [ids[near] for near in get_close_matches(name, ids)] if ids else get_close_matches(paper, _papers())
        known = ", ".join(nearest or ids.values() or sorted(_papers()))
        raise ValueError(f"no claim {claim_id!r}; {'nearest' if nearest else 'known'}: {known}")
    return _REGISTERED[_normal(claim_id)]


def _normal(name: str) -> str:
    return name.replace("-", "_").lower()


def _papers() -> set[str]:
    import paper_checks

    own = {
        m.name.removeprefix("test_") for m in pkgutil.iter_modules(paper_checks.__path__) if m.name.startswith("test_")
    }
    return own | {c.paper for c in _REGISTERED.values()}


def _load(paper: str | None) -> None:
    import paper_checks

    for module in pkgutil.iter_modules(paper_checks.__path__):
        name = module.name.removeprefix("test_")
        if name != module.name and (paper is None or _normal(name) == _normal(paper)):
            loaded = importlib.import_module(f"paper_checks.{module.name}")
            for part in pkgutil.iter_modules(getattr(loaded, "__path__", [])):
                importlib.import_module(f"paper_checks.{module.name}.{part.name}")
