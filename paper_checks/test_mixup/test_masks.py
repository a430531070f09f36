"""Masking (CutMix style): its minimiser is another direction, 1 / μ in the limit, and it is learned
ever faster.
"""

from typing import Annotated, Literal

import jax.numpy as jnp
import numpy as np

from paper_checks.test_mixup import DISTORTS
from sims import mixup as observed
from theory import mixup as predicted
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval
from theory_on_trial.laws import RatioOfMeans

Law = Literal["all", "one"]
"""Of the masks, with equal probabilities: all of them, or those that keep one coordinate."""
Large = Annotated[float, Interval(50, 1000, why="a limit of large κ; the high end is a cap")]
Size = Annotated[int, Interval(10, 100, why="a cap, which nothing requires")]
Dim = Annotated[
    int, Interval(3, 8, why="two coordinates have no soft label but 1/2, and all masks are listed")
]
Side = Annotated[int, Interval(1, 6, why="all boxes are listed")]


def mask_law(dim, law="all"):
    """Masks with equal probabilities, labelled by their share."""
    masks = predicted.all_masks(dim) if law == "all" else np.eye(dim, dtype=bool)
    return masks, np.full(len(masks), 1 / len(masks)), masks.mean(axis=1)


def random_mean(rng, dim):
    """Return a mean without small coordinates, of either sign."""
    return rng.uniform(0.4, 1.5, dim) * rng.choice([-1.0, 1.0], dim)


def random_covariance(rng, dim):
    """Return a noise shape of moderate condition."""
    root = rng.standard_normal((dim, dim + 2))
    return root @ root.T / dim + 0.2 * np.eye(dim)


def fit_without_noise(mean, law):
    """The mask loss of the two class means alone, minimised."""
    masks, probabilities, labels = law
    points = np.stack([mean, -mean])
    classes = np.array([1.0, 0.0])
    return observed.fit_masks(points, classes, masks.astype(float), probabilities, labels)


def fit_on_grid(pair, law, n_nodes):
    """Minimise the mask loss of a pair in the plane with its noise on a grid, as mixtures of the
    points μ and -μ.

    The noise of M x_i + (1 - M) x_j is normal with covariance M S M + (1 - M) S (1 - M), S = Σ / κ:
    any root R of it and a node z make A = diag(M) + (R z) μ' / |μ|^2, which adds +-R z to the
    points. The grid has `n_nodes` in each direction, up to 6.5 deviations: the tails beyond weigh
    1e-10.
    """
    masks, probabilities, labels = law
    grid = np.linspace(-6.5, 6.5, n_nodes)
    nodes = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    density = np.exp(-(nodes**2).sum(axis=1) / 2)
    maps = []
    partners = []
    for mask in masks.astype(float):
        overlap = np.outer(mask, mask) + np.outer(1 - mask, 1 - mask)
        root = np.linalg.cholesky(overlap * pair.covariance / pair.separability)
        noise = (nodes @ root.T)[:, :, None] * pair.mean / (pair.mean @ pair.mean)
        maps.append(np.diag(mask) + noise)
        partners.append(np.broadcast_to(np.diag(1 - mask), noise.shape))
    weights = np.outer(probabilities, density / density.sum()).ravel()
    points = np.stack([pair.mean, -pair.mean])
    classes = np.array([1.0, 0.0])
    mixing = np.repeat(labels, len(nodes))
    fit = observed.fit_affine(
        points, classes, np.concatenate(maps), np.concatenate(partners), weights, mixing
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
    law: Law,
):
    """Every mask law has one minimiser of the expected loss at finite κ, in general not along b."""
    covariance = np.array([[1.0, correlation], [correlation, 1 + 2 * correlation]])
    pair = predicted.GaussianPair(np.array([2.0, 0.5]), covariance, separability)
    (coarse, step), (finer, _) = (
        fit_on_grid(pair, mask_law(2, law), n_nodes) for n_nodes in (37, 53)
    )
    minimiser = predicted.mask_minimiser(pair, *mask_law(2, law))
    along = np.linalg.norm(minimiser) / np.linalg.norm(pair.bayes_direction) * pair.bayes_direction
    # What a finer grid changes, and the tails beyond both, times a condition below 1e3.
    error = np.linalg.norm(coarse - finer) + step + 1e-7 * np.linalg.norm(minimiser)
    trial.value(
        coarse,
        minimiser,
        margin=1e-5 * np.linalg.norm(minimiser),
        error=error,
        controls={"along b": along},
    )


@claim(
    derived(
        "without noise the loss depends on w * μ alone, and exchanging coordinates leaves it as "
        "it is"
    ),
    kind="limit",
    cases=[(3, "all"), (5, "all"), (3, "one")],
    route="`predicted.mask_minimiser` in its limit against `predicted.mask_limit_direction`",
)
def test_mask_limit_inverse_mean(trial, dim: Dim, law: Law):
    """Exchangeable masks: as κ grows w * μ -> c_d for every coordinate, so w -> 1 / μ whatever Σ
    is.
    """
    rng = trial.generator("pair")
    masks = mask_law(dim, law)
    mean = random_mean(rng, dim)
    covariance = random_covariance(rng, dim)
    fit = fit_without_noise(mean, masks)
    limit = predicted.mask_limit_direction(mean)
    sizes = np.bincount(masks[0].sum(axis=1), weights=masks[1], minlength=dim + 1)
    exact = predicted.mask_limit_scale(dim, sizes) * limit
    error = 2 * float(fit.newton_step) * (np.linalg.norm(exact) + 1) + 1e-12
    controls = {"along μ": mean * np.linalg.norm(exact) / np.linalg.norm(mean), "c_d = 1": limit}
    trial.value(
        fit.weights, exact, margin=1e-7 * np.linalg.norm(exact), error=error, controls=controls
    )
    separabilities = 25_600 * 2.0 ** np.arange(0, 7, 2)
    pairs = [predicted.GaussianPair(mean, covariance, float(kappa)) for kappa in separabilities]
    minimisers = [predicted.mask_minimiser(pair, *masks) for pair in pairs]
    deficits = np.array([predicted.one_minus_cosine(w, limit) for w in minimisers])
    trial.order(
        deficits,
        separabilities,
        -2.0,
        rounding=1e-13 * np.sqrt(deficits),  # half a squared chord whose rounding is 1e-14
        margin=0.015,
        controls={"first order": -1.0, "third order": -3.0},
        same_instance=True,
    )


@claim(
    derived("the error of the limit's direction; that it may be worse is in the abstract"),
    kind="identity",
)
def test_mask_suboptimal(
    trial, n_pairs: Annotated[int, Interval(1, 300, why="each is fitted")] = 40, dim: Dim = 4
):
    """The limit of masking errs with chance Φ(-sqrt(a) r), r <= 1, r = 1 iff Σ (1 / μ) is along
    μ.
    """
    rng = trial.generator("pairs")
    law = mask_law(dim)

    def measured(harmless):
        """Of one pair r, its prediction, the same with the inverse of Σ, and the angle to b."""
        mean = random_mean(rng, dim)
        along = (
            np.diag(mean) @ (rng.uniform(0.5, 2) * np.eye(dim) + rng.uniform(0, 1)) @ np.diag(mean)
        )
        covariance = along if harmless else random_covariance(rng, dim)
        pair = predicted.GaussianPair(mean, covariance, float(rng.uniform(0.3, 30)))
        weights = np.asarray(fit_without_noise(mean, law).weights)
        inverse_form = dim / np.sqrt(
            pair.signal * (np.linalg.solve(covariance, 1 / mean) @ (1 / mean))
        )
        angle = np.sqrt(2 * pair.misalignment(predicted.mask_minimiser(pair, *law)))
        learned = weights @ mean / np.sqrt(weights @ covariance @ weights * pair.signal)
        return learned, predicted.mask_limit_error_ratio(pair), inverse_form, angle

    learned, ratios, inverse_form, angles = np.transpose(
        [measured(sample % 2) for sample in range(2 * n_pairs)]
    )
    # The fit's tolerance: the ratio is stationary nowhere but at b, and |r| <= 1.
    trial.value(
        learned, ratios, margin=1e-7, error=1e-9, controls={"r with the inverse of Σ": inverse_form}
    )
    ones = np.ones(2 * n_pairs)
    trial.bound(
        learned,
        ones,
        instances="draws",
        independent=n_pairs,
        ops=1e3,
        controls={"9 / 10": 0.9 * ones},
    )
    trial.value(
        angles[1::2],
        np.zeros(n_pairs),
        margin=1e-6,
        scale=1.0,  # the sine of an angle
        error=1e-9,  # Newton to rounding, times a condition below 1e4
        control_processes={"any Σ": angles[::2]},
    )


@claim(
    derived("a box fills the rows and columns that it meets"),
    kind="identity",
    cases=[(1, 4), (2, 3), (3, 3)],
    route="all masks that fill the rows and columns they meet against products of intervals",
)
def test_mask_boxes(trial, height: Side, width: Side):
    """CutMix has one mask for every box of an image: h (h + 1) w (w + 1) / 4 of the 2^(h w)."""
    trial.require(
        max(height, width) >= 3,
        "height or width must be at least 3: any two rows or columns adjoin",
    )
    trial.require(height * width <= 12, "height * width must be at most 12: all masks are listed")
    cut = ~predicted.all_masks(height * width).reshape(-1, height, width)
    rows = cut.any(axis=2)
    columns = cut.any(axis=1)

    def unbroken(met):
        return np.sum(np.diff(met, axis=1, prepend=False) & met, axis=1) == 1

    full = cut.sum(axis=(1, 2)) == rows.sum(axis=1) * columns.sum(axis=1)
    box = (full & unbroken(rows) & unbroken(columns)).astype(int)
    pixels = cut.reshape(len(cut), -1).astype(int)

    def together(chosen):
        """How many of the masks cut two pixels both, for all pairs of pixels."""
        return pixels.T @ (chosen[:, None] * pixels)

    boxes = 1 - predicted.box_masks(height, width).astype(int)
    controls = {
        "any rows and columns": together(full),
        "no box of the whole image": together(box) - 1,
    }
    trial.identity(together(box), boxes.T @ boxes, ops=0, controls=controls)
    count = height * (height + 1) * width * (width + 1) // 4
    counts = np.array([len(boxes), len(np.unique(boxes, axis=0))])
    controls = {"an empty box too": counts + 1}
    trial.identity(np.full(2, box.sum()), counts, ops=0, controls=controls)
    controls = {
        "intervals of pixels": height * width * (height * width + 1) // 2
        + (height == 1 or width == 1)
    }
    trial.identity(int(box.sum()), count, ops=0, controls=controls)


@claim(
    derived(
        "by expanding the loss about its minimiser: its curvature stays, its noise has variance 1 "
        "/ κ"
    ),
    kind="rate",
    tier="full",
    low_power="at one n and between two kappas, where corrections of relative order 1 / n are not "
    "computed",
)
def test_mask_concentration(trial, separability: Large = 100.0, n: Size = 20):
    """Masking learns its wrong target ever faster: n (1 - cos) about that target falls like 1 /
    κ.
    """
    trial.require(n % 2 == 0, "n must be even: the classes are balanced")
    mean, (masks, probabilities, labels) = np.array([1.5, 1.0, 0.5]), mask_law(3)
    kappas = np.array([separability, 10 * separability])
    pairs = [predicted.GaussianPair(mean, np.eye(3), kappa) for kappa in kappas]
    targets = np.array(
        [predicted.mask_minimiser(pair, masks, probabilities, labels) for pair in pairs]
    )
    law = (masks.astype(float), probabilities, labels)

    def deficits(target):
        def measure(key):
            keys = jnp.stack([key, key])
            options = {"n": n, "learner": observed.mask_weights}
            return observed.angle_curve(keys, kappas, mean, np.eye(3), target, *law, **options)[
                ::-1
            ]

        return measure

    trial.mean(
        deficits(targets),
        0.1,
        law=RatioOfMeans(),
        margin=0.1 * (1 - 10**-0.15),  # an exponent within .15 of -1
        controls={"kappa^(-1/2)": np.sqrt(0.1), "kappa^-2": 0.01},
        control_processes={"about b": deficits(np.stack([pair.bayes_direction for pair in pairs]))},
        first=512,
        most=8000,
    )
