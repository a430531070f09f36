import importlib
from dataclasses import dataclass

import numpy as np
import pytest
from tool_answers import COLUMNS, DataSet, complaint, held, line, papers

from theory_on_trial.own_data.answer import Answer, Doubt
from theory_on_trial.own_data.estimate import Estimate


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Mean(Answer):
    mean: Estimate

    def lines(self):
        return [f"mean {self.mean}"]

    def plot(self, axes=None):
        raise AssertionError("nothing is drawn for a table")


def asks(*means, **told):
    def ask(seed):
        mean = means[seed % len(means)]
        if mean is None:
            raise ValueError("X must have rows")
        return Mean(mean=Estimate(mean, mean - 1, mean + 1), **told)

    return ask


def data(ask, fits=True, level=None, draws=20):
    return DataSet(
        tool="mean_of",
        name="coins",
        fits=fits,
        ask=ask,
        truth="0",
        level=level,
        draws=draws,
        judge=lambda answer: held(answer.mean, 0.0, answer, "of the mean"),
        headline=lambda answer: str(answer.mean),
    )


@pytest.mark.parametrize(
    ("ask", "counts"),
    [
        (asks(0.9, -1.0, 1.0, 0.0), [20, 0, 0, 0]),
        (asks(0.9, 1.1), [10, 0, 0, 10]),
        (asks(3.0, doubts=(Doubt("few rows", 2.0, "of the mean"),)), [0, 20, 0, 0]),
        (
            asks(
                3.0, doubts=(Doubt("few rows", 1.9, "of the mean"), Doubt("late", 9.0, "seconds"))
            ),
            [0, 0, 0, 20],
        ),
        (asks(0.0, None, None, None), [5, 0, 15, 0]),
        (asks(7.0, missing="the rows are copies"), [0, 0, 20, 0]),
    ],
)
def test_answers_are_counted(ask, counts):
    assert line("toy", data(ask), 1000)[7:11] == counts
    assert sum(line("toy", data(ask), 4)[7:11]) == 4


def test_the_first_answer_is_shown():
    assert line("toy", data(asks(0.5)), 1)[5] == "0.5 [-0.5, 1.5]"
    assert line("toy", data(asks(None)), 1)[5] == "X must have rows"
    assert line("toy", data(asks(7.0, missing="no two rows")), 1)[5] == "no two rows"


@pytest.mark.parametrize(
    ("ask", "fits", "level", "said"),
    [
        (asks(*[0.0] * 19, 5.0), True, 0.95, ""),
        (
            asks(*[0.0] * 3, 5.0),
            True,
            0.95,
            "toy: mean_of promises 95% and was right in 150 of 200 answers on coins",
        ),
        (asks(None), True, 0.95, "toy: mean_of gave no answer on coins, which fits it"),
        (asks(*[0.0] * 19, 5.0), False, 0.95, "toy: mean_of was wrong 10 times on coins"),
        (asks(*[0.0] * 19, 5.0), True, None, "toy: mean_of was wrong 10 times on coins"),
        (asks(None), False, 0.95, ""),
    ],
)
def test_what_is_against_a_tool(ask, fits, level, said):
    assert (
        complaint(dict(zip(COLUMNS, line("toy", data(ask, fits, level, 200), 1000), strict=True)))
        == said
    )


def rows_of(paper, most, every=1):
    """What the tools of a paper say of all kinds of data, or of every so many."""
    sets = importlib.import_module(papers()[paper]).SETS
    return [dict(zip(COLUMNS, line(paper, kind, most), strict=True)) for kind in sets[::every]]


@pytest.mark.parametrize("paper", papers())
@pytest.mark.filterwarnings("default")  # fits that do not converge are data, too
def test_draws_of_some_kinds_of_data_have_no_complaint(paper):
    sets = importlib.import_module(papers()[paper]).SETS
    complaints = [complaint(row) for row in rows_of(paper, 1, -(-len(sets) // 4))]
    said = [sentence for sentence in complaints if "gave no answer" not in sentence]
    assert list(filter(None, said)) == []  # one draw may have no answer


@pytest.mark.audit
@pytest.mark.parametrize("paper", papers())
@pytest.mark.filterwarnings("default")
def test_all_draws_of_all_kinds_of_data_have_no_complaint(paper):
    assert list(filter(None, map(complaint, rows_of(paper, 10**6)))) == []


def test_an_interval_may_be_given_in_any_order():
    assert held(Estimate(1.0, 2.0, 0.0), 0.5, Mean(mean=Estimate(0, 0, 0)), "") == "right"
    assert held(Estimate(np.inf, 5.0, np.inf), 1e9, Mean(mean=Estimate(0, 0, 0)), "") == "right"
