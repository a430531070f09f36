"""The pair of Gaussian classes on which Mixup is judged, and its Bayes rule.

Oh & Yun 2023, "Provable Benefit of Mixup for Finding Optimal Decision Boundaries", arXiv
2306.00267, study linear classification of a family of laws with a separability constant κ. Here the
label y is a fair coin and x given y is N((2y - 1) μ, Σ / κ); linear scores w . x have no bias.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from theory.mixup.domains import Covariance, Direction
from theory_on_trial.contract import Positive, guarded, require


@guarded
@dataclass(frozen=True, eq=False)
class GaussianPair:
    """Two classes N(-μ, Σ / κ) and N(μ, Σ / κ) of equal probability; `covariance` Σ is in squared
    units of μ.

    >>> pair = GaussianPair([1.0, 1.0], [[0.2, 0.0], [0.0, 1.8]], separability=1.0)
    >>> round(pair.signal, 4), round(pair.bayes_error, 4), round(pair.misalignment(pair.mean), 4)
    (5.5556, 0.0092, 0.2191)
    """

    mean: Direction
    covariance: Covariance
    separability: Positive

    @property
    def dim(self) -> int:
        """Number of coordinates d."""
        return self.mean.size

    @cached_property
    def bayes_direction(self) -> Float[np.ndarray, " dim"]:
        """B = Σ^-1 μ: the Bayes rule is 1[b . x > 0], for every κ."""
        from scipy.linalg import cho_factor, cho_solve

        return cho_solve(cho_factor(self.covariance), self.mean)

    @cached_property
    def signal(self) -> float:
        """m^2 = μ' Σ^-1 μ > 0."""
        return float(self.mean @ self.bayes_direction)

    @property
    def effective_separability(self) -> float:
        """A = κ m^2, the only parameter of every law of the scale along b."""
        return self.separability * self.signal

    @cached_property
    def projected_precision_trace(self) -> float:
        """T = tr(Σ^-1) - b' Σ^-1 b / |b|^2: the precision that noise has across b; zero in one
        dimension.
        """
        precision = np.linalg.inv(self.covariance)
        unit = self.bayes_direction / np.linalg.norm(self.bayes_direction)
        across = np.eye(self.dim) - np.outer(unit, unit)
        return float(np.trace(across @ precision @ across))

    @property
    def bayes_error(self) -> float:
        """Smallest test error of any rule, Φ(-sqrt(a))."""
        from scipy.special import ndtr

        return float(ndtr(-np.sqrt(self.effective_separability)))

    @guarded
    def error(self, weights: Direction) -> float:
        """Test error Φ(-sqrt(κ) w . μ / sqrt(w' Σ w)) of the rule 1[w . x > 0]. Derived here."""
        from scipy.special import ndtr

        self._require_coordinates(weights)
        spread = np.sqrt(weights @ self.covariance @ weights)
        return float(ndtr(-np.sqrt(self.separability) * (weights @ self.mean) / spread))

    @guarded
    def misalignment(self, weights: Direction) -> float:
        """1 - cos(w, b), the figure of merit, in [0, 2]."""
        self._require_coordinates(weights)
        return one_minus_cosine(weights, self.bayes_direction)

    def _require_coordinates(self, weights: Direction) -> None:
        require(
            weights.size == self.dim,
            f"weights must have {self.dim} coordinates, got {weights.size}",
        )


@guarded
def one_minus_cosine(first: Direction, second: Direction) -> float:
    """1 - cos of the angle between two vectors, as half the squared chord: no cancellation near
    zero.
    """
    chord = first / np.linalg.norm(first) - second / np.linalg.norm(second)
    return float(chord @ chord / 2)
