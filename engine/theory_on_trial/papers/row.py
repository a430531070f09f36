"""A paper of a repository: its files, and the processes that check them."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

_ROW = Path(__file__).parent / "templates" / "row"
BRIEF = Path(__file__).parent / "templates" / "brief.txt"
"""The text of a new paper on one page."""


@dataclass(frozen=True)
class Paper:
    """A paper's name, the root of the repository that holds it, and the processes that its steps
    have started.
    """

    name: str
    folder: Path
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

    def run(self, *command: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        """Run Python with these arguments at the root, whose packages hide installed ones of the
        same name.

        With all it starts it is stopped by `stop`, and after `timeout` seconds, with
        `subprocess.TimeoutExpired`.
        """
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
            if self.stopped.is_set():
                raise subprocess.TimeoutExpired(process.args, 0)
            out, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
        finally:
            self.running.discard(process)
        return subprocess.CompletedProcess(process.args, process.returncode, out, errors)

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
