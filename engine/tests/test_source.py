"""The digest follows imports: what a kept result rests on changes it, and nothing else does."""

import importlib
import sys

import pytest

from theory_on_trial.repository import dotted_name
from theory_on_trial.repository import source as subject
from theory_on_trial.repository.source import digest
from theory_on_trial.testing.layout import lay_out

FILES = {
    "pyproject.toml": "[tool.pytest.ini_options]\ntestpaths = ['paper_checks']\n",
    "theory/__init__.py": "",
    "theory/dice.py": "from theory_on_trial.contract import guarded\nfrom theory import _sums\n",
    "theory/_sums.py": "",
    "theory/coins.py": "",
    "sims/__init__.py": "",
    "sims/dice/__init__.py": "from sims.dice.rolls import roll\n",
    "sims/dice/rolls.py": "def roll(key):\n    from .lazy import late\n",
    "sims/dice/lazy.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from sims "
    "import shared\n",
    "sims/shared.py": "",
    "sims/coins.py": "",
    "figures/dice.py": "from theory import dice\n",
    "paper_checks/test_dice/__init__.py": "FIRST = 1\n",
    "paper_checks/test_dice/beside.py": "",
    "paper_checks/test_dice/searches.py": "from theory import dice\n",
    "paper_checks/test_dice/test_mean.py": (
        "import os, numpy\n"
        "from sims import dice as observed\n"
        "from theory import dice as predicted\n"
        "from theory_on_trial import claim\n"
        "from paper_checks.test_dice import FIRST, beside\n"
        "from nowhere import nothing\n"
    ),
    "paper_checks/test_dice/test_other.py": "from theory_on_trial import claim\n",
    "paper_checks/test_coins.py": "from sims import coins as observed\nfrom theory import coins "
    "as predicted\n",
}
SEEN = {name for name in FILES if name.endswith(".py") and "coins" not in name} - {
    "figures/dice.py",
    "paper_checks/test_dice/searches.py",
    "paper_checks/test_dice/test_other.py",
}


def written(folder):
    lay_out(folder, FILES)
    return folder / "paper_checks" / "test_dice" / "test_mean.py"


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".py")])
def test_an_edit_is_seen_where_it_is_imported_and_nowhere_else(tmp_path, name):
    check = written(tmp_path)
    before = digest(check)
    (tmp_path / name).write_text(FILES[name] + "edited = 1\n")
    assert (digest(check) != before) == (name in SEEN)
    (tmp_path / name).write_text(FILES[name])
    assert digest(check) == before


def test_docstrings_comments_and_layout_change_nothing(tmp_path, monkeypatch):
    check = written(tmp_path)
    source = subject._source
    plain = 'def f():\n    return 1, f"a{2!r}"\n'
    other = 'def f():\n    return 2, f"a{2!r}"\n'
    (tmp_path / "theory" / "_sums.py").write_text(plain)
    before = digest(check)
    for same in (
        '"""A."""\n' + plain,
        plain.replace("    ", '    """B."""\n    # C\n    '),
        plain.replace("1, f", "1,\\\n  f"),
    ):
        (tmp_path / "theory" / "_sums.py").write_text(same)
        assert digest(check) == before, same
    (tmp_path / "theory" / "_sums.py").write_text(other)
    assert digest(check) != before
    (tmp_path / "theory" / "_sums.py").write_text(plain)
    edit = b"edited = 1\n"
    monkeypatch.setattr(
        subject, "_source", lambda name, file: source(name, file) + edit * (name.endswith(".laws"))
    )
    assert digest(check) != before


RULES = (
    *(
        "ledger.rows",
        "ledger.verdict",
        "decide.decision",
        "decide.evidence",
        "laws",
        "decide.trends",
    ),
    *("trial.decisions", "trial.registry", "contract", "contract.guard", "contract.domains"),
)
ELSEWHERE = (
    *(
        "page.report",
        "page.compare",
        "page.typeset",
        "plugin",
        "command",
        "sweep",
    ),
    *("figures.drawing", "audit"),
)


@pytest.mark.parametrize("name", [*RULES, *ELSEWHERE])
def test_the_engine_counts_as_far_as_a_check_reaches_it(tmp_path, monkeypatch, name):
    check = written(tmp_path)
    source = subject._source
    before = digest(check)

    def edited(module, file):
        assert file.exists()
        return source(module, file) + b"edited = 1\n" * (module == f"theory_on_trial.{name}")

    monkeypatch.setattr(subject, "_source", edited)
    assert (digest(check) != before) == (name in RULES)


def test_the_place_makes_no_difference(tmp_path):
    assert digest(written(tmp_path / "here")) == digest(written(tmp_path / "there" / "below"))


def test_folders_without_an_init_are_followed_before_anybody_imports_them(tmp_path):
    files = {"pyproject.toml": "", "own_tests/dice/sets.py": "from own_tests.dice.sides import N\n"}
    lay_out(tmp_path, {**files, "own_tests/dice/sides.py": "N = 6\n"})
    before = digest(tmp_path / "own_tests" / "dice" / "sets.py")
    (tmp_path / "own_tests" / "dice" / "sides.py").write_text("N = 20\n")
    assert digest(tmp_path / "own_tests" / "dice" / "sets.py") != before


def test_several_files_count_together(tmp_path):
    dice = written(tmp_path)
    coins = tmp_path / "paper_checks" / "test_coins.py"
    assert len({digest(dice), digest(coins), digest(dice, coins)}) == 3
    assert digest(dice, coins) == digest(coins, dice)
    with pytest.raises(FileNotFoundError, match=r"test_cards\.py is not there$"):
        digest(dice, tmp_path / "paper_checks" / "test_cards.py")


def test_a_file_that_cannot_be_read_as_python_counts_by_its_bytes(tmp_path):
    check = written(tmp_path)
    (tmp_path / "sims" / "dice" / "lazy.py").write_text("def (:\n")
    broken = digest(check)
    (tmp_path / "sims" / "dice" / "lazy.py").write_text("def (::\n")
    assert digest(check) != broken


def test_installed_libraries_do_not_count(tmp_path):
    check = written(tmp_path)
    library = tmp_path / "venv" / "lib" / "site-packages" / "nowhere.py"
    library.parent.mkdir(parents=True)
    library.write_text("nothing = 1\n")
    before = digest(check)
    sys.path.insert(0, str(library.parent))
    importlib.invalidate_caches()
    try:
        assert digest(check) == before
        (tmp_path / "nowhere.py").write_text("nothing = 1\n")  # the repository's own comes first
        importlib.invalidate_caches()
        assert digest(check) != before
    finally:
        sys.path.remove(str(library.parent))


def test_a_package_that_is_passed_through_counts_only_what_its_import_runs(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    package = tmp_path / "lazy"
    package.mkdir()
    (package / "__init__.py").write_text(
        "import lazy.always\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from "
        "lazy.asked import thing\n"
        "def __getattr__(name):\n    from lazy import asked\n"
    )
    for name in ("always", "asked", "module"):
        (package / f"{name}.py").write_text("")
    passing = tmp_path / "passing.py"
    using = tmp_path / "using.py"
    passing.write_text("from lazy import module\nimport lazy.module\n")
    using.write_text("from lazy import thing\n")
    before = digest(passing), digest(using)
    (package / "asked.py").write_text("thing = 2\n")
    assert (digest(passing) == before[0], digest(using) == before[1]) == (True, False)
    (package / "always.py").write_text("always = 2\n")
    assert digest(passing) != before[0]


def test_names_are_those_of_import(tmp_path):
    assert dotted_name(written(tmp_path)) == "test_dice.test_mean"
    assert dotted_name(tmp_path / "sims" / "dice" / "__init__.py") == "sims.dice"
    assert dotted_name(tmp_path / "paper_checks" / "test_coins.py") == "test_coins"


def test_modules_on_the_path_that_pytest_is_given_count(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\npythonpath = ['src']\n")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "coins_of_ours.py").write_text("")
    (tmp_path / "test_coins.py").write_text("import coins_of_ours\n")
    before = digest(tmp_path / "test_coins.py")
    (tmp_path / "src" / "coins_of_ours.py").write_text("penny = 1\n")
    assert digest(tmp_path / "test_coins.py") != before
