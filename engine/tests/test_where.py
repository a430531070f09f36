"""Where a paper lies: its files with their first sentences, and the lines behind a claim."""

import pytest

from theory_on_trial.command import main

CHECKS = '''"""Means of sums. A second sentence."""

from sims import sums as observed
from theory import sums as predicted
from theory_on_trial import claim, derived


def measured(n):
    return observed.total(n)


@claim(derived("counted"), kind="identity")
def test_total(trial, n=3):
    """The sum of 1, ..., n is n (n + 1) / 2."""
    trial.identity(measured(n), predicted.total(n), ops=3, controls={"none": 0})
'''
SIDE = '''"""{about}."""


def helper(n):
    return n


def total(n):
    """Return the sum. More of it."""
    return {value}
'''


@pytest.fixture
def folder(tmp_path):
    files = {
        "pytest.ini": "[pytest]\ntestpaths = paper_checks\n",
        "paper_checks/test_sums.py": CHECKS,
        "theory/sums.py": SIDE.format(about="The formula", value="helper(n) * (n + 1) / 2"),
        "sims/sums.py": SIDE.format(about="The sum", value="sum(range(helper(n) + 1))"),
        "theory/__init__.py": "",
        "sims/__init__.py": "",
        "docs/papers/sums.md": "# How sums grow\n\nText.\n",
        "build/sums.md": "# Not this one\n",
        "docs/other.md": "# Another page\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def test_the_files_of_a_paper_have_their_first_sentences(folder, capsys):
    assert main(["where", "sums", "--root", str(folder)]) == 0
    assert [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()] == [
        ["docs/papers/sums.md", "How sums grow"],
        ["paper_checks/test_sums.py", "Means of sums."],
        ["sims/sums.py", "The sum."],
        ["theory/sums.py", "The formula."],
    ]


def test_a_claim_leads_to_the_functions_that_it_compares_and_no_further(folder, capsys):
    assert main(["where", "sums.total", "--root", str(folder)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "    claim  paper_checks/test_sums.py:13  test_total: The sum of 1, ..., n is n (n + 1) / 2.",
        "predicted  theory/sums.py:8  total: Return the sum.",
        " observed  sims/sums.py:8  total: Return the sum.",
    ]
    assert main(["show", "sums.total", "--root", str(folder)]) == 0
    assert "place  paper_checks/test_sums.py:13" in capsys.readouterr().out


def test_what_is_neither_a_paper_nor_a_claim_gets_one_sentence(folder, capsys):
    with pytest.raises(SystemExit):
        main(["where", "products", "--root", str(folder)])
    assert "no claim 'products'" in capsys.readouterr().err
