"""Where a run of pytest spends its time, claim by claim or not: a plugin for `fast_tier`.

`pytest -p audits.clock` writes what it found as JSON to the file that THEORY_ON_TRIAL_CLOCK names.
"""

import json
import os
import time
from pathlib import Path

import jax

BEGIN = time.perf_counter()
started: list[float] = []
spent: dict[str, list[float]] = {}


def _note(event: str, duration_secs: float = 0.0, **_: str | int) -> None:
    spent.setdefault(event.rpartition("/")[2], []).append(duration_secs)


jax.monitoring.register_event_duration_secs_listener(_note)
jax.monitoring.register_event_listener(lambda event, **_: _note(event))


def pytest_runtest_call() -> None:
    """Note when the first test starts: all that is needed has been imported."""
    started.append(time.perf_counter())


def pytest_unconfigure() -> None:
    """Write the seconds in all, and those of each of its parts."""
    total = time.perf_counter() - BEGIN
    imported = started[0] - BEGIN if started else 0.0
    lowered = sum(spent.get("jaxpr_trace_duration", [])) + sum(
        spent.get("jaxpr_to_mlir_module_duration", [])
    )
    compiled = sum(spent.get("backend_compile_duration", []))
    parts = {
        "seconds": total,
        "import": imported,
        "trace and lower": lowered,
        "compile or read": compiled,
        "the work": total - imported - lowered - compiled,
        "programs": len(spent.get("jaxpr_to_mlir_module_duration", [])),
        "compiled": len(spent.get("cache_misses", [])),
    }
    Path(os.environ["THEORY_ON_TRIAL_CLOCK"]).write_text(json.dumps(parts), encoding="utf-8")
