"""Weak learning on finite classes: when is every multicalibrated predictor the best one?"""

from itertools import combinations
from typing import Annotated

import numpy as np
from scipy.optimize import linprog

from theory_on_trial import claim, tried
from theory_on_trial.contract import Interval


def hides_something(functions, weights):
    """Whether on some set of points residuals other than 0 are orthogonal to 1 and all functions:
    a predictor that is constant there passes every test, and is not the best.
    """
    n = len(weights)
    for size in range(1, n + 1):
        for chosen in combinations(range(n), size):
            cells = list(chosen)
            tests = (functions[:, cells] * weights[cells]).round(12)
            for cell in range(size):
                goal = -np.eye(size)[cell]
                found = linprog(goal, A_eq=tests, b_eq=np.zeros(len(tests)), bounds=(-1, 1))
                if -found.fun > 1e-6:
                    return True
    return False


@claim(
    tried(
        "abstract, sentence 5: the weak-learning assumption on $H$ is necessary and sufficient "
        "for multicalibration to imply Bayes optimality",
        "finitely many points, on which the assumption is a rank",
    ),
    kind="identity",
    cases=[4, 3],
    route="linear programs on every subset of the points against ranks",
)
def test_weak_learning__finite(
    trial,
    n_points: Annotated[
        int, Interval(3, 5, why="programs for every subset of the points are solved")
    ],
    n_classes: Annotated[
        int, Interval(20, 200, why="half of few are of one kind; more take minutes")
    ] = 20,
):
    """On $n$ points of positive chance, every predictor that is multicalibrated for a class $H$
    that is closed under affine maps is the best one, for all means of the labels in $[0, 1]$, if
    and only if 1 and $H$ have rank $n$.
    """
    rng = trial.generator("classes")
    # One to n - 1 functions beside the constant, of few values, so that ranks of either kind occur.
    classes = [
        np.vstack([np.ones(n_points), rng.integers(0, 3, (1 + index % (n_points - 1), n_points))])
        for index in range(n_classes)
    ]
    weights = rng.dirichlet(np.ones(n_points), n_classes)
    best_only = [
        int(not hides_something(functions, mass))
        for functions, mass in zip(classes, weights, strict=True)
    ]
    ranks = np.array([np.linalg.matrix_rank(functions) for functions in classes])
    separates = np.array([len(np.unique(functions, axis=1).T) for functions in classes])
    full = (ranks == n_points).astype(int)
    trial.require(
        0 < full.sum() < n_classes and np.any((separates == n_points) != (full == 1)),
        "n_classes must give classes of both kinds, and some that separate points without the rank",
    )
    trial.identity(
        np.array(best_only),
        full,
        ops=0,
        controls={
            "$H$ separates all points": (separates == n_points).astype(int),
            "as many functions as points": np.array(
                [int(len(functions) >= n_points) for functions in classes]
            ),
        },
        instances="search",
    )
