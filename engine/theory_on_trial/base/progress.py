"""The progress of a long run: a bar on a terminal, or calls of a function."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal

from tqdm import tqdm

ProgressSetting = bool | Literal["auto"] | Callable[[int, int, float], None]


def disabled(setting: Any) -> bool | None:
    """The argument `disable` of tqdm: None under "auto", which draws on a terminal only; True in a
    worker of pytest-xdist.

    Raises ValueError for a setting that is not True, False or "auto".
    """
    if setting not in (True, False, "auto"):
        raise ValueError(f'progress must be True, False, "auto" or a function, got {setting!r}')
    if setting == "auto":
        return bool(os.environ.get("PYTEST_XDIST_WORKER")) or None
    return not setting


@contextlib.contextmanager
def progress_bar(
    setting: ProgressSetting, what: str, unit: str, total: int, done: int
) -> Iterator[Callable[[int], Any]]:
    """Yield a function that takes the number of units just finished; the bar's rate leaves out the
    `done` ones.

    A bar on a terminal if "auto", always or never if True or False; or calls of (done, total,
    seconds). Raises ValueError for another setting.
    """
    if callable(setting):
        start = time.perf_counter()

        def report(finished: int) -> None:
            nonlocal done
            done += finished
            setting(done, total, time.perf_counter() - start)

        yield report
    else:
        with tqdm(
            total=total,
            initial=done,
            desc=what,
            unit=unit,
            mininterval=0.5,
            disable=disabled(setting),
        ) as bar:
            yield bar.update
