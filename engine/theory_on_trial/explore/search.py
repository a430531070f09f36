"""Is there a setting at which a claim fails? `theory-on-trial search CLAIM …` draws settings and
reduces a failure.

The claim runs at its own cases and at the ends of its domain, then at settings that Hypothesis
draws from its annotations (`draw.settings_of`), each with a seed. Hypothesis makes a failure
(REFUTED, an exception, a process that ended) smaller: fewest settings off the default, smallest
sizes, roundest numbers. Then it is run once more in a new process, confirmed under three seeds, and
each of its settings is moved until the claim holds again. Some outcomes do not end the search, and
the result names them: a control that is none, samples that are all equal, a published form that
holds, too, and a failure that does not occur in a new process. With `outside` the search also moves
each setting further and further beyond either end of its domain.
"""

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any

import hypothesis
from hypothesis import strategies as st

from theory_on_trial.contract import Alternative
from theory_on_trial.explore.attempt import Attempt
from theory_on_trial.explore.draw import QUIET, domains, ends, extent, lengths, settings_of
from theory_on_trial.explore.trials import Trials
from theory_on_trial.trial.registry import Claim

SECONDS = 60.0
"""For how many seconds settings are drawn; reducing a failure may take as long again, and so may
passing the limits.
"""
SEEDS = 3
"""Under how many seeds a failure is confirmed."""
_MOST = 4000  # drawings that a joint condition refuses cost nothing, and may be all
_NO_FAILURES = {
    "no control": "a control is none here",
    "constant": "all samples are equal here",
    "published holds": "what is published holds here",
}
"""Outcomes that say nothing against a claim, in words."""
_DOUBLINGS = 10
_DECADES = 12  # how far from an end an integer and a real number are moved


@dataclass
class Failure:
    """A setting at which a claim fails, reduced as far as it still fails.

    Attributes:
        line: what to paste into Python.
        why: what happened there.
        first: the settings as they were drawn, in a line.
        confirmed: the seeds, of `SEEDS`, under which it fails.
        nearby: for each setting of the line, in words, where the claim holds again.
    """

    line: str
    why: str
    first: str
    confirmed: list[int]
    nearby: dict[str, str] = field(default_factory=dict)


@dataclass
class Searched:
    """The result of a search of one claim.

    Attributes:
        claim: its id.
        counts: how many settings had each outcome (see `Attempt.outcome`).
        where: for each setting, in words, the values at which the claim was tried.
        seconds: the time of the whole search.
        failure: the failure, if there is any.
        nearest: of a bound the trial of the largest lhs / rhs.
        limits: for each end of a domain, in words, whether the claim needs it.
        remarks: for each outcome that is no failure of the claim, its first setting and why.
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
        """The largest lhs / rhs of a bound and its settings; one where rounding alone makes it
        larger.
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


def _line(subject: Claim, done: Attempt) -> str:
    settings = ", ".join(
        f"{name}={value!r}" for name, value in {**done.settings, "seed": done.seed}.items()
    )
    return f'claim("{subject.id}").run({settings})'


def _where(tried: list[Attempt]) -> dict[str, str]:
    """The values at which each setting was tried, in words."""
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


def search(
    subject: Claim,
    trials: Trials,
    *,
    most: int = _MOST,
    seconds: float = SECONDS,
    seed: int = 0,
    workers: int = 1,
    inconclusive: bool = False,
    outside: Trials | None = None,
    advance: Callable[[], Any] = lambda: None,
) -> Searched:
    """Look for a setting of a claim's domain at which it fails, and report the simplest one.

    At most `most` settings are drawn, for `seconds` at most, and tried by `trials` in so many
    threads; `seed` decides them and the seeds of the trials. `inconclusive` makes INCONCLUSIVE a
    failure too; `outside` runs trials beyond the domain, of which there are none without it.
    `advance` is called after each trial.
    """
    result = Searched(subject.id)
    start = time.perf_counter()
    bad = ("wrong", "died", *("INCONCLUSIVE",) * inconclusive)
    hunt = _Hunt(subject, trials, bad, seconds, most, advance)
    end = start + seconds
    try:
        hunt.run(seed, workers)
        while hunt.found is not None and not _fails_alone(trials, hunt):
            sentence = f"{_line(subject, hunt.found)}: {hunt.found.why}"
            result.remarks.setdefault("fails after other trials and not alone", sentence)
            seed += workers
            left = max(end - time.perf_counter(), 0.0)
            before = hunt.drawn
            hunt = _Hunt(subject, trials, bad, left, most, advance)
            hunt.drawn = before
            hunt.run(seed, workers)
        if hunt.found is not None:
            result.failure = _confirmed(subject, hunt)
        elif outside is not None:
            beyond = _Hunt(subject, outside, bad, seconds, _MOST, advance)
            for name, text in _limits(subject, beyond):
                result.limits[name] = text
    except KeyboardInterrupt:
        result.interrupted = True
        if result.failure is None and hunt.found is not None:
            found = hunt.found
            result.failure = Failure(_line(subject, found), found.why, hunt.first.line, [])
    for attempt in hunt.drawn:
        if attempt.outcome in _NO_FAILURES:
            sentence = f"{_line(subject, attempt)}: {attempt.why}"
            result.remarks.setdefault(_NO_FAILURES[attempt.outcome], sentence)
        result.counts[attempt.outcome] = result.counts.get(attempt.outcome, 0) + 1
    result.where = _where(hunt.drawn)
    if subject.kind == "bound" and not result.failure:
        near = [attempt for attempt in hunt.drawn if attempt.tightness is not None]
        result.nearest = max(near, key=lambda run: run.tightness or 0.0, default=None)
    result.seconds = time.perf_counter() - start
    return result


class _Over(BaseException):
    """Not an Exception, which Hypothesis would take for a failure of the claim."""


class _Hunt:
    """Trials until one fails, time is over, or so many settings are drawn; then smaller ones."""

    def __init__(
        self,
        subject: Claim,
        trials: Trials,
        bad: tuple[str, ...],
        seconds: float,
        most: int,
        advance: Callable[[], Any],
    ):
        self.drawn: list[Attempt] = []
        self._subject = subject
        self._trials = trials
        self.bad = bad
        self._advance = advance
        self._lock = threading.Lock()
        self._most = most
        self._seconds = seconds
        self._owner = 0  # the thread that makes a failure smaller
        self.found: Attempt | None = None
        self.first: Attempt
        self.allow()

    def allow(self) -> None:
        """Count the time from now."""
        self._deadline = time.perf_counter() + self._seconds

    def outcome(self, settings: dict[str, Any], seed: int) -> Attempt | None:
        """The result of settings; None if time is over."""
        if time.perf_counter() > self._deadline:
            return None
        result = self._trials.at(settings, seed)
        self._advance()
        return result

    def fails(self, asked: tuple[dict[str, Any], int]) -> bool:
        """Whether the claim fails there; the last setting that does is the simplest."""
        me = threading.get_ident()
        with self._lock:
            if self._owner not in (0, me) or (not self._owner and len(self.drawn) >= self._most):
                raise _Over
        result = self.outcome(*asked)
        if result is None:
            raise _Over
        is_bad = result.outcome in self.bad
        with self._lock:
            if self._owner not in (0, me):
                raise _Over
            if not self._owner:
                self.drawn.append(result)
            if is_bad and not self._owner:
                self._owner = me
                self.first = result
                self.allow()
            if is_bad:
                self.found = result
        return is_bad

    def run(self, seed: int, workers: int) -> None:
        """Try the cases, the ends, and what Hypothesis draws in each thread."""
        alone = [{}, *ends(self._subject)] if domains(self._subject) else [{}]

        def hunt(worker: int) -> None:
            for number in range(worker, len(alone), workers):
                if self.fails((alone[number], seed + number)):
                    names = tuple(alone[number])
                    chosen = settings_of(self._subject, names) if names else st.just({})
                    self._smaller(chosen, st.sampled_from([0, seed + number]), seed + worker)
                    return
            if domains(self._subject):
                self._smaller(settings_of(self._subject), st.integers(0, 999), seed + worker)

        if workers == 1:
            self._quietly(hunt, 0)
            return
        with ThreadPoolExecutor(workers) as pool:
            futures = [pool.submit(self._quietly, hunt, worker) for worker in range(workers)]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                self._owner = -1
                self._trials.close()  # threads wait for their processes
                raise

    def _smaller(
        self, chosen: st.SearchStrategy[dict[str, Any]], seeds: st.SearchStrategy[int], seed: int
    ) -> None:
        """Have Hypothesis draw settings and seeds until one fails, and make that small."""
        asked = st.tuples(chosen, seeds)
        settings = hypothesis.settings(QUIET, max_examples=10 * _MOST)
        with contextlib.suppress(hypothesis.errors.NoSuchExample):
            best = hypothesis.find(asked, self.fails, settings=settings, random=Random(seed))
            self.found = self._trials.at(*best)

    @staticmethod
    def _quietly(hunt: Callable[[int], None], worker: int) -> None:
        with contextlib.suppress(_Over):
            hunt(worker)


def _fails_alone(trials: Trials, hunt: _Hunt) -> bool:
    """Whether the simplest failure occurs in a new process, too."""
    best = hunt.found
    return best is not None and trials.alone(best.settings, best.seed).outcome in hunt.bad


def _confirmed(subject: Claim, hunt: _Hunt) -> Failure:
    """The failure that was found, under other seeds and beside other settings."""
    best = hunt.found
    assert best is not None
    hunt.allow()
    bad = hunt.bad
    seeds = list(dict.fromkeys([best.seed, *range(SEEDS)]))[:SEEDS]
    again = [hunt.outcome(best.settings, other) for other in seeds]
    confirmed = [run.seed for run in again if run is not None and run.outcome in bad]
    failure = Failure(_line(subject, best), best.why, hunt.first.line, confirmed)

    def outcome(name: str, value: Any) -> str | None:
        run = hunt.outcome({**best.settings, name: value}, best.seed)
        return None if run is None else "fails" if run.outcome in bad else run.outcome

    kinds = domains(subject)
    numbers = [key for key in best.settings if kinds[key].type in (int, float)]
    for name in (key for key in numbers if key not in lengths(kinds)):
        failure.nearby[name] = _nearby(kinds[name], name, best.settings[name], outcome)
    return failure


def _moved(start: float, direction: int, whole: bool) -> Iterator[Any]:
    """Values further and further from a start: integers by doubling, real numbers by factors of
    ten, also beyond zero.
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
    """Return the last value whose outcome is the `same`, the first value with another one (None if
    there is none), and its outcome. With a `goal`, any third outcome ends the walk without a first
    value.
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
    """Say where a claim that fails holds again if one setting is moved."""
    whole = kind.type is int
    low, high = extent(kind)
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
    return "; ".join(sentences) or "fails wherever it was tried"


def _limits(subject: Claim, beyond: _Hunt) -> Iterator[tuple[str, str]]:
    """For each end of a number's domain, with the others at their defaults: what happens past it,
    in words.
    """
    kinds = domains(subject)
    for name, kind in kinds.items():
        if kind.type not in (int, float) or name in lengths(kinds):
            continue
        whys: dict[Any, str] = {}

        def outcome(value: Any, name: str = name, whys: dict[Any, str] = whys) -> str | None:
            attempt = beyond.outcome({name: value}, 0)
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
                sentence = f"narrow: holds to {last:.6g}, as far as was tried"
            else:
                need = "necessary" if last == start else f"narrow: holds to {last:.6g}"
                why = whys[first] if other == "wrong" else f"{other}: {whys[first]}"
                sentence = f"{need}, first fails at {first:.6g} ({why})"
            yield f"{name} {phrase} {start:.6g}", sentence
