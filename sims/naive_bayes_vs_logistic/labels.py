"""Class labels and class counts: balanced, or independent draws repeated until every class occurs."""

from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Float, Int, Key

from sims.naive_bayes_vs_logistic.domain import require_classes, require_priors
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import (
    AnyArray,
    is_traced,
    require_at_most,
    require_choice,
    require_count,
    require_size,
)

LabelScheme = Literal["balanced", "random"]
MOST_DRAWS = 10**6
Size = int | np.integer | Int[AnyArray, ""]


@validated
def balanced_labels(n_samples: int, n_classes: int) -> Int[np.ndarray, "samples"]:
    """Labels j mod K, j = 0..m-1: every prefix is as balanced as it can be.

    Raises ValueError for fewer than two classes, or a negative number of samples. Source: derived here.
    """
    require_classes(n_classes)
    require_count("n_samples", n_samples, 0, "labels are counted")
    require_size("n_samples", n_samples)
    return np.arange(n_samples) % n_classes


@validated
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


@validated
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
    Raises ValueError for priors that are not positive or do not sum to 1, for fewer samples than classes, a prefix
    longer than the sample, and where a class is absent from each of 10^6 draws (what is traced returns the last one).
    Source: the released code of Zheng et al. 2023 draws its training sets again until all classes are present.
    """
    n_classes = priors.shape[0]
    require_classes(n_classes, "the number of priors")
    require_priors(priors)
    require_count("n_samples", n_samples, n_classes, "one sample for every class")
    require_size("n_samples", n_samples * n_classes)
    prefix = n_samples if complete_prefix is None else complete_prefix
    if not is_traced(prefix):
        require_count("complete_prefix", int(prefix), n_classes, "one sample for every class")
        require_at_most("complete_prefix", int(prefix), n_samples, "there are no more samples")
    log_priors = jnp.log(jnp.asarray(priors))
    in_prefix = (jnp.arange(n_samples) < prefix)[:, None]

    def draw(attempt):
        return jax.random.categorical(jax.random.fold_in(key, attempt), log_priors, shape=(n_samples,))

    def incomplete(labels):
        occurs = jnp.any(in_prefix & (labels[:, None] == jnp.arange(n_classes)), axis=0)
        return ~jnp.all(occurs) & (prefix >= n_classes)

    attempts, labels = draw_while(incomplete, draw)
    _require_drawn("n_samples" if complete_prefix is None else "complete_prefix", attempts)
    return labels


@validated
def random_counts(key: Key[Array, ""], n_samples: Size, priors: Float[AnyArray, "classes"]) -> Int[Array, "classes"]:
    """Class counts of m independent labels, drawn again until every class occurs; m may be traced.

    A traced m below the number of classes, which no draw can satisfy, returns the first draw: a class without samples.
    Raises ValueError for priors that are not positive or do not sum to 1, for fewer samples than classes, and where a
    class is absent from each of 10^6 draws (what is traced returns the last one).
    Source: as `random_labels`; multinomial counts instead of labels.
    """
    n_classes = priors.shape[0]
    require_classes(n_classes, "the number of priors")
    require_priors(priors)
    if not is_traced(n_samples):
        require_count("n_samples", int(n_samples), n_classes, "one sample for every class")
    probabilities = jnp.asarray(priors)

    def draw(attempt):
        trials = jnp.asarray(n_samples, probabilities.dtype)
        return jax.random.multinomial(jax.random.fold_in(key, attempt), trials, probabilities)

    def incomplete(counts):
        return jnp.any(counts == 0) & (n_samples >= n_classes)

    attempts, counts = draw_while(incomplete, draw)
    _require_drawn("n_samples", attempts)
    return counts.astype(int)


def draw_while(incomplete: Callable[[Array], Array], draw: Callable[[ArrayLike], Array]) -> tuple[Array, Array]:
    """How many draws it took, and the first of `draw(0)`, `draw(1)`, ... that is not incomplete.

    After `MOST_DRAWS` the last one is returned: compiled loops cannot be interrupted.
    """

    def unfinished(state):
        return incomplete(state[1]) & (state[0] < MOST_DRAWS)

    return lax.while_loop(unfinished, lambda state: (state[0] + 1, draw(state[0])), (jnp.array(1), draw(0)))


def _require_drawn(name, attempts):
    if not is_traced(attempts) and int(attempts) >= MOST_DRAWS:
        raise ValueError(f"{name} must be so large that every class occurs in one of {MOST_DRAWS} draws, got fewer")


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


@validated
def equal_priors(n_classes: int) -> Float[np.ndarray, "classes"]:
    """Return 1/K for every class. Raises ValueError for fewer than two."""
    require_classes(n_classes)
    require_size("n_classes", n_classes)
    return np.full(n_classes, 1 / n_classes)


def require_scheme(scheme: str) -> None:
    """Raise `ValueError` for an unknown label scheme."""
    require_choice("labels", scheme, LabelScheme)
