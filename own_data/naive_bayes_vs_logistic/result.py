"""What `assumption_diagnostics` returns, in numbers and in words."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from theory_on_trial.own_data.estimate import Estimate

Regime = Literal["O(1)", "O(log n)", "O(n)", "never", "undecided"]

_SENTENCES: dict[Regime, str] = {
    "O(1)": "O(1), naive Bayes needs no more samples for more such features",
    "O(log n)": "O(log n), naive Bayes needs hardly more samples for more such features",
    "O(n)": "O(n), naive Bayes needs ever more samples for more such features",
    "never": "never, no number of samples brings naive Bayes near the Bayes error",
    "undecided": "undecided, the data do not say how many samples naive Bayes needs for more such features",
}


@dataclass(frozen=True, eq=False, repr=False)
class AssumptionDiagnostics:
    """What `assumption_diagnostics` found. Every `Estimate` is a value freed of its first-order bias, and an interval.

    Attributes:
        n_samples: m.
        n_features: n.
        classes: the K labels, in the order of every axis over classes.
        beta: [K, K, K], |mean over class k of l_k1 - l_k2| / n at [k1, k2, k], as fitted.
        alpha: [K, K, K], variance over class k of l_k1 - l_k2, over n, at [k1, k2, k], as fitted.
        least_beta: least mean of l_k - l_j over class k, over n: the theorem wants it bounded away from zero.
        greatest_alpha: largest variance of l_k - l_j over class k, over n: the theorem wants it bounded.
        variance_percentiles: 0th, 10th, ..., 100th percentile of the pooled variances after min-max scaling.
        rho_0: the least of these variances and of the priors.
        largest_eigenvalue: of D^-1/2 Sigma D^-1/2, from 1 (uncorrelated features) to n (copies of one).
        naive_bayes_error: limit of naive Bayes with infinite data, if the classes are Gaussian.
        bayes_error: limit of logistic regression and of linear discriminant analysis, if they are.
        gap: the former less the latter, never negative.
        samples: real m at which naive Bayes is within `excess` of its limit.
        growth: exponent of n in `samples` while the second half of the features is added, in random order.
        regime: how the samples grow that naive Bayes needs to come within `excess` of the Bayes error.
        crossing: real m from which on logistic regression is predicted to be ahead; inf where it never is.
        measured_naive_bayes: cross-validated error of naive Bayes on these data.
        measured_discriminant: cross-validated error of linear discriminant analysis on these data.
        doubts: sentences on what in this result is not to be trusted, and why.
    """

    n_samples: int
    n_features: int
    classes: tuple[Any, ...]
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
    samples: Estimate
    growth: Estimate
    regime: Regime
    crossing: Estimate
    measured_naive_bayes: Estimate
    measured_discriminant: Estimate
    doubts: tuple[str, ...]

    def __repr__(self) -> str:
        """Return one line per finding, with its interval, and the doubts."""
        lines = [self._headline(), *(f"  {name:<46} {value}" for name, value in self._rows())]
        return "\n".join(lines + [f"  doubt: {doubt}" for doubt in self.doubts])

    def _repr_html_(self) -> str:
        """Return the same for a notebook."""
        rows = "".join(f"<tr><td>{name}</td><td>{value}</td></tr>" for name, value in self._rows())
        doubts = "".join(f"<li>{doubt}</li>" for doubt in self.doubts)
        return f"<p>{self._headline()}</p><table>{rows}</table><ul>{doubts}</ul>"

    def _headline(self) -> str:
        return (
            f"{self.n_samples} samples, {self.n_features} features, {len(self.classes)} classes: "
            f"{_SENTENCES[self.regime]}"
        )

    def _rows(self) -> list[tuple[str, Estimate]]:
        return [
            ("least mean log odds / n (beta)", self.least_beta),
            ("largest variance of log odds / n (alpha)", self.greatest_alpha),
            ("median scaled variance", self.variance_percentiles[5]),
            ("least scaled variance or prior (rho_0)", self.rho_0),
            ("largest eigenvalue of the correlations", self.largest_eigenvalue),
            ("error of naive Bayes, infinite data", self.naive_bayes_error),
            ("Bayes error of Gaussian classes", self.bayes_error),
            ("gap between the two", self.gap),
            ("samples naive Bayes needs", self.samples),
            ("their growth exponent in n", self.growth),
            ("logistic regression ahead from m =", self.crossing),
            ("measured error of naive Bayes", self.measured_naive_bayes),
            ("measured error of discriminant analysis", self.measured_discriminant),
        ]
