"""Gaussian classes fitted to a sample: the paper's statistics, and the limits of the two
learners.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from own_data.naive_bayes_vs_logistic.learning_curves import (
    LogisticCurve,
    NaiveBayesCurve,
    learning_curves,
)
from sims import naive_bayes_vs_logistic as observed
from theory import naive_bayes_vs_logistic as predicted
from theory_on_trial.base.mapping import map_cells


@dataclass(frozen=True, eq=False)
class Fit:
    """One fit to some rows.

    `covariance` is pooled over the classes with divisor m - K, `variances` with divisor m, as naive
    Bayes fits them; `beta`, `alpha` and `least_beta` are those of `Predicted`. `directions` are
    weights of naive Bayes and of linear discriminant analysis, a column for each class.
    """

    counts: Int[np.ndarray, " classes"]
    priors: Float[np.ndarray, " classes"]
    means: Float[np.ndarray, "classes features"]
    covariance: Float[np.ndarray, "features features"]
    variances: Float[np.ndarray, " features"]
    beta: Float[np.ndarray, "classes classes classes"]
    alpha: Float[np.ndarray, "classes classes classes"]
    least_beta: float
    naive_bayes: NaiveBayesCurve
    logistic: LogisticCurve
    directions: Float[np.ndarray, "features directions"]

    @property
    def greatest_alpha(self) -> float:
        """Largest variance of l_k - l_j over class k, over n."""
        return float(np.max([self.alpha[k, :, k] for k in range(len(self.counts))]))

    @property
    def largest_eigenvalue(self) -> float:
        """Largest eigenvalue of the correlations D^-1/2 Σ D^-1/2."""
        deviations = np.sqrt(np.diag(self.covariance))
        return float(np.linalg.eigvalsh(self.covariance / np.outer(deviations, deviations))[-1])


def fit(
    features: Float[np.ndarray, "samples features"],
    labels: Int[np.ndarray, " samples"],
    n_classes: int,
) -> Fit:
    """Fit Gaussian classes of one covariance to samples of all classes 0..K-1."""
    n_samples, n_features = features.shape
    counts = np.bincount(labels, minlength=n_classes)
    means = np.array([features[labels == k].mean(axis=0) for k in range(n_classes)])
    residuals = features - means[labels]
    scatter = residuals.T @ residuals
    covariance = scatter / (n_samples - n_classes)
    variances = np.diag(scatter) / n_samples
    weights, intercepts = predicted.naive_bayes_rule(means, variances, counts / n_samples)
    scores = means @ weights.T + intercepts
    leads = (scores[:, :, None] - scores[:, None, :]).transpose(1, 2, 0) / n_features
    alpha = np.empty((n_classes,) * 3)
    for k in range(n_classes):
        law = np.cov((residuals[labels == k] @ weights.T).T, bias=True)
        spread = np.diag(law)
        alpha[:, :, k] = np.maximum(0, spread[:, None] + spread - 2 * law) / n_features
    own = [np.delete(leads[k, :, k], k) for k in range(n_classes)]
    return Fit(
        counts,
        counts / n_samples,
        means,
        covariance,
        variances,
        np.abs(leads),
        alpha,
        float(np.min(own)),
        *learning_curves(means, covariance, counts),
        np.column_stack(
            [
                (rule - rule.mean(axis=0))[1:].T
                for rule in (weights, np.linalg.solve(covariance, means.T).T)
            ]
        ),
    )


def limits(fits: list[Fit]) -> tuple[Float[np.ndarray, " fits"], Float[np.ndarray, " fits"]]:
    """Errors of naive Bayes and the Bayes rule for the fitted Gaussian classes, the mean margin
    freed of bias.
    """
    problems: list[list[tuple]] = [[], []]
    for member in fits:
        noiseless = learning_curves(member.means, member.covariance, member.counts * 10**9)
        rules = (
            (predicted.naive_bayes_rule, np.diag(member.covariance)),
            (predicted.lda_rule, member.covariance),
        )
        for learner, (rule, covariance) in enumerate(rules):
            curve = (member.naive_bayes, member.logistic)[learner]
            raw = noiseless[learner]
            factor = (
                np.sqrt(curve.distances) @ curve.weights / (np.sqrt(raw.distances) @ raw.weights)
            )
            centre = member.priors @ member.means
            means = centre + factor * (member.means - centre)
            problems[learner].append(
                (*rule(means, covariance, member.priors), means, member.covariance, member.priors)
            )
    if len(fits[0].priors) == 2:  # in closed form
        naive_bayes, bayes = (
            np.array([predicted.linear_rule_error(*case) for case in group]) for group in problems
        )
    else:
        naive_bayes, bayes = (
            np.asarray(
                _errors(*(jnp.asarray(np.stack(part)) for part in zip(*group, strict=True))), float
            )
            for group in problems
        )
    return naive_bayes, bayes


@jax.jit
def _errors(weights, intercepts, means, covariance, priors):
    def error(*problem):
        return observed.conditional_error(
            observed.LinearRule(*problem[:2]), *problem[2:4], priors=problem[4]
        )

    return map_cells(error, weights, intercepts, means, covariance, priors)
