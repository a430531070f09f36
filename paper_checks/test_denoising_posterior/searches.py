"""The bound on subspace iteration, for the falsifier: both sides at any spectrum, any start and any round."""

import numpy as np

from sims import denoising_posterior as observed
from theory import denoising_posterior as predicted
from theory_on_trial.audits.falsifier import Draw, Sides, inequality

PAPER = "denoising_posterior"


@inequality(f"{PAPER}.subspace_iteration", "tangents shrink to lambda_(r+1) / lambda_r, n <= 6", draws=300, steps=500)
def subspace(draw: Draw) -> Sides | None:
    """Eigenvalues of any ratio down to 1e-3, ties among them; the third round."""
    dim = draw.integer("dim", 2, 6)
    rank = draw.integer("rank", 1, dim - 1)
    eigenvalues = np.exp(-np.cumsum(np.abs(draw.normal("gaps", dim))))
    if eigenvalues[-1] < 1e-3 or eigenvalues[rank] > 0.999 * eigenvalues[rank - 1]:
        return None  # without a gap there is no subspace to come to
    tangents = observed.subspace_tangents(np.diag(eigenvalues), draw.normal("start", dim, rank), 3)
    if tangents[2] > 1e6:
        return None  # a start that lacks a leading direction
    factor = predicted.contraction(eigenvalues, rank)
    return Sides(tangents[3], factor * tangents[2], ops=1000, scale=1 + tangents[2] ** 2)
