"""The picture of a map: cells coloured by the error of the prediction and hatched by verdict, or a
curve with a band. The same drawing is saved as PNG, PDF, SVG or WebP, and as an HTML page in which
a cell under the pointer shows its row.
"""

import io
import json
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from theory_on_trial.base.files import beside, write_text
from theory_on_trial.explore.map import DECADES, OUTCOMES
from theory_on_trial.figures.drawing import COLOURS, style

_HATCHES = dict(zip(OUTCOMES, ("", "....", "xxxx", "////", "||||", "----", ""), strict=True))
_MARKS = dict(zip(OUTCOMES, ("o", "s", "X", "v", "P", "D", ""), strict=True))
_NOWHERE = "0.85"  # the grey of a cell whose error has no number
_SHADE = COLOURS[3]
_PALE = "0.9"  # of the declared domain: between the cells of a map, and behind a curve
# between cells, as a share of their distance, where the domain is shaded: no colour of a cell is
# touched
_GAP = 0.2
SUFFIXES = (".png", ".pdf", ".svg", ".webp", ".html")
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{claim}</title>
<style>body {{font: 16px sans-serif; margin: 2em auto; max-width: 60em}}
svg {{max-width: 100%; height: auto}}
g[id^="cell-"]:hover {{opacity: .6}}</style>
<h1>{claim}</h1><p>{statement}</p>
{picture}
<p>{words} Point at a cell for its row.</p></html>
"""


def draw(dataset: Any) -> Any:
    """Return a matplotlib figure of a map: a curve over one axis, a map over two, maps side by side
    over a third.
    """
    import matplotlib.pyplot as plt

    names = list(dataset.sizes)
    with style():
        if len(names) == 1:
            figure, axes = plt.subplots(figsize=(4.6, 3.0))
            _curve(axes, dataset, names[0])
        else:
            panels = (
                [dataset.isel({names[2]: at}) for at in range(dataset.sizes[names[2]])]
                if names[2:]
                else [dataset]
            )
            # Room for the hatching of a cell
            size = max(1.0, max(dataset.sizes[name] for name in names[:2]) / 20)
            width = 1.2 + 3.4 * len(panels)
            figure, row = plt.subplots(
                1, len(panels), figsize=(width * size, 3.4 * size), squeeze=False
            )
            scale = _scale(dataset)
            for number, (axes, panel) in enumerate(zip(row[0], panels, strict=True)):
                _map(axes, panel, names[0], names[1], scale, number)
                if names[2:]:
                    axes.set_title(f"{names[2]} = {_brief(dataset[names[2]].values[number])}")
            if scale is not None:
                figure.colorbar(
                    scale,
                    ax=list(row[0]),
                    extend="max",
                    label="|measured - predicted| / |predicted|",
                )
        _legend(figure, dataset)
        figure.suptitle(dataset.attrs["claim"], fontsize=9)
        plt.close(figure)
    return figure


def save(dataset: Any, path: Path) -> None:
    """Write the picture of a map; the suffix says in which form. Raises `ValueError` for one that
    is not known.
    """
    if path.suffix not in SUFFIXES:
        raise ValueError(f"a map is written as {', '.join(SUFFIXES)}, got {path.name}")
    with style():
        figure = draw(dataset)
        if path.suffix == ".html":
            write_text(path, _page(figure, dataset))
        else:
            # Lossy, the colours of small cells run into each other.
            options = {"dpi": 100, "pil_kwargs": {"lossless": True}}
            with beside(path) as draft:
                figure.savefig(draft, **options if path.suffix == ".webp" else {})


def caption(dataset: Any) -> str:
    """Return what the picture shows, in sentences."""
    settings = dataset.attrs["settings"]
    pairs = [(name, int((dataset["outcome"].values == name).sum())) for name in OUTCOMES]
    counts = ", ".join(f"{number} {_word(dataset, name)}" for name, number in pairs if number)
    shade = " Shaded: the declared domain." if dataset.attrs["outside"] else ""
    return f"{counts}{f'; {settings}' if settings else ''}; seed {dataset.attrs['seed']}.{shade}"


def _word(dataset: Any, outcome: str) -> str:
    """The name of an outcome: beyond the declared domain "outside" means that a joint condition
    refuses the cell.
    """
    return "refused" if outcome == "outside" and dataset.attrs["outside"] else outcome


def _scale(dataset: Any) -> Any:
    """The logarithmic colour scale of errors; None if no error has a number."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm

    sizes = np.abs(dataset["error"].values)
    sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
    if not sizes.size:
        return None
    # What is off by more than all of it is off; at least one decade, at most six
    most = min(sizes.max(), 1.0)
    return ScalarMappable(
        LogNorm(min(max(sizes.min(), 1e-6 * most), 0.1 * most), most), "cividis_r"
    )


def _map(axes: Any, panel: Any, x: str, y: str, scale: Any, number: int) -> None:
    from matplotlib.patches import Rectangle

    errors = np.abs(panel["error"].values)
    outcomes = panel["outcome"].values
    gap = _GAP if panel.attrs["outside"] else 0.0
    if gap:
        (left, right), (low, high) = (_declared(panel, name) for name in (x, y))
        axes.add_patch(
            Rectangle((left, low), right - left, high - low, facecolor=_SHADE, linewidth=0)
        )
    for i, j in np.ndindex(errors.shape):
        outcome = outcomes[i, j]
        face: Any = _NOWHERE
        if scale is not None and np.isfinite(errors[i, j]):
            face = scale.to_rgba(max(errors[i, j], scale.norm.vmin))
        dark = face != _NOWHERE and np.dot(face[:3], (0.3, 0.6, 0.1)) < 0.5
        cell = Rectangle((i - (1 - gap) / 2, j - (1 - gap) / 2), 1 - gap, 1 - gap, linewidth=0)
        cell.set(facecolor="white" if outcome == "outside" else face)
        cell.set(
            edgecolor="white" if dark else "black",
            hatch=_HATCHES[outcome],
            gid=f"cell-{number}-{i}-{j}",
        )
        axes.add_patch(cell)
    axes.set(
        xlim=(-0.5, errors.shape[0] - 0.5), ylim=(-0.5, errors.shape[1] - 0.5), xlabel=x, ylabel=y
    )
    for axis, name in ((axes.xaxis, x), (axes.yaxis, y)):
        values = panel[name].values
        at = np.arange(0, len(values), max(1, -(-len(values) // 5)))  # evenly, at most five
        axis.set_ticks(at, [_brief(value) for value in values[at]])


def _declared(panel: Any, name: str) -> tuple[float, float]:
    """Between which edges of the cells the declared domain of a setting lies."""
    values = panel[name].values
    low, high = json.loads(panel.attrs["domain"]).get(name, [None, None])
    inside = np.full(len(values), True)
    if low is not None:
        inside &= values >= low
    if high is not None:
        inside &= values <= high
    cells = np.flatnonzero(inside)
    return (cells[0] - 0.5, cells[-1] + 0.5) if cells.size else (-0.5, -0.5)


def _curve(axes: Any, dataset: Any, name: str) -> None:
    values = dataset[name].values
    error = dataset["error"].values
    numbers = values.dtype.kind in "if"
    xs = values if numbers else np.arange(len(values))
    low, high = (
        np.where(np.isfinite(dataset[end].values), dataset[end].values, error)
        for end in ("low", "high")
    )
    axes.axhline(0, color="black", linewidth=0.6)
    axes.fill_between(xs, low, high, color=COLOURS[0], alpha=0.25, linewidth=0)
    axes.plot(xs, error, color=COLOURS[0])
    for number, outcome in enumerate(dataset["outcome"].values):
        if outcome != "outside":  # where there is no error to show, the mark stands on the line
            place = error[number] if np.isfinite(error[number]) else 0.0
            colour = COLOURS[0] if outcome == "VERIFIED" else COLOURS[1]
            axes.plot(
                xs[number],
                place,
                _MARKS[outcome],
                color=colour,
                gid=f"cell-0-{number}-0",
                clip_on=False,
            )
    if numbers and values.min() > 0 and values.max() / values.min() >= DECADES:
        axes.set_xscale("log")
        ticks = values[:: max(1, -(-len(values) // 5))]
        axes.set_xticks(ticks, [_brief(value) for value in ticks])
        axes.set_xticks([], minor=True)
    if not numbers:
        axes.set_xticks(xs, [_brief(value) for value in values])
    if dataset.attrs["outside"] and numbers:
        low, high = json.loads(dataset.attrs["domain"]).get(name, [None, None])
        left, right = axes.get_xlim()
        ends = (
            left if low is None else max(low, left),
            right if high is None else min(high, right),
        )
        if ends[0] < ends[1]:
            axes.axvspan(*ends, color=_PALE, linewidth=0, zorder=-1)
            axes.set_xlim(left, right)
    axes.set(xlabel=name, ylabel="(measured - predicted) / |predicted|")


def _legend(figure: Any, dataset: Any) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    names = [name for name in OUTCOMES if (dataset["outcome"].values == name).any()]
    if len(dataset.sizes) == 1:
        names = [name for name in names if name != "outside"]
        handles: list[Any] = [
            Line2D([], [], linestyle="", marker=_MARKS[name], label=name) for name in names
        ]
        for handle, name in zip(handles, names, strict=True):
            handle.set_color(COLOURS[0] if name == "VERIFIED" else COLOURS[1])
    else:
        kinds = [
            ("white" if name == "outside" else _NOWHERE, _HATCHES[name], _word(dataset, name))
            for name in names
        ]
        handles = [
            Patch(facecolor=face, edgecolor="black", hatch=hatch, label=name)
            for face, hatch, name in kinds
        ]
    if len(dataset.sizes) == 1 and (dataset["high"] > dataset["low"]).any():
        handles.append(Patch(facecolor=COLOURS[0], alpha=0.25, label="interval"))
    if dataset.attrs["outside"]:
        handles.append(
            Patch(color=_SHADE if len(dataset.sizes) > 1 else _PALE, label="declared domain")
        )
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 3))


def _brief(value: Any) -> str:
    return (
        f"{value:.2g}".replace("e-0", "e-").replace("e+0", "e")
        if isinstance(value, float | np.floating)
        else str(value)
    )


def _page(figure: Any, dataset: Any) -> str:
    """The picture as a page of its own, with the row of each cell as its title."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    picture = buffer.getvalue()
    names = list(dataset.sizes)
    picture = picture[picture.index("<svg") :]
    for index in np.ndindex(*dataset.sizes.values()):
        i, j, panel = (*index, 0, 0)[:3]
        cell = dataset.isel(dict(zip(names, index, strict=True)))
        where = ", ".join(f"{name} = {cell[name].item()}" for name in names)
        texts = [str(cell[name].item()) for name in ("outcome", "shown", "why")]
        texts.append(f"detects {cell['detects'].item()}" if cell["detects"].item() else "")
        start = f'<g id="cell-{panel}-{i}-{j}">'
        title = escape("; ".join(filter(None, [where, *texts])))
        picture = picture.replace(start, f"{start}<title>{title}</title>", 1)
    about = {name: escape(dataset.attrs[name]) for name in ("claim", "statement")}
    return _PAGE.format(**about, picture=picture, words=escape(caption(dataset)))
