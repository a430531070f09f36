"""Rows as they are decided, a line each, in a file beside the ledger: whatever ends the run, the
rows are kept, and the running test is named.
"""

import json
from pathlib import Path
from typing import IO, Any

SCHEMA = "theory-on-trial/ledger/2"
FIRST_SCHEMA = "theory-on-trial/ledger/1"
"""The form of ledgers of version 0.3 and before."""
RUNNING = "running when the run ended"


def place(ledger: Path) -> Path:
    """Return the file with the rows of a run whose ledger is not written yet."""
    return ledger.with_name(f"{ledger.name}.unfinished")


class Journal:
    """The rows of a run, written line by line; a disk that is full ends the journal, not the run.

    Args:
        ledger: the ledger's name.
        facts: what the ledger says of the run as a whole, JSON-ready.
        rows: rows that an earlier run has decided.
    """

    def __init__(self, ledger: Path, facts: dict[str, Any], rows: list[dict[str, Any]]):
        self.path = place(ledger)
        self.trouble: OSError | None = None
        self._file: IO[str] | None = None
        try:
            self._file = self.path.open("w", encoding="utf-8")
        except OSError as error:
            self.trouble = error
        self._write({"facts": facts})
        self.keep(rows, [])

    def begin(self, test: str) -> None:
        """Say that a test begins."""
        self._write({"began": test})

    def end(self, test: str) -> None:
        """Say that a test has ended."""
        self._write({"ended": test})

    def keep(self, rows: list[dict[str, Any]], not_run: list[dict[str, str]]) -> None:
        """Keep the rows of a test, and the claims that it did not run."""
        if rows or not_run:
            self._write({"rows": rows, "not_run": not_run})

    def close(self, *, keep: bool = False) -> None:
        """Remove the file, whose rows the ledger has, unless it is to be kept."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if not keep:
            self.path.unlink(missing_ok=True)

    def _write(self, entry: dict[str, Any]) -> None:
        if self._file is None:
            return
        try:
            self._file.write(json.dumps(entry, allow_nan=False) + "\n")
            self._file.flush()
        except OSError as error:
            self.trouble = error
            self._file = None


def read_journal(path: Path) -> dict[str, Any]:
    """Return the contents of the file of an unfinished run, in the form of a ledger.

    A line that was cut short is left out. Raises `ValueError` for a file that is none.
    """
    facts: dict[str, Any] | None = None
    rows: list[dict[str, Any]] = []
    not_run: list[dict[str, str]] = []
    running: dict[str, None] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        facts = entry.get("facts", facts)
        rows += entry.get("rows", [])
        not_run += entry.get("not_run", [])
        if "began" in entry:
            running[entry["began"]] = None
        running.pop(entry.get("ended"), None)
    if facts is None:
        raise ValueError(f"{path} must hold the rows of a run, got something else")
    not_run += [{"id": test, "tier": "", "reason": RUNNING} for test in running]
    return {
        "schema": SCHEMA,
        **facts,
        "interrupted": True,
        "claims": rows,
        "not_run": not_run,
        "deselected": [],
    }
