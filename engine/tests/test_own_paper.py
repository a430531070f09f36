"""The engine in somebody else's repositories, `examples/own_paper` above all, in a fresh
environment without papers.

The environment is made once; everything in it is asked by running a program there. It holds the
engine as pip installs it, and links to Hypothesis, pytest-xdist and what all three say they need.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "own_paper"
VERDICTS = dict.fromkeys(
    [
        *(
            f"averages.{name}"
            for name in ("bernstein", "monte-carlo", "squared_cosine", "standard_deviation")
        ),
        *(
            "descent.worst_case",
            "information.infonce",
            "kernels.phase",
            "kernels.variance",
            "spectra.edge",
        ),
        *(f"networks.second_moment[{depth}]" for depth in (1, 2, 3)),
        *("regression.ridgeless[10-40]", "regression.ridgeless[40-10]"),
    ],
    "VERIFIED",
) | {"averages.standard_deviation-as-published": "REFUTED"}


@pytest.fixture(scope="session")
def programs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fresh") / "environment"
    venv.create(folder)
    found = folder / ("Scripts" if os.name == "nt" else "bin")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        found / "python",
        "install",
        "--no-input",
        "--no-deps",
    ]
    subprocess.run([*pip, ROOT / "engine"], check=True)
    link(
        *folder.rglob("site-packages"),
        [
            *("annotated-types", "hypothesis", "jax", "jaxtyping", "joblib", "pytest-xdist"),
            *engine(found).requires,
        ],
    )
    return found


def engine(programs):
    """What pip knows of the engine in the fresh environment."""
    return next(
        metadata.distributions(
            name="theory-on-trial", path=[str(*programs.parent.rglob("site-packages"))]
        )
    )


def link(place, requirements):
    """Links to what is installed here, without extras."""
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            needed = metadata.distribution(requirement.name)
            names = {file.parts[0] for file in needed.files} - {"..", "__pycache__"}
            for name in names - {path.name for path in place.iterdir()}:
                (place / name).symlink_to(needed.locate_file(name))
            link(place, needed.requires or ())


def run(programs, folder, program, *arguments, status=0):
    """Run a program of the fresh environment in a folder; its output, which is shown where the
    status is another.
    """
    here = ("PYTHON", "PYTEST", "COV", "XLA_FLAGS")  # settings of this very run
    environment = {name: value for name, value in os.environ.items() if not name.startswith(here)}
    environment["COLUMNS"] = "80"  # the page shows a terminal; in a pipe lines are as long as ids
    process = subprocess.run(
        [programs / program, *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert process.returncode == status, process.stdout + process.stderr
    return process.stdout + process.stderr


def pytest_in(programs, folder, *arguments, status=0):
    return run(
        programs,
        folder,
        "python",
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        *arguments,
        status=status,
    )


def rows(path):
    listed = json.loads(path.read_text())["claims"]
    found = {row["id"]: {**row, "seconds": None} for row in listed}
    assert len(found) == len(listed), "two rows share an id"
    return found


def write(folder, settings="", **files):
    """A small repository: settings of pytest, names of files, a double underscore for a folder,
    with what they hold.
    """
    (folder / "pyproject.toml").write_text(f"[tool.pytest.ini_options]\n{settings}")
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    return folder


def copied(tmp_path_factory):
    ignored = shutil.ignore_patterns("__pycache__", ".*")
    return Path(
        shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("example") / "own_paper", ignore=ignored)
    )


@pytest.fixture(scope="session")
def namespaces(programs, tmp_path_factory):
    """The example as it stands, its folders namespace packages, after a run with its own options
    and those of the engine.
    """
    folder = copied(tmp_path_factory)
    own = ("--seed", 7, "--report", "own.txt")
    prefixed = ("--trial-seed", 0, "--trial-report", "page.html")
    printed = pytest_in(programs, folder, *own, *prefixed, "--trial-ledger", "ledger.json")
    (folder / "printed.txt").write_text(printed)
    return folder


@pytest.fixture(scope="session")
def packages(programs, tmp_path_factory):
    """The example with an `__init__.py` in each of its folders, after a run with two workers."""
    folder = copied(tmp_path_factory)
    for inner in [path for path in folder.iterdir() if path.is_dir()]:
        (inner / "__init__.py").touch()
    pytest_in(programs, folder, "-n", 2, "--trial-ledger", "ledger.json")
    return folder


def test_all_verdicts_are_as_expected(programs, namespaces):
    # As the page says; under this one a claim once ran out of draws
    pytest_in(programs, namespaces, "--trial-seed", 1)
    found = rows(namespaces / "ledger.json")
    assert {name: row["verdict"] for name, row in found.items()} == VERDICTS
    assert all(row["controls"] for row in found.values())


def test_its_own_seed_and_report_live_beside_ours(namespaces):
    passed = re.search(r"(\d+) passed", (namespaces / "printed.txt").read_text())[1]
    assert (namespaces / "own.txt").read_text() == f"{passed} passed with seed 7\n"
    assert json.loads((namespaces / "ledger.json").read_text())["seed"] == 0
    assert all(name in (namespaces / "page.html").read_text() for name in VERDICTS)


def test_regular_packages_and_two_workers_give_the_same_ledger(namespaces, packages):
    assert rows(packages / "ledger.json") == rows(namespaces / "ledger.json")


def test_list_and_show_find_the_claims(programs, namespaces):
    def listed(*arguments):
        printed = run(programs, namespaces / "tests", "theory-on-trial", "list", *arguments)
        return re.findall(r"^  (\S+) \[", printed, re.M)

    assert sorted(listed()) == sorted(VERDICTS)
    assert listed("--kind", "bound") == [
        "averages.bernstein",
        "descent.worst_case",
        "information.infonce",
    ]
    shown = run(programs, namespaces, "theory-on-trial", "show", "regression.ridgeless[10-40]")
    assert "n=10, d=40" in shown
    assert "[40-10]" not in shown


def table(text):
    """The lines of a printed ledger: mark, claim, verdict, predicted."""
    return [line.split()[:4] for line in text.splitlines() if re.match(r"[+!] \w", line)]


def test_the_page_shows_files_that_are_there_and_the_ledger_as_it_is(namespaces):
    page = (ROOT / "docs" / "own_paper.md").read_text()
    included = re.findall(r"<!-- include (\S+) -->", page)
    assert included
    assert all((ROOT / path).is_file() for path in included)
    assert table(page) == table((namespaces / "printed.txt").read_text())


def test_the_claim_of_the_readme_gives_the_row_it_shows(programs, tmp_path):
    readme = (ROOT / "engine" / "README.md").read_text()
    stated = re.search(r"```python\n(.*?)```", readme, re.S)[1]
    assert len(stated.splitlines()) <= 15
    write(tmp_path, tests__test_uniform=stated)
    printed = pytest_in(programs, tmp_path)
    assert table(printed)
    assert table(readme) == table(printed)


CLAIM = """
from theory_on_trial import claim, paper

@claim(paper("somewhere"), kind="identity")
def test_sum(trial):
    '''One and one make two.'''
    trial.identity(1 + 1, 2, ops=0, controls={"three": 3})
"""


def test_claims_are_found_and_imported_where_pytest_is_told_to_look(programs, tmp_path):
    settings = "testpaths = ['packages/*/tests']\npythonpath = ['src']\n"
    write(tmp_path, settings, packages__one__tests__test_x="import mine\n" + CLAIM, src__mine="")
    assert "VERIFIED" in run(programs, tmp_path, "theory-on-trial", "run", "packages.one.x.sum")
    code = "from theory_on_trial import claim; print(claim('packages.one.x.sum').run().verdict)"
    assert python(programs, tmp_path, code) == "VERIFIED"


def test_a_claim_that_a_plugin_runs_again_has_one_row(programs, tmp_path):
    conftest = """
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    for outcome in ("rerun", None):
        for report in runtestprotocol(item, nextitem=nextitem, log=False):
            report.outcome = outcome or report.outcome
            item.ihook.pytest_runtest_logreport(report=report)
    return True
"""
    write(tmp_path, conftest=conftest, tests__test_x=CLAIM)
    pytest_in(programs, tmp_path, "--trial-ledger", "ledger.json")
    assert list(rows(tmp_path / "ledger.json")) == ["x.sum"]


def test_a_repository_without_claims_is_left_alone(programs, tmp_path):
    conftest = """
import pytest

def pytest_addoption(parser):
    for option in ("--seed", "--report", "--tier", "--ledger"):
        parser.addoption(option)

@pytest.fixture
def trial():
    return "its own"
"""
    plain = """
import sys

def test_it(trial, request):
    assert trial == "its own"
    assert request.config.getoption("tier") == "4"
    heavy = {"jax", "scipy", "jinja2", "theory_on_trial.trial.registry"}
    if request.config.pluginmanager.is_blocked("jaxtyping"):
        heavy.add("numpy")
    assert not heavy & set(sys.modules)
"""
    write(tmp_path, conftest=conftest, test_plain=plain)
    # jaxtyping, which comes with the engine, has a plugin of its own that imports NumPy.
    for without in ((), ("-p", "no:jaxtyping")):
        printed = pytest_in(programs, tmp_path, "--tier", "4", *without)
        assert "1 passed" in printed
        assert "ledger" not in printed


def python(programs, folder, code):
    return run(programs, folder, "python", "-c", code).strip()


def test_nothing_but_the_engine_becomes_importable(programs, tmp_path):
    names = (
        "theory sims own_data tools figures arguments paper_checks tests docs benchmarks "
        "notebooks engine"
    )
    code = (
        f"import importlib.util; print([n for n in '{names}'.split() if "
        "importlib.util.find_spec(n)])"
    )
    assert python(programs, tmp_path, code) == "[]"
    files = [file for file in engine(programs).files if file.parts[0] != ".."]
    folder, facts = sorted({file.parts[0] for file in files})
    assert (folder, facts.split("-")[0]) == ("theory_on_trial", "theory_on_trial")
    assert "py.typed" in {file.name for file in files}


def test_the_engine_depends_on_nine_packages_at_most(programs):
    direct = sorted(line for line in engine(programs).requires if "extra ==" not in line)
    stated = tomllib.loads((ROOT / "engine" / "pyproject.toml").read_text())["project"][
        "dependencies"
    ]
    assert direct == sorted(stated)
    assert len(direct) <= 9
    readme = (ROOT / "engine" / "README.md").read_text().lower()
    assert [line for line in direct if re.match(r"[\w-]+", line)[0] not in readme] == []


@pytest.mark.parametrize(
    ("line", "heavy"),
    [
        ("import theory_on_trial", "jax numpy scipy pytest jinja2"),
        (
            "from theory_on_trial import Trial, claim, claims, laws, paper",
            "jax scipy matplotlib xarray",
        ),
        ("import theory_on_trial.plugin", "jax numpy scipy jinja2"),
        ("import theory_on_trial.command", "jax scipy matplotlib xarray jinja2"),
    ],
)
def test_an_import_brings_nothing_heavy(programs, tmp_path, line, heavy):
    code = f"{line}; import sys; print(sorted(set('{heavy}'.split()) & set(sys.modules)))"
    assert python(programs, tmp_path, code) == "[]"
