"""Growth laws: which exponent the intervals around a quantity leave to it, and O.

A law is judged by the boxes that the quantity is known to lie in at each size. What the boxes admit
is known with the chance that all of them hold, whichever laws are asked about. So a claim is
VERIFIED only if every exponent that they admit is near the claimed one, and not because the rivals
on a list are excluded.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from theory_on_trial.decide.decision import (
    MOST_ERROR,
    Control,
    Finding,
    Outcome,
    Prediction,
    judge,
)
from theory_on_trial.decide.resolution import EXACT, Resolution
from theory_on_trial.laws import Enclosure

GROWTH_LAWS = (
    "const",
    "log log n",
    "log n",
    "log^2 n",
    "sqrt n",
    "sqrt n log n",
    "n / log n",
    "n",
    "n log n",
    "n^2",
)
"""The named laws that are rivals of every claim, from the slowest to the fastest."""
ANY_POWER = "n^a"
"""The law whose exponent a >= 0.001 is free: what the boxes admit is an interval of exponents."""
MARGIN = 0.05
"""How far from the claimed exponent, relative to it, those that the boxes admit may lie."""

Shape = Callable[[np.ndarray], np.ndarray]
GrowthLaw = str | Shape

_LEAST_SIZES = 4
"""A line in g passes through any two boxes, and some power through any three."""
_FINEST = 1.2
"""Sizes that are nearer than this ratio count as one."""
_SPAN = 8.0
"""The least ratio of the last size to the first: within less, every law is nearly a line."""
_SPAN_OF_BOUNDS = 4.0
"""The same for an upper bound."""
_ROUNDINGS = 64 * 2.0**-53
"""The rounding error of a number of a design, as a share of the largest one."""
_LEAST_POWER = 1e-3
_LARGEST_POWER = 10.0
"""Smaller powers are no powers but logarithms; a named one is at most so large."""
_CHANGES = np.concatenate([-np.geomspace(150, 1e-3, 200), [0.0], np.geomspace(1e-3, 150, 200)])
"""The exponents that are tried, times the logarithm by which the base grows on the design."""
_BESIDE = np.concatenate([-np.arange(3, 0.45, -0.05), np.arange(0.5, 3.05, 0.05)])
"""The powers of log n that must not be admitted as a factor beside the claimed law."""
_NARROWER = 2.0 ** np.arange(1, 9)
_WIDER = (1.5, 2.0, 3.0, 4.0)
"""By how much narrower the boxes, and by which powers of it wider the range of sizes, are tried."""


# -------------------------------------------------------------------------------------------- laws


def law_named(name: str) -> Shape:
    """Return a law by its name: "const", "log log n", or a power of n, of log n, or their product.

    A power of n is "sqrt n", "n", "n^1.5" or "n^(2/3)", with an exponent of 10 at most; one of the
    logarithm is "log n", "log^2 n" or "/ log n". Raises `ValueError` for another name.
    """
    if name == "const":
        return np.ones_like
    if name == "log log n":
        return lambda n: np.log(np.log(n))
    power, logarithm = _exponents(name)
    return lambda n: n**power * np.log(n) ** logarithm if logarithm else n**power


def _exponents(name: str) -> tuple[float, float]:
    """The powers of n and of log n in a named law."""
    pattern = (
        r"(?P<power>sqrt n|n\^(?P<number>\d*\.?\d+)|n\^\((?P<above>\d+)/(?P<below>\d+)\)|n)?"
        r" ?(?P<log>log n|log\^(?P<times>\d*\.?\d+) n|/ log n)?"
    )
    found = re.fullmatch(pattern, name)
    if not found or not name:
        raise ValueError(_unknown_law(name))
    power = {"sqrt n": 0.5, "n": 1.0}.get(found["power"], 0.0)
    if found["number"]:
        power = float(found["number"])
    if found["below"]:
        power = int(found["above"]) / max(int(found["below"]), 1)
    logarithm = {"log n": 1.0, "/ log n": -1.0}.get(found["log"], 0.0)
    if found["times"]:
        logarithm = float(found["times"])
    if max(power, logarithm) > _LARGEST_POWER or not (power or logarithm):
        raise ValueError(_unknown_law(name))
    return power, logarithm


def _unknown_law(name: str) -> str:
    return (
        f"unknown growth law {name!r}; the list has {', '.join(GROWTH_LAWS)}; a power is n^1.5 or "
        "n^(2/3), or n^a where its exponent is free; log^3 n and n^1.5 log n are laws, too"
    )


@dataclass(frozen=True, eq=False)
class _Law:
    """A law on a design.

    Attributes:
        name: as it was claimed.
        shape: its values, one for each size.
        base: the logarithm of what a power of it is a power of; None for a constant.
        power: the exponent of the law in that base.
        words: the powers of the base, in words.
    """

    name: str
    shape: np.ndarray
    base: np.ndarray | None
    power: float
    words: str


def _on_design(law: GrowthLaw, n: np.ndarray) -> np.ndarray:
    """The values of a law at every size; infinite or NaN where it is not defined."""
    function = law_named(law) if isinstance(law, str) else law
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.broadcast_to(np.asarray(function(np.asarray(n, float)), float), np.shape(n))


def _increasing(law: GrowthLaw, n: np.ndarray) -> np.ndarray:
    """A law on the design; raises `ValueError` unless it is finite and does not decrease."""
    shape = _on_design(law, n)
    increasing = np.all(np.diff(shape[np.argsort(n, kind="stable")]) >= 0)
    if not np.all(np.isfinite(shape)) or not increasing:
        raise ValueError(
            f"the law {law if isinstance(law, str) else 'that is given'!r} must be finite and "
            f"increasing on the design, which starts at n = {np.min(n):g}"
        )
    return shape


def _law(law: GrowthLaw, n: np.ndarray) -> _Law:
    """A law on the design, and what its powers are powers of: of n or of log n wherever it is such
    a power itself, up to offset and factor.
    """
    if law == ANY_POWER:
        return _Law(ANY_POWER, n, np.log(n), 1.0, "n^a")
    shape = _increasing(law, n)
    if isinstance(law, str):
        words, power = _family(law)
        if law == "const":
            return _Law(law, shape, None, power, words)
        if np.min(shape) <= 0:
            raise ValueError(_not_positive(repr(law), n))
        return _Law(law, shape, _bases(n)[words] if power else np.log(shape), power or 1.0, words)
    name = getattr(law, "__name__", "<lambda>").replace("<lambda>", "the given law")
    if not np.ptp(shape):
        return replace(_law("const", n), name=name, shape=shape)
    for known in GROWTH_LAWS[1:]:
        other = _on_design(known, n)
        if np.min(other) > 0 and np.allclose(_unit(other), _unit(shape), rtol=0, atol=1e-12):
            return replace(_law(known, n), name=name, shape=shape)
    for words, base in _bases(n).items():
        powers = admitted_powers(base, shape, shape) if len(base) == len(n) else None
        if powers is not None and np.mean(powers) > 1e-6:
            return _Law(name, shape, base, float(np.mean(powers)), words)
    if np.min(shape) <= 0:
        raise ValueError(_not_positive("that is given", n))
    return _Law(name, shape, np.log(shape), 1.0, f"({name})^a")


def _not_positive(name: str, n: np.ndarray) -> str:
    return f"the law {name} must be positive on the design, which starts at n = {np.min(n):g}"


def _family(name: str) -> tuple[str, float]:
    """Of what a named law is a power, in words, and the exponent: 0 if of itself alone."""
    if name in ("const", "log log n"):
        return f"({name})^a", 0.0
    power, logarithm = _exponents(name)
    if not logarithm:
        return "n^a", power
    return ("(log n)^a", logarithm) if not power else (f"({name})^a", 0.0)


def _bases(n: np.ndarray) -> dict[str, np.ndarray]:
    """The logarithms of n and of log n, by their powers in words; the latter of n above 1 only."""
    return {"n^a": np.log(n), "(log n)^a": np.log(np.log(n[n > 1]))}


# ------------------------------------------------------------------------------ what boxes admit


def survives(law: GrowthLaw, n: np.ndarray, low: np.ndarray, high: np.ndarray) -> bool:
    """Tell whether some a of either sign and b > 0 put a + b law(n) into every box [low, high].

    Of a law that is constant on the design, b does not matter. Closed form over all pairs of boxes,
    so no grid over b / a can miss a member; `_ROUNDINGS` of the largest finite end are added to
    each box. Sizes at which the law is not defined are left out.
    """
    shape = _on_design(law, n)
    defined = np.isfinite(shape)
    return bool(_passes(shape[defined], low[defined], high[defined])) if defined.any() else False


def _passes(shapes: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Tell for shapes (..., sizes) whether a line in them, b > 0, passes through all boxes."""
    least, most = _slopes(shapes, low, high)
    return np.asarray((least <= most) & (most > 0))


def _slopes(shapes: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least and the largest slope b >= 0 of a line in each shape (..., sizes) through all
    boxes; least > most if there is none. A shape is measured from its least to its largest value.

    A line a + b g exists if and only if low_i - high_j <= b (g_i - g_j) for every pair.
    """
    g = _unit(shapes)
    tolerance = _tolerance(low, high)
    fall = low[:, None] - high[None, :] - 2 * tolerance
    rise = g[..., :, None] - g[..., None, :]
    rise = np.where(np.abs(rise) <= _ROUNDINGS, 0.0, rise)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = fall / rise
    pairs = (-2, -1)
    least = np.max(slope, axis=pairs, initial=0.0, where=rise > 0)
    most = np.min(slope, axis=pairs, initial=np.inf, where=rise < 0)
    apart = np.any((fall > 0) & (rise == 0), axis=pairs)
    return np.where(apart, np.inf, least), np.where(apart, 0.0, most)


def _unit(shapes: np.ndarray) -> np.ndarray:
    lowest = np.min(shapes, axis=-1, keepdims=True)
    spread = np.ptp(shapes, axis=-1, keepdims=True)
    return np.asarray((shapes - lowest) / np.where(spread > 0, spread, 1.0))


def _tolerance(low: np.ndarray, high: np.ndarray) -> float:
    """The rounding error of the ends of boxes."""
    ends = np.abs(np.concatenate([low, high]))
    return float(_ROUNDINGS * np.max(ends, where=np.isfinite(ends), initial=0.0))


def raised(base: np.ndarray, powers: np.ndarray) -> np.ndarray:
    """Return (e^(p base) - 1) / p on the design for each power p of any sign, the base where p is
    0, up to offset and factor; shape (powers, sizes).

    So the logarithm lies between the powers above and below 0, which tend to a constant.
    """
    p = np.asarray(powers, float)[:, None]
    start = np.where(p > 0, np.max(base), np.min(base))
    with np.errstate(divide="ignore", invalid="ignore"):
        values: np.ndarray = np.where(p == 0, base - start, np.expm1(p * (base - start)) / p)
    return values


def admitted_powers(
    base: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[float, float] | None:
    """Return the least and the largest power p for which some a + b e^(p base), b p > 0, passes
    through every box; None if none does. `base` is log n for powers of n.

    They are an interval, because the steps between three sizes are in a ratio that rises with p.
    An end that was not found is infinite.
    """

    def excess(powers: np.ndarray) -> np.ndarray:
        """The relative gap between the slopes that the boxes require; positive if none fits."""
        least, most = _slopes(raised(base, powers), low, high)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            gap = np.where(np.isfinite(most), (least - most) / most, -1.0)
        return np.where(np.isfinite(least) & (most > 0), gap, np.inf)

    tried = _CHANGES / np.ptp(base)
    found = excess(tried)
    k = int(np.argmin(found))
    if not np.isfinite(found[k]):
        return None
    if found[k] > 0:  # narrow boxes admit exponents between two of those that were tried
        start, end = tried[max(k - 1, 0)], tried[min(k + 1, len(tried) - 1)]
        for _ in range(40):  # the excess falls to its least value and rises from there
            steps = np.linspace(start, end, 9)
            k = int(np.argmin(excess(steps)))
            start, end = steps[max(k - 1, 0)], steps[min(k + 1, 8)]
        best = float((start + end) / 2)
        if excess(np.array([best]))[0] > 1e-9:
            return None
        if excess(np.array([best]))[0] > 0:  # by rounding
            return best - 1e-9, best + 1e-9
        tried = np.array([tried[0], best, tried[-1]])
        found = np.array([np.inf, -1.0, np.inf])
    good = np.flatnonzero(found <= 0)
    return (
        _end(excess, tried[good[0]], tried[good[0] - 1]) if good[0] else -np.inf,
        _end(excess, tried[good[-1]], tried[good[-1] + 1]) if good[-1] + 1 < len(tried) else np.inf,
    )


def _end(excess: Callable[[np.ndarray], np.ndarray], good: float, bad: float) -> float:
    """The last power that is admitted on the way from a good one to a bad one, from outside."""
    for _ in range(8):
        steps = np.linspace(good, bad, 18)
        first = int(np.argmax(excess(steps[1:-1]) > 0)) + 1
        if excess(steps[first : first + 1])[0] <= 0:  # all of them are admitted
            first = len(steps) - 1
        good, bad = float(steps[first - 1]), float(steps[first])
    return bad


# ---------------------------------------------------------------------------------------- decision


@dataclass(frozen=True)
class _Verdict:
    """What boxes say of a law: the exponents of its base that they admit, None if no power fits,
    and the rivals that they admit, in words.
    """

    outcome: Outcome
    powers: tuple[float, float] | None
    rivals: tuple[str, ...]


def _verdict(
    claimed: GrowthLaw, n: np.ndarray, low: np.ndarray, high: np.ndarray, margin: float
) -> _Verdict:
    law = _law(claimed, n)
    if law.base is None:
        alive = bool(_passes(law.shape, low, high))
        rivals = tuple(_named_rivals(law, n, low, high)) if alive else ()
        return _Verdict(_outcome(alive, not rivals), None, rivals)
    powers = admitted_powers(law.base, low, high)
    if claimed == ANY_POWER:
        alive = powers is not None and powers[1] >= _LEAST_POWER
        known = powers is not None and powers[0] > 0
    else:
        alive = bool(_passes(law.shape, low, high))
        known = powers is not None and _near(powers, law.power, margin)
    if not alive:
        return _Verdict("REFUTED", powers, ())
    rivals = (
        *_named_rivals(law, n, low, high),
        *_rival_powers(law, n, low, high, margin),
        *(_rival_factors(law, n, low, high) if claimed != ANY_POWER else ()),
    )
    return _Verdict(_outcome(alive, known and not rivals), powers, rivals)


def _outcome(alive: bool, known: bool) -> Outcome:
    return "REFUTED" if not alive else "VERIFIED" if known else "INCONCLUSIVE"


def _near(powers: tuple[float, float], power: float, margin: float) -> bool:
    return power * (1 - margin) < powers[0] and powers[1] < power * (1 + margin)


def _named_rivals(law: _Law, n: np.ndarray, low: np.ndarray, high: np.ndarray) -> Sequence[str]:
    """The laws of the list that the boxes admit, but for powers of the same base, which have an
    interval of their own.
    """
    return [
        other
        for other in GROWTH_LAWS
        if _family(other)[0] != law.words and survives(other, n, low, high)
    ]


def _rival_powers(
    law: _Law, n: np.ndarray, low: np.ndarray, high: np.ndarray, margin: float
) -> Sequence[str]:
    """The powers of n and of log n that the boxes admit, in words, where the law is no such power.

    Powers that tend to 0 tend to log n, or to log log n, so that some always pass beside these.
    """
    rivals = []
    for words, base in _bases(n).items():
        if law.words == words:
            continue
        defined = n > 1 if len(base) < len(n) else np.full(len(n), True)
        powers = admitted_powers(base, low[defined], high[defined])
        limit = np.allclose(_unit(base), _unit(law.shape[defined]), rtol=0, atol=1e-9)
        if powers is not None and not (limit and -margin < powers[0] and powers[1] < margin):
            rivals.append(_from_to(powers, words))
    return rivals


def _rival_factors(law: _Law, n: np.ndarray, low: np.ndarray, high: np.ndarray) -> Sequence[str]:
    """The law times a power of log n, of one half at least, if the boxes admit such a one."""
    if law.words == "(log n)^a":
        return []
    later = n > 1
    logs = np.log(n[later])
    admitted = _passes(law.shape[later] * logs ** _BESIDE[:, None], low[later], high[later])
    powers = _BESIDE[admitted]
    return [f"{law.name} (log n)^{min(powers, key=abs):.3g}"] if powers.size else []


def _in_words(powers: tuple[float, float], words: str) -> str:
    """An interval of exponents in words, such as "0.48 <= a <= 0.52 in n^a"."""
    low = f"{powers[0]:.4g} <= " if np.isfinite(powers[0]) else ""
    high = f" <= {powers[1]:.4g}" if np.isfinite(powers[1]) else ""
    return f"{low}a{high} in {words}" if low or high else f"any a in {words}"


def _from_to(powers: tuple[float, float], words: str) -> str:
    """An interval of laws in words, such as "n^0.48 to n^0.52"."""
    if not np.all(np.isfinite(powers)):
        return _in_words(powers, words)
    return " to ".join(f"{words[:-1]}{power:.4g}" for power in powers)


def growth(
    n: Any,
    low: Any,
    high: Any,
    claimed: GrowthLaw,
    *,
    error: float,
    slack_log: float,
    controls: Sequence[str] | Mapping[str, GrowthLaw],
    margin: float = MARGIN,
    exponent: tuple[float, float] | None = None,
    guarantee: str = "finite-n (union)",
    printed: GrowthLaw | None = None,
) -> Finding:
    """Decide a growth law on boxes around m(n_j): VERIFIED iff the exponents that they admit lie
    within `margin` of the claimed one.

    "m grows as g" means Theta(g), in the form m(n) = a + b g(n) with b > 0 and an offset a of
    either sign, so that m / g tends to b where g is unbounded; a constant grows as "const" alone.
    The boxes [low_j, high_j], of either sign, hold the truth at all design points with chance >=
    1 - `error`; `slack_log` (>= 0) widens them to allow that relative deviation from the pure law.
    The sizes, >= 1, span a factor of eight at least; four of them are 1.2 times apart.

    The exponents are those p for which a + b g(n)^p passes through all boxes for some a and b; of
    a power of n or of log n they are given as exponents of n or log n. VERIFIED needs all of them
    within `margin` (in (0, 1), relative) of the claimed one, and no other law in the boxes: none of
    `GROWTH_LAWS`, no power of n or of log n where g is none, and not g times a power of log n of
    one half or more. REFUTED iff g itself does not pass through the boxes, INCONCLUSIVE otherwise.
    `claimed` is a name (see `law_named`), "n^a" (some power, whatever its exponent; the interval of
    exponents is reported; with `exponent=(least, most)` those that the boxes admit must lie between
    the two, and are REFUTED where all lie beyond) or an increasing function of an array of sizes.
    `controls` are laws that must be REFUTED as claims, names or functions by name; `guarantee` is
    what the boxes rest on.

    Guarantee: the true law is rejected, and one of another exponent beyond the margin is VERIFIED,
    with chance <= `error` together, by the union bound alone.

    Raises `ValueError` for fewer sizes, empty boxes, an unknown law and one that is not increasing
    on the design.
    """
    n, low, high = _boxes(n, low, high)
    if not 0 <= error <= MOST_ERROR:
        raise ValueError(
            f"boxes that miss with a chance of {error:g} decide nothing: at most {MOST_ERROR:g} "
            "in all"
        )
    if not slack_log >= 0:
        raise ValueError(f"slack_log must not be negative, got {slack_log}")
    if not 0 < margin < 1:
        raise ValueError(f"margin= is a share of the exponent, between 0 and 1, got {margin}")
    if exponent is not None:
        _check_exponent(exponent, claimed)
    law = _law(claimed, n)
    _check_design(n)
    low, high = _widened(low, high, slack_log)
    wrong = controls if isinstance(controls, Mapping) else {name: name for name in controls}
    found = _verdict(claimed, n, low, high, margin)
    if exponent is not None:
        found = replace(found, outcome=_between(found, exponent))
    return Finding(
        found.outcome,
        Prediction(law.name, margin=margin, slack=slack_log),
        Enclosure(
            np.asarray(_measured(law, found, n, low, high)), low, high, error, guarantee, len(n)
        ),
        tuple(
            Control(name, name, _verdict(other, n, low, high, margin).outcome)
            for name, other in wrong.items()
        ),
        printed=None if printed is None else _verdict(printed, n, low, high, margin).outcome,
        printed_value=printed,
        resolution=EXACT
        if law.base is None
        else Resolution(
            0.0 if claimed == ANY_POWER else margin,
            0.0 if claimed == ANY_POWER else margin,
            exponent=_in_words(found.powers, law.words) if found.powers else "no exponent",
        ),
        note=_why_undecided(law, found, n, low, high, margin, exponent)
        if found.outcome == "INCONCLUSIVE"
        else "",
    )


def _check_exponent(exponent: tuple[float, float], claimed: GrowthLaw) -> None:
    """Raise `ValueError` unless exponents are the two ends of a range, of "n^a"."""
    if claimed != ANY_POWER:
        raise ValueError(f'exponent= is the range of a in claimed="n^a", got {claimed!r}')
    ends = np.asarray(exponent)
    if ends.shape != (2,) or ends.dtype.kind not in "iuf" or not 0 < ends[0] < ends[1] < np.inf:
        raise ValueError(
            f"exponent= is the least and the largest a in n^a, above 0, got {exponent!r}"
        )


def _between(found: _Verdict, exponent: tuple[float, float]) -> Outcome:
    """The verdict that all exponents which boxes admit lie in a range."""
    least, most = exponent
    if found.powers is None or found.powers[1] < least or found.powers[0] > most:
        return "REFUTED"
    known = least < found.powers[0] and found.powers[1] < most
    return _outcome(True, known and not found.rivals)


def _widened(low: np.ndarray, high: np.ndarray, slack: float) -> tuple[np.ndarray, np.ndarray]:
    """Boxes that also hold what deviates from the truth by a relative slack."""
    return (
        np.where(low > 0, low * np.exp(-slack), low * np.exp(slack)),
        np.where(high > 0, high * np.exp(slack), high * np.exp(-slack)),
    )


def _measured(law: _Law, found: _Verdict, n: np.ndarray, low: np.ndarray, high: np.ndarray) -> str:
    """The laws that the boxes admit, and the exponents."""
    laws = [law.name] if found.outcome != "REFUTED" else []
    laws = [*laws, *found.rivals] or [name for name in GROWTH_LAWS if survives(name, n, low, high)]
    admitted = ", ".join(laws) or "none"
    return f"{admitted}; {_in_words(found.powers, law.words)}" if found.powers else admitted


def _why_undecided(
    law: _Law,
    found: _Verdict,
    n: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    margin: float,
    exponent: tuple[float, float] | None = None,
) -> str:
    """Say which exponents and which rivals the boxes admit, and which boxes have no end."""
    parts = []
    if found.powers and law.name != ANY_POWER and not _near(found.powers, law.power, margin):
        ends = " to ".join(f"{law.power * factor:.4g}" for factor in (1 - margin, 1 + margin))
        parts.append(f"the boxes admit {_in_words(found.powers, law.words)}, the margin {ends}")
    if found.powers and exponent is not None:
        ends = " to ".join(f"{end:.4g}" for end in exponent)
        parts.append(f"the boxes admit {_in_words(found.powers, law.words)}, the claim {ends}")
    if found.rivals:
        fit = "fits" if len(found.rivals) == 1 else "fit"
        several = filter(None, [", ".join(found.rivals[:-1]), found.rivals[-1]])
        parts.append(f"{' and '.join(several)} {fit} the boxes too")
    return "; ".join(filter(None, [*parts, _open_boxes(n, low, high)]))


def what_would_do(
    n: Any, low: Any, high: Any, claimed: GrowthLaw, slack_log: float, margin: float = MARGIN
) -> tuple[float | None, float | None]:
    """Return by which factor narrower boxes, and up to which size a wider design, would verify a
    law that the boxes admit, if it were true; None where none of those that are tried would.

    The boxes are taken around the member of the law in their middle. A wider design has as many
    sizes, and boxes of the same width relative to that member. Arguments as for `growth`.
    """
    n, low, high = _boxes(n, low, high)
    shape = _unit(_law(claimed, n).shape)
    wide_low, wide_high = _widened(low, high, slack_log)
    least, most = (float(end) for end in _slopes(shape, wide_low, wide_high))
    if claimed == ANY_POWER or not (0 < most < np.inf and least <= most):
        return None, None
    slope = (least + most) / 2
    offset = (np.max(wide_low - slope * shape) + np.min(wide_high - slope * shape)) / 2
    middle = offset + slope * shape
    below, above = np.maximum(middle - low, 0), np.maximum(high - middle, 0)

    def verified(sizes: np.ndarray, values: np.ndarray, width: np.ndarray | float) -> bool:
        boxes = _widened(values - below * width, values + above * width, slack_log)
        law = _law(claimed, sizes)
        powers = None if law.base is None else admitted_powers(law.base, *boxes)
        near = powers is None or _near(powers, law.power, margin)  # else rivals do not matter
        return near and _verdict(claimed, sizes, *boxes, margin).outcome == "VERIFIED"

    def on_wider(sizes: np.ndarray) -> bool:
        """Whether the law would be verified at these sizes."""
        both = _on_design(claimed, np.concatenate([n, sizes]))
        here = both[: len(n)]
        values = offset + slope * (both[len(n) :] - np.min(here)) / np.ptp(here)
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = np.abs(values / middle)
        return bool(np.all(np.isfinite(scale))) and verified(sizes, values, scale)

    narrower = (float(f) for f in _NARROWER if verified(n, middle, 1 / f))
    first = np.min(n)
    wider = (float(np.max(d)) for p in _WIDER if on_wider(d := first * (n / first) ** p))
    return next(narrower, None), next(wider, None)


def _check_design(n: np.ndarray) -> None:
    """Raise `ValueError` unless four sizes are apart and the design spans enough."""
    sizes = np.sort(n)
    apart, last = 0, 0.0
    for size in sizes:
        if size >= last * _FINEST * (1 - 1e-12):
            apart, last = apart + 1, float(size)
    if apart < _LEAST_SIZES:
        raise ValueError(
            f"growth needs at least {_LEAST_SIZES} different sizes, got {apart} (those within a "
            f"factor of {_FINEST:g} count as one): through fewer passes some member of nearly "
            "every law"
        )
    if sizes[-1] < _SPAN * sizes[0]:
        raise ValueError(
            f"growth needs sizes that span a factor of {_SPAN:g}, got {sizes[0]:g} to "
            f"{sizes[-1]:g}: within less every law is nearly a line"
        )


def _boxes(n: Any, low: Any, high: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n, low, high = (np.asarray(v, float) for v in (n, low, high))
    if n.ndim != 1 or not low.shape == high.shape == n.shape:
        raise ValueError(
            "growth needs one box for each size, got sizes, lower and upper ends of shapes "
            f"{n.shape}, {low.shape} and {high.shape}"
        )
    if not (np.all(low <= high) and np.all(n >= 1) and np.ptp(n) > 0):
        raise ValueError("growth needs different sizes n >= 1 and boxes with low <= high")
    return n, low, high


def _open_boxes(n: np.ndarray, low: np.ndarray, high: np.ndarray) -> str:
    """Name the boxes without an end, "" if each has both."""
    places = [f"n = {size:g}" for size in n[~np.isfinite(low) | ~np.isfinite(high)]]
    if not places:
        return ""
    boxes = "the boxes" if len(places) > 1 else "the box"
    have = "have" if len(places) > 1 else "has"
    return (
        f"{boxes} at {', '.join(places)} {have} no end: nothing that was tried brackets the "
        "quantity there, so try larger or smaller sizes, or take more samples"
    )


# ------------------------------------------------------------------------------------------------ O


def growth_at_most(
    n: Any,
    low: Any,
    high: Any,
    claimed: GrowthLaw,
    *,
    error: float,
    controls: Sequence[str] | Mapping[str, GrowthLaw] = (),
    guarantee: str = "finite-n (union)",
    printed: str | None = None,
) -> Finding:
    """Decide whether m(n) = O(g) on the design: m(n_j) <= a + b g(n_j) for every j from the third
    size on.

    O allows any constant and any first size, which no finite design can exclude; here the first two
    sizes fix both: b = max(0, m(n_1) / g(n_1), (m(n_2) - m(n_1)) / (g(n_2) - g(n_1))), the larger
    of what they ask without an offset and with one, and a = m(n_1) - b g(n_1), of either sign.
    Choose the first size so large that the law has set in. `claimed` is as in `growth`; "const"
    says that m never rises above its first value. The boxes, of either sign, hold the truth at all
    design points with chance >= 1 - `error`. VERIFIED iff they leave no other possibility, REFUTED
    iff they exclude it. A statement about the tested range only: it is INCONCLUSIVE where the boxes
    admit powers of g or of n, and only such that grow faster than g, so that larger sizes would
    refute it. The measured value is the largest m(n_j) / (a + b g(n_j)), predicted to be at most
    one (both are lifted by one number where m may be negative). `controls` are slower laws, names
    or functions by name, which must be REFUTED as claims. `printed` is a law whose exact form
    a + b g(n), b > 0, was claimed instead: REFUTED iff no member passes through the boxes.

    Raises `ValueError` for fewer than three sizes, sizes of which one is not at least 1.2 times the
    one before or that span less than a factor of four, and a first box without ends.
    """
    n, low, high = _boxes(n, low, high)
    for law in (claimed, printed):
        if isinstance(law, str):
            _increasing(law, n)
    if len(n) < 3 or np.any(np.diff(n) <= 0):
        raise ValueError(
            "growth_at_most needs at least three increasing sizes: the first two fix offset and "
            "factor"
        )
    if np.any(n[1:] < _FINEST * (1 - 1e-12) * n[:-1]) or n[-1] < _SPAN_OF_BOUNDS * n[0]:
        raise ValueError(
            f"growth_at_most needs sizes each at least {_FINEST:g} times the one before, and the "
            f"last {_SPAN_OF_BOUNDS:g} times the first: within less every law is nearly a line"
        )
    if not np.all(np.isfinite([low[0], high[0]])):
        raise ValueError(
            f"growth_at_most needs a first box with two ends: {_open_boxes(n, low, high)}"
        )
    g = _increasing(claimed, n)
    finite = np.abs(np.concatenate([low[np.isfinite(low)], high[np.isfinite(high)]]))
    rounding = np.full(len(n) - 1, max(_ROUNDINGS * np.max(finite), np.finfo(float).tiny))
    # The allowed values rise with m(n_1) without an offset, and fall with it where one is fitted.
    least_allowed = np.full(len(n) - 1, low[0])
    most_allowed = np.full(len(n) - 1, high[0])
    if g[0] > 0:
        factor = g[1:] / g[0]
        least_allowed = np.maximum(least_allowed, low[0] * factor)
        most_allowed = np.maximum(most_allowed, high[0] * factor)
    if g[1] > g[0]:
        steps = (g[1:] - g[0]) / (g[1] - g[0])
        rounding = rounding * (1 + steps)  # a line through two values carries theirs that far
        least_allowed = np.maximum(least_allowed, steps * low[1] + (1 - steps) * high[0])
        most_allowed = np.maximum(most_allowed, steps * high[1] + (1 - steps) * low[0])
    lift = max(0.0, -2 * float(np.min(low[np.isfinite(low)])))
    least = (low[1:] + lift) / (most_allowed + rounding + lift)
    most = (high[1:] + lift) / (least_allowed + rounding + lift)
    middle = np.where(np.isfinite(high), (low + high) / 2, low) + lift
    allowed = (least_allowed + most_allowed) / 2 + rounding + lift
    later = slice(0 if g[1] == g[0] else 1, None)  # the second size is allowed what it has
    interval = Enclosure(
        np.max((middle[1:] / allowed)[later]),
        np.max(least[later]),
        np.max(most[later]),
        error,
        guarantee,
        len(n),
    )
    outcome: Outcome | None = None
    if printed is not None:
        outcome = "INCONCLUSIVE" if survives(printed, n, low, high) else "REFUTED"
    finding = judge(interval, Prediction(np.asarray(1.0), 0.0, 0.0, "at most"), {}, None)
    note = ""
    if finding.outcome == "INCONCLUSIVE":
        note = "the boxes admit both: narrower ones would decide"
        note = "; ".join(filter(None, [note, _open_boxes(n, low, high)]))
    elif finding.outcome == "VERIFIED" and (faster := _faster(claimed, n, low, high)):
        finding = replace(finding, outcome="INCONCLUSIVE")
        note = (
            "it stays below the line through its first two values, but grows faster, with "
            f"{faster}: larger sizes would decide"
        )
    wrong = controls if isinstance(controls, Mapping) else {name: name for name in controls}
    rivals = tuple(
        Control(name, name, growth_at_most(n, low, high, other, error=error).outcome)
        for name, other in wrong.items()
    )
    return replace(finding, controls=rivals, printed=outcome, printed_value=printed, note=note)


def undecided(n: Any, low: Any, high: Any, error: float, guarantee: str) -> Finding:
    """Return that nothing is known of O yet, because the first box has no end."""
    ends = (np.asarray(end) for end in (np.nan, -np.inf, np.inf))
    estimate, least, most = ends
    return Finding(
        "INCONCLUSIVE",
        Prediction(np.asarray(1.0), 0.0, 0.0, "at most"),
        Enclosure(estimate, least, most, error, guarantee, len(n)),
        note=_open_boxes(*_boxes(n, low, high)),
    )


def _faster(claimed: GrowthLaw, n: np.ndarray, low: np.ndarray, high: np.ndarray) -> str:
    """The exponents that boxes admit, in words, if there are any and all are above the claimed
    ones.
    """
    if np.min(_increasing(claimed, n)) <= 0:
        return ""
    law = _law(claimed, n)
    if law.base is None:
        return ""
    claims = {law.words: (law.base, law.power)}
    if isinstance(claimed, str) and law.words not in ("(log n)^a", "(log log n)^a"):
        claims.setdefault("n^a", (np.log(n), _exponents(claimed)[0]))
    elif isinstance(claimed, str) or law.words == "(log n)^a":
        claims.setdefault("n^a", (np.log(n), 0.0))
    found = []
    for words, (base, power) in claims.items():
        powers = admitted_powers(base, low, high)
        if powers is not None and powers[0] <= power + 1e-6 * max(power, 1.0):
            return ""
        if powers is not None:
            found.append(_in_words(powers, words))
    return " or ".join(found)
