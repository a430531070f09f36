"""What holds in this repository alone: how its processes run, and short names of the trial's
options.
"""

import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

# OpenBLAS reads it once, when it is loaded. Two workers on two cores must not start four threads,
# and the small eigenproblems of the fast tier are slower with two threads than with one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Otherwise the first process takes three quarters of a card, and the others of `-n` none.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
# Most of a cold trial is compiling, which takes a quarter less without the newer emitters, where
# jaxlib still has the choice.
if version("jaxlib").startswith("0.10."):
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false")


def pytest_addoption(parser: Any) -> None:
    """Add the aliases: each sets what its prefixed namesake sets."""
    group = parser.getgroup("theory on trial")
    group.addoption(
        "--tier", dest="trial_tier", choices=("fast", "full", "paper"), help="as --trial-tier"
    )
    group.addoption("--seed", dest="trial_seed", type=int, help="as --trial-seed")
    for name in ("ledger", "report"):
        group.addoption(
            f"--{name}", dest=f"trial_{name}", type=Path, metavar="PATH", help=f"as --trial-{name}"
        )
