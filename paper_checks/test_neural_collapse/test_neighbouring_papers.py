"""Neighbours: supervised contrastive features in batches, maximal angles, and equiangular classifiers."""

import functools

import jax
import numpy as np

from paper_checks.test_neural_collapse import KINI
from sims import neural_collapse as observed
from theory import neural_collapse as predicted
from theory_on_trial import claim, ours, paper
from theory_on_trial.mapping import map_cells

LIU = "Liu et al. 2023, abstract; classical bound"
SHEN = "Shen et al. 2023, abstract; Welch's bound"


@functools.cache
def descents(labels, dim, batches=None, nonnegative=True, steps=3000):
    """The compiled projected descent of many seeds: losses and features."""
    return jax.jit(
        lambda keys: map_cells(
            lambda key: observed.minimise_contrastive(
                key, labels, dim, nonnegative=nonnegative, batches=batches, steps=steps
            ),
            keys,
        )
    )


def cosines(features, labels):
    """The least cosine within a class and the largest between classes, over seeds."""
    gram = np.einsum("sdi,sdj->sij", np.asarray(features), np.asarray(features))
    same = np.equal.outer(labels, labels)
    return gram[:, same].min(), gram[:, ~same].max()


@claim(ours(KINI), kind="optimality")
def test_scl_of(trial, class_sizes=(6, 3, 2), dim=6, n_seeds=8):
    """Non-negative features under SCL: min = sum_c n_c log(n_c - 1 + (N - n_c) e^(-1)), an orthogonal frame."""
    labels = tuple(np.repeat(np.arange(len(class_sizes)), class_sizes).tolist())
    keys = jax.random.split(trial.key("starts"), n_seeds)
    losses, features = descents(labels, dim)(keys)
    free, _ = descents(labels, dim, nonnegative=False)(keys)
    least = predicted.scl_minimum(class_sizes)
    n_samples = sum(class_sizes)
    pairs = n_samples * (n_samples - 1)
    trial.value(
        np.min(losses),
        least,
        # Jensen's inequality makes it the exact minimum; what is left is the rounding of a sum over pairs.
        error=4 * pairs * 2.0**-53 * least,
        margin=1e-9,
        controls={"negatives as close as positives": n_samples * np.log(n_samples - 1)},
        wrong_processes={"free features": np.min(free)},
    )
    best = np.asarray(features)[np.argmin(losses)]
    trial.value(
        best.T @ best,
        np.equal.outer(labels, labels).astype(float),
        error=4 * dim * 2.0**-53,
        margin=1e-5,
        controls={"simplex": np.where(np.equal.outer(labels, labels), 1, -0.5)},
    )


def batched(trial, labels, batches, dim, n_seeds=8, name="starts"):
    """Losses, the least cosine within classes and the largest between them over all seeds."""
    keys = jax.random.split(trial.key(name), n_seeds)
    losses, features = descents(tuple(labels), dim, tuple(batches))(keys)
    return np.asarray(losses), *cosines(features, labels)


def decide_batches(trial, labels, good, poor, dim):
    """Decide that all descents reach the batch minimum, collapsed for good batches only, as the conditions say."""
    found = {name: batched(trial, labels, batches, dim) for name, batches in (("good", good), ("poor", poor))}
    least = np.array([predicted.scl_batch_minimum(np.array(labels), batches) for batches in (good, poor)])
    pairs = len(labels) ** 2
    lowest = np.array([losses.min() for losses, *_ in found.values()])
    trial.value(
        lowest,
        least,
        error=8 * pairs * 2.0**-53 * (1 + least),
        margin=1e-9,
        controls={"1 % less": 0.99 * least - 1e-3},
    )
    _, within, between = found["good"]
    _, loose, close = found["poor"]
    trial.value(
        [within, between],
        np.array([1.0, 0.0]),
        error=8 * dim * 2.0**-53,
        margin=1e-3,
        wrong_processes={"the poor batches": [loose, close]},
    )
    unique = [
        predicted.batch_conditions(np.array(labels), batches).orthogonal_frame_is_unique for batches in (good, poor)
    ]
    trial.identity(
        np.array([within > 0.9 and between < 0.1, loose > 0.9 and close < 0.1]).astype(int),
        np.array(unique).astype(int),
        ops=0,
        controls={"any batches": np.array([1, 1]), "no batches": np.array([0, 0])},
    )


TWO_CLASSES = (0, 0, 0, 0, 1, 1, 1, 1)
DISJOINT = ((0, 1, 4, 5), (2, 3, 6, 7))


@claim(ours(KINI), kind="optimality")
def test_scl_batch(trial, dim=4):
    """In batches the orthogonal frame is the only minimiser if classes are connected and pairs of classes joined."""
    decide_batches(trial, TWO_CLASSES, (*DISJOINT, (0, 2, 4, 6)), DISJOINT, dim)


@claim(ours(KINI), kind="optimality", tier="full")
def test_scl_bind(trial, dim=4):
    """One fixed sample of each class in every batch makes the frame unique; of one class alone it does not."""
    decide_batches(trial, TWO_CLASSES, ((0, 1, 4, 5), (0, 2, 3, 4, 6, 7)), ((0, 1, 4, 5), (0, 2, 3, 6, 7)), dim)


@claim(ours("batch conditions where classes have single samples; derived here"), kind="optimality", tier="full")
def test_scl_batch__singletons(trial, dim=4):
    """Two classes with one sample each in a batch are not joined by it: neither is an anchor there."""
    decide_batches(trial, (0, 0, 1, 1), ((0, 1, 2), (1, 2, 3)), ((0, 1), (2, 3), (0, 2)), dim)


def spread(trial, n_vectors, dim, *, absolute, n_seeds=4):
    """The largest (absolute) cosine of the best of several spreads."""
    run = jax.jit(
        lambda keys: map_cells(
            lambda key: observed.spread_vectors(key, n_vectors, dim, absolute=absolute).largest, keys
        )
    )
    return float(np.min(run(jax.random.split(trial.key(f"{n_vectors} {dim}"), n_seeds))))


@claim(paper(LIU), kind="optimality")
def test_lt_angle(trial, settings=((4, 3), (4, 2))):
    """K unit vectors in d >= K - 1 dimensions have a largest cosine of at least -1/(K - 1); with d < K - 1 of 0."""
    found = [spread(trial, *setting, absolute=False) for setting in settings]
    trial.value(
        found,
        [predicted.simplex_bound(*setting) for setting in settings],
        # The last soft maximum, of sharpness 2e5, exceeds the maximum by log(pairs) / sharpness at most.
        error=np.log(6) / 2e5,
        margin=1e-3,
        controls={"-1 / (K - 1) always": [-1 / (n - 1) for n, _ in settings], "-1 / K": [-1 / n for n, _ in settings]},
    )


@claim(paper(LIU), kind="identity")
def test_lt_within(trial, class_sizes=(3, 2, 4), dim=5):
    """The spread within classes is zero iff every feature is its class mean: then NC1 is zero too."""
    rng = trial.generator("features")
    labels = np.repeat(np.arange(len(class_sizes)), class_sizes)
    means = rng.standard_normal((dim, len(class_sizes)))
    noise = rng.standard_normal((dim, len(labels)))
    noise -= np.stack([noise[:, labels == k].mean(axis=1) for k in range(len(class_sizes))], axis=1)[:, labels]

    def measured(scale):
        features = means[:, labels] + scale * noise
        return float(jax.jit(observed.within_class_collapse, static_argnums=1)(features, class_sizes))

    scales = np.array([0.0, 1e-3, 0.5])
    exact = predicted.within_class_collapse(means[:, labels] + noise, labels)
    trial.identity(
        np.array([measured(scale) for scale in scales]),
        exact * scales**2,
        ops=100 * dim * len(labels),  # of eigendecompositions, and the condition of Sigma_B
        scale=max(exact, 1.0),
        controls={"proportional to the spread": exact * scales},
    )


@claim(paper(SHEN), kind="bound")
def test_ebv_welch(trial, settings=((6, 3), (10, 5), (8, 4)), n_draws=50):
    """N > d unit vectors have a largest |cosine| of at least sqrt((N - d) / (d (N - 1))); (6, 3) attains it."""
    rng = trial.generator("vectors")
    bounds, found, dims = [], [], []
    for n_vectors, dim in settings:
        for _ in range(n_draws):
            vectors = rng.standard_normal((dim, n_vectors))
            vectors /= np.linalg.norm(vectors, axis=0)
            found.append(np.abs(vectors.T @ vectors - np.eye(n_vectors)).max())
            bounds.append(predicted.welch_bound(n_vectors, dim))
            dims.append(dim)
    best = [spread(trial, *setting, absolute=True, n_seeds=8) for setting in settings[:1]]
    least = [predicted.welch_bound(*setting) for setting in settings[:1]]
    roots = [np.sqrt(dim) * bound for (_, dim), bound in zip(settings[:1], least, strict=True)]
    trial.bound(
        np.array([*bounds, *least]),
        np.array([*found, *best]),
        found_by="draws",
        ops=100,
        wrong_processes={"without d in the denominator": np.array([*(np.sqrt(dims) * bounds), *roots])},
    )
    trial.value(
        best,
        least,
        error=np.log(15) / 2e5,
        margin=1e-3,
        controls={"signed cosines": [predicted.simplex_bound(*setting) for setting in settings[:1]]},
    )


@claim(paper(SHEN), kind="optimality", tier="full")
def test_ebv_gen(trial, attained=((6, 3), (10, 5), (7, 3)), n_seeds=24):
    """Spreading lines reaches Welch's bound for (6, 3) and (10, 5); seven lines in three dimensions cannot reach it."""
    found = np.array([spread(trial, *setting, absolute=True, n_seeds=n_seeds) for setting in attained])
    bounds = np.array([predicted.welch_bound(*setting) for setting in attained])
    trial.value(found[:2], bounds[:2], error=np.log(45) / 2e5, margin=1e-3, controls={"signed cosines": [-0.2, -1 / 9]})
    possible = [predicted.welch_bound_may_be_attained(*setting) for setting in attained]
    trial.identity(
        (np.abs(found - bounds) < 1e-3).astype(int),
        np.array(possible).astype(int),
        ops=0,
        controls={"always": np.ones(len(attained), int)},
    )
