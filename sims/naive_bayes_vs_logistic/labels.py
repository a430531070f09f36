"""Class labels and class counts: balanced, or independent draws repeated until every class occurs."""

from typing import Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float, Int, Key

from sims.domain import AnyArray, is_traced, require_count
from sims.naive_bayes_vs_logistic.domain import require_classes, require_priors

LabelScheme = Literal["balanced", "random"]
Size = int | np.integer | Int[AnyArray, ""]


def balanced_labels(n_samples: int, n_classes: int) -> Int[np.ndarray, "samples"]:
    """Labels j mod K, j = 0..m-1: every prefix is as balanced as it can be.

    Raises ValueError for fewer than two classes. Source: derived here.
    """
    require_classes(n_classes)
    return np.arange(n_samples) % n_classes


def balanced_counts(n_samples: Size, n_classes: int) -> Int[AnyArray, "classes"]:
    """Class counts of `balanced_labels`: ⌈m/K⌉ for the first m mod K classes, ⌊m/K⌋ for the others.

    NumPy integers where m is a number, so that they stay known inside a compiled function; m may be traced.
    Raises ValueError for fewer than two classes or fewer samples than classes. Source: derived here.
    """
    require_classes(n_classes)
    if isinstance(n_samples, jax.core.Tracer):
        return n_samples // n_classes + (jnp.arange(n_classes) < n_samples % n_classes)
    require_count("n_samples", int(n_samples), n_classes, "one sample for every class")
    return int(n_samples) // n_classes + (np.arange(n_classes) < int(n_samples) % n_classes)


def random_labels(
    key: Key[Array, ""],
    n_samples: int,
    priors: Float[AnyArray, "classes"],
    *,
    complete_prefix: Size | None = None,
) -> Int[Array, "{n_samples}"]:
    """Independent labels, all drawn again until every class occurs among the first `complete_prefix` (default: all).

    The expected number of draws is one over the probability that all classes occur. A traced `complete_prefix` below
    the number of classes, which no draw can satisfy, returns the first draw.
    Raises ValueError for priors that are not positive or do not sum to 1, and for fewer samples than classes.
    Source: the released code of Zheng et al. 2023 draws its training sets again until all classes are present.
    """
    n_classes = priors.shape[0]
    require_classes(n_classes)
    require_priors(priors)
    prefix = n_samples if complete_prefix is None else complete_prefix
    if not is_traced(prefix):
        require_count("complete_prefix", int(prefix), n_classes, "one sample for every class")
    log_priors = jnp.log(jnp.asarray(priors))
    in_prefix = (jnp.arange(n_samples) < prefix)[:, None]

    def draw(attempt):
        labels = jax.random.categorical(jax.random.fold_in(key, attempt), log_priors, shape=(n_samples,))
        return attempt + 1, labels

    def incomplete(state):
        occurs = jnp.any(in_prefix & (state[1][:, None] == jnp.arange(n_classes)), axis=0)
        return ~jnp.all(occurs) & (prefix >= n_classes)

    return lax.while_loop(incomplete, lambda state: draw(state[0]), draw(0))[1]


def random_counts(key: Key[Array, ""], n_samples: Size, priors: Float[AnyArray, "classes"]) -> Int[Array, "classes"]:
    """Class counts of m independent labels, drawn again until every class occurs; m may be traced.

    A traced m below the number of classes, which no draw can satisfy, returns the first draw: a class without samples.
    Raises ValueError for priors that are not positive or do not sum to 1, and for fewer samples than classes.
    Source: as `random_labels`; multinomial counts instead of labels.
    """
    n_classes = priors.shape[0]
    require_classes(n_classes)
    require_priors(priors)
    if not is_traced(n_samples):
        require_count("n_samples", int(n_samples), n_classes, "one sample for every class")
    probabilities = jnp.asarray(priors)

    def draw(attempt):
        trials = jnp.asarray(n_samples, probabilities.dtype)
        return attempt + 1, jax.random.multinomial(jax.random.fold_in(key, attempt), trials, probabilities)

    def incomplete(state):
        return jnp.any(state[1] == 0) & (n_samples >= n_classes)

    return lax.while_loop(incomplete, lambda state: draw(state[0]), draw(0))[1].astype(int)


def draw_labels(
    key: Key[Array, ""], n_samples: int, n_classes: int, scheme: str, *, complete_prefix: Size | None = None
) -> Int[AnyArray, "{n_samples}"]:
    """Labels of K equally likely classes by either scheme; arguments and errors as those of the two functions."""
    require_scheme(scheme)
    if scheme == "balanced":
        return balanced_labels(n_samples, n_classes)
    return random_labels(key, n_samples, equal_priors(n_classes), complete_prefix=complete_prefix)


def draw_counts(key: Key[Array, ""], n_samples: Size, n_classes: int, scheme: str) -> Int[AnyArray, "classes"]:
    """Counts of K equally likely classes by either scheme; arguments and errors as those of the two functions."""
    require_scheme(scheme)
    if scheme == "balanced":
        return balanced_counts(n_samples, n_classes)
    return random_counts(key, n_samples, equal_priors(n_classes))


def equal_priors(n_classes: int) -> Float[np.ndarray, "classes"]:
    """Return 1/K for every class."""
    require_classes(n_classes)
    return np.full(n_classes, 1 / n_classes)


def require_scheme(scheme: str) -> None:
    """Raise `ValueError` for an unknown label scheme."""
    if scheme not in get_args(LabelScheme):
        raise ValueError(f"labels must be one of {', '.join(get_args(LabelScheme))}, got {scheme!r}")
