"""Routes: what is missing or undeserved is named, read off the code of a repository."""

import json

import pytest

from audits import independence
from theory_on_trial.repository import records
from theory_on_trial.testing.layout import lay_out

FILES = {
    "pyproject.toml": "[tool.pytest.ini_options]\ntestpaths = ['paper_checks']\n",
    "theory/__init__.py": "",
    "theory/rolls/__init__.py": "from theory.rolls.means import mean, variance\n",
    "theory/rolls/means.py": (
        "from theory.rolls._sums import total\n"
        "def mean(sides):\n    return total(sides) / sides\n"
        "def variance(sides):\n    return (sides**2 - 1) / 12\n"
        "def spread(sides):\n    return variance(sides) + 0\n"
    ),
    "theory/rolls/_sums.py": "def total(sides):\n    return sides * (sides + 1) / 2\n",
    "sims/__init__.py": "",
    "sims/rolls.py": "import jax\ndef roll(key, sides):\n    return jax.random.randint(key, (), 1, sides)\n",
    "paper_checks/test_rolls.py": (
        '"""Rolls."""\n'
        "from theory_on_trial import claim, paper\n"
        "from sims import rolls as observed\n"
        "from theory import rolls as predicted\n"
        "@claim(paper('1'), kind='distribution', coarse='few samples')\n"
        "def test_mean(trial):\n    '''x'''\n    trial.mean(lambda key: observed.roll(key, 6), predicted.mean(6))\n"
        "@claim(paper('2'), kind='identity')\n"
        "def test_variance(trial):\n    '''x'''\n    trial.identity(predicted.variance(6), 35 / 12)\n"
        "@claim(paper('3'), kind='identity')\n"
        "def test_spread(trial):\n"
        "    '''x'''\n"
        "    from theory.rolls.means import spread\n"
        "    trial.identity(spread(6), predicted.variance(6))\n"
    ),
    "tests/rolls/test_theory_rolls.py": (
        "from by_hand import exactly\nfrom theory.rolls import variance\n"
        "def test_by_fractions():\n    assert variance(6) == exactly(6)\n"
        "def test_of_nothing():\n    assert True\n"
    ),
    "tests/rolls/by_hand.py": "from fractions import Fraction\ndef exactly(n):\n    return Fraction(n * n - 1, 12)\n",
}
HOW = "in half a sentence, how each side comes about"
ROUTES = {
    "mean": {"route": "simulation", "how": HOW},
    "variance": {
        "route": "none",
        "how": HOW,
        "second": "exact rational arithmetic: test_theory_rolls.py::test_by_fractions",
    },
    "spread": {"route": "another formula", "how": HOW},
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    lay_out(tmp_path, FILES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder, **changes):
    entries = {name: entry for name, entry in (ROUTES | changes).items() if entry is not None}
    (folder / "paper_checks" / "routes_rolls.json").write_text(json.dumps(entries))


def test_a_paper_without_routes_is_named_claim_by_claim(folder):
    where = "paper_checks/routes_rolls.json"
    assert independence.missing("rolls") == [
        f"rolls.{name} has no entry in {where}: which route makes its measured side?" for name in ROUTES
    ]
    write(folder, cards={"route": "simulation", "how": HOW})
    assert independence.missing("rolls") == [f"{where} has an entry for rolls.cards, and there is no such claim"]
    with pytest.raises(ValueError, match="no paper 'nothing'; known: rolls"):
        independence.missing("nothing")


@pytest.mark.parametrize(
    ("name", "entry", "fault"),
    [
        ("mean", {"route": "simulation"}, "an entry has route and how, and perhaps second and apart, got route"),
        ("mean", {"route": "simulation", "how": "short"}, "how must say in half a sentence"),
        ("mean", {"route": "guesswork", "how": HOW}, "nothing in the check deserves the route 'guesswork'"),
        ("variance", {"route": "simulation", "how": HOW}, "nothing in the check deserves the route 'simulation'"),
        ("variance", {"route": "none", "how": HOW}, "a claim without a route of its own needs a second one"),
        ("variance", {"second": "mpmath: test_theory_rolls.py::test_by_fractions"}, "deserves the route 'mpmath'"),
        ("variance", {"second": "enumeration: test_theory_rolls.py::test_gone"}, "there is no test enumeration: "),
        ("variance", {"second": "enumeration: test_theory_rolls.py::test_of_nothing"}, "meets no formula that"),
        ("spread", {"apart": ["theory.rolls.means.spread", "theory.rolls.variance"]}, "spread reaches theory.rolls.me"),
        ("spread", {"apart": ["theory.rolls.mean", "theory.rolls.variance"]}, "the check does not reach theory.rolls"),
        ("mean", {"apart": ["theory.rolls.mean", "sims.rolls.roll"]}, "theory and sims stand apart anyway"),
    ],
)
def test_what_is_wrong_with_an_entry_is_named(folder, name, entry, fault):
    write(folder, **{name: entry if "route" in entry else {**ROUTES[name], **entry}})
    (sentence,) = independence.missing("rolls")
    assert sentence.startswith(f"rolls.{name}: ")
    assert fault in sentence


def test_the_command_writes_the_table_and_counts(folder, capsys):
    write(folder)
    assert independence.main([]) == 0
    table = records.read(folder / "records" / "independence.json")
    assert [row[:2] + row[3:] for row in table["rows"]] == [
        ["rolls.mean", "simulation", "", "theory and sims"],
        ["rolls.variance", "none", "exact rational arithmetic: test_theory_rolls.py, test_by_fractions", "theory"],
        ["rolls.spread", "another formula", "", "theory"],
    ]
    assert "3 claims: simulation 1, another formula 1, none 1." in capsys.readouterr().out
    write(folder, spread=None)
    assert independence.main([]) == 1
    assert "rolls.spread has no entry" in capsys.readouterr().out
