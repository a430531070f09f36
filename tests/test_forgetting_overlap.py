"""Tests of forgetting by overlap: limits, simulators by hand, the tool on data it fits and does
not.
"""

import itertools

import jax
import matplotlib.pyplot as plt
import mpmath
import numpy as np
import pandas as pd
import pytest
from promises import Case, promises, refused

from own_data import forgetting_overlap as tool
from sims import forgetting_overlap as observed
from tests.forgetting_overlap.own_data_sets import Net, tasks, update
from theory import forgetting_overlap as predicted
from theory_on_trial.testing.suite import check_readable


def test_limits():
    first, second, residual = tasks(0)
    least_norm = first @ np.linalg.pinv(second) @ residual
    for times in (1, 2):  # dependent rows
        limit = predicted.forgetting(
            first, np.vstack(times * [second]), np.tile(residual, times), 0.0
        )
        assert limit == pytest.approx(least_norm @ least_norm)
    assert predicted.forgetting(first, second, residual, 1e12) < 1e-18
    assert (
        predicted.forgetting(0 * first, second, residual, 0.5)
        == predicted.angle_bound(0 * first, second)
        == 0
    )
    # Within the memory: not learned, nothing explodes
    inside = np.random.default_rng(8).normal(size=(4, 5)) @ first
    assert predicted.forgetting(first, inside, np.ones(4), 0.0, 5) == 0
    assert predicted.random_forgetting(first, inside, 0.0, 5).mean == 0


def test_centred_directions_are_those_of_the_covariance():
    features = np.random.default_rng(0).normal(1, [1, 2, 3, 4], (9, 4))
    turned = (
        observed.principal_directions(features, 2, centred=True)
        @ np.linalg.eigh(np.cov(features.T))[1]
    )
    np.testing.assert_allclose(np.abs(turned), np.eye(4)[:1:-1], atol=1e-12)


def test_memories_leave_the_next_singular_value_and_no_less():
    generator = np.random.default_rng(3)
    left, right = (np.linalg.qr(generator.normal(size=(n, n)))[0] for n in (4, 6))
    features = left @ np.diag([5.0, 3, 2, 1]) @ right[:4]
    # Kept are the first, the second, and both of them.
    for rows, largest in (([0], 9), ([1], 25), ([0, 1], 4)):
        assert predicted.kept_bound(features, right[rows]) == pytest.approx(largest)
    assert predicted.memory_bound(features, 1) == pytest.approx(9)
    assert predicted.memory_bound(features, 2) == pytest.approx(4)


def test_a_wide_net_forgets_what_its_tangent_kernel_says():
    generator = np.random.default_rng(0)
    key = jax.random.key(0)
    points = generator.normal(size=(2, 3, 5))
    targets = generator.normal(size=(2, 3)) / 2
    first, second = np.asarray(observed.lazy_features(key, points.reshape(6, 5), 1024)).reshape(
        2, 3, -1
    )
    left = targets[1] - second @ np.linalg.pinv(first) @ targets[0]
    moved = first @ second.T @ np.linalg.solve(second @ second.T + 0.5 * np.eye(3), left)
    assert observed.lazy_forgetting(key, points, targets, 0.5, 1024) == pytest.approx(
        moved @ moved, rel=1e-3, abs=0
    )


@pytest.mark.parametrize(
    ("rate", "small", "steps"),
    [(1.0, 1e-9, 10), (1e-15, 1e-3, 3), (0.7, 0.9, 7), (1.5, 1.0, 4), (0.416, 1e-9, 2)],
)
def test_few_steps_along_short_directions_keep_their_digits(rate, small, steps):
    first = np.array([[0.3, 1.0]])
    second = np.array([[1.0, 0.0], [0.5, small]])
    residual = np.array([0.4, 1.0])
    with mpmath.workdps(60):  # the steps themselves
        task = mpmath.matrix(second.tolist())
        labels = mpmath.matrix(residual.tolist())
        weights = mpmath.zeros(2, 1)
        for _ in range(steps):
            weights += mpmath.mpf(rate) * (task.T * (labels - task * weights))
        exact = float((mpmath.matrix(first.tolist()) * weights)[0] ** 2)
    assert predicted.stopped_forgetting(first, second, residual, rate, steps) == pytest.approx(
        exact, rel=1e-10, abs=0
    )
    assert predicted.stopped_forgetting(
        [[0, 1]], np.diag([1, 1e-9]), [0, 1], 1, 10
    ) == pytest.approx(1e-16, rel=1e-12, abs=0)


@pytest.mark.parametrize(
    ("n_s", "n_t", "dim", "ridge", "memory"), [(20, 8, 40, 0.5, 3), (9, 30, 12, 2.0, 0)]
)
def test_the_tool_says_what_a_refit_finds(n_s, n_t, dim, ridge, memory):
    first, second, residual = tasks(12, n_s, n_t, dim)
    answer = tool.predicted_forgetting(
        first, second, residual, ridge=ridge, memory=memory, weights=None
    )
    right = np.linalg.svd(first)[2][:memory]
    change = update(design := second - second @ right.T @ right, residual, ridge)
    assert answer.per_sample == pytest.approx(first @ change)
    assert (
        answer.forgetting
        == pytest.approx(np.sum((first @ change) ** 2))
        == pytest.approx(answer.by_direction.sum())
    )
    assert answer.forgetting <= answer.bound
    fitted = np.linalg.norm(design @ np.linalg.pinv(design) @ residual) / np.linalg.norm(residual)
    assert (answer.update, answer.learnable) == pytest.approx((np.linalg.norm(change), fitted**2))
    assert (answer.doubts, answer.notes, answer.memory) == ((), (), memory)
    assert check_readable(answer)["forgetting"] == pytest.approx(answer.forgetting)
    contributions = predicted.by_direction(first, second, residual, ridge, memory)
    assert [bar.get_height() for bar in answer.plot().patches] == pytest.approx(contributions)
    plt.close("all")


def test_a_cut_through_a_tie_is_doubted_by_what_any_basis_forgets():
    for seed, gap in itertools.product(range(8), (0.0, 1e-8)):
        first, second, residual = tasks(seed)
        left, _, right = np.linalg.svd(first, full_matrices=False)
        first = left * [3, 2 + gap, 2, 2 - gap, 1] @ right
        deltas = []
        for turn in np.linalg.qr(np.random.default_rng(seed).normal(size=(1000, 3, 3)))[0]:
            kept = np.vstack([right[:1], turn[:1] @ right[1:4]])
            deltas.append(
                np.sum((first @ update(second - second @ kept.T @ kept, residual, 0.5)) ** 2)
            )
        said = [
            tool.predicted_forgetting(first, second, residual, ridge=0.5, memory=k, weights=None)
            for k in range(6)
        ]
        assert ["keep 1 or 4" in answer.summary() for answer in said] == [
            False,
            False,
            True,
            True,
            False,
            False,
        ]
        for answer in said[2:4]:  # two kept reach no further than one
            assert (
                0.9
                < np.max(np.abs(np.subtract(deltas, answer.forgetting))) / answer.doubts[0].size
                < 1
            )


def test_what_is_special_is_said():
    first, second, residual = tasks(15)
    solved = tool.predicted_forgetting(first, second, 0 * residual, ridge=0.5, weights=None)
    assert (solved.forgetting, solved.notes) == (0, ("residual zero: task T is already solved",))
    apart = tool.predicted_forgetting(
        np.eye(2, 5), np.eye(2, 5, 2), [1.0, 2.0], ridge=0.0, weights=None
    )
    assert (apart.forgetting, apart.notes) == (0, ("zero overlap: nothing is forgotten",))
    inside = np.random.default_rng(16).normal(size=(4, 5)) @ first
    for ridge in (0.0, 0.5):
        barred = tool.predicted_forgetting(
            first, inside, np.ones(4), ridge=ridge, memory=9, weights=None
        )
        barring = ("projection would also forbid learning T",)
        assert (barred.forgetting, barred.learnable, barred.memory, barred.notes) == (
            0,
            0,
            5,
            barring,
        )


@pytest.mark.parametrize("ridge", [0.0, 1e-9, 0.5])
def test_rounding_to_single_precision_is_nothing_to_learn(ridge):
    """T lies in the span of a memory of all of S: what single precision leaves of it off the memory
    is rounding.
    """
    generator = np.random.default_rng(0)
    first = generator.normal(size=(5, 30))
    data = np.float32(first), np.float32(generator.normal(size=(4, 5)) @ first), np.ones(4)
    answer = tool.predicted_forgetting(*data, ridge=ridge, memory=5, weights=None)
    assert (answer.forgetting, answer.learnable, answer.bound, answer.expected_if_random[0]) == (
        0,
        0,
        0,
        0,
    )
    assert answer.notes == ("projection would also forbid learning T",)
    assert ("off up to 1 of the update" in answer.summary()) == (ridge < 0.5)
    less = tool.predicted_forgetting(*data, ridge=ridge, memory=3, weights=None)
    assert less.forgetting <= less.bound


def test_cosines_leave_out_what_rounding_decides():
    first, second, _ = tasks(25, n_t=4)
    answer = tool.predicted_forgetting(
        first, np.float32([second[0], second[0] / 3]), np.ones(2), ridge=0, weights=None
    )
    assert len(answer.cos_angles) == 1  # of the row they share, and not of how it was rounded
    assert answer.cos_angles == pytest.approx(predicted.cosines(first, second[:1]), abs=1e-6)
    assert answer.forgetting <= answer.bound


def test_where_nothing_is_forgotten_no_rounding_is_doubted():
    """Row spaces that are orthogonal but for rounding; T of lower rank than rows."""
    generator = np.random.default_rng(1)
    basis = np.linalg.qr(generator.normal(size=(40, 40)))[0]
    first = generator.normal(size=(5, 8)) @ basis[:8]
    second = generator.normal(size=(12, 6)) @ generator.normal(size=(6, 20)) @ basis[10:30]
    for memory, ridge in itertools.product((0, 2), (0.0, 0.1)):
        apart = tool.predicted_forgetting(
            first, second, np.ones(12), ridge=ridge, memory=memory, weights=None
        )
        assert apart.forgetting < 1e-27
        assert (*apart.notes, *apart.doubts) == ("zero overlap: nothing is forgotten",)
    # A direction of T that meets S, though so short that single precision would not show it.
    meeting = tool.predicted_forgetting(
        np.eye(1, 3), np.eye(2, 3) * [1e-8, 1, 0], [1, 1], ridge=0.0, weights=None
    )
    assert (meeting.notes, meeting.forgetting, meeting.doubts[0].size) == (
        (),
        pytest.approx(1e16),
        pytest.approx(1),
    )
    assert meeting.forgetting <= meeting.bound * (1 + 1e-12)


def test_a_net_is_doubted_and_its_gradients_at_both_ends_say_by_how_much():
    ratios = []
    for net in map(Net, range(20)):
        said = net.predicted(weights=net.weights)
        assert said.change == pytest.approx(
            update(net.gradients(net.weights)[6:], net.residual, 0.5)
        )
        assert "the gradients of a net turn with it; off by an unknown size" in said.summary()
        there = net.gradients(net.weights + said.change)
        again = tool.predicted_forgetting(
            there[:6], there[6:], net.residual, ridge=0.5, weights=None
        )
        assert "to do: ask again with the gradients" in said.summary()
        assert (again.to_do(), again.doubts) == ("", ())
        ratios.append(
            abs(net.forgotten - said.forgetting) / abs(again.forgetting - said.forgetting)
        )
    assert 0.3 < np.median(ratios) < 2
    assert not tool.predicted_forgetting(*tasks(18), ridge=0.5, weights=np.full(10, 1e9)).doubts


def asked(**given):
    arguments = dict(zip(("features_s", "features_t", "residual_t"), tasks(19), strict=True))
    return lambda: tool.predicted_forgetting(**arguments | {"ridge": 0.5, "weights": None} | given)


NEARLY = np.diag([1.0, 1e-11, 1, 1, 1, 1]) @ np.eye(6, 10)
test_what_cannot_be_answered_is_refused = refused(
    [
        (
            lambda: observed.principal_directions(np.ones((20, 6)), 7),
            "count must be at most 6, got 7",
        ),
        (
            lambda: observed.tilted_subspaces(np.random.default_rng(0), 3, 5, 0.4),
            "dim must be at least twice the rank",
        ),
        (
            asked(features_t=np.ones((6, 9))),
            "features_t must have the 10 columns of features_s, got 9",
        ),
        (asked(residual_t=np.ones(5)), "residual_t must have a row for each of the 6 rows, got 5"),
        (asked(ridge=0.0, features_t=NEARLY), "ridge must be above 1e-18"),
        (
            asked(weights=[1.0, 2.0, 3.0]),
            "weights must have a row for each of the 10 rows, got 3",
        ),
    ]
)

POINTS = {
    "inputs": np.random.default_rng(0).normal(size=(2, 2, 3)),
    "targets": np.ones((2, 2)),
    "pairs": 2,
}
test_every_function_is_guarded, test_refusals, test_answers, test_extreme_answers = promises(
    [predicted, observed, tool],
    {
        "march": Case(infinite="descent diverges at a rate above 2 / sigma^2"),
        "lazy_features": Case({"inputs": POINTS["inputs"][0], "pairs": 2}),
        "lazy_forgetting": Case(POINTS, infinite="steps of Gauss and Newton may not settle"),
        # With them a doubt has no size
        "predicted_forgetting": Case(
            dict(zip(("features_s", "features_t", "residual_t"), tasks(19), strict=True))
            | {"weights": None}
        ),
    },
    excluded=dict.fromkeys(
        (
            "Parts.update",
            "parts_of",
            "ridge_filter",
            "without",
        ),
        "a helper that the paper's checks or tool share",
    ),
)


def test_several_outputs_forget_what_each_of_them_does():
    """Against refits: the outputs' weights are trained one by one on the same features."""
    rng = np.random.default_rng(5)
    first = rng.normal(size=(6, 30))
    second = rng.normal(size=(9, 30))
    residuals = rng.normal(size=(9, 3))
    penalised = second.T @ second + 0.5 * np.eye(30)
    change = np.linalg.solve(penalised, second.T @ residuals)
    found = tool.predicted_forgetting(first, second, residuals, ridge=0.5)
    assert found.forgetting == pytest.approx(np.sum((first @ change) ** 2))
    np.testing.assert_allclose(found.change, change, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.per_sample, first @ change, rtol=1e-9, atol=1e-12)
    each = np.sum(first @ change, axis=0)
    assert found.to_frame().sum().to_numpy() == pytest.approx(each)
    one = tool.predicted_forgetting(first, second, residuals[:, :1], ridge=0.5)
    same = tool.predicted_forgetting(first, second, residuals[:, 0], ridge=0.5)
    assert (one.forgetting, one.outputs) == (same.forgetting, ())
    named = pd.DataFrame(residuals, columns=["a", "b", "c"])
    frame = tool.predicted_forgetting(first, second, named, ridge=0.5).to_frame()
    assert list(frame.columns) == ["drift of a", "drift of b", "drift of c"]


def test_one_of_several_outputs_may_be_solved_already():
    rng = np.random.default_rng(6)
    residuals = np.stack([rng.normal(size=9), np.zeros(9)], axis=1)
    features = rng.normal(size=(2, 9, 30))
    found = tool.predicted_forgetting(*features, residuals, ridge=0.5)
    assert found.notes == ()
    assert (
        found.forgetting
        == tool.predicted_forgetting(*features, residuals[:, 0], ridge=0.5).forgetting
    )
    both = tool.predicted_forgetting(*features, 0 * residuals, ridge=0.5)
    assert both.notes == ("residual zero: task T is already solved",)
    with pytest.raises(ValueError, match=r"^weights must be None where residual_t has several"):
        tool.predicted_forgetting(*features, residuals, weights=np.ones(30))
