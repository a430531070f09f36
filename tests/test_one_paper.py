"""What `pytest --paper NAME` runs beside the claims, the tests and the notebook of a paper: its quick
figures and its benchmark at a reduced size.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from theory_on_trial.figures.drawing import figures
from theory_on_trial.repository import outline

ROOT = Path(__file__).parent.parent
PAPERS = outline.papers(ROOT)


@pytest.mark.parametrize("paper", PAPERS)
def test_quick_figures_are_drawn_without_overlaps(paper, tmp_path):
    for figure in figures(paper):
        assert figure.save(tmp_path, quick=True)[1] == []


@pytest.mark.parametrize(
    "paper", [paper for paper in PAPERS if (ROOT / "benchmarks" / f"{paper}.py").exists()]
)
def test_the_benchmark_runs_at_a_reduced_size(paper):
    command = [sys.executable, "-m", "benchmarks", paper, "--quick"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
