"""Zheng et al. 2023, "Revisiting Discriminative vs. Generative Classifiers: Theory and
Implications", arXiv 2302.02334.

Only its abstract and its released code could be read, so no claim bears a theorem number of it:
what is on trial are the abstract's statements, the released simulation, and sharper laws derived
here.

n is the number of features, m the number of samples, K the number of classes, Δ the Mahalanobis
distance between two classes, and Φ the normal distribution function. Naive Bayes gives all classes
the same variances, and so is a linear rule: it predicts the class k of the largest score l_k(x) =
log p_k - sum_i (x_i - μ_(k,i))² / (2 σ_i²), where the priors p_k, the means μ_(k,i) and the
variances σ_i² are estimates unless a claim says otherwise. Ridge logistic regression minimises half
the squared length of its weights plus C times the sum of its log losses.

Abstract:

- Sentence 5, first half: the paper considers the surrogate loss in place of the zero-one loss. No
  statement.
- Sentence 5, second half: the classical results for two classes extend to several. In part:
  nb_theorem_explicit, nb_theorem_explicit-scores, nb_theorem_explicit-margins,
  nb_theorem_explicit-samples, asym_nb_error, lr_rademacher, nb_simplex. With three classes; the
  exact laws of the error are for two, and for up to seven on a line, or at equal distances as $n$
  grows.
- Sentence 6, first half: under mild assumptions naive Bayes with several classes needs $O(log n)$
  samples to come near its asymptotic error, for $n$ features. Holds: nb_theorem_explicit-samples,
  nb_theorem_explicit, nb_theorem_explicit-margins, nb_param_lemma-growth, nb_growth_upper-classes,
  nb_growth_log. As an upper bound, with two and three classes of features in $[0, 1]$, and with up
  to seven of the released design. One design attains it, outside these assumptions, with two
  classes and known variances.
- Sentence 6, second half: logistic regression with several classes requires $O(n)$ samples. In
  part: lr_growth_linear, lr_growth-three_classes, lr_lower_bound, lr_simplex, lr_simplex-bound,
  lr_rademacher. With two classes of the released design, and with three and five at equal distances
  and $C = 1 / n$, up to 160 features; any learner without a preferred direction needs a multiple of
  $n$ as $n$ grows. With three classes of the released design and $C = 1$ the number does not grow
  up to 100 features.
- Sentence 7, first half: the paper presents a framework of $H$-consistency bounds for several
  classes. No statement.
- Sentence 7, second half: the logistic loss has an explicit bound. Holds: hcons_multiclass,
  hcons_sqrt2. On a set of hypotheses it needs the minimisability gaps (`hcons_gap`), and where
  scores are bounded a condition on ratios (`hcons_bounded_fails`).
- Sentence 8: simulations of a mixture of Gaussians agree. In part: nb_growth_upper,
  nb_growth_upper-classes, lr_growth_linear, lr_growth-three_classes. In the released design, for
  naive Bayes with up to seven classes, and for regression with two; with three it does not show up
  to 100 features.
- Sentence 9: on pre-trained vision models naive Bayes converges faster as data grow. Not on trial.
  No pre-trained vision model is at hand.
- Sentence 10: naive Bayes does well with few samples, and supervised models show two regimes. Holds
  at a smaller scale: two_regimes, real_two_regimes, learned_two_regimes, small_samples. On raw
  features of three bundled tables, on Gaussian ones, and on those of networks with 64 units that
  were trained on five digits; with as few as 8 Gaussian samples regression is ahead.
"""

from typing import Annotated

import numpy as np

from theory_on_trial.contract import MOST, Interval

Samples = Annotated[int, Interval(10, MOST)]
"""m, the number of training samples."""


def equicorrelated(n_features: int, correlation: float) -> np.ndarray:
    """Return the covariance matrix with unit variances and one common correlation."""
    return (1 - correlation) * np.eye(n_features) + correlation


def two_classes(n_features: int, squared_distance: float) -> np.ndarray:
    """Return two class means, a row each, that differ in every feature alike. Their squared
    distance is Δ² = `squared_distance`.
    """
    half = np.sqrt(squared_distance / n_features) / 2
    return np.stack([np.full(n_features, -half), np.full(n_features, half)])


def half_informative(n_features: int = 20, gap: float = 0.8) -> np.ndarray:
    """Return two class means, a row each, that differ by `gap` in the first half of the features
    only.
    """
    difference = np.where(np.arange(n_features) < n_features // 2, gap, 0.0)
    return np.stack([-difference / 2, difference / 2])
