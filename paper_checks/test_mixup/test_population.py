"""Infinitely many samples: without augmentation and under every scalar mixing law the minimiser is
a multiple of b. How long it is.
"""

from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks.test_mixup import mixture_pair, random_pair
from sims.mixup import alignment, fits
from theory.mixup import population
from theory.mixup.classes import GaussianPair, MixingLaw
from theory_on_trial import claim, derived, known, recalled
from theory_on_trial.contract import Interval

ALIGNED = derived(
    "at any given $w·μ$ the loss grows with the variance of $w·x$, which is least along $b$"
)

QUADRATURE = 1e-11
"""Relative error of a root found from 401 nodes: 401 roundings of terms up to e^(a/2) <= 1e3 times
the curvature.
"""
NODES = 64
"""Values of λ in the rule that stands for a Beta law."""
HALF = np.array([0.5])
# Laws of λ and g, where g = λ unless said; each with 1 if some mixture with g != 1/2 has another
# label than the point that it is nearer to, else 0.
LAWS = {
    "uniform": (MixingLaw.beta(1.0, NODES), 1),
    "g = 1/2": (MixingLaw.beta(1.0, NODES, lambda mixing: 0 * mixing + 0.5), 0),
    "λ = 1/2": (MixingLaw.atoms(HALF, np.ones(1)), 0),
    "λ = 1/2, g = 1/4": (MixingLaw.atoms(HALF, np.ones(1), lambda mixing: mixing / 2), 1),
    "mostly hard": (MixingLaw.atoms(np.array([0.0, 0.3, 1.0]), np.array([0.45, 0.1, 0.45])), 1),
    "hard or half": (
        MixingLaw.atoms(np.array([0.0, 0.3, 0.5, 1.0]), np.array([0.45, 0.0, 0.1, 0.45])),
        0,
    ),
    "label of the farther point": (
        MixingLaw.atoms(
            np.array([0.0, 0.5, 1.0]),
            np.array([0.4, 0.2, 0.4]),
            lambda mixing: 0.8 - 0.6 * mixing,
        ),
        1,
    ),
}


def scalar_mixing(input_weight):
    """Mixup with λ uniform and g = `input_weight(λ)`: a function from a key to A, B and λ."""

    def draw(key):
        mixing = jax.random.uniform(key)
        share = input_weight(mixing)
        return share * jnp.eye(3), (1 - share) * jnp.eye(3), mixing

    return draw


def extrapolating(key):
    """One of four mixtures g x_i + h x_j that are no interpolation, each with its λ."""
    kind = jax.random.randint(key, (), 0, 4)
    g = jnp.array([1.2, 0.5, 0.7, 0.3])[kind]
    h = jnp.array([-0.2, 0.9, 0.1, 0.3])[kind]
    mixing = jnp.array([0.9, 0.4, 0.8, 0.6])[kind]
    return g * jnp.eye(3), h * jnp.eye(3), mixing


def along_axes(axes, draw):
    """Mixing with a weight of its own along each of three axes, drawn by `draw(key)`; λ is their
    mean.
    """

    def operators(key):
        shares = draw(key)
        return axes @ jnp.diag(shares) @ axes.T, axes @ jnp.diag(1 - shares) @ axes.T, shares.mean()

    return operators


SCALAR = {
    "g = λ^2": scalar_mixing(lambda x: x**2),
    "g = 1 - λ^3": scalar_mixing(lambda x: 1 - x**3),
    "g = 1/2": scalar_mixing(lambda x: 0 * x + 0.5),
    "g = 1/4 + λ/2": scalar_mixing(lambda x: 0.25 + x / 2),
    "extrapolating": extrapolating,
}
ROTATED = np.linalg.qr(np.array([[1.0, 2.0, 0.5], [0.3, 1.0, -1.0], [2.0, 0.1, 1.0]]))[0]
NOT_SCALAR = {
    "a weight for each coordinate": along_axes(
        jnp.eye(3), lambda key: jax.random.uniform(key, (3,))
    ),
    "rotated axes": along_axes(ROTATED, lambda key: jax.random.uniform(key, (3,))),
    "masks": along_axes(jnp.eye(3), lambda key: jax.random.bernoulli(key, 0.5, (3,)).astype(float)),
}


def alignment_test(trial, operators, pair, draws=128):
    """Test whether the law of A, B and λ from which `operators(key)` draws leaves the minimiser
    along b. 128 draws are enough where every draw does.
    """
    key = trial.key("operators")
    return alignment.check_alignment(
        operators, pair.mean, pair.covariance, pair.separability, key, draws=draws
    )


def with_effective(shape, effective):
    """The pair with the κ at which a = κ m^2 is `effective`."""
    return GaussianPair(shape.mean, shape.covariance, effective / shape.signal)


@claim(derived("within a class $w·x$ is normal"), kind="identity", cases=[(2, 0.3), (5, 0.2)])
def test_bayes_direction(
    trial,
    dim: Annotated[int, Interval(2, 20, why="one dimension has no angle; the high end is a cap")],
    effective: Annotated[float, Interval(0.05, 2, why="rarer errors would take too many points")],
):
    """For two equally likely classes $N(±μ, Σ / κ)$, the rule that chooses the class of $μ$ where
    $w·x > 0$ errs with probability $Φ(-sqrt(κ) w·μ / sqrt(w^T Σ w))$.
    """
    pair = with_effective(random_pair(trial.generator("pair"), dim, 1.0), effective)
    noisy = with_effective(pair, effective / 2)
    rules = np.stack([pair.bayes_direction, pair.mean])  # w = b and w = μ
    root = np.asarray(fits.covariance_factor(pair.covariance)) / np.sqrt(pair.separability)

    def wrong(generator, count):
        """Whether either rule errs on points of the class of μ; the other is its mirror image."""
        points = pair.mean + generator.standard_normal((count, dim)) @ root.T
        return points @ rules.T <= 0

    errors = np.array([pair.error(rule) for rule in rules])
    trial.probability(
        sampler=wrong,
        predict=errors,
        margin=0.01 * errors,
        controls={"variance $2 / κ$": np.array([noisy.error(rule) for rule in rules])},
        first=65536,
        most=16_000_000,
    )


@claim(
    known("Efron 1975: the posterior of two normal classes of one covariance is logistic"),
    kind="optimality",
    cases=[0.3, 1.5, 4.0, 8.0, 12.0],
)
def test_erm_expected_minimiser(
    trial,
    effective: Annotated[
        float, Interval(0.1, 13, why="beyond, e^(-a/2) is too flat for the quadrature of float64")
    ],
):
    """For two equally likely classes $N(±μ, Σ / κ)$, the expected logistic loss of the scores
    $w·x$, without augmentation, is least at $w = 2 κ Σ^-1 μ$.
    """
    pair = with_effective(mixture_pair(), effective)

    def no_augmentation(key):
        return jnp.eye(3), jnp.zeros((3, 3)), jnp.ones(())

    found = alignment_test(trial, no_augmentation, pair)
    length = np.linalg.norm(population.erm_minimiser(pair)) / np.linalg.norm(pair.bayes_direction)
    cosine = 1 - pair.misalignment(pair.mean)
    tangent = np.sqrt(1 - cosine**2) / cosine  # of the angle between μ and b
    # First the length along b over that of 2 κ b, then the distance from the ray of b, relative to
    # the length.
    trial.value(
        np.array([found.scale / length, found.displacement]),
        np.array([1.0, 0.0]),
        margin=1e-6,
        error=np.array([QUADRATURE, found.displacement_limit - found.displacement]),
        controls={
            "$w = κ b$": np.array([0.5, 0.0]),
            "$w = 2 κ μ$": np.array([1.0, tangent]),
        },
        generic="length and displacement are analytic in what is drawn",
    )


def over_pairs(pair, weights, law, step):
    """Return the expected loss of mixed pairs, by the trapezoidal rule over the scores of both
    points and a sum over their labels.

    `law` has three arrays with an entry for each atom: the diagonal of A, λ, and the probability.
    """
    nodes = np.arange(-9, 9 + step / 2, step)
    density = np.exp(-(nodes**2) / 2)
    grid = np.outer(density, density) / density.sum() ** 2
    total = 0.0
    for diagonal, mixing, probability in zip(*law, strict=True):
        # w·(A x_i + (I - A) x_j) is the sum of `own`·x_i and `other`·x_j.
        own = diagonal * weights
        other = (1 - diagonal) * weights
        own_spread = np.sqrt(own @ pair.covariance @ own / pair.separability)
        other_spread = np.sqrt(other @ pair.covariance @ other / pair.separability)
        for first, second in np.ndindex(2, 2):  # the labels of both points
            centre = ((2 * first - 1) * own + (2 * second - 1) * other) @ pair.mean
            scores = centre + own_spread * nodes[:, None] + other_spread * nodes
            label = mixing * first + (1 - mixing) * second
            loss = np.logaddexp(0, scores) - label * scores
            total += probability / 4 * np.sum(grid * loss)
    return total


@claim(
    derived("the scores of both points are independent normals, for each pair of labels"),
    kind="identity",
    cases=[("none", 1.0), ("mixup", 0.5), ("boxes", 3.0)],
    route="a trapezoidal rule over the scores of both points against one over a single score",
)
def test_expected_losses(
    trial,
    way: Literal["none", "mixup", "boxes"],
    separability: Annotated[float, Interval(0.1, 10)],
):
    """Mix two independent points of the classes $N(±μ, Σ / κ)$ to $x = A x_i + (I - A) x_j$ with a
    diagonal matrix $A$, and their labels in ${0, 1}$ to $y = λ y_i + (1 - λ) y_j$. Given $y_i$ and
    $y_j$, the expected logistic loss of $w·x$ is $E[log(1 + e^z) - y z]$, where $z$ is normal with
    the mean $w·(A (2 y_i - 1) + (I - A) (2 y_j - 1)) μ$ and the variance
    $w^T (A Σ A + (I - A) Σ (I - A)) w / κ$.
    """
    covariance = np.array([[1.0, 0.4], [0.4, 0.7]])
    pair = GaussianPair(np.array([1.0, 0.6]), covariance, separability)
    weights = pair.bayes_direction + trial.generator("weights").uniform(-0.3, 0.3, 2)
    mixing = MixingLaw.beta(0.7, 8)
    if way == "none":
        loss = population.erm_expected_loss(pair)
        law = np.ones((1, 2)), np.ones(1), np.ones(1)
    elif way == "mixup":
        loss = population.mixup_expected_loss(pair, mixing)
        law = np.outer(mixing.nodes, np.ones(2)), mixing.nodes, mixing.weights
    else:
        masks, chances, shares = population.equally_likely(population.box_masks(1, 2))
        law = masks.astype(float), shares, chances
        loss = population.mask_expected_loss(pair, masks, chances, shares)
    without_noise = population.ExpectedLoss(
        loss.means, 0 * loss.covariances, loss.labels, loss.probabilities
    )
    controls = {"without noise": without_noise.value(weights)}
    if way != "none":
        # The class of the first point is one in every atom of the loss.
        first_label = population.ExpectedLoss(
            loss.means, loss.covariances, np.ones_like(loss.labels), loss.probabilities
        )
        controls["one point's label"] = first_label.value(weights)
    exact = loss.value(weights)
    coarse = over_pairs(pair, weights, law, 0.2)
    fine = over_pairs(pair, weights, law, 0.1)
    trial.value(
        fine,
        exact,
        margin=1e-9 * exact,
        error=abs(fine - coarse) + 1e-12,
        controls=controls,
        generic="expected losses are analytic in the weights",
    )


@claim(
    recalled(
        "the minimiser of Mixup's expected loss has the direction of the Bayes rule",
        within="for Gaussian classes; the dependence on $a$ alone is found here",
    ),
    kind="optimality",
    cases=[(2, 0.2, 0.02), (3, 1.0, 3.0), (3, 5.0, 30.0), (8, 1.0, 200.0)],
    route="Newton in all coordinates against a root in one, `population.scalar_minimiser`",
)
def test_mixup_expected_minimiser(
    trial,
    dim: Annotated[int, Interval(2, 9)],
    alpha: Annotated[float, Interval(0.1, 20)],
    effective: Annotated[float, Interval(1e-3, 5000)],
):
    """Let two equally likely classes be $N(±μ, Σ / κ)$, and $b = Σ^-1 μ$. Mixup's expected logistic
    loss, for mixtures $λ x_i + (1 - λ) x_j$ with $λ ~ Beta(α, α)$, is least at a positive multiple
    of $b$, at a score $w·μ$ of the class mean that depends on $μ$, $Σ$ and $κ$ through $a = κ μ^T
    Σ^-1 μ$ alone.

    This score is found by minimisation over the multiples of b alone.
    """
    law = MixingLaw.beta(alpha)
    pair = with_effective(random_pair(trial.generator("pair"), dim, 1.0), effective)
    exact = population.scalar_minimiser(effective, law) / pair.signal * pair.bayes_direction

    def distance(minimiser):
        return np.linalg.norm(minimiser - exact) / np.linalg.norm(exact)

    # The first half of the atoms are the pairs of one class, whose noise is made another one.
    loss = population.mixup_expected_loss(pair, law)
    stretches = np.geomspace(0.3, 3, dim)
    covariances = loss.covariances.copy()
    covariances[: len(law.nodes)] *= np.sqrt(np.outer(stretches, stretches))
    other_noise = population.ExpectedLoss(loss.means, covariances, loss.labels, loss.probabilities)
    masks, probabilities, shares = population.equally_likely(population.all_masks(dim))
    trial.value(
        distance(population.mixup_minimiser(pair, law)),
        0.0,
        margin=1e-6,
        scale=1.0,  # relative to the length
        error=np.sqrt(np.linalg.cond(pair.covariance)) * 10 * QUADRATURE,
        control_processes={
            "other noise within the classes": distance(population.newton_minimiser(other_noise)),
            "masks in place of numbers $λ$": distance(
                population.mask_minimiser(pair, masks, probabilities, shares)
            ),
        },
        generic="minimisers are analytic in μ and Σ",
    )


@claim(ALIGNED, kind="optimality", cases=list(SCALAR))
def test_affine_sufficient(
    trial,
    way: Literal["g = λ^2", "g = 1 - λ^3", "g = 1/2", "g = 1/4 + λ/2", "extrapolating"],
    separability: Annotated[float, Interval(0.1, 1000, why="less moves no loss by 1 %")] = 3.0,
):
    """Let two equally likely classes be $N(±μ, Σ / κ)$, and $b = Σ^-1 μ$. For random numbers $g$,
    $h$ and $λ$, the expected logistic loss of mixtures $g x_i + h x_j$ with the labels $λ y_i + (1
    - λ) y_j$ is least at a multiple of $b$.

    With random matrices in place of the numbers g and h it need not be.
    """
    shape = mixture_pair()
    pair = GaussianPair(shape.mean, shape.covariance, separability)
    found = alignment_test(trial, SCALAR[way], pair)
    others = {
        name: alignment_test(trial, operators, pair, draws=1024)
        for name, operators in NOT_SCALAR.items()
    }
    trial.value(
        found.displacement,
        0.0,
        margin=1e-6,
        scale=1.0,  # relative to the length
        error=found.displacement_limit - found.displacement,
        control_processes={  # the low end of the interval of which the limit is the high one
            name: max(2 * other.displacement - other.displacement_limit, 0.0)
            for name, other in others.items()
        },
        generic="the displacement is analytic in the drawn operators",
    )


def fit_without_noise(law):
    """Mixup of the two class means alone: what is left of the problem at infinite separability."""
    points = np.array([[1.0], [-1.0]])
    labels = np.array([1.0, 0.0])
    return fits.fit_mixup(points, labels, law.nodes, law.weights, law.input_weights)


def scores_without_noise(laws):
    """Return the score of the class mean under Mixup without noise, and its error, for each law."""
    found = [fit_without_noise(law) for law in laws]
    scores = np.array([float(fit.weights[0]) for fit in found])
    last_steps = np.array([float(fit.newton_step) for fit in found])
    # Roundings of the 64 terms move the root by 1e-12 where the curvature is as small as e^-u for
    # scores u < 5.
    return scores, 2 * last_steps * (1 + scores) + 1e-12


@claim(
    derived("an expansion of the derivative of the loss along $b$ in $1 / a$"),
    kind="limit",
    cases=[(0.2, 400), (1.0, 400)],
    route="`population.scalar_minimiser` in its limit against `population.limit_scale_correction`",
)
def test_scale_limit(
    trial,
    alpha: Annotated[float, Interval(0.01, 100, why="beyond, Gauss-Jacobi rules lose digits")],
    least: Annotated[float, Interval(400, 2000, why="a limit of large a; beyond, rounding shows")],
):
    """For two equally likely classes $N(±μ, Σ / κ)$, let $u$ be the score $w·μ$ of the class mean
    under the minimiser $w$ of Mixup's expected loss, with $λ ~ Beta(α, α)$, and $v$ the limit of
    $u$ as $a = κ μ^T Σ^-1 μ$ grows. Then $a (v - u)$ tends to $(v h(v) + v² h'(v) / 2) / L$, where
    $h(v) = E[f (s'(v) + s'(c v))] / 2$, $L = E[s'(v) + c² s'(c v)] / 2$, $f = λ² + (1 - λ)²$,
    $c = 2 λ - 1$ and $s$ is the logistic function.
    """
    # λ is within 1 / sqrt(8 α) of 1/2: powers of α / a follow one another, not of 1 / a.
    law = MixingLaw.beta(alpha, NODES)
    effective = max(least, 20 * alpha) * 2.0 ** np.arange(5)
    (limit,), (error,) = scores_without_noise([law])
    scores = np.array([population.scalar_minimiser(a, law) for a in effective])
    correction = population.limit_scale_correction(law)
    curvature = population.limit_curvatures(law)
    without_slope = limit * curvature.noise / curvature.scale  # v h(v) / L
    trial.require(
        abs(correction) > 0.11 * abs(without_slope - correction),
        "alpha must keep away from .39, where the correction changes sign and no theory is near it",
    )
    trial.require(
        abs(alpha - 0.1125) > 0.0125,
        "alpha must not lie in [0.1, 0.125]: the next order changes sign there",
    )
    trial.limit(
        effective * (limit - scores),
        effective,
        correction,
        order=1,
        margin=1e-3 * without_slope,
        slack=effective[-1] * error,
        controls={
            "without $h'$": without_slope,
            "$h'$ without 1/2": 2 * correction - without_slope,
        },
    )


@claim(
    derived("only then does the loss of the class means rise in both directions"), kind="identity"
)
def test_scale_limit__exists(trial):
    """For two equally likely classes $N(±μ, Σ / κ)$, let Mixup mix inputs by $g$ in $[0, 1]$ and
    labels by $λ$. As $κ$ grows, the score $w·μ$ of the class mean under the minimiser of the
    expected loss stays bounded if and only if $g > 1/2$ and $λ < 1$, or $g < 1/2$ and $λ > 0$, with
    positive probability.
    """
    exists = [of_law for _, of_law in LAWS.values()]
    bounded = [int(np.isfinite(population.limit_scale(law))) for law, _ in LAWS.values()]
    converged = [int(fit_without_noise(law).converged) for law, _ in LAWS.values()]
    # One row for a fit of the class means and one for the limit of the theory, a column per law.
    trial.identity(
        np.array([converged, bounded]),
        np.array([exists, exists]),
        ops=0,
        controls={
            "bounded for every law": np.ones((2, len(LAWS)), int),
            "only if $g = λ$": np.array([[1, 0, 1, 0, 1, 1, 0]] * 2),
            "only if $0 < λ < 1$ and $g != 1/2$": np.array([[1, 0, 0, 1, 1, 0, 0]] * 2),
        },
    )


@claim(
    derived("the derivative of the loss of the class means alone vanishes there"),
    kind="identity",
    cases=[0.1, 0.2, 0.5, 1.0],
)
def test_lambda_dependence(
    trial, alpha: Annotated[float, Interval(0.05, 1.2, why="below 1.5, where the limit is lowest")]
):
    """For two equally likely classes $N(±μ, Σ / κ)$ and $λ ~ Beta(α, α)$, let $v$ be the limit at
    large $κ$ of the score $w·μ$ of the class mean under the minimiser of Mixup's expected loss. It
    solves $E[(2 λ - 1) (s((2 λ - 1) v) - λ)] = s(-v)$, where $s$ is the logistic function.

    It falls and then rises with α.
    """
    # Three values of α: one near that of the lowest limit, and one on either side.
    laws = [MixingLaw.beta(parameter, NODES) for parameter in (alpha, 1.5, 2.25 / alpha)]
    labels_of_half = [MixingLaw(np.full(NODES, 0.5), law.weights, law.nodes) for law in laws]
    limits = np.array([population.limit_scale(law) for law in laws])
    scores, errors = scores_without_noise(laws)
    trial.value(
        scores,
        limits,
        margin=1e-7,
        error=errors + 4e-12 * limits,  # another version of SciPy moves the nodes by 1e-12
        controls={
            "monotone in $α$": np.minimum.accumulate(limits),
            "label one half": np.array([population.limit_scale(law) for law in labels_of_half]),
        },
    )
