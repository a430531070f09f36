"""README.md: its first claim runs, and its numbers are those of the code."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from theory_on_trial import claim

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_it_is_read_in_two_minutes():
    assert len(README.splitlines()) <= 170


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


@pytest.mark.every_paper
def test_the_table_of_statements_counts_those_of_the_published_ledger():
    catalogue = runpy.run_path(str(ROOT / "docs" / "catalogue.py"))
    table = catalogue["table"]()
    assert table in README, "python docs/write_pages.py renews README's table"
    papers = table.splitlines()[-1].split(" | ")[1]
    assert f"holds the plugin and {papers} machine-learning theory papers" in README
    assert catalogue["sums"]() in README, "python docs/write_pages.py renews README's sums"


FINDINGS = {
    "The abstract is right": ("random_walk_pca.first_two_fraction", "abstract"),
    "A published equation has the wrong sign": ("in_context_learning.thm1-gd-step", "paper"),
    "A released simulation draws": ("naive_bayes_vs_logistic.hard_covariance", "derived"),
}
"""How each finding begins, the claim behind it, and whose statement README.md says it is."""


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_the_numbers_and_authors_of_the_findings_are_those_of_the_claims(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    found = text.partition("## Three findings")[2].partition("\n## ")[0]
    items = re.split(r'^(?:- |<div markdown="1">\n)', found, flags=re.MULTILINE)[1:]
    assert len(items) == len(FINDINGS)
    for item, (begins, (name, provenance)) in zip(items, FINDINGS.items(), strict=True):
        assert begins in item
        assert claim(name).source.provenance == provenance
        said = re.sub(r"\]\([^)]*\)", "", item)
        numbers = re.findall(r"(\d+\.\d+)( %)?", said)
        predicted = np.abs(np.ravel(claim(name).run().predicted)) if numbers else []
        for number, percent in numbers:
            digits = len(number.partition(".")[2])
            rounded = np.round(np.multiply(predicted, 100 if percent else 1), digits)
            assert float(number) in rounded.tolist(), f"{number} is no prediction of {name}"


def test_integration_finds_the_two_commands_of_the_page():
    blocks = re.findall(r"^```sh\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)
    assert "".join(blocks).splitlines() == [
        "pip install -e engine -e . && pytest paper_checks/ -n auto --dist loadfile",
        'pip install -e engine -e ".[test]" && pytest tests/ engine/tests -n 2 --dist loadfile',
    ]


def test_one_version_everywhere():
    versions = {
        re.search(pattern, (ROOT / name).read_text(encoding="utf-8"), flags=re.MULTILINE)[1]
        for name, pattern in {
            "pyproject.toml": r'^version = "(.*)"$',
            "engine/pyproject.toml": r'^version = "(.*)"$',
            "CITATION.cff": r"^version: (.*)$",
            "CHANGELOG.md": r"^## (\d\S*)",  # the newest comes first
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
