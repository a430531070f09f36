"""Data for `ey_certificate`: unrelated views of dependent rows, which seem related, and related
views.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.signal import lfilter
from tool_answers import DataSet, Worth, held

from own_data.unconstrained_cca import ey_certificate

Drawer = Callable[[np.random.Generator], Any]
RHO = np.array([0.9, 0.6, 0.3])


def autoregressive(share: float) -> Drawer:
    return lambda rng: lfilter([1], [1, -share], rng.standard_normal((2, 500, 3)), axis=1)


def grouped(shuffled: bool, own: float) -> Drawer:
    def draw(rng: np.random.Generator) -> Any:
        of_row = np.repeat(np.arange(40), 25)
        of_row = rng.permutation(of_row) if shuffled else of_row
        return rng.standard_normal((2, 40, 3))[:, of_row] + own * rng.standard_normal((2, 1000, 3))

    return draw


def unrelated(name: str, draw: Drawer, fits: bool = False) -> DataSet:
    """Wrong where components are called related without a doubt; of independent ones one in a
    hundred may be.
    """

    def judge(answer: Any) -> Worth:
        alike = any("alike" in doubt.reason for doubt in answer.doubts)
        return "right" if answer.related == 0 else "doubted" if alike else "wrong"

    return DataSet(
        tool="ey_certificate",
        name=f"unrelated views: {name}",
        fits=fits,
        ask=lambda seed: ey_certificate(*draw(np.random.default_rng(seed)), held_out=True),
        truth="0 related",
        judge=judge,
        headline=lambda answer: f"{answer.related} related",
        level=0.99 if fits else None,
    )


def named(rng: np.random.Generator) -> Any:
    """Views, no size of a batch, and the groups of their rows: half of the variance is of the
    group.
    """
    of_row = rng.permutation(np.repeat(np.arange(100), 10))
    own, other = (
        rng.standard_normal((2, 100, 3))[:, of_row] + rng.standard_normal((2, 1000, 3))
    ) / np.sqrt(2)
    return own, other, None, of_row


def related(rows: int, quantity: str, weights: Any = 1.0) -> DataSet:
    """Views of rows that are independent, or of named groups (0 rows), with weights of their
    components.
    """
    squares = weights**2 * np.ones(3)
    best = -np.sum(RHO**2)
    loss = np.sum(4 * squares**2 - 4 * RHO * squares)
    truth = round(float({"best": best, "loss": loss, "gap": loss - best}[quantity]), 12)

    def ask(seed: int) -> Any:
        rng = np.random.default_rng(seed)
        own, other, _, groups = (
            (*rng.standard_normal((2, rows, 3)), None, None) if rows else named(rng)
        )
        return ey_certificate(
            weights * own,
            weights * (RHO * own + np.sqrt(1 - RHO**2) * other),
            groups=groups,
            held_out=True,
        )

    name = f"related views of {rows or 'a hundred named groups of'} independent rows: {quantity}"
    return DataSet(
        tool="ey_certificate",
        name=f"{name}, weights {weights}",
        fits=True,
        ask=ask,
        truth=f"{truth:.4f}",
        judge=lambda answer: held(getattr(answer, quantity), truth, answer, "of the loss"),
        headline=lambda answer: str(getattr(answer, quantity)),
        level=0.95 if rows else 0.9,
    )


SETS = [
    *(related(rows, quantity) for rows in (200, 1000) for quantity in ("best", "loss", "gap")),
    *(
        related(1000, quantity, w)
        for w in (np.array([1, 0.7, 0.5]), np.sqrt(RHO / 2))
        for quantity in ("loss", "gap")
    ),
    related(0, "best"),
    unrelated("a hundred named groups", named, fits=True),
    unrelated("independent rows", lambda rng: rng.standard_normal((2, 500, 3)), fits=True),
    unrelated("random walks", lambda rng: np.cumsum(rng.standard_normal((2, 500, 3)), axis=1)),
    unrelated("autoregressive, .9", autoregressive(0.9)),
    unrelated("autoregressive, .5", autoregressive(0.5)),
    unrelated("40 groups in order, half of the variance", grouped(False, 1.0)),
    unrelated("40 groups shuffled, most of the variance", grouped(True, 0.4)),
]
