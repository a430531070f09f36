"""The pytest plugin: options, one ledger row per claim, the ledger at the end. Installed as an entry point.

Nothing heavy is imported unless claims were collected, so that other test suites pay nothing for it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from paper_checks.ledger import Row

TIERS = ("fast", "full", "paper")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --tier, --seed, --ledger and --report."""
    group = parser.getgroup("theory on trial")
    group.addoption(
        "--tier", choices=TIERS, default="fast", help="claims up to this cost: fast (default), full or paper"
    )
    group.addoption("--seed", type=int, default=0, help="decides every random number of the trial (default 0)")
    group.addoption("--ledger", type=Path, metavar="PATH", help="write the ledger as JSON")
    group.addoption("--report", type=Path, metavar="PATH", help="write the ledger as one self-contained HTML page")


def pytest_configure(config: pytest.Config) -> None:
    """Start an empty ledger; refuse a path that could not be written at the end of the run."""
    for option in ("ledger", "report"):
        path = config.getoption(option)
        if path is not None and not path.absolute().parent.is_dir():
            raise pytest.UsageError(f"--{option} must name a file in a folder that exists, got {path}")
    config.stash[LEDGER] = Ledger(config)
    config.pluginmanager.register(config.stash[LEDGER], "theory-on-trial-ledger")


@pytest.fixture
def trial(request: pytest.FixtureRequest) -> Any:
    """The trial of the claim under test, seeded by --seed."""
    from paper_checks.trial import Trial

    claim = getattr(request.function, "claim", None)
    if claim is None:
        raise pytest.UsageError(
            f"{request.node.name} asks for `trial` but is not a claim: decorate it with @claim(...)"
        )
    return Trial(claim.id, request.config.getoption("seed"), progress=_progress(request.config, claim.id))


def _progress(config: pytest.Config, claim_id: str) -> Any:
    """Return a callback that shows long sampling on the terminal, past pytest's capture; None where there is none."""
    import time

    capture = config.pluginmanager.getplugin("capturemanager")
    if hasattr(config, "workerinput") or capture is None or not (sys.__stderr__ and sys.__stderr__.isatty()):
        return None
    started = time.monotonic()

    def show(drawn: int, most: int) -> None:
        if time.monotonic() - started > 2:
            with capture.global_and_fixture_disabled():
                # Ends at the start of the line, so that pytest's next output takes its place.
                sys.stderr.write(f"{claim_id}: {drawn} samples, at most {most}".ljust(78) + "\r")
                sys.stderr.flush()

    return show


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """Record the verdict of a claim; fail the test if it is not the expected one."""
    claim = getattr(pyfuncitem.function, "claim", None)
    if claim is None or "trial" not in pyfuncitem.funcargs:
        return (yield)
    from dataclasses import asdict

    from paper_checks.registry import recorded
    from sims.compilation_cache import programs_asked_for

    path = pyfuncitem.nodeid.split("::")[0]
    command = f"pytest {path} -k {pyfuncitem.name} --tier {claim.tier} --seed {pyfuncitem.config.getoption('seed')}"
    rows: list[Row] = []
    programs = programs_asked_for()
    try:
        trial: Any = pyfuncitem.funcargs["trial"]
        with recorded(claim, trial, command) as rows:
            result = yield
    finally:
        pyfuncitem.user_properties.append(("ledger", [asdict(row) for row in rows]))
        package = sys.modules.get(claim.function.__module__.rpartition(".")[0])
        asked = claim.paper, programs_asked_for() - programs, getattr(package, "MOST_PROGRAMS", None)
        pyfuncitem.user_properties.append(("programs", asked))
    unexpected = [row.failure() for row in rows if not row.as_expected]
    if unexpected:
        pytest.fail("\n".join(unexpected), pytrace=False)
    return result


class Ledger:
    """Collects rows from this process, or from the workers of pytest-xdist, and shows them at the end."""

    def __init__(self, config: pytest.Config):
        self.config = config
        self.rows: list[Row] = []
        self.not_run: dict[str, dict[str, str]] = {}
        self.programs: dict[str, tuple[int, int | None]] = {}  # of each paper, with its ceiling

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out, and list, the claims above the tier of this run."""
        tier = config.getoption("tier")
        claims = [(item, getattr(getattr(item, "function", None), "claim", None)) for item in items]
        above = [(item, c) for item, c in claims if c is not None and TIERS.index(c.tier) > TIERS.index(tier)]
        for _, claim in above:
            reason = f"tier {claim.tier} is above this run's tier {tier}"
            for name in [claim.id] + [f"{claim.id}-as-printed"] * (claim.as_printed is not None):
                self.not_run[name] = {"id": name, "tier": claim.tier, "reason": reason}
        if above:
            left_out = {id(item) for item, _ in above}
            config.hook.pytest_deselected(items=[item for item, _ in above])
            items[:] = [item for item in items if id(item) not in left_out]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the rows that travel with a test's report (in the controlling process, under xdist)."""
        if report.when == "call":
            from paper_checks.ledger import Row

            recorded: list[tuple[str, Any]] = report.user_properties  # typed as object by pytest
            self.rows += [Row(**row) for name, rows in recorded if name == "ledger" for row in rows]
            for paper, asked, most in (value for name, value in recorded if name == "programs"):
                self.programs[paper] = self.programs.get(paper, (0, None))[0] + asked, most

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hand what was not run to the controlling process, or write the files."""
        if hasattr(self.config, "workerinput"):
            self.config.workeroutput["claims_not_run"] = list(self.not_run.values())  # type: ignore[attr-defined]
            return
        if not self.rows and not self.not_run:
            return
        self.rows.sort(key=lambda row: row.paper)
        if self._above_ceiling() and session.exitstatus == 0:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        ledger, report = self.config.getoption("ledger"), self.config.getoption("report")
        seed, tier = self.config.getoption("seed"), self.config.getoption("tier")
        if ledger:
            from paper_checks.ledger import write_json

            write_json(ledger, self.rows, list(self.not_run.values()), seed, tier)
        if report:
            from paper_checks.report import write_html

            write_html(report, self.rows, list(self.not_run.values()), seed, tier)

    def _above_ceiling(self) -> list[str]:
        """A sentence for each paper whose fast tier asks for more programs than it should, in one process."""
        if self.config.getoption("tier") != "fast" or self.config.getoption("numprocesses", None):
            return []
        return [
            f"{paper} asks for {asked} programs, its ceiling is MOST_PROGRAMS = {most}"
            for paper, (asked, most) in self.programs.items()
            if most is not None and asked > most
        ]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: Any) -> None:
        """Take over what a worker of pytest-xdist has not run."""
        for entry in getattr(node, "workeroutput", {}).get("claims_not_run", []):
            self.not_run[entry["id"]] = entry

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the ledger."""
        if not self.rows and not self.not_run:
            return
        from paper_checks.ledger import table

        tier = self.config.getoption("tier")
        terminalreporter.section(f"ledger (seed {self.config.getoption('seed')}, tier {tier})", sep="=")
        for line in table(self.rows) if self.rows else []:
            colour = {"+": {"green": True}, "!": {"red": True}}.get(line[:1], {})
            terminalreporter.write_line(line, **colour)
        if self.not_run:
            terminalreporter.write_line(f"not run: {len(self.not_run)} claims above tier {tier} (see --tier)")
        counts = ", ".join(f"{paper} {asked}" for paper, (asked, _) in sorted(self.programs.items()) if asked)
        if counts:
            terminalreporter.write_line(f"programs that were asked for: {counts}")
        for sentence in self._above_ceiling():
            terminalreporter.write_line(sentence, red=True)
        for option in ("ledger", "report"):
            if self.config.getoption(option):
                terminalreporter.write_line(f"{option}: {self.config.getoption(option)}")


LEDGER: pytest.StashKey[Ledger] = pytest.StashKey()
