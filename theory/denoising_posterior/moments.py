"""Moments of x given y = x + σ n along a line, from the derivatives of the posterior mean along it;
n is normal.
"""

from math import comb
from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.denoising_posterior.domains import Derivatives, Noise
from theory_on_trial.contract import USABLE_SCALE, guarded


@guarded
def tweedie_mean(
    y: Annotated[Float[np.ndarray, " dim"], USABLE_SCALE],
    score: Annotated[Float[np.ndarray, " dim"], USABLE_SCALE],
    sigma: Noise,
) -> Float[np.ndarray, " dim"]:
    """The posterior mean μ_1 = y + σ^2 s, where s is the gradient of log p(y), in 1 / unit. Source:
    Tweedie's formula.
    """
    return y + sigma**2 * score


@guarded
def central_moments(derivatives: Derivatives, sigma: Noise) -> Float[np.ndarray, "*batch orders"]:
    """The moments μ_2, μ_3, ... about the posterior mean, in unit^k: μ_(k+1) = σ^2 μ_k' + k μ_(k-1)
    μ_2, where μ_1 = 0 is the first central moment.

    `derivatives` are of μ_1(y), or of v'μ_1(y + t v) in t for a unit vector v, whose moments these
    are then. Source: Manor & Michaeli 2024, as recalled; that the first central moment in it is 0
    decides μ_3.

    >>> central_moments([0.5, 0.0, 0.0], 1.0).tolist()
    [0.5, 0.0, 0.75]
    """
    variance = sigma**2 * derivatives  # and the derivatives of it
    moments = [np.zeros_like(variance), variance]
    for k in range(2, derivatives.shape[-1] + 1):
        order = moments[-1].shape[-1] - 1
        product = [_product(moments[-2], variance, j) for j in range(order)]
        moments.append(sigma**2 * moments[-1][..., 1:] + k * np.stack(product, axis=-1))
    return np.stack([moment[..., 0] for moment in moments[1:]], axis=-1)


def _product(
    first: Float[np.ndarray, "*batch n"], second: Float[np.ndarray, "*batch m"], order: int
) -> Float[np.ndarray, "*batch"]:
    """The derivative of a product, by Leibniz' rule."""
    terms = (comb(order, i) * first[..., i] * second[..., order - i] for i in range(order + 1))
    return np.asarray(sum(terms))
