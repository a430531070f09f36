"""In how many of so many seeds each test fails: `python shares.py` prints the table of the README.

`python shares.py 1000 20` takes 1000 seeds of the tests before and 20 of those after.
"""

import sys

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
    """Return in which share of the seeds a test fails, in percent."""
    return f"{100 * sum(fails(name, seed, module) for seed in range(seeds)) / seeds:.3g} %"


def main(before, after):
    print(
        f"| test | before: fails, of {before} seeds | finds the fault | after: fails, of {after} "
        "seeds | finds the fault |"
    )
    print("|---|---|---|---|---|")
    for name in NAMES:
        modules = library, faulty
        shares = [share(fails_before, name, module, before) for module in modules]
        shares += [share(fails_after, name, module, after) for module in modules]
        print(f"| `{name}` | {' | '.join(shares)} |", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:] or ("1000", "20")))
