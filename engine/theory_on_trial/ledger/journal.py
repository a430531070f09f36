"""Rows as they are decided, a line each, in a file beside the ledger: whatever ends the run, the
rows are kept, and the running test is named.
"""

import itertools
import json
import os
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any

SCHEMA = "theory-on-trial/ledger/2"
FIRST_SCHEMA = "theory-on-trial/ledger/1"
"""The form of ledgers of version 0.3 and before."""
RUNNING = "running when the run ended"
DIED = "the process that ran it died"
_ENDING = ".unfinished"

_lock: Callable[[int], None] | None
try:
    from fcntl import LOCK_EX, LOCK_NB, flock

    def _lock(number: int) -> None:
        flock(number, LOCK_EX | LOCK_NB)

except ImportError:  # Windows has no such locks: there, two runs of one ledger are not told apart
    _lock = None


def place(ledger: Path) -> Path:
    """Return the file with the rows of a run whose ledger is not written yet."""
    return ledger.with_name(f"{ledger.name}{_ENDING}")


def left_by(path: Path) -> Path | None:
    """Return the file with the rows of an unfinished run, by its own name or its ledger's; None if
    there is none.
    """
    if ledger_of(path) != path:
        return path
    return place(path) if place(path).exists() else None


def ledger_of(path: Path) -> Path:
    """Return the ledger of a file of an unfinished run; of another file itself."""
    return path.with_name(path.name.partition(_ENDING)[0] or path.name)


def numbered(path: Path, number: int) -> Path:
    """Return the name of a file of the same kind beside another: `ledger.2.json`; of the first
    itself.
    """
    return path if number == 1 else path.with_name(f"{path.stem}.{number}{path.suffix}")


class Journal:
    """The rows of a run, written line by line; a disk that is full ends the journal, not the run.

    Args:
        ledger: the ledger's name.
        facts: what the ledger says of the run as a whole, JSON-ready.
        rows: rows that an earlier run has decided.
        resumed: the file that has these rows, which is not needed any more.

    Attributes:
        number: 1, or which one this run is of those that would write the ledger at the same time.
        ledger: the ledger's name: that of the argument, or with the number in it.
        path: the file with the rows.
        left: where the rows are of a run before that ended without a ledger; None if there are
            none.
        trouble: what the system said when the rows could not be written.
    """

    def __init__(
        self,
        ledger: Path,
        facts: dict[str, Any],
        rows: list[dict[str, Any]],
        resumed: Path | None = None,
    ):
        self.number = 1
        self.left: Path | None = None
        self.trouble: OSError | None = None
        self._file: FileIO | None = None
        try:
            self.number, self._file, self.left = _begun(ledger)
        except OSError as error:
            self.trouble = error
        self.ledger = numbered(ledger, self.number)
        self.path = place(self.ledger)
        self._write({"facts": facts})
        self.keep(rows, [])
        if resumed is not None and self.trouble is None:
            if resumed == self.path and self.left is not None:
                resumed, self.left = self.left, None
            if resumed != self.path:
                resumed.unlink(missing_ok=True)

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
        if self._file is None:
            return
        if not keep and _lock is not None:  # while it is locked, it is no other run's
            self.path.unlink(missing_ok=True)
        self._file.close()
        self._file = None
        if not keep and _lock is None:
            self.path.unlink(missing_ok=True)

    def _write(self, entry: dict[str, Any]) -> None:
        if self._file is None or self.trouble is not None:
            return
        try:
            self._file.write(json.dumps(entry, allow_nan=False).encode() + b"\n")
        except OSError as error:
            self.trouble = error


def _begun(ledger: Path) -> tuple[int, FileIO, Path | None]:
    """Open the file of a run, which is locked until the run ends: beside that of another run that
    would write the same ledger. Return the number of the run, the file, and where the rows are of
    a run that has left the file behind.
    """
    for number in itertools.count(1):
        path = place(numbered(ledger, number))
        left = None
        while (file := _locked(path)) is not None:
            if not path.exists() or not os.path.samestat(os.fstat(file.fileno()), path.stat()):
                file.close()  # the run that had it has just ended
            elif os.fstat(file.fileno()).st_size == 0:
                return number, file, left
            else:
                left = _put_aside(path, file)
    raise AssertionError("a number is left")


def is_being_written(path: Path) -> bool:
    """Tell whether a run that has not ended writes a file."""
    file = _locked(path)
    if file is not None:
        file.close()
    return file is None


def _locked(path: Path) -> FileIO | None:
    """Open a file to write at its end, for this process alone; None if another one has it."""
    file = path.open("ab", buffering=0)  # what a full disk refused is not tried again
    try:
        if _lock is not None:
            _lock(file.fileno())
    except BlockingIOError:
        file.close()
        return None
    except OSError:  # a file system without locks
        pass
    return file


def _put_aside(path: Path, file: FileIO) -> Path | None:
    """Give the file that a run has left behind a name of its own; remove it, and return None, if it
    says nothing.
    """
    try:
        book = read_journal(path)
        is_empty = not book["claims"] and not book["not_run"]
    except ValueError:
        is_empty = False
    names = (path.with_name(f"{path.name}.{number}") for number in itertools.count(1))
    aside = None if is_empty else next(name for name in names if not name.exists())
    if _lock is None:  # Windows moves no file that is open
        file.close()
    if aside is None:
        path.unlink()
    else:
        path.rename(aside)
    file.close()
    return aside


def read_journal(path: Path) -> dict[str, Any]:
    """Return the contents of the file of an unfinished run, in the form of a ledger.

    A line that was cut short is left out. Raises `ValueError` for a file that is none, and
    `OSError` for one that cannot be read.
    """
    facts: dict[str, Any] | None = None
    rows: list[dict[str, Any]] = []
    not_run: list[dict[str, str]] = []
    running: dict[str, None] = {}
    text = path.read_text(encoding="utf-8", errors="replace")
    for line in text.splitlines() if text.startswith('{"facts": ') else ():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if not isinstance(entry, dict):
            continue
        facts = entry.get("facts", facts)
        rows += entry.get("rows", [])
        not_run += entry.get("not_run", [])
        if "began" in entry:
            running[entry["began"]] = None
        running.pop(entry.get("ended", ""), None)
    if not isinstance(facts, dict):
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
