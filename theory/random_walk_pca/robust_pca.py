"""How a small fraction of outliers breaks vanilla PCA.

Clean data have covariance I + beta v v^T; a fraction epsilon is replaced by +-s w with w a unit vector orthogonal to v
and equally many of both signs. Threshold derived here; the goal for robust estimators is that of arXiv 2305.02544.
`fraction` is epsilon in (0, 1), `spike` is beta > 0; other values raise `ValueError`.
"""

from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_positive


@validated
def outlier_flip_threshold(fraction: float, spike: float | int) -> float:
    """Squared outlier length (1 - epsilon) beta / epsilon at which the top eigenvector flips from v to w."""
    _check_fraction(fraction)
    check_positive("spike", spike)
    return (1 - fraction) * spike / fraction


@validated
def contaminated_variances(fraction: float, spike: float | int, squared_length: float | int) -> tuple[float, float]:
    """Variances of the contaminated data along v, (1 - epsilon)(1 + beta), and along w, 1 - epsilon + epsilon s^2.

    All other directions have 1 - epsilon. `ValueError` also if `squared_length` (s^2) is not positive.
    """
    _check_fraction(fraction)
    check_positive("spike", spike)
    check_positive("squared_length", squared_length)
    return (1 - fraction) * (1 + spike), 1 - fraction + fraction * squared_length


@validated
def vanilla_quality(fraction: float, spike: float | int, squared_length: float | int) -> float:
    """Clean variance u^T Sigma u / |Sigma| along vanilla PCA's top direction u: 1, and 1 / (1 + beta) once it flips.

    `ValueError` also at the threshold itself, where the direction is not defined.
    """
    along_signal, along_outliers = contaminated_variances(fraction, spike, squared_length)
    if along_signal == along_outliers:
        raise ValueError("squared_length must not be the flip threshold, where the top direction is not defined")
    return 1.0 if along_signal > along_outliers else 1 / (1 + spike)


def _check_fraction(fraction: float) -> None:
    if not 0 < fraction < 1:
        raise ValueError(f"fraction must be in (0, 1), got {fraction}")
