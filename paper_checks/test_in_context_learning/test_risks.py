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
from theory_on_trial import claim, derived, known
from theory_on_trial.contract import Interval
from theory_on_trial.laws import Asymptotic, Bounded

SHARES = (0.2, 0.8, 1.0, 1.2)
"""Steps, in units of the largest stable one."""
MatrixSide = Annotated[int, Interval(1, 12, why="up to 400 000 matrices of this size are inverted")]
"""d or k."""
Dimension = Annotated[
    int, Interval(1, 4, why="each normal number of a prompt multiplies the nodes by three")
]
"""d, where means over prompts are sums over nodes."""
Examples = Annotated[
    int, Interval(1, 4, why="each normal number of a prompt multiplies the nodes by three")
]
"""k, where means over prompts are sums over nodes."""


def steps_of(dimension):
    """The steps that are tried in d dimensions."""
    return np.array(SHARES) * risk_laws.sgd_stability_limit(dimension)


def count_normals(trial, dimension, examples):
    """How many normal numbers (inputs, weights and noise) make a prompt. At most nine are allowed,
    as a mean over them is a sum over three nodes for each.
    """
    number = dimension * examples + dimension + examples
    trial.require(
        number <= 9,
        "dimension and examples must be small: each number of a prompt multiplies nodes by three",
    )
    return number


def exact_risks(rule, dimension, examples, weight_std, noise_std):
    """E |w_hat - w|^2 of `rule` (a function of the step) after all examples, for each of `steps_of`
    the dimension: three nodes for each normal number. The squared error has degree four in each of
    them, so that the mean is exact.
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
    known("Muirhead 1982, section 3.2, on the inverse of a Wishart matrix"),
    kind="distribution",
    cases=GRAM_SIZES,
)
def test_ols__chi2(trial, dimension: MatrixSide, examples: MatrixSide):
    """Let $X$ have $k$ rows and $d$ columns of standard normal numbers, and the Gram matrices
    $X^T X$ and $X X^T$. In the inverse of the smaller one, the reciprocal of a diagonal entry is
    chi-square with $|d - k| + 1$ degrees of freedom.
    """
    few, many = sorted((dimension, examples))
    trial.require(many - few > 1, INFINITE_MEAN)

    def reciprocals(rng, count):
        factors = rng.standard_normal((count, few, many))
        return 1 / np.linalg.inv(factors @ factors.swapaxes(1, 2))[:, 0, 0]

    freedom = many - few + 1
    trial.distribution(
        sampler=reciprocals,
        cdf=chi2(freedom).cdf,
        margin=0.01,
        controls={
            "one degree less": chi2(freedom - 1).cdf,
            "one degree more": chi2(freedom + 1).cdf,
        },
        first=16384,
        most=400_000,
    )


@claim(
    known(
        "Breiman & Freedman 1983 for $k > d + 1$; Belkin, Hsu & Xu 2020, Theorem 1, for $k < d - 1$"
    ),
    kind="identity",
    cases=GRAM_SIZES,
)
def test_ols__risk(trial, dimension: MatrixSide, examples: MatrixSide):
    """For $k$ examples with standard normal inputs in $d$ dimensions and noise of variance $σ²$,
    the noise adds $σ² k/(d - k - 1)$ to the risk $E |ŵ - w|²$ of least squares for $k < d - 1$, and
    $σ² d/(k - d - 1)$ for $k > d + 1$.
    """
    # The trace of the inverse is a sum of reciprocals of chi-square numbers (`ols-chi2`), and its
    # mean an integral. A mean over simulated traces would need far more samples, or none would be
    # enough: for |d - k| < 4 their variance is infinite.
    few, many = sorted((dimension, examples))
    trial.require(many - few > 1, INFINITE_MEAN)
    freedom = many - few + 1
    mean, error = quad(lambda s: chi2.pdf(s, freedom) / s, 0, np.inf, epsabs=0, epsrel=1e-11)
    # For σ = τ = 1: what the noise adds to the risk without it.
    cost = risk_laws.ols_risk(dimension, examples, noise_std=1.0) - max(dimension - examples, 0)
    rounding = 1e-12 * (cost + dimension + 1)
    trial.value(
        few * mean,
        cost,
        error=few * error + rounding,
        margin=1e-8,
        controls={"without the 1 in the denominator": few / (many - few)},
    )


@claim(
    known(
        "Rasmussen & Williams 2006, equation 2.8: the covariance of the posterior",
        within="given the inputs; the mean over normal inputs is found here",
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
    """For standard normal inputs, normal weights of variance 1 and normal noise of variance $σ²$,
    the Bayes risk $E |ŵ - w|²$ after $k$ examples is the mean of $∑_s σ² / (s + σ²)$ over the $d$
    eigenvalues $s$ of $X^T X$, here averaged over $k = 1$ to $n - 1$ and divided by $d$.
    """

    def excess(examples):
        """By theory, without the label noise, which every predictor has."""
        error = risk_laws.mean_bayes_error(dimension, examples, noise_std=noise_std)
        return (error - noise_std**2) / dimension

    def measure(key):
        inputs = jax.random.normal(key, (examples - 1, dimension))
        # X^T X and its eigenvalues after each number k of examples
        grams = jnp.cumsum(inputs[:, :, None] * inputs[:, None, :], axis=0)
        spectra = jnp.maximum(jnp.linalg.eigvalsh(grams), 0)
        # The risk of ridge regression at λ = σ^2 in each eigendirection, by bias and variance. It
        # is 1 in those that no example shows (s = 0). Returned is their mean over directions and k.
        risks = (noise_std**4 + noise_std**2 * spectra) / (spectra + noise_std**2) ** 2
        return 1 - jnp.mean(jnp.sum(1 - risks, axis=-1)) / dimension

    law = excess(examples)
    trial.mean(
        measure,
        law,
        law=Bounded(0, 1),
        margin=0.03 * law,
        controls={"half as many examples again": excess(examples + examples // 2 + 1)},
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
    """After $k$ examples with standard normal inputs in $d$ dimensions, with weights of variance
    $τ²$ and noise of variance $σ²$, one gradient step $ŵ = 2 α X^T Y$ has the risk
    $E |ŵ - w|² = τ² d (1 - 4 α k) + 4 α² k d [(k + d + 1) τ² + σ²]$.
    """
    nodes = 3 ** count_normals(trial, dimension, examples)
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
    controls = {
        "$k + d$ for $k + d + 1$": law - (2 * weight_std * steps) ** 2 * examples * dimension
    }
    if noise_std > 0.01:
        controls["without noise"] = risks(steps, 0.0)
    if examples > 1:
        controls["mean, not sum, of the gradients"] = risks(steps / examples)
    trial.identity(
        exact_risks(baselines.gradient_step, dimension, examples, weight_std, noise_std),
        law,
        ops=nodes,
        scale=weight_std**2 + noise_std**2 + law,
        controls=controls,
    )


@claim(
    derived("the vertex of the parabola that the risk is in $α$"),
    kind="optimality",
    cases=[(2, 2), (1, 3), (3, 1)],
)
def test_gd__best__step(
    trial, dimension: Dimension, examples: Examples, weight_std: Std = 1.5, noise_std: Std = 0.5
):
    """After $k$ examples with standard normal inputs in $d$ dimensions the best single gradient
    step $ŵ = 2 α X^T Y$ has $α = 1 / (2 (k + d + 1 + σ² / τ²))$ and the risk
    $E |ŵ - w|² = τ² d (1 - k / (k + d + 1 + σ² / τ²))$, where $τ²$ and $σ²$ are the variances of
    weights and noise.
    """
    trial.require(
        noise_std <= 3 * weight_std,
        "noise_std must be at most 3 weight_std: the best step is tiny beyond",
    )
    ratio = (noise_std / weight_std) ** 2
    # The parabola at_zero + slope α + curvature α^2 through the exact risks at α = 0 and at two
    # other steps
    risks = exact_risks(baselines.gradient_step, dimension, examples, weight_std, noise_std)
    low, high, *_ = steps_of(dimension)
    at_zero = weight_std**2 * dimension
    falls = (risks[:2] - at_zero) / np.array([low, high])
    curvature = (falls[1] - falls[0]) / (high - low)
    slope = falls[0] - curvature * low
    step = risk_laws.best_step(dimension, examples, weight_std, noise_std)
    least = risk_laws.best_step_risk(dimension, examples, weight_std, noise_std)
    without_one = examples + dimension + ratio
    trial.identity(
        # The best step, and its risk
        np.array([-slope / (2 * curvature), at_zero - slope**2 / (4 * curvature)]),
        np.array([step, least]),
        ops=3 ** count_normals(trial, dimension, examples),
        # Differences of risks at steps of a fifth and four fifths of the limit, and again of those.
        scale=20 * (1 + ratio) * np.array([1, at_zero]),
        controls={
            "$k + d$ for $k + d + 1$": np.array(
                [1 / (2 * without_one), at_zero * (1 - examples / without_one)]
            ),
            "$α$ for $2 α$": np.array([2 * step, least]),
        },
    )


@claim(
    known(
        "Feuer & Weinstein 1985, Convergence analysis of LMS filters with uncorrelated Gaussian "
        "data"
    ),
    kind="identity",
    cases=[(2, 2, 0.5), (1, 3, 0.5), (3, 1, 0.5), (2, 2, 0.0)],
)
def test_sgd__risk(
    trial, dimension: Dimension, examples: Examples, noise_std: Noise, weight_std: Std = 1.5
):
    """A pass of SGD takes $2 α (x^T ŵ - y) x$ off $ŵ$ for each example. At $ŵ = 0$ the risk
    $E |ŵ - w|²$ is $τ² d$, for weights of variance $τ²$. Each example changes the risk $r$ to
    $ρ r + 4 α² σ² d$ with $ρ = 1 - 4 α + 4 α² (d + 2)$, for standard normal inputs in $d$
    dimensions and noise of variance $σ²$. At the step $α = 1 / (d + 2)$, where $ρ = 1$, the risk
    neither grows nor falls without noise.
    """
    nodes = 3 ** count_normals(trial, dimension, examples)
    steps = steps_of(dimension)
    law = np.array(
        [risk_laws.sgd_risk(dimension, examples, step, weight_std, noise_std) for step in steps]
    )
    # The third step is 1 / (d + 2), where ρ = 1 and only the noise adds to the risk.
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
        controls={"$d$ for $d + 2$": without_two},
    )


def mean_over_spectra(function, few, many, nodes):
    """The mean of a sum of `function` over the eigenvalues s > 0 of X^T X, of which there are `few`
    = 1 or 2, for normal X with sides `few` and `many`. `function` gives rows of numbers for points
    (rows, *points); the means are (rows,).

    The density is s^((many - few - 1) / 2) exp(-s / 2) for each, times their distance. It is summed
    by Gauss-Laguerre rules with so many nodes for the smaller one and for the distance.
    """
    power = (many - few - 1) // 2
    # One power is left to the nodes, as the function may have a pole at 0.
    smaller, chances = roots_genlaguerre(nodes, power - 1)
    chances = chances * smaller
    if few == 1:
        return function(2 * smaller) @ (chances / chances.sum())
    # Written in the smaller one and the distance t the density has the factors exp(-s) and t
    # exp(-t / 2).
    distance, weights = roots_genlaguerre(nodes, 1)
    larger = smaller[:, None] + 2 * distance
    chances = chances[:, None] * weights * larger**power
    return np.sum(
        (function(smaller)[..., None] + function(larger)) * (chances / chances.sum()), axis=(-2, -1)
    )


@claim(
    derived(
        "by the loss of each eigendirection of $X^T X$, and the joint density of its one or two "
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
        float, Interval(0.5, 5.0, why="nodes miss a pole near 0; the high end is a cap")
    ],
    noise_std: Noise,
    weight_std: Std = 1.5,
):
    """Let an eigenvalue $s > 0$ of $X^T X$ have $r = s / (s + λ)$, $b = s / (s + σ²/τ²)$ and
    $v = τ² + σ²/s$. The risk $E |ŵ - w|²$ of ridge regression and its mean squared distances from
    least squares and from the Bayes predictor are the means of $∑_s τ² (1 - r)² + (σ²/s) r²$,
    $∑_s v (1 - r)²$ and $∑_s v (b - r)²$ over the spectrum; $τ²$ and $σ²$ are the variances of
    weights and noise. The risk has $τ²$ more for each dimension beyond $k$.

    There are d = `few` dimensions and k = `few` + 2 `excess` + 1 examples, or the other way round.
    """
    many = few + 2 * excess + 1
    ratio = noise_std**2 / weight_std**2
    trial.require(
        ratio == 0 or 0.5 <= ratio <= 5,
        "noise_std / weight_std must be 0 or moderate: the nodes miss a pole near 0",
    )
    trial.require(
        abs(regulariser - ratio) > 0.01 * ratio,
        "regulariser must not be that of the Bayes predictor",
    )

    def losses(s):
        """Of the eigendirections of s: the squared distances of ridge regression to the weights, to
        least squares, and to the Bayes predictor, (3, *points).
        """
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
        """The same by theory for each pair of d and k, (sizes, 3)."""
        functions = (
            risk_laws.ridge_expected_risk,
            risk_laws.spd_ridge_to_ols,
            risk_laws.spd_ridge_to_bayes,
        )
        stds = weight_std, noise_std
        return np.array([[law(regulariser, d, k, *stds) for law in functions] for d, k in sizes])

    coarse = mean_over_spectra(losses, few, many, nodes=90)
    fine = mean_over_spectra(losses, few, many, nodes=120)
    error = np.abs(fine - coarse) + 1e-12 * fine
    # The squared weights that no example shows, where d > k: they add to the risk alone.
    unseen = np.array([weight_std**2 * (many - few), 0, 0])
    law = laws((few, many), (many, few))
    trial.value(
        np.array([fine, fine + unseen]),
        law,
        error=error,
        margin=1e-4 * np.maximum(law, weight_std**2),
        controls={"one example more": laws((few, many + 1), (many, few + 1))},
    )


PREFIXES = (2, 5, 8, 11, 14)
STEPS_OF_GD = (0.01, 0.02)
STEPS_OF_SGD = (0.01, 0.03)
PENALTIES = (0.1, 0.5)
"""Of figure 1: numbers of examples, steps of GD and of SGD, and penalties of ridge regression."""


@claim(
    derived("by the risk laws, with least squares in place of figure 1's trained model"),
    kind="distribution",
    tier="full",
)
def test_fig1__curves(trial, dimension: Annotated[int, Interval(2, 12)] = 8):
    """Without noise and for standard normal inputs and weights of variance 1, the mean squared
    distance from the weights of least squares after $k$ examples in $d$ dimensions is
    $d (1 - 4 α k) + 4 α² k d (k + d + 1) - max(d - k, 0)$ for one gradient step, and
    $d ρ^k - max(d - k, 0)$ with $ρ = 1 - 4 α + 4 α² (d + 2)$ for SGD. For ridge regression at
    $k = d$ it is the mean of $∑_s λ² / (s + λ)²$ over the eigenvalues $s$ of $X^T X$.
    """
    rules = [
        baselines.ols(),
        *map(baselines.ridge, PENALTIES),
        *map(baselines.gradient_step, STEPS_OF_GD),
        *map(baselines.sgd, STEPS_OF_SGD),
    ]
    batch = 32
    length = max(PREFIXES) + 1
    units = jnp.eye(dimension)

    def measure(key):
        """The distances of gradient steps and SGD at each step and prefix, and of both ridges."""
        # Each X comes with every unit vector as w: d times the mean of what they give is the mean
        # over w. Over X it is one of a batch, nearly normal.
        inputs = jax.random.normal(key, (batch, length, dimension))
        copies = jnp.repeat(inputs, dimension, axis=0)
        weights = jnp.tile(units, (batch, 1))
        estimates = baselines.weights_all(
            Prompts(copies, jnp.einsum("nki,ni->nk", copies, weights), weights), rules
        )
        # From least squares, (rules, prefixes)
        distances = dimension * jnp.mean(jnp.sum((estimates - estimates[0]) ** 2, axis=-1), axis=1)
        # Ridge at k = d only: elsewhere rare spectra make up most of its distance.
        return jnp.concatenate(
            [distances[3:, np.array(PREFIXES)].ravel(), distances[1:3, dimension]]
        )

    def laws(of_gradient_step, of_sgd):
        """Distances in the order of `measure`, by theories of one gradient step and of SGD."""
        gradient_steps = [of_gradient_step(k, step) for step in STEPS_OF_GD for k in PREFIXES]
        sgd = [of_sgd(k, step) for step in STEPS_OF_SGD for k in PREFIXES]
        ridges = [
            risk_laws.spd_ridge_to_ols(penalty, dimension, dimension) for penalty in PENALTIES
        ]
        return np.array(gradient_steps + sgd + ridges)

    def unseen(k):
        """The squared distance of least squares from w."""
        return max(dimension - k, 0)

    law = laws(
        lambda k, step: risk_laws.spd_gradient_step_to_ols(dimension, k, step),
        lambda k, step: risk_laws.spd_sgd_to_ols(dimension, k, step),
    )
    averaged_or_without_two = laws(
        lambda k, step: risk_laws.gradient_step_risk(dimension, k, step / k) - unseen(k),
        lambda k, step: dimension * (1 - 4 * step + 4 * step**2 * dimension) ** k - unseen(k),
    )
    # Of four curves; the ridges have no distance from w of their own at k = d, and get 1.
    from_w = law + np.array([*map(unseen, PREFIXES * 4), 1, 1])
    trial.mean(
        measure,
        law,
        law=Asymptotic(),
        margin=0.04 * law,
        controls={
            "mean, not sum, of the gradients; in SGD $d$ for $d + 2$": averaged_or_without_two,
            "distances from $w$, not from least squares": from_w,
        },
        first=64,
        most=2048,
    )


@claim(derived("boxes of the step, each enclosed"), kind="bound")
def test_gd__best__step__everywhere(trial):
    """The value $d (1 - k / (k + d + 1 + σ²))$ is at most the risk
    $d (1 - 4 α k) + 4 α² k d (k + d + 1 + σ²)$ of one step, for all $α$ in $[0, 1]$,
    $d = 1, 2, 5, 20$, $k = 1, 5, 40$ and $σ = 0, 1, 2$, to $1e-9$.
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
            "$k + d$ for $k + d + 1$": lambda step, d, k, noise: (
                risk(step, d, k, noise) - 4 * step**2 * k * d
            )
        },
        same_as=(
            lambda step, d, k, noise: risk_laws.best_step_risk(d, k, 1.0, float(noise)),
            lambda step, d, k, noise: risk_laws.gradient_step_risk(d, k, step, 1.0, float(noise)),
        ),
    )
