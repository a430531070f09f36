"""Estimated noise levels, released code and trained denoisers: what a denoiser must be."""

from typing import Annotated

import numpy as np

from paper_checks.test_denoising_posterior.worlds import LINE, MIXTURE, OPS, WORLDS, Prior
from sims import denoising_posterior as observed
from theory import denoising_posterior as predicted
from theory_on_trial import claim, code, derived, known, published
from theory_on_trial.contract import Interval
from theory_on_trial.laws import Asymptotic

REPOSITORY = "HilaManor/GaussianDenoisingPosterior"
COMMIT = "402fed92b3566363ab45fa73671dd47a4fa4bb5a"
RESIDUAL = published(
    place=code(REPOSITORY, "moments_calculations.py, get_eigvecs", COMMIT),
    quoted="sigma = torch.nn.functional.mse_loss(im_mmse, nim).sqrt().item()",
    within="no `sigma` is given, and what is used is printed as `assumed noise sigma`; here the "
    "denoiser is the posterior mean, while the only released network that comes there was trained "
    "blind, for which this is open",
    reach="released command",
    effect="nothing published is known to be wrong: the variances of that network's pictures have "
    "this factor",
    ran="its lines, rewritten",
)
WEIGHTS_WITHOUT_VOLUME = published(
    place=code(REPOSITORY, "GMMExample/GMM_example.ipynb, mu1_real", COMMIT),
    read="the posterior mean under two normal components of equal weight weighs them by "
    "$exp(-(y - m_k)' V_k^-1 (y - m_k) / 2)$, $V_k = S_k + σ^2$",
    within="two components of equal weight; a normalisation is commented out",
    reach="released command",
    effect="the example's mean is (3.395, 5.634) for (3.414, 5.656): at its numbers the factor "
    "left out is $sqrt(30 / 29) = 1.017$",
    ran="its lines, rewritten",
)
CLIPPED = published(
    place=code(REPOSITORY, "main.py", COMMIT),
    read="$y$ of MNIST is clipped to [0, 1], and the variances are $σ^2$ times the derivative "
    "of the denoiser at the clipped $y$",
    within="here the denoiser is the posterior mean of noise that is not clipped; how the released "
    "network was trained is not known",
    reach="released command",
    effect="the variances of the MNIST pictures, if that network was trained on noise that is not "
    "clipped",
    ran="its lines, rewritten",
)


def released_mean(world, y, sigma):
    """`mu1_real` of the notebook, for components of equal weight."""
    means = []
    weights = []
    for mean, covariance in zip(world.means, world.covariances, strict=True):
        inverse = np.linalg.inv(covariance + sigma**2 * np.eye(len(y)))
        means.append(mean + covariance @ inverse @ (y - mean))
        weights.append(np.exp(-(y - mean) @ inverse @ (y - mean) / 2))
    return np.array(weights) @ np.array(means) / np.sum(weights)


@claim(
    known("Robbins 1956, Tweedie's formula"),
    kind="identity",
    cases=[2.0, 1.5],
    as_published=WEIGHTS_WITHOUT_VOLUME,
)
def test_mixture_mean(trial, sigma: Annotated[float, Interval(0.2, 10)]):
    """If $x$ has a mixture of normal laws with weights $π_k$, means $m_k$ and covariances $S_k$,
    and $V_k = S_k + σ^2$, the components have weights
    $~ π_k det(V_k)^(-1/2) exp(-(y - m_k)'V_k^-1 (y - m_k) / 2)$ in the posterior mean: it is then
    $y + σ^2 ∇log p(y)$.
    """
    covariances = np.array([[[1.0, 0], [0, 2]], [[2, 1], [1, 1]]])
    world = observed.Mixture(np.array([0.5, 0.5]), np.array([[1.0, 2], [8, 10]]), covariances)
    y = np.array([3.5, 6.35])
    step = 1e-25
    score = observed.log_density(world, y + 1j * step * np.eye(2), sigma).imag / step
    volumes = np.sqrt(np.linalg.det(covariances + sigma**2 * np.eye(2)))

    def weighing(by):
        weights = world.weights * by
        return observed.posterior_mean(world._replace(weights=weights / weights.sum()), y, sigma)

    controls = {"det for its root": weighing(1 / volumes)}
    mean = observed.posterior_mean(world, y, sigma)
    predict = predicted.tweedie_mean(y, score, sigma)
    scale = np.abs(y).max() + np.abs(world.means).max()
    trial.identity(
        mean,
        predict,
        ops=OPS,
        scale=scale,
        controls=controls,
        as_published=released_mean(world, y, sigma),
    )


@claim(
    derived("the mean over $y$ of moments given $y$"),
    kind="distribution",
    cases=[(0.8, 1.0)],
)
def test_sampled_calibration(
    trial,
    sigma: Annotated[float, Interval(0.6, 1.5)],
    above: Annotated[float, Interval(-0.5, 1.2)],
):
    """For $y = x + σ n$ with normal noise $n$, $E[(x - μ_1)^k; y > c] = E[μ_k(y); y > c]$ for
    $k = 2$ without a threshold $c$ and for $k = 3$ with one, where the central moments $μ_2$ and
    $μ_3$ are computed from derivatives of the posterior mean $μ_1$.
    """

    def means(level):
        pairs = []
        for k, low in ((0, -1e50), (1, above)):
            y, weights = observed.marginal_nodes(MIXTURE, sigma, low)
            derivatives, _ = observed.line_derivatives(MIXTURE, y[:, None], LINE, sigma, 2)
            moment = predicted.central_moments(derivatives, level)[:, k]
            pairs.append((weights @ moment, weights @ np.abs(moment)))
        return np.array(pairs).T

    def errors(law):
        def few(generator, n):  # of 20,000 at most, which the cache of a processor holds
            x, y = observed.sample_pairs(generator, MIXTURE, sigma, n, law)
            e = (x - observed.posterior_mean(MIXTURE, y, sigma))[:, 0]
            return np.stack([e**2, e**3 * (y[:, 0] > above)], axis=1)

        def draw(generator, n):
            most = 20_000
            return np.concatenate([few(generator, min(most, n - k)) for k in range(0, n, most)])

        return draw

    predict, sizes = means(sigma)
    processes = {"Laplace noise": errors("laplace"), "uniform noise": errors("uniform")}
    options = {
        "margin": np.array([0.01, 0.07]) * sizes,
        "scale": sizes,
        "first": 400_000,
        "most": 4_000_000,
    }
    options["controls"] = {"$σ$ 10 % too small": means(0.9 * sigma)[0]}
    trial.mean(
        sampler=errors("normal"),
        predict=predict,
        law=Asymptotic(),
        control_processes=processes,
        **options,
    )


@claim(
    derived("law of total variance"),
    kind="distribution",
    cases=[(0.5, 0.2), (0.6, 0.3)],
    as_published=CLIPPED,
)
def test_clipping(
    trial,
    sigma: Annotated[float, Interval(0.5, 1, why="elsewhere clipping moves less than the margin")],
    ones: Annotated[float, Interval(0.05, 0.9)],
):
    """If $x$ is 0 or 1 and $y = x + σ n$ is clipped to $c$ in $[0, 1]$,
    $E (x - μ_1(c))^2 = E μ_2(y) + E (μ_1(y) - μ_1(c))^2$, where $μ_1$ is the posterior mean and
    $μ_2$ the posterior variance given $y$: the squared error of $μ_1$ at the clipped value exceeds
    the mean variance by the last term.
    """
    world = observed.Mixture(
        np.array([1 - ones, ones]), np.array([[0.0], [1.0]]), np.zeros((2, 1, 1))
    )

    def squares(generator, n):
        x, y = observed.sample_pairs(generator, world, sigma, n)
        return (x - observed.posterior_mean(world, y.clip(0, 1), sigma))[:, 0] ** 2

    y, weights = observed.marginal_nodes(world, sigma)
    pair = np.array([y, y.clip(0, 1)])[..., None]
    slopes = observed.line_derivatives(world, pair, LINE, sigma, 1)[0]
    variances = predicted.central_moments(slopes, sigma)[..., 0] @ weights
    predict = (
        variances[0]
        + np.diff(observed.posterior_mean(world, pair, sigma), axis=0).ravel() ** 2 @ weights
    )
    trial.require(
        abs(variances[1] - predict) > 0.06 * predict,
        "what is printed must be two margins away from it",
    )
    size = {
        "margin": 0.03 * predict,
        "first": 50_000,
        "most": 2_000_000,
        "controls": {"$y$ not clipped": variances[0]},
    }
    trial.mean(
        sampler=squares, predict=predict, law=Asymptotic(), as_published=variances[1], **size
    )


# Independent coordinates of one law
Copies = Annotated[int, Interval(1, 10**6, why="whose sums keep their digits")]
NOISE = Annotated[float, Interval(0.05, 30, why="beyond, the residual lacks next to nothing")]


def over_y(prior, sigma, *functions):
    """Means over y, with 16 nodes in each panel, and by how much 24 differ from them at most, with
    rounding.
    """
    world = WORLDS[prior]
    means = []
    for nodes in (16, 24):
        y, weights = observed.marginal_nodes(world, sigma, nodes=nodes)
        mean = observed.posterior_mean(world, y[:, None], sigma)[:, 0]
        means.append([float(weights @ function(y, mean)) for function in functions])
    coarse, fine = np.array(means)
    return coarse, np.abs(fine - coarse).max() + 1e-14 * np.abs(coarse).max()


def residual_and_trace(trial, prior, sigma):
    """E (y - μ_1)^2 and E μ_1' of one coordinate, and the error of integration of the former."""

    def slope(y, mean):
        return observed.line_derivatives(WORLDS[prior], y[:, None], LINE, sigma, 1)[0][:, 0]

    (residual, trace), error = over_y(prior, sigma, lambda y, mean: (y - mean) ** 2, slope)
    trial.require(trace > 1e-6, "sigma must be large enough for an error of the mean that shows")
    return residual, trace, error * (1 + sigma**2)


@claim(
    derived("Tweedie's formula and an integration by parts"),
    kind="identity",
    cases=[("points", 0.5, 1), ("mixture", 0.8, 6), ("mixture", 3.0, 100)],
    as_published=RESIDUAL,
)
def test_noise_level(trial, prior: Prior, sigma: NOISE, dim: Copies):
    """The residual of the posterior mean $μ_1$ in $d$ dimensions has
    $E|y - μ_1|^2 / d = σ^2 (1 - E tr J / d)$, which is less than $σ^2$ by the mean squared error
    per dimension; $J$ is the Jacobian of $μ_1$.
    """
    residual, trace, error = residual_and_trace(trial, prior, sigma)
    predict = predicted.residual_variance(sigma, dim * trace, dim)
    larger = predicted.residual_variance(1.1 * sigma, dim * trace, dim)
    controls = {"$σ^2 +$ MMSE": 2 * sigma**2 - predict, "$σ$ 10 % too large": larger}
    trial.value(
        residual,
        predict,
        error=error,
        margin=1e-9 * sigma**2,
        controls=controls,
        as_published=sigma**2,
    )


@claim(
    derived("Tweedie's formula and an integration by parts, solved for $σ$"),
    kind="identity",
    cases=[("points", 0.5, 1), ("mixture", 0.8, 6), ("mixture", 3.0, 100)],
)
def test_noise_level__solved(trial, prior: Prior, sigma: NOISE, dim: Copies):
    """The variance of the noise is $σ^2 = E|y - μ_1|^2 / (d - E tr J)$, where $μ_1$ is the
    posterior mean in $d$ dimensions and $J$ its Jacobian.
    """
    residual, trace, error = residual_and_trace(trial, prior, sigma)
    level = predicted.noise_variance(dim * residual, dim * trace, dim)
    trial.value(
        sigma**2,
        level,
        error=error / (1 - trace),
        margin=1e-9 * sigma**2,
        controls={"$y - μ_1$ alone": residual},
    )


@claim(
    known("Stein 1981, Estimation of the mean of a multivariate normal distribution"),
    kind="identity",
    cases=[("mixture", 0.8, 1.0, 1), ("points", 0.5, 2.0, 7)],
)
def test_noise_level__any_denoiser(
    trial,
    prior: Prior,
    sigma: NOISE,
    gain: Annotated[float, Interval(0.1, 10)],
    dim: Copies,
):
    """A smooth denoiser $f$ in $d$ dimensions with the Jacobian $J_f$ has
    $E|y - f|^2 = σ^2 d + E|f - x|^2 - 2 σ^2 E tr J_f$; here $f$ is a multiple of $sin(y)$.
    """
    world = WORLDS[prior]

    def error_of(y, mean):
        return (gain * np.sin(y) - mean) ** 2 + observed.line_moments(
            world, y[:, None], LINE, sigma, 2
        )[:, 0]

    functions = (
        lambda y, mean: (y - gain * np.sin(y)) ** 2,
        error_of,
        lambda y, mean: gain * np.cos(y),
    )
    (residual, squares, trace), error = over_y(prior, sigma, *functions)
    predict = predicted.residual_of_denoiser(sigma, dim * squares, dim * trace, dim) / dim
    once = sigma**2 * trace
    controls = {
        "the trace once": predict + once,
        "as if $f$ did not look at $y$": predict + 2 * once,
    }
    scale = sigma**2 + squares + 2 * abs(once)
    trial.require(abs(once) > 1e-6 * scale, "gain must leave f a mean slope that shows")
    trial.value(
        residual, predict, error=error * (1 + sigma**2), margin=1e-9 * scale, controls=controls
    )


def fitted_readout(y, x, weights, slopes, places, skip):
    """Values and slopes at y of a network of fixed hidden units whose readout, of 1 and maybe y
    too, fits x.
    """
    hidden = np.tanh(slopes * (y[:, None] - places))
    ones = np.ones_like(y)
    zeros = np.zeros_like(y)
    values = np.stack([ones, *[y] * skip, *hidden.T], axis=1)
    derivatives = np.stack([zeros, *[ones] * skip, *(slopes * (1 - hidden**2)).T], axis=1)
    root = np.sqrt(weights)
    readout = np.linalg.lstsq(values * root[:, None], x * root, rcond=1e-12)[0]
    return values @ readout, derivatives @ readout


@claim(
    derived("the normal equations, and the identity of Stein 1981"),
    kind="identity",
    cases=[("mixture", 0.8, 8), ("points", 0.5, 3)],
)
def test_learned_denoiser(
    trial,
    prior: Prior,
    sigma: Annotated[
        float,
        Interval(0.3, 3, why="beyond, all networks do as well or as badly as their linear part"),
    ],
    units: Annotated[int, Interval(1, 20, why="more units are nearly dependent")],
):
    """If a denoiser on a line is a readout of fixed features, $y$ among them, that is fitted by
    least squares to all of $x$ and $y$, the variance $σ^2 J$ that it claims is its own squared
    error on average, however far it is from the posterior mean; $J$ is its derivative.
    """
    world = WORLDS[prior]
    generator = trial.generator()
    y, weights = observed.marginal_nodes(world, sigma)
    mean = observed.posterior_mean(world, y[:, None], sigma)[:, 0]
    least = float(weights @ observed.line_moments(world, y[:, None], LINE, sigma, 2)[:, 0])
    # Features vary over the range of y: the nodes do not resolve steeper ones.
    slopes = generator.normal(size=units) / max(1.0, sigma)
    places = generator.normal(size=units)

    def judged(skip):
        f, slope = fitted_readout(y, mean, weights, slopes, places, skip)
        return (
            weights @ (f - mean) ** 2 + least,
            sigma**2 * (weights @ slope),
            sigma**2 * (weights @ slope**2),
        )

    error, report, noise = judged(True)
    without = judged(False)
    controls = {
        "the least squared error": least,
        "$σ$ for $σ^2$": report / sigma,
        "$y$ not among the features": without[1],
    }
    controls["the noise that it lets through, $σ^2 J^2$"] = noise
    controls = {
        name: value for name, value in controls.items() if abs(value - error) > 1e-7 + 1e-6 * error
    }
    trial.value(
        error,
        predicted.claimed_variance(sigma, report / sigma**2),
        error=1e-9,
        margin=1e-8,
        controls=controls,
        generic="least squares and moments are analytic in slopes and places",
    )
