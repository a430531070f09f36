"""From seeds to the sample size m* to the growth law: how often the whole procedure says something
wrong.
"""

import numpy as np
import pytest
from scipy import stats

from sims.naive_bayes_vs_logistic.sizes import bisect_sizes, geometric_sizes
from theory_on_trial.decide.trends import crossing, growth
from theory_on_trial.laws import Bernoulli

DESIGN = np.array([25, 50, 100, 200, 400, 800])
TARGET = 0.01
# the law of m*(n), as it was measured for the learners of this paper, or with their offsets
PROCESSES = {
    "n": lambda n: 26.9 + 0.925 * n,
    "n log n": lambda n: 20 + 0.2 * n * np.log(n),
    "sqrt n": lambda n: 20 + 20 * np.sqrt(n),
    "log n": lambda n: 20 + 40 * np.log(n),
}


def boxes(rng, needed, runs, error):
    """The interval for each m*, by bisection on nested curves whose error falls as exp(-2 (m / m* -
    1)).

    Errors are skewed (γ of shape 4, as the errors of trained rules near their target) and share a
    part of their noise along the curve, as prefixes of one data set do. Half of them reach the
    target a fixed share before their mean does, which leaves the law as it is.
    """
    low = []
    high = []
    for truth in needed:
        common = rng.gamma(4, 1 / 4, runs)
        sizes = geometric_sizes(int(truth / 3), int(truth * 3))

        def fails_at(m, truth=truth, shared=common):
            mean = TARGET * np.exp(-2 * (m / truth - 1))
            return (mean * (0.7 * shared + 0.3 * rng.gamma(4, 1 / 4, runs)) > TARGET).astype(float)

        evaluated, fails = bisect_sizes(fails_at, sizes, 0.5)
        share = error / len(needed) * len(evaluated) / len(sizes)
        box = crossing(evaluated, fails, 0.5, law=Bernoulli(), error=share)
        low.append(box.low)
        high.append(box.high)
    return np.array(low), np.array(high)


@pytest.mark.parametrize("law", PROCESSES)
def test_the_true_law_is_hardly_ever_rejected(law):
    rng = np.random.default_rng(sorted(PROCESSES).index(law))
    alpha = 0.01
    repetitions = 150
    sizes = PROCESSES[law](DESIGN)
    rejections = 0
    for _ in range(repetitions):
        low, high = boxes(rng, sizes, 60, alpha)
        if not (np.any(np.isfinite(low)) and np.any(np.isfinite(high))):
            continue  # such boxes are refused: nothing is known, and nothing is rejected
        found = growth(DESIGN, low, high, law, error=alpha, slack_log=0.01, controls=[])
        rejections += found.outcome == "REFUTED"
    # A chance at most alpha by the union bound.
    assert rejections <= stats.binom.isf(1e-6, repetitions, alpha)


def test_with_enough_runs_only_the_true_law_survives():
    rng = np.random.default_rng(9)
    successes = 0
    for _ in range(10):
        low, high = boxes(rng, PROCESSES["n"](DESIGN), 4000, 1e-6)
        rivals = ["const", "log n", "sqrt n", "n log n"]
        found = growth(DESIGN, low, high, "n", error=1e-6, slack_log=0.01, controls=rivals)
        successes += found.outcome == "VERIFIED" and all(
            control.outcome == "REFUTED" for control in found.controls
        )
    assert successes == 10


def test_a_wrong_law_is_never_verified():
    rng = np.random.default_rng(10)
    for law, curve in PROCESSES.items():
        for _ in range(10):
            low, high = boxes(rng, curve(DESIGN), 300, 1e-6)
            for claimed in PROCESSES:
                found = growth(DESIGN, low, high, claimed, error=1e-6, slack_log=0.01, controls=[])
                assert claimed == law or found.outcome != "VERIFIED"
