"""Infinitely many samples: without augmentation and under every scalar mixing law the minimiser is a multiple of b."""

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks.test_mixup import ABSTRACT, DERIVED, mixture_pair, random_pair, reference_pair
from sims import mixup as observed
from theory import mixup as predicted
from theory_on_trial import claim, ours

DRAWS = 128
"""Random operators in each test of alignment: enough, where every single draw is aligned."""
QUADRATURE = 1e-11
"""Relative error of a root found from 401 nodes: 401 roundings of terms up to e^(a/2) <= 1e3 times the curvature."""


def no_augmentation(key):
    """A = I, B = 0, lambda = 1."""
    return jnp.eye(3), jnp.zeros((3, 3)), jnp.ones(())


def fixed_mixup(key):
    """One mixing weight, lambda = .3, with g = .2."""
    return 0.2 * jnp.eye(3), 0.8 * jnp.eye(3), jnp.array(0.3)


def scalar_mixing(input_weight):
    """Mixup with lambda uniform and g = `input_weight(lambda)`."""

    def draw(key):
        mixing = jax.random.uniform(key)
        share = input_weight(mixing)
        return share * jnp.eye(3), (1 - share) * jnp.eye(3), mixing

    return draw


def coordinatewise(key):
    """Mixup whose weight is drawn anew for every coordinate, the label with their mean."""
    shares = jax.random.uniform(key, (3,))
    return jnp.diag(shares), jnp.diag(1 - shares), shares.mean()


def extrapolating(key):
    """Scalar A and B that are not a convex combination: (1.2, -.2), (.5, .9), (.7, .1), (.3, .3)."""
    kind = jax.random.randint(key, (), 0, 4)
    first, second = jnp.array([1.2, 0.5, 0.7, 0.3])[kind], jnp.array([-0.2, 0.9, 0.1, 0.3])[kind]
    return first * jnp.eye(3), second * jnp.eye(3), jnp.array([0.9, 0.4, 0.8, 0.6])[kind]


def masked(key):
    """Masks: every coordinate from either point, the label with the share."""
    mask = jax.random.bernoulli(key, 0.5, (3,)).astype(float)
    return jnp.diag(mask), jnp.diag(1 - mask), mask.mean()


def rotated(key):
    """Mixing by a weight of its own along three axes that are not those of the noise."""
    axes = jnp.linalg.qr(jnp.array([[1.0, 2.0, 0.5], [0.3, 1.0, -1.0], [2.0, 0.1, 1.0]]))[0]
    shares = jax.random.uniform(key, (3,))
    return axes @ jnp.diag(shares) @ axes.T, axes @ jnp.diag(1 - shares) @ axes.T, shares.mean()


def displaced(trial, operators, pair):
    """Displacement of the minimiser from the ray of b, and how far beyond it the test still admits."""
    found = observed.check_alignment(
        operators, pair.mean, pair.covariance, pair.separability, trial.key("operators"), draws=DRAWS
    )
    return found.displacement, found.displacement_limit - found.displacement


@claim(ours(DERIVED), kind="identity")
def test_bayes_direction(trial, separability=0.8, n_directions=400):
    """The rule 1[w . x > 0] errs with chance Phi(-sqrt(kappa) w . mu / |Sigma^(1/2) w|), least for w along b."""
    pair = reference_pair(separability)
    rules = np.stack([pair.bayes_direction, pair.mean, np.array([1.0, -0.3])])
    factor = observed.covariance_factor(pair.covariance)
    errors = np.array([pair.error(rule) for rule in rules])
    other = predicted.GaussianPair(pair.mean, pair.covariance, pair.separability**2)

    def wrong(key):
        sample = observed.pair_sample(key, 2, pair.mean, factor, pair.separability)
        return (observed.signed_points(sample.features, sample.labels)[0] @ rules.T <= 0).astype(float)

    trial.probability(
        wrong,
        errors,
        margin=0.055 * errors,
        controls={"kappa for sqrt(kappa)": np.array([other.error(rule) for rule in rules])},
        first=16384,
        most=1_500_000,
        vectorised=True,
    )
    rng = trial.generator("directions")
    spreads = np.geomspace(1e-3, 1, n_directions)[:, None]
    near = pair.bayes_direction + np.linalg.norm(pair.bayes_direction) * spreads * rng.standard_normal(
        (len(spreads), 2)
    )
    competitors = np.array([pair.error(direction) for direction in near])
    trial.bound(
        np.full(n_directions, pair.error(pair.bayes_direction)),
        competitors,
        found_by="draws",
        independent=n_directions,
        ops=100,
        wrong_processes={"mu in place of b": np.full(n_directions, pair.error(pair.mean))},
    )


@claim(ours(DERIVED), kind="optimality")
def test_erm_expected_minimiser(trial, effective=(0.3, 1.5, 4.0, 8.0, 12.0)):
    """Without augmentation the expected loss is least at 2 kappa b, for every kappa."""
    shape = mixture_pair()
    pairs = [predicted.GaussianPair(shape.mean, shape.covariance, a / shape.signal) for a in effective]
    measured, errors, closed = [], [], []
    for pair in pairs:
        found = observed.check_alignment(
            no_augmentation, pair.mean, pair.covariance, pair.separability, trial.key("operators"), draws=DRAWS
        )
        measured.append((found.scale, found.displacement))
        errors.append((QUADRATURE * found.scale, found.displacement_limit - found.displacement))
        closed.append((2 * pair.separability, 0.0))
    exact = np.array(closed)
    cosine = 1 - shape.misalignment(shape.mean)
    half, along_mean, without = exact.copy(), exact.copy(), exact.copy()
    half[:, 0] /= 2
    along_mean[:, 1] = np.sqrt(1 - cosine**2) / cosine
    without[:, 0] = 2
    trial.value(
        np.array(measured),
        exact,
        margin=1e-6,
        error=np.array(errors),
        controls={"kappa b": half, "2 kappa mu": along_mean, "2 b": without},
    )
    for pair in pairs:
        loss = predicted.erm_expected_loss(pair)
        steps = [predicted.relative_newton_step(loss, w) for w in (predicted.erm_minimiser(pair), pair.bayes_direction)]
        # Where Newton still has this far to go is not the minimum; the quadrature's rounding moves it by QUADRATURE.
        trial.value(steps[0], 0.0, margin=1e-6, scale=1.0, error=QUADRATURE, wrong_processes={"b itself": steps[1]})


@claim(ours(ABSTRACT), kind="optimality")
def test_mixup_expected_minimiser(
    trial, cases=((2, 0.2, 4.0), (3, 1.0, 1.0), (3, 5.0, 16.0), (8, 1.0, 64.0)), fixed_effective=(0.5, 3.0, 30.0)
):
    """Mixup's expected loss is least at a multiple of b for every finite kappa; u = w . mu depends on a alone."""
    rng = trial.generator("pairs")
    distances, errors, wrong_noise, wrong_mixing = [], [], [], []
    for dim, alpha, separability in cases:
        pair, law = random_pair(rng, dim, separability), predicted.MixingLaw.beta(alpha)
        loss = predicted.mixup_expected_loss(pair, law)
        scale = predicted.scalar_minimiser(pair.effective_separability, law) / pair.signal
        other = loss.covariances.copy()
        other[: len(law.nodes)] *= np.geomspace(0.3, 3, dim)[:, None] ** 0.5 * np.geomspace(0.3, 3, dim) ** 0.5
        masks = predicted.all_masks(dim)
        candidates = (
            predicted.mixup_minimiser(pair, law),
            predicted.newton_minimiser(predicted.ExpectedLoss(loss.means, other, loss.labels, loss.probabilities)),
            predicted.mask_minimiser(pair, masks, np.full(len(masks), 1 / len(masks)), masks.mean(axis=1)),
        )
        found = [np.linalg.norm(w / scale - pair.bayes_direction) for w in candidates]
        lengths = np.linalg.norm(pair.bayes_direction)
        distances.append(found[0] / lengths)
        wrong_noise.append(found[1] / lengths)
        wrong_mixing.append(found[2] / lengths)
        condition = np.sqrt(np.linalg.cond(pair.covariance))
        errors.append(condition * (2 * predicted.relative_newton_step(loss, candidates[0]) + QUADRATURE))
    trial.value(
        np.array(distances),
        np.zeros(len(cases)),
        margin=1e-6,
        scale=1.0,  # relative to the length of b
        error=np.array(errors),
        wrong_processes={
            "other noise within the classes": np.array(wrong_noise),
            "masks": np.array(wrong_mixing),
        },
    )
    once, plain = np.ones(1), np.array([0.3])
    law = predicted.MixingLaw.atoms(plain, once, lambda mixing: mixing - 0.1)
    scores, closed, without_map = [], [], []
    for a in fixed_effective:
        for shape in (mixture_pair(), random_pair(rng, 3, 1.0)):
            alignment = observed.check_alignment(
                fixed_mixup, shape.mean, shape.covariance, a / shape.signal, trial.key("operators"), draws=DRAWS
            )
            scores.append(alignment.scale * shape.signal)
            closed.append(predicted.scalar_minimiser(a, law))
            without_map.append(predicted.scalar_minimiser(a, predicted.MixingLaw.atoms(plain, once)))
    trial.value(
        np.array(scores),
        np.array(closed),
        margin=1e-6,
        error=QUADRATURE * np.array(closed),
        controls={"2 a": 2 * np.repeat(fixed_effective, 2), "g = lambda": np.array(without_map)},
    )


@claim(ours(DERIVED), kind="identity")
def test_g_invariance(trial, separability=3.0):
    """The map g from label weight to input weight does not change the direction, only the length."""
    pair = predicted.GaussianPair(mixture_pair().mean, mixture_pair().covariance, separability)
    maps = (lambda x: x**2, lambda x: 1 - x**3, lambda x: 0 * x + 0.5, lambda x: 0.25 + x / 2)
    found = np.array([displaced(trial, scalar_mixing(one), pair) for one in maps])
    distorted, uncertainty = displaced(trial, coordinatewise, pair)
    trial.value(
        found[:, 0],
        np.zeros(len(maps)),
        margin=1e-6,
        scale=1.0,  # relative to the length
        error=found[:, 1],
        wrong_processes={"g for each coordinate": np.full(len(maps), max(distorted - uncertainty, 0.0))},
    )


@claim(ours(DERIVED), kind="optimality")
def test_affine_sufficient(trial, separability=3.0):
    """Random multiples of the identity as A and B, extrapolating ones too, keep b; other matrices do not."""
    pair = predicted.GaussianPair(mixture_pair().mean, mixture_pair().covariance, separability)
    measured, error = displaced(trial, extrapolating, pair)

    def at_least(operators):
        found = observed.check_alignment(
            operators, pair.mean, pair.covariance, pair.separability, trial.key("operators"), draws=1024
        )
        # 2 d - d_max is the lower end of the test's confidence interval where d_max = d + width is the upper.
        return max(2 * found.displacement - found.displacement_limit, 0.0)

    trial.value(
        measured,
        0.0,
        margin=1e-6,
        scale=1.0,  # relative to the length
        error=error,
        wrong_processes={"rotated axes": at_least(rotated), "masks": at_least(masked)},
    )
