"""Tests of unittest classes, and of suites with another root, get the verdicts of pytest's own."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

from theory_on_trial.repository import places

CLASS = '''
import unittest

import pytest

from theory_on_trial.laws import Bounded


class UniformTests(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def _take(self, trial):
        self.trial = trial

    def mean(self, predict):
        self.trial.mean(lambda rng: rng.uniform(), predict, law=Bounded(0, 1), margin=0.05)

    def test_true(self):
        """A uniform number is 1/2 on average."""
        self.mean(0.5)

    def test_false(self):
        self.mean(0.9)

    def test_swallowed(self):
        try:
            self.mean(0.9)
        except AssertionError:
            pass

    def test_refused(self):
        self.trial.mean(lambda rng: 1.0, 0.5, law=Bounded(0, 1), margin=0.05)

    def test_own_assertion(self):
        self.mean(0.5)
        self.assertEqual(1, 2)

    def test_without_a_decision(self):
        self.assertEqual(1, 1)

    @unittest.skip("not now")
    def test_skipped(self):
        self.mean(0.9)
'''
FUNCTION = """
from theory_on_trial.laws import Bounded


def test_uniform(trial):
    trial.mean(lambda rng: rng.uniform(), 0.5, law=Bounded(0, 1), margin=0.05)
"""
EARLY = """
def test_early(trial):
    raise KeyError("before the first decision")
"""


def run(folder, *arguments, cwd=None):
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *map(str, arguments)]
    found = subprocess.run(
        command, cwd=cwd or folder, capture_output=True, text=True, timeout=120, env=os.environ
    )
    return found.stdout + found.stderr, found.returncode


def rows_in(path):
    return {row["id"].rpartition("::")[2]: row for row in json.loads(path.read_text())["claims"]}


@pytest.fixture(scope="module")
def unittest_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("suite")
    (folder / "test_class.py").write_text(CLASS)
    shown, status = run(folder, "-v", "--trial-ledger=ledger.json", "test_class.py")
    return shown, status, rows_in(folder / "ledger.json")


def test_a_unittest_class_has_the_verdicts_of_functions(unittest_run):
    shown, status, _ = unittest_run
    assert status == 1
    outcomes = {
        name: word
        for name in ("true", "false", "swallowed", "refused", "own_assertion", "skipped")
        for word in ("PASSED", "FAILED", "SKIPPED")
        if f"::test_{name} {word}" in shown
    }
    assert outcomes == {
        "true": "PASSED",
        "false": "FAILED",
        "swallowed": "FAILED",
        "refused": "FAILED",
        "own_assertion": "FAILED",
        "skipped": "SKIPPED",
    }
    assert "test_without_a_decision PASSED" in shown


def test_a_unittest_class_shows_numbers_and_the_line_to_change(unittest_run):
    shown, _, _ = unittest_run
    assert "      mean 0." in shown
    assert shown.count("\nREFUTED: measured 0.") == 2
    assert "pytest test_class.py::UniformTests::test_false --trial-seed 0" in shown
    assert "does not draw from the generator" in shown
    assert "AssertionError: 1 != 2" in shown
    assert "theory_on_trial/decide/" not in shown  # no line of the engine


def test_a_unittest_class_has_rows(unittest_run):
    _, _, rows = unittest_run
    verdicts = {name: row["verdict"] for name, row in rows.items()}
    assert verdicts == {
        "test_true": "VERIFIED",
        "test_false": "REFUTED",
        "test_swallowed": "REFUTED",
        "test_refused": "INCONCLUSIVE",
        "test_own_assertion": "VERIFIED",
    }
    assert rows["test_true"]["statement"] == "A uniform number is 1/2 on average."


def test_a_test_that_raises_before_its_first_decision_has_a_row(tmp_path):
    (tmp_path / "test_early.py").write_text(EARLY)
    shown, status = run(tmp_path, "--trial-ledger=ledger.json", "test_early.py")
    assert status == 1
    assert "before the first decision" in shown
    row = rows_in(tmp_path / "ledger.json")["test_early"]
    assert row["verdict"] == "INCONCLUSIVE"
    assert "KeyError" in row["note"]


def test_id_and_numbers_do_not_depend_on_the_root_of_the_run(tmp_path):
    suite = tmp_path / "project" / "tests"
    suite.mkdir(parents=True)
    (suite.parent / "pytest.ini").write_text("[pytest]\n")
    (suite / "test_it.py").write_text(textwrap.dedent(FUNCTION))
    rows = []
    for number, (root, cwd) in enumerate(
        [(suite.parent, suite.parent), ("/", suite.parent), (tmp_path, tmp_path), (suite, suite)]
    ):
        ledger = tmp_path / f"{number}.json"
        run(suite, f"--rootdir={root}", f"--trial-ledger={ledger}", suite / "test_it.py", cwd=cwd)
        rows.append(json.loads(ledger.read_text())["claims"][0])
    assert {row["id"] for row in rows} == {"tests/test_it.py::test_uniform"}
    assert len({row["measured"] for row in rows}) == 1


def test_the_root_of_the_file_system_is_not_searched_for_checks(monkeypatch, tmp_path):
    def walk(base):
        raise AssertionError(f"{base} was searched")

    monkeypatch.setattr(places.os, "walk", walk)
    root = tmp_path.absolute()
    assert places.check_files(type(root)(root.anchor)) == []
    with pytest.raises(AssertionError, match="was searched"):
        places.check_files(root)
