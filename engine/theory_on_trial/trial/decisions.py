"""The trial of one claim: a measurement, a prediction and the controls go in, findings come out.

A check function receives a `Trial` as its first argument and calls one decision method (or several:
the claim is then VERIFIED only if each decision is). What the methods share: `controls` are wrong
predictions judged on the same measurement, `control_processes` are wrong measurements judged
against the true prediction, `as_published` is the value a paper prints where the claim corrects it.
"""

import functools
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ParamSpec, get_args

import numpy as np

from theory_on_trial.contract.renamed import renamed
from theory_on_trial.decide import (
    certificates,
    evidence,
    looks,
    processes,
    prover,
    sampling,
    trends,
)
from theory_on_trial.decide import growth as growth_laws
from theory_on_trial.decide import worst_case as worst_cases
from theory_on_trial.decide.decision import (
    MOST_ERROR,
    Control,
    ControlTooClose,
    Finding,
    Prediction,
    Side,
    check_finite,
    outside,
)
from theory_on_trial.decide.evidence import Instances, KnownLaw
from theory_on_trial.decide.instances import check_independent
from theory_on_trial.decide.looks import Plan
from theory_on_trial.decide.processes import Form
from theory_on_trial.decide.resolution import EXACT, Resolution, distance, unequal
from theory_on_trial.decide.sampling import Draws, Measure
from theory_on_trial.decide.slopes import CommonOrder, checked_sizes, in_words
from theory_on_trial.decide.suggestion import laws_that_fit
from theory_on_trial.laws import Asymptotic, Bernoulli, Enclosure, Law, OnePath
from theory_on_trial.trial import densities, foreign
from theory_on_trial.trial.domain import OutsideDomain

ALPHA = 1e-6
"""Bound on the chance of a wrong verdict, per claim, unless it says another."""

_DRAWS = 5
"""How often a case draws until what it requires of that holds."""
_ONE_INSTANCE = "on one random instance, the same at every size"
_GIVEN = "given samples, which nobody saw being drawn"
_RUNS = "nothing shows that the runs are independent of each other: that is taken on trust"
_DESIGN = "an average over the samples, given what the check drew once before them"
_HALVINGS = 8
_REASON = 3
"""A reason has so many words at least."""
_LAST = "decided at the last look: most= allowed no more samples"
_OPEN = "the interval lies neither within the margin nor outside it"

DrawsAt = Callable[[np.random.Generator, int, Any], Any]
"""Returns the next samples at a size: of a generator, how many, and the size."""

Judged = Callable[[list[Enclosure]], Finding]
"""A decision on intervals, one for each size."""

Given = ParamSpec("Given")


def _remembered(decision: Callable[Given, None]) -> Callable[Given, None]:
    """Remember a decision that raises, with its case, also if the check catches the exception."""

    @functools.wraps(decision)
    def remembered(*given: Given.args, **named: Given.kwargs) -> None:
        try:
            decision(*given, **named)
        except KeyboardInterrupt:
            raise
        # A sampler may skip or exit, too: what it was about must not be lost.
        except BaseException as error:
            trial: Any = given[0]
            if (
                trial.refusal is None
                and trial._case
                and isinstance(error, ValueError)
                and len(error.args) == 1
            ):
                error.args = (f"{trial._case}: {error}",)
            trial.refusal = trial.refusal or error
            raise

    return renamed(
        as_printed="as_published", found_by="instances", wrong_processes="control_processes"
    )(remembered)


class Trial:
    """One run of one claim under one seed.

    Args:
        claim_id: decides, together with `seed`, every random number of the trial; no two claims
            share a stream.
        seed: any integer.
        progress: called with (samples drawn, most that may be drawn) after each look.
        error: bound on the chance of a wrong verdict, of all decisions together, in (0, 0.1].
        needs_controls: whether a sampled decision without a control is refused before the first
            sample: it could not be VERIFIED.
    """

    _form: Form = "key"  # of a measurement whose signature does not say it

    def __init__(
        self,
        claim_id: str,
        seed: int = 0,
        progress: Callable[[int, int], None] | None = None,
        error: float = ALPHA,
        needs_controls: bool = False,
    ):
        self.claim_id = claim_id
        self.needs_controls = needs_controls
        self.seed = seed
        self.error = checked_error(error)
        self.findings: list[Finding] = []
        self.settings: list[dict[str, Any]] = []  # of every case that was begun
        self.refusal: BaseException | None = None  # of the first decision that could not be made
        self._generated: list[sampling.Generated] = []  # the samplers of the present decision
        self._drawn = False  # whether the claim has a key or a generator
        self._drawn_now = False  # whether the present case has, since it began or drew again
        self._keys = False  # whether the present case has a key, whose draws nobody sees
        self._numbers = densities.Drawn()  # by the generators of the present case
        self._streams: set[str] = set()  # of the present case, by name
        self._marks = foreign.marks()  # of generators beside its own, as the case began
        self._unmet: OutsideDomain | None = None  # what the present draw does not meet
        self._draw = 0  # how often the present case has drawn before
        self._decided = 0  # how many decisions were made, those of earlier draws too
        self._progress = progress
        self._case = ""

    # --------------------------------------------------------------------------------------- domain

    def require(self, condition: Any, sentence: str) -> None:
        """Raise `OutsideDomain` with the sentence unless the settings owe each other what the
        condition says.

        It may be asked of what the check has drawn, too: the case then draws again, up to five
        times in all, and only settings at which no draw will do are outside of the domain.
        """
        if np.size(condition) == 0:
            raise ValueError("require() is given no condition at all")
        if not np.all(condition):
            self._unmet = OutsideDomain(sentence)
            raise self._unmet

    @contextmanager
    def case(self, label: str) -> Iterator[None]:
        """Make the decisions of one case of the claim, on random streams of its own."""
        outer = self._case
        self._case = ": ".join(filter(None, [self._case, label]))
        try:
            yield
        finally:
            self._case = outer

    def until_it_may_be_asked(self, check: Callable[[], None]) -> None:
        """Call a check of one case, which draws again where what it drew is not as it requires, or
        where a control is none: how far it is from the prediction may hang on what was drawn.

        What earlier draws have decided is forgotten, but for a refutation, and its share of the
        error is spent. Raises what the check raises, `OutsideDomain` and `ControlTooClose` after
        the last draw.
        """
        before = len(self.findings)
        refusal = self.refusal
        for draw in range(_DRAWS):
            self._draw = draw
            self._drawn_now = False
            self._keys = False
            self._numbers = densities.Drawn()
            self._streams = set()
            self._marks = foreign.marks()
            self._unmet = None
            try:
                check()
                if self._unmet is not None:  # the check has caught it
                    raise OutsideDomain(": ".join(filter(None, [self._case, str(self._unmet)])))
                return
            except (OutsideDomain, ControlTooClose):
                refuted = any(f.outcome == "REFUTED" for f in self.findings[before:])
                if draw == _DRAWS - 1 or refuted or not self._drawn_now:
                    raise
                del self.findings[before:]
                self.refusal = refusal
            finally:
                self._draw = 0

    # ----------------------------------------------------------------------------------------
    # deterministic decisions

    @_remembered
    def identity(
        self,
        value: Any,
        predict: Any,
        *,
        ops: float | None = None,
        scale: Any = None,
        instances: Instances | None = None,
        independent: int | None = None,
        generic: str = "",
        controls: Mapping[str, Any] | None = None,
        control_processes: Mapping[str, Any] | None = None,
        as_published: Any = None,
    ) -> None:
        """Two routes to one number agree up to rounding (see `evidence.identity` for `ops` and
        `scale`).

        Once the check has drawn at random, its identities are of drawn instances: of one for each
        case, or of as many as `independent=` says. So many are needed that the row can say which
        share of all could still fail (`verdict.LEAST_DRAWN`), unless `generic=` says in words why
        both sides are analytic in numbers that were drawn from a density: then two sides that are
        equal at one draw are equal almost everywhere, to the row's precision. Numbers without a
        density, such as integers and permutations, are refused with it. `instances` is "draws",
        "grid", "search" or "all", as for `bound`, where the check should say so itself.
        """
        drawn = self._instances("identity", instances, independent, value)
        self._check_generic(generic, instances)

        def judged(measured: Any, wrong: Mapping[str, Any]) -> Finding:
            finding = evidence.identity(
                measured, predict, wrong, ops=_roundings(ops), scale=scale, printed=as_published
            )
            return replace(evidence.rests_on(finding, instances), drawn=drawn, generic=generic)

        self._record(
            "identity",
            judged(value, controls or {}),
            control_processes,
            lambda measured: judged(measured, {}),
        )

    @_remembered
    def bound(
        self,
        lhs: Any,
        rhs: Any,
        *,
        instances: Instances,
        independent: int | None = None,
        family: str = "",
        ops: float | None = None,
        scale: Any = None,
        attained: float | None = None,
        controls: Mapping[str, Any] | None = None,
        control_processes: Mapping[str, Any] | None = None,
        as_published: Any = None,
    ) -> None:
        """Lhs <= rhs on every instance (see `evidence.bound`); controls are wrong right-hand sides.

        `attained` in (0, 1] says more: on some instance lhs is that share of rhs at least. `family`
        says in words which instances these are, where they are not all, as "quadratics": a bound
        that holds on one family may be false on another.
        """
        self._check_own_numbers()
        if independent is not None and self._drawn:
            self._check_as_many_drawn(independent)
        drawn = int(self._drawn and instances != "search")
        drawn = (independent or 0) if instances == "draws" else drawn

        def judged(measured: Any, wrong: Mapping[str, Any]) -> Finding:
            finding = evidence.bound(
                measured,
                rhs,
                wrong,
                ops=_roundings(ops),
                scale=scale,
                instances=instances,
                independent=independent,
                family=family,
                printed=as_published,
            )
            if instances == "draws" and not self._drawn and finding.outcome != "REFUTED":
                raise ValueError(
                    'instances="draws", but the check has drawn nothing from the streams of the '
                    "trial: draw with trial.generator() or trial.key(), or say "
                    '"search", "grid" or "all"'
                )
            return evidence.attained(replace(finding, drawn=drawn), attained, instances)

        self._record(
            "bound",
            judged(lhs, controls or {}),
            control_processes,
            lambda measured: judged(measured, {}),
        )

    @_remembered
    def value(
        self,
        value: Any,
        predict: Any,
        *,
        margin: Any = None,
        slack: Any = 0.0,
        error: Any,
        side: Side = "two",
        scale: Any = None,
        instances: Instances | None = None,
        independent: int | None = None,
        generic: str = "",
        controls: Mapping[str, Any] | None = None,
        control_processes: Mapping[str, Any] | None = None,
        as_published: Any = None,
    ) -> None:
        """A computed value, known to within `error` (>= 0, from rounding analysis or a residual),
        meets a prediction.

        This is the procedure for approximations: `slack` is the computed size of the neglected
        terms, `margin` what the claim says (of an equality; a one-sided claim has none), `scale`
        what an error is measured in where the prediction is 0. `instances`, `independent` and
        `generic` are as for `identity`; the wider the margin, the more generic draws are needed. A
        value that an optimiser found from drawn starts is of instances="search".
        """
        prediction = _prediction(predict, margin, slack, side, scale)
        drawn = self._instances("value", instances, independent, value)
        self._check_generic(generic, instances)
        controls = self._tried(prediction, controls, control_processes)

        def judged(measured: Any, wrong: Mapping[str, Any]) -> Finding:
            finding = evidence.enclosed(measured, error, prediction, wrong, printed=as_published)
            finding = evidence.rests_on(finding, instances)
            return replace(finding, drawn=drawn, generic=generic)

        self._record(
            "value",
            judged(value, controls),
            control_processes,
            lambda measured: judged(measured, {}),
        )

    @_remembered
    def limit(
        self,
        values: Any = None,
        sizes: Any = None,
        predict: Any = None,
        *,
        sampler: DrawsAt | None = None,
        law: Law | None = None,
        first: int = 64,
        most: int = 100_000,
        remainder: Any = None,
        order: float | Sequence[float] | None = None,
        margin: Any,
        slack: Any = 0.0,
        scale: Any = None,
        controls: Mapping[str, Any] | None = None,
        as_published: Any = None,
        same_instance: bool = False,
        generic: str = "",
    ) -> None:
        """Values at growing sizes tend to the prediction (see `trends.limit`).

        The values are computed exactly, or are a list of `laws.Enclosure`, one per size, or the
        means that `sampler` and `law` give, see `growth`. `same_instance=True` says of numbers that
        whatever was drawn at random is the same at every size, and that they are exact for it;
        `generic` is as for `identity`.
        """
        self._check_generic(generic)
        prediction = _prediction(predict, margin, slack, "two", scale)

        def judged(values: Any) -> Finding:
            return trends.limit(
                values,
                sizes,
                prediction,
                controls or {},
                remainder=remainder,
                order=order,
                printed=as_published,
            )

        if sampler is not None:
            self._require_controls(controls)
            limit = self._at_sizes(sampler, sizes, law, first, most, judged, _would_do)
        else:
            self._check_exact(values, same_instance)
            limit = judged(values)
        self._record(
            "limit",
            replace(limit, drawn=int(same_instance and self._drawn), generic=generic),
            remark=_ONE_INSTANCE * same_instance,
        )

    @_remembered
    def order(
        self,
        errors: Any = None,
        sizes: Any = None,
        predict: Any = None,
        *,
        sampler: DrawsAt | None = None,
        common: bool = False,
        law: Law | None = None,
        first: int = 64,
        most: int = 100_000,
        rounding: Any = None,
        margin: float | None = None,
        slack: float = 0.0,
        side: Side = "two",
        controls: Mapping[str, Any] | None = None,
        control_processes: Mapping[str, Any] | None = None,
        as_published: Any = None,
        same_instance: bool = False,
        generic: str = "",
        next_term: float | None = None,
        exponential: bool = False,
    ) -> None:
        """Errors behave like n^predict (see `trends.convergence_order`); `same_instance` and
        `generic` as for `limit`.

        The errors, absolute values, are computed exactly up to `rounding`, or are a list of
        `laws.Enclosure`, one per size, or the means that `sampler` and `law` give, see `growth`.
        `next_term=e` says that the next term of the errors is smaller by n^-e. With
        `exponential=True` they behave like e^(predict n), times any power of n: the rate of a
        decaying chance is the limit of (log P_n) / n.

        With `common=True` the sampler is called with all sizes at once: `sampler(generator, count,
        sizes)` returns the errors of `count` draws, each at every size, shape `(count, K)`. The
        order is that over the stated sizes, the slope of the least-squares line through the
        logarithms of the mean errors; with `next_term=` it is the limit of the slopes. The interval
        is asymptotic (see `slopes.CommonOrder`), so that `law` is left out.

        `side="at least"` says that the order |predict| is the least that the errors have, as
        O(n^predict) does: the exponent is at most a negative `predict`, at least a positive one.
        "at most" says that they are no faster. A one-sided order has `slack` in place of `margin`.
        """
        self._check_generic(generic)
        if side != "two" and not np.all(np.asarray(predict, float)):
            raise ValueError(
                "a one-sided order needs predict= above or below 0: an order of 0 has no side"
            )
        if common and errors is not None:
            raise TypeError("with common=True the errors are drawn, sampler=: leave out errors=")
        if common:
            self._order_of_common_draws(
                sampler,
                law,
                CommonOrder(checked_sizes(sizes, next_term, exponential), next_term, exponential),
                _order(predict, margin, slack, side),
                first,
                most,
                controls,
                control_processes,
                as_published,
            )
            return
        if sampler is None:
            self._check_exact(errors, same_instance)
        prediction = _order(predict, margin, slack, side)
        controls = self._tried(prediction, controls, control_processes)

        def judged(measured: Any, wrong: Mapping[str, Any]) -> Finding:
            exponent = trends.convergence_order(
                measured, sizes, rounding, next_term, exponential, side
            )
            finding = trends.order(exponent, prediction, wrong, as_published)
            if finding.outcome == "INCONCLUSIVE":
                finding = replace(
                    finding, note=trends.unsettled(exponent, measured, sizes, exponential)
                )
            drawn = int(same_instance and self._drawn)
            return replace(finding, drawn=drawn, generic=generic)

        if sampler is None:
            finding = judged(errors, controls)
        else:
            self._require_controls(controls, control_processes)
            finding = self._at_sizes(
                sampler, sizes, law, first, most, lambda boxes: judged(boxes, controls), _would_do
            )
        self._record(
            "order",
            finding,
            control_processes,
            lambda measured: judged(measured, {}),
            remark=_ONE_INSTANCE * same_instance,
        )

    def _order_of_common_draws(
        self,
        sampler: DrawsAt | None,
        law: Law | None,
        of: CommonOrder,
        prediction: Prediction,
        first: int,
        most: int,
        controls: Mapping[str, Any] | None,
        control_processes: Mapping[str, Any] | None,
        as_published: Any,
    ) -> None:
        """Decide the order of errors whose draws are common to all sizes, as `mean` does.

        One that is VERIFIED while the last slope certainly is not within the margin is left
        INCONCLUSIVE: the slopes are still on their way.
        """
        shape = f"(count, {len(of.sizes)})"
        for process in (sampler, *(control_processes or {}).values()):
            if not processes.takes(process, 3):
                raise TypeError(
                    "common=True needs sampler(generator, count, sizes), which returns the errors "
                    f"of count draws at all sizes, shape {shape}, got {processes.shown(process)}"
                )
        if law is not None and not isinstance(law, Asymptotic):
            raise ValueError(
                "the order from common draws has an asymptotic interval, whatever the law of a "
                "sample: leave out law="
            )
        controls = _kept(self._tried(prediction, controls, control_processes))
        alpha = self._alpha()

        def judged(name: str, process: Any, wrong: Mapping[str, Any]) -> Finding:
            def errors(generator: np.random.Generator, count: int) -> Any:
                found = process(generator, count, of.sizes.copy())
                if np.shape(found)[1:] != of.axes:
                    raise ValueError(
                        f"{_what(name)} of common=True returns the error of each draw at each of "
                        f"sizes=, shape {shape}, got {np.shape(found)} for count={count}"
                    )
                return found

            batches: list[np.ndarray] = []
            draw = self._sampler(name, errors, "many", first)
            varied = sampling.Varied(draw, of, None, _what(name))

            def kept(m: int) -> np.ndarray:
                batches.append(varied(m))
                return batches[-1]

            finding = evidence.mean(
                kept,
                prediction,
                wrong,
                law=of,
                looks=_plan(of, prediction, draw, first, most, alpha),
                alpha=alpha,
                printed=None if name else as_published,
                progress=self._progress,
                widened=_widened(draw),
            )
            slopes = of.slopes(batches, alpha)
            late = ""
            drifts = of.next_term is None and outside(slopes, prediction)[-1]
            if finding.outcome == "VERIFIED" and drifts:
                finding = replace(finding, outcome="INCONCLUSIVE")
                late = "the last slope is beyond the margin for certain: take larger sizes"
            note = "; ".join(filter(None, [late, finding.note, in_words(of.sizes, slopes)]))
            return varied.told(replace(finding, note=note))

        self._sampled("order", judged, sampler, controls, control_processes)

    @_remembered
    def growth(
        self,
        n: Any = None,
        low: Any = None,
        high: Any = None,
        claimed: growth_laws.GrowthLaw = "",
        *,
        sampler: DrawsAt | None = None,
        sizes: Any = None,
        law: Law | None = None,
        first: int = 64,
        most: int = 100_000,
        error: float | None = None,
        slack_log: float = 0.0,
        margin: float = growth_laws.MARGIN,
        exponent: tuple[float, float] | None = None,
        controls: Sequence[str] | Mapping[str, growth_laws.GrowthLaw] = (),
        guarantee: str = "finite-n (union)",
        as_published: str | None = None,
    ) -> None:
        """The quantity in the boxes grows as the claimed law, Theta of it: its exponent is known to
        lie within `margin`, relative to it, or that of "n^a" in `exponent=(least, most)` (see
        `growth.growth`).

        In place of the sizes `n` and their boxes, `sampler(generator, count, size)` returns the
        next `count` samples, shape `(count,)`, at one of the `sizes`; the quantity is what `law` is
        the law of, a mean as for `mean`. Samples come in looks of `first` at every size, growing by
        1.4 up to about `most` at each, until the boxes decide; their chance of error is that of the
        decision.
        """
        if not claimed:
            raise ValueError('growth needs a law, as claimed="log n"')

        def judged(n: Any, low: Any, high: Any, error: float, guarantee: str) -> Finding:
            return growth_laws.growth(
                n,
                low,
                high,
                claimed,
                error=error,
                slack_log=slack_log,
                margin=margin,
                exponent=exponent,
                controls=controls,
                guarantee=guarantee,
                printed=as_published,
            )

        def ends(boxes: Sequence[Enclosure]) -> tuple[list[float], list[float]]:
            return [float(box.low) for box in boxes], [float(box.high) for box in boxes]

        def of_samples(boxes: Sequence[Enclosure]) -> Finding:
            total = sum(box.error for box in boxes)
            lows, highs = ends(boxes)
            return judged(sizes, lows, highs, total, f"{boxes[0].guarantee} (union)")

        def more(boxes: Sequence[Enclosure], done: int, _: Any) -> str:
            lows, highs = ends(boxes)
            narrower, wider = growth_laws.what_would_do(
                sizes, lows, highs, claimed, slack_log, margin
            )
            many = "" if narrower is None else f"about {_rounded(done * narrower**2)} would decide"
            return _either(many or "and four times as many halve the boxes", wider)

        if sampler is not None:
            finding = self._at_sizes(sampler, sizes, law, first, most, of_samples, more)
        elif error is None:
            raise ValueError("say what the chance is that a box misses, error=: 0 of exact ones")
        elif self._drawn and not error:
            raise ValueError(
                "boxes of a claim that draws at random may miss: state the chance, error= above 0"
            )
        else:
            finding = judged(n, low, high, error, guarantee)
            if finding.outcome == "INCONCLUSIVE":
                narrower, wider = growth_laws.what_would_do(
                    n, low, high, claimed, slack_log, margin
                )
                boxes = "narrower boxes" if narrower is None else f"boxes 1/{narrower:g} as wide"
                needed = _either(f"{boxes} would decide", wider)
                finding = replace(finding, note="; ".join(filter(None, [finding.note, needed])))
        self._record("growth", finding)

    @_remembered
    def growth_at_most(
        self,
        n: Any = None,
        boxes: tuple[Any, Any] | None = None,
        claimed: growth_laws.GrowthLaw = "",
        *,
        sampler: DrawsAt | None = None,
        sizes: Any = None,
        law: Law | None = None,
        first: int = 64,
        most: int = 100_000,
        error: float | None = None,
        controls: Sequence[str] | Mapping[str, growth_laws.GrowthLaw] = (),
        control_processes: Mapping[str, Any] | None = None,
        guarantee: str = "finite-n (union)",
        as_published: str | None = None,
    ) -> None:
        """The quantity in the boxes (low, high) is O of the claimed law (see
        `growth.growth_at_most`).

        In place of `n`, `boxes` and `error`, a `sampler` at `sizes` and the `law` of a sample are
        as for `growth`. Controls are slower laws; a wrong process has the form of the measured one:
        boxes, or a sampler.
        """
        if not claimed:
            raise ValueError('growth_at_most needs a law, as claimed="log n"')

        def judged(n: Any, measured: tuple[Any, Any], error: float, rests_on: str) -> Finding:
            low, high = measured
            return growth_laws.growth_at_most(
                n,
                low,
                high,
                claimed,
                error=error,
                controls=controls,
                guarantee=rests_on,
                printed=as_published,
            )

        def of_samples(boxes: Sequence[Enclosure]) -> Finding:
            ends = [[float(end) for end in (box.low, box.high)] for box in boxes]
            total = sum(box.error for box in boxes)
            low, high = np.transpose(ends)
            if not np.all(np.isfinite([low[0], high[0]])):  # too few samples still
                return growth_laws.undecided(sizes, low, high, total, boxes[0].guarantee)
            return judged(sizes, (low, high), total, f"{boxes[0].guarantee} (union)")

        if sampler is None:
            if n is None or boxes is None or error is None:
                raise ValueError(
                    "growth_at_most needs sizes n, their boxes (low, high) and error=, the chance "
                    "that one misses; or sampler=, sizes= and law="
                )

            def of_boxes(boxes: tuple[Any, Any]) -> Finding:
                return judged(n, boxes, error, guarantee)

            self._record("growth_at_most", of_boxes(boxes), control_processes, of_boxes)
            return
        self._require_controls(controls, control_processes)
        for process in (sampler, *(control_processes or {}).values()):
            if not callable(process):
                raise TypeError(
                    "beside a sampler a wrong process is sampler(generator, count, size), too, got "
                    f"{type(process).__name__}"
                )

        def sampled(named: tuple[str, DrawsAt]) -> Finding:
            name, process = named
            return self._at_sizes(
                process, sizes, law, first, most, of_samples, _would_do, name=name
            )

        finding = sampled(("", sampler))
        wrong = {name: (name, process) for name, process in (control_processes or {}).items()}
        self._record("growth_at_most", finding, wrong, sampled)

    @_remembered
    def gap(
        self,
        primal: Any,
        dual: Any,
        predict: Any,
        *,
        margin: Any,
        scale: float,
        ops: float,
        instances: Instances | None = None,
        independent: int | None = None,
        generic: str = "",
        controls: Mapping[str, Any],
        as_published: Any = None,
    ) -> None:
        """A feasible value and a certified lower bound enclose the predicted optimum (see
        `evidence.gap`; `instances`, `independent` and `generic` are as for `value`).
        """
        drawn = self._instances("gap", instances, independent, primal)
        self._check_generic(generic, instances)
        prediction = _prediction(
            predict, margin, 0.0, "two", None if np.any(predict) else scale or None
        )
        finding = evidence.gap(
            primal, dual, prediction, controls, scale=scale, ops=ops, printed=as_published
        )
        self._record(
            "gap", replace(evidence.rests_on(finding, instances), drawn=drawn, generic=generic)
        )

    @_remembered
    def runs(self, outcomes: Any, *, alpha: float, controls: Mapping[str, Any]) -> None:
        """More runs than not have a positive outcome, by the exact sign test at the declared level
        `alpha`.
        """
        finding = evidence.runs(outcomes, controls, alpha=alpha)
        self._record("runs", finding, remark=_RUNS)

    # ------------------------------------------------------------------------------------------
    # Monte-Carlo decisions

    @_remembered
    def mean(
        self,
        measure: Any = None,
        predict: Any = None,
        *,
        law: Law | None = None,
        sampler: Draws | None = None,
        samples: Any = None,
        margin: Any = None,
        slack: Any = 0.0,
        side: Side = "two",
        scale: Any = None,
        controls: Mapping[str, Any] | None = None,
        control_processes: Mapping[str, Measure] | Mapping[str, Draws] | None = None,
        as_published: Any = None,
        error: float | None = None,
        first: int = 64,
        most: int | None = None,
        vectorised: bool = False,
    ) -> None:
        """The parameter of `law` (a mean, a variance, …) of a measurement meets the prediction.

        A measurement `measure(rng)` returns one sample, any shape, drawn with the generator of
        NumPy that it is given; `measure(rng, n)` returns the next n samples, shape `(n, *shape)`
        (as does `sampler=`, for PyTorch or R, too); `measure(key)` is jittable and returns one
        sample for one key of JAX. `samples=` is an array of samples that exist, along its first
        axis: the guarantee then says that nobody saw them being drawn. They are independent, or
        with `law=OnePath()` one long stationary path, whose long-run mean is asked. Wrong processes
        have the form of the measurement.

        Samples come in looks of `first` (of a key the size of the one compiled program), growing
        by 1.4 up to about `most`, until the interval decides. `margin`, `slack` and `scale` are
        those of `value`. `error` in (0, 0.1] is the chance of a wrong verdict of this decision;
        left out, it is a share of the trial's. `vectorised=True` draws the samples of keys by
        `vmap` on a CPU too: right for tiny samples without linear algebra.

        Raises `ValueError` without a law, with a line for each that there is.
        """
        if callable(predict) and not callable(measure):
            raise TypeError(
                "the measurement comes first and the prediction second: these are swapped"
                if measure is not None
                else "predict= must be numbers, got a function"
            )
        process, form = self._process(measure, sampler, samples, vectorised, control_processes)
        prediction = _prediction(predict, margin, slack, side, scale)
        if law is None:
            some = process if form == "array" else self._sampler("", process, form, 64)(64)
            raise ValueError(laws_that_fit(some))
        path = law if isinstance(law, OnePath) else None
        if path is not None and form != "array":
            raise ValueError(
                "law=OnePath() is of a path that was drawn already: draw it, with "
                "trial.generator() say, and give it as samples= in its order"
            )
        controls = _kept(self._tried(prediction, controls, control_processes, law))
        as_published = _kept(as_published)
        alpha = self._alpha(error)

        def judged(name: str, process: Any, wrong: Mapping[str, Any]) -> Finding:
            own_form = processes.form_of(process, form) if name else form
            draw = (
                self._sampler(name, process, own_form, first, vectorised)
                if path is None
                else processes.Given(process, "samples=", path=True)
            )
            varied = sampling.Varied(draw, law, None if name else prediction, _what(name))
            finding = evidence.mean(
                varied,
                prediction,
                wrong,
                law=law,
                looks=_plan(law, prediction, draw, first, most, alpha),
                alpha=alpha,
                printed=None if name else as_published,
                progress=self._progress,
                widened=_widened(draw),
            )
            finding = varied.told(finding)
            if path is not None:
                return _of_path(finding, path, process)
            return _of_given(finding) if form == "array" else finding

        self._sampled("mean", judged, process, controls, control_processes, path is not None)

    def probability(self, measure: Any = None, predict: Any = None, **options: Any) -> None:
        """The event that is measured (0 or 1) has the predicted probability; options as for
        `mean`.
        """
        _check_can_fail(predict, options.get("side", "two"))
        self.mean(measure, predict, law=Bernoulli(), **options)

    @_remembered
    def distribution(
        self,
        measure: Any = None,
        cdf: KnownLaw | None = None,
        *,
        sampler: Draws | None = None,
        samples: Any = None,
        margin: float,
        slack: float = 0.0,
        side: Side = "two",
        tail: float | None = None,
        directions: Any = None,
        controls: Mapping[str, KnownLaw] | None = None,
        control_processes: Mapping[str, Measure] | Mapping[str, Draws] | None = None,
        error: float | None = None,
        first: int = 64,
        most: int | None = None,
        vectorised: bool = False,
    ) -> None:
        """The law of a measurement is `cdf` to within `margin` in sup |F - F0|; controls are wrong
        cdfs.

        A law on a finite set is given as `{outcome: probability}`, outcomes being numbers, and
        compared in total variation. With `tail=p` the margin is one on the relative error of tail
        probabilities, from 1/2 down to p, on either side of a continuous cdf. Without a cdf, the
        measurement returns a pair of independent samples from two routes, which must share one law.
        The measurement's forms, `samples` and `error` are as for `mean`. `side="at most"` says that
        the measurement's cdf is at most `cdf` everywhere, up to the margin, and no more; "at least"
        the opposite.

        A law of vectors, or arrays, is compared on the half-spaces of `directions`, shape
        `(k, *shape)`: the margin is one on P(<a, X> <= t) for each direction a and every t. Here
        `cdf(a)` returns the cdf of <a, X>, and so do controls. Without a cdf a sample has shape
        `(2, *shape)`. A difference in no half-space of these directions is not seen, and the row
        says how many directions there are.
        """
        directions = None if directions is None else np.array(directions)
        cdf = _kept(cdf)
        process, form = self._process(measure, sampler, samples, vectorised, control_processes)
        alpha = self._alpha(error)
        law = evidence.law_of_laws(cdf, tail, directions, side)
        prediction = Prediction(0.0, margin, slack, "at most")
        controls = _kept(self._tried_laws(cdf, margin, law, controls, control_processes))

        def judged(name: str, process: Any, wrong: Mapping[str, Any]) -> Finding:
            own_form = processes.form_of(process, form) if name else form
            draw = self._sampler(name, process, own_form, first, vectorised)
            varied = sampling.Varied(draw, law, None if name else prediction, _what(name))
            finding = evidence.distribution(
                varied,
                cdf,
                wrong,
                margin=margin,
                slack=slack,
                tail=tail,
                directions=directions,
                side=side,
                looks=_plan(law, prediction, draw, first, most, alpha),
                alpha=alpha,
                progress=self._progress,
                widened=_widened(draw),
            )
            finding = varied.told(finding)
            return _of_given(finding) if form == "array" else finding

        self._sampled("distribution", judged, process, controls, control_processes)

    # --------------------------------------------------------------------------------- shared parts

    def key(self, name: str = "") -> Any:
        """Return the JAX key of a named stream of this claim under this seed."""
        self._drawn = True
        self._keys = True
        self._drawn_now = True
        return self._key(name)

    def _key(self, name: str) -> Any:
        try:
            import jax
        except ImportError as error:
            raise ImportError(
                "a key needs JAX: pip install 'theory-on-trial[jax]', or draw with rng, a "
                "generator of NumPy"
            ) from error

        digest = self._digest(name)
        key = jax.random.key(self.seed if -(2**63) <= self.seed < 2**63 else self.seed % 2**63)
        for part in (digest[:4], digest[4:8]):
            key = jax.random.fold_in(key, int.from_bytes(part, "big"))
        return key

    def generator(self, name: str = "") -> np.random.Generator:
        """Return a NumPy generator on a named stream of this claim under this seed, for draws that
        need no program. A second generator of the same name draws the same numbers again, and they
        count once.
        """
        self._drawn = True
        self._drawn_now = True
        drawn = self._numbers.again() if name in self._streams else self._numbers
        self._streams.add(name)
        return densities.generator(self._entropy(name), drawn)

    def _generator(self, name: str) -> np.random.Generator:
        return np.random.default_rng(self._entropy(name))

    def _entropy(self, name: str) -> list[int]:
        return [self.seed % 2**64, int.from_bytes(self._digest(name)[:16], "big")]

    def _digest(self, name: str) -> bytes:
        case = f"[{self._case}]" * bool(self._case)
        again = f"/draw {self._draw + 1}" * bool(self._draw)
        return hashlib.sha256(f"{self.claim_id}{case}{again}/{name}".encode()).digest()

    def _at_sizes(
        self,
        sampler: DrawsAt,
        sizes: Any,
        law: Law | None,
        first: int,
        most: int,
        judged: Judged,
        would_do: Callable[[list[Enclosure], int, Judged], str],
        name: str = "",
    ) -> Finding:
        """Sample at every size until intervals for the parameters of a law decide, or the looks are
        used up; `name` is that of a wrong process.
        """
        if law is None or sizes is None:
            raise ValueError("a sampler at sizes needs them, sizes=, and the law of a sample, law=")
        name = f"{len(self.findings)}{f'/{name}' * bool(name)}"
        samplers = [self._at_size(sampler, size, f"{name}/size {size}", first) for size in sizes]
        draws = [
            sampling.Varied(own, law, None, f"the sampler at size {size}")
            for own, size in zip(samplers, sizes, strict=True)
        ]
        first = max(first, min(samplers[0].least, most))
        totals = looks.planned_looks(first, most, 1.4, step=min(first, 8))
        pilots = [
            np.mean(
                sampling.numbers(
                    sampler(self._generator(f"{name}/pilot {size}"), first, size), first
                )
            )
            for size in sizes
        ]
        # Intervals are aimed at what the pilot says of the whole rise, from samples of its own.
        target = np.asarray(np.ptp(pilots) / 50 or 1e-3)
        share = self._alpha() / len(sizes) / (1 if law.time_uniform else len(totals))
        batches: list[list[np.ndarray]] = [[] for _ in sizes]
        done = 0
        for total in totals:
            for draw, own in zip(draws, batches, strict=True):
                new = draw(total - done)
                if new.ndim != 1:
                    raise ValueError(
                        f"a sampler at sizes returns one number a sample, got shape {new.shape}"
                    )
                own.append(new)
            done = total
            boxes = [
                sampling.widen(law, own, law.interval(own, share, target), drawn.sizes)._replace(
                    error=self._alpha() / len(sizes)
                )
                for own, drawn in zip(batches, samplers, strict=True)
            ]
            finding = judged(boxes)
            if self._progress is not None:
                self._progress(total, totals[-1])
            outcomes = [finding.outcome, *(control.outcome for control in finding.controls)]
            if finding.outcome == "REFUTED" or "INCONCLUSIVE" not in outcomes:
                break
        for drawn in samplers:
            drawn.ask()
        probes = sum(drawn.probes + first for drawn in samplers)
        interval = finding.interval._replace(n=done * len(sizes) + probes)
        note = finding.note
        if finding.outcome == "INCONCLUSIVE":
            widest = max(float(box.high - box.low) for box in boxes)
            wide = f"the boxes are up to {widest:.2g} wide after {done} samples at each size"
            more = f"{wide}: most= says how many may be drawn, {would_do(boxes, done, judged)}"
            note = "; ".join(filter(None, [note, more]))
        return replace(
            finding,
            interval=interval,
            note=note,
            looks=totals.index(done) + 1,
            budget=done / totals[-1],
        )

    def _at_size(self, sampler: DrawsAt, size: Any, stream: str, first: int) -> sampling.Generated:
        """Return a sampler at one size, whose draws are looked at as those of `mean` are."""
        return sampling.Generated(
            lambda generator, m: sampler(generator, m, size),
            lambda other: self._generator(stream + other),
            first,
            f"the sampler at size {size}",
        )

    def _instances(
        self, decision: str, instances: Instances | None, independent: int | None, value: Any
    ) -> int:
        """Return on how many independent drawn instances a decision without sampling rests, 0 for
        none.
        """
        if instances is not None and instances not in get_args(Instances):
            raise ValueError(
                f"instances must be one of {', '.join(map(repr, get_args(Instances)))}, "
                f"got {instances!r}"
            )
        if instances == "draws" and (independent is None or not self._drawn):
            raise ValueError(
                f'{decision} of instances="draws" says how many are independent, independent=, and '
                "draws them with trial.generator() or trial.key()"
            )
        self._check_own_numbers()
        if independent is not None:
            along = np.shape(value)[0] if np.ndim(value) else 1
            if instances not in (None, "draws") or not self._drawn or independent not in (1, along):
                raise ValueError(
                    "independent= is the number of independent instances that the check has drawn "
                    "with trial.generator() or trial.key(), which stand along the first axis of "
                    f"the value: got {independent} where that has {along}"
                )
            self._check_as_many_drawn(independent)
            check_independent(f"the {decision}", np.reshape(value, (along, -1)), independent)
        # A search says nothing of instances that it did not try, drawn ones or others.
        return 0 if instances == "search" else independent or int(self._drawn)

    def _check_as_many_drawn(self, independent: int) -> None:
        """Raise `ValueError` where fewer numbers were drawn than instances are said to be."""
        if not self._keys and independent > self._numbers.numbers:
            raise ValueError(
                f"independent={independent}, but this case has drawn only "
                f"{self._numbers.numbers} numbers: each instance needs draws of its own"
            )

    def _check_own_numbers(self) -> None:
        """Raise `ValueError` where the present case has drawn what no seed decides."""
        if foreign.drawn_since(self._marks):
            raise ValueError(
                "the check draws from NumPy's or Python's own generator, or from one without a "
                "seed, so that its numbers differ from run to run: draw with trial.generator() or "
                "trial.key(), and give seeds to the libraries that it calls"
            )

    def _check_generic(self, generic: str, instances: Instances | None = None) -> None:
        """Raise `ValueError` where one draw does not tell of almost all others, as far as that can
        be seen.
        """
        if not generic:
            return
        if not isinstance(generic, str) or len(generic.split()) < _REASON:
            raise ValueError(
                "generic= says in words why both sides are analytic in what is drawn, such as "
                f'"both sides are polynomials in the entries of A", got {generic!r}'
            )
        if not self._drawn or instances not in (None, "draws"):
            raise ValueError(
                "generic= is for numbers that the check has drawn from a density with "
                "trial.generator() or trial.key(), and not for a search, a grid or all instances"
            )
        if self._numbers.without_density:
            raise ValueError(
                "generic= is for numbers from a density, but this case has drawn with "
                f"{self._numbers.without_density[0]}(), which takes few values: make what it draws "
                "a setting of the cases, or draw many instances (independent=)"
            )

    def _check_exact(self, values: Any, same_instance: bool) -> None:
        """Raise `ValueError` for numbers that may be Monte-Carlo averages, which no limit may take
        for exact.
        """
        is_exact = not trends.is_random(values) or not all(
            v.error and np.any(v.high > v.low) for v in values
        )
        if self._drawn and is_exact and not same_instance:
            raise ValueError(
                "numbers of a claim that draws at random are not exact: give an Enclosure with "
                "its chance of error for "
                "each size, or say "
                "same_instance=True where the same random instance is used at every size and the "
                "rest is exact"
            )

    def _alpha(self, error: float | None = None) -> float:
        """The chance of error of the next decision: its own, or a share of the trial's.

        The j-th share is error / (j (j + 1)), which sums to the error over any number of decisions.
        """
        if error is not None:
            return checked_error(error)
        j = self._decided + 1
        return self.error / (j * (j + 1))

    def _process(
        self,
        measure: Any,
        sampler: Draws | None,
        samples: Any,
        vectorised: bool,
        control_processes: Mapping[str, Any] | None,
    ) -> tuple[Any, Form]:
        """Return what is measured and its form; raise `TypeError` for none, several or another."""
        if samples is not None:
            if measure is not None or sampler is not None or control_processes:
                raise TypeError(
                    "samples= are what was measured: leave out the measurement, sampler= and "
                    "control_processes="
                )
            return processes.checked_samples(samples), "array"
        process = sampling.either(measure, sampler, vectorised)
        form = "many" if sampler is not None else processes.form_of(process, self._form)
        if vectorised and form != "key":
            raise TypeError("vectorised= is for a measurement of one key of JAX")
        return process, form

    def _sampler(
        self, name: str, process: Any, form: Form, batch: int, vectorised: bool = False
    ) -> sampling.Sampler:
        stream = f"{len(self.findings)}/{name}"
        what = _what(name)
        if form == "array":
            return processes.Given(process, "samples=")
        if form == "key":
            return sampling.of_keys(process, self._key(stream), batch, vectorised, what)
        if form == "one":  # a call is a sample
            process = processes.one_by_one(process, what)
            batch = 1
        generated = sampling.Generated(
            process, lambda other: self._generator(stream + other), batch, what, form == "one"
        )
        self._generated.append(generated)
        return generated

    def _tried(
        self,
        prediction: Prediction,
        controls: Mapping[str, Any] | None,
        control_processes: Mapping[str, Any] | None,
        law: Law | None = None,
    ) -> Mapping[str, Any]:
        """The controls of a decision: a claim has those that it names, and no other."""
        return controls or {}

    def _tried_laws(
        self,
        cdf: KnownLaw | None,
        margin: float,
        law: Law,
        controls: Mapping[str, Any] | None,
        control_processes: Mapping[str, Any] | None,
    ) -> Mapping[str, Any]:
        """The controls of a decision on a whole law."""
        return controls or {}

    def _require_controls(self, *given: Any) -> None:
        """Raise `ValueError` for a sampled decision without a control, before the first sample."""
        if self.needs_controls and not any(given):
            raise ValueError(
                "a claim is VERIFIED only if the same samples refute a wrong theory: name one that "
                'somebody could hold, as controls={"what is wrong": its prediction}, or a wrong '
                "process, control_processes="
            )

    def _sampled(
        self,
        procedure: str,
        judged: Callable[[str, Any, Mapping[str, Any]], Finding],
        process: Any,
        controls: Mapping[str, Any],
        control_processes: Mapping[str, Measure] | Mapping[str, Draws] | None,
        path: bool = False,
    ) -> None:
        self._require_controls(controls, control_processes)

        def asked(name: str, process: Any, controls: Mapping[str, Any]) -> Finding:
            self._generated = []
            finding = judged(name, process, controls)
            for generated in self._generated:
                generated.ask()
                finding = _counted(finding, generated)
            return finding

        finding = asked("", process, controls)
        rivals = {name: (name, process) for name, process in (control_processes or {}).items()}
        self._record(
            procedure,
            finding,
            rivals,
            lambda named: asked(named[0], named[1], {}),
            remark=_DESIGN * (self._drawn and not path),
        )

    # ----------------------------------------------------------------------------------- proofs

    @_remembered
    def prove(
        self,
        lhs: Callable[..., Any],
        rhs: Callable[..., Any],
        box: Mapping[str, Any],
        *,
        tolerance: float = 0.0,
        controls: Mapping[str, Callable[..., Any]] | None = None,
        same_as: tuple[Callable[..., Any] | None, Callable[..., Any] | None] = (None, None),
        most_boxes: int = 20_000,
        bits: int = 106,
    ) -> None:
        """Lhs <= rhs at every point of a box, by enclosures (see `prover.prove`).

        A control is another right-hand side, sharper somewhere, which the same procedure must
        refute with a box. `same_as` are functions on floats that compute the two sides, as those of
        `theory`: they are compared at drawn points, and a difference is a `ValueError`.
        """
        generator = self._generator("same_as")
        for side, twin, name in ((lhs, same_as[0], "lhs"), (rhs, same_as[1], "rhs")):
            if twin is not None and (words := prover.drift(side, twin, box, generator)):
                raise ValueError(f"the formula that is proved for {name} is another one: {words}")
        options: dict[str, Any] = {"tolerance": tolerance}
        options |= {"most_boxes": most_boxes, "bits": bits}
        proof = prover.prove(lhs, rhs, box, **options)
        rivals = {
            name: prover.prove(lhs, wrong, box, **options)
            for name, wrong in (controls or {}).items()
        }
        finding = _proved(proof, rivals, lhs, rhs, controls or {}, tolerance, box)
        name = ": ".join(filter(None, [self.claim_id, self._case]))
        remark = certificates.kept(name, lhs, rhs, box, tolerance, proof)
        self._record("prove", finding, remark=remark)

    @_remembered
    def prove_identity(
        self,
        lhs: Callable[..., Any],
        rhs: Callable[..., Any],
        degrees: Mapping[str, int],
        *,
        start: int = 1,
        controls: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        """Two polynomials are equal, by their coefficients (see `prover.prove_identity`).

        A control is another right-hand side, which differs from the left one.
        """
        proof = prover.prove_identity(lhs, rhs, degrees, start=start)
        rivals = {
            name: prover.prove_identity(lhs, wrong, degrees, start=start)
            for name, wrong in (controls or {}).items()
        }
        self._record("prove", _proved(proof, rivals, lhs, rhs, controls or {}, None, degrees))

    @_remembered
    def worst_case(
        self,
        problem: Callable[[Any], Any],
        bound: float,
        *,
        tolerance: float | None = None,
        attained: float | None = None,
        controls: Mapping[str, float] | None = None,
        as_published: Any = None,
    ) -> None:
        """No function of a class makes a method exceed the bound (see `worst_case.worst_case`).

        `problem(pep)` states class, method, first conditions and what is measured on a
        `PEPit.PEP`. VERIFIED rests on multipliers that were checked in fractions, REFUTED on an
        instance of the class that was. `tolerance` >= 0, in the unit of the bound, is by how much
        the bound may be exceeded: a millionth of it unless given. `attained` in (0, 1] says more:
        some instance reaches that share of the bound. A control is another bound, a smaller one.

        Raises `ModuleNotFoundError` without PEPit, `ValueError` for a problem that PEPit cannot
        state, a bound that is no finite number, another tolerance or share, and where no end of
        the worst case was found.
        """
        limit, reach = worst_cases.checked_numbers(bound, tolerance, attained)
        finding = worst_cases.finding(
            worst_cases.worst_case(problem), limit, reach, attained, controls or {}, as_published
        )
        self._record("worst_case", finding)

    # ---------------------------------------------------------------------------------- recording

    def _record(
        self,
        procedure: str,
        finding: Finding,
        control_processes: Mapping[str, Any] | None = None,
        judged: Callable[[Any], Finding] | None = None,
        remark: str = "",
    ) -> None:
        """Add the finding; a wrong process is judged against the true prediction and must be
        REFUTED.

        Its note begins with the reason of an INCONCLUSIVE one; remarks follow.
        """
        findings = {
            name: judged(process)
            for name, process in (control_processes or {}).items()
            if judged is not None
        }
        rivals = tuple(
            _as_control(name, rival, finding.prediction) for name, rival in findings.items()
        )
        notes = [
            f"{_what(name)}: {rival.note or _OPEN}"
            for name, rival in findings.items()
            if rival.outcome == "INCONCLUSIVE"
        ]
        shape = np.shape(finding.interval.estimate)
        is_shared = (
            shape and not np.shape(finding.prediction.value) and finding.prediction.side == "two"
        )
        remarks = [
            finding.note or _OPEN * (finding.outcome == "INCONCLUSIVE"),
            finding.constant,
            remark,
            _LAST * _at_the_last_look(finding),
            f"one prediction for all {' x '.join(map(str, shape))} coordinates" * bool(is_shared),
            unequal(finding.resolution) if finding.outcome == "VERIFIED" else "",
            *notes,
        ]
        note = "; ".join(filter(None, remarks))
        controls = (*finding.controls, *rivals)
        self._decided += 1
        self.findings.append(
            replace(finding, controls=controls, procedure=procedure, case=self._case, note=note)
        )


def _plan(
    law: Law,
    prediction: Prediction,
    draw: sampling.Sampler,
    first: int,
    most: int | None,
    alpha: float,
) -> Plan:
    """Return the looks: of a measurement at multiples of its one program's size, of a sampler once
    its calls are enough to judge by; of samples that exist one, at all of them.
    """
    if isinstance(draw, processes.Given):
        return Plan.even((draw.count,))
    if isinstance(draw, sampling.Generated):
        first = max(first, min(draw.least, most or draw.least))
        return looks.plan(law, prediction, first, most, alpha, step=min(first, 8))
    return looks.plan(law, prediction, first, most, alpha, step=first)


def _would_do(boxes: list[Enclosure], done: int, judged: Judged) -> str:
    """Say how many samples would be enough for boxes around the same estimates, each of which
    halves with four times as many.
    """
    for halvings in range(1, _HALVINGS + 1):
        nearer = [
            box._replace(
                low=box.estimate - (box.estimate - box.low) / 2**halvings,
                high=box.estimate + (box.high - box.estimate) / 2**halvings,
            )
            for box in boxes
        ]
        finding = judged(nearer)
        controls = [control.outcome for control in finding.controls]
        if finding.outcome == "VERIFIED" and "INCONCLUSIVE" not in controls:
            return f"about {_rounded(done * 4**halvings)} would decide"
    return "and four times as many halve the boxes"


def _rounded(count: float) -> str:
    """A number in words, to one digit."""
    return f"{float(f'{count:.1g}'):,.0f}"


def _either(what: str, wider: float | None) -> str:
    """What would decide a law of growth: this, or a wider range of sizes."""
    size = "" if wider is None else f"{wider:,.0f}" if wider < 1e7 else f"{wider:.1e}"
    return f"{what}, or sizes up to {size}" if size else what


def _widened(draw: sampling.Sampler) -> evidence.Widened | None:
    if not isinstance(draw, sampling.Generated):
        return None
    return lambda law, batches, found: sampling.widen(law, batches, found, draw.sizes)


def _counted(finding: Finding, draw: sampling.Generated) -> Finding:
    """Return the finding with the samples that were drawn beside its interval's, to probe them."""
    interval = finding.interval
    return replace(finding, interval=interval._replace(n=interval.n + draw.probes))


def _at_the_last_look(finding: Finding) -> bool:
    """Tell whether a verdict needed all samples that could be drawn; a control or a published form
    that needed them says so itself.
    """
    drawn = finding.budget >= 1 and _GIVEN not in finding.interval.guarantee
    others = [finding.printed, *(control.outcome for control in finding.controls)]
    return drawn and finding.outcome == "VERIFIED" and "INCONCLUSIVE" not in others


def checked_error(error: Any) -> float:
    """Return a chance of a wrong verdict; raise `ValueError` unless it lies in (0, 0.1]."""
    if not isinstance(error, int | float) or not 0 < error <= MOST_ERROR:
        raise ValueError(
            f"error= is the chance of a wrong verdict, above 0 and at most {MOST_ERROR:g}, got "
            f"{error!r}"
        )
    return float(error)


def _of_given(finding: Finding) -> Finding:
    """The finding on existing samples, whose origin is unknown; what a few of them do not show is
    told.
    """
    interval = finding.interval
    seen = (sampling.FAR_ONCE + 2) / np.sqrt(interval.n)
    seen = min(seen, 1)
    told = f"of {interval.n} samples a correlation of neighbours below {seen:.1g} may not show"
    note = "; ".join(filter(None, [finding.note, told * bool(seen > 0.1)]))
    interval = interval._replace(guarantee=f"{interval.guarantee}, {_GIVEN}")
    return replace(finding, interval=interval, note=note)


def _of_path(finding: Finding, law: OnePath, path: np.ndarray) -> Finding:
    """The finding on one path, whose origin is unknown, too; it tells how the path was cut."""
    batches = len(law.batches(path.astype(float)))
    told = f"one path of {len(path)} samples, in {batches} batches"
    note = "; ".join(filter(None, [finding.note, told]))
    interval = finding.interval
    interval = interval._replace(guarantee=f"{interval.guarantee}, {_GIVEN}")
    return replace(finding, interval=interval, note=note)


def _what(name: str) -> str:
    """The name of a sampled process in a refusal."""
    return f"the wrong process {name!r}" if name else "the measurement"


def _as_control(name: str, wrong: Finding, prediction: Prediction) -> Control:
    measured = wrong.interval.estimate
    mask = outside(wrong.interval, prediction)
    gap = distance(measured, prediction)
    return Control(name, measured, wrong.outcome, mask, gap, is_process=True)


def _roundings(ops: float | None) -> float:
    """Return how many roundings lie on the longest path; raise `ValueError`, with what to write, if
    nobody says.
    """
    if ops is None:
        raise ValueError(
            "say how many roundings lie on the longest path to a side, ops=: 0 for whole numbers "
            "and fractions, about "
            "10 for a formula of ten operations, n for a sum of n terms or a product of n x n "
            "matrices"
        )
    return ops


def _prediction(value: Any, margin: Any, slack: Any, side: Side, scale: Any) -> Prediction:
    """Return the prediction of a decision; raise `ValueError` for an equality without a margin, or
    a bound with one.
    """
    if side not in get_args(Side):
        raise ValueError(
            f"side must be one of {', '.join(map(repr, get_args(Side)))}, got {side!r}"
        )
    if side == "two" and margin is None:
        raise ValueError(
            "state the margin: how far from the prediction the claim still holds (margin=)"
        )
    if side != "two" and margin is not None:
        raise ValueError(
            "a one-sided claim has no margin; what the theory itself admits is its slack"
        )
    value = check_finite("prediction", value).astype(float)
    scale = _kept(scale)
    slack = _kept(slack)
    _check_scale(value, scale)
    return Prediction(value, slack if margin is None else _kept(margin), slack, side, scale)


def _order(predict: Any, margin: Any, slack: Any, side: Side) -> Prediction:
    """Return the prediction of an exponent; `side` is that of the order, its absolute value."""
    prediction = _prediction(predict, margin, slack, side, None if np.any(predict) else 1.0)
    if side == "two" or np.ndim(prediction.value) or prediction.value > 0:
        return prediction
    return replace(prediction, side="at most" if side == "at least" else "at least")


def _kept(given: Any) -> Any:
    """Return what a measurement cannot change: a copy of an array, or a list, alone or in a
    mapping.
    """
    if isinstance(given, Mapping):
        return {name: _kept(value) for name, value in given.items()}
    return np.array(given) if isinstance(given, np.ndarray | list) else given


def _proved(
    proof: prover.Proof,
    rivals: Mapping[str, prover.Proof],
    lhs: Callable[..., Any],
    rhs: Callable[..., Any],
    controls: Mapping[str, Callable[..., Any]],
    tolerance: float | None,
    domain: Mapping[str, Any],
) -> Finding:
    """Make the finding of a proof; `tolerance` is None for an identity.

    It is shown where the sides are seen nearest to each other: in the proof, or where it refuted a
    control.
    """
    seen = [proof, *(rival for rival in rivals.values() if rival.outcome == "REFUTED")]
    try:
        sides = [(float(lhs(**found.point)), float(rhs(**found.point))) for found in seen]
    except OverflowError as error:
        raise ValueError(
            "the sides of the inequality exceed floats, which the row shows: divide both by the "
            "same large number"
        ) from error
    if tolerance is None or proof.outcome != "VERIFIED":
        sides = sides[:1]
    left, right = min(sides, key=lambda pair: (pair[1] - pair[0]) / abs(pair[1] or 1.0))
    interval = Enclosure(np.asarray(left), np.asarray(left), np.asarray(left), 0.0, "proved", 1)
    interval = interval._replace(n=proof.boxes)
    where = "" if proof.where is None else ", ".join(map(_range_in_words, proof.where.items()))
    if tolerance is None:
        side: Side = "two"
        everywhere = ", ".join(f"`{name}`" for name in domain)
        how = f"{proof.boxes} coefficients that agree"
    else:
        side = "at most"
        everywhere = ", ".join(
            _range_in_words((f"`{name}`", ends)) for name, ends in domain.items()
        )
        how = f"{proof.boxes} boxes, depth {proof.depth}, {proof.bits} bits, {proof.used}"
        how += f", to {tolerance:g}" if tolerance else ""
    note = {
        "VERIFIED": f"proved for all {everywhere}: {how}",
        "REFUTED": f"false at {where}",
        "INCONCLUSIVE": f"not proved at {where}: {proof.why}",
    }[proof.outcome]
    gap = (right - left) / abs(right) if right else 0.0
    return Finding(
        proof.outcome,
        Prediction(np.asarray(right), tolerance or 0.0, 0.0, side, None),
        interval,
        tuple(
            Control(name, float(controls[name](**rival.point)), rival.outcome)
            for name, rival in rivals.items()
        ),
        note=note,
        tightness=None if side == "two" or right <= 0 else left / right,
        resolution=EXACT if side == "two" else Resolution(max(gap, 0.0), max(gap, 0.0)),
    )


def _range_in_words(ends: tuple[str, Any]) -> str:
    name, values = ends
    if isinstance(values, range | list):
        all_between = list(values) == list(range(values[0], values[-1] + 1))
        shown = [values[0], "…", values[-1]] if all_between and len(values) > 3 else values
        return f"{name} in {{{', '.join(map(str, shown))}}}"
    low, high = values
    return f"{name} = {low:g}" if low == high else f"{name} in [{low:.6g}, {high:.6g}]"


def _check_can_fail(predict: Any, side: Side) -> None:
    """Raise `ValueError` for a bound on a probability that every probability keeps."""
    if predict is None or side == "two":
        return
    bound = check_finite("prediction", predict).astype(float)
    if np.any(bound >= 1 if side == "at most" else bound <= 0):
        raise ValueError(
            f"every probability is {side} {np.ravel(bound)[0]:g}: such a claim could not fail"
        )


def _check_scale(value: np.ndarray, scale: Any) -> None:
    """Raise `ValueError` for a scale that would hide an error beside the predictions themselves."""
    if scale is None:
        return
    size = check_finite("scale", scale).astype(float)
    if np.any(size <= 0):
        raise ValueError(f"scale must be positive, got {scale}")
    largest = float(np.max(np.abs(value), initial=0.0))
    if value.size > 1 and largest and np.max(size) > evidence.MOST_SCALE * largest * (1 + 1e-9):
        raise ValueError(
            f"scale={np.max(size):.3g} is more than ten times the largest prediction beside it, "
            f"{largest:.3g}: errors where 0 is predicted would not be seen; give one of its size, "
            "or ask the zeros in a decision of their own"
        )
