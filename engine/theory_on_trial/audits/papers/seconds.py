"""How long each claim takes, for the limits of a check: a plugin of pytest,
`-p theory_on_trial.audits.papers.seconds`.

The seconds in the ledger are those of the clock, which other programs lengthen; those of the
processor count each of several threads. Here the fewer of both count. They are written to
`seconds.json` beside the ledger of the run.
"""

import json
import time
from collections.abc import Iterator

import pytest
import scipy.stats  # noqa: F401 - loaded on demand, it is not the first claim's time

from theory_on_trial.plugin import CLAIM

spent: dict[str, float] = {}


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """Take a claim's time."""
    processor = time.process_time()
    clock = time.perf_counter()
    try:
        return (yield)
    finally:
        if (claim := pyfuncitem.stash.get(CLAIM, None)) is not None:
            spent[claim.id] = min(time.process_time() - processor, time.perf_counter() - clock)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Write the seconds of each claim."""
    config.getoption("trial_ledger").with_name("seconds.json").write_text(
        json.dumps(spent), encoding="utf-8"
    )
