"""Data for `subspace_error`: subspaces whose samples are normal with white noise, and samples of
other laws.
"""

from functools import cache
from typing import Any

import numpy as np
from scipy.signal import lfilter
from tool_answers import DataSet, Worth, held

from own_data.low_dim_diffusion import subspace_error

Rng = np.random.Generator
FOUR = (1.0,) * 4
WANTED = 1e-3


def own(
    rng: Rng,
    ambient: int,
    n: int,
    variances: Any,
    noise: float,
    latents: Any = None,
    noises: Any = None,
) -> Any:
    """Samples about the span of the first coordinates; latents and noises are functions of rng and
    a shape.
    """
    dim = len(variances)
    x = noise * (noises or Rng.standard_normal)(rng, (n, ambient))
    x[:, :dim] += (latents or Rng.standard_normal)(rng, (n, dim)) * np.sqrt(variances)
    return x


@cache
def needed(latents: Any) -> float:
    """Samples at which the mean D^2 of 4 latents in 20 is .001, between brute means of 500 samples
    of each size.
    """
    rng = np.random.default_rng(0)
    sizes = np.arange(20, 101, 10)
    errors = []
    for size in sizes:
        x = np.array([own(rng, 20, int(size), FOUR, 0.02, latents) for _ in range(500)])
        errors.append(2 * np.sum(np.linalg.eigh(x.mT @ x)[1][:, 4:, -4:] ** 2) / 500)
    return float(np.interp(-WANTED, -np.array(errors), sizes))


def of_law(
    quantity: str,
    name: str,
    truth: Any,
    *law: Any,
    wanted: float = WANTED,
    near: bool = False,
    **given: Any,
) -> DataSet:
    """What it says of one quantity; without a truth, the error of the sample's own subspace is the
    sine's square.

    A law without a name fits, and one that is `near` to normal.
    """
    dim = min(len(law[2]), 4)
    fits = not name or near

    def judge(answer: Any) -> Worth:
        if quantity == "doubts":
            return "wrong" if answer.doubts else "right"
        actual = truth or 2 * np.sum(answer.subspace[dim:] ** 2)
        return held(np.log(getattr(answer, quantity)), np.log(actual), answer, "of the error")

    return DataSet(
        tool="subspace_error",
        fits=fits,
        level=(0.93 if quantity == "doubts" else 0.95) if fits else None,
        judge=judge,
        name=f"{quantity}: {name or '{1} samples in {0}, variances {2}, noise {3}'.format(*law)}",
        ask=lambda seed: subspace_error(
            own(np.random.default_rng(seed), *law, **given), dim, wanted=wanted
        ),
        truth=f"{truth:.4g}" if truth else "D^2 of the sample",
        headline=lambda answer: str(getattr(answer, quantity)),
    )


def following(rng: Rng, shape: Any) -> Any:
    return lfilter(
        [0.4], [1, -np.sqrt(0.84)], rng.standard_normal((100 + shape[0], shape[1])), axis=0
    )[100:]


def heavy(rng: Rng, shape: Any) -> Any:
    return rng.standard_t(3, shape) / np.sqrt(3)


FITTING = [
    *((20, 16, (4, 2, 1, 0.5), 0.02), (50, 12, (1, 1), 0.05), (10, 100, (1, 2, 3), 0.1)),
    *((2, 3, (1,), 0.01), (2, 8, (1,), 0.01), (3, 6, (1, 1), 0.01), (6, 8, (4, 2, 1), 0.01)),
]
LAW = 20, 40, FOUR, 0.02
SETS = [
    *(of_law("error", "", None, *law) for law in FITTING),
    *(of_law("doubts", "", None, *law, wanted=law[3] ** 2) for law in FITTING[:3]),
    *(of_law("noise", "", law[3], *law) for law in FITTING),
    *(
        of_law(
            "needed",
            "",
            len(law[2]) + 1 + 2 * (law[0] - len(law[2])) * sum(1 / v for v in law[2]),
            *law,
            wanted=law[3] ** 2,
        )
        for law in FITTING
    ),
    of_law(
        "error",
        "noise that walks",
        None,
        *LAW,
        noises=lambda g, shape: g.normal(0, 1 / 6, shape).cumsum(axis=0),
    ),
    of_law(
        "error",
        "noise of heavy tails",
        None,
        *LAW,
        noises=lambda rng, shape: rng.standard_t(1.5, shape),
    ),
    of_law(
        "error",
        "uneven noise",
        None,
        *LAW,
        noises=lambda g, s: g.normal(0, np.geomspace(0.1, 3, 20), s),
    ),
    of_law(
        "error",
        "five latents, of which one is weak, asked for four",
        None,
        20,
        40,
        (9, 4, 4, 4, 0.1),
        0.02,
    ),
    of_law("error", "noise of a quarter of the latents", None, 60, 60, FOUR, 0.25),
    of_law("error", "latents that follow each other", None, *LAW, latents=following),
    of_law("needed", "six samples", 5 + 2 * 1e-6 * 64 / WANTED, 20, 6, FOUR, 0.001),
    *(
        of_law("needed", name, needed(latents), 20, n, FOUR, 0.02, latents=latents)
        for n, name, latents in (
            (40, "latents of mean 2", lambda rng, shape: rng.standard_normal(shape) + 2),
            (
                40,
                "a tenth of latents tenfold",
                lambda g, s: g.normal(0, 1 + 9 * (np.arange(s[0])[:, None] % 10 == 0), s),
            ),
            (40, "latents that follow each other", following),
            (
                40,
                "latents that grow tenfold",
                lambda g, s: g.normal(0, 1, s) * np.geomspace(1, 10, s[0])[:, None],
            ),
            (400, "latents of Student's t of 3 degrees", heavy),
        )
    ),
    *(
        of_law(
            "needed",
            f"{name}, {n} of them",
            needed(latents),
            20,
            n,
            FOUR,
            0.02,
            latents=latents,
            near=True,
        )
        for n in (20, 40)
        for name, latents in (
            ("Student's t of 3 degrees", heavy),
            ("Laplace's law", lambda rng, shape: rng.laplace(0, 0.5**0.5, shape)),
        )
    ),
]
