"""The large-sample law of the angle to b: n (1 - cos) at fixed separability, for three ways of
training.

n E[1 - cos] tends to T K(a) / (2 κ |b|^2) where K depends on a = κ m^2 alone: K_erm without
augmentation, K_mix with Mixup, K_lda = a + 1 for the plug-in rule, which is efficient here. All
derived here.
"""

import numpy as np

from theory.mixup.domains import InverseExponential
from theory.mixup.expected_losses import gaussian_expectation, gaussian_rule, logistic_derivatives
from theory.mixup.gaussian_pair import GaussianPair
from theory.mixup.mixing import MixingLaw
from theory.mixup.scale import scalar_minimiser
from theory_on_trial.contract import NonNegative, Positive, guarded, require


@guarded
def fisher_information(effective_separability: InverseExponential) -> float:
    """I_1(a) = E s'(V), V ~ N(2a, 4a), s the logistic function; in (0, 1/4], to relative rounding.

    e^(-a/2) (8 π a)^(-1/2) times the integral of sech(z/2) exp(-z^2 / 8a) / 4, by the trapezoidal
    rule.
    """
    width = 2 * np.sqrt(effective_separability)
    step = min(0.4, width / 4)
    score = np.arange(0, min(80.0, 14 * width), step)
    integrand = np.exp(-((score / width) ** 2) / 2) / np.cosh(score / 2) / 4
    integral = step * (2 * integrand.sum() - integrand[0])
    return min(
        0.25, float(np.exp(-effective_separability / 2) * integral / (width * np.sqrt(2 * np.pi)))
    )


@guarded
def erm_efficiency(effective_separability: InverseExponential) -> float:
    """K_erm(a) = 1 / (4 I_1(a)), exponential in a. Derived here."""
    return 1 / (4 * fisher_information(effective_separability))


@guarded
def erm_efficiency_asymptotic(effective_separability: InverseExponential) -> float:
    """What K_erm(a) tends to as a grows, sqrt(2a / π) e^(a/2). Derived here."""
    return float(np.sqrt(2 * effective_separability / np.pi) * np.exp(effective_separability / 2))


@guarded
def lda_efficiency(effective_separability: Positive) -> float:
    """K_lda(a) = a + 1 of Fisher's linear discriminant. Derived here."""
    return float(effective_separability + 1)


@guarded
def mixup_efficiency(effective_separability: Positive, law: MixingLaw) -> float:
    """K_mix = a^2 Ψ / (H u)^2: the sandwich variance of the minimiser over all pairs, λ averaged
    per pair.

    With z = w . x ~ N((2y - 1) u, u^2 / a) at the minimiser, z_12 = g z_1 + (1 - g) z_2 and
    y_12 alike, Ψ = E ψ^2 for ψ(z_1, y_1) = E[(s(z_12) - y_12) g + (s(z_21) - y_21)(1 - g)], the
    projection of the pair on its first point, and H = E[(g^2 + (1 - g)^2) s'(z_12)].
    Derived here. `ValueError` if the minimiser is zero, or as in `scalar_minimiser`.
    """
    score = scalar_minimiser(effective_separability, law)
    require(
        score > 0, "law must relate inputs to labels: the minimiser is zero and has no direction"
    )
    spread = score / np.sqrt(effective_separability)
    nodes, density = gaussian_rule(spread)
    first = score + spread * nodes  # the first point is of class one: the other class mirrors it
    projection = np.zeros_like(first)
    curvature = 0.0
    for label, weight, share, factor in zip(
        law.nodes, law.weights, law.input_weights, law.noise_factors, strict=True
    ):
        for partner in (0.0, 1.0):
            centre = (2 * partner - 1) * score
            for own_share, own_label in ((share, label), (1 - share, 1 - label)):
                blend = own_label + (1 - own_label) * partner
                residual = _mean_residual(
                    own_share * first + (1 - own_share) * centre, (1 - own_share) * spread, blend
                )
                projection += weight / 2 * own_share * residual
            mixed_mean = np.array(share * score + (1 - share) * centre)
            slope = gaussian_expectation(
                logistic_derivatives, mixed_mean, np.sqrt(factor) * spread
            )[0]
            curvature += weight / 2 * factor * float(slope)
    return float(effective_separability**2 * (density @ projection**2) / (curvature * score) ** 2)


@guarded
def angle_rate(pair: GaussianPair, efficiency: NonNegative) -> float:
    """T K / (2 κ |b|^2) of efficiency K, the limit of n E[1 - cos]; zero where d = 1."""
    squared_length = float(pair.bayes_direction @ pair.bayes_direction)
    return float(
        pair.projected_precision_trace * efficiency / (2 * pair.separability * squared_length)
    )


def _mean_residual(centre: np.ndarray, scale: float, label: float) -> np.ndarray:
    from scipy.special import expit

    upper, lower = gaussian_expectation(
        lambda z: np.stack([expit(z), expit(-z)]), centre, np.full(centre.shape, abs(scale))
    )
    return (1 - label) * upper - label * lower
