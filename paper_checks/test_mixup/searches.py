"""Inequalities of "Provable benefit of Mixup": which way of training needs how many samples, and which rule is best."""

import numpy as np

from theory import mixup as predicted
from theory_on_trial.audits.falsifier import NOT_SEARCHED, Draw, Sides, inequality

PAPER = "mixup"


def _law(alpha: float) -> predicted.MixingLaw:
    return predicted.MixingLaw.beta(alpha, 24)


@inequality(f"{PAPER}.efficiency_order", "K_mix <= K_erm, a in [.01, 64], alpha in [.1, 10]", draws=60, steps=48)
def mixup_below_erm(draw: Draw) -> Sides:
    """Any separability, any symmetric Beta law."""
    a, alpha = draw.scale("a", 0.01, 64.0), draw.scale("alpha", 0.1, 10.0)
    return Sides(predicted.mixup_efficiency(a, _law(alpha)), predicted.erm_efficiency(a), ops=1e4)


@inequality(f"{PAPER}.efficiency_order", "K_lda <= K_mix, a in [.01, 64], alpha in [.1, 10]", draws=60, steps=48)
def discriminant_below_mixup(draw: Draw) -> Sides:
    """Any separability, any symmetric Beta law."""
    a, alpha = draw.scale("a", 0.01, 64.0), draw.scale("alpha", 0.1, 10.0)
    return Sides(predicted.lda_efficiency(a), predicted.mixup_efficiency(a, _law(alpha)), ops=1e4)


@inequality(f"{PAPER}.efficiency_order", "K_mix at 4 alpha <= K_mix at alpha", draws=40, steps=36)
def mixup_falls_with_alpha(draw: Draw) -> Sides:
    """Two symmetric Beta laws, one of them four times as narrow around one half."""
    a, alpha = draw.scale("a", 0.01, 64.0), draw.scale("alpha", 0.1, 2.5)
    more, less = (predicted.mixup_efficiency(a, _law(value)) for value in (4 * alpha, alpha))
    return Sides(more, less, ops=1e4)


def _pair(draw: Draw) -> predicted.GaussianPair:
    dim = draw.integer("d", 2, 5)
    mean = draw.reals("mu", 0.2, 2.0, dim) * (2 * draw.integers("signs", 0, 1, dim) - 1)
    return predicted.GaussianPair(mean, draw.covariance("Sigma", dim), draw.scale("kappa", 0.1, 10.0))


def _error_ratio(pair: predicted.GaussianPair, weights: np.ndarray) -> float:
    """The r of an error Phi(-sqrt(a) r): the cosine to b in the metric of Sigma."""
    return float(weights @ pair.mean / np.sqrt(weights @ pair.covariance @ weights * pair.signal))


@inequality(f"{PAPER}.mask_suboptimal", "the error ratio r of the limit of masking is at most 1")
def mask_suboptimal(draw: Draw) -> Sides:
    """Any covariance, any mean without zeros."""
    pair = _pair(draw)
    return Sides(_error_ratio(pair, 1 / pair.mean), 1.0, ops=100 * np.linalg.cond(pair.covariance))


@inequality(f"{PAPER}.bayes_direction", "no linear rule through the origin errs less than the one along b")
def bayes_direction(draw: Draw) -> Sides | None:
    """Any pair, any direction."""
    pair = _pair(draw)
    weights = draw.normal("w", pair.dim)
    if not np.any(weights):
        return None
    best, other = pair.error(pair.bayes_direction), pair.error(weights)
    # An error Phi(-x) is known to some x^2 roundings of x.
    ops = 10 * np.linalg.cond(pair.covariance) * (1 + pair.effective_separability)
    return Sides(best, other, ops=ops, scale=best) if ops < 1e6 else None


NOT_SEARCHED[f"{PAPER}.erm_separable_limit"] = "its sides are fits to drawn data sets; the trial draws those"
