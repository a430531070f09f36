import dataclasses
import json
import pickle
import re
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from theory_on_trial.own_data.answer import Answer, Doubt, axes_for
from theory_on_trial.own_data.arrays import numbers, require_memory
from theory_on_trial.own_data.estimate import Estimate
from theory_on_trial.own_data.features import labelled_samples
from theory_on_trial.own_data.table import class_numbers, column, indicators, table
from theory_on_trial.testing.suite import check_readable


@pytest.mark.parametrize("given", [[[1, 2.5], [3, 4]], np.array([[1, 2.5], [3, 4]], dtype=object)])
def test_columns_of_arrays_are_numbered(given):
    found = table("X", given)
    assert found.columns == ("x1", "x2")
    assert found.rows is None
    assert found.values.dtype == np.float64
    assert found.values.tolist() == [[1, 2.5], [3, 4]]


def test_a_frame_keeps_its_names():
    frame = pd.DataFrame(
        {
            "age": pd.array([1, 2], dtype="Int64"),
            "dose": [0.5, 1.0],
            3: [1, 0],
            "ill": [True, False],
        },
        index=["ann", "bob"],
    )
    found = table("X", frame)
    assert found.columns == ("age", "dose", "3", "ill")
    assert found.rows == ("ann", "bob")
    assert (found.row(1), table("X", frame.reset_index(drop=True)).row(1)) == ("bob", "1")
    assert found.values.tolist() == [[1, 0.5, 1, 1], [2, 1, 0, 0]]
    assert table("X", frame[[]]).values.shape == (2, 0)


class Tensor:
    """A tensor of torch, as far as it is asked; its kind of number NumPy has not got."""

    def __init__(self, values):
        self.values = values

    def detach(self):
        return self

    def cpu(self):
        return self

    def numpy(self):
        raise TypeError("Got unsupported ScalarType BFloat16")

    def float(self):
        return type("Plain", (Tensor,), {"numpy": lambda self: np.float32(self.values)})(
            self.values
        )


def test_arrays_of_other_libraries_are_read():
    jnp = pytest.importorskip("jax.numpy")
    for made in (jnp.asarray, lambda x: jnp.asarray(x, jnp.bfloat16), Tensor):
        assert table("X", made([[1.0, 2.0]])).values.tolist() == [[1, 2]]
        assert column("y", made([[1.0], [2.0]])).tolist() == [1, 2]


def test_one_column_is_a_vector():
    for given in ([1, 2], [[1], [2]], pd.Series([1, 2]), pd.DataFrame({"y": [True, 2]})):
        assert column("y", given).tolist() == [1, 2]
    with pytest.raises(ValueError, match="y must be one number per sample, got 2 columns"):
        column("y", pd.DataFrame({"a": [1], "b": [2]}))
    with pytest.raises(ValueError, match="y must have a row for each of the 3 rows, got 2"):
        column("y", [1, 2], rows=3)


@pytest.mark.parametrize(
    ("given", "classes"),
    [
        ([0.0, 1.0, 0.0], (0, 1)),
        ([[1], [0], [1]], (0, 1)),
        (["b", "a", "b"], ("a", "b")),
        (pd.Series(["b", "a", "b"], dtype="category").cat.add_categories("c"), ("a", "b")),
        (pd.array([True, False, True], dtype="boolean"), (False, True)),
        (np.array([2, 1, 2], dtype=object), (1, 2)),
    ],
)
def test_labels_are_numbered_in_their_order(given, classes):
    numbers, found = class_numbers("y", given)
    assert found == classes
    assert [found[k] for k in numbers] == np.ravel(np.asarray(given)).tolist()


@pytest.mark.parametrize(
    ("given", "error", "sentence"),
    [
        ([0.5, 1.0], TypeError, "y must hold labels .*, got numbers that are not whole"),
        (["a", None], ValueError, "got 1 missing, the first in row 1"),
        (pd.Series([1, None], dtype="Int64"), ValueError, "got 1 missing, the first in row 1"),
        (np.array([1, "a"], dtype=object), TypeError, "labels of one kind"),
        (np.ones((2, 2)), ValueError, r"one label per sample, got shape \(2, 2\)"),
    ],
)
def test_what_is_no_label_gets_one_sentence(given, error, sentence):
    with pytest.raises(error, match=sentence):
        class_numbers("y", given)


@pytest.mark.parametrize(
    ("given", "names", "values"),
    [
        (["a", "b", "a"], ("a", "b"), [[1, 0], [0, 1], [1, 0]]),
        ([True, False, True], ("True",), [[1], [0], [1]]),
        (pd.Series([True, False, True], name="old"), ("old",), [[1], [0], [1]]),
        (pd.Series(["f", "m", "f"], name="sex"), ("sex=f", "sex=m"), [[1, 0], [0, 1], [1, 0]]),
        (np.array([[1.0, 0], [0, 1], [1, 1]]), ("0", "1"), [[1, 0], [0, 1], [1, 1]]),
        (
            pd.DataFrame({"old": [True, False, False], "sex": pd.Categorical(["f", "m", "f"])}),
            ("old", "sex=f", "sex=m"),
            [[1, 1, 0], [0, 0, 1], [0, 1, 0]],
        ),
    ],
)
def test_groups_become_columns(given, names, values):
    found = indicators("groups", given, rows=3)
    assert found.columns == names
    assert found.values.tolist() == values


REFUSED = {
    "text": (["a", "b"], TypeError, "text", "get_dummies"),
    "categories": (pd.Categorical(["a", "b"]), TypeError, "categories", "get_dummies"),
    "numbers as categories": (pd.Categorical([1, 2]), TypeError, "categories", "get_dummies"),
    "time": (pd.to_datetime(["2020-01-01", "2021-01-01"]), TypeError, "time stamps", "days"),
    "durations": (pd.to_timedelta([1, 2], unit="D"), TypeError, "durations", "days"),
    "complex": ([1j, 2], TypeError, "complex numbers", "real and imaginary"),
    "missing": ([np.nan, 1.0], ValueError, "1 in", "fill them"),
    "missing integers": (pd.array([1, None], dtype="Int64"), ValueError, "1 in", "fill them"),
    "missing text": ([None, "a"], ValueError, "1 in", "fill them"),
    "infinite": ([np.inf, 1.0], ValueError, "infinite", "leave its row out"),
}


@pytest.mark.parametrize(
    ("entries", "error", "what", "remedy"), REFUSED.values(), ids=list(REFUSED)
)
def test_what_is_no_number_is_refused_by_column_and_remedy(entries, error, what, remedy):
    with pytest.raises(error, match=f"X must .*{what}.* column 'odd'.*{re.escape(remedy)}"):
        table("X", pd.DataFrame({"fine": [1, 2], "odd": entries}))


def test_columns_of_one_name_get_one_sentence():
    with pytest.raises(ValueError, match=r"X must be a table that can be read: .*unique column"):
        table("X", pd.DataFrame([[1, 2]], columns=["a", "a"]))


@pytest.mark.parametrize("factor", [1e-60, 1e60])
def test_numbers_whose_squares_get_lost_are_refused(factor):
    with pytest.raises(ValueError, match="X must be zero or have a largest entry from"):
        table("X", factor * np.ones((2, 2)))
    assert table("X", factor * np.ones((2, 2)), scaled=False).values[0, 0] == factor


@pytest.mark.parametrize(
    "given", [[[1, "a"], [2, "b"]], [[1, None], [2, 3]], [[1, 1j], [2, 3]], [[1, np.inf], [2, 3]]]
)
def test_arrays_are_refused_as_frames_are(given):
    with pytest.raises((TypeError, ValueError), match=r"column 'x[12]'"):
        table("X", given)


@pytest.mark.parametrize("read", [table, numbers, lambda _, X: labelled_samples(X, [0, 1, 0])])
def test_what_numpy_would_misread_is_refused(read):
    for odd in (
        np.ma.masked_greater(np.arange(6.0).reshape(3, 2), 3),
        scipy.sparse.eye_array(3, 2),
    ):
        with pytest.raises(TypeError, match=r"X must be an array, got .*(masked|sparse)"):
            read("X", odd)


def test_masked_labels_are_refused_and_a_bad_entry_is_named():
    with pytest.raises(TypeError, match=r"y must be an array, got .*masked"):
        labelled_samples(np.ones((3, 2)), np.ma.masked_equal([0, 1, 2], 2))
    with pytest.raises(
        TypeError, match=r"y must hold numbers only, got a list whose entry \[1\] is 'a'"
    ):
        numbers("y", [1.0, "a"])


def test_more_numbers_than_memory_holds_are_refused_before_they_are_tried():
    require_memory("pairs", 1000)
    with pytest.raises(
        ValueError, match=r"pairs must fit this machine's memory of .* GiB, got sizes that need"
    ):
        require_memory("pairs", 1e14)


@pytest.mark.parametrize("shape", [(3,), (2, 2, 2), ()])
def test_a_table_has_rows_and_columns(shape):
    with pytest.raises(ValueError, match=f"X must be a table.*got shape {re.escape(str(shape))}"):
        table("X", np.zeros(shape))


class Part(NamedTuple):
    time: float
    order: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Found(Answer):
    parts: tuple[Part, ...] = (Part(np.inf, np.arange(2)),)
    table: pd.DataFrame | None = None

    def lines(self):
        return ["two of three", "a", "b"]

    def plot(self, axes=None):
        axes = axes_for(axes)
        axes.set(xlabel="step", ylabel="share")
        return axes


def test_a_summary_has_twelve_lines_with_the_largest_doubts():
    doubts = tuple(Doubt(f"reason {size}", size, "steps") for size in (1.0, np.inf, *range(2, 20)))
    lines = Found(doubts=doubts).summary().split("\n")
    assert len(lines) == 12
    assert lines[:3] == ["two of three", "a", "b"]
    assert lines[3] == "doubt: reason inf; off by an unknown size"
    assert lines[4] == "doubt: reason 19; off up to 19 steps"
    assert lines[-1] == "doubt: reason 12; off up to 12 steps (11 more in .doubts)"
    assert str(Found(doubts=doubts[:9])).count("doubt: ") == 9


class Whole(Found):
    asked = "how many steps?"
    rests_on = "independent steps"
    unseen = "steps that were not taken"

    def to_do(self):
        return "take more"


def test_order_of_a_summary():
    doubts = tuple(Doubt(f"reason {size}", size, "steps") for size in range(9))
    lines = Whole(doubts=doubts, level=0.95).summary().split("\n")
    assert len(lines) == 12
    assert lines[:4] == ["asked: how many steps?", "two of three", "a", "b"]
    assert lines[4] == "rests on: independent steps; intervals hold at 0.95"
    assert lines[5] == "cannot see: steps that were not taken"
    assert lines[-2:] == [
        "doubt: reason 4; off up to 4 steps (4 more in .doubts)",
        "to do: take more",
    ]
    assert Whole().to_dict()["unseen"] == "steps that were not taken"


def test_the_numbers_of_an_answer_are_a_frame():
    @dataclass(frozen=True, kw_only=True, eq=False, repr=False)
    class More(Found):
        rate: Estimate = field(default=Estimate(2.0, 1.0, 3.0))
        seen: np.ndarray = field(default_factory=lambda: np.ones(2))

    frame = More(level=0.9).to_frame()
    assert frame.loc["rate"].tolist() == [2, 1, 3]
    assert frame.loc["level", "value"] == 0.9
    assert frame.loc["parts[0].time"].isna().tolist() == [False, True, True]
    assert list(frame.index) == ["level", "parts[0].time", "rate"]


def test_what_cannot_be_judged_has_no_headline():
    found = Found(missing="a < b is not known")
    assert not found.answerable
    assert found.summary() == "cannot judge: a < b is not known"
    assert "<th style='text-align:left'>cannot judge</th>" in found._repr_html_()
    assert "a &lt; b" in found._repr_html_()
    assert "<td>inf</td>" in Found()._repr_html_()  # of the frame
    assert Found().answerable


def test_a_readable_answer_is_short_and_drawn_with_labels():
    assert check_readable(Whole())["parts"] == [{"time": None, "order": [0, 1]}]

    class Long(Whole):
        def lines(self):
            return [str(number) for number in range(8)]

    class Unlabelled(Whole):
        def plot(self, axes=None):
            return axes_for(axes)

    for wrong in (Long(), Unlabelled()):
        with pytest.raises(AssertionError):
            check_readable(wrong)


def test_an_answer_is_ready_for_json():
    found = Found(
        table=pd.DataFrame({"x": [1.5, np.nan]}, index=["r", "s"]),
        doubts=(Doubt("why", np.inf, "s"),),
    )
    said = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    doubts = [{"reason": "why", "size": None, "unit": "s"}]
    table = {"x": {"r": 1.5, "s": None}}
    numbers = {"parts": [{"time": None, "order": [0, 1]}], "table": table}
    assert said == {"answerable": True, "level": None, "doubts": doubts, "missing": "", **numbers}


def test_an_answer_is_equal_to_its_pickle_and_to_no_other():
    parts = (Part(np.nan, np.array([1.0, np.nan])),)
    table = pd.DataFrame({"a": [1.0, np.nan]})
    answer = Found(parts=parts, table=table, doubts=(Doubt("reason", np.inf, ""),))
    again = pickle.loads(pickle.dumps(answer))
    assert again is not answer
    assert (again == answer, hash(again) == hash(answer)) == (True, True)
    for change in (
        {"parts": (Part(np.nan, np.array([1.0, 2.0])),)},
        {"table": table + 1},
        {"doubts": ()},
        {"level": 0.9},
    ):
        assert dataclasses.replace(answer, **change) != answer
    assert answer != "an answer"


def test_a_repr_is_one_line_and_the_report_is_printed():
    assert repr(Found()) == "<Found: two of three>"
    assert repr(Found(missing="no rows")) == "<Found: cannot judge: no rows>"
    assert str(Found()) == Found().summary()
