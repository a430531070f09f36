"""The curse and Mixup's cure in a network, which is not linear."""

from typing import Annotated

import jax
import numpy as np

from paper_checks.test_mixup import reference_pair
from sims.mixup import angles, fits, network
from theory.mixup.classes import GaussianPair
from theory_on_trial import claim, derived
from theory_on_trial.base.mapping import quick_jit
from theory_on_trial.contract import Interval


@claim(
    derived("the paper's statements on linear classifiers, carried over to a network"),
    kind="empirical",
    tier="full",
    low_power="each run carries a sign only",
)
def test_network(
    trial,
    n_runs: Annotated[int, Interval(30, 60, why="of so many five may end otherwise")] = 30,
    separability: Annotated[
        float, Interval(20, 80, why="the curse is of separable classes; beyond, Mixup is slow too")
    ] = 20.0,
    n: Annotated[int, Interval(100, 400, why="fewer scatter; the high end is a cap")] = 200,
):
    """Let two equally likely classes be N(±μ, Σ / κ), and b = Σ^-1 μ. In most trainings of a
    network of 64 ReLUs on them, 1 - cos of the angle between b and the normal of the network's
    decision boundary, averaged along the boundary of Bayes, is by more than .01 smaller with Mixup
    than without, if μ is no eigenvector of Σ.

    Mixup within classes does not help: pairs of different classes fill the gap.
    """
    tilted = reference_pair()
    straight = GaussianPair(np.array([np.sqrt(2), 0.0]), tilted.covariance, 1.0)

    def distances(pair, augmentation):
        factor = fits.covariance_factor(pair.covariance)

        def distance(key):
            direction = network.network_direction(
                key, pair.mean, factor, separability, n=n, augmentation=augmentation
            )
            return angles.angle_deficit(direction, pair.bayes_direction)

        keys = jax.random.split(trial.key(f"{pair.mean.tolist()}"), n_runs)
        return np.asarray(quick_jit(jax.vmap(distance))(keys))

    plain = distances(tilted, "none")
    trial.runs(
        plain - distances(tilted, "mixup") - 0.01,
        alpha=1e-3,
        controls={
            "μ an eigenvector of Σ": distances(straight, "none")
            - distances(straight, "mixup")
            - 0.01,
            "Mixup within classes": plain - distances(tilted, "mixup within classes") - 0.01,
        },
    )
