"""The sample sizes for classes that are estimated from a user's data."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from jaxtyping import Bool, Float, Int

from own_data.mixup.calculator import count, samples_needed
from own_data.mixup.curves import Mode
from theory.mixup import GaussianPair, MixingLaw
from theory_on_trial.contract import ANY_NUMBER, MAY_BE_EMPTY, Fraction, guarded, require
from theory_on_trial.own_data.estimate import Estimate
from theory_on_trial.own_data.features import checked_features
from theory_on_trial.own_data.jackknife import GROUPS, at_least, jackknife, share, stratified_groups

Table = Annotated[Any, ANY_NUMBER, MAY_BE_EMPTY]
"""What a user has, of any library: `checked_features` says what is wrong with it, and where."""


@dataclass(frozen=True, eq=False, repr=False)
class SampleEstimates:
    """What `samples_needed_on` found. Every `Estimate` is a value freed of its first-order bias, and an interval.

    Attributes:
        n_samples: n.
        n_features: d.
        classes: the two labels.
        target_cosine: to the Bayes direction.
        log_erm: natural logarithm of the samples that plain training needs.
        log_mixup: natural logarithm of the samples that Mixup needs.
        log_lda: natural logarithm of the samples that Fisher's discriminant analysis needs.
        bayes_error: of the Gaussian classes, equally likely.
        measured_error: cross-validated error of discriminant analysis, the threshold midway between the class means.
        doubts: sentences on what in this result is not to be trusted, and why.
    """

    n_samples: int
    n_features: int
    classes: tuple[Any, ...]
    target_cosine: float
    log_erm: Estimate
    log_mixup: Estimate
    log_lda: Estimate
    bayes_error: Estimate
    measured_error: Estimate
    doubts: tuple[str, ...]

    def __repr__(self) -> str:
        """Return one line per finding, with its interval, and the doubts."""
        lines = [f"{self.n_samples} samples, {self.n_features} features: to reach a cosine of {self.target_cosine:g}"]
        sizes = {"plain training": self.log_erm, "Mixup": self.log_mixup, "discriminant analysis": self.log_lda}
        for name, size in sizes.items():
            lines.append(f"  {name + ' needs':<28} {count(size.value)} [{count(size.low)}, {count(size.high)}] samples")
        lines.append(f"  {'Bayes error':<28} {self.bayes_error}")
        lines.append(f"  {'measured error of the last':<28} {self.measured_error}")
        return "\n".join(lines + [f"  doubt: {doubt}" for doubt in self.doubts])


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
    """`samples_needed` for Gaussian classes with the means and the pooled covariance of the data (X, y).

    The origin is put midway between the class means and kappa is 1, the covariance being Sigma / kappa. Cosines, and so
    the sizes, depend on the units of the features, as plain training and Mixup themselves do.

    Intervals are those of the grouped jackknife (20 random groups, stratified, fixed seed) with Student's quantile,
    each at `confidence` on its own: asymptotic in n for fixed d. The measured error has Wilson's. Measured coverage at
    95 %, Gaussian classes, n = 200, d = 5, a = 3.2, 60 data sets: 95 to 100 % for the three sizes and the Bayes error.

    Args:
        X: n rows of d >= 2 numbers, a matrix or a data frame.
        y: n labels of two classes: integers, booleans, strings or categories; not floats.
        law: of the mixing weight.
        target_cosine: mean cosine to the Bayes direction.
        mode: as in `samples_needed`.
        balanced: whether the classes would be drawn equally often; those of the data need not be.
        confidence: of each interval.

    Raises TypeError for X without numbers and float labels; ValueError for X that is not finite, other than two
    classes, too few rows, features that do not vary or depend linearly on each other within the classes, and as
    `samples_needed`.
    Source: derived here.

    >>> labels = np.arange(200) % 2
    >>> noise = np.random.default_rng(0).normal(size=(200, 3))
    >>> found = samples_needed_on(noise + np.outer(labels, [3.0, 1.0, 0.5]), labels, MixingLaw.beta(1.0, 8), 0.99)
    >>> [round(size.value, 1) for size in (found.log_erm, found.log_mixup, found.log_lda)]
    [5.3, 5.1, 5.0]
    """
    from scipy.special import ndtr, ndtri

    _, labels, classes = checked_features(X, y)
    require(len(classes) == 2, f"y must hold 2 classes, got {len(classes)}")
    features = np.asarray(X, dtype=float)
    groups = stratified_groups(labels)
    fits = [_Fit.of(features, labels, rows) for rows in [groups >= 0, *(groups != group for group in range(GROUPS))]]
    sizes = np.array([samples_needed(fit.pair, law, target_cosine, mode=mode, balanced=balanced) for fit in fits])
    n, d = features.shape
    log_erm, log_mixup, log_lda = (
        at_least(jackknife(column, confidence), np.log(least))
        for column, least in zip(sizes.T, (2, d + 2, d + 2), strict=True)
    )
    bayes_error = jackknife(np.array([fit.pair.bayes_error for fit in fits]), confidence, "probit")
    wrong = sum(fit.errors(features, labels, groups == group) for group, fit in enumerate(fits[1:]))
    measured = share(wrong, n, confidence)
    # The squared tangent of the angle between the rule and the best one, where the noise is round.
    noise = (d - 1) * (1 + 1 / fits[0].pair.effective_separability) / (n - d - 2)
    worst = float(ndtr(ndtri(bayes_error.high) / np.sqrt(1 + noise)))
    doubts = (
        (
            measured.high < bayes_error.low or measured.low > worst,
            "the measured error is not that of Gaussian classes of one covariance: distrust all sizes",
        ),
        (
            log_lda.value > np.log(n),
            "discriminant analysis needs more samples than these: their own Bayes direction is not known that well",
        ),
        (
            log_erm.value < np.log(4 * d),
            "plain training needs fewer than four samples per feature, where its law is rough",
        ),
    )
    return SampleEstimates(
        n_samples=n,
        n_features=d,
        classes=classes,
        target_cosine=target_cosine,
        log_erm=log_erm,
        log_mixup=log_mixup,
        log_lda=log_lda,
        bayes_error=bayes_error,
        measured_error=measured,
        doubts=tuple(sentence for doubtful, sentence in doubts if doubtful),
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
        features, labels = features[rows], labels[rows]
        means = np.array([features[labels == k].mean(axis=0) for k in (0, 1)])
        apart = np.any(means[1] != means[0])
        require(apart, "X must have classes with different means, also without any twentieth of the rows")
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
