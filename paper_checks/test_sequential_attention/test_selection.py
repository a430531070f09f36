"""Sequential attention on least squares is orthogonal matching pursuit, and recovers what that
recovers.
"""

from functools import partial
from typing import Annotated

import numpy as np

from sims import sequential_attention as observed
from theory import sequential_attention as predicted
from theory_on_trial import claim, derived, known, recalled
from theory_on_trial.contract import Interval

Rows = Annotated[int, Interval(16, 200, why="coordinate descent is followed to the last digits")]
Columns = Annotated[int, Interval(4, 20)]
Done = Annotated[int, Interval(0, 18, why="two columns must be left of the twenty")]
"""Rounds before the one at trial."""
ROUNDS = [(n, 8, done) for n in (16, 20, 30, 60) for done in range(5)]
EQUIVALENT = recalled(
    "Theorem 3.3, as a re-implementation names it: regularised linear Sequential Attention, "
    "Sequential LASSO and orthogonal matching pursuit are one"
)
PATH = known(
    "Efron, Hastie, Johnstone & Tibshirani 2004, Least angle regression, equation 2.13: a step of "
    "the path of the LASSO"
)


def sparse_round(trial, n, p, done):
    """A sparse problem of columns of many scales, what OMP has chosen in so many rounds, and
    forward selection's next. That column is so short that it is not OMP's next. It has changed no
    earlier round, for it won none.
    """
    trial.require(n >= 2 * p, "n must be at least 2 p, for columns to be far from dependent")
    trial.require(done <= p - 2, "done must leave two columns to choose from")
    X, y = observed.sparse_problem(trial.generator("problem"), n, p)
    X = X / 1e5
    y = y / 1e9  # units in which lengths and levels are far from 1
    chosen = tuple(map(int, predicted.omp_order(X, y, done))) if done else ()
    left = predicted.leftover(X, y, chosen)
    sizes = np.abs(left.correlations)
    forward = int(np.argmax(sizes / left.lengths))
    X[:, forward] *= min(1.0, 0.9 * np.delete(sizes, forward).max() / sizes[forward])
    return X, y, chosen, forward


@claim(EQUIVALENT, kind="identity", cases=ROUNDS)
def test_entry_is_omp(trial, n: Rows, p: Columns, done: Done):
    """Let $r_S$ be the residual of $y$ on the chosen columns $S$, and let one column alone attain
    the largest $|x_j . r_S|$. Then no weight outside of $S$ is active at a penalty just above this,
    and just below it the pick of orthogonal matching pursuit is active alone.
    """
    X, y, chosen, forward = sparse_round(trial, n, p, done)
    level = predicted.entry_levels(X, y, done + 1)[-1]
    pick = predicted.omp_order(X, y, done + 1)[-1]
    active = observed.weights(X, y, chosen, level * np.array([1 + 1e-6, 1 - 1e-6])) != 0
    active[:, chosen] = False
    law, greedy = np.zeros((2, 2, p))
    law[1, pick] = greedy[1, forward] = 1
    trial.identity(
        active,
        law,
        ops=0,
        controls={"forward selection": greedy},
        instances="search",
    )


@claim(
    known(
        "Luo & Chen 2014, Sequential Lasso cum EBIC for feature selection with ultra-high "
        "dimensional feature space: the first entry of a round"
    ),
    kind="identity",
    cases=ROUNDS,
)
def test_entry_is_omp__level(trial, n: Rows, p: Columns, done: Done):
    """Let $r_S$ be the residual of $y$ on the chosen columns $S$, which are not penalised, and let
    the other weights $b$ cost $λ |b|_1$ beside half of the squared error. The largest penalty $λ$
    at which one of these is active is $max |x_j . r_S|$.
    """
    X, y, chosen, _ = sparse_round(trial, n, p, done)
    level = predicted.entry_levels(X, y, done + 1)[-1]
    controls = {"without the half": 2 * level}
    controls |= (
        {"the path of the plain LASSO": observed.entry(X, y, ((),), done + 1).middle[0]}
        if done
        else {}
    )
    entry = observed.entry(X, y, (chosen,)).middle[0]
    trial.value(
        entry,
        level,
        error=1e-10 * level,
        margin=1e-9 * level,
        controls=controls,
        generic="columns are alike, and a level is analytic while one of them enters",
    )


def window(trial, n, p, done):
    """A sparse problem, what is chosen, its columns with copies of the next pick, which change
    nothing as they are never active alone, the first level λ_1, and the runner-up correlation.
    """
    X, y, chosen, _ = sparse_round(trial, n, p, done)
    first = predicted.entry_levels(X, y, done + 1)[-1]
    pick = predicted.omp_order(X, y, done + 1)[-1]
    twins = np.column_stack([X, X[:, pick], -X[:, pick]])
    runner = np.sort(np.abs(predicted.leftover(X, y, chosen).correlations))[-2]
    return X, y, chosen, twins, first, runner


@claim(
    PATH,
    kind="identity",
    cases=ROUNDS,
)
def test_single_entry_window(trial, n: Rows, p: Columns, done: Done):
    """Let $r_S$ be the residual of $y$ on the chosen columns $S$, $λ_1 = max |x_j . r_S|$, and
    $λ_2$ the largest penalty $λ < λ_1$ at which another column has the correlation $λ$ with what
    the weight of the first one leaves of $r_S$. One weight outside of $S$ is active for all
    penalties in $(λ_2, λ_1)$.
    """
    X, y, chosen, twins, first, runner = window(trial, n, p, done)
    second = predicted.second_entry_level(twins, y, chosen)
    inside = second + np.array([0.999, 0.5, 0.001]) * (first - second)
    levels = np.array([(1 + 1e-8) * first, *inside, (1 - 1e-8) * second])
    shifted = np.array([*levels[:3], (1 + 1e-8) * runner, (1 - 1e-8) * runner])
    counts, other = (observed.active_counts(X, y, chosen, grid) for grid in (levels, shifted))
    trial.identity(
        counts,
        np.array([0, 1, 1, 1, 2]),
        ops=0,
        control_processes={"the runner-up correlation": other},
        instances="search",
    )


@claim(
    PATH,
    kind="identity",
    cases=ROUNDS,
)
def test_single_entry_window__second(trial, n: Rows, p: Columns, done: Done):
    """Let the chosen columns be projected off $y$ and all others, $x_i$ be the column of the
    largest $|x_i . y|$, and $b(λ)$ its weight alone at the penalty $λ$. A second weight becomes
    active at the largest penalty $λ <= |x_i . y|$ at which $|x_j . (y - x_i b(λ))| = λ$ for another
    column $x_j$.
    """
    X, y, chosen, twins, _, runner = window(trial, n, p, done)
    second = predicted.second_entry_level(twins, y, chosen)
    rotation = np.linalg.qr(trial.generator("turned").normal(size=(p, p)))[0]
    tie = rotation, rotation.sum(axis=1)  # of all correlations
    law = np.array([second, predicted.second_entry_level(*tie)])
    entries = np.append(
        observed.entry(X, y, (chosen,), 2).middle, observed.entry(*tie, ((),), 2).middle
    )
    controls = {"the runner-up correlation": np.array([runner, 0.0])}
    trial.value(
        entries,
        law,
        error=1e-10 * law,
        margin=1e-9 * law,
        controls=controls,
        generic="columns are alike, and a level is analytic while one of them enters",
    )


SQUARES = known(
    "Hoff 2017, Lasso, fractional norm and structured sparsity estimation using a Hadamard product "
    "parametrization"
)


@claim(
    SQUARES,
    kind="optimality",
    cases=[(n, 8) for n in (16, 18, 20, 24, 30, 40, 50, 60)],
    route="`observed.hadamard_minimum`, quasi-Newton on both factors, against coordinate descent",
)
def test_hadamard_is_l1(
    trial,
    n: Rows,
    p: Columns,
    share: Annotated[
        float, Interval(0.1, 0.8, why="at 1 no other feature enters; the low end is a cap")
    ] = 0.3,
):
    """If every weight outside of the chosen set $S$ is a product $w_j β_j$, least squares with the
    penalty $λ / 2$ on the squares of $w_j$ and $β_j$ has the least value and the fit of least
    squares with the penalty $λ |w_j β_j|$.
    """
    X, y, chosen, _ = sparse_round(trial, n, p, 2)
    level = share * predicted.entry_levels(X, y, 3)[-1]
    size = np.linalg.norm(y)
    solution = observed.weights(X, y, chosen, np.array([level]))[0]
    law = np.sum((y - X @ solution) ** 2) / 2 + level * np.abs(np.delete(solution, chosen)).sum()
    search = partial(observed.hadamard_minimum, trial.generator("starts"), X, y, chosen)
    minimum = search(level)
    half = search(2 * level)
    full = search(level, all_cost=True)
    minima = {"without the half": half, "a penalty on the chosen ones too": full}

    def described(found):
        """Its value over that of the LASSO, and its fit over the length of y."""
        return np.append(found.value / law, X @ found.weights / size)

    precision = np.append(1e-12, np.full(n, 1e-8))
    trial.value(
        described(minimum),
        np.append(1.0, X @ solution / size),
        error=precision,
        margin=np.append(1e-9, np.full(n, 1e-7)),
        scale=1.0,
        control_processes={name: described(other) for name, other in minima.items()},
        instances="search",
    )


@claim(derived("three columns, computed by hand"), kind="identity", cases=[0.6, 0.55, 0.7])
def test_fixed_penalty(
    trial, cosine: Annotated[float, Interval(0.55, 0.7, why="from 1/2 to sqrt(1/2)")]
):
    """For $y = e_1 + e_2$, the unit column $(a, a, b)$ with $1 / 2 < a < sqrt(1 / 2)$ enters before
    $e_1$ and $e_2$; its weight is the largest for penalties $λ > (1 - 2 a^2) / a$, and not for
    smaller ones.

    So one penalty for all rounds, as the released benchmark has it
    (sequential_attention/sequential_attention/benchmarks/sequential_lasso.py), may pick another
    column than the first to enter.
    """
    from scipy.optimize import brentq

    X = np.array([[cosine, 1, 0], [cosine, 0, 1], [np.sqrt(1 - 2 * cosine**2), 0, 0]])
    y = np.array([1.0, 1, 0])

    def lead(level):
        first, *others = np.abs(observed.weights(X, y, (), np.array([level]))[0])
        return first - max(others)

    until = (1 - 2 * cosine**2) / cosine
    second = predicted.second_entry_level(X, y)
    controls = {"lambda_2": second, "lambda_1": predicted.entry_levels(X, y, 1)[0]}
    root = brentq(lead, 0.1 * until, second, xtol=1e-14)
    trial.value(root, until, error=1e-11, margin=1e-9, controls=controls)


@claim(known("Tropp 2004, Greed is good, Theorem 3.5"), kind="bound", cases=[2, 3, 5])
def test_coherence_recovery(
    trial,
    size: Annotated[
        int, Interval(2, 8, why="larger ones ask for designs of less coherence than those drawn")
    ],
    p: Annotated[int, Interval(3, 20, why="with more columns some are too alike")] = 15,
    n: Annotated[int, Interval(1200, 4000, why="with fewer rows columns are too alike")] = 1200,
    designs: Annotated[int, Interval(20, 400, why="fewer show little, and each is formed")] = 230,
):
    """Let the coherence of unit columns be $μ < 1 / (k - 1)$. For $y$ in the span of $k$ of them,
    each other column has a correlation with $y$ of at most $k μ / (1 - (k - 1) μ)$ times the
    largest one of the $k$.
    """
    trial.require(size < p, "p must exceed size: another column is needed")
    generator = trial.generator("designs")
    tables = list(observed.problems(generator, designs, n, p, scaled=True)[0])
    cosines = np.array([0.1, 0.5, 0.99, 1.1]) / (2 * size - 1)
    tight = [
        observed.equicorrelated(size, cosine) * generator.uniform(1, 9, size + 1)
        for cosine in cosines
    ]
    mu = [predicted.coherence(X) for X in tables + tight]
    weights = [*generator.normal(size=(designs, size)), *np.ones((len(tight), size))]
    ratios = [
        observed.outside_ratio(X, tuple(range(size)), w)
        for X, w in zip(tables + tight, weights, strict=True)
    ]
    bounds = [predicted.outside_ratio(size, cosine) for cosine in mu]
    controls = {
        "$k μ$": size * np.array(mu),
        "$k - 1$ for $k$": np.array(bounds) * (size - 1) / size,
    }
    trial.bound(
        ratios, bounds, instances="draws", independent=designs, ops=10 * n, controls=controls
    )


@claim(
    derived(
        "Tropp 2004, Theorem 3.5, for columns of different lengths, and a design that attains it"
    ),
    kind="optimality",
    cases=[(2, 1.0), (3, 1.0), (5, 1.0), (3, 2.5)],
)
def test_coherence_recovery__threshold(
    trial,
    size: Annotated[int, Interval(2, 40, why="designs at every step of a search")],
    uneven: Annotated[
        float, Interval(1, 10, why="the longest over the shortest; the high end is a cap")
    ],
):
    """For columns with lengths from $l$ to $L$ and a coherence of less than
    $μ = 1 / (k (1 + L / l) - 1)$, orthogonal matching pursuit picks the $k$ columns of which $y$ is
    a combination without zeros. At this coherence it may pick another: so for a sum of $k$ columns
    of length $l$ with the cosine $-μ$ to each other, and a column of length $L$ with the cosine $μ$
    to each.
    """
    from scipy.optimize import brentq

    def missed(mu):
        X = observed.equicorrelated(size, mu) * np.append(np.ones(size), uneven)
        course = observed.refitted(X[None], X[None, :, :size].sum(axis=2), size, "largest gradient")
        return 0.5 - (sorted(course.picks[0]) == list(range(size)))

    reach = size * (1 + uneven)
    threshold = brentq(missed, 0.5 / (reach - 1), 1.2 / (reach - 1), xtol=1e-14)
    limit = predicted.recovery_coherence(size, uneven)
    controls = {"one column fewer": 1 / (reach - 2), "$1 / (k (1 + L / l))$": 1 / reach}
    controls |= {"lengths left out": 1 / (2 * size - 1)} if uneven >= 1.001 else {}
    trial.value(threshold, limit, error=1e-11, margin=1e-9, controls=controls)
