"""The inequalities of multicalibration as boosting, for the falsifier: both sides at any admissible instance."""

import numpy as np

from sims import multicalibration_boosting as observed
from sims.multicalibration_boosting.boosting import Boosted
from theory import multicalibration_boosting as predicted
from theory_on_trial.audits.falsifier import Draw, Sides, inequality

PAPER = "multicalibration_boosting"
FEW = {"draws": 200, "steps": 200}


def _cells(draw: Draw) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Any probabilities, means and affine functions of up to six cells in the plane."""
    cells = draw.integer("cells", 1, 6)
    basis = observed.affine(draw.normal("x", cells, draw.integer("dim", 1, 2)))
    return draw.simplex("p", cells), draw.reals("mu", 0.0, 1.0, cells), basis


@inequality(f"{PAPER}.converse", "a / 2 <= E[(h - v)(y - v)], any v and h on up to 6 cells", draws=300, steps=500)
def converse(draw: Draw) -> Sides:
    """Any level, any h."""
    probabilities, means, _ = _cells(draw)
    level, moved = np.full(len(means), draw.real("v", 0.0, 1.0)), draw.scale("size", 1e-3, 10.0) * draw.normal("h", 6)
    moved = moved[: len(means)]
    least = predicted.least_correlation(observed.gain(probabilities, level, means, moved, 1.0))
    size = float(probabilities @ (moved**2 + np.abs(moved)))
    return Sides(least, float(probabilities @ (moved * (means - level))), ops=1000, scale=size)


def _run(draw: Draw) -> tuple[Boosted, float, tuple[float, int], float, float]:
    probabilities, means, basis = _cells(draw)
    bound = draw.scale("B", 0.1, 10.0)
    alpha = bound * draw.scale("alpha / B", 1e-4, 1.0)
    rule = predicted.tolerance(alpha, bound), predicted.grid(alpha, bound)
    run = observed.lsboost(probabilities, means, basis, grid=rule[1], tolerance=rule[0])
    return run, bound * observed.worst_error(probabilities, run.returned, means, basis), rule, alpha, bound


@inequality(f"{PAPER}.halting", "K2 <= B (alpha / (2 B) + 1 / (2 m) + 1 / (4 m^2)), up to 6 cells", **FEW)
def halting(draw: Draw) -> Sides:
    """Any world, alpha and B."""
    _, k2, rule, _, bound = _run(draw)
    return Sides(k2, predicted.guaranteed_error(bound, *rule), ops=1000)


@inequality(f"{PAPER}.halting-rounds", "rounds <= ceil(B / (2 alpha)), up to 6 cells", **FEW)
def rounds(draw: Draw) -> Sides:
    """Any world, alpha and B."""
    run, _, _, alpha, bound = _run(draw)
    return Sides(run.rounds, predicted.most_rounds(alpha, bound), ops=10)


@inequality(f"{PAPER}.binning_hides", "K2 of merged levels <= K2, up to 8 levels", draws=300, steps=500)
def binning_hides(draw: Draw) -> Sides:
    """Any weights, biases and bins."""
    levels = draw.integer("levels", 1, 8)
    weights, biases = draw.simplex("w", levels), draw.reals("theta", -1.0, 1.0, levels)
    bins = draw.integers("bins", 0, 3, levels)
    values = (np.arange(levels) + 0.5) / levels
    fine = predicted.calibration_error(weights, values, biases, np.ones(levels))
    return Sides(observed.binned_error(weights, biases, bins), fine, ops=100, scale=1.0)


@inequality(
    f"{PAPER}.released_class", "K2 <= (gamma + 1/2 + 1/(4 m)) / m of the last rounded model but one, 12 rows", **FEW
)
def released_class(draw: Draw) -> Sides:
    """Any labels of twelve rows, those of 0 and 1 among them."""
    labels = draw.reals("y", 0.0, 1.0, 12)
    labels[:2] = 0, 1
    basis, uniform = observed.affine(draw.normal("x", 12, 1)), np.full(12, 1 / 12)
    bins, gamma = draw.integer("m", 2, 12), draw.real("gamma", 0.0, 1.0)
    model = observed.released_lsboost(labels, basis, bins, gamma).models[-3]
    alone = float(np.sum(np.unique(model, return_counts=True)[1] == 1)) / 12
    guarantee = predicted.guaranteed_error(1.0, gamma / bins, bins) + alone
    return Sides(observed.worst_error(uniform, model, labels, basis), guarantee, ops=1000)
