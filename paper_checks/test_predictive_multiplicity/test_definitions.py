"""What holds for every class of classifiers and every baseline: Proposition 1 and its sharper and
wider companions.
"""

from dataclasses import replace
from typing import Annotated

import numpy as np

from paper_checks.test_predictive_multiplicity import (
    Copies,
    Dim,
    NPoints,
    NSets,
    apart,
    beyond,
    counts,
    over,
    solved,
)
from paper_checks.test_predictive_multiplicity.sets import (
    EXCLUSIVE_OR,
    N_ROWS,
    general_position,
    labelled_corners,
    lattice_tables,
    sampled_paths,
)
from sims import predictive_multiplicity as observed
from sims.linear_dichotomies.enumeration import dichotomies, enumerate_paths
from theory import predictive_multiplicity as predicted
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval


@claim(
    derived(
        "Proposition 1, as recalled: E(h) - E_0 = c - w and w <= E_0 for c new and w repaired "
        "mistakes"
    ),
    kind="bound",
    cases=[2, 3, None],
    not_tight="draws of many points stay below; exclusive or attains it, in a claim of its own",
)
def test_discrepancy__bound(
    trial,
    dim: Dim | None,
    n_points: NPoints = 30,
    n_sets: Annotated[
        int, Interval(30, 1000, why="with fewer, none may pass the control; each is searched")
    ] = 60,
):
    """The discrepancy at a tolerance ε is at most 2 R(h_0) + ε for every class of classifiers and
    every baseline h_0 of error rate R(h_0), optimal or not.
    """
    rng = trial.generator("sets")

    def any_class(_):
        """A finite class of any predictions: a baseline and five competitors on eight rows."""
        matrix = rng.integers(0, 2, (6, 8))
        people = rng.multinomial(n_points, np.full(16, 1 / 16)).reshape(2, 8)
        pool = observed.pool_multiplicity(matrix[1:], *people, matrix[0], np.arange(n_points + 1))
        return pool.discrepancy, np.where(matrix[0] == 1, people[1], people[0]).sum() / n_points

    if dim is None:
        discrepancies, errors = over(range(n_sets), any_class)
    else:
        paths = [path for path, _, _ in sampled_paths(rng, n_sets, dim, n_points)]
        discrepancies, errors = over(paths, lambda path: (path.discrepancy, path.errors / n_points))
    epsilons = np.arange(n_points + 1) / n_points
    bounds = [
        [predicted.discrepancy_bound(error, epsilon) for epsilon in epsilons] for error in errors
    ]
    controls = beyond(trial, discrepancies / n_points, {"R(h_0) + ε": errors[:, None] + epsilons})
    trial.bound(
        discrepancies / n_points,
        bounds,
        instances="draws",
        independent=n_sets,
        ops=4,
        controls=controls,
    )


@claim(
    derived("any classifier errs on the minority everywhere but at the row it flips"),
    kind="identity",
    cases=[4, 6],
)
def test_ambiguity__bound(
    trial,
    n_rows: Annotated[int, Interval(3, 10)],
    n_points: NPoints = 40,
    n_sets: NSets = 8,
):
    """Over all classifiers of the distinct rows, the ambiguity at an admitted increase e of the
    errors counts the points in rows where the fewest errors of a classifier that predicts otherwise
    are at most E_0 + e; E_0 are the errors of the baseline.
    """
    rng = trial.generator("sets")
    labellings = np.indices((2,) * n_rows).reshape(n_rows, -1).T
    tolerances = np.arange(n_points + 1)

    def measure(_):
        baseline = rng.integers(0, 2, n_rows)
        people = rng.multinomial(n_points, np.full(2 * n_rows, 0.5 / n_rows)).reshape(2, n_rows)
        ambiguity = observed.pool_multiplicity(labellings, *people, baseline, tolerances).ambiguity
        bounds = [predicted.ambiguity_bound(baseline, *people, e) for e in tolerances.tolist()]
        alone = predicted.flip_costs(baseline, *people) <= tolerances[:, None]
        return ambiguity, bounds, alone @ people.sum(axis=0)

    # Summed over the tolerances, as a strict level set differs at the few steps only.
    ambiguity, bounds, alone = (np.cumsum(path, axis=1) for path in over(range(n_sets), measure))
    strict = np.insert(bounds[:, :-1], 0, 0, axis=1)
    rivals = {
        "rows flipped alone, no mistake repaired": alone,
        "level set with < in place of <=": strict,
    }
    trial.identity(ambiguity, bounds, ops=0, controls=apart(trial, bounds, rivals))


@claim(
    derived("one repairs all of h_0's mistakes and errs at the other corner"),
    kind="identity",
    cases=[1, 7, 25],
)
def test_bound__tight(trial, copies: Copies):
    """The bound 2 R(h_0) + ε on the discrepancy is attained: on exclusive or at ε = 0 the
    discrepancy is 2 R(h_0) = 1/2.
    """
    table = labelled_corners(EXCLUSIVE_OR, copies)
    baseline = observed.minimise_errors(table)
    disagreements = observed.discrepancy_path(table, baseline, (0.0, 0.5)).disagreement
    bounds = np.array(
        [table.n * predicted.discrepancy_bound(baseline.errors / table.n, e) for e in (0.0, 0.5)]
    )
    controls = {
        "2 R + ε - 1/n": [*(bounds - 1), 0.5 - 1 / table.n],
        "R + ε": [*(bounds - copies), 0.25],
    }
    trial.identity(
        [*disagreements, disagreements[0] / table.n], [*bounds, 0.5], ops=0, controls=controls
    )


def both_paths(trial, dim, n_points, n_sets):
    """Discrepancy and ambiguity of drawn sets at each tolerance: two arrays [sets, tolerances]."""
    paths = [path for path, _, _ in sampled_paths(trial.generator("sets"), n_sets, dim, n_points)]
    return over(paths, lambda path: (path.discrepancy, path.ambiguity))


@claim(
    derived("whoever the most distant competitor flips is flipped by some competitor"),
    kind="bound",
    cases=[2, 3],
)
def test_order(trial, dim: Dim, n_points: NPoints = 30, n_sets: NSets = 60):
    """The discrepancy at a tolerance never exceeds the ambiguity at this tolerance."""
    discrepancy, ambiguity = both_paths(trial, dim, n_points, n_sets)
    strict = np.insert(ambiguity[:, :-1], 0, 0, axis=1)
    controls = {"level set with < in place of <=": strict}
    trial.bound(
        discrepancy,
        ambiguity,
        instances="draws",
        independent=n_sets,
        ops=0,
        controls=beyond(trial, discrepancy, controls),
    )


@claim(
    derived("a competitor at a tolerance is one at every larger tolerance"),
    kind="bound",
    cases=[2, 3],
)
def test_order__rising(trial, dim: Dim, n_points: NPoints = 30, n_sets: NSets = 60):
    """Neither discrepancy nor ambiguity falls when the tolerance grows."""
    paths = np.concatenate(both_paths(trial, dim, n_points, n_sets))
    trial.bound(
        paths[:, :-1],
        paths[:, 1:],
        instances="draws",
        independent=n_sets,
        ops=0,
        controls={"a rise at every step": paths[:, 1:] - 1},
    )


@claim(
    derived("a competitor that differs from the baseline at all gives both"),
    kind="identity",
    cases=[2, 3],
)
def test_order__zero(trial, dim: Dim, n_points: NPoints = 30, n_sets: NSets = 60):
    """At every tolerance the discrepancy is zero exactly where the ambiguity is."""
    discrepancy, ambiguity = both_paths(trial, dim, n_points, n_sets)
    strict = np.insert(ambiguity[:, :-1], 0, 0, axis=1)
    controls = {
        "level set with < in place of <=": np.sign(strict),
        "nobody is ambiguous": np.zeros_like(strict),
    }
    trial.identity(np.sign(discrepancy), np.sign(ambiguity), ops=0, controls=controls)


@claim(
    derived("errors are counted, so that ε n matters by its floor alone"),
    kind="identity",
    cases=[1, 2, 3],
)
def test_steps(trial, dim: Dim, n_points: NPoints = 40, n_sets: NSets = 5):
    """The discrepancy of n points is a right-continuous step function of the tolerance, with jumps
    at multiples of 1/n only.
    """
    integers = np.array([0, 1, 2, 3, 5, 8, 12])[:, None]
    fractions = np.array([0.0, 0.3, 0.999])
    epsilons = ((integers + fractions) / n_points).ravel().clip(0, 1)

    def measure(table):
        baseline = observed.minimise_errors(table)
        cells = predicted.linear_dichotomies(table.rows)
        path = predicted.discrepancy_path_of(cells, baseline.dichotomy, *counts(table))
        steps = [predicted.tolerance_count(epsilon, table.n) for epsilon in epsilons]
        strict = np.maximum(integers - (fractions == 0), 0).ravel()
        nearest = np.rint(integers + fractions).astype(int).ravel().clip(0, n_points)
        jumps = observed.discrepancy_path(table, baseline, epsilons).disagreement
        return jumps, path[steps], path[strict], path[nearest]

    jumps, steps, strict, nearest = over(
        lattice_tables(trial.generator("sets"), dim, n_points, n_sets), measure
    )
    rivals = {"level set with < in place of <=": strict, "ε n rounded": nearest}
    trial.identity(jumps, steps, ops=0, controls=apart(trial, steps, rivals))


def drawn_pairs(trial, dim, n_points, n_sets):
    """E(h), E_0 and the disagreements of all classifiers h with a drawn baseline: [3, pairs]."""
    rng = trial.generator("sets")

    def measure(draw, table):
        if draw % 2:  # one label a row, so that whoever flips a single row repairs or errs only
            table = replace(table, positives=table.totals, negatives=np.zeros_like(table.totals))
        cells = predicted.linear_dichotomies(table.rows)
        baseline = cells[rng.integers(len(cells))]
        return (
            [table.errors(cell) for cell in cells],
            len(cells) * [table.errors(baseline)],
            [table.disagreement(cell, baseline) for cell in cells],
        )

    tables = lattice_tables(rng, dim, n_points, n_sets)
    return np.hstack([np.array(measure(*item)) for item in enumerate(tables)])


@claim(
    derived("the disagreement is E(h) - E_0 and twice the repaired mistakes"),
    kind="identity",
    cases=[1, 2, 3],
)
def test_parity(trial, dim: Dim, n_points: NPoints = 41, n_sets: NSets = 40):
    """Let a classifier h make E(h) errors and the baseline E_0. The number of points on which they
    disagree has the parity of E(h) - E_0.
    """

    def measure_compas(target):
        answers = solved(target)
        for solution in (*answers.flips.solutions, *answers.discrepancy.solutions):
            differ = answers.table.disagreement(solution.dichotomy, answers.baseline.dichotomy)
            yield solution.errors, answers.baseline.errors, differ

    sets = drawn_pairs(trial, dim, n_points, n_sets)
    compas = [triple for target in ("arrest", "violent") for triple in measure_compas(target)]
    triples = [*sets.T.tolist(), *compas]
    parities = [predicted.parity_defect(error, base, 0) for error, base, _ in triples]
    controls = {"the parity of E(h) alone": [error % 2 for error, _, _ in triples]}
    trial.identity([differ % 2 for *_, differ in triples], parities, ops=0, controls=controls)


@claim(
    derived("by the triangle inequality between both classifiers and the labels"),
    kind="bound",
    cases=[1, 2, 3],
)
def test_parity__range(trial, dim: Dim, n_points: NPoints = 41, n_sets: NSets = 40):
    """Let a classifier h make E(h) errors and the baseline E_0. The number of points on which they
    disagree lies between |E(h) - E_0| and E(h) + E_0.
    """
    errors, base, differences = drawn_pairs(trial, dim, n_points, n_sets)
    pairs = zip(errors.tolist(), base.tolist(), strict=True)
    least, most = np.array([predicted.disagreement_range(*pair, n_points) for pair in pairs]).T
    trial.bound(
        np.concatenate([least, differences]),
        np.concatenate([differences, most]),
        instances="draws",
        independent=n_sets,
        ops=0,
        controls={"at most E(h) alone": np.concatenate([differences, errors])},
        control_processes={"at least E(h) + E_0": np.concatenate([errors + base, differences])},
    )


@claim(derived("by the triangle inequality through the labels"), kind="bound", cases=[2, 3])
def test_pair__diameter(trial, dim: Dim, n_points: NPoints = 30, n_sets: NSets = 60):
    """Two competitors at a tolerance ε differ on at most the share 2 (R(h_0) + ε) of the points,
    where R(h_0) is the error rate of the baseline; a competitor and the baseline differ on at most
    2 R(h_0) + ε.
    """
    rng = trial.generator("sets")
    tolerances = [1, 3, 6]

    def measure(_):
        points, positives, negatives = general_position(rng, N_ROWS[dim], dim, n_points)
        cells = dichotomies(points)
        weights = positives + negatives
        errors = cells @ (negatives - positives) + positives.sum()
        signs = 2 * cells - 1
        least = errors.min()
        distances = (n_points - signs * weights @ signs.T) // 2
        near = [errors <= least + tolerance for tolerance in tolerances]
        shares = [(least / n_points, tolerance / n_points) for tolerance in tolerances]
        diameters = [distances[np.ix_(level, level)].max() / n_points for level in near]
        bounds = (predicted.pair_diameter_bound, predicted.discrepancy_bound)
        return diameters, *([bound(*pair) for pair in shares] for bound in bounds)

    diameters, bounds, single = over(range(n_sets), measure)
    controls = beyond(trial, diameters, {"2 R(h_0) + ε, as for one of them": single})
    trial.bound(diameters, bounds, instances="draws", independent=n_sets, ops=8, controls=controls)


@claim(
    derived("integer programs meet a lattice's competitors, whose pairs are counted"),
    kind="optimality",
    cases=[2, 3],
)
def test_pair__diameter__met(trial, dim: Dim, n_points: NPoints = 40, n_sets: NSets = 5):
    """Among the competitors that integer programs find one by one, the two that differ most are as
    far apart as any two competitors.
    """

    def measure(table):
        near = [a.dichotomy for a in observed.co_optimal(table, 2).solutions]
        widest = max(table.disagreement(a, b) for a in near for b in near)
        arguments = (predicted.linear_dichotomies(table.rows), near[0], *counts(table), 2)
        return widest, predicted.pair_diameter_of(*arguments), predicted.discrepancy_of(*arguments)

    diameters, exact, alone = over(
        lattice_tables(trial.generator("sets"), dim, n_points, n_sets), measure
    )
    trial.identity(
        diameters, exact, ops=0, controls=apart(trial, exact, {"from the baseline alone": alone})
    )


@claim(
    derived("-h_0 differs everywhere, alone, and makes n - E_0 errors"),
    kind="identity",
    cases=[2, 3],
)
def test_saturation(trial, dim: Dim, n_points: NPoints = 30, n_sets: NSets = 60):
    """If the class contains the negative of the baseline, discrepancy and ambiguity are 1 from the
    admitted increase e = n - 2 E_0 on, and the discrepancy is below 1 for smaller e. E_0 are the
    errors of the baseline on n points.
    """
    paths = [
        path
        for path, _, _ in sampled_paths(trial.generator("sets"), 2 * n_sets, dim, n_points)[::2]
    ]

    def measure(path):
        tolerance = predicted.saturation_tolerance(path.errors, n_points)
        first = int(np.argmax(path.discrepancy == n_points))
        return (
            [first, path.ambiguity[tolerance]],
            [tolerance, n_points],
            path.errors,
            path.ambiguity[0],
        )

    measured, exact, errors, at_zero = over(paths, measure)
    rivals = {"1 - R(h_0)": n_points - errors, "one error less": n_points - 2 * errors - 1}
    controls = {name: np.stack([value, exact[:, 1]], axis=1) for name, value in rivals.items()}
    controls["ambiguity at ε = 0"] = np.stack([exact[:, 0], at_zero], axis=1)
    trial.identity(measured, exact, ops=0, controls=apart(trial, exact, controls))


def separable_sets(trial, dim, n_points, n_sets):
    """Discrepancy, ambiguity and the theory's bound for drawn sets that a hyperplane separates, at
    each admitted number of errors: three arrays [sets, numbers].
    """
    rng = trial.generator("sets")

    def measure(_):
        points, positives, negatives = general_position(rng, N_ROWS[dim], dim, n_points)
        weights = positives + negatives
        sides = points @ rng.standard_normal(dim) > rng.standard_normal()
        positives = np.where(sides, weights, 0)
        negatives = np.where(sides, 0, weights)
        paths = enumerate_paths(points, positives, negatives)
        bounds = [predicted.separable_bound(positives, negatives, e) for e in range(n_points + 1)]
        return paths.discrepancy, paths.ambiguity, bounds

    return over(range(n_sets), measure)


@claim(
    derived("without mistakes there is none to repair: every disagreement is a new mistake"),
    kind="bound",
    cases=[2, 3],
)
def test_separable(trial, dim: Dim, n_points: NPoints = 30, n_sets: NSets = 60):
    """For a baseline without errors the discrepancy at a tolerance ε is at most ε."""
    discrepancy, ambiguity, _ = separable_sets(trial, dim, n_points, n_sets)
    shares = np.broadcast_to(np.arange(n_points + 1) / n_points, discrepancy.shape)
    trial.bound(
        discrepancy / n_points,
        shares,
        instances="draws",
        independent=n_sets,
        ops=2,
        controls=beyond(trial, discrepancy / n_points, {"a repair for each mistake": shares / 2}),
        control_processes={"ambiguity": ambiguity / n_points},
    )


@claim(
    derived("a competitor flips whole rows, and every flip is a mistake"),
    kind="bound",
    cases=[2, 3],
)
def test_separable__rows(trial, dim: Dim, n_points: NPoints = 30, n_sets: NSets = 60):
    """For a baseline without errors on n points, the number of points that a competitor with at
    most e errors flips is at most the largest sum up to e of points of whole rows.
    """
    discrepancy, _, bounds = separable_sets(trial, dim, n_points, n_sets)
    fewer = {"less than e": np.insert(bounds[:, :-1], 0, 0, axis=1)}
    trial.bound(
        discrepancy,
        bounds,
        instances="draws",
        independent=n_sets,
        ops=0,
        controls=beyond(trial, discrepancy, fewer),
    )


@claim(
    derived("whoever differs from a baseline without errors makes one"),
    kind="identity",
    cases=[2, 3],
)
def test_separable__zero(trial, dim: Dim, n_points: NPoints = 30, n_sets: NSets = 60):
    """For a baseline without errors discrepancy and ambiguity are zero at the tolerance zero."""
    discrepancy, ambiguity, _ = separable_sets(trial, dim, n_points, n_sets)
    row = n_points // N_ROWS[dim]
    trial.identity(
        [discrepancy[:, 0], ambiguity[:, 0]],
        np.zeros((2, n_sets)),
        ops=0,
        control_processes={"errors of one row admitted": [discrepancy[:, row], ambiguity[:, row]]},
    )
