"""The numbers that a drawn figure shows, so that two drawings can be compared without comparing
pixels.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 40  # entries that are kept of an artist, evenly spread over it


def plotted_data(drawn: "Figure") -> list[dict[str, Any]]:
    """Title, labels and artists (kind, at most 40 numbers to six digits, null if not finite) of the
    axes, for JSON.
    """
    return [
        {
            "title": axes.get_title(),
            "x": axes.get_xlabel(),
            "y": axes.get_ylabel(),
            "artists": [[kind, _some(numbers)] for kind, numbers in _artists(axes)],
        }
        for axes in drawn.axes
    ]


def differences(
    kept: list[dict[str, Any]], fresh: list[dict[str, Any]], share: float = 1e-3
) -> list[str]:
    """Where two drawings differ, one line each: in words, in kinds of artists, or in a number.

    A number may differ by `share` of the largest one of its artist: other processors and libraries
    round otherwise.
    """
    if len(kept) != len(fresh):
        return [f"{len(kept)} axes were kept, {len(fresh)} are drawn"]
    lines = []
    for number, (old, new) in enumerate(zip(kept, fresh, strict=True)):
        lines += [
            f"axes {number}: {word} was {old[word]!r}, is {new[word]!r}"
            for word in ("title", "x", "y")
            if old[word] != new[word]
        ]
        if [kind for kind, _ in old["artists"]] != [kind for kind, _ in new["artists"]]:
            lines.append(f"axes {number}: the artists are others")
            continue
        for index, ((kind, before), (_, now)) in enumerate(
            zip(old["artists"], new["artists"], strict=True)
        ):
            a, b = (np.array(numbers, dtype=float) for numbers in (before, now))  # null becomes NaN
            scale = np.nanmax(np.abs(a), initial=0.0) if a.size else 0.0
            if a.shape != b.shape or not np.allclose(
                a, b, rtol=0, atol=share * scale, equal_nan=True
            ):
                lines.append(f"axes {number}, artist {index} ({kind}): other numbers")
    return lines


def _artists(axes: "Axes") -> Iterator[tuple[str, np.ndarray]]:
    for line in axes.lines:
        yield "line", np.array(line.get_xydata(), dtype=float)
    for collection in axes.collections:
        values = collection.get_array()
        if values is not None and np.ma.size(values):
            yield "values", np.ma.filled(np.ma.asarray(values, float), np.nan)
        elif np.size(offsets := collection.get_offsets()) > 2:
            yield "points", np.ma.filled(np.ma.asarray(offsets, float), np.nan)
        else:
            corners = [path.vertices for path in collection.get_paths()]
            yield "shape", np.concatenate(corners) if corners else np.empty(0)
    for image in axes.images:
        yield "image", np.ma.filled(np.ma.asarray(image.get_array(), float), np.nan)
    for patch in axes.patches:
        yield (
            "patch",
            np.asarray(patch.get_path().transformed(patch.get_patch_transform()).vertices, float),
        )


def _some(numbers: np.ndarray) -> list[float | None]:
    flat = np.ravel(numbers)
    chosen = (
        flat[np.unique(np.linspace(0, len(flat) - 1, min(MOST, len(flat))).astype(int))]
        if len(flat)
        else flat
    )
    return [float(f"{number:.6g}") if np.isfinite(number) else None for number in chosen]
