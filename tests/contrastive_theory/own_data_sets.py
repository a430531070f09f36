"""Data for `infonce_bias`: Gaussian pairs whose information is known, and what only seems to have
some.
"""

from typing import Any

import numpy as np
from scipy.signal import lfilter
from tool_answers import DataSet, held

from own_data.contrastive_theory import infonce_bias

RHO = 0.5
CANDIDATES = 16


def scores(x: Any, y: Any, rho: float) -> Any:
    """The logarithm of the density ratio of standard normal pairs, up to a constant."""
    return (rho * np.outer(x, y) - rho**2 * (x[:, None] ** 2 + y**2) / 2) / (1 - rho**2)


def expected() -> float:
    """I_K of fresh pairs and fresh others, by drawing them."""
    rng = np.random.default_rng(0)
    x, noise = rng.standard_normal((2, 200_000))
    y = RHO * x + np.sqrt(1 - RHO**2) * noise
    every = np.column_stack([y, rng.standard_normal((len(x), CANDIDATES - 1))])
    ratios = np.exp(
        (RHO * x[:, None] * every - RHO**2 * (x[:, None] ** 2 + every**2) / 2) / (1 - RHO**2)
    )
    return float(np.mean(np.log(ratios[:, 0] / ratios.mean(axis=1))))


def of_pairs(name: str, share: float, quantity: str = "estimate", rho: float = RHO) -> DataSet:
    """Standard normal pairs, each following the one before by `share`; of more than RHO, squares
    have no mean.
    """
    chi2 = rho**2 / (1 - rho**2)
    fits = share == 0 and rho == RHO
    truth = {"chi2": chi2, "predicted_gap": chi2 / 2 / CANDIDATES}.get(quantity) or expected()

    def ask(seed: int) -> Any:
        drawn = lfilter(
            [np.sqrt(1 - share**2)],
            [1, -share],
            np.random.default_rng(seed).standard_normal((2, 2400)),
        )
        x, noise = drawn[:, -400:]
        return infonce_bias(
            scores(x, rho * x + np.sqrt(1 - rho**2) * noise, rho), CANDIDATES, held_out=True
        )

    return DataSet(
        tool="infonce_bias",
        name=name,
        fits=fits,
        ask=ask,
        truth=f"{truth:.4f}",
        judge=lambda answer: held(getattr(answer, quantity), truth, answer, "nats"),
        headline=lambda answer: str(getattr(answer, quantity)),
        level=0.95 if fits else None,
    )


def in_groups(seed: int) -> Any:
    rng = np.random.default_rng(seed)
    group = rng.permutation(np.repeat(np.arange(40), 10))
    x, y = rng.normal(size=(2, 40, 4))[:, group] + 0.1 * rng.normal(size=(2, 400, 4))
    return infonce_bias(0.1 * x @ rng.normal(size=(4, 4)) @ y.T, CANDIDATES, held_out=True)


def fitted(seed: int) -> Any:
    x, _ = np.random.default_rng(seed).standard_normal((2, 60, 80))
    return infonce_bias(30 * x @ np.linalg.pinv(x), 30, held_out=False)


SETS = [
    of_pairs("400 independent pairs", 0.0),
    *(
        of_pairs(f"400 independent pairs: {quantity}", 0.0, quantity)
        for quantity in ("chi2", "predicted_gap")
    ),
    *(
        of_pairs(f"400 pairs, correlation .7: {quantity}", 0.0, quantity, 0.7)
        for quantity in ("chi2", "predicted_gap")
    ),
    of_pairs("400 pairs that follow each other, .98", 0.98),
    DataSet(
        tool="infonce_bias",
        name="40 groups of 10 pairs, of unrelated views, by a weak critic",
        fits=False,
        truth="0",
        ask=in_groups,
        headline=lambda answer: str(answer.estimate),
        judge=lambda answer: (
            "right" if answer.estimate.low <= 0 else held(answer.estimate, 0.0, answer, "nats")
        ),
    ),
    DataSet(
        tool="infonce_bias",
        name="a critic fitted on these pairs of noise",
        fits=False,
        ask=fitted,
        truth="0",
        judge=lambda answer: "wrong" if answer.answerable else "none",
    ),
]
