"""What holds for every class of classifiers and every baseline: Proposition 1 and its sharper and
wider companions.
"""

from dataclasses import replace
from typing import Annotated

import numpy as np

from paper_checks.test_predictive_multiplicity import (
    EXCLUSIVE_OR,
    Copies,
    Dim,
    NPoints,
    NSets,
    apart,
    beyond,
    general_position,
    labelled_corners,
    lattice_tables,
    over,
    over_lattices,
    sampled_paths,
)
from sims import predictive_multiplicity as observed
from sims.linear_dichotomies.enumeration import enumerate_paths
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
    """The bound 2 R(h_0) + ε on the discrepancy is attained: on exclusive or the error rate R(h_0)
    of the baseline is 1/4, and the discrepancy is 1/2 at ε = 0 and 1 at ε = 1/2.
    """
    table = labelled_corners(EXCLUSIVE_OR, copies)
    baseline = observed.minimise_errors(table)
    error = baseline.errors / table.n
    epsilons = (0.0, 0.5)
    shares = observed.discrepancy_path(table, baseline, epsilons).disagreement / table.n
    bounds = np.array([predicted.discrepancy_bound(error, epsilon) for epsilon in epsilons])
    rivals = {"2 R + ε - 1/n": bounds - 1 / table.n, "R + ε": bounds - error}
    trial.identity(
        [error, *shares],
        [1 / 4, *bounds],
        ops=0,
        controls={name: [1 / 4, *rival] for name, rival in rivals.items()},
    )


@claim(
    derived("some competitor flips whom the most distant one flips; whoever flips anybody differs"),
    kind="bound",
    cases=[2, 3],
)
def test_order(trial, dim: Dim, n_points: NPoints = 30, n_sets: NSets = 60):
    """The discrepancy at a tolerance never exceeds the ambiguity at this tolerance, and is zero
    only where the ambiguity is.
    """
    paths = [path for path, _, _ in sampled_paths(trial.generator("sets"), n_sets, dim, n_points)]
    discrepancy, ambiguity = over(paths, lambda path: (path.discrepancy, path.ambiguity))
    # A number is positive where its sign is at most the number.
    least = np.concatenate([discrepancy, np.sign(ambiguity)])
    strict_discrepancy, strict_ambiguity = (
        np.insert(path[:, :-1], 0, 0, axis=1) for path in (discrepancy, ambiguity)
    )
    controls = {
        "ambiguity with < in place of <=": np.concatenate([strict_ambiguity, discrepancy]),
        "discrepancy with < in place of <=": np.concatenate([ambiguity, strict_discrepancy]),
    }
    trial.bound(
        least,
        np.concatenate([ambiguity, discrepancy]),
        instances="draws",
        independent=n_sets,
        ops=0,
        controls=beyond(trial, least, controls),
    )


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
        path = predicted.discrepancy_path_of(cells, baseline.dichotomy, *table.by_label)
        steps = [predicted.tolerance_count(epsilon, table.n) for epsilon in epsilons]
        strict = np.maximum(integers - (fractions == 0), 0).ravel()
        nearest = np.rint(integers + fractions).astype(int).ravel().clip(0, n_points)
        jumps = observed.discrepancy_path(table, baseline, epsilons).disagreement
        return jumps, path[steps], path[strict], path[nearest]

    jumps, steps, strict, nearest = over_lattices(trial, measure, dim, n_points, n_sets)
    rivals = {"level set with < in place of <=": strict, "ε n rounded": nearest}
    trial.identity(jumps, steps, ops=0, controls=apart(trial, steps, rivals))


def drawn_pairs(trial, dim, n_points, n_sets):
    """E(h), E_0 and the disagreements of all classifiers h with a drawn baseline: three arrays."""
    rng = trial.generator("sets")
    pairs = []
    for draw, table in enumerate(lattice_tables(rng, dim, n_points, n_sets)):
        if draw % 2:  # one label a row, so that whoever flips a single row repairs or errs only
            table = replace(table, positives=table.totals, negatives=np.zeros_like(table.totals))
        cells = predicted.linear_dichotomies(table.rows)
        baseline = cells[rng.integers(len(cells))]
        base = table.errors(baseline)
        pairs += [(table.errors(h), base, table.disagreement(h, baseline)) for h in cells]
    return np.array(pairs).T


@claim(
    derived("the disagreement is E(h) - E_0 and twice the repaired mistakes"),
    kind="identity",
    cases=[1, 2, 3],
)
def test_parity(trial, dim: Dim, n_points: NPoints = 41, n_sets: NSets = 40):
    """Let a classifier h make E(h) errors and the baseline E_0. The number of points on which they
    disagree has the parity of E(h) - E_0.
    """
    errors, base, differences = drawn_pairs(trial, dim, n_points, n_sets)
    controls = {"the parity of E(h) alone": errors % 2}
    trial.identity(differences % 2, (errors - base) % 2, ops=0, controls=controls)


@claim(
    derived("by the triangle inequality between both classifiers and the labels"),
    kind="bound",
    cases=[1, 2, 3],
)
def test_parity__range(trial, dim: Dim, n_points: NPoints = 41, n_sets: NSets = 40):
    """Let two classifiers make E and E_0 errors on n points. They disagree on at least |E - E_0|
    points and at most E + E_0 or 2 n - E - E_0, whichever is less. So two competitors at a
    tolerance ε of a baseline h_0 of error rate R(h_0) differ on at most the share 2 (R(h_0) + ε).
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
        controls={"at most E alone": np.concatenate([differences, errors])},
        control_processes={"at least E + E_0": np.concatenate([errors + base, differences])},
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


@claim(
    derived("a competitor flips whole rows, and every flip is a new mistake"),
    kind="bound",
    cases=[2, 3],
)
def test_separable(trial, dim: Dim, n_points: NPoints = 30, n_sets: NSets = 60):
    """For a baseline without errors on n points, a competitor with at most e errors flips at most
    the largest sum up to e of points of whole rows: the discrepancy at a tolerance ε is at most ε,
    and 0 at ε = 0.
    """
    rng = trial.generator("sets")

    def measure(_):
        points, positives, negatives = general_position(rng, dim, n_points)
        weights = positives + negatives
        sides = points @ rng.standard_normal(dim) > rng.standard_normal()
        positives = np.where(sides, weights, 0)
        negatives = np.where(sides, 0, weights)
        paths = enumerate_paths(points, positives, negatives)
        bounds = [predicted.separable_bound(positives, negatives, e) for e in range(n_points + 1)]
        return paths.discrepancy, paths.ambiguity, bounds

    discrepancy, ambiguity, bounds = over(range(n_sets), measure)
    rivals = {
        "less than e": np.insert(bounds[:, :-1], 0, 0, axis=1),
        "a repair for each mistake": np.broadcast_to(np.arange(n_points + 1) / 2, bounds.shape),
    }
    trial.bound(
        discrepancy,
        bounds,
        instances="draws",
        independent=n_sets,
        ops=0,
        controls=beyond(trial, discrepancy, rivals),
        control_processes={"ambiguity": ambiguity},
    )
