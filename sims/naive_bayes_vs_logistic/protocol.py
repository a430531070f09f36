"""The scan that the paper's released code uses to read a sample complexity off a single noisy
learning curve.
"""

import math
from typing import Annotated

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Int, Key

from sims.naive_bayes_vs_logistic.domains import Classes, Means, Number, Tolerance, Variances
from sims.naive_bayes_vs_logistic.learning_curves import logistic_errors, naive_bayes_errors
from theory_on_trial.contract import FRACTION, Interval, guarded, require

Target = Annotated[Number, FRACTION]
"""The error to fall below."""
Most = Annotated[int, Interval(4, 10**7, why="a compiled loop cannot be interrupted")]
"""The largest m that is tried."""


@guarded(double=False)
def official_scan(
    key: Key[Array, ""],
    means: Means,
    variances: Variances,
    n_classes: Classes,
    target: Target,
    *,
    most: Most,
) -> Int[Array, ""]:
    """Return the first m of 2K, 2K + ⌈ln n⌉, 2K + 2⌈ln n⌉, ... at which one run of naive Bayes has
    an error below `target`.

    Every m has a fresh training set with random labels, drawn again until every class occurs, and
    its exact error. A value above `most` says that no m up to `most` will do. A first passage of a
    noisy curve lies below the place where the mean curve crosses, and its grid alone makes it grow
    like ln n: the protocol under trial, no estimator. Raises ValueError for means of other than
    `n_classes` rows, or `most` below 2K. Source: released code of Zheng et al. 2023.
    """

    def error_at(m, step_key):
        return naive_bayes_errors(step_key, m[None], means, variances, labels="random")[0]

    return _first_passage(key, means, n_classes, target, most, error_at)


@guarded(double=False)
def official_logistic_scan(
    key: Key[Array, ""],
    means: Means,
    variances: Variances,
    n_classes: Classes,
    target: Target,
    *,
    most: Most,
    tolerance: Tolerance = 1e-7,
) -> Int[Array, ""]:
    """The same scan for ridge logistic regression, with a fresh data set and fit at every step,
    raising as it does. A fit that does not converge counts as above the target. Source: as there.
    """

    def error_at(m, step_key):
        sizes = m[None]
        return logistic_errors(
            step_key,
            sizes,
            means,
            variances,
            max_samples=most,
            tolerance=tolerance,
            labels="random",
        )[0]

    return _first_passage(key, means, n_classes, target, most, error_at)


def _first_passage(key, means, n_classes, target, most, error_at):
    rows = means.shape[0]
    first = 2 * n_classes
    require(
        rows == n_classes,
        f"means must have one row for each of the {n_classes} classes, got {rows}",
    )
    require(most >= first, f"most must be at least 2K = {first}, where the scan begins, got {most}")
    step = max(1, math.ceil(math.log(means.shape[1])))

    def too_wrong(m):
        return (m <= most) & ~(error_at(m, jax.random.fold_in(key, m)) < target)

    return lax.while_loop(too_wrong, lambda m: m + step, jnp.array(first))
