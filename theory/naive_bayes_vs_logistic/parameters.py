"""When all class means are known to within a tolerance: the lemma in which log n is sharp.

K classes of m / K samples each, n independent Gaussian features of known standard deviation. Ng &
Jordan 2001 state the order (1 / ε^2) log n; the exact law is derived here.
"""

import numpy as np

from theory.naive_bayes_vs_logistic.domains import Classes, Features
from theory_on_trial.contract import Fraction, Positive, guarded, require


@guarded
def sup_norm_samples(
    n_features: Features,
    n_classes: Classes,
    deviation: Positive,
    failure: Fraction,
    noise: Positive = 1.0,
) -> float:
    """Real m at which P(max_{k,i} |estimated - true mean| <= ε) = (2 Φ(ε sqrt(m / K) / σ) - 1)^(n
    K) is 1 - δ.

    K σ^2 / ε^2 times the square of the normal quantile at (1 + (1 - δ)^(1 / (n K))) / 2, like 2 K
    σ^2 / ε^2 log(n K / δ); ε in the units of the features. `ValueError` also for a δ that
    underflows in its share of n K.
    """
    from scipy.special import erfcinv

    failure_of_one = -np.expm1(np.log1p(-failure) / (n_features * n_classes))
    require(
        failure_of_one > 0,
        f"failure must be a float64 when shared out over n_features and n_classes, got {failure}",
    )
    return float(2 * n_classes * (noise / deviation * erfcinv(failure_of_one)) ** 2)
