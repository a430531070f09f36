"""How long Mixup's minimiser is, and how efficient the three ways of training are: laws of a = κ
m^2 alone.
"""

from typing import Annotated

import numpy as np
from scipy.integrate import quad
from scipy.special import expit, ndtri

from paper_checks.test_mixup import Alpha
from sims import mixup as observed
from theory import mixup as predicted
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval

NODES = 64

Least = Annotated[float, Interval(40, 80, why="a limit; beyond, e^(8 a) nears the largest float")]
Efficient = Annotated[float, Interval(0.1, 64, why="the classes are a hundred points each")]
"""a, at which the three efficiencies are compared."""
Moderate = Annotated[
    float, Interval(0.01, 40, why="an adaptive integral of terms that fall by e^-20")
]
"""a, at which an integral is taken."""


def fit_without_noise(law):
    """Mixup of the two class means alone: what is left of the problem at infinite separability."""
    points = np.array([[1.0], [-1.0]])
    labels = np.array([1.0, 0.0])
    return observed.fit_mixup(points, labels, law.nodes, law.weights, law.input_weights)


def scores_without_noise(laws):
    """The scores u of the class means, and twice the last relative Newton step (the points have
    length one).
    """
    fits = [fit_without_noise(law) for law in laws]
    scores = np.array([float(fit.weights[0]) for fit in fits])
    # Roundings of the 64 terms move the root by 1e-12 where the curvature is as small as e^-u, u <
    # 5.
    return scores, np.array([2 * float(fit.newton_step) for fit in fits]) * (1 + scores) + 1e-12


@claim(
    derived("by expanding the derivative of the loss along b in 1 / a"),
    kind="limit",
    cases=[(0.2, 400), (1.0, 400)],
    route="`predicted.scalar_minimiser` in its limit against `predicted.limit_scale_correction`",
)
def test_scale_limit(
    trial, alpha: Alpha, least: Annotated[float, Interval(400, 2000, why="a limit; then rounding")]
):
    """As κ grows u* tends to u_inf, a (u_inf - u*) to (u h + u^2 h' / 2) / L_2, if soft mixed pairs
    exist.
    """
    # λ is within 1 / sqrt(8 α) of 1/2: powers of α / a follow one another, not of 1 / a.
    law = predicted.MixingLaw.beta(alpha, NODES)
    effective = max(least, 20 * alpha) * 2.0 ** np.arange(5)
    (limit,), (error,) = scores_without_noise([law])
    scores = np.array([predicted.scalar_minimiser(a, law) for a in effective])
    correction = predicted.limit_scale_correction(law)
    curvature = predicted.limit_curvatures(law)
    without = limit * curvature.noise / curvature.scale
    changes_sign = (
        "alpha must keep away from .39, where the correction changes sign and no theory is near it"
    )
    trial.require(abs(correction) > 0.11 * abs(without - correction), changes_sign)
    trial.require(
        abs(alpha - 0.1125) > 0.0125,
        "alpha must not lie in [0.1, 0.125]: the next order changes sign there",
    )
    slack = effective[-1] * error
    terms = {"without h'": without, "h' without 1/2": 2 * correction - without}
    trial.limit(
        effective * (limit - scores),
        effective,
        correction,
        order=1,
        margin=1e-3 * without,
        slack=slack,
        controls=terms,
    )
    atoms = predicted.MixingLaw.atoms
    half = np.array([0.5])
    laws = [
        law,
        predicted.MixingLaw.beta(alpha, NODES, lambda mixing: 0 * mixing + 0.5),
        atoms(half, np.ones(1)),
    ]
    laws += [atoms(half, np.ones(1), lambda mixing: mixing / 2)]
    hard = ([0.0, 0.3, 1.0], [0.45, 0.1, 0.45]), ([0.0, 0.3, 0.5, 1.0], [0.45, 0.0, 0.1, 0.45])
    laws += [atoms(np.array(nodes), np.array(weights)) for nodes, weights in hard]
    existence = np.array([int(np.isfinite(predicted.limit_scale(member))) for member in laws])
    convergence = np.array([int(fit_without_noise(member).converged) for member in laws])
    terms = {
        "bounded for every law": np.ones(len(laws), int),
        "only if g = λ": np.array([1, 0, 1, 0, 1, 1]),
    }
    trial.identity(convergence, existence, ops=0, controls=terms)


@claim(
    derived("where the loss of the class means alone has no slope"),
    kind="identity",
    cases=[0.1, 0.2, 0.5, 1.0],
)
def test_lambda_dependence(
    trial, alpha: Annotated[float, Interval(0.05, 1.2, why="below the lowest u_inf")]
):
    """For λ ~ Beta(α, α), u_inf falls and then rises with α."""
    laws = [predicted.MixingLaw.beta(parameter, NODES) for parameter in (alpha, 1.5, 2.25 / alpha)]
    halves = [predicted.MixingLaw(np.full(NODES, 0.5), law.weights, law.nodes) for law in laws]
    limits = np.array([predicted.limit_scale(law) for law in laws])
    scores, errors = scores_without_noise(laws)
    controls = {
        "monotone in α": np.minimum.accumulate(limits),
        "label one half": np.array([predicted.limit_scale(law) for law in halves]),
    }
    # The nodes of a law: another version of SciPy moves the scores by 1e-12.
    trial.value(scores, limits, margin=1e-7, error=errors + 4e-12 * limits, controls=controls)


def plug_in_efficiency(a, law, per_class):
    """K_mix = a^2 Ψ / (H u)^2 of classes that are `per_class` quantiles each: sums over pairs at
    Mixup's own fit.
    """
    quantiles = ndtri((np.arange(per_class) + 0.5) / per_class)
    noise = quantiles / np.sqrt(a * np.mean(quantiles**2))
    points = np.concatenate([1 + noise, noise - 1])
    labels = np.repeat([1.0, 0.0], per_class)
    fit = observed.fit_mixup(points[:, None], labels, law.nodes, law.weights, law.input_weights)
    score = float(fit.weights[0])
    pull = np.zeros(2 * per_class)
    curvature = 0.0
    for mixing, weight, g in zip(law.nodes, law.weights, law.input_weights, strict=True):
        chances = expit(score * (g * points[:, None] + (1 - g) * points))
        residuals = chances - (mixing * labels[:, None] + (1 - mixing) * labels)
        pull += weight * (g * residuals.mean(axis=1) + (1 - g) * residuals.mean(axis=0))
        curvature += weight * (g**2 + (1 - g) ** 2) * np.mean(chances * (1 - chances))
    return a**2 * np.mean(pull**2) / (curvature * score) ** 2


@claim(
    derived("by the sandwich variance of all pairs, and Fisher's information without augmentation"),
    kind="bound",
    cases=[(0.5, 0.2), (2.0, 1.0), (8.0, 1.0), (64.0, 5.0)],
    route="`predicted.erm_efficiency`, `predicted.mixup_efficiency` and "
    "`predicted.lda_efficiency` share no code",
)
def test_efficiency_order(
    trial, effective: Efficient, alpha: Annotated[float, Interval(0.2, 10, why="a cap only")]
):
    """K_lda < K_mix < K_erm at every a, and K_mix falls with α: Mixup lies between discriminant and
    regression.
    """
    message = (
        "alpha must be at least effective / 8, or 5: quantiles of scores that are far apart "
        "settle later"
    )
    trial.require(alpha >= min(effective / 8, 5), message)
    law = predicted.MixingLaw.beta(alpha, 24)
    narrower = predicted.MixingLaw.beta(1.1 * alpha, 24)
    mixup = predicted.mixup_efficiency(effective, law)
    logistic = predicted.erm_efficiency(effective)
    discriminant = predicted.lda_efficiency(effective)
    half, full = (
        plug_in_efficiency(effective, predicted.MixingLaw.beta(alpha, 12), n) for n in (100, 200)
    )
    value = 2 * full - half  # what quantiles leave out falls nearly like one over their number
    error = abs(full - half)
    trial.value(
        value,
        mixup,
        margin=0.01 * mixup,
        error=error,
        controls={"one of two summands of the pull": mixup / 4},
    )
    trial.bound(
        np.array([discriminant, predicted.mixup_efficiency(effective, narrower), mixup]),
        np.array([mixup, mixup, logistic]),
        instances="grid",
        ops=1e4,
        controls={"Mixup loses nothing": np.full(3, discriminant)},
        control_processes={"maximum likelihood is best": np.full(3, logistic)},
    )


def information(a):
    """E s'(V) sqrt(8 π a), V ~ N(2a, 4a), by an adaptive rule, and its error."""

    def integrand(v):
        return np.exp(-((v - 2 * a) ** 2) / (8 * a)) / (4 * np.cosh(v / 2) ** 2)

    return quad(integrand, -60, 60, points=[0.0], epsabs=0, epsrel=1e-11, limit=400)


@claim(
    derived("Laplace's method for the information"),
    kind="limit",
    cases=[(0.02, 50), (2.0, 50), (8.0, 60), (20.0, 70)],
)
def test_erm_fisher_exponent(trial, moderate: Moderate, least: Least):
    """K_erm grows like sqrt(2 a / π) e^(a/2)."""
    (integral, uncertain), exact = information(moderate), predicted.erm_efficiency(moderate)
    values = np.sqrt(8 * np.pi * moderate) / (4 * integral)
    # Beyond |v| = 60 the integrand is below e^-60 of its integral e^(-a/2) / sqrt(a).
    error = exact * (uncertain / integral + 1e-12)
    trial.value(
        values,
        exact,
        margin=1e-8 * exact,
        error=error,
        controls={"as for a = 0": 1.0, "a + 1": moderate + 1},
    )
    effective = least * 2.0 ** np.arange(5)
    values = np.array([predicted.erm_efficiency(float(a)) for a in effective])
    ratio = values / [predicted.erm_efficiency_asymptotic(float(a)) for a in effective]
    trial.limit(
        ratio, effective, 1.0, order=1, margin=1e-3, controls={"without the 2": np.sqrt(2.0)}
    )
    exponents = np.log(values / np.sqrt(2 * effective / np.pi)) / effective
    trial.limit(
        exponents, effective, 0.5, order=2, margin=1e-4, controls={"e^a": 1.0, "e^(a/4)": 0.25}
    )
