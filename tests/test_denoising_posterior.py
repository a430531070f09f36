"""Tests of posterior moments from denoisers: properties, simulators, refusals, hostility."""

import numpy as np
import pytest
from promises import Case, promises, refused
from scipy.integrate import quad
from scipy.stats import norm

from paper_checks.test_denoising_posterior.worlds import LINE, MIXTURE, spatial
from sims import denoising_posterior as observed
from theory import denoising_posterior as predicted

WEIGHTS = MIXTURE.weights
MEANS = MIXTURE.means[:, 0]
DEVIATIONS = np.sqrt(MIXTURE.covariances[:, 0, 0])
WORLD, Y, V, _ = spatial(0, 6)


@pytest.mark.parametrize("y", [-2.0, 0.1, 1.7])
def test_sums_over_components_are_integrals_over_the_posterior(y):
    def density(x):
        return float(WEIGHTS @ norm.pdf(x, MEANS, DEVIATIONS)) * norm.pdf(y, x, 0.8)

    def integral(function):
        return quad(
            lambda x: function(x) * density(x), -6, 6, points=list(MEANS), limit=300, epsabs=1e-13
        )[0]

    mass = integral(lambda x: 1.0)
    mean = integral(lambda x: x) / mass
    at = np.array([y])
    assert np.exp(observed.log_density(MIXTURE, at, 0.8)) == pytest.approx(mass, rel=1e-9, abs=0)
    assert observed.posterior_mean(MIXTURE, at, 0.8)[0] == pytest.approx(mean, rel=1e-9, abs=0)
    for k, moment in enumerate(observed.line_moments(MIXTURE, at, LINE, 0.8, 5), start=2):
        assert moment == pytest.approx(integral(lambda x, k=k: (x - mean) ** k) / mass, abs=1e-9)
    chance = 1 / (1 + np.exp((2 - 2 * y) / 0.8**2) / 3)  # of the second of two points
    two = observed.point_moment(np.array([0.25, 0.75]), np.array([[0.0], [2.0]]), at, 0.8, 2)
    assert two == pytest.approx(4 * chance * (1 - chance), rel=1e-12, abs=0)


def test_what_returns_its_input_has_no_residual():
    assert predicted.residual_of_denoiser(0.5, 3 * 0.5**2, 3.0, 3) == 0.0


def test_a_region_has_the_components_of_its_submatrix_given_all_of_y():
    mask = np.arange(6) < 2
    jacobian = observed.jacobian(WORLD, Y, 0.7)
    variances, directions = predicted.masked_components(jacobian, 0.7, mask)
    assert variances[::-1] == pytest.approx([0.23672, 0.54395], abs=5e-6)
    embedded = np.pad(directions[:, 0], (0, 4))
    assert observed.line_moments(WORLD, Y, embedded, 0.7, 2)[0] == pytest.approx(
        variances[0], rel=1e-9, abs=0
    )
    cropped = observed.Mixture(WEIGHTS, WORLD.means[:, :2], WORLD.covariances[:, :2, :2])
    alone = np.linalg.eigvalsh(observed.posterior_covariance(cropped, Y[:2], 0.7))
    assert alone == pytest.approx([0.26057, 0.54860], abs=5e-6)
    covariance = predicted.posterior_covariance(jacobian, 0.7)
    assert covariance == pytest.approx(observed.posterior_covariance(WORLD, Y, 0.7), abs=1e-12)


@pytest.mark.parametrize(("law", "kurtosis"), [("normal", 3.0), ("laplace", 6.0), ("uniform", 1.8)])
def test_pairs_are_of_the_mixture_and_the_noise(law, kurtosis):
    x, y = observed.sample_pairs(np.random.default_rng(0), WORLD, 0.7, 200_000, law)
    noise = ((y - x) / 0.7).ravel()
    assert (np.mean(noise**2), np.mean(noise**4)) == pytest.approx((1, kurtosis), rel=0.03, abs=0)
    mean = WEIGHTS @ WORLD.means
    second = np.einsum(
        "k,kij->ij", WEIGHTS, WORLD.covariances + WORLD.means[:, :, None] * WORLD.means[:, None]
    )
    assert x.mean(axis=0) == pytest.approx(mean, abs=0.02)
    assert x.T @ x / len(x) == pytest.approx(second, abs=0.05)
    if law == "normal":
        residual = np.mean((y - observed.posterior_mean(WORLD, y, 0.7)) ** 2)
        assert residual == pytest.approx(0.2174, abs=0.001)


test_what_cannot_be_answered_is_refused = refused(
    [
        (
            lambda: predicted.contraction([2.0, 1.0], 2),
            "rank must be less than the 2 eigenvalues, got 2",
        ),
        (
            lambda: predicted.noise_variance(1.0, 3.0, 3),
            "trace must be below the dimension 3, got 3",
        ),
        (lambda: predicted.central_moments([0.5], 0.0), "sigma must lie in"),
        (
            lambda: predicted.masked_components(np.eye(2), 1.0, [False, False]),
            "mask must select at least one",
        ),
        (
            lambda: observed.marginal_nodes(WORLD, 0.7),
            "world must be one-dimensional, got 6 dimensions",
        ),
        (lambda: observed.marginal_nodes(MIXTURE, 0.8, 50.0), "above must be below"),
        (lambda: observed.marginal_nodes(MIXTURE, 1e-9), "sigma must be larger"),
        (
            lambda: observed.subspace_tangents(np.eye(2), np.eye(2), 1),
            "start must have fewer columns",
        ),
        (
            lambda: observed.point_moment([1.0], np.ones((1, 30)), np.ones(30), 1.0, 6),
            r"at most 10\^7 entries",
        ),
    ]
)

AT = Case({"world": WORLD, "y": Y}, extreme=False)
test_every_function_is_guarded, test_refusals, test_answers, test_extreme_answers = promises(
    [predicted, observed],
    {
        **dict.fromkeys(
            ("posterior_mean", "sims.posterior_covariance", "log_density", "jacobian"), AT
        ),
        "line_moments": Case({**AT.given, "v": V}, extreme=False),
        "line_derivatives": Case({**AT.given, "v": V, "onto": None}, extreme=False),
        "marginal_nodes": Case({"world": MIXTURE}),
        "difference_fourth_moment": Case({"world": MIXTURE}, extreme=False),
        "sample_pairs": Case({"world": WORLD}),
    },
    excluded=dict.fromkeys(("solved",), "a helper that the paper's checks or tool share"),
)
