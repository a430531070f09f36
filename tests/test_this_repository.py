"""What holds of all papers together: the command's names, and that statements
are typeset whole.
"""

import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

from theory_on_trial import claims
from theory_on_trial.command import main
from theory_on_trial.page.typeset import typeset
from theory_on_trial.papers import steps
from theory_on_trial.papers.row import Paper
from theory_on_trial.repository import abstract, outline

ROOT = Path(__file__).parent.parent


def test_figures_are_handed_over(capsys):
    assert main(["figures", "random_walk_pca.F3", "--list"]) == 0
    assert capsys.readouterr().out.startswith("random_walk_pca.F3  ")


def test_one_option_collects_what_is_there_about_a_paper():
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "--paper", "ridge_ensembles"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    files = {line.partition("::")[0] for line in run.stdout.splitlines() if "::" in line}
    assert files >= {
        "paper_checks/test_ridge_ensembles/test_risks.py",
        "tests/test_ridge_ensembles.py",
        "tests/test_notebooks.py",
        "tests/test_one_paper.py",
    }
    others = [name for name in outline.papers() if name != "ridge_ensembles"]
    assert [name for name in others if f"[{name}]" in run.stdout] == []


@pytest.mark.parametrize("paper", outline.papers())
def test_the_outline_is_what_registration_finds(paper):
    assert outline.title(paper)
    assert {k: set(v) for k, v in outline.settings(paper).items()} == {
        c.id: set(c.settings) for c in claims(paper)
    }


@pytest.mark.parametrize("paper", outline.papers())
def test_the_statements_of_the_abstract_have_answers_that_claims_bear(paper):
    assert abstract.sentences(paper), f"{paper} does not list its abstract"
    assert abstract.faults(paper) == []


def test_check_paper_finds_nothing_missing_in_the_files():
    # Not a test for each paper: check-paper, which has these steps, runs those of its paper.
    for paper in outline.papers():
        checked = Paper(paper, ROOT)
        page = steps.on_one_page(checked)
        for step in (steps.form, steps.toy) if page else (steps.files, steps.page, steps.toy):
            assert step(checked) == [], paper


@pytest.mark.parametrize("paper", outline.papers())
def test_nothing_of_the_convention_is_left_in_any_statement_and_no_word_is_lost(paper):
    greek = re.compile(
        r"\b(alpha|beta|gamma|delta|epsilon|theta|kappa|lambda|mu|nu|pi|rho|sigma|tau|Sigma|Lambda)\b"
    )
    for claim in claims(paper):
        html = str(typeset(claim.statement))
        text = unescape(re.sub("<[^>]*>", "", html))
        prose = re.sub("<code>.*?</code>", "", html)
        convention = r"[_^]|<=|>=|->|!=|sqrt\("
        assert not re.search(convention, unescape(re.sub("<[^>]*>", "", prose))), (claim.id, text)
        assert not greek.search(re.sub("<[^>]*>", " ", prose)), (claim.id, text)
        words = [
            w
            for w in re.findall(r"(?<!\\)\b[A-Za-z]{4,}", claim.statement)  # TeX apart
            if typeset(w) == w and w not in ("sqrt", "prod")
        ]
        assert [w for w in words if w not in text.replace("’", "'")] == [], claim.id
