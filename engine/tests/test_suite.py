"""What the test suites of a workbench share."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st


def drawn():
    """The numbers that a test with a seed of its own gets."""
    numbers = []

    @settings(max_examples=200, derandomize=True, database=None)
    @given(st.floats(1, 2))
    def record(number):
        numbers.append(number)

    record()
    return numbers


def test_what_is_drawn_does_not_depend_on_what_was_imported(tmp_path, monkeypatch):
    before = drawn()
    constants = [random.Random(place).uniform(1, 2) for place in range(400)]
    (tmp_path / "constants_of_another_test.py").write_text(f"CONSTANTS = {constants}\n")
    monkeypatch.syspath_prepend(tmp_path)
    __import__("constants_of_another_test")
    assert drawn() == before
