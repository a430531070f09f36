"""Compare enumeration with random triples for the loss of an encoder on a world of six points.

Random triples are the usual way to compute this loss.
"""

import math
from collections.abc import Callable
from itertools import product

import numpy as np

from benchmarks.side_by_side import answers, command, contest, worst


def world(seed: int):
    """Return the weights of three classes, their laws on six points, and features in the plane."""
    generator = np.random.default_rng(seed)
    return (
        np.array([0.5, 0.3, 0.2]),
        generator.dirichlet(np.ones(6), 3),
        generator.normal(size=(6, 2)),
    )


def numpy_triples(n: int) -> Callable[[int], float]:
    def estimate(seed: int) -> float:
        weights, laws, features = world(seed)
        generator = np.random.default_rng((seed, 1))
        cumulative = laws.cumsum(axis=1)
        own, other = generator.choice(3, (2, n), p=weights)
        x, y, z = (
            (generator.random(n)[:, None] > cumulative[of]).sum(axis=1).clip(max=5)
            for of in (own, own, other)
        )
        margins = np.sum(features[x] * (features[y] - features[z]), axis=1)
        return float(np.mean(np.logaddexp(0, -margins)) / np.log(2))

    return estimate


def jax_triples(n: int) -> Callable[[int], float]:
    import jax

    from sims.contrastive_theory import sample_contrastive_loss

    draw = jax.jit(
        jax.vmap(sample_contrastive_loss, in_axes=(0, None, None, None, None)), static_argnums=4
    )
    return lambda seed: float(
        draw(jax.random.split(jax.random.key(seed), n), *world(seed), 1).mean()
    )


def enumeration(n: int) -> Callable[[int], float]:
    from sims.contrastive_theory import contrastive_loss

    return lambda seed: contrastive_loss(*world(seed), "logistic")


CONTENDERS = {
    "NumPy, sampled": numpy_triples,
    "ours, sampled": jax_triples,
    "ours, enumerated": enumeration,
}


def exactly(seed: int) -> float:
    """Return the loss as an exactly rounded sum over all classes and triples, in bits."""
    weights, laws, features = world(seed)
    return math.fsum(
        weights[c]
        * weights[d]
        * laws[c, x]
        * laws[c, y]
        * laws[d, z]
        * math.log2(1 + math.exp(-float(features[x] @ (features[y] - features[z]))))
        for c, d, x, y, z in product(range(3), range(3), range(6), range(6), range(6))
    )


answer_seed = answers(CONTENDERS, lambda seed, loss, _: {"error": abs(loss - exactly(seed))})
run = contest(
    "benchmarks.contrastive_theory",
    "{} triples",
    CONTENDERS,
    [(200_000, 5)],
    [(5_000, 2)],
    ours=["ours, sampled", "ours, enumerated"],
    figure="worst error",
    figure_of=worst(),
)


if __name__ == "__main__":
    command(__doc__, run, answer_seed)
