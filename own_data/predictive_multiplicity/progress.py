"""Shows the progress of exact solvers: the number of programs done, and the best answer and the
bound of the program that is running.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Literal

from tqdm import tqdm

from theory_on_trial.base.progress import disabled

ProgressSetting = bool | Literal["auto"] | Callable[[int, int, float, float], None]


class Progress:
    """A counter of finished programs that reports to a bar or to a function."""

    def __init__(self, report: Callable[[int, float, float], None], total: int):
        self._report = report
        self._total = total
        self._done = 0
        self._last = (float("nan"), float("nan"))

    def watch(self, incumbent: float, bound: float) -> None:
        """Report a new best answer and bound of the program that is running."""
        self._last = (float(incumbent), float(bound))
        self._report(self._done, *self._last)

    def advance(self, n_programs: int = 1) -> None:
        """Count programs as done."""
        self._done = min(self._done + n_programs, self._total)
        self._report(self._done, *self._last)

    def finish(self) -> None:
        """Count all remaining programs as done, which were not needed or were given up."""
        self.advance(self._total - self._done)


@contextlib.contextmanager
def progress_of(setting: ProgressSetting, what: str, total: int) -> Iterator[Progress]:
    """Return a context in which progress is shown.

    It is a bar for True, a bar on a terminal only for "auto", and nothing for False; a function is
    called with (done, total, incumbent, bound).
    """
    if callable(setting):
        yield Progress(lambda done, incumbent, bound: setting(done, total, incumbent, bound), total)
        return
    with tqdm(total=total, desc=what, mininterval=0.5, disable=disabled(setting)) as bar:

        def draw(done: int, incumbent: float, bound: float) -> None:
            bar.set_postfix_str(f"best {incumbent:g}, bound {bound:g}", refresh=False)
            bar.update(done - bar.n)

        yield Progress(draw, total)
