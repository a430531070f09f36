"""The hooks for pre-commit, the Action and the page for programs do what they say, in a repository
that is not this one.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from theory_on_trial.command import _parser

ROOT = Path(__file__).parent.parent
CLAIM = '''
from theory_on_trial import claim, derived


@claim(derived("add them up"), kind="identity")
def test_sum(trial, n=10):
    """The numbers 1 to n add up to n (n + 1) / 2."""
    trial.identity(sum(range(n + 1)) + {off}, n * (n + 1) / 2, ops=0, controls={{"n n": n * n}})


def test_of_something_else():
    raise AssertionError("this is no claim")
'''
README = "It is <!-- trial: sums.sum predicted -->{number}<!-- /trial -->.\n"


@pytest.fixture
def repository(tmp_path):
    (tmp_path / "pytest.ini").touch()
    (tmp_path / "test_sums.py").write_text(CLAIM.format(off=0))
    (tmp_path / "README.md").write_text(README.format(number=55))
    return tmp_path


def script(text, folder, **variables):
    """Run a script as the hook or the Action does, with the programs of this environment."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", text],
        cwd=folder,
        env={**os.environ, "PATH": path, **variables},
        capture_output=True,
        text=True,
    )


def hooks():
    return {
        hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    }


def test_the_hook_runs_the_claims_and_nothing_else(repository):
    entry = hooks()["claims"]["entry"]
    right = script(entry, repository)
    assert right.returncode == 0, right.stdout
    assert "1 passed, 1 deselected" in right.stdout
    (repository / "test_sums.py").write_text(CLAIM.format(off=1))
    assert script(entry, repository).returncode == 1


def test_the_hook_compares_the_numbers(repository):
    entry = f"{hooks()['numbers']['entry']} README.md"
    assert script(entry, repository).returncode == 0
    (repository / "README.md").write_text(README.format(number=56))
    wrong = script(entry, repository)
    assert wrong.returncode == 1
    assert 'README.md:1: "56", but predicted of sums.sum is 55' in wrong.stdout


def test_pre_commit_runs_the_hooks(repository):
    if shutil.which("pre-commit") is None:
        pytest.skip("needs pre-commit")
    for command in ("git init -q", "git add .", "pre-commit try-repo --all-files"):
        more = f" {ROOT} claims" if "try-repo" in command else ""
        done = script(command + more, repository)
        assert done.returncode == 0, done.stdout + done.stderr


def action():
    return yaml.safe_load((ROOT / "action.yml").read_text())


def run_action(folder, **given):
    """The exit status of each step with a script but the first, which installs the engine."""
    inputs = {name: about["default"] for name, about in action()["inputs"].items()} | given
    output = folder / "output"
    statuses = {}
    for step in action()["runs"]["steps"][1:]:
        skipped = step.get("if") == "inputs.numbers != ''" and not inputs["numbers"]
        if "run" not in step or skipped:
            continue
        named = {
            name: re.sub(r"\$\{\{ inputs\.(\w+) }}", lambda found: inputs[found[1]], value)
            for name, value in step.get("env", {}).items()
        }
        done = script(step["run"], folder, GITHUB_OUTPUT=str(output), **named)
        statuses[step["name"]] = done.returncode
    return statuses, output.read_text()


def test_the_action_runs_the_claims_and_keeps_what_they_say(repository):
    statuses, output = run_action(repository, numbers="README.md")
    assert statuses == {"claims": 0, "numbers": 0, "badge": 0}
    kept = {path.name for path in (repository / "trial").iterdir()}
    assert kept == {"ledger.json", "report.html", "badge.svg"}
    assert output == f"ledger={repository / 'trial' / 'ledger.json'}\n"


def test_the_action_fails_if_a_claim_or_a_number_is_wrong(repository):
    (repository / "test_sums.py").write_text(CLAIM.format(off=1))
    assert run_action(repository)[0] == {"claims": 1, "badge": 0}
    (repository / "test_sums.py").write_text(CLAIM.format(off=0))
    (repository / "README.md").write_text(README.format(number=56))
    assert run_action(repository, numbers="README.md")[0] == {"claims": 0, "numbers": 1, "badge": 0}


def test_the_action_names_files_and_inputs_that_exist():
    install, *others = action()["runs"]["steps"]
    assert install["env"]["ENGINE"] == "${{ github.action_path }}/engine[${{ inputs.extras }}]"
    facts = tomllib.loads((ROOT / "engine" / "pyproject.toml").read_text())["project"]
    assert action()["inputs"]["extras"]["default"] in facts["optional-dependencies"]
    text = (ROOT / "action.yml").read_text()
    assert set(re.findall(r"inputs\.(\w+)", text)) == set(action()["inputs"])
    # What a user writes reaches no script as text, only as a variable.
    assert not any("${{" in step.get("run", "") for step in [install, *others])


def test_the_page_for_programs_names_commands_that_exist():
    page = (ROOT / "AGENTS.md").read_text(encoding="utf-8")
    assert len(page.splitlines()) <= 70
    parsers = _parser()._subparsers._group_actions[0].choices
    commands = re.findall(r"^theory-on-trial ([^#\n]*)", page, flags=re.MULTILINE)
    assert len(commands) >= 5
    for command in commands:
        name, *arguments = shlex.split(command)
        parsers[name].parse_args(arguments)
    for target in re.findall(r"\]\(([^)]+)\)", page):
        assert (ROOT / target).is_file()
