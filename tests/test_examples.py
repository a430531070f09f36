"""Every example in a docstring of the papers' packages prints what it says."""

import doctest
import importlib
import pkgutil

import jaxtyping
import pytest

PACKAGES = ("theory", "sims", "own_data")


def modules():
    for package in map(importlib.import_module, PACKAGES):
        yield from (found.name for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."))


def examples(name):
    found = doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name))
    return [test for test in found if test.examples]


@pytest.mark.parametrize("name", [name for name in modules() if examples(name)])
def test_the_examples_of_a_module_print_what_they_say(name, monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # users do not have these checks
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for test in examples(name):
        printed = []
        runner.run(test, out=printed.append)
        assert runner.summarize(verbose=False).failed == 0, "".join(printed)
