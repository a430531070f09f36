"""Every tool that needs independent columns, with those of `pandas.get_dummies`: the answer is that
of the columns that say something of their own, and it names the others.
"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from own_data.conditional_independence_ssl import labels_saved
from own_data.naive_bayes_vs_logistic import assumption_diagnostics
from own_data.sequential_attention import selection_audit
from theory_on_trial.own_data.rank import own_columns

RNG = np.random.default_rng(0)
ROWS = 200
FRAME = pd.DataFrame(
    {"a": RNG.choice(list("xyz"), ROWS), "b": RNG.choice(list("uv"), ROWS)}
    | {name: RNG.normal(size=ROWS) for name in "nm"}
)
DUMMIES = pd.get_dummies(FRAME).assign(k=1.0)
FOLLOW = ["a_z", "b_v"]
ALONE = DUMMIES.drop(columns=[*FOLLOW, "k"])
NUMBERS = (FRAME.n + (FRAME.a == "x") + 0.5 * RNG.normal(size=ROWS)).to_numpy()
OTHER = RNG.normal(size=(ROWS, 3)) + NUMBERS[:, None]
CLASSES = (NUMBERS > 0.3).astype(int)

TOOLS = {
    "assumption_diagnostics": lambda X: assumption_diagnostics(X, CLASSES),
    "labels_saved": lambda X: labels_saved(X, OTHER, NUMBERS[:100]),
}


@pytest.mark.parametrize("tool", TOOLS)
def test_dependent_columns_are_left_out_and_named(tool):
    with_all, alone = (TOOLS[tool](X) for X in (DUMMIES, ALONE))
    pd.testing.assert_frame_equal(with_all.to_frame(), alone.to_frame())
    assert all(name in with_all.summary() for name in [*FOLLOW, "k"])


def test_a_constant_column_is_left_out_of_a_selection():
    found, without = (selection_audit(X, NUMBERS, 3) for X in (DUMMIES, DUMMIES.iloc[:, :-1]))
    pd.testing.assert_frame_equal(found.to_frame(), without.to_frame())
    assert (found.left_out, without.left_out) == (("k",), ())
    with pytest.raises(ValueError, match=r"^X must have a column that varies, got constant"):
        selection_audit(np.ones((9, 2)), np.arange(9.0))


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("tool", ["assumption_diagnostics", "labels_saved"])
def test_rare_levels_are_answered(tool, times):
    """A level that one twentieth of the rows holds alone leaves the others dependent without it."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        level = np.where(FRAME.b == "u", "x", "y")
        level[rng.choice(100, times, replace=False)] = "z"
        table = pd.get_dummies(FRAME.assign(a=level, b=rng.normal(size=ROWS)))
        assert TOOLS[tool](table).answerable


def test_a_column_that_tells_the_classes_with_others_is_refused():
    """It depends on the others within the classes only: it is no dummy, and may be the label."""
    X = RNG.normal(size=(ROWS, 2))
    with pytest.raises(ValueError, match="linearly independent within the classes"):
        assumption_diagnostics(np.column_stack([X, X.sum(axis=1) + CLASSES]), CLASSES)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(0, 4), st.integers(-100, 100))
def test_the_columns_that_stay_have_the_rank_of_all(seed, own, following, exponent):
    rng = np.random.default_rng(seed)
    free = rng.normal(size=(30, own))
    mixed = free @ rng.normal(size=(own, following)) + rng.normal(size=following)
    order = rng.permutation(own + following)
    table = np.column_stack([free, mixed])[:, order]
    sizes = np.where(rng.random(own + following) < 0.5, 10.0**exponent, 1.0)
    kept = own_columns(table * sizes)
    assert kept.sum() == own == np.linalg.matrix_rank(table[:, kept] - table[:, kept].mean(axis=0))
    assert kept[0]
    assert np.array_equal(kept, own_columns(table * sizes, np.arange(30) % 5))
