"""The pytest plugin: options, one ledger row per claim, the ledger at the end. Installed as an
entry point.

It imports nothing heavy unless claims were collected, so that it does not slow down other test
suites.
"""

from __future__ import annotations

import ast
import functools
import json
import os
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from inspect import signature, unwrap
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from theory_on_trial.ledger import Row

TIERS = ("fast", "full", "paper")
LEAST_DRAWN = "30"
"""The default of the setting `trial_least_drawn`, that of `ledger.verdict`."""
KINDS = ("identity", "bound", "rate", "limit", "distribution", "optimality", "empirical")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of a trial, all with the prefix `--trial-`, which no other plugin has."""
    group = parser.getgroup("theory on trial")
    group.addoption(
        "--trial-tier",
        choices=TIERS,
        default="fast",
        help="run claims up to this cost: fast (default), full or paper",
    )
    group.addoption(
        "--trial-seed",
        type=int,
        default=0,
        help="seed of all random numbers of the claims (default 0)",
    )
    group.addoption("--trial-ledger", type=Path, metavar="PATH", help="write the ledger as JSON")
    group.addoption(
        "--trial-report",
        type=Path,
        metavar="PATH",
        help="write the ledger as one HTML page, or by its suffix as a table: .tex, .md, .csv",
    )
    group.addoption(
        "--trial-proofs",
        type=Path,
        metavar="DIR",
        help="write a certificate of each proof, for python -m theory_on_trial.checker DIR/*",
    )
    group.addoption(
        "--trial-resume",
        type=Path,
        metavar="LEDGER",
        help="continue a run that ended before it wrote this ledger: same seed, tier, commit",
    )
    group.addoption(
        "--trial-set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="value of a setting for all claims that have it, such as --trial-set dim=500",
    )
    group.addoption(
        "--trial-table", action="store_true", help="print the whole ledger as a table at the end"
    )
    parser.addini(
        "trial_error",
        "probability of a wrong verdict of a plain test that uses `trial` (default 1e-6)",
        default="1e-6",
    )
    parser.addini(
        "trial_least_drawn",
        "drawn instances without which an exact claim is INCONCLUSIVE, if it does not say why one "
        "is enough (default 30)",
        default=LEAST_DRAWN,
    )
    group.addoption(
        "--trial-list", type=Path, metavar="PATH", help="write the collected claims as JSON"
    )


def _set_least_drawn(text: str) -> None:
    if text == LEAST_DRAWN:  # nothing to set, and NumPy need not be loaded
        return
    if not text.isdigit() or int(text) < 1:
        raise pytest.UsageError(f"trial_least_drawn must be 1 or more, got {text!r}")
    from theory_on_trial.ledger import verdict

    verdict.LEAST_DRAWN = int(text)


def pytest_configure(config: pytest.Config) -> None:
    """Start an empty ledger; refuse a path that could not be written at the end of the run."""
    resumed = config.getoption("trial_resume")
    if resumed is not None and not hasattr(config, "workerinput"):
        from theory_on_trial.ledger.journal import ledger_of

        config.stash[RESUMED] = _resumed(config, resumed)
        config.option.trial_ledger = config.getoption("trial_ledger") or ledger_of(resumed)
    _set_least_drawn(config.getini("trial_least_drawn"))
    if (folder := config.getoption("trial_proofs")) is not None:
        if folder.exists() and not folder.is_dir():
            raise pytest.UsageError(f"--trial-proofs must name a folder, got {folder}")
        from theory_on_trial.decide import certificates

        certificates.keep_in(folder.absolute())
        config.add_cleanup(lambda: certificates.keep_in(None))
    for option in ("ledger", "report", "list"):
        path = config.getoption(f"trial_{option}")
        if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
            raise pytest.UsageError(
                f"--trial-{option} must name a file in a folder that exists, got {path}"
            )
    if (page := config.getoption("trial_report")) is not None:
        from theory_on_trial.page.written import checked_suffix

        try:
            checked_suffix(page)
        except ValueError as error:
            raise pytest.UsageError(f"--trial-report {error}") from None
    for tier in TIERS:
        config.addinivalue_line("markers", f"{tier}: claims of the {tier} tier (set by @claim)")
    for kind in KINDS:
        config.addinivalue_line("markers", f"{kind}: claims of kind {kind} (set by @claim)")
    config.stash[LEDGER] = Ledger(config)
    config.pluginmanager.register(config.stash[LEDGER], "theory-on-trial-ledger")
    if _keeps_rows(config):
        _end_in_order(config)


def _resumed(config: pytest.Config, path: Path) -> dict[str, Any]:
    """Return the rows of an unfinished run; raise `UsageError`, in a sentence, unless the present
    run can continue it.
    """
    from theory_on_trial.ledger.files import commit_in, parsed
    from theory_on_trial.ledger.journal import is_being_written, left_by

    left = left_by(path)
    try:
        if left is not None and is_being_written(left):
            raise pytest.UsageError(f"--trial-resume: another run is writing {path}")
        book: dict[str, Any] = parsed(left or path)
        if not isinstance(book["claims"], list):
            raise TypeError
    except OSError as error:
        raise pytest.UsageError(
            f"--trial-resume: {path} cannot be read: {error.strerror}"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise pytest.UsageError(f"--trial-resume must name a ledger, got {path}") from None
    commit = _commit(config)
    if commit is None or commit.endswith("+"):
        raise pytest.UsageError(
            "--trial-resume continues a run at the same commit only: "
            + ("there is no git repository" if commit is None else "commit your changes first")
        )
    book["commit"], dirty = commit_in(book)
    if dirty:
        raise pytest.UsageError(
            f"--trial-resume: {path} is of a run whose files differed from its commit "
            f"{book['commit']}"
        )
    present = {
        "seed": config.getoption("trial_seed"),
        "tier": config.getoption("trial_tier"),
        "settings": config.getoption("trial_set"),
        "commit": commit,
    }
    for name, value in present.items():
        before = book.get(name, [] if name == "settings" else None)
        if before != value:
            raise pytest.UsageError(
                f"--trial-resume: the {name} of {path} is {before}, that of this run is {value}"
            )
    return book


def _commit(config: pytest.Config) -> str | None:
    from theory_on_trial.repository.commit import commit_of

    return commit_of(config.rootpath)


def _keeps_rows(config: pytest.Config) -> bool:
    """Whether this process writes a ledger; workers of pytest-xdist send their rows to it."""
    return bool(config.getoption("trial_ledger")) and not hasattr(config, "workerinput")


def _end_in_order(config: pytest.Config) -> None:
    """Let SIGTERM, the signal of schedulers and containers, end the run as Ctrl-C does."""
    import signal
    import threading

    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    ):
        return

    def end(number: int, frame: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a second one ends it at once
        raise KeyboardInterrupt("SIGTERM")

    def restore() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    signal.signal(signal.SIGTERM, end)
    config.add_cleanup(restore)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    """Refuse an invalid page: a side that reaches the other, a setting without a domain, or a
    formula of its docstring that cannot be read.
    """
    report: Any = yield
    if isinstance(collector, pytest.Module) and report.passed:
        # Parametrised: several items
        functions = {getattr(item, "function", None): None for item in report.result}
        checks: list[Any] = [check for check in functions if hasattr(check, "claim")]
        if not checks:
            return report  # type: ignore[no-any-return]
        from theory_on_trial.trial.elsewhere import crossings_elsewhere
        from theory_on_trial.trial.sides import crossings, marked

        sentences = [
            f"{check.claim.id}: a domain stands in Annotated, {name}: Annotated[float, …] or "
            "Annotated[int, …]"
            for check in checks
            for name, domain in check.__annotations__.items()
            if hasattr(domain, "admits")
        ]
        if marked(collector.path):
            from theory_on_trial.formula.marks import fault
            from theory_on_trial.trial.domain import unguarded

            paragraphs = (collector.module.__doc__ or "").split("\n\n")[1:]
            faults = filter(None, (fault(" ".join(text.split())) for text in paragraphs))
            sentences += [f"{collector.path.name}: in its docstring, {text}" for text in faults]
            sentences += crossings(collector.path) + crossings_elsewhere(collector.path)
            sentences += [text for check in checks for text in unguarded(check)]
        if sentences:
            report.outcome = "failed"
            report.longrepr = "\n".join(sentences)
            report.result = []
    return report  # type: ignore[no-any-return]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give a claim its id, by which `-k` finds it, and its tier and kind as markers."""
    item.stash[TEST] = item.nodeid  # before pytest-xdist adds the name of a group
    claim = getattr(getattr(item, "function", None), "claim", None)
    if claim is None:
        return
    from dataclasses import replace

    callspec = getattr(item, "callspec", None)
    claim = claim if callspec is None else replace(claim, id=f"{claim.id}[{callspec.id}]")
    item.stash[CLAIM] = claim
    item.user_properties.append(("claim", json.dumps(_not_run(claim, ""))))
    item.extra_keyword_matches.add(claim.id)
    item.add_marker(claim.tier)
    item.add_marker(claim.kind)


@pytest.hookimpl(tryfirst=True)  # before pytest sets up the fixtures
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse, in a sentence, what pytest would tell of fixtures: a claim that is drawn by
    Hypothesis, a setting that nothing gives, a fixture of a wider scope that asks for `trial`.
    """
    handle = getattr(getattr(item, "function", None), "hypothesis", None)
    if handle is not None and hasattr(getattr(handle, "inner_test", None), "claim"):
        pytest.fail(
            f"{item.name} cannot be a claim and drawn by @given: a verdict is on stated settings",
            pytrace=False,
        )
    fixtures = getattr(item, "_fixtureinfo", None)
    if fixtures is None or "trial" not in fixtures.names_closure:
        return
    known = fixtures.name2fixturedefs
    for name in fixtures.names_closure:
        wide = known[name][-1] if name in known else None
        if wide is not None and wide.scope != "function" and "trial" in wide.argnames:
            pytest.fail(
                f"the fixture {name!r} has scope {wide.scope!r} and asks for `trial`, which is of "
                "one test: give it scope 'function', or hand `trial` to what it returns",
                pytrace=False,
            )
    claim = item.stash.get(CLAIM, None)
    given = getattr(getattr(item, "callspec", None), "params", {})
    missing = [
        name
        for name in (fixtures.argnames if claim is not None else ())
        if name not in known and name not in given and name != "request"
    ]
    if claim is not None and missing:
        pytest.fail(
            f"the setting {missing[0]!r} of {claim.id} has no value: give it a default, cases=, "
            "@pytest.mark.parametrize or a fixture of this name",
            pytrace=False,
        )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Refuse a setting that both the cases of a claim and parameters of pytest give."""
    cases = getattr(metafunc.function, "cases", None)
    if not cases or not hasattr(metafunc.function, "claim"):
        return
    for mark in metafunc.definition.iter_markers("parametrize"):
        names = mark.args[0] if mark.args else mark.kwargs.get("argnames", ())
        names = [name.strip() for name in names.split(",")] if isinstance(names, str) else names
        for name in (name for name in names if name in cases[0]):
            parameters = list(signature(unwrap(metafunc.function)).parameters)[1:]
            settings = ", ".join(parameters)
            pytest.fail(
                f"{metafunc.function.claim.id}: both cases= and parametrize give {name!r}; a case "
                f"gives its values to the settings ({settings}) in this order, or by name as a "
                "dictionary",
                pytrace=False,
            )


@pytest.fixture
def trial(request: pytest.FixtureRequest) -> Any:
    """The trial of the test, for it and for its fixtures: its decisions are assertions, with a
    bound on the chance that one is wrong.
    """
    item = request.node
    item.stash[TRIAL] = _new_trial(item)
    return item.stash[TRIAL]


def _new_trial(item: pytest.Item) -> Any:
    seed = item.config.getoption("trial_seed")
    claim = item.stash.get(CLAIM, None)
    if claim is not None:
        from theory_on_trial.trial.decisions import Trial

        progress = _progress(item.config, claim.id)
        return Trial(claim.id, seed, progress, claim.error, claim.expected == "VERIFIED")
    from theory_on_trial.trial.plain import PlainTrial

    name = _own_id(item)
    return PlainTrial(name, seed, _progress(item.config, name), _error(item.config))


def _own_id(item: pytest.Item) -> str:
    """The id of a plain test, which names its random numbers and its row: that of pytest, with its
    file below the repository around it, whatever the root of the run is.
    """
    from theory_on_trial.repository import root

    _, colons, names = item.stash.get(TEST, item.nodeid).partition("::")
    path = item.path.absolute()
    return f"{path.relative_to(root(path.parent)).as_posix()}{colons}{names}"


def _error(config: pytest.Config) -> float:
    """The chance of error that the ini file sets for plain tests."""
    from theory_on_trial.trial.decisions import checked_error

    text = config.getini("trial_error")
    try:
        return checked_error(float(text))
    except ValueError:
        raise pytest.UsageError(
            f"trial_error must be a probability above 0 and at most 0.1, got {text!r}"
        ) from None


def _progress(config: pytest.Config, claim_id: str) -> Any:
    """Return a callback that shows long sampling on the terminal, past pytest's capture; None where
    there is none.
    """
    capture = config.pluginmanager.getplugin("capturemanager")
    if hasattr(config, "workerinput") or capture is None or not _is_terminal():
        return None
    start = time.monotonic()

    def show(drawn: int, most: int) -> None:
        if time.monotonic() - start > 2:
            with capture.global_and_fixture_disabled():
                # Ends at the start of the line, so that pytest's next output takes its place.
                sys.stderr.write(f"{claim_id}: {drawn} samples, at most {most}".ljust(78) + "\r")
                sys.stderr.flush()

    return show


def _is_terminal() -> bool:
    return bool(sys.__stderr__ and sys.__stderr__.isatty())


def _plain_test(item: pytest.Function) -> Iterator[None]:
    """Call a test that is no claim, and judge its trial if it uses the engine's."""
    explained: Any = nullcontext()
    if TRIAL in item.stash:
        from theory_on_trial.trial.hints import explain

        explained = explain()
    start = time.perf_counter()
    failed: BaseException | None = None
    result = None
    try:
        with explained:
            result = yield
    except Exception as error:
        if TRIAL not in item.stash:
            raise
        from theory_on_trial.trial.plain import NotVerified

        if not isinstance(error, NotVerified):
            _remember_early(item, error)
            _end_where_the_engine_begins(error)
            raise
        failed = error
    finally:
        trial = item.stash.get(TRIAL, None)
        if trial is not None:
            _report_plain(item, trial, time.perf_counter() - start)
    if trial is None:
        return result
    from theory_on_trial.trial.plain import passed

    _fail_if(failed or trial.refusal, item)  # a test that catches it has failed all the same
    if not trial.findings and "trial" in item._fixtureinfo.argnames:
        pytest.fail(
            f"{item.name} takes `trial` and makes no decision: call one, such as "
            "trial.mean(...), or leave the argument out",
            pytrace=False,
        )
    item.user_properties += [("trial", passed(finding)) for finding in trial.findings]
    return result


def _fail_if(failed: BaseException | None, item: pytest.Item) -> None:
    """Fail a plain test of which a decision has failed, without the engine's own lines."""
    from theory_on_trial.trial.plain import NotVerified

    if isinstance(failed, NotVerified):
        pytest.fail(f"{failed}\n{_command(item)}", pytrace=False)
    if failed is not None:
        pytest.fail(f"a decision failed: {failed}", pytrace=False)


def _remember_early(item: pytest.Function, error: BaseException) -> None:
    """Let a test that asks for `trial` and raises before its first decision have a row."""
    trial = item.stash[TRIAL]
    asks = "trial" in item._fixtureinfo.argnames
    if asks and trial.refusal is None and not trial.findings:
        trial.refusal = error


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Judge the trial of a test of a unittest class, which pytest calls by another way.

    What such a test raises is kept in `_excinfo` and never passes here.
    """
    start = time.perf_counter()
    result = yield
    trial = item.stash.get(TRIAL, None)
    if not _is_of_unittest(item) or trial is None:
        return result
    from theory_on_trial.trial.plain import NotVerified, passed

    _report_plain(item, trial, time.perf_counter() - start)  # type: ignore[arg-type]
    raised: list[Any] = item.__dict__.get("_excinfo") or []
    others = [each for each in raised if not isinstance(each.value, NotVerified)]
    for each in others:
        _end_where_the_engine_begins(each.value)
    if raised:
        item.__dict__["_excinfo"] = [
            pytest.ExceptionInfo.from_exc_info((type(e), e, e.__traceback__))
            for e in (each.value for each in others)
        ]
    if others:  # they say themselves why the test has failed
        return result
    _fail_if(trial.refusal, item)
    item.user_properties += [("trial", passed(finding)) for finding in trial.findings]
    return result


def _is_of_unittest(item: pytest.Item) -> bool:
    unittest = sys.modules.get("_pytest.unittest")
    return unittest is not None and isinstance(item, unittest.TestCaseFunction)


def _report_plain(item: pytest.Function, trial: Any, seconds: float) -> None:
    """Let the row of a plain test travel with its report, where a ledger or a page is asked for."""
    item.user_properties[:] = [
        entry for entry in item.user_properties if entry[0] not in _PROPERTIES
    ]
    wanted = item.config.getoption("trial_ledger") or item.config.getoption("trial_report")
    if wanted and (trial.findings or trial.refusal is not None):
        from theory_on_trial.trial.plain import row_of

        statement = (item.function.__doc__ or item.name).strip().partition("\n\n")[0]
        statement = " ".join(statement.split())
        row = row_of(trial, statement, seconds, _command(item), item.function)
        item.user_properties.append(("plain", _packed([row])))


def _command(item: pytest.Item) -> str:
    """The line that repeats a plain test."""
    seed = item.config.getoption("trial_seed")
    return shlex.join(["pytest", item.stash[TEST], "--trial-seed", str(seed)])


def _warn_of_another_trial(item: pytest.Function) -> None:
    """Say that a fixture of the repository has the name of the engine's, which the claim gets."""
    code = item._fixtureinfo.name2fixturedefs["trial"][-1].func.__code__
    item.warn(
        pytest.PytestWarning(
            f"the fixture `trial` of {code.co_filename}:{code.co_firstlineno} shadows the "
            "engine's: a claim gets the engine's all the same, of this run's seed; rename yours"
        )
    )


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """Give a claim its trial, record its verdict, and fail the test if that is not the expected
    one.
    """
    claim = pyfuncitem.stash.get(CLAIM, None)
    if claim is None:
        return (yield from _plain_test(pyfuncitem))
    from theory_on_trial.trial.domain import OutsideDomain
    from theory_on_trial.trial.hints import explain, where
    from theory_on_trial.trial.registry import recorded

    config = pyfuncitem.config
    seed = config.getoption("trial_seed")
    settings = _settings(config, claim)
    # Whatever else a repository calls `trial`, a claim gets this one.
    trial = pyfuncitem.stash.get(TRIAL, None) or _new_trial(pyfuncitem)
    if pyfuncitem.funcargs["trial"] is not trial:
        _warn_of_another_trial(pyfuncitem)
    pyfuncitem.funcargs["trial"] = trial
    pyfuncitem.obj = functools.partial(pyfuncitem.obj, **settings) if settings else pyfuncitem.obj
    pyfuncitem.funcargs.update(
        {name: value for name, value in settings.items() if name in pyfuncitem.funcargs}
    )
    changed = [f"--trial-set={name}={value!r}" for name, value in settings.items()]
    common = ("--trial-tier", claim.tier, "--trial-seed", str(seed))
    command = shlex.join(["pytest", pyfuncitem.stash[TEST], *common, *changed])
    # What a plugin for flaky tests runs again counts once: the last time.
    pyfuncitem.user_properties[:] = [
        entry for entry in pyfuncitem.user_properties if entry[0] not in _PROPERTIES
    ]
    rows: list[Row] = []
    try:
        with recorded(claim, trial, command) as rows, explain(), _no_silent_exit(config, claim.id):
            result = yield
            if claim.as_published is None and any(
                finding.printed is not None for finding in trial.findings
            ):
                needed = (
                    "@claim(…, as_published=published(…)) too: without it no row is judged by it"
                )
                pytest.fail(f"as_published= of a decision needs {needed}", pytrace=False)
    except OutsideDomain as outside:
        pyfuncitem.user_properties.append(
            ("outside", json.dumps(_not_run(claim, f"outside the claim's domain: {outside}")))
        )
        pytest.fail(f"{claim.id} does not hold for these settings: {outside}", pytrace=False)
    except pytest.skip.Exception as skipped:
        if (
            not trial.findings and trial.refusal is None
        ):  # left out; once it has decided, a claim has its row
            rows = []
            pyfuncitem.user_properties.append(
                ("skipped", json.dumps(_not_run(claim, f"skipped: {skipped.msg}")))
            )
        raise
    except Exception as error:
        _end_where_the_engine_begins(error)
        raise
    finally:
        pyfuncitem.user_properties.append(("ledger", _packed(rows)))
    unexpected = [row.failure() for row in rows if not row.as_expected]
    if unexpected:
        unexpected += where(trial.findings)
        pytest.fail("\n".join(unexpected), pytrace=False)
    return result


@contextmanager
def _no_silent_exit(config: pytest.Config, claim_id: str) -> Iterator[None]:
    """Have `os._exit`, after which nothing else of this process runs, say whose it was; its status
    is not that of success. Processes that the claim has forked end as they like.
    """
    own = os.getpid()
    leave = os._exit

    def exit_aloud(status: int) -> None:
        if os.getpid() == own:
            if (capture := config.pluginmanager.getplugin("capturemanager")) is not None:
                capture.suspend_global_capture(in_=True)
            print(f"\n{claim_id} ended pytest by os._exit({status})", file=sys.stderr, flush=True)
        leave(status or (os.getpid() == own))

    os._exit = exit_aloud  # type: ignore[assignment]
    try:
        yield
    finally:
        os._exit = leave


def _end_where_the_engine_begins(error: Exception) -> None:
    """Shorten the traceback of a refusal: it ends in the last line that is not the engine's, which
    is the line to change. If a measurement raises, only the engine's own steps are left out. A
    cause without any line of the caller is left out; the sentence of the refusal names it.
    """
    if error.__cause__ is not None and not any(map(_is_outside, _steps(error.__cause__))):
        error.__cause__ = None
    steps = _steps(error)
    if steps and _of_engine(steps[-1]):
        outside = [step for step in steps if _is_outside(step)]
        if outside:
            outside[-1].tb_next = None
        return
    shown = [step for step in steps if not _of_engine(step)]
    for step, following in pairwise(shown):
        step.tb_next = following


def _steps(error: BaseException) -> list[TracebackType]:
    steps = []
    step = error.__traceback__
    while step is not None:
        steps.append(step)
        step = step.tb_next
    return steps


def _of_engine(step: TracebackType) -> bool:
    return step.tb_frame.f_code.co_filename.startswith(str(Path(__file__).parent))


def _is_outside(step: TracebackType) -> bool:
    """Whether a step of a traceback belongs neither to the engine nor to what calls tests."""
    around = ("_pytest", "pluggy", "beartype", "jaxtyping", "jax", "unittest")
    module: str = step.tb_frame.f_globals.get("__name__", "")
    return not _of_engine(step) and module.partition(".")[0] not in around


_MANY = 60
"""A run of more claims shows its progress, and rows only where a verdict is unexpected."""
_OUTSIDE = 2  # the exit status of a usage that no claim answers
# Of a claim's report, beside those of other plugins
_PROPERTIES = (
    "ledger",
    "skipped",
    "outside",
    "plain",
    "trial",
)


def _not_run(claim: Any, reason: str) -> list[dict[str, str]]:
    """The ledger's entries for a claim that was left out, and for its published form."""
    names = [claim.id] + [f"{claim.id}-as-published"] * (claim.as_published is not None)
    return [{"id": name, "tier": claim.tier, "reason": reason} for name in names]


def _the_same(items: list[pytest.Item], config: pytest.Config) -> list[pytest.Item]:
    """Return the items that `--trial-set` makes the same as one before them; that one has the new
    values in its id.
    """
    ids = set()
    copies = []
    for item in items:
        parameters: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
        claim = item.stash.get(CLAIM, None)
        if claim is None or not parameters.keys() & (settings := _settings(config, claim)).keys():
            continue
        from dataclasses import replace

        values = parameters | {
            name: value for name, value in settings.items() if name in parameters
        }
        label = "-".join(f"{name}={value!r}" for name, value in values.items())
        claim_id = f"{claim.id.partition('[')[0]}[{label}]"
        if claim_id in ids:
            copies.append(item)
        else:
            item.stash[CLAIM] = replace(claim, id=claim_id)
            ids.add(claim_id)
    return copies


def _settings(config: pytest.Config, claim: Any) -> dict[str, Any]:
    """Return the values that `--trial-set` gives to settings of a claim."""
    try:
        settings = settings_of(config.getoption("trial_set"), "--trial-set")
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None
    return {name: value for name, value in settings.items() if name in claim.settings}


def settings_of(texts: Sequence[str], option: str) -> dict[str, Any]:
    """Return the settings that NAME=VALUE texts give; raise `ValueError` for one without a value
    that is a literal.
    """
    settings = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"{option} takes NAME=VALUE, got {text!r}")
        try:
            settings[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            raise ValueError(
                f"{option} {name} must be a literal such as 3, (1, 2) or 'a', got {value}"
            ) from None
    return settings


def _packed(rows: list[Row]) -> str:
    """Rows as JSON, in which they travel with a report: pytest-xdist carries it, and a junit file
    shows it.
    """
    from dataclasses import asdict

    from theory_on_trial.ledger.files import strict

    return json.dumps([strict(asdict(row)) for row in rows])


def _rows_in(properties: list[tuple[str, Any]], kind: str) -> list[Row]:
    """The rows that a report carries; nothing is imported for one without any."""
    entries = [row for name, rows in properties if name == kind for row in json.loads(rows)]
    if not entries:
        return []
    from theory_on_trial.ledger import Row

    return [Row(**entry) for entry in entries]


def _rows_of_a_run(book: dict[str, Any]) -> str:
    """How many rows an unfinished run has decided, and in which tests it ended."""
    ended = [e["id"] for e in book.get("not_run", []) if e["reason"].startswith("running")]
    about = f" that was ended in {', '.join(ended)}" if ended else ""
    return f"{len(book['claims'])} row{'s' * (len(book['claims']) != 1)} of a run{about}"


def _remarks(journal: Any, asked: Path) -> list[str]:
    """A sentence on a run that is writing the same ledger, and on one that left its rows behind."""
    remarks = []
    if journal.number > 1:
        remarks.append(f"another run is writing {asked}: this one writes {journal.ledger}")
    if journal.left is not None:
        from theory_on_trial.ledger.journal import read_journal

        try:
            rows = _rows_of_a_run(read_journal(journal.left))
        except ValueError:
            rows = "what a run wrote"
        remarks.append(
            f"{journal.left} keeps {rows}: it wrote no ledger, and --trial-resume {journal.left} "
            "continues it"
        )
    return remarks


class Ledger:
    """Collects rows from this process, or from the workers of pytest-xdist, and shows them at the
    end.
    """

    def __init__(self, config: pytest.Config):
        self.config = config
        self.rows: list[Row] = []
        self.not_run: dict[str, dict[str, str]] = {}
        self.deselected: set[str] = set()  # by -k or -m
        self.outside = 0  # how many claims said nothing for their settings
        self.heard = False  # whether a claim has had its line
        self.progress: Any = None  # of a run of many claims
        self.told: set[str] = set()  # rows of which pytest itself says why they fail
        self.running: dict[str, None] = {}  # tests that have begun and not ended
        self.journal: Any = None  # of the rows, where a ledger is asked for
        self.commit: str | None = None
        self.remarks: list[str] = []  # on other runs that write the ledger, or did not end
        self.unwritten: list[str] = []  # a sentence for each file that could not be written
        self.contradicted: list[str] = []  # statements of abstracts that the rows contradict

    def pytest_sessionstart(self) -> None:
        """Begin the file that keeps the rows, with those of a run that is resumed."""
        book = self.config.stash.get(RESUMED, None)
        if book is not None:
            from dataclasses import fields

            from theory_on_trial.ledger import Row

            names = {field.name for field in fields(Row)}
            self.rows = [
                Row(**{name: row[name] for name in row if name in names}) for row in book["claims"]
            ]
        if not _keeps_rows(self.config) or self.config.option.collectonly:
            return
        from theory_on_trial.ledger.facts import (
            engine_version,
            now,
            platform_facts,
            repository_name,
        )
        from theory_on_trial.ledger.journal import Journal, left_by, numbered

        self.commit = _commit(self.config)
        facts: dict[str, Any] = {
            "seed": self.config.getoption("trial_seed"),
            "tier": self.config.getoption("trial_tier"),
            "settings": self.config.getoption("trial_set"),
            "repository": repository_name(self.config.rootpath),
            "commit": self.commit,
            "date": now(),
            "engine": engine_version(),
            "platform": platform_facts(),
        }
        asked = self.config.getoption("trial_ledger")
        kept = [] if book is None else book["claims"]
        resumed = self.config.getoption("trial_resume")
        self.journal = Journal(asked, facts, kept, None if resumed is None else left_by(resumed))
        # Another run may be writing the ledger of this name, and so the report
        self.config.option.trial_ledger = self.journal.ledger
        if (report := self.config.getoption("trial_report")) is not None:
            self.config.option.trial_report = numbered(report, self.journal.number)
        self.remarks = _remarks(self.journal, asked)

    def decided(self) -> set[str]:
        """The claims, and the plain tests, that a run which is resumed has decided."""
        book: dict[str, Any] = self.config.stash.get(RESUMED, {"claims": []})
        here = {row["id"] for row in book["claims"]}
        return here | set(getattr(self.config, "workerinput", {}).get("trial_decided", ()))

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker of pytest-xdist which tests are decided already."""
        node.workerinput["trial_decided"] = sorted(self.decided())

    def pytest_report_header(self) -> list[str]:
        """Say how many rows the resumed run has decided, and what other runs have left."""
        book = self.config.stash.get(RESUMED, None)
        resumed = [] if book is None else [f"resumed: {_rows_of_a_run(book)}"]
        return [*resumed, *self.remarks]

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Remember the test that is running."""
        self.running[nodeid] = None
        if self.journal is not None:
            self.journal.begin(nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Remember that it has ended."""
        self.running.pop(nodeid, None)
        if self.journal is not None:
            self.journal.end(nodeid)
        if self.progress is not None:
            self._show_progress(self.progress.end(nodeid))

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Leave out, and list, the claims above the tier of this run; `--trial-list` wants them
        all.
        """
        if config.getoption("trial_list"):
            return
        tier = config.getoption("trial_tier")
        claims = [(item, item.stash.get(CLAIM, None)) for item in items]
        names = {name for _, claim in claims if claim is not None for name in claim.settings}
        for text in config.getoption("trial_set") if names else []:
            if (name := text.partition("=")[0]) not in names:
                raise pytest.UsageError(
                    f"--trial-set: no claim has a setting {name!r}; the settings are "
                    f"{', '.join(sorted(names))}"
                )
        above = [
            (item, c)
            for item, c in claims
            if c is not None and TIERS.index(c.tier) > TIERS.index(tier)
        ]
        for _, claim in above:
            for entry in _not_run(claim, f"tier {claim.tier} is above this run's tier {tier}"):
                self.not_run[entry["id"]] = entry
        decided = self.decided()
        resumed = [
            item
            for item, claim in claims
            if decided and (_own_id(item) if claim is None else claim.id) in decided
        ]
        out = [*(item for item, _ in above), *resumed, *_the_same(items, config)]
        if out:
            config.hook.pytest_deselected(items=out)
            left_out = {id(item) for item in out}
            items[:] = [item for item in items if id(item) not in left_out]

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Remember which claims the selection left out: a comparison does not call them gone."""
        claims = [item.stash[CLAIM] for item in items if CLAIM in item.stash]
        self.deselected |= {entry["id"] for claim in claims for entry in _not_run(claim, "")} - set(
            self.not_run
        )

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: Sequence[str]) -> None:
        """Begin to count, in the controlling process of pytest-xdist, which collects nothing."""
        if self.progress is None:
            self._begin_progress(ids)

    def _begin_progress(self, tests: Sequence[str]) -> None:
        """Show the progress in place of rows where many claims run, unless all rows are wanted."""
        terminal = self.config.pluginmanager.getplugin("terminalreporter")
        is_wanted = self._speaks() and self.config.get_verbosity() == 0 and terminal is not None
        if not is_wanted or self.config.option.collectonly or len(tests) <= _MANY:
            return
        from theory_on_trial.base.papers_done import Progress

        progress = Progress(tests, self.config.rootpath)
        if progress.claims > _MANY:
            self.progress = progress
            terminal.showfspath = False

    def _show_progress(self, is_step: bool) -> None:
        """Show the progress on a terminal, in a line that the next one replaces; in a file, a line
        for each step.
        """
        if _is_terminal():
            self._on_terminal(str(self.progress))
        elif is_step:
            writer = self.config.get_terminal_writer()
            if writer.width_of_current_line:
                writer.line()
            writer.line(str(self.progress))
            writer.flush()

    def _on_terminal(self, text: str) -> None:
        """Write a line past pytest's capture, and go back to its beginning."""
        room = self.config.get_terminal_writer().fullwidth - 1
        capture = self.config.pluginmanager.getplugin("capturemanager")
        with nullcontext() if capture is None else capture.global_and_fixture_disabled():
            sys.stderr.write(text[:room].ljust(room) + "\r")
            sys.stderr.flush()

    def _clear_progress(self) -> None:
        if self.progress is not None and _is_terminal():
            self._on_terminal("")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Begin to count the claims; write their list, if asked for."""
        if not hasattr(self.config, "workerinput"):
            self._begin_progress([item.nodeid for item in session.items])
        path = self.config.getoption("trial_list")
        if path is None or hasattr(self.config, "workerinput"):
            return
        from theory_on_trial.trial.cases import stated
        from theory_on_trial.trial.registry import facts

        entries = []
        for item in (item for item in session.items if CLAIM in item.stash):
            parameters: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
            for entry in facts(item.stash[CLAIM], item.nodeid):
                values = {
                    name: stated(value)
                    for name, value in parameters.items()
                    if name in entry["settings"]
                }
                entries.append(entry | {"settings": entry["settings"] | values})
        from theory_on_trial.base.files import NotWritten, write_text

        try:
            write_text(path, json.dumps(entries))
        except NotWritten as error:
            raise pytest.UsageError(str(error)) from None

    def _left_out(self, report: pytest.TestReport) -> None:
        """List a claim that never began: skipped by a mark or a fixture, or with a fixture that
        failed.
        """
        properties: list[tuple[str, Any]] = report.user_properties
        why = (
            report.longrepr[2]
            if isinstance(report.longrepr, tuple)
            else getattr(report, "wasxfail", "")
        )
        reason = f"{report.outcome} before it started: {why or 'see its error'}"
        for entry in (
            entry
            for name, entries in properties
            if name == "claim"
            for entry in json.loads(entries)
        ):
            self.not_run[entry["id"]] = entry | {"reason": reason}

    @pytest.hookimpl(trylast=True)  # after pytest's own word on the test
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the rows that travel with a test's report (in the controlling process, under xdist),
        and show them.
        """
        outcome: str = report.outcome
        if report.when == "setup" and outcome != "passed":
            self._left_out(report)
        if report.when not in (
            "setup",
            "call",
            "teardown",
        ):  # pytest-xdist's word on a worker that died
            from theory_on_trial.ledger.journal import DIED

            entry = {"id": report.nodeid, "tier": "", "reason": DIED}
            self.not_run[report.nodeid] = entry
            if self.journal is not None:
                self.journal.keep([], [entry])
            self.pytest_runtest_logfinish(report.nodeid)
        if report.when == "call" and outcome != "rerun":
            properties: list[tuple[str, Any]] = report.user_properties  # typed as object by pytest
            rows = _rows_in(properties, "ledger")
            kept = rows + _rows_in(properties, "plain")
            self.rows += kept
            self.told |= {
                row.id for row in rows if outcome == "failed" and self.config.option.tbstyle != "no"
            }
            left_out = [
                entry
                for name, entries in properties
                if name in ("skipped", "outside")
                for entry in json.loads(entries)
            ]
            self.not_run |= {entry["id"]: entry for entry in left_out}
            self.outside += any(name == "outside" for name, _ in properties)
            if self.journal is not None and (kept or left_out):
                from dataclasses import asdict

                from theory_on_trial.ledger.files import strict

                self.journal.keep([strict(asdict(row)) for row in kept], left_out)
            self._speak(rows)
            self._speak_of_plain_tests([text for name, text in properties if name == "trial"])

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Leave out the dot of a claim that has a line of its own, and of what is counted."""
        if self.progress is not None and not report.passed:
            self._clear_progress()
        if (
            not self._speaks()
            or report.when != "call"
            or report.skipped
            or hasattr(report, "wasxfail")
        ):
            return None
        if self.progress is not None and report.passed:
            return report.outcome, "", report.outcome.upper()
        if not any(name == "ledger" and rows != "[]" for name, rows in report.user_properties):
            return None
        return report.outcome, "", report.outcome.upper()

    def _speaks(self) -> bool:
        return not hasattr(self.config, "workerinput") and self.config.get_verbosity() >= 0

    def _width(self) -> int | None:
        """How wide a line may be: the terminal, but neither narrower nor wider than one can be
        read. None where the output is no terminal and COLUMNS gives no width: nothing is cut there.
        """
        from theory_on_trial.ledger.terminal import WIDTH

        terminal = self.config.pluginmanager.getplugin("terminalreporter")
        if "COLUMNS" not in os.environ and not (terminal and terminal.isatty):
            return None
        return max(min(self.config.get_terminal_writer().fullwidth, WIDTH), 80)

    def _speak(self, rows: list[Row]) -> None:
        """Print a line for each row that has just been decided, and under `-v` its controls; where
        many claims run, for those that are unexpected.
        """
        if self.progress is not None:
            rows = [row for row in rows if not row.as_expected]
            self.progress.unexpected += len(rows)
        if not rows or not self._speaks():
            return
        self._clear_progress()
        from theory_on_trial.formula.marks import plain
        from theory_on_trial.ledger.terminal import heading, line

        writer = self.config.get_terminal_writer()
        width = self._width()
        if writer.width_of_current_line:
            writer.line()
        if not self.heard:
            writer.line(heading(width), bold=True)
        self.heard = True
        for row in rows:
            writer.line(line(row, width), **_colour(row.as_expected))
            for control in row.controls if self.config.get_verbosity() > 0 else []:
                case = f" ({control['case']})" if control.get("case") else ""
                name = plain(control["name"])
                writer.line(f"      control {name}{case}: {control['verdict']}")
        writer.flush()

    def _speak_of_plain_tests(self, sentences: list[str]) -> None:
        """Print under `-v` what a plain test that passed has measured."""
        if not sentences or not self._speaks() or self.config.get_verbosity() < 1:
            return
        writer = self.config.get_terminal_writer()
        if writer.width_of_current_line:
            writer.line()
        for sentence in sentences:
            writer.line(f"      {sentence}")
        writer.flush()

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Send the list of what was not run to the controlling process, or write the files."""
        self._clear_progress()
        if hasattr(self.config, "workerinput"):
            left_out = {
                "claims_not_run": list(self.not_run.values()),
                "claims_deselected": sorted(self.deselected),
                "used_jax": "jax" in sys.modules,
            }
            self.config.workeroutput.update(left_out)  # type: ignore[attr-defined]
            return
        interrupted = session.exitstatus == pytest.ExitCode.INTERRUPTED
        if interrupted and self.journal is not None:
            from theory_on_trial.ledger.journal import RUNNING

            for test in self.running:
                self.not_run[test] = {"id": test, "tier": "", "reason": RUNNING}
        if not self.rows and not self.not_run:
            self._close_journal()
            return
        self.rows.sort(key=lambda row: row.paper)
        # A test that is marked xfail, or skips itself after a decision, is no failure of pytest's.
        unexpected = not all(row.as_expected for row in self.rows)
        if unexpected and session.exitstatus == 0:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self.outside and session.testsfailed == self.outside:  # nothing else failed
            session.exitstatus = _OUTSIDE
        self.contradicted = self._contradicted_abstracts()
        if self.contradicted and session.exitstatus == 0:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        self._write_files(interrupted)
        self._close_journal()
        if self.unwritten and session.exitstatus == 0:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _contradicted_abstracts(self) -> list[str]:
        """A sentence for each statement of an abstract whose answer the verdicts contradict."""
        from theory_on_trial.repository import abstract

        sentences = []
        claims = (row for row in self.rows if "::" not in row.id.partition("[")[0])
        for paper in dict.fromkeys(row.paper for row in claims):  # plain tests are of no paper
            try:
                sentences += abstract.contradicted(paper, self.rows, self.config.rootpath)
            except ValueError as error:
                sentences.append(str(error))
        return sentences

    def _close_journal(self) -> None:
        if self.journal is None:
            return
        kept = bool(self.unwritten) and self.journal.trouble is None
        self.journal.close(keep=kept)
        if kept:
            self.unwritten.append(f"the rows are in {self.journal.path}")

    def _write_files(self, interrupted: bool) -> None:
        """Write ledger and page; if a file cannot be written, the end says so and the rows are
        kept.
        """
        from theory_on_trial.base.files import NotWritten

        path = self.config.getoption("trial_ledger")
        report = self.config.getoption("trial_report")
        if not path and not report:
            return
        from theory_on_trial.ledger import Ledger as Book
        from theory_on_trial.ledger import repository_name, write_json

        commit = self.commit or _commit(self.config) or ""
        book = Book(
            self.rows,
            seed=self.config.getoption("trial_seed"),
            tier=self.config.getoption("trial_tier"),
            settings=self.config.getoption("trial_set"),
            interrupted=interrupted,
            not_run=list(self.not_run.values()),
            deselected=sorted(self.deselected),
            repository=repository_name(self.config.rootpath),
            commit=commit.removesuffix("+") or None,
            dirty=commit.endswith("+"),
        )
        if path:
            try:
                write_json(path, book)
            except NotWritten as error:
                self.unwritten.append(str(error))
        if report:
            from theory_on_trial.page.written import write_report

            try:
                write_report(report, book, self.config.rootpath)
            except NotWritten as error:
                self.unwritten.append(str(error))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: Any) -> None:
        """Take over the list of what a worker of pytest-xdist has not run."""
        for entry in getattr(node, "workeroutput", {}).get("claims_not_run", []):
            self.not_run[entry["id"]] = entry
        self.deselected |= set(getattr(node, "workeroutput", {}).get("claims_deselected", []))
        if getattr(node, "workeroutput", {}).get("used_jax"):
            import jax  # noqa: F401 -- the ledger tells its platform

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the ledger."""
        if self.config.option.collectonly:
            return
        if not (self.rows or self.not_run):
            for option in (
                name for name in ("ledger", "report") if self.config.getoption(f"trial_{name}")
            ):
                path = self.config.getoption(f"trial_{option}")
                terminalreporter.write_line(
                    f"no claim was collected, so {path} is not written", red=True
                )
            return
        from dataclasses import replace

        from theory_on_trial.ledger.terminal import not_run_sentence, summary, table, totals
        from theory_on_trial.ledger.verdict import RAISED

        tier = self.config.getoption("trial_tier")
        seed = self.config.getoption("trial_seed")
        terminalreporter.ensure_newline()
        terminalreporter.section(f"ledger (seed {seed}, tier {tier})", sep="=")
        failing = any(not row.as_expected for row in self.rows)
        layout = table if self.config.getoption("trial_table") else summary
        if self.config.get_verbosity() < 0 and layout is summary and not failing:
            layout = totals
        # What pytest has said above is not said again.
        rows = [
            replace(row, note=f"{RAISED} an exception" if row.note.startswith(RAISED) else "")
            if row.id in self.told
            else row
            for row in self.rows
        ]
        for text in layout(rows, self._width()) if rows else []:
            terminalreporter.write_line(
                text, **(_colour(text[0] == "+") if text[:2] in ("+ ", "! ") else {})
            )
        if self.not_run:
            terminalreporter.write_line(not_run_sentence(list(self.not_run.values()), tier))
        if self.progress is not None and not self.config.getoption("trial_report"):
            terminalreporter.write_line("every row: --trial-report report.html, or -v")
        for option in ("ledger", "report"):
            path = self.config.getoption(f"trial_{option}")
            if path and not any(text.startswith(f"{path} ") for text in self.unwritten):
                terminalreporter.write_line(f"{option}: {path}")
        for sentence in [*self.contradicted, *self.remarks, *self.unwritten]:
            terminalreporter.write_line(sentence, red=True)


def _colour(as_expected: bool) -> dict[str, bool]:
    return {"green": True} if as_expected else {"red": True, "bold": True}


LEDGER: pytest.StashKey[Ledger] = pytest.StashKey()
CLAIM: pytest.StashKey[Any] = pytest.StashKey()
TEST: pytest.StashKey[str] = pytest.StashKey()
"""The id of a test below pytest's root, by which a command names it."""
RESUMED: pytest.StashKey[dict[str, Any]] = pytest.StashKey()
"""The rows of the run that is resumed, in the form of a ledger."""
TRIAL: pytest.StashKey[Any] = pytest.StashKey()
"""The trial that the engine's own fixture has made."""
