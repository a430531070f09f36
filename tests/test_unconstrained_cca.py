"""Tests of unconstrained CCA: properties, refusals, what the tool says of data, fuzzing."""

import jax
import numpy as np
import pytest
from promises import Case, promises, refused

from own_data import unconstrained_cca as tool
from sims import unconstrained_cca as observed
from theory import unconstrained_cca as predicted
from theory_on_trial.testing.suite import check_readable

RHO = np.array([0.9, 0.6, 0.3])
BEST = np.sqrt(RHO / 2)
"""Weights on white views with these correlations, in both, at which the loss is least."""
ROTATION = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]


def views(rng, rows, weights, draw=None):
    """Embeddings of white views with the correlations RHO, rotated alike."""
    own, other = (draw or rng.standard_normal)((2, rows, 3))
    return own * weights @ ROTATION, (RHO * own + np.sqrt(1 - RHO**2) * other) * weights @ ROTATION


def test_descent_keeps_what_the_formula_says_and_views_are_made_of_sources():
    for batch in (2, 1000, 2**29):  # of (1, r) both survive where r > 1 / (2 b + 1)
        assert predicted.batch_that_keeps([1.0, 0.5 / batch]) == batch
    strengths = observed.strengths_after_descent(jax.random.key(0), RHO, 64, 1, 2000, 0.02)
    assert strengths == pytest.approx(predicted.shrunk_strengths(RHO, 64), abs=0.03)
    views = observed.embeddings(
        jax.random.key(0), RHO[1:2], np.ones((2, 1, 1)), 1000, "exponential"
    )
    assert views[1].min() > -1.4  # 0.6 s + 0.8 s', both above -1


def test_descent_from_special_starts_ends_above_the_minimum():
    spectrum = np.diag([0.9, 0.5, -0.2])
    two = 0.2 * np.array([[1.0, 1.0], [0, 0], [0, 0]])
    for start, end, least in (
        (np.zeros((3, 1)), 0.0, -0.81),
        (0.2 * np.eye(3)[:, 1:2], -0.25, -0.81),  # along the second eigenvector
        (two, -0.81, -1.06),  # two equal columns
    ):
        found = observed.minimise(spectrum, np.eye(3), start[None]).losses[0]
        assert found == pytest.approx(end, abs=1e-9)
        assert end > least
        nearby = start + 1e-3 * np.random.default_rng(0).normal(size=start.shape)
        best = observed.minimise(spectrum, np.eye(3), nearby[None]).losses[0]
        assert best == pytest.approx(least, abs=1e-9)


def test_of_small_batches_in_the_librarys_form_the_difference_of_the_views_is_a_local_minimum():
    for rho, is_one in ((0.1, True), (0.12, False)):
        assert is_one == (rho * (8 + rho**2) < (1 - rho) * (1 - rho**2))
        minima = observed.minimise_expected(np.array([rho]), 1, 8, "library", starts=12)
        best = minima.weights[np.argmin(minima.losses)]
        np.testing.assert_allclose(
            np.sum(best**2) / 2, predicted.shrunk_strengths([rho], 8, "library")[0], rtol=1e-9
        )
        opposed = minima.weights[:, 0, 0] * minima.weights[:, 1, 0] < 0
        assert np.any(opposed) == is_one
        np.testing.assert_allclose(
            minima.losses[opposed], -((1 - rho) ** 2) / (1 + (1 + rho**2) / 7), rtol=1e-9
        )


def test_without_a_positive_eigenvalue_nothing_is_best():
    assert predicted.least_loss(np.array([-1.0, 0.0]), 2) == 0
    assert predicted.columns_used(np.array([-1.0, 0.0]), 2) == 0
    assert predicted.eigenvalues_of_views([0.6, 0.9], unmatched=1).tolist() == [
        0.9,
        0.6,
        0.0,
        -0.6,
        -0.9,
    ]
    assert not predicted.minimising_gram(-np.eye(2), np.eye(2), 1).any()


def test_the_flow_ends_at_the_minimum_and_at_zero_eigenvalues_decays_like_a_power():
    A = np.diag([2.0, 1.0, -1.0])
    start = np.random.default_rng(0).normal(size=(3, 2))
    end = pytest.approx(predicted.minimising_gram(A, np.eye(3), 2), abs=1e-10)
    for time in (5.0, 20.0, 100.0):
        assert predicted.flow_gram(A, start, time) == end
    assert predicted.flow_gram(A, start, 0.0) == pytest.approx(start @ start.T)
    assert predicted.aligned_strength(0.0, 0.5, 3.0) == pytest.approx(0.5 / (1 + 8 * 3.0 * 0.5))


def test_two_batches_are_the_mean_of_all_pairs_and_one_is_that_of_their_squares():
    heads = np.stack([np.eye(1)] * 2)
    Z = jax.vmap(lambda key: observed.embeddings(key, RHO[:1], heads, 4))(
        jax.random.split(jax.random.key(0), 3)
    )
    V = np.var(np.asarray(Z), axis=2, ddof=1).sum(axis=(1, 2))
    apart = np.mean([V[i] * V[j] for i in range(3) for j in range(3) if i != j])
    found = observed.batch_penalties(jax.random.key(0), RHO[:1], heads, 4, 3, "normal")
    assert np.asarray(found) == pytest.approx([apart, np.var(V, ddof=1)], rel=1e-5, abs=0)


def test_the_sample_gap_is_that_of_the_covariances():
    Z = views(np.random.default_rng(2), 300, np.array([1, 0.7, 0.5]))
    S = np.cov(np.hstack(Z).T)
    A, B = observed.pencil_of_views(S[:3, :3], S[3:, 3:], S[:3, 3:])
    loss = observed.ey_loss(A, B, np.vstack([np.eye(3)] * 2))
    least = predicted.least_loss(predicted.generalised_eigenvalues(A, B), 3)
    found = tool.ey_certificate(*Z, held_out=True)
    assert found.squared_correlations == pytest.approx(-least)
    assert loss - least == pytest.approx(
        predicted.loss_by_distance(A, B, np.vstack([np.eye(3)] * 2)) - least
    )
    assert loss >= least


def test_what_is_missing_or_out_of_scale_is_named_whatever_the_rotation():
    answer = tool.ey_certificate(
        *views(np.random.default_rng(4), 2000, BEST * [1.0, 0.1, 1.5]), held_out=True
    )
    assert (answer.related, answer.missing_components, answer.scaled) == (3, (1,), (2,))
    assert "missing: 1; mis-scaled: 2" in str(answer)
    assert "last layer" in answer.to_do()
    assert check_readable(answer)["related"] == 3


def test_components_of_unit_variance_are_not_called_mis_scaled():
    """As scores of CCA are; by the factors that the advice names they reach the least loss."""
    Z = views(np.random.default_rng(4), 2000, BEST)
    S = np.cov(np.hstack(Z).T)
    roots = [np.linalg.cholesky(np.linalg.inv(part)) for part in (S[:3, :3], S[3:, 3:])]
    left, correlations, right = np.linalg.svd(roots[0].T @ S[:3, 3:] @ roots[1])
    unit = [Z[0] @ roots[0] @ left, Z[1] @ roots[1] @ right.T]
    answer = tool.ey_certificate(*unit, held_out=True)
    assert answer.of_one_variance
    assert "of one variance: 0, 1, 2" in str(answer)
    assert "multiply" in answer.to_do()
    factors = np.sqrt(correlations / answer.strengths)
    found = tool.ey_certificate(*(part * factors for part in unit), held_out=True)
    assert found.gap.value == pytest.approx(0, abs=1e-9)
    assert (found.scaled, found.of_one_variance) == ((), False)


def test_a_batch_size_is_judged_on_normal_embeddings_and_doubted_on_others():
    rng = np.random.default_rng(5)
    answer = tool.ey_certificate(*views(rng, 4000, BEST), batch_size=8, held_out=True)
    assert answer.doubts == ()
    assert answer.batch.shrinkage == pytest.approx(
        predicted.shrunk_strengths(RHO, 8) / RHO, abs=0.05
    )
    assert answer.batch.smallest == predicted.batch_that_keeps(answer.correlations)
    assert answer.batch.bias.low <= answer.batch.normal_bias <= answer.batch.bias.high
    heavy = tool.ey_certificate(
        *views(rng, 4000, BEST, lambda size: rng.exponential(size=size) - 1),
        batch_size=8,
        held_out=True,
    )
    assert "times that of normal embeddings" in str(heavy)
    few = tool.ey_certificate(*views(rng, 100, BEST), batch_size=8, held_out=True)
    assert "fewer than 20 batches" in str(few)


def test_unrelated_views_and_heavy_tails_are_doubted():
    rng = np.random.default_rng(6)
    noise = tool.ey_certificate(
        rng.normal(size=(200, 3)), rng.normal(size=(200, 3)), batch_size=8, held_out=True
    )
    assert (noise.related, noise.batch.smallest) == (0, None)
    assert "no component is beyond what unrelated views show" in str(noise)
    wild = tool.ey_certificate(
        *views(rng, 200, BEST, lambda size: rng.standard_t(1, size=size)), held_out=True
    )
    assert "the tails are too heavy" in str(wild)
    few = rng.standard_normal((2, 75, 3))
    assert "300 rows are copies of others" in str(
        tool.ey_certificate(*np.tile(few, (1, 4, 1)), held_out=True)
    )


def test_batches_of_named_groups_are_drawn_from_whole_ones():
    """Batches of rows drawn singly have .80 [.62, .98] instead of 1.9: no interval held it."""

    def draw(rng, n_groups):
        of_row = rng.permutation(np.repeat(np.arange(n_groups), 5))
        own = 0.8 * rng.standard_normal((2, n_groups, 3))[:, of_row]
        return own + 0.6 * rng.standard_normal((2, 5 * n_groups, 3)), of_row

    rng = np.random.default_rng(0)
    V = np.array([sum(np.cov(Z.T) for Z in draw(rng, 6)[0]) for _ in range(4000)])
    truth = np.mean(np.sum((V - V.mean(axis=0)) ** 2, axis=(1, 2)))
    hits = 0
    for seed in range(20):
        Z, of_row = draw(np.random.default_rng(seed), 200)
        answer = tool.ey_certificate(*Z, 30, groups=of_row, held_out=True)
        hits += answer.batch.bias.low <= truth <= answer.batch.bias.high
        assert answer.related == 0
    assert hits >= 17


def test_many_rows_cost_one_covariance_and_little_more():
    rng = np.random.default_rng(0)
    Z1, Z2 = rng.standard_normal((2, 20_000, 64))
    answer = tool.ey_certificate(Z1, Z1 + Z2, held_out=True)
    assert answer.related == 64
    assert answer.correlations == pytest.approx(np.full(64, 0.5**0.5), abs=0.06)
    assert answer.doubts == ()


def asked(change, **given):
    return lambda: tool.ey_certificate(
        *change(*views(np.random.default_rng(7), 60, BEST)), **given, held_out=True
    )


def test_on_rows_that_were_fitted_there_is_no_answer():
    """CCA of pure noise seems related on its own rows; on fresh ones it is not."""
    rng = np.random.default_rng(0)
    X, Y, fresh_x, fresh_y = rng.normal(size=(4, 200, 20))
    qx, rx = np.linalg.qr(X)
    qy, ry = np.linalg.qr(Y)
    left, _, right = np.linalg.svd(qx.T @ qy)
    a = np.linalg.solve(rx, left[:, :5])
    b = np.linalg.solve(ry, right.T[:, :5])
    fitted = tool.ey_certificate(X @ a, Y @ b, held_out=False)
    assert not fitted.answerable
    assert "embed rows that were held out" in fitted.summary()
    assert tool.ey_certificate(fresh_x @ a, fresh_y @ b, held_out=True).related == 0
    with pytest.raises(TypeError, match=r"missing .*'held_out'"):
        tool.ey_certificate(X, Y)


THREE = np.diag([2.0, 1.0, -1.0])
test_what_cannot_be_answered_is_refused = refused(
    [
        (lambda: predicted.flow_gram(THREE, np.ones((3, 2)), 1000.0), "time must be so short"),
        (lambda: predicted.critical_point(THREE, np.eye(3), (2,), 2), "chosen must name positive"),
        (
            lambda: predicted.critical_point(THREE, np.eye(3), (0, 0), 2),
            "chosen must hold at most 2 different",
        ),
        (lambda: predicted.critical_point(THREE, np.eye(3), (3,), 2), "chosen .*of the 3"),
        (
            lambda: observed.every_pairing(np.eye(10), np.eye(10)),
            "first must have at most 9 rows, got 10",
        ),
        (lambda: observed.every_pairing(np.eye(4), np.eye(4)), "must have fewer than 4 columns"),
        (asked(lambda x, z: (x[:30], z[:30])), r"Z1 must have at least 40 rows, .* got 30"),
        (
            asked(lambda x, z: (np.tile(x, 9)[:50], np.tile(z, 9)[:50])),
            r"more than 2 K \+ 1 = 55 rows after .* got 50",
        ),
        (
            asked(lambda x, z: (x, z[:, [0, 1, 1]])),
            "Z2 must have a covariance of full rank, .* rank 2 of 3 columns: drop",
        ),
        (
            asked(lambda x, z: (x * [1, 1, 0], z)),
            "Z1 must have a covariance of full rank, .* rank 2 of 3",
        ),
        (asked(lambda x, z: (x, z[:-1])), "Z2 must have a row for each of the 60 rows, got 59"),
        (
            asked(lambda x, z: (x, z), groups=range(59)),
            "groups must have a row for each of the 60 rows, got 59",
        ),
        (
            asked(lambda x, z: (x, z), groups=np.arange(60) // 2),
            "groups must be at least 40 different ones, got 30",
        ),
        (
            asked(lambda x, z: (x, z), groups=[None] * 60),
            "groups must have a label for every sample, got 60 missing",
        ),
    ]
)

WHITE = np.eye(3)
test_every_function_is_guarded, test_refusals, test_answers, test_extreme_answers = promises(
    [predicted, observed, tool],
    {
        "critical_point": Case(
            {"A": np.diag([2.0, 1.0, -1.0]), "B": WHITE, "chosen": (0, 1), "n_columns": 2}
        ),
        "critical_loss": Case({"eigenvalues": np.array([2.0, 1.0]), "chosen": (0,)}),
        "least_curvature": Case(
            {"eigenvalues": np.array([2.0, 1.0]), "chosen": (0,), "n_columns": 2}, within=(-4, -4)
        ),
        "columns_used": Case(within=(0, np.inf)),
        "null_level": Case(within=(0, np.inf)),
        "squared_correlations": Case(
            {"n_rows": 12, "dim_first": 3, "dim_second": 2}, within=(0, 2.001)
        ),
        "strengths_after_descent": Case(
            {"correlations": RHO, "batch": 4, "n_batches": 1, "steps": 20, "rate": 0.01}
        ),
        "batch_penalties": Case({"batch": 4, "n_batches": 3}),
        "minimise_expected": Case({"correlations": RHO, "n_columns": 2, "starts": 2}),
        "ey_certificate": Case(
            dict(zip(("Z1", "Z2"), views(np.random.default_rng(8), 60, BEST), strict=True))
            | {"groups": None, "held_out": True},
            infinite="the size of a doubt that nothing bounds",
        ),
    },
    examples=4,
)
