"""A paper of a repository: its files, and the processes that check them."""

import math
import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

_ROW = Path(__file__).parent / "templates" / "row"
BRIEF = Path(__file__).parent / "templates" / "brief.txt"
"""The text of a new paper on one page."""
_TO_END = 5.0  # seconds that an interrupted process has to say what it found


@dataclass(frozen=True)
class Paper:
    """A paper's name, the root of the repository that holds it, and the processes that its steps
    have started.

    Attributes:
        until: the time of `time.monotonic` at which all of them end.
    """

    name: str
    folder: Path
    until: float = math.inf
    running: set[subprocess.Popen[str]] = field(default_factory=set, repr=False)
    stopped: Event = field(default_factory=Event, repr=False)

    def places(self, template: str) -> list[Path]:
        """The possible places of a file of the paper: its name, or a package (of tests: the folder
        `tests/NAME`).
        """
        path = self.folder / template.replace("NAME", self.name)
        if path.parent.name == f"test_{self.name}":
            return [path]
        package = path.with_name(self.name) if path.parent.name == "tests" else path.with_suffix("")
        return [path, package] if path.suffix == ".py" else [path]

    def modules(self, *packages: str) -> list[str]:
        """The modules and packages of the paper in some packages, relative to the root."""
        names = [
            template
            for template in templates()
            if template.endswith(".py") and template.split("/")[0] in packages
        ]
        paths = [place for template in names for place in self.places(template) if place.exists()]
        return [str(place.relative_to(self.folder)) for place in paths]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run Python with these arguments at the root, whose packages hide installed ones of the
        same name.

        With all it starts it is stopped by `stop`. When the paper's time is up it is interrupted
        as by Ctrl-C; `subprocess.TimeoutExpired` then holds the command as one types it, and what
        it had printed.
        """
        typed = shlex.join(["python", *command])
        left = self.until - time.monotonic()
        if left <= 0 or self.stopped.is_set():
            raise subprocess.TimeoutExpired(typed, 0, "")
        around = os.pathsep.join(filter(None, [str(self.folder), os.environ.get("PYTHONPATH")]))
        settings = {"PYTHONPATH": around, "OMP_NUM_THREADS": "1", "COLUMNS": "300"}
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=self.folder,
            env=os.environ | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the check, which stops it
        )
        self.running.add(process)
        try:
            if self.stopped.is_set():  # since a moment
                raise subprocess.TimeoutExpired(typed, 0)
            out, errors = process.communicate(timeout=None if math.isinf(left) else left)
        except subprocess.TimeoutExpired:
            raise subprocess.TimeoutExpired(typed, left, self._interrupted(process)) from None
        finally:
            self.running.discard(process)
        return subprocess.CompletedProcess(process.args, process.returncode, out, errors)

    def _interrupted(self, process: subprocess.Popen[str]) -> str:
        """End a process and all it has started; return what it printed."""
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        try:
            return process.communicate(timeout=_TO_END)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return process.communicate()[0]

    def stop(self) -> None:
        """Stop what is running and start nothing more."""
        self.stopped.set()
        for process in tuple(self.running):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def templates() -> dict[str, str]:
    """Return the text of every file of a row by its path from the root, with NAME for the paper's
    name.
    """
    return {
        str(path.relative_to(_ROW).with_suffix("")): path.read_text(encoding="utf-8")
        for path in sorted(_ROW.rglob("*.txt"))
    }


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the last line of a command's output, or of its error output if it failed."""
    lines = (
        done.stderr if done.returncode else ""
    ).strip().splitlines() or done.stdout.strip().splitlines()
    return lines[-1] if lines else f"exit status {done.returncode}"
