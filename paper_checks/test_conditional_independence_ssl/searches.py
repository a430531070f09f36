"""The bound on what a violated assumption costs, for the falsifier: any table of (class, x1, x2), any values of X2."""

import numpy as np

from sims import conditional_independence_ssl as observed
from theory import conditional_independence_ssl as predicted
from theory_on_trial.audits.falsifier import Draw, Sides, inequality

PAPER = "conditional_independence_ssl"
FEW = {"draws": 1000, "steps": 1000}


def _sides(draw: Draw, which: int) -> Sides | None:
    first, second = draw.integer("#x1", 2, 5), draw.integer("#x2", 2, 4)
    classes = draw.integer("k", 2, 3)
    dim = max(classes, draw.integer("d2", 2, 4))
    joint = draw.simplex("joint", classes * first * second).reshape(1, classes, first, second)
    table = joint.sum(axis=(0, 1))
    if min(table.sum(axis=1).min(), table.sum(axis=0).min(), joint.sum(axis=(0, 2, 3)).min()) < 1e-6:
        return None  # an outcome without probability has no conditional mean
    world = observed.DiscreteWorld(joint, draw.normal("values", 1, second, dim))
    statistics = observed.table_statistics(world)
    singular = np.linalg.svd(statistics.class_means[0], compute_uv=False)
    if singular[-1] < 1e-4 * singular[0]:
        return None  # the bound is for means of full rank
    residual = statistics.pretext - statistics.posterior @ statistics.class_means.swapaxes(1, 2)
    moment = observed.second_moment(residual, statistics.weights)
    bounds = predicted.violation_bounds(statistics.class_means, moment)
    error = observed.approximation_error(statistics.posterior, statistics.pretext, statistics.weights)
    return Sides(float(error[0]), float(bounds[which][0]), ops=1e3 * singular[0] / singular[-1])


@inequality(f"{PAPER}.violated_ci_bound", "a <= E|A^+ delta|^2, tables up to 3 x 5 x 4", **FEW)
def inner(draw: Draw) -> Sides | None:
    """The head A^+ itself."""
    return _sides(draw, 0)


@inequality(f"{PAPER}.violated_ci_bound", "a <= E|delta|^2 / sigma_min(A)^2, tables up to 3 x 5 x 4", **FEW)
def outer(draw: Draw) -> Sides | None:
    """The norm of that head."""
    return _sides(draw, 1)
