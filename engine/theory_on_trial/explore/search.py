"""Is there a setting at which a claim fails? `theory-on-trial search CLAIM …` draws some, and makes
a failure small.

The claim runs at its own cases, then at settings drawn from its annotations (`draw.spread`), each
under another seed. A failure (REFUTED, an exception, a process that ended) is made smaller, in the
manner of Hypothesis: fewest settings off the default, smallest sizes, roundest numbers; it is run
once more, alone in a process of its own, confirmed under three seeds, and each of its settings is
moved until the claim holds again. Where a control is none, where what is published holds too, and
what fails after other trials but not alone, is told, and the search goes on. With `outside` each
end of a setting's domain is passed, further and further.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any, Literal, get_args, get_origin

from theory_on_trial.contract import Alternative
from theory_on_trial.explore.attempt import Attempt
from theory_on_trial.explore.draw import domains, entries, extent, spread
from theory_on_trial.explore.runs import Runs
from theory_on_trial.trial.registry import Claim

SECONDS = 60.0
"""How long settings are drawn for; making a failure smaller, and passing the limits, may take as
long again each.
"""
SEEDS = 3
"""Under how many seeds a failure is confirmed."""
_MOST = 4000  # drawings that a joint condition refuses cost nothing, and may be all
_NO_FAILURES = {
    "no control": "a control is none here",
    "published holds": "what is published holds here",
}
"""Outcomes that say nothing against a claim, in words."""
_DOUBLINGS = 10
_DECADES = 12  # how far from an end an integer and a real number are moved


@dataclass
class Failure:
    """A setting at which a claim fails, made as simple as it goes.

    Attributes:
        line: what to paste into Python.
        why: what happened there.
        first: the settings as they were drawn, in a line.
        confirmed: the seeds, of `SEEDS`, under which it fails.
        nearby: for each setting of the line, in words, where the claim holds again.
        alone: whether it fails in a process that has tried nothing before.
    """

    line: str
    why: str
    first: str
    confirmed: list[int]
    nearby: dict[str, str] = field(default_factory=dict)
    alone: bool = True


@dataclass
class Searched:
    """What a search of one claim came to.

    Attributes:
        claim: its id.
        counts: how many settings came out as what (see `Attempt.outcome`).
        where: for each setting, in words, the values at which the claim was tried.
        seconds: what all took.
        failure: the failure, if there is any.
        nearest: of a bound the trial of the largest lhs / rhs.
        limits: for each end of a domain, in words, whether the claim needs it.
        remarks: the first setting of each sort that is no failure of the claim, and why.
        interrupted: whether Ctrl-C ended it.
    """

    claim: str
    counts: dict[str, int] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    failure: Failure | None = None
    nearest: Attempt | None = None
    limits: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)
    interrupted: bool = False

    @property
    def tightest(self) -> tuple[float, str] | None:
        """Of a bound the largest lhs / rhs, one where it exceeds that by rounding, and its
        settings.
        """
        if self.nearest is None or self.nearest.tightness is None:
            return None
        return min(self.nearest.tightness, 1.0), self.nearest.line

    def json(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        fields = asdict(self)
        del fields["nearest"]
        return fields | {"tightest": self.tightest}

    def __str__(self) -> str:
        failure = self.failure
        total = sum(self.counts.values())
        lines = [
            f"{self.claim}: "
            f"{'fails' if failure else 'no failure'}{' (interrupted)' * self.interrupted}"
        ]
        if failure:
            seeds = f"under {len(failure.confirmed)} of {SEEDS} seeds"
            lines += [failure.line, f"{failure.why}, {seeds}; first met at {failure.first}"]
            lines += [f"nearby: {name} {text}" for name, text in failure.nearby.items()]
        if self.tightest:
            lines += [
                f"nearest to the bound: lhs / rhs = {self.tightest[0]:.6g} at {self.tightest[1]}"
            ]
        lines += [f"limit: {name} {text}" for name, text in self.limits.items()]
        lines += [f"{sort}: {text}" for sort, text in self.remarks.items()]
        counts = ", ".join(
            f"{number} {'failing' if outcome == 'wrong' else outcome}"
            for outcome, number in self.counts.items()
        )
        lines += [f"{total} settings in {self.seconds:.0f} s: {counts or 'none'}"]
        return "\n  ".join(
            [*lines, *(f"tried: {name} {text}" for name, text in self.where.items())]
        )


def search(
    subject: Claim,
    runs: Runs,
    *,
    most: int = _MOST,
    seconds: float = SECONDS,
    seed: int = 0,
    inconclusive: bool = False,
    outside: Runs | None = None,
    advance: Callable[[], Any] = lambda: None,
) -> Searched:
    """Look for a setting of a claim's domain at which it fails, and report the simplest one.

    At most `most` settings are drawn, for `seconds` at most, and tried by `runs`; `seed` decides
    them and the seeds of the trials. `inconclusive` makes INCONCLUSIVE a failure too; `outside`
    runs trials beyond the domain, of which there are none without it. `advance` is called after
    each trial.
    """
    result = Searched(subject.id)
    start = time.perf_counter()
    bad = ("wrong", "died", *("INCONCLUSIVE",) * inconclusive)
    candidates = enumerate([{}, *islice(spread(subject, seed), most)] if domains(subject) else [{}])
    attempts: list[Attempt] = []
    try:
        runs.allow(seconds, most)
        for attempt in runs.at((chosen, seed + number) for number, chosen in candidates):
            attempts.append(attempt)
            advance()
            if attempt.outcome in _NO_FAILURES:
                sentence = f"{_line(subject, attempt)}: {attempt.why}"
                result.remarks.setdefault(_NO_FAILURES[attempt.outcome], sentence)
            if attempt.outcome in bad:
                found = _failure(subject, runs, attempt, bad, seconds, advance)
                if found.alone:
                    result.failure = found
                    break
                sentence = f"{found.line}: {found.why}"
                result.remarks.setdefault("fails after other trials, but not alone", sentence)
        if outside is not None and result.failure is None:
            outside.allow(seconds)
            for name, text in _limits(subject, outside, advance):
                result.limits[name] = text
    except KeyboardInterrupt:
        result.interrupted = True
        if result.failure is None and attempts and attempts[-1].outcome in bad:
            result.failure = Failure(
                _line(subject, attempts[-1]), attempts[-1].why, attempts[-1].line, []
            )
    for attempt in attempts:
        result.counts[attempt.outcome] = result.counts.get(attempt.outcome, 0) + 1
    result.where = _where(attempts)
    if subject.kind == "bound" and not result.failure:
        near = {
            attempt.tightness: attempt
            for attempt in reversed(attempts)
            if attempt.tightness is not None
        }
        result.nearest = near[max(near)] if near else None
    result.seconds = time.perf_counter() - start
    return result


def _line(subject: Claim, done: Attempt) -> str:
    settings = ", ".join(
        f"{name}={value!r}" for name, value in {**done.settings, "seed": done.seed}.items()
    )
    return f'claim("{subject.id}").run({settings})'


def _where(tried: list[Attempt]) -> dict[str, str]:
    """What values each setting was tried at, in words."""
    values: dict[str, set[Any]] = {}
    for name, value in (
        entry for run in tried if run.outcome != "outside" for entry in run.settings.items()
    ):
        values.setdefault(name, set()).add(value)
    words = {}
    for name, tries in values.items():
        numbers = all(type(entry) in (int, float) for entry in tries)
        ends = (
            f"{min(tries):.6g} … {max(tries):.6g}"
            if numbers
            else ", ".join(map(repr, sorted(tries, key=repr)[:3]))
        )
        words[name] = f"{ends} ({len(tries)} value{'s' * (len(tries) > 1)})"
    return words


def _failure(
    subject: Claim,
    runs: Runs,
    first: Attempt,
    bad: tuple[str, ...],
    seconds: float,
    advance: Callable[[], Any],
) -> Failure:
    runs.allow(seconds)
    kinds = domains(subject)
    best = first

    def replaced(candidates: list[tuple[dict[str, Any], int]]) -> bool:
        """Whether one of the candidates, simplest first, fails too; it is the best one then."""
        nonlocal best
        for attempt in runs.at(candidates):
            advance()
            if attempt.outcome in bad:
                best = attempt
                return True
        return False

    replaced([(best.settings, 0)] if best.seed else [])
    minimal = False
    while not minimal:
        settings = best.settings
        fewer = [
            {other: value for other, value in settings.items() if other != name}
            for name in settings
        ]
        minimal = not replaced([(chosen, best.seed) for chosen in fewer])
        for name in kinds if minimal else ():
            simple = simpler(kinds[name], settings[name]) if name in settings else []
            if replaced([({**settings, name: value}, best.seed) for value in simple]):
                minimal = False
                break
    if runs.alone(best.settings, best.seed).outcome not in bad:
        return Failure(_line(subject, best), best.why, first.line, [], alone=False)
    seeds = list(dict.fromkeys([best.seed, *range(SEEDS)]))[:SEEDS]
    again = runs.at((best.settings, other) for other in seeds)
    confirmed = [attempt.seed for attempt in again if attempt.outcome in bad]
    failure = Failure(_line(subject, best), best.why, first.line, confirmed)

    def outcome(name: str, value: Any) -> str | None:
        attempt = next(runs.at([({**best.settings, name: value}, best.seed)]), None)
        advance()
        return None if attempt is None else "fails" if attempt.outcome in bad else attempt.outcome

    for name in (key for key in best.settings if kinds[key].type in (int, float)):
        failure.nearby[name] = _nearby(kinds[name], name, best.settings[name], outcome)
    return failure


def simpler(kind: Alternative, value: Any) -> list[Any]:
    """Return values of a kind that are simpler than this one, the simplest first: a chain of them
    ends.
    """
    if get_origin(kind.type) is Literal:
        return list(get_args(kind.type)[: get_args(kind.type).index(value)])
    if kind.type is bool:
        return [False] if value else []
    if get_origin(kind.type) is tuple:
        kinds = entries(kind) or []
        free = get_args(kind.type)[-1] is ...
        shorter = (
            [value[:1], value[: len(value) // 2], value[1:], value[:-1]]
            if free and len(value) > 1
            else []
        )
        variants = (
            (*value[:place], simple, *value[place + 1 :])
            for place, entry in enumerate(value)
            for simple in simpler(kinds[place % len(kinds)], entry)
        )
        return [simple for simple in dict.fromkeys(shorter) if simple] + list(variants)
    low, high = extent(kind)
    if kind.type is int:
        least = int(low) if math.isfinite(low) else 0
        way = value - least
        steps = {
            least,
            least + 1,
            *(value - way // 2**part for part in range(1, 6)),
            value - (1 if way > 0 else -1),
        }
        return sorted(
            (step for step in steps if abs(step - least) < abs(way)),
            key=lambda one: abs(one - least),
        )
    if not math.isfinite(value):
        return []
    roundings = {float(f"{value:.{digits}e}") for digits in range(4)} | {float(round(value))}
    power = round(math.log10(abs(value))) if value else 0
    near = {float(f"{first}e{power + shift}") for first in (1, 2, 5) for shift in (-1, 0)}
    candidates = {number for number in {0.0, 1.0, *near, *roundings} if low <= number <= high}
    return sorted(
        (number for number in candidates if _digits(number) < _digits(value)), key=_digits
    )


def _digits(value: float) -> tuple[int, float, bool]:
    digits = next(count for count in range(17) if float(f"{value:.{count}e}") == value)
    return digits, abs(math.log10(abs(value))) if value else -1.0, value < 0


def _moved(start: float, direction: int, whole: bool) -> Iterator[Any]:
    """Values further and further from a start: integers by doubling, real numbers by decades, and
    past zero.
    """
    if whole:
        yield from (int(start) + direction * 2**power for power in range(_DOUBLINGS + 1))
    elif start * direction > 0 or start == 0:
        yield from (start * 1.01 or 0.01 * direction, start * 2 or direction)
        yield from ((start or direction) * 10.0**power for power in range(1, _DECADES + 1))
    else:
        yield from (
            start * 0.99,
            start / 2,
            *(start / 10.0**power for power in range(1, _DECADES + 1)),
            0.0,
            -start,
        )


def _up_to(values: Iterator[Any], start: Any, end: float) -> Iterator[Any]:
    """The values between a start and an end, and the end in place of the first one past it."""
    for value in values:
        if abs(value - start) >= abs(end - start):
            if end != start:
                yield type(value)(end)
            return
        yield value


def _edge(
    outcome: Callable[[Any], str | None],
    start: Any,
    values: Iterator[Any],
    same: str,
    whole: bool,
    goal: str = "",
) -> tuple[Any, Any, str]:
    """Return the last value whose outcome is the `same`, the first other one (None if there is
    none), and its outcome.

    With a `goal`, other outcomes than these two end the way without a first value.
    """
    last = start
    first = None
    other = ""
    for value in values:
        verdict = outcome(value)
        if verdict is None or (goal and verdict not in (same, goal)):
            return last, None, verdict or ""
        if verdict != same:
            first = value
            other = verdict
            break
        last = value
    for _ in range(60 if whole else 5):
        if first is None or (whole and abs(first - last) <= 1):
            break
        ratio = first / last if last else 0.0
        middle = last * ratio**0.5 if ratio > 0 else (first + last) / 2
        value = (first + last) // 2 if whole else float(f"{middle:.2g}")
        verdict = outcome(value)
        if verdict is None:
            break
        last, first, other = (value, first, other) if verdict == same else (last, value, verdict)
    return last, first, other


def _nearby(
    kind: Alternative, name: str, value: Any, outcome: Callable[[str, Any], str | None]
) -> str:
    """Where a claim that fails holds again, if one setting is moved, in words."""
    whole, (low, high) = kind.type is int, extent(kind)
    sentences = []
    for direction, end in ((-1, low), (1, high)):
        values = _up_to(_moved(value, direction, whole), value, end)
        last, first, _ = _edge(
            lambda one: outcome(name, one), value, values, "fails", whole, "as expected"
        )
        if first is not None:
            sentences.append(f"= {first:.6g} holds ({last:.6g} fails)")
        elif last != value and last != end:
            sentences.append(
                f"fails {'down' if direction < 0 else 'up'} to {last:.6g}, as far as was tried"
            )
    return "; ".join(sentences) or "fails at every value that was tried"


def _limits(subject: Claim, beyond: Runs, advance: Callable[[], Any]) -> Iterator[tuple[str, str]]:
    """For each end of a number's domain, with the others at their defaults: what happens past it,
    in words.
    """
    for name, kind in domains(subject).items():
        if kind.type not in (int, float):
            continue
        whys: dict[Any, str] = {}

        def outcome(value: Any, name: str = name, whys: dict[Any, str] = whys) -> str | None:
            attempt = next(beyond.at([({name: value}, 0)]), None)
            advance()
            if attempt is not None:
                whys[value] = attempt.why
            return (
                None
                if attempt is None
                else "holds"
                if attempt.outcome == "as expected"
                else attempt.outcome
            )

        whole = kind.type is int
        for direction, end, phrase in zip(
            (-1, 1), extent(kind), ("declared from", "declared to"), strict=True
        ):
            if not math.isfinite(end):
                continue
            start = int(end) if whole else 0.0 if abs(end) < 1e-300 else float(end)
            verdict = outcome(start) if start == end else "holds"
            if verdict != "holds":
                yield (
                    f"{name} {phrase} {start:.6g}",
                    f"not passed: there it is {verdict} {whys.get(start, '')}",
                )
                continue
            last, first, other = _edge(
                outcome, start, _moved(start, direction, whole), "holds", whole
            )
            if first is None:
                sentence = f"narrow: holds to {last:.6g}, the last value that was tried"
            else:
                need = "necessary" if last == start else f"narrow: holds to {last:.6g}"
                why = whys[first] if other == "wrong" else f"{other}: {whys[first]}"
                sentence = f"{need}, first fails at {first:.6g} ({why})"
            yield f"{name} {phrase} {start:.6g}", sentence
