"""How long Mixup's minimiser is, and how efficient the three ways of training are: laws of a = kappa m^2 alone."""

import numpy as np

from paper_checks.test_mixup import DERIVED
from sims import mixup as observed
from theory import mixup as predicted
from theory_on_trial import claim, ours

NODES = 64
ALPHAS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 20.0)


def fit_without_noise(law):
    """Mixup of the two class means alone: what is left of the problem at infinite separability."""
    points, labels = np.array([[1.0], [-1.0]]), np.array([1.0, 0.0])
    return observed.fit_mixup(points, labels, law.nodes, law.weights, law.input_weights)


def scores_without_noise(laws):
    """The scores u of the class means, and twice the last relative Newton step (the points have length one)."""
    fits = [fit_without_noise(law) for law in laws]
    scores = np.array([float(fit.weights[0]) for fit in fits])
    # Roundings of the 64 terms move the root by 1e-12 where the curvature is as small as e^-u, u < 5.
    return scores, np.array([2 * float(fit.newton_step) for fit in fits]) * (1 + scores) + 1e-12


@claim(ours(DERIVED), kind="limit")
def test_scale_limit(trial, effective=(400, 800, 1600, 3200, 6400), alpha=1.0):
    """As kappa grows u* rises to u_inf with a (u_inf - u*) -> (u h + u^2 h' / 2) / L_2, if soft mixed pairs exist."""
    law = predicted.MixingLaw.beta(alpha, NODES)
    (limit,), (error,) = scores_without_noise([law])
    scores = np.array([predicted.scalar_minimiser(a, law) for a in effective])
    correction = predicted.limit_scale_correction(law)
    curvature = predicted.limit_curvatures(law)
    first = limit * curvature.noise / curvature.scale
    trial.limit(
        np.array(effective) * (limit - scores),
        effective,
        correction,
        order=1,
        margin=1e-3 * correction,
        slack=effective[-1] * error,
        controls={"without h'": first, "no gap": 0.0},
    )
    half, quarter = (lambda mixing: 0 * mixing + 0.5), np.array([0.5])
    laws = [
        law,
        predicted.MixingLaw.beta(alpha, NODES, half),
        predicted.MixingLaw.atoms(quarter, np.ones(1)),
        predicted.MixingLaw.atoms(quarter, np.ones(1), lambda mixing: mixing / 2),
        predicted.MixingLaw.atoms(np.array([0.0, 0.3, 1.0]), np.array([0.45, 0.1, 0.45])),
    ]
    bounded = [int(np.isfinite(predicted.limit_scale(one))) for one in laws]
    trial.identity(
        np.array([int(fit_without_noise(one).converged) for one in laws]),
        np.array(bounded),
        ops=0,
        controls={"bounded for every law": np.ones(len(laws), int), "only if g = lambda": np.array([1, 0, 0, 0, 1])},
    )


@claim(ours(DERIVED), kind="identity")
def test_lambda_dependence(trial, alphas=ALPHAS):
    """For lambda ~ Beta(alpha, alpha), u_inf falls and then rises with alpha; it grows without end at both ends."""
    laws = [predicted.MixingLaw.beta(alpha, NODES) for alpha in alphas]
    halves = [predicted.MixingLaw(np.full(NODES, 0.5), law.weights, law.nodes) for law in laws]
    closed = np.array([predicted.limit_scale(law) for law in laws])
    scores, errors = scores_without_noise(laws)
    trial.value(
        scores,
        closed,
        margin=1e-8,
        error=errors + 4e-12 * closed,  # the nodes of a law: another version of SciPy moves the scores by 1e-12
        controls={
            "monotone in alpha": np.minimum.accumulate(closed),
            "label one half": np.array([predicted.limit_scale(law) for law in halves]),
        },
    )


@claim(ours(DERIVED), kind="bound")
def test_efficiency_order(trial, effective=(0.1, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 64.0), alphas=(0.2, 1.0, 5.0)):
    """K_lda < K_mix < K_erm at every a, and K_mix falls with alpha: Mixup lies between discriminant and regression."""
    logistic = np.array([predicted.erm_efficiency(a) for a in effective])
    laws = [predicted.MixingLaw.beta(alpha, 24) for alpha in alphas]
    mixup = np.array([[predicted.mixup_efficiency(a, law) for a in effective] for law in laws])
    discriminant = np.array([predicted.lda_efficiency(a) for a in effective])
    chain = np.stack([logistic, *mixup, discriminant])
    trial.bound(
        chain[1:],
        chain[:-1],
        found_by="all",
        ops=1e4,
        wrong_processes={"maximum likelihood is best": np.broadcast_to(logistic, chain[1:].shape)},
    )


@claim(ours(DERIVED), kind="limit")
def test_erm_fisher_exponent(trial, effective=(50, 100, 200, 400, 800), moderate=(0.5, 2.0, 8.0, 20.0)):
    """K_erm grows like sqrt(2 a / pi) e^(a/2)."""
    from scipy.integrate import quad

    def information(a):
        def integrand(v):
            return np.exp(-((v - 2 * a) ** 2) / (8 * a)) / np.sqrt(8 * np.pi * a) / (4 * np.cosh(v / 2) ** 2)

        return quad(integrand, -60, 60, points=[0.0], epsabs=0, epsrel=1e-11, limit=400)

    integrals = np.array([information(a) for a in moderate])
    closed = np.array([predicted.erm_efficiency(a) for a in moderate])
    trial.value(
        1 / (4 * integrals[:, 0]),
        closed,
        margin=1e-8 * closed,
        # Beyond |v| = 60 the integrand is below e^-60 of its integral e^(-a/2) / sqrt(a).
        error=closed * (integrals[:, 1] / integrals[:, 0] + 1e-12),
        controls={"as for a = 0": np.ones(len(moderate)), "a + 1": np.array(moderate) + 1},
    )
    effective = np.array(effective)
    ratio = [predicted.erm_efficiency(float(a)) / predicted.erm_efficiency_asymptotic(float(a)) for a in effective]
    trial.limit(ratio, effective, 1.0, order=1, margin=1e-3, controls={"without the 2": np.sqrt(2.0)})
    exponents = np.log([predicted.erm_efficiency(float(a)) / np.sqrt(2 * a / np.pi) for a in effective]) / effective
    trial.limit(exponents, effective, 0.5, order=2, margin=1e-4, controls={"e^a": 1.0, "e^(a/4)": 0.25})
