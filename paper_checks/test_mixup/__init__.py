"""Oh & Yun 2023, "Provable Benefit of Mixup for Finding Optimal Decision Boundaries", arXiv
2306.00267.

Only its abstract could be read, so no claim bears a theorem number or constant of it: on trial are
the abstract's sentences, one statement that was recalled, and sharper laws derived here.

Notation: the two classes N(±μ, Σ / κ) are equally likely, with labels y in {0, 1}. b = Σ^-1 μ is
the direction of the Bayes rule, w what is learned from n points, m² = μ^T b, and a = κ m². T is the
trace of Σ^-1 at right angles to b. ε is a target for 1 - cos(w, b), and n_ε the number of points
with which half of all samples reach it. λ mixes labels and g mixes inputs; plain Mixup has g = λ.
"Training without augmentation" minimises the logistic loss; for separable points its direction is
that of the largest margin.

Abstract:

- Sentence 2: the minimiser of the training loss is compared with the Bayes classifier on data of
  separability $κ$. No statement.
- Sentence 3: without augmentation there is a curse of separability. Holds: erm_curse,
  erm_phase_curve, isotropic_no_curse. If $μ$ is not an eigenvector of $Σ$, on Gaussian classes; if
  it is one, there is no curse.
- Sentence 4, first half: the sample complexity of vanilla training grows exponentially in $κ$.
  Holds: erm_curse, exp_vs_poly, erm_log_sample_complexity. If $μ$ is not an eigenvector of $Σ$, on
  Gaussian classes; with radial tails $exp(-r^p / p)$ as the exponential of $κ^(p/2)$ (`erm_tails`),
  and with bounded noise no number suffices for a small $ε$ (`erm_tails-bounded`).
- Sentence 4, second half: finding the best boundary becomes harder where classes are more
  separable. Holds: erm_curse, exp_vs_poly. If $μ$ is not an eigenvector of $Σ$, on Gaussian
  classes.
- Sentence 5: Mixup significantly reduces the sample complexity. Holds: mixup_poly, n_eps_formula,
  mixup_asymptotic, lda_rate, efficiency_order. On Gaussian classes; the number does not grow with
  $κ$ if classes are balanced and $λ$ is averaged.
- Sentence 6: averages over $n²$ pairs of $n$ samples concentrate, though pairs overlap. In part:
  mixup_asymptotic, sampled_lambda, pairs_variance, pairs_tail, pairs_uniform. At a finite $n$ for
  one classifier at a time, and over 320 classifiers at once for points of three values, as $n$
  grows.
- Sentence 7, first half: masks distort the training loss. Holds: mask_expected_minimiser. For
  exchangeable masks.
- Sentence 7, second half: its minimiser then tends to another classifier than the best. Holds:
  mask_limit_inverse_mean, mask_suboptimal, mask_concentration, mask_boxes-limit. For exchangeable
  masks and for CutMix's boxes, all equally likely.
"""

import jax
import jax.numpy as jnp
import numpy as np

from theory.mixup.classes import GaussianPair
from theory_on_trial.laws import Bernoulli


def reference_pair(separability: float = 1.0) -> GaussianPair:
    """Return two classes in the plane whose mean is far from an eigenvector: cos(μ, b) = .78.

    Their Σ is diagonal, as some statements name it; a claim that does not takes `turned_pair`.
    """
    return GaussianPair(np.ones(2), np.diag([0.2, 1.8]), separability)


def turned_pair(separability: float = 1.0) -> GaussianPair:
    """Return the classes of `reference_pair` turned by .6: their Σ has no root that is symmetric
    by chance, so that a factor for its transpose shows.
    """
    pair = reference_pair(separability)
    turn = np.array([[np.cos(0.6), -np.sin(0.6)], [np.sin(0.6), np.cos(0.6)]])
    return GaussianPair(turn @ pair.mean, turn @ pair.covariance @ turn.T, separability)


def random_pair(rng: np.random.Generator, dim: int, separability: float) -> GaussianPair:
    """Return two classes with a random mean and a random noise shape of moderate condition."""
    root = rng.standard_normal((dim, dim + 2))
    return GaussianPair(
        rng.standard_normal(dim), root @ root.T / dim + 0.1 * np.eye(dim), separability
    )


def mixture_pair() -> GaussianPair:
    """Return two classes in space, correlated, whose mean has coordinates of either sign."""
    covariance = np.array([[1.0, 0.3, 0.0], [0.3, 0.5, 0.1], [0.0, 0.1, 0.3]])
    return GaussianPair(np.array([1.0, 0.5, -0.8]), covariance, 1.0)


def random_chord(key, deficit):
    """Return the chord sqrt(2 (1 - cos)) with a random sign, where `deficit` is 1 - cos.

    Its variance is 2 E[1 - cos]. In the plane the chord is about normal, while 1 - cos itself has
    the heavy tail of a squared normal.
    """
    return jax.random.rademacher(jax.random.fold_in(key, 1), deficit.shape) * jnp.sqrt(2 * deficit)


def encloses(sizes, events, error):
    """Return numbers (low, high) between which n_ε lies, but for a chance of `error`.

    `events` [samples, sizes] tell whether 1 - cos <= ε at each of the growing `sizes`. With low
    points fewer than half of all samples reach ε, with high points more than half. Where no size
    is so small or so large, low is 0 or high is infinite.
    """
    interval = Bernoulli().interval(
        [np.asarray(events, float)], error / len(sizes), np.zeros(len(sizes))
    )
    below = interval.high < 0.5
    above = interval.low > 0.5
    low = sizes[np.flatnonzero(below)[-1]] if below.any() else 0.0
    high = sizes[np.flatnonzero(above)[0]] if above.any() else np.inf
    return low, high
