"""CONTRIBUTING.md, followed to the letter: its toy paper must work in a copy of the workbench."""

import json
import re

import pytest

from theory_on_trial.audits.mutants import ROOT, copy_workbench, run_in


@pytest.fixture(scope="module")
def workbench(tmp_path_factory):
    """A copy of the workbench with the files of CONTRIBUTING.md added, and a way to run commands in it."""
    folder = tmp_path_factory.mktemp("workbench")
    copy_workbench(folder)
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python (\S+)\n(.*?)^```", guide, flags=re.DOTALL | re.MULTILINE)
    added = {path: text for path, text in blocks}
    existing = {str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py")}
    assert not set(added) & existing, "a new paper must not touch a file that exists"
    for path, text in added.items():
        (folder / path).write_text(text, encoding="utf-8")

    def run(*command):
        return run_in(folder, *command)

    run.folder, run.added = folder, list(added)
    return run


def test_the_guide_adds_one_file_per_folder(workbench):
    assert sorted(workbench.added) == [
        "figures/uniform_mean.py",
        "paper_checks/test_uniform_mean.py",
        "sims/uniform_mean.py",
        "tests/test_uniform_mean.py",
        "theory/uniform_mean.py",
    ]


def test_the_claim_is_tried(workbench):
    done = workbench("pytest", "paper_checks/test_uniform_mean.py", "--ledger", "ledger.json", "-q")
    assert done.returncode == 0, done.stdout + done.stderr
    claims = json.loads((workbench.folder / "ledger.json").read_text())["claims"]
    assert {c["id"]: c["verdict"] for c in claims} == {
        "uniform_mean.mean_of_square": "VERIFIED",
        "uniform_mean.mean_of_square-as-printed": "REFUTED",
    }
    assert [control["verdict"] for control in claims[0]["controls"]] == ["REFUTED", "REFUTED"]


def test_breaking_the_theory_breaks_the_trial(workbench):
    theory = workbench.folder / "theory" / "uniform_mean.py"
    sound = theory.read_text()
    theory.write_text(sound.replace("1 / (power + 1)\n", "1 / (power + 1.3)\n"))
    try:
        done = workbench("pytest", "paper_checks/test_uniform_mean.py", "-q")
    finally:
        theory.write_text(sound)
    assert done.returncode == 1
    assert "uniform_mean.mean_of_square: REFUTED, expected VERIFIED" in done.stdout


def test_the_figure_is_drawn(workbench):
    done = workbench("figures", "uniform_mean", "--quick", "--out", "drawn")
    assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in (workbench.folder / "drawn" / "uniform_mean").iterdir())
    assert names == ["F1_means.pdf", "F1_means.png", "F1_means.txt"]
    caption = (workbench.folder / "drawn" / "uniform_mean" / "F1_means.txt").read_text()
    assert "n_samples = 200" in caption
    assert "python -m figures uniform_mean.F1 --quick" in caption


def test_its_tests_and_the_linters_pass(workbench):
    for command in (
        ("pytest", "tests/test_uniform_mean.py", "-q"),
        ("ruff", "check", *workbench.added),
        ("ruff", "format", "--check", *workbench.added),
        ("mypy", "theory/uniform_mean.py", "sims/uniform_mean.py"),
    ):
        done = workbench(*command)
        assert done.returncode == 0, done.stdout + done.stderr
