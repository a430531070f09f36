"""Without augmentation: the hard margin, the path of its direction from μ to b, and Fisher's
information.
"""

from typing import Annotated

import cvxpy
import jax.numpy as jnp
import numpy as np

from paper_checks.test_mixup import random_chord, random_pair, turned_pair
from sims.mixup import angles, fits, margins
from theory.mixup import rates
from theory.mixup.classes import GaussianPair
from theory_on_trial import claim, derived, known
from theory_on_trial.contract import Interval
from theory_on_trial.laws import Bounded, NormalVariance


def separable_points(trial, n, dim, count):
    """Samples of signed points that are separable, at three separabilities in turn."""
    rng = trial.generator("samples")
    samples = []
    while len(samples) < count:
        pair = random_pair(rng, dim, [3.0, 30.0, 300.0][len(samples) % 3])
        root = np.asarray(fits.covariance_factor(pair.covariance)) / np.sqrt(pair.separability)
        points = pair.mean + rng.standard_normal((n, dim)) @ root.T
        if margins.hard_margin(points).separable:
            samples.append(points)
    return samples


def lost_margin(points, ridge):
    """Return the largest margin of the signed points less that of training with a ridge, and the
    bound on this difference.
    """
    # Signs that alternate make two classes of signed points; with λ = 1 alone nothing is mixed.
    signs = np.resize([1.0, -1.0], len(points))
    atom = np.ones(1)
    fit = fits.fit_mixup(signs[:, None] * points, (1 + signs) / 2, atom, atom, atom, ridge=ridge)
    weights = np.asarray(fit.weights)
    length = np.linalg.norm(weights)
    scores_of_best = points @ np.asarray(margins.hard_margin(points).direction)
    largest_margin = scores_of_best.min()
    total_loss = np.sum(np.log1p(np.exp(-length * scores_of_best)))
    lost = largest_margin - (points @ weights).min() / length
    return lost, largest_margin + np.log(np.expm1(total_loss)) / length


@claim(
    known(
        "Soudry et al. 2018 for descent, and Rosset, Zhu & Hastie 2004 for a vanishing ridge",
        within="as a limit; the bound at a length is found here",
    ),
    kind="bound",
    not_tight="attained only where ever more points carry the margin",
)
def test_erm_separable_limit(
    trial,
    n: Annotated[int, Interval(12, 60)] = 24,
    dim: Annotated[int, Interval(2, 6)] = 3,
    count: Annotated[int, Interval(6, 100)] = 8,
):
    """Let $v$ be the unit vector with the largest margin $m = min_i v·S_i > 0$ of $n$ points
    $S_i = (2 y_i - 1) x_i$. Let $w$, of length $B$, minimise the mean of $log(1 + exp(-w·S_i))$
    plus a ridge penalty. The margin of $w / B$ is at least $-log(exp(T) - 1) / B$ with
    $T = sum_i log(1 + exp(-B v·S_i))$.

    As the penalty vanishes B grows, and this tends to m: training without augmentation leads to
    the hard margin. The mean loss is at least log(1 + exp(-B m')) / n for the margin m' of w / B,
    and at most that of B v.
    """
    samples = separable_points(trial, n, dim, count)
    pairs = [lost_margin(points, ridge) for points in samples for ridge in (1e-3, 1e-6, 1e-9)]
    # The statement, with both sides taken from m.
    lost, bounds = np.transpose(pairs)
    trial.bound(
        lost,
        bounds,
        instances="search",
        ops=1e3,
        scale=1.0,
        controls={"the full margin $m$": np.zeros(len(lost))},
    )


def cone_program(pair, nu):
    """The w of length at most 1 with the largest w . μ - sqrt(2 ν) |Σ^(1/2) w|, by CLARABEL."""
    weights = cvxpy.Variable(pair.dim)
    spread = cvxpy.norm(np.linalg.cholesky(pair.covariance).T @ weights)
    margin = cvxpy.Maximize(pair.mean @ weights - np.sqrt(2 * nu) * spread)
    cvxpy.Problem(margin, [cvxpy.norm(weights) <= 1]).solve(solver=cvxpy.CLARABEL)
    return weights.value


@claim(
    derived(
        "the conditions of Karush, Kuhn and Tucker; the hull of the points tends to an "
        "ellipsoid of radius $sqrt(2 ν)$"
    ),
    kind="limit",
    cases=[(dim, share) for dim in (2, 6) for share in (0.05, 0.2, 0.5, 0.9)],
    route="a cone program by CLARABEL against `rates.phase_direction`",
)
def test_erm_phase_curve(
    trial,
    dim: Annotated[int, Interval(2, 20, why="one dimension has no angle; the high end is a cap")],
    share: Annotated[float, Interval(0.02, 0.95, why="of m² / 2, where the path ends in b")],
):
    """Let $0 < ν < μ^T Σ^-1 μ / 2$. Of all unit vectors $w$, the one with the largest
    $w·μ - sqrt(2 ν) |Σ^(1/2) w|$ is parallel to $(τ I + Σ)^-1 μ$ with the $τ > 0$ at which
    $|Σ^(1/2) (τ I + Σ)^-1 μ|² = 2 ν$, a ridge regression.

    To it the direction of training without augmentation tends, as κ grows, with n = exp(ν κ) points
    of two classes N(±μ, Σ / κ).
    """
    axes = np.linalg.qr(trial.generator("axes").standard_normal((dim, dim)))[0]
    covariance = axes @ np.diag(np.geomspace(0.2, 1.8, dim)) @ axes.T
    pair = GaussianPair(axes.sum(axis=1), (covariance + covariance.T) / 2, 1.0)
    nu = share * pair.signal / 2

    def objective(weights):
        return weights @ pair.mean - np.sqrt(2 * nu * (weights @ pair.covariance @ weights))

    exact = rates.phase_direction(pair, nu)
    weights = cone_program(pair, nu)
    solved = weights / np.linalg.norm(weights)
    # The objective is concave and homogeneous: a vector that loses a share δ of it is off by an
    # angle of at most 2 sqrt(δ).
    lost_share = abs(1 - objective(solved) / objective(exact)) + 1e-14
    controls = {
        "radius $sqrt(ν)$": rates.phase_direction(pair, nu / 2),
        "radius $sqrt(4 ν)$": rates.phase_direction(pair, 2 * nu),
    }
    trial.value(
        solved,
        exact,
        margin=1e-3,
        error=2 * np.sqrt(lost_share),
        controls=controls,
        generic="both directions turn with the axes",
    )


@claim(
    derived("the outermost of $n$ points lies $Φ^-1(1 - 1/n)$ deviations out, in every direction"),
    kind="limit",
    tier="full",
    cases=[(20.0, 6.0), (40.0, 8.0), (80.0, 8.0), (160.0, 13.8), (320.0, 20.7)],
)
def test_erm_phase_curve__simulated(
    trial,
    separability: Annotated[
        float, Interval(20, 400, why="the path is of large κ; the high end is a cap")
    ],
    log_n: Annotated[float, Interval(5, 60)],
    n_kept: Annotated[
        int, Interval(400, 2000, why="fewer may fail the certificate, and each costs")
    ] = 400,
):
    """Let two equally likely classes be $N(±μ, Σ / κ)$, and $b = Σ^-1 μ$. For large $κ$, the
    direction of the largest margin of $n$ points has, up to .015, the mean cosine with $b$ that the
    unit vector $w$ has with the largest $w·μ - r |Σ^(1/2) w|$, where
    $r = Φ^-1(1 - 1/n) / sqrt(κ)$, if $r² < .9 μ^T Σ^-1 μ$, so that the points are separable.
    """
    pair = turned_pair(separability)
    nu = rates.finite_sample_radius(pair, log_n=log_n) ** 2 / 2
    trial.require(nu < 0.9 * pair.signal / 2, "log_n must leave the points separable")
    cosine = rates.phase_cosine(pair, nu)
    at_half = rates.phase_cosine(pair, 0.5 * nu)
    at_double = rates.phase_cosine(pair, 2 * nu)
    trial.require(
        min(cosine - at_half, at_double - cosine) > 0.02,
        "log_n must lie where ν / 2 and 2 ν give other cosines",
    )
    factor = fits.covariance_factor(pair.covariance)
    bayes = pair.bayes_direction / np.linalg.norm(pair.bayes_direction)

    def measure(key):
        found = margins.tail_direction(key, log_n, pair.mean, factor, separability, n_kept)
        return found.direction @ bayes

    trial.mean(
        measure,
        cosine,
        law=Bounded(-1, 1),
        # At these κ the path is off by up to .003.
        slack=0.004,
        margin=0.015,
        controls={"radius $r / sqrt(2)$": at_half, "radius $sqrt(2) r$": at_double},
        first=512,
        most=20_000,
    )


def angle_rates(pair):
    """Return T K / (2 κ |b|²), the limit of n E[1 - cos] for n points, and the same by wrong
    theories of K, by name.
    """
    a = pair.effective_separability
    wrong_efficiencies = {
        "$s' = 1/4$": 1.0,
        "$V ~ N(a, 2 a)$": rates.erm_efficiency(a / 2),
        "discriminant analysis": a + 1,
    }
    exact = rates.angle_rate(pair, rates.erm_efficiency(a))
    wrong = {name: rates.angle_rate(pair, K) for name, K in wrong_efficiencies.items()}
    return exact, wrong


@claim(
    derived(
        "the asymptotic variance of logistic regression, from Fisher's information as in Efron "
        "1975, here for the angle without an intercept"
    ),
    kind="limit",
    tier="full",
    cases=[(0.5, 800), (1.0, 3200)],
    low_power="a variance of fits; corrections of relative order $K_erm / n$ are not computed",
)
def test_erm_fisher(
    trial,
    separability: Annotated[
        float, Interval(0.2, 1.2, why="with more, K_erm takes more points; the low end is a cap")
    ],
    n: Annotated[
        int, Interval(400, 5000, why="fewer leave corrections of order 1 / n, and each costs")
    ],
):
    """Let two equally likely classes be $N(±μ, Σ / κ)$, and $b = Σ^-1 μ$. Let $w$ minimise the
    logistic loss of $n$ points without augmentation. As $n$ grows, $n E[1 - cos(w, b)]$ tends to $T
    K / (2 κ |b|²)$, where $T$ is the trace of $Σ^-1$ at right angles to $b$, $K = 1 / (4
    E[s'(V)])$, $V ~ N(2 a, 4 a)$, $a = κ μ^T Σ^-1 μ$, and $s$ the logistic function.
    """
    trial.require(n % 2 == 0, "n must be even: the classes are balanced")
    pair = turned_pair(separability)
    factor = fits.covariance_factor(pair.covariance)
    efficiency = rates.erm_efficiency(pair.effective_separability)
    trial.require(
        n >= 80 * efficiency, "n must be at least 80 K_erm: fewer points leave larger corrections"
    )

    def measure(key):
        """A number whose variance is 2 n E[1 - cos]."""
        target = pair.bayes_direction
        options = {"n": n, "learner": angles.erm_weights}
        deficits = angles.angle_curve(
            key[None], np.array([separability]), pair.mean, factor, target, **options
        )
        return jnp.sqrt(n) * random_chord(key, deficits[0])

    rate, wrong_rates = angle_rates(pair)
    variance = 2 * rate
    trial.mean(
        measure,
        variance,
        law=NormalVariance(asymptotic=True),
        # Corrections of the order of one over the effective number of points.
        slack=3 * efficiency / n * variance,
        margin=0.1 * variance,
        controls={name: 2 * wrong_rate for name, wrong_rate in wrong_rates.items()},
        first=512,
        most=30_000,
    )


@claim(
    derived("the inverse of Fisher's information matrix, across $b$"),
    kind="identity",
    cases=[0.1, 0.5, 1.5],
    route="a matrix inverted after a trapezoidal rule over the plane, in the check",
)
def test_erm_fisher__matrix(
    trial,
    separability: Annotated[
        float, Interval(0.01, 5, why="beyond, the few slopes that count lose digits")
    ],
):
    """Let two equally likely classes be $N(±μ, Σ / κ)$, and $b = Σ^-1 μ$. Let $J$ be the inverse of
    Fisher's information matrix of logistic regression at $w = 2 κ b$, and $Q$ the projection at
    right angles to $b$. Then $tr(Q J) / (2 |w|²) = T K / (2 κ |b|²)$, where $T = tr(Q Σ^-1)$, $K =
    1 / (4 E[s'(V)])$, $V ~ N(2 a, 4 a)$, $a = κ μ^T Σ^-1 μ$, and $s$ the logistic function.

    This is the limit of n E[1 - cos] for n points.
    """
    pair = turned_pair(separability)
    weights = 2 * separability * pair.bayes_direction
    unit = weights / np.linalg.norm(weights)
    root = np.linalg.cholesky(pair.covariance / separability)

    def rate(step):
        """tr(Q J) / (2 |w|²), by the trapezoidal rule over the points of one class: s' is even, so
        that the other class adds the same.
        """
        nodes = np.arange(-14, 14 + step / 2, step)  # slopes are largest where the classes overlap
        noise = np.stack(np.meshgrid(nodes, nodes), axis=-1).reshape(-1, 2)
        masses = np.exp(-(noise**2).sum(axis=1) / 2)
        x = pair.mean + noise @ root.T
        slopes = masses / masses.sum() / (4 * np.cosh(x @ weights / 2) ** 2)  # s' times the mass
        inverse = np.linalg.inv((x * slopes[:, None]).T @ x)
        return (np.trace(inverse) - unit @ inverse @ unit) / (2 * weights @ weights)

    coarse = rate(0.2)
    fine = rate(0.1)
    exact, controls = angle_rates(pair)
    trial.value(
        fine,
        exact,
        margin=1e-8 * exact,
        error=abs(fine - coarse) + 1e-10 * exact,
        controls=controls,
    )


@claim(
    derived(
        "a single point, the nearest along $μ$, carries the margin, and its component across $μ$ "
        "is independent of that"
    ),
    kind="limit",
)
def test_isotropic_no_curse(
    trial,
    n: Annotated[
        int, Interval(4, 100, why="twenty times as many are fitted too; the low end is a cap")
    ] = 10,
    dim: Annotated[
        int, Interval(2, 8, why="one dimension has no angle; the high end is a cap")
    ] = 3,
    separability: Annotated[
        float,
        Interval(1e9, 1e12, why="a limit; at the upper end angles reach the rounding of floats"),
    ] = 1e10,
):
    """Let two equally likely classes be $N(±μ, Σ / κ)$, and $b = Σ^-1 μ$. Let $μ$ be an eigenvector
    of $Σ$, $w$ the hard margin of $n$ points, $z$ the one of them with the least $(2 y - 1) x·μ$,
    and $P$ the projection at right angles to $μ$. As $κ$ grows with $n$ fixed, $2 |μ|² (1 - cos(w,
    b)) / |P z|²$ tends to 1 in probability.

    So 1 - cos(w, b) has the mean tr(P Σ) / (2 κ |μ|²) in the limit, which does not depend on n.
    """
    trial.require(n % 2 == 0, "n must be even: the classes are balanced")
    sizes = np.array([n, 20 * n])
    # μ lies on the first axis, so that P drops the first coordinate.
    pair = GaussianPair(2 * np.eye(dim)[0], np.diag(1.0 + np.arange(dim)), separability)
    tilted_pair = GaussianPair(pair.mean, pair.covariance + 0.3 * np.ones((dim, dim)), separability)
    trace_across = np.trace(pair.covariance) - pair.covariance[0, 0]  # tr(P Σ)
    mean_deficit = rates.isotropic_angle(pair)

    def agreement(tried_pair, mean_deficits):
        """Whether 1 - cos is within 1 % of its predicted mean times |P z|² over its own mean, at
        both sizes.
        """
        factor = fits.covariance_factor(tried_pair.covariance)

        def agrees(key, size, predicted_mean):
            sample = fits.pair_sample(key, int(size), tried_pair.mean, factor, separability)
            points = fits.signed_points(sample.features, sample.labels)
            deficit = angles.angle_deficit(
                margins.hard_margin(points).direction, tried_pair.bayes_direction
            )
            nearest_across = points[jnp.argmin(points[:, 0]), 1:]  # P z
            # |P z|² over its mean: times the predicted mean this is |P z|² / (2 |μ|²).
            relative = separability * jnp.sum(nearest_across**2) / trace_across
            return (jnp.abs(deficit / (predicted_mean * relative) - 1) <= 0.01).astype(float)

        def at_both_sizes(key):
            few, many = sizes
            of_few, of_many = mean_deficits
            return jnp.stack([agrees(key, few, of_few), agrees(key, many, of_many)])

        return at_both_sizes

    free_of_n = np.full(2, mean_deficit)
    trial.probability(
        agreement(pair, free_of_n),
        np.ones(2),
        # A second point within 1 / sqrt(κ) of the nearest.
        slack=10 * np.sqrt(np.log(20 * n) / separability),
        margin=0.01,
        control_processes={
            "$μ$ no eigenvector of $Σ$": agreement(tilted_pair, free_of_n),
            "a decrease like $1 / n$": agreement(pair, 2 / sizes * free_of_n),
        },
        first=512,
        most=8000,
    )


@claim(
    derived("the nearest point carries the margin, and its component across μ is normal"),
    kind="limit",
)
def test_isotropic_no_curse__mean(
    trial,
    n: Annotated[int, Interval(4, 100, why="each sample is fitted; the low end is a cap")] = 10,
    angle: Annotated[
        float,
        Interval(
            0.4,
            0.9,
            why="near 0 and π / 2, Σ is nearly diagonal, and a transposed factor is no mistake",
        ),
    ] = 0.6,
    separability: Annotated[
        float,
        Interval(1e9, 1e12, why="a limit; at the upper end angles reach the rounding of floats"),
    ] = 1e10,
):
    """Let two equally likely classes in the plane be $N(±μ, Σ / κ)$, where $μ$ is an eigenvector of
    $Σ$ and $σ²$ the other eigenvalue. Let $w$ be the hard margin of $n$ points, and $t$ its
    component at right angles to $μ$ over that along $μ$. As $κ$ grows with $n$ fixed, the law of
    $κ t²$ tends to one of the mean $σ² / |μ|²$.

    The axes are turned, so that a simulator with the transposed root of Σ fails.
    """
    trial.require(n % 2 == 0, "n must be even: the classes are balanced")
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-np.sin(angle), np.cos(angle)])
    covariance = 0.5 * np.outer(along, along) + 3.0 * np.outer(across, across)
    pair = GaussianPair(2 * along, covariance, separability)
    factor = fits.covariance_factor(covariance)

    def measure(key):
        """A number of mean zero, whose variance is the mean of κ t²."""
        sample = fits.pair_sample(key, n, pair.mean, factor, separability)
        found = margins.hard_margin(fits.signed_points(sample.features, sample.labels)).direction
        return jnp.sqrt(separability) * (found @ across) / (found @ along)

    # |μ|² = 4, and 1 - cos = t² / 2 for small t.
    variance = 2 * separability * rates.isotropic_angle(pair)
    trial.mean(
        measure,
        variance,
        law=NormalVariance(),
        # A second point within 1 / sqrt(κ) of the nearest.
        slack=10 * np.sqrt(np.log(n) / separability),
        margin=0.05 * variance,
        controls={
            "F^T F for Σ = F F^T": variance * np.sum((factor @ across) ** 2) / 3,
            "the eigenvalue of μ": variance / 6,
            "a decrease like 1 / n": 2 * variance / n,
        },
        first=2048,
        most=200_000,
    )
