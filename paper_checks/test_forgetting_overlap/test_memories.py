"""Memories that keep the principal directions of a first task, and wide networks, which forget as
their kernel says.
"""

from functools import partial
from typing import Annotated, Literal

import numpy as np

from paper_checks.test_forgetting_overlap import (
    Ridge,
    Size,
    Spare,
    condition,
    meets,
    subtracted,
    two_tasks,
)
from sims import forgetting_overlap as observed
from theory import forgetting_overlap as predicted
from theory_on_trial import claim, code, derived, published, recalled
from theory_on_trial.contract import Count, Interval
from theory_on_trial.laws import RatioOfMeans


def with_a_mean(generator, rows, dim):
    """Features of variances that fall, on the first 12 axes, about a common mean that dominates
    them.
    """
    sizes = np.exp(-0.3 * np.minimum(np.arange(dim), 11))
    return 6 * generator.standard_normal(dim) + sizes * generator.standard_normal((rows, dim))


@claim(
    derived("singular value decomposition of $φ_S$"),
    kind="identity",
    cases=[(1, 19, 11, 6, 0.5), (3, 2, 7, 4, 0.0), (5, 0, 5, 4, 0.5), (30, 5, 33, 30, 0.0)],
)
def test_pca_ogd__identity(trial, memory: Size, rows: Spare, spare: Spare, n_t: Size, ridge: Ridge):
    """If $T$ is trained off the top $k$ right singular vectors $v_i$ of $S$'s features, $S$ forgets
    $Δ = sum_{i>k} σ_i^2 (v_i . dw)^2$, where $dw$ is the change of the weights; at $k$ equal to the
    rank this is 0.
    """
    trial.require(
        n_t + 3 <= spare or ridge >= 0.01,
        "ridge must be .01 for n_t above spare - 3: T is nearly singular",
    )
    n_s = memory + rows
    dim = memory + spare
    generator = trial.generator()
    # Which keeps all digits
    start = {
        "features_s": with_a_mean(generator, n_s, dim),
        "weights": np.zeros(dim),
    }
    tasks = two_tasks(generator, n_s, n_t, dim)._replace(**start)
    directions = observed.principal_directions(tasks.features_s, memory)
    after = observed.descend(tasks.features_t, tasks.targets, tasks.weights, ridge, directions)
    truth, *rivals = (
        float(np.sum(predicted.by_direction(*tasks.features, tasks.residual, ridge, k)))
        for k in (memory, 0, memory - 1, memory + 1)
    )
    controls = dict(zip(("no memory", "$k - 1$", "$k + 1$"), rivals, strict=True))
    left = tasks.features_t - tasks.features_t @ directions.T @ directions
    worst = condition(left, ridge, min(n_t, dim - memory)) if memory < dim else 1.0
    if (
        memory < dim
    ):  # what is projected away, and what cancels in the gradient, leaves its rounding
        gradient = np.linalg.norm(left.T @ tasks.targets)
        worst *= float(
            np.linalg.norm(tasks.features_t, 2) * np.linalg.norm(tasks.targets) / gradient
        )
    size = subtracted(tasks.features_s, tasks.weights, after) if truth else rivals[0]
    lost = 2 * dim * worst * 2.0**-53 * size
    trial.require(
        lost < 1e-5 * (truth or size),
        "ridge must let no more than 1e-5 of what is forgotten be rounding",
    )
    meets(
        trial,
        float(observed.drift(tasks.features_s, tasks.weights, after)),
        truth,
        controls,
        2 * dim * worst,
        size,
    )


@claim(
    derived("counted in random pairs of tasks"),
    kind="empirical",
    tier="full",
    not_tight="the share depends on the law of the tasks; what is claimed is that this is no "
    "exception",
    cases=[(5, 4, 10)],
)
def test_pca_ogd__not_monotone(trial, n_s: Literal[5, 6], n_t: Literal[4, 5], dim: Literal[10, 11]):
    """Let two tasks have normal features, 5 or 6 rows and 4 or 5 in 10 or 11 dimensions, singular
    values below a tenth of the largest raised to it, and normal labels. In more than 3 of 10 such
    pairs a memory of more directions of the first forgets more than some smaller one, without
    ridge.
    """

    def rise(generator, *, again=True):
        tasks = two_tasks(generator, n_s, n_t, dim)
        zero = np.zeros((n_s, dim))
        right = observed.principal_directions(tasks.features_s, n_s)
        off = [np.eye(dim) - right[:k].T @ right[:k] for k in range(n_s)]
        designs = [tasks.features_t @ (P if again else off[0]) for P in off]
        updates = [observed.refit(features, tasks.targets, zero[0], 0.0) for features in designs]
        steps = np.array([update @ P for update, P in zip(updates, off, strict=True)])
        return np.any(np.diff(observed.drift(tasks.features_s, zero, steps)) > 0)

    def rises(generator, n, **way):
        return np.array([rise(generator, **way) for _ in range(n)])

    processes = {"one update for all $k$, projected": partial(rises, again=False)}
    options = {"side": "at least", "controls": {"every pair": 1.0}, "first": 100, "most": 10_000}
    trial.probability(sampler=rises, predict=0.3, control_processes=processes, **options)


def per_square(features_s, kept, tasks):
    """Δ / |dw|^2 of tasks solved off what is kept, and of one that looks where this leaves most of
    S.
    """
    worst = np.linalg.svd(features_s - features_s @ kept.T @ kept)[2][:1]
    ratios = []
    for features_t, targets in [*tasks, (worst, np.ones(1))]:
        design = features_t - features_t @ kept.T @ kept
        update = observed.refit(design, targets, np.zeros(features_s.shape[1]), 0.5)
        update = update - update @ kept.T @ kept  # what rounding left of it
        ratios.append(float(observed.drift(features_s, 0 * update, update) / np.sum(update**2)))
    return np.array(ratios)


def memory_world(trial, memory, rows, spare, n_t, draws):
    """S with a mean, tasks T, and both kinds of memory."""
    generator = trial.generator()
    features_s = with_a_mean(generator, memory + rows, memory + spare)
    tasks = [
        (generator.standard_normal((n_t, memory + spare)), generator.standard_normal(n_t))
        for _ in range(draws)
    ]
    memories = [
        observed.principal_directions(features_s, memory, centred=centred)
        for centred in (False, True)
    ]
    # Sums over up to 600 axes and 600 rows, in which roundings partly cancel.
    return features_s, tasks, *memories, {"instances": "draws", "independent": draws, "ops": 1000}


@claim(
    recalled("the residual of PCA-OGD, as a third-party note quotes it"),
    kind="bound",
    cases=[(1, 19, 11, 6), (4, 16, 8, 6), (2, 1, 6, 2)],
)
def test_pca_ogd(trial, memory: Size, rows: Size, spare: Size, n_t: Size, draws: Count = 300):
    """If a task $T$ is trained off the top $k$ right singular vectors of $S$'s features, $S$
    forgets $Δ <= σ^2 |dw|^2$ with the next singular value $σ$ and the change $dw$ of the weights,
    for every $T$.
    """
    features_s, tasks, top, centred, bound = memory_world(trial, memory, rows, spare, n_t, draws)
    factor, less = (
        np.full(draws + 1, predicted.memory_bound(features_s, kept))
        for kept in (memory, memory + 1)
    )
    processes = {"principal directions of centred features": per_square(features_s, centred, tasks)}
    # What S is projected by is right to u σ_1: a square of what is left, to twice its root times
    # that.
    ratios = per_square(features_s, top, tasks)
    scale = factor + np.sqrt(factor * predicted.memory_bound(features_s, 0))
    trial.bound(
        ratios,
        factor,
        scale=scale,
        controls={"$σ_{k+2}$": less},
        control_processes=processes,
        **bound,
    )


@claim(
    derived("norm of what the centred memory leaves"),
    kind="bound",
    cases=[(1, 19, 11, 6), (4, 16, 8, 6), (2, 1, 6, 2)],
    as_published=published(
        place=code("tldoan/PCA-OGD", "algos/ogd.py, update_mem", "196d0370"),
        read="the directions that are kept leave $Δ <= σ_{k+1}^2 |dw|^2$, which is the paper's "
        "bound for a decomposition that is not centred, as a note quotes it",
        within="the call has `center=True`, its fallback after an exception does not centre; "
        "here the mean of the features dominates",
        reach="released command",
        effect="nothing published is known to change: how large the mean of real gradients is was "
        "not examined",
        ran="its lines, rewritten",
    ),
)
def test_pca_ogd__centred(
    trial, memory: Size, rows: Size, spare: Size, n_t: Size, draws: Count = 300
):
    """If a task is trained off principal directions of the centred features of $S$, $S$ forgets
    $Δ <= |φ_S P|^2 |dw|^2$, where $P$ projects off them; the mean feature is then in $φ_S P$.

    The directions are exact; those of the random decomposition that the release calls, with its two
    power iterations, miss the bound of the uncentred ones just as much.
    """
    features_s, tasks, _, centred, bound = memory_world(trial, memory, rows, spare, n_t, draws)
    more = observed.principal_directions(features_s, memory + 1, centred=True)
    bounds = predicted.kept_bound(features_s, centred), predicted.memory_bound(features_s, memory)
    factor, printed = (np.full(draws + 1, value) for value in bounds)
    controls = {"one direction more": np.full(draws + 1, predicted.kept_bound(features_s, more))}
    scale = factor + predicted.memory_bound(features_s, 0)
    trial.bound(
        per_square(features_s, centred, tasks),
        factor,
        scale=scale,
        controls=controls,
        as_published=printed,
        **bound,
    )


def lazy_world(generator, inputs, dim):
    """Unit inputs and labels of two tasks, drawn until S's kernel has a condition of at most 30 in
    a very wide net.
    """
    import jax

    while True:
        points = generator.standard_normal((2, inputs, dim))
        points /= np.linalg.norm(points, axis=2, keepdims=True)
        key = jax.random.key(generator.integers(2**31))
        wide = np.asarray(observed.lazy_features(key, points.reshape(-1, dim), 2**13))
        if np.linalg.cond(wide[:inputs] @ wide[:inputs].T) <= 30:
            return points, 0.5 * generator.standard_normal((2, inputs)), wide


def linearised(features, targets, ridge):
    """What a model with these features, of which the first half are those of S, would forget."""
    rows = targets.shape[1]
    before = observed.refit(features[:rows], targets[0], np.zeros(features.shape[1]), 0.0)
    return predicted.forgetting(
        features[:rows], features[rows:], targets[1] - features[rows:] @ before, ridge
    )


@claim(
    derived("the next order of the tangent kernel's expansion in $1 / n$"),
    kind="rate",
    tier="full",
    not_tight="the order after it lets errors fall faster still at these widths",
)
def test_lazy_net(
    trial,
    pairs: Annotated[
        int, Interval(128, 512, why="narrower nets are not lazy yet, wider ones take minutes")
    ] = 128,
    inputs: Annotated[int, Interval(2, 4, why="more of them are seldom well conditioned")] = 4,
    dim: Annotated[
        int,
        Interval(6, 50, why="in fewer, inputs are seldom well conditioned; the high end is a cap"),
    ] = 6,
    ridge: Annotated[float, Interval(0.1, 10)] = 0.5,
):
    """If the first task's tangent kernel has a condition of at most 30, a wide tanh network forgets
    what its own kernel at initialisation predicts, up to errors that fall at least like $n^-0.8$
    with the width $n$.

    Two widths are compared, one four times the other.
    """
    import jax

    points, targets, wide = lazy_world(trial.generator("world"), inputs, dim)
    counts = (4 * pairs, pairs)
    rows = points.reshape(-1, dim)
    forget = partial(observed.lazy_forgetting, inputs=points, targets=targets, ridge=ridge)
    batches = {n: jax.jit(jax.vmap(partial(forget, pairs=n))) for n in counts}
    limit = linearised(wide, targets, ridge)

    def error(key, forgotten, count, at_infinity):
        own = None if at_infinity else np.asarray(observed.lazy_features(key, rows, count))
        return abs(forgotten - (limit if own is None else linearised(own, targets, ridge)))

    def drawn(generator, n, at_infinity=False):
        keys = jax.random.split(jax.random.key(generator.integers(2**31)), n)
        nets = [np.asarray(batches[count](keys)) for count in counts]
        errors = [
            [
                error(key, net[i], count, at_infinity)
                for count, net in zip(counts, nets, strict=True)
            ]
            for i, key in enumerate(keys)
        ]
        return np.array(errors)

    trial.mean(
        sampler=drawn,
        predict=4**-0.8,
        law=RatioOfMeans(),
        side="at most",
        control_processes={
            "the kernel of infinite width": lambda generator, n: drawn(
                generator, n, at_infinity=True
            )
        },
        first=16,
        most=2048,
    )
