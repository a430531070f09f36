"""Progress of exact solvers: programs done, and the best answer and the bound of the one that is
running.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Literal

from tqdm import tqdm

from theory_on_trial.base.progress import disabled

ProgressSetting = bool | Literal["auto"] | Callable[[int, int, float, float], None]


class Progress:
    """Tells a bar or a function how far a list of programs is."""

    def __init__(self, report: Callable[[int, float, float], None], total: int):
        self._report = report
        self._total = total
        self._done = 0
        self._last = (float("nan"), float("nan"))

    def watch(self, incumbent: float, bound: float) -> None:
        """The program that is running has a new best answer or bound."""
        self._last = (float(incumbent), float(bound))
        self._report(self._done, *self._last)

    def advance(self, n_programs: int = 1) -> None:
        """Programs are done."""
        self._done = min(self._done + n_programs, self._total)
        self._report(self._done, *self._last)

    def finish(self) -> None:
        """End the progress: the remaining answers needed no program, or are given up."""
        self.advance(self._total - self._done)


@contextlib.contextmanager
def progress_of(setting: ProgressSetting, what: str, total: int) -> Iterator[Progress]:
    """A bar on a terminal if "auto", always or never if True or False; or calls of (done, total,
    incumbent, bound).
    """
    if callable(setting):
        yield Progress(lambda done, incumbent, bound: setting(done, total, incumbent, bound), total)
        return
    with tqdm(total=total, desc=what, mininterval=0.5, disable=disabled(setting)) as bar:

        def draw(done: int, incumbent: float, bound: float) -> None:
            bar.set_postfix_str(f"best {incumbent:g}, bound {bound:g}", refresh=False)
            bar.update(done - bar.n)

        yield Progress(draw, total)
