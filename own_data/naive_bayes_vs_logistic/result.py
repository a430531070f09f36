"""What `assumption_diagnostics` returns, in numbers and in words."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from own_data.naive_bayes_vs_logistic.learning_curves import LogisticCurve, NaiveBayesCurve
from own_data.naive_bayes_vs_logistic.measured import Measured
from theory_on_trial.own_data.answer import Answer, axes_for
from theory_on_trial.own_data.estimate import Estimate, intervals

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
    """What Gaussian classes of one covariance imply. Every `Estimate` is freed of its first-order
    bias.

    Attributes:
        beta: [K, K, K], |mean over class k of l_k1 - l_k2| / n at [k1, k2, k], as fitted.
        alpha: [K, K, K], variance over class k of l_k1 - l_k2, over n, at [k1, k2, k], as fitted.
        least_beta: least mean of l_k - l_j over class k, over n: the theorem wants it bounded away
            from zero.
        greatest_alpha: largest variance of l_k - l_j over class k, over n: the theorem wants it
            bounded.
        variance_percentiles: 0th, 10th, ..., 100th percentile of the pooled variances after min-max
            scaling.
        rho_0: the least of these variances and of the priors.
        largest_eigenvalue: of D^-1/2 Σ D^-1/2, from 1 (uncorrelated features) to n (copies of one).
        naive_bayes_error: limit of naive Bayes with infinite data.
        bayes_error: limit of logistic regression and of linear discriminant analysis.
        gap: the former less the latter, never negative.
        samples: real m from which on naive Bayes with variances shared by two classes, in
            proportion, is within `excess` of its limit; None, as are growth and its curve, where
            the law does not reach.
        growth: exponent of n in `samples`, from half of the features to all.
        regime: how the samples grow that naive Bayes needs to come within `excess` of the Bayes
            error.
        naive_bayes: its learning curve, variances shared by the classes.
        logistic: that of logistic regression without a penalty, from `fewest` samples on; None for
            unequal classes.
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
    """What `assumption_diagnostics` found.

    Attributes:
        n_samples: m, without copies.
        n_features: n that vary.
        classes: the K labels, in the order of every axis over classes.
        left_out: what of the data was left out, a line or none.
        measured: cross-validated errors of both classifiers at several sizes.
        crossing: samples from which on logistic regression is ahead, up to the largest size
            measured: its interval starts at 0 where naive Bayes is nowhere surely ahead (then
            `high` is an upper bound) and ends at infinity where logistic regression is not surely
            ahead at the largest size (then `low` is a lower bound).
        departures: what in the data is surely not as the theory assumes; nothing is predicted then.
        predicted: what the theory implies; None where there are departures or no signal.
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
    left_out: tuple[str, ...]
    measured: tuple[Measured, ...]
    crossing: Estimate
    departures: tuple[str, ...]
    predicted: Predicted | None

    def lines(self) -> list[str]:
        """Return who is ahead from where on, the errors measured, and what the theory adds or why
        it cannot.
        """
        last = self.measured[-1]
        lines = [
            f"{self.n_samples} samples, {self.n_features} features, {len(self.classes)} classes: "
            f"{self._ahead()}",
            f"measured with {last.size} to train: naive Bayes errs by {last.naive_bayes}, "
            f"logistic regression by {last.logistic}",
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
                    else "equally likely classes, or of a gap below the excess"
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
        """Return which classifier to take at the largest size measured, if that is known."""
        lead = self.measured[-1].lead
        if not self.answerable or lead.low <= 0 <= lead.high:
            return ""
        name = "naive Bayes" if lead.value > 0 else "logistic regression"
        return f"take {name} with {self.measured[-1].size} samples to train"

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
        """Return the measured errors with their intervals, a row per number of samples."""
        import pandas

        rows = [
            intervals(
                **{
                    "naive Bayes": row.naive_bayes,
                    "logistic regression": row.logistic,
                    "logistic less naive Bayes": row.lead,
                }
            )
            for row in self.measured
        ]
        return pandas.DataFrame(
            rows, index=pandas.Index([row.size for row in self.measured], name="samples")
        )

    def plot(self, axes: Any = None) -> Any:
        """Draw the errors measured (points), those predicted (lines) and the interval of the
        crossing.
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
