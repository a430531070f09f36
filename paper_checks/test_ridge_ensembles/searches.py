"""The inequality of the ridge ensembles, for the falsifier: both sides at any admissible instance."""

import numpy as np

from theory import ridge_ensembles as predicted
from theory_on_trial.audits.falsifier import Draw, Sides, inequality


@inequality("ridge_ensembles.optimum-isotropic", "no risk below the discriminant's root; phi in [.1, 3], lambda >= 0")
def optimum_isotropic(draw: Draw) -> Sides:
    """Any penalty from 0 to 10 and any size of the subsamples, for equal eigenvalues."""
    aspect, noise = draw.real("phi", 0.1, 3.0), draw.real("sigma^2", 0.01, 0.99)
    penalty, further = draw.real("lambda", 0.0, 10.0), draw.scale("phi_s / phi", 1.0, 20.0)
    population = predicted.Population(np.ones(1), np.ones(1), np.ones(1), 1.0, noise)
    half = (1 - aspect * (1 + noise)) / 2
    least = (np.sqrt(half**2 + aspect * noise) - half) / aspect
    risk = predicted.full_ensemble_risk(population, penalty, aspect, aspect * further)
    return Sides(float(least), float(risk), ops=400)
