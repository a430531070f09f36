"""Zheng et al. 2023, "Revisiting Discriminative vs. Generative Classifiers: Theory and
Implications", arXiv 2302.02334.

Only its abstract and its released code could be read, so no claim bears a theorem number of it:
what is on trial are the abstract's statements, the released simulation, and sharper laws derived
here. n is the number of features, m the number of samples, K the number of classes, Δ the
Mahalanobis distance between two classes.

Abstract:

- Sentence 5, first half: the logistic surrogate loss can take the place of the zero-one loss in the
  analysis. Holds: psi_conjugate, hcons_multiclass, hcons_sqrt2, bayes_log_loss.
- Sentence 5, second half: the classical results for two classes extend to several. Holds at a
  smaller scale: nb_theorem_explicit, nb_theorem_explicit-samples, asym_nb_error, lr_rademacher,
  nb_simplex. With three classes; the exact laws of the error are for two, and for up to seven at
  equal distances as n grows.
- Sentence 6, first half: under mild assumptions naive Bayes with several classes needs O(log n)
  samples to come near its asymptotic error, for n features. Holds: nb_theorem_explicit-samples,
  nb_param_lemma, nb_growth_upper, nb_growth_upper-classes, nb_growth_log. As an upper bound, which
  one design attains; rare classes and weak
  features are its limits (`nb_rare_class`, `nb_never`).
- Sentence 6, second half: logistic regression with several classes requires O(n) samples. Holds at
  a smaller scale: lr_growth_linear, lr_lower_bound, nb_linear_when_weak, lr_simplex,
  lr_simplex-bound, lr_rademacher. With two classes of the released design, and with three and five
  at equal distances, where curves are one function of m / n if the penalty is 1 / n, up to 160
  features; any learner without a preferred direction needs a multiple of n as n grows. The paper
  has up to seven classes, and C = 1, with which curves still move at these sizes.
- Sentence 7, first half: a framework of H-consistency bounds covers several classes. Holds:
  hcons_bounded_fails, hcons_bounded_repaired, hcons_ratio_condition, hcons_gap, hcons_root_loss.
  For two losses; on a set of hypotheses it needs the minimisability gaps, and bounded scores a
  condition on ratios.
- Sentence 7, second half: the logistic loss has an explicit bound. Holds: hcons_multiclass,
  hcons_sqrt2. It needs a condition where scores are bounded.
- Sentence 8: simulations of a mixture of Gaussians agree. In part: nb_growth_upper,
  lr_growth_linear, lr_simplex, official_bayes_errors, hard_covariance. In the released design for
  naive Bayes with up to seven classes and for regression with two; two of the released numbers are
  wrong.
- Sentence 9: on pre-trained vision models naive Bayes converges faster as data grow. Not on trial.
  No pre-trained vision model is at hand.
- Sentence 10: naive Bayes does well with few samples, and supervised models show two regimes. Holds
  at a smaller scale: two_regimes, real_two_regimes. On raw features of three bundled tables in
  place of features of pre-trained networks.
"""

from typing import Annotated

import numpy as np

from sims.naive_bayes_vs_logistic.learning_curves import logistic_errors
from theory_on_trial import code
from theory_on_trial.contract import MOST, Interval
from theory_on_trial.trial.provenance import Source

Samples = Annotated[int, Interval(10, MOST)]
Correlation = Annotated[float, Interval(0, 1, "[)", why="at 1 there is one feature")]
OfficialClasses = Annotated[int, Interval(2, 7, why="as many class means as the released code has")]
Gap = Annotated[
    float, Interval(0.01, 50, why="classes that can be distinguished, with errors among floats")
]
"""Δ^2, the squared distance between two classes."""


def released(path: str, *, says: str = "") -> Source:
    """Name a file of the paper's released code."""
    return code("ML-GSAI/Revisiting-Dis-vs-Gen-Classifiers", path, "7969d05", says=says)


def equicorrelated(n_features: int, correlation: float) -> np.ndarray:
    """Return the covariance matrix with unit variances and one common correlation."""
    return (1 - correlation) * np.eye(n_features) + correlation


def two_classes(n_features: int, squared_distance: float) -> np.ndarray:
    """Return the means of two classes with unit variances whose distance lies along every feature
    alike.
    """
    half = np.sqrt(squared_distance / n_features) / 2
    return np.stack([np.full(n_features, -half), np.full(n_features, half)])


def simplex(n_classes: int, n_features: int, distance: float) -> np.ndarray:
    """Return class means of which every two are at the same distance."""
    return distance / np.sqrt(2) * np.eye(n_classes, n_features)


def regression_errors(key, means, sizes, inverse_ridge):
    """Return the errors of ridge regression with C = `inverse_ridge` on independent features of
    variance one, at each number of samples: those with C = 1 on features times sqrt(C).
    """
    return logistic_errors(
        key,
        sizes,
        np.sqrt(inverse_ridge) * means,
        np.full(means.shape[1], float(inverse_ridge)),
        max_samples=max(sizes),
        tolerance=1e-6,
    )


def half_informative(n_features: int = 20, gap: float = 0.8) -> np.ndarray:
    """Return the means of two classes that differ by `gap` in the first half of the features
    only.
    """
    difference = np.where(np.arange(n_features) < n_features // 2, gap, 0.0)
    return np.stack([-difference / 2, difference / 2])
