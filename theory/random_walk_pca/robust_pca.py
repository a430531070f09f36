"""How a small fraction of outliers breaks vanilla PCA.

Clean data have covariance I + β v v^T; a fraction ε is replaced by +-s w with w a unit vector
orthogonal to v and equally many of both signs, so that the variance is (1 - ε)(1 + β) along v and 1
- ε + ε s^2 along w. Derived here; the goal for robust estimators is that of arXiv 2305.02544.
"""

from theory_on_trial.contract import Fraction, Positive, guarded


@guarded
def outlier_flip_threshold(fraction: Fraction, spike: Positive) -> float:
    """Squared outlier length (1 - ε) β / ε at which the top eigenvector flips from v to w.

    Beyond it the top direction has 1 / (1 + β) of the largest clean variance. `fraction` is ε,
    `spike` β.
    """
    return (1 - fraction) * spike / fraction
