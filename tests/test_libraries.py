"""The libraries on trial that are installed here have the verdicts of docs/libraries.md."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("package", ["jax", "numpy", "scipy", "scikit-learn"])
def test_the_table_says_what_is_found(package, tmp_path):
    file = f"test_{package.replace('-', '_')}.py"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", file]
    subprocess.run(
        [*command, "--trial-ledger", tmp_path / "ledger.json"],
        cwd=ROOT / "examples" / "libraries",
        capture_output=True,
    )
    rows = json.loads((tmp_path / "ledger.json").read_text())["claims"]
    found = {row["statement"]: row["verdict"] for row in rows}
    cells = [
        [cell.strip() for cell in line.split("|")]
        for line in (ROOT / "docs" / "libraries.md").read_text().splitlines()
    ]
    listed = {row[3]: row[4] for row in cells if row[1:3] == [package, version(package)]}
    if not listed:
        pytest.skip(f"the table has no row of {package} {version(package)}")
    assert found == listed
