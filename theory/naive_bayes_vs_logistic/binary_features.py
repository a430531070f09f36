"""The exact errors and margins of naive Bayes on independent binary features, by enumeration of the
2^n points.

The rule is the Gaussian one with pooled variances, as in the code released with arXiv 2302.02334.
On these features it is misspecified, but linear. Derived here.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.naive_bayes_vs_logistic.domains import Means
from theory_on_trial.contract import (
    MAY_BE_INFINITE,
    POSITIVE,
    UNIT_INTERVAL,
    Holds,
    Interval,
    NonNegative,
    guarded,
    require,
)

_FEW = Holds(
    "few",
    "have at most 14 features (2^n points are enumerated)",
    lambda means: means.shape[1] <= 14,
)
_VARYING = Holds(
    "varying",
    "leave each feature some variance within a class",
    lambda p: bool(np.all((p * (1 - p)).max(axis=0) > 0)),
)


@guarded
@dataclass(frozen=True, eq=False)
class BinaryFeatures:
    """A distribution on {0, 1}^n with K equally likely classes. Given class k, feature i is one
    with probability μ_ki, independently of the other features.

    `means` holds the μ_ki, one row per class. The 2^n points are enumerated with the last feature
    running fastest.
    """

    means: Annotated[Means, UNIT_INTERVAL, _FEW, _VARYING]

    @cached_property
    def variances(self) -> Float[np.ndarray, " features"]:
        """The pooled variance σ_i^2 of each feature, the mean of μ_ki (1 - μ_ki) over classes."""
        return np.mean(self.means * (1 - self.means), axis=0)

    @guarded
    def scores(
        self,
        means: Float[np.ndarray, "classes features"],
        variances: Annotated[Float[np.ndarray, " features"], POSITIVE],
        priors: Annotated[Float[np.ndarray, " classes"], Interval(0, 1, "(]")],
    ) -> Float[np.ndarray, "points classes"]:
        """Return the scores l_k(x) = log p_k - sum_i (x_i - μ_ki)^2 / (2 σ_i^2) of naive Bayes for
        every class at all 2^n points.

        The arguments are the means μ_ki, variances σ_i^2 and priors p_k that the rule uses, which
        may be estimates. Raises ValueError for a prior of zero.
        """
        constants = np.log(priors) - np.sum(means**2 / variances, axis=1) / 2
        slopes = (means - 0.5) / variances  # x^2 = x for binary features
        return constants + self._points @ slopes.T

    @cached_property
    def limit_scores(self) -> Float[np.ndarray, "points classes"]:
        """The scores of naive Bayes that uses the true means, pooled variances and priors."""
        return self.scores(self.means, self.variances, self._priors)

    @guarded
    def error(
        self, scores: Annotated[Float[np.ndarray, "points classes"], MAY_BE_INFINITE]
    ) -> float:
        """Return the probability that the class of highest score is not the class of x. Of classes
        that tie, the rule takes the first.

        Raises ValueError unless the scores are of the 2^n points and the K classes.
        """
        points_and_classes = self._joint.shape
        require(
            scores.shape == points_and_classes,
            f"scores must have the shape {points_and_classes} of points and classes, got "
            f"{scores.shape}",
        )
        wrong = np.arange(len(self.means)) != scores.argmax(axis=1)[:, None]
        return float(np.sum(self._joint, where=wrong))

    @guarded
    def margin_mass(self, width: NonNegative) -> float:
        """Return the probability G(τ) that the rule with infinite data is right, but its highest
        score exceeds the second highest by at most τ n = `width`.
        """
        right = np.arange(len(self.means)) == self.limit_scores.argmax(axis=1)[:, None]
        scores = np.sort(self.limit_scores, axis=1)
        narrow = scores[:, -1] - scores[:, -2] <= width
        return float(np.sum(self._joint, where=right & narrow[:, None]))

    def margin_moments(self) -> tuple[float, float]:
        """Return the pair (α, β): the largest variance Var[l_k - l_k' | y = k] and the least mean
        E[l_k - l_k' | y = k] of a difference of scores, each divided by n.

        The extremes are over all pairs of classes k != k', for the rule with infinite data.
        """
        n_classes, n_features = self.means.shape
        slopes = (self.means[:, None] - self.means[None]) / self.variances  # of l_k - l_k' in x
        mean_odds = np.sum(slopes**2 * self.variances, axis=-1) / 2
        scatter = np.sum(slopes**2 * (self.means * (1 - self.means))[:, None], axis=-1)
        pairs = ~np.eye(n_classes, dtype=bool)
        return float(scatter[pairs].max() / n_features), float(mean_odds[pairs].min() / n_features)

    @cached_property
    def _priors(self) -> Float[np.ndarray, " classes"]:
        return np.full(len(self.means), 1 / len(self.means))

    @cached_property
    def _points(self) -> Float[np.ndarray, "points features"]:
        n_features = self.means.shape[1]
        return (np.arange(2**n_features)[:, None] >> np.arange(n_features)[::-1] & 1).astype(float)

    @cached_property
    def _joint(self) -> Float[np.ndarray, "points classes"]:
        """The probabilities P(x, y = k) of all points and classes."""
        factors = np.where(self._points[:, None] == 1, self.means, 1 - self.means)
        return self._priors * factors.prod(axis=-1)
