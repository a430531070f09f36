"""Without augmentation: the hard margin, the path of its direction from mu to b, and where there is none."""

import jax.numpy as jnp
import numpy as np

from paper_checks.test_mixup import DERIVED, mixture_pair, random_chord, random_pair, reference_pair
from sims import mixup as observed
from theory import mixup as predicted
from theory_on_trial import claim, ours
from theory_on_trial.laws import Bounded, NormalVariance


@claim(
    ours("Soudry et al. 2018; the bound from the loss at the hard margin"),
    kind="optimality",
    loose="worst case over samples of one margin: best known ratio .12",
)
def test_erm_separable_limit(trial, n=24, dim=3, n_samples=40, ridges=(1e-3, 1e-6, 1e-9)):
    """Separable data have no finite minimiser; a vanishing ridge leads to the hard margin without bias."""
    rng = trial.generator("samples")
    decided, by_program, directions, certified, errors, means = [], [], [], [], [], []
    lost, allowed = [], []
    one, sides = np.ones(1), np.resize([1.0, -1.0], n)
    for sample in range(n_samples):
        pair = random_pair(rng, dim, [0.3, 3.0, 30.0, 300.0][sample % 4])
        noise = rng.standard_normal((n, dim)) @ np.asarray(observed.covariance_factor(pair.covariance)).T
        points = pair.mean + noise / np.sqrt(pair.separability)
        fit = observed.fit_erm(points)
        decided.append(int(fit.separable))
        by_program.append(int(observed.is_separable(points)))
        if not fit.separable or len(directions) == 8:
            continue
        weights = observed.hard_margin_program(points)
        direction, unit = np.asarray(fit.weights), weights / np.linalg.norm(weights)
        margins = (points @ direction).min(), (points @ unit).min()
        directions.append(direction)
        certified.append(unit)
        means.append(points.mean(axis=0) / np.linalg.norm(points.mean(axis=0)))
        # A unit vector with all but a fraction delta of the margin is within 2 sqrt(delta) of the best one.
        gaps = float(fit.residual) + max(1 - margins[1] / margins[0], 0) + 1e-14
        errors.append(2 * np.sqrt(gaps))
        for ridge in ridges:
            shrunk = observed.fit_mixup(sides[:, None] * points, (1 + sides) / 2, one, one, one, ridge=ridge)
            weights = np.asarray(shrunk.weights)
            length = np.linalg.norm(weights)
            lost.append(margins[0] - (points @ weights).min() / length)
            # (1/n) log(1 + e^(-B m)) is at most the loss, which at length B is at most that of the hard margin.
            most = np.log(np.expm1(n * np.log1p(np.exp(-length * margins[0])))) / length
            allowed.append(margins[0] + most)
    trial.identity(
        np.array(decided),
        np.array(by_program),
        ops=0,
        controls={"always separable": np.ones(n_samples, int), "never": np.zeros(n_samples, int)},
    )
    trial.value(
        np.array(directions),
        np.array(certified),
        margin=3e-3,
        error=np.array(errors)[:, None],
        controls={"mean of the signed points": np.array(means)},
    )
    trial.bound(
        lost,
        allowed,
        found_by="draws",
        independent=len(directions),  # samples, each with every ridge
        ops=1e3,
        scale=1.0,
        controls={"the margin itself": np.zeros(len(lost))},
    )


@claim(ours(DERIVED), kind="limit")
def test_erm_phase_curve(trial, shares=(0.05, 0.2, 0.5, 0.9)):
    """With log n = nu kappa the direction tends to w maximising w . mu - sqrt(2 nu) |Sigma^(1/2) w|: a ridge path."""
    rng = trial.generator("pairs")
    measured, closed, errors, half, double = [], [], [], [], []
    for pair in (reference_pair(), mixture_pair(), random_pair(rng, 6, 1.0)):
        for share in shares:
            nu = share * pair.signal / 2

            def objective(weights, pair=pair, nu=nu):
                return weights @ pair.mean - np.sqrt(2 * nu * (weights @ pair.covariance @ weights))

            program = predicted.phase_direction_cone_program(pair, nu)
            program = program / np.linalg.norm(program)
            direction = predicted.phase_direction(pair, nu)
            # The objective is concave and homogeneous: losing a fraction delta of it costs an angle of 2 sqrt(delta).
            loss = abs(1 - objective(program) / objective(direction)) + 1e-14
            measured.append(program)
            closed.append(direction)
            errors.append(np.full(pair.dim, 2 * np.sqrt(loss)))
            half.append(predicted.phase_direction(pair, nu / 2))
            double.append(predicted.phase_direction(pair, 2 * nu))
    trial.value(
        np.concatenate(measured),
        np.concatenate(closed),
        margin=1e-2,
        error=np.concatenate(errors),
        controls={"radius sqrt(nu)": np.concatenate(half), "radius sqrt(4 nu)": np.concatenate(double)},
    )


@claim(ours(DERIVED), kind="limit", tier="full")
def test_erm_phase_curve__simulated(
    trial, cells=((20.0, 6.0), (40.0, 8.0), (80.0, 8.0), (160.0, 13.8), (320.0, 20.7)), n_kept=400
):
    """Hard margins of up to 1e9 points have mean cosines on the path, with r_n = Phi^-1(1 - 1/n) / sqrt(kappa)."""
    shape = reference_pair()
    factor = observed.covariance_factor(shape.covariance)
    pairs = [reference_pair(kappa) for kappa, _ in cells]
    radii = np.array(
        [predicted.finite_sample_radius(pair, log_n=log_n) for pair, (_, log_n) in zip(pairs, cells, strict=True)]
    )
    expected, narrow, wide = (
        np.array([predicted.phase_cosine(shape, scale * radius**2 / 2) for radius in radii]) for scale in (1, 0.5, 2)
    )
    bayes = shape.bayes_direction / np.linalg.norm(shape.bayes_direction)

    def measure(key):
        found = [
            observed.tail_direction(key, log_n, shape.mean, factor, kappa, n_kept).direction @ bayes
            for key, (kappa, log_n) in zip(jnp.stack([key] * len(cells)), cells, strict=True)
        ]
        return jnp.stack(found)

    trial.mean(
        measure,
        expected,
        law=Bounded(-1, 1),
        margin=0.02,
        controls={"radius sqrt(nu)": narrow, "radius sqrt(4 nu)": wide},
        first=512,
        most=20_000,
    )


@claim(ours(DERIVED), kind="limit", tier="full")
def test_erm_fisher(trial, separabilities=(0.5, 1.0), n=800):
    """At fixed kappa n E[1 - cos] tends to T K_erm / (2 kappa |b|^2), K_erm = 1 / (4 E s'(V)), V ~ N(2a, 4a)."""
    pairs = [reference_pair(kappa) for kappa in separabilities]
    factor = observed.covariance_factor(pairs[0].covariance)

    def rates(efficiency):
        return np.array([2 * predicted.angle_rate(pair, efficiency(pair.effective_separability)) for pair in pairs])

    def measure(key):
        deficits = observed.angle_curve(
            jnp.stack([key] * len(pairs)),
            np.array(separabilities),
            pairs[0].mean,
            factor,
            pairs[0].bayes_direction,
            n=n,
            learner=observed.erm_weights,
        )
        return jnp.sqrt(n) * random_chord(key, deficits)

    expected = rates(predicted.erm_efficiency)
    trial.mean(
        measure,
        expected,
        law=NormalVariance(asymptotic=True),
        slack=20 / n * expected,  # relative corrections of the order 1 / n
        margin=0.2 * expected,
        controls={
            "s' = 1/4": rates(lambda a: 1.0),
            "V ~ N(a, 2a)": rates(lambda a: predicted.erm_efficiency(a / 2)),
            "discriminant analysis": rates(predicted.lda_efficiency),
        },
        first=512,
        most=12_000,
    )


@claim(
    ours(DERIVED), kind="limit", coarse="a variance of hard-margin fits; the expansion neglects 5 % of it at this kappa"
)
def test_isotropic_no_curse(trial, separability=1000.0, sizes=(10, 200)):
    """If mu is an eigenvector of Sigma, E[1 - cos] tends to tr(P Sigma) / (2 kappa |mu|^2), free of n."""
    pair = predicted.GaussianPair(np.array([2.0, 0.0]), np.eye(2), separability)
    generic = reference_pair(separability)

    def chords(pair):
        factor = observed.covariance_factor(pair.covariance)

        def measure(key):
            found = []
            for n in sizes:
                sample = observed.pair_sample(key, n, pair.mean, factor, pair.separability)
                margin = observed.hard_margin(observed.signed_points(sample.features, sample.labels))
                found.append(observed.angle_deficit(margin.direction, pair.bayes_direction))
            return random_chord(key, jnp.stack(found))

        return measure

    expected = np.full(len(sizes), 2 * predicted.isotropic_angle(pair))
    trial.mean(
        chords(pair),
        expected,
        law=NormalVariance(asymptotic=True),
        slack=0.05 * expected,
        margin=0.2 * expected,
        controls={"as 1 / n from the first size": expected * sizes[0] / np.array(sizes), "without 2": 2 * expected},
        wrong_processes={"mu no eigenvector": chords(generic)},
        first=512,
        most=8000,
    )
