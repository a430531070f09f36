"""The neighbouring papers' simulators against SciPy's integrator, explicit loops and exact identities."""

import itertools
from functools import reduce

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import sims.jepa_bias as observed

ULP = 2.0**-53
KEY = jax.random.key(2)
seeds = st.integers(0, 2**32 - 1)


def test_stepwise_flow_is_the_flow_of_its_loss():
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((2, 40, 5))
    Y += 2 * X
    moment = np.asarray(observed.views_moment(X, Y))
    assert np.all(np.abs(moment - sum(np.outer(x, y) + np.outer(y, x) for x, y in zip(X, Y, strict=True)) / 80) < 1e-13)
    start = np.asarray(observed.random_embedding(KEY, 2, 5, 1e-2))

    def velocity(_, flat):
        W = flat.reshape(2, 5)
        return (-4 * (W @ moment @ W.T - np.eye(2)) @ W @ moment).ravel()

    times = np.array([0.1, 0.3, 2.0])
    found = np.asarray(observed.stepwise_flow(start, moment, times))
    # Both keep to 1e-11 and 1e-12 of a growing solution, in a few hundred steps: 1e-8 in all, in the flow's own size.
    for time, W in zip(times, found, strict=True):
        reference = solve_ivp(velocity, (0, time), start.ravel(), method="DOP853", rtol=1e-12, atol=1e-15).y[:, -1]
        assert np.all(np.abs(W.ravel() - reference) <= 1e-8)
    stepwise_loss = jax.jit(observed.stepwise_loss)
    losses = [float(stepwise_loss(W, moment)) for W in (start, *found)]
    assert np.all(np.diff(losses) < 0)
    assert abs(losses[0] - np.sum((start @ moment @ start.T - np.eye(2)) ** 2)) <= 100 * ULP
    # Both modes are learned in the end: the loss is 0 and all of it was lost in two steps of 1.
    assert losses[-1] < 1e-9
    assert 1.9 < losses[0] < 2


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_deep_linear_flow_follows_the_gradient_of_every_layer(depth):
    rng = np.random.default_rng(1)
    layers = rng.standard_normal((depth, 2, 2)) / 2
    root, cross = rng.standard_normal((2, 2, 2))
    Sigma_xx, Sigma_yx = root @ root.T + np.eye(2), cross
    times = np.array([0.5, 1.0, 2.0])
    found = np.asarray(observed.deep_linear_flow(layers, Sigma_xx, Sigma_yx, times))

    def product(layers):
        return reduce(lambda below, layer: layer @ below, layers, np.eye(2))

    def velocity(_, flat):
        layers = flat.reshape(depth, 2, 2)
        error = product(layers) @ Sigma_xx - Sigma_yx
        return -np.concatenate(
            [(product(layers[i + 1 :]).T @ error @ product(layers[:i]).T).ravel() for i in range(depth)]
        )

    for time, whole in zip(times, found, strict=True):
        end = solve_ivp(velocity, (0, time), layers.ravel(), method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
        assert np.all(np.abs(whole - product(end.reshape(depth, 2, 2))) <= 1e-8)


class TestPretext:
    @settings(max_examples=10, deadline=None)
    @given(seeds)
    def test_a_linear_layer_suffices_exactly_without_the_direct_path(self, seed):
        sizes = (2, 6, 5)
        for direct in (0.0, 1.0):
            triplet = observed.random_triplet(jax.random.key(seed), *sizes, direct=direct)
            found = jax.tree.map(np.asarray, observed.learn_pretext(triplet))
            blocks = jax.tree.map(np.asarray, triplet)
            best = blocks.target_first @ np.linalg.inv(blocks.first_first)
            condition = np.linalg.cond(blocks.first_first) * np.linalg.cond(found.pretext @ found.pretext.T) ** 0.5
            size = np.linalg.norm(blocks.target_target)
            assert np.all(np.abs(found.direct - best) <= 100 * ULP * condition * np.linalg.norm(best))
            if direct == 0:
                # What Y explains of X_1 and X_2 is all that they share, so that the pretext task keeps all of it. The
                # error is quadratic in a map that the truncated pseudo-inverse leaves correct to 1e-10 times its size.
                assert abs(found.excess) <= 1e-12 * size
            else:
                assert found.excess > 1e-6 * size
            assert np.linalg.matrix_rank(found.pretext, tol=1e-9) == (2 if direct == 0 else 5)

    def test_covariances_are_those_of_the_construction(self):
        """They are a positive definite joint matrix, with X_1 and X_2 independent given Y only without the path."""
        for direct in (0.0, 0.7):
            t = jax.tree.map(np.asarray, observed.random_triplet(KEY, 2, 6, 5, direct=direct))
            given_target = t.first_second - t.target_first.T @ np.linalg.solve(t.target_target, t.target_second)
            scale = np.abs(t.first_second).max() * np.linalg.cond(t.target_target)
            assert (np.abs(given_target).max() <= 64 * ULP * scale) == (direct == 0)
        near, far = (observed.random_triplet(KEY, 2, 6, 5, direct=direct) for direct in (0.35, 0.7))
        plain = observed.random_triplet(KEY, 2, 6, 5)
        # The path enters linearly.
        for name in ("target_second", "first_second"):
            base, half, whole = (np.asarray(getattr(one, name)) for one in (plain, near, far))
            assert np.all(np.abs(whole - base - 2 * (half - base)) <= 64 * ULP * np.abs(whole).max())

    def test_refusals(self):
        triplet = observed.random_triplet(KEY, 2, 6, 5)
        with pytest.raises(ValueError, match="triplet must be symmetric and positive semidefinite in its blocks"):
            observed.learn_pretext(triplet._replace(target_target=-triplet.target_target))
        with pytest.raises(TypeError, match="triplet must hold k x k, k x m, k x n, m x m and m x n matrices"):
            observed.learn_pretext(triplet._replace(target_first=triplet.target_second))


WEIGHTS = np.random.default_rng(1).dirichlet(np.ones(3))
LIKELIHOODS = np.random.default_rng(2).dirichlet(np.ones(4), 3)
LOSSES = {"hinge": lambda v: max(0.0, 1 - v), "logistic": lambda v: np.logaddexp(0, -v) / np.log(2)}


class TestContrastive:
    def test_against_enumeration_in_python(self):
        weights, likelihoods = WEIGHTS, LIKELIHOODS
        features = np.random.default_rng(0).standard_normal((4, 2))
        for name, loss in LOSSES.items():
            pairs = sum(
                weights[c] * weights[d] * likelihoods[c, x] * likelihoods[c, p] * likelihoods[d, n]
                * loss(features[x] @ (features[p] - features[n]))
                for c, d in itertools.product(range(3), repeat=2)
                for x, p, n in itertools.product(range(4), repeat=3)
            )  # fmt: skip
            assert abs(observed.unsupervised_loss(features, weights, likelihoods, name) - pairs) <= 1e3 * ULP * 10
            means = likelihoods @ features
            tasks = [(c, d) for c, d in itertools.product(range(3), repeat=2) if c != d]
            total = sum(weights[c] * weights[d] for c, d in tasks)
            supervised = sum(
                weights[c] * weights[d] / total * likelihoods[c, x] * loss(features[x] @ (means[c] - means[d]))
                for c, d in tasks
                for x in range(4)
            )
            found = observed.mean_classifier_loss(features, weights, likelihoods, name)
            assert abs(found - supervised) <= 1e3 * ULP * 10

    @pytest.mark.parametrize("name", ["hinge", "logistic"])
    def test_equal_features_lose_one(self, name):
        same = np.ones((4, 2))
        for measure in (observed.unsupervised_loss, observed.mean_classifier_loss):
            assert abs(measure(same, WEIGHTS, LIKELIHOODS, name) - 1) <= 64 * ULP

    def test_one_class_is_refused(self):
        with pytest.raises(ValueError, match="class_probabilities must be those of at least two classes"):
            observed.unsupervised_loss(np.ones((4, 2)), np.ones(1), np.ones((1, 4)) / 4, "hinge")


class TestVicreg:
    def test_against_sums(self):
        Z, other = np.random.default_rng(5).standard_normal((2, 7, 3)) * np.array([0.5, 1.0, 2.0])
        distance = sum(np.sum((z - w) ** 2) for z, w in zip(Z, other, strict=True)) / 7
        spread = overlap = 0.0
        for branch in (Z, other):
            spread += np.mean([max(0, 1 - np.sqrt(np.var(branch[:, j], ddof=1) + 1e-4)) for j in range(3)])
            covariance = np.cov(branch.T)
            overlap += sum(covariance[i, j] ** 2 for i, j in itertools.permutations(range(3), 2)) / 3
        bound = 1e3 * ULP * 100
        assert abs(observed.vicreg_loss(Z, other) - (25 * distance + 25 * spread + overlap)) <= bound
        halved = observed.vicreg_loss(Z, other, invariance=2, variance=3, covariance=4, mean_of_branches=True)
        assert abs(halved - (2 * distance + 1.5 * spread + 4 * overlap)) <= bound

    def test_collapse_costs_the_variance_term_only(self):
        constant = np.full((256, 8), 3.0)
        # 25 * 2 * (1 - sqrt(1e-4)), and half of it where the branches are averaged.
        assert abs(observed.vicreg_loss(constant, constant) - 49.5) <= 64 * ULP * 50
        assert abs(observed.vicreg_loss(constant, constant, mean_of_branches=True) - 24.75) <= 64 * ULP * 50

    def test_one_sample_is_refused(self):
        with pytest.raises(ValueError, match="Z must hold at least two samples"):
            observed.vicreg_loss(np.ones((1, 2)), np.ones((1, 2)))


def test_a_start_at_zero_is_refused():
    with pytest.raises(ValueError, match="start must have a non-zero entry"):
        observed.stepwise_flow(np.zeros((2, 3)), np.eye(3), np.ones(1))
    with pytest.raises(ValueError, match="layers must have a non-zero entry"):
        observed.deep_linear_flow(np.zeros((1, 2, 2)), np.eye(2), np.eye(2), np.ones(1))
