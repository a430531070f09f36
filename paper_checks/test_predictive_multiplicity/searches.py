"""Inequalities of "Predictive multiplicity in classification": counts over all linear classifiers of a set."""

from functools import cache
from typing import NamedTuple

import numpy as np

from paper_checks.test_predictive_multiplicity import CORNERS, lattice
from paper_checks.test_predictive_multiplicity.test_bias_scores import fractional, two_atoms
from paper_checks.test_predictive_multiplicity.test_lattices import parallelograms
from paper_checks.test_predictive_multiplicity.test_recourse import refusals
from paper_checks.test_predictive_multiplicity.test_relaxations import FEASIBILITY, tightened
from sims import predictive_multiplicity as observed
from theory import predictive_multiplicity as predicted
from theory_on_trial.audits.falsifier import NOT_SEARCHED, Draw, Sides, inequality
from theory_on_trial.audits.falsifier.multinomial import data_sets

PAPER = "predictive_multiplicity"
EXACT = 0.0
"""Roundings of a comparison of whole numbers."""
# Rows in lexicographic order, as tables have them.
_SETS = {
    "line of 5": np.arange(5)[:, None],
    "square": CORNERS.astype(int),
    "3 x 3 lattice": lattice((3, 3)),
    "cube": np.indices((2, 2, 2)).reshape(3, 8).T,
    "general position": np.array([[0, 0], [2, 6], [3, 11], [5, 5], [7, 1], [9, 4], [13, 8]]),
}


@cache
def _cells(name: str) -> np.ndarray:
    """All linear dichotomies of one of the sets, by the theory's exact count."""
    return predicted.linear_dichotomies(_SETS[name])


class _World(NamedTuple):
    """All linear classifiers of a labelled set, a baseline among them, and how many more errors are allowed."""

    cells: np.ndarray
    baseline: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray
    tolerance: int

    @property
    def errors(self) -> int:
        """Errors of the baseline."""
        return predicted.errors(self.baseline, self.positives, self.negatives)

    @property
    def n(self) -> int:
        """Number of points."""
        return int((self.positives + self.negatives).sum())


def _world(draw: Draw, *, any_baseline: bool = True) -> _World | None:
    """Any counts of up to three labels of a kind a row; any linear baseline, or the first of the best ones."""
    name = draw.choice("set", tuple(_SETS))
    cells = _cells(name)
    rows = cells.shape[1]
    positives, negatives = draw.integers("positives", 0, 3, rows), draw.integers("negatives", 0, 3, rows)
    if not np.any(positives + negatives):
        return None
    best = int(np.argmin(predicted.errors_of(cells, positives, negatives)))
    optimal = not any_baseline or draw.choice("baseline", ("any", "best")) == "best"
    index = best if optimal else draw.integer("index", 0, len(cells) - 1)
    return _World(cells, cells[index], positives, negatives, draw.integer("e", 0, 6))


@inequality(f"{PAPER}.discrepancy-bound", "discrepancy <= 2 R(h_0) + epsilon, any baseline")
def discrepancy(draw: Draw) -> Sides | None:
    """Proposition 1 in shares of the points."""
    if (world := _world(draw)) is None or world.tolerance > world.n:
        return None
    bound = predicted.discrepancy_bound(world.errors / world.n, world.tolerance / world.n)
    return Sides(predicted.discrepancy_of(*world) / world.n, bound, ops=4)


@inequality(f"{PAPER}.order", "discrepancy <= ambiguity")
def order(draw: Draw) -> Sides | None:
    """In points."""
    if (world := _world(draw)) is None:
        return None
    return Sides(predicted.discrepancy_of(*world), predicted.ambiguity_of(*world), ops=EXACT)


@inequality(f"{PAPER}.order", "ambiguity at e <= ambiguity at e + 1, discrepancy likewise", draws=1000, steps=1000)
def monotone(draw: Draw) -> Sides | None:
    """Whichever of the two measures is drawn."""
    if (world := _world(draw)) is None:
        return None
    ambiguity = draw.choice("measure", ("ambiguity", "discrepancy")) == "ambiguity"
    measure = predicted.ambiguity_of if ambiguity else predicted.discrepancy_of
    return Sides(measure(*world), measure(*world._replace(tolerance=world.tolerance + 1)), ops=EXACT)


@inequality(f"{PAPER}.pair-diameter", "two competitors differ on at most 2 (R(h_0) + epsilon) of the points")
def pair_diameter(draw: Draw) -> Sides | None:
    """Any baseline."""
    if (world := _world(draw)) is None or world.tolerance > world.n:
        return None
    bound = predicted.pair_diameter_bound(world.errors / world.n, world.tolerance / world.n)
    return Sides(predicted.pair_diameter_of(*world) / world.n, bound, ops=4)


@inequality(f"{PAPER}.separable", "discrepancy <= the most points up to e that whole rows add up to, without errors")
def separable(draw: Draw) -> Sides | None:
    """Labels that the baseline gets right; the bound itself is at most e."""
    if (world := _world(draw)) is None:
        return None
    weights = world.positives + world.negatives
    positives = np.where(world.baseline == 1, weights, 0)
    world = world._replace(positives=positives, negatives=weights - positives)
    bound = predicted.separable_bound(world.positives, world.negatives, world.tolerance)
    return Sides(predicted.discrepancy_of(*world), min(bound, world.tolerance), ops=EXACT)


@inequality(f"{PAPER}.adhoc-lower-bound", "a pool of linear models shows no more multiplicity than there is")
def pool(draw: Draw) -> Sides | None:
    """Up to five models of any weights instead of elastic nets on COMPAS; the measure of the two that is drawn."""
    if (world := _world(draw, any_baseline=False)) is None:
        return None
    points = _SETS[draw.values["set"]]
    scores = np.insert(points, 0, 1, axis=1) @ draw.normal("weights", points.shape[1] + 1, draw.integer("models", 1, 5))
    shown = observed.pool_multiplicity(
        (scores > 0).astype(int).T, world.positives, world.negatives, world.baseline, np.array([world.tolerance])
    )
    if draw.choice("measure", ("ambiguity", "discrepancy")) == "ambiguity":
        return Sides(float(shown.ambiguity[0]), predicted.ambiguity_of(*world), ops=EXACT)
    return Sides(float(shown.discrepancy[0]), predicted.discrepancy_of(*world), ops=EXACT)


@inequality(f"{PAPER}.parallelogram-valid", "|b_1 + b_2 - b_3 - b_4| <= 1 wherever u_1 + u_2 = u_3 + u_4")
def parallelogram(draw: Draw) -> Sides:
    """All parallelograms of a lattice of two to four dimensions and any linear rule, ties included."""
    dim = draw.integer("d", 2, 4)
    points, rows = _lattice(dim)
    weights = draw.integers("weights", -6, 6, dim + 1)
    cells = (np.insert(points, 0, 1, axis=1) @ weights > 0).astype(int)
    return Sides(float(np.abs(rows @ cells).max()), 1.0, ops=EXACT)


@cache
def _lattice(dim: int) -> tuple[np.ndarray, np.ndarray]:
    points = np.indices((3 if dim < 4 else 2,) * dim).reshape(dim, -1).T
    return points, parallelograms(points)


@inequality(f"{PAPER}.two-sided", "discrepancy <= what the one-sided program reports")
def one_sided(draw: Draw) -> Sides | None:
    """The report by the law that the trial found identical to the program's."""
    if (world := _world(draw)) is None:
        return None
    return Sides(predicted.discrepancy_of(*world), predicted.one_sided_discrepancy_of(*world), ops=EXACT)


@inequality(f"{PAPER}.irreducible", "sum_u min(n+_u, n-_u) <= errors of any classifier")
def irreducible(draw: Draw) -> Sides:
    """Any labelling of up to twelve rows, linear or not."""
    rows = draw.integer("rows", 1, 12)
    positives, negatives = draw.integers("positives", 0, 5, rows), draw.integers("negatives", 0, 5, rows)
    positives[0] += 1
    errors = predicted.errors(draw.integers("b", 0, 1, rows), positives, negatives)
    return Sides(predicted.irreducible_errors(positives, negatives), errors, ops=EXACT)


def _knapsack(world: _World) -> float:
    return predicted.knapsack_bound(world.baseline, world.positives, world.negatives, world.tolerance)


@inequality(f"{PAPER}.knapsack", "discrepancy <= the fractional knapsack of flip costs")
def knapsack(draw: Draw) -> Sides | None:
    """Any baseline."""
    if (world := _world(draw)) is None:
        return None
    return Sides(predicted.discrepancy_of(*world), _knapsack(world), ops=12)


@inequality(f"{PAPER}.knapsack-sampled", "the fractional knapsack <= n (2 R(h_0) + epsilon)")
def knapsack_within_proposition(draw: Draw) -> Sides | None:
    """Any baseline."""
    if (world := _world(draw)) is None:
        return None
    return Sides(_knapsack(world), 2 * world.errors + world.tolerance, ops=12)


@inequality(
    f"{PAPER}.parallelogram-flips",
    "the linear program with all parallelograms <= least errors, of a flip too",
    draws=150,
    steps=150,
)
def parallelogram_program(draw: Draw) -> Sides | None:
    """The tables of the small sets, a row or none held at the other side; less what the solver leaves open."""
    if (world := _world(draw, any_baseline=False)) is None:
        return None
    points = _SETS[draw.values["set"]]
    table = observed.aggregate(
        np.repeat(points, 2, axis=0).astype(float),
        np.tile([1, -1], len(points)),
        np.stack([world.positives, world.negatives], axis=1).ravel() + 0.0,
    )
    if len(table.rows) != len(points):
        return None
    gains = (table.negatives - table.positives).astype(float)
    bounds = np.stack([np.zeros(len(gains)), np.ones(len(gains))], axis=1)
    held = draw.integer("held row", -1, len(gains) - 1)
    if held >= 0:
        bounds[held] = 1 - world.baseline[held]
    least, _ = tightened(table, gains, bounds)
    cells = world.cells if held < 0 else world.cells[world.cells[:, held] != world.baseline[held]]
    errors = predicted.errors_of(cells, world.positives, world.negatives).min()
    return Sides(least + float(table.positives.sum()) - FEASIBILITY * world.n, float(errors), ops=137)


@inequality(
    f"{PAPER}.slim-resolution",
    "what rounding takes from a score <= the least score, above the stated scale",
    steps=12_000,
)
def resolution(draw: Draw) -> Sides | None:
    """Up to three coefficients and three points; |<lambda / Lambda - rho / |rho|, x>| against gamma_min."""
    n_coefficients = draw.integer("P", 1, 3)
    features = draw.normal("X", draw.integer("N", 1, 3), n_coefficients)
    coefficients = draw.normal("rho", n_coefficients)
    needed = predicted.sufficient_resolution(features, coefficients)
    if not needed < 1e6:
        return None
    scale = int(np.floor(needed)) + 1
    unit = coefficients / np.linalg.norm(coefficients)
    moved = predicted.rounded_coefficients(coefficients, scale) / scale - unit
    return Sides(float(np.abs(features @ moved).max()), float(np.abs(features @ unit).min()), ops=20, scale=1.0)


@inequality(
    f"{PAPER}.slim-occam", "P(some classifier's risk exceeds the bound) <= delta, exactly", draws=1000, steps=600
)
def occam(draw: Draw) -> Sides:
    """The nine vectors of {-1, 0, 1}^2 on four kinds of points: all data sets of up to ten, with their chances."""
    samples, failure = draw.integer("N", 1, 10), draw.scale("delta", 1e-3, 0.99)
    signed = draw.integers("y x", -2, 2, 8).reshape(4, 2)
    chances = draw.simplex("chances", 4)
    vectors = np.indices((3, 3)).reshape(2, 9).T - 1
    wrong = (vectors @ signed.T <= 0).astype(float)
    counts, orders = data_sets(samples, 4)
    excess = (wrong @ chances - counts / samples @ wrong.T).max(axis=1)
    allowed = predicted.occam_bound(predicted.box_count(1, 2), samples, failure)
    return Sides(float((orders * np.prod(chances**counts, axis=1))[excess > allowed].sum()), failure, ops=1000)


def _two_classifiers(draw: Draw) -> tuple[int, int, int, int]:
    """Errors of two labellings of up to eight rows, their disagreement, and the number of points."""
    rows = draw.integer("rows", 1, 8)
    positives, negatives = draw.integers("positives", 0, 4, rows), draw.integers("negatives", 0, 4, rows)
    positives[0] += 1
    first, second = draw.integers("h", 0, 1, rows), draw.integers("h_0", 0, 1, rows)
    own, other = (predicted.errors(one, positives, negatives) for one in (first, second))
    differ = predicted.disagreement(first, second, positives + negatives)
    return own, other, differ, int((positives + negatives).sum())


@inequality(f"{PAPER}.parity", "disagreement <= E(h) + E(h_0), and what is left of 2 n")
def disagreement_at_most(draw: Draw) -> Sides:
    """Any two classifiers."""
    own, other, differ, n = _two_classifiers(draw)
    return Sides(differ, predicted.disagreement_range(own, other, n)[1], ops=EXACT)


@inequality(f"{PAPER}.parity", "|E(h) - E(h_0)| <= disagreement")
def disagreement_at_least(draw: Draw) -> Sides:
    """Any two classifiers."""
    own, other, differ, n = _two_classifiers(draw)
    return Sides(predicted.disagreement_range(own, other, n)[0], differ, ops=EXACT)


@inequality(f"{PAPER}.bias-score-dp", "atoms of random decision under demographic parity <= 1", draws=500, steps=300)
def random_atoms_parity(draw: Draw) -> Sides:
    """Worlds of up to twelve atoms."""
    joint = draw.simplex("joint", 4 * draw.integer("atoms", 2, 12)).reshape(-1, 2, 2)
    tolerance = draw.scale("delta", 1e-3, 0.3)
    return Sides(fractional(predicted.optimal_parity_flips(joint, tolerance)), 1, ops=EXACT)


@inequality(
    f"{PAPER}.recourse-total", "the linear relaxation of recourse <= the least total cost", draws=300, steps=100
)
def recourse(draw: Draw) -> Sides | None:
    """People as the claim draws them; less what the solver leaves open."""
    person = refusals(np.random.default_rng(draw.integer("person", 0, 10**6)), 1)[0]
    least = predicted.cheapest_total_cost(*person)
    if not np.isfinite(least):
        return None
    return Sides(predicted.total_cost_relaxation(*person) - 45 * 11 * 1e-7, float(least), ops=8)


@inequality(f"{PAPER}.bias-score-eo", "atoms of random decision under equalised odds <= 2", draws=300, steps=200)
def random_atoms_odds(draw: Draw) -> Sides:
    """Worlds of up to twelve atoms."""
    joint = draw.simplex("joint", 4 * draw.integer("atoms", 2, 12)).reshape(-1, 2, 2)
    tolerance = draw.scale("delta", 1e-3, 0.3)
    return Sides(fractional(predicted.optimal_odds_flips(joint, tolerance).flips), 2, ops=EXACT)


@inequality(
    f"{PAPER}.bias-score-whole", "what chance saves <= the dearest flip, no influence over 2 delta", draws=100, steps=60
)
def whole_flips(draw: Draw) -> Sides | None:
    """Worlds of up to eight atoms, or of two atoms whose flips are alike."""
    tolerance = draw.scale("delta", 0.02, 0.5)
    if draw.choice("world", ("any", "two atoms")) == "any":
        joint = draw.simplex("joint", 4 * draw.integer("atoms", 2, 8)).reshape(-1, 2, 2)
    else:
        joint = two_atoms(min(draw.scale("gap over delta", 1.0, 2.0) * tolerance, 1.0))
    if np.abs(predicted.parity_influences(joint)).max() > 2 * tolerance:
        return None
    chance, whole = (observed.fair_rule(joint, tolerance, deterministic=one) for one in (False, True))
    saved = float(observed.measure_rule(joint, chance).accuracy - observed.measure_rule(joint, whole).accuracy)
    return Sides(saved - 1e-7, float(predicted.flip_losses(joint).max()), ops=8)


NOT_SEARCHED[f"{PAPER}.parallelogram-discrepancy"] = "about one table; the trial takes every tolerance"
NOT_SEARCHED[f"{PAPER}.compas-race"] = "about one table; the trial takes every tolerance"
