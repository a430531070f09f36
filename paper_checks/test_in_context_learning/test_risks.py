"""How the risks of the rules depend on d and k: exactly by quadrature, and by simulation in more
dimensions.
"""

from fractions import Fraction
from functools import partial
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import quad
from scipy.special import roots_genlaguerre
from scipy.stats import chi2

from paper_checks.briefs.common import normal_nodes
from paper_checks.test_in_context_learning import Noise, Std
from sims.in_context_learning import baselines
from sims.in_context_learning.prompts import Prompts
from theory.in_context_learning import risk_laws
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval
from theory_on_trial.laws import Asymptotic, Bounded

SHARES = (0.2, 0.8, 1.0, 1.2)
"""Steps, in units of the largest stable one."""
Inverted = Annotated[int, Interval(1, 12, why="up to 400 000 matrices of this size are inverted")]
Dimension = Annotated[int, Interval(1, 4, why="three nodes for each normal number")]
Examples = Annotated[int, Interval(1, 4, why="three nodes for each normal number")]


def steps_of(dimension):
    """The steps that are tried in d dimensions."""
    return np.array(SHARES) * risk_laws.sgd_stability_limit(dimension)


def normals(trial, dimension, examples):
    """How many normal numbers a prompt holds; require that a sum over three nodes for each is no
    longer than 3^9.
    """
    number = dimension * examples + dimension + examples
    trial.require(
        number <= 9, "dimension and examples must be small: three nodes for each normal number"
    )
    return number


def exact_risks(rule, dimension, examples, weight_std, noise_std):
    """E |w_hat - w|^2 of `rule` (a function of the step) after all examples, for each step: three
    nodes for each normal. The squared error has degree four in each of them, so that the mean is
    exact.
    """
    sizes = [dimension * examples, dimension, examples]
    nodes, probabilities = normal_nodes(3, sum(sizes))
    inputs, weights, noise = np.split(nodes, np.cumsum(sizes)[:2], axis=1)
    inputs = inputs.reshape(-1, examples, dimension)
    weights = weight_std * weights
    labels = np.einsum("nki,ni->nk", inputs, weights) + noise_std * noise
    # One example more, which no prefix sees.
    prompts = Prompts(
        np.pad(inputs, ((0, 0), (0, 1), (0, 0))), np.pad(labels, ((0, 0), (0, 1))), weights
    )
    rules = [rule(float(step)) for step in steps_of(dimension)]
    estimates = np.asarray(baselines.weights_all(prompts, rules))[:, :, -1]
    return np.sum((estimates - weights) ** 2, axis=-1) @ probabilities


GRAM_SIZES = [(4, 2), (3, 6), (2, 5)]
INFINITE_MEAN = "examples must differ from dimension by two at least: the mean is infinite"


@claim(
    derived("by the law of an entry of an inverse Wishart matrix"),
    kind="distribution",
    cases=GRAM_SIZES,
)
def test_ols__chi2(trial, dimension: Inverted, examples: Inverted):
    """For a d x k matrix of standard normal numbers, the reciprocal of a diagonal entry of the
    inverse of its smaller Gram matrix is chi-square with |d - k| + 1 degrees of freedom.
    """
    few, many = sorted((dimension, examples))
    trial.require(many - few > 1, INFINITE_MEAN)

    def reciprocals(rng, count):
        factors = rng.standard_normal((count, few, many))
        return 1 / np.linalg.inv(factors @ factors.swapaxes(1, 2))[:, 0, 0]

    freedom = many - few + 1
    controls = {"one degree less": chi2(freedom - 1).cdf, "one more": chi2(freedom + 1).cdf}
    sizes = {"first": 16384, "most": 400_000}
    trial.distribution(
        sampler=reciprocals, cdf=chi2(freedom).cdf, margin=0.01, controls=controls, **sizes
    )


@claim(
    derived("by the mean of the reciprocal of a chi-square number"),
    kind="identity",
    cases=GRAM_SIZES,
)
def test_ols__risk(trial, dimension: Inverted, examples: Inverted):
    """For k examples in d dimensions with noise of variance σ^2, the noise adds σ^2 k/(d - k - 1)
    to the risk of least squares for k < d - 1, and σ^2 d/(k - d - 1) for k > d + 1.
    """
    # The trace of the inverse is a sum of reciprocals of chi-square numbers (`ols-chi2`), and its
    # mean an integral. A mean over simulated traces would need far more samples, or none would be
    # enough: for |d - k| < 4 their variance is infinite.
    few, many = sorted((dimension, examples))
    trial.require(many - few > 1, INFINITE_MEAN)
    freedom = many - few + 1
    mean, error = quad(lambda s: chi2.pdf(s, freedom) / s, 0, np.inf, epsabs=0, epsrel=1e-11)
    cost = risk_laws.ols_risk(dimension, examples, noise_std=1.0) - max(dimension - examples, 0)
    controls = {"without the 1": few / (many - few)}
    rounding = 1e-12 * (cost + dimension + 1)
    trial.value(few * mean, cost, error=few * error + rounding, margin=1e-8, controls=controls)


@claim(
    derived(
        "by the posterior variance of each eigendirection of X^T X, and one integral over the "
        "spectrum"
    ),
    kind="distribution",
    cases=[(1, 0.5), (2, 0.5), (2, 1.0)],
)
def test_bayes__error(
    trial,
    dimension: Annotated[int, Interval(1, 6)],
    noise_std: Annotated[
        float, Interval(0.3, 3, why="with more, examples tell little; the low end is a cap")
    ],
    examples: Annotated[int, Interval(3, 12)] = 6,
):
    """For weights of variance 1, the Bayes risk after k examples is the mean of the sum of σ^2 / (s
    + σ^2) over the eigenvalues s of X^T X, here averaged over k = 1 .. n - 1.
    """

    def excess(examples):
        """Per dimension and without the label noise, which every predictor has."""
        return (
            risk_laws.mean_bayes_error(dimension, examples, noise_std=noise_std) - noise_std**2
        ) / dimension

    def measure(key):
        inputs = jax.random.normal(key, (examples - 1, dimension))
        grams = jnp.cumsum(inputs[:, :, None] * inputs[:, None, :], axis=0)
        spectra = jnp.maximum(jnp.linalg.eigvalsh(grams), 0)
        # The risk of ridge regression at lambda = sigma^2; it is 1 in directions without any
        # example (s = 0).
        risks = (noise_std**4 + noise_std**2 * spectra) / (spectra + noise_std**2) ** 2
        return 1 - jnp.mean(jnp.sum(1 - risks, axis=-1)) / dimension

    law = excess(examples)
    controls = {"half as many examples again": excess(examples + examples // 2 + 1)}
    trial.mean(
        measure,
        law,
        law=Bounded(0, 1),
        margin=0.03 * law,
        controls=controls,
        first=2048,
        most=120_000,
    )


@claim(
    derived("by the fourth moments of the inputs"),
    kind="identity",
    cases=[(2, 2, 0.5), (1, 3, 0.5), (3, 1, 0.5), (2, 2, 0.0)],
)
def test_gd__risk(
    trial, dimension: Dimension, examples: Examples, noise_std: Noise, weight_std: Std = 1.5
):
    """After k examples in d dimensions, with weights of variance τ^2 and noise of variance σ^2, one
    gradient step w = 2 α X^T Y has the risk τ^2 d (1 - 4 α k) + 4 α^2 k d [(k + d + 1) τ^2 + σ^2].
    """
    nodes = 3 ** normals(trial, dimension, examples)
    steps = steps_of(dimension)

    def risks(steps, noise_std=noise_std):
        of_step = partial(
            risk_laws.gradient_step_risk,
            dimension,
            examples,
            weight_std=weight_std,
            noise_std=noise_std,
        )
        return np.array([of_step(step) for step in steps])

    law = risks(steps)
    controls = {"k + d for k + d + 1": law - (2 * weight_std * steps) ** 2 * examples * dimension}
    if noise_std > 0.01:
        controls["without noise"] = risks(steps, 0.0)
    if examples > 1:
        controls["mean of the gradients"] = risks(steps / examples)
    trial.identity(
        exact_risks(baselines.gradient_step, dimension, examples, weight_std, noise_std),
        law,
        ops=nodes,
        scale=weight_std**2 + noise_std**2 + law,
        controls=controls,
    )


@claim(
    derived("the vertex of the parabola that the risk is in α"),
    kind="optimality",
    cases=[(2, 2), (1, 3), (3, 1)],
)
def test_gd__best__step(
    trial, dimension: Dimension, examples: Examples, weight_std: Std = 1.5, noise_std: Std = 0.5
):
    """After k examples in d dimensions the best single gradient step w = 2 α X^T Y has α = 1 / (2
    (k + d + 1 + σ^2 / τ^2)) and the risk τ^2 d (1 - k / (k + d + 1 + σ^2 / τ^2)), where τ^2 and σ^2
    are the variances of weights and noise.
    """
    trial.require(
        noise_std <= 3 * weight_std,
        "noise_std must be at most 3 weight_std: the best step is tiny beyond",
    )
    ratio = (noise_std / weight_std) ** 2
    # The parabola through the exact risks at α = 0 and at two other steps
    risks = exact_risks(baselines.gradient_step, dimension, examples, weight_std, noise_std)
    low, high, *_ = steps_of(dimension)
    at_zero = weight_std**2 * dimension
    falls = (risks[:2] - at_zero) / np.array([low, high])
    curvature = (falls[1] - falls[0]) / (high - low)
    slope = falls[0] - curvature * low
    step = risk_laws.best_step(dimension, examples, weight_std, noise_std)
    least = risk_laws.best_step_risk(dimension, examples, weight_std, noise_std)
    fewer = examples + dimension + ratio
    trial.identity(
        np.array([-slope / (2 * curvature), at_zero - slope**2 / (4 * curvature)]),
        np.array([step, least]),
        ops=3 ** normals(trial, dimension, examples),
        # Differences of risks at steps of a fifth and four fifths of the limit, and again of those.
        scale=20 * (1 + ratio) * np.array([1, at_zero]),
        controls={
            "without the 1": np.array([1 / (2 * fewer), at_zero * (1 - examples / fewer)]),
            "α for 2 α": np.array([2 * step, least]),
        },
    )


@claim(
    derived("by the fourth moments of one input, step by step"),
    kind="identity",
    cases=[(2, 2, 0.5), (1, 3, 0.5), (3, 1, 0.5), (2, 2, 0.0)],
)
def test_sgd__risk(
    trial, dimension: Dimension, examples: Examples, noise_std: Noise, weight_std: Std = 1.5
):
    """Each example of a pass of SGD w <- w - 2 α x (w . x - y) changes the risk r to ρ r + 4 α^2
    σ^2 d with ρ = 1 - 4 α + 4 α^2 (d + 2), for normal inputs in d dimensions and noise of variance
    σ^2. At the step α = 1 / (d + 2), where ρ = 1, the risk neither grows nor falls without noise.
    """
    nodes = 3 ** normals(trial, dimension, examples)
    steps = steps_of(dimension)
    law = np.array(
        [risk_laws.sgd_risk(dimension, examples, step, weight_std, noise_std) for step in steps]
    )
    # The third step is 1 / (d + 2), where only the noise adds to the risk.
    law[2] = dimension * (weight_std**2 + examples * (2 * steps[2] * noise_std) ** 2)
    without_two = np.full(len(steps), weight_std**2 * dimension)
    for _ in range(examples):
        without_two *= 1 - 4 * steps + 4 * steps**2 * dimension
        without_two += (2 * steps * noise_std) ** 2 * dimension
    trial.identity(
        exact_risks(baselines.sgd, dimension, examples, weight_std, noise_std),
        law,
        ops=nodes,
        scale=weight_std**2 + noise_std**2 + law,
        controls={"d for d + 2": without_two},
    )


def mean_over_spectra(function, few, many, nodes):
    """The mean of a sum over the one or two eigenvalues s > 0 of X^T X, by Gauss-Laguerre rules for
    their density. That is s^((many - few - 1) / 2) exp(-s / 2) for each, times their distance; the
    rules are for the smaller one and for the distance.
    """
    power = (many - few - 1) // 2
    # One power is left to the nodes, as the function may have a pole at 0.
    smaller, chances = roots_genlaguerre(nodes, power - 1)
    chances = chances * smaller
    if few == 1:
        return function(2 * smaller) @ (chances / chances.sum())
    # Written in the smaller one and the distance t the density has the factors exp(-s) and t exp(-t
    # / 2).
    distance, weights = roots_genlaguerre(nodes, 1)
    larger = smaller[:, None] + 2 * distance
    chances = chances[:, None] * weights * larger**power
    return np.sum(
        (function(smaller)[..., None] + function(larger)) * (chances / chances.sum()), axis=(-2, -1)
    )


@claim(
    derived(
        "by the loss of each eigendirection of X^T X, and the joint density of its one or two "
        "eigenvalues"
    ),
    kind="distribution",
    cases=[(1, 1, 2.0, 1.2), (2, 1, 1.0, 1.2), (2, 3, 4.0, 1.2), (2, 1, 1.0, 0.0)],
)
def test_ridge__laws(
    trial,
    few: Literal[1, 2],
    excess: Annotated[int, Interval(1, 6)],
    regulariser: Annotated[
        float, Interval(0.5, 5.0, why="nodes know little of poles near 0; the high end is a cap")
    ],
    noise_std: Noise,
    weight_std: Std = 1.5,
):
    """The risk of ridge regression, and its mean squared distances from least squares and from the
    Bayes predictor, are integrals over the spectrum of X^T X.

    There are d = `few` dimensions and k = `few` + 2 `excess` + 1 examples, or the other way round.
    """
    many = few + 2 * excess + 1
    ratio = noise_std**2 / weight_std**2
    trial.require(
        ratio == 0 or 0.5 <= ratio <= 5,
        "noise_std / weight_std must be 0 or moderate: of poles near 0 the nodes know little",
    )
    trial.require(
        abs(regulariser - ratio) > 0.01 * ratio,
        "regulariser must not be that of the Bayes predictor",
    )

    def losses(s):
        """Of one eigendirection: to the weights, to least squares, and to the Bayes predictor."""
        ridge = s / (s + regulariser)
        bayes = s / (s + ratio)
        label = weight_std**2 + noise_std**2 / s
        return np.array(
            [
                weight_std**2 * (1 - ridge) ** 2 + noise_std**2 / s * ridge**2,
                label * (1 - ridge) ** 2,
                label * (bayes - ridge) ** 2,
            ]
        )

    def laws(*sizes):
        functions = (
            risk_laws.ridge_expected_risk,
            risk_laws.spd_ridge_to_ols,
            risk_laws.spd_ridge_to_bayes,
        )
        stds = weight_std, noise_std
        return np.array([[law(regulariser, d, k, *stds) for law in functions] for d, k in sizes])

    coarse, fine = (mean_over_spectra(losses, few, many, nodes) for nodes in (90, 120))
    error = np.abs(fine - coarse) + 1e-12 * fine
    unseen = weight_std**2 * (many - few)  # of what no example shows, where d > k
    law = laws((few, many), (many, few))
    trial.value(
        np.array([fine, fine + np.array([unseen, 0, 0])]),
        law,
        error=error,
        margin=1e-4 * np.maximum(law, weight_std**2),
        controls={"one example more": laws((few, many + 1), (many, few + 1))},
    )


PREFIXES = (2, 5, 8, 11, 14)
SHORT = (0.01, 0.02)
LONG = (0.01, 0.03)
PENALTIES = (0.1, 0.5)
"""Of figure 1: numbers of examples, steps of GD and of SGD, and penalties of ridge regression."""


@claim(
    derived(
        "by the risk laws, as least squares is exact on all that is seen: figure 1 with it for "
        "the trained model"
    ),
    kind="distribution",
    tier="full",
)
def test_fig1__curves(trial, dimension: Annotated[int, Interval(2, 12)] = 8):
    """Without noise, the mean squared distances of gradient descent, SGD and ridge regression from
    least squares follow exact laws in the number k of examples and the dimension d.
    """
    rules = [
        baselines.ols(),
        *map(baselines.ridge, PENALTIES),
        *map(baselines.gradient_step, SHORT),
    ]
    rules += map(baselines.sgd, LONG)
    batch = 32
    length = max(PREFIXES) + 1
    units = jnp.eye(dimension)

    def measure(key):
        # The mean over w given X is a sum over the unit vectors; over X it is one of a batch,
        # nearly normal.
        inputs = jax.random.normal(key, (batch, length, dimension))
        copies = jnp.repeat(inputs, dimension, axis=0)
        weights = jnp.tile(units, (batch, 1))
        estimates = baselines.weights_all(
            Prompts(copies, jnp.einsum("nki,ni->nk", copies, weights), weights), rules
        )
        distances = dimension * jnp.mean(jnp.sum((estimates - estimates[0]) ** 2, axis=-1), axis=1)
        # Ridge at k = d only: elsewhere rare spectra make up most of its distance.
        return jnp.concatenate(
            [distances[3:, np.array(PREFIXES)].ravel(), distances[1:3, dimension]]
        )

    def laws(one_step, descent):
        ridges = [
            risk_laws.spd_ridge_to_ols(parameter, dimension, dimension) for parameter in PENALTIES
        ]
        curves = [one_step(k, a) for a in SHORT for k in PREFIXES] + [
            descent(k, a) for a in LONG for k in PREFIXES
        ]
        return np.array(curves + ridges)

    def unseen(k):
        return max(dimension - k, 0)

    law = laws(
        lambda k, step: risk_laws.spd_gradient_step_to_ols(dimension, k, step),
        lambda k, step: risk_laws.spd_sgd_to_ols(dimension, k, step),
    )
    mean_gradient = laws(
        lambda k, step: risk_laws.gradient_step_risk(dimension, k, step / k) - unseen(k),
        lambda k, step: dimension * (1 - 4 * step + 4 * step**2 * dimension) ** k - unseen(k),
    )
    risks = law + np.array([*map(unseen, PREFIXES * 4), 1, 1])
    controls = {"mean gradient, and d for d + 2": mean_gradient, "risks": risks}
    trial.mean(
        measure, law, law=Asymptotic(), margin=0.04 * law, controls=controls, first=64, most=2048
    )


@claim(derived("boxes of the step, each enclosed"), kind="bound")
def test_gd__best__step__everywhere(trial):
    """The value d (1 - k / (k + d + 1 + σ²)) is at most the risk d (1 - 4 α k) + 4 α² k d (k + d +
    1 + σ²) of one step, for all α in [0, 1], d = 1, 2, 5, 20, k = 1, 5, 40 and σ = 0, 1, 2, to
    1e-9.
    """

    def total(d, k, noise):
        return k + d + 1 + noise**2

    def risk(step, d, k, noise):
        return d * (1 - 4 * step * k) + 4 * step**2 * k * d * total(d, k, noise)

    trial.prove(
        lambda step, d, k, noise: d * (1 - Fraction(k, total(d, k, noise))),
        risk,
        {"step": (0, 1), "d": [1, 2, 5, 20], "k": [1, 5, 40], "noise": [0, 1, 2]},
        tolerance=1e-9,
        controls={
            "k + d for k + d + 1": lambda step, d, k, noise: (
                risk(step, d, k, noise) - 4 * step**2 * k * d
            )
        },
        same_as=(
            lambda step, d, k, noise: risk_laws.best_step_risk(d, k, 1.0, float(noise)),
            lambda step, d, k, noise: risk_laws.gradient_step_risk(d, k, step, 1.0, float(noise)),
        ),
    )
