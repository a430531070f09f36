"""The pytest plugin: options, one ledger row per claim, the ledger at the end. Installed as an
entry point.

Nothing heavy is imported unless claims were collected, so that other test suites pay nothing for
it.
"""

from __future__ import annotations

import ast
import functools
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from theory_on_trial.ledger import Row

TIERS = ("fast", "full", "paper")
KINDS = ("identity", "bound", "rate", "limit", "distribution", "optimality", "empirical")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of a trial, all of one prefix, which no other plugin and no conftest has."""
    group = parser.getgroup("theory on trial")
    group.addoption(
        "--trial-tier",
        choices=TIERS,
        default="fast",
        help="claims up to this cost: fast (default), full or paper",
    )
    group.addoption(
        "--trial-seed",
        type=int,
        default=0,
        help="decides every random number of the trial (default 0)",
    )
    group.addoption("--trial-ledger", type=Path, metavar="PATH", help="write the ledger as JSON")
    group.addoption(
        "--trial-report",
        type=Path,
        metavar="PATH",
        help="write the ledger as one self-contained HTML page",
    )
    group.addoption(
        "--trial-set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="another value for a setting of the claims that have it, e.g. --trial-set dim=500",
    )
    group.addoption(
        "--trial-table", action="store_true", help="print the whole ledger as a table at the end"
    )
    group.addoption(
        "--trial-list", type=Path, metavar="PATH", help="write what claims were collected as JSON"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Start an empty ledger; refuse a path that could not be written at the end of the run."""
    for option in ("ledger", "report", "list"):
        path = config.getoption(f"trial_{option}")
        if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
            raise pytest.UsageError(
                f"--trial-{option} must name a file in a folder that exists, got {path}"
            )
    for tier in TIERS:
        config.addinivalue_line("markers", f"{tier}: claims of the {tier} tier (set by @claim)")
    for kind in KINDS:
        config.addinivalue_line("markers", f"{kind}: claims of kind {kind} (set by @claim)")
    config.stash[LEDGER] = Ledger(config)
    config.pluginmanager.register(config.stash[LEDGER], "theory-on-trial-ledger")


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    """Refuse a paper on one page that is none: a side that reaches the other, a setting without a
    domain.
    """
    report: Any = yield
    if isinstance(collector, pytest.Module) and report.passed:
        from theory_on_trial.trial.elsewhere import crossings_elsewhere
        from theory_on_trial.trial.sides import crossings, marked

        functions = {
            getattr(item, "function", None): None for item in report.result
        }  # parametrised: several items
        checks: list[Any] = [check for check in functions if hasattr(check, "claim")]
        sentences = [
            f"{check.claim.id}: a domain stands in Annotated, {name}: Annotated[float, …] or "
            "Annotated[int, …]"
            for check in checks
            for name, domain in check.__annotations__.items()
            if hasattr(domain, "admits")
        ]
        if marked(collector.path):
            from theory_on_trial.trial.domain import unguarded

            sentences += crossings(collector.path) + crossings_elsewhere(collector.path)
            sentences += [text for check in checks for text in unguarded(check)]
        if sentences:
            report.outcome, report.longrepr, report.result = "failed", "\n".join(sentences), []
    return report  # type: ignore[no-any-return]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give a claim its id under its parameters, by which `-k` finds it, and its tier and kind as
    markers.
    """
    claim = getattr(getattr(item, "function", None), "claim", None)
    if claim is None:
        return
    from dataclasses import replace

    callspec = getattr(item, "callspec", None)
    claim = claim if callspec is None else replace(claim, id=f"{claim.id}[{callspec.id}]")
    item.stash[CLAIM] = claim
    item.user_properties.append(("claim", _not_run(claim, "")))
    item.extra_keyword_matches.add(claim.id)
    item.add_marker(claim.tier)
    item.add_marker(claim.kind)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse a claim that is drawn by Hypothesis, whose own complaint would be about fixtures."""
    handle = getattr(getattr(item, "function", None), "hypothesis", None)
    if handle is not None and hasattr(getattr(handle, "inner_test", None), "claim"):
        pytest.fail(
            f"{item.name} cannot be a claim and drawn by @given: a verdict is on stated settings",
            pytrace=False,
        )


@pytest.fixture
def trial(request: pytest.FixtureRequest) -> Any:
    """The trial of the claim under test, for the claim and for its fixtures."""
    if CLAIM not in request.node.stash:
        raise pytest.UsageError(
            f"{request.node.name} asks for `trial` but is not a claim: decorate it with @claim(...)"
        )
    return _new_trial(request.node)


def _new_trial(item: pytest.Item) -> Any:
    from theory_on_trial.trial.decisions import Trial

    claim = item.stash[CLAIM]
    return Trial(
        claim.id, item.config.getoption("trial_seed"), progress=_progress(item.config, claim.id)
    )


def _progress(config: pytest.Config, claim_id: str) -> Any:
    """Return a callback that shows long sampling on the terminal, past pytest's capture; None where
    there is none.
    """
    import time

    capture = config.pluginmanager.getplugin("capturemanager")
    if (
        hasattr(config, "workerinput")
        or capture is None
        or not (sys.__stderr__ and sys.__stderr__.isatty())
    ):
        return None
    start = time.monotonic()

    def show(drawn: int, most: int) -> None:
        if time.monotonic() - start > 2:
            with capture.global_and_fixture_disabled():
                # Ends at the start of the line, so that pytest's next output takes its place.
                sys.stderr.write(f"{claim_id}: {drawn} samples, at most {most}".ljust(78) + "\r")
                sys.stderr.flush()

    return show


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """Give a claim its trial, record its verdict, and fail the test if that is not the expected
    one.
    """
    claim = pyfuncitem.stash.get(CLAIM, None)
    if claim is None:
        return (yield)
    from dataclasses import asdict

    from theory_on_trial.trial.decisions import Trial
    from theory_on_trial.trial.domain import OutsideDomain
    from theory_on_trial.trial.hints import explain, where
    from theory_on_trial.trial.registry import recorded

    config = pyfuncitem.config
    seed = config.getoption("trial_seed")
    settings = _settings(config, claim)
    # Whatever else a repository calls `trial`, a claim gets this one.
    given = pyfuncitem.funcargs["trial"]
    trial = pyfuncitem.funcargs["trial"] = (
        given if isinstance(given, Trial) else _new_trial(pyfuncitem)
    )
    pyfuncitem.obj = functools.partial(pyfuncitem.obj, **settings) if settings else pyfuncitem.obj
    pyfuncitem.funcargs.update(
        {name: value for name, value in settings.items() if name in pyfuncitem.funcargs}
    )
    changed = "".join(f" --trial-set {name}={value!r}" for name, value in settings.items())
    command = f'pytest "{pyfuncitem.nodeid}" --trial-tier {claim.tier} --trial-seed {seed}{changed}'
    # What a plugin for flaky tests runs again counts once: the last time.
    pyfuncitem.user_properties[:] = [
        entry for entry in pyfuncitem.user_properties if entry[0] not in _PROPERTIES
    ]
    rows: list[Row] = []
    try:
        with recorded(claim, trial, command) as rows, explain():
            result = yield
            if claim.as_published is None and any(
                finding.printed is not None for finding in trial.findings
            ):
                needed = (
                    "@claim(…, as_published=paper(…, says=…)) too: without it no row is "
                    "judged by it"
                )
                pytest.fail(f"as_published= of a decision needs {needed}", pytrace=False)
    except OutsideDomain as outside:
        pyfuncitem.user_properties.append(
            ("outside", _not_run(claim, f"outside the claim's domain: {outside}"))
        )
        pytest.fail(f"{claim.id} says nothing for these settings: {outside}", pytrace=False)
    except pytest.skip.Exception as skipped:
        if (
            not trial.findings and trial.refusal is None
        ):  # left out; once it has decided, a claim has its row
            rows = []
            pyfuncitem.user_properties.append(
                ("skipped", _not_run(claim, f"skipped: {skipped.msg}"))
            )
        raise
    except Exception as error:
        _end_where_the_engine_begins(error)
        raise
    finally:
        pyfuncitem.user_properties.append(("ledger", [asdict(row) for row in rows]))
    unexpected = [row.failure() for row in rows if not row.as_expected]
    if unexpected:
        unexpected += where(trial.findings)
        pytest.fail("\n".join(unexpected), pytrace=False)
    return result


def _end_where_the_engine_begins(error: Exception) -> None:
    """Cut the traceback of what the engine refuses: the line to change is the last one that is not
    the engine's.

    A cause without such a line is left out; the refusal's own sentence names it.
    """
    if error.__cause__ is not None and _last_outside(error.__cause__)[0] is None:
        error.__cause__ = None
    last, in_engine = _last_outside(error)
    if last is not None and in_engine:
        last.tb_next = None


def _last_outside(error: BaseException) -> tuple[TracebackType | None, bool]:
    """The last step of a traceback that is not the engine's, and whether the very last one is."""
    engine = str(Path(__file__).parent)
    last = None
    step = error.__traceback__
    in_engine = False
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        module = step.tb_frame.f_globals.get("__name__", "")
        in_engine = file.startswith(engine)
        if not in_engine and module.partition(".")[0] not in (
            "_pytest",
            "pluggy",
            "beartype",
            "jaxtyping",
            "jax",
        ):
            last = step
        step = step.tb_next
    return last, in_engine


_OUTSIDE = 2  # the exit status of a usage that no claim answers
_PROPERTIES = (
    "ledger",
    "skipped",
    "outside",
)  # of a claim's report, beside those of other plugins


def _not_run(claim: Any, reason: str) -> list[dict[str, str]]:
    """What the ledger says of a claim that was left out, and of its published form."""
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
        self.told: set[str] = set()  # rows of which pytest itself says why they fail

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
                    f"--trial-set: no claim has a setting {name!r}; there are "
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
        out = [*(item for item, _ in above), *_the_same(items, config)]
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

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Write what claims there are, if asked for."""
        path = self.config.getoption("trial_list")
        if path is None or hasattr(self.config, "workerinput"):
            return
        from theory_on_trial.trial.registry import facts

        entries = []
        for item in (item for item in session.items if CLAIM in item.stash):
            parameters: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
            for entry in facts(item.stash[CLAIM], item.nodeid):
                values = {
                    name: repr(value)
                    for name, value in parameters.items()
                    if name in entry["settings"]
                }
                entries.append(entry | {"settings": entry["settings"] | values})
        path.write_text(json.dumps(entries), encoding="utf-8")

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
        reason = f"{report.outcome} before it began: {why or 'see its error'}"
        for entry in (
            entry for name, entries in properties if name == "claim" for entry in entries
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
            reason = "the process that ran it died"
            self.not_run[report.nodeid] = {"id": report.nodeid, "tier": "", "reason": reason}
        if report.when == "call" and outcome != "rerun":
            from theory_on_trial.ledger import Row

            properties: list[tuple[str, Any]] = report.user_properties  # typed as object by pytest
            rows = [Row(**row) for name, rows in properties if name == "ledger" for row in rows]
            self.rows += rows
            self.told |= {
                row.id for row in rows if outcome == "failed" and self.config.option.tbstyle != "no"
            }
            left_out = [
                entry
                for name, entries in properties
                if name in ("skipped", "outside")
                for entry in entries
            ]
            self.not_run |= {entry["id"]: entry for entry in left_out}
            self.outside += any(name == "outside" for name, _ in properties)
            self._speak(rows)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Leave out the dot of a claim that has a line of its own."""
        if (
            not self._speaks()
            or report.when != "call"
            or report.skipped
            or hasattr(report, "wasxfail")
        ):
            return None
        if not any(name == "ledger" and rows for name, rows in report.user_properties):
            return None
        return report.outcome, "", report.outcome.upper()

    def _speaks(self) -> bool:
        return not hasattr(self.config, "workerinput") and self.config.get_verbosity() >= 0

    def _width(self) -> int:
        """How wide a line may be: the terminal, but neither narrower nor wider than one can be
        read.
        """
        from theory_on_trial.ledger.terminal import WIDTH

        return max(min(self.config.get_terminal_writer().fullwidth, WIDTH), 80)

    def _speak(self, rows: list[Row]) -> None:
        """Print a line for each row that has just been decided, and under `-v` its controls."""
        if not rows or not self._speaks():
            return
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
                writer.line(f"      control {control['name']}{case}: {control['verdict']}")
        writer.flush()

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hand what was not run to the controlling process, or write the files."""
        if hasattr(self.config, "workerinput"):
            left_out = {
                "claims_not_run": list(self.not_run.values()),
                "claims_deselected": sorted(self.deselected),
                "used_jax": "jax" in sys.modules,
            }
            self.config.workeroutput.update(left_out)  # type: ignore[attr-defined]
            return
        if not self.rows and not self.not_run:
            return
        self.rows.sort(key=lambda row: row.paper)
        # A test that is marked xfail, or skips itself after a decision, is no failure of pytest's.
        unexpected = not all(row.as_expected for row in self.rows)
        if unexpected and session.exitstatus == 0:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self.outside and session.testsfailed == self.outside:  # nothing else failed
            session.exitstatus = _OUTSIDE
        ledger = self.config.getoption("trial_ledger")
        report = self.config.getoption("trial_report")
        seed = self.config.getoption("trial_seed")
        tier = self.config.getoption("trial_tier")
        if ledger:
            from theory_on_trial.ledger import write_json

            interrupted = session.exitstatus == pytest.ExitCode.INTERRUPTED
            unrun = list(self.not_run.values())
            deselected = sorted(self.deselected)
            write_json(ledger, self.rows, unrun, deselected, seed, tier, interrupted=interrupted)
        if report:
            from theory_on_trial.page.report import write_html

            write_html(
                report, self.rows, list(self.not_run.values()), seed, tier, self.config.rootpath
            )

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: Any) -> None:
        """Take over what a worker of pytest-xdist has not run."""
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
                    f"no claim was collected: {path} is not written", red=True
                )
            return
        from dataclasses import replace

        from theory_on_trial.ledger.terminal import not_run_sentence, summary, table, totals

        tier = self.config.getoption("trial_tier")
        seed = self.config.getoption("trial_seed")
        terminalreporter.ensure_newline()
        terminalreporter.section(f"ledger (seed {seed}, tier {tier})", sep="=")
        failing = any(not row.as_expected for row in self.rows)
        layout = table if self.config.getoption("trial_table") else summary
        if self.config.get_verbosity() < 0 and layout is summary and not failing:
            layout = totals
        # What pytest has said above is not said again.
        rows = [replace(row, note="") if row.id in self.told else row for row in self.rows]
        for text in layout(rows, self._width()) if rows else []:
            terminalreporter.write_line(
                text, **(_colour(text[0] == "+") if text[:2] in ("+ ", "! ") else {})
            )
        if self.not_run:
            terminalreporter.write_line(not_run_sentence(list(self.not_run.values()), tier))
        for option in ("ledger", "report"):
            if path := self.config.getoption(f"trial_{option}"):
                terminalreporter.write_line(f"{option}: {path}")


def _colour(as_expected: bool) -> dict[str, bool]:
    return {"green": True} if as_expected else {"red": True, "bold": True}


LEDGER: pytest.StashKey[Ledger] = pytest.StashKey()
CLAIM: pytest.StashKey[Any] = pytest.StashKey()
