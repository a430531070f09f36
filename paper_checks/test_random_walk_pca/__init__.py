"""Antognini & Sohl-Dickstein 2018, "PCA of high dimensional random walks with comparison to neural
network training".

Of it only the abstract and the first author's notebook could be read; its formulas for the spectra
are recalled, or quoted by notes of a reader. Deterministic claims meet the simulators' population
spectra (the recursion run on unit impulses); Monte-Carlo claims meet sampled trajectories.

Letters of all claims: T is the number of recorded points x_1, …, x_T, and d the dimension. The
steps ξ_t have mean 0 and the covariance Σ of trace 1, so that E[|ξ_t|²] = 1. Centred points are x_t
- c with the mean c of all points, and their covariance over time has the entries E[(x_s - c)·(x_t -
c)]. Its eigenvalues λ_1 > λ_2 > … are the variances of the principal components, its unit
eigenvectors u_k these components over time, and ρ_k = λ_k / sum_j λ_j the share of component k in
the variance. A sampled trajectory has its own (x_s - c)·(x_t - c), and of these its own components
and shares.

Abstract:

- Sentence 1: one technique draws training in the plane of its first principal components. No
  statement.
- Sentence 2: this technique is compared with the PCA of a random walk. No statement.
- Sentence 3, first part: the covariance of a random walk has known eigenvalues and eigenvectors.
  Holds: exact_spectrum, evr_limit.
- Sentence 3, second part: on long walks in high dimension most of the variance is in the first few
  components. Holds: first_two_fraction, evr_limit, sim_evr.
- Sentence 3, end: the projection on principal components is a Lissajous curve. Holds:
  chebyshev_relation, lissajous.
- Sentence 4, first part: the results extend to walks with momentum. Holds: momentum_spectrum,
  momentum_long_memory, momentum_concentrates-long, momentum_components, lissajous. For $γ < 1$; of
  the integrated walk, $γ = 1$, the components are modes of a beam, and no cosines
  (`momentum_components-integrated`).
- Sentence 4, second part: they extend to Ornstein-Uhlenbeck processes. In part: ou_exact,
  ou_circulant_limit, ou_sine_not_cosine, ou_spread. While $α T$ is small. As $α T$ grows the first
  component becomes a full sine, whose squared overlap with the cosine is .80, .75 and .73 at
  $α T = 10$, 60 and 300, and the first five hold 60, 16 and 3 % of the variance.
- Sentence 4, end: in high dimension such a walk does not come back to the mean but stays at a fixed
  distance from the minimum. Holds: ou_trapping, ou_trapping-spread, ou_not_mean_reverting.
- Sentence 5, first part: a linear model trained on CIFAR-10 and a ResNet-50 trained on ImageNet are
  compared with a random walk. No statement.
- Sentence 5, end: their variances resemble those of a random walk with drift. In part:
  nn_walk_with_drift, nn_walk_with_drift-cosine, nn_walk_with_drift-second,
  nn_walk_with_drift-noisy, nn_walk_with_drift-fit. Small networks on digits in place of these two,
  trained without momentum: of four processes this one fits best in the middle and at the end, but
  momentum fits a whole run better.
"""

from typing import Annotated

from theory_on_trial import tried
from theory_on_trial.contract import Interval

LISSAJOUS = tried(
    "abstract, sentence 3: the projection onto any subspace spanned by PCA components is a "
    "Lissajous curve",
    "its form by Chebyshev's polynomials, at every length",
)
TRAPPED = (
    "abstract, sentence 4: in high dimensions the walk is not mean reverting, but trapped at a "
    "fixed distance from the minimum"
)
WITH_DRIFT = tried(
    "abstract, sentence 5: the distribution of PCA variances resembles a random walk with drift",
    "small networks on digits, and the share or overlap that is asked for",
)
FIRST_FEW = tried(
    "abstract, sentence 3: most of the variance is in the first few PCA components",
    "60 points in 1000 dimensions, and the shares",
)

_DENSE = "a matrix over time is diagonalised whole"
Points = Annotated[int, Interval(2, 1000, why=_DENSE)]
ThreePoints = Annotated[
    int, Interval(3, 1000, why=f"of two points there is one component, and {_DENSE}")
]
SampledPoints = Annotated[
    int, Interval(5, 64, why="thousands of trajectories are drawn and diagonalised")
]
ManyPoints = Annotated[int, Interval(50, 20_000, why="the recursion runs hundreds of times")]
Components = Annotated[
    int, Interval(1, 10, why="rounding of an eigenvector grows like the fifth power")
]
