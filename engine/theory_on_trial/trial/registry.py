"""Claims: a decorator that registers a check function, and the ways to find and run what is
registered.

A claim is an ordinary pytest function whose docstring is the theorem and whose parameters (after
`trial`) are the experiment's settings with their defaults.
"""

import ast
import dis
import importlib
import inspect
import os
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args, overload

from theory_on_trial import repository
from theory_on_trial.contract import Interval, contract_of
from theory_on_trial.contract.renamed import renamed
from theory_on_trial.decide.decision import Outcome
from theory_on_trial.formula.marks import fault, plain
from theory_on_trial.ledger import Row, paper_in, rows_of
from theory_on_trial.repository import outline
from theory_on_trial.repository.outline import among, claim_name, is_called, nearest, normal
from theory_on_trial.trial import sides
from theory_on_trial.trial.cases import over_cases, stated
from theory_on_trial.trial.decisions import ALPHA, Trial, checked_error
from theory_on_trial.trial.domain import OutsideDomain
from theory_on_trial.trial.provenance import Published, Source

Kind = Literal["identity", "bound", "rate", "limit", "distribution", "optimality", "empirical"]
Tier = Literal["fast", "full", "paper"]
Precision = Literal["double", "single"]
TIERS: tuple[str, ...] = get_args(Tier)

_REGISTERED: dict[str, "Claim"] = {}


@dataclass(frozen=True)
class Claim:
    """One claim of one paper.

    Attributes:
        id: `<paper>.<name>`, unique in a repository, and in a parametrised test
            `<paper>.<name>[<parameters>]`; it decides the random numbers. On input underscores and
            hyphens are the same.
        source: whose statement it is, and where it stands or how it follows.
        statement: one line, from the check's docstring; its formulas stand between dollars.
        kind: what sort of statement it is.
        tier: "fast", "full" or "paper", by cost.
        function: the check, which judges every case.
        as_published: what was published, and where, that the claim corrects; the ledger then has
            a second row, `<id>-as-published`, that shares the measurement and is expected to be
            REFUTED.
        low_power: why an equality detects no smaller error than 5 %; "" for one that does.
        not_tight: why a bound is not attained to 90 % on any instance; "" for one that is.
        route, second: how the measured side comes about where the code does not show it, and the
            test that confirms the prediction by another route; "" for none. No verdict rests on
            them.
        known_false: whether the statement is known to be false, and not corrected yet.
        error: bound on the chance of a wrong verdict, of all decisions together.
        precision: in which JAX computes, "double" or "single".
        published_form: whether this object stands for that second row.
    """

    id: str
    source: Source
    statement: str
    kind: Kind
    tier: Tier
    function: Callable[..., None]
    as_published: Published | None = None
    low_power: str = ""
    not_tight: str = ""
    route: str = ""
    second: str = ""
    known_false: bool = False
    error: float = ALPHA
    precision: Precision = "double"
    published_form: bool = False

    @property
    def paper(self) -> str:
        """The paper's name, the part of the id before its last dot."""
        return paper_in(self.id)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings with their defaults: `BY_CASE` if cases give it, `inspect.Parameter.empty`
        if it has none.
        """
        parameters = list(inspect.signature(self.function).parameters.values())[1:]
        return {parameter.name: parameter.default for parameter in parameters}

    @property
    def expected(self) -> Outcome:
        """The verdict that the run must give."""
        return "REFUTED" if self.published_form or self.known_false else "VERIFIED"

    def run(self, *, seed: int = 0, **parameters: Any) -> Row:
        """Put the claim on trial under other settings and return its ledger row.

        `parameters` override the defaults in the check's signature, and what the cases give. Raises
        `TypeError` for a parameter that the claim lacks, or needs, and `OutsideDomain` for settings
        of which the claim says nothing.
        """
        if unknown := [name for name in parameters if name not in self.settings]:
            raise TypeError(
                f"{self.id} has no setting {unknown[0]!r}; its settings are "
                f"{', '.join(self.settings) or 'none'}"
            )
        settings = self.settings | parameters
        if names := [name for name, value in settings.items() if value is inspect.Parameter.empty]:
            raise TypeError(
                f"{self.id} needs {', '.join(names)}: a fixture or parameters of pytest give them "
                "there"
            )
        # The published form shares the claim's trial, which gives the rows of both.
        original = _find(self.id.removesuffix("-as-published")) if self.published_form else self
        must_hold = original.expected == "VERIFIED"
        trial = Trial(original.id, seed, error=original.error, needs_controls=must_hold)
        words = ", ".join(
            f"{name}={stated(value)}" for name, value in {"seed": seed, **parameters}.items()
        )
        with recorded(original, trial, f'claim("{self.id}").run({words})') as rows:
            self.function(trial, **parameters)
        return rows[-1] if self.published_form else rows[0]

    def map(
        self,
        *,
        seed: int = 0,
        outside: bool = False,
        cells: int = 30,
        workers: int = 1,
        **settings: Any,
    ) -> Any:
        """Put the claim on trial over a grid and return an xarray Dataset of verdicts and errors; a
        notebook draws it.

        A setting that is a list or a range, as in `map(n="10..10000", dim=[2, 5])`, is an axis, of
        `cells` values if it is a range; others are fixed. `outside` goes beyond the declared
        domain. Cells run in `workers` processes, or wherever `joblib.parallel_config` sends them.
        Raises `ValueError` for what does not fit.
        """
        # The room above this one, which a trial does not need.
        explore = importlib.import_module("theory_on_trial.explore.map")
        axes = {name: value for name, value in settings.items() if explore.is_axis(value)}
        constants = {name: value for name, value in settings.items() if name not in axes}
        options = {
            "cells": cells,
            "seed": seed,
            "outside": outside,
            "workers": workers,
        }
        dataset = explore.map_of(self, axes, constants, **options)
        explore.show_in_notebook(dataset)
        return dataset

    def __str__(self) -> str:
        about = plain(f"{self.statement} ({self.source})")
        return f"{self.id} [{self.kind}, {self.tier}] {about}"

    __repr__ = __str__


def _domain(claim: Claim) -> dict[str, str]:
    """The values that each setting may have, in words such as "an integer in [4, 100]"."""
    arguments = contract_of(inspect.unwrap(claim.function))
    return {
        name: " or ".join(
            kind.described
            + "".join(
                f" in {mark.closed[0]}{mark.low:g}, {mark.high:g}{mark.closed[1]}"
                for mark in kind.markers
                if isinstance(mark, Interval)
            )
            for kind in argument.alternatives
        )
        for name, argument in arguments.items()
        if name in claim.settings and name in claim.function.__annotations__
    }


def facts(claim: Claim, nodeid: str) -> list[dict[str, Any]]:
    """Return what is listed of a collected claim, and of its published form if it has one;
    JSON-ready.
    """
    settings = {
        name: None if value is inspect.Parameter.empty else stated(value)
        for name, value in claim.settings.items()
    }
    cases = getattr(claim.function, "cases", [])
    for name in cases[0] if cases else ():
        settings[name] = f"by case {', '.join(dict.fromkeys(stated(case[name]) for case in cases))}"
    common: dict[str, Any] = {
        "paper": claim.paper,
        "kind": claim.kind,
        "tier": claim.tier,
        "nodeid": nodeid,
    }
    common |= {
        "settings": settings,
        "domain": _domain(claim),
        "route": claim.route or None,
        "second route": claim.second or None,
    }
    entry = {
        "id": claim.id,
        "statement": claim.statement,
        "source": str(claim.source),
        "expected": claim.expected,
    }
    if claim.as_published is None:
        return [{**entry, "as published": None, **common}]
    statement = claim.as_published.statement
    printed_entry = {
        "id": f"{claim.id}-as-published",
        "statement": statement,
        "source": str(claim.as_published),
        "expected": "REFUTED",
    }
    return [
        {**entry, "as published": f"{statement}; {claim.as_published.facts}", **common},
        {**printed_entry, "as published": None, **common},
    ]


@contextmanager
def recorded(claim: Claim, trial: Trial, command: str) -> Iterator[list[Row]]:
    """Run a check in its precision with compiled programs kept on disk; afterwards the yielded list
    holds the ledger's rows.

    An exception is recorded as INCONCLUSIVE and raised again, that of a decision also where the
    check catches it. Settings outside the claim's domain have no row, unless another case is
    REFUTED.
    """
    rows: list[Row] = []
    sides.begin()
    start = time.perf_counter()
    try:
        with _precision(claim.precision):
            yield rows
    except OutsideDomain:
        if any(finding.outcome == "REFUTED" for finding in trial.findings):
            seconds = time.perf_counter() - start
            rows[:] = _with_settings(
                trial, rows_of(claim, trial.findings, seconds, command, trial.refusal)
            )
            return
        raise
    except BaseException as error:
        seconds = time.perf_counter() - start
        rows[:] = _with_settings(
            trial, rows_of(claim, trial.findings, seconds, command, trial.refusal or error)
        )
        raise
    seconds = time.perf_counter() - start
    rows[:] = _with_settings(trial, rows_of(claim, trial.findings, seconds, command, trial.refusal))


def _with_settings(trial: Trial, rows: list[Row]) -> list[Row]:
    """The rows of a trial with the settings of its cases, as JSON has them, and with what is told
    of their sides.
    """
    plain = (int, float, str, bool, type(None))
    settings = [
        {name: value if isinstance(value, plain) else stated(value) for name, value in case.items()}
        for case in trial.settings
    ]
    about = sides.told()
    return [
        replace(row, settings=settings, note="; ".join(filter(None, [row.note, about])))
        for row in rows
    ]


@contextmanager
def _precision(precision: Precision) -> Iterator[None]:
    """Let JAX compute in float64 or float32 and keep its programs; a claim that needs no JAX does
    not start it.
    """
    is_double = precision == "double"
    if sys.modules.get("jax") is not None:
        import jax

        from theory_on_trial.base.compilation_cache import enable_compilation_cache

        enable_compilation_cache()
        with jax.enable_x64(is_double):
            yield
        return
    before = os.environ.get("JAX_ENABLE_X64")
    # JAX reads it when it is imported, should the claim do so.
    os.environ["JAX_ENABLE_X64"] = str(int(is_double))
    try:
        yield
    finally:
        del os.environ["JAX_ENABLE_X64"]
        if before is not None:
            os.environ["JAX_ENABLE_X64"] = before
        if sys.modules.get("jax") is not None:
            import jax

            jax.config.update("jax_enable_x64", before in ("1", "true", "True"))


_IMPLIED: dict[str, Kind] = {
    **dict.fromkeys(("mean", "probability", "distribution"), "distribution"),
    **{
        "identity": "identity",
        "bound": "bound",
        "limit": "limit",
        "gap": "optimality",
        "prove": "bound",
        "prove_identity": "identity",
        "worst_case": "bound",
        "runs": "empirical",
    },
    **dict.fromkeys(("order", "growth", "growth_at_most"), "rate"),
}
"""The kind of a claim that calls one of these decisions and no other; of `value` it has to be said.

A mean or a probability on one side is a "bound".
"""
_MEANT = {
    **dict.fromkeys(
        ("mean", "average", "proportion", "proba", "probability", "variance"), "distribution"
    ),
    **{
        "inequality": "bound",
        "equality": "identity",
        "order": "rate",
        "growth": "rate",
        "trained": "empirical",
    },
}


@overload
def claim(
    source: Source,
    *,
    kind: Kind | None = None,
    tier: Tier = "fast",
    cases: Iterable[Any] | None = None,
    as_published: Published | None = None,
    low_power: str = "",
    not_tight: str = "",
    route: str = "",
    second: str = "",
    expected: Literal["VERIFIED", "REFUTED"] = "VERIFIED",
    error: float = ALPHA,
    precision: Precision = "double",
) -> Callable[..., Any]: ...


@overload
def claim(source: str) -> Claim: ...


@renamed(as_printed="as_published", coarse="low_power", loose="not_tight")
def claim(
    source: Source | str,
    *,
    kind: Kind | None = None,
    tier: Tier = "fast",
    cases: Iterable[Any] | None = None,
    as_published: Published | None = None,
    low_power: str = "",
    not_tight: str = "",
    route: str = "",
    second: str = "",
    expected: Literal["VERIFIED", "REFUTED"] = "VERIFIED",
    error: float = ALPHA,
    precision: Precision = "double",
) -> Any:
    """Register a check as a claim, or look a claim up by its id.

    As a decorator, `@claim(paper("Theorem 2"), kind="identity")`: the paper is the name of the file
    without `test_` (or of the package of such files), with the folders around it from the
    repository's root on where these say anything (see `repository.paper_of`); the claim's name is
    the function's without `test_` (a double underscore becomes a hyphen), the statement its
    docstring's first paragraph. As a look-up, `claim("random_walk_pca.sim_evr")`: returns the
    registered `Claim`, ready to `run`.

    Args:
        source: `paper(...)`, `recalled(...)`, `known(...)`, `tried(...)`, `code(...)` or
            `derived(...)`; of a look-up the id.
        kind: what sort of statement it is; it binds the decisions that may judge it. Left out, it
            is that of the one decision that the check calls: a mean, a probability or a
            distribution is a "distribution".
        tier: "fast", "full" or "paper", by cost.
        cases: the settings that the check is called with, one after the other: a tuple in the order
            of the settings, a dictionary, or a bare value where there is one setting. Every case is
            judged with its own controls.
        as_published: `published(place=, quoted=, within=, reach=, effect=, ran=)`, a published
            form that is false.
        low_power: why an equality may detect no smaller error than 5 %.
        not_tight: why a bound is not attained to 90 %.
        route: in half a sentence, how either side comes about, where the code does not show that
            they are independent.
        second: "<file>::<test>", a unit test that confirms the prediction by another route.
        expected: "REFUTED" for a statement that is known to be false and has no correction yet;
            where it has one, that is the claim, and `as_published` says what it corrects.
        error: bound on the chance of a wrong verdict, of all decisions together, in (0, 0.1].
        precision: "double", or "single" for a claim on what JAX computes in 32 bits.

    Formulas of the docstring, the source and the reasons stand between dollars (`formula`).

    Raises `ValueError` for an unknown kind, tier or id, a source that is none, a published form
    without words or place, a formula that cannot be read or whose mark does not close, cases that
    do not fit the settings, a check without docstring or without a `trial` parameter, one that
    Hypothesis draws or that is a class's method, and for a second claim of one id.
    """
    if isinstance(source, str) and kind is None and " " not in source:
        return _find(source)
    if tier not in TIERS:
        raise ValueError(f"tier must be one of {', '.join(TIERS)}, got {tier!r}")
    if kind is not None and kind not in get_args(Kind):
        near = _MEANT.get(str(kind)) or next(iter(get_close_matches(str(kind), get_args(Kind))), "")
        meant = f": do you mean {near!r}?" if near else ""
        raise ValueError(f"kind must be one of {', '.join(get_args(Kind))}, got {kind!r}{meant}")
    if precision not in get_args(Precision):
        raise ValueError(f"precision must be 'double' or 'single', got {precision!r}")
    checked_error(error)
    if not isinstance(source, Source):
        raise ValueError(
            "the source of a claim is paper(...), recalled(...), known(...), tried(...), code(...) "
            f"or derived(...), got {source!r}"
        )
    if as_published is not None and not isinstance(as_published, Published):
        raise ValueError(
            "as_published= is published(place=, quoted= or read=, within=, reach=, effect=, ran=), "
            f"got {as_published!r}"
        )
    if expected not in ("VERIFIED", "REFUTED"):
        raise ValueError(f"expected must be 'VERIFIED' or 'REFUTED', got {expected!r}")
    if expected == "REFUTED" and as_published is not None:
        raise ValueError(
            "a claim with as_published= is the correction, which holds: leave out expected="
        )
    for name, why in {"low_power": low_power, "not_tight": not_tight, "route": route}.items():
        if why and len(why.split()) < 2:
            raise ValueError(
                f"{name}= says in words {'how' if name == 'route' else 'why'}, got {why!r}"
            )
    if second and "::test_" not in second:
        raise ValueError(f"second= names a unit test, '<file>::<test>', got {second!r}")

    def register(function: Callable[..., None]) -> Callable[..., None]:
        if hasattr(function, "hypothesis"):
            raise ValueError(
                f"{function.__name__} cannot be a claim and drawn by @given: a verdict is on "
                "stated settings; put the "
                "search into the claim, or @given on a test of its own"
            )
        if not function.__doc__:
            raise ValueError(f"{function.__name__} needs a docstring: the claim's statement")
        parameters = function.__code__.co_varnames[: function.__code__.co_argcount]
        if parameters[:2] == ("self", "trial"):
            raise ValueError(
                f"{function.__qualname__} is a method: a claim is a function of its module"
            )
        if parameters[:1] != ("trial",) or function.__code__.co_posonlyargcount:
            raise ValueError(
                f"{function.__name__}: the first parameter of a claim is `trial`, and each can be "
                "given by name"
            )
        file = _file_of(function)
        paper_name = (
            repository.paper_of(file)
            if file
            else function.__module__.split(".")[-1].removeprefix("test_")
        )
        statement = " ".join(function.__doc__.strip().split("\n\n")[0].split())
        texts = {"the docstring": statement, "the source": str(source)}
        texts |= {"low_power=": low_power, "not_tight=": not_tight}
        if as_published is not None:
            accused = (as_published.statement, str(as_published), as_published.effect)
            texts |= {"as_published=": " ".join(accused)}
        _refuse_faulty_marks(function.__name__, texts)
        name = f"{paper_name}.{claim_name(function.__name__)}"
        check = over_cases(function, cases)
        _refuse_clock(function, check)
        of_kind = kind or _implied(function)
        words = low_power.strip(), not_tight.strip(), route.strip(), second.strip()
        subject = Claim(
            name,
            source,
            statement,
            of_kind,
            tier,
            check,
            as_published,
            *words,
            known_false=expected == "REFUTED",
            error=error,
            precision=precision,
        )
        _add(subject)
        if as_published is not None:
            form = replace(
                subject,
                id=f"{name}-as-published",
                source=as_published.place,
                statement=as_published.statement,
            )
            _add(replace(form, published_form=True))
        check.claim = subject  # type: ignore[attr-defined]
        return check

    return register


def _refuse_faulty_marks(name: str, texts: Mapping[str, str]) -> None:
    """Raise `ValueError` for a formula of a claim that cannot be read, or whose mark does not
    close; `texts` holds its texts by their places.
    """
    for place, text in texts.items():
        if sentence := fault(text):
            raise ValueError(f"{name}: in {place}, {sentence}")


_CLOCK = {"time", "time_ns", "perf_counter", "monotonic", "now", "today"}


def _refuse_clock(function: Callable[..., None], check: Any) -> None:
    """Raise `ValueError` for cases that are read off a clock: they are others each time."""
    long = [
        value
        for value in check.first_case.values()
        if isinstance(value, float | int) and len(repr(value)) > 9
    ]
    if long and _file_of(function):
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
        decorators = [
            node
            for part in tree.body
            if isinstance(part, ast.FunctionDef)
            for node in part.decorator_list
        ]
        names = {
            getattr(node, "attr", getattr(node, "id", ""))
            for part in decorators
            for node in ast.walk(part)
        }
        if names & _CLOCK:
            raise ValueError(
                f"the cases of {function.__name__} come from a clock: write down which they are"
            )


def _implied(function: Callable[..., None]) -> Kind:
    """The kind of a claim that does not say it, from the decisions that its check names; ValueError
    if they differ.
    """
    codes = [inspect.unwrap(function).__code__]
    names = set[str]()
    one_sided = False
    while codes:
        code = codes.pop()
        # What is asked of the trial: a mean of an array is no decision.
        for loaded, asked in pairwise(dis.get_instructions(code)):
            if "trial" in (
                loaded.argval,
                *(loaded.argval if isinstance(loaded.argval, tuple) else ()),
            ):
                names |= {asked.argval} & set(code.co_names)
        one_sided |= any(side in code.co_consts for side in ("at most", "at least"))
        codes += [inner for inner in code.co_consts if inspect.iscode(inner)]
    kinds = {kind for decision, kind in _IMPLIED.items() if decision in names}
    if len(kinds) != 1 or "value" in names:
        several = kinds or "value" in names
        calls = "trial.value, or several decisions" if several else "no decision of trial"
        raise ValueError(
            f"{function.__name__} calls {calls}: "
            f"say what kind of claim it is, kind= one of {', '.join(get_args(Kind))}"
        )
    return "bound" if one_sided and names & {"mean", "probability"} else kinds.pop()


def claims(paper: str | None = None) -> list[Claim]:
    """Return the registered claims of a paper, or of all, loading the checks; ValueError for a
    paper without any. They come in the order of the files, whichever of them was imported first.
    """
    place = {file.resolve(): at for at, file in enumerate(_load(paper))}
    members = [c for c in _REGISTERED.values() if paper is None or normal(c.paper) == normal(paper)]
    if not members:
        raise ValueError(
            f"no claims of a paper {paper!r}; known: {', '.join(sorted(_papers())) or 'none'}"
        )

    def of_file(claim: Claim) -> int:
        file = _file_of(claim.function)
        return len(place) if file is None else place.get(file.resolve(), len(place))

    return sorted(members, key=of_file)


def _find(claim_id: str) -> Claim:
    if normal(claim_id) not in _REGISTERED:
        _load(paper_in(claim_id))
    if normal(claim_id) not in _REGISTERED:
        raise ValueError(
            unknown_claim(claim_id, [c.id for c in _REGISTERED.values()] + sorted(_papers()))
        )
    return _REGISTERED[normal(claim_id)]


def unknown_claim(claim_id: str, known: list[str]) -> str:
    """Return the sentence for an id that no claim has; `known` holds ids, and names of papers."""
    paper = paper_in(claim_id)
    name = claim_id.removeprefix(f"{paper_in(claim_id)}.")
    ids = {
        key.removeprefix(f"{paper_in(key)}."): key
        for key in known
        if paper and is_called(paper, paper_in(key))
    }
    papers = sorted({paper_in(key) if "." in key else key for key in known})
    # Within a paper the names are compared alone: the ids share their beginning.
    near = (
        [ids[key] for key in get_close_matches(name, ids)]
        if ids
        else nearest(paper or claim_id, papers)
    )
    hint = ", ".join(near or ids.values()) or among(papers, "theory-on-trial list")
    return f"no claim {claim_id!r}; {'nearest' if near else 'known'}: {hint}"


def _file_of(function: Callable[..., Any]) -> Path | None:
    """The file that a check is written in; None for one typed into an interpreter or a notebook."""
    file = getattr(sys.modules.get(function.__module__), "__file__", None)
    return None if file is None or function.__module__ == "__main__" else Path(file)


def _add(new: Claim) -> None:
    """Register a claim; raises `ValueError` if another check has its id, but not if its file is
    loaded once more.
    """
    old = _REGISTERED.get(normal(new.id))
    file = _file_of(new.function)
    if old is not None and file is not None and old.function is not new.function:
        other = _file_of(old.function)
        twice = other == file and _definitions(file, new.function.__name__) > 1
        if other != file or twice or old.function.__name__ != new.function.__name__:
            codes = [inspect.unwrap(c.function).__code__ for c in (old, new)]
            places = [f"{code.co_filename}:{code.co_firstlineno}" for code in codes]
            raise ValueError(
                f"two claims are called {new.id}: at {places[0]} and at {places[1]}; rename one "
                "of them"
            )
    _REGISTERED[normal(new.id)] = new


def _definitions(file: Path, name: str) -> int:
    """How many functions of one name a file defines, the last of which hides the others."""
    return sum(
        isinstance(node, ast.FunctionDef) and node.name == name
        for node in ast.parse(file.read_text()).body
    )


def _papers() -> set[str]:
    return set(outline.papers()) | {c.paper for c in _REGISTERED.values()}


def _load(paper: str | None) -> list[Path]:
    """Import the check files of a paper, or of all, and return them."""
    files = outline.files(paper)
    for file in files:
        repository.import_file(file)
    return files
