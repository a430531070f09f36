"""The usual picture of a page: theory as lines and observation as points, on one pair of axes."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Literal

from numpy import array, asarray, broadcast_to, quantile, size, unique

from theory_on_trial.figures.drawing import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MARKERS = "os^Dvx"


def chart(
    lines: Mapping[str, tuple[Any, ...]],
    points: Mapping[str, tuple[Any, ...]],
    *,
    x: str,
    y: str,
    log: Literal["", "x", "y", "xy"] = "",
    levels: Mapping[str, float] | None = None,
    thresholds: Mapping[str, float] | None = None,
    dashed: Collection[str] = (),
    legend: str = "best",
    **settings: Any,
) -> "Figure":
    """Draw named lines and named points; a name has one colour and one entry of the legend,
    wherever it occurs.

    Args:
        lines: (x, y) or (x, y, half width of a band) of each; y of shape (n,) or, for lines that
            share a colour, (n, lines), or one number for a constant.
        points: (x, y) or (x, y, half width of intervals) of each; the half width is one number,
            (n,), or (2, n) for intervals that reach further on one side. Of more than ten points
            for each x, as many for every one, their mean is drawn, with a bar from their 5 % to
            their 95 % quantile.
        x: the label of the abscissa, with its unit.
        y: the label of the ordinate, with its unit.
        log: which axes are logarithmic.
        levels: the heights of horizontal lines: dotted, unless there are several whose names no
            curve has.
        thresholds: the places of vertical lines, drawn alike.
        dashed: the names of lines to be dashed.
        legend: where the legend stands, in matplotlib's words, or "beside" the axes.
        settings: of `Axes.set`: limits, ticks and other scales.
    """
    import matplotlib.pyplot as plt

    levels = levels or {}
    thresholds = thresholds or {}
    fig, axes = plt.subplots(figsize=(5.4, 3.4))
    names = dict.fromkeys([*lines, *points])
    colours = {name: COLOURS[k % len(COLOURS)] for k, name in enumerate(names)}
    handles: dict[str, tuple[Any, ...]] = {}
    for name, (xs, values, *widths) in lines.items():
        heights = values if size(values) > 1 else broadcast_to(values, size(xs))
        handles[name] = (
            axes.plot(xs, heights, "--" if name in dashed else "-", color=colours[name])[0],
        )
        for width in widths:
            axes.fill_between(
                xs, heights - width, heights + width, color=colours[name], alpha=0.2, linewidth=0
            )
    for k, (name, (xs, values, *widths)) in enumerate(points.items()):
        if size(places := unique(xs)) * 10 < size(xs):
            groups = [asarray(values)[xs == place] for place in places]
            xs = places
            values = array([group.mean() for group in groups])
            ends = quantile(groups, [0.05, 0.95], axis=1)
            widths = [abs(ends - values)]
        style: dict[str, Any] = {
            "color": colours[name],
            "marker": _MARKERS[k % len(_MARKERS)],
            "linestyle": "",
        }
        # So that none hides another
        style |= {
            "markerfacecolor": "none",
            "markersize": 5 - 0.3 * k,
        }
        container = axes.errorbar(xs, values, *(widths or [None]), elinewidth=0.8, **style)
        handles[name] = (*handles.get(name, ()), container)
    for draw, positions in ((axes.axhline, levels), (axes.axvline, thresholds)):
        for k, (name, value) in enumerate(positions.items()):
            dots: Any = ":" if name in colours else (":", "-.", (0, (1, 4)))[k % 3]
            line = draw(value, linestyle=dots, linewidth=0.9, color=colours.get(name, "0.4"))
            handles.setdefault(name, (line,))
    axes.set(xlabel=x, ylabel=y, **{f"{axis}scale": "log" for axis in log}, **settings)
    place = (
        {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
        if legend == "beside"
        else {"loc": legend}
    )
    axes.legend(handles.values(), handles.keys(), **place)
    return fig
