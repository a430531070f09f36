"""Notes what the assertions of a test compare while it runs.

A two-sided comparison of v with e to within t holds after the value has moved by s, up or down,
exactly if -(v - e + t) <= s <= t - (v - e). So each run leaves two numbers of each form, `up` and
`down`: how far the value may still move before the assertion fails. Of an array the least count.
Moving the value by s is moving the expected value by -s with its tolerance as it is.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from theory_on_trial.weigh.reading import Form

_KEPT = 32
"""A value of so many entries is kept from run to run, to tell whether it varies and what its law
is; of a larger one a summary.
"""
_CALLS = 200
"""For so many runs the call that made a p-value is kept, to repeat it with a moved sample."""
_PER_DTYPE = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "complex64": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex128": (1e-7, 1e-7),
}
"""The tolerances `rtol` and `atol` of torch.testing.assert_close; integers must be equal."""


class NotComparable(Exception):
    """An operand of a form is no number."""


@dataclass
class Notes:
    """What one form compared, in each run.

    Attributes:
        up, down: how far the value may move before the comparison fails, in each run; negative
            where it fails as it is, infinite where there is no end on that side. NaN in a run that
            did not come to it.
        value, other: the two sides of the run, as flat arrays of at most `_KEPT` entries; `other`
            is the expected value or the end.
        tolerance: of the last run.
        shape: of the value, in the last run.
        calls: the function, the arguments and the level of each kept p-value, by run.
    """

    up: list[float] = field(default_factory=list)
    down: list[float] = field(default_factory=list)
    value: list[np.ndarray] = field(default_factory=list)
    other: list[np.ndarray] = field(default_factory=list)
    tolerance: np.ndarray = field(default_factory=lambda: np.zeros(0))
    shape: tuple[int, ...] = ()
    calls: dict[int, tuple[Any, tuple[Any, ...], dict[str, Any], float]] = field(
        default_factory=dict
    )


class Recorder:
    """What the forms of a module compare; it is called in their place.

    `begin` starts a run, `end` closes it and tells whether some comparison failed.
    """

    def __init__(self, forms: list[Form]):
        self.forms = forms
        self.notes = {number: Notes() for number in range(len(forms))}
        self.failed: list[str] = []
        self.tests: list[tuple[Any, tuple[Any, ...], dict[str, Any], float]] = []
        """The tests of `scipy.stats` that this run has called, each with its p-value."""
        self._now: dict[int, tuple[float, float]] = {}
        self._run = -1

    def begin(self) -> None:
        """Start the next run."""
        self._run += 1
        self._now = {}
        self.failed = []
        self.tests = []

    def end(self) -> bool:
        """Close the run; return whether a comparison failed in it."""
        for number, notes in self.notes.items():
            up, down = self._now.get(number, (math.nan, math.nan))
            notes.up.append(up)
            notes.down.append(down)
            if number not in self._now:
                notes.value.append(np.zeros(0))
                notes.other.append(np.zeros(0))
        return bool(self.failed)

    def __call__(self, number: int, **given: Any) -> None:
        """Note one comparison: the form's number, and the operands that it has, by name."""
        form = self.forms[number]
        parts = {name: _numbers(value, form) for name, value in given.items()}
        try:
            with np.errstate(invalid="ignore"):  # of infinities
                up, down, holds = _room(form, parts, str(getattr(given["a"], "dtype", "")))
        except ValueError as error:  # shapes that do not fit
            raise NotComparable(f"line {form.line}, {form.text}: {error}") from None
        notes = self.notes[number]
        first = number not in self._now
        before = self._now.get(number, (math.inf, math.inf))
        self._now[number] = (min(before[0], up), min(before[1], down))
        if not holds:
            self.failed.append(form.text)
        if not first:  # a loop: its first value stands for the others
            return
        others = [parts[name].ravel() for name in ("b", "low", "high") if name in parts]
        other = np.concatenate([*others, np.zeros(0)])
        notes.value.append(_kept(parts["a"]))
        notes.other.append(_kept(other))
        notes.shape = parts["a"].shape
        notes.tolerance = _tolerance(form, parts, str(getattr(given["a"], "dtype", "")))
        level = float(np.max(parts["low"])) if form.kind == "pvalue" else 0.0
        if form.kind != "pvalue" or self._run >= _CALLS or parts["a"].size != 1:
            return
        for function, args, named, value in self.tests:
            if value == float(parts["a"].reshape(())):
                notes.calls[self._run] = (function, args, named, level)


def _numbers(value: Any, form: Form) -> np.ndarray:
    if hasattr(value, "detach"):  # a tensor
        value = value.detach().cpu()
        value = value.float() if str(value.dtype) == "torch.bfloat16" else value
        value = value.numpy()
    try:
        array = np.asarray(value)
        if array.dtype.kind == "c":
            array = np.stack([array.real, array.imag])
        return array.astype(float)
    except (TypeError, ValueError):
        raise NotComparable(
            f"line {form.line}, {form.text}: it compares a {type(value).__name__}, not numbers"
        ) from None


def _kept(array: np.ndarray) -> np.ndarray:
    if array.size <= _KEPT:
        return array.ravel()
    return np.array([np.mean(array), np.std(array), array.flat[0], array.flat[-1]])


def _tolerance(form: Form, parts: dict[str, np.ndarray], dtype: str) -> np.ndarray:
    zero = np.zeros(())
    rtol, atol = parts.get("rtol"), parts.get("atol")
    if form.rule == "dtype":
        default = _PER_DTYPE.get(dtype.removeprefix("torch."), (0.0, 0.0))
        rtol = np.asarray(default[0]) if rtol is None else rtol
        atol = np.asarray(default[1]) if atol is None else atol
    rtol = zero if rtol is None else rtol
    atol = zero if atol is None else atol
    if form.rule == "absolute" or form.kind != "near":
        return atol
    b = np.abs(parts["b"])
    if form.rule in ("allclose", "dtype"):
        return np.asarray(atol + rtol * b)
    if form.rule == "isclose":
        b = np.maximum(np.abs(parts["a"]), b)
    return np.asarray(np.maximum(atol, rtol * b))


def _room(form: Form, parts: dict[str, np.ndarray], dtype: str) -> tuple[float, float, bool]:
    """Return how far the value may move up and down, and whether the comparison holds."""
    a = parts["a"]
    if form.kind == "near":
        difference = a - parts["b"]
        tolerance = _tolerance(form, parts, dtype)
        up = np.min(
            np.nan_to_num(tolerance - difference, nan=-np.inf, posinf=np.inf), initial=np.inf
        )
        down = np.min(
            np.nan_to_num(tolerance + difference, nan=-np.inf, posinf=np.inf), initial=np.inf
        )
    else:
        high, low = parts.get("high", np.inf), parts.get("low", -np.inf)
        up = np.min(np.nan_to_num(high - a, nan=-np.inf, posinf=np.inf), initial=np.inf)
        down = np.min(np.nan_to_num(a - low, nan=-np.inf, posinf=np.inf), initial=np.inf)
    holds = all(
        room > 0 or (room == 0 and not strict)
        for room, strict in zip((down, up), form.strict, strict=True)
    )
    return float(up), float(down), holds
