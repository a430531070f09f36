"""Where the samples of a decision come from, what makes sure that they are samples, and how many would be enough.

A decision counts samples as independent draws from one stream of random numbers. A measurement that does not use its
stream (a forgotten key, a key of its own, a draw by NumPy that JAX traced into a constant) gives one number again and
again, and an interval around it that means nothing: it is refused before it is judged.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from theory_on_trial.decide.decision import Prediction
from theory_on_trial.laws import Bernoulli, Bounded, Enclosure, Law, RatioOfMeans, SubGaussian, Symmetric

Measure = Callable[[Any], Any]
"""One sample, of any shape, for one key of JAX."""
Draws = Callable[[np.random.Generator, int], Any]
"""The next n samples, shape (n, *shape), from a generator of NumPy."""
Sampler = Callable[[int], np.ndarray]
"""The next m samples, shape (m, *shape)."""

_MANY = 64
"""So many equal samples are no chance."""
_FAR = 7.0
"""So many standard deviations are no chance: 3e-11 for each lag and look."""
_WIDE_WITHOUT_SPREAD = (Bounded, SubGaussian, Symmetric)
"""Laws whose interval does not need samples that vary; the others know nothing of a constant coordinate."""


def either(measure: Measure | None, sampler: Draws | None, vectorised: bool) -> Measure | Draws:
    """Return the one of the two that was given; raise `TypeError` for both or none, or a sampler that is vectorised."""
    process = measure if sampler is None else sampler
    if process is None or (measure is not None and sampler is not None):
        raise TypeError("give a measurement of one key, or sampler= for draws with a generator of NumPy, and not both")
    if sampler is not None and vectorised:
        raise TypeError("vectorised= is for the measurement of one key; a sampler draws as many samples as it is told")
    return process


def of_keys(measure: Measure, key: Any, batch: int, vectorised: bool, what: str) -> Sampler:
    """Return a function that draws the next m samples, `batch` at a time through one compiled program.

    `what` names the measurement in a refusal. Raises `ValueError`, before anything is compiled, for a measurement that
    does not depend on its key, that holds other constants when it is traced again, or that is not one array of real
    numbers.
    """
    import jax
    import jax.numpy as jnp

    from theory_on_trial.base.mapping import Mode, map_cells, quick_jit
    from theory_on_trial.decide.tracing import check_measurement

    mode: Mode = "vmap" if vectorised else "auto"
    # Traced once for the checks and for the program, in which it stands as if it had been written there.
    one = jax.jit(lambda key: measure(key), inline=True)
    try:
        check_measurement(one, key, what)
    except (TypeError, jax.errors.JAXTypeError) as error:
        raise ValueError(
            f"{what} cannot be traced by JAX: a measure is a function of JAX's key made of jax.numpy alone; for NumPy, "
            f"PyTorch or R give sampler=, a function of (generator, n) ({type(error).__name__}: "
            f"{str(error).splitlines()[0]})"
        ) from error

    @quick_jit
    def draw(key: Any, start: Any) -> Any:
        return map_cells(lambda i: one(jax.random.fold_in(key, i)), start + jnp.arange(batch), mode=mode)

    drawn = 0

    def sampler(m: int) -> np.ndarray:
        nonlocal drawn
        starts = range(drawn, drawn + m, batch)
        drawn += m
        return np.concatenate([np.asarray(draw(key, start), float) for start in starts])

    return sampler


def of_generator(draws: Draws, stream: Callable[[str], np.random.Generator], what: str) -> Sampler:
    """Return a function that draws the next m samples with one generator of NumPy, `stream("")`.

    Raises `ValueError` in the first look if the generator was not used, or if the samples of other streams
    (`stream(name)`) are the same; in any look once the samples resemble the ones before them.
    """
    generator = stream("")
    looks, independence = 0, _Independence(what)

    def sampler(m: int) -> np.ndarray:
        nonlocal looks
        before = generator.bit_generator.state
        samples = numbers(draws(generator, m), m, what)
        if _same(before, generator.bit_generator.state):
            raise ValueError(f"{what} does not draw from the generator that it is given: its samples are none")
        # Rare events may coincide in two streams, but not in six.
        if looks == 0:
            others = (numbers(draws(stream(f"/other {k}"), m), m, what) for k in range(5))
            if np.any(samples != samples[0]):
                if all(np.array_equal(samples, other) for other in others):
                    raise ValueError(
                        f"{what} gives the same {m} samples for other generators: it does not draw from them"
                    )
            elif any(np.all(other == other[0]) and np.any(other[0] != samples[0]) for other in others):
                raise ValueError(f"{what} gives {m} equal samples, and other ones each time: they are one sample")
        looks += 1
        independence.ask(samples)
        return samples

    return sampler


class _Independence:
    """Asks whether samples that were drawn one after the other go together: an interval counts them as independent.

    For each lag of 1, 2, 4, …, the products of ranks (less their mean) at that distance, added up over all looks and
    divided by the root of their squares' sum, which holds for rare events and heavy tails too. Of independent samples
    it exceeds z with a chance of about exp(-z^2 / 2). Samples that repel each other make an interval too wide only.
    """

    def __init__(self, what: str):
        self.what = what
        self.sums: dict[int, tuple[Any, Any]] = {}

    def ask(self, samples: np.ndarray) -> None:
        """Take the samples of a look; raises `ValueError` if there is a lag at which they go together."""
        from scipy import stats

        apart = stats.rankdata(samples, axis=0) - (len(samples) + 1) / 2
        for lag in (2**k for k in range((len(apart) // 2).bit_length())):
            products = apart[lag:] * apart[:-lag]
            total, squares = self.sums.get(lag, (0.0, 0.0))
            total, squares = total + products.sum(axis=0), squares + np.square(products).sum(axis=0)
            self.sums[lag] = total, squares
            if np.any(total > _FAR * np.sqrt(squares)):
                raise ValueError(f"{self.what}: its samples go together at a lag of {lag}, they are not independent")


def varied(sampler: Sampler, law: Law, predicted: Any, what: str) -> Sampler:
    """Return the sampler, which raises `ValueError` once 64 samples of a coordinate are all equal.

    Events may be. So may, under a law whose interval does not rest on the samples' spread, some coordinates of which
    the prediction says that very number (the distance of something from itself), as long as others vary.
    """
    if isinstance(law, Bernoulli):
        return sampler
    first: list[np.ndarray] = []
    seen, vary = 0, np.asarray(False)

    def checked(m: int) -> np.ndarray:
        nonlocal seen, vary
        samples = numbers(sampler(m), m, what)
        first[:] = first or [samples[0]]
        if samples.shape[1:] != first[0].shape:
            raise ValueError(f"{what} has shape {first[0].shape} first and {samples.shape[1:]} later")
        seen, vary = seen + m, vary | np.any(samples != first[0], axis=0)
        if seen >= _MANY and not np.all(vary):
            _refuse_constants(first[0], vary, law, np.asarray(predicted, float), seen, what)
        return samples

    return checked


def numbers(samples: Any, m: int, what: str = "the measurement") -> np.ndarray:
    """Return `m` samples as float64; raise `ValueError` for anything but finite real numbers, or another many."""
    array = np.asarray(samples)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"samples must be real numbers, got {array.dtype} ({what})")
    if array.shape[:1] != (m,):
        raise ValueError(f"{m} samples must lie along the first axis, got an array of shape {array.shape} ({what})")
    if array.size == 0:
        raise ValueError(f"a sample must have a coordinate, got an array of shape {array.shape} ({what})")
    array = array.astype(float)
    finite = np.isfinite(array)
    if not finite.all():
        which, *coordinate = (int(i) for i in np.argwhere(~finite)[0])
        first = f"first {array[~finite][0]} in sample {which}" + (f", coordinate {coordinate}" if coordinate else "")
        raise ValueError(f"{np.sum(~finite)} of {array.size} sampled values are not finite, {first} ({what})")
    return array


def wanting(interval: Enclosure, prediction: Prediction, *, wrong: bool = False) -> str:
    """Say why an interval of samples decides nothing: which coordinate is furthest from it, how many samples would do.

    An interval no wider than margin - slack always decides, and its width goes like 1 / sqrt(n); where the two are
    equal (a one-sided claim) the end between the estimate and the bound has to clear it. All coordinates of a
    prediction have to be decided; of a `wrong` one, the nearest is enough.
    """
    parts = (interval.estimate, interval.low, interval.high, prediction.value, prediction.margin, prediction.slack)
    estimate, low, high, value, margin, slack = np.broadcast_arrays(*(np.asarray(part, float) for part in parts))
    sign = -1 if prediction.side == "at least" else 1
    beyond = sign * (estimate - value) - slack
    half = np.where((beyond > 0) == (sign > 0), estimate - low, high - estimate)
    have, need = np.where(margin > slack, (high - low, margin - slack), (half, np.abs(beyond)))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = np.nan_to_num(have / need, nan=np.inf, posinf=np.inf)
        far = np.argmin(ratio) if wrong else np.argmax(np.where(_settled(interval, prediction), 0.0, ratio))
        at = np.unravel_index(int(far), ratio.shape)
        samples = interval.n * float(ratio[at]) ** 2
    where = f" of coordinate [{', '.join(map(str, at))}]" if at else ""
    given = f"after {interval.n} samples the interval{where}"
    if not np.isfinite(have[at]):
        return f"{given} is unbounded still: these are too few for the law, or do not vary"
    if not samples < 1e15:
        return f"{given} lies on the bound"
    about = f"about {float(f'{samples:.2g}'):.0f} samples would decide (most= of the decision)"
    if margin[at] > slack[at]:
        return f"{given} is {have[at]:.2g} wide and margin - slack {need[at]:.2g}; at most {about}"
    return f"{given} reaches {have[at]:.2g} to a bound {need[at]:.2g} away; {about}"


def _settled(interval: Enclosure, prediction: Prediction) -> np.ndarray:
    """Tell which coordinates lie within the margin."""
    below = interval.high < np.asarray(prediction.value) + prediction.margin
    above = interval.low > np.asarray(prediction.value) - prediction.margin
    return np.asarray({"two": above & below, "at most": below, "at least": above}[prediction.side])


def _refuse_constants(first: np.ndarray, vary: np.ndarray, law: Law, predicted: np.ndarray, n: int, what: str) -> None:
    if isinstance(law, RatioOfMeans):  # one of the two may be known
        vary = vary | np.any(vary, axis=-1, keepdims=True)
    known = np.zeros(first.shape, bool)
    if np.any(vary) and isinstance(law, _WIDE_WITHOUT_SPREAD) and predicted.shape == first.shape:
        known = np.isclose(first, predicted, rtol=1e-12, atol=0)
    if np.all(vary | known):
        return
    at = [int(i) for i in np.argwhere(~(vary | known))[0]]
    where = f" of coordinate {at}" if at else ""
    raise ValueError(
        f"all {n} samples{where} are equal, {first[tuple(at)]:.6g}: a constant is no process ({what} drew them)"
    )


def _same(one: Any, other: Any) -> bool:
    """Tell whether two states of a generator are the same; some hold arrays."""
    if isinstance(one, dict):
        return all(_same(one[name], other[name]) for name in one)
    return bool(np.array_equal(one, other))
