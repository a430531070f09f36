"""Naive Bayes on independent binary features: everything exactly, by enumeration of the 2^n points.

The rule is the Gaussian one with pooled variances, as in the code released with arXiv 2302.02334, so on these features
it is misspecified but linear. Derived here.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from theory.naive_bayes_vs_logistic._validation import check_means, equal_unless_given
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_each, check_finite, check_non_negative

_MOST_FEATURES = 14


@validated
@dataclass(frozen=True, eq=False)
class BinaryFeatures:
    """A distribution on {0, 1}^n with K classes: given class k the features are independent with means mu_ki.

    `means` is [K, n] in [0, 1] with n <= 14, and each feature varies within some class; `priors` None means equal.
    Points are enumerated with the last feature running fastest. Other values raise `ValueError`.
    """

    means: Float[np.ndarray, "classes features"]
    priors: Float[np.ndarray, " classes"] | None = None

    def __post_init__(self) -> None:
        check_means(self.means)
        if self.means.shape[1] > _MOST_FEATURES:
            raise ValueError(
                f"means must have at most {_MOST_FEATURES} features (2^n points are enumerated), "
                f"got {self.means.shape[1]}"
            )
        check_each("means", self.means, (self.means >= 0) & (self.means <= 1), "be in [0, 1]")
        equal_unless_given(self.priors, len(self.means))
        if not np.all(self.variances > 0):
            raise ValueError("means must leave each feature some variance within the classes, got a constant feature")

    @cached_property
    def variances(self) -> Float[np.ndarray, " features"]:
        """Pooled variances sigma_i^2 = sum_k p_k mu_ki (1 - mu_ki)."""
        return self._priors @ (self.means * (1 - self.means))

    @validated
    def scores(
        self,
        means: Float[np.ndarray, "*batch classes features"],
        variances: Float[np.ndarray, "*batch features"],
        priors: Float[np.ndarray, "*batch classes"],
    ) -> Float[np.ndarray, "*batch points classes"]:
        """l_k(x) = log p_k - sum_i (x_i - mu_ki)^2 / (2 sigma_i^2) at all 2^n points, for these (estimated) parameters.

        `ValueError` if a variance or a prior is not positive: a class without samples has no score.
        """
        check_finite("means", means)
        if not np.all((variances > 0) & np.isfinite(variances)):
            raise ValueError("variances must be positive, got a feature without variance")
        if not np.all((priors > 0) & (priors <= 1)):
            raise ValueError("priors must be positive, got a class without samples")
        precisions = 1 / variances[..., None, :]
        constants = np.log(priors) - np.sum(means**2 * precisions, axis=-1) / 2
        slopes = (means - 0.5) * precisions  # x^2 = x for binary features
        return constants[..., None, :] + self._points @ np.swapaxes(slopes, -1, -2)

    @validated
    def error(self, scores: Float[np.ndarray, "*batch points classes"]) -> Float[np.ndarray, "*batch"]:
        """Probability that the class of highest score (the first of those that tie) is not the class of x."""
        if scores.shape[-2:] != self._joint.shape or np.any(np.isnan(scores)):
            raise ValueError(f"scores must be numbers at {self._joint.shape} points and classes, got {scores.shape}")
        chosen = scores.argmax(axis=-1)
        wrong = np.arange(len(self.means)) != chosen[..., None]
        return np.asarray(np.sum(wrong * self._joint, axis=(-2, -1)))

    @cached_property
    def asymptotic_error(self) -> float:
        """Error of naive Bayes with the true means, pooled variances and priors."""
        return float(self.error(self._limit_scores))

    @validated
    def margin_mass(self, width: float | int) -> float:
        """G: probability that the limit rule is right by a margin l_y - max_{k != y} l_k of at most tau n = `width`."""
        check_non_negative("width", width)
        right = np.arange(len(self.means)) == self._limit_scores.argmax(axis=-1)[:, None]
        ordered = np.sort(self._limit_scores, axis=-1)
        narrow = ordered[:, -1] - ordered[:, -2] <= width
        return float(np.sum(self._joint * right * narrow[:, None]))

    def margin_moments(self) -> tuple[float, float]:
        """(alpha, beta): the largest Var[l_k - l_k' | y = k] / n and the least E[l_k - l_k' | y = k] / n, k != k'."""
        n_classes, n_features = self.means.shape
        slopes = (self.means[:, None] - self.means[None]) / self.variances  # of l_k - l_k' in x
        log_odds = np.log(self._priors[:, None] / self._priors[None])
        expected = log_odds + np.sum(slopes**2 * self.variances, axis=-1) / 2
        scatter = np.sum(slopes**2 * (self.means * (1 - self.means))[:, None], axis=-1)
        pairs = ~np.eye(n_classes, dtype=bool)
        return float(scatter[pairs].max() / n_features), float(expected[pairs].min() / n_features)

    @cached_property
    def _priors(self) -> Float[np.ndarray, " classes"]:
        return equal_unless_given(self.priors, len(self.means))

    @cached_property
    def _points(self) -> Float[np.ndarray, "points features"]:
        n_features = self.means.shape[1]
        return (np.arange(2**n_features)[:, None] >> np.arange(n_features)[::-1] & 1).astype(float)

    @cached_property
    def _joint(self) -> Float[np.ndarray, "points classes"]:
        """P(x, y = k)."""
        factors = np.where(self._points[:, None] == 1, self.means, 1 - self.means)
        return self._priors * factors.prod(axis=-1)

    @cached_property
    def _limit_scores(self) -> Float[np.ndarray, "points classes"]:
        return self.scores(self.means, self.variances, self._priors)
