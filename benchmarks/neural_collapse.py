"""Compare our training of deep linear heads from many seeds with what users would run.

`python -m benchmarks.neural_collapse [--quick]` prints the tables.

The training is heavy-ball descent on the square loss with free features, as in the released code of
Dang et al. 2023. The contenders are a loop over seeds in NumPy, all seeds at once in NumPy, and
ours, with a column of features per sample or per class. The time by which the first run exceeds a
later one (compilation) has its own column. Slow contenders run one seed or a few steps only: their
time is extrapolated and marked by ~. Processes, turns and seconds are those of
`benchmarks.side_by_side`.
"""

import statistics
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from benchmarks.side_by_side import Response, command, compare, timed
from sims.neural_collapse import gradient_training, model
from theory.neural_collapse.mean_square import mse_optimum

Run = Callable[[int], float]  # seed -> the figure that says what was computed

LEARNING_RATE = 0.1
MOMENTUM = 0.9
DEPTH = 3
GROUP = 64  # seeds that our program trains at once: more do not fit the cache


class Workload(NamedTuple):
    """The networks to train, one from every seed: class sizes, width of all layers, all decays,
    standard deviation of the start, steps and seeds.
    """

    class_sizes: tuple[int, ...]
    width: int
    decay: float
    std: float
    steps: int
    seeds: int

    def optimum(self) -> float:
        """Return the least objective."""
        return mse_optimum(self.class_sizes, [self.decay] * DEPTH, self.decay).value


WORKLOADS = {
    "ensemble": Workload((20, 10, 5, 5), width=8, decay=5e-3, std=0.3, steps=5000, seeds=256),
    "quick ensemble": Workload((20, 10, 5, 5), width=8, decay=5e-3, std=0.3, steps=5000, seeds=64),
    "paper size": Workload(
        (200, 100, 50, 50), width=64, decay=5e-4, std=0.1, steps=30_000, seeds=1
    ),
}
PEERS = ["NumPy, seed by seed", "NumPy, all seeds"]
OURS = ["ours", "ours, class means"]
TABLES = [("ensemble", PEERS + OURS, 3), ("paper size", PEERS[:1] + OURS, 3)]
QUICK = [("quick ensemble", PEERS + OURS, 1)]


def work(name: str, workload: Workload) -> tuple[int, int]:
    """Return how many seeds and steps a contender really runs."""
    if workload.width > 8:
        return 1, workload.steps if name == "ours, class means" else 300
    return (1 if name.endswith("seed by seed") else workload.seeds), workload.steps


def numpy_trainer(workload: Workload, seeds: int, steps: int) -> Run:
    labels = np.repeat(np.arange(len(workload.class_sizes)), workload.class_sizes)
    targets = np.eye(len(workload.class_sizes))[:, labels]
    n_samples = len(labels)
    shapes = [(workload.width,) * 2] * (DEPTH - 1) + [
        (len(targets), workload.width),
        (workload.width, n_samples),
    ]

    optimum = workload.optimum()

    def run(seed):
        rng = np.random.default_rng(seed)
        batch = (seeds,) if seeds > 1 else ()
        *weights, features = (workload.std * rng.standard_normal(batch + shape) for shape in shapes)
        velocities = [np.zeros_like(part) for part in (*weights, features)]
        for _ in range(steps):
            inputs = [features]
            for layer in weights:
                inputs.append(layer @ inputs[-1])
            backward = (inputs.pop() - targets) / n_samples
            gradients = []
            for layer, entering in zip(reversed(weights), reversed(inputs), strict=True):
                gradients.append(backward @ entering.mT)
                backward = layer.mT @ backward
            gradients = [*reversed(gradients), backward]
            for part, velocity, gradient in zip(
                (*weights, features), velocities, gradients, strict=True
            ):
                velocity *= MOMENTUM
                velocity += gradient
                velocity += workload.decay * part
                part -= LEARNING_RATE * velocity
        outputs = features
        for layer in weights:
            outputs = layer @ outputs
        squares = sum((part**2).sum(axis=(-2, -1)) for part in (*weights, features))
        values = ((outputs - targets) ** 2).sum(axis=(-2, -1)) / (
            2 * n_samples
        ) + workload.decay / 2 * squares
        return float(np.mean(np.abs(values - optimum) < 1e-6))

    return run


def our_trainer(workload: Workload, seeds: int, steps: int, *, reduced: bool) -> Run:
    import jax

    from theory_on_trial.base.mapping import map_cells

    problem = model.Problem(workload.class_sizes, (workload.decay,) * DEPTH, workload.decay)

    def value(key):
        run = gradient_training.train(
            key,
            problem,
            (workload.width,) * DEPTH,
            learning_rate=LEARNING_RATE,
            momentum=MOMENTUM,
            steps=steps,
            every=steps,
            weight_std=workload.std,
            feature_std=workload.std,
            reduced=reduced,
        )
        return run.objective[-1]

    values = jax.jit(lambda keys: map_cells(value, keys, mode="vmap"))

    optimum = workload.optimum()

    def run(seed):
        keys = jax.random.split(jax.random.key(seed), seeds)
        losses = [
            np.asarray(values(keys[first : first + GROUP])) for first in range(0, seeds, GROUP)
        ]
        return float(np.mean(np.abs(np.concatenate(losses) - optimum) < 1e-6))

    return run


def answer_seed(kind: str, name: str) -> Callable[[int], Response]:
    """Return a function of a seed that gives the processor seconds of one run, the number of such
    runs in the whole workload, and the figure that it found.
    """
    workload = WORKLOADS[kind]
    seeds, steps = work(name, workload)
    per_unit = workload.seeds * workload.steps / (seeds * steps)
    if name.startswith("ours"):
        run = our_trainer(workload, seeds, steps, reduced=name == "ours, class means")
    else:
        run = numpy_trainer(workload, seeds, steps)

    def answer(seed: int) -> Response:
        seconds, figure = timed(run, seed)
        return {"seconds": seconds, "per_unit": per_unit, "figure": figure}

    return answer


def run(quick: bool) -> None:
    for kind, names, rounds in QUICK if quick else TABLES:
        sizes = WORKLOADS[kind]
        seeds = f"{sizes.seeds} seed{'s' if sizes.seeds > 1 else ''}"
        title = (
            f"{kind}: n = {sizes.class_sizes}, width {sizes.width}, M = {DEPTH}, "
            f"{sizes.steps} steps, {seeds}"
        )

        def figure_of(name, answers, sizes=sizes):
            if work(name, sizes)[1] < sizes.steps:
                return "-"
            return f"{statistics.mean(answer['figure'] for answer in answers):.3g}"

        compare(
            "benchmarks.neural_collapse",
            title,
            {name: (kind, name) for name in names},
            rounds,
            ours=OURS,
            figure="share at the optimum",
            figure_of=figure_of,
            per_unit=lambda name, answers: answers[0]["per_unit"],
            mark=lambda name, answers: "~" if answers[0]["per_unit"] > 1 else "",
        )


if __name__ == "__main__":
    command(__doc__, run, answer_seed)
