"""What is read off a page: sides that repeat each other, and domains that are none."""

import pytest

from theory_on_trial.papers.refusals import narrow, padding
from theory_on_trial.trial.likeness import repeated
from theory_on_trial.trial.sides import marked


def told(file):
    return repeated(file, marked(file))


PAGE = '''
import numpy as np
from theory_on_trial import claim, derived, observed, predicted

def setting(numbers):
    return np.sqrt(numbers**2 + 4 * numbers - 3 * np.log(numbers) + 7) / np.sum(numbers**3)

@predicted
def formula(n, p):
    """The theory."""
    return {predicted}

@observed
def happened(count, chance):
    """What happens."""
    return {observed}
'''


@pytest.fixture
def page(repository):
    def write(text):
        return repository({"paper_checks/test_page.py": text}) / "paper_checks" / "test_page.py"

    return write


def test_one_code_with_other_names_is_told_in_one_sentence(page):
    formula = "n * p * (1 - p)"
    other = "count * chance * (1 - chance)"
    assert told(page(PAGE.format(predicted=formula, observed=other))) == [
        "formula (predicted) and happened (observed) are one code with other names"
    ]


@pytest.mark.parametrize(
    ("formula", "other"),
    [
        ("n * p * (1 - p)", "count * (1 - chance) * chance"),  # too short to be a common mistake
        ("n * p * (1 - p)", "count * chance * (2 - chance)"),
        ("n * p * (1 - p)", "chance * count * (1 - chance)"),  # p (1 - n) is not n (1 - p)
        ("setting(n) + p", "setting(count) - chance"),
        ("np.log(n) + p", "np.exp(count) + chance"),
    ],
)
def test_other_code_is_not(page, formula, other):
    assert told(page(PAGE.format(predicted=formula, observed=other))) == []


def test_a_long_expression_on_both_sides_is_told_once(page):
    formula = "2 * (p + np.sqrt((n + 3 * p) ** 2 - 8 * p * n))"
    other = "chance - np.sqrt((count + 3 * chance) ** 2 - 8 * chance * count)"
    (sentence,) = told(page(PAGE.format(predicted=formula, observed=other)))
    assert "both hold `np.sqrt((count + 3 * chance) ** 2 - 8 * chance * count)`" in sentence
    assert "a function without a mark" in sentence


def test_a_long_expression_on_one_side_alone_is_its_own(page):
    formula = "np.sqrt((n + 3 * p) ** 2 - 8 * p * n)"
    assert told(page(PAGE.format(predicted=formula, observed="count + chance"))) == []


CLAIM = '''
from typing import Annotated, Literal
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval

Size = Annotated[int, Interval({low}, {high}, why={why!r})]

@claim(derived("a proof"), kind="identity", cases=[2])
def test_sum(trial, n: Size{more}):
    """n + n = 2n."""
    trial.identity(n + n, 2 * n, ops=0, controls={{"three": 3}})
'''


def claims(page, low=2, high=9, why="beyond, it takes minutes", more=""):
    return narrow(page(CLAIM.format(low=low, high=high, why=why, more=more)))


def test_a_domain_has_three_settings(page):
    assert claims(page, 2, 4) == []
    (sentence,) = claims(page, 2, 3)
    assert sentence.startswith("test_sum has 2 settings, fewer than 3")
    assert claims(page, 2, 3, more=", p: Size = 2") == []
    assert (
        claims(page, 2, 3, more=", p: Annotated[float, Interval(0, 1, why='a share of all')] = 1")
        == []
    )
    assert claims(page, 2, 3, more=", way: Literal['mean', 'sum'] = 'sum'") == []
    (sentence,) = claims(page, 2, 3, more=", p: Literal[7] = 7")
    assert sentence.startswith("test_sum has 2 settings")


@pytest.mark.parametrize("why", ["because", "", "so", "because slow"])
def test_a_reason_is_one(page, why):
    (sentence,) = claims(page, why=why)
    assert sentence.startswith(f"why={why!r} in line 6 is no reason")


def test_comments_without_a_word_and_repeated_ones_are_padding(page):
    text = "# ----\nx = 1  # ----\n# why\n" + "    # the sum\n" * 3 + "# once\n# once\n"
    assert padding(page(text)) == [
        "the comment '# ----' says nothing",
        "the comment '# the sum' stands there 3 times",
    ]
