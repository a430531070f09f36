"""The data sets of the figures: scikit-learn's bundled ones, and random features of its digits."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int


def data_set(
    name: str, n_random: int | None = None
) -> tuple[Float[Array, "samples features"], Int[np.ndarray, " samples"]]:
    """Return features and labels 0..K-1 of scikit-learn's `load_<name>`.

    `n_random` replaces the features by that many random ones, max(0, a·x + b) of the centred
    features x scaled by their common spread: a ~ N(0, 2/n) and b ~ N(0, 1) are fixed. They stand in
    for the deep features of the paper.
    """
    from sklearn import datasets

    features, labels = getattr(datasets, f"load_{name}")(return_X_y=True)
    if n_random is None:
        return jnp.asarray(features), labels
    weights_key, offsets_key = jax.random.split(jax.random.key(0))
    standard = (features - features.mean(axis=0)) / features.std(axis=0).max()
    weights = jax.random.normal(weights_key, (features.shape[1], n_random)) * np.sqrt(
        2 / features.shape[1]
    )
    return jax.nn.relu(standard @ weights + jax.random.normal(offsets_key, (n_random,))), labels


def title(name: str, n_random: int | None, n_features: int, n_classes: int) -> str:
    """Return what a panel of this data set is called, e.g. "breast cancer, n = 30, K = 2"."""
    kind = name.replace("_", " ") if n_random is None else f"ReLU of {name}"
    return f"{kind}, n = {n_features}, K = {n_classes}"
