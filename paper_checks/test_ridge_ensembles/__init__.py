"""Du, Patil & Kuchibhotla 2023, "Subsample Ridge Ensembles: Equivalences and Generalized
Cross-Validation", ICML.

Measured are traces: noise and coefficients are averaged exactly given rows and subsets, so that few
data sets decide. Half the eigenvalues of Σ are .5 and half 4, a fifth of the signal |β|^2 = 1 is in
the former, σ^2 = .25.

Abstract:

- Sentence 1: ridge ensembles on subsamples are studied as features and points grow in proportion.
  No statement.
- Sentence 2: ensembles of equal risk lie on contours of penalty and subsample size. Holds:
  path_equivalence, path_equivalence-ridgeless. For one covariance and infinitely many members.
- Sentence 3: the best ridgeless ensemble of all subsamples is as good as the best ridge regression.
  Holds: optimum. Over penalties from 0 on: `negative_ridge` has a covariance where a negative one
  is better than both.
- Sentence 4: generalised cross validation is consistent uniformly over subsample sizes. Holds at a
  smaller scale: gcv_uniform. One design, two penalties and three sizes.
- Sentence 5: tuning by it gives a predictor with the risk of the best ridge. Holds at a smaller
  scale: tuned. In one design of 200 points, for infinitely many members; the paper has limits of
  any aspect. With 30 members it has not.
"""

from dataclasses import replace
from typing import Annotated

import numpy as np
from scipy.linalg import toeplitz

from sims import ridge_ensembles as observed
from theory.ridge_ensembles import Population, autoregressive
from theory_on_trial.contract import Interval

POPULATION = Population(np.array([0.5, 4]), np.array([0.5, 0.5]), np.array([0.2, 0.8]), 1.0, 0.25)

AspectOfAll = Annotated[
    float, Interval(0.3, 1, why="more points take minutes, and subsamples have p / k up to 2")
]
Aspect = Annotated[float, Interval(0.6, 2)]
AnyAspect = Annotated[float, Interval(0.01, 3, why="subsamples are sought up to p / k = 9")]
Correlation = Annotated[
    float, Interval(-0.9, 0.9, why="nearer to one, the eigenvalues of small matrices are others")
]
Penalty = Annotated[float, Interval(0, 1)]
Noise = Annotated[
    float,
    Interval(0.01, 1, why="with more, the best place lies beyond 9, up to where it is sought"),
]
Few = Annotated[int, Interval(3, 12, why="all bags of them are formed")]
Some = Annotated[
    int, Interval(20, 100, why="time: thousands of matrices of that size are inverted")
]
Apart = Annotated[
    int, Interval(16, 100, why="risks scatter more nearer to p = k, below 8 without bounds")
]
Medium = Annotated[int, Interval(40, 100, why="time: resolvents of 48 data sets at once")]
Forty = Annotated[int, Interval(40, 200, why="memory: resolvents of 48 data sets at once")]
Hundred = Annotated[
    int,
    Interval(100, 400, why="smaller samples scatter more than minutes tell, larger take minutes"),
]
Many = Annotated[
    int,
    Interval(
        450, 1000, why="fewer points may have an eigenvalue near the penalty, and that decides"
    ),
]
LOOKS = {"first": 100, "most": 1400}
WITH = (0.5, 1.25, 0.1)
MANY = (0.4, 0.625, 0.0)


def populated(dim, aspect, subsample_aspect, correlation=None):
    """The population and both aspects as p = dim has them, with whole directions and points, and
    the sizes. With a correlation that of AR(1) features in the limit, at all p.
    """
    points = round(dim / aspect)
    subsample = round(dim / subsample_aspect)
    half = dim // 2
    population = replace(POPULATION, masses=np.array([half, dim - half]) / dim)
    if correlation is not None:
        population = autoregressive(correlation, POPULATION.signal, POPULATION.noise)
    return (
        population,
        (dim / points, dim / subsample),
        {"points": points, "subsample": subsample, "dim": dim},
    )


def world(trial, dim, aspect, subsample_aspect, penalty, apart=30):
    """That, where the claims on limits hold at such a size."""
    trial.require(
        subsample_aspect >= 1.5 * aspect,
        "subsample_aspect must be 1.5 times the aspect: k < 2 n / 3",
    )
    subsample = round(dim / subsample_aspect)
    trial.require(
        penalty >= 0.1 or abs(dim - subsample) >= apart,
        f"penalty must be at least .1 or p and k = p / subsample_aspect {apart} apart: variances "
        "exceed their limit by "
        "a share 1 / |p - k|",
    )
    return populated(dim, aspect, subsample_aspect)


def directions(dim, correlation=None):
    """The variance and the mean squared coefficient along each direction, and which are in which
    half. With a correlation ρ of Σ_ij = ρ^|i - j|, along its eigenvectors, which all coefficients
    are equal along.
    """
    counts = np.array([dim // 2, dim - dim // 2])
    variances = np.repeat([0.5, 4.0], counts)
    signal = np.repeat([0.2, 0.8] / counts, counts)
    if correlation is not None:
        variances = np.linalg.eigvalsh(toeplitz(correlation ** np.arange(dim)))
        signal = np.full(dim, 1 / dim)
    return variances, signal, np.repeat(np.eye(2), counts, axis=1)


def members(key, penalty, points, subsample, dim, **options):
    """The traces of one data set of this population."""
    variances, signal, _ = directions(dim)
    options |= {"points": points, "subsample": subsample}
    return observed.trace_form(key, variances, signal, 0.25, penalty, **options)
