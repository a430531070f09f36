"""Samples to measure: the COMPAS records of Broward County, and points with noisy labels."""

import csv
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int, Key, ScalarLike

from sims.linear_dichotomies.table import Table, aggregate
from theory_on_trial.contract import UNIT_INTERVAL, Size, guarded, require_room

Target = Literal["arrest", "violent"]
"""The outcome that COMPAS predicts."""
Noise = Annotated[ScalarLike, UNIT_INTERVAL]
"""The chance of a wrong label."""

COUNTS = Path(__file__).parent / "data" / "compas_counts.csv"
# The source's spelling
_RACES = (
    "race_is_causasian",
    "race_is_african_american",
    "race_is_hispanic",
    "race_is_other",
)


class Compas(NamedTuple):
    """COMPAS as weighted samples: one for each distinct feature row and label that occurs.

    features : 0/1, [k, 21], in `columns`; labels : -1 or +1; counts : how many people; race : of
    each, a name.
    """

    features: Float[np.ndarray, "samples features"]
    labels: Int[np.ndarray, "samples"]
    counts: Int[np.ndarray, "samples"]
    race: np.ndarray
    columns: tuple[str, ...]


@guarded(double=False)
def compas_samples(target: Target = "arrest", *, oversampled: bool = False) -> Compas:
    """Return the binarised COMPAS records of 6172 people in Broward County, labelled by what
    happened within two years.

    `oversampled` adds people of the rarer label, drawn with replacement by
    `numpy.random.default_rng(1337).choice`, until both labels are equally frequent (6726 and 10960
    records). The table that is shipped holds the outcome of the draw; `derive_compas` makes it.
    Source: ProPublica's records as binarised by Marx, Calmon & Ustun 2020; see
    `data/ATTRIBUTION.md` for the licence.
    """
    with COUNTS.open(newline="") as file:
        header, *lines = csv.reader(file)
    table = np.array(lines, int)
    columns = tuple(name for name in header if ":" not in name)
    features = table[:, : len(columns)]
    positives, negatives, draws = (
        table[:, header.index(f"{target}:{what}")] for what in ("positives", "negatives", "drawn")
    )
    if oversampled:  # the positives are the rarer label of both targets
        positives = positives + draws
    counts = np.concatenate([positives, negatives])
    mask = counts > 0
    labels = np.repeat([1, -1], len(features))[mask]
    features = np.tile(features, (2, 1))[mask]
    race = np.array([name.removeprefix("race_is_") for name in _RACES])[
        features[:, : len(_RACES)].argmax(axis=1)
    ]
    return Compas(features.astype(float), labels, counts[mask], race, columns)


@guarded(double=False)
def compas(target: Target = "arrest", *, race: bool = False, oversampled: bool = False) -> Table:
    """Return COMPAS as a table of 137 distinct rows of 13 independent features, or with `race` of
    329 rows of 16 features.

    The other arguments are those of `compas_samples`. Without `race` its four columns are left out.
    """
    samples = compas_samples(target, oversampled=oversampled)
    columns = [column for column, name in enumerate(samples.columns) if race or name not in _RACES]
    names = [samples.columns[column] for column in columns]
    return aggregate(samples.features[:, columns], samples.labels, samples.counts, names)


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
