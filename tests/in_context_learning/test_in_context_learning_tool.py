"""Which algorithm a learner in context runs: planted learners, coverage of intervals, what must not
matter, doubts.
"""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge

from own_data.in_context_learning import which_algorithm
from own_data.in_context_learning.candidates import Examples, elastic_net

PROMPTS = 60
EXAMPLES = 4
DIMENSION = 2


def drawn(seed, noise_std=0.5):
    rng = np.random.default_rng(seed)
    inputs = rng.standard_normal((PROMPTS, EXAMPLES, DIMENSION))
    weights = rng.standard_normal((PROMPTS, DIMENSION))
    labels = np.einsum("pnd,pd->pn", inputs, weights) + noise_std * rng.standard_normal(
        (PROMPTS, EXAMPLES)
    )
    return inputs, labels


def ridge(regulariser):
    def predict(X, Y, queries):
        gram = np.einsum("pkd,pke->pde", X, X) + regulariser * np.eye(DIMENSION)
        weights = np.linalg.solve(gram, np.einsum("pkd,pk->pd", X, Y)[..., None])[..., 0]
        return np.sum(weights * queries, axis=1)

    return predict


def match(result, name):
    return next(one for one in result.matches if one.name == name)


def test_a_match_in_doubt_is_not_called_one():
    """Noise of a hundredth of the answers' mean square: too few prompts to say on which side of
    `alike` it is.
    """
    inputs, labels = drawn(5)
    rng = np.random.default_rng(0)
    exact = ridge(0.5)

    def noisy(*prompt):
        answers = exact(*prompt)
        return answers + 0.1 * np.sqrt(np.mean(answers**2)) * rng.standard_normal(PROMPTS)

    result = which_algorithm(noisy, inputs, labels)
    assert not result.answerable
    assert "more than 60 prompts" in result.summary()
    assert which_algorithm(noisy, inputs, labels, alike=0.1).matching


def test_inputs_that_rounding_hides_are_said():
    """Time stamps beside a number of size 1: before, ridge regression itself "matches none"."""
    inputs, labels = drawn(1)
    result = which_algorithm(ridge(0.5), inputs * [8.64e7, 1] + [1.7e12, 0], labels)
    assert not result.answerable
    assert "times as large as another" in result.missing


def test_copies_of_a_prompt_tell_nothing_new():
    """Before, doubled prompts made intervals narrower, and each half was fitted to the other's
    prompts.
    """
    inputs, labels = drawn(5)
    exact = ridge(0.5)
    rng = np.random.default_rng(0)
    error = {
        x: 1 + 0.05 * e
        for x, e in zip(inputs[:, 0, 0].tolist(), rng.standard_normal(PROMPTS), strict=True)
    }
    error |= {2 * x: e for x, e in error.items()}  # of the scaled prompts

    def blurred(X, Y, queries):
        return exact(X, Y, queries) * np.array([error[x] for x in X[:, 0, 0].tolist()])

    once = which_algorithm(blurred, inputs, labels)
    again = which_algorithm(blurred, np.tile(inputs, (2, 1, 1)), np.tile(labels, (2, 1)))
    for name in ("ridge", "one gradient step", "nearest"):
        one = match(once, name)
        other = match(again, name)
        np.testing.assert_allclose(other.distance, one.distance, rtol=1e-6)
        np.testing.assert_allclose(
            [*other.parameters.values()], [*one.parameters.values()], rtol=1e-6
        )
    copies = np.tile(inputs[:30], (2, 1, 1)), np.tile(labels[:30], (2, 1))
    with pytest.raises(ValueError, match="at least 40 prompts that differ, got 30"):
        which_algorithm(lambda inputs, labels, queries: 0 * queries[:, 0], *copies)


def test_noise_of_a_learner_is_in_the_interval():
    """The distance is v over the labels' mean square; λ, one parameter of 180 answers, takes less
    than a hundredth.
    """
    inputs, labels = drawn(5)
    rng = np.random.default_rng(0)
    exact = ridge(0.5)

    def noisy(*prompt):
        return exact(*prompt) + 0.3 * rng.standard_normal(PROMPTS)

    rule = match(which_algorithm(noisy, inputs, labels, confidence=0.9999), "ridge")
    assert rule.distance.low <= 0.3**2 / np.mean(labels[:, 1:] ** 2) <= rule.distance.high
    assert rule.parameters["λ"].low <= 0.5 <= rule.parameters["λ"].high
    assert rule.parameters["λ"].low < rule.parameters["λ"].value < rule.parameters["λ"].high


def test_only_what_comes_before_is_shown():
    inputs, labels = drawn(6)
    calls = []

    def spoils(X, Y, queries):
        calls.append((X.copy(), Y.copy(), queries.copy()))
        answers = np.sum(Y, axis=1)
        X[:] = 7.0
        Y[:] = 7.0
        queries[:] = 7.0
        return answers

    result = which_algorithm(spoils, inputs, labels, prefixes=[3, 1], scale=4.0)
    for (X, Y, queries), (k, factor) in zip(
        calls, [(3, 1.0), (1, 1.0), (3, 4.0), (1, 4.0)], strict=True
    ):
        np.testing.assert_array_equal(X, factor * inputs[:, :k])
        np.testing.assert_array_equal(Y, factor * labels[:, :k])
        np.testing.assert_array_equal(queries, factor * inputs[:, k])
    again = which_algorithm(
        lambda X, Y, _: np.sum(Y, axis=1), inputs, labels, prefixes=[3, 1], scale=4.0
    )
    assert str(again) == str(result)


def test_a_prompt_that_outweighs_the_rest_is_a_doubt():
    inputs, labels = drawn(8)
    doubts = which_algorithm(ridge(1.0), inputs, labels).doubts
    assert not any("usual prompts" in doubt.reason for doubt in doubts)
    labels[3] *= 1000
    doubts = which_algorithm(ridge(1.0), inputs, labels).doubts
    assert any(
        "one prompt makes" in doubt.reason and "the usual prompts" in doubt.reason
        for doubt in doubts
    )


@pytest.mark.parametrize("common", [0.0, 0.99, 1.0], ids=["independent", "alike", "equal"])
@pytest.mark.parametrize("dimension", [2, 5])
def test_the_elastic_net_meets_the_conditions_of_its_minimum(common, dimension):
    """Of inputs that go together, and of more of them than examples."""
    rng = np.random.default_rng(0)
    X = np.sqrt(1 - common) * rng.standard_normal(
        (40, 7, dimension)
    ) + common * rng.standard_normal((40, 7, 1))
    Y = X.sum(axis=2) + 0.3 * rng.standard_normal((40, 7))
    for k, absolute, square in [(3, 0.03, 0.0), (3, 2.0, 0.1), (6, 0.3, 1.0)]:
        shown = Examples(X, Y, [k])
        weights = np.empty((40, dimension))
        for j in range(dimension):
            shown.queries = np.broadcast_to(np.eye(dimension)[j], (40, 1, dimension))
            weights[:, j] = elastic_net(shown, absolute, square)[:, 0]
        residuals = Y[:, :k] - np.einsum("pkd,pd->pk", X[:, :k], weights)
        slopes = np.einsum("pkd,pk->pd", X[:, :k], residuals) - square * weights
        assert np.abs(slopes).max() <= absolute + 1e-9
        np.testing.assert_allclose(
            np.sum(slopes * weights, 1), absolute * np.abs(weights).sum(1), atol=1e-9
        )


@pytest.mark.parametrize("regulariser", [0.0, 3.0])
def test_learners_with_an_intercept_are_told_from_those_without(regulariser):
    """By scikit-learn's fits; labels have a mean, which least squares without one gets wrong."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 9, 3)) + 0.5
    y = np.einsum("pnd,pd->pn", x, rng.normal(size=(120, 3))) + rng.normal(size=(120, 1))
    y += 0.3 * rng.normal(size=y.shape)
    model = Ridge(regulariser) if regulariser else LinearRegression()

    def learner(inputs, labels, queries):
        return np.array(
            [
                model.fit(a, b).predict(q[None])[0]
                for a, b, q in zip(inputs, labels, queries, strict=True)
            ]
        )

    name = ("ridge" if regulariser else "least squares") + " with an intercept"
    answer = which_algorithm(learner, x, y, prefixes=[2, 5, 8])
    assert answer.matching[0] == name
    assert not {"ridge", "least squares"} & set(answer.matching)
    found = next(match for match in answer.matches if match.name == name)
    assert found.distance.value < 1e-6
    if regulariser:
        assert found.parameters["λ"].value == pytest.approx(regulariser, rel=1e-3)
