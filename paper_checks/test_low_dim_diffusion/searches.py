"""The inequality of low-dimensional diffusion, for the falsifier: both sides at any admissible instance."""

import numpy as np

from theory import low_dim_diffusion as predicted
from theory_on_trial.audits.falsifier import Draw, Sides, inequality

PAPER = "low_dim_diffusion"


@inequality(f"{PAPER}.random_completion-worst", "D^2 <= 2 min(d - N, n - d), n <= 9", draws=300, steps=500)
def worst_completion(draw: Draw) -> Sides:
    """Any completion of any samples, among them ones away from the true subspace."""
    ambient = draw.integer("n", 2, 9)
    dim = draw.integer("d", 1, ambient - 1)
    samples = draw.integer("N", 0, dim - 1)
    points = draw.normal("samples", dim, samples) if samples else np.zeros((dim, 0))
    rest = draw.normal("rest", ambient, dim - samples)
    rest[:dim] *= draw.scale("away", 1e-6, 1.0)
    learned = np.linalg.qr(np.hstack([np.vstack([points, np.zeros((ambient - dim, samples))]), rest]))[0]
    error = np.sum((np.diag(np.arange(ambient) < dim) - learned @ learned.T) ** 2)
    return Sides(float(error), predicted.worst_completion(ambient, dim, samples), ops=1000)
