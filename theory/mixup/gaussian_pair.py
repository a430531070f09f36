"""The pair of Gaussian classes on which Mixup is judged, and its Bayes rule.

Oh & Yun 2023, "Provable Benefit of Mixup for Finding Optimal Decision Boundaries", arXiv 2306.00267, study linear
classification of a family of laws with a separability constant kappa. Here the label y is a fair coin and x given y is
N((2y - 1) mu, Sigma / kappa); linear scores w . x have no bias.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from theory.mixup._validation import check_dimension
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_finite, check_positive

_SYMMETRY = 1e-12  # asymmetry of a covariance, relative to its largest entry, that passes as rounding
_SINGULAR = 2.0**-49  # eigenvalues of the correlations below this many times the dimension are rounding


@validated
@dataclass(frozen=True, eq=False)
class GaussianPair:
    """Two classes N(-mu, Sigma / kappa) and N(mu, Sigma / kappa) of equal probability.

    `mean` is mu [dim], `covariance` the noise shape Sigma [dim, dim], `separability` kappa > 0. `ValueError` if the
    mean is zero or not finite, the covariance is not symmetric positive definite, or the separability is not positive.
    """

    mean: Float[np.ndarray, " dim"]
    covariance: Float[np.ndarray, "rows columns"]
    separability: float | int

    def __post_init__(self) -> None:
        check_finite("mean", self.mean)
        if not np.any(self.mean):
            raise ValueError("mean must not be zero: Bayes direction undefined, cos undefined")
        check_positive("separability", self.separability)
        if self.covariance.shape != (self.mean.size, self.mean.size):
            shape = self.covariance.shape
            raise ValueError(
                f"covariance must be square with the {self.mean.size} coordinates of the mean, got {shape}"
            )
        check_finite("covariance", self.covariance)
        asymmetry = np.abs(self.covariance - self.covariance.T).max()
        if asymmetry > _SYMMETRY * np.abs(self.covariance).max():
            raise ValueError(
                f"covariance must be symmetric, got one that differs from its transpose by {asymmetry:.3g}"
            )
        variances = np.diag(self.covariance)
        if not (np.all(variances > 0) and _smallest_correlation_eigenvalue(self.covariance) > _SINGULAR * self.dim):
            raise ValueError(
                "noise covariance must be positive definite; b undefined: "
                f"got the smallest eigenvalue {np.linalg.eigvalsh(self.covariance)[0]:.3g}"
            )

    @property
    def dim(self) -> int:
        """Number of coordinates d."""
        return self.mean.size

    @cached_property
    def bayes_direction(self) -> Float[np.ndarray, " dim"]:
        """B = Sigma^-1 mu: the Bayes rule is 1[b . x > 0], for every kappa."""
        from scipy.linalg import cho_factor, cho_solve

        return cho_solve(cho_factor(self.covariance), self.mean)

    @cached_property
    def signal(self) -> float:
        """m^2 = mu' Sigma^-1 mu > 0."""
        return float(self.mean @ self.bayes_direction)

    @property
    def effective_separability(self) -> float:
        """A = kappa m^2, the only parameter of every law of the scale along b."""
        return self.separability * self.signal

    @cached_property
    def projected_precision_trace(self) -> float:
        """T = tr(Sigma^-1) - b' Sigma^-1 b / |b|^2: the precision that noise has across b; zero in one dimension."""
        precision = np.linalg.inv(self.covariance)
        unit = self.bayes_direction / np.linalg.norm(self.bayes_direction)
        across = np.eye(self.dim) - np.outer(unit, unit)
        return float(np.trace(across @ precision @ across))

    @property
    def bayes_error(self) -> float:
        """Smallest test error of any rule, Phi(-sqrt(a))."""
        from scipy.special import ndtr

        return float(ndtr(-np.sqrt(self.effective_separability)))

    @validated
    def error(self, weights: Float[np.ndarray, " dim"]) -> float:
        """Test error Phi(-sqrt(kappa) w . mu / sqrt(w' Sigma w)) of the rule 1[w . x > 0].

        `ValueError` if the weights are zero, not finite or of another dimension. Source: derived here.
        """
        from scipy.special import ndtr

        self._check_weights(weights)
        spread = np.sqrt(weights @ self.covariance @ weights)
        return float(ndtr(-np.sqrt(self.separability) * (weights @ self.mean) / spread))

    @validated
    def misalignment(self, weights: Float[np.ndarray, " dim"]) -> float:
        """1 - cos(w, b), the figure of merit, in [0, 2]; `ValueError` as in `error`."""
        self._check_weights(weights)
        return one_minus_cosine(weights, self.bayes_direction)

    def _check_weights(self, weights: Float[np.ndarray, " dim"]) -> None:
        check_finite("weights", weights)
        check_dimension("weights", weights.size, self.dim)
        if not np.any(weights):
            raise ValueError("weights must not be zero: they define no rule")


def _smallest_correlation_eigenvalue(covariance: Float[np.ndarray, "dim dim"]) -> float:
    deviations = np.sqrt(np.diag(covariance))
    return float(np.linalg.eigvalsh(covariance / np.outer(deviations, deviations))[0])


@validated
def one_minus_cosine(first: Float[np.ndarray, " dim"], second: Float[np.ndarray, " dim"]) -> float:
    """1 - cos of the angle between two non-zero vectors, as half the squared chord: no cancellation near zero.

    `ValueError` if a vector is zero or not finite.
    """
    check_finite("first", first)
    check_finite("second", second)
    chord = first / np.linalg.norm(first) - second / np.linalg.norm(second)
    return float(chord @ chord / 2)
