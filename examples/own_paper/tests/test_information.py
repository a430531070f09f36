"""Poole, Ozair, van den Oord, Alemi and Tucker 2019, "On variational bounds of mutual
information".
"""

from typing import Annotated

import numpy as np
from theory_on_trial import claim, paper
from theory_on_trial.contract import Count, Interval

from sims import information as observed
from theory import information as predicted


@claim(paper("InfoNCE, and its limit"), kind="bound")
def test_infonce(
    trial,
    batch: Annotated[int, Interval(3)] = 16,
    dim: Count = 8,
    most: Annotated[float, Interval(100)] = 1000.0,
):
    """The InfoNCE estimate from K pairs is at most log K, whatever the critic."""
    sharpness = np.geomspace(0.1, most, 400)
    pairs = trial.generator("pairs")
    scores = np.array([observed.critics(pairs, batch, dim, sharpness) for _ in range(40)])
    trial.bound(
        observed.infonce(scores),
        predicted.most_of_infonce(batch),
        instances="draws",
        independent=40,  # within a set of pairs the critics differ in their sharpness alone
        ops=3 * batch,
        scale=sharpness,
        controls={"log of the number of negatives": predicted.most_of_infonce(batch - 1)},
    )


def test_a_blind_critic_learns_nothing(rng):
    scores = np.broadcast_to(rng.standard_normal((8, 1)), (8, 8))
    assert abs(observed.infonce(scores)) < 1e-12
