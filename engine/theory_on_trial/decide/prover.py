"""Proofs by enclosure: ball arithmetic shows that an inequality holds at every point of a box.

A box is cut in two until on every piece the enclosure of f = rhs - lhs shows the sign. Each piece
is tried in four ways: by the plain enclosure of f; on the face where f is least, along parameters
whose enclosed derivative has one sign; by the mean value form f(m) + f'(X) (X - m); and by Taylor's
formula from an end of a parameter, where the sides may touch. A proof is of the formula
as it is typed, on the box as it is stated, and rests on the correctness of Arb.
"""

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from theory_on_trial.balls import Ball, Whole, enclosed, enclosing, exact, is_typed
from theory_on_trial.decide.decision import Outcome
from theory_on_trial.polynomials import Polynomial

Formula = Callable[..., Any]
Ends = tuple[tuple[float, float], ...]
Pieces = str | list[Any]

_LEAST_BITS = 64
_SHRINKINGS = 60
_MOST_ORDER = 6
_STEEP = 1e200


@dataclass(frozen=True)
class Proof:
    """The result of an attempt to prove lhs <= rhs on a box.

    Attributes:
        outcome: VERIFIED if the inequality is proved on the whole box, REFUTED if it is false on
            all of `where`, INCONCLUSIVE if the budget of boxes ended.
        boxes: how many boxes were enclosed; of two polynomials how many coefficients agree, or at
            how many points they were compared until they differed.
        depth: how often the smallest of them was halved.
        bits: the precision of the balls.
        where: by parameter the ends of a box: one on which the inequality is false, or one that
            remained; None for a proof.
        point: by parameter the point with the least (rhs - lhs) / |rhs| of all middles of boxes.
        why: for an INCONCLUSIVE attempt, what would decide it.
        used: which of "enclosures", "mean values", "signs of derivatives" and "Taylor's formula"
            the proof needed.
        pieces: of a proof without integers, how its box was cut: "shown" for a piece on which the
            inequality was shown, else [parameter, place of the cut, pieces below, pieces above].
    """

    outcome: Outcome
    boxes: int
    depth: int
    bits: int
    where: Mapping[str, tuple[float, float]] | None
    point: Mapping[str, float]
    why: str = ""
    used: str = ""
    pieces: Pieces = "shown"


def prove(
    lhs: Formula,
    rhs: Formula,
    box: Mapping[str, Any],
    *,
    tolerance: float = 0.0,
    most_boxes: int = 20_000,
    bits: int = 106,
) -> Proof:
    """Prove lhs <= rhs + tolerance at every point of a box, or find a box on which it is false.

    Args:
        lhs: function of the box's parameters, by name, written with operators and the
            functions of `theory_on_trial.balls`. Constants are exact as they are typed: 0.1 is the
            float64 next to it, `Fraction(1, 10)` a tenth. A float that is not typed in the formula,
            and a number of NumPy, may have been rounded.
        rhs: the same.
        box: by parameter (low, high), both ends included and finite, or a `range` or list of
            integers, every one of which is tried.
        tolerance: >= 0, in the unit of the sides: sides that touch inside the box are proved to it.
        most_boxes: how many boxes may be enclosed, all integers together.
        bits: precision of the balls, at least 64; doubled where a box becomes as narrow as it.

    Raises `ValueError` for a box that is empty, not finite or without a parameter, a tolerance
    below 0 and a formula that returns no number, `TypeError` for a formula with a number that may
    have been rounded, `ModuleNotFoundError` without python-flint.
    """
    try:
        from flint import ctx
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "a proof needs python-flint: pip install 'theory-on-trial[prove]'"
        ) from None

    names, ends, integers = _parts(box)
    if not (tolerance >= 0 and math.isfinite(tolerance)):
        raise ValueError(f"tolerance must be a finite number >= 0, got {tolerance}")
    if bits < _LEAST_BITS:
        raise ValueError(f"bits must be at least {_LEAST_BITS}, got {bits}")
    before = ctx.prec
    search = _Search(lhs, rhs, names, enclosed(float(tolerance)), most_boxes, bits)
    try:
        for values in product(*integers.values()):
            search.fixed = dict(zip(integers, values, strict=True))
            proof = search.run(ends)
            if proof.outcome != "VERIFIED":
                return proof
    finally:
        ctx.prec = before
    return search.result("VERIFIED", None)


def _parts(box: Mapping[str, Any]) -> tuple[tuple[str, ...], Ends, dict[str, list[int]]]:
    """Return the names and ends of the real parameters, and the values of the integer ones."""
    if not box:
        raise ValueError("box names no parameter: there is nothing to prove")
    integers: dict[str, list[int]] = {}
    ends: dict[str, tuple[float, float]] = {}
    for name, values in box.items():
        if isinstance(values, range | list):
            if not values or not all(isinstance(value, int | np.integer) for value in values):
                raise ValueError(f"box {name} must list integers, got {values!r}")
            integers[name] = [int(value) for value in values]
            continue
        if not isinstance(values, tuple) or len(values) != 2:
            raise ValueError(f"box {name} must be (low, high), a range or a list, got {values!r}")
        low, high = (float(end) for end in values)
        if not (math.isfinite(low) and math.isfinite(high)):
            raise ValueError(
                f"box {name} must be finite, got ({low}, {high}): write the formula in another "
                "parameter, as t with x = t / (1 - t)"
            )
        if low > high:
            raise ValueError(f"box {name} must have low <= high, got ({low}, {high})")
        ends[name] = low, high
    return tuple(ends), tuple(ends.values()), integers


class _Search:
    """The boxes that are left, and what has been seen so far."""

    def __init__(
        self,
        lhs: Formula,
        rhs: Formula,
        names: tuple[str, ...],
        tolerance: Any,
        most: int,
        bits: int,
    ):
        self.lhs = lhs
        self.rhs = rhs
        self.names = names
        self.tolerance = tolerance
        self.most = most
        self.bits = bits
        self.fixed: dict[str, int] = {}
        self.boxes = 0
        self.depth = 0
        self.widest_bits = bits
        self.used: set[str] = set()
        self.least = math.inf
        self.point: dict[str, float] = {}
        self.pieces: list[Any] = ["shown"]

    def run(self, ends: Ends) -> Proof:
        """Try the boxes widest first, so that a false inequality is seen early."""
        self.pieces = ["shown"]
        left = deque([(ends, 0, self.pieces, 0)])
        while left:
            box, depth, whole, at = left.popleft()
            if self.boxes >= self.most:
                return self.result("INCONCLUSIVE", box, self._what_would_do(box))
            self.boxes += 1
            self.depth = max(self.depth, depth)
            self._set_precision(box)
            if (false := self._false_near(box)) is not None:
                return self.result("REFUTED", false)
            slopes: list[Any] = []
            if self._holds(box, slopes):
                continue
            pieces = _halves(box, slopes)
            if not pieces:
                return self.result("INCONCLUSIVE", box, self._what_would_do(box))
            whole[at] = _cut(self.names, pieces)
            left.extend((piece, depth + 1, whole[at], 2 + k) for k, piece in enumerate(pieces))
        return self.result("VERIFIED", None)

    def result(self, outcome: Outcome, box: Ends | None, why: str = "") -> Proof:
        """Make the proof's record."""
        where = None if box is None else dict(zip(self.names, box, strict=True))
        if where is not None:
            where |= {name: (value, value) for name, value in self.fixed.items()}
        used = ", ".join(sorted(self.used))
        return Proof(
            outcome,
            self.boxes,
            self.depth,
            self.widest_bits,
            where,
            self.point,
            why,
            used,
            self.pieces[0],
        )

    def _set_precision(self, box: Ends) -> None:
        from flint import ctx

        narrow = [(high - low) / max(abs(low), abs(high)) for low, high in box if high > low]
        needed = self.bits
        while narrow and min(narrow) < 2.0 ** (-needed / 2):
            needed *= 2
        ctx.prec = needed
        self.widest_bits = max(self.widest_bits, needed)

    def gap(self, box: Ends, along: int = -1, order: int = 0) -> Ball:
        """Enclose rhs + tolerance - lhs on a box, with its series along one of the parameters."""
        variables: dict[str, Any] = {}
        for place, (name, (low, high)) in enumerate(zip(self.names, box, strict=True)):
            value = enclosed(low).union(enclosed(high))
            variables[name] = Ball.of([value, int(place == along)], order)
        found = Ball.of([self.tolerance], order)
        whole = {name: Whole(value) for name, value in self.fixed.items()}
        for side, sign in ((self.rhs, 1), (self.lhs, -1)):
            with enclosing(order):
                try:
                    number = side(**variables, **whole)
                except TypeError as error:
                    if "ufunc" in str(error):
                        raise TypeError(
                            "a formula that is proved calls the functions of "
                            f"theory_on_trial.balls, such as balls.exp, and none of NumPy: {error}"
                        ) from error
                    raise
            if not isinstance(number, Ball | Fraction | int | Whole | float | np.number):
                raise ValueError(
                    f"a side of the inequality must be a number, got {type(number).__name__}"
                )
            if isinstance(number, float) and is_typed(number, getattr(side, "__code__", None)):
                number = Fraction(number)  # exact as it is typed
            with enclosing(order):
                ball = number if isinstance(number, Ball) else Ball.of([exact(number)], order)
            found = found + ball * sign
        return found

    def _holds(self, box: Ends, slopes: list[Any]) -> bool:
        """Whether rhs + tolerance - lhs >= 0 is shown on a box; its slopes are added to a list."""
        if self.gap(box).value >= 0:
            self.used.add("enclosures")
            return True
        wide = [place for place, (low, high) in enumerate(box) if high > low]
        series = {place: self.gap(box, place, 1).coefficient(1) for place in wide}
        slopes.extend(series.get(place, enclosed(0)) for place in range(len(box)))
        face = _least_face(box, slopes)
        if face != box and self._holds(face, []):
            self.used.add("signs of derivatives")
            return True
        middle = tuple((_middle(low, high),) * 2 for low, high in box)
        mean = self.gap(middle).value
        for place, slope in series.items():
            low, high = box[place]
            mean = mean + slope * (enclosed(low).union(enclosed(high)) - enclosed(middle[place][0]))
        if mean >= 0:
            self.used.add("mean values")
            return True
        return any(self._touches(box, place) for place in wide)

    def _touches(self, box: Ends, place: int) -> bool:
        """Whether Taylor's formula from an end of a parameter shows the inequality on the box.

        With h the distance from the end, f is the sum of c_j h^j, j < k, taken at the end, and of
        c_k h^k, c_k enclosed on the whole box: at least c_0 and, of the others, those that are
        below 0, at the largest h. This distinguishes sides that touch at the end from sides that
        cross.
        """
        width = enclosed(box[place][1]) - enclosed(box[place][0])
        for end, sign in ((box[place][0], 1), (box[place][1], -1)):
            face = (*box[:place], (end, end), *box[place + 1 :])
            if not self.gap(face).value >= 0:
                continue
            at_end = self.gap(face, place, _MOST_ORDER)
            on_box = self.gap(box, place, _MOST_ORDER)
            least = at_end.value
            for k in range(1, _MOST_ORDER + 1):
                if least + _below_zero(on_box.coefficient(k) * sign**k, width**k) >= 0:
                    self.used.add("Taylor's formula")
                    return True
                least = least + _below_zero(at_end.coefficient(k) * sign**k, width**k)
        return False

    def _false_near(self, box: Ends) -> Ends | None:
        """Return a box around the middle of this one on which the inequality is false, if any."""
        middle = tuple((_middle(low, high),) * 2 for low, high in box)
        found = self.gap(middle).value
        point = {name: low for name, (low, _) in zip(self.names, middle, strict=True)}
        point |= self.fixed
        if found.is_finite():
            try:
                with np.errstate(all="ignore"):
                    size = abs(float(self.rhs(**point)))
                relative = float(found.mid()) / size if size > 0 else math.inf
            except (OverflowError, ZeroDivisionError):  # on floats: balls have a value there
                relative = math.inf
            if relative < self.least or not self.point:
                self.least = relative
                self.point = point
        if not found < 0:
            return None
        share = 1.0
        for _ in range(_SHRINKINGS):
            around = tuple(
                (max(low, c - share * (c - low)), min(high, c + share * (high - c)))
                for (low, high), (c, _) in zip(box, middle, strict=True)
            )
            if self.gap(around).value < 0:
                return around
            share /= 2
        return middle

    def _what_would_do(self, box: Ends) -> str:
        found = self.gap(tuple((_middle(low, high),) * 2 for low, high in box)).value
        if not found.is_finite():
            return "the formula has no finite value in the box that remained: leave it out"
        if not self.gap(box).value.is_finite():
            return (
                "the formula has no finite enclosure on the box that remained: leave out the place "
                "where it has no value, or allow more boxes (most_boxes=)"
            )
        width = max((high - low for low, high in box), default=0.0)
        if abs(float(found.mid())) <= max(float(self.tolerance.mid()), 1e-9, width):
            return (
                "the sides touch, or nearly so, in the box that remained: allow a tolerance "
                "(tolerance=), or prove the boxes beside the point"
            )
        return "more boxes would do (most_boxes=)"


def _below_zero(coefficient: Any, power: Any) -> Any:
    """A lower bound, at most 0, on a term of Taylor's formula."""
    return enclosed(0) if coefficient >= 0 else (coefficient.lower() * power).lower()


def _middle(low: float, high: float) -> float:
    """The middle of two ends; between ends of one sign and many decades the geometric one."""
    if low > 0 and high > 4 * low:
        return math.sqrt(low) * math.sqrt(high)
    if high < 0 and low < 4 * high:
        return -math.sqrt(-low) * math.sqrt(-high)
    return low + (high - low) / 2


def _least_face(box: Ends, slopes: Sequence[Any]) -> Ends:
    """Fix each parameter along which the gap has a slope of one sign where the gap is least."""
    face = []
    for (low, high), slope in zip(box, slopes, strict=True):
        if high > low and slope >= 0:
            face.append((low, low))
        elif high > low and slope <= 0:
            face.append((high, high))
        else:
            face.append((low, high))
    return tuple(face)


def _halves(box: Ends, slopes: Sequence[Any]) -> list[Ends]:
    """Cut a box in two where that narrows the enclosure most; nothing where it cannot be cut."""
    gains = {}
    for place, (low, high) in enumerate(box):
        if low < _middle(low, high) < high:
            steep = abs(slopes[place]).abs_upper()
            size = float(steep) if steep.is_finite() else _STEEP
            gains[place] = (size * (high - low), high - low)
    if not gains:
        return []
    place = max(gains, key=lambda one: gains[one])
    low, high = box[place]
    middle = _middle(low, high)
    return [
        (*box[:place], (low, middle), *box[place + 1 :]),
        (*box[:place], (middle, high), *box[place + 1 :]),
    ]


def _cut(names: Sequence[str], halves: Sequence[Ends]) -> list[Any]:
    """How a box was cut in two: the parameter, the place, and two pieces yet to be shown."""
    place = next(k for k, ends in enumerate(halves[0]) if ends != halves[1][k])
    return [names[place], halves[0][place][1], "shown", "shown"]


def drift(
    formula: Formula, twin: Formula, box: Mapping[str, Any], generator: np.random.Generator
) -> str:
    """Say where a formula and its twin on floats differ by more than 1e-9; "" if nowhere seen.

    Both are called at 64 points drawn from the box and at its ends; the twin takes the parameters
    by place, in the order of the box.
    """
    names, ends, integers = _parts(box)
    for number in range(66):
        point: dict[str, Any] = {}
        for name, (low, high) in zip(names, ends, strict=True):
            share = {0: 0.0, 1: 1.0}.get(number, float(generator.uniform()))
            point[name] = low + share * (high - low)
        for name, values in integers.items():
            point[name] = values[int(generator.integers(len(values)))]
        one = float(formula(**point))
        other = float(twin(*point.values()))
        # NaN is near nothing, not even NaN.
        near = one == other or abs(one - other) <= 1e-9 * max(abs(one), abs(other), 1e-300)
        if not near:
            where = ", ".join(f"{name}={value!r}" for name, value in point.items())
            return f"{one:.12g} and {other:.12g} at {where}"
    return ""


def prove_identity(
    lhs: Formula, rhs: Formula, degrees: Mapping[str, int], *, start: int = 1
) -> Proof:
    """Prove that two polynomials are equal, by their coefficients, in rational arithmetic.

    Each side is called once with `polynomials.Polynomial` in place of its parameters, so that it is
    known what it is everywhere. Sides that differ do so at a point of the grid of d_i + 1 values of
    each parameter, from `start` on, for degrees d_i (the combinatorial Nullstellensatz): the first
    such point refutes.

    Args:
        lhs: function of the parameters, by name, written with +, -, *, division by numbers, whole
            powers and `balls.total`, and with fractions and integers alone.
        rhs: the same.
        degrees: by parameter the highest degree of either side in it, >= 0; it is counted, too.
        start: the least value of each parameter, where the formulas hold from there on.

    Raises `ValueError` for no parameter, a negative degree, a side that is not exact or that is no
    polynomial, such as one that compares, and for a side of a higher degree than stated.
    """
    if not degrees:
        raise ValueError("degrees names no parameter: there is nothing to prove")
    if low := [name for name, degree in degrees.items() if degree < 0]:
        raise ValueError(f"degrees {low[0]} must be >= 0, got {degrees[low[0]]}")
    parameters = {name: Polynomial.parameter(name) for name in degrees}
    sides = [Polynomial.of(side(**parameters)) for side in (lhs, rhs)]
    for side, name in product(sides, degrees):
        if side.degree(name) > degrees[name]:
            raise ValueError(
                f"a side is no polynomial of degree {degrees[name]} in {name}, but of degree "
                f"{side.degree(name)}: state its true degree"
            )
    difference = sides[0] - sides[1]
    if not difference.terms:
        count = len(sides[0].terms)
        last = {name: float(start + degree) for name, degree in degrees.items()}
        return Proof("VERIFIED", count, 0, 0, None, last, used="exact arithmetic")
    grid = product(*(range(start, start + degree + 1) for degree in degrees.values()))
    points = (dict(zip(degrees, values, strict=True)) for values in grid)
    tried, point = next((k, p) for k, p in enumerate(points, 1) if difference.at(p))
    where = {name: (float(value), float(value)) for name, value in point.items()}
    return Proof("REFUTED", tried, 0, 0, where, point, used="exact arithmetic")
