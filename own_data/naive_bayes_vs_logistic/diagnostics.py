"""Says in numbers and in words how far the assumptions behind naive Bayes hold on a user's
features, and which classifier has the smaller error with how many samples.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from jaxtyping import Float, Int

from own_data.naive_bayes_vs_logistic.learning_curves import (
    Fit,
    LogisticCurve,
    NaiveBayesCurve,
    fit,
    growth_exponent,
    kind_order,
    limits,
)
from own_data.naive_bayes_vs_logistic.measured import (
    BETWEEN,
    LEVEL,
    Measured,
    alone_sufficient,
    clusters_apart,
    crossing,
    departures,
    measure,
    signal_chance,
)
from own_data.naive_bayes_vs_logistic.two_classes import Limits, two_class_limits
from theory_on_trial.contract import Fraction, Interval, guarded
from theory_on_trial.own_data.answer import Answer, Doubt, axes_for
from theory_on_trial.own_data.arrays import require_memory
from theory_on_trial.own_data.estimate import Estimate, intervals
from theory_on_trial.own_data.features import Samples, groups_of, labelled_samples
from theory_on_trial.own_data.jackknife import GROUPS, Scale, at_least, jackknife, stratified_groups
from theory_on_trial.own_data.neighbours import beside
from theory_on_trial.own_data.table import Handed, class_numbers

Regime = Literal["O(1)", "O(log n)", "O(n)", "never", "undecided"]

_SENTENCES: dict[Regime, str] = {
    "O(1)": "O(1), naive Bayes needs no more samples for more such features",
    "O(log n)": "O(log n), naive Bayes needs hardly more samples for more such features",
    "O(n)": "O(n), naive Bayes needs ever more samples for more such features",
    "never": "never, no number of samples brings naive Bayes near the Bayes error",
    "undecided": "undecided, the data do not say how many samples naive Bayes needs for more such "
    "features",
}


@dataclass(frozen=True, eq=False)
class Predicted:
    """The predictions of the theory for Gaussian classes of one covariance.

    n is the number of features and K that of classes; l_k is the score of class k in naive Bayes.
    Every `Estimate` is freed of its first-order bias. Errors are error rates, from 0 to 1.

    Attributes:
        beta: the absolute mean of l_k1 - l_k2 over class k, divided by n, as fitted, at the place
            [k1, k2, k] of an array [K, K, K].
        alpha: the variance of l_k1 - l_k2 over class k, divided by n, as fitted, at [k1, k2, k].
        least_beta: the least mean of l_k - l_j over class k, divided by n; the theorem assumes that
            it stays away from zero.
        greatest_alpha: the largest variance of l_k - l_j over class k, divided by n; the theorem
            assumes that it is bounded.
        variance_percentiles: the 0th, 10th, ..., 100th percentile of the pooled variances of the
            features after min-max scaling.
        rho_0: the least of these variances and of the shares of the classes.
        largest_eigenvalue: the largest eigenvalue of the correlation matrix of the features, from 1
            (uncorrelated features) to n (copies of one feature).
        naive_bayes_error: the error of naive Bayes with infinite data.
        bayes_error: the error of logistic regression and of linear discriminant analysis with
            infinite data.
        gap: `naive_bayes_error` - `bayes_error`, which is never negative.
        samples: the number of samples m (a real number) from which on the error of naive Bayes
            exceeds its limit by at most `excess`, for two classes in proportion that share
            variances; None, as are `growth` and `naive_bayes`, where the law does not hold.
        growth: the exponent of n with which `samples` grows, from half of the features to all.
        regime: how the number of samples grows that naive Bayes needs to come within `excess` of
            the Bayes error.
        naive_bayes: the learning curve of naive Bayes with variances that the classes share.
        logistic: the learning curve of logistic regression without a penalty, which holds from its
            `fewest` samples on; None for unequal classes.
    """

    beta: Float[np.ndarray, "classes classes classes"]
    alpha: Float[np.ndarray, "classes classes classes"]
    least_beta: Estimate
    greatest_alpha: Estimate
    variance_percentiles: tuple[Estimate, ...]
    rho_0: Estimate
    largest_eigenvalue: Estimate
    naive_bayes_error: Estimate
    bayes_error: Estimate
    gap: Estimate
    samples: Estimate | None
    growth: Estimate | None
    regime: Regime
    naive_bayes: NaiveBayesCurve | None
    logistic: LogisticCurve | None


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class AssumptionDiagnostics(Answer):
    """The answer of `assumption_diagnostics`.

    A classifier is ahead if its error is smaller, and surely ahead if the interval of the
    difference excludes 0.

    Attributes:
        n_samples: m, the number of rows without copies.
        n_features: n, the number of features that vary.
        classes: the K labels, in the order of every axis over classes.
        most_frequent: the number of the most frequent class, which the constant rule predicts.
        left_out: a line that names the rows and columns that were left out; empty if there are
            none.
        measured: the cross-validated errors of both classifiers at several sizes of the training
            set.
        crossing: the number of training samples from which on logistic regression is ahead, up to
            the largest size measured. Its interval starts at 0 if naive Bayes is nowhere surely
            ahead (then `high` is an upper bound), and ends at infinity if logistic regression is
            not surely ahead at the largest size (then `low` is a lower bound).
        departures: sentences on what in the data surely contradicts the theory's assumptions; if
            there are any, nothing is predicted.
        predicted: the predictions of the theory; None if there are departures or no signal.
    """

    asked = "naive Bayes or logistic regression on these features, and with how many samples?"
    rests_on = (
        "independent rows; what is predicted also on Gaussian classes of one covariance, in "
        "proportion where they "
        "train (labels drawn at random need some 1 + 1 / n times the samples, n features)"
    )
    unseen = "rows of another kind than these, and who is ahead beyond the largest size measured"
    n_samples: int
    n_features: int
    classes: tuple[Any, ...]
    most_frequent: int
    left_out: tuple[str, ...]
    measured: tuple[Measured, ...]
    crossing: Estimate
    departures: tuple[str, ...]
    predicted: Predicted | None

    def lines(self) -> list[str]:
        """Return the lines on which classifier is ahead, on the measured errors, and on the
        theory's predictions or why there are none.
        """
        last = self.measured[-1]
        lines = [
            f"{self.n_samples} samples, {self.n_features} features, {len(self.classes)} classes: "
            f"{self._ahead()}",
            f"measured with {last.size} to train: naive Bayes errs by {last.naive_bayes}, "
            f"logistic regression by {last.logistic}, always {self._most!r} by {last.constant}",
        ]
        if self.predicted is None:
            lines.append(
                "nothing predicted, as the data are not what the theory assumes: "
                f"{self.departures[0]}"
            )
        else:
            theory = self.predicted
            if theory.samples is None:
                law = (
                    "two classes"
                    if len(self.classes) > 2
                    else "equally likely classes, or of a gap below the excess, and of at most 1e15"
                )
                lines.append(f"samples that naive Bayes needs: not known, the law is that of {law}")
            elif theory.regime != "never":
                lines.append(
                    f"samples that naive Bayes needs: {theory.samples}, growing with "
                    f"n^{theory.growth}"
                )
            lines += [
                _SENTENCES[theory.regime],
                f"with infinite data naive Bayes errs by {theory.naive_bayes_error}, the best "
                "rule by "
                f"{theory.bayes_error}",
            ]
        return [*lines, *self.left_out]

    def to_do(self) -> str:
        """Return which classifier to take at the largest size measured, neither if always the most
        frequent class may be as good; "" if it is not known which.
        """
        last = self.measured[-1]
        if not self.answerable:
            return ""
        if last.gain.low <= 0:
            return (
                f"take neither: with {last.size} samples to train the better one is not surely "
                f"better than always {self._most!r}"
            )
        if last.lead.low <= 0 <= last.lead.high:
            return ""
        name = "naive Bayes" if last.lead.value > 0 else "logistic regression"
        return f"take {name} with {last.size} samples to train"

    @property
    def _most(self) -> Any:
        return self.classes[self.most_frequent]

    def _ahead(self) -> str:
        value, low, high = self.crossing
        smallest = self.measured[0].size
        largest = self.measured[-1].size
        if high == np.inf:
            if low == 0:
                sure = [str(row.size) for row in self.measured if row.lead.high < 0]
                if sure:
                    return (
                        f"logistic regression is ahead with {', '.join(sure)} samples, "
                        f"undecided up to {largest}"
                    )
                return f"undecided, neither classifier is surely ahead with up to {largest} samples"
            if low == largest:
                return f"naive Bayes is ahead with {largest} samples; a crossing would lie above"
            return f"naive Bayes is ahead with {low:g} samples, undecided from there to {largest}"
        if low == 0:
            bound = "already" if high == smallest else "at the latest"
            return f"logistic regression is ahead {bound} from m = {high:g} on"
        return f"logistic regression is ahead from m = {value:.3g} [{low:g}, {high:g}] on"

    def to_frame(self) -> Any:
        """Return a data frame with a row for each number of training samples: the measured errors
        and their difference, with their intervals.
        """
        import pandas

        rows = [
            intervals(
                **{
                    "naive Bayes": row.naive_bayes,
                    "logistic regression": row.logistic,
                    "logistic less naive Bayes": row.lead,
                    "most frequent class": row.constant,
                }
            )
            for row in self.measured
        ]
        return pandas.DataFrame(
            rows, index=pandas.Index([row.size for row in self.measured], name="samples")
        )

    def plot(self, axes: Any = None) -> Any:
        """Draw the measured errors (points), the predicted ones (lines) and the interval of the
        crossing (grey), and return the axes.
        """
        axes = axes_for(axes)
        sizes = np.array([row.size for row in self.measured], float)
        curves: list[Any] = []
        if self.predicted is not None:
            curves = [
                (
                    self.predicted.naive_bayes_error.value,
                    self.predicted.naive_bayes,
                    "variances shared",
                ),
                (self.predicted.bayes_error.value, self.predicted.logistic, "without a penalty"),
            ]
        for colour, attribute, name in (
            ("C0", "naive_bayes", "naive Bayes"),
            ("C1", "logistic", "logistic regression"),
        ):
            value, low, high = np.array([getattr(row, attribute) for row in self.measured]).T
            xs = sizes * (0.98 if colour == "C0" else 1.02)
            axes.errorbar(
                xs,
                value,
                [value - low, high - value],
                fmt="o",
                color=colour,
                label=f"{name}, measured",
            )
        for colour, (limit, curve, what) in zip(("C0", "C1"), curves, strict=False):
            if curve is None or curve.fewest > 4 * sizes[-1]:
                continue
            grid = np.geomspace(max(sizes[0], curve.fewest), 4 * sizes[-1], 60)
            errors = [limit + curve.excess(float(size)) for size in grid]
            axes.plot(grid, np.minimum(errors, 1), color=colour, label=f"predicted, {what}")
        if self.crossing.low > 0 or np.isfinite(self.crossing.high):
            ends = max(self.crossing.low, sizes[0] / 1.3), min(self.crossing.high, 4 * sizes[-1])
            axes.axvspan(*ends, color="0.9", zorder=0, label="crossing, interval")
        axes.set(xscale="log", xlabel="training samples m", ylabel="error rate", ylim=(0, None))
        axes.legend()
        return axes


_LAW = 0.05
_JUDGED = 20_000  # rows
_RARE = 0.3
_FROM = 20.0  # off by this share and this over samples of the rarer class, from so many on


@guarded
def assumption_diagnostics(
    X: Handed,
    y: Handed,
    *,
    groups: Handed = None,
    excess: Annotated[float, Interval(0, 0.5, "()")] = 0.01,
    confidence: Fraction = 0.95,
) -> AssumptionDiagnostics:
    """Measure from how many samples on Gaussian naive Bayes or ridge logistic regression errs less,
    and predict how this continues.

    The measured errors are cross-validated and hold for data of any law. The predictions are for
    Gaussian classes of one covariance, and there are none if a test at 1 % contradicts this.

    Args:
        X: m rows of n >= 2 features, a data frame or an array.
        y: the class of each row.
        groups: the group to which each row belongs, such as a person; whole groups are held out.
        excess: the amount, between 0 and 0.5, by which the error of naive Bayes may exceed its
            limit for the number of samples to count as enough.
        confidence: the confidence of each predicted interval, and of all measured intervals
            together.

    Raises TypeError or ValueError, with a sentence that names the argument; ValueError also for
    fewer than 40 rows or groups.

    Source: σ^2, β and α are those of the code of Zheng et al. 2023, arXiv 2302.02334; else derived
    here.

    >>> labels, rng = np.arange(400) % 2, np.random.default_rng(0)
    >>> result = assumption_diagnostics(rng.normal(size=(400, 10)) + 0.8 * labels[:, None], labels)
    >>> result.predicted.regime
    'O(log n)'
    """
    samples = labelled_samples(X, y)
    features = samples.features
    labels = samples.labels
    columns = samples.columns
    require_memory(
        "X", 8 * features.size + 2 * ((len(samples.classes) - 1) * (len(columns) + 1)) ** 2
    )
    of_row = None
    parts = stratified_groups(labels)
    if groups is not None:
        of_row, parts = groups_of(_rows_of(groups, samples), len(labels))
    measured = measure(features, labels, confidence, of_row)
    # The theory is asked of rows enough, drawn at random.
    some = np.sort(np.random.default_rng(0).permutation(len(labels))[:_JUDGED])
    unit_features = features[some] / np.ptp(features, axis=0)
    of_some = labels[some]
    parts = parts[some]
    leaks = (*samples.leaks, *alone_sufficient(features, labels, columns))
    best = min(min(m.naive_bayes.high, m.logistic.high) for m in measured)
    masks = [np.ones(len(some), bool), *(parts != group for group in range(GROUPS))]
    fits = [
        fit(unit_features[rows], of_some[rows], len(samples.classes))
        for rows in masks[: 1 if leaks else None]
    ]
    reasons = tuple(f"column {name!r} alone tells the classes" for name in leaks)
    reasons = reasons or departures(unit_features, of_some, columns, fits[0].directions)
    reasons = tuple(sorted(reasons, key=lambda one: BETWEEN not in one))
    # Variances and correlations may tell the classes where their means do not.
    level_means = not leaks and signal_chance(features, labels) > LEVEL
    in_squares = level_means and any(BETWEEN in sentence for sentence in reasons)
    silent = level_means and not in_squares and best >= 1 - np.bincount(labels).max() / len(labels)
    predicted = None
    if not reasons and not silent:
        predicted = _predicted(fits, excess, confidence, len(some))
        if best < predicted.bayes_error.low:
            reasons = ("a classifier errs less than the best rule could for Gaussian classes",)
            predicted = None
    disguise = (
        "alone tells the classes: it may be the label in disguise, so leave it out and ask again"
    )
    clues = [f"column {name!r} {disguise}" for name in leaks]
    if in_squares:
        squares = (
            "variances or correlations tell the classes apart and means do not: add squares and "
            "products of the columns, "
        )
        clues.append(f"{squares}which neither classifier sees all of")
    doubts = [Doubt(reason, np.inf, "of the error rate") for reason in clues]
    if of_row is None and not silent:
        doubts += _dependent(features, labels)
    if samples.copies:
        doubts.append(Doubt("rows that are copies of others count once", samples.copies, "samples"))
    return AssumptionDiagnostics(
        n_samples=len(labels),
        n_features=len(columns),
        classes=samples.classes,
        most_frequent=int(np.bincount(labels).argmax()),
        left_out=tuple(samples.left_out),
        measured=measured,
        crossing=crossing(measured),
        departures=reasons,
        predicted=predicted,
        level=confidence,
        doubts=tuple(doubts),
        missing=f"no signal: in these {len(labels)} samples neither means, variances nor "
        "correlations of two features "
        "differ between the classes beyond chance; more samples or features might tell them, or "
        "three features together"
        if silent
        else "",
    )


def _rows_of(groups: Handed, samples: Samples) -> Int[np.ndarray, " samples"]:
    """Return the groups of those rows that were not left out."""
    of_row = class_numbers("groups", groups, rows=len(samples.rows) + samples.copies)[0]
    return of_row[samples.rows]


def _dependent(
    features: Float[np.ndarray, "samples features"],
    labels: Int[np.ndarray, " samples"],
) -> list[Doubt]:
    """Return doubts if rows may belong together, because the measured errors then say nothing about
    rows of new groups.
    """
    means = np.array([features[labels == k].mean(axis=0) for k in range(int(labels.max()) + 1)])
    following = beside(features - means[labels])
    doubts = []
    if following:
        doubts.append(
            Doubt(
                f"rows that follow each other are alike (correlation {following:.2f}): unless they "
                "were sorted, pass groups=, or errors on new groups may be larger",
                np.inf,
                "of the error rate",
            )
        )
    apart = clusters_apart(features, labels)
    if apart > 0:
        doubts.append(
            Doubt(
                "errors on clusters of rows that are not in training are far larger than on other "
                "rows: if rows belong together, such as those of one person, pass groups=",
                apart,
                "of the error rate",
            )
        )
    return doubts


def _predicted(fits: list[Fit], excess: float, confidence: float, n_samples: int) -> Predicted:
    def estimate(statistic: Callable[[Fit], float], scale: Scale = "linear") -> Estimate:
        return jackknife(np.array([statistic(member) for member in fits]), confidence, scale)

    naive_bayes_error, bayes_error, gap = _limits(fits, confidence)
    percentiles = np.array([np.percentile(f.variances, range(0, 101, 10)) for f in fits])
    n_features = len(fits[0].variances)
    n_classes = len(fits[0].priors)
    largest = at_least(estimate(lambda one: one.largest_eigenvalue, "log"), 1.0)
    equal = _as_if_equal(fits[0])
    is_known = n_classes == 2 and (equal or gap.value <= excess)
    samples, growth = _needs(fits, excess, confidence) if is_known else (None, None)
    guessing = naive_bayes_error.high >= 1 - fits[0].priors.max() - excess
    return Predicted(
        beta=fits[0].beta,
        alpha=fits[0].alpha,
        least_beta=estimate(lambda one: one.least_beta),
        greatest_alpha=estimate(lambda one: one.greatest_alpha, "log"),
        variance_percentiles=tuple(jackknife(column, confidence) for column in percentiles.T),
        rho_0=estimate(lambda one: float(min(one.variances.min(), one.priors.min())), "log"),
        largest_eigenvalue=_largest_eigenvalue(
            fits[0].largest_eigenvalue, largest, n_features, n_samples - n_classes
        ),
        naive_bayes_error=naive_bayes_error,
        bayes_error=bayes_error,
        gap=gap,
        samples=samples,
        growth=growth,
        regime="undecided" if guessing else _regime(gap, growth, excess, n_features),
        naive_bayes=fits[0].naive_bayes if samples else None,
        logistic=fits[0].logistic if equal else None,
    )


def _limits(fits: list[Fit], confidence: float) -> Limits:
    """Return the errors of both classifiers with infinite data, and their difference.

    Those of two classes have intervals from the laws of the fitted moments, those of several from
    the jackknife.
    """
    whole = fits[0]
    if len(whole.priors) == 2:
        difference = whole.means[1] - whole.means[0]
        return two_class_limits(difference, whole.covariance, whole.counts, confidence)
    naive_bayes, bayes = limits(fits)
    best = jackknife(bayes, confidence, "probit")
    ends = zip(jackknife(naive_bayes, confidence, "probit"), best, strict=True)
    gap = at_least(jackknife(naive_bayes - bayes, confidence), 0.0)
    return Limits(Estimate(*(max(pair) for pair in ends)), best, gap)


def _as_if_equal(one: Fit) -> bool:
    """Tell whether the law of equally likely classes holds for these classes to 5 %.

    The shares p and q of two classes change the density at the boundary by the factor
    2 sqrt(p q) e^(-log(p / q)^2 / (2 Δ^2)). Derived here.
    """
    first, second = np.triu_indices(len(one.priors), 1)
    p, q = (one.priors[k] / (one.priors[first] + one.priors[second]) for k in (first, second))
    distances = np.maximum(one.naive_bayes.distances, 1e-300)
    return bool(np.all(np.log(p / q) ** 2 / (2 * distances) - np.log(4 * p * q) / 2 < _LAW))


def _needs(
    fits: list[Fit], excess: float, confidence: float
) -> tuple[Estimate, Estimate] | tuple[None, None]:
    """Return the number of samples that naive Bayes needs, and the exponent with which it grows
    with the number of features; None where a part of the data asks for more than the law can tell.
    """
    order = kind_order(fits[0].naive_bayes)
    sizes = np.array([f.naive_bayes.samples(excess) for f in fits])
    exponents = [
        growth_exponent(f.naive_bayes, m, excess, order)
        for f, m in zip(fits, sizes.tolist(), strict=True)
    ]
    if not np.isfinite(exponents).all():
        return None, None
    growth = jackknife(np.array(exponents), confidence)
    samples = jackknife(sizes, confidence, "log")
    off = _LAW + _RARE / (fits[0].priors.min() * max(samples.low, fits[0].naive_bayes.fewest))
    growth = growth._replace(low=growth.low - 1.5 * off, high=growth.high + 1.5 * off)
    # Below it the law's excess is up to 37 % too small.
    samples = samples._replace(
        low=samples.low * (1 - off), high=max(samples.high * (1 + off), _FROM)
    )
    return at_least(samples, 2.0), growth


def _largest_eigenvalue(
    observed: float, estimate: Estimate, n_features: int, freedom: int
) -> Estimate:
    """Return the estimate of the largest eigenvalue, or 1 with an interval from 1 on if
    uncorrelated features show an eigenvalue as large in one of a hundred data sets.

    This is decided by the Tracy-Widom law (Johnstone 2001).
    """
    wide = np.sqrt(n_features)
    tall = np.sqrt(freedom)
    edge = (wide + tall) ** 2 + 2.02 * (wide + tall) * (1 / wide + 1 / tall) ** (1 / 3)
    if observed * freedom > edge:
        return estimate
    return Estimate(1.0, 1.0, max(estimate.high, 1 + wide / tall))


def _regime(gap: Estimate, growth: Estimate | None, excess: float, n_features: int) -> Regime:
    """Return how the number of samples that naive Bayes needs grows if features of the same kind
    are added.

    It is "never" if the gap surely exceeds the excess, "O(1)" if the exponent of the growth is
    surely at most zero, "O(log n)" if it is surely at most that of log n from n / 2 to n features
    (and at most 1/2), "O(n)" if it is surely above that, and "undecided" if an interval does not
    decide.
    """
    if gap.low > excess:
        return "never"
    if gap.high > excess or growth is None:
        return "undecided"
    log_growth = np.log2(np.log(n_features) / np.log(n_features / 2)) if n_features > 2 else 0.5
    if growth.high <= 0:
        return "O(1)"
    if growth.high <= min(log_growth, 0.5):
        return "O(log n)"
    return "O(n)" if growth.low > min(log_growth, 0.5) else "undecided"
