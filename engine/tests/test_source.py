"""The digest follows imports: what a kept result rests on changes it, and nothing else does."""

import importlib
import sys

import pytest

from theory_on_trial.base.source import source_digest

FILES = {
    "rolls/__init__.py": "",
    "rolls/dice.py": "def roll(key):\n    from rolls import sums, nothing\n    from .lazy import x\n",
    "rolls/sums.py": "try:\n    import nowhere\nexcept ImportError:\n    pass\n",
    "rolls/lazy.py": "import numpy, json\nfrom typing import TYPE_CHECKING\n"
    "if TYPE_CHECKING:\n    import shared_by_rolls\n",
    "rolls/coins.py": "import rolls.dice\n",
    "shared_by_rolls.py": "FIRST = 1\n",
}


@pytest.fixture
def roll(tmp_path, monkeypatch):
    (tmp_path / "rolls").mkdir()
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("rolls.dice").roll
    for name in [name for name in sys.modules if name.partition(".")[0] == "rolls"]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("name", "is_seen"),
    [
        ("rolls/sums.py", True),
        ("rolls/lazy.py", True),
        ("shared_by_rolls.py", True),
        ("rolls/coins.py", False),
    ],
)
def test_an_edit_is_seen_where_it_is_imported_and_nowhere_else(tmp_path, roll, name, is_seen):
    before = source_digest(roll)
    (tmp_path / name).write_text(f"{FILES[name]}\n\n# the same\n")
    assert source_digest(roll) == before
    (tmp_path / name).write_text(f"{FILES[name]}edited = 1\n")
    assert (source_digest(roll) != before) == is_seen


def test_of_code_that_is_loaded_the_digest_is_that_code(tmp_path, roll):
    before = source_digest(roll)
    (tmp_path / "rolls" / "dice.py").write_text("def roll(key):\n    return 22.0\n")
    assert source_digest(roll) == before
    assert source_digest(importlib.reload(sys.modules["rolls.dice"]).roll) != before
