"""Gaussian naive Bayes with variances shared by all classes, which makes it a linear rule."""

from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from sims.naive_bayes_vs_logistic.domains import (
    Classes,
    Features,
    Labels,
    SampleWeight,
    Sizes,
    VarianceFloor,
    require_every_class,
    require_labels,
    require_sizes,
)
from sims.naive_bayes_vs_logistic.linear_rule import LinearRule
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import NON_NEGATIVE, guarded, is_traced, require


@guarded(double=False)
@jax.jit
def naive_bayes_rule(
    means: Float[AnyArray, "*batch classes features"],
    variances: Annotated[Float[AnyArray, "*batch features"], NON_NEGATIVE],
    priors: Annotated[Float[AnyArray, "*batch classes"], NON_NEGATIVE],
) -> LinearRule:
    """The rule argmax_k log p_k - ½ Σ_i (x_i - μ_ki)²/σ_i² in its linear form.

    w_k = μ_k/σ² and b_k = log p_k - ½ Σ_i μ_ki²/σ_i²: what the classes share is left out.
    Parameters may be true or estimated; a class of prior zero, a zero variance, or a mean whose
    square over the variance is not among floats leaves no finite rule.
    Source: the released code of Zheng et al. 2023; the linear form is elementary.
    """
    weights = jnp.asarray(means) / variances[..., None, :]
    return LinearRule(weights, jnp.log(priors) - jnp.sum(weights * means, axis=-1) / 2)


@guarded(double=False)
def naive_bayes(
    features: Features,
    labels: Labels,
    n_classes: Classes,
    *,
    sample_weight: SampleWeight | None = None,
    var_floor: VarianceFloor = 1e-9,
) -> LinearRule:
    """Fit naive Bayes: priors m_k/m, class means, and pooled variances with divisor m plus
    `var_floor`.

    `sample_weight` counts each sample that often (zeros and ones pick a subset); every sample once
    by default. Variances are taken in a second pass about the class means, so that an offset of the
    features costs no digits. Where everything is traced nothing can be refused: a class without
    samples gives a rule of NaN, whose `conditional_error` is NaN; its predictions mean nothing.

    Raises ValueError for labels of K or more, a class without samples, features that vary within no
    class (every prediction would be the floor's), and a feature that does not where there is no
    floor. Source: the released code of Zheng et al. 2023.

    >>> rule = naive_bayes([[-1.0], [0.0], [1.0], [2.0]], [0, 1, 0, 1], 2)
    >>> print(f"{rule.weights[1, 0] - rule.weights[0, 0]:.4f}")
    1.0000
    """
    require_every_class(labels, n_classes, sample_weight)
    _require_varying(features, labels, sample_weight, var_floor)
    features = jnp.asarray(features)
    weight = (
        jnp.ones(labels.shape[0], features.dtype)
        if sample_weight is None
        else jnp.asarray(sample_weight)
    )
    member = jax.nn.one_hot(labels, n_classes, dtype=features.dtype) * weight[:, None]
    counts = jnp.sum(member, axis=0)
    total = jnp.sum(counts)
    offset = weight @ features / total
    deviations = features - offset
    class_means = member.T @ deviations / counts[:, None]
    variances = weight @ (deviations - class_means[labels]) ** 2 / total
    return naive_bayes_rule(class_means + offset, variances + var_floor, counts / total)


@guarded(double=False)
def prefix_naive_bayes(
    features: Features,
    labels: Labels,
    n_classes: Classes,
    sizes: Sizes,
    *,
    var_floor: VarianceFloor = 1e-9,
) -> LinearRule:
    """Fit naive Bayes to the first m samples for every m in `sizes`, at the cost of one pass over
    the data.

    Cumulative sums of the features, and of their squares, about the class means of all samples:
    what is subtracted to get a variance is then small, and float64 keeps it exact to rounding. The
    rule has a leading axis over sizes. A prefix that lacks a class has a rule of NaN. `sizes` may
    be traced, and must rise. Raises TypeError without float64; ValueError for labels of K or more,
    and sizes outside K..m. Source: derived here; the estimator is that of `naive_bayes`.
    """
    require_float64("prefix_naive_bayes")
    require_labels(labels, n_classes)
    require_sizes(sizes, n_classes, features.shape[0])
    member = jax.nn.one_hot(labels, n_classes, dtype=features.dtype)
    offsets = member.T @ features / jnp.maximum(jnp.sum(member, axis=0), 1)[:, None]
    deviations = features - offsets[labels]
    # Row j belongs to every prefix longer than j: it is added to the first of them, and carried on
    # by the sum.
    first = jnp.searchsorted(jnp.asarray(sizes), jnp.arange(features.shape[0]), side="right")

    def cumulative(rows):
        return jnp.cumsum(jax.ops.segment_sum(rows, first, len(sizes)), axis=0)

    counts = cumulative(member)
    cells = jax.ops.segment_sum(deviations, first * n_classes + labels, len(sizes) * n_classes)
    sums = jnp.cumsum(cells.reshape(len(sizes), n_classes, -1), axis=0)
    shifts = sums / counts[..., None]
    total = jnp.sum(counts, axis=1, keepdims=True)
    within = cumulative(deviations**2) - jnp.sum(sums * shifts, axis=1)
    variances = jnp.maximum(within, 0) / total + var_floor
    return naive_bayes_rule(offsets + shifts, variances, counts / total)


def _require_varying(features, labels, sample_weight, var_floor):
    if any(map(is_traced, (features, labels, sample_weight))):
        return
    mask = np.ones(len(labels), bool) if sample_weight is None else np.asarray(sample_weight) > 0
    rows = np.asarray(features)[mask]
    classes = np.asarray(labels)[mask]
    _, first = np.unique(classes, return_index=True)
    constant = np.all(rows == rows[first][classes], axis=0)
    require(~constant.all(), "features must vary within a class, got constant ones only")
    if constant.any():
        require(
            var_floor > 0,
            f"var_floor must be above 0 where a feature is constant (feature {constant.argmax()})",
        )
