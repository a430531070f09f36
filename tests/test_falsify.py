"""The falsifier on the bounds of the papers: each is searched, and what is recorded as attained is attained."""

import pytest

from theory_on_trial import repository
from theory_on_trial.audits.falsifier import INEQUALITIES, NOT_SEARCHED, record, search
from theory_on_trial.audits.falsify import load, unsearched
from theory_on_trial.repository import outline

load()
RECORDED = record.read(repository.records_folder())
ATTAINED = [one for one in INEQUALITIES if RECORDED.get((one.claim, one.statement), ([None] * 4, None))[0][3] == "yes"]


@pytest.mark.parametrize("paper", outline.papers())
def test_every_bound_has_an_inequality_or_a_reason(paper):
    assert unsearched(paper) == []


def test_of_what_is_recorded_only_printed_forms_are_violated():
    for row, source in RECORDED.values():
        one, _, ratio, attained, where, instances = row
        if source is None:
            assert (ratio, attained, instances) == (None, "", 0)
            assert where == f"not searched: {NOT_SEARCHED[one]}"
            continue
        assert not record.is_unexpected(row)
        assert instances > 0
        if attained == "VIOLATED":
            assert ratio is None or ratio > 1  # None where the right side is 0
            continue
        assert ratio > 0
        assert (attained == "yes") == (ratio >= 1 - 1e-6)


@pytest.mark.parametrize("one", ATTAINED, ids=lambda one: f"{one.claim} {one.statement}")
def test_every_attained_bound_breaks_when_it_is_one_per_cent_too_tight(one):
    found = search(one, tighten=0.99)
    assert found.violated
    assert found.ratio > 1
