"""The samples of a decision: where they come from, how it is checked that they are samples, and how
many would be enough.

A decision counts samples as independent draws from one stream of random numbers. A measurement that
does not use its stream (a forgotten key, a key of its own, a draw by NumPy that JAX traced into a
constant) gives one number again and again, and an interval around it means nothing. Such a
measurement is refused before it is judged.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import comb, log
from typing import Any

import numpy as np

from theory_on_trial.decide import places
from theory_on_trial.decide.decision import (
    ConstantSamples,
    Finding,
    Prediction,
    inside,
    outside,
)
from theory_on_trial.decide.slopes import CommonOrder
from theory_on_trial.laws import (
    Bernoulli,
    Bounded,
    BoundedMoment,
    Enclosure,
    HalfSpaceDistance,
    Law,
    NormalVariance,
    RatioOfMeans,
    RatioOfProbabilities,
    SubGamma,
    SubGaussian,
    SupDistance,
    Symmetric,
    TailDistance,
    TotalVariation,
    TwoSampleDistance,
)

Measure = Callable[[Any], Any]
"""One sample, of any shape, for one key of JAX."""
Draws = Callable[[np.random.Generator, int], Any]
"""The next n samples, shape (n, *shape), from a generator of NumPy."""
Sampler = Callable[[int], np.ndarray]
"""The next m samples, shape (m, *shape)."""

_MANY = 64
"""From so many equal samples on, chance cannot explain them."""
_PATTERN = (2, 2, 4)
"""The sizes of the first calls, which are repeated."""
_CALLS = 64
"""The size of a later call is the number of samples so far, divided by this."""
_LEAST_CALLS = 40
"""The least number of calls that tells how much calls differ; nothing is decided before."""
_PROBED = 8
"""How many samples are drawn again from another stream."""
_LARGE = 256
_SMALL = 8
"""The sizes of the large calls that a decision on small ones makes in addition, and the other way
round.
"""
_EQUAL_CALLS = 16
"""From so many calls on, chance cannot explain one common mean, or one common spread."""
_UNCOMMON = 4
"""From so many samples other than the commonest one on, chance cannot explain that all 64 coincide.
"""
_GROWN = 1.3
"""The factor by which samples grow until their dependence is checked again."""
_COPIES = 48
"""From so many expected pairs of equal numbers within a call on, chance cannot explain that there
are hardly any.
"""
_BESIDE = 30
"""Chance cannot explain so many more pairs of neighbours than expected if they are twelve standard
deviations, too.
"""
_FAR = 7.0
"""A deviation of so many standard deviations has a chance of 3e-11 for each lag and look."""
_OF_A_PATH = (
    "; make each sample by itself, or draw one long path before and give it as samples= of "
    "trial.mean with law=OnePath()"
)
_OF_TWO_PROCEDURES = (
    "; that two procedures agree on the same data is an identity: draw 30 instances or more with "
    "trial.generator() and call trial.identity(results of one, results of the other, ops=, "
    "independent=how many)"
)
FAR_ONCE = 5.0
"""The same of numbers that are asked once, all together: a chance of 4e-6 for each lag, and less
for each of several coordinates.
"""
_WIDE_WITHOUT_SPREAD = (Bounded, BoundedMoment, SubGamma, SubGaussian, Symmetric)
"""Laws whose interval holds for samples that do not vary; other laws have no interval for a
constant coordinate.
"""
_OF_EVENTS = (Bernoulli, RatioOfProbabilities)
"""Laws of events, which may all be equal."""
_OF_ONE_LAW = (HalfSpaceDistance, SupDistance, TailDistance, TotalVariation)
"""Distances of one sample's law from a known one, whose intervals need no spread either."""


def either(measure: Measure | None, sampler: Draws | None, vectorised: bool) -> Measure | Draws:
    """Return the one of the two that was given; raise `TypeError` for both or none, or a sampler
    that is vectorised.
    """
    process = measure if sampler is None else sampler
    if process is None or (measure is not None and sampler is not None):
        raise TypeError(
            "give a measurement of one key, or sampler= for draws with a generator of NumPy, and "
            "not both"
        )
    if sampler is not None and vectorised:
        raise TypeError(
            "vectorised= is for the measurement of one key; a sampler draws as many samples as it "
            "is told"
        )
    return process


def of_keys(measure: Measure, key: Any, batch: int, vectorised: bool, what: str) -> Sampler:
    """Return a function that draws the next m samples, `batch` at a time through one compiled
    program.

    `what` names the measurement in a refusal. Raises `ValueError`, before anything is compiled, for
    a measurement that does not depend on its key, that holds other constants when it is traced
    again, or that is not one array of real numbers.
    """
    import jax
    import jax.numpy as jnp

    from theory_on_trial.base.mapping import Mode, map_cells, quick_jit
    from theory_on_trial.decide.tracing import check_measurement

    mode: Mode = "vmap" if vectorised else "auto"
    # Traced once for the checks and for the program, in which it stands as if it had been written
    # there.
    program = jax.jit(lambda key: measure(key), inline=True)
    try:
        calls_back = check_measurement(program, key, what)
    except (TypeError, jax.errors.JAXTypeError) as error:
        raise ValueError(
            f"{what} cannot be traced by JAX: a measure is a function of JAX's key made of "
            "jax.numpy alone; a measure of NumPy's generator calls its argument rng; for NumPy, "
            f"PyTorch or R give sampler=, a function of (generator, n) ({type(error).__name__}: "
            f"{str(error).splitlines()[0]})"
        ) from error

    @quick_jit
    def draw(key: Any, start: Any) -> Any:
        return map_cells(
            lambda i: program(jax.random.fold_in(key, i)), start + jnp.arange(batch), mode=mode
        )

    if calls_back and not np.array_equal(np.asarray(draw(key, 0)), np.asarray(draw(key, 0))):
        raise ValueError(
            f"{what} gives other numbers for the same keys: it calls code back that draws by itself"
        )
    drawn = 0

    def sampler(m: int) -> np.ndarray:
        nonlocal drawn
        starts = range(drawn, drawn + m, batch)
        drawn += m
        return np.concatenate([np.asarray(draw(key, start), float) for start in starts])

    return sampler


class Generated:
    """Draws the next m samples of `draws` with one generator of NumPy, `stream("")`, in many calls,
    and says what is wrong with them. Whatever decides by a sampler draws with this: `draw(m)` at
    each look, and `draw.ask()` once after the last one, before the verdict counts.

    If all samples were drawn in one call, nobody could see what the samples of a call share. So
    calls are of a few samples first (of one where `first` is 1), then of a 64th of what is there,
    or of the first look: the calls' means tell how much the samples go together, and `widen` allows
    for that.

    Raises `ValueError` once the generator is not used, gives other samples when it starts again, or
    those of another stream (`stream(name)`) are the same; and as soon as samples resemble the ones
    before them, or each other. `ask` looks at what shows in the end only.

    Args:
        draws: returns the next n samples, shape (n, *shape), from (generator, n).
        stream: returns the generator of a name, always in its first state; "" is the samples' own.
        first: how many samples the first look takes; 1 where each is a call of its own.
        what: names the sampler in a refusal.
        alone: whether `draws` makes each sample by itself, so that no call has a size.

    Attributes:
        sizes: the size of each call so far.
        probes: how many samples were drawn for these checks, in addition to those that count.
    """

    def __init__(
        self,
        draws: Draws,
        stream: Callable[[str], np.random.Generator],
        first: int,
        what: str,
        alone: bool = False,
    ):
        self._draws = draws
        self._alone = alone
        self._stream = stream
        self._what = what
        self._first = first
        self._pattern = _PATTERN if first > 1 else (1,)
        self._generator = stream("")
        self._independence = Independence(what, way_out=_OF_A_PATH)
        self._waiting: list[np.ndarray] = []  # samples of which nothing was asked yet
        self._other: np.random.Generator | None = stream("/other")
        self._begun: list[tuple[np.ndarray, np.ndarray]] = []
        self._calls: list[tuple[Any, np.ndarray]] = []  # the first and the last, and their states
        self.sizes: list[int] = []
        self.probes = 0

    @property
    def least(self) -> int:
        """How many samples make enough calls for the checks; 1 if a call is one sample."""
        return 1 if self._pattern == (1,) else _LEAST_CALLS * sum(_PATTERN) // len(_PATTERN)

    def __call__(self, m: int) -> np.ndarray:
        """Return the next m samples, shape (m, *shape)."""
        drawn = sum(self.sizes)
        calls = []
        while m > 0:
            least = self._pattern[len(self.sizes) % len(self._pattern)]
            size = max(least, max(drawn, self._first) // _CALLS)
            samples = self._call(_power_of_two(min(m, size)))
            calls.append(samples)
            m -= len(samples)
            drawn += len(samples)
            self.sizes.append(len(samples))
            self._ask_other_stream(samples)
        samples = np.concatenate(calls)
        self._waiting.append(samples)
        if drawn >= _GROWN * sum(self._independence.sizes):
            self._ask_waiting()
        return samples

    def ask(self) -> None:
        """Raise `ValueError` if the samples so far are dependent, if a call that is repeated in the
        end gives other samples, or if large calls have another law than small ones. This must
        follow the last look of a decision.
        """
        if not self.sizes:
            return
        self._ask_waiting()
        self._repeat()
        if not self._alone:
            self._ask_other_sizes()

    def _ask_waiting(self) -> None:
        if self._waiting:
            samples = np.concatenate(self._waiting)
            self._independence.ask(samples, self.sizes[len(self._independence.sizes) :])
            self._waiting = []

    def _repeat(self) -> None:
        """Draw the first and the last call again, each from a generator in the state in which it
        began: what depends on nothing else gives the same.
        """
        for state, samples in self._calls:
            generator = _generator_at(self._generator, state)
            again = numbers(self._draws(generator, len(samples)), len(samples), self._what)
            self.probes += len(samples)
            if not _nearly_same(samples, again):
                raise ValueError(
                    f"{self._what} keeps a state beside its generator: a call that is repeated "
                    "from the same state of the generator gives other samples now; make all that a "
                    "call needs (an environment, a chain, a model) in that call, with its generator"
                )

    def _ask_other_sizes(self) -> None:
        """Draw some calls that are larger than those so far, or smaller, and compare all samples
        with regard to the size of their call and their place in it.
        """
        sizes = np.asarray(self.sizes)
        drawn = int(np.sum(sizes))
        # Where `first` is small a sample is dear: no more than there are.
        large = min(_LARGE, _power_of_two(max(4 * self._first, drawn // 2)))
        asked: list[int] = []
        if np.sum(sizes[sizes >= large // 2]) < 2 * large:
            asked += [large] * 2
        if np.sum(sizes[sizes <= 2 * _SMALL]) < min(16 * _SMALL, drawn):
            asked += [_SMALL] * 16
        kept, of_kept = places.first_calls(np.concatenate(self._independence.kept), self.sizes)
        generator = self._stream("/other sizes")
        new = [numbers(self._draws(generator, m), m, self._what) for m in asked]
        self.probes += sum(asked)
        rows = np.concatenate([kept, *(samples.reshape(len(samples), -1) for samples in new)])
        places.check(rows, [*of_kept, *asked], self._what)
        if new:
            self._independence.ask(np.concatenate(new), asked)

    def _call(self, m: int) -> np.ndarray:
        before = _state(self._generator)
        samples = numbers(self._draws(self._generator, m), m, self._what)
        self._calls = [*self._calls[:1], (before, samples)]
        if _same(before, _state(self._generator)):
            raise ValueError(
                f"{self._what} does not draw from the generator that it is given, so that its "
                "numbers are no samples: draw them with it, or seed with "
                "int(generator.integers(2**32)) what you draw with; what takes no seed is drawn "
                "before, and given as samples="
            )
        return samples

    def _ask_other_stream(self, samples: np.ndarray) -> None:
        """Draw the first samples again from the same generator, and as many from another one.

        Events of two streams may coincide: where eight do, more are drawn, until 64 do of which
        four are not the commonest one.
        """
        if self._other is None:
            return
        m = len(samples)
        if not self._begun:
            again = numbers(self._draws(self._stream(""), m), m, self._what)
            self.probes += m
            if not _nearly_same(samples, again):
                raise ValueError(
                    f"{self._what} gives other samples for the same generator: no seed repeats the "
                    "verdict; seed all that it draws with from that generator, as "
                    "torch.manual_seed(int(generator.integers(2**32))) does"
                )
        self._begun.append((samples, numbers(self._draws(self._other, m), m, self._what)))
        self.probes += m
        ours, others = (np.concatenate(drawn) for drawn in zip(*self._begun, strict=True))
        if len(ours) < _PROBED:
            return
        same = np.array_equal(ours, others)
        if not same or len(ours) >= _MANY:
            self._other = None
            self._independence.elsewhere = others
        rows = ours.reshape(len(ours), -1)
        if same and self._other is None and len(rows) - np.max(_counts(rows)) >= _UNCOMMON:
            raise ValueError(
                f"{self._what} gives the same {len(ours)} samples for other generators: it does "
                "not draw from them"
            )


def _power_of_two(size: int) -> int:
    """Return the largest power of two up to a size: a program that is compiled for each size of a
    call is compiled for few.
    """
    return 1 << (size.bit_length() - 1)


def _counts(rows: np.ndarray) -> np.ndarray:
    return np.unique(rows, axis=0, return_counts=True)[1]


def _state(generator: np.random.Generator) -> Any:
    """Return the state of a generator: how far it was drawn from, and how often it was spawned
    from.
    """
    seeds = getattr(generator.bit_generator, "seed_seq", None)
    return {
        "drawn": generator.bit_generator.state,
        "spawned": getattr(seeds, "n_children_spawned", 0),
    }


def _generator_at(generator: np.random.Generator, state: Any) -> np.random.Generator:
    """Return a generator of the same kind and seeds as another one, in a state that this had."""
    bits = generator.bit_generator
    seeds = getattr(bits, "seed_seq", None)
    if isinstance(seeds, np.random.SeedSequence):
        seeds = np.random.SeedSequence(
            seeds.entropy,
            spawn_key=seeds.spawn_key,
            pool_size=seeds.pool_size,
            n_children_spawned=state["spawned"],
        )
    own = type(bits)(seeds)
    own.state = state["drawn"]
    return np.random.Generator(own)


def _nearly_same(samples: np.ndarray, again: np.ndarray) -> bool:
    """Tell whether samples are the same but for the rounding of half precision, and of sums in
    single precision in another order, which may leave any number near 0.
    """
    size = np.max(np.abs(samples), axis=0)
    return again.shape == samples.shape and bool(
        np.all(np.abs(again - samples) <= 1e-3 * np.abs(samples) + 1e-6 * size)
    )


def widen(
    law: Law, batches: Sequence[np.ndarray], found: Enclosure, sizes: Sequence[int]
) -> Enclosure:
    """Widen an interval by as much as the calls of a sampler vary more than their samples do.

    Of independent samples the squared deviations of the calls' sums add up to about as much as
    those of the samples. Where calls share something (one model, one noise level, a stretch of a
    chain) they add up to F times as much, and so does the variance of the estimate: its distance
    from each end is multiplied by sqrt(max(F, 1)). The sums are of what the estimate averages: the
    samples for a mean, their squares for a variance, A - r B for a ratio, ranks for a law. Calls of
    one sample each share nothing.
    """
    if max(sizes, default=1) <= 1:
        return found
    x = np.concatenate(batches)
    starts = np.cumsum([0, *sizes])[:-1]
    unevenness = 1 - np.sum(np.square(np.asarray(sizes, float))) / len(x) ** 2
    factor = np.ones(np.shape(found.estimate))
    for scores in _scores(law, x, found):
        deviations = _deviations(scores)
        largest = np.max(np.abs(deviations), axis=0)
        deviations = deviations / np.where(largest > 0, largest, 1.0)
        squares = np.sum(np.square(deviations), axis=0)
        between = np.sum(np.square(np.add.reduceat(deviations, starts, axis=0)), axis=0)
        if np.ndim(squares) > np.ndim(factor):  # the events that make up one estimate
            squares = np.sum(squares)
            between = np.sum(between)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.nan_to_num(between / squares / max(unevenness, 1e-9), nan=1.0, posinf=1.0)
        factor = np.maximum(factor, np.sqrt(ratio))
    with np.errstate(invalid="ignore"):
        low = found.estimate - (found.estimate - found.low) * factor
        high = found.estimate + (found.high - found.estimate) * factor
    # Neither end where nothing is known, nor one that cannot be passed, is moved.
    low = np.where(np.isfinite(found.low) & np.isfinite(low), low, found.low)
    high = np.where(np.isfinite(found.high) & np.isfinite(high), high, found.high)
    return found._replace(low=low, high=high)


def _deviations(rows: np.ndarray) -> np.ndarray:
    """Return how far samples lie from their mean: 0 if all are equal, where a mean is rounded."""
    moved = np.subtract(rows, rows[0], dtype=float)  # of events too
    return np.asarray(moved - moved.mean(axis=0))


def _scores(law: Law, x: np.ndarray, found: Enclosure) -> list[np.ndarray]:
    """Return what an estimate is a mean of, nearly, for each sample; of a law of samples two
    examples.
    """
    if isinstance(law, NormalVariance):
        deviations = x - x.mean(axis=0)
        return [np.square(deviations / np.maximum(np.max(np.abs(deviations), axis=0), 1e-300))]
    if isinstance(law, CommonOrder):
        return [law.scores(x)]
    if isinstance(law, RatioOfMeans | RatioOfProbabilities):
        ratio = np.where(np.isfinite(found.estimate), found.estimate, 0.0)
        return [x[..., 0] - ratio * x[..., 1]]
    if isinstance(law, TotalVariation):
        return [(x[:, None] == np.array(sorted(law.probabilities))).astype(float)]
    if isinstance(law, HalfSpaceDistance):
        products = np.moveaxis(law.products(x), -1, 0)
        of_ranks = _of_ranks if law.routes == 1 else _of_two_ranks
        return [score for along in products for score in of_ranks(along)]
    if isinstance(law, TwoSampleDistance):
        return _of_two_ranks(x)
    if isinstance(law, SupDistance):
        return _of_ranks(x)
    if isinstance(law, Symmetric):
        return _of_ranks(x)[:1]
    if isinstance(law, TailDistance):
        ranks, _ = _of_ranks(x)
        return [ranks, np.where(np.abs(ranks) > 0.5 - law.level, np.sign(ranks), 0.0)]
    return [x]


def _of_ranks(x: np.ndarray) -> list[np.ndarray]:
    """Return ranks around 0, and how far from it, of samples: what is shared may be a scale."""
    from scipy import stats

    ranks = stats.rankdata(x, axis=0) / len(x) - 0.5
    return [ranks, np.abs(ranks)]


def _of_two_ranks(pairs: np.ndarray) -> list[np.ndarray]:
    """The same of the difference of two routes."""
    from scipy import stats

    ranks = stats.rankdata(pairs, axis=None).reshape(pairs.shape) / pairs.size - 0.5
    return [ranks[:, 0] - ranks[:, 1], np.abs(ranks[:, 0]) - np.abs(ranks[:, 1])]


class Independence:
    """Checks whether successive samples are dependent: an interval counts them as independent.

    Each sample is scored by its rank among the first ones (in [0, 1]), so that heavy tails do no
    harm, and by how far that is from 1/2: what is shared may be a place or a scale. `_lags`: for
    each lag of 1, 2, 4, … and the size of a call, the products of scores (less their mean) at that
    distance, added up over all looks and divided by the root of their squares' sum. Of independent
    samples it exceeds z with a chance of about exp(-z^2 / 2); `far` is the z at which samples are
    refused. `_between`: the calls' mean scores.
    `_copies`: numbers that occur again. Negatively dependent samples only make an interval too
    wide, unless their calls were set to one mean.
    """

    def __init__(self, what: str, far: float = _FAR, way_out: str = ""):
        self.what = what
        self.far = far
        self.way_out = way_out  # of samples that are correlated
        self.sums: dict[tuple[int, int], tuple[Any, Any]] = {}
        self.first: Any = None  # the first samples, sorted: they give the scores
        self.kept: list[np.ndarray] = []  # all samples, a row for each
        self.sizes: list[int] = []
        self.waiting = 0  # the calls before it were asked already
        self.calls: list[list[np.ndarray]] = [[], []]  # sums of each score over calls
        self.squares: list[Any] = [0.0, 0.0]
        self.elsewhere: Any = None  # a few samples of another stream
        self.digests: dict[int, Counter[bytes]] = {}
        self.compared = 0
        self.ends: list[Any] = [(np.inf, -np.inf)] * 2

    def ask(self, samples: np.ndarray, sizes: Sequence[int]) -> None:
        """Take the samples of a look, drawn in calls of those sizes; raise `ValueError` if they are
        dependent.
        """
        rows = samples.reshape(len(samples), -1)
        if self.kept and rows.shape[1] != self.kept[0].shape[1]:
            raise ValueError(
                f"{self.what} has {self.kept[0].shape[1]} coordinates first and "
                f"{rows.shape[1]} later"
            )
        self.kept.append(rows)
        self.sizes += sizes
        many = sum(map(len, self.kept))
        if self.first is None and many < _MANY:
            return
        if self.first is None:
            rows = np.concatenate(self.kept)
            self.first = np.sort(rows, axis=0)
            self.atom = np.zeros(rows.shape[1])
        self.atom = self.atom + np.sum(rows == self.first[len(self.first) // 2], axis=0)
        sizes = self.sizes[self.waiting :]
        self.waiting = len(self.sizes)
        scores = self._ranks(rows)
        for kind, score in enumerate((scores, np.abs(scores - 0.5))):
            self._between(kind, score, sizes)
            self._lags(kind, score, max(sizes))
        self._copies(sizes)

    def _ranks(self, rows: np.ndarray) -> np.ndarray:
        scores = np.empty(rows.shape)
        for score, column, first in zip(scores.T, rows.T, self.first.T, strict=True):
            order = np.argsort(column)  # neighbours are sought together: several times as fast
            score[order] = sum(
                np.searchsorted(first, column[order], side) for side in ("left", "right")
            )
        return np.asarray(scores / (2 * len(self.first)))

    def _lags(self, kind: int, scores: np.ndarray, size: int) -> None:
        """Raise `ValueError` if scores are correlated at some lag."""
        scores = scores - scores.mean(axis=0)
        scores[np.abs(scores) < 1e-12] = 0.0  # the rounding of a mean of equal numbers
        for lag in {*(2**k for k in range((len(scores) // 2).bit_length())), size}:
            if not 0 < lag <= len(scores) // 2:
                continue
            products = scores[lag:] * scores[:-lag]
            total, squares = self.sums.get((kind, lag), (0.0, 0.0))
            total = total + products.sum(axis=0)
            squares = squares + np.square(products).sum(axis=0)
            self.sums[kind, lag] = total, squares
            far = np.sqrt(self.far**2 + 2 * np.log(np.size(total)))
            if np.any(total > far * np.sqrt(squares)):
                raise ValueError(
                    f"{self.what}: its samples are correlated at a lag of {lag}, so that they are "
                    f"not independent{self.way_out}"
                )

    def _between(self, kind: int, scores: np.ndarray, sizes: Sequence[int]) -> None:
        """Raise `ValueError` if calls share something.

        Of independent samples the calls' mean scores, each z standard deviations off, give a sum of
        z^2 over G calls with E exp(t sum / 2) <= (1 - t)^(-(G - 1) / 2), since a score is
        sub-Gaussian; asked at 1e-9, shared among the coordinates.
        """
        starts = np.cumsum([0, *sizes])[:-1]
        self.calls[kind].append(np.add.reduceat(scores, starts, axis=0))
        self.squares[kind] = self.squares[kind] + np.square(scores).sum(axis=0)
        sums = np.concatenate(self.calls[kind])
        many = np.asarray(self.sizes, float)[:, None]
        n = many.sum()
        mean = sums.sum(axis=0) / n
        freedom = len(sums) - 1
        self.ends[kind] = (
            np.minimum(self.ends[kind][0], scores.min(axis=0)),
            np.maximum(self.ends[kind][1], scores.max(axis=0)),
        )
        # Without an atom of half the chance the variance itself serves.
        variance = self.squares[kind] / n - mean**2
        spread = np.where(self.atom <= n / 2, variance, _proxy(mean, *self.ends[kind]))
        between = np.sum((sums - many * mean) ** 2 / many, axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.nan_to_num(between / spread / max(freedom, 1), nan=0.0)
            evidence = freedom / 2 * (ratio - 1 - np.log(np.maximum(ratio, 1)))
        if np.max(np.where(ratio > 1, evidence, 0)) > np.log(1e9 * ratio.size):
            what = "scales" if kind else "means"
            raise ValueError(
                f"{self.what}: the samples of one call share something, because their {what} "
                "differ from call to call by more than those of independent samples; if a call "
                "fits one model, for example, it is one draw: fit a model for each sample"
            )

    def _copies(self, sizes: Sequence[int]) -> None:
        """Raise `ValueError` for calls that hold the same numbers, or are set to one mean."""
        rows = np.concatenate(self.kept)
        self._set_to_one(rows)
        marks = np.sum(rows * np.sqrt(1.0 + np.arange(rows.shape[1])), axis=1)
        self._alike(marks[len(marks) - sum(sizes) :], sizes)
        if len(marks) < 1.4 * self.compared:  # all of them are sorted: not at every look
            return
        self.compared = len(marks)
        self._again(marks)
        self._beside(marks)
        # Of equal pairs as large a part lies within a call as of all pairs.
        _, which, counts = np.unique(marks, return_inverse=True, return_counts=True)
        n = len(marks)
        share = sum(m * (m - 1.0) for m in self.sizes) / (n * (n - 1.0))
        expected = share * np.sum(counts * (counts - 1.0)) / 2
        if expected < _COPIES:
            return
        call = np.repeat(np.arange(len(self.sizes)), self.sizes)
        _, counts_within = np.unique(which * len(self.sizes) + call, return_counts=True)
        within = np.sum(counts_within * (counts_within - 1.0)) / 2
        if within < expected / 8:
            raise ValueError(
                f"{self.what} repeats numbers of earlier calls, but hardly any within one call: "
                "they are copies"
            )

    def _again(self, marks: np.ndarray) -> None:
        """Raise `ValueError` if its samples lie nearer to its own earlier ones than the few of
        another stream do: of independent ones that all of eight lie further than 19 in 20 has a
        chance of 3e-11.
        """
        if self.elsewhere is None or len(marks) < _MANY:
            return
        others = self.elsewhere.reshape(len(self.elsewhere), -1)
        others = np.sum(others * np.sqrt(1.0 + np.arange(others.shape[1])), axis=1)
        half = len(marks) // 2
        known = np.sort(marks[:half])
        if np.min(_distances(others, known)) > np.quantile(_distances(marks[half:], known), 0.95):
            raise ValueError(
                f"{self.what} repeats its own samples, up to their order and a little noise: "
                "they are copies"
            )

    def _beside(self, marks: np.ndarray) -> None:
        """Raise `ValueError` if calls repeat earlier ones, up to their order and a little noise.

        Of independent samples in order of size, the calls that they are of stand in random order.
        Two calls of a and b among n samples then are neighbours 2 a b / n times on average. Where
        one repeats the other they are so about a + b times. What is counted are pairs of
        neighbours that are of the same two calls.
        """
        _, first, counts = np.unique(marks, return_index=True, return_counts=True)
        # Equal numbers have no order; they are asked elsewhere.
        call = np.repeat(np.arange(len(self.sizes)), self.sizes)[first[counts == 1]]
        n = len(call)
        if n < _MANY:
            return
        one = np.minimum(call[1:], call[:-1])
        other = np.maximum(call[1:], call[:-1])
        beside = np.unique((one * len(self.sizes) + other)[one < other], return_counts=True)[1]
        pairs = np.sum(beside * (beside - 1.0)) / 2
        sizes = np.bincount(call).astype(float)
        own = sizes * (sizes - 1)
        expected = (np.sum(own) ** 2 - np.sum(own**2) + np.sum(own * (n - sizes))) / n**2
        # Of a Poisson number b of mean m, b (b - 1) / 2 has the variance m^3 + m^2 / 2.
        spread = sum(
            weight * (2 / n) ** power * (np.sum(sizes**power) ** 2 - np.sum(sizes ** (2 * power)))
            for power, weight in ((3, 0.5), (2, 0.25))
        )
        if pairs > expected + 12 * np.sqrt(spread) + _BESIDE:
            raise ValueError(
                f"{self.what} repeats the samples of earlier calls, up to their order and a "
                "little noise: they are copies"
            )

    def _set_to_one(self, rows: np.ndarray) -> None:
        """Raise `ValueError` if all calls have the same mean, or the same spread, which samples
        have.
        """
        sizes = np.asarray(self.sizes)
        starts = np.cumsum([0, *self.sizes])[:-1]
        deviations = _deviations(rows)
        largest = np.max(np.abs(deviations), axis=0)
        deviations = deviations / np.where(largest > 0, largest, 1.0)
        varied = largest > 0
        many = sizes[:, None]
        means = np.add.reduceat(deviations, starts, axis=0) / many
        squares = np.add.reduceat(np.square(deviations), starts, axis=0) / many - means**2
        spreads = np.sqrt(np.maximum(squares, 0))[sizes >= 2]
        equal = np.max(spreads, axis=0, initial=0.0) <= 1e-9
        if len(spreads) >= _EQUAL_CALLS and np.any(equal & varied):
            raise ValueError(
                f"{self.what} gives equal samples within each call, and other ones each time: they "
                "are one sample; a model that is fitted once a call must be fitted once a sample"
            )
        for statistic, least in ((means, 2), (np.sqrt(np.maximum(squares, 0)), 4)):
            asked = statistic[sizes >= least]
            if len(asked) < _EQUAL_CALLS:
                continue
            alike = np.ptp(asked, axis=0) <= 1e-9
            if least > 2:  # none at all is common among rare events
                alike = alike & (np.min(asked, axis=0) > 0)
            if np.any(alike & varied):
                what = "mean" if least == 2 else "standard deviation"
                raise ValueError(
                    f"{self.what}: all its calls have the same {what}, as if each call were "
                    "standardised by its own; such samples are not independent"
                )

    def _alike(self, marks: np.ndarray, sizes: Sequence[int]) -> None:
        """Raise `ValueError` if calls of one size hold the same numbers more often than any law
        lets them.

        c of G calls of m hold the same numbers k_i times each: one other call does with a chance of
        q = m! prod (k_i / m)^k_i / k_i! at most, whatever the law, c - 1 others of some call with
        G binom(G - 1, c - 1) q^(c - 1).
        """
        from scipy.special import gammaln, xlogy

        start = 0
        for m in sizes:
            new, counts = np.unique(marks[start : start + m], return_counts=True)
            start += m
            seen = self.digests.setdefault(m, Counter())
            digest = new.tobytes() + counts.tobytes()
            seen[digest] += 1
            same = seen[digest] - 1
            if m == 1 or not same:
                continue
            calls = seen.total()
            chance = gammaln(m + 1) + np.sum(xlogy(counts, counts / m) - gammaln(counts + 1))
            if log(calls * comb(calls - 1, same)) + same * chance < log(1e-9):
                raise ValueError(
                    f"{self.what} gives the same {m} samples in {same + 1} of {calls} calls: they "
                    "are copies"
                )


def _distances(numbers: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return how far each number lies from the nearest of the known ones, which are sorted."""
    at = np.clip(np.searchsorted(known, numbers), 1, max(len(known) - 1, 1))
    return np.asarray(
        np.minimum(np.abs(numbers - known[at - 1]), np.abs(numbers - known[at % len(known)]))
    )


def _proxy(mean: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The variance of which a number between two others, with this mean, is sub-Gaussian (Kearns
    and Saul 1998).
    """
    share = np.clip((mean - low) / np.maximum(high - low, 1e-300), 1e-12, 1 - 1e-12)
    share = np.where(np.abs(share - 0.5) < 1e-6, 0.5 - 1e-6, share)
    return np.asarray((high - low) ** 2 * (1 - 2 * share) / (2 * np.log((1 - share) / share)))


class Varied:
    """The samples of a sampler, which must vary. Events may all be equal. Under a law whose
    interval does not rest on the samples' spread, some coordinates may, too, if the prediction is
    the number that they equal (the distance of something from itself) and others vary. Under such a
    law a sampler that is stuck at a number beyond the margin is judged, too: it is REFUTED. One
    that is stuck within the margin is refused. It would be VERIFIED, though nothing shows that its
    numbers are drawn.

    Args:
        sampler: draws the next m samples, shape (m, *shape).
        law: the law of the samples.
        prediction: what is claimed; None of a wrong process, which must vary.
        what: names the sampler in a refusal.
    """

    def __init__(self, sampler: Sampler, law: Law, prediction: Prediction | None, what: str):
        self._sampler = sampler
        self._law = law
        self._prediction = prediction
        self._what = what
        self._first: np.ndarray | None = None
        self._vary = np.asarray(False)
        self._seen = 0

    def __call__(self, m: int) -> np.ndarray:
        """Return the next m samples; raise `ValueError` once 64 of a coordinate are all equal and
        may not be.
        """
        samples = numbers(self._sampler(m), m, self._what)
        if self._first is None:
            self._first = samples[0]
        if samples.shape[1:] != self._first.shape:
            raise ValueError(
                f"{self._what} has shape {self._first.shape} first and {samples.shape[1:]} later"
            )
        self._seen += m
        self._vary = self._vary | np.any(samples != self._first, axis=0)
        if self._seen >= _MANY and not isinstance(self._law, _OF_EVENTS):
            self._refuse(self._first, self._unexplained(self._first))
        return samples

    def told(self, finding: Finding) -> Finding:
        """Return the finding, which says so where the samples of a coordinate are all equal."""
        if self._first is None or self._seen < _MANY or np.all(self._vary):
            return finding
        if isinstance(self._law, _OF_EVENTS):
            shown = (
                f"all {self._seen} events are equal: nothing shows that they depend on the random "
                "numbers"
            )
        elif np.any(unexplained := self._unexplained(self._first)):
            shown = _all_equal(self._first, unexplained, self._seen)
        else:
            return finding
        return replace(finding, constant=shown)

    def _unexplained(self, first: np.ndarray) -> np.ndarray:
        """Tell which coordinates are equal in all samples, and why is not known."""
        vary = self._vary
        if isinstance(self._law, RatioOfMeans):  # one of the two may be known
            vary = vary | np.any(vary, axis=-1, keepdims=True)
        if isinstance(self._law, HalfSpaceDistance):  # an entry may be a constant
            entries = tuple(range(self._law.routes - 1, vary.ndim))
            vary = vary | np.any(vary, axis=entries, keepdims=True)
        known = np.zeros(first.shape, bool)
        spread = not isinstance(self._law, _WIDE_WITHOUT_SPREAD)
        if self._prediction is not None and np.any(vary) and not spread:
            predicted = np.asarray(self._prediction.value, float)
            if predicted.shape == first.shape:
                known = np.isclose(first, predicted, rtol=1e-12, atol=0)
        return np.asarray(~(vary | known))

    def _refuse(self, first: np.ndarray, unexplained: np.ndarray) -> None:
        if not np.any(unexplained) or np.any(unexplained & self._beyond(first)):
            return
        equal = _all_equal(first, unexplained, self._seen)
        none = _OF_TWO_PROCEDURES if not np.any(first[unexplained]) else ""
        raise ConstantSamples(f"{equal}: a constant is no process ({self._what} drew them){none}")

    def _beyond(self, first: np.ndarray) -> np.ndarray:
        """Tell which coordinates are refuted if they stay as they are."""
        nowhere = np.zeros(first.shape, bool)
        if self._prediction is None or np.shape(self._prediction.value) not in ((), first.shape):
            return nowhere
        if isinstance(self._law, _OF_ONE_LAW):
            equal = np.repeat(first[None], _MANY, axis=0)
            found = self._law.interval([equal], 1.0, np.asarray(1.0)).estimate
        elif isinstance(self._law, _WIDE_WITHOUT_SPREAD) and not isinstance(self._law, Symmetric):
            found = first
        else:  # the centre of equal samples has no interval
            return nowhere
        return outside(Enclosure(found, found, found, 0.0, "", 1), self._prediction)


def _all_equal(first: np.ndarray, which: np.ndarray, seen: int) -> str:
    at = [int(i) for i in np.argwhere(which)[0]]
    where = f" of coordinate {at}" if at else ""
    return f"all {seen} samples{where} are equal, {first[tuple(at)]:.6g}"


def numbers(samples: Any, m: int, what: str = "the measurement") -> np.ndarray:
    """Return `m` samples as float64; raise `ValueError` for anything but finite real numbers, or
    another many.
    """
    if np.ma.is_masked(samples):
        raise ValueError(f"samples must not have masked entries: leave those samples out ({what})")
    array = np.asarray(samples)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"samples must be real numbers, got {array.dtype} ({what})")
    if array.shape[:1] != (m,):
        raise ValueError(
            f"{m} samples must lie along the first axis, got an array of shape {array.shape} "
            f"({what})"
        )
    if array.size == 0:
        raise ValueError(
            f"a sample must have a coordinate, got an array of shape {array.shape} ({what})"
        )
    array = array.astype(float)
    finite = np.isfinite(array)
    if not finite.all():
        index, *coordinate = (int(i) for i in np.argwhere(~finite)[0])
        first = f"first {array[~finite][0]} in sample {index}" + (
            f", coordinate {coordinate}" if coordinate else ""
        )
        raise ValueError(
            f"{np.sum(~finite)} of {array.size} sampled values are not finite, {first} ({what})"
        )
    return array


def wanting(interval: Enclosure, prediction: Prediction, *, wrong: bool = False) -> str:
    """Say why an interval of samples decides nothing: the coordinate that is furthest from a
    decision, and how many samples would decide.

    The end between the estimate and the nearer border of the margin has to clear that, and its
    distance from the estimate goes like 1 / sqrt(n). All coordinates of a prediction have to be
    decided; of a `wrong` one, the nearest is enough, and its border is the slack.
    """
    reach = prediction.slack if wrong else prediction.margin
    parts = (interval.estimate, interval.low, interval.high, prediction.value, reach)
    estimate, low, high, value, reach = np.broadcast_arrays(
        *(np.asarray(part, float) for part in parts)
    )
    if prediction.side == "two":
        sign = np.where(estimate >= value, 1, -1)
    else:
        sign = np.full(value.shape, -1 if prediction.side == "at least" else 1)
    beyond = sign * (estimate - value) - reach
    have = np.where((beyond > 0) == (sign > 0), estimate - low, high - estimate)
    need = np.abs(beyond)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = np.nan_to_num(have / need, nan=np.inf, posinf=np.inf)
        far = (
            np.argmin(ratio)
            if wrong
            else np.argmax(np.where(inside(interval, prediction), 0.0, ratio))
        )
        index = np.unravel_index(int(far), ratio.shape)
        samples = interval.n * float(ratio[index]) ** 2
    where = f" of coordinate [{', '.join(map(str, index))}]" if index else ""
    intro = f"after {interval.n} samples the interval{where}"
    if not np.isfinite(have[index]):
        return (
            f"{intro} is unbounded still: these are too few for the law (the heavier the tails, "
            "the more it needs), or do not vary"
        )
    if not samples < 1e15:
        return f"{intro} lies on the bound"
    about = f"about {float(f'{samples:.2g}'):.0f} samples would decide (most= of the decision)"
    return f"{intro} reaches {have[index]:.2g} to a border {need[index]:.2g} away; {about}"


def _same(one: Any, other: Any) -> bool:
    """Tell whether two states of a generator are the same; some hold arrays."""
    if isinstance(one, dict):
        return all(_same(one[name], other[name]) for name in one)
    return bool(np.array_equal(one, other))
