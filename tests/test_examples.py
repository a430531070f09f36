"""Every example in a docstring of the papers' packages prints what it says."""

import doctest
import importlib
from pathlib import Path

import jaxtyping
import pytest

from theory_on_trial.repository import dotted_name

ROOT = Path(__file__).parent.parent
FILES = [
    file
    for package in ("theory", "sims", "own_data")
    for file in sorted((ROOT / package).rglob("*.py"))
]


@pytest.mark.parametrize(
    "name", [dotted_name(file) for file in FILES if ">>> " in file.read_text(encoding="utf-8")]
)
def test_the_examples_of_a_module_print_what_they_say(name, monkeypatch):
    examples = doctest.DocTestFinder().find(importlib.import_module(name))
    assert any(test.examples for test in examples)
    # Users do not have these checks
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for test in examples:
        printed = []
        runner.run(test, out=printed.append)
        assert runner.summarize(verbose=False).failed == 0, "".join(printed)


def test_types_are_checked_as_the_tests_run():
    with pytest.raises(jaxtyping.TypeCheckError):
        importlib.import_module(
            "sims.naive_bayes_vs_logistic.learning_curves"
        ).geometric_sizes.__wrapped__("one", 5, 1.5, 1)
