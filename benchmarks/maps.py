"""How long does a map of a cheap claim take? A loop over the claim's cells, as one would otherwise, against the map."""

import os
import tempfile
from collections.abc import Callable
from functools import cache

import numpy as np

from audits.side_by_side import answers, command, contest
from theory_on_trial import claim
from theory_on_trial.trial.domain import OutsideDomain

CLAIM = "mixup.scale_limit"
WORKLOADS = [(30, 1)]  # values of each of two settings, rounds
QUICK = [(6, 1)]


@cache
def grid(cells: int) -> dict[str, list[float]]:
    """Values of both settings, inside the claim's domain."""
    alphas, separabilities = np.geomspace(0.1, 10, cells), np.geomspace(100, 10_000, cells)
    return {"alpha": [float(f"{x:.4g}") for x in alphas], "least": [float(f"{x:.4g}") for x in separabilities]}


def looping(cells: int) -> Callable[[int], list[str]]:
    def verdict(seed: int, alpha: float, least: float) -> str:
        try:
            return claim(CLAIM).run(seed=seed, alpha=alpha, least=least).verdict
        except OutsideDomain:
            return "outside"

    axes = grid(cells)
    return lambda seed: [verdict(seed, alpha, least) for alpha in axes["alpha"] for least in axes["least"]]


def mapping(cells: int) -> Callable[[int], list[str]]:
    def verdicts(seed: int) -> list[str]:
        # No cell is on file: every round is in a cache of its own.
        with tempfile.TemporaryDirectory() as folder:
            os.environ["THEORY_ON_TRIAL_CACHE"] = folder
            return claim(CLAIM).map(seed=seed, **grid(cells)).outcome.values.ravel().tolist()

    return verdicts


CONTENDERS = {"a loop over claim(…).run": looping, "claim(…).map": mapping}


answer_seed = answers(CONTENDERS, lambda seed, verdicts, _: {"verified": verdicts.count("VERIFIED")})
run = contest(
    "benchmarks.maps", f"{CLAIM} at {{0}} x {{0}} settings", CONTENDERS, WORKLOADS, QUICK,
    ours=["claim(…).map"], figure="cells VERIFIED",
    figure_of=lambda name, answers: ", ".join(str(answer["verified"]) for answer in answers),
)  # fmt: skip


if __name__ == "__main__":
    command(__doc__, run, answer_seed)
