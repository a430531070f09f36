"""Masking (CutMix style): its minimiser is another direction, 1 / mu in the limit, and it is learnt ever faster."""

import jax.numpy as jnp
import numpy as np

from paper_checks.test_mixup import ABSTRACT, DERIVED, mixture_pair
from sims import mixup as observed
from theory import mixup as predicted
from theory_on_trial import claim, ours
from theory_on_trial.laws import RatioOfMeans

GRID = np.arange(-18, 19) * 0.36
"""Standard normal nodes, 6.5 deviations on each side; the tails beyond weigh 1e-10."""
GRID_ERROR = 1e-7
"""Relative error of a minimiser on the grid: the tails, times a condition of the Hessian below 1e3."""


def uniform_masks(dim):
    """All masks with equal probabilities, labelled by their share."""
    masks = predicted.all_masks(dim)
    return masks, np.full(len(masks), 1 / len(masks)), masks.mean(axis=1)


def fit_on_grid(pair, masks, probabilities, labels):
    """Minimise the mask loss of a pair in the plane with its noise on a grid, as mixtures of the points mu and -mu.

    The noise of M x_i + (1 - M) x_j is normal with covariance M S M + (1 - M) S (1 - M), S = Sigma / kappa: any root R
    of it and a node z make A = diag(M) + (R z) mu' / |mu|^2, which adds +-R z to the points.
    """
    first, second = GRID[:, None].repeat(len(GRID), 1).ravel(), np.tile(GRID, len(GRID))
    nodes = np.stack([first, second], axis=1)
    density = np.exp(-(nodes**2).sum(axis=1) / 2)
    maps, partners = [], []
    for mask in masks.astype(float):
        apart = np.outer(mask, mask) + np.outer(1 - mask, 1 - mask)
        root = np.linalg.cholesky(apart * pair.covariance / pair.separability)
        added = (nodes @ root.T)[:, :, None] * pair.mean / (pair.mean @ pair.mean)
        maps.append(np.diag(mask) + added)
        partners.append(np.broadcast_to(np.diag(1 - mask), added.shape))
    weights = np.outer(probabilities, density / density.sum()).ravel()
    points, classes = np.stack([pair.mean, -pair.mean]), np.array([1.0, 0.0])
    return observed.fit_affine(
        points, classes, np.concatenate(maps), np.concatenate(partners), weights, np.repeat(labels, len(nodes))
    )


@claim(ours(ABSTRACT), kind="optimality")
def test_mask_expected_minimiser(trial, separabilities=(0.1, 1.0, 10.0)):
    """Every mask law has one minimiser of the expected loss at finite kappa, in general not along b."""
    plane = np.array([2.0, 0.5])
    masks, equal, shares = uniform_masks(2)
    settings = [(np.eye(2), kappa, equal) for kappa in separabilities]
    settings += [(np.array([[1.0, 0.5], [0.5, 2.0]]), kappa, equal) for kappa in separabilities]
    settings += [(np.eye(2), 0.1, weights) for weights in np.eye(4)[[1, 3]]]  # one coordinate kept, all kept
    measured, errors, closed, aligned = [], [], [], []
    for covariance, separability, probabilities in settings:
        pair = predicted.GaussianPair(plane, covariance, separability)
        fit = fit_on_grid(pair, masks, probabilities, shares)
        length = np.linalg.norm(fit.weights)
        measured.append(fit.weights)
        errors.append(length * (GRID_ERROR + 2 * float(fit.newton_step)))
        closed.append(predicted.mask_minimiser(pair, masks, probabilities, shares))
        aligned.append(length * pair.bayes_direction / np.linalg.norm(pair.bayes_direction))
    exact = np.array(closed)
    trial.value(
        np.array(measured),
        exact,
        margin=1e-5 * np.linalg.norm(exact, axis=1, keepdims=True),
        error=np.array(errors)[:, None],
        controls={"along b": np.array(aligned)},
    )


@claim(ours(DERIVED), kind="limit")
def test_mask_limit_inverse_mean(trial, separabilities=(400, 1600, 6400, 25600, 102400)):
    """Exchangeable masks: as kappa grows w * mu -> c_d for every coordinate, so w -> 1 / mu whatever Sigma is."""
    means = [np.array([1.5, -1.0, 0.5]), np.array([2.0, 0.5, -1.0, 0.7, 1.2])]
    designs = [(mean, *uniform_masks(len(mean))) for mean in means]
    single = np.eye(3, dtype=bool)
    designs.append((means[0], single, np.full(3, 1 / 3), single.mean(axis=1)))
    measured, errors, closed, along_mean = [], [], [], []
    for mean, masks, probabilities, labels in designs:
        fit = observed.fit_masks(
            np.stack([mean, -mean]), np.array([1.0, 0.0]), masks.astype(float), probabilities, labels
        )
        sizes = np.bincount(masks.sum(axis=1), weights=probabilities, minlength=len(mean) + 1)
        direction = predicted.mask_limit_direction(mean)
        measured.append(fit.weights)
        errors.append(np.full(len(mean), 2 * float(fit.newton_step) * (np.linalg.norm(fit.weights) + 1) + 1e-12))
        closed.append(predicted.mask_limit_scale(len(mean), sizes) * direction)
        along_mean.append(mean * np.linalg.norm(closed[-1]) / np.linalg.norm(mean))
    exact = np.concatenate(closed)
    trial.value(
        np.concatenate(measured),
        exact,
        margin=1e-7,
        error=np.concatenate(errors),
        controls={
            "along mu": np.concatenate(along_mean),
            "c_d = 1": exact / np.abs(exact * np.concatenate([mean for mean, *_ in designs])),
        },
    )
    shape = mixture_pair()
    limit = predicted.mask_limit_direction(shape.mean)
    deficits = []
    for separability in separabilities:
        pair = predicted.GaussianPair(shape.mean, shape.covariance, float(separability))
        deficits.append(predicted.one_minus_cosine(predicted.mask_minimiser(pair, *uniform_masks(3)), limit))
    trial.order(
        deficits,
        separabilities,
        -2.0,
        rounding=1e-13 * np.sqrt(deficits),  # half a squared chord whose rounding is 1e-14
        margin=0.05,
        controls={"first order": -1.0, "third order": -3.0},
    )


@claim(ours(ABSTRACT), kind="identity")
def test_mask_suboptimal(trial, n_pairs=60, dim=4):
    """The limit of masking errs with chance Phi(-sqrt(a) r), r <= 1, r = 1 iff Sigma (1 / mu) is along mu."""
    rng = trial.generator("pairs")
    masks, probabilities, labels = uniform_masks(dim)
    learnt, closed, inverted, harmless, moved = [], [], [], [], []
    for _ in range(n_pairs):
        mean = rng.uniform(0.4, 1.5, dim) * rng.choice([-1.0, 1.0], dim)
        root = rng.standard_normal((dim, dim + 2))
        covariance = root @ root.T / dim + 0.2 * np.eye(dim)
        pair = predicted.GaussianPair(mean, covariance, 1.0)
        fit = observed.fit_masks(
            np.stack([mean, -mean]), np.array([1.0, 0.0]), masks.astype(float), probabilities, labels
        )
        weights = np.asarray(fit.weights)
        learnt.append(weights @ mean / np.sqrt(weights @ covariance @ weights * pair.signal))
        closed.append(predicted.mask_limit_error_ratio(pair))
        inverse = np.linalg.solve(covariance, 1 / mean)
        inverted.append(dim / np.sqrt(pair.signal * (inverse @ (1 / mean))))
        equal = np.diag(mean) @ (rng.uniform(0.5, 2) * np.eye(dim) + rng.uniform(0, 1)) @ np.diag(mean)
        aligned = predicted.GaussianPair(mean, equal, float(rng.uniform(0.3, 30)))
        found = predicted.mask_minimiser(aligned, masks, probabilities, labels)
        harmless.append(np.sqrt(2 * aligned.misalignment(found)))
        moved.append(np.sqrt(2 * pair.misalignment(predicted.mask_minimiser(pair, masks, probabilities, labels))))
    trial.value(
        np.array(learnt),
        np.array(closed),
        margin=1e-7,
        error=1e-9,  # the fit's tolerance: the ratio is stationary nowhere but at b, and |r| <= 1
        controls={"r with the inverse of Sigma": np.array(inverted)},
    )
    trial.bound(
        np.array(learnt),
        np.ones(n_pairs),
        found_by="draws",
        independent=n_pairs,
        ops=100,
        controls={"9 / 10": np.full(n_pairs, 0.9)},
    )
    trial.value(
        np.array(harmless),
        np.zeros(n_pairs),
        margin=1e-6,
        scale=1.0,  # the sine of an angle
        error=1e-9,  # Newton to rounding, times a condition below 1e4
        wrong_processes={"any Sigma": np.array(moved)},
    )


@claim(ours(ABSTRACT), kind="rate", tier="full")
def test_mask_concentration(trial, separabilities=(100.0, 1000.0), n=20):
    """Masking learns its wrong target ever faster: n (1 - cos) about that target falls like 1 / kappa."""
    mean = np.array([1.5, 1.0, 0.5])
    masks, probabilities, labels = uniform_masks(3)
    pairs = [predicted.GaussianPair(mean, np.eye(3), kappa) for kappa in separabilities]
    targets = np.array([predicted.mask_minimiser(pair, masks, probabilities, labels) for pair in pairs])
    kappas = np.array(separabilities)

    def deficits(target):
        def measure(key):
            pair = observed.angle_curve(
                jnp.stack([key, key]),
                kappas,
                mean,
                np.eye(3),
                target,
                masks.astype(float),
                probabilities,
                labels,
                n=n,
                learner=observed.mask_weights,
            )
            return pair[::-1]

        return measure

    ratio = separabilities[0] / separabilities[1]
    trial.mean(
        deficits(targets),
        ratio,
        law=RatioOfMeans(),
        margin=ratio * (1 - 10**-0.15),  # an exponent within .15 of -1
        controls={"kappa^(-1/2)": np.sqrt(ratio), "kappa^-2": ratio**2},
        wrong_processes={"about b": deficits(np.stack([pair.bayes_direction for pair in pairs]))},
        first=512,
        most=8000,
    )
