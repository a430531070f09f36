"""What holds for every class of classifiers and every baseline: Proposition 1 and its sharper and wider companions."""

import numpy as np

from paper_checks.test_predictive_multiplicity import (
    DEFINITIONS,
    DERIVED,
    EXCLUSIVE_OR,
    LATTICE,
    PROPOSITION,
    cells_by_weights,
    general_position,
    labelled_corners,
    lattice_table,
    sampled_paths,
    solved,
)
from sims import predictive_multiplicity as observed
from theory import predictive_multiplicity as predicted
from theory_on_trial import claim, ours


@claim(ours(PROPOSITION), kind="bound")
def test_discrepancy__bound(trial, n_sets=60, n_classes=200):
    """Discrepancy is at most 2 R(h_0) + epsilon for every class of classifiers and every baseline, optimal or not."""

    def judge(discrepancies, errors, n, **found):
        shares = np.array(errors)[:, None] / n, np.arange(n + 1) / n
        bounds = [[predicted.discrepancy_bound(own, epsilon) for epsilon in shares[1]] for (own,) in shares[0]]
        trial.bound(
            np.array(discrepancies) / n,
            bounds,
            **found,
            ops=4,
            controls={"R(h_0) + epsilon": shares[0] + shares[1]},
        )

    paths = [found for found, _, _ in sampled_paths(trial.generator("sets"), n_sets)]
    judge(
        [path.discrepancy for path in paths], [path.errors for path in paths], 30, found_by="draws", independent=n_sets
    )
    # Arbitrary finite classes: any matrix of predictions, baseline included.
    rng = trial.generator("classes")
    errors, discrepancies = [], []
    for _ in range(n_classes):
        matrix = rng.integers(0, 2, (6, 8))
        positives, negatives = rng.multinomial(20, np.full(16, 1 / 16)).reshape(2, 8)
        pool = observed.pool_multiplicity(matrix[1:], positives, negatives, matrix[0], np.arange(21))
        errors.append(int(np.where(matrix[0] == 1, negatives, positives).sum()))
        discrepancies.append(pool.discrepancy)
    judge(discrepancies, errors, 20, found_by="draws", independent=n_classes)
    table = labelled_corners(EXCLUSIVE_OR)
    path = observed.discrepancy_path(table, observed.minimise_errors(table), np.arange(101) / 100)
    judge([path.disagreement], [25], 100, found_by="all")


@claim(ours(PROPOSITION), kind="identity")
def test_bound__tight(trial, copies=(1, 7, 25)):
    """The bound is attained: on exclusive or at epsilon = 0 the discrepancy is 2 R(h_0) = 1/2."""
    found, bounds = [], []
    for count in copies:
        table = labelled_corners(EXCLUSIVE_OR, count)
        baseline = observed.minimise_errors(table)
        found.append(observed.discrepancy_path(table, baseline, (0.0, 0.5)).disagreement)
        n = 4 * count
        bounds.append([n * predicted.discrepancy_bound(baseline.errors / n, epsilon) for epsilon in (0.0, 0.5)])
    bounds = np.array(bounds)
    trial.identity(
        found,
        bounds,
        ops=0,
        controls={"2 R + epsilon - 1/n": bounds - 1, "R + epsilon": bounds - [[k] for k in copies]},
    )


@claim(ours(DEFINITIONS), kind="bound")
def test_order(trial, n_sets=60):
    """Discrepancy never exceeds ambiguity; both rise with the tolerance, and one is zero only where the other is."""
    paths = [found for found, _, _ in sampled_paths(trial.generator("sets"), n_sets)]
    discrepancy = np.array([path.discrepancy for path in paths])
    ambiguity = np.array([path.ambiguity for path in paths])
    strict = np.insert(ambiguity[:, :-1], 0, 0, axis=1)
    trial.bound(
        discrepancy,
        ambiguity,
        found_by="draws",
        independent=n_sets,
        ops=0,
        controls={
            "level set with < in place of <=": strict,
            "the reverse, that is delta <= 2 delta - alpha": 2 * discrepancy - ambiguity,
        },
    )
    for path in (discrepancy, ambiguity):
        trial.bound(
            path[:, :-1],
            path[:, 1:],
            found_by="draws",
            independent=n_sets,
            ops=0,
            controls={"a rise at every step": path[:, 1:] - 1},
        )
    moved, affected, strictly = (np.sign(path) for path in (discrepancy, ambiguity, strict))
    nobody = np.zeros_like(affected)
    trial.identity(moved, affected, ops=0, controls={"level set with < in place of <=": strictly, "nobody": nobody})


@claim(ours(DEFINITIONS), kind="identity")
def test_steps(trial, n_sets=4, fractions=(0.0, 0.3, 0.999)):
    """Discrepancy is a right-continuous step function of epsilon with jumps at multiples of 1/n only."""
    rng = trial.generator("sets")
    tolerances = np.array([0, 1, 2, 3, 5, 8, 13, 20])
    found, steps, strict, rounded = [], [], [], []
    for _ in range(n_sets):
        table = lattice_table(rng)
        baseline = observed.minimise_errors(table)
        cells = predicted.linear_dichotomies(table.rows)
        path = predicted.discrepancy_path_of(cells, baseline.dichotomy, table.positives, table.negatives)
        for fraction in fractions:
            epsilons = (tolerances + fraction) / table.n
            found.append(observed.discrepancy_path(table, baseline, epsilons).disagreement)
            steps.append(path[[predicted.tolerance_count(epsilon, table.n) for epsilon in epsilons]])
            strict.append(path[np.maximum(tolerances - (fraction == 0), 0)])
            rounded.append(path[tolerances + round(fraction)])
    trial.identity(
        found, steps, ops=0, controls={"level set with < in place of <=": strict, "epsilon n rounded": rounded}
    )


@claim(ours(DERIVED), kind="identity")
def test_parity(trial, n_sets=6):
    """Disagreement has the parity of E(h) - E_0 and lies between |E(h) - E_0| and E(h) + E_0, for every classifier."""
    rng = trial.generator("sets")
    triples = []  # errors, errors of the baseline, disagreement
    cells = cells_by_weights(LATTICE - 1)
    for _ in range(n_sets):
        table = lattice_table(rng, 41)
        errors = [table.errors(h) for h in cells]
        for baseline, own in zip(cells, errors, strict=True):
            triples += [(e, own, table.disagreement(h, baseline)) for h, e in zip(cells, errors, strict=True)]
    sampled = np.array(triples)
    compas = []
    for target in ("arrest", "violent"):
        answers = solved(target)
        for found in (*answers.flips.solutions, *answers.discrepancy.solutions):
            differ = answers.table.disagreement(found.dichotomy, answers.baseline.dichotomy)
            compas.append((found.errors, answers.baseline.errors, differ))
    for errors, baseline_errors, differences in (sampled.T, np.array(compas).T):
        pairs = zip(errors.tolist(), baseline_errors.tolist(), strict=True)
        trial.identity(
            differences % 2,
            [predicted.parity_defect(*pair, 0) for pair in pairs],
            ops=0,
            controls={"the parity of E(h) alone": errors % 2},
        )
    errors, baseline_errors, differences = sampled.T
    pairs = zip(errors.tolist(), baseline_errors.tolist(), strict=True)
    least, most = np.array([predicted.disagreement_range(*pair, 41) for pair in pairs]).T
    drawn = {"found_by": "draws", "independent": n_sets, "ops": 0}  # tables, each with every pair of classifiers
    trial.bound(differences, most, **drawn, controls={"at most E(h) alone": errors})
    trial.bound(least, differences, **drawn, wrong_processes={"E(h) + E_0": errors + baseline_errors})


@claim(ours(DERIVED), kind="bound")
def test_pair__diameter(trial, n_sets=60, n_enumerated=3):
    """Any two competitors differ on at most 2 (R(h_0) + epsilon) of the points, twice epsilon where h_0 has it once."""
    rng = trial.generator("sets")
    diameters, bounds, controls = [], [], []
    for _ in range(n_sets):
        points, positives, negatives = general_position(rng)
        cells = observed.dichotomies(points)
        weights, errors = positives + negatives, cells @ (negatives - positives) + positives.sum()
        signs = 2 * cells - 1
        distances = (weights.sum() - signs * weights @ signs.T) // 2
        for tolerance in (1, 3, 6):
            near = errors <= errors.min() + tolerance
            diameters.append(int(distances[np.ix_(near, near)].max()))
            error, epsilon = errors.min() / 30, tolerance / 30
            bounds.append(30 * predicted.pair_diameter_bound(error, epsilon))
            controls.append(30 * predicted.discrepancy_bound(error, epsilon))
    trial.bound(
        diameters,
        bounds,
        found_by="draws",
        independent=n_sets,
        ops=4,
        controls={"2 R(h_0) + epsilon, as for one of them": controls},
    )
    # On lattices the competitors are met one by one by integer programs.
    measured, exact, once = [], [], []
    for _ in range(n_enumerated):
        table = lattice_table(rng)
        near = [one.dichotomy for one in observed.co_optimal(table, 2).solutions]
        measured.append(max(table.disagreement(one, other) for one in near for other in near))
        cells = predicted.linear_dichotomies(table.rows)
        arguments = (cells, near[0], table.positives, table.negatives, 2)
        exact.append(predicted.pair_diameter_of(*arguments))
        once.append(predicted.discrepancy_of(*arguments))
    trial.identity(measured, exact, ops=0, wrong_processes={"nobody differs": np.zeros(n_enumerated, int)})


@claim(ours(DERIVED), kind="identity")
def test_saturation(trial, n_sets=60):
    """Where -h_0 is in the class, delta = alpha = 1 from e = n - 2 E_0 on, and delta < 1 below."""
    paths = [found for found, _, _ in sampled_paths(trial.generator("sets"), 2 * n_sets)[::2]]
    errors = np.array([path.errors for path in paths])
    trial.identity(
        [int(np.argmax(path.discrepancy == 30)) for path in paths],
        [predicted.saturation_tolerance(path.errors, 30) for path in paths],
        ops=0,
        controls={"1 - R(h_0)": 30 - errors, "one error less": 30 - 2 * errors - 1},
    )
    trial.identity(
        [path.ambiguity[predicted.saturation_tolerance(path.errors, 30)] for path in paths],
        np.full(n_sets, 30),
        ops=0,
        wrong_processes={"ambiguity at epsilon = 0": [path.ambiguity[0] for path in paths]},
    )


@claim(ours(DERIVED), kind="bound")
def test_separable(trial, n_sets=60):
    """For a baseline without errors every disagreement is an error: delta <= epsilon, but alpha may be far larger."""
    rng = trial.generator("sets")
    discrepancies, ambiguities, bounds = [], [], []
    for _ in range(n_sets):
        points, positives, negatives = general_position(rng)
        weights, sides = positives + negatives, points @ rng.standard_normal(2) > rng.standard_normal()
        positives, negatives = np.where(sides, weights, 0), np.where(sides, 0, weights)
        found = observed.enumerate_paths(points, positives, negatives)
        discrepancies.append(found.discrepancy)
        ambiguities.append(found.ambiguity)
        bounds.append([predicted.separable_bound(positives, negatives, tolerance) for tolerance in range(31)])
    discrepancies, tolerances = np.array(discrepancies), np.arange(31)
    ambiguity = {"ambiguity": np.array(ambiguities)}
    drawn = {"found_by": "draws", "independent": n_sets}
    trial.bound(discrepancies, bounds, **drawn, ops=0, wrong_processes=ambiguity)
    allowed = np.broadcast_to(tolerances / 30, discrepancies.shape)
    trial.bound(discrepancies / 30, allowed, **drawn, ops=2, controls={"epsilon / 2": allowed / 2})
    trial.identity(
        [discrepancies[:, 0], ambiguity["ambiguity"][:, 0]],
        np.zeros((2, n_sets)),
        ops=0,
        wrong_processes={"one error allowed": [discrepancies[:, 0], ambiguity["ambiguity"][:, 1]]},
    )
