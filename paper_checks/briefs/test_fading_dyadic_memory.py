"""Shi, Wang & Fox 2023, "Sequence Modeling with Multiresolution Convolutional Memory", ICML, arXiv
2305.01638.

For whoever wants long memory from a dilated tree of two shared filters: what survives of an impulse
$τ$ steps ago.

Setting: a channel has two filters of two taps, $h₀ = (a, b)$ and $h₁ = (c, d)$, the second tap
older. Level $j = 1, …, J$ reads its input at distance $2^(j-1)$: it gives out $h₁ ∗ l$ and passes
$h₀ ∗ l$ on, where $l$ is what it reads; at level 1 $l$ is the input $x$. A read-out sees $x$, all
$J$ outputs of $h₁$, and what the last level passes on. Its memory $r²(τ)$ is the largest $R²$ with
which it gives $x$ as it was $τ$ steps ago, for white $x$. $m + 1$ is the number of binary digits of
$τ$, and $w$ is the number of ones among them, without the first.

Take away: a channel keeps one number of each octave of lags, $2^m$ to $2^(m+1) - 1$,, whatever $h₁$
is; in all it keeps $J + 1$ numbers and not $J + 2$. The mean memory of an octave is $2^-m$ for all
filters. Many channels with filters of their own keep at most $m + 1$ numbers of an octave, and so
$1/binom(m, w)$ of the lag $τ$.

Edges: with $b = d = 0$ only the present is kept. Two taps can make pure delays, but only of $2^m$
and $2^(m+1) - 1$ steps. If the read-out is fitted on $n$ samples, $R²$ is above $r²$ by about
$(J + 2)/n$. The code's convolution stores the older tap first. This page does not treat stacked
layers with nonlinearities between them.

Paper: it builds layers from this tree, as wavelets do, and classifies and generates long sequences.
This page studies one linear tree before training.

Abstract:

- Statement 1: the convolution keeps trends on many scales. In part: one_number_per_octave,
  best_filters. Of each octave one number for each channel.
- Statement 2: filters are shared across a tree of dilated causal convolutions. In part: channels,
  channels-unshared. Sharing them over levels costs: any number of channels keeps $1 + J(J + 1)/2$
  numbers, with filters of their own at each level $2^J$.
- Statement 3: few parameters are needed, and memory for $N$ steps of order $N log N$. Not on trial.
  These are counts.
- Statement 4: stacked layers are the best on images, lists and heart signals. Not on trial. These
  are measurements.

Read: the abstract, in a copy ("shared filters across a dilated causal convolution tree"), and the
authors' code (`layers/multireslayer.py`, the memory that fades). Derived here: all claims. Not
claimed: anything on trained models. Topic: sequence models and attention.
"""

from typing import Annotated

import numpy as np
from scipy.optimize import minimize
from scipy.special import binom

from theory_on_trial import claim, derived, observed, predicted
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Levels = Annotated[int, Interval(1, 7, why="responses have 2^J lags; more are as good")]
Several = Annotated[int, Interval(3, 6, why="up to two levels all lags are kept")]
Angle = Annotated[float, Interval(0.2, 2.9, why="of h₀; near 0 and π its second tap is lost")]
Lag = Annotated[int, Interval(2, 63, why="0 and 1 are always kept; the search takes longer")]
Channels = Annotated[int, Interval(1, 20, why="more than levels change nothing")]

KEPT = 1e-9
"""Singular values below this share of the largest are 0."""


def unit(angle):
    """(cos, sin) of angles (…,) as filters of two taps (…, 2)."""
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def two_taps(generator, angle):
    """Filters h₀ at this angle, and h₁ at a drawn one that is not near it (2, 2)."""
    return unit(np.array([angle, angle + generator.uniform(0.4, 2.7)]))


def spread_filters(generator, channels):
    """Pairs of filters of two taps (channels, 2, 2): the angles of h₀ drawn, one from each of as
    many equal ranges, those of h₁ as for one channel.
    """
    angles = np.pi * (np.arange(channels) + generator.uniform(0.3, 0.7, size=channels)) / channels
    return np.array([two_taps(generator, angle) for angle in angles])


def every_level(filters, levels):
    """The same filters (2, taps) at each level (levels, 2, taps)."""
    return np.repeat(filters[None], levels, axis=0)


@observed
def responses(filters):
    """What a read-out sees of an impulse (J + 2, lags): the input, the output of h₁ at each level,
    and the last low. Filters are (J, 2, taps), h₀ before h₁.
    """
    levels, _, taps = filters.shape
    low = np.zeros(taps * 2**levels)
    low[0] = 1
    seen = [low]
    for level, pair in enumerate(filters):
        delays = 2**level * np.arange(taps)
        delayed = [np.concatenate([np.zeros(delay), low])[: len(low)] for delay in delays]
        low, detail = pair @ np.array(delayed)
        seen.append(detail)
    return np.array([*seen, low])


@observed
def kept(rows):
    """An orthonormal basis (rank, lags) of what these responses span."""
    _, sizes, basis = np.linalg.svd(rows, full_matrices=False)
    return basis[sizes > KEPT * sizes[0]]


@observed
def memory(rows):
    """The largest R² of x each number of steps ago, for white x (lags,): the squared length of the
    projection of each unit vector on what responses span.
    """
    return np.sum(kept(rows) ** 2, axis=0)


@observed
def found_filters(generator, lag, starts=3):
    """By Nelder and Mead's search over a, b, c, d, from each start: the memory of a lag, and the
    share b²/(a² + b²) (starts, 2).
    """
    levels = int(lag).bit_length()

    def loss(entries):
        scaled = entries.reshape(2, 2) / np.linalg.norm(entries.reshape(2, 2), axis=1)[:, None]
        return -memory(responses(every_level(scaled, levels)))[lag]

    ends = [
        minimize(loss, start, method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-10})
        for start in generator.normal(size=(starts, 4))
    ]
    return np.array([[-end.fun, end.x[1] ** 2 / np.sum(end.x[:2] ** 2)] for end in ends])


@observed
def best_of_angles(generator, levels, steps=180):
    """The largest memory of each lag over so many angles of h₀, evenly on a half turn, 0 and a
    right angle among them (2^J,).
    """
    angles = np.pi * np.arange(steps) / steps
    drawn = [every_level(two_taps(generator, angle), levels) for angle in angles]
    return np.max([memory(responses(filters))[: 2**levels] for filters in drawn], axis=0)


@observed
def of_channels(filters):
    """The responses of all channels, one below the other; filters (channels, J, 2, taps)."""
    return np.concatenate([responses(channel) for channel in filters])


@predicted
def digits(lag):
    """The numbers m and w: how many binary digits follow the first, and how many of them are 1."""
    if lag < 1:
        raise ValueError("lag must be at least 1: the present has no binary digits")
    return int(lag).bit_length() - 1, int(lag).bit_count() - 1


@predicted
def rank_of_responses(levels, parallel, with_input):
    """J + 1, and J for parallel filters without x."""
    return levels + int(with_input or not parallel)


@predicted
def fading(lag, first, second):
    """a^(2 (m - w)) b^(2 w)/(a² + b²)^m."""
    later, ones = digits(lag)
    return first ** (2 * (later - ones)) * second ** (2 * ones) / (first**2 + second**2) ** later


@predicted
def share_of_second(lag):
    """Return w/m."""
    later, ones = digits(lag)
    if later == 0:
        raise ValueError("lag must be at least 2: all filters keep a lag of one step")
    return ones / later


@predicted
def best_memory(lag):
    """(w/m)^w (1 - w/m)^(m - w), 0⁰ = 1."""
    later, ones = digits(lag)
    share = ones / max(later, 1)
    return share**ones * (1 - share) ** (later - ones)


@predicted
def of_all_channels(lag):
    """1/binom(m, w)."""
    return 1 / binom(*digits(lag))


@predicted
def is_pure(lag):
    """Whether τ is 2^m or 2^(m+1) - 1."""
    return lag & (lag - 1) == 0 or lag & (lag + 1) == 0


@predicted
def numbers_kept(levels, channels):
    """1 + Σ min(C, m + 1) over m < J."""
    return 1 + sum(min(channels, later + 1) for later in range(levels))


@predicted
def numbers_kept_unshared(levels, channels):
    """1 + Σ min(C, 2^m) over m < J."""
    return 1 + sum(min(channels, 2**later) for later in range(levels))


@predicted
def rank_of_taps(levels, taps):
    """J + 2, or J + 1 for two taps."""
    if taps < 2:
        raise ValueError("taps must be at least 2: one tap sees no earlier input")
    return levels + 1 + int(taps > 2)


@predicted
def reach_of_taps(levels, taps):
    """(k - 1)(2^J - 1) + 1 lags."""
    if taps < 2:
        raise ValueError("taps must be at least 2: one tap sees no earlier input")
    return (taps - 1) * (2**levels - 1) + 1


def differing(law, **wrong):
    """The controls that differ from the law."""
    return {
        name.replace("_", " "): value
        for name, value in wrong.items()
        if np.max(np.abs(value - law)) > 1e-9
    }


@claim(
    derived("the next octave repeats an octave, times a and times $b$"),
    cases=[(5, 0.785), (7, 0.3), (1, 1.2), (4, 2.9), (6, 1.571)],
)
def test_one_number_per_octave(trial, levels: Levels, angle: Angle):
    """At the levels $j = 1, …, J$ let filters $h₀ = (a, b)$, $b ≠ 0$, and $h₁ ≠ 0$ read, with taps
    $2^(j-1)$ steps apart, what $h₀$ gave at the level before. All outputs of $h₁$, the input $x$
    and the last output of $h₀$ give white $x$ as it was $τ$ steps ago with the $R²$ of
    $a^(2(m - w)) b^(2w)/(a² + b²)^m$ for $1 <= τ < 2^J$, 1 for $τ = 0$, and 0 for longer lags,
    where $τ$ has $m + 1$ binary digits, and $w$ ones after the first.
    """
    filters = two_taps(trial.generator("filters"), angle)
    found = memory(responses(every_level(filters, levels)))
    lags = np.arange(1, len(found))
    ends = np.zeros(len(found) - 2**levels)
    law = np.array([1.0, *[fading(lag, *filters[0]) for lag in lags[: 2**levels - 1]], *ends])
    trial.identity(
        found,
        law,
        # 256 lags and singular vectors of 9 responses take some 300 roundings; the rest is room for
        # their condition, about ten at most.
        ops=2000,
        scale=1.0,
        generic="least squares are rational in the filters",
        controls=differing(
            law,
            Haar_whatever_the_filters=np.array([1.0, *2.0 ** -np.floor(np.log2(lags))]),
            one_over_the_lag=np.array([1.0, *1 / lags]),
            exponential=np.exp(-np.arange(len(found))),
            J_outputs_alone_are_kept=np.array([0.0, *law[1:]]),
        ),
    )


@claim(
    derived("a number for each octave, and the present"),
    kind="identity",
    cases=[
        (5, 0.785, False, True),
        (7, 0.3, False, False),
        (1, 1.2, True, True),
        (2, 2.9, True, False),
    ],
)
def test_one_number_per_octave__rank(
    trial, levels: Levels, angle: Angle, parallel: bool, with_input: bool
):
    """Let $J$ levels of two filters of two taps, with $b ≠ 0$ of $h₀ = (a, b)$, read at distances
    $2^(j-1)$ what $h₀$ gave at the level before. The responses of the $J$ outputs of $h₁$ and of
    the last output of $h₀$, with or without that of the input $x$, span $J + 1$ dimensions; if $h₁$
    is parallel to $h₀$ they span $J$ without $x$.
    """
    filters = two_taps(trial.generator("filters"), angle)
    if parallel:
        filters = filters[[0, 0]] * [[1], [0.7]]
    rows = responses(every_level(filters, levels))
    law = rank_of_responses(levels, parallel, with_input)
    trial.identity(
        len(kept(rows if with_input else rows[1:])),
        law,
        ops=0,
        generic="a rank is that of almost all filters, because minors are polynomials in them",
        controls=differing(
            law,
            one_for_each_response=levels + 1 + with_input,
            the_input_adds_one=levels + with_input,
            parallel_filters_keep_one_number=1 + with_input if parallel else law,
        ),
    )


@claim(
    derived("geometric and arithmetic mean"),
    cases=[5, 11, 16, 21, 31, 63],
)
def test_best_filters(trial, lag: Lag):
    """Of a dilated tree of two shared filters of two taps, the $R²$ with which its outputs give a
    white input $τ$ steps ago is at most $(w/m)^w (1 - w/m)^(m - w)$, $0⁰ = 1$, where $τ$ has
    $m + 1$ binary digits, and $w$ ones after the first.
    """
    found = found_filters(trial.generator("starts"), lag)[:, 0]
    law = best_memory(lag)
    later, ones = digits(lag)
    both = unit(np.arcsin(np.sqrt((ones + 1) / (later + 2))))
    trial.bound(
        found,
        np.full_like(found, law),
        instances="search",
        # 128 lags and singular vectors of 8 responses take some 150 roundings; the rest is room for
        # their condition.
        ops=2000,
        scale=1.0,
        attained=0.99,
        controls={
            name: np.full_like(found, value)
            for name, value in differing(
                law,
                that_of_Haar=2.0**-later,
                one_over_the_lag=1 / lag,
                both_taps_are_needed=fading(lag, *both),
            ).items()
        },
    )


@claim(
    derived("the derivative is 0"),
    kind="optimality",
    cases=[5, 11, 16, 21, 31, 63],
)
def test_best_filters__taps(trial, lag: Lag):
    """Of a dilated tree of two shared filters of two taps, the $R²$ with which its outputs give a
    white input $τ$ steps ago is largest where $h₀ = (a, b)$ has $b²/(a² + b²) = w/m$, where $τ$ has
    $m + 1$ binary digits, and $w$ ones after the first.
    """
    found = found_filters(trial.generator("starts"), lag)
    law = share_of_second(lag)
    later, ones = digits(lag)
    trial.value(
        found[np.argmax(found[:, 0]), 1],
        law,
        error=1e-4,
        margin=0.004,
        scale=1.0,
        instances="search",
        controls=differing(
            law,
            that_of_Haar=1 / 2,
            both_taps_are_needed=(ones + 1) / (later + 2),
            all_digits_count=(ones + 1) / (later + 1),
            the_lag_in_its_octave=lag / 2**later - 1,
        ),
    )


@claim(
    derived("a power of one tap"),
    kind="identity",
    cases=[3, 5, 6],
)
def test_best_filters__pure_delays(trial, levels: Several):
    """Some dilated tree of two shared filters of two taps keeps a lag of two steps or more without
    loss if and only if the lag is $2^m$ or $2^(m+1) - 1$ for some $m$.
    """
    best = best_of_angles(trial.generator("filters"), levels)[2:]
    lags = range(2, 2**levels)
    law = np.array([int(is_pure(lag)) for lag in lags])
    powers = np.array([int(lag.bit_count() == 1) for lag in lags])
    trial.identity(
        (best > 0.999).astype(int),
        law,
        ops=0,
        instances="search",
        controls={
            "two taps keep no such lag": 0 * law,
            "every lag has taps that keep it": 1 + 0 * law,
            "powers of two alone": powers,
            "ends of octaves alone": law - powers,
        },
    )


@claim(
    derived("within an octave a response depends on $w$ alone"),
    kind="identity",
    cases=[(6, 1), (6, 3), (6, 9), (5, 20), (1, 2)],
)
def test_channels(trial, levels: Levels, channels: Channels):
    """Let $C$ channels read one input, each by a dilated tree of $J$ levels of two generic filters
    of two taps that all its levels share. Their responses span $1 + ∑_{m=0}^(J - 1) min(C, m + 1)$
    dimensions.
    """
    filters = spread_filters(trial.generator("filters"), channels)
    rows = of_channels([every_level(pair, levels) for pair in filters])
    law = numbers_kept(levels, channels)
    trial.identity(
        len(kept(rows)),
        law,
        ops=0,
        generic="a rank is that of almost all filters, because minors are polynomials in them",
        controls=differing(
            law,
            each_keeps_its_own=1 + channels * levels,
            as_one_channel=levels + 1,
            all_lags=2**levels,
            as_without_sharing=numbers_kept_unshared(levels, channels),
            one_more_from_the_last_low=law + 1,
        ),
    )


@claim(
    derived("lags of an octave with like $w$ have one sum"),
    kind="identity",
    cases=[(3, 0), (5, 2), (6, 3), (6, 8)],
)
def test_channels__memory(
    trial,
    levels: Several,
    extra: Annotated[int, Interval(0, 8, why="by how much channels exceed levels")],
):
    """Let $J$ or more channels read one white input, each by a dilated tree of $J$ levels of two
    generic filters of two taps that all its levels share. Together they give the input $τ$ steps
    ago with the $R²$ of $1/binom(m, w)$ for $1 <= τ < 2^J$, where $τ$ has $m + 1$ binary digits,
    and $w$ ones after the first.
    """
    filters = spread_filters(trial.generator("filters"), levels + extra)
    rows = of_channels([every_level(pair, levels) for pair in filters])
    lags = range(1, 2**levels)
    law = np.array([of_all_channels(lag) for lag in lags])
    trial.identity(
        memory(rows)[1 : 2**levels],
        law,
        ops=1e5,
        scale=1.0,
        generic="least squares are rational in the filters",
        controls=differing(
            law,
            the_best_of_one_channel=np.array([best_memory(lag) for lag in lags]),
            evenly_over_the_octave=np.array(
                [(digits(lag)[0] + 1) / 2 ** digits(lag)[0] for lag in lags]
            ),
            all_is_kept=np.ones(len(lags)),
        ),
    )


@claim(
    derived("products of generic filters span all lags of an octave"),
    kind="identity",
    cases=[(5, 20), (5, 3), (3, 4), (1, 2)],
)
def test_channels__unshared(
    trial,
    levels: Annotated[
        int, Interval(1, 5, why="at most 2^J numbers: more channels would be needed")
    ],
    channels: Channels,
):
    """Let $C$ channels read one input, each by a dilated tree of $J$ levels that have generic
    filters of two taps of their own. Their responses span $1 + ∑_{m=0}^(J - 1) min(C, 2^m)$
    dimensions.
    """
    filters = trial.generator("filters").normal(size=(channels, levels, 2, 2))
    law = numbers_kept_unshared(levels, channels)
    trial.identity(
        len(kept(of_channels(filters))),
        law,
        ops=0,
        generic="a rank is that of almost all filters, because minors are polynomials in them",
        controls=differing(
            law,
            as_with_sharing=numbers_kept(levels, channels),
            each_keeps_its_own=1 + channels * levels,
            as_one_channel=levels + 1,
            one_more_from_the_last_low=law + 1,
        ),
    )


Taps = Annotated[int, Interval(2, 8, why="one tap has no scale; more are as good")]
WIDER = [(4, 2), (4, 3), (4, 6), (1, 3), (7, 8)]


def responses_of_taps(generator, levels, taps):
    """What a read-out sees of an impulse through a tree of two generic filters (J + 2, lags)."""
    filters = generator.normal(size=(2, taps))
    return responses(every_level(filters / np.linalg.norm(filters, axis=1)[:, None], levels))


@claim(
    derived("with three taps the last low is no sum of the others"), kind="identity", cases=WIDER
)
def test_wider_taps(trial, levels: Levels, taps: Taps):
    """The $J + 2$ responses of a dilated tree of $J$ levels, whose levels share two generic filters
    of $k$ taps, span $J + 2$ dimensions if $k >= 3$, and $J + 1$ if $k = 2$.
    """
    law = rank_of_taps(levels, taps)
    trial.identity(
        len(kept(responses_of_taps(trial.generator("filters"), levels, taps))),
        law,
        ops=0,
        generic="a rank is that of almost all filters, because minors are polynomials in them",
        controls=differing(
            law,
            one_for_each_octave_for_all_k=levels + 1,
            one_for_each_response_for_all_k=levels + 2,
            a_number_for_each_older_tap=1 + (taps - 1) * levels,
        ),
    )


@claim(derived("a geometric series of distances"), kind="identity", cases=WIDER)
def test_wider_taps__reach(trial, levels: Levels, taps: Taps):
    """A dilated tree of $J$ levels, whose level $j$ has filters of $k$ taps $2^(j-1)$ steps apart,
    reaches $(k - 1)(2^J - 1) + 1$ lags, the present among them.
    """
    rows = responses_of_taps(trial.generator("filters"), levels, taps)
    law = reach_of_taps(levels, taps)
    trial.identity(
        np.flatnonzero(np.any(rows != 0, axis=0))[-1] + 1,
        law,
        ops=0,
        generic="a response that is not 0 is so for almost all taps, of which it is a polynomial",
        controls=differing(
            law,
            k_to_the_J_as_if_distances_were_powers_of_k=taps**levels,
            the_taps_of_the_last_level_alone=(taps - 1) * 2 ** (levels - 1) + 1,
            the_present_is_not_counted=law - 1,
        ),
    )


@figure("F1", claims=("one_number_per_octave", "best_filters", "channels-memory"))
def memory_against_lag(levels: int = 5):
    """One channel of Haar's filters remembers each lag least, and many channels remember it best;
    the best filters of one channel lie between, and remember a few lags completely.

    The largest $R²$ with which a read-out gives the input some steps ago, five levels. Marks:
    lines: laws; points: trees on an impulse, with Haar's filters, the best of 180 angles for each
    lag, and nine channels.
    """
    generator = np.random.default_rng(0)
    lags = np.arange(1, 2**levels)
    quarter = np.pi / 4
    haar = unit(np.array([quarter, -quarter]))
    channels = spread_filters(generator, levels + 4)
    many = of_channels([every_level(pair, levels) for pair in channels])
    names = ("nine channels", "best filters for the lag", "Haar's filters")
    lines = {
        names[0]: (lags, [of_all_channels(lag) for lag in lags]),
        names[1]: (lags, [best_memory(lag) for lag in lags]),
        names[2]: (lags, [fading(lag, *haar[0]) for lag in lags]),
    }
    points = {
        names[0]: (lags, memory(many)[lags]),
        names[1]: (lags, best_of_angles(generator, levels)[lags]),
        names[2]: (lags, memory(responses(every_level(haar, levels)))[lags]),
    }
    ticks = 2 ** np.arange(levels)
    shares = ["1", "1/2", "1/4", "1/8", "1/16"]
    return chart(
        lines,
        points,
        log="xy",
        x="lag τ  (steps)",
        y="memory r²",
        legend="beside",
        xticks=ticks,
        xticklabels=[str(tick) for tick in ticks],
        yticks=1 / ticks,
        yticklabels=shares[:levels],
    )
