"""Overlaps in a figure are found."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from theory_on_trial.figures.drawing import style
from theory_on_trial.figures.layout import collisions


@pytest.fixture
def axes():
    with style():
        fig, axes = plt.subplots(figsize=(4, 3))
        axes.plot([0, 1], [0, 1], label="a line")
        axes.set(xlabel="time", ylabel="distance", title="a title")
        yield axes
        plt.close(fig)


def test_a_plain_figure_has_no_collisions(axes):
    axes.legend(loc="upper left")
    axes.scatter([0.9], [0.1])
    assert collisions(axes.figure) == []


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda axes: axes.legend(loc="lower left"), "the legend 'a line' covers a line"),
        (
            lambda axes: (axes.legend(loc="upper left"), axes.scatter([0.1], [0.95])),
            "'a line' covers points",
        ),
        (
            lambda axes: (axes.legend(loc="upper left"), axes.bar([0.05], [0.98], width=0.1)),
            "'a line' covers a bar",
        ),
        (
            lambda axes: (axes.legend(loc="upper left"), axes.axhline(0.95)),
            "'a line' covers a line",
        ),
        (
            lambda axes: (axes.legend(loc="upper left"), axes.errorbar([0.1], [0.5], [0.5])),
            "covers an interval",
        ),
        (
            lambda axes: (axes.text(0.5, 0.2, "here"), axes.text(0.5, 0.22, "there")),
            "'here' and 'there' overlap",
        ),
        (
            lambda axes: axes.figure.text(0.9, 0.5, "much too long a sentence"),
            "'much too long a sentence' leaves the",
        ),
        (
            lambda axes: axes.set_xticks(np.linspace(0, 1, 9), [f"{10**k}" for k in range(9)]),
            "overlap",
        ),
    ],
)
def test_collisions_are_named(axes, spoil, sentence):
    spoil(axes)
    assert any(sentence in found for found in collisions(axes.figure))


def test_a_line_through_a_legend_is_seen_between_its_ends(axes):
    axes.legend(loc="upper center")
    assert collisions(axes.figure) == []
    axes.plot([-1, 2], [0.95, 0.95])
    axes.set(xlim=(0, 1), ylim=(0, 1))
    assert collisions(axes.figure) == ["the legend 'a line' covers a line"]


def test_what_is_not_shown_does_not_collide(axes):
    for text in ("here", "there"):
        axes.text(0.5, 0.2, text, visible=False)
    axes.set(xlim=(0, 10))
    axes.legend(loc="upper right")
    assert collisions(axes.figure) == []
