"""Which tests run which lines, how long each takes, and which fails first: a plugin for the judges of mutants."""

import functools
import json
import sys
from pathlib import Path
from typing import Any

import coverage
import pytest


class Recorder:
    """Writes to `path`, as JSON, the seconds of every test that passed, the first that failed, and who runs what.

    `lines` maps a file below `folder`, relative to it, to its lines, and these to the tests that run them. It is empty
    unless lines are to be recorded; caches of functions are then cleared before each test, or else only the first test
    that needs an answer would be seen to compute it.
    """

    def __init__(self, path: Path, folder: Path | None = None):
        self.path, self.folder = path, folder
        self.found: dict[str, Any] = {"seconds": {}, "failed": None, "lines": {}}
        self.coverage = coverage.Coverage(data_file=None, source=[str(folder)], config_file=False) if folder else None
        if self.coverage:
            self.coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        """Count what runs from here on for this test."""
        if not self.coverage:
            return (yield)
        for name, module in list(sys.modules.items()):
            if name.split(".")[0] in ("theory", "sims"):
                for value in vars(module).values():
                    if isinstance(value, functools._lru_cache_wrapper):
                        value.cache_clear()
        self.coverage.switch_context(item.nodeid)
        try:
            return (yield)
        finally:
            self.coverage.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add the seconds of each phase of a test."""
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
        if self.coverage and self.folder:
            self.coverage.stop()
            data = self.coverage.get_data()
            for file in data.measured_files():
                lines = {line: [one for one in who if one] for line, who in data.contexts_by_lineno(file).items()}
                self.found["lines"][str(Path(file).relative_to(self.folder))] = lines
        self.path.write_text(json.dumps(self.found), encoding="utf-8")
