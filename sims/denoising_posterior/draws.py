"""Pairs of a signal and its noisy copy."""

from typing import Literal

import numpy as np
from jaxtyping import Float

from sims.denoising_posterior.mixtures import Mixture, Noise
from theory_on_trial.contract import Size, guarded

Law = Literal["normal", "laplace", "uniform"]


@guarded
def sample_pairs(
    generator: np.random.Generator, world: Mixture, sigma: Noise, n: Size, law: Law = "normal"
) -> tuple[Float[np.ndarray, "n dim"], Float[np.ndarray, "n dim"]]:
    """Return independent draws of x and y = x + σ n.

    The coordinates of n are independent, and have the variance one and the given law.
    """
    components = generator.choice(len(world.weights), size=n, p=world.weights)
    eigenvalues, vectors = np.linalg.eigh(world.covariances)
    roots = vectors * np.sqrt(np.maximum(eigenvalues, 0))[:, None]
    dim = world.means.shape[1]
    normals = generator.normal(size=(n, dim))
    x = world.means[components]
    for k, root in enumerate(roots):
        x[components == k] += normals[components == k] @ root.T
    noise = {
        "normal": lambda: generator.normal(size=(n, dim)),
        "laplace": lambda: generator.laplace(scale=np.sqrt(0.5), size=(n, dim)),
        "uniform": lambda: generator.uniform(-np.sqrt(3), np.sqrt(3), size=(n, dim)),
    }[law]()
    return x, x + sigma * noise
