"""Tests of the ridge ensembles: limits, simulators by hand, the tool on data it fits and does
not.
"""

from dataclasses import replace
from functools import partial

import jax
import mpmath
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from promises import Case, Later, promises, refused

from own_data import ridge_ensembles as tool
from sims import ridge_ensembles as observed
from tests.ridge_ensembles.own_data_sets import FITTING, regression
from theory import ridge_ensembles as predicted
from theory_on_trial.testing.suite import check_readable

LAW = predicted.Population(
    np.array([0.5, 4]), np.array([0.5, 0.5]), np.array([0.2, 0.8]), 1.0, 0.25
)
EQUAL = predicted.Population(np.ones(1), np.ones(1), np.ones(1), 1.0, 0.25)
SKEWED = predicted.Population(
    np.array([0.1, 3]), np.array([0.8, 0.2]), np.array([0.0, 1]), 1.0, 0.01
)

aspects = st.floats(0.05, 20)
penalties = st.floats(0, 10)


@pytest.mark.parametrize(
    ("aspect", "subsample_aspect", "penalty"),
    [(0.5, 1.25, 0.1), (0.5, 2.0, 0.0), (0.4, 0.8, 0.3), (1.5, 3.0, -0.1)],
)
def test_levels_and_risks_to_thirty_digits(aspect, subsample_aspect, penalty):
    mpmath.mp.dps = 30
    r, h, g = [
        [mpmath.mpf(float(one)) for one in part]
        for part in (LAW.eigenvalues, LAW.masses, LAW.alignment)
    ]
    mass = mpmath.mpf(subsample_aspect) / 2

    def shrunk(mu):
        return sum(x * mu / (mu + x) for x in r)

    mu = mpmath.findroot(
        lambda m: m - mpmath.mpf(penalty) - mass * shrunk(m), subsample_aspect * 2.25 + penalty
    )
    bias = sum(b * x * mu**2 / (mu + x) ** 2 for x, b in zip(r, g, strict=True))

    def risk(phi):
        return (mpmath.mpf(0.25) + bias) / (
            1 - phi * sum(a * x**2 / (mu + x) ** 2 for x, a in zip(r, h, strict=True))
        )

    setting = (LAW, penalty, aspect, subsample_aspect)
    assert predicted.level(LAW, penalty, subsample_aspect) == pytest.approx(
        float(mu), rel=1e-13, abs=0
    )
    member = predicted.member_risk(LAW, penalty, subsample_aspect)
    assert member == pytest.approx(float(risk(subsample_aspect)), rel=1e-12, abs=0)
    assert predicted.full_ensemble_risk(*setting) == pytest.approx(
        float(risk(aspect)), rel=1e-12, abs=0
    )
    assert predicted.ensemble_risk(*setting, 3) == pytest.approx(
        float(risk(subsample_aspect) + 2 * risk(aspect)) / 3
    )
    assert predicted.equivalent_penalty(*setting) == pytest.approx(
        float(mu - aspect * shrunk(mu) / 2), rel=1e-12, abs=0
    )
    assert predicted.residual_share(LAW, penalty, subsample_aspect) == pytest.approx(
        float(penalty / mu), abs=1e-13
    )


def test_at_the_threshold_laws_keep_their_digits():
    assert predicted.level(EQUAL, 1e-200, 1.0) == pytest.approx(1e-100)  # μ^2 / (1 + μ) = λ
    assert predicted.full_ensemble_risk(EQUAL, 1e-200, 1.0, 1.0) == pytest.approx(
        EQUAL.noise / 2e-100
    )
    assert predicted.ensemble_risk(EQUAL, 0.0, 1.0, 1.0, 1) == np.inf
    # As many degrees of freedom as columns
    assert predicted.residual_share(EQUAL, 0.0, 0.25) == 0.75
    assert predicted.ensemble_risk(replace(EQUAL, noise=0.0), 0.0, 1.0, 1.0, 2) == 0


@settings(deadline=None, max_examples=40)
@given(aspects, st.floats(1, 10), penalties)
@example(0.25, 1.0, 1.9e-282)
@example(1.0, 1.0, 1.9e-282)
@example(0.5, 1.0, np.finfo(float).tiny)
def test_the_equivalent_penalty_has_the_level_and_is_larger(aspect, further, penalty):
    subsample_aspect = aspect * further
    equivalent = predicted.equivalent_penalty(LAW, penalty, aspect, subsample_aspect)
    mu = predicted.level(LAW, penalty, subsample_aspect)
    assert equivalent >= penalty - 1e-12 * mu - 1e-300  # below it a penalty has few digits
    assert predicted.level(LAW, equivalent, aspect) == pytest.approx(mu, rel=1e-9, abs=1e-12)


def test_autoregressive_rows_have_the_spectrum_of_toeplitz_matrices():
    population = predicted.autoregressive(-0.7, 1.0, 0.25)
    powers = 0.49 ** np.arange(1, 200)
    # The diagonal of Sigma
    np.testing.assert_allclose(population.masses @ population.eigenvalues, 1.0)
    # Of its square
    np.testing.assert_allclose(population.masses @ population.eigenvalues**2, 1 + 2 * powers.sum())


def test_the_exact_risk_tends_to_the_limit():
    for points, aspect in ((500_000, 2.0), (2_000_000, 0.5)):
        exact = predicted.ridgeless_member_risk(points, round(points * aspect), 1.0, 0.25)
        assert exact == pytest.approx(predicted.member_risk(EQUAL, 0.0, aspect), rel=1e-5, abs=0)


def test_no_penalty_is_a_place():
    assert (
        predicted.optimal_ridge(SKEWED, 3.0).place,
        predicted.optimal_ridgeless(SKEWED, 3.0).place,
    ) == (0, 3)
    assert predicted.optimal_ridge(SKEWED, 3.0, negative=True).place == pytest.approx(
        -0.0588, abs=5e-5
    )
    assert predicted.optimal_ridge(replace(EQUAL, noise=0.0), 0.5) == (0, 0)


@pytest.mark.parametrize(
    ("penalty", "aspects"), [(1e-9, (0.5, 1.25)), (0.1, (0.5, 1e6)), (-0.07, (0.5, 2.0))]
)
def test_over_the_points_it_has_seen_one_member_is_judged_right(penalty, aspects):
    """With small residuals, with few points of many, and with residuals of the other sign."""
    risk = predicted.member_risk(LAW, penalty, aspects[1])
    assert predicted.union_gcv(LAW, penalty, *aspects, 1) == pytest.approx(risk, rel=1e-12, abs=0)
    assert predicted.gcv_bias(LAW, penalty, *aspects, 1) > 0
    # All alike
    assert predicted.union_gcv(LAW, penalty, aspects[1], aspects[1], 3) == pytest.approx(
        risk, rel=1e-12, abs=0
    )


@pytest.mark.parametrize(("share", "members"), [(1e-6, 2), (1e-12, 2), (1e-16, 8)])
def test_few_points_are_seen_by_one_member_only(share, members):
    """With disjoint members the union is the mean of their points: each is in one fit and new to
    the others.
    """
    one = predicted.member_risk(LAW, 0.1, 1e6)
    full = predicted.full_ensemble_risk(LAW, 0.1, share * 1e6, 1e6)
    d = predicted.residual_share(LAW, 0.1, 1e6)
    new = members - 1
    squares = (d**2 + new) * one + new * (
        2 * d + members - 2
    ) * full  # of M times the bag's residual
    found = predicted.union_gcv(LAW, 0.1, share * 1e6, 1e6, members)
    assert found == pytest.approx(squares / (new + d) ** 2, rel=20 * members * share + 1e-12, abs=0)


def test_coefficients_of_a_bag_are_those_of_its_smoothers_and_of_least_norm():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((30, 12))
    y = rng.standard_normal(30)
    chosen = np.array([[1, 4, 9, 2, 8], [0, 29, 3, 5, 6]])
    for penalty, bags in ((0.0, chosen), (0.3, chosen), (0.3, np.arange(20)[None])):
        together = np.asarray(observed.bagged_coefficients(x, y, bags, penalty))
        assert together == pytest.approx(
            np.asarray(observed.smoothers(x, bags, penalty)) @ y, abs=1e-9
        )
        single = np.asarray(
            observed.bagged_coefficients(x.astype(np.float32), y, bags, penalty, 1e-5)
        )
        assert single.dtype == np.float32
        assert single == pytest.approx(together, abs=1e-4)
        for member, rows in zip(together, bags if penalty == 0 else (), strict=False):
            assert member == pytest.approx(np.linalg.pinv(x[rows]) @ y[rows], abs=1e-10)
    assert np.isnan(observed.bagged_coefficients(x, y, chosen, -1.0)).all()


def test_judges_of_a_bag_by_hand():
    n = 9
    k = 6
    p = 4
    penalty = 0.2
    noise = 0.3
    variances = np.array([1.0, 2.0, 0.5, 1.5])
    signal = np.array([0.2, 0.1, 0.4, 0.3])
    key = jax.random.key(2)
    form = observed.trace_form(
        key, variances, signal, noise, penalty, points=n, subsample=k, members=2
    )
    x, bags = map(np.asarray, observed.data_set(key, variances, n, k, 2))
    maps = np.zeros((2, p, n))
    for one, indices in zip(maps, bags, strict=True):
        seen = x[indices]
        one[:, indices] = np.linalg.solve(seen.T @ seen / k + penalty * np.eye(p), seen.T / k)
    # The mean over coefficients with these mean squares, and over noise, as a covariance matrix of
    # all responses.
    residual = [np.eye(n) - x @ one for one in maps]
    covariance = x * signal @ x.T + noise * np.eye(n)
    products = np.array(
        [[np.diag(a @ covariance @ b.T) for b in residual] for a in residual]
    ).transpose(2, 0, 1)
    errors = [
        np.diag(variances**0.5) @ np.hstack([(m @ x - np.eye(p)) * signal**0.5, m * noise**0.5])
        for m in maps
    ]
    risks = noise + np.array([[np.sum(a * b) for b in errors] for a in errors])
    assert np.asarray(form.risks) == pytest.approx(risks)
    assert np.asarray(form.residuals) == pytest.approx(products)
    freedom = np.array([np.trace(x @ m) for m in maps])
    assert np.asarray(form.freedom) == pytest.approx(freedom)
    gcv = products.mean(axis=0).mean() / (1 - freedom.mean() / n) ** 2
    assert float(observed.bag_mean(form.risks, 2)) == pytest.approx(risks.mean())
    assert float(observed.gcv(form, 2)) == pytest.approx(gcv)
    union = np.unique(bags)
    over = products[union].mean() / (1 - freedom.mean() / len(union)) ** 2
    assert float(observed.union_gcv(form, 2)) == pytest.approx(over)
    w = k / n
    d = 1 - freedom / k
    one = np.mean([products[:, m, m].mean() / (w * d[m] ** 2 + 1 - w) for m in (0, 1)])
    share = w * (1 - w) * (1 - d.mean()) ** 2 / (1 - w + w * d.mean()) ** 2
    assert float(observed.corrected_gcv(form, 2)) == pytest.approx(gcv - share * one / 2)


def rows_and_subsets(rng, variances, members):
    """Six of nine rows for each member, in 4000 data sets."""
    chosen = np.argsort(rng.random((4000, members, 9)), axis=2)[:, :, :6]
    return rng.standard_normal((4000, 9, 3)) * np.sqrt(variances), chosen


@pytest.mark.parametrize("members", [1, 3])
def test_numbers_of_mean_zero_have_it_for_the_covariance_of_the_rows_only(members):
    rng = np.random.default_rng(3)
    variances = np.array([0.5, 0.5, 2.0])
    blocks = np.array([[1.0, 1, 0], [0, 0, 1]])
    sample = rows_and_subsets(rng, variances, members)

    def scores(covariance):
        numbers = observed.zero_means(*sample, covariance, blocks, 0.5)
        assert numbers.shape == (4000, 13 if members == 1 else 26)
        spread = numbers.std(axis=0)
        return np.abs(numbers.mean(axis=0))[spread > 1e-9] / spread[spread > 1e-9] * np.sqrt(4000)

    assert scores(variances).max() < 4.5
    assert np.sort(scores(1.2 * variances))[-6:].min() > 10


@pytest.mark.parametrize("kind", FITTING, ids=lambda kind: kind.name)
def test_the_predicted_risk_is_within_two_per_cent_of_the_refitted_one(kind):
    tables, risks = zip(*map(kind.ask, range(50)), strict=True)
    value, naive = np.array(
        [(table.settings[0].risk.value, table.settings[0].gcv_naive) for table in tables]
    ).T
    actual = np.ravel(risks)
    assert not any(table.doubts for table in tables)
    two_errors = 2 * np.std(value - actual) / np.sqrt(50)
    assert abs(np.mean(value - actual)) <= 0.02 * actual.mean() + two_errors
    assert two_errors < 0.06 * actual.mean() < 0.06 * naive.mean()


def test_all_points_are_ridge_and_its_cross_validation():
    x, y, _ = regression(np.random.default_rng(1), 80, 20)
    setting = tool.choose_subsample(x, y, [80], [0.3], 7, fit_intercept=False).settings[0]
    hat = x @ np.linalg.solve(x.T @ x / 80 + 0.3 * np.eye(20), x.T / 80)
    value = np.mean((y - hat @ y) ** 2) / (1 - np.trace(hat) / 80) ** 2
    assert setting.equivalent_penalty == pytest.approx(0.3, rel=1e-6, abs=0)
    assert (setting.risk_full, setting.risk.value, setting.gcv_naive) == pytest.approx(
        (value,) * 3, rel=1e-6, abs=0
    )


@pytest.mark.parametrize(("n", "dim", "penalty"), [(80, 20, 0.3), (60, 200, 0.3), (60, 200, 1e-4)])
def test_the_intercept_is_a_degree_of_freedom(n, dim, penalty):
    """By the smoother with its intercept, whose trace and residuals are written out."""
    x, y, _ = regression(np.random.default_rng(1), n, dim)
    mean = np.full((n, n), 1 / n)
    left = x - x.mean(axis=0)
    hat = mean + left @ np.linalg.solve(left.T @ left / n + penalty * np.eye(dim), left.T / n)
    value = np.mean((y - hat @ y) ** 2) / (1 - np.trace(hat) / n) ** 2
    for shift in (0, 3):
        setting = tool.choose_subsample(x + shift, y - shift, [n], [penalty], 7).settings[0]
        assert (setting.risk_full, setting.risk.value, setting.gcv_naive) == pytest.approx(
            (value,) * 3, rel=1e-6, abs=0
        )


def test_the_first_of_all_default_settings_keeps_its_promise_where_there_are_more_columns_than_rows():
    """Before, the intercept's direction counted as a residual, and .005 was promised for 2."""
    inside = 0
    for seed in range(24):
        rng = np.random.default_rng(seed)
        x = rng.standard_normal((60, 200))
        y = x[:, 0] + rng.standard_normal(60)
        best = tool.choose_subsample(x, y, random_state=seed).settings[0]
        slopes = np.zeros(200)
        mean = 0.0
        for _ in range(100):
            rows = rng.choice(60, best.size, replace=False)
            left = x[rows] - x[rows].mean(axis=0)
            gram = left @ left.T + best.size * best.penalty * np.eye(best.size)
            own = left.T @ np.linalg.solve(gram, y[rows] - y[rows].mean())
            slopes += own / 100
            mean += (y[rows].mean() - x[rows].mean(axis=0) @ own) / 100
        slopes[0] -= 1
        inside += best.risk.low <= 1 + slopes @ slopes + mean**2 <= best.risk.high
    assert inside >= 20  # below which a share of .95 falls once in 1000


def test_columns_that_depend_on_others_change_no_prediction():
    """Two equal columns are one, longer by the root of two; a constant one is none."""
    x, y, _ = regression(np.random.default_rng(4), 120, 30)
    longer = np.where(np.arange(30) == 3, 2**0.5, 1.0) * x
    more = np.column_stack([x, x[:, 3], np.ones(120)])
    for penalty in (0.0, 0.2):
        ours, other = (
            tool.choose_subsample(columns, y, [20, 90], [penalty], 5).settings
            for columns in (longer, more)
        )
        for one, two in zip(ours, other, strict=True):
            assert one.size == two.size
            assert tuple(one.risk) == pytest.approx(tuple(two.risk), rel=1e-9)


def test_a_hundred_thousand_rows_take_seconds():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((100_000, 20))
    best = tool.choose_subsample(x, x[:, 0] + rng.standard_normal(100_000), [100_000]).settings[0]
    assert best.risk.low < 1.0002 < best.risk.high


@pytest.mark.parametrize("penalty", [1e-6, 2.5e-8, 1e-11, 1e-30])
def test_where_each_member_has_all_points_a_bag_is_one_fit(penalty):
    """However small the residuals of a fit that almost interpolates: the dual's, over their mean
    share.
    """
    x, y, _ = regression(np.random.default_rng(0), 60, 200)
    inverse = np.linalg.inv(x @ x.T / 60 + penalty * np.eye(60))
    risk = np.mean((inverse @ y) ** 2) / (np.trace(inverse) / 60) ** 2
    for members in (1, 5):
        setting = tool.choose_subsample(
            x, y, [60], [penalty], members, fit_intercept=False
        ).settings[0]
        assert (setting.risk.value, setting.gcv_naive, setting.risk_full) == pytest.approx(
            (risk,) * 3, rel=1e-9, abs=0
        )


def test_penalties_below_zero_are_matched_on_their_branch():
    x, y, _ = regression(np.random.default_rng(2), 120, 40)
    for k, penalty, sign in ((90, -0.01, -1), (20, -0.01, 1), (90, 0.0, 0)):
        assert (
            np.sign(
                tool.choose_subsample(x, y, [k], [penalty], 3, fit_intercept=False)
                .settings[0]
                .equivalent_penalty
            )
            == sign
        )


def test_settings_are_compared_on_the_same_points():
    x, y, _ = regression(np.random.default_rng(3), 200)
    table = tool.choose_subsample(x, y, [60, 120], [0.2, 2.0], 10, fit_intercept=False)
    best, *others = table.settings
    assert best.excess == (0, 0, 0)
    for one in others:
        assert one.excess.value == pytest.approx(one.risk.value - best.risk.value)
        assert one.excess.high - one.excess.low < one.risk.high - one.risk.low
    assert len(check_readable(table)["settings"]) == 4
    assert f"take subsamples of {best.size} at penalty" in str(table)


def test_a_mean_of_y_is_no_group_of_rows():
    for seed in range(20):
        x, y, _ = regression(np.random.default_rng(seed), 100, 30)
        (doubt,) = tool.choose_subsample(x, y + 9, [80], [0.5], 5, fit_intercept=False).doubts
        assert "an intercept would lower the error" in doubt.reason


def choose(**given):
    x, y, _ = regression(np.random.default_rng(5), 200)
    return tool.choose_subsample(
        **({"X": x, "y": y, "max_samples": [60], "penalties": [0.2], "n_estimators": 5} | given),
        fit_intercept=False,
    )


WIDE = np.random.default_rng(6).standard_normal((40, 90))
test_what_cannot_be_answered_is_refused = refused(
    [
        (
            lambda: predicted.full_ensemble_risk(LAW, 0.1, 1.0, 0.5),
            r"at least the aspect \(k <= n\), got 0.5 and 1",
        ),
        (
            lambda: predicted.union_gcv(LAW, 0.0, 1.0, 2.0, 1),
            r"penalty must not make 1 - w \(1 - d\) / u vanish",
        ),
        (
            lambda: predicted.gcv_bias(LAW, 0.0, 2.0, 2.0, 3),
            r"penalty must not make 1 - w \+ w d vanish",
        ),
        (lambda: predicted.ensemble_risk(LAW, 0.1, 0.5, 1.0, 0), "members must be at least 1"),
        (lambda: predicted.risk_at(LAW, 0.0, 2.0), "mu must be the larger root of the fixed point"),
        (
            lambda: predicted.level(SKEWED, -0.09, 3.0),
            "penalty must exceed -0.0804153 at this aspect, got -0.09",
        ),
        (
            lambda: predicted.optimal_ridge(replace(LAW, signal=0.0), 0.5),
            "population must have a signal",
        ),
        (
            lambda: predicted.ridgeless_member_risk(59, 60, 1.0, 0.25),
            "points must not be within one of dimension 60",
        ),
        (
            lambda: observed.data_set(jax.random.key(0), np.ones(2), 6, 7, 2),
            "subsample must be at most the 6 points",
        ),
        (
            lambda: choose(max_samples=[201]),
            "max_samples must be at most the 200 rows of X, got 201",
        ),
        (
            lambda: choose(max_samples=[98], penalties=[0.0]),
            "max_samples must differ from the 100 independent columns of X by at least 5 at penalty 0",
        ),
        (
            lambda: choose(penalties=[-0.9]),
            "penalties must exceed minus the least eigenvalue of each subsample's Gram",
        ),
        (lambda: choose(X=np.eye(20), y=np.arange(20.0)), "X must have at least 30 rows, got 20"),
        (lambda: choose(y=np.ones(200)), "y must hold different numbers, got 1.0 throughout"),
        (lambda: choose(max_samples=[]), "max_samples and penalties must not be empty"),
        (lambda: choose(n_estimators=0), "n_estimators must be at least 1"),
        (
            lambda: choose(X=WIDE, y=WIDE[:, 0], max_samples=[35], penalties=[0.0]),
            r"leave at least 10 rows out at .* \[35\] of 40 rows",
        ),
    ]
)

GIVEN = {"population": LAW}
DATA = dict(zip(("X", "y"), regression(np.random.default_rng(7), 60, 10)[:2], strict=True))
ARGUMENTS = (jax.random.key(0), np.ones(4), np.ones(4), 0.2, 0.3)
FORM = {
    "form": Later(
        lambda: jax.jit(partial(observed.trace_form, points=9, subsample=6, members=3))(*ARGUMENTS)
    )
}
ROWS = {
    "x": np.random.default_rng(8).standard_normal((2, 9, 4)),
    "chosen": np.tile(np.arange(6), (2, 1, 1)),
}
SINGULAR = Case(
    infinite="NaN where the penalty does not exceed minus the smallest eigenvalue, huge near it"
)

test_every_function_is_guarded, test_refusals, test_answers, test_extreme_answers = promises(
    [predicted, observed, tool],
    {
        **{
            name: Case(GIVEN)
            for name in ("level", "least_penalty", "residual_share", "equivalent_penalty")
        },
        **{
            name: Case(GIVEN)
            for name in ("full_ensemble_risk", "ensemble_risk", "gcv_bias", "union_gcv")
        },
        **{name: Case(GIVEN) for name in ("optimal_ridge", "optimal_ridgeless")},
        **{
            name: Case(GIVEN, infinite="interpolation's threshold")
            for name in ("risk_at", "member_risk")
        },
        **{name: SINGULAR for name in ("smoothers", "bagged_coefficients", "trace_form", "traces")},
        **{name: Case(FORM) for name in ("gcv", "sims.union_gcv", "corrected_gcv")},
        "zero_means": Case(
            ROWS | {"variances": np.ones(4), "blocks": np.ones((1, 4)), "penalty": 0.5}
        ),
        "choose_subsample": Case(
            {**DATA, "max_samples": [30], "penalties": [0.5]}, infinite="the size of some doubts"
        ),
    },
    examples=3,  # each shape is a program
    excluded=dict.fromkeys(
        (
            "shrunk",
            "threshold_distance",
            "shrinkage_bias",
        ),
        "a helper that the paper's checks or tool share",
    ),
)


@pytest.mark.parametrize(("n", "dim"), [(60, 4), (60, 90)])
def test_beside_tiny_inputs_a_penalty_is_its_own_equivalent_and_predictions_are_zero(n, dim):
    """Before, it had the equivalent 0, and infinitely many members the risk of least squares."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, dim))
    y = rng.standard_normal(n)
    for setting in tool.choose_subsample(
        1e-20 * x, y, [30], [0.5], n_estimators=4, fit_intercept=False
    ).settings:
        assert setting.equivalent_penalty == pytest.approx(0.5)
        assert setting.risk_full == pytest.approx(np.mean(y**2))
