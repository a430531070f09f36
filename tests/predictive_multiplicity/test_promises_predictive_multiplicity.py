"""Predictive multiplicity: what is wrong gets one sentence, arguments are held to their
annotations.
"""

from types import SimpleNamespace

import numpy as np
from promises import Case, promises, refused

from own_data import predictive_multiplicity as tool
from sims import predictive_multiplicity as observed
from sims.linear_dichotomies.certificates import exact_signs
from sims.linear_dichotomies.circuits import Cut, Parallelograms
from sims.linear_dichotomies.enumeration import dichotomies, enumerate_paths
from sims.linear_dichotomies.table import Table, aggregate
from sims.linear_dichotomies.tasks import tolerance_of
from theory import predictive_multiplicity as predicted

SHARE = (0, 1)
SIGNED = (-1, 1)
SOME = (0, np.inf)
COUNTED = """
    ambiguity_bound ambiguity_of ambiguity_path_of big_m cover_count
    disagreement disagreements_of discrepancy_bound discrepancy_of discrepancy_path_of
    disagreement_range errors errors_of flip_error_bounds flip_errors_of irreducible_errors knapsack_bound level_set
    one_sided_discrepancy_of saturation_tolerance separable_bound tolerance_count
"""

THEORY = {name: Case(within=SOME) for name in COUNTED.split()} | {
    "linear_dichotomies": Case(within=SHARE),
}

(
    test_theory_is_declared,
    test_theory_refuses,
    test_theory_answers,
    test_theory_answers_or_refuses_extremes,
) = promises([predicted], THEORY)

SAMPLE = {
    "X": np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]),
    "y": np.array([-1, 1, 1, -1]),
}
SQUARE = {"table": aggregate(**SAMPLE, sample_weight=[2, 1, 1, 1])}
BASE = SQUARE | {"baseline": np.array([0, 1, 1, 1])}
OFFERED = (
    Cut,
    Parallelograms,
    Table,
    aggregate,
    dichotomies,
    enumerate_paths,
    exact_signs,
    tolerance_of,
)
SOLVER = SimpleNamespace(
    __name__="sims.linear_dichotomies",
    __all__=[one.__name__ for one in OFFERED],
    **{one.__name__: one for one in OFFERED},
)
PROGRAM = {"formulation": "margin_free"}
ROWS = {"positives": np.array([3, 1, 2]), "negatives": np.array([1, 2, 0])}
PLANE = {"points": np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.5]])} | ROWS
FITTED = {"features": PLANE["points"]} | ROWS
RECOUNT = (RuntimeError,)  # documented: an answer does not recount, or a fit is no minimum
PROGRAMS = {
    "ambiguity_by_coverage": Case(BASE, raises=RECOUNT),
    "ambiguity_path": Case(BASE | {"flips": observed.flip_errors(**BASE)}, within=(0, 5)),
    "discrepancy_path": Case(BASE | PROGRAM, raises=RECOUNT),
    "flip_errors": Case(BASE | PROGRAM | {"rows": np.array([0, 2]), "workers": 1}, raises=RECOUNT),
    "minimise_errors": Case(SQUARE | PROGRAM, raises=RECOUNT),
    "co_optimal": Case(SQUARE, raises=RECOUNT),
    "baseline_of_scores": Case(SQUARE | {"scores": np.array([-1.0, 0.5, 2.0, 1.0])}, within=SHARE),
    "tolerance_of": Case(SQUARE, within=(-5, 5)),
    "one_sided_discrepancy": Case(BASE, raises=RECOUNT),
    "root_bound": Case(SQUARE),
    "uncertified_errors": Case(SQUARE, infinite="where the program is infeasible"),
    "exact_signs": Case(SQUARE | {"weights": np.array([0.5, -1.0, -0.5])}, within=SIGNED),
    "Cut.violation": Case({"b": np.ones(4)}, of=Cut((0, 3, 1, 2), (1, 1, -1, -1), -1.0, 1.0)),
    "Parallelograms": Case(SQUARE),
    "Parallelograms.violated": Case(
        {"b": np.array([1.0, 0.0, 0.25, 1.0])}, of=Parallelograms(**SQUARE)
    ),
    "Table.errors": Case({"dichotomy": BASE["baseline"]}, of=SQUARE["table"], within=(0, 5)),
    "Table.disagreement": Case({"dichotomy": BASE["baseline"]}, of=SQUARE["table"], within=(0, 5)),
    "aggregate": Case(SAMPLE | {"columns": ["a", "b"]}),
    "enumerate_paths": Case(PLANE | {"baseline": np.array([0, 1, 1])}, within=SOME),
    "dichotomies": Case({"points": PLANE["points"]}, within=SHARE),
    "elastic_net_pool": Case(
        FITTED | {"n_penalties": 3}, raises=RECOUNT, warns="of a gap, where the gradient decides"
    ),
    "pool_dichotomies": Case(
        {"features": PLANE["points"], "coefficients": np.ones((2, 3))}, within=SHARE
    ),
    "pool_multiplicity": Case(within=SOME),
    "gaussian_set": Case({"n_samples": 3, "dim": 2}),
}

(
    test_simulators_are_declared,
    test_simulators_refuse,
    test_simulators_answer,
    test_simulators_refuse_extremes,
) = promises([observed, SOLVER], PROGRAMS, {"Table": "a record that `aggregate` makes"}, examples=3)

TOOL = {
    "multiplicity": Case(SAMPLE | {"progress": False, "workers": 1}),
    "Multiplicity.held_out": Case(
        SAMPLE, of=tool.multiplicity(**SAMPLE, epsilons=[0.0], time_limit=1e-9)
    ),
}

(
    test_the_tool_is_declared,
    test_the_tool_refuses,
    test_the_tool_answers,
    test_the_tool_answers_or_refuses_extremes,
) = promises([tool], TOOL, examples=3)


POINTS = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
DOUBLED = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [0, 1]])
TABLE = SQUARE["table"]
FIVE = aggregate(DOUBLED, [-1, 1, 1, -1, 1])
HUGE = aggregate([[0.0], [1e16]], [-1, 1])
NOTHING = np.zeros((0, 2))
EIGHT = np.random.default_rng(0).standard_normal((8, 2))


def table_of(**changed):
    return aggregate(**({"X": POINTS, "y": [1, -1, 1]} | changed))


test_what_cannot_be_answered_is_refused = refused(
    [
        (
            lambda: predicted.separable_bound(np.array([1, 1]), np.array([0, 1]), 1),
            "must give every row one label only",
        ),
        (
            lambda: predicted.saturation_tolerance(4, 3),
            "baseline_errors must be at most n = 3, got 4",
        ),
        (
            lambda: predicted.disagreement_range(4, 0, 3),
            "competitor_errors and baseline_errors must be at most n = 3",
        ),
        (
            lambda: predicted.disagreement_range(0, 4, 3),
            "competitor_errors and baseline_errors must be at most n = 3",
        ),
        (
            lambda: predicted.linear_dichotomies(NOTHING),
            "^rows must hold at least one point, got an array of shape",
        ),
        (
            lambda: predicted.cover_count(200_000, 200_001),
            "n or dim must be at most 100000, the most terms of the sum, got",
        ),
        (lambda: predicted.big_m(NOTHING, 1), "^rows must "),
        (lambda: predicted.largest_margin(np.ones(1, int), NOTHING), "^rows must "),
        (
            lambda: table_of(X=[[0.0, np.nan], [1, 0], [0, 1]]),
            "X must be finite, got nan in row 0, column 1",
        ),
        (lambda: table_of(X=[0.0, 1.0, 2.0]), "X must be a table with at least one row"),
        (lambda: table_of(X=NOTHING), "X must be a table with at least one row"),
        (lambda: table_of(y=[1, 1]), r"y must be 3 labels -1 or \+1, one per row of X, got 2"),
        (
            lambda: table_of(sample_weight=[0, 0, 0]),
            r"sample_weight must sum to 0.01..2\^53 for the solvers .*, got 0",
        ),
        (lambda: table_of(sample_weight=[2.5e-7, 1e-7, 0]), "^sample_weight must sum to"),
        (lambda: table_of(sample_weight=[2.5e20, 1e20, 0]), "^sample_weight must sum to"),
        (lambda: table_of(columns=["a"]), "columns must name each of the 2 features, got 1 names"),
        (
            lambda: TABLE.errors(np.array([0, 1])),
            "dichotomy must be 0 or 1 for each of the 4 rows of the table, got 2",
        ),
        (
            lambda: observed.flip_errors(TABLE, np.zeros(3, int)),
            "baseline must be 0 or 1 for each of the 4 rows .* got 3",
        ),
        (
            lambda: observed.flip_errors(TABLE, np.array([0, 1, 1, 0])),
            "baseline must be the dichotomy of a linear",
        ),
        (
            lambda: observed.flip_errors(**BASE, rows=np.array([9])),
            "rows must be indices from 0 to 3, got 9",
        ),
        (
            lambda: observed.minimise_errors(HUGE, formulation="big_m"),
            r"table must have features up to 1e15 .*, got 1e",
        ),
        (
            lambda: observed.baseline_of_scores(FIVE, np.array([1.0, 1, 1, 1, -1])),
            r"scores must have one sign .*\[1\]",
        ),
        (
            lambda: observed.baseline_of_scores(FIVE, np.ones(2)),
            "scores must be one for each of the 5 samples, got 2",
        ),
        (
            lambda: observed.baseline_of_scores(FIVE, np.array([-1.0, 1, 1, -1, 1])),
            "baseline must be the dichotomy of",
        ),
        (
            lambda: enumerate_paths(np.ones((10**6, 3)), *[np.ones(10**6, int)] * 2),
            "at most 10000000000",
        ),
        (
            lambda: enumerate_paths(EIGHT, *[np.zeros(8, int)] * 2),
            "must sum to 1..10000000, got 0",
        ),
        (
            lambda: enumerate_paths(EIGHT, *10**7 * np.eye(8, dtype=int)[:2]),
            "must sum to 1..10000000, got",
        ),
        (
            lambda: observed.elastic_net_pool(EIGHT, np.zeros(8), np.zeros(8)),
            "positives and negatives must not be all",
        ),
        (
            lambda: observed.elastic_net_pool(EIGHT, np.ones(8), np.ones(8)),
            "must depend on some feature or differ in",
        ),
        (
            lambda: observed.pool_dichotomies(EIGHT, np.ones((3, 4))),
            "one more than the 2 features, got 4",
        ),
    ]
)
