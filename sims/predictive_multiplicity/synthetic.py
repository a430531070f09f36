"""Data sets that can be drawn: a stand-in for the records that may not be passed on, lattice sets, Gaussian sets."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, Int, Key, ScalarLike

from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import require_count, require_in_range, require_size

COLUMNS = (
    "age_leq_25", "age_25_to_45", "age_geq_46", "female",
    "n_priors_eq_0", "n_priors_geq_1", "n_priors_geq_2", "n_priors_geq_5",
    "n_juvenile_misdemeanors_eq_0", "n_juvenile_misdemeanors_geq_1", "n_juvenile_misdemeanors_geq_2",
    "n_juvenile_misdemeanors_geq_5",
    "n_juvenile_felonies_eq_0", "n_juvenile_felonies_geq_1", "n_juvenile_felonies_geq_2", "n_juvenile_felonies_geq_5",
    "charge_degree_eq_M",
)  # fmt: skip
"""The features of `stand_in`, in order."""

THRESHOLD_SHARES = {
    "age": (0.218, 0.218 + 0.587),
    "priors": (0.338, 1 - 0.479, 1 - 0.242),
    "juvenile misdemeanours": (0.943, 1 - 0.017, 1 - 0.002),
    "juvenile felonies": (0.966, 1 - 0.011, 1 - 0.002),
}
"""Below which quantiles each level of an ordinal variable lies: the shares of the public COMPAS table."""

FEMALE_SHARE, MISDEMEANOUR_SHARE = 0.190, 0.357


class LabelledPoints(NamedTuple):
    """features : one sample per row. labels : -1 or +1."""

    features: Float[Array, "samples features"]
    labels: Int[Array, "samples"]


@validated(unbounded=("base_rate",))
def stand_in(key: Key[Array, ""], n_samples: int, *, base_rate: ScalarLike = 0.455) -> LabelledPoints:
    """Binary records that look like the recidivism data: nested thresholds of a few ordinal variables, `COLUMNS`.

    Level shares are those of the public COMPAS table, the variables are independent, and +1 has a logistic probability
    with one interaction (young, at least two priors), so that no linear classifier is perfect; its constant is chosen
    for a mean probability of `base_rate` in this sample. Independence makes more distinct rows than real records have.

    Raises ValueError for fewer than one sample, more than 2^36 numbers or a base rate outside (0, 1).
    Source: column layout of the data of Marx et al. 2020 (arXiv 1909.06677); slopes: chosen here.
    """
    _require_sizes(n_samples, len(COLUMNS))
    require_in_range("base_rate", base_rate, 1e-6, 1 - 1e-6, includes_high=True, why="both labels must be possible")
    *level_keys, sex_key, charge_key, label_key = jax.random.split(key, len(THRESHOLD_SHARES) + 3)
    age, priors, misdemeanours, felonies = (
        jnp.searchsorted(jnp.array(shares), jax.random.uniform(level_key, (n_samples,)), side="right")
        for level_key, shares in zip(level_keys, THRESHOLD_SHARES.values(), strict=True)
    )
    female = jax.random.bernoulli(sex_key, FEMALE_SHARE, (n_samples,))
    misdemeanour = jax.random.bernoulli(charge_key, MISDEMEANOUR_SHARE, (n_samples,))
    nested = [
        column for level in (priors, misdemeanours, felonies)
        for column in (level == 0, level >= 1, level >= 2, level >= 3)
    ]  # fmt: skip
    features = jnp.stack([age == 0, age == 1, age == 2, female, *nested, misdemeanour], axis=1).astype(float)
    scores = (
        jnp.array([0.8, 0.0, -0.8])[age]
        - 0.4 * female
        + jnp.array([0.0, 0.7, 1.3, 2.2])[priors]
        + jnp.array([0.0, 0.3, 0.5, 0.6])[misdemeanours]
        + jnp.array([0.0, 0.3, 0.4, 0.5])[felonies]
        - 0.2 * misdemeanour
        - 1.5 * ((age == 0) & (priors >= 2))
    )
    positive = jax.random.bernoulli(label_key, jax.nn.sigmoid(scores + _constant(scores, base_rate)))
    return LabelledPoints(features, jnp.where(positive, 1, -1))


@validated
def grid_set(key: Key[Array, ""], n_samples: int, *, dim: int = 2, side: int = 3) -> LabelledPoints:
    """Uniform points of the lattice {0..side-1}^dim with independent fair labels: many ties, small exact answers.

    Raises ValueError for fewer than one sample or coordinate, more than 2^36 numbers, or fewer than two points to a
    side.
    """
    _require_sizes(n_samples, dim)
    require_count("side", side, 2, "all points are equal otherwise")
    point_key, label_key = jax.random.split(key)
    features = jax.random.randint(point_key, (n_samples, dim), 0, side).astype(float)
    return LabelledPoints(features, 2 * jax.random.randint(label_key, (n_samples,), 0, 2) - 1)


@validated(unbounded=("noise",))
def gaussian_set(key: Key[Array, ""], n_samples: int, *, dim: int = 2, noise: ScalarLike = 0.25) -> LabelledPoints:
    """Standard normal points, in general position, labelled by the sign of Σ_j x_j, wrongly with probability `noise`.

    Raises ValueError for fewer than one sample or coordinate, more than 2^36 numbers, or a noise outside [0, 1].
    """
    _require_sizes(n_samples, dim)
    require_in_range("noise", noise, 0, 1, includes_high=True)
    chance = float(noise) if isinstance(noise, int) else noise  # JAX takes no whole number for one
    point_key, label_key = jax.random.split(key)
    features = jax.random.normal(point_key, (n_samples, dim))
    is_positive = (features.sum(axis=1) > 0) ^ jax.random.bernoulli(label_key, chance, (n_samples,))
    return LabelledPoints(features, jnp.where(is_positive, 1, -1))


def _require_sizes(n_samples, dim=1):
    require_count("n_samples", n_samples, 1, "there is nothing to predict otherwise")
    require_count("dim", dim, 1, "a constant has no boundary to move")
    require_size("n_samples", n_samples * dim)


def _constant(scores, base_rate):
    """The c with mean sigmoid(scores + c) = base_rate, by bisection; every score lies within ±20."""

    def halve(_, bounds):
        low, high = bounds
        middle = (low + high) / 2
        too_low = jax.nn.sigmoid(scores + middle).mean() < base_rate
        return jnp.where(too_low, middle, low), jnp.where(too_low, high, middle)

    low, high = lax.fori_loop(0, 60, halve, (jnp.array(-40.0), jnp.array(40.0)))
    return (low + high) / 2
