"""README.md: its Python runs, and what continuous integration takes from it is what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
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


def test_integration_runs_the_commands_as_they_stand():
    commands = subprocess.check_output(
        [".ci/readme_commands", "README.md"], cwd=ROOT, text=True
    ).splitlines()
    assert commands[:2] == [
        "pip install -e engine -e . && pytest paper_checks/ -n auto --dist loadfile",
        'pip install -e engine -e ".[test]" && pytest tests/ engine/tests -n 2 --dist loadfile',
    ]
    assert [command for command in commands if f"{command}\n" not in README] == []


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
