"""Tables, enumeration, pools and the neighbours' programs: properties, degenerate input,
definitions.
"""

import csv
from fractions import Fraction
from itertools import combinations

import jax
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sims.linear_dichotomies.certificates import exact_signs
from sims.linear_dichotomies.enumeration import dichotomies, enumerate_paths
from sims.linear_dichotomies.table import aggregate
from sims.linear_dichotomies.tasks import tolerance_of
from sims.predictive_multiplicity import pools
from sims.predictive_multiplicity.derive_compas import derive_compas
from theory import predictive_multiplicity as predicted

POINTS = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]


@settings(max_examples=30, deadline=None)
@given(
    hnp.arrays(int, st.tuples(st.integers(1, 20), st.integers(0, 4)), elements=st.integers(-1, 1)),
    st.data(),
)
def test_a_table_keeps_every_sample_and_drops_what_depends_on_other_columns(features, data):
    n_samples, n_features = features.shape
    labels = data.draw(hnp.arrays(int, n_samples, elements=st.sampled_from([-1, 1])))
    weights = data.draw(hnp.arrays(int, n_samples, elements=st.integers(0, 3)))
    weights[0] += 1
    table = aggregate(features, labels, weights)
    kept = [int(name[1:]) - 1 for name in table.columns]
    np.testing.assert_array_equal(table.rows[table.row_of_sample], features[:, kept])
    assert len(np.unique(table.rows, axis=0)) == len(table.rows)
    for sign, numbers in ((1, table.positives), (-1, table.negatives)):
        chosen = labels == sign
        np.testing.assert_array_equal(
            numbers, np.bincount(table.row_of_sample[chosen], weights[chosen], len(table.rows))
        )
    assert table.has_counts
    assert table.n == weights.sum()
    assert set(table.columns).isdisjoint(table.dropped)
    assert len(table.columns) + len(table.dropped) == n_features
    whole = np.column_stack([np.ones(n_samples), features])
    small = np.column_stack([np.ones(len(table.rows)), table.rows])
    assert np.linalg.matrix_rank(small) == small.shape[1] == np.linalg.matrix_rank(whole)


def test_the_first_of_dependent_columns_is_kept():
    features = np.column_stack(
        [np.full(4, 3.0), [0, 1, 0, 1], [1, 0, 1, 0], [0, 0, 1, 1], [0, 1, 1, 2]]
    )
    frame = pd.DataFrame(features, columns=["constant", "yes", "no", "other", "sum"])
    table = aggregate(frame, [1, 1, -1, -1])
    assert table.columns == ("yes", "other")
    assert table.dropped == ("constant", "no", "sum")


def test_negative_zeros_are_zeros():
    assert len(aggregate([[0.0], [-0.0]], [1, -1]).rows) == 1


def test_exact_signs_are_those_of_rational_arithmetic():
    table = aggregate([[0.1, 0.2], [0.3, 0.1], [1e-9, 5.0], [2.0, 3.0]], [1, -1, 1, -1])
    design = [[Fraction(1), *(Fraction(value) for value in row)] for row in table.rows.tolist()]
    for weights in ([0.3, -1.0, -1.0], [-0.4, 1.0, 1.0], [1e-17, -1e-17, 0.0], [0.0, 3.0, -2.0]):
        exact = [sum(Fraction(w) * x for w, x in zip(weights, row, strict=True)) for row in design]
        expected = [(value > 0) - (value < 0) for value in exact]
        assert exact_signs(table, np.array(weights)).tolist() == expected
    # 0.1 + 0.2 exceeds 0.3 by one unit in the last place, which floating-point sums may lose
    line = aggregate([[0.1], [0.2]], [1, -1])
    assert exact_signs(line, np.array([-0.1, 1.0])).tolist() == [0, 1]


def test_counts_are_derived_from_files_of_people(tmp_path):
    features = [[1, 0], [0, 1], [1, 0], [0, 0], [1, 0]]
    for target, labels in (("arrest", [1, -1, -1, -1, -1]), ("violent", [-1, 1, 1, -1, -1])):
        with (tmp_path / f"compas_{target}_processed.csv").open("w") as file:
            csv.writer(file).writerows(
                [[target, "a", "b"], *([y, *x] for y, x in zip(labels, features, strict=True))]
            )
    derive_compas(tmp_path, tmp_path / "counts.csv")
    with (tmp_path / "counts.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["a"], row["b"]) for row in rows] == [("0", "0"), ("0", "1"), ("1", "0")]
    assert [row["arrest:positives"] for row in rows] == ["0", "0", "1"]
    assert [row["arrest:negatives"] for row in rows] == ["1", "1", "2"]
    assert [row["arrest:drawn"] for row in rows] == ["0", "0", "3"]  # four negatives, one positive
    assert sum(int(row["violent:drawn"]) for row in rows) == 1
    draw = np.random.default_rng(1337).choice([1, 2], 1)[0]
    assert next(row for row in rows if row["violent:drawn"] == "1")["a"] == (
        "0" if draw == 1 else "1"
    )
    other = tmp_path / "compas_violent_processed.csv"
    other.write_text(other.read_text().replace("1,0,1", "1,1,1", 1))
    with pytest.raises(ValueError, match="must hold two files on the same people"):
        derive_compas(tmp_path, tmp_path / "counts.csv")


def test_tolerances_are_whole_numbers_of_errors():
    table = aggregate(POINTS, [1, 1, -1], [10, 5, 5])
    assert [tolerance_of(table, share) for share in (0.0, 0.049, 0.05, 0.3, 0.15, 1.0)] == [
        0,
        0,
        1,
        6,
        3,
        20,
    ]
    assert tolerance_of(table, 0.05 - 1e-12) == 1  # within 1e-9 of a whole number
    assert tolerance_of(aggregate(POINTS, [1, 1, -1], [0.5, 1, 1]), 0.1) == 0.25


seeds = st.integers(0, 2**32 - 1)
N_SAMPLES = 20  # one compiled program for all sets of eight points


def gaussian(seed, n_points=8, dim=2):
    return np.random.default_rng(seed).standard_normal((n_points, dim))


def counts(seed, n_points=8):
    """Random label counts with the fixed sum, some points without samples."""
    drawn = np.random.default_rng(seed).multinomial(
        N_SAMPLES, np.full(2 * n_points, 1 / (2 * n_points))
    )
    return drawn[:n_points], drawn[n_points:]


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from([2.0**-30, 2.0**-10, 1.0]))
def test_nearly_degenerate_points_are_told_apart_exactly(seed, step):
    """A lattice moved by multiples of a tiny step: all numbers exact, so integer arithmetic knows
    every sign.
    """
    rng = np.random.default_rng(seed)
    lattice = np.array([[i, j] for i in range(3) for j in range(3)], float)[rng.permutation(9)[:8]]
    points = lattice + step * rng.integers(-500, 501, (8, 2))
    exact = predicted.linear_dichotomies(points)
    in_general_position = len(exact) == predicted.cover_count(8, 3)
    # Three points may be so nearly on a line (the steps' products, 2^-60) that float64 cannot tell:
    # then it says so.
    least_area = min(abs(twice_the_area(*three)) for three in combinations(points.tolist(), 3))
    try:
        cells = dichotomies(points)
        refusal = ""
    except ValueError as error:
        cells = None
        refusal = str(error)
    if cells is None:
        assert "points must be in general position" in refusal
        assert not in_general_position or least_area < 2.0**-40
    else:
        assert in_general_position
        np.testing.assert_array_equal(np.unique(cells, axis=0), exact)


def twice_the_area(a, b, c):
    (ax, ay), (bx, by), (cx, cy) = ([Fraction(entry) for entry in point] for point in (a, b, c))
    return (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)


def test_a_set_of_several_chunks():
    """400 cells of one half in chunks of 327: the last is filled up with repetitions, which must
    not count.
    """
    points = gaussian(1, 400, 1)
    labels = np.random.default_rng(2).integers(0, 2, 400)
    above = (points[:, 0] > np.append(-np.inf, np.sort(points[:, 0]))[:-1, None]).astype(int)
    cells = np.concatenate([above, 1 - above])
    paths = enumerate_paths(points, labels, 1 - labels)
    sample = cells, paths.baseline, labels, 1 - labels
    errors = predicted.errors_of(cells, *sample[2:])
    assert paths.errors == errors.min()
    np.testing.assert_array_equal(paths.cells, np.bincount(errors, minlength=401))
    np.testing.assert_array_equal(paths.discrepancy, predicted.discrepancy_path_of(*sample))
    np.testing.assert_array_equal(paths.ambiguity, predicted.ambiguity_path_of(*sample))
    np.testing.assert_array_equal(paths.flip_errors, predicted.flip_errors_of(*sample))


@settings(max_examples=15, deadline=None)
@given(seeds, st.permutations(range(8)))
def test_three_points_on_a_line_are_refused_wherever_they_stand(seed, order):
    points = gaussian(seed)
    first, second, middle = order[:3]
    points[middle] = (points[first] + points[second]) / 2
    with pytest.raises(
        ValueError, match=r"points must be in general position, but rows .* lie on one hyperplane"
    ):
        dichotomies(points)
    points[middle] = points[first]
    with pytest.raises(ValueError, match="points must be in general position"):
        enumerate_paths(points, *counts(seed), np.zeros(8, int))


def test_single_precision_is_refused():
    with (
        jax.enable_x64(False),
        pytest.raises(TypeError, match="the enumeration of dichotomies needs float64"),
    ):
        dichotomies(gaussian(0))


def test_thresholds_are_strict():
    rows = np.array([[0.0], [1.0], [2.0]])
    coefficients = np.array([[0.0, 1.0], [1.0, -1.0]])
    np.testing.assert_array_equal(
        pools.pool_dichotomies(rows, coefficients), [[0, 1, 1], [1, 0, 0]]
    )


@settings(max_examples=50, deadline=None)
@given(seeds, st.integers(0, 6))
def test_measures_are_those_of_the_definitions(seed, n_models):
    rng = np.random.default_rng(seed)
    positives, negatives = rng.integers(0, 4, (2, 5))
    models = rng.integers(0, 2, (n_models, 5))
    baseline = rng.integers(0, 2, 5)
    tolerances = np.array([-3, 0, 1, 7])
    measures = pools.pool_multiplicity(models, positives, negatives, baseline, tolerances)

    def errors(model):
        return sum(negatives[u] if model[u] else positives[u] for u in range(5))

    for tolerance, discrepancy, ambiguity in zip(tolerances, *measures, strict=True):
        competing = [model for model in models if errors(model) <= errors(baseline) + tolerance]
        flips = [{u for u in range(5) if model[u] != baseline[u]} for model in competing]
        weight = [sum(positives[u] + negatives[u] for u in rows) for rows in flips]
        assert discrepancy == max(weight, default=0)
        assert ambiguity == sum(positives[u] + negatives[u] for u in set().union(*flips))


def test_a_fit_that_is_no_minimum_is_refused(monkeypatch):
    monkeypatch.setattr(pools, "GRADIENT_TOLERANCE", 0.0)
    rows = np.random.default_rng(0).integers(0, 2, (12, 4)).astype(float)
    with pytest.raises(RuntimeError, match="a model of the pool is not a minimum: its gradient is"):
        pools.elastic_net_pool(rows, np.arange(12), np.arange(12)[::-1], n_penalties=3)
