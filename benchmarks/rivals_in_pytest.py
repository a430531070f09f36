"""Test the statements of `rivals.py` with the tools that are marks or fixtures of pytest.

`rivals.py` runs this module once for each seed and move, which the variable RIVALS holds.
pytest-repeated repeats a test twenty times, each time with a twentieth of the samples.
pytest-familywise corrects the p-values of all statements of a run. Each p-value is of a test of the
prediction itself, which has no margin.
"""

import ast
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

sys.path.insert(0, str(Path(__file__).parent))
from rivals import STATEMENTS

SEED, MOVED, SIZES = ast.literal_eval(os.environ["RIVALS"])


def _agrees(statement, x):
    """Return whether the estimate lies within the margin, which is what a test with a tolerance
    asserts.
    """
    if statement.of == "law":
        return stats.kstest(x, statement.predicted).statistic <= statement.margin
    mean = np.mean(x**2 if statement.of == "variance" else x)
    if statement.of == "at most":
        return mean <= statement.predicted + statement.margin
    return abs(mean - statement.predicted) <= statement.margin


def _p_value(statement, x):
    """Return the p-value of a significance test of the prediction itself."""
    if statement.of == "law":
        return stats.kstest(x, statement.predicted).pvalue
    if statement.of == "rate":
        return stats.binomtest(int(x.sum()), len(x), statement.predicted).pvalue
    side = "greater" if statement.of == "at most" else "two-sided"
    x = x**2 if statement.of == "variance" else x
    return stats.ttest_1samp(x, statement.predicted, alternative=side).pvalue


def _repeated(at):
    statement = STATEMENTS[at]
    rng = np.random.default_rng([SEED, at, 20])
    n = max(SIZES.get(statement.name, 20) // 20, 1)

    @pytest.mark.repeated(times=20, threshold=18)
    def test():
        assert _agrees(statement, statement.draw(rng, n, MOVED))

    return test


def _familywise(at):
    statement = STATEMENTS[at]

    def test(assertNotReject):
        rng = np.random.default_rng([SEED, at, 1])
        x = statement.draw(rng, SIZES.get(statement.name, 20), MOVED)
        assertNotReject(_p_value(statement, x))

    return test


for _at in range(len(STATEMENTS)):
    globals()[f"test_repeated_{_at}"] = _repeated(_at)
    globals()[f"test_familywise_{_at}"] = _familywise(_at)
