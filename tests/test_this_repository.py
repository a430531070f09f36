"""The command `theory-on-trial` in this repository: its papers, its figures, the short options."""

import subprocess
import sys

from theory_on_trial import claims
from theory_on_trial.command import main
from theory_on_trial.repository import outline


def test_figures_are_handed_over(capsys):
    assert main(["figures", "random_walk_pca.F3", "--list"]) == 0
    assert capsys.readouterr().out.startswith("random_walk_pca.F3  ")


def test_the_outline_is_what_registration_finds():
    assert {"mixup", "random_walk_pca"} <= set(outline.papers())
    assert all(outline.title(paper) for paper in outline.papers())
    for paper in ("random_walk_pca", "predictive_multiplicity"):
        assert set(outline.settings(paper)) == {c.id for c in claims(paper)}, paper
    assert outline.settings("random_walk_pca")["random_walk_pca.total_variance"] == ["n_points"]


def test_the_short_options_are_those_of_the_engine(tmp_path):
    checks = "paper_checks/test_random_walk_pca/test_walk.py"
    files = [str(tmp_path / name) for name in ("ledger.json", "report.html")]
    asked = ["-k", "total_variance", "--tier", "full", "--seed", "3", "--ledger", files[0], "--report", files[1]]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", checks, *asked]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    assert "ledger (seed 3, tier full)" in run.stdout
    assert all(f": {file}" in run.stdout for file in files)
