"""Tests of posterior moments from denoisers: properties, simulators, refusals, hostility."""

import math

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
from promises import Case, promises, refused
from scipy.integrate import quad
from scipy.stats import norm

from own_data import denoising_posterior as tool
from paper_checks.test_denoising_posterior.test_claims import LINE, MIXTURE, spatial
from sims import denoising_posterior as observed
from tests.denoising_posterior.own_data_sets import denoiser
from theory import denoising_posterior as predicted
from theory_on_trial.testing.suite import check_readable

WEIGHTS = MIXTURE.weights
MEANS = MIXTURE.means[:, 0]
DEVIATIONS = np.sqrt(MIXTURE.covariances[:, 0, 0])
WORLD, Y, V, _ = spatial(0, 6)


def traced(sigma):
    """The posterior mean of `WORLD`, written again for JAX."""
    inverse = np.linalg.inv(WORLD.covariances + sigma**2 * np.eye(6))
    volumes = np.log(WEIGHTS) + np.linalg.slogdet(inverse)[1] / 2

    def mean(y):
        apart = y - WORLD.means
        logs = volumes - jnp.einsum("ki,kij,kj->k", apart, inverse, apart) / 2
        centres = WORLD.means + jnp.einsum("kij,kjl,kl->ki", WORLD.covariances, inverse, apart)
        return jax.nn.softmax(logs) @ centres

    return mean


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


def test_a_posterior_mean_tells_its_own_moments():
    exact = tool.posterior_uncertainty(traced(0.7), Y, 0.7, n_components=6)
    covariance = observed.posterior_covariance(WORLD, Y, 0.7)
    variances = [part.deviation**2 for part in exact.components]
    assert exact.answerable
    assert variances == pytest.approx(np.linalg.eigvalsh(covariance)[::-1], rel=1e-9, abs=0)
    assert exact.trace == pytest.approx(np.trace(covariance) / 0.49, rel=1e-9, abs=0)
    assert sum(part.share for part in exact.components) == pytest.approx(1)
    assert exact.derivative_error == 0
    by_differences = tool.posterior_uncertainty(denoiser(WORLD, 0.7), Y, 0.7, n_components=6)
    assert 0 < by_differences.derivative_error < 0.1
    for part, other in zip(exact.components, by_differences.components, strict=True):
        second, third, fourth = observed.line_moments(WORLD, Y, part.direction, 0.7, 4)
        assert part.skewness == pytest.approx(third / second**1.5, rel=1e-7, abs=0)
        assert part.excess_kurtosis == pytest.approx(fourth / second**2 - 3, rel=1e-7, abs=0)
        assert other.deviation == pytest.approx(part.deviation, rel=1e-5, abs=0)
        assert other.excess_kurtosis == pytest.approx(part.excess_kurtosis, abs=1e-3)
    lower = tool.posterior_uncertainty(
        lambda y: (0.5 * y).astype(np.float32), Y, 0.7, order=2
    ).components[0]
    assert lower.deviation == pytest.approx(0.7 * math.sqrt(0.5), rel=1e-6, abs=0)
    assert np.isnan([lower.skewness, lower.excess_kurtosis]).all()


def test_a_region_of_an_image():
    mask = np.arange(6).reshape(2, 3) < 2
    flat = traced(0.7)
    answer = tool.posterior_uncertainty(
        lambda z: flat(z.ravel()).reshape(2, 3), Y.reshape(2, 3), 0.7, mask=mask
    )
    assert [part.deviation**2 for part in answer.components] == pytest.approx(
        [0.54395, 0.23672], abs=5e-6
    )
    assert all(
        part.direction.shape == (2, 3) and not part.direction[~mask].any()
        for part in answer.components
    )
    assert sum(part.share for part in answer.components) == pytest.approx(1)


def smoother(dim, variances, sigma):
    """The posterior mean of a normal prior in a random frame, for JAX, and a draw of y."""
    r = np.random.default_rng(0)
    frame = np.linalg.qr(r.normal(size=(dim, dim)))[0]
    matrix = (frame * (variances / (variances + sigma**2))) @ frame.T
    y = frame @ (np.sqrt(variances) * r.normal(size=dim)) + sigma * r.normal(size=dim)
    return (lambda z: matrix @ z), y, matrix


def test_many_coordinates_are_looked_at_by_products_alone():
    variances = np.array([30.0, 20.0, 10.0, *np.full(117, 0.05)])
    denoise, y, matrix = smoother(120, variances, 0.5)
    answer = tool.posterior_uncertainty(denoise, y, 0.5)
    kept = 0.25 * variances / (variances + 0.25)
    assert [part.deviation**2 for part in answer.components] == pytest.approx(
        kept[:3], rel=1e-4, abs=0
    )
    assert answer.trace == pytest.approx(np.trace(matrix), rel=0.1, abs=0)
    assert (answer.asymmetry, answer.doubts) == (pytest.approx(0, abs=1e-9), ())
    assert all(part.residual < 1e-2 for part in answer.components)
    assert answer.sigma_seen.value == pytest.approx(0.5, rel=0.25, abs=0)
    crooked = matrix + 0.2 * np.triu(np.random.default_rng(1).normal(size=(120, 120)), 1)
    odd = np.linalg.norm(crooked - crooked.T) / np.linalg.norm(crooked)
    refused = tool.posterior_uncertainty(lambda z: crooked @ z, y, 0.5)
    assert refused.asymmetry == pytest.approx(odd, rel=0.1, abs=0)
    assert not refused.answerable


@pytest.mark.parametrize("dim", [2, 40])
def test_what_is_certain_has_no_variance_in_whatever_unit_and_hides_no_other(dim):
    """Of x = +-unit, sigma = unit; a derivative of tanh at 70 is 4e-61. Where all are 0, Lanczos
    has no start.
    """
    y = np.array([0.3] + [70.0] * (dim - 1))
    for unit in (1e-30, 1.0, 1e30):
        first, second = tool.posterior_uncertainty(
            lambda z, u=unit: u * jnp.tanh(z / u), unit * y, unit
        ).components[:2]
        assert first.deviation == pytest.approx(unit / math.cosh(0.3), rel=1e-9, abs=0)
        assert first.skewness == pytest.approx(-2 * math.sinh(0.3), rel=1e-6, abs=0)
        assert second.deviation == pytest.approx(0, abs=1e-9 * unit)
    assert tool.posterior_uncertainty(lambda z: 0 * z, y, 1.0).components[0].deviation == 0
    assert tool.posterior_uncertainty(lambda z: 0 * z + z.mean() / 2, y, 1.0).components[
        0
    ].share == pytest.approx(1)


def net32(dim, sigma):
    """The posterior mean of signs in a random frame, in single precision throughout, as PyTorch's
    networks.
    """
    frame = np.linalg.qr(np.random.default_rng(0).normal(size=(dim, dim)))[0].astype(np.float32)

    def denoise(z):
        inner = np.tanh(frame.T @ np.asarray(z).astype(np.float32) / np.float32(sigma**2))
        return frame @ inner

    return denoise, frame


@pytest.mark.parametrize("dim", [6, 200])
def test_a_denoiser_in_single_precision_has_its_four_moments(dim):
    """Of x = +-1 they are known: with t = tanh(z / σ^2) 1 - t^2, -2t(1 - t^2) and (1 - t^2)(1 +
    3t^2).
    """
    sigma = 0.5
    r = np.random.default_rng(1)
    denoise, frame = net32(dim, sigma)
    z = r.choice([-1.0, 1.0], size=dim) * r.uniform(0.2, 1.5, dim)
    z[0], z[1:] = 0.05, np.sign(z[1:]) * np.maximum(np.abs(z[1:]), 0.3)
    answer = tool.posterior_uncertainty(denoise, frame.astype(float) @ z, sigma, n_components=1)
    part = answer.components[0]
    t = np.tanh(z[0] * np.sign(part.direction @ frame[:, 0]) / sigma**2)
    assert answer.derivative_error < 0.1
    assert part.deviation == pytest.approx(np.sqrt(1 - t**2), rel=0.01, abs=0)
    assert part.skewness == pytest.approx(-2 * t / np.sqrt(1 - t**2), abs=0.05)
    assert part.excess_kurtosis == pytest.approx((1 + 3 * t**2) / (1 - t**2) - 3, abs=0.15)


def test_a_denoiser_that_has_changed_is_not_remembered():
    setting = {"keep": 0.5}

    def denoise(z):
        return setting["keep"] * z

    first = tool.posterior_uncertainty(denoise, Y, 0.7).components[0].deviation
    setting["keep"] = 0.25
    assert tool.posterior_uncertainty(denoise, Y, 0.7).components[0].deviation == pytest.approx(
        first / np.sqrt(2)
    )


@pytest.mark.parametrize(
    ("denoise", "sentence"),
    [
        (lambda z: jnp.roll(z, 1), "the Jacobian is asymmetric by"),
        (lambda z: z - 1.2 * z.mean(), "an eigenvalue of the Jacobian is negative"),
        (lambda z: z + 3 * jnp.sin(3 * z), "are those of no law"),
        (lambda z: np.sin(300 * np.asarray(z)), "differences of the denoiser disagree"),
        (lambda z: np.round(np.asarray(z), 1), "does not react to steps of 0.02 sigma"),
        (
            lambda z: np.round(5 * np.asarray(z)).astype(int),
            "does not react to steps of 0.02 sigma",
        ),
        (lambda z: np.round(60 * np.asarray(z)) / 60, "does not react to steps of 0.02 sigma"),
    ],
)
def test_no_moments_are_reported_of_what_is_no_posterior_mean(denoise, sentence):
    answer = tool.posterior_uncertainty(denoise, np.array([0.52, 0.49, 0.55, 0.53]), 0.5)
    assert sentence in answer.missing
    assert (answer.components, answer.answerable) == ((), False)
    assert "cannot judge: " in answer.summary()


def test_negative_eigenvalues_that_do_not_lead_are_seen():
    eigenvalues = np.r_[0.9, 0.8, 0.7, -0.6, -0.6, np.full(35, 0.01)]
    frame = np.linalg.qr(np.random.default_rng(0).normal(size=(40, 40)))[0]
    matrix = (frame * eigenvalues) @ frame.T
    y = np.ones(40)
    negative = tool.posterior_uncertainty(lambda z: matrix @ z, y, 0.5)
    assert "an eigenvalue of the Jacobian is negative" in negative.missing
    positive = (frame * np.abs(eigenvalues)) @ frame.T
    assert tool.posterior_uncertainty(lambda z: positive @ z, y, 0.5).answerable


def test_a_denoiser_may_work_in_place_and_return_one_array():
    y = Y.copy()
    held = np.empty(6)
    for denoise in (lambda z: np.multiply(z, 0.5, out=z), lambda z: np.multiply(z, 0.5, out=held)):
        clean = np.zeros((60, 6)), np.ones((60, 6))
        found = tool.posterior_uncertainty(denoise, y, 0.7, clean=clean)
        assert found.components[0].deviation == pytest.approx(0.7 * math.sqrt(0.5))
        assert np.array_equal(y, Y)
        assert np.all(clean[1] == 1)


def test_clean_pairs_convict_the_wrong_noise():
    r = np.random.default_rng(3)
    x, y = observed.sample_pairs(r, MIXTURE, 0.8, 600)
    fitting = tool.posterior_uncertainty(denoiser(MIXTURE, 0.8), y[0], 0.8, clean=(x, y))
    assert np.abs(fitting.z_scores).max() < 4
    assert not any("clean pairs" in doubt.reason for doubt in fitting.doubts)
    wrong = tool.posterior_uncertainty(denoiser(MIXTURE, 0.6), y[0], 0.6, clean=(x, y))
    assert abs(wrong.z_scores[0]) > 4
    assert any("clean pairs have other squared errors" in doubt.reason for doubt in wrong.doubts)
    _, other = observed.sample_pairs(r, MIXTURE, 0.8, 600, "laplace")
    shrinking = tool.posterior_uncertainty(lambda z: 0.5 * z, y[0], 0.8, clean=(x, other))
    assert any("clean pairs" in doubt.reason for doubt in shrinking.doubts)


def test_what_is_clipped_or_kept_is_doubted():
    y = np.random.default_rng(0).normal(0.3, 0.5, 200).clip(0, 1)
    found = tool.posterior_uncertainty(lambda z: 0.5 * z, y, 0.5, n_components=1, order=2)
    assert any("as after clipping" in doubt.reason for doubt in found.doubts)
    kept = tool.posterior_uncertainty(lambda z: 0.95 * z, Y, 0.5)
    assert kept.sigma_seen is None
    assert any("keeps nearly all of y" in doubt.reason for doubt in kept.doubts)
    certain = tool.posterior_uncertainty(lambda z: 0 * z, Y, 0.5)
    assert certain.components[0].deviation == 0
    assert np.isnan(certain.components[0].skewness)
    assert "nan" not in certain.summary()


def test_an_answer_says_what_it_found_and_draws_it():
    answer = tool.posterior_uncertainty(traced(0.7), Y, 0.7)
    lines = answer.summary().splitlines()
    assert lines[2].startswith("standard deviation 0.9191 (39% of the variance), skewness -0.0434")
    assert check_readable(answer)["components"][0]["deviation"] == pytest.approx(0.9191, abs=1e-4)
    assert (
        check_readable(tool.posterior_uncertainty(lambda z: jnp.roll(z, 1), Y, 0.7))["components"]
        == []
    )
    assert len(answer.plot().containers) == 2
    plt.close("all")


def asked(denoise=lambda z: 0.5 * z, y=(1.0, 2.0), sigma=0.5, **given):
    return tool.posterior_uncertainty(denoise, np.array(y), sigma, **given)


CLEAN = np.ones((60, 3))
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
        (lambda: asked(sigma=0.0), "sigma must lie in"),
        (lambda: asked(lambda z: z[:1]), r"denoise must return the shape \(2,\) of y, got \(1,\)"),
        (lambda: asked(lambda z: z / 0 * 0), "denoise must return finite numbers"),
        (
            lambda: asked(lambda z: np.sqrt(np.asarray(z) - 1)),
            "denoise must return finite numbers near y",
        ),
        (lambda: asked(lambda z: jnp.sqrt(z - 1)), "denoise must return finite numbers near y"),
        (
            lambda: asked(lambda z: np.tanh(np.asarray(z)), sigma=1e-9),
            "sigma must be larger beside y",
        ),
        (lambda: asked(mask=np.array([False, False])), "mask must select at least one coordinate"),
        (lambda: asked(mask=np.array([True])), "mask must have the shape"),
        (
            lambda: asked(clean=(CLEAN[:3, :2], CLEAN[:3, :2])),
            "clean must hold at least 50 pairs, got 3",
        ),
        (lambda: asked(clean=(CLEAN, CLEAN)), "clean must be two arrays of pairs"),
    ]
)

AT = Case({"world": WORLD, "y": Y}, extreme=False)
HALF = {"denoise": lambda z: 0.5 * z, "y": Y, "mask": None, "clean": None}
test_every_function_is_guarded, test_refusals, test_answers, test_extreme_answers = promises(
    [predicted, observed, tool],
    {
        **dict.fromkeys(
            ("posterior_mean", "sims.posterior_covariance", "log_density", "jacobian"), AT
        ),
        "line_moments": Case({**AT.given, "v": V}, extreme=False),
        "line_derivatives": Case({**AT.given, "v": V, "onto": None}, extreme=False),
        "marginal_nodes": Case({"world": MIXTURE}),
        "difference_fourth_moment": Case({"world": MIXTURE}, extreme=False),
        "sample_pairs": Case({"world": WORLD}),
        "posterior_uncertainty": Case(
            HALF, infinite="the denoiser of a constant half knows no skewness of nothing"
        ),
    },
)
