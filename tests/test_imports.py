"""What the installed papers bring into the import path, and what importing them costs."""

import os
import subprocess
import sys


def test_importing_theory_is_light():
    code = (
        "import sys; "
        "import theory.random_walk_pca.finite_dimension, theory.random_walk_pca.drift_and_decay; "
        "heavy = {'jax', 'scipy', 'matplotlib', 'sklearn', 'cvxpy', 'diffrax'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_papers_install_three_packages_and_nothing_else(tmp_path):
    code = """
import importlib.util
import theory, sims, own_data, theory_on_trial
not_installed = "tools figures arguments audits paper_checks docs benchmarks notebooks conftest"
for name in not_installed.split():
    assert importlib.util.find_spec(name) is None, name
"""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
