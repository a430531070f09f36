"""Finds texts and legends of a figure that overlap or overflow, on the boxes and paths as drawn."""

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SLACK = 1.0  # points by which boxes may touch


def collisions(figure: "Figure") -> list[str]:
    """Return a sentence for each text that meets another or leaves the figure.

    Texts are titles, axis labels, tick labels, annotations and legends.
    """
    figure.draw_without_rendering()
    slack = _SLACK * figure.dpi / 72
    boxes = [
        (repr(" ".join(words.split())[:40]), artist.get_window_extent())
        for artist, words in _texts(figure)
        if artist.get_visible() and words.strip()
    ]
    faults = [
        f"{name} and {other} overlap"
        for (name, a), (other, b) in combinations(boxes, 2)
        if min(a.x1, b.x1) - max(a.x0, b.x0) > slack and min(a.y1, b.y1) - max(a.y0, b.y0) > slack
    ]
    page = figure.bbox.padded(slack)
    return faults + [
        f"{name} leaves the figure"
        for name, box in boxes
        if not (page.containsx(box.x0) and page.containsx(box.x1))
        or not (page.containsy(box.y0) and page.containsy(box.y1))
    ]


def _texts(figure: "Figure") -> Iterator[tuple[Any, str]]:
    """What is written, with its words; a legend in one piece."""
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes)]
    for legend in filter(None, legends):
        yield legend, " ".join(text.get_text() for text in legend.get_texts())
    texts = [*figure.texts, figure._suptitle, figure._supxlabel]  # type: ignore[attr-defined]
    for axes in figure.axes:
        texts += [axes.title, *axes.texts]
        for axis in (axes.xaxis, axes.yaxis) if axes.axison and axes.get_visible() else ():
            # the labels of ticks within the limits; matplotlib has no public name for them
            labels = [tick.label1 for tick in axis._update_ticks()]  # type: ignore[union-attr]
            texts += [axis.label, *labels] if axis.get_visible() else []
    yield from ((text, text.get_text()) for text in dict.fromkeys(filter(None, texts)))
