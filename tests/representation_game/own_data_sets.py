"""Data for `optimal_representation` with past tasks; the truth is the law's own, that of any units
of the columns.
"""

from typing import Any

import numpy as np
from tool_answers import DataSet, Worth, held

from own_data.representation_game import optimal_representation


def of_past_tasks(count: int, unit: float, dim: int = 4, rows: int = 500) -> DataSet:
    """White rows see the second moment of the tasks as diag(1, 1/3, ...), turned: in all units the
    truth is 1/3.
    """
    rng = np.random.default_rng(5)
    mixing = rng.standard_normal((dim, dim)) / np.sqrt(dim) + np.eye(dim) / 2
    turn = np.linalg.qr(rng.standard_normal((dim, dim)))[0] * 3.0 ** (-np.arange(dim) / 2)
    units = unit ** np.arange(dim)

    def ask(seed: int) -> Any:
        draw = np.random.default_rng(seed)
        past = np.linalg.solve(mixing, turn @ draw.standard_normal((dim, count))).T
        return optimal_representation(
            draw.standard_normal((rows, dim)) @ mixing * units, 1, past / units
        )

    def judge(answer: Any) -> Worth:
        return held(answer.worst_regret, 1 / 3, answer, "of lambda_1")

    return DataSet(
        tool="optimal_representation",
        name=f"{count} past tasks, columns in units of {unit:g}^i",
        fits=count >= 60,
        ask=ask,
        truth="0.3333",
        judge=judge,
        headline=lambda answer: str(answer.worst_regret),
        level=0.95 if count >= 60 else None,
    )


SETS = [
    of_past_tasks(count, unit)
    for count, unit in ((10, 1.0), (60, 1.0), (200, 1.0), (200, 3.0), (4000, 1.0))
]
