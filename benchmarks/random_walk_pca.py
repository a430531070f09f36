"""Compare PCA of a random walk with scikit-learn: `python -m benchmarks.random_walk_pca [--quick]`.

Each contender draws a walk and computes its leading explained variance ratios; generation counts.
Ours comes by two routes: streaming (the noise Gram matrix in blocks of coordinates) and Bartlett (a
few columns that have exactly the law of the whole walk). Where the stored walk alone would take
gigabytes, scikit-learn is not tried. Processes, turns and seconds are those of
`benchmarks.side_by_side`.
"""

import resource
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.side_by_side import Response, command, compare, timed

COMPONENTS = 5
PEERS = ["sklearn auto", "sklearn full", "sklearn randomized f32"]
OURS = ["streaming", "Bartlett"]

WORKLOADS = [  # points, dimension, contenders, rounds
    (300, 10_000, PEERS + OURS, 7),
    (1000, 10_000, PEERS + OURS, 5),
    (300, 1_000_000, OURS, 1),
    (1000, 1_000_000, OURS, 1),
]
QUICK = [(300, 10_000, PEERS + OURS, 3)]


def sklearn_contender(
    name: str, n_points: int, dim: int
) -> tuple[Callable[[int], Any], Callable[[Any], float]]:
    from sklearn.decomposition import PCA

    dtype = np.float32 if "f32" in name else np.float64
    solver = name.split()[1]

    def walk(seed):
        return np.random.default_rng(seed).standard_normal((n_points, dim), dtype).cumsum(axis=0)

    def run(seed):
        return (
            PCA(COMPONENTS, svd_solver=solver, random_state=0)
            .fit(walk(seed))
            .explained_variance_ratio_
        )

    def error(seed):
        points = walk(seed).astype(float)
        points -= points.mean(axis=0)
        variances = np.linalg.eigvalsh(points @ points.T)[::-1]
        return float(np.abs(run(seed) - variances[:COMPONENTS] / variances.sum()).max())

    return run, error


def our_contender(
    name: str, n_points: int, dim: int
) -> tuple[Callable[[int], Any], Callable[[Any], float]]:
    import jax

    from sims.random_walk_pca import pca, trajectories

    jax.config.update("jax_enable_x64", True)

    streams = name == "streaming"

    def walk(key):
        if streams:
            return trajectories.trajectory_gram(trajectories.noise_gram(key, n_points, dim))
        return trajectories.trajectory(trajectories.equivalent_gaussian_noise(key, n_points, dim))

    @jax.jit
    def compiled(key):
        ratios = pca.leading_variance_ratios_of_gram if streams else pca.leading_variance_ratios
        return ratios(walk(key), COMPONENTS).ratios

    def run(seed):
        return jax.block_until_ready(compiled(jax.random.key(seed)))

    def error(seed):
        exact = pca.variance_ratios_of_gram if streams else pca.variance_ratios
        ratios = exact(jax.jit(walk)(jax.random.key(seed)))[:COMPONENTS]
        return float(np.abs(run(seed) - ratios).max())

    return run, error


def answer_seed(name: str, n_points: int, dim: int) -> Callable[[int], Response]:
    """Return a function of a seed that gives the seconds of one run. For the first run it also
    gives the error of the ratios, and the peak memory before that error was computed.
    """
    contender = sklearn_contender if name.startswith("sklearn") else our_contender
    run, error = contender(name, n_points, dim)

    def answer(seed: int) -> Response:
        seconds, _ = timed(run, seed)
        if seed > 0:
            return {"seconds": seconds, "megabytes": 0.0}  # the error's own memory would count
        megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {"seconds": seconds, "megabytes": megabytes, "error": error(seed)}

    return answer


def run(quick: bool) -> None:
    for n_points, dim, names, rounds in QUICK if quick else WORKLOADS:
        compare(
            "benchmarks.random_walk_pca",
            f"T = {n_points}, d = {dim}",
            {name: (name, n_points, dim) for name in names},
            rounds,
            ours=[name for name in names if not name.startswith("sklearn")],
            figure="error of ratios",
            figure_of=lambda name, answers: f"{answers[0]['error']:.1e}",
        )


if __name__ == "__main__":
    command(__doc__, run, answer_seed)
