"""Which tests run which lines, how long each takes, and which fails first: a plugin for the judges
of mutants.
"""

import functools
import json
import os
import sys
from pathlib import Path
from typing import Any

import coverage
import jax
import pytest


class Recorder:
    """Writes to `path`, as JSON, the seconds of every test that passed, the first that failed, and
    who runs what.

    `lines` maps a file below `folder`, relative to it, to its lines, and these to the tests that
    run them, or to a file of tests where a fixture runs them that its tests share. It is empty
    unless lines are to be recorded; caches of functions and of traced programs are then cleared
    before each test, or else only the first test that needs an answer would be seen to compute it.
    """

    def __init__(self, path: Path, folder: Path | None = None):
        self.path = path
        self.folder = folder
        self.copy = os.path.join(os.getcwd(), "")  # the judges are run in the copy
        self.running = ""
        self.found: dict[str, Any] = {"seconds": {}, "failed": None, "lines": {}}
        self.coverage = (
            coverage.Coverage(data_file=None, source=[str(folder)], config_file=False)
            if folder
            else None
        )
        if self.coverage:
            self.coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        """Count what runs from here on for this test."""
        if not self.coverage:
            return (yield)
        for module in list(sys.modules.values()):
            if str(getattr(module, "__file__", None) or "").startswith(self.copy):
                for value in vars(module).values():
                    if isinstance(value, functools._lru_cache_wrapper):
                        value.cache_clear()
        jax.clear_caches()
        self._run_for(item.nodeid)
        try:
            return (yield)
        finally:
            self._run_for("")

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Any:
        """Count what a shared fixture runs for the file, the class or the folder that shares it."""
        if not self.coverage or fixturedef.scope == "function":
            return (yield)
        before = self.running
        self._run_for(request.node.nodeid)
        try:
            return (yield)
        finally:
            self._run_for(before)

    def _run_for(self, name: str) -> None:
        assert self.coverage is not None
        self.running = name
        self.coverage.switch_context(name)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add the seconds of each phase of a test."""
        # A paper's count of programs says nothing where tests stand between its claims that clear
        # what was compiled.
        report.user_properties = [pair for pair in report.user_properties if pair[0] != "programs"]
        if report.failed and not self.found["failed"]:
            self.found["failed"] = report.nodeid
        seconds = self.found["seconds"]
        seconds[report.nodeid] = seconds.get(report.nodeid, 0.0) + report.duration

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Count a file that cannot be imported as failed."""
        if report.failed and not self.found["failed"]:
            self.found["failed"] = report.nodeid

    def pytest_unconfigure(self) -> None:
        """Write what was found."""
        seconds = self.found["seconds"]
        if self.coverage and self.folder:
            self.coverage.stop()
            data = self.coverage.get_data()
            for file in data.measured_files():
                lines = {
                    line: [test for test in who if test]
                    for line, who in data.contexts_by_lineno(file).items()
                }
                self.found["lines"][str(Path(file).relative_to(self.folder))] = lines
                for name in {test for who in lines.values() for test in who} - set(seconds):
                    seconds[name] = sum(
                        time for test, time in seconds.items() if test.startswith(name)
                    )
        self.path.write_text(json.dumps(self.found), encoding="utf-8")
