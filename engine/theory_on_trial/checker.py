"""Check certificates of `trial.prove`: python checker.py FILE … says what each proves, or raises.

A file of its own: exact fractions, no package, nothing of the prover. A certificate holds a formula
as a list of steps, a box, and how that is cut. On each piece rhs + tolerance - lhs >= 0 must
follow: by its interval, on the face where it is least, by mean values, or by Taylor's formula from
an end. Intervals of fractions are rounded outwards.
"""

import hashlib
import json
import math
import sys
from fractions import Fraction as Q
from typing import Any

BITS, ORDER, MORE = 128, 6, 4  # digits; terms of Taylor's formula; further halvings of a piece


class Refused(Exception):
    """A certificate that proves nothing; the message says why."""


def rounded(q: Q, whole: Any) -> Q:
    """Round a long fraction to BITS digits by math.floor or math.ceil."""
    if max(q.numerator.bit_length(), q.denominator.bit_length()) <= BITS:
        return q
    scale = Q(2) ** (BITS - q.numerator.bit_length() + q.denominator.bit_length())
    return Q(whole(q * scale)) / scale


class Interval:
    """All numbers between two fractions."""

    def __init__(self, low: Any, high: Any = None) -> None:
        self.low = rounded(Q(low), math.floor)
        self.high = rounded(Q(low if high is None else high), math.ceil)

    def __add__(self, other: "Interval") -> "Interval":
        return Interval(self.low + other.low, self.high + other.high)

    def __mul__(self, other: "Interval") -> "Interval":
        ends = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        return Interval(min(ends), max(ends))

    def power(self, n: int) -> "Interval":
        """The n-th powers, n >= 0."""
        ends = [self.low**n, self.high**n]
        around = n > 0 and n % 2 == 0 and self.low < 0 < self.high
        return Interval(0 if around else min(ends), max(ends))

    def inverse(self) -> "Interval":
        """The inverses."""
        if self.low <= 0 <= self.high:
            raise ZeroDivisionError("a denominator around 0")
        return Interval(1 / self.high, 1 / self.low)


def total(terms: Any) -> Interval:
    """The sum of intervals."""
    return sum(terms, Interval(0))


def size(x: Interval) -> Q:
    """The largest absolute value in an interval."""
    return max(abs(x.low), abs(x.high))


def exp(q: Q) -> Interval:
    """An interval around e^q: the series at q / 2^m, at most 1/2 in size, squared m times."""
    m = math.ceil(abs(q)).bit_length() + 1
    if m > 40:
        raise ZeroDivisionError("exp of a number beyond 2^38")
    r, term, found, k = Interval(q / 2**m), Interval(1), Interval(1), 0
    while size(term) > Q(1, 2**BITS):
        k += 1
        term = term * r * Interval(Q(1, k))
        found = found + term
    found = found + Interval(-2 * size(term), 2 * size(term))
    for _ in range(m):
        found = found * found
    return found


def log(q: Q) -> Interval:
    """Enclose the logarithm: e times that of 2, and that of q / 2^e; each 2 artanh z, z <= 1/3."""
    if q <= 0:
        raise ZeroDivisionError("log of a number that is not positive")
    e = q.numerator.bit_length() - q.denominator.bit_length()
    found = Interval(0)
    for factor, z in ((e, Q(1, 3)), (1, (q / Q(2) ** e - 1) / (q / Q(2) ** e + 1))):
        power, k = Interval(z), 1
        while size(power) > Q(1, 2**BITS):
            found = found + power * Interval(Q(2 * factor, k))
            power, k = power * Interval(z).power(2), k + 2
        found = found + Interval(-3 * size(power), 3 * size(power)) * Interval(factor)
    return found


def sqrt(q: Q) -> Interval:
    """An interval around the root of q."""
    if q < 0:
        raise ZeroDivisionError("a root of a number below 0")
    root = math.isqrt(q.numerator * 4**BITS // q.denominator)
    exact = Q(root, 2**BITS) ** 2 == q
    return Interval(Q(root, 2**BITS), Q(root + (not exact), 2**BITS))


def series(name: str, a: list[Interval], b: Any) -> list[Interval]:
    """The Taylor coefficients of a step of the formula, from those of what it is made of."""
    orders = range(len(a))
    if name == "+":
        return [a[k] + b[k] for k in orders]
    if name == "*":
        return [total(a[j] * b[k - j] for j in range(k + 1)) for k in orders]
    if name == "^":
        if b < 0:
            raise ValueError("a power below 0 is written as an inverse")
        found = [Interval(int(k == 0)) for k in orders]
        for _ in range(b):
            found = series("*", found, a)
        return [a[0].power(b), *found[1:]]
    if name == "inverse":
        found = [a[0].inverse()]
        for k in orders[1:]:
            inner = total(a[j] * found[k - j] for j in range(1, k + 1))
            found.append(inner * Interval(-1) * found[0])
        return found
    function = {"exp": exp, "log": log, "sqrt": sqrt}[name]  # each increases
    found = [Interval(function(a[0].low).low, function(a[0].high).high)]
    for k in orders[1:]:
        if name == "exp":
            inner = total(Interval(j) * a[j] * found[k - j] for j in range(1, k + 1))
            found.append(inner * Interval(Q(1, k)))
        elif name == "log":
            inner = total(Interval(j) * found[j] * a[k - j] for j in range(1, k))
            found.append((a[k] + inner * Interval(Q(-1, k))) * a[0].inverse())
        else:
            inner = a[k] + Interval(-1) * total(found[j] * found[k - j] for j in range(1, k))
            found.append(inner * (Interval(2) * found[0]).inverse())
    return found


def gap(steps: Any, box: Any, along: Any = None, order: int = 0) -> list[Interval]:
    """The Taylor coefficients of rhs + tolerance - lhs on a box, along a parameter."""
    known: list[list[Interval]] = []
    for name, *given in steps:
        if name == "number":
            known.append([Interval(Q(given[0])), *[Interval(0)] * order])
        elif name == "parameter":
            slope = [Interval(int(given[0] == along and k == 0)) for k in range(order)]
            known.append([Interval(*box[given[0]]), *slope])
        else:
            b = given[1] if name == "^" else known[given[-1]]
            known.append(series(name, known[given[0]], b))
    return known[-1]


def holds(steps: Any, box: Any, more: int = MORE) -> bool:
    """Tell whether the inequality is shown on a box, or on its halves."""
    try:
        if shown(steps, box):
            return True
    except ZeroDivisionError:  # no value on the whole box; perhaps on its halves
        pass
    name = max(box, key=lambda one: box[one][1] - box[one][0])
    low, high = box[name]
    halves = (low, (low + high) / 2), ((low + high) / 2, high)
    return more > 0 and low < high and all(holds(steps, {**box, name: h}, more - 1) for h in halves)


def shown(steps: Any, box: Any) -> bool:
    """Tell whether the inequality is shown on a box as it is."""
    if gap(steps, box)[0].low >= 0:
        return True
    slopes = {name: gap(steps, box, name, 1)[1] for name, ends in box.items() if ends[0] < ends[1]}
    signs = {name: (s.low >= 0) - (s.high <= 0) for name, s in slopes.items()}
    face = {name: (box[name][0 if sign > 0 else 1],) * 2 for name, sign in signs.items() if sign}
    if face and shown(steps, {**box, **face}):
        return True
    mean = gap(steps, {name: (sum(ends) / 2,) * 2 for name, ends in box.items()})[0]
    for name, slope in slopes.items():
        half = (box[name][1] - box[name][0]) / 2
        mean = mean + slope * Interval(-half, half)
    return mean.low >= 0 or any(touches(steps, box, name, end) for name in slopes for end in (0, 1))


def touches(steps: Any, box: Any, name: str, end: int) -> bool:
    """Taylor's formula from an end: c_0 + sum c_k h^k, its terms below 0 at the largest h."""
    h = (box[name][1] - box[name][0]) * (-1) ** end
    at_end = gap(steps, {**box, name: (box[name][end],) * 2}, name, ORDER)
    on_box = gap(steps, box, name, ORDER)
    least = at_end[0].low
    for k in range(1, ORDER + 1):
        if least >= 0 and least + min((on_box[k] * Interval(h**k)).low, Q(0)) >= 0:
            return True
        least += min((at_end[k] * Interval(h**k)).low, Q(0))
    return False


def check(text: str) -> str:
    """Return what the text of a certificate proves; raise `Refused` where it proves nothing."""
    try:
        whole = json.loads(text)
        digest = whole.pop("sha256")
        if hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest() != digest:
            raise Refused("the certificate was changed: its digest is another one")
        if json.dumps({**whole, "sha256": digest}, sort_keys=True) + "\n" != text:
            raise Refused("the certificate was changed: it is not written as it was")
        box = {name: (Q(low), Q(high)) for name, (low, high) in whole["box"].items()}
        if any(low > high for low, high in box.values()):
            raise Refused("the box is empty")
        left: list[Any] = [(whole["pieces"], box)]
        while left:
            piece, part = left.pop()
            if piece == "shown":
                if not holds(whole["steps"], part):
                    raise Refused(f"the inequality is not shown on {words(part)}")
                continue
            name, cut, *halves = piece
            low, high = part[name]
            if not low < Q(cut) < high or len(halves) != 2:
                raise Refused(f"a cut at {cut} does not lie inside of {words(part)}")
            left += [(halves[0], {**part, name: (low, Q(cut))})]
            left += [(halves[1], {**part, name: (Q(cut), high)})]
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise Refused(f"this is no certificate: {error!r}") from error
    return f"{whole['statement']} for all {words(box)}"


def words(box: Any) -> str:
    """A box in words."""
    return ", ".join(f"{name} in [{low}, {high}]" for name, (low, high) in box.items())


if __name__ == "__main__":
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            print(f"{path}: {check(file.read())}")
