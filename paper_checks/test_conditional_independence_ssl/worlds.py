"""Two views of one target, as tables and as normal variables, and the errors of a head."""

from typing import Annotated

import numpy as np

from sims import conditional_independence_ssl as observed
from theory import conditional_independence_ssl as predicted
from theory_on_trial.contract import Interval
from theory_on_trial.laws import Asymptotic

Violation = Annotated[float, Interval(0, 1, why="with more, the samples that tell take minutes")]
Violated = Annotated[float, Interval(0.2, 1, why="a smaller violation is not told from none")]
SeveralCounts = Annotated[
    int, Interval(2, 24, why="one leaves nothing to learn, more are not needed")
]
Size = Annotated[int, Interval(1, 128, why="worlds of this size are decomposed in a moment")]
OPS = 1000
"""Roundings of a few decompositions of order 30, whose conditions here are below a hundred."""


def tables(trial, *sizes, worlds=1, stream="worlds", **options):
    """Random discrete worlds of this claim, their statistics, and M = E[p p'] of each."""
    world = observed.discrete_worlds(trial.generator(stream), worlds, *sizes, **options)
    table = observed.table_statistics(world)
    return world, table, observed.second_moment(table.posterior, table.weights)


def errors(table):
    """The approximation error a of each world."""
    return observed.approximation_error(table.posterior, table.pretext, table.weights)


def normal(violation, **sizes):
    """A deterministic normal world: conditioned by solving, its theory, and a basis of what its
    pretext shows.
    """
    world = observed.gaussian_world(violation, **sizes)
    theory = predicted.shared_cause(*world)
    dim, n_causes = world.first.shape
    laws = observed.conditionals(world.covariance, dim, n_causes)
    return laws, theory, np.linalg.svd(laws.pretext)[2][: theory.rank]


def normal_error(found, outputs=None):
    """The approximation error a of a normal world, by least squares in white coordinates."""
    dim = found.pretext.shape[1]
    target = found.target[None, :outputs].swapaxes(1, 2)
    pretext = found.pretext.T[None]
    return observed.approximation_error(target, pretext, np.ones((1, dim)))[0]


SAMPLES = {"law": Asymptotic(), "first": 1024, "most": 30_000}


def risk_of(found, head, n_labels, **options):
    """One draw of the excess risk on what a head reads."""
    setting = n_labels, found.target, head, found.noise
    return lambda key: observed.excess_risk(key, *setting, steadied=True, **options)
