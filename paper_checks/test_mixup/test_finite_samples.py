"""Mixup with n points: how fast the angle to b closes, and what unequal classes and sampled lambdas cost."""

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks.test_mixup import ABSTRACT, DERIVED, folded, random_chord, reference_pair, uniform_lambdas
from sims import mixup as observed
from theory import mixup as predicted
from theory_on_trial import claim, ours
from theory_on_trial.laws import NormalVariance, RatioOfMeans

LAW = predicted.MixingLaw.beta(1.0, 8)
"""Uniform lambda; 8 Legendre nodes leave an error of 1e-9 in scores below 10."""
SHAPE = reference_pair()
FACTOR = observed.covariance_factor(SHAPE.covariance)


def deficits(key, separabilities, n, labels="balanced", lambdas="expected"):
    """1 - cos at each kappa, the noise of the points being the same."""
    arguments = folded(LAW) if lambdas == "expected" else ()
    return observed.angle_curve(
        jnp.stack([key] * len(separabilities)),
        np.array(separabilities),
        SHAPE.mean,
        FACTOR,
        SHAPE.bayes_direction,
        *arguments,
        n=n,
        learner=observed.mixup_weights if lambdas == "expected" else uniform_lambdas,
        labels=labels,
    )


def chords(separabilities, n, **mode):
    """Measurement whose variance is 2 E[1 - cos]."""
    return lambda key: random_chord(key, deficits(key, separabilities, n, **mode))


@claim(ours(DERIVED), kind="limit", tier="full")
def test_mixup_asymptotic(trial, separabilities=(0.7, 4.0), n=80):
    """At fixed kappa n E[1 - cos] tends to T K_mix / (2 kappa |b|^2), the sandwich variance of all pairs."""
    pairs = [reference_pair(kappa) for kappa in separabilities]

    def variances(efficiency):
        return 2 / n * np.array([predicted.angle_rate(pair, efficiency(pair.effective_separability)) for pair in pairs])

    expected = variances(lambda a: predicted.mixup_efficiency(a, LAW))
    trial.mean(
        chords(separabilities, n),
        expected,
        law=NormalVariance(asymptotic=True),
        slack=10 / n * expected,  # relative corrections of the order 1 / n
        margin=0.3 * expected,
        controls={"one of the two projections": expected / 4, "twice": 2 * expected},
        first=512,
        most=12_000,
    )


@claim(ours(DERIVED), kind="limit", coarse="corrections of relative order 4 / n, 10 % here, are not computed")
def test_lda_rate(trial, separabilities=(1024.0, 4096.0), n=40):
    """At large kappa balanced Mixup has E[1 - cos] = C / (n - d - 2), C = m^2 T / (2 |b|^2), free of kappa."""
    expected = np.full(len(separabilities), 2 / n * predicted.lda_rate(SHAPE, n))
    unprojected = np.trace(np.linalg.inv(SHAPE.covariance)) / SHAPE.projected_precision_trace
    trial.mean(
        chords(separabilities, n),
        expected,
        law=NormalVariance(asymptotic=True),
        slack=4 / n * expected,  # relative corrections of the order 1 / n
        margin=0.25 * expected,
        controls={"without m^2": expected / SHAPE.signal, "trace of the whole inverse": expected * unprojected},
        first=512,
        most=8000,
    )

    def both(labels):
        return lambda key: deficits(key, separabilities[::-1], n, labels=labels)

    trial.mean(
        both("balanced"),
        1.0,
        law=RatioOfMeans(),
        margin=0.01,
        controls={"sqrt(kappa)": np.sqrt(separabilities[1] / separabilities[0])},
        wrong_processes={"labels drawn": both("random")},
        first=512,
        most=8000,
    )


@claim(ours(DERIVED), kind="limit", tier="full")
def test_imbalance(trial, separabilities=(3600.0, 10_800.0), n=60):
    """Labels drawn at random add B_i kappa / n^2 to E[1 - cos], through the class counts of each data set."""
    ones = np.arange(1, n)
    excess = n * (2 * ones / n - 1) ** 2 * (n / 4) * (1 / ones + 1 / (n - ones))  # mean about one
    balanced = 2 / n * predicted.lda_rate(SHAPE, n)
    added = 2 * np.array(separabilities) / n**2 * predicted.imbalance_coefficient(SHAPE, LAW)
    variance = balanced + added[:, None] * excess
    chances = np.exp(-((ones - n / 2) ** 2) * 2 / n)
    chances = chances / chances.sum()

    def standardised(labels):
        def measure(key):
            drawn = observed.pair_sample(jax.random.split(key)[0], n, SHAPE.mean, FACTOR, 1.0, labels=labels)
            scale = jnp.asarray(variance)[:, drawn.labels.sum().astype(int) - 1]
            return random_chord(key, deficits(key, separabilities, n, labels=labels)) / jnp.sqrt(scale)

        return measure

    trial.mean(
        standardised("random"),
        np.ones(len(separabilities)),
        law=NormalVariance(asymptotic=True),
        slack=10 / n,
        margin=0.3,
        controls={
            "without 1/2": ((balanced + 4 * added[:, None] * excess) / variance) @ chances,
            "no cost": (balanced / variance) @ chances,
        },
        first=512,
        most=12_000,
    )

    def angle(noise, count, kappa):
        # Only the sum of the class means matters; a callback's thread computes in single precision.
        counts, means = (n - int(count), int(count)), np.stack([np.zeros(2), np.asarray(noise, float)])
        return np.float32(predicted.imbalance_angle(reference_pair(float(kappa)), LAW, means, counts))

    def paired(key):
        found = []
        for kappa, deficit in zip(separabilities, deficits(key, separabilities, n, labels="random"), strict=True):
            drawn = observed.pair_sample(jax.random.split(key)[0], n, SHAPE.mean, FACTOR, kappa, labels="random")
            count = drawn.labels.sum()
            noise = drawn.labels @ drawn.features / count + (1 - drawn.labels) @ drawn.features / (n - count)
            closed = jax.pure_callback(angle, jax.ShapeDtypeStruct((), jnp.float32), noise, count, kappa)
            found.append(jnp.stack([n * deficit, closed + predicted.lda_rate(SHAPE, n)]))
        return jnp.stack(found)

    trial.mean(
        paired,
        np.ones(len(separabilities)),
        law=RatioOfMeans(),
        margin=0.25,
        controls={"a quarter": np.full(len(separabilities), 0.25), "twice": np.full(len(separabilities), 2.0)},
        first=512,
        most=8000,
    )


@claim(ours(DERIVED), kind="limit", tier="full")
def test_sampled_lambda(trial, separabilities=(1024.0, 8192.0), n=80):
    """One lambda for each ordered pair adds B_s kappa / n^2 to E[1 - cos], even with balanced classes."""
    balanced = 2 / n * predicted.lda_rate(SHAPE, n)
    added = 2 * np.array(separabilities) / n**2 * predicted.sampled_lambda_coefficient(SHAPE, LAW)
    trial.mean(
        chords(separabilities, n, lambdas="sampled"),
        balanced + added,
        law=NormalVariance(asymptotic=True),
        slack=10 / n * (balanced + added),  # relative corrections of the order 1 / n
        margin=0.3 * (balanced + added),
        controls={"lambda averaged": np.full(len(separabilities), balanced), "twice": balanced + 2 * added},
        wrong_processes={"lambda averaged": chords(separabilities, n)},
        first=512,
        most=12_000,
    )


@claim(ours(ABSTRACT), kind="rate", tier="full")
def test_n_eps_formula(trial, separability=640.0, epsilon=0.002):
    """Mixup reaches 1 - cos = epsilon at the root of C / (n - d - 2) + B kappa / n^2: like sqrt(kappa) at most."""
    pair = reference_pair(separability)
    imbalance = predicted.imbalance_coefficient(pair, LAW) * separability
    sampling = predicted.sampled_lambda_coefficient(pair, LAW) * separability
    modes: list[tuple[str, Literal["expected", "sampled"], float]] = [
        ("balanced", "expected", 0.0),
        ("random", "expected", imbalance),
        ("balanced", "sampled", sampling),
    ]
    roots = np.array(
        [predicted.mixup_samples(pair, epsilon, LAW, lambdas, labels == "balanced") for labels, lambdas, _ in modes]
    )
    costs = np.array([cost for *_, cost in modes])
    sizes = 2 * np.round(roots / 2).astype(int)
    rates = np.array([predicted.lda_rate(pair, int(n)) for n in sizes]) / sizes
    trial.identity(
        predicted.lda_rate(pair) / (roots - pair.dim - 2) + costs / roots**2,
        np.full(len(modes), epsilon),
        ops=200,
        scale=epsilon * roots,
        controls={"linear in kappa": predicted.lda_rate(pair) / (roots - pair.dim - 2) + costs / roots},
    )

    def measure(key):
        found = [
            deficits(key, (separability,), int(n), labels=labels, lambdas=lambdas)[0]
            for n, (labels, lambdas, _) in zip(sizes, modes, strict=True)
        ]
        return random_chord(key, jnp.stack(found))

    # At the nearest even sizes the mean angle is epsilon up to the rounding of n, which the formula itself gives.
    expected = 2 * (rates + costs / sizes**2)
    trial.mean(
        measure,
        expected,
        law=NormalVariance(asymptotic=True),
        slack=4 / sizes * expected,
        margin=0.3 * expected,
        controls={"half the size suffices": 2 * expected, "B kappa / n": 2 * (rates + costs / sizes) + 2 * epsilon},
        first=512,
        most=20_000,
    )
