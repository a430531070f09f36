"""What a user hands in, checked and brought to arrays."""

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from sims.predictive_multiplicity import Table, aggregate
from sims.predictive_multiplicity._domains import Labels, Samples, SampleWeights
from theory_on_trial.own_data.arrays import entries, numbers


def names_of(X: Any, n_features: int) -> tuple[str, ...]:
    """The names of the features: those of a data frame, or x1, x2, ..."""
    return tuple(str(name) for name in getattr(X, "columns", (f"x{column}" for column in range(1, n_features + 1))))


def table_of(X: Samples, y: Labels, sample_weight: SampleWeights | None) -> tuple[Table, Int[np.ndarray, " kept"]]:
    """The aggregated sample, and which columns of X its columns are. Errors as `multiplicity`."""
    features = numbers("X", X)
    numbered = [str(column) for column in range(features.shape[1] if features.ndim == 2 else 0)]
    table = aggregate(features, y, sample_weight, numbered)
    return table, np.array([int(column) for column in table.columns], int)


def group_numbers(groups: Any, weights: Float[np.ndarray, " samples"]) -> tuple[Int[np.ndarray, " samples"], pd.Index]:
    """The number of each sample's group, and the groups sorted. Errors as `multiplicity`."""
    values = entries("groups", groups)
    if values.shape != weights.shape:
        raise ValueError(f"groups must be one for each of the {len(weights)} samples, got the shape {values.shape}")
    number_of, names = pd.factorize(values, sort=True)
    missing = np.flatnonzero(number_of < 0)
    if len(missing):
        raise ValueError(
            f"groups must be known for every sample, got {values.tolist()[missing[0]]!r} for sample {missing[0]}"
        )
    empty = np.flatnonzero(np.bincount(number_of, weights) == 0)
    if len(empty):
        raise ValueError(f"groups must have a positive weight each, got none for {names.tolist()[empty[0]]!r}")
    return number_of, pd.Index(names)
