"""Scoring systems against every integer vector of small boxes, the released big M, and data reduction."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.predictive_multiplicity.scoring_system import ScoringProblem, recount_scoring, scoring_system, settled_errors

seeds = st.integers(0, 2**32 - 1)


def random_problem(seed):
    """Ten samples with equal ones among them, a box that need not contain or be symmetric about 0."""
    rng = np.random.default_rng(seed)
    features = rng.integers(-2, 3, (10, 3))[rng.integers(0, 7, 10)]
    lower = rng.integers(-3, 2, 3)
    return ScoringProblem(
        features=features,
        labels=rng.choice([-1, 1], 10),
        lower=lower,
        upper=lower + rng.integers(0, 5, 3),
        sparsity_penalty=float(rng.choice([0.0, 2.0**-7, 2.0**-4])),
        size_penalty=float(rng.choice([0.0, 2.0**-10])),
        intercept=bool(rng.integers(0, 2)),
        positive_weight=float(rng.choice([0.5, 1.0, 1.75])),
    )


def objective(problem, coefficients):
    """By the definition, sample by sample; numbers in `random_problem` are multiples of 2^-10, so sums are exact."""
    price = {1: problem.positive_weight, -1: 2 - problem.positive_weight}
    wrong = [
        price[label]
        for row, label in zip(problem.features, problem.labels, strict=True)
        if label * (row @ coefficients) <= 0
    ]
    penalised = coefficients[problem.intercept :]
    nonzero, size = np.sum(penalised != 0), np.sum(np.abs(penalised))
    return sum(wrong) + len(problem.labels) * (problem.sparsity_penalty * nonzero + problem.size_penalty * size)


def box(problem):
    return map(np.array, itertools.product(*map(range, problem.lower, problem.upper + 1)))


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_the_optimum_is_that_of_the_box(seed):
    problem = random_problem(seed)
    found = scoring_system(problem)
    assert (found.coefficients >= problem.lower).all()
    assert (found.coefficients <= problem.upper).all()
    assert (
        found.objective
        == objective(problem, found.coefficients)
        == min(map(lambda c: objective(problem, c), box(problem)))
    )
    assert found.errors == objective(
        dataclasses.replace(problem, sparsity_penalty=0, size_penalty=0), found.coefficients
    )


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(0, 3))
def test_data_reduction_settles_what_every_optimum_does(seed, slack):
    problem = random_problem(seed)
    objectives = {tuple(coefficients): objective(problem, coefficients) for coefficients in box(problem)}
    best = min(objectives.values())
    settled = settled_errors(problem, best + slack)
    for coefficients, value in objectives.items():
        if value == best:
            wrong = problem.labels * (problem.features @ np.array(coefficients)) <= 0
            assert (wrong == settled)[settled >= 0].all()
    assert scoring_system(problem, settled).objective == best


def test_data_reduction_settles_heavy_samples():
    """Forty samples against three at the same point: erring on the many costs more than is attained."""
    problem = ScoringProblem(
        features=np.array([[1, 0]] * 43 + [[1, 1]] * 5 + [[0, 1]]),
        labels=np.array([1] * 40 + [-1] * 3 + [-1] * 5 + [1]),
        lower=np.array([-4, -4]),
        upper=np.array([4, 4]),
        sparsity_penalty=2.0**-10,
        size_penalty=0.0,
    )
    settled = settled_errors(problem, scoring_system(problem).objective)
    assert (settled[:40] == 0).all()
    assert (settled >= 0).mean() > 0.9
    assert (settled_errors(problem, 1000.0) == -1).all()


def test_the_released_big_m_forbids_right_answers_on_a_box_of_one_sign():
    problem = ScoringProblem(
        features=np.ones((11, 1)),
        labels=np.array([1] * 10 + [-1]),
        lower=np.array([0]),
        upper=np.array([5]),
        sparsity_penalty=0.0,
        size_penalty=2.0**-10,
    )
    assert scoring_system(problem)[1:] == (1.0, 1 + 11 * 2.0**-10)
    released = scoring_system(dataclasses.replace(problem, big_m="released"))
    assert (released.coefficients, released.errors) == (0, 11.0)


@pytest.mark.parametrize(("margin", "is_allowed"), [(100.0, True), (20.0, False)])
def test_the_released_big_m_is_a_twentieth_of_the_margin_larger_than_the_score(margin, is_allowed):
    """A score of -1 is an error: -1 + M >= γ with M = 1.05 γ + (-1) leaves room from a margin of 40 on."""
    problem = ScoringProblem(
        features=np.ones((1, 1)), labels=np.array([1]), lower=np.array([-1]), upper=np.array([-1]),
        sparsity_penalty=0.0, size_penalty=0.0, margin=margin,
    )  # fmt: skip
    assert scoring_system(problem).errors == 1.0
    released = dataclasses.replace(problem, big_m="released")
    if is_allowed:
        assert scoring_system(released).errors == 1.0
    else:
        with pytest.raises(ValueError, match="the released big M, or settled, forbids all"):
            scoring_system(released)


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_the_released_big_m_is_harmless_on_a_symmetric_box(seed):
    problem = random_problem(seed)
    problem = dataclasses.replace(problem, lower=np.full(3, -2), upper=np.full(3, 2))
    released = dataclasses.replace(problem, big_m="released")
    assert scoring_system(released).objective == scoring_system(problem).objective


def test_scores_within_the_margin_are_errors():
    problem = ScoringProblem(
        features=np.array([[0.25], [0.5]]), labels=np.array([1, 1]), lower=np.array([0]), upper=np.array([2]),
        sparsity_penalty=0, size_penalty=0, margin=1.0,
    )  # fmt: skip
    assert recount_scoring(problem, np.array([2])).errors == 1.0
    assert scoring_system(problem).errors == 1.0
    assert scoring_system(dataclasses.replace(problem, margin=0.125)).errors == 0.0


VALID = {
    "features": np.ones((2, 1)), "labels": np.array([1, -1]), "lower": np.array([0]), "upper": np.array([1]),
    "sparsity_penalty": 0.0, "size_penalty": 0.0,
}  # fmt: skip


def test_refusals():
    problem = ScoringProblem(**VALID)
    with pytest.raises(ValueError, match=r"lower must not exceed upper, got \[2\] and \[1\]"):
        dataclasses.replace(problem, lower=np.array([2]))
    with pytest.raises(ValueError, match="coefficients must be 1, one for each column of features, got 2"):
        recount_scoring(problem, np.array([1, 1]))
    with pytest.raises(ValueError, match="settled must be -1, 0 or 1 for each of the 2 samples, got 3"):
        scoring_system(problem, np.zeros(3, int))


def test_an_objective_that_nothing_attains_is_refused():
    problem = ScoringProblem(**{**VALID, "lower": np.array([1]), "size_penalty": 1.0})
    with pytest.raises(ValueError, match="attained must be the objective of a scoring system"):
        settled_errors(problem, 1.0)
