"""PCA of a random walk side by side with scikit-learn: `python -m benchmarks.random_walk_pca [--quick]`.

Each contender draws a walk and computes its leading explained variance ratios (or scores), generation included, in a
process of its own that is bound to one core; within a workload the contenders take turns, round by round, so that all
see the same machine. Seconds are those of the processor, because other programs on the machine would lengthen those of
the clock; on an idle machine the two are equal for a process on one core. Ours comes by two routes: streaming (the
noise Gram matrix in blocks of coordinates) and Bartlett (a few columns that have exactly the law of the whole walk).
Where the stored walk alone would take gigabytes, scikit-learn is not attempted.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

COMPONENTS = 5
PEERS = ["sklearn auto", "sklearn full", "sklearn randomized f32"]
OURS = ["streaming", "Bartlett"]
SCORES = ["sklearn full scores", "streaming scores", "Bartlett scores"]

WORKLOADS = [  # points, dimension, contenders, rounds
    (300, 10_000, PEERS + OURS, 7),
    (1000, 10_000, PEERS + OURS, 5),
    (1000, 10_000, SCORES, 5),
    (300, 1_000_000, OURS, 1),
    (1000, 1_000_000, OURS, 1),
]
QUICK = [(300, 10_000, PEERS + OURS, 3)]


def sklearn_contender(name: str, n_points: int, dim: int) -> tuple[Callable[[int], Any], Callable[[Any], float]]:
    import numpy as np
    from sklearn.decomposition import PCA

    dtype = np.float32 if "f32" in name else np.float64
    wants_scores = name.endswith("scores")
    solver = name.split()[1]

    def walk(seed):
        return np.random.default_rng(seed).standard_normal((n_points, dim), dtype).cumsum(axis=0)

    def run(seed):
        pca = PCA(None if wants_scores else COMPONENTS, svd_solver=solver, random_state=0)
        scores = pca.fit_transform(walk(seed)) if wants_scores else pca.fit(walk(seed))
        return pca.explained_variance_ratio_[:COMPONENTS], scores

    def error(seed):
        points = walk(seed).astype(float)
        points -= points.mean(axis=0)
        variances = np.linalg.eigvalsh(points @ points.T)[::-1]
        return float(np.abs(run(seed)[0] - variances[:COMPONENTS] / variances.sum()).max())

    return run, error


def our_contender(name: str, n_points: int, dim: int) -> tuple[Callable[[int], Any], Callable[[Any], float]]:
    import jax
    import numpy as np

    from sims import random_walk_pca as observed

    jax.config.update("jax_enable_x64", True)

    streams, wants_scores = name.startswith("streaming"), name.endswith("scores")

    def walk(key):
        if streams:
            return observed.trajectory_gram(observed.noise_gram(key, n_points, dim))
        return observed.trajectory(observed.equivalent_gaussian_noise(key, n_points, dim))

    @jax.jit
    def compiled(key):
        if wants_scores:
            components = observed.principal_components_of_gram if streams else observed.principal_components
            variances, _, scores, total_variance = components(walk(key), COMPONENTS)
            return variances / total_variance, scores
        ratios = observed.leading_variance_ratios_of_gram if streams else observed.leading_variance_ratios
        return ratios(walk(key), COMPONENTS).ratios, None

    def run(seed):
        return jax.block_until_ready(compiled(jax.random.key(seed)))

    def error(seed):
        exact = observed.variance_ratios_of_gram if streams else observed.variance_ratios
        ratios = exact(jax.jit(walk)(jax.random.key(seed)))[:COMPONENTS]
        return float(np.abs(run(seed)[0] - ratios).max())

    return run, error


def serve(name: str, n_points: int, dim: int) -> None:
    """Answer each seed on standard input with the processor seconds of one run, and "end" with memory and error."""
    contender = sklearn_contender if name.startswith("sklearn") else our_contender
    run, error = contender(name, n_points, dim)
    for line in sys.stdin:
        if line.strip() == "end":
            megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(json.dumps({"megabytes": megabytes, "error": error(0)}), flush=True)
            return
        start = time.process_time()
        run(int(line))
        print(json.dumps(time.process_time() - start), flush=True)


class Worker:
    """One contender in a process of its own, on one core."""

    def __init__(self, name: str, n_points: int, dim: int):
        environment = os.environ | {"OMP_NUM_THREADS": "1", "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"}
        command = [sys.executable, "-m", "benchmarks.random_walk_pca", "--serve", name, str(n_points), str(dim)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(self.process.pid, {max(os.sched_getaffinity(0))})

    def ask(self, question: object) -> Any:
        """Send one line and return the answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(question, file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())


def compare(n_points: int, dim: int, names: list[str], rounds: int) -> None:
    """Run one workload and print its table."""
    workers = {name: Worker(name, n_points, dim) for name in names}
    first = {name: worker.ask(1) for name, worker in workers.items()}
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for seed in range(2, rounds + 2):
        for name, worker in workers.items():
            seconds[name].append(worker.ask(seed))
    ours = [name for name in names if not name.startswith("sklearn")]
    titles = " | ".join(f"{name} is faster by" for name in ours)
    print(f"\nT = {n_points}, d = {dim}, {rounds} rounds\n")
    print(f"| contender | seconds | first call | peak memory, MB | error of ratios | {titles} |")
    print("|" + "---|" * (5 + len(ours)))
    for name, worker in workers.items():
        end = worker.ask("end")
        worker.process.wait()
        steady = statistics.median(seconds[name])
        factors = " | ".join(
            f"{statistics.median(theirs / mine for theirs, mine in zip(seconds[name], seconds[our], strict=True)):.1f}"
            for our in ours
        )
        print(
            f"| {name} | {steady:.3f} | +{max(0.0, first[name] - steady):.2f} | {end['megabytes']:.0f} "
            f"| {end['error']:.1e} | {factors} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the smallest workload only, about half a minute")
    parser.add_argument("--serve", nargs=3, metavar=("NAME", "POINTS", "DIM"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve[0], int(arguments.serve[1]), int(arguments.serve[2]))
        return
    for workload in QUICK if arguments.quick else WORKLOADS:
        compare(*workload)


if __name__ == "__main__":
    main()
