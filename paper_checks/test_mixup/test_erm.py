"""Without augmentation: the hard margin, the path of its direction from μ to b, and where there is
none.
"""

from typing import Annotated

import jax.numpy as jnp
import numpy as np

from paper_checks.test_mixup import random_chord, random_pair, reference_pair
from sims import mixup as observed
from theory import mixup as predicted
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval
from theory_on_trial.laws import Bounded, NormalVariance

SeveralDims = Annotated[
    int, Interval(2, 20, why="one dimension has no angle; the high end is a cap")
]
Moderate = Annotated[
    float, Interval(0.2, 1.2, why="of more, K_erm takes more points; the low end is a cap")
]
Fitted = Annotated[
    int, Interval(400, 5000, why="fewer leave corrections of order 1 / n, and each costs")
]
Pointed = Annotated[
    int, Interval(4, 100, why="twenty times as many are fitted too; the low end is a cap")
]
Across = Annotated[int, Interval(2, 8, why="one dimension has no angle; the high end is a cap")]
Limit = Annotated[
    float, Interval(1e9, 1e12, why="a limit; at the upper end angles reach the rounding of floats")
]
"""κ at which one point alone carries the margin."""


def drawn_points(trial, n, dim, n_samples):
    """Samples of signed points at four separabilities in turn, few of the first separable and all
    of the last.
    """
    rng = trial.generator("samples")
    for sample in range(n_samples):
        pair = random_pair(rng, dim, [0.3, 3.0, 30.0, 300.0][sample % 4])
        noise = (
            rng.standard_normal((n, dim))
            @ np.asarray(observed.covariance_factor(pair.covariance)).T
        )
        yield pair.mean + noise / np.sqrt(pair.separability)


def lost_margins(points, direction, ridges=(1e-3, 1e-6, 1e-9)):
    """What losses with a ridge lose of the largest margin, and how much they can lose.
    (1/n) log(1 + e^(-B m)) is at most the loss, which at length B is at most that of the hard
    margin.
    """
    atom = np.ones(1)
    sides = np.resize([1.0, -1.0], len(points))
    margins = points @ direction
    losses = []
    for ridge in ridges:
        fit = observed.fit_mixup(
            sides[:, None] * points, (1 + sides) / 2, atom, atom, atom, ridge=ridge
        )
        length = np.linalg.norm(fit.weights)
        total = np.sum(np.log1p(np.exp(-length * margins)))
        loss = margins.min() - (points @ np.asarray(fit.weights)).min() / length
        losses.append((loss, margins.min() + np.log(np.expm1(total)) / length))
    return losses


@claim(
    derived("Soudry et al. 2018, from the loss at the hard margin"),
    kind="optimality",
    not_tight="attained only where ever more points carry the margin",
    route="`observed.fit_erm` and the hard margin against `observed.hard_margin_program`",
)
def test_erm_separable_limit(
    trial,
    n: Annotated[
        int, Interval(12, 60, why="six to a dimension at least; the high end is a cap")
    ] = 24,
    dim: Annotated[int, Interval(2, 6, why="a cap, which nothing requires")] = 3,
    n_samples: Annotated[
        int, Interval(40, 1000, why="both sorts must be among them, each is fitted")
    ] = 40,
):
    """Limit data have no finite minimiser; a vanishing ridge leads to the hard margin without
    bias.
    """
    trial.require(
        n >= 6 * dim, "n must be at least 6 dim: fewer points are nearly always separable"
    )
    samples = list(drawn_points(trial, n, dim, n_samples))
    fits = [observed.fit_erm(points) for points in samples]
    decisions = np.array([int(fit.separable) for fit in fits])
    by_program = np.array([int(observed.is_separable(points)) for points in samples])
    controls = {"always separable": np.ones(n_samples, int), "never": np.zeros(n_samples, int)}
    trial.identity(decisions, by_program, ops=0, controls=controls)
    pairs = [(points, fit) for points, fit in zip(samples, fits, strict=True) if fit.separable][:8]

    def beside_the_program(points, fit):
        """The direction, the certified one, how far it may be from the best one, and the mean of
        the points.
        """
        weights = observed.hard_margin_program(points)
        direction = np.asarray(fit.weights)
        mean = points.mean(axis=0)
        unit = weights / np.linalg.norm(weights)
        # A unit vector with all but a fraction delta of the margin is within 2 sqrt(delta) of the
        # best one.
        gap = (
            float(fit.residual)
            + max(1 - (points @ unit).min() / (points @ direction).min(), 0)
            + 1e-14
        )
        return direction, unit, np.full(dim, 2 * np.sqrt(gap)), mean / np.linalg.norm(mean)

    directions, units, errors, means = np.swapaxes(
        [beside_the_program(*pair) for pair in pairs], 0, 1
    )
    controls = {"mean of the signed points": means}
    trial.value(directions, units, margin=3e-3, error=errors, controls=controls)
    losses, bounds = np.concatenate(
        [lost_margins(points, np.asarray(fit.weights)) for points, fit in pairs]
    ).T
    options = {"instances": "draws", "independent": len(pairs)}  # samples, each with every ridge
    trial.bound(
        losses,
        bounds,
        ops=1e3,
        scale=1.0,
        controls={"the margin itself": np.zeros(len(losses))},
        **options,
    )


@claim(
    derived(
        "the hull of the points tends to an ellipsoid of radius sqrt(2 ν); its supporting "
        "direction by KKT"
    ),
    kind="limit",
    cases=[(dim, share) for dim in (2, 6) for share in (0.05, 0.2, 0.5, 0.9)],
    route="a conic program, `predicted.phase_direction_cone_program`, against "
    "`predicted.phase_direction`",
)
def test_erm_phase_curve(
    trial, dim: SeveralDims, share: Annotated[float, Interval(0.02, 0.95, why="of m^2 / 2")]
):
    """With log n = ν κ the direction tends to w maximising w . μ - sqrt(2 ν) |Σ^(1/2) w|: a ridge
    path.
    """
    axes = np.linalg.qr(trial.generator("axes").standard_normal((dim, dim)))[0]
    covariance = axes @ np.diag(np.geomspace(0.2, 1.8, dim)) @ axes.T
    pair = predicted.GaussianPair(axes.sum(axis=1), (covariance + covariance.T) / 2, 1.0)
    nu = share * pair.signal / 2

    def objective(weights):
        return weights @ pair.mean - np.sqrt(2 * nu * (weights @ pair.covariance @ weights))

    program = predicted.phase_direction_cone_program(pair, nu)
    exact = predicted.phase_direction(pair, nu)
    program = program / np.linalg.norm(program)
    # The objective is concave and homogeneous: losing a fraction delta of it costs an angle of 2
    # sqrt(delta).
    loss = abs(1 - objective(program) / objective(exact)) + 1e-14
    controls = {
        "radius sqrt(ν)": predicted.phase_direction(pair, nu / 2),
        "radius sqrt(4 ν)": predicted.phase_direction(pair, 2 * nu),
    }
    trial.value(program, exact, margin=1e-3, error=2 * np.sqrt(loss), controls=controls)


@claim(
    derived("the outermost of n points lies Φ^-1(1 - 1/n) deviations out, in every direction"),
    kind="limit",
    tier="full",
    cases=[(20.0, 6.0), (40.0, 8.0), (80.0, 8.0), (160.0, 13.8), (320.0, 20.7)],
)
def test_erm_phase_curve__simulated(
    trial,
    separability: Annotated[
        float, Interval(20, 400, why="the path is of large κ; the high end is a cap")
    ],
    log_n: Annotated[float, Interval(5, 60, why="a cap, which nothing requires")],
    n_kept: Annotated[
        int, Interval(400, 2000, why="fewer may fail the certificate, and each costs")
    ] = 400,
):
    """Hard margins of up to 1e9 points have mean cosines on the path, with r_n = Φ^-1(1 - 1/n) /
    sqrt(κ).
    """
    pair = reference_pair(separability)
    nu = predicted.finite_sample_radius(pair, log_n=log_n) ** 2 / 2
    trial.require(nu < 0.9 * pair.signal / 2, "log_n must leave the points separable")
    cosine, narrow, wide = (predicted.phase_cosine(pair, scale * nu) for scale in (1, 0.5, 2))
    trial.require(
        min(cosine - narrow, wide - cosine) > 0.02,
        "log_n must lie where ν / 2 and 2 ν give other cosines",
    )
    factor = observed.covariance_factor(pair.covariance)
    bayes = pair.bayes_direction / np.linalg.norm(pair.bayes_direction)

    def measure(key):
        return (
            observed.tail_direction(key, log_n, pair.mean, factor, separability, n_kept).direction
            @ bayes
        )

    controls = {"radius sqrt(ν)": narrow, "radius sqrt(4 ν)": wide}
    trial.mean(
        measure, cosine, law=Bounded(-1, 1), margin=0.015, controls=controls, first=512, most=20_000
    )


@claim(
    derived("the sandwich variance of logistic regression, which is Fisher's information"),
    kind="limit",
    tier="full",
    cases=[(0.5, 800), (1.0, 3200)],
    low_power="a variance of fits; corrections of relative order K_erm / n are not computed",
)
def test_erm_fisher(trial, separability: Moderate, n: Fitted):
    """At fixed κ n E[1 - cos] tends to T K_erm / (2 κ |b|^2), K_erm = 1 / (4 E s'(V)), V ~ N(2a,
    4a).
    """
    trial.require(n % 2 == 0, "n must be even: the classes are balanced")
    pair = reference_pair(separability)
    factor = observed.covariance_factor(pair.covariance)
    a = pair.effective_separability
    efficiency = predicted.erm_efficiency(a)
    trial.require(
        n >= 80 * efficiency, "n must be at least 80 K_erm: fewer points leave larger corrections"
    )

    def measure(key):
        target = pair.bayes_direction
        options = {"n": n, "learner": observed.erm_weights}
        deficits = observed.angle_curve(
            key[None], np.array([separability]), pair.mean, factor, target, **options
        )
        return jnp.sqrt(n) * random_chord(key, deficits[0])

    rate, flat, narrow, discriminant = (
        2 * predicted.angle_rate(pair, K)
        for K in (efficiency, 1.0, predicted.erm_efficiency(a / 2), a + 1)
    )
    trial.mean(
        measure,
        rate,
        law=NormalVariance(asymptotic=True),
        slack=3
        * efficiency
        / n
        * rate,  # corrections of the order of one over the effective number of points
        margin=0.1 * rate,
        controls={"s' = 1/4": flat, "V ~ N(a, 2a)": narrow, "discriminant analysis": discriminant},
        first=512,
        most=30_000,
    )


@claim(
    derived("the inverse of Fisher's information matrix, across b"),
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
    """The inverse information of logistic regression has T K_erm / (2 κ |b|^2) as its share across
    the rule.
    """
    pair = reference_pair(separability)
    weights = 2 * separability * pair.bayes_direction
    a = pair.effective_separability
    unit = weights / np.linalg.norm(weights)
    root = np.linalg.cholesky(pair.covariance / separability)

    def rate(step):
        """The limit of n E[1 - cos] from the information, by the trapezoidal rule in the plane."""
        nodes = np.arange(-14, 14 + step / 2, step)  # slopes are largest where the classes overlap
        noise = np.stack(np.meshgrid(nodes, nodes), axis=-1).reshape(-1, 2)
        masses = np.exp(-(noise**2).sum(axis=1) / 2)
        x = pair.mean + noise @ root.T
        slopes = masses / masses.sum() / (4 * np.cosh(x @ weights / 2) ** 2)
        inverse = np.linalg.inv((x * slopes[:, None]).T @ x)
        return (np.trace(inverse) - unit @ inverse @ unit) / (2 * weights @ weights)

    coarse = rate(0.2)
    fine = rate(0.1)
    exact, flat, narrow, discriminant = (
        predicted.angle_rate(pair, K)
        for K in (predicted.erm_efficiency(a), 1.0, predicted.erm_efficiency(a / 2), a + 1)
    )
    controls = {"s' = 1/4": flat, "V ~ N(a, 2a)": narrow, "discriminant analysis": discriminant}
    trial.value(
        fine,
        exact,
        margin=1e-8 * exact,
        error=abs(fine - coarse) + 1e-10 * exact,
        controls=controls,
    )


@claim(
    derived(
        "a single point, the nearest along μ, carries the margin; what it has across μ is "
        "independent of that"
    ),
    kind="limit",
)
def test_isotropic_no_curse(trial, n: Pointed = 10, dim: Across = 3, separability: Limit = 1e10):
    """If μ is an eigenvector of Σ, 1 - cos tends to a law of mean tr(P Σ) / (2 κ |μ|^2), free of
    n.
    """
    trial.require(n % 2 == 0, "n must be even: the classes are balanced")
    sizes = np.array([n, 20 * n])
    pair = predicted.GaussianPair(2 * np.eye(dim)[0], np.diag(1.0 + np.arange(dim)), separability)
    tilted_pair = predicted.GaussianPair(
        pair.mean, pair.covariance + 0.3 * np.ones((dim, dim)), separability
    )
    across = np.trace(pair.covariance) - pair.covariance[0, 0]
    law = predicted.isotropic_angle(pair)

    def as_predicted(pair_at, laws):
        factor = observed.covariance_factor(pair_at.covariance)

        def agrees(key, size, law):
            sample = observed.pair_sample(key, int(size), pair_at.mean, factor, separability)
            points = observed.signed_points(sample.features, sample.labels)
            deficit = observed.angle_deficit(
                observed.hard_margin(points).direction, pair_at.bayes_direction
            )
            beside = points[jnp.argmin(points[:, 0]), 1:]
            relative = separability * jnp.sum(beside**2) / across  # of mean one exactly
            return (jnp.abs(deficit / (law * relative) - 1) <= 0.01).astype(float)

        return lambda key: jnp.stack([agrees(key, *cell) for cell in zip(sizes, laws, strict=True)])

    angles = np.full(2, law)
    measured = as_predicted(pair, angles)
    slack = 10 * np.sqrt(
        np.log(20 * n) / separability
    )  # a second point within 1 / sqrt(kappa) of the nearest
    processes = {
        "μ no eigenvector": as_predicted(tilted_pair, angles),
        "as 1 / n from n = 2": as_predicted(pair, 2 / sizes * angles),
    }
    trial.probability(
        measured,
        np.ones(2),
        slack=slack,
        margin=0.01,
        control_processes=processes,
        first=512,
        most=8000,
    )
