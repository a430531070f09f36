"""The picture of a page: a name has one colour and one entry of the legend, and what was given is
what is drawn.
"""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from theory_on_trial.figures import chart
from theory_on_trial.figures.drawing import style

X = np.arange(1.0, 5.0)


@pytest.fixture
def axes():
    with style():
        fig = chart(
            {"mean": (X, 2.0, 0.5), "bounds": (X, np.stack([X, X**2], axis=1))},
            {"mean": (X[:2], [1.9, 2.1], [[0.1, 0.2], [0.3, 0.4]]), "alone": (X, X)},
            levels={"mean": 2.5, "limit": 3.0},
            thresholds={"from here on": 2.0},
            dashed=("bounds",),
            legend="beside",
            x="n",
            y="y",
            log="y",
        )
        yield fig.axes[0]
    plt.close(fig)


def test_each_name_is_listed_once(axes):
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        *("mean", "bounds", "alone", "limit", "from here on")
    ]


def test_what_was_given_is_drawn(axes):
    constant, first, second, seen, *_ = axes.lines
    np.testing.assert_array_equal(constant.get_ydata(), np.full(4, 2.0))
    np.testing.assert_array_equal([first.get_ydata(), second.get_ydata()], [X, X**2])
    np.testing.assert_array_equal(seen.get_ydata(), [1.9, 2.1])
    ends = [
        segment[:, 1].tolist() for part in axes.collections[1:] for segment in part.get_segments()
    ]
    np.testing.assert_allclose(ends, [[1.8, 2.2], [1.9, 2.5]])
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (1.5, 2.5)
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()) == ("n", "y", "log")


def test_many_points_in_one_place_are_drawn_as_their_mean_and_quantiles():
    axes = chart(
        {}, {"crowd": (np.repeat([1.0, 2.0], 21), np.tile(np.arange(21.0), 2))}, x="x", y="y"
    ).axes[0]
    assert axes.lines[0].get_xydata().tolist() == [[1, 10], [2, 10]]
    np.testing.assert_allclose(
        [bar[:, 1] for bar in axes.collections[0].get_segments()], [[1, 19], [1, 19]]
    )
    plt.close()


def test_a_name_keeps_its_colour_and_a_line_its_dashes(axes):
    mean, first, second, seen = axes.lines[:4]
    level, limit, threshold = axes.lines[-3:]
    assert mean.get_color() == seen.get_color() == level.get_color() != limit.get_color()
    assert first.get_color() == second.get_color() != mean.get_color()
    assert [line.get_linestyle() for line in (mean, first, second, level, threshold)] == [
        "-",
        "--",
        "--",
        ":",
        ":",
    ]
    assert (level.get_ydata()[0], limit.get_ydata()[0], threshold.get_xdata()[0]) == (2.5, 3.0, 2.0)
