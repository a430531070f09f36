"""Sutherland and Schneider 2015, "On the error of random Fourier features"."""

from typing import Annotated

from theory_on_trial import claim, paper
from theory_on_trial.contract import Interval
from theory_on_trial.laws import Bounded

from sims import kernels as observed
from theory import kernels as predicted


@claim(paper("variance of the two embeddings"), kind="distribution", cases=[0.8, 1.0])
def test_variance(trial, distance: Annotated[float, Interval(0.5, 2)]):
    """A pair of sine and cosine features has variance (1 + k(2 r)) / 2 - k(r)^2 at distance r, less than one cosine
    with a random phase has.
    """
    kernel = predicted.kernel(distance)
    trial.mean(
        lambda key: (observed.pair(key, distance) - kernel) ** 2,
        predicted.variance_of_pair(distance),
        law=Bounded(0, (1 + kernel) ** 2),
        margin=0.0045,
        controls={"of a random phase": predicted.variance_with_phase(distance)},
        vectorised=True,
        first=1024,
        most=600_000,
    )
