"""Compare bags of ridge fits on subsamples with scikit-learn's BaggingRegressor(Ridge).

Subsamples are drawn without replacement.

"fit": all contenders draw subsets, fit all members and give the mean of their coefficients. Ours
takes conjugate gradients in single precision to 2e-5 of the gradient at zero; scikit-learn's
members are solved directly. That moves the bag's coefficients by 1e-5, relative to their norm,
while a member's are .8 off the bag's.

"choose": the question is which of three sizes and five penalties is best. scikit-learn fits a bag
for each on four fifths of the points, which is judged on the others; ours fits none. "off" is the
difference of the resulting risk from the theory's, on the mean over data sets and settings.

`python -m benchmarks.ridge_ensembles [--quick]` prints the table.
"""

import statistics
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.side_by_side import Response, command, compare, timed

# n, p, k, members; rounds
WORKLOADS = [
    ("fit", (600, 300, 240, 100), 5),
    ("choose", (600, 300, 240, 100), 3),
]
QUICK = [("fit", (120, 60, 48, 8), 2), ("choose", (120, 60, 48, 8), 2)]
PENALTY = 0.1
NOISE = 0.25
PENALTIES = (0.03, 0.1, 0.3, 1.0, 3.0)

Size = tuple[int, int, int, int]


def data(seed: int, size: Size) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    points, dim = size[:2]
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((points, dim))
    coefficients = rng.standard_normal(dim) / dim**0.5
    return x, x @ coefficients + NOISE**0.5 * rng.standard_normal(points), coefficients


def bagged(members: int, k: int, penalty: float, seed: int, x: np.ndarray, y: np.ndarray) -> Any:
    from sklearn.ensemble import BaggingRegressor
    from sklearn.linear_model import Ridge

    member = Ridge(alpha=k * penalty, fit_intercept=False)
    return BaggingRegressor(member, members, max_samples=k, bootstrap=False, random_state=seed).fit(
        x, y
    )


def scikit_learn(size: Size) -> Callable[[int, np.ndarray, np.ndarray], np.ndarray]:
    def bag(seed: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        ensemble = bagged(size[3], size[2], PENALTY, seed, x, y)
        return np.mean([member.coef_ for member in ensemble.estimators_], axis=0)

    return bag


def ours(size: Size) -> Callable[[int, np.ndarray, np.ndarray], np.ndarray]:
    import jax

    jax.config.update("jax_enable_x64", True)
    from sims import ridge_ensembles as observed

    points, _, subsample, members = size

    def bag(seed: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        keys = np.random.default_rng(seed).random((members, points))
        chosen = np.argpartition(keys, subsample, axis=1)[:, :subsample]
        return np.asarray(
            observed.bagged_coefficients(x.astype(np.float32), y, chosen, PENALTY, 2e-5).mean(
                axis=0
            )
        )

    return bag


def sizes(size: Size) -> list[int]:
    return [size[2] // 2, size[2], size[2] * 3 // 2]


def scikit_learn_choice(size: Size) -> Callable[[int, np.ndarray, np.ndarray], list[float]]:
    def choose(seed: int, x: np.ndarray, y: np.ndarray) -> list[float]:
        cut = len(y) // 5
        risks = []
        for k in sizes(size):
            for penalty in PENALTIES:
                bag = bagged(size[3], k, penalty, seed, x[cut:], y[cut:])
                risks.append(float(np.mean((bag.predict(x[:cut]) - y[:cut]) ** 2)))
        return risks

    return choose


def our_choice(size: Size) -> Callable[[int, np.ndarray, np.ndarray], list[float]]:
    from own_data.ridge_ensembles import choose_subsample

    def choose(seed: int, x: np.ndarray, y: np.ndarray) -> list[float]:
        table = choose_subsample(
            x, y, sizes(size), PENALTIES, size[3], fit_intercept=False, random_state=seed
        )
        return [
            row.risk.value
            for row in sorted(table.settings, key=lambda one: (one.size, one.penalty))
        ]

    return choose


CONTENDERS: dict[str, dict[str, Callable[..., Any]]] = {
    "fit": {"scikit-learn": scikit_learn, "ours": ours},
    "choose": {"scikit-learn": scikit_learn_choice, "ours": our_choice},
}


def answer_seed(task: str, name: str, *size: int) -> Callable[[int], Response]:
    from theory import ridge_ensembles as predicted

    contender = CONTENDERS[task][name](size)
    equal = predicted.Population(np.ones(1), np.ones(1), np.ones(1), 1.0, NOISE)
    points, dim, subsample, members = size

    def risk(k: int, penalty: float) -> float:
        return predicted.ensemble_risk(equal, penalty, dim / points, dim / k, members)

    def answer(seed: int) -> Response:
        x, y, coefficients = data(seed, size)
        seconds, result = timed(contender, seed, x, y)
        if task == "fit":
            off = NOISE + float(np.sum((result - coefficients) ** 2)) - risk(subsample, PENALTY)
            return {"seconds": seconds, "off": off}
        truth = [risk(k, penalty) for k in sizes(size) for penalty in PENALTIES]
        return {"seconds": seconds, "off": float(np.mean(np.array(result) - truth))}

    return answer


def run(quick: bool) -> None:
    for task, size, rounds in QUICK if quick else WORKLOADS:
        compare(
            "benchmarks.ridge_ensembles",
            f"{task}: " + "{} points in {} dimensions, {} for each of {} members".format(*size),
            {name: (task, name, *size) for name in CONTENDERS[task]},
            rounds,
            ours=["ours"],
            figure="off",
            figure_of=lambda name, answers: (
                f"{abs(statistics.fmean(answer['off'] for answer in answers)):.2g}"
            ),
        )


if __name__ == "__main__":
    command(__doc__, run, answer_seed)
