"""The falsifier: instances that can be repeated, searches that find what is there, and a record that resumes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory_on_trial import claim, repository
from theory_on_trial.audits import falsify
from theory_on_trial.audits.falsifier import INEQUALITIES, NOT_SEARCHED, Draw, Inequality, Sides, record, search
from theory_on_trial.page.searched import beside_search, tightest
from theory_on_trial.repository import outline, records
from theory_on_trial.testing.layout import lay_out
from theory_on_trial.trial import registry


def instance_of(draw):
    n = draw.integer("n", 1, 4)
    return n, draw.reals("x", -1, 2, n), draw.scale("s", 1e-3, 10), draw.normal("z", 2, n), draw.simplex("p", 3)


@given(st.integers(0, 2**32))
def test_an_instance_is_admissible_and_can_be_repeated(seed):
    first = Draw(np.random.default_rng(seed))
    n, x, s, z, p = instance_of(first)
    assert 1 <= n <= 4
    assert x.shape == (n,)
    assert np.all((x >= -1) & (x <= 2))
    assert 1e-3 * (1 - 1e-12) <= s <= 10 * (1 + 1e-12)
    assert z.shape == (2, n)
    assert p.sum() == pytest.approx(1, abs=1e-14)
    assert np.all(p >= 0)
    again = Draw(np.random.default_rng(seed + 1), first.whole, first.latent)
    for one, other in zip((n, x, s, z, p), instance_of(again), strict=True):
        np.testing.assert_array_equal(one, other)


@given(st.integers(0, 2**32), st.floats(-50, 50))
def test_a_moved_latent_number_stays_in_its_interval(seed, latent):
    moved = Draw(np.random.default_rng(seed), latent=[latent]).real("x", -1, 2)
    assert -1 <= moved <= 2


def test_moved_whole_numbers_are_clipped_and_missing_choices_are_drawn():
    draw = Draw(np.random.default_rng(0), whole=[99], latent=[0.5])
    n, x, *_ = instance_of(draw)
    assert n == 4
    assert x[0] == 0.5  # half way from -1 to 2
    assert len(draw.latent) == 4 + 1 + 8 + 3


def sine(draw):
    """1 + sin(x) / 2 <= 3 / 2, attained in the interior."""
    return Sides(1 + np.sin(draw.real("x", -10, 10)) / 2, 1.5)


def test_an_attained_bound_is_found_and_one_per_cent_less_breaks():
    one = Inequality("toy.sine", "1 + sin(x) / 2 <= 3 / 2", sine, draws=20, steps=200)
    found = search(one)
    assert found.attained
    assert not found.violated
    assert found.ratio == pytest.approx(1, abs=1e-12)
    assert "x = " in found.where
    broken = search(one, tighten=0.99)
    assert broken.violated
    assert broken.instances < found.instances
    assert search(one) == found


def test_a_loose_bound_says_by_how_much():
    found = search(Inequality("toy.loose", "sin(x) <= 2", lambda draw: Sides(sine(draw).lhs, 2.0), draws=20, steps=200))
    assert found.ratio == pytest.approx(0.75, abs=1e-12)
    assert not found.attained
    assert not found.violated


def test_whole_numbers_are_climbed():
    def hill(draw):
        numbers = draw.integers("k", 0, 30, 3)
        return Sides(1 - float(np.sum((numbers - np.array([3, 17, 29])) ** 2)) / 1e4, 1.0)

    assert search(Inequality("toy.hill", "climbs to 1", hill, draws=10, steps=1200)).ratio == 1


def test_a_violation_where_the_bound_is_zero_counts_and_rounding_does_not():
    above = search(Inequality("toy.zero", "x^2 <= 0", lambda draw: Sides(draw.real("x", 0, 1) ** 2, 0.0), draws=50))
    assert above.violated
    assert above.ratio is None
    rounded = search(Inequality("toy.round", "1 + u <= 1", lambda draw: Sides(1 + 2**-52, 1.0, ops=4), draws=1))
    assert not rounded.violated
    assert rounded.attained


def test_what_rounding_hides_is_no_ratio():
    hidden = Sides(1e-12, 2e-12, ops=4, scale=1.0)
    assert hidden.ratio == -np.inf
    assert not hidden.violated


def test_a_side_that_is_not_finite_is_refused():
    one = Inequality("toy.nan", "nan <= 1", lambda draw: Sides(float("nan"), draw.real("x", 0, 1)), draws=1)
    with pytest.raises(ValueError, match=r"toy\.nan: a side is not finite at x = "):
        search(one)


# ------------------------------------------------------------------------------------------------- in a repository

CLAIMS = '''
"""Waves."""

import numpy as np
from theory_on_trial import claim, paper

HIGH = 1.5


@claim(paper("Lemma 1"), kind="bound")
def test_rise(trial, x=(0.0, 0.5)):
    """1 + sin(x) / 2 <= 3 / 2."""
    lhs = 1 + np.sin(np.array(x)) / 2
    trial.bound(lhs, np.full(2, HIGH), found_by="all", ops=8, controls={"less": np.full(2, 1.1)})


@claim(paper("Lemma 2"), kind="bound", as_printed=paper("Lemma 2", says="cos(x) <= 1 / 2."))
def test_fall(trial):
    """cos(x) <= 1."""
    trial.bound(np.cos(np.zeros(1)), np.ones(1), found_by="all", ops=8, controls={"less": np.full(1, 0.9)},
                as_printed=np.full(1, 0.5))


@claim(paper("Lemma 3"), kind="bound")
def test_rest(trial):
    """0 <= 1."""


@claim(paper("Lemma 4"), kind="identity")
def test_sum(trial):
    """1 + 1 = 2."""
    trial.identity(1 + 1, 2, ops=0, controls={"three": 3})
'''
SEARCHES = """
import numpy as np
from theory_on_trial.audits.falsifier import NOT_SEARCHED, Sides, inequality
from {module} import HIGH


@inequality("{paper}.rise", "1 + sin(x) / 2 <= 3 / 2, x in [-10, 10]", draws=20, steps=200)
def rise(draw):
    return Sides(1 + np.sin(draw.real("x", -10, 10)) / 2, HIGH)


@inequality("{paper}.rise", "1 + sin(x) / 2 <= 2", draws=5, steps=20)
def loose(draw):
    return Sides(1 + np.sin(draw.real("x", -10, 10)) / 2, 2.0)


@inequality("{paper}.fall", "cos(x) <= 1", draws=5, steps=20)
def fall(draw):
    return Sides(np.cos(draw.real("x", 0, 1)), 1.0)


@inequality("{paper}.fall-as-printed", "cos(x) <= 1 / 2", draws=5, steps=20)
def fall_as_printed(draw):
    return Sides(np.cos(draw.real("x", 0, 1)), 0.5)


NOT_SEARCHED["{paper}.rest"] = "there is nothing to choose"
"""


@pytest.fixture(scope="module", params=["a module", "a package"])
def paper(request, tmp_path_factory):
    """The name of a paper in a repository of its own, with its claims in one module or in a package."""
    root = tmp_path_factory.mktemp("repository")
    (root / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    if request.param == "a module":
        name, module = "waves", "test_waves"
        files = {"test_waves.py": CLAIMS, "searches_waves.py": SEARCHES}
    else:
        name, module = "seas", "test_seas.test_all"
        files = {"test_seas/__init__.py": "", "test_seas/test_all.py": CLAIMS, "test_seas/searches.py": SEARCHES}
    lay_out(
        root / "paper_checks",
        {file: text.replace("{paper}", name).replace("{module}", module) for file, text in files.items()},
    )
    inequalities, reasons, registered = list(INEQUALITIES), dict(NOT_SEARCHED), dict(registry._REGISTERED)
    INEQUALITIES.clear()
    NOT_SEARCHED.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        yield name
    INEQUALITIES[:] = inequalities
    for kept, before in ((NOT_SEARCHED, reasons), (registry._REGISTERED, registered)):
        kept.clear()
        kept.update(before)


def searches(paper):
    found = outline.beside(paper, "searches.py")
    assert found.name == ("searches.py" if paper == "seas" else "searches_waves.py")
    return found


def test_nothing_is_wanting(paper):
    assert falsify.unsearched(paper) == []
    assert falsify.unexpected(paper) == []
    assert record.read(repository.records_folder()) == {}  # only the command writes


def test_what_is_wanting_is_named(paper, monkeypatch):
    falsify.load(paper)
    name = searches(paper).relative_to(repository.root())
    monkeypatch.setattr(falsify, "INEQUALITIES", [one for one in INEQUALITIES if not one.claim.endswith("fall")])
    monkeypatch.setitem(NOT_SEARCHED, f"{paper}.nothing", "there is nothing")
    assert falsify.unsearched(paper) == [
        f"{paper}.fall states a bound: {name} must search it, or say in NOT_SEARCHED why not",
        f"{name} speaks of {paper}.nothing, and there is no such claim",
    ]
    broken = Inequality(f"{paper}.rise", "1.5 <= 1", lambda draw: Sides(1.5, draw.real("x", 1, 1)), draws=2, steps=1)
    holds = Inequality(f"{paper}.fall-as-printed", "1 <= 2", lambda draw: Sides(1.0, draw.real("x", 2, 2)), draws=2)
    monkeypatch.setattr(falsify, "INEQUALITIES", [broken, holds])
    assert falsify.unexpected(paper) == [
        f"{paper}.rise: 1.5 <= 1 is violated, at x = 1",
        f"{paper}.fall-as-printed: 1 <= 2 is not violated as it should be, at x = 2",
    ]


def test_the_command_records_what_it_finds_and_resumes(paper, capsys):
    path = repository.records_folder() / "falsifier.json"
    assert falsify.main([paper]) == 0
    table = records.read(path)
    assert table["columns"] == record.COLUMNS
    assert [row[3] for row in table["rows"]] == ["yes", "no", "yes", "VIOLATED", ""]
    assert [row[0].partition(".")[2] for row in table["rows"]] == ["rise", "rise", "fall", "fall-as-printed", "rest"]
    assert table["sources"][-1] is None
    assert {tuple(source["of"]) for source in table["sources"][:-1]} == {
        (searches(paper).relative_to(repository.root()).as_posix(),)
    }
    assert "4 inequalities; unexpected: none" in capsys.readouterr().out
    table["rows"][0][4] = "where it was"
    records.write(path, table)
    assert falsify.main([paper.upper()]) == 0
    assert "where it was" in capsys.readouterr().out
    assert falsify.main([f"{paper}.rise", "--again"]) == 0
    shown = capsys.readouterr().out
    assert "where it was" not in shown
    assert "2 inequalities; unexpected: none" in shown
    assert falsify.falsify(f"{paper}.rise")[0].ratio == records.read(path)["rows"][0][2]


def test_what_was_found_on_an_earlier_source_is_searched_again(paper, capsys):
    path = repository.records_folder() / "falsifier.json"
    table = records.read(path)
    table["rows"][0][4] = "where it was"
    table["sources"][0]["digest"] = "of old"
    records.write(path, table)
    assert falsify.main([paper]) == 0
    assert "where it was" not in capsys.readouterr().out
    assert not any(records.stale(records.read(path), repository.root()))


def test_the_ledger_shows_the_tightest_ratio(paper):
    folder = repository.records_folder()
    row = beside_search(claim(f"{paper}.rise").run(x=(0.0, 0.1)), folder)
    ratio, where = tightest(f"{paper}.rise", folder)
    assert row.tightness == ratio == pytest.approx(1)
    assert row.note.endswith(f"lhs / rhs up to 1 by search, at {where}")
    assert "by search" not in beside_search(claim(f"{paper}.sum").run(), folder).note  # a share of the rounding


def test_names_without_an_inequality_are_refused(paper):
    with pytest.raises(ValueError, match="no inequality of 'nothing'; known: "):
        falsify.inequalities("nothing")
    with pytest.raises(ValueError, match=rf"{paper}\.rest is not searched: there is nothing to choose"):
        falsify.inequalities(f"{paper}.rest")
    with pytest.raises(SystemExit):
        falsify.main(["nothing"])
    with pytest.raises(ValueError, match="no paper 'nothing'"):
        falsify.unsearched("nothing")
