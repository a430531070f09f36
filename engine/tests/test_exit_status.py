"""A row that is not as expected fails the run, whatever pytest makes of its test."""

import json

import pytest

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.usefixtures("warm_children")

HEAD = """
import pytest
from theory_on_trial import claim, paper
from theory_on_trial.laws import Normal

def constant(key):
    return 1.0

def decide(trial, value):
    trial.identity(value, 2, ops=0, controls={"three": 3})

"""

CLAIM = """
@claim(paper("Section 1"), kind="identity")
def test_it(trial):
    "One and one are two."
"""


def run(pytester, body, marker="", *arguments):
    pytester.makepyfile(test_sums=f"{HEAD}{marker}{CLAIM}" + "".join(f"    {line}\n" for line in body))
    done = pytester.runpytest_subprocess("--trial-ledger", "ledger.json", "-p", "no:cacheprovider", *arguments)
    path = pytester.path / "ledger.json"
    return done, json.loads(path.read_text())


@pytest.mark.parametrize("arguments", [(), ("-n", "2")])
@pytest.mark.parametrize("marker", ["@pytest.mark.xfail", "@pytest.mark.xfail(strict=True, raises=BaseException)"])
@pytest.mark.parametrize("body", ["decide(trial, 1)", "raise RuntimeError('broken')"])
def test_a_claim_marked_xfail_fails_the_run(pytester, body, marker, arguments):
    done, book = run(pytester, [body], marker, *arguments)
    done.assert_outcomes(xfailed=1)
    assert [row["verdict"] for row in book["claims"]] != ["VERIFIED"]
    assert done.ret == 1


@pytest.mark.parametrize("away", ["pytest.skip('no time')", "pytest.xfail('known')"])
@pytest.mark.parametrize("first", ["decide(trial, 1)", "decide(trial, 2)"])
def test_a_claim_that_skips_itself_after_a_decision_fails_the_run(pytester, first, away):
    done, book = run(pytester, [first, away])
    assert [row["verdict"] for row in book["claims"]] == ["INCONCLUSIVE"]
    assert done.ret == 1


@pytest.mark.parametrize("afterwards", ["pass", "decide(trial, 2)", "pytest.skip('no time')"])
def test_a_decision_that_raised_counts_where_the_check_catches_it(pytester, afterwards):
    attempt = "trial.mean(constant, 2.0, law=Normal(), margin=1.0, slack=2.0, controls={'three': 3.0})"
    done, book = run(pytester, ["try:", f"    {attempt}", "except ValueError:", "    pass", afterwards])
    assert [row["verdict"] for row in book["claims"]] == ["INCONCLUSIVE"]
    assert "does not depend on its key" in book["claims"][0]["note"]
    assert done.ret == 1


def test_a_decision_that_raised_before_the_printed_form_costs_no_row(pytester):
    pytester.makepyfile(
        test_sums=HEAD
        + """
@claim(paper("Section 1"), kind="identity", as_printed=paper("Section 1", says="One and one are three."))
def test_it(trial):
    "One and one are two."
    decide(trial, 2)
    raise RuntimeError("no memory")
"""
    )
    done = pytester.runpytest_subprocess("--trial-ledger", "ledger.json", "-p", "no:cacheprovider")
    book = json.loads((pytester.path / "ledger.json").read_text())
    assert [row["verdict"] for row in book["claims"]] == ["INCONCLUSIVE"]
    assert "RuntimeError: no memory" in book["claims"][0]["note"]
    assert done.ret == 1


@pytest.mark.parametrize("arguments", [(), ("-n", "2")])
def test_a_claim_that_skips_itself_at_once_was_not_run(pytester, arguments):
    done, book = run(pytester, ["pytest.importorskip('no_such_module')"], "", *arguments)
    assert book["claims"] == []
    assert [entry["id"] for entry in book["not_run"]] == ["sums.it"]
    assert book["not_run"][0]["reason"].startswith("skipped: could not import 'no_such_module'")
    assert "not run: 0 claims above tier fast (see --trial-tier), 1 skipped" in done.stdout.str()
    assert done.ret == 0
