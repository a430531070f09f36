"""How long does a map of a cheap claim take? A loop over the claim's cells, as one would otherwise, against the map."""

import os
import tempfile
from collections.abc import Callable
from functools import cache

from audits.side_by_side import Response, command, compare, timed

CLAIM = "mixup.scale_limit"
ROUNDS = 1


@cache
def grid(cells: int) -> dict[str, list[float]]:
    """Values of both settings, inside the claim's domain."""
    import numpy as np

    alphas, separabilities = np.geomspace(0.1, 10, cells), np.geomspace(100, 10_000, cells)
    return {"alpha": [float(f"{one:.4g}") for one in alphas], "least": [float(f"{one:.4g}") for one in separabilities]}


def looping(cells: int) -> Callable[[int], list[str]]:
    from theory_on_trial import claim
    from theory_on_trial.trial.domain import OutsideDomain

    def verdict(seed: int, alpha: float, least: float) -> str:
        try:
            return claim(CLAIM).run(seed=seed, alpha=alpha, least=least).verdict
        except OutsideDomain:
            return "outside"

    axes = grid(cells)
    return lambda seed: [verdict(seed, alpha, least) for alpha in axes["alpha"] for least in axes["least"]]


def mapping(cells: int) -> Callable[[int], list[str]]:
    from theory_on_trial import claim

    def verdicts(seed: int) -> list[str]:
        # No cell is on file: every round is in a cache of its own.
        with tempfile.TemporaryDirectory() as folder:
            os.environ["THEORY_ON_TRIAL_CACHE"] = folder
            return claim(CLAIM).map(seed=seed, **grid(cells)).outcome.values.ravel().tolist()

    return verdicts


CONTENDERS = {"a loop over claim(…).run": looping, "claim(…).map": mapping}


def answer_seed(name: str, cells: int) -> Callable[[int], Response]:
    verdicts_of = CONTENDERS[name](cells)

    def answer(seed: int) -> Response:
        seconds, verdicts = timed(verdicts_of, seed)
        return {"seconds": seconds, "verified": verdicts.count("VERIFIED")}

    return answer


def run(quick: bool) -> None:
    cells = 6 if quick else 30
    compare(
        "benchmarks.maps",
        f"{CLAIM} at {cells} x {cells} settings",
        {name: (name, cells) for name in CONTENDERS},
        1 if quick else ROUNDS,
        ours=["claim(…).map"],
        figure="cells VERIFIED",
        figure_of=lambda name, answers: ", ".join(str(answer["verified"]) for answer in answers),
    )


if __name__ == "__main__":
    command(__doc__, run, answer_seed)
