"""Old names warn and still work, for one release."""

import pytest

import theory_on_trial
from theory_on_trial import Trial, claim, derived, paper
from theory_on_trial.trial import registry


def test_old_names_of_a_decision_warn():
    trial = Trial("renamed.bound")
    with pytest.warns(DeprecationWarning, match="found_by= is now instances="):
        trial.bound([1.0], [2.0], found_by="all", ops=1, controls={"half": [0.9]})
    assert trial.findings[0].outcome == "VERIFIED"


def test_old_name_of_a_source_warns():
    with pytest.warns(DeprecationWarning, match="ours is now derived"):
        assert theory_on_trial.ours("by parts") == derived("by parts")


@pytest.mark.parametrize(("old", "new"), [("coarse", "low_power"), ("loose", "not_tight")])
def test_old_names_of_a_claim_warn(old, new, monkeypatch):
    monkeypatch.setattr(registry, "_REGISTERED", {})
    with pytest.warns(DeprecationWarning, match=f"{old}= is now {new}="):

        @claim(paper("Section 1"), kind="identity", **{old: "few samples"})
        def test_of(trial):
            """One is one."""
            trial.identity(1.0, 1.0, ops=1, controls={"two": 2.0})

    (found,) = registry._REGISTERED.values()
    assert getattr(found, new) == "few samples"


def test_one_argument_by_two_names_is_refused():
    with pytest.raises(TypeError, match="got instances= and its old name found_by="):
        Trial("renamed.both").bound([1.0], [2.0], found_by="all", instances="all", controls={})
