"""He, Zhang, Ren and Sun 2015, "Delving deep into rectifiers"."""

from typing import Annotated

import numpy as np
import pytest
from theory_on_trial import claim, paper
from theory_on_trial.contract import Interval

from sims import networks as observed
from theory import networks as predicted


@pytest.mark.parametrize("depth", [1, 2, 3])
@claim(paper("section 2.2, equation 10"), kind="identity")
def test_second_moment(
    trial, depth, width: Annotated[int, Interval(1, 3, why="every sign pattern is tried")] = 3
):
    """With symmetric weights of variance 2 / width the mean square of a ReLU network's
    pre-activations is the same in every layer.
    """
    drawn = trial.generator("inputs").standard_normal((40, width))
    preserved = np.array([predicted.mean_square(inputs, depth) for inputs in drawn])
    trial.identity(
        [observed.mean_square(inputs, depth) for inputs in drawn],
        preserved,
        independent=len(drawn),
        ops=8 * depth + 60,  # the layers of one number, and the pairwise sum of their average
        scale=width * preserved,  # no term of a unit is larger
        controls={
            "weights of variance 1 / width": [
                predicted.mean_square(inputs, depth, gain=1.0) for inputs in drawn
            ]
        },
    )


def test_a_unit_that_lets_everything_through_doubles_the_second_moment():
    inputs = np.ones(2)
    linear = observed.mean_square(inputs, 2, activation=lambda values: values)
    assert linear == pytest.approx(2 * observed.mean_square(inputs, 2))
