"""Mixup with n points: how fast the angle to b closes, what unequal classes and sampled lambdas
cost, and how means over all pairs concentrate.
"""

from itertools import combinations_with_replacement
from math import lgamma
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import expit, ndtri

from paper_checks.test_mixup import encloses, random_chord, reference_pair
from sims.mixup import angles, fits
from sims.wishart import bartlett_factor
from theory.mixup import population, rates
from theory.mixup.classes import GaussianPair, MixingLaw
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval
from theory_on_trial.laws import NormalVariance, RatioOfMeans

LAW = MixingLaw.beta(1.0, 8)
"""Uniform λ; 8 Legendre nodes leave an error of 1e-9 in scores below 10."""
NEXT_ORDER = "a variance of fits; corrections of relative order 1 / n are not computed"
ERROR = 1e-7
"""Chance, for each design, that any of its boxes misses its n_ε."""
Mode = Literal["expected", "random", "sampled"]
"""λ averaged in balanced classes, or labels drawn, or one λ drawn for each ordered pair."""
HOEFFDING = derived("Hoeffding 1948 and 1963 on means over distinct pairs")

SHAPE = reference_pair()
FACTOR = fits.covariance_factor(SHAPE.covariance)


def uniform_lambdas(key, features, labels):
    """Mixup's learner with one uniform λ for each ordered pair, NaN where it did not converge."""
    fit = fits.fit_mixup_sampled(key, features, labels, jax.random.uniform)
    return jnp.where(fit.converged, fit.weights, jnp.nan)


def deficits(keys, separabilities, n, mode):
    """1 - cos for each key and its κ."""
    sampled = mode == "sampled"
    return angles.angle_curve(
        keys,
        np.asarray(separabilities),
        SHAPE.mean,
        FACTOR,
        SHAPE.bayes_direction,
        *(() if sampled else LAW.lower_half),
        n=n,
        learner=uniform_lambdas if sampled else angles.mixup_weights,
        labels="random" if mode == "random" else "balanced",
    )


def chord(separability, n, mode="expected"):
    """Measurement whose variance is 2 E[1 - cos]."""
    return lambda key: random_chord(key, deficits(key[None], [separability], n, mode)[0])


def mixup_weights(points, labels, law=LAW):
    """Mixup's minimiser on one data set."""
    labels = labels.astype(float)
    fit = fits.fit_mixup(points, labels, law.nodes, law.weights, law.input_weights)
    return np.asarray(fit.weights)


@claim(
    derived("the variance of a mean over all pairs, a U-statistic"),
    kind="limit",
    tier="full",
    cases=[0.7, 4.0],
    low_power=NEXT_ORDER,
)
def test_mixup_asymptotic(
    trial,
    separability: Annotated[float, Interval(0.5, 10)],
    n: Annotated[int, Interval(40, 200, why="all pairs of points are fitted")] = 80,
):
    """Let two equally likely classes be N(±μ, Σ / κ), and b = Σ^-1 μ. Let w minimise Mixup's loss
    over all pairs of n points with λ averaged. At fixed κ and large n, n E[1 - cos(w, b)] tends to
    T K / (2 κ |b|²), where T is the trace of Σ^-1 at right angles to b and K depends on a = κ μ^T b
    and the law of λ alone.

    K is the number whose formula mixup_efficiency tries.
    """
    trial.require(n % 2 == 0, "n must be even: the classes are balanced")
    pair = reference_pair(separability)
    efficiency = rates.mixup_efficiency(pair.effective_separability, LAW)
    variance = 2 / n * rates.angle_rate(pair, efficiency)
    trial.mean(
        chord(separability, n),
        variance,
        law=NormalVariance(asymptotic=True),
        slack=10 / n * variance,  # relative corrections of the order 1 / n
        margin=(0.075 + 10 / n) * variance,
        controls={
            "the gradient's mean given one point, halved": variance / 4,
            "1 - cos for the squared angle": 2 * variance,
        },
        first=512,
        most=20_000,
    )


def plug_in_efficiency(a, law, per_class):
    """K_mix = a^2 Ψ / (H u)^2 of classes that are `per_class` quantiles each: sums over pairs at
    Mixup's own fit.
    """
    quantiles = ndtri((np.arange(per_class) + 0.5) / per_class)
    noise = quantiles / np.sqrt(a * np.mean(quantiles**2))
    points = np.concatenate([1 + noise, noise - 1])
    labels = np.repeat([1.0, 0.0], per_class)
    score = float(mixup_weights(points[:, None], labels, law)[0])
    pull = np.zeros(2 * per_class)
    curvature = 0.0
    for mixing, weight, g in zip(law.nodes, law.weights, law.input_weights, strict=True):
        chances = expit(score * (g * points[:, None] + (1 - g) * points))
        residuals = chances - (mixing * labels[:, None] + (1 - mixing) * labels)
        pull += weight * (g * residuals.mean(axis=1) + (1 - g) * residuals.mean(axis=0))
        curvature += weight * (g**2 + (1 - g) ** 2) * np.mean(chances * (1 - chances))
    return a**2 * np.mean(pull**2) / (curvature * score) ** 2


@claim(
    derived("the asymptotic variance of a minimiser over all pairs"),
    kind="identity",
    cases=[(0.5, 0.2), (2.0, 1.0), (8.0, 1.0), (64.0, 5.0)],
)
def test_mixup_efficiency(
    trial,
    effective: Annotated[float, Interval(0.1, 64, why="the classes are a hundred points each")],
    alpha: Annotated[float, Interval(0.2, 10)],
):
    """For two equally likely classes N(±μ, Σ / κ), let a = κ μ^T Σ^-1 μ. Let u = w·μ for the
    minimiser w of Mixup's expected loss, let z_i = w·x_i, z_12 = λ z_1 + (1 - λ) z_2, y_12 = λ y_1
    + (1 - λ) y_2 and s the logistic function. Let Ψ be the mean square of E[(s(z_12) - y_12) λ +
    (s(z_21) - y_21) (1 - λ)] given the first point, and H = E[(λ² + (1 - λ)²) s'(z_12)]. Then
    Mixup's efficiency K, the limit of n E[1 - cos(w, b)] for n points over T / (2 κ |b|²) with b =
    Σ^-1 μ and the trace T of Σ^-1 at right angles to b, is a² Ψ / (H u)².
    """
    trial.require(
        alpha >= min(effective / 8, 5),
        "alpha must be at least effective / 8, or 5: quantiles of scores that are far apart settle "
        "later",
    )
    law = MixingLaw.beta(alpha, 12)
    half, full = (plug_in_efficiency(effective, law, n) for n in (100, 200))
    exact = rates.mixup_efficiency(effective, MixingLaw.beta(alpha, 24))
    trial.value(
        2 * full - half,  # what quantiles leave out falls nearly like one over their number
        exact,
        margin=0.01 * exact,
        error=abs(full - half),
        controls={"one of the two summands in Ψ": exact / 4},
    )


@claim(
    derived(
        "the asymptotic variances: over all pairs for Mixup, by Fisher's information without "
        "augmentation"
    ),
    kind="bound",
    cases=[(0.5, 0.2), (2.0, 1.0), (8.0, 1.0), (64.0, 5.0)],
    route="`rates.erm_efficiency`, `rates.mixup_efficiency` and `rates.lda_efficiency` share no "
    "code",
)
def test_efficiency_order(
    trial,
    effective: Annotated[float, Interval(0.1, 64)],
    alpha: Annotated[float, Interval(0.2, 10)],
):
    """Let two equally likely classes be N(±μ, Σ / κ), and b = Σ^-1 μ. As n grows, let n E[1 -
    cos(w, b)] tend to T K / (2 κ |b|²) for a direction w learned from n points, where T is the
    trace of Σ^-1 at right angles to b. Then K of Mixup with λ ~ Beta(α, α) lies between that of
    linear discriminant analysis and that of logistic regression without augmentation, and falls
    with α.
    """
    mixup, narrower = (
        rates.mixup_efficiency(effective, MixingLaw.beta(parameter, 24))
        for parameter in (alpha, 1.1 * alpha)
    )
    logistic = rates.erm_efficiency(effective)
    discriminant = rates.lda_efficiency(effective)
    trial.bound(
        np.array([discriminant, narrower, mixup]),
        np.array([mixup, mixup, logistic]),
        instances="grid",
        ops=1e4,
        controls={"Mixup as good as discriminant analysis": np.full(3, discriminant)},
        control_processes={"logistic regression as the best": np.full(3, logistic)},
    )


def lda_deficit(low, high, squares, n):
    """1 - cos of the modified LDA of class means and the sum of squares within classes."""
    curvature = population.limit_curvatures(LAW)
    centre = (low + high) / 2
    hessian = curvature.noise * squares / n + curvature.centroid * jnp.outer(centre, centre)
    return angles.angle_deficit(jnp.linalg.solve(hessian, high - low), SHAPE.bayes_direction)


def first_order(squares, n, separability):
    """The first order of `lda_deficit` in the scatter's error, in units of its mean: exactly, by
    Wishart's moments.
    """
    scatter = separability * squares / (n - 2)
    bayes = SHAPE.bayes_direction
    turn = jnp.linalg.solve(SHAPE.covariance, scatter @ bayes - SHAPE.mean)
    across = turn - bayes * (bayes @ turn) / (bayes @ bayes)
    return (n - 2) * (across @ across) / (SHAPE.signal * SHAPE.projected_precision_trace)


@claim(
    derived(
        "the mean of an inverse Wishart matrix, in an expansion of the direction of the analysis"
    ),
    kind="limit",
)
def test_lda_rate(
    trial,
    separability: Annotated[
        float, Interval(500, 2e4, why="a limit; beyond, n must be larger too")
    ] = 4096.0,
    n: Annotated[
        int, Interval(400, 10**6, why="a first order in 1 / n; the high end is a cap")
    ] = 10**5,
):
    """Let two equally likely classes be N(±μ, Σ / κ), and b = Σ^-1 μ. Let v be the direction of the
    modified discriminant analysis of n points, n / 2 of each class, to which Mixup's minimiser
    tends at large κ. As n grows, n E[1 - cos(v, b)] tends to m² T / (2 |b|²), where m² = μ^T b and
    T is the trace of Σ^-1 at right angles to b.
    """
    trial.require(n % 2 == 0, "n must be even: the classes are balanced")
    rate = rates.lda_rate(SHAPE, n) / n
    full_trace = np.trace(np.linalg.inv(SHAPE.covariance)) / SHAPE.projected_precision_trace

    def measure(key):
        """Class means and a scatter by their laws, normal and Wishart."""
        means_key, factor_key = jax.random.split(key)
        root = FACTOR / jnp.sqrt(separability)
        noise = jax.random.normal(means_key, (2, len(root))) @ root.T / jnp.sqrt(n / 2)
        factor = root @ bartlett_factor(factor_key, len(root), n - 2)
        squares = factor @ factor.T
        found = lda_deficit(noise[0] - SHAPE.mean, noise[1] + SHAPE.mean, squares, n)
        return jnp.stack([found, rate * first_order(squares, n, separability)])

    trial.mean(
        measure,
        1.0,
        law=RatioOfMeans(),
        # Relative corrections of order 1 / n, and of the means.
        slack=4 / n + 1 / (separability * SHAPE.signal),
        margin=0.009 + 8 / n,
        controls={"without m²": 1 / SHAPE.signal, "the whole trace of Σ^-1 for T": full_trace},
        first=1024,
        most=10_000,
    )


def exact_noise(pair, offset=0.0):
    """Points of both classes, zeros first, moved by `offset`; their noise has exactly the
    covariance of the pair.
    """
    factor = np.sqrt(pair.dim) * np.linalg.cholesky(pair.covariance / pair.separability).T
    spread = np.concatenate([factor, -factor]) + offset
    return np.concatenate([spread - pair.mean, spread + pair.mean]), np.repeat(
        [0.0, 1.0], len(spread)
    )


def weighted_fit(points, labels, share=0.5):
    """Mixup's minimiser where the ones weigh `share` altogether, with the Hessian, and every mixed
    row's gradient. Newton from zero; gradients and masses are [nodes, first point, second point],
    those of the law left out.
    """
    rows, mixed_labels, _ = fits.mixed_rows(
        points, labels, LAW.nodes, LAW.weights, LAW.input_weights
    )
    n = len(points)
    point_masses = np.where(labels == 1, share, 1 - share) * 2 / n
    pairs = np.outer(point_masses, point_masses)
    masses = np.outer(LAW.weights, pairs).ravel()
    weights = np.zeros(points.shape[1])
    for _ in range(12):
        chances = expit(rows @ weights)
        gradients = (chances - mixed_labels)[:, None] * rows
        hessian = (rows * (masses * chances * (1 - chances))[:, None]).T @ rows
        weights = weights - np.linalg.solve(hessian, masses @ gradients)
    return weights, hessian, gradients.reshape(len(LAW.nodes), n, n, -1), pairs


def tangent(weights, direction):
    """Tangent of the angle in the plane from `direction` to `weights`, positive to the left."""
    return np.linalg.det([direction, weights]) / (weights @ direction)


def turn(pair, direction):
    """How far Mixup's minimiser turns from b if both classes are shifted along `direction` and one
    weighs more, over the product of the shift and p - q. It is half the difference between either
    class, since what is even in p - q the shift does in balanced classes too. Shift and p - q fall
    as κ grows.
    """
    half = int(pair.separability / 10)
    shift = 10 / np.sqrt(pair.separability)
    data = exact_noise(pair, shift * direction / np.sqrt(pair.separability))
    found = [
        tangent(weighted_fit(*data, (1 + side / half) / 2)[0], pair.bayes_direction)
        for side in (1, -1)
    ]
    return (found[0] - found[1]) / 2 / (shift / half)


@claim(
    derived(
        "the first order of the minimiser in a common shift of both classes, which has no effect "
        "for equal counts"
    ),
    kind="limit",
)
def test_imbalance(trial):
    """Let two equally likely classes be N(±μ, Σ / κ), and b = Σ^-1 μ. Shift both classes by δ times
    a column of Σ^(1/2) / sqrt(κ), and let their shares differ by p - q. As κ grows, the squared
    tangents of the turn of Mixup's minimiser, over 2 κ (δ (p - q))² and summed over the columns,
    tend to B = T m⁴ A² / (2 h² u² |b|²), where m² = μ^T b, T is the trace of Σ^-1 at right angles
    to b, u the limiting score of the class mean, A = s(u) - 1, h = E[(λ² + (1 - λ)²) (s'(u) + s'((2
    λ - 1) u))] / 2 and s the logistic function.

    B κ / n² is the cost of labels that are drawn at random.
    """
    separabilities = 6400 * 2.0 ** np.arange(5)

    def coefficient(kappa):
        turns = [turn(reference_pair(kappa), column) for column in np.sqrt(SHAPE.covariance)]
        return np.sum(np.square(turns)) / (2 * kappa)

    exact = rates.imbalance_coefficient(SHAPE, LAW)
    trial.limit(
        [coefficient(kappa) for kappa in separabilities],
        separabilities,
        exact,
        order=1,
        margin=0.01 * exact,
        controls={
            "B / 4, half of each turn": exact / 4,
            "the coefficient of sampled λ": rates.sampled_lambda_coefficient(SHAPE, LAW),
        },
    )


@claim(
    derived("the delta method, with the variances of the gradients of all pairs at the minimiser"),
    kind="limit",
    cases=[2.0, 5.0],
)
def test_sampled_lambda(trial, condition: Annotated[float, Interval(1.5, 20)]):
    """Let two equally likely classes be N(±μ, Σ / κ), and b = Σ^-1 μ. Let one λ be drawn for every
    ordered pair of n points. To first order, the variance that this gives the gradients of the
    pairs adds B κ / n² to E[1 - cos(w, b)] of Mixup's minimiser w, where as κ grows B tends to T m⁴
    (A² Var[λ] + (Var[ρ λ] + Var[ρ (1 - λ)]) / 2) / (2 h² u² |b|²), where m² = μ^T b, T is the trace
    of Σ^-1 at right angles to b, u the limiting score of the class mean, A = s(u) - 1, h = E[(λ² +
    (1 - λ)²) (s'(u) + s'((2 λ - 1) u))] / 2, ρ = s((2 λ - 1) u) - λ and s the logistic function.
    """
    separabilities = 400 * 2.0 ** np.arange(6)
    coefficients = []
    covariance = np.array([[1.0, 0.3], [0.3, condition]])
    for kappa in separabilities:
        pair = GaussianPair(np.array([1.0, -0.6]), covariance, kappa)
        weights, hessian, gradients, pairs = weighted_fit(*exact_noise(pair))
        deviations = gradients - np.tensordot(LAW.weights, gradients, 1)
        scatter = np.einsum("k,ij,kijc,kije->ce", LAW.weights, pairs, deviations, deviations)
        unit = pair.bayes_direction / np.linalg.norm(pair.bayes_direction)
        response = (np.eye(2) - np.outer(unit, unit)) @ np.linalg.inv(hessian)
        coefficients.append(
            np.trace(response @ scatter @ response.T) / (2 * kappa * weights @ weights)
        )
    exact = rates.sampled_lambda_coefficient(pair, LAW)
    imbalance = rates.imbalance_coefficient(pair, LAW)
    same = LAW.mean((LAW.input_weights - 0.5) ** 2) * imbalance
    rivals = {
        "pairs of one class alone": same,
        "without the factor 1/2 of the sum": 2 * exact - same,
        "the coefficient of random labels": imbalance,
    }
    # The first may vanish
    trial.limit(
        coefficients, separabilities, exact, order=(1, 2), margin=0.005 * exact, controls=rivals
    )


def cost_of(pair, mode):
    """B κ, what drawn labels or lambdas cost."""
    if mode == "random":
        return pair.separability * rates.imbalance_coefficient(pair, LAW)
    if mode == "sampled":
        return pair.separability * rates.sampled_lambda_coefficient(pair, LAW)
    return 0.0


@claim(
    derived(
        "the sum of the rate of discriminant analysis and of what drawn labels or drawn λ cost"
    ),
    kind="rate",
    tier="full",
    cases=[("expected", 640.0, 0.002), ("random", 2000.0, 0.004), ("sampled", 2000.0, 0.004)],
    low_power=NEXT_ORDER,
)
def test_n_eps_formula(
    trial,
    mode: Mode,
    separability: Annotated[
        float, Interval(100, 2000, why="the formula is of large κ; the high end is a cap")
    ],
    epsilon: Annotated[
        float, Interval(0.001, 0.004, why="a formula of small angles; the low end is a cap")
    ],
):
    """Let two equally likely classes be N(±μ, Σ / κ), and b = Σ^-1 μ. At large κ Mixup's minimiser
    w in d dimensions has E[1 - cos(w, b)] = ε with the number n of points at which C / (n - d - 2)
    + B κ / n² = ε. Here C = μ^T b T / (2 |b|²) with the trace T of Σ^-1 at right angles to b, and B
    is 0 for equal class counts and averaged λ, and otherwise the coefficient of drawn labels
    (`imbalance`) or of drawn λ (`sampled_lambda`).

    n grows at most like sqrt(κ).
    """
    pair = reference_pair(separability)
    size = rates.mixup_samples(
        pair,
        epsilon,
        LAW,
        "sampled" if mode == "sampled" else "expected",
        balanced=mode != "random",
    )
    n = 2 * round(size / 2)
    # At the nearest even size the mean angle is epsilon up to the rounding of n, which the formula
    # itself gives.
    base = 2 * rates.lda_rate(pair, n) / n
    variance = base + 2 * cost_of(pair, mode) / n**2
    controls = {"half of n points": 2 * variance}
    if base < 0.5 * variance:  # else what is drawn costs hardly more than the margin
        controls["no cost of what is drawn"] = base
    trial.mean(
        chord(separability, n, mode),
        variance,
        law=NormalVariance(asymptotic=True),
        slack=4 / n * variance,
        margin=0.3 * variance,
        controls=controls,
        first=512,
        most=100_000,  # drawn labels are out of balance now and then: tails of a kurtosis of 2 to 5
    )


def mixup_boxes(trial, epsilon, separabilities, sizes, runs, mode):
    """Boxes around n_ε of Mixup, one program for each size, the same noise at every κ."""
    events = []
    for n in sizes:
        keys = jax.random.split(trial.key(f"{mode} {n}"), runs)
        found = deficits(
            jnp.repeat(keys, len(separabilities)), np.tile(separabilities, runs), n, mode
        )
        events.append(np.asarray(found).reshape(runs, -1) <= epsilon)
    error = ERROR / len(separabilities)
    columns = np.moveaxis(np.array(events), -1, 0)
    return np.transpose([encloses(np.array(sizes, float), column.T, error) for column in columns])


@claim(
    derived("the root of C / (n - d - 2) + B κ / n^2 = ε grows no faster"),
    kind="rate",
    tier="full",
    cases=["expected", "random", "sampled"],
    not_tight="n_ε is enclosed between sizes in steps, and does not grow at all where λ is "
    "averaged",
)
def test_mixup_poly(
    trial,
    mode: Mode,
    epsilon: Annotated[
        float, Interval(0.005, 0.006, why="the sizes that are tried lie around this crossing")
    ] = 0.005,
    runs: Annotated[
        int, Interval(3000, 20_000, why="fewer leave wide intervals, and each is fitted")
    ] = 6000,
):
    """Let two equally likely classes be N(±μ, Σ / κ), and b = Σ^-1 μ. Let n be the number of points
    with which half of all samples give 1 - cos(w, b) <= ε for Mixup's minimiser w. As κ grows, n
    grows at most like sqrt(κ): with λ averaged, with labels drawn at random, and with one λ for
    each ordered pair.
    """
    trial.require(
        mode != "sampled" or epsilon <= 0.0052, "epsilon must be at most 0.0052 where λ are sampled"
    )
    designs = {  # separabilities far enough apart for boxes of sizes in steps, and sizes
        "expected": ((10.0, 160.0, 640.0), (4, 6, 12)),
        "random": ((10.0, 80.0, 320.0), (4, 6, 12, 16, 24)),
        "sampled": ((10.0, 160.0, 640.0), (6, 8, 28, 54)),
    }
    separabilities, sizes = map(np.array, designs[mode])
    boxes = mixup_boxes(trial, epsilon, separabilities, sizes.tolist(), runs, mode)
    # Of a line the verdict does not depend on where in the first box it begins.
    linear = boxes[0, 0] * separabilities / separabilities[0]
    plain = np.exp([rates.erm_samples(reference_pair(kappa), epsilon) for kappa in separabilities])
    trial.growth_at_most(
        separabilities,
        tuple(boxes),
        "sqrt n",
        error=ERROR,
        control_processes={
            "growth like κ": (linear, linear),
            "without augmentation": (plain, plain),
        },
    )


def three_point_law(trial):
    """Chances of three values, and the Mixup loss of each pair of them at one classifier.

    Each value is a score with its label; a pair is mixed half and half.
    """
    rng = trial.generator("law")
    chances = rng.dirichlet([3.0, 3.0, 3.0])
    scores = rng.normal(0, 2, 3)
    labels = np.array([1.0, 1.0, 0.0])
    score = (scores[:, None] + scores) / 2
    label = (labels[:, None] + labels) / 2
    return chances, np.logaddexp(0, score) - label * score


def all_samples(n, chances):
    """Counts of the three values in n points, and the chance of each."""
    cuts = np.array(list(combinations_with_replacement(range(n + 1), 2)))
    counts = np.column_stack([cuts[:, 0], cuts[:, 1] - cuts[:, 0], n - cuts[:, 1]])
    factorials = np.array([lgamma(k + 1) for k in range(n + 1)])
    log_chances = factorials[n] - factorials[counts].sum(axis=1) + counts @ np.log(chances)
    return counts, np.exp(log_chances)


def mean_over_distinct_pairs(counts, loss):
    """The mean of the loss over distinct pairs of points, for each sample."""
    n = counts[0].sum()
    return (np.einsum("si,ij,sj->s", counts, loss, counts) - counts @ np.diag(loss)) / (n * (n - 1))


def moments(chances, loss):
    """E h, ζ_1 and ζ_2."""
    mean = chances @ loss @ chances
    return mean, chances @ (loss @ chances - mean) ** 2, chances @ (loss - mean) ** 2 @ chances


@claim(HOEFFDING, kind="identity", cases=[8, 16, 32])
def test_pairs_variance(
    trial, n: Annotated[int, Interval(4, 40, why="all samples of three values are enumerated")]
):
    """Let h be a symmetric function of two points, ζ_1 the variance of its mean given one of two
    independent points, and ζ_2 its variance. The mean of h over the distinct pairs of n independent
    points has the variance (2 / (n (n - 1))) (2 (n - 2) ζ_1 + ζ_2).

    This is about 4 ζ_1 / n: it falls with the number of points, not with that of pairs.
    """
    chances, loss = three_point_law(trial)
    mean, projected, total = moments(chances, loss)
    counts, weights = all_samples(n, chances)
    variance = weights @ (mean_over_distinct_pairs(counts, loss) - mean) ** 2
    law = rates.pair_mean_variance(n, projected, total)
    trial.identity(
        variance,
        law,
        ops=100 * n,
        scale=total,
        controls={
            "n (n - 1) / 2 independent pairs": 2 * total / (n * (n - 1)),
            "n² independent pairs": total / n**2,
        },
    )


@claim(
    HOEFFDING,
    kind="bound",
    cases=[16, 32],
    not_tight="a bound for every law: at small deviations half of it is reached",
)
def test_pairs_tail(trial, n: Annotated[int, Interval(16, 40, why="with fewer the control holds")]):
    """Let U be the mean of a loss in [a, b] over the distinct pairs of n independent points. For t
    >= 0, P(U - E[U] >= t) <= exp(-2 floor(n/2) t² / (b - a)²).

    The exponent counts the n / 2 disjoint pairs, and not all n (n - 1) / 2.
    """
    chances, loss = three_point_law(trial)
    mean, _, _ = moments(chances, loss)
    spread = np.ptp(loss)
    counts, weights = all_samples(n, chances)
    excess = mean_over_distinct_pairs(counts, loss) - mean
    deviations = np.linspace(0.02, 0.4, 20) * spread
    tails = np.array([weights[excess >= deviation].sum() for deviation in deviations])
    independent = np.exp(-n * (n - 1) * np.square(deviations / spread))
    trial.require(np.any(tails > independent + 1e-6), "n must be larger: else the control holds")
    trial.bound(
        tails,
        rates.pair_mean_tail(n, deviations, spread),
        instances="grid",
        ops=100 * n,
        controls={"n (n - 1) / 2 independent pairs": independent},
    )
