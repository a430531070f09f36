"""How many samples do plain training, Mixup and linear discriminant analysis need to find the best
direction?

`AngleCurves` says how far from the Bayes direction n samples lead. Its classes are those of
`theory.mixup.classes.GaussianPair`, and what is predicted is the mean of 1 - cos of the angle to
the Bayes direction. Off that direction the noise of the weights has squared length 2x relative to
their own, and 1 - cos = 1 - (1 + 2x)^(-1/2). `samples_needed` turns the curves into sample sizes
for known classes, `samples_needed_on` for classes that are estimated from a user's data.

All derived here; the exponential law of plain training and its absence with Mixup are the subject
of Oh & Yun 2023, "Provable Benefit of Mixup for Finding Optimal Decision Boundaries", arXiv
2306.00267.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from own_data.gaussian_classes import LEVEL, alone_sufficient, departures, signal_chance
from theory.mixup import rates
from theory.mixup.classes import GaussianPair, LogSampleSize, MixingLaw, Mode
from theory_on_trial.contract import (
    ANY_NUMBER,
    MAY_BE_EMPTY,
    Fraction,
    Interval,
    guarded,
    require,
)
from theory_on_trial.own_data.answer import Answer, Doubt, axes_for
from theory_on_trial.own_data.estimate import Estimate
from theory_on_trial.own_data.features import labelled_samples
from theory_on_trial.own_data.jackknife import GROUPS, at_least, jackknife, share, stratified_groups
from theory_on_trial.own_data.neighbours import beside

Samples = Annotated[float, Interval(4, closed="()", why="d + 2 of at least two dimensions")]
_LARGEST_EXACT = 1400  # effective separability; beyond, e^(a/2) is no float64


@guarded
@dataclass(frozen=True, eq=False)
class AngleCurves:
    """The three learning curves of a pair of classes.

    The classes are at least two-dimensional; `mode` is "expected" where the mixing weight is
    averaged, "sampled" where one is drawn for each ordered pair; if not `balanced`, with n / 2
    samples of each class, each label is a fair coin.

    Raises ValueError for classes in one dimension, and laws whose limit scale is infinite where
    `mode` or `balanced` need it.

    >>> pair = GaussianPair([1.0, 0.5], [[1.0, 0.0], [0.0, 2.0]], separability=10.0)
    >>> curves = AngleCurves(pair, MixingLaw.beta(1.0))
    >>> [round(curve, 4) for curve in (curves.erm(np.log(37)), curves.mixup(37), curves.lda(37))]
    [0.0383, 0.0097, 0.0091]
    """

    pair: GaussianPair
    law: MixingLaw
    mode: Mode = "expected"
    balanced: bool = True

    def __post_init__(self) -> None:
        apart = self.pair.dim >= 2
        require(
            apart,
            "pair must be of at least two dimensions: in one, every rule has the Bayes direction",
        )

    @guarded
    def erm(self, log_n: LogSampleSize) -> float:
        """Mean 1 - cos without augmentation, for the natural logarithm of any n >= 2.

        The direction w of `theory.mixup.rates.erm_direction_at` is the bias. About it the weights
        scatter with covariance β^2 G Σ G / κ, G = (margin I + s Σ)^-1, where margin = w . μ - s w'
        Σ w >= 0 is that of the hull and s w' Σ w what noise takes from it. β^2 is 2 / f for f =
        tr(s Σ G) > 2 directions in which the hull bends (the limit of many dimensions and more
        samples), 1 for fewer, K_erm / n once data are not separable, and at least that of the
        efficient rule, (a + 1) / n.

        An interpolation: exact as n grows, and in its leading order as κ grows with log n.
        Simulated means of 60 to 300 runs (21 pairs in 2 to 20 dimensions, 1 <= a <= 220, n from 32
        to 1024, in the plane up to n = e^200) were 0.5 to 1.7 times as large, mostly 0.8 to 1.3.
        Where the law rises with n, so may the truth.
        """
        pair = self.pair
        radius = min(rates.finite_sample_radius(pair, log_n), np.sqrt(pair.signal))
        direction = rates.phase_direction(pair, radius**2 / 2)
        variance = float(direction @ pair.covariance @ direction)
        stretch = radius / np.sqrt(variance)
        margin = max(0.0, float(direction @ pair.mean) - stretch * variance)
        resolvent = np.linalg.inv(margin * np.eye(pair.dim) + stretch * pair.covariance)
        scatter = resolvent @ pair.covariance @ resolvent
        across = float(np.trace(scatter) - direction @ scatter @ direction) / pair.separability
        bends = float(stretch * np.trace(resolvent @ pair.covariance))
        efficient = min(1.0, (pair.effective_separability + 1) * np.exp(-log_n))
        consistent = np.exp(min(0.0, self._log_erm_efficiency - log_n))
        beta_squared = max(efficient, min(2 / max(2.0, bends), consistent))
        bias = pair.misalignment(direction)
        return bias + (1 - bias) * _deficit(beta_squared * across / 2)

    @cached_property
    def log_consistent(self) -> float:
        """Log n from which on the data are not separable, the direction has no bias and the curve
        falls like 1 / n.
        """
        from scipy.special import log_ndtr

        return max(
            self._log_erm_efficiency, -float(log_ndtr(-np.sqrt(self.pair.effective_separability)))
        )

    @guarded
    def mixup(self, n: Samples) -> float:
        """Mean 1 - cos of Mixup for real n > d + 2: x = T K_mix / (2 κ |b|^2 (n - d - 2)) + B κ /
        n^2.

        B is the sum of what random labels and sampled mixing weights add, zero without both.
        Simulated means of 200 runs of such pairs, weights averaged and classes balanced, were 0.7
        to 1.5 times as large at n = d + 6 and 0.86 to 1.05 at n = 64.
        """
        spare = self._spare(n)
        return _deficit(self._mixup_rate / spare + self._mixup_noise / n**2)

    @guarded
    def lda(self, n: Samples) -> float:
        """Mean 1 - cos of Fisher's rule for real n > d + 2: x = T (a + 1) / (2 κ |b|^2 (n - d -
        2)).
        """
        return _deficit(self._lda_rate / self._spare(n))

    def _spare(self, n: float) -> float:
        least = self.pair.dim + 2
        require(n > least, f"n must be above dim + 2 = {least}, got {n}")
        return float(n) - least

    @cached_property
    def _log_erm_efficiency(self) -> float:
        separability = self.pair.effective_separability
        if separability <= _LARGEST_EXACT:
            return float(np.log(rates.erm_efficiency(separability)))
        return float(np.log(2 * separability / np.pi) + separability) / 2

    @cached_property
    def _mixup_rate(self) -> float:
        efficiency = rates.mixup_efficiency(self.pair.effective_separability, self.law)
        return rates.angle_rate(self.pair, efficiency)

    @cached_property
    def _mixup_noise(self) -> float:
        coefficient = 0.0 if self.balanced else rates.imbalance_coefficient(self.pair, self.law)
        if self.mode == "sampled":
            coefficient += rates.sampled_lambda_coefficient(self.pair, self.law)
        return coefficient * self.pair.separability

    @cached_property
    def _lda_rate(self) -> float:
        return rates.angle_rate(self.pair, rates.lda_efficiency(self.pair.effective_separability))


def _deficit(noise: float) -> float:
    """1 - (1 + 2x)^(-1/2), without cancellation."""
    return float(-np.expm1(-np.log1p(2 * noise) / 2))


_LARGEST_IN_FULL = np.log(1e6)
_SCANNED = 25  # sample sizes; where the curve rises, it does so over many of them


class SampleSizes(NamedTuple):
    """Natural logarithms of real sample sizes: without augmentation they may exceed any float."""

    log_erm: float
    log_mixup: float
    log_lda: float

    def __str__(self) -> str:
        """Return the sizes themselves."""
        erm, mixup, lda = map(count, self)
        return f"plain training needs {erm} samples, Mixup {mixup}, discriminant analysis {lda}"


@guarded
def samples_needed(
    pair: GaussianPair,
    law: MixingLaw,
    target_cosine: Fraction,
    *,
    mode: Mode = "expected",
    balanced: bool = True,
) -> SampleSizes:
    """Where the curves of `AngleCurves` fall below 1 - `target_cosine` for good: of plain training,
    Mixup and LDA.

    At least 2 samples without augmentation, more than d + 2 for the others, whose laws do not go
    below. Their sizes grow in proportion to 1 / (1 - target); that of plain training is exponential
    in κ unless μ is an eigenvector of Σ or the target is low.

    `target_cosine` is the mean cosine to the Bayes direction; the other arguments are those of
    `AngleCurves`.

    Raises ValueError as `AngleCurves` and `theory.mixup.rates.mixup_efficiency`.
    Source: derived here.

    >>> pair = GaussianPair([1.0, 0.5], [[1.0, 0.0], [0.0, 2.0]], separability=10.0)
    >>> print(samples_needed(pair, MixingLaw.beta(1.0), target_cosine=0.99))
    plain training needs 2031 samples, Mixup 37, discriminant analysis 35
    """
    return where_below(AngleCurves(pair, law, mode, balanced), 1 - target_cosine)


def where_below(curves: AngleCurves, target: float) -> SampleSizes:
    """The same, of given curves: these keep what does not depend on the target."""
    least = curves.pair.dim + 2

    def of_spare(curve: Callable[[float], float]) -> float:
        # What there is beyond d + 2 may be little.
        start = float(np.log(least)) - 30
        log_spare = _first_below(
            lambda position: curve(least + float(np.exp(position))), target, start
        )
        return float(np.logaddexp(np.log(least), log_spare))

    return SampleSizes(_erm_size(curves, target), of_spare(curves.mixup), of_spare(curves.lda))


def count(log_n: float) -> str:
    """A sample size in digits, given its natural logarithm, however large."""
    if log_n < _LARGEST_IN_FULL:
        return f"{np.ceil(np.exp(log_n) - 1e-9):.0f}"
    return f"{Decimal(log_n).exp():.1e}"


def _erm_size(curves: AngleCurves, target: float) -> float:
    """Log n from which on the curve without augmentation, which may rise at places, stays below the
    target.
    """
    positions = np.linspace(np.log(2), curves.log_consistent, _SCANNED).tolist()
    last_above = next(
        (position for position in reversed(positions) if curves.erm(position) > target),
        positions[0],
    )
    return _first_below(curves.erm, target, last_above)


def _first_below(curve: Callable[[float], float], target: float, low: float) -> float:
    """Where a falling curve meets the target, or `low` where it starts below."""
    from scipy.optimize import brentq

    if curve(low) <= target:
        return low
    step = 1.0
    while curve(low + step) > target:
        low = low + step
        step = 2 * step
    return float(
        brentq(lambda position: curve(position) - target, low, low + step, xtol=1e-12, rtol=8.9e-16)
    )


Table = Annotated[Any, ANY_NUMBER, MAY_BE_EMPTY]
"""What a user has, of any library: `labelled_samples` says what is wrong with it, and where."""

_FEW = 200  # rows, below which Laplace noise mostly passes for Gaussian
_LAWS = (
    (0.5, 1.7),
    (0.5, 1.5),
    (0.7, 1.5),
)  # simulated over law: `AngleCurves`; 0.5 of Mixup was seen at a = 1.25


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SampleEstimates(Answer):
    """What `samples_needed_on` found: natural logarithms of sample sizes, freed of their
    first-order bias.

    Attributes:
        n_samples: n, without copies.
        n_features: d that vary.
        log_erm: samples that plain training needs; above log n the value and the upper end are
            infinite, as the tails that decide there are not in the data.
        log_erm_if_gaussian: the same if the tails beyond these data are Gaussian.
        log_mixup: samples that Mixup needs.
        log_lda: samples that Fisher's discriminant analysis needs.
        bayes_error: of the Gaussian classes, equally likely.
        measured_error: cross-validated error of discriminant analysis, the threshold midway between
            the class means.
        left_out: what of the data was left out, a line or none.
    """

    asked = "how many samples bring each way of training to this cosine with the Bayes direction?"
    rests_on = (
        "independent rows, two Gaussian classes of one covariance, and the units of the features"
    )
    unseen = (
        "that rows which stand apart are of one subject; tails beyond one row in n, which "
        "plain training follows"
    )
    n_samples: int
    n_features: int
    classes: tuple[Any, ...]
    target_cosine: float
    log_erm: Estimate
    log_erm_if_gaussian: Estimate
    log_mixup: Estimate
    log_lda: Estimate
    bayes_error: Estimate
    measured_error: Estimate
    left_out: tuple[str, ...]
    curves: AngleCurves

    def lines(self) -> list[str]:
        """Return the three sizes with their intervals, and the errors."""
        lines = [
            f"{self.n_samples} samples, {self.n_features} features: to reach a cosine of "
            f"{self.target_cosine:g}"
        ]
        if self.log_erm.value == np.inf:
            beyond = _sizes(self.log_erm_if_gaussian)
            lines.append(f"  plain training needs more than {count(self.log_erm.low)} samples")
            lines.append(f"    ({beyond} if tails stay Gaussian farther out than these data reach)")
        else:
            lines.append(f"  plain training needs         {_sizes(self.log_erm)} samples")
        lines += [
            f"  Mixup needs                  {_sizes(self.log_mixup)} samples",
            f"  discriminant analysis needs  {_sizes(self.log_lda)} samples",
            f"  Bayes error {self.bayes_error}, measured {self.measured_error}",
        ]
        return [*lines, *self.left_out]

    def to_do(self) -> str:
        """Return which ways of training surely reach the target with as many samples as there
        are.
        """
        names = {
            "plain training": self.log_erm,
            "Mixup": self.log_mixup,
            "discriminant analysis": self.log_lda,
        }
        enough = [name for name, size in names.items() if size.high <= np.log(self.n_samples)]
        is_known = self.answerable and enough
        return (
            f"these {self.n_samples} samples are enough for {', '.join(enough)}" if is_known else ""
        )

    def plot(self, axes: Any = None) -> Any:
        """Draw the learning curves of the fitted classes (lines) and the sizes with their intervals
        (points).
        """
        axes = axes_for(axes)
        sizes = (self.log_erm_if_gaussian, self.log_mixup, self.log_lda)
        names = ("plain training", "Mixup", "discriminant analysis")
        log_end = max(size.value for size in sizes) + 1
        laws = (
            self.curves.erm,
            lambda log_n: self.curves.mixup(np.exp(log_n)),
            lambda log_n: self.curves.lda(np.exp(log_n)),
        )
        for colour, name, law, size in zip(("C1", "C0", "C2"), names, laws, sizes, strict=True):
            logs = np.linspace(np.log(self.n_features + 3), min(log_end, 600), 80)
            axes.plot(np.exp(logs), [law(float(log_n)) for log_n in logs], color=colour, label=name)
            value, low, high = np.exp(np.minimum(size, 600))
            axes.errorbar(
                value,
                1 - self.target_cosine,
                xerr=[[value - low], [high - value]],
                fmt="o",
                color=colour,
            )
        if np.exp(min(log_end, 600)) > self.n_samples:
            axes.axvspan(
                self.n_samples,
                np.exp(min(log_end, 600)),
                color="0.93",
                zorder=0,
                label="beyond these data",
            )
        axes.set(
            xscale="log",
            yscale="log",
            xlabel="training samples n",
            ylabel="1 - cosine to the Bayes direction",
        )
        axes.legend()
        return axes


def _sizes(logs: Estimate) -> str:
    high = count(logs.high) if np.isfinite(logs.high) else "inf"
    return f"{count(logs.value)} [{count(logs.low)}, {high}]"


@guarded
def samples_needed_on(
    X: Table,
    y: Table,
    law: MixingLaw,
    target_cosine: Fraction,
    *,
    mode: Mode = "expected",
    balanced: bool = True,
    confidence: Fraction = 0.95,
) -> SampleEstimates:
    """`samples_needed` for Gaussian classes with the means and the pooled covariance of the data
    (X, y).

    The origin is put midway between the class means and κ is 1, the covariance being Σ / κ.
    Cosines, and so the sizes, depend on the units of the features, as plain training and Mixup
    themselves do.

    Where the data are surely not Gaussian with one covariance (`own_data.gaussian_classes`, at 1
    %), or discriminant analysis surely errs otherwise than such classes would have it, or no signal
    shows (Wilks' test at 1 %), the answer is none. Plain training follows the farthest points: no
    size above n is given as a number, as no tail is seen farther out than one sample in n.

    Intervals are those of the grouped jackknife (20 random groups, stratified, fixed seed) with
    Student's quantile, each at `confidence` on its own, asymptotic in n for fixed d, and widened by
    what the laws of `AngleCurves` are off by where they were simulated. The measured error has
    Wilson's.

    Args:
        X: n rows of d >= 2 numbers, a matrix or a data frame.
        y: n labels of two classes: integers, booleans, strings or categories; not floats.
        law: of the mixing weight.
        target_cosine: mean cosine to the Bayes direction.
        mode: as in `samples_needed`.
        balanced: whether the classes would be drawn equally often; those of the data need not be.
        confidence: of each interval.

    Raises as `labelled_samples` and `samples_needed`, and ValueError for other than two classes.
    Source: derived here.

    >>> labels = np.arange(200) % 2
    >>> noise = np.random.default_rng(0).normal(size=(200, 3))
    >>> points = noise + np.outer(labels, [3.0, 1.0, 0.5])
    >>> found = samples_needed_on(points, labels, MixingLaw.beta(1.0, 8), 0.98)
    >>> [round(size.value, 1) for size in (found.log_erm, found.log_mixup, found.log_lda)]
    [4.6, 4.4, 4.3]
    """
    from scipy.special import ndtr, ndtri

    samples = labelled_samples(X, y)
    features = samples.features
    labels = samples.labels
    classes = samples.classes
    require(len(classes) == 2, f"y must hold 2 classes, got {len(classes)}")
    groups = stratified_groups(labels)
    fits = [
        _Fit.of(features, labels, rows)
        for rows in [groups >= 0, *(groups != group for group in range(GROUPS))]
    ]

    def sizes_of(curves: AngleCurves, factor: float = 1.0) -> SampleSizes:
        return where_below(curves, min((1 - target_cosine) / factor, (2 - target_cosine) / 2))

    n, d = features.shape
    curves = [AngleCurves(fit.pair, law, mode, balanced) for fit in fits]
    sizes = np.array([sizes_of(curve) for curve in curves])
    least = np.log([2, d + 2, d + 2])
    needs = [
        at_least(jackknife(column, confidence), end)
        for column, end in zip(sizes.T, least, strict=True)
    ]
    for at, (below, above) in enumerate(_LAWS):
        lower, upper = (sizes_of(curves[0], factor)[at] - sizes[0, at] for factor in (below, above))
        needs[at] = at_least(
            Estimate(needs[at].value, needs[at].low + lower, needs[at].high + upper), least[at]
        )
    log_erm, log_mixup, log_lda = needs
    bayes_error = jackknife(np.array([fit.pair.bayes_error for fit in fits]), confidence, "probit")
    errors = sum(
        fit.errors(features, labels, groups == group) for group, fit in enumerate(fits[1:])
    )
    measured = share(errors, n, confidence)
    # The squared tangent of the angle between the rule and the best one, where the noise is round.
    noise = (d - 1) * (1 + 1 / fits[0].pair.effective_separability) / (n - d - 2)
    worst = float(ndtr(ndtri(bayes_error.high) / np.sqrt(1 + noise)))
    pair = fits[0].pair
    against = departures(
        features, labels, samples.columns, np.stack([pair.bayes_direction, pair.mean], axis=1)
    )
    if measured.high < bayes_error.low or measured.low > worst:
        against = (*against, "discriminant analysis errs otherwise than on such classes")
    missing = (
        f"all three laws assume Gaussian classes of one covariance, but {against[0]}"
        if against
        else ""
    )
    if signal_chance(features, labels) > LEVEL:
        missing = (
            f"no signal: these {n} samples do not show that the features distinguish the classes"
        )
    unit = "of the logarithm of a size"
    doubts = [
        Doubt(
            f"column {name!r} alone tells the classes, it may be the label in disguise",
            np.inf,
            unit,
        )
        for name in (*samples.leaks, *alone_sufficient(features, labels, samples.columns))
    ]
    if log_lda.value > np.log(n):
        doubts.append(
            Doubt(
                "the Bayes direction of these data is not known as well as the target asks",
                np.inf,
                unit,
            )
        )
    if log_erm.value < np.log(4 * d):
        doubts.append(
            Doubt(
                "plain training needs fewer than four samples per feature, its law is rough",
                np.inf,
                unit,
            )
        )
    if n < _FEW:
        doubts.append(
            Doubt(f"{n} rows are too few to show tails that are not Gaussian", np.inf, unit)
        )
    if beside(features - fits[0].midpoint - (2 * labels[:, None] - 1) * pair.mean):
        doubts.append(
            Doubt("rows that follow each other are alike: fewer are independent", np.inf, unit)
        )
    if samples.copies:
        doubts.append(Doubt("copies of rows count once", float(np.log1p(samples.copies / n)), unit))
    reach = float(np.log(n))
    return SampleEstimates(
        n_samples=n,
        n_features=d,
        classes=classes,
        target_cosine=target_cosine,
        log_erm=Estimate(*(end if end <= reach else np.inf for end in log_erm))._replace(
            low=min(log_erm.low, reach)
        ),
        log_erm_if_gaussian=log_erm,
        log_mixup=log_mixup,
        log_lda=log_lda,
        bayes_error=bayes_error,
        measured_error=measured,
        left_out=tuple(samples.left_out),
        curves=curves[0],
        level=confidence,
        doubts=tuple(doubts),
        missing=missing,
    )


@dataclass(frozen=True, eq=False)
class _Fit:
    pair: GaussianPair
    midpoint: Float[np.ndarray, " features"]

    @classmethod
    def of(
        cls,
        features: Float[np.ndarray, "samples features"],
        labels: Int[np.ndarray, " samples"],
        rows: Bool[np.ndarray, " samples"],
    ) -> "_Fit":
        features = features[rows]
        labels = labels[rows]
        means = np.array([features[labels == k].mean(axis=0) for k in (0, 1)])
        apart = np.any(means[1] != means[0])
        require(
            apart,
            "X must have classes with different means, also without any twentieth of the rows",
        )
        residuals = features - means[labels]
        covariance = residuals.T @ residuals / (len(labels) - 2)
        return cls(GaussianPair((means[1] - means[0]) / 2, covariance, 1.0), means.mean(axis=0))

    def errors(
        self,
        features: Float[np.ndarray, "samples features"],
        labels: Int[np.ndarray, " samples"],
        rows: Bool[np.ndarray, " samples"],
    ) -> int:
        """Wrong predictions of the Bayes rule of the pair on these rows."""
        scores = (features[rows] - self.midpoint) @ self.pair.bayes_direction
        return int(np.sum((scores > 0) != (labels[rows] == 1)))
