"""Tests of low-dimensional diffusion: properties, simulators, the tool's doubts and refusals."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from promises import Case, promises, refused
from scipy.stats import binom, chi

from own_data import low_dim_diffusion as tool
from sims import low_dim_diffusion as observed
from theory import low_dim_diffusion as predicted


def basis(generator, ambient, dim):
    return np.linalg.qr(generator.standard_normal((ambient, dim)))[0]


def mixture(seed=0, dims=(1, 2, 2), ambient=6, points=5):
    generator = np.random.default_rng(seed)
    weights = np.array([0.3, 0.5, 0.2])[: len(dims)]
    return (
        generator.standard_normal((points, ambient)),
        [basis(generator, ambient, d) for d in dims],
        weights,
    )


SIX = (-1.8, -1, -0.3, 0.4, 0.9, 1.6)
OTHERS = (-1.5, -0.8, -0.2, 0.6, 1.2, 2)
TWELVE = np.concatenate(
    [np.outer(one, [0.75**0.5, sign]) for one, sign in ((SIX, 0.5), (OTHERS, -0.5))]
)


def test_vanishing_and_huge_noise_leave_the_nearest_subspace_and_the_prior():
    x, bases, weights = mixture()
    nearest = bases[int(np.argmax([np.linalg.norm(x[0] @ one) for one in bases]))]
    found = predicted.posterior_mean(x[:1], bases, weights, 1.0, 1e-30)[0]
    assert found == pytest.approx(nearest @ nearest.T @ x[0], rel=1e-12, abs=0)
    on_it = predicted.posterior_variance(x @ nearest @ nearest.T, bases, weights, 1.0, 1e-8)
    assert on_it == pytest.approx(np.full(5, 1e-16 * nearest.shape[1]), rel=1e-9, abs=0)
    blind = predicted.posterior_variance(x, bases, weights, 1.0, 1e9)
    assert blind == pytest.approx(np.full(5, weights @ [1, 2, 2]), rel=1e-6, abs=0)


@pytest.mark.parametrize(
    ("dim", "subspaces", "noise"),
    [(2, 3, 1.0), (2, 10**4, 1.0), (2, 10**8, 0.5), (1, 2**29, 1.0), (1024, 3, 5.0)],
)
def test_the_least_loss_is_the_prior_less_what_the_weight_of_the_true_subspace_keeps(
    dim, subspaces, noise
):
    """E|x0|^2 - c^2 E w |P x_t|^2 of the true subspace, 1 / sum e^v as one integral, on sums of
    equal steps.
    """
    kappa = noise**-2
    u = np.linspace(-30, 120, 1501)
    nodes, shares = np.polynomial.legendre.leggauss(1000)
    z = max(0.0, dim**0.5 - 6) + 6 * (nodes + 1)
    chances = chi(dim).pdf(z) * 6 * shares
    true = kappa / 2 * z**2
    y = np.exp(true - u[:, None])
    others = np.exp(true / (1 + kappa) - u[:, None])
    alone = np.exp((subspaces - 1) * np.log1p(np.maximum(np.expm1(-others) @ chances, 1e-15 - 1)))
    kept = np.sum(alone * (np.exp(np.log(y) - y) @ (true * chances))) * 0.1
    assert predicted.mmse(dim, subspaces, 1.0, noise) == pytest.approx(
        dim - 2 * kept / (1 + kappa), rel=1e-8, abs=0
    )


@settings(max_examples=6, deadline=None)
@given(st.integers(1, 30), st.integers(2, 50), st.floats(1e-3, 1e3))
def test_the_least_loss_lies_between_genie_and_prior_and_grows_with_the_subspaces(
    dim, subspaces, noise
):
    losses = [predicted.mmse(dim, k, 1.0, noise) for k in (1, subspaces, subspaces + 1)]
    assert losses[0] == predicted.genie_loss(dim, 1.0, noise)
    assert losses[0] <= losses[1] * (1 + 1e-9)
    assert losses[1] <= losses[2] * (1 + 1e-9)
    assert losses[2] <= dim * (1 + 1e-9)
    assert predicted.mmse(dim, subspaces, 7.0, 7 * noise) == pytest.approx(
        losses[1], rel=1e-9, abs=0
    )


@pytest.mark.parametrize("dim", [1, 2])
def test_at_small_noise_the_subspace_is_missed_where_its_own_part_is_as_small(dim):
    excess = [
        predicted.mmse(dim, 3, 1.0, noise) - predicted.genie_loss(dim, 1.0, noise)
        for noise in (0.02, 0.01)
    ]
    assert excess[0] / excess[1] == pytest.approx(2 ** (dim + 2), rel=0.01, abs=0)


@pytest.mark.parametrize(("dim", "threshold"), [(1, 0.3), (2, 0.7), (2, 3.0)])
def test_the_tail_of_a_trace_is_that_of_drawn_matrices(dim, threshold):
    drawn = observed.inverse_traces(np.random.default_rng(0), 100_000, dim, 4)
    assert observed.trace_tail(dim, 4, threshold) == pytest.approx(
        np.mean(drawn > threshold), abs=0.008
    )


def test_lloyd_recovers_what_is_unique():
    counts = {2: 0, 4: 0}
    for samples, seed in [(samples, seed) for samples in counts for seed in range(20)]:
        generator = np.random.default_rng(seed)
        points = np.concatenate(
            [generator.standard_normal((samples, 2)) @ basis(generator, 8, 2).T for _ in "ab"]
        )
        labels, residual = observed.k_subspaces(generator, points, 2, 2)
        counts[samples] += (
            len(set(labels[:samples])) == len(set(labels[samples:])) == 1 and residual < 1e-9
        )
    assert counts[4] >= 19
    assert counts[2] <= 17


def test_lloyd_ends_among_ties_that_rounding_makes():
    points = np.array([[0.0, -0.743874143, 0.315647847, 0.0], [0.55, 3.6e-243, -3.0, -3.0]])
    for seed in range(20):
        assert abs(observed.k_subspaces(np.random.default_rng(seed), points, 4, 5)[1]) < 1e-12


def own(*law):
    # Importing it computes truths for seconds
    from tests.low_dim_diffusion.own_data_sets import (
        own,
    )

    return own(np.random.default_rng(0), *law)


def test_noise_that_is_given_is_compared_with_the_data():
    x = own(20, 40, (1,) * 4, 0.02)
    assert tool.subspace_error(x, 4, noise=0.02).doubts == ()
    assert tool.subspace_error(x, 4, noise=0.02).noise == (0.02, 0.02, 0.02)
    assert "that was given" in tool.subspace_error(x, 4, noise=0.01).doubts[0].reason
    without = tool.subspace_error(own(20, 40, (1,) * 4, 0.0), 4, wanted=1e-3)
    assert (without.error.value, without.needed.value) == (0, 5)


def test_as_many_directions_as_stand_out_are_taken():
    for dim in (1, 4, 7):
        found = tool.subspace_error(own(30, 60, (1,) * dim, 0.05))
        assert (found.dim, found.chosen) == (dim, True)
        assert f"dimension {dim} (the singular values that stand out)" in found.summary()
    noise = np.random.default_rng(0).standard_normal((60, 30))
    assert "no singular value stands out" in tool.subspace_error(noise).summary()


def test_a_direction_that_hardly_stands_out_lowers_the_chosen_dimension():
    """The error is then that of the other directions, within the interval and its doubt."""
    lowered = held = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        x = 0.1 * rng.standard_normal((100, 20))
        x[:, :4] += rng.standard_normal((100, 4)) * [1, 1, 1, 0.16]
        found = tool.subspace_error(x)
        assert found.answerable
        if found.dim == 3 and "more singular values" in found.summary():
            lowered += 1
            size = max(d.size for d in found.doubts if d.unit == "of the error")
            truth = 2 * np.sum(found.subspace[3:] ** 2)
            held += found.error.low / (1 + size) <= truth <= found.error.high * (1 + size)
    assert lowered > 100
    assert held >= binom.ppf(0.001, lowered, 0.95)


@given(st.integers(0, 2**32 - 1), st.integers(10, 80), st.integers(3, 40))
def test_a_chosen_dimension_is_never_refused(seed, rows, columns):
    rng = np.random.default_rng(seed)
    scales = np.where(np.arange(columns) < columns // 3, np.exp(rng.uniform(-3, 1, columns)), 0)
    x = rng.standard_normal((rows, columns)) * scales
    x += 0.1 * rng.standard_normal(x.shape)
    assert "is not visible" not in tool.subspace_error(x).missing


@pytest.mark.parametrize(
    ("law", "copies", "dim", "sentence"),
    [
        ((20, 16, (1,) * 4, 0.02), 1, 5, "d = 5 is not visible"),
        ((20, 16, (1,) * 4, 2.0), 1, 4, "d = 4 is not visible"),
        ((10, 40, (1, 1e-18), 1e-14), 1, 2, "d = 2 is not visible"),  # D^2 is 6e-11, not 0
        ((20, 16, (1,) * 4, 0.02), 2, 4, "rows that are copies"),
    ],
)
def test_what_is_not_visible_has_no_number(law, copies, dim, sentence):
    x = np.repeat(own(*law), copies, axis=0)
    for found in (tool.subspace_error(x, dim), tool.subspace_error(x, dim, wanted=0.1)):
        assert (found.answerable, sentence in found.summary(), np.isnan(found.error.value)) == (
            False,
            True,
            True,
        )


test_what_cannot_be_answered_is_refused = refused(
    [
        (lambda: predicted.noise_law(20, np.ones(4), 5, 0.1), r"samples must exceed 4 \+ 1"),
        (lambda: predicted.random_completion(5, 5, 2), "dim below ambient"),
        (
            lambda: predicted.posterior_mean(np.ones((1, 3)), [np.eye(2)], [1.0], 1.0, 1.0),
            "bases must have as many",
        ),
        (
            lambda: predicted.posterior_mean(np.ones((1, 2)), [np.eye(2)], [0.5, 0.5], 1.0, 1.0),
            "equally many",
        ),
        (
            lambda: predicted.least_loss(np.ones((9, 2)), 3, 1.0, [1.0], [1.0]),
            "at most the 2 columns of points, got 3",
        ),
        (lambda: predicted.perfect_partitions(3, 2, 2), "samples must be at least dim"),
        (lambda: observed.fitting_partitions(np.ones((30, 2)), 1, 2), r"at most 10\^5 labellings"),
        (
            lambda: observed.inverse_traces(np.random.default_rng(0), 1, 3, 2),
            "dim must be at most samples",
        ),
        (
            lambda: tool.subspace_error(np.ones((5, 9)), 4),
            r"X must have at least n_components \+ 2 = 6 rows, because .* got 5",
        ),
        (
            lambda: tool.subspace_error(np.ones((9, 4)), 4),
            "n_components must be below the 4 columns of X, got 4",
        ),
        (lambda: tool.subspace_error(np.zeros((9, 4)), 2), "X must not be zero throughout"),
        (
            lambda: tool.subspace_error(TWELVE, 1, wanted=100.0),
            r"wanted must be below 2, the largest possible D\^2, got 100",
        ),
    ]
)


def test_the_plot_shows_all_singular_values():
    x = own(20, 16, (1,) * 4, 0.02)
    axes = tool.subspace_error(x, 4).plot()
    assert np.concatenate([line.get_ydata() for line in axes.lines[:2]]) == pytest.approx(
        np.linalg.svd(x)[1]
    )
    plt.close("all")


X, BASES, WEIGHTS = mixture(ambient=3, dims=(1, 2, 2))
NODES = dict(zip(("nodes", "node_weights"), observed.cubature(3), strict=True))
GIVEN = {"points": X, "bases": BASES, "weights": WEIGHTS, **NODES}
SMALL = {"draws": 3, "ambient": 5, "dim": 3, "samples": 2}
FEW = Case(
    {"X": np.random.default_rng(0).normal(0, 2 * [1] + 7 * [0.05], (12, 9))},
    infinite="no verdict",
)
SEARCH = {"points": TWELVE, "start": (30.0, -30.0), "order": 8, "point_weights": None}
test_every_function_is_guarded, test_refusals, test_answers, test_extreme_answers = promises(
    [predicted, observed, tool],
    {
        "posterior_mean": Case({"bases": BASES, "weights": WEIGHTS, "x": X}),
        "posterior_variance": Case({"bases": BASES, "weights": WEIGHTS}, within=(0, np.inf)),
        "implicit_loss": Case(GIVEN),
        "soft_angles": Case({"points": TWELVE, "start": (30.0, -30.0), "order": 8}),
        "clustering_loss": Case({"points": X, "bases": BASES}),
        "best_angles": Case({**SEARCH, "noise": 1.0}),
        "best_subspace": Case({"points": X, "noises": [0.5], "level_weights": [1.0], "dim": 2}),
        "denoising_loss": Case({**GIVEN, "point_weights": None}),
        "posterior_moments": Case(
            {"bases": BASES, "weights": WEIGHTS, "x": X, "order": 9}, infinite="underflow"
        ),
        "sampled_losses": Case({"draws": 5, "bases": BASES}),
        "k_subspaces": Case({"starts": 2}),
        "fitting_partitions": Case({"points": TWELVE[3:9]}),
        **dict.fromkeys(("completion_errors", "trained_errors"), Case(SMALL)),
        "clustered_errors": Case({**SMALL, "subspaces": 2}),
        **dict.fromkeys(
            ("noisy_errors", "steadied_errors"), Case({"draws": 3, "spectrum": [1.0, 2.0]})
        ),
        "inverse_traces": Case({"draws": 3}),
        "subspace_error": FEW,
    },
    {"Rule": "a type"},
    examples=4,
)
