"""Gaussian naive Bayes with variances shared by all classes, which makes it a linear rule."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from sims.naive_bayes_vs_logistic.domain import require_every_class, require_labels, require_sizes
from sims.naive_bayes_vs_logistic.linear_rule import LinearRule, Number
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import AnyArray, is_traced, require_finite, require_in_range
from theory_on_trial.precision import require_float64


@validated(unbounded=("means", "variances", "priors", "return"))
def naive_bayes_rule(
    means: Float[AnyArray, "*batch classes features"],
    variances: Float[AnyArray, "*batch features"],
    priors: Float[AnyArray, "*batch classes"],
) -> LinearRule:
    """The rule argmax_k log p_k - ½ Σ_i (x_i - μ_ki)²/σ_i² in its linear form.

    w_k = μ_k/σ² and b_k = log p_k - ½ Σ_i μ_ki²/σ_i²: what the classes share is left out.

    Parameters may be true or estimated; a class of prior zero, a NaN mean or a zero variance leaves no finite rule.
    Raises ValueError for negative variances or priors.
    Source: the released code of Zheng et al. 2023; the linear form is elementary.
    """
    for name, values in (("variances", variances), ("priors", priors)):
        if not is_traced(values) and (values < 0).any():
            raise ValueError(f"{name} must not be negative, got {np.min(values)}")
    weights = jnp.asarray(means) / variances[..., None, :]
    return LinearRule(weights, jnp.log(priors) - jnp.sum(weights * means, axis=-1) / 2)


@validated
def naive_bayes(
    features: Float[AnyArray, "samples features"],
    labels: Int[AnyArray, "samples"],
    n_classes: int,
    *,
    sample_weight: Float[AnyArray, "samples"] | None = None,
    var_floor: Number = 1e-9,
) -> LinearRule:
    """Fit naive Bayes: priors m_k/m, class means, and pooled variances with divisor m plus `var_floor`.

    `sample_weight` counts each sample that often (zeros and ones pick a subset); every sample once by default.
    Variances are taken in a second pass about the class means, so that an offset of the features costs no digits.
    Where everything is traced nothing can be refused: a class without samples gives a rule of NaN, whose
    `conditional_error` is NaN; its predictions mean nothing.

    Raises TypeError for labels that are not integers; ValueError for labels outside 0..K-1, a class without samples,
    features that vary within no class (every prediction would be the floor's), a zero variance without a floor, and a
    negative floor or weight.
    Source: the released code of Zheng et al. 2023.
    """
    require_labels(labels, n_classes)
    require_in_range("var_floor", var_floor, 0, np.inf, includes_high=False)
    weight = jnp.ones(labels.shape[0], features.dtype) if sample_weight is None else jnp.asarray(sample_weight)
    if not is_traced(weight) and not (np.asarray(weight) >= 0).all():
        raise ValueError(f"sample_weight must not be negative, got {np.asarray(weight).min()}")
    member = jax.nn.one_hot(labels, n_classes, dtype=features.dtype) * weight[:, None]
    counts = jnp.sum(member, axis=0)
    require_every_class(counts, "labels")
    total = jnp.sum(counts)
    offset = weight @ features / total
    centred = features - offset
    class_means = member.T @ centred / counts[:, None]
    variances = weight @ (centred - class_means[labels]) ** 2 / total
    require_finite("the variances of features", variances)
    _require_varying(variances, var_floor)
    return naive_bayes_rule(class_means + offset, variances + var_floor, counts / total)


@validated(unbounded=("return",))
def prefix_naive_bayes(
    features: Float[AnyArray, "samples features"],
    labels: Int[AnyArray, "samples"],
    n_classes: int,
    sizes: Int[AnyArray, "sizes"],
    *,
    var_floor: Number = 1e-9,
) -> LinearRule:
    """Fit naive Bayes to the first m samples for every m in `sizes`, at the cost of one pass over the data.

    Cumulative sums of the features, and of their squares, about the class means of all samples: what is subtracted to
    get a variance is then small, and float64 keeps it exact to rounding. The rule has a leading axis over sizes.
    A prefix that lacks a class has a rule of NaN. `sizes` may be traced, and must rise.

    Raises TypeError without float64 or for labels that are not integers; ValueError for labels outside 0..K-1, a
    negative floor, or sizes that do not rise strictly within K..m.
    Source: derived here; the estimator is that of `naive_bayes`.
    """
    require_float64("prefix_naive_bayes")
    require_labels(labels, n_classes)
    require_sizes(sizes, n_classes, features.shape[0])
    require_in_range("var_floor", var_floor, 0, np.inf, includes_high=False)
    member = jax.nn.one_hot(labels, n_classes, dtype=features.dtype)
    offsets = member.T @ features / jnp.maximum(jnp.sum(member, axis=0), 1)[:, None]
    centred = features - offsets[labels]
    # Row j belongs to every prefix longer than j: it is added to the first of them, and carried on by the sum.
    first = jnp.searchsorted(jnp.asarray(sizes), jnp.arange(features.shape[0]), side="right")

    def cumulative(rows):
        return jnp.cumsum(jax.ops.segment_sum(rows, first, len(sizes)), axis=0)

    counts = cumulative(member)
    cells = jax.ops.segment_sum(centred, first * n_classes + labels, len(sizes) * n_classes)
    sums = jnp.cumsum(cells.reshape(len(sizes), n_classes, -1), axis=0)
    shifts = sums / counts[..., None]
    total = jnp.sum(counts, axis=1, keepdims=True)
    within = cumulative(centred**2) - jnp.sum(sums * shifts, axis=1)
    require_finite("the squares of features", within[-1])
    variances = jnp.maximum(within, 0) / total + var_floor
    return naive_bayes_rule(offsets + shifts, variances, counts / total)


def _require_varying(variances, var_floor):
    if is_traced(variances) or is_traced(var_floor):
        return
    constant = np.asarray(variances) == 0
    if constant.all():
        raise ValueError("features must vary within a class, got pooled variances that are all 0")
    if constant.any() and not float(var_floor) > 0:
        raise ValueError(
            f"var_floor must be above 0 where a feature is constant (feature {np.argmax(constant)}), got 0"
        )
