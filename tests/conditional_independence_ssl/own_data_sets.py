"""Data for `labels_saved`, with noise that is even and that is not; what labels save is known from
refits.
"""

from functools import cache
from typing import Any

import numpy as np
from tool_answers import DataSet, held

from own_data.conditional_independence_ssl import labels_saved

DIM = 5
PAIRS = 4000
LABELLED = 400
ASKED = 12


def draw(rng: np.random.Generator, rows: int, uneven: bool) -> tuple[Any, Any, Any]:
    """Views that share two coordinates of the first, and a label that is the first of these with
    noise.
    """
    x = rng.standard_normal((rows, DIM))
    scale = np.exp(x[:, 0] / 2) if uneven else 1.0
    return x, x[:, :2] + rng.standard_normal((rows, 2)), x[:, 0] + scale * rng.standard_normal(rows)


@cache
def saved(uneven: bool) -> float:
    """Mean excess risk of least squares on all coordinates less that on the two, over 20,000
    training sets.
    """
    x, _, y = draw(np.random.default_rng(0), 20_000 * ASKED, uneven)
    design = np.insert(x, 0, 1, axis=1).reshape(20_000, ASKED, -1)
    labels = y.reshape(20_000, ASKED)
    fits = (np.linalg.pinv(design[:, :, : 1 + width]) @ labels[..., None] for width in (DIM, 2))
    risks = [np.mean(np.sum((fit[..., 0] - np.eye(fit.shape[1])[1]) ** 2, axis=1)) for fit in fits]
    return float(risks[0] - risks[1])


def of_noise(name: str, uneven: bool) -> DataSet:
    def ask(seed: int) -> Any:
        x, second, y = draw(np.random.default_rng(seed), PAIRS + LABELLED, uneven)
        return labels_saved(x, second, y[:LABELLED], (ASKED,))

    return DataSet(
        tool="labels_saved",
        name=name,
        fits=not uneven,
        ask=ask,
        truth=f"{saved(uneven):.3f}",
        judge=lambda answer: held(answer.table[0].saved, saved(uneven), answer, "of each risk"),
        headline=lambda answer: str(answer.table[0].saved),
        level=None if uneven else 0.95,
    )


SETS = [of_noise("noise of one size", False), of_noise("noise that grows like exp(x / 2)", True)]
