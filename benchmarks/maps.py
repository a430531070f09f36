"""Compare a map of a cheap claim with a loop over the claim's cells."""

import os
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.side_by_side import command, contest
from theory_on_trial import claim
from theory_on_trial.trial.domain import OutsideDomain

CLAIM = "mixup.scale_limit"
WORKERS = 2
WORKLOADS = [(30, 1)]  # values of each of two settings, rounds
QUICK = [(6, 1)]


def grid(cells: int) -> dict[str, Any]:
    """Return values of both settings, inside the claim's domain."""
    alphas = np.geomspace(0.1, 10, cells)
    separabilities = np.geomspace(100, 10_000, cells)
    return {
        "alpha": [float(f"{x:.4g}") for x in alphas],
        "least": [float(f"{x:.4g}") for x in separabilities],
    }


def looping(cells: int) -> Callable[[int], list[str]]:
    def verdict(seed: int, alpha: float, least: float) -> str:
        try:
            return claim(CLAIM).run(seed=seed, alpha=alpha, least=least).verdict
        except OutsideDomain:
            return "outside"

    axes = grid(cells)
    return lambda seed: [
        verdict(seed, alpha, least) for alpha in axes["alpha"] for least in axes["least"]
    ]


def mapping(cells: int) -> Callable[[int], list[str]]:
    os.sched_setaffinity(0, range(WORKERS))  # its processes have a core each
    os.environ["THEORY_ON_TRIAL_CACHE"] = tempfile.mkdtemp()  # where no cell is on file

    def verdicts(seed: int) -> list[str]:
        return (
            claim(CLAIM)
            .map(seed=seed, workers=WORKERS, **grid(cells))
            .outcome.values.ravel()
            .tolist()
        )

    return verdicts


CONTENDERS = {"a loop over claim(…).run": looping, "claim(…).map": mapping}


def answer_seed(name: str, cells: int) -> Callable[[int], dict[str, Any]]:
    """Return a function of a seed that answers with seconds by the clock.
    `benchmarks.side_by_side.answers` counts those of one processor.
    """
    verdicts_of = CONTENDERS[name](cells)

    def answer(seed: int) -> dict[str, Any]:
        start = time.perf_counter()
        verified = verdicts_of(seed).count("VERIFIED")
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "verified": verified, "processors": sum(os.times()[:4])}

    return answer


def figures(name: str, answers: list[dict[str, Any]]) -> str:
    """Return the evidence that the same work was done, and the processor seconds of all processes
    together.
    """
    spent = answers[-1]["processors"] - answers[-2]["processors"]
    return f"{', '.join(str(answer['verified']) for answer in answers)}; {spent:.3g} s"


run = contest(
    "benchmarks.maps",
    f"{CLAIM} at {{0}} x {{0}} settings",
    CONTENDERS,
    WORKLOADS,
    QUICK,
    ours=["claim(…).map"],
    unit=f"seconds of the clock, {WORKERS} cores",
    figure="cells VERIFIED; processor time",
    figure_of=figures,
)


if __name__ == "__main__":
    command(__doc__, run, answer_seed)
