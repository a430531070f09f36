"""How long the minimiser of the expected Mixup loss is: its score u = w . μ at the class mean.

Along b the loss is a convex function of u alone, in which the noise has variance u^2 / a. As the
separability grows u stays bounded if soft labels of mixed pairs with g != 1/2 occur, and diverges
otherwise. All derived here.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from theory.mixup.expected_losses import gaussian_expectation, logistic_derivatives
from theory.mixup.mixing import MixingLaw
from theory_on_trial.contract import Positive, guarded, require

_LARGEST_HARD_SEPARABILITY = (
    100  # beyond, e^(-a/2) of the hard-label loss leaves the range of the quadrature
)
_LARGEST_SCORE = 500.0


class LimitCurvature(NamedTuple):
    """Second derivatives of the Mixup loss at infinite separability; dimensionless and positive."""

    noise: float
    """h = s'(u) E[c_g] / 2 + E[c_g s'((2g - 1) u)] / 2 at u_infinity: what the within-class scatter
    costs.
    """
    centroid: float
    """h_1 = s'(u) / 2 + E[s'((2g - 1) u)] / 2 at u_infinity: what a common shift of both class
    means costs.
    """
    scale: float
    """L_2 = s'(u) / 2 + E[(2g - 1)^2 s'((2g - 1) u)] / 2 at u_infinity: what a change of u costs.
    """


@guarded
def scalar_minimiser(effective_separability: Positive, law: MixingLaw) -> float:
    """u*(a) = w . μ >= 0 at the minimiser of the expected Mixup loss, which depends on (μ, Σ, κ) by
    a alone.

    2a for λ on {0, 1} with g = λ. Derived here. `ValueError` if a is above 100 without soft labels,
    where the loss is too flat for float64.

    >>> law = MixingLaw.beta(1.0)
    >>> [round(scalar_minimiser(a, law), 4) for a in (1.0, 10.0, 1000.0)]
    [1.4796, 3.3053, 3.5403]
    >>> round(limit_scale(law), 4)
    3.5423
    """
    from scipy.optimize import brentq
    from scipy.special import expit

    require(
        effective_separability <= _LARGEST_HARD_SEPARABILITY or np.any(law.soft),
        f"effective_separability must be at most {_LARGEST_HARD_SEPARABILITY} without soft labels, "
        f"got {effective_separability}",
    )
    contrasts = np.concatenate([np.ones_like(law.nodes), law.contrasts])
    labels = np.concatenate([np.ones_like(law.nodes), law.nodes])
    factors = np.tile(law.noise_factors, 2)
    probabilities = np.tile(law.weights, 2) / 2

    def slope(score: float) -> float:
        upper, lower, curvature = gaussian_expectation(
            lambda z: np.stack([expit(z), expit(-z), expit(z) * expit(-z)]),
            contrasts * score,
            np.sqrt(factors / effective_separability) * score,
        )
        pull = ((1 - labels) * upper - labels * lower) * contrasts
        return float(probabilities @ (pull + curvature * factors * score / effective_separability))

    if slope(0.0) >= 0:
        return 0.0
    scores = min(1.0, effective_separability) * 2.0 ** np.arange(60)
    highest = next(score for score in scores if slope(score) >= 0)
    return float(brentq(slope, 0, highest, xtol=1e-300, rtol=8.9e-16))


@guarded
def limit_scale(law: MixingLaw) -> float:
    """u_infinity, the limit of u*(a) as a grows: the root of s(u) - 1 + E[(s((2g - 1)u) - λ)(2g -
    1)] = 0.

    `inf` when no λ in (0, 1) goes with g != 1/2, which is decided from the law. `ValueError` if
    such lambdas are so rare, or g so close to 1/2, that the root exceeds 500.
    """
    from scipy.optimize import brentq
    from scipy.special import expit

    if not np.any(law.soft * law.contrasts):
        return np.inf

    def slope(score: float) -> float:
        return float(-expit(-score) + law.mean(limit_residual(law, score) * law.contrasts))

    within = slope(_LARGEST_SCORE) >= 0
    require(
        within,
        "law must mix labels with more than vanishing probability: its limit exceeds "
        f"{_LARGEST_SCORE}",
    )
    return float(brentq(slope, 0, _LARGEST_SCORE, xtol=1e-300, rtol=8.9e-16))


@guarded
def limit_curvatures(law: MixingLaw) -> LimitCurvature:
    """The constants (h, h_1, L_2) at u_infinity. Derived here. `ValueError` if u_infinity is
    infinite.
    """
    score = _finite_limit(law)
    within, _, _ = map(float, logistic_derivatives(np.array(score)))
    between = logistic_derivatives(law.contrasts * score)[0]
    return LimitCurvature(
        noise=(within * law.second_moment + law.mean(law.noise_factors * between)) / 2,
        centroid=(within + law.mean(between)) / 2,
        scale=(within + law.mean(law.contrasts**2 * between)) / 2,
    )


@guarded
def limit_scale_correction(law: MixingLaw) -> float:
    """The coefficient (u h + u^2 h'/2) / L_2 of 1/a in u_infinity - u*(a); `ValueError` for
    infinite u_infinity.
    """
    score = _finite_limit(law)
    curvature = limit_curvatures(law)
    _, within, _ = map(float, logistic_derivatives(np.array(score)))
    between = logistic_derivatives(law.contrasts * score)[1]
    noise_slope = (
        within * law.second_moment + law.mean(law.noise_factors * law.contrasts * between)
    ) / 2
    return float((score * curvature.noise + score**2 * noise_slope / 2) / curvature.scale)


def limit_residual(law: MixingLaw, score: float) -> Float[np.ndarray, " atoms"]:
    """s((2g - 1) u) - λ, the residual of a mixed pair at the scores +-u of the class means."""
    from scipy.special import expit

    scores = law.contrasts * score
    return (1 - law.nodes) * expit(scores) - law.nodes * expit(-scores)


def _finite_limit(law: MixingLaw) -> float:
    score = limit_scale(law)
    bounded = np.isfinite(score)
    require(
        bounded,
        "law must mix labels with g != 1/2 with positive probability: the scale diverges otherwise",
    )
    return score
