"""What a next task undoes, exactly, in the mean over residuals, and at an angle between the
tasks.
"""

from fractions import Fraction
from functools import partial
from itertools import product
from typing import Annotated, Literal

import numpy as np

from paper_checks.test_forgetting_overlap import (
    Ridge,
    Size,
    Spare,
    condition,
    draw_rows,
    meets,
    subtracted,
    two_tasks,
)
from sims import forgetting_overlap as observed
from theory import forgetting_overlap as predicted
from theory_on_trial import balls, claim, derived, paper, published, recalled, tried
from theory_on_trial.contract import Count, Interval
from theory_on_trial.laws import Asymptotic

SeveralRows = Annotated[
    int, Interval(1, 30, why="a hundred thousand labellings are solved at once")
]
SomeRidge = Annotated[
    float, Interval(1e-6, 1e6, why="far from these it is not told from none, or leaves no update")
]
Degrees = Annotated[
    float, Interval(5, 75, why="towards the ends both laws agree, and the exact claim judges")
]
Teacher = Literal["teacher", "independent"]

ALIGN = published(
    place=paper("abstract, sentence 4"),
    quoted="In this paper, we show that the impact of CF increases as two tasks increasingly "
    "align.",
    within="no condition stands there; it is tried on two tasks of one teacher, and holds at a "
    "given residual (`inverted_u-independent`)",
    reach="slip",
    effect="nothing published: the paper's formula of forgetting has the residual as a factor",
    ran="the formula",
)
QUOTED = recalled(
    "Theorem 1, as a third-party note quotes it",
    within="with a matrix $M_k$ for each task, which is written out for ridge regression here",
)


@claim(
    QUOTED,
    kind="identity",
    cases=[(5, 6, 10, 0.5), (3, 4, 10, 0.5), (12, 8, 6, 0.1), (1, 1, 5, 2.0)],
)
def test_overlap_identity(trial, n_s: Size, n_t: Size, dim: Size, ridge: SomeRidge):
    """Training a task $T$ with ridge $λ$ moves the outputs of task $S$ by $|U_S Σ_S O Σ_T (Σ_T^2 +
    λ)^-1 U_T^T y|^2$: features are $U Σ V^T$, $O = V_S^T V_T$ is the overlap, and $y$ the residual
    of $T$ before its training.
    """
    tasks = two_tasks(trial.generator(), n_s, n_t, dim)
    after = observed.descend(tasks.features_t, tasks.targets, tasks.weights, ridge)
    truth = predicted.forgetting(*tasks.features, tasks.residual, ridge)
    ridges = {"no $λ$": 0.0, "$λ$ plus 10 %": 1.1 * ridge, "$λ / 2$": ridge / 2, "$2 λ$": 2 * ridge}
    controls = {
        name: predicted.forgetting(*tasks.features, tasks.residual, level)
        for name, level in ridges.items()
    }
    controls["$y_T$ for the residual"] = predicted.forgetting(*tasks.features, tasks.targets, ridge)
    values = np.linalg.svd(tasks.features_s, compute_uv=False)
    left, inner, right = np.linalg.svd(tasks.features_t, full_matrices=False)
    entering = inner / (inner**2 + ridge) * (left.T @ tasks.residual)
    count = min(len(values), len(inner))
    controls["the identity for $O$"] = float(np.sum((values[:count] * entering[:count]) ** 2))
    update = right.T @ (inner * entering)
    controls["$Σ_T^2$ for $Σ_T$"] = float(np.sum((tasks.features_s @ update) ** 2))
    measured = observed.drift(tasks.features_s, tasks.weights, after)
    ops = 2 * (n_s + n_t + dim) * condition(tasks.features_t, ridge)
    meets(
        trial,
        float(measured),
        truth,
        controls,
        ops,
        subtracted(tasks.features_s, tasks.weights, after),
    )


@claim(QUOTED, kind="identity", cases=[(5, 4, 10, 3, 0.5), (2, 7, 6, 5, 0.1)])
def test_chain(
    trial,
    n_s: Size,
    n_k: Size,
    dim: Size,
    tasks: Annotated[int, Interval(2, 100, why="one alone makes no chain, and each is fitted")],
    ridge: SomeRidge,
):
    """Through tasks $1, …, m$ the drifts of the outputs add up as vectors, each with the residual
    of its task against the weights before it.
    """
    generator = trial.generator()
    first, _, weights, _ = two_tasks(generator, n_s, n_k, dim)
    features = draw_rows(generator, tasks, n_k, dim)
    targets = 3 * generator.standard_normal((tasks, n_k))
    after = weights
    for task, labels in zip(features, targets, strict=True):
        after = observed.refit(task, labels, after, ridge)
    residuals = targets - features @ weights
    drifts = predicted.chained_drifts(first, features, residuals, ridge)
    at_start = sum(
        predicted.chained_drifts(first, block[None], own[None], ridge)[0]
        for block, own in zip(features, residuals, strict=True)
    )
    controls = {
        "sum of squared drifts": float(np.sum(drifts**2)),
        "residuals against $w_S$": float(at_start @ at_start),
    }
    # Where drifts cancel by chance, the two above are far away.
    rivals = {
        "$λ$ plus 10 %": predicted.chained_drifts(first, features, residuals, 1.1 * ridge),
        "without the last": drifts[:-1],
    }
    controls |= {name: float(np.sum(rival.sum(axis=0) ** 2)) for name, rival in rivals.items()}
    truth = float(np.sum(drifts.sum(axis=0) ** 2))
    worst = max(condition(task, ridge) for task in features) ** 0.5  # of the stacked least squares
    size = subtracted(first, weights, after)
    meets(
        trial,
        float(observed.drift(first, weights, after)),
        truth,
        controls,
        4 * tasks * (n_s + n_k + dim) * worst,
        size,
    )


@claim(
    derived("gradient of the ridge objective at its minimiser"),
    kind="identity",
    cases=[(5, 0.0), (15, 0.0), (15, 2.0), (5, 2.0)],
)
def test_loss_increase(
    trial, n_s: Size, first_ridge: Ridge, n_t: Size = 6, dim: Size = 10, ridge: SomeRidge = 0.5
):
    """Let training on $T$ move the outputs of $S$ by the squared length $Δ$, and its weights by
    $dw$. The sum of squares of $S$ grows by $Δ$ if $S$ was trained by least squares, and by
    $Δ - 2 λ_S w_S . dw$ after ridge $λ_S$ with the weights $w_S$.
    """
    generator = trial.generator()
    first, second, _, targets = two_tasks(generator, n_s, n_t, dim)
    labels = generator.standard_normal(n_s)
    weights = observed.refit(first, labels, np.zeros(dim), first_ridge)
    after = observed.refit(second, targets, weights, ridge)
    left = labels - first @ weights
    moved_outputs = first @ (after - weights)  # whose losses differ by few digits
    measured = float(moved_outputs @ (moved_outputs - 2 * left))
    task = first, second, targets - second @ weights, ridge
    truth = predicted.loss_increase(*task, weights, first_ridge)
    drift = predicted.forgetting(*task)
    controls = {
        "$Δ$": drift,
        "$Δ / 2$": drift / 2,
        "$Δ + 2 λ_S w_S . dw$": 2 * drift - truth,
        "$Δ - λ_S w_S . dw$": (drift + truth) / 2,
    }
    controls["$λ$ plus 10 %"] = predicted.loss_increase(
        *task[:3], 1.1 * ridge, weights, first_ridge
    )
    worst = condition(second, ridge) ** 0.5 + condition(first, first_ridge) ** 0.5
    lengths = np.linalg.norm(weights) + np.linalg.norm(after)
    outputs = np.linalg.norm(moved_outputs)
    size = subtracted(first, weights, after) + 2 * lengths * np.linalg.norm(first.T @ left)
    size += outputs * (np.linalg.norm(labels) + outputs)
    meets(trial, measured, truth, controls, 4 * (n_s + n_t + dim) * worst, size)


def tasks_that_touch(generator, n_s, n_t, dim):
    """Two tasks, drawn until learning the second moves the first's outputs by more than a tenth of
    1 / dim of their size: less is lost in the digits of the weights.
    """
    while True:
        tasks = two_tasks(generator, n_s, n_t, dim)
        moved = tasks.features_s @ np.linalg.pinv(tasks.features_t) @ tasks.residual
        size = np.linalg.norm(tasks.features_s) * np.linalg.norm(tasks.weights)
        if np.linalg.norm(moved) > 0.1 * size / dim:
            return tasks


@claim(
    derived("a geometric series of the steps"),
    kind="identity",
    cases=[(0.5, 37), (1.5, 5), (0.1, 1), (1.2, 3000)],
)
def test_early_stopping(
    trial,
    share: Annotated[
        float, Interval(1e-3, 1.9, why="in units of 1 / σ^2; at 2 descent hops, beyond it diverges")
    ],
    steps: Annotated[int, Interval(1, 10**4)],
    n_s: Size = 5,
    n_t: Size = 6,
    dim: Size = 10,
):
    """After $m$ steps of gradient descent of rate $η$ on half the sum of squares of $T$, from the
    weights after $S$, the drift is that of ridge regression with the filter
    $(1 - (1 - η σ^2)^m) / σ$ in place of $σ / (σ^2 + λ)$, on each singular value $σ$ of $T$'s
    features.
    """
    tasks = tasks_that_touch(trial.generator(), n_s, n_t, dim)
    rate = share / float(np.linalg.norm(tasks.features_t, 2)) ** 2
    after = observed.march(tasks.features_t, tasks.targets, tasks.weights, rate, steps)
    schedules = {
        "$m + 1$ steps": (rate, steps + 1),
        "half the rate": (rate / 2, steps),
        "1 % more": (1.01 * rate, steps),
    }
    if share < 1:  # at twice the rate others diverge
        schedules["the rate without the half"] = 2 * rate, steps
    both = tasks.features_s, tasks.features_t
    theory = partial(predicted.stopped_forgetting, both[0], both[1], tasks.residual)
    controls: dict[str, object] = {name: theory(*schedule) for name, schedule in schedules.items()}
    controls["ridge $1 / (η m)$"] = predicted.forgetting(
        both[0], both[1], tasks.residual, 1 / (rate * steps)
    )
    truth = theory(rate, steps)
    measured, size = (
        way(tasks.features_s, tasks.weights, after) for way in (observed.drift, subtracted)
    )
    # A first step of nearly two goes so far.
    excursion = 2 * np.linalg.norm(tasks.residual) / np.linalg.norm(tasks.features_t, 2)
    size *= 1 + excursion / np.linalg.norm(tasks.weights)
    # The slowest direction of either sign forgets a rounding within so many steps; those of a
    # residual of `dim` terms enter in proportion to the rate.
    least = float(np.linalg.svd(tasks.features_t, compute_uv=False)[-1])
    slowest = min(rate * least**2, 2 - share)
    lasting = min(steps, 40 / slowest)
    roundings = lasting + min(share * steps, share / slowest) * (n_s + n_t + dim)
    meets(trial, measured, truth, controls, 10 * (n_s + n_t + dim + roundings), size)


def laws_of(tasks, ridge):
    """Mean and variance of Δ under random residuals, and as other theories have them."""
    ridges = {"$λ$ plus 10 %": 1.1 * ridge, "no $λ$": 0.0, "$2 λ$": 2 * ridge}
    laws = {
        name: np.array(predicted.random_forgetting(*tasks.features, level)[:2])
        for name, level in ridges.items()
    }
    _, values, right = np.linalg.svd(tasks.features_t, full_matrices=False)
    image = tasks.features_s @ right.T * (values**2 / (values**2 + ridge))
    laws["$Σ_T^2$ for $Σ_T$"] = np.array([np.sum(image**2), 2 * np.sum((image @ image.T) ** 2)])
    return np.array(predicted.random_forgetting(*tasks.features, ridge)[:2]), laws


def forgotten(tasks, residuals, ridge):
    """Δ for many residuals at once, by refits from w_S."""
    starts = np.broadcast_to(tasks.weights, (len(residuals), len(tasks.weights)))
    after = observed.refit(
        tasks.features_t, residuals + tasks.features_t @ tasks.weights, starts, ridge
    )
    return observed.drift(tasks.features_s, starts, after)


@claim(
    derived("mean of a quadratic form"),
    kind="distribution",
    cases=[(20, 20, 30, 5.0), (8, 16, 12, 2.0)],
)
def test_random_residual(
    trial, n_s: SeveralRows, n_t: SeveralRows, dim: SeveralRows, ridge: SomeRidge
):
    """If the residuals of $T$ are $N(0, I)$, $S$ forgets $∑_i e_i$ on average. $e_i$ are the
    squared singular values of $Σ_S O F$: $Σ_S$ has the singular values of $S$'s features, $O$ is
    the overlap, and $F$ the filter of $T$'s training.
    """
    tasks = two_tasks(trial.generator("tasks"), n_s, n_t, dim)
    truth, laws = laws_of(tasks, ridge)
    margin = 0.008 * truth[0]
    median = truth[0] * (1 - truth[1] / (9 * truth[0] ** 2)) ** 3  # by Wilson & Hilferty
    rivals = {name: law[0] for name, law in laws.items()} | {"its median": median}
    trial.mean(
        sampler=lambda generator, n: forgotten(tasks, generator.standard_normal((n, n_t)), ridge),
        predict=truth[0],
        law=Asymptotic(),
        margin=margin,
        controls={name: value for name, value in rivals.items() if abs(value - truth[0]) > margin},
        first=10_000,
        most=2_400_000,
    )


@claim(
    derived("moments of a quadratic form"),
    kind="identity",
    cases=[(5, 6, 10, 0.5), (2, 5, 3, 0.1), (3, 4, 5, 1e5)],
)
def test_random_residual__moments(
    trial,
    n_s: Size,
    n_t: Annotated[int, Interval(1, 10, why="3^n nodes are summed")],
    dim: Size,
    ridge: SomeRidge,
):
    """If the residuals of $T$ are $N(0, I)$, the forgetting $Δ$ of $S$ has $E Δ = ∑_i e_i$ and
    $Var Δ = 2 ∑_i e_i^2$ with the squared singular values $e_i$ of $Σ_S O F$; quadrature of Gauss
    and Hermite gives both exactly.
    """
    # Which keeps all digits
    tasks = two_tasks(trial.generator(), n_s, n_t, dim)._replace(weights=np.zeros(dim))
    truth, laws = laws_of(tasks, ridge)
    nodes = np.sqrt(3) * np.array(list(product((-1, 0, 1), repeat=n_t)))
    chances = np.prod(np.where(nodes == 0, 2 / 3, 1 / 6), axis=1)
    deltas = forgotten(tasks, nodes, ridge)
    mean = float(chances @ deltas)
    laws["variance without the 2"] = truth / np.array([1, 2])
    ops = 100 * (dim + n_t) * condition(tasks.features_t, ridge) ** 0.5
    most = np.max(deltas)
    norms = [np.linalg.norm(matrix, 2) for matrix in tasks.features]
    # Of the stacked inverse
    size = most + np.sqrt(3 * n_t * most) * norms[0] / np.hypot(norms[1], np.sqrt(ridge))
    scale = np.array([size, size * most])
    meets(trial, np.array([mean, chances @ (deltas - mean) ** 2]), truth, laws, ops, scale)


@claim(
    tried(
        "Corollary 1, as a third-party note quotes it: the smallest principal angle bounds what is "
        "forgotten",
        "the constant, and where it is attained",
    ),
    kind="bound",
    cases=[(3, 4, 3, 0.5), (2, 2, 0, 0.0)],
)
def test_principal_angle_bound(
    trial, n_s: Size, n_t: Size, spare: Spare, ridge: Ridge, draws: Count = 2000
):
    """$S$ forgets at most $Δ <= σ^2 cos^2 θ_1 |w_T - w_S|^2$, where $σ$ is the largest singular
    value of its features, $θ_1$ the smallest principal angle to $T$, and $w_S$ and $w_T$ the
    weights before and after $T$. Equality holds if the top direction of $S$ is the aligned one.
    """
    generator = trial.generator()
    dim = n_s + n_t + spare  # with fewer features some angle is 0, and says nothing
    tasks = two_tasks(generator, n_s, n_t, dim)
    residuals = np.vstack([generator.standard_normal((draws, n_t)), np.eye(n_t)])
    updates = observed.refit(tasks.features_t, residuals, np.zeros((len(residuals), dim)), ridge)
    # Of features and rows
    turn, mix = (np.linalg.qr(generator.standard_normal((size, size)))[0] for size in (6, 3))
    rows = np.array([[0.8, 0, 0, 0.6, 0, 0], [0, 0.6, 0, 0, 0.8, 0], [0, 0, 0, 0, 0, 1]])
    pair = mix @ np.diag([3.0, 2, 1, 0, 0, 0])[:3] @ turn, rows @ turn
    tight = observed.refit(pair[1], np.array([1.0, 0, 0]), np.zeros(6), 0.0)
    squares = np.append(np.sum(updates**2, axis=1), tight @ tight)
    still = (
        observed.drift(tasks.features_s, 0 * updates, updates),
        observed.drift(pair[0], 0 * tight, tight),
    )
    deltas = np.append(*still)
    factors = np.repeat(
        [predicted.angle_bound(*tasks.features), predicted.angle_bound(*pair)], [len(updates), 1]
    )
    angle = np.repeat(
        [predicted.cosines(*tasks.features)[0], predicted.cosines(*pair)[0]], [len(updates), 1]
    )
    values, of_t = (np.linalg.svd(matrix, compute_uv=False) for matrix in tasks.features)
    second = np.repeat([(values[1] / values[0]) if n_s > 1 else 1.0, 2 / 3], [len(updates), 1])
    controls = {"$cos^4$": factors * angle**2 * squares, "$σ_{S,2}$": factors * second**2 * squares}
    # An update's error is relative to the inverse of the stacked design, and counts across the
    # angle.
    blown = np.repeat([1 + np.sqrt(ridge) / of_t[-1], 1.0], [len(updates), 1]) / angle
    bound = {
        "instances": "draws",
        "independent": draws,
        "ops": 1000,
        "scale": blown * (factors * squares + deltas),
    }
    trial.bound(deltas, factors * squares, controls=controls, **bound)


def forgotten_at(generator, subspaces, n, teacher):
    """Δ / r of n pairs of tasks with these features: labels of one teacher, or random residuals."""
    first, second = subspaces
    teachers = generator.standard_normal((n, first.shape[1]))
    noise = generator.standard_normal((n, len(second)))
    before = observed.refit(first, teachers @ first.T, np.zeros_like(teachers), 0.0)
    labels = teachers @ second.T if teacher else before @ second.T + noise
    after = observed.refit(second, labels, before, 0.0)
    return observed.drift(first, before, after) / len(first)


def angle_laws(law, angle):
    """The law asked for, and others that are as plausible."""
    laws = {
        "teacher": predicted.teacher_forgetting(angle),
        "independent": predicted.independent_forgetting(angle),
    }
    truth = laws.pop(law)
    return truth, laws | {"$sin^2$": float(np.sin(angle) ** 2), "twice the power": truth**2}


def on_average(trial, law, degrees, rank, spare, as_published=None):
    """The decision on the mean of Δ / r at an angle."""
    subspaces = observed.tilted_subspaces(
        trial.generator("subspaces"), rank, 2 * rank + spare, np.radians(degrees)
    )
    truth, laws = angle_laws(law, np.radians(degrees))
    margin = 0.01 * truth
    trial.mean(
        sampler=lambda generator, n: forgotten_at(generator, subspaces, n, law == "teacher"),
        predict=truth,
        law=Asymptotic(),
        margin=margin,
        controls={name: control for name, control in laws.items() if abs(control - truth) > margin},
        as_published=as_published,
        first=20_000,
        most=2_560_000,
    )


@claim(
    derived("variance of $B (I - A^T A) w*$"),
    kind="distribution",
    cases=[15.0, 30.0, 45.0, 60.0, 75.0],
    as_published=ALIGN,
)
def test_inverted_u(trial, degrees: Degrees, rank: SeveralRows = 3, spare: Spare = 4):
    """Let two tasks have $r$ orthonormal features each, and the principal angles all be $θ$. If one
    random teacher $w* ~ N(0, I)$ labels both, $S$ forgets $E Δ / r = cos^2 θ sin^2 θ$ on average,
    without ridge: below 45 degrees less, the more the tasks align.
    """
    at_45 = ("at least", predicted.teacher_forgetting(np.pi / 4))
    nearer = degrees <= 44
    on_average(trial, "teacher", degrees, rank, spare, as_published=at_45 if nearer else None)


@claim(
    tried(
        "abstract, sentence 4: the impact of forgetting increases as two tasks increasingly align",
        "residuals that do not depend on the angle, and the law $cos^2 θ$",
    ),
    kind="distribution",
    cases=[15.0, 45.0, 75.0],
)
def test_inverted_u__independent(trial, degrees: Degrees, rank: SeveralRows = 3, spare: Spare = 4):
    """Let two tasks have $r$ orthonormal features each, and the principal angles all be $θ$. If the
    residuals of $T$ are $N(0, I)$ at each angle, $S$ forgets $E Δ / r = cos^2 θ$ on average,
    without ridge: more, the more the tasks align.
    """
    on_average(trial, "independent", degrees, rank, spare)


@claim(
    derived("the mean over $w* ~ N(0, I)$ of a quadratic form is its sum over a basis"),
    kind="identity",
    cases=[
        (law, angle)
        for law in ("teacher", "independent")
        for angle in (0.0, 0.001, 15.0, 45.0, 75.0, 89.999, 90.0)
    ],
)
def test_inverted_u__exact(
    trial,
    law: Teacher,
    degrees: Annotated[float, Interval(0, 90, why="between two subspaces there is no other angle")],
    rank: Size = 3,
    spare: Spare = 4,
):
    """For two tasks of $r$ orthonormal features each, with all principal angles $θ$, $E Δ / r$ is
    $cos^2 θ sin^2 θ$ if one random teacher labels both, and $cos^2 θ$ for random residuals, at
    every angle, without ridge.
    """
    inside = 1e-5 <= degrees <= 90 - 1e-5
    trial.require(
        inside or degrees in (0, 90),
        "degrees must be 0, 90 or 1e-5 off: nearer a mean of 0 is rounding",
    )
    angle = float(np.radians(degrees))
    dim = 2 * rank + spare
    first, second = observed.tilted_subspaces(trial.generator(), rank, dim, angle)
    before = (
        observed.refit(first, first.T, np.zeros((dim, dim)), 0.0)
        if law == "teacher"
        else np.zeros((rank, dim))
    )
    after = observed.refit(second, second.T if law == "teacher" else np.eye(rank), before, 0.0)
    truth, laws = angle_laws(law, angle)
    truth = round(truth, 30)  # what is less is rounding, and no unit for errors
    size = float(np.sqrt(truth)) or 1.0  # of the outputs, whose rounding is that of weights of one
    meets(
        trial,
        float(np.sum(observed.drift(first, before, after))) / rank,
        truth,
        laws,
        10 * dim,
        size,
    )


@claim(derived("boxes of the angle, each enclosed"), kind="bound")
def test_inverted_u__everywhere(trial):
    """$cos² θ sin² θ <= 1/4$ for all $θ$ in $[0, 1.57]$, to $1e-12$: two tasks of one teacher
    forget most at 45 degrees.
    """
    trial.prove(
        lambda angle: balls.cos(angle) ** 2 * balls.sin(angle) ** 2,
        lambda angle: Fraction(1, 4),
        {"angle": (0, 1.57)},
        tolerance=1e-12,
        controls={"largest at 30 degrees": lambda angle: Fraction(3, 16)},
        same_as=(predicted.teacher_forgetting, None),
    )
