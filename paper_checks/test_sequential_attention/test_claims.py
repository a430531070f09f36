"""The claims of the paper; what its letters mean stands in the package."""

from functools import partial
from typing import Annotated

import jax.numpy as jnp
import numpy as np

from sims import sequential_attention as observed
from theory import sequential_attention as predicted
from theory_on_trial import abstract, claim, code, derived
from theory_on_trial.contract import Count, Interval
from theory_on_trial.laws import Bounded

Rows = Annotated[int, Interval(16, 200, why="coordinate descent is followed to the last digits")]
Columns = Annotated[int, Interval(4, 20, why="a cap, which nothing requires")]
Done = Annotated[int, Interval(0, 18, why="two columns must be left of the twenty")]
"""Rounds before the one at trial."""
ROUNDS = [(n, 8, done) for n in (16, 20, 30, 60) for done in range(5)]
InnerCosine = Annotated[
    float, Interval(0.05, 0.95, why="at the ends columns are parallel, or levels tie")
]
EQUIVALENT = (
    "an adaptation to this setting is equivalent to the classical Orthogonal Matching Pursuit "
    "(OMP) algorithm, and "
    "thus inherits all of its provable guarantees"
)
released = partial(code, "google-research/google-research", commit="1cf0498e")
MODULE = released(
    "sequential_attention/sequential_attention.py",
    says="logits are trained from the end of the warm-up on, which is when the first feature is "
    "picked",
)
SCHEDULE = released(
    "sequential_attention/sequential_attention.py",
    says="the next pick falls due once floor((t / T - .1) / .9 K), K - 1 at most, is the number "
    "chosen; read in exact "
    "fractions, of which floats may be a step late",
)

LARGEST = released(
    "sequential_attention/benchmarks/sequential_lasso.py",
    says="Picked is the largest group norm at the end of a phase, at one penalty for all of them.",
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


@claim(abstract(EQUIVALENT), kind="identity", cases=ROUNDS)
def test_entry_is_omp(trial, n: Rows, p: Columns, done: Done):
    """Let r_S be the residual of y on the chosen columns S. In every round no other weight is
    active for penalties λ from max |x_j . r_S| on, and just below it the pick of orthogonal
    matching pursuit is active alone.
    """
    X, y, chosen, forward = sparse_round(trial, n, p, done)
    level = predicted.entry_levels(X, y, done + 1)[-1]
    pick = predicted.omp_order(X, y, done + 1)[-1]
    controls = {"without the half": 2 * level}
    controls |= (
        {"the path of the plain LASSO": observed.entry(X, y, ((),), done + 1).middle[0]}
        if done
        else {}
    )
    entry = observed.entry(X, y, (chosen,)).middle[0]
    trial.value(entry, level, error=1e-10 * level, margin=1e-9 * level, controls=controls)
    active = observed.weights(X, y, chosen, level * np.array([1 + 1e-6, 1 - 1e-6])) != 0
    active[:, chosen] = False
    law, greedy = np.zeros((2, 2, p))
    law[1, pick] = greedy[1, forward] = 1
    trial.identity(active, law, ops=0, controls={"forward selection": greedy})


@claim(
    derived("the first crossing of two lines, as the correlations are linear in λ"),
    kind="identity",
    cases=ROUNDS,
)
def test_single_entry_window(trial, n: Rows, p: Columns, done: Done):
    """Exactly one weight outside of the chosen columns is active for penalties λ in (λ_2, λ_1): λ_1
    is the largest |x_j . r_S|, r_S the residual of y on the chosen columns, and λ_2 has a formula.
    """
    X, y, chosen, _ = sparse_round(trial, n, p, done)
    first = predicted.entry_levels(X, y, done + 1)[-1]
    pick = predicted.omp_order(X, y, done + 1)[-1]
    # Copies of it, never alone, change nothing
    twins = np.column_stack([X, X[:, pick], -X[:, pick]])
    second = predicted.second_entry_level(twins, y, chosen)
    runner = np.sort(np.abs(predicted.leftover(X, y, chosen).correlations))[-2]
    rotation = np.linalg.qr(trial.generator("turned").normal(size=(p, p)))[0]
    tie = rotation, rotation.sum(axis=1)  # of all correlations
    law = np.array([second, predicted.second_entry_level(*tie)])
    entries = np.append(
        observed.entry(X, y, (chosen,), 2).middle, observed.entry(*tie, ((),), 2).middle
    )
    controls = {"the runner-up correlation": np.array([runner, 0.0])}
    trial.value(entries, law, error=1e-10 * law, margin=1e-9 * law, controls=controls)
    inside = second + np.array([0.999, 0.5, 0.001]) * (first - second)
    levels = np.array([(1 + 1e-8) * first, *inside, (1 - 1e-8) * second])
    shifted = np.array([*levels[:3], (1 + 1e-8) * runner, (1 - 1e-8) * runner])
    counts, other = (observed.active_counts(X, y, chosen, grid) for grid in (levels, shifted))
    trial.identity(
        counts,
        np.array([0, 1, 1, 1, 2]),
        ops=0,
        control_processes={"the runner-up correlation": other},
    )


SQUARES = derived("recalled; |b| is the least (w^2 + β^2) / 2 with w β = b")


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
    """If every weight outside of the chosen set S is a product w_j β_j, the penalty λ / 2 on the
    squares of w_j and β_j has the value and the fit of λ |w_j β_j|.
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
    values = {name: other.value for name, other in minima.items()}
    trial.value(minimum.value, law, error=1e-12 * law, margin=1e-9 * law, control_processes=values)
    fits = {name: X @ other.weights / size for name, other in minima.items()}
    fit = X @ solution / size
    options = {"error": 1e-8, "margin": 1e-7, "scale": 1.0}
    trial.value(X @ minimum.weights / size, fit, control_processes=fits, **options)


@claim(
    derived("three columns, computed by hand"),
    kind="identity",
    cases=[0.6, 0.55, 0.7],
    as_published=LARGEST,
)
def test_fixed_penalty(
    trial, cosine: Annotated[float, Interval(0.55, 0.7, why="from 1/2 to sqrt(1/2)")]
):
    """For y = e_1 + e_2, the column (a, a, b) enters before e_1 and e_2; its weight is the largest
    for penalties λ > (1 - 2 a^2) / a.
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
    trial.value(root, until, error=1e-11, margin=1e-9, controls=controls, as_published=0.0)


@claim(
    derived("two columns in the plane, computed by hand"),
    kind="identity",
    cases=[(0.6, 1 / 3), (0.3, 0.5)],
)
def test_thresholds_not_monotone(trial, cosine: InnerCosine, rise: InnerCosine):
    """The first level λ_1 need not fall from round to round: the columns (1, 0) and (-c, s) with y
    = (1, v / s) have the levels 1 and then v > 1.
    """
    sine = np.sqrt(1 - cosine**2)
    second = 1 + cosine * rise
    X = np.array([[1, -cosine], [0, sine]])
    y = np.array([1, second / sine])
    levels = predicted.entry_levels(X, y, 2)
    controls = {
        "the path of the plain LASSO": np.array([levels[0], predicted.second_entry_level(X, y)])
    }
    trial.value(
        observed.entry(X, y, ((), (0,))).middle, levels, error=1e-10, margin=1e-9, controls=controls
    )
    trial.identity(levels, np.array([1, second]), ops=100, controls=controls)


def shares(event, designs, steps=1000):
    """The share of a half-turn in which an event happens, for each design; event(design, angle)
    takes many at once. Where it changes from one of the steps to the next its end is found by
    bisection.
    """
    grid = np.pi * np.arange(steps + 1) / steps
    indicator = event(np.repeat(np.arange(designs), steps + 1), np.tile(grid, designs)).reshape(
        designs, -1
    )
    row, place = np.nonzero(indicator[:, 1:] != indicator[:, :-1])
    low = grid[place]
    high = grid[place + 1]
    before = indicator[row, place]
    for _ in range(50):
        middle = (low + high) / 2
        same = event(row, middle) == before
        low = np.where(same, middle, low)
        high = np.where(same, high, middle)
    return indicator[:, -1] + np.bincount(row, np.where(before, low, -low), designs) / np.pi


def rises(X, y, rounds=2):
    """Whether the first level rises from some round to the next."""
    return (np.diff(observed.refitted(X, y, rounds, "largest gradient").levels) > 0).any(axis=1)


def differs(X, y, rounds=2):
    """Whether OMP and forward selection choose in another order."""
    greedy, best = (
        observed.refitted(X, y, rounds, rule).picks for rule in ("largest gradient", "best fit")
    )
    return (greedy != best).any(axis=1)


def rising_in_the_plane(cosines):
    """The shares of directions of y at which two unit columns of these cosines make the first level
    rise.
    """
    designs = np.moveaxis(
        np.array([[np.ones_like(cosines), cosines], [0 * cosines, np.sqrt(1 - cosines**2)]]), 2, 0
    )
    return shares(
        lambda which, angle: rises(designs[which], np.column_stack([np.cos(angle), np.sin(angle)])),
        len(cosines),
    )


def over_designs(rows):
    """Nodes and weights for an angle in (0, π / 2) of density ~ cos^(n - 2)."""
    nodes, weights = np.polynomial.legendre.leggauss(16)
    angles = np.pi / 4 * (1 + nodes)
    weights = weights * np.cos(angles) ** (rows - 2)
    return angles, weights / weights.sum()


TableRows = Annotated[int, Interval(50, 100, why="a table is drawn until it differs")]
TableColumns = Annotated[int, Interval(12, 20, why="a table is drawn until it differs")]
RANDOM = derived("counted in random tables")
LOOSE = "shares depend on the tables; what is claimed is that this is no exception"


def most_tables(trial, event, least, n, p, *, scaled=False, **wrong):
    """An event happens in so many tables of columns that correlate by one half, and in orthogonal
    ones not.
    """

    def drawn(generator, count, *, event=event, turned=False):
        X, y = observed.problems(generator, count, n, p, 0.5, scaled=scaled)
        return event(np.linalg.qr(X)[0] if turned else X, y)

    processes = {name: partial(drawn, event=rival) for name, rival in wrong.items()}
    processes["orthogonal columns"] = partial(drawn, turned=True)
    options = {"side": "at least", "controls": {"every table": 1.0}, "first": 250, "most": 20_000}
    trial.probability(sampler=drawn, predict=least, control_processes=processes, **options)


@claim(
    RANDOM,
    kind="empirical",
    tier="full",
    not_tight=LOOSE,
    cases=[(60, 15, 5, False), (50, 12, 4, True)],
)
def test_thresholds_not_monotone__tables(
    trial,
    n: TableRows,
    p: TableColumns,
    rounds: Annotated[int, Interval(4, 6, why="a table is drawn until it differs")],
    scaled: bool,
):
    """In more than 2 of 10 tables of correlated columns, of one length or of many, the first level
    λ_1 rises in some round.
    """
    most_tables(trial, partial(rises, rounds=rounds), 0.2, n, p, scaled=scaled)


@claim(RANDOM, kind="empirical", tier="full", not_tight=LOOSE, cases=[(60, 15)])
def test_not_forward_selection__tables(trial, n: TableRows, p: TableColumns):
    """In more than 3 of 10 tables of correlated columns of one length, orthogonal matching pursuit
    and forward selection choose different features within 5 rounds.
    """
    most_tables(trial, partial(differs, rounds=5), 0.3, n, p)


def leaves_the_path(X, y):
    """Whether OMP's first five are another order than that in which features enter scikit-learn's
    LASSO path.
    """
    from sklearn.linear_model import lars_path

    paths = [
        lars_path(*table, method="lasso", max_iter=7)[2] != 0 for table in zip(X, y, strict=True)
    ]
    orders = [
        np.argsort(np.where(path.any(axis=1), path.argmax(axis=1), 99), kind="stable")[:5]
        for path in paths
    ]
    return (observed.refitted(X, y, 5, "largest gradient").picks != orders).any(axis=1)


@claim(RANDOM, kind="empirical", tier="full", not_tight=LOOSE, cases=[(60, 15)])
def test_not_lasso_path(trial, n: TableRows, p: TableColumns):
    """In more than 9 of 10 tables of correlated columns, the first five features of orthogonal
    matching pursuit come in another order on the path of the LASSO.
    """
    most_tables(
        trial,
        leaves_the_path,
        0.9,
        n,
        p,
        **{"forward selection for the path": partial(differs, rounds=5)},
    )


DimOfSpace = Annotated[int, Interval(2, 10, why="means over designs are integrated on a few nodes")]


@claim(
    derived("angles at which a pick or the rise changes"),
    kind="distribution",
    cases=[0.6, -0.8, 0.05],
)
def test_thresholds_not_monotone__in_the_plane(
    trial, cosine: Annotated[float, Interval(-0.95, 0.95, why="at the ends columns are parallel")]
):
    """For two unit columns in the plane, the share (2 / π)(atan b - atan a) of all directions of y
    makes the first level λ_1 rise in the second round; the angle of the columns gives a and b.
    """
    trial.require(
        abs(cosine) >= 0.03, "|cosine| must be at least 0.03: near 0 no direction has a rise"
    )
    share = predicted.rising_share(cosine)
    inner = np.arctan(1 / np.sqrt(1 - cosine**2))
    controls = {
        "1 for 1 / sqrt(1 - ρ^2)": share + (inner - np.pi / 4) * 2 / np.pi,
        "half of them": share / 2,
    }
    measured = rising_in_the_plane(np.array([cosine]))[0]
    trial.value(measured, share, error=1e-12, margin=1e-10, controls=controls)


@claim(
    derived("the law of the angle between random directions"), kind="distribution", cases=[3, 2, 10]
)
def test_thresholds_not_monotone__drawn(trial, rows: DimOfSpace):
    """For two random directions in R^n as columns and a third as y, the share of draws in which the
    first level λ_1 rises is a mean over the cosine of the columns.
    """
    angles, weights = over_designs(rows)
    measured = rising_in_the_plane(np.sin(angles)) @ weights
    share = predicted.mean_rising_share(rows)
    at_mean = predicted.rising_share(float(np.sin(angles) @ weights))
    controls = {
        "at the mean cosine": at_mean,
        "one row more": predicted.mean_rising_share(rows + 1),
    }
    trial.value(measured, share, error=1e-11, margin=1e-9, controls=controls)


@claim(derived("three columns, computed by hand"), kind="identity", cases=[(0.8, 0.5), (0.3, 0.2)])
def test_not_forward_selection(trial, cosine: InnerCosine, height: InnerCosine):
    """For the unit columns (1, 0, 0), (c, s, 0) and (0, 0, 1) and y = (a, 1, h) with s < h < 1,
    orthogonal matching pursuit picks 1, 3, 2, and forward selection picks 1, 2, 3.
    """
    sine = np.sqrt(1 - cosine**2)
    X = np.array([[1, cosine, 0], [0, sine, 0], [0, 0, 1]])
    y = np.array([4 / (1 - cosine), 1, sine + height * (1 - sine)])
    orders = np.array([predicted.omp_order(X, y, 3), predicted.forward_order(X, y, 3)])
    measured = [
        observed.refitted(X[None], y[None], 3, rule).picks[0]
        for rule in ("largest gradient", "best fit")
    ]
    trial.identity(
        np.array(measured),
        orders,
        ops=0,
        controls={"one order": orders[[0, 0]], "each picks as the other": orders[::-1]},
    )
    measured = observed.refitted(X[None], y[None], 3, "largest gradient").levels[0]
    levels = predicted.entry_levels(X, y, 3)
    trial.identity(measured, levels, ops=100, controls={"all from round 1": X.T @ y})


@claim(
    derived("angles at which a pick changes"),
    kind="distribution",
    cases=[(0.8, 0.0), (0.95, 0.6), (0.2, 0.5)],
)
def test_not_forward_selection__in_the_plane(
    trial,
    first: InnerCosine,
    second: Annotated[float, Interval(0, 0.95, why="at 1 columns are parallel")],
):
    """Let P x_1 and P x_2 be what two candidates have off the chosen columns. For the share (2 / π)
    |atan(|P x_1| / |P x_2|) - π / 4| of all directions of the residual in their plane, orthogonal
    matching pursuit and forward selection pick different ones.
    """
    sines = np.sqrt(1 - np.square([first, second]))
    share = predicted.differing_share(*sines)
    trial.require(
        share >= 0.01,
        "first and second must differ enough for a hundredth of the directions to tell",
    )
    X = np.array([[1, first, second], [0, sines[0], 0], [0, 0, sines[1]]])
    along = 4 / (1 - max(first, second))

    def event(which, angle):
        y = np.column_stack([np.full(len(angle), along), np.cos(angle), np.sin(angle)])
        return differs(np.broadcast_to(X, (len(y), 3, 3)), y)

    controls = {
        "the difference of the lengths": abs(sines[0] - sines[1]) / 2,
        "half of them": share / 2,
    }
    trial.value(shares(event, 1)[0], share, error=1e-11, margin=1e-9, controls=controls)


@claim(
    derived("ratios of normal numbers and of χ variables"), kind="distribution", cases=[2, 3, 10]
)
def test_not_forward_selection__drawn(trial, rows: DimOfSpace):
    """For two normal columns in R^n, orthogonal matching pursuit and forward selection begin with
    different ones with the chance E|t| / π, where t is an angle whose density is proportional to
    cos^(n-2).
    """
    angles, weights = over_designs(rows)
    across = np.array([np.sin(angles / 2 + np.pi / 4), np.cos(angles / 2 + np.pi / 4)])

    def event(which, angle):  # the direction of what both columns have along y
        X = np.zeros((len(angle), 3, 2))
        y = np.broadcast_to([1.0, 0, 0], (len(angle), 3))
        X[:, 0] = np.column_stack([np.cos(angle), np.sin(angle)])
        X[:, 1, 0] = across[0, which]
        X[:, 2, 1] = across[1, which]
        return differs(X, y, 1)

    measured = shares(event, len(angles)) @ weights
    share = predicted.mean_differing_share(rows)
    controls = {"one row more": predicted.mean_differing_share(rows + 1), "half of them": share / 2}
    trial.value(measured, share, error=1e-11, margin=1e-9, controls=controls)


@claim(derived("column sums of the Gram matrix; Tropp 2004"), kind="bound", cases=[2, 3, 5])
def test_coherence_recovery(
    trial,
    size: Annotated[
        int, Interval(2, 8, why="larger ones ask for designs of less coherence than those drawn")
    ],
    p: Annotated[int, Interval(3, 20, why="with more columns some are too alike")] = 15,
    n: Annotated[int, Interval(1200, 4000, why="with fewer rows columns are too alike")] = 1500,
    designs: Annotated[int, Interval(20, 400, why="fewer show little, and each is formed")] = 30,
):
    """Let the coherence of unit columns be μ. For y in the span of k columns, every other column
    has a correlation with y of at most k μ / (1 - (k - 1) μ) times the largest one of the k.
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
    mutual = np.array(
        [*mu[designs:], predicted.coherence(np.column_stack([tables[0], -2 * tables[0]]))]
    )
    controls = {"for one column more": np.append(cosines * (2 * size - 1) / (2 * size + 1), 1.0)}
    trial.identity(mutual, np.append(cosines, 1.0), ops=10 * n, controls=controls)
    weights = [*generator.normal(size=(designs, size)), *np.ones((len(tight), size))]
    ratios = [
        observed.outside_ratio(X, tuple(range(size)), w)
        for X, w in zip(tables + tight, weights, strict=True)
    ]
    bounds = [predicted.outside_ratio(size, cosine) for cosine in mu]
    controls = {"k μ": size * np.array(mu), "k - 1 for k": np.array(bounds) * (size - 1) / size}
    trial.bound(
        ratios, bounds, instances="draws", independent=designs, ops=10 * n, controls=controls
    )


@claim(
    derived("where that bound is 1, and attained"),
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
    """For columns with lengths from l to L and a coherence of less than μ = 1 / (k (1 + L / l) -
    1), orthogonal matching pursuit picks the k columns of which y is a combination; at this
    coherence it may pick another.
    """
    from scipy.optimize import brentq

    def missed(mu):
        X = observed.equicorrelated(size, mu) * np.append(np.ones(size), uneven)
        course = observed.refitted(X[None], X[None, :, :size].sum(axis=2), size, "largest gradient")
        return 0.5 - (sorted(course.picks[0]) == list(range(size)))

    reach = size * (1 + uneven)
    threshold = brentq(missed, 0.5 / (reach - 1), 1.2 / (reach - 1), xtol=1e-14)
    limit = predicted.recovery_coherence(size, uneven)
    controls = {"one column fewer": 1 / (reach - 2), "1 / (k (1 + L / l))": 1 / reach}
    controls |= {"lengths left out": 1 / (2 * size - 1)} if uneven >= 1.001 else {}
    trial.value(threshold, limit, error=1e-11, margin=1e-9, controls=controls)
    mu = (
        np.array([0.999, 1.001, 0.999, 0.999, 0.999, 0.0]) * threshold,
        [50, 50, size, size + 1, size - 1, size],
    )
    supports = [
        predicted.certified_size(*case, uneven) for case in [(limit, 50), *zip(*mu, strict=True)]
    ]
    sizes = [size - 1, size, size - 1, size, size, size - 1, size]
    wrong_sizes = {
        "1 / (k (1 + L / l))": [size - 1, size - 1, *sizes[2:]],
        "not at most p": [*sizes[:6], size + 1],
    }
    trial.identity(supports, sizes, ops=0, controls=wrong_sizes)


@claim(
    derived("weights grow by η c / p a step, and logits with w o c"),
    kind="limit",
    cases=[(20, 0.5), (5, 0.0)],
)
def test_softmax_early_law(
    trial,
    steps: Annotated[int, Interval(3, 100, why="after two the expansion in the rate ends")],
    correlation: Annotated[float, Interval(0, 0.9, why="at 1 columns are equal")],
    n: Annotated[int, Interval(20, 200, why="a cap, which nothing requires")] = 60,
    p: Annotated[int, Interval(3, 20, why="with two centred numbers all are alike")] = 12,
):
    """For a small rate η, after t steps the logits of softmax attention over p features have a_j -
    mean = η^2 t (t - 1) / 2 (c_j^2 - mean of c^2) / p^2 to leading order, c being the correlations
    with y: the largest logit is that of orthogonal matching pursuit's pick.
    """
    trial.require(n > p, "n must exceed p, for least squares to be one of the controls")
    ((X,), (y,)) = observed.problems(trial.generator("problem"), 1, n, p, correlation)
    rates = 1e-3 / steps / 2.0 ** np.arange(5)
    logits = [observed.softmax_descent(X, y, rate, steps) / rate**2 for rate in rates]
    law = predicted.early_logits(X, y, rates[0], steps) / rates[0] ** 2
    size = np.linalg.norm(law)
    products = (X.T @ y / n) * np.linalg.lstsq(X, y)[0]
    controls = {"t^2 for t (t - 1)": law / size * steps / (steps - 1)}
    controls["least squares for one c"] = (
        steps * (steps - 1) / 2 * (products - products.mean()) / p**2 / size
    )
    values = (np.array(logits) - np.mean(logits, axis=1, keepdims=True)) / size
    trial.limit(
        values,
        1 / rates,
        law / size,
        controls=controls,
        order=(1, 2),
        margin=1e-5,
        same_instance=True,
    )


@claim(
    derived("counted in random designs"),
    kind="empirical",
    tier="full",
    cases=[0.0, 0.5],
    not_tight="shares depend on the design; what is claimed is that agreement is lost",
)
def test_softmax_late_differs(
    trial,
    correlation: Annotated[float, Interval(0, 0.6, why="a cap, which nothing requires")],
    steps: Annotated[
        int, Interval(3000, 8000, why="picks change late, and each step costs")
    ] = 4000,
    n: Annotated[int, Interval(50, 100, why="a cap, which nothing requires")] = 60,
    p: Annotated[int, Interval(12, 16, why="a cap, which nothing requires")] = 12,
):
    """In at least 3 of 10 designs training takes the largest logit from the pick of orthogonal
    matching pursuit, and gives it to the feature of the largest least-squares weight.
    """

    def changed(key, *, until=(5, steps)):
        (first, least_squares), (late, later) = observed.softmax_agreement(
            key, n, p, correlation, 0.05, until
        )
        return jnp.stack([first - late, later - least_squares])

    controls = {"lost in nine of ten": np.array([0.9, 0.05])}
    early = {"after 200 steps": lambda key: changed(key, until=(5, 200))}
    options = {
        "side": "at least",
        "law": Bounded(-1, 1),
        "first": 250,
        "most": 6000,
        "vectorised": True,
    }
    trial.mean(
        changed, np.array([0.3, 0.05]), controls=controls, control_processes=early, **options
    )


@claim(SCHEDULE, kind="identity", cases=[(1000, 10, 1), (1000, 6, 2), (200, 10, 5)])
def test_coded_schedule(
    trial,
    steps: Annotated[int, Interval(2, 20_000, why="steps are taken one by one")],
    picks: Count,
    at_once: Count,
):
    """If m features are picked at a time until there are k, the picks are due at the steps T (1 + 9
    i / K) / 10 for i = 0, m, ... < K = k / m of T steps, which picks m ceil(k / m^2) features.

    In exact fractions: rounding may delay a pick by one step, in double precision from 190 to 191
    of T = 1000, k = 10.
    """
    trial.require(picks % at_once == 0, "at_once must divide picks")
    trial.require(9 * steps >= 10 * (picks // at_once), "steps must give each phase one")
    times, chosen = observed.coded_schedule(steps, picks, at_once)
    law = np.array(
        [*predicted.pick_steps(steps, picks, at_once), predicted.features_chosen(picks, at_once)]
    )
    controls = {"one step later": law + np.append(np.ones(len(times), int), 0)}
    controls |= {} if law[-1] == picks else {"all k": np.array([*law[:-1], picks])}
    trial.identity(np.array([*times, chosen]), law, ops=0, controls=controls)


@claim(
    MODULE,
    kind="distribution",
    tier="full",
    not_tight="how often the next pick is the strongest feature depends on the data",
)
def test_coded_first_pick(
    trial,
    p: Annotated[
        int, Interval(6, 20, why="beyond, 2 / p, what no training gives, is no rival to .9")
    ] = 12,
    n: Annotated[int, Interval(24, 100, why="a cap, which nothing requires")] = 24,
    steps: Annotated[
        int, Interval(200, 1000, why="fewer may not see the data, and each costs")
    ] = 200,
):
    """The first pick of the released module is each of p features with the chance 1 / p, because
    its logits have had no gradient; the next pick depends on the data.
    """
    when = predicted.pick_steps(steps, 2, 1)

    def first(key, *, trained_first=False):
        return observed.coded_picks(key, n, p, 0.05, when[:1], trained_first=trained_first)[0] == 4

    chance = 1 / p
    processes = {"gates trained from the start": lambda key: first(key, trained_first=True)}
    options = {"first": 8192, "vectorised": True}
    most = {
        "margin": 0.04 * chance,
        "most": 60_000 * p,
        "controls": {"either of the two in y": 2 * chance},
    }
    trial.probability(first, chance, control_processes=processes, **most, **options)

    def both(key, *, until=when):
        return (observed.coded_picks(key, n, p, 0.05, until) == 4).any()

    no_step = {"no step after the first pick": lambda key: both(key, until=(when[0], when[0]))}
    trial.probability(both, 0.9, side="at least", control_processes=no_step, most=20_000, **options)
