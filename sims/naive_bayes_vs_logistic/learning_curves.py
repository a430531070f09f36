"""Errors of naive Bayes, linear discriminant analysis and ridge logistic regression against the
number of training samples.

Where a curve falls to a target is found by bisection on a geometric grid of sizes. The paper's
released code scans a single noisy curve instead, which `official_scan` does.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float, Int, Key

from sims.naive_bayes_vs_logistic.data import (
    balanced_counts,
    balanced_labels,
    covariance_factor,
    draw_while,
    equal_priors,
    gaussian_classes,
    random_counts,
    random_labels,
    sample_statistics,
    sample_statistics_correlated,
)
from sims.naive_bayes_vs_logistic.domains import (
    Classes,
    Counts,
    DefiniteCovariance,
    Features,
    InvertibleFactor,
    Labels,
    LabelScheme,
    MaxSamples,
    Means,
    Number,
    Points,
    Sizes,
    Tolerance,
    VarianceFloor,
    Variances,
    require_every_class,
    require_sizes,
)
from sims.naive_bayes_vs_logistic.logistic import ridge_logistic
from sims.naive_bayes_vs_logistic.rules import (
    LinearRule,
    conditional_error,
    lda,
    naive_bayes,
    naive_bayes_rule,
    prefix_naive_bayes,
)
from theory_on_trial.contract import (
    FRACTION,
    LONGEST,
    RISING,
    Count,
    Interval,
    guarded,
    require,
    require_room,
)


@guarded(double=False)
def naive_bayes_errors(
    key: Key[Array, ""],
    sizes: Sizes,
    means: Means,
    variances: Variances,
    *,
    labels: LabelScheme = "balanced",
    points: Points | None = None,
) -> Float[Array, "sizes"]:
    """The error of naive Bayes trained on m samples of independent Gaussian features, for every m
    in `sizes`.

    It draws class counts, then sufficient statistics from their exact laws, and computes the exact
    conditional error. So it needs no data, and its cost does not depend on m. Sizes are independent
    of each other. `sizes` may be traced (one program for all); a traced size below K has the error
    NaN. `points` are those of `conditional_error`. Raises ValueError for sizes below K. Source: the
    simulation of Zheng et al. 2023 (released code), its data replaced by their sufficient
    statistics.
    """
    n_classes = means.shape[0]
    require_sizes(sizes, n_classes)

    def error_at(size, size_key):
        counts_key, statistics_key = jax.random.split(size_key)
        counts = (
            balanced_counts(size, n_classes)
            if labels == "balanced"
            else random_counts(counts_key, size, equal_priors(n_classes))
        )
        class_means, scatter = sample_statistics(statistics_key, counts, means, variances)
        rule = naive_bayes_rule(class_means, scatter + 1e-9, counts / size)
        return conditional_error(rule, means, variances, points=points)

    return jax.vmap(error_at)(jnp.asarray(sizes), jax.random.split(key, len(sizes)))


@guarded(double=False)
def logistic_errors(
    key: Key[Array, ""],
    sizes: Sizes,
    means: Means,
    covariance: DefiniteCovariance,
    *,
    max_samples: MaxSamples,
    tolerance: Tolerance = 1e-7,
    labels: LabelScheme = "balanced",
    points: Points | None = None,
) -> Float[Array, "sizes"]:
    """Return the error of ridge logistic regression trained on the first m rows of one data set,
    for every m in `sizes`.

    One data set of `max_samples` rows per key; a prefix is a weight of zeros and ones, and each fit
    starts from the one before, so that one program serves all sizes of one n. Sizes within a key
    are correlated, keys are independent. Random labels are drawn again until the first prefix has
    every class. A fit whose gradient stays above `tolerance` has the error NaN.
    Raises ValueError for sizes outside K..max_samples.
    Source: the simulation of Zheng et al. 2023 (released code; C = 1); prefixes: derived here.
    """
    features, classes = _data_set(key, sizes, means, covariance, max_samples, labels)
    rules = _prefix_logistic(features, classes, means.shape[0], sizes, tolerance)
    return conditional_error(rules, means, covariance, points=points)


@guarded(double=False)
def paired_errors(
    key: Key[Array, ""],
    sizes: Sizes,
    means: Means,
    covariance: DefiniteCovariance,
    *,
    max_samples: MaxSamples,
    tolerance: Tolerance = 1e-7,
) -> Float[Array, "sizes 2"]:
    """Return the errors of (naive Bayes, logistic regression) trained on the same prefixes of one
    data set, that of `logistic_errors` with this key.

    Features may be correlated, which naive Bayes ignores. Raises as `logistic_errors`.
    """
    features, classes = _data_set(key, sizes, means, covariance, max_samples, "balanced")
    n_classes = means.shape[0]
    generative = prefix_naive_bayes(features, classes, n_classes, jnp.asarray(sizes))
    discriminative = _prefix_logistic(features, classes, n_classes, sizes, tolerance)
    errors = [conditional_error(rules, means, covariance) for rules in (generative, discriminative)]
    return jnp.stack(errors, axis=1)


@guarded(double=False)
def split_errors(
    key: Key[Array, ""],
    features: Features,
    labels: Labels,
    n_classes: Classes,
    sizes: Sizes,
    *,
    max_samples: MaxSamples,
    tolerance: Tolerance = 1e-7,
    var_floor: VarianceFloor = 1e-9,
) -> Float[Array, "sizes 2"]:
    """Return the test errors of (naive Bayes, logistic regression) on random splits of a data set,
    a split for every m in `sizes`.

    m rows without replacement train, drawn again until every class is among them, and all other
    rows test. Features are scaled to [0, 1] by their range in the training rows (test rows may fall
    outside; a feature constant there is only shifted), so that `var_floor` is in units of that
    range. The error of a fit that did not converge is NaN, and so are both errors where a class is
    absent from the training rows of each of 10^6 splits. `max_samples`, at least the largest size,
    fixes the shape of the training set: one program for all sizes. Raises ValueError for labels of
    K or more, a class without samples, sizes outside K..max_samples, and max_samples not below the
    number of rows, one of which must be left to test. Source: the experiments of Zheng et al. 2023
    on given features (released code).
    """
    n_samples = labels.shape[0]
    require(
        max_samples < n_samples,
        f"max_samples must be below the number of samples, {n_samples}, got {max_samples}",
    )
    require_sizes(sizes, n_classes, max_samples)
    require_every_class(labels, n_classes)
    features = jnp.asarray(features)
    labels = jnp.asarray(labels)

    def errors_at(size_and_key):
        size, size_key = size_and_key
        order = _complete_order(size_key, labels, n_classes, size)
        train = order[:max_samples]
        is_train = jnp.arange(n_samples) < size
        low = jnp.min(jnp.where(is_train[:, None], features[order], jnp.inf), axis=0)
        high = jnp.max(jnp.where(is_train[:, None], features[order], -jnp.inf), axis=0)
        inputs = (features - low) / jnp.where(high > low, high - low, 1)
        weight = is_train[:max_samples].astype(features.dtype)
        generative = naive_bayes(
            inputs[train], labels[train], n_classes, sample_weight=weight, var_floor=var_floor
        )
        fit = ridge_logistic(
            inputs[train], labels[train], n_classes, sample_weight=weight, tolerance=tolerance
        )
        is_test = ~jnp.zeros(n_samples, bool).at[order].set(is_train)

        def test_error(rule):
            return jnp.sum(is_test & (rule.predict(inputs) != labels)) / jnp.sum(is_test)

        logistic_error = jnp.where(fit.gradient <= tolerance, test_error(fit.rule), jnp.nan)
        complete = jnp.all(jax.ops.segment_sum(is_train.astype(int), labels[order], n_classes) > 0)
        return jnp.where(complete, jnp.stack([test_error(generative), logistic_error]), jnp.nan)

    return lax.map(errors_at, (jnp.asarray(sizes), jax.random.split(key, len(sizes))))


def _data_set(key, sizes, means, covariance, max_samples, scheme):
    require_room("max_samples", max_samples * max(means.shape))
    require_sizes(sizes, means.shape[0], max_samples)
    first = sizes[0] if isinstance(sizes, jax.Array) else int(sizes[0])
    labels_key, features_key = jax.random.split(key)
    n_classes = means.shape[0]
    classes = (
        balanced_labels(max_samples, n_classes)
        if scheme == "balanced"
        else random_labels(labels_key, max_samples, equal_priors(n_classes), complete_prefix=first)
    )
    return gaussian_classes(
        features_key, classes, means, covariance_factor(covariance)
    ), jnp.asarray(classes)


def _prefix_logistic(features, labels, n_classes, sizes, tolerance):
    """Return the rules for all prefixes, each fit started from the one before; NaN where a fit did
    not converge.
    """
    n_samples, n_features = features.shape
    zero = LinearRule(
        jnp.zeros((n_classes, n_features), features.dtype), jnp.zeros(n_classes, features.dtype)
    )

    def fit_prefix(start, size):
        weight = (jnp.arange(n_samples) < size).astype(features.dtype)
        fit = ridge_logistic(
            features, labels, n_classes, sample_weight=weight, tolerance=tolerance, start=start
        )
        return fit.rule, jax.tree.map(
            lambda leaf: jnp.where(fit.gradient <= tolerance, leaf, jnp.nan), fit.rule
        )

    return lax.scan(fit_prefix, zero, jnp.asarray(sizes))[1]


def _complete_order(key, labels, n_classes, size):
    """A random order of the samples whose first `size` have every class."""
    n_samples = labels.shape[0]

    def draw(attempt):
        return jax.random.permutation(jax.random.fold_in(key, attempt), n_samples)

    def incomplete(order):
        counts = jax.ops.segment_sum(
            (jnp.arange(n_samples) < size).astype(int), labels[order], n_classes
        )
        return jnp.any(counts == 0) & (size >= n_classes)

    return draw_while(incomplete, draw)


Distance = Annotated[Number, Interval(1e-6, 1e6, why="rounding would hide one scale")]
"""Δ between two classes of unit covariance."""


@guarded(double=False)
def lda_error(
    key: Key[Array, ""], counts: Counts, means: Means, factor: InvertibleFactor
) -> Float[Array, ""]:
    """Return the error of linear discriminant analysis trained on `counts` samples of Gaussian
    classes with Σ = factor factorᵀ.

    Draws the class means and a Wishart matrix instead of data; the error is exact given them, for
    equal true priors. The estimated priors are m_k/m. The counts are static.
    Raises ValueError where the sample covariance is singular, m - K < n. Source: derived here.
    """
    total = int(np.sum(counts))
    require(
        total >= sum(means.shape),
        f"counts must add up to at least n + K = {sum(means.shape)}, or the sample covariance is "
        f"singular, got {total}",
    )
    class_means, scatter = sample_statistics_correlated(key, counts, means, factor)
    covariance = factor**2 if factor.ndim == 1 else factor @ factor.T
    return conditional_error(lda(class_means, scatter, counts / counts.sum()), means, covariance)


@guarded(double=False)
def efron_pair(
    key: Key[Array, ""],
    n_samples: MaxSamples,
    distance: Distance,
    n_features: Annotated[int, Interval(1, LONGEST)],
) -> Float[Array, "2"]:
    """Return the excess errors over the best rule of (LDA, unpenalised logistic regression), both
    fitted to one data set of random labels.

    The two classes have unit covariance and are at ±Δ/2 on the first axis, Δ = `distance`; LDA has
    the intercept log(m_1/m_0). The limit of the ratio of mean excesses is Efron's efficiency. Where
    a data set is linearly separable there is no maximum-likelihood fit, and its excess is NaN.
    Raises ValueError for m < n + 2, where the sample covariance is singular. Source: Efron 1975.
    """
    require_room("n_samples and n_features", n_samples * n_features)
    require(
        n_samples >= n_features + 2, f"n_samples must be at least n_features + 2, got {n_samples}"
    )
    labels_key, features_key = jax.random.split(key)
    means = jnp.zeros((2, n_features)).at[:, 0].set(jnp.array([-0.5, 0.5]) * distance)
    classes = random_labels(labels_key, n_samples, equal_priors(2))
    features = gaussian_classes(features_key, classes, means, jnp.ones(n_features))
    member = jax.nn.one_hot(classes, 2, dtype=features.dtype)
    counts = jnp.sum(member, axis=0)
    class_means = member.T @ features / counts[:, None]
    deviations = features - class_means[classes]
    discriminant = lda(class_means, deviations.T @ deviations / n_samples, counts / n_samples)
    fit = ridge_logistic(features, classes, 2, inverse_ridge=jnp.inf, start=discriminant)
    best = LinearRule(means, jnp.zeros(2))

    def excess(rule):
        return conditional_error(rule, means, jnp.ones(n_features)) - conditional_error(
            best, means, jnp.ones(n_features)
        )

    return jnp.stack([excess(discriminant), excess(fit.rule)])


Target = Annotated[Number, FRACTION]
"""The error to fall below."""
Most = Annotated[int, Interval(4, 10**7, why="a compiled loop cannot be interrupted")]
"""The largest m that is tried."""


@guarded(double=False)
def official_scan(
    key: Key[Array, ""],
    means: Means,
    variances: Variances,
    target: Target,
    *,
    most: Most,
    learner: Literal["naive Bayes", "logistic regression"] = "naive Bayes",
) -> Int[Array, ""]:
    """The first m of 2K, 2K + ⌈ln n⌉, 2K + 2⌈ln n⌉, ... at which one run of naive Bayes, or of
    ridge logistic regression, has an error below `target`.

    Every m has a new training set with random labels, drawn again until every class occurs, and its
    exact error; a fit that does not converge counts as above the target. A value above `most` says
    that no m up to `most` will do. This is the protocol under trial, not an estimator: a noisy
    curve first passes the target before its mean does, and the steps of the grid alone make the
    result grow like ln n. Raises ValueError for `most` below 2K. Source: released code of Zheng et
    al. 2023.
    """
    n_classes, n_features = means.shape
    first = 2 * n_classes
    require(most >= first, f"most must be at least 2K = {first}, where the scan begins, got {most}")
    step = max(1, math.ceil(math.log(n_features)))
    errors_at: Callable[..., Array] = naive_bayes_errors
    if learner == "logistic regression":
        errors_at = partial(logistic_errors, max_samples=most, tolerance=1e-6)

    def too_wrong(m):
        step_key = jax.random.fold_in(key, m)
        error = errors_at(step_key, m[None], means, variances, labels="random")[0]
        return (m <= most) & ~(error < target)

    return lax.while_loop(too_wrong, lambda m: m + step, jnp.array(first))


Ratio = Annotated[float, Interval(1, closed="(]", why="the grid would not rise otherwise")]


@guarded
def geometric_sizes(
    low: Count, high: Count, ratio: Ratio = 1.1, multiple_of: Count = 1
) -> Int[np.ndarray, "sizes"]:
    """Return rising sample sizes from `low` to at least `high`, each at most `ratio` times the one
    before, or the next possible one.

    All are multiples of `multiple_of`; `low` and `high` are rounded up to one. Raises ValueError
    for high < low, for more than a million sizes, and for a size beyond 2^62. Source: derived here.
    """
    require(high >= low, f"high must be at least low = {low}, got {high}")
    sizes = [-(-low // multiple_of)]
    while sizes[-1] * multiple_of < high:
        sizes.append(max(int(sizes[-1] * ratio), sizes[-1] + 1))
        if len(sizes) > 10**6 or sizes[-1] * multiple_of > 2**62:
            raise ValueError(
                f"ratio must lead from low to high in a million sizes up to 2**62, got {ratio}"
            )
    return np.array(sizes) * multiple_of


@guarded
def bisect_sizes(
    errors_at: Callable[[int], Float[np.ndarray, "seeds"]],
    sizes: Annotated[Int[np.ndarray, "sizes"], RISING],
    target: float,
) -> tuple[Int[np.ndarray, "evaluated"], Float[np.ndarray, "seeds evaluated"]]:
    """Return the sizes at which a learning curve was evaluated near its fall to `target`, rising,
    and the errors there.

    `errors_at(m)` are the errors of R seeds at m samples. Bisection on the grid `sizes` finds
    neighbours between which the mean error falls from above `target` to it or below, about log2 of
    the grid's length evaluations, and then evaluates one further neighbour on each side (where the
    grid has one), so that an interpolation has support. Raises ValueError for fewer than two sizes,
    an error that is NaN, and a curve that does not cross the target on the grid (below it at the
    first size, or above it at the last). Source: derived here.
    """
    require(len(sizes) >= 2, f"sizes must hold at least two sizes to bisect, got {sizes.tolist()}")
    errors: dict[int, np.ndarray] = {}

    def evaluate(index: int) -> float:
        if index not in errors:
            errors[index] = np.asarray(errors_at(int(sizes[index])))
            if np.isnan(errors[index]).any():
                raise ValueError(
                    f"errors at {sizes[index]} samples must be numbers, got NaN for at least one "
                    "seed"
                )
        return float(errors[index].mean())

    above = -1
    below = len(sizes)
    while below - above > 1:
        middle = (above + below) // 2
        if evaluate(middle) > target:
            above = middle
        else:
            below = middle
    if above < 0:
        mean = evaluate(0)
        raise ValueError(
            f"sizes must begin above the target {target:g}, got a mean error of {mean:g} at "
            f"{sizes[0]}"
        )
    if below == len(sizes):
        mean = evaluate(above)
        raise ValueError(
            f"sizes must end below the target {target:g}, got a mean error of {mean:g} at "
            f"{sizes[-1]}"
        )
    for neighbour in (above - 1, below + 1):
        if 0 <= neighbour < len(sizes):
            evaluate(neighbour)
    order = sorted(errors)
    return sizes[order], np.stack([errors[index] for index in order], axis=1)
