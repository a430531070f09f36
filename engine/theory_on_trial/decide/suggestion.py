"""The laws of samples, and which of them are compatible with given samples."""

import inspect
from typing import Any

import numpy as np

from theory_on_trial import laws

_OTHER = (
    "HalfSpaceDistance",
    "OnePath",
    "SupDistance",
    "TailDistance",
    "TotalVariation",
    "TwoSampleDistance",
    "Enclosure",
    "Law",
)
"""What a decision on a whole law takes by itself, and the law of a path, which is no sample."""
_CHANCE = 1e-6
"""The chance with which samples of a law would contradict it."""


def laws_that_fit(samples: Any) -> str:
    """Return that `law=` is missing, and a line for each law: what it says of samples, whether
    these contradict it.
    """
    array = np.asarray(samples, float)
    low = array.min()
    high = array.max()
    lines = [
        f"say in law= what is known of a sample; the {len(array)} samples, from {low:.4g} to "
        f"{high:.4g}, do not contradict these laws:"
    ]
    names = [
        name
        for name, kind in vars(laws).items()
        if inspect.isclass(kind) and hasattr(kind, "interval") and name not in _OTHER
    ]
    # Whoever knows a range has the strongest guarantee.
    names.sort(key=lambda name: name not in ("Bernoulli", "Bounded"))
    shown = [_shown(name, getattr(laws, name), array) for name in names]
    lines += [f"  {text}" for text, fits in shown if fits]
    if not all(fits for _, fits in shown):
        lines += ["they contradict these laws, or are of another sort:"]
    lines += [f"  {text}" for text, fits in shown if not fits]
    return "\n".join(lines)


def _shown(name: str, kind: Any, array: np.ndarray) -> tuple[str, bool]:
    """A law in a line, and whether samples are compatible with it; a range is the nearest round
    one.
    """
    parameters = inspect.signature(kind).parameters.values()
    needed = [parameter.name for parameter in parameters if parameter.default is parameter.empty]
    sentence = " ".join((kind.__doc__ or "").split()).partition(". ")[0].rstrip(".")
    head = sentence.partition(": ")[0]
    said = f"{name}({', '.join(needed)}): {head if ' ' in head else sentence}"
    if name == "Bounded":
        low, high = _round_range(array)
        return f"Bounded({low:g}, {high:g}), if it is proved that no sample leaves that range", True
    if name.startswith("Normal") and len(np.unique(array)) < array.size / 2:
        return said, False  # a normal law gives no number twice
    if needed:
        return said, True
    try:
        shape = array.shape[1:]
        interval = kind().interval([array], _CHANCE, np.ones(shape))
    except (ValueError, IndexError):
        return said, False
    return said, interval.estimate.shape == shape


def _round_range(array: np.ndarray) -> tuple[float, float]:
    """The range that somebody may have in mind: [0, 1], [-1, 1], or whole numbers around all."""
    for low, high in ((0.0, 1.0), (-1.0, 1.0)):
        if low <= array.min() and array.max() <= high:
            return low, high
    return float(np.floor(array.min())), float(np.ceil(array.max()))
