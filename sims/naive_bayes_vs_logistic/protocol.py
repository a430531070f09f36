"""The scan that the paper's released code uses to read a sample complexity off a single noisy learning curve."""

import math
import sys

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, Int, Key

from sims.naive_bayes_vs_logistic.domain import require_classes
from sims.naive_bayes_vs_logistic.learning_curves import logistic_errors, naive_bayes_errors
from sims.naive_bayes_vs_logistic.linear_rule import Number
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import AnyArray, require_at_most, require_count, require_in_range


@validated
def official_scan(
    key: Key[Array, ""],
    means: Float[AnyArray, "classes features"],
    variances: Float[AnyArray, "features"],
    n_classes: int,
    target: Number,
    *,
    most: int,
) -> Int[Array, ""]:
    """First m of 2K, 2K + ⌈ln n⌉, 2K + 2⌈ln n⌉, ... at which one run of naive Bayes has an error below `target`.

    Every m has a fresh training set with random labels, drawn again until every class occurs, and its exact error. A
    value above `most` says that no m up to `most` will do. A first passage of a noisy curve lies below the place
    where the mean curve crosses, and its grid alone makes it grow like ln n: the protocol under trial, no estimator.

    Raises ValueError for means of other than `n_classes` rows, a target outside (0, 1), or `most` outside 2K..10^7.
    Source: released code of Zheng et al. 2023.
    """

    def error_at(m, step_key):
        return naive_bayes_errors(step_key, m[None], means, variances, labels="random")[0]

    return _first_passage(key, means, n_classes, target, most, error_at)


@validated(unbounded=("inverse_ridge",))
def official_logistic_scan(
    key: Key[Array, ""],
    means: Float[AnyArray, "classes features"],
    variances: Float[AnyArray, "features"],
    n_classes: int,
    target: Number,
    *,
    most: int,
    inverse_ridge: Number = 1.0,
    tolerance: Number = 1e-7,
) -> Int[Array, ""]:
    """The same scan for ridge logistic regression: a fresh data set and a fit at every step.

    Raises as `official_scan`. A fit that does not converge counts as above the target. Source: as there.
    """

    def error_at(m, step_key):
        return logistic_errors(
            step_key,
            m[None],
            means,
            variances,
            max_samples=most,
            inverse_ridge=inverse_ridge,
            tolerance=tolerance,
            labels="random",
        )[0]

    return _first_passage(key, means, n_classes, target, most, error_at)


def _first_passage(key, means, n_classes, target, most, error_at):
    require_classes(n_classes)
    require_count("the number of columns of means", means.shape[1], 1, "need at least one feature")
    require_at_most("most", most, 10**7, "a compiled loop cannot be interrupted")
    if means.shape[0] != n_classes:
        raise ValueError(f"means must have one row for each of the {n_classes} classes, got {means.shape[0]}")
    require_in_range("target", target, sys.float_info.min, 1, includes_high=False)
    if most < 2 * n_classes:
        raise ValueError(f"most must be at least 2K = {2 * n_classes}, where the scan begins, got {most}")
    step = max(1, math.ceil(math.log(means.shape[1])))

    def too_wrong(m):
        return (m <= most) & ~(error_at(m, jax.random.fold_in(key, m)) < target)

    return lax.while_loop(too_wrong, lambda m: m + step, jnp.array(2 * n_classes))
