"""Data for `ey_certificate`: unrelated views of dependent rows, which seem related, and related views."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.signal import lfilter

from audits.tools import DataSet, Worth, held
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
    """Wrong where components are called related without a doubt; of independent rows one in a hundred may be."""

    def judge(answer: Any) -> Worth:
        alike = any("alike" in doubt.reason for doubt in answer.doubts)
        return "right" if answer.related == 0 else "doubted" if alike else "wrong"

    return DataSet(
        tool="ey_certificate", name=f"unrelated views: {name}", fits=fits,
        ask=lambda seed: ey_certificate(*draw(np.random.default_rng(seed))), truth="0 related", judge=judge,
        headline=lambda answer: f"{answer.related} related", level=0.99 if fits else None,
    )  # fmt: skip


def related(rows: int) -> DataSet:
    def ask(seed: int) -> Any:
        own, other = np.random.default_rng(seed).standard_normal((2, rows, 3))
        return ey_certificate(own, RHO * own + np.sqrt(1 - RHO**2) * other)

    return DataSet(
        tool="ey_certificate", name=f"related views of {rows} independent rows: best loss", fits=True, ask=ask,
        truth=f"{-np.sum(RHO**2):.4f}",
        judge=lambda answer: held(answer.best, -float(np.sum(RHO**2)), answer, "of the loss"),
        headline=lambda answer: str(answer.best), level=0.95,
    )  # fmt: skip


SETS = [
    related(200),
    related(1000),
    unrelated("independent rows", lambda rng: rng.standard_normal((2, 500, 3)), fits=True),
    unrelated("random walks", lambda rng: np.cumsum(rng.standard_normal((2, 500, 3)), axis=1)),
    unrelated("autoregressive, .9", autoregressive(0.9)),
    unrelated("autoregressive, .5", autoregressive(0.5)),
    unrelated("40 groups in order, half of the variance", grouped(False, 1.0)),
    unrelated("40 groups shuffled, most of the variance", grouped(True, 0.4)),
]
