"""Lin, Zhou, Tan, Ma, Liu, He, Yuan, Liu, Zhang, Yang & Wang 2024, "Continuous Invariance
Learning", ICLR, arXiv 2310.05348.

For whoever cuts time into environments for an invariance penalty: how many bins to take, and how
many more data bins need.

Take away: for a steady drift take few bins; of all differences of an early and a late group the
best is that of the outer thirds (price-of_thirds). It needs 9/8 of the data that a linear contrast
needs (price), two bins need 4/3, and 24 bins 2.5 times as much (power .8 at level .01; price-data).
A linear adversary that predicts the time needs 6 % more than the contrast at 60 times, and as much
at many (price-adversary). An
oscillation with whole periods in each bin is not seen by bins at all (oscillation-blind), and by
the contrast in proportion to $cos²$ of its phase (oscillation-contrast).

Setting: times $t_i = (i - ½)/n$, $i = 1, …, n$, and residuals $r_i = g(t_i) + N(0, 1)$ of a
feature. A spurious feature drifts by $g = s (t - ½)$, $λ = n s²/12$; an invariant one has $g = 0$.
$V_B = ∑_b (n/B) (r̄_b - r̄)²$, with the mean $r̄_b$ of $r$ in each of $B$ equal bins and the mean
$r̄$ of all. The contrast is $(∑_i r_i (t_i - ½))²/∑_i (t_i - ½)²$. Outer fractions $f$: the mean of
the last $f n$ residuals minus that of the first $f n$, squared, over its variance.

Edges: one bin compares nothing. The noise is known to have variance 1; if it is estimated, $F$ laws
take the place of these. For an oscillation with $k$ periods the share depends on the phase if
$2 k$, but not $k$, is a multiple of $B$.

Paper: it argues that invariance across a continuous domain, such as time, should not be enforced by
cutting it into discrete domains, and proposes an adversarial penalty on the domain index itself.
This page says what the cut costs for the simplest drift.

Abstract:

- Statement 1: existing methods may fail for continuous domains. Holds at a smaller scale:
  selection-many_bins. For one drifting feature and the variance of bins: with many bins this
  penalty tosses a coin.
- Statement 2: splitting into discrete domains ignores how they are related and may be worse. Holds
  at a smaller scale: power, price-data, oscillation-blind. For a drift and an oscillation.
- Statement 3: an adversarial procedure measures conditional independence of labels and domain
  index. In part: price-adversary. For a linear adversary that predicts the index from the residual.
- Statement 4: it is superior in theory. Not on trial. Its theorem was not read.
- Statement 5: it does better on synthetic and on real data. Not on trial. It needs the data.

Read: the abstract. Derived here: all laws; that the outer thirds do best is classical for grouped
data. Not claimed: anything on an adversary that is trained. Topic: learning.
"""

from fractions import Fraction
from itertools import pairwise
from typing import Annotated

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import chi2, ncf, ncx2, norm
from scipy.stats import f as f_law

from paper_checks.briefs.common import apart
from theory_on_trial import claim, derived, observed, predicted, tried
from theory_on_trial.contract import Interval
from theory_on_trial.figures import chart, figure

Bins = Annotated[int, Interval(2, 24, why="one bin compares nothing; more are slow to draw")]
PerBin = Annotated[int, Interval(1, 8, why="a bin has a residual; more are slow to draw")]
Points = Annotated[int, Interval(4, 60, why="of three the ends are the contrast; slow to draw")]
Ends = Annotated[int, Interval(1, 30, why="an end has a residual, and at most half of all")]
Strength = Annotated[
    float, Interval(3, 40, why="of less all statistics are noise; of more all see the drift")
]
Level = Annotated[float, Interval(0.001, 0.1, why="beyond tests are of no use")]
Phase = Annotated[float, Interval(0, 1.2, why="radians; at π/2 a contrast sees nothing")]


def times(points):
    """The t_i: (n,)."""
    return (np.arange(points) + 0.5) / points


def drift(points, strength):
    """The g(t_i), (n,), of a drift with λ = `strength`."""
    return np.sqrt(12 * strength / points) * (times(points) - 0.5)


def wave(points, periods, phase):
    """The values of sin(2πkt + φ) at the t_i: (n,)."""
    return np.sin(2 * np.pi * periods * times(points) + phase)


@observed
def residuals(generator, n, signal):
    """N sets of residuals of a feature with g(t_i) = `signal`: (N, n)."""
    return signal + generator.normal(size=(n, len(signal)))


@observed
def between_bins(values, bins):
    """V_B of each set of residuals (…, n): (…,)."""
    means = values.reshape(*values.shape[:-1], bins, -1).mean(axis=-1)
    per_bin = values.shape[-1] // bins
    return per_bin * np.sum((means - values.mean(axis=-1)[..., None]) ** 2, axis=-1)


@observed
def contrast(values):
    """The contrast of each set of residuals (…, n): (…,)."""
    weights = times(values.shape[-1]) - 0.5
    return (values @ weights) ** 2 / (weights @ weights)


@observed
def gain_of_adversary(values):
    """(n - 2) R²/(1 - R²) of the least-squares fit of the times to each set of residuals (N, n), by
    a linear function of the residual: (N,).
    """
    centred = values - values.mean(axis=1, keepdims=True)
    index = times(values.shape[1]) - 0.5
    slopes = centred @ index / np.sum(centred**2, axis=1)
    missed = np.sum((index - slopes[:, None] * centred) ** 2, axis=1)
    return (values.shape[1] - 2) * (index @ index - missed) / missed


@observed
def between_ends(values, count):
    """The squared difference of the means of the last and the first `count`, over its variance, of
    each set of residuals (…, n): (…,).
    """
    last = values[..., -count:].mean(axis=-1)
    first = values[..., :count].mean(axis=-1)
    return (last - first) ** 2 * count / 2


@observed
def efficiency_of_ends(points, count):
    """What the difference of the ends sees of a drift, over what the contrast sees: a fraction."""
    centred = [Fraction(2 * i + 1, 2 * points) - Fraction(1, 2) for i in range(points)]
    gap = sum(centred[-count:]) - sum(centred[:count])
    return gap**2 / (2 * count) / sum(value**2 for value in centred)


@observed
def best_efficiency(points):
    """The largest of what a difference of the means of an early and a late group, of any sizes,
    sees of a drift, over what the contrast sees.
    """
    signal = times(points) - 0.5
    sums = np.append(0, np.cumsum(signal))
    best = 0.0
    for early in range(1, points):
        for late in range(1, points - early + 1):
            gap = (sums[-1] - sums[points - late]) / late - sums[early] / early
            best = max(best, gap**2 / (1 / early + 1 / late))
    return best / (signal @ signal)


@observed
def spurious_is_worse(generator, n, signal, statistic):
    """Whether a statistic of a spurious feature exceeds that of an invariant one, n times."""
    spurious = statistic(residuals(generator, n, signal))
    return spurious > statistic(residuals(generator, n, np.zeros(len(signal))))


@observed
def chance_by_inversion(degrees, noncentrality):
    """The chance that χ² with a noncentrality exceeds an independent one without, by the inversion
    of the characteristic function of their difference.
    """

    def slope(t):
        rotated = 1 - 2j * t
        phase = np.exp(1j * noncentrality * t / rotated) * np.abs(rotated) ** -degrees
        return phase.imag / t

    end = 60 / np.sqrt(degrees + noncentrality)
    pieces = np.linspace(1e-12, end, 41)
    parts = [quad(slope, a, b, epsabs=1e-12)[0] for a, b in pairwise(pieces)]
    return 0.5 + sum(parts) / np.pi


@predicted
def seen_by_bins(bins, strength):
    """λ (1 - 1/B²), the noncentrality of V_B. Raises ValueError unless B >= 2 and λ >= 0."""
    if bins < 2 or strength < 0:
        raise ValueError("bins must be at least 2 and strength at least 0")
    return strength * (1 - 1 / bins**2)


@predicted
def chi_square(degrees, noncentrality):
    """The cdf of χ² with a noncentrality, from a table of 4000 values: to 1e-6."""
    law = ncx2(degrees, noncentrality)
    roots = np.linspace(0, np.sqrt(law.mean() + 15 * law.std()), 4000)
    values = law.cdf(roots**2)
    return lambda x: np.interp(np.sqrt(x), roots, values)


@predicted
def law_of_bins(bins, strength):
    """The cdf of V_B: of χ² with B - 1 degrees and noncentrality λ (1 - 1/B²)."""
    return chi_square(bins - 1, seen_by_bins(bins, strength))


@predicted
def law_of_contrast(points, strength):
    """The cdf of the contrast: of χ² with one degree and noncentrality λ (1 - 1/n²)."""
    return chi_square(1, strength * (1 - 1 / points**2))


@predicted
def power_of_bins(bins, strength, level):
    """The chance that V_B exceeds the (1 - level) quantile of χ² with B - 1 degrees."""
    return ncx2.sf(chi2.isf(level, bins - 1), bins - 1, seen_by_bins(bins, strength))


@predicted
def power_of_contrast(strength, level):
    """The chance that the contrast exceeds the (1 - level) quantile of χ² with one degree, as n →
    ∞.
    """
    return ncx2.sf(chi2.isf(level, 1), 1, strength)


@predicted
def power_of_adversary(points, strength, level):
    """The chance that noncentral F with 1 and n - 2 degrees and noncentrality λ (1 - 1/n²) exceeds
    the (1 - level) quantile of central F.
    """
    seen = strength * (1 - 1 / points**2)
    return ncf.sf(f_law.isf(level, 1, points - 2), 1, points - 2, seen)


@predicted
def strength_needed(power, of_strength):
    """The λ at which an increasing function `of_strength` is `power`."""
    return brentq(lambda strength: of_strength(strength) - power, 1e-6, 1e4, xtol=1e-12)


@predicted
def efficiency(points, count):
    """6 f (1 - f)²/(1 - 1/n²), f = count/n: a fraction. Raises ValueError if ends overlap."""
    if not 1 <= count <= points / 2:
        raise ValueError("count must lie between 1 and half of points")
    f = Fraction(count, points)
    return 6 * f * (1 - f) ** 2 / (1 - Fraction(1, points**2))


@predicted
def chance_of_selection(bins, strength):
    """P(F > 1), of noncentral F with B - 1 and B - 1 degrees and noncentrality λ (1 - 1/B²)."""
    seen = seen_by_bins(bins, strength)
    return ncf.sf(1, bins - 1, bins - 1, seen) if seen > 0 else 0.5  # scipy's sf fails at 0


@predicted
def chance_of_one_degree(noncentrality):
    """Φ(√(μ/2))² + Φ(-√(μ/2))²."""
    half = np.sqrt(noncentrality / 2)
    return norm.cdf(half) ** 2 + norm.cdf(-half) ** 2


@predicted
def chance_of_many_bins(root):
    """Φ(c/2)."""
    return norm.cdf(root / 2)


@predicted
def wave_in_bins(periods, bins):
    """The share (sin(πk/B)/(πk/B))². Raises ValueError unless periods and bins are 1 or more."""
    if min(periods, bins) < 1:
        raise ValueError("periods and bins must be at least 1")
    return np.sinc(periods / bins) ** 2 if periods % bins else 0.0


@predicted
def wave_in_contrast(periods, phase):
    """The share 6 cos² φ/(πk)². Raises ValueError unless there is a period."""
    if periods < 1:
        raise ValueError("periods must be at least 1")
    return 6 * (np.cos(phase) / (np.pi * periods)) ** 2


BINNED = [(4, 8, 10.0), (2, 5, 16.0), (12, 3, 10.0), (24, 1, 40.0)]


@claim(derived("$V_B$ is the squared length of a normal vector"), kind="distribution", cases=BINNED)
def test_power(trial, bins: Bins, per_bin: PerBin, strength: Strength):
    """Residuals $r_i = s (t_i - ½) + N(0, 1)$ stand at $n$ times $t_i = (i - ½)/n$. The variance
    $V_B$ of their means between $B$ equal bins has the law of $χ²$ with $B - 1$ degrees of freedom
    and noncentrality $λ (1 - 1/B²)$, $λ = n s²/12$, for every $n$.
    """
    signal = drift(bins * per_bin, strength)
    controls = {"one degree for each bin": chi_square(bins, seen_by_bins(bins, strength))}
    if bins <= 3:
        controls["bins see all of $λ$"] = chi_square(bins - 1, strength)
    trial.distribution(
        lambda rng, n: between_bins(residuals(rng, n, signal), bins),
        law_of_bins(bins, strength),
        margin=0.02,
        controls=controls,
        first=32_768,
    )


@claim(
    derived("a normal number, squared"),
    kind="distribution",
    cases=[(4, 10.0), (5, 40.0), (60, 3.0)],
)
def test_power__of_contrast(trial, points: Points, strength: Strength):
    """Residuals $r_i = s (t_i - ½) + N(0, 1)$ stand at $n$ times $t_i = (i - ½)/n$. The contrast
    $(∑_i r_i (t_i - ½))²/∑_i (t_i - ½)²$ has the law of $χ²$ with one degree of freedom and
    noncentrality $λ (1 - 1/n²)$, $λ = n s²/12$, for every $n$.
    """
    signal = drift(points, strength)
    controls = {
        "as two bins": law_of_bins(2, strength),
        "with a mean to estimate": chi_square(2, strength * (1 - 1 / points**2)),
    }
    trial.distribution(
        lambda rng, n: contrast(residuals(rng, n, signal)),
        law_of_contrast(points, strength),
        margin=0.02,
        controls=controls,
        first=32_768,
    )


@claim(
    derived("mean and variance of a difference of means"),
    kind="identity",
    cases=[(60, 12), (9, 3), (7, 3), (4, 1), (60, 30)],
)
def test_price(trial, points: Points, count: Ends):
    """Let residuals $r_i = s (t_i - ½) + N(0, 1)$ stand at $n$ times $t_i = (i - ½)/n$. The squared
    difference of the means of the last and the first $f n$ residuals, over its variance, has
    $6 f (1 - f)²/(1 - 1/n²)$ of the noncentrality of the contrast
    $(∑_i r_i (t_i - ½))²/∑_i (t_i - ½)²$.
    """
    trial.require(2 * count <= points, "the ends must not overlap: count is at most points/2")
    law = efficiency(points, count)
    f = Fraction(count, points)
    trial.identity(
        efficiency_of_ends(points, count),
        law,
        ops=0,
        controls={
            "all that the contrast sees": 1,
            "as of infinitely many points": 6 * f * (1 - f) ** 2,
        },
    )


@claim(derived("$f (1 - f)²$ is largest at 1/3"), kind="optimality", cases=[2, 3, 7, 20])
def test_price__of_thirds(
    trial,
    third: Annotated[
        int, Interval(2, 20, why="of three points the ends are the contrast; all cuts are tried")
    ],
):
    """If $n$ is a multiple of three, the squared difference of the means of the outer thirds of $n$
    residuals, over its variance, has a larger noncentrality under a linear drift than that of any
    other early and late group: $8/9/(1 - 1/n²)$ of that of the linear contrast.
    """
    points = 3 * third
    halves = 0.75 / (1 - 1 / points**2)
    trial.identity(
        best_efficiency(points),
        float(efficiency(points, third)),
        ops=10 * points,
        controls={"halves, which use all data": halves, "as the contrast": 1.0},
    )


@claim(
    derived("power is a function of $λ$"),
    kind="distribution",
    cases=[(2, 0.8, 0.01), (5, 0.8, 0.01), (10, 0.6, 0.05), (24, 0.8, 0.001)],
)
def test_price__data(
    trial,
    bins: Bins,
    power: Annotated[
        float, Interval(0.6, 0.9, why="near the level or near 1 all statistics agree")
    ],
    level: Level,
):
    """Let $λ = n s²/12$ be such that $χ²$ with $B - 1$ degrees of freedom and noncentrality
    $λ (1 - 1/B²)$ exceeds the quantile of central $χ²$ at 1 minus the level with a given chance. A
    test of that level by the variance $V_B$ of the means of $B$ equal bins finds a linear drift of
    slope $s$ in $n$ residuals with this chance.
    """
    needed = strength_needed(power, lambda strength: power_of_bins(bins, strength, level))
    signal = drift(bins * 2, needed)
    edge = chi2.isf(level, bins - 1)
    as_contrast = float(power_of_contrast(needed, level))
    trial.probability(
        lambda rng, n: between_bins(residuals(rng, n, signal), bins) > edge,
        power,
        margin=0.008 * power,
        controls={"bins cost nothing": as_contrast},
        first=32_768,
    )


@claim(
    tried(
        "abstract: an adversary measures whether the domain index depends on the residual",
        "a linear adversary and its power",
    ),
    cases=[(60, 12.0, 0.01), (12, 15.0, 0.01), (30, 8.0, 0.05)],
)
def test_price__adversary(
    trial,
    points: Annotated[int, Interval(6, 60, why="n; of few the adversary fits noise; slow to draw")],
    strength: Strength,
    level: Level,
):
    """Residuals $r_i = s (t_i - ½) + N(0, 1)$ stand at $n$ times $t_i = (i - ½)/n$, $λ = n s²/12$.
    An adversary predicts $t_i$ by the linear function of $r_i$ of least squares, with the share
    $R²$ of their variance. Its gain $(n - 2) R²/(1 - R²)$ exceeds the quantile of $F$ with 1 and
    $n - 2$ degrees of freedom at 1 minus the level with the chance that this $F$ has with the
    noncentrality $λ (1 - 1/n²)$.
    """
    law = float(power_of_adversary(points, strength, level))
    trial.require(0.2 < law < 0.95, "the power must lie in (.2, .95): another λ or level")
    signal = drift(points, strength)
    edge = f_law.isf(level, 1, points - 2)
    margin = 0.012 * law
    wrong = {
        "six bins": float(power_of_bins(6, strength, level)),
        "as the contrast, of known noise": float(power_of_contrast(strength, level)),
    }
    trial.probability(
        lambda rng, n: gain_of_adversary(residuals(rng, n, signal)) > edge,
        law,
        margin=margin,
        controls=apart(wrong, law, 2 * margin),
        first=32_768,
    )


@claim(
    derived("a ratio of independent $χ²$"),
    kind="distribution",
    cases=[(2, 8, 10.0), (3, 4, 5.0), (12, 3, 20.0)],
)
def test_selection(
    trial,
    bins: Annotated[
        int, Interval(2, 12, why="one bin compares nothing; with more a coin is tossed")
    ],
    per_bin: PerBin,
    strength: Strength,
):
    """A feature drifts linearly with $λ = n s²/12$, and another does not; the residuals of both
    have independent noise $N(0, 1)$. The variance of the means of $B$ bins is larger for the
    drifting one with the chance $P(F > 1)$ of a noncentral $F$ with $B - 1$ and $B - 1$ degrees and
    noncentrality $λ (1 - 1/B²)$.
    """
    signal = drift(bins * per_bin, strength)
    law = float(chance_of_selection(bins, strength))
    trial.require(law < 0.985, "the choice must be in doubt: a smaller λ, or more bins")
    controls = {"as the contrast": float(chance_of_one_degree(strength)), "a coin is tossed": 0.5}
    trial.probability(
        lambda rng, n: spurious_is_worse(rng, n, signal, lambda values: between_bins(values, bins)),
        law,
        margin=0.004,
        controls=controls,
        first=32_768,
    )


@claim(derived("the central limit theorem"), kind="limit", cases=[0.5, 2.0, 4.0])
def test_selection__many_bins(
    trial,
    root: Annotated[
        float, Interval(0.5, 4, why="at 0 a coin is tossed; beyond, the choice is sure")
    ],
):
    """A feature drifts linearly with $λ = n s²/12 = c √B$, and another does not. As the number $B$
    of bins grows, the chance that the variance of the means of bins is larger for the drifting one
    tends to $Φ(c/2)$.
    """
    sizes = 2.0 ** np.arange(8, 17)
    values = [
        chance_by_inversion(bins - 1, root * np.sqrt(bins) * (1 - 1 / bins**2)) for bins in sizes
    ]
    law = chance_of_many_bins(root)
    trial.limit(
        values,
        sizes,
        law,
        order=0.5,
        margin=0.005 * law,
        controls={
            "a coin is tossed": 0.5,
            "the invariant one has no noise": norm.cdf(root / 2**0.5),
        },
    )


Periods = Annotated[
    int, Interval(1, 12, why="an oscillation has a period; more ask for more points")
]


@claim(
    derived("means of a sine over a bin"),
    kind="limit",
    cases=[(1, 4, 0.3), (3, 4, 0.2), (3, 10, 1.0), (12, 5, 0.0)],
)
def test_oscillation(trial, periods: Periods, bins: Bins, phase: Phase):
    """Let residuals follow $g = s sin(2π k t + φ)$ at $n$ even times $t$ in $(0, 1)$, and let $2k$
    be no multiple of $B$. The noncentrality of the variance $V_B$ of the means of $B$ equal bins,
    over $n s²/2$, tends to $(sin(π k/B)/(π k/B))²$ as $n → ∞$.
    """
    trial.require(2 * periods % bins, "2k must be no multiple of B: else the phase matters")
    sizes = 2 ** np.arange(6, 12)
    signals = [wave(per_bin * bins, periods, phase) for per_bin in sizes]
    law = wave_in_bins(periods, bins)
    wrong = {
        "bins see all variance": 1.0,
        "a bin holds twice as many periods": wave_in_bins(2 * periods, bins),
        "the sine is left out": (bins / (np.pi * periods)) ** 2,
    }
    trial.limit(
        np.array([between_bins(signal, bins) / (len(signal) / 2) for signal in signals]),
        sizes.astype(float),
        law,
        order=2,
        margin=0.005 * law,
        controls=apart(wrong, law, 0.01 * law),
    )


@claim(
    derived("the first moment of a sine"),
    kind="limit",
    cases=[(1, 0.3), (3, 0.2), (3, 1.0), (12, 0.0)],
)
def test_oscillation__contrast(trial, periods: Periods, phase: Phase):
    """Let residuals $r_i$ follow $g = s sin(2π k t + φ)$ at $n$ even times $t_i$ in $(0, 1)$. The
    noncentrality of the contrast $(∑_i r_i (t_i - ½))²/∑_i (t_i - ½)²$, over $n s²/2$, tends to
    $6 cos² φ/(π k)²$ as $n → ∞$.
    """
    sizes = 2 ** np.arange(8, 14)
    law = wave_in_contrast(periods, phase)
    trial.limit(
        np.array([contrast(wave(points, periods, phase)) / (points / 2) for points in sizes]),
        sizes.astype(float),
        law,
        order=2,
        margin=0.005 * law,
        controls={"it sees nothing of whole periods": 0.0},
    )


@claim(
    derived("whole periods have mean 0"),
    kind="identity",
    cases=[(1, 4, 0.3), (4, 2, 1.2), (2, 7, 0)],
)
def test_oscillation__blind(
    trial,
    per_bin: Annotated[int, Interval(1, 4, why="of each bin; more are as one")],
    bins: Bins,
    phase: Phase,
):
    """If an oscillation $sin(2π k t + φ)$ has whole periods in each of $B$ equal bins, so that $B$
    divides $k$, the means of the bins are equal at every number of even times with more of them in
    a bin than periods.
    """
    periods = per_bin * bins
    signal = wave(bins * (per_bin + 5), periods, phase)
    trial.value(
        between_bins(signal, bins) / (len(signal) / 2),
        wave_in_bins(periods, bins),
        error=1e-12,
        margin=1e-9,
        scale=1.0,
        controls={
            "as the contrast": wave_in_contrast(periods, phase),
            "one of $B$ degrees of all": 1 / bins,
        },
    )


@figure("F1", claims=("price-data", "power"))
def data_that_bins_need(level: float = 0.01, power: float = 0.8, runs: int = 20000):
    """For a steady drift each bin beyond two costs data, and the outer thirds cost least.

    Data needed for power .8 at level .01, over those of the linear contrast. Marks: lines: law;
    points: simulated residuals at 120 times, with two standard errors.
    """
    unit = strength_needed(power, lambda strength: power_of_contrast(strength, level))
    fine = np.arange(2, 61)
    needed = [
        strength_needed(power, lambda strength, bins=bins: power_of_bins(bins, strength, level))
        for bins in fine
    ]
    noise = residuals(np.random.default_rng(0), runs, np.zeros(120))
    shape = drift(120, 1.0)

    def found(statistic, edge, share):
        def lack(strength):
            return np.mean(statistic(noise + np.sqrt(strength) * shape) > edge) - share

        low = 1.0
        high = 200.0
        for _ in range(14):
            middle = (low + high) / 2
            low, high = (middle, high) if lack(middle) < 0 else (low, middle)
        return middle / unit

    def with_ends(statistic, edge):
        spread = 2 * np.sqrt(power * (1 - power) / runs)
        return [found(statistic, edge, power + k * spread) for k in (-1, 0, 1)]

    coarse = np.array([2, 3, 5, 8, 12, 20, 30, 60])
    low, middle, high = np.array(
        [
            with_ends(lambda v, bins=bins: between_bins(v, bins), chi2.isf(level, bins - 1))
            for bins in coarse
        ]
    ).T
    thirds = with_ends(lambda v: between_ends(v, 40), chi2.isf(level, 1))
    ends = np.array([2, 60])
    widths = np.array([[thirds[1] - thirds[0]], [thirds[2] - thirds[1]]])
    return chart(
        {"bins": (fine, np.array(needed) / unit), "outer thirds": (ends, 9 / 8)},
        {
            "bins": (coarse, middle, np.array([middle - low, high - middle])),
            "outer thirds": (np.array([3]), np.array([thirds[1]]), widths),
        },
        levels={"contrast": 1.0},
        x="number of bins B",
        y="data / data of the contrast",
        ylim=(0.9, 3.8),
    )
