"""In how many of so many seeds each test fails: `python shares.py` prints the table of the README.

`python shares.py 1000 20` takes 1000 seeds of the tests before and 20 of those after.
"""

import sys
import time

import faulty
import library
import numpy as np
import test_after
import test_before

from theory_on_trial.trial.plain import NotVerified, PlainTrial

NAMES = ("dropout", "exponential", "mean_interval", "reservoir", "projected")


def fails_before(name, seed, module):
    """Whether the test as one finds it fails at a seed."""
    try:
        getattr(test_before, f"test_{name}")(np.random.default_rng(seed), module)
    except AssertionError:
        return True
    return False


def fails_after(name, seed, module):
    """Whether the test with a trial fails at a seed."""
    try:
        getattr(test_after, f"test_{name}")(PlainTrial(f"test_after.py::test_{name}", seed), module)
    except NotVerified:
        return True
    return False


def share(fails, name, module, seeds):
    """Return in which share of the seeds a test fails, in percent, and how long one takes."""
    start = time.perf_counter()
    count = sum(fails(name, seed, module) for seed in range(seeds))
    return f"{100 * count / seeds:.3g} %", (time.perf_counter() - start) / seeds


def main(before, after):
    print(
        f"| test | before: fails, of {before} seeds | finds the fault | s | after: fails, of "
        f"{after} seeds | finds the fault | s |"
    )
    print("|---|---|---|---|---|---|---|")
    for name in NAMES:
        right, seconds = share(fails_before, name, library, before)
        found, _ = share(fails_before, name, faulty, before)
        now, more = share(fails_after, name, library, after)
        found_now, _ = share(fails_after, name, faulty, after)
        print(
            f"| `{name}` | {right} | {found} | {seconds:.2f} | {now} | {found_now} | {more:.2f} |"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:] or ("1000", "20")))
