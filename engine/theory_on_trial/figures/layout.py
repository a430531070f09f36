"""Finds texts and legends of a figure that overlap or overflow, on the boxes and paths as drawn."""

from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SLACK = 1.0  # points by which boxes may touch


def collisions(figure: "Figure") -> list[str]:
    """Return a sentence for each text that meets another or leaves the figure, and each legend that
    covers data.

    Texts are titles, axis labels, tick labels, annotations and legends. Data are the vertices of
    lines, points and bars, lines sampled along their segments; filled areas, images and grids may
    lie under a legend.
    """
    figure.draw_without_rendering()
    slack = _SLACK * figure.dpi / 72
    boxes = list(_texts(figure))
    faults = [
        f"{name} and {other} overlap"
        for (name, a), (other, b) in combinations(boxes, 2)
        if min(a.x1, b.x1) - max(a.x0, b.x0) > slack and min(a.y1, b.y1) - max(a.y0, b.y0) > slack
    ]
    page = figure.bbox
    faults += [
        f"{name} leaves the figure"
        for name, box in boxes
        if min(box.x0 - page.x0, box.y0 - page.y0, page.x1 - box.x1, page.y1 - box.y1) < -slack
    ]
    for axes in figure.axes:
        legend = axes.get_legend()
        if legend is None:
            continue
        box = legend.get_window_extent()
        for name, points in _data(axes):
            inside = (points > [box.x0 + slack, box.y0 + slack]) & (
                points < [box.x1 - slack, box.y1 - slack]
            )
            if np.any(inside.all(axis=1)):
                faults.append(f"the legend {_excerpt(legend.get_texts()[0])} covers {name}")
    return faults


def _texts(figure: "Figure") -> Any:
    """The name and the box of all that is written, legends in one piece."""
    from matplotlib.text import Text

    legends = [legend for owner in [figure, *figure.axes] for legend in _legends(owner)]
    in_legends = {id(text) for legend in legends for text in legend.findobj(Text)}
    for legend in legends:
        yield f"the legend {_excerpt(legend.get_texts()[0])}", legend.get_window_extent()
    visible = {id(text) for axes in figure.axes if axes.get_visible() for text in _ticks(axes)}
    ticks = {
        id(text)
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for text in axis.findobj(Text)
    }
    labels = {id(axis.label) for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)}
    for text in figure.findobj(Text):
        written = text.get_visible() and text.get_text().strip() and id(text) not in in_legends
        if written and (id(text) not in ticks or id(text) in visible or id(text) in labels):
            yield _excerpt(text), text.get_window_extent()


def _legends(owner: Any) -> list[Any]:
    legends = owner.legends if hasattr(owner, "legends") else [owner.get_legend()]
    return [legend for legend in legends if legend is not None and legend.get_texts()]


def _ticks(axes: Any) -> list[Any]:
    """The tick labels that are drawn: those of ticks within the limits."""
    if not axes.axison:
        return []
    return [
        label
        for axis in (axes.xaxis, axes.yaxis)
        if axis.get_visible()
        # those that the axis draws; matplotlib has no public name for them
        for tick in axis._update_ticks()
        for label in (tick.label1, tick.label2)
    ]


def _data(axes: Any) -> Any:
    """The name and the drawn points of every line, cloud of points and bar, in pixels."""
    from matplotlib.patches import Rectangle

    for line in axes.lines:
        if line.get_visible() and line.get_transform() != axes.transAxes:
            path = line.get_transform().transform(
                np.column_stack(line.get_data(orig=False)).astype(float)
            )
            joined = line.get_linestyle() not in ("None", "none", " ", "")
            yield "a line", _within(axes, _along(path) if joined else path)
    for cloud in axes.collections:
        for segment in getattr(cloud, "get_segments", list)():
            yield "an interval", _within(axes, _along(cloud.get_transform().transform(segment)))
        offsets = np.asarray(cloud.get_offsets(), dtype=float)
        if cloud.get_visible() and len(offsets) and cloud.get_offset_transform() == axes.transData:
            yield "points", _within(axes, axes.transData.transform(offsets))
    for bar in axes.patches:
        if (
            bar.get_visible()
            and isinstance(bar, Rectangle)
            and bar.get_transform().contains_branch(axes.transData)
        ):
            yield "a bar", _within(axes, bar.get_window_extent().corners())


def _along(path: Float[np.ndarray, "vertices 2"]) -> Float[np.ndarray, "points 2"]:
    """Points on the segments of a path, four pixels apart at most."""
    path = path[np.isfinite(path).all(axis=1)]
    pieces = [path]
    for start, end in pairwise(path):
        steps = int(min(np.hypot(*(end - start)) / 4, 2000))
        pieces.append(start + np.linspace(0, 1, steps + 2)[1:-1, None] * (end - start))
    return np.concatenate(pieces)


def _within(axes: Any, points: Float[np.ndarray, "points 2"]) -> Float[np.ndarray, "points 2"]:
    box = axes.bbox
    return points[((points >= [box.x0, box.y0]) & (points <= [box.x1, box.y1])).all(axis=1)]


def _excerpt(text: Any) -> str:
    return repr(" ".join(text.get_text().split())[:40])
