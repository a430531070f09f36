"""The table of independent routes: complete, up to date, and true as far as it can be read off the code."""

import json
from itertools import permutations
from pathlib import Path

import pytest

from theory_on_trial import claims, independence
from theory_on_trial.audits.independence import ROUTES, TRUST, Entry, home, packages, reached, second_test, stated_by

ENTRIES = independence.read()
BY_SECOND = [name for name, entry in ENTRIES.items() if "second" in entry]
BY_APART = [name for name, entry in ENTRIES.items() if "apart" in entry]


def deserves(route, name, sides=()):
    """Whether a function reaches what its route is named for: outside the theory, or in the sides that stand apart."""
    met = reached(name, outside="theory.").union(*map(reached, sides))
    return not ROUTES[route] or any(one.startswith(ROUTES[route]) for one in met)


def formulas(name):
    """The public functions of theory and of the simulators that a function reaches, without those that check input."""
    found = (met.split(".") for met in reached(name) if met.startswith(("theory.", "sims.")))
    return {tuple(parts) for parts in found if not any(part.startswith("_") or part == "domain" for part in parts)}


def test_every_claim_has_an_entry_and_no_entry_is_without_a_claim():
    checks = Path(independence.__file__).parent
    papers = {path.stem.removeprefix("test_") for path in checks.glob("test_*")}
    assert sorted(ENTRIES) == sorted(c.id for paper in papers for c in claims(paper) if not c.printed_form)


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_has_a_word_of_the_vocabulary_that_its_claim_deserves(name):
    entry = ENTRIES[name]
    assert {"route", "how"} <= set(entry) <= set(Entry.__annotations__)
    assert 20 < len(entry["how"]) < 240
    assert deserves(entry["route"], stated_by(name), entry.get("apart", ()))
    assert entry["route"] != "none" or "second" in entry


@pytest.mark.parametrize("name", BY_SECOND)
def test_a_second_route_is_a_test_of_that_kind_of_something_that_the_claim_uses(name):
    route, test = second_test(name, ENTRIES[name]["second"])
    assert formulas(test) & formulas(stated_by(name))  # none, where there is no such file or no such test
    assert deserves(route, test)


@pytest.mark.parametrize("name", BY_APART)
def test_functions_that_stand_against_each_other_do_not_reach_each_other(name):
    sides = [home(side) for side in ENTRIES[name]["apart"]]
    assert set(sides) <= reached(stated_by(name))
    assert len({side.split(".")[0] for side in sides}) == 1  # between the packages nothing is reached anyway
    assert not any(one in reached(other) for one, other in permutations(sides, 2))


def test_the_table_is_up_to_date():
    written = json.loads((TRUST / "independence.json").read_text(encoding="utf-8"))
    assert written == independence.table(), "run python -m theory_on_trial.audits.independence"


def test_what_is_reached_is_followed_through_aliases_helpers_and_re_exports():
    walk = "paper_checks.test_random_walk_pca.test_walk.test_total_variance"
    assert "fractions.Fraction" in reached(walk)
    assert "theory.random_walk_pca.spectrum.total_variance" in reached(walk)
    assert "theory.random_walk_pca.spectrum.total_variance" not in reached(walk, outside="theory.")
    assert packages("random_walk_pca.total_variance") == "theory"
    assert packages("random_walk_pca.ema_is_momentum") == "sims"
    assert packages("random_walk_pca.exact_spectrum") == "theory and sims"
    # Through a helper of the paper's package, which imports inside a function.
    assert "mpmath.quad" in reached("paper_checks.test_jepa_bias.test_critical_times.test_critical_jepa")
    assert "theory.mixup.finite_samples.lda_rate" in reached("theory.mixup.mixup_samples")
    assert reached("theory.mixup.no_such_function") == {"theory.mixup.no_such_function"}


def test_the_command_writes_the_table_and_counts(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(independence, "TRUST", tmp_path / "trust")
    independence.main()
    assert json.loads((tmp_path / "trust" / "independence.json").read_text(encoding="utf-8")) == independence.table()
    assert f"{len(ENTRIES)} claims" in capsys.readouterr().out
