"""Compare learning curves and descents of deep linear networks with what users would run.

`python -m benchmarks.jepa_bias [--quick]` prints the tables.

Curves: the strength of 4096 JEPA features at 256 times each, with random depth, start, covariance
and regression coefficient. The contenders are SciPy's `solve_ivp` (LSODA) in a loop, a vectorised
closed form, and our program. LSODA runs in log coordinates, with the tolerance that comes nearest
to our accuracy.

Descents: 64 networks of 16 features and depth 3 take 5000 steps on the JEPA loss by hand-written
gradients, each in its own random basis.

The time by which the first run exceeds a later one (compilation) has its own column. Slow
contenders do a part only: their time is extrapolated, and marked by ~. Processes, turns and seconds
are those of `benchmarks.side_by_side`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks.side_by_side import Response, command, compare, timed
from theory.jepa_bias.learning_times import critical_time, strength_at

FEATURES = 4096
TIMES = 256
TOLERANCE = 1e-13
FRACTION = 0.9
DIM = 16
DEPTH = 3
INIT = 0.02
STEP = 0.04
RUNS = 64
STEPS = 5000
CHECKED = 32  # features or runs whose error is computed

Run = Callable[[Any], Any]  # what was drawn -> the numbers that are compared


# How many of the cells each contender computes.
CURVES = {"SciPy LSODA loop": 64, "closed form, NumPy": 128, "ours": FEATURES}
DESCENTS = {"NumPy loop": 2, "NumPy, all runs at once": RUNS, "ours": RUNS}
TABLES = [("curves", CURVES, 5), ("jepa descents", DESCENTS, 3)]
QUICK = [
    ("curves", CURVES | {"SciPy LSODA loop": 16}, 1),
    ("jepa descents", {"NumPy loop": 2, "ours": RUNS}, 1),
]


class Features(NamedTuple):
    """Random features, one per entry, and the times at which their strengths are computed."""

    depth: Any
    init: Any
    covariance: Any
    regression: Any
    times: Any


def draw_features(seed: int) -> Features:
    """Return features of depths 1, 2, 3 and 5 with starts below the target, and times up to twice
    the critical time.
    """
    rng = np.random.default_rng((seed, 0))
    depth = rng.choice([1, 2, 3, 5], FEATURES)
    regression = rng.uniform(0.5, 1.5, FEATURES)
    covariance = rng.uniform(0.5, 2, FEATURES)
    init = 10 ** rng.uniform(-4, -2, FEATURES)
    ends = critical_time(FRACTION, init, depth, covariance, regression, objective="jepa")
    return Features(depth, init, covariance, regression, np.linspace(0, 2, TIMES) * ends[:, None])


def log_velocity(depth, covariance, regression):
    """Return the velocity of s, the logarithm of the strength, by the paper's equation (7), as a
    function of the flow's time and s.
    """
    return lambda _, s: (
        depth * covariance * (np.exp((2 - 1 / depth) * s) - np.exp(2 * s) / regression)
    )


def curve_solver(name: str, cells: int) -> Run:
    if name == "ours":
        import jax

        from sims.jepa_bias.scalar_flow import trajectory_by_quadrature

        def one(*feature):
            return trajectory_by_quadrature(*feature, objective="jepa")

        program = jax.jit(jax.vmap(one))
        return lambda features: np.asarray(program(*features))
    if name == "closed form, NumPy":
        return lambda features: exact_curves(features, cells)
    from scipy.integrate import solve_ivp

    def loop(features):
        values = []
        for depth, init, covariance, regression, times in zip(
            *(column[:cells] for column in features), strict=True
        ):
            slope = log_velocity(depth, covariance, regression)
            start = [np.log(init)]
            solution = solve_ivp(
                slope, times[[0, -1]], start, "LSODA", times, rtol=TOLERANCE, atol=TOLERANCE
            )
            values.append(np.exp(solution.y[0]))
        return np.array(values)

    return loop


def exact_curves(features: Features, cells: int):
    depth, init, covariance, regression = (column[:cells, None] for column in features[:4])
    return strength_at(
        features.times[:cells], init, depth, covariance, regression, objective="jepa"
    )


def draw_networks(seed: int):
    """Return covariances [runs, dim, dim] in random bases, and aligned starts: factors [runs,
    depth, dim, dim] and the predictor V.

    Features with the larger covariance have the larger regression coefficient. Otherwise rounding,
    amplified along the plateaus, would make equal programs differ.
    """
    rng = np.random.default_rng((seed, 1))
    covariance, regression = np.sort(rng.uniform(0.5, 1.5, (2, RUNS, 1, DIM)))
    bases = np.linalg.qr(rng.standard_normal((RUNS, DEPTH + 1, DIM, DIM)))[0]
    features = bases[:, 0]
    Sigma_xx, Sigma_yx = (
        features * values @ features.mT for values in (covariance / regression, covariance)
    )
    Sigma_xx = (Sigma_xx + Sigma_xx.mT) / 2
    layers = INIT ** (1 / DEPTH) * bases[:, 1:] @ bases[:, :-1].mT
    predictor = INIT ** (1 / DEPTH) * bases[:, -1] @ bases[:, -1].mT
    return Sigma_xx, Sigma_yx, layers, predictor


def descent(Sigma_xx, Sigma_yx, layers, predictor):
    """Return the encoder after gradient descent on the JEPA loss. The leading axes of the matrices
    are runs.
    """
    first, second, third = layers
    for _ in range(STEPS):
        below = second @ first
        encoder = third @ below
        error = predictor @ encoder @ Sigma_xx - encoder @ Sigma_yx
        backward = predictor.mT @ error
        inner = third.mT @ backward
        predictor = predictor - STEP * error @ encoder.mT
        gradients = [second.mT @ inner, inner @ first.mT, backward @ below.mT]
        first = first - STEP * gradients[0]
        second = second - STEP * gradients[1]
        third = third - STEP * gradients[2]
    return third @ second @ first


def descender(name: str, cells: int) -> Run:
    if name == "ours":
        import jax

        from sims.jepa_bias.matrix_flow import require_stable_step, train
        from sims.jepa_bias.networks import Parameters, encoder
        from theory_on_trial.base.mapping import map_cells

        def one(Sigma_xx, Sigma_yx, layers, predictor):
            start = Parameters(tuple(layers), predictor)
            run = train(start, Sigma_xx, Sigma_yx, STEP, STEPS, STEPS, "jepa", method="descent")
            return encoder(run.parameters)

        program = jax.jit(lambda *networks: map_cells(one, *networks, mode="vmap"))

        def ours(networks):
            for Sigma_xx, Sigma_yx in zip(*networks[:2], strict=True):
                require_stable_step(STEP, Sigma_xx, Sigma_yx, DEPTH, "jepa", method="descent")
            return np.asarray(program(*networks))

        return ours

    def run(networks):
        if name.endswith("at once"):
            Sigma_xx, Sigma_yx, layers, predictor = networks
            return descent(Sigma_xx, Sigma_yx, layers.swapaxes(0, 1), predictor)
        return np.array([descent(*(part[i] for part in networks)) for i in range(cells)])

    return run


def answer_round(table: str, name: str, cells: int) -> Callable[[int], Response]:
    """Return a function of a seed that gives the processor seconds of one round, and the largest
    relative error.
    """
    if table == "curves":
        draw = draw_features
        run = curve_solver(name, cells)
        exact = exact_curves
    else:
        draw = draw_networks
        run = descender(name, cells)

        def exact(networks, checked):
            return np.array(
                [descent(*(part[i] for part in networks)) for i in range(min(checked, 2))]
            )

    def answer(seed: int) -> Response:
        problem = draw(seed)
        seconds, values = timed(run, problem)
        reference = exact(problem, min(cells, CHECKED)) if seed else values[:1]
        scale = (
            np.abs(reference).max(axis=(-2, -1), keepdims=True)
            if reference.ndim == 3
            else np.abs(reference)
        )
        error = np.max(np.abs(values[: len(reference)] - reference) / scale)
        return {"seconds": seconds, "error": float(error)}

    return answer


def run(quick: bool) -> None:
    for table, contenders, rounds in QUICK if quick else TABLES:
        cells = RUNS if table == "jepa descents" else FEATURES

        def whole(name, answers, contenders=contenders, cells=cells):
            return cells / contenders[name]

        compare(
            "benchmarks.jepa_bias",
            f"{cells} {table}",
            {name: (table, name, size) for name, size in contenders.items()},
            rounds,
            ours=["ours"],
            figure="largest relative error",
            figure_of=lambda name, answers: f"{max(answer['error'] for answer in answers[1:]):.1e}",
            per_unit=whole,
            mark=lambda name, answers, whole=whole: "~" if whole(name, answers) > 1 else "",
        )


if __name__ == "__main__":
    command(__doc__, run, answer_round)
