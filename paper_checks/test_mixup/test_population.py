"""Infinitely many samples: without augmentation and under every scalar mixing law the minimiser is
a multiple of b.
"""

from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks.test_mixup import Separability, mixture_pair, random_pair
from sims import mixup as observed
from theory import mixup as predicted
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval

ALIGNED = derived("for any w . μ the loss grows with w' Σ w, which is least along b")

DRAWS = 128
"""Random operators in each test of alignment: enough, where every single draw is aligned."""
QUADRATURE = 1e-11
"""Relative error of a root found from 401 nodes: 401 roundings of terms up to e^(a/2) <= 1e3 times
the curvature.
"""

OnGrid = Annotated[float, Interval(0.1, 10, why="a cap, which nothing requires")]
Frequent = Annotated[
    float, Interval(0.05, 2, why="rarer errors of the Bayes rule would take too many points")
]
"""a, where errors are counted."""
Curved = Annotated[
    float, Interval(0.1, 13, why="beyond, e^(-a/2) is too flat for the quadrature of float64")
]
"""a without augmentation."""
Effective = Annotated[float, Interval(1e-3, 5000, why="a cap, which nothing requires")]
"""a with augmentation."""


def no_augmentation(key):
    """A = I, B = 0, λ = 1."""
    return jnp.eye(3), jnp.zeros((3, 3)), jnp.ones(())


def fixed_mixup(key):
    """One mixing weight, λ = .3, with g = .2."""
    return 0.2 * jnp.eye(3), 0.8 * jnp.eye(3), jnp.array(0.3)


def scalar_mixing(input_weight):
    """Mixup with λ uniform and g = `input_weight(lambda)`."""

    def draw(key):
        mixing = jax.random.uniform(key)
        share = input_weight(mixing)
        return share * jnp.eye(3), (1 - share) * jnp.eye(3), mixing

    return draw


def coordinatewise(key):
    """Mixup whose weight is drawn again for every coordinate, the label with their mean."""
    shares = jax.random.uniform(key, (3,))
    return jnp.diag(shares), jnp.diag(1 - shares), shares.mean()


def extrapolating(key):
    """Scalar A and B that are not a convex combination: (1.2, -.2), (.5, .9), (.7, .1), (.3,
    .3).
    """
    kind = jax.random.randint(key, (), 0, 4)
    first = jnp.array([1.2, 0.5, 0.7, 0.3])[kind]
    second = jnp.array([-0.2, 0.9, 0.1, 0.3])[kind]
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


def alignment_test(trial, operators, pair, draws=DRAWS):
    """The test of alignment of one law of operators."""
    key = trial.key("operators")
    return observed.check_alignment(
        operators, pair.mean, pair.covariance, pair.separability, key, draws=draws
    )


def displacement_and_room(found):
    """Displacement of the minimiser from the ray of b, and how far beyond it the test still
    admits.
    """
    return found.displacement, found.displacement_limit - found.displacement


def least_displacement(found):
    """The lower end of the confidence interval of which `displacement_limit` is the upper."""
    return max(2 * found.displacement - found.displacement_limit, 0.0)


def with_separability(pair, separability):
    """The pair at another κ."""
    return predicted.GaussianPair(pair.mean, pair.covariance, separability)


@claim(
    derived("by the likelihood ratio, and Cauchy's inequality"),
    kind="identity",
    cases=[(2, 0.3), (5, 0.2)],
)
def test_bayes_direction(
    trial,
    dim: Annotated[int, Interval(2, 20, why="one dimension has no angle; the high end is a cap")],
    effective: Frequent,
    n_directions: Annotated[
        int, Interval(50, 10**4, why="few may miss a better one, and each is drawn")
    ] = 400,
):
    """The rule 1[w . x > 0] errs with chance Φ(-sqrt(κ) w . μ / |Σ^(1/2) w|), least for w along
    b.
    """
    rng = trial.generator("pair")
    shape = random_pair(rng, dim, 1.0)
    pair = with_separability(shape, effective / shape.signal)
    rules = np.stack([pair.bayes_direction, pair.mean])
    factor = observed.covariance_factor(pair.covariance)
    errors = np.array([pair.error(rule) for rule in rules])
    noisy = with_separability(pair, pair.separability / 2)

    def wrong(generator, count):  # of one side, the other being its mirror image
        noise = (
            generator.standard_normal((count, dim))
            @ np.asarray(factor).T
            / np.sqrt(pair.separability)
        )
        return (pair.mean + noise) @ rules.T <= 0

    rivals = {"variance 2 / κ": np.array([noisy.error(rule) for rule in rules])}
    effort = {"first": 65536, "most": 16_000_000}
    trial.probability(
        sampler=wrong, predict=errors, margin=0.01 * errors, controls=rivals, **effort
    )
    spreads = 10.0 ** rng.uniform(-3, 0, (n_directions, 1)) * np.linalg.norm(pair.bayes_direction)
    near = pair.bayes_direction + spreads * rng.standard_normal((n_directions, dim))
    least = np.full(n_directions, pair.error(pair.bayes_direction))
    around = np.array([pair.error(direction) for direction in near])
    processes = {"μ in place of b": np.full(n_directions, pair.error(pair.mean))}
    trial.bound(
        least,
        around,
        instances="draws",
        independent=n_directions,
        ops=100,
        control_processes=processes,
    )


@claim(
    derived("by Stein's lemma the loss has no slope there"),
    kind="optimality",
    cases=[0.3, 1.5, 4.0, 8.0, 12.0],
    route="`predicted.relative_newton_step`, and a normal grid, against `predicted.erm_minimiser`",
    second="test_theory_mixup.py::test_the_quadrature_is_exact_for_logistic_functions",
)
def test_erm_expected_minimiser(trial, effective: Curved):
    """Without augmentation the expected loss is least at 2 κ b, for every κ."""
    shape = mixture_pair()
    pair = with_separability(shape, effective / shape.signal)
    alignment = alignment_test(trial, no_augmentation, pair)
    cosine = 1 - shape.misalignment(shape.mean)
    displacement, room = displacement_and_room(alignment)
    sine = np.sqrt(1 - cosine**2) / cosine
    measured = np.array([alignment.scale / (2 * pair.separability), displacement])
    controls = {"κ b": np.array([0.5, 0.0]), "2 κ μ": np.array([1.0, sine])}
    trial.value(
        measured,
        np.array([1.0, 0.0]),
        margin=1e-6,
        error=np.array([QUADRATURE, room]),
        controls=controls,
    )
    loss = predicted.erm_expected_loss(pair)
    steps = [
        predicted.relative_newton_step(loss, w)
        for w in (predicted.erm_minimiser(pair), pair.bayes_direction)
    ]
    half = predicted.relative_newton_step(loss, pair.separability * pair.bayes_direction)
    # Where Newton still has this far to go is not the minimum; the quadrature's rounding moves it
    # by QUADRATURE.
    trial.value(
        steps[0], 0.0, margin=1e-6, scale=1.0, error=QUADRATURE, control_processes={"κ b": half}
    )


def _over_pairs(pair, weights, law, step):
    """The loss of mixed pairs by the trapezoidal rule over the scores of both points, and over
    their labels. `law` is what every coordinate keeps of the first point, the first label's weight,
    and the chance of both.
    """
    nodes = np.arange(-9, 9 + step / 2, step)
    density = np.exp(-(nodes**2) / 2)
    grid = np.outer(density, density) / density.sum() ** 2
    total = 0.0
    for shares, label, mass in zip(*law, strict=True):
        parts = [side * weights for side in (shares, 1 - shares)]
        spreads = [np.sqrt(part @ pair.covariance @ part / pair.separability) for part in parts]
        for first, second in np.ndindex(2, 2):
            centre = (2 * first - 1) * parts[0] @ pair.mean + (2 * second - 1) * parts[
                1
            ] @ pair.mean
            scores = centre + spreads[0] * nodes[:, None] + spreads[1] * nodes
            mixed = label * first + (1 - label) * second
            total += mass / 4 * np.sum(grid * (np.logaddexp(0, scores) - mixed * scores))
    return total


@claim(
    derived("the scores of both points are independent normals, for each pair of labels"),
    kind="identity",
    cases=[("none", 1.0), ("mixup", 0.5), ("boxes", 3.0)],
    route="a trapezoidal rule over the scores of both points in the check against one over a "
    "single score",
    second="test_theory_mixup.py::test_the_quadrature_is_exact_for_logistic_functions",
)
def test_expected_losses(trial, way: Literal["none", "mixup", "boxes"], separability: OnGrid):
    """The expected loss of mixed pairs is a mean over two labels and one normal score with the
    pair's variance.
    """
    pair = predicted.GaussianPair(
        np.array([1.0, 0.6]), np.array([[1.0, 0.4], [0.4, 0.7]]), separability
    )
    weights = pair.bayes_direction + trial.generator("weights").uniform(-0.3, 0.3, 2)
    law = predicted.MixingLaw.beta(0.7, 8)
    boxes = predicted.box_masks(1, 2)
    shares = {
        "none": np.ones((1, 2)),
        "mixup": np.outer(law.nodes, np.ones(2)),
        "boxes": boxes.astype(float),
    }[way]
    labels = shares.mean(axis=1)
    masses = law.weights if way == "mixup" else np.full(len(shares), 1 / len(shares))
    loss = {
        "none": lambda: predicted.erm_expected_loss(pair),
        "mixup": lambda: predicted.mixup_expected_loss(pair, law),
        "boxes": lambda: predicted.mask_expected_loss(pair, boxes, masses, labels),
    }[way]()

    coarse, fine = (
        _over_pairs(pair, weights, (shares, labels, masses), step) for step in (0.2, 0.1)
    )
    exact = loss.value(weights)
    still = 0 * loss.covariances
    rivals = {
        "without noise": predicted.ExpectedLoss(loss.means, still, loss.labels, loss.probabilities)
    }
    if way != "none":
        ones = np.ones_like(loss.labels)
        rivals["one point's label"] = predicted.ExpectedLoss(
            loss.means, loss.covariances, ones, loss.probabilities
        )
    controls = {name: rival.value(weights) for name, rival in rivals.items()}
    trial.value(
        fine, exact, margin=1e-9 * exact, error=abs(fine - coarse) + 1e-12, controls=controls
    )


@claim(
    ALIGNED,
    kind="optimality",
    cases=[(2, 0.2, 0.02), (3, 1.0, 3.0), (3, 5.0, 30.0), (8, 1.0, 200.0)],
    route="Newton by `predicted.mixup_minimiser`, and a normal grid, against "
    "`predicted.scalar_minimiser`",
    second="test_theory_mixup.py::test_the_quadrature_is_exact_for_logistic_functions",
)
def test_mixup_expected_minimiser(
    trial,
    dim: Annotated[int, Interval(2, 9, why="all masks are listed")],
    alpha: Annotated[float, Interval(0.1, 20, why="a cap, which nothing requires")],
    effective: Effective,
):
    """Mixup's expected loss is least at a multiple of b for every finite κ; u = w . μ depends on a
    alone.
    """
    shape = random_pair(trial.generator("pair"), dim, 1.0)
    law = predicted.MixingLaw.beta(alpha)
    pair = with_separability(shape, effective / shape.signal)
    loss = predicted.mixup_expected_loss(pair, law)
    scale = predicted.scalar_minimiser(effective, law) / pair.signal
    unequal = loss.covariances.copy()
    unequal[: len(law.nodes)] *= (
        np.geomspace(0.3, 3, dim)[:, None] ** 0.5 * np.geomspace(0.3, 3, dim) ** 0.5
    )
    masks = predicted.all_masks(dim)
    candidates = (
        predicted.mixup_minimiser(pair, law),
        predicted.newton_minimiser(
            predicted.ExpectedLoss(loss.means, unequal, loss.labels, loss.probabilities)
        ),
        predicted.mask_minimiser(
            pair, masks, np.full(len(masks), 1 / len(masks)), masks.mean(axis=1)
        ),
    )
    length = np.linalg.norm(pair.bayes_direction)
    condition = np.sqrt(np.linalg.cond(pair.covariance))
    turn, noise, mixing = (
        np.linalg.norm(w / scale - pair.bayes_direction) / length for w in candidates
    )
    error = condition * (2 * predicted.relative_newton_step(loss, candidates[0]) + QUADRATURE)
    processes = {"other noise within the classes": noise, "masks": mixing}
    trial.value(
        turn, 0.0, margin=1e-6, scale=1.0, error=error, control_processes=processes
    )  # in lengths of b
    atom = np.array([0.3]), np.ones(1)
    shapes = (mixture_pair(), random_pair(trial.generator("another pair"), 3, 1.0))
    pairs = [with_separability(member, effective / member.signal) for member in shapes]
    mapped = predicted.MixingLaw.atoms(*atom, lambda mixing: mixing - 0.1)
    plain = predicted.MixingLaw.atoms(*atom)
    exact, without_map = (
        predicted.scalar_minimiser(effective, member) for member in (mapped, plain)
    )
    scales = np.array(
        [alignment_test(trial, fixed_mixup, member).scale * member.signal for member in pairs]
    )
    error = QUADRATURE * exact
    trial.value(
        scales,
        np.full(2, exact),
        margin=1e-6,
        error=error,
        controls={"g = λ": np.full(2, without_map)},
    )


@claim(ALIGNED, kind="identity")
def test_g_invariance(trial, separability: Separability = 3.0):
    """The map g from label weight to input weight does not change the direction, only the
    length.
    """
    pair = with_separability(mixture_pair(), separability)
    maps = (lambda x: x**2, lambda x: 1 - x**3, lambda x: 0 * x + 0.5, lambda x: 0.25 + x / 2)
    displacements = np.array(
        [displacement_and_room(alignment_test(trial, scalar_mixing(g), pair)) for g in maps]
    )
    control = least_displacement(alignment_test(trial, coordinatewise, pair))
    trial.value(
        displacements[:, 0],
        np.zeros(len(maps)),
        margin=1e-6,
        scale=1.0,  # relative to the length
        error=displacements[:, 1],
        control_processes={"g for each coordinate": np.full(len(maps), control)},
    )


@claim(ALIGNED, kind="optimality")
def test_affine_sufficient(trial, separability: Separability = 3.0):
    """Random multiples of the identity as A and B, extrapolating ones too, keep b; other matrices
    do not.
    """
    pair = with_separability(mixture_pair(), separability)
    measured, error = displacement_and_room(alignment_test(trial, extrapolating, pair))
    processes = {
        name: least_displacement(alignment_test(trial, operators, pair, draws=1024))
        for name, operators in {"rotated axes": rotated, "masks": masked}.items()
    }
    # Displacements are relative to the length.
    trial.value(measured, 0.0, margin=1e-6, scale=1.0, error=error, control_processes=processes)
