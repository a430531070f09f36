"""The falsifier: it finds where a bound is attained or breaks, what is attained breaks when
tighter, and it resumes.
"""

import pytest

from theory_on_trial import claim
from theory_on_trial.audits import falsify
from theory_on_trial.page.searched import beside_search, tightest
from theory_on_trial.repository import records, records_folder

CLAIMS = '''
"""Waves."""

from typing import Annotated
import numpy as np
from theory_on_trial import claim, paper
from theory_on_trial.contract import Interval

HIGH = 1.5
X = Annotated[float, Interval(0, 4)]


@claim(paper("Lemma 1"), kind="bound", not_tight="attained at an end alone")
def test_rise(trial, x: X = 0.5):
    """1 + x / 8 <= 3 / 2."""
    trial.bound(1 + x / 8, HIGH, instances="grid", ops=8, controls={"less": 1.0})


@claim(paper("Lemma 2"), kind="bound", not_tight="far off", as_published=paper("Lemma 2", says="x <= -1."))
def test_loose(trial, x: X = 1.0):
    """x <= 8."""
    trial.bound(x, 8.0, instances="grid", ops=8, controls={"less": x / 2}, as_published=-1.0)


@claim(paper("Lemma 3"), kind="bound")
def test_whole(trial, n: Annotated[int, Interval(1, 9)] = 2):
    """n <= n, in whole numbers."""
    trial.bound(n, n, instances="all", ops=0, controls={"less": n - 1})


@claim(paper("Lemma 4"), kind="identity")
def test_sum(trial):
    """1 + 1 = 2."""
    trial.identity(1 + 1, 2, ops=0, controls={"three": 3})
'''
EXPECTED = {"rise": (1, "yes", "broken"), "loose": (0.5, "no", ""), "whole": (1, "yes", "broken")}


@pytest.fixture
def file(repository):
    return repository({"test_waves.py": CLAIMS}) / "test_waves.py"


def test_the_command_says_how_tight_each_bound_is_and_resumes(file, capsys):
    assert falsify.main(["--workers", "1"]) == 0
    assert "3 bounds on trial" in capsys.readouterr().out
    path = records_folder() / "falsifier.json"
    table = records.read(path)
    assert {row[0].partition(".")[2]: tuple(row[1:4]) for row in table["rows"]} == EXPECTED
    assert table["rows"][0][4].startswith("x = 4.0")
    assert not any(records.stale(table, file.parent))
    table["rows"][0][4], table["rows"][1][4] = "where it was", "where it was"
    table["sources"][1]["digest"] = "of old"
    records.write(path, table)
    assert falsify.main(["WAVES", "--workers", "1"]) == 0
    where = [row[4] for row in records.read(path)["rows"]]
    assert where[0] == "where it was"  # on record for this source: not searched again
    assert where[1] != "where it was"
    assert falsify.main(["waves.rise", "--again", "--workers", "1"]) == 0
    assert records.read(path)["rows"][0][4].startswith("x = 4.0")
    # The ledger shows it where its own instance is further from the bound.
    row = beside_search(claim("waves.rise").run(), path.parent)
    ratio, told = tightest("waves.rise", path.parent)
    assert row.tightness == ratio == 1
    assert row.note.endswith(f"lhs / rhs up to 1 by search, at {told}")


def test_a_bound_that_breaks_somewhere_in_its_domain_is_found(file, capsys):
    file.write_text(CLAIMS.replace("HIGH = 1.5", "HIGH = 1.4"))
    (sentence,) = falsify.unexpected("waves")
    assert sentence.startswith(
        'waves.rise is violated: claim("waves.rise").run(x=4.0, seed=0): waves.rise is REFUTED'
    )
    assert not records_folder().exists()  # only the command writes
    assert falsify.main(["waves.rise", "--workers", "1"]) == 1
    assert sentence in capsys.readouterr().out


def test_an_attained_bound_that_would_stay_verified_when_tighter_is_named(file, monkeypatch):
    assert falsify.unexpected("waves") == []
    monkeypatch.setattr(falsify, "TIGHTER", 0.0)
    named = [sentence.partition(" is ")[0] for sentence in falsify.unexpected("waves")]
    assert named == ["waves.rise", "waves.whole"]


def test_names_without_a_bound_are_refused(file, capsys):
    for name in ("nothing", "waves.sum"):
        with pytest.raises(SystemExit):
            falsify.main([name])
        assert f"nothing of '{name}' is measured; there are waves" in capsys.readouterr().err
    with pytest.raises(ValueError, match="no claims of a paper 'nothing'"):
        falsify.unexpected("nothing")
