"""The laws of multiplicity and its neighbours by second routes: enumeration, linear programs, loops, by hand."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from theory import predictive_multiplicity as predicted

ROUNDING = 2.0**-53
general = settings(deadline=None, derandomize=True, max_examples=25)
XOR_ROWS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
XOR_POSITIVES = np.array([0, 25, 25, 0])
XOR_NEGATIVES = np.array([25, 0, 0, 25])
NAND, OR = np.array([1, 1, 1, 0]), np.array([0, 1, 1, 1])
SOLVER = 1e-9  # HiGHS returns a vertex: rounding of a basis of small numbers, far below its tolerance of 1e-7


def all_dichotomies(n_rows):
    """Every b in {0, 1}^m: the class of all classifiers of the features."""
    return np.array(list(itertools.product((0, 1), repeat=n_rows)))


def grid(side, dim):
    """The points of {0, ..., side - 1}^dim."""
    return np.indices((side,) * dim).reshape(dim, -1).T


def with_intercept(rows):
    """The points (1, u)."""
    return np.insert(rows, 0, 1, axis=1)


@st.composite
def counts(draw, n_rows, most=4):
    """Positive and negative counts of `n_rows` rows, at least one point in all."""
    both = st.lists(st.integers(0, most), min_size=n_rows, max_size=n_rows)
    positives, negatives = np.array(draw(both)), np.array(draw(both))
    positives[0] += not (positives.any() or negatives.any())
    return positives, negatives


@st.composite
def tables(draw, most_rows=8):
    """Distinct rows on the 3 x 3 grid (so with ties) and their counts."""
    chosen = draw(st.lists(st.integers(0, 8), min_size=2, max_size=most_rows, unique=True))
    return grid(3, 2)[chosen], *draw(counts(len(chosen)))


@st.composite
def classes(draw, n_rows=6):
    """Any finite class of classifiers, a baseline that need not belong to it, and counts."""
    entries = st.lists(st.integers(0, 1), min_size=n_rows, max_size=n_rows)
    cells = np.array(draw(st.lists(entries, min_size=1, max_size=12)))
    return cells, np.array(draw(entries)), *draw(counts(n_rows))


def points_of(positives, negatives):
    """The sample point by point: its rows and its labels in {0, 1}."""
    rows = [u for u in range(len(positives)) for _ in range(positives[u] + negatives[u])]
    labels = [int(k < positives[u]) for u in range(len(positives)) for k in range(positives[u] + negatives[u])]
    return rows, labels


def test_small_integer_types_and_booleans_do_not_overflow():
    positives, negatives = np.array([200, 100], dtype=np.uint8), np.array([100, 200], dtype=np.uint8)
    cells, baseline = np.array([[True, True], [False, True]]), np.array([True, False])
    table = (cells, baseline, positives, negatives)
    assert predicted.errors_of(cells, positives, negatives).tolist() == [300, 400]
    assert predicted.flip_costs(*table[1:]).tolist() == [100, 100]
    assert (predicted.discrepancy_of(*table, 100), predicted.ambiguity_of(*table, 100)) == (300, 300)
    assert (predicted.discrepancy_of(*table, 200), predicted.pair_diameter_of(*table, 200)) == (600, 600)
    assert predicted.discrepancy_path_of(*table)[[99, 100, 200]].tolist() == [0, 300, 600]
    assert predicted.ambiguity_path_of(*table)[[99, 100, 200]].tolist() == [0, 300, 600]


ALL_SIX = all_dichotomies(6)


@general
@given(classes())
def test_a_path_is_its_measure_at_every_tolerance(drawn):
    n = int(np.sum(drawn[2] + drawn[3]))
    assert predicted.discrepancy_path_of(*drawn).tolist() == [predicted.discrepancy_of(*drawn, e) for e in range(n + 1)]
    assert predicted.ambiguity_path_of(*drawn).tolist() == [predicted.ambiguity_of(*drawn, e) for e in range(n + 1)]


def test_the_xor_set_attains_proposition_1():
    assert predicted.discrepancy_bound(0.25, 0) == 0.5
    assert predicted.knapsack_bound(NAND, XOR_POSITIVES, XOR_NEGATIVES, 0) == 50
    assert predicted.discrepancy_of(predicted.linear_dichotomies(XOR_ROWS), NAND, XOR_POSITIVES, XOR_NEGATIVES, 0) == 50


def test_a_pair_of_competitors_can_exceed_proposition_1():
    table = (all_dichotomies(4), np.array([0, 0, 0, 0]), np.zeros(4, dtype=int), np.ones(4, dtype=int))
    assert (predicted.discrepancy_of(*table, 1), predicted.pair_diameter_of(*table, 1)) == (1, 2)
    assert (predicted.discrepancy_bound(0, 0.25), predicted.pair_diameter_bound(0, 0.25)) == (0.25, 0.5)


@general
@given(classes(), st.integers(0, 8))
def test_the_knapsack_is_the_linear_program_it_names(drawn, tolerance):
    _, baseline, positives, negatives = drawn
    solved = linprog(
        -(positives + negatives),
        A_ub=predicted.flip_costs(baseline, positives, negatives)[np.newaxis],
        b_ub=[tolerance],
        bounds=(0, 1),
        method="highs",
    )
    # One part of one row is rounded here; HiGHS keeps its rows to 1e-7 of a count, worth at most n of them.
    n = np.sum(positives + negatives)
    assert predicted.knapsack_bound(baseline, positives, negatives, tolerance) == pytest.approx(
        -solved.fun, abs=1e-7 * n
    )


@general
@given(classes())
def test_the_bounds_of_rows_are_attained_by_all_classifiers(drawn):
    _, baseline, positives, negatives = drawn
    n = int(np.sum(positives + negatives))
    table = (ALL_SIX, baseline, positives, negatives)
    assert (
        predicted.irreducible_errors(positives, negatives) == predicted.errors_of(ALL_SIX, positives, negatives).min()
    )
    assert np.array_equal(predicted.flip_error_bounds(baseline, positives, negatives), predicted.flip_errors_of(*table))
    bounds = [predicted.ambiguity_bound(baseline, positives, negatives, tolerance) for tolerance in range(n + 1)]
    assert bounds == predicted.ambiguity_path_of(*table).tolist()


@general
@given(tables(), st.integers(0, 5), st.data())
def test_the_one_sided_program_declares_what_suits_it(table, tolerance, data):
    rows, positives, negatives = table
    positives, negatives = np.minimum(positives, 1), np.minimum(negatives, 1)
    positives[0] = 1
    cells = predicted.linear_dichotomies(rows)
    found = predicted.errors_of(cells, positives, negatives)
    baseline = cells[np.argmin(found)] if data.draw(st.booleans()) else cells[data.draw(st.integers(0, len(cells) - 1))]
    at, labels = points_of(positives, negatives)
    gains = [1 if baseline[u] == y else -1 for u, y in zip(at, labels, strict=True)]
    lower = found.min() - predicted.errors(baseline, positives, negatives)
    most = 0
    for flipped in {tuple(np.flatnonzero([b[u] != baseline[u] for u in at])) for b in cells}:
        for size in range(len(flipped), most, -1):
            declared = itertools.combinations(flipped, size)
            if any(lower <= sum(gains[i] for i in chosen) <= tolerance for chosen in declared):
                most = size
                break
    reported = predicted.one_sided_discrepancy_of(cells, baseline, positives, negatives, tolerance)
    assert reported == most
    assert reported >= predicted.discrepancy_of(cells, baseline, positives, negatives, tolerance)


def thresholds_of_integer_weights(rows, most):
    """The dichotomies of all integer weights up to `most` in size, thresholds between any two neighbouring scores."""
    weights = np.array(list(itertools.product(range(-most, most + 1), repeat=rows.shape[1])))
    scores = weights @ rows.T
    thresholds = np.arange(scores.min(), scores.max() + 2) - 0.5
    return np.unique((scores > thresholds[:, np.newaxis, np.newaxis]).reshape(-1, len(rows)), axis=0).astype(int)


@pytest.mark.parametrize(
    ("n", "dim", "count"),
    [(8, 3, 58), (10, 3, 92), (8, 4, 128), (1, 1, 2), (5, 1, 2), (4, 9, 16), (16, 5, 3882), (400, 200, 2**399)],
)
def test_cover_count(n, dim, count):
    assert predicted.cover_count(n, dim) == count


@pytest.mark.parametrize(("rows", "most"), [(XOR_ROWS, 4), (grid(3, 2), 4), (grid(2, 3), 4), (grid(3, 1), 4)])
def test_integer_weights_find_the_same_dichotomies_of_a_lattice(rows, most):
    found = predicted.linear_dichotomies(rows)
    assert found.tolist() == thresholds_of_integer_weights(rows, most).tolist()  # both in sorted order
    assert len(found) == predicted.dichotomy_count(rows)


@settings(general, max_examples=8)
@given(st.integers(1, 3), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_points_in_general_position_attain_covers_count(n_features, n, seed):
    rows = np.random.default_rng(seed).normal(size=(n, n_features))
    cells = predicted.linear_dichotomies(rows)
    assert len(cells) == predicted.dichotomy_count(rows) == predicted.cover_count(n, n_features + 1)
    assert len(np.unique(cells, axis=0)) == len(cells)


@general
@given(tables())
def test_the_list_is_closed_under_the_opposite_and_holds_the_constants(table):
    rows = table[0]
    cells = predicted.linear_dichotomies(rows)
    listed = {tuple(b) for b in cells.tolist()}
    assert {tuple(b) for b in (1 - cells).tolist()} == listed
    assert {(0,) * len(rows), (1,) * len(rows)} <= listed
    assert len(listed) == len(cells) == predicted.dichotomy_count(rows) <= predicted.cover_count(len(rows), 3)


def test_floats_are_taken_at_their_exact_value():
    almost = math.nextafter(0.5, 1)
    assert [0, 1, 0] not in predicted.linear_dichotomies(np.array([[0.0, 0.0], [0.5, 0.5], [1.0, 1.0]])).tolist()
    bent = np.array([[0.0, 0.0], [0.5, almost], [1.0, 1.0]])
    assert [0, 1, 0] in predicted.linear_dichotomies(bent).tolist()
    assert (len(predicted.linear_dichotomies(bent)), predicted.dichotomy_count(bent)) == (8, 8)
    assert len(predicted.linear_dichotomies(np.array([[1e-300], [0.0], [1e300]]))) == 6


@pytest.mark.parametrize(
    ("b", "margin"), [(NAND, 1 / 7), (OR, 1 / 5), (np.array([0, 1, 0, 0]), 1 / 5), (np.array([0, 0, 1, 0]), 1 / 5)]
)
def test_margins_of_the_xor_optima(b, margin):
    found, weights = predicted.largest_margin(b, XOR_ROWS)
    assert found == pytest.approx(margin, abs=SOLVER)
    if margin > 0.15:
        assert np.abs(weights) == pytest.approx([0.2, 0.4, 0.4], abs=SOLVER)
    else:
        assert weights == pytest.approx([3 / 7, -2 / 7, -2 / 7], abs=SOLVER)


@general
@given(tables(), st.integers(0, 2**32 - 1))
def test_the_margin_is_attained_and_positive_exactly_for_linear_dichotomies(table, seed):
    rows = table[0]
    listed = {tuple(b) for b in predicted.linear_dichotomies(rows).tolist()}
    for b in np.random.default_rng(seed).integers(0, 2, (4, len(rows))):
        margin, weights = predicted.largest_margin(b, rows)
        signed = (2 * b - 1)[:, np.newaxis] * with_intercept(rows)
        assert np.abs(weights).sum() <= 1 + SOLVER
        assert (signed @ weights).min() == pytest.approx(margin, abs=SOLVER)
        # The least positive margin of dichotomies of the 3 x 3 lattice is 1 / 15, and that of a subset no less.
        assert margin > 0.05 if tuple(b.tolist()) in listed else margin == pytest.approx(0, abs=SOLVER)


@general
@given(st.integers(1, 4), st.floats(0, 2), st.integers(0, 2**32 - 1))
def test_big_m_is_the_largest_shortfall_over_the_ball(n_features, margin, seed):
    rows = np.random.default_rng(seed).normal(scale=2, size=(5, n_features))
    vertices = np.vstack([np.eye(n_features + 1), -np.eye(n_features + 1)])
    shortfall = margin - (with_intercept(rows) @ vertices.T).min(axis=1)
    assert predicted.big_m(rows, margin) == pytest.approx(
        shortfall, abs=4 * ROUNDING * (margin + np.abs(rows).max() + 1)
    )


@st.composite
def menus(draw):
    """Whole scores, weights, actions and costs, so that every sum is exact; action 0 of every menu is free."""
    n_features = draw(st.integers(1, 4))
    whole = st.integers(-4, 4)
    sizes = draw(st.lists(st.integers(0, 3), min_size=n_features, max_size=n_features))
    actions = [np.array([0.0, *draw(st.lists(whole, min_size=k, max_size=k))]) for k in sizes]
    costs = [np.array([0.0, *draw(st.lists(st.integers(0, 7), min_size=k, max_size=k))]) for k in sizes]
    weights = np.array(draw(st.lists(whole, min_size=n_features, max_size=n_features)), dtype=float)
    return draw(st.integers(-20, 3)), weights, actions, costs


def granted_costs(score, weights, actions, costs):
    """The costs of every choice of actions that is granted."""
    found = []
    for choice in itertools.product(*(range(len(menu)) for menu in actions)):
        if score + sum(w * menu[k] for w, menu, k in zip(weights, actions, choice, strict=True)) >= 0:
            found.append([cost[k] for cost, k in zip(costs, choice, strict=True)])
    return found


@general
@given(menus())
def test_recourse_is_that_of_every_choice(drawn):
    found = granted_costs(*drawn)
    assert predicted.recourse_exists(*drawn[:3]) == bool(found)
    assert predicted.cheapest_largest_cost(*drawn) == min(map(max, found), default=np.inf)
    assert predicted.cheapest_total_cost(*drawn) == min(map(sum, found), default=np.inf)


@general
@given(menus())
def test_the_tie_breaker_leaves_the_largest_cost_alone(drawn):
    found = granted_costs(*drawn)
    epsilon = predicted.safe_tie_breaker(drawn[3])
    if found and epsilon < np.inf:
        # Costs are integers up to 7, so objectives that differ do so by far more than rounding.
        chosen = min(found, key=lambda costs: (round(max(costs) + epsilon * sum(costs), 9), max(costs)))
        assert max(chosen) == predicted.cheapest_largest_cost(*drawn)
        assert sum(chosen) == min(sum(costs) for costs in found if max(costs) == max(chosen))


@general
@given(
    st.lists(st.floats(-3, 3), min_size=1, max_size=5),
    st.floats(-5, -0.1),
    st.sampled_from([1, 1.5, 2, 3, 10, float("inf")]),
    st.integers(0, 2**32 - 1),
)
def test_the_cheapest_unbounded_action_lands_on_the_boundary(weights, score, order, seed):
    weights = np.array(weights)
    cost, action = predicted.unbounded_recourse(score, weights, order)
    if not weights.any():
        assert cost == np.inf
        assert np.all(np.isnan(action))
        return
    assert score + weights @ action == pytest.approx(0, abs=64 * ROUNDING * 5)
    assert np.linalg.norm(action / cost, order) == pytest.approx(1, abs=256 * ROUNDING)
    # No other action on the boundary is shorter.
    others = np.random.default_rng(seed).normal(size=(20, len(weights)))
    gains = others @ weights
    reached = others[gains != 0] * (-score / gains[gains != 0])[:, np.newaxis]
    assert np.all(np.linalg.norm(reached, order, axis=1) >= cost * (1 - 256 * ROUNDING))


def test_percentile_costs_by_hand():
    population = np.array([4.0, 1.0, 2.0, 2.0, 3.0, 6.0, 8.0, 8.0])
    actions = np.array([0.0, 1.0, -1.0, 5.0, 100.0])
    assert predicted.percentile_shifts(population, 2, actions).tolist() == [0, 0.125, 0.25, 0.375, 0.625]
    expected = np.log([1, 5 / 4, 5 / 2])
    assert predicted.log_percentile_shifts(population, 2, np.array([0.0, 1.0, 5.0])) == pytest.approx(
        expected, abs=8 * ROUNDING
    )
    assert predicted.log_percentile_shifts(population, 2, np.array([6.0, 7.0])).tolist() == [np.inf, np.inf]
    assert predicted.log_percentile_shifts(population, 0, np.array([0.0, 1.0])).tolist() == [0, -np.log1p(-0.125)]


THREE = np.full(3, 3)


@st.composite
def samples(draw, n_coefficients=3, n=8):
    """Whole features and labels, so that scores of zero occur."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.integers(-2, 3, (n, n_coefficients)), rng.choice([-1, 1], n)


def triples_by_hand(features, labels, lower, upper):
    """(errors, l0, l1, lambda) of every lambda in the box."""
    found = []
    for chosen in itertools.product(*(range(low, high + 1) for low, high in zip(lower, upper, strict=True))):
        wrong = sum(
            y * sum(c * x for c, x in zip(chosen, row, strict=True)) <= 0
            for row, y in zip(features.tolist(), labels.tolist(), strict=True)
        )
        found.append((wrong, sum(c != 0 for c in chosen), sum(abs(c) for c in chosen), chosen))
    return found


@settings(general, max_examples=10)
@given(samples(), st.fractions(0, 1, max_denominator=20), st.fractions(0, 1, max_denominator=200), st.booleans())
def test_the_optimum_is_that_of_a_plain_loop(sample, sparsity, size, intercept):
    features, labels = sample
    lower, upper = np.array([-1, 0, -2]), np.array([2, 3, 1])
    objectives = {}
    for wrong, _, _, chosen in triples_by_hand(features, labels, lower, upper):
        penalised = chosen[1:] if intercept else chosen
        nonzero, total = sum(c != 0 for c in penalised), sum(abs(c) for c in penalised)
        objectives[chosen] = (wrong + 8 * sparsity * nonzero + 8 * size * total, wrong)
    least = min(value for value, _ in objectives.values())
    optimum = predicted.brute_force_optimum(features, labels, lower, upper, sparsity, size, intercept=intercept)
    assert optimum.objective == least
    best = sorted(chosen for chosen, (value, _) in objectives.items() if value == least)
    assert optimum.coefficients.tolist() == [list(chosen) for chosen in best]
    assert optimum.errors.tolist() == [objectives[chosen][1] for chosen in best]


@settings(general, max_examples=15)
@given(samples())
def test_a_small_sparsity_penalty_keeps_the_accuracy(sample):
    features, labels = sample
    penalty = predicted.accuracy_preserving_penalty(8, 3)
    assert penalty == Fraction(1, 24)
    triples = triples_by_hand(features, labels, -THREE, THREE)
    pairs = [(wrong, nonzero) for wrong, nonzero, _, _ in triples]
    optimum = predicted.brute_force_optimum(features, labels, -THREE, THREE, penalty * Fraction(99, 100), 0)
    found = {(e, int(np.count_nonzero(c))) for e, c in zip(optimum.errors.tolist(), optimum.coefficients, strict=True)}
    assert found == {min(pairs)}


@settings(general, max_examples=15)
@given(samples(), st.sampled_from([Fraction(95, 800), Fraction(1, 8), Fraction(3, 16), Fraction(1, 30)]))
def test_a_small_size_penalty_keeps_its_promises(sample, sparsity):
    features, labels = sample
    triples = triples_by_hand(features, labels, -THREE, THREE)
    pareto = predicted.brute_force_optimum(
        features, labels, -THREE, THREE, sparsity, predicted.pareto_penalty(8, sparsity, THREE) * Fraction(99, 100)
    )
    safe = predicted.brute_force_optimum(
        features,
        labels,
        -THREE,
        THREE,
        sparsity,
        predicted.tie_breaking_penalty(8, sparsity, THREE) * Fraction(99, 100),
    )
    for optimum in (pareto, safe):
        assert np.all(np.gcd.reduce(optimum.coefficients, axis=1) <= 1)
        for wrong, chosen in zip(optimum.errors.tolist(), optimum.coefficients, strict=True):
            nonzero = int(np.count_nonzero(chosen))
            assert not any(e <= wrong and k <= nonzero and (e, k) != (wrong, nonzero) for e, k, _, _ in triples)
    least = min(e + 8 * sparsity * k for e, k, _, _ in triples)
    smallest = min(size for e, k, size, _ in triples if e + 8 * sparsity * k == least)
    for wrong, chosen in zip(safe.errors.tolist(), safe.coefficients, strict=True):
        assert wrong + 8 * sparsity * int(np.count_nonzero(chosen)) == least
        assert np.abs(chosen).sum() == smallest


def test_the_pareto_penalty_does_not_only_break_ties():
    # lambda = (3, 1): 0 errors, l0 = 2, l1 = 4; (1, 0): one error; N C_0 = 0.95 makes the pairs 0.05 apart.
    features, labels = np.array([[1, -2], [0, 1], *[[1, 0]] * 8]), np.ones(10, dtype=int)
    sparsity, bounds = Fraction(95, 1000), np.full(2, 3)
    dear = predicted.pareto_penalty(10, sparsity, bounds) * Fraction(99, 100)
    assert predicted.brute_force_optimum(features, labels, -bounds, bounds, sparsity, dear).coefficients.tolist() == [
        [1, 0]
    ]
    cheap = predicted.tie_breaking_penalty(10, sparsity, bounds) * Fraction(99, 100)
    assert predicted.brute_force_optimum(features, labels, -bounds, bounds, sparsity, cheap).coefficients.tolist() == [
        [3, 1]
    ]
    assert dear / cheap == 19


@general
@given(samples(), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_big_m_is_the_largest_shortfall_in_the_box(sample, seed, margin):
    features, labels = sample
    rng = np.random.default_rng(seed)
    lower = rng.integers(-2, 2, 3)
    upper = lower + rng.integers(0, 3, 3)
    vectors = np.array([chosen for *_, chosen in triples_by_hand(features, labels, lower, upper)])
    shortfall = margin - (vectors @ features.T * labels).min(axis=0)
    assert predicted.scoring_big_m(features, labels, lower, upper, margin).tolist() == shortfall.tolist()


@general
@given(st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_a_sufficient_resolution_keeps_every_prediction(n_coefficients, seed):
    rng = np.random.default_rng(seed)
    features, coefficients = rng.normal(size=(12, n_coefficients)), rng.normal(size=n_coefficients)
    resolution = math.floor(predicted.sufficient_resolution(features, coefficients)) + 1
    rounded = predicted.rounded_coefficients(coefficients, resolution)
    assert np.abs(rounded).max() <= resolution
    assert np.array_equal(np.sign(features @ rounded), np.sign(features @ coefficients))


@pytest.mark.parametrize(("bound", "n_coefficients"), [(1, 1), (1, 3), (2, 2), (4, 2), (6, 3), (7, 1)])
def test_coprime_vectors_are_counted(bound, n_coefficients):
    vectors = list(itertools.product(range(-bound, bound + 1), repeat=n_coefficients))
    assert predicted.box_count(bound, n_coefficients) == len(vectors)
    assert predicted.coprime_count(bound, n_coefficients) == sum(math.gcd(*vector) == 1 for vector in vectors)


# Two hundred sums of chances: rounding, and what HiGHS leaves of a row of size one.
SUMMED = 512 * ROUNDING


@st.composite
def worlds(draw, most_atoms=20):
    """A joint law of atom, group and label in which every group has both labels."""
    n_atoms = draw(st.integers(2, most_atoms))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.dirichlet(np.full(4 * n_atoms, 0.5)).reshape(n_atoms, 2, 2)


def flipped_acceptance(joint, flips):
    """Chance of acceptance Yhat (1 - kappa) + (1 - Yhat) kappa after flipping with chance kappa."""
    return np.where(predicted.accurate_rule(joint), 1 - flips, flips)


@general
@given(worlds(), st.integers(0, 2**32 - 1))
def test_flips_take_their_influence_off_the_gaps_and_their_loss_off_the_accuracy(joint, seed):
    flips = np.random.default_rng(seed).uniform(size=len(joint))
    before, after = predicted.accurate_rule(joint).astype(float), flipped_acceptance(joint, flips)
    assert predicted.parity_gap(joint, after) == pytest.approx(
        predicted.parity_gap(joint, before) - flips @ predicted.parity_influences(joint), abs=SUMMED
    )
    assert predicted.odds_gaps(joint, after) == pytest.approx(
        predicted.odds_gaps(joint, before) - predicted.odds_influences(joint) @ flips, abs=SUMMED
    )

    def accuracy(acceptance):
        by_label = joint.sum(axis=1)
        return by_label[:, 1] @ acceptance + by_label[:, 0] @ (1 - acceptance)

    assert accuracy(after) == pytest.approx(accuracy(before) - flips @ predicted.flip_losses(joint), abs=SUMMED)
    group, label = joint.sum(axis=(0, 2)), joint.sum(axis=0)
    accepted = [sum(joint[x, a].sum() * after[x] for x in range(len(joint))) / group[a] for a in (0, 1)]
    assert predicted.parity_gap(joint, after) == pytest.approx(accepted[0] - accepted[1], abs=SUMMED)
    for y in (0, 1):
        accepted = [sum(joint[x, a, y] * after[x] for x in range(len(joint))) / label[a, y] for a in (0, 1)]
        assert predicted.odds_gaps(joint, after)[y] == pytest.approx(accepted[0] - accepted[1], abs=SUMMED)


@general
@given(worlds(), st.sampled_from([0, 0.01, 0.1, 1]))
def test_the_threshold_of_the_bias_score_is_optimal(joint, tolerance):
    flips = predicted.optimal_parity_flips(joint, tolerance)
    losses, influences = predicted.flip_losses(joint), predicted.parity_influences(joint)
    gap = predicted.parity_gap(joint, predicted.accurate_rule(joint).astype(float))
    assert abs(predicted.parity_gap(joint, flipped_acceptance(joint, flips))) <= tolerance + SUMMED
    # The dual at the score of the last flipped atom: nothing loses less.
    scores = np.abs(predicted.bias_scores(joint))[flips > 0]
    price = 1 / scores.min() if scores.size and np.isfinite(scores.min()) else 0.0
    paid = np.maximum(price * np.sign(gap) * influences - losses, 0).sum()
    assert flips @ losses == pytest.approx(price * max(abs(gap) - tolerance, 0) - paid, abs=SUMMED * (1 + price))
    assert np.sum((flips > 0) & (flips < 1)) <= 1


@settings(general, max_examples=15)
@given(worlds(), st.sampled_from([0, 0.01, 0.1, 1]))
def test_the_linear_rule_is_optimal_for_odds(joint, tolerance):
    rule = predicted.optimal_odds_flips(joint, tolerance)
    losses, influences = predicted.flip_losses(joint), predicted.odds_influences(joint)
    gaps = predicted.odds_gaps(joint, predicted.accurate_rule(joint).astype(float))
    assert np.all(np.abs(predicted.odds_gaps(joint, flipped_acceptance(joint, rule.flips))) <= tolerance + SOLVER)
    solved = linprog(
        losses,
        A_ub=np.vstack([influences, -influences]),
        b_ub=tolerance + np.append(gaps, -gaps),
        bounds=(0, 1),
        method="highs",
    )
    assert rule.flips @ losses == pytest.approx(solved.fun, abs=1e-7)  # the tolerance of the peer
    assert rule.flips @ losses == pytest.approx(
        predicted.odds_dual_value(joint, tolerance, rule.multipliers), abs=SOLVER
    )
    net = rule.multipliers @ influences - losses
    assert np.all(rule.flips[net > SOLVER] == 1)
    assert np.all(rule.flips[net < -SOLVER] == 0)
    assert np.sum((rule.flips > 0) & (rule.flips < 1)) <= 2
    for other in np.random.default_rng(0).normal(size=(20, 2)):
        assert predicted.odds_dual_value(joint, tolerance, other) <= rule.flips @ losses + SOLVER


def test_free_flips_come_first_and_useless_ones_never():
    joint = np.array([[[0.0, 0.0], [0.1, 0.1]], [[0.05, 0.2], [0.05, 0.1]], [[0.15, 0.15], [0.05, 0.05]]])
    assert predicted.flip_losses(joint)[[0, 2]].tolist() == [0, 0]
    assert predicted.bias_scores(joint)[[0, 2]].tolist() == [np.inf, -np.inf]
    # The gap is 25/55 - 15/45 = 4/33, of which the first atom can take off 20/45.
    assert predicted.optimal_parity_flips(joint, 0) == pytest.approx([3 / 11, 0, 0], abs=64 * ROUNDING)
    symmetric = np.full((1, 2, 2), 0.25)
    assert predicted.bias_scores(symmetric).tolist() == [0]
    assert predicted.optimal_parity_flips(symmetric, 0).tolist() == [0]
    assert predicted.optimal_odds_flips(symmetric, 0).flips @ predicted.flip_losses(symmetric) == 0
