"""Mixup with n points: how fast the angle to b closes, and what unequal classes and sampled lambdas
cost.
"""

from typing import Annotated, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import expit, ndtri

from paper_checks.test_mixup import encloses, random_chord, turned_pair
from sims.mixup import angles, fits
from sims.wishart import bartlett_factor
from theory.mixup import population, rates
from theory.mixup.classes import GaussianPair, MixingLaw
from theory_on_trial import claim, derived, tried
from theory_on_trial.contract import Interval
from theory_on_trial.laws import NormalVariance, RatioOfMeans

LAW = MixingLaw.beta(1.0, 8)
"""Uniform λ; 8 Legendre nodes leave an error of 1e-9 in scores below 10."""
NEXT_ORDER = "a variance of fits; corrections of relative order $1 / n$ are not computed"
ERROR = 1e-7
"""Chance, for each design, that any of its boxes misses its n_ε."""
WhatIsDrawn = Literal["expected", "random", "sampled"]
"""Nothing but the noise ("expected": λ is averaged, the classes are balanced), labels, too
("random"), or one λ for each ordered pair, too ("sampled").
"""

SHAPE = turned_pair()
"""The pair whose μ and Σ most claims have; they set κ themselves."""
FACTOR = fits.covariance_factor(SHAPE.covariance)


def uniform_lambdas(key, features, labels):
    """Mixup's learner with one uniform λ for each ordered pair, NaN where it did not converge."""
    fit = fits.fit_mixup_sampled(key, features, labels, jax.random.uniform)
    return jnp.where(fit.converged, fit.weights, jnp.nan)


def deficits(keys, separabilities, n, mode):
    """1 - cos(w, b) of Mixup's minimiser on one sample of n points, for each key and its κ."""
    sampled = mode == "sampled"
    return angles.angle_curve(
        keys,
        np.asarray(separabilities),
        SHAPE.mean,
        FACTOR,
        SHAPE.bayes_direction,
        *(() if sampled else LAW.lower_half),  # the averaged loss is that of λ < 1/2, doubled
        n=n,
        learner=uniform_lambdas if sampled else angles.mixup_weights,
        labels="random" if mode == "random" else "balanced",
    )


def chord(separability, n, mode="expected"):
    """Return a measurement whose variance is 2 E[1 - cos(w, b)]."""
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
    """Let two equally likely classes be $N(±μ, Σ / κ)$, and $b = Σ^-1 μ$. Let $w$ minimise Mixup's
    loss over all pairs of $n$ points with $λ$ averaged. At fixed $κ$ and large $n$, $n E[1 - cos(w,
    b)]$ tends to $T K / (2 κ |b|²)$, where $T$ is the trace of $Σ^-1$ at right angles to $b$ and
    $K$ depends on $a = κ μ^T b$ and the law of $λ$ alone.

    K is the number whose formula mixup_efficiency tries.
    """
    trial.require(n % 2 == 0, "n must be even: the classes are balanced")
    pair = turned_pair(separability)
    efficiency = rates.mixup_efficiency(pair.effective_separability, LAW)
    variance = 2 / n * rates.angle_rate(pair, efficiency)
    trial.mean(
        chord(separability, n),
        variance,
        law=NormalVariance(asymptotic=True),
        slack=10 / n * variance,  # relative corrections of the order 1 / n
        margin=(0.075 + 10 / n) * variance,
        controls={
            "half of the gradient's mean given one point": variance / 4,
            "1 - cos for the squared angle": 2 * variance,
        },
        first=512,
        most=20_000,
    )


def plug_in_efficiency(a, law, per_class):
    """Return K = a² Ψ / (H u)² with sums over all pairs of points in place of expectations.

    The points lie on a line, with class means ±1 and `per_class` normal quantiles about each; u is
    the score of the mean in Mixup's own fit to them.
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
    """For two equally likely classes $N(±μ, Σ / κ)$, let $a = κ μ^T Σ^-1 μ$. Let $u = w·μ$ for the
    minimiser $w$ of Mixup's expected loss, let $z_i = w·x_i$, $z_{12} = λ z_1 + (1 - λ) z_2$,
    $y_{12} = λ y_1 + (1 - λ) y_2$, $z_{21}$ and $y_{21}$ the same with both points exchanged, and
    $s$ the logistic function. Let $Ψ$ be the mean square of
    $E[(s(z_{12}) - y_{12}) λ + (s(z_{21}) - y_{21}) (1 - λ)]$ given the first point, and
    $H = E[(λ² + (1 - λ)²) s'(z_{12})]$. Then Mixup's efficiency $K$, the limit of
    $n E[1 - cos(w, b)]$ for $n$ points over $T / (2 κ |b|²)$ with $b = Σ^-1 μ$ and the trace $T$ of
    $Σ^-1$ at right angles to $b$, is $a² Ψ / (H u)²$.
    """
    trial.require(
        alpha >= min(effective / 8, 5),
        "alpha must be at least effective / 8, or 5: quantiles of scores that are far apart settle "
        "later",
    )
    law = MixingLaw.beta(alpha, 12)
    with_100 = plug_in_efficiency(effective, law, 100)
    with_200 = plug_in_efficiency(effective, law, 200)
    exact = rates.mixup_efficiency(effective, MixingLaw.beta(alpha, 24))
    trial.value(
        2 * with_200 - with_100,  # what quantiles leave out falls nearly like one over their number
        exact,
        margin=0.01 * exact,
        error=abs(with_200 - with_100),
        controls={"one of the two summands in $Ψ$": exact / 4},
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
    """Let two equally likely classes be $N(±μ, Σ / κ)$, and $b = Σ^-1 μ$. As $n$ grows, let $n E[1
    - cos(w, b)]$ tend to $T K / (2 κ |b|²)$ for a direction $w$ learned from $n$ points, where $T$
    is the trace of $Σ^-1$ at right angles to $b$. Then, for $κ μ^T b$ from .1 to 64, $K$ of Mixup
    with $λ ~ Beta(α, α)$ and $α$ from .2 to 10 lies between that of linear discriminant analysis
    and that of logistic regression without augmentation, and falls with $α$.
    """
    mixup = rates.mixup_efficiency(effective, MixingLaw.beta(alpha, 24))
    mixup_of_larger_alpha = rates.mixup_efficiency(effective, MixingLaw.beta(1.1 * alpha, 24))
    logistic = rates.erm_efficiency(effective)
    discriminant = rates.lda_efficiency(effective)
    trial.bound(
        np.array([discriminant, mixup_of_larger_alpha, mixup]),
        np.array([mixup, mixup, logistic]),
        instances="grid",
        ops=1e4,
        controls={"Mixup as good as discriminant analysis": np.full(3, discriminant)},
        control_processes={"logistic regression as the best": np.full(3, logistic)},
    )


def lda_deficit(low, high, squares, n):
    """1 - cos(v, b) of the modified LDA, given the class means `low` and `high` and the sum of
    squares within the classes.
    """
    curvature = population.limit_curvatures(LAW)
    centre = (low + high) / 2
    hessian = curvature.noise * squares / n + curvature.centroid * jnp.outer(centre, centre)
    return angles.angle_deficit(jnp.linalg.solve(hessian, high - low), SHAPE.bayes_direction)


def first_order(squares, n, separability):
    """Return the first order of `lda_deficit` in the error of the scatter, divided by its mean. So
    its own mean is one exactly, by the moments of a Wishart matrix.
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
    """Let two equally likely classes be $N(±μ, Σ / κ)$, and $b = Σ^-1 μ$. Let $v$ be the direction
    of the modified discriminant analysis (`modified_lda_limit`) of $n$ points, $n / 2$ of each
    class, to which Mixup's minimiser tends at large $κ$. As $n$ and $κ$ grow, $n E[1 - cos(v, b)]$
    tends to $m² T / (2 |b|²)$, where $m² = μ^T b$ and $T$ is the trace of $Σ^-1$ at right angles to
    $b$.
    """
    trial.require(n % 2 == 0, "n must be even: the classes are balanced")
    rate = rates.lda_rate(SHAPE, n) / n
    full_trace = np.trace(np.linalg.inv(SHAPE.covariance)) / SHAPE.projected_precision_trace

    def measure(key):
        """1 - cos(v, b), and its first order, whose mean is the prediction. They go up and down
        together, so that the ratio of their means has little scatter. Class means are normal, the
        scatter is a Wishart matrix.
        """
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
        # Relative corrections of order 1 / n, and those for the scatter of the class means.
        slack=4 / n + 1 / (separability * SHAPE.signal),
        margin=0.009 + 8 / n,
        controls={
            "without $m²$": 1 / SHAPE.signal,
            "the whole trace of $Σ^-1$ for $T$": full_trace,
        },
        first=1024,
        most=10_000,
    )


def exact_noise(pair, offset=0.0):
    """Return points of both classes, zeros first, and their labels. The noise of the points has
    exactly the covariance Σ / κ; then all are moved by `offset`.
    """
    factor = np.sqrt(pair.dim) * np.linalg.cholesky(pair.covariance / pair.separability).T
    spread = np.concatenate([factor, -factor]) + offset
    points = np.concatenate([spread - pair.mean, spread + pair.mean])
    return points, np.repeat([0.0, 1.0], len(spread))


class WeightedFit(NamedTuple):
    """Mixup's minimiser, and what its loss is made of there."""

    weights: np.ndarray
    hessian: np.ndarray
    gradients: np.ndarray
    """Of each mixture, [values of λ, first point, second point, dim]."""
    pair_masses: np.ndarray
    """The weight of each pair in the loss, [first point, second point]."""


def weighted_fit(points, labels, share=0.5):
    """Minimise Mixup's loss, in which the points of class one weigh `share` altogether, by Newton's
    method from zero.
    """
    rows, mixed_labels, _ = fits.mixed_rows(
        points, labels, LAW.nodes, LAW.weights, LAW.input_weights
    )
    n = len(points)
    point_masses = np.where(labels == 1, share, 1 - share) * 2 / n
    pair_masses = np.outer(point_masses, point_masses)
    masses = np.outer(LAW.weights, pair_masses).ravel()
    weights = np.zeros(points.shape[1])
    for _ in range(12):
        chances = expit(rows @ weights)
        gradients = (chances - mixed_labels)[:, None] * rows
        hessian = (rows * (masses * chances * (1 - chances))[:, None]).T @ rows
        weights = weights - np.linalg.solve(hessian, masses @ gradients)
    by_pair = gradients.reshape(len(LAW.nodes), n, n, -1)
    return WeightedFit(weights, hessian, by_pair, pair_masses)


def tangent(weights, direction):
    """Tangent of the angle in the plane from `direction` to `weights`, positive to the left."""
    return np.linalg.det([direction, weights]) / (weights @ direction)


def turn(pair, direction):
    """Return the tangent of the turn of Mixup's minimiser from b, over δ (p - q), where both
    classes are shifted by δ `direction` / sqrt(κ) and their shares differ by p - q. Both fall as κ
    grows.

    It is half of the difference between p - q and its negative: a shift turns the minimiser in
    balanced classes, too, and that is even in p - q.
    """
    inverse_imbalance = int(pair.separability / 10)  # 1 / (p - q)
    shift = 10 / np.sqrt(pair.separability)
    points, labels = exact_noise(pair, shift * direction / np.sqrt(pair.separability))
    more_ones = weighted_fit(points, labels, (1 + 1 / inverse_imbalance) / 2)
    more_zeros = weighted_fit(points, labels, (1 - 1 / inverse_imbalance) / 2)
    difference = tangent(more_ones.weights, pair.bayes_direction) - tangent(
        more_zeros.weights, pair.bayes_direction
    )
    return difference / 2 / (shift / inverse_imbalance)


@claim(
    derived(
        "the first order of the minimiser in a common shift of both classes, which has no effect "
        "for equal counts"
    ),
    kind="limit",
)
def test_imbalance(trial):
    """Let two classes be $N(±μ, Σ / κ)$, and $b = Σ^-1 μ$. Shift both by $δ$ times a column of
    $Σ^(1/2) / sqrt(κ)$, and let their shares $p$ and $q$ differ. To first order in $δ (p - q)$,
    which falls as $κ$ grows, this turns Mixup's minimiser. The squared tangents of these turns,
    over $2 κ (δ (p - q))²$ and summed over the columns, tend to $B = T m⁴ A² / (2 h² u² |b|²)$,
    where $m² = μ^T b$, $T$ is the trace of $Σ^-1$ at right angles to $b$, $u$ the limiting score
    $w·μ$ of the class mean, $A = s(u) - 1$, $h = E[(λ² + (1 - λ)²) (s'(u) + s'((2 λ - 1) u))] / 2$
    and $s$ the logistic function.

    B κ / n² is the cost of labels that are drawn at random.
    """
    separabilities = 6400 * 2.0 ** np.arange(5)
    values, vectors = np.linalg.eigh(SHAPE.covariance)
    columns = vectors * np.sqrt(values) @ vectors.T  # of Σ^(1/2)

    def coefficient(kappa):
        turns = [turn(turned_pair(kappa), column) for column in columns]
        return np.sum(np.square(turns)) / (2 * kappa)

    exact = rates.imbalance_coefficient(SHAPE, LAW)
    trial.limit(
        [coefficient(kappa) for kappa in separabilities],
        separabilities,
        exact,
        order=1,
        margin=0.01 * exact,
        controls={
            "$B / 4$, half of each turn": exact / 4,
            "the coefficient of sampled $λ$": rates.sampled_lambda_coefficient(SHAPE, LAW),
        },
    )


@claim(
    derived("the delta method, with the variances of the gradients of all pairs at the minimiser"),
    kind="limit",
    cases=[2.0, 5.0],
)
def test_sampled_lambda(trial, condition: Annotated[float, Interval(1.5, 20)]):
    """Let two equally likely classes be $N(±μ, Σ / κ)$, and $b = Σ^-1 μ$. Let one $λ$ be drawn for
    every ordered pair of $n$ points. To first order, the variance that this gives the gradients of
    the pairs adds $B κ / n²$ to $E[1 - cos(w, b)]$ of Mixup's minimiser $w$, where as $κ$ grows $B$
    tends to $T m⁴ (A² Var[λ] + (Var[ρ λ] + Var[ρ (1 - λ)]) / 2) / (2 h² u² |b|²)$, where $m² = μ^T
    b$, $T$ is the trace of $Σ^-1$ at right angles to $b$, $u$ the limiting score $w·μ$ of the class
    mean, $A = s(u) - 1$, $h = E[(λ² + (1 - λ)²) (s'(u) + s'((2 λ - 1) u))] / 2$, $ρ = s((2 λ - 1)
    u) - λ$ and $s$ the logistic function.
    """
    separabilities = 400 * 2.0 ** np.arange(6)
    shape = GaussianPair(np.array([1.0, -0.6]), np.array([[1.0, 0.3], [0.3, condition]]), 1.0)
    unit = shape.bayes_direction / np.linalg.norm(shape.bayes_direction)
    across = np.eye(2) - np.outer(unit, unit)

    def coefficient(kappa):
        points, labels = exact_noise(GaussianPair(shape.mean, shape.covariance, kappa))
        fit = weighted_fit(points, labels)
        deviations = fit.gradients - np.tensordot(LAW.weights, fit.gradients, 1)
        # The variance over λ, a sum over its values k and the pairs i, j of coordinates c and e.
        scatter = np.einsum(
            "k,ij,kijc,kije->ce", LAW.weights, fit.pair_masses, deviations, deviations
        )
        response = across @ np.linalg.inv(fit.hessian)
        turned = np.trace(response @ scatter @ response.T)
        return turned / (2 * kappa * fit.weights @ fit.weights)

    exact = rates.sampled_lambda_coefficient(shape, LAW)
    imbalance = rates.imbalance_coefficient(shape, LAW)
    of_one_class = LAW.mean((LAW.input_weights - 0.5) ** 2) * imbalance  # the part A² Var[λ]
    trial.limit(
        [coefficient(kappa) for kappa in separabilities],
        separabilities,
        exact,
        order=(1, 2),  # the first may vanish
        margin=0.005 * exact,
        controls={
            "pairs of one class alone": of_one_class,
            "without the factor 1/2 of the sum": 2 * exact - of_one_class,
            "the coefficient of random labels": imbalance,
        },
    )


def cost_of(pair, mode):
    """Return B κ, where B κ / n² is what drawn labels or drawn λ add to E[1 - cos]."""
    if mode == "random":
        return pair.separability * rates.imbalance_coefficient(pair, LAW)
    if mode == "sampled":
        return pair.separability * rates.sampled_lambda_coefficient(pair, LAW)
    return 0.0


@claim(
    derived(
        "the sum of the rate of discriminant analysis and of what drawn labels or drawn $λ$ cost"
    ),
    kind="rate",
    tier="full",
    cases=[("expected", 640.0, 0.002), ("random", 2000.0, 0.004), ("sampled", 2000.0, 0.004)],
    low_power=NEXT_ORDER,
)
def test_n_eps_formula(
    trial,
    mode: WhatIsDrawn,
    separability: Annotated[
        float, Interval(100, 2000, why="the formula is of large κ; the high end is a cap")
    ],
    epsilon: Annotated[
        float, Interval(0.001, 0.004, why="a formula of small angles; the low end is a cap")
    ],
):
    """Let two equally likely classes be $N(±μ, Σ / κ)$, and $b = Σ^-1 μ$. At large $κ$ and small
    $ε$ Mixup's minimiser $w$ in $d$ dimensions has $E[1 - cos(w, b)] = ε$, up to 30 %, with the
    number $n$ of points at which $C / (n - d - 2) + B κ / n² = ε$. Here $C = μ^T b T / (2 |b|²)$
    with the trace $T$ of $Σ^-1$ at right angles to $b$, and $B$ is 0 for equal class counts and
    averaged $λ$, and otherwise the coefficient of drawn labels (`imbalance`) or of drawn $λ$
    (`sampled_lambda`).

    n grows at most like sqrt(κ).
    """
    pair = turned_pair(separability)
    size = rates.mixup_samples(
        pair,
        epsilon,
        LAW,
        "sampled" if mode == "sampled" else "expected",
        balanced=mode != "random",
    )
    n = 2 * round(size / 2)
    # At the nearest even size the mean angle is ε up to the rounding of n, which the formula itself
    # gives. The chord's variance is twice the mean angle.
    averaged = 2 * rates.lda_rate(pair, n) / n
    variance = averaged + 2 * cost_of(pair, mode) / n**2
    controls = {"half of $n$ points": 2 * variance}
    if averaged < 0.5 * variance:  # else what is drawn costs hardly more than the margin
        controls["no cost of what is drawn"] = averaged
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
    """Return the lower and the upper ends of boxes around n_ε of Mixup, one for each κ. The samples
    of one size have the same noise at every κ.
    """
    events = []
    for n in sizes:  # one compiled program for each
        keys = jax.random.split(trial.key(f"{mode} {n}"), runs)
        found = deficits(
            jnp.repeat(keys, len(separabilities)), np.tile(separabilities, runs), n, mode
        )
        events.append(np.asarray(found).reshape(runs, -1) <= epsilon)
    by_separability = np.stack(events, axis=-1).swapaxes(0, 1)  # [separabilities, runs, sizes]
    error = ERROR / len(separabilities)
    boxes = [encloses(np.array(sizes, float), reached, error) for reached in by_separability]
    return np.transpose(boxes)


@claim(
    tried(
        "abstract, sentence 5: Mixup mitigates this problem by significantly reducing the sample "
        "complexity",
        "Gaussian classes, and the order $sqrt(κ)$",
    ),
    kind="rate",
    tier="full",
    cases=["expected", "random", "sampled"],
    not_tight="$n_ε$ is enclosed between sizes in steps, and does not grow at all where $λ$ is "
    "averaged",
)
def test_mixup_poly(
    trial,
    mode: WhatIsDrawn,
    epsilon: Annotated[
        float, Interval(0.005, 0.006, why="the sizes that are tried lie around this crossing")
    ] = 0.005,
    runs: Annotated[
        int, Interval(3000, 20_000, why="fewer leave wide intervals, and each is fitted")
    ] = 6000,
):
    """Let two equally likely classes be $N(±μ, Σ / κ)$, and $b = Σ^-1 μ$. Let $n$ be the number of
    points with which half of all samples give $1 - cos(w, b) <= ε$ for Mixup's minimiser $w$. As
    $κ$ grows, $n$ grows at most like $sqrt(κ)$: with $λ$ averaged, with labels drawn at random, and
    with one $λ$ for each ordered pair.
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
    low, high = mixup_boxes(trial, epsilon, separabilities, sizes.tolist(), runs, mode)
    # Of a line the verdict does not depend on where in the first box it begins.
    linear = low[0] * separabilities / separabilities[0]
    plain = np.exp([rates.erm_samples(turned_pair(kappa), epsilon) for kappa in separabilities])
    trial.growth_at_most(
        separabilities,
        (low, high),
        "sqrt n",
        error=ERROR,
        control_processes={
            "growth like $κ$": (linear, linear),
            "without augmentation": (plain, plain),
        },
    )
