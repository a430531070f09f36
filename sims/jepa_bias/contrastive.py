"""Arora's two losses on finite classes, by enumeration of every pair, triple and task: no sampling
error.
"""

from functools import partial
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import PROBABILITIES, USABLE_SCALE, Holds, guarded

Loss = Literal["hinge", "logistic"]
Features = Annotated[Float[AnyArray, "points dim"], USABLE_SCALE]
SEVERAL = Holds("several", "be those of at least two classes", lambda priors: priors.size > 1)
ClassProbabilities = Annotated[Float[AnyArray, "classes"], PROBABILITIES, SEVERAL]
Likelihoods = Annotated[Float[AnyArray, "classes points"], PROBABILITIES]


@guarded(double=False)
@partial(jax.jit, static_argnames="loss")
def unsupervised_loss(
    features: Features,
    class_probabilities: ClassProbabilities,
    likelihoods: Likelihoods,
    loss: Loss,
) -> Float[Array, ""]:
    """E ℓ(f(x)·(f(x⁺) - f(x⁻))): x and x⁺ are drawn from one class c⁺, x⁻ from an independent class
    c⁻. ℓ(v) is max(0, 1 - v) (hinge) or log₂(1 + exp(-v)) (logistic). Source: one negative sample
    in Arora et al. 2019.
    """
    similarities = features @ features.T
    margins = similarities[:, :, None] - similarities[:, None, :]
    marginal = class_probabilities @ likelihoods
    pairs = jnp.einsum("c,cx,cp->xp", class_probabilities, likelihoods, likelihoods)
    return jnp.einsum("xp,n,xpn->", pairs, marginal, _surrogate(margins, loss))


@guarded(double=False)
@partial(jax.jit, static_argnames="loss")
def mean_classifier_loss(
    features: Features,
    class_probabilities: ClassProbabilities,
    likelihoods: Likelihoods,
    loss: Loss,
) -> Float[Array, ""]:
    """E ℓ(f(x)·(μ_{c⁺} - μ_{c⁻})) over tasks c⁺ ≠ c⁻ and x from c⁺, μ_c = E[f(x) | c]; `loss` as in
    `unsupervised_loss`. Source: the supervised loss of the mean classifier in Arora et al. 2019.
    """
    scores = features @ (likelihoods @ features).T
    margins = scores[:, :, None] - scores[:, None, :]
    tasks = (
        class_probabilities[:, None]
        * class_probabilities
        * (1 - jnp.eye(class_probabilities.shape[0]))
    )
    return jnp.einsum("cn,cx,xcn->", tasks / tasks.sum(), likelihoods, _surrogate(margins, loss))


def _surrogate(margins, loss):
    if loss == "hinge":
        return jnp.maximum(0, 1 - margins)
    return jnp.logaddexp(0.0, -margins) / np.log(2)
