"""How far from the Bayes direction n samples lead, without augmentation, with Mixup, and by
discriminant analysis.

The classes are those of `theory.mixup.GaussianPair`. What is predicted is the mean of 1 - cos of
the angle to the Bayes direction. Off that direction the noise of the weights has squared length 2x
relative to their own, and 1 - cos = 1 - (1 + 2x)^(-1/2). All derived here; the exponential law of
plain training and its absence with Mixup are the subject of Oh & Yun 2023, "Provable Benefit of
Mixup for Finding Optimal Decision Boundaries", arXiv 2306.00267.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np

from theory import mixup as predicted
from theory.mixup import GaussianPair, MixingLaw
from theory.mixup.domains import LogSampleSize, Mode
from theory_on_trial.contract import Interval, guarded, require

Samples = Annotated[float, Interval(4, closed="()", why="d + 2 of at least two dimensions")]
_LARGEST_EXACT = 1400  # effective separability; beyond, e^(a/2) is no float64


@guarded
@dataclass(frozen=True, eq=False)
class AngleCurves:
    """The three learning curves of a pair of classes.

    The classes are at least two-dimensional; `mode` is "expected" where the mixing weight is
    averaged, "sampled" where one is drawn for each ordered pair; if not `balanced`, with n / 2
    samples of each class, each label is a fair coin.

    Raises ValueError for classes in one dimension, and laws whose limit scale is infinite where
    `mode` or `balanced` need it.

    >>> pair = GaussianPair([1.0, 0.5], [[1.0, 0.0], [0.0, 2.0]], separability=10.0)
    >>> curves = AngleCurves(pair, MixingLaw.beta(1.0))
    >>> [round(curve, 4) for curve in (curves.erm(np.log(37)), curves.mixup(37), curves.lda(37))]
    [0.0383, 0.0097, 0.0091]
    """

    pair: GaussianPair
    law: MixingLaw
    mode: Mode = "expected"
    balanced: bool = True

    def __post_init__(self) -> None:
        apart = self.pair.dim >= 2
        require(
            apart,
            "pair must be of at least two dimensions: in one, every rule has the Bayes direction",
        )

    @guarded
    def erm(self, log_n: LogSampleSize) -> float:
        """Mean 1 - cos without augmentation, for the natural logarithm of any n >= 2.

        The direction w of `theory.mixup.erm_direction_at` is the bias. About it the weights scatter
        with covariance β^2 G Σ G / κ, G = (margin I + s Σ)^-1, where margin = w . μ - s w' Σ w >= 0
        is that of the hull and s w' Σ w what noise takes from it. β^2 is 2 / f for f = tr(s Σ G) >
        2 directions in which the hull bends (the limit of many dimensions and more samples), 1 for
        fewer, K_erm / n once data are not separable, and at least that of the efficient rule, (a +
        1) / n.

        An interpolation: exact as n grows, and in its leading order as κ grows with log n.
        Simulated means of 60 to 300 runs (21 pairs in 2 to 20 dimensions, 1 <= a <= 220, n from 32
        to 1024, in the plane up to n = e^200) were 0.5 to 1.7 times as large, mostly 0.8 to 1.3.
        Where the law rises with n, so may the truth.
        """
        pair = self.pair
        radius = min(predicted.finite_sample_radius(pair, log_n=log_n), np.sqrt(pair.signal))
        direction = predicted.phase_direction(pair, radius**2 / 2)
        variance = float(direction @ pair.covariance @ direction)
        stretch = radius / np.sqrt(variance)
        margin = max(0.0, float(direction @ pair.mean) - stretch * variance)
        resolvent = np.linalg.inv(margin * np.eye(pair.dim) + stretch * pair.covariance)
        scatter = resolvent @ pair.covariance @ resolvent
        across = float(np.trace(scatter) - direction @ scatter @ direction) / pair.separability
        bends = float(stretch * np.trace(resolvent @ pair.covariance))
        efficient = min(1.0, (pair.effective_separability + 1) * np.exp(-log_n))
        consistent = np.exp(min(0.0, self._log_erm_efficiency - log_n))
        beta_squared = max(efficient, min(2 / max(2.0, bends), consistent))
        bias = pair.misalignment(direction)
        return bias + (1 - bias) * _deficit(beta_squared * across / 2)

    @cached_property
    def log_consistent(self) -> float:
        """Log n from which on the data are not separable, the direction has no bias and the curve
        falls like 1 / n.
        """
        from scipy.special import log_ndtr

        return max(
            self._log_erm_efficiency, -float(log_ndtr(-np.sqrt(self.pair.effective_separability)))
        )

    @guarded
    def mixup(self, n: Samples) -> float:
        """Mean 1 - cos of Mixup for real n > d + 2: x = T K_mix / (2 κ |b|^2 (n - d - 2)) + B κ /
        n^2.

        B is the sum of what random labels and sampled mixing weights add, zero without both.
        Simulated means of 200 runs of such pairs, weights averaged and classes balanced, were 0.7
        to 1.5 times as large at n = d + 6 and 0.86 to 1.05 at n = 64.
        """
        spare = self._spare(n)
        return _deficit(self._mixup_rate / spare + self._mixup_noise / n**2)

    @guarded
    def lda(self, n: Samples) -> float:
        """Mean 1 - cos of Fisher's rule for real n > d + 2: x = T (a + 1) / (2 κ |b|^2 (n - d -
        2)).
        """
        return _deficit(self._lda_rate / self._spare(n))

    def _spare(self, n: float) -> float:
        least = self.pair.dim + 2
        require(n > least, f"n must be above dim + 2 = {least}, got {n}")
        return float(n) - least

    @cached_property
    def _log_erm_efficiency(self) -> float:
        separability = self.pair.effective_separability
        if separability <= _LARGEST_EXACT:
            return float(np.log(predicted.erm_efficiency(separability)))
        return float(np.log(2 * separability / np.pi) + separability) / 2

    @cached_property
    def _mixup_rate(self) -> float:
        efficiency = predicted.mixup_efficiency(self.pair.effective_separability, self.law)
        return predicted.angle_rate(self.pair, efficiency)

    @cached_property
    def _mixup_noise(self) -> float:
        coefficient = 0.0 if self.balanced else predicted.imbalance_coefficient(self.pair, self.law)
        if self.mode == "sampled":
            coefficient += predicted.sampled_lambda_coefficient(self.pair, self.law)
        return coefficient * self.pair.separability

    @cached_property
    def _lda_rate(self) -> float:
        return predicted.angle_rate(
            self.pair, predicted.lda_efficiency(self.pair.effective_separability)
        )


def _deficit(noise: float) -> float:
    """1 - (1 + 2x)^(-1/2), without cancellation."""
    return float(-np.expm1(-np.log1p(2 * noise) / 2))
