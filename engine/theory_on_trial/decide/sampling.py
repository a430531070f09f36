"""Where the samples of a decision come from, what makes sure that they are samples, and how many
would be enough.

A decision counts samples as independent draws from one stream of random numbers. A measurement that
does not use its stream (a forgotten key, a key of its own, a draw by NumPy that JAX traced into a
constant) gives one number again and again, and an interval around it that means nothing: it is
refused before it is judged.
"""

from collections import Counter
from collections.abc import Callable
from math import comb, log
from typing import Any

import numpy as np

from theory_on_trial.decide.decision import Prediction, inside
from theory_on_trial.laws import (
    Bernoulli,
    Bounded,
    Enclosure,
    Law,
    RatioOfMeans,
    SubGaussian,
    Symmetric,
)

Measure = Callable[[Any], Any]
"""One sample, of any shape, for one key of JAX."""
Draws = Callable[[np.random.Generator, int], Any]
"""The next n samples, shape (n, *shape), from a generator of NumPy."""
Sampler = Callable[[int], np.ndarray]
"""The next m samples, shape (m, *shape)."""

_MANY = 64
"""So many equal samples are no chance."""
_OTHERS = 11
_CALLS = 16
"""How many other streams are compared with a first call that is small, and in how many calls a look
is drawn.
"""
_COPIES = 48
"""So many numbers in two calls, and hardly any twice in one, are no chance."""
_FAR = 7.0
"""So many standard deviations are no chance: 3e-11 for each lag and look."""
_WIDE_WITHOUT_SPREAD = (Bounded, SubGaussian, Symmetric)
"""Laws whose interval does not need samples that vary; the others know nothing of a constant
coordinate.
"""


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
            "jax.numpy alone; for NumPy, "
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
            f"{what} gives other numbers for the same keys: what it calls back draws by itself"
        )
    drawn = 0

    def sampler(m: int) -> np.ndarray:
        nonlocal drawn
        starts = range(drawn, drawn + m, batch)
        drawn += m
        return np.concatenate([np.asarray(draw(key, start), float) for start in starts])

    return sampler


def of_generator(
    draws: Draws, stream: Callable[[str], np.random.Generator], batch: int, what: str
) -> Sampler:
    """Return a function that draws the next m samples with one generator of NumPy, `stream("")`.

    A look is drawn in up to sixteen calls, each of a multiple of `batch`, so that what the samples
    of a call share is seen. Raises `ValueError` at the first call if the generator was not used, if
    it gives other samples when it starts again, or if those of other streams (`stream(name)`) are
    the same; at any call once its samples resemble the ones before them, or each other.
    """
    generator = stream("")
    independence = Independence(what)

    def call(m: int) -> np.ndarray:
        before = generator.bit_generator.state
        samples = numbers(draws(generator, m), m, what)
        if _same(before, generator.bit_generator.state):
            raise ValueError(
                f"{what} does not draw from the generator that it is given, so that its numbers "
                "are no samples: draw "
                "them with it, or seed with generator.integers(2**62) what you draw with"
            )
        if not independence.calls:
            if not np.allclose(numbers(draws(stream(""), m), m, what), samples, rtol=1e-3):
                raise ValueError(
                    f"{what} gives other samples for the same generator: no seed repeats the "
                    "verdict; seed all that it "
                    "draws with from that generator, as "
                    "torch.manual_seed(generator.integers(2**62)) does"
                )
            probes = [
                numbers(draws(stream(f"/other {k}"), m), m, what)
                for k in range(_OTHERS if m <= 256 else 5)
            ]
            # Rare events may coincide in two streams, but not in so many.
            if np.any(samples != samples[0]):
                if all(np.array_equal(samples, other) for other in probes):
                    raise ValueError(
                        f"{what} gives the same {m} samples for other generators: it does not "
                        "draw from them"
                    )
            elif any(
                np.all(other == other[0]) and np.any(other[0] != samples[0]) for other in probes
            ):
                raise ValueError(
                    f"{what} gives {m} equal samples, and other ones each time: they are one "
                    "sample; a model that is "
                    "fitted once a call must be fitted once a sample"
                )
            for other in probes:
                independence.compare(other)
        independence.compare(samples)
        return samples

    def sampler(m: int) -> np.ndarray:
        most = batch * -(-m // (batch * _CALLS))
        samples = np.concatenate([call(min(most, m - start)) for start in range(0, m, most)])
        independence.ask(samples)
        return samples

    return sampler


class Independence:
    """Asks whether samples that were drawn one after the other go together: an interval counts them
    as independent.

    Within a call: for each lag of 1, 2, 4, …, the products of ranks (less their mean) at that
    distance, added up over all looks and divided by the root of their squares' sum, which holds for
    rare events and heavy tails too. Of independent samples it exceeds z with a chance of about
    exp(-z^2 / 2). Lag 0 is the same place in the call before. Between calls: `compare`. Samples
    that repel each other make an interval too wide only.
    """

    def __init__(self, what: str):
        self.what = what
        self.sums: dict[int, tuple[Any, Any]] = {}
        self.before = np.empty((0, 1))
        self.first: Any = (
            None  # the samples of the first call, sorted along the first axis: they give the scores
        )
        self.calls: list[
            tuple[int, np.ndarray, np.ndarray]
        ] = []  # how many samples, sums of scores and their squares
        self.seen = np.empty(0)
        self.ties = 0  # the numbers of all calls, how many were twice in one
        self.sizes, self.alike = (
            Counter[int](),
            Counter[int](),
        )  # how many calls have a size, how many the same numbers

    def ask(self, samples: np.ndarray) -> None:
        """Take the samples of a look; raises `ValueError` if there is a lag at which they go
        together.
        """
        from scipy import stats

        ranks = stats.rankdata(samples, axis=0) - (len(samples) + 1) / 2
        for lag in (2**k for k in range((len(ranks) // 2).bit_length())):
            self._together(lag, ranks[lag:], ranks[:-lag])

    def _together(self, lag: int, ones: np.ndarray, others: np.ndarray) -> None:
        """Raise `ValueError` if scores go together that lie apart by a lag, or by a call where that
        is 0.
        """
        products = ones * others
        total, squares = self.sums.get(lag, (0.0, 0.0))
        total = total + products.sum(axis=0)
        squares = squares + np.square(products).sum(axis=0)
        self.sums[lag] = total, squares
        if np.any(total > _FAR * np.sqrt(squares)):
            where = f"at a lag of {lag}" if lag else "with those of the call before"
            raise ValueError(
                f"{self.what}: its samples go together {where}, they are not independent"
            )

    def compare(self, samples: np.ndarray) -> None:
        """Take the samples of a call, of whichever stream; raises `ValueError` if the calls share
        something.

        Each sample is scored by its rank in the first call, so that heavy tails do no harm. Of
        independent samples the calls' mean scores, each z standard deviations off, give a sum of
        z^2 over G calls with E exp(t sum / 2) <= (1 - t)^(-(G - 1) / 2), since a score is
        sub-Gaussian; asked at 1e-9, shared among the coordinates. Of pairs of equal numbers half or
        more would lie within the call or among those before it; where 48 join the two and hardly
        any does not, they are copies. So they are if c of G calls of m hold the same numbers k_i
        times each: one other call does with a chance of q = m! prod (k_i / m)^k_i / k_i! at most,
        whatever the law, c - 1 others of some call with G binom(G - 1, c - 1) q^(c - 1).
        """
        rows = samples.reshape(len(samples), -1)
        if self.first is not None and rows.shape[1] != self.first.shape[1]:
            raise ValueError(
                f"{self.what} has {self.first.shape[1]} coordinates first and {rows.shape[1]} later"
            )
        self._refuse_copies(rows)
        if self.first is None:
            self.first = np.sort(rows, axis=0)
            self.ends, self.atom = (
                (np.ones(rows.shape[1]), np.zeros(rows.shape[1])),
                np.zeros(rows.shape[1]),
            )
        self.atom += np.sum(rows == self.first[len(self.first) // 2], axis=0)
        scores = np.empty(rows.shape)
        for score, column, first in zip(scores.T, rows.T, self.first.T, strict=True):
            order = np.argsort(column)  # neighbours are sought together: several times as fast
            score[order] = sum(
                np.searchsorted(first, column[order], side) for side in ("left", "right")
            )
        scores /= 2 * len(self.first)
        deviations = scores - scores.mean(axis=0)
        least = min(len(deviations), len(self.before))
        self._together(0, deviations[:least], self.before[:least])
        self.before = deviations
        self.calls.append((len(rows), scores.sum(axis=0), np.square(scores).sum(axis=0)))
        many, sums, squares = (np.array(part) for part in zip(*self.calls, strict=True))
        n = many.sum()
        mean = sums.sum(axis=0) / many.sum()
        freedom = len(many) - 1
        self.ends = (
            np.minimum(self.ends[0], scores.min(axis=0)),
            np.maximum(self.ends[1], scores.max(axis=0)),
        )
        # Without an atom of half the chance the variance itself serves.
        spread = np.where(
            self.atom <= n / 2, squares.sum(axis=0) / n - mean**2, _proxy(mean, *self.ends)
        )
        between = np.sum((sums - many[:, None] * mean) ** 2 / many[:, None], axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.nan_to_num(between / spread / max(freedom, 1), nan=0.0)
            evidence = freedom / 2 * (ratio - 1 - np.log(np.maximum(ratio, 1)))
        if np.max(np.where(ratio > 1, evidence, 0)) > np.log(1e9 * ratio.size):
            raise ValueError(
                f"{self.what}: the samples of one call share something, their means differ from "
                "call to call by more "
                "than independent ones do; where a call fits one model, say, that is one draw: "
                "fit one for each sample"
            )

    def _refuse_copies(self, rows: np.ndarray) -> None:
        """Raise `ValueError` for calls that hold the same numbers."""
        from scipy.special import gammaln, xlogy

        marks = np.sum(rows * np.sqrt(1.0 + np.arange(rows.shape[1])), axis=1)
        new, counts = np.unique(marks, return_counts=True)
        again = int(np.sum(np.isin(new, self.seen, assume_unique=True)))
        self.ties += int(np.sum(counts > 1))
        if again >= _COPIES and self.ties < again / 8:
            raise ValueError(
                f"{self.what} gives {again} samples of an earlier call again: they are copies"
            )
        self.ties += again
        self.seen = np.union1d(self.seen, new)
        m = len(rows)
        digest = hash((new.tobytes(), counts.tobytes()))
        self.sizes[m] += 1
        self.alike[digest] += 1
        calls = self.sizes[m]
        same = self.alike[digest] - 1
        chance = gammaln(m + 1) + np.sum(xlogy(counts, counts / m) - gammaln(counts + 1))
        if log(calls * comb(calls - 1, same)) + same * chance < log(1e-9):
            raise ValueError(
                f"{self.what} gives the same {m} samples in {same + 1} of {calls} calls: they are "
                "copies"
            )


def _proxy(mean: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The variance of which a number between two others, with this mean, is sub-Gaussian (Kearns
    and Saul 1998).
    """
    share = np.clip((mean - low) / np.maximum(high - low, 1e-300), 1e-12, 1 - 1e-12)
    share = np.where(np.abs(share - 0.5) < 1e-6, 0.5 - 1e-6, share)
    return np.asarray((high - low) ** 2 * (1 - 2 * share) / (2 * np.log((1 - share) / share)))


def varied(sampler: Sampler, law: Law, predicted: Any, what: str) -> Sampler:
    """Return the sampler, which raises `ValueError` once 64 samples of a coordinate are all equal.

    Events may be. So may, under a law whose interval does not rest on the samples' spread, some
    coordinates of which the prediction says that very number (the distance of something from
    itself), as long as others vary.
    """
    if isinstance(law, Bernoulli):
        return sampler
    first: list[np.ndarray] = []
    seen = 0
    vary = np.asarray(False)

    def checked(m: int) -> np.ndarray:
        nonlocal seen, vary
        samples = numbers(sampler(m), m, what)
        first[:] = first or [samples[0]]
        if samples.shape[1:] != first[0].shape:
            raise ValueError(
                f"{what} has shape {first[0].shape} first and {samples.shape[1:]} later"
            )
        seen = seen + m
        vary = vary | np.any(samples != first[0], axis=0)
        if seen >= _MANY and not np.all(vary):
            _refuse_constants(first[0], vary, law, np.asarray(predicted, float), seen, what)
        return samples

    return checked


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
    """Say why an interval of samples decides nothing: which coordinate is furthest from it, how
    many samples would do.

    An interval no wider than margin - slack always decides, and its width goes like 1 / sqrt(n);
    where the two are equal (a one-sided claim) the end between the estimate and the bound has to
    clear it. All coordinates of a prediction have to be decided; of a `wrong` one, the nearest is
    enough.
    """
    parts = (
        interval.estimate,
        interval.low,
        interval.high,
        prediction.value,
        prediction.margin,
        prediction.slack,
    )
    estimate, low, high, value, margin, slack = np.broadcast_arrays(
        *(np.asarray(part, float) for part in parts)
    )
    sign = -1 if prediction.side == "at least" else 1
    beyond = sign * (estimate - value) - slack
    half = np.where((beyond > 0) == (sign > 0), estimate - low, high - estimate)
    have, need = np.where(margin > slack, (high - low, margin - slack), (half, np.abs(beyond)))
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
    if margin[index] > slack[index]:
        return (
            f"{intro} is {have[index]:.2g} wide and margin - slack {need[index]:.2g}; at most "
            f"{about}"
        )
    return f"{intro} reaches {have[index]:.2g} to a bound {need[index]:.2g} away; {about}"


def _refuse_constants(
    first: np.ndarray, vary: np.ndarray, law: Law, predicted: np.ndarray, n: int, what: str
) -> None:
    if isinstance(law, RatioOfMeans):  # one of the two may be known
        vary = vary | np.any(vary, axis=-1, keepdims=True)
    constant = np.zeros(first.shape, bool)
    if np.any(vary) and isinstance(law, _WIDE_WITHOUT_SPREAD) and predicted.shape == first.shape:
        constant = np.isclose(first, predicted, rtol=1e-12, atol=0)
    if np.all(vary | constant):
        return
    at = [int(i) for i in np.argwhere(~(vary | constant))[0]]
    where = f" of coordinate {at}" if at else ""
    raise ValueError(
        f"all {n} samples{where} are equal, {first[tuple(at)]:.6g}: a constant is no process "
        f"({what} drew them)"
    )


def _same(one: Any, other: Any) -> bool:
    """Tell whether two states of a generator are the same; some hold arrays."""
    if isinstance(one, dict):
        return all(_same(one[name], other[name]) for name in one)
    return bool(np.array_equal(one, other))
