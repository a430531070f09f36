"""Masking (CutMix style): its minimiser is another direction, 1 / μ in the limit, and it is learned
ever faster.
"""

from typing import Annotated, Literal

import jax.numpy as jnp
import numpy as np

from sims.mixup import angles, fits
from theory.mixup import population
from theory.mixup.classes import GaussianPair, one_minus_cosine
from theory_on_trial import claim, derived, tried
from theory_on_trial.contract import Interval
from theory_on_trial.laws import RatioOfMeans

DISTORTS = tried(
    "abstract, sentence 7: masking-based techniques can distort the training loss",
    "Gaussian classes in the plane, and the minimiser",
)
SUBOPTIMAL = (
    "abstract, sentence 7: they can make its minimizer converge to a suboptimal classifier in "
    "terms of test accuracy"
)
MaskChoice = Literal["all", "one"]
"""Which masks occur, all equally often: every mask, or those that keep a single coordinate."""
Dim = Annotated[
    int, Interval(3, 8, why="two coordinates have no soft label but 1/2, and all masks are listed")
]


def mask_law(dim, choice="all"):
    """Return the masks, one in each row, their probabilities, and the weights of the first label:
    the shares of coordinates that are kept.
    """
    masks = population.all_masks(dim) if choice == "all" else np.eye(dim, dtype=bool)
    return population.equally_likely(masks)


def random_mean(rng, dim):
    """Return a mean without small coordinates, whose signs alternate."""
    return rng.uniform(0.4, 1.5, dim) * (-1.0) ** np.arange(dim)


def random_covariance(rng, dim):
    """Return a noise shape of moderate condition."""
    root = rng.standard_normal((dim, dim + 2))
    return root @ root.T / dim + 0.2 * np.eye(dim)


def fit_without_noise(mean, law):
    """Fit the mask loss to the two class means alone, which is what infinite κ leaves."""
    masks, probabilities, labels = law
    points = np.stack([mean, -mean])
    classes = np.array([1.0, 0.0])
    return fits.fit_masks(points, classes, masks.astype(float), probabilities, labels)


def fit_on_grid(pair, law, n_nodes):
    """Return the minimiser of the expected mask loss of a pair in the plane, with the noise on a
    grid, and a bound on what the last step of Newton's method leaves of its error.

    The fit takes operators on points, so that the noise goes into them: the only points are μ and
    -μ, and A = diag(M) + z μ^T / |μ|² takes them to ±(M μ + z). Here z is the noise of the mixture
    M x_i + (1 - M) x_j, normal with the covariance M S M + (1 - M) S (1 - M), S = Σ / κ. The grid
    has `n_nodes` in each direction, up to 6.5 deviations: the tails beyond weigh 1e-10.
    """
    masks, probabilities, labels = law
    grid = np.linspace(-6.5, 6.5, n_nodes)
    nodes = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    density = np.exp(-(nodes**2).sum(axis=1) / 2)
    first_operators = []
    second_operators = []
    for mask in masks.astype(float):
        # Coordinates of different points are independent.
        of_one_point = np.outer(mask, mask) + np.outer(1 - mask, 1 - mask)
        root = np.linalg.cholesky(of_one_point * pair.covariance / pair.separability)
        noise = (nodes @ root.T)[:, :, None] * pair.mean / (pair.mean @ pair.mean)
        first_operators.append(np.diag(mask) + noise)
        second_operators.append(np.broadcast_to(np.diag(1 - mask), noise.shape))
    fit = fits.fit_affine(
        np.stack([pair.mean, -pair.mean]),
        np.array([1.0, 0.0]),
        np.concatenate(first_operators),
        np.concatenate(second_operators),
        np.outer(probabilities, density / density.sum()).ravel(),
        np.repeat(labels, len(nodes)),
    )
    return np.asarray(fit.weights), 2 * float(fit.newton_step) * np.linalg.norm(fit.weights)


@claim(
    DISTORTS,
    kind="optimality",
    cases=[
        (0.1, 0.0, "all"),
        (10.0, 0.0, "all"),
        (1.0, 0.5, "all"),
        (10.0, 0.5, "all"),
        (0.1, 0.0, "one"),
    ],
)
def test_mask_expected_minimiser(
    trial,
    separability: Annotated[
        float, Interval(0.1, 20, why="beyond, scores spread over more than the grid resolves")
    ],
    correlation: Annotated[
        float, Interval(0, 1, why="a cap: the covariance is definite beyond, too")
    ],
    law: MaskChoice,
):
    """Let masking mix $M x_i + (I - M) x_j$ with a random diagonal matrix $M$ of zeros and ones,
    and the labels by the share of ones. Its expected logistic loss for the classes $N(±μ, Σ / κ)$
    has a unique minimiser at finite $κ$, which in general is not a multiple of $b = Σ^-1 μ$.

    The minimiser that Newton's method finds on the exact loss is compared with a fit to points on a
    grid.
    """
    covariance = np.array([[1.0, correlation], [correlation, 1 + 2 * correlation]])
    pair = GaussianPair(np.array([2.0, 0.5]), covariance, separability)
    masks, probabilities, labels = mask_law(2, law)
    minimiser = population.mask_minimiser(pair, masks, probabilities, labels)
    length = np.linalg.norm(minimiser)
    on_grid, last_step = fit_on_grid(pair, mask_law(2, law), 37)
    on_finer_grid, _ = fit_on_grid(pair, mask_law(2, law), 53)
    # What a finer grid changes, and the tails beyond both, times a condition below 1e3.
    error = np.linalg.norm(on_grid - on_finer_grid) + last_step + 1e-7 * length
    multiple_of_bayes = length / np.linalg.norm(pair.bayes_direction) * pair.bayes_direction
    trial.value(
        on_grid,
        minimiser,
        margin=1e-5 * length,
        error=error,
        controls={"a multiple of $b$": multiple_of_bayes},
    )


@claim(
    tried(SUBOPTIMAL, "masks that treat all coordinates alike, the limit $1 / μ$ and its order"),
    kind="limit",
    cases=[(3, "all"), (5, "all"), (3, "one")],
    route="`population.mask_minimiser` in its limit against `population.mask_limit_direction`",
)
def test_mask_limit_inverse_mean(trial, dim: Dim, law: MaskChoice):
    """Let masking mix $M x_i + (I - M) x_j$ with a random diagonal matrix $M$ of zeros and ones,
    and the labels by the share of ones, where all masks with the same number of ones are equally
    likely and some share other than 0, 1/2 and 1 occurs. Let no $μ_j$ be 0. For the minimiser $w$
    of its expected logistic loss on the classes $N(±μ, Σ / κ)$ and the vector $v$ of the $1 / μ_j$,
    $1 - cos(w, v)$ falls like $κ^-2$ as $κ$ grows, for almost every $Σ$.

    Where Σ is diagonal with the variances μ_j², w is parallel to v at every κ.
    """
    rng = trial.generator("pair")
    mean = random_mean(rng, dim)
    covariance = random_covariance(rng, dim)
    separabilities = 25_600 * 2.0 ** np.arange(0, 7, 2)
    minimisers = [
        population.mask_minimiser(GaussianPair(mean, covariance, kappa), *mask_law(dim, law))
        for kappa in separabilities
    ]
    limit = population.mask_limit_direction(mean)
    deficits = [one_minus_cosine(minimiser, limit) for minimiser in minimisers]
    to_mean = [one_minus_cosine(minimiser, mean) for minimiser in minimisers]
    trial.order(
        deficits,
        separabilities,
        -2.0,
        rounding=1e-13 * np.sqrt(deficits),  # half a squared chord whose rounding is 1e-14
        margin=0.015,
        controls={"$κ^-1$": -1.0, "$κ^-3$": -3.0},
        control_processes={"a multiple of $μ$": to_mean},
        same_instance=True,
        generic="the minimiser is analytic in μ and Σ, and so is its limit",
    )


@claim(
    tried(SUBOPTIMAL, "the error, for masks that treat all coordinates alike"),
    kind="identity",
)
def test_mask_suboptimal(trial, n_pairs: Annotated[int, Interval(1, 300)] = 40, dim: Dim = 4):
    """Let masking mix $M x_i + (I - M) x_j$ with a random diagonal matrix $M$ of zeros and ones,
    and the labels by the share of ones, where all masks with the same number of ones are equally
    likely and some share other than 0, 1/2 and 1 occurs. Let $v$ be the vector of the $1 / μ_j$,
    $j = 1, …, d$, to which its minimiser tends for large $κ$. This direction errs on the classes
    $N(±μ, Σ / κ)$ with probability $Φ(-sqrt(κ) d / sqrt(v^T Σ v))$.

    The Bayes rule errs with probability Φ(-sqrt(κ μ^T Σ^-1 μ)), which is less unless Σ v is a
    multiple of μ.
    """
    rng = trial.generator("pairs")

    # The rule errs with probability Φ(-r sqrt(κ μ^T Σ^-1 μ)), and r <= 1 is compared for each pair.
    learned = []
    predicted = []
    with_inverse = []
    for _ in range(n_pairs):
        mean = random_mean(rng, dim)
        pair = GaussianPair(mean, random_covariance(rng, dim), 1.0)
        weights = np.asarray(fit_without_noise(mean, mask_law(dim)).weights)
        spread = np.sqrt(weights @ pair.covariance @ weights * pair.signal)
        learned.append(weights @ mean / spread)
        predicted.append(population.mask_limit_error_ratio(pair))
        inverse_form = np.linalg.solve(pair.covariance, 1 / mean) @ (1 / mean)
        with_inverse.append(dim / np.sqrt(pair.signal * inverse_form))
    trial.value(
        np.array(learned),
        np.array(predicted),
        margin=1e-7,
        error=1e-9,  # of the fit: the ratio is stationary nowhere but at b, and |r| <= 1
        controls={
            "$Σ^-1$ in place of $Σ$": np.array(with_inverse),
            "the error of the Bayes rule": np.ones(n_pairs),
        },
        generic="the ratio of errors is analytic in μ and Σ",
    )


@claim(
    derived(
        "about the minimiser the curvature of the loss tends to a limit, and its noise has a "
        "variance of the order $1 / κ$"
    ),
    kind="rate",
    tier="full",
    low_power="at one $n$ and between two kappas, where corrections of relative order $1 / n$ "
    "are not computed",
)
def test_mask_concentration(
    trial,
    separability: Annotated[
        float, Interval(50, 1000, why="a limit of large κ; the high end is a cap")
    ] = 100.0,
    n: Annotated[int, Interval(10, 100)] = 20,
):
    """Let masking mix $M x_i + (I - M) x_j$ with a random diagonal matrix $M$ of zeros and ones,
    and the labels by the share of ones, where all masks with the same number of ones are equally
    likely and some share other than 0, 1/2 and 1 occurs. At large $κ$ and fixed $n$, the mean of
    $1 - cos(v, w)$ falls like $1 / κ$, where $v$ minimises the loss of $n$ points, half of either
    class of $N(±μ, Σ / κ)$, and $w$ the expected loss.

    So masking learns its wrong direction ever faster.
    """
    trial.require(n % 2 == 0, "n must be even: the classes are balanced")
    mean = np.array([1.5, 1.0, 0.5])
    masks, probabilities, labels = mask_law(3)
    law = (masks.astype(float), probabilities, labels)
    kappas = np.array([separability, 10 * separability])
    pairs = [GaussianPair(mean, np.eye(3), kappa) for kappa in kappas]
    minimisers = [population.mask_minimiser(pair, masks, probabilities, labels) for pair in pairs]

    def deficits(targets):
        """1 - cos to the target at 10 κ and at κ, whose means have the ratio on trial."""

        def measure(key):
            same_noise = jnp.stack([key, key])
            options = {"n": n, "learner": angles.mask_weights}
            at_both = angles.angle_curve(
                same_noise, kappas, mean, np.eye(3), targets, *law, **options
            )
            return at_both[::-1]

        return measure

    trial.mean(
        deficits(np.stack(minimisers)),
        0.1,
        law=RatioOfMeans(),
        margin=0.1 * (1 - 10**-0.15),  # an exponent within .15 of -1
        controls={"$κ^(-1/2)$": np.sqrt(0.1), "$κ^-2$": 0.01},
        control_processes={
            "the angle to $b$": deficits(np.stack([pair.bayes_direction for pair in pairs]))
        },
        first=512,
        most=8000,
    )


@claim(
    derived(
        "without noise the loss is a function of the products $w_j μ_j$ and of the law of the "
        "boxes alone"
    ),
    kind="limit",
    cases=[(1, 3), (1, 5), (3, 3), (4, 4)],
    route="a fit of all mixtures of two points against Newton's method on the scores of pixels",
)
def test_mask_boxes__limit(
    trial,
    height: Annotated[int, Interval(1, 6, why="beyond, one mask has thousands of boxes")],
    width: Annotated[int, Interval(3, 6, why="two pixels a side are all corners")],
):
    """Let CutMix cut boxes from a row or a square of three to six pixels a side, all boxes
    equally likely, and mix labels by the share that is kept. Without noise, its loss for the
    classes $±μ$, where no $μ_j$ is 0, is least at $w_j = v_j / μ_j$, where the scores $v_j$ of the
    pixels do not depend on $μ$ and are not all equal.

    In one row the scores at the border are the largest, in a square those in the middle. The rule
    then errs with probability Φ(-sqrt(κ) sum_j v_j / sqrt(w^T Σ w)), more than that of Bayes unless
    Σ w is a multiple of μ.
    """
    trial.require(height in (1, width), "height must be 1 or the width: rows and squares")
    masks, probabilities, labels = population.equally_likely(population.box_masks(height, width))
    mean = random_mean(trial.generator("mean"), height * width)
    fit = fit_without_noise(mean, (masks, probabilities, labels))
    measured = np.asarray(fit.weights) * mean
    scores = population.mask_limit_scores(masks, probabilities)
    size = np.linalg.norm(scores)
    # Half a turn of the image around its edges takes the border to the middle.
    turned = np.roll(scores.reshape(height, width), width // 2, axis=1)
    if height > 1:
        turned = np.roll(turned, height // 2, axis=0)
    trial.value(
        measured,
        scores,
        margin=1e-7 * size,
        error=2 * float(fit.newton_step) * (size + 1) * np.abs(mean).max() + 1e-10,
        controls={
            "all pixels alike": np.full(len(scores), scores.mean()),
            "border and middle exchanged": turned.ravel(),
        },
        generic="the fit is analytic in μ, and its scores do not depend on it",
    )
