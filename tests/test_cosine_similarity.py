"""Tests of cosine similarity: properties, simulators, refusals, coverage, fuzzing."""

import tracemalloc

import matplotlib.pyplot as plt
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from promises import Case, promises, refused

from own_data import cosine_similarity as tool
from sims import cosine_similarity as observed
from sims.cosine_similarity import _best_of_coordinate
from theory import cosine_similarity as predicted

GENERATOR = np.random.default_rng(0)
X = (
    GENERATOR.normal(size=(40, 7))
    * [3, 2.3, 2, 1.3, 1, 0.7, 0.4]
    @ np.linalg.qr(GENERATOR.normal(size=(7, 7)))[0]
)
A = GENERATOR.normal(size=(7, 3))
B = GENERATOR.normal(size=(7, 3))
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=15, deadline=None)


def test_without_full_rank_or_with_a_tie_optima_have_different_products_and_scores():
    x = np.array([[3.0, 0, 0], [0, 2, 0]])  # without the third column
    best = predicted.objective2_factors(x, 1, 0.5)
    other = best.a + np.array([[0.0], [0], [1]])
    losses = [observed.loss(x, a, best.b, 0.5, "factors") for a in (best.a, other)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-12)
    assert np.linalg.norm((other - best.a) @ best.b.T) > 0.5
    tied = np.diag([2.0, 2.0, 1.0])
    root = np.sqrt(1 / (1 + 0.8 / 4))  # of the shrinkage, of both singular values of 2
    ends = [root * np.eye(3)[:, k : k + 1] for k in (0, 1)]
    losses = [observed.loss(tied, end, end, 0.8, "product") for end in ends]
    assert losses == pytest.approx([predicted.objective1_minimum(tied, 1, 0.8)] * 2, abs=1e-12)
    first, second = (tied @ end @ end.T for end in ends)
    assert np.linalg.norm(first - second) > 2


def test_limits_of_the_penalty():
    tail = np.sum(np.linalg.svd(X, compute_uv=False)[3:] ** 2)
    for least in (predicted.objective1_minimum, predicted.objective2_minimum):
        assert least(X, 3, 1e-300) == pytest.approx(tail)
        assert least(X, 3, 1e300) == pytest.approx(np.sum(X**2))
    assert not predicted.objective2_factors(X, 3, 1e6).b.any()


def test_a_column_vanishes_where_the_penalty_exceeds_its_singular_value():
    values = np.linalg.svd(X, compute_uv=False)
    factors = predicted.objective2_factors(X, 4, (values[1] + values[2]) / 2)
    assert [bool(column.any()) for column in factors.b.T] == [True, True, False, False]
    assert not predicted.objective2_factors(
        3 * np.eye(4), 2, 3.0
    ).b.any()  # a tie, of columns that have vanished


@pytest.mark.parametrize("condition", [1e3, 1e5, 9e5])
def test_the_balance_of_factors_near_dependence_is_that_of_many_digits(condition):
    generator = np.random.default_rng(7)
    sizes = condition ** -np.array([0, 0.5, 1])
    bases, mixed = (np.linalg.qr(generator.normal(size=(2, n, 3)))[0] for n in (9, 3))
    a, b = bases * sizes @ mixed
    turned = np.linalg.qr(generator.normal(size=(9, 9)))[0] @ b
    assert tool.cosine_range(b, A=turned).imbalance == pytest.approx(1, abs=1e-6)
    with mpmath.workdps(60):
        m, n = (mpmath.matrix(one.tolist()).T * mpmath.matrix(one.tolist()) for one in (a, b))
        root = mpmath.cholesky(m).T  # m = T^T T, and T P T^T is the root of T n T^T
        values, vectors = mpmath.eigsy(root * n * root.T)
        half = root**-1 * vectors * mpmath.diag([value**0.25 for value in values])
        ends = mpmath.eigsy(half * half.T, eigvals_only=True)
        expected = float(max(ends) / min(ends))
    assert tool.cosine_range(b, A=a).imbalance == pytest.approx(expected, rel=1e-6, abs=0)


def test_a_cosine_that_is_small_beside_its_terms_has_a_range():
    """Rounding is a share of the terms, which cancel here: a share of the lower end, -.006, is too
    little.
    """
    u = [-0.4565484404279248, 0.1274923756712404, -1.7575452507599885, 0.5651766221404224]
    v = [0.8153462510003177, 0.48195219472053696, -1.5440586184540583, -0.6840868553895321]
    condition = 3.7032249219920557
    gauges = condition ** np.random.default_rng(0).random((20_000, 4)).round(1)
    n, a, b = (gauges @ np.multiply(*pair) for pair in ((u, v), (u, u), (v, v)))
    cosines = n / np.sqrt(a * b)
    (low,), (high,) = predicted.diagonal_gauge_range([u], [v], condition)
    assert low == pytest.approx(cosines.min(), abs=0.01)
    assert high == pytest.approx(cosines.max(), abs=0.01)
    assert low <= cosines.min() + 1e-14  # both are rounded
    assert high >= cosines.max() - 1e-14


@few
@given(seeds, st.floats(1.01, 100))
def test_ranges_turn_over_and_know_no_lengths(seed, condition):
    u, v = np.random.default_rng(seed).normal(size=(2, 3, 4))
    for law in (predicted.any_gauge_range, predicted.diagonal_gauge_range):
        ends = law(u, v, condition)
        assert law(u, -v, condition).high == pytest.approx(-ends.low, abs=1e-12)
        for other in (
            law(1e-40 * u, 1e40 * v, condition),
            law(u * [[1], [1], [1e-200]], v, condition),
        ):
            assert np.ravel(other) == pytest.approx(np.ravel(ends), abs=1e-12)


def test_degenerate_pairs_do_not_move():
    for ranges in (predicted.any_gauge_range, predicted.diagonal_gauge_range):
        for sign in (1, -1):
            found = ranges([[1.0, 2.0]], [[sign * 3.0, sign * 6.0]], 1e6)
            assert (found.low[0], found.high[0]) == pytest.approx((sign, sign), abs=1e-9)
        assert np.ptp([ranges([[1.0, 2.0]], [[0.0, 1.0]], 1.0)]) == pytest.approx(0, abs=1e-15)
    assert predicted.diagonal_gauge_range([[1.0, 0.0]], [[0.0, 1.0]], 1e6) == (0, 0)
    assert predicted.any_gauge_range([[1.0, 0.0]], [[0.0, 1.0]], 1e6).high[0] == pytest.approx(
        1, abs=1e-5
    )
    assert observed.cosines([[3.0, 4.0], [0.0, 1e-200]])[0, 1] == pytest.approx(0.8)
    assert np.array_equal(predicted.extreme_gauge([1.0, 1.0], [2.0, 2.0], 9.0, "low"), np.eye(2))


def test_a_search_begins_at_every_corner_and_takes_the_best_point_of_a_coordinate():
    for seed in range(20):
        u, v = np.random.default_rng(seed).normal(size=(2, 8))
        ends = observed.search_diagonal(np.random.default_rng(seed), u, v, 9.0, 1)
        assert ends == pytest.approx(
            np.ravel(predicted.diagonal_gauge_range([u], [v], 9.0)), abs=1e-9
        )
        # Some best ones lie between the ends
        slope, *others = np.transpose([-abs(u * v), u * u, v * v])
        g = np.append(
            np.linspace(1, 9, 1001), _best_of_coordinate(np.sum(others, axis=0)[None], slope, 9.0)
        )
        n, a, b = np.sum(others, axis=0)[:, None] + np.outer(slope, g)
        assert np.max(n / np.sqrt(a * b)) == pytest.approx(
            n[-1] / np.sqrt(a[-1] * b[-1]), abs=1e-12
        )


@pytest.mark.parametrize("factor", [1e-6, 1e3, 1e6])
def test_a_fit_is_the_least_however_unlike_the_sizes_of_its_factors_are_at_the_start(factor):
    values = np.linalg.svd(X, compute_uv=False) ** 2
    kept = values[: A.shape[1]]
    least = np.sum(kept * 5.0 / (kept + 5.0)) + values[A.shape[1] :].sum()
    assert observed.fit(X, factor * A, B / factor, 5.0, "product").value == pytest.approx(
        least, rel=1e-12, abs=0
    )


def test_no_gauge_of_the_condition_leaves_the_range_and_some_nearly_reach_it():
    generator = np.random.default_rng(4)
    items = generator.normal(size=(12, 3))
    answer = tool.cosine_range(items, condition=9.0)
    below = []
    above = []
    for gauge in observed.draw_gauges(generator, 3, 9.0, 1500):
        cosines = observed.cosines(np.linalg.solve(gauge, items.T).T)[tuple(answer.pairs.T)]
        below.append((cosines - answer.low).min())
        above.append((answer.high - cosines).min())
    assert min(below + above) > -1e-12
    assert min(below) < 0.01
    assert min(above) < 0.01


def test_diagonal_gauges_are_held_to_their_own_range():
    generator = np.random.default_rng(5)
    items = generator.normal(size=(6, 4))
    answer = tool.cosine_range(items, family="diagonal", condition=9.0)
    for g in 9 ** generator.random((100, 4)):
        cosines = observed.cosines(items * np.sqrt(g))[tuple(answer.pairs.T)]
        assert (answer.low - 1e-12 <= cosines).all()
        assert (cosines <= answer.high + 1e-12).all()
    outer = tool.cosine_range(items, condition=9.0)
    assert (outer.low <= answer.low + 1e-12).all()
    assert (outer.high - answer.high).max() > 0.01
    turned = tool.cosine_range(
        items @ np.linalg.qr(generator.normal(size=(4, 4)))[0], family="diagonal", condition=9.0
    )
    assert np.abs(turned.high - answer.high).max() > 0.01
    assert turned.cosine == pytest.approx(answer.cosine, abs=1e-12)


def test_the_balance_of_two_factors_is_read_and_doubted():
    balanced = predicted.objective1_factors(X, 3, 30.0)
    factors = balanced.a * [1, 2, 3], balanced.b / [1, 2, 3]
    answer = tool.cosine_range(factors[1], A=factors[0], condition=4.0)
    assert answer.imbalance == pytest.approx(9)
    assert [doubt.reason.split(" has K")[0] for doubt in answer.doubts] == [
        "the gauge that balances the factors"
    ]
    assert "K = 9" in answer.summary()
    assert tool.cosine_range(factors[1], A=factors[0], condition=10.0).doubts == ()
    decayed = predicted.objective2_factors(X, 3, 6.0)
    answer = tool.cosine_range(decayed.b, A=X @ decayed.a)
    assert answer.imbalance == pytest.approx(1)
    (doubt,) = answer.doubts
    assert doubt.reason.startswith("the factors are balanced, as weight decay")
    assert doubt.size == pytest.approx((answer.high - answer.low).max())


@pytest.mark.parametrize(
    ("rows", "doubt"),
    [
        (B / np.linalg.norm(B, axis=1, keepdims=True), "all rows have one length"),
        (
            (B / np.linalg.norm(B, axis=1, keepdims=True)).astype(np.float16).astype(float),
            "all rows have one length",
        ),
        (B * np.array([1, 1, 1, 1, 1, 1, 1e-8])[:, None], "1 rows are so short"),
    ],
)
def test_rows_that_do_not_fit_are_doubted(rows, doubt):
    said = tool.cosine_range(rows)
    assert [one.reason.startswith(doubt) for one in said.doubts] == [True]
    assert doubt in said.summary()


def test_what_no_gauge_moves_is_said():
    rows = np.array([[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [0.0, 0.0, 5.0]])
    answer = tool.cosine_range(rows, family="diagonal")
    assert answer.notes == (
        "1 pairs are parallel, and stay so in every gauge",
        "2 pairs share no coordinate: their cosine is 0 in every diagonal gauge",
    )
    assert (answer.low[1:], answer.high[1:]) == (pytest.approx(0), pytest.approx(0))
    assert tool.cosine_range(rows).notes == answer.notes[:1]


def test_no_array_of_pairs_by_dimensions_is_held():
    rows = np.random.default_rng(8).normal(size=(400, 300))
    tracemalloc.start()
    tool.cosine_range(rows)
    assert tracemalloc.get_traced_memory()[1] < 50 * 400 * 400 * 8
    tracemalloc.stop()


def test_answers_are_drawn_and_name_their_rows():
    answer = tool.cosine_range(B, pairs=[[0, 1], [2, 5]])
    assert np.array_equal(answer.plot().lines[0].get_ydata(), np.sort(answer.cosine))
    plt.close("all")
    assert f"rows 0 and 1: cosine {observed.cosines(B)[0, 1]:.4f}" in answer.summary()


test_what_cannot_be_answered_is_refused = refused(
    [
        (
            lambda: predicted.objective1_minimum(X, 8, 1.0),
            "rank must be at most 7, the smaller side of x, got 8",
        ),
        (
            lambda: predicted.objective1_product(X[:, :1] * X[0], 2, 1.0),
            "rank must be at most the rank of x, 1",
        ),
        (
            lambda: predicted.objective1_product(0.05 * np.eye(4), 2, 1.0),
            "x must have singular values 2 and 3 apart",
        ),
        (
            lambda: predicted.objective2_factors(3 * np.eye(4), 2, 1.0),
            "x must have singular values 2 and 3 apart",
        ),
        (
            lambda: predicted.balancing_gauge(np.ones((4, 2)), np.eye(2)),
            "a must have full column rank",
        ),
        (
            lambda: predicted.balancing_gauge(np.eye(2), np.ones((4, 2))),
            "b must have full column rank",
        ),
        (
            lambda: predicted.any_gauge_range([[0.0, 0.0]], [[1.0, 0.0]], 2.0),
            "first must have no row of zeros",
        ),
        (
            lambda: predicted.any_gauge_range([[1.0, 0.0]], [[1.0, 0.0]], 0.5),
            "condition must lie in",
        ),
        (
            lambda: observed.fit(
                np.ones((2, 400)), np.ones((400, 3)), np.ones((400, 3)), 1.0, "product"
            ),
            "at most 1000",
        ),
        (lambda: observed.regauge(A, B, np.zeros((3, 3))), "gauge"),
        (
            lambda: tool.cosine_range(np.diag([1.0, 1.0, 0.0])),
            "item 2 has no embedding, its cosine is undef",
        ),
        (lambda: tool.cosine_range(B, condition=0.9), "condition must lie in"),
        (lambda: tool.cosine_range([[1.0], [2.0]]), "with one a cosine is 1 or -1 in every gauge"),
        (lambda: tool.cosine_range([[1.0, 2.0]]), "B must have at least two rows, got 1"),
        (lambda: tool.cosine_range(B, pairs=[[0, 7]]), "pairs must be of rows below 7, got 7"),
        (lambda: tool.cosine_range(B, pairs=[[1, 1]]), "pairs must be of two different rows"),
        (
            lambda: tool.cosine_range(np.ones((300, 2)), family="diagonal"),
            "B has 300 rows and so 44850 pairs",
        ),
        (
            lambda: tool.cosine_range(B, A=A[:, :2]),
            "A must have the 3 columns of B, got 2",
        ),
        (lambda: tool.cosine_range(B, A=A[:, [0, 1, 1]]), "A must have full column rank"),
        (lambda: tool.cosine_range(B[:, [0, 1, 1]], A=A), "B must have full column rank"),
        (lambda: tool.cosine_range(B[:2], A=A), "B must have full column rank"),
    ]
)

FIXED = {"x": X, "a": A, "b": B}
test_every_function_is_guarded, test_refusals, test_answers, test_extreme_answers = promises(
    [predicted, observed, tool],
    {
        "loss": Case({"a": A, "b": B, "x": X}),
        "fit": Case(FIXED | {"penalty": 2.0}),
        "flow": Case(FIXED | {"penalty": 2.0}),
        "cosine_range": Case(
            {"B": B, "A": None, "pairs": None}, infinite="the size of a doubt that nothing bounds"
        ),
    },
    excluded=dict.fromkeys(("chord_range",), "a helper that the paper's checks or tool share"),
)
