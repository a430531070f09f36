"""What `new-paper` refuses and leaves alone, and what `check-paper` finds missing, wrong or endless."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from theory_on_trial import papers
from theory_on_trial.papers import check, lay_down, steps
from theory_on_trial.papers.row import Paper
from theory_on_trial.repository import outline

CHECKS = '''
"""A toy."""

from theory_on_trial import claim, paper


@claim(paper("Section 1"), kind="identity")
def test_sum(trial):
    """1 + 1 = 2."""
    trial.identity(1 + 1, 2, ops=0, controls={"three": 3})


@claim(paper("Section 2"), kind="identity", tier="full")
def test_double(trial):
    """2 times 2 = 4."""
    trial.identity(2 * 2, 4, ops=0, controls={"five": 5})
'''


@pytest.fixture
def toy(repository):
    return Paper(
        "toy", repository({"paper_checks/test_toy.py": CHECKS}, "testpaths = ['paper_checks']\n")
    )


def everything_in(folder):
    return {
        path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "two-words",
            "NAME must be a lower-case identifier such as ridge_ensembles, got 'two-words'",
        ),
        ("Toy", "NAME must be a lower-case identifier"),
        ("lambda", "NAME must be a lower-case identifier"),
        ("", "NAME must be a lower-case identifier"),
        ("../toy", "NAME must be a lower-case identifier"),
        ("toy", "NAME must be new, and paper_checks/test_toy.py exists"),
    ],
)
@pytest.mark.parametrize("row", [False, True])
def test_a_name_that_is_none_or_taken_is_refused_and_nothing_is_written(toy, name, sentence, row):
    before = everything_in(toy.folder)
    with pytest.raises(ValueError, match=sentence):
        lay_down(name, toy.folder, in_full=row)
    assert everything_in(toy.folder) == before


@pytest.mark.parametrize(
    "taken",
    ["sims/new/a.py", "tests/new/test_a.py", "notebooks/new.ipynb", "docs/papers/new/F1.txt"],
)
def test_a_package_or_a_page_of_that_name_is_not_touched(toy, taken):
    (toy.folder / taken).parent.mkdir(parents=True)
    (toy.folder / taken).write_text("kept")
    before = everything_in(toy.folder)
    with pytest.raises(ValueError, match=r"NAME must be new, and .*new.* exists"):
        lay_down("new", toy.folder, in_full=True)
    assert everything_in(toy.folder) == before


def test_a_row_is_for_the_workbench_and_nothing_is_written_elsewhere(toy):
    before = everything_in(toy.folder)
    with pytest.raises(ValueError, match="--in-full is for a checkout of the workbench"):
        lay_down("new", toy.folder, in_full=True)
    assert everything_in(toy.folder) == before


def test_a_page_of_which_one_function_is_left_is_the_toy(toy):
    (path,) = lay_down("new", toy.folder)
    lines = path.read_text().splitlines(keepends=True)
    start = next(number for number, line in enumerate(lines) if line.startswith("@figure"))
    path.write_text("".join(lines[start:]))
    (sentence,) = steps._left_of_toy(steps.BRIEF.read_text(), [path], toy)
    assert "test_new.py still holds the toy: " in sentence


def test_what_a_repository_does_not_have_is_not_called_passed(toy, monkeypatch, capsys):
    lay_down("new", toy.folder)
    wanted = {title: step for title, step in steps.ON_ONE_PAGE.items() if step is steps.linters}
    monkeypatch.setattr(papers, "ON_ONE_PAGE", wanted)
    assert check("new", toy.folder) == 0
    assert capsys.readouterr().out.count(": not asked of this repository, ") == 1


def test_linters_that_are_not_installed_are_named(toy, monkeypatch):
    lay_down("new", toy.folder)
    (toy.folder / "pyproject.toml").write_text("[tool.ruff]\n[tool.mypy]\n[tool.importlinter]\n")
    monkeypatch.setattr(steps, "find_spec", lambda module: module == "mypy")
    sentence = "the linters of the repository are not installed: ruff, import-linter"
    assert steps.linters(Paper("new", toy.folder)) == [sentence]


def test_every_missing_file_and_section_is_named(toy):
    missing = steps.files(toy)
    assert "there is no theory/toy.py" in missing
    assert "there is no notebooks/toy.ipynb" in missing
    assert "there is no paper_checks/test_toy/test_claims.py" in missing
    page = toy.folder / "docs" / "papers" / "toy.md"
    page.parent.mkdir(parents=True)
    page.write_text("# Toy\n\n## The setting\n\n<!-- claims -->\n")
    sentences = steps.page(toy)
    assert "the page has no line '<!-- errata -->'" in sentences
    assert "the page has no line '## Errata'" in sentences
    assert not any("own data" in sentence or "own_data" in sentence for sentence in sentences)
    assert not any(
        "## The setting" in sentence or "<!-- claims -->" in sentence for sentence in sentences
    )
    tool = toy.folder / "own_data" / "toy.py"
    tool.parent.mkdir()
    tool.touch()
    sentences = steps.page(toy)
    assert "the page has no line '## On your own data'" in sentences
    assert "the page has no example that imports from own_data.toy" in sentences


def test_claims_may_stand_in_files_of_any_name_and_papers_may_share_a_benchmark(repository):
    files = {
        "paper_checks/test_toy/__init__.py": '"""A toy."""\n',
        "paper_checks/test_toy/test_sums.py": CHECKS,
        "docs/papers/toy.md": "`python -m benchmarks.shared` times it, `python -m benchmarks.none`.",
        "benchmarks/shared.py": "",
    }
    paper = Paper("toy", repository(files, "testpaths = ['paper_checks']\n"))
    missing = steps.files(paper)
    assert "there is no theory/toy.py" in missing
    assert not any("test_claims" in one or "benchmarks" in one for one in missing)
    assert steps._benchmarks(paper) == ["shared"]
    (paper.folder / "benchmarks" / "shared.py").unlink()
    assert "there is no benchmarks/toy.py" in steps.files(paper)


def test_claims_as_expected_leave_nothing_to_say(toy):
    assert steps.claims(toy) == []


def test_a_wrong_claim_is_named_once_and_claims_of_the_full_tier_are_run(toy):
    wrong = CHECKS.replace("2 * 2, 4", "2 * 2, 6").replace("1 + 1, 2", "1 + 1, 5")
    (toy.folder / "paper_checks" / "test_toy.py").write_text(wrong)
    fast, full = steps.claims(toy)
    assert fast.startswith("toy.sum: REFUTED, expected VERIFIED. 1 + 1 = 2.")
    assert full.startswith("toy.double: REFUTED, expected VERIFIED. 2 times 2 = 4.")


def test_checks_that_cannot_be_imported_are_named_with_the_reason(toy, monkeypatch):
    monkeypatch.setattr(steps, "SEEDS", 1)
    (toy.folder / "paper_checks" / "test_toy.py").write_text(
        f"import nothing_of_this_name\n{CHECKS}"
    )
    (sentence,) = steps.claims(toy)
    assert sentence.startswith("ERROR paper_checks/test_toy.py - ")
    assert "nothing_of_this_name" in sentence


def test_the_verdict_is_one_line_and_the_exit_status(toy, monkeypatch, capsys):
    monkeypatch.setattr(papers, "ROW", {"nothing": lambda paper: []})
    assert check("toy", toy.folder) == 0
    assert capsys.readouterr().out.splitlines() == [
        "[1/1] nothing: passed, 0 s",
        "toy: nothing is missing, nothing fails (0 s)",
    ]
    monkeypatch.setattr(
        papers, "ROW", {"nothing": lambda paper: [], "two": lambda paper: ["first", "second"]}
    )
    assert check("toy", toy.folder) == 1
    assert capsys.readouterr().out.splitlines()[1:] == [
        "[2/2] two: FAILED, 0 s",
        "  - first",
        "  - second",
        "toy: 2 missing or failing, as named above (0 s)",
    ]


ENDLESS = "import sys\nprint(sys.argv[1])\nwhile True:\n    pass"


def test_what_does_not_end_is_stopped_and_named_with_its_command(toy, monkeypatch, capsys):
    (toy.folder / "endless.py").write_text(ENDLESS)
    waiting = {"waiting": lambda paper: paper.run("endless.py", "a b")}
    monkeypatch.setattr(papers, "ROW", waiting | {"short": lambda paper: []})
    start = time.monotonic()
    assert check("toy", toy.folder, minutes=1 / 60) == 0
    assert time.monotonic() - start < 30
    short, late, command, verdict = capsys.readouterr().out.splitlines()
    assert short.startswith("[1/2] short: passed, ")
    assert late.startswith("[2/2] waiting: not to the end, ")
    assert command == "  not to the end in this time: python endless.py 'a b'"
    assert verdict.startswith(
        "toy: nothing is missing, nothing fails; 1 command above did not end ("
    )
    assert waited_for(lambda: processes_in(toy.folder), present=False)


def test_what_failed_before_the_time_was_up_is_said(toy):
    wrong = CHECKS.replace("1 + 1, 2", "1 + 1, 5")
    endless = "\n\ndef test_endless():\n    while True:\n        pass\n"
    (toy.folder / "paper_checks" / "test_toy.py").write_text(wrong + endless)
    late = Paper("toy", toy.folder, time.monotonic() + 20)
    found = steps._tested(late, "paper_checks/test_toy.py", command="pytest FILE")
    assert found.left == ["pytest FILE"]
    assert any(one.startswith("FAILED paper_checks/test_toy.py::test_sum") for one in found)


def test_every_run_of_claims_that_there_was_no_time_for_is_named(toy):
    found = steps.claims(Paper("toy", toy.folder, time.monotonic()))
    file = "paper_checks/test_toy.py"
    assert not found
    assert found.left == [
        *(f"pytest -m fast --trial-tier fast --trial-seed {seed} {file}" for seed in range(3)),
        f"pytest -m full --trial-tier full --trial-seed 0 {file}",
    ]


WIDE = '''
"""A toy."""

from typing import Annotated

from theory_on_trial import claim, paper
from theory_on_trial.contract import Interval

Size = Annotated[int, Interval(1, 9, why="a sum has one term at least")]


@claim(paper("Section 1"), kind="identity")
def test_small(trial, size: Size = 2):
    """size is at most eight."""
    trial.identity(min(size, 8), size, ops=0, controls={"one more": size + 1})
'''


def test_a_changed_claim_with_a_domain_that_is_too_wide_is_found(toy, monkeypatch):
    def git(*command):
        settings = ("-c", "user.name=A", "-c", "user.email=a@b.c")
        subprocess.run(["git", *settings, *command], cwd=toy.folder, check=True)

    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-qm", "first")
    found = steps.searched(toy)
    assert (found, found.remark) == ([], "no claim has changed")
    monkeypatch.setattr(steps, "SEARCH", 10.0)
    (toy.folder / "paper_checks" / "test_wide.py").write_text(WIDE)
    outline.by_paper.cache_clear()
    found = steps.searched(Paper("wide", toy.folder, time.monotonic()))  # in time of its own
    assert found.remark == "1 changed claim, 10 s each"
    (sentence,) = found
    assert sentence.startswith('wide.small fails at claim("wide.small").run(size=9, seed=')


@pytest.mark.parametrize("minutes", [0, -1, float("nan")])
def test_no_time_is_refused(toy, minutes):
    with pytest.raises(ValueError, match="--minutes must be positive, got"):
        check("toy", toy.folder, minutes)


def test_an_interrupt_ends_it_with_one_line_and_leaves_nothing_running(toy):
    endless = CHECKS.replace('"""1 + 1 = 2."""', '"""1 + 1 = 2."""\n    while True:\n        pass')
    (toy.folder / "paper_checks" / "test_toy.py").write_text(endless)
    command = [sys.executable, "-u", "-m", "theory_on_trial.command", "check-paper", "toy"]
    with subprocess.Popen(
        command, cwd=toy.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        assert waited_for(lambda: processes_in(toy.folder), present=True)
        run.send_signal(signal.SIGINT)
        shown, errors = run.communicate(timeout=60)
    assert run.returncode == 130
    assert errors == ""
    assert shown.splitlines()[-1] == "stopped: toy was not checked to the end"
    assert waited_for(lambda: processes_in(toy.folder), present=False)


def processes_in(folder):
    """The processes that a check has started in a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (path / "cmdline").read_text()
            its_own = int(path.name) == os.getpid() or "check-paper" in command
            if (path / "cwd").resolve() == folder.resolve() and not its_own:
                found.append(command)
    return found


def waited_for(what, present):
    end = time.monotonic() + 30
    while bool(what()) != present and time.monotonic() < end:
        time.sleep(0.1)
    return bool(what()) == present
