"""The domains of this paper's arguments, and what labels must satisfy for a number of classes."""

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float, Int

from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import (
    COVARIANCE,
    LONGEST,
    MAY_BE_INFINITE,
    MOST,
    NON_NEGATIVE,
    POSITIVE,
    PROBABILITIES,
    RISING,
    SYMMETRIC,
    USABLE_SCALE,
    Holds,
    Interval,
    is_traced,
    require,
)


def _definite(matrix: np.ndarray) -> bool:
    """Whether this is a covariance whose correlations have eigenvalues above rounding; units do not
    matter.
    """
    if not SYMMETRIC.check(matrix) or not np.all(np.diag(matrix) > 0):
        return False
    deviations = np.sqrt(np.diag(matrix))
    correlations = matrix / deviations / deviations[:, None]
    rounding = len(matrix) * np.finfo(matrix.dtype).eps
    return bool(np.isfinite(correlations).all() and np.linalg.eigvalsh(correlations)[0] > rounding)


def _invertible(factor: np.ndarray) -> bool:
    return factor.shape[0] == factor.shape[-1] and _definite(factor @ factor.T)


def _squares_add_up(values: np.ndarray) -> bool:
    return bool(
        np.abs(values).max(initial=0) <= (np.finfo(values.dtype).max / (4 * values.size)) ** 0.5
    )


_TWO_ROWS = Holds("rows", "have at least 2 rows, one per class", lambda means: len(means) >= 2)
_DEFINITE = Holds("definite", "be symmetric and positive definite", _definite)
_INVERTIBLE = Holds("invertible", "be square and invertible", _invertible)
_SQUARES = Holds("scale", "have entries whose squares floats can add up", _squares_add_up)

Number = float | Float[AnyArray, ""]
"""A real number, maybe traced."""
Classes = Annotated[int, Interval(2, LONGEST)]
"""K, the number of classes."""
Size = Annotated[int | Int[AnyArray, ""], Interval(1, MOST)]
"""m, a number of samples, maybe traced."""
MaxSamples = Annotated[int, Interval(2, LONGEST)]
"""The number of samples of the one data set whose prefixes are trained on: it fixes the shapes."""
Sizes = Annotated[Int[AnyArray, "sizes"] | Sequence[int], Interval(2, MOST), RISING]
"""Training sizes, from the number of classes on."""
LabelScheme = Literal["balanced", "random"]
"""Labels j mod K, or independent ones drawn again until every class occurs."""
Labels = Annotated[Int[AnyArray, "samples"], NON_NEGATIVE]
"""y, a class 0..K-1 per sample."""
Counts = Annotated[Int[AnyArray, "classes"], Interval(1, MOST)]
"""m_k, samples of each class."""
Features = Annotated[Float[AnyArray, "samples features"], _SQUARES]
"""x, a row per sample."""
SampleWeight = Annotated[Float[AnyArray, "samples"], NON_NEGATIVE]
"""How often each sample counts."""
Means = Annotated[Float[AnyArray, "classes features"], _TWO_ROWS]
"""μ_k, a row per class."""
Priors = Annotated[Float[AnyArray, "classes"], PROBABILITIES, POSITIVE]
"""p_k, the probabilities of the classes."""
Variances = Annotated[Float[AnyArray, "features"], POSITIVE]
"""The diagonal of Σ where features are independent."""
DefiniteMatrix = Annotated[Float[AnyArray, "features features"], _DEFINITE]
"""Σ, invertible."""
Covariance = (
    Annotated[Float[AnyArray, "features"], NON_NEGATIVE]
    | Annotated[Float[AnyArray, "features features"], COVARIANCE]
)
"""Σ, the covariance within every class: a matrix, or the variances of independent features."""
DefiniteCovariance = Variances | DefiniteMatrix
"""Σ where it must have a Cholesky factor."""
Factor = (
    Annotated[Float[AnyArray, "features"], USABLE_SCALE]
    | Annotated[Float[AnyArray, "features features"], USABLE_SCALE]
)
"""A factor of Σ: standard deviations, or a matrix whose product with its transpose is Σ."""
InvertibleFactor = Variances | Annotated[Float[AnyArray, "features features"], _INVERTIBLE]
"""A factor of an invertible Σ."""
Points = Float[AnyArray, "points axes"]
"""Normal points that errors of more than two classes are averaged over, such as
`quasi_random_points`.
"""
VarianceFloor = Annotated[Number, NON_NEGATIVE]
"""What is added to every estimated variance."""
InverseRidge = Annotated[Number, Interval(0, closed="(]"), MAY_BE_INFINITE]
"""C, what the log-loss counts beside the ridge penalty; infinity means no penalty."""
Tolerance = Annotated[Number, POSITIVE]
"""The largest derivative of the mean loss that a fit may leave."""


def require_labels(labels: AnyArray, n_classes: int) -> None:
    """Raise `ValueError` for a label of n_classes or more."""
    if not is_traced(labels):
        largest = np.asarray(labels).max()
        require(largest < n_classes, f"labels must be below n_classes = {n_classes}, got {largest}")


def require_every_class(
    labels: AnyArray, n_classes: int, sample_weight: AnyArray | None = None
) -> None:
    """Raise `ValueError` for a label of n_classes or more, and for a class without a sample of
    positive weight.
    """
    require_labels(labels, n_classes)
    if not is_traced(labels) and not is_traced(sample_weight):
        counts = np.bincount(
            labels, None if sample_weight is None else np.asarray(sample_weight), n_classes
        )
        require(
            counts > 0,
            f"labels must hold every class with some weight, got none of class {counts.argmin()}",
        )


def require_sizes(sizes: Sizes, n_classes: int, max_samples: int | None = None) -> None:
    """Raise `ValueError` unless `sizes` begin at n_classes or more and end at `max_samples` or
    less.
    """
    if not is_traced(sizes):
        require(
            sizes[0] >= n_classes, f"sizes must be at least the {n_classes} classes, got {sizes[0]}"
        )
        require(
            max_samples is None or sizes[-1] <= max_samples,
            f"sizes must be at most max_samples = {max_samples}, got {sizes[-1]}",
        )
