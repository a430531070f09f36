"""When a search may stop."""

import time


class Deadline:
    """A time limit in seconds that starts now; None means no limit."""

    def __init__(self, seconds: float | int | None):
        self._end = None if seconds is None else time.perf_counter() + seconds

    def left(self) -> float | None:
        """Return the seconds left, at least 0; None without a limit."""
        return None if self._end is None else max(self._end - time.perf_counter(), 0.0)

    def passed(self) -> bool:
        """Tell whether no time is left."""
        return self.left() == 0.0
