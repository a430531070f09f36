"""The gallery in docs/: it holds every figure, and what differs between two drawings is named."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from theory_on_trial.figures.drawing import figures
from theory_on_trial.figures.plotted import differences, plotted_data

GALLERY = Path(__file__).parent.parent / "docs" / "papers"


def test_the_gallery_holds_every_figure_and_no_other():
    expected = {f"{figure.paper.replace('.', '/')}/{figure.file_name}" for figure in figures()}
    for suffix in ("webp", "json", "txt"):
        assert {
            str(path.relative_to(GALLERY).with_suffix("")) for path in GALLERY.rglob(f"*.{suffix}")
        } == expected


def test_the_gallery_holds_full_sizes_only():
    quick = [
        path.stem
        for path in GALLERY.rglob("*.json")
        if json.loads(path.read_text(encoding="utf-8"))["quick"]
    ]
    assert quick == []


def test_nothing_in_the_gallery_overlaps():
    kept = {path: json.loads(path.read_text(encoding="utf-8")) for path in GALLERY.rglob("*.json")}
    assert {path.stem: found["overlaps"] for path, found in kept.items() if found["overlaps"]} == {}


def drawing(height=1.0, label="x", extra=False):
    fig, axes = plt.subplots()
    x = np.linspace(0, 1, 200)
    axes.plot(x, height * x**2)
    axes.scatter(x[::20], x[::20])
    axes.fill_between(x, x, 2 * x)
    axes.imshow([[1.0, np.nan], [3.0, 4.0]])
    axes.bar([0, 1], [height, 2])
    axes.set(xlabel=label)
    if extra:
        axes.axhline(1)
    data = json.loads(json.dumps(plotted_data(fig)))
    plt.close(fig)
    return data


def test_one_drawing_does_not_differ_from_itself():
    data = drawing()
    assert {kind for kind, _ in data[0]["artists"]} == {"line", "points", "shape", "image", "patch"}
    assert not differences(data, drawing(height=1 + 1e-6))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"height": 1.01}, "axes 0, artist 0 (line): other numbers"),
        ({"label": "y"}, "axes 0: x was 'x', is 'y'"),
        ({"extra": True}, "axes 0: the artists are others"),
    ],
)
def test_a_drawing_that_shows_something_else_differs(change, sentence):
    assert sentence in differences(drawing(), drawing(**change))
    assert differences(drawing(), []) == ["1 axes were kept, 0 are drawn"]
