"""README.md: its Python runs, and what continuous integration takes from it is what it says."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from theory_on_trial.repository.records import read

ROOT = Path(__file__).parent.parent
LEDGER = sorted((ROOT / "records" / "ledgers").glob("*-x1.json"))[0]
"""The ledger that is published with the code."""
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_first_claim_prints_what_the_page_says(tmp_path):
    example = re.findall(r"^```python\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)[0]
    (tmp_path / "test_uniform.py").write_text(example, encoding="utf-8")
    (tmp_path / "pytest.ini").touch()
    environment = os.environ | {"COLUMNS": "120"}
    command = [sys.executable, "-m", "pytest"]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    rows = (
        re.findall(r"^[+] uniform[.].*", text, flags=re.MULTILINE) for text in (README, run.stdout)
    )
    written, fresh = ([row.split()[:-1] for row in found] for found in rows)  # without the seconds
    assert written == fresh


QUOTED = {
    "Most of a long random walk's variance": "random_walk_pca.first_two_fraction",
    "The correlated features of a released simulation": "naive_bayes_vs_logistic.hard_covariance",
    "The penalty at which ridge equals a bagged ensemble": "ridge_ensembles.path_equivalence",
}
"""What was found, as README.md and the site begin to say it, and the claim whose predictions the
numbers are.
"""


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_the_numbers_of_what_was_found_are_those_of_the_published_ledger(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    (items,) = re.findall(
        r"^What was found, .*?\n\n(.*?)\n\n", text, flags=re.DOTALL | re.MULTILINE
    )
    rows = {row["id"]: row for row in read(LEDGER)["claims"]}
    quoting = 0
    for item in re.split(r"^- ", items, flags=re.MULTILINE):
        said = re.sub(r"\]\([^)]*\)", "", item)
        for number, percent in re.findall(r"(\d*\.\d+)( %)?", said):
            (claim,) = (claim for begins, claim in QUOTED.items() if said.startswith(begins))
            digits = len(number.partition(".")[2])
            entries = np.round(
                np.abs(np.ravel(rows[claim]["predicted"])) * (100 if percent else 1), digits
            )
            assert float(number) in entries.tolist(), f"{number} is no prediction of {claim}"
            quoting += 1
    assert quoting >= 2 * len(QUOTED) - 1


def test_the_table_on_trust_says_what_the_records_say(monkeypatch):
    monkeypatch.setattr(
        "theory_on_trial.repository.records.source", lambda *_: {}
    )  # what is fresh is not asked
    for question, answer, _, command in runpy.run_path(str(ROOT / "docs" / "trust.py"))[
        "answers"
    ]():
        assert re.search(
            rf"{re.escape(f'| {question} | {answer} | ')}.* \| {re.escape(command)} \|", README
        ), question


def test_the_commands_run_in_integration():
    assert "# CI" not in README
    commands = subprocess.check_output(
        [".ci/readme_commands", "README.md"], cwd=ROOT, text=True
    ).splitlines()
    assert commands[:2] == [
        "pip install -e engine -e . && pytest paper_checks/ -n auto --dist loadfile",
        'pip install -e engine -e ".[test]" && pytest tests/ engine/tests -n 2 --dist loadfile',
    ]
    assert "python -m figures --quick" in commands
    assert not any("#" in command for command in commands)


def test_one_version_everywhere():
    versions = {
        re.search(pattern, (ROOT / name).read_text(encoding="utf-8"), flags=re.MULTILINE)[1]
        for name, pattern in {
            "pyproject.toml": r'^version = "(.*)"$',
            "engine/pyproject.toml": r'^version = "(.*)"$',
            "CITATION.cff": r"^version: (.*)$",
            "CHANGELOG.md": r"^## (.*)$",  # the newest stands first
        }.items()
    }
    assert len(versions) == 1, versions


def test_no_page_promises_an_index():
    pages = [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("e*/**/*.md"),
        *ROOT.glob("notebooks/*.ipynb"),
    ]
    promised = re.compile(r"pip install(?: -\S+)* [\"']?theory-on-trial")
    assert len(pages) > 40
    assert [page.name for page in pages if promised.search(page.read_text(encoding="utf-8"))] == []


def test_every_local_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_catalogue_is_that_of_the_present_papers():
    written = runpy.run_path(str(ROOT / "docs" / "catalogue.py"))["written"]
    assert written(README) == README, "`python docs/catalogue.py` renews it"
