"""What holds in this repository alone: how its processes run, and short names of the trial's
options.
"""

import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

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
    group.addoption(
        "--paper",
        metavar="PAPER",
        help="run the claims, tests, quick figures, notebook and benchmark of one paper",
    )
    for name in ("ledger", "report"):
        group.addoption(
            f"--{name}", dest=f"trial_{name}", type=Path, metavar="PATH", help=f"as --trial-{name}"
        )


SHARED = ("tests/test_notebooks.py", "tests/test_one_paper.py")
"""Tests that take the name of a paper as a parameter."""


def pytest_configure(config: pytest.Config) -> None:
    """With --paper, collect the files of that paper, in whatever folder they are."""
    name = config.getoption("--paper")
    if name is None:
        return
    from theory_on_trial.papers.where import files_of
    from theory_on_trial.repository import outline

    if config.args_source == config.ArgsSource.ARGS:
        raise pytest.UsageError("--paper names all that is run: give no files or folders beside it")
    if name not in outline.papers(config.rootpath):
        raise pytest.UsageError(f"--paper: there is no paper {name!r}; theory-on-trial list")
    files = [str(file) for file in files_of(name, config.rootpath)]
    own = [file for file in files if Path(file).parts[0] in ("paper_checks", "tests")]
    config.args = [*(file for file in own if Path(file).name.startswith("test_")), *SHARED]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of tests that take a paper as a parameter keep that of --paper, or those of notebooks."""
    name = config.getoption("--paper")
    kept = [item for item in items if _is_asked_for(item, name)]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def _is_asked_for(item: pytest.Item, paper: str | None) -> bool:
    if paper is None:
        return not item.nodeid.startswith(SHARED[1])
    return not item.nodeid.startswith(SHARED) or item.nodeid.endswith(f"[{paper}]")
