"""The sample sizes for classes that are estimated from a user's data."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from jaxtyping import Bool, Float, Int

from own_data.gaussian_classes import LEVEL, alone_sufficient, departures, signal_chance
from own_data.mixup.calculator import SampleSizes, count, where_below
from own_data.mixup.curves import AngleCurves, Mode
from theory.mixup import GaussianPair, MixingLaw
from theory_on_trial.contract import ANY_NUMBER, MAY_BE_EMPTY, Fraction, guarded, require
from theory_on_trial.own_data.answer import Answer, Doubt, axes_for
from theory_on_trial.own_data.estimate import Estimate
from theory_on_trial.own_data.features import labelled_samples
from theory_on_trial.own_data.jackknife import GROUPS, at_least, jackknife, share, stratified_groups
from theory_on_trial.own_data.neighbours import beside

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
