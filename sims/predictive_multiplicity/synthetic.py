"""Points in general position with noisy labels."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int, Key

from sims.predictive_multiplicity.domains import Noise
from theory_on_trial.contract import Size, guarded, require_room


class LabelledPoints(NamedTuple):
    """Points as `features`, one sample in each row, with their `labels`, -1 or +1."""

    features: Float[Array, "samples features"]
    labels: Int[Array, "samples"]


@guarded(double=False)
def gaussian_set(
    key: Key[Array, ""], n_samples: Size, *, dim: Size = 2, noise: Noise = 0.25
) -> LabelledPoints:
    """Return standard normal points, labelled by the sign of Σ_j x_j; a label is wrong with
    probability `noise`. Source: chosen here.
    """
    point_key, label_key = jax.random.split(key)
    require_room("n_samples and dim", n_samples * dim)
    features = jax.random.normal(point_key, (n_samples, dim))
    is_positive = (features.sum(axis=1) > 0) ^ jax.random.bernoulli(label_key, noise, (n_samples,))
    return LabelledPoints(features, jnp.where(is_positive, 1, -1))
