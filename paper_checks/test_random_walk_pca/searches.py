"""Inequalities of "PCA of high dimensional random walks": projections, the circulant formula, the trapped norm."""

import numpy as np
from scipy.stats import chi2

from sims import random_walk_pca as observed
from theory import random_walk_pca as predicted
from theory_on_trial.audits.falsifier import Draw, Sides, inequality

PAPER = "random_walk_pca"


@inequality(f"{PAPER}.pca_tutorial-optimal", "no k-dimensional projection has a smaller mean squared error than PCA's")
def pca_optimal(draw: Draw) -> Sides:
    """Up to eight points in two to five dimensions; the error by projecting every point."""
    dim = draw.integer("d", 2, 5)
    kept = draw.integer("k", 1, 4)
    kept = min(kept, dim - 1)
    points = draw.normal("points", 8, dim)
    centred = points - points.mean(axis=0)
    basis = np.linalg.qr(draw.normal("basis", dim, kept))[0]
    error = float(np.sum((centred - centred @ basis @ basis.T) ** 2) / len(points))
    covariance = centred.T @ centred / len(points)
    least = predicted.least_reconstruction_error((covariance + covariance.T) / 2, kept)
    return Sides(least, error, ops=8 + 3 * dim, scale=float(np.trace(covariance)))


def _relative_error(n: int, crossover: float) -> float:
    """The circulant formula's relative error in rho_1 of n points at alpha n = `crossover`."""
    spectrum = observed.leading_population_spectrum(n, 1, reversion=crossover / n)
    formula = predicted.ornstein_uhlenbeck_circulant_eigenvalues(n, crossover / n)
    return abs(formula.max() / formula.sum() / (spectrum.eigenvalues[0] / spectrum.total_variance) - 1)


_SIZES = (100, 400, 800)
_FEW = {"draws": 40, "steps": 36}


@inequality(
    f"{PAPER}.ou_circulant_limit", "relative error in rho_1 <= 3 / (2 alpha T), alpha T in [4, T / 2], T <= 800", **_FEW
)
def circulant_for_large_crossovers(draw: Draw) -> Sides:
    """A few numbers of points, every crossover."""
    n = draw.choice("T", _SIZES)
    crossover = draw.scale("alpha T", 4.0, n / 2)
    return Sides(_relative_error(n, crossover), 1.5 / crossover, ops=4 * n, scale=1.0)


@inequality(f"{PAPER}.ou_circulant_limit", "relative error in rho_1 <= alpha T / 3, alpha T <= .1, T <= 800", **_FEW)
def circulant_for_small_crossovers(draw: Draw) -> Sides:
    """A few numbers of points, every crossover."""
    n = draw.choice("T", _SIZES)
    crossover = draw.scale("alpha T", 1e-4, 0.1)
    return Sides(_relative_error(n, crossover), (8 / np.pi**2 - 0.5) * crossover, ops=4 * n, scale=1.0)


@inequality(f"{PAPER}.ou_not_mean_reverting", "P(|x_t|^2 < f r_c^2) <= exp(-(d / 2)(f - 1 - log f)), exactly")
def not_mean_reverting(draw: Draw) -> Sides | None:
    """The stationary norm is a chi-square of d degrees of freedom over d, so the chance is exact at every d and f."""
    dim, share = draw.integer("d", 1, 2000), draw.real("f", 1e-3, 0.999)
    bound = predicted.escape_probability_bound(share, dim)
    return Sides(float(chi2.cdf(share * dim, dim)), bound, ops=1e4) if bound > 1e-250 else None


@inequality(f"{PAPER}.momentum_concentrates", "rho_1 at gamma <= rho_1 at gamma' for gamma < gamma'", **_FEW)
def momentum_concentrates(draw: Draw) -> Sides:
    """The claim's walk of 200 points, any two momenta."""
    first, second = np.sort(draw.reals("gamma", 0, 0.999, 2)).tolist()

    def ratio(gamma: float) -> float:
        spectrum = observed.leading_population_spectrum(200, 1, momentum=gamma)
        return float(spectrum.eigenvalues[0] / spectrum.total_variance)

    return Sides(ratio(first), ratio(second), ops=800)
