"""Inequalities of "How JEPA avoids noisy features": contrastive bound, depth cap, largest overturned ratio."""

import numpy as np

from paper_checks.test_jepa_bias import QUADRATURE_ERROR, rise_times
from theory import jepa_bias as predicted
from theory_on_trial.audits.falsifier import Draw, Sides, inequality

PAPER = "jepa_bias"


@inequality(f"{PAPER}.sec_arora_bound", "L_sup <= (L_un - tau) / (1 - tau) for every f, hinge and logistic")
def arora(draw: Draw) -> Sides:
    """Two or three classes on up to four points, features of one or two dimensions."""
    n_classes, n_points, dim = draw.integer("classes", 2, 3), draw.integer("points", 2, 4), draw.integer("dim", 1, 2)
    loss = draw.choice("loss", ("hinge", "logistic"))
    priors = 0.02 + (1 - 0.02 * n_classes) * draw.simplex("priors", n_classes)
    conditionals = draw.simplex("conditionals", n_classes, n_points)
    features = draw.scale("length", 0.05, 5.0) * draw.normal("features", n_points, dim)
    supervised = predicted.mean_classifier_loss(features, conditionals, priors, loss)
    unsupervised = predicted.contrastive_unsupervised_loss(features, conditionals, priors, loss)
    size = (supervised + unsupervised) / (1 - predicted.collision_probability(priors))
    return Sides(supervised, predicted.supervised_bound(unsupervised, priors), ops=4 * n_points**2, scale=size)


def _depth_cap(draw: Draw, beyond: int) -> tuple[float, float] | None:
    """Epsilon and p w-bar(infinity) at the cap plus `beyond`, where there is a cap and such a depth."""
    objective = draw.choice("objective", ("jepa", "mae"))
    rho, p = draw.real("rho", 0.02, 0.98), draw.real("p", 0.05, 1.0)
    init = draw.scale("epsilon", 1e-8, 1.0)
    cap = float(predicted.depth_cap(init, p, rho, objective=objective))
    if not np.isfinite(cap) or cap + beyond < 1:
        return None
    depth = cap + beyond
    # The flow stops at w^b = rho, where w is the strength of one of the L layers, b = 1 for JEPA and L + 1 for MAE.
    end = rho**depth if objective == "jepa" else rho ** (depth / (depth + 1))
    return init, p * end


@inequality(f"{PAPER}.depth_cap", "epsilon <= p w-bar(infinity) up to the cap", draws=4000)
def starts_below_up_to_the_cap(draw: Draw) -> Sides | None:
    """Both objectives, any rho < 1, p and epsilon."""
    found = _depth_cap(draw, 0)
    return None if found is None else Sides(*found, ops=1000)


@inequality(f"{PAPER}.depth_cap", "p w-bar(infinity) <= epsilon beyond the cap", draws=4000)
def starts_above_beyond_the_cap(draw: Draw) -> Sides | None:
    """The same at one layer more."""
    found = _depth_cap(draw, 1)
    return None if found is None else Sides(*found[::-1], ops=1000)


@inequality(
    f"{PAPER}.order_inversion-window", "the ratio of rise times is at most the largest Phi", draws=100, steps=150
)
def largest_overturned_ratio(draw: Draw) -> Sides | None:
    """Any depth up to six, fraction, start and two regression coefficients; times by the simulator's quadrature."""
    depth, p = draw.integer("L", 1, 6), draw.real("p", 0.1, 0.95)
    rho_1 = draw.real("rho_1", 0.1, 0.9)
    rho_2 = rho_1 + (1 - rho_1) * draw.real("(rho_2 - rho_1) / (1 - rho_1)", 0.05, 1.0)
    init = p * rho_1**depth * draw.scale("epsilon / (p rho_1^L)", 1e-12, 0.998)
    times = rise_times(p, depth, init, 1.0, np.array([rho_1, rho_2]), "jepa")
    _, largest = predicted.boundary_maximiser(depth, p, rho_1, rho_2)
    return Sides(float(times[0] / times[1]), float(largest), ops=QUADRATURE_ERROR * 2.0**53)
