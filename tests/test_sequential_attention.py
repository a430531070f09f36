"""Tests of sequential attention: properties, simulators, refusals, windows, fuzzing."""

import itertools

import jax
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import Case, promises, refused
from sklearn.linear_model import Lasso

from own_data import sequential_attention as tool
from sims import sequential_attention as observed
from theory import sequential_attention as predicted
from theory_on_trial.testing.suite import check_readable

mpl.use("Agg")
THREE = np.array([[1, 0.8, 0], [0, 0.6, 0], [0, 0, 1]])


def table(seed, n=30, p=6, *, correlated=True):
    """Columns of several scales, equally correlated, and y of normal weights with noise."""
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(n, p)) + correlated * generator.normal(size=(n, 1))
    X = X * np.exp(0.5 * generator.normal(size=p))
    return X, X @ generator.normal(size=p) + generator.normal(size=n)


def residual(X, y, chosen):
    inside = X[:, list(chosen)]
    return y - inside @ (np.linalg.pinv(inside) @ y)


def lasso(X, y, chosen, level):
    """Unchosen weights that scikit-learn finds once the chosen columns are projected off."""
    rest = residual(X, X, chosen)
    rest[:, list(chosen)] = 0
    model = Lasso(level / len(y), fit_intercept=False, tol=1e-14, max_iter=10**6)
    return model.fit(rest, residual(X, y, chosen)).coef_


def test_windows_at_the_edges():
    X, y = table(3)
    assert predicted.second_entry_level(X, y, (0, 1, 2, 3, 4)) == 0  # nobody is left to come
    twins = np.column_stack([X[:, 0], X[:, 0]])
    assert predicted.second_entry_level(twins, X[:, 0]) == 0  # which of them is active is arbitrary
    assert predicted.second_entry_level(np.eye(3), [2.0, 2.0, 1.0]) == 2  # a tie
    # Orthogonal: the runner-up
    assert predicted.second_entry_level(np.eye(3), [3.0, 2.0, 1.0]) == 2
    assert predicted.second_entry_level([[1, -0.6], [0, 0.8]], [1, 1.5]) == pytest.approx(
        0.75, rel=1e-14, abs=0
    )
    # Columns of cosine 1 - 2e-10, whose lines meet at 0.4
    nearly = [
        [1, 1 - 5e-10, 0],
        [0, 2e-5, 0],
        [0, 0, 1],
    ]
    assert predicted.second_entry_level(nearly, [1, 1e-5, 0.1]) == pytest.approx(
        0.4, rel=1e-6, abs=0
    )
    for turn in np.geomspace(1e-5, 1e-3, 20):  # a tie of columns so alike that rounding tells
        one, other, between = (
            np.array([np.cos(angle), np.sin(angle)]) for angle in 0.3 + turn * np.array([0, 1, 0.5])
        )
        assert predicted.second_entry_level(np.transpose([one, other]), between) == pytest.approx(
            1, rel=1e-5, abs=0
        )
    assert predicted.leftover(X, y, (0, 1)).basis.shape == (30, 2)
    # A longer column, of slope 2: its line meets +lambda above the window only, at 1.5.
    assert predicted.second_entry_level([[1, 2], [0, 0.5]], [1, -3]) == pytest.approx(
        0.5, rel=1e-14, abs=0
    )


@given(st.integers(1, 40), st.floats(0, 1))
def test_a_size_is_certified_where_the_ratio_is_below_one(size, mu):
    assert predicted.recovery_coherence(size) == pytest.approx(1 / (2 * size - 1))
    below = mu < 1 / (2 * size - 1)
    if abs(mu * (2 * size - 1) - 1) > 1e-9:
        assert (predicted.certified_size(mu, 40) >= size) == below
        if (size - 1) * mu < 1:
            assert (predicted.outside_ratio(size, mu) < 1) == below


def test_in_the_window_scikit_learn_shows_exactly_this_feature():
    """Windows hold what they say in all of 20 tables, of correlated and of other columns."""
    for seed in range(20):
        X, y = table(seed, correlated=seed % 2)
        audit = tool.selection_audit(X, y, 4, standardise=False)
        assert not [doubt for doubt in audit.doubts if "mean" not in doubt.reason]
        for count, stage in enumerate(audit.rounds):
            for level in (0.001, 0.999):
                inside = stage.window[0] + level * (stage.window[1] - stage.window[0])
                assert np.flatnonzero(lasso(X, y, audit.order[:count], inside)).tolist() == [
                    stage.feature
                ]
            left = np.abs(X.T @ residual(X, y, audit.order[:count]))
            left[list(audit.order[:count])] = -1
            order = np.argsort(-left)
            assert (stage.feature, stage.runner_up) == tuple(order[:2])
            assert stage.margin == pytest.approx(1 - left[order[1]] / left[order[0]], abs=1e-9)
            errors = {
                j: np.sum(residual(X, y, (*audit.order[:count], j)) ** 2)
                for j in order[: 6 - count]
            }
            assert stage.forward_pick == min(errors, key=errors.get)
        assert audit.explained == pytest.approx(
            1 - np.sum(residual(X, y, audit.order) ** 2) / np.sum(y**2), rel=1e-9, abs=0
        )


def test_standardising_is_centring_and_one_length():
    X, y = table(5)
    audit = tool.selection_audit(X + 7, y - 3, 3, standardise=True)
    centred = X - X.mean(axis=0)
    by_hand = tool.selection_audit(
        centred / np.linalg.norm(centred, axis=0), y - y.mean(), 3, standardise=False
    )
    assert audit.order == by_hand.order
    assert [one.threshold for one in audit.rounds] == pytest.approx(
        [one.threshold for one in by_hand.rounds], rel=1e-9, abs=0
    )
    assert (audit.doubts, by_hand.doubts) == ((), ())
    assert tool.selection_audit(1e12 * X, y, 3, standardise=True).order == audit.order


@pytest.mark.parametrize("cosine", [0.1, -0.3, 0.999])
def test_the_coherence_is_the_largest_cosine_whatever_the_lengths(cosine):
    sine = np.sqrt(1 - cosine**2)
    X = np.array([[1, cosine, 0], [0, sine, 0], [0, 0, 1]]) * [3.0, -0.2, 70]
    assert predicted.coherence(X) == pytest.approx(abs(cosine), rel=1e-12)
    assert predicted.coherence(np.column_stack([X, -2 * X])) == pytest.approx(1)


@pytest.mark.parametrize("uneven", [1.0, 2.5])
@pytest.mark.parametrize("size", [2, 3, 5])
def test_no_more_columns_are_certified_than_a_count_finds(size, uneven):
    threshold = 1 / (size * (1 + uneven) - 1)
    for mu in (0.999 * threshold, 1.001 * threshold):
        counted = [k for k in range(1, 50) if mu * (k * (1 + uneven) - 1) < 1]
        assert predicted.certified_size(mu, 50, uneven) == max(counted)
    assert predicted.certified_size(threshold, 50, uneven) == size - 1
    assert predicted.certified_size(0.999 * threshold, size - 1, uneven) == size - 1
    assert predicted.certified_size(0.0, size, uneven) == size


def test_incoherent_columns_are_certified():
    X = np.linalg.qr(np.random.default_rng(0).normal(size=(40, 6)))[0]
    y = X[:, 2] - X[:, 4]
    audit = tool.selection_audit(X, 2 * y, 2, standardise=False)
    assert (set(audit.order), audit.certified, audit.certified_size) == ({2, 4}, True, 6)
    assert "certifies supports of up to 6: this size" in audit.summary()
    assert "not this size" in tool.selection_audit(*table(0), 4, standardise=True).summary()


def test_what_is_certified_is_found_whatever_the_lengths_of_the_columns():
    sure = errors = 0
    for seed in range(160):
        generator = np.random.default_rng(seed)
        unit = generator.normal(size=(600, 8))
        unit /= np.linalg.norm(unit, axis=0)
        y = unit[:, :2] @ generator.choice([-1, 1], 2)
        audit = tool.selection_audit(
            unit * np.exp(seed / 60 * generator.normal(size=8)), y, 2, standardise=False
        )
        hit = set(audit.order) == {0, 1}
        assert hit or not audit.certified
        sure += audit.certified
        # The rule for columns of one length
        errors += predicted.certified_size(audit.coherence, 8) >= 2 and not hit
    assert min(sure, errors) > 20


def test_a_column_as_short_as_floats_go_is_no_column_of_zeros():
    X, y = table(0)
    short = X * [1, 1e-200, 1, 1, 1, 1]
    audit = tool.selection_audit(short, y, 2, standardise=False)
    assert (
        audit.order == tool.selection_audit(X * [1, 0, 1, 1, 1, 1], y, 2, standardise=False).order
    )
    assert audit.certified_size == 0  # it would not be found
    assert (
        audit.coherence
        == pytest.approx(predicted.coherence(X), rel=1e-12, abs=0)
        == predicted.coherence(short)
    )


def test_short_columns_explain_by_chance_as_long_ones_do():
    X, y = table(0)
    generator = np.random.default_rng(0)
    orders = np.stack([generator.permutation(y) for _ in range(99)], axis=1)
    shares = 1 - np.linalg.lstsq(X, orders)[1] / np.sum(orders**2, axis=0)
    audit = tool.selection_audit(X * 10.0 ** np.arange(0, -30, -5), y, 6, standardise=False)
    np.testing.assert_allclose(
        audit.by_chance, [np.median(shares), shares.min(), shares.max()], rtol=1e-9
    )


def doubts(X, y, k, *, standardise=False):
    audit = tool.selection_audit(X, y, k, standardise=standardise)
    return audit, " | ".join(map(str, audit.doubts))


def test_tables_that_do_not_fit_are_doubted():
    X, y = table(6)
    y = y - y.mean()
    _, text = doubts(X, y + 100, 2)
    assert "y has a mean and X no column of ones" in text
    assert "mean" not in doubts(np.column_stack([X, np.ones(30)]), y + 100, 2)[1]
    twins = np.column_stack([X, -X[:, 2], X[:, 2]])
    audit, text = doubts(twins, X[:, 2] + 0.01 * y, 3)
    assert "columns x3 and x7, x3 and x8 are duplicates or negatives" in text
    assert (
        "round 1: features x3, x7, x8 tie, and their order is arbitrary; off up to 3 of the picks"
        in text
    )
    assert audit.rounds[0].tied == (2, 6, 7)
    assert not {6, 7} & set(audit.order)
    basis = np.eye(4)
    audit, text = doubts(basis, basis[:, 1] - 2 * basis[:, 3], 4)
    assert (audit.order, audit.explained) == ((3, 1), 1)
    assert "y is already explained after round 2; off up to 2 picks not made" in text
    audit, text = doubts(basis[:, :2], basis[:, 0] - basis[:, 3], 2)
    assert audit.order == (0,)
    assert (
        "what is left of y after round 1 is uncorrelated with every column that is left; off up "
        "to 1 picks" in text
    )


@pytest.mark.parametrize(
    "arguments",
    [
        (np.eye(3)[:, :2], np.eye(3)[2], False),
        (np.eye(3), np.zeros(3), False),
        (np.eye(3), np.ones(3), True),
    ],
)
def test_a_y_that_nothing_explains_cannot_be_judged(arguments):
    *data, standardise = arguments
    audit = tool.selection_audit(*data, 1, standardise=standardise)
    assert not audit.answerable
    assert "no feature comes first" in audit.summary()
    assert audit.rounds == ()
    plt.close(audit.plot().figure)


def test_an_answer_is_short_goes_through_json_and_is_drawn():
    audit = tool.selection_audit(THREE, [4, 1, 0.8], 3, standardise=False)
    assert [one["feature"] for one in check_readable(audit)["rounds"]] == [0, 2, 1]
    assert "forward selection would take: x2 for x3" in audit.summary()
    assert "closest decision: x1 before x2, by 0.05 of the correlation" in audit.summary()
    axes = audit.plot(plt.subplots()[1])
    bars = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 2]
    assert [bar[1] for bar in bars] == pytest.approx([4, 0.8, 0.6], rel=1e-12, abs=0)
    assert [text.get_text() for text in axes.texts] == ["x1", "x3 (forward: x2)", "x2"]
    plt.close(axes.figure)


def test_gates_begin_as_omp_and_the_module_as_its_formulas_say():
    keys = jax.random.split(jax.random.key(0), 60)
    early = jax.vmap(lambda key: observed.softmax_agreement(key, 24, 9, 0.5, 0.001, (2, 5)))(keys)
    assert early[:, :, 0].all()
    picks = jax.vmap(lambda key, rate: observed.coded_picks(key, 24, 9, rate, (1, 2)), (0, None))
    # The largest logit as drawn
    assert picks(keys, 0.1)[:, 0].tolist() == picks(keys, 0.0)[:, 0].tolist()
    for key, (first, second) in zip(keys, picks(keys, 0.1), strict=True):
        shapes = zip(jax.random.split(key, 4), ((24, 9), 24, 9), strict=False)
        X, noise, w = (np.array(jax.random.normal(*one)) for one in shapes)
        y = 5 * X[:, 4] + 2 * X[:, 8] + 0.1 * noise
        gates = np.where(np.arange(9) == first, 1, 1 / 8)
        w = w / 3 + 0.1 * X.T @ (y - X @ w / 3) / 24
        assert second == np.argmax(np.where(gates == 1, -np.inf, w * (X.T @ (y - X @ (w * gates)))))


@pytest.mark.parametrize("number", [np.float32, np.float64])
def test_in_floats_a_pick_is_due_at_its_step_or_at_the_next(number):
    """As the module counts: floor((t / T - .1) / .9 K) in floating point; the theory counts in
    fractions.
    """
    late = {}
    for steps, picks in itertools.product((100, 300, 1000), (2, 6, 10, 24)):
        done = (np.arange(steps).astype(number) / number(steps) - number(0.1)) / number(0.9)
        due = [int(np.argmax(np.floor(done * number(picks)) >= pick)) for pick in range(picks)]
        late[steps, picks] = np.subtract(due, predicted.pick_steps(steps, picks, 1))
        assert set(late[steps, picks]) <= {0, 1}
    assert any(one.any() for one in late.values())
    if number is np.float64:
        assert late[1000, 10][1] == 1  # 191, not 190


X, y = table(7)
test_what_cannot_be_answered_is_refused = refused(
    [
        (
            lambda: predicted.omp_order(THREE, [1, 0, 0], 2),
            "rounds must be at most 1, where the residual is zero",
        ),
        (
            lambda: predicted.omp_order([[1.0, 2], [0, 0]], [1, 1], 2),
            "rounds must be at most 1, where no column is",
        ),
        (
            lambda: predicted.omp_order(THREE, [0, 0, 0], 1),
            "rounds must be at most 0, where the residual is zero",
        ),
        (
            lambda: predicted.leftover(THREE, [1, 1, 1], (0, 0)),
            "chosen must name different columns of the 3",
        ),
        (
            lambda: predicted.second_entry_level(THREE, [1, 1, 1], (0, 1, 2)),
            "X must have a column outside the span",
        ),
        (lambda: predicted.outside_ratio(3, 0.5), r"\(size - 1\) mu must be below 1, got 1"),
        (lambda: predicted.coherence([[1.0, 0], [1, 0]]), "X must have no column of zeros"),
        (lambda: predicted.pick_steps(1000, 5, 2), "at_once must divide features, got 2 and 5"),
        (
            lambda: predicted.pick_steps(10, 10, 1),
            "steps must give each of the 10 phases one, got 10",
        ),
        (lambda: observed.equicorrelated(3, 0.9), "hold what follows from size = 3"),
        (
            lambda: observed.refitted(THREE[None], [[1, 1, 1]], 4, "best fit"),
            "rounds must be at most the smaller side",
        ),
        (
            lambda: tool.selection_audit(X[:3], y[:3], 4, standardise=False),
            "n_features_to_select must be at most the 3 rows of X, got 4",
        ),
        (
            lambda: tool.selection_audit(X[:, [0, 1, 0]], y, 3, standardise=False),
            "round 2 no column is left outside",
        ),
        (
            lambda: tool.selection_audit(X, y[:-1], 2, standardise=True),
            "y must have a row for each of the 30 rows, got 29",
        ),
        (
            lambda: tool.selection_audit(X, y, 0, standardise=True),
            "n_features_to_select must be at least 1",
        ),
    ]
)

DATA = dict(zip(("X", "y"), table(9, n=12, p=4), strict=True))
FIXED = Case({**DATA, "chosen": (1,), "levels": np.array([2.0, 1.0])})
test_every_function_is_guarded, test_refusals, test_answers, test_extreme_answers = promises(
    [predicted, observed, tool],
    {
        **dict.fromkeys(("active_counts", "weights"), FIXED),
        "entry": Case({**DATA, "rounds": ((), (2,))}),
        "hadamard_minimum": Case({"starts": 2, **DATA}),
        "softmax_descent": Case({"steps": 20}),
        "softmax_agreement": Case({"n": 12, "p": 3, "steps": (2, 5)}),
        "coded_picks": Case({"n": 12, "p": 3, "picks": (2, 5)}),
        "selection_audit": Case(DATA),
        "refitted": Case({"X": DATA["X"][None], "y": DATA["y"][None]}),
    },
    examples=4,
    excluded=dict.fromkeys(
        (
            "project_off",
            "second_level",
        ),
        "a helper that the paper's checks or tool share",
    ),
)
