"""Claims: a decorator that registers a check function, and the ways to find and run what is registered.

A claim is an ordinary pytest function whose docstring is the theorem and whose parameters (after `trial`) are the
experiment's settings with their defaults.
"""

import ast
import inspect
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args, overload

from theory_on_trial import outline, repository
from theory_on_trial.decision import Outcome
from theory_on_trial.ledger import Row, paper_in, rows_of
from theory_on_trial.outline import claim_name, normal
from theory_on_trial.trial import Trial

Kind = Literal["identity", "bound", "rate", "limit", "distribution", "optimality", "empirical"]
Tier = Literal["fast", "full", "paper"]
TIERS: tuple[str, ...] = get_args(Tier)

_REGISTERED: dict[str, "Claim"] = {}


@dataclass(frozen=True)
class Claim:
    """One claim of one paper.

    Attributes:
        id: `<paper>.<name>`, unique in a repository, and in a parametrised test `<paper>.<name>[<parameters>]`; it
            decides the random numbers. On input underscores and hyphens are the same.
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
        """The paper's name, the part of the id before its last dot."""
        return paper_in(self.id)

    @property
    def settings(self) -> dict[str, Any]:
        """The experiment's settings with their defaults; `inspect.Parameter.empty` for one that has none."""
        parameters = list(inspect.signature(self.function).parameters.values())[1:]
        return {parameter.name: parameter.default for parameter in parameters}

    @property
    def expected(self) -> Outcome:
        """The verdict that the run must give."""
        return "REFUTED" if self.printed_form else "VERIFIED"

    def run(self, *, seed: int = 0, **parameters: Any) -> Row:
        """Put the claim on trial under other settings and return its ledger row.

        `parameters` override the defaults in the check's signature. Raises `TypeError` for a parameter that the claim
        lacks, or needs.
        """
        if unknown := [name for name in parameters if name not in self.settings]:
            raise TypeError(
                f"{self.id} has no setting {unknown[0]!r}; its settings are {', '.join(self.settings) or 'none'}"
            )
        given = self.settings | parameters
        if lacking := [name for name, value in given.items() if value is inspect.Parameter.empty]:
            raise TypeError(f"{self.id} needs {', '.join(lacking)}: a fixture or parameters of pytest give them there")
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


def facts(claim: Claim, nodeid: str) -> list[dict[str, Any]]:
    """Return what is listed of a collected claim, and of its printed form if it has one; JSON-ready."""
    settings = {
        name: None if value is inspect.Parameter.empty else repr(value) for name, value in claim.settings.items()
    }
    shared = {"paper": claim.paper, "source": claim.source, "kind": claim.kind, "tier": claim.tier, "nodeid": nodeid}
    stated = {"id": claim.id, "statement": claim.statement, "expected": "VERIFIED", "as printed": claim.as_printed}
    printed = {"id": f"{claim.id}-as-printed", "statement": claim.as_printed, "expected": "REFUTED", "as printed": None}
    both = [stated] if claim.as_printed is None else [stated, printed]
    return [{**one, **shared, "settings": settings} for one in both]


@contextmanager
def recorded(claim: Claim, trial: Trial, command: str) -> Iterator[list[Row]]:
    """Run a check in float64 with compiled programs kept on disk; afterwards the yielded list holds the ledger's rows.

    An exception is recorded as INCONCLUSIVE and raised again.
    """
    rows: list[Row] = []
    start = time.perf_counter()
    try:
        with _double_precision():
            yield rows
    except BaseException as error:
        rows[:] = rows_of(claim, trial.findings, time.perf_counter() - start, command, error)
        raise
    rows[:] = rows_of(claim, trial.findings, time.perf_counter() - start, command)


@contextmanager
def _double_precision() -> Iterator[None]:
    """Let JAX compute in float64 and keep its programs; a claim that needs no JAX does not start it."""
    if "jax" in sys.modules:
        import jax

        from theory_on_trial.compilation_cache import enable_compilation_cache

        enable_compilation_cache()
        with jax.enable_x64(True):
            yield
        return
    before = os.environ.get("JAX_ENABLE_X64")
    os.environ["JAX_ENABLE_X64"] = "1"  # JAX reads it when it is imported, should the claim do so
    try:
        yield
    finally:
        del os.environ["JAX_ENABLE_X64"]
        if before is not None:
            os.environ["JAX_ENABLE_X64"] = before
        if "jax" in sys.modules:
            import jax

            jax.config.update("jax_enable_x64", before in ("1", "true", "True"))


@overload
def claim(source: str, *, kind: Kind, tier: Tier = "fast", as_printed: str | None = None) -> Callable[..., Any]: ...


@overload
def claim(source: str) -> Claim: ...


def claim(source: str, *, kind: Kind | None = None, tier: Tier = "fast", as_printed: str | None = None) -> Any:
    """Register a check as a claim, or look a claim up by its id.

    As a decorator, `@claim("Theorem 2", kind="identity")`: the paper is the name of the file without `test_` (or of the
    package of such files), with the folders around it from the repository's root on where these say anything (see
    `repository.paper_of`); the claim's name is the function's without `test_` (a double underscore becomes a hyphen),
    the statement its docstring's first paragraph. As a look-up, `claim("random_walk_pca.sim_evr")`: returns the
    registered `Claim`, ready to `run`.

    Raises `ValueError` for an unknown kind, tier or id, for a check without docstring or without a `trial` parameter,
    for one that Hypothesis draws, and for a second claim of one id.
    """
    if kind is None:
        return _find(source)
    if kind not in get_args(Kind) or tier not in TIERS:
        raise ValueError(
            f"kind must be one of {', '.join(get_args(Kind))}, tier one of {', '.join(TIERS)}, got {kind!r}, {tier!r}"
        )

    def register(function: Callable[..., None]) -> Callable[..., None]:
        if hasattr(function, "hypothesis"):
            raise ValueError(
                f"{function.__name__} cannot be a claim and drawn by @given: a verdict is on stated settings; put the "
                "search into the claim, or @given on a test of its own"
            )
        if not function.__doc__:
            raise ValueError(f"{function.__name__} needs a docstring: the claim's statement")
        if "trial" not in function.__code__.co_varnames[:1]:
            raise ValueError(f"{function.__name__} needs `trial` as its first parameter")
        file = _file_of(function)
        paper = repository.paper_of(file) if file else function.__module__.split(".")[-1].removeprefix("test_")
        statement = " ".join(function.__doc__.strip().split("\n\n")[0].split())
        name = f"{paper}.{claim_name(function.__name__)}"
        registered = Claim(name, source, statement, kind, tier, function, as_printed)
        _add(registered)
        if as_printed is not None:
            printed = Claim(
                f"{registered.id}-as-printed", source, as_printed, kind, tier, function, as_printed, printed_form=True
            )
            _add(printed)
        function.claim = registered  # type: ignore[attr-defined]
        return function

    return register


def claims(paper: str | None = None) -> list[Claim]:
    """Return the registered claims of a paper (or of all papers), loading the checks of the present repository.

    Raises `ValueError` for a paper that nobody has registered claims for.
    """
    _load(paper)
    found = [c for c in _REGISTERED.values() if paper is None or normal(c.paper) == normal(paper)]
    if not found:
        raise ValueError(f"no claims of a paper {paper!r}; known: {', '.join(sorted(_papers())) or 'none'}")
    return found


def _find(claim_id: str) -> Claim:
    if normal(claim_id) not in _REGISTERED:
        _load(paper_in(claim_id))
    if normal(claim_id) not in _REGISTERED:
        raise ValueError(unknown_claim(claim_id, [c.id for c in _REGISTERED.values()] + sorted(_papers())))
    return _REGISTERED[normal(claim_id)]


def unknown_claim(claim_id: str, known: list[str]) -> str:
    """Return the sentence for an id that no claim has; `known` holds ids, and names of papers."""
    paper, name = paper_in(claim_id), claim_id.removeprefix(f"{paper_in(claim_id)}.")
    ids = {one.removeprefix(f"{paper_in(one)}."): one for one in known if normal(paper_in(one)) == normal(paper)}
    papers = sorted({paper_in(one) if "." in one else one for one in known})
    # Within a paper the names are compared alone: the ids share their beginning.
    nearest = [ids[near] for near in get_close_matches(name, ids)] if ids else get_close_matches(paper, papers)
    named = ", ".join(nearest or ids.values() or papers)
    return f"no claim {claim_id!r}; {'nearest' if nearest else 'known'}: {named or 'none'}"


def _file_of(function: Callable[..., Any]) -> Path | None:
    """The file that a check is written in; None for one typed into an interpreter or a notebook."""
    file = getattr(sys.modules.get(function.__module__), "__file__", None)
    return None if file is None or function.__module__ == "__main__" else Path(file)


def _add(new: Claim) -> None:
    """Register a claim; raises `ValueError` if another check has its id, but not if its file is loaded once more."""
    old = _REGISTERED.get(normal(new.id))
    file = _file_of(new.function)
    if old is not None and file is not None and old.function is not new.function:
        other = _file_of(old.function)
        twice = other == file and _definitions(file, new.function.__name__) > 1
        if other != file or twice or old.function.__name__ != new.function.__name__:
            places = [f"{c.function.__code__.co_filename}:{c.function.__code__.co_firstlineno}" for c in (old, new)]
            raise ValueError(f"two claims are called {new.id}: at {places[0]} and at {places[1]}; rename one of them")
    _REGISTERED[normal(new.id)] = new


def _definitions(file: Path, name: str) -> int:
    """How many functions of one name a file defines, the last of which hides the others."""
    return sum(isinstance(node, ast.FunctionDef) and node.name == name for node in ast.parse(file.read_text()).body)


def _papers() -> set[str]:
    return set(outline.papers()) | {c.paper for c in _REGISTERED.values()}


def _load(paper: str | None) -> None:
    for file in outline.files(paper):
        repository.import_file(file)
