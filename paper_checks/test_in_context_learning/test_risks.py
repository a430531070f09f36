"""How the risks of the rules depend on d and k: exactly by quadrature, and by simulation in more dimensions."""

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks.test_in_context_learning import DERIVED, PAPER, gauss_hermite
from sims.in_context_learning import baselines, metrics
from sims.in_context_learning.prompts import Prompts, sample_prompts
from theory import in_context_learning as predicted
from theory_on_trial import claim, ours
from theory_on_trial.laws import Asymptotic, Bounded

STEPS = (0.05, 0.2, 0.25, 0.3)
DIMENSION = 2
LENGTHS = (1, 2)


def exact_risks(kind, weight_std, noise_std, steps=STEPS):
    """E |w_hat - w|^2 of a rule of the given kind (steps x LENGTHS) at d = 2: three nodes for each of eight normals.

    The squared error has degree four in each of them, so that the mean is exact.
    """
    nodes, probabilities = gauss_hermite(3, 4 * DIMENSION)
    inputs = nodes[:, : 2 * DIMENSION].reshape(-1, 2, DIMENSION)
    weights = weight_std * nodes[:, 2 * DIMENSION : 3 * DIMENSION]
    labels = np.einsum("nki,ni->nk", inputs, weights) + noise_std * nodes[:, 3 * DIMENSION :]
    errors = weight_errors(inputs, labels, weights, kind, steps)
    return np.einsum("n,snk->sk", probabilities, errors)[:, np.array(LENGTHS)]


def weight_errors(inputs, labels, weights, kind, steps):
    """|w_hat - w|^2, [steps, prompts, prefixes], after 0, 1 and 2 examples."""
    # A third example, which no prefix sees.
    inputs = np.pad(inputs, ((0, 0), (0, 1), (0, 0)))
    prompts = Prompts(inputs, np.pad(labels, ((0, 0), (0, 1))), weights)
    rules = [getattr(baselines, name)(step) for name in ("gradient_step", "sgd") for step in steps]
    found = np.asarray(baselines.weights_all(prompts, rules)).reshape(2, len(steps), *inputs.shape)
    return np.sum((found[("gradient_step", "sgd").index(kind)] - weights[:, None]) ** 2, axis=-1)


def quadrature_rounding(risks):
    """Operations and scale of a sum of 3^8 non-negative terms, each a few operations away from the nodes."""
    return {"ops": 3 ** (4 * DIMENSION), "scale": 1 + np.abs(risks)}


@claim(ours(f"{DERIVED}: least squares"), kind="distribution")
def test_ols__risk(trial, cells=((4, 2), (3, 6)), largest=12):
    """The noise in least squares costs sigma^2 k/(d - k - 1) for k < d - 1 and sigma^2 d/(k - d - 1) for k > d + 1.

    The reciprocal of a diagonal entry of the smaller Gram matrix's inverse is chi-square with |d - k| + 1 degrees of
    freedom; the trace is a sum of such entries, and its mean an integral. (A mean over simulated traces would need
    far more samples, or none would be enough: for |d - k| < 4 their variance is infinite.)
    """
    from scipy.integrate import quad
    from scipy.stats import chi2

    def reciprocal(sizes):
        def measure(key):
            factor = jax.random.normal(key, (min(sizes), max(sizes)))
            return 1 / jnp.linalg.inv(factor @ factor.T)[0, 0]

        return measure

    for d, k in cells:
        freedom = abs(d - k) + 1
        trial.distribution(
            reciprocal((d, k)),
            chi2(freedom).cdf,
            margin=0.06,
            controls={"one degree less": chi2(freedom - 1).cdf, "one more": chi2(freedom + 1).cdf},
            first=4096,
            vectorised=True,
        )
    pairs = [(d, k) for d in range(1, largest) for k in range(1, largest) if abs(d - k) > 1]
    integrals = {
        freedom: quad(lambda s, f=freedom: chi2.pdf(s, f) / s, 0, np.inf, epsabs=0, epsrel=1e-11)
        for freedom in range(3, largest)
    }
    found = np.array([np.multiply(integrals[abs(d - k) + 1], min(d, k)) for d, k in pairs])
    trial.value(
        found[:, 0],
        np.array([predicted.ols_risk(d, k, noise_std=1.0) - max(d - k, 0) for d, k in pairs]),
        error=found[:, 1],
        margin=1e-8,
        controls={"without the 1": np.array([min(d, k) / abs(d - k) for d, k in pairs])},
    )


@claim(ours(f"{DERIVED}: the Bayes risk as one integral over the spectrum"), kind="distribution")
def test_bayes__error(trial, cells=((1, 0.5), (2, 0.5), (2, 1.0)), examples=6):
    """Over the prefixes 1..5 the Bayes error is .44529 at d = 1, .80228 at d = 2 and, with sigma = 1 there, 1.89554."""
    largest = max(d for d, _ in cells)

    def excess(examples):
        """Per dimension and without the label noise, which every predictor has."""
        errors = [predicted.mean_bayes_error(d, examples, noise_std=sigma) for d, sigma in cells]
        return np.array([(error - sigma**2) / d for error, (d, sigma) in zip(errors, cells, strict=True)])

    def measure(key):
        inputs = jax.random.normal(key, (examples - 1, largest))
        shown = jnp.tril(jnp.ones((examples - 1, examples - 1)))[:, :, None] * inputs
        spectra = {d: metrics.gram_eigenvalues(shown[:, :, :d]) for d in {d for d, _ in cells}}
        # The risk of ridge regression at lambda = sigma^2, directions without any example included (s = 0).
        return jnp.stack(
            [jnp.mean((sigma**4 + sigma**2 * spectra[d]) / (spectra[d] + sigma**2) ** 2) for d, sigma in cells]
        )

    trial.mean(
        measure,
        excess(examples),
        law=Bounded(0, 1),
        margin=0.03 * excess(examples),
        controls={"one example more": excess(examples + 1), "one less": excess(examples - 1)},
        first=2048,
        most=60_000,
    )


@claim(ours(f"{DERIVED}: the baseline GD(alpha) of {PAPER}"), kind="identity")
def test_gd__risk(trial, weight_std=1.5, noise_std=0.5):
    """One gradient step has the risk tau^2 d (1 - 4 alpha k) + 4 alpha^2 k d [(k + d + 1) tau^2 + sigma^2]."""
    law, mean_gradient, noiseless = (
        np.array(
            [
                [predicted.gradient_step_risk(DIMENSION, k, step / divide(k), weight_std, sigma) for k in LENGTHS]
                for step in STEPS
            ]
        )
        for divide, sigma in ((lambda k: 1, noise_std), (lambda k: k, noise_std), (lambda k: 1, 0.0))
    )
    trial.identity(
        exact_risks("gradient_step", weight_std, noise_std),
        law,
        **quadrature_rounding(law),
        controls={"mean of the gradients": mean_gradient, "no noise": noiseless},
    )


@claim(ours(DERIVED), kind="optimality")
def test_gd__best__step(trial, weight_std=1.5, noise_std=0.5):
    """The best single step is alpha = 1 / (2 (k + d + 1 + sigma^2 / tau^2)), the optimum of linear attention too."""
    risks = exact_risks("gradient_step", weight_std, noise_std)
    zero = predicted.zero_predictor_risk(DIMENSION, weight_std)
    # The risk is a parabola through its value at alpha = 0.
    low, high = STEPS[0], STEPS[1]
    falls = (risks[:2] - zero) / np.array([[low], [high]])
    curvature = (falls[1] - falls[0]) / (high - low)
    slope = falls[0] - curvature * low
    stds, lengths = (weight_std, noise_std), np.array(LENGTHS)
    trial.identity(
        -slope / (2 * curvature),
        np.array([predicted.best_step(DIMENSION, k, *stds) for k in LENGTHS]),
        **quadrature_rounding(np.zeros(2)),
        controls={
            "without the 1": 1 / (2 * (lengths + DIMENSION + (noise_std / weight_std) ** 2)),
            "sigma^2 for its ratio": 1 / (2 * (lengths + DIMENSION + 1 + noise_std**2)),
        },
    )
    best = np.array([predicted.best_step_risk(DIMENSION, k, *stds) for k in LENGTHS])
    trial.identity(
        zero - slope**2 / (4 * curvature),
        best,
        **quadrature_rounding(2 * zero),
        controls={"risk of zero": 0 * best + zero},
    )
    sums = np.array([float(predicted.optimal_map(np.eye(DIMENSION), np.eye(DIMENSION), 0.0, k)[0, 0]) for k in LENGTHS])
    ratio = -exact_slope_over_curvature(lengths)
    trial.identity(
        ratio, sums, **quadrature_rounding(np.ones(2)), controls={"d for d + 1": lengths / (lengths + DIMENSION)}
    )


def exact_slope_over_curvature(lengths):
    """- 2 k alpha at the vertex of the risk for tau = 1 and sigma = 0, from three points of the parabola."""
    risks = exact_risks("gradient_step", 1.0, 0.0)
    falls = (risks[:2] - DIMENSION) / np.array(STEPS[:2])[:, None]
    curvature = (falls[1] - falls[0]) / (STEPS[1] - STEPS[0])
    return lengths * (falls[0] - curvature * STEPS[0]) / curvature


@claim(ours(f"{DERIVED}: the baseline SGD(alpha) of {PAPER}"), kind="identity")
def test_sgd__risk(trial, weight_std=1.5, noise_std=0.5):
    """A step of SGD takes the risk r to rho r + 4 alpha^2 sigma^2 d, rho = 1 - 4 alpha + 4 alpha^2 (d + 2)."""
    found = exact_risks("sgd", weight_std, noise_std)

    def risks(rate):
        start = weight_std**2 * DIMENSION
        steps = np.array(STEPS)
        first = rate * start + 4 * steps**2 * noise_std**2 * DIMENSION
        return np.column_stack([first, rate * first + 4 * steps**2 * noise_std**2 * DIMENSION])

    law = np.array([[predicted.sgd_risk(DIMENSION, k, step, weight_std, noise_std) for k in LENGTHS] for step in STEPS])
    steps = np.array(STEPS)
    trial.identity(
        found,
        law,
        **quadrature_rounding(law),
        controls={"d for d + 2": risks(1 - 4 * steps + 4 * steps**2 * DIMENSION)},
    )
    limit = STEPS.index(predicted.sgd_stability_limit(DIMENSION))
    noiseless = exact_risks("sgd", weight_std, 0.0)
    trial.identity(
        noiseless[limit],
        np.full(len(LENGTHS), predicted.zero_predictor_risk(DIMENSION, weight_std)),
        **quadrature_rounding(noiseless[limit]),
        wrong_processes={"a smaller step": noiseless[1], "a larger step": noiseless[3], "with noise": found[limit]},
    )
    nodes, probabilities = gauss_hermite(5, DIMENSION)
    inputs = np.stack([nodes, 0 * nodes], axis=1)
    start = np.broadcast_to(np.eye(DIMENSION)[0], nodes.shape)
    # |w_hat - w|^4 has degree eight; the prompts are filled up so that one program serves for all.
    filled = 3 ** (4 * DIMENSION) - len(nodes)
    padded = [
        np.concatenate([array, np.zeros((filled, *array.shape[1:]))]) for array in (inputs, inputs[:, :, 0], start)
    ]
    errors = weight_errors(*padded, "sgd", STEPS)[:, : len(nodes), 1]
    fourth = np.array([predicted.fourth_moment_factor(DIMENSION, step) for step in STEPS])
    contraction = np.array([predicted.sgd_contraction(DIMENSION, step) for step in STEPS])
    trial.identity(errors**2 @ probabilities, fourth, ops=100, scale=1 + fourth, controls={"rho^2": contraction**2})


@claim(
    ours(f"{PAPER}, figure 1 with least squares for the trained model; laws derived"), kind="distribution", tier="full"
)
def test_fig1__curves(trial, dimension=8, prefixes=(2, 5, 8, 11, 14), margin=0.08, batch=256):
    """Without noise the squared distances of GD, SGD and ridge from least squares follow exact laws in k and d."""
    rules = [baselines.ols(), baselines.ridge(0.1), baselines.ridge(0.5)]
    rules += [baselines.gradient_step(step) for step in (0.01, 0.02)] + [baselines.sgd(step) for step in (0.01, 0.03)]

    def measure(key):
        # Means of a batch, whose skewness (about 2.5 in one prompt) is sixteen times smaller: nearly normal.
        weights = baselines.weights_all(sample_prompts(key, batch, max(prefixes) + 1, dimension), rules)
        distances = jnp.mean(jnp.sum((weights - weights[0]) ** 2, axis=-1), axis=1)
        # Ridge at k = d only: elsewhere rare spectra make up most of its distance.
        return jnp.concatenate([distances[3:, np.array(prefixes)].ravel(), distances[1:3, dimension]])

    def laws(one_step, descent):
        return [one_step(k, step) for step in (0.01, 0.02) for k in prefixes] + [
            descent(k, step) for step in (0.01, 0.03) for k in prefixes
        ]

    def unseen(k):
        return max(dimension - k, 0)

    ridges = [predicted.spd_ridge_to_ols(parameter, dimension, dimension) for parameter in (0.1, 0.5)]
    law = np.array(
        laws(
            lambda k, step: predicted.spd_gradient_step_to_ols(dimension, k, step),
            lambda k, step: predicted.spd_sgd_to_ols(dimension, k, step),
        )
        + ridges
    )
    wrong = np.array(
        laws(
            lambda k, step: predicted.gradient_step_risk(dimension, k, step / k) - unseen(k),
            lambda k, step: dimension * (1 - 4 * step + 4 * step**2 * dimension) ** k - unseen(k),
        )
        + ridges
    )
    trial.mean(
        measure,
        law,
        law=Asymptotic(),
        margin=margin * law,
        controls={"mean gradient, and d for d + 2": wrong, "risks": law + np.array([*map(unseen, prefixes * 4), 1, 1])},
        first=64,
        most=512,
    )
