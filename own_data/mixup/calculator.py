"""The sample sizes at which three ways of training come within a target cosine of the Bayes
direction.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from own_data.mixup.curves import AngleCurves, Mode
from theory.mixup import GaussianPair, MixingLaw
from theory_on_trial.contract import Fraction, guarded

_LARGEST_IN_FULL = np.log(1e6)
_SCANNED = 25  # sample sizes; where the curve rises, it does so over many of them


class SampleSizes(NamedTuple):
    """Natural logarithms of real sample sizes: without augmentation they may exceed any float."""

    log_erm: float
    log_mixup: float
    log_lda: float

    def __str__(self) -> str:
        """Return the sizes themselves."""
        erm, mixup, lda = map(count, self)
        return f"plain training needs {erm} samples, Mixup {mixup}, discriminant analysis {lda}"


@guarded
def samples_needed(
    pair: GaussianPair,
    law: MixingLaw,
    target_cosine: Fraction,
    *,
    mode: Mode = "expected",
    balanced: bool = True,
) -> SampleSizes:
    """Where the curves of `AngleCurves` fall below 1 - `target_cosine` for good: of plain training,
    Mixup and LDA.

    At least 2 samples without augmentation, more than d + 2 for the others, whose laws do not go
    below. Their sizes grow in proportion to 1 / (1 - target); that of plain training is exponential
    in κ unless μ is an eigenvector of Σ or the target is low.

    `target_cosine` is the mean cosine to the Bayes direction; the other arguments are those of
    `AngleCurves`.

    Raises ValueError as `AngleCurves` and `theory.mixup.mixup_efficiency`.
    Source: derived here.

    >>> pair = GaussianPair([1.0, 0.5], [[1.0, 0.0], [0.0, 2.0]], separability=10.0)
    >>> print(samples_needed(pair, MixingLaw.beta(1.0), target_cosine=0.99))
    plain training needs 2031 samples, Mixup 37, discriminant analysis 35
    """
    return where_below(AngleCurves(pair, law, mode, balanced), 1 - target_cosine)


def where_below(curves: AngleCurves, target: float) -> SampleSizes:
    """The same, of given curves: these keep what does not depend on the target."""
    least = curves.pair.dim + 2

    def of_spare(curve: Callable[[float], float]) -> float:
        # What there is beyond d + 2 may be little.
        start = float(np.log(least)) - 30
        log_spare = _first_below(
            lambda position: curve(least + float(np.exp(position))), target, start
        )
        return float(np.logaddexp(np.log(least), log_spare))

    return SampleSizes(_erm_size(curves, target), of_spare(curves.mixup), of_spare(curves.lda))


def count(log_n: float) -> str:
    """A sample size in digits, given its natural logarithm, however large."""
    if log_n < _LARGEST_IN_FULL:
        return f"{np.ceil(np.exp(log_n) - 1e-9):.0f}"
    return f"{Decimal(log_n).exp():.1e}"


def _erm_size(curves: AngleCurves, target: float) -> float:
    """Log n from which on the curve without augmentation, which may rise at places, stays below the
    target.
    """
    positions = np.linspace(np.log(2), curves.log_consistent, _SCANNED).tolist()
    last_above = next(
        (position for position in reversed(positions) if curves.erm(position) > target),
        positions[0],
    )
    return _first_below(curves.erm, target, last_above)


def _first_below(curve: Callable[[float], float], target: float, low: float) -> float:
    """Where a falling curve meets the target, or `low` where it starts below."""
    from scipy.optimize import brentq

    if curve(low) <= target:
        return low
    step = 1.0
    while curve(low + step) > target:
        low = low + step
        step = 2 * step
    return float(
        brentq(lambda position: curve(position) - target, low, low + step, xtol=1e-12, rtol=8.9e-16)
    )
