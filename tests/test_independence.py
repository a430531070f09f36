"""Routes: a claim whose sides nothing keeps apart is named, read off the code of a repository;
there is none here.
"""

import pytest

from audits import independence
from theory_on_trial import repository
from theory_on_trial.repository import outline, records
from theory_on_trial.repository.reach import reached
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
    "sims/rolls.py": "import jax\ndef roll(key, sides):\n    return jax.random.randint(key, (), "
    "1, sides)\n",
    "paper_checks/test_rolls.py": (
        '"""Rolls."""\n'
        "from theory_on_trial import claim, paper\n"
        "from sims import rolls as observed\n"
        "from theory import rolls as predicted\n"
        "@claim(paper('1'), kind='distribution', low_power='few samples')\n"
        "def test_mean(trial):\n    '''x'''\n    trial.mean(lambda key: observed.roll(key, 6), "
        "predicted.mean(6))\n"
        "@claim(paper('2'), kind='identity')\n"
        "def test_variance(trial):\n    '''x'''\n    trial.identity(predicted.variance(6), 35 / "
        "12)\n"
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
    "tests/rolls/by_hand.py": "from fractions import Fraction\ndef exactly(n):\n    return "
    "Fraction(n * n - 1, 12)\n",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    lay_out(tmp_path, FILES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


VARIANCE = "@claim(paper('2'), kind='identity'"


def with_route(folder, words):
    """The fixture's claim on the variance with these arguments more."""
    (folder / "paper_checks" / "test_rolls.py").write_text(
        FILES["paper_checks/test_rolls.py"].replace(VARIANCE, f"{VARIANCE}, {words}")
    )
    outline.by_paper.cache_clear()


def test_a_side_that_cannot_be_seen_wants_words(folder):
    unseen = (
        "what makes its measured side cannot be seen: @claim(route=...) says how it comes about"
    )
    assert independence.missing("rolls") == [f"rolls.variance: {unseen}", f"rolls.spread: {unseen}"]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("route='counted by `predicted.mean`'", "the check does not reach theory.rolls.means.mean"),
        (
            "route='`theory.rolls.means.spread`, `predicted.variance`'",
            "the check does not reach theory.rolls.means.sp",
        ),
        (
            "route='by hand', second='test_theory_rolls.py::test_gone'",
            "there is no test test_theory_rolls.py::test_go",
        ),
        (
            "route='by hand', second='test_theory_rolls.py::test_of_nothing'",
            "the test meets no formula that the claim",
        ),
    ],
)
def test_what_is_wrong_with_a_route_is_named(folder, words, fault):
    with_route(folder, words)
    assert f"rolls.variance: {fault}" in independence.missing("rolls")[0]


def test_sides_that_reach_each_other_are_named(folder):
    file = folder / "paper_checks" / "test_rolls.py"
    words = "route='`theory.rolls.means.spread` and `predicted.variance`'"
    file.write_text(file.read_text().replace("@claim(paper('3')", f"@claim(paper('3'), {words}"))
    outline.by_paper.cache_clear()
    (sentence,) = independence.missing("rolls")[1:]
    assert sentence == "rolls.spread: theory.rolls.means.spread reaches theory.rolls.means.variance"


def test_the_command_writes_the_table_and_counts(folder, capsys):
    with_route(
        folder, "route='counted in the check', second='test_theory_rolls.py::test_by_fractions'"
    )
    assert independence.main([]) == 1
    table = records.read(folder / "records" / "independence.json")
    assert [row[1:] for row in table["rows"]] == [
        ["theory and sims", "theory: rolls.means.mean; sims: rolls.roll", "", "random numbers"],
        ["the check", "counted in the check", "test_theory_rolls.py, test_by_fractions", ""],
        ["the check", "theory: rolls.means.spread", "", ""],
    ]
    assert "1 reach theory and sims" in capsys.readouterr().out


@pytest.mark.parametrize("paper", outline.papers())
def test_something_keeps_the_sides_of_every_claim_apart(paper):
    assert independence.missing(paper) == []


def test_what_is_reached_is_followed_through_aliases_helpers_and_re_exports():
    claims = {claim.id: claim for claim in outline.stated(repository.root())}
    walk = "paper_checks.test_random_walk_pca.test_walk.test_total_variance"
    assert "fractions.Fraction" in reached(walk)
    assert "theory.random_walk_pca.spectrum.total_variance" in reached(walk)
    assert "theory.random_walk_pca.spectrum.total_variance" not in reached(walk, outside="theory.")
    for name, packages in {
        "total_variance": "theory",
        "ema_is_momentum": "sims",
        "exact_spectrum": "theory and sims",
    }.items():
        assert independence.packages(claims[f"random_walk_pca.{name}"]) == packages
    # Through a helper of the paper's package, which imports inside a function.
    assert "mpmath.quad" in reached(
        "paper_checks.test_jepa_bias.test_critical_times.test_critical_jepa"
    )
    assert "theory.mixup.finite_samples.lda_rate" in reached("theory.mixup.mixup_samples")
    assert reached("theory.mixup.no_such_function") == {"theory.mixup.no_such_function"}
