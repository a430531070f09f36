"""CONTRIBUTING.md, followed to the letter in a copy of the repository, and what it says of a paper
that is broken.
"""

import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from theory_on_trial.papers import lay_down, steps
from theory_on_trial.papers.row import Paper

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^theory-on-trial .*$", GUIDE, flags=re.MULTILINE)
NAME = "uniform_mean"
ROW = "uniform_row"
WHOLE = "--minutes 15"  # on a busy machine, too


@pytest.fixture(scope="module", autouse=True)
def bytecode():
    """All that follows are programs, dozens of them; in a copy their bytecode disturbs nobody."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        yield


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the repository in which the first command of the guide has been run."""
    folder = tmp_path_factory.mktemp("repository")
    copy_repository(folder)
    printed, new = laid_down(folder, COMMANDS[0])
    assert sorted(printed.splitlines()) == sorted(str(folder / path) for path in new)
    return folder


@pytest.fixture(scope="module")
def row(copy):
    laid_down(copy, f"theory-on-trial new-paper --in-full {ROW}")
    return Paper(ROW, copy)


def laid_down(folder, command):
    """What a command prints, and which files it makes: it touches none that is there."""
    before = everything_in(folder)
    done = follow(folder, command)
    assert done.returncode == 0, done.stderr
    after = everything_in(folder)
    assert {path: after.get(path) for path in before} == before
    return done.stdout, set(after) - set(before)


def everything_in(folder):
    files = (
        path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    )
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in files}


def follow(folder, command):
    """Run a command of the guide in a copy, whose packages hide the installed ones."""
    paths = os.pathsep.join([str(folder), str(folder / "engine")])
    return subprocess.run(
        [sys.executable, "-m", "theory_on_trial.command", *command.split()[1:]],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=1200,
    )


def copy_repository(folder):
    """Copy the repository without what is hidden or made by running it."""
    made = {"__pycache__", "node_modules", "build", "dist", "out"}
    ignored = lambda place, names: {  # noqa: E731
        name
        for name in names
        if name.startswith(".") or name in made or Path(place, name, "pyvenv.cfg").exists()
    }
    shutil.copytree(ROOT, folder, ignore=ignored, dirs_exist_ok=True)


@contextmanager
def broken(path, old, new):
    sound = path.read_text(encoding="utf-8")
    assert old in sound
    path.write_text(sound.replace(old, new), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(sound, encoding="utf-8")


def test_the_guide_names_every_file_that_a_row_has(row):
    paths = {
        path.replace("NAME", ROW)
        for path in re.findall(r"^\| `(\S+\.\w+)` \|", GUIDE, flags=re.MULTILINE)
    }
    files = [*row.folder.rglob(f"*{ROW}.*"), *row.folder.glob(f"paper_checks/test_{ROW}/*.*")]
    laid = {str(path.relative_to(row.folder)) for path in files}
    assert paths == {path for path in laid if "__pycache__" not in path}


def test_a_page_passes_the_whole_gate_but_for_being_the_toy(copy):
    assert [command.split()[1] for command in COMMANDS] == ["new-paper", "check-paper"]
    run = follow(copy, f"{COMMANDS[1]} {WHOLE}")
    verdict = run.stdout.splitlines()[-1]
    steps_lacking = {title for title in steps.ON_ONE_PAGE if f"] {title}: FAILED" in run.stdout}
    assert steps_lacking == {"no toy", "what the repository tests of every paper"}, run.stdout
    sentences = [line for line in run.stdout.splitlines() if line.startswith("  - ")]
    assert any(
        line.startswith(f"  - paper_checks/briefs/test_{NAME}.py still holds the toy")
        for line in sentences
    )
    assert any("python docs/write_pages.py" in line for line in sentences)
    assert verdict.startswith(f"briefs.{NAME}: 2 missing or failing, as named above ("), sentences
    assert run.returncode == 1


def test_a_row_passes_the_whole_gate_but_for_being_the_toy(row):
    run = follow(row.folder, f"theory-on-trial check-paper {ROW} {WHOLE}")
    lacking = {title for title in steps.ROW if f"] {title}: FAILED" in run.stdout}
    assert lacking == {"no toy", "what the repository tests of every paper"}, run.stdout
    sentences = [line for line in run.stdout.splitlines() if line.startswith("  - ")]
    toys = [line for line in sentences if "still holds the toy" in line]
    others = set(sentences) - set(toys)
    assert len(others) == 1, others
    (counts,) = others
    assert "python docs/write_pages.py" in counts
    assert {"docs", "benchmarks", "figures"} <= {re.match(r"  - (\S+?)/", line)[1] for line in toys}


CHECKS = f"paper_checks/test_{ROW}"
RENEW = f"`theory-on-trial figures {ROW} --small --out docs/papers` puts it there"
CONSTANT = f"theory/{ROW}.py", "1 / (power + 1))\n", "1 / (power + 1.3))\n"
UNUSED = "import os\n\nimport jax\nfrom theory import  mixup\n"


@pytest.mark.parametrize(
    ("step", "file", "old", "new", "said"),
    [
        ("audited", *CONSTANT, [f"{ROW}.power_of_the_mean: "]),
        ("claims", *CONSTANT, [f"{ROW}.mean_of_power: REFUTED, expected VERIFIED."]),
        (
            "figures",
            f"figures/{ROW}.py",
            "def means(",
            "def averages(",
            [
                f"the gallery lacks F1_averages.webp: {RENEW}",
                "holds F1_means.webp, and no figure: delete it",
            ],
        ),
        (
            "linters",
            f"sims/{ROW}.py",
            "import jax\n",
            UNUSED,
            [
                "`os` imported but unused",
                f"not as ruff formats it: sims/{ROW}.py",
                f"import-linter forbids sims.{ROW} -> theory.mixup (l.12)",
            ],
        ),
    ],
    # without the row's name, by which its tests are chosen
    ids=lambda part: part if str(part).isalpha() else "",
)
def test_what_breaks_is_named(row, monkeypatch, step, file, old, new, said):
    monkeypatch.setattr(steps, "SEEDS", 1)
    with broken(row.folder / file, old, new):
        sentences = getattr(steps, step)(row)
    for one in said:
        assert any(one in sentence for sentence in sentences), sentences


def test_a_page_that_says_something_else_and_a_notebook_that_fails_are_named(row):
    page = row.folder / "docs" / "papers" / f"{ROW}.md"
    notebook = row.folder / "notebooks" / f"{ROW}.ipynb"
    with broken(page, "2.088", "2.188"), broken(notebook, 'claim(\\"', 'claim(\\"no_'):
        sentences = [line for line in steps.shared_tests(row) if "test_readme" not in line]
    assert len(sentences) == 2, sentences
    for test, sentence in zip(("test_docs", "test_notebooks"), sorted(sentences), strict=True):
        assert sentence.startswith(f"FAILED tests/{test}.py::"), sentence
        assert f"[{ROW}]" in sentence


@pytest.mark.parametrize("name", ["p", "a_name_of_thirty_four_letters_or_so"])
def test_short_and_long_names_leave_the_layout_of_the_code_alone(row, name):
    lay_down(name, row.folder, in_full=True)
    assert steps.linters(Paper(name, row.folder)) == []
