"""What is seen while many claims run: how many papers are done, how many verdicts are unexpected,
and how long the rest will take.
"""

import time
from collections.abc import Iterable
from pathlib import Path

from theory_on_trial.repository import paper_of

_STEPS = 10
"""Where no terminal shows one line that changes, so many follow the first one."""


class Progress:
    """Counts tests of claims as they end.

    Args:
        tests: the ids that pytest gives all tests of the run.
        root: the folder from which these ids begin.
    """

    def __init__(self, tests: Iterable[str], root: Path):
        files: dict[str, list[str]] = {}
        for test in tests:
            files.setdefault(test.partition("::")[0], []).append(test)
        papers = {file: paper_of(root / file) for file in files if _has_claims(root / file)}
        self._paper = {test: papers[file] for file in papers for test in files[file]}
        self._left = dict.fromkeys(self._paper)
        self._start = time.monotonic()
        self.unexpected = 0

    @property
    def claims(self) -> int:
        """How many of the tests are in files that have claims."""
        return len(self._paper)

    def end(self, test: str) -> bool:
        """Count a test that has ended; return whether it is the first, or another tenth of all."""
        is_first = test in self._left and len(self._left) == len(self._paper)
        before = self._tenths()
        self._left.pop(test, None)
        return self._tenths() > before or is_first

    def _tenths(self) -> int:
        return _STEPS * (len(self._paper) - len(self._left)) // max(len(self._paper), 1)

    def __str__(self) -> str:
        """Return the counts, and how long the rest will take if it is as fast."""
        every, left = len(self._paper), len(self._left)
        papers = len(set(self._paper.values()))
        open_papers = len({self._paper[test] for test in self._left})
        parts = [f"{papers - open_papers} of {papers} papers", f"{every - left} of {every} claims"]
        if self.unexpected:
            parts.append(f"{self.unexpected} unexpected")
        if 0 < left < every:
            seconds = (time.monotonic() - self._start) * left / (every - left)
            parts.append(
                f"{seconds:.0f} s left" if seconds < 100 else f"{seconds / 60:.0f} min left"
            )
        return ", ".join(parts)


def _has_claims(file: Path) -> bool:
    try:
        return "claim(" in file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
