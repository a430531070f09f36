"""Class labels and class counts: balanced, or independent draws repeated until every class
occurs.
"""

from collections.abc import Callable
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Float, Int, Key

from sims.naive_bayes_vs_logistic.domains import Classes, LabelScheme, Priors, Size
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import LONGEST, Interval, guarded, is_traced, require

MOST_DRAWS = 10**6


@guarded(double=False)
def balanced_labels(
    n_samples: Annotated[int, Interval(0, LONGEST)], n_classes: Classes
) -> Int[np.ndarray, "samples"]:
    """Labels j mod K, j = 0..m-1: every prefix is as balanced as it can be. Source: derived
    here.
    """
    return np.arange(n_samples) % n_classes


@guarded(double=False)
def balanced_counts(n_samples: Size, n_classes: Classes) -> Int[AnyArray, "classes"]:
    """Class counts of `balanced_labels`: ⌈m/K⌉ for the first m mod K classes, ⌊m/K⌋ for the others.
    NumPy integers where m is a number, so that they stay known inside a compiled function; m may be
    traced. Raises ValueError for fewer samples than classes. Source: derived here.
    """
    require(
        n_samples >= n_classes,
        f"n_samples must be at least n_classes = {n_classes}, got {n_samples}",
    )
    if is_traced(n_samples):
        return n_samples // n_classes + (jnp.arange(n_classes) < n_samples % n_classes)
    return int(n_samples) // n_classes + (np.arange(n_classes) < int(n_samples) % n_classes)


@guarded(double=False)
def random_labels(
    key: Key[Array, ""],
    n_samples: Annotated[int, Interval(1, LONGEST)],
    priors: Priors,
    *,
    complete_prefix: Size | None = None,
) -> Int[Array, "{n_samples}"]:
    """Independent labels, all drawn again until every class occurs among the first
    `complete_prefix` (default: all).

    The expected number of draws is one over the probability that all classes occur. A traced
    `complete_prefix` below the number of classes, which no draw can satisfy, returns the first
    draw; where a class is absent from each of 10^6 draws, the last one is returned. Raises
    ValueError for a sample or prefix of fewer than K labels, a prefix longer than the sample, and
    priors with which 10^6 draws are not expected to bring one of all classes. Source: the released
    code of Zheng et al. 2023 draws its training sets again until all classes are present.
    """
    n_classes = priors.shape[0]
    prefix = n_samples if complete_prefix is None else complete_prefix
    _require_likely("n_samples" if complete_prefix is None else "complete_prefix", prefix, priors)
    require(
        prefix <= n_samples,
        f"complete_prefix must be at most n_samples = {n_samples}, got {prefix}",
    )
    log_priors = jnp.log(jnp.asarray(priors))
    in_prefix = (jnp.arange(n_samples) < prefix)[:, None]

    def draw(attempt):
        return jax.random.categorical(
            jax.random.fold_in(key, attempt), log_priors, shape=(n_samples,)
        )

    def incomplete(labels):
        occurs = jnp.any(in_prefix & (labels[:, None] == jnp.arange(n_classes)), axis=0)
        return ~jnp.all(occurs) & (prefix >= n_classes)

    return draw_while(incomplete, draw)


@guarded(double=False)
def random_counts(key: Key[Array, ""], n_samples: Size, priors: Priors) -> Int[Array, "classes"]:
    """Class counts of m independent labels, drawn again until every class occurs; m may be traced.

    A traced m below the number of classes, which no draw can satisfy, returns the first draw: a
    class without samples. Raises ValueError, and ends after 10^6 draws, as `random_labels`.
    Source: as there; multinomial counts instead of labels.
    """
    n_classes = priors.shape[0]
    _require_likely("n_samples", n_samples, priors)
    probabilities = jnp.asarray(priors)

    def draw(attempt):
        trials = jnp.asarray(n_samples, probabilities.dtype)
        return jax.random.multinomial(jax.random.fold_in(key, attempt), trials, probabilities)

    def incomplete(counts):
        return jnp.any(counts == 0) & (n_samples >= n_classes)

    return draw_while(incomplete, draw).astype(int)


def draw_while(incomplete: Callable[[Array], Array], draw: Callable[[ArrayLike], Array]) -> Array:
    """The first of `draw(0)`, `draw(1)`, ... that is not incomplete, or after `MOST_DRAWS` the last
    one.
    """

    def unfinished(state):
        return incomplete(state[1]) & (state[0] < MOST_DRAWS)

    return lax.while_loop(
        unfinished, lambda state: (state[0] + 1, draw(state[0])), (jnp.array(1), draw(0))
    )[1]


def _require_likely(name, size, priors):
    """Classes occur less often together than if each were drawn on its own: the product bounds the
    probability.
    """
    if is_traced(size) or is_traced(priors):
        return
    require(
        size >= len(priors),
        f"{name} must be at least {len(priors)}, one sample for every class, got {size}",
    )
    each_occurs = -np.expm1(int(size) * np.log1p(-np.minimum(np.asarray(priors, float), 0.999)))
    require(
        MOST_DRAWS * np.prod(each_occurs) >= 1,
        f"{name} must be so large that every class occurs in one of {MOST_DRAWS} draws, got {size}",
    )


def draw_labels(
    key: Key[Array, ""],
    n_samples: int,
    n_classes: int,
    scheme: LabelScheme,
    *,
    complete_prefix: Size | None = None,
) -> Int[AnyArray, "{n_samples}"]:
    """Labels of K equally likely classes by either scheme; arguments and errors as those of the two
    functions.
    """
    if scheme == "balanced":
        return balanced_labels(n_samples, n_classes)
    return random_labels(key, n_samples, equal_priors(n_classes), complete_prefix=complete_prefix)


def draw_counts(
    key: Key[Array, ""], n_samples: Size, n_classes: int, scheme: LabelScheme
) -> Int[AnyArray, "classes"]:
    """Counts of K equally likely classes by either scheme; arguments and errors as those of the two
    functions.
    """
    if scheme == "balanced":
        return balanced_counts(n_samples, n_classes)
    return random_counts(key, n_samples, equal_priors(n_classes))


@guarded(double=False)
def equal_priors(n_classes: Classes) -> Float[np.ndarray, "classes"]:
    """Return 1/K for every class."""
    return np.full(n_classes, 1 / n_classes)
