"""Post-hoc bias scoring: which decisions of an accurate classifier to flip so that two groups are
treated alike.

Chen, Klochkov & Liu 2024 (arXiv 2310.05725), in a discrete world: `joint[x, a, y]` = P(X = x, A =
a, Y = y) for atoms x, groups a in {0, 1} and labels y in {0, 1}. The rule to mend is Yhat(x) =
1[p(Y = 1 | x) > 1/2]; κ(x) in [0, 1] is the chance of flipping it, known to nobody's group.
Flipping all of x costs the accuracy P(x) η(x) and takes P(x) f(x) off the disparity; s = f / η is
the bias score. That thresholds of s are optimal up to one randomised atom, and linear rules up to
two for equalised odds, is derived here for atoms.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from theory.predictive_multiplicity.domains import Chances, Grouped, GroupedAndLabelled, Joint
from theory_on_trial.contract import NonNegative, guarded

Atoms = Float[np.ndarray, " atoms"]
PerLabel = Float[np.ndarray, "2 atoms"]

# relative distance to the boundary within which the linear program decides instead of the linear
# rule
_TIE = 1e-9


class OddsRule(NamedTuple):
    """Flip chances κ, and the multipliers z of the linear rule 1[z . f > η] they follow off its
    boundary.
    """

    flips: Float[np.ndarray, " atoms"]
    multipliers: Float[np.ndarray, "2"]


@guarded
def accurate_rule(joint: Joint) -> Bool[np.ndarray, " atoms"]:
    """Yhat(x) = 1[p(Y = 1 | x) > 1/2], the most accurate rule; a tie is refused. Source: arXiv
    2310.05725.
    """
    by_label = joint.sum(axis=1)
    return by_label[:, 1] > by_label[:, 0]


@guarded
def flip_losses(joint: Joint) -> Atoms:
    """P(x) η(x) = |P(x, Y = 1) - P(x, Y = 0)|, the accuracy lost by flipping x. Source: arXiv
    2310.05725.
    """
    by_label = joint.sum(axis=1)
    return np.abs(by_label[:, 1] - by_label[:, 0])


@guarded
def parity_gap(joint: Grouped, acceptance: Chances) -> float:
    """P(Yhat = 1 | A = 0) - P(Yhat = 1 | A = 1), 0 under demographic parity. Source: arXiv
    2310.05725.
    """
    return float(_parity_contrast(joint) @ acceptance)


@guarded
def odds_gaps(joint: GroupedAndLabelled, acceptance: Chances) -> Float[np.ndarray, "2"]:
    """P(Yhat = 1 | A = 0, Y = y) - P(Yhat = 1 | A = 1, Y = y), y = 0, 1: equalised odds. Source:
    arXiv 2310.05725.
    """
    return _odds_contrasts(joint) @ acceptance


@guarded
def parity_influences(joint: Grouped) -> Atoms:
    """P(x) f(x), f = (2 Yhat - 1)(p(A=0|x)/P(A=0) - p(A=1|x)/P(A=1)): what x takes off the gap.
    arXiv 2310.05725.
    """
    return np.where(accurate_rule(joint), 1, -1) * _parity_contrast(joint)


@guarded
def odds_influences(joint: GroupedAndLabelled) -> PerLabel:
    """What flipping x takes off each of the two `odds_gaps`. Source: arXiv 2310.05725."""
    return np.where(accurate_rule(joint), 1, -1) * _odds_contrasts(joint)


@guarded
def bias_scores(joint: Grouped) -> Atoms:
    """S = f / η of every atom: infinite where a flip is free and matters, 0 where it does not.
    arXiv 2310.05725.
    """
    influences = parity_influences(joint)
    losses = flip_losses(joint)
    free = np.copysign(np.inf, influences, where=influences != 0, out=np.zeros_like(influences))
    return np.divide(influences, losses, where=losses > 0, out=free)


@guarded
def optimal_parity_flips(joint: Grouped, tolerance: NonNegative) -> Atoms:
    """The κ of least accuracy loss with |parity_gap| <= `tolerance`: a threshold of the score on
    the gap's side.

    A fractional knapsack of the atoms that narrow the gap, in falling order of score, the last one
    in part.
    """
    gap = parity_gap(joint, accurate_rule(joint).astype(np.float64))
    helps = np.sign(gap) * parity_influences(joint)
    excess = abs(gap) - tolerance
    flips = np.zeros(len(joint))
    candidates = np.flatnonzero(helps > 0)
    for atom in candidates[np.argsort(-np.abs(bias_scores(joint)[candidates]), kind="stable")]:
        if excess <= 0:
            break
        flips[atom] = min(excess / helps[atom], 1)
        excess -= helps[atom]
    return flips


@guarded
def optimal_odds_flips(joint: GroupedAndLabelled, tolerance: NonNegative) -> OddsRule:
    """The κ of least accuracy loss with both |odds_gaps| <= `tolerance`, and the multipliers that
    prove it optimal.

    The dual z . gap - tolerance |z|_1 - sum_x max(z . P f - P η, 0) is concave and piecewise linear
    in z, so it is largest where two of its kinks meet: all meetings are tried. Atoms on the
    boundary of 1[z . f > η] are then given the chances that complete the rule, at most two of them
    in part; the gaps are met to about 1e-10. Source: derived here.
    """
    from scipy.optimize import linprog

    gaps = odds_gaps(joint, accurate_rule(joint).astype(np.float64))
    influences = odds_influences(joint)
    losses = flip_losses(joint)
    vertices = _kink_vertices(influences, losses)
    best = vertices[np.argmax(_dual_values(vertices, gaps, influences, losses, tolerance))]
    net = best @ influences - losses
    ties = np.abs(net) <= _TIE * (losses + np.abs(best) @ np.abs(influences))
    flips = np.where(ties, 0.0, net > 0)
    if np.any(ties):
        left = gaps - influences @ flips
        on_boundary = influences[:, ties]
        program = linprog(
            losses[ties],
            A_ub=np.vstack([on_boundary, -on_boundary]),
            b_ub=tolerance + np.append(left, -left),
            bounds=(0, 1),
            method="highs",
            options={"primal_feasibility_tolerance": 1e-10},
        )
        flips[ties] = np.clip(program.x, 0, 1)
    return OddsRule(flips, best)


@guarded
def odds_dual_value(
    joint: GroupedAndLabelled, tolerance: NonNegative, multipliers: Float[np.ndarray, "2"]
) -> float:
    """Accuracy that any flips with both |odds_gaps| <= `tolerance` must lose, z . gap - tolerance
    |z|_1 - sum_x max(z . P f - P η, 0), for any real z; equal to the loss of `optimal_odds_flips`
    at its own z.
    """
    gaps = odds_gaps(joint, accurate_rule(joint).astype(np.float64))
    influences = odds_influences(joint)
    losses = flip_losses(joint)
    return float(_dual_values(multipliers[np.newaxis], gaps, influences, losses, tolerance)[0])


def _dual_values(
    multipliers: Float[np.ndarray, "vertices 2"],
    gaps: Float[np.ndarray, "2"],
    influences: PerLabel,
    losses: Atoms,
    tolerance: float,
) -> Float[np.ndarray, " vertices"]:
    paid = np.maximum(multipliers @ influences - losses, 0).sum(axis=1)
    return multipliers @ gaps - tolerance * np.abs(multipliers).sum(axis=1) - paid


def _kink_vertices(influences: PerLabel, losses: Atoms) -> Float[np.ndarray, "vertices 2"]:
    """Meetings of any two of the lines z . P f = P η (one per atom) and the axes z_0 = 0 and z_1 =
    0.
    """
    normals = np.hstack([influences, np.eye(2)])
    offsets = np.append(losses, [0.0, 0.0])
    first, second = np.triu_indices(len(offsets), 1)
    a, b = normals[:, first]
    c, d = normals[:, second]
    determinant = a * d - b * c
    meet = determinant != 0
    cramer = np.stack(
        [offsets[first] * d - offsets[second] * b, a * offsets[second] - c * offsets[first]], axis=1
    )
    return cramer[meet] / determinant[meet, np.newaxis]


def _parity_contrast(joint: Joint) -> Atoms:
    """P(x | A = 0) - P(x | A = 1)."""
    by_group = joint.sum(axis=2)
    groups = by_group.sum(axis=0)
    return by_group[:, 0] / groups[0] - by_group[:, 1] / groups[1]


def _odds_contrasts(joint: Joint) -> PerLabel:
    """P(x | A = 0, Y = y) - P(x | A = 1, Y = y) for y = 0 and 1."""
    cells = joint.sum(axis=0)
    return (joint[:, 0] / cells[0] - joint[:, 1] / cells[1]).T
