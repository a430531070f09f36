"""Compare K-subspaces with a soft denoiser trained by Adam, on few samples of two subspaces."""

from collections.abc import Callable

import numpy as np

from benchmarks.side_by_side import answers, command, contest

WORKLOADS = [(4, 3000, 5), (16, 3000, 5)]  # samples of each subspace, steps of training, rounds
QUICK = [(4, 200, 2)]
AMBIENT = 8
DIM = 2
GROUPS = 2


def world(seed: int, samples: int):
    """Return the projectors of the true subspaces, and noiseless samples of each."""
    generator = np.random.default_rng(seed)
    bases = [np.linalg.qr(generator.standard_normal((AMBIENT, DIM)))[0] for _ in range(GROUPS)]
    points = np.concatenate(
        [generator.standard_normal((samples, DIM)) @ basis.T for basis in bases]
    )
    return [basis @ basis.T for basis in bases], points


def distance(true, learned) -> float:
    """Return the larger of the two squared distances between true and learned projectors, in the
    best matching.
    """
    table = np.array([[np.sum((p - q) ** 2) for q in learned] for p in true])
    return float(min(max(table[0, 0], table[1, 1]), max(table[0, 1], table[1, 0])))


def adam(samples: int, steps: int) -> Callable[[int], float]:
    """Return a function of a seed that gives the distance of a denoiser trained by Adam. Its
    network has the form of the posterior mean, and noise levels are drawn between 0.1 and 1.
    """
    import jax
    import jax.numpy as jnp
    import optax

    optimiser = optax.adam(0.01)

    def loss(bases, points, key):
        at_level, at_noise = jax.random.split(key)
        level = 10 ** jax.random.uniform(at_level, (len(points), 1), minval=-1.0, maxval=0.0)
        x = points + level * jax.random.normal(at_noise, points.shape)
        parts = jnp.einsum("pn,kni,kmi->kpm", x, bases, bases) / (1 + level**2)
        evidence = jnp.einsum("pn,kpn->kp", x, parts) / (2 * level[:, 0] ** 2)
        return jnp.mean(
            jnp.sum(
                (jnp.einsum("kp,kpn->pn", jax.nn.softmax(evidence, axis=0), parts) - points) ** 2, 1
            )
        )

    @jax.jit
    def train(points, key):
        start, keys = jax.random.split(key)
        bases = jax.random.normal(start, (GROUPS, AMBIENT, DIM)) / jnp.sqrt(AMBIENT)

        def step(state, at):
            bases, moments = state
            ahead, moments = optimiser.update(jax.grad(loss)(bases, points, at), moments)
            return (optax.apply_updates(bases, ahead), moments), None

        return jax.lax.scan(step, (bases, optimiser.init(bases)), jax.random.split(keys, steps))[0][
            0
        ]

    def solve(seed: int) -> float:
        true, points = world(seed, samples)
        bases = [
            np.linalg.qr(np.asarray(basis, float))[0]
            for basis in train(points, jax.random.key(seed))
        ]
        return distance(true, [basis @ basis.T for basis in bases])

    return solve


def lloyd(samples: int, steps: int) -> Callable[[int], float]:
    """Return a function of a seed that gives the distance of K-subspaces from ten starts. `steps`,
    the length of Adam's training, is not used.
    """
    from sims.low_dim_diffusion import k_subspaces

    def solve(seed: int) -> float:
        true, points = world(seed, samples)
        labels, _ = k_subspaces(np.random.default_rng(seed), points, DIM, GROUPS, 10)
        bases = [np.linalg.svd(points[labels == k])[2][:DIM] for k in range(GROUPS)]
        return distance(true, [basis.T @ basis for basis in bases])

    return solve


CONTENDERS = {"JAX, denoiser by Adam": adam, "ours, K subspaces": lloyd}

answer_seed = answers(CONTENDERS, lambda seed, error, *_: {"error": error})
run = contest(
    "benchmarks.low_dim_diffusion",
    "{} samples of each of two planes in 8 dimensions",
    CONTENDERS,
    WORKLOADS,
    QUICK,
    ours=["ours, K subspaces"],
    figure="median distance",
    figure_of=lambda name, answers: (
        f"{sorted(answer['error'] for answer in answers)[len(answers) // 2]:.1g}"
    ),
)


if __name__ == "__main__":
    command(__doc__, run, answer_seed)
