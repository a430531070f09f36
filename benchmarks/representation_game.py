"""Compare a semidefinite program and the closed form for the game with hidden draws.

Worlds have d features, half of which are kept. The "excess" is that of the worst expected regret
over the value of the game, relative to the value. The program gives the mean of a projection, from
which sets must still be drawn. Ours gives sets; the table shows the worst expected regret of their
projections. `python -m benchmarks.representation_game [--quick]` prints the table.
"""

import statistics
from collections.abc import Callable

import numpy as np

from benchmarks.side_by_side import answers, command, contest
from sims import representation_game as observed
from theory import representation_game as predicted

WORKLOADS = [(6, 7), (12, 5), (24, 3)]  # features, rounds
QUICK = [(4, 2)]


def semidefinite(dim: int) -> Callable[[int], float]:
    import cvxpy

    def solve(seed: int) -> float:
        covariance, prior = observed.drawn_world(seed, dim)
        half = np.linalg.cholesky(prior).T @ np.linalg.cholesky(covariance)
        projector = cvxpy.Variable((dim, dim), symmetric=True)
        value = cvxpy.Variable()
        left = half @ (np.eye(dim) - projector) @ half.T
        conditions = [
            value * np.eye(dim) - (left + left.T) / 2 >> 0,
            projector >> 0,
            np.eye(dim) - projector >> 0,
        ]
        problem = cvxpy.Problem(
            cvxpy.Minimize(value), [*conditions, cvxpy.trace(projector) == dim // 2]
        )
        return float(problem.solve(solver=cvxpy.CLARABEL))

    return solve


def closed_form(dim: int) -> Callable[[int], float]:
    def solve(seed: int) -> float:
        game = observed.drawn_world(seed, dim)
        spectrum = predicted.task_spectrum(*game)
        tasks = predicted.task_directions(*game)
        chances, members = predicted.systematic_mixture(predicted.inclusion(spectrum, dim // 2))
        sets = np.array([tasks[:, chosen] for chosen in members])
        return observed.worst_expected_regret(*game, sets, chances)

    return solve


CONTENDERS = {"cvxpy, CLARABEL": semidefinite, "ours": closed_form}


def excess(seed: int, value: float, dim: int) -> dict[str, float]:
    """Return the relative excess of the value found over the value of the game."""
    best = predicted.mixed_value(
        predicted.task_spectrum(*observed.drawn_world(seed, dim)), dim // 2
    )
    return {"excess": value / best - 1}


answer_seed = answers(CONTENDERS, excess)
run = contest(
    "benchmarks.representation_game",
    "{} features, half of them kept",
    CONTENDERS,
    WORKLOADS,
    QUICK,
    ours=["ours"],
    figure="median excess",
    figure_of=lambda name, answers: (
        f"{statistics.median(abs(answer['excess']) for answer in answers):.1g}"
    ),
)


if __name__ == "__main__":
    command(__doc__, run, answer_seed)
