"""Mixup with n points: how fast the angle to b closes, and what unequal classes and sampled lambdas
cost.
"""

from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks.test_mixup import folded, random_chord, reference_pair, uniform_lambdas
from sims import mixup as observed
from sims.wishart import bartlett_factor
from theory import mixup as predicted
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval
from theory_on_trial.laws import NormalVariance, RatioOfMeans

LAW = predicted.MixingLaw.beta(1.0, 8)
"""Uniform λ; 8 Legendre nodes leave an error of 1e-9 in scores below 10."""
NEXT_ORDER = "a variance of fits; corrections of relative order 1 / n are not computed"

AnySeparability = Annotated[float, Interval(100, 1e6, why="a cap, which nothing requires")]
Large = Annotated[float, Interval(500, 2e4, why="a limit; beyond, n must be larger too")]
"""κ at which the noise is an expansion's small term."""
Size = Annotated[int, Interval(40, 200, why="all pairs of points are fitted")]
Mode = Literal["expected", "random", "sampled"]
"""λ averaged in balanced classes, or labels drawn, or one λ drawn for each ordered pair."""

SHAPE = reference_pair()
FACTOR = observed.covariance_factor(SHAPE.covariance)


def deficits(key, separabilities, n, mode="expected"):
    """1 - cos at each κ, the noise of the points being the same."""
    return observed.angle_curve(
        jnp.stack([key] * len(separabilities)),
        np.array(separabilities),
        SHAPE.mean,
        FACTOR,
        SHAPE.bayes_direction,
        *(() if mode == "sampled" else folded(LAW)),
        n=n,
        learner=uniform_lambdas if mode == "sampled" else observed.mixup_weights,
        labels="random" if mode == "random" else "balanced",
    )


def chord(separability, n, mode="expected"):
    """Measurement whose variance is 2 E[1 - cos]."""
    return lambda key: random_chord(key, deficits(key, (separability,), n, mode)[0])


def same_sample(key, n, separability, mode="expected"):
    """The sample that `deficits` fits."""
    labels = "random" if mode == "random" else "balanced"
    return observed.pair_sample(
        jax.random.split(key)[0], n, SHAPE.mean, FACTOR, separability, labels=labels
    )


def statistics_of(sample):
    """The means of both classes, and the sum of squares within them."""
    ones = sample.labels[:, None]
    zeros = 1 - sample.labels[:, None]
    low, high = ((side * sample.features).sum(axis=0) / side.sum() for side in (zeros, ones))
    residuals = sample.features - ones * high - zeros * low
    return low, high, residuals.T @ residuals


def drawn_statistics(key, n, separability):
    """The `statistics_of` n points in balanced classes, drawn by their laws: normal means, a
    Wishart matrix.
    """
    means_key, factor_key = jax.random.split(key)
    root = FACTOR / jnp.sqrt(separability)
    noise = jax.random.normal(means_key, (2, len(root))) @ root.T / jnp.sqrt(n / 2)
    factor = root @ bartlett_factor(factor_key, len(root), n - 2)
    return noise[0] - SHAPE.mean, noise[1] + SHAPE.mean, factor @ factor.T


def lda_deficit(statistics, n):
    """1 - cos of the modified LDA of a sample of size n."""
    (low, high, squares), curvature = statistics, predicted.limit_curvatures(LAW)
    centre = (low + high) / 2
    hessian = curvature.noise * squares / n + curvature.centroid * jnp.outer(centre, centre)
    return observed.angle_deficit(jnp.linalg.solve(hessian, high - low), SHAPE.bayes_direction)


def first_order(statistics, n, separability):
    """The first order of `lda_deficit` in the scatter's error, in units of its mean: exactly, by
    Wishart's moments.
    """
    scatter = separability * statistics[2] / (n - 2)
    bayes = SHAPE.bayes_direction
    turn = jnp.linalg.solve(SHAPE.covariance, scatter @ bayes - SHAPE.mean)
    across = turn - bayes * (bayes @ turn) / (bayes @ bayes)
    return (n - 2) * (across @ across) / (SHAPE.signal * SHAPE.projected_precision_trace)


def beside_lda(n, separabilities, mode):
    """Measure pairs of 1 - cos: of Mixup, and of the modified LDA of the same points."""

    def measure(key):
        samples = [same_sample(key, n, kappa, mode) for kappa in separabilities]
        of_lda = [lda_deficit(statistics_of(sample), n) for sample in samples]
        return jnp.stack([deficits(key, separabilities, n, mode), jnp.stack(of_lda)], axis=-1)

    return measure


def require_even(trial, n):
    """Require classes of one size."""
    trial.require(n % 2 == 0, "n must be even: the classes are balanced")


@claim(
    derived("variance of a U-statistic of all pairs"),
    kind="limit",
    tier="full",
    cases=[0.7, 4.0],
    low_power=NEXT_ORDER,
)
def test_mixup_asymptotic(
    trial, separability: Annotated[float, Interval(0.5, 10, why="a cap only")], n: Size = 80
):
    """At fixed κ n E[1 - cos] tends to T K_mix / (2 κ |b|^2), the sandwich variance of all
    pairs.
    """
    require_even(trial, n)
    pair = reference_pair(separability)
    efficiency = predicted.mixup_efficiency(pair.effective_separability, LAW)
    variance = 2 / n * predicted.angle_rate(pair, efficiency)
    trial.mean(
        chord(separability, n),
        variance,
        law=NormalVariance(asymptotic=True),
        slack=10 / n * variance,  # relative corrections of the order 1 / n
        margin=(0.075 + 10 / n) * variance,
        controls={"one of the two projections": variance / 4, "twice": 2 * variance},
        first=512,
        most=20_000,
    )


@claim(
    derived("the mean of an inverse Wishart matrix, in the expansion of LDA's direction"),
    kind="limit",
)
def test_lda_rate(
    trial,
    separability: Large = 4096.0,
    n: Annotated[int, Interval(20, 70, why="four n^2 are at most κ; the low end is a cap")] = 32,
    n_large: Annotated[
        int, Interval(400, 10**6, why="a first order in 1 / n; the high end is a cap")
    ] = 10**5,
):
    """At large κ balanced Mixup is as near b as the modified LDA of its data: n E[1 - cos] -> m^2 T
    / (2 |b|^2).
    """
    require_even(trial, n)
    require_even(trial, n_large)
    trial.require(
        separability >= 4 * n**2,
        "separability must be at least 4 n^2: what drawn labels cost shows then",
    )
    kappas = (separability, 4 * separability)
    trial.mean(
        beside_lda(n, kappas, "expected"),
        np.ones(2),
        law=RatioOfMeans(),
        margin=0.01,
        controls={"sqrt(kappa)": np.array([1.0, 2.0])},
        control_processes={"labels drawn": beside_lda(n, kappas, "random")},
        first=512,
        most=8000,
    )
    rate = predicted.lda_rate(SHAPE, n_large) / n_large
    full_trace = np.trace(np.linalg.inv(SHAPE.covariance)) / SHAPE.projected_precision_trace

    def beside_first_order(key):
        statistics = drawn_statistics(key, n_large, separability)
        return jnp.stack(
            [
                lda_deficit(statistics, n_large),
                rate * first_order(statistics, n_large, separability),
            ]
        )

    slack = 4 / n_large + 1 / (
        separability * SHAPE.signal
    )  # relative corrections of order 1 / n, and of the means
    margin = 0.009 + 8 / n_large
    rates = {"without m^2": 1 / SHAPE.signal, "trace of the whole inverse": full_trace}
    trial.mean(
        beside_first_order,
        1.0,
        law=RatioOfMeans(),
        slack=slack,
        margin=margin,
        controls=rates,
        first=1024,
        most=10_000,
    )


@claim(
    derived("the pull of unequal counts on the noise, amplified by the weak curvature across b"),
    kind="limit",
    tier="full",
    cases=[3600.0, 10_800.0],
    low_power=NEXT_ORDER,
)
def test_imbalance(trial, separability: Large, n: Size = 60):
    """Labels drawn at random add B_i κ / n^2 to E[1 - cos], through the class counts of each data
    set.
    """
    trial.require(
        max(n / 2, 40) <= separability / n <= 4 * n,
        "separability must lie in [max(n / 2, 40) n, 4 n^2]",
    )
    ones = np.arange(1, n)
    excess = n * (2 * ones / n - 1) ** 2 * (n / 4) * (1 / ones + 1 / (n - ones))  # mean about one
    base = 2 / n * predicted.lda_rate(SHAPE, n)
    increment = 2 * separability / n**2 * predicted.imbalance_coefficient(SHAPE, LAW)
    variance = base + increment * excess
    chances = np.exp(-((ones - n / 2) ** 2) * 2 / n)
    chances = chances / chances.sum()

    def standardised(key):
        scale = jnp.asarray(variance)[
            same_sample(key, n, 1.0, "random").labels.sum().astype(int) - 1
        ]
        return random_chord(key, deficits(key, (separability,), n, "random")[0]) / jnp.sqrt(scale)

    controls = {
        "without 1/2": ((base + 4 * increment * excess) / variance) @ chances,
        "free": (base / variance) @ chances,
    }
    options = {"slack": 10 / n, "margin": 0.3, "first": 512}
    trial.mean(
        standardised,
        1.0,
        law=NormalVariance(asymptotic=True),
        controls=controls,
        most=12_000,
        **options,
    )

    def angle(noise, count):
        # Only the sum of the class means matters. Threads of a callback compute in single precision
        # unless told, and are given their arguments so; now and then it is the main thread, which
        # is not.
        counts = (n - int(count), int(count))
        means = np.stack([np.zeros(2), np.asarray(noise, float)])
        pair = reference_pair(separability)
        with jax.enable_x64(True):
            return np.float32(
                n * pair.misalignment(predicted.imbalance_weights(pair, LAW, means, counts))
            )

    def paired(key):
        sample = same_sample(key, n, separability, "random")
        count = sample.labels.sum()
        noise = sample.labels @ sample.features / count + (1 - sample.labels) @ sample.features / (
            n - count
        )
        shape = jax.ShapeDtypeStruct((), jnp.float32)
        prediction = jax.pure_callback(
            angle, shape, noise.astype(jnp.float32), count, vmap_method="sequential"
        )
        deficit = n * deficits(key, (separability,), n, "random")[0]
        return jnp.stack([deficit, prediction + predicted.lda_rate(SHAPE, n)])

    controls = {"a quarter": 0.25, "twice": 2.0}
    trial.mean(
        paired, 1.0, law=RatioOfMeans(), margin=0.25, controls=controls, first=512, most=8000
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
    mixtures = observed.mixed_rows(points, labels, LAW.nodes, LAW.weights, LAW.input_weights)
    n = len(points)
    point_masses = np.where(labels == 1, share, 1 - share) * 2 / n
    pairs = np.outer(point_masses, point_masses)
    masses = np.outer(LAW.weights, pairs).ravel()
    weights = np.zeros(points.shape[1])
    for _ in range(12):
        chances = 1 / (1 + np.exp(-mixtures.rows @ weights))
        gradients = (chances - mixtures.labels)[:, None] * mixtures.rows
        hessian = (mixtures.rows * (masses * chances * (1 - chances))[:, None]).T @ mixtures.rows
        weights = weights - np.linalg.solve(hessian, masses @ gradients)
    return weights, hessian, gradients.reshape(len(LAW.nodes), n, n, -1), pairs


def tangent(weights, direction):
    """Tangent of the angle in the plane from `direction` to `weights`, positive to the left."""
    return np.linalg.det([direction, weights]) / (weights @ direction)


@claim(
    derived(
        "the first order of the minimiser in a common shift of both classes, which unequal counts "
        "let through"
    ),
    kind="limit",
    cases=[-1.0, 0.3],
)
def test_imbalance__shift(
    trial, tilt: Annotated[float, Interval(-2, 0.5, why="a shift along μ turns nothing")]
):
    """Unequal counts turn Mixup by sqrt(κ) (A (p - q) / 2 h)(Σ^-1 - b b' / m^2)(z_1 + z_0), to
    first order.
    """
    trial.require(
        not -0.74 <= tilt <= -0.69,
        "tilt must not lie in [-0.74, -0.69]: the next order changes sign there",
    )
    directions = np.array(
        [[np.sqrt(0.2), 0.0], [0.0, np.sqrt(1.8)], [1.0, tilt]]
    )  # the roots of Sigma, and another
    separabilities = 6400 * 2.0 ** np.arange(5)

    def beside_the_law(kappa):
        """In the last direction the turn over its law, and B_i from the others; shift and p - q
        fall as κ grows.
        """
        pair = reference_pair(kappa)
        half = int(kappa / 10)
        shift = 10 / np.sqrt(kappa)
        turns = []
        bayes = pair.bayes_direction
        for direction in directions:
            offset = shift * direction / np.sqrt(kappa)
            fits = [
                weighted_fit(*exact_noise(pair, offset), (1 + side / half) / 2)[0]
                for side in (1, -1)
            ]
            # What is even in p - q the shift does in balanced classes too.
            turns.append((tangent(fits[0], bayes) - tangent(fits[1], bayes)) / 2)
            means = np.stack([offset - pair.mean, offset + pair.mean])
        law = tangent(predicted.imbalance_weights(pair, LAW, means, (half - 1, half + 1)), bayes)
        return turns[2] / law, sum(np.square(turns[:2])) / (2 * kappa * (shift / half) ** 2)

    ratios, coefficients = np.transpose([beside_the_law(kappa) for kappa in separabilities])
    exact = predicted.imbalance_coefficient(SHAPE, LAW)
    trial.limit(
        ratios,
        separabilities,
        1.0,
        order=1,
        margin=0.01,
        controls={"the other way": -1.0, "without 1/2": 0.5},
    )
    controls = {
        "without 1/2": exact / 4,
        "λ sampled": predicted.sampled_lambda_coefficient(SHAPE, LAW),
    }
    trial.limit(
        coefficients, separabilities, exact, order=1, margin=0.01 * exact, controls=controls
    )


@claim(
    derived("the variance of the pull of lambdas that are not averaged, amplified across b"),
    kind="limit",
    tier="full",
    cases=[1024.0, 8192.0],
    low_power=NEXT_ORDER,
)
def test_sampled_lambda(trial, separability: Large, n: Size = 80):
    """One λ for each ordered pair adds B_s κ / n^2 to E[1 - cos], even with balanced classes."""
    require_even(trial, n)
    base = 2 / n * predicted.lda_rate(SHAPE, n)
    increment = 2 * separability / n**2 * predicted.sampled_lambda_coefficient(SHAPE, LAW)
    trial.require(
        increment > base,
        "separability must be so large that the sampling of lambda costs most, got less",
    )
    variance = base + increment
    trial.mean(
        chord(separability, n, "sampled"),
        variance,
        law=NormalVariance(asymptotic=True),
        slack=10 / n * variance,  # relative corrections of the order 1 / n
        margin=0.3 * variance,
        controls={"λ averaged": base, "twice": base + 2 * increment},
        control_processes={"λ averaged in training": chord(separability, n)},
        first=512,
        most=12_000,
    )


@claim(
    derived("the delta method: variances of the gradients of all pairs at the fit"),
    kind="limit",
    cases=[2.0, 5.0],
)
def test_sampled_lambda__delta(
    trial, condition: Annotated[float, Interval(1.5, 20, why="a cap only")]
):
    """A λ for each ordered pair has the cost B_s of the variance that it gives every pair's
    gradient.
    """
    separabilities = 400 * 2.0 ** np.arange(6)
    coefficients = []
    covariance = np.array([[1.0, 0.3], [0.3, condition]])
    for kappa in separabilities:
        pair = predicted.GaussianPair(np.array([1.0, -0.6]), covariance, kappa)
        weights, hessian, gradients, pairs = weighted_fit(*exact_noise(pair))
        deviations = gradients - np.tensordot(LAW.weights, gradients, 1)
        scatter = np.einsum("k,ij,kijc,kije->ce", LAW.weights, pairs, deviations, deviations)
        unit = pair.bayes_direction / np.linalg.norm(pair.bayes_direction)
        response = (np.eye(2) - np.outer(unit, unit)) @ np.linalg.inv(hessian)
        coefficients.append(
            np.trace(response @ scatter @ response.T) / (2 * kappa * weights @ weights)
        )
    exact = predicted.sampled_lambda_coefficient(pair, LAW)
    imbalance = predicted.imbalance_coefficient(pair, LAW)
    same = LAW.mean((LAW.input_weights - 0.5) ** 2) * imbalance
    rivals = {
        "the pairs of one class alone": same,
        "without the halves": 2 * exact - same,
        "B_i": imbalance,
    }
    trial.limit(
        coefficients, separabilities, exact, order=(1, 2), margin=0.005 * exact, controls=rivals
    )  # the first may vanish


@claim(
    derived("the equation times n^2 (n - d - 2) is a cubic"),
    kind="identity",
    cases=["expected", "random", "sampled"],
)
def test_n_eps_formula__cubic(trial, mode: Mode, separability: AnySeparability = 6400.0):
    """The size at which C / (n - d - 2) + B κ / n^2 = ε is the largest root of a cubic."""
    pair = reference_pair(separability)
    epsilons = np.array([0.03, 0.003, 0.0003])
    cost = 0.0
    rate = predicted.lda_rate(pair)
    least = pair.dim + 2
    if mode == "random":
        cost = separability * predicted.imbalance_coefficient(pair, LAW)
    if mode == "sampled":
        cost = separability * predicted.sampled_lambda_coefficient(pair, LAW)
    sampling: Literal["sampled", "expected"] = "sampled" if mode == "sampled" else "expected"
    sizes = [
        predicted.mixup_samples(pair, float(eps), LAW, sampling, mode != "random")
        for eps in epsilons
    ]
    exact = np.array(sizes)
    cubics = [[eps, -eps * least - rate, -cost, cost * least] for eps in epsilons]
    roots = np.array(
        [max(root.real for root in np.roots(cubic) if abs(root.imag) < 1e-9) for cubic in cubics]
    )
    controls = {"C / n": (rate + np.sqrt(rate**2 + 4 * epsilons * cost)) / (2 * epsilons)}
    # A simple root; companion matrices of a cubic err by some hundred roundings of its size.
    trial.value(roots, exact, margin=1e-9 * exact, error=1e-11 * exact, controls=controls)


@claim(
    derived("the sum of the rate of LDA and of what drawn labels or lambdas cost"),
    kind="rate",
    tier="full",
    cases=["expected", "random", "sampled"],
    low_power=NEXT_ORDER,
)
def test_n_eps_formula(
    trial,
    mode: Mode,
    separability: Annotated[
        float, Interval(100, 2000, why="the formula is of large κ; the high end is a cap")
    ] = 640.0,
    epsilon: Annotated[
        float, Interval(0.001, 0.004, why="a formula of small angles; the low end is a cap")
    ] = 0.002,
):
    """Mixup reaches 1 - cos = ε at the root of C / (n - d - 2) + B κ / n^2: like sqrt(κ) at
    most.
    """
    pair = reference_pair(separability)
    costs = {
        "expected": 0.0,
        "random": predicted.imbalance_coefficient(pair, LAW) * separability,
        "sampled": predicted.sampled_lambda_coefficient(pair, LAW) * separability,
    }
    root = predicted.mixup_samples(
        pair,
        epsilon,
        LAW,
        "sampled" if mode == "sampled" else "expected",
        balanced=mode != "random",
    )
    rate = predicted.lda_rate(pair)
    cost = costs[mode]
    n = 2 * round(root / 2)
    excess = rate / (root - pair.dim - 2)
    controls = {"C / n": rate / root + cost / root**2}
    trial.identity(
        excess + cost / root**2, epsilon, ops=200, scale=epsilon * root, controls=controls
    )
    # At the nearest even size the mean angle is epsilon up to the rounding of n, which the formula
    # itself gives.
    variance = 2 * (predicted.lda_rate(pair, n) / n + cost / n**2)
    trial.mean(
        chord(separability, n, mode),
        variance,
        law=NormalVariance(asymptotic=True),
        slack=4 / n * variance,
        margin=0.3 * variance,
        controls={"half the size suffices": 2 * variance},
        first=512,
        most=100_000,  # drawn labels are out of balance now and then: tails of a kurtosis of 2 to 5
    )
