"""README.md: its first claim runs, and its numbers are those of the code."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from theory_on_trial import claim
from theory_on_trial.ledger import read

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
    "Mixup breaks the curse of separability": {
        "mixup.erm_curse": "tried",
        "mixup.exp_vs_poly": "tried",
        "mixup.mixup_poly": "tried",
    },
    "law of optimal reweighting": {
        "briefs.law_of_optimal_reweighting.costate-at_the_optimum": "known",
        "briefs.law_of_optimal_reweighting.price-at_most": "derived",
    },
    "JEPA learns the large feature first": {
        "jepa_bias.displacement": "derived",
        "jepa_bias.displacement-itinerary": "derived",
        "jepa_bias.displacement-samples": "derived",
    },
}
"""Words of each finding, the claims behind it, and whose statements README.md says they are."""
LEDGER = read(ROOT / "records" / "ledgers" / "jax-0.10.2_python-3.11_cpu.json")


@pytest.mark.parametrize("page", ["README.md", "docs/index.md", "docs/findings.md"])
def test_the_findings_say_whose_they_are_and_hold(page):
    text = " ".join((ROOT / page).read_text(encoding="utf-8").split())
    for words, behind in FINDINGS.items():
        assert words in text
        for name, provenance in behind.items():
            assert claim(name).source.provenance == provenance
    refuted = claim("briefs.law_of_optimal_reweighting.defect-of_small_steps").as_published
    assert refuted.reach == "theorem"


def test_every_finding_has_claims_that_hold_and_no_accusation_of_a_slip():
    paragraphs = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8").split("\n\n")
    findings = [text for text in paragraphs if text.startswith("**")]
    assert len(findings) == 10
    verdicts = {row.id: row.verdict for row in LEDGER.claims}
    for text in findings:
        names = re.findall(r"\]\(ledger\.md#([^)]+)\)", text)
        assert names
        for name in names:
            accused = claim(name).as_published
            assert accused is None or accused.reach not in ("slip", "unreached branch")
            assert verdicts.get(name, "VERIFIED") == "VERIFIED"


NUMBERS = {
    "random_walk_pca.first_two_fraction": ("76.1 %", "82.9 %", "60 points", "1000 dimensions"),
    "predictive_multiplicity.compas-table": ("6172", "2008", "1105", "3160", "1 %"),
}
"""Numbers of docs/findings.md that stand in the statement of a claim."""


def test_numbers_of_the_findings_stand_in_a_statement_or_in_a_row():
    text = " ".join((ROOT / "docs" / "findings.md").read_text(encoding="utf-8").split())
    for name, numbers in NUMBERS.items():
        for number in numbers:
            assert number in text
            assert number in claim(name).statement
    assert "up to 12.5 % more than the least for the condition number 4" in text
    assert (1 + 4**0.5) ** 2 / (4 * 4**0.5) == 1.125  # the formula of price-at_most
    rows = {row.id: row for row in LEDGER.claims}
    assert "40 of 40 runs" in text
    samples = rows["jepa_bias.displacement-samples"]
    assert (samples.measured, samples.guarantee) == (1.0, "exact, 40 runs")


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
