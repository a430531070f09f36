"""Compare formulas for thresholds and windows with bisection by scikit-learn's coordinate descent.

`python -m benchmarks.sequential_attention [--quick]` prints the table, for five rounds.
scikit-learn's `orthogonal_mp` gives only the chosen set. Without the formulas, one each for
threshold and window, a solver must find the levels of the penalty at which features come in.
"""

from collections.abc import Callable

import numpy as np

from benchmarks.side_by_side import answers, command, contest, worst

WORKLOADS = [(200, 20, 5)]  # rows, columns, rounds of the benchmark
QUICK = [(40, 8, 2)]
ROUNDS = 5
HALVINGS = 45


def table(n: int, p: int, seed: int):
    """Return correlated columns of length one, and a response y that depends on all of them."""
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(n, p)) + generator.normal(size=(n, 1))
    X /= np.linalg.norm(X, axis=0)
    return X, X @ generator.normal(size=p) * np.sqrt(n) + generator.normal(size=n)


def bisection(n: int, p: int) -> Callable[[int], list[float]]:
    from sklearn.linear_model import Lasso

    def entry(X, y, active: int) -> tuple[float, int]:
        """Return the largest level at which so many weights are active, and the feature of largest
        weight just below it.
        """
        low = 0.0
        high = float(np.linalg.norm(y))
        at = {"fit_intercept": False, "tol": 1e-13, "max_iter": 100_000}
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            enough = np.count_nonzero(Lasso(middle / len(y), **at).fit(X, y).coef_) >= active
            low, high = (middle, high) if enough else (low, middle)
        return high, int(np.argmax(np.abs(Lasso(0.999999 * high / len(y), **at).fit(X, y).coef_)))

    def answer(seed: int) -> list[float]:
        left, target = table(n, p, seed)
        levels = list[float]()
        for _ in range(ROUNDS):
            first, pick = entry(left, target, 1)
            second, _ = entry(left, target, 2)
            levels += [first, second]
            direction = left[:, pick] / np.linalg.norm(left[:, pick])
            left = left - np.outer(direction, direction @ left)
            target = target - direction * (direction @ target)
            left[:, pick] = 0
        return levels

    return answer


def descent(n: int, p: int) -> Callable[[int], list[float]]:
    from sims.sequential_attention import entry
    from theory.sequential_attention import omp_order

    def answer(seed: int) -> list[float]:
        X, y = table(n, p, seed)
        order = omp_order(X, y, ROUNDS).tolist()
        rounds = tuple(tuple(order[:count]) for count in range(ROUNDS))
        levels = zip(entry(X, y, rounds).high, entry(X, y, rounds, 2).high, strict=True)
        return [float(level) for pair in levels for level in pair]

    return answer


def formula(n: int, p: int) -> Callable[[int], list[float]]:
    from own_data.sequential_attention import selection_audit

    def answer(seed: int) -> list[float]:
        audit = selection_audit(*table(n, p, seed), ROUNDS, standardise=False)
        return [level for entry in audit.rounds for level in reversed(entry.window)]

    return answer


CONTENDERS = {
    "scikit-learn, bisection": bisection,
    "ours, descent": descent,
    "ours, formula": formula,
}


def apart(seed: int, levels: list[float], n: int, p: int) -> dict[str, float]:
    """Return the largest relative distance of the levels from the formula's."""
    return {"error": max(abs(a / b - 1) for a, b in zip(levels, formula(n, p)(seed), strict=True))}


answer_seed = answers(CONTENDERS, apart)
run = contest(
    "benchmarks.sequential_attention",
    f"{ROUNDS} rounds, {{}} x {{}}",
    CONTENDERS,
    WORKLOADS,
    QUICK,
    ours=["ours, descent", "ours, formula"],
    figure="apart from the formula",
    figure_of=worst(),
)


if __name__ == "__main__":
    command(__doc__, run, answer_seed)
