"""What a change touches, by git and by names."""

import subprocess

import pytest

from theory_on_trial.repository import changed, outline, reach

CHECKS = '''
"""A toy."""

from typing import Annotated

from theory_on_trial import claim, paper
from theory_on_trial.contract import Interval
from theory.toy import half

Size = Annotated[int, Interval(1, 9, why="one term at least")]


@claim(paper("Section 1"))
def test_half(trial, size: int = 2):
    """Half of it."""
    trial.identity(half(size), size / 2, ops=1, controls={"third": size / 3})


@claim(paper("Section 2"))
def test_sum(trial, size: Size = 2):
    """Twice it."""
    trial.identity(size + size, 2 * size, ops=1, controls={"once": size})


@claim(paper("Section 3"))
def test_same(trial):
    """1 = 1."""
    trial.identity(1 + 0, 1, ops=0, controls={"two": 2})
'''
THEORY = '"""Theory."""\n\n\ndef half(x):\n    """Half."""\n    return x / 2\n'


def git(folder, *command):
    settings = ("-c", "user.name=A", "-c", "user.email=a@b.c")
    subprocess.run(["git", *settings, *command], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def toy(repository):
    files = {
        "paper_checks/test_toy.py": CHECKS,
        "theory/toy.py": THEORY,
        "theory/__init__.py": "",
        ".gitignore": "__pycache__\nleft_out.py\n",
    }
    folder = repository(files, "testpaths = ['paper_checks']\n")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    forget()
    yield folder
    forget()


def forget():
    """Read the files again, which a command does once."""
    for cached in (reach._reached, reach._next, reach._home, reach._names, reach._is_module):
        cached.cache_clear()
    outline.by_paper.cache_clear()


def edit(folder, file, old, new):
    path = folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    forget()


def test_nothing_changed_touches_nothing(toy):
    assert changed.files(toy) == []
    assert changed.claims("toy", toy) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "names"),
    [
        ("theory/toy.py", "x / 2", "x * 0.5", ["toy.half"]),
        ("paper_checks/test_toy.py", "Interval(1, 9", "Interval(1, 8", ["toy.sum"]),
        ("paper_checks/test_toy.py", "size + size", "size - -size", ["toy.sum"]),
        ("paper_checks/test_toy.py", 'Section 3")', 'Section 4")', ["toy.same"]),
        ("paper_checks/test_toy.py", "Twice it.", "Two times it.", []),
        ("theory/toy.py", "    return", "    # a comment\n    return", []),
    ],
)
def test_claims_that_reach_a_change_by_code_domain_or_decorator_are_named(
    toy, file, old, new, names
):
    edit(toy, file, old, new)
    assert changed.claims("toy", toy) == names
    git(toy, "checkout", "-qb", "other")
    git(toy, "commit", "-qam", "second")
    assert changed.claims("toy", toy) == names  # since main
    git(toy, "branch", "-f", "main")
    assert changed.claims("toy", toy) == []


def test_new_files_count_unless_git_ignores_them(toy):
    (toy / "theory" / "new.py").write_text("A = 1\n")
    (toy / "theory" / "left_out.py").write_text("B = 1\n")
    (toy / "theory" / "broken.py").write_text("def (")
    assert changed.definitions(toy) == {"theory.new.A"}


def test_without_git_nothing_is_known(tmp_path):
    (tmp_path / "a.py").write_text("A = 1\n")
    assert changed.base(tmp_path) is None
    assert changed.files(tmp_path) == []
    assert changed.definitions(tmp_path) == frozenset()
