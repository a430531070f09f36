"""From samples to tables, the shipped counts, and what is refused."""

import csv
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import sims.predictive_multiplicity as pm
from sims.predictive_multiplicity.derive_compas import derive_compas

POINTS = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]


@settings(max_examples=30, deadline=None)
@given(hnp.arrays(int, st.tuples(st.integers(1, 20), st.integers(0, 4)), elements=st.integers(-1, 1)), st.data())
def test_a_table_keeps_every_sample_and_drops_what_depends_on_other_columns(features, data):
    n_samples, n_features = features.shape
    labels = data.draw(hnp.arrays(int, n_samples, elements=st.sampled_from([-1, 1])))
    weights = data.draw(hnp.arrays(int, n_samples, elements=st.integers(0, 3)))
    weights[0] += 1
    table = pm.aggregate(features, labels, weights)
    kept = [int(name[1:]) - 1 for name in table.columns]
    np.testing.assert_array_equal(table.rows[table.row_of_sample], features[:, kept])
    assert len(np.unique(table.rows, axis=0)) == len(table.rows)
    for sign, counted in ((1, table.positives), (-1, table.negatives)):
        chosen = labels == sign
        np.testing.assert_array_equal(
            counted, np.bincount(table.row_of_sample[chosen], weights[chosen], len(table.rows))
        )
    assert table.has_counts
    assert table.n == weights.sum()
    assert set(table.columns).isdisjoint(table.dropped)
    assert len(table.columns) + len(table.dropped) == n_features
    whole = np.column_stack([np.ones(n_samples), features])
    small = np.column_stack([np.ones(len(table.rows)), table.rows])
    assert np.linalg.matrix_rank(small) == small.shape[1] == np.linalg.matrix_rank(whole)


def test_the_first_of_dependent_columns_is_kept():
    features = np.column_stack([np.full(4, 3.0), [0, 1, 0, 1], [1, 0, 1, 0], [0, 0, 1, 1], [0, 1, 1, 2]])
    frame = pd.DataFrame(features, columns=["constant", "yes", "no", "other", "sum"])
    table = pm.aggregate(frame, [1, 1, -1, -1])
    assert table.columns == ("yes", "other")
    assert table.dropped == ("constant", "no", "sum")


def test_weights_decide_whether_errors_are_counts():
    assert pm.aggregate(POINTS, [1, 1, -1], [2.0, 1.0, 0.0]).has_counts
    weighted = pm.aggregate(POINTS, [1, 1, -1], [0.5, 1.0, 0.25])
    assert not weighted.has_counts
    assert weighted.n == 1.75
    assert weighted.errors(np.zeros(3, int)) == 1.5
    assert weighted.disagreement(np.zeros(3, int), np.array([1, 0, 0])) == 0.5


def test_negative_zeros_are_zeros():
    assert len(pm.aggregate([[0.0], [-0.0]], [1, -1]).rows) == 1


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"X": [[0.0, np.nan], [1, 0], [0, 1]]}, "X must be finite, got nan in row 0, column 1"),
        ({"X": [[0.0, 1.0], [1, 0], [-np.inf, 1]]}, "X must be finite, got -inf in row 2, column 0"),
        ({"X": [0.0, 1.0, 2.0]}, "X must be a table with at least one row"),
        ({"X": np.zeros((0, 2))}, "X must be a table with at least one row"),
        ({"y": [1, 1]}, r"y must be 3 labels -1 or \+1, one per row of X, got 2"),
        ({"sample_weight": [0, 0, 0]}, r"sample_weight must sum to 0.01..2\^53 for the solvers .*, got 0"),
        ({"columns": ["a"]}, "columns must name each of the 2 features, got 1 names"),
        *(
            ({"sample_weight": np.array([2.5, 1.0, 1.0]) * scale}, r"^sample_weight must sum to")
            for scale in (1e-300, 1e-9, 1e-7, 1e20, 1e300)
        ),
    ],
)
def test_a_sample_that_makes_no_table_is_refused(changed, sentence):
    with pytest.raises(ValueError, match=sentence):
        pm.aggregate(**({"X": POINTS, "y": [1, -1, 1]} | changed))


def test_a_dichotomy_of_another_table_is_refused():
    table = pm.aggregate(POINTS, [1, 1, -1])
    with pytest.raises(ValueError, match="dichotomy must be 0 or 1 for each of the 3 rows of the table, got 2"):
        table.errors(np.array([0, 1]))


def test_exact_signs_are_those_of_rational_arithmetic():
    table = pm.aggregate([[0.1, 0.2], [0.3, 0.1], [1e-9, 5.0], [2.0, 3.0]], [1, -1, 1, -1])
    design = [[Fraction(1), *(Fraction(value) for value in row)] for row in table.rows.tolist()]
    for weights in ([0.3, -1.0, -1.0], [-0.4, 1.0, 1.0], [1e-17, -1e-17, 0.0], [0.0, 3.0, -2.0]):
        exact = [sum(Fraction(w) * x for w, x in zip(weights, row, strict=True)) for row in design]
        expected = [(value > 0) - (value < 0) for value in exact]
        assert pm.exact_signs(table, np.array(weights)).tolist() == expected
    # 0.1 + 0.2 exceeds 0.3 by one unit in the last place, which floating-point sums may lose
    line = pm.aggregate([[0.1], [0.2]], [1, -1])
    assert pm.exact_signs(line, np.array([-0.1, 1.0])).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("target", "race", "oversampled", "rows", "dims", "positives", "negatives", "irreducible"),
    [
        ("arrest", False, False, 137, 14, 2809, 3363, 1985),
        ("arrest", True, False, 329, 17, 2809, 3363, 1925),
        ("violent", False, False, 137, 14, 692, 5480, 679),
        ("violent", True, False, 329, 17, 692, 5480, 665),
        ("arrest", False, True, 137, 14, 3363, 3363, None),
        ("violent", False, True, 137, 14, 5480, 5480, None),
    ],
)
def test_shipped_counts(target, race, oversampled, rows, dims, positives, negatives, irreducible):
    table = pm.compas(target, race=race, oversampled=oversampled)
    assert table.rows.shape == (rows, dims - 1)
    assert (table.positives.sum(), table.negatives.sum()) == (positives, negatives)
    if irreducible is not None:
        assert np.minimum(table.positives, table.negatives).sum() == irreducible
    plain = pm.compas(target, race=race)
    drawn = table.positives - plain.positives
    assert np.all(drawn[plain.positives == 0] == 0)
    np.testing.assert_array_equal(table.negatives, plain.negatives)
    assert any(name.startswith("race") for name in table.columns) == race


def test_samples_of_compas_are_its_table_with_the_race_of_each():
    samples = pm.compas_samples("violent")
    assert samples.counts.sum() == 6172
    shares = {str(race): samples.counts[samples.race == race].sum() / 6172 for race in np.unique(samples.race)}
    assert set(shares) == {"causasian", "african_american", "hispanic", "other"}
    assert abs(shares["african_american"] - 0.514) < 5e-4  # the share known to three digits
    table = pm.aggregate(samples.features, samples.labels, samples.counts, samples.columns)
    np.testing.assert_array_equal(table.rows, pm.compas("violent", race=True).rows)


def test_counts_are_derived_from_files_of_people(tmp_path):
    features = [[1, 0], [0, 1], [1, 0], [0, 0], [1, 0]]
    for target, labels in (("arrest", [1, -1, -1, -1, -1]), ("violent", [-1, 1, 1, -1, -1])):
        with (tmp_path / f"compas_{target}_processed.csv").open("w") as file:
            csv.writer(file).writerows([[target, "a", "b"], *([y, *x] for y, x in zip(labels, features, strict=True))])
    derive_compas(tmp_path, tmp_path / "counts.csv")
    with (tmp_path / "counts.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["a"], row["b"]) for row in rows] == [("0", "0"), ("0", "1"), ("1", "0")]
    assert [row["arrest:positives"] for row in rows] == ["0", "0", "1"]
    assert [row["arrest:negatives"] for row in rows] == ["1", "1", "2"]
    assert [row["arrest:drawn"] for row in rows] == ["0", "0", "3"]  # four negatives, one positive
    assert sum(int(row["violent:drawn"]) for row in rows) == 1
    draw = np.random.default_rng(1337).choice([1, 2], 1)[0]
    assert next(row for row in rows if row["violent:drawn"] == "1")["a"] == ("0" if draw == 1 else "1")
    other = tmp_path / "compas_violent_processed.csv"
    other.write_text(other.read_text().replace("1,0,1", "1,1,1", 1))
    with pytest.raises(ValueError, match="must hold two files on the same people"):
        derive_compas(tmp_path, tmp_path / "counts.csv")


def test_tolerances_are_whole_numbers_of_errors():
    table = pm.aggregate(POINTS, [1, 1, -1], [10, 5, 5])
    assert [pm.tolerance_of(table, share) for share in (0.0, 0.049, 0.05, 0.3, 0.15, 1.0)] == [0, 0, 1, 6, 3, 20]
    assert pm.tolerance_of(table, 0.05 - 1e-12) == 1  # within 1e-9 of a whole number
    assert pm.tolerance_of(pm.aggregate(POINTS, [1, 1, -1], [0.5, 1, 1]), 0.1) == 0.25
