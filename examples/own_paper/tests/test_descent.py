"""Drori and Teboulle 2014, "Performance of first-order methods for smooth convex minimization"."""

import numpy as np
from theory_on_trial import claim, paper

from sims import descent as observed
from theory import descent as predicted


@claim(paper("Theorem 3.1"), kind="bound")
def test_worst_case(trial, steps):
    """After N steps of size 1 / L gradient descent is within L R^2 / (4 N + 2) of the minimum; a
    Huber function gets there.
    """
    worst = 1 / (2 * steps + 1)
    thresholds = np.union1d(worst, np.geomspace(1e-3, 1, 200))
    found = observed.gaps_on_huber(steps, thresholds)
    trial.bound(
        found,
        predicted.worst_gap(steps)[:, None],
        instances="search",
        ops=2 * max(steps),
        scale=thresholds,  # the size of what is subtracted along the way
        controls={
            "the worst quadratic": predicted.worst_gap_on_quadratics(steps)[:, None],
            "the rate of acceleration": predicted.accelerated_gap(steps)[:, None],
        },
    )
