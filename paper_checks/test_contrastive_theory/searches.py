"""The inequalities of contrastive theory, for the falsifier: both sides at any admissible instance."""

import numpy as np

from sims import contrastive_theory as observed
from theory import contrastive_theory as predicted
from theory.contrastive_theory.domains import Loss
from theory_on_trial.audits.falsifier import Draw, Sides, inequality

PAPER = "contrastive_theory"


def _world(draw: Draw, points: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Any weights of two or three classes, laws with zeros, features in the plane."""
    weights = draw.simplex("rho", draw.integer("classes", 2, 3))
    features = draw.scale("length", 0.1, 30.0) * draw.normal("f", points, 2)
    return weights, draw.simplex("P", len(weights), points), features


@inequality(f"{PAPER}.unsupervised_bounds_supervised", "the certificate <= L_un, k <= 3", draws=300, steps=500)
def certificate(draw: Draw) -> Sides | None:
    """Any world; both losses for one negative."""
    world, negatives = _world(draw), draw.integer("k", 1, 3)
    loss: Loss = draw.choice("loss", ["hinge", "logistic"]) if negatives == 1 else "logistic"
    if world[0].max() > 1 - 1e-6:
        return None
    least = predicted.certificate(world[0], predicted.supervised_loss(*world, loss), negatives)
    return Sides(least, observed.contrastive_loss(*world, loss, negatives), ops=1000)


@inequality(
    f"{PAPER}.collision_loss", "L_same - 1 <= c' s(f), grids of up to 60 points among them", draws=300, steps=500
)
def collision_loss(draw: Draw) -> Sides | None:
    """Any world, or classes that are uniform on numbers nearly equally spaced."""
    loss, world = draw.choice("loss", ["hinge", "logistic"]), _world(draw)
    if draw.choice("grid", [False, True]):
        points = draw.integer("points", 2, 60)
        numbers = np.linspace(-1, 1, points) * draw.scale("reach", 10.0, 1e5) + draw.normal("shift", 1)
        world = np.array([0.5, 0.5]), np.full((2, points), 1 / points), numbers[:, None]
    if world[0].max() > 1 - 1e-6:
        return None
    bound = predicted.collision_constant(loss) * predicted.spread(*world)
    return Sides(observed.pair_loss(*world, loss, "same class") - 1, bound, ops=1000, scale=1 + bound)


@inequality(f"{PAPER}.blocks", "L_2b <= L_b, b <= 3", draws=300, steps=500)
def blocks_fall(draw: Draw) -> Sides:
    """Any world, both losses."""
    world, block = _world(draw), draw.integer("b", 1, 3)
    loss = draw.choice("loss", ["hinge", "logistic"])
    once, twice = (observed.block_loss(*world, loss, b) for b in (block, 2 * block))
    return Sides(twice, once, ops=1000)


@inequality(f"{PAPER}.blocks", "the certificate <= L_b, b <= 6", draws=300, steps=500)
def blocks_certify(draw: Draw) -> Sides | None:
    """Any world, both losses."""
    world, block = _world(draw), draw.integer("b", 1, 6)
    loss = draw.choice("loss", ["hinge", "logistic"])
    if world[0].max() > 1 - 1e-6:
        return None
    least = predicted.certificate(world[0], predicted.supervised_loss(*world, loss))
    return Sides(least, observed.block_loss(*world, loss, block), ops=1000)


@inequality(f"{PAPER}.collision_floor", "the floor <= the logistic loss, k <= 6", draws=300, steps=500)
def collision_floor(draw: Draw) -> Sides | None:
    """Any world; k in pairs for two views."""
    world, views = _world(draw), draw.integer("views", 1, 2)
    negatives = views * draw.integer("objects", 1, 3)
    if world[0].max() > 1 - 1e-6:
        return None
    floor = predicted.collision_floor(world[0], negatives, 2.0, views)
    return Sides(floor, observed.contrastive_loss(*world, "logistic", negatives, views), ops=1000)


@inequality(f"{PAPER}.infonce_bounds", "I_K(f) <= min(I, log K), K <= 8, joint laws of 3 x 3", draws=300, steps=500)
def infonce(draw: Draw) -> Sides:
    """Any joint law of full support, any critic or one near log r."""
    joint = 0.999 * draw.simplex("p", 9).reshape(3, 3) + 0.001 / 9
    critic = np.log(joint / joint.sum(axis=0)) + draw.scale("noise", 1e-4, 10.0) * draw.normal("f", 3, 3)
    candidates = draw.integer("K", 2, 8)
    ceiling = predicted.infonce_ceiling(joint, candidates)
    return Sides(observed.infonce(joint, critic, candidates), ceiling, ops=1000, scale=1 + ceiling)
