"""What holds in this repository alone: how its processes run, and short names of the trial's
options.
"""

import gc
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

# OpenBLAS reads it once, when it is loaded. Two workers on two cores must not start four threads,
# and the small eigenproblems of the fast tier are slower with two threads than with one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# For the workers' C library: it would give the memory of large arrays back, and fault it in again
# page by page.
for _limit in ("MMAP", "TRIM"):
    os.environ.setdefault(f"MALLOC_{_limit}_THRESHOLD_", str(2**30))
# Most of a cold trial is compiling, with a core for each worker: in one piece a program takes a
# tenth less than in 32 side by side, and without the newer emitters two thirds, where jaxlib still
# has the choice (it ends at an option that it does not know). The programs are as fast.
_quick = {"--xla_cpu_parallel_codegen_split_count": "1"}
if version("jaxlib").startswith("0.10."):
    _quick["--xla_cpu_use_fusion_emitters"] = "false"
for _option, _value in _quick.items():
    if _option not in os.environ.get("XLA_FLAGS", ""):  # a worker has its parent's
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_option}={_value}".strip()

# Tracing makes objects by the hundred thousand and few cycles: they need not be looked for every
# 700 objects.
gc.set_threshold(100_000, 20, 100)


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
