"""Neighbours: supervised contrastive features in batches, maximal angles, and equiangular
classifiers.
"""

import functools
from typing import Annotated, Literal, get_args

import jax
import numpy as np

from sims.neural_collapse import collapse_metrics, contrastive_descent
from theory.neural_collapse import collapse_geometry, contrastive
from theory_on_trial import claim, derived
from theory_on_trial.base.mapping import map_cells
from theory_on_trial.contract import Interval

FRAME = derived(
    "Kini et al. 2024 (arXiv 2306.07960), abstract: an orthogonal frame; the value by Jensen's "
    "inequality"
)
BATCHES = derived(
    "Kini et al. 2024 (arXiv 2306.07960), abstract: conditions on batches; explicit ones from the "
    "loss"
)
ANGLES = derived(
    "classical (Rankin); Liu et al. 2023 (arXiv 2302.12453) regularise class means towards it"
)
LINES = derived(
    "classical (Welch); Shen et al. 2023 (arXiv 2303.11637) want vectors as orthogonal as possible"
)
Seeds = Annotated[int, Interval(4, 100, why="fewer may miss the best, and each is a descent")]
Dim = Annotated[int, Interval(3, 32, why="each seed descends over that many coordinates")]
Pair = Annotated[int, Interval(2, 16, why="descents find the best of so few")]


@functools.cache
def descents(labels, dim, batches=None, nonnegative=True, steps=3000):
    """The compiled projected descent of many seeds: losses and features."""
    return jax.jit(
        lambda keys: map_cells(
            lambda key: contrastive_descent.minimise_contrastive(
                key, labels, dim, nonnegative=nonnegative, batches=batches, steps=steps
            ),
            keys,
        )
    )


@claim(FRAME, kind="optimality")
def test_scl_of(
    trial,
    class_sizes: tuple[
        Annotated[int, Interval(2, 16, why="the loss needs pairs; each point costs")], ...
    ] = (6, 3, 2),
    dim: Dim = 6,
    n_seeds: Seeds = 8,
    steps: Annotated[
        int, Interval(3000, 10**5, why="descents end at rest, and each step costs")
    ] = 3000,
):
    """Non-negative features under SCL: min = sum_c n_c log(n_c - 1 + (N - n_c) e^(-1)), an
    orthogonal frame.
    """
    trial.require(len(class_sizes) >= 2, "class_sizes must be two or more")
    trial.require(
        steps * n_seeds <= 10**6,
        "steps times n_seeds must be at most 10^6: each step of each costs",
    )
    trial.require(
        dim > len(class_sizes),
        "dim must exceed the number of classes: with no room to spare descents stall",
    )
    labels = tuple(np.repeat(np.arange(len(class_sizes)), class_sizes).tolist())
    keys = jax.random.split(trial.key("starts"), n_seeds)
    (losses, features), (before, earlier) = (
        descents(labels, dim, steps=n)(keys) for n in (steps, steps // 2)
    )
    free, _ = descents(labels, dim, nonnegative=False)(keys)
    least = contrastive.scl_minimum(class_sizes)
    n_samples = sum(class_sizes)
    best = int(np.argmin(losses))
    # What the second half of the descent gained bounds what is left of it; the rest is rounding of
    # a sum over pairs.
    left = (
        abs(float(before[best] - losses[best])) + 4 * n_samples * (n_samples - 1) * 2.0**-53 * least
    )
    controls = {"negatives as close as positives": n_samples * np.log(n_samples - 1)}
    options = {"controls": controls, "control_processes": {"free features": np.min(free)}}
    trial.value(np.min(losses), least, error=left, margin=1e-9 * least, **options)
    same = np.equal.outer(labels, labels)
    gram = features[best].T @ features[best]
    movement = np.abs(gram - earlier[best].T @ earlier[best]).max() + 4 * dim * 2.0**-53
    simplex = {"simplex": np.where(same, 1, -1 / (len(class_sizes) - 1))}
    near = {"half as far": np.where(same, 1, 0.5), "spread classes": np.where(same, 0.5, 0)}
    trial.value(
        gram, same.astype(float), error=float(movement), margin=1e-5, controls=simplex | near
    )


def batched(trial, labels, batches, dim, n_seeds=8, name="starts"):
    """Losses, the least cosine within classes and the largest between them over all seeds."""
    keys = jax.random.split(trial.key(name), n_seeds)
    losses, features = descents(tuple(labels), dim, tuple(batches))(keys)
    gram = np.einsum("sdi,sdj->sij", *[np.asarray(features)] * 2)
    same = np.equal.outer(labels, labels)
    return np.asarray(losses), gram[:, same].min(), gram[:, ~same].max()


TWO_CLASSES = (0, 0, 0, 0, 1, 1, 1, 1)
DISJOINT = ((0, 1, 4, 5), (2, 3, 6, 7))
Batches = Literal["a batch that joins two", "a fixed sample of each class", "single samples"]
BATCHED = {
    "a batch that joins two": (TWO_CLASSES, (*DISJOINT, (0, 2, 4, 6)), DISJOINT),
    "a fixed sample of each class": (
        TWO_CLASSES,
        ((0, 1, 4, 5), (0, 2, 3, 4, 6, 7)),
        ((0, 1, 4, 5), (0, 2, 3, 6, 7)),
    ),
    "single samples": ((0, 0, 1, 1), ((0, 1, 2), (1, 2, 3)), ((0, 1), (2, 3), (0, 2))),
}
"""Labels, batches that make the orthogonal frame unique, and batches that do not: none that joins
what others hold, a sample of one class alone in all of them, pairs of which neither is an anchor.
"""


@claim(BATCHES, kind="optimality", cases=get_args(Batches))
def test_scl_batch(trial, batches: Batches, dim: Dim = 4):
    """In batches the orthogonal frame is the only minimiser if classes are connected and pairs of
    classes joined: by a batch of some of each, or a fixed sample of each class in every batch, but
    not by single samples.
    """
    trial.require(dim > 2, "dim must exceed the two classes")
    labels, good, poor = BATCHED[batches]
    (losses, within, between), (poor_losses, loose, close) = (
        batched(trial, labels, own, dim) for own in (good, poor)
    )
    least = np.array([contrastive.scl_batch_minimum(np.array(labels), own) for own in (good, poor)])
    trial.value(
        [losses.min(), poor_losses.min()],
        least,
        error=8 * len(labels) ** 2 * 2.0**-53 * (1 + least),
        margin=1e-9,
        controls={"of one batch of all": np.full(2, contrastive.scl_minimum(np.bincount(labels)))},
    )
    unique = [
        contrastive.batch_conditions(np.array(labels), own).orthogonal_frame_is_unique
        for own in (good, poor)
    ]
    collapsed = [within > 0.999 and between < 1e-3, loose > 0.999 and close < 1e-3]
    trial.identity(
        collapsed,
        unique,
        ops=0,
        controls={"any batches": [True, True], "no batches": [False, False]},
    )


def spread(trial, count, dim, *, absolute, n_seeds=4):
    """The largest (absolute) cosine of the best of several spreads, and what its soft maximum
    leaves open.
    """
    run = jax.jit(
        lambda keys: map_cells(
            lambda key: collapse_metrics.spread_vectors(key, count, dim, absolute=absolute).largest,
            keys,
        )
    )
    cosine = float(np.min(run(jax.random.split(trial.key("vectors"), n_seeds))))
    # The last soft maximum, of sharpness 2e5, exceeds the maximum by log(terms) / sharpness at
    # most.
    return cosine, np.log(count * (count - 1) / (1 if absolute else 2)) / 2e5


@claim(ANGLES, kind="optimality", cases=[(4, 3), (4, 2)])
def test_lt_angle(
    trial,
    n_vectors: Annotated[int, Interval(3, 8, why="descents find the best of them")],
    dim: Pair,
):
    """K unit vectors in d >= K - 1 dimensions have a largest cosine of at least -1/(K - 1); with d
    < K - 1 of 0.
    """
    trial.require(
        n_vectors <= 2 * dim, "n_vectors must be at most 2 dim: beyond it zero is not attained"
    )
    cosine, error = spread(trial, n_vectors, dim, absolute=False)
    controls = {"-1 / K": -1 / n_vectors}
    if n_vectors > dim + 1:
        controls = {"-1 / (K - 1) always": -1 / (n_vectors - 1)}
    bound = collapse_geometry.simplex_bound(n_vectors, dim)
    trial.value(cosine, bound, error=error, margin=2 * error, scale=1.0, controls=controls)


@claim(derived("NC1 is a quadratic form in the distances from the class means"), kind="identity")
def test_lt_within(
    trial,
    class_sizes: tuple[
        Annotated[int, Interval(1, 100, why="a cap, which nothing requires")], ...
    ] = (3, 2, 4),
    dim: Annotated[int, Interval(2, 64, why="a cap, which nothing requires")] = 12,
):
    """The spread within classes is zero iff every feature is its class mean: then NC1 is zero
    too.
    """
    trial.require(
        len(class_sizes) >= 2 and max(class_sizes) > 1,
        "class_sizes must be several, one of them above 1",
    )
    trial.require(
        dim >= len(class_sizes) - 1, "dim must leave room for the class means: K - 1 at least"
    )
    rng = trial.generator("features")
    labels = np.repeat(np.arange(len(class_sizes)), class_sizes)
    means = rng.standard_normal((dim, len(class_sizes)))
    noise = rng.standard_normal((dim, len(labels)))
    noise -= np.stack(
        [noise[:, labels == k].mean(axis=1) for k in range(len(class_sizes))], axis=1
    )[:, labels]

    def measured(scale):
        features = means[:, labels] + scale * noise
        return float(
            jax.jit(collapse_metrics.within_class_collapse, static_argnums=1)(features, class_sizes)
        )

    scales = np.array([0.0, 0.25, 0.5])
    exact = collapse_geometry.within_class_collapse(means[:, labels] + noise, labels)
    between = np.linalg.svd(means - means.mean(axis=1, keepdims=True), compute_uv=False)[
        : len(class_sizes) - 1
    ]
    trial.identity(
        np.array([measured(scale) for scale in scales]),
        exact * scales**2,
        ops=100
        * dim
        * len(labels)
        * max(1, (between[0] / between[-1]) ** 2 / 100),  # the condition of Sigma_B
        scale=max(exact, 1.0),
        controls={"proportional to the spread": exact * scales},
    )


@claim(LINES, kind="bound", cases=[(3, 2), (6, 3), (4, 3)])
def test_ebv_welch(
    trial,
    n_vectors: Annotated[
        int, Interval(3, 10, why="above the least dim; descents find the best of so few")
    ],
    dim: Pair,
    n_draws: Annotated[int, Interval(1, 1000, why="each is drawn")] = 50,
):
    """N > d unit vectors have a |cosine| of sqrt((N - d) / (d (N - 1))) or more: N = d + 1 and (6,
    3) attain it.
    """
    trial.require(dim < n_vectors, "n_vectors must exceed dim: fewer can be orthogonal")
    vectors = trial.generator("drawn").standard_normal((n_draws, dim, n_vectors))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    draws = np.abs(np.swapaxes(vectors, 1, 2) @ vectors - np.eye(n_vectors)).max(axis=(1, 2))
    counts = (n_vectors, dim + 1)
    cosines, errors = np.array([spread(trial, n, dim, absolute=True, n_seeds=8) for n in counts]).T
    bounds, signed_bounds = (
        [of(n, dim) for n in counts]
        for of in (collapse_geometry.welch_bound, collapse_geometry.simplex_bound)
    )
    least = np.append(np.full(n_draws, bounds[0]), bounds)
    processes = {}
    processes["without d in the denominator"] = np.sqrt(dim) * least
    sizes = {"instances": "draws", "independent": n_draws, "ops": 100}
    trial.bound(least, np.append(draws, cosines), control_processes=processes, **sizes)
    for index in {0, 1} if (n_vectors, dim) == (6, 3) else {1}:
        error = errors[index]
        controls = {"signed cosines": signed_bounds[index]}
        trial.value(cosines[index], bounds[index], error=error, margin=2 * error, controls=controls)


@claim(LINES, kind="optimality")
def test_ebv_welch__plane(
    trial, n_lines: Annotated[int, Interval(4, 10, why="descents find the best")] = 4
):
    """N lines in the plane are π / N apart at best: three of them attain Welch's bound, more
    cannot.
    """
    sizes = np.array([3, n_lines])
    cosines, errors = np.array(
        [spread(trial, int(n), 2, absolute=True, n_seeds=8) for n in sizes]
    ).T
    bounds = np.array([collapse_geometry.welch_bound(int(n), 2) for n in sizes])
    rivals = {
        "signed cosines": np.array([collapse_geometry.simplex_bound(int(n), 2) for n in sizes]),
        "2 π / N": np.cos(2 * np.pi / sizes),
    }
    trial.value(
        cosines,
        np.cos(np.pi / sizes),
        error=errors.max(),
        margin=2 * errors.max(),
        scale=1.0,
        controls=rivals,
    )
    may = np.array(
        [collapse_geometry.welch_bound_may_be_attained(int(n), 2) for n in sizes]
    ).astype(int)
    of_numbers = {
        "any number of lines": np.ones(2, int),
        "none but orthogonal ones": np.zeros(2, int),
    }
    trial.identity((cosines < bounds + 2 * errors).astype(int), may, ops=0, controls=of_numbers)


@claim(LINES, kind="optimality", tier="full", cases=[(6, 3), (10, 5), (7, 3)])
def test_ebv_gen(trial, n_vectors: Pair, dim: Pair, n_seeds: Seeds = 24):
    """Spreading lines reaches Welch's bound for (6, 3) and (10, 5); seven lines in three reach
    1/sqrt(3).
    """
    is_known = (n_vectors, dim) in ((3, 2), (6, 3), (10, 5), (7, 3))
    trial.require(
        is_known,
        "n_vectors and dim must be (3, 2), (6, 3), (10, 5) or (7, 3), whose best lines are known",
    )
    cosine, error = spread(trial, n_vectors, dim, absolute=True, n_seeds=n_seeds)
    bound = collapse_geometry.welch_bound(n_vectors, dim)
    controls = {"signed cosines": collapse_geometry.simplex_bound(n_vectors, dim)}
    if not collapse_geometry.welch_bound_may_be_attained(n_vectors, dim):
        controls = {"Welch's bound": bound}
        bound = 3**-0.5
    trial.value(cosine, bound, error=error, margin=2 * error, controls=controls)
